"""What ordinary traffic pays for a shadow replay beside it: the same load with and without one, in turns, on the same hub."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg

from benchmarks import contenders, measure
from benchmarks.contenders import ROOT, Contender, Services
from benchmarks.report import Figure
from benchmarks.workload import Stream
from hub import settings
from hub.bootstrap import build
from tests.passed_history import fill

#: Stored messages that are replayed: more than one replay reads while the load lasts.
HISTORY = 50_000
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Paid:
    """`without` and `beside`: transfers a second without and beside a replay (medians); `replayed`: messages a second that
    the replay did meanwhile."""

    without: float
    beside: float
    replayed: float

    @property
    def slower(self) -> float:
        """How many times slower the traffic is beside a replay."""
        return self.without / self.beside


def paid(services: Services, seconds: float) -> Paid:
    """Load by REST, `ROUNDS` times without and with a replay, each for `seconds`."""
    stream = Stream()
    without, beside, replayed = [], [], []
    with contenders.hub(services) as contender:
        _fill(contender)
        measure.sustained(contender, "rest", services.sink_port, stream, max(2.0, seconds / 4))
        for _ in range(ROUNDS):
            without.append(measure.sustained(contender, "rest", services.sink_port, stream, seconds).per_second)
            with _replay(contender):
                beside.append(measure.sustained(contender, "rest", services.sink_port, stream, seconds).per_second)
            replayed.append(_done(contender) / seconds)
    return Paid(statistics.median(without), statistics.median(beside), statistics.median(replayed))


def figures(services: Services, seconds: float) -> list[Figure]:
    """`replay.traffic`: how many times slower the traffic is beside a replay; `replay.messages`: what the replay does."""
    folder = services.folder / "replaying"
    folder.mkdir()
    found = paid(replace(services, folder=folder), seconds)
    return [
        Figure("replay.traffic", found.slower, "× slower"),
        Figure("replay.messages", found.replayed, "messages/s"),
    ]


def _fill(contender: Contender) -> None:
    hub = build(settings.load(contender.environment))
    try:
        fill(hub, HISTORY)
    finally:
        hub.database.close()


def _done(contender: Contender) -> int:
    with psycopg.connect(contender.conninfo) as database:
        row = database.execute("SELECT report->>'done' FROM replay_run ORDER BY id DESC LIMIT 1").fetchone()
    return int(row[0] or 0) if row else 0


def _runs(contender: Contender) -> int:
    with psycopg.connect(contender.conninfo) as database:
        row = database.execute("SELECT count(*) FROM replay_run").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _replay(contender: Contender) -> Iterator[None]:
    """An administrator's replay, as the command runs it: half of one core at most, and only what nobody else wants."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli", "mapping", "replay", "prison", "--draft", "files:prison", "--json"],
        cwd=ROOT,
        env=dict(contender.environment),
        stdout=subprocess.DEVNULL,
    )
    try:
        until, before = time.monotonic() + contenders.DEADLINE, _runs(contender)
        while _runs(contender) == before and time.monotonic() < until:
            time.sleep(0.2)
        yield
        if process.poll() is not None:
            raise contenders.NotReady(f"the replay ended during the load, with exit code {process.returncode}")
    finally:
        process.terminate()
        process.wait(timeout=contenders.DEADLINE)
