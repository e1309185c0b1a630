"""How the transfers of each exchange stand, for the workflow chart: a handful of grouped queries however many there are.

Read-only, for an operator of the hub. Terms are reckoned by `hub.domain.terms`; here they are only compared with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, and_, case, exists, func, or_, select, union

from hub.clock import SHANGHAI
from hub.domain.counts import RECENT_DAYS, Counts
from hub.domain.exchanges import Catalogue, ClockRule, TermEvent
from hub.domain.terms import Calendar, Threshold, threshold
from hub.domain.transfers import DeliveryState
from hub.flow.parts import Hub
from hub.flow.receipts import RECEIPT
from hub.store import tables as t

S = DeliveryState
UNDER_WAY = (S.WAITING, S.READY, S.RELEASED, S.ATTEMPTING, S.SUBMITTED)
#: Counts whose transfers a list can be narrowed to, beside the states that the store keeps.
STANDINGS = ("under_way", "owed", "overdue")
MAIN = t.delivery.c.role == "to"
#: Conditions on `transfer`: whom or which case it is about.
About = Sequence[ColumnElement[bool]]
#: Events that the hub sees as a time, and those that stand in the record as a day.
TIMES = ("accepted", "delivered", "receipt")


def counts(hub: Hub, *, person: str | None = None, case: str | None = None) -> dict[str, Counts]:
    """Exchange → how its transfers stand now, of everybody or about one `person`, of one `case` (the hub's ids). Exchanges
    without any such transfer are left out."""
    now = hub.clock.now()
    about = [t.transfer.c.person_id == person] if person else []
    about += [t.transfer.c.case_id == case] if case else []
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    with hub.database.read() as db:
        for row in _all(db, about, now):
            found[row.exchange] |= {"all": row.all, "recent": row.recent, "parked": row.parked}
        for row in _under_way(db, about, hub.catalogue):
            found[row.exchange] |= {"under_way": row.under_way, "returned": row.returned, "owed": row.owed}
        for row in _unanswered(db, about, hub.catalogue):
            found[row.exchange]["owed"] = row.owed
        late = list(watched(hub.catalogue, now, hub.workdays))
        for row in _overdue(db, about, hub.catalogue, late, now):
            found[row.exchange]["overdue"] = row.overdue
    for one in late:
        if one.threshold.provisional and found.get(one.exchange, {}).get("overdue"):
            found[one.exchange]["provisional"] = True
    return {exchange: Counts(**values) for exchange, values in found.items()}


def standing(hub: Hub, name: str) -> ColumnElement[bool]:
    """The condition on `transfer` rows that are counted under one of `STANDINGS`, so that a list can show them."""
    catalogue = hub.catalogue
    if name == "overdue":
        now = hub.clock.now()
        each = _past_a_term((), catalogue, list(watched(catalogue, now, hub.workdays)), now)
        return t.transfer.c.id.in_(select(each.c.id))
    if name == "under_way":
        return _has_delivery(t.delivery.c.status.in_(UNDER_WAY))
    replies = _replies(catalogue)
    arrived = _has_delivery(MAIN, t.delivery.c.status.in_((S.DELIVERED, S.ACCEPTED)))
    return or_(
        and_(t.transfer.c.exchange.in_(_receipted(catalogue)), _has_delivery(MAIN, t.delivery.c.status == S.DELIVERED)),
        and_(t.transfer.c.exchange.in_(replies), arrived, ~_answered(replies)),
    )


# ------------------------------------------------------------------ where deliveries are
def _all(db: Connection, about: About, now: datetime) -> Sequence[Any]:
    recent = t.transfer.c.accepted_at >= now - timedelta(days=RECENT_DAYS)
    return db.execute(
        select(
            t.transfer.c.exchange,
            func.count().label("all"),
            _number(recent).label("recent"),
            _number(t.transfer.c.status == "parked").label("parked"),
        )
        .where(*about)
        .group_by(t.transfer.c.exchange)
    ).all()


def _under_way(db: Connection, about: About, catalogue: Catalogue) -> Sequence[Any]:
    """Transfers with a delivery that has not arrived, with one that was returned, and with one that waits for its receipt."""
    not_there = t.delivery.c.status.in_(UNDER_WAY)
    returned = t.delivery.c.status == S.RETURNED
    owed = and_(MAIN, t.delivery.c.status == S.DELIVERED, t.transfer.c.exchange.in_(_receipted(catalogue)))
    return db.execute(
        select(
            t.transfer.c.exchange,
            *(
                func.count(case((condition, t.transfer.c.id)).distinct()).label(name)
                for name, condition in (("under_way", not_there), ("returned", returned), ("owed", owed))
            ),
        )
        .join(t.delivery, t.delivery.c.transfer_id == t.transfer.c.id)
        .where(*about, or_(not_there, returned, owed))
        .group_by(t.transfer.c.exchange)
    ).all()


def _unanswered(db: Connection, about: About, catalogue: Catalogue) -> Sequence[Any]:
    """Transfers that arrived, were not returned, and have no answer of the kind that the chart names."""
    replies = _replies(catalogue)
    if not replies:
        return ()
    return db.execute(
        select(t.transfer.c.exchange, func.count(t.transfer.c.id.distinct()).label("owed"))
        .join(t.delivery, t.delivery.c.transfer_id == t.transfer.c.id)
        .where(
            t.transfer.c.exchange.in_(replies),
            MAIN,
            t.delivery.c.status.in_((S.DELIVERED, S.ACCEPTED)),
            ~_answered(replies),
            *about,
        )
        .group_by(t.transfer.c.exchange)
    ).all()


def _receipted(catalogue: Catalogue) -> list[str]:
    """The exchanges that are answered by a receipt alone."""
    return [exchange.id for exchange in catalogue.exchanges.values() if exchange.reply == RECEIPT]


def _has_delivery(*conditions: Any) -> ColumnElement[bool]:
    return exists().where(t.delivery.c.transfer_id == t.transfer.c.id, *conditions)


def _replies(catalogue: Catalogue) -> dict[str, str]:
    """Exchange → the exchange that answers it, where that is more than a receipt."""
    return {e.id: e.reply for e in catalogue.exchanges.values() if e.reply is not None and e.reply != RECEIPT}


def _answered(replies: dict[str, str]) -> ColumnElement[bool]:
    answer = t.transfer.alias("answer")
    named = case(replies, value=t.transfer.c.exchange) if replies else ""
    return exists().where(answer.c.in_reply_to == t.transfer.c.id, answer.c.exchange == named)


def _number(condition: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


# ------------------------------------------------------------------ terms
@dataclass(frozen=True, slots=True)
class Watched:
    """One clock of an exchange that the hub can watch: what began before the threshold, under rules in force on that day,
    and has not stopped, is overdue."""

    exchange: str
    clock: ClockRule
    start: TermEvent
    stop: TermEvent
    threshold: Threshold
    begins: date | None
    ends: date | None


def watched(catalogue: Catalogue, now: datetime, calendar: Calendar) -> Iterator[Watched]:
    """The clocks whose start and stop the hub sees, and that can still run once a transfer is there."""
    for exchange in catalogue.exchanges.values():
        for clock in exchange.clocks:
            start, stop = catalogue.events.get(clock.start or ""), catalogue.events.get(clock.stop or "")
            if clock.within is None or start is None or stop is None or not can_be_watched(clock, start, stop):
                continue
            rules = catalogue.rules.get(clock.rules or "")
            yield Watched(
                exchange.id,
                clock,
                start,
                stop,
                threshold(clock.within, clock.unit, now, calendar, SHANGHAI),
                rules.begins if rules else None,
                rules.ends if rules else None,
            )


def can_be_watched(clock: ClockRule, start: TermEvent, stop: TermEvent) -> bool:
    """Hours cannot be counted from a day; what stops with the sending has stopped once there is a transfer; and of the cases
    for which a term is, those can be told that the record itself names."""
    if clock.when is not None and clock.when.at is None:
        return False
    if start.seen == "record" and clock.unit == "hour":
        return False
    return start.seen in (*TIMES, "record") and stop.seen in ("delivered", "receipt", "reply", "record")


def _overdue(
    db: Connection, about: About, catalogue: Catalogue, late: Sequence[Watched], now: datetime
) -> Sequence[Any]:
    """How many transfers of each exchange are past a term, each once."""
    each = _past_a_term(about, catalogue, late, now)
    return db.execute(select(each.c.exchange, func.count().label("overdue")).group_by(each.c.exchange)).all()


def _past_a_term(about: About, catalogue: Catalogue, late: Sequence[Watched], now: datetime) -> Subquery:
    """(exchange, id) of each transfer that is past a term, once. A person who should have reported by a day that the
    transfer named, and whom nobody has taken over, is told of with the transfer that set the person on the way."""
    chosen = [
        select(t.transfer.c.exchange, t.transfer.c.id)
        .join(t.transit, t.transit.c.transfer_id == t.transfer.c.id)
        .where(*about, t.transit.c.due < now.astimezone(SHANGHAI).date().isoformat())
    ]
    replies = _replies(catalogue)
    alike: dict[tuple[TermEvent, TermEvent], list[Watched]] = defaultdict(list)
    for one in late:
        alike[one.start, one.stop].append(one)
    for (start, stop), clocks in alike.items():
        chosen.append(
            select(t.transfer.c.exchange, t.transfer.c.id)
            .outerjoin(t.delivery, and_(t.delivery.c.transfer_id == t.transfer.c.id, MAIN))
            .outerjoin(t.receipt, t.receipt.c.delivery_id == t.delivery.c.id)
            .where(
                *about,
                t.transfer.c.status != "withdrawn",
                or_(t.delivery.c.status.is_(None), t.delivery.c.status != S.WITHDRAWN),
                or_(*(_began(start, one) for one in clocks)),
                _not_stopped(stop, replies),
            )
        )
    return union(*chosen).subquery()


def _began(start: TermEvent, one: Watched) -> ColumnElement[bool]:
    """Of this exchange, begun under these rules and before the threshold."""
    conditions = [t.transfer.c.exchange == one.exchange]
    if one.clock.when is not None:
        conditions.append(or_(*(_holds(one.clock.when.at or "", value) for value in one.clock.when.among)))
    before = one.threshold.before
    if start.seen == "record":
        day = func.substr(_in_record(start), 1, 10)
        conditions.append(day < before.astimezone(SHANGHAI).date().isoformat())
        if one.begins:
            conditions.append(day >= one.begins.isoformat())
        if one.ends:
            conditions.append(day <= one.ends.isoformat())
        return and_(*conditions)
    column = {
        "accepted": t.transfer.c.accepted_at,
        "delivered": t.delivery.c.delivered_at,
        "receipt": t.receipt.c.given_at,
    }[start.seen or ""]
    conditions.append(column < before)
    if one.begins:
        conditions.append(column >= _morning(one.begins))
    if one.ends:
        conditions.append(column < _morning(one.ends + timedelta(days=1)))
    return and_(*conditions)


def _not_stopped(stop: TermEvent, replies: dict[str, str]) -> ColumnElement[bool]:
    """What should have ended the term has not happened. A return ends every wait for an answer."""
    if stop.seen == "delivered":
        return t.delivery.c.delivered_at.is_(None)
    if stop.seen == "receipt":
        return t.receipt.c.id.is_(None)
    if stop.seen == "reply":
        returned = and_(t.receipt.c.outcome.is_not(None), t.receipt.c.outcome == S.RETURNED)
        return and_(~_answered(replies), ~returned)
    return _in_record(stop).is_(None)


def _in_record(event: TermEvent) -> ColumnElement[Any]:
    """The first of the event's places in the record that is filled, as text."""
    found = [t.transfer.c.record[tuple(path.split("."))].as_string() for path in event.paths]
    return func.coalesce(*found) if len(found) > 1 else found[0]


def _holds(path: str, value: Any) -> Any:
    """A place of the record holds a value, of the kind that the value is."""
    found: Any = t.transfer.c.record[tuple(path.split("."))]
    if isinstance(value, bool):
        return found.as_boolean() == value
    return found.as_integer() == value if isinstance(value, int) else found.as_string() == value


def _morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
