"""Versions of mappings in the database: content by hash, who did what, and what is in force from when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from hub.domain.mapping_versions import (
    Activation,
    MappingEvent,
    Operator,
    Schedule,
    StoredVersion,
    VersionState,
)
from hub.ports import Clock, Ids
from hub.store import tables as t
from hub.store.database import Database

#: In the audit, for what concerns people and no dialect.
OF_NO_DIALECT = ""
#: Kinds of events by which somebody had a hand in a version's content.
AUTHORSHIP = ("drafted", "edited", "imported", "proposed")


class Shelf:
    """Implements `hub.ports.MappingShelf` on one database."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    # ------------------------------------------------------------ content
    def keep(self, dialect: str, release: str, packed: bytes, recorded: Sequence[str]) -> None:
        with self._database.begin() as db:
            new = _insert(db, t.mapping_release)
            db.execute(
                new.values(
                    hash=release, dialect=dialect, content=packed, kept_at=self._clock.technical()
                ).on_conflict_do_nothing()
            )
            for one in recorded:
                db.execute(
                    _insert(db, t.mapping_recorded).values(recorded=one, release=release).on_conflict_do_nothing()
                )

    def kept(self, releases: Mapping[str, Sequence[str]]) -> frozenset[str]:
        asked = (
            select(t.mapping_release.c.hash, t.mapping_recorded.c.recorded)
            .outerjoin(t.mapping_recorded, t.mapping_recorded.c.release == t.mapping_release.c.hash)
            .where(t.mapping_release.c.hash.in_(list(releases)))
        )
        found: dict[str, set[str]] = {}
        with self._database.read() as db:
            for release, recorded in db.execute(asked):
                found.setdefault(release, set()).add(recorded)
        return frozenset(release for release, strings in found.items() if strings >= set(releases[release]))

    def content(self, release: str) -> tuple[str, bytes] | None:
        with self._database.read() as db:
            row = db.execute(select(t.mapping_release).where(t.mapping_release.c.hash == release)).first()
        return (row.dialect, bytes(row.content)) if row else None

    def release_recorded(self, recorded: str) -> str | None:
        with self._database.read() as db:
            return db.execute(
                select(t.mapping_release.c.hash)
                .join(t.mapping_recorded, t.mapping_recorded.c.release == t.mapping_release.c.hash)
                .where(t.mapping_recorded.c.recorded == recorded)
                .order_by(t.mapping_release.c.kept_at.desc(), t.mapping_release.c.hash)
                .limit(1)
            ).scalar()

    # ------------------------------------------------------------ looking
    def changes(self) -> Mapping[str, int]:
        with self._database.read() as db:
            found = db.execute(select(t.mapping_dialect.c.dialect, t.mapping_dialect.c.changes))
            return {row.dialect: row.changes for row in found}

    def schedule(self, dialect: str) -> Schedule:
        with self._database.read() as db:
            return _schedule(db, dialect)

    def version(self, version: str) -> StoredVersion | None:
        with self._database.read() as db:
            return _version_of(db, version)

    def versions(self, dialect: str | None = None) -> list[StoredVersion]:
        with self._database.read() as db:
            return _versions(db, dialect)

    def events(self, *, dialect: str | None = None, version: str | None = None) -> list[MappingEvent]:
        asked = select(t.mapping_event).order_by(t.mapping_event.c.seq)
        if dialect is not None:
            asked = asked.where(t.mapping_event.c.dialect == dialect)
        if version is not None:
            asked = asked.where(t.mapping_event.c.version_id == version)
        with self._database.read() as db:
            return [
                MappingEvent(
                    row.seq,
                    row.dialect,
                    row.version_id,
                    row.kind,
                    row.by_operator,
                    row.at,
                    row.release,
                    row.note,
                    row.facts,
                )
                for row in db.execute(asked)
            ]

    # ------------------------------------------------------------ steps
    @contextmanager
    def begin(self, dialect: str) -> Iterator[Step]:
        with self._database.begin() as db:
            db.execute(_insert(db, t.mapping_dialect).values(dialect=dialect, changes=0).on_conflict_do_nothing())
            db.execute(
                select(t.mapping_dialect.c.dialect).where(t.mapping_dialect.c.dialect == dialect).with_for_update()
            )
            yield Step(db, dialect, self._clock, self._ids)


