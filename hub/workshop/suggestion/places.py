"""The canonical side of a suggestion: every place of an exchange's record, with its label and the kind of value it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

#: What a record carries beside what its sender says.
NOT_SUGGESTED = ("exchange", "unmapped", "answers")

#: How a pattern is told: a text that it takes, and one that it refuses.
_PROBES = (
    ("sha256", "0" * 64, "370826"),
    ("agency", "court.370826", "370826"),
    ("money", "12.50", "court.370826"),
    ("place", "370826", "1"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """`path` has `[]` after each list that is entered; a list of texts has none (`many` is true).

    `kind`: text, date, time, term, coded, enum, boolean, number, place, agency, money, sha256, or list (of objects).
    `codes` is the code list that the schema names, `values` what an enumerated place takes.
    """

    path: str
    label: str
    description: str
    kind: str
    many: bool = False
    codes: str | None = None
    values: tuple[str, ...] = ()
    #: what the schema calls the object that the place stands in
    part: str = ""

    @property
    def list_of(self) -> str | None:
        """The list that the place stands in: `documents` for `documents[].title`."""
        return self.path.rpartition("[]")[0] or None


def places_of(schema: Schema) -> list[Place]:
    """Every place of a record's JSON Schema, in the order of the schema. References are followed, lists entered once."""
    return list(_places(schema, "", schema, 0, ""))


def _places(schema: Schema, prefix: str, root: Schema, depth: int, part: str) -> Iterator[Place]:
    for name, below in properties(schema, root).items():
        path = f"{prefix}{name}"
        if path in NOT_SUGGESTED or depth > 8:
            continue
        merged = merge(below, root)
        label, _, description = str(merged.get("description", "")).partition(".")
        kind = kind_of(merged, root)
        if kind == "object":
            yield from _places(merged, f"{path}.", root, depth + 1, label)
        elif kind == "array":
            item = merge(merged.get("items", {}), root)
            inner = kind_of(item, root)
            if inner == "object":
                yield Place(path, label, description, "list", many=True, part=part)
                yield from _places(item, f"{path}[].", root, depth + 1, label)
            else:
                codes = merged.get("x-codes") or item.get("x-codes")
                yield Place(path, label, description, inner, True, codes, tuple(item.get("enum", ())), part)
        else:
            values = tuple(str(value) for value in merged.get("enum", ()) if value is not None)
            yield Place(path, label, description, kind, False, merged.get("x-codes"), values, part)


def merge(schema: Schema, root: Schema) -> dict[str, Any]:
    """A schema with its reference and its `allOf` put in place; of `anyOf`, the first that is no object."""
    found: dict[str, Any] = {}
    if isinstance(schema.get("$ref"), str):
        here: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            here = here[step.replace("~1", "/").replace("~0", "~")]
        found.update(merge(here, root))
    for part in schema.get("allOf", ()):
        below = merge(part, root)
        both = {**found.get("properties", {}), **{k: v for k, v in below.get("properties", {}).items() if len(v) > 2}}
        found.update({k: v for k, v in below.items() if k != "properties"})
        if both:
            found["properties"] = {**below.get("properties", {}), **both}
    if schema.get("anyOf"):
        found.update(merge(schema["anyOf"][0], root))
    found.update({key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf")})
    return found


def properties(schema: Schema, root: Schema) -> Mapping[str, Schema]:
    found: Mapping[str, Schema] = merge(schema, root).get("properties", {})
    return found


def kind_of(schema: Schema, root: Schema) -> str:
    said = schema.get("type")
    kinds = [kind for kind in (said if isinstance(said, list) else [said]) if kind != "null"]
    kind = kinds[0] if kinds else "string"
    inner = schema.get("properties", {})
    if kind == "object" or inner:
        if {"system", "code"} <= set(inner) and "number" not in inner:
            return "coded"
        return "term" if {"years", "months", "days"} <= set(inner) else "object"
    if kind in ("array", "boolean"):
        return str(kind)
    if kind in ("integer", "number"):
        return "number"
    if schema.get("enum"):
        return "enum"
    if schema.get("format") in ("date", "date-time"):
        return "date" if schema["format"] == "date" else "time"
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, "某甲 x"):
        for name, taken, refused in _PROBES:
            if re.search(pattern, taken) and not re.search(pattern, refused):
                return name
    return "text"


def required_of(schema: Schema) -> list[str]:
    """The places that a record must have, as deep as all above them must be there too."""
    return [path for path in _required(schema, "", schema) if path not in NOT_SUGGESTED]


def _required(schema: Schema, prefix: str, root: Schema) -> Iterator[str]:
    merged = merge(schema, root)
    for name in _names_required(schema, root):
        below = merge(merged.get("properties", {}).get(name, {}), root)
        deeper = list(_required(merged.get("properties", {}).get(name, {}), f"{prefix}{name}.", root))
        if deeper:
            yield from deeper
        elif kind_of(below, root) != "object":
            yield f"{prefix}{name}"


def _names_required(schema: Schema, root: Schema) -> Iterator[str]:
    """What a schema and all of its parts require, each name once."""
    seen: set[str] = set()
    left = [schema]
    while left:
        here = left.pop()
        if isinstance(here.get("$ref"), str):
            target: Any = root
            for step in here["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            left.append(target)
        left += here.get("allOf", ())
        for name in here.get("required", ()):
            if name not in seen:
                seen.add(name)
                yield name
