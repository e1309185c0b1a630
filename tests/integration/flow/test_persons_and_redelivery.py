"""Who is meant when names and numbers come late or twice, and what a clerk can send again."""

from __future__ import annotations

from functools import partial

import pytest

from hub.domain.faults import Conflict, Refused
from hub.domain.values import IdNumber
from hub.flow.receipts import give
from hub.flow.redelivery import redeliver
from hub.store import queries
from tests.flow_hub import BUREAU, COURT, PROCURATORATE, at_once, id_number, notice, report_in, rows, states
from tests.integration.flow.conftest import Bench

OLD_NUMBER = "370826850917011"


# ------------------------------------------------------------------ persons
def test_a_person_without_number_is_provisional_until_a_record_brings_it(bench: Bench) -> None:
    first = bench.submit(notice(1, number=None), "k1")
    assert rows(bench.hub, "SELECT provisional FROM person")[0].provisional
    second = bench.submit(notice(1), "k2")
    assert second["person"] == first["person"]
    found = rows(bench.hub, "SELECT id_number, provisional FROM person")
    assert [(row.id_number, bool(row.provisional)) for row in found] == [(id_number(1), False)]
    assert bench.submit(notice(1, number=None), "k3")["person"] == first["person"]


def test_a_reply_that_brings_the_number_makes_the_person_known(bench: Bench) -> None:
    first = bench.submit(notice(1, number=None), "k1")
    bench.hand.run()
    recorded = bench.submit({**report_in(1), "in_reply_to": first["id"]}, "r1", BUREAU)
    assert recorded["person"] == first["person"]
    assert rows(bench.hub, "SELECT id_number FROM person")[0].id_number == id_number(1)


def test_a_15_digit_number_and_its_18_digit_form_are_one_person(bench: Bench) -> None:
    old = bench.submit(notice(1, number=OLD_NUMBER), "k1")
    new = bench.submit(notice(2, number=IdNumber.parse(OLD_NUMBER).as_18), "k2")
    assert old["person"] == new["person"]
    record = queries.transfer(bench.hub, None, old["id"])["record"]
    assert record["person"]["id_number"] == OLD_NUMBER


def test_one_name_in_two_cases_is_two_persons(bench: Bench) -> None:
    assert bench.submit(notice(1, number=None), "k1")["person"] != bench.submit(notice(2, number=None), "k2")["person"]


def test_namesakes_in_one_case_are_kept_apart_by_their_numbers(bench: Bench) -> None:
    nameless = bench.submit(notice(1, number=None), "k1")
    known = bench.submit(notice(1, person=1), "k2")
    namesake = bench.submit(notice(1, person=2), "k3")
    assert known["person"] == nameless["person"] != namesake["person"]
    bench.hand.run()
    report = report_in(2)
    report["record"]["case"] = {"number": "(2021)鲁0826刑初1号"}
    assert bench.submit(report, "r1", BUREAU)["person"] == namesake["person"]


def test_a_record_about_somebody_else_than_the_transfer_it_answers_is_refused(bench: Bench) -> None:
    first = bench.submit(notice(1), "k1")
    bench.hand.run()
    with pytest.raises(Refused) as refused:
        bench.submit({**report_in(2), "in_reply_to": first["id"]}, "r1", BUREAU)
    assert [fault.rule for fault in refused.value.faults] == ["person.differs"]


