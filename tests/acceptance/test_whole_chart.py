"""Every exchange of the workflow chart walks end to end: from an API call to the inbox of each of its recipients.

One hub, reached over HTTP; each walk has a person and a case of its own. What the hub works out is compared with who is meant
by hand (`tests.acceptance.chart`). An exchange that is added to the chart walks too, or fails here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from simulators.hub_client import HubReply
from tests.acceptance.chart import (
    CHART,
    SENDS,
    asked_for,
    by_inbox,
    copied,
    main_recipients,
    merged,
    record_of,
    sender_of,
    someone,
    stranger_to,
)
from tests.acceptance.county import County, until
from tests.acceptance.records import unique

COURT, PRISON, POLICE = "court.370826", "prison.370800", "police.370826"
BUREAU, NEIGHBOUR = "bureau.370826", "bureau.370828"
ARRIVED = {"delivered", "accepted", "returned"}
#: What an agency hands over, by the id of the exchange. A receipt is given for a delivery.
POSTED = [exchange for exchange in CHART.exchanges.values() if exchange.senders]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """A hub whose agencies all take what is for them from their inboxes."""
    running = County(
        tmp_path_factory.mktemp("chart"), systems=(), prepare=by_inbox, HUB_BUSINESS_TIME="2021-03-15T09:20:00+08:00"
    )
    yield running
    running.close()


@dataclass(frozen=True)
class Sent:
    """A transfer that was accepted."""

    sender: str
    answer: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.answer["id"])


def post(county: County, sender: str, name: str, record: Mapping[str, Any], **envelope: Any) -> HubReply:
    body = {"exchange": name, "record": dict(record), **envelope}
    return county.client(sender).transfer(body, f"walk-{unique()}-{name}")


def send(county: County, sender: str, name: str, record: Mapping[str, Any], **envelope: Any) -> Sent:
    return Sent(sender, post(county, sender, name, record, **envelope).expect(), record)


def arrived(county: County, sent: Sent) -> dict[str, str]:
    """Wait until everybody has a transfer; recipient → role. Nobody has what the hub keeps."""

    def everywhere() -> dict[str, Any] | None:
        found = county.transfer(sent.sender, sent.id)
        return found if all(one["status"] in ARRIVED for one in found["deliveries"]) else None

    found = until(f"{sent.id} has arrived everywhere", everywhere)
    assert found is not None
    return {one["recipient"]: one["role"] for one in found["deliveries"]}


def found_in_inbox(county: County, agency: str, transfer: str) -> dict[str, Any]:
    """What an agency finds about a transfer in its inbox, exactly once."""
    found = [item for item in county.client(agency).waiting(limit=200) if item["transfer"] == transfer]
    assert len(found) == 1, (agency, transfer, found)
    return found[0]


def accept(county: County, agency: str, sent: Sent) -> None:
    """The recipient's accepted receipt."""
    delivery = county.delivery(sent.sender, sent.id, agency)["id"]
    county.client(agency).receipt(delivery, "accepted").expect()


def walked(county: County, name: str, sent: Sent, asked_by: str | None = None, asked: Sent | None = None) -> None:
    """Each recipient finds the transfer in its inbox as it was sent, and nobody else gets it."""
    exchange = CHART.exchanges[name]
    expected = dict.fromkeys(copied(exchange, sent.sender, asked_by), "copy")
    expected |= dict.fromkeys(main_recipients(exchange, sent.sender, asked_by), "to")
    assert arrived(county, sent) == expected
    for agency, role in expected.items():
        item = found_in_inbox(county, agency, sent.id)
        assert (item["exchange"], item["sender"], item["role"]) == (name, sent.sender, role)
        assert merged(item["record"], sent.record) == item["record"], "everything that was sent is there"
        if asked is not None:
            assert item["in_reply_to"] == asked.id
            assert item["record"]["answers"]["transfer"] == asked.id
    if not expected:
        assert exchange.kept_by_hub
        assert county.transfer(sent.sender, sent.id)["status"] == "kept"
        assert any("系统留存" in line for line in county.told(sent.sender, sent.id))


