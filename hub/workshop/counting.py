"""Runs a dialect over its samples, or over what really passed, and counts what of its mappings is used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.faults import HubError
from hub.domain.stored import PassedMessage, PassedRendition
from hub.ports import History, Kept
from hub.translation import Context, Dialect
from hub.translation.lineage import Told
from hub.workshop.coverage import DialectCoverage
from hub.workshop.desk import NOBODY, Desk, canonical, read, write


def count_samples(
    desk: Desk,
    dialect: Dialect,
    files: Iterable[Path],
    schemas: Mapping[str, Any],
    exchange: str | None,
    at: datetime,
) -> DialectCoverage:
    """Every sample read, and every canonical sample written, as far as the dialect does either."""
    told, coverage = Told(dialect), DialectCoverage(dialect, schemas, exchange)
    speaker = desk.speaker(dialect.name)
    sender = speaker.id if speaker else NOBODY
    for file in files:
        payload = file.read_bytes()
        coverage.looked_at += 1
        record = canonical(payload)
        if record is not None:
            named = str(record["exchange"])
            for kind in [named] if dialect.can_write(named) or named in dialect.writers else []:
                reached = desk.reached(dialect.name, kind)
                written, _, lineage = write(
                    told, kind, record, sender, reached.id if reached else NOBODY, desk.agencies, at
                )
                coverage.take("out", kind, lineage, written is None)
            continue
        tried = read(told, payload, None, sender)
        if tried.message is None or tried.faults:
            coverage.cannot_read(file.name, "；".join(fault.zh for fault in tried.faults))
            continue
        for item, lineage in tried.items:
            coverage.take("in", tried.message.exchange, lineage, item.record is None)
    return coverage


def count_traffic(
    history: History,
    dialect: Dialect,
    schemas: Mapping[str, Any],
    *,
    agencies: Agencies,
    recipients: Collection[str],
    reopen: Callable[[PassedMessage], Kept],
    exchange: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> DialectCoverage:
    """What came in a dialect and what went out in it since a moment; `limit` of each at most. Memory stays flat."""
    told, coverage = Told(dialect), DialectCoverage(dialect, schemas, exchange)
    for message in islice(history.received(dialect.name, since), limit):
        coverage.looked_at += 1
        _count_message(told, coverage, message, reopen)
    for rendition in islice(history.written(dialect.name, recipients, since), limit):
        coverage.looked_at += 1
        _count_rendition(told, coverage, rendition, agencies)
    return coverage


def _count_message(
    told: Told, coverage: DialectCoverage, passed: PassedMessage, reopen: Callable[[PassedMessage], Kept]
) -> None:
    try:
        kept = reopen(passed)
        message, lineages = told.read(kept.operation, kept.parts, kept.payload, passed.agency)
    except HubError as error:
        coverage.cannot_read(passed.submission, "；".join(fault.zh for fault in error.faults))
        return
    if message.faults:
        coverage.cannot_read(passed.submission, "；".join(fault.zh for fault in message.faults))
    for item, lineage in zip(message.items, lineages, strict=True):
        coverage.take("in", message.exchange, lineage, item.record is None)


def _count_rendition(told: Told, coverage: DialectCoverage, passed: PassedRendition, agencies: Agencies) -> None:
    if passed.exchange not in told.dialect.writers or passed.exchange not in coverage.exchanges:
        return
    context = Context(passed.message_id, passed.sent_at, passed.sender, passed.recipient, agencies, passed.sent_at)
    record = {**passed.record, "documents": [document.as_dict() for document in passed.documents]}
    written, _, lineage = told.write(passed.exchange, record, context)
    coverage.take("out", passed.exchange, lineage, written is None)
