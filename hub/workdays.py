"""The working days of China as the State Council announces them, each November for the year to come.

They come from a kept library, and from the files under `calendars/`, where an administrator writes down a year before the
library has it (docs/workflow-chart.md). A year that neither knows is answered from its weekends alone, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import chinese_calendar
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from hub.findings import ConfigErrors, Finding, LinedDict, read_yaml

FRIDAY = 4


@dataclass(frozen=True, slots=True)
class Announced:
    """One year: weekdays of rest (放假), and days of a weekend that are worked (调休上班)."""

    rest: frozenset[date]
    work: frozenset[date]

    def is_workday(self, day: date) -> bool:
        return day in self.work or (day.weekday() <= FRIDAY and day not in self.rest)


class Workdays:
    """Implements `hub.domain.terms.Calendar`. A year of the files goes before the library's."""

    def __init__(self, years: Mapping[int, Announced] | None = None) -> None:
        self._years = dict(years or {})

    def is_workday(self, day: date) -> bool:
        if written := self._years.get(day.year):
            return written.is_workday(day)
        return bool(chinese_calendar.is_workday(day)) if _in_library(day.year) else day.weekday() <= FRIDAY

    def is_announced(self, year: int) -> bool:
        return year in self._years or _in_library(year)


@lru_cache(maxsize=256)
def _in_library(year: int) -> bool:
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return False
    return True


# ------------------------------------------------------------------ files
class CalendarSchema(Schema):
    """`calendars/<year>.yaml`."""

    class Meta:
        unknown = RAISE

    year = fields.Int(required=True, strict=True, validate=validate.Range(2000, 2999))
    rest = fields.List(fields.Date(), required=True)
    work = fields.List(fields.Date(), load_default=list)


def load(config_dir: Path) -> Workdays:
    """The calendar of a configuration. Raises `ConfigErrors`."""
    years, findings = _read(config_dir)
    if findings:
        raise ConfigErrors(findings)
    return Workdays(years)


def check(config_dir: Path) -> list[Finding]:
    """Every mistake in the files under `calendars/`."""
    return _read(config_dir)[1]


def _read(config_dir: Path) -> tuple[dict[int, Announced], list[Finding]]:
    years: dict[int, Announced] = {}
    findings: list[Finding] = []
    for path in sorted((config_dir / "calendars").glob("*.yaml")):
        shown = f"{config_dir.name}/calendars/{path.name}"
        found, wrong = read_yaml(path, shown)
        findings += wrong
        if found is None:
            continue
        try:
            loaded = CalendarSchema().load(found)
        except ValidationError as error:
            findings += [
                Finding(shown, found.line_of(key), "calendar.shape", f"{key}：{told}", f"{key}: {told}")
                for key, told in sorted(_by_key(error).items())
            ]
            continue
        year = Announced(frozenset(loaded["rest"]), frozenset(loaded["work"]))
        findings += _mistakes(found, loaded["year"], year, shown)
        if loaded["year"] in years:
            zh, en = f"{loaded['year']}年已在另一个文件中", f"the year {loaded['year']} stands in another file already"
            findings.append(Finding(shown, found.line_of("year"), "calendar.duplicate", zh, en))
        years[loaded["year"]] = year
    return years, findings


def _by_key(error: ValidationError) -> dict[str, Any]:
    return error.messages if isinstance(error.messages, dict) else {"": error.messages}


def _mistakes(found: LinedDict, number: int, year: Announced, shown: str) -> list[Finding]:
    """Days of another year, days that are both, and days for which nothing needs to be said and which are likely misread."""
    findings = []
    for key, days in (("rest", year.rest), ("work", year.work)):
        for day in sorted(days):
            if day.year != number:
                zh, en = f"{day}不在{number}年", f"{day} is not in {number}"
            elif key == "work" and day in year.rest:
                zh, en = f"{day}既放假又上班", f"{day} is a day of rest and of work"
            elif key == "work" and day.weekday() <= FRIDAY:
                zh, en = f"{day}是周一至周五，本来就上班", f"{day} is no weekend: it is worked anyway"
            else:
                continue
            findings.append(Finding(shown, found.line_of(key), "calendar.day", zh, en))
    return findings
