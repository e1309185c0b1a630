"""A mapping compiled to code writes what its writer writes, byte for byte, and knows when to leave a record to it."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from datetime import date
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.api.bundle import contract, record_components
from hub.domain.agencies import Agencies
from hub.domain.values import id_check_character
from hub.translation import Book, compiled, writer
from hub.translation.schema import Simple
from hub.translation.writer import Writer
from tests.unit.translation.conftest import MAPPINGS, agencies_of_the_samples
from tests.unit.translation.test_writing import records

SCHEMAS = contract()["components"]["schemas"]
CONTEXT = {
    "message_id": "msg-1",
    "sender": "court.370826",
    "recipient": "bureau.370826",
    "sent_at": "2021-03-15T09:20:00.000123+08:00",
    "now": "2021-03-15T09:20:00+08:00",
}
AGENCIES = agencies_of_the_samples()


# ---------------------------------------------------------------- records of the exchanges' schemas
def _resolved(schema: Any) -> list[dict[str, Any]]:
    """A schema as everything that must hold at once."""
    if "$ref" in schema:
        return _resolved(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    return [schema, *(one for part in schema.get("allOf", ()) for one in _resolved(part))]


LINES = st.text(st.sampled_from("孙马丽娜阿不都·周㴔𠮷王田AZ-09'\"&<>()（）、；;/"), min_size=1, max_size=12)
TEXTS = LINES | st.lists(LINES, min_size=2, max_size=3).map("\n".join)
DATES = st.dates(date(1, 1, 1), date(9999, 12, 31)).map(date.isoformat)
PLACES = st.sampled_from(["370826", "370828", "370826108", "370826108201", "110101", "990101"])
CASE_NUMBERS = st.sampled_from(
    ["(2021)鲁0826刑初57号", "（2012）济刑执字第118号", "〔1999〕鲁08刑更9号", "(2021) 鲁0826刑初57号", "57号"]
)
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "number": CASE_NUMBERS | LINES,
    "number_as_written": CASE_NUMBERS,
    "ruling_number": CASE_NUMBERS,
    "offences": st.lists(st.sampled_from(["盗窃罪", "诈骗", " 故意伤害 ", "罪"]), max_size=3),
    "place": PLACES,
    "execution_place": PLACES,
    "sha256": st.sampled_from(["a" * 64, "0123456789abcdef" * 4, "A" * 64]),
    "deciding_agency": st.sampled_from(["court.370826", "court.370800", "nobody"])
    | st.fixed_dictionaries({"name": LINES}, optional={"place": PLACES}),
    "sender": st.sampled_from(["court.370826", "prison.370800"]),
    "fine": st.sampled_from(["5000.00", "5000", "0.5", "007.00", "1e3"]),
    "media_type": st.sampled_from(["application/pdf", "image/png", "x/y"]),
}


@st.composite
def _id_numbers(draw: st.DrawFn) -> str:
    born = draw(st.dates(date(1930, 1, 1), date(2010, 12, 31)))
    first = f"{draw(st.sampled_from(['370826', '110101', '990101']))}{born:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    right = first + id_check_character(first)
    return draw(st.sampled_from([right, right, right, f"{right[:6]}{right[8:17]}", right.lower(), f"{first}0"]))


@cache
def _codes(system: str) -> tuple[str, ...]:
    for path in (MAPPINGS / "codelists").glob("*.yaml"):
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        if found["name"] == system:
            return tuple(str(code) for code in found["codes"])
    return ()


def _coded(system: str) -> st.SearchStrategy[Any]:
    known = st.sampled_from([*_codes(system)[:12], "zz"])
    return st.fixed_dictionaries(
        {"system": st.just(system), "code": known}, optional={"text": st.sampled_from(["男", "汉族", "未知", "<&>"])}
    )


def _values(name: str, schema: Any) -> st.SearchStrategy[Any]:
    parts = _resolved(schema)
    properties = {key: below for part in parts for key, below in part.get("properties", {}).items()}
    merged = {key: value for part in reversed(parts) for key, value in part.items()}
    if name == "id_number":
        return _id_numbers()
    if name in BY_NAME:
        return BY_NAME[name]
    if name == "unmapped":
        return st.just({})
    if "x-codes" in merged and "items" not in merged:
        return _coded(merged["x-codes"])
    if "enum" in merged:
        return st.sampled_from(merged["enum"])
    if properties:
        required = {key for part in parts for key in part.get("required", ())}
        return st.fixed_dictionaries(
            {key: _values(key, below) for key, below in properties.items() if key in required},
            optional={key: _values(key, below) for key, below in properties.items() if key not in required},
        )
    if "items" in merged:
        return st.lists(_values("", merged["items"]), max_size=3)
    plain = {
        "boolean": st.booleans(),
        "integer": st.integers(0, 130),
        "string": DATES if merged.get("format") == "date" else TEXTS if merged.get("maxLength") == 4000 else LINES,
    }
    if merged.get("format") == "date-time":
        return st.sampled_from(["2021-03-16T10:00:00+08:00", "2021-03-16T02:00:00Z", "2021-03-16T10:00:00.5+08:00"])
    found = plain.get(merged.get("type", "string"), LINES)
    return st.none() | found if merged.get("nullable") else found


#: What no record of a schema holds at a place, and what stands in the way of writing.
ODD = st.sampled_from(
    [None, "", " ", [], {}, [None], [""], True, 0, 5, -1, 1.5, "urn:sha256:x", "\x00", "\ud800", "a\r\nb\t<\"&>", "2021-02-30",
     "2021-03-15T24:00:00", "2021-W01-1", "２０２１-03-15", {"code": "1"}, {"system": "GB/T 2261.1", "code": ["1"]}, {"years": True},
     {"years": 1, "months": 130, "days": 400}, {"years": 0}, ["a;b", "、"], [{"term": {"months": 1}}, {}, "x"], "x" * 5000]
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in _places(below, (*path, key)))]


@st.composite
def _records(draw: st.DrawFn, exchange: str, good: tuple[dict[str, Any], ...]) -> Any:
    """A record of the schema, or a good one with parts of another; sometimes with odd things in it, or something missing."""
    record: Any = draw(_values("", SCHEMAS[record_components()[exchange]]))
    if good and draw(st.integers(0, 5)):
        record = _with_parts(draw, deepcopy(draw(st.sampled_from(good))), record)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        *above, last = draw(st.sampled_from([place for place in _places(record) if place] or [("person",)]))
        here = record
        for step in above:
            here = here[step]
        if isinstance(here, dict) and draw(st.booleans()):
            here.pop(last, None)
        else:
            here[last] = deepcopy(draw(ODD))
    return record


def _with_parts(draw: st.DrawFn, good: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    places = [(top, name) for top, below in sorted(other.items()) if isinstance(below, dict) for name in sorted(below)]
    for top, name in draw(st.lists(st.sampled_from(places), max_size=4)) if places else ():
        good.setdefault(top, {})[name] = other[top][name]
    return good


def _written(book: Book) -> list[tuple[str, str, Writer]]:
    return [(name, exchange, one) for name in book for exchange, one in book[name].writers.items()]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_code_writes_what_the_writer_writes(book: Book, data: st.DataObject) -> None:
    name, exchange, one = data.draw(st.sampled_from(_written(book)), label="mapping")
    record = data.draw(_records(exchange, tuple(records(book).get(exchange, ()))), label="record")
    before = deepcopy(record)
    try:
        told = one.by_places(record, CONTEXT, AGENCIES)
    except Exception as error:
        # what the writer itself does not survive, it is left to
        with pytest.raises(type(error)):
            one.text(record, CONTEXT, AGENCIES)
        return
    assert one.text(record, CONTEXT, AGENCIES) == told, f"{name}/{exchange}"
    quick = _code_of(one)(record, CONTEXT, AGENCIES)
    assert quick is None or (quick, []) == told
    assert record == before


def _code_of(one: Writer) -> compiled.Write:
    one.text({}, CONTEXT, AGENCIES)
    assert one._quick is not None, f"{one.mapping.file} has no code"
    return one._quick


def test_every_mapping_has_code_and_good_records_are_written_by_it(book: Book) -> None:
    tried = 0
    for name, exchange, one in _written(book):
        for record in records(book).get(exchange, ()):
            payload, faults = one.by_places(record, CONTEXT, AGENCIES)
            if not faults:
                assert _code_of(one)(record, CONTEXT, AGENCIES) == payload, f"{name}/{exchange} gave up"
                tried += 1
        assert _code_of(one)
    assert tried >= 15
    for name in book:
        for answer in book[name].answers.values():
            assert _code_of(answer)({"ok": True, "parked": [], "submission": "s-1"}, {}, Agencies([], {}))


@pytest.mark.parametrize("change", ["missing", "control character", "unknown code", "no such day"])
def test_a_record_with_a_fault_is_left_to_the_writer(book: Book, change: str) -> None:
    one = book["police"].writers["admission.documents"]
    record = deepcopy(records(book)["admission.documents"][0])
    assert _code_of(one)(record, CONTEXT, AGENCIES)
    if change == "missing":
        del record["person"]["name"]
    elif change == "control character":
        record["person"]["name"] = "孙\x07"
    elif change == "unknown code":
        record["person"]["sex"]["code"] = "7"
    else:
        record["person"]["birth_date"] = "1980-02-30"
    assert _code_of(one)(record, CONTEXT, AGENCIES) is None
    _, faults = one.text(record, CONTEXT, AGENCIES)
    assert [fault.pointer for fault in faults][:1] == [
        {"unknown code": "/person/sex", "no such day": "/person/birth_date"}.get(change, "/person/name")
    ]


def test_the_compiler_knows_everything_that_is_said_of_a_place() -> None:
    """A new property of a place changes what is written, so the compiler must learn it or leave the mapping alone."""
    assert {field.name for field in dataclasses.fields(writer._Place)} == compiled.KNOWN_OF_PLACES
    assert {field.name for field in dataclasses.fields(writer._Way)} == compiled.KNOWN_OF_WAYS
    assert {field.name for field in dataclasses.fields(Simple)} == compiled.KNOWN_OF_SIMPLE
