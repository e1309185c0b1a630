"""Fixtures of the connectors' tests on real sockets; what they are made of is in `scripted`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted import Got, MemorySessions, Script, scripted_servers


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Got], Any]], Script]]:
    """Start an HTTP server that answers as the given function says."""
    yield from scripted_servers()


@pytest.fixture
def sessions() -> MemorySessions:
    return MemorySessions()
