"""The foreign side of a suggestion: what a contract (WSDL, XSD, JSON Schema) and samples tell about a system's record.

Either is enough. Where a WSDL carries the record as a text in a string, the samples tell its structure. Samples may be XML
(in SOAP envelopes or not, in UTF-8 or GB18030) or JSON; those of other messages, such as answers, are left aside.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from hub.domain.faults import Malformed
from hub.translation.foreign import SOAP_ENVELOPES, XSI, decode
from hub.translation.schema import UNBOUNDED, XSD, Element, Wsdl

#: The root of a JSON record, as mappings write it.
JSON_ROOT = "$"

#: One value of a sample: which sample, and which instance of each repeated element it stands in.
Instance = tuple[int, ...]


_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DECLARED_TEXT = re.compile(r"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")

#: What stands in samples where somebody took the value out.
_MASKED = re.compile(r"[.*…xX]{2,}|…")


class Unreadable(Exception):
    """A contract or the samples cannot be used; says which file and why, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(slots=True)
class Field:
    """One place of the foreign record that may hold a value: an element's text, or an attribute (`@name`)."""

    path: tuple[str, ...]
    label: str = ""
    base: str = ""
    choices: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    #: the element itself may be there several times
    repeated: bool = False
    #: the repeated elements it stands in, outermost first
    within: tuple[tuple[str, ...], ...] = ()
    optional: bool = True
    seen: dict[Instance, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def place(self) -> str:
        return "/".join(self.path)

    @property
    def values(self) -> list[str]:
        return [value for value in self.seen.values() if value and not _MASKED.fullmatch(value)]


@dataclass(slots=True)
class Foreign:
    """A system's record. `record` is where it begins, `format` xml or json, `operation` the WSDL's, where there is one.

    `spoken` is true where the contract has a schema for the record, so that a mapping's places are checked against it.
    """

    format: str
    record: str
    operation: str | None
    fields: list[Field]
    containers: dict[tuple[str, ...], str]
    repeated: list[tuple[str, ...]]
    samples: int
    contract: Path | None = None
    spoken: bool = False
    #: what the samples declare, where it is not UTF-8
    encoding: str | None = None
    #: containers that the contract does not require
    loose: set[tuple[str, ...]] = field(default_factory=set)

    def under(self, path: tuple[str, ...]) -> list[Field]:
        return [entry for entry in self.fields if entry.path[: len(path)] == path and entry.path != path]


# ---------------------------------------------------------------- a tree that both contracts and samples fill
@dataclass(slots=True)
class _Node:
    """An element, or a JSON member. `most` above one: it may be there several times."""

    name: str
    children: dict[str, _Node] = field(default_factory=dict)
    label: str = ""
    base: str = ""
    choices: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    most: int = 1
    optional: bool = True
    text: bool = False
    seen: dict[Instance, str] = field(default_factory=dict)

    def child(self, name: str) -> _Node:
        return self.children.setdefault(name, _Node(name))

    @property
    def leaves(self) -> int:
        return int(self.text) + sum(child.leaves for child in self.children.values())


def read_foreign(contract: Path | None, samples: Path | None) -> Foreign:
    """What a contract and a folder of samples (or one sample file) tell. Raises `Unreadable`."""
    roots, carriers = _contract(contract) if contract else ([], [])
    found = _of_one_format(_samples(samples) if samples else [], contract)
    if samples and not found and not roots:
        raise Unreadable(
            f"{samples}中没有可读的XML或JSON样例", f"there is no XML or JSON sample that can be read in {samples}"
        )
    if not roots and not found:
        raise Unreadable(
            "没有可用的结构：请给出样例（--samples），或含有数据结构的WSDL、XSD、JSON Schema",
            "nothing tells the structure: give samples (--samples), or a WSDL, XSD or JSON Schema with types",
        )
    operation, root, taken = _choose(roots, found)
    for n, sample in enumerate(taken):
        _fill(root, sample, (n,))
    form = "json" if (contract and contract.suffix == ".json") or (taken and taken[0].json) else "xml"
    spoken = any(root is one for _, one in roots) and operation not in carriers
    if not spoken and len(carriers) == 1:
        operation = carriers[0]
    foreign = _foreign(root, operation, form, len(taken), contract, spoken)
    foreign.encoding = next((sample.encoding for sample in taken if sample.encoding), None)
    return foreign


def _of_one_format(samples: list[_Sample], contract: Path | None) -> list[_Sample]:
    """The samples of the contract's format; without a contract, of the format that most of them have."""
    named = [sample for sample in samples if sample.json]
    others = [sample for sample in samples if not sample.json]
    if contract is not None:
        return named if contract.suffix == ".json" else others
    return named if len(named) > len(others) else others


# ---------------------------------------------------------------- contracts
def _contract(path: Path) -> tuple[list[tuple[str | None, _Node]], list[str]]:
    """The messages that a contract has a schema for, and the operations that carry theirs in parts without one (RPC)."""
    if not path.is_file():
        raise Unreadable(f"找不到文件{path}", f"there is no file {path}")
    if path.suffix == ".json":
        return [(None, _json_schema(path))], []
    try:
        wsdl = Wsdl(path)
        document = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, OSError, KeyError, ValueError) as error:
        raise Unreadable(f"{path.name}无法读取：{error}", f"{path.name} cannot be read: {error}") from error
    root = document.getroot()
    labels = _labels(root)
    roots: list[tuple[str | None, _Node]] = []
    carriers: list[str] = []
    if etree.QName(root).localname == "schema":
        target = root.get("targetNamespace", "")
        for declared in root.iterchildren(f"{{{XSD}}}element"):
            element = wsdl.element(target, declared.get("name", ""))
            if element is not None:
                roots.append((None, _declared(element, labels, "", 0)))
    elif etree.QName(root).localname == "definitions":
        for operation, (request, _) in wsdl.operations.items():
            parts = wsdl.parts(operation) if request is None else []
            if request is None:
                carriers.append(operation)
            if any(part.content.children for part in parts):
                node = _Node(operation)
                node.children = {part.name: _declared(part, labels, "", 1) for part in parts}
                roots.append((operation, node))
            elif request is not None:
                roots.append((operation, _declared(request, labels, "", 0)))
    else:
        raise Unreadable(f"{path.name}既不是WSDL也不是XSD", f"{path.name} is neither a WSDL nor an XSD")
    return roots, carriers


