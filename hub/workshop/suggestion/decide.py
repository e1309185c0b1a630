"""Which pairs of a canonical and a foreign place are asserted: all evidence added up, each place used once, doubts left out.

Evidence is kept in log-odds. A pair's confidence is what is left of it beside the best other use of either side, so two
fields that might both be the residence make each other unsure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Any

import networkx

from hub.translation.codelists import CodeList
from hub.workshop.suggestion.lexicon import Concept, Lexicon
from hub.workshop.suggestion.names import Named, Names
from hub.workshop.suggestion.places import Place
from hub.workshop.suggestion.sources import Field, Foreign
from hub.workshop.suggestion.values import NEVER, Reason, Values, Verdict, separator_said

#: Log-odds of a name: nothing recognised, and what a sure name adds.
UNNAMED, NAMED = -3.5, 7.0
#: A container that belongs to the place's part of the record, to another part, to somebody else.
SAME_PART, OTHER_PART, ANOTHERS = 0.6, -0.9, -6.0
#: In doubt a field is rather nothing of ours.
AWAY = 0.15
#: A guardian's place for a field whose name says nothing of a guardian.
UNGUARDED = -3.0
#: Pairs below are no candidates at all; lines are asserted from this confidence on, and offered as doubtful below it.
CANDIDATE, ASSERTED, DOUBTFUL = -1.6, 0.6, 0.25
#: A field is no code of a place where its neighbour is named so with a word for codes added, and that one is no address.
BESIDE_CODE = 2.5
#: So many fields of a judgment or a correction, and an element is not about somebody else.
ENOUGH = 2.4
#: What an element gains that holds three or four of name, ID number, birth date and sex: it is a person.
WHO = 10.0
#: What a list's fields gain for standing in the element that is paired with the list.
IN_LIST = 1.0

#: Names of database columns that begin with a letter for their type, and the first word of other names.
_COLUMN = re.compile(r"^[A-Za-z]{1,2}_(?=.)")
_FIRST = re.compile(r"^[A-Za-z0-9]+_|^[a-z]+(?=[A-Z])|^[A-Z][a-z]+(?=[A-Z])")

#: What is added to a name for the code of what it names.
_FOR_CODES = re.compile(
    r"_?(dm|daima|dai_ma|bm|bianma|qh|qhdm|xzqh|xzqhdm|quhua|code|cd|代码|编码|区划|区划代码|行政区划)$"
)

Path = tuple[str, ...]


@dataclass(slots=True)
class Line:
    """One line of a draft. `foreign` is the place from the record on; `codec` the keys beside `at`, empty for text.

    `table` are codes with the canonical values they mean, for a list that has to be made; `unknown` codes without meaning.
    """

    canonical: str
    foreign: str
    codec: dict[str, Any]
    confidence: float
    reasons: list[Reason]
    field: Field | None = None
    place: Place | None = None
    table: dict[str, str] | None = None
    unknown: tuple[str, ...] = ()

    @property
    def asserted(self) -> bool:
        return self.confidence >= ASSERTED

    @property
    def written(self) -> str:
        """The codec as a mapping's line says it; `text` where there is none."""
        if self.codec.get("each"):
            return "each"
        said = [f"{key}: {_flow(value)}" for key, value in self.codec.items()]
        if self.table is not None:
            known = ", ".join(f"{code}={value}" for code, value in sorted(self.table.items()))
            open_ = ", ".join(f"{code}=?" for code in self.unknown[:12])
            said.append(f"codes: new list ({', '.join(part for part in (known, open_) if part)})")
        return ", ".join(said) or "text"

    def as_dict(self, language: str = "zh") -> dict[str, Any]:
        return {
            "canonical": self.canonical,
            "foreign": self.foreign,
            "codec": self.written,
            "confidence": round(self.confidence, 3),
            "reasons": [reason.en if language.startswith("en") else reason.zh for reason in self.reasons],
        }


@dataclass(slots=True)
class Suggestion:
    """Every line, asserted and doubtful, in the order of the foreign record; with what the draft needs to know beside."""

    exchange: str
    foreign: Foreign
    lines: list[Line]
    #: canonical list → the repeated element that holds its items
    lists: dict[str, Path]
    #: the repeated element of which each instance is a record of its own
    split: Path | None
    #: foreign places that nothing was found for
    left: list[Field] = field(default_factory=list)

    @property
    def asserted(self) -> list[Line]:
        return [line for line in self.lines if line.asserted]

    @property
    def doubtful(self) -> list[Line]:
        return [line for line in self.lines if not line.asserted]


