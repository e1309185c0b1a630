"""Canonical records out of thin air: valid against an exchange's schema, the same for the same seed, the odd ones first.

A schema is compiled once into makers; a record then costs a fraction of a millisecond. What a value means beyond its shape
(an ID number whose check character fits, a place that exists, a code of a list) is said by `x-means` and `x-codes` of the
schema and by the mapping that is to be tried. Foreign records are made in `foreign_records`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta, timezone
from random import Random
from typing import Any

from rstr import Rstr

from hub.translation.documents import media_type
from hub.translation.reader import RESIDENT_DOCUMENTS
from hub.workshop.meanings import (
    LEAP_DAYS,
    NAMES,
    OFFENCES,
    WORDS,
    Make,
    Vocabulary,
    some_case_number,
    some_date,
    some_id_number,
    some_moment,
    some_place,
    some_term,
    wide,
)

Schema = Mapping[str, Any]

#: Documents that generated records refer to, by their digest.
DOCUMENTS: Mapping[str, bytes] = {
    hashlib.sha256(content).hexdigest(): content
    for content in (b"%PDF-1.4\n", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"plain \x00 bytes", "判决如下".encode())
}
_DIGESTS = tuple(DOCUMENTS)

#: A pattern that takes all of these is free text; the last tells whether lines may be broken.
_PROBES = ("孙某甲", "马丽娜·阿不都", "A1 <&>", "㴔")

_UNBOUNDED = re.compile(r"([\])])([*+])")


@dataclass(frozen=True, slots=True)
class Hint:
    """What the mapping that is tried can tell at a place: values of its codec, or at least the type that it takes."""

    make: Make | None = None
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """How one record is made: how much of it is there, how long its lists and texts are, how odd its values."""

    there: float = 0.7
    items: Sequence[int] = (1, 1, 2, 3)
    text: str = "usual"
    leap: bool = False
    null: float = 0.15
    #: what the mapping needs is there
    complete: bool = True
    #: values as the schema allows them, also those that the mapping cannot tell
    wild: bool = False


#: The first records are these; then follow ordinary and thin ones, some of them wild or incomplete.
EDGES = (
    Profile(1.0, (2,), null=0.0),
    Profile(0.0, (1,), null=0.0),
    Profile(1.0, (0,), null=1.0),
    Profile(1.0, (1,), "longest", null=0.0),
    Profile(1.0, (1,), "odd", null=0.0),
    Profile(1.0, (5, 7), null=0.0),
    Profile(1.0, (1,), leap=True, null=0.0),
    Profile(0.3, (1,), null=1.0),
)


def profile_of(number: int, random: Random) -> Profile:
    if number < len(EDGES):
        return EDGES[number]
    chance = random.random()
    return Profile(
        there=random.choice((0.2, 0.5, 0.8, 0.95)),
        text="odd" if 0.8 < chance < 0.9 else "usual",
        complete=chance > 0.1,
        wild=chance > 0.94,
    )


@dataclass(slots=True)
class _Making:
    random: Random
    profile: Profile


_Node = Callable[[_Making], Any]


@dataclass(slots=True)
class _Member:
    name: str
    path: str
    required: bool
    node: _Node


class Records:
    """Makes the records of one exchange. `needed` are places that must be there for a mapping to be usable at all."""

    def __init__(
        self,
        schema: Schema,
        words: Vocabulary,
        hints: Mapping[str, Hint] | None = None,
        literals: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.schema, self.words = schema, words
        self.hints, self.literals = dict(hints or {}), dict(literals or {})
        self.needed: set[str] = set()
        self._strings = Rstr(Random(1))
        self._pools: dict[str, tuple[str, ...]] = {}
        self._make = self._node(schema, "")

    def need(self, path: str) -> bool:
        """A place, and what it stands in up to the item of a list, is there from now on. False where that was known."""
        before = len(self.needed)
        steps = path.split(".")
        for n in range(len(steps), 0, -1):
            if n < len(steps) and steps[n - 1].endswith("[]"):
                break
            self.needed.add(".".join(steps[:n]).removesuffix("[]"))
        return len(self.needed) > before

    def record(self, number: int, random: Random) -> dict[str, Any]:
        """The record of a number; the first ones are the edges."""
        made: dict[str, Any] = self._make(_Making(random, profile_of(number, random)))
        return made

    def stream(self, seed: int) -> Iterator[dict[str, Any]]:
        """Records without end, the same for the same seed."""
        number = 0
        while True:
            yield self.record(number, Random(f"{seed}/{number}"))
            number += 1

    # ------------------------------------------------------------ compiling
    def _flat(self, schema: Schema) -> dict[str, Any]:
        """A schema with what it refers to and must hold at once, as one."""
        found: dict[str, Any] = {}
        pending = [schema]
        while pending:
            one = pending.pop(0)
            if "$ref" in one:
                here: Any = self.schema
                for step in str(one["$ref"]).removeprefix("#/").split("/"):
                    here = here[step.replace("~1", "/").replace("~0", "~")]
                pending.append(here)
            pending += one.get("allOf", ())
            for key, value in one.items():
                if key == "properties":
                    before = found.setdefault("properties", {})
                    found["properties"] = {
                        **before,
                        **{
                            name: {"allOf": [before[name], one]} if name in before else one
                            for name, one in value.items()
                        },
                    }
                elif key == "required":
                    found["required"] = [*found.get("required", ()), *value]
                elif key not in ("$ref", "allOf"):
                    found.setdefault(key, value)
        return found

    def _node(self, schema: Schema, path: str) -> _Node:
        flat = self._flat(schema)
        types = flat.get("type", ())
        types = (types,) if isinstance(types, str) else tuple(types)
        node = self._plain(flat, path, next((one for one in types if one != "null"), None))
        hint = self.hints.get(path)
        # the schema itself knows best what a day and what a moment is; a codec may know only one of them
        if hint is not None and hint.make is not None and "format" not in flat:
            told, free = hint.make, node
            node = lambda making: free(making) if making.profile.wild else told(making.random)  # noqa: E731
        if "null" not in types:
            return node
        usual, at = node, path

        def nullable(making: _Making) -> Any:
            if making.random.random() < making.profile.null and not (making.profile.complete and at in self.needed):
                return None
            return usual(making)

        return nullable

    def _plain(self, flat: Mapping[str, Any], path: str, kind: str | None) -> _Node:
        if "anyOf" in flat or "oneOf" in flat:
            return self._either(flat.get("anyOf") or flat["oneOf"], path)
        if "enum" in flat:
            values = tuple(value for value in flat["enum"] if value is not None)
            return lambda making: making.random.choice(values)
        if "const" in flat:
            value = flat["const"]
            return lambda making: value
        if kind == "array":
            return self._array(flat, path)
        if kind == "boolean":
            return lambda making: making.random.random() < 0.5
        if kind in ("integer", "number"):
            return _integer(int(flat.get("minimum", 0)), int(flat.get("maximum", 10**6)))
        if kind == "string":
            return self._string(flat, path)
        if "properties" in flat:
            return self._object(flat, path)
        return lambda making: {}

    def _either(self, schemas: Sequence[Schema], path: str) -> _Node:
        hint = self.hints.get(path)
        nodes = tuple(self._node(one, path) for one in schemas)
        told = tuple(
            node
            for one, node in zip(schemas, nodes, strict=True)
            if hint is None or hint.shape is None or self._flat(one).get("type", "object") == hint.shape
        )
        return lambda making: making.random.choice(nodes if making.profile.wild or not told else told)(making)

    def _array(self, flat: Mapping[str, Any], path: str) -> _Node:
        item = self._node(flat.get("items", {}), path + "[]")
        most, least = int(flat.get("maxItems", 50)), int(flat.get("minItems", 0))

        def array(making: _Making) -> list[Any]:
            count = min(most, max(least, making.random.choice(making.profile.items)))
            if not count and making.profile.complete and path in self.needed:
                count = 1
            return [item(making) for _ in range(count)]

        return array

    def _object(self, flat: Mapping[str, Any], path: str) -> _Node:
        properties: Mapping[str, Schema] = flat["properties"]
        required = frozenset(flat.get("required", ()))
        members = [
            _Member(name, at := f"{path}.{name}" if path else name, name in required, self._node(below, at))
            for name, below in properties.items()
        ]
        least = int(flat.get("minProperties", 0))
        if {"system", "code"} <= properties.keys():
            return self._coded(flat, members)
        term = {"years", "months", "days"} == properties.keys()
        fits = self._fit(properties)

        def whole(making: _Making) -> Any:
            random, profile = making.random, making.profile
            if term and not profile.wild:
                return some_term(random, "months" if random.random() < 0.5 else "N年N月N日")
            made: dict[str, Any] = {}
            for member in members:
                if (
                    member.required
                    or random.random() < profile.there
                    or (profile.complete and member.path in self.needed)
                ):
                    made[member.name] = member.node(making)
            while len(made) < least:
                member = random.choice(members)
                made[member.name] = member.node(making)
            for fit in fits:
                fit(made, making)
            return made

        return whole

    def _coded(self, flat: Mapping[str, Any], members: Sequence[_Member]) -> _Node:
        name = flat.get("x-codes")
        known = self.words.lists.get(str(name))
        if known is None or not known.coded:
            system = str(name or "local")

            def local(making: _Making) -> Any:
                return {"system": system, "code": f"{making.random.randrange(100):02d}"}

            return local
        codes, spoken = tuple(known.names), self.words.words(known.name)

        def coded(making: _Making) -> Any:
            code = making.random.choice(codes)
            found = {"system": known.name, "code": code}
            chance = making.random.random()
            if chance < 0.3:
                found["text"] = making.random.choice(spoken[code])
            elif chance < 0.35 and making.profile.wild:
                found["text"] = making.random.choice(WORDS)
            return found

        return coded

    def _fit(self, properties: Mapping[str, Schema]) -> list[Callable[[dict[str, Any], _Making], None]]:
        """What makes the members of one object agree with each other."""
        fits: list[Callable[[dict[str, Any], _Making], None]] = []
        if {"from", "to"} <= properties.keys():
            fits.append(_in_order)
        for name, below in properties.items():
            means = self._flat(below).get("x-means")
            if means == "case-number" and f"{name}_as_written" in properties:
                fits.append(_as_written(name))
            if means == "GB 11643" and "id_type" in properties:
                fits.append(_fitting_number(name))
        if "sha256" in properties:
            fits.append(_fitting_document)
        return fits

    # ------------------------------------------------------------ texts
    def _string(self, flat: Mapping[str, Any], path: str) -> _Node:
        form, pattern = flat.get("format"), str(flat.get("pattern", ""))
        if form == "date":
            return _day
        if form == "date-time":
            return _time
        meant = self._meant(str(flat.get("x-means", "")))
        if meant is not None:
            return meant
        last = path.rpartition(".")[2].removesuffix("[]")
        known = tuple(self.literals.get(last, ()))
        most, least = int(flat.get("maxLength", 200)), int(flat.get("minLength", 0))
        if all(re.search(pattern, probe) for probe in _PROBES):
            return _free_text(most, least, bool(re.search(pattern, "甲\n乙")), known, "name" in last)
        pool = self._pool(pattern, least, most)
        return lambda making: making.random.choice(pool)

    def _pool(self, pattern: str, least: int, most: int) -> tuple[str, ...]:
        if pattern not in self._pools:
            # without an upper bound of its own a repetition is drawn up to a hundred times: too long, and slow
            brief = _UNBOUNDED.sub(lambda found: f"{found[1]}{{{'0' if found[2] == '*' else '1'},4}}", pattern)
            drawn = (self._strings.xeger(brief) for _ in range(40))
            fitting = tuple(text for text in drawn if least <= len(text) <= most and re.search(pattern, text))
            self._pools[pattern] = fitting or ("",)
        return self._pools[pattern]

    def _meant(self, means: str) -> _Node | None:
        """Values of a meaning that the schema names with `x-means`."""
        places = self.words.places
        if means == "place":
            return lambda making: some_place(making.random, places)
        if means == "county":
            return lambda making: some_place(making.random, places)[:6]
        if means == "agency":
            known = tuple(agency.id for agency in self.words.agencies) or ("court.370826",)
            kinds = tuple({one.partition(".")[0] for one in known})
            return lambda making: (
                making.random.choice(known)
                if making.random.random() < 0.7
                else f"{making.random.choice(kinds)}.{some_place(making.random, places)}"
            )
        if means == "case-number":
            return lambda making: some_case_number(making.random)
        if means == "GB 11643":
            return lambda making: some_id_number(making.random, places)
        if means == "offence":
            return lambda making: making.random.choice(OFFENCES)
        if means == "sha256":
            return lambda making: making.random.choice(_DIGESTS)
        return None


def _integer(least: int, most: int) -> _Node:
    return lambda making: making.random.choice(
        (least, most, min(most, least + 1), making.random.randint(least, min(most, least + 500)))
    )


def _day(making: _Making) -> str:
    if making.profile.leap or making.random.random() < 0.03:
        return making.random.choice(LEAP_DAYS)
    return some_date(making.random).isoformat()


_ZONES = (UTC, timezone(timedelta(hours=6)), timezone(timedelta(hours=-5)))


def _time(making: _Making) -> str:
    found = some_moment(making.random)
    if making.random.random() < 0.1:
        found = found.astimezone(making.random.choice(_ZONES))
    if making.profile.wild:
        found = found.replace(microsecond=500_000)
    return found.isoformat()


def _free_text(most: int, least: int, lines: bool, known: Sequence[str], name: bool) -> _Node:
    usual = NAMES if name else WORDS
    odd = tuple(text for text in ("  两边有空格 ", "㴔𠮷·", "]]>&amp;<x/>", "A" * 60, "'\"") if len(text) <= most)

    def text(making: _Making) -> str:
        random = making.random
        if known and random.random() < 0.5:
            return random.choice(known)
        if making.profile.text == "longest":
            return ("长" * most)[:most]
        if making.profile.text == "odd":
            return random.choice(odd)
        found = random.choice(usual)
        if random.random() < 0.3:
            found += ("\n" if lines and random.random() < 0.3 else "") + random.choice(usual)
        return found[:most].ljust(least, "字")

    return text


# ------------------------------------------------------------------ what fits together
def _in_order(made: dict[str, Any], making: _Making) -> None:
    first, last = made.get("from"), made.get("to")
    if isinstance(first, str) and isinstance(last, str) and last < first and not making.profile.wild:
        made["from"], made["to"] = last, first


def _as_written(name: str) -> Callable[[dict[str, Any], _Making], None]:
    def fit(made: dict[str, Any], making: _Making) -> None:
        written = f"{name}_as_written"
        if written in made and isinstance(made.get(name), str):
            made[written] = wide(made[name])
        elif written in made:
            del made[written]

    return fit


def _fitting_number(name: str) -> Callable[[dict[str, Any], _Making], None]:
    def fit(made: dict[str, Any], making: _Making) -> None:
        if name not in made or making.profile.wild:
            return
        if making.random.random() < 0.6:
            made.pop("id_type", None)
        kind = made.get("id_type")
        if isinstance(kind, Mapping) and kind.get("code") not in RESIDENT_DOCUMENTS:
            made[name] = f"G{making.random.randrange(10**8):08d}"
        elif isinstance(made.get("birth_date"), str) and len(made[name]) == 18 and made[name][:6].isdigit():
            born = date.fromisoformat(made["birth_date"])
            made[name] = some_id_number(making.random, (made[name][:6],), born, old=False)

    return fit


def _fitting_document(made: dict[str, Any], _making: _Making) -> None:
    content = DOCUMENTS.get(str(made.get("sha256")))
    if content is not None and "size" in made:
        made["size"] = len(content)
    if content is not None and "media_type" in made:
        title = made.get("title")
        made["media_type"] = media_type(content, title if isinstance(title, str) else None)
