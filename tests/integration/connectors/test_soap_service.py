"""Serving the contracts that legacy senders already call, over real sockets: what they may send, and what they get."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import zeep
from lxml import etree
from scripted import DIALECTS, Got, Script
from zeep.transports import Transport

import connectors
from connectors import envelope
from connectors.soap import SoapService
from hub.domain.faults import Fault, HubError, Refused
from hub.ports import ConfigError, Incoming, ProtocolFault

Serve = Callable[[Callable[[Got], Any]], Script]
TEMPURI = "http://tempuri.org/"
ACTION = '"http://tempuri.org/SubmitExecution"'
SOAP12 = 'application/soap+xml; charset=utf-8; action="http://tempuri.org/SubmitExecution"'
COURT_DONE = (
    b'<SubmitExecutionResponse xmlns="http://tempuri.org/"><SubmitExecutionResult><Success>true</Success>'
    b"<ReceiptNo>S-1</ReceiptNo></SubmitExecutionResult></SubmitExecutionResponse>"
)
PRISON_DONE = "<ROOT><CODE>0</CODE><MSG>接收成功</MSG><LSH>J-1</LSH></ROOT>".encode()

NOTICE = """<SubmitExecution xmlns="http://tempuri.org/"><execution><NoticeId>N-1</NoticeId><NoticeType>Notice</NoticeType>
<CourtCode>370826</CourtCode><CaseNumber>（2021）鲁0826刑初57号</CaseNumber><JudgmentDate>2021-03-01T09:30:00</JudgmentDate>
<EffectiveDate xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>
<Defendants><Defendant><Name>马丽娜·阿不都</Name><Sex>女</Sex></Defendant></Defendants></execution></SubmitExecution>"""
AUTH = '<AuthHeader xmlns="http://tempuri.org/"><UserName>ws-court</UserName><Password>口令</Password></AuthHeader>'
RECORD = '<?xml version="1.0" encoding="GB18030"?>\n<ROOT><HEAD><LSH>J1</LSH></HEAD><ZFXX><XM>周㴔</XM></ZFXX></ROOT>'


def notice(
    version: str = "1.1", body: str = NOTICE, header: str = AUTH, encoding: str = "utf-8", declared: str | None = None
) -> bytes:
    said = f'<?xml version="1.0" encoding="{declared or encoding}"?>' if declared != "" else ""
    return (
        f'{said}<e:Envelope xmlns:e="{envelope.NAMESPACES[version]}"><e:Header>{header}</e:Header>'
        f"<e:Body>{body}</e:Body></e:Envelope>"
    ).encode(encoding)


def handover(parts: str | None = None, after: str = "", encoding: str = "utf-8", declared: str | None = None) -> bytes:
    parts = (
        parts
        if parts is not None
        else f"<yhm>yh</yhm><mm>mm</mm><ywlx>JSJZ</ywlx><xmlData>{html.escape(RECORD)}</xmlData>"
    )
    return (
        f'<?xml version="1.0" encoding="{declared or encoding}"?><e:Envelope xmlns:e="{envelope.NAMESPACES["1.1"]}" '
        f'xmlns:xsi="{envelope.XSI}" xmlns:xsd="{envelope.XSD}" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"><e:Body>'
        f'<n:sendData xmlns:n="http://jyjh.prison.example/services" e:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
        f"{parts}</n:sendData>{after}</e:Body></e:Envelope>"
    ).encode(encoding)


class Door:
    """A service behind a socket, as the hub's HTTP side puts it there: receive, answer, or say the fault."""

    def __init__(self, dialect: str, serve: Serve, done: bytes, **change: Any) -> None:
        given: Any = connectors.section(DIALECTS / dialect, "soap")
        given["serve"] = {**given.get("serve", {}), **change}
        self.service = SoapService(f"{dialect}.370826", given, DIALECTS / dialect)
        self.done = done
        self.received: list[Incoming] = []
        self.script = serve(self._handle)

    def _handle(self, got: Got) -> Any:
        try:
            incoming = self.service.receive(got.body, got.headers)
        except HubError as error:
            answer = self.service.fault(error)
        else:
            self.received.append(incoming)
            answer = self.service.answer(incoming, self.done)
        return answer.status, answer.media_type, answer.body

    def post(
        self, body: bytes, content_type: str = "text/xml; charset=utf-8", action: str | None = ACTION
    ) -> requests.Response:
        headers = {"Content-Type": content_type, **({"SOAPAction": action} if action is not None else {})}
        return requests.post(self.script.url, data=body, headers=headers, timeout=10)


