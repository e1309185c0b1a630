"""Small HTTP servers on real sockets that answer as a test says, and what a connector needs around it."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import connectors
from hub.ports import Attachment, Endpoint, Parcel

DIALECTS = Path(__file__).parents[3] / "mappings" / "dialects"
#: Endings of a call that no HTTP library offers: closed unanswered, half an answer, a byte now and then.
DROP, HALF, DRIP = "drop", "half", "drip"

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"

# One record for each of the four contracts, as the translation would write it.
REPLY = """<ReceiveReply xmlns="http://tempuri.org/"><NoticeId>WSFY-1</NoticeId><ReplyKind>回执</ReplyKind>
<ReplyDate>2021-03-15T09:20:00</ReplyDate><Agency>微山县司法局</Agency><Text>孙某甲(370826198509172110)：已受理</Text></ReceiveReply>"""
RECEIPT = "<ROOT><HEAD><YWLX>HZ</YWLX><LSH>H1</LSH></HEAD><HZ><GMSFHM>37082619790214041X</GMSFHM><JG>1</JG><YY>周㴔</YY></HZ></ROOT>"
PERSON = """<t:TsRyxxQq xmlns:t="urn:ga:jzxt:types:v2"><XXID>message-1</XXID><YWDM>RJCS</YWDM><FSSJ>20210315092000</FSSJ>
<RYXX><XM>马丽娜·阿不都</XM><XBDM>2</XBDM><CSRQ>19901130</CSRQ><GMSFHM>370828199011303627</GMSFHM>
<HJDXZQHDM>370828</HJDXZQHDM><XZZXZQHDM>370828</XZZXZQHDM></RYXX>{fj}</t:TsRyxxQq>"""
SUBMIT = """<c:submit xmlns:c="http://sqjz.jining.example/ws"><c:messageId>message-1</c:messageId><c:businessType>RJ</c:businessType>
<c:fromUnit>370826</c:fromUnit><c:subject><c:sqfxryxm>孙某甲</c:sqfxryxm><c:sfzh>370826198509172110</c:sfzh><c:xb>男</c:xb>
<c:csny>1985-09-17</c:csny><c:jzlb>02</c:jzlb><c:gtjzdxz>微山县马坡镇</c:gtjzdxz><c:gtjzdqh>370826</c:gtjzdqh>
<c:sfsbm>370826108001</c:sfsbm><c:pjjg>微山县人民法院</c:pjjg><c:pjwsh>(2021)鲁0826刑初57号</c:pjwsh><c:pjsxrq>2021-03-12</c:pjsxrq>
<c:zyfz>危险驾驶罪</c:zyfz><c:ypxq>2月</c:ypxq><c:jzqx>4月</c:jzqx></c:subject></c:submit>"""


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes
    port: int


@dataclass
class Script:
    """What the server got, and what it answers: a function of the request, giving (status, media type, body)."""

    answer: Callable[[Got], Any]
    url: str = ""
    got: list[Got] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def scripted_servers() -> Iterator[Callable[..., Script]]:
    """A function that starts a server for an answer; all stop at the end."""
    running: list[tuple[ThreadingHTTPServer, Script]] = []

    def start(answer: Callable[[Got], Any], tls: ssl.SSLContext | None = None) -> Script:
        script = Script(answer)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # one packet for an answer; two would wait for the peer's delayed acknowledgement

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                got = Got(
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                    self.client_address[1],
                )
                script.got.append(got)
                found = script.answer(got)
                ending = found[3] if len(found) > 3 else None
                if ending == DROP:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                status, media_type, content, *_ = found
                extra = found[4] if len(found) > 4 else {}
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(content)))
                for name, value in extra.items():
                    self.send_header(name, value)
                self.end_headers()
                if ending == HALF:
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                elif ending == DRIP:
                    self._drip(content)
                else:
                    self.wfile.write(content)
                    self.wfile.flush()

            def _drip(self, content: bytes) -> None:
                """A byte each 50 ms: no pause is long, the whole never ends."""
                try:
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        if script.over.wait(0.05):
                            return
                except OSError:
                    self.close_connection = True  # the caller went away, which is what the test wants

            def log_message(self, *args: Any) -> None:
                """Tests read `script.got`."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        script.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}/service"
        running.append((server, script))
        return script

    yield start
    for server, script in running:
        script.over.set()
        server.shutdown()
        server.server_close()


class MemorySessions:
    """The port `Sessions` as the store keeps it, in memory: one renewal at a time."""

    def __init__(self) -> None:
        self.tickets: dict[str, str] = {}
        self.uploads: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._row = threading.Lock()

    def current(self, agency: str) -> str | None:
        return self.tickets.get(agency)

    def renew(self, agency: str, stale: str | None, login: Callable[[], str]) -> str:
        with self._row:
            current = self.tickets.get(agency)
            if current is None or current == stale:
                current = self.tickets[agency] = login()
            return current

    def uploaded(self, agency: str, delivery: str, sha256: str) -> tuple[str, int] | None:
        return self.uploads.get((agency, delivery, sha256))

    def note_upload(self, agency: str, delivery: str, sha256: str, upload: str, received: int) -> None:
        self.uploads[(agency, delivery, sha256)] = (upload, received)


def endpoint(
    dialect: str,
    url: str | None,
    *,
    user: str = "santong",
    password: str = "口令-1",
    timeout: float = 10.0,
    change: Callable[[dict[str, Any]], None] | None = None,
) -> Endpoint:
    given: Any = connectors.section(DIALECTS / dialect, "soap")
    if change is not None:
        change(given)
    return Endpoint(f"{dialect}.370826", "soap", url, user, password, given, DIALECTS / dialect, timeout)


def attachment(content: bytes, title: str = "刑事判决书", media_type: str = "application/pdf") -> Attachment:
    return Attachment(hashlib.sha256(content).hexdigest(), title, "判决书", media_type, len(content), lambda: content)


def parcel(
    payload: str, facts: Mapping[str, str] | None = None, attachments: tuple[Attachment, ...] = (), number: str = "1"
) -> Parcel:
    return Parcel(
        f"delivery-{number}",
        f"transfer-{number}",
        f"message-{number}",
        "admission.documents",
        payload.encode(),
        "application/xml",
        facts or {},
        attachments,
        datetime(2021, 3, 15, 1, 20, tzinfo=UTC),
    )


@contextmanager
def closed_port() -> Iterator[str]:
    """An address where nobody listens, and nobody else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/"


def wrapped(body: str, encoding: str = "utf-8") -> bytes:
    return (
        f'<?xml version="1.0" encoding="{encoding}"?><s:Envelope xmlns:s="{SOAP11}"><s:Body>{body}</s:Body></s:Envelope>'
    ).encode(encoding)


def court_answer(success: str = "true", rest: str = "<ReceiptNo>SF1</ReceiptNo>") -> bytes:
    return wrapped(
        '<ReceiveReplyResponse xmlns="http://tempuri.org/"><ReceiveReplyResult>'
        f"<Success>{success}</Success>{rest}</ReceiveReplyResult></ReceiveReplyResponse>"
    )


def always(status: int, body: bytes, media_type: str = "text/xml; charset=utf-8", *more: Any) -> Callable[[Got], Any]:
    return lambda got: (status, media_type, body, *more)
