"""Every habit of the four legacy systems, met by a running hub: what they refuse, forget, repeat and keep one waiting for."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from xml.sax.saxutils import escape

import pytest
import requests
from lxml import etree

from tests.acceptance.county import County, until
from tests.acceptance.records import Defendant, envelope, handover, id_number, jinxiang, notice, unique

CITY, POLICE, COURT, PRISON, REST = "bureau.370826", "police.370826", "court.370826", "prison.370800", "bureau.370828"
CHUNK = 512 * 1024


def sent(county: County, who: Defendant, **options: Any) -> str:
    """A court's notice about one person: the transfer that it became."""
    answer = county.systems["court"].send(notice([who], **options))["answer"]
    assert answer["success"], answer
    return _about(county, COURT, who.number or "")


def handed_over(county: County, number: str, **options: Any) -> str:
    """A prison's record about one person: the transfer that it became."""
    answer = county.systems["prison"].send(handover(number=number, **options))["answer"]
    assert answer["code"] == "0", answer
    return _about(county, PRISON, number)


def _about(county: County, agency: str, number: str) -> str:
    person = county.person(agency, number)
    return str(next(one["id"] for one in county.transfers(agency, person=person) if one["sender"] == agency))


def entries(county: County, system: str, transfer: str, recipient: str, sender: str = COURT) -> list[dict[str, Any]]:
    """What a system has in its journal under the message id of a delivery."""
    ids = {rendition["message_id"] for rendition in county.delivery(sender, transfer, recipient)["renditions"]}
    return [entry for entry in county.systems[system].journal() if entry["key"] in ids]


def after(county: County, system: str) -> int:
    return len(county.systems[system].journal())


# ------------------------------------------------------------------ the city's platform
def test_city_another_login_kills_the_ticket_and_the_hub_logs_in_anew(calm: County) -> None:
    city = calm.systems["city"]
    calm.settled(COURT, sent(calm, Defendant()), CITY, "accepted")
    before = after(calm, "city")
    md5 = hashlib.md5(city.options["password"].encode()).hexdigest()
    login = (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><c:login xmlns:c="http://sqjz.jining.example/ws"><c:account>ws370826</c:account>'
        f"<c:md5Password>{md5}</c:md5Password></c:login></s:Body></s:Envelope>"
    )
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            city.url,
            data=login.encode(),
            headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'},
            timeout=30,
        )
    assert "<ticket>" in answer.text
    transfer = sent(calm, Defendant())
    calm.settled(COURT, transfer, CITY, "accepted")
    since = city.journal()[before:]
    assert [one["operation"] for one in since].count("login") == 2, "somebody else's, then the hub's"
    assert [one.get("code") for one in since].count(401) >= 1
    assert all(one["status"] == 200 for one in since), "the trouble is a code in a 200 answer"
    assert [one["outcome"] for one in entries(calm, "city", transfer, CITY) if one["operation"] == "submit"] == [
        "accepted"
    ]


def test_city_an_expired_ticket_is_renewed(calm: County) -> None:
    before = after(calm, "city")
    calm.systems["city"].arm("expire", operation="submit")
    calm.settled(COURT, sent(calm, Defendant()), CITY, "accepted")
    since = calm.systems["city"].journal()[before:]
    assert [(one["operation"], one.get("code")) for one in since if one["operation"] in ("login", "submit")] == [
        ("submit", 401),
        ("login", 0),
        ("submit", 0),
    ]


def test_city_busy_is_tried_again_until_it_is_not(calm: County) -> None:
    calm.systems["city"].arm("busy", times=2, operation="submit")
    transfer = sent(calm, Defendant())
    calm.settled(COURT, transfer, CITY, "accepted")
    told = calm.told(COURT, transfer)
    assert sum("暂时送不到微山县司法局，稍后再送" in line for line in told) == 2
    assert len([one for one in entries(calm, "city", transfer, CITY) if one["outcome"] == "accepted"]) == 1


