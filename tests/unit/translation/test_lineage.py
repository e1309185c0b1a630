"""Every value of a translated record has one origin, and the origin is true."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from hub.api.bundle import record_components, record_schema
from hub.domain.agencies import Agencies
from hub.translation import Book, CannotWrite, Context, Dialect, load
from hub.translation.codecs import SHANGHAI, build
from hub.translation.foreign import Node, parse
from hub.translation.lineage import Lineage, Told, escaped, leaves
from hub.workshop.foreign_records import ForeignRecords
from hub.workshop.generation import Records
from hub.workshop.meanings import Vocabulary
from tests.unit.translation import test_formats
from tests.unit.translation.conftest import MAPPINGS, agencies_of_the_samples, sample
from tests.unit.translation.dialects import context as toy_context
from tests.unit.translation.dialects import dialect, read_all
from tests.unit.translation.test_round_trips import as_xml, court_records, prison_records

AGENCIES = agencies_of_the_samples()
BOOK: Book = load(MAPPINGS, AGENCIES)
TOLD = {name: Told(BOOK[name]) for name in BOOK}
AT = datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI)


def context(sender: str, recipient: str = "bureau.370826") -> Context:
    return Context("m-1", AT, sender, recipient, AGENCIES, AT)


def canonical_samples() -> list[dict[str, Any]]:
    found = [
        sample("prison", "canonical.json"),
        sample("court", "canonical-1.json"),
        sample("court", "canonical-2.json"),
    ]
    return [json.loads(one) for one in found]


def texts_of(node: Node) -> Iterator[tuple[str, str]]:
    for name, text in node.attributes.items():
        yield node.xpath((f"@{name}",)), text
    if not node.order and (text := node.text.strip()):
        yield node.xpath(), text
    for child in node.order:
        yield from texts_of(child)


def each_leaf_has_one_origin(record: dict[str, Any], lineage: Lineage) -> None:
    places = [origin.place for origin in lineage.origins]
    assert len(places) == len(set(places))
    for pointer, value in leaves(record):
        mine = [o for o in lineage.origins if pointer == o.place or pointer.startswith(f"{o.place}/")]
        assert len(mine) == 1, (pointer, value, mine)
        assert mine[0].kind != "hub" or pointer == "/exchange"


def each_text_has_one_origin(payload: bytes, lineage: Lineage) -> None:
    written = [(place, text) for place, text in texts_of(parse(payload)) if text]
    assert written == [(o.place, str(o.value).strip()) for o in in_document_order(written, lineage)]


def in_document_order(written: list[tuple[str, str]], lineage: Lineage) -> list[Any]:
    order = {place: n for n, (place, _) in enumerate(written)}
    return sorted(lineage.origins, key=lambda origin: order.get(origin.place, -1))


def each_text_says_the_value(lineage: Lineage, record: dict[str, Any]) -> None:
    """The origin's text, decoded as its line says, is the value (documents become digests, ID numbers are checked later)."""
    lists = BOOK["prison"].readers["admission.parole-handover"].lists
    values = dict(leaves(record))
    for origin in lineage.origins:
        if origin.kind != "at" or origin.codec == "document: base64" or origin.clause is None:
            continue
        if origin.value is None:  # nil: said to be unknown
            assert origin.given[0].value == ""
            continue
        if origin.codec == "as_written":
            assert origin.given[0].value == values[origin.place]
            continue
        decode = build(origin.clause.keys, lists).decode
        assert decode is not None
        meant = decode(origin.given[0].value)
        assert origin.value == meant or origin.value in meant, origin


@settings(max_examples=60, deadline=None)
@given(prison_records())
def test_every_leaf_of_a_prisons_record_has_one_true_origin(
    found: tuple[list[tuple[str, str]], list[tuple[str, str, bytes]]],
) -> None:
    message, (lineage,) = TOLD["prison"].read("sendData", {}, as_xml(*found), "prison.370800")
    (item,) = message.items
    assert item.record is not None
    each_leaf_has_one_origin(item.record, lineage)
    each_text_says_the_value(lineage, item.record)


