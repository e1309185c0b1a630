"""What the store gives back: frozen values, no database rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.domain.transfers import DeliveryState


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    id: str
    agency: str
    key: str | None
    fingerprint: str
    status: str
    dialect: str | None
    operation: str | None
    answer: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document of a transfer, by claim check. `size` in bytes."""

    sha256: str
    title: str
    kind: str | None
    media_type: str
    size: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "sha256": self.sha256,
            "title": self.title,
            "kind": self.kind,
            "media_type": self.media_type,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class StoredTransfer:
    id: str
    seq: int
    submission: str
    exchange: str
    sender: str
    origin: str | None
    case: str | None
    person: str | None
    record: Mapping[str, Any]
    faults: tuple[Mapping[str, Any], ...]
    parked: bool
    status: str
    in_reply_to: str | None
    message_key: str | None
    label: str | None
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    id: str
    seq: int
    transfer: str
    recipient: str
    role: str
    case: str
    state: DeliveryState
    release: int
    due_at: datetime
    attempts: int
    reference: str | None
    rendition: str | None
    reason: Mapping[str, Any] | None
    delivered_at: datetime | None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredRendition:
    """The record in the recipient's dialect, frozen at the first attempt."""

    id: str
    number: int
    message_id: str
    transport: str
    dialect: str | None
    mapping: str | None
    payload: bytes
    media_type: str
    facts: Mapping[str, str]
    frozen_at: datetime


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    id: str
    delivery: str
    outcome: str
    reason: str | None
    number: str | None
    given_by: str
    strength: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class StoredStanding:
    """A line of the ledger: who answers for a person since when, and because of which case. `holder` None: nobody any more."""

    number: int
    holder: str | None
    since: datetime
    case: str | None


@dataclass(frozen=True, slots=True)
class Release:
    """A delivery that was released to a worker: only a note with this number counts."""

    delivery: str
    recipient: str
    number: int


@dataclass(frozen=True, slots=True)
class Credential:
    agency: str
    client_id: str
    client_secret_hash: str
    soap_user: str
    soap_password_sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Override:
    """What an administrator set over the agency's file; None leaves the file's value."""

    agency: str
    url: str | None
    user: str | None
    password_sealed: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PassedTransfer:
    """One transfer that was made of a message, as it stands in the store. `ordinal` counts from 0 within the message."""

    id: str
    ordinal: int
    exchange: str
    record: Mapping[str, Any] = field(repr=False)
    parked: bool
    mapping: str | None


@dataclass(frozen=True, slots=True)
class PassedMessage:
    """A message as it came, with what was made of it. `raw` includes its envelope; `accepted` is False for a refused one."""

    submission: str
    agency: str
    dialect: str
    channel: str
    operation: str | None
    media_type: str
    raw: bytes = field(repr=False)
    accepted: bool
    received_at: datetime
    transfers: tuple[PassedTransfer, ...]


@dataclass(frozen=True, slots=True)
class PassedRendition:
    """What one recipient was sent (`payload`), or should have been (None: it could not be written), and of which record."""

    delivery: str
    transfer: str
    exchange: str
    sender: str
    recipient: str
    dialect: str
    record: Mapping[str, Any] = field(repr=False)
    documents: tuple[StoredDocument, ...]
    message_id: str
    mapping: str | None
    payload: bytes | None = field(repr=False)
    media_type: str | None
    facts: Mapping[str, str]
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Strange:
    """Something in an agency's messages that its dialect's mapping does not know: a `field` that no line names, or a `code`
    that a line could not read. `place` is the foreign place without indices, `value` the code ("" for a field)."""

    agency: str
    dialect: str
    exchange: str
    kind: str
    place: str
    value: str
