"""What the hub asks of its parts, with each part's contract in words.

The parts themselves live in `hub/store`, `hub/messaging` and `connectors`; `hub/bootstrap.py` alone chooses them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from hub.domain.faults import Fault, HubError
from hub.domain.mapping_versions import MappingEvent, Operator, Schedule, StoredVersion, VersionState
from hub.domain.stored import (
    Credential,
    Override,
    PassedMessage,
    PassedRendition,
    Release,
    StoredDelivery,
    StoredDocument,
    StoredReceipt,
    StoredRendition,
    StoredStanding,
    StoredSubmission,
    StoredTransfer,
    Strange,
)
from hub.domain.transfers import DeliveryState


# ---------------------------------------------------------------- time and identity
class Clock(Protocol):
    """Two times. Business time is what the law counts; technical time is what leases, retries and nonces count."""

    def now(self) -> datetime:
        """Business time, aware, Asia/Shanghai. A demo or a test may stand at 2012-07-03."""

    def technical(self) -> datetime:
        """Real UTC time, whatever the business clock says."""


# ---------------------------------------------------------------- broker
@dataclass(frozen=True, slots=True)
class Frame:
    """One message on its way to a queue. The body is small (`{delivery, release}`) and holds no personal data."""

    queue: str
    body: bytes


class Received(Protocol):
    """A message that a consumer holds until it says ack or requeue; either may be called from any thread, once.

    After the broker or its connection is lost both are harmless no-ops: the message will come again.
    """

    body: bytes
    queue: str

    def ack(self) -> None: ...

    def requeue(self) -> None: ...


class Broker(Protocol):
    """Transport of release notes, at least once. The database is the truth: whatever a broker loses is released again.

    - `declare(queue)` makes a durable queue if it is missing (RabbitMQ: quorum queue, no other argument). Idempotent.
    - `publish(frames)` returns one bool for each frame, in order: True only when the broker has taken responsibility
      for it (confirmed and routed). False for a frame that was returned (no such queue), nacked, or not confirmed in
      time or because no connection could be had; it never raises for these. Thread-safe; confirms are in flight
      together, not one by one. A returned frame's queue is declared again by the next publish to it.
    - `consume(queue, handler, prefetch)` calls `handler(received)` for each message, at most `prefetch` unsettled at a
      time; the handler must not block (it hands over to a worker). Survives loss of the broker: it reconnects by
      itself, declares the queue again and goes on. A queue deleted by somebody is declared again and consumed on.
      An exception of the handler is logged and the message is requeued.
    - `connected()` says whether publishing would have a chance now.
    - `close()` stops consuming, lets go of everything; unsettled messages are somebody else's.
    """

    def declare(self, queue: str) -> None: ...

    def publish(self, frames: Sequence[Frame]) -> list[bool]: ...

    def consume(self, queue: str, handler: Callable[[Received], None], prefetch: int = 50) -> None: ...

    def connected(self) -> bool: ...

    def close(self) -> None: ...


# ---------------------------------------------------------------- connectors
class ConfigError(HubError):
    """The configuration says something that cannot be done; an administrator must mend it before anything is tried."""

    status, kind = 500, "configuration"


class ProtocolFault(HubError):
    """A request is none of the contract that it came over. Carries what a fault of that protocol needs.

    `version` is the protocol's version to answer in, `code` `Client`, `Server`, `MustUnderstand` or `VersionMismatch`
    (SOAP 1.1 names, section 4.4.1), `status` the HTTP status.
    """

    kind = "protocol"

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        version: str,
        code: str = "Client",
        status: int = 500,
        names: Sequence[str] = (),
    ) -> None:
        super().__init__(faults)
        self.version = version
        self.code = code
        self.status = status
        #: header blocks that were not understood, in Clark notation
        self.names = tuple(names)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how one agency is reached: its agency file, its dialect's transport section, the administrator's overrides.

    `options` is the dialect's section for this transport (`soap:` or `rest:` of transport.yaml), unread by anyone else.
    `folder` is the dialect's folder, where the WSDL lies. `timeout` is the total deadline of a call, in seconds.
    """

    agency: str
    transport: str
    url: str | None
    user: str | None
    password: str | None
    options: Mapping[str, Any]
    folder: Path | None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that goes with a parcel. `open()` gives its bytes; called only when the connector needs them."""

    sha256: str
    title: str
    kind: str | None
    media_type: str
    size: int
    open: Callable[[], bytes] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a connector hands over: one frozen rendition and what goes with it.

    `payload` is the record in the recipient's dialect: for document/literal SOAP the element that goes into the body,
    for XML inside a string that XML as UTF-8 text without declaration, for REST the JSON of the hub's own contract, or,
    where `dialect` names one, the bytes of that dialect as they are to arrive. Where the record carries a
    document's content, the payload holds the token `urn:sha256:<hex>` as the element's whole text; the connector puts
    base64 (or what its contract wants) in its place, so that a rendition never holds megabytes.
    `facts` are envelope facts of the mapping (`operation`, and values such as the prison's `ywlx`).
    `sent_at` is business time, frozen with the rendition.
    """

    delivery: str
    transfer: str
    message_id: str
    exchange: str
    payload: bytes
    media_type: str
    facts: Mapping[str, str]
    attachments: Sequence[Attachment]
    sent_at: datetime
    #: whose words the payload is in; None for the canonical form
    dialect: str | None = None