@pytest.fixture
def court(serve: Serve) -> Door:
    return Door("court", serve, COURT_DONE)


@pytest.fixture
def prison(serve: Serve) -> Door:
    return Door("prison", serve, PRISON_DONE)


def rules(response: requests.Response) -> list[tuple[str, str]]:
    """Rule and place of each fault in a SOAP fault's detail."""
    root = etree.fromstring(response.content)
    return [
        (envelope.text(found, "rule") or "", envelope.text(found, "place") or "")
        for found in root.iter(f"{{{envelope.FAULT_DETAIL}}}fault")
    ]


def fault_of(response: requests.Response) -> envelope.SoapFault:
    found = envelope.read(etree.fromstring(response.content)).fault
    assert found is not None
    return found


class TestCourt:
    def test_a_notice_in_soap_11(self, court: Door) -> None:
        response = court.post(notice())
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
        assert (
            envelope.text(envelope.read(etree.fromstring(response.content)).content, "SubmitExecutionResult/ReceiptNo")
            == "S-1"
        )
        [incoming] = court.received
        assert (incoming.operation, incoming.user, incoming.password, incoming.version, incoming.parts) == (
            "SubmitExecution",
            "ws-court",
            "口令",
            "1.1",
            {},
        )
        root = etree.fromstring(incoming.payload)
        assert root.tag == "{http://tempuri.org/}SubmitExecution"
        assert envelope.text(root, "execution/Defendants/Defendant/Name") == "马丽娜·阿不都"
        assert root.find(".//{*}EffectiveDate").get(f"{{{envelope.XSI}}}nil") == "true"  # type: ignore[union-attr]

    def test_a_notice_in_soap_12_is_answered_in_12(self, court: Door) -> None:
        response = court.post(notice("1.2"), SOAP12, None)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/soap+xml; charset=utf-8")
        assert envelope.read(etree.fromstring(response.content)).version == "1.2"
        assert court.received[0].version == "1.2"

    @pytest.mark.parametrize(
        "action", [None, "", "http://tempuri.org/SubmitExecution", '"http://tempuri.org/ReceiveReply"', '""']
    )
    def test_in_11_the_action_is_required_with_its_quotes(self, court: Door, action: str | None) -> None:
        response = court.post(notice(), action=action)
        assert response.status_code == 500
        assert fault_of(response).codes == ("Client",)
        assert rules(response) == [("soap.action", "/")]
        assert ACTION in fault_of(response).reason
        assert court.received == []

    def test_in_12_a_wrong_action_is_refused_and_none_is_not(self, court: Door) -> None:
        wrong = court.post(notice("1.2"), SOAP12.replace("Submit", "Other"), None)
        assert (wrong.status_code, fault_of(wrong).codes) == (400, ("Client",))
        assert b"soap:Sender" in wrong.content
        assert court.post(notice("1.2"), "application/soap+xml", None).status_code == 200

    @pytest.mark.parametrize("encoding", ["gb18030", "gbk", "gb2312"])
    @pytest.mark.parametrize("where", ["declaration", "charset", "both"])
    def test_messages_in_chinese_encodings(self, court: Door, encoding: str, where: str) -> None:
        body = notice(
            body=NOTICE.replace("马丽娜", "周㴔"), encoding="gb18030", declared="" if where == "charset" else encoding
        )
        response = court.post(body, "text/xml" if where == "declaration" else f"text/xml; charset={encoding}")
        assert response.status_code == 200, response.text
        assert (
            envelope.text(etree.fromstring(court.received[0].payload), "execution/Defendants/Defendant/Name")
            == "周㴔·阿不都"
        )

    def test_where_header_and_declaration_contradict_each_other_the_bytes_decide(self, court: Door) -> None:
        assert court.post(notice(encoding="gb18030", declared="GB18030"), "text/xml; charset=utf-8").status_code == 200
        assert court.post(notice(encoding="utf-8", declared="utf-8"), "text/xml; charset=gb18030").status_code == 200
        assert [
            envelope.text(etree.fromstring(one.payload), "execution/Defendants/Defendant/Name")
            for one in court.received
        ] == ["马丽娜·阿不都"] * 2

    @pytest.mark.parametrize(
        ("body", "content_type", "says"),
        [
            (notice(encoding="gb18030", declared="utf-8"), "text/xml", "GB18030"),
            (notice(encoding="utf-8", declared="gb2312"), "text/xml", "UTF-8"),
            (notice(declared="iso-8859-1"), "text/xml", "UTF-8"),
        ],
    )
    def test_a_wrong_encoding_is_named_with_the_offset_and_what_would_be_right(
        self, court: Door, body: bytes, content_type: str, says: str
    ) -> None:
        response = court.post(body, content_type)
        assert response.status_code == 500
        assert rules(response)[0][0] in ("encoding.wrong", "encoding.unknown")
        assert says in fault_of(response).reason
        if rules(response)[0][0] == "encoding.wrong":
            first = next(offset for offset, byte in enumerate(body) if byte > 127)
            assert f"第{first}字节" in fault_of(response).reason

    @pytest.mark.parametrize(
        ("body", "rule", "place"),
        [
            (NOTICE.replace("<Sex>女</Sex>", ""), "schema.content", "/SubmitExecution/execution/Defendants/Defendant"),
            (
                NOTICE.replace("<NoticeType>Notice", "<NoticeType>Nonsense"),
                "schema.enumeration",
                "/SubmitExecution/execution/NoticeType",
            ),
            (
                NOTICE.replace("2021-03-01T09:30:00", "2021-13-01"),
                "schema.type",
                "/SubmitExecution/execution/JudgmentDate",
            ),
            ('<ReceiveReply xmlns="http://tempuri.org/"/>', "soap.operation", "/"),
            ("<Submit/>", "soap.operation", "/"),
            ("", "soap.operation", "/"),
        ],
    )
    def test_what_the_contract_does_not_allow_is_named(self, court: Door, body: str, rule: str, place: str) -> None:
        response = court.post(notice(body=body))
        assert (response.status_code, rules(response)) == (500, [(rule, place)])

    def test_an_element_that_the_contract_never_heard_of_is_carried_along(self, court: Door, serve: Serve) -> None:
        more = NOTICE.replace("<Sex>", "<Height><cm>170</cm></Height><Sex>").replace(
            "</execution>", '<x:y xmlns:x="urn:x"/></execution>'
        )
        assert court.post(notice(body=more)).status_code == 200
        assert (
            envelope.text(etree.fromstring(court.received[0].payload), "execution/Defendants/Defendant/Height/cm")
            == "170"
        )
        wrong = court.post(notice(body=more.replace("<Sex>女</Sex>", "")))
        assert rules(wrong)[0] == ("schema.content", "/SubmitExecution/execution/Defendants/Defendant/Height")
        strict = Door("court", serve, COURT_DONE, unknown_elements="refused")
        assert strict.post(notice(body=more)).status_code == 500

    @pytest.mark.parametrize(
        ("body", "rule", "code"),
        [
            (b"", "xml.malformed", "Client"),
            (b"{}", "xml.malformed", "Client"),
            (notice()[:-20], "xml.malformed", "Client"),
            (b"<html/>", "soap.envelope", "VersionMismatch"),
            (notice().replace(b"/soap/envelope/", b"/soap/other/"), "soap.envelope", "VersionMismatch"),
            (b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + notice(declared=""), "xml.dtd", "Client"),
            (
                b'<?xml version="1.0"?><!-- c -->\n<!DOCTYPE x SYSTEM "file:///etc/passwd">' + notice(declared=""),
                "xml.dtd",
                "Client",
            ),
        ],
    )
    def test_what_is_no_message_gets_a_fault_too(self, court: Door, body: bytes, rule: str, code: str) -> None:
        response = court.post(body)
        assert (response.status_code, [found for found, _ in rules(response)], fault_of(response).codes) == (
            500,
            [rule],
            (code,),
        )

    def test_too_large_is_said_before_it_is_read(self, serve: Serve) -> None:
        response = Door("court", serve, COURT_DONE, limit=100).post(notice())
        assert rules(response)[0][0] == "soap.too-large"

    def test_headers_that_must_be_understood_are(self, court: Door) -> None:
        unknown = '<x:T xmlns:x="urn:x" e:mustUnderstand="1"/>'
        for version, content_type, action in (("1.1", "text/xml", ACTION), ("1.2", SOAP12, None)):
            response = court.post(notice(version, header=AUTH + unknown), content_type, action)
            assert (response.status_code, fault_of(response).codes) == (500, ("MustUnderstand",))
            assert ("NotUnderstood" in response.text) is (version == "1.2")
        assert (
            court.post(
                notice(
                    header=AUTH.replace("<AuthHeader", '<AuthHeader e:mustUnderstand="1"')
                    + unknown.replace('"1"', '"0"')
                )
            ).status_code
            == 200
        )
        assert (
            court.post(notice(header=AUTH + unknown.replace("/>", ' e:actor="urn:somebody-else"/>'))).status_code == 200
        )

    def test_no_credentials_are_nobodys(self, court: Door) -> None:
        court.post(notice(header=""))
        assert (court.received[0].user, court.received[0].password) == (None, None)

    def test_an_answer_against_the_contract_is_the_hubs_own_mistake(self, court: Door) -> None:
        court.post(notice())
        for wrong in (b"<Other/>", COURT_DONE.replace(b"<Success>true</Success>", b"")):
            with pytest.raises(ConfigError):
                court.service.answer(court.received[0], wrong)

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_refusals_carry_rule_place_and_message_in_the_senders_version(self, court: Door, version: str) -> None:
        court.post(notice(version), SOAP12 if version == "1.2" else "text/xml", ACTION)
        fault = Fault("code.unknown", "/person/sex", "性别代码不存在", "no such code", xpath="/a/b", value="\x01X")
        answer = court.service.refuse(court.received[0], "E012", "代码不对", [fault])
        message = envelope.read(etree.fromstring(answer.body))
        assert (answer.status, message.version) == ({"1.1": 500, "1.2": 400}[version], version)
        assert message.fault is not None
        assert (message.fault.codes, message.fault.reason) == (("Client",), "代码不对")
        assert [child.text for child in message.fault.detail[0][0]] == [
            "code.unknown",
            "/a/b",
            "\ufffdX",
            "性别代码不存在",
            "no such code",
        ]  # type: ignore[index]
        assert message.fault.detail[0].get("code") == "E012"  # type: ignore[index]
        whole = court.service.fault(Refused([fault]), court.received[0])
        assert envelope.read(etree.fromstring(whole.body)).version == version
        server = court.service.refuse(court.received[0], "Server", "系统内部错误")
        assert envelope.read(etree.fromstring(server.body)).fault.codes == ("Server",)  # type: ignore[union-attr]

    def test_what_is_the_hubs_own_trouble_says_no_inner_words(self, court: Door) -> None:
        answer = court.service.fault(HubError([Fault("db", "", "密码是123", "the password is 123")]))
        assert "123" not in answer.body.decode()
        assert envelope.read(etree.fromstring(answer.body)).fault.codes == ("Server",)  # type: ignore[union-attr]

    def test_the_wsdl_names_the_hubs_address_and_nothing_else_changes(self, court: Door) -> None:
        served = etree.fromstring(court.service.wsdl("https://hub.example/soap/court.370826?a=1&b=2"))
        vendors = etree.parse(DIALECTS / "court" / "CourtCaseService.wsdl").getroot()
        addresses = served.xpath("//*[local-name()='address']/@location")
        assert addresses == ["https://hub.example/soap/court.370826?a=1&b=2"] * 2
        for tree in (served, vendors):
            for address in tree.xpath("//*[local-name()='address']"):  # type: ignore[union-attr]
                address.set("location", "")  # type: ignore[union-attr, arg-type]
        assert etree.tostring(served, method="c14n") == etree.tostring(vendors, method="c14n")

    @pytest.mark.parametrize("binding", ["CourtCaseServiceSoap", "CourtCaseServiceSoap12"])
    def test_a_client_made_from_the_served_wsdl_can_call_it(self, court: Door, binding: str, tmp_path: Any) -> None:
        (tmp_path / "served.wsdl").write_bytes(court.service.wsdl(court.script.url))
        client = zeep.Client(str(tmp_path / "served.wsdl"), transport=Transport())
        # The vendor gives the 1.2 port an address of the 1.1 namespace, which zeep does not read: it is told here.
        proxy = client.create_service(f"{{{TEMPURI}}}{binding}", court.script.url)
        answer = proxy.SubmitExecution(
            execution={
                "NoticeId": "N",
                "NoticeType": "Notice",
                "CourtCode": "370826",
                "CaseNumber": "1",
                "JudgmentDate": datetime(2021, 3, 1),
                "EffectiveDate": None,
            },
            _soapheaders={"AuthHeader": {"UserName": "u", "Password": "p"}},
        )
        assert (answer.Success, answer.ReceiptNo, court.received[0].user) == (True, "S-1", "u")


