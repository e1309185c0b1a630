"""Conditions that ask plain things, answered without CEL: whether something is there, what it equals, whether a list has one.

CEL takes a copy of all that a condition may ask for, which costs more than the answer. What is answered here is what CEL
answers (tests hold it to that); wherever a record is not shaped as the condition expects – something is missing on the way,
a value is of another type – the answer is left to CEL. So is every expression that asks for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Offered = Mapping[str, Callable[[], Any]]


class Unsure(Exception):
    """The record is not shaped so that the answer is plain."""


class _NotPlain(Exception):
    """The expression is not one of those that are answered here."""


#: The value of a part of an expression: what is offered, and what macros bind.
_Term = Callable[[Offered, Mapping[str, Any]], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<text>'[^'\\\n]*'|"[^"\\\n]*")|(?P<number>[0-9]{1,9}(?![0-9.a-zA-Z]))"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!().,]))"""
)
_LITERALS = {"true": True, "false": False, "null": None}
#: What CEL would take for something else than a name.
_RESERVED = frozenset({"in", "as", "for", "if", "let", "loop", "var", "void", "while", "break", "const", "continue"})
_KINDS = (str, bool, int, dict, list)


def plain(source: str) -> Callable[[Offered], bool] | None:
    """A condition as a function that gives True or False, or raises `Unsure`; None for any other expression."""
    try:
        parser = _Parser(source)
        term = parser.either()
        parser.end()
    except _NotPlain:
        return None
    return lambda offered: _truth(term(offered, {}))


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise Unsure


