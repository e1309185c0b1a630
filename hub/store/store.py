"""The store as the flow sees it: transactions, documents by content, shared sessions."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from hub.ports import Clock, Ids
from hub.store.database import Database
from hub.store.unit import Unit


class Store:
    """Implements `hub.ports.Store` on one database."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self.database = database
        self._clock = clock
        self._ids = ids

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        with self.database.begin() as connection:
            yield Unit(connection, self._clock, self._ids)

    @contextmanager
    def read(self) -> Iterator[Unit]:
        with self.database.read() as connection:
            yield Unit(connection, self._clock, self._ids)


class Documents:
    """Documents by content in a folder: written to the side, synced, then renamed into place, so none is ever half there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:]

    def put(self, content: bytes) -> str:
        """Keep the bytes; returns their hex SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if path.exists():
            return sha256
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            _sync(self._folder)
        handle, side = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(side, path)
        _sync(path.parent)
        return sha256

    def get(self, sha256: str) -> bytes:
        return self._path(sha256).read_bytes()


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SharedSessions:
    """Login tickets, one row for each agency. While one worker logs in, the others wait and then take its ticket.

    The wait is a lock of its own (PostgreSQL: advisory; SQLite: of this process), never an open business transaction:
    a slow login must not hold up the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def current(self, agency: str) -> str | None:
        with self._store.read() as unit:
            return unit.ticket(agency)

    def renew(self, agency: str, stale: str | None, login: Callable[[], str]) -> str:
        with self._locks[agency], self._across_processes(agency):
            held = self.current(agency)
            if held is not None and held != stale:
                return held
            ticket = login()
            with self._store.begin() as unit:
                unit.ticket(agency, lock=True)
                unit.set_ticket(agency, ticket)
            return ticket

    @contextmanager
    def _across_processes(self, agency: str) -> Iterator[None]:
        if self._store.database.is_sqlite:
            yield
            return
        with self._store.database.alone(crc32(f"session:{agency}".encode())):
            yield

    def uploaded(self, agency: str, delivery: str, sha256: str) -> tuple[str, int] | None:
        with self._store.read() as unit:
            return unit.upload_progress(agency, delivery, sha256)

    def note_upload(self, agency: str, delivery: str, sha256: str, upload: str, received: int) -> None:
        with self._store.begin() as unit:
            unit.set_upload_progress(agency, delivery, sha256, upload, received)
