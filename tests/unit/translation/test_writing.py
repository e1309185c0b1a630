"""What the hub writes is what the recipients' contracts take, and what the vendors' samples look like."""

from __future__ import annotations

import base64
import re
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from lxml import etree

from hub.domain.agencies import Agencies
from hub.translation import AnswerRecord, Book, CannotWrite, Context, ParkedPerson, Written
from hub.translation.codecs import SHANGHAI
from tests.unit.translation.conftest import MAPPINGS, sample
from tests.unit.translation.test_reading import court, prison, record_of

WSDLS = {"court": "CourtCaseService.wsdl", "police": "PoliceExchange.wsdl", "city": "CityPlatform.wsdl"}
AT = datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI)


def contract(dialect: str) -> etree.XMLSchema:
    """The types of a WSDL as lxml's own validator reads them: not the code under test."""
    wsdl = etree.parse(str(MAPPINGS / "dialects" / dialect / WSDLS[dialect]))
    schema = wsdl.find(".//{http://www.w3.org/2001/XMLSchema}schema")
    assert schema is not None
    return etree.XMLSchema(etree.fromstring(etree.tostring(schema)))


def completed(dialect: str, payload: bytes) -> etree._Element:
    """A rendition with what the connector adds: documents in base64, the city's ticket and attachments."""
    filled = re.sub(rb"urn:sha256:[0-9a-f]{64}", base64.b64encode(b"%PDF-"), payload)
    root = etree.fromstring(filled)
    if dialect == "city" and etree.QName(root).localname == "submit":
        ticket = etree.Element(f"{{{etree.QName(root).namespace}}}ticket")
        ticket.text = "t"
        root.insert(0, ticket)
    return root


def context(agencies: Agencies, sender: str = "court.370826", recipient: str = "bureau.370826") -> Context:
    return Context("msg-1", AT, sender, recipient, agencies, AT)


def as_dict(element: etree._Element) -> Any:
    """An element's content by local names, lists throughout, for comparing with a sample."""
    children = [(etree.QName(child).localname, as_dict(child)) for child in element.iterchildren("*")]
    return (dict(element.attrib), children or (element.text or ""))


def body_of(dialect: str, name: str) -> etree._Element:
    envelope = etree.fromstring(sample(dialect, name))
    body = envelope.find("{*}Body")
    assert body is not None
    return next(body.iterchildren("*"))


def records(book: Book) -> dict[str, list[dict[str, Any]]]:
    """Canonical records of every exchange that is written, from the samples."""
    notice = [record_of(item) for item in court(book).items]
    escort = deepcopy(record_of(prison(book).items[0]))
    escort["exchange"], escort["correction"]["category"] = "admission.escort", "temporary-execution"
    escort["sentence"]["executed"] = {"term": escort.pop("parole")["original_term"]}
    person = {
        "person": notice[0]["person"],
        "case": notice[0]["case"],
        "message": {"key": "r-1"},
        "documents": notice[0]["documents"],
        "answers": {"transfer": "trf_0001", "exchange": "admission.documents", "key": "WSFY-2021-0315-001"},
    }
    receipt = {"given_at": "2021-03-16T10:00:00+08:00", "agency": "bureau.370826"}
    return {
        "admission.documents": notice,
        "admission.notice": notice,
        "admission.documents-forwarded": notice,
        "admission.parole-handover": [record_of(prison(book).items[0])],
        "admission.escort": [escort],
        "receipt": [
            {**person, "receipt": {**receipt, "outcome": "accepted", "number": "JN00000001"}},
            {**person, "receipt": {**receipt, "outcome": "returned", "reason": "材料不齐 <&>"}},
        ],
        "admission.report-in": [{**person, "report_in": {"reported_on": "2021-03-20"}}],
        "admission.no-show": [{**person, "no_show": {"due": "2021-03-22", "note": "电话不通"}}],
        "assessment.report": [
            {**person, "assessment": {"suitable": False, "opinion": "住所不实", "assessed_on": "2021-02-10"}}
        ],
    }


@pytest.mark.parametrize("dialect", ["court", "police", "city"])
def test_everything_that_is_written_fits_the_recipients_schema(book: Book, agencies: Agencies, dialect: str) -> None:
    schema, written = contract(dialect), 0
    for exchange in sorted(book[dialect].writes()):
        for record in records(book)[exchange]:
            rendition = book[dialect].write(exchange, record, context(agencies))
            schema.assertValid(completed(dialect, rendition.payload))
            written += 1
    assert written >= len(book[dialect].writes()) > 0


