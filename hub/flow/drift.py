"""Notices when an agency starts sending fields or codes that its dialect's mapping does not know, and warns the administrator.

It looks after a message was kept and never holds one up. What was told once is only counted from then on, and written down
at most once a minute, so that a field in every message costs no statement for every message.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.domain.faults import Fault
from hub.domain.stored import Strange
from hub.ports import Clock, DriftBook
from hub.translation import Dialect

log = logging.getLogger(__name__)

#: Seconds between two times that the same thing is written down.
PAUSE = 60.0
#: Characters of a sample's value that are kept.
SHOWN = 200
#: Codes of one place that are told one by one. A place with more holds free text, and is told as such.
MOST_CODES = 50
#: Things that are remembered at a time; what was not seen for a pause is forgotten beyond that.
REMEMBERED = 5_000
#: Rules by which a code is unknown to its list.
UNKNOWN_CODE = "code.unknown"

_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked at of one record: what no line named, what was wrong with it, and what became of it."""

    exchange: str
    unmapped: Mapping[str, Any]
    faults: Sequence[Fault]
    transfer: str | None = None


@dataclass(slots=True)
class Drift:
    """The watch of one process."""

    book: DriftBook
    clock: Clock
    _last: dict[Strange, float] = field(default_factory=dict)
    _waiting: dict[Strange, int] = field(default_factory=dict)
    #: place (as a `Strange` without value) → its codes that were told
    _codes: dict[Strange, set[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, agency: str, dialect: Dialect, submission: str, records: Iterable[Looked]) -> None:
        """Tell what is new. Whatever goes wrong here is logged; the message is kept already."""
        try:
            for looked in records:
                for strange, value in _strange(agency, dialect, looked):
                    self._see(strange, value, submission, looked.transfer)
        except Exception:
            log.exception("looking for fields and codes that %s never sent before", agency)

    def _see(self, strange: Strange, value: str, submission: str, transfer: str | None) -> None:
        now = self.clock.technical()
        with self._lock:
            strange = self._bounded(strange)
            if len(self._last) >= REMEMBERED:
                self._forget(now.timestamp() - PAUSE)
            times = self._waiting.pop(strange, 0) + 1
            last = self._last.get(strange)
            if last is not None and now.timestamp() - last < PAUSE:
                self._waiting[strange] = times
                return
            self._last[strange] = now.timestamp()
        sample = {"submission": submission, "transfer": transfer, "value": value[:SHOWN], "at": now.isoformat()}
        if self.book.note(strange, times, sample, now):
            log.warning(
                "%s began to send a %s at %s in %s (dialect %s) that its mapping does not know; first in %s",
                strange.agency,
                strange.kind,
                strange.place,
                strange.exchange,
                strange.dialect,
                submission,
            )

    def _bounded(self, strange: Strange) -> Strange:
        """The same, without its value where its place has shown too many: then no further one is told by itself."""
        if strange.kind != "code":
            return strange
        place = replace(strange, value="")
        known = self._codes.setdefault(place, set())
        if strange.value in known or len(known) < MOST_CODES:
            known.add(strange.value)
            return strange
        return place

    def _forget(self, before: float) -> None:
        self._last = {strange: at for strange, at in self._last.items() if at > before}
        self._waiting = {strange: times for strange, times in self._waiting.items() if strange in self._last}


def _strange(agency: str, dialect: Dialect, looked: Looked) -> Iterator[tuple[Strange, str]]:
    if not looked.unmapped and not looked.faults:
        return
    known = dialect.coded_places(looked.exchange)
    for place, value in looked.unmapped.items():
        plain, text = _INDEX.sub("", place), str(value)
        if plain in known:
            yield Strange(agency, dialect.name, looked.exchange, "code", plain, text[:SHOWN]), text
        else:
            yield Strange(agency, dialect.name, looked.exchange, "field", plain, ""), text
    for fault in looked.faults:
        if fault.rule == UNKNOWN_CODE and fault.value:
            place = dialect.below_record(looked.exchange, _INDEX.sub("", fault.xpath or fault.pointer))
            value = str(fault.value)
            yield Strange(agency, dialect.name, looked.exchange, "code", place, value[:SHOWN]), value
