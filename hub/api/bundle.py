"""The contract as one document: `openapi/hub.yaml` and the files it refers to, bundled once for all who need it.

Connexion, the validators, `/openapi.json`, the docs and generated clients all use the same dict. Named components stay
references (so a schema may contain itself); everything else is put in its place. References are read relative to the
file they stand in, which Connexion's own loading of several files does not do.

An exchange's record is one short file under `schemas/records/`: what it adds to the parts that every record may carry, and
what it asks for (`x-requires`). The whole schema, its names among the components and the request that carries it are
derived here, so that a new exchange is one new file and nothing to copy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader  # five times as fast
except ImportError:  # a PyYAML that was built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment]

from hub.api.checking import checker, chinese_name
from hub.domain.faults import Fault

OPENAPI = Path(__file__).resolve().parents[2] / "openapi"

#: A place in a file: the file, and the JSON Pointer inside it.
Place = tuple[Path, str]

#: What the root says of the records of exchanges (`x-records`): their folder, the parts that all share, the envelope that
#: carries one, and the choice between all envelopes, which stands beside it.
RECORDS = "x-records"
#: In a record's file: the exchange it belongs to, the places that must be given, its name among the components where that is
#: not made from the exchange's, and `false` where no agency hands such a record over.
EXCHANGE, REQUIRES, NAME, POSTED = "x-exchange", "x-requires", "x-name", "x-posted"

#: Keywords of OpenAPI 3.0 that mean nothing in JSON Schema 2020-12.
OPENAPI_ONLY = frozenset({"nullable", "discriminator", "example", "xml", "externalDocs"})
#: Keywords whose value maps names to schemas, and those that hold a list of schemas.
NAMED, LISTED = frozenset({"properties"}), frozenset({"allOf", "anyOf", "oneOf"})


class BadContract(Exception):
    """A file of the contract cannot be used; says which and why."""


class _Loader(SafeLoader):
    """YAML with JSON's types: days stay text, `on` and `no` are words, keys are strings."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp)
        for tag, regexp in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


