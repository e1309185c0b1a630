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
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests

#: Which agency each simulated system belongs to.
SYSTEMS = {"prison": "prison.370800", "court": "court.370826", "police": "police.370826", "city": "bureau.370826", "rest": "bureau.370828"}
START_TIMEOUT = 30.0  # seconds


class CastFailed(Exception):
    """A simulated system did not start or does not answer."""


@dataclass
class Actor:
    """One running simulated system: its process, its service address, and what both sides present to each other."""

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
        requests.post(f"{self.control}/policy", json={"receipt": receipt, "reason": reason}, timeout=10).raise_for_status()

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
        found = {"port": self.port, "actors": {name: asdict(actor) for name, actor in self.actors.items()}, "clients": self.clients,
                 "steps": self.steps, "cast": self.cast}
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


def start(system: str, folder: Path, *, hub: str, user: str, password: str, hub_user: str, hub_password: str,
          command: str | None = None, port: int = 0) -> Actor:
    """Start one simulated system in a session of its own, so that it outlives the hub. Raises `CastFailed`."""
    agency = SYSTEMS[system]
    data = folder / system
    data.mkdir(parents=True, exist_ok=True)
    program = shlex.split(command) if command else [sys.executable, "-m", "simulators", system]
    arguments = ["--agency", agency, "--port", str(port), "--data", str(data), "--hub", hub, "--user", user, "--password", password,
                 "--hub-user", hub_user, "--hub-password", hub_password]
    said = data / "output.log"
    before = said.stat().st_size if said.exists() else 0
    with said.open("ab") as out:
        process = subprocess.Popen([*program, *arguments], stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                                   cwd=Path(__file__).resolve().parent.parent)
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until:
        for line in _lines(said, before):
            if line.startswith('{"ready"'):
                ready = json.loads(line)
                return Actor(system, agency, process.pid, ready["url"], ready["port"], user, password)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    stop_process(process.pid)
    raise CastFailed(f"{system}: {' '.join(program)} did not start; see {said}:\n{said.read_text(errors='replace')[-800:]}")


def _lines(path: Path, start_at: int) -> Iterator[str]:
    with path.open("rb") as found:
        found.seek(start_at)
        for line in found.read().decode(errors="replace").splitlines(keepends=True):
            if line.endswith("\n"):
                yield line.strip()


def stop(actors: Mapping[str, Actor]) -> None:
    """Stop those of the systems that are still ours: a process id may have been given to somebody else since."""
    for actor in actors.values():
        if actor.alive():
            stop_process(actor.pid)


def stop_process(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
        for _ in range(60):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
