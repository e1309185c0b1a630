"""The product's own dialects on a hub that is not running, at a clock that a test moves, on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hub.api.bundle import record_schema
from hub.domain.agencies import Agencies
from hub.domain.mapping_versions import DRAFTED, VersionState
from hub.flow.parts import Hub
from hub.translation.release import Release
from hub.workshop.trial import trial
from tests.flow_hub import MAPPINGS, StoppedClock, make_hub

#: Generated records for each law: what the laws find is tried where they are.
FEW = 3


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@contextmanager
def county_hub(folder: Path, store_url: str, clock: StoppedClock) -> Iterator[Hub]:
    made = make_hub(folder, store_url, MAPPINGS, clock=clock)
    try:
        made.dialects.register_files()
        made.governance = replace(made.governance, check_release=trial(*tried(made), FEW))
        yield made
    finally:
        made.broker.close()
        made.database.close()


@pytest.fixture
def hub(tmp_path: Path, store_url: str, clock: StoppedClock) -> Iterator[Hub]:
    with county_hub(tmp_path, store_url, clock) as made:
        yield made


@pytest.fixture
def sqlite_hub(tmp_path: Path, sqlite_url: str, clock: StoppedClock) -> Iterator[Hub]:
    with county_hub(tmp_path, sqlite_url, clock) as made:
        yield made


def tried(hub: Hub) -> tuple[Path, Agencies, tuple[str, ...], Callable[[], Mapping[str, Any]]]:
    """What a trial of a release needs of a hub."""
    schemas = {name: record_schema(name) for name in hub.catalogue.exchanges}
    return hub.settings.config_dir, hub.agencies, tuple(hub.places), lambda: schemas


def changed(hub: Hub, dialect: str, note: str, before: bytes = b"", after: bytes = b"") -> Release:
    """The release of a dialect's files with a comment more in dialect.yaml, and one text in any of its files replaced."""
    release = hub.dialects.release_of_files(dialect)
    assert release is not None
    files = {path: content.replace(before, after) if before else content for path, content in release.files.items()}
    assert not before or files != dict(release.files)
    path = f"dialects/{dialect}/dialect.yaml"
    return Release.of(dialect, {**files, path: files[path] + f"# {note}\n".encode()})


@pytest.fixture
def put_in_force(hub: Hub, clock: StoppedClock) -> Callable[..., str]:
    """Writes a release and its activation into the store, as another process would; returns the version's id."""

    def put(release: Release, since: datetime | None = None) -> str:
        hub.mappings.keep(release.dialect, release.hash, release.packed(), [])
        with hub.mappings.begin(release.dialect) as step:
            version = step.add_version(origin=DRAFTED, state=VersionState.ACTIVE, release=release.hash, by="li")
            step.activate(version.id, release.hash, since or clock.technical(), "activation", "wang", None)
        return version.id

    return put
