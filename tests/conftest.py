"""Fixtures that several folders of tests share: private services, started when the first test wants them.

`HUB_TEST_WITHOUT_SERVICES=1` skips the tests that need PostgreSQL or RabbitMQ; without it, a service that cannot be had
fails them, so that a green run has tried everything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.services import Postgres, RabbitMQ, ServiceUnavailable

Service = TypeVar("Service")


def _have(start: Callable[[], Service]) -> Service:
    """Start a service, or end the test: skipped where services are switched off, failed where one cannot be had."""
    if os.environ.get("HUB_TEST_WITHOUT_SERVICES") == "1":
        pytest.skip("HUB_TEST_WITHOUT_SERVICES=1: this test needs a private PostgreSQL or RabbitMQ")
    try:
        return start()
    except ServiceUnavailable as unavailable:
        pytest.fail(f"{unavailable}\n(HUB_TEST_WITHOUT_SERVICES=1 skips the tests that need it.)", pytrace=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """This run's PostgreSQL server. Tests that stop or wipe it start it again."""
    with _have(Postgres) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """This run's RabbitMQ node. Tests that stop or wipe it start it again."""
    with _have(RabbitMQ) as node:
        yield node


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh, empty PostgreSQL database, for SQLAlchemy."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def rabbitmq_url(rabbitmq: RabbitMQ) -> Iterator[str]:
    """A fresh RabbitMQ virtual host, where no queue is."""
    host = rabbitmq.create_host()
    yield rabbitmq.url(host)
    rabbitmq.drop_host(host)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'hub.sqlite'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database of each kind that the hub keeps its truth in."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found
