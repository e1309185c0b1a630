"""What happens to what a sender hands in: kept, understood, checked, split, routed – then answered.

Two doors lead here: canonical JSON over HTTP (`submit_record`) and records in a sender's own dialect
(`receive_dialect`). Both end in one transaction (`_keep`) that makes the transfers and their deliveries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.domain.exchanges import Catalogue, Exchange, pointer_of, value_at
from hub.domain.faults import Conflict, Fault, HubError, NotAllowed, Refused
from hub.domain.records import complete, fill, normalise, person_key
from hub.domain.routing import Judged, Resolver, Routing
from hub.domain.stored import StoredDocument, StoredSubmission, StoredTransfer
from hub.domain.transfers import DeliveryState
from hub.flow import crashpoints
from hub.flow.drift import Looked
from hub.flow.force import NOT_IN_FORCE, effective_on, now_in_force
from hub.flow.hindsight import reopen
from hub.flow.ledger import pending, settle_opening, settle_recorded
from hub.flow.parts import Hub
from hub.ports import KeyTaken, Unit
from hub.translation import Blob, Dialect, Item, Message

#: The longest key, in characters, that an agency may give its message.
KEY_LIMIT = 200
#: No case number is longer, in characters; what is, came with a faulty record that is parked without a case.
CASE_NUMBER_LIMIT = 200
#: What the chart fills in beside other places of the record.
TODAY = "today"
#: The rule by which a dialect says whether a message is refused of which every record would have to wait.
NONE_GOES = "message.none-goes"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one sender sent once, as it came."""

    agency: str
    key: str
    fingerprint: str
    channel: str
    raw: bytes
    media_type: str
    dialect: str | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One transfer to be: a record with where it goes, or with why it cannot go on."""

    exchange: Exchange
    record: Mapping[str, Any]
    label: str | None
    routing: Routing | None
    faults: tuple[Fault, ...] = ()
    documents: tuple[StoredDocument, ...] = ()
    origin: str | None = None
    in_reply_to: str | None = None
    person: str | None = None
    case: str | None = None
    mapping: str | None = None
    #: what the chart points out about it: (Chinese, English)
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def parked(self) -> bool:
        return bool(self.faults)


# ------------------------------------------------------------------ canonical JSON over HTTP
def submit_record(hub: Hub, agency: str, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """`POST /v1/transfers`: one canonical record. Returns the 202 answer.

    Raises `NotAllowed` for an exchange that is not the agency's, `Conflict` when the key was used with other content,
    `Refused` with every fault of the record.
    """
    raw = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    arrival = Arrival(agency, key, hashlib.sha256(raw).hexdigest(), "http", raw, "application/json")
    if answered := _answered_before(hub, arrival):
        return answered
    try:
        piece = piece_from_body(hub, agency, body)
    except HubError as error:
        keep_refusal(hub, arrival, error.faults)
        raise
    return _keep_once(hub, arrival, [piece], _record_answer)


def piece_from_body(hub: Hub, agency: str, body: Mapping[str, Any]) -> Piece:
    """The transfer that a body would be: its record completed, normalised and checked, and where it goes. Keeps nothing.

    Raises `NotAllowed` and `Refused`; see `submit_record`.
    """
    exchange = _allowed_exchange(hub, agency, body["exchange"])
    with hub.store.read() as unit:
        base = _continued(hub.catalogue, unit, agency, exchange, body)
        documents = _named_documents(unit, agency, body.get("documents") or ())
        known_person, known_case = _named(unit, body)
        if not documents and base and "documents" in exchange.carries:
            documents = tuple(unit.documents(base.id))
    written = body["record"]
    for path, source in exchange.fills.items():
        if source != TODAY and (value := value_at(written, source)) is not None:
            written = fill(written, path, value)
    record = complete(written, base.record if base else {}, exchange.carries)
    if known_case and value_at(record, "case.number") is None and not known_case.startswith("cas_"):
        record = complete(record, {"case": {"number": known_case}}, ("case",))
    for path, source in exchange.fills.items():
        if source == TODAY:
            record = fill(record, path, hub.clock.now().date().isoformat())
    record = {**record, "exchange": exchange.id}
    if base:
        record["answers"] = {
            "transfer": base.id,
            "exchange": base.exchange,
            **({"key": base.message_key} if base.message_key else {}),
        }
    origin = (base.origin or base.sender) if base else None
    answered = base.sender if base else None
    record, faults = _checked(hub, exchange, record)
    routing, judged = _route(hub, exchange, record, agency, origin, answered)
    if base and (routing.faults or routing.gaps) and exchange.carries:
        with hub.store.read() as unit:
            record = _completed_from_earlier(unit, agency, exchange, base, record)
        record, faults = _checked(hub, exchange, record)
        routing, judged = _route(hub, exchange, record, agency, origin, answered)
    if (
        exchange.about == "person"
        and not known_person
        and not value_at(record, "person.id_number")
        and not value_at(record, "person.name")
    ):
        faults.append(
            Fault(
                "record.required",
                "/record/person",
                "没有写明是谁：请填写person（系统编号）、record.person，或in_reply_to",
                "nothing says who it is about: give person (the hub's id), record.person, or in_reply_to",
            )
        )
    with hub.store.read() as unit:
        faults += _another_person(unit, record, known_person or (base.person if base else None))
    faults += [replace(fault, pointer="/record" + fault.pointer) for fault in judged.faults]
    if faults:
        raise Refused(faults)
    if routing.faults:
        raise Refused([replace(fault, pointer="/record" + fault.pointer) for fault in routing.faults])
    return Piece(
        exchange,
        record,
        value_at(record, "person.name"),
        routing,
        (),
        documents,
        origin,
        body.get("in_reply_to") or (base.id if base and exchange.carries else None),
        base.person if base and not known_person else known_person,
        known_case if known_case and known_case.startswith("cas_") else (base.case if base else None),
        warnings=judged.warnings,
    )


def _completed_from_earlier(
    unit: Unit, agency: str, exchange: Exchange, base: StoredTransfer, record: dict[str, Any]
) -> dict[str, Any]:
    """What neither the sender nor the transfer that it continues says, from what the sender has sent or got earlier about the
    same person and case, the latest first: an application says little, the documents at the beginning said who decided."""
    if base.person is None or base.case is None:
        return record
    for transfer in reversed(unit.about(base.person, base.case)):
        if transfer.id != base.id and not transfer.parked and party(unit, transfer, agency):
            record = complete(record, transfer.record, exchange.carries)
    return record


def _allowed_exchange(hub: Hub, agency: str, name: str, pointer: str = "/exchange") -> Exchange:
    exchange = hub.catalogue.get(name)
    if exchange is None:
        open_ones = ", ".join(sorted(hub.catalogue.exchanges))
        raise Refused(
            [
                Fault(
                    "exchange.unknown",
                    pointer,
                    f"没有“{name}”这种移送；可用的有：{open_ones}",
                    f"there is no exchange {name!r}; there are {open_ones}",
                    value=name,
                )
            ]
        )
    sender = hub.agencies[agency]
    if sender.kind not in exchange.senders:
        named = [hub.catalogue.kinds[kind][0] for kind in exchange.senders if kind in hub.catalogue.kinds]
        kinds = "、".join(named) or "（只由系统发出）"
        raise NotAllowed(
            [
                Fault(
                    "exchange.not-yours",
                    pointer,
                    f"{sender.name}不能发起“{exchange.zh}”，只有{kinds}可以",
                    f"{sender.id} may not send {name}; only {', '.join(exchange.senders) or 'the hub itself'} may",
                    value=name,
                )
            ]
        )
    return exchange


def _continued(
    catalogue: Catalogue, unit: Unit, agency: str, exchange: Exchange, body: Mapping[str, Any]
) -> StoredTransfer | None:
    """The transfer that this one answers or continues: the one it names; else, for an exchange that takes sections over
    from another, the latest that reached the sender about the same person (and case, if one is named). What exists only as
    an answer answers what asks for it, and by whom it was sent to."""
    asking = catalogue.answered_by(exchange.id) if catalogue.only_answers(exchange.id) else ()
    if named := body.get("in_reply_to"):
        found = unit.transfer(named)
        if found is None or not party(unit, found, agency):
            raise Refused(
                [
                    Fault(
                        "transfer.unknown",
                        "/in_reply_to",
                        "没有这个移送，或与本单位无关",
                        "no such transfer, or none of yours",
                        value=named,
                    )
                ]
            )
        if asking and not _asks(unit, found, agency, asking):
            titles = [catalogue.exchanges[name] for name in asking]
            raise Refused(
                [
                    Fault(
                        "transfer.not-asking",
                        "/in_reply_to",
                        f"“{exchange.zh}”只能由主送单位用来答复“{'、'.join(title.zh for title in titles)}”",
                        f"{exchange.id} answers {', '.join(asking)}, and only a main recipient of it may send it",
                        value=named,
                    )
                ]
            )
        return found
    if not exchange.carries:
        return None
    record = body["record"]
    number, written = value_at(record, "case.number"), body.get("case")
    person = body.get("person")
    case = written if isinstance(written, str) and written.startswith("cas_") else None
    if not person:
        normal, _ = normalise(record)
        known_case = case or unit.find_case(_normal_number(number or written))
        person = unit.find_person(*person_key(normal), known_case)
        if person is None:
            return None
    if case is None and (number or written):
        case = unit.find_case(_normal_number(number or written))
        if case is None:
            return None  # a case of which the hub has not heard continues nothing
    for transfer in reversed(unit.about(person, case)):
        if (
            transfer.sender != agency
            and not transfer.parked
            and (_asks(unit, transfer, agency, asking) if asking else party(unit, transfer, agency))
            and transfer.exchange != "receipt"
        ):
            return transfer
    return None


def _asks(unit: Unit, transfer: StoredTransfer, agency: str, asking: Sequence[str]) -> bool:
    """Whether a transfer asks the agency for an answer of this kind."""
    return transfer.exchange in asking and any(
        delivery.recipient == agency and delivery.role == "to" for delivery in unit.deliveries(transfer.id)
    )


def _normal_number(number: Any) -> str | None:
    if not isinstance(number, str):
        return None
    record, _ = normalise({"case": {"number": number}})
    found = value_at(record, "case.number")
    return found if isinstance(found, str) else None


def party(unit: Unit, transfer: StoredTransfer, agency: str) -> bool:
    """Whether an agency sent a transfer, or is among its recipients."""
    return transfer.sender == agency or any(d.recipient == agency for d in unit.deliveries(transfer.id))


def _named(unit: Unit, body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The person and case that the envelope names by the hub's ids (a case also by its number)."""
    person, case = body.get("person"), body.get("case")
    faults = []
    if person and not unit.person_known(person):
        faults.append(
            Fault(
                "person.unknown",
                "/person",
                "没有这个人员编号（应为系统给出的编号，不是证件号码）",
                "no such person; the hub's own id is expected, not an ID number",
                value=person,
            )
        )
    if case and case.startswith("cas_") and not unit.case_known(case):
        faults.append(Fault("case.unknown", "/case", "没有这个案件编号", "no such case", value=case))
    if faults:
        raise Refused(faults)
    return person, case