def suggest(
    foreign: Foreign,
    places: Sequence[Place],
    lexicon: Lexicon,
    lists: Mapping[str, CodeList],
    counties: Mapping[str, str],
    exchange: str,
) -> Suggestion:
    """The lines of a draft for one exchange. `counties` are the codes of the places tables with their names."""
    return _Decision(foreign, places, lexicon, lists, counties, exchange).made()


def _without_common_beginnings(fields: Sequence[Field]) -> dict[Path, str]:
    """Names without what they share with their neighbours: `jbxx_xm` beside `jbxx_xb`, `C_XM` beside `C_AH`, `fjmc` in `fj`."""
    beside: dict[Path, list[Field]] = {}
    for entry in fields:
        beside.setdefault(entry.path[:-1], []).append(entry)
    columns = sum(1 for entry in fields if _COLUMN.match(entry.name)) >= max(3, 0.4 * len(fields))
    found: dict[Path, str] = {}
    for entry in fields:
        name = entry.name.lstrip("@")
        first = _FIRST.match(name)
        if columns and _COLUMN.match(name):
            found[entry.path] = _COLUMN.sub("", name)
        elif first and len(name) > len(first.group(0)):
            beginning = first.group(0)
            sharing = sum(1 for other in beside[entry.path[:-1]] if other.name.lstrip("@").startswith(beginning))
            if sharing >= 3 or (len(entry.path) > 1 and beginning.strip("_").lower() == entry.path[-2].lower()):
                found[entry.path] = name[len(beginning) :]
    return found


def sure(odds: float) -> float:
    """Log-odds as a confidence between 0 and 1."""
    return 1 / (1 + exp(-max(-30.0, min(30.0, odds))))


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f'"{k}": {str(v).lower() if isinstance(v, bool) else v}' for k, v in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if str(value) in SEPARATED else str(value)


SEPARATED = "、;,|/，；"


@dataclass(slots=True)
class _Pair:
    odds: float
    verdict: Verdict
    named: Named | None
    beside: list[Reason]


