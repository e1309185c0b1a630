"""A private PostgreSQL server: its own data, its own port, a fresh database for each test."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from psycopg import sql

from tests.services.folder import ServiceFolder, ServiceUnavailable, free_port, last_lines
from tests.services.guard import family
from tests.services.guard import kill as kill_all

#: Seconds that a start may take on a busy machine; 0.5 s is usual.
START_DEADLINE = 60.0


def programs() -> Path:
    """The folder of the newest installed server's programs (`initdb`, `postgres`)."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda initdb: [int(part) for part in initdb.parts[-3].split(".") if part.isdigit()],
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise ServiceUnavailable(
        "PostgreSQL is not installed: no initdb under /usr/lib/postgresql or in PATH. "
        "`deploy/install-test-services.sh` installs it."
    )


def account() -> dict[str, Any]:
    """As whom the server runs, as arguments for `subprocess`: oneself, or the user postgres when oneself is root."""
    if os.getuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise ServiceUnavailable(
            "PostgreSQL refuses to run as root, and there is no user postgres to run it as."
        ) from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """A server that runs from `with Postgres() as server:` until the block ends or the process dies.

    It syncs to disk as a real one does (`fsync` on), so that what a test kills it with is what would be survived.
    """

    def __init__(self) -> None:
        self._programs = programs()
        self._account = account()
        self._folder = ServiceFolder("postgres")
        self._data = self._folder.path / "data"
        self._log = self._folder.path / "log"
        self._password = secrets.token_hex(12)
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._templates: set[str] = set()
        try:
            self._create()
            self.start()
        except BaseException:
            self._folder.close()
            raise

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # ------------------------------------------------------------ databases
    def url(self, database: str = "postgres") -> str:
        """A database's address as SQLAlchemy wants it (psycopg 3)."""
        return f"postgresql+psycopg://postgres:{self._password}@127.0.0.1:{self._port}/{database}"

    def conninfo(self, database: str = "postgres") -> str:
        """A database's address as psycopg and psql want it."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/{database}"

    def create_database(self, template: str = "template1") -> str:
        """Make a fresh database, a copy of `template`, and return its name. A server that a test left stopped is
        started first."""
        self.start()
        name = f"hub_{secrets.token_hex(6)}"
        self._administer(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database and whoever is still connected to it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, name: str, prepare: Callable[[str], None]) -> str:
        """A database to copy from, made once in a run: `prepare(url)` puts the tables in and lets go of it."""
        if name not in self._templates:
            self._administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            prepare(self.url(name))
            self._templates.add(name)
        return name

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(statement)

    # ------------------------------------------------------------ faults
    @property
    def folder(self) -> Path:
        """Where everything of it lies; its processes carry this path in their environment."""
        return self._folder.path

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Start on the same data and port, and wait until it answers. Does nothing to a server that runs."""
        if self.running:
            return
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self._data),
                    *("-p", str(self._port)),
                    *("-c", "listen_addresses=127.0.0.1"),
                    *("-c", "unix_socket_directories="),
                    *("-c", "max_connections=200"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder.path,
                env=self._folder.environment(LC_ALL="C.UTF-8"),
                start_new_session=True,
                **self._account,
            )
        self._wait_until_it_answers(self._server)

    def stop(self) -> None:
        """Stop in order, as an administrator does: open transactions are rolled back, connections closed."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(timeout=60)
            self._server = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill the server and all its backends at once, like a power cut. `start()` recovers from its log."""
        if self._server is not None:
            kill_all(family(self._server.pid))
            self._server.wait(timeout=60)
            self._server = None

    def wipe(self) -> None:
        """Lose everything: an empty server stands at the same address."""
        self.kill()
        shutil.rmtree(self._data)
        self._templates.clear()
        self._create()
        self.start()

    def close(self) -> None:
        """Stop and remove; its data are worth nothing."""
        self.kill()
        self._folder.close()

    # ------------------------------------------------------------ inside
    def _create(self) -> None:
        self._data.mkdir(mode=0o700)
        secret = self._folder.path / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        if self._account:
            for path in (self._data, secret):
                os.chown(path, self._account["user"], self._account["group"])
        done = subprocess.run(
            [
                *(self._programs / "initdb", "--no-sync", "-D", self._data, "-U", "postgres", "-E", "UTF8"),
                *("--locale=C.UTF-8", "-A", "scram-sha-256", f"--pwfile={secret}"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=self._folder.path,
            env=self._folder.environment(),
            check=False,
            **self._account,
        )
        secret.unlink()
        if done.returncode:
            raise ServiceUnavailable(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")

    def _wait_until_it_answers(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while True:
            try:
                psycopg.connect(self.conninfo(), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if server.poll() is not None:
                    raise ServiceUnavailable(f"PostgreSQL did not start:\n{last_lines(self._log)}") from error
                if time.monotonic() > deadline:
                    raise ServiceUnavailable(
                        f"PostgreSQL did not answer within {START_DEADLINE:.0f} s ({error}):\n{last_lines(self._log)}"
                    ) from error
                time.sleep(0.02)
            else:
                return