def _another_person(unit: Unit, record: Mapping[str, Any], meant: str | None) -> list[Fault]:
    """The envelope names a person, or the transfer that is answered is about one, and the record's ID number is another's."""
    number, known = person_key(record)[0], unit.id_number_of(meant) if meant else None
    if number is None or known is None or number == known:
        return []
    return [
        Fault(
            "person.differs",
            "/record/person/id_number",
            "证件号码与person或in_reply_to所指的人员不是同一人，请核对",
            "the ID number is not that of the person whom `person` or `in_reply_to` means",
            value=value_at(record, "person.id_number"),
        )
    ]


def _named_documents(unit: Unit, agency: str, named: Sequence[Mapping[str, Any]]) -> tuple[StoredDocument, ...]:
    documents, faults = [], []
    for n, doc in enumerate(named):
        known = unit.document_known(doc["sha256"]) if unit.document_owned(doc["sha256"], agency) else None
        if known is None:
            faults.append(
                Fault(
                    "document.unknown",
                    f"/documents/{n}/sha256",
                    "该文书还没有上传：请先 POST /v1/documents",
                    "this document was not uploaded: POST /v1/documents first",
                    value=doc["sha256"],
                )
            )
            continue
        documents.append(
            StoredDocument(doc["sha256"], doc["title"], doc.get("kind"), doc.get("media_type") or known[1], known[0])
        )
    if faults:
        raise Refused(faults)
    return tuple(documents)