@pytest.mark.parametrize("name", [one.id for one in POSTED if not CHART.only_answers(one.id)])
def test_it_reaches_the_inbox_of_each_of_its_recipients(county: County, name: str) -> None:
    exchange = CHART.exchanges[name]
    sender = sender_of(exchange)
    walked(county, name, send(county, sender, name, record_of(exchange, someone())))


@pytest.mark.parametrize(
    ("name", "kind"), [(one.id, kind) for one in POSTED if not CHART.only_answers(one.id) for kind in one.senders[1:]]
)
def test_it_is_taken_from_each_kind_that_may_send_it(county: County, name: str, kind: str) -> None:
    if kind == "hub":
        pytest.skip("the hub itself is no caller of its own API")
    exchange = CHART.exchanges[name]
    sent = send(county, SENDS[kind], name, record_of(exchange, someone()))
    assert sent.answer["status"] in ("accepted", "kept")


@pytest.mark.parametrize("name", [one.id for one in POSTED if CHART.only_answers(one.id)])
def test_an_answer_comes_from_each_who_was_asked_and_reaches_who_asked(county: County, name: str) -> None:
    exchange, asking = CHART.exchanges[name], asked_for(name)
    asker, who = sender_of(asking), someone()
    asked = send(county, asker, asking.id, record_of(asking, who))
    arrived(county, asked)
    for answerer in sorted(main_recipients(asking, asker, None)):
        record = record_of(exchange, who)
        record.pop("message", None)
        answer = send(county, answerer, name, record, in_reply_to=asked.id)
        walked(county, name, answer, asker, asked)
        assert found_in_inbox(county, asker, answer.id)["record"]["answers"]["exchange"] == asking.id
    told = county.told(asker, asked.id)
    assert sum(f"已答复：{exchange.zh}" in line for line in told) == len(main_recipients(asking, asker, None))


@pytest.mark.parametrize("name", [one.id for one in POSTED if CHART.only_answers(one.id)])
def test_an_answer_that_says_only_whom_it_is_about_finds_what_it_answers(county: County, name: str) -> None:
    exchange, asking = CHART.exchanges[name], asked_for(name)
    if exchange.about == "none":
        pytest.skip("it is about nobody by whom it could be found")
    asker, who = sender_of(asking), someone()
    asked = send(county, asker, asking.id, record_of(asking, who))
    arrived(county, asked)
    answerer = sorted(main_recipients(asking, asker, None))[0]
    answer = send(county, answerer, name, record_of(exchange, who))
    assert county.transfer(answerer, answer.id)["in_reply_to"] == asked.id
    assert asker in arrived(county, answer)


@pytest.mark.parametrize("name", [one.id for one in POSTED if one.reply == "receipt"])
def test_its_receipt_comes_back_to_the_sender(county: County, name: str) -> None:
    exchange = CHART.exchanges[name]
    sender = sender_of(exchange)
    sent = send(county, sender, name, record_of(exchange, someone()))
    arrived(county, sent)
    (taker,) = main_recipients(exchange, sender, None)
    accept(county, taker, sent)

    def returned() -> list[dict[str, Any]]:
        return [
            item
            for item in county.client(sender).waiting(limit=200)
            if (item["exchange"], item["in_reply_to"]) == ("receipt", sent.id)
        ]

    (receipt,) = until(f"the receipt of {name}", returned)
    assert (receipt["sender"], receipt["record"]["receipt"]["outcome"]) == (taker, "accepted")
    assert county.transfer(sender, sent.id)["status"] == "answered"


@pytest.mark.parametrize("name", [exchange.id for exchange in CHART.exchanges.values()])
def test_it_is_refused_from_an_agency_of_another_kind(county: County, name: str) -> None:
    exchange = CHART.exchanges[name]
    refused = post(county, stranger_to(exchange), name, record_of(exchange, someone()))
    assert (refused.status, [error["rule"] for error in refused.body["errors"]]) == (403, ["exchange.not-yours"])


