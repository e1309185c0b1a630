"""P3: for one case and one recipient, messages arrive in the order of acceptance, whatever happens on the way.

A machine hands in notices, works release notes off in any order, loses and doubles them, lets workers die before and
after a call, lets recipients be down, refuse or swallow their answers, gives receipts, sends again; then it compares the
recipients' journals and the store with what it knows.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.domain.agencies import Agency, Reach
from hub.domain.faults import Conflict
from hub.domain.transfers import OUTSTANDING, DeliveryState, transfer_status
from hub.flow.delivery import ATTEMPT_GRACE
from hub.flow.intake import submit_record
from hub.flow.parts import Hub
from hub.flow.receipts import give
from hub.flow.redelivery import redeliver
from hub.ports import Connector, Endpoint, Outcome, Parcel, Sessions, SoapService
from hub.store.tables import metadata
from tests.flow_hub import (
    BUREAU,
    COURT,
    NEIGHBOUR,
    ByHand,
    Recipient,
    StoppedClock,
    county,
    make_hub,
    notice,
    recipients,
    rows,
)

PLACES = {BUREAU: "370826", NEIGHBOUR: "370828"}
#: The neighbour's system cannot tell a repetition: what is lost there is for a person to decide.
FORGETFUL = NEIGHBOUR


class Died(BaseException):
    """The worker is gone, as after `kill -9`: nothing that follows is done."""


class Mortal:
    """The hub's connectors, whose caller can be made to die; one agency's contract removes no duplicates."""

    def __init__(self, hub: Hub) -> None:
        self._real = hub.connectors
        self.dies: str | None = None

    def call_side(self, transport: str) -> Connector:
        return _Mortal(self, self._real.call_side(transport))

    def service(self, agency: Agency) -> SoapService:
        return self._real.service(agency)

    def endpoint(self, agency: Agency, reach: Reach) -> Endpoint:
        return self._real.endpoint(agency, reach)


class _Mortal:
    def __init__(self, owner: Mortal, real: Connector) -> None:
        self._owner, self._real = owner, real

    def call(self, endpoint: Endpoint, parcel: Parcel, sessions: Sessions) -> Outcome:
        if self._owner.dies == "before":
            raise Died
        outcome = self._real.call(endpoint, parcel, sessions)
        if self._owner.dies == "after":
            raise Died
        return outcome

    def poll(self, endpoint: Endpoint, parcel: Parcel, reference: str, sessions: Sessions) -> Outcome:
        return self._real.poll(endpoint, parcel, reference, sessions)

    def repeat_safe(self, endpoint: Endpoint) -> bool:
        return endpoint.agency != FORGETFUL and self._real.repeat_safe(endpoint)


class World:
    """One hub and two recipients for all runs of the machine; each run begins with empty tables."""

    def __init__(self, folder: Path, store_url: str, made: list[Recipient]) -> None:
        self.at: dict[str, Recipient] = {BUREAU: made[0], NEIGHBOUR: made[1]}
        self.clock = StoppedClock()
        self.hub = make_hub(
            folder,
            store_url,
            county(folder / "config", {agency: one.url for agency, one in self.at.items()}),
            clock=self.clock,
        )
        self.connectors = self.hub.connectors = Mortal(self.hub)
        self.hand = ByHand(self.hub)

    def begin_anew(self) -> None:
        for one in self.at.values():
            one.journal.clear()
        while self.hand.waiting:
            self.hand.lose()
        with self.hub.database.begin() as db:
            for table in reversed(metadata.sorted_tables):
                if table.name != "agency_override":
                    db.execute(table.delete())

    def close(self) -> None:
        self.hub.broker.close()
        self.hub.database.close()


class Lines(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.begin_anew()
        self.hub, self.hand, self.at, self.connectors = (
            self.world.hub,
            self.world.hand,
            self.world.at,
            self.world.connectors,
        )
        self.accepted = 0
        #: (recipient, case) → transfers in the order of acceptance
        self.order: dict[tuple[str, str], list[str]] = defaultdict(list)

    # ------------------------------------------------------------ what happens
    @initialize(times=st.integers(2, 4), to=st.sampled_from([BUREAU, NEIGHBOUR]))
    def begin(self, times: int, to: str) -> None:
        for _ in range(times):
            self.submit(case=0, to=to)
        self.hand.dispatch()

    @rule(case=st.sampled_from([0, 0, 0, 1]), to=st.sampled_from([BUREAU, NEIGHBOUR]))
    def submit(self, case: int, to: str) -> None:
        self.accepted += 1
        answer = submit_record(
            self.hub, COURT, f"k{self.accepted}", notice(case, place=PLACES[to], remarks=str(self.accepted))
        )
        self.order[to, answer["case"]].append(answer["id"])

    @rule()
    def dispatch(self) -> None:
        self.hand.dispatch()

    @precondition(lambda self: self.hand.waiting)
    @rule(
        which=st.integers(0, 9),
        answer=st.sampled_from([200, 200, 200, "lost", "down", 422, "accepted", "returned"]),
        dies=st.sampled_from([None, None, None, "before", "after"]),
    )
    def work(self, which: int, answer: str | int, dies: str | None) -> None:
        for one in self.at.values():
            one.answer = answer
        self.connectors.dies = dies
        try:
            self.hand.work(which % len(self.hand.waiting))
        except Died:
            pass
        finally:
            self.connectors.dies = None

    @precondition(lambda self: self.hand.waiting)
    @rule(which=st.integers(0, 9))
    def lose(self, which: int) -> None:
        self.hand.lose(which % len(self.hand.waiting))

    @precondition(lambda self: self.hand.waiting)
    @rule(which=st.integers(0, 9))
    def double(self, which: int) -> None:
        self.hand.waiting.append(self.hand.waiting[which % len(self.hand.waiting)])

    @rule(seconds=st.sampled_from([0.1, 1.0, 30.0, 120.0]))
    def wait(self, seconds: float) -> None:
        self.hand.later(seconds)

    @rule(which=st.integers(0, 9), outcome=st.sampled_from(["accepted", "returned"]))
    def receipt(self, which: int, outcome: str) -> None:
        told = [delivery for one in self.at.values() for delivery in {told.delivery: None for told in one.journal}]
        if told:
            delivery = told[which % len(told)]
            recipient = rows(self.hub, "SELECT recipient FROM delivery WHERE id = :d", d=delivery)[0].recipient
            try:
                give(
                    self.hub,
                    recipient,
                    delivery,
                    {"outcome": outcome, "reason": "不在本县" if outcome == "returned" else None},
                )
            except Conflict as conflict:
                assert conflict.faults[0].rule == "receipt.given"  # noqa: PT017

    @rule(which=st.integers(0, 9))
    def send_again(self, which: int) -> None:
        transfers = [transfer for line in self.order.values() for transfer in line]
        if transfers:
            transfer = transfers[which % len(transfers)]
            recipient = next(to for (to, _), line in self.order.items() if transfer in line)
            try:
                redeliver(self.hub, None, transfer, {"recipient": recipient})
            except Conflict as conflict:
                assert conflict.faults[0].rule == "delivery.state"  # noqa: PT017

    # ------------------------------------------------------------ what must be so
    @invariant()
    def each_recipient_saw_each_case_in_the_order_of_acceptance(self) -> None:
        for to, one in self.at.items():
            first: dict[str, list[str]] = defaultdict(list)
            for told in one.journal:
                if told.exchange == "admission.notice" and told.transfer not in first[told.case]:
                    first[told.case].append(told.transfer)
            for case, seen in first.items():
                assert seen == self.order[to, case][: len(seen)]

    @invariant()
    def a_message_id_always_says_the_same(self) -> None:
        said: dict[str, str] = {}
        for one in self.at.values():
            for told in one.journal:
                assert said.setdefault(told.message_id, told.content) == told.content

    @invariant()
    def at_most_one_is_outstanding_and_none_waits_for_nothing(self) -> None:
        lines: dict[tuple[str, str], list[DeliveryState]] = defaultdict(list)
        for row in rows(self.hub, "SELECT recipient, case_id, status FROM delivery"):
            lines[row.recipient, row.case_id].append(DeliveryState(row.status))
        for line in lines.values():
            outstanding = [state for state in line if state in OUTSTANDING]
            assert len(outstanding) <= 1
            assert outstanding or DeliveryState.WAITING not in line

    @invariant()
    def every_transfers_status_follows_from_its_deliveries(self) -> None:
        deliveries: dict[str, list[tuple[str, DeliveryState]]] = defaultdict(list)
        for row in rows(self.hub, "SELECT transfer_id, role, status FROM delivery ORDER BY seq"):
            deliveries[row.transfer_id].append((row.role, DeliveryState(row.status)))
        for row in rows(self.hub, "SELECT id, exchange, status FROM transfer"):
            exchange = self.hub.catalogue.exchanges[row.exchange]
            if row.status != "accepted":  # promoted from waiting to ready, it is still accepted
                assert row.status == transfer_status(False, deliveries[row.id], exchange.wants_receipt), row

    def teardown(self) -> None:
        self.finish()

    def finish(self) -> None:
        """All systems are up again and clerks see to what is stuck: then everything accepted has arrived."""
        for one in self.at.values():
            one.answer = 200
        for _ in range(200):
            self.hand.run()
            if not rows(self.hub, "SELECT 1 FROM delivery WHERE status NOT IN ('delivered', 'accepted', 'returned')"):
                break
            self.hand.later(61 + ATTEMPT_GRACE)
            for row in rows(
                self.hub, "SELECT transfer_id, recipient FROM delivery WHERE status IN ('parked', 'unknown')"
            ):
                redeliver(self.hub, None, row.transfer_id, {"recipient": row.recipient})
        self.each_recipient_saw_each_case_in_the_order_of_acceptance()
        self.a_message_id_always_says_the_same()
        self.every_transfers_status_follows_from_its_deliveries()
        for (to, _), line in self.order.items():
            assert {told.transfer for told in self.at[to].journal if told.exchange == "admission.notice"} >= set(line)


def _run(tmp_path: Path, store_url: str, examples: int) -> None:
    with recipients(2) as made:
        world = World(tmp_path, store_url, made)
        try:
            run_state_machine_as_test(
                type("Here", (Lines,), {"world": world}),
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=30,
                    deadline=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                    phases=[Phase.generate],
                    report_multiple_bugs=False,
                ),
            )
        finally:
            world.close()


@pytest.mark.timeout(600)
def test_messages_of_a_case_arrive_in_order_on_sqlite(tmp_path: Path, sqlite_url: str) -> None:
    _run(tmp_path, sqlite_url, 40)


@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_messages_of_a_case_arrive_in_order_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    _run(tmp_path, postgres_url, 15)
