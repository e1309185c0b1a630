"""Fixtures of the connectors' tests on real sockets; what they are made of is in `scripted`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from scripted import MemorySessions, Script, scripted_servers


@pytest.fixture
def serve() -> Iterator[Callable[..., Script]]:
    """Start an HTTP server that answers as the given function says."""
    yield from scripted_servers()


@pytest.fixture
def sessions() -> MemorySessions:
    return MemorySessions()
