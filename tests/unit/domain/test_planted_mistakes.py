"""`hub check` names file and line of each mistake that an administrator can make in the chart and the agencies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub import configuration
from hub.configuration import secrets_in
from hub.findings import ConfigErrors, Finding, read_yaml
from hub.settings import ROOT


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """A copy of `mappings/` in which mistakes are planted."""
    return Path(shutil.copytree(ROOT / "mappings", tmp_path / "mappings"))


def plant(mappings: Path, file: str, old: str, new: str) -> int:
    """Put a mistake in place of the first `old`; the line on which it stands."""
    path = mappings / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r} any more"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1 + new[: len(new) - len(new.lstrip("\n"))].count("\n")


def found(mappings: Path) -> list[Finding]:
    return configuration.read(mappings)[1]


def test_the_configuration_that_comes_with_the_hub_has_no_mistake() -> None:
    assert configuration.read(ROOT / "mappings")[1] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        # agencies
        ("agencies/bureau.370828.yaml", "id: bureau.370828", "id: bureau.370899", "place.unknown"),
        ("agencies/bureau.370828.yaml", "id: bureau.370828", "id: bureau.370828108", "agency.place"),
        ("agencies/office.370826108.yaml", "id: office.370826108", "id: office.370826", "agency.place"),
        ("agencies/bureau.370828.yaml", "id: bureau.370828", "id: burau.370828", "kind.unknown"),
        ("agencies/bureau.370828.yaml", "id: bureau.370828", "id: bureau-370828", "agency.shape"),
        ("agencies/police.370828.yaml", "id: police.370828", "id: police.370826", "agency.duplicate"),
        ("agencies/station.370826108.yaml", "parent: police.370826", "parent: police.370899", "agency.parent"),
        ("agencies/court.370826.yaml", "speaks: court", "speaks: cuort", "dialect.unknown"),
        ("agencies/bureau.370828.yaml", "zh: 金乡县司法局", "zh: 金乡县司法局\nzh: 金乡县司法局", "yaml.syntax"),
        ("agencies/bureau.370828.yaml", "zh: 金乡县司法局", "zh: [金乡县司法局", "yaml.syntax"),
        ("agencies/bureau.370828.yaml", "zh: 金乡县司法局", "zh: 金乡县\x07司法局", "yaml.syntax"),
        ("agencies/bureau.370828.yaml", "zh: 金乡县司法局", "zhh: 金乡县司法局", "agency.shape"),
        (
            "agencies/bureau.370828.yaml",
            'url: "http://127.0.0.1:18085/webhook"',
            'url: "127.0.0.1:18085"',
            "agency.shape",
        ),
        (
            "agencies/bureau.370828.yaml",
            "  - {transport: rest,",
            "  - {exchanges: [admission.notce], transport: rest,",
            "exchange.unknown",
        ),
        ("agencies/bureau.370828.yaml", "  - {transport: rest,", "  - {transport: soap,", "reach.dialect"),
        # secrets
        ("agencies/bureau.370828.yaml", "zh: 金乡县司法局", "password: abc\nzh: 金乡县司法局", "secret.in-file"),
        (
            "agencies/bureau.370828.yaml",
            "  - {transport: rest,",
            "  - {options: {secret: 123456}, transport: rest,",
            "secret.in-file",
        ),
        ("agencies/bureau.370828.yaml", "http://127.0.0.1:18085", "http://hub:pass@127.0.0.1:18085", "secret.in-file"),
        # the chart
        ("workflow/admission.yaml", "unit: workday,", "unit: workdays,", "clock.unit"),
        (
            "workflow/admission.yaml",
            "within: 10, unit: day, start: decision-effective, stop: sent",
            "within: 0, unit: day, start: decision-effective, stop: sent",
            "workflow.exchange",
        ),
        ("workflow/admission.yaml", "on: recorded\n", "on: recieved\n", "exchange.unknown"),
        (
            "workflow/admission.yaml",
            "counterpart: admission.exit-ban-lift",
            "counterpart: admission.exit-ban-left",
            "exchange.unknown",
        ),
        ("workflow/admission.yaml", "otherwise: refuse", "otherwise: forbid", "workflow.exchange"),
        (
            "workflow/admission.yaml",
            "{at: correction.category, among: [parole]",
            "{at: correction.category, same_county: [decision, execution], among: [parole]",
            "workflow.exchange",
        ),
        ("workflow/supervision.yaml", "on: admission.report-in", "on: admission.no-show", "moves.unmoved"),
        ("workflow/supervision.yaml", "rules: [measures-2012]}", "rules: [measures-2021]}", "rules.unknown"),
        ("workflow/supervision.yaml", "decides: city-bureau", "decides: city-bureua", "role.unknown"),
        ("workflow/supervision.yaml", "escalates: parent", "escalates: parents", "role.unknown"),
        (
            "workflow/supervision.yaml",
            "{every: 3, unit: month}",
            "{every: 3, within: 3, unit: month}",
            "workflow.exchange",
        ),
        (
            "workflow/supervision.yaml",
            "same_county: [execution, new-place]",
            "same_county: [execution, new-palce]",
            "place.unknown",
        ),
        (
            "workflow/discharge.yaml",
            "pending: [sanction.revoke-probation",
            "pending: [sanction.revoke-probatoin",
            "exchange.unknown",
        ),
        ("workflow/discharge.yaml", "taken_over: [prison", "taken_over: [prisn", "kind.unknown"),
        ("workflow/discharge.yaml", "to: nobody", "to: execution", "workflow.exchange"),
        ("workflow/roles.yaml", "city-bureau: {above: execution,", "city-bureau: {above: city-bureau,", "role.circle"),
        (
            "workflow/roles.yaml",
            "members: [execution, office@residence",
            "members: [exceution, office@residence",
            "role.unknown",
        ),
        ("workflow/admission.yaml", "role: police@execution", "role: polcie@execution", "role.unknown"),
        ("workflow/admission.yaml", "role: police@execution", "role: police@excution", "place.unknown"),
        (
            "workflow/admission.yaml",
            "same_county: [decision, execution]",
            "same_county: [decison, execution]",
            "place.unknown",
        ),
        (
            "workflow/admission.yaml",
            "from: [court, prison-admin, police]",
            "from: [court, prison-admn, police]",
            "kind.unknown",
        ),
        ("workflow/admission.yaml", "reply: receipt", "reply: reciept", "exchange.unknown"),
        ("workflow/admission.yaml", "  admission.escort:", "  admission.notice:", "yaml.syntax"),
        ("workflow/roles.yaml", "  residence: {paths: [person.residence.place]}", "  residence: {}", "place.empty"),
        ("workflow/admission.yaml", "rules: law-2020", "rules: law-2O20", "clock.rules"),
        ("workflow/admission.yaml", "start: decision-effective", "start: decision-efective", "clock.start"),
        ("workflow/admission.yaml", "stop: handed-over", "stop: handed-ower", "clock.stop"),
        ("workflow/terms.yaml", "from: 2012-03-01", "from: 2012-02-30", "workflow.rules"),
        ("workflow/terms.yaml", "seen: accepted", "seen: acepted", "workflow.event"),
        ("workflow/phases.yaml", "en: Discharge", "eng: Discharge", "workflow.phase"),
        ("workflow/roles.yaml", "{agency_of: decision}", "{agency_of: decisoin}", "role.unknown"),
        ("workflow/roles.yaml", "{agency_of: decision}", "{agency_of: execution}", "role.unknown"),
        ("workflow/roles.yaml", "level: township}\n  bureau:", "level: town}\n  bureau:", "workflow.kind"),
    ],
)
def test_a_planted_mistake_is_found_with_its_file_and_line(
    mappings: Path, file: str, old: str, new: str, rule: str
) -> None:
    line = plant(mappings, file, old, new)
    mistakes = found(mappings)
    fitting = [finding for finding in mistakes if finding.rule == rule and finding.file == f"mappings/{file}"]
    assert fitting, mistakes
    near = {line, line + new.count("\n")} if rule == "yaml.syntax" else {line}
    assert {finding.line for finding in fitting} & (near | {line + 1} if "syntax" in rule else near), (line, fitting)
    assert all(finding.zh and finding.en for finding in mistakes)
    with pytest.raises(ConfigErrors) as refused:
        configuration.load(mappings)
    assert set(fitting) <= set(refused.value.findings)


def test_a_role_that_no_agency_fills_any_more_is_found_where_it_is_used(mappings: Path) -> None:
    (mappings / "agencies" / "education.370826.yaml").unlink()
    fitting = [finding for finding in found(mappings) if finding.rule == "role.unfillable"]
    lines = (ROOT / "mappings" / "workflow" / "assistance.yaml").read_text(encoding="utf-8").splitlines()
    assert [lines[finding.line - 1].strip() for finding in fitting] == ["to: [education@residence]"]


def test_a_file_that_is_named_by_no_phase_is_found(mappings: Path) -> None:
    plant(mappings, "workflow/phases.yaml", "  oversight:   {", "  oversigth:   {")
    unphased = [finding for finding in found(mappings) if finding.rule == "phase.unknown"]
    assert {finding.file for finding in unphased} == {"mappings/workflow/oversight.yaml"}
    assert len(unphased) == 4


def test_a_word_that_stands_in_two_files_is_found(mappings: Path) -> None:
    (mappings / "workflow" / "zz.yaml").write_text(
        "roles:\n  sender: {candidates: [sender]}\nexchanges:\n  receipt: {}\n", encoding="utf-8"
    )
    assert {(finding.rule, finding.line) for finding in found(mappings)} == {
        ("workflow.duplicate", 2),
        ("exchange.duplicate", 4),
    }


def test_a_file_in_another_encoding_is_found(mappings: Path) -> None:
    (mappings / "agencies" / "x.yaml").write_bytes("zh: 微山县".encode("gb18030"))
    assert ("mappings/agencies/x.yaml", "yaml.encoding") in {
        (finding.file, finding.rule) for finding in found(mappings)
    }


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    assert [finding.rule for finding in found(tmp_path)] == ["config.missing"]


def test_all_mistakes_are_found_in_one_pass(mappings: Path) -> None:
    plant(mappings, "agencies/bureau.370828.yaml", "id: bureau.370828", "id: bureau.370899")
    plant(mappings, "workflow/admission.yaml", "unit: workday,", "unit: workdays,")
    plant(mappings, "workflow/roles.yaml", "{agency_of: decision}", "{agency_of: decisoin}")
    assert {"place.unknown", "clock.unit", "role.unknown"} <= {finding.rule for finding in found(mappings)}


def test_the_name_of_a_place_that_carries_a_password_is_no_secret() -> None:
    assert secrets_in({"soap": {"credentials": {"password": "yhmm"}}}, "x") == []


def test_a_code_keeps_its_leading_zeros_and_words_stay_words(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "011: 010\non: no\nday: 2021-03-12\ntrue: true\nnumber: 10\ntime: 1:30\n", encoding="utf-8"
    )
    read, wrong = read_yaml(tmp_path / "x.yaml", "x.yaml")
    assert wrong == []
    assert read == {"011": "010", "on": "no", "day": "2021-03-12", "True": True, "number": 10, "time": "1:30"}
