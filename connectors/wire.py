"""One HTTP request with a deadline for the whole of it: what was sent, what came back, or how far it got.

No retries, no redirects, no proxies or credentials from the environment: what happens next is decided by the flow, which
must know whether anything can have reached the other side.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

#: Answers are records and receipts; more than this is no answer of any contract that the hub calls.
ANSWER_LIMIT = 16 * 1024 * 1024

#: Seconds that a kept connection may have been idle. Node.js servers close theirs after five; a request that meets the
#: closing would be sent into nothing, and nobody could say whether it was read.
IDLE = 4.0

#: Longest wait for a connection, in seconds, so that a dead address does not use up a long deadline.
CONNECT = 10.0


class NotSent(Exception):
    """Not a byte of the request was written: refused, no such host, no TLS, no time left."""


class Lost(Exception):
    """The request was written, at least in part, and no whole answer came back."""


class Deadline:
    """A moment by which a whole call must be over; shared by all requests of one call."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())


@dataclass(frozen=True, slots=True)
class Tls:
    """What TLS to one endpoint needs beyond the system's trust store: file names, as the administrator gives them."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def retry_after(self, now: datetime | None = None) -> float | None:
        """Seconds to wait as `Retry-After` says it, in seconds or as a date (RFC 9110, section 10.2.3)."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            return float(said)
        try:
            moment = parsedate_to_datetime(said)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


class _Call(threading.local):
    """What the thread's request in flight has come to; read and written by the connection below it."""

    deadline: Deadline | None = None
    sent: bool = False


_call = _Call()


class _Timed(io.RawIOBase):
    """A socket's raw reader that gives each read only the time that the call has left.

    A socket's own timeout counts from byte to byte, so that a server which drips one byte a second is never late.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if _call.deadline is not None:
            left = _call.deadline.left()
            if left <= 0:
                raise TimeoutError("the call's deadline is over")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Timed(raw, sock))


def _note_sent(connection: HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    if _call.deadline is not None:
        left = _call.deadline.left()
        if left <= 0:
            raise TimeoutError("the call's deadline is over")
        connection.sock.settimeout(left)
    _call.sent = True


class _Plain(HTTPConnection):
    response_class = _Response

    def send(self, data: Any) -> None:
        _note_sent(self)
        super().send(data)


class _Secure(HTTPSConnection):
    response_class = _Response

    def send(self, data: Any) -> None:
        _note_sent(self)
        super().send(data)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


@dataclass(slots=True)
class _Kept:
    session: requests.Session
    used: float


class Wire:
    """Keeps one connection for each thread and endpoint, so that no two calls ever share one. Thread-safe."""

    def __init__(self, idle: float = IDLE) -> None:
        self._idle = idle
        self._kept = threading.local()

    def _session(self, url: str, tls: Tls) -> _Kept:
        kept: dict[tuple[str, Tls], _Kept] = self._kept.__dict__.setdefault("by_endpoint", {})
        found = kept.get((url, tls))
        if found is not None and time.monotonic() - found.used > self._idle:
            found.session.close()
            found = None
        if found is None:
            session = requests.Session()
            session.trust_env = False
            session.headers.clear()
            adapter = _Adapter(pool_connections=1, pool_maxsize=1, max_retries=0)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            session.verify = tls.ca or True
            session.cert = (tls.certificate, tls.key) if tls.certificate and tls.key else tls.certificate
            found = kept[(url, tls)] = _Kept(session, time.monotonic())
        return found

    def close(self) -> None:
        """Close this thread's connections."""
        for kept in self._kept.__dict__.pop("by_endpoint", {}).values():
            kept.session.close()

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline: Deadline,
        tls: Tls | None = None,
        limit: int = ANSWER_LIMIT,
    ) -> Reply:
        """POST and read the whole answer (at most `limit` bytes after decoding) before the deadline.

        Raises `NotSent` when nothing was written, `Lost` when something was and no whole answer came.
        """
        left = deadline.left()
        if left <= 0:
            raise NotSent("the call's deadline was over before anything was sent")
        kept = self._session(url, tls or Tls())
        _call.deadline, _call.sent = deadline, False
        try:
            with kept.session.post(
                url,
                data=body,
                stream=True,
                allow_redirects=False,
                timeout=(min(left, CONNECT), left),
                headers={"Accept-Encoding": "identity", "User-Agent": "santong-hub", **headers},
            ) as answer:
                content = bytearray()
                for chunk in answer.iter_content(65536):
                    content += chunk
                    if len(content) > limit:
                        raise Lost(f"the answer is longer than {limit} bytes")
                return Reply(
                    answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, bytes(content)
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, http.client.HTTPException) as problem:
            raise (Lost if _call.sent else NotSent)(_why(problem)) from problem
        except ValueError as problem:  # an address that cannot be parsed at all
            raise NotSent(str(problem)) from problem
        finally:
            _call.deadline = None
            kept.used = time.monotonic()


def _why(problem: BaseException) -> str:
    """The innermost reason, in the words of who found it: `Connection refused` and not what was wrapped around it."""
    seen: set[int] = set()
    while id(problem) not in seen:
        seen.add(id(problem))
        inner = getattr(problem, "reason", None)
        inner = (
            inner
            if isinstance(inner, BaseException)
            else next((arg for arg in problem.args if isinstance(arg, BaseException)), None) or problem.__cause__
        )
        if inner is None:
            break
        problem = inner
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem) or type(problem).__name__