@settings(max_examples=60, deadline=None)
@given(court_records())
def test_every_text_of_a_courts_notice_has_one_origin_and_every_leaf_when_it_is_read(
    found: tuple[dict[str, Any], dict[str, bytes]],
) -> None:
    record, _ = found
    written, faults, lineage = TOLD["court"].write("admission.documents", record, context("court.370826"))
    assert faults == ()
    assert written is not None
    each_text_has_one_origin(written.payload, lineage)
    without_papers = {key: value for key, value in record.items() if key != "documents"}
    written, _, _ = TOLD["court"].write("admission.documents", without_papers, context("court.370826"))
    assert written is not None
    message, lineages = TOLD["court"].read("SubmitExecution", {}, written.payload, "court.370826")
    for item, told in zip(message.items, lineages, strict=True):
        assert item.record is not None
        each_leaf_has_one_origin(item.record, told)
        each_text_says_the_value(told, item.record)


@pytest.mark.parametrize("dialect", sorted(BOOK))
def test_listening_changes_nothing_of_what_is_written(dialect: str) -> None:
    tried = set()
    for exchange in BOOK[dialect].writers:
        for record in canonical_samples():
            said = {**record, "receipt": {"outcome": "accepted", "given_at": "2021-03-15T09:20:00+08:00"}}
            written, faults, lineage = TOLD[dialect].write(exchange, said, context("court.370826"))
            if written is None:
                with pytest.raises(CannotWrite) as caught:
                    BOOK[dialect].write(exchange, said, context("court.370826"))
                assert caught.value.faults == faults
                continue
            tried.add(exchange)
            plain = BOOK[dialect].write(exchange, said, context("court.370826"))
            assert (plain.payload, plain.facts) == (written.payload, written.facts)
            each_text_has_one_origin(written.payload, lineage)
            taken = {given.place for origin in lineage.origins for given in origin.given if given.side == "canonical"}
            left = {pointer for pointer, _ in lineage.left}
            for pointer, _ in leaves(said):
                above = {pointer[:n] for n, c in enumerate(pointer) if c == "/" and n} | {pointer}
                assert (pointer in left) == (not above & taken and pointer != "/exchange"), pointer
    assert tried


def test_the_courts_message_is_told_person_by_person() -> None:
    payload = sample("court", "SubmitExecution-request.xml")
    message, lineages = TOLD["court"].read("SubmitExecution", {}, payload, "court.370826")
    plain = BOOK["court"].read("SubmitExecution", {}, payload, "court.370826")
    assert [item.record for item in message.items] == [item.record for item in plain.items]
    names = []
    for item, lineage in zip(message.items, lineages, strict=True):
        assert item.record is not None
        each_leaf_has_one_origin(item.record, lineage)
        each_text_says_the_value(lineage, item.record)
        origins = {origin.place: origin for origin in lineage.origins}
        names.append(origins["/person/name"].given[0].place)
        assert origins["/case/co_defendants"].kind == "others"
        assert origins["/correction/category"].alternatives == 3
        assert origins["/message/sender"].given[0].place == "sender"
        # nothing of the other person is told
        others = {other.label for other in message.items if other is not item}
        assert not {text.text for text in lineage.texts} & others
    assert names == [f"/SubmitExecution/execution/Defendants/Defendant[{n}]/Name" for n in (1, 2)]


def test_what_no_line_names_and_what_lines_do_not_find_is_told() -> None:
    payload = sample("prison", "request-JSJZ.xml").decode("gb18030").replace('encoding="GB18030"', 'encoding="UTF-8"')
    payload = payload.replace("<SFCRB>0</SFCRB>", "<XXX>新栏目</XXX>").replace("<ZFBH>3708012345</ZFBH>", "<ZFBH/>")
    message, (lineage,) = TOLD["prison"].read("sendData", {}, payload.encode(), "prison.370800")
    record = message.items[0].record
    assert record is not None
    origins = {origin.place: origin for origin in lineage.origins}
    place = f"/unmapped/{escaped('ZFXX/XXX')}"
    assert (origins[place].kind, origins[place].value) == ("unmapped", "新栏目")
    fates = {text.place: (text.fate, text.gave) for text in lineage.texts}
    assert fates["/ROOT/ZFXX/XXX"] == ("unmapped", ())
    assert fates["/ROOT/ZFXX/XM"] == ("read", ("/person/name",))
    assert fates["/ROOT/HEAD/YWLX"] == ("known", ())
    assert set(fates["/ROOT/ZFXX/JZD"][1]) == {"/person/residence/place", "/correction/execution_place"}
    without = {(step.place, step.outcome) for step in lineage.without_value()}
    assert ("/health/infectious", "nothing") in without
    assert ("/person/local_numbers", "condition") in without
    line = next(step.source for step in lineage.steps if step.place == "/health/infectious")
    file, _, number = line.rpartition(":")
    assert "SFCRB" in (MAPPINGS.parent / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]