def test_the_citys_submission_is_the_vendors_sample(book: Book, agencies: Agencies) -> None:
    written = book["city"].write("admission.documents", records(book)["admission.documents"][0], context(agencies))
    ours, theirs = as_dict(etree.fromstring(written.payload))[1], as_dict(body_of("city", "submit-request.xml"))[1]
    assert [pair for pair in ours if pair[0] == "subject"] == [pair for pair in theirs if pair[0] == "subject"]
    assert dict(ours)["fromUnit"] == dict(theirs)["fromUnit"]
    assert (dict(ours)["messageId"][1], dict(ours)["businessType"][1]) == ("msg-1", "RJ")
    assert written.facts == {"operation": "submit"}


def test_the_polices_copy_is_the_vendors_sample(book: Book, agencies: Agencies) -> None:
    written = book["police"].write("admission.documents", records(book)["admission.documents"][0], context(agencies))
    ours, theirs = (
        dict(as_dict(etree.fromstring(written.payload))[1]),
        dict(as_dict(body_of("police", "TsRyxx-request.xml"))[1]),
    )
    assert (ours["RYXX"], ours["JZXX"], ours["YWDM"], ours["FSSJ"]) == (
        theirs["RYXX"],
        theirs["JZXX"],
        theirs["YWDM"],
        theirs["FSSJ"],
    )
    assert etree.fromstring(written.payload).find("FJ").get("mc") == "刑事判决书.pdf"  # type: ignore[union-attr]
    assert written.facts == {"operation": "tsRyxx"}


def test_a_rendition_holds_tokens_not_contents(book: Book, agencies: Agencies) -> None:
    record = records(book)["admission.documents"][0]
    payload = book["police"].write("admission.documents", record, context(agencies)).payload.decode()
    assert re.findall(r">(urn:sha256:[0-9a-f]{64})<", payload) == [
        f"urn:sha256:{d['sha256']}" for d in record["documents"]
    ]
    assert "JVBERi0" not in payload


@pytest.mark.parametrize(
    ("number", "name", "place"),
    [
        ("(2012)济刑执字第118号", "济宁市中级人民法院", "370800"),
        ("(2021)鲁0826刑初57号", "微山县人民法院", "370826"),
        ("(2021)鲁08刑更12号", "济宁市中级人民法院", "370800"),
    ],
)
def test_a_prisons_record_takes_the_court_from_the_case_numbers_mark(
    book: Book, agencies: Agencies, number: str, name: str, place: str
) -> None:
    record = deepcopy(records(book)["admission.parole-handover"][0])
    record["case"]["number"] = number
    city = book["city"].write("admission.parole-handover", record, context(agencies, "prison.370800")).payload.decode()
    police = (
        book["police"].write("admission.parole-handover", record, context(agencies, "prison.370800")).payload.decode()
    )
    assert f"<pjjg>{name}</pjjg>" in city
    assert f"<PJJGDM>{place}</PJJGDM>" in police
    assert "<ypxq>5年6月</ypxq><jzqx>1年1日</jzqx>" in city


# ---------------------------------------------------------------- what cannot be written
def faults(
    book: Book, agencies: Agencies, dialect: str, exchange: str, record: dict[str, Any]
) -> list[tuple[str, str, str | None]]:
    with pytest.raises(CannotWrite) as caught:
        book[dialect].write(exchange, record, context(agencies))
    assert all(fault.zh and fault.en and (fault.source or "").startswith("mappings/") for fault in caught.value.faults)
    return [(fault.rule, fault.pointer, fault.xpath) for fault in caught.value.faults]


