"""What `translate.record` compares does the same work: the same 40 fields to the same bytes, and the same refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import record as benchmark
from benchmarks.report import Figure
from hub.domain.values import NotValid
from hub.translation import CannotWrite


@pytest.fixture(scope="module")
def by_hub() -> benchmark.Write:
    return benchmark.by_hub()


def test_the_hub_and_the_code_by_hand_write_the_same_forty_fields(by_hub: benchmark.Write) -> None:
    by_hand = benchmark.by_hand()
    for record in benchmark.records():
        payload = by_hub(record)
        assert payload == by_hand(record)
        assert benchmark.counted(payload) == (40, 52)


def test_jsonata_writes_them_too(by_hub: benchmark.Write) -> None:
    pytest.importorskip("jsonata", reason="jsonata-python comes with the extra `bench`")
    by_jsonata = benchmark.by_jsonata()
    for record in benchmark.records()[:3]:
        assert by_jsonata(record) == by_hub(record)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record["person"].pop("name"),
        lambda record: record["case"].pop("number"),
        lambda record: record["person"].update(name="孙\x07"),
        lambda record: record["person"].update(name="孙" * 201),
        lambda record: record["person"].update(birth_date="1980-02-30"),
        lambda record: record["person"].update(id_number="370826196001010008"),
        lambda record: record["person"]["sex"].update(code="7"),
        lambda record: record["person"]["sex"].update(system="GB/T 3304"),
        lambda record: record["person"].update(former_names=["a;b"]),
        lambda record: record["person"]["residence"].update(place="3708"),
        lambda record: record["sentence"]["penalties"][1].update(term={"days": 100}),
        lambda record: record["sentence"]["penalties"][1].update(kind="罚款"),
        lambda record: record["sentence"]["penalties"][1].update(fine="much"),
        lambda record: record["correction"].update(category="unknown"),
        lambda record: record["documents"][0].update(sha256="x"),
    ],
)
def test_both_refuse_the_same_records(by_hub: benchmark.Write, spoil: Callable[[dict[str, Any]], Any]) -> None:
    by_hand = benchmark.by_hand()
    (record, *_) = benchmark.records()
    spoil(record)
    with pytest.raises((CannotWrite, NotValid)):
        by_hub(record)
    with pytest.raises((ValueError, KeyError)):
        by_hand(record)


def test_a_figure_tells_its_ratios_by_what_it_is_compared_with() -> None:
    assert Figure("translate.record", 20.0, "µs", ratios={"hand": 1.25, "jsonata": 0.00412}).as_dict() == {
        "name": "translate.record",
        "value": 20.0,
        "unit": "µs",
        "ratio_hand": 1.25,
        "ratio_jsonata": 0.0041,
    }
    assert Figure("intake.single", 20.0, "transfers/s", 40.0).as_dict()["ratio_naive"] == 0.5
