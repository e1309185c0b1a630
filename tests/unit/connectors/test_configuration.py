"""What `hub check` finds in a transport's section, and what a WSDL may be made of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import connectors
from connectors.contract import Contract, contract
from connectors.inbox import InboxConnector
from hub.findings import ConfigErrors
from hub.ports import ConfigError, Endpoint, Outcome, OutcomeKind

DIALECTS = Path(__file__).parents[3] / "mappings" / "dialects"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the dialects' transports, for mistakes to be planted in."""
    for section in DIALECTS.glob("*/transport.yaml"):
        target = tmp_path / "mappings" / "dialects" / section.parent.name
        target.mkdir(parents=True)
        for path in (section, *section.parent.glob("*.wsdl")):
            shutil.copy(path, target)
    return tmp_path / "mappings"


def test_the_configuration_that_ships_has_no_mistake(config: Path) -> None:
    assert connectors.check(config) == []


@pytest.mark.parametrize(
    ("dialect", "old", "new", "rule"),
    [
        ("court", "wsdl: CourtCaseService.wsdl", "wsdl: Other.wsdl", "wsdl.missing"),
        ("court", "port: CourtCaseServiceSoap", "port: CourtCaseServiceSoap13", "wsdl.port"),
        ("court", "operations: [ReceiveReply]", "operations: [ReceiveReplies]", "wsdl.operation"),
        ("court", "operations: [SubmitExecution]", "operations: [Submit]", "wsdl.operation"),
        ("court", "element: AuthHeader", "element: Auth", "wsdl.header"),
        ("court", "repeat_safe: false", "repeat_safe: perhaps", "option.type"),
        ("court", "repeat_safe: false", "repeat_save: false", "option.unknown"),
        ("court", '"true": done', '"true": dnoe', "option.type"),
        ("court", "encoding: UTF-8\n    # No", "encoding: EBCDIC\n    # No", "encoding.unknown"),
        ("prison", "part: xmlData", "part: xml", "wsdl.part"),
        ("prison", "user: yhm", "user: yonghu", "wsdl.part"),
        ("prison", "style: parts", "style: party", "option.type"),
        ("police", "CF09: later", "CF09: latter", "option.type"),
        ("city", "place: ticket", "place: token", "wsdl.element"),
        ("city", "operation: uploadChunk", "operation: upload", "wsdl.operation"),
        ("city", "reference: batchNo", "reference: batch", "wsdl.element"),
        ("city", "chunk: 524288", "chunk: big", "option.type"),
        ("city", '"2": {outcome: done, receipt: accepted}', '"2": {outcome: done, receipt: perhaps}', "option.type"),
        ("city", "soap:", "carrier-pigeon:", "transport.unknown"),
        ("city", "soap:", "rest:", "option.unknown"),
        ("city", "soap:", "inbox:", "option.unknown"),
        ("city", "style: login", "style: login}}", "yaml.syntax"),
    ],
)
def test_each_planted_mistake_is_found_with_its_line(config: Path, dialect: str, old: str, new: str, rule: str) -> None:
    path = config / "dialects" / dialect / "transport.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    line = text[: text.index(old)].count("\n") + 1
    findings = connectors.check(config)
    assert [found.rule for found in findings][:1] == [rule], findings
    assert findings[0].file == f"mappings/dialects/{dialect}/transport.yaml"
    assert findings[0].line in ((line,) if rule != "option.unknown" or "save" in new else (line, line + 1)), findings[0]
    assert findings[0].zh != findings[0].en


def test_a_session_that_login_needs_is_missed(config: Path) -> None:
    given: Any = connectors.section(config / "dialects" / "city", "soap")
    del given["call"]["session"]
    assert [fault.pointer for fault in connectors.check_section("soap", given, config / "dialects" / "city")] == [
        "/soap/call/session"
    ]


def test_required_options_are_named(config: Path) -> None:
    faults = connectors.check_section("soap", {"call": {"port": "x"}}, config / "dialects" / "court")
    assert {fault.pointer for fault in faults} == {
        "/soap/wsdl",
        "/soap/call/operations",
        "/soap/call/repeat_safe",
        "/soap/call/answer",
    }


@pytest.mark.parametrize("name", ["wire", "envelope", "options", "no-such", "../soap", "os", "__init__", ""])
def test_only_transports_can_be_loaded(name: str) -> None:
    with pytest.raises(ConfigError):
        connectors.load(name)


@pytest.mark.parametrize("name", ["soap", "rest", "inbox"])
def test_every_transport_has_the_ports_methods(name: str) -> None:
    loaded = connectors.load(name)
    assert all(callable(getattr(loaded, method)) for method in ("call", "poll", "repeat_safe"))


