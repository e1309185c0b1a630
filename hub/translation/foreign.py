"""A foreign record as a tree that can be asked by path, whatever its format; XML is parsed here, safely and indexed once.

The other formats (`hub.translation.formats`) make the same tree, so that everything that reads one reads all of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import cast

from lxml import etree

from hub.domain.faults import Fault, Malformed
from hub.translation.encodings import decoded

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SOAP_ENVELOPES = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")

#: Deeper than any record of an agency; deeper ones are refused before anything walks them.
DEEPEST = 100

#: What may stand before the root element: declaration, comments, processing instructions, space. A DTD can only follow here.
_PROLOG = re.compile(r"\s*(?:<\?(?:.*?)\?>\s*|<!--(?:.*?)-->\s*)*", re.DOTALL)
_DECLARATION = re.compile(r"\s*<\?xml(?:\s[^?>]*)?\?>")
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BASE64 = re.compile(r"[A-Za-z0-9+/= ]{64,}")

_NIL = f"{{{XSI}}}nil"
#: Attributes that say how an element is written, not what it means.
_NOT_CONTENT = (f"{{{XSI}}}type", f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation")


def malformed(rule: str, zh: str, en: str, value: str | None = None, place: str | None = None) -> Malformed:
    return Malformed([Fault(rule, "", zh, en, place, value)])


class Node:
    """One element: its name, text, attributes by name, and children by name in order.

    A name is the local name, with a prefix in front where the dialect declares one for its namespace. `position` counts
    from 1 among the siblings of the same name.
    """

    __slots__ = (
        "at",
        "attributes",
        "children",
        "name",
        "namespace",
        "nil",
        "order",
        "parent",
        "plain",
        "position",
        "shown",
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
        #: what the format knows of where this stood: line and column, or that it was an item of an array
        self.at: tuple[int, ...] = ()
        #: on the root of a format whose places are not told as XPath: how one is told
        self.shown: Callable[[Node, tuple[str, ...]], str] | None = None

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
        """Every element at a path below here, in order, whatever is repeated on the way; `*` is every child."""
        here = [self]
        for step in path:
            here = [child for node in here for child in (node.order if step == "*" else node.children.get(step, ()))]
        return here

    def add(self, name: str, text: str = "", at: tuple[int, ...] = ()) -> Node:
        """A new child after the others."""
        siblings = self.children.setdefault(name, [])
        child = Node(name, "", self, len(siblings) + 1)
        child.text, child.at = text, at
        siblings.append(child)
        self.order.append(child)
        return child

    def take_in(self, root: Node) -> None:
        """The record that this element's text is, as its only child in place of the text."""
        root.parent, root.position, self.text = self, 1, ""
        self.children, self.order = {root.name: [root]}, [root]

    def path(self, below: tuple[str, ...] = (), top: Node | None = None) -> str:
        """The place as a path: without namespaces, with an index where an element is one of several."""
        steps: list[str] = list(below)[::-1]
        here: Node | None = self
        while here is not None and here is not top:
            several = here.parent is not None and len(here.parent.children[here.name]) > 1
            steps.append(f"{here.name}[{here.position}]" if several else here.name)
            here = here.parent
        path = "/".join(reversed(steps))
        return path if top is not None else "/" + path

    def xpath(self, below: tuple[str, ...] = ()) -> str:
        """The place as a person finds it in the record: an XPath; in other formats a JSON Pointer, or line and column."""
        top = self
        while top.parent is not None:
            top = top.parent
        return top.shown(self, below) if top.shown else self.path(below)


