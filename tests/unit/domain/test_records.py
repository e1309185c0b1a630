"""What a record leaves out is filled; what it says itself always wins."""

from __future__ import annotations

from hub.domain.records import complete, fill


def test_a_place_that_is_left_out_is_filled_and_the_given_record_is_not_touched() -> None:
    given = {"person": {"name": "孙某甲"}}
    assert fill(given, "report_in.reported_on", "2021-03-19") == {
        "person": {"name": "孙某甲"},
        "report_in": {"reported_on": "2021-03-19"},
    }
    assert given == {"person": {"name": "孙某甲"}}


def test_what_the_sender_says_wins() -> None:
    record = {"report_in": {"reported_on": "2021-03-18", "note": "本人到局"}}
    assert fill(record, "report_in.reported_on", "2021-03-19") == record


def test_what_is_no_object_is_left_for_the_schema_to_refuse() -> None:
    assert fill({"report_in": "昨天"}, "report_in.reported_on", "2021-03-19") == {"report_in": "昨天"}


def test_only_the_named_sections_are_taken_over() -> None:
    known = {"person": {"name": "孙某甲", "phone": "1"}, "sentence": {"offences": ["盗窃罪"]}}
    assert complete({"person": {"phone": "2"}}, known, ("person",)) == {"person": {"phone": "2", "name": "孙某甲"}}
