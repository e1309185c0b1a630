"""Messages made readable: what is shown of them, and what never is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.console.messages import MASK, Readable, Secrets, readable
from hub.console.pages import marked
from hub.settings import ROOT

SECRET = "hunter2-changeme"
NAMES = frozenset({"mm", "Password"})


def shown(form: Readable) -> str:
    return "\n".join("  " * line.depth + "".join(piece.text for piece in line.pieces) for line in form.lines)


# ------------------------------------------------------------------ reading
@pytest.mark.parametrize(
    ("declared", "media_type", "encoding"),
    [
        ('<?xml version="1.0" encoding="GB18030"?>', "text/xml", "gb18030"),
        ('<?xml version="1.0" encoding="GB2312"?>', "text/xml", "gb18030"),
        ("", "text/xml; charset=GBK", "gb18030"),
        ('<?xml version="1.0"?>', "text/xml", "utf-8"),
        ("", None, "utf-8"),
        ('<?xml version="1.0" encoding="UTF-8"?>', "text/xml; charset=UTF-8", "utf-8-sig"),
        ('<?xml version="1.0" encoding="UTF-16"?>', "text/xml", "utf-16"),
    ],
)
def test_a_message_is_read_in_the_encoding_that_it_declares(
    declared: str, media_type: str | None, encoding: str
) -> None:
    form = readable(f"{declared}<XM>周㴔</XM>".encode(encoding), media_type)
    assert form.form == "xml"
    assert "<XM>周㴔</XM>" in shown(form)


def test_a_record_inside_a_string_is_printed_where_it_stands() -> None:
    inner = '<?xml version="1.0" encoding="GB18030"?><ROOT><XM>周㴔</XM></ROOT>'.replace("<", "&lt;")
    form = readable(f"<a><xmlData>{inner}</xmlData></a>".encode(), "text/xml")
    inside = [line for line in form.lines if line.inner]
    assert shown(Readable("xml", "", 0, tuple(inside))).split() == [
        "<?xml",
        'version="1.0"',
        'encoding="GB18030"?>',
        "<ROOT>",
        "<XM>周㴔</XM>",
        "</ROOT>",
    ]
    assert min(line.depth for line in inside) > 1


def test_contents_that_nobody_reads_are_cut_and_said_so() -> None:
    form = readable(f"<NR>{'QUJD' * 1000}</NR>".encode(), "text/xml")
    assert len(shown(form)) < 200
    assert any(piece.kind == "cut" and piece.text == str(4000 - 60) for line in form.lines for piece in line.pieces)


@pytest.mark.parametrize(
    "raw",
    [
        b"<a><b></a>",
        b"not a message",
        b"",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        b"{broken",
        b"<a>&undefined;</a>",
    ],
)
def test_what_is_no_message_is_shown_as_text(raw: bytes) -> None:
    assert readable(raw, "text/xml").form == "text"


def test_bytes_that_are_no_text_are_not_shown() -> None:
    form = readable(b"\x00\x01\xff" * 30, "text/xml; charset=no-such-encoding")
    assert (form.form, form.lines, form.size) == ("bytes", (), 90)


def test_a_namespace_declared_on_every_element_is_spelled_out_once() -> None:
    text = shown(readable(b'<a><b xmlns:x="urn:long">1</b><c xmlns:x="urn:long">2</c></a>', "text/xml"))
    assert text.count("urn:long") == 1


@given(st.binary(max_size=300), st.sampled_from(["text/xml", "application/json", "text/xml; charset=gbk", None]))
def test_nothing_that_comes_stops_the_page(raw: bytes, media_type: str | None) -> None:
    assert "<script" not in marked_as(readable(raw, media_type))


def marked_as(form: Readable) -> str:
    from flask import Flask

    with Flask("pages").app_context():
        return str(marked(form))


def test_what_is_shown_is_escaped() -> None:
    html = marked_as(readable(b"<a><b>&lt;script&gt;1&lt;/script&gt; &amp; &quot;</b></a>", "text/xml"))
    assert "<script" not in html
    assert "&amp;lt;script" in html


# ------------------------------------------------------------------ secrets
@pytest.mark.parametrize(
    "message",
    [
        "<e><AuthHeader><UserName>u</UserName><Password>{}</Password></AuthHeader></e>",
        "<e><mm>{}</mm></e>",
        '<e xmlns:wsse="urn:wsse"><wsse:Password Type="d">{}</wsse:Password></e>',
        "<e><Password><inner>{}</inner></Password></e>",
        "<e><Password><![CDATA[{}]]></Password></e>",
        '<e Password="{}"/>',
        '<e><mm href="#id0"/><multiRef id="id0">{}</multiRef></e>',
        "<e><part>&lt;ROOT>&lt;mm>{}&lt;/mm>&lt;/ROOT></part></e>",
        "<e><md5Password>{}</md5Password></e>",
        # not well-formed, so that no element can be told from another
        "<e><mm>{}</mn></e>",
        "<e><mm>{}",
        "<e><x:Password a='1'>{}<",
        "<e><mm><![CDATA[{}]]></mn>",
        "<e Password='{}'",
        '<e Password="{}',
        "<!DOCTYPE e><e><mm>{}</mm></e>",
        '{{"client_secret": "{}"}}',
        '{{"login": {{"password": "{}"}}}}',
        '{{"password": "{}"',
        '[{{"mm": "{}"}}]',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_password_is_never_shown(message: str, encoding: str) -> None:
    form = readable(message.format(SECRET).encode(encoding), "text/xml", NAMES)
    text = shown(form)
    assert SECRET not in text
    assert MASK in text


def test_other_values_are_left_alone() -> None:
    assert shown(readable(b"<e><UserName>hunter</UserName><mmm>x</mmm></e>", "text/xml", NAMES)).count(MASK) == 0


def test_the_places_of_passwords_are_read_from_the_dialects_own_files() -> None:
    secrets = Secrets(ROOT / "mappings" / "dialects")
    assert secrets.of("prison") == {"mm"}
    assert secrets.of("court") == {"Password"}
    assert secrets.of("city") == {"md5Password"}
    assert secrets.of(None) == secrets.of("nobody's") == frozenset()


def test_a_new_dialect_names_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "neighbour").mkdir()
    (tmp_path / "neighbour" / "transport.yaml").write_text(
        "soap:\n  credentials: {style: parts, user: u, password: kouling}\n", encoding="utf-8"
    )
    secrets = Secrets(tmp_path)
    assert SECRET not in shown(
        readable(f"<e><kouling>{SECRET}</kouling></e>".encode(), "text/xml", secrets.of("neighbour"))
    )


def test_json_stays_what_it_is() -> None:
    told = {"record": {"person": {"name": "马丽娜·阿不都"}}, "n": [1, None, True]}
    assert json.loads(shown(readable(json.dumps(told).encode(), "application/json"))) == told