class OutcomeKind(StrEnum):
    """What a call came to, after the dialect's own table of answer codes."""

    DONE = "done"  # the recipient has it
    DUPLICATE = "duplicate"  # it had it already: the same as done
    REFUSED = "refused"  # a business refusal; trying again is useless
    LATER = "later"  # not now: down before anything was sent, or busy
    SUBMITTED = "submitted"  # taken for a decision later; ask again with `reference`
    UNKNOWN = "unknown"  # sent, and nobody knows whether it arrived


@dataclass(frozen=True, slots=True)
class SystemReceipt:
    """A business decision that a system's answer carries; the hub attests it on the agency's behalf."""

    accepted: bool
    reason: str | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: OutcomeKind
    code: str | None = None
    message: str | None = None
    reference: str | None = None
    receipt: SystemReceipt | None = None
    answer: bytes = b""
    retry_after: float | None = None


class Sessions(Protocol):
    """Shared sessions (a login ticket), one row for each endpoint, that one worker at a time renews."""

    def current(self, agency: str) -> str | None: ...

    def renew(self, agency: str, stale: str | None, login: Callable[[], str]) -> str:
        """Give a ticket other than `stale`: if another worker has renewed it meanwhile, that one; else call `login`
        while holding the row, so that two logins never kill each other's ticket."""

    def uploaded(self, agency: str, delivery: str, sha256: str) -> tuple[str, int] | None:
        """The upload id and the bytes already taken there, of a document's upload that was begun for this delivery."""

    def note_upload(self, agency: str, delivery: str, sha256: str, upload: str, received: int) -> None: ...


class Connector(Protocol):
    """How agencies of one transport are called. One method to hand over, one to ask again. Never raises for what an
    agency does; every way it can end is an `Outcome`. Raises only for what an administrator must mend (`ConfigError`)."""

    def call(self, endpoint: Endpoint, parcel: Parcel, sessions: Sessions) -> Outcome: ...

    def poll(self, endpoint: Endpoint, parcel: Parcel, reference: str, sessions: Sessions) -> Outcome: ...

    def repeat_safe(self, endpoint: Endpoint) -> bool:
        """Whether handing the same parcel over again after an unknown outcome has no second effect there."""


