"""`hub check` finds each mistake that an administrator makes in a copy of the configuration: the file, the line, and what
would be right; nothing else is said."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.county import copy_of_mappings, run_hub


@dataclass(frozen=True)
class Mistake:
    """What is done to the copy, and everything that must be found: rule, file, the text of the line, a word of the message."""

    plant: Callable[[Path], object]
    found: tuple[tuple[str, str, str, str], ...]


def _edit(file: str, old: str, new: str) -> Callable[[Path], object]:
    def plant(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file}: {old!r} stands there {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return plant


def _new(file: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_text(text, encoding="utf-8")


def _gone(file: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).unlink()


PRISON = "dialects/prison/admission.parole-handover.yaml"
POLICE = "dialects/police/admission.documents.yaml"
SUPPLEMENT = "{rules: law-2020, within: 5, unit: day, start: decision-effective, stop: sent}"
MISTAKES = {
    "unknown code list": Mistake(
        _edit(PRISON, "codes: GB/T 3304}", "codes: GB/T 3305}"),
        (("codelist.unknown", PRISON, "codes: GB/T 3305}", "GB/T 3305"),),
    ),
    "unknown code list on the way out": Mistake(
        _edit(POLICE, "codes: GB/T 3304}", "codes: GB/T 3305}"),
        (("codelist.unknown", POLICE, "codes: GB/T 3305}", "GB/T 3305"),),
    ),
    "canonical place that the schema lacks": Mistake(
        _edit(PRISON, "  person.household.text: ", "  person.household.street: "),
        (("canonical.unknown", PRISON, "person.household.street", "household"),),
    ),
    "one canonical place mapped twice": Mistake(
        _edit(PRISON, "  health.infectious:", "  person.name:                       ZFXX/CYM\n  health.infectious:"),
        (("yaml.syntax", PRISON, "  person.name:                       ZFXX/CYM", "person.name"),),
    ),
    "one canonical place mapped twice, both ways and one way": Mistake(
        _edit(
            PRISON,
            "    correction.category:               {value: parole}",
            '    correction.category:               {value: parole}\n    person.sex:                        {value: "1"}',
        ),
        (("canonical.twice", PRISON, "  person.sex:                          {at: ZFXX/XBDM", "person.sex"),),
    ),
    "required place not covered": Mistake(
        _edit(PRISON, "  person.sex:                          {at: ZFXX/XBDM, codes: GB/T 2261.1}\n", ""),
        (("required.unmapped", PRISON, "required: [message.key", "person.sex"),),
    ),
    "element that the WSDL requires not covered": Mistake(
        _edit(POLICE, '    RYXX/GMSFHM:                       {from: person.id_number, check: "GB 11643, 18"}\n', ""),
        (("foreign.not-covered", POLICE, "RYXX/XM:", "RYXX/GMSFHM"),),
    ),
    "agency whose place is unknown": Mistake(
        _new(
            "agencies/bureau.370899.yaml",
            "# 新单位\nid: bureau.370899\nzh: 某县司法局\nen: Some County Judicial Bureau\nreach:\n  - {transport: inbox}\n",
        ),
        (("place.unknown", "agencies/bureau.370899.yaml", "id: bureau.370899", "370899"),),
    ),
    "role that no agency can fill": Mistake(
        _gone("agencies/education.370826.yaml"),
        (("role.unfillable", "workflow/assistance.yaml", "to: [education@residence]", "education@residence"),),
    ),
    "dialect without its WSDL": Mistake(
        _gone("dialects/police/PoliceExchange.wsdl"),
        (
            ("wsdl.missing", "dialects/police/dialect.yaml", "wsdl: PoliceExchange.wsdl", "PoliceExchange.wsdl"),
            ("wsdl.missing", "dialects/police/transport.yaml", "wsdl: PoliceExchange.wsdl", "PoliceExchange.wsdl"),
        ),
    ),
    "operation not in the WSDL": Mistake(
        _edit(POLICE, "operation: tsRyxx\n", "operation: tsRyxxx\n"),
        (("operation.unknown", POLICE, "operation: tsRyxxx", "it has tsRyxx"),),
    ),
    "clock with an unknown unit": Mistake(
        _edit("workflow/admission.yaml", SUPPLEMENT, SUPPLEMENT.replace("day", "fortnight")),
        (("clock.unit", "workflow/admission.yaml", "unit: fortnight", "day, workday, hour, month"),),
    ),
    "YAML error in the phases of the chart": Mistake(
        _edit("workflow/phases.yaml", "  oversight:   {", "\toversight:   {"),
        (("yaml.syntax", "workflow/phases.yaml", "\toversight:", ""),),
    ),
    "YAML error in the rule sets and events": Mistake(
        _edit("workflow/terms.yaml", "  measure:            {", "\tmeasure:            {"),
        (("yaml.syntax", "workflow/terms.yaml", "\tmeasure:", ""),),
    ),
    "event that no clock can run from": Mistake(
        _edit("workflow/supervision.yaml", "start: measure,", "start: measured,"),
        (("clock.start", "workflow/supervision.yaml", "start: measured,", "measure"),),
    ),
    "reply that is no exchange": Mistake(
        _edit("workflow/sanction.yaml", "reply: sanction.arrest.decision", "reply: sanction.arrest.decison"),
        (("exchange.unknown", "workflow/sanction.yaml", "sanction.arrest.decison", "sanction.arrest.decison"),),
    ),
    "responsibility that ends with somebody": Mistake(
        _edit(
            "workflow/discharge.yaml",
            "event: {zh: 登记死亡, en: the death is recorded}\n        expected: [execution]\n        to: nobody",
            "event: {zh: 登记死亡, en: the death is recorded}\n        expected: [execution]\n        to: execution",
        ),
        (("workflow.exchange", "workflow/discharge.yaml", "        to: execution", "nobody"),),
    ),
    "condition on a place that the record lacks": Mistake(
        _edit("workflow/assistance.yaml", "at: person.minor,", "at: person.minors,"),
        (("canonical.unknown", "workflow/assistance.yaml", "person.minors", "person.minors"),),
    ),
    "YAML error in a code list": Mistake(
        _edit("codelists/penalty-kinds.yaml", "  拘役: 拘役\n", "  拘役: [拘役\n"),
        (("yaml.syntax", "codelists/penalty-kinds.yaml", "  有期徒刑: 有期徒刑", "expected"),),
    ),
    "YAML error in an agency": Mistake(
        _edit("agencies/police.370826.yaml", "zh: 微山县公安局\n", "zh: 微山县公安局: 新\n"),
        (("yaml.syntax", "agencies/police.370826.yaml", "zh: 微山县公安局: 新", "mapping"),),
    ),
    "YAML error in a mapping": Mistake(
        _edit(POLICE, "record: TsRyxxQq\n", "\trecord: TsRyxxQq\n"),
        (("yaml.syntax", POLICE, "\trecord: TsRyxxQq", ""),),
    ),
    "duplicate agency id": Mistake(
        _new(
            "agencies/zz.yaml",
            "zh: 又一个司法局\nen: Another bureau\nid: bureau.370826\nreach:\n  - {transport: inbox}\n",
        ),
        (("agency.duplicate", "agencies/zz.yaml", "id: bureau.370826", "agencies/bureau.370826.yaml:"),),
    ),
    "secret in an agency's file": Mistake(
        _edit("agencies/police.370826.yaml", "user: sfj370826}", "user: sfj370826,\n     password: geheim123}"),
        (("secret.in-file", "agencies/police.370826.yaml", "password: geheim123", "hub agency set"),),
    ),
    "secret in a dialect's file": Mistake(
        _edit("dialects/police/transport.yaml", "soap:\n", "# 口令\nsoap:\n  password: geheim123\n"),
        (("secret.in-file", "dialects/police/transport.yaml", "password: geheim123", "hub agency set"),),
    ),
}


def _check(folder: Path, *more: str) -> tuple[int, Any]:
    done = run_hub(
        "check",
        str(folder),
        "--json",
        *more,
        env={name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _line_of(path: Path, text: str) -> int:
    """Where a line stands, counted from 1."""
    lines = [number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line]
    assert len(lines) >= 1, text
    return lines[-1]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_found_at_its_file_and_line(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    folder = copy_of_mappings(tmp_path)
    mistake.plant(folder)
    code, said = _check(folder)
    assert code == 1
    assert said["folder"] == "mappings"
    expected = [
        (rule, f"mappings/{file}", _line_of(folder / file, text) if text else None)
        for rule, file, text, _ in mistake.found
    ]
    found = [
        (one["rule"], one["file"], one["line"] if expected[n][2] is not None else None)
        for n, one in enumerate(said["findings"][: len(expected)])
    ]
    assert found == expected, said
    assert len(said["findings"]) == len(expected), said["findings"]
    for one, (*_, word) in zip(said["findings"], mistake.found, strict=True):
        assert word in one["en"] or word in one["zh"], one
        assert one["zh"] != one["en"], "both languages say it"


def test_a_sound_folder_has_no_findings(tmp_path: Path) -> None:
    assert _check(copy_of_mappings(tmp_path)) == (0, {"folder": "mappings", "findings": []})


def test_several_mistakes_are_all_found_in_one_go(tmp_path: Path) -> None:
    folder = copy_of_mappings(tmp_path)
    planted = (
        "unknown code list",
        "agency whose place is unknown",
        "clock with an unknown unit",
        "duplicate agency id",
    )
    for name in planted:
        MISTAKES[name].plant(folder)
    _, said = _check(folder)
    assert {(one["rule"], one["file"]) for one in said["findings"]} == {
        (rule, f"mappings/{file}") for name in planted for rule, file, *_ in MISTAKES[name].found
    }


def test_in_words_it_is_told_with_file_and_line_in_both_languages(tmp_path: Path) -> None:
    folder = copy_of_mappings(tmp_path)
    MISTAKES["duplicate agency id"].plant(folder)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    chinese, english = (run_hub("check", str(folder), "--lang", language, env=env) for language in ("zh", "en"))
    assert (chinese.returncode, english.returncode) == (1, 1)
    assert chinese.stdout.startswith("mappings/agencies/zz.yaml:3: [agency.duplicate] 单位编号“bureau.370826”重复")
    assert english.stdout.startswith(
        "mappings/agencies/zz.yaml:3: [agency.duplicate] agency id 'bureau.370826' is used twice"
    )
    assert "1 findings" in english.stdout or "1 finding" in english.stdout


def test_a_hub_does_not_start_on_a_configuration_with_a_mistake(tmp_path: Path) -> None:
    folder = copy_of_mappings(tmp_path)
    MISTAKES["unknown code list"].plant(folder)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    done = run_hub("agency", "list", env={**env, "HUB_CONFIG_DIR": str(folder), "HUB_DATA_DIR": str(tmp_path / "var")})
    assert done.returncode == 1
    assert f"mappings/{PRISON}:" in done.stderr
    assert "Traceback" not in done.stderr
