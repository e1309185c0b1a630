"""What is measured of a contender under load. An outcome counts when it stands in the contender's own database.

No figure is held against a bound here: this measures, it does not test.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg

from benchmarks.contenders import Contender
from benchmarks.load import Gate, Posted, beside, percentile, post_all
from benchmarks.workload import Stream

CONNECTIONS = 16
#: Accepted records without an outcome that the generator allows before it waits: enough to keep every stage busy.
WINDOW = 256
#: Seconds to wait for the last outcome after the last POST.
DRAIN = 120.0
#: Seconds between looks at memory.
MEMORY_LOOK = 1.0


class NothingArrives(RuntimeError):
    """A contender accepted records and delivered none of them."""


@dataclass(frozen=True, slots=True)
class Sustained:
    """`per_second` is outcomes by the seconds from the first POST to the last outcome recorded. `lost` were accepted and
    have no outcome, `doubled` came to the recipient again under the same message id. `backlog` is its (least, most) in
    the second half of the load. `memory` in MB; `cpu` is the contender's own processor time for each transfer, in ms: the
    figure that other work on the machine disturbs least."""

    per_second: float
    accepted: int
    lost: int
    doubled: int
    backlog: tuple[int, int]
    refused: dict[str, int]
    answer_p50: float
    answer_p99: float
    memory: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Latency:
    """End to end with one record in flight, in milliseconds: from the POST to the outcome in the database."""

    p50: float
    p99: float
    answer_p50: float


class SinkCounts:
    """Reads the recipients' counters."""

    def __init__(self, port: int, route: str) -> None:
        self._port, self._route = port, route

    def now(self) -> tuple[int, int]:
        """(received, distinct) so far."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request("GET", "/count")
        told = json.loads(connection.getresponse().read())[self._route]
        connection.close()
        return told["received"], told["distinct"]

    async def distinct_since(self, base: int) -> int:
        return (await asyncio.to_thread(self.now))[1] - base


def sustained(contender: Contender, route: str, sink_port: int, stream: Stream, seconds: float) -> Sustained:
    """Load for `seconds`, as fast as outcomes come, then wait for the last one."""
    counts = SinkCounts(sink_port, route)
    with psycopg.connect(contender.conninfo, autocommit=True) as database, _memory(contender) as memory:
        before, (received, distinct) = _outcomes(database, contender, route), counts.now()
        backlogs: list[tuple[float, int]] = []
        gate = Gate(WINDOW, lambda: counts.distinct_since(distinct))
        spent, began = contender.cpu(), time.perf_counter()

        async def load() -> Posted:
            return await beside(
                post_all(
                    contender.url,
                    contender.headers,
                    stream.to(route),
                    seconds=seconds,
                    connections=CONNECTIONS,
                    gate=gate,
                ),
                gate.watch(lambda backlog: backlogs.append((time.perf_counter(), backlog))),
            )

        posted = asyncio.run(load())
        last = _drained(database, contender)
        spent = contender.cpu() - spent
        arrived = _outcomes(database, contender, route) - before
        received, distinct = (now - then for now, then in zip(counts.now(), (received, distinct), strict=True))
    steady = [backlog for at, backlog in backlogs if at > began + seconds / 2] or [0]
    return Sustained(
        per_second=arrived / (last - began),
        accepted=posted.accepted,
        lost=posted.accepted - arrived,
        doubled=received - distinct,
        backlog=(min(steady), max(steady)),
        refused=dict(posted.refused),
        answer_p50=percentile(posted.answers, 0.5),
        answer_p99=percentile(posted.answers, 0.99),
        memory=max(memory),
        cpu=spent / max(1, arrived) * 1e3,
    )


def unloaded(contender: Contender, route: str, stream: Stream, seconds: float) -> Latency:
    """One record after another, each only when the one before has arrived."""
    where = urlsplit(contender.url)
    whole: list[float] = []
    answers: list[float] = []
    handovers = stream.to(route)
    connection = http.client.HTTPConnection(where.netloc, timeout=30)
    until = time.perf_counter() + seconds
    with psycopg.connect(contender.conninfo, autocommit=True) as database:
        while time.perf_counter() < until:
            handover = next(handovers)
            began = time.perf_counter()
            connection.request(
                "POST",
                where.path,
                handover.body,
                {**contender.headers, "Content-Type": "application/json", "Idempotency-Key": handover.key},
            )
            answer = connection.getresponse()
            told = json.loads(answer.read())
            answered = time.perf_counter()
            while not _arrived(database, contender, told["id"]):
                if time.perf_counter() > answered + DRAIN:
                    raise NothingArrives(f"{contender.name}: {told['id']} has not arrived in {DRAIN:.0f} s")
            whole.append((time.perf_counter() - began) * 1e3)
            answers.append((answered - began) * 1e3)
    connection.close()
    return Latency(percentile(whole, 0.5), percentile(whole, 0.99), percentile(answers, 0.5))


def at_rate(contender: Contender, route: str, stream: Stream, seconds: float, rate: float) -> Posted:
    """Post at a steady rate, and wait until everything has arrived."""
    with psycopg.connect(contender.conninfo, autocommit=True) as database:
        posted = asyncio.run(
            post_all(
                contender.url,
                contender.headers,
                stream.to(route),
                seconds=seconds,
                connections=4 * CONNECTIONS,
                rate=rate,
            )
        )
        _drained(database, contender)
    return posted


# ------------------------------------------------------------------ looking
def _outcomes(database: psycopg.Connection, contender: Contender, route: str) -> int:
    return _number(database, contender.outcomes, contender.recipients[route])


def _drained(database: psycopg.Connection, contender: Contender) -> float:
    """The moment at which nothing was unfinished any more, or at which waiting was given up."""
    until = time.perf_counter() + DRAIN
    while _number(database, contender.unfinished) and time.perf_counter() < until:
        time.sleep(0.01)
    return time.perf_counter()


def _arrived(database: psycopg.Connection, contender: Contender, accepted: str | int) -> bool:
    row = database.execute(contender.arrived, (accepted,)).fetchone()
    return bool(row and row[0])


def _number(database: psycopg.Connection, query: LiteralString, *parameters: str) -> int:
    row = database.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _memory(contender: Contender) -> Iterator[list[float]]:
    """Looks at the contender's memory from time to time; the list grows while the block runs."""
    looks = [contender.pss()]
    over = threading.Event()

    def look() -> None:
        while not over.wait(MEMORY_LOOK):
            looks.append(contender.pss())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()