@dataclass(frozen=True, slots=True)
class PasswordDigest:
    """A WS-Security PasswordDigest: proves a password without showing it (UsernameToken Profile 1.0, section 3.1)."""

    nonce: bytes
    created: str
    digest: bytes

    def matches(self, password: str) -> bool:
        expected = hashlib.sha1(self.nonce + self.created.encode() + password.encode(), usedforsecurity=False).digest()
        return hmac.compare_digest(expected, self.digest)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A legacy request as a server half has taken it apart, before anyone knows whether to believe it.

    `payload` is the record as XML bytes in UTF-8 (body element, or the XML inside the string part), `parts` the other
    plain parts of the operation (`ywlx`, …), `version` the SOAP version that the answer must use.
    """

    agency: str
    operation: str
    payload: bytes
    parts: Mapping[str, str]
    user: str | None
    password: str | None
    version: str
    #: instead of `password`, where the contract proves it by digest
    digest: PasswordDigest | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The record of a message that was received before, out of its envelope; see `Incoming`."""

    operation: str | None
    parts: Mapping[str, str]
    payload: bytes


class SoapService(Protocol):
    """The hub's side of a contract that a legacy sender calls, served on zeep's own types."""

    def wsdl(self, location: str) -> bytes:
        """The WSDL (or XSD) text with every soap:address set to `location`."""

    def receive(self, body: bytes, headers: Mapping[str, str]) -> Incoming:
        """Take a request apart. Raises `ProtocolFault` for what is no request of this contract."""

    def reopen(self, body: bytes, media_type: str) -> Kept:
        """The record of a request that was received and kept: headers, credentials and freshness were looked at then.

        Raises `ProtocolFault` for what is no request of this contract."""

    def answer(self, incoming: Incoming, payload: bytes) -> Answer:
        """Wrap an answer record (XML, as the dialect's answer mapping wrote it) into a response of the same version."""

    def refuse(self, incoming: Incoming | None, code: str, message: str, faults: Sequence[Fault] = ()) -> Answer:
        """A SOAP fault (Client) of the sender's version and the service's encoding, where the contract has no answer record."""

    def fault(self, error: HubError, incoming: Incoming | None = None) -> Answer:
        """The SOAP fault that says an error: a `ProtocolFault` in its own version, any other in that of `incoming`."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    media_type: str
    body: bytes


class DocumentStore(Protocol):
    """Documents by content. `put` returns the hex SHA-256; putting the same bytes twice is one document."""

    def put(self, content: bytes) -> str: ...

    def get(self, sha256: str) -> bytes: ...


class Ids(Protocol):
    """New ids: a prefix that says of what, and letters and digits in lower case that sort by time."""

    def new(self, prefix: str) -> str: ...


class KeyTaken(Exception):
    """Another submission of the agency came under the same key in the same moment."""

    def __init__(self, agency: str, key: str) -> None:
        super().__init__(f"{agency} has used the key {key!r}")
        self.agency = agency
        self.key = key


class Unit(Protocol):
    """One business transaction: everything that the flow reads and writes within it.

    Locks are taken in one order everywhere, so that two transactions never wait for each other: cases, persons, lines
    (each sorted), then single rows.
    """

    def submission_by_key(self, agency: str, key: str) -> StoredSubmission | None: ...

    def add_submission(
        self,
        *,
        agency: str,
        key: str | None,
        tried_key: str | None,
        fingerprint: str,
        channel: str,
        dialect: str | None,
        operation: str | None,
        media_type: str,
        raw: bytes,
        raw_size: int,
        status: str,
        faults: Sequence[Mapping[str, Any]],
    ) -> str:
        """Keep what a sender sent. Raises `KeyTaken` when another submission of this agency has the key."""

    def set_answer(self, submission: str, answer: Mapping[str, Any]) -> None: ...

    def submission(self, submission: str) -> StoredSubmission | None: ...

    def case_for(self, number: str | None) -> str:
        """The case of a normalised number, made if it is new. Without a number: a case of its own."""

    def find_case(self, number: str | None) -> str | None:
        """The case of a normalised number, if the hub has one."""

    def find_person(self, id_number: str | None, name: str | None, case: str | None) -> str | None:
        """The person of an ID number, or the provisional one of that name in that case, if the hub knows one.

        With a number, a namesake who has another number is not meant."""

    def case_number(self, case: str) -> str | None: ...

    def case_known(self, case: str) -> bool: ...

    def person_for(self, id_number: str | None, name: str | None, case: str) -> str:
        """The person of an ID number; without one, the provisional person of that name in that case."""

    def adopt(self, person: str, id_number: str) -> bool:
        """Give a provisional person its number. False for a person who is not provisional, or when the number is another's."""

    def person_known(self, person: str) -> bool: ...

    def id_number_of(self, person: str) -> str | None:
        """The ID number of a person in its 18-character form (another document's as it is), if it is known."""

    def lock_persons(self, persons: Iterable[str]) -> None: ...

    def lock_lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Take the lines (recipient, case) for this transaction, in sorted order."""

    def add_transfer(
        self,
        *,
        submission: str,
        ordinal: int,
        exchange: str,
        sender: str,
        origin: str | None,
        case: str | None,
        person: str | None,
        record: Mapping[str, Any],
        faults: Sequence[Mapping[str, Any]],
        parked: bool,
        mapping: str | None,
        label: str | None,
        in_reply_to: str | None,
        message_key: str | None,
    ) -> str: ...

    def transfer(self, transfer: str) -> StoredTransfer | None: ...

    def transfers_of(self, submission: str) -> list[StoredTransfer]: ...

    def latest_about(self, person: str, case: str | None, exchanges: Sequence[str]) -> StoredTransfer | None:
        """The last transfer of one of the exchanges about this person (in this case, if one is given)."""

    def about(self, person: str, case: str | None) -> list[StoredTransfer]:
        """Every transfer about this person (in this case, if one is given), in order of acceptance."""

    def amend_record(self, transfer: str, record: Mapping[str, Any]) -> None: ...

    def unpark_transfer(self, transfer: str, *, record: Mapping[str, Any], case: str, person: str) -> None: ...

    def refresh_status(self, transfer: str, wants_receipt: bool) -> str:
        """Work out the transfer's status from its deliveries and keep it."""

    def keep_document(self, sha256: str, size: int, media_type: str, agency: str) -> None: ...

    def document_known(self, sha256: str) -> tuple[int, str] | None:
        """Size in bytes and media type of a stored document."""

    def document_owned(self, sha256: str, agency: str) -> bool: ...

    def attach(self, transfer: str, documents: Sequence[StoredDocument]) -> None: ...

    def documents(self, transfer: str) -> list[StoredDocument]: ...

    def add_delivery(self, transfer: str, recipient: str, role: str, case: str) -> tuple[str, DeliveryState]:
        """A delivery at the end of its line: `ready` if nothing of it is outstanding, else `waiting`. The line is locked."""

    def delivery(self, delivery: str, lock: bool = False) -> StoredDelivery | None: ...

    def deliveries(self, transfer: str) -> list[StoredDelivery]: ...

    def step(self, delivery: StoredDelivery, after: DeliveryState, **columns: Any) -> None:
        """Take a delivery from its state to the next. The state in the database must still be the one we saw."""

    def line_taken(self, recipient: str, case: str) -> bool:
        """Whether a delivery of this line is outstanding. The line is locked."""

    def hurry(self, delivery: str) -> None:
        """A delivery that waits for its next attempt is due now."""

    def take_ready(self, now: datetime, lease_until: datetime, limit: int, window: int) -> list[Release]:
        """Release what is due: to be called (`ready`), or to be asked about (`submitted`); `limit` at most in all, and
        no more than `window` notes out to one recipient."""

    def unrelease(self, releases: Iterable[Release], due: datetime) -> None:
        """Take back what the broker did not take. What a worker has begun meanwhile is left alone."""

    def expire_releases(self, now: datetime) -> int:
        """Releases whose lease is over may be released again: the number makes the old note harmless."""

    def expired_attempts(self, now: datetime, limit: int = 100) -> list[StoredDelivery]:
        """Attempts whose worker did not come back in time: their outcome is unknown."""

    def end_leases(self, now: datetime) -> int:
        """At the start of the only process there is: whoever held a lease is gone."""

    def parked_for(self, person: str, case: str, rule: str) -> list[StoredDelivery]:
        """Deliveries about this person in this case that are parked for the named reason."""

    def add_rendition(
        self,
        delivery: str,
        *,
        message_id: str,
        transport: str,
        dialect: str | None,
        mapping: str | None,
        payload: bytes,
        media_type: str,
        facts: Mapping[str, str],
    ) -> str: ...

    def rendition(self, rendition: str) -> StoredRendition | None: ...

    def choose_mappings(self, releases: Mapping[str, str]) -> None:
        """Delivery → hash of the release by which it is to be written, however late that is. Replaces an earlier choice."""

    def chosen_mapping(self, delivery: str) -> str | None:
        """The hash of the release by which a delivery is to be written; None where whatever is in force will do."""

    def rendition_count(self, delivery: str) -> int: ...

    def begin_attempt(self, delivery: StoredDelivery, rendition: str, phase: str, lease_until: datetime) -> int:
        """Write the attempt down before it is made. Returns its row number."""

    def end_attempt(self, attempt: int, outcome: str, code: str | None, message: str | None, answer: bytes) -> None: ...

    def open_attempt(self, delivery: str) -> int | None:
        """The attempt of this delivery that has no outcome yet."""

    def receipt_of(self, delivery: str) -> StoredReceipt | None: ...

    def add_receipt(
        self,
        delivery: str,
        *,
        outcome: str,
        reason: str | None,
        number: str | None,
        given_by: str,
        strength: str,
        signature: str | None,
    ) -> str: ...

    def standing(self, person: str) -> StoredStanding | None:
        """The last line of the ledger for a person."""

    def add_standing(
        self,
        person: str,
        *,
        number: int,
        holder: str | None,
        case: str | None,
        exchange: str,
        transfer: str,
        receipt: str | None,
    ) -> None: ...

    def set_transit(self, person: str, to: str | None, due: str | None, transfer: str | None) -> None:
        """The person is on the way to another agency, or (None) is not any more."""

    def transit_of(self, person: str) -> Any | None: ...

    def add_dispute(self, person: str, transfer: str, zh: str, en: str) -> str: ...

    def note(
        self,
        kind: str,
        *,
        submission: str,
        transfer: str | None = None,
        delivery: str | None = None,
        person: str | None = None,
        agency: str | None = None,
        **facts: Any,
    ) -> None:
        """One line of the timeline. Nothing on it is ever changed."""

    def override(self, agency: str) -> Override | None: ...

    def set_override(self, agency: str, url: str | None, user: str | None, password_sealed: bytes | None) -> None:
        """Change what is given; None leaves a value as it is."""

    def credential_of(self, agency: str) -> Credential | None: ...

    def credential_by_client(self, client_id: str) -> Credential | None: ...

    def set_credential(self, credential: Credential) -> None: ...

    def ticket(self, agency: str, lock: bool = False) -> str | None: ...

    def set_ticket(self, agency: str, ticket: str | None) -> None: ...

    def upload_progress(self, agency: str, delivery: str, sha256: str) -> tuple[str, int] | None: ...

    def set_upload_progress(self, agency: str, delivery: str, sha256: str, upload: str, received: int) -> None: ...


