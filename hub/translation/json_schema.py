"""What a JSON Schema says about a record: the same elements that a WSDL says, so that mappings are checked the same way.

A schema that names properties has no others, unless it says `additionalProperties`: a place that it does not name is most
likely misspelt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hub.translation.formats.form import ROOT
from hub.translation.formats.json import ITEM, KINDS
from hub.translation.schema import UNBOUNDED, Attribute, Content, Element, Simple

Schema = Mapping[str, Any]
#: How far references are followed before they count as a circle.
FARTHEST = 50


class JsonContract:
    """One JSON Schema (2020-12, draft 7, or OpenAPI's `nullable`), with what it refers to in its own folder.

    Raises `OSError` where a file is not there, `ValueError` where it is no JSON Schema.
    """

    def __init__(self, path: Path, pointer: str = "") -> None:
        self._folder = path.parent
        self._files: dict[str, Any] = {}
        self._top = self._follow(f"#{pointer}", path.name)

    def root(self) -> Element:
        """The record itself, named `$`."""
        file, schema = self._top
        return self._element(ROOT, schema, file, True)

    # ------------------------------------------------------------ references
    def _file(self, name: str) -> Any:
        if name not in self._files:
            path = self._folder / name
            if not path.resolve().is_relative_to(self._folder.resolve()):
                raise ValueError(f"{name} lies outside the dialect's folder")
            self._files[name] = json.loads(path.read_text(encoding="utf-8"))
        return self._files[name]

    def _follow(self, reference: str, file: str) -> tuple[str, Schema]:
        name, _, pointer = reference.partition("#")
        here = self._file(name or file)
        for step in pointer.strip("/").split("/") if pointer.strip("/") else ():
            step = step.replace("~1", "/").replace("~0", "~")
            here = here[int(step)] if isinstance(here, list) else here.get(step)
            if here is None:
                raise ValueError(f"{reference} points at nothing")
        if not isinstance(here, Mapping | bool):
            raise ValueError(f"{reference} is no schema")
        return name or file, here if isinstance(here, Mapping) else {}

    def _parts(self, schema: Schema, file: str, depth: int = 0) -> Iterator[tuple[str, Schema, bool]]:
        """A schema with everything that holds together with it; the last says whether it is one of several that may."""
        if depth > FARTHEST:
            raise ValueError("references go round in a circle")
        if "$ref" in schema:
            where, found = self._follow(str(schema["$ref"]), file)
            yield from self._parts(found, where, depth + 1)
        yield file, schema, False
        for key in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(key) or ():
                for where, found, either in self._parts(part, file, depth + 1):
                    yield where, found, either or (key != "allOf" and not _is_null(part))

    # ------------------------------------------------------------ elements
    def _element(self, name: str, schema: Schema, file: str, required: bool) -> Element:
        parts = list(self._parts(schema, file))
        types = {one for _, part, _ in parts for one in _types(part)}
        nillable = "null" in types or any(part.get("nullable") is True for _, part, _ in parts)
        if "array" in types and name not in (ROOT, ITEM):
            items = next(
                ((where, part["items"]) for where, part, _ in parts if isinstance(part.get("items"), Mapping)), None
            )
            fewest = max((int(part.get("minItems", 0)) for _, part, _ in parts), default=0)
            most = min((int(part.get("maxItems", UNBOUNDED)) for _, part, _ in parts), default=UNBOUNDED)
            inner = self._element(ITEM, items[1], items[0], True) if items else _anything(ITEM)
            return Element(
                name,
                "",
                1 if required else 0,
                most,
                nillable,
                False,
                lambda: inner.content,
                kind=inner.kind,
                array=True,
                may_be_empty=fewest == 0,
            )
        kinds = [kind for kind in KINDS if kind in types]
        kind = kinds[0] if len(kinds) == 1 else "number" if kinds == ["number", "integer"] else None
        return Element(
            name, "", 1 if required else 0, 1, nillable, False, lambda: self._content(parts, types, kind), kind=kind
        )

    def _content(self, parts: list[tuple[str, Schema, bool]], types: set[str], kind: str | None) -> Content:
        if "array" in types:
            where, items = next(
                ((where, part["items"]) for where, part, _ in parts if isinstance(part.get("items"), Mapping)), ("", {})
            )
            inner = self._element(ITEM, items, where, False)
            inner.most, inner.array = UNBOUNDED, True
            return Content([inner], {}, None)
        content = Content([], {}, None if types & {"object"} and not kind else _simple(parts, kind))
        children: dict[str, Element] = {}
        for where, part, either in parts:
            needed = () if either else part.get("required") or ()
            for name, below in (part.get("properties") or {}).items():
                schema = below if isinstance(below, Mapping) else {}
                element = self._element(name, schema, where, name in needed)
                if name.startswith("@") and len(name) > 1:
                    simple = element.content.simple or Simple()
                    content.attributes[name[1:]] = Attribute(name[1:], name in needed, simple)
                elif name not in children:
                    children[name] = element
                else:
                    children[name].least = max(children[name].least, element.least)
        for _, part, either in parts:
            for name in () if either else part.get("required") or ():
                if name in children:
                    children[name].least = 1
        content.children = list(children.values())
        said = [part["additionalProperties"] for _, part, _ in parts if "additionalProperties" in part]
        content.open = any(one is not False for one in said) or (
            not children and not content.attributes and False not in said and (not types or "object" in types)
        )
        if children:
            content.simple = None
        return content


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _types(schema: Schema) -> list[str]:
    said = schema.get("type")
    if isinstance(said, str):
        return [said]
    if isinstance(said, list):
        return [str(one) for one in said]
    if "properties" in schema:
        return ["object"]
    values = [schema["const"]] if "const" in schema else schema.get("enum") or []
    return sorted({_type_of(value) for value in values})


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return {int: "integer", float: "number", str: "string", list: "array"}.get(type(value), "object")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _simple(parts: list[tuple[str, Schema, bool]], kind: str | None) -> Simple:
    patterns: list[re.Pattern[str]] = []
    values: tuple[str, ...] = ()
    shortest, longest = 0, UNBOUNDED
    for _, part, either in parts:
        if either:
            continue
        if isinstance(part.get("pattern"), str):
            # a JSON Schema's pattern may stand anywhere in the text, a contract's here is the whole of it
            patterns.append(re.compile(f"(?s:.*)(?:{part['pattern']})(?s:.*)"))
        said = [part["const"]] if "const" in part else part.get("enum")
        if said:
            values = tuple(_text(value) for value in said if value is not None)
        shortest = max(shortest, int(part.get("minLength", 0)))
        longest = min(longest, int(part.get("maxLength", UNBOUNDED)))
    base = {"integer": "integer", "number": "string", "boolean": "string"}.get(kind or "", "string")
    return Simple(base, tuple(patterns), values, shortest, longest)


def _anything(name: str) -> Element:
    return Element(name, "", 0, UNBOUNDED, False, False, lambda: Content([], {}, Simple(), open=True))
