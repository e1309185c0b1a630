"""Where one transfer's time goes: its steps one after another in one thread, with every statement and transaction counted.

Statements and processor time tell more than rates do where a machine is shared. `python -m benchmarks.steps` prints the
functions that cost most, and which statements a transfer takes.
"""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
from sqlalchemy import event

from benchmarks import contenders
from benchmarks.contenders import Services
from benchmarks.workload import DOCUMENTS, SENDER, Stream
from hub import settings
from hub.bootstrap import build
from hub.flow.delivery import deliver
from hub.flow.dispatch import dispatch
from hub.flow.intake import submit_record
from hub.flow.parts import Hub
from hub.messaging.envelope import decode
from hub.ports import Frame, Received
from hub.store import queries
from tests.services import Postgres, RabbitMQ
from tests.services.folder import temporary_root

STEPS = ("intake", "dispatch", "delivery")
#: Transfers at a time: as many as a dispatch may have out for one recipient.
BATCH = 50


@dataclass(slots=True)
class Spent:
    """What a step took: processor seconds of this process, statements by their text, transactions."""

    cpu: float = 0.0
    transactions: int = 0
    statements: Counter[str] = field(default_factory=Counter)
    profile: cProfile.Profile = field(default_factory=cProfile.Profile)


class CaughtFrames:
    """A broker that takes every note and hands none out: the steps are walked by hand."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def declare(self, queue: str) -> None:
        """Any queue is there."""

    def publish(self, frames: Sequence[Frame]) -> list[bool]:
        self.frames += frames
        return [True] * len(frames)

    def consume(self, queue: str, handler: Callable[[Received], None], prefetch: int = 50) -> None:
        """Nobody is handed anything."""

    def connected(self) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to let go of."""


def walk(services: Services, route: str, transfers: int, profiled: bool = False) -> dict[str, Spent]:
    """Take transfers through the steps, after as many to warm up; what each step took for all of them together."""
    folder = services.folder / f"steps-{route}{'-profiled' if profiled else ''}"
    environment = contenders.hub_environment(folder, services.new_database())
    contenders.point_at_sink(services, environment)
    broker = CaughtFrames()
    hub = build(settings.load(environment), broker=broker)
    for _, _, content in DOCUMENTS:
        queries.put_document(hub, SENDER, content, "application/pdf")
    stream = Stream().to(route)
    for measured in (False, True):
        spent = {step: Spent() for step in STEPS}
        for _ in range(max(1, transfers // BATCH)):
            batch = [next(stream) for _ in range(BATCH)]
            told = [(handover.key, json.loads(handover.body)) for handover in batch]
            with _accounted(hub, spent["intake"], profiled and measured):
                for key, body in told:
                    submit_record(hub, SENDER, key, body)
            # A receipt in an answer is a transfer of its own, dispatched and delivered to the sender in its turn.
            while _dispatched(hub, spent["dispatch"], profiled and measured):
                with _accounted(hub, spent["delivery"], profiled and measured):
                    for frame in broker.frames:
                        deliver(hub, decode(frame.body))
                broker.frames.clear()
    hub.database.close()
    return spent


def _dispatched(hub: Hub, spent: Spent, profiled: bool) -> int:
    with _accounted(hub, spent, profiled):
        return dispatch(hub)


@contextmanager
def _accounted(hub: Hub, spent: Spent, profiled: bool) -> Iterator[None]:
    """Add what the block takes to `spent`."""
    engine = hub.database.engine

    def statement(_connection: object, _cursor: object, text: str, *_: object) -> None:
        spent.statements[" ".join(text.split())] += 1

    def transaction(_connection: object) -> None:
        spent.transactions += 1

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "begin", transaction)
    began = time.process_time()
    if profiled:
        spent.profile.enable()
    try:
        yield
    finally:
        if profiled:
            spent.profile.disable()
        spent.cpu += time.process_time() - began
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "begin", transaction)


@click.command()
@click.option("--transfers", type=click.IntRange(min=BATCH), default=400, show_default=True)
@click.option("--route", type=click.Choice(["rest", "soap"]), default="rest", show_default=True)
@click.option("--top", type=int, default=25, show_default=True, help="functions and statements to print for each step")
def main(transfers: int, route: str, top: int) -> None:
    """Print what each step of a transfer takes, then the same with the profiler on."""
    with (
        Postgres() as postgres,
        RabbitMQ() as rabbitmq,
        contenders.sink() as port,
        tempfile.TemporaryDirectory(prefix="hub-bench-", dir=temporary_root()) as folder,
    ):
        services = Services(postgres, rabbitmq, port, Path(folder))
        plain, profiled = walk(services, route, transfers), walk(services, route, transfers, profiled=True)
    for step, spent in plain.items():
        click.echo(
            f"\n{step}: {spent.cpu / transfers * 1e3:.2f} ms of processor time, {spent.statements.total() / transfers:.1f} statements, "
            f"{spent.transactions / transfers:.1f} transactions for each transfer"
        )
        for text, times in spent.statements.most_common(top):
            click.echo(f"  {times / transfers:5.2f}  {text[:130]}")
        written = io.StringIO()
        pstats.Stats(profiled[step].profile, stream=written).strip_dirs().sort_stats("tottime").print_stats(top)
        click.echo(written.getvalue().partition("percall filename")[2].partition("\n")[2])


if __name__ == "__main__":
    main()
