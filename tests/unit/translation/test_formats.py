"""Dialects in JSON, CSV and records of fixed width: read, written, and every mistake told at its place."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.faults import Fault, Malformed
from hub.translation import CannotWrite, Dialect
from hub.translation.foreign import parse
from tests.unit.translation.dialects import context, dialect, findings, read, read_all, write

RECEIVES = """
receives:
  submit:
    record: $
    key: {key}
    exchange: toy
writes: [toy]
"""

# ------------------------------------------------------------------ JSON
JSON_DIALECT = "dialect: toy\nformat: json\n" + RECEIVES.format(key="head/serial")
JSON_TOY = """
dialect: toy
exchange: toy
record: $
lines:
  message.key:          head/serial
  person.name:          person/name
  person.sex:           {at: person/sex, codes: GB/T 2261.1}
  person.minor:         {at: person/minor, boolean: {"true": true, "false": false}}
  person.birth_date:    {at: person/born, date: yyyy-MM-dd}
  person.former_names[]: person/aliases
  case.defendants:      {at: case/count, number: true}
  case.rate:            {at: case/rate, json: number}
  documents:
    each: files
    lines:
      title: name
      kind:  {at: "@kind", codes: prison-document-kinds}
ignore: [head/at]
"""
JSON_MESSAGE = """{
  "head": {"serial": "S-1"},
  "person": {"name": "周㴔", "sex": "1", "minor": false, "born": "1985-09-17", "aliases": ["周某"], "height": 1.80},
  "case": {"count": 2, "rate": 0.10},
  "files": [{"name": "裁定书", "@kind": "01"}]
}"""


def json_toy(folder: Path, dialect_yaml: str = JSON_DIALECT, toy: str = JSON_TOY, **more: str) -> Dialect:
    return dialect(folder, {"dialect.yaml": dialect_yaml, "toy.yaml": toy, **more})


def test_json_is_read_into_the_same_places_as_any_record(tmp_path: Path) -> None:
    assert read(json_toy(tmp_path), JSON_MESSAGE.encode()) == {
        "message": {"key": "S-1"},
        "person": {
            "name": "周㴔",
            "sex": {"system": "GB/T 2261.1", "code": "1"},
            "minor": False,
            "birth_date": "1985-09-17",
            "former_names": ["周某"],
        },
        "case": {"defendants": 2, "rate": "0.10"},
        "documents": [{"title": "裁定书", "kind": "裁定书"}],
        "unmapped": {"person/height": "1.80"},
    }


def test_json_is_written_with_the_types_that_the_lines_say_and_an_array_of_one_stays_an_array(tmp_path: Path) -> None:
    toy = json_toy(tmp_path)
    written = toy.write("toy", read(toy, JSON_MESSAGE), context())
    wanted = json.loads(JSON_MESSAGE)
    del wanted["person"]["height"]
    assert json.loads(written.payload) == wanted
    assert b'"rate":0.10' in written.payload, "the digits are those that came"
    assert written.media_type == "application/json"


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["head", "person", "tags"],
    "properties": {
        "head": {"type": "object", "required": ["serial"], "properties": {"serial": {"type": "string"}}},
        "person": {"$ref": "#/$defs/person"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "codes": {"type": "array", "items": {"type": "integer"}},
    },
    "$defs": {
        "person": {
            "type": "object",
            "required": ["name", "sex", "effective"],
            "properties": {
                "name": {"type": "string", "maxLength": 4},
                "sex": {"type": "integer"},
                "minor": {"type": "boolean"},
                "effective": {"type": ["string", "null"]},
                "weight": {"type": "number"},
            },
        }
    },
}
SCHEMA_TOY = """
dialect: toy
exchange: toy
record: $
lines:
  person.minor:         {at: person/minor, boolean: {"true": true, "false": false}}
  person.name:          person/name
  person.sex:           {at: person/sex, codes: GB/T 2261.1}
  case.effective_on:    {at: person/effective, date: yyyy-MM-dd}
  person.weight:        person/weight
  message.key:          head/serial
  tags[]:               tags
  code:                 codes
