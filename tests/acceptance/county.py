"""A county to try things in: `hub serve` as a process of its own, and the legacy systems as others, over real sockets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import requests

from hub.bootstrap import build
from hub.identity import credentials
from hub.settings import ROOT, load
from simulators.hub_client import HubClient
from tests.foreign.stacks import Program, simulator_command
from tests.services.folder import free_port
from tests.services.guard import MARK, sweep

T = TypeVar("T")

#: Which agency each legacy system belongs to, and the user name that its callers present.
SYSTEMS = {
    "court": ("court.370826", "ws-court"),
    "prison": ("prison.370800", "sfj370826"),
    "police": ("police.370826", "sfj370826"),
    "city": ("bureau.370826", "ws370826"),
    "rest": ("bureau.370828", "hub"),
}
WEBHOOK_SECRET = "whsec_c2FudG9uZy1jb3VudHktd2ViaG9vay1zZWNyZXQ="
PATIENCE = 120.0  # seconds until a condition that does not come true is given up
HUB = Path(sys.executable).with_name("hub")
#: Tried again soon, so that no test waits for what an administrator would wait for.
SCHEDULE = "retry: [0.1, 0.2, 0.4, 0.8]\nattempts: 60\npoll: [0.1, 0.2]\njitter: 0.1\n"


def until(what: str, look: Callable[[], T], patience: float = PATIENCE) -> T:
    """Wait until `look()` gives something true, and return it. Raises AssertionError with what was last seen."""
    pause = threading.Event()
    end = time.monotonic() + patience
    while not (seen := look()):
        assert time.monotonic() < end, f"waited {patience:.0f} s for: {what}; last seen: {seen!r}"
        pause.wait(0.02)
    return seen


def run_hub(
    *arguments: str, env: Mapping[str, str], cwd: Path | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """`hub …` as an administrator types it."""
    return subprocess.run(
        [str(HUB), *arguments], capture_output=True, text=True, env=dict(env), cwd=cwd, timeout=timeout, check=False
    )


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a hub that keeps everything in `folder`; its processes are found again by a mark in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**kept, MARK: str(folder), "HUB_DATA_DIR": str(folder / "var"), **more}


def copy_of_mappings(folder: Path) -> Path:
    """The product's own configuration as a copy that a test may change."""
    return Path(shutil.copytree(ROOT / "mappings", folder / "mappings"))


