"""`hub mapping try`: a message is read and written without a hub, a store or a network, and every field names its line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.cli import cli

ROOT = Path(__file__).parents[3]
PRISON = ROOT / "mappings" / "dialects" / "prison" / "samples"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that is not the one in force."""
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    return Path(shutil.copytree(ROOT / "mappings", tmp_path / "draft"))


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, ["mapping", "try", *map(str, arguments)], catch_exceptions=False)


def tried(*arguments: Any, exit_code: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def line_of(folder: Path, text: str) -> int:
    lines = (folder / "dialects" / "prison" / "admission.parole-handover.yaml").read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def test_a_message_is_read_and_written_for_a_recipient_with_the_line_of_every_field(elsewhere: Path) -> None:
    found = tried("prison", PRISON / "request-JSJZ.xml", "--to", "police.370826", "--folder", elsewhere)
    (item,) = found["read"]["items"]
    assert (found["read"]["exchange"], item["label"], item["faults"]) == ("admission.parole-handover", "周㴔", [])
    name = next(field for field in item["fields"] if field["place"] == "/person/name")
    assert name["given"] == [{"side": "foreign", "place": "/ROOT/ZFXX/XM", "value": "周㴔"}]
    file, _, line = name["line"].rpartition(":")
    assert "person.name" in (elsewhere.parent / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    (written,) = found["written"]
    assert (written["dialect"], written["faults"]) == ("police", [])
    assert "<XM>周㴔</XM>" in written["payload"]
    assert "/parole/test_period/to" in {left["place"] for left in written["not_sent"]}
    assert not (elsewhere.parent / "data").exists()  # it needs no store


def test_a_canonical_record_is_written_in_the_dialect(elsewhere: Path) -> None:
    found = tried("city", PRISON / "canonical.json", "--folder", elsewhere)
    assert found["read"] is None
    assert "<sqfxryxm>周㴔</sqfxryxm>" in found["written"][0]["payload"]


def test_a_change_of_the_draft_is_seen_at_once(elsewhere: Path) -> None:
    mapping = elsewhere / "dialects" / "prison" / "admission.parole-handover.yaml"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text("\n".join(line for line in text.splitlines() if "message.remarks" not in line), encoding="utf-8")
    found = tried("prison", PRISON / "request-JSJZ.xml", "--folder", elsewhere)
    assert set(found["read"]["items"][0]["unmapped"]) == {"ZFXX/BZ"}
    texts = {text["place"]: text["fate"] for text in found["read"]["items"][0]["texts"]}
    assert texts["/ROOT/ZFXX/BZ"] == "unmapped"


def test_what_is_wrong_is_told_with_place_value_and_line(elsewhere: Path, tmp_path: Path) -> None:
    text = (PRISON / "request-JSJZ.xml").read_bytes().decode("gb18030").replace("GB18030", "UTF-8")
    sample = tmp_path / "sample.xml"
    sample.write_text(text.replace("<XBDM>1<", "<XBDM>X<"), encoding="utf-8")
    found = tried("prison", sample, "--folder", elsewhere, "--to", "city", exit_code=1)
    (fault,) = found["read"]["items"][0]["faults"]
    assert (fault["rule"], fault["xpath"], fault["value"]) == ("code.unknown", "/ROOT/ZFXX/XBDM", "X")
    assert fault["source"].endswith(f"admission.parole-handover.yaml:{line_of(elsewhere, 'person.sex:')}")
    assert found["written"] == []
    printed = run("prison", sample, "--folder", elsewhere)
    assert printed.exit_code == 1
    assert "/ROOT/ZFXX/XBDM" in printed.output


def test_the_lines_of_a_mapping_that_is_no_mapping_are_told(elsewhere: Path) -> None:
    mapping = elsewhere / "dialects" / "prison" / "admission.parole-handover.yaml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("date: yyyyMMdd}", "date: Y}", 1), encoding="utf-8")
    result = run("prison", PRISON / "request-JSJZ.xml", "--folder", elsewhere)
    assert result.exit_code == 1
    assert f"admission.parole-handover.yaml:{line_of(elsewhere, 'date: Y}')}" in result.output


def test_it_reads_well_on_a_terminal(elsewhere: Path) -> None:
    printed = run("prison", PRISON / "request-JSJZ.xml", "--to", "bureau.370826", "--lang", "en", "--folder", elsewhere)
    assert printed.exit_code == 0, printed.output
    for said in ("/person/sex", "codes: GB/T 2261.1", "constant", "what the recipient does not get", "→ bureau.370826"):
        assert said in printed.output
