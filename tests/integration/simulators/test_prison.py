"""The simulated prison: RPC/encoded with a record in a string, every answer code, and LSH as its duplicate check."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from lxml import etree

from tests.integration.simulators.conftest import Start
from tests.integration.simulators.hub_stub import HubStub, Seen
from tests.integration.simulators.running import PASSWORD, USER, Running, sample

NS = "http://jyjh.prison.example/services"
SOAPENC = "http://schemas.xmlsoap.org/soap/encoding/"
HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

RECEIPT = (
    '<?xml version="1.0" encoding="GB18030"?><ROOT><HEAD><YWLX>HZ</YWLX><FSDW>370826-SFJ</FSDW><JSDW>370800-JNJY</JSDW>'
    "<FSSJ>20120703110000</FSSJ><LSH>HUB-1</LSH><YLSH>JNJY201207030007</YLSH></HEAD>"
    "<HZ><GMSFHM>37082619790214041X</GMSFHM><JG>1</JG><YY></YY><HZSJ>20120703105900</HZSJ></HZ></ROOT>"
)
HANDOVER = sample("prison-request-JSJZ.xml").decode("gb18030")


def send_data(
    record: str | None,
    kind: str = "HZ",
    *,
    user: str = USER,
    password: str = PASSWORD,
    typed: str = "xsd:string",
    encoding: str = "UTF-8",
) -> bytes:
    parts = "".join(
        f'<{name} xsi:type="{typed}">{escape(value)}</{name}>'
        for name, value in (("yhm", user), ("mm", password), ("ywlx", kind), ("xmlData", record))
        if value is not None
    )
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xmlns:soapenc="{SOAPENC}"><soapenv:Body><n:sendData xmlns:n="{NS}" soapenv:encodingStyle="{SOAPENC}">'
        f"{parts}</n:sendData></soapenv:Body></soapenv:Envelope>"
    ).encode("gb18030" if encoding.startswith("GB") else encoding)


def answer_of(content: bytes) -> tuple[str | None, str | None, str | None]:
    """CODE, MSG and LSH of the XML inside the string."""
    returned = etree.fromstring(content).find(".//sendDataReturn")
    assert returned is not None, content.decode()
    text = returned.text or ""
    assert text.startswith('<?xml version="1.0" encoding="GB18030"?>')
    root = etree.fromstring(text.partition("?>")[2])
    return root.findtext("CODE"), root.findtext("MSG"), root.findtext("LSH")


@pytest.fixture
def prison(start: Start) -> Running:
    return start("prison", "prison.370800")


def code(prison: Running, record: str | None, kind: str = "HZ", **options: str) -> str | None:
    headers = {**HEADERS, "Content-Type": f"text/xml; charset={options.get('encoding', 'UTF-8')}"}
    return answer_of(prison.post(send_data(record, kind, **options), headers).content)[0]


def test_a_receipt_is_taken_and_its_repetition_gets_the_same_answer(prison: Running) -> None:
    first = prison.post(send_data(RECEIPT), HEADERS)
    assert first.status_code == 200
    assert answer_of(first.content)[:2] == ("0", "接收成功")
    later = RECEIPT.replace("20120703110000", "20120703111500").replace("<HZ>", "\n  <HZ>")
    second = prison.post(send_data(later), HEADERS)
    assert answer_of(second.content) == answer_of(first.content)
    accepted, duplicate = prison.journal
    assert (accepted["outcome"], duplicate["outcome"]) == ("accepted", "duplicate")
    assert accepted["digest"] == duplicate["digest"]
    assert accepted["key"] == "HUB-1"
    record = accepted["record"]
    assert (record["answers"], record["result"], record["id_number"]) == ("JNJY201207030007", "1", "37082619790214041X")
    assert "p@ss" not in accepted["request"]


def test_the_answer_is_what_axis_writes(prison: Running) -> None:
    answer = prison.post(send_data(RECEIPT), HEADERS)
    response = etree.fromstring(answer.content).find(f".//{{{NS}}}sendDataResponse")
    assert response is not None
    returned = response.find("sendDataReturn")
    assert returned is not None
    assert returned.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "soapenc:string"
    assert returned.nsmap["soapenc"] == SOAPENC


def test_one_lsh_with_other_content_is_e030(prison: Running) -> None:
    assert code(prison, RECEIPT) == "0"
    assert code(prison, RECEIPT.replace("<JG>1</JG><YY></YY>", "<JG>0</JG><YY>材料不全</YY>")) == "E030"
    assert code(prison, RECEIPT) == "0"
    assert prison.outcomes == ["accepted", "refused", "duplicate"]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("<LSH>HUB-1</LSH>", ""), "E010"),
        (("<YLSH>JNJY201207030007</YLSH>", "<YLSH/>"), "E010"),
        (("<JG>1</JG>", ""), "E010"),
        (("<JG>1</JG>", "<JG>0</JG>"), "E010"),  # a return needs its reason
        (("20120703105900", "20120230105900"), "E011"),
        (("20120703110000", "2012-07-03"), "E011"),
        (("<JG>1</JG>", "<JG>2</JG>"), "E012"),
        (("37082619790214041X", "370826197902140411"), "E013"),
        (("370800-JNJY", "370200-QDJY"), "E020"),
        (("<HZ>", "<HZ"), "E002"),
        (("ROOT>", "DATA>"), "E002"),
        (("<YWLX>HZ</YWLX>", "<YWLX>JSJZ</YWLX>"), "E002"),
    ],
)
def test_each_answer_code(prison: Running, change: tuple[str, str], wanted: str) -> None:
    assert code(prison, RECEIPT.replace(*change)) == wanted
    assert prison.outcomes == ["refused"]
    assert prison.last["code"] == wanted
    assert code(prison, RECEIPT) == "0", "a refused record does not use up its LSH"


def test_wrong_credentials_a_missing_part_and_an_unknown_business_type(prison: Running) -> None:
    assert code(prison, RECEIPT, password="wrong") == "E001"
    assert code(prison, RECEIPT, user="other") == "E001"
    assert code(prison, None) == "E002"
    assert code(prison, RECEIPT, "XXXX") == "E012"
    assert prison.outcomes == ["refused"] * 4


def test_the_vendors_own_handover_is_read_with_its_character_outside_gbk(start: Start) -> None:
    prison = start("prison", "prison.370800", "--set", "unit=370826-SFJ")
    assert code(prison, HANDOVER, "JSJZ", encoding="GB18030") == "0"
    record = prison.last["record"]
    assert record["name"] == "周㴔"
    assert [document["size"] for document in record["documents"]] == [15, 15]
    for field, value, wanted in (
        ("XBDM", "7", "E012"),
        ("MZDM", "00", "E012"),
        ("JSRQ", "20120732", "E011"),
        ("YPXQ", "5年6月", "E012"),
        ("XM", "", "E010"),
        ("LX", "77", "E012"),
        ("NR", "?", "E002"),
    ):
        before, _, rest = HANDOVER.partition(f"<{field}>")
        assert code(prison, f"{before}<{field}>{value}{rest[rest.index('<') :]}", "JSJZ") == wanted
    temporary = HANDOVER.replace("JSJZ", "ZYJW").replace("JSCDS", "JDSWH").replace("JNJY201207030007", "JNJY2")
    assert code(prison, temporary, "ZYJW") == "0"


def test_the_sample_is_not_for_this_prison(prison: Running) -> None:
    assert code(prison, HANDOVER, "JSJZ") == "E020"


@pytest.mark.parametrize(("declared", "charset"), [("GB18030", "gb18030"), ("GB2312", None), ("UTF-8", "utf-8")])
def test_messages_come_in_gb18030_or_utf_8_whatever_the_string_declares(
    prison: Running, declared: str, charset: str | None
) -> None:
    record = RECEIPT.replace("<YY></YY>", "<YY>周㴔已接收</YY>")
    kind = "text/xml" + (f"; charset={charset}" if charset else "")
    answer = prison.post(send_data(record, encoding=declared), {**HEADERS, "Content-Type": kind})
    assert answer_of(answer.content)[0] == "0"
    assert prison.last["record"]["reason"] == "周㴔已接收"


def test_bytes_that_are_not_what_they_are_declared_to_be_are_a_fault(prison: Running) -> None:
    body = send_data(RECEIPT, encoding="GB18030")
    answer = prison.post(body, HEADERS)  # the header says UTF-8
    assert answer.status_code == 500
    assert "Fault" in answer.text
    assert prison.outcomes == ["fault"]


def test_axis_wants_a_soapaction_header_and_types_that_it_knows(prison: Running) -> None:
    answer = prison.post(send_data(RECEIPT), {"Content-Type": "text/xml; charset=utf-8"})
    assert answer.status_code == 500
    assert "NoSOAPAction" in answer.text
    assert prison.post(send_data(RECEIPT, typed="xsd:int"), HEADERS).status_code == 500
    assert code(prison, RECEIPT, typed="soapenc:string") == "0"


def test_parts_by_reference_are_followed(prison: Running) -> None:
    body = send_data(RECEIPT).decode()
    value = body[body.index("<xmlData") : body.index("</xmlData>")].partition(">")[2]
    body = body.replace(f'<xmlData xsi:type="xsd:string">{value}</xmlData>', '<xmlData href="#id7"/>')
    multi = f'</n:sendData><multiRef id="id7" xsi:type="soapenc:string">{value}</multiRef>'
    assert answer_of(prison.post(body.replace("</n:sendData>", multi), HEADERS).content)[0] == "0"
    assert prison.post(body, HEADERS).status_code == 500  # a reference to nothing


def test_busy_and_any_other_code_on_order(prison: Running) -> None:
    prison.arm("busy")
    assert code(prison, RECEIPT) == "E099"
    prison.arm("code", code="E777", message="数据库维护")
    assert answer_of(prison.post(send_data(RECEIPT), HEADERS).content)[:2] == ("E777", "数据库维护")
    prison.arm("refuse", reason="原移送已撤回")
    assert "原移送已撤回" in (answer_of(prison.post(send_data(RECEIPT), HEADERS).content)[1] or "")
    prison.arm("empty")
    assert b'xsi:nil="true"' in prison.post(send_data(RECEIPT), HEADERS).content
    assert code(prison, RECEIPT) == "0"
    assert prison.outcomes == ["busy", "refused", "refused", "accepted", "duplicate"]


def test_what_was_seen_survives_a_kill(prison: Running) -> None:
    first = answer_of(prison.post(send_data(RECEIPT), HEADERS).content)
    prison.kill()
    prison.start_again()
    assert answer_of(prison.post(send_data(RECEIPT), HEADERS).content) == first
    assert code(prison, RECEIPT.replace("<JG>1</JG><YY></YY>", "<JG>0</JG><YY>材料不全</YY>")) == "E030"
    assert prison.outcomes == ["accepted", "duplicate", "refused"]


# ---------------------------------------------------------------- calling the hub
def accepting(seen: Seen) -> tuple[int, str, bytes]:
    record = sample("prison-response-accepted.xml").decode("gb18030").strip()
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<r:sendDataResponse xmlns:r="{NS}"><sendDataReturn>{escape(record)}</sendDataReturn></r:sendDataResponse>'
        "</e:Body></e:Envelope>"
    )
    return 200, "text/xml; charset=utf-8", body.encode()


@pytest.mark.parametrize("style", ["plain", "xsd", "multiref"])
@pytest.mark.parametrize("encoding", ["UTF-8", "GB18030", "GB2312"])
def test_a_handover_goes_out_as_axis_writes_it(start: Start, hub: HubStub, style: str, encoding: str) -> None:
    prison = start("prison", "prison.370800", "--hub", hub.url, "--hub-user", "jnjy", "--hub-password", "s<cret")
    hub.answer = accepting
    sent = prison.control("POST", "send", {"text": HANDOVER, "style": style, "encoding": encoding})
    assert sent["answer"] == {"code": "0", "msg": "接收成功", "lsh": "JNY20120703000991"}
    [seen] = hub.seen
    assert seen.path == "/soap/prison.370800"
    assert seen.headers["soapaction"] == '""'
    text = seen.body.decode("utf-8" if encoding == "UTF-8" else "gb18030")
    assert text.startswith(f'<?xml version="1.0" encoding="{encoding}"?>')
    root = etree.fromstring(text.partition("?>")[2])
    wrapper = root.find(f".//{{{NS}}}sendData")
    assert wrapper is not None
    assert [part.tag for part in wrapper] == ["yhm", "mm", "ywlx", "xmlData"]
    targets = {f"#{multi.get('id')}": multi for multi in root.iterfind(".//multiRef")}
    assert bool(targets) == (style == "multiref")
    values = [targets[part.get("href", "")] if targets else part for part in wrapper]
    kind = "xsd:string" if style == "xsd" else "soapenc:string"
    assert {value.get("{http://www.w3.org/2001/XMLSchema-instance}type") for value in values} == {kind}
    assert [value.text for value in values] == ["jnjy", "s<cret", "JSJZ", HANDOVER]


def test_a_fault_and_an_answer_that_is_no_soap_are_told_apart(start: Start, hub: HubStub) -> None:
    prison = start("prison", "prison.370800", "--hub", hub.url, "--hub-user", "jnjy", "--hub-password", "x")
    hub.answer = lambda seen: (502, "text/html", b"<html>bad gateway</html>")
    sent = prison.control("POST", "send", {"text": "no record at all", "business_type": "JSJZ"})
    assert (sent["status"], sent["answer"], sent["body"]) == (502, None, "<html>bad gateway</html>")
    refused = sample("prison-response-refused.xml").decode("gb18030")
    accepted = sample("prison-response-accepted.xml").decode("gb18030").strip()
    hub.answer = lambda seen: (
        200,
        "text/xml; charset=utf-8",
        accepting(seen)[2].replace(escape(accepted).encode(), escape(refused).encode()),
    )
    sent = prison.control("POST", "send", {"text": HANDOVER})
    assert sent["answer"] == {"code": "E013", "msg": "证件号码校验不通过", "lsh": None}
