"""A decision without its day of effect waits where the day is needed; a person without a number is provisional."""

from __future__ import annotations

from tests.acceptance.county import County, until
from tests.acceptance.records import Defendant, case_number, id_number, notice


def test_a_delivery_that_needs_the_day_of_effect_waits_for_the_notice_that_brings_it(calm: County) -> None:
    court, case, who = calm.systems["court"], case_number(), Defendant("郑某")
    answer = court.send(notice([who], case=case, effective=None))["answer"]
    assert answer["success"], answer
    person = calm.person("court.370826", who.number or "")
    waiting = next(
        one for one in calm.transfers("court.370826", person=person) if one["exchange"] == "admission.documents"
    )
    held = calm.settled("court.370826", waiting["id"], "bureau.370826", "parked")
    assert held["reason"]["rule"] == "case.not-in-force"
    assert held["reason"]["message"].startswith("尚未生效")
    assert held["attempts"] == [], "nothing was sent"
    calm.settled("court.370826", waiting["id"], "procuratorate.370826", "delivered")
    assert not [entry for entry in calm.systems["city"].journal() if who.number and who.number in entry["request"]]

    assert court.send(notice([who], case=case, effective="2021-03-12T00:00:00", kind="Notice"))["answer"]["success"]
    went_on = calm.settled("court.370826", waiting["id"], "bureau.370826", "accepted")
    assert went_on["receipt"]["number"].startswith("JN")
    sent = [
        entry
        for entry in calm.systems["city"].journal()
        if entry["operation"] == "submit" and (who.number or "") in entry["request"]
    ]
    assert "<pjsxrq>2021-03-12</pjsxrq>" in sent[0]["request"]
    assert any("判决已生效（2021-03-12）" in line for line in calm.told("court.370826", waiting["id"]))


def test_a_person_without_a_number_is_provisional_until_matched(calm: County) -> None:
    court, case, number, name = calm.systems["court"], case_number(), id_number(), "冯某丙"
    assert court.send(notice([Defendant(name, None)], case=case))["answer"]["success"]
    search = {"name": name}
    found = calm.client("court.370826").request("POST", "/v1/persons/search", json=search).expect()["items"]
    assert [(one["name"], one["id_number"], one["provisional"]) for one in found] == [(name, None, True)]
    assert court.send(notice([Defendant(name, number)], case=case, kind="Notice"))["answer"]["success"]
    matched = calm.client("court.370826").request("POST", "/v1/persons/search", json=search).expect()["items"]
    assert [(one["person"], one["id_number"], one["provisional"]) for one in matched] == [
        (found[0]["person"], number, False)
    ]
    until(
        "both notices are about one person",
        lambda: (
            len(
                [
                    one
                    for one in calm.transfers("court.370826", person=found[0]["person"])
                    if one["sender"] == "court.370826"
                ]
            )
            == 2
        ),
    )
