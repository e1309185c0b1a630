"""SOAP messages of both versions as bytes: which encoding they really are in, what is in them, how faults look.

Knows nothing of any WSDL; that is `connectors.contract`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from hub.domain.faults import Fault, Malformed

XSI = "http://www.w3.org/2001/XMLSchema-instance"
XSD = "http://www.w3.org/2001/XMLSchema"
#: Namespace of the envelope by version: SOAP 1.1 section 3, SOAP 1.2 part 1 section 5.
NAMESPACES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
MEDIA_TYPES = {"1.1": "text/xml", "1.2": "application/soap+xml"}
#: Who a header block may name when it means the last node of the way, which the hub and its agencies are.
FOR_US = {
    "",
    "http://schemas.xmlsoap.org/soap/actor/next",
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
}
#: Code names of SOAP 1.2 (part 1, section 5.4.6) for those of SOAP 1.1 (section 4.4.1).
CODES_12 = {"Client": "Sender", "Server": "Receiver"}
FAULT_DETAIL = "urn:santong-hub:faults:v1"

#: Encodings by the names that senders give them. GB2312 and GBK are read as GB18030, which holds both: senders declare
#: the older names and send characters that only the newer standard has.
ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "cp936": "gb18030",
    "windows-936": "gb18030",
    "euc-cn": "gb18030",
    "x-gbk": "gb18030",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
#: A Chinese character in UTF-8. GB18030 text that happens to be valid UTF-8 has none or one of these, by chance.
_HAN_IN_UTF8 = re.compile(rb"[\xe4-\xe9][\x80-\xbf][\x80-\xbf]")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml\s[^>]*?\?>")
#: What XML allows before its document type: white space, comments, processing instructions (XML 1.0, production 22).
_PROLOG = re.compile(r"(?:\s+|<!--.*?-->|<\?.*?\?>)*", re.DOTALL)


def decode(body: bytes, charset: str | None = None) -> str:
    """The text of an XML message, its declaration dropped.

    What a message says about its encoding is tried in this order: byte order mark, `charset` of the HTTP header, XML
    declaration, UTF-8 (RFC 7303, section 3). Where header and declaration contradict each other and one says UTF-8, the
    bytes decide: UTF-8 can be told from anything else, while GB18030 reads nearly any bytes as some characters.
    Raises `Malformed` with the byte offset of the first byte that does not fit, and what would.
    """
    if body.startswith(codecs.BOM_UTF8):
        return _drop_declaration(_strictly(body[3:], "utf-8", "UTF-8", 3))
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _drop_declaration(_strictly(body, "utf-16", "UTF-16", 0))
    found = _DECLARED.match(body[:300])
    claims = [claim for claim in (charset, found.group(1).decode("ascii") if found else None) if claim]
    encodings = [_encoding(claim) for claim in claims] or ["utf-8"]
    if "utf-8" in encodings and len(set(encodings)) > 1 and _is_utf8(body):
        encodings = ["utf-8"]
    elif len(set(encodings)) > 1:
        encodings = [encoding for encoding in encodings if encoding != "utf-8"]
    claim = claims[0] if claims else "UTF-8"
    if encodings[0] == "gb18030" and _is_utf8(body) and len(_HAN_IN_UTF8.findall(body)) > 1:
        raise _wrong_encoding(body, _first_above_ascii(body), claim, "UTF-8")
    return _drop_declaration(_strictly(body, encodings[0], claim, 0))


def _encoding(claim: str) -> str:
    encoding = ENCODINGS.get(claim.strip("\"' ").lower())
    if encoding is None:
        raise Malformed(
            [
                Fault(
                    "encoding.unknown",
                    "",
                    value=claim,
                    zh=f"不支持编码“{claim}”，请使用UTF-8或GB18030",
                    en=f"encoding {claim!r} is not supported; use UTF-8 or GB18030",
                )
            ]
        )
    return encoding


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _first_above_ascii(body: bytes) -> int:
    return next((offset for offset, byte in enumerate(body) if byte > 127), 0)


def _strictly(body: bytes, encoding: str, claim: str, before: int) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as problem:
        other = "GB18030" if encoding == "utf-8" else "UTF-8"
        try:
            body.decode(other)
        except UnicodeDecodeError:
            other = ""
        raise _wrong_encoding(body, problem.start, claim, other, before) from problem


def _wrong_encoding(body: bytes, offset: int, claim: str, other: str, before: int = 0) -> Malformed:
    shown = body[offset : offset + 8].hex(" ")
    place = offset + before
    return Malformed(
        [
            Fault(
                "encoding.wrong",
                "",
                value=shown,
                zh=f"报文声明为{claim}，但第{place}字节起（{shown}）不是该编码"
                + (f"；按{other}可以读出，请改正声明或按声明编码" if other else "；请按声明的编码发送"),
                en=f"the message says {claim}, but the bytes from offset {place} ({shown}) are not"
                + (
                    f"; they read as {other}: declare that, or encode as declared"
                    if other
                    else "; encode it as declared"
                ),
            )
        ]
    )


def _drop_declaration(text: str) -> str:
    return _DECLARATION.sub("", text, count=1)


def without_declaration(text: str) -> str:
    """XML that stood as text inside another document: its own declaration is not true there any more."""
    return _drop_declaration(text).lstrip("\ufeff \t\r\n")


def parse(text: str) -> etree._Element:
    """The root element of a document that has no DTD. Raises `Malformed` naming line and column.

    The text was decoded before, so that no declared encoding is ever believed by the parser.
    """
    prolog = _PROLOG.match(text)
    rest = text[prolog.end() if prolog else 0 :]
    if rest.startswith("<!DOCTYPE"):
        raise Malformed(
            [
                Fault(
                    "xml.dtd",
                    "",
                    zh="不接受带有DTD或实体定义的XML，请去掉<!DOCTYPE>",
                    en="XML with a DTD or entity definitions is refused; leave out <!DOCTYPE>",
                )
            ]
        )
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8",
    )
    try:
        return etree.fromstring(text.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError) as problem:
        line, column = getattr(problem, "position", (0, 0))
        raise Malformed(
            [
                Fault(
                    "xml.malformed",
                    "",
                    xpath=f"line {line}, column {column}",
                    value=getattr(problem, "msg", str(problem)),
                    zh=f"不是格式正确的XML：第{line}行第{column}列（{getattr(problem, 'msg', problem)}）",
                    en=f"not well-formed XML: line {line}, column {column} ({getattr(problem, 'msg', problem)})",
                )
            ]
        ) from problem


def elements(parent: etree._Element) -> Iterator[etree._Element]:
    """The child elements, without anything else that a tree may hold."""
    return (child for child in parent if isinstance(child.tag, str))


def local(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def find(element: etree._Element, path: str) -> etree._Element | None:
    """An element by a path of local names (`a/b`), whatever its namespace; `.` is the element itself."""
    if path == ".":
        return element
    found: etree._Element | None = element.find("/".join("{*}" + step for step in path.split("/")))
    return found


def text(element: etree._Element | None, path: str | None) -> str | None:
    """The trimmed text at a path of local names, None where there is none or it is nil."""
    found = find(element, path) if element is not None and path else None
    if found is None or found.get(f"{{{XSI}}}nil") in ("true", "1"):
        return None
    return "".join(str(part) for part in found.itertext()).strip()


def place(element: etree._Element) -> str:
    """Where an element stands, as a person would write it: `/SubmitExecution/execution/Defendants/Defendant[2]/Sex`."""
    parent = element.getparent()
    name = local(element)
    if parent is None:
        return "/" + name
    same = [child for child in elements(parent) if child.tag == element.tag]
    number = f"[{same.index(element) + 1}]" if len(same) > 1 else ""
    return f"{place(parent)}/{name}{number}"


@dataclass(frozen=True, slots=True)
class SoapFault:
    """A fault as either version says it. `code` is the code's local name in SOAP 1.1 words, subcodes after it."""

    codes: tuple[str, ...]
    reason: str
    detail: etree._Element | None


