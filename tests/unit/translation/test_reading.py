"""What is read, what is refused, and what is carried along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.domain.faults import Malformed
from hub.translation import Book, Item, Message
from tests.unit.translation.conftest import sample


def prison(book: Book, *changes: tuple[str, str], ywlx: str = "JSJZ", sender: str = "prison.370800") -> Message:
    text = sample("prison", "request-JSJZ.xml").decode("gb18030")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return book["prison"].read("sendData", {"ywlx": ywlx}, text, sender)


def court(book: Book, *changes: tuple[str, str]) -> Message:
    text = sample("court", "SubmitExecution-request.xml").decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return book["court"].read("SubmitExecution", {}, text, "court.370826")


def record_of(item: Item) -> dict[str, Any]:
    assert item.faults == ()
    assert item.record is not None
    return item.record


# ---------------------------------------------------------------- faults, each with its place
PRISON_FAULTS = [
    (
        "<GMSFHM>37082619790214041X",
        "<GMSFHM>370826197902140411",
        "id-number.check-digit",
        "/person/id_number",
        "/ROOT/ZFXX/GMSFHM",
        "E013",
    ),
    (
        "<GMSFHM>37082619790214041X",
        "<GMSFHM>370826197913140411",
        "id-number.birth-date",
        "/person/id_number",
        "/ROOT/ZFXX/GMSFHM",
        "E013",
    ),
    (
        "<GMSFHM>37082619790214041X",
        "<GMSFHM>3708",
        "id-number.malformed",
        "/person/id_number",
        "/ROOT/ZFXX/GMSFHM",
        "E013",
    ),
    ("<XM>周㴔</XM>", "<XM> </XM>", "field.missing", "/person/name", "/ROOT/ZFXX/XM", "E010"),
    ("<JZD>370826</JZD>", "", "field.missing", "/person/residence/place", "/ROOT/ZFXX/JZD", "E010"),
    ("<CSRQ>19790214", "<CSRQ>19790230", "date.malformed", "/person/birth_date", "/ROOT/ZFXX/CSRQ", "E011"),
    ("<FSSJ>20120703091500", "<FSSJ>20120703251500", "time.malformed", "/message/sent_at", "/ROOT/HEAD/FSSJ", "E011"),
    ("<MZDM>01", "<MZDM>57", "code.unknown", "/person/ethnic_group", "/ROOT/ZFXX/MZDM", "E012"),
    ("<XBDM>1", "<XBDM>3", "code.unknown", "/person/sex", "/ROOT/ZFXX/XBDM", "E012"),
    ("<JSDW>370826-SFJ", "<JSDW>370829-SFJ", "code.unknown", "/message/recipient_hint", "/ROOT/HEAD/JSDW", "E012"),
    ("<SFCRB>0", "<SFCRB>2", "code.unknown", "/health/infectious", "/ROOT/ZFXX/SFCRB", "E012"),
    ("<HJD>370826", "<HJD>990826", "place.malformed", "/person/household/place", "/ROOT/ZFXX/HJD", "E012"),
    ("<YPXQ>050600", "<YPXQ>5年6月", "term.malformed", "/parole/original_term", "/ROOT/ZFXX/YPXQ", "E002"),
    ("<JSCDS>(2012)济", "<JSCDS>济", "case-number.malformed", "/case/number", "/ROOT/ZFXX/JSCDS", "E002"),
    ("<LX>09", "<LX>07", "code.unknown", "/documents/1/kind", "/ROOT/CLLB/CL[2]/LX", "E012"),
    (
        "<NR>JVBERi0xLjQKJcfsj6IK",
        "<NR>urn:sha256:00",
        "document.base64",
        "/documents/0/sha256",
        "/ROOT/CLLB/CL[1]/NR",
        "E002",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "rule", "pointer", "xpath", "code"),
    PRISON_FAULTS,
    ids=[f"{row[2]} {row[4]}" for row in PRISON_FAULTS],
)
def test_a_fault_names_rule_place_value_and_line(
    book: Book, old: str, new: str, rule: str, pointer: str, xpath: str, code: str
) -> None:
    (item,) = prison(book, (old, new)).items
    assert item.record is None
    assert item.blobs == {}
    assert item.disposition == "refused"
    (fault,) = [fault for fault in item.faults if fault.pointer == pointer]
    assert (fault.rule, fault.xpath) == (rule, xpath)
    assert fault.zh
    assert fault.en
    name, _, line = (fault.source or "").partition(":")
    assert name.startswith("mappings/dialects/prison/")
    assert int(line) > 0
    assert book["prison"].answer_code(item.faults) == code


def test_the_line_of_a_fault_is_the_line_of_the_mapping(book: Book) -> None:
    (item,) = prison(book, ("<CSRQ>19790214", "<CSRQ>1979-02-14")).items
    name, _, line = (item.faults[0].source or "").partition(":")
    from tests.unit.translation.conftest import MAPPINGS

    assert "person.birth_date" in (MAPPINGS.parent / name).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_all_faults_of_a_record_are_collected(book: Book) -> None:
    (item,) = prison(book, ("<CSRQ>19790214", "<CSRQ>x"), ("<XBDM>1", "<XBDM>7"), ("<XM>周㴔</XM>", "")).items
    assert {fault.pointer for fault in item.faults} == {"/person/birth_date", "/person/sex", "/person/name"}


def test_an_unknown_code_is_answered_with_the_nearest_ones(book: Book) -> None:
    (item,) = [item for item in court(book, ("<Nation>汉族", "<Nation>汉人族")).items if item.faults]
    assert "汉族" in item.faults[0].zh
    assert "汉族" in item.faults[0].en
    assert item.faults[0].value == "汉人族"


def test_the_prisons_own_unit_must_be_the_one_that_is_connected(book: Book) -> None:
    (item,) = prison(book, sender="prison.370900").items
    assert [fault.rule for fault in item.faults] == ["sender.differs"]
    assert book["prison"].answer_code(item.faults) == "E020"


def test_the_business_type_must_agree_inside_and_outside(book: Book) -> None:
    message = prison(book, ywlx="ZYJW")
    assert message.items == ()
    assert [fault.rule for fault in message.faults] == ["exchange.differs"]
    assert book["prison"].answer_code(message.faults) == "E002"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("<YWLX>JSJZ", "<YWLX>XXXX", "exchange.unknown"),
        ("<YWLX>JSJZ</YWLX>", "", "field.missing"),
        ("<LSH>JNJY201207030007", "<LSH>", "field.missing"),
    ],
)
def test_what_concerns_the_whole_message_leaves_no_items(book: Book, old: str, new: str, rule: str) -> None:
    text = sample("prison", "request-JSJZ.xml").decode("gb18030").replace(old, new)
    message = book["prison"].read("sendData", {}, text, "prison.370800")
    assert message.items == ()
    assert [fault.rule for fault in message.faults] == [rule]


def test_a_ruling_is_not_received_yet_and_the_fault_says_what_is(book: Book) -> None:
    message = court(book, ("<NoticeType>Documents", "<NoticeType>Ruling"))
    (fault,) = message.faults
    assert (fault.rule, fault.value, fault.xpath) == (
        "exchange.unknown",
        "Ruling",
        "/SubmitExecution/execution/NoticeType",
    )
    assert "Assessment" in fault.zh
    assert message.key == "WSFY-2021-0315-001"


# ---------------------------------------------------------------- the court's notice
@pytest.mark.parametrize(
    ("kind", "exchange"),
    [("Notice", "admission.notice"), ("Documents", "admission.documents"), ("Assessment", "assessment.request")],
)
def test_the_notice_type_chooses_the_exchange(book: Book, kind: str, exchange: str) -> None:
    message = court(book, ("<NoticeType>Documents", f"<NoticeType>{kind}"))
    assert message.exchange == exchange
    assert {record_of(item)["exchange"] for item in message.items} == {exchange}
    assert ("correction" in record_of(message.items[0])) == (kind != "Assessment")


def test_one_faulty_defendant_is_parked_and_the_other_goes_on(book: Book) -> None:
    first, second = court(book, ("370826198509172110", "370826198509172111")).items
    assert (first.disposition, first.record, first.label) == ("parked", None, "孙某甲")
    assert [(f.rule, f.xpath) for f in first.faults] == [
        ("id-number.check-digit", "/SubmitExecution/execution/Defendants/Defendant[1]/IdNumber")
    ]
    assert (second.disposition, second.faults) == ("ok", ())
    assert record_of(second)["case"]["co_defendants"] == ["孙某甲"]


def test_a_fault_of_the_common_part_concerns_every_defendant(book: Book) -> None:
    items = court(book, ("（2021）鲁0826", "鲁0826")).items
    assert [[fault.pointer for fault in item.faults] for item in items] == [["/case/number"], ["/case/number"]]


def test_a_decision_that_is_not_in_force_has_null_and_no_dates(book: Book) -> None:
    nil = '<EffectiveDate xsi:nil="true"/>'
    record = record_of(court(book, ("<EffectiveDate>2021-03-12T00:00:00</EffectiveDate>", nil)).items[0])
    assert record["case"]["effective_on"] is None
    assert record["correction"] == {"category": "probation", "term": {"months": 4}, "execution_place": "370826"}


def test_public_surveillance_is_told_by_its_penalty(book: Book) -> None:
    changes = (
        "<Kind>拘役</Kind><TermMonths>2</TermMonths><ProbationMonths>4",
        "<Kind>管制</Kind><TermMonths>6</TermMonths><ProbationMonths>0",
    )
    correction = record_of(court(book, changes).items[0])["correction"]
    assert (correction["category"], correction["term"], correction["to"]) == (
        "public-surveillance",
        {"months": 6},
        "2021-09-11",
    )


def test_a_category_that_cannot_be_told_is_a_fault_but_not_when_its_grounds_are_faulty(book: Book) -> None:
    first = court(book, ("<ProbationMonths>4", "<ProbationMonths>0")).items[0]
    assert [fault.rule for fault in first.faults] == ["category.undetermined"]
    first = court(book, ("<ProbationMonths>4", "<ProbationMonths>four")).items[0]
    assert [(fault.rule, fault.pointer) for fault in first.faults] == [
        ("term.malformed", "/sentence/penalties/0/probation")
    ]


def test_several_penalties_are_a_list_and_the_longest_probation_is_the_term(book: Book) -> None:
    record = record_of(
        court(
            book, ("<TermMonths>8</TermMonths><ProbationMonths>0", "<TermMonths>8</TermMonths><ProbationMonths>48")
        ).items[1]
    )
    assert [penalty["term"] for penalty in record["sentence"]["penalties"]] == [{"months": 30}, {"months": 8}]
    assert record["correction"]["term"] == {"months": 48}


def test_without_an_id_number_the_person_is_still_read(book: Book) -> None:
    record = record_of(court(book, ("<IdNumber>370826198509172110</IdNumber>", "")).items[0])
    assert "id_number" not in record["person"]


def test_a_passports_number_is_not_checked_as_a_residents(book: Book) -> None:
    record = record_of(
        court(
            book,
            ("<IdType>居民身份证</IdType><IdNumber>370826198509172110", "<IdType>护照</IdType><IdNumber>E12345678"),
        ).items[0]
    )
    assert (record["person"]["id_type"]["code"], record["person"]["id_number"]) == ("414", "E12345678")


def test_a_kind_of_document_outside_the_list_is_carried_along(book: Book) -> None:
    record = record_of(
        court(
            book, ("<IdType>居民身份证</IdType><IdNumber>370826198509172110", "<IdType>海员证</IdType><IdNumber>H1")
        ).items[0]
    )
    assert "id_type" not in record["person"]
    assert record["person"]["id_number"] == "H1"
    assert record["unmapped"] == {"Defendants/Defendant[1]/IdType": "海员证"}


def test_full_and_half_width_name_one_case(book: Book) -> None:
    half = record_of(court(book, ("（2021）鲁", "(2021)鲁")).items[0])["case"]
    full = record_of(court(book).items[0])["case"]
    assert half["number"] == full["number"] == "(2021)鲁0826刑初57号"
    assert "number_as_written" not in half
    assert full["number_as_written"] == "（2021）鲁0826刑初57号"


def test_an_old_id_number_is_kept(book: Book) -> None:
    record = record_of(prison(book, ("37082619790214041X", "370826790214041")).items[0])
    assert record["person"]["id_number"] == "370826790214041"


def test_an_escort_is_read_with_its_decision_and_medical_papers(book: Book) -> None:
    papers = "<BQZL><CL><XH>1</XH><MC>病情诊断.pdf</MC><NR>JVBERi0xLjQKJcfsj6IK</NR></CL></BQZL></ROOT>"
    changes = (
        ("<YWLX>JSJZ", "<YWLX>ZYJW"),
        ("<JSCDS>(2012)济刑执字第118号</JSCDS>", "<JDSWH>(2012)鲁狱暂字第7号</JDSWH>"),
        ("</ROOT>", papers),
    )
    message = prison(book, *changes, ywlx="ZYJW")
    record = record_of(message.items[0])
    assert message.exchange == "admission.escort"
    assert record["correction"]["category"] == "temporary-execution"
    assert record["case"]["number"] == "(2012)鲁狱暂字第7号"
    assert record["sentence"]["executed"]["term"] == {"years": 5, "months": 6}
    assert [(d["title"], d["kind"]) for d in record["documents"]] == [
        ("假释裁定书副本.pdf", "裁定书"),
        ("出监鉴定表.pdf", "鉴定表"),
        ("病情诊断.pdf", "病情资料"),
    ]
    assert record["unmapped"] == {}
    assert "parole" not in record


# ---------------------------------------------------------------- nothing is dropped
def test_what_no_line_names_is_carried_along_with_its_place(book: Book) -> None:
    record = record_of(
        prison(
            book,
            ("<BZ>", "<TC>下棋</TC><BZ>"),
            ("<XM>周㴔</XM>", '<XM lang="zh">周㴔</XM><XM>周二</XM>'),
            ("<XH>2</XH>", "<XH>2</XH><YS>3</YS>"),
            ("</ROOT>", "<FJXX><A><B>深处</B></A></FJXX></ROOT>"),
        ).items[0]
    )
    assert record["unmapped"] == {
        "ZFXX/TC": "下棋",
        "ZFXX/XM[1]/@lang": "zh",
        "ZFXX/XM[2]": "周二",
        "CLLB/CL[2]/YS": "3",
        "FJXX/A/B": "深处",
    }
    assert record["person"]["name"] == "周㴔"


def test_each_defendant_carries_what_is_theirs_and_what_is_common(book: Book) -> None:
    first, second = (
        record_of(item)["unmapped"]
        for item in court(
            book,
            ("<Name>孙某甲</Name>", "<Name>孙某甲</Name><Nickname>阿甲</Nickname>"),
            ("<CourtCode>", "<Branch>刑一庭</Branch><CourtCode>"),
        ).items
    )
    assert first == {"Branch": "刑一庭", "Defendants/Defendant[1]/Nickname": "阿甲"}
    assert second == {"Branch": "刑一庭"}


def test_rare_characters_and_the_middle_dot_survive_every_encoding(book: Book) -> None:
    text = sample("prison", "request-JSJZ.xml").decode("gb18030")
    bare = text[text.index("<ROOT>") :]
    forms: list[bytes | str] = [text, bare, bare.encode(), b"\xef\xbb\xbf" + bare.encode(), text.encode("gb18030")]
    forms += [f'<?xml version="1.0" encoding="{name}"?>{bare}'.encode("gb18030") for name in ("GBK", "gb2312")]
    forms.append(f'<?xml version="1.0" encoding="UTF-8"?>{bare}'.encode())
    names = {
        json.dumps(record_of(book["prison"].read("sendData", {}, form, "prison.370800").items[0]), sort_keys=True)
        for form in forms
    }
    assert len(names) == 1
    assert json.loads(names.pop())["person"]["name"] == "周㴔"


# ---------------------------------------------------------------- the fingerprint
def test_what_never_counts_leaves_the_fingerprint_alone(book: Book) -> None:
    plain = prison(book).fingerprint
    assert prison(book, ("20120703091500", "20120704000000")).fingerprint == plain
    assert prison(book, ("<HEAD>", "<!-- again -->\n\n <HEAD>"), ("<CYM></CYM>", "<CYM/>")).fingerprint == plain
    assert (
        prison(book, ("JVBERi0xLjQKJcfsj6IK", "JVBERi0x\nLjQKJcfsj6IK")).fingerprint
        != prison(book, ("JVBERi0xLjQKJcfsj6IK", "JVBERi0xLjQK")).fingerprint
    )


def test_prefixes_never_count_and_content_does(book: Book) -> None:
    notice = sample("court", "SubmitExecution-request.xml").decode()
    start, end = notice.index("<SubmitExecution"), notice.index("</soap:Body>")
    prefixed = (
        notice[start:end]
        .replace('xmlns="http://tempuri.org/"', 'xmlns:x="http://tempuri.org/"')
        .replace("</", "\x00")
        .replace("<", "<x:")
        .replace("\x00", "</x:")
    )
    plain = court(book).fingerprint
    assert book["court"].read("SubmitExecution", {}, prefixed, "court.370826").fingerprint == plain
    assert court(book, ("<ProbationMonths>4", "<ProbationMonths>5")).fingerprint != plain
    assert court(book, ('code="370826108"', 'code="370826109"')).fingerprint != plain


# ---------------------------------------------------------------- hostile and broken bytes
BOMB = '<!DOCTYPE ROOT [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><ROOT>&b;</ROOT>'


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (BOMB, "xml.doctype"),
        ('<?xml version="1.0"?><!-- x -->\n<!DOCTYPE ROOT SYSTEM "file:///etc/passwd"><ROOT/>', "xml.doctype"),
        ('<!DOCTYPE ROOT [<!ENTITY x SYSTEM "file:///etc/hostname">]><ROOT><HEAD>&x;</HEAD></ROOT>', "xml.doctype"),
        ("<ROOT>&undefined;</ROOT>", "xml.malformed"),
        ("<ROOT><HEAD></ROOT>", "xml.malformed"),
        ("", "xml.malformed"),
        ("not xml", "xml.malformed"),
        ("<ROOT>" + "<A>" * 150 + "</A>" * 150 + "</ROOT>", "xml.too-deep"),
        ("<ROOT>" + "<A>" * 100_000, "xml.malformed"),
        ("<ROOT>\x00</ROOT>", "xml.malformed"),
        ("<ROOT>周㴔</ROOT>".encode("gb18030"), "xml.encoding"),
        (b'<?xml version="1.0" encoding="GB18030"?><ROOT>' + b"\x81\xff" + b"</ROOT>", "xml.encoding"),
        (b'<?xml version="1.0" encoding="Big5"?><ROOT/>', "xml.encoding"),
        ("<OTHER/>", "root.unexpected"),
    ],
)
def test_what_is_no_record_at_all_is_refused_with_its_reason(book: Book, payload: bytes | str, rule: str) -> None:
    with pytest.raises(Malformed) as caught:
        book["prison"].read("sendData", {}, payload, "prison.370800")
    assert [fault.rule for fault in caught.value.faults] == [rule]
    assert book["prison"].answer_code(caught.value.faults) == "E002"


def test_an_operation_that_is_not_received_is_refused(book: Book) -> None:
    with pytest.raises(Malformed) as caught:
        book["court"].read("ReceiveReply", {}, "<ReceiveReply/>", "court.370826")
    assert caught.value.faults[0].rule == "operation.unknown"


def test_raw_bytes_tell_by_their_root_which_operation_they_are(book: Book) -> None:
    message = book["prison"].read(None, {}, sample("prison", "request-JSJZ.xml"), "prison.370800")
    assert message.key == "JNJY201207030007"


def test_a_notice_that_names_nobody_is_a_fault(book: Book) -> None:
    notice = sample("court", "SubmitExecution-request.xml").decode()
    start, end = notice.index("<Defendants>"), notice.index("</Defendants>") + len("</Defendants>")
    (item,) = book["court"].read("SubmitExecution", {}, notice[:start] + notice[end:], "court.370826").items
    assert [(fault.rule, fault.xpath) for fault in item.faults] == [
        ("field.missing", "/SubmitExecution/execution/Defendants/Defendant")
    ]
