"""The server around a simulated system: HTTP, control addresses, and the faults that every system knows.

What a system understands and answers is in its own module; this one knows no contract.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from simulators.journal import Entry, Journal, legible

#: Requests larger than this are answered 413 unread, in bytes.
LARGEST_REQUEST = 64 * 1024 * 1024
#: Seconds that an idle connection is kept.
IDLE_SECONDS = 75

SHARED_FAULTS = {
    "down": "the connection is closed unanswered, nothing is recorded",
    "half": "the call is recorded, the answer breaks off half-way",
    "lost-answer": "the call is recorded, the connection is closed without an answer",
    "slow": "the call is recorded, the answer comes after `seconds` (default 5)",
    "http-500": "an error page with status 500; the call was not processed",
    "html": "a proxy's HTML page with status 200; the call was not processed",
    "refuse": "a business refusal with `reason`",
}

PROXY_PAGE = (
    "<!DOCTYPE html><html><head><title>系统维护</title></head><body><h1>系统维护中</h1><p>请稍后再试。</p></body></html>"
).encode()
ERROR_PAGE = (
    b"<html><head><title>Runtime Error</title></head><body><h1>Server Error in '/' Application.</h1></body></html>"
)


@dataclass(frozen=True)
class Settings:
    """What the command line said. `extra` holds `--set NAME=VALUE`, which each system documents for itself."""

    agency: str
    data: Path
    user: str | None = None
    password: str | None = None
    hub: str | None = None
    hub_user: str | None = None
    hub_password: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The place code in the agency's id: `prison.370800` → `370800`."""
        return self.agency.split(".")[1] if "." in self.agency else ""

    def number(self, name: str, default: float) -> float:
        return float(self.extra.get(name, default))


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Any, status: int = 200) -> Reply:
        return cls(status, "application/json; charset=utf-8", json.dumps(facts, ensure_ascii=False).encode())


@dataclass
class Fault:
    """An armed fault. `times` counts down to 0; −1 stays until cleared. `operation` limits it to one operation."""

    name: str
    times: int
    operation: str | None
    options: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {"fault": self.name, "times": self.times, "operation": self.operation, **self.options}

    def text(self, name: str, default: str) -> str:
        return str(self.options.get(name, default))


class Faults:
    """What is armed, in the order in which it was armed. A call meets at most one."""

    def __init__(self, known: Mapping[str, str], targets: Mapping[str, str]) -> None:
        self.known = dict(known)
        self._targets = targets
        self._armed: list[Fault] = []
        self._lock = threading.Lock()

    def arm(self, order: dict[str, Any]) -> None:
        """Raises ValueError for a fault that this system does not know or a count that means nothing."""
        options = dict(order)
        name, times = options.pop("fault", None), options.pop("times", 1)
        if name not in self.known:
            raise ValueError(f"unknown fault {name!r}; known are {', '.join(sorted(self.known))}")
        if not isinstance(times, int) or isinstance(times, bool) or not (times == -1 or times > 0):
            raise ValueError("times must be a positive integer, or -1 for until cleared")
        operation = options.pop("operation", self._targets.get(name))
        with self._lock:
            self._armed.append(Fault(name, times, operation, options))

    @property
    def armed(self) -> bool:
        return bool(self._armed)

    def meet(self, operation: str | None) -> Fault | None:
        """The fault that this call meets, counted down."""
        with self._lock:
            for fault in self._armed:
                if fault.operation in (None, operation):
                    if fault.times > 0:
                        fault.times -= 1
                    self._armed = [armed for armed in self._armed if armed.times != 0]
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def listed(self) -> dict[str, Any]:
        with self._lock:
            return {"armed": [fault.as_dict() for fault in self._armed], "known": self.known}


class Undelivered(Exception):
    """An order to send could not be carried out because the hub could not be reached."""