class Store(Protocol):
    """The database. `begin()` commits on leaving the block, or rolls back on an exception; `read()` only looks."""

    def begin(self) -> AbstractContextManager[Unit]: ...

    def read(self) -> AbstractContextManager[Unit]: ...


class History(Protocol):
    """What really passed, to be looked at again: read in pages of short transactions, oldest first, nothing changed.

    `since` and `until` are technical times (`since` included, `until` not); None leaves that side open. Both iterators
    hold one page in memory, whatever the store holds.
    """

    def received(
        self, dialect: str, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[PassedMessage]:
        """Every message that came in a dialect, accepted or refused, with the transfers that were made of it."""

    def message(self, submission: str) -> PassedMessage | None:
        """One message, if the store has it."""

    def written(
        self, dialect: str, recipients: Collection[str], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[PassedRendition]:
        """Every rendition in a dialect; and what is parked for `recipients` because it could not be written for them."""

    def size(
        self, dialect: str, recipients: Collection[str], since: datetime | None = None, until: datetime | None = None
    ) -> int:
        """How many messages and renditions the two would give."""


class DriftBook(Protocol):
    """Where it is kept what agencies began to send that no mapping knows."""

    def note(self, strange: Strange, times: int, sample: Mapping[str, Any], now: datetime) -> bool:
        """Count it, with a sample of it. True when it was never seen before."""


class MappingUnit(Protocol):
    """One step of one dialect's versions: everything in one transaction, with the dialect's lock held."""

    def version(self, version: str) -> StoredVersion | None: ...

    def versions(self) -> list[StoredVersion]:
        """Every version of the dialect, the newest first."""

    def schedule(self) -> Schedule: ...

    def editors(self, version: str) -> frozenset[str]:
        """Everybody who has drafted, edited, imported or proposed a version."""

    def add_version(
        self,
        *,
        origin: str,
        state: VersionState,
        release: str,
        by: str,
        note: str | None = None,
        foreign: Mapping[str, Any] | None = None,
    ) -> StoredVersion: ...

    def change(self, version: str, **columns: Any) -> None:
        """Write `state`, `release`, `findings`, `note` or `active_from`."""

    def activate(
        self, version: str, release: str, since: datetime, kind: str, by: str, back_to: int | None
    ) -> None: ...

    def call_off(self, activation: int) -> None:
        """An activation that is still to come does not come."""

    def note(
        self, kind: str, *, version: str | None, by: str, release: str | None, note: str | None, **facts: Any
    ) -> None:
        """One line of the audit. Nothing in it is ever changed."""


class MappingShelf(Protocol):
    """Where releases of dialects and their versions are kept: the content by its hash, each version with its events."""

    def keep(self, dialect: str, release: str, packed: bytes, recorded: Sequence[str]) -> None:
        """Keep a release's content under its hash, and under which version strings it may be found. Idempotent."""

    def kept(self, releases: Mapping[str, Sequence[str]]) -> frozenset[str]:
        """Of some releases (hash → version strings), those that are here and may be found under each of their strings."""

    def content(self, release: str) -> tuple[str, bytes] | None:
        """The dialect and the packed content of a release."""

    def release_recorded(self, recorded: str) -> str | None:
        """The latest release whose mapping of that exchange has this version string."""

    def changes(self) -> Mapping[str, int]:
        """Dialect → a number that grows with each change of its activations. Cheap."""

    def schedule(self, dialect: str) -> Schedule: ...

    def version(self, version: str) -> StoredVersion | None: ...

    def versions(self, dialect: str | None = None) -> list[StoredVersion]:
        """The newest first."""

    def events(self, *, dialect: str | None = None, version: str | None = None) -> list[MappingEvent]:
        """In the order in which they happened."""

    def begin(self, dialect: str) -> AbstractContextManager[MappingUnit]:
        """One step. Commits on leaving the block, rolls back on an exception."""


class Operators(Protocol):
    """The people who work on the hub. A secret is known by its hash only; a name is given once."""

    def find(self, name: str) -> tuple[Operator, str] | None:
        """The person of a name, removed ones too, and the hash of the secret."""

    def all(self) -> list[Operator]: ...

    def add(self, name: str, roles: Iterable[str], secret_hash: str, by: str, *, first: bool) -> bool:
        """False where the name was given before, or where `first` and there is somebody already."""

    def remove(self, name: str, by: str) -> bool: ...


class Seal(Protocol):
    """Seals what must be readable again (an endpoint's password), and hashes what must not."""

    def seal(self, text: str) -> bytes: ...

    def unseal(self, sealed: bytes) -> str: ...
