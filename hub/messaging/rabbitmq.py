"""The broker on RabbitMQ: one connection that publishes with confirms in flight, one that consumes any number of queues.

Each connection lives on a thread of its own and is made again whenever it is lost; other threads hand it their work.
Queues are quorum queues without any further argument (`docs/decisions/020-quorum-queues-plain.md`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import Any

import pika
from pika.exceptions import AMQPError
from pika.spec import Basic

from hub.ports import Frame, Received

log = logging.getLogger(__name__)

# Pika reports every failed attempt to connect with a stack trace; this module says it once, in one line. Whoever wants
# the traces sets the level of "pika" before.
if logging.getLogger("pika").level == logging.NOTSET:
    logging.getLogger("pika").setLevel(logging.CRITICAL)

#: Seconds after which a connection that shows no sign of life is given up. A cut-off host is noticed in twice of it.
HEARTBEAT = 15

#: Seconds between attempts to connect: at first, doubled each time, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

#: Seconds until a frame counts as not taken. A quorum queue whose leader was killed confirms again after 0.4 s.
CONFIRM_TIMEOUT = 5.0

#: Frames without a confirm at most, over all threads; what would go beyond is refused. Some 500 keep the broker busy.
IN_FLIGHT = 20_000

#: RabbitMQ stops reading a whole connection when one of its quorum queues has 32 publishes that it cannot handle, so
#: a queue that did not confirm in time gets one frame at a time until it does again, and holds up nobody else.
PROBES = 1

#: Seconds after which a queue that confirms nothing, while others do, or lets nobody consume, is taken for dead, deleted
#: and made anew. RabbitMQ 3.10 leaves such a queue when it is killed within a second of the declaration.
DEAD_AFTER = 30.0

#: Seconds that a consumer rests after its handler has raised, or after its queue could not be consumed.
REST = 0.2

#: Seconds that closing waits for the broker's goodbye.
FAREWELL = 5.0

#: AMQP's codes for a queue that is not there, and for what RabbitMQ cannot do and closes the whole connection for.
NOT_FOUND, INTERNAL_ERROR = 404, 541

#: How often a consumer may cost the connection, the second time while it alone was being tried, before its queue is
#: taken for dead.
STRIKES = 2


class RabbitMQBroker:
    """`hub.ports.Broker` on RabbitMQ 3.10 or newer. Safe from any thread.

    `url` is an AMQP address, or one for each node of a cluster; they are tried in turn. Queues are named `prefix` +
    name, so that several hubs can share a virtual host. `confirm_timeout` bounds every `publish`, `dead_after` is how
    long a queue may be silent before it is made anew (`DEAD_AFTER`), both in seconds.

    Making one returns at once; whether a broker was reached says `connected()`.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        prefix: str = "hub.",
        confirm_timeout: float = CONFIRM_TIMEOUT,
        dead_after: float = DEAD_AFTER,
    ) -> None:
        urls = [url] if isinstance(url, str) else list(url)
        parameters = [_parameters(one) for one in urls]
        self._prefix = prefix
        self._publisher = _Publisher(parameters, confirm_timeout, dead_after)
        self._consumers = _ConsumerLink(parameters, dead_after)
        self._publisher.start()

    def declare(self, queue: str) -> None:
        """As the port says; without a connection the queue is declared as soon as there is one."""
        self._publisher.declare(self._prefix + queue)

    def publish(self, frames: Sequence[Frame]) -> list[bool]:
        return self._publisher.publish([(self._prefix + frame.queue, frame.body) for frame in frames])

    def consume(self, queue: str, handler: Callable[[Received], None], prefetch: int = 50) -> None:
        if prefetch < 1:
            raise ValueError(f"a consumer needs a prefetch of at least 1, not {prefetch}")
        self._consumers.add(_Consumer(queue, self._prefix + queue, handler, prefetch))

    def connected(self) -> bool:
        return self._publisher.ready

    def close(self) -> None:
        self._consumers.close()
        self._publisher.close()


