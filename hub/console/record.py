"""A canonical record as a table that a clerk can read: names from the exchange's own schema, codes with their meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.api.bundle import record_schema
from hub.flow.parts import Hub
from hub.translation import codelists

Pair = tuple[str, str]

#: English words of the canonical record's own choices, with their Chinese; Chinese choices stand for themselves.
CHOICES: Mapping[str, Pair] = {
    "public-surveillance": ("管制", "public surveillance"),
    "probation": ("缓刑", "probation"),
    "parole": ("假释", "parole"),
    "temporary-execution": ("暂予监外执行", "temporary execution outside prison"),
    "deprivation-of-rights": ("剥夺政治权利", "deprivation of political rights"),
    "accepted": ("受理", "accepted"),
    "returned": ("退回", "returned"),
    "report": ("出具意见", "report"),
    "extended": ("延期", "extended"),
    "cannot-assess": ("无法评估", "cannot be assessed"),
}
YES_NO: Mapping[bool, Pair] = {True: ("是", "yes"), False: ("否", "no")}
UNITS: Mapping[str, Pair] = {"years": ("年", "year"), "months": ("个月", "month"), "days": ("天", "day")}
#: Shown elsewhere on the page.
ELSEWHERE = ("exchange", "unmapped")
#: Of less interest to a clerk than the person and the case.
LAST = ("documents", "message", "answers")


@dataclass(frozen=True, slots=True)
class Row:
    """`path` is the canonical place; `detail` what is said beside the value: a code, a place code, an id."""

    label: str
    value: str
    detail: str
    path: str


@dataclass(frozen=True, slots=True)
class Section:
    label: str
    rows: tuple[Row, ...]


class RecordTable:
    """Makes the tables of a hub's records. Code lists are read once."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lists, _ = codelists.load(hub.settings.config_dir / "codelists", "codelists")

    def sections(self, exchange: str, record: Mapping[str, Any], language: str) -> list[Section]:
        """One section for each part of the record, in its schema's order, empty parts left out."""
        try:
            schema = record_schema(exchange)
        except KeyError:
            schema = {}
        writer = _Writer(self._hub, self._lists, schema, language)
        found = []
        for name in sorted(_in_order([schema], record, schema), key=lambda part: 1 if part in LAST else 0):
            if name not in ELSEWHERE:
                below = _property([schema], name, schema)
                label = _label(below, name, schema, language)
                rows = tuple(writer.rows(record[name], below, name, (), label))
                found += [Section(label, rows)] if rows else []
        return found

    def one(self, exchange: str, pointer: str, value: Any, language: str) -> tuple[str, str, str]:
        """The name, the value and what is said beside it, of one place by its JSON Pointer."""
        try:
            schema = record_schema(exchange)
        except KeyError:
            schema = {}
        schemas: list[Mapping[str, Any]] = [schema]
        labels: list[str] = []
        path: list[str] = []
        for step in (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]):
            if step.isdigit():
                schemas = _items(schemas, schema)
                labels.append(str(int(step) + 1))
            else:
                schemas = _property(schemas, step, schema)
                labels.append(_label(schemas, step, schema, language))
                path.append(step)
        writer = _Writer(self._hub, self._lists, schema, language)
        plain = writer.plain(value, ".".join(path)) or (json.dumps(value, ensure_ascii=False), "")
        return " · ".join(labels), *plain


