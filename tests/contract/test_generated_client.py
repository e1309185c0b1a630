"""A client that a kept generator makes from /openapi.json hands over a transfer and gives a receipt."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contract.conftest import RunningHub

PACKAGE = "santong_client"


class Generated:
    """The generated package; its modules by name."""

    def __init__(self, hub: RunningHub) -> None:
        self._hub = hub

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    def model(self, name: str) -> Any:
        return getattr(self.module("models"), name)

    def call(self, agency: str, operation: str, **given: Any) -> Any:
        client = self.module("client").AuthenticatedClient(base_url=self._hub.url, token=self._hub.token(agency))
        with client:
            return self.module(f"api.{operation}").sync_detailed(client=client, **given)


@pytest.fixture(scope="module")
def generated(running_hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(running_hub.call(None, "GET", "/openapi.json").content)
    subprocess.run(
        [
            Path(sys.executable).parent / "openapi-python-client",
            "generate",
            "--path",
            "openapi.json",
            "--meta",
            "none",
            "--output-path",
            PACKAGE,
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    sys.path.insert(0, str(folder))
    yield Generated(running_hub)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_it_sends_a_transfer_and_gives_a_receipt(generated: Generated, running_hub: RunningHub) -> None:
    record = {
        "person": {"name": "马丽娜·阿不都", "id_number": "370828199011303627"},
        "case": {"number": "（2021）鲁0826刑初57号", "deciding_agency": "court.370826", "effective_on": None},
        "correction": {"category": "probation", "execution_place": "370826", "term": {"months": 36}},
    }
    body = generated.model("AdmissionDocumentsRequest").from_dict({"exchange": "admission.documents", "record": record})
    kept = generated.call("court.370826", "transfers.create_transfer", body=body, idempotency_key="generated-1")
    assert kept.status_code == 202, kept.content
    assert [(d.recipient, d.role.value) for d in kept.parsed.deliveries] == [
        ("bureau.370826", "to"),
        ("procuratorate.370826", "copy"),
        ("police.370826", "copy"),
    ]

    copy = next(d.id for d in kept.parsed.deliveries if d.recipient == "procuratorate.370826")
    running_hub.wait_for(
        "procuratorate.370826",
        "/v1/inbox?limit=200",
        lambda inbox: any(item["delivery"] == copy for item in inbox["items"]),
    )
    inbox = generated.call("procuratorate.370826", "inbox.read_inbox", limit=200).parsed
    (item,) = [item for item in inbox.items if item.delivery == copy]
    assert item.record.to_dict()["person"]["name"] == "马丽娜·阿不都"
    assert item.record.to_dict()["case"]["number"] == "(2021)鲁0826刑初57号"

    receipt = generated.model("ReceiptRequest").from_dict({"outcome": "accepted", "number": "检收1号"})
    given = generated.call("procuratorate.370826", "inbox.give_receipt", id=copy, body=receipt)
    assert given.status_code == 200, given.content
    assert (given.parsed.delivery, given.parsed.given_by) == (copy, "procuratorate.370826")

    found = generated.call("court.370826", "transfers.get_transfer", id=kept.parsed.id).parsed
    (delivery,) = [d for d in found.deliveries if d.id == copy]
    assert delivery.receipt.number == "检收1号"
    assert next(d for d in found.deliveries if d.id != copy).receipt is None


def test_it_reads_every_fault_of_a_refusal(generated: Generated) -> None:
    body = generated.model("AdmissionReportInRequest").from_dict(
        {"exchange": "admission.report-in", "record": {"report_in": {"reported_on": "2021-03-18"}}}
    )
    refused = generated.call(
        "bureau.370826", "transfers.create_transfer", body=body, idempotency_key="generated-2", accept_language="en"
    )
    assert refused.status_code == 422
    assert [(fault.pointer, fault.rule) for fault in refused.parsed.errors]
    assert refused.parsed.title == "Refused"


def test_it_knows_every_operation_that_carries_json(generated: Generated) -> None:
    for operation in (
        "access.issue_token",
        "transfers.list_transfers",
        "transfers.get_timeline",
        "transfers.redeliver_transfer",
        "transfers.create_submission",
        "documents.put_document",
        "documents.get_document",
        "persons.get_responsibility",
        "persons.search_person",
        "configuration.list_agencies",
        "configuration.get_exchange",
        "operations.health_ready",
    ):
        assert callable(generated.module(f"api.{operation}").sync_detailed)