def decode(payload: bytes | str, otherwise: str = "utf-8-sig") -> str:
    """The text of an XML payload. A declared GB2312, GBK or GB18030 is read as GB18030; anything else must be UTF-8 (or what
    a byte order mark says). Text that comes as text is past decoding: its declaration no longer counts. `otherwise` is the
    codec of bytes that declare nothing.

    Raises `Malformed` for bytes that are not what they claim to be.
    """
    if isinstance(payload, str):
        return payload
    if payload[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return decoded(payload, "utf-16", "xml.encoding")
    if payload[:3] == b"\xef\xbb\xbf":
        otherwise = "utf-8-sig"
    declared = _DECLARED.match(payload[:200])
    if not declared:
        return decoded(payload, otherwise, "xml.encoding")
    named = declared.group(1).decode("ascii").lower().replace("_", "-")
    if named in ("gb18030", "gbk", "gb2312", "gb-2312", "cp936", "x-gbk"):
        return decoded(payload, "gb18030", "xml.encoding")
    if named in ("utf-8", "utf8", "us-ascii", "ascii"):
        return decoded(payload, "utf-8-sig", "xml.encoding")
    raise malformed(
        "xml.encoding",
        f"不支持的编码{named}：请用UTF-8或GB18030",
        f"encoding {named} is not taken: use UTF-8 or GB18030",
        named,
    )


def parse(payload: bytes | str, prefixes: Mapping[str, str] | None = None, otherwise: str = "utf-8-sig") -> Node:
    """The tree of an XML payload. Refuses DTDs (and so every entity of the sender's own) and absurd depth.

    `prefixes` (namespace → prefix) are those of the dialect: names in these namespaces get them in front. A SOAP envelope
    around the record is taken off. Raises `Malformed`.
    """
    # libxml2 passes over further byte order marks, so none may stand before what is looked for here
    text = decode(payload, otherwise).lstrip("\ufeff")
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
    return _index(_inside(root), {f"{{{namespace}}}": f"{prefix}:" for namespace, prefix in (prefixes or {}).items()})


def unfold(root: Node, places: Iterable[tuple[tuple[str, ...], Callable[[str], Node]]]) -> Node:
    """The tree with the records inside strings read too: each place (from the root's name on) with what reads its text.

    Where a sender put the record itself instead of its text, it is there already. Raises `Malformed`, naming the place.
    """
    for (top, *below), read in places:
        for node in root.all(tuple(below)) if root.name == top else ():
            if node.order or not node.text.strip():
                continue
            try:
                node.take_in(read(node.text))
            except Malformed as error:
                place = node.xpath()
                raise Malformed(
                    [
                        replace(
                            fault,
                            zh=f"{place}中的文本：{fault.zh}",
                            en=f"the text in {place}: {fault.en}",
                            xpath=place,
                            value=fault.value or node.text.strip()[:200],
                        )
                        for fault in error.faults
                    ]
                ) from error
    return root


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


def _index(root: etree._Element, prefixes: Mapping[str, str]) -> Node:
    #: each tag is taken apart once
    names: dict[object, tuple[str, str]] = {root.tag: _name(str(root.tag), prefixes)}
    namespace, name = names[root.tag]
    top = Node(name, namespace, None, 1)
    _fill(top, root, prefixes)
    pending = [(root, top, 1)]
    while pending:
        element, node, depth = pending.pop()
        if depth > DEEPEST:
            raise malformed("xml.too-deep", f"元素嵌套超过{DEEPEST}层", f"elements are nested deeper than {DEEPEST}")
        stray = [node.text.strip()] if len(element) else []
        children, order = node.children, node.order
        for child in element:
            tag = child.tag
            known = names.get(tag)
            if known is None:
                if not isinstance(tag, str):
                    raise malformed("xml.entity", "报文不得包含实体引用", "a record must not carry entity references")
                known = names[tag] = _name(tag, prefixes)
            namespace, name = known
            siblings = children.get(name)
            if siblings is None:
                siblings = children[name] = []
            below = Node(name, namespace, node, len(siblings) + 1)
            _fill(below, child, prefixes)
            siblings.append(below)
            order.append(below)
            tail = child.tail
            if tail and (tail := tail.strip()):
                stray.append(tail)
            if len(child) or depth >= DEEPEST:
                pending.append((child, below, depth + 1))
        if stray:
            node.text, node.stray = "", " ".join(part for part in stray if part)
    return top


def _name(tag: str, prefixes: Mapping[str, str]) -> tuple[str, str]:
    """Namespace and name of a tag, the name with the prefix that the dialect has for its namespace."""
    namespace, local = _apart(tag)
    return namespace, (prefixes.get(f"{{{namespace}}}", "") + local) if prefixes else local


@lru_cache(maxsize=4096)
def _apart(tag: str) -> tuple[str, str]:
    """Namespace and local name. The tags of a contract are few and come again with every message."""
    namespace, _, local = tag.rpartition("}")
    return namespace[1:], local


def _fill(node: Node, element: etree._Element, prefixes: Mapping[str, str]) -> None:
    """Text and attributes of an element."""
    text = element.text
    if text:
        node.text = text
    for attribute, value in cast(list[tuple[str, str]], element.items()):
        if attribute == _NIL:
            node.nil = value.strip() in ("true", "1")
        elif attribute not in _NOT_CONTENT:
            name = _name(attribute, prefixes)[1]
            if name != attribute and (name in node.attributes or element.get(name) is not None):
                name = attribute  # two of one local name: this one keeps its namespace, so that neither is lost
            node.attributes[name] = value


def fingerprint(root: Node, exchange: str, volatile: Iterable[tuple[str, ...]]) -> str:
    """SHA-256 of what a record says, in hex: names, attributes and texts, in the order in which the elements stand.

    Left out: the volatile places, space, comments, namespace prefixes and how an element is written (`xsi:type`).
    """
    skipped = {id(node) for path in volatile for node in root.all(path)}
    parts = [f"{exchange}\n"]
    _canonical(root, skipped, parts.append)
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(node: Node, skipped: set[int], add: Callable[[str], None]) -> None:
    if skipped and id(node) in skipped:
        return
    add(f"<{node.namespace}\x1f{node.name}")
    if node.attributes:
        for name in sorted(node.attributes):
            add(f"\x1e{name}\x1f{' '.join(node.attributes[name].split())}")
    add("\x1enil>" if node.nil else ">")
    text = node.stray or node.text
    if text:
        text = " ".join(text.split())
        add(text.replace(" ", "") if len(text) >= 64 and _BASE64.fullmatch(text) else text)
    for child in node.order:
        _canonical(child, skipped, add)
    add("\x1d")


def path_of(text: str) -> tuple[str, ...]:
    """The steps of a foreign path. As in JSON Pointers, `~1` is a slash in a name and `~0` a tilde."""
    steps = tuple(step for step in text.strip("/").split("/") if step and step != ".")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps) if "~" in text else steps
