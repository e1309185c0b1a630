"""What a WSDL says about its records: which elements there are, in which order, qualified or not, and what their text may be.

Read once when a dialect is loaded. Places of a mapping are resolved against it, so that a place that the contract does
not have is found by `hub check` and never by a recipient.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from lxml import etree

from hub.domain.values import NotValid

XSD = "http://www.w3.org/2001/XMLSchema"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
UNBOUNDED = 1 << 30

#: Built-in types whose texts have a form of their own: what they look like, in both languages.
BUILT_IN: dict[str, tuple[re.Pattern[str], str, str]] = {
    "int": (re.compile(r"[+-]?\d+"), "整数", "a whole number"),
    "integer": (re.compile(r"[+-]?\d+"), "整数", "a whole number"),
    "long": (re.compile(r"[+-]?\d+"), "整数", "a whole number"),
    "short": (re.compile(r"[+-]?\d+"), "整数", "a whole number"),
    "decimal": (re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)"), "十进制数", "a decimal number"),
    "boolean": (re.compile(r"true|false|1|0"), "true或false", "true or false"),
    "date": (re.compile(r"\d{4}-\d{2}-\d{2}(Z|[+-]\d{2}:\d{2})?"), "yyyy-MM-dd形式的日期", "a date yyyy-MM-dd"),
    "dateTime": (
        re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?"),
        "yyyy-MM-ddTHH:mm:ss形式的时间",
        "a time yyyy-MM-ddTHH:mm:ss",
    ),
}


@dataclass(frozen=True, slots=True)
class Simple:
    """What the text of an element or attribute may be. `base` is the built-in type's local name."""

    base: str = "string"
    patterns: tuple[re.Pattern[str], ...] = ()
    values: tuple[str, ...] = ()
    shortest: int = 0
    longest: int = UNBOUNDED

    def check(self, text: str) -> None:
        """Raises `NotValid` where the contract would not take the text."""
        built_in = BUILT_IN.get(self.base)
        if built_in and not built_in[0].fullmatch(text):
            raise NotValid("schema.type", f"接收系统要求{built_in[1]}", f"the recipient's contract wants {built_in[2]}")
        if self.values and text not in self.values:
            listed = "、".join(self.values)
            raise NotValid(
                "schema.value",
                f"接收系统只接受：{listed}",
                f"the recipient's contract takes only: {', '.join(self.values)}",
            )
        for pattern in self.patterns:
            if not pattern.fullmatch(text):
                raise NotValid(
                    "schema.pattern",
                    f"接收系统要求符合格式{pattern.pattern}",
                    f"the recipient's contract wants the pattern {pattern.pattern}",
                )
        if not self.shortest <= len(text) <= self.longest:
            raise NotValid(
                "schema.length",
                f"接收系统要求长度在{self.shortest}至{self.longest}之间",
                f"the recipient's contract wants a length from {self.shortest} to {self.longest}",
            )

    @property
    def free(self) -> bool:
        return not (self.patterns or self.values or self.shortest or self.longest < UNBOUNDED or self.base in BUILT_IN)


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    required: bool
    simple: Simple
    namespace: str = ""


@dataclass(slots=True)
class Element:
    """One place of the contract. `namespace` is empty for an unqualified element."""

    name: str
    namespace: str
    least: int
    most: int
    nillable: bool
    #: stands in a choice: of several, one
    choice: bool
    _content: Callable[[], Content] = field(repr=False)
    _known: Content | None = None
    #: in JSON: what its value is (string, number, integer, boolean), whether it is an array, and one without items will do
    kind: str | None = None
    array: bool = False
    may_be_empty: bool = False

    @property
    def content(self) -> Content:
        """Built when it is first asked for, so that types may contain themselves."""
        if self._known is None:
            self._known = self._content()
        return self._known

    def open_up(self) -> None:
        """Let anything stand below: the text here is a record of its own, of which this contract says nothing."""
        self._known = Content([], {}, None, open=True)

    @property
    def local(self) -> str:
        """The name without the dialect's prefix."""
        return self.name.rpartition(":")[2] if self.namespace else self.name

    def child(self, name: str) -> Element | None:
        return next((child for child in self.content.children if child.name == name), None)

    def rank(self, name: str) -> int:
        return next(i for i, child in enumerate(self.content.children) if child.name == name)


@dataclass(slots=True)
class Content:
    children: list[Element]
    attributes: dict[str, Attribute]
    simple: Simple | None
    #: holds `xs:any`, so that unknown children are no mistake
    open: bool = False


