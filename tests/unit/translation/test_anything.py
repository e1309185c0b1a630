"""Whatever stands in a record, it is read, written, or refused with faults: nothing else ever comes of it."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hub.domain.faults import Malformed
from hub.translation import Book, CannotWrite, Context, Item, load
from hub.translation.codecs import SHANGHAI
from tests.unit.translation.conftest import MAPPINGS, agencies_of_the_samples, sample

AGENCIES = agencies_of_the_samples()
BOOK: Book = load(MAPPINGS, AGENCIES)
AT = datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI)
SENDERS = {"prison": "prison.370800", "court": "court.370826"}
SAMPLES = {
    "prison": sample("prison", "request-JSJZ.xml").decode("gb18030").split("?>", 1)[1].strip(),
    "court": sample("court", "SubmitExecution-request.xml").decode(),
}
RECORDS = {name: BOOK[name].read(None, {}, SAMPLES[name], SENDERS[name]).items[0].record or {} for name in SENDERS}

#: What XML can carry, with a liking for what looks like dates, numbers and terms.
legal = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=20)
odd = st.sampled_from(
    [
        "0",
        "-1",
        "99999999",
        "00000000",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "9999999999",
        "²",
        "١٢",
        "999999",
        "37082699999999999X",
        "(9999)鲁1号",
        "=",
        "====",
        ";;;",
        "、",
        "1e9",
        "NaN",
        "Infinity",
        "370826000000",
        "无期徒刑",
    ]
)
plain = st.none() | st.booleans() | st.integers(-10, 10**12) | legal | odd
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "system", "years", "months", "text", "title"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("dialect", list(SENDERS))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_text_in_any_place_is_read_or_faulted(dialect: str, data: st.DataObject) -> None:
    root = etree.fromstring(SAMPLES[dialect].encode())
    leaves = [element for element in root.iter("*") if len(element) == 0]
    for leaf in data.draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=4, unique_by=id)):
        leaf.text = data.draw(legal | odd)
    try:
        message = BOOK[dialect].read(None, {}, etree.tostring(root), SENDERS[dialect])
        outcome: tuple[Any, ...] = message.items or message.faults
    except Malformed as error:
        outcome = error.faults
    assert outcome
    for item in outcome:
        if isinstance(item, Item):
            assert (item.record is None) == bool(item.faults) == (item.disposition != "ok")


@pytest.mark.parametrize("dialect", list(SENDERS))
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_elements_moved_doubled_or_gone_are_read_or_faulted(dialect: str, data: st.DataObject) -> None:
    root = etree.fromstring(SAMPLES[dialect].encode())
    for element in data.draw(st.lists(st.sampled_from(list(root.iter("*"))[1:]), min_size=1, max_size=3, unique_by=id)):
        parent = element.getparent()
        if parent is None:
            continue
        if data.draw(st.booleans()):
            parent.append(deepcopy(element))
        else:
            parent.remove(element)
    try:
        message = BOOK[dialect].read(None, {}, etree.tostring(root), SENDERS[dialect])
        outcome: tuple[Any, ...] = message.items or message.faults
    except Malformed as error:
        outcome = error.faults
    assert outcome


def places(record: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    return [path, *(below for key, value in items for below in places(value, (*path, key)))]


def put(record: Any, path: tuple[Any, ...], value: Any) -> None:
    """Put a value at a path, unless an earlier one has taken the place above away."""
    here = record
    for step in path[:-1]:
        if not reaches(here, step):
            return
        here = here[step]
    if reaches(here, path[-1]):
        here[path[-1]] = value


def reaches(here: Any, step: Any) -> bool:
    return (
        step in here
        if isinstance(here, dict)
        else isinstance(here, list) and isinstance(step, int) and step < len(here)
    )


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_any_value_in_any_place_is_written_or_faulted(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(sorted(SENDERS)))
    record = deepcopy(RECORDS[source])
    for path in data.draw(st.lists(st.sampled_from([path for path in places(record) if path]), min_size=1, max_size=3)):
        put(record, path, data.draw(anything))
    target = data.draw(st.sampled_from(["city", "police", source]))
    exchange = "admission.parole-handover" if source == "prison" else "admission.documents"
    try:
        written = BOOK[target].write(exchange, record, Context("m", AT, SENDERS[source], "bureau.370826", AGENCIES, AT))
        outcome: Any = etree.fromstring(written.payload).tag
    except CannotWrite as error:
        outcome = error.faults
    assert outcome
