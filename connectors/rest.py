"""Agencies that take HTTP: each delivery is a signed webhook (Standard Webhooks 1.0), told once or again.

What is in the canonical form is an event of the hub's own contract; a record in the agency's dialect is the whole body, as
its format, encoding and media type want it, and the hub's ids are in headers. What such an agency says of its own accord comes over the hub's HTTP contract, not over this module.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from connectors import options
from connectors.wire import Deadline, Lost, NotSent, Reply, Tls, Wire
from hub.domain.faults import Fault
from hub.ports import ConfigError, Endpoint, Outcome, OutcomeKind, Parcel, Sessions, SystemReceipt

#: What every webhook of the hub is about; the exchange is in the data.
EVENT = "delivery.created"
#: What stands in a payload for a document's content. It is ASCII, and so are its bytes in every encoding that is written.
TOKEN = re.compile(rb"urn:sha256:([0-9a-f]{64})")
#: Seconds after which an agency is asked again whose secret an administrator must mend first.
AFTER_MENDING = 900.0


@dataclass(frozen=True, slots=True)
class RestOptions:
    """The section `rest:` of transport.yaml, or of an agency's own options. All of it may be left out."""

    #: bytes of an answer
    limit: int = 1024 * 1024
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


def _real_time() -> datetime:
    return datetime.now(UTC)


class RestConnector:
    """Sends webhooks. One instance serves all endpoints and threads.

    `endpoint.password` is the webhook secret (`whsec_` and base64). The body is the same at every attempt; only
    `webhook-timestamp` and with it the signature are of the attempt.
    """

    def __init__(self, now: Callable[[], datetime] = _real_time) -> None:
        """`now` gives real UTC time."""
        self._now = now
        self._wire = Wire()

    def call(self, endpoint: Endpoint, parcel: Parcel, sessions: Sessions) -> Outcome:
        """Tell one delivery: `parcel.payload` is the inbox item, or the record in the agency's dialect. Raises `ConfigError`
        for a missing address or secret."""
        told = options.read(RestOptions, endpoint.options, "/rest")
        secret = _secret(endpoint)
        try:
            body = _event(parcel) if parcel.dialect is None else _record(parcel)
        except KeyError as missing:
            return Outcome(OutcomeKind.REFUSED, "hub.attachment", f"记录引用的文书不在附件中：{missing.args[0]}")
        stamp = str(int(self._now().timestamp()))
        headers = {
            "Content-Type": "application/json" if parcel.dialect is None else parcel.media_type,
            "Accept": "application/json",
            "webhook-id": parcel.message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": _signature(secret, parcel.message_id, stamp, body),
        }
        if parcel.dialect is not None:
            headers |= {
                "hub-delivery": parcel.delivery,
                "hub-transfer": parcel.transfer,
                "hub-exchange": parcel.exchange,
            }
        try:
            reply = self._wire.post(
                endpoint.url or "",
                body,
                headers,
                Deadline(endpoint.timeout),
                Tls(told.ca, told.certificate, told.key),
                told.limit,
            )
        except NotSent as problem:
            return Outcome(OutcomeKind.LATER, "hub.not-sent", f"没有连上对方系统，通知未发出：{problem}")
        except Lost as problem:
            return Outcome(OutcomeKind.UNKNOWN, "hub.lost", f"通知已发出，没有收到完整应答：{problem}")
        return self._read(reply)

    def _read(self, reply: Reply) -> Outcome:
        status, code = reply.status, f"http.{reply.status}"
        if 200 <= status < 300:
            return Outcome(OutcomeKind.DONE, code, receipt=_receipt(reply), answer=reply.body)
        if status == 409:
            return Outcome(OutcomeKind.DUPLICATE, code, _detail(reply), answer=reply.body)
        if status in (408, 425, 429, 503):
            return Outcome(
                OutcomeKind.LATER,
                code,
                _detail(reply) or f"对方系统暂不可用（HTTP {status}）",
                answer=reply.body,
                retry_after=reply.retry_after(self._now()),
            )
        if status in (401, 403, 407):
            return Outcome(
                OutcomeKind.LATER,
                code,
                f"对方不认可本系统的签名或身份：请管理员检查密钥（{_detail(reply) or code}）",
                answer=reply.body,
                retry_after=AFTER_MENDING,
            )
        if 300 <= status < 400:
            return Outcome(
                OutcomeKind.LATER,
                code,
                "对方地址要求转向，本系统不跟随：请管理员改正地址",
                answer=reply.body,
                retry_after=AFTER_MENDING,
            )
        if 400 <= status < 500:
            return Outcome(
                OutcomeKind.REFUSED, code, _detail(reply) or f"对方系统不接受（HTTP {status}）", answer=reply.body
            )
        return Outcome(
            OutcomeKind.UNKNOWN,
            code,
            _detail(reply) or f"对方系统出错（HTTP {status}），不知是否已收到",
            answer=reply.body,
        )

    def poll(self, endpoint: Endpoint, parcel: Parcel, reference: str, sessions: Sessions) -> Outcome:
        """Nothing is decided later in a way that could be asked for: a receipt comes over the hub's HTTP contract."""
        raise ConfigError(
            [
                Fault(
                    "transport.no-poll",
                    "/transport",
                    value=endpoint.agency,
                    zh="REST方式没有可查询的结果",
                    en="REST has nothing to ask for",
                )
            ]
        )

    def repeat_safe(self, endpoint: Endpoint) -> bool:
        """Standard Webhooks: the receiver removes duplicates by `webhook-id`."""
        return True


