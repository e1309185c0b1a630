"""What a strict reader of a dialect's XML Schema would say of a record that the hub wrote.

The writer checks each text while it writes; this looks at the whole record with another program's eyes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from hub.findings import read_yaml
from hub.translation.schema import WSDL, XSD, Element

_PREFIX = re.compile(r"\{[^}]*\}")


class Contract:
    """The XML Schema in a dialect's WSDL, where it has one that can be used on its own."""

    def __init__(self, path: Path) -> None:
        self._schema = _schema(path)

    @classmethod
    def of(cls, folder: Path) -> Contract | None:
        """The contract that a dialect's folder names. None for a dialect that has none."""
        found, _ = read_yaml(folder / "dialect.yaml", "dialect.yaml")
        named = str(found.get("wsdl", "none")) if found is not None else "none"
        return cls(folder / named) if (folder / named).is_file() else None

    def errors(self, payload: bytes, left_out: Iterable[str], root: Element) -> Iterator[tuple[str, str]]:
        """What the XML Schema finds wrong with a record: place and message. `left_out` are put in by the connector later."""
        if self._schema is None:
            return
        record = etree.fromstring(payload)
        for name in left_out:
            _put_in(record, name, root)
        if self._schema.validate(record):
            return
        log: Iterable[Any] = self._schema.error_log  # type: ignore[assignment]  # the stubs do not say that it is one
        for error in log:
            yield _PREFIX.sub("", error.path or ""), _PREFIX.sub("", error.message)


def _put_in(record: etree._Element, name: str, root: Element) -> None:
    """An element that the connector fills in later, where the contract requires it."""
    element = root.child(name)
    if element is None or element.least < 1:
        return
    made = etree.Element(f"{{{element.namespace}}}{name}" if element.namespace else name)
    made.text = "0"
    rank = root.rank(name)
    before = [child for child in record if root.child(etree.QName(child).localname) is not None]
    record.insert(sum(1 for child in before if root.rank(etree.QName(child).localname) < rank), made)


def _schema(path: Path) -> etree.XMLSchema | None:
    """The schemas of a WSDL as one. None where there are none, or where they need others that are not beside the file."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    tree = etree.parse(str(path), parser).getroot()
    inside = tree.findall(f"{{{WSDL}}}types/{{{XSD}}}schema")
    if not inside:
        return None
    try:
        if len(inside) == 1:
            return etree.XMLSchema(
                etree.fromstring(etree.tostring(copy.deepcopy(inside[0])), parser, base_url=str(path))
            )
        held = {f"santong:{n}": etree.tostring(copy.deepcopy(schema)) for n, schema in enumerate(inside)}
        joining = etree.XMLParser(no_network=True)
        joining.resolvers.add(_Held(held))
        imports = "".join(
            f'<xs:import namespace="{schema.get("targetNamespace", "")}" schemaLocation="santong:{n}"/>'
            for n, schema in enumerate(inside)
        )
        return etree.XMLSchema(etree.fromstring(f'<xs:schema xmlns:xs="{XSD}">{imports}</xs:schema>', joining))
    except etree.XMLSchemaParseError:
        return None


class _Held(etree.Resolver):
    """Gives the schemas of one WSDL to each other."""

    def __init__(self, held: dict[str, bytes]) -> None:
        self.held = held

    def resolve(self, system_url: str, public_id: str, context: Any = None) -> Any:
        found = self.held.get(system_url)
        return self.resolve_string(found, context, base_url=system_url) if found is not None else None
