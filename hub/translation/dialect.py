"""One dialect: which record a message is, what it says, how the hub answers it, and what the hub can write in it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.faults import Fault, HubError
from hub.domain.values import NotValid
from hub.translation.codecs import SHANGHAI
from hub.translation.codelists import CodeList
from hub.translation.foreign import Node, fingerprint, malformed
from hub.translation.formats.form import Format
from hub.translation.formats.xml import Xml
from hub.translation.mapping import coded_places
from hub.translation.reader import Blob, Locate, Reader, nowhere
from hub.translation.writer import Writer


class CannotWrite(HubError):
    """The record cannot be told in the recipient's dialect; the delivery is parked with these faults."""

    status, kind = 422, "cannot-write"


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a message: about one person. `record` is None where it has faults.

    `disposition`: `ok`, or what the dialect does with a faulty one: `parked` (a person mends it) or `refused`.
    """

    record: dict[str, Any] | None
    faults: tuple[Fault, ...]
    blobs: Mapping[str, Blob]
    label: str
    disposition: str
    #: canonical JSON Pointer → XPath in the foreign record, for faults that are found later
    locate: Locate = field(default=nowhere, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What came. `faults` concern the whole message: with any, there are no items and nothing of it can go on.

    `fingerprint` is the same for a message sent again, whatever the volatile places hold. `hint_agency` is the agency that
    the sender named as recipient, where the dialect has a place for that.
    """

    exchange: str | None
    key: str | None
    fingerprint: str
    items: tuple[Item, ...]
    faults: tuple[Fault, ...]
    hint_agency: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a record does not say itself: the envelope's facts. `sender` and `recipient` are agency ids; times are aware."""

    message_id: str
    sent_at: datetime
    sender: str
    recipient: str
    agencies: Agencies
    now: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """A rendition: `payload` in the dialect's format and encoding (XML in UTF-8 without declaration, unless the dialect says
    otherwise), documents as `urn:sha256:<hex>`; `facts` for the envelope."""

    payload: bytes
    media_type: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ParkedPerson:
    """A person who cannot go on yet, and why, for the answer to the sender."""

    person: str
    message: str


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """What the hub answers: `submission` is the receipt number, `key` the sender's own, `code` the dialect's answer code."""

    ok: bool
    submission: str | None = None
    key: str | None = None
    code: str | None = None
    message: str | None = None
    parked: Sequence[ParkedPerson] = ()

    def as_record(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "ok": self.ok,
            "parked": [{"person": one.person, "message": one.message} for one in self.parked],
        }
        return {
            **found,
            **{k: v for k in ("submission", "key", "code", "message") if (v := getattr(self, k)) is not None},
        }


@dataclass(frozen=True, slots=True)
class Receives:
    """How messages of one operation are read: root element, key, how the exchange is chosen, what is volatile."""

    operation: str
    root: str
    key: tuple[str, ...]
    by: tuple[str, ...]
    agrees_with: str | None
    exchanges: Mapping[str, str]
    volatile: tuple[tuple[str, ...], ...]
    source: str


