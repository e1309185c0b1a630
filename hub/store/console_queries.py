"""Read-only answers that only the console's pages need: whole lists in a few queries, reasons in both languages.

For an operator of the hub, who sees everything; what an agency may see is decided in `hub.store.queries`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, func, or_, select

from hub.domain.faults import Fault, NotFound, Refused
from hub.domain.transfers import DeliveryState
from hub.domain.values import CaseNumber, NotValid
from hub.flow.parts import Hub
from hub.store import tables as t
from hub.store.chart_counts import STANDINGS, standing
from hub.store.queries import iso

#: Statuses of a transfer as a whole, and states of a single delivery, that a list can be narrowed to.
TRANSFER_STATUSES = ("parked", "accepted", "delivering", "delivered", "answered", "kept", "withdrawn")
DELIVERY_STATES = (
    DeliveryState.UNKNOWN.value,
    DeliveryState.RETURNED.value,
    DeliveryState.WAITING.value,
    DeliveryState.SUBMITTED.value,
)
#: How many of the latest attempts are looked at for what an agency last did: bounded, so that the page stays quick.
LATEST_ATTEMPTS = 5_000
#: Outcomes of an attempt after which the recipient has the record.
ARRIVED = frozenset({"done", "duplicate", "submitted"})
OPEN = tuple(
    state.value
    for state in (
        DeliveryState.WAITING,
        DeliveryState.READY,
        DeliveryState.RELEASED,
        DeliveryState.ATTEMPTING,
        DeliveryState.SUBMITTED,
        DeliveryState.PARKED,
        DeliveryState.UNKNOWN,
    )
)


# ------------------------------------------------------------------ lists
def transfers(hub: Hub, filters: Mapping[str, str], limit: int = 50, after: int | None = None) -> dict[str, Any]:
    """`{items, next}`, newest first, `next` being the mark of the following page or None.

    Filters: case (a number as anybody writes it, or the hub's id), person (id), exchange, agency, state (one of
    `TRANSFER_STATUSES`, `DELIVERY_STATES` or `STANDINGS`). Raises `Refused` for a case number that is none.
    """
    query = select(t.transfer).where(*_conditions(hub, filters))
    if after is not None:
        query = query.where(t.transfer.c.seq < after)
    with hub.database.read() as db:
        rows = db.execute(query.order_by(t.transfer.c.seq.desc()).limit(limit + 1)).all()
        items = _items(db, rows[:limit])
    return {"items": items, "next": rows[limit - 1].seq if len(rows) > limit else None}


def _conditions(hub: Hub, filters: Mapping[str, str]) -> list[Any]:
    found: list[Any] = []
    if case := filters.get("case"):
        found.append(
            t.transfer.c.case_id == case
            if case.startswith("cas_")
            else t.transfer.c.case_id.in_(select(t.case.c.id).where(t.case.c.number == _case_number(case)))
        )
    if person := filters.get("person"):
        found.append(t.transfer.c.person_id == person)
    if exchange := filters.get("exchange"):
        found.append(t.transfer.c.exchange == exchange)
    if agency := filters.get("agency"):
        found.append(or_(t.transfer.c.sender == agency, _has_delivery(t.delivery.c.recipient == agency)))
    if (state := filters.get("state")) in STANDINGS:
        found.append(standing(hub, state))
    elif state:
        found.append(
            _has_delivery(t.delivery.c.status == state) if state in DELIVERY_STATES else t.transfer.c.status == state
        )
    return found


def _case_number(written: str) -> str:
    try:
        return CaseNumber.parse(written).text
    except NotValid as error:
        raise Refused([Fault(error.rule, "/case", error.zh, error.en, value=written)]) from error


def _has_delivery(condition: Any) -> Any:
    return exists().where(t.delivery.c.transfer_id == t.transfer.c.id, condition)


def _items(db: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Transfers with their persons, cases and deliveries, in four queries however many there are."""
    ids = [row.id for row in rows]
    people = {
        row.id: row for row in db.execute(select(t.person).where(t.person.c.id.in_({row.person_id for row in rows})))
    }
    numbers = {
        row.id: row.number for row in db.execute(select(t.case).where(t.case.c.id.in_({row.case_id for row in rows})))
    }
    told = db.execute(
        select(t.delivery, t.receipt.c.reason.label("said"))
        .outerjoin(t.receipt, t.receipt.c.delivery_id == t.delivery.c.id)
        .where(t.delivery.c.transfer_id.in_(ids))
        .order_by(t.delivery.c.seq)
    ).all()
    sent: dict[str, list[dict[str, Any]]] = {transfer: [] for transfer in ids}
    for d in told:
        sent[d.transfer_id].append(
            {
                "id": d.id,
                "recipient": d.recipient,
                "role": d.role,
                "status": d.status,
                "said": d.said,
                "reason": _reason(d.reason),
            }
        )
    return [
        {
            "id": row.id,
            "exchange": row.exchange,
            "sender": row.sender,
            "label": row.label,
            "status": row.status,
            "parked": row.parked,
            "faults": row.faults if row.parked else [],
            "accepted_at": iso(row.accepted_at),
            "in_reply_to": row.in_reply_to,
            "person": _person(people.get(row.person_id)),
            "case": _case(row.case_id, numbers),
            "deliveries": sent[row.id],
        }
        for row in rows
    ]


