"""XML in full: namespaces, attributes, lists of several elements, records inside strings, CDATA, encodings."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from hub.domain.faults import Malformed
from hub.translation import CannotWrite, Dialect
from tests.unit.translation.dialects import context, dialect, findings, read, write

RECEIVES = "receives:\n  submit: {record: R, key: id, exchange: toy}\nwrites: [toy]\n"
TOY = "dialect: toy\nexchange: toy\nrecord: R\n"


def toy(folder: Path, head: str, lines: str, **more: str) -> Dialect:
    return dialect(folder, {"dialect.yaml": f"dialect: toy\n{head}\n{RECEIVES}", "toy.yaml": TOY + lines, **more})


# ------------------------------------------------------------------ namespaces
NAMESPACES = 'namespaces: {"": "urn:r", a: "urn:a", b: "urn:b"}'
NAMESPACE_LINES = """lines:
  message.key: id
  person.name: {at: a:name}
  case.name:   b:name
  person.kind: a:name/@b:kind
  person.mark: a:name/@mark
"""
NAMESPACE_XML = (
    '<x:R xmlns:x="urn:r" xmlns:q="urn:a" xmlns="urn:b"><x:id>1</x:id><name>案件</name>'
    '<q:name mark="m" xmlns:k="urn:b" k:kind="k">孙某</q:name><q:more>x</q:more></x:R>'
)


def test_one_name_in_two_namespaces_is_two_places(tmp_path: Path) -> None:
    assert read(toy(tmp_path, NAMESPACES, NAMESPACE_LINES), NAMESPACE_XML) == {
        "message": {"key": "1"},
        "person": {"name": "孙某", "kind": "k", "mark": "m"},
        "case": {"name": "案件"},
        "unmapped": {"a:more": "x"},
    }


def test_namespaces_are_declared_where_elements_and_attributes_of_them_are_written(tmp_path: Path) -> None:
    one = toy(tmp_path, NAMESPACES, NAMESPACE_LINES)
    written = write(one, read(one, NAMESPACE_XML))
    assert written.decode() == (
        '<R xmlns="urn:r" xmlns:a="urn:a" xmlns:b="urn:b"><id>1</id><a:name b:kind="k" mark="m">孙某</a:name>'
        "<b:name>案件</b:name></R>"
    )
    assert read(one, written)["person"] == {"name": "孙某", "kind": "k", "mark": "m"}


def test_a_prefix_that_nobody_declares_is_found_beforehand(tmp_path: Path) -> None:
    files = {
        "dialect.yaml": f"dialect: toy\n{NAMESPACES}\n{RECEIVES}",
        "toy.yaml": TOY + "lines:\n  message.key: id\n  person.name: c:name\n  person.kind: a:name/@d:kind\n",
    }
    assert {(f.line, f.rule) for f in findings(tmp_path, files)} == {(6, "namespace.unknown"), (7, "namespace.unknown")}


WSDL = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:r="urn:r"
 xmlns:a="urn:a" targetNamespace="urn:r"><types>
<xs:schema targetNamespace="urn:a" elementFormDefault="qualified"><xs:element name="name" type="xs:string"/>
 <xs:attribute name="kind" type="xs:string"/></xs:schema>
<xs:schema targetNamespace="urn:r" elementFormDefault="qualified" xmlns:a="urn:a"><xs:element name="R"><xs:complexType><xs:sequence>
 <xs:element name="id" type="xs:string"/><xs:element name="name" type="xs:string"/><xs:element ref="a:name"/>
 <xs:element name="box"><xs:complexType><xs:choice maxOccurs="unbounded"><xs:element name="WS" type="r:paper"/>
 <xs:element name="TP" type="r:picture"/></xs:choice></xs:complexType></xs:element>
 <xs:element name="data" type="xs:string" minOccurs="0"/>
 </xs:sequence><xs:attribute ref="a:kind" use="required"/></xs:complexType></xs:element>
 <xs:complexType name="paper"><xs:sequence><xs:element name="BT" type="xs:string"/></xs:sequence></xs:complexType>
 <xs:complexType name="picture"><xs:sequence><xs:element name="BT" type="xs:string"/><xs:element name="DX" type="xs:int"
  minOccurs="0"/></xs:sequence></xs:complexType></xs:schema></types>
<message name="in"><part name="p" element="r:R"/></message>
<portType name="P"><operation name="submit"><input message="r:in"/></operation></portType></definitions>"""
WSDL_HEAD = 'wsdl: toy.wsdl\nnamespaces: {a: "urn:a"}'
WSDL_LINES = """operation: submit
lines:
  message.key: id
  case.name:   name
  person.name: a:name
  person.kind: "@a:kind"
  documents:
    each: box/*
    named: {kind: {WS: 文书, TP: 照片}}
    lines:
      title: BT
      size:  {at: DX, number: true}
"""
ANSWERS = "dialect: toy\nsubmit:\n  record: A\n  only: {out: {ok: {value: 1}}}\n"
RECORD = {
    "message": {"key": "1"},
    "case": {"name": "案件"},
    "person": {"name": "孙某", "kind": "k"},
    "documents": [
        {"title": "判决书", "kind": "文书"},
        {"title": "正面", "size": 3, "kind": "照片"},
        {"title": "裁定书", "kind": "文书"},
    ],
}


