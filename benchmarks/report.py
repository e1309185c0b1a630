"""The figures as `var/bench.json` and as a table, with the machine they are of."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import Services

PACKAGES = ("SQLAlchemy", "psycopg", "pika", "zeep", "connexion", "Flask", "uvicorn", "gunicorn")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `naive` is the reference's own value of the same, from the same run.

    `ratios` are further ones by what the hub is compared with: the hub's value by the other's, as `ratio_…` in the file.
    """

    name: str
    value: float
    unit: str
    naive: float | None = None
    ratios: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio_naive(self) -> float | None:
        """The hub's value by the naive one's: above 1 is more (of a rate: faster; of a latency: slower)."""
        return self.value / self.naive if self.naive else None

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "value": round(self.value, 3), "unit": self.unit}
        ratios = ({} if self.ratio_naive is None else {"naive": self.ratio_naive}) | dict(self.ratios)
        return found | {f"ratio_{name}": round(ratio, 4) for name, ratio in ratios.items()}


def write(figures: Sequence[Figure], path: Path) -> None:
    """The list that tools read. The naive reference's own values follow under `naive.…`."""
    naive = [
        Figure(f"naive.{figure.name}", figure.naive, figure.unit) for figure in figures if figure.naive is not None
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([figure.as_dict() for figure in (*figures, *naive)], indent=1) + "\n", encoding="utf-8")


def print_table(figures: Sequence[Figure], machine: Sequence[str], notes: Sequence[str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("figure")
    for column in ("hub", "naive", "hub / naive"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    for figure in figures:
        ratio = figure.ratio_naive
        others = ", ".join(f"{_told(one)}× {name}" for name, one in figure.ratios.items())
        table.add_row(
            figure.name,
            _told(figure.value),
            _told(figure.naive),
            others if ratio is None else f"{ratio:.2f}×",
            figure.unit,
        )
    console = Console(width=None if os.isatty(1) else 120, highlight=False)
    console.print()
    console.print(table)
    console.print()
    for line in (*machine, *notes):
        console.print(line)


def _told(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def machine(services: Services) -> list[str]:
    """Cores, memory, versions: what a reader needs to place the figures, and no path or name of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    with psycopg.connect(services.postgres.conninfo()) as connection:
        shown = {name: _setting(connection, name) for name in ("server_version", "fsync", "synchronous_commit")}
    rabbitmq = services.rabbitmq.ctl("version").strip()
    return [
        f"machine: {len(os.sched_getaffinity(0))} cores ({_processor()}), {memory:.0f} GB, {platform.system()} {platform.release()}; "
        f"load, recipients and services on the same cores; load average before: {load_average()}",
        f"versions: {platform.python_implementation()} {platform.python_version()}, PostgreSQL {shown['server_version'].split()[0]} "
        f"(fsync {shown['fsync']}, synchronous_commit {shown['synchronous_commit']}), RabbitMQ {rabbitmq}, "
        + ", ".join(f"{package} {version(package)}" for package in PACKAGES),
    ]


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else "?"


def load_average() -> str:
    """Of the last 1, 5 and 15 minutes: how much else the machine had to do."""
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def _processor() -> str:
    if shutil.which("lscpu"):
        told = subprocess.run(
            ["lscpu"], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
        ).stdout
        if found := re.search(r"Model name:\s*(.+)", told):
            return found[1].strip()
    return platform.machine()
