"""A line reads both ways: what was read is written as it came, and what was written is read as it was meant."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hub.domain.values import CaseNumber, id_check_character
from hub.translation import Blob, Book, Context, load
from hub.translation.codecs import SHANGHAI
from tests.unit.translation.conftest import MAPPINGS, agencies_of_the_samples

AGENCIES = agencies_of_the_samples()
BOOK: Book = load(MAPPINGS, AGENCIES)
AT = datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI)

#: Characters of names as they occur: common, rare (outside GBK), in plane 2, the middle dot, letters, what XML escapes.
LETTERS = st.sampled_from("孙马丽娜阿不都·周㴔𠮷王田AZ-'\"&<>()（）")
text = st.text(LETTERS, min_size=1, max_size=12).filter(lambda found: found.strip() == found)
name = st.text(st.sampled_from("孙马丽娜阿不都·周㴔𠮷王"), min_size=1, max_size=8)
lines = st.lists(text, min_size=1, max_size=3).map("\n".join)
place = st.sampled_from(["370826", "370828", "370826108", "370826108201", "110101", "650102"])
day = st.dates(date(1950, 1, 1), date(2030, 12, 31))
offences = st.lists(st.sampled_from(["盗窃", "故意伤害", "诈骗", "危险驾驶"]), min_size=1, max_size=3, unique=True)
case_number = st.builds(
    lambda year, mark, n, wide: f"{'（' if wide else '('}{year}{'）' if wide else ')'}{mark}{n}号",
    st.integers(1980, 2030),
    st.sampled_from(["济刑执字第", "鲁0826刑初", "鲁08刑更"]),
    st.integers(1, 9999),
    st.booleans(),
)
terms = st.tuples(st.integers(0, 25), st.integers(0, 11), st.integers(0, 29)).filter(any)
contents = st.binary(min_size=1, max_size=40)


@st.composite
def id_numbers(draw: st.DrawFn) -> str:
    first = f"{draw(st.sampled_from(['370826', '370828', '110101']))}{draw(day):%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return first + id_check_character(first)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def compact(found: date) -> str:
    return found.strftime("%Y%m%d")


@st.composite
def prison_records(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[tuple[str, str, bytes]]]:
    """The leaves of a handover, and its papers."""
    filled = {
        "HEAD/YWLX": "JSJZ",
        "HEAD/FSDW": "370800-JNJY",
        "HEAD/JSDW": draw(st.sampled_from(["370826-SFJ", "370828-SFJ"])),
        "HEAD/FSSJ": draw(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1))).strftime("%Y%m%d%H%M%S"),
        "HEAD/LSH": f"L{draw(st.integers(1, 10**9))}",
        "ZFXX/ZFBH": draw(maybe(st.integers(1, 10**9).map(str))),
        "ZFXX/XM": draw(name),
        "ZFXX/CYM": draw(maybe(st.lists(name, min_size=1, max_size=3).map(";".join))),
        "ZFXX/XBDM": draw(st.sampled_from("129")),
        "ZFXX/CSRQ": compact(draw(day)),
        "ZFXX/GMSFHM": draw(id_numbers()),
        "ZFXX/MZDM": draw(maybe(st.sampled_from(["01", "03", "56", "97"]))),
        "ZFXX/WHCD": draw(maybe(st.sampled_from(["70", "61", "90"]))),
        "ZFXX/HYZK": draw(maybe(st.sampled_from(["10", "20", "40"]))),
        "ZFXX/HJD": draw(maybe(place)),
        "ZFXX/HJDXZ": draw(maybe(text)),
        "ZFXX/JZD": draw(place),
        "ZFXX/JZDXZ": draw(maybe(text)),
        "ZFXX/ZM": ";".join(draw(offences)),
        "ZFXX/YPXQ": "{:02d}{:02d}{:02d}".format(*draw(terms)),
        "ZFXX/XQQR": draw(maybe(day.map(compact))),
        "ZFXX/XQZR": draw(maybe(day.map(compact))),
        "ZFXX/JSCDS": draw(case_number),
        "ZFXX/JSRQ": compact(draw(day)),
        "ZFXX/JSKYQQ": compact(draw(day)),
        "ZFXX/JSKYQZ": compact(draw(day)),
        "ZFXX/SFCRB": draw(maybe(st.sampled_from("01"))),
        "ZFXX/BZ": draw(maybe(lines)),
    }
    papers = draw(st.lists(st.tuples(text, st.sampled_from(["01", "02", "03", "09", "99"]), contents), max_size=3))
    return [(path, value) for path, value in filled.items() if value is not None], papers


def as_xml(leaves: list[tuple[str, str]], papers: list[tuple[str, str, bytes]]) -> str:
    parts = {
        box: "".join(
            f"<{path.split('/')[1]}>{escape(value)}</{path.split('/')[1]}>"
            for path, value in leaves
            if path.startswith(box)
        )
        for box in ("HEAD", "ZFXX")
    }
    listed = "".join(
        f"<CL><XH>{n}</XH><MC>{escape(title)}</MC><LX>{kind}</LX><NR>{base64.b64encode(content).decode()}</NR></CL>"
        for n, (title, kind, content) in enumerate(papers, 1)
    )
    return f"<ROOT><HEAD>{parts['HEAD']}</HEAD><ZFXX>{parts['ZFXX']}</ZFXX>{f'<CLLB>{listed}</CLLB>' if listed else ''}</ROOT>"


def inlined(payload: bytes, blobs: dict[str, bytes]) -> bytes:
    """A rendition with its documents, as a connector hands it over."""
    return re.sub(rb"urn:sha256:([0-9a-f]{64})", lambda match: base64.b64encode(blobs[match[1].decode()]), payload)


def leaves_of(payload: bytes | str) -> list[tuple[str, str]]:
    root = etree.fromstring(payload)
    tree = root.getroottree()
    return sorted((tree.getpath(element), element.text or "") for element in root.iter("*") if len(element) == 0)


def contents_of(blobs: Any) -> dict[str, bytes]:
    return {digest: blob.content for digest, blob in blobs.items() if isinstance(blob, Blob)}


@settings(max_examples=150, deadline=None)
@given(prison_records())
def test_a_prisons_record_is_written_back_as_it_came(
    found: tuple[list[tuple[str, str]], list[tuple[str, str, bytes]]],
) -> None:
    xml = as_xml(*found)
    (item,) = BOOK["prison"].read("sendData", {"ywlx": "JSJZ"}, xml, "prison.370800").items
    assert item.faults == ()
    assert item.record is not None
    assert item.record["unmapped"] == {}
    written = BOOK["prison"].write(
        "admission.parole-handover", item.record, Context("m", AT, "prison.370800", "bureau.370826", AGENCIES, AT)
    )
    assert leaves_of(inlined(written.payload, contents_of(item.blobs))) == leaves_of(xml)


@settings(max_examples=50, deadline=None)
@given(prison_records())
def test_gb18030_and_utf8_are_the_same_record(
    found: tuple[list[tuple[str, str]], list[tuple[str, str, bytes]]],
) -> None:
    xml = as_xml(*found)
    one = BOOK["prison"].read(
        "sendData", {}, f'<?xml version="1.0" encoding="GB2312"?>{xml}'.encode("gb18030"), "prison.370800"
    )
    other = BOOK["prison"].read("sendData", {}, xml.encode(), "prison.370800")
    assert [item.record for item in one.items] == [item.record for item in other.items]
    assert one.fingerprint == other.fingerprint


# ---------------------------------------------------------------- canonical → foreign → canonical
def coded(system: str, *values: tuple[str, str]) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from([{"system": system, "code": code, "text": word} for code, word in values])


@st.composite
def court_records(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The places of a notice about one defendant that a court's dialect tells both ways."""
    number = draw(case_number)
    normal = CaseNumber.parse(number).text
    months = st.integers(1, 300).map(lambda n: {"months": n})
    penalties = [
        {
            key: value
            for key, value in {
                "offence": f"{draw(st.sampled_from(['盗窃', '诈骗']))}罪",
                "kind": draw(st.sampled_from(["拘役", "有期徒刑"])),
                "term": draw(maybe(months)),
                "probation": draw(months),
                "fine": draw(maybe(st.decimals(0, 10**6, places=2).map(lambda amount: f"{amount:.2f}"))),
            }.items()
            if value is not None
        }
        for _ in range(draw(st.integers(1, 3)))
    ]
    papers = draw(st.lists(st.tuples(text, text, contents), max_size=2))
    blobs = {hashlib.sha256(content).hexdigest(): content for _, _, content in papers}
    person = {
        "name": draw(name),
        "sex": draw(coded("GB/T 2261.1", ("1", "男"), ("1", "男性"), ("2", "女"))),
        "id_number": draw(maybe(id_numbers())),
        "id_type": draw(maybe(coded("GA/T 2000.156", ("111", "居民身份证"), ("111", "身份证")))),
        "birth_date": draw(maybe(day.map(date.isoformat))),
        "ethnic_group": draw(maybe(coded("GB/T 3304", ("03", "回族"), ("03", "回"), ("01", "汉族")))),
        "former_names": draw(maybe(st.lists(name, min_size=1, max_size=1))),
        "residence": {"place": draw(place), "text": draw(text)},
        "household": draw(maybe(st.fixed_dictionaries({"place": place, "text": text}))),
    }
    record = {
        "message": {
            key: value
            for key, value in {"key": f"N{draw(st.integers(1, 10**6))}", "remarks": draw(maybe(lines))}.items()
            if value
        },
        "person": {key: value for key, value in person.items() if value is not None},
        "case": {
            "deciding_agency": "court.370826",
            "number": normal,
            "decided_on": draw(day).isoformat(),
            "effective_on": draw(maybe(day.map(date.isoformat))),
            **({"number_as_written": number} if normal != number else {}),
        },
        "sentence": {
            "penalties": penalties,
            **({"prohibitions": [{"text": draw(text)}]} if draw(st.booleans()) else {}),
        },
        "documents": [
            {"title": title, "kind": kind, "sha256": hashlib.sha256(content).hexdigest()}
            for title, kind, content in papers
        ],
    }
    return {key: value for key, value in record.items() if value}, blobs


