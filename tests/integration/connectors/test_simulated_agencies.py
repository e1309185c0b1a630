"""The connectors against systems that were written without them: the simulated agencies and their twins on PHP and npm."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from scripted import PERSON, RECEIPT, REPLY, SUBMIT, MemorySessions, attachment, endpoint, parcel

from connectors.rest import RestConnector
from connectors.soap import SoapConnector
from hub.ports import Endpoint, Outcome, OutcomeKind
from tests.foreign import stacks

ROOT = Path(__file__).parents[3]
AGENCIES = {"prison": "prison.370800"}
FACTS = {"court": {"operation": "ReceiveReply"}, "prison": {"ywlx": "HZ"}, "police": {}, "city": {}}
PRISON_RECEIPT = (
    "<ROOT><HEAD><YWLX>HZ</YWLX><FSDW>370826-SFJ</FSDW><JSDW>370800-JNJY</JSDW><FSSJ>20120703091500</FSSJ><LSH>H1</LSH>"
    "<YLSH>JNY1</YLSH></HEAD><HZ><GMSFHM>37082619790214041X</GMSFHM><JG>1</JG><YY>周㴔</YY><HZSJ>20120703101500</HZSJ></HZ></ROOT>"
)
RECORDS = {"court": REPLY, "prison": PRISON_RECEIPT, "police": PERSON.format(fj=""), "city": SUBMIT}


class Simulated:
    """A simulated agency in a process of its own, with its control addresses."""

    def __init__(self, command: Sequence[str], system: str, data: Path, password: str, *options: str) -> None:
        user = [] if system == "rest" else ["--user", "santong"]
        self._process = subprocess.Popen(
            [
                *command,
                "--agency",
                AGENCIES.get(system, f"{system}.370826"),
                "--port",
                "0",
                "--data",
                str(data),
                "--password",
                password,
                *user,
                *options,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.url: str = said["url"]
        self._control = f"http://127.0.0.1:{said['port']}/_sim"

    def arm(self, fault: str, **options: Any) -> None:
        requests.post(
            f"{self._control}/faults", json={"fault": fault, "times": 1, **options}, timeout=10
        ).raise_for_status()

    def journal(self, outcome: str) -> list[dict[str, Any]]:
        return [
            entry
            for entry in requests.get(f"{self._control}/journal", timeout=10).json()["entries"]
            if entry["outcome"] == outcome
        ]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="session")
def foreign_stacks() -> None:
    """PHP and npm's soap are there, or the test ends: skipped where services are switched off, failed elsewhere."""
    if os.environ.get("HUB_TEST_WITHOUT_SERVICES") == "1":
        pytest.skip("HUB_TEST_WITHOUT_SERVICES=1: this test needs PHP and Node.js SOAP stacks")
    done = subprocess.run([stacks.HERE / "install.sh"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{done.stderr}\n(HUB_TEST_WITHOUT_SERVICES=1 skips the tests that need it.)", pytrace=False)


@pytest.fixture(params=["python", pytest.param("foreign", marks=pytest.mark.foreign)])
def simulate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Simulated]]:
    """Start a system, once on each stack that it exists on."""
    running: list[Simulated] = []
    if request.param == "foreign":
        request.getfixturevalue("foreign_stacks")

    def start(system: str, *options: str, password: str = "口令-1") -> Simulated:
        command = stacks.foreign_command(system) if request.param == "foreign" else stacks.simulator_command(system)
        running.append(Simulated(command, system, tmp_path / f"{system}-{len(running)}", password, *options))
        return running[-1]

    yield start
    for system in running:
        system.stop()


def call(dialect: str, simulated: Simulated, sessions: MemorySessions, **more: Any) -> Outcome:
    documents = more.pop("documents", ())
    return SoapConnector().call(
        endpoint(dialect, simulated.url, **more), parcel(RECORDS[dialect], FACTS[dialect], documents), sessions
    )


@pytest.mark.parametrize("dialect", ["court", "prison", "police", "city"])
def test_every_system_takes_what_the_connector_sends(
    dialect: str, simulate: Callable[..., Simulated], sessions: MemorySessions
) -> None:
    simulated = simulate(dialect)
    outcome = call(dialect, simulated, sessions)
    assert outcome.kind is (OutcomeKind.SUBMITTED if dialect == "city" else OutcomeKind.DONE), outcome
    assert len(simulated.journal("accepted")) == 1
    again = call(dialect, simulated, sessions)
    assert again.kind is outcome.kind
    assert len(simulated.journal("accepted")) == (2 if dialect == "court" else 1), (
        "only the court has no duplicate check"
    )


@pytest.mark.parametrize("dialect", ["court", "prison", "police", "city"])
@pytest.mark.parametrize(
    ("fault", "options", "kind", "recorded"),
    [
        ("lost-answer", {}, OutcomeKind.UNKNOWN, 1),
        ("half", {}, OutcomeKind.UNKNOWN, 1),
        ("down", {}, OutcomeKind.UNKNOWN, 0),
        ("html", {}, OutcomeKind.UNKNOWN, None),
        ("http-500", {}, OutcomeKind.UNKNOWN, None),
        ("slow", {"seconds": 30}, OutcomeKind.UNKNOWN, None),
    ],
)
def test_switched_faults(
    dialect: str,
    fault: str,
    options: dict[str, Any],
    kind: OutcomeKind,
    recorded: int | None,
    simulate: Callable[..., Simulated],
    sessions: MemorySessions,
) -> None:
    simulated = simulate(dialect)
    if dialect == "city":
        SoapConnector().poll(
            endpoint("city", simulated.url), parcel(SUBMIT), "PC|x", sessions
        )  # logs in, so that the fault meets the submission
    simulated.arm(fault, **options)
    assert call(dialect, simulated, sessions, timeout=2.0).kind is kind
    if recorded is not None:
        assert len(simulated.journal("accepted")) == recorded