@pytest.mark.parametrize("name", [exchange.id for exchange in CHART.exchanges.values()])
def test_the_api_shows_the_row_with_a_schema_that_is_in_the_contract(county: County, name: str) -> None:
    row = county.get(BUREAU, f"/v1/exchanges/{name}")
    exchange = CHART.exchanges[name]
    assert (row["zh"], row["en"], row["phase"], row["checked"]) == (
        exchange.zh,
        exchange.en,
        exchange.phase,
        exchange.checked,
    )
    assert len(row["clocks"]) == len(exchange.clocks)
    contract = county.get(BUREAU, "/openapi.json")["components"]["schemas"]
    assert contract[row["record_schema"].rpartition("/")[2]]["x-exchange"] == name


# ------------------------------------------------------------------ what the chart does to responsibility
def standing(county: County, agency: str, sent: Sent) -> dict[str, Any]:
    found: dict[str, Any] = county.get(agency, f"/v1/persons/{sent.answer['person']}/responsibility")
    return found


def supervised(county: County, who: Mapping[str, Any]) -> Sent:
    """A person for whom the bureau answers: the court served the documents, and the person reported in."""
    arrived(county, send(county, COURT, "admission.documents", who))
    report = send(county, BUREAU, "admission.report-in", who)
    assert standing(county, BUREAU, report)["holder"] == BUREAU
    return report


def test_a_report_in_moves_the_person_from_who_decided_to_the_bureau(county: County) -> None:
    who = someone()
    documents = send(county, COURT, "admission.documents", who)
    assert standing(county, COURT, documents)["holder"] == COURT
    arrived(county, documents)
    after = standing(county, BUREAU, send(county, BUREAU, "admission.report-in", who))
    assert (after["holder"], after["in_transit"], after["dispute"]) == (BUREAU, None, None)


def test_an_escort_moves_the_person_on_the_bureaus_accepted_receipt(county: County) -> None:
    who = merged(someone(), {"correction": {"category": "temporary-execution"}})
    sent = send(county, PRISON, "admission.escort", who)
    arrived(county, sent)
    assert standing(county, PRISON, sent)["holder"] == PRISON
    accept(county, BUREAU, sent)
    after = standing(county, PRISON, sent)
    assert (after["holder"], after["cause"]["exchange"]) == (BUREAU, "admission.escort")
    assert after["cause"]["receipt"]


def test_a_handover_of_a_parolee_moves_nothing_until_the_report_in(county: County) -> None:
    who = merged(someone(), {"correction": {"category": "parole"}})
    sent = send(county, PRISON, "admission.parole-handover", who)
    arrived(county, sent)
    accept(county, BUREAU, sent)
    assert standing(county, PRISON, sent)["holder"] == PRISON
    assert standing(county, BUREAU, send(county, BUREAU, "admission.report-in", who))["holder"] == BUREAU


def test_a_relocation_moves_the_person_when_the_new_bureau_records_the_report_in(county: County) -> None:
    who = someone()
    supervised(county, who)
    relocation = {"relocation": {"old_place": "370826", "new_place": "370828", "report_by": "2021-03-25"}}
    sent = send(county, BUREAU, "supervision.relocation-transfer", {"person": who["person"], **relocation})
    assert set(arrived(county, sent)) == {NEIGHBOUR, COURT, "procuratorate.370826", POLICE}
    accept(county, NEIGHBOUR, sent)
    on_the_way = standing(county, BUREAU, sent)
    assert (on_the_way["holder"], on_the_way["in_transit"]["to"], on_the_way["in_transit"]["due"]) == (
        BUREAU,
        NEIGHBOUR,
        "2021-03-25",
    )
    report = send(county, NEIGHBOUR, "admission.report-in", {"person": who["person"]})
    after = standing(county, NEIGHBOUR, report)
    assert (after["holder"], after["in_transit"], after["dispute"]) == (NEIGHBOUR, None, None)
    assert [line["holder"] for line in after["history"]] == [COURT, BUREAU, NEIGHBOUR]


