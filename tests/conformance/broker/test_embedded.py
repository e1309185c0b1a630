"""What only the embedded broker promises: its memory is bounded."""

from __future__ import annotations

import gc
import threading

from hub.messaging.embedded import EmbeddedBroker, Queues
from hub.ports import Frame
from tests.conformance.broker.conftest import Inbox, until


def test_a_full_queue_takes_no_more_until_there_is_room() -> None:
    broker = EmbeddedBroker(Queues(capacity=3))
    broker.declare("a")
    broker.declare("b")
    assert broker.publish([Frame("a", b"%d" % n) for n in range(5)]) == [True, True, True, False, False]
    assert broker.publish([Frame("b", b"")]) == [True]
    inbox = Inbox()
    broker.consume("a", inbox)
    held = inbox.wait_for(3)
    assert broker.publish([Frame("a", b"held frames count too")]) == [False]
    held[0].ack()
    assert broker.publish([Frame("a", b"room for one"), Frame("a", b"not for two")]) == [True, False]
    broker.close()


def test_frames_given_back_come_before_later_ones_and_in_order() -> None:
    queues = Queues()
    broker = EmbeddedBroker(queues)
    broker.declare("a")
    broker.publish([Frame("a", b"%d" % n) for n in range(4)])
    inbox = Inbox()
    broker.consume("a", inbox, prefetch=3)
    inbox.wait_for(3)
    broker.close()
    again, later = Inbox(ack=True), EmbeddedBroker(queues)
    later.consume("a", again)
    assert [received.body for received in again.wait_for(4)] == [b"0", b"1", b"2", b"3"]
    later.close()


def test_closing_ends_every_thread() -> None:
    before = set(threading.enumerate())
    broker = EmbeddedBroker()
    for number in range(5):
        broker.consume(f"queue {number}", Inbox())
    assert len(set(threading.enumerate()) - before) == 5
    broker.close()
    until(lambda: not set(threading.enumerate()) - before)
    gc.collect()
