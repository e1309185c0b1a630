"""Read-only answers for API, console and command line. A viewer sees what its agency sent, received or supervises;
`viewer=None` is an operator of the hub itself and sees everything (P10: no rule means no).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, and_, exists, func, or_, select

from hub.domain.exchanges import Condition, Exchange
from hub.domain.faults import Fault, NotFound, Refused
from hub.domain.records import normalise, person_key
from hub.domain.transfers import DeliveryState
from hub.domain.values import CaseNumber, NotValid
from hub.flow.canonical_form import inbox_item
from hub.flow.parts import Hub
from hub.store import tables as t
from hub.store.unit import Unit, _delivery, _transfer
from hub.translation.codelists import CodeList

LOCAL = ZoneInfo("Asia/Shanghai")
#: What lies in an inbox: it has arrived and has no receipt yet.
IN_INBOX = DeliveryState.DELIVERED.value


def iso(time: datetime | None) -> str | None:
    return time.astimezone(LOCAL).isoformat() if time else None


# ------------------------------------------------------------------ who may see what
def _visible(hub: Hub, viewer: str | None) -> Any:
    """The condition on `transfer` rows that a viewer may see."""
    if viewer is None:
        return t.transfer.c.id.is_not(None)
    received = exists().where(t.delivery.c.transfer_id == t.transfer.c.id, t.delivery.c.recipient == viewer)
    seen = [t.transfer.c.sender == viewer, received]
    agency = hub.agencies[viewer]
    if agency.kind in hub.catalogue.supervisors:
        supervised = [a.id for a in hub.agencies if a.place.startswith(_territory(agency.place))]
        seen.append(t.transfer.c.sender.in_(supervised))
        seen.append(exists().where(t.delivery.c.transfer_id == t.transfer.c.id, t.delivery.c.recipient.in_(supervised)))
    return or_(*seen)


def _territory(place: str) -> str:
    """What the place codes of a county, or of the counties of a city, begin with (GB/T 2260: pairs of digits; a county's
    own code may end in one zero, such as 370830)."""
    return place[:4] if place[4:] == "00" and place[2:4] != "00" else place


def _no_such(pointer: str, value: str, zh: str, en: str) -> NotFound:
    return NotFound([Fault("not-found", pointer, zh, en, value=value)])


# ------------------------------------------------------------------ transfers
def transfers(
    hub: Hub, viewer: str | None, filters: Mapping[str, Any], limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """`{items, next}`, newest first. Filters: case (id or number), person, exchange, agency, state, since, until."""
    query = select(t.transfer).where(_visible(hub, viewer), *_filters(filters))
    if after:
        query = query.where(t.transfer.c.seq < _cursor(after))
    with hub.database.read() as db:
        rows = db.execute(query.order_by(t.transfer.c.seq.desc()).limit(limit + 1)).all()
        items = [_summary(db, row) for row in rows[:limit]]
    return {"items": items, "next": str(rows[limit - 1].seq) if len(rows) > limit else None}


def _filters(filters: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    if case := filters.get("case"):
        if case.startswith("cas_"):
            found.append(t.transfer.c.case_id == case)
        else:
            try:
                number = CaseNumber.parse(case).text
            except NotValid as error:
                raise Refused([Fault(error.rule, "/case", error.zh, error.en, value=case)]) from error
            found.append(t.transfer.c.case_id.in_(select(t.case.c.id).where(t.case.c.number == number)))
    if person := filters.get("person"):
        found.append(t.transfer.c.person_id == person)
    if exchange := filters.get("exchange"):
        found.append(t.transfer.c.exchange == exchange)
    if agency := filters.get("agency"):
        found.append(
            or_(
                t.transfer.c.sender == agency,
                exists().where(t.delivery.c.transfer_id == t.transfer.c.id, t.delivery.c.recipient == agency),
            )
        )
    if state := filters.get("state"):
        found.append(
            or_(
                t.transfer.c.status == state,
                exists().where(t.delivery.c.transfer_id == t.transfer.c.id, t.delivery.c.status == state),
            )
        )
    if since := filters.get("since"):
        found.append(t.transfer.c.accepted_at >= since)
    if until := filters.get("until"):
        found.append(t.transfer.c.accepted_at < until)
    return found


def _cursor(after: str) -> int:
    if not after.isdigit() or len(after) > 18:
        raise Refused(
            [
                Fault(
                    "page.after",
                    "/after",
                    "翻页标记无效：请使用上一页返回的next",
                    "not a page mark: use the `next` of the page before",
                    value=after,
                )
            ]
        )
    return int(after)


def _summary(db: Connection, row: Row[Any]) -> dict[str, Any]:
    transfer = _transfer(row)
    deliveries = db.execute(
        select(t.delivery).where(t.delivery.c.transfer_id == transfer.id).order_by(t.delivery.c.seq)
    )
    return {
        "id": transfer.id,
        "submission": transfer.submission,
        "exchange": transfer.exchange,
        "sender": transfer.sender,
        "case": transfer.case,
        "person": transfer.person,
        "status": transfer.status,
        "accepted_at": iso(transfer.accepted_at),
        "in_reply_to": transfer.in_reply_to,
        "label": transfer.label,
        "deliveries": [{"id": d.id, "recipient": d.recipient, "role": d.role, "status": d.status} for d in deliveries],
    }


def _find_transfer(db: Connection, hub: Hub, viewer: str | None, transfer_id: str) -> Row[Any]:
    row = db.execute(select(t.transfer).where(t.transfer.c.id == transfer_id, _visible(hub, viewer))).first()
    if row is None:
        raise _no_such("", transfer_id, "没有这个移送，或无权查看", "no such transfer, or none that you may see")
    return row


def transfer(hub: Hub, viewer: str | None, transfer_id: str) -> dict[str, Any]:
    """One transfer: its record, documents, faults, deliveries with attempts and receipts."""
    with hub.database.read() as db:
        row = _find_transfer(db, hub, viewer, transfer_id)
        found = _summary(db, row)
        documents = db.execute(
            select(t.transfer_document)
            .where(t.transfer_document.c.transfer_id == transfer_id)
            .order_by(t.transfer_document.c.n)
        )
        found["record"] = row.record
        found["documents"] = [
            {"sha256": d.sha256, "title": d.title, "kind": d.kind, "media_type": d.media_type, "size": d.size}
            for d in documents
        ]
        found["unmapped"] = row.record.get("unmapped") or {}
        found["parked"] = (
            [{"pointer": f["pointer"], "rule": f["rule"], "message": f["zh"]} for f in row.faults] if row.parked else []
        )
        found["mapping"] = row.mapping
        found["deliveries"] = [
            _delivery_detail(db, d)
            for d in db.execute(
                select(t.delivery).where(t.delivery.c.transfer_id == transfer_id).order_by(t.delivery.c.seq)
            ).all()
        ]
    return found


def _delivery_detail(db: Connection, row: Row[Any]) -> dict[str, Any]:
    delivery = _delivery(row)
    attempts = db.execute(select(t.attempt).where(t.attempt.c.delivery_id == delivery.id).order_by(t.attempt.c.seq))
    receipt = db.execute(select(t.receipt).where(t.receipt.c.delivery_id == delivery.id)).first()
    renditions = db.execute(
        select(t.rendition).where(t.rendition.c.delivery_id == delivery.id).order_by(t.rendition.c.number)
    )
    reason = delivery.reason if delivery.reason and "zh" in delivery.reason else None
    return {
        "id": delivery.id,
        "recipient": delivery.recipient,
        "role": delivery.role,
        "status": delivery.state.value,
        "delivered_at": iso(delivery.delivered_at),
        "due_at": iso(delivery.due_at) if delivery.state is DeliveryState.READY else None,
        "reason": {"rule": reason["rule"], "message": reason["zh"]} if reason else None,
        "renditions": [
            {
                "id": r.id,
                "message_id": r.message_id,
                "transport": r.transport,
                "dialect": r.dialect,
                "mapping": r.mapping,
                "frozen_at": iso(r.frozen_at),
            }
            for r in renditions
        ],
        "attempts": [
            {
                "number": a.number,
                "phase": a.phase,
                "started_at": iso(a.started_at),
                "finished_at": iso(a.finished_at),
                "outcome": a.outcome,
                "code": a.code,
                "message": a.message,
            }
            for a in attempts
        ],
        "receipt": {
            "id": receipt.id,
            "outcome": receipt.outcome,
            "reason": receipt.reason,
            "number": receipt.number,
            "given_by": receipt.given_by,
            "strength": receipt.strength,
            "given_at": iso(receipt.given_at),
        }
        if receipt
        else None,
    }


def timeline(hub: Hub, viewer: str | None, transfer_id: str) -> dict[str, Any]:
    """`{items: [{at, kind, agency, delivery, facts}]}` of one transfer and its submission, in order."""
    with hub.database.read() as db:
        row = _find_transfer(db, hub, viewer, transfer_id)
        own = and_(t.timeline.c.submission_id == row.submission_id, t.timeline.c.transfer_id.is_(None))
        rows = db.execute(
            select(t.timeline).where(or_(t.timeline.c.transfer_id == transfer_id, own)).order_by(t.timeline.c.seq)
        ).all()
    return {"items": [_event(r) for r in rows]}


def _event(row: Row[Any]) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": iso(row.at),
        "recorded_at": iso(row.recorded_at),
        "kind": row.kind,
        "agency": row.agency,
        "transfer": row.transfer_id,
        "delivery": row.delivery_id,
        "person": row.person_id,
        "submission": row.submission_id,
        "facts": row.facts,
    }


def events(hub: Hub, where: Mapping[str, str], limit: int = 500) -> list[dict[str, Any]]:
    """The timeline of a person, or of everything (`where={}`), in order. For an operator."""
    query = select(t.timeline)
    if person := where.get("person"):
        query = query.where(t.timeline.c.person_id == person)
    with hub.database.read() as db:
        return [_event(row) for row in db.execute(query.order_by(t.timeline.c.seq).limit(limit))]


def forms(hub: Hub, viewer: str | None, transfer_id: str) -> dict[str, Any]:
    """The three forms of a transfer side by side: as received, canonical, and as sent to each recipient."""
    with hub.database.read() as db:
        row = _find_transfer(db, hub, viewer, transfer_id)
        received = db.execute(select(t.submission).where(t.submission.c.id == row.submission_id)).one()
        sent = db.execute(
            select(t.rendition, t.delivery.c.recipient)
            .join(t.delivery, t.delivery.c.id == t.rendition.c.delivery_id)
            .where(t.delivery.c.transfer_id == transfer_id)
            .order_by(t.rendition.c.frozen_at)
        ).all()
    mine = viewer is None or viewer == row.sender
    return {
        "received": {
            "channel": received.channel,
            "dialect": received.dialect,
            "media_type": received.media_type,
            "raw": received.raw,
        }
        if mine
        else None,
        "canonical": row.record,
        "sent": [
            {
                "recipient": r.recipient,
                "transport": r.transport,
                "dialect": r.dialect,
                "media_type": r.media_type,
                "payload": r.payload,
                "facts": r.facts,
                "message_id": r.message_id,
            }
            for r in sent
            if mine or r.recipient == viewer
        ],
    }


def refusals(hub: Hub, limit: int = 50, agency: str | None = None) -> list[dict[str, Any]]:
    """What was refused at the door, newest first, with why."""
    query = select(t.submission).where(t.submission.c.status == "refused")
    if agency:
        query = query.where(t.submission.c.agency == agency)
    with hub.database.read() as db:
        rows = db.execute(query.order_by(t.submission.c.recorded_at.desc()).limit(limit)).all()
    return [
        {
            "submission": r.id,
            "agency": r.agency,
            "key": r.tried_key,
            "channel": r.channel,
            "at": iso(r.received_at),
            "faults": r.faults,
        }
        for r in rows
    ]


def counts(hub: Hub) -> dict[str, int]:
    """How many transfers are in each status, for the console's first look."""
    with hub.database.read() as db:
        rows = db.execute(select(t.transfer.c.status, func.count()).group_by(t.transfer.c.status)).all()
    return {row[0]: row[1] for row in rows}


