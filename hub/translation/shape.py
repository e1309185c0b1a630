"""Mappings against the JSON Schemas of the canonical records: places that exist, once each, and what is required is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.translation.mapping import Line, RecordMapping, Section
from hub.translation.reader import Say

Schema = Mapping[str, Any]


def places_exist(mapping: RecordMapping, schema: Schema | None, say: Say) -> None:
    """Every canonical place of a mapping is one of the schema's, and none is given twice. Without a schema only the latter."""
    seen: dict[str, int] = {}
    for section in (mapping.section, mapping.split):
        if section is not None:
            _once(section, seen, mapping, say)
    if schema is None:
        return
    for part in (mapping.section, mapping.split):
        if part is not None:
            _exist(part, "", schema, mapping, say)


def _once(section: Section, seen: dict[str, int], mapping: RecordMapping, say: Say) -> None:
    for line in section.lines:
        if line.direction == "out" or mapping.direction == "out":
            continue
        target = line.target.removesuffix("[]")
        if target in seen and not line.section:
            say(
                line.file,
                line.line,
                "canonical.twice",
                f"“{target}”已由第{seen[target]}行给出",
                f"{target!r} is given already by line {seen[target]}",
            )
        seen.setdefault(target, line.line)
        if line.section:
            _once(line.section, {}, mapping, say)


def _exist(section: Section, prefix: str, schema: Schema, mapping: RecordMapping, say: Say) -> None:
    for line in section.lines:
        for path, inner in _canonical(line):
            whole = prefix + path if path != "." else prefix.rstrip(".")
            if not _has(schema, whole, schema):
                say(
                    line.file,
                    line.line,
                    "canonical.unknown",
                    f"{mapping.exchange}的记录没有位置“{whole}”",
                    f"a record of {mapping.exchange} has no place {whole!r}",
                )
            elif inner is not None:
                _exist(inner, whole.removesuffix("[]") + "[].", schema, mapping, say)


def _canonical(line: Line) -> Iterator[tuple[str, Section | None]]:
    """The canonical places that a line names, with the section of the items for a list."""
    if line.direction != "out":
        yield line.target, line.section
    for clause in line.clauses:
        if line.direction == "out" and isinstance(clause.get("each"), str):
            yield clause.get("each"), line.section
        if line.section and isinstance(clause.get("named"), Mapping):
            listed = clause.get("each") if line.direction == "out" else line.target
            for place in clause.get("named"):
                yield f"{listed}[].{place}", None
        if isinstance(clause.get("from"), str):
            yield clause.get("from"), None
        if isinstance(clause.get("as_written"), str):
            yield clause.get("as_written"), None
        of = clause.get("of")
        for path in of if isinstance(of, list) else [of]:
            if isinstance(path, str):
                yield path, None


def has_place(schema: Schema, path: str) -> bool:
    """Whether a dotted canonical path is a place of a record's schema."""
    return _has(schema, path, schema)


def schemas_at(root: Schema, path: str) -> list[Schema] | None:
    """What a record's schema says of a dotted path, alternatives side by side. None where there is no such place, or where
    the schema says nothing of it."""
    here: list[Schema] = [root]
    for step in path.split("."):
        name = step.removesuffix("[]")
        here = [one["properties"][name] for one in _alternatives(here, root) if name in one.get("properties", {})]
        if step.endswith("[]"):
            here = [item for one in _alternatives(here, root) if (item := one.get("items")) is not None]
    return _alternatives(here, root) or None


def _has(schema: Schema, path: str, root: Schema) -> bool:
    here: list[Schema] = [schema]
    for step in path.split("."):
        name = step.removesuffix("[]")
        parts = _alternatives(here, root)
        below: list[Schema] = [one["properties"][name] for one in parts if name in one.get("properties", {})]
        if not any("properties" in one for one in parts) and all(
            one.get("type", "object") == "object" for one in parts
        ):
            return True  # an object of which the schema says nothing more
        if not below:
            return False
        here = (
            [item for one in _alternatives(below, root) if (item := one.get("items")) is not None]
            if step.endswith("[]")
            else below
        )
        if not here:
            return False
    return True


def _alternatives(schemas: list[Schema], root: Schema) -> list[Schema]:
    """A schema with what it refers to and is composed of; a reference to outside says nothing and allows everything."""
    found: list[Schema] = []
    pending = list(schemas)
    while pending:
        one = pending.pop()
        if "$ref" in one:
            target: Any = root if str(one["$ref"]).startswith("#") else None
            for step in str(one["$ref"]).removeprefix("#").strip("/").split("/") if target is not None else ():
                target = (
                    target.get(step.replace("~1", "/").replace("~0", "~"))
                    if step and isinstance(target, Mapping)
                    else target
                )
            pending.append(target if isinstance(target, Mapping) else {})
            continue
        parts = [part for key in ("allOf", "anyOf", "oneOf") for part in one.get(key, ())]
        pending += parts
        if not parts or "properties" in one or "items" in one:
            found.append(one)
    return found


def covers_required(mapping: RecordMapping, schema: Schema | None, say: Say) -> None:
    """What the exchange's schema requires is given by some line of a mapping that reads."""
    if schema is None:
        return
    given = {
        line.target.removesuffix("[]")
        for section in (mapping.section, mapping.split)
        if section
        for line in section.lines
        if line.direction != "out"
    }
    for path in _required(schema, "", schema):
        if path in ("exchange", "unmapped"):
            continue
        if not any(
            target == path or target.startswith(path + ".") or path.startswith(target + ".") for target in given
        ):
            say(
                mapping.file,
                mapping.line,
                "required.unmapped",
                f"{mapping.exchange}要求“{path}”，但没有任何行给出",
                f"{mapping.exchange} requires {path!r}, but no line gives it",
            )


def _required(schema: Schema, prefix: str, root: Schema) -> Iterator[str]:
    flat = _alternatives_all(schema, root)
    properties: dict[str, list[Schema]] = {}
    for one in flat:
        for name, below in one.get("properties", {}).items():
            properties.setdefault(name, []).append(below)
    for name in dict.fromkeys(name for one in flat for name in one.get("required", ())):
        yield prefix + name
        for below in properties.get(name, ()):
            yield from _required(below, f"{prefix}{name}.", root)


def _alternatives_all(schema: Schema, root: Schema) -> list[Schema]:
    """A schema with everything that must hold at once (`allOf`), references followed."""
    found: list[Schema] = []
    pending = [schema]
    while pending:
        one = pending.pop()
        if "$ref" in one:
            pending += _alternatives([one], root)
            continue
        found.append(one)
        pending += one.get("allOf", ())
    return found