"""


def schema_toy(folder: Path, toy: str = SCHEMA_TOY) -> Dialect:
    return json_toy(
        folder,
        JSON_DIALECT.replace("format: json", "format: json\nschema: toy.json"),
        toy,
        **{"toy.json": json.dumps(SCHEMA)},
    )


def test_a_json_schema_gives_types_order_null_and_arrays(tmp_path: Path) -> None:
    record = {
        "message": {"key": "S-1"},
        "person": {"name": "周㴔", "sex": {"system": "GB/T 2261.1", "code": "1"}, "minor": True, "weight": "61.50"},
        "code": "7",
    }
    assert write(schema_toy(tmp_path), record).decode() == (
        '{"head":{"serial":"S-1"},"person":{"name":"周㴔","sex":1,"minor":true,"effective":null,"weight":61.50},'
        '"tags":[],"codes":[7]}'
    )


def test_what_the_json_schema_would_not_take_is_a_fault_with_every_place(tmp_path: Path) -> None:
    record = {
        "message": {"key": "S-1"},
        "person": {"name": "阿不都热合曼", "sex": {"system": "GB/T 2261.1", "code": "1"}, "weight": "六十"},
    }
    with pytest.raises(CannotWrite) as refused:
        write(schema_toy(tmp_path), record)
    assert [(f.rule, f.pointer, f.xpath, f.value, f.source) for f in refused.value.faults] == [
        ("schema.length", "/person/name", "/person/name", "阿不都热合曼", "mappings/dialects/toy/toy.yaml:7"),
        ("json.type", "/person/weight", "/person/weight", "六十", "mappings/dialects/toy/toy.yaml:10"),
    ]


def test_a_place_that_the_json_schema_does_not_have_is_found_beforehand(tmp_path: Path) -> None:
    files = {
        "dialect.yaml": JSON_DIALECT.replace("format: json", "format: json\nschema: toy.json"),
        "toy.json": json.dumps(SCHEMA),
        "toy.yaml": SCHEMA_TOY.replace("person/sex", "person/gender"),
    }
    assert [(f.file, f.line, f.rule) for f in findings(tmp_path, files)] == [
        ("mappings/dialects/toy/toy.yaml", 6, "foreign.not-covered"),
        ("mappings/dialects/toy/toy.yaml", 8, "foreign.unknown"),
    ]


def test_whole_arrays_and_arrays_in_arrays_have_items(tmp_path: Path) -> None:
    toy = json_toy(
        tmp_path,
        "dialect: toy\nformat: json\nschema: toy.json\n" + RECEIVES.format(key="item/id"),
        "dialect: toy\nexchange: toy\nrecord: $\nsplit:\n  each: item\n  lines:\n    message.key: id\n    points:\n"
        "      each: line\n      lines:\n        values[]: item\n",
        **{
            "toy.json": json.dumps(
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "id": {"type": "string"},
                            "line": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                        },
                    },
                }
            )
        },
    )
    message = '[{"id": "a", "line": [[1, 2.5], [3]]}, {"id": "b"}]'
    records = read_all(toy, message)
    assert records == [
        {"message": {"key": "a"}, "points": [{"values": ["1", "2.5"]}, {"values": ["3"]}], "unmapped": {}},
        {"message": {"key": "b"}, "unmapped": {}},
    ]
    assert write(toy, records[0]).decode() == '[{"id":"a","line":[[1,2.5],[3]]}]'


def test_a_fault_in_json_names_its_json_pointer(tmp_path: Path) -> None:
    message = JSON_MESSAGE.replace('"01"', '"77"').replace("1985-09-17", "1985-13-17")
    (item,) = json_toy(tmp_path).read(None, {}, message, "court.370826").items
    assert item.record is None
    assert [(f.rule, f.pointer, f.xpath, f.value, f.source) for f in item.faults] == [
        ("date.malformed", "/person/birth_date", "/person/born", "1985-13-17", "mappings/dialects/toy/toy.yaml:10"),
        ("code.unknown", "/documents/0/kind", "/files/0/@kind", "77", "mappings/dialects/toy/toy.yaml:18"),
    ]


def test_a_fault_in_json_that_is_written_names_its_json_pointer(tmp_path: Path) -> None:
    record = {"message": {"key": "1"}, "documents": [{"title": "a"}, {"title": "b", "kind": "密件"}]}
    with pytest.raises(CannotWrite) as refused:
        write(json_toy(tmp_path), record)
    assert [(f.rule, f.pointer, f.xpath) for f in refused.value.faults] == [
        ("code.unknown", "/documents/1/kind", "/files/1/@kind")
    ]


@pytest.mark.parametrize(
    ("payload", "rule", "place"),
    [
        (b'{"head": {"serial": "S-1"},\n  "person": nobody}', "json.malformed", "line 2, column 13"),
        (b'{"a": 1, "a": 2}', "json.duplicate", None),
        (b'{"a": NaN}', "json.malformed", None),
        (b'"text"', "json.shape", None),
        (b"[" * 200 + b"]" * 200, "json.too-deep", None),
        (b"[" * 20000 + b"]" * 20000, "json.too-deep", None),
        (b'{"a": "\xff"}', "json.encoding", None),
        (rb'{"head": {"serial": "\u0000"}}', "text.control-character", "/head/serial"),
        (rb'{"files": [{"name": "\ud800"}]}', "text.control-character", "/files/0/name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_json_is_refused(tmp_path: Path, payload: bytes, rule: str, place: str | None) -> None:
    with pytest.raises(Malformed) as refused:
        json_toy(tmp_path).read(None, {}, payload, "court.370826")
    (fault,) = refused.value.faults
    assert (fault.rule, fault.xpath) == (rule, place)


# ------------------------------------------------------------------ CSV
CSV_DIALECT = (
    "dialect: toy\nformat: csv\nencoding: GBK\ncsv: {delimiter: tab, columns: [LSH, XM, XB, BZ]}\n"
    + RECEIVES.format(key="row/LSH")
)
CSV_TOY = """
dialect: toy
exchange: toy
record: $
split:
  each: row
  lines:
    message.key: LSH
    person.name: XM
    person.sex:  {at: XB, codes: GB/T 2261.1}
