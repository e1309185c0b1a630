"""Who receives a record, by the chart and the county of `mappings/`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub import configuration
from hub.domain.routing import Resolver
from hub.settings import ROOT

CHART = configuration.load(ROOT / "mappings")


def route(
    exchange: str, record: dict[str, object], sender: str = "court.370826", origin: str | None = None
) -> tuple[object, ...]:
    routing = Resolver(CHART.catalogue, CHART.agencies, record, sender, origin).route(
        CHART.catalogue.exchanges[exchange]
    )
    return routing.to, routing.copies, [fault.rule for fault in routing.faults], [fault.rule for fault in routing.gaps]


def record(place: str | None, residence: str | None = None) -> dict[str, object]:
    return {
        "case": {"deciding_agency": "court.370826"},
        "correction": {"execution_place": place} if place else {},
        "person": {"residence": {"place": residence}} if residence else {},
    }


@pytest.mark.parametrize(
    ("exchange", "what", "expected"),
    [
        (
            "admission.documents",
            record("370826"),
            (("bureau.370826",), ("procuratorate.370826", "police.370826"), [], []),
        ),
        (
            "admission.documents",
            record("370826108"),
            (("bureau.370826",), ("procuratorate.370826", "police.370826"), [], []),
        ),
        ("admission.documents", record("370828"), (("bureau.370828",), (), [], [])),
        ("admission.documents", record("370829"), ((), (), ["place.no-agency"], [])),
        ("admission.documents", record(None), ((), (), ["place.missing"], [])),
        (
            "admission.registration",
            record("370826", "370826108"),
            (("office.370826108",), ("township.370826108", "station.370826108"), [], ["place.too-coarse"]),
        ),
        (
            "admission.registration",
            record("370826", "370826108201"),
            (("office.370826108",), ("township.370826108", "village.370826108201", "station.370826108"), [], []),
        ),
        (
            "admission.registration",
            record("370826", "370826"),
            ((), (), ["place.too-coarse"], ["place.too-coarse"] * 3),
        ),
        ("admission.report-in", record("370826"), (("court.370826",), (), [], [])),
        ("admission.report-in", {"case": {"deciding_agency": "court.370899"}}, ((), (), ["agency.unknown"], [])),
        ("admission.report-in", {}, ((), (), ["agency.missing"], [])),
    ],
)
def test_a_record_goes_where_its_places_say(
    exchange: str, what: dict[str, object], expected: tuple[object, ...]
) -> None:
    sender = "bureau.370826" if exchange == "admission.report-in" else "court.370826"
    assert route(exchange, what, sender) == expected


def test_the_sender_of_what_is_answered_stands_in_for_an_unknown_deciding_agency() -> None:
    assert route(
        "admission.report-in", {"case": {"deciding_agency": "court.999999"}}, "bureau.370826", "prison.370800"
    )[0] == ("prison.370800",)


def test_nobody_is_guessed_where_two_agencies_sit_in_one_place(tmp_path: Path) -> None:
    mappings = Path(shutil.copytree(ROOT / "mappings", tmp_path / "mappings"))
    (mappings / "agencies" / "second.yaml").write_text(
        "id: bureau.370828.second\nzh: 第二司法局\nreach:\n  - {transport: inbox}\n", encoding="utf-8"
    )
    chart = configuration.load(mappings)
    routing = Resolver(chart.catalogue, chart.agencies, record("370828"), "court.370826").route(
        chart.catalogue.exchanges["admission.notice"]
    )
    assert [fault.rule for fault in routing.faults] == ["place.ambiguous"]