def test_a_delivery_into_custody_moves_the_person_on_the_prisons_accepted_receipt(county: County) -> None:
    who = someone()
    supervised(county, who)
    sent = send(county, POLICE, "sanction.delivery-to-custody", {**who, "custody": {"agency": PRISON}})
    arrived(county, sent)
    assert standing(county, BUREAU, sent)["holder"] == BUREAU
    accept(county, PRISON, sent)
    assert standing(county, BUREAU, sent)["holder"] == PRISON
    ended = send(county, BUREAU, "discharge.termination", terminated(who, "撤销缓刑"))
    after = standing(county, BUREAU, ended)
    assert (after["holder"], after["dispute"]) == (PRISON, None), "custody took over, so nothing is left to end"


def terminated(who: Mapping[str, Any], outcome: str) -> dict[str, Any]:
    return merged(who, {"correction": {"outcome": outcome}, "discharge": {"on": "2021-03-15"}})


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("discharge.completion", "期满"), ("discharge.termination", "死亡"), ("discharge.death", None)],
)
def test_after_the_end_nobody_answers(county: County, name: str, outcome: str | None) -> None:
    who = someone()
    supervised(county, who)
    record = terminated(who, outcome) if outcome else {**who, "death": {"died_on": "2021-03-14"}}
    ended = send(county, BUREAU, name, record)
    after = standing(county, BUREAU, ended)
    assert (after["holder"], after["dispute"]) == (None, None)
    assert (after["cause"]["exchange"], bool(after["since"])) == (name, True)
    assert [line["holder"] for line in after["history"]] == [COURT, BUREAU, None]
    assert any("监管责任终止" in line for line in county.told(BUREAU, ended.id))
    late = send(county, COURT, "admission.documents", who)
    assert standing(county, COURT, late)["holder"] is None, "what comes late about the case revives nothing"
    page = county.client(BUREAU).request("GET", f"/v1/persons/{ended.answer['person']}/responsibility").expect()
    assert page == after


def test_a_termination_before_anybody_has_taken_the_person_into_custody_is_a_dispute(county: County) -> None:
    who = someone()
    supervised(county, who)
    after = standing(county, BUREAU, send(county, BUREAU, "discharge.termination", terminated(who, "撤销缓刑")))
    assert after["holder"] == BUREAU
    assert "监狱或看守所" in after["dispute"]["message"]


def test_a_discharge_by_who_does_not_answer_for_the_person_ends_nothing(county: County) -> None:
    who = someone()
    supervised(county, who)
    after = standing(county, NEIGHBOUR, send(county, NEIGHBOUR, "discharge.completion", terminated(who, "期满")))
    assert after["holder"] == BUREAU
    assert after["dispute"]


def test_a_discharge_waits_for_the_ruling_on_a_revocation(county: County) -> None:
    who = someone()
    supervised(county, who)
    proposed = send(county, BUREAU, "sanction.revoke-probation", {**who, "proposal": {"facts": "脱管超过一个月"}})
    arrived(county, proposed)
    early = send(county, BUREAU, "discharge.completion", terminated(who, "期满"))
    assert COURT in arrived(county, early), "it is passed on all the same"
    after = standing(county, BUREAU, early)
    assert after["holder"] == BUREAU
    assert "暂缓解除" in after["dispute"]["message"]
    assert any(line.startswith("暂缓：") for line in county.told(BUREAU, early.id))
    ruling = {"correction": who["correction"], "ruling": {"outcome": "不准予"}}
    send(county, COURT, "sanction.revoke-probation.ruling", ruling, in_reply_to=proposed.id)
    ended = send(county, BUREAU, "discharge.completion", terminated(who, "期满"))
    assert standing(county, BUREAU, ended)["holder"] is None


def test_each_effect_of_the_chart_is_tried_here() -> None:
    tried = {
        "admission.report-in",
        "admission.escort",
        "supervision.relocation-transfer",
        "sanction.delivery-to-custody",
        "discharge.completion",
        "discharge.termination",
        "discharge.death",
    }
    assert {name for name, exchange in CHART.exchanges.items() if exchange.moves or exchange.ends} == tried


# ------------------------------------------------------------------ what an exchange asks of its sender
def test_an_exchange_for_other_cases_is_refused_where_the_chart_says_so(county: County) -> None:
    who = merged(someone(), {"correction": {"category": "parole"}, "proposal": {"facts": "违反规定"}})
    refused = post(county, BUREAU, "sanction.revoke-probation", who)
    assert refused.status == 422
    assert [(error["pointer"], error["rule"]) for error in refused.body["errors"]] == [
        ("/record/correction/category", "exchange.not-for-this")
    ]


