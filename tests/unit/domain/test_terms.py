"""When a statutory term is over, on the announced calendar of China."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import SHANGHAI
from hub.domain.terms import term, threshold
from hub.workdays import Workdays

CALENDAR = Workdays()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("within", "unit", "start", "last"),
    [
        # the day of the event is not counted, whatever its hour
        (5, "day", "2021-03-15T00:00", "2021-03-22"),  # the 20th is a Saturday
        (3, "day", "2021-03-15T23:59", "2021-03-18"),
        (10, "day", "2021-03-12T09:00", "2021-03-22"),
        # Spring Festival 2021: rest from 11 to 17 February, work on Sunday 7 and Saturday 20 February
        (5, "day", "2021-02-08T09:00", "2021-02-18"),
        (3, "workday", "2021-02-05T09:00", "2021-02-09"),  # Sunday the 7th is worked
        (5, "workday", "2021-02-08T09:00", "2021-02-20"),  # 9, 10, 18, 19, Saturday 20
        (10, "workday", "2021-02-10T09:00", "2021-03-02"),
        # what comes on a holiday begins to count on the next working day
        (1, "workday", "2021-02-13T12:00", "2021-02-18"),
        (1, "month", "2021-01-31T09:00", "2021-03-01"),  # 28 February is a Sunday
        (1, "month", "2023-01-31T09:00", "2023-02-28"),
        (1, "month", "2024-01-31T09:00", "2024-02-29"),
        (3, "month", "2020-11-16T09:00", "2021-02-18"),  # the 16th lies in the Spring Festival
        (12, "month", "2023-06-15T09:00", "2024-06-17"),
    ],
)
def test_a_term_ends_with_its_last_day(within: int, unit: str, start: str, last: str) -> None:
    found = term(within, unit, at(start), CALENDAR, SHANGHAI)
    assert found.last == date.fromisoformat(last)
    assert found.over == at(last) + timedelta(days=1)
    assert not found.provisional


def test_hours_run_from_the_moment_through_nights_and_holidays() -> None:
    found = term(48, "hour", at("2021-02-11T16:30"), CALENDAR, SHANGHAI)
    assert found.over == at("2021-02-13T16:30")


def test_the_day_is_that_of_the_place_and_not_of_the_server() -> None:
    start = datetime.fromisoformat("2021-03-15T17:30:00+00:00")  # the 16th in China
    assert term(3, "day", start, CALENDAR, SHANGHAI).last == date(2021, 3, 19)


def test_a_year_that_is_not_announced_is_reckoned_from_its_weekends_and_says_so() -> None:
    found = term(5, "workday", at("2126-12-30T09:00"), CALENDAR, SHANGHAI)
    assert found.provisional
    assert found.last.weekday() < 5
    assert (found.last - date(2126, 12, 30)).days == 7


@given(
    st.integers(1, 90),
    st.sampled_from(["day", "workday", "hour", "month"]),
    st.datetimes(datetime(2006, 1, 1), datetime(2026, 6, 30)),
    st.integers(-400, 400),
)
def test_the_threshold_parts_what_is_over_from_what_is_not(within: int, unit: str, naive: datetime, hours: int) -> None:
    """Around the threshold, to the smallest step, every start is judged as its own term says."""
    within = min(within, 12) if unit == "month" else within
    now = naive.replace(tzinfo=SHANGHAI)
    before = threshold(within, unit, now, CALENDAR, SHANGHAI).before
    for start in (before, before - timedelta.resolution, before + timedelta(hours=hours)):
        over = term(within, unit, start, CALENDAR, SHANGHAI).over
        assert (over <= now) == (start < before)
