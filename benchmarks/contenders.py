"""Who is measured: the hub as a real process, and the naive reference, each on a database and a virtual host of its own.

A contender says where to post, how its outcomes are counted in its database, and which processes are its own. How it is
loaded and timed is none of its business (`measure.py`).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import psutil
import yaml

from benchmarks.workload import DOCUMENTS, PLACES, SENDER
from tests.services import Postgres, RabbitMQ, free_port

ROOT = Path(__file__).resolve().parent.parent
#: Seconds that anything may take to start or to stop.
DEADLINE = 60.0
SOAP_USER, SOAP_PASSWORD = "bench", "bench-password"


class NotReady(RuntimeError):
    """A process did not come up; says which, with the end of its log."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all contenders share: the servers, the recipients, a folder that is removed at the end."""

    postgres: Postgres
    rabbitmq: RabbitMQ
    sink_port: int
    folder: Path

    def new_database(self) -> str:
        """A fresh database's address, as psycopg wants it."""
        return self.postgres.conninfo(self.postgres.create_database())

    def sink(self, route: str) -> str:
        return f"http://127.0.0.1:{self.sink_port}/{route}"


@dataclass(frozen=True, slots=True)
class Contender:
    """One that runs and can be loaded. Its three questions are SQL: `unfinished` counts what is accepted and has no outcome
    yet, `outcomes` what has arrived at one of `recipients` (by route), `arrived` whether one accepted record has (by the
    id in the answer to its POST)."""

    name: str
    url: str
    headers: Mapping[str, str]
    conninfo: str
    unfinished: LiteralString
    outcomes: LiteralString
    recipients: Mapping[str, str]
    arrived: LiteralString
    processes: tuple[int, ...]
    #: settings of the hub, for commands beside it; empty for another contender
    environment: Mapping[str, str] = field(default_factory=dict)

    def pss(self) -> float:
        """Memory of all its processes now, in MB; what they share is counted once (proportional set size)."""
        return sum(float(process.memory_full_info().pss) for process in self._family()) / 2**20

    def cpu(self) -> float:
        """Seconds of processor time that its processes have used so far."""
        return sum(float(times.user + times.system) for times in (process.cpu_times() for process in self._family()))

    def _family(self) -> list[psutil.Process]:
        parents = [psutil.Process(pid) for pid in self.processes]
        return [process for parent in parents for process in (parent, *parent.children(recursive=True))]


@contextmanager
def sink() -> Iterator[int]:
    """The recipients (`benchmarks/sink.py`) on a port of their own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink"], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        _end([process])


# ------------------------------------------------------------------ the hub
@contextmanager
def hub(services: Services) -> Iterator[Contender]:
    """`hub serve` on PostgreSQL and RabbitMQ with a configuration of its own: one bureau reached by REST, one by SOAP."""
    folder = services.folder / "hub"
    environment = hub_environment(folder, database=services.new_database(), broker=services.rabbitmq)
    point_at_sink(services, environment)
    issued = json.loads(hub_command(environment, "agency", "credential", SENDER, "--json"))
    conninfo = environment["HUB_DATABASE_URL"]
    with hub_process(environment, folder / "log") as process:
        base = f"http://127.0.0.1:{environment['HUB_PORT']}"
        token = _token(base, issued["client_id"], issued["client_secret"])
        bearer = {"Authorization": f"Bearer {token}"}
        for _, _, content in DOCUMENTS:
            _request(
                "POST", f"{base}/v1/documents", content, {**bearer, "Content-Type": "application/pdf"}, expected=201
            )
        yield Contender(
            name="hub",
            url=f"{base}/v1/transfers",
            headers=bearer,
            conninfo=conninfo,
            unfinished="SELECT count(*) FROM delivery WHERE status IN ('waiting', 'ready', 'released', 'attempting')",
            outcomes="SELECT count(*) FROM delivery WHERE recipient = %s AND status IN ('delivered', 'accepted')",
            recipients={route: f"bureau.{place}" for route, place in PLACES.items()},
            arrived="SELECT status IN ('delivered', 'accepted') FROM delivery WHERE transfer_id = %s",
            processes=(process.pid,),
            environment=environment,
        )


def hub_environment(folder: Path, database: str | None = None, broker: RabbitMQ | None = None) -> dict[str, str]:
    """Settings of a hub whose folder this is; embedded without a database and a broker."""
    if not (folder / "mappings").exists():
        _configuration(folder / "mappings")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    found = {
        **kept,
        "HUB_CONFIG_DIR": str(folder / "mappings"),
        "HUB_DATA_DIR": str(folder / "data"),
        "HUB_PORT": str(free_port()),
    }
    if database is not None:
        found["HUB_DATABASE_URL"] = database
    if broker is not None:
        found["HUB_BROKER_URL"] = broker.url(broker.create_host())
    return found


def _configuration(folder: Path) -> None:
    """The project's own configuration, in which three agencies are other than in the demo county: the sender has no
    system of its own and reads its receipts in its inbox, and a neighbouring bureau speaks the police's dialect, since
    of the four that is the one with WS-Security."""
    shutil.copytree(ROOT / "mappings", folder)
    agencies = {
        SENDER: {"zh": "微山县人民法院", "en": "Weishan County People's Court", "reach": [{"transport": "inbox"}]},
        f"bureau.{PLACES['rest']}": {
            "zh": "金乡县司法局",
            "en": "Jinxiang County Judicial Bureau",
            "reach": [{"transport": "rest"}],
        },
        f"bureau.{PLACES['soap']}": {
            "zh": "嘉祥县司法局",
            "en": "Jiaxiang County Judicial Bureau",
            "reach": [{"transport": "soap", "dialect": "police"}],
        },
    }
    for agency, told in agencies.items():
        (folder / "agencies" / f"{agency}.yaml").write_text(
            yaml.safe_dump({"id": agency, **told}, allow_unicode=True), encoding="utf-8"
        )


def point_at_sink(services: Services, environment: Mapping[str, str]) -> None:
    """Give both bureaus the recipients' addresses and credentials."""
    rest, soap = (f"bureau.{PLACES[route]}" for route in ("rest", "soap"))
    hub_command(environment, "agency", "set", rest, "--url", services.sink("rest"), "--password", _webhook_secret())
    hub_command(
        environment,
        "agency",
        "set",
        soap,
        "--url",
        services.sink("soap"),
        "--user",
        SOAP_USER,
        "--password",
        SOAP_PASSWORD,
    )