class TestPrison:
    @pytest.mark.parametrize(("encoding", "declared"), [("utf-8", None), ("gb18030", "GB18030"), ("gb18030", "GB2312")])
    def test_a_record_in_a_string(self, prison: Door, encoding: str, declared: str | None) -> None:
        response = prison.post(handover(encoding=encoding, declared=declared), "text/xml", '""')
        assert response.status_code == 200, response.text
        [incoming] = prison.received
        assert (incoming.operation, incoming.user, incoming.password, incoming.parts) == (
            "sendData",
            "yh",
            "mm",
            {"ywlx": "JSJZ"},
        )
        assert incoming.payload.startswith(b"<ROOT>"), "the declaration that is not true any more is dropped"
        assert envelope.text(etree.fromstring(incoming.payload), "ZFXX/XM") == "周㴔"
        part = etree.fromstring(response.content).find(".//sendDataReturn")
        assert part is not None
        assert part.text == PRISON_DONE.decode()

    def test_references_order_and_types_are_taken_as_axis_sends_them(self, prison: Door) -> None:
        parts = '<xmlData href="#id1"/><mm xsi:type="soapenc:string">mm</mm><ywlx href="#id0"/><n:yhm xsi:type="xsd:string">yh</n:yhm>'
        after = (
            f'<multiRef id="id0" xsi:type="soapenc:string">JSJZ</multiRef>'
            f'<multiRef id="id1" xsi:type="xsd:string"><![CDATA[{RECORD}]]></multiRef>'
        )
        assert prison.post(handover(parts, after), action=None).status_code == 200
        [incoming] = prison.received
        assert (incoming.user, incoming.password, incoming.parts) == ("yh", "mm", {"ywlx": "JSJZ"})
        assert envelope.text(etree.fromstring(incoming.payload), "ZFXX/XM") == "周㴔"

    @pytest.mark.parametrize(
        ("parts", "found"),
        [
            (
                "<yhm>yh</yhm><xmlData>x</xmlData>",
                [
                    ("soap.part-missing", "/Envelope/Body/sendData/mm"),
                    ("soap.part-missing", "/Envelope/Body/sendData/ywlx"),
                ],
            ),
            (
                '<yhm>y</yhm><mm>m</mm><ywlx xsi:nil="true"/><xmlData>x</xmlData>',
                [("soap.part-missing", "/Envelope/Body/sendData/ywlx")],
            ),
            (
                '<yhm>y</yhm><mm>m</mm><ywlx>J</ywlx><xmlData href="#nowhere"/>',
                [("soap.href", "/Envelope/Body/sendData/xmlData")],
            ),
            (
                '<yhm>y</yhm><mm>m</mm><ywlx>J</ywlx><xmlData id="a" href="#a"/>',
                [("soap.href", "/Envelope/Body/sendData/xmlData")],
            ),
            (
                "<yhm>y</yhm><mm>m</mm><ywlx>J</ywlx><xmlData><ROOT/></xmlData>",
                [("soap.part-type", "/Envelope/Body/sendData/xmlData")],
            ),
            (
                "<yhm>y</yhm><mm>m</mm><ywlx>J</ywlx><xmlData>x</xmlData><more>x</more>",
                [("soap.part-unknown", "/Envelope/Body/sendData/more")],
            ),
        ],
    )
    def test_parts_that_do_not_fit_are_named(self, prison: Door, parts: str, found: list[tuple[str, str]]) -> None:
        response = prison.post(handover(parts), action=None)
        assert (response.status_code, rules(response)) == (500, found)

    def test_soap_12_is_not_in_this_contract(self, prison: Door) -> None:
        response = prison.post(
            handover().replace(envelope.NAMESPACES["1.1"].encode(), envelope.NAMESPACES["1.2"].encode()),
            "application/soap+xml",
            None,
        )
        assert (fault_of(response).codes, rules(response)) == (("VersionMismatch",), [("soap.version", "/")])
        assert envelope.read(etree.fromstring(response.content)).version == "1.1"

    def test_a_fault_of_a_version_that_it_does_not_speak_is_told_in_its_own(self, prison: Door) -> None:
        answer = prison.service.fault(
            ProtocolFault([Fault("message.too-large", "", "太大", "too large")], version="1.2", status=413)
        )
        assert envelope.read(etree.fromstring(answer.body)).version == "1.1"

    def test_answers_in_the_configured_encoding(self, serve: Serve) -> None:
        response = Door("prison", serve, "<ROOT><MSG>周㴔</MSG></ROOT>".encode(), encoding="GB18030").post(handover())
        assert response.headers["Content-Type"] == "text/xml; charset=gb18030"
        assert "周㴔" in response.content.decode("gb18030")

    def test_an_rpc_client_made_from_the_served_wsdl_can_call_it(self, prison: Door, tmp_path: Any) -> None:
        (tmp_path / "served.wsdl").write_bytes(prison.service.wsdl(prison.script.url))
        client = zeep.Client(str(tmp_path / "served.wsdl"), transport=Transport())
        assert client.service.sendData("yh", "mm", "JSJZ", RECORD) == PRISON_DONE.decode()


