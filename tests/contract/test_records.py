"""The records' schemas: strict about form, sparing with what must be there, and clear about what would be right."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest

from hub import configuration
from hub.api.bundle import contract, record_components, record_schema, record_validator
from hub.api.checking import chinese_name
from hub.domain.exchanges import value_at
from hub.settings import ROOT

EXCHANGES = sorted(record_components())
POSTED = contract()["paths"]["/v1/transfers"]["post"]["requestBody"]["content"]["application/json"]["examples"]
DOCUMENTS: dict[str, Any] = POSTED["court-serves-documents"]["value"]["record"]


def put(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a record with the value at a dotted path; None takes the place away (`null` is written as NULL)."""
    changed = deepcopy(record)
    *parents, leaf = path.split(".")
    here = changed
    for step in parents:
        here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
    if value is None:
        del here[leaf]
    else:
        here[leaf] = None if value is NULL else value
    return changed


NULL = object()


def faults(record: dict[str, Any], exchange: str = "admission.documents") -> dict[str, str]:
    return {fault.pointer: fault.rule for fault in record_validator(exchange)(record)}


def test_there_is_a_schema_for_each_exchange_of_the_chart() -> None:
    assert set(EXCHANGES) == set(configuration.load(ROOT / "mappings").catalogue.exchanges)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_schema_stands_alone_as_json_schema(exchange: str) -> None:
    schema = record_schema(exchange)
    assert jsonschema_rs.meta.is_valid(schema)
    text = str(schema)
    assert "#/components" not in text
    assert "nullable" not in text


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_each_place_of_a_record_has_its_chinese_name(exchange: str) -> None:
    nameless: list[str] = []

    def look(schema: dict[str, Any], place: str) -> None:
        for name, inner in schema.get("properties", {}).items():
            if "$ref" not in inner and "allOf" not in inner and not chinese_name(inner) and "/allOf" not in place:
                nameless.append(f"{place}/{name}")
            look(inner, f"{place}/{name}")
        if "items" in schema:
            look(schema["items"], f"{place}/[]")

    schema = record_schema(exchange)
    look(schema, "")
    for name, definition in schema["$defs"].items():
        look(definition, name)
    assert nameless == []


@pytest.mark.parametrize(
    "name", ["court-serves-documents", "prison-hands-over", "bureau-records-report-in", "bureau-forwards-documents"]
)
def test_the_samples_are_records(name: str) -> None:
    body = POSTED[name]["value"]
    assert faults(body["record"], body["exchange"]) == {}


@pytest.mark.parametrize(
    ("path", "value", "pointer", "rule"),
    [
        ("person.name", None, "/person/name", "required"),
        ("person.name", "", "/person/name", "minLength"),
        ("person.name", "　 ", "/person/name", "pattern"),
        ("person.name", "孙\x01甲", "/person/name", "pattern"),
        ("person.name", "孙\n甲", "/person/name", "pattern"),
        ("person.name", NULL, "/person/name", "type"),
        ("person.nickname", "x", "/person/nickname", "unknown"),
        ("person.birth_date", "19850917", "/person/birth_date", "format"),
        ("person.birth_date", "2021-02-29", "/person/birth_date", "format"),
        ("person.sex", "1", "/person/sex", "type"),
        ("person.sex.code", 1, "/person/sex/code", "type"),
        ("person.id_number", "3708 26", "/person/id_number", "pattern"),
        ("person.residence.place", "3708261", "/person/residence/place", "pattern"),
        ("case.number", None, "/case/number", "required"),
        ("case.document_kind", "通知", "/case/document_kind", "enum"),
        ("case.deciding_agency", "微山县人民法院", "/case/deciding_agency", "type"),
        ("case.joint_case", "是", "/case/joint_case", "type"),
        ("correction.execution_place", None, "/correction/execution_place", "required"),
        ("correction.execution_place", "370826108", "/correction/execution_place", "pattern"),
        ("correction.category", "缓刑", "/correction/category", "enum"),
        ("correction.term", {}, "/correction/term", "minProperties"),
        ("correction.term", {"months": "4"}, "/correction/term/months", "type"),
        ("correction.term", {"months": -1}, "/correction/term/months", "minimum"),
        ("correction", None, "/correction", "required"),
        ("sentence.penalties.0.fine", "5,000", "/sentence/penalties/0/fine", "pattern"),
        ("sentence.penalties.0.fine", 5000, "/sentence/penalties/0/fine", "type"),
        ("sentence.offences", "盗窃罪", "/sentence/offences", "type"),
        ("documents", [{"title": "判决书", "sha256": "abc"}], "/documents/0/sha256", "pattern"),
        ("message", {"sent_at": "2021-03-15T09:20:00"}, "/message/sent_at", "format"),
        ("remark", "x", "/remark", "unknown"),
        ("receipt", {}, "/receipt", "unknown"),
        ("exchange", "admission.notice", "/exchange", "enum"),
    ],
)
def test_a_wrong_form_is_named(path: str, value: Any, pointer: str, rule: str) -> None:
    assert faults(put(DOCUMENTS, path, value)) == {pointer: f"record.{rule}"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("case.effective_on", NULL),
        ("case.effective_on", None),
        ("case.decided_on", None),
        ("sentence", None),
        ("person.id_number", None),
        ("person.name", "周㴔"),
        ("person.name", "马丽娜·阿不都"),
        ("person.name", "𠮷田"),
        ("person.id_number", "370826850917211"),
        ("case.deciding_agency", {"name": "微山县人民法院", "place": "370826"}),
        ("unmapped", {"/ROOT/ZFXX/QT": ["甲", {"乙": 1}]}),
        ("exchange", "admission.documents"),
        ("documents", [{"title": "判决书", "kind": {"system": "prison", "code": "02", "text": "判决书"}}]),
        ("correction.category", "deprivation-of-rights"),
        ("health", {"condition": "第一行\n第二行"}),
    ],
)
def test_what_the_law_and_the_routing_can_do_without_is_not_asked_for(path: str, value: Any) -> None:
    assert faults(put(DOCUMENTS, path, value)) == {}