def hub_command(environment: Mapping[str, str], *arguments: str) -> str:
    """What a `hub …` command prints. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", *arguments],
        cwd=ROOT,
        env=dict(environment),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@contextmanager
def hub_process(environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`hub serve`, ready (`/health/ready` says so); stopped in order at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", "serve"],
            cwd=ROOT,
            env=dict(environment),
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        _wait_for(int(environment["HUB_PORT"]), "/health/ready", 200, process, log)
        yield process
    finally:
        _end([process])


def _token(base: str, client_id: str, client_secret: str) -> str:
    form = f"grant_type=client_credentials&client_id={quote(client_id)}&client_secret={quote(client_secret)}"
    told = _request(
        "POST",
        f"{base}/oauth/token",
        form.encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
        expected=200,
    )
    return str(json.loads(told)["access_token"])


# ------------------------------------------------------------------ the naive reference
@contextmanager
def naive(services: Services) -> Iterator[Contender]:
    """Four web workers and one consumer (`benchmarks/naive/`)."""
    folder = services.folder / "naive"
    (folder / "documents").mkdir(parents=True)
    for _, _, content in DOCUMENTS:
        (folder / "documents" / hashlib.sha256(content).hexdigest()).write_bytes(content)
    database, key, port = services.new_database(), secrets.token_hex(16), free_port()
    environment = {
        **os.environ,
        "NAIVE_DATABASE_URL": database.replace("postgresql://", "postgresql+psycopg://", 1),
        "NAIVE_BROKER_URL": services.rabbitmq.url(services.rabbitmq.create_host()),
        "NAIVE_API_KEY": key,
        "NAIVE_DOCUMENTS": str(folder / "documents"),
        "NAIVE_SOAP_USER": SOAP_USER,
        "NAIVE_SOAP_PASSWORD": SOAP_PASSWORD,
        "NAIVE_WEBHOOK_SECRET": _webhook_secret(),
        "NAIVE_RECIPIENTS": json.dumps(
            {place: {"kind": route, "url": services.sink(route)} for route, place in PLACES.items()}
        ),
    }
    subprocess.run([sys.executable, "-m", "benchmarks.naive.tables"], cwd=ROOT, env=environment, check=True)
    log = folder / "log"
    with log.open("ab") as written:
        commands = (
            ["gunicorn", "--workers", "4", "--bind", f"127.0.0.1:{port}", "benchmarks.naive.web:app"],
            ["benchmarks.naive.consumer"],
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environment,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
            for command in commands
        ]
    try:
        _wait_for(port, "/health", 200, processes[0], log)
        yield Contender(
            name="naive",
            url=f"http://127.0.0.1:{port}/transfers",
            headers={"Authorization": f"Bearer {key}"},
            conninfo=database,
            unfinished="SELECT count(*) FROM naive_message WHERE status = 'received'",
            outcomes="SELECT count(*) FROM naive_message WHERE place = %s AND status = 'delivered'",
            recipients=PLACES,
            arrived="SELECT status = 'delivered' FROM naive_message WHERE id = %s",
            processes=tuple(process.pid for process in processes),
        )
    finally:
        _end(processes)


# ------------------------------------------------------------------ what both need
def _webhook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _request(method: str, url: str, body: bytes, headers: Mapping[str, str], expected: int) -> bytes:
    where = url.removeprefix("http://")
    host, _, path = where.partition("/")
    connection = http.client.HTTPConnection(host, timeout=DEADLINE)
    try:
        connection.request(method, f"/{path}", body, dict(headers))
        answer = connection.getresponse()
        told = answer.read()
    finally:
        connection.close()
    if answer.status != expected:
        raise NotReady(f"{method} /{path} was answered by {answer.status}: {told[:500].decode(errors='replace')}")
    return told


def _wait_for(port: int, path: str, status: int, process: subprocess.Popen[Any], log: Path) -> None:
    until = time.monotonic() + DEADLINE
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException, NotReady):
            _request("GET", f"http://127.0.0.1:{port}{path}", b"", {}, status)
            return
        if process.poll() is not None or time.monotonic() > until:
            raise NotReady(f"{path} was not answered; the end of its log:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.01)


def _end(processes: list[subprocess.Popen[Any]]) -> None:
    """SIGTERM first, SIGKILL for the whole group of what does not leave."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()
