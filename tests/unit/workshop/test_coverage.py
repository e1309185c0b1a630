"""Coverage finds every gap that was planted: places without a line, lines never used, codes never seen or unknown."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hub.clock import SHANGHAI
from hub.findings import ConfigErrors
from hub.workshop.counting import count_samples
from hub.workshop.coverage import DialectCoverage, canonical_places
from hub.workshop.desk import Desk, files_of

AT = datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI)
FILES = {
    "codelists/kinds.yaml": "name: kinds\nunknown: carry\ncodes: {A: 甲类, B: 乙类, C: 丙类}\n",
    "dialects/plain/dialect.yaml": """
dialect: plain
wsdl: plain.wsdl
receives:
  send: {record: R, key: KEY, exchange: some}
writes: [some]
""",
    "dialects/plain/answers.yaml": "send: {record: A, only: {out: {OK: {value: 'y'}}}}\n",
    "dialects/plain/some.yaml": """
dialect: plain
exchange: some
version: 1
operation: send
record: R
ignore: [NOISE]
lines:
  message.key: KEY
  person.name: XM
  person.kind: {at: LB, codes: kinds}
  person.phone: DH
  items:
    each: L/I
    lines:
      text: T
only:
  in:
    case.grade:
      - {value: high, when: "foreign.LB == 'A'"}
      - {value: low, when: "foreign.LB == 'B'"}
      - {value: none}
""",
    "dialects/plain/plain.wsdl": """<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">
<types><xs:schema targetNamespace="urn:t">
 <xs:element name="R"><xs:complexType><xs:sequence>
  <xs:element name="KEY" type="xs:string"/><xs:element name="XM" type="xs:string"/>
  <xs:element name="LB" type="xs:string" minOccurs="0"/><xs:element name="DH" type="xs:string" minOccurs="0"/>
  <xs:element name="NOISE" type="xs:string" minOccurs="0"/>
  <xs:element name="FORGOTTEN" type="xs:string" minOccurs="0"/>
  <xs:element name="L" minOccurs="0"><xs:complexType><xs:sequence>
   <xs:element name="I" maxOccurs="unbounded"><xs:complexType><xs:sequence>
     <xs:element name="T" type="xs:string"/><xs:element name="U" type="xs:string" minOccurs="0"/>
   </xs:sequence><xs:attribute name="no" type="xs:string"/></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
 </xs:sequence></xs:complexType></xs:element>
 <xs:element name="A"><xs:complexType><xs:sequence><xs:element name="OK" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
