"""What really passed is counted line by line, read-only, in flat memory, from the command line too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub import settings
from hub.api.bundle import record_schema
from hub.bootstrap import build
from hub.flow import hindsight
from hub.flow.parts import Hub
from hub.store.tables import metadata
from hub.workshop.counting import count_traffic
from tests.passed_history import BUREAU, fill, handover, refuse, send

EXCHANGE = "admission.parole-handover"


@pytest.fixture
def hub(sqlite_url: str, tmp_path: Path) -> Iterator[Hub]:
    found = build(settings.load({}, database_url=sqlite_url, data_dir=tmp_path / "data"))
    yield found
    found.database.close()


def told(n: int) -> dict[str, Any]:
    """Every tenth has former names, every fourth no education."""
    return {**({"former": "旧名"} if n % 10 == 0 else {}), **({"education": ""} if n % 4 == 0 else {})}


def covered(hub: Hub, dialect: str, **more: Any) -> dict[str, Any]:
    found = count_traffic(
        hub.history,
        hub.dialects[dialect],
        {EXCHANGE: record_schema(EXCHANGE)},
        agencies=hub.agencies,
        recipients=[BUREAU],
        reopen=lambda passed: hindsight.reopen(hub, passed),
        exchange=EXCHANGE,
        **more,
    ).as_dict()
    (one,) = found["exchanges"]
    return {**one, "unreadable": found["unreadable"], "looked_at": found["looked_at"]}


def test_what_passed_is_counted_and_nothing_of_it_changes(hub: Hub) -> None:
    fill(hub, 40, told)
    send(hub, BUREAU, "city", range(12))
    refuse(hub, 1000, b"<ROOT/>")
    refuse(hub, 1001, handover(1001).replace(b"<XBDM>1</XBDM>", b"<XBDM>7</XBDM><XXX>\xe6\x96\xb0</XXX>"))
    with hub.database.read() as db:
        before = {table.name: db.execute(select(table)).all() for table in metadata.sorted_tables}

    found = covered(hub, "prison")
    gave = {(line["place"], line["direction"]): line["gave"] for line in found["lines"]}
    assert found["records"]["in"] == 41
    assert found["faulty"]["in"] == 1
    assert gave["person.name", "in"] == 41
    assert gave["person.former_names", "in"] == 4
    assert gave["person.education", "in"] == 31
    sexes = next(codes for codes in found["codes"] if codes["list"] == "GB/T 2261.1")
    assert sexes["unknown"] == [{"code": "7", "count": 1}]
    assert {code["code"] for code in sexes["never"]} == {"0", "2", "9"}
    assert found["unmapped"] == [{"place": "ZFXX/XXX", "count": 1, "example": "新"}]
    assert [one["what"] for one in found["unreadable"]] == ["sub_00000000000000000000001000"]

    written = covered(hub, "city")
    assert written["records"] == {"out": 12}
    lines = {line["place"]: line["gave"] for line in written["lines"]}
    assert lines["subject/sqfxryxm"] == 12
    assert lines["subject/jgdj"] == 0
    assert "subject/jgdj" in {line["place"] for line in written["never"]}

    with hub.database.read() as db:
        assert {table.name: db.execute(select(table)).all() for table in metadata.sorted_tables} == before


def test_a_limit_bounds_what_is_looked_at(hub: Hub) -> None:
    fill(hub, 30)
    send(hub, BUREAU, "city", range(30))
    assert covered(hub, "prison", limit=7)["looked_at"] == 7
    assert covered(hub, "city", limit=7)["looked_at"] == 7


def test_the_command_tells_the_same(hub: Hub, sqlite_url: str, tmp_path: Path) -> None:
    fill(hub, 6, told)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
        "HUB_DATABASE_URL": sqlite_url,
        "HUB_DATA_DIR": str(tmp_path / "data"),
    }
    command = [Path(sys.executable).parent / "hub", "mapping", "coverage", "prison", "--exchange", EXCHANGE]
    ran = subprocess.run(
        [*command, "--traffic", "--json"], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    printed = json.loads(ran.stdout)
    (one,) = printed["exchanges"]
    mine = covered(hub, "prison")
    assert printed["by"] == "traffic"
    assert {key: one[key] for key in ("records", "lines", "codes", "unmapped")} == {
        key: mine[key] for key in ("records", "lines", "codes", "unmapped")
    }
