"""The short cuts of codecs: what one writes is what the codec writes, and it writes nothing that the codec refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.domain.agencies import Agencies
from hub.domain.values import id_check_character
from hub.translation import codelists
from hub.translation.codecs import CODECS, Codec, build
from hub.translation.quick import Quick, quick
from tests.unit.translation.conftest import MAPPINGS

LISTS, _ = codelists.load(MAPPINGS / "codelists", "codelists")
AGENCIES = Agencies([], {})
CLAUSES: list[dict[str, Any]] = [
    {},
    {"list": ";"},
    {"list": "、"},
    {"list": "; "},
    *({"date": form} for form in ("yyyyMMdd", "yyyy-MM-dd", "xs:date", "yyyy年MM月dd日", "dd.MM.yyyy", "yyyy年M月d日")),
    *({"date": form} for form in ("汉字", "yyyyMMddHHmmss", "xs:dateTime", ["yyyyMMdd", "yyyy-MM-dd"], "yyyy<MM>dd")),
    {"date": "yyyyMMdd", "list": ";"},
    *({"time": form} for form in ("yyyyMMddHHmmss", "xs:dateTime", "yyyy-MM-dd HH:mm", "xs:date", "epoch", "epoch ms")),
    *({"time": form} for form in ("yyyyMMddHHmmssSSS", "yyyy-MM-ddTHH:mm:ssXXX", "yyyy/M/d H")),
    *({"term": form} for form in ("YYMMDD", "N年N月N日", "months")),
    {"term": "N年N月N日", "list": "、"},
    {"codes": "GB/T 2261.1"},
    {"codes": "GB/T 2261.1", "list": ";"},
    {"codes": "GB/T 3304", "as": "word"},
    {"codes": "GB/T 3304", "as": "word as sent"},
    {"codes": "police-correction-categories"},
    {"codes": "penalty-kinds", "as": "word"},
    *({"check": form} for form in ("case-number", "GB 11643", "GB 11643, 18")),
    {"check": "case-number", "list": ";"},
    {"boolean": {"1": True, "0": False}},
    {"boolean": {"yes": True, "Y": True, "no": False}},
    {"boolean": {True: ["是", "Y"], False: ["否"]}},
    *({"money": form} for form in (True, "元", "万元", "分")),
    {"number": True},
    *({"place": form} for form in (6, "any", [6, 3, "001"], [6, "<", 3])),
    *({"offence": form} for form in ("full", "short")),
    {"offence": "full", "list": ";"},
    {"document": "base64"},
    {"file_name": True},
    {"name": True},
    {"agency": "place"},
]

_numbers = st.tuples(st.sampled_from(["370826", "110101", "990101"]), st.dates(), st.integers(0, 999)).map(
    lambda parts: f"{parts[0]}{parts[1].year:04d}{parts[1]:%m%d}{parts[2]:03d}"
)
_plain = st.one_of(
    st.text(st.sampled_from("孙马·㴔𠮷罪AZ09Xx-'\"&<>()（）〔〕、；; .\n\r\t\x00\u3000"), max_size=8),
    st.dates().map(lambda day: day.isoformat()),
    st.datetimes(timezones=st.none()).map(lambda moment: moment.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "+08:00"),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    _numbers.map(lambda first: first + id_check_character(first)),
    _numbers.map(lambda first: first + "0"),
    st.from_regex(r"\A[(（〔]20[0-9]{2}[)）〕](鲁0826刑初|济刑执字第| 鲁)[0-9]{1,3}号\Z"),
    st.from_regex(r"\A[0-9]{0,3}(\.[0-9]{0,3})?\Z"),
    st.sampled_from(
        ["370826", "370826108", "370826108201", "37082", "a" * 64, "男", "盗窃罪", "盗窃", "probation", "拘役"]
    ),
    st.sampled_from(["2021-W01-1", "2021-02-30", "20210315", "2021-03-15T24:00:00", "２０２１-03-15", "court.370826"]),
    st.sampled_from([None, True, False, 0, 1, -1, 36_601, 1.5]),
    st.dictionaries(
        st.sampled_from(["years", "months", "days", "x"]), st.sampled_from([0, 1, 6, 13, 120, 40_000, True])
    )
    | st.fixed_dictionaries(
        {
            "system": st.sampled_from(["GB/T 2261.1", "GB/T 3304"]),
            "code": st.sampled_from(["1", "01", "9", "99", None]),
        },
        optional={"text": st.sampled_from(["男", "汉族", "汉", 5]), "more": st.just(1)},
    ),
)
values = _plain | st.lists(_plain, max_size=3)


def _short_cuts() -> list[tuple[dict[str, Any], Codec, Quick]]:
    found = [(clause, codec, quick(clause, codec, LISTS)) for clause in CLAUSES for codec in [build(clause, LISTS)]]
    return [(clause, codec, short) for clause, codec, short in found if short is not None]


SHORT_CUTS = _short_cuts()


@settings(max_examples=200, deadline=None)
@example(["0001-01-01T00:00:00.000+08:00", "0001-01-01", "9999-12-31T23:59:59+08:00"])
@given(st.lists(values, min_size=6, max_size=6))
def test_a_short_cut_writes_what_its_codec_writes(found: list[Any]) -> None:
    for clause, codec, short in SHORT_CUTS:
        assert codec.encode
        for value in found:
            expected = _result(codec.encode, value, AGENCIES)
            for encode in (short.encode, _in_code(short)):
                text = _result(encode, value)
                assert text is None or text == expected, f"{clause}: {value!r}: {text!r}, not {expected!r}"


def _result(encode: Callable[..., str | None], *given: Any) -> str | None:
    try:
        return encode(*given)
    except (TypeError, ValueError, AttributeError, KeyError):
        return None


@cache
def _in_code(short: Quick) -> Callable[[Any], str | None]:
    """The encoder as it stands in generated code, where it does."""
    if not short.guard:
        return short.encode
    made: Callable[[Any], str | None] = eval(f"lambda v: {short.text} if {short.guard} else None", dict(short.names))
    return made


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_tried(codec: str) -> None:
    assert codec in ("mark", "address") or any(codec in clause for clause in CLAUSES)


def test_a_key_that_no_short_cut_knows_takes_it_away() -> None:
    clause = {"from": "person.name", "date": "yyyyMMdd"}
    assert quick(clause, build(clause, LISTS), LISTS)
    assert quick({**clause, "calendar": "lunar"}, build(clause, LISTS), LISTS) is None


@pytest.mark.parametrize(
    ("clause", "value", "text"),
    [
        ({"date": "yyyy年MM月dd日"}, "2021-03-15", "2021年03月15日"),
        ({"time": "yyyyMMddHHmmss"}, "2021-03-15T09:20:00.123+08:00", "20210315092000"),
        ({"term": "N年N月N日"}, {"months": 30, "days": 2}, "2年6月2日"),
        ({"codes": "GB/T 3304", "as": "word"}, {"system": "GB/T 3304", "code": "05"}, "维吾尔族"),
        ({"check": "GB 11643"}, "37082619790214041X", "37082619790214041X"),
        ({"place": [6, 3, "001"]}, "370826", "370826000001"),
        ({"list": ";"}, ["a", "b"], "a;b"),
    ],
)
def test_the_usual_value_takes_the_short_cut(clause: dict[str, Any], value: Any, text: str) -> None:
    short = quick(clause, build(clause, LISTS), LISTS)
    assert short is not None
    assert short.encode(value) == text == _in_code(short)(value)
