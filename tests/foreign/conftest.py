"""Fixtures that start the foreign systems, each on a port of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.foreign import stacks
from tests.foreign.stacks import HERE, HubStand, Program

Start = Callable[..., Program]


@pytest.fixture(scope="session")
def foreign_stacks() -> None:
    """PHP and npm's soap are installed, or the test ends: skipped where services are switched off, failed elsewhere."""
    if os.environ.get("HUB_TEST_WITHOUT_SERVICES") == "1":
        pytest.skip("HUB_TEST_WITHOUT_SERVICES=1: this test needs PHP and Node.js SOAP stacks")
    done = subprocess.run([HERE / "install.sh"], capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{done.stderr}\n(HUB_TEST_WITHOUT_SERVICES=1 skips the tests that need it.)", pytrace=False)


@pytest.fixture(scope="session")
def foreign_command(foreign_stacks: None) -> Callable[[str], list[str]]:
    """The command line that starts a system on its foreign stack, up to its options."""
    return stacks.foreign_command


@pytest.fixture
def start(foreign_command: Callable[[str], list[str]], tmp_path: Path) -> Iterator[Start]:
    """Starts a foreign system (`simulated=True`: its twin in Python) with credentials `hub`/`通行证` for its callers."""
    running: list[Program] = []

    def started(system: str, agency: str, *, simulated: bool = False, **options: str) -> Program:
        command = stacks.simulator_command(system) if simulated else foreign_command(system)
        data = tmp_path / f"{agency}-{len(running)}"
        program = Program(command, agency, data, **{"user": "hub", "password": "通行证", **options})
        running.append(program)
        return program

    yield started
    for program in running:
        program.stop()


@pytest.fixture
def hub_stand() -> Iterator[HubStand]:
    stand = HubStand()
    yield stand
    stand.close()
