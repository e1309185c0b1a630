"""Answers held to the contract: on in tests (`HUB_VALIDATE_RESPONSES`), where an answer that it does not describe is a failure.

Takes the place of Connexion's validator, which cannot take HEAD and prints the whole contract with each fault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.types import Message, Send

from hub.api.bundle import json_schema
from hub.api.checking import checker
from hub.api.framework import AbstractResponseBodyValidator, NonConformingResponseBody
from hub.api.reading import Check, operation_id

#: The bytes of documents are of any media type, JSON too, and nobody's to check.
ANY = "*/*"


def answer_checks(contract: Mapping[str, Any]) -> dict[tuple[str, str, str], Check]:
    """A check for each JSON answer of the contract, by operation, status and media type."""
    return {
        (operation["operationId"], status, media_type): checker(json_schema(content["schema"]), "answer")
        for path in contract["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for status, answer in operation["responses"].items()
        for media_type, content in answer.get("content", {}).items()
        if media_type.endswith("json") or media_type == ANY
    }


def answer_validator(checks: Mapping[tuple[str, str, str], Check]) -> type[AbstractResponseBodyValidator]:
    """The class that Connexion makes anew for each JSON answer."""

    class AnswerValidator(AbstractResponseBodyValidator):  # type: ignore[misc]
        def wrap_send(self, send: Send) -> Send:
            operation = operation_id(self._scope)
            held: list[Message] = []

            async def checked(message: Message) -> None:
                held.append(message)
                if message["type"] == "http.response.start" or message.get("more_body", False):
                    return
                if self._scope["method"] != "HEAD":
                    _hold_to_contract(checks, operation, held)
                for part in held:
                    await send(part)

            return checked

    return AnswerValidator


def _hold_to_contract(checks: Mapping[tuple[str, str, str], Check], operation: str, held: Sequence[Message]) -> None:
    """Raises `NonConformingResponseBody` for an answer that the contract does not describe."""
    status = str(held[0]["status"])
    media_type = dict(held[0]["headers"])[b"content-type"].decode().partition(";")[0]
    if (operation, status, ANY) in checks:
        return
    check = checks.get((operation, status, media_type))
    if check is None:
        raise NonConformingResponseBody(f"the contract describes no {status} {media_type} of {operation}")
    faults = check(json.loads(b"".join(part.get("body", b"") for part in held)))
    if faults:
        raise NonConformingResponseBody("; ".join(f"{fault.pointer}: {fault.en}" for fault in faults))
