"""A hub to look at: the county of `mappings/` with a case in every state that the pages tell of, and its pages served.

What agencies send comes through the real intake in their own protocols; only the calls to their systems are scripted.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import uvicorn

from hub import settings
from hub.api.app import create_app
from hub.bootstrap import build
from hub.clock import SHANGHAI, SystemClock
from hub.console import console
from hub.domain.agencies import Agency, Reach
from hub.flow import intake, receipts, soap_intake
from hub.flow.parts import Connectors, Hub, Schedule
from hub.identity import credentials
from hub.ports import Connector, Endpoint, Outcome, OutcomeKind, Parcel, Sessions, SoapService, SystemReceipt
from hub.process import Process
from hub.store import queries

DIALECTS = settings.ROOT / "mappings" / "dialects"
PATIENCE = 60.0
#: Stands in envelopes and nowhere else: no page may show it.
PASSWORD = "Wh1tsunday-at-noon"
ZHOU, SUN, MA, LI = "37082619790214041X", "370826198509172110", "370828199011303627", "320102199003078393"
#: What somebody with bad intentions writes into a remark.
INTRUSION = "<script>document.title='taken'</script><b>好</b>"

COURT, PRISON, BUREAU, NEIGHBOUR, POLICE = (
    "court.370826",
    "prison.370800",
    "bureau.370826",
    "bureau.370828",
    "police.370826",
)


# ------------------------------------------------------------------ agencies' systems
class ScriptedSystem:
    """Answers for every agency's system: the bureau and the police accept, the prison takes, the court is lost midway."""

    def call(self, endpoint: Endpoint, parcel: Parcel, sessions: Sessions) -> Outcome:
        if endpoint.agency == COURT:
            return Outcome(OutcomeKind.UNKNOWN, message="报文已发出，没有收到应答")
        if endpoint.agency in (BUREAU, POLICE):
            return Outcome(
                OutcomeKind.DONE, code="0", receipt=SystemReceipt(True, number=f"{endpoint.agency[:1].upper()}-0001")
            )
        return Outcome(OutcomeKind.DONE, code="0")

    def poll(self, endpoint: Endpoint, parcel: Parcel, reference: str, sessions: Sessions) -> Outcome:
        raise AssertionError("nothing is submitted here")

    def repeat_safe(self, endpoint: Endpoint) -> bool:
        return endpoint.agency != COURT


class ScriptedConnectors:
    """The hub's own connectors, except that systems of agencies are scripted."""

    def __init__(self, real: Connectors) -> None:
        self._real = real
        self._system = ScriptedSystem()

    def call_side(self, transport: str) -> Connector:
        return self._real.call_side(transport) if transport == "inbox" else self._system

    def service(self, agency: Agency) -> SoapService:
        return self._real.service(agency)

    def endpoint(self, agency: Agency, reach: Reach) -> Endpoint:
        return self._real.endpoint(agency, reach)


# ------------------------------------------------------------------ what agencies send
def prison_envelope(record: str, encoding: str = "utf-8") -> bytes:
    """RPC/encoded as Axis 1.4 writes it, the record as text in a string."""
    return (
        f'<?xml version="1.0" encoding="{encoding.upper()}"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<ns1:sendData soapenv:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" xmlns:ns1="http://jyjh.prison.example/services">'
        f'<yhm xsi:type="xsd:string">ws-prison</yhm><mm xsi:type="xsd:string">{PASSWORD}</mm><ywlx xsi:type="xsd:string">JSJZ</ywlx>'
        f'<xmlData xsi:type="xsd:string">{escape(record)}</xmlData></ns1:sendData></soapenv:Body></soapenv:Envelope>'
    ).encode(encoding)


def prison_record() -> str:
    """The parolee of the sample, with a field that no mapping names and a remark that would be a script."""
    text = (DIALECTS / "prison" / "samples" / "request-JSJZ.xml").read_text(encoding="gb18030")
    return text.replace("<SFCRB>", "<XTBZ>甲类&amp;七</XTBZ><SFCRB>").replace("<BZ>", f"<BZ>{escape(INTRUSION)}")


def court_envelope() -> bytes:
    """The court's notice with a third defendant who lives where the hub knows no bureau."""
    text = (
        (DIALECTS / "court" / "samples" / "SubmitExecution-request.xml")
        .read_text(encoding="utf-8")
        .replace("changeme", PASSWORD)
    )
    first = text[text.index("<Defendant>") : text.index("</Defendant>") + len("</Defendant>")]
    third = (
        first.replace("孙某甲", "李某")
        .replace(SUN, LI)
        .replace("1985-09-17", "1990-03-07")
        .replace("370826108", "320102")
        .replace('code="370826"', 'code="320102"')
    )
    return text.replace("</Defendants>", f"{third}</Defendants>").encode()


