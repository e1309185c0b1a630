"""Records as XML: prefixes without a schema, records inside strings, CDATA where a contract wants it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.domain.values import NotValid
from hub.translation.encodings import UTF_8, Encoding
from hub.translation.foreign import Node, parse, unfold
from hub.translation.formats.form import FORBIDDEN, Check, Format, Spot

#: Characters that XML 1.0 (section 2.2) cannot carry.

#: Characters that need a second look before they stand in an element, or in an attribute: escaped or forbidden.
ODD = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
ODD_IN_ATTRIBUTE = re.compile('[&<>\r"\n\t\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def escape_attribute(text: str) -> str:
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def cdata(text: str) -> str:
    """A CDATA section: `]]>` in the text goes over two of them, a carriage return stands between them as what survives."""
    inside = text.replace("]]>", "]]]]><![CDATA[>").replace("\r", "]]>&#13;<![CDATA[")
    return f"<![CDATA[{inside}]]>"


@dataclass(frozen=True, slots=True)
class Nested:
    """A place whose text is itself a record: how that is read, and how it is put into the text."""

    form: Format
    #: stands before the inner record, for systems that insist on a declaration
    declaration: str = ""
    cdata: bool = False


@dataclass(frozen=True, slots=True)
class Xml:
    """XML in one encoding. `prefixes`: prefix → namespace, `""` for names without one; `nested`: path from the root's name."""

    encoding: Encoding = UTF_8
    prefixes: Mapping[str, str] = field(default_factory=dict)
    nested: Mapping[tuple[str, ...], Nested] = field(default_factory=dict)
    #: whether what is written begins with a declaration; bytes in another encoding than UTF-8 always do
    declaration: bool = False
    name: str = "xml"
    contract: tuple[str, str] = ("WSDL", "WSDL")

    @property
    def media_type(self) -> str:
        return "application/xml" if self.encoding is UTF_8 else f"application/xml; charset={self.encoding.name}"

    def parse(self, payload: bytes | str) -> Node:
        """The tree of an XML message, with the records inside its strings. Raises `Malformed`."""
        named = {namespace: prefix for prefix, namespace in self.prefixes.items() if prefix}
        root = parse(payload, named, self.encoding.reads)
        inner = sorted(self.nested.items(), key=lambda one: len(one[0]))
        return unfold(root, ((place, nested.form.parse) for place, nested in inner)) if inner else root

    def check(self, spot: Spot, kind: str | None) -> Check:
        encodes = None if self.encoding.codec in ("utf-8", "gb18030") else self.encoding.check

        def check(text: str) -> None:
            if FORBIDDEN.search(text):
                raise NotValid(
                    "text.control-character",
                    "含有XML不允许的控制字符",
                    "it holds control characters that XML cannot carry",
                )
            if encodes:
                encodes(text)

        return check

    def element(
        self,
        spot: Spot,
        attributes: Sequence[tuple[Spot, str, str | None]],
        text: str | None,
        kind: str | None,
        children: Sequence[Any],
    ) -> str:
        head = spot.tag + spot.declared
        for attribute, value, _ in attributes:
            head += f' {attribute.tag}="{escape_attribute(value)}"'
        if text is None and not children:
            return f"<{head}/>"
        content = "" if text is None else cdata(text) if spot.cdata else escape(text)
        return f"<{head}>{content}{''.join(children)}</{spot.tag}>"

    def nil(self, spot: Spot) -> str:
        return f'<{spot.tag}{spot.declared} xsi:nil="true"/>'

    def empty(self, spot: Spot) -> None:
        """No element is an empty list."""
        return

    def place(self, path: str) -> str:
        """An XPath is told as it is."""
        return path

    def write(self, record: Any) -> str:
        declared = self.declaration or self.encoding is not UTF_8
        return f'<?xml version="1.0" encoding="{self.encoding.name}"?>{record}' if declared else str(record)
