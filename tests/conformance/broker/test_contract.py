"""What `hub.ports.Broker` promises, tried on the embedded broker and on RabbitMQ alike."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.ports import Broker, Frame, Received
from tests.conformance.broker.conftest import Connect, Inbox, until


def frames(number: int, queue: str = "bureau.370826") -> list[Frame]:
    return [Frame(queue, f"{n:05}".encode()) for n in range(number)]


def test_a_frame_for_an_unknown_queue_is_not_taken(broker: Broker) -> None:
    assert broker.publish(frames(1)) == [False]


def test_a_frame_for_a_declared_queue_is_taken(broker: Broker) -> None:
    assert broker.publish(frames(1)) == [False]
    broker.declare("bureau.370826")
    assert broker.publish(frames(1)) == [True]


def test_declaring_twice_keeps_what_is_in_the_queue(broker: Broker) -> None:
    broker.declare("bureau.370826")
    assert broker.publish(frames(1)) == [True]
    broker.declare("bureau.370826")
    inbox = Inbox(ack=True)
    broker.consume("bureau.370826", inbox)
    assert inbox.wait_for(1)[0].body == b"00000"


def test_the_queue_of_a_returned_frame_is_declared_by_the_next_publish(broker: Broker) -> None:
    assert broker.publish(frames(1)) == [False]
    assert broker.publish(frames(1)) == [True]


def test_each_frame_has_its_own_answer_in_order(broker: Broker) -> None:
    broker.declare("known")
    mixed = [Frame("known", b"1"), Frame("unknown", b"2"), Frame("known", b"3"), Frame("other", b"4")]
    assert broker.publish(mixed) == [True, False, True, False]


def test_publishing_nothing_answers_nothing(broker: Broker) -> None:
    assert broker.publish([]) == []


def test_a_message_says_what_was_sent_and_where(broker: Broker) -> None:
    inbox = Inbox(ack=True)
    broker.declare("office.370826108")
    broker.consume("office.370826108", inbox)
    assert broker.publish([Frame("office.370826108", "周㴔".encode())]) == [True]
    received = inbox.wait_for(1)[0]
    assert (received.queue, received.body) == ("office.370826108", "周㴔".encode())


def test_one_consumer_gets_the_frames_in_the_order_they_were_published(broker: Broker) -> None:
    broker.declare("bureau.370826")
    sent = frames(300)
    assert all(broker.publish(sent[:100]))
    inbox = Inbox(ack=True)
    broker.consume("bureau.370826", inbox)
    assert all(broker.publish(sent[100:]))
    assert [received.body for received in inbox.wait_for(300)] == [frame.body for frame in sent]


def test_what_is_requeued_comes_again(broker: Broker) -> None:
    broker.declare("bureau.370826")
    inbox = Inbox()
    broker.consume("bureau.370826", inbox)
    broker.publish(frames(1))
    inbox.wait_for(1)[0].requeue()
    assert inbox.wait_for(2)[1].body == b"00000"


def test_what_is_acked_does_not_come_again(connect: Connect) -> None:
    broker = connect()
    broker.declare("bureau.370826")
    inbox = Inbox()
    broker.consume("bureau.370826", inbox)
    broker.publish(frames(2))
    first, _second = inbox.wait_for(2)
    first.ack()
    broker.close()
    again = Inbox()
    later = connect()
    later.consume("bureau.370826", again)
    later.publish([Frame("bureau.370826", b"last")])
    assert sorted(received.body for received in again.wait_for(2)) == [b"00001", b"last"]


def test_settling_twice_does_no_harm(broker: Broker) -> None:
    broker.declare("bureau.370826")
    inbox = Inbox()
    broker.consume("bureau.370826", inbox)
    broker.publish(frames(1))
    received = inbox.wait_for(1)[0]
    received.ack()
    received.ack()
    received.requeue()
    assert broker.publish([Frame("bureau.370826", b"next")]) == [True]
    assert inbox.wait_for(2)[1].body == b"next"


def test_a_frame_whose_handler_fails_comes_again_and_holds_up_nobody(broker: Broker) -> None:
    seen: Counter[bytes] = Counter()
    done = threading.Event()

    def handler(received: Received) -> None:
        seen[received.body] += 1
        if received.body == b"00000" and seen[received.body] < 3:
            raise LookupError("this one has to be tried three times")
        received.ack()
        if len(seen) == 5 and seen[b"00000"] == 3:
            done.set()

    broker.declare("bureau.370826")
    broker.consume("bureau.370826", handler)
    broker.publish(frames(5))
    assert done.wait(30)
    assert seen == Counter({b"00000": 3, b"00001": 1, b"00002": 1, b"00003": 1, b"00004": 1})


def test_no_more_than_prefetch_are_unsettled(broker: Broker) -> None:
    for queue in ("bureau.370826", "marker"):
        broker.declare(queue)
    inbox, marker = Inbox(), Inbox(ack=True)
    broker.consume("bureau.370826", inbox, prefetch=3)
    broker.consume("marker", marker)
    assert all(broker.publish(frames(20)))
    for settled in range(18):
        held = inbox.wait_for(settled + 3)
        # What is sent now arrives after anything that was on its way to the other consumer.
        assert broker.publish([Frame("marker", b"")]) == [True]
        marker.wait_for(settled + 1)
        assert len(inbox.bodies) == settled + 3
        held[settled].ack()


def test_a_prefetch_below_one_is_refused(broker: Broker) -> None:
    with pytest.raises(ValueError, match="prefetch"):
        broker.consume("bureau.370826", Inbox(), prefetch=0)


def test_settling_from_other_threads_in_any_order(connect: Connect) -> None:
    broker = connect()
    broker.declare("bureau.370826")
    inbox = Inbox()
    broker.consume("bureau.370826", inbox, prefetch=500)
    assert all(broker.publish(frames(200)))
    received = list(inbox.wait_for(200))
    random.Random(7).shuffle(received)
    kept, done = received[:20], received[20:]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: one.ack(), done))
    broker.close()
    again = Inbox(ack=True)
    later = connect()
    later.consume("bureau.370826", again)
    assert later.publish([Frame("bureau.370826", b"last")]) == [True]
    again.wait_for_bodies({b"last"})
    again.wait_for(21)
    assert sorted(again.bodies) == sorted([*(one.body for one in kept), b"last"])


def test_closing_gives_back_what_is_unsettled(connect: Connect) -> None:
    first, second = connect(), connect()
    first.declare("bureau.370826")
    inbox = Inbox()
    first.consume("bureau.370826", inbox, prefetch=10)
    assert all(first.publish(frames(10)))
    held = inbox.wait_for(10)
    first.close()
    other = Inbox(ack=True)
    second.consume("bureau.370826", other)
    assert [received.body for received in other.wait_for(10)] == [frame.body for frame in frames(10)]
    for received in held:
        received.ack()
        received.requeue()
    assert second.publish([Frame("bureau.370826", b"next")]) == [True]
    assert other.wait_for(11)[10].body == b"next"


def test_a_closed_broker_takes_nothing(broker: Broker) -> None:
    broker.declare("bureau.370826")
    broker.close()
    assert not broker.connected()
    assert broker.publish(frames(2)) == [False, False]
    with pytest.raises(RuntimeError, match="closed"):
        broker.consume("bureau.370826", Inbox())


def test_a_consumer_makes_the_queue_that_it_asks_for(broker: Broker) -> None:
    inbox = Inbox(ack=True)
    broker.consume("new", inbox)
    until(lambda: broker.publish([Frame("new", b"1")]) == [True])
    assert inbox.wait_for(1)[0].body == b"1"


def test_closing_twice_does_no_harm(broker: Broker) -> None:
    broker.consume("bureau.370826", Inbox())
    broker.close()
    broker.close()


def test_consumers_of_one_queue_share_its_frames(broker: Broker) -> None:
    broker.declare("bureau.370826")
    first, second = Inbox(), Inbox()
    broker.consume("bureau.370826", first, prefetch=5)
    broker.consume("bureau.370826", second, prefetch=5)
    assert all(broker.publish(frames(10)))
    assert sorted(received.body for received in [*first.wait_for(5), *second.wait_for(5)]) == [
        frame.body for frame in frames(10)
    ]


def test_a_consumer_that_holds_everything_does_not_stop_another_queue(broker: Broker) -> None:
    """One dead endpoint hurts nobody else."""
    stuck, free = Inbox(), Inbox(ack=True)
    for queue in ("stuck", "free"):
        broker.declare(queue)
    broker.consume("stuck", stuck, prefetch=2)
    broker.consume("free", free, prefetch=2)
    assert all(broker.publish([*frames(100, "stuck"), *frames(100, "free")]))
    free.wait_for(100)
    assert len(stuck.wait_for(2)) == 2


def test_ten_thousand_frames_from_eight_threads_all_arrive(broker: Broker) -> None:
    queues = [f"bureau.{n}" for n in range(5)]
    for queue in queues:
        broker.declare(queue)
    inboxes = [Inbox(ack=True) for _ in queues]
    for queue, inbox in zip(queues, inboxes, strict=True):
        broker.consume(queue, inbox, prefetch=200)

    def publish(thread: int) -> None:
        todo = [Frame(queues[n % 5], f"{thread}-{n}".encode()) for n in range(1250)]
        for start in range(0, len(todo), 50):
            batch = todo[start : start + 50]
            while batch:
                batch = [frame for frame, taken in zip(batch, broker.publish(batch), strict=True) if not taken]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(8)))
    for number, inbox in enumerate(inboxes):
        inbox.wait_for_bodies({f"{t}-{n}".encode() for t in range(8) for n in range(1250) if n % 5 == number})
    # Once each: nothing was lost or repeated where nothing went wrong.
    assert sum(len(inbox.bodies) for inbox in inboxes) == 10_000