def changed(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    record = deepcopy(record)
    *parents, last = path.split(".")
    here = record
    for step in parents:
        here = here.setdefault(step, {})
    if value is None:
        here.pop(last, None)
    else:
        here[last] = value
    return record


def test_a_decision_not_in_force_is_parked_as_such(book: Book, agencies: Agencies) -> None:
    (record, _) = records(book)["admission.documents"]
    pending = deepcopy(record)
    pending["case"]["effective_on"] = None
    assert faults(book, agencies, "city", "admission.documents", pending) == [
        ("case.not-in-force", "/case/effective_on", "/submit/subject/pjsxrq")
    ]
    with pytest.raises(CannotWrite) as caught:
        book["city"].write("admission.documents", pending, context(agencies))
    assert "尚未生效" in caught.value.faults[0].zh


@pytest.mark.parametrize(
    ("dialect", "path", "value", "expected"),
    [
        ("city", "person.id_number", None, ("field.missing", "/person/id_number", "/submit/subject/sfzh")),
        (
            "city",
            "person.id_number",
            "370826198509172111",
            ("id-number.check-digit", "/person/id_number", "/submit/subject/sfzh"),
        ),
        ("city", "person.sex", {"system": "other", "code": "1"}, ("code.system", "/person/sex", "/submit/subject/xb")),
        ("city", "correction.category", "unheard-of", ("code.unknown", "/correction/category", "/submit/subject/jzlb")),
        ("city", "correction.term", {"months": "many"}, ("term.malformed", "/correction/term", "/submit/subject/jzqx")),
        ("city", "person.name", "坏\x07字", ("text.control-character", "/person/name", "/submit/subject/sqfxryxm")),
        ("city", "person.birth_date", "1985-13-01", ("date.malformed", "/person/birth_date", "/submit/subject/csny")),
        (
            "city",
            "person.residence.place",
            "12",
            ("place.malformed", "/person/residence/place", "/submit/subject/gtjzdqh"),
        ),
        (
            "city",
            "sentence.offences",
            ["危险、驾驶罪"],
            ("list.separator", "/sentence/offences", "/submit/subject/zyfz"),
        ),
        (
            "police",
            "correction.category",
            "deprivation-of-rights",
            ("code.unknown", "/correction/category", "/TsRyxxQq/JZXX/JZLBDM"),
        ),
        ("police", "person.household", None, ("field.missing", "/person/household/place", "/TsRyxxQq/RYXX/HJDXZQHDM")),
        ("police", "sentence.offences", None, ("field.missing", "/sentence/offences", "/TsRyxxQq/JZXX/ZMDM")),
        (
            "police",
            "person.former_names",
            list("甲乙丙丁戊己"),
            ("list.too-many", "/person/former_names", "/TsRyxxQq/RYXX/BMCH"),
        ),
        (
            "police",
            "person.former_names",
            ["甲", "乙\x00"],
            ("text.control-character", "/person/former_names/1", "/TsRyxxQq/RYXX/BMCH[2]"),
        ),
    ],
)
def test_a_fault_in_writing_names_both_places(
    book: Book, agencies: Agencies, dialect: str, path: str, value: Any, expected: tuple[str, str, str]
) -> None:
    record = changed(records(book)["admission.documents"][0], path, value)
    assert expected in faults(book, agencies, dialect, "admission.documents", record)


def test_all_faults_of_a_rendition_are_collected(book: Book, agencies: Agencies) -> None:
    record = changed(
        changed(records(book)["admission.documents"][0], "person.id_number", None), "person.residence.text", None
    )
    assert {rule_at[1] for rule_at in faults(book, agencies, "city", "admission.documents", record)} == {
        "/person/id_number",
        "/person/residence/text",
    }


@pytest.mark.parametrize("media", [["application/pdf"], {"a": 1}, 7])
def test_a_media_type_that_is_no_text_gives_no_extension(book: Book, agencies: Agencies, media: Any) -> None:
    record = deepcopy(records(book)["admission.documents"][0])
    record["documents"][0]["media_type"] = media
    payload = book["police"].write("admission.documents", record, context(agencies)).payload.decode()
    assert '<FJ mc="刑事判决书">' in payload


def test_a_court_that_nobody_knows_parks_a_prisons_record(book: Book, agencies: Agencies) -> None:
    record = changed(records(book)["admission.parole-handover"][0], "case.number", "(2012)沪刑执字第1号")
    assert ("court-mark.unknown", "/case/number", "/submit/subject/pjjg") in faults(
        book, agencies, "city", "admission.parole-handover", record
    )


def test_an_old_id_number_goes_out_in_18_characters(book: Book, agencies: Agencies) -> None:
    record = changed(records(book)["admission.parole-handover"][0], "person.id_number", "370826790214041")
    payload = (
        book["police"].write("admission.parole-handover", record, context(agencies, "prison.370800")).payload.decode()
    )
    assert "<GMSFHM>37082619790214041X</GMSFHM>" in payload


def test_the_place_of_a_township_is_composed(book: Book, agencies: Agencies) -> None:
    payload = (
        book["city"]
        .write("admission.documents", records(book)["admission.documents"][0], context(agencies))
        .payload.decode()
    )
    assert "<gtjzdqh>370826</gtjzdqh><sfsbm>370826108001</sfsbm>" in payload


# ---------------------------------------------------------------- replies
REPLIES = {
    "receipt": ("回执", "孙某甲(370826198509172110)：已受理，编号：JN00000001", "2021-03-16T10:00:00"),
    "admission.report-in": ("报到", "孙某甲(370826198509172110)：于2021年3月20日报到", "2021-03-20T00:00:00"),
    "admission.no-show": (
        "未报到",
        "孙某甲(370826198509172110)：应于2021年3月22日前报到，至今未报到；电话不通",
        "2021-03-15T09:20:00",
    ),
    "assessment.report": ("评估意见", "孙某甲(370826198509172110)：不适宜社区矫正；住所不实", "2021-02-10T00:00:00"),
}


@pytest.mark.parametrize("exchange", list(REPLIES))
def test_a_reply_to_the_court_says_who_and_what(book: Book, agencies: Agencies, exchange: str) -> None:
    written = book["court"].write(
        exchange, records(book)[exchange][0], context(agencies, "bureau.370826", "court.370826")
    )
    found = {etree.QName(child).localname: child.text for child in etree.fromstring(written.payload)}
    kind, text, date = REPLIES[exchange]
    assert (found["NoticeId"], found["ReplyKind"], found["Text"], found["ReplyDate"]) == (
        "WSFY-2021-0315-001",
        kind,
        text,
        date,
    )
    assert found["Agency"] == "微山县司法局"
    assert written.facts == {"operation": "ReceiveReply"}


def test_a_return_tells_the_court_the_reason_as_it_was_given(book: Book, agencies: Agencies) -> None:
    written = book["court"].write("receipt", records(book)["receipt"][1], context(agencies))
    found = {etree.QName(child).localname: child.text for child in etree.fromstring(written.payload)}
    assert (found["ReplyKind"], found["Text"]) == ("退回", "孙某甲(370826198509172110)：退回，理由：材料不齐 <&>")


@pytest.mark.parametrize(("n", "outcome", "reason"), [(0, "1", None), (1, "0", "材料不齐 <&>")])
def test_a_receipt_to_the_prison(book: Book, agencies: Agencies, n: int, outcome: str, reason: str | None) -> None:
    written = book["prison"].write(
        "receipt", records(book)["receipt"][n], context(agencies, "bureau.370826", "prison.370800")
    )
    root = etree.fromstring(written.payload)
    assert [(child.tag, child.text) for child in root.find("HEAD")] == [  # type: ignore[union-attr]
        ("YWLX", "HZ"),
        ("FSDW", "370826-SFJ"),
        ("JSDW", "370800-JNJY"),
        ("FSSJ", "20210315092000"),
        ("LSH", "msg-1"),
        ("YLSH", "WSFY-2021-0315-001"),
    ]
    assert (root.findtext("HZ/GMSFHM"), root.findtext("HZ/JG"), root.findtext("HZ/YY"), root.findtext("HZ/HZSJ")) == (
        "370826198509172110",
        outcome,
        reason,
        "20210316100000",
    )
    assert written.facts == {"operation": "sendData", "ywlx": "HZ"}
    assert not written.payload.startswith(b"<?xml")


# ---------------------------------------------------------------- answers to a dialect's sender
def test_the_answers_to_the_court(book: Book) -> None:
    schema = contract("court")
    told = {
        AnswerRecord(True, "sub_1"): ("true", "sub_1", None),
        AnswerRecord(
            True, "sub_1", parked=(ParkedPerson("张三", "无主管单位"), ParkedPerson("李四", "证件号码校验码不符"))
        ): ("true", "sub_1", "暂缓办理：张三：无主管单位；李四：证件号码校验码不符"),
        AnswerRecord(False, message="案号重复"): ("false", None, "案号重复"),
        AnswerRecord(False): ("false", None, "未能受理"),
    }
    for record, expected in told.items():
        root = etree.fromstring(book["court"].answer("SubmitExecution", record))
        schema.assertValid(root)
        assert tuple(root.findtext(f".//{{*}}{name}") for name in ("Success", "ReceiptNo", "Error")) == expected


def test_the_answers_to_the_prison_look_like_the_samples(book: Book) -> None:
    accepted = etree.fromstring(book["prison"].answer("sendData", AnswerRecord(True, "JNY20120703000991")))
    refused = etree.fromstring(
        book["prison"].answer("sendData", AnswerRecord(False, code="E013", message="证件号码校验不通过"))
    )
    for ours, name in ((accepted, "response-accepted.xml"), (refused, "response-refused.xml")):
        text = sample("prison", name).decode("gb18030")
        assert as_dict(ours) == as_dict(etree.fromstring(text[text.index("<ROOT>") :]))


def test_versions_name_dialect_exchange_and_content(book: Book) -> None:
    assert re.fullmatch(r"prison/receipt@1\+[0-9a-f]{8}", book["prison"].version("receipt"))
    assert book["city"].version("admission.notice") != book["city"].version("admission.documents")


def test_what_is_read_and_written_is_declared(book: Book) -> None:
    assert book["court"].reads() == {"admission.notice", "admission.documents", "assessment.request"}
    assert book["prison"].reads() == {"admission.parole-handover", "admission.escort"}
    assert not book["court"].can_write("admission.documents")
    assert book["court"].can_write("receipt")
    assert book["city"].reads() == frozenset()


def test_a_rendition_says_what_it_is(book: Book, agencies: Agencies) -> None:
    written = book["city"].write("admission.documents", records(book)["admission.documents"][0], context(agencies))
    assert isinstance(written, Written)
    assert written.media_type == "application/xml"
