"""What every operation has in common: who may ask, in which form, how large, and how a refusal is said."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from hub.api.bundle import component
from hub.api.checking import checker
from tests.contract.conftest import MAX_BODY, RunningHub

AGENCY = "bureau.370826"
is_problem = checker(component("Problem"), "problem")


def problem(answer: requests.Response, status: int, kind: str) -> dict[str, Any]:
    """The answer as a problem, held to its schema."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert is_problem(body) == []
    assert (body["type"], body["status"]) == (f"urn:santong:problem:{kind}", status)
    return body


def rules(body: dict[str, Any]) -> dict[str, str]:
    return {error["pointer"]: error["rule"] for error in body["errors"]}


# ------------------------------------------------------------------ who asks
@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic Zm9vOmJhcg==", "nonsense"])
def test_without_a_valid_token_nothing_is_answered(running_hub: RunningHub, authorization: str | None) -> None:
    answer = requests.get(
        f"{running_hub.url}/v1/transfers", headers={"Authorization": authorization} if authorization else {}, timeout=30
    )
    problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_forged_token_is_refused(running_hub: RunningHub) -> None:
    head, claims, _ = running_hub.token(AGENCY).split(".")
    answer = requests.get(
        f"{running_hub.url}/v1/inbox", headers={"Authorization": f"Bearer {head}.{claims}.AAAA"}, timeout=30
    )
    problem(answer, 401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_who_asks_comes_before_what_is_asked(running_hub: RunningHub) -> None:
    problem(running_hub.call(None, "POST", "/v1/transfers", data=b"{"), 401, "unauthorized")


def test_a_token_may_be_had_by_http_basic(running_hub: RunningHub) -> None:
    issued = running_hub.credential(AGENCY)
    answer = requests.post(
        f"{running_hub.url}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(issued["client_id"], issued["client_secret"]),
        timeout=30,
    )
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"


def test_wrong_credentials_are_refused_as_oauth_wants(running_hub: RunningHub) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": running_hub.credential(AGENCY)["client_id"],
        "client_secret": "wrong",
    }
    answer = running_hub.call(None, "POST", "/oauth/token", data=form)
    assert problem(answer, 401, "unauthorized")["error"] == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_form_field_given_twice_is_refused(running_hub: RunningHub) -> None:
    answer = running_hub.call(
        None,
        "POST",
        "/oauth/token",
        data="grant_type=client_credentials&client_id=a&client_id=b",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert rules(problem(answer, 400, "malformed")) == {"/client_id": "form.twice"}


# ------------------------------------------------------------------ where and how
@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/", "/v1/transfers/x/y", "/soap/", "/v1/agencies/x%0Ay", "/docs/nothing.js"]
)
def test_an_unknown_address_is_a_problem(running_hub: RunningHub, path: str) -> None:
    problem(running_hub.call(AGENCY, "GET", path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/transfers", "GET, HEAD, POST"),
        ("PUT", "/v1/documents", "POST"),
        ("PATCH", "/health/live", "GET, HEAD"),
        ("DELETE", "/soap/court.370826", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/inbox", "GET, HEAD"),
    ],
)
def test_a_wrong_method_names_the_right_ones(running_hub: RunningHub, method: str, path: str, allowed: str) -> None:
    answer = running_hub.call(AGENCY, method, path)
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed


def test_head_is_answered_like_get(running_hub: RunningHub) -> None:
    answer = running_hub.call(None, "HEAD", "/health/live")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0"])
def test_an_answer_that_cannot_be_given_in_that_form_is_not_given(running_hub: RunningHub, accept: str) -> None:
    problem(running_hub.call(AGENCY, "GET", "/v1/inbox", headers={"Accept": accept}), 406, "not-acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, application/json;q=0.1"])
def test_an_answer_that_is_accepted_is_given(running_hub: RunningHub, accept: str) -> None:
    assert running_hub.call(AGENCY, "GET", "/v1/inbox", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v1/transfers", "text/plain"),
        ("/v1/transfers", "application/xml"),
        ("/v1/submissions", "image/png"),
        ("/oauth/token", "application/json"),
        ("/soap/court.370826", "application/json"),
    ],
)
def test_a_body_of_another_media_type_is_not_read(running_hub: RunningHub, path: str, media_type: str) -> None:
    answer = running_hub.call(
        AGENCY, "POST", path, headers={"Content-Type": media_type, "Idempotency-Key": "k"}, data=b"{}"
    )
    body = problem(answer, 415, "unsupported-media-type")
    assert body["errors"][0]["value"] == media_type