</xs:schema></types>
<message name="in"><part name="p" element="t:R"/></message><message name="out"><part name="p" element="t:A"/></message>
<portType name="P"><operation name="send"><input message="t:in"/><output message="t:out"/></operation></portType>
</definitions>
""",
}
SCHEMA = {
    "type": "object",
    "required": ["exchange", "person", "case"],
    "properties": {
        "exchange": {"type": "string"},
        "message": {"type": "object", "properties": {"key": {"type": "string"}}},
        "person": {
            "type": "object",
            "required": ["name", "id_number"],
            "properties": {
                "name": {"type": "string"},
                "id_number": {"type": "string"},
                "kind": {"type": "string"},
                "phone": {"type": "string"},
                "sex": {"$ref": "#/$defs/code"},
            },
        },
        "case": {"type": "object", "properties": {"grade": {"type": "string"}}},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"text": {"type": "string"}, "more": {"type": "string"}}},
        },
    },
    "$defs": {"code": {"type": "object", "properties": {"system": {"type": "string"}, "code": {"type": "string"}}}},
}


def message(**said: str) -> str:
    parts = "".join(f"<{name}>{text}</{name}>" for name, text in {"KEY": "k", "XM": "甲", **said}.items())
    return f"<R>{parts}</R>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content.strip() + "\n", encoding="utf-8")
    return tmp_path


def covered(folder: Path, *samples: str | dict[str, Any]) -> dict[str, Any]:
    home = folder / "samples"
    home.mkdir()
    for n, sample in enumerate(samples):
        text = sample if isinstance(sample, str) else json.dumps(sample, ensure_ascii=False)
        (home / f"{n}.txt").write_text(text, encoding="utf-8")
    desk = Desk.open(folder)
    found = count_samples(desk, desk.dialect("plain"), files_of(home), {"some": SCHEMA}, None, AT).as_dict()
    (one,) = found["exchanges"]
    return {**one, "unreadable": found["unreadable"]}


def test_places_that_no_line_names_are_found_required_ones_first(folder: Path) -> None:
    found = covered(folder)
    missing = {way: [(p["place"], p["required"]) for p in places] for way, places in found["canonical_missing"].items()}
    assert missing == {
        "in": [("person.id_number", True), ("person.sex", False), ("items[].more", False)],
        "out": [("person.id_number", True), ("person.sex", False), ("case.grade", False), ("items[].more", False)],
    }
    assert [p["place"] for p in found["foreign_missing"]] == ["FORGOTTEN", "L/I/@no", "L/I/U"]


def test_a_code_is_one_place_and_a_list_is_gone_through() -> None:
    assert [place.path for place in canonical_places(SCHEMA)] == [
        "message.key",
        "person.name",
        "person.id_number",
        "person.kind",
        "person.phone",
        "person.sex",
        "case.grade",
        "items[].text",
        "items[].more",
    ]


def test_lines_are_counted_and_those_never_used_are_told(folder: Path) -> None:
    found = covered(
        folder,
        message(LB="A"),
        message(LB="A", L="<I><T>x</T></I><I no='2'><T>y</T></I>"),
        message(LB="B", FORGOTTEN="旧栏目", NOISE="-"),
    )
    gave = {(line["place"], line["direction"]): line["gave"] for line in found["lines"]}
    assert gave["person.name", "in"] == 3
    assert gave["text", "in"] == 2
    assert gave["items", "in"] == 1
    assert gave["case.grade", "in"] == 3
    assert found["never"] == [
        {"line": f"{folder.name}/dialects/plain/some.yaml:11", "direction": "in", "place": "person.phone"}
    ]
    (never_chosen,) = found["never_chosen"]
    assert (never_chosen["place"], never_chosen["line"].rpartition(":")[2]) == ("case.grade", "21")
    unmapped = {place["place"]: (place["count"], place["example"]) for place in found["unmapped"]}
    assert unmapped == {"FORGOTTEN": (1, "旧栏目"), "L/I/@no": (1, "2")}
    assert found["records"] == {"in": 3, "out": 0}


def test_codes_never_seen_and_codes_that_the_list_lacks_are_told(folder: Path) -> None:
    found = covered(folder, message(LB="A"), message(LB="X"), message(LB="X"), message(LB="B"))
    (codes,) = found["codes"]
    assert [code["code"] for code in codes["never"]] == ["C"]
    assert codes["unknown"] == [{"code": "X", "count": 2}]


def test_canonical_samples_are_written_and_what_is_no_message_is_named(folder: Path) -> None:
    record = {"exchange": "some", "person": {"name": "甲", "kind": "丙类"}, "message": {"key": "k"}}
    found = covered(folder, record, {"exchange": "some", "record": {"message": {"key": "k"}}}, "<Other/>", "nonsense")
    assert found["records"] == {"in": 0, "out": 2}
    assert found["faulty"]["out"] == 1  # the contract wants a name
    gave = {(line["place"], line["direction"]): line["gave"] for line in found["lines"]}
    assert gave["person.name", "out"] == 1
    assert gave["person.kind", "out"] == 1
    assert {one["what"] for one in found["unreadable"]} == {"2.txt", "3.txt"}
    (codes,) = found["codes"]
    assert [code["code"] for code in codes["never"]] == ["A", "B"]


def test_what_is_told_one_by_one_is_bounded(folder: Path) -> None:
    many = "".join(f"<Z{n}>x</Z{n}>" for n in range(1000))
    found = covered(folder, f"<R><KEY>k</KEY><XM>甲</XM>{many}</R>")
    assert len(found["unmapped"]) == 200
    assert found["further_unmapped"] == 800


def test_a_mistake_elsewhere_keeps_nobody_from_trying_a_dialect(folder: Path) -> None:
    (folder / "dialects" / "broken").mkdir()
    (folder / "dialects" / "broken" / "dialect.yaml").write_text(
        "dialect: broken\nwsdl: nothing.wsdl\n", encoding="utf-8"
    )
    assert Desk.open(folder).dialect("plain").name == "plain"
    (folder / "dialects" / "plain" / "some.yaml").write_text(
        FILES["dialects/plain/some.yaml"].replace("XM", "NAME"), encoding="utf-8"
    )
    with pytest.raises(ConfigErrors) as caught:
        Desk.open(folder).dialect("plain")
    assert {finding.rule for finding in caught.value.findings} >= {"foreign.unknown"}


def test_the_real_dialects_name_every_required_place_when_they_read() -> None:
    from hub.api.bundle import record_components, record_schema

    desk = Desk.open(Path(__file__).parents[3] / "mappings")
    schemas = {name: record_schema(name) for name in record_components()}
    for name in desk.book:
        for one in DialectCoverage(desk.dialect(name), schemas).exchanges.values():
            if "in" in one.directions:
                assert [p.path for p in one.canonical_missing("in") if p.required] == [], (name, one.exchange)