# ------------------------------------------------------------------ inbox and documents
def inbox(hub: Hub, agency: str, limit: int = 50, after: str | None = None) -> dict[str, Any]:
    """`{items, next}`: what has arrived for an agency and has no receipt yet, in order of arrival at the hub."""
    query: Select[Any] = select(t.delivery).where(t.delivery.c.recipient == agency, t.delivery.c.status == IN_INBOX)
    if after:
        query = query.where(t.delivery.c.seq > _cursor(after))
    with hub.database.read() as db:
        unit = Unit(db, hub.clock, hub.ids)
        rows = db.execute(query.order_by(t.delivery.c.seq).limit(limit + 1)).all()
        items = []
        for row in rows[:limit]:
            transfer_row = unit.transfer(row.transfer_id)
            assert transfer_row is not None
            items.append(inbox_item(_delivery(row), transfer_row, unit.documents(row.transfer_id)))
    return {"items": items, "next": str(rows[limit - 1].seq) if len(rows) > limit else None}


def document(hub: Hub, viewer: str | None, sha256: str) -> tuple[bytes, str]:
    """A document's bytes and media type, for who uploaded it or may see a transfer that carries it."""
    with hub.database.read() as db:
        row = db.execute(select(t.document).where(t.document.c.sha256 == sha256)).first()
        own = db.execute(
            select(t.document_owner.c.agency).where(
                t.document_owner.c.sha256 == sha256, t.document_owner.c.agency == viewer
            )
        ).first()
        carried = db.execute(
            select(t.transfer.c.id)
            .join(t.transfer_document, t.transfer_document.c.transfer_id == t.transfer.c.id)
            .where(t.transfer_document.c.sha256 == sha256, _visible(hub, viewer))
            .limit(1)
        ).first()
    if row is None or not (viewer is None or own or carried):
        raise _no_such("", sha256, "没有这份文书，或无权查看", "no such document, or none that you may see")
    return hub.documents.get(sha256), row.media_type


