"""When an agency starts sending what its mapping does not know, the administrator is told once, with samples."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from hub import settings
from hub.bootstrap import build
from hub.console.pages import console
from hub.domain.faults import Refused
from hub.flow.drift import MOST_CODES, PAUSE, Drift
from hub.flow.intake import submit_dialect
from hub.flow.parts import Hub
from hub.store import drift
from tests.flow_hub import StoppedClock
from tests.passed_history import PRISON, handover


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def hub(store_url: str, tmp_path: Path, clock: StoppedClock) -> Iterator[Hub]:
    found = build(settings.load({}, database_url=store_url, data_dir=tmp_path / "data"), clock=clock)
    yield found
    found.database.close()


def send(hub: Hub, n: int, raw: bytes) -> None:
    submit_dialect(hub, PRISON, f"key-{n}", raw, "application/xml")


def with_field(n: int, value: str) -> bytes:
    return handover(n).replace(b"</ZFXX>", f"<JKZK>{value}</JKZK></ZFXX>".encode())


def test_a_field_never_seen_is_told_once_with_its_samples(
    hub: Hub, clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    send(hub, 1, handover(1))
    assert drift.seen(hub.database) == []
    with caplog.at_level(logging.WARNING, "hub.flow.drift"):
        for n in (2, 3, 4):
            clock.move(PAUSE)
            send(hub, n, with_field(n, f"高血压{n}"))
    assert sum("ZFXX/JKZK" in record.getMessage() for record in caplog.records) == 1
    (one,) = drift.seen(hub.database)
    assert (one["agency"], one["exchange"], one["kind"], one["place"]) == (
        PRISON,
        "admission.parole-handover",
        "field",
        "ZFXX/JKZK",
    )
    assert one["times"] == 3
    assert [sample["value"] for sample in one["samples"]] == ["高血压2", "高血压3", "高血压4"]
    assert all(sample["transfer"].startswith("trf_") for sample in one["samples"])


def test_a_code_that_its_list_does_not_have_is_told_though_the_message_is_refused(hub: Hub) -> None:
    for n in (1, 2):
        with pytest.raises(Refused):
            send(hub, n, handover(n, education="8X"))
    (one,) = drift.seen(hub.database)
    assert (one["kind"], one["place"], one["value"]) == ("code", "ZFXX/WHCD", "8X")
    assert one["samples"][0]["submission"].startswith("sub_")


def test_what_comes_in_every_message_is_written_down_once_a_minute(hub: Hub, clock: StoppedClock) -> None:
    for n in range(5):
        send(hub, n, with_field(n, "无"))
    assert drift.seen(hub.database)[0]["times"] == 1
    clock.move(PAUSE)
    send(hub, 9, with_field(9, "无"))
    assert drift.seen(hub.database)[0]["times"] == 6


def test_another_process_does_not_tell_it_again(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    send(hub, 1, with_field(1, "无"))
    hub.drift = Drift(hub.drift.book, hub.clock)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "hub.flow.drift"):
        send(hub, 2, with_field(2, "无"))
    assert not caplog.records
    assert drift.seen(hub.database)[0]["times"] == 2


def test_what_somebody_has_noted_is_not_told_any_more(hub: Hub) -> None:
    send(hub, 1, with_field(1, "无"))
    (one,) = drift.seen(hub.database)
    drift.noted(hub.database, one["id"], "李某", "已加入映射", hub.clock.technical())
    assert drift.seen(hub.database) == []
    (kept,) = drift.seen(hub.database, everything=True)
    assert (kept["noted_by"], kept["note"]) == ("李某", "已加入映射")


def test_free_text_in_a_place_of_codes_is_told_as_one_after_many(hub: Hub) -> None:
    for n in range(MOST_CODES + 20):
        with pytest.raises(Refused):
            send(hub, n, handover(n, education=f"自由文本{n}"))
    told = drift.seen(hub.database)
    assert len(told) == MOST_CODES + 1
    assert [one["value"] for one in told if not one["value"]] == [""]


def test_the_page_of_mappings_tells_it_with_a_way_to_each_sample(hub: Hub, clock: StoppedClock) -> None:
    send(hub, 1, with_field(1, "高血压"))
    with pytest.raises(Refused):
        send(hub, 2, handover(2, education="8X"))
    app = Flask(__name__)
    app.register_blueprint(console(hub))
    page = app.test_client().get("/console/mappings?lang=zh", base_url="http://127.0.0.1:8080").get_data(as_text=True)
    field, code = (drift.seen(hub.database)[n]["samples"][0] for n in (1, 0))
    assert "ZFXX/JKZK" in page
    assert f"/console/transfers/{field['transfer']}" in page
    assert f"/console/refused/{code['submission']}" in page
