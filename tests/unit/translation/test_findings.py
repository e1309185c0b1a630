"""Every mistake in a dialect's files is found with its file and line, and hides no other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from hub.domain.agencies import Agencies, Agency, Reach
from hub.translation import ConfigErrors, Finding, check, load
from tests.unit.translation.conftest import MAPPINGS

PRISON, COURT, CITY, POLICE = (f"dialects/{name}" for name in ("prison", "court", "city", "police"))
HANDOVER, NOTICE = f"{PRISON}/admission.parole-handover.yaml", f"{COURT}/admission.documents.yaml"
SUBMIT, COPY = f"{CITY}/admission.documents.yaml", f"{POLICE}/admission.documents.yaml"

NAME = "  person.name:                         ZFXX/XM\n"
SEX = "  person.sex:                          {at: ZFXX/XBDM, codes: GB/T 2261.1}\n"

#: rule, file, text that is replaced, replacement, the text on whose line the finding stands
PLANTED: list[tuple[str, str, str, str, str]] = [
    ("yaml.syntax", HANDOVER, NAME, "  person.name: [ZFXX/XM\n", "person.former_names:"),
    ("yaml.syntax", HANDOVER, NAME, NAME + "  person.name:   ZFXX/XM2\n", "ZFXX/XM2"),
    ("codelist.unknown", HANDOVER, SEX, SEX.replace("2261.1", "2261.7"), "GB/T 2261.7"),
    ("codelist.unknown", f"{PRISON}/dialect.yaml", "codes: prison-units", "codes: prison-unit", "codes: prison-unit"),
    (
        "canonical.twice",
        HANDOVER,
        "    correction.category:   ",
        "    person.name: {value: x}\n    correction.category:   ",
        "person.name:        ",
    ),
    ("clause.key", HANDOVER, SEX, SEX.replace("codes:", "coding:"), "coding:"),
    ("clause.key", HANDOVER, SEX, SEX.replace("codes: GB/T 2261.1", "roman: true"), "roman:"),
    ("codec.form", HANDOVER, "date: yyyyMMdd", "date: dd.MM", "dd.MM"),
    ("codec.form", HANDOVER, "term: YYMMDD", "term: DDMMYY", "DDMMYY"),
    ("codec.several", HANDOVER, SEX, SEX.replace("codes:", "date: yyyyMMdd, codes:"), "XBDM"),
    ("clause.source", HANDOVER, SEX, SEX.replace("at: ZFXX/XBDM, ", ""), "person.sex:"),
    ("clause.source", HANDOVER, "{value: JSJZ}", "{value: JSJZ, from: message.key}", "HEAD/YWLX:"),
    ("clause.derive", NOTICE, "derive: last day", "derive: first day", "correction.to:"),
    ("expression.bad", NOTICE, '"has(record.case.co_defendants)"', '"has(record.case"', '"has(record.case"'),
    ("expression.bad", NOTICE, '"has(record.case.co_defendants)"', '"size(persons) > 0"', "size(persons)"),
    ("mapping.key", HANDOVER, "label: ZFXX/XM", "lable: ZFXX/XM", "lable:"),
    (
        "mapping.name",
        HANDOVER,
        "exchange: admission.parole-handover",
        "exchange: admission.parole",
        "exchange: admission.parole\n",
    ),
    ("mapping.like", f"{CITY}/admission.notice.yaml", "like: admission.documents", "like: admission.papers", "like:"),
    ("required.unmapped", HANDOVER, "required: [message.key,", "required: [message.key, person.phone,", "required:"),
    ("wsdl.missing", f"{COURT}/dialect.yaml", "wsdl: CourtCaseService.wsdl", "wsdl: Court.wsdl", "wsdl:"),
    ("operation.unknown", f"{COURT}/dialect.yaml", "  SubmitExecution:", "  SubmitExecutions:", "SubmitExecutions:"),
    ("operation.unknown", SUBMIT, "operation: submit", "operation: send", "operation:"),
    ("operation.unknown", f"{PRISON}/receipt.yaml", "operation: sendData", "operation: receiveData", "operation:"),
    ("foreign.unknown", NOTICE, "Remark\n", "Remarks\n", "message.remarks:"),
    (
        "foreign.unknown",
        NOTICE,
        "    person.household.place:            {at: Domicile/@code",
        "    person.household.place:            {at: Domicile/@kind",
        "Domicile/@kind",
    ),
    ("foreign.unknown", SUBMIT, "subject/xb:  ", "subject/sex: ", "subject/sex:"),
    ("foreign.unknown", f"{COURT}/dialect.yaml", "key: execution/NoticeId", "key: execution/Id", "key:"),
    (
        "foreign.unknown",
        f"{COURT}/answers.yaml",
        "SubmitExecutionResult/ReceiptNo",
        "SubmitExecutionResult/Receipt",
        "SubmitExecutionResult/Receipt",
    ),
    (
        "foreign.not-covered",
        SUBMIT,
        "    subject/csny:                      {from: person.birth_date, date: yyyy-MM-dd}\n",
        "",
        "subject/sqfxryxm:",
    ),
    ("foreign.not-covered", COPY, '          "@mc":                       {from: ., file_name: true}\n', "", "    FJ:"),
    (
        "foreign.twice",
        SUBMIT,
        "    subject/jzqr:  ",
        "    subject/xb/.:                      {from: person.name}\n    subject/jzqr:  ",
        "subject/xb/.:",
    ),
    (
        "foreign.not-text",
        SUBMIT,
        "    subject/jzqr:  ",
        "    subject:                           {from: person.name}\n    subject/jzqr:  ",
        "    subject:   ",
    ),
    (
        "codec.write-only",
        NOTICE,
        "{at: Residence/@code, place: any}",
        "{at: Residence/@code, place: [6, 3]}",
        "place: [6, 3]",
    ),
    ("dialect.exchange", f"{PRISON}/dialect.yaml", "ZYJW: admission.escort", "ZYJW: admission.escorted", "ZYJW:"),
    (
        "dialect.writes",
        f"{PRISON}/dialect.yaml",
        "writes: [receipt]",
        "writes: [receipt, admission.registration]",
        "writes:",
    ),
    ("dialect.policy", f"{PRISON}/dialect.yaml", "policy: refused", "policy: ignored", "policy:"),
    ("dialect.key", f"{PRISON}/dialect.yaml", "own_sender:", "sender_own:", "sender_own:"),
    ("answers.missing", f"{PRISON}/answers.yaml", "\nsendData:", "\nreceiveData:", ""),
    ("codelist.clash", "codelists/prison-document-kinds.yaml", '"02": 判决书', '"02": 裁定书', '"02"'),
    ("codelist.clash", "codelists/gbt2261.1.yaml", '"2": [女, 女性]', '"2": [女, 男]', '"2"'),
    ("codelist.also-read", "codelists/penalty-kinds.yaml", "死刑缓期执行: 死缓", "死刑缓期执行: 缓死", "死刑缓期执行"),
    ("codelist.key", "codelists/penalty-kinds.yaml", "zh: 刑种", "chinese: 刑种", "chinese:"),
    ("codelist.duplicate", "codelists/penalty-kinds.yaml", "name: penalty-kinds", "name: court-names", "name:"),
    ("codelist.shape", "codelists/penalty-kinds.yaml", "name: penalty-kinds\n", "", ""),
]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the product's own configuration, to plant mistakes in."""
    for part in ("dialects", "codelists"):
        shutil.copytree(MAPPINGS / part, tmp_path / "mappings" / part)
    return tmp_path / "mappings"


