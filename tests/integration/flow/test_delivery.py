"""What a call can come to, and what follows: retries, parking, receipts that overtake, workers that died, leases."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from hub.domain.agencies import Agency, Reach
from hub.domain.faults import Fault
from hub.flow import delivery as delivery_flow
from hub.flow.delivery import ATTEMPT_GRACE
from hub.flow.live import LiveBook
from hub.flow.receipts import give
from hub.flow.redelivery import redeliver
from hub.ports import ConfigError, Connector, Endpoint, Outcome, OutcomeKind, Parcel, Sessions, SoapService
from hub.translation import CannotWrite, Context, Written
from tests.flow_hub import (
    BUREAU,
    COURT,
    NEIGHBOUR,
    POLICE,
    PRISON,
    PROCURATORATE,
    at_once,
    handover,
    holder,
    notice,
    rows,
    states,
    timeline_kinds,
    until,
)
from tests.integration.flow.conftest import Bench


class Scripted:
    """The hub's connectors, one agency of which answers as told, step by step; the last answer is given again."""

    def __init__(
        self, bench: Bench, agency: str, outcomes: list[Outcome | Exception], repeat_safe: bool = False
    ) -> None:
        self._real, self._agency, self._outcomes, self._repeat_safe = (
            bench.hub.connectors,
            agency,
            outcomes,
            repeat_safe,
        )
        self.phases: list[str] = []
        bench.hub.connectors = self

    def call_side(self, transport: str) -> Connector:
        return _Scripted(self, self._real.call_side(transport))

    def service(self, agency: Agency) -> SoapService:
        return self._real.service(agency)

    def endpoint(self, agency: Agency, reach: Reach) -> Endpoint:
        return self._real.endpoint(agency, reach)

    def next(self, phase: str) -> Outcome:
        self.phases.append(phase)
        found = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(found, Exception):
            raise found
        return found


class _Scripted:
    def __init__(self, owner: Scripted, real: Connector) -> None:
        self._owner, self._real = owner, real

    def call(self, endpoint: Endpoint, parcel: Parcel, sessions: Sessions) -> Outcome:
        return (
            self._owner.next("call")
            if endpoint.agency == self._owner._agency
            else self._real.call(endpoint, parcel, sessions)
        )

    def poll(self, endpoint: Endpoint, parcel: Parcel, reference: str, sessions: Sessions) -> Outcome:
        return self._owner.next(f"poll {reference}")

    def repeat_safe(self, endpoint: Endpoint) -> bool:
        return self._owner._repeat_safe if endpoint.agency == self._owner._agency else self._real.repeat_safe(endpoint)


def delivery_row(bench: Bench, transfer: str) -> Any:
    return rows(bench.hub, "SELECT * FROM delivery WHERE transfer_id = :t AND role = 'to'", t=transfer)[0]


# ------------------------------------------------------------------ endings
def test_an_agency_that_is_down_gets_it_later_and_in_order(bench: Bench) -> None:
    bench.bureau.answer = "down"
    first, second = bench.submit(notice(1), "k1"), bench.submit(notice(1, remarks="2"), "k2")
    bench.hand.run()
    assert states(bench.hub, first["id"]) == {BUREAU: "ready"}
    assert states(bench.hub, second["id"]) == {BUREAU: "waiting"}
    bench.bureau.answer = 200
    bench.hand.later(10)
    bench.hand.run()
    assert [told.transfer for told in bench.bureau.journal] == [first["id"], second["id"]]


def test_what_is_refused_is_parked_and_goes_under_a_new_message_id_when_sent_again(bench: Bench) -> None:
    bench.bureau.answer = 422
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "parked"}
    bench.bureau.answer = 200
    plan = redeliver(bench.hub, COURT, told["id"], {})
    assert plan["deliveries"][0]["new_rendition"] is True
    bench.hand.run()
    assert [entry.message_id for entry in bench.bureau.journal] == [told["deliveries"][0]["id"] + "-2"]


def test_after_the_last_attempt_it_is_parked_and_keeps_its_message_id(bench: Bench) -> None:
    bench.hub.schedule = dataclasses.replace(bench.hub.schedule, attempts=3)
    bench.bureau.answer = "lost"
    told = bench.submit(notice(1), "k1")
    for _ in range(4):
        bench.hand.run()
        bench.hand.later(10)
    assert states(bench.hub, told["id"]) == {BUREAU: "parked"}
    assert len(bench.bureau.journal) == 3
    bench.bureau.answer = 200
    assert redeliver(bench.hub, COURT, told["id"], {})["deliveries"][0]["new_rendition"] is False
    bench.hand.run()
    assert {entry.message_id for entry in bench.bureau.journal} == {told["deliveries"][0]["id"] + "-1"}
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}