def test_a_faulty_record_still_tells_what_was_read() -> None:
    payload = sample("prison", "request-JSJZ.xml").decode("gb18030").replace('encoding="GB18030"', 'encoding="UTF-8"')
    message, (lineage,) = TOLD["prison"].read(
        "", {}, payload.replace("19790214<", "1979XX14<").encode(), "prison.370800"
    )
    assert message.items[0].record is None
    steps = {step.place: step for step in lineage.steps}
    assert (steps["/person/birth_date"].outcome, steps["/person/birth_date"].text) == ("fault", "1979XX14")
    assert steps["/person/name"].outcome == "gave"


def test_an_alternative_that_won_and_those_that_did_not_are_told(tmp_path: Path) -> None:
    book = one_dialect(
        tmp_path,
        """
only:
  out:
    A: [{from: person.name, when: "has(record.person.sex)"}, {from: person.alias}, {value: 无}]
    B/C: {value: 常数}
    D: {from: "person.names[]", list: "、"}
lines:
  case.number: N
  items:
    each: L/I
    lines:
      text: .
""",
    )
    record = {
        "person": {"name": "甲", "names": ["乙", "丙"]},
        "case": {"number": "1"},
        "items": [{"text": "a"}, {"text": "b"}],
    }
    written, faults, lineage = Told(book["plain"]).write("some", record, context("court.370826"))
    assert faults == ()
    assert written is not None
    each_text_has_one_origin(written.payload, lineage)
    origins = {origin.place: origin for origin in lineage.origins}
    assert (origins["/R/A"].value, origins["/R/A"].alternative, origins["/R/A"].alternatives) == ("无", 3, 3)
    outcomes = [(step.outcome, step.looked_at) for step in lineage.steps if step.place == "/R/A"]
    assert outcomes == [("condition", "/person/name"), ("nothing", "/person/alias"), ("gave", None)]
    assert [given.place for given in origins["/R/D"].given] == ["/person/names/0", "/person/names/1"]
    assert origins["/R/L/I[2]"].given[0].place == "/items/1/text"
    assert "/R/B/C" not in origins  # a constant alone does not make an optional element say something
    assert [step.outcome for step in lineage.steps if step.place == "/R/B/C"] == ["left-out"]
    assert lineage.left == (("/person/name", "甲"),)


def one_dialect(folder: Path, lines: str) -> Book:
    home = folder / "dialects" / "plain"
    home.mkdir(parents=True)
    (folder / "codelists").mkdir()
    (home / "dialect.yaml").write_text("dialect: plain\nwsdl: none\nwrites: [some]\n", encoding="utf-8")
    (home / "some.yaml").write_text(
        f"dialect: plain\nexchange: some\nversion: 1\nrecord: R\ndirection: out\n{lines}", encoding="utf-8"
    )
    return load(folder, Agencies([], {}))


# ------------------------------------------------------------------ every dialect, every format
def texts_in(one: Dialect, payload: bytes) -> dict[str, str]:
    """The texts of a payload by the place at which a writer tells them."""
    found, pending = {}, [one.form.parse(payload)]
    while pending:
        node = pending.pop()
        said = [((f"@{name}",), text) for name, text in node.attributes.items()]
        if not node.order and node.text.strip():
            said.append(((), node.text.strip()))
        for below, text in said:
            found[node.xpath(below) if one.form.name == "json" else one.form.place(node.path(below))] = text
        pending += node.order
    return found


