"""P4: one dead, slow or flooded endpoint hurts no other agency. P5: whatever the broker loses is released again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import process
from hub.flow import dispatch as dispatch_flow
from hub.flow.dispatch import queue_of
from hub.flow.intake import submit_record
from hub.flow.parts import Hub
from hub.process import Process
from tests.flow_hub import (
    BUREAU,
    COURT,
    NEIGHBOUR,
    ByHand,
    Recipient,
    StoppedClock,
    county,
    everything_arrived,
    make_hub,
    notice,
    recipients,
    rows,
    running,
    states,
    until,
)
from tests.services import RabbitMQ

#: Deliveries that wait for the dead agency: more than may be out at once.
BACKLOG = 2 * dispatch_flow.WINDOW


@pytest.fixture
def pair() -> Iterator[list[Recipient]]:
    """The bureau's and the neighbour's systems."""
    with recipients(2) as made:
        yield made


def backlog(hub: Hub, number: int = BACKLOG) -> None:
    for n in range(number):
        submit_record(hub, COURT, f"b{n}", notice(n, person=n % 900))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a minute in service is soon over here."""
    monkeypatch.setattr(dispatch_flow, "RELEASE_LEASE", 1.0)
    monkeypatch.setattr(process, "SWEEP", 0.1)


def test_a_backlog_keeps_no_more_notes_out_than_its_window(
    tmp_path: Path, store_url: str, pair: list[Recipient]
) -> None:
    bureau, neighbour = pair
    hub = make_hub(
        tmp_path,
        store_url,
        county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url}),
        clock=StoppedClock(),
    )
    hand = ByHand(hub)
    backlog(hub)
    other = submit_record(hub, COURT, "other", notice(900, place="370828"))
    while hand.dispatch():
        pass
    out = rows(
        hub,
        "SELECT recipient, count(*) AS n FROM delivery WHERE status = 'released' GROUP BY recipient ORDER BY recipient",
    )
    assert [(row.recipient, row.n) for row in out] == [(BUREAU, dispatch_flow.WINDOW), (NEIGHBOUR, 1)]
    hand.run()
    assert len(bureau.journal) == BACKLOG
    assert states(hub, other["id"]) == {NEIGHBOUR: "delivered"}
    hub.broker.close()
    hub.database.close()


@pytest.mark.parametrize("trouble", ["hangs", "down"])
def test_the_backlog_of_a_dead_agency_starves_nobody_and_is_worked_off_afterwards(
    tmp_path: Path, store_url: str, pair: list[Recipient], trouble: str
) -> None:
    bureau, neighbour = pair
    if trouble == "hangs":
        bureau.held.clear()
    else:
        bureau.answer = "down"
    hub = make_hub(
        tmp_path,
        store_url,
        county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url}, timeout=60.0, retry=[0.2, 1.0]),
    )
    backlog(hub)
    with running(hub):
        until(lambda: bureau.calls >= process.WINDOW)
        for n in range(20):
            submit_record(hub, COURT, f"n{n}", notice(600 + n, place="370828", person=n))
            neighbour.wait_for(n + 1, seconds=10)
        assert not bureau.journal
        out = rows(
            hub,
            "SELECT count(*) AS n FROM delivery WHERE recipient = :r AND status IN ('released', 'attempting')",
            r=BUREAU,
        )[0].n
        assert out <= dispatch_flow.WINDOW
        bureau.answer = 200
        bureau.held.set()
        bureau.wait_for(BACKLOG)
        until(lambda: everything_arrived(hub))
    assert len({told.message_id for told in bureau.journal}) == BACKLOG
    hub.database.close()


def test_stopping_takes_no_longer_than_its_patience_and_the_next_process_goes_on(
    tmp_path: Path, sqlite_url: str, pair: list[Recipient], caplog: pytest.LogCaptureFixture
) -> None:
    bureau, neighbour = pair
    config = county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url}, timeout=60.0)
    hub = make_hub(tmp_path, sqlite_url, config)
    bureau.held.clear()
    for n in range(20):
        submit_record(hub, COURT, f"k{n}", notice(n))
    one = Process(hub)
    one.start()
    until(lambda: bureau.calls == process.WINDOW)
    with caplog.at_level(logging.WARNING):
        one.stop(patience=0.2)
    assert f"{process.WINDOW} calls are still under way" in caplog.text
    assert rows(hub, "SELECT count(*) AS n FROM delivery WHERE status = 'attempting'")[0].n == process.WINDOW
    bureau.held.set()
    until(lambda: one._under_way == 0)

    again = make_hub(tmp_path, sqlite_url, config)
    with running(again):  # the only process there is: it waits for no lease
        until(lambda: everything_arrived(again))
    assert len({told.message_id for told in bureau.journal}) == 20
    again.database.close()
    hub.database.close()


@pytest.mark.postgres
@pytest.mark.rabbitmq
def test_a_broker_that_lost_everything_gets_it_again_from_the_store(
    tmp_path: Path, postgres_url: str, rabbitmq: RabbitMQ, rabbitmq_url: str, pair: list[Recipient]
) -> None:
    bureau, neighbour = pair
    bureau.held.clear()
    hub = make_hub(
        tmp_path,
        postgres_url,
        county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url}, timeout=60.0),
        broker_url=rabbitmq_url,
    )
    with running(hub):
        for n in range(30):
            submit_record(hub, COURT, f"k{n}", notice(n))
        until(lambda: bureau.calls == process.WINDOW)
        rabbitmq.wipe()
        late = submit_record(hub, COURT, "late", notice(40, place="370828"))
        bureau.held.set()
        until(lambda: everything_arrived(hub), 120)
        assert states(hub, late["id"]) == {NEIGHBOUR: "delivered"}

        host = rabbitmq_url.rpartition("/")[2]
        rabbitmq.delete_queue(host, f"hub.{queue_of(BUREAU)}")
        submit_record(hub, COURT, "after", notice(41))
        until(lambda: everything_arrived(hub), 120)
    assert len({told.message_id for told in bureau.journal}) == 31
    hub.database.close()


def test_a_broker_without_room_leaves_everything_in_the_store(
    tmp_path: Path, store_url: str, pair: list[Recipient]
) -> None:
    bureau, neighbour = pair

    hub = make_hub(
        tmp_path,
        store_url,
        county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url}),
        clock=StoppedClock(),
    )
    hand = ByHand(hub)
    told = submit_record(hub, COURT, "k1", notice(1))
    publish = hub.broker.publish
    hub.broker.publish = lambda frames: [False for _ in frames]  # type: ignore[method-assign]
    assert dispatch_flow.dispatch(hub) == 0
    assert states(hub, told["id"]) == {BUREAU: "ready"}
    hub.broker.publish = publish  # type: ignore[method-assign]
    hand.later(dispatch_flow.BROKER_PAUSE)
    hand.run()
    assert states(hub, told["id"]) == {BUREAU: "delivered"}
    hub.broker.close()
    hub.database.close()
