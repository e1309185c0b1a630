"""How much a sender may say at once: refused before anything is read into memory or parsed.

Stands in front of everything else. Also takes chunked bodies together, so that what comes behind knows their length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.api.problems import MEDIA_TYPE, encoded, language_of, problem_body
from hub.domain.faults import Fault
from hub.ports import Answer

#: Says the refusal in the protocol of who asks, or None where that is problem+json: (path, headers, size if known).
Refusal = Callable[[str, Headers, int | None], Answer | None]


class SizeLimit:
    """ASGI middleware: a body of more than `limit` bytes is answered 413, by `refusal` where the path has its own protocol."""

    def __init__(self, app: ASGIApp, limit: int, refusal: Refusal, executor: Executor | None = None) -> None:
        self._app = app
        self._limit = limit
        self._refusal = refusal
        self._executor = executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        told = headers.get("content-length")
        if told is not None:
            size = int(told) if told.isdigit() else 0
            if size > self._limit:
                await self._refuse(scope, headers, size, send)
            else:
                await self._app(scope, receive, send)
            return
        if "chunked" not in headers.get("transfer-encoding", "").lower():
            await self._app(scope, receive, send)
            return
        body = await self._gathered(receive)
        if body is None:
            await self._refuse(scope, headers, None, send)
            return
        others = [(name, value) for name, value in scope["headers"] if name != b"transfer-encoding"]
        whole = {**scope, "headers": [*others, (b"content-length", str(len(body)).encode())]}
        await self._app(whole, _once(body, receive), send)

    async def _gathered(self, receive: Receive) -> bytes | None:
        """A chunked body as a whole, or None when it is larger than the limit."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._limit:
                return None
            more = message.get("more_body", False)
        return bytes(body)

    async def _refuse(self, scope: Scope, headers: Headers, size: int | None, send: Send) -> None:
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(
            self._executor, partial(self._refusal, scope["path"], headers, size)
        ) or self._problem(headers, size)
        # The rest of the body is not read: nothing else can follow on this connection.
        sent: list[tuple[bytes, bytes]] = [
            (b"content-type", answer.media_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})

    def _problem(self, headers: Headers, size: int | None) -> Answer:
        fault = Fault(
            "request.too-large",
            "",
            f"内容不能超过 {self._limit} 字节",
            f"a body may have {self._limit} bytes at most",
            value=size,
        )
        return Answer(413, MEDIA_TYPE, encoded(problem_body(413, [fault], language_of(headers.get("accept-language")))))


def _once(body: bytes, receive: Receive) -> Receive:
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return left.pop() if left else await receive()

    return again