def test_what_the_law_does_not_list_is_passed_on_with_a_warning(county: County) -> None:
    who = merged(someone(), {"correction": {"category": "parole"}, "proposal": {"facts": "违反规定"}})
    sent = send(county, BUREAU, "sanction.public-security", who)
    assert POLICE in arrived(county, sent)
    assert any("没有列出假释" in line for line in county.told(BUREAU, sent.id))
    assert any("does not list parole" in line for line in county.told(BUREAU, sent.id, "en"))
    body = {"exchange": "sanction.public-security", "record": who}
    tried = county.client(BUREAU).request("POST", "/v1/transfers/preview", json=body).expect()
    (warned,) = tried["routing"]["warnings"]
    assert "没有列出假释" in warned


def test_an_answer_to_something_else_is_refused(county: County) -> None:
    who = someone()
    asked = send(county, "office.370826108", "supervision.leave", record_of(CHART.exchanges["supervision.leave"], who))
    arrived(county, asked)
    wrong = post(
        county, BUREAU, "conduct.commendation.decision", {"decision": {"outcome": "批准"}}, in_reply_to=asked.id
    )
    assert (wrong.status, [error["rule"] for error in wrong.body["errors"]]) == (422, ["transfer.not-asking"])


def test_what_an_application_leaves_out_is_known_from_what_came_before(county: County) -> None:
    """The office's application names only the person; who decided the case is known from the documents at the beginning."""
    who = someone()
    supervised(county, who)
    leave = {"reason": "探亲", "from": "2021-03-16", "to": "2021-03-18", "days": 3}
    asked = send(county, "office.370826108", "supervision.leave", {**record_without_decision(who), "leave": leave})
    arrived(county, asked)
    ended = send(
        county,
        BUREAU,
        "discharge.completion",
        {
            "person": who["person"],
            "correction": {"execution_place": "370826", "outcome": "期满"},
            "discharge": {"on": "2021-03-15"},
        },
    )
    assert arrived(county, ended) == {COURT: "to", "procuratorate.370826": "copy", POLICE: "copy"}


def record_without_decision(who: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "person": who["person"],
        "case": {"number": who["case"]["number"]},
        "correction": {"execution_place": "370826"},
    }


def test_the_drawn_chart_counts_what_has_walked(county: County) -> None:
    """`hub chart --counts` against every transfer that the hub lists, counted here one by one."""
    for name in ("admission.notice", "assessment.request"):
        arrived(county, send(county, COURT, name, record_of(CHART.exchanges[name], someone())))

    def listed() -> dict[str, dict[str, int]]:
        items = county.hub_json("transfer", "list", "--limit", "1000")["items"]
        assert len(items) < 1000
        answers = {(item["in_reply_to"], item["exchange"]) for item in items}
        found: dict[str, dict[str, int]] = {}
        for item in items:
            counts = found.setdefault(item["exchange"], dict.fromkeys(("all", "under_way", "parked", "owed"), 0))
            reply = CHART.exchanges[item["exchange"]].reply
            main = {one["status"] for one in item["deliveries"] if one["role"] == "to"}
            counts["all"] += 1
            counts["parked"] += item["status"] == "parked"
            counts["under_way"] += any(one["status"] not in ARRIVED | {"parked"} for one in item["deliveries"])
            owes = main & ({"delivered"} if reply == "receipt" else {"delivered", "accepted"}) if reply else set()
            counts["owed"] += bool(owes) and (reply == "receipt" or (item["id"], reply) not in answers)
        return found

    def drawn() -> dict[str, dict[str, int]]:
        edges = {edge["exchange"]: edge["counts"] for edge in county.hub_json("chart", "--counts")["edges"]}
        assert set(edges) == set(CHART.exchanges)
        return {
            name: {key: counts[key] for key in ("all", "under_way", "parked", "owed")}
            for name, counts in edges.items()
            if counts["all"]
        }

    assert until("the chart and the list agree", lambda: found if (found := drawn()) == listed() else None)
