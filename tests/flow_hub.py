"""A hub of real parts on a county whose agencies all speak canonical JSON, for tests of the flow and the store.

The workflow chart and the places are those of `mappings/`; only the agencies' ways differ: an inbox, or a webhook at a
`Recipient`, a small HTTP server that keeps a journal of what it was told and answers as a test wants it.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from hub import settings
from hub.bootstrap import build
from hub.clock import SHANGHAI
from hub.domain.values import id_check_character
from hub.flow.delivery import deliver
from hub.flow.dispatch import dispatch, queue_of, sweep
from hub.flow.parts import Hub
from hub.messaging.envelope import decode
from hub.ports import Broker, Clock, Received
from hub.process import Process

MAPPINGS = settings.ROOT / "mappings"
#: Seconds after which a test gives up waiting; reached only by what never comes.
PATIENCE = 60.0
SECRET = "whsec_" + "c2FudG9uZy10ZXN0LXNlY3JldC0wMDAx"
COURT, PRISON = "court.370826", "prison.370800"
BUREAU, NEIGHBOUR = "bureau.370826", "bureau.370828"
PROCURATORATE, POLICE = "procuratorate.370826", "police.370826"


# ------------------------------------------------------------------ configuration
def county(folder: Path, webhooks: Mapping[str, str] | None = None, timeout: float = 5.0, **schedule: Any) -> Path:
    """A configuration in which agencies have an inbox, or the webhook that is given for them, and no dialect."""
    for part in ("workflow", "places", "codelists"):
        shutil.copytree(MAPPINGS / part, folder / part)
    (folder / "agencies").mkdir()
    for file in sorted((MAPPINGS / "agencies").glob("*.yaml")):
        agency = yaml.safe_load(file.read_text(encoding="utf-8"))
        agency.pop("speaks", None)
        url = (webhooks or {}).get(agency["id"])
        agency["reach"] = [{"transport": "rest", "url": url, "timeout": timeout}] if url else [{"transport": "inbox"}]
        (folder / "agencies" / file.name).write_text(yaml.safe_dump(agency, allow_unicode=True), encoding="utf-8")
    told = {"retry": [0.05, 0.2], "attempts": 200, "poll": [0.05], "jitter": 0.0, **schedule}
    (folder / "delivery.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return folder


def make_hub(
    folder: Path,
    store_url: str,
    config: Path,
    *,
    broker: Broker | None = None,
    broker_url: str | None = None,
    clock: Clock | None = None,
) -> Hub:
    """A hub that is not running yet. `folder` holds its data; the secret of every webhook is `SECRET`."""
    hub = build(
        settings.load(
            {},
            database_url=store_url,
            broker_url=broker_url,
            config_dir=config,
            data_dir=folder / "data",
            business_time=datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI),
        ),
        broker=broker,
        clock=clock,
    )
    with hub.store.begin() as unit:
        for agency in hub.agencies:
            if any(reach.transport == "rest" for reach in agency.reach):
                unit.set_override(agency.id, None, None, hub.seal.seal(SECRET))
    return hub


@contextmanager
def running(hub: Hub) -> Iterator[Process]:
    """The hub's own threads at work."""
    process = Process(hub)
    process.start()
    try:
        yield process
    finally:
        process.stop()