def test_only_soap_serves_a_contract() -> None:
    with pytest.raises(ConfigError):
        connectors.serve("inbox", "office.370826108", {}, DIALECTS)


def test_a_section_that_cannot_be_read_is_the_administrators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "transport.yaml").write_text("soap: [", "utf-8")
    with pytest.raises(ConfigErrors):
        connectors.section(tmp_path, "soap")


def test_the_inbox_has_it_at_once_and_never_a_receipt() -> None:
    endpoint = Endpoint("office.370826108", "inbox", None, None, None, {}, None)
    connector = InboxConnector()
    parcel: Any = None
    sessions: Any = None
    assert connector.call(endpoint, parcel, sessions) == Outcome(OutcomeKind.DONE)
    assert connector.repeat_safe(endpoint)
    with pytest.raises(ConfigError):
        connector.poll(endpoint, parcel, "x", sessions)


# ---------------------------------------------------------------- WSDLs of other vendors
TWO_SCHEMAS = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t"
    xmlns:m="urn:m" xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:m">
  <w:types>
    <x:schema targetNamespace="urn:t"><x:simpleType name="Code"><x:restriction base="x:string"><x:pattern value="[0-9]+"/></x:restriction></x:simpleType></x:schema>
    <x:schema targetNamespace="urn:m" elementFormDefault="qualified">{imports}<x:include schemaLocation="more.xsd"/>
      <x:element name="ask"><x:complexType><x:sequence><x:element name="code" type="t:Code"/><x:element name="more" type="m:More"/></x:sequence></x:complexType></x:element>
      <x:element name="askResponse"><x:complexType/></x:element></x:schema>
  </w:types>
  <w:message name="in"><w:part name="p" element="m:ask"/></w:message><w:message name="out"><w:part name="p" element="m:askResponse"/></w:message>
  <w:portType name="P"><w:operation name="ask"><w:input message="m:in"/><w:output message="m:out"/></w:operation></w:portType>
  <w:binding name="B" type="m:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <w:operation name="ask"><soap:operation soapAction="ask"/><w:input><soap:body use="literal"/></w:input><w:output><soap:body use="literal"/></w:output></w:operation></w:binding>
  <w:service name="S"><w:port name="Port" binding="m:B"><soap:address location="http://there.example/"/></w:port></w:service>
</w:definitions>"""
MORE = '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:m"><x:simpleType name="More"><x:restriction base="x:int"/></x:simpleType></x:schema>'


@pytest.fixture
def vendor(tmp_path: Path) -> Callable[[str], Path]:
    def write(imports: str) -> Path:
        (tmp_path / "more.xsd").write_text(MORE, "utf-8")
        path = tmp_path / "vendor.wsdl"
        path.write_text(TWO_SCHEMAS.replace("{imports}", imports), "utf-8")
        return path

    return write


def test_several_schemas_and_files_beside_the_wsdl_are_one(vendor: Callable[[str], Path]) -> None:
    found = contract(vendor('<x:import namespace="urn:t"/>'))
    good, bad = (
        etree.fromstring(f'<ask xmlns="urn:m"><code>{code}</code><more>{more}</more></ask>')
        for code, more in (("12", "3"), ("x", "y"))
    )
    assert found.validate(good) == []
    assert [(fault.rule, fault.xpath, fault.value) for fault in found.validate(bad)] == [
        ("schema.pattern", "/ask/code", "x"),
        ("schema.type", "/ask/more", "y"),
    ]


def test_a_wsdl_is_never_fetched_from_the_network(vendor: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        Contract(
            vendor(
                '<x:import namespace="urn:t"/><x:import namespace="urn:o" schemaLocation="http://there.example/o.xsd"/>'
            )
        )
    assert "there.example" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rule"), [("", "wsdl.unreadable"), ("<a>", "wsdl.unreadable"), (None, "wsdl.missing")]
)
def test_what_is_no_wsdl_is_said(tmp_path: Path, text: str | None, rule: str) -> None:
    path = tmp_path / "x.wsdl"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        contract(path)
    assert caught.value.faults[0].rule == rule


def test_a_changed_wsdl_is_read_again(vendor: Callable[[str], Path]) -> None:
    path = vendor('<x:import namespace="urn:t"/>')
    first = contract(path)
    assert contract(path) is first
    path.write_text(path.read_text("utf-8").replace("[0-9]+", "[a-z]+"), "utf-8")
    os.utime(path, ns=(1, 1))
    assert contract(path).validate(etree.fromstring('<ask xmlns="urn:m"><code>x</code><more>1</more></ask>')) == []
