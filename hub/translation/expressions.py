"""Conditions and computed values in CEL (Common Expression Language), compiled once.

What an expression can ask for: `record` (the canonical record as far as it is known), `foreign` (the foreign record, or the
instance that a message was split into), `message` (the whole foreign record), `others` (the other instances), `context`.
An expression that asks for a place that is not there has no value; a condition without a value does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import cel

from hub.translation.conditions import Unsure, plain

NAMES = ("record", "foreign", "message", "others", "context", "item")
#: What CEL brings along, of which the operators have names of their own (`_&&_`, `@in`, …).
_BUILT_IN = frozenset(
    {
        "has",
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "int",
        "uint",
        "double",
        "string",
        "bool",
        "bytes",
        "type",
        "max",
        "min",
        "all",
        "exists",
        "exists_one",
        "existsOne",
        "map",
        "filter",
    }
)
_WORD = re.compile(r"[A-Za-z]\w*")
#: Names that a macro binds: `list.exists(p, …)`.
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")

#: Names whose value is an object of which an expression usually asks for little: only those parts are handed over.
_PARTED = ("record", "foreign", "message")
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")

#: What an expression can ask for, each made only when it is asked for.
Offered = Mapping[str, Callable[[], Any]]
Value = Callable[[Offered], Any]


class BadExpression(ValueError):
    """The text is no CEL, or asks for a name that there is not."""


class Failed(Exception):
    """An expression broke on this record: a wrong type, a number that is none."""


def join(parts: Any, separator: str) -> str:
    """Texts joined by a separator: CEL itself has no such function."""
    return separator.join(str(part) for part in parts)


def day(value: str) -> str:
    """A date or time as people write it: 2021年3月16日."""
    year, month, date = value[:10].split("-")
    return f"{int(year)}年{int(month)}月{int(date)}日"


FUNCTIONS: dict[str, Callable[..., Any]] = {"join": join, "day": day}


def _parts(source: str, name: str) -> frozenset[str] | None:
    """The members of a name that an expression asks for; None where it may ask for any."""
    if name not in _PARTED:
        return None
    found = re.findall(rf"(?<![\w.]){name}\b\s*(?:\.\s*(\w+))?", _LITERAL.sub("''", source))
    return frozenset(found) if found and all(found) else None


def _only(value: Any, parts: frozenset[str] | None) -> Any:
    return (
        {part: value[part] for part in parts if part in value}
        if parts is not None and isinstance(value, Mapping)
        else value
    )


def compile_expression(source: str) -> Value:
    """The expression as a function of what it can ask for (made only when it is asked for). Raises `BadExpression`."""
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise BadExpression(str(error).splitlines()[0]) from error
    used = set(program.variables()) - set(_BOUND.findall(source))
    unknown = [f"name {name!r}; known are {', '.join(NAMES)}" for name in sorted(used - set(NAMES))]
    unknown += [
        f"function {name!r}"
        for name in sorted(program.functions())
        if _WORD.fullmatch(name) and name not in _BUILT_IN and name not in FUNCTIONS
    ]
    if unknown:
        raise BadExpression(f"unknown {unknown[0]}")
    functions = {name: FUNCTIONS[name] for name in program.functions() if name in FUNCTIONS}
    names = tuple(name for name in NAMES if name in used)

    parts = {name: _parts(source, name) for name in names}

    def by_cel(offered: Offered) -> Any:
        variables = {name: _only(offered[name](), parts[name]) for name in names if name in offered}
        try:
            # a context with functions costs several times the evaluation, so it is made only where one is called
            return program.execute(cel.Context(variables=variables, functions=functions) if functions else variables)
        except KeyError:
            return None
        except (ValueError, TypeError, RuntimeError, OverflowError) as error:
            raise Failed(str(error).splitlines()[0]) from error

    answer = plain(source)
    if answer is None:
        return by_cel

    def run(offered: Offered) -> Any:
        try:
            return answer(offered)
        except Unsure:
            return by_cel(offered)

    return run
