"""How good suggestions are: against the hand-written mapping of a dialect, or any other list of true pairs.

What counts: every foreign place that the mapping pairs with a canonical one, lists included. It is found when one of the
canonical places that the mapping gives for it is asserted: those of its line, of its alternatives, and other names of the
same fact. What has no such pair does not count: constants, and what is computed from several fields. Elements that the
connector writes are left out on both sides. Precision is the share of right pairs among those asserted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.translation.mapping import Files, Section
from hub.workshop.suggestion.decide import Line, Suggestion

#: What a mapping takes from the message around a record, and where a canonical record has it.
CONTEXT = {
    "message_id": "message.key",
    "sent_at": "message.sent_at",
    "now": "message.sent_at",
    "sender": "message.sender",
}
_FOREIGN = re.compile(r"foreign\.([A-Za-z0-9_.]+)")


@dataclass(frozen=True, slots=True)
class Truth:
    """The true pairs: foreign place → the canonical places that are right for it; a list's element ends with `[]`.

    `also` is right too, but not asked for.
    """

    wanted: Mapping[str, frozenset[str]]
    also: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Score:
    name: str
    exchange: str
    wanted: int
    found: int
    asserted: int
    right: int
    missed: tuple[tuple[str, str], ...]
    wrong: tuple[Line, ...]

    @property
    def recall(self) -> float:
        return self.found / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.asserted if self.asserted else 1.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "dialect": self.name,
            "exchange": self.exchange,
            "lines": self.wanted,
            "found": self.found,
            "asserted": self.asserted,
            "right": self.right,
            "recall": round(self.recall, 3),
            "precision": round(self.precision, 3),
            "missed": [{"foreign": foreign, "canonical": canonical} for foreign, canonical in self.missed],
            "wrong": [line.as_dict() for line in self.wrong],
        }


def same_facts(words: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Each place with the other names of its fact, as the lexicon has them."""
    return {str(path): frozenset(rule["places"]) for rule in words.get("same", ()) for path in rule["places"]}


def score(name: str, suggestion: Suggestion, truth: Truth) -> Score:
    """A suggestion against the truth."""
    asserted = [line for line in suggestion.asserted if line.foreign.partition("/")[0] not in truth.ignored]
    right, found = [], set()
    for line in asserted:
        place = f"{line.foreign}[]" if line.codec.get("each") else line.foreign
        if line.canonical in truth.wanted.get(place, frozenset()):
            found.add(place)
            right.append(line)
        elif line.canonical in truth.also.get(line.foreign, frozenset()):
            right.append(line)
    return Score(
        name,
        suggestion.exchange,
        len(truth.wanted),
        len(found),
        len(asserted),
        len(right),
        tuple((foreign, sorted(places)[0]) for foreign, places in truth.wanted.items() if foreign not in found),
        tuple(line for line in asserted if line not in right),
    )


def hand_written(folder: Path, exchange: str, same: Mapping[str, frozenset[str]]) -> Truth:
    """The true pairs of a dialect's own mapping. `same` are other names of a fact. Raises `ValueError` without a mapping."""
    mapping = Files(folder, folder.name).mapping(exchange)
    if mapping is None:
        raise ValueError(f"{folder.name} has no usable mapping for {exchange}")
    wanted: dict[str, set[str]] = defaultdict(set)
    also: dict[str, set[str]] = defaultdict(set)
    derived: dict[str, set[str]] = defaultdict(set)
    for section, base in ((mapping.section, ""), (mapping.split, mapping.split.each if mapping.split else "")):
        if section is None:
            continue
        for kind, foreign, canonical in _pairs(section, base or "", ""):
            if kind == "equal":
                derived[foreign].add(canonical)
            else:
                (wanted if kind == "pair" else also)[foreign].add(canonical)
    for places in wanted.values():
        for place in list(places):
            places |= same.get(place, frozenset()) | derived.get(place, set())
    return Truth(
        {foreign: frozenset(places) for foreign, places in wanted.items()},
        {foreign: frozenset(places) for foreign, places in also.items()},
        mapping.left_to_connector,
    )


def _pairs(section: Section, base: str, prefix: str) -> Iterator[tuple[str, str, str]]:
    """`pair` (foreign, canonical), `also` for what a computation reads, `equal` (canonical, canonical) for what is copied."""
    for line in section.lines:
        if line.section is not None:
            each, target = line.section.each or "", line.target.removesuffix("[]")
            canonical, foreign = (target, each) if line.direction != "out" else (each, target)
            at = _joined(base, foreign)
            if any(
                clause.get("at", below.target if below.direction == "out" else None) != "."
                for below in line.section.lines
                for clause in (below.clauses[0].keys,)
                if below.clauses
            ):
                yield "pair", f"{at}[]", f"{prefix}{canonical}"
            yield from _pairs(line.section, at, f"{prefix}{canonical}[].")
            continue
        for clause in line.clauses:
            yield from _clause(line.direction, line.target, clause.keys, base, prefix)


def _clause(way: str, target: str, keys: Mapping[str, Any], base: str, prefix: str) -> Iterator[tuple[str, str, str]]:
    canonical = f"{prefix}{target.removesuffix('[]')}"
    if way != "out":
        if isinstance(keys.get("at"), str):
            yield "pair", _joined(base, keys["at"]), canonical
        if way == "in" and isinstance(keys.get("from"), str):
            yield "equal", keys["from"].removesuffix("[]"), canonical
        for place in _FOREIGN.findall(str(keys.get("compute", ""))):
            for name in (canonical, f"{canonical}[].number"):
                yield "also", place.replace(".", "/"), name
        return
    at = _joined(base, target)
    if isinstance(keys.get("from"), str):
        source = keys["from"].removesuffix("[]").removesuffix(".code")
        yield "pair", at, prefix.removesuffix("[].") if source == "." else f"{prefix}{source}"
        if source == ".":
            yield "pair", at, f"{prefix}title"
    elif keys.get("context") in CONTEXT:
        yield "pair", at, CONTEXT[str(keys["context"])]


def _joined(base: str, place: str) -> str:
    if place == ".":
        return base
    return f"{base}/{place}" if base else place