def test_city_papers_go_first_in_chunks_and_are_resumed_where_they_broke_off(calm: County) -> None:
    content = bytes(range(256)) * 5200  # 1.27 MiB: three chunks
    papers = [("刑事判决书.pdf", "判决书", base64.b64encode(content).decode())]
    city, before = calm.systems["city"], after(calm, "city")
    calm.systems["city"].arm("lost-answer", operation="uploadChunk")
    calm.systems["city"].arm("busy", operation="uploadChunk")
    transfer = sent(calm, Defendant(), documents=papers)
    calm.settled(COURT, transfer, CITY, "accepted")
    uploads = [one for one in city.journal()[before:] if one["operation"] == "uploadChunk"]
    taken = [one for one in uploads if one["outcome"] == "upload"]
    assert all(one["record"]["size"] <= CHUNK for one in taken)
    whole = [one for one in taken if one.get("sha256")]
    assert [one["sha256"] for one in whole] == [hashlib.sha256(content).hexdigest()]
    file = whole[0]["key"]
    assert [one["record"]["offset"] for one in taken if one["key"] == file] == [0, CHUNK, 2 * CHUNK], "each byte once"
    submit = next(one for one in entries(calm, "city", transfer, CITY) if one["operation"] == "submit")
    assert [(one["title"], one["size"]) for one in submit["record"]["documents"]] == [("刑事判决书.pdf", len(content))]


def test_city_is_asked_until_it_has_decided(calm: County) -> None:
    calm.systems["city"].arm("wait", times=2)
    transfer = sent(calm, Defendant())
    done = calm.settled(COURT, transfer, CITY, "accepted")
    states = [one["record"]["state"] for one in entries(calm, "city", transfer, CITY) if one["operation"] == "query"]
    assert states[-1] == 1
    assert states[:-1].count(0) >= 2
    assert {one["phase"] for one in done["attempts"]} == {"call", "poll"}
    assert any("等待对方处理（批次PC" in line for line in calm.told(COURT, transfer))


def test_city_already_known_counts_as_accepted(calm: County) -> None:
    who = Defendant()
    calm.systems["city"].arm("duplicate", sfzh=who.number)
    done = calm.settled(COURT, sent(calm, who), CITY, "accepted")
    assert (done["receipt"]["outcome"], done["receipt"]["strength"]) == ("accepted", "attested")
    assert done["receipt"]["number"].startswith("JN")


def test_city_status_1_is_a_return_with_its_reason_and_the_court_hears_it(calm: County) -> None:
    who = Defendant()
    calm.systems["city"].arm("refuse", reason="不属本辖区", sfzh=who.number)
    done = calm.settled(COURT, sent(calm, who), CITY, "returned")
    assert done["receipt"]["reason"] == "不属本辖区"
    reply = until(
        "the court has the reply",
        lambda: next(
            (
                one["record"]
                for one in calm.systems["court"].journal()
                if one["operation"] == "ReceiveReply" and (who.number or "") in one["request"]
            ),
            None,
        ),
    )
    assert (reply["reply_kind"], reply["agency"], reply["text"]) == (
        "退回",
        "微山县司法局",
        f"孙某甲({who.number})：退回，理由：不属本辖区",
    )


@pytest.mark.parametrize("fault", ["down", "half", "lost-answer", "html", "http-500"])
def test_city_whatever_the_network_does_it_has_each_person_once(calm: County, fault: str) -> None:
    calm.systems["city"].arm(fault, operation="submit")
    transfer = sent(calm, Defendant())
    calm.settled(COURT, transfer, CITY, "accepted")
    submits = [one for one in entries(calm, "city", transfer, CITY) if one["operation"] == "submit"]
    assert [one["outcome"] for one in submits].count("accepted") == 1
    assert len({one["digest"] for one in submits}) == 1, "the same message id had the same content"


