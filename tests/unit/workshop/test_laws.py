"""The laws tell what a mapping loses, at which line and for which value, in every format of the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.api.bundle import record_schema
from hub.translation import codelists
from hub.workshop.laws import Report, prove
from tests.unit.translation.conftest import agencies_of_the_samples
from tests.unit.translation.dialects import dialect

RECEIPTS = record_schema("receipt")
SCHEMAS = {"toy": {**RECEIPTS, "properties": {**RECEIPTS["properties"], "exchange": {"enum": ["toy"]}}}}
RECEIVES = "receives:\n  submit: {{record: $, key: {key}, exchange: toy}}\nwrites: [toy]\n"
JSON = "dialect: toy\nformat: json\n" + RECEIVES.format(key="serial")
HEAD = "dialect: toy\nexchange: toy\nrecord: $\n"
#: What the record of a receipt cannot be without.
RECEIPT = """  receipt.outcome: {at: outcome, codes: court-reply-outcomes}
  receipt.given_at: {at: given, time: "yyyy-MM-dd HH:mm:ss"}
  receipt.agency: agency
"""


def proved(folder: Path, mapping: str, dialect_yaml: str = JSON, records: int = 150, **more: str) -> Report:
    toy = dialect(folder, {"dialect.yaml": dialect_yaml, "toy.yaml": mapping, **more})
    home = folder / "mappings"
    lists, _ = codelists.load(home / "codelists", "mappings/codelists")
    return prove(toy, home / "dialects/toy", lists, agencies_of_the_samples(), SCHEMAS, records=records)


def lines(*more: str) -> str:
    return HEAD + "lines:\n  message.key: serial\n" + RECEIPT + "".join(f"  {line}\n" for line in more)


def told(report: Report) -> list[tuple[int, str]]:
    return [(finding.line, finding.rule) for finding in report.findings]


CODECS = (
    "person.name: {at: name, name: true}",
    'person.former_names: {at: formerly, list: ";"}',
    "person.birth_date: {at: born, date: yyyy年M月d日}",
    'person.minor: {at: minor, boolean: {"true": [是, Y], "false": [否, N]}}',
    "person.id_number: number",
    "person.sex: {at: sex, codes: GB/T 2261.1, as: word as sent}",
    "person.household: {at: home, address: full}",
    "person.residence.place: {at: lives, place: any}",
    "case.number: {at: case, check: case-number, as_written: case.number_as_written}",
    "sentence.executed.term: {at: term, term: N年N月N日}",
    "sentence.penalties: {each: penalties, lines: {offence: {at: crime, offence: short}, fine: {at: fine, money: 万元}}}",
    "correction.from: {at: from, date: [yyyyMMdd, yyyy-MM-dd]}",
    "documents: {each: files, lines: {title: name, sha256: {at: content, document: base64}}}",
)


def test_every_codec_that_goes_both_ways_keeps_the_laws(tmp_path: Path) -> None:
    report = proved(tmp_path, lines(*CODECS), records=300)
    assert [f"{f.line} {f.en}" for f in report.findings] == []
    (proof,) = report.proofs
    assert (proof.ways, proof.written >= 300, proof.read >= 300) == ("both", True, True)


CSV = "dialect: toy\nformat: csv\ncsv: {columns: [NO, XM, SC, JG, SJ, DW]}\n" + RECEIVES.format(key="row/NO")
ROWS = """dialect: toy
exchange: toy
record: $
split:
  each: row
  lines:
    message.key: NO
    person.name: {at: XM, name: true}
    person.sex: {at: SC, codes: GB/T 2261.1, as: word as sent}
    receipt.outcome: {at: JG, codes: court-reply-outcomes}
    receipt.given_at: {at: SJ, time: "yyyy-MM-dd HH:mm:ss"}
    receipt.agency: DW
