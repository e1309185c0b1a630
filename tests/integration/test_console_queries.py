"""What the console's pages ask the store, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from hub.console.pages import console
from hub.domain.faults import NotFound, Refused
from hub.flow import intake, receipts
from hub.flow.parts import Hub
from hub.store import console_queries as q
from hub.store import queries
from tests.flow_hub import (
    BUREAU,
    COURT,
    NEIGHBOUR,
    county,
    everything_arrived,
    id_number,
    make_hub,
    notice,
    report_in,
    running,
    until,
)


@pytest.fixture
def hub(tmp_path: Path, store_url: str) -> Iterator[Hub]:
    made = make_hub(tmp_path, store_url, county(tmp_path / "mappings"))
    with running(made):
        yield made
    made.database.close()


def sent(hub: Hub, case: int, place: str = "370826") -> str:
    answer = intake.submit_record(hub, COURT, f"n-{case}", notice(case, place=place))
    until(lambda: everything_arrived(hub))
    return str(answer["id"])


def test_a_list_brings_persons_cases_and_reasons_along(hub: Hub) -> None:
    first, second = sent(hub, 1), sent(hub, 2, "370828")
    receipts.give(
        hub,
        NEIGHBOUR,
        queries.transfer(hub, None, second)["deliveries"][0]["id"],
        {"outcome": "returned", "reason": "材料不全"},
    )
    until(lambda: everything_arrived(hub))
    listed = q.transfers(hub, {})["items"]
    assert [item["id"] for item in listed if item["exchange"] == "admission.notice"] == [second, first]
    shown = next(item for item in listed if item["id"] == second)
    assert shown["case"]["number"] == "(2021)鲁0826刑初2号"
    assert shown["person"]["id_number"] == id_number(2)
    assert [(d["recipient"], d["status"], d["said"]) for d in shown["deliveries"]] == [
        (NEIGHBOUR, "returned", "材料不全")
    ]
    around = q.around(hub, second)
    assert [item["exchange"] for item in around["answered_by"]] == ["receipt"]
    assert q.around(hub, around["answered_by"][0]["id"])["answers"][0]["id"] == second


@pytest.mark.parametrize(
    ("filters", "cases"),
    [
        ({"case": "（2021）鲁0826刑初2号"}, {2}),
        ({"agency": NEIGHBOUR}, {2}),
        ({"agency": COURT}, {1, 2, 3}),
        ({"exchange": "admission.report-in"}, set()),
        ({"state": "delivered"}, {1, 2, 3}),
        ({"state": "returned"}, set()),
        ({"agency": BUREAU, "state": "parked"}, set()),
        ({"case": "cas_none"}, set()),
    ],
)
def test_a_list_is_narrowed(hub: Hub, filters: dict[str, str], cases: set[int]) -> None:
    for case, place in ((1, "370826"), (2, "370828"), (3, "370826")):
        sent(hub, case, place)
    found = {item["case"]["number"] for item in q.transfers(hub, filters)["items"]}
    assert found == {f"(2021)鲁0826刑初{case}号" for case in cases}


def test_pages_hold_each_transfer_once(hub: Hub) -> None:
    ids = [sent(hub, case) for case in range(1, 6)]
    found, after = [], None
    while True:
        page = q.transfers(hub, {}, 2, after)
        found += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert found == ids[::-1]


def test_a_case_number_that_is_none_is_refused(hub: Hub) -> None:
    with pytest.raises(Refused, match="/case"):
        q.transfers(hub, {"case": "第57号"})


def test_counts_say_how_many_a_list_holds(hub: Hub) -> None:
    sent(hub, 1)
    second = sent(hub, 2)
    receipts.give(
        hub,
        BUREAU,
        queries.transfer(hub, None, second)["deliveries"][0]["id"],
        {"outcome": "returned", "reason": "材料不全"},
    )
    until(lambda: everything_arrived(hub))
    with pytest.raises(Refused):
        intake.submit_record(hub, COURT, "wrong", notice(3, place="999999"))
    counted = q.counts(hub)
    for state in ("delivered", "answered", "returned"):
        assert counted.get(state, 0) == len(q.transfers(hub, {"state": state})["items"]) > 0, state
    assert counted["unknown"] == 0
    assert counted["refused"] == len(queries.refusals(hub)) == 1
    refused = q.refused(hub, queries.refusals(hub)[0]["submission"])
    assert refused["agency"] == COURT
    assert b"999999" in bytes(refused["raw"])


def test_what_is_not_there_is_not_found(hub: Hub) -> None:
    accepted = queries.transfer(hub, None, sent(hub, 1))["submission"]
    for ask in (
        lambda: q.around(hub, "trf_none"),
        lambda: q.refused(hub, "sub_none"),
        lambda: q.refused(hub, accepted),
    ):
        with pytest.raises(NotFound):
            ask()


def test_persons_say_who_answers_now_and_what_is_on_the_way(hub: Hub) -> None:
    transfer = sent(hub, 1)
    [person] = q.persons(hub)
    assert (person["holder"], person["to"], person["due"], person["dispute"]) == (COURT, BUREAU, "2021-03-22", False)
    intake.submit_record(hub, BUREAU, "reported", {**report_in(1), "in_reply_to": transfer})
    [person] = q.persons(hub, [person["id"]])
    assert (person["holder"], person["to"]) == (BUREAU, None)
    assert q.persons(hub, []) == []


def test_agencies_show_their_last_success_and_what_is_open(hub: Hub) -> None:
    sent(hub, 1)
    with hub.store.begin() as unit:
        unit.set_override(BUREAU, "http://set.example/hook", None, None)
    did = q.activity(hub)
    assert did[BUREAU]["arrived"]["outcome"] == "done"
    assert (did[BUREAU]["failed"], did[BUREAU]["open"], did[BUREAU]["url"]) == (None, 0, "http://set.example/hook")
    assert did[NEIGHBOUR] == {"open": 0, "arrived": None, "failed": None, "url": None}
    assert set(did) == {agency.id for agency in hub.agencies}


def ended(hub: Hub, case: int) -> str:
    """A person whose correction is over: served, reported in, died."""
    sent(hub, case)
    intake.submit_record(hub, BUREAU, f"r-{case}", report_in(case))
    death = {"person": {"id_number": id_number(case)}, "death": {"died_on": "2021-03-20"}}
    told = intake.submit_record(hub, BUREAU, f"d-{case}", {"exchange": "discharge.death", "record": death})
    until(lambda: everything_arrived(hub))
    return str(told["person"])


def test_after_the_end_nobody_answers_and_it_is_told_since_when_and_why(hub: Hub) -> None:
    person = ended(hub, 1)
    (listed,) = q.persons(hub, [person])
    assert (listed["holder"], bool(listed["since"]), listed["dispute"]) == (None, True, False)
    standing = queries.responsibility(hub, BUREAU, person)
    assert [line["holder"] for line in standing["history"]] == [COURT, BUREAU, None]
    assert (standing["holder"], standing["cause"]["exchange"]) == (None, "discharge.death")
    other_case = intake.submit_record(hub, COURT, "n-again", notice(2, person=1))
    assert other_case["person"] == person
    assert queries.responsibility(hub, COURT, person)["holder"] == COURT, "another case opens it anew"


def test_the_page_of_a_person_after_the_end_says_so(hub: Hub) -> None:
    person = ended(hub, 1)
    pages = Flask(__name__)
    pages.register_blueprint(console(hub))
    answer = pages.test_client().get(f"/console/persons/{person}", base_url="http://localhost")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200, page
    assert "监管责任已终止，不再有单位负责" in page
    assert page.count("至今") == 0, "the last who answered does not answer until now"
    assert 'class="stretch over"' in page
    listed = pages.test_client().get("/console/persons", base_url="http://localhost").get_data(as_text=True)
    assert "已终止" in listed