def test_city_gets_terms_offences_and_places_as_it_wants_them(calm: County) -> None:
    number = id_number(born="19790214")
    transfer = handed_over(calm, number)
    calm.settled(PRISON, transfer, CITY, "accepted")
    request = next(
        one["request"] for one in entries(calm, "city", transfer, CITY, PRISON) if one["operation"] == "submit"
    )
    for expected in (
        "<zyfz>盗窃罪、故意伤害罪</zyfz>",
        "<ypxq>5年6月</ypxq>",
        "<xb>男</xb>",
        "<csny>1979-02-14</csny>",
        "<jzlb>03</jzlb>",
        "<pjjg>济宁市中级人民法院</pjjg>",
        "<fromUnit>370800</fromUnit>",
        "<sfsbm>370826000001</sfsbm>",
    ):
        assert expected in request
    record = calm.transfer(PRISON, transfer)["record"]
    assert record["sentence"]["offences"] == ["盗窃罪", "故意伤害罪"]


# ------------------------------------------------------------------ police
def test_police_every_call_has_a_nonce_of_its_own_in_real_time(calm: County) -> None:
    """The county's business time is 2021; the digest's `Created` is the machine's."""
    calm.systems["police"].arm("busy")
    transfer = sent(calm, Defendant())
    calm.settled(COURT, transfer, POLICE, "accepted")
    seen = calm.systems["police"].journal()
    nonces = [one["nonce"] for one in seen if one.get("nonce")]
    assert len(nonces) == len(set(nonces)) >= 2
    taken = next(one for one in entries(calm, "police", transfer, POLICE) if one["outcome"] == "accepted")
    assert taken["record"]["sent_at"].startswith("2021"), "the record tells business time"
    created = etree.fromstring(taken["request"].strip().encode()).findtext(".//{*}Created", "")
    assert created[:10] == taken["at"][:10]


@pytest.mark.parametrize("code", ["CF04", "CF09"])
def test_police_a_replayed_nonce_or_a_busy_hour_is_tried_again(calm: County, code: str) -> None:
    calm.systems["police"].arm("code", code=code)
    done = calm.settled(COURT, transfer := sent(calm, Defendant()), POLICE, "accepted")
    assert [one["outcome"] for one in done["attempts"]] == ["later", "done"]
    assert [one["outcome"] for one in entries(calm, "police", transfer, POLICE)].count("accepted") == 1


@pytest.mark.parametrize("code", ["CF03", "CF05"])
def test_police_a_clock_or_password_that_is_wrong_waits_for_an_administrator(calm: County, code: str) -> None:
    calm.systems["police"].arm("code", code=code)
    transfer = sent(calm, Defendant())
    held = until(
        "it waits",
        lambda: next(
            (
                d
                for d in [calm.delivery(COURT, transfer, POLICE)]
                if d["due_at"] and d["attempts"] and d["attempts"][0]["outcome"]
            ),
            None,
        ),
    )
    assert (held["status"], held["attempts"][0]["outcome"], held["attempts"][0]["code"]) == ("ready", "later", code)
    calm.client(COURT).request("POST", f"/v1/transfers/{transfer}/redelivery", json={"recipient": POLICE}).expect()
    calm.settled(COURT, transfer, POLICE, "accepted")


def test_police_another_content_under_one_id_is_parked_for_a_person(calm: County) -> None:
    calm.systems["police"].arm("code", code="CF02", message="XXID重复且内容不一致")
    transfer = sent(calm, Defendant())
    held = calm.settled(COURT, transfer, POLICE, "parked")
    assert "XXID重复且内容不一致" in held["reason"]["message"]
    calm.client(COURT).request("POST", f"/v1/transfers/{transfer}/redelivery", json={"recipient": POLICE}).expect()
    done = calm.settled(COURT, transfer, POLICE, "accepted")
    assert len({one["message_id"] for one in done["renditions"]}) == 2, (
        "its old outcome is known, so it is a new message"
    )