def _labels(root: etree._Element) -> dict[tuple[str, str], str]:
    """What documentation, or the comment behind a declaration, calls each element: by its name and the type it stands in."""
    found: dict[tuple[str, str], str] = {}
    for declared in root.iter(f"{{{XSD}}}element", f"{{{XSD}}}attribute"):
        name = declared.get("name")
        if not name:
            continue
        texts = [
            "".join(str(text) for text in said.itertext()).strip()
            for said in declared.iterfind(f"{{{XSD}}}annotation/{{{XSD}}}documentation")
        ]
        after = declared.getnext()
        if not texts and after is not None and isinstance(after, etree._Comment):
            texts = [(after.text or "").strip()]
        before = declared.getprevious()
        if not texts and before is not None and isinstance(before, etree._Comment) and before.getprevious() is None:
            texts = [(before.text or "").strip()]
        label = next((text for text in texts if text), "")
        if label:
            above = declared.getparent()
            while above is not None and not above.get("name"):
                above = above.getparent()
            found.setdefault((above.get("name", "") if above is not None else "", name), label)
            found.setdefault(("", name), label)
    return found


def _declared(element: Element, labels: Mapping[tuple[str, str], str], above: str, depth: int) -> _Node:
    content = element.content
    node = _Node(element.name, most=element.most, optional=element.least == 0)
    node.label = labels.get((above, element.name)) or labels.get(("", element.name), "")
    if content.simple is not None:
        node.text, node.base, node.choices = True, content.simple.base, content.simple.values
        node.patterns = tuple(pattern.pattern for pattern in content.simple.patterns)
    for attribute in content.attributes.values():
        below = node.child(f"@{attribute.name}")
        below.text, below.base, below.choices = True, attribute.simple.base, attribute.simple.values
        below.label, below.optional = (
            labels.get((element.name, attribute.name)) or labels.get(("", attribute.name), ""),
            not attribute.required,
        )
    if depth < 12:
        for child in content.children:
            node.children[child.name] = _declared(child, labels, element.name, depth + 1)
    return node


def _json_schema(path: Path) -> _Node:
    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path.name}不是JSON：{error}", f"{path.name} is no JSON: {error}") from error
    if not isinstance(schema, dict) or not ({"properties", "$ref", "items", "allOf"} & set(schema)):
        raise Unreadable(
            f"{path.name}不是JSON Schema（没有properties）", f"{path.name} is no JSON Schema (no properties)"
        )
    return _described("", schema, schema, 0)


