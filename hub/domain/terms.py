"""When a statutory term is over (期限): days, working days, hours and months from the event that starts it.

The day of the event is not counted (民法典201, 刑诉法105); a month runs to the day of the same number, or the last day where the
month has none (民法典202); a last day that is no working day is put off to the next working day (民法典203, 刑诉法105); a term of
days ends with its last day at midnight. Hours run from the moment of the event.
"""

from __future__ import annotations

import calendar as gregorian
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Protocol

ONE_DAY = timedelta(days=1)
#: No holiday of the State Council is as long; a calendar that has no working day within it is broken.
LONGEST_REST = 60


class Calendar(Protocol):
    """Working days. A year whose holidays are not announced is answered from its weekends alone."""

    def is_workday(self, day: date) -> bool: ...

    def is_announced(self, year: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Term:
    """`last` is the last day on which it is in time; `over` the first moment at which it is not any more. `provisional`:
    reckoned with days of a year whose holidays are not announced."""

    last: date
    over: datetime
    provisional: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """Now, every term of a kind that began before `before` is over, and none that began at it or later."""

    before: datetime
    provisional: bool


def term(within: int, unit: str, start: datetime, calendar: Calendar, zone: tzinfo) -> Term:
    """The term of `within` units (day, workday, hour, month) that an event at `start` sets off; days are those of `zone`."""
    local = start.astimezone(zone)
    if unit == "hour":
        over = start + timedelta(hours=within)
        return Term(over.astimezone(zone).date(), over, False)
    seen: set[int] = set()
    last = _last(within, unit, local.date(), calendar, seen)
    provisional = any(not calendar.is_announced(year) for year in seen)
    return Term(last, _midnight(last + ONE_DAY, zone), provisional)


def threshold(within: int, unit: str, now: datetime, calendar: Calendar, zone: tzinfo) -> Threshold:
    """Which terms are over now, said as the moment before which they must have begun.

    A later start never ends earlier, so that one comparison decides for any number of them.
    """
    if unit == "hour":
        return Threshold(now - timedelta(hours=within) + timedelta.resolution, False)
    today = now.astimezone(zone).date()
    seen: set[int] = set()

    def is_over(day: date) -> bool:
        return _last(within, unit, day, calendar, seen) < today

    first = _first_that_is_not(is_over, today - timedelta(days=_reach(within, unit)), today)
    seen.clear()
    is_over(first - ONE_DAY)
    return Threshold(_midnight(first, zone), any(not calendar.is_announced(year) for year in seen))


def _reach(within: int, unit: str) -> int:
    """So many days back, a term is over whatever the holidays were."""
    days = {"day": within, "workday": within * 3, "month": within * 31}[unit]
    return days + 2 * LONGEST_REST


def _first_that_is_not(holds: Callable[[date], bool], low: date, high: date) -> date:
    """The first day for which `holds` does not: it does at `low`, does not at `high`, and changes once."""
    while high - low > ONE_DAY:
        middle = low + (high - low) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return high


def _last(within: int, unit: str, start: date, calendar: Calendar, seen: set[int]) -> date:
    if unit == "workday":
        day = start
        for _ in range(within):
            day = _next_workday(day + ONE_DAY, calendar, seen)
        return day
    return _next_workday(_months(start, within) if unit == "month" else start + within * ONE_DAY, calendar, seen)


def _next_workday(day: date, calendar: Calendar, seen: set[int]) -> date:
    """The day itself where it is a working day, else the first after it."""
    for _ in range(LONGEST_REST):
        seen.add(day.year)
        if calendar.is_workday(day):
            return day
        day += ONE_DAY
    raise ValueError(f"the calendar has no working day in the {LONGEST_REST} days before {day}")


def _months(day: date, number: int) -> date:
    years, month = divmod(day.year * 12 + day.month - 1 + number, 12)
    longest = gregorian.monthrange(years, month + 1)[1]
    return date(years, month + 1, min(day.day, longest))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