@pytest.mark.parametrize(
    ("exchange", "record", "missing"),
    [
        ("admission.report-in", {}, set()),
        ("admission.report-in", {"report_in": {"reported_on": "2021-03-18"}}, set()),
        ("admission.no-show", {"no_show": {"due": "2021-03-22"}}, set()),
        ("admission.no-show", {"no_show": {}}, {"/no_show/due"}),
        (
            "admission.registration",
            {"registration": {"registered_on": "2021-03-18", "office": "office.370826108"}},
            set(),
        ),
        ("admission.documents-forwarded", {}, set()),
        ("assessment.request", {"person": {"name": "孙某甲"}}, {"/person/residence"}),
        (
            "assessment.request",
            {"person": {"name": "孙某甲", "residence": {"text": "马坡镇"}}},
            {"/person/residence/place"},
        ),
        ("assessment.report", {"assessment": {"outcome": "report", "suitable": True}}, set()),
        ("admission.escort", {}, {"/person", "/case", "/correction"}),
        ("receipt", {"receipt": {"outcome": "accepted"}}, {"/receipt/given_at", "/receipt/agency"}),
    ],
)
def test_each_exchange_asks_for_what_it_needs(exchange: str, record: dict[str, Any], missing: set[str]) -> None:
    assert faults(record, exchange) == dict.fromkeys(missing, "record.required")


def test_every_fault_is_named_at_once() -> None:
    record = put(
        put(put(DOCUMENTS, "person.birth_date", "1985"), "correction.execution_place", None), "case.colour", "red"
    )
    assert len(faults(record)) == 3


def test_a_fault_says_what_would_be_right_in_both_languages() -> None:
    (fault,) = record_validator("admission.documents")(put(DOCUMENTS, "correction.execution_place", None))
    assert (fault.zh, fault.en) == (
        "缺少“执行地”：应为六位行政区划代码（GB/T 2260）",
        "execution_place is missing: a six-digit place code (GB/T 2260) is expected",
    )
    (fault,) = record_validator("admission.documents")(put(DOCUMENTS, "person.birth_date", "19850917"))
    assert (fault.zh, fault.value) == ("“出生日期”应为形如 2021-03-12 的日期", "19850917")
    (fault,) = record_validator("admission.documents")(put(DOCUMENTS, "case.document_kind", "通知"))
    assert fault.en == "one of 判决书, 裁定书, 决定书 is expected"


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_pointer_leads_to_the_value(exchange: str) -> None:
    """What a fault quotes is what stands at its place."""
    for fault in record_validator(exchange)(
        {"person": {"name": 5, "sex": {"system": "GB/T 2261.1", "code": 3}}, "case": {"joint_case": "x"}}
    ):
        if not fault.rule.endswith("required"):
            assert (
                value_at(
                    {"person": {"name": 5, "sex": {"code": 3}}, "case": {"joint_case": "x"}},
                    fault.pointer[1:].replace("/", "."),
                )
                == fault.value
            )