def test_first_notices_of_one_nameless_person_at_once_are_of_one_person(bench: Bench) -> None:
    for n in range(4):
        answers = at_once(
            *[partial(bench.submit, notice(n, number=None, remarks=str(k)), f"k{n}.{k}") for k in range(4)]
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        assert len({answer["person"] for answer in answers}) == 1
    assert rows(bench.hub, "SELECT count(*) AS n FROM person")[0].n == 4


def test_a_number_that_comes_from_everywhere_at_once_is_one_persons(bench: Bench) -> None:
    for n in range(4):
        bench.submit(notice(n, number=None), f"first{n}")
        answers = at_once(
            *[
                partial(bench.submit, notice(n if k % 2 else 100 + n, person=n, remarks=str(k)), f"k{n}.{k}")
                for k in range(6)
            ]
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        assert rows(bench.hub, "SELECT count(*) AS n FROM person WHERE id_number = :i", i=id_number(n))[0].n == 1


def test_case_numbers_in_any_brackets_are_one_case_and_the_written_form_is_kept(bench: Bench) -> None:
    wide = notice(57)
    wide["record"]["case"]["number"] = "（2021）鲁0826刑初57号"
    first, second = bench.submit(wide, "k1"), bench.submit(notice(57), "k2")
    assert first["case"] == second["case"]
    assert (
        queries.transfer(bench.hub, None, first["id"])["record"]["case"]["number_as_written"]
        == "（2021）鲁0826刑初57号"
    )


# ------------------------------------------------------------------ sending again
def test_what_arrived_is_sent_again_behind_what_is_under_way(bench: Bench) -> None:
    first = bench.submit(notice(1), "k1")
    bench.hand.run()
    second = bench.submit(notice(1, remarks="2"), "k2")
    redeliver(bench.hub, COURT, first["id"], {"recipient": BUREAU})
    assert (states(bench.hub, first["id"]), states(bench.hub, second["id"])) == ({BUREAU: "waiting"}, {BUREAU: "ready"})
    give(bench.hub, BUREAU, first["deliveries"][0]["id"], {"outcome": "accepted"})  # it had arrived all the same
    bench.hand.run()
    assert (states(bench.hub, first["id"]), states(bench.hub, second["id"])) == (
        {BUREAU: "accepted"},
        {BUREAU: "delivered"},
    )


def test_what_arrived_is_sent_again_with_its_message_id_when_its_recipient_is_named(bench: Bench) -> None:
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    with pytest.raises(Conflict):
        redeliver(bench.hub, COURT, told["id"], {})
    redeliver(bench.hub, COURT, told["id"], {"recipient": BUREAU})
    bench.hand.run()
    assert [entry.message_id for entry in bench.bureau.journal] == [told["deliveries"][0]["id"] + "-1"] * 2


def test_a_dry_run_changes_nothing(bench: Bench) -> None:
    bench.bureau.answer = 422
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    assert redeliver(bench.hub, COURT, told["id"], {"dry_run": True})["deliveries"][0]["from"] == "parked"
    assert states(bench.hub, told["id"]) == {BUREAU: "parked"}


def parked_at_the_door(bench: Bench) -> str:
    """A transfer of a dialect that was parked because nobody was found for its place; then somebody is."""
    told = bench.submit(notice(1, exchange="admission.documents"), "k1")
    with bench.hub.database.begin() as db:
        from sqlalchemy import text

        db.execute(text("DELETE FROM delivery"))
        db.execute(
            text("UPDATE transfer SET parked = :yes, status = 'parked', faults = :f"),
            {
                "yes": True,
                "f": '[{"rule": "place.no-agency", "pointer": "/correction/execution_place", "zh": "", "en": "", "xpath": null, "value": null, "source": null}]',
            },
        )
    return str(told["id"])


def test_a_parked_transfer_is_routed_once_although_two_clerks_send_it_on(bench: Bench) -> None:
    transfer = parked_at_the_door(bench)
    answers = at_once(*[partial(redeliver, bench.hub, None, transfer, {}) for _ in range(4)])
    routed = [answer for answer in answers if isinstance(answer, dict) and answer["deliveries"][0]["from"] == "parked"]
    assert all(isinstance(answer, Conflict) for answer in answers if not isinstance(answer, dict)), answers
    assert len(routed) == 1  # who came later found it routed, and hurried what is due anyway
    assert rows(bench.hub, "SELECT count(*) AS n FROM delivery WHERE recipient = :r", r=BUREAU)[0].n == 1
    bench.hand.run()
    assert states(bench.hub, transfer)[PROCURATORATE] == "delivered"


def test_what_is_parked_for_other_reasons_than_its_place_is_not_routed(bench: Bench) -> None:
    transfer = parked_at_the_door(bench)
    with bench.hub.database.begin() as db:
        from sqlalchemy import text

        db.execute(
            text("UPDATE transfer SET faults = :f"),
            {
                "f": '[{"rule": "code.unknown", "pointer": "/x", "zh": "", "en": "", "xpath": null, "value": null, "source": null}]'
            },
        )
    with pytest.raises(Conflict):
        redeliver(bench.hub, None, transfer, {})


# ------------------------------------------------------------------ who may see what
def test_a_county_whose_code_ends_in_zero_supervises_itself_only(bench: Bench) -> None:
    assert queries._territory("370830") == "370830"
    assert queries._territory("370826") == "370826"
    assert queries._territory("370800") == "3708"
    assert queries._territory("370000") == "370000"


def test_an_agency_sees_what_it_sent_received_or_supervises_and_nothing_else(bench: Bench) -> None:
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    seen = {agency.id for agency in bench.hub.agencies if queries.transfers(bench.hub, agency.id, {})["items"]}
    assert seen == {COURT, BUREAU, PROCURATORATE, "procuratorate.370800", "committee.370826"}, (
        "the city's procuratorate too"
    )
    assert queries.timeline(bench.hub, BUREAU, told["id"])["items"]
    assert queries.inbox(bench.hub, BUREAU)["items"][0]["accepted_at"].endswith("+08:00")


def test_many_may_read_their_inboxes_at_once(bench: Bench) -> None:
    for n in range(3):
        bench.submit(notice(n), f"k{n}")
    bench.hand.run()
    answers = at_once(*[partial(queries.inbox, bench.hub, BUREAU) for _ in range(40)])
    assert all(isinstance(answer, dict) and len(answer["items"]) == 3 for answer in answers), answers