@dataclass(frozen=True, slots=True)
class Message:
    """An envelope taken apart: its version, its header blocks and what is in its body."""

    version: str
    headers: tuple[etree._Element, ...]
    body: etree._Element

    @property
    def content(self) -> etree._Element | None:
        return next(elements(self.body), None)

    @property
    def fault(self) -> SoapFault | None:
        content = self.content
        if content is None or content.tag != f"{{{NAMESPACES[self.version]}}}Fault":
            return None
        if self.version == "1.1":
            code = text(content, "faultcode") or ""
            return SoapFault(
                tuple(code.rpartition(":")[2].split(".")), text(content, "faultstring") or "", find(content, "detail")
            )
        values = [
            (value.text or "").strip().rpartition(":")[2] for value in content.iter(f"{{{NAMESPACES['1.2']}}}Value")
        ]
        names = {new: old for old, new in CODES_12.items()}
        return SoapFault(
            tuple(names.get(value, value) for value in values),
            text(content, "Reason/Text") or "",
            find(content, "Detail"),
        )

    def must_understand(self, known: Sequence[str]) -> list[str]:
        """Header blocks (Clark notation) that are meant for this node, must be understood and are not in `known`."""
        namespace = NAMESPACES[self.version]
        role = "actor" if self.version == "1.1" else "role"
        return [
            str(block.tag)
            for block in self.headers
            if block.get(f"{{{namespace}}}mustUnderstand", "0").strip() in ("1", "true")
            and block.get(f"{{{namespace}}}{role}", "").strip() in FOR_US
            and block.tag not in known
        ]


