"""The contract as a document: valid, whole, and true to itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from hub.api.bundle import BadContract, contract, json_schema
from hub.api.checking import checker
from hub.api.handlers import Handlers

METHODS = ("get", "post", "put", "patch", "delete")
CONTRACT = contract()
OPERATIONS = {
    op["operationId"]: op for path in CONTRACT["paths"].values() for method, op in path.items() if method in METHODS
}


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every body of an operation: (request or status, media type, content), responses by name resolved."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, content
    for status, answer in operation["responses"].items():
        answer = CONTRACT["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for media_type, content in answer.get("content", {}).items():
            yield status, media_type, content


def wrong_on_purpose(operation: dict[str, Any]) -> set[str]:
    """The request examples that a 4xx answer of the same name belongs to."""
    return {
        label
        for where, _, content in contents(operation)
        if where.startswith("4")
        for label in content.get("examples", {})
    }


EXAMPLES = [
    pytest.param(content["schema"], example["value"], id=f"{name}-{where}-{label}")
    for name, operation in OPERATIONS.items()
    for where, media_type, content in contents(operation)
    for label, example in content.get("examples", {}).items()
    if media_type.endswith(("json", "urlencoded")) and not (where == "request" and label in wrong_on_purpose(operation))
]


def test_the_bundle_is_valid_openapi() -> None:
    OpenAPIV30SpecValidator(CONTRACT).validate()


@pytest.mark.parametrize(("schema", "value"), EXAMPLES)
def test_each_example_is_as_its_schema_says(schema: dict[str, Any], value: Any) -> None:
    assert checker(json_schema(schema), "example")(value) == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_described_and_handled(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert name == "read_docs" or callable(getattr(Handlers, name))
    for where, media_type, content in contents(operation):
        if (
            media_type == "application/json"
            and content["schema"] != {"type": "string", "format": "binary"}
            and name != "get_contract"
        ):
            assert content.get("examples"), f"{name} {where} has no example"


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_error_is_a_problem(name: str) -> None:
    for status, answer in OPERATIONS[name]["responses"].items():
        answer = CONTRACT["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        if int(status) >= 400:
            assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


@pytest.mark.parametrize("name", [name for name, op in OPERATIONS.items() if op.get("security") != []])
def test_each_operation_for_agencies_says_what_is_answered_without_a_token(name: str) -> None:
    assert "401" in OPERATIONS[name]["responses"]


def test_each_object_says_whether_it_is_open() -> None:
    undecided: list[str] = []

    def look(schema: Any, place: str) -> None:
        if isinstance(schema, list):
            for n, item in enumerate(schema):
                look(item, f"{place}/{n}")
        elif isinstance(schema, dict):
            # The second part of an allOf only adds what is required.
            if schema.get("type") == "object" and "additionalProperties" not in schema and "/allOf/" not in place:
                undecided.append(place)
            for key, value in schema.items():
                look(value, f"{place}/{key}")

    look(CONTRACT["components"]["schemas"], "")
    assert undecided == []


def test_no_text_of_the_contract_is_taken_for_a_template() -> None:
    assert "{{" not in str(CONTRACT)


def test_a_schema_that_contains_itself_must_have_a_name(tmp_path: Path) -> None:
    (tmp_path / "tree.yaml").write_text("type: object\nproperties: {child: {$ref: tree.yaml}}\n")
    (tmp_path / "hub.yaml").write_text("paths: {/tree: {get: {responses: {'200': {schema: {$ref: tree.yaml}}}}}}\n")
    with pytest.raises(BadContract, match="contains itself"):
        contract(tmp_path)
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "tree.yaml").write_text("type: object\nproperties: {child: {$ref: tree.yaml}}\n")
    (tmp_path / "named" / "hub.yaml").write_text(
        "paths: {/tree: {get: {responses: {'200': {schema: {$ref: tree.yaml}}}}}}\ncomponents: {schemas: {Tree: {$ref: tree.yaml}}}\n"
    )
    bundled = contract(tmp_path / "named")
    assert bundled["components"]["schemas"]["Tree"]["properties"]["child"] == {"$ref": "#/components/schemas/Tree"}


def test_a_reference_to_nothing_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text("paths: {/x: {$ref: 'missing.yaml#/x'}}\n")
    with pytest.raises(BadContract, match=r"missing\.yaml"):
        contract(tmp_path)


def test_the_bundle_is_the_callers_own() -> None:
    mine = contract()
    mine["paths"].clear()
    assert contract()["paths"]
