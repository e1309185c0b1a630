"""Each wrong input gets an answer in its sender's own protocol that names the place and what would be right; what came is
kept byte for byte, and it is listed as refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from lxml import etree

from tests.acceptance.county import County
from tests.acceptance.records import Defendant, envelope, handover, id_number, notice, unique, wrong_check_digit

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
TEMPURI = {"c": "http://tempuri.org/"}
ACTION = '"http://tempuri.org/SubmitExecution"'
LIMIT = 20 * 1024 * 1024


def _refused(county: County, agency: str) -> dict[str, Any]:
    """The newest refusal of an agency, as `hub transfer list --refused` shows it, with the bytes that were kept."""
    rows = county.rows(
        "SELECT id, tried_key, faults, raw FROM submission WHERE agency = ? AND status = 'refused' ORDER BY recorded_at DESC, id DESC LIMIT 1",
        agency,
    )
    assert rows, "nothing was kept"
    submission, key, faults, raw = rows[0]
    told = county.rows(
        "SELECT count(*) FROM timeline WHERE kind = 'submission.refused' AND submission_id = ?", submission
    )
    assert told == [(1,)], "it is not on the timeline"
    return {"submission": submission, "key": key, "faults": json.loads(faults), "raw": raw}


# ------------------------------------------------------------------ the court
@dataclass(frozen=True)
class Wrong:
    """A mistake: how it is made from a sound message, the rule that is broken, and what the answer must say."""

    make: Callable[[str], bytes]
    rule: str
    says: tuple[str, ...]
    #: answered by a SOAP fault instead of the contract's own answer record
    fault: bool = False
    headers: tuple[tuple[str, str], ...] = ()


def _replaced(old: str, new: str) -> Callable[[str], bytes]:
    def make(text: str) -> bytes:
        assert old in text, old
        return text.replace(old, new, 1).encode()

    return make


NUMBER = id_number()
COURT = {
    "malformed": Wrong(lambda t: t.replace("</Name>", "</Nam>", 1).encode(), "xml.malformed", ("Name",), True),
    "cut off": Wrong(lambda t: t.encode()[:-40], "xml.malformed", (), True),
    "not XML": Wrong(lambda _: b"NoticeId=1&Name=x", "xml.malformed", (), True),
    "wrong encoding": Wrong(lambda t: t.encode("gb18030"), "encoding.wrong", ("utf-8",), True),
    "unknown sex": Wrong(_replaced("<Sex>男</Sex>", "<Sex>雄</Sex>"), "code.unknown", ("Sex", "雄", "男")),
    "check digit": Wrong(
        _replaced(NUMBER, wrong_check_digit(NUMBER)), "id-number.check-digit", ("IdNumber", f"最后一位应为{NUMBER[-1]}")
    ),
    "place without a bureau": Wrong(
        _replaced('<Residence code="370826108">', '<Residence code="370827">'), "place.no-agency", ("370827",)
    ),
    "missing field": Wrong(_replaced("<Name>孙某甲</Name>", ""), "schema.content", ("Name",), True),
    "empty field": Wrong(_replaced("<Name>孙某甲</Name>", "<Name></Name>"), "field.missing", ("Name",)),
    "wrong date": Wrong(
        _replaced("2021-03-01T09:30:00", "2021年3月1日"), "schema.type", ("JudgmentDate", "2021年3月1日"), True
    ),
    "impossible date": Wrong(
        _replaced("2021-03-01T09:30:00", "2021-02-30T09:30:00"), "schema.type", ("JudgmentDate",), True
    ),
    "DTD": Wrong(
        _replaced("<soap:Envelope", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><soap:Envelope'),
        "xml.dtd",
        ("DTD",),
        True,
    ),
    "entity bomb": Wrong(
        _replaced("<soap:Envelope", '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY b "&a;&a;">]><soap:Envelope'),
        "xml.dtd",
        ("DTD",),
        True,
    ),
    "unknown operation": Wrong(
        lambda t: t.replace("SubmitExecution", "DeleteExecution").encode(),
        "soap.operation",
        ("SubmitExecution",),
        True,
        (("SOAPAction", '"http://tempuri.org/DeleteExecution"'),),
    ),
    "unknown kind of notice": Wrong(
        _replaced("<NoticeType>Documents<", "<NoticeType>Pardon<"),
        "schema.enumeration",
        ("NoticeType", "Pardon", "Documents"),
        True,
    ),
    "wrong password": Wrong(_replaced("<Password>", "<Password>not-"), "login", ("用户名或密码",)),
    "no key": Wrong(
        lambda t: (
            t[: t.index("<NoticeId>")].encode() + b"<NoticeId></NoticeId>" + t[t.index("</NoticeId>") + 11 :].encode()
        ),
        "field.missing",
        ("NoticeId",),
    ),
    "no action": Wrong(lambda t: t.encode(), "soap.action", ("SOAPAction",), True, (("SOAPAction", ""),)),
}


@pytest.mark.parametrize("name", COURT)
def test_a_courts_mistake_is_answered_in_its_own_protocol(calm: County, name: str) -> None:
    wrong, issued = COURT[name], calm.credentials["court.370826"]
    key = f"WRONG-{unique()}"
    sent = wrong.make(
        envelope(notice([Defendant(number=NUMBER)], key=key), issued["soap_user"], issued["soap_password"])
    )
    headers = {"SOAPAction": ACTION, **dict(wrong.headers)}
    answer = calm.soap("court.370826", sent, **{name: value for name, value in headers.items() if value})
    said, fault = _court_answer(answer)
    assert fault == wrong.fault, answer.text
    assert all(word in said for word in wrong.says), said
    kept = _refused(calm, "court.370826")
    assert kept["raw"] == sent
    assert wrong.rule in [found["rule"] for found in kept["faults"]]
    assert all(found["zh"] and found["en"] for found in kept["faults"])
    if not fault and name not in ("wrong password", "no key"):
        assert kept["key"] == key


def _court_answer(answer: requests.Response) -> tuple[str, bool]:
    """What the answer says, and whether it is a SOAP fault."""
    assert answer.headers["Content-Type"].startswith("text/xml")
    body = etree.fromstring(answer.content).find(f"{{{SOAP11}}}Body")
    assert body is not None
    fault = body.find(f"{{{SOAP11}}}Fault")
    if fault is not None:
        assert answer.status_code == 500, "SOAP 1.1, section 6.2"
        assert fault.findtext("faultcode", "").endswith("Client"), answer.text
        return fault.findtext("faultstring", ""), True
    assert answer.status_code == 200
    result = body.find("c:SubmitExecutionResponse/c:SubmitExecutionResult", TEMPURI)
    assert result is not None
    assert result.findtext("c:Success", namespaces=TEMPURI) == "false"
    return result.findtext("c:Error", "", TEMPURI), False


def test_a_message_that_is_too_large_is_refused_before_it_is_read(calm: County) -> None:
    issued = calm.credentials["court.370826"]
    text = envelope(
        notice([Defendant()], documents=[("判决书", "判决书", "A" * (LIMIT + 4))]),
        issued["soap_user"],
        issued["soap_password"],
    )
    answer = calm.soap("court.370826", text.encode(), SOAPAction=ACTION)
    said, fault = _court_answer(answer)
    assert fault
    assert str(LIMIT) in said
    kept = _refused(calm, "court.370826")
    assert [found["rule"] for found in kept["faults"]] == ["message.too-large"]


# ------------------------------------------------------------------ the prison
PRISON = {
    "malformed inside": (lambda t: t.replace("</XM>", "</XN>"), "E002", ("XM",)),
    "no XML inside": (lambda _: "周㴔", "E002", ()),
    "another root": (lambda t: t.replace("ROOT>", "DATA>"), "E002", ("ROOT",)),
    "DTD inside": (lambda t: t.replace("<ROOT>", "<!DOCTYPE ROOT [<!ENTITY x 'y'>]><ROOT>"), "E002", ("DTD",)),
    "missing name": (lambda t: t.replace("<XM>周㴔</XM>", "<XM></XM>"), "E010", ("XM",)),
    "missing element": (lambda t: t.replace("<XBDM>1</XBDM>", ""), "E010", ("XBDM",)),
    "wrong date": (lambda t: t.replace("<JSRQ>20120702<", "<JSRQ>20120732<"), "E011", ("JSRQ", "20120732")),
    "unknown code": (lambda t: t.replace("<MZDM>01<", "<MZDM>77<"), "E012", ("MZDM", "77")),
    "unknown paper": (lambda t: t.replace("<LX>09<", "<LX>44<"), "E012", ("LX", "44")),
    "check digit": (
        lambda t: t.replace("37082619790214041X", "370826197902140411"),
        "E013",
        ("GMSFHM", "最后一位应为X"),
    ),
    "wrong term": (lambda t: t.replace("<YPXQ>050600<", "<YPXQ>5年<"), "E0", ("YPXQ",)),
    "another unit": (
        lambda t: t.replace("<FSDW>370800-JNJY<", "<FSDW>370826-SFJ<"),
        "E020",
        ("bureau.370826", "prison.370800"),
    ),
    "no key": (lambda t: t[: t.index("<LSH>")] + "<LSH></LSH>" + t[t.index("</LSH>") + 6 :], "E010", ("LSH",)),
}


@pytest.mark.parametrize("name", PRISON)
def test_a_prisons_mistake_is_answered_with_its_own_code(calm: County, name: str) -> None:
    make, code, says = PRISON[name]
    sound = handover(number="37082619790214041X")
    text = make(sound)
    assert text != sound
    taken = calm.systems["prison"].send(text, business_type="JSJZ")
    assert taken["status"] == 200, taken
    assert taken["answer"]["code"].startswith(code), taken["answer"]
    assert all(word in taken["answer"]["msg"] for word in says), taken["answer"]
    kept = _refused(calm, "prison.370800")
    assert b"sendData" in kept["raw"]
    assert all(found["zh"] and found["en"] for found in kept["faults"])


def test_a_prisons_place_without_a_bureau_is_parked_and_named(calm: County) -> None:
    taken = calm.systems["prison"].send(handover(name="卫某", number=id_number(), JZD="370827"))["answer"]
    assert taken["code"] == "0"
    assert "卫某" in taken["msg"]
    assert "370827" in taken["msg"]


def test_a_prisons_envelope_that_is_none_is_a_soap_fault(calm: County) -> None:
    for sent in (b"<soapenv:Envelope", "<周㴔/>".encode()):
        answer = calm.soap("prison.370800", sent, SOAPAction='""')
        fault = etree.fromstring(answer.content).find(f"{{{SOAP11}}}Body/{{{SOAP11}}}Fault")
        assert answer.status_code == 500
        assert fault is not None
        assert fault.findtext("faultstring")
        assert _refused(calm, "prison.370800")["raw"] == sent


def test_a_prisons_wrong_password_is_e001(calm: County) -> None:
    sent = (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP11}"><soapenv:Body><n:sendData xmlns:n="http://jyjh.prison.example/services">'
        "<yhm>ws-prison</yhm><mm>falsch</mm><ywlx>JSJZ</ywlx><xmlData>&lt;ROOT/&gt;</xmlData></n:sendData></soapenv:Body></soapenv:Envelope>"
    ).encode()
    answer = calm.soap("prison.370800", sent, SOAPAction='""')
    assert answer.status_code == 200
    assert "&lt;CODE&gt;E001&lt;/CODE&gt;" in answer.text
    assert _refused(calm, "prison.370800")["raw"] == sent


# ------------------------------------------------------------------ HTTP
def _body(**person: Any) -> dict[str, Any]:
    return {
        "exchange": "admission.registration",
        "record": {
            "person": {"name": "褚某", "id_number": NUMBER, "residence": {"place": "370826108201"}, **person},
            "case": {"number": "(2021)鲁0826刑初999号"},
            "registration": {"registered_on": "2021-03-19"},
        },
    }


HTTP = {
    "check digit": (
        lambda: _body(id_number=wrong_check_digit(NUMBER)),
        422,
        "/record/person/id_number",
        f"最后一位应为{NUMBER[-1]}",
    ),
    "place without an office": (
        lambda: _body(residence={"place": "370827108201"}),
        422,
        "/record/person/residence/place",
        "370827108",
    ),
    "wrong date": (
        lambda: {**_body(), "record": {**_body()["record"], "registration": {"registered_on": "19.3.2021"}}},
        422,
        "/record/registration/registered_on",
        "2021",
    ),
    "missing field": (lambda: {"record": {}}, 400, "/exchange", "exchange"),
    "unknown code": (
        lambda: _body(sex={"system": "GB/T 2261.1", "code": "7"}),
        422,
        "/record/person/sex/code",
        "代码表“GB/T 2261.1”中没有“7”；可用的有：0（未知）、1（男）、2（女）、9（未说明）",
    ),
    "unknown exchange": (
        lambda: {**_body(), "exchange": "admission.pardon"},
        422,
        "/exchange",
        "admission.registration",
    ),
}


@pytest.mark.parametrize("name", HTTP)
def test_a_mistake_over_http_is_a_problem_that_names_the_place(calm: County, name: str) -> None:
    make, status, pointer, says = HTTP[name]
    answer = calm.client("bureau.370826").transfer(make(), f"wrong-{unique()}")
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    found = [error for error in answer.body["errors"] if error["pointer"].startswith(pointer)]
    assert found, answer.body
    assert says in found[0]["message"], found


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"exchange": ', "application/json", 400),
        ('{"exchange": "入矫"}'.encode("gb18030"), "application/json", 400),
        (b"<a/>", "application/xml", 415),
    ],
)
def test_bytes_that_are_no_json_are_a_problem(calm: County, body: bytes, media_type: str, status: int) -> None:
    answer = calm.client("bureau.370826").request(
        "POST", "/v1/transfers", data=body, headers={"Content-Type": media_type, "Idempotency-Key": f"bytes-{unique()}"}
    )
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["errors"][0]["message"]


def test_a_body_that_is_too_large_is_a_problem(calm: County) -> None:
    answer = calm.client("bureau.370826").request(
        "POST", "/v1/documents", data=b"x" * (LIMIT + 1), headers={"Content-Type": "application/pdf"}
    )
    assert answer.status == 413
    assert str(LIMIT) in answer.text


def test_nobody_calls_without_a_credential(calm: County) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for headers in ({}, {"Authorization": "Bearer forged"}):
            answer = session.get(f"{calm.url}/v1/inbox", headers=headers, timeout=30)
            assert answer.status_code == 401
            assert answer.headers["Content-Type"].startswith("application/problem+json")
        form = {
            "grant_type": "client_credentials",
            "client_id": calm.credentials["court.370826"]["client_id"],
            "client_secret": "falsch",
        }
        assert session.post(f"{calm.url}/oauth/token", data=form, timeout=30).status_code == 401


def test_what_was_refused_is_listed_with_its_reason(calm: County) -> None:
    key = f"LISTED-{unique()}"
    calm.systems["prison"].send(
        handover(key=key, number="37082619790214041X").replace("37082619790214041X", "370826197902140411")
    )
    listed = [
        item
        for item in calm.hub_json("transfer", "list", "--refused", "--agency", "prison.370800")["items"]
        if item["key"] == key
    ]
    assert [fault["rule"] for fault in listed[0]["faults"]] == ["id-number.check-digit"]
    table = calm.hub("transfer", "list", "--refused", "--lang", "en").stdout
    row_of_it = next(line for line in table.splitlines() if key in line)
    assert "prison.370800" in row_of_it
    row = calm.rows("SELECT raw FROM submission WHERE id = ?", listed[0]["submission"])
    assert b"370826197902140411" in row[0][0]
