"""A WSDL read offline: its ports and operations by zeep, its types as XML Schemas by lxml.

zeep finds the bindings, headers and parts; libxml2 validates, because zeep neither checks facets nor says what is wrong
with a value that does not parse. Nothing here ever touches the network.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import zeep
import zeep.wsdl
from lxml import etree
from zeep.exceptions import Error as ZeepError
from zeep.transports import Transport

from connectors import envelope
from connectors.envelope import XSD
from hub.domain.faults import Fault
from hub.ports import ConfigError

WSDL = "http://schemas.xmlsoap.org/wsdl/"
#: Namespace of a WSDL's binding extensions by SOAP version.
BINDINGS = {"1.1": "http://schemas.xmlsoap.org/wsdl/soap/", "1.2": "http://schemas.xmlsoap.org/wsdl/soap12/"}
#: Namespaces that Axis-era WSDLs import and that no literal message needs.
ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
#: How many faults of one message are told; more would be the first one's consequences.
TOLD = 20


class _Offline(Transport):
    """Reads files, refuses every address."""

    def _load_remote_data(self, url: str) -> NoReturn:
        raise ConfigError(
            [
                Fault(
                    "wsdl.network",
                    "",
                    value=url,
                    zh=f"WSDL引用了网络地址{url}，请把该文件放在方言目录中",
                    en=f"the WSDL refers to the network address {url}; put that file into the dialect's folder",
                )
            ]
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One parameter of an RPC message."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one port. `request` and `response` are the body elements' names in Clark notation."""

    name: str
    style: str
    encoded: bool
    action: str
    request: str
    response: str | None
    request_parts: tuple[Part, ...]
    response_parts: tuple[Part, ...]
    #: element names in the order that the schema wants them below the request element
    order: tuple[str, ...]
    #: header blocks that the binding declares, by local name
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Port:
    name: str
    version: str
    operations: Mapping[str, Operation]


