"""The faults that every simulated system knows, how they are armed, and the control addresses that all share."""

from __future__ import annotations

import time

import pytest
import requests

from tests.integration.simulators import test_court, test_police, test_prison, test_rest
from tests.integration.simulators.conftest import Start
from tests.integration.simulators.running import Running
from tests.integration.simulators.test_city import Caller, subject
from tests.integration.simulators.test_rest import SECRET


class Subject:
    """One system with one good call of its own, so that each fault can be tried on all."""

    def __init__(self, system: str, start: Start) -> None:
        agency = {"rest": "bureau.370828", "city": "bureau.370826", "prison": "prison.370800"}.get(
            system, f"{system}.370826"
        )
        self.running = start(system, agency, **({"password": SECRET} if system == "rest" else {}))
        self.system = system
        if system == "city":
            self.caller = Caller(self.running)
            self.caller.login()
        self.before = len(self.running.journal)

    def call(self, timeout: float = 30) -> requests.Response:
        running = self.running
        match self.system:
            case "court":
                return running.post(test_court.reply_of(), test_court.headers_11(), timeout)
            case "prison":
                return running.post(test_prison.send_data(test_prison.RECEIPT), test_prison.HEADERS, timeout)
            case "police":
                return running.post(test_police.push(), test_police.HEADERS, timeout)
            case "city":
                text = (
                    f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><c:submit '
                    f'xmlns:c="http://sqjz.jining.example/ws"><c:ticket>{self.caller.ticket}</c:ticket>'
                    "<c:messageId>M1</c:messageId><c:businessType>RJ</c:businessType><c:fromUnit>370826</c:fromUnit>"
                    f"{subject()}</c:submit></s:Body></s:Envelope>"
                )
                return running.post(text, {"Content-Type": "text/xml; charset=utf-8"}, timeout)
        return test_rest.hook(running, test_rest.item())

    @property
    def entries(self) -> list[str]:
        return self.running.outcomes[self.before :]


@pytest.fixture(params=["court", "prison", "police", "city", "rest"])
def any_system(request: pytest.FixtureRequest, start: Start) -> Subject:
    return Subject(request.param, start)


#: Where a call may come again without a second effect, and where it is recorded twice.
REPEATED = {"court": "accepted"}


def test_every_shared_fault(any_system: Subject) -> None:
    running, again = any_system.running, REPEATED.get(any_system.system, "duplicate")

    running.arm("down", times=2)
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            any_system.call()
    assert any_system.entries == []

    running.arm("http-500")
    assert any_system.call().status_code == 500
    running.arm("html")
    page = any_system.call()
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<html>" in page.text
    assert any_system.entries == ["fault", "fault"]

    running.arm("lost-answer")
    with pytest.raises(requests.ConnectionError):
        any_system.call()
    assert any_system.entries[2:] == ["accepted"]

    running.arm("half")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        any_system.call()
    assert any_system.entries[3:] == [again]

    running.arm("slow", seconds=0.5)
    began = time.monotonic()
    assert any_system.call().status_code == 200
    assert time.monotonic() - began >= 0.5

    assert any_system.call().status_code == 200
    assert any_system.entries[4:] == [again, again]


def test_a_business_refusal_carries_its_reason(any_system: Subject) -> None:
    any_system.running.arm("refuse", reason="材料不齐全")
    answer = any_system.call()
    if any_system.system == "city":  # the platform refuses later, person by person
        batch = any_system.running.last["batch"]
        assert any_system.caller.decided(batch)[0] == {
            "sfzh": "370826198509172110",
            "status": "1",
            "reason": "材料不齐全",
        }
    else:
        assert "材料不齐全" in answer.text
        assert any_system.entries == ["refused"]


def test_faults_are_listed_counted_down_and_cleared(start: Start) -> None:
    court = start("court", "court.370826")
    listed = court.control("GET", "faults")
    assert listed["armed"] == []
    assert {"down", "half", "lost-answer", "slow", "http-500", "html", "refuse", "server-fault"} == set(listed["known"])
    court.arm("http-500", times=2)
    court.arm("html", times=-1)
    statuses = [court.post(test_court.reply_of(), test_court.headers_11()).status_code for _ in range(5)]
    assert statuses == [500, 500, 200, 200, 200]
    assert court.control("GET", "faults")["armed"] == [{"fault": "html", "times": -1, "operation": None}]
    court.control("DELETE", "faults")
    answer = court.post(test_court.reply_of(), test_court.headers_11())
    assert test_court.result_of(answer.content)["Success"] == "true"
    for wrong in ({"fault": "fire"}, {}, {"fault": "down", "times": 0}, {"fault": "down", "times": "often"}):
        assert "error" in court.control("POST", "faults", wrong)


def test_the_courts_own_fault(start: Start) -> None:
    court = start("court", "court.370826")
    court.arm("server-fault")
    answer = court.post(test_court.reply_of(), test_court.headers_11())
    assert (answer.status_code, "soap:Server" in answer.text) == (500, True)
    assert court.outcomes == ["fault"]


def test_health_says_where_the_service_is(any_system: Subject) -> None:
    health = any_system.running.control("GET", "health")
    assert health["system"] == any_system.system
    assert health["url"] == any_system.running.url
    assert health["agency"].count(".") == 1
    assert requests.get(any_system.running.base + "/elsewhere", timeout=10).status_code == 404
    assert "error" in any_system.running.control("GET", "nothing")


def test_chunked_requests_are_read(start: Start) -> None:
    court = start("court", "court.370826")
    content = test_court.reply_of()

    def pieces():  # type: ignore[no-untyped-def]
        yield content[:100]
        yield content[100:]

    answer = court.session.post(court.url, data=pieces(), headers=test_court.headers_11(), timeout=10)
    assert test_court.result_of(answer.content)["Success"] == "true"


def test_the_journal_shows_documents_by_size_and_can_be_read_from_a_number(start: Start) -> None:
    court: Running = start("court", "court.370826")
    big = (
        "<r:Documents><r:Document><r:Title>t</r:Title><r:Kind>k</r:Kind><r:Content>"
        + "QUJD" * 5000
        + ("</r:Content></r:Document></r:Documents>")
    )
    court.post(test_court.reply_of(extra=big), test_court.headers_11())
    court.post(test_court.reply_of(), test_court.headers_11())
    first = court.journal[0]
    assert "[20000 characters, sha256 " in first["request"]
    assert first["record"]["documents"][0]["size"] == 15000
    assert [entry["n"] for entry in court.control("GET", "journal?after=1")["entries"]] == [2]