# ------------------------------------------------------------------ bodies and parameters
@pytest.mark.parametrize(
    ("raw", "pointer", "rule"),
    [
        (b"", "", "json.missing"),
        (b"   ", "", "json.missing"),
        (b'{"a":', "", "json.malformed"),
        (b"nothing", "", "json.malformed"),
        (b'{"a": NaN}', "", "json.malformed"),
        (b'{"a": 1e999}', "", "json.malformed"),
        ("{}".encode("utf-16"), "", "json.encoding"),
        ("\ufeff{}".encode(), "", "json.malformed"),
        (b"[" * 5000, "", "json.too-deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "", "json.too-deep"),
        (rb'{"exchange": "a\u0000"}', "/exchange", "text.forbidden"),
        (rb'{"record": {"unmapped": {"x": "\ud800"}}}', "/record/unmapped/x", "text.forbidden"),
        (rb'{"record": {"\u0001": 1}}', "/record/\ufffd", "text.forbidden"),
        (b"[]", "", "request.type"),
        (b"null", "", "request.type"),
        (b'"text"', "", "request.type"),
    ],
)
def test_json_that_is_none_is_refused(running_hub: RunningHub, raw: bytes, pointer: str, rule: str) -> None:
    answer = running_hub.call(
        AGENCY, "POST", "/v1/transfers", headers={"Content-Type": "application/json", "Idempotency-Key": "k"}, data=raw
    )
    assert rules(problem(answer, 400, "malformed")) == {pointer: rule}


def test_brackets_within_text_are_no_depth(running_hub: RunningHub) -> None:
    answer = running_hub.call(AGENCY, "POST", "/v1/persons/search", json={"name": '[{"\\' * 40})
    assert answer.status_code == 200, answer.text


def test_every_fault_of_an_envelope_is_named(running_hub: RunningHub) -> None:
    answer = running_hub.call(
        AGENCY,
        "POST",
        "/v1/transfers",
        headers={"Idempotency-Key": "k"},
        json={"person": "370826198509172110", "documents": [{"sha256": "x"}], "to": "court.370826"},
    )
    assert rules(problem(answer, 400, "malformed")) == {
        "/exchange": "request.required",
        "/record": "request.required",
        "/person": "request.pattern",
        "/to": "request.unknown",
        "/documents/0/sha256": "request.pattern",
        "/documents/0/title": "request.required",
    }


@pytest.mark.parametrize(
    ("query", "pointer", "rule"),
    [
        ("limit=0", "#/query/limit", "request.minimum"),
        ("limit=x", "#/query/limit", "request.type"),
        ("limit=201", "#/query/limit", "request.maximum"),
        ("state=gone", "#/query/state", "request.enum"),
        ("since=2021-03-15", "#/query/since", "request.format"),
        ("since=0000-01-01T00:00:00Z", "#/query/since", "request.format"),
        ("until=2021-12-31T23:59:60Z", "#/query/until", "request.format"),
        ("case=%00", "#/query/case", "text.forbidden"),
        ("person=孙某甲", "#/query/person", "request.pattern"),
        ("colour=red", "#/query/colour", "request.unknown"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(running_hub: RunningHub, query: str, pointer: str, rule: str) -> None:
    assert rules(problem(running_hub.call(AGENCY, "GET", f"/v1/transfers?{query}"), 400, "malformed")) == {
        pointer: rule
    }


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 201])
def test_a_key_that_cannot_be_one_is_refused(running_hub: RunningHub, key: str) -> None:
    answer = running_hub.call(
        AGENCY, "POST", "/v1/transfers", headers={"Idempotency-Key": key}, json={"exchange": "x", "record": {}}
    )
    assert set(rules(problem(answer, 400, "malformed"))) == {"#/header/Idempotency-Key"}


@pytest.mark.parametrize(
    ("accept_language", "message"),
    [
        (None, "1 至 200 的整数"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "1 至 200 的整数"),
        ("de", "1 至 200 的整数"),
        ("en", "a whole number from 1 to 200"),
        ("en-GB, zh;q=0.1", "a whole number from 1 to 200"),
    ],
)
def test_sentences_are_in_the_language_that_is_asked_for(
    running_hub: RunningHub, accept_language: str | None, message: str
) -> None:
    headers = {"Accept-Language": accept_language} if accept_language else {}
    assert (
        message in running_hub.call(AGENCY, "GET", "/v1/inbox?limit=0", headers=headers).json()["errors"][0]["message"]
    )


# ------------------------------------------------------------------ size
def test_a_body_that_is_too_large_is_refused(running_hub: RunningHub) -> None:
    answer = running_hub.call(AGENCY, "POST", "/v1/documents", data=b"x" * (MAX_BODY + 1))
    assert problem(answer, 413, "too-large")["errors"][0]["rule"] == "request.too-large"


def test_a_body_of_just_the_limit_is_taken(running_hub: RunningHub) -> None:
    assert running_hub.call(AGENCY, "POST", "/v1/documents", data=b"x" * MAX_BODY).json()["size"] == MAX_BODY


def test_a_body_announced_too_large_is_refused_before_it_comes(running_hub: RunningHub) -> None:
    with socket.create_connection(("127.0.0.1", int(running_hub.url.rpartition(":")[2])), timeout=30) as connection:
        connection.sendall(f"POST /v1/documents HTTP/1.1\r\nHost: hub\r\nContent-Length: {10**12}\r\n\r\n".encode())
        assert connection.recv(20).startswith(b"HTTP/1.1 413")


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b"x" * 65536


def test_a_chunked_body_is_taken_up_to_the_limit(running_hub: RunningHub) -> None:
    assert running_hub.call(AGENCY, "POST", "/v1/documents", data=_chunks(MAX_BODY)).json()["size"] == MAX_BODY


def test_a_chunked_body_beyond_the_limit_is_refused(running_hub: RunningHub) -> None:
    # The hub answers and closes while the sender still sends: read the answer whatever became of the sending.
    connection = http.client.HTTPConnection("127.0.0.1", int(running_hub.url.rpartition(":")[2]), timeout=30)
    connection.putrequest("POST", "/v1/documents")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    for chunk in _chunks(MAX_BODY + 65536):
        connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["type"] == "urn:santong:problem:too-large"
    connection.close()


def test_a_chunked_json_body_is_read(running_hub: RunningHub) -> None:
    answer = running_hub.call(
        AGENCY,
        "POST",
        "/v1/persons/search",
        headers={"Content-Type": "application/json"},
        data=iter([b'{"na', b'me": "x"}']),
    )
    assert answer.json() == {"items": []}


@pytest.mark.parametrize(
    ("media_type", "status", "namespace"),
    [
        ("text/xml; charset=utf-8", 500, "http://schemas.xmlsoap.org/soap/envelope/"),
        ("application/soap+xml; charset=utf-8", 413, "http://www.w3.org/2003/05/soap-envelope"),
    ],
)
def test_a_legacy_message_that_is_too_large_is_refused_in_its_own_protocol(
    running_hub: RunningHub, media_type: str, status: int, namespace: str
) -> None:
    answer = running_hub.call(
        None, "POST", "/soap/court.370826", headers={"Content-Type": media_type}, data=b"x" * (MAX_BODY + 1)
    )
    assert answer.status_code in (status, 400, 500)
    assert namespace in answer.text
    assert str(MAX_BODY) in answer.text


def test_a_body_that_is_too_large_for_nobodys_contract_is_a_problem(running_hub: RunningHub) -> None:
    answer = running_hub.call(
        None, "POST", "/soap/bureau.999999", headers={"Content-Type": "text/xml"}, data=b"x" * (MAX_BODY + 1)
    )
    problem(answer, 413, "too-large")


# ------------------------------------------------------------------ the contract and its page
def test_the_contract_is_served_as_it_is_bundled(running_hub: RunningHub) -> None:
    from hub.api.bundle import contract

    assert running_hub.call(None, "GET", "/openapi.json").json() == contract()


def test_the_docs_need_no_other_host(running_hub: RunningHub) -> None:
    page = running_hub.call(None, "GET", "/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for part in ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"):
        assert f'"/docs/{part}"' in page
        assert running_hub.call(None, "GET", f"/docs/{part}").status_code == 200


@pytest.mark.parametrize("query", ["wsdl", "WSDL", ""])
def test_the_wsdl_names_this_hub(running_hub: RunningHub, query: str) -> None:
    answer = running_hub.call(None, "GET", f"/soap/court.370826?{query}")
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert f'location="{running_hub.url}/soap/court.370826"' in answer.text


def test_an_agency_without_a_contract_has_no_service(running_hub: RunningHub) -> None:
    problem(running_hub.call(None, "GET", "/soap/office.370826108?wsdl"), 404, "not-found")
    problem(
        running_hub.call(None, "POST", "/soap/office.370826108", headers={"Content-Type": "text/xml"}, data=b"<x/>"),
        404,
        "not-found",
    )


def test_a_document_is_given_back_as_it_came_and_to_nobody_else(running_hub: RunningHub) -> None:
    content = "{不是 JSON".encode("gb18030")
    answer = running_hub.call(
        AGENCY, "POST", "/v1/documents", headers={"Content-Type": "application/json"}, data=content
    )
    assert answer.status_code == 201
    found = running_hub.call(AGENCY, "GET", answer.headers["Location"])
    assert (found.content, found.headers["Content-Type"], found.headers["Content-Disposition"]) == (
        content,
        "application/json",
        "attachment",
    )
    problem(running_hub.call("court.370826", "GET", answer.headers["Location"]), 404, "not-found")