def _checked(hub: Hub, exchange: Exchange, record: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The record with its values normalised, and every fault of it (pointers from the request body)."""
    normal, faults = normalise(record)
    spoken = {fault.pointer for fault in faults}
    faults += [fault for fault in hub.validate_record(exchange.id, normal) if fault.pointer not in spoken]
    return normal, [replace(fault, pointer="/record" + fault.pointer) for fault in faults]


def _route(
    hub: Hub, exchange: Exchange, record: Mapping[str, Any], sender: str, origin: str | None, answered: str | None
) -> tuple[Routing, Judged]:
    """Who gets the record, and what the chart says of it; both by the rules of today."""
    resolver = Resolver(hub.catalogue, hub.agencies, record, sender, origin, answered, hub.clock.now().date())
    return resolver.route(exchange), resolver.judge(exchange)


# ------------------------------------------------------------------ records in a sender's own dialect
def submit_dialect(hub: Hub, agency: str, key: str | None, payload: bytes, media_type: str) -> dict[str, Any]:
    """`POST /v1/submissions`: raw bytes in the agency's own dialect, without its envelope.

    Returns `{submission, transfers, parked}`. Raises `Malformed`, `Conflict`, `Refused`.
    """
    speaks = hub.agencies[agency].speaks
    if speaks is None:
        raise NotAllowed(
            [
                Fault(
                    "dialect.none",
                    "",
                    "该单位没有登记自己的数据格式，请使用 POST /v1/transfers",
                    "this agency has no dialect of its own; use POST /v1/transfers",
                )
            ]
        )
    dialect = hub.dialects[speaks]
    if dialect.form.name != "xml":
        media_type = dialect.form.media_type  # what no declaration tells: in which encoding these bytes are shown again
    arrival = Arrival(agency, key or "", hashlib.sha256(payload).hexdigest(), "http", payload, media_type, speaks)
    try:
        message = dialect.read(None, {}, payload, agency)
    except HubError as error:
        keep_refusal(hub, arrival, error.faults)
        raise
    return receive_message(
        hub, replace(arrival, key=key or message.key or "", fingerprint=message.fingerprint), message, dialect
    )


def receive_message(hub: Hub, arrival: Arrival, message: Message, dialect: Dialect) -> dict[str, Any]:
    """A message that `dialect` has read: the good records go on, the bad ones are parked, or the whole is refused as
    the dialect declares. Returns `{submission, transfers, parked}`; the same answer for the same message again."""
    if answered := _answered_before(hub, arrival):
        return answered
    try:
        pieces = _pieces_of(hub, arrival.agency, dialect, message)
    except HubError as error:
        keep_refusal(hub, arrival, error.faults, message.exchange)
        raise
    return _keep_once(hub, arrival, pieces, _dialect_answer)


def _pieces_of(hub: Hub, agency: str, dialect: Dialect, message: Message) -> list[Piece]:
    """The transfers to be. Raises `Refused` where the dialect refuses what one of them breaks, or when none can go on
    and the dialect then refuses the whole."""
    if message.faults or message.exchange is None:
        raise Refused(message.faults)
    exchange = _allowed_exchange(hub, agency, message.exchange, "")
    pieces = [_piece_from_item(hub, agency, exchange, dialect, message, item) for item in message.items]
    if not pieces:
        raise Refused([Fault("record.empty", "", "报文中没有人员", "the message holds no person")])
    faults = [fault for piece in pieces for fault in piece.faults]
    refused = [fault for fault in faults if dialect.disposition(fault.rule) == "refused"]
    if refused or (all(piece.parked for piece in pieces) and dialect.disposition(NONE_GOES) == "refused"):
        raise Refused(refused or faults)
    return pieces


def _piece_from_item(
    hub: Hub, agency: str, exchange: Exchange, dialect: Dialect, message: Message, item: Item
) -> Piece:
    mapping = dialect.version(exchange.id)
    if item.record is None:
        return Piece(exchange, {}, item.label, None, item.faults, mapping=mapping)
    record = dict(item.record)
    documents = _documents_of(hub, record, item.blobs)
    faults = hub.validate_record(exchange.id, record)
    if faults:
        return Piece(exchange, record, item.label, None, _located(faults, item), documents, mapping=mapping)
    routing, judged = _route(hub, exchange, record, agency, None, None)
    trouble = judged.faults or routing.faults or _hint_differs(hub, routing, message.hint_agency, record)
    return Piece(
        exchange,
        record,
        item.label,
        routing,
        _located(trouble, item),
        documents,
        mapping=mapping,
        warnings=judged.warnings,
    )


def _located(faults: Sequence[Fault], item: Item) -> tuple[Fault, ...]:
    """Faults of the canonical record, told at the place in the sender's own record that it was read from."""
    return tuple(fault if fault.xpath else replace(fault, xpath=item.locate(fault.pointer)) for fault in faults)


def _hint_differs(hub: Hub, routing: Routing, hint: str | None, record: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The sender named a recipient, and by the place it would be another: a person must say which."""
    if hint is None or hint in routing.to:
        return ()
    resolved = "、".join(f"{a}（{hub.agency_name(a)}）" for a in routing.to)
    return (
        Fault(
            "place.differs",
            pointer_of("message.recipient_hint"),
            f"发送方所填接收单位为{hint}（{hub.agency_name(hint)}），按执行地应为{resolved}，待人工确认",
            f"the sender names {hint}, by the execution place it would be {', '.join(routing.to)}; a person must decide",
            value=value_at(record, "message.recipient_hint"),
        ),
    )


def _documents_of(hub: Hub, record: Mapping[str, Any], blobs: Mapping[str, Blob]) -> tuple[StoredDocument, ...]:
    """Put the contents that came with a record into the document store (claim check), before any transaction."""
    for blob in blobs.values():
        hub.documents.put(blob.content)
    return tuple(
        StoredDocument(
            d["sha256"],
            d.get("title") or d["sha256"][:12],
            _kind_text(d.get("kind")),
            blobs[d["sha256"]].media_type,
            len(blobs[d["sha256"]].content),
        )
        for d in record.get("documents") or ()
        if d.get("sha256") in blobs
    )


def _kind_text(kind: Any) -> str | None:
    return kind.get("text") or kind.get("code") if isinstance(kind, Mapping) else kind


# ------------------------------------------------------------------ once
def _answered_before(hub: Hub, arrival: Arrival) -> dict[str, Any] | None:
    """The first answer, when this is the same thing again. Raises `Conflict` when the key holds other content."""
    if not arrival.key or len(arrival.key) > KEY_LIMIT:
        fault = (
            Fault(
                "key.too-long",
                "/message/key",
                f"发送方编号不能超过{KEY_LIMIT}个字符",
                f"a key has at most {KEY_LIMIT} characters",
            )
            if arrival.key
            else Fault("key.missing", "/message/key", "缺少发送方编号（幂等键）", "the sender's key is missing")
        )
        keep_refusal(hub, arrival, [fault])
        raise Refused([fault])
    with hub.store.read() as unit:
        found = unit.submission_by_key(arrival.agency, arrival.key)
    return _same_or_conflict(hub, arrival, found) if found else None


def _same_or_conflict(hub: Hub, arrival: Arrival, found: StoredSubmission) -> dict[str, Any]:
    if found.answer is not None and (found.fingerprint == arrival.fingerprint or _same_by_now(hub, arrival, found)):
        with hub.store.begin() as unit:
            unit.note("submission.repeated", submission=found.id, agency=arrival.agency, key=arrival.key)
        return dict(found.answer)
    # over HTTP the key is the Idempotency-Key header, in a dialect it is the message's own number
    pointer = "#/header/Idempotency-Key" if arrival.channel == "http" else "/message/key"
    fault = Fault(
        "key.reused",
        pointer,
        f"编号“{arrival.key}”已用于另一内容（{found.id}），本次未接收；如需更正请换用新编号",
        f"the key {arrival.key!r} was used with other content ({found.id}); send a correction under a new key",
        value=arrival.key,
    )
    keep_refusal(hub, arrival, [fault])
    raise Conflict([fault])


def _same_by_now(hub: Hub, arrival: Arrival, found: StoredSubmission) -> bool:
    """Whether a message that came earlier is this one by the mapping in force, though another was when it came: what is volatile
    may have changed under a sender who is still repeating."""
    if not arrival.dialect or found.dialect != arrival.dialect:
        return False
    earlier = hub.history.message(found.id)
    try:
        kept = reopen(hub, earlier) if earlier else None
        if kept is None:
            return False
        dialect = hub.dialects[arrival.dialect]
        return dialect.read(kept.operation, kept.parts, kept.payload, arrival.agency).fingerprint == arrival.fingerprint
    except HubError:  # it cannot be read any more: then nobody can say that it is the same
        return False


def _keep_once(hub: Hub, arrival: Arrival, pieces: Sequence[Piece], answer: Any) -> dict[str, Any]:
    try:
        return _keep(hub, arrival, pieces, answer)
    except KeyTaken:
        # The same key came twice in one moment; the other one was first.
        answered = _answered_before(hub, arrival)
        assert answered is not None
        return answered


def _keep(hub: Hub, arrival: Arrival, pieces: Sequence[Piece], answer: Any) -> dict[str, Any]:
    """One transaction: the submission, its transfers and deliveries, the timeline, the ledger, and the answer."""
    with hub.store.begin() as unit:
        submission = _add_submission(unit, arrival, arrival.key, "accepted", ())
        unit.note(
            "submission.received",
            submission=submission,
            agency=arrival.agency,
            key=arrival.key,
            channel=arrival.channel,
            dialect=arrival.dialect,
            size=len(arrival.raw),
        )
        placed = _cases_and_persons(unit, pieces)
        unit.lock_persons(person for _, person in placed if person)
        unit.lock_lines(_lines(unit, pieces, placed))
        kept = [
            _keep_piece(hub, unit, submission, n, arrival, piece, *where)
            for n, (piece, where) in enumerate(zip(pieces, placed, strict=True))
        ]
        answered: dict[str, Any] = answer(unit, submission, kept)
        unit.set_answer(submission, answered)
        crashpoints.reach("intake.before-commit")
    crashpoints.reach("intake.after-commit")
    hub.wake.set()
    if arrival.dialect:
        hub.drift.look(
            arrival.agency,
            hub.dialects[arrival.dialect],
            submission,
            [
                Looked(piece.exchange.id, piece.record.get("unmapped") or {}, piece.faults, transfer.id)
                for piece, transfer in zip(pieces, kept, strict=True)
            ],
        )
    return answered


def _cases_and_persons(unit: Unit, pieces: Sequence[Piece]) -> list[tuple[str | None, str | None]]:
    """Case and person of each piece, made in sorted order (the order of locks). A parked piece may have neither."""
    cases: dict[int, str | None] = {}
    for n, piece in sorted(enumerate(pieces), key=lambda entry: str(value_at(entry[1].record, "case.number"))):
        number = value_at(piece.record, "case.number")
        if piece.case:
            cases[n] = piece.case
        elif isinstance(number, str) and len(number) <= CASE_NUMBER_LIMIT:
            cases[n] = unit.case_for(number)
        else:
            cases[n] = None if piece.parked else unit.case_for(None)
    keys = [person_key(piece.record) for piece in pieces]
    # A provisional person who is given a number is written to: whoever is known is locked first, in order.
    unit.lock_persons(
        known for n, key in enumerate(keys) if (known := pieces[n].person or unit.find_person(*key, cases[n]))
    )
    persons: dict[int, str | None] = {}
    for n, piece in sorted(enumerate(pieces), key=lambda entry: tuple(map(str, keys[entry[0]]))):
        case = cases[n]
        id_number, name = keys[n]
        if piece.person:
            persons[n] = piece.person
            if id_number is not None:
                unit.adopt(piece.person, id_number)
        elif case is None or (id_number is None and name is None):
            persons[n] = None
        else:
            persons[n] = unit.person_for(id_number, name, case)
    return [(cases[n], persons[n]) for n in range(len(pieces))]


def _lines(
    unit: Unit, pieces: Sequence[Piece], placed: Sequence[tuple[str | None, str | None]]
) -> set[tuple[str, str]]:
    lines: set[tuple[str, str]] = set()
    for piece, (case, person) in zip(pieces, placed, strict=True):
        if piece.parked or case is None:
            continue
        assert piece.routing
        lines |= {(recipient, case) for recipient in (*piece.routing.to, *piece.routing.copies)}
        if person and effective_on(piece.record):
            lines |= {(held.recipient, held.case) for held in unit.parked_for(person, case, NOT_IN_FORCE)}
    return lines


def _keep_piece(
    hub: Hub,
    unit: Unit,
    submission: str,
    ordinal: int,
    arrival: Arrival,
    piece: Piece,
    case: str | None,
    person: str | None,
) -> StoredTransfer:
    exchange = piece.exchange
    transfer = unit.add_transfer(
        submission=submission,
        ordinal=ordinal,
        exchange=exchange.id,
        sender=arrival.agency,
        origin=piece.origin,
        case=case,
        person=person,
        record=piece.record,
        faults=[fault.as_dict() for fault in piece.faults],
        parked=piece.parked,
        mapping=piece.mapping,
        label=piece.label,
        in_reply_to=piece.in_reply_to,
        message_key=arrival.key,
    )
    for doc in piece.documents:
        unit.keep_document(doc.sha256, doc.size, doc.media_type, arrival.agency)
    unit.attach(transfer, piece.documents)
    about: dict[str, Any] = {"submission": submission, "transfer": transfer, "person": person}
    if piece.parked:
        unit.note(
            "transfer.parked",
            **about,
            agency=arrival.agency,
            faults=[fault.as_dict() for fault in piece.faults],
            label=piece.label,
        )
        return _stored(unit, transfer)
    unit.note(
        "transfer.accepted",
        **about,
        agency=arrival.agency,
        exchange=exchange.id,
        label=piece.label,
        unmapped=len(piece.record.get("unmapped") or {}),
    )
    for zh, en in piece.warnings:
        unit.note("transfer.warned", **about, agency=arrival.agency, zh=zh, en=en)
    if piece.in_reply_to:
        _tell_who_asked(hub, unit, exchange, transfer, arrival.agency, piece.in_reply_to)
    assert case is not None
    assert piece.routing is not None
    open_deliveries(hub, unit, submission, transfer, exchange.id, person, case, piece.routing)
    if exchange.kept_by_hub:
        unit.refresh_status(transfer, exchange.wants_receipt)
        unit.note("transfer.kept", **about, agency=arrival.agency)
    if person:
        if exchange.hold and (waiting := pending(hub, unit, exchange, person)):
            unit.note(
                "transfer.held",
                **about,
                agency=arrival.agency,
                zh=exchange.hold.zh,
                en=exchange.hold.en,
                pending=[one.id for one in waiting],
            )
        _bring_into_force(hub, unit, submission, transfer, person, case, piece.record)
        stored = _stored(unit, transfer)
        settle_opening(hub, unit, exchange, stored)
        settle_recorded(hub, unit, exchange, stored)
    return _stored(unit, transfer)


def _tell_who_asked(hub: Hub, unit: Unit, exchange: Exchange, transfer: str, agency: str, asked: str) -> None:
    """On the timeline of what was asked: the answer has come."""
    found = unit.transfer(asked)
    if found is not None and found.exchange in hub.catalogue.answered_by(exchange.id):
        unit.note(
            "transfer.replied",
            submission=found.submission,
            transfer=found.id,
            person=found.person,
            agency=agency,
            exchange=exchange.id,
            reply=transfer,
        )


def open_deliveries(
    hub: Hub,
    unit: Unit,
    submission: str,
    transfer: str,
    exchange: str,
    person: str | None,
    case: str,
    routing: Routing,
) -> None:
    """A delivery for every recipient; the lines are locked. Each is written by the release that is in force now, however
    late its recipient can be reached and whatever comes into force meanwhile."""
    chosen: dict[str, str] = {}
    for role, recipients in (("to", routing.to), ("copy", routing.copies)):
        for recipient in recipients:
            delivery, state = unit.add_delivery(transfer, recipient, role, case)
            unit.note(
                "delivery.queued",
                submission=submission,
                transfer=transfer,
                delivery=delivery,
                person=person,
                agency=recipient,
                role=role,
                waiting=state is DeliveryState.WAITING,
            )
            written_by = hub.mapping_for(hub.agencies.get(recipient), exchange)
            if written_by is not None and written_by.release is not None:
                chosen[delivery] = written_by.release
    unit.choose_mappings(chosen)
    for gap in routing.gaps:
        unit.note("copy.nobody", submission=submission, transfer=transfer, person=person, fault=gap.as_dict())


def _bring_into_force(
    hub: Hub, unit: Unit, submission: str, transfer: str, person: str, case: str, record: Mapping[str, Any]
) -> None:
    """A later notice brings the day of effect that earlier deliveries were waiting for (尚未生效)."""
    if not effective_on(record):
        return
    for seen in unit.parked_for(person, case, NOT_IN_FORCE):
        held = unit.delivery(seen.id, lock=True)
        if held is None or held.state is not DeliveryState.PARKED:
            continue  # a person found another way out in the same moment
        unit.step(held, DeliveryState.READY, reason=None, rendition_id=None, attempts=0, due_at=hub.clock.technical())
        now_in_force(hub, unit, held, record, by=transfer)


def _stored(unit: Unit, transfer: str) -> StoredTransfer:
    found = unit.transfer(transfer)
    assert found is not None
    return found


def _add_submission(unit: Unit, arrival: Arrival, key: str | None, status: str, faults: Sequence[Fault]) -> str:
    """What came, as it came. `key` is None for what was refused: it stays free for a correction."""
    return unit.add_submission(
        agency=arrival.agency,
        key=key,
        tried_key=arrival.key[:KEY_LIMIT] or None,
        fingerprint=arrival.fingerprint,
        channel=arrival.channel,
        dialect=arrival.dialect,
        operation=arrival.operation,
        media_type=arrival.media_type,
        raw=arrival.raw,
        raw_size=len(arrival.raw),
        status=status,
        faults=[fault.as_dict() for fault in faults],
    )


def keep_refusal(hub: Hub, arrival: Arrival, faults: Sequence[Fault], exchange: str | None = None) -> str:
    """What was refused is kept too, with why: nothing that came in is lost, and the key stays free for a correction."""
    with hub.store.begin() as unit:
        submission = _add_submission(unit, arrival, None, "refused", faults)
        unit.note(
            "submission.refused",
            submission=submission,
            agency=arrival.agency,
            key=arrival.key,
            channel=arrival.channel,
            faults=[fault.as_dict() for fault in faults],
        )
    if arrival.dialect and exchange:
        hub.drift.look(arrival.agency, hub.dialects[arrival.dialect], submission, [Looked(exchange, {}, tuple(faults))])
    return submission


# ------------------------------------------------------------------ answers
def _one(unit: Unit, transfer: StoredTransfer) -> dict[str, Any]:
    return {
        "id": transfer.id,
        "submission": transfer.submission,
        "case": transfer.case,
        "person": transfer.person,
        "status": transfer.status,
        "deliveries": [
            {"id": d.id, "recipient": d.recipient, "role": d.role, "status": d.state.value}
            for d in unit.deliveries(transfer.id)
        ],
    }


def _record_answer(unit: Unit, submission: str, kept: Sequence[StoredTransfer]) -> dict[str, Any]:
    return _one(unit, kept[0])


def _dialect_answer(unit: Unit, submission: str, kept: Sequence[StoredTransfer]) -> dict[str, Any]:
    parked = [
        {
            "pointer": fault["pointer"],
            "rule": fault["rule"],
            "message": f"{fault['xpath']}：{fault['zh']}" if fault.get("xpath") else fault["zh"],
            "person": transfer.label,
            "transfer": transfer.id,
        }
        for transfer in kept
        if transfer.parked
        for fault in transfer.faults
    ]
    return {"submission": submission, "transfers": [_one(unit, transfer) for transfer in kept], "parked": parked}