def _event(parcel: Parcel) -> bytes:
    """The event of the hub's own contract."""
    return json.dumps(
        {"type": EVENT, "timestamp": parcel.sent_at.isoformat(), "data": json.loads(parcel.payload)},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    ).encode()


def _record(parcel: Parcel) -> bytes:
    """The record in the agency's dialect with every document's content in its place. KeyError for one that is not there."""
    by_hash = {attachment.sha256: attachment for attachment in parcel.attachments}
    return TOKEN.sub(lambda found: base64.b64encode(by_hash[found[1].decode()].open()), parcel.payload)


def _signature(secret: bytes, message_id: str, stamp: str, body: bytes) -> str:
    """The signature of Standard Webhooks 1.0 over the bytes as they are: the library's own takes only text in UTF-8."""
    signed = hmac.new(secret, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def _secret(endpoint: Endpoint) -> bytes:
    if not endpoint.url:
        raise ConfigError(
            [
                Fault(
                    "endpoint.url",
                    "",
                    value=endpoint.agency,
                    zh=f"{endpoint.agency}没有配置地址",
                    en=f"{endpoint.agency} has no address",
                )
            ]
        )
    try:
        secret = endpoint.password or ""
        Webhook(secret)  # what it would not take, no recipient's library takes
        return base64.b64decode(secret.removeprefix("whsec_") + "==")  # with or without padding, as the library has it
    except (EmptyWebhookSecretError, binascii.Error, ValueError) as problem:
        raise ConfigError(
            [
                Fault(
                    "endpoint.secret",
                    "",
                    zh=f"{endpoint.agency}的密钥应为whsec_加Base64",
                    en=f"the secret of {endpoint.agency} must be whsec_ and base64",
                )
            ]
        ) from problem


def _json(reply: Reply) -> Mapping[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}  # an answer may be empty or prose; its status says what matters
    return found if isinstance(found, dict) else {}


def _receipt(reply: Reply) -> SystemReceipt | None:
    """`{"receipt": {"outcome": "accepted" | "returned", "reason"?, "number"?}}`; anything else is no receipt."""
    found = _json(reply).get("receipt")
    if not isinstance(found, dict) or found.get("outcome") not in ("accepted", "returned"):
        return None
    return SystemReceipt(
        found["outcome"] == "accepted",
        *(str(found[name]) if found.get(name) else None for name in ("reason", "number")),
    )


def _detail(reply: Reply) -> str | None:
    """What a problem document says (RFC 9457), else the beginning of a text."""
    problem = _json(reply)
    told = problem.get("detail") or problem.get("title")
    if told:
        return str(told)[:1000]
    if reply.media_type == "text/plain":
        return reply.body[:300].decode(errors="replace").strip() or None
    return None


def connector() -> RestConnector:
    """The connector of this transport."""
    return RestConnector()


def check(given: Mapping[str, Any], folder: Path | None) -> list[Fault]:
    """Everything wrong with a `rest:` section."""
    try:
        options.read(RestOptions, given, "/rest")
    except ConfigError as problem:
        return list(problem.faults)
    return []
