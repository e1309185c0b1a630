"""The recipients: one server that takes every webhook and every police SOAP call at once, and counts what it was given.

It looks at as little as an answer needs, so that it never is what limits the rate. It is no simulated agency: those check
what they are sent (`simulators/`), and are slower than what is measured here.

`POST /rest` and `POST /soap` take records; `GET /count` answers `{"rest": {"received", "distinct"}, "soap": …}`, where
`distinct` counts message ids (header `webhook-id`, element `XXID`): the same id twice is a repetition, not a second record.
"""

from __future__ import annotations

import asyncio
import json
from typing import cast

SOAP_ANSWER = (
    b'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    b'<t:TsRyxxYd xmlns:t="urn:ga:jzxt:types:v2"><XXID>%b</XXID><SLBH>%d</SLBH><SLSJ>20210315092000</SLSJ></t:TsRyxxYd>'
    b"</soap:Body></soap:Envelope>"
)
RESPONSE = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"


class Counts:
    """What came, by route."""

    def __init__(self) -> None:
        self.received = {"rest": 0, "soap": 0}
        self.ids: dict[str, set[bytes]] = {"rest": set(), "soap": set()}

    def take(self, route: str, message_id: bytes) -> int:
        """Note one message and return its number."""
        self.received[route] += 1
        self.ids[route].add(message_id)
        return self.received[route]

    def as_json(self) -> bytes:
        return json.dumps(
            {route: {"received": self.received[route], "distinct": len(self.ids[route])} for route in self.ids}
        ).encode()


class Sink(asyncio.Protocol):
    """One connection, kept alive, requests one after another."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            line, _, rest = self._held[:end].partition(b"\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (h.partition(b":") for h in rest.split(b"\r\n"))
            }
            length = int(headers.get(b"content-length", b"0"))
            if headers.get(b"expect", b"").lower() == b"100-continue" and len(self._held) == end + 4:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self._held) < end + 4 + length:
                return
            body, self._held = self._held[end + 4 : end + 4 + length], self._held[end + 4 + length :]
            self._transport.write(self._answer(line, headers, body))

    def _answer(self, line: bytes, headers: dict[bytes, bytes], body: bytes) -> bytes:
        method, path, _ = line.split(b" ", 2)
        if b"transfer-encoding" in headers:
            return _response(b"411 Length Required", b"text/plain", b"")
        if (method, path) == (b"GET", b"/count"):
            return _response(b"200 OK", b"application/json", self._counts.as_json())
        if (method, path) == (b"POST", b"/rest"):
            self._counts.take("rest", headers.get(b"webhook-id", b""))
            return _response(b"200 OK", b"application/json", b"{}")
        if (method, path) == (b"POST", b"/soap"):
            message_id = body.partition(b"<XXID>")[2].partition(b"</XXID>")[0]
            number = self._counts.take("soap", message_id)
            return _response(b"200 OK", b"text/xml; charset=utf-8", SOAP_ANSWER % (message_id, number))
        return _response(b"404 Not Found", b"text/plain", b"")


def _response(status: bytes, media_type: bytes, body: bytes) -> bytes:
    return RESPONSE % (status, media_type, len(body), body)


async def serve() -> None:
    """Listen on a free port of 127.0.0.1 and print it."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Sink(counts), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