FORMATS = {
    "json": (test_formats.JSON_DIALECT, test_formats.JSON_TOY, test_formats.JSON_MESSAGE),
    "csv": (test_formats.CSV_DIALECT, test_formats.CSV_TOY, "LSH\tXM\tXB\tBZ\r\n1\t孙某\t1\t\r\n".encode("gbk")),
    "fixed": (test_formats.FIXED_DIALECT, test_formats.FIXED_TOY, test_formats.FIXED_MESSAGE),
}


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_records_of_every_format_have_one_origin_for_every_text(tmp_path: Path, form: str) -> None:
    dialect_yaml, toy, payload = FORMATS[form]
    one = dialect(tmp_path, {"dialect.yaml": dialect_yaml, "toy.yaml": toy})
    told = Told(one)
    for record in read_all(one, payload):
        written, faults, lineage = told.write("toy", record, toy_context())
        assert faults == ()
        assert written is not None
        assert written.payload == one.write("toy", record, toy_context()).payload
        texts = {place: text for place, text in texts_in(one, written.payload).items() if text}
        assert texts == {origin.place: str(origin.value).strip() for origin in lineage.origins}
        message, lineages = told.read(None, {}, written.payload, "court.370826")
        for item, read in zip(message.items, lineages, strict=True):
            assert item.record is not None, item.faults
            each_leaf_has_one_origin(item.record, read)


SCHEMAS = {name: record_schema(name) for name in record_components()}
WORDS = Vocabulary(BOOK["prison"].readers["admission.parole-handover"].lists, AGENCIES)


@pytest.mark.parametrize("name", sorted(BOOK))
def test_generated_records_of_every_mapping_have_one_origin_for_every_place(name: str) -> None:
    """Every text that is written and every leaf that is read, whatever the record."""
    told, one = TOLD[name], BOOK[name]
    tried = Counter[str]()
    for exchange, writer in one.writers.items():
        records = Records(SCHEMAS[exchange], WORDS)
        for path, _ in writer.mapping.required:
            records.need(path)
        for record in islice(records.stream(1), 40):
            written, _, lineage = told.write(exchange, record, context("court.370826"))
            if written is None:
                continue  # what it would lack or cannot say is another test's matter
            tried["written"] += 1
            assert texts_in(one, written.payload) == {o.place: str(o.value).strip() for o in lineage.origins}
    for exchange, reader in one.readers.items():
        trees = ForeignRecords(reader.mapping, reader.element, WORDS)
        for number in range(40):
            tree = trees.tree(number, Random(number))
            found, lineages = told.read_record(exchange, tree, {"sender": "court.370826"})
            for item, read in zip(found, lineages, strict=True):
                if item.faults:
                    continue
                tried["read"] += 1
                each_leaf_has_one_origin(item.record, read)
                each_text_says_the_value(read, item.record)
    assert sum(tried.values()) > 20, tried


def test_which_of_several_elements_it_is_is_an_origin_too(tmp_path: Path) -> None:
    lines = "lines:\n  papers:\n    each: L/*\n    named: {kind: {WS: 文书, TP: 照片}}\n    lines:\n      title: BT\n"
    receives = "receives:\n  send:\n    record: R\n    key: N\n    exchange: some\n"
    one = dialect(
        tmp_path,
        {
            "dialect.yaml": f"dialect: toy\nwsdl: none\nwrites: [some]\n{receives}",
            "answers.yaml": "send: {record: A, only: {out: {OK: {value: 'y'}}}}\n",
            "some.yaml": f"dialect: toy\nexchange: some\nversion: 1\nrecord: R\n{lines}  message.key: N\n",
        },
    )
    payload = "<R><N>1</N><L><WS><BT>甲</BT></WS><TP><BT>乙</BT></TP><WS><BT>丙</BT></WS></L></R>"
    message, (lineage,) = Told(one).read("send", {}, payload, "court.370826")
    record = message.items[0].record
    assert record is not None
    each_leaf_has_one_origin(record, lineage)
    origins = {origin.place: origin for origin in lineage.origins}
    assert (origins["/papers/2/kind"].kind, origins["/papers/2/kind"].given[0].place) == ("named", "/R/L/WS[2]")
    written, _, lineage = Told(one).write("some", record, context("court.370826"))
    assert written is not None
    assert {o.place: o.given[0].place for o in lineage.origins} == {
        "/R/L/WS[1]/BT": "/papers/0/title",
        "/R/L/TP/BT": "/papers/1/title",
        "/R/L/WS[2]/BT": "/papers/2/title",
        "/R/N": "/message/key",
    }
    assert lineage.left == ()