class System:
    """One kind of simulated system. Subclasses say what they answer, and how an entry of the journal changes them.

    `answer` decides on the state as it is and changes nothing; the entry that it returns is written to the journal and
    then given to `apply`, the only place where state changes. After a restart every old entry is given to `apply`.
    """

    name: ClassVar[str]
    #: faults of this system beside the shared ones, with a sentence each
    own_faults: ClassVar[Mapping[str, str]] = {}
    #: faults that mean one operation unless the order says otherwise
    fault_targets: ClassVar[Mapping[str, str]] = {}
    #: names of elements whose text the journal must not keep
    secrets: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults = Faults({**SHARED_FAULTS, **self.own_faults}, self.fault_targets)
        self.url = ""

    @property
    def path(self) -> str:
        """The path of the service's address."""
        raise NotImplementedError

    def operation(self, request: Request) -> str | None:
        """Which operation a request asks for, as far as can be told before it is believed."""
        raise NotImplementedError

    def answer(self, request: Request, fault: Fault | None) -> tuple[Reply, Entry]:
        """What the system answers, and what it writes down: at least `operation`, `key`, `outcome`, `digest`, `record`."""
        raise NotImplementedError

    def apply(self, entry: Entry) -> None:
        """Take an entry of the journal into the state."""

    def page(self, request: Request) -> Reply:
        """A GET on the service's address."""
        return Reply(405, "text/plain; charset=utf-8", b"POST only")

    def send(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out `POST /_sim/send`. Raises ValueError for an order that makes no sense, Undelivered without a hub."""
        raise NotImplementedError

    def control(self, request: Request) -> Reply | None:
        """Control addresses of this system alone; None for those that it does not have."""
        return None

    def started(self) -> None:
        """Called once, when the state is rebuilt and the address is known."""

    def masked(self, text: str) -> str:
        """A message as the journal keeps it: without secrets and without documents at length."""
        for name in self.secrets:
            text = re.sub(rf"(<(?:[\w.-]+:)?{name}(?:\s[^>]*)?(?<!/)>)[^<]*(</)", r"\1***\2", text)
        return legible(text)


class Service:
    """A system with its journal behind an HTTP server."""

    def __init__(self, system: System, host: str, port: int) -> None:
        self.system = system
        self.journal = Journal(system.settings.data / "journal.jsonl")
        for entry in self.journal:
            system.apply(entry)
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self.server = _Server((host, port), self)
        self.port: int = self.server.server_address[1]
        self.base = f"http://{host}:{self.port}"
        system.url = self.base + system.path
        system.started()

    def run(self) -> None:
        """Serve until `stop`."""
        self.server.serve_forever(poll_interval=0.1)
        self.server.server_close()
        self.journal.close()

    def stop(self) -> None:
        self.stopping.set()
        threading.Thread(target=self.server.shutdown, daemon=True).start()

    # ------------------------------------------------------------ the service
    def serve(self, request: Request) -> tuple[Reply | None, Fault | None]:
        """Answer a call of the service. No reply means that the connection is closed unanswered."""
        with self._lock:
            operation = self.system.operation(request) if self.system.faults.armed else None
            fault = self.system.faults.meet(operation)
            if fault and fault.name == "down":
                return None, fault
            if fault and fault.name in ("http-500", "html"):
                reply = (
                    Reply(500, "text/html", ERROR_PAGE)
                    if fault.name == "http-500"
                    else Reply(200, "text/html; charset=utf-8", PROXY_PAGE)
                )
                entry: Entry = {"operation": operation, "key": None, "outcome": "fault", "digest": None, "record": {}}
            else:
                reply, entry = self.system.answer(request, fault)
            entry = {
                **entry,
                "request": entry.get("request", self.system.masked(request.body.decode(errors="replace"))),
                "answer": entry.get("answer", self.system.masked(reply.body.decode(errors="replace"))),
                "status": reply.status,
            }
            if fault:
                entry["fault"] = fault.name
            self.system.apply(self.journal.append(entry))
        if fault and fault.name == "slow":
            self.stopping.wait(float(fault.options.get("seconds", 5)))
        if fault and fault.name == "lost-answer":
            return None, fault
        return reply, fault

    # ------------------------------------------------------------ control
    def control(self, request: Request) -> Reply:
        try:
            return self._control(request)
        except Undelivered as error:
            return Reply.of({"status": None, "answer": None, "body": "", "error": str(error)}, 502)
        except (ValueError, KeyError, TypeError) as error:
            return Reply.of({"error": f"{type(error).__name__}: {error}"}, 400)

    def _control(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/_sim/health":
                return Reply.of(
                    {"system": self.system.name, "agency": self.system.settings.agency, "url": self.system.url}
                )
            case "GET", "/_sim/journal":
                after = int(request.query.get("after", ["0"])[0])
                return Reply.of({"entries": self.journal.entries(after)})
            case "GET", "/_sim/faults":
                return Reply.of(self.system.faults.listed())
            case "POST", "/_sim/faults":
                self.system.faults.arm(request.json())
                return Reply.of(self.system.faults.listed(), 201)
            case "DELETE", "/_sim/faults":
                self.system.faults.clear()
                return Reply.of(self.system.faults.listed())
            case "POST", "/_sim/send":
                return Reply.of(self.system.send(request.json()))
        return self.system.control(request) or Reply.of({"error": f"no {request.method} {request.path} here"}, 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name, which takes seconds where no resolver answers.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no error of ours; anything else is told on standard error."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        self._dispatch()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def _dispatch(self) -> None:
        try:
            body = self._read()
        except ValueError as error:
            self.close_connection = True
            self._write(Reply(413 if "large" in str(error) else 400, "text/plain; charset=utf-8", str(error).encode()))
            return
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, address.path, parse_qs(address.query, keep_blank_values=True), headers, body)
        service = self.server.service
        if request.path.startswith("/_sim/"):
            self._write(service.control(request))
        elif request.path != service.system.path:
            self._write(Reply(404, "text/plain; charset=utf-8", f"no service at {request.path}".encode()))
        elif request.method != "POST":
            self._write(service.system.page(request))
        else:
            reply, fault = service.serve(request)
            if reply is None:
                self._hang_up()
            else:
                self._write(reply, half=fault is not None and fault.name == "half")

    def _read(self) -> bytes:
        """The request's body, by length or in chunks. Raises ValueError when it is too large or not framed rightly."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            parts: list[bytes] = []
            total = 0
            while size := int(self.rfile.readline(64).split(b";")[0].strip() or b"0", 16):
                total += size
                if total > LARGEST_REQUEST:
                    raise ValueError("the request is too large")
                parts.append(self.rfile.read(size))
                self.rfile.readline(8)
            while self.rfile.readline(8192).strip():
                pass  # trailers say nothing that a SOAP or webhook receiver reads
            return b"".join(parts)
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_REQUEST:
            raise ValueError("the request is too large")
        return self.rfile.read(length)

    def _write(self, reply: Reply, half: bool = False) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if half:
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.wfile.flush()
            self._hang_up()
        else:
            self.wfile.write(reply.body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def version_string(self) -> str:
        return self.server.service.system.name

    def log_message(self, format: str, *args: Any) -> None:
        """The journal is the log."""