"""


def csv_toy(folder: Path, dialect_yaml: str = CSV_DIALECT, toy: str = CSV_TOY) -> Dialect:
    return dialect(folder, {"dialect.yaml": dialect_yaml, "toy.yaml": toy})


def test_each_row_of_a_csv_is_a_record_and_goes_out_as_one(tmp_path: Path) -> None:
    toy = csv_toy(tmp_path)
    payload = 'LSH\tXM\tXB\tBZ\r\n1\t孙某\t1\t"两行\r\n""备注"""\r\n\r\n2\t马丽娜\t2\t\r\n'.encode("gbk")
    records = read_all(toy, payload)
    assert [(r["message"]["key"], r["person"]["name"], r["unmapped"]) for r in records] == [
        ("1", "孙某", {"row[1]/BZ": '两行\r\n"备注"'}),
        ("2", "马丽娜", {}),
    ]
    written = toy.write("toy", records[0], context())
    assert written.payload.decode("gbk") == "LSH\tXM\tXB\tBZ\r\n1\t孙某\t1\t\r\n"
    assert written.media_type == "text/csv; charset=GBK; header=present"


@pytest.mark.parametrize("line_end", ["LF", "CRLF"])
@pytest.mark.parametrize("text", ["一\r二", "一\n二", "一\r\n二"])
def test_a_break_inside_a_cell_stays_inside_it(tmp_path: Path, line_end: str, text: str) -> None:
    toy = csv_toy(
        tmp_path,
        CSV_DIALECT.replace("delimiter: tab", f"line_end: {line_end}"),
        CSV_TOY + "    message.remarks: BZ\n",
    )
    record = {"message": {"key": "1", "remarks": text}, "person": {"name": "孙某"}}
    assert read(toy, toy.write("toy", record, context()).payload)["message"]["remarks"] == text


def test_rows_that_agree_in_their_own_columns_are_one_record(tmp_path: Path) -> None:
    toy = csv_toy(
        tmp_path,
        "dialect: toy\nformat: csv\nencoding: GB18030\ncsv:\n  header: false\n  line_end: LF\n"
        "  columns: [LSH, XM, WS, YS]\n  group: {name: person, columns: [LSH, XM]}\n"
        + RECEIVES.format(key="person/LSH"),
        "dialect: toy\nexchange: toy\nrecord: $\nsplit:\n  each: person\n  lines:\n    message.key: LSH\n"
        "    person.name: XM\n    documents:\n      each: row\n      lines:\n        title: WS\n        pages: {at: YS, number: true}\n",
    )
    payload = "1,周㴔,判决书,3\n2,孙某,,\n1,周㴔,裁定书,1\n".encode("gb18030")
    records = read_all(toy, payload)
    assert records == [
        {
            "message": {"key": "1"},
            "person": {"name": "周㴔"},
            "documents": [{"title": "判决书", "pages": 3}, {"title": "裁定书", "pages": 1}],
            "unmapped": {},
        },
        {"message": {"key": "2"}, "person": {"name": "孙某"}, "unmapped": {}},
    ]
    assert write(toy, records[0]).decode("gb18030") == "1,周㴔,判决书,3\n1,周㴔,裁定书,1\n"
    assert write(toy, records[1]).decode("gb18030") == "2,孙某,,\n"