class _Parser:
    def __init__(self, source: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        source = source.rstrip()
        while at < len(source):
            match = _TOKEN.match(source, at)
            if match is None or match.lastgroup is None:
                raise _NotPlain
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self.bound: list[str] = []

    def next_is(self, *signs: str) -> bool:
        return bool(self.tokens) and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs

    def take(self, kind: str, *wanted: str) -> str:
        if not self.tokens or self.tokens[0][0] != kind or (wanted and self.tokens[0][1] not in wanted):
            raise _NotPlain
        return self.tokens.pop(0)[1]

    def end(self) -> None:
        if self.tokens:
            raise _NotPlain

    # ------------------------------------------------------------ and, or, not
    def either(self) -> _Term:
        term = self.both()
        while self.next_is("||"):
            self.take("sign")
            term = _or(term, self.both())
        return term

    def both(self) -> _Term:
        term = self.compared()
        while self.next_is("&&"):
            self.take("sign")
            term = _and(term, self.compared())
        return term

    def compared(self) -> _Term:
        if self.next_is("!"):
            self.take("sign")
            term = self.single()
            if self.next_is("==", "!=", "<", ">", "<=", ">="):
                raise _NotPlain
            return lambda offered, bound: not _truth(term(offered, bound))
        left = self.single()
        if not self.next_is("==", "!=", "<", ">", "<=", ">="):
            return left
        sign = self.take("sign")
        right = self.single()
        if self.next_is("==", "!=", "<", ">", "<=", ">="):
            raise _NotPlain
        return _COMPARED[sign](left, right)

    # ------------------------------------------------------------ literals, places, macros
    def single(self) -> _Term:
        if not self.tokens:
            raise _NotPlain
        kind, text = self.tokens[0]
        if kind == "text":
            self.take("text")
            return _constant(text[1:-1])
        if kind == "number":
            self.take("number")
            return _constant(int(text))
        if self.next_is("("):
            self.take("sign")
            inner = self.either()
            self.take("sign", ")")
            if self.next_is("."):
                raise _NotPlain
            return inner
        name = self.take("name")
        if name in _LITERALS:
            return _constant(_LITERALS[name])
        if name in _RESERVED:
            raise _NotPlain
        if self.next_is("("):
            return self.called(name)
        return self.place(name)

    def called(self, name: str) -> _Term:
        self.take("sign", "(")
        if name not in ("has", "size"):
            raise _NotPlain
        root, steps = self.path(self.take("name"))
        self.take("sign", ")")
        if self.next_is("."):
            raise _NotPlain
        if name == "size":
            return _size(_at(root, steps))
        if not steps:
            raise _NotPlain
        return _has(_at(root, steps[:-1]), steps[-1])

    def place(self, name: str) -> _Term:
        root, steps = self.path(name)
        if not self.next_is("("):
            return _at(root, steps)
        # what looked like the last step is a macro of the list before it
        if not steps or steps[-1] != "exists":
            raise _NotPlain
        self.take("sign", "(")
        item = self.take("name")
        if item in _LITERALS or item in _RESERVED:
            raise _NotPlain
        self.take("sign", ",")
        self.bound.append(item)
        condition = self.either()
        self.bound.pop()
        self.take("sign", ")")
        if self.next_is("."):
            raise _NotPlain
        return _exists(_at(root, steps[:-1]), item, condition)

    def path(self, name: str) -> tuple[_Term, tuple[str, ...]]:
        if name in _LITERALS or name in _RESERVED:
            raise _NotPlain
        steps = []
        while self.next_is("."):
            self.take("sign")
            steps.append(self.take("name"))
        root = _bound(name) if name in self.bound else _offered(name)
        return root, tuple(steps)


def _constant(value: Any) -> _Term:
    return lambda offered, bound: value


def _offered(name: str) -> _Term:
    def root(offered: Offered, bound: Mapping[str, Any]) -> Any:
        if name not in offered:
            raise Unsure
        return offered[name]()

    return root


def _bound(name: str) -> _Term:
    return lambda offered, bound: bound[name]


def _at(root: _Term, steps: tuple[str, ...]) -> _Term:
    def value(offered: Offered, bound: Mapping[str, Any]) -> Any:
        here = root(offered, bound)
        for step in steps:
            if here.__class__ is not dict or step not in here:
                raise Unsure
            here = here[step]
        return here

    return value


def _has(parent: _Term, name: str) -> _Term:
    def has(offered: Offered, bound: Mapping[str, Any]) -> bool:
        here = parent(offered, bound)
        if here.__class__ is not dict:
            raise Unsure
        return name in here

    return has


def _size(term: _Term) -> _Term:
    def size(offered: Offered, bound: Mapping[str, Any]) -> int:
        here = term(offered, bound)
        if here.__class__ is not list:
            raise Unsure
        return len(here)

    return size


def _exists(term: _Term, name: str, condition: _Term) -> _Term:
    def exists(offered: Offered, bound: Mapping[str, Any]) -> bool:
        items = term(offered, bound)
        if items.__class__ is not list:
            raise Unsure
        return any(_truth(condition(offered, {**bound, name: item})) for item in items)

    return exists


def _and(left: _Term, right: _Term) -> _Term:
    return lambda offered, bound: _truth(left(offered, bound)) and _truth(right(offered, bound))


def _or(left: _Term, right: _Term) -> _Term:
    return lambda offered, bound: _truth(left(offered, bound)) or _truth(right(offered, bound))


def _equal(left: _Term, right: _Term) -> _Term:
    def equal(offered: Offered, bound: Mapping[str, Any]) -> bool:
        one, other = left(offered, bound), right(offered, bound)
        if one is None or other is None:
            if (one if other is None else other).__class__ not in (*_KINDS, type(None)):
                raise Unsure
            return one is other
        # two texts, two truths or two numbers; what is of different kinds, or holds more, is for CEL
        if one.__class__ is not other.__class__ or one.__class__ not in (str, bool, int):
            raise Unsure
        return bool(one == other)

    return equal


def _unequal(left: _Term, right: _Term) -> _Term:
    equal = _equal(left, right)
    return lambda offered, bound: not equal(offered, bound)


def _ordered(holds: Callable[[int, int], bool]) -> Callable[[_Term, _Term], _Term]:
    def compare(left: _Term, right: _Term) -> _Term:
        def compared(offered: Offered, bound: Mapping[str, Any]) -> bool:
            one, other = left(offered, bound), right(offered, bound)
            if one.__class__ is not int or other.__class__ is not int:
                raise Unsure
            return holds(one, other)

        return compared

    return compare


_COMPARED: Mapping[str, Callable[[_Term, _Term], _Term]] = {
    "==": _equal,
    "!=": _unequal,
    "<": _ordered(lambda one, other: one < other),
    ">": _ordered(lambda one, other: one > other),
    "<=": _ordered(lambda one, other: one <= other),
    ">=": _ordered(lambda one, other: one >= other),
}
