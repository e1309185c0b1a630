"""The JSON Schemas for editors: every file of `mappings/` is valid, and editor and `hub check` refuse the same."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from hub import configuration
from hub.commands.mapping_schemas import texts, without_modeline
from hub.domain.agencies import Agencies
from hub.findings import read_yaml
from hub.settings import ROOT
from hub.translation import book, codelists
from hub.translation.codecs import CODECS, MODIFIERS
from hub.translation.formats import options
from hub.translation.mapping import CLAUSE_KEYS, CONTEXT, DERIVATIONS, FILE_KEYS, SOURCES
from hub.workshop import editing

MAPPINGS = ROOT / "mappings"
SCHEMAS: dict[str, Any] = {
    path.name: json.loads(path.read_text(encoding="utf-8")) for path in (MAPPINGS / editing.FOLDER).glob("*.json")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    [(name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()]
)
FILES = sorted(path for path in MAPPINGS.rglob("*.yaml") if editing.schema_for(path.relative_to(MAPPINGS)))


def wrong(schema: str, content: Any) -> list[str]:
    found = {"$id": schema, **SCHEMAS[schema]}
    checker = jsonschema.Draft7Validator(found, registry=REGISTRY)
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in checker.iter_errors(content)
    ]


def plain(path: Path) -> Any:
    found, findings = read_yaml(path, path.name)
    assert not findings, findings
    return found


def test_the_files_hold_what_the_code_knows() -> None:
    """`hub mapping schemas --write` brings them up to date."""
    kept = {path.name: path.read_text(encoding="utf-8") for path in (MAPPINGS / editing.FOLDER).iterdir()}
    assert kept == texts()
    assert without_modeline(MAPPINGS) == {}
    for schema in SCHEMAS.values():
        jsonschema.Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(MAPPINGS)))
def test_every_file_is_valid_against_the_schema_that_it_names(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    named = (path.parent / first.removeprefix(editing.MODELINE)).resolve()
    assert named.is_file()
    assert wrong(named.name, plain(path)) == []


def test_a_schema_allows_the_keys_that_the_code_knows_and_no_others() -> None:
    mapping, dialect = SCHEMAS["mapping.schema.json"], SCHEMAS["dialect.schema.json"]
    parts = dialect["definitions"]
    assert set(mapping["properties"]) == set(FILE_KEYS)
    clause = mapping["definitions"]["clause"]
    assert set(clause["properties"]) == CLAUSE_KEYS >= {*SOURCES, *CODECS, *MODIFIERS}
    assert set(clause["properties"]["context"]["enum"]) == set(CONTEXT)
    assert set(clause["properties"]["derive"]["enum"]) == set(DERIVATIONS)
    assert set(mapping["definitions"]["pair"]["properties"]) == CLAUSE_KEYS - set(SOURCES) | {"at", "each"}
    assert set(dialect["properties"]) == set(book.DIALECT_KEYS)
    for name, keys in (
        ("receives", book.RECEIVES_KEYS),
        ("csv", options.CSV_KEYS),
        ("group", options.GROUP_KEYS),
        ("fixed", options.FIXED_KEYS),
        ("kind", options.RECORD_KEYS),
        ("field", options.FIELD_KEYS),
        ("nested", options.NESTED_KEYS),
    ):
        assert set(parts[name]["properties"]) == set(keys), name
    assert set(SCHEMAS["codelist.schema.json"]["properties"]) == set(codelists.KEYS)
    assert (
        set(SCHEMAS["workflow.schema.json"]["properties"]) == set(configuration.SECTIONS) == set(configuration.SHAPES)
    )
    agency = {field.data_key or name for name, field in configuration.AgencySchema().fields.items()}
    assert set(SCHEMAS["agency.schema.json"]["properties"]) == agency
    for schema in (*SCHEMAS.values(), clause):
        for key, part in schema.get("properties", {}).items():
            if schema is clause or (key in FILE_KEYS and schema is mapping):
                assert re.search(r"[一-鿿].*[A-Za-z]", part["description"]), f"{key} is explained in both languages"


def copy_of_mappings(folder: Path) -> Path:
    return Path(shutil.copytree(MAPPINGS, folder / "mappings"))


#: file, what stands there, what is put in its place
PLANTED = [
    ("dialects/prison/admission.parole-handover.yaml", "required:", "requires:"),
    ("dialects/prison/admission.parole-handover.yaml", "date: yyyyMMdd", "datum: yyyyMMdd"),
    ("dialects/prison/admission.parole-handover.yaml", "date: yyyyMMdd", "date: yyyyMMdd, number: true"),
    ("dialects/prison/admission.parole-handover.yaml", "term: YYMMDD", "term: YYMM"),
    ("dialects/prison/admission.parole-handover.yaml", "document: base64", "document: hex"),
    ("dialects/prison/receipt.yaml", "direction: out", "direction: outwards"),
    ("dialects/prison/dialect.yaml", "policy: refused", "policy: ignored"),
    ("dialects/prison/dialect.yaml", "own_sender:", "own_senders:"),
    ("dialects/prison/dialect.yaml", "    volatile:", "    volatiles:"),
    ("dialects/prison/dialect.yaml", "hint: {at:", "hint: {in:"),
    ("dialects/prison/answers.yaml", "  record:", "  records:"),
    ("codelists/penalty-kinds.yaml", "codes:", "code:"),
    ("codelists/gbt2261.1.yaml", "coded:", "encoded:"),
    ("agencies/police.370826.yaml", "transport: soap", "transports: soap"),
    ("agencies/police.370826.yaml", "en: Weishan", "english: Weishan"),
    ("workflow/admission.yaml", "    reply: receipt", "    replies: receipt"),
    ("workflow/roles.yaml", "level: county", "level: country"),
]


@pytest.mark.parametrize(("name", "right", "planted"), PLANTED)
def test_what_is_planted_wrong_is_refused_by_the_editor_and_by_the_hub(
    name: str, right: str, planted: str, tmp_path: Path
) -> None:
    config = copy_of_mappings(tmp_path)
    path = config / name
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, planted, 1), encoding="utf-8")
    schema = editing.schema_for(path.relative_to(config))
    assert schema
    assert wrong(schema, plain(path)), "the editor marks it"
    found = configuration.read(config)[1] + book.check(config, Agencies([], {}), {})
    assert [one for one in found if one.file.endswith(name)], "hub check names the file"


def test_the_files_that_the_specification_shows_are_valid(tmp_path: Path) -> None:
    document = (ROOT / "docs" / "mapping-language.md").read_text(encoding="utf-8")
    tried = 0
    for block in re.findall(r"```yaml\n(.*?)```", document, re.DOTALL):
        first = block.partition(":")[0]
        if first not in ("dialect", "name", "format"):
            continue
        schema = "codelist" if first == "name" else "mapping" if "\nrecord: " in block else "dialect"
        path = tmp_path / f"{tried}.yaml"
        path.write_text(("dialect: toy\n" if first == "format" else "") + block, encoding="utf-8")
        assert wrong(f"{schema}.schema.json", plain(path)) == [], block
        tried += 1
    assert tried >= 5
