"""Addresses that name nothing, told apart before any router sees them; and those that a router would take for others.

Connexion routes twice, by Starlette and by Flask, and the two read a line break within an address differently: one finds
an operation where the other finds none. No address of the contract holds a control character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.api.problems import MEDIA_TYPE, encoded, language_of, problem_body

METHODS = frozenset({"get", "put", "post", "delete", "patch"})
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class PlainAddresses:
    """ASGI middleware: an address with a control character is answered 404."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not CONTROL.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        await _refuse(404, scope, send)


class ConcreteAddresses:
    """ASGI middleware: an address that the contract names as it is stands before those with a parameter (OpenAPI 3.0.3,
    Paths Object). `GET /v1/transfers/preview` asks for no transfer of that name: it is answered 405."""

    def __init__(self, app: ASGIApp, paths: Mapping[str, Mapping[str, object]]) -> None:
        self._app = app
        templates = [
            re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)) + "$") for path in paths if "{" in path
        ]
        self._allowed = {
            path: allowed_methods(operations)
            for path, operations in paths.items()
            if "{" not in path and any(template.match(path) for template in templates)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = self._allowed.get(scope["path"]) if scope["type"] == "http" else None
        if allowed is None or scope["method"] in allowed:
            await self._app(scope, receive, send)
            return
        await _refuse(405, scope, send, [(b"allow", ", ".join(allowed).encode())])


def allowed_methods(operations: Mapping[str, object]) -> list[str]:
    """The methods that an address takes, HEAD wherever GET is."""
    named = {name.upper() for name in operations if name in METHODS}
    return sorted(named | ({"HEAD"} if "GET" in named else set()))


async def _refuse(status: int, scope: Scope, send: Send, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    body = encoded(problem_body(status, (), language_of(Headers(scope=scope).get("accept-language"))))
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
