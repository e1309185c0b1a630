"""`hub chart` as an administrator types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from hub.chart.picture import SVG
from hub.cli import cli
from hub.settings import ROOT

EXCHANGES = f"{{{SVG}}}g[@data-exchange]"


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `hub chart` with an empty store of its own."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite:///{tmp_path / 'hub.sqlite'}")
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HUB_SECRETS_DIR", str(tmp_path / "secrets"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["chart", *arguments])

    return run


def drawn(picture: bytes) -> list[str]:
    found = etree.fromstring(picture).iterfind(f".//{EXCHANGES}")
    return [row.get("data-exchange", "") for row in found]


def test_without_anything_the_whole_chart_goes_to_standard_output(typed: Any, tmp_path: Path) -> None:
    said = typed()
    assert said.exit_code == 0, said.output
    assert {"admission.notice", "assessment.report"} <= set(drawn(said.stdout_bytes))
    assert not (tmp_path / "hub.sqlite").exists(), "the chart alone needs no store"


def test_a_part_goes_to_a_file_in_the_language_asked_for(typed: Any, tmp_path: Path) -> None:
    file = tmp_path / "admission.svg"
    said = typed("--phase", "admission", "--lane", "village", "--lang", "en", "--out", str(file))
    assert said.exit_code == 0, said.output
    assert said.output == f"{file}\n"
    assert "admission.registration" in drawn(file.read_bytes())
    assert "Registration and announcement" in file.read_text(encoding="utf-8")
    one = typed("--exchange", "assessment.request")
    assert drawn(one.stdout_bytes) == ["assessment.request", "assessment.report"]


def test_sheets_of_paper_go_to_a_folder(typed: Any, tmp_path: Path) -> None:
    said = typed("--pages", str(tmp_path / "sheets"), "--counts")
    assert said.exit_code == 0, said.output
    files = sorted((tmp_path / "sheets").iterdir())
    assert said.output.split() == [str(file) for file in files]
    assert len(drawn(b"".join(files[0].read_bytes().splitlines()))) > 0
    whole = drawn(typed().stdout_bytes)
    assert [name for file in files for name in drawn(file.read_bytes())] == whole


def test_machines_get_nodes_and_edges_with_counts(typed: Any) -> None:
    found = json.loads(typed("--json", "--counts").stdout)
    edges = {edge["exchange"]: edge for edge in found["edges"]}
    notice = edges["admission.notice"]
    assert (notice["from"], notice["to"]) == (["court", "prison-admin", "police"], ["bureau"])
    assert notice["counts"] == {
        "all": 0,
        "recent": 0,
        "under_way": 0,
        "parked": 0,
        "owed": 0,
        "returned": 0,
        "overdue": 0,
        "provisional": False,
    }
    assert edges["assessment.report"]["answers"] == "assessment.request"
    assert {"court", "bureau"} <= {node["id"] for node in found["nodes"]}
    assert [phase["id"] for phase in found["phases"]][:2] == ["assessment", "decision"]
    assert "counts" not in json.loads(typed("--json").stdout)["edges"][0]


def test_what_the_chart_does_not_have_is_told_in_the_readers_language(typed: Any) -> None:
    said = typed("--phase", "admision", "--lang", "en")
    assert said.exit_code == 1
    assert "the chart has no phase 'admision'; there are: admission" in said.stderr
    assert "流程图没有阶段“admision”" in typed("--phase", "admision").stderr


def test_a_person_about_whom_nothing_was_sent_stands_nowhere(typed: Any) -> None:
    said = typed("--person", "per_nobody", "--lang", "en")
    assert (said.exit_code, said.stderr) == (1, "Error: no transfer is about them\n")


def test_a_file_that_cannot_be_written_is_told(typed: Any, tmp_path: Path) -> None:
    said = typed("--out", str(tmp_path / "none" / "chart.svg"))
    assert said.exit_code == 1
    assert "none/chart.svg" in said.stderr


def test_the_guide_shows_the_options_as_they_are(typed: Any) -> None:
    guide = (ROOT / "docs" / "workflow-chart.md").read_text(encoding="utf-8")
    assert typed("--help").output.strip() in guide


def test_the_guide_shows_the_chart_as_it_is(typed: Any) -> None:
    kept = ROOT / "docs" / "images" / "workflow-admission.svg"
    drawn_now = typed("--phase", "admission", "--lang", "en").stdout_bytes
    assert drawn_now == kept.read_bytes(), (
        "the chart has changed: hub chart --phase admission --lang en --out docs/images/workflow-admission.svg"
    )
