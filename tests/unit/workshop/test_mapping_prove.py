"""`hub mapping prove`: what it prints, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from click.testing import CliRunner, Result

from hub.cli import cli

MAPPINGS = Path(__file__).parents[3] / "mappings"


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["mapping", "prove", *words, "--records", "20", "--folder", str(folder)])


def with_mistake(tmp_path: Path, old: str, new: str) -> Path:
    home = tmp_path / "mappings"
    shutil.copytree(MAPPINGS, home)
    path = home / "dialects/police/admission.documents.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return home


def test_a_dialect_that_is_proved_is_told_with_its_lines_losses_and_samples() -> None:
    found = run(MAPPINGS, "city", "--json")
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    (city,) = said["dialects"]
    assert (said["ok"], city["dialect"], city["records"], city["samples"]) == (True, "city", 20, 1)
    assert {loss["loses"]["en"] for loss in city["losses"]} >= {"township and village"}
    assert {entry["exchange"]: entry["lines"] for entry in city["exchanges"]}["admission.documents"]["out"] == 22
    for language, verdict in (("zh", "通过"), ("en", "proved")):
        told = run(MAPPINGS, "city", "--lang", language)
        assert told.exit_code == 0
        assert verdict in told.stdout


def test_what_lint_finds_is_told_before_anything_is_tried(tmp_path: Path) -> None:
    found = run(with_mistake(tmp_path, "{from: person.name}", "{from: person.nmae}"), "police")
    assert found.exit_code == 1
    assert "mappings/dialects/police/admission.documents.yaml:" in found.stdout
    assert "[canonical.unknown]" in found.stdout


def test_what_a_sample_finds_ends_with_exit_code_1(tmp_path: Path) -> None:
    home = with_mistake(tmp_path, "{from: correction.to, date", "{from: correction.from, date")
    found = run(home, "police", "--exchange", "admission.documents", "--json")
    assert found.exit_code == 1
    assert [finding["rule"] for finding in json.loads(found.stdout)["dialects"][0]["findings"]] == ["sample.differs"]


def test_a_dialect_or_exchange_that_there_is_not_is_told() -> None:
    assert run(MAPPINGS, "citi").exit_code == 1
    assert run(MAPPINGS, "city", "--exchange", "receipt").exit_code == 1