class _Writer:
    def __init__(
        self, hub: Hub, lists: Mapping[str, codelists.CodeList], schema: Mapping[str, Any], language: str
    ) -> None:
        self._hub, self._lists, self._schema, self._language = hub, lists, schema, language
        self._joint = ", " if language == "en" else "、"

    def rows(
        self, value: Any, schemas: list[Mapping[str, Any]], path: str, labels: tuple[str, ...], own: str = ""
    ) -> Iterator[Row]:
        label = " · ".join(labels) or own
        plain = self.plain(value, path)
        if plain is not None:
            yield Row(label, *plain, path)
        elif isinstance(value, Mapping):
            for name in _in_order(schemas, value, self._schema):
                below = _property(schemas, name, self._schema)
                label = _label(below, name, self._schema, self._language)
                above = labels[:-1] if labels and label.startswith(labels[-1]) else labels
                yield from self.rows(value[name], below, f"{path}.{name}", (*above, label))
        elif isinstance(value, list):
            items = _items(schemas, self._schema)
            for number, inner in enumerate(value, 1):
                yield Row(f"{label} {number}", self._in_one_line(inner, items, path), "", path)

    def _in_one_line(self, value: Any, schemas: list[Mapping[str, Any]], path: str) -> str:
        told = []
        for row in self.rows(value, schemas, path, ()):
            detail = f" ({row.detail})" if row.detail else ""
            told.append(
                f"{row.label}{': ' if self._language == 'en' else '：'}{row.value}{detail}"
                if row.label
                else f"{row.value}{detail}"
            )
        return ("; " if self._language == "en" else "；").join(told)

    def plain(self, value: Any, path: str) -> tuple[str, str] | None:
        """A value that stands on one line, with what is said beside it; None for what has parts."""
        if value is None:
            return "—", ""
        if isinstance(value, bool):
            return self._pick(YES_NO[value]), ""
        if isinstance(value, int | float):
            return str(value), ""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, Mapping):
            return self._known_shape(value, path)
        if isinstance(value, list):
            told = [self.plain(inner, path) for inner in value]
            if not any(isinstance(inner, Mapping) and "system" not in inner for inner in value) and all(told):
                return self._joint.join(t[0] for t in told if t) or "—", self._joint.join(
                    t[1] for t in told if t and t[1]
                )
        return None

    def _text(self, value: str, path: str) -> tuple[str, str]:
        if path.endswith("place") and value in self._hub.places:
            return self._hub.places[value], value
        if value in self._hub.agencies:
            return self._hub.agency_name(value, self._language), value
        if path.endswith("_kind") and value in self._hub.catalogue.kinds:
            return self._pick(self._hub.catalogue.kinds[value]), ""
        if path in ("correction.category", "receipt.outcome", "assessment.outcome") and value in CHOICES:
            return self._pick(CHOICES[value]), ""
        if path == "answers.exchange" and (known := self._hub.catalogue.get(value)):
            return known.label(self._language), value
        return value, ""

    def _known_shape(self, value: Mapping[str, Any], path: str) -> tuple[str, str] | None:
        keys = set(value)
        if {"system", "code"} <= keys:
            known = self._lists.get(str(value["system"]))
            meaning = known.names.get(str(value["code"])) if known else None
            return str(value.get("text") or meaning or value["code"]), f"{value['system']}: {value['code']}"
        if keys and keys <= set(UNITS):
            return self._term(value), ""
        if keys and keys <= {"place", "text"}:
            place = str(value.get("place") or "")
            name = self._hub.places.get(place, "")
            return str(value.get("text") or name or place), " ".join(
                part for part in (place, name if value.get("text") else "") if part
            )
        if "name" in keys and keys <= {"name", "place"}:
            return str(value["name"]), str(value.get("place") or "")
        return None

    def _term(self, value: Mapping[str, Any]) -> str:
        parts = [(unit, int(value[unit])) for unit in UNITS if value.get(unit)]
        if self._language == "en":
            return " ".join(f"{count} {UNITS[unit][1]}{'' if count == 1 else 's'}" for unit, count in parts) or "0"
        return "".join(f"{count}{UNITS[unit][0]}" for unit, count in parts) or "0"

    def _pick(self, pair: Pair) -> str:
        return pair[1] if self._language == "en" else pair[0]


# ------------------------------------------------------------------ names from the schema
def _in_order(schemas: list[Mapping[str, Any]], value: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    """The names in a value in the order of their schema: a database may have stored them in any."""
    known = [name for schema in _parts(schemas, root) for name in schema.get("properties", {})]
    return sorted(value, key=lambda name: known.index(name) if name in known else len(known))


def _label(schemas: list[Mapping[str, Any]], name: str, root: Mapping[str, Any], language: str) -> str:
    """The Chinese name that a description begins with, or the name in the record as words."""
    if language != "en":
        for schema in _parts(schemas, root):
            chinese, stop, _ = str(schema.get("description", "")).partition(". ")
            if stop:
                return chinese
    return name.replace("_", " ")


def _property(schemas: list[Mapping[str, Any]], name: str, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [found["properties"][name] for found in _parts(schemas, root) if name in found.get("properties", {})]


def _items(schemas: list[Mapping[str, Any]], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [found["items"] for found in _parts(schemas, root) if "items" in found]


def _parts(schemas: list[Mapping[str, Any]], root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A schema, what it refers to, and what it is composed of."""
    for schema in schemas:
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            yield from _parts([root.get("$defs", {}).get(name, {})], root)
            continue
        yield schema
        for key in ("allOf", "anyOf", "oneOf"):
            yield from _parts(list(schema.get(key, ())), root)
