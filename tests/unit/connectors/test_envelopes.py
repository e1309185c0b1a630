"""Which encoding a message really is in, what is refused in it, and how both versions say a fault."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors import envelope
from hub.domain.faults import Fault, Malformed

#: Anything that XML can hold, Chinese more often than not.
TEXT = st.text(
    st.one_of(
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
        st.sampled_from("㴔·（）𠀀é<&>'\" "),
        st.characters(min_codepoint=0x20, max_codepoint=0x7E),
    ),
    max_size=40,
)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@given(text=TEXT, encoding=st.sampled_from(["utf-8", "gb18030"]), claim=st.booleans())
def test_what_was_written_is_read_whoever_says_the_encoding(text: str, encoding: str, claim: bool) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>' if claim else ""
    body = f"{declared}<姓名>{escaped(text)}</姓名>".encode(encoding)
    if encoding == "gb18030" and claim is False:
        decoded = envelope.decode(body, "GB2312")
    else:
        decoded = envelope.decode(body, None if claim else encoding)
    root = envelope.parse(decoded)
    assert (root.text or "") == text


@given(text=TEXT, encoding=st.sampled_from(["UTF-8", "GB18030", "GBK", "GB2312"]))
def test_what_the_hub_writes_reads_back_in_every_encoding(text: str, encoding: str) -> None:
    root = etree.Element("XM")
    root.text = text
    read = etree.fromstring(envelope.serialise(root, encoding))
    assert (read.text or "") == text


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_byte_order_mark_counts_more_than_any_claim(mark: bytes) -> None:
    encoding = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}[mark]
    body = mark + '<?xml version="1.0" encoding="GB18030"?><a>周㴔</a>'.encode(encoding)
    assert envelope.decode(body, "gbk") == "<a>周㴔</a>"


@pytest.mark.parametrize(
    ("body", "charset", "offset", "right"),
    [
        ("<a>周某</a>".encode(), "gbk", 3, "UTF-8"),
        ("<a>周某</a>".encode("gb18030"), None, 3, "GB18030"),
        (b"<a>\xff\xff</a>", "utf-8", 3, None),
        (codecs.BOM_UTF8 + b"<a>\xff</a>", None, 6, None),
    ],
)
def test_a_wrong_encoding_names_the_byte_and_what_would_be_right(
    body: bytes, charset: str | None, offset: int, right: str | None
) -> None:
    with pytest.raises(Malformed) as caught:
        envelope.decode(body, charset)
    [fault] = caught.value.faults
    assert fault.rule == "encoding.wrong"
    assert f"第{offset}字节" in fault.zh
    assert f"offset {offset} " in fault.en
    assert right is None or right in fault.zh
    assert fault.value == body[offset:][:8].hex(" ")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "xml.dtd"),
        ('  <!-- <a> -->\n<?p i?><!DOCTYPE a SYSTEM "http://there.example/a.dtd"><a/>', "xml.dtd"),
        ("<a>&e;</a>", "xml.malformed"),
        ("<a><b></a>", "xml.malformed"),
        ("<a>\x01</a>", "xml.malformed"),
        ("<a>\ud800</a>", "xml.malformed"),
        ("", "xml.malformed"),
        ("姓名", "xml.malformed"),
    ],
)
def test_what_is_not_parsed(text: str, rule: str) -> None:
    with pytest.raises(Malformed) as caught:
        envelope.parse(text)
    assert caught.value.faults[0].rule == rule


def test_a_doctype_within_text_is_text() -> None:
    assert envelope.parse("<a><![CDATA[<!DOCTYPE a>]]></a>").text == "<!DOCTYPE a>"


def test_places_count_only_where_there_are_several() -> None:
    root = etree.fromstring('<a xmlns="urn:x"><b/><b><c/></b></a>')
    assert [envelope.place(found) for found in root.iter()] == ["/a", "/a/b[1]", "/a/b[2]", "/a/b[2]/c"]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("code", ["Client", "Server", "MustUnderstand", "VersionMismatch"])
def test_a_fault_reads_back_as_it_was_said(version: str, code: str) -> None:
    built = envelope.build_fault(version, code, "原因", [Fault("r", "/p", "错", "wrong", value=1)], "E1", ["{urn:x}T"])
    read = envelope.read(etree.fromstring(envelope.serialise(built, "GB18030")))
    assert read.fault is not None
    assert (read.version, read.fault.codes, read.fault.reason) == (version, (code,), "原因")
    assert read.fault.detail is not None


def test_subcodes_of_both_versions_are_read() -> None:
    old = envelope.build(
        "1.1",
        etree.fromstring(
            f'<s:Fault xmlns:s="{envelope.NAMESPACES["1.1"]}"><faultcode>s:Server.userException</faultcode></s:Fault>'
        ),
    )
    new = envelope.build(
        "1.2",
        etree.fromstring(
            f'<s:Fault xmlns:s="{envelope.NAMESPACES["1.2"]}" xmlns:q="urn:q"><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>q:Busy</s:Value>'
            "</s:Subcode></s:Code></s:Fault>"
        ),
    )
    assert [envelope.read(root).fault.codes for root in (old, new)] == [("Server", "userException"), ("Server", "Busy")]  # type: ignore[union-attr]