def test_prefixes_tell_the_places_of_a_wsdl_apart_and_what_is_written_is_valid(tmp_path: Path) -> None:
    one = toy(tmp_path, WSDL_HEAD, WSDL_LINES, **{"toy.wsdl": WSDL, "answers.yaml": ANSWERS})
    written = write(one, RECORD)
    root = etree.fromstring(WSDL.encode())
    schemas = root.findall(".//{http://www.w3.org/2001/XMLSchema}schema")
    (tmp_path / "a.xsd").write_bytes(etree.tostring(schemas[0]))
    outer = etree.tostring(schemas[1]).replace(
        b"<xs:element", b'<xs:import namespace="urn:a" schemaLocation="a.xsd"/><xs:element', 1
    )
    (tmp_path / "r.xsd").write_bytes(outer)
    etree.XMLSchema(etree.parse(str(tmp_path / "r.xsd"))).assertValid(etree.fromstring(written))
    assert read(one, written) == {**RECORD, "unmapped": {}}


# ------------------------------------------------------------------ lists of several elements
def test_elements_of_several_names_are_one_list_in_the_order_in_which_they_stand(tmp_path: Path) -> None:
    one = toy(tmp_path, WSDL_HEAD, WSDL_LINES, **{"toy.wsdl": WSDL, "answers.yaml": ANSWERS})
    xml = write(one, RECORD).decode()
    assert [xml.index(title) for title in ("判决书", "正面", "裁定书")] == sorted(
        xml.index(title) for title in ("判决书", "正面", "裁定书")
    )
    assert xml.count("<n1:WS>") + xml.count("<WS>") == 2


def test_an_item_for_which_there_is_no_element_is_a_fault(tmp_path: Path) -> None:
    one = toy(tmp_path, WSDL_HEAD, WSDL_LINES, **{"toy.wsdl": WSDL, "answers.yaml": ANSWERS})
    wrong = {**RECORD, "documents": [{"title": "录音", "kind": "录音"}, {"title": "无"}]}
    with pytest.raises(CannotWrite) as refused:
        write(one, wrong)
    assert [(f.rule, f.pointer, f.value, f.source) for f in refused.value.faults] == [
        ("code.unknown", "/documents/0/kind", "录音", "mappings/dialects/toy/toy.yaml:10"),
        ("field.missing", "/documents/1/kind", None, "mappings/dialects/toy/toy.yaml:10"),
    ]


