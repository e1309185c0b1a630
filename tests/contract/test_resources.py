"""marshmallow's schemas of the API and the contract's schemas say the same."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from hub.api import resources
from hub.api.bundle import contract

CONTRACT = contract()["components"]["schemas"]
RESOURCES = {
    name: found
    for name, found in vars(resources).items()
    if inspect.isclass(found)
    and issubclass(found, Schema)
    and found.__module__ == resources.__name__
    and found is not resources.Resource
}

#: What both can say. Patterns, lengths and examples are the contract's alone, which is checked first.
COMPARED = ("type", "format", "enum", "nullable", "required", "additionalProperties", "properties", "items")
#: The envelope of a transfer is one in marshmallow and a choice by exchange in the contract.
UNION = "TransferRequest"


def written_by_apispec() -> dict[str, Any]:
    plugin = MarshmallowPlugin(
        schema_name_resolver=lambda schema: (schema if inspect.isclass(schema) else type(schema)).__name__
    )
    spec = APISpec("resources", "1", "3.0.3", plugins=[plugin])
    plugin.map_to_openapi_type(resources.Time, "string", "date-time")
    plugin.map_to_openapi_type(resources.Day, "string", "date")
    for name, resource in RESOURCES.items():
        if name not in spec.components.schemas:
            spec.components.schema(name, schema=resource)
    found: dict[str, Any] = spec.to_dict()["components"]["schemas"]
    return found


def normal(schema: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """A schema with references followed, reduced to what both sides can say, in one order."""
    if "$ref" in schema:
        return normal(names[schema["$ref"].rpartition("/")[2]], names)
    if len(schema.get("anyOf", ())) == 2:  # apispec's way to say a reference that may be null
        null, referred = schema["anyOf"]
        assert null == {"type": "object", "nullable": True}
        return {**normal(referred, names), "nullable": True}
    kept = {key: schema[key] for key in COMPARED if key in schema}
    if "enum" in kept:
        kept["enum"] = sorted(value for value in kept["enum"] if value is not None)
    if "required" in kept:
        kept["required"] = sorted(kept["required"])
    if "properties" in kept:
        kept["properties"] = {name: normal(inner, names) for name, inner in sorted(kept["properties"].items())}
    if "items" in kept:
        kept["items"] = normal(kept["items"], names)
    extra = kept.get("additionalProperties")
    if kept.get("type") == "object" and "properties" not in kept:
        kept["additionalProperties"] = normal(extra, names) if isinstance(extra, dict) and extra else True
    elif kept.get("type") == "object":
        kept["additionalProperties"] = False
    if not kept.get("nullable"):
        kept.pop("nullable", None)
    return kept


def contracts(name: str) -> dict[str, Any]:
    if name != UNION:
        return normal(CONTRACT[name], CONTRACT)
    branches = []
    for reference in CONTRACT[name]["oneOf"]:
        branch = CONTRACT[reference["$ref"].rpartition("/")[2]]
        properties = {
            **branch["properties"],
            "record": {"type": "object", "additionalProperties": True},
            "exchange": {"type": "string"},
        }
        branches.append(normal({**branch, "properties": properties}, CONTRACT))
    common = branches[0]
    assert all(branch == common for branch in branches)
    return common


with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore"
    )  # apispec warns of fields that it must guess; the comparison finds what it guesses wrong
    WRITTEN = written_by_apispec()


#: Parts that may be null stand in the contract where they are used (nullable belongs to a schema, not to a reference).
PARTS = {"Receipt", "Reason", "InTransit", "Dispute", "LineageReceived", "Said", "Hold", "Opens", "Moves", "Ends"}


@pytest.mark.parametrize("name", sorted(set(RESOURCES) - PARTS))
def test_a_resource_is_what_the_contract_says(name: str) -> None:
    assert normal(WRITTEN[name], WRITTEN) == contracts(name)


def test_each_envelope_of_the_contract_has_its_resource() -> None:
    records = {name for name in CONTRACT if "x-exchange" in CONTRACT[name]}
    parts_of_records = {
        part["$ref"].rpartition("/")[2]
        for name in records
        for property in CONTRACT[name]["properties"].values()
        for part in (property, *property.get("allOf", ()))
        if "$ref" in part
    } | {"Record"}
    branches = {ref["$ref"].rpartition("/")[2] for ref in CONTRACT[UNION]["oneOf"]}
    said_by_errors = {"Problem"}
    words = {name for name, schema in CONTRACT.items() if schema.get("type") == "string"}
    assert set(CONTRACT) - records - parts_of_records - branches - said_by_errors - words == set(RESOURCES) - PARTS
