"""What agencies began to send that no mapping knows: kept once for each field and code, with samples and how often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub.domain.faults import Fault, NotFound
from hub.domain.stored import Strange
from hub.ports import Ids
from hub.store import tables as t
from hub.store.database import Database
from hub.store.queries import iso

#: Samples that are kept of each.
SAMPLES = 3


class DriftBook:
    """Implements `hub.ports.DriftBook`."""

    def __init__(self, database: Database, ids: Ids) -> None:
        self._database, self._ids = database, ids

    def note(self, strange: Strange, times: int, sample: Mapping[str, Any], now: datetime) -> bool:
        if self._again(strange, times, sample, now):
            return False
        try:
            with self._database.begin() as db:
                db.execute(
                    insert(t.drift).values(
                        id=self._ids.new("drf"),
                        agency=strange.agency,
                        dialect=strange.dialect,
                        exchange=strange.exchange,
                        kind=strange.kind,
                        place=strange.place,
                        value=strange.value,
                        times=times,
                        samples=[dict(sample)],
                        first_seen=now,
                        last_seen=now,
                    )
                )
        except IntegrityError:  # another process saw it in the same moment
            self._again(strange, times, sample, now)
            return False
        return True

    def _again(self, strange: Strange, times: int, sample: Mapping[str, Any], now: datetime) -> bool:
        with self._database.begin() as db:
            row = db.execute(select(t.drift).where(*_is(strange)).with_for_update()).one_or_none()
            if row is None:
                return False
            samples = [*row.samples, dict(sample)] if len(row.samples) < SAMPLES else row.samples
            db.execute(
                update(t.drift)
                .where(t.drift.c.id == row.id)
                .values(times=row.times + times, last_seen=now, samples=samples)
            )
        return True


def _is(strange: Strange) -> list[Any]:
    return [
        column == getattr(strange, column.name)
        for column in (
            t.drift.c.agency,
            t.drift.c.dialect,
            t.drift.c.exchange,
            t.drift.c.kind,
            t.drift.c.place,
            t.drift.c.value,
        )
    ]


def seen(database: Database, dialect: str | None = None, everything: bool = False) -> list[dict[str, Any]]:
    """What was seen, newest first; without `everything` only what nobody has noted yet."""
    query = select(t.drift).order_by(t.drift.c.id.desc())
    if dialect:
        query = query.where(t.drift.c.dialect == dialect)
    if not everything:
        query = query.where(t.drift.c.noted_at.is_(None))
    with database.read() as db:
        return [_told(row) for row in db.execute(query)]


def noted(database: Database, drift: str, by: str, note: str | None, now: datetime) -> None:
    """Somebody has looked at it. Raises `NotFound`."""
    with database.begin() as db:
        changed = db.execute(update(t.drift).where(t.drift.c.id == drift).values(noted_by=by, noted_at=now, note=note))
    if not changed.rowcount:
        raise NotFound([Fault("drift.unknown", "", f"没有“{drift}”", f"there is no {drift!r}", value=drift)])


def _told(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "agency": row.agency,
        "dialect": row.dialect,
        "exchange": row.exchange,
        "kind": row.kind,
        "place": row.place,
        "value": row.value,
        "times": row.times,
        "samples": row.samples,
        "first_seen": iso(row.first_seen),
        "last_seen": iso(row.last_seen),
        "noted_by": row.noted_by,
        "noted_at": iso(row.noted_at),
        "note": row.note,
    }
