"""What really passed is counted line by line, read-only, in flat memory, from the command line too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from click.testing import CliRunner
from lxml import html
from sqlalchemy import select

from hub import settings
from hub.api.bundle import record_schema
from hub.bootstrap import build
from hub.cli import cli
from hub.console.pages import console
from hub.domain.faults import Refused
from hub.flow import hindsight
from hub.flow.intake import submit_dialect
from hub.flow.parts import Hub
from hub.store.tables import metadata
from hub.workshop.counting import count_traffic
from tests.passed_history import BUREAU, PRISON, fill, handover, refuse, send

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


def test_the_command_tells_the_same(hub: Hub, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(hub, 6, told)
    monkeypatch.setenv("HUB_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    command = ["mapping", "coverage", "prison", "--exchange", EXCHANGE, "--traffic", "--json"]
    ran = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    printed = json.loads(ran.stdout)
    (one,) = printed["exchanges"]
    mine = covered(hub, "prison")
    assert printed["by"] == "traffic"
    assert {key: one[key] for key in ("records", "lines", "codes", "unmapped")} == {
        key: mine[key] for key in ("records", "lines", "codes", "unmapped")
    }


def test_the_console_shows_what_came_that_no_line_names(hub: Hub) -> None:
    fill(hub, 5, told)  # kept years ago
    submit_dialect(hub, PRISON, None, handover(77).replace(b"<BZ>", "<XXX>新</XXX><BZ>".encode()), "text/xml")
    with pytest.raises(Refused):
        submit_dialect(hub, PRISON, None, handover(78).replace(b"<XBDM>1<", b"<XBDM>7<"), "text/xml")
    app = flask.Flask(__name__)
    app.register_blueprint(console(hub))
    shown = html.fromstring(app.test_client().get("/console/mappings/prison/coverage?lang=zh").text)
    cells = {row.xpath("string(th)"): row.xpath("string(td)") for row in shown.xpath("//table[@class='record']//tr")}
    assert cells["ZFXX/XXX"].split() == ["×1", "新"]
    assert cells["7"].strip() == "×1"
    assert "2件" in shown.text_content(), "what came in the last thirty days"
    assert app.test_client().get("/console/mappings/nobody/coverage").status_code == 404
