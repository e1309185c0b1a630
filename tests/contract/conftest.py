"""A hub that runs as a process of its own, on SQLite and the embedded broker, and what agencies need to talk to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
HUB = Path(sys.executable).parent / "hub"

#: A day on which the sample cases are in force and nobody is late.
BUSINESS_TIME = "2021-03-15T09:20:00+08:00"
#: What stands before a person's name where an agency could be meant.
PERSON = "person:"
ADMINISTRATOR = "administrator"
#: Small enough that a test of the limit is quick.
MAX_BODY = 1024 * 1024


@dataclass
class RunningHub:
    """`hub serve` as administrators start it, with every answer held to the contract."""

    url: str
    environment: dict[str, str]
    process: subprocess.Popen[str]
    log: Path
    _credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def credential(self, agency: str) -> dict[str, str]:
        """What `hub agency credential` issues, once for each agency of a run."""
        if agency not in self._credentials:
            done = subprocess.run(
                [HUB, "agency", "credential", agency, "--json"],
                env=self.environment,
                capture_output=True,
                text=True,
                check=True,
            )
            self._credentials[agency] = json.loads(done.stdout)
        return self._credentials[agency]

    def operator(self, name: str) -> dict[str, str]:
        """A person of the role that the name says, or (`administrator`) of every role; added by the first one."""
        key = f"{PERSON}{name}"
        if key not in self._credentials:
            first = name == ADMINISTRATOR
            roles = (ADMINISTRATOR, "mapping-editor", "approver") if first else (name,)
            known = (
                {}
                if first
                else {
                    "HUB_OPERATOR": ADMINISTRATOR,
                    "HUB_OPERATOR_SECRET": self.operator(ADMINISTRATOR)["client_secret"],
                }
            )
            done = subprocess.run(
                [HUB, "operator", "add", name, *(part for role in roles for part in ("--role", role)), "--json"],
                env={**self.environment, **known},
                capture_output=True,
                text=True,
                check=True,
            )
            added = json.loads(done.stdout)
            self._credentials[key] = {"client_id": added["client_id"], "client_secret": added["secret"]}
        return self._credentials[key]

    def token(self, agency: str) -> str:
        """The token of an agency, or of a person (`person:<role>`)."""
        if agency not in self._tokens:
            issued = (
                self.operator(agency.removeprefix(PERSON)) if agency.startswith(PERSON) else self.credential(agency)
            )
            form = {
                "grant_type": "client_credentials",
                "client_id": issued["client_id"],
                "client_secret": issued["client_secret"],
            }
            answer = requests.post(f"{self.url}/oauth/token", data=form, timeout=30)
            assert answer.status_code == 200, answer.text
            self._tokens[agency] = answer.json()["access_token"]
        return self._tokens[agency]

    def wait_for(self, agency: str, path: str, ready: Callable[[Any], Any], seconds: float = 30) -> Any:
        """Ask again until the answer is as wanted; returns what `ready` made of it. Deliveries take their own time."""
        end = time.monotonic() + seconds
        while not (found := ready(answer := self.call(agency, "GET", path).json())):
            assert time.monotonic() < end, f"{path} is still {answer}\n{self.log.read_text()[-4000:]}"
            threading.Event().wait(0.05)
        return found

    def call(
        self, agency: str | None, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """One request as an agency (None: without a token)."""
        sent = dict(headers or {})
        if agency is not None:
            sent["Authorization"] = f"Bearer {self.token(agency)}"
        return requests.request(method, self.url + path, headers=sent, timeout=30, **more)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _mappings_without_neighbours(folder: Path) -> Path:
    """The demo county, its legacy systems out of reach: a contract test must not call what else runs on this machine."""
    shutil.copytree(ROOT / "mappings", folder)
    for path in (folder / "agencies").glob("*.yaml"):
        path.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder


@contextmanager
def hub_process(folder: Path, **settings: str) -> Iterator[RunningHub]:
    """A hub of its own, until the block ends."""
    port = _free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
        "HUB_DATA_DIR": str(folder / "data"),
        "HUB_PORT": str(port),
        "HUB_CONFIG_DIR": str(_mappings_without_neighbours(folder / "mappings")),
        "HUB_BUSINESS_TIME": BUSINESS_TIME,
        "HUB_VALIDATE_RESPONSES": "1",
        "HUB_CHECK_RECORDS": "3",
        **settings,
    }
    log = folder / "hub.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [HUB, "serve"], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip(), f"the hub did not start:\n{log.read_text()}"
            yield RunningHub(f"http://127.0.0.1:{port}", environment, process, log)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for all tests that do not mind what others have sent to it."""
    with hub_process(tmp_path_factory.mktemp("hub"), HUB_MAX_BODY=str(MAX_BODY)) as hub:
        yield hub
