"""Who waits for whom on PostgreSQL: each path takes the lock on the person and on the line before it decides anything.

One transaction holds the lock; the path under test must be found waiting for it, and must end well once it is let go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.domain.transfers import DeliveryState
from hub.flow.dispatch import sweep
from hub.flow.receipts import give
from hub.flow.redelivery import redeliver
from hub.ports import Unit
from tests.flow_hub import (
    BUREAU,
    NEIGHBOUR,
    PATIENCE,
    PRISON,
    ByHand,
    StoppedClock,
    county,
    handover,
    holder,
    make_hub,
    notice,
    recipients,
    report_in,
    rows,
    until,
)
from tests.integration.flow.conftest import Bench

pytestmark = pytest.mark.postgres


@pytest.fixture
def bench(tmp_path: Path, postgres_url: str) -> Iterator[Bench]:
    with recipients(2) as (bureau, neighbour):
        clock = StoppedClock()
        hub = make_hub(
            tmp_path,
            postgres_url,
            county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url}),
            clock=clock,
        )
        yield Bench(hub, ByHand(hub), clock, bureau, neighbour)
        hub.broker.close()
        hub.database.close()


class Waiting:
    """A call in a thread of its own, which may have to wait for a lock."""

    def __init__(self, bench: Bench, call: Callable[[], Any]) -> None:
        self._bench, self._call = bench, call
        self.result: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error

    def waits(self) -> bool:
        """True once the database says that somebody waits; False when the call has ended without."""

        def told() -> str | None:
            if not self._thread.is_alive():
                return "ended"
            return (
                "waits"
                if rows(
                    self._bench.hub,
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
                )
                else None
            )

        return until(told) == "waits"

    def end(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error
        return self.result


@contextmanager
def held(bench: Bench, lock: Callable[[Unit], Any], call: Callable[[], Any]) -> Iterator[Waiting]:
    """The call must wait while the lock is held, and end well afterwards."""
    with bench.hub.store.begin() as unit:
        lock(unit)
        waiting = Waiting(bench, call)
        assert waiting.waits(), f"it did not wait: {waiting.result!r} {waiting.error!r}"
    yield waiting
    waiting.end()


def escorted(bench: Bench) -> tuple[dict[str, Any], str]:
    """An escorted person whose handover has arrived at the bureau; the transfer's answer and the main delivery."""
    told = bench.submit(handover(1), "e1", PRISON)
    bench.hand.run()
    return told, next(d["id"] for d in told["deliveries"] if d["role"] == "to")


PATHS: dict[str, Callable[[Bench, dict[str, Any], str], Callable[[], Any]]] = {
    "a receipt": lambda bench, told, main: lambda: give(bench.hub, BUREAU, main, {"outcome": "accepted"}),
    "a report": lambda bench, told, main: lambda: bench.submit(report_in(1), "r1", BUREAU),
    "another handover": lambda bench, told, main: lambda: bench.submit(handover(1), "e2", PRISON),
}


@pytest.mark.parametrize("path", PATHS)
def test_what_may_move_a_person_waits_for_the_lock_on_the_person(bench: Bench, path: str) -> None:
    told, main = escorted(bench)
    with held(bench, lambda unit: unit.lock_persons([told["person"]]), PATHS[path](bench, told, main)):
        pass
    give(bench.hub, BUREAU, main, {"outcome": "accepted"})
    assert holder(bench.hub, told["person"]) == BUREAU
    assert rows(bench.hub, "SELECT count(*) AS n FROM responsibility")[0].n == 2


def test_a_receipt_in_an_answer_waits_for_the_lock_on_the_person(bench: Bench) -> None:
    bench.bureau.answer = "accepted"
    told = bench.submit(handover(1), "e1", PRISON)
    main = next(d["id"] for d in told["deliveries"] if d["role"] == "to")
    bench.hand.dispatch()
    bench.hand.waiting.sort(key=lambda received: main not in received.body.decode())
    with held(bench, lambda unit: unit.lock_persons([told["person"]]), bench.hand.work):
        pass
    assert holder(bench.hub, told["person"]) == BUREAU