def test_gbk_that_lacks_a_character_is_a_fault_and_never_a_question_mark(tmp_path: Path) -> None:
    record = {"message": {"key": "1"}, "person": {"name": "周㴔"}}
    with pytest.raises(CannotWrite) as refused:
        write(csv_toy(tmp_path), record)
    (fault,) = refused.value.faults
    assert (fault.rule, fault.pointer, fault.xpath, fault.value) == (
        "text.encoding",
        "/person/name",
        "row/XM",
        "周㴔",
    )
    assert "㴔" in fault.zh
    assert "U+3D14" in fault.en
    assert fault.source == "mappings/dialects/toy/toy.yaml:9"
    carried = write(csv_toy(tmp_path, CSV_DIALECT.replace("GBK", "GB18030")), record)
    assert "周㴔" in carried.decode("gb18030")


def test_a_fault_in_csv_names_line_and_column(tmp_path: Path) -> None:
    payload = "LSH\tXM\tXB\tBZ\r\n1\t孙某\t1\t\r\n2\t马丽娜\t7\t\r\n".encode("gbk")
    good, bad = csv_toy(tmp_path).read(None, {}, payload, "court.370826").items
    assert good.record is not None
    assert bad.record is None
    assert [(f.rule, f.pointer, f.xpath, f.value) for f in bad.faults] == [
        ("code.unknown", "/person/sex", "line 3, column 3 (XB)", "7")
    ]


@pytest.mark.parametrize(
    ("payload", "rule", "place"),
    [
        (b"LSH\tXM\tXB\tBZ\r\n1\ta\r\n", "csv.columns", "line 2"),
        (b'LSH\tXM\tXB\tBZ\r\n1\t"a\t1\t', "csv.malformed", "line 2"),
        (b"LSH\tXM\tXM\tBZ\r\n", "csv.header", "line 1"),
        (b"", "csv.header", "line 1"),
        (b"LSH\tXM\xff\tXB\tBZ\r\n", "csv.encoding", None),
        (b"LSH\tXM\tXB\tBZ\r\n1\ta\x07\t1\t\r\n", "text.control-character", "line 2"),
    ],
)
def test_what_is_no_csv_is_refused(tmp_path: Path, payload: bytes, rule: str, place: str | None) -> None:
    with pytest.raises(Malformed) as refused:
        csv_toy(tmp_path).read(None, {}, payload, "court.370826")
    (fault,) = refused.value.faults
    assert (fault.rule, fault.xpath) == (rule, place)
    if rule == "csv.encoding":
        assert "byte 6" in fault.en
        assert fault.value == "0xFF"


# ------------------------------------------------------------------ fixed width
FIXED_DIALECT = """
dialect: toy
format: fixed
encoding: GBK
fixed:
  records:
    - name: head
      starts: H
      fields:
        - {name: LX, width: 1}
        - {name: LSH, width: 8, align: right, pad: 0}
    - name: row
      starts: D
      fields:
        - {name: LX, width: 1}
        - {name: XM, width: 10}
        - {name: XB, width: 1}
        - {name: JE, width: 9, align: right, pad: 0}
""" + RECEIVES.format(key="head/LSH")
FIXED_TOY = """
dialect: toy
exchange: toy
record: $
lines:
  message.key: head/LSH
split:
  each: row
  only:
    out:
      LX: {value: D}
  lines:
    person.name: XM
    person.sex:  {at: XB, codes: GB/T 2261.1}
    fine:        {at: JE, money: true}
only:
  out:
    head/LX: {value: H}
"""
FIXED_MESSAGE = "H00000042\r\nD孙某      1000500.00\r\nD马丽娜    2\r\n".encode("gbk")


def fixed_toy(folder: Path, dialect_yaml: str = FIXED_DIALECT, toy: str = FIXED_TOY) -> Dialect:
    return dialect(folder, {"dialect.yaml": dialect_yaml, "toy.yaml": toy})


