"""What it takes to write one record of 40 fields: the hub's compiled mapping beside code by hand and beside JSONata.

All three are asked for the same records in turn, round by round, so that whatever else the machine does hits them alike.
"""

from __future__ import annotations

import gc
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from lxml import etree

from benchmarks import workload
from benchmarks.registry import hand
from benchmarks.report import Figure, write
from hub import translation
from hub.domain.agencies import Agencies
from hub.translation import Context, codelists

HERE = Path(__file__).resolve().parent / "registry"
CODE_LISTS = HERE.parent.parent / "mappings" / "codelists"
RECORDS = 40
AGENCIES = Agencies([], {})
CONTEXT = Context(
    "bench-1",
    datetime(2021, 3, 15, 1, 20, tzinfo=UTC),
    "court.370826",
    "registry",
    AGENCIES,
    datetime(2021, 3, 15, tzinfo=UTC),
)
SAID = {"message_id": "bench-1", "sent_at": "2021-03-15T09:20:00+08:00", "sender": "court.370826"}

Write = Callable[[Mapping[str, Any]], bytes]


@dataclass(frozen=True, slots=True)
class Compared:
    """Microseconds a record, medians of the rounds; `ratio_…` is the hub's time by the other's, median of the rounds."""

    hub: float
    hand: float
    jsonata: float
    ratio_hand: float
    ratio_jsonata: float
    fields: int
    texts: int
    bytes: int


def figures(seconds: float) -> list[Figure]:
    """`translate.record` with its ratios; at least a few seconds, because JSONata takes long for one round."""
    return [_figure(compare(max(3.0, 3 * seconds)))]


def _figure(found: Compared) -> Figure:
    return Figure(
        "translate.record", found.hub, "µs", ratios={"hand": found.ratio_hand, "jsonata": found.ratio_jsonata}
    )


def records() -> list[dict[str, Any]]:
    """Records of the load that the whole hub is measured with, each of another person, with former names."""
    found = []
    for number in range(RECORDS):
        record = workload.record(number, "370828")
        record["person"]["former_names"] = ["马丽", f"阿不都{number}"]
        record["documents"] = workload.body(number, "370828")["documents"]
        found.append(record)
    return found


def by_hub() -> Write:
    """The dialect of the registry, loaded as every dialect is."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        shutil.copytree(CODE_LISTS, Path(folder) / "codelists")
        shutil.copytree(HERE, Path(folder) / "dialects" / "registry")
        dialect = translation.load(Path(folder), AGENCIES)["registry"]
    return lambda record: dialect.write("admission.documents", record, CONTEXT).payload


def tables() -> dict[str, dict[str, str]]:
    """What is written for each code, for those who have no code lists."""
    lists, _ = codelists.load(CODE_LISTS, "codelists")
    found = {name: {code: code for code in lists[name].names} for name in ("GB/T 2261.1", "GB/T 4658", "GB/T 2261.2")}
    found["GB/T 3304"] = dict(lists["GB/T 3304"].names)
    for name in ("penalty-kinds", "police-correction-categories"):
        found[name] = dict(lists[name].reverse)
    return found


def by_hand() -> Write:
    known = tables()
    return lambda record: hand.write(record, SAID, known)


def by_jsonata() -> Write:
    """jsonata-python, its expression parsed once. Raises ImportError where it is not installed."""
    from jsonata.jsonata import Jsonata

    expression = Jsonata((HERE / "registry.jsonata").read_text(encoding="utf-8"))
    bound = {"context": SAID, "tables": tables()}
    return lambda record: str(expression.evaluate(record, bound)).encode()


def compare(seconds: float) -> Compared:
    """Measures for about `seconds`. Raises `AssertionError` where the three do not write the same."""
    writers, asked = {"hub": by_hub(), "hand": by_hand(), "jsonata": by_jsonata()}, records()
    payloads = [{name: writer(record) for name, writer in writers.items()} for record in asked]
    for written in payloads:
        assert written["hub"] == written["hand"] == written["jsonata"], "the three do not write the same"
    rounds: list[dict[str, float]] = []
    gc.collect()
    until = time.perf_counter() + seconds
    while len(rounds) < 5 or time.perf_counter() < until:
        rounds.append(
            {name: _microseconds(writer, asked, 1 if name == "jsonata" else 10) for name, writer in writers.items()}
        )
    fields, texts = counted(payloads[0]["hub"])
    return Compared(
        **{name: statistics.median(one[name] for one in rounds) for name in writers},
        ratio_hand=statistics.median(one["hub"] / one["hand"] for one in rounds),
        ratio_jsonata=statistics.median(one["hub"] / one["jsonata"] for one in rounds),
        fields=fields,
        texts=texts,
        bytes=len(payloads[0]["hub"]),
    )


def _microseconds(writer: Write, asked: Sequence[Mapping[str, Any]], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        for record in asked:
            writer(record)
    return (time.perf_counter() - began) / times / len(asked) * 1e6


def counted(payload: bytes) -> tuple[int, int]:
    """Distinct fields of a written record, and the texts that stand in them."""
    fields: list[str] = []
    for element in etree.fromstring(payload).iter("*"):
        names = [etree.QName(one).localname for one in (element, *element.iterancestors())]
        path = "/".join(reversed(names))
        fields += [path] if element.text else []
        fields += [f"{path}/@{name}" for name in element.attrib]
    return len(set(fields)), len(fields)


@click.command()
@click.option("--seconds", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="about how long")
@click.option("--out", type=click.Path(path_type=Path), help="write the figure there, in the form of var/bench.json")
def main(seconds: float, out: Path | None) -> None:
    """Measure `translate.record` alone."""
    found = compare(seconds)
    click.echo(
        f"a record of {found.fields} fields, {found.texts} texts, {found.bytes} bytes: hub {found.hub:.1f} µs, "
        f"by hand {found.hand:.1f} µs, jsonata-python {found.jsonata:.0f} µs\n"
        f"hub / hand {found.ratio_hand:.2f}, hub / jsonata {found.ratio_jsonata:.4f} (1/{1 / found.ratio_jsonata:.0f})"
    )
    if out:
        write([_figure(found)], out)


if __name__ == "__main__":
    main()
