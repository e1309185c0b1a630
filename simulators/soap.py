"""SOAP as old servers speak it: envelopes of both versions, faults, the WSDL's own schema, and encodings.

Written on lxml alone, by the W3C notes and the WSDLs; it shares nothing with the hub's SOAP.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
VERSIONS = {SOAP11: "1.1", SOAP12: "1.2"}
NAMESPACES = {version: namespace for namespace, version in VERSIONS.items()}
XSD = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
WSDL = "http://schemas.xmlsoap.org/wsdl/"

CONTRACTS = Path(__file__).parent / "contracts"

#: A fault's code in 1.1 and what 1.2 calls it.
CODES_12 = {"Client": "Sender", "Server": "Receiver"}

_DECLARATION = re.compile(r"^\s*<\?xml\s[^>]*\?>")
_DECLARED_ENCODING = re.compile(rb"^\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]+)", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Malformed(Exception):
    """The text is no XML that this system reads; the message says why."""


class SoapFault(Exception):
    """A request that is answered by a SOAP fault. `code` is the 1.1 name; `status` overrides the HTTP status."""

    def __init__(
        self,
        code: str,
        message: str,
        detail: etree._Element | None = None,
        *,
        version: str = "1.1",
        outcome: str = "fault",
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.detail, self.version, self.outcome = code, message, detail, version, outcome


@dataclass(frozen=True)
class Envelope:
    """A message taken apart. `body` holds the children of the Body element, multiRefs included."""

    version: str
    headers: Sequence[etree._Element]
    body: Sequence[etree._Element]
    text: str


# ---------------------------------------------------------------- reading
def decode(content: bytes, content_type: str = "") -> str:
    """The text of an XML message, its declaration dropped.

    The byte order mark outranks the HTTP charset, and the charset the declaration (RFC 7303).
    """
    encoding = "utf-8"
    mark = next((name for bom, name in _BOMS if content.startswith(bom)), None)
    declared = _DECLARED_ENCODING.match(content)
    charset = _CHARSET.search(content_type)
    if mark:
        encoding = mark
    elif charset:
        encoding = charset.group(1)
    elif declared:
        encoding = declared.group(1).decode("ascii")
    try:
        text = content.decode(codec_of(encoding))
    except (LookupError, UnicodeDecodeError) as error:
        raise Malformed(f"cannot be read as {encoding}: {error}") from None
    return _DECLARATION.sub("", text.removeprefix("\ufeff"), count=1)


def codec_of(encoding: str) -> str:
    """GB2312 and GBK are taken for GB18030, which contains both: systems declare old names and use new characters."""
    return "gb18030" if encoding.lower() in ("gb2312", "gbk", "gb18030", "cp936") else encoding


def parse(text: str) -> etree._Element:
    """The root element of XML text whose declaration, if it has one, is not believed. DTDs are refused."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(_DECLARATION.sub("", text.removeprefix("\ufeff"), count=1).encode(), parser)
    except etree.XMLSyntaxError as error:
        raise Malformed(str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed("a document type declaration is not allowed")
    return root


def open_envelope(content: bytes, content_type: str, understood: Collection[str] = ()) -> Envelope:
    """Take a request apart. `understood` names the header blocks (Clark names) that may be marked mustUnderstand."""
    try:
        text = decode(content, content_type)
        root = parse(text)
    except Malformed as error:
        raise SoapFault("Client", f"报文无法解析：{error}") from None
    name = etree.QName(root)
    version = VERSIONS.get(name.namespace or "")
    if name.localname != "Envelope" or version is None:
        raise SoapFault("VersionMismatch", f"不是 SOAP 信封：{root.tag}")
    body = root.find(f"{{{name.namespace}}}Body")
    if body is None:
        raise SoapFault("Client", "缺少 soap:Body", version=version)
    header = root.find(f"{{{name.namespace}}}Header")
    headers = elements(header) if header is not None else []
    for block in headers:
        if block.get(f"{{{name.namespace}}}mustUnderstand") in ("1", "true") and block.tag not in understood:
            raise SoapFault("MustUnderstand", f"不能理解的标头：{block.tag}", version=version)
    return Envelope(version, headers, elements(body), text)


def elements(parent: etree._Element) -> list[etree._Element]:
    """The child elements, comments and processing instructions left out."""
    return [child for child in parent if isinstance(child.tag, str)]


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def is_nil(element: etree._Element) -> bool:
    return element.get(f"{{{XSI}}}nil") in ("1", "true")


def child_text(parent: etree._Element | None, path: str, namespaces: dict[str, str] | None = None) -> str | None:
    """The text of the first element at `path`: "" when it is empty, None when it is missing or nil."""
    found = None if parent is None else parent.find(path, namespaces)
    return None if found is None or is_nil(found) else (found.text or "")


def understood(element: etree._Element, leave_out: Collection[str] = ()) -> Any:
    """What an element says, whatever prefixes and indentation it was written with. `leave_out` are local names."""
    children = [child for child in elements(element) if local(child) not in leave_out]
    attributes = {name: value for name, value in element.attrib.items() if etree.QName(name).namespace != XSI}
    text = None if is_nil(element) or (children and not (element.text or "").strip()) else (element.text or "")
    return [element.tag, attributes, text, [understood(child, leave_out) for child in children]]


def document_facts(title: str, content: bytes) -> dict[str, Any]:
    return {"title": title, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


# ---------------------------------------------------------------- the contract
class Contract:
    """A WSDL: its text, its address and, where it has types, a validator made of its own schema."""

    def __init__(self, file_name: str) -> None:
        self.text = (CONTRACTS / file_name).read_bytes()
        tree = etree.fromstring(self.text)
        self.namespace: str = tree.get("targetNamespace", "")
        address = tree.xpath("string((//*[local-name()='address']/@location)[1])")
        self._address = str(address)
        self.path = urlsplit(self._address).path
        schema = tree.find(f"{{{WSDL}}}types/{{{XSD}}}schema")
        self._schema = None if schema is None else etree.XMLSchema(_standing_alone(schema))

    def at(self, url: str) -> bytes:
        """The WSDL with this system's own address, otherwise unchanged."""
        return self.text.replace(self._address.encode(), url.encode())

    def faults_of(self, element: etree._Element) -> list[str]:
        """What the schema finds wrong, one sentence for each fault; none when the element is valid."""
        if self._schema is None:
            return []
        # A copy as a document of its own, so that the schema sees the element as its root.
        document = etree.fromstring(etree.tostring(element, with_tail=False))
        if self._schema.validate(document):
            return []
        return [f"{fault.path}: {fault.message}" for fault in self._schema.error_log]


def _standing_alone(schema: etree._Element) -> etree._Element:
    """A copy that declares every prefix itself: type names in it use prefixes that the WSDL declares further out."""
    alone = etree.Element(schema.tag, dict(schema.attrib), nsmap=schema.nsmap)
    alone.extend(deepcopy(child) for child in schema)
    return alone


# ---------------------------------------------------------------- writing
def envelope(
    body: str,
    version: str = "1.1",
    *,
    prefix: str = "soap",
    header: str = "",
    encoding: str = "UTF-8",
    namespaces: str = "",
) -> bytes:
    """An envelope around XML text, in bytes of `encoding` with its declaration."""
    head = f"<{prefix}:Header>{header}</{prefix}:Header>" if header else ""
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n'
        f'<{prefix}:Envelope xmlns:{prefix}="{NAMESPACES[version]}"{namespaces}>'
        f"{head}<{prefix}:Body>{body}</{prefix}:Body></{prefix}:Envelope>"
    )
    return text.encode(codec_of(encoding))


def fault_text(fault: SoapFault, version: str, *, prefix: str = "soap", language: str = "zh-CN") -> str:
    """The Fault element that goes into a body, in the form of the sender's version."""
    detail = "" if fault.detail is None else etree.tostring(fault.detail, encoding="unicode", with_tail=False)
    message = escape(fault.message)
    if version == "1.1":
        detail = f"<detail>{detail}</detail>" if detail else ""
        return (
            f"<{prefix}:Fault><faultcode>{prefix}:{fault.code}</faultcode><faultstring>{message}</faultstring>"
            f"{detail}</{prefix}:Fault>"
        )
    detail = f"<{prefix}:Detail>{detail}</{prefix}:Detail>" if detail else ""
    code = CODES_12.get(fault.code, fault.code)
    return (
        f"<{prefix}:Fault><{prefix}:Code><{prefix}:Value>{prefix}:{code}</{prefix}:Value></{prefix}:Code>"
        f'<{prefix}:Reason><{prefix}:Text xml:lang="{language}">{message}</{prefix}:Text></{prefix}:Reason>'
        f"{detail}</{prefix}:Fault>"
    )


def media_type(version: str, encoding: str = "utf-8") -> str:
    base = "text/xml" if version == "1.1" else "application/soap+xml"
    return f"{base}; charset={encoding}"


def escape(text: str) -> str:
    """Character data for an element's content; carriage returns are kept by reference."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def fault_facts(envelope_: Envelope) -> dict[str, Any] | None:
    """`{code, message, detail}` of an answer that is a fault, of either version; None when it is none."""
    if not envelope_.body or local(envelope_.body[0]) != "Fault":
        return None
    fault = envelope_.body[0]
    soap = f"{{{NAMESPACES[envelope_.version]}}}"
    if envelope_.version == "1.1":
        code, message, detail = child_text(fault, "faultcode"), child_text(fault, "faultstring"), fault.find("detail")
    else:
        code = child_text(fault, f"{soap}Code/{soap}Value")
        message, detail = child_text(fault, f"{soap}Reason/{soap}Text"), fault.find(f"{soap}Detail")
    return {
        "code": (code or "").partition(":")[2] or code,
        "message": message,
        "detail": None
        if detail is None
        else "".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in elements(detail)),
    }
