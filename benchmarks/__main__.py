"""`python -m benchmarks`: the hub and the naive reference, one after the other, on the same services and recipients."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import contenders, measure, record, replaying, report, starting, steps, suggestion, translation
from benchmarks.contenders import Services
from benchmarks.load import percentile
from benchmarks.report import Figure
from benchmarks.workload import Stream, size
from tests.services import Postgres, RabbitMQ, ServiceUnavailable
from tests.services.folder import temporary_root

ROOT = Path(__file__).resolve().parent.parent
#: Transfers of which the statements are counted: the number does not depend on the machine.
COUNTED = 2 * steps.BATCH
#: What needs no service and no hub that runs: each is given seconds for one measurement, and gives its figures.
ALONE: tuple[Callable[[float], Sequence[Figure]], ...] = (
    record.figures,
    translation.figures,
    suggestion.figures,
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that is measured of one contender under load."""

    rest: measure.Sustained
    soap: measure.Sustained
    latency: measure.Latency
    half_p99: float


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    envvar="BENCH_SECONDS",
    show_default=True,
    help="length of each run",
)
@click.option("--only", type=click.Choice(["hub", "naive"]), help="one contender; no ratios and no file")
@click.option(
    "--out", type=click.Path(path_type=Path), default=ROOT / "var" / "bench.json", show_default="var/bench.json"
)
def main(seconds: float, only: str | None, out: Path) -> None:
    """Measure, print a table and write the figures."""
    try:
        with _services() as services:
            machine = report.machine(services)
            if only:
                _show(only, _measured(only, services, seconds))
                return
            found = {name: _measured(name, services, seconds) for name in ("naive", "hub")}
            _tell("starts, traffic beside a replay, translation")
            figures = [
                *_figures(found["hub"], found["naive"]),
                *(
                    Figure(f"statements.{route}", _statements(services, route), "a transfer")
                    for route in ("rest", "soap")
                ),
                Figure("start.embedded", starting.embedded(services.folder), "s"),
                Figure("start.full", starting.full(services), "s"),
                *replaying.figures(services, max(2.0, seconds / 4)),
                *(figure for measure_alone in ALONE for figure in measure_alone(min(1.0, seconds / 10))),
            ]
    except (ServiceUnavailable, contenders.NotReady, measure.NothingArrives) as trouble:
        raise click.ClickException(str(trouble)) from trouble
    report.write(figures, out)
    report.print_table(
        figures,
        machine,
        [
            f"load average at the end: {report.load_average()}",
            _workload(seconds),
            *(_books(name, one) for name, one in found.items()),
        ],
    )


@contextmanager
def _services() -> Iterator[Services]:
    _tell("starting PostgreSQL, RabbitMQ and the recipients")
    with (
        Postgres() as postgres,
        RabbitMQ() as rabbitmq,
        contenders.sink() as port,
        tempfile.TemporaryDirectory(prefix="hub-bench-", dir=temporary_root()) as folder,
    ):
        yield Services(postgres, rabbitmq, port, Path(folder))


def _measured(name: str, services: Services, seconds: float) -> Measured:
    """Warm, load by each route, then one in flight, then half the rate."""
    stream = Stream()
    with _CONTENDERS[name](services) as contender:
        for route in ("rest", "soap"):
            _tell(f"{name}: warming up, {route}")
            measure.sustained(contender, route, services.sink_port, stream, max(2.0, seconds / 10))
        runs = {}
        for route in ("rest", "soap"):
            _tell(f"{name}: {route}, {seconds:.0f} s")
            runs[route] = measure.sustained(contender, route, services.sink_port, stream, seconds)
            _tell(f"  {runs[route].per_second:.1f}/s, {runs[route].cpu:.2f} ms of processor time each")
        short = max(2.0, seconds / 4)
        _tell(f"{name}: one in flight, {short:.0f} s")
        latency = measure.unloaded(contender, "rest", stream, short)
        _tell(f"{name}: half the rate, {short:.0f} s")
        half = measure.at_rate(contender, "rest", stream, short, runs["rest"].per_second / 2)
        return Measured(runs["rest"], runs["soap"], latency, percentile(half.answers, 0.99))


_CONTENDERS = {"hub": contenders.hub, "naive": contenders.naive}


def _statements(services: Services, route: str) -> float:
    """SQL statements that the hub takes for one transfer, from its door to its outcome."""
    return sum(spent.statements.total() for spent in steps.walk(services, route, COUNTED).values()) / COUNTED


def _figures(hub: Measured, naive: Measured) -> list[Figure]:
    return [
        Figure("intake.single", hub.rest.per_second, "transfers/s", naive.rest.per_second),
        Figure("delivery.soap", hub.soap.per_second, "transfers/s", naive.soap.per_second),
        Figure("latency.unloaded.p50", hub.latency.p50, "ms", naive.latency.p50),
        Figure("latency.unloaded.p99", hub.latency.p99, "ms", naive.latency.p99),
        Figure("latency.unloaded.answer-p50", hub.latency.answer_p50, "ms", naive.latency.answer_p50),
        Figure("latency.half", hub.half_p99, "ms", naive.half_p99),
        Figure("cpu.rest", hub.rest.cpu, "ms/transfer", naive.rest.cpu),
        Figure("cpu.soap", hub.soap.cpu, "ms/transfer", naive.soap.cpu),
        Figure("memory.pss", max(hub.rest.memory, hub.soap.memory), "MB", max(naive.rest.memory, naive.soap.memory)),
    ]


def _workload(seconds: float) -> str:
    length, fields = size()
    return (
        f"workload: {length:,} bytes, {fields} fields, three offences, two documents by reference, one recipient; "
        f"{measure.CONNECTIONS} connections, runs of {seconds:g} s, backlog held at {measure.WINDOW}"
    )


def _books(name: str, found: Measured) -> str:
    """What was accepted against what arrived, so that no rate is bought with losses."""
    told = []
    for route, run in (("rest", found.rest), ("soap", found.soap)):
        refused = f", refused {run.refused}" if run.refused else ""
        told.append(
            f"{route} accepted {run.accepted:,}, without outcome {run.lost}, repeated {run.doubled}, backlog {run.backlog[0]} to {run.backlog[1]}{refused}"
        )
    return f"{name}: " + "; ".join(told)


def _show(name: str, found: Measured) -> None:
    click.echo(
        f"rest {found.rest}\nsoap {found.soap}\nunloaded {found.latency}\nhalf rate p99 {found.half_p99:.2f} ms\n{_books(name, found)}"
    )


def _tell(what: str) -> None:
    click.echo(what, err=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