def test_fields_are_cut_by_bytes_and_padded_again(tmp_path: Path) -> None:
    toy = fixed_toy(tmp_path)
    records = read_all(toy, FIXED_MESSAGE)
    assert [(r["message"]["key"], r["person"]["name"], r.get("fine"), r["unmapped"]) for r in records] == [
        ("42", "孙某", "500.00", {}),
        ("42", "马丽娜", None, {}),
    ]
    written = toy.write("toy", records[0], context())
    assert written.payload == FIXED_MESSAGE.splitlines(keepends=True)[0] + FIXED_MESSAGE.splitlines(keepends=True)[1]
    assert written.media_type == "text/plain; charset=GBK"
    assert write(toy, records[1]).endswith("D马丽娜    2         \r\n".encode("gbk")), (
        "nothing there is spaces, not noughts"
    )


def test_fields_are_cut_by_characters_and_without_line_ends_where_the_layout_says(tmp_path: Path) -> None:
    toy = fixed_toy(
        tmp_path,
        "dialect: toy\nformat: fixed\nfixed:\n  unit: characters\n  line_end: none\n  fields:\n"
        "    - {name: LSH, width: 2}\n    - {name: XM, width: 4}\n" + RECEIVES.format(key="row/LSH"),
        "dialect: toy\nexchange: toy\nrecord: $\nsplit:\n  each: row\n  lines:\n    message.key: LSH\n    person.name: XM\n",
    )
    records = read_all(toy, "1 周㴔  2 马丽娜 ")
    assert [(r["message"]["key"], r["person"]["name"]) for r in records] == [("1", "周㴔"), ("2", "马丽娜")]
    assert write(toy, records[0]).decode() == "1 周㴔  "


@pytest.mark.parametrize(
    ("name", "fine", "rule", "pointer", "place"),
    [
        ("阿不都热合曼", "1.00", "fixed.too-long", "/person/name", "row/XM"),
        ("周㴔", "1.00", "text.encoding", "/person/name", "row/XM"),
        ("孙\n某", "1.00", "fixed.line-break", "/person/name", "row/XM"),
        ("孙某", "0000001.00", "fixed.too-long", "/fine", "row/JE"),
    ],
)
def test_what_does_not_fit_a_field_is_a_fault(
    tmp_path: Path, name: str, fine: str, rule: str, pointer: str, place: str
) -> None:
    record = {"message": {"key": "1"}, "person": {"name": name}, "fine": "1234567.89" if len(fine) > 9 else fine}
    with pytest.raises(CannotWrite) as refused:
        write(fixed_toy(tmp_path), record)
    (fault,) = refused.value.faults
    assert (fault.rule, fault.pointer, fault.xpath) == (rule, pointer, place)
    assert fault.source is not None


def test_a_value_that_its_padding_would_swallow_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite) as refused:
        write(fixed_toy(tmp_path), {"message": {"key": "007"}, "person": {"name": "孙某"}})
    assert [(f.rule, f.pointer) for f in refused.value.faults] == [("fixed.padding", "/message/key")]


def test_a_fault_in_a_fixed_record_names_line_and_column(tmp_path: Path) -> None:
    items = (
        fixed_toy(tmp_path)
        .read(None, {}, FIXED_MESSAGE.replace("D孙某      1".encode("gbk"), "D孙某      8".encode("gbk")), "x")
        .items
    )
    assert [(f.rule, f.pointer, f.xpath, f.value) for f in items[0].faults] == [
        ("code.unknown", "/person/sex", "line 2, column 12 (XB)", "8")
    ]
    assert items[1].record is not None