class TestDigest:
    """A contract with WS-Security: the digest is handed on, freshness and nonces are the service's to check."""

    PERSON = (
        '<t:TsRyxxQq xmlns:t="urn:ga:jzxt:types:v2"><XXID>1</XXID><YWDM>RJCS</YWDM><FSSJ>20210315092000</FSSJ><RYXX><XM>某</XM><XBDM>1</XBDM>'
        "<CSRQ>19850917</CSRQ><GMSFHM>370826198509172110</GMSFHM><HJDXZQHDM>370826</HJDXZQHDM><XZZXZQHDM>370826</XZZXZQHDM></RYXX></t:TsRyxxQq>"
    )
    DONE = b'<t:TsRyxxYd xmlns:t="urn:ga:jzxt:types:v2"><XXID>1</XXID><SLBH>S</SLBH><SLSJ>20210315092000</SLSJ></t:TsRyxxYd>'

    def envelope(self, nonce: bytes, created: str, password: str = "pw") -> bytes:
        digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
        wsse, wsu = (
            "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
            "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
        )
        kind = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
        header = (
            f'<w:Security xmlns:w="{wsse}" xmlns:u="{wsu}" e:mustUnderstand="1"><w:UsernameToken><w:Username>sfj</w:Username>'
            f'<w:Password Type="{kind}">{digest}</w:Password><w:Nonce>{base64.b64encode(nonce).decode()}</w:Nonce>'
            f"<u:Created>{created}</u:Created></w:UsernameToken></w:Security>"
        )
        return notice(header=header, body=self.PERSON)

    def test_a_digest_proves_the_password_once(self, serve: Serve) -> None:
        door = Door("police", serve, self.DONE, operations=["tsRyxx"])
        created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        assert door.post(self.envelope(b"1", created)).status_code == 200
        [incoming] = door.received
        assert (incoming.user, incoming.password) == ("sfj", None)
        assert incoming.digest is not None
        assert incoming.digest.matches("pw")
        assert not incoming.digest.matches("other")
        again = door.post(self.envelope(b"1", created))
        assert (again.status_code, rules(again)) == (500, [("wsse.replayed", "/")])

    @pytest.mark.parametrize(
        ("created", "rule"), [("2021-03-15T01:20:00Z", "wsse.stale"), ("yesterday", "wsse.malformed")]
    )
    def test_what_is_not_of_now_is_refused(self, serve: Serve, created: str, rule: str) -> None:
        response = Door("police", serve, self.DONE, operations=["tsRyxx"]).post(self.envelope(b"1", created))
        assert rules(response) == [(rule, "/")]


def test_a_dialect_that_nobody_calls_by_cannot_be_served() -> None:
    with pytest.raises(ConfigError, match="serve"):
        SoapService("city.370800", connectors.section(DIALECTS / "city", "soap"), DIALECTS / "city")