def _reason(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Why a delivery is where it is. What the flow keeps there for its own use has no sentence and is not shown."""
    return dict(found) if found and "zh" in found else None


def _person(row: Row[Any] | None) -> dict[str, Any] | None:
    return {"id": row.id, "name": row.name, "id_number": row.id_number, "provisional": row.provisional} if row else None


def _case(case: str | None, numbers: Mapping[str, str | None]) -> dict[str, Any] | None:
    return {"id": case, "number": numbers.get(case)} if case else None


def counts(hub: Hub) -> dict[str, int]:
    """How many transfers are in each status, and how many have a delivery that is unknown or was returned."""
    with hub.database.read() as db:
        found = {
            row[0]: int(row[1])
            for row in db.execute(select(t.transfer.c.status, func.count()).group_by(t.transfer.c.status))
        }
        for state in (DeliveryState.UNKNOWN.value, DeliveryState.RETURNED.value):
            found[state] = int(
                db.execute(
                    select(func.count(t.delivery.c.transfer_id.distinct())).where(t.delivery.c.status == state)
                ).scalar_one()
            )
        found["refused"] = int(db.execute(select(func.count()).where(t.submission.c.status == "refused")).scalar_one())
    return found


# ------------------------------------------------------------------ one transfer
def around(hub: Hub, transfer: str) -> dict[str, Any]:
    """What stands around a transfer: its person and case, what it answers and what answers it, what came in the same
    message, its faults, and why each of its deliveries is where it is. Raises `NotFound`."""
    with hub.database.read() as db:
        row = db.execute(select(t.transfer).where(t.transfer.c.id == transfer)).first()
        if row is None:
            raise NotFound([Fault("not-found", "", "没有这个移送", "no such transfer", value=transfer)])
        linked = select(t.transfer).order_by(t.transfer.c.seq)
        own = _items(db, [row])[0]
        return own | {
            "submission": row.submission_id,
            "message_key": row.message_key,
            "mapping": row.mapping,
            "answers": _items(db, db.execute(linked.where(t.transfer.c.id == row.in_reply_to)).all()),
            "answered_by": _items(db, db.execute(linked.where(t.transfer.c.in_reply_to == transfer)).all()),
            "beside": _items(
                db,
                db.execute(
                    linked.where(t.transfer.c.submission_id == row.submission_id, t.transfer.c.id != transfer)
                ).all(),
            ),
            "reasons": {d["id"]: d["reason"] for d in own["deliveries"]},
        }


def refused(hub: Hub, submission: str) -> dict[str, Any]:
    """A submission that was refused at the door, with what came. Raises `NotFound`."""
    with hub.database.read() as db:
        row = db.execute(
            select(t.submission).where(t.submission.c.id == submission, t.submission.c.status == "refused")
        ).first()
    if row is None:
        raise NotFound([Fault("not-found", "", "没有这个被拒收的报文", "no such refused message", value=submission)])
    return {
        "submission": row.id,
        "agency": row.agency,
        "key": row.tried_key,
        "channel": row.channel,
        "dialect": row.dialect,
        "operation": row.operation,
        "media_type": row.media_type,
        "raw": row.raw,
        "size": row.raw_size,
        "at": iso(row.received_at),
        "faults": row.faults,
    }


# ------------------------------------------------------------------ persons
def persons(hub: Hub, ids: Sequence[str] | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Persons with who answers for them now, and whether that is in transit or in dispute. Newest first; `ids`: only these."""
    query = select(t.person).order_by(t.person.c.created_at.desc(), t.person.c.id.desc()).limit(limit)
    with hub.database.read() as db:
        rows = db.execute(query if ids is None else query.where(t.person.c.id.in_(ids))).all()
        found = [row.id for row in rows]
        holders = {
            line.person_id: line
            for line in db.execute(
                select(t.responsibility)
                .where(t.responsibility.c.person_id.in_(found))
                .order_by(t.responsibility.c.number)
            )
        }
        transit = {
            line.person_id: line for line in db.execute(select(t.transit).where(t.transit.c.person_id.in_(found)))
        }
        disputed = set(
            db.execute(
                select(t.dispute.c.person_id).where(t.dispute.c.person_id.in_(found), t.dispute.c.settled_at.is_(None))
            ).scalars()
        )
    shown = []
    for row in rows:
        holder, moving = holders.get(row.id), transit.get(row.id)
        shown.append(
            {
                "id": row.id,
                "name": row.name,
                "id_number": row.id_number,
                "provisional": row.provisional,
                "holder": t.holder_of(holder) if holder else None,
                "since": iso(holder.since) if holder else None,
                "to": moving.to_agency if moving else None,
                "due": moving.due if moving else None,
                "dispute": row.id in disputed,
            }
        )
    return shown


def disputes(hub: Hub, person: str) -> list[dict[str, Any]]:
    """Every dispute about who answers for a person, also settled ones, in order."""
    with hub.database.read() as db:
        rows = db.execute(
            select(t.dispute).where(t.dispute.c.person_id == person).order_by(t.dispute.c.opened_at)
        ).all()
    return [
        {
            "id": d.id,
            "transfer": d.transfer_id,
            "zh": d.zh,
            "en": d.en,
            "opened_at": iso(d.opened_at),
            "settled_at": iso(d.settled_at),
        }
        for d in rows
    ]


# ------------------------------------------------------------------ agencies
def activity(hub: Hub) -> dict[str, dict[str, Any]]:
    """For each agency `{open, arrived, failed}`: deliveries that are not finished; the last call that reached it and the
    last that did not, of the latest `LATEST_ATTEMPTS`; and the address that an administrator set over its file."""
    newest = (
        select(t.attempt.c.seq).order_by(t.attempt.c.seq.desc()).limit(1).offset(LATEST_ATTEMPTS - 1).scalar_subquery()
    )
    columns = (
        t.delivery.c.recipient,
        t.attempt.c.finished_at,
        t.attempt.c.outcome,
        t.attempt.c.code,
        t.attempt.c.message,
    )
    calls = (
        select(*columns)
        .join(t.delivery, t.delivery.c.id == t.attempt.c.delivery_id)
        .where(t.attempt.c.outcome.is_not(None), t.attempt.c.seq >= func.coalesce(newest, 0))
        .order_by(t.attempt.c.seq)
    )
    found: dict[str, dict[str, Any]] = {
        agency.id: {"open": 0, "arrived": None, "failed": None, "url": None} for agency in hub.agencies
    }
    with hub.database.read() as db:
        for call in db.execute(calls):
            told = {"at": iso(call.finished_at), "outcome": call.outcome, "message": call.message or call.code}
            if call.recipient in found:
                found[call.recipient]["arrived" if call.outcome in ARRIVED else "failed"] = told
        for row in db.execute(
            select(t.delivery.c.recipient, func.count())
            .where(t.delivery.c.status.in_(OPEN))
            .group_by(t.delivery.c.recipient)
        ):
            if row[0] in found:
                found[row[0]]["open"] = int(row[1])
        for row in db.execute(select(t.agency_override.c.agency, t.agency_override.c.url)):
            if row.agency in found:
                found[row.agency]["url"] = row.url
    return found