@pytest.mark.parametrize(
    ("payload", "rule", "place", "said"),
    [
        ("H00000042\r\nD孙某      1000500.00X\r\n".encode("gbk"), "fixed.length", "line 2", "22 bytes"),
        ("H00000042\r\nX\r\n".encode("gbk"), "fixed.kind", "line 2", "H, D"),
        ("D孙某孙某某1\r\n".encode("gbk")[:11] + b"\xff\r\n", "fixed.encoding", "line 1, column 12 (XB)", "0xFF"),
        ("D1孙某孙某某1\r\n".encode("gbk"), "fixed.encoding", "line 1, column 2 (XM)", "byte 11"),
        (b"Da\x07        1", "text.control-character", "line 1, column 2 (XM)", "U+0007"),
    ],
)
def test_what_is_no_such_record_is_refused(tmp_path: Path, payload: bytes, rule: str, place: str, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        fixed_toy(tmp_path).read(None, {}, payload, "court.370826")
    (fault,) = refused.value.faults
    assert (fault.rule, fault.xpath) == (rule, place)
    assert said in fault.en


# ------------------------------------------------------------------ all of them
@pytest.mark.parametrize("format_name", ["json", "csv", "fixed"])
def test_a_message_sent_again_with_another_volatile_place_is_the_same(tmp_path: Path, format_name: str) -> None:
    toys = {
        "json": (json_toy, JSON_DIALECT.replace("key: head/serial", "key: head/serial\n    volatile: [head/at]")),
        "csv": (csv_toy, CSV_DIALECT.replace("key: row/LSH", "key: row/LSH\n    volatile: [row/BZ]")),
        "fixed": (fixed_toy, FIXED_DIALECT.replace("key: head/LSH", "key: head/LSH\n    volatile: [row/JE]")),
    }
    make, text = toys[format_name]
    toy = make(tmp_path, text)
    first, again, other = {
        "json": (
            '{"head": {"serial": "1", "at": "9"}, "person": {"name": "孙"}}',
            '{"head": {"serial": "1",\n "at": "10"}, "person": {"name": "孙"}}',
            '{"head": {"serial": "1", "at": "9"}, "person": {"name": "马"}}',
        ),
        "csv": ("LSH\tXM\tXB\tBZ\n1\ta\t1\tx\n", 'LSH\tXM\tXB\tBZ\n1\t"a"\t1\ty\n', "LSH\tXM\tXB\tBZ\n1\tb\t1\tx\n"),
        "fixed": (
            "H00000042\nDa         1000500.00\n",
            "H00000042\r\nDa         1\r\n",
            "H00000042\nDb         1000500.00\n",
        ),
    }[format_name]
    prints = [toy.read(None, {}, text.encode(), "court.370826").fingerprint for text in (first, again, other)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("format: yaml", 2),
        ("format: json\nencoding: Big5", 3),
        ("format: json\ncsv: {delimiter: ','}", 3),
        ("format: csv\ncsv: {delimiter: ',,'}", 3),
        ("format: csv\ncsv:\n  header: false", 4),
        ("format: csv\ncsv:\n  colums: [A]", 4),
        ("format: csv\nwrites: [toy]\ncsv: {header: true}", 4),
        ("format: csv\ncsv:\n  columns: [A, A]", 4),
        ("format: csv\ncsv:\n  columns: [A, B]\n  group: {name: g, columns: [C]}", 5),
        ("format: fixed", 1),
        ("format: fixed\nfixed:\n  fields:\n    - {name: A, width: 0}", 5),
        ("format: fixed\nfixed:\n  unit: inches\n  fields:\n    - {name: A, width: 1}", 4),
        ("format: xml\nnamespaces: [a]", 3),
        ("format: xml\nnested: {A/B: {format: csv}}", 3),
    ],
)
def test_a_wrong_format_is_found_at_its_line(tmp_path: Path, said: str, line: int) -> None:
    found = findings(tmp_path, {"dialect.yaml": f"dialect: toy\n{said}\n"})
    told = {(f.file, f.line) for f in found if f.rule in ("dialect.format", "dialect.key")}
    assert ("mappings/dialects/toy/dialect.yaml", line) in told, found


def test_a_fault_yields_no_output_in_any_format(tmp_path: Path) -> None:
    """The seam under `Dialect.write` gives no bytes that anybody could send by mistake."""
    xml = "dialect: toy\nnamespaces: {}\n" + RECEIVES.format(key="head/serial").replace("$", "R")

    def xml_toy(folder: Path) -> Dialect:
        return json_toy(folder, xml, JSON_TOY.replace("record: $", "record: R"))

    record = {"message": {"key": "1"}, "person": {"name": "周㴔\x00"}, "fine": "x"}
    for name, make in (("xml", xml_toy), ("json", json_toy), ("csv", csv_toy), ("fixed", fixed_toy)):
        toy: Dialect = make(tmp_path / name)  # type: ignore[operator]
        payload, faults = toy.writers["toy"].text(record, {}, context().agencies)
        assert payload == b""
        assert faults
        assert all(isinstance(fault, Fault) and fault.source and fault.xpath and fault.rule for fault in faults)


