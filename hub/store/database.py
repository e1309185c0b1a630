"""Opens the database and gives transactions on it: many writers on PostgreSQL, one at a time on SQLite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from hub.store.tables import metadata


class Database:
    """One database. `begin()` is a read-write transaction, `read()` a read-only look.

    SQLite runs in WAL with `synchronous=FULL`: what was committed survives a power cut. A writer begins with
    `BEGIN IMMEDIATE` (a deferred one that turns writer fails with "database is locked"), and the threads of one process
    wait for each other outside the database, where waiting has no deadline.
    """

    def __init__(self, url: str, schema: str | None = None) -> None:
        self.url = _driver(url)
        self.is_sqlite = make_url(self.url).get_backend_name() == "sqlite"
        self._writer = threading.Lock() if self.is_sqlite else None
        self.engine = self._open(schema)

    def _open(self, schema: str | None) -> Engine:
        if self.is_sqlite:
            path = make_url(self.url).database
            if path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(self.url, connect_args={"timeout": 30, "check_same_thread": False})
            event.listen(engine, "connect", _sqlite_settings)
            event.listen(engine, "begin", _sqlite_begin)
            return engine
        options = {"options": f"-c search_path={schema}"} if schema else {}
        self._beside = create_engine(self.url, connect_args=options, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        return create_engine(self.url, connect_args=options, pool_size=10, max_overflow=20, pool_pre_ping=True)

    def create(self) -> None:
        """Make the tables that are missing. Several processes may do it at once."""
        with self.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7205759403792793)")
            metadata.create_all(connection)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with self._writer or nullcontext(), self.engine.connect() as connection:
            connection = connection.execution_options(santong_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def alone(self, key: int) -> Iterator[None]:
        """Hold an advisory lock of PostgreSQL, on a connection of its own beside the pool: whoever waits for the lock must
        not keep a connection from the one who has it. No transaction is open meanwhile."""
        with self._beside.connect() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (key,))
            try:
                yield
            finally:
                connection.exec_driver_sql("SELECT pg_advisory_unlock(%s)", (key,))

    def close(self) -> None:
        self.engine.dispose()


def _driver(url: str) -> str:
    """`postgresql://…` and `postgres://…` mean psycopg 3 here."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url[len(prefix) :]
    return url


def _sqlite_settings(connection: object, _record: object) -> None:
    # The driver must not begin transactions by itself: `_sqlite_begin` does, with the right lock.
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("santong_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