class Step:
    """Implements `hub.ports.MappingUnit`: the dialect's row is locked until the transaction ends."""

    def __init__(self, db: Connection, dialect: str, clock: Clock, ids: Ids) -> None:
        self._db = db
        self._dialect = dialect
        self._clock = clock
        self._ids = ids

    def version(self, version: str) -> StoredVersion | None:
        return _version_of(self._db, version)

    def versions(self) -> list[StoredVersion]:
        return _versions(self._db, self._dialect)

    def schedule(self) -> Schedule:
        return _schedule(self._db, self._dialect)

    def editors(self, version: str) -> frozenset[str]:
        return frozenset(
            self._db.execute(
                select(t.mapping_event.c.by_operator).where(
                    t.mapping_event.c.version_id == version, t.mapping_event.c.kind.in_(AUTHORSHIP)
                )
            ).scalars()
        )

    def add_version(
        self,
        *,
        origin: str,
        state: VersionState,
        release: str,
        by: str,
        note: str | None = None,
        foreign: Mapping[str, Any] | None = None,
    ) -> StoredVersion:
        last = self._db.execute(
            select(func.max(t.mapping_version.c.number)).where(t.mapping_version.c.dialect == self._dialect)
        ).scalar()
        made = self._ids.new("map")
        self._db.execute(
            insert(t.mapping_version).values(
                id=made,
                dialect=self._dialect,
                number=(last or 0) + 1,
                origin=origin,
                state=state.value,
                release=release,
                note=note,
                findings=[],
                foreign_facts=dict(foreign) if foreign is not None else None,
                created_by=by,
                created_at=self._clock.technical(),
            )
        )
        found = self.version(made)
        assert found is not None
        return found

    def change(self, version: str, **columns: Any) -> None:
        if "state" in columns:
            columns["state"] = VersionState(columns["state"]).value
        self._db.execute(update(t.mapping_version).where(t.mapping_version.c.id == version).values(**columns))

    def activate(self, version: str, release: str, since: datetime, kind: str, by: str, back_to: int | None) -> None:
        self._db.execute(
            insert(t.mapping_activation).values(
                dialect=self._dialect,
                version_id=version,
                release=release,
                since=since,
                kind=kind,
                by_operator=by,
                back_to=back_to,
                called_off=False,
            )
        )
        self._changed()

    def call_off(self, activation: int) -> None:
        self._db.execute(
            update(t.mapping_activation).where(t.mapping_activation.c.seq == activation).values(called_off=True)
        )
        self._changed()

    def _changed(self) -> None:
        self._db.execute(
            update(t.mapping_dialect)
            .where(t.mapping_dialect.c.dialect == self._dialect)
            .values(changes=t.mapping_dialect.c.changes + 1)
        )

    def note(
        self, kind: str, *, version: str | None, by: str, release: str | None, note: str | None, **facts: Any
    ) -> None:
        self._db.execute(
            insert(t.mapping_event).values(
                dialect=self._dialect,
                version_id=version,
                kind=kind,
                by_operator=by,
                at=self._clock.technical(),
                release=release,
                note=note,
                facts=facts,
            )
        )


class People:
    """Implements `hub.ports.Operators`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, name: str) -> tuple[Operator, str] | None:
        with self._database.read() as db:
            row = db.execute(select(t.operator).where(t.operator.c.name == name)).first()
        return (_operator(row), row.secret_hash) if row else None

    def all(self) -> list[Operator]:
        with self._database.read() as db:
            return [_operator(row) for row in db.execute(select(t.operator).order_by(t.operator.c.name))]

    def add(self, name: str, roles: Iterable[str], secret_hash: str, by: str, *, first: bool) -> bool:
        try:
            with self._database.begin() as db:
                if db.dialect.name == "postgresql":
                    db.exec_driver_sql("LOCK TABLE operator IN EXCLUSIVE MODE")  # two at once are not both the first
                if first and db.execute(select(t.operator.c.name).limit(1)).first():
                    return False
                db.execute(
                    insert(t.operator).values(
                        name=name,
                        roles=sorted(roles),
                        secret_hash=secret_hash,
                        added_by=by,
                        added_at=self._clock.technical(),
                    )
                )
                self._note(db, "operator-added", by, name=name, roles=sorted(roles))
        except IntegrityError:
            return False
        return True

    def remove(self, name: str, by: str) -> bool:
        with self._database.begin() as db:
            changed = db.execute(
                update(t.operator)
                .where(t.operator.c.name == name, t.operator.c.removed_at.is_(None))
                .values(removed_at=self._clock.technical())
            )
            if changed.rowcount:
                self._note(db, "operator-removed", by, name=name)
            return bool(changed.rowcount)

    def _note(self, db: Connection, kind: str, by: str, **facts: Any) -> None:
        db.execute(
            insert(t.mapping_event).values(
                dialect=OF_NO_DIALECT, kind=kind, by_operator=by, at=self._clock.technical(), facts=facts
            )
        )


def _insert(db: Connection, table: Any) -> Any:
    """An insert that may say what to do about a row that is there already."""
    return (sqlite if db.dialect.name == "sqlite" else postgresql).insert(table)


def _operator(row: Row[Any]) -> Operator:
    return Operator(row.name, frozenset(row.roles), row.added_by, row.added_at, row.removed_at)


def _schedule(db: Connection, dialect: str) -> Schedule:
    found = db.execute(
        select(t.mapping_activation).where(
            t.mapping_activation.c.dialect == dialect, t.mapping_activation.c.called_off.is_(False)
        )
    )
    return Schedule.of(
        [
            Activation(
                row.seq, row.dialect, row.version_id, row.release, row.since, row.kind, row.by_operator, row.back_to
            )
            for row in found
        ]
    )


def _version_of(db: Connection, version: str) -> StoredVersion | None:
    row = db.execute(select(t.mapping_version).where(t.mapping_version.c.id == version)).first()
    return _version(row) if row else None


def _versions(db: Connection, dialect: str | None) -> list[StoredVersion]:
    asked = select(t.mapping_version).order_by(t.mapping_version.c.dialect, t.mapping_version.c.number.desc())
    if dialect is not None:
        asked = asked.where(t.mapping_version.c.dialect == dialect)
    return [_version(row) for row in db.execute(asked)]


def _version(row: Row[Any]) -> StoredVersion:
    return StoredVersion(
        row.id,
        row.dialect,
        row.number,
        row.origin,
        VersionState(row.state),
        row.release,
        row.note,
        tuple(row.findings),
        row.created_by,
        row.created_at,
        row.active_from,
        row.foreign_facts,
    )
