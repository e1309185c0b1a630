"""A canonical record as a table, and the history of who answered as a band."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import configuration
from hub.console.band import WIDTH, band, wrapped
from hub.console.record import RecordTable
from hub.flow.parts import Hub
from hub.settings import ROOT

SAMPLES = ROOT / "mappings" / "dialects"


@pytest.fixture(scope="module")
def table() -> RecordTable:
    configured = configuration.load(ROOT / "mappings")
    names = {agency.id: agency for agency in configured.agencies}
    hub = SimpleNamespace(
        settings=SimpleNamespace(config_dir=ROOT / "mappings"),
        places=configured.places,
        agencies=configured.agencies,
        catalogue=configured.catalogue,
        agency_name=lambda found, language: names[found].label(language),
    )
    return RecordTable(cast(Hub, hub))


def rows(table: RecordTable, path: Path, language: str) -> dict[str, tuple[str, str]]:
    record = json.loads(path.read_text(encoding="utf-8"))
    return {
        f"{section.label}/{row.label}": (row.value, row.detail)
        for section in table.sections(record["exchange"], record, language)
        for row in section.rows
    }


def test_a_record_reads_in_chinese_with_what_its_codes_mean(table: RecordTable) -> None:
    found = rows(table, SAMPLES / "court" / "samples" / "canonical-1.json", "zh")
    assert found["社区矫正对象/性别"] == ("男", "GB/T 2261.1: 1")
    assert found["社区矫正对象/居住地"] == ("山东省济宁市微山县马坡镇", "370826108 马坡镇")
    assert found["案件/决定机关"] == ("微山县人民法院", "court.370826")
    assert found["案件/决定机关类型"][0] == "人民法院"
    assert found["社区矫正/矫正类别"][0] == "缓刑"
    assert found["社区矫正/矫正期限"][0] == "4个月"
    assert found["判决/各罪刑罚 1"][0] == "罪名：危险驾驶罪；刑种：拘役；刑期：2个月；缓刑考验期：4个月；罚金：5000.00"


def test_a_record_reads_in_english_too(table: RecordTable) -> None:
    found = rows(table, SAMPLES / "prison" / "samples" / "canonical.json", "en")
    assert found["parole/original term"][0] == "5 years 6 months"
    assert found["health/infectious"][0] == "no"
    assert found["correction/category"][0] == "parole"


def test_what_a_database_has_put_in_another_order_reads_the_same(table: RecordTable) -> None:
    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in sorted(value, reverse=True)} if isinstance(value, dict) else value

    record = json.loads((SAMPLES / "court" / "samples" / "canonical-2.json").read_text(encoding="utf-8"))
    assert table.sections(record["exchange"], turned(record), "zh") == table.sections(record["exchange"], record, "zh")


def test_an_exchange_without_a_schema_is_shown_with_its_own_words(table: RecordTable) -> None:
    [section] = table.sections(
        "later.exchange", {"leave": {"from_day": "2021-03-12", "with": [{"name": "甲", "age": 3}], "none": None}}, "zh"
    )
    assert [(row.label, row.value) for row in section.rows] == [
        ("from day", "2021-03-12"),
        ("with 1", "name：甲；age：3"),
        ("none", "—"),
    ]


# ------------------------------------------------------------------ the band
def line(holder: str, since: datetime) -> dict[str, Any]:
    return {
        "holder": holder,
        "since": since.isoformat(),
        "cause": {"exchange": "x", "transfer": "trf_1", "receipt": None},
    }


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 4000)), min_size=1, max_size=9), st.booleans())
def test_stretches_lie_one_after_the_other_within_the_band(told: list[tuple[str, int]], more: bool) -> None:
    start = datetime.fromisoformat("2012-07-03T09:15:00+08:00")
    history, time = [], start
    for holder, days in told:
        time += timedelta(days=days)
        history.append(line(holder, time))
    drawn = band(history, dict.fromkeys("abcdef", "微山县司法局"), time, more)
    assert drawn is not None
    edges = [(stretch.x, stretch.x + stretch.width) for stretch in drawn.stretches]
    assert all(width > 40 for width in (right - left for left, right in edges))
    assert all(left[1] < right[0] for left, right in pairwise(edges))
    assert edges[-1][1] <= WIDTH - (200 if more else 0) + 0.2
    assert drawn.stretches[-1].days is None


def test_nobody_has_answered_yet() -> None:
    assert band([], {}, datetime.now().astimezone(), False) is None


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        ("微山县司法局", 130, ("微山县司法局",)),
        ("Weishan County Judicial Bureau", 130, ("Weishan County", "Judicial Bureau")),
        ("微山县人民检察院", 60, ("微山县人", "民检察院")),
        ("Village committee of a village with a long name", 100, ("Village", "committee o…")),
    ],
)
def test_names_are_put_on_two_lines(name: str, width: float, lines: tuple[str, ...]) -> None:
    assert wrapped(name, width)[: len(lines)] == lines or len(wrapped(name, width)) == 2
