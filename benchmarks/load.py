"""The load generator: posts handovers over a number of kept-alive connections, as fast as they are answered or at a rate.

It writes HTTP by hand, because a client library would use more of the machine than what is measured. Beyond 2xx it judges
nothing: an answer of another status is counted as refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.workload import Handover

#: Seconds after which an unanswered request counts as lost.
PATIENCE = 60.0
#: Seconds between looks at how many outcomes there are.
LOOK = 0.02


@dataclass(slots=True)
class Posted:
    """What became of the requests: how many were accepted in how many seconds, each answer's time in milliseconds."""

    accepted: int = 0
    seconds: float = 0.0
    answers: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Gate:
    """Holds posting back while `window` accepted records have no outcome yet, so that the backlog stays flat."""

    window: int
    #: how many outcomes there are since the load began
    outcomes: Callable[[], Awaitable[int]]
    accepted: int = 0
    _seen: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def backlog(self) -> int:
        return self.accepted - self._seen

    async def enter(self, until: float) -> bool:
        """Wait for room. False when there was none until then (a time of `time.perf_counter`)."""
        while self.backlog >= self.window:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), until - time.perf_counter())
            except TimeoutError:
                return False
        self.accepted += 1
        return True

    def give_back(self) -> None:
        """The record was not accepted: nothing will come of it."""
        self.accepted -= 1

    async def watch(self, note: Callable[[int], None]) -> None:
        """Look again and again until cancelled; each look's backlog is noted."""
        while True:
            self._seen = await self.outcomes()
            note(self.backlog)
            self._moved.set()
            await asyncio.sleep(LOOK)


class Connection:
    """One HTTP/1.1 connection, opened again when the server has closed it."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        where = urlsplit(url)
        assert where.hostname
        assert where.port
        self._host, self._port = where.hostname, where.port
        fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = (
            f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n{fixed}".encode()
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, handover: Handover) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError or EOFError when there is none."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        reader, writer = self._streams
        writer.write(
            b"%bIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (self._head, handover.key.encode(), len(handover.body), handover.body)
        )
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length)) if length else b""
        except BaseException:
            self.close()
            raise
        if b"connection: close" in head or not length:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def post_all(
    url: str,
    headers: Mapping[str, str],
    handovers: Iterator[Handover],
    *,
    seconds: float,
    connections: int,
    rate: float | None = None,
    gate: Gate | None = None,
) -> Posted:
    """Post for `seconds`. With `rate` (requests a second) an answer's time counts from when its request was due, whether
    or not a connection was free then; without, each connection posts as soon as it has its answer."""
    posted = Posted()
    began = time.perf_counter()
    due = (began + n / rate for n in range(int(rate * seconds))) if rate else None

    async def work() -> None:
        connection = Connection(url, headers)
        while (at := next(due, None) if due else time.perf_counter()) is not None and at < began + seconds:
            await asyncio.sleep(max(0.0, at - time.perf_counter())) if due else None
            if gate and not await gate.enter(began + seconds):
                break
            handover = next(handovers)
            start = at if due else time.perf_counter()
            try:
                status, _ = await asyncio.wait_for(connection.post(handover), PATIENCE)
            except (OSError, EOFError, TimeoutError) as problem:
                posted.refused[type(problem).__name__] += 1
                status = 0
            else:
                posted.answers.append((time.perf_counter() - start) * 1e3)
                posted.accepted += 200 <= status < 300
                posted.refused.update([str(status)] if status >= 300 else [])
            if gate and not 200 <= status < 300:
                gate.give_back()
        connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    posted.seconds = time.perf_counter() - began
    return posted


async def beside(main: Awaitable[Posted], watch: Awaitable[None]) -> Posted:
    """Await `main` while `watch` runs; `watch` ends with it."""
    watching = asyncio.ensure_future(watch)
    try:
        return await main
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` (0 to 1) of the values lie; NaN of none."""
    found = sorted(values)
    return found[min(len(found) - 1, int(len(found) * part))] if found else float("nan")