class Wsdl:
    """The operations and types of one WSDL. Raises `OSError` or `etree.XMLSyntaxError` where it cannot be read."""

    def __init__(self, path: Path, prefixes: Mapping[str, str] | None = None) -> None:
        """`prefixes`: namespace → prefix, which then stands before the names of that namespace."""
        self._prefixes = {namespace: f"{prefix}:" for namespace, prefix in (prefixes or {}).items() if prefix}
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        self._root = etree.parse(str(path), parser).getroot()
        self._schemas: list[etree._Element] = []
        for schema in self._root.iter(f"{{{XSD}}}schema"):
            self._take(schema, path.parent)
        self._elements: dict[tuple[str, str], etree._Element] = {}
        self._types: dict[tuple[str, str], etree._Element] = {}
        self._groups: dict[tuple[str, str], etree._Element] = {}
        self._attributes: dict[tuple[str, str], etree._Element] = {}
        shelves = {
            "element": self._elements,
            "complexType": self._types,
            "simpleType": self._types,
            "group": self._groups,
            "attribute": self._attributes,
        }
        for schema in self._schemas:
            target = schema.get("targetNamespace", "")
            for child in schema.iterchildren("*"):
                if (shelf := shelves.get(etree.QName(child).localname)) is not None and child.get("name"):
                    shelf[target, child.get("name", "")] = child

    def _take(self, schema: etree._Element, folder: Path) -> None:
        self._schemas.append(schema)
        for child in schema.iterchildren("*"):
            if etree.QName(child).localname not in ("include", "import") or not child.get("schemaLocation"):
                continue
            path = folder / child.get("schemaLocation", "")
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                self._take(
                    etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True)).getroot(), folder
                )

    # ------------------------------------------------------------ operations
    @cached_property
    def operations(self) -> dict[str, tuple[Element | None, Element | None]]:
        """Each operation with the element of its request and of its answer (None where the message has typed parts: RPC)."""
        messages = {m.get("name", ""): m for m in self._root.iter(f"{{{WSDL}}}message")}
        found: dict[str, tuple[Element | None, Element | None]] = {}
        for port_type in self._root.iter(f"{{{WSDL}}}portType"):
            for operation in port_type.iter(f"{{{WSDL}}}operation"):
                sides = []
                for side in ("input", "output"):
                    use = operation.find(f"{{{WSDL}}}{side}")
                    message = messages.get(use.get("message", "").rpartition(":")[2]) if use is not None else None
                    sides.append(self._body(message) if message is not None else None)
                found[operation.get("name", "")] = (sides[0], sides[1])
        return found

    def _body(self, message: etree._Element) -> Element | None:
        for part in message.iter(f"{{{WSDL}}}part"):
            if part.get("element"):
                return self.element(*self._qname(part, part.get("element", "")))
        return None

    def parts(self, operation: str) -> list[Element]:
        """The typed parts of an operation's request (RPC), each as an element; none where its body is an element."""
        found: list[Element] = []
        messages = {m.get("name", ""): m for m in self._root.iter(f"{{{WSDL}}}message")}
        for port_type in self._root.iter(f"{{{WSDL}}}portType"):
            for declared in port_type.iter(f"{{{WSDL}}}operation"):
                use = declared.find(f"{{{WSDL}}}input") if declared.get("name") == operation else None
                message = messages.get(use.get("message", "").rpartition(":")[2]) if use is not None else None
                for part in message.iter(f"{{{WSDL}}}part") if message is not None and not found else ():
                    if part.get("type"):
                        made = partial(self._type, *self._qname(part, part.get("type", "")))
                        found.append(Element(part.get("name", ""), "", 1, 1, False, False, made))
        return found

    def element(self, namespace: str, name: str) -> Element | None:
        declared = self._elements.get((namespace, name))
        return None if declared is None else self._element(declared, namespace, choice=False)

    # ------------------------------------------------------------ types
    @staticmethod
    def _qname(at: etree._Element, name: str) -> tuple[str, str]:
        prefix, _, local = name.rpartition(":")
        return at.nsmap.get(prefix or None) or "", local

    @staticmethod
    def _schema_of(at: etree._Element) -> etree._Element:
        here = at
        while etree.QName(here).localname != "schema":
            parent = here.getparent()
            assert parent is not None
            here = parent
        return here

    def _element(self, declared: etree._Element, namespace: str, choice: bool) -> Element:
        most = declared.get("maxOccurs", "1")
        least, many = int(declared.get("minOccurs", "1")), UNBOUNDED if most == "unbounded" else int(most)
        if declared.get("ref"):
            ref = self._qname(declared, declared.get("ref", ""))
            declared, namespace = self._elements[ref], ref[0]
        return Element(
            self._prefixes.get(namespace, "") + declared.get("name", ""),
            namespace,
            least,
            many,
            declared.get("nillable") in ("true", "1"),
            choice,
            lambda: self._content_of(declared),
        )

    def _content_of(self, declared: etree._Element) -> Content:
        named = declared.get("type")
        if named:
            return self._type(*self._qname(declared, named))
        for child in declared.iterchildren("*"):
            if etree.QName(child).localname in ("complexType", "simpleType"):
                return self._definition(child)
        return Content([], {}, Simple(), open=True)

    def _type(self, namespace: str, name: str) -> Content:
        if namespace == XSD:
            return Content([], {}, Simple(name), open=name == "anyType")
        defined = self._types.get((namespace, name))
        return Content([], {}, Simple(), open=True) if defined is None else self._definition(defined)

    def _definition(self, defined: etree._Element) -> Content:
        if etree.QName(defined).localname == "simpleType":
            return Content([], {}, self._simple(defined))
        content = Content([], {}, Simple() if defined.get("mixed") == "true" else None)
        self._gather(defined, content, choice=False, optional=False)
        return content

    def _gather(self, at: etree._Element, content: Content, choice: bool, optional: bool, many: bool = False) -> None:
        """The elements of a model group. `many`: the group itself is repeated, and with it everything in it."""
        schema = self._schema_of(at)
        for child in at.iterchildren("*"):
            kind = etree.QName(child).localname
            if kind == "element":
                qualified = child.get("form", schema.get("elementFormDefault", "unqualified")) == "qualified"
                element = self._element(child, schema.get("targetNamespace", "") if qualified else "", choice)
                element.least = 0 if optional else element.least
                element.most = UNBOUNDED if many and element.most else element.most
                content.children.append(element)
            elif kind in ("sequence", "all", "choice"):
                self._gather(
                    child,
                    content,
                    choice or kind == "choice",
                    optional or kind == "choice" or child.get("minOccurs") == "0",
                    many or child.get("maxOccurs", "1") not in ("0", "1"),
                )
            elif kind == "group" and child.get("ref"):
                self._gather(
                    self._groups[self._qname(child, child.get("ref", ""))],
                    content,
                    choice,
                    optional or child.get("minOccurs") == "0",
                    many or child.get("maxOccurs", "1") not in ("0", "1"),
                )
            elif kind == "any":
                content.open = True
            elif kind == "attribute":
                if (attribute := self._attribute(child, schema)) is not None:
                    content.attributes[attribute.name] = attribute
            elif kind in ("simpleContent", "complexContent"):
                for derived in child.iterchildren("*"):
                    if derived.get("base"):
                        base = self._type(*self._qname(derived, derived.get("base", "")))
                        if etree.QName(derived).localname == "extension" or kind == "simpleContent":
                            content.children[:0] = base.children
                            content.attributes.update(base.attributes)
                            content.simple = base.simple
                        self._gather(derived, content, choice, optional, many)

    def _attribute(self, declared: etree._Element, schema: etree._Element) -> Attribute | None:
        required = declared.get("use") == "required"
        if declared.get("ref"):
            ref = self._qname(declared, declared.get("ref", ""))
            found = self._attributes.get(ref)
            simple = self._attribute_type(found) if found is not None else Simple()
            return Attribute(self._prefixes.get(ref[0], "") + ref[1], required, simple, ref[0])
        if not declared.get("name"):
            return None
        qualified = declared.get("form", schema.get("attributeFormDefault", "unqualified")) == "qualified"
        namespace = schema.get("targetNamespace", "") if qualified else ""
        name = self._prefixes.get(namespace, "") + declared.get("name", "")
        return Attribute(name, required, self._attribute_type(declared), namespace)

    def _attribute_type(self, declared: etree._Element) -> Simple:
        if declared.get("type"):
            return self._type(*self._qname(declared, declared.get("type", ""))).simple or Simple()
        inline = declared.find(f"{{{XSD}}}simpleType")
        return self._simple(inline) if inline is not None else Simple()

    def _simple(self, defined: etree._Element) -> Simple:
        restriction = defined.find(f"{{{XSD}}}restriction")
        if restriction is None:
            return Simple()
        base = self._type(*self._qname(restriction, restriction.get("base", ""))).simple or Simple()
        facets = list(_facets(restriction))
        either = "|".join(f"(?:{value})" if value.count("|") else value for name, value in facets if name == "pattern")
        patterns = (re.compile(either),) if either else ()
        values = tuple(value for name, value in facets if name == "enumeration")
        lengths = {name: int(value) for name, value in facets if name in ("length", "minLength", "maxLength")}
        return Simple(
            base.base,
            base.patterns + patterns,
            values or base.values,
            lengths.get("length", lengths.get("minLength", base.shortest)),
            lengths.get("length", lengths.get("maxLength", base.longest)),
        )


def _facets(restriction: etree._Element) -> Iterator[tuple[str, str]]:
    for facet in restriction.iterchildren("*"):
        yield etree.QName(facet).localname, facet.get("value", "")
