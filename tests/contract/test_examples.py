"""Each example of the contract is sent to a running hub and answered as it says."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from hub.api.bundle import contract
from tests.contract.conftest import PERSON, ROOT, RunningHub, hub_process

CONTRACT = contract()
METHODS = ("get", "post")
OPERATIONS = {
    op["operationId"]: (method, path, op)
    for path, item in CONTRACT["paths"].items()
    for method, op in item.items()
    if method in METHODS
}

COURT, PRISON, BUREAU, PROCURATORATE, OFFICE = (
    "court.370826",
    "prison.370800",
    "bureau.370826",
    "procuratorate.370826",
    "office.370826108",
)

EDITOR, APPROVER = f"{PERSON}mapping-editor", f"{PERSON}approver"
#: Step of a version → how far it must have come before; `approve-mapping` is of the hash that was seen.
BEFORE = {
    "edit_mapping": "draft",
    "check_mapping": "draft",
    "propose_mapping": "checked",
    "approve_mapping": "proposed",
    "reject_mapping": "proposed",
    "withdraw_mapping": "draft",
    "activate_mapping": "approved",
    "retire_mapping": "approved",
    "get_mapping": "checked",
    "compare_mapping": "draft",
}
#: Who sends which request example.
SENDERS = {
    "court-serves-documents": COURT,
    "prison-hands-over": PRISON,
    "bureau-records-report-in": BUREAU,
    "bureau-forwards-documents": BUREAU,
    "court-tries-first": COURT,
    "wrong-check-digit": COURT,
    "no-execution-place": COURT,
    "not-its-exchange": BUREAU,
    "envelope-wrong": BUREAU,
    "prison-own-dialect": PRISON,
    "not-xml": PRISON,
    "upload": COURT,
    "by-name": COURT,
    "by-id-number": COURT,
    "redelivery-dry-run": COURT,
    "accepted": PROCURATORATE,
    "returned-without-reason": PROCURATORATE,
    "agency-gets-token": None,
    "wrong-secret": None,
    "not-soap": None,
    "draft-mapping": EDITOR,
    "edit-mapping": EDITOR,
    "propose-mapping": EDITOR,
    "approve-mapping": APPROVER,
    "reject-mapping": APPROVER,
    "withdraw-mapping": EDITOR,
    "activate-mapping": EDITOR,
    "retire-mapping": APPROVER,
    "roll-back-dialect": APPROVER,
}

#: Answers of which an example shows a part, or that depend on the moment: which delivery is between two attempts, which
#: lines a mapping has.
SHORTENED = ("redelivery-dry-run", "court-tries-first")

ID = re.compile(r"(trf|sub|dlv|per|cas|rcp|rnd|msg|map)_[a-z0-9]+")
#: What differs from run to run, by its form.
FORMS = (
    ID,
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+08:00|\+00:00|Z)"),
    re.compile(r"urn:santong:failure:[0-9a-f]{12}"),
    re.compile("ready|waiting"),
)  # which of the two depends on how far an earlier delivery of the case has come


def examples(operation: dict[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """(label, request or status, media type, value) of every example of an operation."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        for label, example in content.get("examples", {}).items():
            yield label, "request", media_type, example["value"]
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            for label, example in content.get("examples", {}).items():
                yield label, status, media_type, example["value"]


REQUESTS = [
    (name, label)
    for name, (_, _, op) in OPERATIONS.items()
    for label, where, _, _ in examples(op)
    if where == "request"
]
READINGS = [name for name, (method, _, op) in OPERATIONS.items() if method == "get" and any(True for _ in examples(op))]


def pair(name: str, label: str) -> tuple[str, Any, str, Any]:
    """A request example and its answer: (media type, value, status, value)."""
    found = {
        where == "request": (where, media_type, value)
        for shown, where, media_type, value in examples(OPERATIONS[name][2])
        if shown == label
    }
    return found[True][1], found[True][2], found[False][0], found[False][2]


