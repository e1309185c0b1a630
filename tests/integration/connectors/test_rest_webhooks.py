"""Webhooks: signed, told again without a second effect, and every answer read for what it means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
import responses
from scripted import DROP, HALF, Got, MemorySessions, Script, closed_port, parcel
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.rest import RestConnector
from hub.ports import Attachment, ConfigError, Endpoint, Outcome, OutcomeKind, SystemReceipt

Serve = Callable[[Callable[[Got], Any]], Script]
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
ITEM = {"transfer": "t-1", "delivery": "d-1", "record": {"person": {"name": "马丽娜·阿不都"}}, "documents": []}


def endpoint(url: str | None, **more: Any) -> Endpoint:
    return replace(Endpoint("bureau.370828", "rest", url, None, SECRET, {}, None, 5.0), **more)


def tell(url: str | None, sessions: MemorySessions, **more: Any) -> Outcome:
    return RestConnector().call(endpoint(url, **more), parcel(json.dumps(ITEM)), sessions)


def test_a_delivery_is_told_and_signed(serve: Serve, sessions: MemorySessions) -> None:
    script = serve(lambda got: (200, "application/json", b"{}"))
    outcome = tell(script.url, sessions)
    assert (outcome.kind, outcome.receipt) == (OutcomeKind.DONE, None)
    [got] = script.got
    assert got.headers["webhook-id"] == "message-1"
    told = Webhook(SECRET).verify(got.body, got.headers)
    assert told == {"type": "delivery.created", "timestamp": "2021-03-15T01:20:00+00:00", "data": ITEM}
    assert got.body == json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(), (
        "canonical JSON"
    )
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body + b" ", got.headers)


def test_a_record_in_the_agencys_dialect_is_the_body_as_it_is_with_its_documents_in_their_places(
    serve: Serve, sessions: MemorySessions
) -> None:
    script = serve(lambda got: (200, "application/json", b""))
    digest = hashlib.sha256(b"%PDF-1.4").hexdigest()
    payload = f"LSH,XM,NR\r\n1,周㴔,urn:sha256:{digest}\r\n".encode("gb18030")
    told = replace(
        parcel("", attachments=(Attachment(digest, "判决书", None, "application/pdf", 8, lambda: b"%PDF-1.4"),)),
        payload=payload,
        media_type="text/csv; charset=GB18030",
        dialect="county",
    )
    assert RestConnector().call(endpoint(script.url), told, sessions).kind is OutcomeKind.DONE
    [got] = script.got
    assert got.body.decode("gb18030") == f"LSH,XM,NR\r\n1,周㴔,{base64.b64encode(b'%PDF-1.4').decode()}\r\n"
    assert got.headers["content-type"] == "text/csv; charset=GB18030"
    assert (got.headers["hub-delivery"], got.headers["hub-exchange"]) == ("delivery-1", "admission.documents")
    signed = f"message-1.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{wanted}"
    without = replace(told, attachments=())
    assert RestConnector().call(endpoint(script.url), without, sessions).code == "hub.attachment"
    assert len(script.got) == 1, "nothing half-made leaves"


def test_an_attempt_more_has_the_same_id_and_body_and_a_time_of_its_own(serve: Serve, sessions: MemorySessions) -> None:
    script = serve(lambda got: (200, "application/json", b""))
    for moment in (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)):
        RestConnector(now=lambda moment=moment: moment).call(endpoint(script.url), parcel(json.dumps(ITEM)), sessions)  # type: ignore[misc]
    first, second = script.got
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 86400
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert RestConnector().repeat_safe(endpoint(script.url))


@pytest.mark.parametrize(
    ("said", "receipt"),
    [
        ({"receipt": {"outcome": "accepted", "number": "R-1"}}, SystemReceipt(True, None, "R-1")),
        ({"receipt": {"outcome": "returned", "reason": "不在本县居住"}}, SystemReceipt(False, "不在本县居住")),
        ({"receipt": {"outcome": "perhaps"}}, None),
        ({"receipt": "accepted"}, None),
        (["accepted"], None),
    ],
)
def test_an_answer_may_be_the_receipt(
    said: Any, receipt: SystemReceipt | None, serve: Serve, sessions: MemorySessions
) -> None:
    outcome = tell(serve(lambda got: (202, "application/json", json.dumps(said).encode())).url, sessions)
    assert (outcome.kind, outcome.receipt) == (OutcomeKind.DONE, receipt)


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "message", "wait"),
    [
        (204, "", {}, OutcomeKind.DONE, None, None),
        (200, "[" * 100_000, {}, OutcomeKind.DONE, None, None),
        (409, '{"detail": "known"}', {}, OutcomeKind.DUPLICATE, "known", None),
        (422, '{"title": "Unprocessable", "detail": "没有这个人"}', {}, OutcomeKind.REFUSED, "没有这个人", None),
        (400, "<html>", {"Content-Type": "text/html"}, OutcomeKind.REFUSED, "对方系统不接受（HTTP 400）", None),
        (404, "not here", {"Content-Type": "text/plain"}, OutcomeKind.REFUSED, "not here", None),
        (429, "", {"Retry-After": "12"}, OutcomeKind.LATER, None, 12.0),
        (503, "", {"Retry-After": "soon"}, OutcomeKind.LATER, None, None),
        (503, "", {}, OutcomeKind.LATER, None, None),
        (401, '{"detail": "bad signature"}', {}, OutcomeKind.LATER, None, 900.0),
        (302, "", {"Location": "https://elsewhere.example/"}, OutcomeKind.LATER, None, 900.0),
        (500, "", {}, OutcomeKind.UNKNOWN, None, None),
        (502, "", {}, OutcomeKind.UNKNOWN, None, None),
    ],
)
def test_odd_answers(
    status: int, body: str, headers: dict[str, str], kind: OutcomeKind, message: str | None, wait: float | None
) -> None:
    responses.post("https://bureau.example/webhooks", body=body, status=status, headers=headers)
    outcome = tell("https://bureau.example/webhooks", MemorySessions())
    assert (outcome.kind, outcome.code, outcome.retry_after) == (kind, outcome.code, wait)
    assert message is None or outcome.message == message
    assert len(responses.calls) == 1, "a redirect is not followed"


@responses.activate
def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    responses.post(
        "https://bureau.example/",
        status=503,
        headers={"Retry-After": format_datetime(now.replace(minute=2), usegmt=True)},
    )
    outcome = RestConnector(now=lambda: now).call(
        endpoint("https://bureau.example/"), parcel(json.dumps(ITEM)), MemorySessions()
    )
    assert outcome.retry_after == 120.0


@pytest.mark.parametrize("ending", [DROP, HALF])
def test_a_lost_answer_is_unknown(ending: str, serve: Serve, sessions: MemorySessions) -> None:
    assert (
        tell(serve(lambda got: (200, "application/json", b"{      }", ending)).url, sessions).kind
        is OutcomeKind.UNKNOWN
    )


def test_nobody_listening_is_later(sessions: MemorySessions) -> None:
    with closed_port() as url:
        assert tell(url, sessions).kind is OutcomeKind.LATER


@pytest.mark.parametrize(
    "change", [{"url": None}, {"password": None}, {"password": "whsec_"}, {"password": "whsec_密"}]
)
def test_without_address_or_secret_the_administrator_is_called(
    change: dict[str, Any], sessions: MemorySessions
) -> None:
    with pytest.raises(ConfigError):
        RestConnector().call(replace(endpoint("https://bureau.example/"), **change), parcel(json.dumps(ITEM)), sessions)


def test_nothing_is_decided_later_there(sessions: MemorySessions) -> None:
    with pytest.raises(ConfigError):
        RestConnector().poll(endpoint("https://bureau.example/"), parcel(json.dumps(ITEM)), "reference", sessions)


def test_no_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, sessions: MemorySessions
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with closed_port() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        assert tell(serve(lambda got: (200, "application/json", b"")).url, sessions).kind is OutcomeKind.DONE