class Contract:
    """One WSDL file. Immutable after it is read, so threads share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            raw = path.read_bytes()
            parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
            self._root = etree.fromstring(raw, parser, base_url=str(path))
            offline: Any = _Offline()  # type: ignore[no-untyped-call]
            document: Any = zeep.wsdl.Document(
                str(path.absolute()), offline, settings=zeep.Settings(strict=True, forbid_dtd=True)
            )
        except OSError as problem:
            raise _broken(path, "wsdl.missing", problem.strerror or str(problem)) from problem
        except (ZeepError, etree.XMLSyntaxError, KeyError, ValueError) as problem:
            raise _broken(path, "wsdl.unreadable", str(problem)) from problem
        self.ports: dict[str, Port] = {}
        for service in document.services.values():
            for name, port in service.ports.items():
                self.ports[name] = self._port(name, port)
        self._schema = self._types()
        self._names = frozenset(self._declared())
        self._lock = threading.Lock()

    def _port(self, name: str, port: Any) -> Port:
        version = next(
            version for version, namespace in envelope.NAMESPACES.items() if namespace == port.binding.nsmap["soap-env"]
        )
        operations = {}
        for operation in port.binding.all().values():
            request = operation.input.body
            response = operation.output.body if operation.output is not None else None
            rpc = operation.style == "rpc"
            operations[operation.name] = Operation(
                name=operation.name,
                style=operation.style,
                encoded=self._encoded(port.binding.name.localname, operation.name),
                action=operation.soapaction or "",
                request=request.qname.text,
                response=response.qname.text if response is not None else None,
                request_parts=_parts(request) if rpc else (),
                response_parts=_parts(response) if rpc else (),
                order=() if rpc else tuple(_order(request)),
                headers={
                    element.qname.localname: element.qname.text for _, element in operation.input.header.type.elements
                }
                if operation.input.header is not None
                else {},
            )
        return Port(name, version, operations)

    def _encoded(self, binding: str, operation: str) -> bool:
        bodies: Any = self._root.xpath(
            "w:binding[@name=$binding]/w:operation[@name=$operation]/w:input/*[local-name()='body']/@use",
            namespaces={"w": WSDL},
            binding=binding,
            operation=operation,
        )
        return list(bodies) == ["encoded"]

    def _types(self) -> etree.XMLSchema | None:
        """All embedded schemas as one: a driver that imports each by its namespace, the namespace prefixes of the
        WSDL's own elements taken along, because `type="tns:…"` means them."""
        found = self._root.findall(f"{{{WSDL}}}types/{{{XSD}}}schema")
        if not found:
            return None
        texts: dict[str, str] = {}
        driver = etree.Element(f"{{{XSD}}}schema", nsmap={"xs": XSD})
        for number, schema in enumerate(found):
            alone = etree.Element(schema.tag, dict(schema.attrib), nsmap=schema.nsmap)
            alone.extend(list(copy.deepcopy(schema)))
            for embedded in alone.findall(f"{{{XSD}}}import"):
                if embedded.get("namespace") == ENCODING:
                    alone.remove(embedded)
                elif embedded.get("schemaLocation") is None:
                    for other, candidate in enumerate(found):
                        if candidate.get("targetNamespace") == embedded.get("namespace"):
                            embedded.set("schemaLocation", f"embedded-{other}.xsd")
            texts[f"embedded-{number}.xsd"] = etree.tostring(alone, encoding="unicode")
            attributes = {"schemaLocation": f"embedded-{number}.xsd"}
            if schema.get("targetNamespace"):
                attributes["namespace"] = schema.get("targetNamespace", "")
            etree.SubElement(driver, f"{{{XSD}}}import", attributes)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        parser.resolvers.add(_Embedded(texts, self.path.absolute().parent))
        try:
            return etree.XMLSchema(etree.fromstring(etree.tostring(driver), parser, base_url=str(self.path)))
        except etree.XMLSchemaParseError as problem:
            raise _broken(self.path, "wsdl.schema", str(problem)) from problem

    def _declared(self) -> Iterator[str]:
        """The name of every element that the types declare anywhere, in Clark notation."""
        for schema in self._root.findall(f"{{{WSDL}}}types/{{{XSD}}}schema"):
            target = schema.get("targetNamespace")
            for element in schema.iter(f"{{{XSD}}}element"):
                form = element.get("form", schema.get("elementFormDefault", "unqualified"))
                if name := element.get("name"):
                    yield (
                        f"{{{target}}}{name}"
                        if target and (form == "qualified" or element.getparent() is schema)
                        else name
                    )

    def without_unknown(self, element: etree._Element) -> etree._Element | None:
        """A copy without the elements (and what is in them) whose names the contract never heard of; None if there are none."""
        known = copy.deepcopy(element)
        unknown = [child for child in known.iter() if isinstance(child.tag, str) and child.tag not in self._names]
        for child in unknown:
            parent = child.getparent()
            if parent is not None:
                parent.remove(child)
        return known if unknown else None

    def port(self, name: str, pointer: str = "") -> Port:
        """A port by name. Raises `ConfigError` naming those that there are."""
        if name not in self.ports:
            raise ConfigError(
                [
                    Fault(
                        "wsdl.port",
                        pointer,
                        value=name,
                        zh=f"WSDL {self.path.name}中没有端口“{name}”，只有：{'、'.join(self.ports)}",
                        en=f"{self.path.name} has no port {name!r}; it has {', '.join(self.ports)}",
                    )
                ]
            )
        return self.ports[name]

    def operation(self, port: Port, name: str, pointer: str = "") -> Operation:
        """An operation by name. Raises `ConfigError` naming those that there are."""
        if name not in port.operations:
            raise ConfigError(
                [
                    Fault(
                        "wsdl.operation",
                        pointer,
                        value=name,
                        zh=f"WSDL {self.path.name}的端口{port.name}没有操作“{name}”，只有：{'、'.join(port.operations)}",
                        en=f"port {port.name} of {self.path.name} has no operation {name!r}; "
                        f"it has {', '.join(port.operations)}",
                    )
                ]
            )
        return port.operations[name]

    def validate(self, element: etree._Element) -> list[Fault]:
        """Everything about a body element that the WSDL's types forbid. The element may stand in a larger tree."""
        if self._schema is None:
            return []
        alone = etree.fromstring(etree.tostring(element, with_tail=False), etree.XMLParser(huge_tree=True))
        with self._lock:  # an XMLSchema's error log belongs to one validation at a time
            if self._schema.validate(alone):
                return []
            log: Any = self._schema.error_log
            problems = [(problem.path, problem.type_name, problem.message) for problem in log]
        faults: list[Fault] = []
        for path, kind, message in problems:
            where = _where(alone, path)
            if faults and where is not None and faults[-1].xpath == envelope.place(where):
                continue  # libxml2 reports a facet and then the type that has it: one fault for the reader
            faults.append(_schema_fault(where if where is not None else alone, kind or "", message or ""))
        return faults[:TOLD]

    def text(self, location: str) -> bytes:
        """The WSDL with every SOAP address set to `location`, otherwise as the vendor wrote it."""
        root = etree.fromstring(self.path.read_bytes(), etree.XMLParser(resolve_entities=False, no_network=True))
        for namespace in BINDINGS.values():
            for address in root.iter(f"{{{namespace}}}address"):
                address.set("location", location)
        return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True)


