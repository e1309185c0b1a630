"""The story: what each agency does, in the order it happens. Every step may be done again and comes to the same.

Samples of 2012 and 2021 are the records; the business clock is moved to the day of each step.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from demo.cast import State
from hub.clock import SHANGHAI, SystemClock
from hub.flow.parts import Hub
from hub.store import queries
from hub.store import tables as t
from simulators.hub_client import HubClient

SAMPLES = Path(__file__).resolve().parent / "samples"
PATIENCE = 90.0  # seconds until a step that does not come to its end is given up
#: A delivery in one of these is still on its way by itself.
MOVING = ("ready", "released", "attempting", "submitted")

ZHOU, SUN, MA = "37082619790214041X", "370826198509172110", "370828199011303627"


class StoryStuck(Exception):
    """A step did not come to its end."""


@dataclass
class Stage:
    """What the steps work with."""

    hub: Hub
    clock: SystemClock
    state: State
    url: str

    def client(self, agency: str) -> HubClient:
        known = self.state.clients[agency]
        return HubClient(self.url, known["client_id"], known["client_secret"])

    def person(self, id_number: str) -> str:
        found = queries.search_person(self.hub, None, {"id_number": id_number})["items"]
        if not found:
            raise StoryStuck(f"nobody with the ID number {id_number} came to the hub")
        return str(found[0]["person"])

    def post(self, agency: str, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v1/transfers` with the agency's own credential. Safe to repeat: the key is the same."""
        with self.client(agency) as client:
            answer: dict[str, Any] = client.transfer(body, key).expect()
        return answer

    def acknowledge(self, agency: str, outcome: str = "accepted", reason: str | None = None) -> None:
        """An agency without a system takes what lies in its inbox and answers what is addressed to it."""
        with self.client(agency) as client:
            for item in list(client.waiting()):
                if item["role"] == "to":
                    client.receipt(item["delivery"], outcome, reason).expect()

    def quiet(self) -> None:
        """Wait until nothing is on its way by itself any more."""
        # One look at all states together: asked for one after another, a delivery could step from one not yet asked for
        # into one that was.
        moving = select(t.delivery.c.id).where(t.delivery.c.status.in_(MOVING)).limit(1)

        def nothing_moves() -> bool:
            with self.hub.database.read() as db:
                return db.execute(moving).first() is None

        self.until("nothing on its way", nothing_moves)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise StoryStuck(f"waited {PATIENCE:.0f} s for: {what}")
            time.sleep(0.05)

    def receipt_from(self, agency: str, person: str) -> None:
        """Wait for the agency's business receipt about the person."""

        def given() -> bool:
            rows = queries.transfers(self.hub, None, {"person": person, "agency": agency}, 100)["items"]
            waiting = [
                d
                for row in rows
                for d in row["deliveries"]
                if d["recipient"] == agency and d["role"] == "to" and row["exchange"] != "receipt"
            ]
            return all(d["status"] in ("accepted", "returned", "unknown", "parked", "waiting") for d in waiting)

        self.until(f"{agency}'s receipt", given)


@dataclass(frozen=True)
class Step:
    """One thing that happens. `at`: business time; `zh`/`en`: its heading."""

    name: str
    at: str
    zh: str
    en: str
    act: Callable[[Stage], None]

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.at).replace(tzinfo=SHANGHAI)


# ------------------------------------------------------------------ samples
def prison_record() -> str:
    return (SAMPLES / "prison-parole.xml").read_text(encoding="gb18030")


def wrong_prison_record() -> str:
    """The same person with a wrong check digit, under another serial number."""
    return prison_record().replace(ZHOU, ZHOU[:-1] + "1").replace("JNJY201207030007", "JNJY201207030006")


def court_notice() -> str:
    return (SAMPLES / "court-notice.xml").read_text(encoding="utf-8")


def corrected_notice() -> str:
    """After the return: one defendant, a notice number of its own, and the document that was missing."""
    text = court_notice().replace("WSFY-2021-0315-001", "WSFY-2021-0319-002")
    first, second = re.findall(r"\s*<Defendant>.*?</Defendant>", text, flags=re.DOTALL)
    assert MA in second
    missing = "<Document><Title>社区矫正告知书</Title><Kind>社区矫正告知书</Kind><Content>JVBERi0xLjQKJcfsj6IK</Content></Document>\n        "
    return text.replace(first, "").replace("</Documents>", missing + "</Documents>")


# ------------------------------------------------------------------ the steps
def _wrong_id(stage: Stage) -> None:
    refused = [r for r in queries.refusals(stage.hub) if r["key"] == "JNJY201207030006"]
    if not refused:
        stage.state.actors["prison"].send(wrong_prison_record(), business_type="JSJZ")


def _handover(stage: Stage) -> None:
    stage.state.actors["prison"].send(prison_record(), business_type="JSJZ")
    stage.quiet()


def _zhou_reports(stage: Stage) -> None:
    stage.post(
        "bureau.370826",
        "demo-report-zhou",
        {
            "exchange": "admission.report-in",
            "person": stage.person(ZHOU),
            "record": {"report_in": {"reported_on": "2012-07-05"}},
        },
    )
    stage.quiet()


