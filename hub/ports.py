"""What the hub asks of its parts, with each part's contract in words.

The parts themselves live in `hub/store`, `hub/messaging` and `connectors`; `hub/bootstrap.py` alone chooses them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from hub.domain.faults import Fault, HubError


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

    def __init__(self, faults: Sequence[Fault], *, version: str, code: str = "Client", status: int = 500,
                 names: Sequence[str] = ()) -> None:
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
    for XML inside a string that XML as UTF-8 text without declaration, for REST the JSON. Where the record carries a
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


class OutcomeKind(str, Enum):
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


class SoapService(Protocol):
    """The hub's side of a contract that a legacy sender calls, served on zeep's own types."""

    def wsdl(self, location: str) -> bytes:
        """The WSDL (or XSD) text with every soap:address set to `location`."""

    def receive(self, body: bytes, headers: Mapping[str, str]) -> Incoming:
        """Take a request apart. Raises `ProtocolFault` for what is no request of this contract."""

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

    def put(self, content: bytes, media_type: str) -> str: ...

    def get(self, sha256: str) -> bytes: ...


class UnitOfWork(AbstractContextManager[Any], Protocol):
    """One business transaction on the store."""
