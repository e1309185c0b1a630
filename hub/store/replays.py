"""Replays that are running or were: how far, and what they found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from hub.domain.faults import Fault, NotFound
from hub.store import tables as t
from hub.store.database import Database
from hub.store.queries import iso

#: A running replay that has said nothing for so long is taken for dead.
SILENT = timedelta(minutes=2)


def begin(
    database: Database,
    run: str,
    *,
    dialect: str,
    active: str,
    draft: str,
    draft_hash: str,
    asked: Mapping[str, Any],
    by: str,
    now: datetime,
) -> None:
    with database.begin() as db:
        db.execute(
            insert(t.replay_run).values(
                id=run,
                dialect=dialect,
                active=active,
                draft=draft,
                draft_hash=draft_hash,
                asked=dict(asked),
                state="running",
                report={},
                started_by=by,
                started_at=now,
                updated_at=now,
            )
        )


def begun(database: Database, run: str) -> bool:
    with database.read() as db:
        return db.execute(select(t.replay_run.c.id).where(t.replay_run.c.id == run)).first() is not None


def progress(database: Database, run: str, report: Mapping[str, Any], now: datetime) -> bool:
    """Write down how far it is. False when somebody has asked it to stop."""
    with database.begin() as db:
        changed = db.execute(
            update(t.replay_run)
            .where(t.replay_run.c.id == run, t.replay_run.c.state == "running")
            .values(report=dict(report), updated_at=now)
        )
        return bool(changed.rowcount)


def finish(
    database: Database, run: str, state: str, report: Mapping[str, Any], now: datetime, trouble: str | None = None
) -> None:
    with database.begin() as db:
        db.execute(
            update(t.replay_run)
            .where(t.replay_run.c.id == run)
            .values(state=state, report=dict(report), trouble=trouble, updated_at=now, finished_at=now)
        )


def stop(database: Database, run: str, now: datetime) -> None:
    """Ask a running replay to stop. Raises `NotFound` where none of that id is running."""
    with database.begin() as db:
        changed = db.execute(
            update(t.replay_run)
            .where(t.replay_run.c.id == run, t.replay_run.c.state == "running")
            .values(state="stopped", updated_at=now)
        )
    if not changed.rowcount:
        raise _unknown(run)


def one(database: Database, run: str, now: datetime) -> dict[str, Any]:
    with database.read() as db:
        row = db.execute(select(t.replay_run).where(t.replay_run.c.id == run)).one_or_none()
    if row is None:
        raise _unknown(run)
    return _told(row, now)


def latest(database: Database, now: datetime, dialect: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """The latest replays, newest first, without what they found."""
    query = select(t.replay_run).order_by(t.replay_run.c.id.desc()).limit(limit)
    if dialect:
        query = query.where(t.replay_run.c.dialect == dialect)
    with database.read() as db:
        return [_told(row, now) for row in db.execute(query)]


def _told(row: Row[Any], now: datetime) -> dict[str, Any]:
    silent = row.state == "running" and now - row.updated_at > SILENT
    return {
        "id": row.id,
        "dialect": row.dialect,
        "active": row.active,
        "draft": row.draft,
        "draft_hash": row.draft_hash,
        "asked": row.asked,
        "state": "failed" if silent else row.state,
        "trouble": "it has said nothing for two minutes: its process has ended" if silent else row.trouble,
        "started_by": row.started_by,
        "started_at": iso(row.started_at),
        "updated_at": iso(row.updated_at),
        "finished_at": iso(row.finished_at),
        "report": row.report,
    }


def _unknown(run: str) -> NotFound:
    return NotFound(
        [Fault("replay.unknown", "", f"没有正在进行的比对“{run}”", f"there is no such replay: {run!r}", value=run)]
    )