def differs(example: Any, answer: Any, place: str = "") -> Iterator[str]:
    """Where an answer says something else than the example. Ids and times may be others of the same form."""
    if isinstance(example, dict) and isinstance(answer, dict):
        if set(example) != set(answer):
            yield f"{place}: {sorted(example)} ≠ {sorted(answer)}"
        for key in set(example) & set(answer) - {"access_token"}:
            yield from differs(example[key], answer[key], f"{place}/{key}")
    elif isinstance(example, list) and isinstance(answer, list):
        if len(example) != len(answer):
            yield f"{place}: {len(example)} ≠ {len(answer)} items: {answer}"
        for n, (one, other) in enumerate(zip(example, answer, strict=False)):
            yield from differs(one, other, f"{place}/{n}")
    elif example != answer and not (
        isinstance(example, str) and isinstance(answer, str) and _same_form(example, answer)
    ):
        yield f"{place}: {example!r} ≠ {answer!r}"


def _same_form(one: str, other: str) -> bool:
    within = [ID.sub(lambda found: found[1], text) for text in (one, other)]
    return within[0] == within[1] or any(form.fullmatch(one) and form.fullmatch(other) for form in FORMS)


#: Members whose own members, or whose very type, are not the envelope's business.
OPEN = ("record", "facts", "unmapped", "value")


def same_members(example: Any, answer: Any, place: str = "") -> Iterator[str]:
    """Where an answer has other members, or values of another kind, than the example; null may stand for what is not there."""
    if example is None or answer is None or place.rpartition("/")[2] in OPEN:
        return
    if type(example) is not type(answer):
        yield f"{place}: {example!r} is of another type than {answer!r}"
    elif isinstance(example, dict):
        if set(example) != set(answer):
            yield f"{place}: {sorted(example)} ≠ {sorted(answer)}"
        for key in set(example) & set(answer):
            yield from same_members(example[key], answer[key], f"{place}/{key}")
    elif isinstance(example, list) and example:
        for n, item in enumerate(answer):
            yield from same_members(example[0], item, f"{place}/{n}")


