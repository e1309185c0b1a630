"""What a JSON Schema finds wrong, as faults that a person can act on: the place, the rule, and what would be right.

The schema itself says it best: `x-expects` (a sentence in both languages) is quoted where a schema has one, else the
sentence is made from the keyword that failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs

from hub.domain.faults import Fault

TYPES = {
    "object": ("对象", "an object"),
    "array": ("列表", "a list"),
    "string": ("字符串", "a string"),
    "integer": ("整数", "a whole number"),
    "number": ("数", "a number"),
    "boolean": ("true 或 false", "true or false"),
    "null": ("null", "null"),
}

#: The keyword that failed → the rule's name, where another word says it better.
RULES = {"additionalProperties": "unknown", "anyOf": "type", "oneOf": "type"}

Sentence = tuple[str, str]


def checker(schema: Mapping[str, Any], family: str) -> Callable[[Any], list[Fault]]:
    """Compile a JSON Schema 2020-12 into a function that returns every fault of a value; formats are checked.

    Rules are named `<family>.<keyword>`: `required`, `unknown`, `type`, `format`, `pattern`, `enum`, … The returned
    function never raises for a value that came from JSON.
    """
    validator = jsonschema_rs.validator_for(dict(schema), validate_formats=True)

    def check(value: Any) -> list[Fault]:
        if validator.is_valid(value):
            return []
        found: dict[str, Fault] = {}  # the first at each place says it; a second would only repeat it
        for error in validator.iter_errors(value):
            for fault in _faults(schema, error, family):
                found.setdefault(fault.pointer, fault)
        return list(found.values())

    return check


def _faults(schema: Mapping[str, Any], error: Any, family: str) -> list[Fault]:
    keyword, pointer = error.kind.name, _pointer(error.instance_path)
    rule = f"{family}.{RULES.get(keyword, keyword)}"
    above = _schemas_on(schema, error.schema_path)
    at = above[-1]
    if keyword == "additionalProperties":
        known = sorted(at.get("properties", ()))
        return [
            Fault(
                rule,
                pointer + _pointer([name]),
                f"没有“{name}”这一项；可以有：{'、'.join(known)}",
                f"there is no {name!r} here; there may be {', '.join(known)}",
                value=name,
            )
            for name in error.kind.unexpected
        ]
    if keyword == "required":
        name = error.kind.property
        missing = _property(above, name)
        label = chinese_name(missing) or name
        zh, en = _expected(missing) if missing else ("", "")
        return [
            Fault(
                rule,
                pointer + _pointer([name]),
                f"缺少“{label}”" + (f"：应为{zh}" if zh else ""),
                f"{name} is missing" + (f": {en} is expected" if en else ""),
            )
        ]
    zh, en = _sentence(at, keyword, error)
    label = chinese_name(at)
    return [
        Fault(
            rule,
            pointer,
            f"“{label}”应为{zh}" if label else f"应为{zh}",
            f"{en} is expected",
            value=_shown(error.instance),
        )
    ]


def _sentence(at: Mapping[str, Any], keyword: str, error: Any) -> Sentence:
    if "x-expects" in at and keyword not in ("enum", "minItems", "maxItems"):
        return at["x-expects"]["zh"], at["x-expects"]["en"]
    value = at.get(keyword)
    match keyword:
        case "minLength" | "maxLength":
            return (
                f"{at.get('minLength', 0)}至{at.get('maxLength', '若干')}个字符",
                f"a string of {at.get('minLength', 0)} to {at.get('maxLength', 'any number of')} characters",
            )
        case "minimum" | "maximum":
            return (
                f"{at.get('minimum', '')}至{at.get('maximum', '')}之间的数",
                f"a number from {at.get('minimum', '')} to {at.get('maximum', '')}",
            )
        case "minItems" | "maxItems":
            return (
                f"{at.get('minItems', 0)}至{at.get('maxItems', '若干')}项",
                f"a list of {at.get('minItems', 0)} to {at.get('maxItems', 'any number of')} items",
            )
        case "minProperties" | "maxProperties":
            many = (
                value
                if at.get("minProperties") == at.get("maxProperties")
                else f"{'至少' if keyword == 'minProperties' else '至多'}{value}"
            )
            return (
                f"其中{many}项：{'、'.join(at.get('properties', ()))}",
                f"{'at least' if keyword == 'minProperties' else 'at most'} {value} of {', '.join(at.get('properties', ()))}",
            )
        case "pattern":
            return f"符合格式 {value} 的字符串", f"a string of the pattern {value}"
        case "format":
            return f"{value} 格式的字符串", f"a {value}"
        case "discriminator":
            return "其中一种", "one of them"
        case _:
            return _expected(at) if _expected(at)[0] else (f"满足 {keyword} 的值", f"a value that satisfies {keyword}")


def _expected(schema: Mapping[str, Any] | None) -> Sentence:
    """What a value of this schema should look like."""
    if not schema:
        return "", ""
    if "x-expects" in schema:
        return schema["x-expects"]["zh"], schema["x-expects"]["en"]
    if "enum" in schema:
        allowed = [str(value) for value in schema["enum"] if value is not None]
        return f"{'、'.join(allowed)}之一" if len(allowed) > 1 else allowed[0], (
            "one of " if len(allowed) > 1 else ""
        ) + ", ".join(allowed)
    types = schema.get("type", ())
    names = [TYPES[name] for name in ([types] if isinstance(types, str) else types)]
    return "或".join(zh for zh, _ in names), " or ".join(en for _, en in names)


def _schemas_on(schema: Mapping[str, Any], path: list[str | int]) -> list[Mapping[str, Any]]:
    """The schemas that a failed keyword's path leads through, the one that holds the keyword last."""
    here: Any = schema
    through: list[Mapping[str, Any]] = [schema]
    for step in path[:-1]:
        here = _resolved(schema, here) if step == "$ref" else here[step]
        if isinstance(here, Mapping):
            through.append(_resolved(schema, here))
    return through


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = root["$defs"][schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
    return found


def _property(above: list[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """The schema of a missing property: its own, or of a neighbour in the same `allOf`."""
    at = above[-1]
    root = above[0]
    found = at.get("properties", {}).get(name)
    if found is None:
        for outer in reversed(above[:-1]):
            neighbours = (_resolved(root, inner) for inner in outer.get("allOf", ()))
            found = next(
                (inner["properties"][name] for inner in neighbours if name in inner.get("properties", {})), None
            )
            if found is not None:
                break
    if found is not None and "allOf" in found:
        found = found["allOf"][0]
    return _resolved(root, found) if found is not None else None


def chinese_name(schema: Mapping[str, Any] | None) -> str | None:
    """The Chinese name that a record's description begins with, e.g. 姓名."""
    named = re.match(r"\s*([^.\s]*[\u4e00-\u9fff][^.\s]*)\.(\s|$)", (schema or {}).get("description", ""))
    return named[1] if named else None


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _shown(value: Any) -> Any:
    return "null" if value is None else None if isinstance(value, dict | list) else value
