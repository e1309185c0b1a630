"""Values that check themselves."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.values import CaseNumber, IdNumber, NotValid, PlaceCode, Term, offence

DAYS = st.dates(date(1950, 1, 1), date(2060, 1, 1))
TERMS = st.builds(Term, st.integers(0, 30), st.integers(0, 40), st.integers(0, 60))


@pytest.mark.parametrize(
    "text",
    [
        "370826198509172110",
        "370828199011303627",
        "37082619790214041X",
        "37082619790214041x",
        "３７０８２６１９７９０２１４０４１Ｘ",
    ],
)
def test_right_id_numbers(text: str) -> None:
    assert IdNumber.parse(text).text[-1] in "0123456789X"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("370826198509172111", "id-number.check-digit"),
        ("370826198502302110", "id-number.birth-date"),
        ("990826198509172110", "id-number.place"),
        ("37082619850917211", "id-number.malformed"),
        ("", "id-number.malformed"),
        ("37082619850917211A", "id-number.malformed"),
    ],
)
def test_wrong_id_numbers_say_what_is_wrong(text: str, rule: str) -> None:
    with pytest.raises(NotValid) as caught:
        IdNumber.parse(text)
    assert caught.value.rule == rule


def test_one_wrong_digit_is_always_noticed() -> None:
    right = "370826198509172110"
    for place in range(14, 18):
        for digit in "0123456789":
            if digit != right[place]:
                with pytest.raises(NotValid):
                    IdNumber.parse(right[:place] + digit + right[place + 1 :])


def test_an_old_number_has_an_18_character_form_birth_date_and_sex() -> None:
    old = IdNumber.parse("370826790214041")
    assert (old.text, old.as_18, old.birth_date, old.sex) == (
        "370826790214041",
        "37082619790214041X",
        date(1979, 2, 14),
        "1",
    )


@pytest.mark.parametrize(
    "written",
    ["（2021）鲁0826刑初57号", "(2021)鲁0826刑初57号", "〔2021〕鲁0826刑初５７号", " （２０２１） 鲁0826 刑初57号"],
)
def test_a_case_number_is_one_however_it_is_written(written: str) -> None:
    number = CaseNumber.parse(written)
    assert (number.text, number.year, number.mark) == ("(2021)鲁0826刑初57号", 2021, "鲁0826刑初57号")
    assert CaseNumber.parse(number.text) == CaseNumber(number.text, number.text)


@pytest.mark.parametrize("written", ["", "鲁0826刑初57号", "(21)鲁", "(2021)", "(0021)鲁1号"])
def test_what_is_no_case_number(written: str) -> None:
    with pytest.raises(NotValid):
        CaseNumber.parse(written)


def test_a_place_knows_its_county_and_township() -> None:
    assert (PlaceCode.parse("370826108201").county, PlaceCode.parse("370826108201").township) == ("370826", "108")
    assert PlaceCode.parse("370826").township is None


@pytest.mark.parametrize(
    ("first", "term", "last"),
    [
        (date(2021, 3, 12), Term(months=4), date(2021, 7, 11)),
        (date(2021, 3, 12), Term(months=36), date(2024, 3, 11)),
        (date(2021, 1, 31), Term(months=1), date(2021, 2, 28)),
        (date(2021, 1, 1), Term(years=1), date(2021, 12, 31)),
        (date(2008, 1, 4), Term(5, 6), date(2013, 7, 3)),
        (date(2021, 5, 1), Term(days=1), date(2021, 5, 1)),
        (date(2024, 2, 29), Term(years=1), date(2025, 2, 28)),
    ],
)
def test_the_day_before_a_term_is_over(first: date, term: Term, last: date) -> None:
    assert term.last_day(first) == last


def test_the_term_between_two_days_counts_both() -> None:
    assert Term.between(date(2012, 7, 3), date(2013, 7, 2)) == Term(years=1)
    assert Term.between(date(2012, 7, 3), date(2013, 7, 3)) == Term(years=1, days=1)
    with pytest.raises(NotValid):
        Term.between(date(2012, 7, 3), date(2012, 7, 1))


@given(DAYS, st.integers(0, 20000))
def test_a_term_between_two_days_ends_on_the_second(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    assert Term.between(first, last).last_day(first) == last


@given(TERMS.filter(lambda term: term.years <= 25))
def test_terms_are_written_and_read_back(term: Term) -> None:
    assert Term.parse_yymmdd(term.yymmdd()) == term
    assert Term.of(term.parts()) == term
    if term.chinese():
        again = Term.parse_chinese(term.chinese())
        assert (again.years * 12 + again.months, again.days) == (term.years * 12 + term.months, term.days)


def test_an_offence_is_one_with_or_without_its_ending() -> None:
    assert offence("盗窃") == offence("盗窃罪") == offence(" 盗窃罪 ") == "盗窃罪"