def _parameters(url: str) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = HEARTBEAT
    parameters.socket_timeout = 5
    parameters.stack_timeout = 10
    parameters.blocked_connection_timeout = None  # an alarm passes; until then publishing says False
    parameters.client_properties = {"connection_name": "santong-hub"}
    return parameters


def _queue_arguments(connection: Any) -> dict[str, Any]:
    """A quorum queue, and no limit of deliveries: RabbitMQ 3 has none, RabbitMQ 4 sets 20 unless told otherwise."""
    version = str(getattr(connection, "server_properties", {}).get("version", "3"))
    major = version.split(".", 1)[0]
    limit = {"x-delivery-limit": -1} if major.isdigit() and int(major) >= 4 else {}
    return {"x-queue-type": "quorum", **limit}


# ---------------------------------------------------------------- one connection
class _Link:
    """A connection on its own thread, made again until it is closed. Subclasses say what happens on it.

    Everything that touches the connection runs on the thread; other threads use `post`.
    """

    name = "rabbitmq"

    def __init__(self, parameters: Sequence[pika.URLParameters]) -> None:
        self._parameters = parameters
        self._lock = threading.Condition()
        self._connection: Any = None
        self._attempting = True
        self._reported = False
        self._closing = False
        self._posted: deque[Callable[[], None]] = deque()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    # -- for other threads
    def start(self) -> None:
        self._thread.start()

    def post(self, work: Callable[[], None]) -> None:
        """Run `work` on the connection's thread soon, at the latest when the connection is found lost."""
        with self._lock:
            self._posted.append(work)
            if len(self._posted) == 1:
                self._wake(self._work_off)

    def close(self) -> None:
        """End the connection and the thread. Waits `FAREWELL` seconds at most."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()
            self._wake(self._say_goodbye)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(FAREWELL)

    def _wake(self, work: Callable[[], None]) -> None:
        """Hand `work` to the connection's loop, if there is one. The caller holds the lock."""
        if self._connection is not None:
            self._connection.ioloop.add_callback_threadsafe(work)

    # -- on the thread
    def _run(self) -> None:
        pause, attempt = FIRST_PAUSE, 0
        while not self._closing:
            parameters = self._parameters[attempt % len(self._parameters)]
            attempt += 1
            if self._serve(parameters):
                pause = FIRST_PAUSE
            self.on_lost()
            self._work_off()
            with self._lock:
                self._attempting = False
                self._lock.notify_all()
                self._lock.wait_for(lambda: self._closing, pause)
                self._attempting = not self._closing
            pause = min(pause * 2, LONGEST_PAUSE)
        with self._lock:
            self._attempting = False
            self._lock.notify_all()

    def _serve(self, parameters: pika.URLParameters) -> bool:
        """Connect and work until the connection is lost. Returns whether there was one."""
        opened = False

        def on_open(connection: Any) -> None:
            nonlocal opened
            opened = True
            if self._reported:
                log.warning("%s: connected to %s:%s again", self.name, parameters.host, parameters.port)
            self._reported = False
            if self._closing:
                connection.close()
            else:
                self.on_open(connection)

        def on_end(connection: Any, reason: object) -> None:
            if not self._closing:
                # Once for a loss; the attempts that follow are of interest to few.
                level = logging.DEBUG if self._reported else logging.WARNING
                log.log(level, "%s: no connection to %s:%s: %r", self.name, parameters.host, parameters.port, reason)
                self._reported = True
            connection.ioloop.stop()

        connection = pika.SelectConnection(
            parameters, on_open_callback=on_open, on_open_error_callback=on_end, on_close_callback=on_end
        )
        with self._lock:
            self._connection = connection
            if self._posted:
                self._wake(self._work_off)
            if self._closing:
                self._wake(self._say_goodbye)
        try:
            connection.ioloop.start()
        except Exception:
            log.exception("%s: the connection's thread failed; it begins anew", self.name)
        finally:
            with self._lock:
                self._connection = None
            with suppress(OSError):
                connection.ioloop.close()
        return opened

    def _work_off(self) -> None:
        while True:
            with self._lock:
                if not self._posted:
                    return
                posted, self._posted = self._posted, deque()
            for work in posted:
                work()

    def _say_goodbye(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closing or connection.is_closed:
            return
        connection.close()
        connection.ioloop.call_later(FAREWELL / 2, self._abort)

    def _abort(self) -> None:
        """Drop the connection without a word, for a broker that does not listen."""
        connection = self._connection
        if connection is not None and not connection.is_closed:
            # Pika has no public way: close() waits for an answer that such a broker will not give.
            connection._terminate_stream(AMQPError("given up"))

    def on_open(self, connection: Any) -> None:
        raise NotImplementedError

    def on_lost(self) -> None:
        raise NotImplementedError


# ---------------------------------------------------------------- a dead queue
class _Revival:
    """Makes a silent queue anew, if the broker takes messages for another queue of the same kind: then it is the queue
    that is dead, not the broker or its majority. What was in it is released again by the store.

    Runs on a channel of its own on the connection's thread; calls `done(revived)` once.
    """

    def __init__(self, connection: Any, queue: str, patience: float, done: Callable[[bool], None]) -> None:
        self._queue = queue
        self._probe = f"{queue}.probe"
        self._arguments = _queue_arguments(connection)
        self._done: Callable[[bool], None] | None = done
        self._channel: Any = None
        connection.channel(on_open_callback=self._on_open)
        self._timer = connection.ioloop.call_later(patience, self._give_up)
        self._cancel_timer = connection.ioloop.remove_timeout

    def _on_open(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(lambda _channel, _reason: self._finish(False))
        channel.confirm_delivery(self._on_confirm)
        channel.queue_declare(self._probe, durable=True, arguments=self._arguments, callback=self._on_probe)

    def _on_probe(self, _answer: object) -> None:
        self._channel.basic_publish("", self._probe, b"")

    def _on_confirm(self, answer: Any) -> None:
        self._channel.queue_delete(self._probe)
        if isinstance(answer.method, Basic.Ack) and self._done is not None:
            log.error("queue %s takes nothing while others do; it is deleted and made anew", self._queue)
            self._channel.queue_delete(self._queue, callback=self._on_deleted)
        else:
            self._finish(False)

    def _on_deleted(self, _answer: object) -> None:
        self._channel.queue_declare(
            self._queue, durable=True, arguments=self._arguments, callback=lambda _answer: self._finish(True)
        )

    def _give_up(self) -> None:
        if self._channel is not None and self._channel.is_open:
            self._channel.queue_delete(self._probe)
        self._finish(False)

    def _finish(self, revived: bool) -> None:
        if self._done is None:
            return
        done, self._done = self._done, None
        self._cancel_timer(self._timer)
        if self._channel is not None and self._channel.is_open:
            self._channel.close()
        done(revived)


# ---------------------------------------------------------------- publishing
class _Batch:
    """What one call of `publish` waits for: an answer for each of its frames."""

    def __init__(self, frames: Sequence[tuple[str, bytes]], deadline: float) -> None:
        self.frames = frames
        self.deadline = deadline
        self.answers = [False] * len(frames)
        self.done = threading.Event()
        self._open = len(frames)

    def answer(self, index: int, taken: bool) -> None:
        self.answers[index] = taken
        self._open -= 1
        if not self._open:
            self.done.set()


class _Flight:
    """One frame on its way: whose it is, since when, and whether it was returned."""

    __slots__ = ("batch", "index", "queue", "returned", "since")

    def __init__(self, batch: _Batch, index: int, queue: str, since: float) -> None:
        self.batch = batch
        self.index = index
        self.queue = queue
        self.since = since
        self.returned = False


class _Publisher(_Link):
    """Publishes mandatory on the default exchange; a frame is taken when it is confirmed and was not returned."""

    name = "rabbitmq publisher"

    def __init__(self, parameters: Sequence[pika.URLParameters], confirm_timeout: float, dead_after: float) -> None:
        super().__init__(parameters)
        self._confirm_timeout = confirm_timeout
        self._dead_after = dead_after
        self._ready = False
        self._blocked = False
        self._channel: Any = None
        self._tag = 0
        self._flights: dict[int, _Flight] = {}
        self._flying_to: Counter[str] = Counter()
        self._last_confirm = 0.0
        #: queues that the hub wants; declared anew on every connection, so that a wiped broker has them again
        self._wanted: set[str] = set()
        self._undeclared: set[str] = set()
        #: the channel for declarations, apart because a refused one closes it, and who waits for which queue
        self._desk: Any = None
        self._declaring: dict[str, list[Callable[[], None]]] = {}
        self._mismatched: set[str] = set()
        #: queues that did not confirm in time, and since when
        self._silent: dict[str, float] = {}
        self._reviving: set[str] = set()

    @property
    def ready(self) -> bool:
        """A channel is open and the broker has not said that it takes nothing."""
        return self._ready and not self._blocked

    # -- for other threads
    def publish(self, frames: Sequence[tuple[str, bytes]]) -> list[bool]:
        deadline = time.monotonic() + self._confirm_timeout
        if not frames or not self._wait_for_connection(deadline):
            return [False] * len(frames)
        batch = _Batch(frames, deadline)
        self.post(lambda: self._send(batch))
        if not batch.done.wait(max(0.0, deadline - time.monotonic())):
            self.post(self._note_silence)
        return list(batch.answers)

    def declare(self, queue: str) -> None:
        deadline = time.monotonic() + self._confirm_timeout
        with self._lock:
            self._wanted.add(queue)
        if self._wait_for_connection(deadline):
            declared = threading.Event()
            self.post(lambda: self._declare(queue, declared.set))
            declared.wait(max(0.0, deadline - time.monotonic()))

    def _wait_for_connection(self, deadline: float) -> bool:
        """Whether publishing has a chance: waits while a connection is just being made, not for a broker that is down
        or blocked."""
        with self._lock:
            self._lock.wait_for(
                lambda: self._ready or not self._attempting or self._closing, max(0.0, deadline - time.monotonic())
            )
            return self._ready and not self._blocked and not self._closing

    # -- on the thread: the connection
    def on_open(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(lambda _connection, why: self._on_blocked(why))
        connection.add_on_connection_unblocked_callback(lambda _connection, _method: self._on_unblocked())
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _answer: self._on_confirming(channel))

    def _on_confirming(self, channel: Any) -> None:
        with self._lock:
            self._channel, self._tag = channel, 0
            self._last_confirm = time.monotonic()
            self._undeclared = set(self._wanted)
            self._ready = True
            self._lock.notify_all()
        self._look_after_queues()

    def _on_channel_closed(self, channel: Any, reason: object) -> None:
        """The broker closes a publishing channel only for a fault; the whole connection is made again."""
        if channel is self._channel and not self._closing:
            log.warning("%s: the channel was closed: %r", self.name, reason)
            self._abort()

    def _on_blocked(self, why: Any) -> None:
        log.error(
            "RabbitMQ takes no messages (%s); they stay in the store meanwhile", getattr(why.method, "reason", why)
        )
        self._blocked = True

    def _on_unblocked(self) -> None:
        log.warning("RabbitMQ takes messages again")
        self._blocked = False

    def on_lost(self) -> None:
        with self._lock:
            self._ready = self._blocked = False
            self._channel = self._desk = None
        flights, self._flights = self._flights, {}
        declaring, self._declaring = self._declaring, {}
        self._flying_to.clear()
        self._reviving.clear()
        for flight in flights.values():
            flight.batch.answer(flight.index, False)
        for waiting in declaring.values():
            for go_on in waiting:
                go_on()

    # -- on the thread: frames
    def _send(self, batch: _Batch) -> None:
        for queue, numbered in _by_queue(batch.frames).items():
            if queue in self._undeclared or queue in self._declaring:
                self._declare(queue, partial(self._send_to, batch, queue, numbered))
            else:
                self._send_to(batch, queue, numbered)

    def _send_to(self, batch: _Batch, queue: str, numbered: Sequence[tuple[int, bytes]]) -> None:
        now = time.monotonic()
        for index, body in numbered:
            if now >= batch.deadline or not self._may_send(queue):
                batch.answer(index, False)
                continue
            self._tag += 1
            self._flights[self._tag] = _Flight(batch, index, queue, now)
            self._flying_to[queue] += 1
            properties = pika.BasicProperties(delivery_mode=2, message_id=str(self._tag))
            self._channel.basic_publish("", queue, body, properties, mandatory=True)

    def _may_send(self, queue: str) -> bool:
        if self._channel is None or not self._channel.is_open or self._blocked or len(self._flights) >= IN_FLIGHT:
            return False
        return queue not in self._silent or self._flying_to[queue] < PROBES

    def _on_return(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        """No such queue. The broker says so before it confirms the same frame."""
        self._undeclared.add(method.routing_key)
        flight = self._flights.get(int(properties.message_id))
        if flight is not None:
            flight.returned = True

    def _on_confirm(self, answer: Any) -> None:
        self._last_confirm = time.monotonic()
        method = answer.method
        taken = isinstance(method, Basic.Ack)
        for tag in self._confirmed(method.delivery_tag, method.multiple):
            flight = self._land(tag)
            if flight is None:
                continue
            flight.batch.answer(flight.index, taken and not flight.returned)
            if taken:
                self._silent.pop(flight.queue, None)

    def _confirmed(self, tag: int, multiple: bool) -> list[int]:
        if not multiple:
            return [tag]
        return list(takewhile(lambda flying: flying <= tag, self._flights))  # tags are in the order of sending

    def _land(self, tag: int) -> _Flight | None:
        flight = self._flights.pop(tag, None)
        if flight is not None:
            self._flying_to[flight.queue] -= 1
        return flight

    # -- on the thread: silence
    def _note_silence(self) -> None:
        """Somebody waited in vain. Queues that did not confirm get probes only; if nothing at all was confirmed, the
        broker may have stopped reading this connection because of one of them: a new one starts clean."""
        overdue = time.monotonic() - self._confirm_timeout * 0.9
        silent = {flight.queue for flight in self._flights.values() if flight.since <= overdue}
        fresh = silent - self._silent.keys()
        for queue in fresh:
            log.warning("queue %s has confirmed nothing for %.1f s", queue, self._confirm_timeout)
            self._silent[queue] = time.monotonic()
        if fresh and not self._blocked and self._last_confirm <= overdue:
            self._abort()

    def _look_after_queues(self) -> None:
        """Once in a while: what has been silent for too long is made anew."""
        connection = self._connection
        if connection is None or not connection.is_open:
            return
        dead_since = time.monotonic() - self._dead_after
        for queue, since in self._silent.items():
            if since <= dead_since and queue not in self._reviving and not self._blocked:
                self._reviving.add(queue)
                _Revival(connection, queue, self._dead_after, partial(self._on_revival, queue))
        connection.ioloop.call_later(min(1.0, self._dead_after / 2), self._look_after_queues)

    def _on_revival(self, queue: str, revived: bool) -> None:
        self._reviving.discard(queue)
        if not revived:
            return
        self._silent.pop(queue, None)
        for tag in [tag for tag, flight in self._flights.items() if flight.queue == queue]:
            flight = self._land(tag)
            if flight is not None:
                flight.batch.answer(flight.index, False)

    # -- on the thread: declarations, one after another
    def _declare(self, queue: str, then: Callable[[], None]) -> None:
        """Declare, and go on with `then` whatever comes of it: publishing shows whether there is a queue."""
        if self._channel is None:
            then()
            return
        idle = not self._declaring
        self._declaring.setdefault(queue, []).append(then)
        if idle:
            self._declare_next()

    def _declare_next(self) -> None:
        if not self._declaring:
            return
        if self._desk is None:
            self._connection.channel(on_open_callback=self._on_desk)
            return
        queue = next(iter(self._declaring))
        self._desk.queue_declare(
            queue,
            durable=True,
            arguments=_queue_arguments(self._connection),
            callback=lambda _answer: self._on_declared(queue),
        )

    def _on_desk(self, channel: Any) -> None:
        self._desk = channel
        channel.add_on_close_callback(self._on_desk_closed)
        self._declare_next()

    def _on_desk_closed(self, channel: Any, reason: Any) -> None:
        """A declaration was refused: there is a queue of other properties, which the hub takes as it is."""
        if channel is not self._desk:
            return
        self._desk = None
        queue = next(iter(self._declaring), None)
        if queue is None or not self._connection.is_open:
            return
        if queue not in self._mismatched:
            self._mismatched.add(queue)
            log.error("queue %s is not as the hub would make it and is used as it is: %r", queue, reason)
        self._on_declared(queue)

    def _on_declared(self, queue: str) -> None:
        self._undeclared.discard(queue)
        for go_on in self._declaring.pop(queue, ()):
            go_on()
        self._declare_next()


def _by_queue(frames: Sequence[tuple[str, bytes]]) -> dict[str, list[tuple[int, bytes]]]:
    found: dict[str, list[tuple[int, bytes]]] = {}
    for index, (queue, body) in enumerate(frames):
        found.setdefault(queue, []).append((index, body))
    return found


# ---------------------------------------------------------------- consuming
class _Consumer:
    """What somebody asked for by `consume`; `session` is its channel while there is one."""

    def __init__(self, queue: str, name: str, handler: Callable[[Received], None], prefetch: int) -> None:
        self.queue = queue
        self.name = name
        self.handler = handler
        self.prefetch = prefetch
        self.session: _Session | None = None
        #: the queue has to be declared first
        self.missing = False
        #: how often the connection was lost while this consumer was about to begin
        self.strikes = 0


class _ConsumerLink(_Link):
    """Any number of consumers on one connection, each with a channel of its own: what befalls one stays with it."""

    name = "rabbitmq consumer"

    def __init__(self, parameters: Sequence[pika.URLParameters], dead_after: float) -> None:
        super().__init__(parameters)
        self.dead_after = dead_after
        self._consumers: list[_Consumer] = []

    def add(self, consumer: _Consumer) -> None:
        with self._lock:
            if self._closing:
                raise RuntimeError("this broker has been closed")
            self._consumers.append(consumer)
            if self._thread.ident is None:
                self.start()
        self.post(lambda: self.attend(consumer))

    @property
    def closing(self) -> bool:
        return self._closing

    def on_open(self, connection: Any) -> None:
        for consumer in self._all():
            if not consumer.strikes:
                self.attend(consumer)
        self.try_suspects()

    def on_lost(self) -> None:
        for consumer in self._all():
            if consumer.session is not None:
                consumer.session.forget()
                consumer.session = None

    def attend(self, consumer: _Consumer) -> None:
        """Give a consumer its channel if it has none."""
        connection = self._connection
        if connection is None or not connection.is_open or consumer.session is not None or self._closing:
            return
        consumer.session = _Session(self, connection, consumer)

    def attend_later(self, consumer: _Consumer) -> None:
        connection = self._connection
        if connection is not None and connection.is_open:
            connection.ioloop.call_later(REST, lambda: self.attend(consumer))
            connection.ioloop.call_later(REST, self.try_suspects)

    def try_suspects(self) -> None:
        """RabbitMQ closes the whole connection because of one dead queue and does not say which. Those that were about
        to be consumed then are tried one at a time, once the others are served, so that the culprit shows."""
        consumers = self._all()
        if any(consumer.session is not None and not consumer.session.consuming for consumer in consumers):
            return
        suspect = next((one for one in consumers if one.strikes and one.session is None), None)
        if suspect is not None:
            self.attend(suspect)

    def _all(self) -> list[_Consumer]:
        with self._lock:
            return list(self._consumers)


class _Session:
    """One channel of one consumer, from its opening until it is closed or the connection is lost."""

    def __init__(self, link: _ConsumerLink, connection: Any, consumer: _Consumer) -> None:
        self._link = link
        self._connection = connection
        self._consumer = consumer
        self._channel: Any = None
        self.consuming = False
        #: what the handler holds, in the order of arrival, and what it has settled but the broker does not know yet
        self._held: dict[int, None] = {}
        self._lock = threading.Lock()
        self._settled: list[tuple[int, bool]] = []
        if consumer.strikes >= STRIKES:
            self._revive()
        else:
            connection.channel(on_open_callback=self._on_open)
            connection.ioloop.call_later(link.dead_after, self._check)

    # -- becoming a consumer
    def _on_open(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_closed)
        channel.add_on_cancel_callback(self._on_deleted)
        channel.basic_qos(prefetch_count=self._consumer.prefetch)
        # Declared only where it is missing: RabbitMQ 3.10 closes connections (541) that make one quorum queue at a time.
        if not self._consumer.missing:
            self._consume()
        else:
            self._consumer.missing = False
            channel.queue_declare(
                self._consumer.name,
                durable=True,
                arguments=_queue_arguments(self._connection),
                callback=lambda _answer: self._consume(),
            )

    def _consume(self) -> None:
        self._channel.basic_consume(self._consumer.name, self._on_message, callback=self._on_consuming)

    def _on_consuming(self, _answer: object) -> None:
        self.consuming = True
        self._consumer.strikes = 0
        self._link.try_suspects()

    def _on_deleted(self, _method: object) -> None:
        """The broker has cancelled the consumer because its queue was deleted."""
        self._consumer.missing = True
        self._channel.close()

    def _on_closed(self, _channel: Any, reason: Any) -> None:
        if not self._current:
            return
        code = getattr(reason, "reply_code", None)
        if code == INTERNAL_ERROR and not self.consuming:
            self._consumer.strikes += 1
        if code == NOT_FOUND:
            self._consumer.missing = True
        elif not self._link.closing:
            log.warning("consuming %s was interrupted: %r", self._consumer.name, reason)
        self._end()

    def _check(self) -> None:
        """The broker had enough time to let us consume; a queue that did not is made anew."""
        if self._current and not self.consuming and self._connection.is_open:
            self._revive()

    def _revive(self) -> None:
        _Revival(self._connection, self._consumer.name, self._link.dead_after, self._on_revival)

    def _on_revival(self, revived: bool) -> None:
        if revived:
            self._consumer.strikes = 0
        if self._current and not self.consuming:
            self._end()

    def _end(self) -> None:
        self.forget()
        self._consumer.session = None
        self._link.attend_later(self._consumer)

    @property
    def _current(self) -> bool:
        return self._consumer.session is self

    def forget(self) -> None:
        """The channel is gone; settling what came over it does nothing any more."""
        with self._lock:
            self._channel = None
            self._settled.clear()
        self._held.clear()

    # -- messages
    def _on_message(self, _channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        if self._link.closing:
            return
        tag: int = method.delivery_tag
        self._held[tag] = None
        received = _Received(self, tag, self._consumer.queue, body)
        try:
            self._consumer.handler(received)
        except Exception:
            log.exception("the handler of queue %s failed; its frame is queued again", self._consumer.queue)
            self._connection.ioloop.call_later(REST, received.requeue)

    def settle(self, tag: int, again: bool) -> None:
        """From any thread: the first of several settlements wakes the connection, which then tells the broker of all."""
        with self._lock:
            if self._channel is None:
                return
            self._settled.append((tag, again))
            first = len(self._settled) == 1
        if first:
            self._link.post(self._flush)

    def _flush(self) -> None:
        with self._lock:
            channel = self._channel
            settled, self._settled = self._settled, []
        if channel is None or not channel.is_open:
            return
        done = set()
        for tag, again in settled:
            if tag not in self._held or tag in done:
                continue
            if again:
                del self._held[tag]
                channel.basic_nack(tag, requeue=True)
            else:
                done.add(tag)
        # Whatever is done from the oldest on is one message to the broker.
        oldest = list(takewhile(done.__contains__, self._held))
        if oldest:
            channel.basic_ack(oldest[-1], multiple=True)
        for tag in done.difference(oldest):
            channel.basic_ack(tag)
        for tag in done:
            del self._held[tag]


class _Received:
    """A message that a consumer of this connection holds. See `hub.ports.Received`."""

    __slots__ = ("_session", "_tag", "body", "queue")

    def __init__(self, session: _Session, tag: int, queue: str, body: bytes) -> None:
        self.body = body
        self.queue = queue
        self._session = session
        self._tag = tag

    def ack(self) -> None:
        self._session.settle(self._tag, again=False)

    def requeue(self) -> None:
        self._session.settle(self._tag, again=True)