# ------------------------------------------------------------------ whatever comes
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12).map(
    str.strip
)
ALL = (
    ("json", "json\n", RECEIVES.format(key="a"), "record: $\nlines:\n  person.a: a\n  person.b: x/@b\n  list[]: x/c\n"),
    (
        "csv",
        "csv\ncsv: {columns: [a, b]}\n",
        RECEIVES.format(key="row/a"),
        "record: $\nsplit:\n  each: row\n  lines: {person.a: a, person.b: b}\n",
    ),
    (
        "fixed",
        "fixed\nfixed:\n  fields: [{name: a, width: 60}, {name: b, width: 60}]\n",
        RECEIVES.format(key="row/a"),
        "record: $\nsplit:\n  each: row\n  lines: {person.a: a, person.b: b}\n",
    ),
)


@pytest.fixture(scope="module", params=ALL, ids=lambda one: one[0])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dialect:
    return _small(tmp_path_factory.mktemp("small"), *request.param)


def _small(folder: Path, _name: str, form: str, receives: str, lines: str) -> Dialect:
    files = {
        "dialect.yaml": f"dialect: toy\nformat: {form}{receives}",
        "toy.yaml": f"dialect: toy\nexchange: toy\n{lines}",
    }
    return dialect(folder, files)


@given(key=TEXT.filter(bool), other=TEXT, several=st.lists(TEXT.filter(bool), max_size=3, unique=True))
def test_every_text_comes_back_from_every_format(small: Dialect, key: str, other: str, several: list[str]) -> None:
    record: dict[str, Any] = {"person": {"a": key} | ({"b": other} if other else {})}
    if small.form.name == "json" and several:
        record["list"] = several
    (found,) = read_all(small, write(small, record))
    assert found == {**record, "unmapped": {}}


@given(
    payload=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
)
def test_whatever_bytes_come_are_read_or_refused(small: Dialect, payload: bytes) -> None:
    with suppress(Malformed):
        small.read(None, {}, payload, "court.370826")


def test_a_cell_may_hold_a_whole_document(tmp_path: Path) -> None:
    (found,) = read_all(_small(tmp_path, *ALL[1]), b"a,b\r\n1," + b"A" * 1_000_000 + b"\r\n")
    assert len(found["person"]["b"]) == 1_000_000


def test_a_place_beside_another_is_that_of_the_same_item(tmp_path: Path) -> None:
    """How a case number was written, and of which kind a document is, stand in the item and not in the record around it."""
    toy = json_toy(
        tmp_path,
        toy="""
dialect: toy
exchange: toy
record: $
lines:
  message.key: head/serial
  cases:
    each: cases
    lines:
      number: {at: number, check: case-number, as_written: number_as_written}
      id_type: {at: kind, codes: GA/T 2000.156}
      id_number: {at: id, check: GB 11643}
""",
    )
    sent = {
        "head": {"serial": "S-1"},
        "cases": [{"number": "（2021）鲁0826刑初57号", "kind": "414", "id": "E12345678"}],
    }
    record = read(toy, json.dumps(sent).encode())
    assert json.loads(toy.write("toy", record, context()).payload)["cases"] == sent["cases"]


def test_no_document_type_gets_in_behind_byte_order_marks(tmp_path: Path) -> None:
    evil = '<!DOCTYPE r [<!ENTITY e "x">]><r a="&e;"><k>1</k></r>'
    for payload in ("\ufeff" + evil, "\ufeff\ufeff" + evil, ("\ufeff\ufeff" + evil).encode()):
        with pytest.raises(Malformed) as refused:
            parse(payload)
        assert refused.value.faults[0].rule == "xml.doctype"


def test_a_constant_truth_is_written_as_the_contract_writes_it(tmp_path: Path) -> None:
    toy = json_toy(tmp_path, toy=JSON_TOY.replace("ignore: [head/at]", "only: {out: {flag: {value: true}}}"))
    written = toy.write("toy", read(toy, JSON_MESSAGE.encode()), context())
    assert json.loads(written.payload)["flag"] is True


def test_places_that_are_spelled_alike_are_both_carried_along(tmp_path: Path) -> None:
    sent = json.loads(JSON_MESSAGE) | {"a/b": "first", "a": {"b": "second"}, "n[2]": "third", "n": ["p", "q"]}
    unmapped = read(json_toy(tmp_path), json.dumps(sent, ensure_ascii=False).encode())["unmapped"]
    assert {"first", "second", "third", "p", "q"} <= set(unmapped.values())
    root = parse('<note xmlns:p="urn:p" p:code="1" code="2"/>')
    assert set(root.attributes.values()) == {"1", "2"}