def test_police_the_same_id_again_gets_the_first_acceptance_again(calm: County) -> None:
    calm.systems["police"].arm("lost-answer")
    transfer = sent(calm, Defendant())
    done = calm.settled(COURT, transfer, POLICE, "accepted")
    seen = entries(calm, "police", transfer, POLICE)
    assert [one["outcome"] for one in seen] == ["accepted", "duplicate"]
    assert done["receipt"]["number"] == seen[0]["slbh"]
    assert any("不确定微山县公安局是否收到，将以同一编号重发" in line for line in calm.told(COURT, transfer))


# ------------------------------------------------------------------ the court
def test_court_calls_in_either_version_and_the_action_is_checked(calm: County) -> None:
    court, issued = calm.systems["court"], calm.credentials[COURT]
    answers = [court.send(notice([Defendant()]), version=version) for version in ("1.1", "1.2")]
    assert [one["answer"]["success"] for one in answers] == [True, True]
    assert [("soap-envelope" in one["body"]) for one in answers] == [False, True], "each is answered in its own version"
    taken = "SELECT count(*) FROM submission WHERE agency = 'court.370826' AND status = 'accepted'"
    before = calm.rows(taken)
    whole = envelope(notice([Defendant()]), issued["soap_user"], issued["soap_password"])
    for action in ('"http://tempuri.org/ReceiveReply"', "http://tempuri.org/SubmitExecution", '""'):
        answer = calm.soap(COURT, whole.encode(), SOAPAction=action)
        assert answer.status_code == 500, action
        assert "faultstring" in answer.text
    newer = whole.replace(
        "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
    ).encode()
    wrong = calm.soap(
        COURT, newer, Content_Type='application/soap+xml; charset=utf-8; action="http://tempuri.org/Other"'
    )
    assert wrong.status_code == 400
    assert wrong.headers["Content-Type"].startswith("application/soap+xml")
    assert calm.rows(taken) == before


@pytest.mark.parametrize("fault", ["lost-answer", "server-fault"])
def test_court_a_reply_of_unknown_outcome_is_a_persons_decision(calm: County, fault: str) -> None:
    court, who = calm.systems["court"], jinxiang("杨某")
    court.arm(fault, operation="ReceiveReply")
    transfer = sent(calm, who)
    calm.settled(COURT, transfer, REST, "accepted")
    back = until(
        "the receipt is on its way",
        lambda: next(
            (
                one
                for one in calm.transfers(COURT, person=calm.person(COURT, who.number or ""))
                if one["exchange"] == "receipt" and one["deliveries"][0]["status"] == "unknown"
            ),
            None,
        ),
    )
    called = [one for one in court.journal() if (who.number or "") in one["request"]]
    assert len(called) == 1
    assert any("结果不明" in line or "不知道对方是否收到" in line for line in calm.told(REST, back["id"]))
    calm.client(REST).request("POST", f"/v1/transfers/{back['id']}/redelivery", json={"recipient": COURT}).expect()
    calm.settled(REST, back["id"], COURT, "delivered")
    assert len([one for one in court.journal() if (who.number or "") in one["request"]]) == 2


# ------------------------------------------------------------------ the prison
def test_prison_busy_is_tried_again_with_the_same_number(calm: County) -> None:
    prison, number = calm.systems["prison"], id_number(born="19790214")
    prison.arm("busy", times=2)
    transfer = handed_over(calm, number)
    calm.settled(PRISON, transfer, CITY, "accepted")
    answered = until(
        "the prison has its receipt",
        lambda: next(
            (
                one
                for one in prison.journal()
                if one["outcome"] == "accepted" and one["record"].get("id_number") == number
            ),
            None,
        ),
    )
    assert answered["record"]["result"] == "1"
    assert [one["code"] for one in prison.journal() if one["outcome"] == "busy"][-2:] == ["E099", "E099"]
    person = calm.person(PRISON, number)
    back = next(one for one in calm.transfers(PRISON, person=person) if one["exchange"] == "receipt")
    attempts = calm.settled(PRISON, back["id"], PRISON, "delivered")["attempts"]
    assert [one["outcome"] for one in attempts] == ["later", "later", "done"]


