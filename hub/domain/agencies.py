"""Who takes part: agencies with their kind, place (block, 块) and parent (line, 条)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

AGENCY_ID = re.compile(r"^(?P<kind>[a-z][a-z-]*)\.(?P<place>\d{6}|\d{9}|\d{12})(?:\.(?P<serial>[a-z0-9-]+))?$")

#: How many digits of a place code name the territory of each level (GB/T 2260 six, townships nine, villages twelve).
LEVEL_DIGITS = {"province": 2, "city": 4, "county": 6, "township": 9, "village": 12}


def level_of(place: str) -> str:
    """The level of a place code: `370000` is a province, `370800` a city, `370826` a county, nine digits a township."""
    if len(place) > LEVEL_DIGITS["county"]:
        return "township" if len(place) == LEVEL_DIGITS["township"] else "village"
    return "province" if place.endswith("0000") else "city" if place.endswith("00") else "county"


def widened(place: str, level: str | None) -> str:
    """The code of the wider place of a level in which a place lies: `370826108` at the level of the city is `370800`."""
    return place[: LEVEL_DIGITS[level]].ljust(LEVEL_DIGITS["county"], "0") if level else place


@dataclass(frozen=True, slots=True)
class Reach:
    """One way to an agency. The first whose dialect can carry an exchange is taken.

    `transport` names the connector, `dialect` the folder under `mappings/dialects` (None: canonical JSON).
    """

    transport: str
    dialect: str | None = None
    url: str | None = None
    user: str | None = None
    timeout: float = 30.0
    exchanges: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency as its file under `mappings/agencies` describes it. `name` is Chinese, `name_en` English."""

    id: str
    kind: str
    place: str
    name: str
    name_en: str = ""
    parent: str | None = None
    reach: tuple[Reach, ...] = ()
    #: the dialect that the agency speaks when it calls the hub (None: it has no legacy sender)
    speaks: str | None = None
    source: str | None = None

    def label(self, language: str = "zh") -> str:
        return self.name_en or self.id if language.startswith("en") else self.name


class Agencies:
    """The agencies that the hub knows, found by id, or by kind and place."""

    def __init__(self, agencies: Iterable[Agency], levels: Mapping[str, str]) -> None:
        self._by_id = {agency.id: agency for agency in agencies}
        self._levels = dict(levels)
        self._by_seat: dict[tuple[str, str], list[Agency]] = {}
        for agency in self._by_id.values():
            self._by_seat.setdefault((agency.kind, agency.place), []).append(agency)

    def __iter__(self) -> Iterator[Agency]:
        return iter(self._by_id.values())

    def __contains__(self, agency_id: object) -> bool:
        return agency_id in self._by_id

    def __getitem__(self, agency_id: str) -> Agency:
        return self._by_id[agency_id]

    def get(self, agency_id: str | None) -> Agency | None:
        return self._by_id.get(agency_id) if agency_id else None

    def digits(self, kind: str) -> int:
        """How many digits of a place code decide which agency of this kind is meant."""
        return LEVEL_DIGITS[self._levels.get(kind, "county")]

    def seated(self, kind: str, place: str) -> list[Agency]:
        """The agencies of a kind whose territory holds the place: usually one, none when the hub knows none.

        A county's bureau answers for every township code of the county; a township's office only for its own nine
        digits, so a place that is too coarse finds nobody.
        """
        digits = self.digits(kind)
        if len(place) < digits:
            return []
        return self._by_seat.get((kind, place[:digits].ljust(6, "0")), [])