def put_document(hub: Hub, agency: str, content: bytes, media_type: str) -> dict[str, Any]:
    """Keep an uploaded document: `{sha256, size, media_type}`."""
    sha256 = hub.documents.put(content)
    with hub.store.begin() as unit:
        unit.keep_document(sha256, len(content), media_type, agency)
        size, kept_type = unit.document_known(sha256) or (len(content), media_type)
    return {"sha256": sha256, "size": size, "media_type": kept_type}


# ------------------------------------------------------------------ persons
def _may_see_person(db: Connection, hub: Hub, viewer: str | None, person: str) -> bool:
    return (
        db.execute(
            select(t.transfer.c.id).where(t.transfer.c.person_id == person, _visible(hub, viewer)).limit(1)
        ).first()
        is not None
    )


def responsibility(hub: Hub, viewer: str | None, person: str) -> dict[str, Any]:
    """Who answers for a person: `{person, holder, since, cause, in_transit, dispute, history}`. After the end the holder is
    None, and `since` and `cause` say when and why it ended."""
    with hub.database.read() as db:
        known = db.execute(select(t.person.c.id).where(t.person.c.id == person)).first()
        if known is None or not _may_see_person(db, hub, viewer, person):
            raise _no_such("", person, "没有这个人员，或无权查看", "no such person, or none that you may see")
        lines = db.execute(
            select(t.responsibility).where(t.responsibility.c.person_id == person).order_by(t.responsibility.c.number)
        ).all()
        transit = db.execute(select(t.transit).where(t.transit.c.person_id == person)).first()
        dispute = db.execute(
            select(t.dispute)
            .where(t.dispute.c.person_id == person, t.dispute.c.settled_at.is_(None))
            .order_by(t.dispute.c.opened_at.desc())
            .limit(1)
        ).first()
    history = [{"holder": t.holder_of(line), "since": iso(line.since), "cause": _cause(line)} for line in lines]
    last = history[-1] if history else None
    return {
        "person": person,
        "holder": last["holder"] if last else None,
        "since": last["since"] if last else None,
        "cause": last["cause"] if last else None,
        "in_transit": {"to": transit.to_agency, "since": iso(transit.since), "due": transit.due} if transit else None,
        "dispute": {
            "id": dispute.id,
            "transfer": dispute.transfer_id,
            "opened_at": iso(dispute.opened_at),
            "message": dispute.zh,
        }
        if dispute
        else None,
        "history": history,
    }


