"""The working days of China as the State Council announces them, each November for the year to come.

A year that is not announced yet is answered from its weekends alone, and says so.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import chinese_calendar


class Workdays:
    """Implements `hub.domain.terms.Calendar` on the kept library's tables."""

    def is_workday(self, day: date) -> bool:
        return bool(chinese_calendar.is_workday(day)) if self.is_announced(day.year) else day.weekday() < 5

    def is_announced(self, year: int) -> bool:
        return _is_announced(year)


@lru_cache(maxsize=256)
def _is_announced(year: int) -> bool:
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return False
    return True
