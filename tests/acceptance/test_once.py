"""What comes again: the same once more has no second effect and gets the same answer, other content is refused and said so."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from tests.acceptance.county import County
from tests.acceptance.records import Defendant, case_number, handover, id_number, jinxiang, notice, unique


def effects(county: County, agency: str, key: str) -> list[tuple[Any, ...]]:
    """The submissions that an agency's key has made, and what came of them."""
    return county.rows(
        "SELECT s.id, t.id, d.id, d.recipient FROM submission s JOIN transfer t ON t.submission_id = s.id"
        " LEFT JOIN delivery d ON d.transfer_id = t.id WHERE s.agency = ? AND s.tried_key = ? ORDER BY 1, 2, 3",
        agency,
        key,
    )


def understood_again(text: str) -> str:
    """The same record in other words: prefixes instead of a default namespace, other whitespace, comments, another order of
    attributes."""
    root = etree.fromstring(text)
    root.append(etree.Comment("第二次发送"))

    def prefixed(element: etree._Element) -> str:
        if not isinstance(element.tag, str):
            return etree.tostring(element, encoding="unicode", with_tail=False)
        name = etree.QName(element)
        attributes = "".join(
            f' {key}="{value}"' if "{" not in key else f' i:nil="{value}"' for key, value in element.attrib.items()
        )
        inside = "".join(prefixed(child) + "\n\t  " for child in element) if len(element) else (element.text or "")
        lead = "\n  <!-- 注 -->\n" if len(element) else ""
        return f"<q7:{name.localname}{attributes}>{lead}{inside}</q7:{name.localname}>"

    written = prefixed(root)
    declared = 'xmlns:q7="http://tempuri.org/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    return written.replace("<q7:SubmitExecution", f"<q7:SubmitExecution {declared}", 1)


def test_a_courts_notice_twice_has_one_effect_and_one_answer(calm: County) -> None:
    court, key = calm.systems["court"], f"TWICE-{unique()}"
    text = notice([Defendant(), jinxiang()], key=key)
    first = court.send(text)["answer"]
    before = effects(calm, "court.370826", key)
    again = [
        court.send(text)["answer"],
        court.send(understood_again(text))["answer"],
        court.send(text, version="1.2")["answer"],
    ]
    assert first["success"], first
    assert first["receipt_no"].startswith("sub_")
    assert again == [first] * 3
    assert effects(calm, "court.370826", key) == before
    assert len({row[1] for row in before}) == 2
    repeated = calm.rows(
        "SELECT count(*) FROM timeline WHERE kind = 'submission.repeated' AND submission_id = ?", before[0][0]
    )
    assert repeated == [(3,)]


def test_the_same_notice_id_with_another_term_is_refused_and_said_so(calm: County) -> None:
    court, key = calm.systems["court"], f"OTHER-{unique()}"
    text = notice([Defendant()], key=key)
    first = court.send(text)["answer"]
    before = effects(calm, "court.370826", key)
    refused = court.send(text.replace("<ProbationMonths>4<", "<ProbationMonths>6<"))["answer"]
    assert first["success"], first
    assert not refused["success"]
    assert f"编号“{key}”已用于另一内容（{first['receipt_no']}），本次未接收；如需更正请换用新编号" in refused["error"]
    assert effects(calm, "court.370826", key) == before
    listed = [
        item
        for item in calm.hub_json("transfer", "list", "--refused", "--agency", "court.370826")["items"]
        if item["key"] == key
    ]
    assert [fault["rule"] for item in listed for fault in item["faults"]] == ["key.reused"]
    assert court.send(text)["answer"] == first, "the first one is still what it was"


def test_two_forms_of_a_case_number_name_one_case(calm: County) -> None:
    number = case_number()
    half = number.replace("（", "(").replace("）", ")")
    keys = [f"CASE-{unique()}", f"CASE-{unique()}"]
    for key, written in zip(keys, (number, half), strict=True):
        answer = calm.systems["court"].send(notice([Defendant()], key=key, case=written))["answer"]
        assert answer["success"], answer
    found = calm.transfers("court.370826", case=number)
    assert len([one for one in found if one["exchange"] == "admission.documents"]) == 2
    assert len({one["case"] for one in found}) == 1
    assert [one["id"] for one in calm.transfers("court.370826", case=half)] == [
        one["id"] for one in calm.transfers("court.370826", case=number)
    ]
    written = [
        calm.transfer("court.370826", one["id"])["record"]["case"]
        for one in found
        if one["exchange"] == "admission.documents"
    ]
    assert [case.get("number_as_written", case["number"]) for case in written] == [number, half]
    assert {case["number"] for case in written} == {half}


def test_a_prisons_record_with_a_new_time_changes_nothing_and_with_another_term_is_refused(calm: County) -> None:
    prison, key = calm.systems["prison"], f"LSH{unique()}"
    text = handover(key=key, FSSJ="20120703091500")
    first = prison.send(text)["answer"]
    assert first["code"] == "0", first
    before = effects(calm, "prison.370800", key)
    later = re.sub(r">\s+<", ">\n\n<!-- 重发 --><", text.replace("<FSSJ>20120703091500<", "<FSSJ>20120704120000<"))
    assert prison.send(later)["answer"] == first
    assert prison.send(later, encoding="GB18030", style="multiref")["answer"] == first
    assert effects(calm, "prison.370800", key) == before
    refused = prison.send(text.replace("<YPXQ>050600<", "<YPXQ>040600<"))["answer"]
    assert refused["code"] == "E030"
    assert f"编号“{key}”已用于另一内容" in refused["msg"]
    assert effects(calm, "prison.370800", key) == before


def test_an_idempotency_key_again_gets_the_same_answer_and_other_content_is_a_conflict(calm: County) -> None:
    number, key = id_number("370828", "19900101"), f"idem-{unique()}"
    answer = calm.systems["court"].send(notice([jinxiang("李某", number)]))["answer"]
    assert answer["success"], answer
    person = calm.person("bureau.370828", number)
    body = {"exchange": "admission.report-in", "person": person, "record": {"report_in": {"reported_on": "2021-03-19"}}}
    client = calm.client("bureau.370828")
    answers = [client.transfer(body, key) for _ in range(3)]
    assert {answer.status for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    other = client.transfer({**body, "record": {"report_in": {"reported_on": "2021-03-20"}}}, key)
    assert other.status == 409
    assert other.headers["Content-Type"].startswith("application/problem+json")
    assert [error["rule"] for error in other.body["errors"]] == ["key.reused"]
    assert len({row[1] for row in effects(calm, "bureau.370828", key) if row[1]}) == 1
    assert len(calm.get("bureau.370828", f"/v1/persons/{person}/responsibility")["history"]) == 2, "it moved once"


def test_the_same_key_of_two_agencies_are_two_keys(calm: County) -> None:
    key = f"SHARED{unique()}"
    assert calm.systems["court"].send(notice([Defendant()], key=key))["answer"]["success"]
    assert calm.systems["prison"].send(handover(key=key))["answer"]["code"] == "0"