class Scene:
    """A hub to which the first examples have been sent, and which real ids stand for the examples' ids."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self.ids: dict[str, str] = {}
        self.versions = 0
        self.handover = (ROOT / "mappings/dialects/prison/admission.parole-handover.yaml").read_text(encoding="utf-8")
        for label in ("court-serves-documents", "bureau-forwards-documents", "bureau-records-report-in"):
            self._learn(pair("create_transfer", label)[3], self.send("create_transfer", label).json())
        forwarded = self.ids[pair("create_transfer", "bureau-forwards-documents")[3]["id"]]
        self.delivery = hub.wait_for(
            PROCURATORATE,
            "/v1/inbox",
            lambda inbox: next((item["delivery"] for item in inbox["items"] if item["transfer"] == forwarded), None),
        )
        self.transfer = self.ids[pair("create_transfer", "court-serves-documents")[3]["id"]]

    def _learn(self, example: Any, answer: Any) -> None:
        if isinstance(example, dict):
            for key in example:
                self._learn(example[key], answer[key])
        elif isinstance(example, list):
            for one, other in zip(example, answer, strict=True):
                self._learn(one, other)
        elif isinstance(example, str) and ID.fullmatch(example):
            self.ids[example] = answer

    def real(self, value: Any) -> Any:
        """An example's value with the ids of this run."""
        if isinstance(value, dict):
            return {key: self.real(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.real(item) for item in value]
        return self.ids.get(value, value) if isinstance(value, str) else value

    def version(self, state: str) -> dict[str, Any]:
        """A new version of the prison's dialect that has come so far."""
        self.versions += 1
        body = {
            "dialect": "prison",
            "base": "files",
            "files": {
                "dialects/prison/_number.yaml": f"# {self.versions}\n",
                "dialects/prison/admission.parole-handover.yaml": self.handover.replace("version: 1", "version: 2", 1),
            },
        }
        found: dict[str, Any] = self.hub.call(EDITOR, "POST", "/v1/mappings", json=body).json()
        at = f"/v1/mappings/{found['id']}"
        for far, who, step, said in (
            ("checked", EDITOR, "checks", None),
            ("proposed", EDITOR, "proposal", {}),
            ("approved", APPROVER, "approval", {"hash": found["hash"]}),
        ):
            if found["state"] == state:
                break
            answer = self.hub.call(who, "POST", f"{at}/{step}", json=said)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert found["state"] == far, found["findings"]
        return found

    def in_force(self) -> None:
        """Another version of the prison's dialect is in force."""
        found = self.version("approved")
        assert self.hub.call(APPROVER, "POST", f"/v1/mappings/{found['id']}/activation", json={}).status_code == 200
        self.hub.wait_for(
            EDITOR,
            "/v1/mappings?dialect=prison",
            lambda listed: any(one["id"] == found["id"] and one["in_force"] for one in listed["items"]),
        )

    def address(self, name: str) -> str:
        found = OPERATIONS[name][1].replace("{dialect}", "prison")
        if name in BEFORE:
            return found.replace("{id}", self.version(BEFORE[name])["id"])
        person = self.ids.get(pair("create_transfer", "court-serves-documents")[3]["person"], "")
        ids = {
            "/v1/deliveries": getattr(self, "delivery", ""),
            "/v1/transfers": getattr(self, "transfer", ""),
            "/v1/persons": person,
            "/v1/agencies": OFFICE,
            "/v1/exchanges": "admission.parole-handover",
        }
        for start, real in ids.items():
            if found.startswith(start):
                found = found.replace("{id}", real)
        return found.replace("{agency}", COURT)

    def send(self, name: str, label: str) -> requests.Response:
        media_type, value, _, _ = pair(name, label)
        body = self.real(value)
        if label == "approve-mapping":
            version = self.version("proposed")
            at = OPERATIONS[name][1].replace("{id}", version["id"])
            return self.hub.call(APPROVER, "POST", at, json={**body, "hash": version["hash"]})
        if label == "roll-back-dialect":
            self.in_force()
        if label == "agency-gets-token":
            issued = self.hub.credential(BUREAU)
            body = {**body, "client_id": issued["client_id"], "client_secret": issued["client_secret"]}
        headers = {"Idempotency-Key": f"{name}-{label}"} if name in ("create_transfer", "create_submission") else {}
        if media_type == "application/json":
            return self.hub.call(SENDERS[label], "POST", self.address(name), headers, json=body)
        if media_type == "application/x-www-form-urlencoded":
            return self.hub.call(SENDERS[label], "POST", self.address(name), headers, data=body)
        headers["Content-Type"] = "text/plain" if media_type == "*/*" else media_type
        return self.hub.call(SENDERS[label], "POST", self.address(name), headers, data=body.encode())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with hub_process(tmp_path_factory.mktemp("examples")) as hub:
        yield Scene(hub)


@pytest.mark.parametrize(("name", "label"), REQUESTS)
def test_a_request_is_answered_as_its_example_says(scene: Scene, name: str, label: str) -> None:
    _, _, status, expected = pair(name, label)
    if label == "redelivery-dry-run":  # the systems are out of reach: wait until they have been tried
        scene.hub.wait_for(
            COURT,
            f"/v1/transfers/{scene.transfer}",
            lambda found: all(
                d["status"] in ("ready", "delivered") and (d["attempts"] or d["role"] == "copy")
                for d in found["deliveries"]
            ),
        )
    answer = scene.send(name, label)
    assert answer.status_code == int(status), answer.text
    if label == "not-soap":
        assert answer.headers["Content-Type"].startswith("text/xml")
        assert "Fault>" in answer.text
        return
    if label in SHORTENED or SENDERS[label] in (EDITOR, APPROVER):  # what came before a version differs from run to run
        assert list(same_members(expected, answer.json())) == []
        return
    assert list(differs(expected, answer.json())) == []


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("create_transfer", "court-serves-documents"),
        ("create_submission", "prison-own-dialect"),
        ("put_document", "upload"),
        ("give_receipt", "accepted"),
    ],
)
def test_the_same_request_again_gets_the_same_answer(scene: Scene, name: str, label: str) -> None:
    assert scene.send(name, label).json() == scene.send(name, label).json()