def plant(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(folder: Path, file: str, shown: str) -> int:
    lines = (folder / file).read_text(encoding="utf-8").splitlines(keepends=True)
    return next(n for n, line in enumerate(lines, 1) if shown in line)


def found(folder: Path, agencies: Agencies, schemas: dict[str, Any] | None = None) -> list[Finding]:
    return check(folder, agencies, schemas or {})


def test_the_products_own_dialects_have_no_findings(agencies: Agencies) -> None:
    assert check(MAPPINGS, agencies, {}) == []


@pytest.mark.parametrize(
    ("rule", "file", "old", "new", "shown"), PLANTED, ids=[f"{row[0]}-{n}" for n, row in enumerate(PLANTED)]
)
def test_a_planted_mistake_is_found_with_file_and_line(
    copied: Path, agencies: Agencies, rule: str, file: str, old: str, new: str, shown: str
) -> None:
    plant(copied, file, old, new)
    findings = found(copied, agencies)
    mine = [finding for finding in findings if finding.rule == rule]
    assert mine, f"only {[(f.rule, f.file, f.line) for f in findings]}"
    assert all(finding.zh and finding.en for finding in findings)
    if shown:
        assert (f"mappings/{file}", line_of(copied, file, shown)) in {(finding.file, finding.line) for finding in mine}
    with pytest.raises(ConfigErrors) as caught:
        load(copied, agencies)
    assert set(caught.value.findings) == set(findings)


def test_one_broken_file_hides_no_other(copied: Path, agencies: Agencies) -> None:
    for file, old, new in (
        (HANDOVER, NAME, "  person.name: [ZFXX/XM\n"),
        (SUBMIT, "subject/xb:  ", "subject/sex: "),
        ("codelists/gbt2261.1.yaml", '"2": [女, 女性]', '"2": [女, 男]'),
        (f"{POLICE}/dialect.yaml", "wsdl: Pol", "wsdl: Op"),
    ):
        plant(copied, file, old, new)
    assert {"yaml.syntax", "foreign.unknown", "codelist.clash", "wsdl.missing"} <= {
        finding.rule for finding in found(copied, agencies)
    }


def test_a_broken_wsdl_and_a_missing_dialect_file_are_found(copied: Path, agencies: Agencies) -> None:
    (copied / COURT / "CourtCaseService.wsdl").write_text("<wsdl:definitions", encoding="utf-8")
    (copied / "dialects/new").mkdir()
    rules = {(finding.rule, finding.file) for finding in found(copied, agencies)}
    assert ("wsdl.malformed", "mappings/dialects/court/CourtCaseService.wsdl") in rules
    assert ("dialect.missing", "mappings/dialects/new/dialect.yaml") in rules


def test_an_agency_that_expects_what_its_dialect_does_not_do_is_found() -> None:
    bureau = Agency(
        "bureau.370826",
        "bureau",
        "370826",
        "微山县司法局",
        speaks="city",
        source="mappings/agencies/bureau.370826.yaml:3",
        reach=(
            Reach("soap", "city", exchanges=("admission.documents", "receipt")),
            Reach("inbox", exchanges=("receipt",)),
        ),
    )
    findings = check(MAPPINGS, Agencies([bureau], {}), {})
    assert [(f.rule, f.file, f.line) for f in findings] == [
        ("dialect.receives-nothing", "mappings/agencies/bureau.370826.yaml", 3),
        ("reach.exchange", "mappings/agencies/bureau.370826.yaml", 3),
    ]


def text() -> dict[str, Any]:
    return {"type": "string"}


def test_a_place_that_the_schema_lacks_is_found(copied: Path, agencies: Agencies) -> None:
    person = {"allOf": [{"$ref": "#/definitions/person"}, {"required": ["name"]}]}
    schema = {
        "type": "object",
        "properties": {"person": person, "answers": {"type": "object"}, "receipt": {"type": "object"}},
        "definitions": {"person": {"type": "object", "properties": {"name": text()}}},
    }
    findings = [
        finding
        for finding in found(copied, agencies, {"receipt": schema})
        if finding.file.endswith("prison/receipt.yaml")
    ]
    assert [(finding.rule, finding.line) for finding in findings] == [
        ("canonical.unknown", line_of(copied, f"{PRISON}/receipt.yaml", "person.id_number}"))
    ]


def test_a_place_of_a_lists_items_that_the_schema_lacks_is_found(copied: Path, agencies: Agencies) -> None:
    items = {"type": "object", "properties": {"title": text(), "sha256": text()}}
    schema = {
        "type": "object",
        "properties": {
            **{name: {} for name in ("person", "case", "sentence", "parole", "correction", "health", "message")},
            "documents": {"type": "array", "items": items},
        },
    }
    findings = [
        finding
        for finding in found(copied, agencies, {"admission.parole-handover": schema})
        if "prison" in finding.file
    ]
    assert [(finding.rule, finding.line) for finding in findings] == [
        ("canonical.unknown", line_of(copied, HANDOVER, "prison-document-kinds"))
    ]


def test_a_required_place_that_no_line_gives_is_found(copied: Path, agencies: Agencies) -> None:
    schema = {
        "required": ["person", "leave"],
        "properties": {"person": {"required": ["name", "phone"], "properties": {"name": text(), "phone": text()}}},
    }
    findings = [
        finding
        for finding in found(copied, agencies, {"admission.parole-handover": schema})
        if finding.rule == "required.unmapped" and finding.file == f"mappings/{HANDOVER}"
    ]
    assert sorted(finding.en.split("'")[1] for finding in findings) == ["leave", "person.phone"]


def test_a_changed_mapping_or_list_is_another_version(copied: Path, agencies: Agencies) -> None:
    before = load(copied, agencies)["prison"].version("admission.escort")
    plant(copied, "codelists/prison-units.yaml", "370828-SFJ: bureau.370828", "370829-SFJ: bureau.370829")
    after = load(copied, agencies)["prison"].version("admission.escort")
    assert before != after
    assert before.startswith("prison/admission.escort@1+")


def test_a_list_may_carry_unknown_codes_along(copied: Path, agencies: Agencies) -> None:
    plant(copied, "codelists/gbt3304.yaml", "coded: true", "coded: true\nunknown: carry")
    payload = (copied / PRISON / "samples/request-JSJZ.xml").read_bytes().replace(b"<MZDM>01", b"<MZDM>77")
    (item,) = load(copied, agencies)["prison"].read("sendData", {}, payload, "prison.370800").items
    assert item.record is not None
    assert item.record["unmapped"] == {"ZFXX/MZDM": "77"}
    assert "ethnic_group" not in item.record["person"]