@pytest.mark.parametrize(
    "path", ["a receipt", "another handover", "sending again", "a call's end", "a crashed call's end"]
)
def test_what_changes_a_line_waits_for_the_lock_on_the_line(bench: Bench, path: str) -> None:
    told, main = escorted(bench)
    call: Callable[[], Any]
    if path == "sending again":

        def call() -> Any:
            return redeliver(bench.hub, None, told["id"], {"recipient": BUREAU})
    elif path in ("a call's end", "a crashed call's end"):
        bench.submit(handover(1), "e2", PRISON)
        bench.hand.dispatch()
        bench.hand.waiting.sort(key=lambda received: BUREAU not in received.queue)
        call = bench.hand.work
        if path == "a crashed call's end":
            with bench.hub.database.begin() as db:
                db.execute(
                    text(
                        "UPDATE delivery SET status = 'attempting', lease_until = :t WHERE status = 'released' AND recipient = :r"
                    ),
                    {"t": bench.clock.technical(), "r": BUREAU},
                )
            bench.clock.move(1)

            def call() -> Any:
                return sweep(bench.hub)
    else:
        call = PATHS[path](bench, told, main)
    with held(bench, lambda unit: unit.lock_lines([(BUREAU, told["case"])]), call):
        pass


def test_the_later_of_two_deliveries_sees_that_the_other_has_ended(bench: Bench) -> None:
    told = bench.submit(notice(1, exchange="admission.documents"), "k1")
    first, second, third = (d["id"] for d in told["deliveries"])

    def end(unit: Any, delivery: str) -> str:
        unit._db.execute(text("UPDATE delivery SET status = 'delivered' WHERE id = :d"), {"d": delivery})
        return str(unit.refresh_status(told["id"], True))

    def later() -> str:
        with bench.hub.store.begin() as unit:
            return end(unit, second)

    with bench.hub.store.begin() as unit:
        end(unit, third)
    with held(bench, lambda unit: end(unit, first), later) as waiting:
        assert waiting.end() == "delivered"


def test_the_later_of_two_first_notices_takes_the_others_person(bench: Bench) -> None:
    with bench.hub.store.begin() as unit:
        case = unit.case_for("n1")
    made: list[str] = []

    def later() -> str:
        with bench.hub.store.begin() as unit:
            return unit.person_for(None, "孙某甲", case)

    with held(bench, lambda unit: made.append(unit.person_for(None, "孙某甲", case)), later) as waiting:
        assert waiting.end() == made[0]
    assert rows(bench.hub, "SELECT count(*) AS n FROM person")[0].n == 1


def test_a_number_that_another_gives_in_the_same_moment_is_that_persons(bench: Bench) -> None:
    with bench.hub.store.begin() as unit:
        case, other = unit.case_for("n1"), unit.case_for("n2")
        provisional = unit.person_for(None, "孙某甲", case)
    made: list[str] = []

    def later() -> str:
        with bench.hub.store.begin() as unit:
            return unit.person_for("370826198509172110", "孙某甲", case)

    with held(
        bench, lambda unit: made.append(unit.person_for("370826198509172110", "孙某甲", other)), later
    ) as waiting:
        assert waiting.end() == made[0] != provisional


def test_two_who_take_a_step_with_one_delivery_wait_for_each_other(bench: Bench) -> None:
    told = bench.submit(notice(1), "k1")
    delivery = told["deliveries"][0]["id"]

    def later() -> DeliveryState | None:
        with bench.hub.store.begin() as unit:
            found = unit.delivery(delivery, lock=True)
            return found.state if found else None

    def park(unit: Unit) -> None:
        found = unit.delivery(delivery, lock=True)
        assert found is not None
        unit.step(found, DeliveryState.PARKED)

    with held(bench, park, later) as waiting:
        assert waiting.end() is DeliveryState.PARKED