class County:
    """A hub that serves, with the legacy systems beside it. Everything lies in `folder`; `close()` ends every process."""

    def __init__(
        self,
        folder: Path,
        systems: Iterable[str] = tuple(SYSTEMS),
        *,
        commands: Mapping[str, list[str]] | None = None,
        options: Mapping[str, str] | None = None,
        prepare: Callable[[Path], object] | None = None,
        **settings: str,
    ) -> None:
        """`prepare` changes the hub's copy of the configuration before anybody reads it."""
        self.folder = folder
        self.config = copy_of_mappings(folder)
        if prepare:
            prepare(self.config)
        (self.config / "delivery.yaml").write_text(SCHEDULE)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = environment(folder, HUB_CONFIG_DIR=str(self.config), HUB_PORT=str(self.port), **settings)
        self.log = folder / "hub.log"
        self.process: subprocess.Popen[str] | None = None
        self.systems: dict[str, Program] = {}
        self._clients: dict[str, HubClient] = {}
        try:
            self.credentials = self._issue()
            for system in systems:
                self._bring(
                    system, (commands or {}).get(system, simulator_command(system)), (options or {}).get(system, "")
                )
            self._tell_addresses()
            self.start()
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------ running
    def start(self) -> None:
        """`hub serve`, until it says that it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(HUB), "serve"], stdout=subprocess.PIPE, stderr=log, text=True, env=self.env, cwd=self.folder
            )
        alarm = threading.Timer(PATIENCE, self.process.kill)
        alarm.start()
        try:
            assert self.process.stdout is not None
            said = self.process.stdout.readline()
        finally:
            alarm.cancel()
        assert self.url in said, f"hub serve said {said!r}: {self.log.read_text()[-2000:]}"

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(by)
            self.process.wait(PATIENCE)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        if self.process is not None:
            self.stop(signal.SIGKILL)
        for program in self.systems.values():
            program.stop()
        sweep(self.folder)

    def _issue(self) -> dict[str, dict[str, str]]:
        """Credentials for everybody, as `hub agency credential` gives them, in one go."""
        hub = build(load(self.env))
        issued = {}
        for agency in hub.agencies:
            issued[agency.id] = credentials.issue(
                hub, agency.id, **({"soap_user": f"ws-{agency.kind}"} if agency.speaks else {})
            )
        hub.database.close()
        return issued

    def _bring(self, system: str, command: list[str], options: str) -> None:
        agency, user = SYSTEMS[system]
        issued = self.credentials[agency]
        soap = system in ("court", "prison")
        self.systems[system] = Program(
            command,
            agency,
            self.folder / system,
            user=user,
            password=WEBHOOK_SECRET if system == "rest" else f"通行证-{system}",
            hub=self.url,
            hub_user=issued["soap_user" if soap else "client_id"],
            hub_password=issued["soap_password" if soap else "client_secret"],
            **({"set": options} if options else {}),
        )

    def _tell_addresses(self) -> None:
        hub = build(load(self.env))
        with hub.store.begin() as unit:
            for program in self.systems.values():
                unit.set_override(
                    program.agency, program.url, program.options["user"], hub.seal.seal(program.options["password"])
                )
        hub.database.close()

    # ------------------------------------------------------------ looking and acting
    def hub(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_hub(*arguments, env=self.env, cwd=self.folder)

    def hub_json(self, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        done = self.hub(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def client(self, agency: str) -> HubClient:
        if agency not in self._clients:
            issued = self.credentials[agency]
            self._clients[agency] = HubClient(self.url, issued["client_id"], issued["client_secret"])
        return self._clients[agency]

    def get(self, agency: str, path: str, **parameters: str) -> Any:
        """What an agency reads at `path`; the answer must be a success."""
        return self.client(agency).request("GET", path, params=parameters).expect()

    def transfers(self, agency: str, **filters: str) -> list[dict[str, Any]]:
        """The transfers that an agency sees, oldest first."""
        found: list[dict[str, Any]] = self.get(agency, "/v1/transfers", **filters)["items"][::-1]
        return found

    def transfer(self, agency: str, transfer: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(agency, f"/v1/transfers/{transfer}")
        return found

    def person(self, agency: str, id_number: str) -> str:
        found = (
            self.client(agency).request("POST", "/v1/persons/search", json={"id_number": id_number}).expect()["items"]
        )
        assert len(found) == 1, found
        return str(found[0]["person"])

    def delivery(self, agency: str, transfer: str, recipient: str) -> dict[str, Any]:
        """One delivery of a transfer, with its attempts and receipt."""
        found = [d for d in self.transfer(agency, transfer)["deliveries"] if d["recipient"] == recipient]
        assert len(found) == 1, found
        one: dict[str, Any] = found[0]
        return one

    def settled(self, agency: str, transfer: str, recipient: str, *status: str) -> dict[str, Any]:
        """Wait until a delivery is in one of these states."""

        def there() -> dict[str, Any] | None:
            found = self.delivery(agency, transfer, recipient)
            assert found["status"] in status or found["status"] in (
                "waiting",
                "ready",
                "released",
                "attempting",
                "submitted",
                "delivered",
            ), found
            return found if found["status"] in status else None

        return until(f"{recipient}: {' or '.join(status)}", there)

    def told(self, agency: str, transfer: str, language: str = "zh") -> list[str]:
        """The timeline of a transfer in words."""
        items = (
            self.client(agency)
            .request("GET", f"/v1/transfers/{transfer}/timeline", headers={"Accept-Language": language})
            .expect()["items"]
        )
        return [str(item["text"]) for item in items]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What lies in the store, for what no agency may see (raw bytes of what was refused)."""
        with closing(sqlite3.connect(self.folder / "var" / "hub.sqlite", timeout=30)) as db:
            return db.execute(query, values).fetchall()

    def soap(self, agency: str, body: bytes, **headers: str) -> requests.Response:
        """Bytes as they are to the hub's service for a legacy sender."""
        named = {
            "Content-Type": "text/xml; charset=utf-8",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.url}/soap/{agency}", data=body, headers=named, timeout=60)
