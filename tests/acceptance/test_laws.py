"""Every mapping that is in force keeps the laws over 1,000 generated records in each direction, or says what it loses."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.api.bundle import record_components, record_schema
from hub.workshop.proving import Workshop

MAPPINGS = Path(__file__).parents[2] / "mappings"
SHOP = Workshop.open(MAPPINGS, None, {name: record_schema(name) for name in record_components()})
#: Read from the book, so that a mapping that is added is proved without being named here.
EVERY = [
    (name, exchange) for name in SHOP.book for exchange in sorted({*SHOP.book[name].readers, *SHOP.book[name].writers})
]


def test_the_configuration_can_be_proved() -> None:
    assert SHOP.findings == []
    assert {name for name, _ in EVERY} >= {"city", "court", "police", "prison"}


@pytest.mark.parametrize(("dialect", "exchange"), EVERY, ids=[f"{dialect}/{exchange}" for dialect, exchange in EVERY])
def test_a_thousand_records_come_back_as_they_went(dialect: str, exchange: str) -> None:
    report = SHOP.prove(dialect, exchange, records=1000)
    assert [f"{f.file}:{f.line} {f.en}" for f in report.findings] == []
    (proof,) = report.proofs
    assert proof.written >= 1000 or exchange not in SHOP.book[dialect].writers
    assert proof.read >= 1000 or exchange not in SHOP.book[dialect].readers
