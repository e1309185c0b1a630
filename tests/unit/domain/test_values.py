"""Values that check themselves, and the canonical record made of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.records import complete, normalise, person_key
from hub.domain.values import CaseNumber, IdNumber, NotValid, PlaceCode, Term, id_check_character, offence

FIRST_17 = st.builds(
    lambda day, serial: f"370826{day:%Y%m%d}{serial:03d}",
    st.dates(date(1900, 1, 1), date(2024, 12, 31)),
    st.integers(0, 999),
)


@given(FIRST_17)
def test_an_id_number_has_one_check_character(first_17: str) -> None:
    right = id_check_character(first_17)
    assert IdNumber.parse(first_17 + right.lower()).text == first_17 + right
    for wrong in set("0123456789X") - {right}:
        with pytest.raises(NotValid) as refused:
            IdNumber.parse(first_17 + wrong)
        assert refused.value.rule == "id-number.check-digit"
        assert right in refused.value.zh


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), st.integers(0, 999))
def test_an_old_number_keeps_its_form_and_has_an_18_digit_one(day: date, serial: int) -> None:
    old = IdNumber.parse(f"370826{day:%y%m%d}{serial:03d}")
    assert len(old.text) == 15
    assert IdNumber.parse(old.as_18).birth_date == day


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("37082619850917211", "id-number.malformed"),
        ("3708261985091721l0", "id-number.malformed"),
        ("", "id-number.malformed"),
        ("990826198509172110", "id-number.place"),
        ("370826198502302110", "id-number.birth-date"),
        ("370826850231211", "id-number.birth-date"),
    ],
)
def test_what_is_no_id_number_says_which_rule_it_breaks(text: str, rule: str) -> None:
    with pytest.raises(NotValid) as refused:
        IdNumber.parse(text)
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    "written",
    [
        "（2021）鲁0826刑初57号",
        "(2021)鲁0826刑初57号",
        "〔2021〕鲁0826刑初57号",
        "[2021] 鲁0826刑初 57号",
        "（２０２１）鲁０８２６刑初５７号",
    ],
)
def test_a_case_number_in_any_brackets_is_one(written: str) -> None:
    assert CaseNumber.parse(written).text == "(2021)鲁0826刑初57号"


@pytest.mark.parametrize("written", ["鲁0826刑初57号", "(21)鲁刑初1号", "(2021)", "(1900)鲁1号", "(2021)(鲁)"])
def test_what_is_no_case_number_is_refused(written: str) -> None:
    with pytest.raises(NotValid):
        CaseNumber.parse(written)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("370826", True),
        ("370826108", True),
        ("370826108201", True),
        ("3708", False),
        ("3708261", False),
        ("990826", False),
    ],
)
def test_a_place_has_6_9_or_12_digits(text: str, good: bool) -> None:
    if good:
        assert PlaceCode.parse(text).county == "370826"
    else:
        with pytest.raises(NotValid):
            PlaceCode.parse(text)


@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)), st.integers(0, 30), st.integers(0, 11), st.integers(0, 27))
def test_a_term_is_found_again_from_its_first_and_last_day(first: date, years: int, months: int, days: int) -> None:
    term = Term(years, months, days)
    last = term.last_day(first)
    if last >= first:
        assert Term.between(first, last).last_day(first) == last


def test_a_term_ends_on_the_day_before_it_is_over() -> None:
    assert Term(months=4).last_day(date(2021, 3, 12)) == date(2021, 7, 11)
    assert Term(months=1).last_day(date(2021, 1, 31)) == date(2021, 2, 28)
    assert Term(days=10).last_day(date(2021, 3, 12)) == date(2021, 3, 12) + timedelta(days=9)


@given(st.integers(0, 99), st.integers(0, 11), st.integers(0, 99))
def test_a_term_survives_the_ways_in_which_it_is_written(years: int, months: int, days: int) -> None:
    term = Term(years, months, days)
    assert Term.parse_yymmdd(term.yymmdd()) == term
    if any((years, months, days)):
        assert Term.parse_chinese(term.chinese()) == term


def test_an_offence_has_one_name() -> None:
    assert offence("盗窃") == offence(" 盗窃罪 ") == "盗窃罪"


# ------------------------------------------------------------------ the record
def test_a_record_is_normalised_and_every_fault_of_it_is_named() -> None:
    written = {
        "case": {"number": "（2021）鲁0826刑初57号"},
        "person": {"id_number": "37082619850917211x", "residence": {"place": "37"}},
        "sentence": {"offences": ["盗窃"]},
    }
    normal, faults = normalise(written)
    assert normal["case"] == {"number": "(2021)鲁0826刑初57号", "number_as_written": "（2021）鲁0826刑初57号"}
    assert normal["sentence"]["offences"] == ["盗窃罪"]
    assert {fault.pointer for fault in faults} == {"/person/id_number", "/person/residence/place"}
    assert written["case"] == {"number": "（2021）鲁0826刑初57号"}, "the record that was handed in is not touched"


def test_another_document_than_an_id_card_is_not_checked_as_one() -> None:
    passport = {
        "person": {"id_number": "E12345678", "id_type": {"system": "GA/T 2000.156", "code": "414"}, "name": "甲"}
    }
    assert normalise(passport)[1] == []
    assert person_key(passport) == ("E12345678", "甲")


def test_what_a_record_says_itself_wins_over_what_is_known() -> None:
    known = {
        "person": {"name": "甲", "phone": "1", "sex": {"system": "s", "code": "1"}},
        "case": {"number": "n"},
        "documents": [1],
    }
    said = {"person": {"name": "乙", "sex": {"system": "t", "code": "2"}, "phone": None}}
    full = complete(said, known, ("person", "documents"))
    assert full == {"person": {"name": "乙", "sex": {"system": "t", "code": "2"}, "phone": "1"}, "documents": [1]}