class StoppedClock:
    """A clock that stands until a test moves it; business and technical time move together."""

    def __init__(self) -> None:
        self._technical = datetime(2021, 3, 15, 1, 20, tzinfo=UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.technical().astimezone(SHANGHAI).replace(microsecond=0)

    def technical(self) -> datetime:
        with self._lock:
            return self._technical

    def move(self, seconds: float) -> None:
        with self._lock:
            self._technical += timedelta(seconds=seconds)


# ------------------------------------------------------------------ what agencies send
def id_number(n: int) -> str:
    """The valid ID number of the nth person."""
    first_17 = f"37082619850917{n:03d}"
    return first_17 + id_check_character(first_17)


def notice(
    case: int,
    *,
    place: str = "370826",
    person: int | None = None,
    name: str = "孙某甲",
    number: str | None = "",
    effective_on: str | None = "2021-03-12",
    remarks: str | None = None,
    exchange: str = "admission.notice",
) -> dict[str, Any]:
    """A court's notice of a probation case. `person` numbers the ID number, by default as the case; `number` None leaves it out."""
    who: dict[str, Any] = {"name": name, "residence": {"place": "370826108"}}
    if number is not None:
        who["id_number"] = number or id_number(case if person is None else person)
    record: dict[str, Any] = {
        "person": who,
        "case": {"number": f"(2021)鲁0826刑初{case}号", "deciding_agency": COURT, "deciding_agency_kind": "court"},
        "correction": {"category": "probation", "execution_place": place, "report_by": "2021-03-22"},
    }
    if effective_on:
        record["case"]["effective_on"] = effective_on
    if remarks:
        record["message"] = {"remarks": remarks}
    return {"exchange": exchange, "record": record}


def handover(case: int, *, exchange: str = "admission.escort", place: str = "370826") -> dict[str, Any]:
    """A prison hands a person over (暂予监外执行), or a parolee."""
    body = notice(case, place=place, exchange=exchange)
    body["record"]["case"] = {"number": f"(2012)济刑执字第{case}号"}
    body["record"]["correction"]["category"] = "temporary-execution" if exchange == "admission.escort" else "parole"
    return body


def report_in(n: int, **more: Any) -> dict[str, Any]:
    """The bureau's record that the nth person reported in."""
    return {
        "exchange": "admission.report-in",
        "record": {
            "person": {"name": "孙某甲", "id_number": id_number(n)},
            "report_in": {"reported_on": "2021-03-18"},
            **more,
        },
    }


# ------------------------------------------------------------------ a recipient
@dataclass(frozen=True, slots=True)
class Told:
    """One request that came: the message id, the delivery it is about, and its case."""

    message_id: str
    delivery: str
    transfer: str
    case: str
    exchange: str
    content: str


class Recipient:
    """A webhook's HTTP server. Answers 200 unless `answer` says another way; keeps a journal of what it took.

    `answer` may be a status, `lost` (takes it and closes the connection without an answer), `down` (503 before looking),
    `accepted` or `returned` (a receipt in the answer). `held` lets requests wait until it is set.
    """

    def __init__(self) -> None:
        self.answer: str | int = 200
        self.journal: list[Told] = []
        self.calls = 0
        self.held = threading.Event()
        self.held.set()
        self.changed = threading.Condition()
        recipient = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                recipient._take(self, self.headers["webhook-id"], body)

            def log_message(self, *_: Any) -> None:
                """Nothing on standard error."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A caller that hung up is no error of the recipient's."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _take(self, request: BaseHTTPRequestHandler, message_id: str, body: bytes) -> None:
        with self.changed:
            self.calls += 1
            self.changed.notify_all()
        self.held.wait(PATIENCE)
        answer = self.answer
        if answer == "down":
            return self._say(request, 503, {"detail": "maintenance"})
        if isinstance(answer, int) and answer >= 300:
            return self._say(request, answer, {"detail": f"answered {answer}"})
        data = json.loads(body)["data"]
        with self.changed:
            self.journal.append(
                Told(
                    message_id,
                    data["delivery"],
                    data["transfer"],
                    data["case"],
                    data["exchange"],
                    json.dumps(data, sort_keys=True),
                )
            )
            self.changed.notify_all()
        if answer == "lost":
            request.close_connection = True
            return None
        said = (
            {"receipt": {"outcome": answer, "reason": "不在本县" if answer == "returned" else None}}
            if isinstance(answer, str)
            else {}
        )
        return self._say(request, 200, said)

    def _say(self, request: BaseHTTPRequestHandler, status: int, said: Mapping[str, Any]) -> None:
        payload = json.dumps(said).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(payload)))
        request.end_headers()
        request.wfile.write(payload)

    def wait_for(self, number: int, seconds: float = PATIENCE) -> list[Told]:
        """The journal as soon as it has so many different messages."""
        with self.changed:
            came = self.changed.wait_for(lambda: len({told.message_id for told in self.journal}) >= number, seconds)
            assert came, f"{len(self.journal)} of {number} messages came within {seconds} s"
            return list(self.journal)

    def close(self) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def recipients(number: int) -> Iterator[list[Recipient]]:
    made = [Recipient() for _ in range(number)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


# ------------------------------------------------------------------ looking
def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for a condition that nobody announces; returns what it came to."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.01)
    return found


def rows(hub: Hub, sql: str, **values: Any) -> Sequence[Any]:
    """What stands in the database, for assertions."""
    from sqlalchemy import text

    with hub.database.read() as db:
        return db.execute(text(sql), values).all()


def states(hub: Hub, transfer: str) -> dict[str, str]:
    """Recipient → state of a transfer's deliveries."""
    return {
        row.recipient: row.status
        for row in rows(hub, "SELECT recipient, status FROM delivery WHERE transfer_id = :t", t=transfer)
    }


def holder(hub: Hub, person: str) -> str | None:
    found = rows(hub, "SELECT holder FROM responsibility WHERE person_id = :p ORDER BY number DESC LIMIT 1", p=person)
    return found[0].holder if found else None


def timeline_kinds(hub: Hub, transfer: str) -> list[str]:
    return [row.kind for row in rows(hub, "SELECT kind FROM timeline WHERE transfer_id = :t ORDER BY seq", t=transfer)]


def everything_arrived(hub: Hub) -> bool:
    return not rows(hub, "SELECT 1 FROM delivery WHERE status NOT IN ('delivered', 'accepted', 'returned') LIMIT 1")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that start in the same moment; their results, or the exceptions that they raised."""
    found: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(n: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            found[n] = call()
        except Exception as error:
            found[n] = error

    threads = [threading.Thread(target=run, args=(n, call)) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "two transactions wait for each other"
    return found


# ------------------------------------------------------------------ one step after another
class ByHand:
    """Works a hub's release notes off one by one, in the order that a test wants; nothing moves by itself.

    The notes come through the hub's own embedded broker. With a `StoppedClock`, `later()` brings what is due.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.waiting: list[Received] = []
        self._came = threading.Condition()
        self._published = self._received = 0
        for agency in hub.agencies:
            hub.broker.declare(queue_of(agency.id))
            hub.broker.consume(queue_of(agency.id), self._take, prefetch=100_000)

    def _take(self, received: Received) -> None:
        with self._came:
            self.waiting.append(received)
            self._received += 1
            self._came.notify_all()

    def dispatch(self) -> int:
        """Release one batch; returns when its notes have come."""
        number = dispatch(self.hub)
        with self._came:
            self._published += number
            assert self._came.wait_for(lambda: self._received >= self._published, PATIENCE)
        return number

    def work(self, n: int = 0) -> None:
        """Work the nth waiting note off."""
        received = self.waiting.pop(n)
        try:
            deliver(self.hub, decode(received.body))
        finally:
            received.ack()

    def lose(self, n: int = 0) -> None:
        """The broker loses the nth waiting note."""
        self.waiting.pop(n).ack()

    def later(self, seconds: float) -> None:
        """So many seconds pass; what is over is swept up."""
        assert isinstance(self.hub.clock, StoppedClock)
        self.hub.clock.move(seconds)
        sweep(self.hub)

    def run(self) -> None:
        """Everything that is due, and what follows from it, as long as there is anything."""
        while self.dispatch() or self.waiting:
            while self.waiting:
                self.work()
