"""A broker of each kind, and a handler that remembers what it was given."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hub.messaging.embedded import EmbeddedBroker, Queues
from hub.messaging.rabbitmq import RabbitMQBroker
from hub.ports import Broker, Received

#: Seconds after which a test gives up waiting; reached only by what never comes.
PATIENCE = 60.0

Connect = Callable[[], Broker]


class Inbox:
    """A handler that keeps what it receives, for a test to wait on. Settles at once if told so."""

    def __init__(self, ack: bool = False) -> None:
        self.received: list[Received] = []
        self.changed = threading.Condition()
        self._ack = ack

    def __call__(self, received: Received) -> None:
        if self._ack:
            received.ack()
        with self.changed:
            self.received.append(received)
            self.changed.notify_all()

    @property
    def bodies(self) -> list[bytes]:
        with self.changed:
            return [received.body for received in self.received]

    def wait_for(self, number: int, seconds: float = PATIENCE) -> list[Received]:
        """The first `number` messages, as soon as they are there."""
        with self.changed:
            came = self.changed.wait_for(lambda: len(self.received) >= number, seconds)
            assert came, f"{len(self.received)} of {number} messages came within {seconds} s"
            return self.received[:number]

    def wait_for_bodies(self, bodies: set[bytes], seconds: float = PATIENCE) -> None:
        with self.changed:
            came = self.changed.wait_for(lambda: bodies <= {received.body for received in self.received}, seconds)
            missing = bodies - {received.body for received in self.received}
            assert came, f"{len(missing)} messages did not come within {seconds} s, such as {sorted(missing)[:3]}"


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for a condition that nobody announces."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes brokers that share their queues, as several processes do. They are closed after the test."""
    made: list[Broker] = []
    if request.param == "embedded":
        queues = Queues()

        def make() -> Broker:
            made.append(EmbeddedBroker(queues))
            return made[-1]
    else:
        url = request.getfixturevalue("rabbitmq_url")

        def make() -> Broker:
            made.append(RabbitMQBroker(url))
            return made[-1]

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def broker(connect: Connect) -> Broker:
    return connect()