# ------------------------------------------------------------------ the hub
@dataclass(frozen=True)
class Seen:
    """The hub, and what the tests look at in it."""

    hub: Hub
    persons: dict[str, str]
    handover: str
    served_sun: str
    served_ma: str
    parked: str
    #: the court's reply whose outcome nobody knows
    unknown: str


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for what nobody announces."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for: {what}"
        pause.wait(0.02)
    return found


@contextmanager
def county(folder: Path) -> Iterator[Seen]:
    """The hub with its story told, its own threads still at work."""
    chosen = settings.load({}, data_dir=folder, business_time=datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI))
    hub = build(replace(chosen, config_dir=settings.ROOT / "mappings"))
    hub.connectors = ScriptedConnectors(hub.connectors)
    hub.schedule = Schedule(retry=(0.05,), attempts=5, poll=(0.05,), jitter=0.0)
    for agency in (COURT, PRISON):
        credentials.issue(hub, agency, soap_user=f"ws-{agency.partition('.')[0]}", soap_password=PASSWORD)
    process = Process(hub)
    process.start()
    try:
        yield _told(hub)
    finally:
        process.stop()
        hub.database.close()


def _told(hub: Hub) -> Seen:
    clock = hub.clock
    assert isinstance(clock, SystemClock)
    clock.stand_at(datetime(2012, 7, 3, 9, 5, tzinfo=SHANGHAI))
    prison = {"content-type": "text/xml; charset=GB18030", "soapaction": '""'}
    wrong = prison_record().replace(ZHOU, ZHOU[:-1] + "1").replace("JNJY201207030007", "JNJY201207030006")
    soap_intake.handle(hub, PRISON, prison_envelope(wrong, "gb18030"), prison)
    clock.stand_at(datetime(2012, 7, 3, 9, 15, tzinfo=SHANGHAI))
    soap_intake.handle(hub, PRISON, prison_envelope(prison_record(), "gb18030"), prison)
    soap_intake.handle(
        hub,
        PRISON,
        prison_envelope("<ROOT>", "utf-8").replace(b"</ns1:sendData>", b"</ns1:sendDate>"),
        {"content-type": "text/xml; charset=utf-8"},
    )
    zhou = _person(hub, ZHOU)
    _quiet(hub)
    clock.stand_at(datetime(2012, 7, 5, 10, 30, tzinfo=SHANGHAI))
    intake.submit_record(
        hub,
        BUREAU,
        "report-zhou",
        {"exchange": "admission.report-in", "person": zhou, "record": {"report_in": {"reported_on": "2012-07-05"}}},
    )
    _quiet(hub)
    clock.stand_at(datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI))
    action = {"content-type": "text/xml; charset=utf-8", "soapaction": '"http://tempuri.org/SubmitExecution"'}
    soap_intake.handle(hub, COURT, court_envelope(), action)
    _quiet(hub)
    ma = _of(hub, MA, "admission.documents")
    receipts.give(
        hub,
        NEIGHBOUR,
        queries.transfer(hub, None, ma)["deliveries"][0]["id"],
        {"outcome": "returned", "reason": "缺少社区矫正告知书"},
    )
    _quiet(hub)
    parked = queries.transfers(hub, None, {"state": "parked", "exchange": "admission.documents"})["items"]
    unknown = queries.transfers(hub, None, {"state": "unknown"})["items"]
    assert parked, "the third defendant should wait for a person"
    assert unknown, "the reply to the court should be unknown"
    return Seen(
        hub,
        {"zhou": zhou, "sun": _person(hub, SUN), "ma": _person(hub, MA)},
        _of(hub, ZHOU, "admission.parole-handover"),
        _of(hub, SUN, "admission.documents"),
        ma,
        parked[0]["id"],
        unknown[-1]["id"],
    )


def _person(hub: Hub, id_number: str) -> str:
    return str(queries.search_person(hub, None, {"id_number": id_number})["items"][0]["person"])


def _of(hub: Hub, id_number: str, exchange: str) -> str:
    return str(
        queries.transfers(hub, None, {"person": _person(hub, id_number), "exchange": exchange})["items"][0]["id"]
    )


def _quiet(hub: Hub) -> None:
    moving = ("ready", "released", "attempting", "submitted")
    until(
        lambda: not any(queries.transfers(hub, None, {"state": state}, 1)["items"] for state in moving),
        "nothing on its way",
    )


@contextmanager
def served(hub: Hub) -> Iterator[str]:
    """The pages beside the contract over a real socket, as `hub serve` serves them; gives their address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(hub, [console(hub)]), log_level="error", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until(lambda: server.started or not thread.is_alive(), "the server to listen")
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/console"
        finally:
            server.should_exit = True
            thread.join(20)
