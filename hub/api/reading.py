"""What a request says, checked against the contract before any operation sees it: parameters, JSON and form bodies.

Takes the place of Connexion's validators, which stop at the first fault and speak one language. A canonical record inside
an envelope is not checked here but in the intake, which checks it for every way in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope

from hub.api.bundle import json_schema
from hub.api.checking import checker
from hub.api.framework import ROUTING_CONTEXT, AbstractRequestBodyValidator, ConnexionRequest, ParameterValidator
from hub.domain.faults import Fault, Malformed

#: Nothing that people hand over nests deeper; deeper JSON is meant to exhaust somebody's stack.
DEEPEST = 64
#: In JSON, the escapes that can make what XML and PostgreSQL cannot hold: control characters, half pairs, U+FFFE/F.
SUSPECT = re.compile(rb"\\u(?:00[01]|[dD][89a-fA-F]|[fF]{3}[eEfF])|\xef\xbf[\xbe\xbf]")
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Check = Callable[[Any], list[Fault]]


# ------------------------------------------------------------------ JSON
def read_json(raw: bytes) -> Any:
    """Parse JSON strictly (RFC 8259): UTF-8, no NaN, no text that could not be stored or passed on. Raises `Malformed`."""
    if not raw.strip():
        raise _malformed("json.missing", "", "缺少 JSON 内容", "a JSON body is expected")
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(raw) > DEEPEST:
        raise _malformed("json.too-deep", "", f"JSON 嵌套不能超过 {DEEPEST} 层", f"JSON may nest {DEEPEST} levels deep")
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_not_a_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise _malformed("json.encoding", "", "JSON 应为 UTF-8 编码", "JSON is expected in UTF-8") from error
    except (ValueError, RecursionError) as error:
        place = f"第 {error.lineno} 行第 {error.colno} 列" if isinstance(error, json.JSONDecodeError) else ""
        spot = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _malformed(
            "json.malformed", "", f"不是有效的 JSON{'：' + place if place else ''}", f"this is not JSON{spot}"
        ) from error
    if SUSPECT.search(raw):
        faults = [
            Fault(
                "text.forbidden",
                pointer,
                "文字中不能有控制字符或不完整的字符",
                "text may not hold control characters or halves of characters",
            )
            for pointer, text in _texts(found, "")
            if FORBIDDEN.search(text)
        ]
        if faults:
            raise Malformed(faults)
    return found


def _depth(raw: bytes) -> int:
    deepest = here = 0
    for bracket in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', raw):
        if bracket[0] in (b"[", b"{"):
            here += 1
            deepest = max(deepest, here)
        elif bracket[0] in (b"]", b"}"):
            here -= 1
    return deepest


def _not_a_number(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _texts(node: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Every text of a value, names of members too, with the place it stands at."""
    if isinstance(node, str):
        yield pointer, node
    elif isinstance(node, dict):
        for key, value in node.items():
            shown = FORBIDDEN.sub("\ufffd", key).replace("~", "~0").replace("/", "~1")
            yield f"{pointer}/{shown}", key
            yield from _texts(value, f"{pointer}/{shown}")
    elif isinstance(node, list):
        for n, item in enumerate(node):
            yield from _texts(item, f"{pointer}/{n}")


def _malformed(rule: str, pointer: str, zh: str, en: str) -> Malformed:
    return Malformed([Fault(rule, pointer, zh, en)])