@dataclass(frozen=True, slots=True)
class Hint:
    """Where a record names its recipient, and the list that says which agency that is."""

    pointer: str
    place: tuple[str, ...]
    codes: CodeList
    source: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """A compiled dialect. Its answers, mappings and lists are data; nothing here knows an agency."""

    name: str
    zh: str
    en: str
    receives: tuple[Receives, ...]
    readers: Mapping[str, Reader]
    writers: Mapping[str, Writer]
    answers: Mapping[str, Writer]
    declared_writes: frozenset[str]
    versions: Mapping[str, str]
    policy: str
    policies: Mapping[str, str]
    codes: Mapping[str, str]
    hint: Hint | None = None
    #: the record's sender must be the agency that authenticated
    own_sender: bool = False
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    form: Format = field(default_factory=Xml)

    # ------------------------------------------------------------ reading
    def reads(self) -> frozenset[str]:
        """The exchanges that messages of this dialect can be."""
        return frozenset(exchange for entry in self.receives for exchange in entry.exchanges.values())

    def writes(self) -> frozenset[str]:
        """The exchanges that the hub sends in this dialect."""
        return self.declared_writes

    def can_write(self, exchange: str) -> bool:
        return exchange in self.declared_writes

    def coded_places(self, exchange: str) -> frozenset[str]:
        """The foreign places, from below the record on, of which a line reads a code."""
        reader = self.readers.get(exchange)
        return coded_places(reader.mapping) if reader is not None else frozenset()

    def below_record(self, exchange: str, xpath: str) -> str:
        """A place of a fault, which begins at the root, as one that begins below the record."""
        reader = self.readers.get(exchange)
        record = f"/{reader.mapping.record.strip('/')}/" if reader is not None else "/"
        return xpath.removeprefix(record).lstrip("/")

    def version(self, exchange: str) -> str:
        """`dialect/exchange@version+hash` of the mapping, its dialect and its code lists."""
        return self.versions[exchange]

    def read(self, operation: str | None, parts: Mapping[str, str], payload: bytes | str, sender: str) -> Message:
        """The records of a message. `operation` may be None where the payload came alone: its root element tells.

        Raises `Malformed` for what is no record of this dialect at all; every other mistake is a fault in the message.
        """
        return self.understand(operation, parts, self.form.parse(payload), sender)

    def understand(self, operation: str | None, parts: Mapping[str, str], root: Node, sender: str) -> Message:
        """The records of a message of which the tree is known already. Raises `Malformed` as `read` does."""
        entry = self._entry(operation, root)
        if root.name != entry.root:
            raise malformed(
                "root.unexpected",
                f"根元素应为{entry.root}，而不是{root.name}",
                f"the root element should be {entry.root}, not {root.name}",
                root.name,
            )
        faults: list[Fault] = []
        key_node = root.first(entry.key)
        key = key_node.text.strip() if key_node is not None else ""
        if not key:
            shown = "/".join(entry.key)
            faults.append(
                Fault(
                    "field.missing",
                    "/message/key",
                    f"缺少{shown}：发送方编号",
                    f"{shown} is missing: the sender's own number",
                    root.xpath(entry.key),
                    None,
                    entry.source,
                )
            )
        exchange, wrong = self._exchange(entry, root, parts)
        faults += wrong
        digest = fingerprint(root, exchange or "", entry.volatile)
        if exchange is None or faults:
            return Message(exchange, key or None, digest, (), tuple(faults))
        hint_agency, hint_fault = self._hinted(root)
        found = self.readers[exchange].read(root, {"sender": sender})
        items = []
        for one in found:
            mine = (
                one.faults
                + ([hint_fault] if hint_fault else [])
                + self._wrong_sender(one.record, sender, entry.source, one.locate)
            )
            items.append(
                Item(
                    None if mine else one.record,
                    tuple(mine),
                    one.blobs if not mine else {},
                    one.label,
                    self._disposition(mine),
                    one.locate,
                )
            )
        return Message(exchange, key, digest, tuple(items), (), hint_agency)

    def _entry(self, operation: str | None, root: Node) -> Receives:
        for entry in self.receives:
            if entry.operation == operation or (not operation and entry.root == root.name):
                return entry
        known = ", ".join(entry.operation for entry in self.receives) or "—"
        if operation:
            raise malformed(
                "operation.unknown",
                f"此接口不接收操作{operation}；接收的有：{known}",
                f"operation {operation!r} is not received; these are: {known}",
                operation,
            )
        roots = ", ".join(entry.root for entry in self.receives) or "—"
        raise malformed(
            "root.unexpected",
            f"根元素{root.name}不是此方言的报文；应为：{roots}",
            f"{root.name} is no message of this dialect; these are: {roots}",
            root.name,
        )

    @staticmethod
    def _exchange(entry: Receives, root: Node, parts: Mapping[str, str]) -> tuple[str | None, list[Fault]]:
        if not entry.by:
            return next(iter(entry.exchanges.values())), []
        node = root.first(entry.by)
        said = node.text.strip() if node is not None else ""
        shown, xpath = "/".join(entry.by), root.xpath(entry.by)
        if not said:
            return None, [
                Fault(
                    "field.missing",
                    "",
                    f"缺少{shown}：业务类型",
                    f"{shown} is missing: the type of business",
                    xpath,
                    None,
                    entry.source,
                )
            ]
        outside = parts.get(entry.agrees_with or "", said).strip()
        if outside != said:
            return None, [
                Fault(
                    "exchange.differs",
                    "",
                    f"参数{entry.agrees_with}为{outside}，报文内{shown}为{said}：二者应一致",
                    f"the parameter {entry.agrees_with} says {outside}, {shown} in the record says {said}: they should agree",
                    xpath,
                    said,
                    entry.source,
                )
            ]
        exchange = entry.exchanges.get(said)
        if exchange is None:
            known = "、".join(entry.exchanges)
            return None, [
                Fault(
                    "exchange.unknown",
                    "",
                    f"尚不接收业务类型“{said}”；接收的有：{known}",
                    f"business of type {said!r} is not received; these are: {known.replace('、', ', ')}",
                    xpath,
                    said,
                    entry.source,
                )
            ]
        return exchange, []

    def _hinted(self, root: Node) -> tuple[str | None, Fault | None]:
        if self.hint is None:
            return None, None
        node = root.first(self.hint.place)
        text = node.text.strip() if node is not None else ""
        if not text:
            return None, None
        try:
            return str(self.hint.codes.read_code(text)), None
        except NotValid as error:
            return None, Fault(
                error.rule, self.hint.pointer, error.zh, error.en, root.xpath(self.hint.place), text, self.hint.source
            )

    def _wrong_sender(self, record: Mapping[str, Any], sender: str, source: str, locate: Locate) -> list[Fault]:
        said = record.get("message", {}).get("sender") if self.own_sender else None
        if said is None or said == sender:
            return []
        return [
            Fault(
                "sender.differs",
                "/message/sender",
                f"报文称由{said}发出，但连接的是{sender}",
                f"the record says {said} sent it, but {sender} is connected",
                locate("/message/sender"),
                said,
                source,
            )
        ]

    def disposition(self, rule: str) -> str:
        """`parked` or `refused`: what this dialect does with a record that breaks a rule."""
        for pattern, what in self.policies.items():
            if fnmatch.fnmatchcase(rule, pattern):
                return what
        return self.policy

    def _disposition(self, faults: Sequence[Fault]) -> str:
        if not faults:
            return "ok"
        return "refused" if any(self.disposition(fault.rule) == "refused" for fault in faults) else "parked"

    # ------------------------------------------------------------ writing
    def write(self, exchange: str, record: Mapping[str, Any], context: Context) -> Written:
        """A record in this dialect. Raises `CannotWrite` with every fault; KeyError for an exchange without a mapping."""
        said = {
            "message_id": context.message_id,
            "sender": context.sender,
            "recipient": context.recipient,
            "sent_at": context.sent_at.astimezone(SHANGHAI).isoformat(),
            "now": context.now.astimezone(SHANGHAI).isoformat(),
        }
        payload, faults = self.writers[exchange].text(record, said, context.agencies)
        if faults:
            raise CannotWrite(faults)
        return Written(payload, self.form.media_type, self.facts.get(exchange, {}))

    # ------------------------------------------------------------ answering
    def answer(self, operation: str, answer: AnswerRecord) -> bytes:
        """What the sender's system gets back, as the contract's answer record. Raises `CannotWrite` or KeyError."""
        payload, faults = self.answers[operation].text(answer.as_record(), {}, Agencies([], {}))
        if faults:
            raise CannotWrite(faults)
        return payload

    def answer_code(self, faults: Sequence[Fault]) -> str | None:
        """The dialect's answer code for what is wrong: of several, the one that its file names first."""
        for pattern, code in self.codes.items():
            if any(fnmatch.fnmatchcase(fault.rule, pattern) for fault in faults):
                return code
        return None