"""


def test_a_dialect_of_csv_keeps_the_laws(tmp_path: Path) -> None:
    report = proved(tmp_path, ROWS, CSV)
    assert [f"{f.line} {f.en}" for f in report.findings] == []
    assert report.proofs[0].read >= 150


def test_what_is_lost_is_told_at_its_line_with_the_smallest_example_and_how_often(tmp_path: Path) -> None:
    report = proved(tmp_path, lines("person.residence.place: {at: lives, place: 6}"))
    assert told(report) == [(9, "round-trip.canonical"), (9, "round-trip.foreign")]
    (one, _) = report.differences
    assert (one.file, one.canonical, one.foreign) == (
        "mappings/dialects/toy/toy.yaml",
        "person.residence.place",
        "lives",
    )
    assert str(one.before).startswith(str(one.after))
    assert len(str(one.after)) == 6
    assert one.count > 10
    assert not report.ok


@pytest.mark.parametrize(
    "declared",
    [
        "  person.residence.place: {at: lives, place: 6, loses: 乡镇}\n",
        "  person.residence.place: {at: lives, place: 6}\nloses:\n  person.residence.place: {zh: 乡镇, en: township}\n",
    ],
)
def test_what_is_declared_is_counted_and_blames_nobody(tmp_path: Path, declared: str) -> None:
    report = proved(tmp_path, lines() + declared)
    assert report.ok
    assert {(loss.line, loss.loss.zh if loss.loss else "") for loss in report.losses} == {(9, "乡镇")}
    assert report.as_dict()["losses"][0]["loses"]["zh"] == "乡镇"


def test_a_loss_that_never_happens_is_a_warning(tmp_path: Path) -> None:
    report = proved(tmp_path, lines("person.residence.place: {at: lives, place: any, loses: 乡镇}"))
    assert report.ok
    assert [(warning.line, warning.rule) for warning in report.warnings] == [(9, "loses.never")]


def test_a_line_that_never_speaks_is_told(tmp_path: Path) -> None:
    silent = (
        HEAD
        + "lines:\n  message.key: serial\n"
        + RECEIPT
        + (
            "only:\n  in:\n    message.remarks: {value: 急, when: \"foreign.urgent == 'never such'&& foreign.serial == ''\"}\n"
        )
    )
    assert told(proved(tmp_path, silent)) == [(11, "line.silent")]


def test_a_field_that_is_read_and_never_written_is_told(tmp_path: Path) -> None:
    report = proved(tmp_path, lines() + "only:\n  in:\n    message.remarks: note\n")
    assert told(report) == [(11, "round-trip.foreign")]


def test_a_record_that_was_read_must_fit_the_exchanges_schema(tmp_path: Path) -> None:
    wrong = lines("person.minor: minor", "case.decided_on: {at: decided, date: yyyyMMdd}")
    assert (9, "record.invalid") in told(proved(tmp_path, wrong))


def test_where_most_records_are_turned_away_nothing_is_proved(tmp_path: Path) -> None:
    report = proved(tmp_path, lines() + "only:\n  out:\n    never: {fault: {rule: never, zh: 从不, en: never}}\n")
    assert "laws.refused" in {rule for _, rule in told(report)}


def test_a_sample_tells_what_is_wrong_in_the_same_way_both_ways(tmp_path: Path) -> None:
    swapped = lines("correction.from: {at: last, date: yyyyMMdd}", "correction.to: {at: first, date: yyyyMMdd}")
    assert proved(tmp_path, swapped).ok
    folder = tmp_path / "mappings/dialects/toy"
    (folder / "expected").mkdir()
    (folder / "expected/index.yaml").write_text(
        "reads:\n  expected/one.json: {sender: court.370826, records: [expected/one.record.json]}\n", encoding="utf-8"
    )
    (folder / "expected/one.json").write_text(
        '{"serial": "1", "outcome": "回执", "given": "2021-03-12 09:30:00", "agency": "bureau.370826",'
        ' "first": "20210312", "last": "20210711"}',
        encoding="utf-8",
    )
    (folder / "expected/one.record.json").write_text(
        '{"exchange": "toy", "message": {"key": "1"}, "unmapped": {}, "receipt": {"outcome": "accepted",'
        ' "given_at": "2021-03-12T09:30:00+08:00", "agency": "bureau.370826"},'
        ' "correction": {"from": "2021-03-12", "to": "2021-07-11"}}',
        encoding="utf-8",
    )
    report = proved(tmp_path, swapped)
    assert told(report) == [(9, "sample.differs"), (10, "sample.differs")]
    assert report.samples == 1
    assert report.unseen == []


def test_the_same_seed_proves_the_same(tmp_path: Path) -> None:
    def run() -> dict[str, Any]:
        return proved(tmp_path, lines("person.residence.place: {at: lives, place: 6}"), records=60).as_dict()

    assert run() == run()
