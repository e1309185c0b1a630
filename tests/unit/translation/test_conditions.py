"""A condition that is answered without CEL is answered as CEL answers it."""

from __future__ import annotations

import re
from typing import Any

import cel
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.translation.conditions import Unsure, plain
from tests.unit.translation.conftest import MAPPINGS

NAMES = ["a", "b", "kind"]
texts = st.sampled_from(["x", "管制", "", "a"])
values = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 2, 1.0, 1.5]) | texts,
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(st.sampled_from(NAMES), values, min_size=1, max_size=3)

_path = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(lambda steps: ".".join(["record", *steps]))
_literal = st.sampled_from(["'x'", '"管制"', "''", "true", "false", "null", "0", "1", "2"])


def _atoms(bound: str) -> st.SearchStrategy[str]:
    place = _path | st.sampled_from(NAMES).map(lambda name: f"{bound}.{name}") if bound else _path
    sides = place | _literal | place.map(lambda one: f"size({one})")
    compared = st.tuples(sides, st.sampled_from(["==", "!=", ">", "<", ">=", "<="]), sides).map(" ".join)
    return place | place.map(lambda one: f"has({one})") | compared | place.map(lambda one: f"!{one}")


def _composed(atom: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(atom, st.sampled_from(["&&", "||"]), atom).map(" ".join)
    return atom | pair | pair.map(lambda one: f"({one})") | st.tuples(pair, st.just("&&"), atom).map(" ".join)


_some = st.tuples(_path, _composed(_atoms("p"))).map(lambda parts: f"{parts[0]}.exists(p, {parts[1]})")
expressions = _composed(_atoms("") | _some | _some.map(lambda one: f"!{one}"))


def by_cel(source: str, record: Any) -> Any:
    """True, False, another value, or the kind of failure."""
    try:
        return cel.compile(source).execute({"record": record})
    except (KeyError, ValueError, TypeError, RuntimeError, OverflowError) as error:
        return type(error)


@settings(max_examples=400, deadline=None)
@given(expressions, records)
@example("record.a.exists(p, p.kind == 'x')", {"a": [{"b": 1}, {"kind": "x"}]})
@example("record.a || record.b", {"a": True})
@example("has(record.a)", {"a": None})
@example("record.a == 1", {"a": True})
@example("record.a == 1", {"a": 1.0})
@example("!record.a == false", {"a": True})
def test_what_is_answered_plainly_is_what_cel_answers(source: str, record: dict[str, Any]) -> None:
    answer = plain(source)
    if answer is None:
        return
    try:
        found = answer({"record": lambda: record})
    except Unsure:
        return
    assert found is by_cel(source, record)


WHEN = re.compile(r"when: (?:\"(?P<quoted>[^\"]+)\"|(?P<bare>[^\s,}]+))")


def test_the_conditions_of_the_mappings_are_answered_plainly() -> None:
    found = {
        match["quoted"] or match["bare"]
        for path in (MAPPINGS / "dialects").glob("*/*.yaml")
        for match in WHEN.finditer(path.read_text(encoding="utf-8"))
    }
    assert len(found) >= 12
    assert {source for source in found if plain(source) is None} == set()


@pytest.mark.parametrize(
    "source",
    [
        "record.a + record.b == 'x'",
        "record.a.startsWith('x')",
        "record.a[0].b == 'x'",
        "record.a.all(p, has(p.b))",
        "record.a.exists(p, has(p.b)).c",
        "record.a ? record.b : record.c",
        "'x' in record.a",
        "record.a == 'it\\'s'",
        "record.a == r'x'",
        "record.a == 1.5",
        "record.a == 1u",
        "-record.a == 1",
        "record.a == 'x' == true",
        "record.a == 'x' // of old",
        "has(record)",
        "record.a &&",
    ],
)
def test_everything_else_is_left_to_cel(source: str) -> None:
    assert plain(source) is None


def test_a_record_of_another_shape_is_left_to_cel() -> None:
    answer = plain("record.a.exists(p, p.kind == 'x')")
    assert answer is not None
    assert answer({"record": lambda: {"a": [{"kind": "y"}, {"kind": "x"}]}}) is True
    for record in ({}, {"a": {}}, {"a": [{}]}, {"a": [{"kind": 1}]}, {"a": None}):
        with pytest.raises(Unsure):
            answer({"record": lambda record=record: record})  # type: ignore[misc]
