"""The national standards' lists are whole, and what was taken from a package is what the package says."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from hub.api.bundle import record_schema
from hub.domain.values import NotValid
from hub.settings import ROOT
from hub.translation import codelists

LISTS = codelists.load(ROOT / "mappings" / "codelists", "mappings/codelists")[0]


def test_the_list_of_countries_is_the_packages() -> None:
    made: ModuleType = importlib.util.module_from_spec(
        spec := importlib.util.spec_from_file_location("countries", ROOT / "deploy" / "make-country-list.py")  # type: ignore[arg-type]
    )
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(made)
    assert made.FILE.read_text(encoding="utf-8") == made.text(), "run deploy/make-country-list.py"


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("GB/T 2261.1", 4),
        ("GB/T 2261.2", 8),
        ("GB/T 2261.4", 13),
        ("GB/T 3304", 58),
        ("GB/T 4762", 13),
        ("GB/T 2659", 249),
        ("GB/T 31000 罪名分类", 10),
    ],
)
def test_a_standards_list_is_whole(name: str, codes: int) -> None:
    assert len(LISTS[name].names) == codes


def test_every_list_that_a_record_names_is_there() -> None:
    named = set(_codes(record_schema("admission.documents")))
    assert named, "the schema names the lists of its coded values"
    assert named <= set(LISTS)


def _codes(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [code for below in schema for code in _codes(below)]
    if not isinstance(schema, dict):
        return []
    own = [schema["x-codes"]] if "x-codes" in schema else []
    return own + [code for below in schema.values() for code in _codes(below)]


@pytest.mark.parametrize("word", ["中国", "CN", "156", "中华人民共和国"])
def test_a_country_is_known_by_each_of_its_names_and_codes(word: str) -> None:
    assert LISTS["GB/T 2659"].read_word(word) == {"system": "GB/T 2659", "code": "CHN", "text": word}


@pytest.mark.parametrize(
    ("name", "wrong", "near"),
    [
        ("GB/T 3304", "汉旅", "汉族"),
        ("GB/T 4762", "共青团", "共青团员"),
        ("GB/T 2659", "中华人民共和", "中华人民共和国"),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest_that_there_are(name: str, wrong: str, near: str) -> None:
    with pytest.raises(NotValid) as refused:
        LISTS[name].read_word(wrong)
    assert near in refused.value.zh
