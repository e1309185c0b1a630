"""What the chart shows on its arrows is what a store holds, on each kind of database; a term is over when it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.clock import SHANGHAI
from hub.domain.counts import Counts
from hub.domain.exchanges import ClockRule
from hub.domain.transfers import DeliveryState
from hub.flow import receipts
from hub.flow.intake import submit_record
from hub.flow.parts import Hub
from hub.store import console_queries, queries
from hub.store.chart_counts import STANDINGS, counts
from tests.flow_hub import (
    BUREAU,
    COURT,
    NEIGHBOUR,
    PRISON,
    ByHand,
    Recipient,
    StoppedClock,
    county,
    handover,
    id_number,
    make_hub,
    notice,
    recipients,
    report_in,
)

NOTICE = "admission.notice"


class Desk:
    """A hub at a stopped clock whose deliveries are worked off by hand: one bureau has an inbox, its neighbour a webhook."""

    def __init__(self, hub: Hub, clock: StoppedClock, neighbour: Recipient) -> None:
        self.hub = hub
        self.clock = clock
        self.neighbour = neighbour
        self.hand = ByHand(hub)

    def at(self, when: str) -> None:
        wanted = datetime.fromisoformat(when).replace(tzinfo=SHANGHAI)
        self.clock.move((wanted - self.clock.technical()).total_seconds())

    def send(self, case: int, sender: str = COURT, **more: Any) -> str:
        body = more.pop("body", None) or notice(case, **more)
        sent = str(submit_record(self.hub, sender, f"{body['exchange']}-{case}", body)["id"])
        self.hand.run()
        return sent

    def answer(self, transfer: str, outcome: str, agency: str = BUREAU) -> None:
        delivery = queries.transfer(self.hub, None, transfer)["deliveries"][0]["id"]
        reason = "材料不全" if outcome == "returned" else None
        receipts.give(self.hub, agency, delivery, {"outcome": outcome, "reason": reason})
        self.hand.run()

    def counts(self, exchange: str = NOTICE) -> Counts:
        """What is counted; a list that is narrowed to any of it holds as many."""
        found = counts(self.hub).get(exchange, Counts())
        for name in (*STANDINGS, "parked", "returned"):
            listed = console_queries.transfers(self.hub, {"exchange": exchange, "state": name})["items"]
            assert len(listed) == getattr(found, name), name
        return found

    def overdue(self, exchange: str = NOTICE) -> int:
        return self.counts(exchange).overdue


@pytest.fixture
def opened(tmp_path: Path, store_url: str) -> Iterator[Any]:
    """Opens a desk on the chart as it is, or with other clocks for some exchanges, on each kind of database."""
    yield from _opened(tmp_path, store_url)


@pytest.fixture
def on_sqlite(tmp_path: Path, sqlite_url: str) -> Iterator[Any]:
    """The same on one database, for what asks it nothing new."""
    yield from _opened(tmp_path, sqlite_url)


def _opened(tmp_path: Path, store_url: str) -> Iterator[Any]:
    desks: list[Desk] = []
    with recipients(1) as [neighbour]:

        def open_with(clocks: Mapping[str, list[dict[str, Any]]] | None = None) -> Desk:
            clock = StoppedClock()
            hub = make_hub(tmp_path, store_url, county(tmp_path / "config", {NEIGHBOUR: neighbour.url}), clock=clock)
            exchanges = dict(hub.catalogue.exchanges)
            for name, written in (clocks or {}).items():
                rules = tuple(ClockRule(**one) for one in written)
                exchanges[name] = replace(exchanges[name], clocks=rules, opens=None)
            hub.catalogue = replace(hub.catalogue, exchanges=exchanges)
            desks.append(Desk(hub, clock, neighbour))
            return desks[-1]

        yield open_with
        for desk in desks:
            desk.hub.broker.close()
            desk.hub.database.close()


def test_counts_are_what_the_store_holds(opened: Any) -> None:
    desk = opened()
    assert counts(desk.hub) == {}
    desk.at("2021-01-04T09:00")
    desk.answer(desk.send(1), "accepted")
    desk.at("2021-03-15T09:20")
    desk.answer(desk.send(2), "returned")
    desk.answer(desk.send(3), "accepted")
    desk.send(4)
    desk.neighbour.answer = "down"
    desk.send(5, place="370828")
    desk.neighbour.answer = 400
    desk.send(6, place="370828")
    found = desk.counts()
    assert (found.all, found.recent) == (6, 5)
    assert (found.under_way, found.parked, found.owed, found.returned) == (1, 1, 1, 1)
    told = desk.counts("receipt")
    assert (told.all, told.under_way, told.owed) == (3, 0, 0), "nobody owes a receipt for a receipt"
    assert set(counts(desk.hub)) == {NOTICE, "receipt"}


def test_one_person_and_one_case_are_counted_alone(on_sqlite: Any) -> None:
    desk = on_sqlite()
    first = desk.send(1)
    desk.send(2, person=1)
    desk.send(3)
    told = queries.transfer(desk.hub, None, first)
    assert counts(desk.hub, person=told["person"])[NOTICE].all == 2
    assert counts(desk.hub, case=told["case"])[NOTICE].all == 1
    desk.at("2021-03-23T00:00")  # to report by the 22nd
    assert counts(desk.hub, person=told["person"])[NOTICE].overdue == 1, "one person is on one way"
    assert desk.overdue() == 2
    assert counts(desk.hub, person="per_nobody") == {}


def test_copies_are_under_way_and_owe_nothing(on_sqlite: Any) -> None:
    desk = on_sqlite()
    desk.neighbour.answer = "down"
    body = {**notice(1, place="370826"), "exchange": "admission.documents"}
    sent = desk.send(1, body=body)
    roles = {d["role"] for d in queries.transfer(desk.hub, None, sent)["deliveries"]}
    assert roles == {"to", "copy"}
    assert (desk.counts("admission.documents").owed, desk.counts("admission.documents").under_way) == (1, 0)
    desk.answer(sent, "accepted")
    assert desk.counts("admission.documents").owed == 0


def test_an_answer_is_owed_until_the_exchange_that_answers_is_there(opened: Any) -> None:
    clock = {"rules": "law-2020", "within": 10, "unit": "workday", "start": "receipt", "stop": "reply"}
    desk = opened({"assessment.request": [clock]})
    desk.at("2021-02-05T15:00")
    asked = desk.send(1, body=_assessment(1))
    returned = desk.send(2, body=_assessment(2))
    accepted = desk.send(3, body=_assessment(3))
    desk.answer(returned, "returned")
    desk.answer(accepted, "accepted")
    assert desk.counts("assessment.request").owed == 2, "a receipt is no answer, a return is one"
    # 7, 8, 9, 10, 18, 19, 20, 22, 23, 24 February: the Spring Festival lies between
    desk.at("2021-02-24T23:59:59")
    assert desk.overdue("assessment.request") == 0
    desk.at("2021-02-25T00:00")
    assert desk.overdue("assessment.request") == 2
    report = {"exchange": "assessment.report", "in_reply_to": asked, "record": {"assessment": {"outcome": "report"}}}
    desk.send(1, sender=BUREAU, body=report)
    assert (desk.overdue("assessment.request"), desk.counts("assessment.request").owed) == (1, 1)


def test_a_term_for_some_cases_counts_in_these_alone(opened: Any) -> None:
    desk = opened()
    [general, fast] = desk.hub.catalogue.exchanges["assessment.request"].clocks
    assert (general.within, general.when) == (10, None)
    assert (fast.within, fast.when.at) == (5, "assessment.fast_track")
    desk.at("2021-03-01T09:00")
    desk.send(1, body=_assessment(1))
    desk.send(2, body=_assessment(2, assessment={"fast_track": False}))
    desk.send(3, body=_assessment(3, assessment={"fast_track": True}))
    desk.at("2021-03-09T00:00")
    assert desk.overdue("assessment.request") == 1
    desk.at("2021-03-16T00:00")
    assert desk.overdue("assessment.request") == 3


def _assessment(case: int, **more: Any) -> dict[str, Any]:
    return {
        "exchange": "assessment.request",
        "record": {
            **more,
            "person": {"name": "孙某甲", "id_number": id_number(case), "residence": {"place": "370826108"}},
            "case": {"number": f"(2021)鲁0826刑初{case}号"},
        },
    }


def test_overdue_begins_the_moment_the_term_is_over(opened: Any) -> None:
    terms = {
        NOTICE: (5, "workday", COURT, "2021-02-08T09:20:00", "2021-02-21T00:00:00"),
        "admission.documents": (5, "day", COURT, "2021-02-08T09:20:00", "2021-02-19T00:00:00"),
        "admission.escort": (48, "hour", PRISON, "2021-02-11T16:30:00", "2021-02-13T16:30:00"),
        "admission.parole-handover": (1, "month", PRISON, "2021-02-28T09:20:00", "2021-03-30T00:00:00"),
    }
    desk = opened(
        {
            name: [{"within": within, "unit": unit, "start": "receipt", "stop": "receipt-sent"}]
            for name, (within, unit, *_) in terms.items()
        }
    )
    for case, (exchange, (*_, sender, start, over)) in enumerate(terms.items(), 1):
        desk.at(start)
        make = notice if sender == COURT else handover
        sent = desk.send(case, sender=sender, body=make(case, exchange=exchange))
        end = datetime.fromisoformat(over)
        desk.at((end - timedelta(seconds=1)).isoformat())
        assert desk.overdue(exchange) == 0, exchange
        desk.at(over)
        assert desk.overdue(exchange) == 1, exchange
        assert not desk.counts(exchange).provisional
        desk.answer(sent, "accepted")
        assert desk.overdue(exchange) == 0, "what has happened is not awaited any more"


def test_a_term_is_that_of_the_rules_in_force_when_it_began(opened: Any) -> None:
    clocks = [
        {"rules": "measures-2012", "within": 30, "unit": "day", "start": "receipt", "stop": "receipt-sent"},
        {"rules": "law-2020", "within": 3, "unit": "day", "start": "receipt", "stop": "receipt-sent"},
    ]
    desk = opened({NOTICE: clocks})
    desk.at("2020-06-30T23:59:59")
    desk.send(1)
    desk.at("2020-07-01T00:00:00")
    desk.send(2)
    desk.at("2020-07-06T23:59:59")  # the 4th and 5th are a weekend
    assert desk.overdue() == 0
    desk.at("2020-07-07T00:00")
    assert desk.overdue() == 1, "the one that began under the law"
    desk.at("2020-07-30T23:59:59")
    assert desk.overdue() == 1
    desk.at("2020-07-31T00:00")
    assert desk.overdue() == 2


def test_a_term_may_run_from_a_day_that_stands_in_the_record(opened: Any) -> None:
    clock = {"within": 10, "unit": "day", "start": "decision-effective", "stop": "receipt-sent"}
    desk = opened({NOTICE: [clock]})
    desk.send(1, effective_on="2021-03-12")
    desk.send(2, effective_on="2021-03-15")
    desk.at("2021-03-22T23:59:59")
    assert desk.overdue() == 0
    desk.at("2021-03-23T00:00")
    assert desk.overdue() == 1
    desk.at("2021-03-26T00:00")
    assert desk.overdue() == 2


def test_two_terms_of_one_transfer_count_it_once(on_sqlite: Any) -> None:
    receipt = {"unit": "day", "start": "receipt", "stop": "receipt-sent"}
    desk = on_sqlite({NOTICE: [{**receipt, "within": 3}, {**receipt, "within": 5, "start": "sent"}]})
    desk.send(1)
    desk.at("2021-04-15T09:00")
    assert desk.overdue() == 1


def test_a_person_whom_nobody_has_taken_over_by_the_day_named_is_overdue(opened: Any) -> None:
    desk = opened()
    sent = desk.send(1)  # to report by 2021-03-22
    desk.answer(sent, "accepted")
    desk.at("2021-03-22T23:59:59")
    assert desk.overdue() == 0
    desk.at("2021-03-23T00:00")
    assert desk.overdue() == 1
    desk.send(1, sender=BUREAU, body={**report_in(1), "in_reply_to": sent})
    assert desk.overdue() == 0


def test_what_was_withdrawn_is_not_awaited(on_sqlite: Any) -> None:
    desk = on_sqlite({NOTICE: [{"within": 1, "unit": "day", "start": "sent", "stop": "receipt-sent"}]})
    desk.neighbour.answer = 400
    sent = desk.send(1, place="370828")
    desk.at("2021-04-15T09:00")
    assert desk.overdue() == 1, "parked, and still expected"
    with desk.hub.store.begin() as unit:
        [delivery] = unit.deliveries(sent)
        unit.step(delivery, DeliveryState.WITHDRAWN)
        unit.refresh_status(sent, True)
    assert desk.overdue() == 0


def test_a_year_whose_holidays_are_not_announced_makes_overdue_provisional(on_sqlite: Any) -> None:
    desk = on_sqlite({NOTICE: [{"within": 3, "unit": "workday", "start": "receipt", "stop": "receipt-sent"}]})
    desk.at("2127-03-03T09:00")
    desk.send(1)
    desk.at("2127-03-20T09:00")
    assert desk.overdue() == 1
    assert desk.counts().provisional