def _zhou_registered(stage: Stage) -> None:
    stage.post(
        "bureau.370826",
        "demo-register-zhou",
        {
            "exchange": "admission.registration",
            "person": stage.person(ZHOU),
            "record": {
                "person": {"residence": {"place": "370826108201"}},
                "registration": {"registered_on": "2012-07-06"},
            },
        },
    )
    stage.quiet()
    stage.acknowledge("office.370826108")
    stage.quiet()


def _court_notice(stage: Stage) -> None:
    stage.state.actors["rest"].policy("return", "缺少社区矫正告知书，请补齐后重新送达")
    stage.state.actors["city"].fault("down", times=2)
    stage.state.actors["court"].send(court_notice())
    stage.quiet()
    stage.receipt_from("bureau.370828", stage.person(MA))
    stage.quiet()


def _court_repeats(stage: Stage) -> None:
    stage.state.actors["court"].send(court_notice())
    stage.quiet()


def _court_corrects(stage: Stage) -> None:
    stage.state.actors["rest"].policy("accept")
    stage.state.actors["court"].send(corrected_notice())
    stage.quiet()
    stage.receipt_from("bureau.370828", stage.person(MA))
    stage.quiet()


def _forwarded(stage: Stage) -> None:
    stage.post(
        "bureau.370828",
        "demo-forward-ma",
        {"exchange": "admission.documents-forwarded", "person": stage.person(MA), "record": {}},
    )
    stage.quiet()


def _sun_reports(stage: Stage) -> None:
    stage.post(
        "bureau.370826",
        "demo-report-sun",
        {
            "exchange": "admission.report-in",
            "person": stage.person(SUN),
            "record": {"report_in": {"reported_on": "2021-03-19"}},
        },
    )
    stage.quiet()


def _sun_registered(stage: Stage) -> None:
    stage.post(
        "bureau.370826",
        "demo-register-sun",
        {
            "exchange": "admission.registration",
            "person": stage.person(SUN),
            "record": {
                "person": {"residence": {"place": "370826108201"}},
                "registration": {"registered_on": "2021-03-19"},
            },
        },
    )
    stage.quiet()
    stage.acknowledge("office.370826108")
    stage.quiet()


def _ma_reports(stage: Stage) -> None:
    stage.post(
        "bureau.370828",
        "demo-report-ma",
        {
            "exchange": "admission.report-in",
            "person": stage.person(MA),
            "record": {"report_in": {"reported_on": "2021-03-22"}},
        },
    )
    stage.quiet()


STEPS = (
    Step(
        "wrong-id",
        "2012-07-03T09:05:00",
        "监狱发来假释交接，证件号码校验位有误：当场退回，说明错在哪里",
        "The prison hands over a parolee with a wrong ID number: refused at once, saying where it is wrong",
        _wrong_id,
    ),
    Step(
        "handover",
        "2012-07-03T09:15:00",
        "监狱更正后重发：微山县司法局经市平台受理，监狱收到回执；报到之前仍由监狱负责",
        "The prison sends it corrected: the bureau accepts through the city's platform; until he reports in the prison answers",
        _handover,
    ),
    Step(
        "zhou-reports",
        "2012-07-05T10:30:00",
        "周㴔到微山县司法局报到：监管责任由监狱移转到司法局",
        "Zhou reports in: from now on the bureau answers",
        _zhou_reports,
    ),
    Step(
        "zhou-registered",
        "2012-07-06T15:00:00",
        "司法局入矫登记，送马坡司法所，抄送镇、村、派出所",
        "The bureau registers him: to the judicial office, copies to town, village and police station",
        _zhou_registered,
    ),
    Step(
        "court-notice",
        "2021-03-15T09:20:00",
        "法院一份通知、两名被告人，分送两个县；市平台一度中断，恢复后自动送达；金乡县司法局退回并说明原因",
        "One notice of the court, two defendants, two counties; the city's platform is down for a while; Jinxiang returns one with a reason",
        _court_notice,
    ),
    Step(
        "court-repeats",
        "2021-03-15T16:40:00",
        "法院把同一份通知又发了一遍：答复相同，没有第二次送达",
        "The court sends the same notice again: the same answer, nothing twice",
        _court_repeats,
    ),
    Step(
        "court-corrects",
        "2021-03-19T09:00:00",
        "法院补齐告知书重新送达：金乡县司法局受理",
        "The court sends the missing document: Jinxiang accepts",
        _court_corrects,
    ),
    Step(
        "forwarded",
        "2021-03-19T11:00:00",
        "决定地与执行地不同：金乡县司法局向本县检察院、公安局转送法律文书",
        "Decided in another county: Jinxiang's bureau forwards the documents to its procuratorate and police",
        _forwarded,
    ),
    Step(
        "sun-reports",
        "2021-03-19T14:10:00",
        "孙某甲报到：监管责任由法院移转到微山县司法局，法院收到报到通知",
        "Sun reports in: the bureau answers now, and the court is told",
        _sun_reports,
    ),
    Step(
        "sun-registered",
        "2021-03-19T15:20:00",
        "孙某甲入矫登记，马坡司法所接收",
        "Sun is registered and taken over by the judicial office",
        _sun_registered,
    ),
    Step(
        "ma-reports",
        "2021-03-22T09:40:00",
        "马丽娜·阿不都报到：监管责任由法院移转到金乡县司法局",
        "Ma reports in: Jinxiang's bureau answers now",
        _ma_reports,
    ),
)
