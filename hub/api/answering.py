"""Answers held to the contract: on in tests (`HUB_VALIDATE_RESPONSES`), where an answer that it does not describe is a failure.

Takes the place of Connexion's validator, which cannot take HEAD and prints the whole contract with each fault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connexion.exceptions import NonConformingResponseBody
from connexion.validators import AbstractResponseBodyValidator
from starlette.types import Message, Send

from hub.api.bundle import json_schema
from hub.api.checking import checker
from hub.api.reading import Check

#: Marks the schema of an answer with its operation, status and media type; only in Connexion's copy of the contract.
MARK = "x-answer"


def answer_checks(contract: Mapping[str, Any]) -> dict[str, Check]:
    """A check for each JSON answer of the contract. `contract` is changed: the schema of each answer gets `MARK`."""
    checks: dict[str, Check] = {}
    for path in contract["paths"].values():
        for operation in path.values():
            if not isinstance(operation, dict):
                continue
            for status, answer in operation["responses"].items():
                for media_type, content in answer.get("content", {}).items():
                    if not media_type.endswith("json"):
                        continue
                    mark = f"{operation['operationId']} {status} {media_type}"
                    checks[mark] = checker(json_schema(content["schema"]), "answer")
                    content["schema"] = {"allOf": [content["schema"]], MARK: mark}
    return checks


def answer_validator(checks: Mapping[str, Check]) -> type[AbstractResponseBodyValidator]:
    """The class that Connexion makes anew for each JSON answer."""

    class AnswerValidator(AbstractResponseBodyValidator):  # type: ignore[misc]
        def wrap_send(self, send: Send) -> Send:
            if self._scope["method"] == "HEAD":
                return send
            check = checks.get(self._schema.get(MARK, ""))
            held: list[Message] = []

            async def checked(message: Message) -> None:
                held.append(message)
                if message["type"] == "http.response.start" or message.get("more_body", False):
                    return
                if check is None:
                    raise NonConformingResponseBody("the contract describes no such answer")
                faults = check(json.loads(b"".join(part.get("body", b"") for part in held)))
                if faults:
                    raise NonConformingResponseBody("; ".join(f"{fault.pointer}: {fault.en}" for fault in faults))
                for part in held:
                    await send(part)

            return checked

    return AnswerValidator
