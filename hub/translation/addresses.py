"""Addresses as text, and the place codes that they name: by the tables of places, from the province down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

#: Names in GB/T 2260 that no address says: they only group what is below them.
_SILENT = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划", "市辖县")


def _above(code: str) -> Iterator[str]:
    """The codes above one, from the nearest up: village 12, township 9, county 6 digits, prefecture and province padded."""
    for digits in (9, 6):
        if len(code) > digits:
            yield code[:digits]
    county = code[:6]
    for above in (county[:4] + "00", county[:2] + "0000"):
        if above != county:
            yield above


class Places:
    """The tables of places: code → name."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    @cached_property
    def _below(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """The named places below each code (`""`: the whole country), by the first character of their names."""
        below: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for code, name in self.names.items():
            if name in _SILENT:
                continue
            for above in (*_above(code), ""):
                below.setdefault((above, name[:1]), []).append((code, name))
        return below

    def find(self, text: str) -> tuple[str | None, str]:
        """The place that an address begins with, as far down as it says one, and the rest of the text.

        Levels may be left out (山东省微山县); where a name alone could be several places, none is found.
        """
        code, rest = None, text.strip()
        while rest:
            found = self._next(code, rest)
            if found is None:
                break
            code, name = found
            rest = rest[len(name) :].lstrip(" 　")
        return code, rest

    def _next(self, code: str | None, rest: str) -> tuple[str, str] | None:
        fitting = [one for one in self._below.get((code or "", rest[:1]), ()) if rest.startswith(one[1])]
        if not fitting:
            return None
        nearest = min(_depth(one[0]) for one in fitting)
        longest = max(len(name) for one, name in fitting if _depth(one) == nearest)
        chosen = [one for one in fitting if _depth(one[0]) == nearest and len(one[1]) == longest]
        return chosen[0] if len(chosen) == 1 else None

    def full_name(self, code: str) -> str | None:
        """山东省济宁市微山县马坡镇; None for a place that no table has."""
        if code not in self.names:
            return None
        line = [*reversed(list(_above(code))), code]
        return "".join(self.names[one] for one in line if one in self.names and self.names[one] not in _SILENT)

    def within(self, code: str, other: str) -> bool:
        """Whether the one place is the other or lies in it."""
        return code == other or other in _above(code)


def _depth(code: str) -> int:
    if len(code) > 6:
        return len(code)
    return 2 if code.endswith("0000") else 4 if code.endswith("00") else 6