class NoEnvelope(Exception):
    """The root is no SOAP envelope of a known version; carries the root's name."""


def read(root: etree._Element) -> Message:
    """Take an envelope apart. Raises `NoEnvelope`."""
    name = etree.QName(root)
    version = next((version for version, namespace in NAMESPACES.items() if namespace == name.namespace), None)
    if version is None or name.localname != "Envelope":
        raise NoEnvelope(str(root.tag))
    body = root.find(f"{{{NAMESPACES[version]}}}Body")
    if body is None:
        raise NoEnvelope(f"{root.tag} without Body")
    header = root.find(f"{{{NAMESPACES[version]}}}Header")
    return Message(version, tuple(elements(header)) if header is not None else (), body)


def build(version: str, content: etree._Element, headers: Sequence[etree._Element] = ()) -> etree._Element:
    """An envelope round one body element."""
    namespace = NAMESPACES[version]
    root = etree.Element(f"{{{namespace}}}Envelope", nsmap={"soap": namespace})
    if headers:
        header = etree.SubElement(root, f"{{{namespace}}}Header")
        header.extend(headers)
    etree.SubElement(root, f"{{{namespace}}}Body").append(content)
    return root


def serialise(root: etree._Element, encoding: str = "UTF-8") -> bytes:
    """The message's bytes with a true declaration; characters that the encoding lacks become references."""
    written = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{written}'.encode(encoding, "xmlcharrefreplace")


def content_type(version: str, encoding: str, action: str | None = None) -> str:
    written = f"{MEDIA_TYPES[version]}; charset={encoding.lower()}"
    return f'{written}; action="{action}"' if version == "1.2" and action is not None else written


def build_fault(
    version: str,
    code: str,
    reason: str,
    faults: Sequence[Fault] = (),
    subcode: str | None = None,
    names: Sequence[str] = (),
) -> etree._Element:
    """A fault's envelope: `faultcode` … in 1.1 (section 4.4), `Code`, `Reason`, `Detail` in 1.2 (part 1, section 5.4).

    `names` are header blocks that were not understood; in 1.2 they are told as `NotUnderstood` (section 5.4.8).
    """
    namespace = NAMESPACES[version]
    fault = etree.Element(f"{{{namespace}}}Fault", nsmap={"soap": namespace})
    if version == "1.1":
        etree.SubElement(fault, "faultcode").text = f"soap:{code}"
        etree.SubElement(fault, "faultstring").text = reason
    else:
        first = etree.SubElement(fault, f"{{{namespace}}}Code")
        etree.SubElement(first, f"{{{namespace}}}Value").text = f"soap:{CODES_12.get(code, code)}"
        told = etree.SubElement(etree.SubElement(fault, f"{{{namespace}}}Reason"), f"{{{namespace}}}Text")
        told.set("{http://www.w3.org/XML/1998/namespace}lang", "zh")
        told.text = reason
    if faults or subcode:
        detail = etree.SubElement(fault, "detail" if version == "1.1" else f"{{{namespace}}}Detail")
        told = etree.SubElement(detail, f"{{{FAULT_DETAIL}}}faults", nsmap={"f": FAULT_DETAIL})
        if subcode:
            told.set("code", subcode)
        for found in faults:
            item = etree.SubElement(told, f"{{{FAULT_DETAIL}}}fault")
            etree.SubElement(item, f"{{{FAULT_DETAIL}}}rule").text = found.rule
            etree.SubElement(item, f"{{{FAULT_DETAIL}}}place").text = found.xpath or found.pointer or "/"
            if found.value is not None:
                etree.SubElement(item, f"{{{FAULT_DETAIL}}}value").text = printable(str(found.value)[:200])
            for language in ("zh", "en"):
                message = etree.SubElement(item, f"{{{FAULT_DETAIL}}}message")
                message.set("{http://www.w3.org/XML/1998/namespace}lang", language)
                message.text = printable(found.message(language))
    headers = []
    if version == "1.2":
        for name in names:
            unknown = etree.Element(
                f"{{{namespace}}}NotUnderstood", nsmap={"soap": namespace, "h": str(etree.QName(name).namespace or "")}
            )
            unknown.set("qname", f"h:{etree.QName(name).localname}")
            headers.append(unknown)
    return build(version, fault, headers)


_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def printable(text: str) -> str:
    """Text that XML can hold: characters that it cannot become U+FFFD (XML 1.0, production 2)."""
    return _NOT_XML.sub("\ufffd", text)
