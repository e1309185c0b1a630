"""Starts a legacy system, foreign or simulated, and speaks to its control addresses; records what a client sends.

`foreign_command(system)` is all that a test needs which wants a foreign system in a simulator's place.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOREIGN = ("prison", "court", "police", "city")
#: Seconds until a program must say that it is ready, and until an answer must have come.
PATIENCE = 30


def foreign_command(system: str) -> list[str]:
    """The command line that starts a system on its foreign stack, up to its options (`--agency`, `--port`, `--data` …).

    The options are those of `python -m simulators <system>`. Raises KeyError for a system that has no foreign twin.
    """
    if system == "prison":
        return ["php", str(HERE / "php" / "prison.php"), system]
    if system in FOREIGN:
        return ["node", str(HERE / "node" / "agency.js"), system]
    raise KeyError(system)


def simulator_command(system: str) -> list[str]:
    """The same for the simulator in Python."""
    return [sys.executable, "-m", "simulators", system]


class Program:
    """A running system. `url` is its service's address, `base` the address without path."""

    def __init__(self, command: Sequence[str], agency: str, data: Path, *, port: int = 0, **options: str) -> None:
        self.command, self.agency, self.data, self.options = list(command), agency, data, options
        self.session = requests.Session()
        self.session.trust_env = False
        self.start(port)

    def start(self, port: int = 0) -> None:
        """Start it and wait until it listens. Raises RuntimeError with what it said when it does not."""
        arguments = ["--agency", self.agency, "--port", str(port), "--data", str(self.data)]
        for name, value in self.options.items():
            for one in value.split() if name == "set" else [value]:
                arguments += [f"--{name.replace('_', '-')}", one]
        self.data.mkdir(parents=True, exist_ok=True)
        self.errors = self.data / "stderr.txt"
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.command, *arguments], stdout=subprocess.PIPE, stderr=errors, cwd=ROOT
            )
        alarm = threading.Timer(PATIENCE, self.process.kill)
        alarm.start()
        try:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
        finally:
            alarm.cancel()
        if not line:
            self.process.wait()
            raise RuntimeError(f"{self.command} ended with {self.process.returncode}: {self.errors.read_text()}")
        ready = json.loads(line)
        assert ready["ready"] is True
        self.url, self.port = str(ready["url"]), int(ready["port"])
        self.base = f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)
        self.session.close()

    def _end(self, by: signal.Signals) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, by)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def control(self, method: str, what: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.base}/_sim/{what}", json=body, timeout=PATIENCE)
        return answer.json()

    def journal(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", "journal")["entries"]
        return entries

    def arm(self, fault: str, **options: Any) -> None:
        answer = self.control("POST", "faults", {"fault": fault, **options})
        assert "error" not in answer, answer

    def send(self, text: str, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.control("POST", "send", {"text": text, **options})
        return answer


@dataclass(frozen=True)
class Recorded:
    """A request as it came over the wire."""

    line: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)


class HubStand:
    """Stands where the hub would: records what comes to `/soap/<agency>` and answers what a test says."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.answer: Callable[[Recorded], tuple[int, str, bytes]] = lambda _: (500, "text/plain", b"nothing to say")
        stand = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                recorded = Recorded(self.requestline, list(self.headers.items()), body)
                stand.requests.append(recorded)
                status, media_type, content = stand.answer(recorded)
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet: the test looks at what was recorded."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def forward_to(self, url: str) -> None:
        """Answer what the service at `url` answers to the same bytes: a client against a server, and both recorded."""

        def forwarded(recorded: Recorded) -> tuple[int, str, bytes]:
            kept = {name: value for name, value in recorded.headers if name.lower() in ("content-type", "soapaction")}
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(url, data=recorded.body, headers=kept, timeout=PATIENCE)
            return answer.status_code, answer.headers["Content-Type"], answer.content

        self.answer = forwarded

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