def test_business_refusals(simulate: Callable[..., Simulated], sessions: MemorySessions) -> None:
    for dialect in ("court", "prison", "police"):
        simulated = simulate(dialect)
        simulated.arm("refuse", reason="不予接收")
        outcome = call(dialect, simulated, sessions)
        assert outcome.kind is OutcomeKind.REFUSED, dialect
        assert "不予接收" in (outcome.message or "")


def test_busy_hours(simulate: Callable[..., Simulated], sessions: MemorySessions) -> None:
    for dialect in ("prison", "police", "city"):
        simulated = simulate(dialect)
        simulated.arm("busy")
        assert call(dialect, simulated, sessions).kind is OutcomeKind.LATER, dialect


def test_the_same_xxid_with_other_content_is_refused(
    simulate: Callable[..., Simulated], sessions: MemorySessions
) -> None:
    simulated = simulate("police")
    assert call("police", simulated, sessions).kind is OutcomeKind.DONE
    other = SoapConnector().call(
        endpoint("police", simulated.url), parcel(RECORDS["police"].replace("马丽娜", "马丽")), sessions
    )
    assert (other.kind, other.code) == (OutcomeKind.REFUSED, "CF02")


def test_a_wrong_password_is_never_a_refusal_of_the_record(
    simulate: Callable[..., Simulated], sessions: MemorySessions
) -> None:
    for dialect in FACTS:
        outcome = call(dialect, simulate(dialect), MemorySessions(), password="wrong")
        assert outcome.kind is OutcomeKind.LATER, (dialect, outcome)


def test_the_city_from_login_to_receipt(simulate: Callable[..., Simulated], sessions: MemorySessions) -> None:
    simulated = simulate("city", "--set", "ticket-calls=4")
    documents = (attachment(b"0123456789" * 120_000), attachment(b"x", "裁定书.pdf"))
    outcome = call("city", simulated, sessions, documents=documents)
    assert outcome.kind is OutcomeKind.SUBMITTED, outcome
    asked = [
        SoapConnector().poll(endpoint("city", simulated.url), parcel(SUBMIT), outcome.reference or "", sessions)
        for _ in range(2)
    ]
    assert [one.kind for one in asked] == [OutcomeKind.SUBMITTED, OutcomeKind.DONE]
    assert asked[1].receipt is not None
    assert asked[1].receipt.accepted
    assert asked[1].receipt.number == "JN00000001"
    [accepted] = simulated.journal("accepted")
    assert [(found["title"], found["type"], found["sha256"]) for found in accepted["record"]["documents"]] == [
        ("刑事判决书.pdf", "pdf", documents[0].sha256),
        ("裁定书.pdf", "pdf", documents[1].sha256),
    ]
    assert len(simulated.journal("login")) == 2, "the ticket died after four calls and was renewed once"


def test_the_city_returns_with_a_reason(simulate: Callable[..., Simulated], sessions: MemorySessions) -> None:
    simulated = simulate("city", "--set", "polls=0")
    simulated.arm("refuse", reason="不在本县居住")
    outcome = call("city", simulated, sessions)
    asked = SoapConnector().poll(endpoint("city", simulated.url), parcel(SUBMIT), outcome.reference or "", sessions)
    assert asked.receipt is not None
    assert (asked.kind, asked.receipt.accepted, asked.receipt.reason) == (OutcomeKind.DONE, False, "不在本县居住")


@pytest.mark.parametrize("simulate", ["python"], indirect=True)
def test_a_webhook_is_believed(simulate: Callable[..., Simulated], sessions: MemorySessions) -> None:
    secret = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
    simulated = simulate("rest", password=secret)
    there = Endpoint("bureau.370828", "rest", simulated.url, None, secret, {}, None, 5.0)
    item = parcel(json.dumps({"delivery": "d-1", "transfer": "t-1", "role": "to", "record": {}}))
    assert [RestConnector().call(there, item, sessions).kind for _ in range(2)] == [OutcomeKind.DONE] * 2
    assert (len(simulated.journal("accepted")), len(simulated.journal("duplicate"))) == (1, 1)
    simulated.arm("busy", seconds=7)
    assert RestConnector().call(there, item, sessions).retry_after == 7.0
    simulated.arm("refuse", reason="不予接收")
    new = parcel(json.dumps({"delivery": "d-2", "role": "to", "record": {}}), number="2")
    assert RestConnector().call(there, new, sessions).kind is OutcomeKind.REFUSED


def test_a_record_that_lacks_fields_is_refused_with_the_systems_code(
    simulate: Callable[..., Simulated], sessions: MemorySessions
) -> None:
    outcome = SoapConnector().call(
        endpoint("prison", simulate("prison").url), parcel(RECEIPT, FACTS["prison"]), sessions
    )
    assert (outcome.kind, outcome.code) == (OutcomeKind.REFUSED, "E010")
