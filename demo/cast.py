"""The simulated agencies of the story: started as processes of their own, found again after the hub was killed."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests

#: Which agency each simulated system belongs to.
SYSTEMS = {
    "prison": "prison.370800",
    "court": "court.370826",
    "police": "police.370826",
    "city": "bureau.370826",
    "rest": "bureau.370828",
}
START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 3.0  # seconds until a system that was asked to stop is made to


class CastFailed(Exception):
    """A simulated system did not start or does not answer."""


@dataclass
class Actor:
    """One running simulated system: its process, its service address, and what the hub presents to it."""

    system: str
    agency: str
    pid: int
    url: str
    port: int
    user: str
    password: str

    @property
    def control(self) -> str:
        return f"http://127.0.0.1:{self.port}/_sim"

    def alive(self) -> bool:
        if not self.port:
            return False  # it was about to start when the run was killed
        with contextlib.suppress(requests.RequestException):
            found = requests.get(f"{self.control}/health", timeout=5).json()
            return bool(found.get("agency") == self.agency)
        return False

    def send(self, text: str, **options: Any) -> dict[str, Any]:
        """Let the system send a record to the hub; `{status, answer, body}` as it read it."""
        answer = requests.post(f"{self.control}/send", json={"text": text, **options}, timeout=60)
        found: dict[str, Any] = answer.json()
        return found

    def fault(self, name: str, **options: Any) -> None:
        requests.post(f"{self.control}/faults", json={"fault": name, **options}, timeout=10).raise_for_status()

    def policy(self, receipt: str, reason: str | None = None) -> None:
        requests.post(
            f"{self.control}/policy", json={"receipt": receipt, "reason": reason}, timeout=10
        ).raise_for_status()

    def journal(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.control}/journal", timeout=10).json()["entries"]
        return found


@dataclass
class State:
    """What the story must know again after a kill. Kept in one file, replaced as a whole."""

    path: Path
    port: int = 0
    actors: dict[str, Actor] = field(default_factory=dict)
    clients: dict[str, dict[str, str]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    cast: bool = False

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        found = {
            "port": self.port,
            "actors": {name: asdict(actor) for name, actor in self.actors.items()},
            "clients": self.clients,
            "steps": self.steps,
            "cast": self.cast,
        }
        side = self.path.with_suffix(".new")
        with os.fdopen(os.open(side, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(found, out, ensure_ascii=False, indent=1)
            out.flush()
            os.fsync(out.fileno())
        os.replace(side, self.path)

    @classmethod
    def found(cls, path: Path) -> State | None:
        if not path.is_file():
            return None
        stored = json.loads(path.read_text(encoding="utf-8"))
        actors = {name: Actor(**actor) for name, actor in stored["actors"].items()}
        return cls(path, stored["port"], actors, stored["clients"], stored["steps"], stored["cast"])


@dataclass(frozen=True)
class Launched:
    """A program that was started and has not said yet that it is ready."""

    system: str
    process: subprocess.Popen[bytes]
    said: Path
    before: int
    user: str
    password: str

    def ready(self) -> Actor:
        """Wait until it listens. Raises `CastFailed` with what it said when it does not."""
        until = time.monotonic() + START_TIMEOUT
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            for line in _lines(self.said, self.before):
                if line.startswith('{"ready"'):
                    ready = json.loads(line)
                    return Actor(
                        self.system,
                        SYSTEMS[self.system],
                        self.process.pid,
                        ready["url"],
                        ready["port"],
                        self.user,
                        self.password,
                    )
            if ended:
                break
            time.sleep(0.02)
        _end([self.process.pid])
        command = shlex.join(str(part) for part in self.process.args[4:6])  # type: ignore[index]
        raise CastFailed(
            f"{self.system}: {command} did not start; see {self.said}:\n{self.said.read_text(errors='replace')[-800:]}"
        )


def launch(
    system: str,
    folder: Path,
    *,
    hub: str,
    user: str,
    password: str,
    hub_user: str,
    hub_password: str,
    command: str | None = None,
    port: int = 0,
) -> Launched:
    """Start one simulated system in a session of its own, so that it outlives the hub.

    It writes its process id down before it becomes the program, so that it is found again even when the hub dies in
    the moment in which it starts it.
    """
    data = folder / system
    data.mkdir(parents=True, exist_ok=True)
    _end(_left_over(data))
    program = shlex.split(command) if command else [sys.executable, "-m", "simulators", system]
    arguments = [
        "--agency",
        SYSTEMS[system],
        "--port",
        str(port),
        "--data",
        str(data),
        "--hub",
        hub,
        "--user",
        user,
        "--password",
        password,
        "--hub-user",
        hub_user,
        "--hub-password",
        hub_password,
    ]
    said = data / "output.log"
    before = said.stat().st_size if said.exists() else 0
    with said.open("ab") as out:
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', str(data / "pid"), *program, *arguments],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=Path(__file__).resolve().parent.parent,
        )
    return Launched(system, process, said, before, user, password)


def _lines(path: Path, start_at: int) -> Iterator[str]:
    with path.open("rb") as found:
        found.seek(start_at)
        for line in found.read().decode(errors="replace").splitlines(keepends=True):
            if line.endswith("\n"):
                yield line.strip()


# ------------------------------------------------------------------ stopping
def stop(folder: Path) -> None:
    """Stop every system that was started on `folder`, by this run or by one that was killed."""
    _end([pid for system in SYSTEMS for pid in _left_over(folder / system)])


def _left_over(data: Path) -> list[int]:
    """The process that runs on a system's folder, if one does. Its id may have been given to somebody else since."""
    try:
        pid = int((data / "pid").read_text())
        started_with = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return []
    return [pid] if str(data).encode() in started_with else []


def _end(pids: Sequence[int]) -> None:
    """End the sessions of these processes: asked first, then made to."""
    left = list(pids)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)
        until = time.monotonic() + STOP_TIMEOUT
        while (left := [pid for pid in left if not _gone(pid)]) and time.monotonic() < until:
            time.sleep(0.02)


def _gone(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
        # what a dead parent left to a first process that never asks for it stays a zombie
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return True