def _cause(line: Row[Any]) -> dict[str, Any]:
    return {"exchange": line.exchange, "transfer": line.transfer_id, "receipt": line.receipt_id}


def search_person(hub: Hub, viewer: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """`{items: [{person, name, id_number, provisional}]}` by ID number or by exact name, of persons that the viewer may see."""
    record, faults = normalise({"person": {key: body[key] for key in ("id_number", "name") if body.get(key)}})
    if faults:
        raise Refused([Fault(f.rule, f.pointer.removeprefix("/person"), f.zh, f.en, value=f.value) for f in faults])
    number, name = person_key(record)
    if number is None and name is None:
        raise Refused([Fault("search.empty", "", "请填写证件号码或姓名", "give an id_number or a name")])
    query = (
        select(t.person).where(t.person.c.id_number == number)
        if number
        else select(t.person).where(t.person.c.name == name)
    )
    with hub.database.read() as db:
        rows = [
            row
            for row in db.execute(query.order_by(t.person.c.id).limit(100))
            if _may_see_person(db, hub, viewer, row.id)
        ]
    return {"items": [_person(row) for row in rows]}


def _person(row: Row[Any]) -> dict[str, Any]:
    return {"person": row.id, "name": row.name, "id_number": row.id_number, "provisional": row.provisional}


def persons(hub: Hub, viewer: str | None, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    with hub.database.read() as db:
        return {
            row.id: _person(row)
            for row in db.execute(select(t.person).where(t.person.c.id.in_(ids)))
            if _may_see_person(db, hub, viewer, row.id)
        }


def everybody(hub: Hub, limit: int = 200) -> list[dict[str, Any]]:
    """Every person, for an operator's pages and the demo, in the order they came to the hub."""
    with hub.database.read() as db:
        return [
            _person(row)
            for row in db.execute(select(t.person).order_by(t.person.c.created_at, t.person.c.id).limit(limit))
        ]


# ------------------------------------------------------------------ configuration
def agencies(hub: Hub) -> dict[str, Any]:
    return {"items": [agency(hub, found.id) for found in hub.agencies]}


def agency(hub: Hub, agency_id: str) -> dict[str, Any]:
    found = hub.agencies.get(agency_id)
    if found is None:
        raise _no_such("", agency_id, "没有这个单位", "no such agency")
    return {
        "id": found.id,
        "kind": found.kind,
        "place": found.place,
        "name": found.name,
        "name_en": found.name_en,
        "parent": found.parent,
        "speaks": found.speaks,
        "reach": [{"transport": r.transport, "dialect": r.dialect} for r in found.reach],
    }


def exchanges(hub: Hub) -> dict[str, Any]:
    return {"items": [exchange(hub, name) for name in hub.catalogue.exchanges]}


def exchange(hub: Hub, name: str) -> dict[str, Any]:
    found = hub.catalogue.get(name)
    if found is None:
        raise _no_such("", name, "没有这种移送", "no such exchange")
    catalogue = hub.catalogue
    return {
        "id": found.id,
        "zh": found.zh,
        "en": found.en,
        "phase": found.phase,
        "about": found.about,
        "channel": found.channel,
        "emergency": found.emergency,
        "from": list(found.senders),
        "to": list(found.to),
        "copies": [copy.role for copy in found.copies],
        "copying": [
            {
                "role": copy.role,
                "same_county": list(copy.same_county or ()),
                "other_county": list(copy.other_county or ()),
                "rules": list(copy.rules),
                "restricted_to": _restriction(copy.only),
            }
            for copy in found.copies
        ],
        "documents": list(found.documents),
        "reply": found.reply,
        "answers": list(catalogue.answered_by(found.id)) if catalogue.only_answers(found.id) else [],
        "outcomes": [{"id": one.id, "zh": one.zh, "en": one.en} for one in found.outcomes],
        "feedback": {"zh": found.feedback[0], "en": found.feedback[1]} if found.feedback else None,
        "counterpart": found.counterpart,
        "escalates": found.escalates,
        "rules": list(found.rules),
        "when": [{**_condition(one), "otherwise": one.otherwise} for one in found.when],
        "warn": [_condition(one) for one in found.warn],
        "levels": [
            {
                "zh": level.zh,
                "en": level.en,
                "over": [{"at": path, "more_than": limit} for path, limit in level.over.items()],
                "decides": level.decides,
                "to": list(level.to),
                "copies": list(level.copies),
            }
            for level in found.levels
        ],
        "hold": {"zh": found.hold.zh, "en": found.hold.en, "pending": list(found.hold.pending)} if found.hold else None,
        "clocks": [
            {
                "within": clock.within,
                "every": clock.every,
                "unit": clock.unit,
                "start": clock.start,
                "stop": clock.stop,
                "rules": clock.rules,
                "when": _condition(clock.when) if clock.when else None,
                "checked": clock.checked,
                "note": clock.note,
            }
            for clock in found.clocks
        ],
        "responsibility": _effect(found),
        "basis": found.basis,
        "checked": found.checked,
        "note": found.note,
    }


def codelists(hub: Hub, name: str | None = None) -> dict[str, Any]:
    """Every code list, or the one of a name. Raises `NotFound`."""
    if name is not None and name not in hub.codelists:
        raise _no_such("#/query/name", name, "没有这个代码表", "no such code list")
    return {"items": [_codelist(found) for known, found in hub.codelists.items() if name in (None, known)]}


def _codelist(found: CodeList) -> dict[str, Any]:
    also: dict[str, list[str]] = {}
    for word, code in found.words.items():
        if word not in (code, found.names[code]):
            also.setdefault(code, []).append(word)
    return {
        "name": found.name,
        "zh": found.zh,
        "coded": found.coded,
        "unknown": "carry" if found.carry else "refuse",
        "edition": found.edition,
        "codes": [
            {"code": code, "means": means, "also_read": also.get(code, [])} for code, means in found.names.items()
        ],
    }


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "zh": condition.zh,
        "en": condition.en,
        "at": condition.at,
        "among": [_plain(value) for value in condition.among],
        "same_county": list(condition.same_county or ()),
        "other_county": list(condition.other_county or ()),
        "sender_level": list(condition.sender_level),
    }


def _restriction(only: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [{"at": path, "among": [_plain(value) for value in values]} for path, values in only.items()]


def _plain(value: Any) -> str:
    """A value of a record as text: true and false as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _effect(exchange: Exchange) -> dict[str, Any]:
    """What the exchange does to responsibility for the person."""
    opens, moves, ends = exchange.opens, exchange.moves, exchange.ends
    return {
        "opens": {"holder": opens.holder, "to": opens.to, "due": opens.due, "restricted_to": _restriction(opens.only)}
        if opens
        else None,
        "moves": {
            "on": moves.on,
            "event": {"zh": moves.zh, "en": moves.en},
            "expected": list(moves.expected),
            "to": moves.to,
            "strength": moves.strength,
        }
        if moves
        else None,
        "ends": {
            "on": ends.on,
            "event": {"zh": ends.zh, "en": ends.en},
            "expected": list(ends.expected),
            "strength": ends.strength,
            "restricted_to": _restriction(ends.only),
            "taken_over": list(ends.taken_over),
        }
        if ends
        else None,
    }
