"""What a mapping covers: places that no line names, lines that samples or traffic never use, codes never seen or unknown.

What a mapping names is read off its lines; what is used is counted by lineage, from samples or from what really passed.
Nothing is kept of a message but counts, codes, and one shortened example for each place that no line names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.translation import Dialect
from hub.translation.codelists import CodeList
from hub.translation.foreign import path_of
from hub.translation.lineage import Lineage, Step, asked_by
from hub.translation.mapping import Clause, Line, RecordMapping, Section
from hub.translation.reader import place_of
from hub.translation.schema import Element

Schema = Mapping[str, Any]

#: Distinct unknown codes of a list, and distinct unmapped places, that are told one by one.
MOST = 200
#: Characters of an example.
SHOWN = 60
#: A contract whose types contain themselves is followed so deep.
DEEPEST = 12
#: Said by the hub in every record, by no line.
OF_THE_HUB = frozenset({"exchange", "unmapped", "answers"})
_INDEX = re.compile(r"\[\d+\]")


# ------------------------------------------------------------------ what there is
@dataclass(frozen=True, slots=True)
class Place:
    """A place that a record or a contract has. `required`: wherever what contains it is."""

    path: str
    required: bool
    label: str = ""


def canonical_places(schema: Schema) -> list[Place]:
    """The places of an exchange's records as dotted paths, `[]` where a list is gone through. A code, a term or another value
    of parts that only mean something together is one place."""
    return list(_canonical(schema, schema, "", True, 0))


def _canonical(schema: Schema, root: Schema, path: str, required: bool, depth: int) -> Iterator[Place]:
    parts = _composed(schema, root)
    properties: dict[str, Schema] = {}
    for part in parts:
        properties |= part.get("properties", {})
    needed = {name for part in parts for name in part.get("required", ())}
    items = next((part["items"] for part in parts if isinstance(part.get("items"), Mapping)), None)
    label = next((str(part["title"]) for part in parts if "title" in part), "")
    if items is not None and depth < DEEPEST:
        inner = list(_canonical(items, root, f"{path}[]", required, depth + 1))
        yield from inner if inner and inner[0].path != f"{path}[]" else [Place(path, required, label)]
    elif properties and not _is_one_value(properties) and depth < DEEPEST:
        for name, below in properties.items():
            if path or name not in OF_THE_HUB:
                at = f"{path}.{name}" if path else name
                yield from _canonical(below, root, at, required and name in needed, depth + 1)
    else:
        yield Place(path, required, label)


def _is_one_value(properties: Mapping[str, Schema]) -> bool:
    names = set(properties)
    return {"system", "code"} <= names or names <= {"years", "months", "days"}


def _composed(schema: Schema, root: Schema) -> list[Schema]:
    """A schema with all that it refers to and is composed of."""
    found: list[Schema] = []
    pending: list[Schema] = [schema]
    while pending:
        one = pending.pop(0)
        if "$ref" in one:
            here: Any = root
            for step in str(one["$ref"]).removeprefix("#/").split("/"):
                here = here.get(step, {}) if isinstance(here, Mapping) else {}
            pending.append(here)
            continue
        found.append(one)
        for key in ("allOf", "anyOf", "oneOf"):
            pending += [part for part in one.get(key, ()) if isinstance(part, Mapping)]
    return found


def foreign_places(element: Element | None) -> list[Place]:
    """The places of a contract below an element that hold a text or an attribute; none where there is no contract."""
    return list(_foreign(element, "", True, 0)) if element is not None else []


def _foreign(element: Element, path: str, required: bool, depth: int) -> Iterator[Place]:
    content = element.content
    for attribute in content.attributes.values():
        yield Place(f"{path}/@{attribute.name}".lstrip("/"), required and attribute.required)
    if content.children and depth < DEEPEST:
        for child in content.children:
            below = f"{path}/{child.name}".lstrip("/")
            yield from _foreign(child, below, required and child.least >= 1 and not child.choice, depth + 1)
    elif path:
        yield Place(path, required)


# ------------------------------------------------------------------ what a mapping names
@dataclass(frozen=True, slots=True)
class Named:
    """A line with the whole paths of both sides: canonical dotted, foreign from below the record on."""

    line: Line
    directions: tuple[str, ...]
    canonical: frozenset[str]
    foreign: frozenset[str]
    #: what a reader of a report sees for the line
    shown: str


def lines_of(mapping: RecordMapping) -> list[Named]:
    """Every line of a mapping, those of lists and of a split message too."""
    found = list(_lines(mapping.section, mapping, "", ""))
    if mapping.split is not None:
        found += _lines(mapping.split, mapping, "", (mapping.split.each or "").strip("/"))
    return found


def _lines(section: Section, mapping: RecordMapping, canonical: str, foreign: str) -> Iterator[Named]:
    for line in section.lines:
        directions = tuple(
            way for way in ("in", "out") if line.direction in ("both", way) and mapping.direction in ("both", way)
        )
        names = _canonical_of(line, canonical)
        places = _foreign_of(line, foreign)
        yield Named(line, directions, frozenset(names), frozenset(places), line.target)
        if line.section is not None:
            clause = line.clauses[0]
            if line.direction == "out":
                inside, element = str(clause.get("each")), line.target
            else:
                inside, element = line.target, str(clause.get("at") or clause.get("each"))
            yield from _lines(
                line.section, mapping, f"{canonical}{inside.removesuffix('[]')}[].", _below(foreign, element)
            )


def _canonical_of(line: Line, above: str) -> Iterator[str]:
    if line.section is not None:
        return  # a list's places are those of its lines
    if line.direction != "out":
        yield above + line.target
    for clause in line.clauses:
        keys = clause.keys
        if "from" in keys:
            yield above + str(keys["from"]) if keys["from"] != "." else above.removesuffix(".")
        if "as_written" in keys:
            yield str(keys["as_written"])
        of = keys.get("of")
        yield from (str(path) for path in (of if isinstance(of, list) else [of]) if isinstance(path, str))
        for key in ("compute", "when"):
            for name, steps in asked_by(str(keys.get(key, ""))):
                if steps and name in ("record", "item"):
                    yield (above if name == "item" else "") + ".".join(steps)


def _foreign_of(line: Line, above: str) -> Iterator[str]:
    if line.section is not None:
        return
    if line.direction == "out":
        yield _below(above, line.target)
    for clause in line.clauses:
        for key in ("at", "others"):
            if key in clause.keys:
                yield _below(above, str(clause.get(key)))
        for key in ("compute", "when"):
            for name, steps in asked_by(str(clause.keys.get(key, ""))):
                if steps and name in ("foreign", "message", "others"):
                    yield _below(above if name == "foreign" else "", "/".join(steps))


def _below(above: str, place: str) -> str:
    own = "/".join(path_of(place))
    return f"{above}/{own}".strip("/") if own else above


def _touches(place: str, named: frozenset[str], separator: str) -> bool:
    """Whether a place is one of those that are named, stands within one, or contains one."""
    return any(
        place == one or place.startswith(f"{one}{separator}") or one.startswith(f"{place}{separator}") for one in named
    )


# ------------------------------------------------------------------ what is used
@dataclass(slots=True)
class _Codes:
    """One code list as one mapping meets it."""

    known: CodeList
    seen: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def take(self, text: str) -> None:
        code = text if text in self.known.names else self.known.words.get(text)
        if code is not None:
            self.seen[code] += 1
        elif text in self.unknown or len(self.unknown) < MOST:
            self.unknown[text[:SHOWN]] += 1


@dataclass(slots=True)
class _Unmapped:
    count: int
    example: str


class MappingCoverage:
    """One exchange in one dialect: what its file names, and what has been used of it so far. Memory does not grow with what
    is counted."""

    def __init__(self, dialect: Dialect, exchange: str, schema: Schema | None) -> None:
        reader, writer = dialect.readers.get(exchange), dialect.writers.get(exchange)
        part = reader or writer
        assert part is not None
        self.exchange = exchange
        self.mapping = part.mapping
        self.version = dialect.versions.get(exchange, "")
        self.directions = tuple(way for way, there in (("in", reader), ("out", writer)) if there is not None)
        self._lists = part.lists
        self._lines = lines_of(self.mapping)
        self._schema = schema
        self._base = _base(part.contract, self.mapping)
        self.records = {"in": 0, "out": 0}
        self.faulty = {"in": 0, "out": 0}
        self._outcomes: Counter[tuple[str, int, str]] = Counter()
        self._codes: dict[str, _Codes] = {}
        self._unmapped: dict[str, _Unmapped] = {}
        self.further_unmapped = 0

    # ------------------------------------------------------------ counting
    def take(self, direction: str, lineage: Lineage, faulty: bool) -> None:
        """Count one record that was read (`in`) or written (`out`)."""
        self.records[direction] += 1
        self.faulty[direction] += faulty
        for step in lineage.steps:
            if step.clause is not None:
                self._outcomes[direction, id(step.clause), step.outcome] += 1
                if direction == "in":
                    self._take_codes(step)
        for origin in lineage.origins:
            if direction == "out" and origin.clause is not None and "codes" in origin.clause.keys:
                self._take_code(origin.clause, str(origin.value))
            elif origin.kind == "unmapped":
                self._take_unmapped(_INDEX.sub("", origin.given[0].place), str(origin.value))

    def _take_codes(self, step: Step) -> None:
        assert step.clause is not None
        if "codes" in step.clause.keys and step.text and step.outcome in ("gave", "carried", "fault"):
            self._take_code(step.clause, step.text)

    def _take_code(self, clause: Clause, text: str) -> None:
        name = str(clause.get("codes"))
        if name in self._lists:
            codes = self._codes.setdefault(name, _Codes(self._lists[name]))
            separator = str(clause.get("list")) if "list" in clause.keys else None
            for one in text.split(separator) if separator else [text]:
                if one.strip():
                    codes.take(one.strip())

    def _take_unmapped(self, place: str, text: str) -> None:
        known = self._unmapped.get(place)
        if known is not None:
            known.count += 1
        elif len(self._unmapped) < MOST:
            self._unmapped[place] = _Unmapped(1, text[:SHOWN])
        else:
            self.further_unmapped += 1

    # ------------------------------------------------------------ telling
    def canonical_missing(self, direction: str) -> list[Place]:
        """Places of the exchange's records that no line of a direction touches, required ones first."""
        if self._schema is None:
            return []
        named = frozenset(
            path.replace("[]", "") for one in self._lines if direction in one.directions for path in one.canonical
        )
        missing = [
            place for place in canonical_places(self._schema) if not _touches(place.path.replace("[]", ""), named, ".")
        ]
        return sorted(missing, key=lambda place: not place.required)

    def foreign_missing(self) -> list[Place]:
        """Places of the contract that no line names, required ones first."""
        named = frozenset(
            {
                *(path for one in self._lines for path in one.foreign),
                *("/".join(path_of(place)) for place in self.mapping.ignore),
                *self.mapping.left_to_connector,
            }
        )
        missing = [place for place in foreign_places(self._base) if not _is_named(place.path, named)]
        return sorted(missing, key=lambda place: not place.required)

    def lines(self) -> list[dict[str, Any]]:
        """Every line with how often each of its alternatives gave a value, for each direction that it has."""
        told = []
        for one in self._lines:
            for direction in one.directions:
                alternatives: list[dict[str, Any]] = [
                    {
                        "line": clause.source,
                        "when": str(clause.get("when")) if "when" in clause.keys else None,
                        "gave": self._outcomes[direction, id(clause), "gave"],
                        "condition": self._outcomes[direction, id(clause), "condition"],
                        "fault": self._outcomes[direction, id(clause), "fault"],
                    }
                    for clause in one.line.clauses
                ]
                told.append(
                    {
                        "line": one.line.source,
                        "direction": direction,
                        "place": one.shown,
                        "gave": sum(alternative["gave"] for alternative in alternatives),
                        "alternatives": alternatives,
                    }
                )
        return told

    def codes(self) -> list[dict[str, Any]]:
        """Each code list that a line names: codes never seen, and codes seen that it does not have."""
        wanted = {str(clause.get("codes")) for one in self._lines for clause in one.line.clauses if clause.get("codes")}
        told = []
        for name in sorted(wanted & set(self._lists)):
            codes = self._codes.get(name, _Codes(self._lists[name]))
            told.append(
                {
                    "list": name,
                    "seen": len(codes.seen),
                    "of": len(codes.known.names),
                    "never": [
                        {"code": code, "meaning": meaning}
                        for code, meaning in codes.known.names.items()
                        if code not in codes.seen
                    ],
                    "unknown": [{"code": code, "count": count} for code, count in codes.unknown.most_common()],
                }
            )
        return told

    def as_dict(self) -> dict[str, Any]:
        lines = self.lines()
        used = {way: self.records[way] > 0 for way in self.directions}
        return {
            "exchange": self.exchange,
            "mapping": self.version,
            "records": {way: self.records[way] for way in self.directions},
            "faulty": {way: self.faulty[way] for way in self.directions},
            "canonical_missing": {
                way: [{"place": p.path, "required": p.required, "label": p.label} for p in self.canonical_missing(way)]
                for way in self.directions
            },
            "foreign_missing": [{"place": p.path, "required": p.required} for p in self.foreign_missing()],
            "lines": lines,
            "never": [
                {"line": one["line"], "direction": one["direction"], "place": one["place"]}
                for one in lines
                if not one["gave"] and used[one["direction"]]
            ],
            "never_chosen": [
                {"line": other["line"], "direction": one["direction"], "place": one["place"], "when": other["when"]}
                for one in lines
                if one["gave"] and len(one["alternatives"]) > 1
                for other in one["alternatives"]
                if not other["gave"]
            ],
            "codes": self.codes(),
            "unmapped": [
                {"place": place, "count": one.count, "example": one.example}
                for place, one in sorted(self._unmapped.items(), key=lambda entry: -entry[1].count)
            ],
            "further_unmapped": self.further_unmapped,
        }


