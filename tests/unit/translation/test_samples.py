"""The vendors' samples mean what the canonical records beside them say."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from hub.translation import Book
from tests.unit.translation.conftest import sample

#: The one document that all samples carry.
CONTENT = base64.b64decode("JVBERi0xLjQKJcfsj6IK")
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def expected(dialect: str, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(sample(dialect, name))
    for document in record["documents"]:
        document |= {"sha256": DIGEST, "size": len(CONTENT), "media_type": "application/pdf"}
    return record


def test_the_prisons_handover_is_read_as_its_canonical_record(book: Book) -> None:
    message = book["prison"].read("sendData", {"ywlx": "JSJZ"}, sample("prison", "request-JSJZ.xml"), "prison.370800")
    assert (message.exchange, message.key, message.hint_agency, message.faults) == (
        "admission.parole-handover",
        "JNJY201207030007",
        "bureau.370826",
        (),
    )
    (item,) = message.items
    assert item.faults == ()
    assert (item.disposition, item.label) == ("ok", "周㴔")
    assert item.record == expected("prison", "canonical.json")
    assert item.blobs[DIGEST].content == CONTENT


@pytest.mark.parametrize("wrap", ["envelope", "body element"])
def test_the_courts_notice_is_read_as_one_canonical_record_for_each_defendant(book: Book, wrap: str) -> None:
    payload = sample("court", "SubmitExecution-request.xml")
    if wrap == "body element":
        text = payload.decode()
        payload = text[text.index("<SubmitExecution") : text.index("</soap:Body>")].encode()
    message = book["court"].read("SubmitExecution", {}, payload, "court.370826")
    assert (message.exchange, message.key, message.hint_agency, message.faults) == (
        "admission.documents",
        "WSFY-2021-0315-001",
        None,
        (),
    )
    assert [item.faults for item in message.items] == [(), ()]
    assert [item.label for item in message.items] == ["孙某甲", "马丽娜·阿不都"]
    assert message.items[0].record == expected("court", "canonical-1.json")
    assert message.items[1].record == expected("court", "canonical-2.json")
