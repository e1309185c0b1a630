"""What can happen to RabbitMQ, and that the broker on it keeps its promises all the same."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pika
import pytest

from hub.messaging.rabbitmq import RabbitMQBroker
from hub.ports import Frame
from tests.conformance.broker.conftest import Inbox, until
from tests.services import RabbitMQ, free_port

pytestmark = pytest.mark.rabbitmq

Connect = Callable[..., RabbitMQBroker]


@pytest.fixture
def connect(rabbitmq_url: str) -> Iterator[Connect]:
    made: list[RabbitMQBroker] = []

    def make(**options: float) -> RabbitMQBroker:
        made.append(RabbitMQBroker(rabbitmq_url, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for broker in made:
        broker.close()


def virtual_host(url: str) -> str:
    return url.rpartition("/")[2]


class Stream:
    """Publishes numbered frames in small batches on a thread of its own, and notes which were taken."""

    def __init__(self, broker: RabbitMQBroker, queue: str) -> None:
        self.taken: set[bytes] = set()
        self._broker = broker
        self._queue = queue
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._end.is_set():
            batch = [Frame(self._queue, f"{number + n:07}".encode()) for n in range(20)]
            number += 20
            answers = self._broker.publish(batch)
            self.taken |= {frame.body for frame, taken in zip(batch, answers, strict=True) if taken}
            if not any(answers):
                self._end.wait(0.05)

    def wait_for_more(self, number: int = 200) -> None:
        goal = len(self.taken) + number
        until(lambda: len(self.taken) >= goal)


@pytest.mark.parametrize("fault", ["restart", "kill"])
def test_nothing_confirmed_is_lost_when_the_broker_restarts_in_mid_flow(
    connect: Connect, rabbitmq: RabbitMQ, fault: str
) -> None:
    publisher, consumer = connect(), connect()
    publisher.declare("bureau")
    rabbitmq.restart()  # RabbitMQ 3.10 may lose a queue when it is killed right after the queue was made
    inbox = Inbox(ack=True)
    consumer.consume("bureau", inbox)
    with Stream(publisher, "bureau") as stream:
        stream.wait_for_more()
        getattr(rabbitmq, fault)()
        rabbitmq.start()
        stream.wait_for_more()
    inbox.wait_for_bodies(stream.taken)


def test_what_was_held_over_a_restart_comes_again_and_settling_it_does_nothing(
    connect: Connect, rabbitmq: RabbitMQ
) -> None:
    broker = connect()
    broker.declare("bureau")
    inbox = Inbox()
    broker.consume("bureau", inbox)
    assert broker.publish([Frame("bureau", b"1")]) == [True]
    before = inbox.wait_for(1)[0]
    rabbitmq.restart()
    again = inbox.wait_for(2)[1]
    before.ack()
    before.requeue()
    assert again.body == b"1"
    again.ack()
    until(lambda: broker.publish([Frame("bureau", b"2")]) == [True])
    assert inbox.wait_for(3)[2].body == b"2"


def test_a_queue_deleted_under_its_consumer_is_made_again_and_consumed(
    connect: Connect, rabbitmq: RabbitMQ, rabbitmq_url: str
) -> None:
    broker = connect()
    broker.declare("bureau")
    inbox, other = Inbox(ack=True), Inbox()
    broker.consume("bureau", inbox)
    broker.consume("neighbour", other)
    until(lambda: broker.publish([Frame("bureau", b"1"), Frame("neighbour", b"held")]) == [True, True])
    inbox.wait_for(1)
    other.wait_for(1)
    rabbitmq.delete_queue(virtual_host(rabbitmq_url), "hub.bureau")
    until(lambda: broker.publish([Frame("bureau", b"2")]) == [True])
    inbox.wait_for_bodies({b"2"})
    assert len(other.bodies) == 1  # it came again nowhere: the neighbour's channel was not touched


def test_a_wiped_broker_has_the_queues_again(connect: Connect, rabbitmq: RabbitMQ) -> None:
    broker = connect()
    broker.declare("bureau")
    broker.declare("only published to")
    inbox = Inbox(ack=True)
    broker.consume("bureau", inbox)
    assert broker.publish([Frame("bureau", b"before")]) == [True]
    inbox.wait_for(1)
    rabbitmq.wipe()
    until(lambda: broker.publish([Frame("only published to", b"after")]) == [True])
    until(lambda: broker.publish([Frame("bureau", b"after")]) == [True])
    inbox.wait_for_bodies({b"after"})


def test_a_broker_that_is_down_takes_nothing_and_says_so_at_once(connect: Connect, rabbitmq: RabbitMQ) -> None:
    broker = connect()
    broker.declare("bureau")
    assert broker.publish([Frame("bureau", b"1")]) == [True]
    rabbitmq.stop()
    try:
        until(lambda: not broker.connected())
        began = time.monotonic()
        assert broker.publish([Frame("bureau", b"2")] * 3) == [False] * 3
        broker.declare("another")
        assert time.monotonic() - began < 12
    finally:
        rabbitmq.start()
    until(broker.connected)
    assert broker.publish([Frame("bureau", b"3"), Frame("another", b"4")]) == [True, True]


def test_a_hub_can_start_before_its_broker(rabbitmq: RabbitMQ, connect: Connect) -> None:
    rabbitmq.stop()
    try:
        broker = connect()
        broker.declare("bureau")
        inbox = Inbox(ack=True)
        broker.consume("bureau", inbox)
        assert not broker.connected()
        assert broker.publish([Frame("bureau", b"1")]) == [False]
    finally:
        rabbitmq.start()
    until(lambda: broker.publish([Frame("bureau", b"2")]) == [True])
    assert inbox.wait_for(1)[0].body == b"2"


def test_while_the_broker_has_a_memory_alarm_publishing_says_no_in_bounded_time(
    connect: Connect, rabbitmq: RabbitMQ
) -> None:
    broker = connect(confirm_timeout=2.0)
    broker.declare("bureau")
    inbox = Inbox(ack=True)
    broker.consume("bureau", inbox)
    assert broker.publish([Frame("bureau", b"before")]) == [True]
    rabbitmq.alarm(True)
    try:
        for _ in range(5):
            began = time.monotonic()
            assert broker.publish([Frame("bureau", b"meanwhile")] * 100) == [False] * 100
            assert time.monotonic() - began < 3.0
        assert not broker.connected()
    finally:
        rabbitmq.alarm(False)
    until(lambda: broker.publish([Frame("bureau", b"after")]) == [True])
    inbox.wait_for_bodies({b"before", b"after"})


def test_a_broker_that_stops_answering_costs_the_deadline_and_no_more(connect: Connect, rabbitmq: RabbitMQ) -> None:
    broker = connect(confirm_timeout=1.0)
    broker.declare("bureau")
    assert broker.publish([Frame("bureau", b"1")]) == [True]
    rabbitmq.freeze()
    try:
        for _ in range(3):
            began = time.monotonic()
            assert broker.publish([Frame("bureau", b"2")]) == [False]
            assert time.monotonic() - began < 2.0
        began = time.monotonic()
        silent = connect(confirm_timeout=1.0)
        silent.close()
        assert time.monotonic() - began < 6.0
    finally:
        rabbitmq.thaw()
    until(lambda: broker.publish([Frame("bureau", b"3")]) == [True])


def test_a_dead_queue_is_made_anew_and_holds_up_no_other(
    connect: Connect, rabbitmq: RabbitMQ, rabbitmq_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = connect(confirm_timeout=1.0, dead_after=3.0)
    broker.declare("dead")
    broker.declare("alive")
    inbox, neighbour = Inbox(ack=True), Inbox(ack=True)
    broker.consume("alive", neighbour)
    assert broker.publish([Frame("dead", b"0"), Frame("alive", b"0")]) == [True, True]
    rabbitmq.deaden(virtual_host(rabbitmq_url), "hub.dead")
    with caplog.at_level(logging.ERROR, "hub.messaging.rabbitmq"):
        assert broker.publish([Frame("dead", b"%d" % n) for n in range(500)]) == [False] * 500
        # The first time may have cost the connection; from then on the dead queue takes nothing from its neighbour.
        until(lambda: broker.publish([Frame("alive", b"1")]) == [True], 10)
        for _ in range(20):
            assert broker.publish([*[Frame("dead", b"probe")] * 100, Frame("alive", b"2")])[-1]
        until(lambda: broker.publish([Frame("dead", b"made anew")]) == [True])
    assert "hub.dead takes nothing while others do" in caplog.text
    broker.consume("dead", inbox)
    inbox.wait_for_bodies({b"made anew"})
    assert set(rabbitmq.queues(virtual_host(rabbitmq_url))) == {"hub.dead", "hub.alive"}


def test_a_queue_that_is_dead_for_its_consumer_is_made_anew(
    connect: Connect, rabbitmq: RabbitMQ, rabbitmq_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """RabbitMQ answers such a consumer by closing the whole connection, again and again, and does not say why."""
    first = connect()
    queues = ["one", "two", "dead", "three"]
    for queue in queues:
        first.declare(queue)
    assert first.publish([Frame(queue, b"0") for queue in queues]) == [True] * 4
    rabbitmq.deaden(virtual_host(rabbitmq_url), "hub.dead")
    broker = connect()
    inboxes = {queue: Inbox(ack=True) for queue in queues}
    with caplog.at_level(logging.ERROR, "hub.messaging.rabbitmq"):
        for queue, inbox in inboxes.items():
            broker.consume(queue, inbox)
        until(lambda: "made anew" in caplog.text)
    until(lambda: broker.publish([Frame(queue, b"1") for queue in queues]) == [True] * 4)
    for inbox in inboxes.values():
        inbox.wait_for_bodies({b"1"})
    for queue in ("one", "two", "three"):  # of the innocent ones nothing was deleted
        inboxes[queue].wait_for_bodies({b"0"})


def test_two_hubs_share_a_broker_by_their_prefix(rabbitmq_url: str) -> None:
    weishan, jinxiang = (
        RabbitMQBroker(rabbitmq_url, prefix="weishan."),
        RabbitMQBroker(rabbitmq_url, prefix="jinxiang."),
    )
    try:
        weishan.declare("bureau")
        assert weishan.publish([Frame("bureau", b"1")]) == [True]
        assert jinxiang.publish([Frame("bureau", b"2")]) == [False]
    finally:
        weishan.close()
        jinxiang.close()


def test_queues_are_quorum_queues_without_other_arguments(
    connect: Connect, rabbitmq: RabbitMQ, rabbitmq_url: str
) -> None:
    broker = connect()
    broker.declare("declared")
    broker.consume("consumed", Inbox())
    until(lambda: len(rabbitmq.queues(virtual_host(rabbitmq_url))) == 2)
    for queue in rabbitmq.queues(virtual_host(rabbitmq_url)).values():
        assert queue["type"] == "quorum"
        assert [argument[0] for argument in queue["arguments"]] == ["x-queue-type"]


def test_a_queue_of_another_kind_is_used_as_it_is_and_reported(
    connect: Connect, rabbitmq_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        connection.channel().queue_declare("hub.bureau", durable=True)
    broker = connect()
    inbox = Inbox(ack=True)
    with caplog.at_level(logging.ERROR, "hub.messaging.rabbitmq"):
        broker.declare("bureau")
    assert "hub.bureau is not as the hub would make it" in caplog.text
    broker.consume("bureau", inbox)
    assert broker.publish([Frame("bureau", b"1")]) == [True]
    inbox.wait_for(1)


def test_of_several_nodes_the_one_that_answers_is_taken(rabbitmq_url: str) -> None:
    nobody = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    broker = RabbitMQBroker([nobody, rabbitmq_url])
    try:
        until(broker.connected)
        broker.declare("bureau")
        assert broker.publish([Frame("bureau", b"1")]) == [True]
    finally:
        broker.close()


def test_closing_ends_every_thread(rabbitmq_url: str) -> None:
    before = set(threading.enumerate())
    broker = RabbitMQBroker(rabbitmq_url)
    broker.consume("bureau", Inbox())
    until(broker.connected)
    broker.close()
    until(lambda: not set(threading.enumerate()) - before)
