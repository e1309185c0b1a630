"""Every error as `application/problem+json` (RFC 9457), in Chinese or English, the same faults on every way in."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from hub.api.framework import ConnexionRequest, ConnexionResponse, ProblemException
from hub.domain.faults import Fault, HubError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:santong:problem:"

#: status → (kind, title, detail), each title and detail in Chinese and English.
WORDS: dict[int, tuple[str, tuple[str, str], tuple[str, str]]] = {
    400: (
        "malformed",
        ("请求格式有误", "Malformed request"),
        ("请求与接口约定不符，请按各项说明更正", "The request is not what the contract describes; see each fault."),
    ),
    401: (
        "unauthorized",
        ("身份未通过验证", "Not authenticated"),
        ("需要有效的访问令牌（Authorization: Bearer …）", "A valid access token is needed (Authorization: Bearer …)."),
    ),
    403: ("not-allowed", ("没有权限", "Not allowed"), ("本单位不能这样做", "This agency may not do this.")),
    404: (
        "not-found",
        ("没有找到", "Not found"),
        ("没有这一项，或本单位无权查看", "There is no such thing, or none that this agency may see."),
    ),
    405: (
        "method-not-allowed",
        ("不支持的方法", "Method not allowed"),
        ("该地址不支持这种方法", "This address does not take this method."),
    ),
    406: (
        "not-acceptable",
        ("无法按所要求的格式回答", "Not acceptable"),
        ("无法按所要求的格式回答", "The answer cannot be given in that form."),
    ),
    409: (
        "conflict",
        ("与已有内容冲突", "Conflict"),
        (
            "与已接收的内容或当前状态冲突，本次未接收",
            "This conflicts with what was taken before or with the present state; nothing was taken.",
        ),
    ),
    413: ("too-large", ("内容过大", "Too large"), ("内容过大", "The body is too large.")),
    415: (
        "unsupported-media-type",
        ("不支持的媒体类型", "Unsupported media type"),
        ("不支持的媒体类型", "This media type is not taken here."),
    ),
    422: (
        "refused",
        ("内容不符合规则", "Refused"),
        ("未被接收，请按各项说明更正后重新提交", "Nothing was taken; correct each fault and send it again."),
    ),
    500: (
        "internal",
        ("系统内部错误", "Internal error"),
        ("系统出现故障，已记录", "The hub failed and has logged why."),
    ),
    503: (
        "unavailable",
        ("暂时不可用", "Unavailable"),
        ("暂时不可用，请稍后再试", "Not available now; try again later."),
    ),
}


class NotAcceptable(HubError):
    """None of the media types in Accept can be given."""

    status, kind = 406, "not-acceptable"


class Unavailable(HubError):
    """A part that is needed cannot be used now."""

    status, kind = 503, "unavailable"


def language_of(accept_language: str | None) -> str:
    """`en` where English is preferred to Chinese, else `zh`."""
    for wanted, quality in parse_accept_header(accept_language, LanguageAccept):
        if quality > 0 and (primary := wanted.partition("-")[0].lower()) in ("zh", "en"):
            return primary
    return "zh"


def problem_body(
    status: int, faults: Iterable[Fault], language: str, detail: str | None = None, **more: Any
) -> dict[str, Any]:
    """The members of a problem; `more` are extension members of RFC 9457."""
    kind, titles, details = WORDS.get(status, WORDS[500] if status >= 500 else WORDS[400])
    which = 1 if language == "en" else 0
    return {
        "type": TYPE + kind,
        "title": titles[which],
        "status": status,
        "detail": detail or details[which],
        **more,
        "errors": [fault.as_error(language) for fault in faults],
    }


def encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _response(
    request: ConnexionRequest,
    status: int,
    faults: Sequence[Fault] = (),
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> ConnexionResponse:
    body = problem_body(status, faults, language_of(request.headers.get("accept-language")), detail, **more)
    return ConnexionResponse(
        status_code=status,
        mimetype=MEDIA_TYPE,
        content_type=MEDIA_TYPE,
        body=encoded(body),
        headers=dict(headers or {}),
    )


# ------------------------------------------------------------------ handlers, one for each kind of error
def hub_error(request: ConnexionRequest, error: HubError) -> ConnexionResponse:
    """What the hub says to the sender: every fault, and its status. One sentence becomes the detail where there is only one."""
    if error.status == 401:
        return unauthorized(request, error)
    return _response(request, error.status, error.faults)


def unauthorized(request: ConnexionRequest, error: Exception) -> ConnexionResponse:
    """No valid token, or (from the token endpoint) no valid credentials: RFC 6750 section 3, RFC 6749 section 5.2."""
    if isinstance(error, HubError):
        detail = error.faults[0].message(language_of(request.headers.get("accept-language"))) if error.faults else None
        return _response(
            request,
            401,
            (),
            detail,
            {"WWW-Authenticate": 'Basic realm="hub", charset="UTF-8"', "Cache-Control": "no-store"},
            error="invalid_client",
        )
    challenge = 'Bearer realm="hub"'
    if request.headers.get("authorization"):
        challenge += ', error="invalid_token"'
    return _response(request, 401, headers={"WWW-Authenticate": challenge})


def http_error(request: ConnexionRequest, error: HTTPException) -> ConnexionResponse:
    """What Connexion, Starlette or Werkzeug refused. Their English sentence is kept as the fault's message."""
    status = error.status_code
    if status == 401:
        return unauthorized(request, error)
    if status >= 500:
        return failure(request, error)
    faults = []
    if status == 415:
        faults = [_media_type_fault(str(error.detail))]
    elif status == 400 and error.detail:
        faults = [Fault("request.malformed", "", str(error.detail), str(error.detail))]
    return _response(request, status, faults, headers=error.headers or {})


def _media_type_fault(detail: str) -> Fault:
    """Connexion says in one English sentence what came and what is taken."""
    said = re.search(r"\((?P<found>.*?)\), expected (?P<taken>\[.*\])", detail)
    if said is None:
        return Fault("request.media-type", "#/header/Content-Type", detail, detail)
    taken = ", ".join(re.findall(r"'([^']+)'", said["taken"]))
    return Fault(
        "request.media-type",
        "#/header/Content-Type",
        f"可以接收：{taken}",
        f"{taken} is taken here",
        value=said["found"],
    )


def failure(request: ConnexionRequest, error: Exception) -> ConnexionResponse:
    """The hub's own mistake: told apart by an id that the log has too; nothing inside is shown."""
    number = secrets.token_hex(6)
    log.error("failure %s: %s %s", number, request.method, request.url.path, exc_info=error)
    language = language_of(request.headers.get("accept-language"))
    detail = (
        f"The hub failed and has logged why under {number}; send it again with the same key."
        if language == "en"
        else f"系统出现故障，已记录，编号{number}；请用同一编号重新提交"
    )
    return _response(request, 500, detail=detail, instance=f"urn:santong:failure:{number}")


HANDLERS = ((HubError, hub_error), (ProblemException, http_error), (HTTPException, http_error), (Exception, failure))