def test_an_unknown_outcome_that_may_not_be_repeated_waits_for_a_person(bench: Bench) -> None:
    script = Scripted(bench, BUREAU, [Outcome(OutcomeKind.UNKNOWN, message="no answer"), Outcome(OutcomeKind.DONE)])
    told = bench.submit(notice(1), "k1")
    behind = bench.submit(notice(1, remarks="2"), "k2")
    bench.hand.run()
    bench.hand.later(100_000)
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "unknown"}
    assert states(bench.hub, behind["id"]) == {BUREAU: "waiting"}
    assert script.phases == ["call"]
    plan = redeliver(bench.hub, None, told["id"], {"recipient": BUREAU})
    assert plan["deliveries"][0]["new_rendition"] is False
    bench.hand.run()
    assert states(bench.hub, behind["id"]) == {BUREAU: "delivered"}


def test_a_system_that_decides_later_is_asked_until_it_has_decided(bench: Bench) -> None:
    decided = Outcome(OutcomeKind.DONE, receipt=None)
    script = Scripted(
        bench,
        BUREAU,
        [
            Outcome(OutcomeKind.SUBMITTED, reference="B7"),
            Outcome(OutcomeKind.SUBMITTED),
            Outcome(OutcomeKind.LATER),
            Outcome(OutcomeKind.UNKNOWN),
            decided,
        ],
    )
    told = bench.submit(notice(1), "k1")
    for _ in range(5):
        bench.hand.run()
        bench.hand.later(1)
    assert script.phases == ["call", "poll B7", "poll B7", "poll B7", "poll B7"]
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}
    assert delivery_row(bench, told["id"]).attempts == 1


def test_a_lost_poll_note_is_polled_again_and_never_called_again(bench: Bench) -> None:
    script = Scripted(bench, BUREAU, [Outcome(OutcomeKind.SUBMITTED, reference="B7"), Outcome(OutcomeKind.DONE)])
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    bench.hand.later(1)
    bench.hand.dispatch()
    bench.hand.lose()
    bench.hand.later(61)
    assert states(bench.hub, told["id"]) == {BUREAU: "submitted"}
    bench.hand.run()
    assert script.phases == ["call", "poll B7"]


@pytest.mark.parametrize("asked", [-5.0, 1e12])
def test_however_long_a_system_asks_for_peace_it_is_called_again(bench: Bench, asked: float) -> None:
    Scripted(bench, BUREAU, [Outcome(OutcomeKind.LATER, retry_after=asked), Outcome(OutcomeKind.DONE)])
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    bench.hand.later(max(bench.hub.schedule.retry) + 1)
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}


def test_a_wrong_configuration_that_a_connector_finds_is_no_unknown_outcome(bench: Bench) -> None:
    wrong = ConfigError(
        [Fault("endpoint.secret", "", "密钥应为whsec_加Base64", "the secret must be whsec_ and base64")]
    )
    Scripted(bench, BUREAU, [wrong, Outcome(OutcomeKind.DONE)])
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "ready"}
    bench.hand.later(10)
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}


def test_a_lost_sealing_key_holds_its_agency_up_and_says_so_once(bench: Bench) -> None:
    with bench.hub.store.begin() as unit:
        unit.set_override(BUREAU, None, None, b"sealed with another key")
    told, other = bench.submit(notice(1), "k1"), bench.submit(notice(2, place="370828"), "k2")
    for _ in range(3):
        bench.hand.run()
        bench.hand.later(61)
    assert states(bench.hub, other["id"]) == {NEIGHBOUR: "delivered"}
    assert states(bench.hub, told["id"]) == {BUREAU: "ready"}
    assert timeline_kinds(bench.hub, told["id"]).count("delivery.later") == 1
    with bench.hub.store.begin() as unit:
        unit.set_override(BUREAU, None, None, bench.hub.seal.seal("whsec_c2FudG9uZy10ZXN0LXNlY3JldC0wMDAx"))
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}


def test_what_a_system_says_is_kept_whatever_characters_it_uses(bench: Bench) -> None:
    Scripted(bench, BUREAU, [Outcome(OutcomeKind.REFUSED, code="E\0" + "9" * 300, message="a\0b\ud800" + "长" * 5000)])
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "parked"}
    assert rows(bench.hub, "SELECT message FROM attempt")[0].message.startswith("ab?长")


