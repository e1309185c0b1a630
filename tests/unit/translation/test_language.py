"""The language's documentation is true: every example of a codec does what its row says."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.agencies import Agencies
from hub.domain.values import NotValid
from hub.translation import codecs, codelists, names
from hub.translation.addresses import Places
from hub.translation.moments import canonical_time
from tests.unit.translation.conftest import MAPPINGS

DOCUMENT = Path(__file__).parents[3] / "docs" / "mapping-language.md"
LISTS, _ = codelists.load(MAPPINGS / "codelists", "mappings/codelists")
PLACES = codelists.places(MAPPINGS / "places", "mappings/places")
assert PLACES is not None
LISTS[codelists.PLACES] = PLACES


def rows() -> list[tuple[str, str, str, str]]:
    found = re.findall(
        r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \| (both|in|out) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(found) > 30
    return found


def clause(text: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load("{" + text + "}")
    return made


@pytest.mark.parametrize(("line", "foreign", "canonical", "way"), rows())
def test_an_example_of_the_document_holds(
    agencies: Agencies, line: str, foreign: str, canonical: str, way: str
) -> None:
    codec, value = codecs.build(clause(line), LISTS), json.loads(canonical)
    if way in ("both", "in"):
        assert codec.decode is not None
        assert codec.decode(foreign) == value
    if way in ("both", "out"):
        assert codec.encode is not None
        assert codec.encode(value, agencies) == foreign


def test_the_document_shows_every_codec() -> None:
    shown = {key for line, *_ in rows() for key in clause(line)}
    assert set(codecs.CODECS) | set(codecs.MODIFIERS) <= shown


@pytest.mark.parametrize(
    ("line", "text", "rule"),
    [
        ("date: yyyyMMdd", "20210229", "date.malformed"),
        ("date: yyyyMMdd", "２０２１０３０１", "date.malformed"),
        ("date: yyyyMMdd", "2021031", "date.malformed"),
        ("date: xs:date", "2021-13-01", "date.malformed"),
        ("date: xs:dateTime", "2021-03-01", "date.malformed"),
        ("time: yyyyMMddHHmmss", "20210301246000", "time.malformed"),
        ("term: YYMMDD", "5060", "term.malformed"),
        ("term: N年N月N日", "五年", "term.malformed"),
        ("term: months", "-3", "term.malformed"),
        ("money: true", "5000.005", "money.malformed"),
        ("money: true", "-1", "money.malformed"),
        ("money: 分", "5000.5", "money.malformed"),
        ("money: 万元", "0.0000001", "money.malformed"),
        ("date: yyyy年M月d日", "2021年2月29日", "date.malformed"),
        ("date: yyyy年M月d日", "2021年113月1日", "date.malformed"),
        ("date: 汉字", "二〇二一年十三月一日", "date.malformed"),
        ("date: 汉字", "二〇二一年二十一十月一日", "date.malformed"),
        ("time: yyyy-MM-ddTHH:mm:ssXXX", "2021-03-01T00:00:00", "time.malformed"),
        ("time: epoch", "一", "time.malformed"),
        ("time: epoch ms", "999999999999999", "time.malformed"),
        ('boolean: {"true": [是], "false": [否]}', "不", "code.unknown"),
        ("number: true", "1.5", "number.malformed"),
        ('boolean: {"1": true, "0": false}', "yes", "code.unknown"),
        ("codes: GB/T 2261.1", "男", "code.unknown"),
        ("place: 6", "37082", "place.malformed"),
        ("agency: court", "x", "place.malformed"),
        ("check: case-number", "鲁0826刑初57号", "case-number.malformed"),
    ],
)
def test_what_a_codec_does_not_take(line: str, text: str, rule: str) -> None:
    decode = codecs.build(clause(line), LISTS).decode
    assert decode is not None
    with pytest.raises(NotValid) as caught:
        decode(text)
    assert caught.value.rule == rule
    assert caught.value.zh
    assert caught.value.en


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ({"place": "110101", "text": "山东省济宁市微山县马坡镇"}, "address.differs"),
        ({"place": "370826999", "text": "某村"}, "place.unknown"),
        ({"place": "37", "text": "某村"}, "place.malformed"),
        ("山东省", "value.shape"),
    ],
)
def test_an_address_that_would_lose_its_place_is_not_written(agencies: Agencies, address: Any, rule: str) -> None:
    encode = codecs.build({"address": "full"}, LISTS).encode
    assert encode is not None
    with pytest.raises(NotValid) as caught:
        encode(address, agencies)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("date: yyyyMM", "date"),
        ("date: yyyyMd", "date"),
        ("date: yyyyMMddyyyy", "date"),
        ("date: epoch", "date"),
        ("time: 汉字", "time"),
        ("date: [yyyyMMdd, 年月日]", "date"),
        ("money: 角", "money"),
        ("name: 点点", "name"),
        ("address: short", "address"),
        ('boolean: {"true": [是]}', "boolean"),
    ],
)
def test_a_form_that_nobody_could_read_is_found_beforehand(line: str, key: str) -> None:
    with pytest.raises(codecs.Unusable) as caught:
        codecs.build(clause(line), LISTS)
    assert caught.value.key == key


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31)).map(
    lambda found: found.replace(microsecond=found.microsecond // 1000 * 1000, tzinfo=codecs.SHANGHAI)
)


@pytest.mark.parametrize(
    "form",
    [
        "yyyyMMddHHmmssSSS",
        "yyyy-MM-dd HH:mm:ss.SSSXXX",
        "yyyy年M月d日H时mm分ss秒SSS",
        "epoch ms",
        "ddMMyyyyHHmmssSSSXX",
    ],
)
@given(at=MOMENTS)
def test_every_moment_comes_back_from_a_form_that_says_all_of_it(form: str, at: datetime) -> None:
    codec, value = codecs.build({"time": form}, {}), canonical_time(at)
    assert codec.encode
    assert codec.decode
    assert codec.decode(codec.encode(value, Agencies([], {}))) == value


@pytest.mark.parametrize("form", ["yyyy年M月d日", "汉字", "d.M.yyyy", "xs:date", "yyyyMMdd"])
@given(at=st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_every_day_comes_back_from_every_form(form: str, at: date) -> None:
    codec = codecs.build({"date": form}, {})
    assert codec.encode
    assert codec.decode
    assert codec.decode(codec.encode(at.isoformat(), Agencies([], {}))) == at.isoformat()


@pytest.mark.parametrize("unit", ["元", "万元", "分"])
@given(cents=st.integers(0, 10**14))
def test_every_amount_comes_back_in_every_unit(unit: str, cents: int) -> None:
    codec, value = codecs.build({"money": unit}, {}), f"{cents // 100}.{cents % 100:02d}"
    assert codec.encode
    assert codec.decode
    assert codec.decode(codec.encode(value, Agencies([], {}))) == value


@given(name=st.text(st.sampled_from("阿不都马·•．. 　JSmith"), min_size=1, max_size=12))
def test_a_name_is_normal_once_and_for_all_and_comes_back_with_any_dot(name: str) -> None:
    value = names.normal(name)
    assert names.normal(value) == value
    for dot in (True, "•", "・", "．"):
        codec = codecs.build({"name": dot}, {})
        assert codec.encode
        assert codec.decode
        assert codec.decode(codec.encode(name, Agencies([], {}))) == value


def test_the_full_name_of_every_place_leads_back_to_it() -> None:
    assert PLACES is not None
    places = Places(PLACES.names)
    named = {code: places.full_name(code) for code in PLACES.names}
    told = {name: code for code, name in named.items() if name}
    assert len(told) > 3400
    for name, code in told.items():
        if PLACES.names[code] in ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"):
            continue
        assert places.find(f"{name}5号") == (code, "5号")
    assert places.find("鼓楼区5号") == (None, "鼓楼区5号"), "there are several"
    assert places.find("山东省微山县 马坡镇") == ("370826108", "")


def test_the_standard_lists_are_whole() -> None:
    groups = LISTS["GB/T 3304"].names
    assert [code for code in groups if code < "57"] == [f"{n:02d}" for n in range(1, 57)]
    assert len(set(groups.values())) == len(groups)
    assert all(name.endswith("族") for code, name in groups.items() if code < "57")
    assert LISTS["GB/T 3304"].read_word("回")["code"] == "03"