def test_a_line_that_none_of_the_elements_has_is_found_beforehand(tmp_path: Path) -> None:
    files = {
        "dialect.yaml": f"dialect: toy\n{WSDL_HEAD}\n{RECEIVES}",
        "toy.yaml": TOY + WSDL_LINES.replace("title: BT", "title: MC"),
        "toy.wsdl": WSDL,
        "answers.yaml": ANSWERS,
    }
    found = [(f.line, f.rule) for f in findings(tmp_path, files) if f.rule == "foreign.unknown"]
    assert set(found) == {(14, "foreign.unknown")}


def test_an_element_that_the_list_does_not_name_is_carried_along(tmp_path: Path) -> None:
    lines = (
        "lines:\n  message.key: id\n  papers:\n    each: box/*\n    named: {kind: {WS: 文书}}\n    lines: {title: .}\n"
    )
    found = read(toy(tmp_path, "namespaces: {}", lines), "<R><id>1</id><box><WS>a</WS><LY>x</LY><WS>b</WS></box></R>")
    assert found["papers"] == [{"title": "a", "kind": "文书"}, {"title": "b", "kind": "文书"}]
    assert found["unmapped"] == {"box/LY": "x"}


# ------------------------------------------------------------------ records inside strings
NESTED_LINES = "lines:\n  message.key: id\n  person.name: data/ROOT/XM\n  person.text: data/ROOT/BZ/X/Y\n"
INNER = "<ROOT><XM>孙&amp;某</XM><BZ>&lt;X&gt;&lt;Y&gt;深&lt;/Y&gt;&lt;Z&gt;1&lt;/Z&gt;&lt;/X&gt;</BZ></ROOT>"


@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0" encoding="GBK"?>'])
@pytest.mark.parametrize("way", ["entities", "cdata", "inline"])
def test_a_record_in_a_string_is_read_however_it_was_put_there(tmp_path: Path, way: str, declaration: str) -> None:
    one = toy(tmp_path, "nested: [R/data, R/data/ROOT/BZ]", NESTED_LINES)
    text = declaration + INNER
    inside = {
        "entities": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "cdata": f"<![CDATA[{text}]]>",
        "inline": INNER,
    }[way]
    found = read(one, f"<R><id>1</id><data>{inside}</data></R>")
    assert found["person"] == {"name": "孙&某", "text": "深"}
    assert found["unmapped"] == {"data/ROOT/BZ/X/Z": "1"}


def test_a_record_in_a_string_goes_out_as_the_dialect_wants_it(tmp_path: Path) -> None:
    head = 'nested:\n  R/data: {declaration: \'<?xml version="1.0" encoding="UTF-8"?>\', cdata: true}\n  R/data/ROOT/BZ: {}'
    one = toy(tmp_path, head, NESTED_LINES)
    record = {"message": {"key": "1"}, "person": {"name": "孙&某]]>", "text": "深<"}}
    written = write(one, record).decode()
    assert written.startswith('<R><id>1</id><data><![CDATA[<?xml version="1.0" encoding="UTF-8"?><ROOT><XM>')
    assert read(one, written)["person"] == record["person"]


def test_json_may_be_in_the_string_too(tmp_path: Path) -> None:
    one = toy(
        tmp_path,
        "nested: {R/data: {format: json}}",
        "lines:\n  message.key: id\n  person.name: data/$/name\n  person.age: {at: data/$/age, number: true}\n",
    )
    record = {"message": {"key": "1"}, "person": {"name": '"孙"', "age": 3}}
    written = write(one, record)
    text = etree.fromstring(written).findtext("data")
    assert text == '{"name":"\\"孙\\"","age":3}'
    assert read(one, written) == {**record, "unmapped": {}}