def test_a_mistake_of_the_program_while_writing_parks_only_its_own_delivery(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = delivery_flow.inbox_item

    def broken(delivery: Any, transfer: Any, documents: Any) -> dict[str, Any]:
        if delivery.recipient == BUREAU:
            raise KeyError("place")
        return real(delivery, transfer, documents)

    monkeypatch.setattr(delivery_flow, "inbox_item", broken)
    told, other = bench.submit(notice(1), "k1"), bench.submit(notice(2, place="370828"), "k2")
    bench.hand.run()
    assert (states(bench.hub, told["id"]), states(bench.hub, other["id"])) == (
        {BUREAU: "parked"},
        {NEIGHBOUR: "delivered"},
    )


def test_what_goes_to_an_agency_that_was_removed_is_parked(bench: Bench) -> None:
    told = bench.submit(notice(1), "k1")
    bench.hub.agencies._by_id.pop(BUREAU)
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "parked"}
    assert "recipient.unreachable" in str(delivery_row(bench, told["id"]).reason)


def test_what_is_frozen_is_not_sent_another_way(bench: Bench) -> None:
    bench.bureau.answer = "lost"
    told = bench.submit(notice(1), "k1")
    bench.hand.run()
    agency = bench.hub.agencies._by_id[BUREAU]
    bench.hub.agencies._by_id[BUREAU] = dataclasses.replace(agency, reach=(Reach("inbox"),))
    bench.hand.later(10)
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "parked"}
    redeliver(bench.hub, None, told["id"], {})
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}
    assert [row.transport for row in rows(bench.hub, "SELECT transport FROM rendition ORDER BY number")] == [
        "rest",
        "inbox",
    ]


# ------------------------------------------------------------------ workers that die, receipts that overtake
def test_a_worker_that_died_in_a_call_is_noticed_and_the_call_repeated(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = bench.submit(notice(1), "k1")
    bench.hand.dispatch()

    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(delivery_flow, "_record_surely", die)
        bench.hand.work()
    assert states(bench.hub, told["id"]) == {BUREAU: "attempting"}
    bench.hand.later(5 + ATTEMPT_GRACE - 1)
    assert states(bench.hub, told["id"]) == {BUREAU: "attempting"}
    bench.hand.later(2)
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}
    assert len({entry.message_id for entry in bench.bureau.journal}) == 1
    assert [row.outcome for row in rows(bench.hub, "SELECT outcome FROM attempt ORDER BY seq")] == ["unknown", "done"]


def test_one_crashed_attempt_that_cannot_be_ended_holds_up_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in (1, 2):
        bench.submit(notice(n), f"k{n}")
    with bench.hub.database.begin() as db:
        from sqlalchemy import text

        db.execute(text("UPDATE delivery SET status = 'attempting', lease_until = due_at"))
    broken = rows(bench.hub, "SELECT id FROM delivery ORDER BY seq")[0].id
    from hub.flow import dispatch

    real = dispatch.after_unknown

    def after_unknown(hub: Any, unit: Any, delivery: Any, code: str) -> None:
        if delivery.id == broken:
            raise KeyError("x")
        real(hub, unit, delivery, code)

    monkeypatch.setattr(dispatch, "after_unknown", after_unknown)
    bench.hand.later(1)
    assert [row.status for row in rows(bench.hub, "SELECT status FROM delivery ORDER BY seq")] == [
        "attempting",
        "ready",
    ]


def test_a_receipt_may_overtake_the_hubs_own_record_of_the_call(bench: Bench) -> None:
    told = bench.submit(handover(1), "k1", PRISON)
    main = next(d["id"] for d in told["deliveries"] if d["role"] == "to")
    bench.bureau.held.clear()
    bench.hand.dispatch()
    bench.hand.waiting.sort(key=lambda received: main not in received.body.decode())
    worker = threading.Thread(target=bench.hand.work)
    worker.start()
    try:
        until(lambda: bench.bureau.calls)
        give(bench.hub, BUREAU, main, {"outcome": "accepted"})
    finally:
        bench.bureau.held.set()
        worker.join()
    bench.hand.run()
    assert states(bench.hub, told["id"])[BUREAU] == "accepted"
    assert holder(bench.hub, told["person"]) == BUREAU
    assert rows(bench.hub, "SELECT outcome FROM attempt WHERE delivery_id = :d", d=main)[0].outcome == "done"
    assert rows(bench.hub, "SELECT status FROM transfer WHERE id = :t", t=told["id"])[0].status == "answered"


