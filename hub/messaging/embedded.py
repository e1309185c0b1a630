"""The broker inside one process, for a hub without RabbitMQ: bounded queues in memory, the same contract.

It keeps nothing over a restart of the process and need not: the store releases again what was not delivered.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from operator import attrgetter

from hub.ports import Frame, Received

log = logging.getLogger(__name__)

#: Frames that wait in one queue at most; a frame of 60 bytes takes some 250 bytes here, so a full queue 25 MB. What does
#: not fit is refused and stays in the store until there is room.
CAPACITY = 100_000

#: Seconds that a consumer rests after its handler has raised, so that a frame that always fails does not spin.
REST = 0.2

#: Seconds that `close()` waits for a handler that is running.
FAREWELL = 5.0


class Queues:
    """The queues of one process. Several brokers may share them, as several connections share a RabbitMQ."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}

    def declare(self, name: str) -> _Queue:
        with self._lock:
            if name not in self._queues:
                self._queues[name] = _Queue(name, self._capacity)
            return self._queues[name]

    def get(self, name: str) -> _Queue | None:
        with self._lock:
            return self._queues.get(name)


class EmbeddedBroker:
    """`hub.ports.Broker` on queues in memory. Safe from any thread; each consumer has a thread of its own."""

    def __init__(self, queues: Queues | None = None) -> None:
        self._queues = Queues() if queues is None else queues
        self._lock = threading.Lock()
        self._returned: set[str] = set()
        self._consumers: list[_Consumer] = []
        self._closed = False

    def declare(self, queue: str) -> None:
        self._queues.declare(queue)

    def publish(self, frames: Sequence[Frame]) -> list[bool]:
        return [self._publish(frame) for frame in frames]

    def consume(self, queue: str, handler: Callable[[Received], None], prefetch: int = 50) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("this broker has been closed")
            consumer = _Consumer(self._queues.declare(queue), handler, prefetch)
            self._consumers.append(consumer)
        consumer.start()

    def connected(self) -> bool:
        return not self._closed

    def close(self) -> None:
        with self._lock:
            self._closed = True
            consumers, self._consumers = self._consumers, []
        for consumer in consumers:
            consumer.stop()
        for consumer in consumers:
            consumer.wait()

    def _publish(self, frame: Frame) -> bool:
        if self._closed:
            return False
        queue = self._queues.get(frame.queue)
        if queue is None:
            with self._lock:
                if frame.queue not in self._returned:
                    self._returned.add(frame.queue)
                    return False
                self._returned.discard(frame.queue)
            queue = self._queues.declare(frame.queue)
        return queue.put(frame.body)


class _Queue:
    """Frames in order. What comes back goes to the front, before all that were put later."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.changed = threading.Condition()
        self._capacity = capacity
        self._numbers = count()
        self._waiting: deque[_Entry] = deque()
        self._taken = 0

    def put(self, body: bytes) -> bool:
        with self.changed:
            if len(self._waiting) + self._taken >= self._capacity:
                return False
            self._waiting.append(_Entry(next(self._numbers), body))
            self.changed.notify_all()
        return True

    def take(self) -> _Entry | None:
        """The next frame, or None. The caller holds `changed`."""
        if not self._waiting:
            return None
        self._taken += 1
        return self._waiting.popleft()

    def settle(self) -> None:
        """One frame that was taken is done with. The caller holds `changed`."""
        self._taken -= 1

    def give_back(self, entries: Sequence[_Entry]) -> None:
        """Frames that were taken wait again, oldest first. The caller holds `changed`."""
        self._taken -= len(entries)
        self._waiting.extendleft(sorted(entries, key=attrgetter("number"), reverse=True))
        self.changed.notify_all()


class _Entry:
    __slots__ = ("body", "number")

    def __init__(self, number: int, body: bytes) -> None:
        self.number = number
        self.body = body


class _Consumer:
    """One handler on one queue, with at most `prefetch` frames unsettled."""

    def __init__(self, queue: _Queue, handler: Callable[[Received], None], prefetch: int) -> None:
        if prefetch < 1:
            raise ValueError(f"a consumer needs a prefetch of at least 1, not {prefetch}")
        self.queue = queue
        self._handler = handler
        self._prefetch = prefetch
        self._held: dict[int, _Received] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"consume {queue.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more, and give back what is held: settling it later does nothing."""
        with self.queue.changed:
            self._stopping = True
            self.queue.give_back([received.entry for received in self._held.values()])
            self._held.clear()
            self.queue.changed.notify_all()

    def wait(self) -> None:
        if self._thread is not threading.current_thread():
            self._thread.join(FAREWELL)

    def settle(self, received: _Received, again: bool) -> None:
        """Done with, or back to the queue. Nothing happens to what is not held any more."""
        number = received.entry.number
        with self.queue.changed:
            if self._held.get(number) is not received:
                return
            del self._held[number]
            if again:
                self.queue.give_back([received.entry])
            else:
                self.queue.settle()
                self.queue.changed.notify_all()

    def _run(self) -> None:
        while True:
            received = self._next()
            if received is None:
                return
            try:
                self._handler(received)
            except Exception:
                log.exception("the handler of queue %s failed; its frame is queued again", self.queue.name)
                received.requeue()
                self._rest()

    def _next(self) -> _Received | None:
        """The next frame as soon as there is one and room for it; None when the consumer is being stopped."""
        with self.queue.changed:
            while not self._stopping:
                if len(self._held) < self._prefetch:
                    entry = self.queue.take()
                    if entry is not None:
                        received = self._held[entry.number] = _Received(self, entry)
                        return received
                self.queue.changed.wait()
        return None

    def _rest(self) -> None:
        with self.queue.changed:
            self.queue.changed.wait_for(lambda: self._stopping, REST)


class _Received:
    """A frame that a consumer of this process holds. See `hub.ports.Received`."""

    __slots__ = ("_consumer", "body", "entry", "queue")

    def __init__(self, consumer: _Consumer, entry: _Entry) -> None:
        self.body = entry.body
        self.queue = consumer.queue.name
        self._consumer = consumer
        self.entry = entry

    def ack(self) -> None:
        self._consumer.settle(self, again=False)

    def requeue(self) -> None:
        self._consumer.settle(self, again=True)
