"""Simulators and a stand-in for the hub, stopped after each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.simulators.hub_stub import HubStub
from tests.integration.simulators.running import Running

Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(system, agency, *options, password=…)` starts a simulator on its own folder."""
    started: list[Running] = []

    def start_one(system: str, agency: str, *options: str, **settings: str) -> Running:
        started.append(Running(system, agency, tmp_path / f"{system}-{len(started)}", *options, **settings))
        return started[-1]

    yield start_one
    for running in started:
        running.stop()


@pytest.fixture
def hub() -> Iterator[HubStub]:
    stub = HubStub()
    yield stub
    stub.close()