def _described(name: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> _Node:
    seen = 0
    merged = dict(schema)
    while isinstance(merged.get("$ref"), str) and merged["$ref"].startswith("#/") and seen < 20:
        here: Any = root
        for step in merged.pop("$ref")[2:].split("/"):
            here = here.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(here, dict) else {}
        merged = {**here, **merged}
        seen += 1
    for part in merged.pop("allOf", ()):
        below = {**part}
        merged = {**below, **merged, "properties": {**below.get("properties", {}), **merged.get("properties", {})}}
    node = _Node(name, label=str(merged.get("description") or merged.get("title") or ""))
    kinds = merged.get("type", "object" if "properties" in merged else "string")
    kind = next((one for one in (kinds if isinstance(kinds, list) else [kinds]) if one != "null"), "string")
    if kind == "array" and depth < 12:
        item = _described(name, merged.get("items", {}), root, depth + 1)
        item.most, item.label = UNBOUNDED, node.label or item.label
        return item
    if kind == "object" and depth < 12:
        required = merged.get("required", ())
        for key, below in merged.get("properties", {}).items():
            node.children[key] = _described(key, below, root, depth + 1)
            node.children[key].optional = key not in required
        return node
    formats = {"date": "date", "date-time": "dateTime"}
    node.text = True
    node.base = (
        "base64Binary"
        if merged.get("contentEncoding") == "base64"
        else formats.get(
            str(merged.get("format")), {"integer": "int", "number": "decimal", "boolean": "boolean"}.get(kind, "string")
        )
    )
    node.choices = tuple(str(value) for value in merged.get("enum", ()) if value is not None)
    node.patterns = (merged["pattern"],) if "pattern" in merged else ()
    return node


# ---------------------------------------------------------------- samples
@dataclass(slots=True)
class _Sample:
    """One message: a name, its members (each a list, for several of one name), its text, what a comment calls it."""

    name: str
    members: dict[str, list[_Sample]] = field(default_factory=dict)
    value: str | None = None
    label: str = ""
    json: bool = False
    several: bool = False
    #: of a JSON value that is no string
    base: str = ""
    encoding: str | None = None

    @property
    def leaves(self) -> int:
        return (self.value is not None) + sum(one.leaves for many in self.members.values() for one in many)


def _samples(at: Path) -> list[_Sample]:
    if not at.exists():
        raise Unreadable(f"找不到样例{at}", f"there are no samples at {at}")
    files = sorted(path for path in at.rglob("*") if path.is_file()) if at.is_dir() else [at]
    found: list[_Sample] = []
    for path in files:
        if path.stat().st_size > 20_000_000 or path.suffix.lower() in (".wsdl", ".xsd", ".yaml", ".yml", ".md"):
            continue
        content = path.read_bytes()
        start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start == b"<" or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            found += _xml(content)
        elif start in (b"{", b"["):
            found += _json(content)
    return found


def _xml(content: bytes | str) -> list[_Sample]:
    try:
        text = re.sub(r"^\s*<\?xml[^>]*\?>", "", decode(content))
    except Malformed:
        return []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_pis=True)
    try:
        root = etree.fromstring(text.strip().encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError, UnicodeEncodeError):
        return []
    name = etree.QName(root)
    if name.localname == "Envelope" and name.namespace in SOAP_ENVELOPES:
        body = root.find(f"{{{name.namespace}}}Body")
        inside = [child for child in (body if body is not None else ()) if isinstance(child.tag, str)]
        if not inside:
            return []
        root = inside[0]
    sample = _element(root)
    found = _inner(sample) or sample
    declared = _DECLARED.match(content[:200]) if isinstance(content, bytes) else _DECLARED_TEXT.match(content)
    if declared:
        named = declared.group(1)
        said = (named.decode("ascii") if isinstance(named, bytes) else named).lower().replace("_", "-")
        found.encoding = found.encoding or ("GB18030" if said in ("gb18030", "gbk", "gb2312", "cp936") else None)
    return [found]


def _inner(sample: _Sample) -> _Sample | None:
    """The record that travels as a text inside a string of the message, if one does."""
    for many in sample.members.values():
        for one in many:
            if one.value and one.value.lstrip()[:1] == "<":
                inside = _xml(one.value)
                if inside and inside[0].leaves >= 3:
                    return inside[0]
            if (deeper := _inner(one)) is not None:
                return deeper
    return None


def _element(element: etree._Element) -> _Sample:
    sample = _Sample(etree.QName(element).localname)
    for name, value in element.attrib.items():
        local = etree.QName(name)
        if local.namespace != XSI:
            sample.members[f"@{local.localname}"] = [_Sample(f"@{local.localname}", value=str(value).strip())]
    children = [child for child in element if isinstance(child.tag, str)]
    for child in children:
        below = _element(child)
        after = child.getnext()
        if after is not None and isinstance(after, etree._Comment) and "\n" not in (child.tail or ""):
            below.label = (after.text or "").strip()
        sample.members.setdefault(below.name, []).append(below)
    if not children:
        sample.value = "".join(str(text) for text in element.itertext()).strip()
    return sample


def _json(content: bytes) -> list[_Sample]:
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_float=_Amount)
    except (ValueError, RecursionError):
        try:
            value = json.loads(content.decode("gb18030"), parse_float=_Amount)
        except (ValueError, RecursionError):
            return []
    records = value if isinstance(value, list) else [value]
    found = [_member("", record) for record in records if isinstance(record, dict)]
    for sample in found:
        sample.json = True
    return found


