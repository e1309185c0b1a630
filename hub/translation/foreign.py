"""A foreign record as a tree that can be asked by path: parsed safely, indexed once, digested without what never counts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable

from lxml import etree

from hub.domain.faults import Fault, Malformed

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SOAP_ENVELOPES = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")

#: Deeper than any record of an agency; deeper ones are refused before anything walks them.
DEEPEST = 100

#: What may stand before the root element: declaration, comments, processing instructions, space. A DTD can only follow here.
_PROLOG = re.compile(r"\s*(?:<\?(?:.*?)\?>\s*|<!--(?:.*?)-->\s*)*", re.DOTALL)
_DECLARATION = re.compile(r"\s*<\?xml(?:\s[^?>]*)?\?>")
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BASE64 = re.compile(r"[A-Za-z0-9+/= ]{64,}")

#: Attributes that say how an element is written, not what it means.
_NOT_CONTENT = (f"{{{XSI}}}type", f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation")


def malformed(rule: str, zh: str, en: str, value: str | None = None) -> Malformed:
    return Malformed([Fault(rule, "", zh, en, value=value)])


class Node:
    """One element: its local name, text, attributes by local name, and children by local name in order.

    `position` counts from 1 among the siblings of the same name.
    """

    __slots__ = (
        "alone",
        "attributes",
        "children",
        "name",
        "namespace",
        "nil",
        "order",
        "parent",
        "plain",
        "position",
        "stray",
        "text",
    )

    def __init__(self, name: str, namespace: str, parent: Node | None, position: int) -> None:
        self.name, self.namespace, self.parent, self.position = name, namespace, parent, position
        self.text = ""
        #: text between the children, which no record of a known dialect has
        self.stray = ""
        self.nil = False
        self.attributes: dict[str, str] = {}
        self.children: dict[str, list[Node]] = {}
        self.order: list[Node] = []
        #: the element as expressions see it, made when one first asks
        self.plain: object = None

    def first(self, path: tuple[str, ...]) -> Node | None:
        """The first element at a path below here."""
        here = self
        for step in path:
            found = here.children.get(step)
            if not found:
                return None
            here = found[0]
        return here

    def all(self, path: tuple[str, ...]) -> list[Node]:
        """Every element at a path below here, in order, whatever is repeated on the way."""
        here = [self]
        for step in path:
            here = [child for node in here for child in node.children.get(step, ())]
        return here

    def xpath(self, below: tuple[str, ...] = (), top: Node | None = None) -> str:
        """The place as a person writes it: without prefixes, with an index where an element is one of several."""
        steps: list[str] = list(below)[::-1]
        here: Node | None = self
        while here is not None and here is not top:
            several = here.parent is not None and len(here.parent.children[here.name]) > 1
            steps.append(f"{here.name}[{here.position}]" if several else here.name)
            here = here.parent
        path = "/".join(reversed(steps))
        return path if top is not None else "/" + path


def decode(payload: bytes | str) -> str:
    """The text of a payload. A declared GB2312, GBK or GB18030 is read as GB18030; anything else must be UTF-8 (or what a
    byte order mark says). Text that comes as text is past decoding: its declaration no longer counts.

    Raises `Malformed` for bytes that are not what they claim to be.
    """
    if isinstance(payload, str):
        return payload
    if payload[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    else:
        declared = _DECLARED.match(payload[:200])
        named = declared.group(1).decode("ascii").lower().replace("_", "-") if declared else "utf-8"
        if named in ("gb18030", "gbk", "gb2312", "gb-2312", "cp936", "x-gbk"):
            encoding = "gb18030"
        elif named in ("utf-8", "utf8", "us-ascii", "ascii"):
            encoding = "utf-8-sig"
        else:
            raise malformed(
                "xml.encoding",
                f"不支持的编码{named}：请用UTF-8或GB18030",
                f"encoding {named} is not taken: use UTF-8 or GB18030",
                named,
            )
    try:
        return payload.decode(encoding)
    except UnicodeDecodeError as error:
        shown = encoding.removesuffix("-sig").upper()
        raise malformed(
            "xml.encoding",
            f"内容不是{shown}编码（第{error.start}字节起）：请按声明的编码发送",
            f"not {shown} from byte {error.start} on: send what the declaration says",
        ) from error


def parse(payload: bytes | str) -> Node:
    """The tree of a payload. Refuses DTDs (and so every entity of the sender's own) and absurd depth.

    A SOAP envelope around the record is taken off. Raises `Malformed`.
    """
    text = decode(payload)
    declaration = _DECLARATION.match(text)
    if declaration:
        text = text[declaration.end() :]
    prolog = _PROLOG.match(text)
    if prolog and text.startswith("<!DOCTYPE", prolog.end()):
        raise malformed(
            "xml.doctype", "报文不得包含DOCTYPE（DTD、实体定义）", "a record must not carry a DOCTYPE (DTD, entities)"
        )
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(text.strip().encode("utf-8"), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise malformed(
            "xml.malformed", f"不是格式良好的XML（第{line}行）：{error}", f"not well-formed XML (line {line}): {error}"
        ) from error
    return _index(_inside(root))


def _inside(root: etree._Element) -> etree._Element:
    """The record inside a SOAP envelope, or the element itself."""
    name = etree.QName(root)
    if name.localname != "Envelope" or name.namespace not in SOAP_ENVELOPES:
        return root
    body = root.find(f"{{{name.namespace}}}Body")
    if body is None or len(body) != 1:
        raise malformed(
            "xml.envelope",
            "SOAP信封的Body中应恰有一个元素",
            "the Body of a SOAP envelope must hold exactly one element",
        )
    inner: etree._Element = body[0]
    return inner


def _index(root: etree._Element) -> Node:
    top = _node(root, None, 1)
    pending = [(root, top, 1)]
    while pending:
        element, node, depth = pending.pop()
        if depth > DEEPEST:
            raise malformed("xml.too-deep", f"元素嵌套超过{DEEPEST}层", f"elements are nested deeper than {DEEPEST}")
        stray = [node.text.strip()] if len(element) else []
        for child in element:
            if not isinstance(child.tag, str):
                raise malformed("xml.entity", "报文不得包含实体引用", "a record must not carry entity references")
            local = child.tag.rpartition("}")[2]
            siblings = node.children.setdefault(local, [])
            below = _node(child, node, len(siblings) + 1)
            siblings.append(below)
            node.order.append(below)
            if child.tail and (tail := child.tail.strip()):
                stray.append(tail)
            pending.append((child, below, depth + 1))
        if stray:
            node.text, node.stray = "", " ".join(part for part in stray if part)
    return top


def _node(element: etree._Element, parent: Node | None, position: int) -> Node:
    namespace, _, local = str(element.tag).rpartition("}")
    node = Node(local, namespace[1:], parent, position)
    node.text = element.text or ""
    for name, value in element.attrib.items():
        if name == f"{{{XSI}}}nil":
            node.nil = str(value).strip() in ("true", "1")
        elif name not in _NOT_CONTENT:
            node.attributes[str(name).rpartition("}")[2]] = str(value)
    return node


def fingerprint(root: Node, exchange: str, volatile: Iterable[tuple[str, ...]]) -> str:
    """SHA-256 of what a record says, in hex: names, attributes and texts, in the order in which the elements stand.

    Left out: the volatile places, space, comments, namespace prefixes and how an element is written (`xsi:type`).
    """
    skipped = {id(node) for path in volatile for node in root.all(path)}
    parts = [f"{exchange}\n"]
    _canonical(root, skipped, parts.append)
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(node: Node, skipped: set[int], add: Callable[[str], None]) -> None:
    if id(node) in skipped:
        return
    add(f"<{node.namespace}\x1f{node.name}")
    for name in sorted(node.attributes):
        add(f"\x1e{name}\x1f{' '.join(node.attributes[name].split())}")
    add("\x1enil>" if node.nil else ">")
    text = " ".join((node.stray or node.text).split())
    add(text.replace(" ", "") if len(text) >= 64 and _BASE64.fullmatch(text) else text)
    for child in node.order:
        _canonical(child, skipped, add)
    add("\x1d")


def path_of(text: str) -> tuple[str, ...]:
    return tuple(step for step in text.strip("/").split("/") if step and step != ".")
