"""P1 and P2: what was accepted is kept, and has one effect however often it comes."""

from __future__ import annotations

from typing import Any

import pytest

from hub.domain.faults import Conflict, NotAllowed, Refused
from hub.flow.intake import KEY_LIMIT
from tests.flow_hub import BUREAU, COURT, at_once, notice, rows, states, timeline_kinds
from tests.integration.flow.conftest import Bench


def counts(bench: Bench) -> tuple[int, int]:
    """How many transfers and deliveries there are."""
    return (
        rows(bench.hub, "SELECT count(*) AS n FROM transfer")[0].n,
        rows(bench.hub, "SELECT count(*) AS n FROM delivery")[0].n,
    )


def test_the_same_thing_again_gets_the_very_same_answer_and_has_no_effect(bench: Bench) -> None:
    first = bench.submit(notice(1), "k1")
    bench.hand.run()
    again = bench.submit(notice(1), "k1")
    assert again == first
    assert again["deliveries"][0]["status"] == "ready"  # as it was answered then, not as it is now
    assert counts(bench) == (1, 1)
    bench.hand.run()
    assert len(bench.bureau.journal) == 1


def test_the_order_of_keys_in_a_body_does_not_matter(bench: Bench) -> None:
    body = notice(1)
    turned = {"record": dict(reversed(list(body["record"].items()))), "exchange": body["exchange"]}
    assert bench.submit(body, "k1") == bench.submit(turned, "k1")


def test_other_content_under_a_used_key_is_refused_and_kept(bench: Bench) -> None:
    first = bench.submit(notice(1), "k1")
    with pytest.raises(Conflict) as refused:
        bench.submit(notice(2), "k1")
    assert refused.value.faults[0].rule == "key.reused"
    assert first["submission"] in refused.value.faults[0].zh
    kept = rows(bench.hub, "SELECT status, key, tried_key FROM submission WHERE status = 'refused'")
    assert [(row.key, row.tried_key) for row in kept] == [(None, "k1")]
    assert counts(bench) == (1, 1)
    assert bench.submit(notice(1), "k1") == first


def test_one_key_of_two_agencies_is_two_keys(bench: Bench) -> None:
    one = bench.submit(notice(1), "k1")
    other = bench.submit(notice(2, exchange="admission.documents"), "k1", "prison.370800")
    assert one["submission"] != other["submission"]


def test_requests_in_the_same_moment_have_one_effect_and_one_answer(bench: Bench) -> None:
    for n in range(5):
        answers = at_once(*[lambda n=n: bench.submit(notice(n), f"k{n}") for _ in range(6)])
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        assert all(answer == answers[0] for answer in answers)
    assert counts(bench) == (5, 5)


def test_different_requests_under_one_key_in_the_same_moment_leave_one(bench: Bench) -> None:
    answers = at_once(*[lambda n=n: bench.submit(notice(n), "k") for n in range(6)])
    accepted = [answer for answer in answers if isinstance(answer, dict)]
    assert len(accepted) == 1
    assert all(isinstance(answer, Conflict) for answer in answers if not isinstance(answer, dict)), answers
    assert counts(bench) == (1, 1)
    assert rows(bench.hub, "SELECT count(*) AS n FROM submission WHERE status = 'refused'")[0].n == 5


def test_what_is_refused_is_kept_and_its_key_is_free_for_the_correction(bench: Bench) -> None:
    wrong = notice(1)
    wrong["record"]["person"]["id_number"] = wrong["record"]["person"]["id_number"][:-1] + "0"
    wrong["record"]["correction"].pop("execution_place")
    with pytest.raises(Refused) as refused:
        bench.submit(wrong, "k1")
    pointers = {fault.pointer for fault in refused.value.faults}
    assert {"/record/person/id_number", "/record/correction/execution_place"} <= pointers
    kept = rows(bench.hub, "SELECT id, key, tried_key, raw, faults FROM submission")[0]
    assert (kept.key, kept.tried_key) == (None, "k1")
    assert "孙某甲" in bytes(kept.raw).decode()
    assert [row.kind for row in rows(bench.hub, "SELECT kind FROM timeline")] == ["submission.refused"]
    accepted = bench.submit(notice(1), "k1")
    assert states(bench.hub, accepted["id"]) == {BUREAU: "ready"}


@pytest.mark.parametrize(("key", "rule"), [("", "key.missing"), ("k" * (KEY_LIMIT + 1), "key.too-long")])
def test_a_key_that_cannot_be_used_is_refused_and_kept(bench: Bench, key: str, rule: str) -> None:
    with pytest.raises(Refused) as refused:
        bench.submit(notice(1), key)
    assert [fault.rule for fault in refused.value.faults] == [rule]
    assert rows(bench.hub, "SELECT count(*) AS n FROM submission WHERE status = 'refused'")[0].n == 1


def test_an_exchange_of_others_is_refused_and_kept(bench: Bench) -> None:
    with pytest.raises(NotAllowed):
        bench.submit(notice(1), "k1", "procuratorate.370826")
    assert rows(bench.hub, "SELECT agency FROM submission WHERE status = 'refused'")[0].agency == "procuratorate.370826"


def test_a_note_that_the_broker_brings_twice_is_worked_once(bench: Bench) -> None:
    accepted = bench.submit(notice(1), "k1")
    bench.hand.dispatch()
    bench.hand.waiting.append(bench.hand.waiting[0])
    bench.hand.work()
    bench.hand.work()
    assert bench.bureau.calls == 1
    assert states(bench.hub, accepted["id"]) == {BUREAU: "delivered"}


def test_an_old_note_counts_no_more_once_the_delivery_was_released_again(bench: Bench) -> None:
    bench.submit(notice(1), "k1")
    bench.hand.dispatch()
    bench.hand.later(61)
    bench.hand.dispatch()
    assert len(bench.hand.waiting) == 2
    bench.hand.work(0)
    assert bench.bureau.calls == 0
    bench.hand.work(0)
    assert bench.bureau.calls == 1


def test_a_lost_answer_is_repeated_under_the_same_message_id(bench: Bench) -> None:
    accepted = bench.submit(notice(1), "k1")
    bench.bureau.answer = "lost"
    bench.hand.run()
    assert states(bench.hub, accepted["id"]) == {BUREAU: "ready"}
    bench.bureau.answer = 200
    bench.hand.later(1)
    bench.hand.run()
    assert [told.message_id for told in bench.bureau.journal] == [accepted["deliveries"][0]["id"] + "-1"] * 2
    assert len({told.content for told in bench.bureau.journal}) == 1
    assert states(bench.hub, accepted["id"]) == {BUREAU: "delivered"}
    assert "delivery.repeat" in timeline_kinds(bench.hub, accepted["id"])


def test_every_answer_is_kept_as_it_was_given(bench: Bench) -> None:
    answers: dict[str, dict[str, Any]] = {
        f"k{n}": bench.submit(notice(n, place="370828" if n % 2 else "370826"), f"k{n}") for n in range(4)
    }
    bench.hand.run()
    for key, answer in answers.items():
        assert bench.submit(notice(int(key[1:]), place="370828" if int(key[1:]) % 2 else "370826"), key) == answer
    assert rows(bench.hub, "SELECT count(*) AS n FROM submission WHERE agency = :a", a=COURT)[0].n == 4
