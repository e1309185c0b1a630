"""A message as bytes, made readable for a person: decoded, indented, long contents cut, passwords masked.

Only for looking at. What a message means is read by its dialect; nothing here is sent or stored.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from hub.findings import read_yaml

MASK = "••••••"
#: Names under which a password is carried whatever the dialect's files say.
ALWAYS_SECRET = re.compile(r"^(.*[._-])?(md5)?(pass(word|wd|phrase)?|pwd|secret|token|authorization)$", re.IGNORECASE)
#: Sections of a transport that say where credentials go.
CREDENTIALS = ("credentials", "session")

#: Characters of one value that are shown; documents in base64 are longer.
VALUE_LIMIT = 400
#: Characters at the beginning of a value that was cut.
CUT = 60
LINES = 3_000
#: A record inside a string may hold a string that holds XML; deeper is shown as text.
NESTED = 2

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_CHARSET = re.compile(r"""charset\s*=\s*"?([A-Za-z0-9._-]+)""", re.IGNORECASE)
_DECLARATION = re.compile(r"^\ufeff?\s*(<\?xml\s[^>]*?\?>)\s*")
#: GB18030 holds both older standards; senders declare the older names and send what only the newer one has.
_GB = frozenset({"gb2312", "gbk", "cp936", "gb_2312-80", "euc-cn", "x-gbk", "windows-936"})
_NOT_ELEMENTS = (etree._Comment, etree._ProcessingInstruction, etree._Entity)
_PARSER_OPTIONS: Mapping[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "remove_blank_text": False,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A few characters of one kind: `tag`, `name` (of an attribute), `quoted` (its value), `space` (a namespace), `text`, `mask`, `note`, or `cut` (text: how many more)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """`inner`: inside a record that is carried as text of another message."""

    depth: int
    pieces: tuple[Piece, ...]
    inner: bool = False


@dataclass(frozen=True, slots=True)
class Readable:
    """`form`: xml, json, text, or bytes (which no encoding explains). `more`: lines that are not shown."""

    form: str
    encoding: str
    size: int
    lines: tuple[Line, ...]
    more: int = 0


# ------------------------------------------------------------------ where secrets are
class Secrets:
    """Where each dialect carries passwords: the places that its `transport.yaml` names under `credentials` and `session`."""

    def __init__(self, dialects: Path) -> None:
        self._names: dict[str, frozenset[str]] = {}
        for path in sorted(dialects.glob("*/transport.yaml")):
            found, _ = read_yaml(path, path.name)
            self._names[path.parent.name] = frozenset(_password_names(found or {}))

    def of(self, dialect: str | None) -> frozenset[str]:
        return self._names.get(dialect or "", frozenset())


def _password_names(section: Any) -> Iterator[str]:
    for key, value in section.items() if isinstance(section, Mapping) else ():
        if key in CREDENTIALS and isinstance(value, Mapping):
            name = value.get("password")
            if isinstance(name, str) and name:
                yield re.split(r"[/@]", name)[-1]
        else:
            yield from _password_names(value)


def _is_secret(name: str, secrets: frozenset[str]) -> bool:
    return name in secrets or bool(ALWAYS_SECRET.match(name))


# ------------------------------------------------------------------ reading
def readable(raw: bytes, media_type: str | None, secrets: frozenset[str] = frozenset()) -> Readable:
    """What the bytes say. Never raises: what cannot be parsed is shown as text, what cannot be decoded as a size."""
    text, encoding = _decoded(raw, media_type)
    if text is None:
        return Readable("bytes", encoding, len(raw), ())
    form, lines = _lines(text, media_type, secrets)
    return Readable(form, encoding, len(raw), tuple(lines[:LINES]), max(0, len(lines) - LINES))


def _decoded(raw: bytes, media_type: str | None) -> tuple[str | None, str]:
    """The text and the encoding it was read by: byte order mark, XML declaration, header, UTF-8."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        claims = ["utf-16"]
    else:
        declared, header = _DECLARED.match(raw[:300]), _CHARSET.search(media_type or "")
        claims = [header.group(1) if header else "", declared.group(1).decode("ascii") if declared else "", "utf-8"]
    for claim in claims:
        encoding = "gb18030" if claim.lower() in _GB else claim.lower()
        try:
            text = raw.decode(encoding.replace("utf-8", "utf-8-sig")) if encoding else None
        except (LookupError, UnicodeDecodeError):
            continue
        if text is not None and "\x00" not in text:
            return text, encoding.upper()
    if b"\x00" in raw:
        return None, "—"
    return raw.decode("utf-8", "replace"), "?"


def _lines(text: str, media_type: str | None, secrets: frozenset[str]) -> tuple[str, list[Line]]:
    if "json" in (media_type or "") or text.lstrip("\ufeff \r\n\t")[:1] in ("{", "["):
        try:
            return "json", _json_lines(
                json.dumps(_without_secrets(json.loads(text), secrets), ensure_ascii=False, indent=2)
            )
        except (ValueError, RecursionError):
            return "text", _plain(_blotted(text, secrets))
    root, declaration = _parsed(text)
    if root is None:
        return "text", _plain(_blotted(text, secrets))
    lines = [Line(0, (Piece("note", declaration),))] if declaration else []
    return "xml", lines + list(_Printer(root, secrets).lines(root, 0, False, 0))


def _parsed(text: str) -> tuple[etree._Element | None, str]:
    """The root element and the declaration as it stands, or None for what is no XML or brings a document type."""
    found = _DECLARATION.match(text)
    body = text[found.end() :] if found else text.lstrip("\ufeff")
    if "<!DOCTYPE" in body:
        return None, ""
    try:
        root = etree.fromstring(body.encode("utf-8"), etree.XMLParser(encoding="utf-8", **_PARSER_OPTIONS))
    except (etree.XMLSyntaxError, ValueError):
        return None, ""
    return root, found.group(1) if found else ""


def _json_lines(text: str) -> list[Line]:
    """Printed JSON with its member names told from the values."""
    lines = []
    for line in text.splitlines():
        found = re.match(r'(\s*"(?:[^"\\]|\\.)*":)(.*)', line)
        lines.append(Line(0, (Piece("tag", found[1]), Piece("text", found[2])) if found else (Piece("text", line),)))
    return lines


def _plain(text: str) -> list[Line]:
    return [Line(0, (Piece("text", line),)) for line in text.splitlines()]


def _blotted(text: str, secrets: frozenset[str]) -> str:
    """Text that is no well-formed message, without what stands where a password would."""

    def secret(name: str) -> bool:
        return _is_secret(name.rpartition(":")[2], secrets)

    text = re.sub(
        r"<([\w.:-]+)((?:\s[^<>]*)?>)((?:<!\[CDATA\[.*?(?:\]\]>|\Z)|[^<])*)",
        lambda m: f"<{m[1]}{m[2]}{MASK}" if secret(m[1]) else m[0],
        text,
        flags=re.DOTALL,
    )
    return re.sub(
        r"""([\w.:-]+)(["']?\s*[=:]\s*)("[^"]*"?|'[^']*'?)""",
        lambda m: f'{m[1]}{m[2]}"{MASK}"' if secret(m[1]) else m[0],
        text,
    )


def _without_secrets(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: MASK if _is_secret(key, secrets) else _without_secrets(inner, secrets) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner, secrets) for inner in value]
    if isinstance(value, str) and len(value) > VALUE_LIMIT and not re.search(r"\s", value[:VALUE_LIMIT]):
        return f"{value[:CUT]}… (+{len(value) - CUT})"
    return value


# ------------------------------------------------------------------ XML
class _Printer:
    """Prints an element with its children indented; XML that is carried as text is printed where it stands.

    Where a namespace is declared again under the same prefix, its address is left out: some systems do so on each element.
    """

    def __init__(self, root: etree._Element, secrets: frozenset[str]) -> None:
        self._secrets = secrets
        self._said: set[tuple[str | None, str]] = set()
        # SOAP encoding (SOAP 1.1 section 5.4) may put a value elsewhere and point at it.
        self._elsewhere = {
            node.get("href", "").removeprefix("#")
            for node in root.iter(etree.Element)
            if node.get("href") and _is_secret(etree.QName(node).localname, secrets)
        }

    def lines(self, node: etree._Element, depth: int, inner: bool, nested: int) -> Iterator[Line]:
        opening = self._opening(node)
        closing = Piece("tag", f"</{_name(node)}>")
        if self._hidden(node):
            yield Line(depth, (*opening, Piece("mask", MASK), closing), inner)
            return
        if len(node) == 0:
            carried = _carried(node.text) if nested < NESTED else None
            if carried is not None:
                yield Line(depth, tuple(opening), inner)
                root, declaration = carried
                if declaration:
                    yield Line(depth + 1, (Piece("note", declaration),), True)
                yield from _Printer(root, self._secrets).lines(root, depth + 1, True, nested + 1)
                yield Line(depth, (closing,), inner)
            elif node.text:
                yield Line(depth, (*opening, *_value(node.text), closing), inner)
            else:
                yield Line(depth, (*opening[:-1], Piece("tag", "/>")), inner)
            return
        yield Line(depth, tuple(opening), inner)
        yield from self._between(node.text, depth + 1, inner)
        for child in node:
            if isinstance(child, _NOT_ELEMENTS):
                yield Line(
                    depth + 1, (Piece("note", etree.tostring(child, encoding="unicode", with_tail=False)),), inner
                )
            else:
                yield from self.lines(child, depth + 1, inner, nested)
            yield from self._between(child.tail, depth + 1, inner)
        yield Line(depth, (closing,), inner)

    @staticmethod
    def _between(text: str | None, depth: int, inner: bool) -> Iterator[Line]:
        if text and text.strip():
            yield Line(depth, tuple(_value(text.strip())), inner)

    def _hidden(self, node: etree._Element) -> bool:
        return _is_secret(etree.QName(node).localname, self._secrets) or node.get("id", "") in self._elsewhere - {""}

    def _opening(self, node: etree._Element) -> list[Piece]:
        pieces = [Piece("tag", f"<{_name(node)}")]
        above = node.getparent()
        known = above.nsmap if above is not None else {}
        for prefix, uri in node.nsmap.items():
            if known.get(prefix) != uri:
                shown = "…" if prefix and (prefix, uri) in self._said else uri
                self._said.add((prefix, uri))
                pieces.append(Piece("space", f' xmlns:{prefix}="{shown}"' if prefix else f' xmlns="{shown}"'))
        for key, value in node.attrib.items():
            name = etree.QName(key)
            prefix = (
                next((p for p, uri in node.nsmap.items() if uri == name.namespace and p), "xml")
                if name.namespace
                else None
            )
            shown = f"{prefix}:{name.localname}" if prefix else name.localname
            pieces += _attribute(shown, MASK if _is_secret(name.localname, self._secrets) else str(value))
        return [*pieces, Piece("tag", ">")]


def _name(node: etree._Element) -> str:
    local = etree.QName(node).localname
    return f"{node.prefix}:{local}" if node.prefix else local


def _attribute(name: str, value: str) -> list[Piece]:
    quoted = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return [Piece("name", f" {name}="), Piece("mask" if value == MASK else "quoted", f'"{quoted}"')]


def _value(text: str) -> list[Piece]:
    shown = text.replace("&", "&amp;").replace("<", "&lt;")
    if len(shown) > VALUE_LIMIT and not re.search(r"\s", shown[:VALUE_LIMIT]):
        return [Piece("text", shown[:CUT]), Piece("cut", str(len(shown) - CUT))]
    return [Piece("text", shown)]


def _carried(text: str | None) -> tuple[etree._Element, str] | None:
    """XML that is the text of an element: its root and its declaration, which no longer says anything about its bytes."""
    if not text or not text.lstrip().startswith("<") or not text.rstrip().endswith(">"):
        return None
    root, declaration = _parsed(text.strip())
    return None if root is None else (root, declaration)
