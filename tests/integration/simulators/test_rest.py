"""The simulated neighbouring bureau: signed webhooks in, receipts and transfers out; and the client half alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import requests

from simulators.hub_client import HubClient, HubRefused
from tests.integration.simulators.conftest import Start
from tests.integration.simulators.hub_stub import HubStub, Seen
from tests.integration.simulators.running import Running, wait_until

KEY = b"a key of the webhooks of jinxiang"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CLIENT = ("--hub-user", "bureau-370828", "--hub-password", "s3cret")


def item(delivery: str = "d-1", role: str = "to", **more: Any) -> dict[str, Any]:
    return {
        "delivery": delivery,
        "transfer": "t-1",
        "exchange": "admission.documents",
        "sender": "court.370826",
        "role": role,
        "case": "c-1",
        "person": "p-1",
        "accepted_at": "2021-03-15T09:00:00+08:00",
        "in_reply_to": None,
        "record": {
            "person": {"name": "马丽娜·阿不都", "id_number": "370828199011303627"},
            "case": {"number": "(2021)鲁0826刑初57号"},
        },
        "documents": [
            {"sha256": "ab", "title": "刑事判决书", "kind": "判决书", "media_type": "application/pdf", "size": 15}
        ],
        **more,
    }


def hook(
    bureau: Running, body: Any, identity: str = "msg-1", *, age: int = 0, key: bytes = KEY, **headers: str
) -> requests.Response:
    content = json.dumps(body, ensure_ascii=False).encode()
    moment = str(int(time.time()) - age)
    signed = f"{identity}.{moment}.".encode() + content
    signature = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return bureau.post(
        content,
        {
            "Content-Type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": moment,
            "webhook-signature": signature,
            **headers,
        },
    )


@pytest.fixture
def bureau(start: Start) -> Running:
    return start("rest", "bureau.370828", password=SECRET)


def hub_answering(hub: HubStub, receipt: tuple[int, Any] = (200, {"status": "accepted"})) -> None:
    """Grants tokens `token-1`, `token-2`, … and answers receipts and transfers of the newest one."""
    granted = 0

    def answer(seen: Seen) -> tuple[int, str, bytes]:
        nonlocal granted
        if seen.path == "/oauth/token":
            granted += 1
            return (
                200,
                "application/json",
                json.dumps({"access_token": f"token-{granted}", "token_type": "Bearer", "expires_in": 3600}).encode(),
            )
        if seen.headers.get("authorization") != f"Bearer token-{granted}":
            return 401, "application/problem+json", b"{}"
        status, body = receipt if seen.path.endswith("/receipt") else (202, {"id": "t-9", "status": "accepted"})
        return status, "application/json", json.dumps(body).encode()

    hub.answer = answer


# ---------------------------------------------------------------- webhooks
def test_a_signed_webhook_is_taken_and_its_repetition_recorded_as_one(bureau: Running) -> None:
    assert hook(bureau, item()).status_code == 200
    assert hook(bureau, item()).status_code == 200
    first, second = bureau.journal
    assert (first["outcome"], second["outcome"], first["key"]) == ("accepted", "duplicate", "msg-1")
    assert first["digest"] == second["digest"]
    assert first["record"]["name"] == "马丽娜·阿不都"
    assert first["record"]["delivery"] == "d-1"


def test_the_item_may_stand_in_data(bureau: Running) -> None:
    hook(bureau, item(), "m1")
    hook(bureau, {"type": "delivery", "timestamp": "2021-03-15T01:00:00Z", "data": item()}, "m2")
    first, second = bureau.journal
    assert first["digest"] == second["digest"]
    assert first["record"] == second["record"]


def test_one_id_with_other_content_is_refused(bureau: Running) -> None:
    hook(bureau, item())
    assert hook(bureau, item("d-2")).status_code == 409
    assert bureau.outcomes == ["accepted", "refused"]


def test_what_is_not_signed_rightly_or_in_time_is_refused(bureau: Running) -> None:
    assert hook(bureau, item(), key=b"another").status_code == 401
    assert hook(bureau, item(), age=301).status_code == 401
    assert hook(bureau, item(), age=-310).status_code == 401
    assert hook(bureau, item(), **{"webhook-id": "other"}).status_code == 401
    assert hook(bureau, item(), **{"webhook-timestamp": "soon"}).status_code == 401
    assert bureau.post(b"{}", {"Content-Type": "application/json"}).status_code == 401
    assert bureau.outcomes == ["refused"] * 6
    good = "v1," + base64.b64encode(b"old key's").decode()
    moment, content = str(int(time.time())), b"{}"
    mac = base64.b64encode(hmac.new(KEY, f"m9.{moment}.".encode() + content, hashlib.sha256).digest()).decode()
    rotated = bureau.post(
        content, {"webhook-id": "m9", "webhook-timestamp": moment, "webhook-signature": f"{good} v1a,xyz v1,{mac}"}
    )
    assert rotated.status_code == 200, "one good signature among several is enough"


def test_what_is_no_message_is_refused(bureau: Running) -> None:
    assert hook(bureau, [1, 2]).status_code == 400
    assert hook(bureau, "text").status_code == 400


def test_faults_on_order(bureau: Running) -> None:
    bureau.arm("busy", seconds=7)
    answer = hook(bureau, item())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    bureau.arm("status", status=410)
    assert hook(bureau, item()).status_code == 410
    bureau.arm("refuse", reason="非本县管辖")
    answer = hook(bureau, item())
    assert (answer.status_code, answer.json()["detail"]) == (422, "非本县管辖")
    assert hook(bureau, item()).status_code == 200
    assert bureau.outcomes == ["busy", "fault", "refused", "accepted"]


def test_seen_ids_survive_a_kill(bureau: Running) -> None:
    hook(bureau, item())
    bureau.kill()
    bureau.start_again()
    hook(bureau, item())
    assert bureau.outcomes == ["accepted", "duplicate"]


def test_a_secret_that_is_no_base64_is_said_at_the_start(start: Start) -> None:
    with pytest.raises(AssertionError, match="not base64"):
        start("rest", "bureau.370828", password="whsec_***")


# ---------------------------------------------------------------- receipts
def receipts(bureau: Running) -> dict[str, str]:
    return {entry["delivery"]: entry["state"] for entry in bureau.control("GET", "receipts")["receipts"]}


def test_receipts_follow_the_policy_and_copies_get_none(start: Start, hub: HubStub) -> None:
    hub_answering(hub)
    bureau = start("rest", "bureau.370828", "--hub", hub.url, *CLIENT, password=SECRET)
    hook(bureau, item("d-none"), "m0")
    bureau.control("POST", "policy", {"receipt": "accept"})
    hook(bureau, item("d-copy", role="copy"), "m1")
    hook(bureau, item("d-to"), "m2")
    hook(bureau, item("d-to"), "m2")
    wait_until(lambda: receipts(bureau) == {"d-to": "given"}, "the receipt is given")
    bureau.control("POST", "policy", {"receipt": "return", "reason": "居住地不在本县"})
    hook(bureau, item("d-back"), "m3")
    wait_until(lambda: receipts(bureau).get("d-back") == "given", "the return is given")
    given = {seen.path: json.loads(seen.body) for seen in hub.seen if seen.path.endswith("/receipt")}
    assert given == {
        "/v1/deliveries/d-to/receipt": {"outcome": "accepted"},
        "/v1/deliveries/d-back/receipt": {"outcome": "returned", "reason": "居住地不在本县"},
    }
    assert len(hub.at("/v1/deliveries/d-to/receipt")) == 1
    [token] = hub.at("/oauth/token")
    assert token.form == {"grant_type": "client_credentials", "client_id": "bureau-370828", "client_secret": "s3cret"}


def test_a_receipt_is_tried_until_the_hub_takes_it_also_after_a_kill(start: Start, hub: HubStub) -> None:
    hub_answering(hub, (503, {}))
    bureau = start("rest", "bureau.370828", "--hub", hub.url, *CLIENT, password=SECRET)
    bureau.control("POST", "policy", {"receipt": "accept"})
    hook(bureau, item())
    wait_until(lambda: len(hub.at("/v1/deliveries/d-1/receipt")) >= 2, "two tries")
    bureau.kill()
    bureau.start_again()
    assert receipts(bureau) == {"d-1": "due"}
    assert bureau.control("GET", "policy") == {"receipt": "accept", "reason": None}
    hub_answering(hub)
    wait_until(lambda: receipts(bureau) == {"d-1": "given"}, "the receipt is given")
    tries = len(hub.at("/v1/deliveries/d-1/receipt"))
    bureau.kill()
    bureau.start_again()
    assert receipts(bureau) == {"d-1": "given"}
    hook(bureau, item("d-2"), "m2")
    wait_until(lambda: receipts(bureau).get("d-2") == "given", "the worker goes on")
    assert len(hub.at("/v1/deliveries/d-1/receipt")) == tries, "a given receipt is not given again"


def test_a_policy_must_mean_something(bureau: Running) -> None:
    assert "reason" in bureau.control("POST", "policy", {"receipt": "return"})["error"]
    assert "accept" in bureau.control("POST", "policy", {"receipt": "perhaps"})["error"]
    assert bureau.control("GET", "policy")["receipt"] == "none"


# ---------------------------------------------------------------- transfers
def test_a_transfer_and_a_receipt_can_be_sent_on_order(start: Start, hub: HubStub) -> None:
    hub_answering(hub)
    bureau = start("rest", "bureau.370828", "--hub", hub.url, *CLIENT, password=SECRET)
    body = {"exchange": "admission.report-in", "record": {}}
    sent = bureau.control("POST", "send", {"text": json.dumps(body), "key": "k-1"})
    assert (sent["status"], sent["answer"]) == (202, {"id": "t-9", "status": "accepted"})
    [seen] = hub.at("/v1/transfers")
    assert (seen.headers["idempotency-key"], json.loads(seen.body)) == ("k-1", body)
    sent = bureau.control("POST", "send", {"operation": "receipt", "delivery": "d-1", "outcome": "accepted"})
    assert sent["status"] == 200
    assert "key" in bureau.control("POST", "send", {"text": "{}"})["error"]


@pytest.mark.parametrize(("system", "agency"), [("city", "bureau.370826"), ("police", "police.370826")])
def test_systems_that_only_receive_send_transfers_with_their_agencys_credential(
    start: Start, hub: HubStub, system: str, agency: str
) -> None:
    hub_answering(hub)
    running = start(system, agency, "--hub", hub.url, *CLIENT)
    assert running.control("POST", "send", {"text": "{}", "key": "k"})["status"] == 202


def test_a_client_without_a_system_reads_its_inbox_page_by_page(hub: HubStub) -> None:
    hub_answering(hub)
    tokens = hub.answer
    pages = {
        "/v1/inbox": {"items": [item("d-1")], "next": "cursor-2"},
        "/v1/inbox?after=cursor-2": {"items": [item("d-2")], "next": "/v1/inbox?page=3"},
        "/v1/inbox?page=3": {"items": [item("d-3")], "next": None},
        "/v1/persons/p-1/responsibility": {"person": "p-1", "holder": "bureau.370828"},
    }
    hub.answer = lambda seen: (
        (200, "application/json", json.dumps(pages[seen.path]).encode()) if seen.path in pages else tokens(seen)
    )
    with HubClient(hub.url, "procuratorate", "secret") as client:
        assert [entry["delivery"] for entry in client.waiting()] == ["d-1", "d-2", "d-3"]
        assert client.responsibility("p-1").expect()["holder"] == "bureau.370828"
    assert len(hub.at("/oauth/token")) == 1


def test_a_client_takes_a_new_token_once_when_the_old_one_is_refused(hub: HubStub) -> None:
    hub_answering(hub)
    with HubClient(hub.url, "a", "b") as client:
        assert client.transfer({}, "k").status == 202
        hub_answering(hub)  # the hub has forgotten its tokens, and would grant token-1 again
        grant = hub.answer
        hub.answer = lambda seen: (401, "application/json", b"{}") if seen.path != "/oauth/token" else grant(seen)
        before = len(hub.at("/oauth/token"))
        assert client.transfer({}, "k").status == 401
        assert len(hub.at("/oauth/token")) == before + 1
        hub.answer = lambda seen: (401, "application/problem+json", b'{"title": "no such client"}')
        with pytest.raises(HubRefused, match="no such client"), HubClient(hub.url, "a", "b") as other:
            other.responsibility("p-1")