def holds(found: Any, meant: Any) -> bool:
    """Everything that was meant is found, as it was meant."""
    if isinstance(meant, dict):
        return isinstance(found, dict) and all(
            key in found and holds(found[key], value) for key, value in meant.items()
        )
    if isinstance(meant, list):
        return (
            isinstance(found, list)
            and len(found) == len(meant)
            and all(holds(f, m) for f, m in zip(found, meant, strict=True))
        )
    return bool(found == meant)


@settings(max_examples=150, deadline=None)
@given(court_records())
def test_what_is_written_as_a_courts_notice_is_read_as_it_was_meant(
    found: tuple[dict[str, Any], dict[str, bytes]],
) -> None:
    record, blobs = found
    written = BOOK["court"].write(
        "admission.documents", record, Context("m", AT, "court.370826", "bureau.370826", AGENCIES, AT)
    )
    message = BOOK["court"].read("SubmitExecution", {}, inlined(written.payload, blobs), "court.370826")
    (item,) = message.items
    assert item.faults == ()
    assert holds(item.record, record)
    assert contents_of(item.blobs) == blobs


@settings(max_examples=100, deadline=None)
@given(prison_records())
def test_a_prisons_canonical_record_survives_being_written_and_read(
    found: tuple[list[tuple[str, str]], list[tuple[str, str, bytes]]],
) -> None:
    (item,) = BOOK["prison"].read("sendData", {}, as_xml(*found), "prison.370800").items
    assert item.record is not None
    written = BOOK["prison"].write(
        "admission.parole-handover", item.record, Context("m", AT, "prison.370800", "bureau.370826", AGENCIES, AT)
    )
    (again,) = (
        BOOK["prison"].read("sendData", {}, inlined(written.payload, contents_of(item.blobs)), "prison.370800").items
    )
    assert again.record == item.record
