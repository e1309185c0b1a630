"""P6: one agency answers for each person at every moment, moved once, by whom the chart names, however much comes at once."""

from __future__ import annotations

from functools import partial

import pytest

from hub.domain.faults import Conflict, NotFound, Refused
from hub.flow.receipts import give
from tests.flow_hub import BUREAU, COURT, NEIGHBOUR, PRISON, at_once, handover, holder, notice, report_in, rows, states
from tests.integration.flow.conftest import Bench


def history(bench: Bench, person: str) -> list[str]:
    return [
        row.holder
        for row in rows(bench.hub, "SELECT holder FROM responsibility WHERE person_id = :p ORDER BY number", p=person)
    ]


def transit(bench: Bench, person: str) -> list[str]:
    return [row.to_agency for row in rows(bench.hub, "SELECT to_agency FROM transit WHERE person_id = :p", p=person)]


def disputes(bench: Bench, person: str) -> int:
    found: int = rows(bench.hub, "SELECT count(*) AS n FROM dispute WHERE person_id = :p", p=person)[0].n
    return found


def test_the_court_answers_until_the_bureau_records_that_he_reported_in(bench: Bench) -> None:
    told = bench.submit(notice(1), "n1")
    assert (holder(bench.hub, told["person"]), transit(bench, told["person"])) == (COURT, [BUREAU])
    bench.hand.run()
    recorded = bench.submit(report_in(1), "r1", BUREAU)
    assert recorded["person"] == told["person"]
    assert recorded["case"] == told["case"]
    assert history(bench, told["person"]) == [COURT, BUREAU]
    assert transit(bench, told["person"]) == []
    bench.hand.run()
    assert states(bench.hub, recorded["id"]) == {COURT: "delivered"}


def test_an_escorted_person_moves_with_the_bureaus_receipt_once(bench: Bench) -> None:
    told = bench.submit(handover(1), "e1", PRISON)
    bench.hand.run()
    assert holder(bench.hub, told["person"]) == PRISON
    main = next(d["id"] for d in told["deliveries"] if d["role"] == "to")
    first = give(bench.hub, BUREAU, main, {"outcome": "accepted"})
    assert give(bench.hub, BUREAU, main, {"outcome": "accepted"}) == first
    assert history(bench, told["person"]) == [PRISON, BUREAU]
    with pytest.raises(Conflict):
        give(bench.hub, BUREAU, main, {"outcome": "returned", "reason": "不在本县"})


def test_a_return_moves_nothing(bench: Bench) -> None:
    told = bench.submit(handover(1), "e1", PRISON)
    bench.hand.run()
    main = next(d["id"] for d in told["deliveries"] if d["role"] == "to")
    with pytest.raises(Refused):
        give(bench.hub, BUREAU, main, {"outcome": "returned", "reason": "  "})
    give(bench.hub, BUREAU, main, {"outcome": "returned", "reason": "不在本县"})
    assert history(bench, told["person"]) == [PRISON]


def test_a_receipt_in_the_answer_of_the_bureaus_system_moves_the_person(bench: Bench) -> None:
    bench.bureau.answer = "accepted"
    told = bench.submit(handover(1), "e1", PRISON)
    bench.hand.run()
    assert history(bench, told["person"]) == [PRISON, BUREAU]
    strength = rows(bench.hub, "SELECT strength FROM receipt")[0].strength
    assert strength == "attested"
    answered = rows(bench.hub, "SELECT exchange, sender FROM transfer WHERE in_reply_to = :t", t=told["id"])
    assert [(row.exchange, row.sender) for row in answered] == [("receipt", BUREAU)]


def test_only_the_recipient_may_give_a_receipt(bench: Bench) -> None:
    told = bench.submit(handover(1), "e1", PRISON)
    bench.hand.run()
    main = next(d["id"] for d in told["deliveries"] if d["role"] == "to")
    with pytest.raises(NotFound):
        give(bench.hub, NEIGHBOUR, main, {"outcome": "accepted"})