class _Decision:
    def __init__(
        self,
        foreign: Foreign,
        places: Sequence[Place],
        lexicon: Lexicon,
        lists: Mapping[str, CodeList],
        counties: Mapping[str, str],
        exchange: str,
    ) -> None:
        self.foreign, self.lexicon, self.exchange = foreign, lexicon, exchange
        self.places = [place for place in places if place.kind != "list"]
        self.list_places = {place.path: place for place in places if place.kind == "list"}
        self.values = Values(lexicon, lists, counties, foreign.fields)
        names = Names(lexicon)
        shorts = _without_common_beginnings(foreign.fields)
        self.named = {
            entry.path: names.read(entry.name, entry.path[:-1], entry.label, shorts.get(entry.path, ""))
            for entry in foreign.fields
        }
        self.around = {path: names.read(path[-1], path[:-1], label) for path, label in foreign.containers.items()}
        self.coded_beside, self.codes = self._codes_beside()
        self.parts = {path: self._part(path) for path in self.around}
        for entry in foreign.fields:
            part = self._part_of(entry)
            if part:
                again = names.read(entry.name, entry.path[:-1], entry.label, shorts.get(entry.path, ""), part)
                self.named[entry.path] = again
        self.persons = [path for path, concept in self.parts.items() if concept and concept.name == "person"]
        self._verdicts: dict[tuple[str, Path], Verdict] = {}
        self.split: Path | None = None
        self.lists: dict[str, Path] = {}

    def _codes_beside(self) -> tuple[set[Path], set[Path]]:
        """Fields such as `huJiDi` whose neighbour is `huJiDiDaiMa`, and those neighbours."""
        plain, codes = set(), set()
        by_path = {(*entry.path[:-1], entry.name.lower().lstrip("@")): entry.path for entry in self.foreign.fields}
        for entry in self.foreign.fields:
            stem = _FOR_CODES.sub("", entry.name.lower().lstrip("@"))
            other = by_path.get((*entry.path[:-1], stem))
            if other is not None and other != entry.path:
                plain.add(other)
                codes.add(entry.path)
        return plain, codes

    # ------------------------------------------------------------ what stands around a field
    def _part(self, path: Path) -> Concept | None:
        """The part of a record, or the stranger, that a container is named after; of several, the one that its fields are of."""
        offers = {
            concept: named.strength
            for concept, named in self.around[path].items()
            if (concept.kind in ("part", "stranger") or concept.name in self.list_places) and named.strength >= 0.7
        }
        if not offers:
            return None
        for concept in list(offers):
            # An element that holds the person too is no head of a message, and nobody's own data are a judgment or a term of
            # correction, whatever the initials of its name may mean.
            if concept.kind == "stranger":
                wrong = (
                    sum(self._of(part, path, 0.8) for part in ("case", "sentence", "correction", "parole")) >= ENOUGH
                )
            else:
                wrong = concept.name == "message" and self._of("person", path) > self._of("message", path)
            if wrong:
                del offers[concept]
        if not offers:
            return None
        best = max(offers.values())
        near = [concept for concept, strength in offers.items() if strength >= best - 0.1]
        return max(
            near, key=lambda concept: (self._of(concept.name, path), offers[concept], concept.kind, concept.name)
        )

    def _part_of(self, entry: Field) -> str:
        """The part of a record that the innermost element with a known name around a field is."""
        for depth in range(len(entry.path) - 1, 0, -1):
            concept = self.parts.get(entry.path[:depth])
            if concept is not None and concept.kind == "part":
                return concept.name
        return ""

    def _of(self, part: str, path: Path, least: float = 0.0) -> float:
        """How many of the fields in a container are named after places of a part of the record, `least` so surely."""
        inside = self.foreign.under(path)
        return sum(
            max(
                (
                    n.strength
                    for c, n in self.named[e.path].items()
                    if c.kind == "place" and c.name.startswith(part) and n.strength >= least
                ),
                default=0.0,
            )
            for e in inside
        )

    def _context(self, place: Place, entry: Field) -> tuple[float, list[Reason]]:
        odds, reasons = 0.0, []
        for depth in range(1, len(entry.path) + 1):
            above = entry.path[:depth]
            concept = self.parts.get(above)
            if concept is None or (
                depth == len(entry.path) and concept.kind == "part" and entry.path not in self.foreign.repeated
            ):
                continue
            if concept.kind == "stranger":
                return ANOTHERS, []
            part = concept.name
            if part in ("person.guardian", "documents", "correction.group") or above == self.lists.get(part):
                if not place.path.startswith(part):
                    return ANOTHERS, []
            elif part in self.list_places:
                part = part.partition(".")[0]
                odds += SAME_PART if place.path.startswith(part) else 0.0
            elif place.path == part or place.path.startswith(part + "."):
                odds += SAME_PART
                reasons = [Reason(f"在“{above[-1]}”之内", f"it stands in {above[-1]}")]
            elif part == "message" or (place.path.startswith("message.") and place.path != "message.remarks"):
                odds += OTHER_PART
        if (
            self.persons
            and place.path.startswith("person.")
            and not any(entry.path[: len(path)] == path for path in self.persons)
        ):
            odds += OTHER_PART / 2
        guarded = place.path.startswith("person.guardian.")
        if guarded and not any(
            "guardian" in c.name
            for c in self.named[entry.path]
            if c.kind == "place" and self.named[entry.path][c].strength > 0.6
        ):
            odds += UNGUARDED
        return odds, reasons

    # ------------------------------------------------------------ one pair
    def _verdict(self, place: Place, entry: Field) -> Verdict:
        key = (place.path, entry.path)
        if key not in self._verdicts:
            self._verdicts[key] = self.values.weigh(place, entry)
        return self._verdicts[key]

    def _pair(self, place: Place, entry: Field) -> _Pair | None:
        named = self._name(place, entry)
        strength = named.strength if named else 0.0
        if strength <= self._stranger(entry):
            return None
        base = UNNAMED + NAMED * strength
        if base < -3 and not (entry.values or entry.base not in ("", "string") or entry.patterns):
            return None
        context, beside = self._context(place, entry)
        if context <= ANOTHERS:
            return None
        verdict = self._verdict(place, entry)
        if verdict.odds <= NEVER:
            return None
        odds = base + verdict.odds + context + (IN_LIST if place.list_of in self.lists else 0.0)
        if entry.path in (self.codes if self.lexicon.kinds.get(place.path) == "address" else self.coded_beside):
            odds -= BESIDE_CODE if place.kind == "place" or self.lexicon.kinds.get(place.path) == "address" else 0.0
        return _Pair(odds, verdict, named, beside) if odds > CANDIDATE else None

    def _name(self, place: Place, entry: Field) -> Named | None:
        best = self.named[entry.path].get(Concept("place", place.path))
        for rule in self.lexicon.rules:
            if place.path == self._home(rule):
                for other in rule["places"]:
                    named = self.named[entry.path].get(Concept("place", other))
                    if named and (best is None or named.strength > best.strength):
                        best = named
        return best

    def _home(self, rule: Mapping[str, Any]) -> str:
        """Of several names of one fact, the place that tells it in this exchange."""
        return str(rule.get("by", {}).get(self.exchange, rule["places"][0]))

    def _stranger(self, entry: Field) -> float:
        """How surely a field's name says that it is somebody else's; -1 where it does not."""
        return max(
            (n.strength for c, n in self.named[entry.path].items() if c.kind == "stranger" and n.strength > 0.6),
            default=-1.0,
        )

    def _elsewhere(self, entry: Field) -> float:
        """Log-odds that a field is something that no canonical record has."""
        strengths = [n.strength for c, n in self.named[entry.path].items() if c.kind in ("elsewhere", "stranger")]
        return UNNAMED + NAMED * max(strengths, default=-0.5) + AWAY

    # ------------------------------------------------------------ lists
    def _pair_lists(self) -> None:
        """Which repeated element is which list, and which of them makes a record of each of its instances."""
        candidates = list(self.foreign.repeated)
        if not any(self._part_is(path, "documents") for path in candidates):
            candidates += [
                path
                for path in self.foreign.containers
                if path not in candidates
                and self._part_is(path, "documents")
                and any(len(entry.path) == len(path) + 1 for entry in self.foreign.under(path))
                and any(
                    entry.base == "base64Binary" or self._likely(entry, "documents[].sha256")
                    for entry in self.foreign.under(path)
                )
            ]
        wrapped = [path for path in self.foreign.containers if path not in candidates and self._alone(path)]
        offers: list[tuple[float, str, Path]] = []
        for path in [*candidates, *wrapped]:
            inside = [
                e
                for e in self.foreign.fields
                if e.path[: len(path)] == path and all(len(within) <= len(path) for within in e.within)
            ]
            known = [
                max((self._odds_alone(place, e) for e in inside), default=0.0)
                for place in self.places
                if place.path in ("person.name", "person.id_number", "person.birth_date", "person.sex")
            ]
            persons = sum(known) + (WHO if sum(odds > 0.5 for odds in known) >= 3 else 0.0)
            concept = self.parts.get(path)
            if persons > 3 and not (
                concept and (concept.kind == "stranger" or concept.name in ("person.guardian", "correction.group"))
            ):
                offers.append((persons, ".", path))
            for name in self.list_places:
                named = self._list_name(name, path)
                children = [place for place in self.places if place.list_of == name]
                fit = sum(
                    min(2.5, max((self._odds_alone(place, e) for e in inside), default=0.0)) for place in children
                )
                if named + fit > 3 and fit > 0.5:
                    offers.append((4 * named + fit, name, path))
        taken: set[Path] = set()
        for _, name, path in sorted(offers, key=lambda offer: (-offer[0], offer[2])):
            if path in taken or name in self.lists or (name == "." and self.split):
                continue
            taken.add(path)
            if name == ".":
                self.split = path
            else:
                self.lists[name] = path

    def _alone(self, path: Path) -> bool:
        """Whether an element is all that its parent holds, as the items of a list are where the samples show one only."""
        beside = [other for other in self.foreign.containers if len(other) == len(path) and other[:-1] == path[:-1]]
        fields = [entry for entry in self.foreign.fields if entry.path[:-1] == path[:-1]]
        return len(path) > 1 and len(beside) == 1 and not fields

    def _part_is(self, path: Path, part: str) -> bool:
        concept = self.parts.get(path)
        return concept is not None and concept.name == part

    def _likely(self, entry: Field, path: str) -> bool:
        place = next((place for place in self.places if place.path == path), None)
        return place is not None and self._verdict(place, entry).odds > 2

    def _list_name(self, name: str, path: Path) -> float:
        best = 0.0
        for depth in range(max(1, len(path) - 1), len(path) + 1):
            for concept, named in self.around.get(path[:depth], {}).items():
                if concept.name == name:
                    best = max(best, named.strength)
        return best

    def _odds_alone(self, place: Place, entry: Field) -> float:
        verdict = self._verdict(place, entry)
        if verdict.odds <= NEVER:
            return 0.0
        named = self.named[entry.path].get(Concept("place", place.path))
        return max(0.0, UNNAMED + NAMED * (named.strength if named else 0.0) + verdict.odds)

    def _may(self, place: Place, entry: Field) -> bool:
        """Whether the two sides are repeated alike: a list's places stand in its element, all others in none but the record's."""
        lists = [path for path in entry.within if path != self.split]
        lists += [path for path in self.lists.values() if entry.path[: len(path)] == path and path not in lists]
        if place.list_of is None:
            return not lists and (place.many or not entry.repeated)
        if place.list_of in self.lists:
            return (bool(lists) and lists[-1] == self.lists[place.list_of] and not entry.repeated) or (
                self.lists[place.list_of] not in self.foreign.repeated
                and entry.path[: len(self.lists[place.list_of])] == self.lists[place.list_of]
            )
        return self._single(place) and not lists

    def _single(self, place: Place) -> bool:
        """Whether one field may be the only item of the list, such as the number of one system."""
        return place.path in self.lexicon.words.get("single", ())

    # ------------------------------------------------------------ all pairs
    def made(self) -> Suggestion:
        self._pair_lists()
        pairs: dict[tuple[int, int], _Pair] = {}
        for p, place in enumerate(self.places):
            for f, entry in enumerate(self.foreign.fields):
                if self._may(place, entry) and (pair := self._pair(place, entry)) is not None:
                    pairs[p, f] = pair
        chosen = self._assign(pairs)
        lines = [self._line(p, f, pairs, chosen) for p, f in chosen.items()]
        lines = self._rehome(lines)
        lines += self._list_lines(lines)
        used = {line.foreign for line in lines}
        lines += self._second(pairs, chosen, used)
        order = {entry.place: n for n, entry in enumerate(self.foreign.fields)}
        lines.sort(key=lambda line: (order.get(line.foreign, self._first_inside(line.foreign)), "[" in line.canonical))
        left = [entry for entry in self.foreign.fields if entry.place not in {line.foreign for line in lines}]
        return Suggestion(self.exchange, self.foreign, lines, self.lists, self.split, left)

    def _first_inside(self, place: str) -> int:
        return next((n for n, entry in enumerate(self.foreign.fields) if entry.place.startswith(place + "/")), 0)

    def _assign(self, pairs: Mapping[tuple[int, int], _Pair]) -> dict[int, int]:
        """The one-to-one choice with the greatest sum; a field may also go to what no record has."""
        graph = networkx.Graph()
        for (p, f), pair in pairs.items():
            graph.add_edge(("place", p), ("field", f), weight=max(pair.odds, 0.0) + 0.05)
        for f, entry in enumerate(self.foreign.fields):
            away = self._elsewhere(entry)
            if away > 0:
                graph.add_edge(("away", f), ("field", f), weight=away)
        chosen: dict[int, int] = {}
        for one, other in networkx.max_weight_matching(graph):
            ends = dict((one, other))
            if "place" in ends and "field" in ends:
                chosen[ends["place"]] = ends["field"]
        return chosen

    def _line(self, p: int, f: int, pairs: Mapping[tuple[int, int], _Pair], chosen: Mapping[int, int]) -> Line:
        pair, place, entry = pairs[p, f], self.places[p], self.foreign.fields[f]
        taken = {field_: place_ for place_, field_ in chosen.items()}
        margin, rival = pair.odds, ""
        away = self._elsewhere(entry)
        if pair.odds - away < margin:
            margin, rival = pair.odds - away, "—"
        for (p2, f2), other in pairs.items():
            if p2 != p and f2 == f and not self._alike(place, self.places[p2]):
                mine = pair.odds + (pairs[p2, chosen[p2]].odds if p2 in chosen else 0.0)
                swapped = other.odds + (self._odds(pairs, p, chosen[p2]) if p2 in chosen else 0.0)
                gap, name = mine - swapped, self.places[p2].path
            elif p2 == p and f2 != f and f2 not in taken:
                gap, name = pair.odds - max(other.odds, 0.0), self.foreign.fields[f2].place
            else:
                continue
            if gap < margin:
                margin, rival = gap, name
        # A rival halves certainty at worst: of two equal ones, one is right.
        confidence = min(sure(pair.odds), sure(margin)) if rival else sure(pair.odds)
        reasons = [Reason(pair.named.zh, pair.named.en)] if pair.named and pair.named.strength > 0.3 else []
        reasons += pair.verdict.reasons + pair.beside
        if rival and rival != "—" and margin < pair.odds - 0.5 and confidence < 0.95:
            reasons.append(Reason(f"也可能是{rival}", f"it may also be {rival}"))
        if not reasons:
            reasons = [Reason("类型与位置相符", "type and position fit")]
        codec = dict(pair.verdict.codec)
        if place.many and entry.repeated:
            codec.pop("list", None)
        elif place.many and "list" not in codec:
            codec["list"] = separator_said(entry.label) or self.values.usual_separator
        return Line(
            place.path,
            entry.place,
            codec,
            min(confidence, 0.99),
            reasons,
            entry,
            place,
            pair.verdict.table,
            pair.verdict.unknown,
        )

    @staticmethod
    def _odds(pairs: Mapping[tuple[int, int], _Pair], p: int, f: int) -> float:
        return pairs[p, f].odds if (p, f) in pairs else 0.0

    def _alike(self, one: Place, other: Place) -> bool:
        """Whether two places are names of one fact."""
        return any(one.path in rule["places"] and other.path in rule["places"] for rule in self.lexicon.rules)

    def _rehome(self, lines: list[Line]) -> list[Line]:
        """A fact that only one field tells is put where the exchange has it."""
        by_path = {place.path: place for place in self.places}
        told = {line.canonical for line in lines if line.asserted}
        for rule in self.lexicon.rules:
            home = self._home(rule)
            if home in told or home not in by_path:
                continue
            for line in lines:
                if line.canonical in rule["places"] and line.asserted:
                    lines = [other for other in lines if other.canonical != home]
                    line.canonical, line.place = home, by_path[home]
                    break
        return lines

    def _list_lines(self, lines: Iterable[Line]) -> list[Line]:
        found = []
        for name, path in self.lists.items():
            inside = [line for line in lines if line.canonical.startswith(f"{name}[]") and line.asserted]
            if inside:
                named = self._list_name(name, path)
                reasons = [
                    Reason(
                        f"“{path[-1]}”是可重复的元素，其中有{'、'.join(line.foreign.rpartition('/')[2] for line in inside)}",
                        f"{path[-1]} is repeated and holds {', '.join(line.foreign.rpartition('/')[2] for line in inside)}",
                    )
                ]
                confidence = min(0.99, max(max(line.confidence for line in inside), sure(UNNAMED + NAMED * named)))
                found.append(Line(name, "/".join(path), {"each": True}, confidence, reasons))
        return found

    def _second(self, pairs: Mapping[tuple[int, int], _Pair], chosen: Mapping[int, int], used: set[str]) -> list[Line]:
        """For fields that no line has, the best guess, as doubtful as it is."""
        found = []
        for f, entry in enumerate(self.foreign.fields):
            offers = [(pair.odds, p) for (p, f2), pair in pairs.items() if f2 == f]
            if entry.place in used or not offers:
                continue
            odds, p = max(offers)
            confidence = min(sure(odds - max(0.0, self._elsewhere(entry))), ASSERTED - 0.05)
            if confidence < DOUBTFUL:
                continue
            pair, place = pairs[p, f], self.places[p]
            reasons = [Reason(pair.named.zh, pair.named.en)] if pair.named else []
            reasons += pair.verdict.reasons
            if p in chosen:
                other = self.foreign.fields[chosen[p]].place
                reasons.append(Reason(f"但{other}更像{place.path}", f"but {other} is more like {place.path}"))
            found.append(
                Line(
                    place.path,
                    entry.place,
                    dict(pair.verdict.codec),
                    confidence,
                    reasons,
                    entry,
                    place,
                    pair.verdict.table,
                    pair.verdict.unknown,
                )
            )
        return found
