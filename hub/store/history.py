"""What really passed, for those who look at it again: messages as they came, renditions as they went.

Read only, in pages of short transactions, so that neither memory nor the database's old row versions grow with the history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, and_, func, select
from ulid import ULID

from hub.domain.stored import PassedMessage, PassedRendition, PassedTransfer, StoredDocument
from hub.domain.transfers import DeliveryState
from hub.store import tables as t
from hub.store.database import Database

#: Messages or renditions that are held in memory at a time.
PAGE = 200

T = TypeVar("T")


class History:
    """Implements `hub.ports.History`. Ids sort by the time they were made, so a time is a place in the primary key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def received(
        self, dialect: str, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[PassedMessage]:
        wanted = [t.submission.c.dialect == dialect, *_between(t.submission.c.id, "sub", since, until)]
        query = select(t.submission, t.submission.c.id.label("mark")).where(*wanted)
        for row, made in self._paged(query, t.submission.c.id, lambda db, rows: _transfers(db, [r.id for r in rows])):
            yield message_of(row, made[row.id])

    def message(self, submission: str) -> PassedMessage | None:
        with self._database.read() as db:
            row = db.execute(select(t.submission).where(t.submission.c.id == submission)).one_or_none()
            return message_of(row, _transfers(db, [submission])[submission]) if row is not None else None

    def written(
        self, dialect: str, recipients: Collection[str], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[PassedRendition]:
        sent = [t.rendition.c.dialect == dialect, *_between(t.rendition.c.id, "ren", since, until)]
        yield from self._renditions(dialect, t.rendition.c.id, sent)
        if recipients:
            kept_back = [_cannot_be_written(recipients), *_between(t.delivery.c.id, "dlv", since, until)]
            yield from self._renditions(dialect, t.delivery.c.id, kept_back)

    def _renditions(self, dialect: str, key: Any, wanted: Sequence[Any]) -> Iterator[PassedRendition]:
        query = _sent().add_columns(key.label("mark")).where(*wanted)
        for row, documents in self._paged(query, key, lambda db, rows: _documents(db, [r.transfer_id for r in rows])):
            yield _rendition(row, dialect, documents[row.transfer_id])

    def _paged(
        self, query: Select[Any], key: Any, beside: Callable[[Connection, Sequence[Row[Any]]], T]
    ) -> Iterator[tuple[Row[Any], T]]:
        """The rows of a query in the order of a key, which it gives as `mark`, each with what belongs to its page."""
        after = ""
        while True:
            with self._database.read() as db:
                rows = db.execute(query.where(key > after).order_by(key).limit(PAGE)).all()
                with_them = beside(db, rows)
            if not rows:
                return
            for row in rows:
                yield row, with_them
            after = rows[-1].mark

    def size(
        self, dialect: str, recipients: Collection[str], since: datetime | None = None, until: datetime | None = None
    ) -> int:
        counted = [
            select(func.count())
            .select_from(t.submission)
            .where(t.submission.c.dialect == dialect, *_between(t.submission.c.id, "sub", since, until)),
            select(func.count())
            .select_from(t.rendition)
            .where(t.rendition.c.dialect == dialect, *_between(t.rendition.c.id, "ren", since, until)),
        ]
        if recipients:
            counted.append(
                select(func.count())
                .select_from(t.delivery)
                .where(_cannot_be_written(recipients), *_between(t.delivery.c.id, "dlv", since, until))
            )
        with self._database.read() as db:
            return sum(int(db.execute(query).scalar_one()) for query in counted)


def message_of(row: Row[Any], transfers: Sequence[PassedTransfer] = ()) -> PassedMessage:
    """A row of `submission` as what passed."""
    return PassedMessage(
        row.id,
        row.agency,
        row.dialect or "",
        row.channel,
        row.operation,
        row.media_type or "",
        row.raw,
        row.status == "accepted",
        row.received_at,
        tuple(transfers),
    )


def _between(column: Any, prefix: str, since: datetime | None, until: datetime | None) -> list[Any]:
    """Ids of a kind that were made within a span of time."""
    found = []
    if since is not None:
        found.append(column >= f"{prefix}_{_earliest(since)}")
    if until is not None:
        found.append(column < f"{prefix}_{_earliest(until)}")
    return found


def _earliest(moment: datetime) -> str:
    """The smallest ULID of a moment, as `hub.ids` writes it."""
    milliseconds = max(0, int(moment.astimezone(UTC).timestamp() * 1000))
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + bytes(10))).lower()


def _cannot_be_written(recipients: Collection[str]) -> Any:
    return and_(
        t.delivery.c.recipient.in_(sorted(recipients)),
        t.delivery.c.status == DeliveryState.PARKED.value,
        t.delivery.c.rendition_id.is_(None),
    )


def _sent() -> Any:
    return (
        select(
            t.delivery.c.id.label("delivery"),
            t.delivery.c.recipient,
            t.transfer.c.id.label("transfer_id"),
            t.transfer.c.exchange,
            t.transfer.c.sender,
            t.transfer.c.record,
            t.transfer.c.accepted_at,
            t.rendition.c.id.label("rendition"),
            t.rendition.c.message_id,
            t.rendition.c.mapping,
            t.rendition.c.payload,
            t.rendition.c.media_type,
            t.rendition.c.facts,
            t.rendition.c.frozen_at,
        )
        .select_from(t.delivery)
        .join(t.transfer, t.transfer.c.id == t.delivery.c.transfer_id)
        .outerjoin(t.rendition, t.rendition.c.delivery_id == t.delivery.c.id)
    )


def _rendition(row: Row[Any], dialect: str, documents: Sequence[StoredDocument]) -> PassedRendition:
    return PassedRendition(
        row.delivery,
        row.transfer_id,
        row.exchange,
        row.sender,
        row.recipient,
        dialect,
        row.record,
        tuple(documents),
        row.message_id or f"{row.delivery}-1",
        row.mapping,
        row.payload,
        row.media_type,
        row.facts or {},
        row.frozen_at or row.accepted_at,
    )


def _transfers(db: Connection, submissions: Sequence[str]) -> dict[str, list[PassedTransfer]]:
    found: dict[str, list[PassedTransfer]] = defaultdict(list)
    if submissions:
        rows = db.execute(
            select(t.transfer)
            .where(t.transfer.c.submission_id.in_(submissions))
            .order_by(t.transfer.c.submission_id, t.transfer.c.ordinal)
        )
        for row in rows:
            found[row.submission_id].append(
                PassedTransfer(row.id, row.ordinal, row.exchange, row.record, row.parked, row.mapping)
            )
    return found


def _documents(db: Connection, transfers: Sequence[str]) -> dict[str, list[StoredDocument]]:
    found: dict[str, list[StoredDocument]] = defaultdict(list)
    if transfers:
        rows = db.execute(
            select(t.transfer_document)
            .where(t.transfer_document.c.transfer_id.in_(set(transfers)))
            .order_by(t.transfer_document.c.transfer_id, t.transfer_document.c.n)
        )
        for row in rows:
            found[row.transfer_id].append(StoredDocument(row.sha256, row.title, row.kind, row.media_type, row.size))
    return found
