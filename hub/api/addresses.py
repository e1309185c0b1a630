"""Addresses that name nothing, told apart before any router sees them.

Connexion routes twice, by Starlette and by Flask, and the two read a line break within an address differently: one finds
an operation where the other finds none. No address of the contract holds a control character.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.api.problems import MEDIA_TYPE, encoded, language_of, problem_body

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class PlainAddresses:
    """ASGI middleware: an address with a control character is answered 404."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not CONTROL.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = encoded(problem_body(404, (), language_of(Headers(scope=scope).get("accept-language"))))
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})
