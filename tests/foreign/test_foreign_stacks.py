"""Every habit of the four systems, on stacks that are not Python: tried by hand-written requests and by each other's clients."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from lxml import etree
from zeep.wsse.username import UsernameToken

from tests.foreign import capture
from tests.foreign import messages as m
from tests.foreign.stacks import FOREIGN, HERE, HubStand, Program, Recorded

pytestmark = pytest.mark.foreign

Start = Callable[..., Program]
AGENCIES = {"prison": "prison.370800", "court": "court.370826", "police": "police.370826", "city": "bureau.370826"}


@pytest.fixture
def prison(start: Start) -> Program:
    return start("prison", "prison.370800")


@pytest.fixture
def court(start: Start) -> Program:
    return start("court", "court.370826")


@pytest.fixture
def police(start: Start) -> Program:
    return start("police", "police.370826")


@pytest.fixture
def city(start: Start) -> Program:
    return start("city", "bureau.370826")


def ask(program: Program) -> m.Answer:
    """A good request to any of the four; for the city platform, a login."""
    match program.agency.split(".")[0]:
        case "prison":
            return m.send_data(program.url, m.receipt_record(), "HZ")
        case "court":
            return m.reply_to_court(program.url)
        case "police":
            return m.ts_ryxx(program.url, m.police_record())
    return m.login(program.url)


# ---------------------------------------------------------------- what all have in common
@pytest.mark.parametrize("system", FOREIGN)
class TestEverySystem:
    def test_it_answers_at_the_control_addresses(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])

        assert program.control("GET", "health") == {"system": system, "agency": AGENCIES[system], "url": program.url}
        ask(program)
        (entry,) = program.journal()
        assert (entry["n"], entry["status"]) == (1, 200)
        assert {"at", "operation", "key", "outcome", "digest", "record", "request", "answer"} <= set(entry)
        assert "通行证" not in json.dumps(entry, ensure_ascii=False)
        assert program.control("GET", "journal?after=1") == {"entries": []}

    def test_it_serves_its_contract_at_its_own_address(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])

        wsdl = etree.fromstring(program.session.get(f"{program.url}?wsdl", timeout=30).content)

        addresses = wsdl.findall(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
        assert addresses
        assert {address.get("location") for address in addresses} == {program.url}

    def test_its_state_outlives_a_power_cut(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])
        ask(program)
        before = program.journal()
        program.kill()
        with (program.data / "journal.jsonl").open("ab") as journal:
            journal.write(b'{"n": 2, "cut sho')

        program.start(program.port)

        assert program.journal() == before
        ask(program)
        assert [entry["n"] for entry in program.journal()] == [1, 2]

    def test_a_connection_that_is_down_records_nothing(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])
        program.arm("down")

        with pytest.raises(requests.ConnectionError):
            ask(program)

        assert program.journal() == []
        assert ask(program).status == 200

    @pytest.mark.parametrize("fault", ["lost-answer", "half"])
    def test_a_lost_answer_was_recorded(self, start: Start, system: str, fault: str) -> None:
        program = start(system, AGENCIES[system])
        program.arm(fault)

        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            ask(program)

        (entry,) = program.journal()
        assert entry["outcome"] in ("accepted", "login")
        assert entry["fault"] == fault

    def test_an_error_page_is_no_soap(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])
        program.arm("http-500")
        program.arm("html")
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

        answers = [program.session.post(program.url, data=b"<x/>", headers=headers, timeout=30) for _ in range(2)]

        assert [(one.status_code, one.headers["Content-Type"].split(";")[0]) for one in answers] == [
            (500, "text/plain"),
            (200, "text/html"),
        ]
        assert program.control("GET", "faults")["armed"] == []

    def test_a_slow_answer_comes_after_its_seconds(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])
        program.arm("slow", seconds=0.6)
        with pytest.raises(requests.ReadTimeout):
            program.session.post(program.url, data=b"<x/>", headers={"Content-Type": "text/xml"}, timeout=0.3)
        assert len(program.journal()) == 1

    def test_armed_faults_are_listed_and_cleared(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])
        program.arm("down", times=-1)

        listed = program.control("GET", "faults")

        assert [(one["fault"], one["times"]) for one in listed["armed"]] == [("down", -1)]
        assert {"down", "half", "lost-answer", "slow", "http-500", "html", "refuse"} <= set(listed["known"])
        assert program.control("DELETE", "faults")["armed"] == []
        assert "error" in program.control("POST", "faults", {"fault": "flood"})
        assert ask(program).status == 200

    def test_what_is_no_xml_gets_a_fault_and_is_recorded(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

        answer = m.post(program.url, "<e:Envelope", headers)

        assert (answer.status, bool(answer.fault)) == (500, True)
        assert [entry["outcome"] for entry in program.journal()] == ["fault"]

    def test_a_document_type_is_never_read(self, start: Start, system: str) -> None:
        program = start(system, AGENCIES[system])
        body = '<!DOCTYPE x [<!ENTITY a "b">]>' + m.envelope("<a>&a;</a>").partition("?>")[2]

        answer = m.post(program.url, body, {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'})

        assert (answer.status, bool(answer.fault)) == (500, True)


# ---------------------------------------------------------------- prison on PHP's SoapServer
class TestPrison:
    def test_a_receipt_is_answered_by_a_record_inside_a_string(self, prison: Program) -> None:
        answer = m.send_data(prison.url, m.receipt_record(), "HZ")

        assert etree.QName(answer.element) == etree.QName(m.PRISON, "sendDataResponse")
        code, message, number = m.prison_answer(answer)
        assert (code, message) == ("0", "接收成功")
        assert number is not None
        assert number.startswith("JNY")
        (entry,) = prison.journal()
        assert (entry["operation"], entry["key"], entry["outcome"]) == ("sendData", "HZ0001", "accepted")
        assert entry["record"]["id_number"] == "37082619790214041X"
        assert entry["record"]["answers"] == "JNJY201207030007"

    def test_the_same_number_again_is_one_record(self, prison: Program) -> None:
        first = m.prison_answer(m.send_data(prison.url, m.receipt_record(), "HZ"))
        later = m.receipt_record(FSSJ="20120705000000").replace("<HZ>", "\n  <HZ>\n")

        assert m.prison_answer(m.send_data(prison.url, later, "HZ")) == first
        other = m.receipt_record(JG="0", YY="材料不齐")
        assert m.prison_answer(m.send_data(prison.url, other, "HZ"))[0] == "E030"
        prison.kill()
        prison.start()
        assert m.prison_answer(m.send_data(prison.url, m.receipt_record(), "HZ")) == first
        assert [entry["outcome"] for entry in prison.journal()] == ["accepted", "duplicate", "refused", "duplicate"]

    @pytest.mark.parametrize(
        ("replaced", "code"),
        [
            ({"YLSH": ""}, "E010"),
            ({"JG": "0"}, "E010"),
            ({"HZSJ": "20120732101500"}, "E011"),
            ({"JG": "2"}, "E012"),
            ({"GMSFHM": "370826197902140411"}, "E013"),
            ({"JSDW": "370900-TAJY"}, "E020"),
            ({"YWLX": "XX"}, "E002"),
        ],
    )
    def test_what_is_wrong_is_said_by_code(self, prison: Program, replaced: dict[str, str], code: str) -> None:
        answer = m.send_data(prison.url, m.receipt_record(**replaced), "HZ")

        assert m.prison_answer(answer)[0] == code
        assert [(entry["outcome"], entry["code"]) for entry in prison.journal()] == [("refused", code)]

    @pytest.mark.parametrize(
        ("replaced", "code"),
        [
            ({"YPXQ": "0506"}, "E012"),
            ({"CSRQ": "1979-02-14"}, "E011"),
            ({"ZM": ""}, "E010"),
            ({"LX": "77"}, "E012"),
            ({"NR": "not base64!"}, "E002"),
            ({"GMSFHM": "370826197902140418"}, "E013"),
            ({}, "E020"),
        ],
    )
    def test_a_handover_is_checked_as_well(self, prison: Program, replaced: dict[str, str], code: str) -> None:
        assert m.prison_answer(m.send_data(prison.url, m.parole_record(**replaced), "JSJZ"))[0] == code

    def test_login_business_type_and_text_are_checked(self, prison: Program) -> None:
        assert m.prison_answer(m.send_data(prison.url, m.receipt_record(), "HZ", password="x"))[0] == "E001"
        assert m.prison_answer(m.send_data(prison.url, m.receipt_record(), "XX"))[0] == "E012"
        assert m.prison_answer(m.send_data(prison.url, "<ROOT><HEAD>", "HZ"))[0] == "E002"
        prison.arm("busy")
        assert m.prison_answer(m.send_data(prison.url, m.receipt_record(), "HZ"))[0] == "E099"
        prison.arm("refuse", reason="已转监")
        assert m.prison_answer(m.send_data(prison.url, m.receipt_record(), "HZ"))[:2] == (
            "E020",
            "非本单位管辖：已转监",
        )
        assert [entry["outcome"] for entry in prison.journal()] == ["refused", "refused", "refused", "busy", "refused"]

    @pytest.mark.parametrize(("encoding", "charset"), [("UTF-8", True), ("GB18030", True), ("GB18030", False)])
    def test_a_name_outside_gbk_arrives_in_either_encoding(self, start: Start, encoding: str, charset: bool) -> None:
        bureau = start("prison", "prison.370826")

        answer = m.send_data(bureau.url, m.parole_record(), "JSJZ", encoding=encoding, charset=charset)

        assert m.prison_answer(answer)[0] == "0"
        (entry,) = bureau.journal()
        assert entry["record"]["name"] == "周㴔"
        assert [one["title"] for one in entry["record"]["documents"]] == ["假释裁定书副本.pdf", "出监鉴定表.pdf"]

    def test_it_can_answer_in_gb18030(self, prison: Program) -> None:
        prison.arm("gb18030")

        answer = m.send_data(prison.url, m.receipt_record(), "HZ")

        assert answer.headers["Content-Type"] == "text/xml; charset=GB18030"
        assert "接收成功".encode("GB18030") in answer.content
        assert m.prison_answer(answer)[1] == "接收成功"

    def test_an_action_header_is_needed_and_soap_12_is_not_spoken(self, prison: Program) -> None:
        body = m.envelope(f'<p:sendData xmlns:p="{m.PRISON}"/>')

        assert m.post(prison.url, body, {"Content-Type": "text/xml"}).fault == "no SOAPAction header!"
        twelve = m.post(
            prison.url,
            m.envelope(f'<p:sendData xmlns:p="{m.PRISON}"/>', namespace=m.SOAP12),
            {"Content-Type": "application/soap+xml", "SOAPAction": '""'},
        )
        assert twelve.element.findtext("faultcode") == "SOAP-ENV:VersionMismatch"

    def test_an_unknown_operation_is_a_fault_of_phps_own(self, prison: Program) -> None:
        body = m.envelope(f'<p:sendAll xmlns:p="{m.PRISON}"/>')

        answer = m.post(prison.url, body, {"Content-Type": "text/xml", "SOAPAction": '""'})

        assert answer.status == 500
        assert "sendAll" in (answer.fault or "")

    @pytest.mark.parametrize("encoding", ["UTF-8", "GB18030"])
    @pytest.mark.parametrize("simulated", [False, True], ids=["php-to-php", "php-to-python"])
    def test_its_client_hands_over_to_a_prison(
        self, start: Start, hub_stand: HubStand, encoding: str, simulated: bool
    ) -> None:
        receiver = start("prison", "prison.370826", simulated=simulated)
        sender = start("prison", "prison.370800", hub=hub_stand.url, hub_user="hub", hub_password="通行证")
        hub_stand.forward_to(receiver.url)

        sent = sender.send(m.parole_record(), encoding=encoding)

        assert sent["status"] == 200
        assert (sent["answer"]["code"], sent["answer"]["msg"]) == ("0", "接收成功")
        assert hub_stand.requests[0].line == "POST /soap/prison.370800 HTTP/1.1"
        assert receiver.journal()[0]["record"]["name"] == "周㴔"
        assert receiver.journal()[0]["business_type"] == "JSJZ"
        again = sender.send(m.parole_record(FSSJ="20120703101500"), business_type="JSJZ", encoding=encoding)
        assert again["answer"] == sent["answer"]

    def test_its_client_tells_what_it_did_not_get(self, start: Start, hub_stand: HubStand) -> None:
        sender = start("prison", "prison.370800", hub=hub_stand.url)
        unreachable = start("prison", "prison.370800", hub="http://127.0.0.1:9")
        fault = m.envelope(
            "<e:Fault><faultcode>e:Server</faultcode><faultstring>维护中</faultstring></e:Fault>"
        ).encode()
        hub_stand.answer = lambda _: (500, "text/xml; charset=utf-8", fault)

        told = sender.send(m.parole_record())

        assert (told["status"], told["answer"]["fault"]["code"], told["answer"]["msg"]) == (500, "Server", "维护中")
        assert "error" in unreachable.send(m.parole_record())


# ---------------------------------------------------------------- court on npm's soap
class TestCourt:
    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_a_reply_is_taken_in_both_versions_on_one_address(self, court: Program, version: str) -> None:
        answer = m.reply_to_court(court.url, version)

        assert answer.root.tag == f"{{{m.SOAP11 if version == '1.1' else m.SOAP12}}}Envelope"
        assert etree.QName(answer.element) == etree.QName(m.COURT, "ReceiveReplyResponse")
        assert (answer.text("ReceiveReplyResult/Success"), answer.text("ReceiveReplyResult/ReceiptNo")) == (
            "true",
            "SF00000001",
        )
        (entry,) = court.journal()
        assert (entry["operation"], entry["key"], entry["outcome"], entry["version"]) == (
            "ReceiveReply",
            None,
            "accepted",
            version,
        )
        assert entry["record"]["name"] == "孙某甲"
        assert entry["record"]["id_number"] == "370826198509172110"
        assert entry["record"]["agency"] == "微山县司法局"

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    @pytest.mark.parametrize(
        "action", [None, "http://tempuri.org/ReceiveReply", '""', '"http://tempuri.org/SubmitExecution"']
    )
    def test_the_action_is_checked_with_its_quotes(self, court: Program, version: str, action: str | None) -> None:
        answer = m.reply_to_court(court.url, version, action=action)

        assert answer.status == (500 if version == "1.1" else 400)
        assert answer.fault is not None
        assert "操作" in answer.fault or "SOAPAction" in answer.fault
        assert [entry["outcome"] for entry in court.journal()] == ["fault"]

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_the_header_must_say_who_calls(self, court: Program, version: str) -> None:
        assert m.reply_to_court(court.url, version, user=None).fault == "身份验证失败：用户名或密码错误"
        assert m.reply_to_court(court.url, version, password="x").fault == "身份验证失败：用户名或密码错误"
        assert [entry["outcome"] for entry in court.journal()] == ["refused", "refused"]

    def test_it_knows_no_duplicates(self, court: Program) -> None:
        numbers = [m.reply_to_court(court.url).text("ReceiveReplyResult/ReceiptNo") for _ in range(2)]

        assert numbers == ["SF00000001", "SF00000002"]
        first, second = court.journal()
        assert first["digest"] == second["digest"]

    def test_a_business_refusal_is_success_false(self, court: Program) -> None:
        court.arm("refuse", reason="案件已归档")
        refused = m.reply_to_court(court.url)
        unknown = m.reply_to_court(court.url, kind="收到")

        assert (refused.text("ReceiveReplyResult/Success"), refused.text("ReceiveReplyResult/Error")) == (
            "false",
            "案件已归档",
        )
        assert "ReplyKind" in (unknown.text("ReceiveReplyResult/Error") or "")
        assert [entry["outcome"] for entry in court.journal()] == ["refused", "refused"]

    def test_the_schema_is_enforced(self, court: Program) -> None:
        stray = m.reply_to_court(court.url, extra="<c:Stray/>")
        unqualified = m.reply_to_court(court.url, extra="<Documents/>")

        assert "Stray" in (stray.fault or "")
        assert "Documents" in (unqualified.fault or "")
        good = m.reply_to_court(
            court.url,
            extra="<c:Documents><c:Document><c:Title>报告</c:Title><c:Kind>其他</c:Kind>"
            "<c:Content>JVBERi0=</c:Content></c:Document></c:Documents>",
        )
        assert good.text("ReceiveReplyResult/Success") == "true"
        assert court.journal()[-1]["record"]["documents"][0]["size"] == 5

    def test_gb18030_is_read_by_declaration_and_by_header(self, court: Program) -> None:
        body = m.envelope(
            f'<ReceiveReply xmlns="{m.COURT}"><NoticeId>N</NoticeId><ReplyKind>回执</ReplyKind>'
            "<ReplyDate>2021-03-15T10:00:00</ReplyDate><Text>周㴔(37082619790214041X)：已接收</Text></ReceiveReply>",
            f'<AuthHeader xmlns="{m.COURT}"><UserName>hub</UserName><Password>通行证</Password></AuthHeader>',
        )
        declared = body.replace('version="1.0"', 'version="1.0" encoding="GB18030"').encode("GB18030")
        action = {"SOAPAction": '"http://tempuri.org/ReceiveReply"'}

        m.post(court.url, declared, action | {"Content-Type": "text/xml"})
        m.post(court.url, body.encode("GB18030"), action | {"Content-Type": "text/xml; charset=gb2312"})

        assert [entry["record"].get("name") for entry in court.journal()] == ["周㴔", "周㴔"]

    def test_one_version_can_be_left_out(self, start: Start) -> None:
        only = start("court", "court.370826", soap="1.2")

        assert m.reply_to_court(only.url, "1.2").status == 200
        assert m.reply_to_court(only.url, "1.1").fault == "不支持的 SOAP 版本"

    def test_an_exception_of_the_application_is_the_servers_fault(self, court: Program) -> None:
        court.arm("server-fault")

        assert m.reply_to_court(court.url).element.findtext("faultcode") == "soap:Server"

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_its_client_sends_a_notice(self, start: Start, hub_stand: HubStand, version: str) -> None:
        court = start("court", "court.370826", hub=hub_stand.url, hub_user="ws-court", hub_password="口令")
        result = (
            f'<SubmitExecutionResponse xmlns="{m.COURT}"><SubmitExecutionResult><Success>true</Success>'
            "<ReceiptNo>S-1</ReceiptNo></SubmitExecutionResult></SubmitExecutionResponse>"
        )
        namespace = m.SOAP11 if version == "1.1" else m.SOAP12
        media = "text/xml" if version == "1.1" else "application/soap+xml"
        hub_stand.answer = lambda _: (200, f"{media}; charset=utf-8", m.envelope(result, namespace=namespace).encode())
        sample = (m.SAMPLES / "SubmitExecution-request.xml").read_text()

        sent = court.send(
            sample.replace(
                "<EffectiveDate>2021-03-12T00:00:00</EffectiveDate>", f'<EffectiveDate xmlns:x="{m.XSI}" x:nil="true"/>'
            ),
            version=version,
        )

        assert sent["status"] == 200
        assert sent["answer"] == {"success": True, "receipt_no": "S-1", "error": None}
        (request,) = hub_stand.requests
        if version == "1.1":
            assert request.header("SOAPAction") == '"http://tempuri.org/SubmitExecution"'
        else:
            assert request.header("Content-Type") == (
                'application/soap+xml; charset=utf-8; action="http://tempuri.org/SubmitExecution"'
            )
            assert request.header("SOAPAction") is None
        root = etree.fromstring(request.body)
        assert root.tag == f"{{{namespace}}}Envelope"
        header = root.find(f"{{*}}Header/{{{m.COURT}}}AuthHeader")
        assert [one.text for one in header] == ["ws-court", "口令"]
        notice = root.find(f"{{*}}Body/{{{m.COURT}}}SubmitExecution/{{{m.COURT}}}execution")
        wanted = etree.fromstring(sample.encode()).find(f".//{{{m.COURT}}}execution")
        names = [one.tag for one in notice.iter()]
        assert names == [one.tag for one in wanted.iter()]
        assert notice.find("{*}EffectiveDate").get(f"{{{m.XSI}}}nil") == "true"
        assert [one.get("code") for one in notice.iter(f"{{{m.COURT}}}Residence")] == ["370826108", "370828"]
        assert [one.text for one in notice.iter(f"{{{m.COURT}}}Name")] == ["孙某甲", "马丽娜·阿不都"]

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_a_fault_is_taken_apart(self, start: Start, hub_stand: HubStand, version: str) -> None:
        court = start("court", "court.370826", hub=hub_stand.url)
        faults = {
            "1.1": m.envelope("<e:Fault><faultcode>e:Client</faultcode><faultstring>报文有误</faultstring></e:Fault>"),
            "1.2": m.envelope(
                "<e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code>"
                '<e:Reason><e:Text xml:lang="zh">报文有误</e:Text></e:Reason></e:Fault>',
                namespace=m.SOAP12,
            ),
        }
        hub_stand.answer = lambda _: (500, "text/xml; charset=utf-8", faults[version].encode())

        told = court.send((m.SAMPLES / "SubmitExecution-request.xml").read_text(), version=version)

        assert (told["status"], told["answer"]["success"], told["answer"]["error"]) == (500, False, "报文有误")
        assert told["answer"]["fault"]["code"] == ("Client" if version == "1.1" else "Sender")

    @pytest.mark.parametrize("simulated", [False, True], ids=["node-to-node", "node-to-python"])
    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_its_client_talks_to_a_court(
        self, start: Start, hub_stand: HubStand, version: str, simulated: bool
    ) -> None:
        receiver = start("court", "court.370826", simulated=simulated)
        sender = start("court", "court.370826", hub=hub_stand.url, hub_user="hub", hub_password="通行证")
        hub_stand.forward_to(receiver.url)
        reply = (
            "<ReceiveReply><NoticeId>N-1</NoticeId><ReplyKind>报到</ReplyKind><ReplyDate>2021-03-15T10:00:00</ReplyDate>"
            "<Agency>微山县司法局</Agency><Text>马丽娜·阿不都(370828199011303627)：已报到</Text></ReceiveReply>"
        )

        sent = sender.send(reply, operation="ReceiveReply", version=version)

        assert sent["status"] == 200
        assert receiver.journal()[0]["outcome"] == "accepted"
        assert receiver.journal()[0]["record"]["name"] == "马丽娜·阿不都"


# ---------------------------------------------------------------- police on npm's soap
class TestPolice:
    def test_a_record_is_accepted_with_unqualified_elements(self, police: Program) -> None:
        answer = m.ts_ryxx(police.url, m.police_record())

        assert answer.status == 200
        assert answer.element.tag == f"{{{m.POLICE}}}TsRyxxYd"
        assert [one.tag for one in answer.element] == ["XXID", "SLBH", "SLSJ"]
        assert answer.element.findtext("XXID") == "XX-1"
        (entry,) = police.journal()
        assert (entry["operation"], entry["key"], entry["outcome"]) == ("tsRyxx", "XX-1", "accepted")
        assert (entry["record"]["name"], entry["record"]["documents"][0]["title"]) == ("孙某甲", "刑事判决书.pdf")

    def test_qualified_elements_do_not_fit(self, police: Program) -> None:
        record = m.police_record().replace("<XXID>", "<t:XXID>").replace("</XXID>", "</t:XXID>")

        answer = m.ts_ryxx(police.url, record)

        assert answer.element.findtext(f"detail/{{{m.POLICE}}}YwYc/CWDM") == "CF01"

    @pytest.mark.parametrize(
        ("replaced", "names"),
        [
            ({"GMSFHM": "37082619850917211x"}, "GMSFHM"),
            ({"CSRQ": "1985-09-17"}, "CSRQ"),
            ({"FSSJ": "20210315"}, "FSSJ"),
            ({"JZLBDM": "5"}, "JZLBDM"),
            ({"JZKSRQ": "2021"}, "JZKSRQ"),
        ],
    )
    def test_patterns_are_enforced(self, police: Program, replaced: dict[str, str], names: str) -> None:
        answer = m.ts_ryxx(police.url, m.police_record(**replaced))

        assert (answer.status, answer.fault) == (500, "业务异常")
        detail = answer.element.find(f"detail/{{{m.POLICE}}}YwYc")
        assert [one.tag for one in detail] == ["CWDM", "CWXX"]
        assert detail.findtext("CWDM") == "CF01"
        assert names in detail.findtext("CWXX")
        assert [(entry["key"], entry["outcome"]) for entry in police.journal()] == [("XX-1", "refused")]

    def test_order_and_missing_elements_count(self, police: Program) -> None:
        swapped = m.police_record().replace("<XM>孙某甲</XM><XBDM>1</XBDM>", "<XBDM>1</XBDM><XM>孙某甲</XM>")
        missing = m.police_record().replace("<XBDM>1</XBDM>", "")

        codes = [
            m.ts_ryxx(police.url, one).element.findtext(f"detail/{{{m.POLICE}}}YwYc/CWDM") for one in (swapped, missing)
        ]

        assert codes == ["CF01", "CF01"]

    def test_the_same_id_answers_the_first_acceptance_again(self, police: Program) -> None:
        first = m.ts_ryxx(police.url, m.police_record())
        police.kill()
        police.start()
        again = m.ts_ryxx(police.url, m.police_record())
        other = m.ts_ryxx(police.url, m.police_record(XM="孙某乙"))

        assert [one.text for one in again.element] == [one.text for one in first.element]
        assert other.element.findtext(f"detail/{{{m.POLICE}}}YwYc/CWDM") == "CF02"
        assert [entry["outcome"] for entry in police.journal()] == ["accepted", "duplicate", "refused"]

    def test_a_nonce_is_used_once_even_across_a_restart(self, police: Program) -> None:
        assert m.ts_ryxx(police.url, m.police_record("XX-1"), m.security(nonce=b"0123456789abcdef")).status == 200
        police.kill()
        police.start()

        answer = m.ts_ryxx(police.url, m.police_record("XX-2"), m.security(nonce=b"0123456789abcdef"))

        assert (answer.element.findtext("faultcode"), answer.fault) == ("ns1:InvalidSecurity", "Nonce 已使用过")

    @pytest.mark.parametrize(("late", "status"), [(-301, 500), (302, 500), (-270, 200), (270, 200)])
    def test_a_clock_may_be_off_by_five_minutes(self, police: Program, late: int, status: int) -> None:
        answer = m.ts_ryxx(police.url, m.police_record(), m.security(late=timedelta(seconds=late)))

        assert answer.status == status
        assert status == 200 or answer.element.findtext("faultcode") == "ns1:MessageExpired"

    def test_the_digest_must_fit(self, police: Program) -> None:
        codes = [
            m.ts_ryxx(police.url, m.police_record(), header).element.findtext("faultcode")
            for header in (
                "",
                m.security(password="x"),
                m.security(user="x"),
                m.security().replace("#PasswordDigest", "#PasswordText"),
            )
        ]

        assert codes == [
            "ns1:InvalidSecurity",
            "ns1:FailedAuthentication",
            "ns1:FailedAuthentication",
            "ns1:UnsupportedSecurityToken",
        ]
        assert {entry["outcome"] for entry in police.journal()} == {"refused"}

    def test_a_refusal_and_a_busy_hour_are_business_faults(self, police: Program) -> None:
        police.arm("refuse", reason="非本辖区人员")
        police.arm("busy")
        police.arm("skew", seconds=900)

        refused, busy, skewed = (m.ts_ryxx(police.url, m.police_record()) for _ in range(3))

        assert refused.element.findtext(f"detail/{{{m.POLICE}}}YwYc/CWXX") == "非本辖区人员"
        assert busy.element.findtext(f"detail/{{{m.POLICE}}}YwYc/CWDM") == "CF09"
        assert skewed.element.findtext("faultcode") == "ns1:MessageExpired"
        assert [entry["outcome"] for entry in police.journal()] == ["refused", "busy", "refused"]

    @pytest.mark.parametrize("simulated", [False, True], ids=["node-to-node", "node-to-python"])
    def test_its_client_talks_to_the_police(self, start: Start, hub_stand: HubStand, simulated: bool) -> None:
        receiver = start("police", "police.370826", simulated=simulated)
        sender = start("police", "police.370828", hub=hub_stand.url, hub_user="hub", hub_password="通行证")
        hub_stand.forward_to(receiver.url)

        sent = sender.send(m.police_record())
        refused = sender.send(m.police_record(XM="孙某乙"))

        assert sent["status"] == 200
        assert sent["answer"]["XXID"] == "XX-1"
        assert receiver.journal()[0]["record"]["name"] == "孙某甲"
        assert refused["answer"]["fault"]["detail"]["CWDM"] == "CF02"


# ---------------------------------------------------------------- city on npm's soap
class TestCity:
    @pytest.fixture
    def ticket(self, city: Program) -> str:
        ticket = m.login(city.url).text("ticket")
        assert ticket
        return ticket

    def test_a_person_goes_in_with_an_attachment(self, city: Program, ticket: str) -> None:
        uploaded = m.upload(city.url, ticket, b"%PDF-1.4")
        assert (uploaded.text("received"), uploaded.text("code")) == ("8", "0")

        submitted = m.submit(city.url, ticket, m.subject(), upload_id=uploaded.text("uploadId"))
        batch = submitted.text("batchNo") or ""
        first, second = m.query(city.url, ticket, batch), m.query(city.url, ticket, batch)

        assert submitted.text("code") == "0"
        assert first.text("state") == "0"
        assert first.element.find("{*}row") is None
        assert (second.text("state"), second.text("row/status"), second.text("row/rybh")) == ("1", "0", "JN00000001")
        assert second.text("row/sfzh") == "370826198509172110"
        entries = city.journal()
        assert [entry["outcome"] for entry in entries] == ["login", "upload", "accepted", "query", "query"]
        assert (entries[2]["key"], entries[2]["record"]["name"]) == ("M-1", "孙某甲")
        assert entries[2]["record"]["documents"][0]["size"] == 8
        assert ticket not in json.dumps(entries)

    def test_rows_are_decided_one_by_one(self, city: Program, ticket: str) -> None:
        first = m.submit(city.url, ticket, m.subject(), key="M-1").text("batchNo") or ""
        rows = (
            m.subject()
            + m.subject(sfzh="37082619790214041X", sqfxryxm="周㴔")
            + m.subject(sfzh="370826197902140411")
            + m.subject(sfzh="370828199011303627", jzqx="0年4月")
        )
        second = m.submit(city.url, ticket, rows, key="M-2").text("batchNo") or ""
        for batch in (first, second):
            m.query(city.url, ticket, batch)

        answer = m.query(city.url, ticket, second)

        found = [
            (row.findtext("{*}status"), row.findtext("{*}rybh"), row.findtext("{*}reason"))
            for row in answer.element.iterfind("{*}row")
        ]
        assert found[0] == ("2", "JN00000001", None)
        assert found[1] == ("0", "JN00000002", None)
        assert [status for status, _, _ in found] == ["2", "0", "1", "1"]
        assert "sfzh" in (found[2][2] or "")
        assert "jzqx" in (found[3][2] or "")

    def test_a_message_sent_again_has_the_same_batch(self, city: Program, ticket: str) -> None:
        first = m.submit(city.url, ticket, m.subject())
        city.kill()
        city.start()
        again = m.submit(city.url, ticket, m.subject())
        other = m.submit(city.url, ticket, m.subject(sqfxryxm="孙某乙"))

        assert again.text("batchNo") == first.text("batchNo")
        assert other.text("code") == "409"
        assert [entry["outcome"] for entry in city.journal()] == ["login", "accepted", "duplicate", "refused"]

    def test_a_second_login_kills_the_first_ticket(self, city: Program, ticket: str) -> None:
        newer = m.login(city.url).text("ticket") or ""

        dead = m.submit(city.url, ticket, m.subject())

        assert (dead.status, dead.text("code")) == (200, "401")
        assert dead.element.find("{*}batchNo").get(f"{{{m.XSI}}}nil") == "true"
        assert m.submit(city.url, newer, m.subject()).text("code") == "0"

    def test_a_ticket_dies_after_so_many_calls(self, start: Start) -> None:
        city = start("city", "bureau.370826", set="ticket-calls=2")
        ticket = m.login(city.url).text("ticket") or ""

        codes = [m.query(city.url, ticket, "PC1").text("code") for _ in range(3)]

        assert codes == ["404", "404", "401"]

    def test_a_ticket_dies_after_its_time(self, start: Start) -> None:
        city = start("city", "bureau.370826", set="ticket-seconds=-1")
        ticket = m.login(city.url).text("ticket") or ""

        assert m.query(city.url, ticket, "PC1").text("code") == "401"

    def test_a_ticket_outlives_a_restart(self, city: Program, ticket: str) -> None:
        city.kill()
        city.start()

        assert m.submit(city.url, ticket, m.subject()).text("code") == "0"

    def test_a_wrong_password_gets_no_ticket(self, city: Program) -> None:
        answer = m.login(city.url, password="x")

        assert (answer.status, answer.text("code")) == (200, "403")
        assert answer.element.find("{*}ticket").get(f"{{{m.XSI}}}nil") == "true"

    def test_an_upload_goes_on_where_it_stopped(self, city: Program, ticket: str) -> None:
        first = m.upload(city.url, ticket, b"a" * 524288, last=False)
        known = first.text("uploadId") or ""
        city.kill()
        with (city.data / "uploads" / known).open("ab") as torn:
            torn.write(b"never answered for")
        city.start()

        ahead = m.upload(city.url, ticket, b"b", 600000, upload_id=known)
        rest = m.upload(city.url, ticket, b"b" * 10, 524288, upload_id=known)

        assert (ahead.text("code"), ahead.text("received"), ahead.text("uploadId")) == ("416", "524288", known)
        assert (rest.text("code"), rest.text("received")) == ("0", "524298")
        assert (city.data / "uploads" / known).read_bytes() == b"a" * 524288 + b"b" * 10

    def test_a_chunk_is_at_most_512_kib(self, city: Program, ticket: str) -> None:
        assert m.upload(city.url, ticket, b"a" * 524289).text("code") == "413"

    def test_an_attachment_must_be_there_whole(self, city: Program, ticket: str) -> None:
        begun = m.upload(city.url, ticket, b"a", last=False).text("uploadId")

        assert m.submit(city.url, ticket, m.subject(), upload_id=begun).text("code") == "404"

    def test_more_than_fifty_persons_do_not_fit(self, city: Program, ticket: str) -> None:
        answer = m.submit(city.url, ticket, m.subject() * 51)

        assert answer.status == 500
        assert "subject" in (answer.fault or "")

    def test_busy_hours_and_armed_answers(self, city: Program, ticket: str) -> None:
        city.arm("busy", operation="submit")
        city.arm("refuse", reason="不属于本县")
        busy = m.submit(city.url, ticket, m.subject())
        batch = m.submit(city.url, ticket, m.subject()).text("batchNo") or ""
        city.arm("wait", times=2)
        states = [m.query(city.url, ticket, batch).text("state") for _ in range(3)]
        answer = m.query(city.url, ticket, batch)
        city.arm("expire")

        assert (busy.status, busy.text("code"), busy.text("message")) == (200, "503", "系统繁忙")
        assert states == ["0", "0", "1"]
        assert (answer.text("row/status"), answer.text("row/reason")) == ("1", "不属于本县")
        assert m.query(city.url, ticket, batch).text("code") == "401"

    def test_it_only_receives_and_its_bureau_speaks_http(self, start: Start, hub_stand: HubStand) -> None:
        city = start("city", "bureau.370826", hub=hub_stand.url, hub_user="bureau", hub_password="秘密")

        def hub(request: Recorded) -> tuple[int, str, bytes]:
            if "/oauth/token" in request.line:
                return 200, "application/json", b'{"access_token": "T", "expires_in": 300}'
            return 202, "application/json", b'{"id": "t-1"}'

        hub_stand.answer = hub

        sent = city.send('{"exchange": "admission.report-in"}', key="K-1")
        city.send("", operation="receipt", delivery="d-1", outcome="accepted")

        assert sent == {"status": 202, "answer": {"id": "t-1"}, "body": '{"id": "t-1"}'}
        token, transfer, _, receipt = hub_stand.requests
        assert b"client_id=bureau" in token.body
        assert transfer.line == "POST /v1/transfers HTTP/1.1"
        assert (transfer.header("Authorization"), transfer.header("Idempotency-Key")) == ("Bearer T", "K-1")
        assert receipt.line == "POST /v1/deliveries/d-1/receipt HTTP/1.1"
        assert json.loads(receipt.body) == {"outcome": "accepted"}


# ---------------------------------------------------------------- zeep, the stack that calls them, and many callers at once
class TestCalledByZeep:
    """zeep takes their answers apart by the contract: nothing that these stacks write is beyond it."""

    def service(self, program: Program, contract: str, binding: str, **options: Any) -> Any:
        client = zeep.Client(str(HERE / "contracts" / contract), **options)
        return client.create_service(binding, program.url)

    def test_the_prison(self, prison: Program) -> None:
        service = self.service(prison, "PrisonExchange.wsdl", f"{{{m.PRISON}}}PrisonExchangeSoapBinding")

        answer = service.sendData(m.USER, m.PASSWORD, "HZ", m.receipt_record())

        assert "<CODE>0</CODE><MSG>接收成功</MSG>" in answer
        prison.arm("empty")
        assert service.sendData(m.USER, m.PASSWORD, "HZ", m.receipt_record()) is None

    @pytest.mark.parametrize(
        ("binding", "code"), [("CourtCaseServiceSoap", "soap:Client"), ("CourtCaseServiceSoap12", "soap:Sender")]
    )
    def test_the_court(self, court: Program, binding: str, code: str) -> None:
        service = self.service(court, "CourtCaseService.wsdl", f"{{{m.COURT}}}{binding}")
        reply = {
            "NoticeId": "N-1",
            "ReplyKind": "回执",
            "ReplyDate": datetime(2021, 3, 15, 10),
            "Text": "孙某甲(1)：已接收",
        }

        answer = service.ReceiveReply(
            **reply, _soapheaders={"AuthHeader": {"UserName": m.USER, "Password": m.PASSWORD}}
        )
        with pytest.raises(zeep.exceptions.Fault) as refused:
            service.ReceiveReply(**reply, _soapheaders={"AuthHeader": {"UserName": m.USER, "Password": "x"}})

        assert (answer.Success, answer.ReceiptNo, answer.Error) == (True, "SF00000001", None)
        assert (refused.value.code, refused.value.message) == (code, "身份验证失败：用户名或密码错误")

    def test_the_police(self, police: Program) -> None:
        service = self.service(
            police,
            "PoliceExchange.wsdl",
            "{urn:ga:jzxt:v2}PoliceExchangeSoap",
            wsse=UsernameToken(m.USER, m.PASSWORD, use_digest=True),
        )
        person = {
            "XM": "孙某甲",
            "XBDM": "1",
            "CSRQ": "19850917",
            "GMSFHM": "370826198509172110",
            "HJDXZQHDM": "370826",
            "XZZXZQHDM": "370826",
        }
        record = {"XXID": "1", "YWDM": "RJCS", "FSSJ": "20210315092000", "FJ": [{"_value_1": b"%PDF", "mc": "a.pdf"}]}

        answer = service.tsRyxx(**record, RYXX=person)
        with pytest.raises(zeep.exceptions.Fault) as other:
            service.tsRyxx(**record, RYXX=person | {"XM": "孙某乙"})

        assert (answer.XXID, len(answer.SLSJ)) == ("1", 14)
        assert other.value.detail.findtext(f"{{{m.POLICE}}}YwYc/CWDM") == "CF02"

    def test_the_city(self, city: Program) -> None:
        service = self.service(city, "CityPlatform.wsdl", f"{{{m.CITY}}}CityPlatformBinding")
        person: dict[str, Any] = {etree.QName(one).localname: one.text for one in etree.fromstring(m.subject())}

        ticket = service.login(m.USER, hashlib.md5(m.PASSWORD.encode()).hexdigest()).ticket
        dead = service.uploadChunk(ticket="x", offset=0, last=True, data=b"abc")
        upload = service.uploadChunk(ticket=ticket, offset=0, last=True, data=b"abc")
        attached = {"uploadId": upload.uploadId, "fileName": "a.pdf", "fileType": "pdf"}
        batch = service.submit(ticket, "M-1", "RJ", "370826", [person], [attached]).batchNo
        answers = [service.query(ticket, batch) for _ in range(2)]

        assert (dead.code, dead.uploadId, upload.received) == (401, None, 3)
        assert [answer.state for answer in answers] == [0, 1]
        assert answers[1].row[0].rybh == "JN00000001"


@pytest.mark.parametrize(
    ("system", "call"),
    [
        ("prison", lambda url: m.prison_answer(m.send_data(url, m.receipt_record(), "HZ"))),
        ("police", lambda url: m.ts_ryxx(url, m.police_record()).element.findtext("SLBH")),
    ],
)
def test_callers_at_the_same_moment_get_one_acceptance(
    start: Start, system: str, call: Callable[[str], object]
) -> None:
    program = start(system, AGENCIES[system])

    with ThreadPoolExecutor(8) as callers:
        answers = set(callers.map(call, [program.url] * 24))

    assert len(answers) == 1
    entries = program.journal()
    assert [entry["n"] for entry in entries] == list(range(1, 25))
    assert sorted(entry["outcome"] for entry in entries) == ["accepted"] + ["duplicate"] * 23


# ---------------------------------------------------------------- the wire
def test_the_captures_are_what_the_stacks_send_today(foreign_stacks: None, tmp_path: Path) -> None:
    saved = {file.name: file.read_bytes() for file in capture.FOLDER.glob("*.txt")}

    assert capture.captured(tmp_path) == saved
