"""The simulated court: both SOAP versions, actions with their quotes, AuthHeader, and no duplicate check."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from tests.integration.simulators.conftest import Start
from tests.integration.simulators.hub_stub import HubStub
from tests.integration.simulators.running import PASSWORD, USER, Running, sample

SOAP11, SOAP12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
ACTION = '"http://tempuri.org/ReceiveReply"'
NS = {"c": "http://tempuri.org/", "s11": SOAP11, "s12": SOAP12}


def reply_of(
    text: str = "孙某甲(370826198509172110)：同意接收",
    kind: str = "回执",
    notice: str = "WSFY-2021-0315-001",
    *,
    soap: str = SOAP11,
    user: str | None = USER,
    password: str = PASSWORD,
    extra: str = "",
    header: str = "",
) -> bytes:
    if user is not None:
        header += (
            f'<AuthHeader xmlns="http://tempuri.org/"><UserName>{user}</UserName>'
            f"<Password>{escape(password)}</Password></AuthHeader>"
        )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="{soap}"><e:Header>{header}</e:Header><e:Body>'
        f'<r:ReceiveReply xmlns:r="http://tempuri.org/"><r:NoticeId>{notice}</r:NoticeId><r:ReplyKind>{kind}</r:ReplyKind>'
        f"<r:ReplyDate>2021-03-15T10:00:00</r:ReplyDate><r:Agency>微山县司法局</r:Agency><r:Text>{text}</r:Text>{extra}"
        "</r:ReceiveReply></e:Body></e:Envelope>"
    ).encode()


def headers_11(action: str | None = ACTION) -> dict[str, str]:
    return {"Content-Type": "text/xml; charset=utf-8"} | ({} if action is None else {"SOAPAction": action})


def headers_12(action: str = ACTION) -> dict[str, str]:
    return {"Content-Type": f"application/soap+xml; charset=utf-8; action={action}"}


def result_of(content: bytes) -> dict[str, str]:
    result = etree.fromstring(content).find(".//c:ReceiveReplyResult", NS)
    assert result is not None, content.decode()
    return {etree.QName(child).localname: child.text or "" for child in result}


@pytest.fixture
def court(start: Start) -> Running:
    return start("court", "court.370826")


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_reply_is_taken_in_both_versions_on_one_address(court: Running, version: str) -> None:
    soap, headers = (SOAP11, headers_11()) if version == "1.1" else (SOAP12, headers_12())
    document = (
        "<r:Documents><r:Document><r:Title>回执</r:Title><r:Kind>回执</r:Kind><r:Content>JVBERi0xLjQKJcfsj6IK"
        "</r:Content></r:Document></r:Documents>"
    )
    answer = court.post(reply_of("马丽娜·阿不都(370828199011303627)：同意接收", soap=soap, extra=document), headers)
    assert answer.status_code == 200
    assert etree.fromstring(answer.content).tag == f"{{{soap}}}Envelope"
    assert answer.headers["Content-Type"].startswith(headers["Content-Type"].split(";")[0])
    assert result_of(answer.content)["Success"] == "true"
    entry = court.last
    assert (entry["operation"], entry["key"], entry["outcome"], entry["version"]) == (
        "ReceiveReply",
        None,
        "accepted",
        version,
    )
    assert entry["record"]["name"] == "马丽娜·阿不都"
    assert entry["record"]["id_number"] == "370828199011303627"
    assert entry["record"]["notice_id"] == "WSFY-2021-0315-001"
    assert entry["record"]["documents"][0]["size"] == 15
    assert "p@ss" not in entry["request"]


def test_a_call_that_comes_twice_is_recorded_twice_with_one_digest(court: Running) -> None:
    numbers = [result_of(court.post(reply_of(), headers_11()).content)["ReceiptNo"] for _ in range(2)]
    assert len(set(numbers)) == 2
    first, second = court.journal
    assert first["outcome"] == second["outcome"] == "accepted"
    assert first["digest"] == second["digest"]


@pytest.mark.parametrize(
    "action", [None, "", "http://tempuri.org/ReceiveReply", '"ReceiveReply"', '"http://tempuri.org/SubmitExecution"']
)
def test_soap_11_needs_its_action_with_quotes(court: Running, action: str | None) -> None:
    answer = court.post(reply_of(), headers_11(action))
    assert answer.status_code == 500
    fault = etree.fromstring(answer.content).find(".//s11:Fault", NS)
    assert fault is not None
    assert fault.findtext("faultcode") == "soap:Client"
    assert court.outcomes == ["fault"]


def test_soap_12_needs_its_action_in_the_content_type(court: Running) -> None:
    body = reply_of(soap=SOAP12)
    for headers in (
        {"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": ACTION},
        headers_12('"http://tempuri.org/Other"'),
    ):
        answer = court.post(body, headers)
        assert answer.status_code == 400
        assert etree.fromstring(answer.content).findtext(".//s12:Code/s12:Value", namespaces=NS) == "soap:Sender"
    assert court.outcomes == ["fault", "fault"]


def test_an_envelope_of_one_version_in_the_content_type_of_the_other_is_refused(court: Running) -> None:
    for answer in (court.post(reply_of(), headers_12()), court.post(reply_of(soap=SOAP12), headers_11())):
        assert answer.status_code == 500
        assert "VersionMismatch" in answer.text


@pytest.mark.parametrize("wrong", [{"user": None}, {"user": "someone"}, {"password": "wrong"}])
def test_the_auth_header_is_checked(court: Running, wrong: dict[str, str | None]) -> None:
    answer = court.post(reply_of(**wrong), headers_11())  # type: ignore[arg-type]
    assert answer.status_code == 500
    assert "身份验证失败" in answer.text
    assert court.outcomes == ["refused"]


def test_a_header_that_must_be_understood_and_is_not_is_refused(court: Running) -> None:
    strange = '<w:Action xmlns:w="http://www.w3.org/2005/08/addressing" e:mustUnderstand="1">x</w:Action>'
    assert "MustUnderstand" in court.post(reply_of(header=strange), headers_11()).text


def test_what_the_schema_forbids_is_refused_and_named(court: Running) -> None:
    broken = reply_of().replace(b"2021-03-15T10:00:00", b"20210315")
    answer = court.post(broken, headers_11())
    assert answer.status_code == 500
    assert "ReplyDate" in answer.text
    out_of_order = re.sub(rb"(<r:NoticeId>.*?</r:NoticeId>)(<r:ReplyKind>.*?</r:ReplyKind>)", rb"\2\1", reply_of())
    assert court.post(out_of_order, headers_11()).status_code == 500
    assert court.outcomes == ["fault", "fault"]


def test_an_unknown_kind_of_reply_is_a_business_refusal(court: Running) -> None:
    found = result_of(court.post(reply_of(kind="收到"), headers_11()).content)
    assert found["Success"] == "false"
    assert "收到" in found["Error"]
    assert court.outcomes == ["refused"]


def test_malformed_text_and_document_types_are_faults(court: Running) -> None:
    for body in (b"<not xml", b'<!DOCTYPE x [<!ENTITY a "b">]>' + reply_of().split(b"?>", 1)[1]):
        answer = court.post(body, headers_11())
        assert answer.status_code == 500
        assert "soap:Client" in answer.text
    assert court.outcomes == ["fault", "fault"]


def test_the_contract_is_served_with_its_own_address(court: Running) -> None:
    wsdl = court.session.get(court.url + "?WSDL", timeout=10)
    addresses = etree.fromstring(wsdl.content).xpath("//*[local-name()='address']/@location")
    assert addresses == [court.url, court.url]


def test_the_journal_survives_a_kill_and_a_torn_last_line(court: Running, start: Start) -> None:
    first = result_of(court.post(reply_of(), headers_11()).content)["ReceiptNo"]
    court.kill()
    [journal] = [path for path in court.data.iterdir() if path.name == "journal.jsonl"]
    with open(journal, "ab") as file:
        file.write(b'{"n": 2, "at": "2021-')
    court.start_again()
    second = result_of(court.post(reply_of(), headers_11()).content)["ReceiptNo"]
    assert first != second
    assert [entry["n"] for entry in court.journal] == [1, 2]


# ---------------------------------------------------------------- calling the hub
ANSWER = sample("court-SubmitExecution-response.xml")


def test_a_notice_goes_out_in_either_version_with_the_courts_own_credentials(start: Start, hub: HubStub) -> None:
    court = start("court", "court.370826", "--hub", hub.url, "--hub-user", "ws-court", "--hub-password", "s&cret")
    notice = sample("court-SubmitExecution-request.xml").decode()
    for version, soap in (("1.1", SOAP11), ("1.2", SOAP12)):
        hub.answer = lambda seen, soap=soap: (
            200,
            "text/xml; charset=utf-8",
            ANSWER.replace(SOAP11.encode(), soap.encode()),
        )  # type: ignore[misc]
        sent = court.control("POST", "send", {"text": notice, "version": version})
        assert sent["status"] == 200
        assert sent["answer"] == {"success": True, "receipt_no": "...", "error": None}
        seen = hub.seen[-1]
        assert seen.path == "/soap/court.370826"
        root = etree.fromstring(seen.body)
        assert root.tag == f"{{{soap}}}Envelope"
        assert root.findtext(".//c:AuthHeader/c:Password", namespaces=NS) == "s&cret"
        assert [name.text for name in root.iterfind(".//c:Defendant/c:Name", NS)] == ["孙某甲", "马丽娜·阿不都"]
    first, second = (seen.headers for seen in hub.seen)
    assert first["soapaction"] == '"http://tempuri.org/SubmitExecution"'
    assert first["content-type"].startswith("text/xml")
    assert "soapaction" not in second
    assert 'action="http://tempuri.org/SubmitExecution"' in second["content-type"]


def test_a_body_alone_and_text_that_is_no_xml_can_be_sent(start: Start, hub: HubStub) -> None:
    court = start("court", "court.370826", "--hub", hub.url, "--hub-user", "ws-court", "--hub-password", "x")
    fault = (
        f'<s:Envelope xmlns:s="{SOAP11}"><s:Body><s:Fault><faultcode>s:Client</faultcode>'
        "<faultstring>报文无法解析</faultstring></s:Fault></s:Body></s:Envelope>"
    ).encode()
    hub.answer = lambda seen: (500, "text/xml; charset=utf-8", fault)
    sent = court.control("POST", "send", {"text": '<SubmitExecution xmlns="http://tempuri.org/"/>'})
    assert etree.fromstring(hub.seen[-1].body).find("s11:Body/c:SubmitExecution", NS) is not None
    assert sent["answer"]["success"] is False
    assert sent["answer"]["error"] == "报文无法解析"
    assert sent["answer"]["fault"]["code"] == "Client"
    court.control("POST", "send", {"text": "<broken"})
    assert hub.seen[-1].body == b"<broken"


def test_sending_without_a_hub_that_answers_says_so(start: Start, hub: HubStub) -> None:
    alone = start("court", "court.370826")
    assert "--hub" in alone.control("POST", "send", {"text": "<x/>"})["error"]
    nowhere = start("court", "court.370826", "--hub", "http://127.0.0.1:1", "--hub-user", "u", "--hub-password", "p")
    sent = nowhere.control("POST", "send", {"text": "<x/>"})
    assert sent["status"] is None
    assert "127.0.0.1:1" in sent["error"]