def _base(contract: Element | None, mapping: RecordMapping) -> Element | None:
    """The contract's element in which a mapping's record stands."""
    here = contract
    for step in path_of(mapping.record)[1:]:
        here = here.child(step) if here is not None else None
    return here


def _is_named(place: str, named: frozenset[str]) -> bool:
    steps, attribute = place_of(place)
    whole = "/".join((*steps, f"@{attribute}") if attribute else steps)
    above = ["/".join(steps[:n]) for n in range(1, len(steps) + 1)]
    return whole in named or (attribute is None and any(one in named for one in above))


class DialectCoverage:
    """A dialect: all of its exchanges, and the messages that were none of its own."""

    def __init__(self, dialect: Dialect, schemas: Mapping[str, Schema], exchange: str | None = None) -> None:
        self.dialect = dialect
        names = sorted({*dialect.readers, *dialect.writers})
        self.exchanges = {
            name: MappingCoverage(dialect, name, schemas.get(name)) for name in names if exchange in (None, name)
        }
        self.looked_at = 0
        #: what could not be read at all: which, and why
        self.unreadable: list[dict[str, str]] = []
        self.further_unreadable = 0

    def take(self, direction: str, exchange: str | None, lineage: Lineage, faulty: bool) -> None:
        if exchange in self.exchanges:
            self.exchanges[exchange].take(direction, lineage, faulty)

    def cannot_read(self, what: str, why: str) -> None:
        if len(self.unreadable) < MOST:
            self.unreadable.append({"what": what, "why": why})
        else:
            self.further_unreadable += 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "dialect": self.dialect.name,
            "looked_at": self.looked_at,
            "unreadable": self.unreadable,
            "further_unreadable": self.further_unreadable,
            "exchanges": [one.as_dict() for one in self.exchanges.values()],
        }
