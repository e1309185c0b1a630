"""A simulated system as a process: started, asked, killed, started again on the same journal."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(__file__).parent / "samples"

USER, PASSWORD = "hub-370826", "p@ss<1>&密"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


class Running:
    """`python -m simulators system …` on a free port, with its control addresses as methods."""

    def __init__(self, system: str, agency: str, data: Path, *options: str, password: str = PASSWORD) -> None:
        self._command = [
            sys.executable,
            "-m",
            "simulators",
            system,
            "--agency",
            agency,
            "--data",
            str(data),
            "--user",
            USER,
            "--password",
            password,
            *options,
        ]
        self.data = data
        self.session = requests.Session()
        self.session.trust_env = False
        self._start("0")

    def _start(self, port: str) -> None:
        self._process = subprocess.Popen(
            [*self._command, "--port", port], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(timeout=30), "the simulator said nothing in 30 seconds"
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.communicate()[1].decode())
        ready = json.loads(line)
        assert ready["ready"] is True
        self.url, self.port = ready["url"], ready["port"]
        self.base = f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.communicate()

    def start_again(self) -> None:
        """On the same port and journal."""
        self._start(str(self.port))

    def stop(self) -> None:
        self.session.close()
        if self._process.poll() is None:
            self._process.terminate()
        errors = self._process.communicate(timeout=30)[1].decode()
        assert "Traceback" not in errors, errors

    # ------------------------------------------------------------ the service
    def post(self, content: bytes | str, headers: dict[str, str], timeout: float = 30) -> requests.Response:
        content = content.encode() if isinstance(content, str) else content
        return self.session.post(self.url, data=content, headers=headers, timeout=timeout)

    # ------------------------------------------------------------ control
    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.base}/_sim/{path}", json=body, timeout=60)
        assert answer.headers["Content-Type"].startswith("application/json")
        return answer.json()

    def arm(self, fault: str, times: int = 1, **options: Any) -> None:
        armed = self.control("POST", "faults", {"fault": fault, "times": times, **options})
        assert "armed" in armed, armed

    @property
    def journal(self) -> list[dict[str, Any]]:
        return list(self.control("GET", "journal")["entries"])

    @property
    def last(self) -> dict[str, Any]:
        return self.journal[-1]

    @property
    def outcomes(self) -> list[str]:
        return [entry["outcome"] for entry in self.journal]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Ask until the condition holds and give what it gave; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = 0.01
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(pause)
        pause = min(pause * 2, 0.2)
    raise AssertionError(f"not in {seconds} seconds: {what}")