# ------------------------------------------------------------------ bodies
def body_checks(contract: Mapping[str, Any]) -> dict[str, tuple[str, Check]]:
    """operationId → media type and check of its JSON or form body. Operations that take raw bytes have none."""
    return {
        operation["operationId"]: (media_type, checker(json_schema(_envelope(content["schema"], contract)), "request"))
        for path in contract["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
        if content["schema"].get("format") != "binary"
    }


def operation_id(scope: Scope) -> str:
    """The operation that Connexion has found for a request."""
    found: str = scope["extensions"][ROUTING_CONTEXT]["operation_id"]
    return found


def _envelope(schema: Mapping[str, Any], contract: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself; of a choice by exchange, the envelope that all have in common, its record left to the intake."""
    named = contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "discriminator" not in named:
        return schema
    one = contract["components"]["schemas"][named["oneOf"][0]["$ref"].rpartition("/")[2]]
    by = named["discriminator"]["propertyName"]
    return {
        **one,
        "properties": {**one["properties"], by: {"type": "string", "maxLength": 60}, "record": {"type": "object"}},
    }


def body_validator(checks: Mapping[str, tuple[str, Check]]) -> type[AbstractRequestBodyValidator]:
    """The class that Connexion makes anew for each request with a body, whatever its media type."""

    class BodyValidator(AbstractRequestBodyValidator):  # type: ignore[misc]
        async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
            if operation_id(scope) not in checks:
                return receive, scope
            media_type, check = checks[operation_id(scope)]
            messages = [message async for message in _messages(receive)]
            raw = b"".join(message.get("body", b"") for message in messages)
            faults = check(_form(raw) if media_type.endswith("x-www-form-urlencoded") else read_json(raw))
            if faults:
                raise Malformed(faults)
            replay = iter(messages)

            async def again() -> Message:
                for message in replay:
                    return message
                return await receive()

            return again, scope

    return BodyValidator


async def _messages(receive: Receive) -> AsyncIterator[Message]:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message


def _form(raw: bytes) -> dict[str, str]:
    """A form as a mapping. Raises `Malformed` for bytes that are no form, or a field given twice (RFC 6749 section 3.2)."""
    try:
        fields = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict", max_num_fields=50
        )
    except ValueError as error:
        raise _malformed("form.malformed", "", "不是有效的表单", "this is no form") from error
    found = dict(fields)
    twice = {name for name, _ in fields if [n for n, _ in fields].count(name) > 1}
    if twice:
        raise Malformed(
            [
                Fault("form.twice", f"/{name}", f"“{name}”只能出现一次", f"{name} may be given once")
                for name in sorted(twice)
            ]
        )
    return found


# ------------------------------------------------------------------ parameters
class ParameterReader(ParameterValidator):  # type: ignore[misc]
    """Every fault of the parameters at once; a fault's pointer is `#/query/limit`, `#/header/Idempotency-Key`, …"""

    def validate_request(self, request: ConnexionRequest) -> None:
        faults = (
            [
                Fault(
                    "request.unknown",
                    f"#/query/{name}",
                    f"没有参数“{name}”",
                    f"there is no parameter {name!r}",
                    value=name,
                )
                for name in sorted(self.validate_query_parameter_list(request))
            ]
            if self.strict_validation and self.parameters.get("query") is not None
            else []
        )
        given = {
            "query": request.query_params,
            "path": request.path_params,
            "header": request.headers,
            "cookie": request.cookies,
        }
        for place, parameters in self.parameters.items():
            for parameter in parameters:
                faults += _parameter_faults(place, parameter, given[place].get(parameter["name"]))
        if faults:
            raise Malformed(faults)


def _parameter_faults(place: str, parameter: Mapping[str, Any], value: Any) -> list[Fault]:
    pointer = f"#/{place}/{parameter['name']}"
    if value is None:
        expects = parameter["schema"].get("x-expects", {"zh": "", "en": ""})
        return (
            [
                Fault(
                    "request.required",
                    pointer,
                    f"缺少参数“{parameter['name']}”" + (f"：应为{expects['zh']}" if expects["zh"] else ""),
                    f"the parameter {parameter['name']} is missing"
                    + (f": {expects['en']} is expected" if expects["en"] else ""),
                )
            ]
            if parameter.get("required")
            else []
        )
    if value == "" and parameter.get("allowEmptyValue"):
        return []
    if isinstance(value, str) and FORBIDDEN.search(value):
        return [Fault("text.forbidden", pointer, "不能有控制字符", "control characters are not taken")]
    check = _parameter_check(
        json.dumps({key: inner for key, inner in parameter["schema"].items() if key != "components"}, sort_keys=True)
    )
    return [Fault(fault.rule, pointer + fault.pointer, fault.zh, fault.en, value=fault.value) for fault in check(value)]


@lru_cache(maxsize=1000)
def _parameter_check(schema: str) -> Check:
    return checker(json_schema(json.loads(schema)), "request")
