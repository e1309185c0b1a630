"""What the hub says when a part of its own fails: an id to ask about, and nothing of what is inside."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub.api.app import create_app
from tests.contract.asking import Asked, ask


class Broken:
    """A part that fails whenever it is asked."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def read(self) -> Any:
        raise RuntimeError(f"password authentication failed for {self._secret}")

    def connected(self) -> bool:
        return False


@pytest.fixture
def broken() -> Any:
    settings = SimpleNamespace(validate_responses=True, max_body=1000, public_url="http://hub.example")
    return create_app(SimpleNamespace(settings=settings, store=Broken("hunter2"), broker=Broken("")))  # type: ignore[arg-type]


FORM = b"grant_type=client_credentials&client_id=a&client_secret=b"
FORM_HEADERS = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(("language", "words"), [("zh", "系统出现故障"), ("en", "The hub failed")])
def test_a_failure_is_told_by_an_id_that_the_log_has_too(
    broken: Any, caplog: pytest.LogCaptureFixture, language: str, words: str
) -> None:
    with caplog.at_level(logging.ERROR):
        found: Asked = ask(broken, "POST", "/oauth/token", FORM, {**FORM_HEADERS, "accept-language": language})
    assert (found.status, found.headers["content-type"]) == (500, "application/problem+json")
    body = found.json()
    assert words in body["detail"]
    number = re.fullmatch(r"urn:santong:failure:([0-9a-f]{12})", body["instance"])
    assert number
    assert "hunter2" not in found.body.decode()
    assert "Traceback" not in found.body.decode()
    (record,) = [record for record in caplog.records if number[1] in record.getMessage()]
    assert record.exc_info
    assert "hunter2" in str(record.exc_info[1])


def test_without_its_store_the_hub_is_alive_and_not_ready(broken: Any) -> None:
    assert ask(broken, "GET", "/health/live").status == 200
    found = ask(broken, "GET", "/health/ready")
    assert (found.status, found.json()["type"]) == (503, "urn:santong:problem:unavailable")
    assert "hunter2" not in found.body.decode()


def test_without_its_broker_the_hub_is_ready_and_says_so(broken: Any, tmp_path: Path) -> None:
    from contextlib import contextmanager

    @contextmanager
    def read() -> Iterator[Any]:
        yield SimpleNamespace(case_known=lambda case: False)

    settings = SimpleNamespace(validate_responses=True, max_body=1000, public_url="http://hub.example")
    app = create_app(SimpleNamespace(settings=settings, store=SimpleNamespace(read=read), broker=Broken("")))  # type: ignore[arg-type]
    assert ask(app, "GET", "/health/ready").json() == {"status": "degraded", "parts": {"store": True, "broker": False}}


def test_an_answer_that_the_contract_does_not_describe_is_a_failure_in_tests(
    broken: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from hub.api import handlers

    monkeypatch.setattr(handlers.r, "Live", handlers.r.Cause)
    assert ask(broken, "GET", "/health/live").status == 500
    assert "status is missing" in caplog.text