def test_prison_a_lost_answer_is_asked_for_under_the_same_number(calm: County) -> None:
    prison, number = calm.systems["prison"], id_number(born="19790214")
    prison.arm("lost-answer")
    handed_over(calm, number)
    seen = until(
        "the prison has it again",
        lambda: (
            found
            if len(
                found := [
                    one
                    for one in prison.journal()
                    if one["operation"] == "sendData" and one["record"].get("id_number") == number
                ]
            )
            == 2
            else None
        ),
    )
    assert [one["outcome"] for one in seen] == ["accepted", "duplicate"]
    assert len({(one["key"], one["digest"]) for one in seen}) == 1


@pytest.mark.parametrize("encoding", ["UTF-8", "GB18030", "GB2312"])
@pytest.mark.parametrize("style", ["plain", "xsd", "multiref"])
def test_prison_writes_as_axis_does_in_any_encoding(calm: County, encoding: str, style: str) -> None:
    number = id_number(born="19790214")
    answer = calm.systems["prison"].send(handover(number=number, XM="周㴔"), encoding=encoding, style=style)["answer"]
    assert answer["code"] == "0", answer
    record = calm.transfer(PRISON, _about(calm, PRISON, number))["record"]
    assert record["person"]["name"] == "周㴔"
    assert record["parole"]["original_term"] == {"years": 5, "months": 6}
    assert record["person"]["birth_date"] == "1979-02-14"
    assert "\n" in record["message"]["remarks"]


def test_prison_hands_an_escorted_person_over_and_the_bureaus_receipt_moves_responsibility(calm: County) -> None:
    number = id_number(born="19790214")
    text = (
        handover(number=number, name="徐某")
        .replace("<YWLX>JSJZ<", "<YWLX>ZYJW<")
        .replace("JSCDS>", "JDSWH>")
        .replace("</CLLB>", "</CLLB><BQZL><CL><XH>1</XH><MC>诊断书.pdf</MC><NR>JVBERi0xLjQKJcfsj6IK</NR></CL></BQZL>")
    )
    answer = calm.systems["prison"].send(text, business_type="ZYJW")["answer"]
    assert answer["code"] == "0", answer
    person = calm.person(PRISON, number)
    moved = until(
        "the bureau answers",
        lambda: (
            found if (found := calm.get(PRISON, f"/v1/persons/{person}/responsibility"))["holder"] == CITY else None
        ),
    )
    assert [(one["holder"], one["cause"]["exchange"]) for one in moved["history"]] == [
        (PRISON, "admission.escort"),
        (CITY, "admission.escort"),
    ]
    assert moved["history"][1]["cause"]["receipt"]


# ------------------------------------------------------------------ the neighbouring bureau
def test_rest_busy_is_tried_again_and_the_signature_holds(calm: County) -> None:
    calm.systems["rest"].arm("busy", seconds=1)
    who = jinxiang(f"{escape('秦某')}{unique()}")
    transfer = sent(calm, who)
    calm.settled(COURT, transfer, REST, "accepted")
    seen = entries(calm, "rest", transfer, REST)
    assert [one["outcome"] for one in seen].count("accepted") == 1


def test_rest_a_lost_answer_is_repeated_under_the_same_webhook_id(calm: County) -> None:
    calm.systems["rest"].arm("lost-answer")
    transfer = sent(calm, jinxiang("尤某"))
    calm.settled(COURT, transfer, REST, "accepted")
    seen = until("it came again or was answered meanwhile", lambda: entries(calm, "rest", transfer, REST))
    assert [one["outcome"] for one in seen].count("accepted") == 1
    assert len({one["digest"] for one in seen}) == 1
