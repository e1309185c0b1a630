"""One county for all tests that can share it: each uses persons, cases and keys of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.county import County, until
from tests.foreign.conftest import foreign_stacks

__all__ = ["foreign_stacks"]


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """A running hub with the five simulated systems, on SQLite and the embedded broker."""
    folder: Path = tmp_path_factory.mktemp("county")
    running = County(folder, HUB_BUSINESS_TIME="2021-03-15T09:20:00+08:00")
    yield running
    running.close()


@pytest.fixture
def calm(county: County) -> Iterator[County]:
    """The shared county with no fault armed and nothing under way that could meet one, before and after."""

    def clear() -> None:
        for program in county.systems.values():
            program.control("DELETE", "faults")
        county.systems["rest"].control("POST", "policy", {"receipt": "accept", "reason": None})
        until(
            "nothing is under way",
            lambda: (
                county.rows(
                    "SELECT count(*) FROM delivery WHERE status IN ('ready', 'released', 'attempting', 'submitted')"
                )
                == [(0,)]
            ),
        )

    clear()
    yield county
    clear()