class _Amount(float):
    """A number that keeps how it was written: 1000.00 stays 1000.00."""

    def __new__(cls, text: str) -> _Amount:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


def _member(name: str, value: Any) -> _Sample:
    sample = _Sample(name)
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(below, list):
                sample.members[key] = [_member(key, one) for one in below]
                for one in sample.members[key]:
                    one.several = True
            else:
                sample.members[key] = [_member(key, below)]
    elif value is None:
        sample.value = ""
    elif isinstance(value, bool | int | float):
        sample.base = "boolean" if isinstance(value, bool) else "int" if isinstance(value, int) else "decimal"
        sample.value = json.dumps(value) if isinstance(value, bool) else repr(value)
    else:
        sample.value = str(value)
    return sample


# ---------------------------------------------------------------- which message it is
def _choose(
    roots: Sequence[tuple[str | None, _Node]], samples: Sequence[_Sample]
) -> tuple[str | None, _Node, list[_Sample]]:
    """The message to map: the contract's that the samples are of, else the largest; with the samples that are of it."""
    kinds: dict[str, list[_Sample]] = defaultdict(list)
    for sample in samples:
        kinds[sample.name].append(sample)
    kinds = {name: _of_one_shape(many) for name, many in kinds.items()}
    best: tuple[float, str | None, _Node, list[_Sample]] | None = None
    for operation, root in roots:
        taken = kinds.get(root.name, [])
        score = root.leaves + sum(sample.leaves for sample in taken)
        if best is None or score > best[0]:
            best = (score, operation, root, taken)
    if best is not None and (best[3] or not samples or best[2].name == ""):
        return best[1], best[2], best[3]
    if not kinds:
        assert best is not None
        return best[1], best[2], []
    name = max(kinds, key=lambda kind: (max(sample.leaves for sample in kinds[kind]), len(kinds[kind])))
    return None, _Node(name), kinds[name]


def _of_one_shape(samples: list[_Sample]) -> list[_Sample]:
    """The samples that have a good part of the fullest one's members: an answer may have the same root as its request."""
    fullest = max(samples, key=lambda sample: sample.leaves)
    members = set(fullest.members)
    return [
        one
        for one in samples
        if not members or len(members & set(one.members)) >= 0.3 * len(members | set(one.members))
    ]


def _fill(node: _Node, sample: _Sample, at: Instance) -> None:
    if sample.label and not node.label:
        node.label = sample.label
    if sample.value is not None and (not node.children or all(name[0] == "@" for name in node.children)):
        node.text = True
        node.seen[at] = sample.value
        node.base = node.base or sample.base
    for name, many in sample.members.items():
        child = node.child(name)
        if len(many) > 1 or any(one.several for one in many):
            child.most = UNBOUNDED
        for n, one in enumerate(many):
            _fill(child, one, (*at, n) if child.most > 1 else at)


# ---------------------------------------------------------------- the record
def _foreign(
    root: _Node, operation: str | None, form: str, samples: int, contract: Path | None, spoken: bool
) -> Foreign:
    record, top = [root.name or JSON_ROOT], root
    while len(top.children) == 1 and not top.text:
        below = next(iter(top.children.values()))
        if below.most > 1 or not below.children or below.name[0] == "@":
            break
        record.append(below.name)
        top = below
    foreign = Foreign(form, "/".join(record), operation, [], {}, [], samples, contract, spoken)
    for child in top.children.values():
        _collect(child, (), (), foreign)
    return foreign


def _collect(node: _Node, above: tuple[str, ...], within: tuple[tuple[str, ...], ...], foreign: Foreign) -> None:
    path = (*above, node.name)
    elements = [name for name in node.children if name[0] != "@"]
    simple_list = node.most > 1 and not elements and not node.children
    if node.text or not node.children:
        entry = Field(
            path, node.label, node.base, node.choices, node.patterns, simple_list, within, node.optional, node.seen
        )
        foreign.fields.append(entry)
    if node.children:
        foreign.containers[path] = node.label
        if node.optional:
            foreign.loose.add(path)
    inside = within
    if node.most > 1 and not simple_list:
        foreign.repeated.append(path)
        inside = (*within, path)
        for entry in foreign.fields[-1:]:
            if entry.path == path:
                entry.within = inside
    for child in node.children.values():
        _collect(child, path, inside, foreign)


def instances(entry: Field) -> Iterator[tuple[Instance, str]]:
    """Every value with the sample and the instances that it stands in, empty ones left out."""
    return ((at, value) for at, value in entry.seen.items() if value and not _MASKED.fullmatch(value))
