"""Which days are worked: as announced, as an administrator wrote them down, else from weekends."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from hub import workdays
from hub.bootstrap import check
from hub.findings import ConfigErrors

YEAR = """# 国务院办公厅通知
year: 2127
rest: [2127-01-01, 2127-02-10]
work: [2127-02-08]
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars" / "2127.yaml").write_text(YEAR, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("day", "works"),
    [("2021-02-07", True), ("2021-02-12", False), ("2021-02-20", True), ("2021-02-21", False), ("2012-10-01", False)],
)
def test_announced_holidays_and_shifted_days_are_known(day: str, works: bool) -> None:
    assert workdays.Workdays().is_workday(date.fromisoformat(day)) is works
    assert workdays.Workdays().is_announced(int(day[:4]))


def test_a_year_that_is_written_down_is_as_good_as_announced(written: Path) -> None:
    known, unknown = workdays.load(written), workdays.Workdays()
    assert known.is_announced(2127)
    assert not unknown.is_announced(2127)
    for day, before, after in (("2127-01-01", True, False), ("2127-02-08", False, True), ("2127-02-11", True, True)):
        assert unknown.is_workday(date.fromisoformat(day)) is before
        assert known.is_workday(date.fromisoformat(day)) is after


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("2127-02-10]", "2128-02-10]", "calendar.day", 3),
        ("work: [2127-02-08]", "work: [2127-02-10]", "calendar.day", 4),
        ("work: [2127-02-08]", "work: [2127-02-11]", "calendar.day", 4),
        ("2127-02-10]", "2127-02-30]", "calendar.shape", 3),
        ("year: 2127", "jahr: 2127", "calendar.shape", 2),
    ],
)
def test_a_mistake_in_a_calendar_is_found_where_it_stands(
    written: Path, old: str, new: str, rule: str, line: int
) -> None:
    file = written / "calendars" / "2127.yaml"
    file.write_text(YEAR.replace(old, new), encoding="utf-8")
    found = workdays.check(written)
    assert (f"{written.name}/calendars/2127.yaml", line, rule) in [(f.file, f.line, f.rule) for f in found]
    with pytest.raises(ConfigErrors):
        workdays.load(written)


def test_hub_check_reads_the_calendars_and_a_year_stands_once(written: Path) -> None:
    (written / "workflow").mkdir()
    (written / "calendars" / "again.yaml").write_text(YEAR, encoding="utf-8")
    assert "calendar.duplicate" in {found.rule for found in check(written)}
