"""Generated records are records: valid, real in what they name, odd early, and the same for the same seed."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import configuration
from hub.api.bundle import record_components, record_schema, record_validator
from hub.domain.values import CaseNumber, IdNumber, PlaceCode
from hub.translation import codelists
from hub.translation.reader import RESIDENT_DOCUMENTS
from hub.workshop.generation import DOCUMENTS, Hint, Records
from hub.workshop.meanings import Vocabulary

MAPPINGS = Path(__file__).parents[3] / "mappings"
CONFIGURED = configuration.load(MAPPINGS)
LISTS = codelists.load(MAPPINGS / "codelists", "mappings/codelists")[0]
WORDS = Vocabulary(LISTS, CONFIGURED.agencies, tuple(CONFIGURED.places))
HANDOVER = Records(record_schema("admission.parole-handover"), WORDS)


def some(count: int, records: Records = HANDOVER, seed: int = 0) -> list[dict[str, Any]]:
    return list(itertools.islice(records.stream(seed), count))


@pytest.mark.parametrize("exchange", sorted(record_components()))
def test_every_record_is_valid_against_its_exchanges_schema(exchange: str) -> None:
    faults = record_validator(exchange)
    records = some(300, Records(record_schema(exchange), WORDS))
    assert [fault for record in records for fault in faults(record)] == []


def test_the_same_seed_gives_the_same_records_and_another_one_others() -> None:
    assert some(50) == some(50)
    assert some(50) != some(50, seed=1)


def test_values_are_real_in_what_they_name() -> None:
    numbers, places = set(), set()
    for record in some(400):
        person = record["person"]
        if "id_number" in person and person.get("id_type", {}).get("code", "111") in RESIDENT_DOCUMENTS:
            numbers.add(len(IdNumber.parse(person["id_number"]).text))
        if "residence" in person and "place" in person["residence"]:
            places.add(len(PlaceCode.parse(person["residence"]["place"]).text))
        for coded in (person.get("sex"), person.get("ethnic_group")):
            assert coded is None or coded["code"] in LISTS[coded["system"]].names
        assert CaseNumber.parse(record["case"]["number"]).text == record["case"]["number"]
        assert {document["sha256"] for document in record.get("documents", ()) if "sha256" in document} <= set(
            DOCUMENTS
        )
    assert numbers == {15, 18}
    assert {6, 9} <= places


def test_the_first_records_are_the_odd_ones() -> None:
    full, least, hollow, longest, odd, many, leap, _ = some(8)
    assert full["person"]["travel_documents"]
    assert set(least["person"]) == {"name"}
    assert hollow["documents"] == []
    assert hollow["case"]["effective_on"] is None
    assert len(longest["message"]["remarks"]) == 4000
    assert odd["person"]["name"] != odd["person"]["name"].strip() or not odd["person"]["name"].isalpha()
    assert len(many["documents"]) >= 5
    assert leap["person"]["birth_date"].endswith("-02-29")


def test_what_a_mapping_needs_is_there_once_it_was_asked_for() -> None:
    records = Records(record_schema("admission.parole-handover"), WORDS)
    assert records.need("person.residence.place")
    assert not records.need("person.residence.place")
    assert all("place" in record["person"]["residence"] for record in some(8, records))


def test_a_hint_says_what_stands_at_a_place() -> None:
    hinted = Records(
        record_schema("admission.parole-handover"), WORDS, {"correction.category": Hint(lambda _: "parole")}
    )
    assert {r["correction"]["category"] for r in some(8, hinted) if "category" in r["correction"]} == {"parole"}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.randoms(use_true_random=False))
def test_hypothesis_can_draw_and_shrink_them(number: int, random: Random) -> None:
    assert record_validator("admission.parole-handover")(HANDOVER.record(number, random)) == []
