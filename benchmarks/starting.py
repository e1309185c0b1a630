"""How many seconds `hub serve` takes until `/health/ready` says so: embedded, and on PostgreSQL and RabbitMQ."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.contenders import Services, hub_environment, hub_process

TIMES = 3


def embedded(folder: Path) -> float:
    """The median; each time an empty folder, so that its tables are made too."""
    return statistics.median(
        _start(hub_environment(folder / f"embedded-{n}"), folder / f"embedded-{n}") for n in range(TIMES)
    )


def full(services: Services) -> float:
    """The median on a database and a virtual host that are empty at first."""
    folder = services.folder / "full"
    environment = hub_environment(folder, services.new_database(), services.rabbitmq)
    return statistics.median(_start(environment, folder) for _ in range(TIMES))


def _start(environment: dict[str, str], folder: Path) -> float:
    began = time.perf_counter()
    with hub_process(environment, folder / "log"):
        return time.perf_counter() - began
