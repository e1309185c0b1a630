"""How long it takes to compile the dialects, and to read and write one record in them. In this process, without a hub."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Figure
from hub import configuration, translation
from hub.translation import Book, Context

MAPPINGS = Path(__file__).resolve().parent.parent / "mappings"
NOW = datetime(2021, 3, 15, 1, 20, tzinfo=UTC)
ROUNDS = 5


def figures(seconds: float) -> list[Figure]:
    """Compiling all dialects, and reading and writing samples; about `seconds` each."""
    return [
        Figure(name, value, "ms" if name == "translate.compile" else "µs") for name, value in _values(seconds).items()
    ]


def _values(seconds: float) -> dict[str, float]:
    """`translate.compile` in milliseconds, the others in microseconds a message."""
    agencies = configuration.load(MAPPINGS).agencies
    began = time.perf_counter()
    book = translation.load(MAPPINGS, agencies)
    found = {"translate.compile": (time.perf_counter() - began) * 1e3}
    handover = _sample("prison", "request-JSJZ.xml")
    notice = _sample("court", "SubmitExecution-request.xml")
    found["translate.read.prison"] = microseconds(
        lambda: book["prison"].read("sendData", {"ywlx": "JSJZ"}, handover, "prison.370800"), seconds
    )
    found["translate.read.court"] = microseconds(
        lambda: book["court"].read("SubmitExecution", {}, notice, "court.370826"), seconds
    )
    for name, dialect, message in (
        ("prison", "city", _read(book, "prison", "sendData", {"ywlx": "JSJZ"}, handover, "prison.370800")),
        ("court", "police", _read(book, "court", "SubmitExecution", {}, notice, "court.370826")),
    ):
        exchange, record, sender = message
        context = Context(
            "bench-1", NOW, sender, "bureau.370826" if dialect == "city" else "police.370826", agencies, NOW
        )
        found[f"translate.write.{name}-to-{dialect}"] = microseconds(
            lambda dialect=dialect, exchange=exchange, record=record, context=context: book[dialect].write(
                exchange, record, context
            ),
            seconds,
        )
    return found


def microseconds(work: Callable[[], object], seconds: float) -> float:
    """The median of several rounds."""
    work()
    began = time.perf_counter()
    work()
    times = max(1, int(seconds / ROUNDS / (time.perf_counter() - began)))
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - began) / times * 1e6)
    return statistics.median(rounds)


def _sample(dialect: str, name: str) -> bytes:
    return (MAPPINGS / "dialects" / dialect / "samples" / name).read_bytes()


def _read(
    book: Book, dialect: str, operation: str, parts: dict[str, str], payload: bytes, sender: str
) -> tuple[str, dict[str, object], str]:
    """The first record of a sample."""
    message = book[dialect].read(operation, parts, payload, sender)
    record = message.items[0].record
    assert message.exchange
    assert record
    return message.exchange, record, sender