class _Embedded(etree.Resolver):
    """Gives the schemas of the WSDL by their made-up names; other files are found beside the WSDL."""

    def __init__(self, texts: Mapping[str, str], folder: Path) -> None:
        super().__init__()
        self._texts = texts
        self._folder = folder

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:  # type: ignore[override]
        name = (system_url or "").rpartition("/")[2]
        if name not in self._texts:
            return None
        return self.resolve_string(self._texts[name], context, base_url=str(self._folder / name))


def _broken(path: Path, rule: str, why: str) -> ConfigError:
    return ConfigError(
        [
            Fault(
                rule,
                "/wsdl",
                value=path.name,
                zh=f"WSDL文件{path.name}无法使用：{why}",
                en=f"the WSDL {path.name} cannot be used: {why}",
            )
        ]
    )


def _parts(body: Any) -> tuple[Part, ...]:
    return () if body is None else tuple(Part(element.name) for _, element in body.type.elements)


def _order(body: Any) -> Sequence[str]:
    return [element.qname.text for _, element in getattr(body.type, "elements", [])]


def _where(root: etree._Element, path: str | None) -> etree._Element | None:
    if not path:
        return None
    prefixes: dict[str, str] = {}
    for element in root.iter():
        prefixes.update({prefix: uri for prefix, uri in element.nsmap.items() if prefix})
    try:
        found = root.xpath(path, namespaces=prefixes)
    except etree.XPathError:
        return None
    return found[0] if isinstance(found, list) and found and isinstance(found[0], etree._Element) else None


#: What libxml2's kinds of schema errors mean to who wrote the record.
_KINDS = {
    "SCHEMAV_ELEMENT_CONTENT": (
        "schema.content",
        "此处的元素不是契约要求的",
        "not the content that the contract wants here",
    ),
    "SCHEMAV_CVC_ELT_1": ("schema.root", "契约中没有这个元素", "the contract has no such element"),
    "SCHEMAV_CVC_PATTERN_VALID": ("schema.pattern", "格式不符", "not of the required pattern"),
    "SCHEMAV_CVC_ENUMERATION_VALID": ("schema.enumeration", "不是允许的值", "not one of the allowed values"),
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": ("schema.type", "值的类型不符", "not a value of the required type"),
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": ("schema.attribute", "契约中没有这个属性", "the contract has no such attribute"),
    "SCHEMAV_CVC_COMPLEX_TYPE_4": ("schema.attribute", "缺少必需的属性", "a required attribute is missing"),
    "SCHEMAV_CVC_ELT_3_1": ("schema.nil", "此元素不能为nil", "this element may not be nil"),
}


def _schema_fault(element: etree._Element, kind: str, message: str) -> Fault:
    rule, zh, en = _KINDS.get(kind, ("schema.other", "不符合契约", "against the contract"))
    place = envelope.place(element)
    value = None if len(element) else (element.text or "").strip()[:200]
    told = message.replace("\n", " ").strip()
    return Fault(rule, "", xpath=place, value=value, zh=f"{place}：{zh}（{told}）", en=f"{place}: {en} ({told})")


_contracts: dict[tuple[Path, int], Contract] = {}
_reading = threading.Lock()


def contract(path: Path) -> Contract:
    """The contract of a WSDL file; read once for each state of the file. Raises `ConfigError`."""
    try:
        key = (path, path.stat().st_mtime_ns)
    except OSError as problem:
        raise _broken(path, "wsdl.missing", problem.strerror or str(problem)) from problem
    with _reading:
        if key not in _contracts:
            for stale in [old for old in _contracts if old[0] == path]:
                del _contracts[stale]
            _contracts[key] = Contract(path)
        return _contracts[key]