def test_a_receipt_before_anything_was_sent_is_refused(bench: Bench) -> None:
    told = bench.submit(handover(1), "e1", PRISON)
    main = next(d["id"] for d in told["deliveries"] if d["role"] == "to")
    with pytest.raises(Conflict):
        give(bench.hub, BUREAU, main, {"outcome": "accepted"})
    assert history(bench, told["person"]) == [PRISON]


def test_a_bureau_to_which_the_person_was_not_sent_moves_nothing(bench: Bench) -> None:
    told = bench.submit(notice(1), "n1")
    claim = report_in(
        1, case={"deciding_agency": COURT, "number": "(2021)鲁0826刑初1号"}, correction={"execution_place": "370828"}
    )
    bench.submit(claim, "r1", NEIGHBOUR)
    assert history(bench, told["person"]) == [COURT]
    assert disputes(bench, told["person"]) == 1


def test_a_report_of_a_person_of_whom_nobody_told_is_a_dispute(bench: Bench) -> None:
    told = bench.submit(
        report_in(
            7,
            case={"deciding_agency": COURT, "number": "(2021)鲁0826刑初7号"},
            correction={"execution_place": "370826"},
        ),
        "r1",
        BUREAU,
    )
    assert history(bench, told["person"]) == []
    assert disputes(bench, told["person"]) == 1


def test_a_corrected_notice_sends_the_person_to_the_other_bureau(bench: Bench) -> None:
    told = bench.submit(notice(1), "n1")
    bench.submit(notice(1, place="370828"), "n2")
    assert transit(bench, told["person"]) == [NEIGHBOUR]
    bench.hand.run()
    bench.submit(report_in(1), "r1", NEIGHBOUR)
    assert history(bench, told["person"]) == [COURT, NEIGHBOUR]


def test_a_parolees_report_moves_him_from_the_prison_although_the_court_wrote_last(bench: Bench) -> None:
    told = bench.submit(handover(1, exchange="admission.parole-handover"), "p1", PRISON)
    later = handover(1, exchange="admission.documents")
    later["record"]["case"]["deciding_agency"] = COURT
    assert bench.submit(later, "d1")["person"] == told["person"]
    bench.hand.run()
    bench.submit(report_in(1), "r1", BUREAU)
    assert history(bench, told["person"]) == [PRISON, BUREAU]
    assert disputes(bench, told["person"]) == 0


def test_a_late_document_of_the_court_takes_nobody_back(bench: Bench) -> None:
    told = bench.submit(notice(1), "n1")
    bench.hand.run()
    bench.submit(report_in(1), "r1", BUREAU)
    bench.submit(notice(1, exchange="admission.documents"), "d1")
    assert history(bench, told["person"]) == [COURT, BUREAU]
    assert transit(bench, told["person"]) == []


def test_another_case_about_a_person_in_charge_is_a_dispute(bench: Bench) -> None:
    told = bench.submit(notice(1), "n1")
    bench.hand.run()
    bench.submit(report_in(1), "r1", BUREAU)
    bench.submit(notice(2, person=1), "n2")
    assert history(bench, told["person"]) == [COURT, BUREAU]
    assert disputes(bench, told["person"]) == 1


def test_many_receipts_and_reports_at_once_move_each_person_once_and_wait_for_nobody_forever(bench: Bench) -> None:
    told = [bench.submit(handover(n), f"e{n}", PRISON) for n in range(4)]
    bench.hand.run()
    for sent in told:
        main = next(d["id"] for d in sent["deliveries"] if d["role"] == "to")
        n = told.index(sent)
        answers = at_once(
            *[partial(give, bench.hub, BUREAU, main, {"outcome": "accepted"}) for _ in range(4)],
            partial(bench.submit, report_in(n), f"r{n}", BUREAU),
            partial(bench.submit, handover(n), f"again{n}", PRISON),
            partial(bench.submit, notice(n, number="", exchange="admission.documents"), f"d{n}", COURT),
            bench.hand.dispatch,
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        assert len({answer["id"] for answer in answers[:4]}) == 1
        assert history(bench, sent["person"]) == [PRISON, BUREAU]
        assert rows(bench.hub, "SELECT count(*) AS n FROM receipt WHERE delivery_id = :d", d=main)[0].n == 1
