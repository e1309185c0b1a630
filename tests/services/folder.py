"""The folder of one private service: made for it, watched by a guard, and swept with its processes at the end."""

from __future__ import annotations

import os
import random
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from tests.services.guard import MARK, sweep

PREFIX = "hub-test-services-"

#: Fixed ports are taken from below the range that the kernel hands to outgoing connections (32768 and up), so that
#: nobody gets a service's port while it is being restarted.
PORTS = range(10_000, 32_000)


class ServiceUnavailable(RuntimeError):
    """A service that a test needs cannot be had on this machine; says why and what would help."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now and which no outgoing connection will take."""
    chosen = random.SystemRandom()
    for _ in range(200):
        port = chosen.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServiceUnavailable(f"no free port found between {PORTS.start} and {PORTS.stop}")


def temporary_root() -> Path:
    """Where folders are made: the system's temporary directory if every user can pass through it (PostgreSQL refuses
    to run as root, so another user has to), else the usual one."""
    for candidate in (Path(tempfile.gettempdir()).resolve(), Path("/var/tmp"), Path("/tmp")):
        parents = (candidate, *candidate.parents)
        if all(parent.stat().st_mode & stat.S_IXOTH for parent in parents) and os.access(candidate, os.W_OK):
            return candidate
    return Path(tempfile.gettempdir())


def sweep_leftovers() -> None:
    """Remove what runs left behind that died together with their guard (a machine's power cut, a container's stop)."""
    for folder in temporary_root().glob(PREFIX + "*"):
        try:
            if folder.stat().st_uid != os.getuid():
                continue
            pid, born = (folder / "owner").read_text().split()
        except (OSError, ValueError):
            continue  # of another run that is just making or removing it
        try:
            alive = f"{psutil.Process(int(pid)).create_time():.2f}" == born
        except psutil.NoSuchProcess:
            alive = False
        if not alive:
            sweep(folder)


class ServiceFolder:
    """A folder for one service under a temporary root. `close()` (or the death of this process) ends and removes all.

    Start the service's processes with `environment()`; that is how they are found again.
    """

    def __init__(self, name: str) -> None:
        sweep_leftovers()
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{name}-", dir=temporary_root()))
        self.path.chmod(0o711)
        (self.path / "owner").write_text(f"{os.getpid()} {psutil.Process().create_time():.2f}")
        self._guard = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("guard.py"), self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def environment(self, **more: str) -> dict[str, str]:
        """The environment for a process of this service: this one's without any setting of PostgreSQL or RabbitMQ."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "RABBITMQ_", "ERL_"))}
        return {**kept, MARK: str(self.path), **more}

    def close(self) -> None:
        """End every process of the service and remove the folder. Takes about a tenth of a second."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()
        self._guard.wait(timeout=60)


def last_lines(file: Path, number: int = 20) -> str:
    """The end of a service's log, for the sentence that says why it did not start."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return "(it wrote no log)"
    return "\n".join(lines[-number:])
