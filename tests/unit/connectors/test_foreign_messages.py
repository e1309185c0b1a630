"""What SOAP stacks other than Python's put on the wire, as captured: the hub takes each request and understands each answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import connectors
from connectors import envelope
from connectors.soap import SoapConnector, SoapService
from connectors.wire import Deadline, Reply, Tls
from hub.ports import Endpoint, Outcome, OutcomeKind, Parcel, SystemReceipt

ROOT = Path(__file__).parents[3]
CAPTURES = ROOT / "tests" / "foreign" / "captures"
DIALECTS = ROOT / "mappings" / "dialects"


def captured(name: str) -> tuple[str, dict[str, str], bytes]:
    """First line, headers and body of a captured message."""
    head, _, body = (CAPTURES / f"{name}.txt").read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    return first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in CAPTURES.glob("*-request*.txt") if "police" not in path.stem)
)
def test_every_captured_request_is_taken(name: str) -> None:
    dialect = name.split("-")[1]
    service = SoapService(f"{dialect}.370800", connectors.section(DIALECTS / dialect, "soap"), DIALECTS / dialect)
    _, headers, body = captured(name)
    incoming = service.receive(body, headers)
    assert (incoming.user, incoming.password) == ("USER", "PASSWORD")
    record = envelope.parse(incoming.payload.decode())
    names = [found.text for found in record.iter("{*}Name", "{*}XM")]
    assert {"孙某甲", "马丽娜·阿不都"} <= set(names) or names == ["周㴔"]
    assert incoming.version == ("1.2" if "-1.2" in name else "1.1")


class Answering:
    """A wire whose other end answers with a captured message, whatever is sent."""

    def __init__(self, name: str) -> None:
        first, headers, body = captured(name)
        self.reply = Reply(int(first.split()[1]), headers, body)

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline, tls: Tls, limit: int
    ) -> Reply:
        return self.reply


class Ticketed:
    """Sessions with a ticket that is never renewed to another: what a login answers is of no matter here."""

    def current(self, agency: str) -> str | None:
        return "ticket"

    def renew(self, agency: str, stale: str | None, login: Any) -> str:
        return "other"

    def uploaded(self, agency: str, delivery: str, sha256: str) -> tuple[str, int] | None:
        return None

    def note_upload(self, agency: str, delivery: str, sha256: str, upload: str, received: int) -> None:
        raise AssertionError("nothing is uploaded here")


PAYLOADS = {
    "court": '<ReceiveReply xmlns="http://tempuri.org/"><NoticeId>1</NoticeId><ReplyKind>回执</ReplyKind><ReplyDate>2021-03-15T09:20:00</ReplyDate></ReceiveReply>',
    "prison": "<ROOT/>",
    "police": '<t:TsRyxxQq xmlns:t="urn:ga:jzxt:types:v2"><XXID>1</XXID><YWDM>RJCS</YWDM><FSSJ>20210315092000</FSSJ><RYXX><XM>某</XM><XBDM>1</XBDM>'
    "<CSRQ>19850917</CSRQ><GMSFHM>370826198509172110</GMSFHM><HJDXZQHDM>370826</HJDXZQHDM><XZZXZQHDM>370826</XZZXZQHDM></RYXX></t:TsRyxxQq>",
    "city": '<c:submit xmlns:c="http://sqjz.jining.example/ws"><c:messageId>1</c:messageId><c:businessType>RJ</c:businessType><c:fromUnit>370826</c:fromUnit>'
    "<c:subject><c:sqfxryxm>某</c:sqfxryxm><c:sfzh>370826198509172110</c:sfzh><c:xb>男</c:xb><c:csny>1985-09-17</c:csny><c:jzlb>02</c:jzlb>"
    "<c:gtjzdxz>某</c:gtjzdxz><c:gtjzdqh>370826</c:gtjzdqh><c:sfsbm>370826108001</c:sfsbm><c:pjjg>某</c:pjjg><c:pjwsh>某</c:pjwsh>"
    "<c:pjsxrq>2021-03-12</c:pjsxrq><c:zyfz>某</c:zyfz><c:ypxq>2月</c:ypxq><c:jzqx>4月</c:jzqx></c:subject></c:submit>",
}


def outcome(name: str, reference: str | None = None) -> Outcome:
    dialect = name.split("-")[1]
    given: Any = connectors.section(DIALECTS / dialect, "soap")
    if "1.2" in name:
        given["call"]["port"] = "CourtCaseServiceSoap12"
    endpoint = Endpoint(
        f"{dialect}.370826", "soap", "http://there.example/", "USER", "PASSWORD", given, DIALECTS / dialect
    )

    parcel = Parcel(
        "d",
        "t",
        "m",
        "x",
        PAYLOADS[dialect].encode(),
        "application/xml",
        {"ywlx": "HZ"},
        (),
        datetime(2021, 3, 15, tzinfo=UTC),
    )
    connector = SoapConnector(wire=Answering(name))
    return (
        connector.poll(endpoint, parcel, reference, Ticketed())
        if reference
        else connector.call(endpoint, parcel, Ticketed())
    )


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("npm-court-answer-1.1", OutcomeKind.DONE, "true"),
        ("npm-court-answer-1.2", OutcomeKind.DONE, "true"),
        ("npm-court-answer-refused", OutcomeKind.REFUSED, "false"),
        ("npm-court-fault-1.1", OutcomeKind.LATER, "Client"),
        ("npm-court-fault-1.2", OutcomeKind.LATER, "Client"),
        ("npm-police-answer", OutcomeKind.DONE, None),
        ("npm-police-fault-CF02", OutcomeKind.REFUSED, "CF02"),
        ("npm-police-fault-security", OutcomeKind.LATER, "FailedAuthentication"),
        ("npm-city-answer-submit", OutcomeKind.SUBMITTED, "0"),
        ("npm-city-answer-submit-busy", OutcomeKind.LATER, "503"),
        ("php-prison-answer", OutcomeKind.DONE, "0"),
        ("php-prison-answer-refused", OutcomeKind.REFUSED, None),
        ("php-prison-answer-nil", OutcomeKind.UNKNOWN, "hub.half-answer"),
        ("php-prison-fault", OutcomeKind.UNKNOWN, "Server"),
    ],
)
def test_every_captured_answer_is_understood(name: str, kind: OutcomeKind, code: str | None) -> None:
    found = outcome(name)
    assert found.kind is kind, found
    assert code is None or found.code == code


@pytest.mark.parametrize(
    ("name", "kind", "receipt"),
    [
        ("npm-city-answer-query-waiting", OutcomeKind.SUBMITTED, None),
        ("npm-city-answer-query-done", OutcomeKind.DONE, SystemReceipt(True, None, "JN00000001")),
        ("npm-city-answer-query-ticket-dead", OutcomeKind.LATER, None),
    ],
)
def test_every_captured_query_is_understood(name: str, kind: OutcomeKind, receipt: SystemReceipt | None) -> None:
    found = outcome(name, "PC1|370826198509172110")
    assert (found.kind, found.receipt) == (kind, receipt)


def test_a_row_that_says_no_is_a_return_with_its_reason() -> None:
    found = outcome("npm-city-answer-query-done", "PC1|370826197902140411")
    assert found.receipt is not None
    assert not found.receipt.accepted
    assert "数据项不合规" in (found.receipt.reason or "")


def test_captured_records_keep_what_no_contract_names() -> None:
    _, headers, body = captured("npm-court-request-1.1-unknown-element")
    service = SoapService("court.370826", connectors.section(DIALECTS / "court", "soap"), DIALECTS / "court")
    names = {
        etree.QName(found).localname for found in envelope.parse(service.receive(body, headers).payload.decode()).iter()
    }
    _, plain_headers, plain = captured("npm-court-request-1.1")
    known = {
        etree.QName(found).localname
        for found in envelope.parse(service.receive(plain, plain_headers).payload.decode()).iter()
    }
    assert names > known