def test_a_string_that_is_no_record_is_refused_at_its_place(tmp_path: Path) -> None:
    one = toy(tmp_path, "nested: [R/data]", NESTED_LINES)
    with pytest.raises(Malformed) as refused:
        one.read(None, {}, "<R><id>1</id><data>&lt;ROOT&gt;</data></R>", "court.370826")
    (fault,) = refused.value.faults
    assert (fault.rule, fault.xpath, fault.value) == ("xml.malformed", "/R/data", "<ROOT>")
    with pytest.raises(Malformed) as refused:
        one.read(
            None, {}, "<R><id>1</id><data>&lt;!DOCTYPE x [&lt;!ENTITY e 'x'>]>&lt;ROOT/&gt;</data></R>", "court.370826"
        )
    assert refused.value.faults[0].rule == "xml.doctype"


def test_a_fault_inside_a_string_names_the_whole_way_to_it(tmp_path: Path) -> None:
    one = toy(
        tmp_path,
        "nested: [R/data]",
        "lines:\n  message.key: id\n  person.born: {at: data/ROOT/CSRQ, date: yyyyMMdd}\n",
    )
    (item,) = one.read(None, {}, "<R><id>1</id><data>&lt;ROOT>&lt;CSRQ>x&lt;/CSRQ>&lt;/ROOT></data></R>", "s").items
    assert [(f.rule, f.pointer, f.xpath, f.value) for f in item.faults] == [
        ("date.malformed", "/person/born", "/R/data/ROOT/CSRQ", "x")
    ]


def test_below_a_string_the_wsdl_says_nothing(tmp_path: Path) -> None:
    lines = WSDL_LINES.replace("  documents:", "  case.number: data/X/AH\n  documents:")
    one = toy(tmp_path, WSDL_HEAD + "\nnested: [R/data]", lines, **{"toy.wsdl": WSDL, "answers.yaml": ANSWERS})
    record = {**RECORD, "case": {"name": "案件", "number": "(2021)鲁0826刑初57号"}}
    written = write(one, record)
    assert "&lt;X&gt;&lt;AH&gt;(2021)鲁0826刑初57号&lt;/AH&gt;&lt;/X&gt;" in written.decode()
    assert read(one, written) == {**record, "unmapped": {}}


# ------------------------------------------------------------------ CDATA and encodings
@pytest.mark.parametrize("text", ["a < b & c", "]]>", "]]", "一]]>二]]>", "行\r\n行"])
def test_cdata_holds_every_text(tmp_path: Path, text: str) -> None:
    one = toy(tmp_path, "namespaces: {}", "lines:\n  message.key: id\n  person.name: {at: XM, cdata: true}\n")
    written = write(one, {"message": {"key": "1"}, "person": {"name": text}})
    assert b"<XM><![CDATA[" in written
    assert etree.fromstring(written).findtext("XM") == text


def test_xml_goes_out_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    lines = "lines:\n  message.key: id\n  person.name: XM\n"
    record = {"message": {"key": "1"}, "person": {"name": "周㴔"}}
    one = toy(tmp_path, "encoding: GB18030", lines)
    written = one.write("toy", record, context())
    assert written.payload.startswith(b'<?xml version="1.0" encoding="GB18030"?>')
    assert "周㴔".encode("gb18030") in written.payload
    assert written.media_type == "application/xml; charset=GB18030"
    assert read(one, written.payload)["person"] == {"name": "周㴔"}
    bare = written.payload.partition(b"?>")[2]
    assert read(one, bare)["person"] == {"name": "周㴔"}, "what declares nothing is in the dialect's encoding"
    with pytest.raises(CannotWrite) as refused:
        write(toy(tmp_path, "encoding: GBK", lines), record)
    assert [(f.rule, f.pointer, f.xpath) for f in refused.value.faults] == [("text.encoding", "/person/name", "/R/XM")]


def test_the_encoding_of_a_soap_message_is_its_connectors(tmp_path: Path) -> None:
    files = {
        "dialect.yaml": f"dialect: toy\n{WSDL_HEAD}\nencoding: GBK\n{RECEIVES}",
        "toy.yaml": TOY + WSDL_LINES,
        "toy.wsdl": WSDL,
        "answers.yaml": ANSWERS,
    }
    assert [(f.line, f.rule) for f in findings(tmp_path, files)] == [(4, "dialect.format")]