@pytest.mark.parametrize("name", READINGS)
def test_a_reading_has_the_members_of_its_example(scene: Scene, name: str) -> None:
    ((_, status, _, expected),) = examples(OPERATIONS[name][2])
    reader = PROCURATORATE if name == "read_inbox" else EDITOR if "mapping" in name else COURT
    answer = scene.hub.call(reader, "GET", scene.address(name))
    assert answer.status_code == int(status), answer.text
    assert list(same_members(expected, answer.json())) == []
    assert answer.json().get("items", [True]), "there is nothing to compare"


@pytest.mark.parametrize("name", ["get_agency", "get_exchange", "health_live", "health_ready"])
def test_a_reading_that_never_changes_is_as_its_example_says(scene: Scene, name: str) -> None:
    ((_, _, _, expected),) = examples(OPERATIONS[name][2])
    assert list(differs(expected, scene.hub.call(COURT, "GET", scene.address(name)).json())) == []


# ------------------------------------------------------------------ the problems that many operations share
def _too_large(scene: Scene) -> requests.Response:
    """Announced, never sent: a body of this size would only be thrown away."""
    connection = http.client.HTTPConnection("127.0.0.1", int(scene.hub.url.rpartition(":")[2]), timeout=30)
    connection.putrequest("POST", "/v1/documents")
    connection.putheader("Content-Length", str(20 * 1024 * 1024 + 1))
    connection.endheaders()
    answer, found = connection.getresponse(), requests.Response()
    found.status_code, found._content = answer.status, answer.read()
    connection.close()
    return found


def _conflict(scene: Scene) -> requests.Response:
    body = scene.real(pair("create_transfer", "court-serves-documents")[1])
    key = {"Idempotency-Key": "WSFY-2021-0315-001"}
    scene.hub.call(COURT, "POST", "/v1/transfers", key, json=body)
    body["record"]["correction"]["term"] = {"months": 5}
    return scene.hub.call(COURT, "POST", "/v1/transfers", key, json=body)


PROVOKED: dict[str, Callable[[Scene], requests.Response]] = {
    "Malformed": lambda scene: scene.hub.call(COURT, "GET", "/v1/transfers?limit=1000"),
    "Unauthorized": lambda scene: scene.hub.call(None, "GET", "/v1/transfers"),
    "NotAllowed": lambda scene: scene.hub.call(
        OFFICE, "POST", "/v1/submissions", {"Idempotency-Key": "k", "Content-Type": "text/xml"}, data=b"<x/>"
    ),
    "NotFound": lambda scene: scene.hub.call(COURT, "GET", "/v1/transfers/trf_01j8w3v5k2"),
    "NotAcceptable": lambda scene: scene.hub.call(COURT, "GET", "/v1/inbox", {"Accept": "text/html"}),
    "Conflict": _conflict,
    "TooLarge": _too_large,
    "UnsupportedMediaType": lambda scene: scene.hub.call(
        COURT, "POST", "/v1/transfers", {"Content-Type": "text/plain", "Idempotency-Key": "k"}, data=b"x"
    ),
    "Refused": lambda scene: scene.hub.call(
        COURT, "POST", "/v1/persons/search", json={"id_number": "370826198509172111"}
    ),
}


def test_all_shared_problems_are_tried() -> None:
    # The hub's own failure cannot be provoked from outside: test_failures.
    assert set(PROVOKED) == set(CONTRACT["components"]["responses"]) - {"Failure"}


@pytest.mark.parametrize("name", PROVOKED)
def test_a_shared_problem_is_as_its_example_says(scene: Scene, name: str) -> None:
    ((_, example),) = CONTRACT["components"]["responses"][name]["content"]["application/problem+json"][
        "examples"
    ].items()
    answer = PROVOKED[name](scene)
    assert answer.status_code == example["value"]["status"]
    assert list(differs(example["value"], answer.json())) == []
