"""The language's documentation is true: every example of a codec does what its row says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.domain.agencies import Agencies
from hub.domain.values import NotValid
from hub.translation import codecs, codelists
from tests.unit.translation.conftest import MAPPINGS

DOCUMENT = Path(__file__).parents[3] / "docs" / "mapping-language.md"
LISTS, _ = codelists.load(MAPPINGS / "codelists", "mappings/codelists")


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


def test_the_standard_lists_are_whole() -> None:
    groups = LISTS["GB/T 3304"].names
    assert [code for code in groups if code < "57"] == [f"{n:02d}" for n in range(1, 57)]
    assert len(set(groups.values())) == len(groups)
    assert all(name.endswith("族") for code, name in groups.items() if code < "57")
    assert LISTS["GB/T 3304"].read_word("回")["code"] == "03"
