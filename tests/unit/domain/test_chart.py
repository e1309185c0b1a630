"""The workflow chart as it ships: who sends what to whom, who gets a copy, which exchange answers, and how well it is founded.

The table below was written from the facts of the domain and not from the chart; a row that changes in one of the two only is
told. An administrator may change the chart of a county; what ships is this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from hub import configuration
from hub.domain.exchanges import Exchange
from hub.domain.routing import Resolver
from hub.settings import ROOT

CONFIGURATION = configuration.load(ROOT / "mappings")
CHART = CONFIGURATION.catalogue

#: exchange | from | to | copies | reply | checked
FACTS = """
assessment.request | court procuratorate police prison | bureau@residence | | assessment.report | senders law, clock no
assessment.registered | bureau | procuratorate@residence | | | secondary
assessment.report | bureau | requester | procuratorate@residence | | reply law, copy secondary
decision.medical-consultation | court | procuratorate@sender | | decision.medical-consultation.opinion | law
admission.notice | court prison-admin police | execution | | receipt | law
admission.documents | court prison-admin police prison | execution | procuratorate@execution police@execution | receipt | law
admission.documents-forwarded | bureau | procuratorate@execution | police@execution | | law
admission.documents-incomplete | bureau | decision | | admission.documents | secondary
admission.report-in | bureau | decision | | | law
admission.no-show | bureau | decision | | | 2012 law, 2020 no
admission.escort | prison detention police | execution | procuratorate@execution | receipt | law
admission.parole-handover | prison | execution | procuratorate@execution | receipt | secondary
admission.registration | bureau | office@residence | township@residence village@residence station@residence | receipt | law
admission.exit-ban | bureau | exit-entry | | admission.exit-ban.confirmation | secondary
admission.exit-ban-lift | bureau | exit-entry | | admission.exit-ban-lift.confirmation | secondary
admission.prison-file | prison detention | execution | | | no
supervision.grade-change | office | execution | | supervision.grade-change.decision | secondary
supervision.leave | office | execution | | supervision.leave.decision | secondary
supervision.leave-return | office | execution | | | law
supervision.frequent-travel | office | execution | | supervision.frequent-travel.decision | law, 6 months no
supervision.restricted-entry | office | execution | procuratorate@execution | supervision.restricted-entry.decision | secondary
supervision.relocation-consult | bureau | bureau@new-place | | supervision.relocation-consult.opinion | no
supervision.relocation-transfer | bureau | bureau@new-place | decision procuratorate@old-place police@old-place procuratorate@new-place police@new-place | receipt | copies law, days no
supervision.relocation-forwarded | bureau | procuratorate@new-place | police@new-place | | law
supervision.relocation-no-show | bureau | bureau@old-place | | | no
supervision.health-review | office | execution | | supervision.health-review.decision | secondary
supervision.positioning | bureau | justice-head@sender | procuratorate@execution | supervision.positioning.decision | law
supervision.lost-contact | bureau | police@execution | procuratorate@execution | supervision.lost-contact.search-result | law
supervision.absconded | bureau | procuratorate@execution | | | no
supervision.breach-in-progress | bureau office | police@incident | | | law
supervision.key-person-check | bureau | office@residence | station@residence township@residence | supervision.key-person-check.check-result |
supervision.measure-notice | police court procuratorate | execution | procuratorate@execution | | law
conduct.admonition | bureau | office@residence | procuratorate@execution | | secondary
conduct.warning | bureau | office@residence | procuratorate@execution | | secondary
conduct.report-order | bureau office | station@residence | | |
conduct.commendation | office | execution | | conduct.commendation.decision | secondary
conduct.service-exemption | office | execution | | conduct.service-exemption.decision |
sanction.public-security | bureau | police@sender | procuratorate@execution | sanction.public-security.decision | law
sanction.revoke-probation | bureau | revoking-court | procuratorate@execution | sanction.revoke-probation.ruling | law
sanction.revoke-parole | bureau | revoking-court | procuratorate@execution police@execution file-holder | sanction.revoke-parole.ruling | law, copies to police and prison no
sanction.revoked-by-trial | court | original-court | execution | | law
sanction.arrest | bureau | revoking-court | procuratorate@execution | sanction.arrest.decision | law
sanction.arrest-order | court | police@execution | | | law
sanction.recommitment | bureau | recommitting-organ | procuratorate@execution | sanction.recommitment.decision | law
sanction.pursuit | court police prison-admin | police@execution | execution | | law
sanction.delivery-to-custody | police prison | custody | execution procuratorate@execution | receipt | law
sanction.commutation | bureau | court@execution-city | procuratorate@sender | sanction.commutation.ruling | law, level no
education.prison-visit | bureau | programme-prison | | education.prison-visit.confirmation |
education.inmate-talk | prison | programme-bureau | | |
assistance.hardship | bureau office | township@residence | | assistance.hardship.result |
assistance.schooling | bureau | education@residence | | assistance.schooling.result | law
discharge.completion | bureau | decision | procuratorate@execution police@execution | | law, hold title only
discharge.termination | bureau | decision | procuratorate@execution police@execution | | grounds law, notice secondary
discharge.death-report | office | execution | | | law
discharge.death | bureau | decision | police@execution procuratorate@execution file-holder | | law
discharge.resettlement | bureau | office@residence | township@residence | | 2012 law
oversight.opinion | procuratorate | overseen | | oversight.opinion.response | law
oversight.complaint | bureau office court police station prison prison-admin detention township village committee | procuratorate@execution | | oversight.complaint.result | law
roster.statement | court prison detention police bureau | hub | | |
stability.report | office bureau | parent | committee@sender | |
emergency.alert | office bureau police township village hub | plan-participants | | emergency.alert.acknowledgement |
emergency.update | office bureau police station township village procuratorate committee | plan-participants | | |
emergency.stand-down | bureau committee | plan-participants | | |
decision.medical-consultation.opinion | procuratorate | requester | | | law
admission.exit-ban.confirmation | exit-entry police | requester | | | secondary
admission.exit-ban-lift.confirmation | exit-entry police | requester | | | secondary
supervision.grade-change.decision | bureau | requester | | | secondary
supervision.leave.decision | bureau | requester | | | secondary
supervision.frequent-travel.decision | bureau | requester | | | law, 6 months no
supervision.restricted-entry.decision | bureau | requester | | | secondary
supervision.relocation-consult.opinion | bureau | requester | | | no
supervision.health-review.decision | bureau | requester | procuratorate@execution | | secondary
supervision.positioning.decision | justice-head | requester | | | law
supervision.lost-contact.search-result | police | requester | | | law
supervision.key-person-check.check-result | office | requester | | |
conduct.commendation.decision | bureau | requester | procuratorate@execution | | secondary
conduct.service-exemption.decision | bureau | requester | | |
sanction.public-security.decision | police | requester | | | law
sanction.revoke-probation.ruling | court | requester police@execution | procuratorate@execution | | law
sanction.revoke-parole.ruling | court | requester police@execution | procuratorate@execution | | law, copies to police and prison no
sanction.arrest.decision | court | requester | | | law
sanction.recommitment.decision | court prison-admin police | requester police@execution | procuratorate@execution | | law
sanction.commutation.ruling | court | requester | procuratorate@execution police@execution | | law, level no
education.prison-visit.confirmation | prison detention | requester | | |
assistance.hardship.result | township | requester | | |
assistance.schooling.result | education | requester | | | law
oversight.opinion.response | bureau office court police prison prison-admin detention township | requester | | | law
oversight.complaint.result | procuratorate | requester | | | law
emergency.alert.acknowledgement | office bureau police station township village procuratorate committee | requester | | |
receipt | | requester | | | secondary
"""
ROWS = {
    cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.split("|")] for line in FACTS.strip().splitlines())
}


def test_the_chart_has_each_exchange_and_no_other() -> None:
    assert set(CHART.exchanges) == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_an_exchange_goes_from_whom_to_whom_the_law_says(name: str) -> None:
    exchange = CHART.exchanges[name]
    assert [
        " ".join(exchange.senders),
        " ".join(exchange.to),
        " ".join(copy.role for copy in exchange.copies),
        exchange.reply or "",
        exchange.checked,
    ] == ROWS[name]


@pytest.mark.parametrize("exchange", CHART.exchanges.values(), ids=lambda exchange: exchange.id)
def test_an_exchange_is_named_in_both_languages_and_says_its_basis(exchange: Exchange) -> None:
    assert any("\u4e00" <= character <= "\u9fff" for character in exchange.zh)
    assert exchange.en.isascii()
    assert exchange.basis


def test_a_reply_goes_from_who_was_asked_to_who_asked() -> None:
    """Every kind of agency that is asked may send the reply, and the reply goes back to the sender of what it answers."""
    for asked in CHART.exchanges.values():
        if asked.reply in (None, "receipt", "admission.documents"):
            continue
        reply = CHART.exchanges[asked.reply or ""]
        assert "requester" in reply.to
        assert CHART.only_answers(reply.id), reply.id
        assert _kinds(asked) <= set(reply.senders), (asked.id, reply.senders)


def _kinds(exchange: Exchange) -> set[str]:
    """The kinds of agencies that may be a main recipient, as far as the words themselves say."""
    found: set[str] = set()
    for word in (member for to in exchange.to for member in CHART.members(to)):
        role = CHART.roles.get(word)
        if role is None:
            found.add(word.partition("@")[0])
        elif role.kind and not role.candidates:
            found.add(role.kind)
        else:
            found |= {kind for written in role.candidates for kind in written.partition(":")[2].split(",") if kind}
            found |= {other.partition("@")[0] for other in role.first_of}
    return found


#: What ends or moves that somebody answers: event, expected holders, holder afterwards, strength of the word for it.
EFFECTS = {
    "admission.report-in": ("recorded", ("decision", "handed-over-by"), "execution", "recorded"),
    "admission.escort": ("receipt", ("sender",), "execution", "attested"),
    "supervision.relocation-transfer": ("admission.report-in", ("sender",), "bureau@new-place", "recorded"),
    "sanction.delivery-to-custody": ("receipt", ("execution",), "custody", "attested"),
    "discharge.completion": ("recorded", ("execution",), None, "recorded"),
    "discharge.termination": ("recorded", ("execution",), None, "recorded"),
    "discharge.death": ("recorded", ("execution",), None, "recorded"),
}


def test_what_moves_or_ends_responsibility_says_event_holders_and_strength() -> None:
    found: dict[str, tuple[str, tuple[str, ...], str | None, str]] = {}
    for name, exchange in CHART.exchanges.items():
        if exchange.moves:
            found[name] = (exchange.moves.on, exchange.moves.expected, exchange.moves.to, exchange.moves.strength)
            assert exchange.moves.zh
            assert exchange.moves.en
        if exchange.ends:
            found[name] = (exchange.ends.on, exchange.ends.expected, None, exchange.ends.strength)
            assert exchange.ends.zh
            assert exchange.ends.en
    assert found == EFFECTS


#: exchange → rule set, term, unit of its clocks, in order
CLOCKS = {
    "assessment.request": [("law-2020", 10, "workday"), ("law-2020", 5, "workday")],
    "admission.notice": [("law-2020", 5, "day")],
    "admission.documents": [
        ("law-2020", 10, "day"),
        ("law-2020", 5, "day"),
        ("measures-2012", 3, "workday"),
        ("measures-2012", 3, "workday"),
    ],
    "admission.documents-incomplete": [("law-2020", 5, "day")],
    "admission.report-in": [(None, 10, "day")],
    "admission.escort": [(None, 10, "day")],
    "admission.registration": [("measures-2012", 3, "day")],
    "admission.prison-file": [("law-2020", 5, "day")],
    "supervision.relocation-consult": [("law-2020", 5, "day"), ("law-2020", 5, "day")],
    "supervision.relocation-transfer": [
        ("law-2020", 5, "day"),
        ("law-2020", 5, "day"),
        (None, 7, "day"),
        ("measures-2012", 3, "workday"),
    ],
    "supervision.health-review": [(None, -3, "month")],
    "supervision.positioning": [(None, 3, "month")],
    "supervision.measure-notice": [("law-2020", 3, "day")],
    "sanction.revoke-probation": [("law-2020", 30, "day"), ("measures-2012", 1, "month")],
    "sanction.revoke-parole": [("law-2020", 30, "day")],
    "sanction.arrest": [(None, 48, "hour")],
    "sanction.recommitment": [("law-2020", 30, "day"), ("measures-2012", 15, "day")],
    "sanction.commutation": [(None, 30, "day")],
}


def test_the_terms_are_those_of_the_law() -> None:
    """A term that comes again and again is written here as a negative one."""
    assert {
        name: [(clock.rules, clock.within or -(clock.every or 0), clock.unit) for clock in exchange.clocks]
        for name, exchange in CHART.exchanges.items()
        if exchange.clocks
    } == CLOCKS


def test_each_rule_set_has_its_time() -> None:
    assert CHART.in_force(date(2012, 2, 29)) == ()
    assert CHART.in_force(date(2012, 3, 1)) == CHART.in_force(date(2020, 6, 30)) == ("measures-2012",)
    assert CHART.in_force(date(2020, 7, 1)) == ("law-2020",)


# ------------------------------------------------------------------ what the chart's words come to
def resolver(
    sender: str, record: Mapping[str, Any], day: date = date(2021, 3, 15), answered: str | None = None
) -> Resolver:
    return Resolver(CHART, CONFIGURATION.agencies, record, sender, None, answered, day)


MOVING = {
    "case": {"deciding_agency": "court.370826"},
    "correction": {"execution_place": "370828", "category": "probation"},
    "relocation": {"old_place": "370826", "new_place": "370828"},
}


def test_a_relocation_tells_the_new_places_procuratorate_and_police_only_under_the_measures_of_2012() -> None:
    exchange = CHART.exchanges["supervision.relocation-transfer"]
    under_the_law = resolver("bureau.370826", MOVING).route(exchange)
    assert (under_the_law.to, under_the_law.copies) == (
        ("bureau.370828",),
        ("court.370826", "procuratorate.370826", "police.370826"),
    )
    before = resolver("bureau.370826", MOVING, date(2019, 5, 6)).route(exchange)
    assert before.copies == (*under_the_law.copies, "procuratorate.370828", "police.370828")


@pytest.mark.parametrize(
    ("leave", "to", "copies", "decides"),
    [
        ({"days": 7}, ("bureau.370826",), (), "sender"),
        ({"days": 8}, ("bureau.370826",), (), "execution"),
        ({"days": 30, "days_in_two_months": 30}, ("bureau.370826",), (), "execution"),
        ({"days": 31}, ("bureau.370826", "bureau.370800"), ("procuratorate.370826",), "city-bureau"),
        (
            {"days": 5, "days_in_two_months": 31},
            ("bureau.370826", "bureau.370800"),
            ("procuratorate.370826",),
            "city-bureau",
        ),
    ],
)
def test_who_decides_on_a_leave_depends_on_its_length(
    leave: dict[str, int], to: tuple[str, ...], copies: tuple[str, ...], decides: str
) -> None:
    exchange = CHART.exchanges["supervision.leave"]
    asked = resolver("office.370826108", {"correction": {"execution_place": "370826"}, "leave": leave})
    routing = asked.route(exchange)
    assert (routing.to, routing.copies, routing.faults) == (to, copies, ())
    level = asked.level(exchange)
    assert level is not None
    assert level.decides == decides


def test_what_the_law_does_not_list_is_pointed_out_and_not_refused() -> None:
    exchange = CHART.exchanges["sanction.public-security"]
    for category, warnings in (("parole", 1), ("probation", 0)):
        judged = resolver("bureau.370826", {"correction": {"category": category}}).judge(exchange)
        assert (judged.faults, len(judged.warnings)) == ((), warnings)


def test_an_exchange_for_other_cases_is_refused_at_the_place_that_says_so() -> None:
    exchange = CHART.exchanges["sanction.revoke-probation"]
    (fault,) = resolver("bureau.370826", {"correction": {"category": "parole"}}).judge(exchange).faults
    assert (fault.rule, fault.pointer, fault.value) == ("exchange.not-for-this", "/correction/category", "parole")
    assert resolver("bureau.370826", {"correction": {}}).judge(exchange).faults == ()


def test_what_only_older_rules_provided_for_is_pointed_out_under_newer_ones() -> None:
    exchange = CHART.exchanges["conduct.service-exemption"]
    assert len(resolver("office.370826108", {}).judge(exchange).warnings) == 1
    assert resolver("office.370826108", {}, date(2019, 5, 6)).judge(exchange).warnings == ()


def test_a_commutation_is_proposed_by_the_city_to_the_intermediate_court() -> None:
    exchange = CHART.exchanges["sanction.commutation"]
    record = {"correction": {"execution_place": "370826"}}
    city = resolver("bureau.370800", record)
    assert (city.route(exchange).to, city.route(exchange).copies) == (("court.370800",), ("procuratorate.370800",))
    assert city.judge(exchange).warnings == ()
    assert len(resolver("bureau.370826", record).judge(exchange).warnings) == 1


def test_an_alert_reaches_whoever_of_the_plan_can_be_found_but_not_who_raised_it() -> None:
    exchange = CHART.exchanges["emergency.alert"]
    place = {"correction": {"execution_place": "370826"}, "person": {"residence": {"place": "370826108201"}}}
    routing = resolver("office.370826108", place).route(exchange)
    assert routing.to == (
        "bureau.370826",
        "station.370826108",
        "township.370826108",
        "village.370826108201",
        "police.370826",
        "procuratorate.370826",
        "committee.370826",
    )
    assert (routing.faults, routing.gaps) == ((), ())
    elsewhere = {**place, "person": {"residence": {"place": "370828001"}}}
    some = resolver("bureau.370826", elsewhere).route(exchange)
    assert some.to == ("police.370826", "procuratorate.370826", "committee.370826")
    assert some.faults == ()
    assert len(some.gaps) == 4, "who cannot be found is shown"


def test_the_exit_entry_unit_is_meant_and_where_there_is_none_the_police() -> None:
    exchange = CHART.exchanges["admission.exit-ban"]
    for place, expected in (("370826", "exit-entry.370826"), ("370828", "police.370828")):
        routing = resolver(f"bureau.{place}", {"correction": {"execution_place": place}}).route(exchange)
        assert routing.to == (expected,)


def test_a_proposal_goes_to_the_court_it_names_then_to_that_which_decided_then_to_that_of_the_place() -> None:
    exchange = CHART.exchanges["sanction.revoke-probation"]
    record: dict[str, Any] = {"correction": {"execution_place": "370826"}}
    assert resolver("bureau.370826", record).route(exchange).to == ("court.370826",)
    record["case"] = {"deciding_agency": "court.370800"}
    assert resolver("bureau.370826", record).route(exchange).to == ("court.370800",)
    record["proposal"] = {"addressed_to": "court.370826"}
    assert resolver("bureau.370826", record).route(exchange).to == ("court.370826",)


def test_an_agency_without_a_parent_cannot_report_up() -> None:
    (fault,) = resolver("bureau.370800", {}).route(CHART.exchanges["stability.report"]).faults
    assert fault.rule == "agency.no-parent"