class _Bundler:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._files: dict[Path, Any] = {}
        document = self._file(self._root)
        self._records: Mapping[str, str] = document.pop(RECORDS, {})
        self._names: dict[Place, str] = {}
        if self._records:
            self._add_records(document["components"]["schemas"])
        for section, entries in document.get("components", {}).items():
            for name, entry in entries.items():
                if set(entry) == {"$ref"}:
                    self._names[self._target(entry["$ref"], self._root)] = f"#/components/{section}/{name}"

    def bundle(self) -> dict[str, Any]:
        document = dict(self._file(self._root))
        components = {
            section: {name: self._definition(entry) for name, entry in entries.items()}
            for section, entries in document.pop("components", {}).items()
        }
        return {**{key: self._walk(value, self._root, ()) for key, value in document.items()}, "components": components}

    def _definition(self, entry: Any) -> Any:
        if set(entry) != {"$ref"}:
            return self._walk(entry, self._root, ())
        place = self._target(entry["$ref"], self._root)
        return self._walk(self._at(place), place[0], (place,))

    def _walk(self, node: Any, file: Path, above: tuple[Place, ...]) -> Any:
        if isinstance(node, list):
            return [self._walk(item, file, above) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            if len(node) > 1:
                raise BadContract(f"{file}: {node['$ref']} has neighbours, which OpenAPI 3.0 ignores")
            return self._reference(self._target(node["$ref"], file), above)
        walked = {key: self._walk(value, file, above) for key, value in node.items()}
        if isinstance(node.get("discriminator"), dict):
            mapping = {
                key: self._names[self._target(value, file)] for key, value in node["discriminator"]["mapping"].items()
            }
            walked["discriminator"] = {**node["discriminator"], "mapping": mapping}
        return walked

    def _reference(self, place: Place, above: tuple[Place, ...]) -> Any:
        if place in self._names:
            return {"$ref": self._names[place]}
        if place[0] == self._root:
            return {"$ref": f"#{place[1]}"}
        if place in above:
            raise BadContract(f"{place[0]}#{place[1]} contains itself: name it under components in {self._root.name}")
        return self._walk(self._at(place), place[0], (*above, place))

    # ------------------------------------------------------------ records of the exchanges
    def _add_records(self, schemas: dict[str, Any]) -> None:
        """Name each record among the components, with the request that carries it, and offer it in the choice of requests."""
        folder = self._root.parent / self._records["folder"]
        envelopes, pointer = self._target(self._records["request"], self._root)
        envelope = self._at((envelopes, pointer))
        requests: dict[str, str] = {}
        for path in sorted(folder.glob("*.yaml")):
            record = self._file(path)
            if EXCHANGE not in record:
                continue
            exchange = record[EXCHANGE]
            if path.stem != exchange:
                raise BadContract(f"{path}: holds the record of {exchange!r}, so it must be {exchange}.yaml")
            name = record.pop(NAME, None) or "".join(word.capitalize() for word in re.split("[.-]", exchange))
            added = {name: {"$ref": os.path.relpath(path, self._root.parent)}}
            if record.pop(POSTED, True):
                self._file(envelopes)[exchange] = {
                    **envelope,
                    "description": f"{chinese_name(record) or exchange}.",
                    "properties": {
                        "exchange": {"type": "string", "enum": [exchange]},
                        "record": {"$ref": os.path.relpath(path, envelopes.parent)},
                        **envelope["properties"],
                    },
                }
                requests[exchange] = f"#/{exchange}"
                added[f"{name}Request"] = {"$ref": f"{os.path.relpath(envelopes, self._root.parent)}#/{exchange}"}
            for component in added:
                if component in schemas:
                    raise BadContract(
                        f"{path}: {component} stands twice among the components; give the record an {NAME}"
                    )
            schemas.update(added)
        self._file(envelopes)[self._records["choice"]] |= {
            "oneOf": [{"$ref": reference} for reference in requests.values()],
            "discriminator": {"propertyName": "exchange", "mapping": requests},
        }

    def _record(self, path: Path, written: dict[str, Any]) -> dict[str, Any]:
        """A record's whole schema: the parts that all share, then its own, and what `x-requires` asks for as JSON Schema."""
        shared = self._at(self._target(self._records["shared"], self._root))
        exchange = {
            "type": "string",
            "enum": [written[EXCHANGE]],
            "description": "交换类型. The exchange this record belongs to; the envelope names it too.",
        }
        properties = {"exchange": exchange, **shared["properties"], **written.get("properties", {})}
        kept = {key: value for key, value in written.items() if key not in (REQUIRES, "properties")}
        whole = {"type": "object", **kept, "additionalProperties": False, "properties": properties}
        wanted: dict[str, Any] = {}
        for place in written.get(REQUIRES, ()):
            here = wanted
            for step in place.split("."):
                here = here.setdefault(step, {})
        for name in wanted:
            if name not in properties:
                raise BadContract(f"{path}: {REQUIRES} names {name!r}, which the record does not have")
        if wanted:
            whole["required"] = list(wanted)
        for name, below in wanted.items():
            if below:
                properties[name] = {"allOf": [properties[name], _requiring(below)]}
        return whole

    @staticmethod
    def _target(reference: str, file: Path) -> Place:
        path, _, pointer = reference.partition("#")
        return ((file.parent / path).resolve() if path else file), pointer

    def _at(self, place: Place) -> Any:
        file, pointer = place
        here = self._file(file)
        for step in pointer.split("/")[1:]:
            try:
                here = here[step.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError) as error:
                raise BadContract(f"{file}: there is no {pointer}") from error
        return here

    def _file(self, path: Path) -> Any:
        if path not in self._files:
            try:
                self._files[path] = _text_keys(yaml.load(path.read_text(encoding="utf-8"), _Loader))  # noqa: S506 a SafeLoader
            except (OSError, yaml.YAMLError) as error:
                raise BadContract(f"{path}: {error}") from error
            if isinstance(self._files[path], dict) and EXCHANGE in self._files[path]:
                self._files[path] = self._record(path, self._files[path])
        return self._files[path]


def _requiring(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that asks for members, and for members of members."""
    below = {name: _requiring(inner) for name, inner in wanted.items() if inner}
    return {"type": "object", "required": list(wanted), **({"properties": below} if below else {})}


def _text_keys(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _text_keys(value) for key, value in node.items()}
    return [_text_keys(item) for item in node] if isinstance(node, list) else node


@cache
def _bundled(root: Path) -> dict[str, Any]:
    return _Bundler(root).bundle()


def contract(root: Path = OPENAPI) -> dict[str, Any]:
    """The whole contract, a copy that the caller may change. Raises `BadContract`."""
    return deepcopy(_bundled(root / "hub.yaml"))


def messages(root: Path = OPENAPI) -> dict[str, Any]:
    """The contract of queues and webhooks (AsyncAPI 3.0) as one document, a copy. Raises `BadContract`."""
    return deepcopy(_bundled(root / "asyncapi.yaml"))


# ------------------------------------------------------------------ JSON Schema from the contract
def json_schema(schema: Mapping[str, Any], root: Path = OPENAPI) -> dict[str, Any]:
    """A schema of the contract as JSON Schema 2020-12 that needs nothing else: components become `$defs`, `nullable` a type.

    `x-…` keywords and descriptions stay: checks and mappings quote them.
    """
    components = _bundled(root / "hub.yaml")["components"]["schemas"]
    needed: dict[str, Any] = {}

    def convert(node: Mapping[str, Any]) -> dict[str, Any]:
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/components/schemas/")
            if name not in needed:
                needed[name] = {}
                needed[name] = convert(components[name])
            return {"$ref": f"#/$defs/{name}"}
        converted: dict[str, Any] = {}
        for key, value in node.items():
            if key in OPENAPI_ONLY:
                continue
            if key in NAMED:
                converted[key] = {name: convert(inner) for name, inner in value.items()}
            elif key in LISTED:
                converted[key] = [convert(inner) for inner in value]
            elif key in ("items", "not") or (key == "additionalProperties" and isinstance(value, Mapping)):
                converted[key] = convert(value)
            else:
                converted[key] = value
        if node.get("nullable"):
            converted["type"] = [node["type"], "null"]
            if "enum" in node and None not in node["enum"]:
                converted["enum"] = [*node["enum"], None]
        return converted

    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **convert(schema)}
    return {**found, "$defs": needed} if needed else found


def component(name: str, root: Path = OPENAPI) -> dict[str, Any]:
    """A named schema of the contract as JSON Schema 2020-12. Raises `KeyError`."""
    return json_schema(_bundled(root / "hub.yaml")["components"]["schemas"][name], root)


# ------------------------------------------------------------------ records of the exchanges
@cache
def record_components(root: Path = OPENAPI) -> Mapping[str, str]:
    """Exchange id → the name of its record's schema among the contract's components."""
    schemas = _bundled(root / "hub.yaml")["components"]["schemas"]
    return {schema["x-exchange"]: name for name, schema in schemas.items() if "x-exchange" in schema}


def record_schema(exchange: str, root: Path = OPENAPI) -> dict[str, Any]:
    """The schema of an exchange's canonical record as JSON Schema 2020-12. Raises `KeyError` for an exchange without one."""
    return component(record_components(root)[exchange], root)


def record_validator(exchange: str, root: Path = OPENAPI) -> Callable[[Mapping[str, Any]], list[Fault]]:
    """A function that names every fault of a record, with pointers relative to the record and rules `record.…`.

    Compiled once for each exchange; safe to use from many threads. Raises `KeyError` for an exchange without a schema.
    """
    return _record_validator(exchange, root)


@cache
def _record_validator(exchange: str, root: Path) -> Callable[[Mapping[str, Any]], list[Fault]]:
    return checker(record_schema(exchange, root), "record")
