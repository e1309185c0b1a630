"""Who answered for a person, and when, as a band to draw: stretches one after the other, each at least as wide as its words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH = 1120
GAP = 4
#: Units of the drawing that one column of Latin text takes; a Chinese character takes two columns.
COLUMN = 7.2
LEAST = 150
#: Behind the band: an arrow, and the agency to whom the person is on the way, whose name has so much room.
NEXT = 240
NEXT_ROOM = NEXT - 56


@dataclass(frozen=True, slots=True)
class Stretch:
    """One holder's time, or the time after the end, when nobody answers (`holder` None). `days` is None while it lasts;
    `shade` tells neighbours apart."""

    x: float
    width: float
    holder: str | None
    words: tuple[str, ...]
    since: str
    days: int | None
    transfer: str
    shade: int


@dataclass(frozen=True, slots=True)
class Band:
    stretches: tuple[Stretch, ...]
    width: float
    #: where the band ends, for what is on its way to somebody else
    end: float


def band(
    history: Sequence[Mapping[str, Any]], names: Mapping[str | None, str], now: datetime, more: bool
) -> Band | None:
    """The band of a ledger (`holder`, `since`, `cause`), or None for an empty one. `more`: leave room behind its end.

    A stretch's width grows with the logarithm of its days, so that two days stand beside nine years and both can be read.
    """
    if not history:
        return None
    begins = [datetime.fromisoformat(line["since"]) for line in history]
    ends: list[datetime | None] = [*begins[1:], None]
    lasted = [
        max(0.0, ((end or max(now, begin)) - begin).total_seconds() / 86400)
        for begin, end in zip(begins, ends, strict=True)
    ]
    room = WIDTH - (NEXT if more else 0) - GAP * (len(history) - 1)
    least = min(LEAST, room / len(history))
    weights = [math.log1p(days) + 0.2 for days in lasted]
    spare = room - least * len(history)
    shades: dict[str | None, int] = {}
    stretches, x = [], 0.0
    for line, end, days, weight in zip(history, ends, lasted, weights, strict=True):
        width = least + spare * weight / sum(weights)
        shade = shades.setdefault(line["holder"], len(shades) % 4)
        stretches.append(
            Stretch(
                round(x, 1),
                round(width, 1),
                line["holder"],
                wrapped(names[line["holder"]], width - 20),
                line["since"],
                int(days) if end else None,
                line["cause"]["transfer"],
                shade,
            )
        )
        x += width + GAP
    return Band(tuple(stretches), WIDTH, round(x - GAP, 1))


def wrapped(name: str, width: float) -> tuple[str, ...]:
    """A name on at most two lines of so many units, cut where it is longer still."""
    room = max(4, int(width / COLUMN))
    lines, line = [], ""
    for word in _words(name):
        if line and _columns(line + word) > room:
            lines.append(line.strip())
            line = ""
        line += word
    lines.append(line.strip())
    if len(lines) > 2:
        lines = [lines[0], lines[1][: max(1, len(lines[1]) - 1)] + "…"]
    return tuple(lines)


def _words(name: str) -> list[str]:
    words: list[str] = []
    for character in name:
        if words and character.isascii() and words[-1].isascii() and not words[-1].endswith(" "):
            words[-1] += character
        else:
            words.append(character)
    return words


def _columns(text: str) -> int:
    return sum(1 if character.isascii() else 2 for character in text)