def test_the_outcome_is_recorded_although_the_store_fails_for_a_moment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = bench.submit(notice(1), "k1")
    real, failed = delivery_flow._record, []

    def flaky(*args: Any) -> None:
        if len(failed) < 2:
            failed.append(1)
            raise ConnectionError("the database restarts")
        real(*args)

    monkeypatch.setattr(delivery_flow, "_record", flaky)
    monkeypatch.setattr(delivery_flow, "RECORD_PAUSE", 0.01)
    bench.hand.run()
    assert states(bench.hub, told["id"]) == {BUREAU: "delivered"}
    assert len(bench.bureau.journal) == 1


def test_deliveries_of_one_transfer_that_end_at_once_leave_the_right_status(bench: Bench) -> None:
    for n in range(8):
        told = bench.submit(notice(n, exchange="admission.documents"), f"k{n}")
        assert {d["recipient"] for d in told["deliveries"]} == {BUREAU, PROCURATORATE, POLICE}
        bench.hand.dispatch()
        assert not [found for found in at_once(*[bench.hand.work for _ in range(3)]) if found is not None]
        assert rows(bench.hub, "SELECT status FROM transfer WHERE id = :t", t=told["id"])[0].status == "delivered"


# ------------------------------------------------------------------ 尚未生效
class OnlyInForce:
    """A dialect in which a record without its day of effect cannot be told."""

    def can_write(self, exchange: str) -> bool:
        return True

    def version(self, exchange: str) -> str:
        return "1"

    def write(self, exchange: str, record: Mapping[str, Any], context: Context) -> Written:
        day = record["case"].get("effective_on")
        if day is None:
            raise CannotWrite(
                [
                    Fault("name.unknown", "/x", "", ""),
                    Fault("case.not-in-force", "/case/effective_on", "尚未生效", "not yet in force"),
                ]
            )
        return Written(f"<in-force>{day}</in-force>".encode(), "application/xml", {})


@pytest.fixture
def strict(bench: Bench) -> Bench:
    """The bench with a bureau whose dialect needs the day of effect."""
    bench.hub.dialects = LiveBook.fixed({"strict": OnlyInForce()})  # type: ignore[dict-item]
    agency = bench.hub.agencies._by_id[BUREAU]
    bench.hub.agencies._by_id[BUREAU] = dataclasses.replace(agency, reach=(Reach("inbox", "strict"),))
    real = bench.hub.connectors.endpoint
    bench.hub.connectors.endpoint = lambda agency, reach: real(agency, dataclasses.replace(reach, dialect=None))  # type: ignore[method-assign]
    return bench


def test_what_is_not_in_force_waits_for_the_notice_that_brings_the_day(strict: Bench) -> None:
    early = strict.submit(notice(1, effective_on=None), "k1")
    strict.hand.run()
    assert states(strict.hub, early["id"]) == {BUREAU: "parked"}
    late = strict.submit(notice(1, effective_on="2021-03-12"), "k2")
    assert states(strict.hub, late["id"]) == {BUREAU: "waiting"}
    strict.hand.run()
    assert states(strict.hub, early["id"]) == states(strict.hub, late["id"]) == {BUREAU: "delivered"}
    assert "case.in-force" in timeline_kinds(strict.hub, early["id"])


def test_the_day_may_come_before_the_earlier_notice_was_tried(strict: Bench) -> None:
    early = strict.submit(notice(1, effective_on=None), "k1")
    strict.submit(notice(1, effective_on="2021-03-12"), "k2")
    strict.hand.run()
    assert states(strict.hub, early["id"]) == {BUREAU: "delivered"}


def test_the_day_may_come_between_the_try_and_the_parking(strict: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    early = strict.submit(notice(1, effective_on=None), "k1")
    real, once = delivery_flow._park, threading.Event()

    def meanwhile(*args: Any) -> None:
        if not once.is_set():
            once.set()
            strict.submit(notice(1, effective_on="2021-03-12"), "k2")
        real(*args)

    monkeypatch.setattr(delivery_flow, "_park", meanwhile)
    strict.hand.run()
    assert once.is_set()
    assert states(strict.hub, early["id"]) == {BUREAU: "delivered"}


def test_another_person_of_the_case_brings_no_day(strict: Bench) -> None:
    early = strict.submit(notice(1, person=1, effective_on=None), "k1")
    strict.submit(notice(1, person=2, name="李某", effective_on="2021-03-12"), "k2")
    strict.hand.run()
    assert states(strict.hub, early["id"]) == {BUREAU: "parked"}
