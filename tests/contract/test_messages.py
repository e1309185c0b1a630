"""The contract of queues and webhooks says what really goes out."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from connectors.rest import RestConnector
from hub.api.bundle import json_schema, messages
from hub.api.checking import checker
from hub.domain.stored import StoredDelivery, StoredDocument, StoredTransfer
from hub.domain.transfers import DeliveryState
from hub.flow.canonical_form import inbox_item
from hub.flow.dispatch import queue_of
from hub.messaging.envelope import NotAReleaseNote, ReleaseNote, decode, encode
from hub.ports import Endpoint, OutcomeKind, Parcel
from hub.settings import load

CONTRACT = messages()
NOTE = checker(CONTRACT["components"]["schemas"]["ReleaseNote"], "note")
HEADERS = checker(CONTRACT["components"]["schemas"]["WebhookHeaders"], "headers")
WEBHOOK = CONTRACT["components"]["messages"]["delivery"]["payload"]
TIME = datetime(2021, 3, 15, 1, 20, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"only for this test, 32 bytes....").decode()


def at(pointer: str) -> Any:
    here: Any = CONTRACT
    for step in pointer.removeprefix("#/").split("/"):
        here = here[step.replace("~1", "/")]
    return here


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(CONTRACT))
    assert found
    assert all(at(reference) for reference in found)


def test_each_operation_uses_messages_of_its_channel() -> None:
    for operation in CONTRACT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert all(
            message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/") for message in operation["messages"]
        )
    for channel in CONTRACT["channels"].values():
        assert {server["$ref"] for server in channel["servers"]} <= {
            f"#/servers/{name}" for name in CONTRACT["servers"]
        }


def test_the_queue_is_named_as_the_hub_names_it() -> None:
    address = CONTRACT["channels"]["releases"]["address"]
    assert address.replace("{agency}", "bureau.370826") == load({}).queue_prefix + queue_of("bureau.370826")
    assert CONTRACT["channels"]["releases"]["bindings"]["amqp"]["queue"]["name"] == address


def test_a_release_note_is_as_the_contract_says() -> None:
    assert NOTE(json.loads(encode(ReleaseNote("dlv_01j8w3v5k3", 7)))) == []
    for example in CONTRACT["components"]["messages"]["release"]["examples"]:
        assert NOTE(example["payload"]) == []
        assert (
            encode(decode(json.dumps(example["payload"]).encode()))
            == json.dumps(example["payload"], separators=(",", ":")).encode()
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"v": 2, "delivery": "d", "release": 1},
        {"v": 1, "delivery": "", "release": 1},
        {"v": 1, "delivery": "d", "release": 0},
        {"v": 1, "delivery": 1, "release": 1},
        [],
    ],
)
def test_what_the_contract_refuses_the_hub_refuses(wrong: Any) -> None:
    assert NOTE(wrong)
    with pytest.raises(NotAReleaseNote):
        decode(json.dumps(wrong).encode())


class _Agency(BaseHTTPRequestHandler):
    """Keeps the one request that it gets."""

    def do_POST(self) -> None:
        self.server.got = (dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def agency() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Agency) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield server
        thread.join(10)


def parcel() -> Parcel:
    transfer = StoredTransfer(
        **{
            **dict.fromkeys(StoredTransfer.__dataclass_fields__),
            "id": "trf_01j8w3v5k2",
            "exchange": "admission.documents",  # type: ignore[arg-type]
            "sender": "court.370826",
            "case": "cas_01j8w3v5k6",
            "person": "per_01j8w3v5k5",
            "record": {"person": {"name": "周㴔"}},
            "accepted_at": TIME,
        }
    )
    delivery = StoredDelivery(
        **{
            **dict.fromkeys(StoredDelivery.__dataclass_fields__),
            "id": "dlv_01j8w3v5k3",
            "role": "to",  # type: ignore[arg-type]
            "recipient": "bureau.370828",
            "state": DeliveryState.ATTEMPTING,
        }
    )
    item = inbox_item(delivery, transfer, [StoredDocument("0" * 64, "判决书.pdf", None, "application/pdf", 5)])
    return Parcel(
        delivery.id,
        transfer.id,
        "msg-1",
        "admission.documents",
        json.dumps(item).encode(),
        "application/json",
        {},
        (),
        TIME,
    )


def test_a_webhook_is_as_the_contract_says(agency: HTTPServer) -> None:
    endpoint = Endpoint(
        "bureau.370828", "rest", f"http://127.0.0.1:{agency.server_port}/webhook", None, SECRET, {}, None, 10
    )
    outcome = RestConnector().call(endpoint, parcel(), None)  # type: ignore[arg-type]
    assert outcome.kind is OutcomeKind.DONE, outcome
    headers, body = agency.got  # type: ignore[attr-defined]
    assert HEADERS({name.lower(): value for name, value in headers.items()}) == []
    assert checker(json_schema(WEBHOOK["schema"]), "webhook")(json.loads(body)) == []
    assert json.loads(body)["data"]["record"]["person"]["name"] == "周㴔"
    Webhook(SECRET).verify(body, headers)
