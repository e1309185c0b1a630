"""Every dialect of a configuration, compiled once, with every mistake of their files at its file and line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lxml import etree

from hub.domain.agencies import Agencies
from hub.findings import ConfigErrors, Finding, LinedDict
from hub.translation import codelists
from hub.translation.codelists import CodeList
from hub.translation.dialect import Dialect, Hint, Receives
from hub.translation.foreign import path_of
from hub.translation.formats.csv import Csv
from hub.translation.formats.fixed import Fixed
from hub.translation.formats.form import ROOT, Format
from hub.translation.formats.options import format_of
from hub.translation.formats.xml import Xml
from hub.translation.json_schema import JsonContract
from hub.translation.lint import dialect_is_sound, mapping_is_sound
from hub.translation.mapping import Files, RecordMapping
from hub.translation.reader import Reader, Resolver
from hub.translation.schema import Element, Wsdl
from hub.translation.shape import covers_required, places_exist
from hub.translation.writer import Writer

DIALECT_KEYS = (
    "dialect",
    "zh",
    "en",
    "format",
    "encoding",
    "wsdl",
    "namespaces",
    "nested",
    "declaration",
    "schema",
    "csv",
    "fixed",
    "receives",
    "writes",
    "policy",
    "policies",
    "answer_codes",
    "hint",
    "own_sender",
    "note",
)
RECEIVES_KEYS = ("record", "key", "exchange", "volatile")
NOT_EXCHANGES = ("dialect", "transport", "answers")
POLICIES = ("parked", "refused")


class Book:
    """The dialects by name."""

    def __init__(self, dialects: Mapping[str, Dialect]) -> None:
        self._dialects = dict(dialects)

    def __getitem__(self, name: str) -> Dialect:
        return self._dialects[name]

    def __contains__(self, name: object) -> bool:
        return name in self._dialects

    def __iter__(self) -> Iterator[str]:
        return iter(self._dialects)

    def __len__(self) -> int:
        return len(self._dialects)

    def get(self, name: str | None) -> Dialect | None:
        return self._dialects.get(name) if name else None


def load(config_dir: Path, agencies: Agencies) -> Book:
    """The dialects under a configuration folder. Raises `ConfigErrors` with everything that is wrong with them."""
    book, findings = read(config_dir, agencies, {})
    if findings:
        raise ConfigErrors(findings)
    return book


def check(config_dir: Path, agencies: Agencies, canonical_schemas: Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong with the dialects and code lists, also against the JSON Schemas of the exchanges' records."""
    return read(config_dir, agencies, canonical_schemas)[1]


def read(config_dir: Path, agencies: Agencies, schemas: Mapping[str, Any]) -> tuple[Book, list[Finding]]:
    """The dialects that can be used, and everything that is wrong with any of them."""
    lists, findings = codelists.load_with_places(config_dir)
    dialects: dict[str, Dialect] = {}
    for folder in sorted(path for path in (config_dir / "dialects").glob("*") if path.is_dir()):
        loader = _Loader(folder, f"{config_dir.name}/dialects/{folder.name}", lists, schemas)
        dialect = loader.load()
        if dialect is not None:
            dialects[folder.name] = dialect
            if not loader.files.findings:
                findings += _agencies_fit(dialect, agencies)
        findings += loader.files.findings
    return Book(dialects), sorted(findings, key=lambda finding: (finding.file, finding.line))


def _agencies_fit(dialect: Dialect, agencies: Agencies) -> Iterator[Finding]:
    """Agencies that expect of a dialect what it does not do: told at the agency's file."""
    for agency in agencies:
        file, _, line = (agency.source or f"{agency.id}:1").rpartition(":")
        at = (file, int(line))
        if agency.speaks == dialect.name and not dialect.receives:
            yield Finding(
                *at,
                "dialect.receives-nothing",
                f"{agency.id}以方言“{dialect.name}”发送，但该方言不接收任何报文",
                f"{agency.id} speaks {dialect.name!r}, but nothing is received in that dialect",
            )
        for reach in agency.reach:
            for exchange in reach.exchanges if reach.dialect == dialect.name else ():
                if not dialect.can_write(exchange):
                    yield Finding(
                        *at,
                        "reach.exchange",
                        f"{agency.id}：方言“{dialect.name}”不能写出“{exchange}”",
                        f"{agency.id}: the dialect {dialect.name!r} does not write {exchange!r}",
                    )


def _open_up(wsdl: Wsdl, place: tuple[str, ...]) -> None:
    """Below a place whose text is a record of its own the WSDL has nothing to say."""
    for sides in wsdl.operations.values():
        for root in sides:
            here = root if root is not None and root.name == place[0] else None
            for step in place[1:]:
                here = here.child(step) if here is not None else None
            if here is not None:
                here.open_up()


class _Loader:
    """Loads one dialect. A mistake in one file hides none in another."""

    def __init__(self, folder: Path, shown: str, lists: Mapping[str, CodeList], schemas: Mapping[str, Any]) -> None:
        self.folder, self.shown, self.lists, self.schemas = folder, shown, lists, schemas
        self.files = Files(folder, shown)
        self.say = self.files.say
        self.wsdl: Wsdl | None = None
        self.form: Format = Xml()
        self.schemas_read: dict[str, JsonContract | None] = {}
        self.file = f"{shown}/dialect.yaml"

    def load(self) -> Dialect | None:
        if not (self.folder / "dialect.yaml").is_file():
            self.say(self.file, 1, "dialect.missing", "缺少dialect.yaml", "dialect.yaml is missing")
            return None
        found = self.files.read("dialect")
        if found is not None:
            self._keys(found, DIALECT_KEYS, self.file, "dialect.key")
            self.form = format_of(found, partial(self.say, self.file))
            self.wsdl = self._contract(found) if isinstance(self.form, Xml) else None
        readers: dict[str, Reader] = {}
        writers: dict[str, Writer] = {}
        mappings: dict[str, RecordMapping] = {}
        for path in sorted(self.folder.glob("*.yaml")):
            if path.stem in NOT_EXCHANGES or path.stem.startswith("_"):
                continue
            mapping = self.files.mapping(path.stem)
            if mapping is None:
                continue
            mappings[path.stem] = mapping
            root = self._root(mapping, answer=False)
            if mapping.direction in ("both", "in"):
                readers[path.stem] = Reader(mapping, root, self.lists, self.say, self.form)
            if mapping.direction in ("both", "out"):
                writers[path.stem] = Writer(mapping, root, self.lists, self.say, self.form)
            places_exist(mapping, self.schemas.get(path.stem), self.say)
            mapping_is_sound(
                mapping,
                self.schemas.get(path.stem),
                root,
                self.lists,
                self.say,
                isinstance(self.form, Xml),
                partial(self._said, path.stem),
            )
            if mapping.direction in ("both", "in"):
                covers_required(mapping, self.schemas.get(path.stem), self.say)
        answers = self._answers()
        if found is None:
            return None
        return self._dialect(found, readers, writers, answers, mappings)

    def _keys(self, found: Mapping[str, Any], known: tuple[str, ...], file: str, rule: str) -> None:
        for key in found:
            if key not in known and isinstance(found, LinedDict):
                self.say(
                    file,
                    found.line_of(key),
                    rule,
                    f"未知的键“{key}”，应为{'、'.join(known)}之一",
                    f"unknown key {key!r}; known are {', '.join(known)}",
                )

    # ------------------------------------------------------------ contract
    def _contract(self, found: LinedDict) -> Wsdl | None:
        named = found.get("wsdl")
        if named == "none" or (named is None and self._says_more(found)):
            return None
        if not isinstance(named, str) or not (self.folder / named).is_file():
            self.say(
                self.file,
                found.line_of("wsdl"),
                "wsdl.missing",
                f"找不到WSDL“{named}”：没有WSDL的方言须写wsdl: none",
                f"the WSDL {named!r} is not there; a dialect that has none says wsdl: none",
            )
            return None
        try:
            assert isinstance(self.form, Xml)
            wsdl = Wsdl(self.folder / named, {uri: prefix for prefix, uri in self.form.prefixes.items()})
            for place in self.form.nested:
                _open_up(wsdl, place)
            return wsdl
        except (etree.XMLSyntaxError, OSError) as error:
            self.say(
                f"{self.shown}/{named}",
                getattr(error, "lineno", None) or 1,
                "wsdl.malformed",
                f"WSDL无法读取：{error}",
                f"the WSDL cannot be read: {error}",
            )
            return None

    @staticmethod
    def _says_more(found: LinedDict) -> bool:
        """A dialect that says itself what its XML is needs no word about a WSDL."""
        return any(key in found for key in ("format", "encoding", "namespaces", "nested", "declaration"))

    def _layout(self, mapping: RecordMapping) -> Element | None:
        """The root of a record in a format without WSDL, as its schema or layout has it."""
        steps = path_of(mapping.record)
        if not steps or steps[0] != ROOT:
            self.say(
                mapping.file,
                mapping.line,
                "mapping.record",
                f"{self.form.name}记录的根写作“{ROOT}”，如record: {ROOT}",
                f"the root of a {self.form.name} record is {ROOT!r}, such as record: {ROOT}",
            )
        if isinstance(self.form, Csv | Fixed):
            return self.form.root()
        said = self.files.read("dialect")
        named = mapping.schema or (said.get("schema") if said is not None else None)
        if not isinstance(named, str):
            return None
        if named not in self.schemas_read:
            self.schemas_read[named] = self._json_contract(named, mapping)
        contract = self.schemas_read[named]
        try:
            return contract.root() if contract else None
        except (ValueError, OSError) as error:
            self._bad_schema(named, mapping, str(error))
            return None

    def _json_contract(self, named: str, mapping: RecordMapping) -> JsonContract | None:
        name, _, pointer = named.partition("#")
        try:
            return JsonContract(self.folder / name, pointer)
        except (ValueError, OSError) as error:
            self._bad_schema(named, mapping, str(error))
            return None

    def _bad_schema(self, named: str, mapping: RecordMapping, why: str) -> None:
        found = self.files.read("dialect")
        own = mapping.schema is not None or found is None
        file, line = (
            self._said(mapping.exchange, "schema") if own else (self.file, found.line_of("schema") if found else 1)
        )
        self.say(
            file,
            line,
            "schema.unusable",
            f"JSON Schema“{named}”无法使用：{why}",
            f"the JSON Schema {named!r} cannot be used: {why}",
        )

    def _root(self, mapping: RecordMapping, answer: bool) -> Element | None:
        """The element that a mapping's record begins with, by its operation; None where the contract has no schema for it."""
        if not isinstance(self.form, Xml):
            return None if answer else self._layout(mapping)
        if self.wsdl is None or mapping.operation is None:
            if self.wsdl is not None and mapping.operation is None:
                self.say(
                    mapping.file,
                    mapping.line,
                    "operation.missing",
                    "缺少operation：WSDL中的操作",
                    "operation is missing: which of the WSDL's it is",
                )
            return None
        sides = self.wsdl.operations.get(mapping.operation)
        if sides is None:
            known = ", ".join(self.wsdl.operations)
            file, line = (mapping.file, mapping.line) if answer else self._said(mapping.exchange, "operation")
            self.say(
                file,
                line,
                "operation.unknown",
                f"WSDL中没有操作“{mapping.operation}”；有：{known}",
                f"the WSDL has no operation {mapping.operation!r}; it has {known}",
            )
            return None
        root = sides[1 if answer else 0]
        if root is not None and root.name != path_of(mapping.record)[0]:
            self.say(
                mapping.file,
                mapping.line,
                "foreign.unknown",
                f"操作{mapping.operation}的根元素是{root.name}，不是{path_of(mapping.record)[0]}",
                f"the root element of {mapping.operation} is {root.name}, not {path_of(mapping.record)[0]}",
            )
            return None
        return root

    def _said(self, stem: str, key: str) -> tuple[str, int]:
        """The file and line where a mapping says something: its own file, or one that it is `like`."""
        found = self.files.read(stem)
        while found is not None and key not in found and isinstance(found.get("like"), str):
            stem = str(found["like"])
            found = self.files.read(stem)
        return self.files.named(stem), found.line_of(key) if found is not None else 1

    # ------------------------------------------------------------ answers
    def _answers(self) -> dict[str, Writer]:
        if not (self.folder / "answers.yaml").is_file():
            return {}
        found = self.files.read("answers")
        file = f"{self.shown}/answers.yaml"
        writers: dict[str, Writer] = {}
        for operation, entry in (found or {}).items():
            if operation == "dialect":
                continue
            if not isinstance(entry, LinedDict) or not isinstance(entry.get("record"), str):
                self.say(
                    file,
                    found.line_of(operation) if found else 1,
                    "answers.shape",
                    f"“{operation}”应含record和only",
                    f"{operation!r} needs record and only",
                )
                continue
            self._keys(entry, ("record", "lines", "only"), file, "mapping.key")
            section = self.files.section(entry, file, None)
            mapping = RecordMapping(
                self.folder.name,
                "answers",
                "1",
                "out",
                entry["record"],
                operation,
                None,
                {},
                (),
                None,
                frozenset(),
                (),
                section,
                None,
                file,
                found.line_of(operation) if found else 1,
            )
            writers[operation] = Writer(mapping, self._root(mapping, answer=True), self.lists, self.say, self.form)
        return writers

    # ------------------------------------------------------------ the dialect's own file
    def _dialect(
        self,
        found: LinedDict,
        readers: Mapping[str, Reader],
        writers: Mapping[str, Writer],
        answers: Mapping[str, Writer],
        mappings: Mapping[str, RecordMapping],
    ) -> Dialect:
        policies = found.get("policies") or {}
        for key, value in [("policy", found.get("policy", "refused")), *policies.items()]:
            if value not in POLICIES:
                self.say(
                    self.file,
                    found.line_of("policy") if key == "policy" else found.line_of("policies", key),
                    "dialect.policy",
                    "应为parked（暂缓）或refused（拒绝）",
                    "either parked or refused",
                )
        receives = tuple(
            self._receives(operation, entry, found, readers, answers)
            for operation, entry in (found.get("receives") or {}).items()
            if isinstance(entry, LinedDict)
        )
        writes = found.get("writes") or []
        for n, exchange in enumerate(writes):
            if exchange not in writers and (exchange in mappings or not (self.folder / f"{exchange}.yaml").is_file()):
                self.say(
                    self.file,
                    found.line_of("writes", n),
                    "dialect.writes",
                    f"没有可写出“{exchange}”的映射",
                    f"no mapping writes {exchange!r}",
                )
        dialect_is_sound(
            found, mappings, any(part.element is not None for part in readers.values()), self.file, self.say
        )
        facts = {
            name: {**({"operation": mapping.operation} if mapping.operation else {}), **mapping.facts}
            for name, mapping in mappings.items()
        }
        return Dialect(
            name=self.folder.name,
            zh=str(found.get("zh", self.folder.name)),
            en=str(found.get("en", self.folder.name)),
            receives=tuple(entry for entry in receives if entry is not None),
            readers=readers,
            writers=writers,
            answers=answers,
            declared_writes=frozenset(str(exchange) for exchange in writes if exchange in writers),
            versions={
                name: self._version(mapping, [part for part in (readers.get(name), writers.get(name)) if part])
                for name, mapping in mappings.items()
            },
            policy=str(found.get("policy", "refused")),
            policies={str(k): str(v) for k, v in policies.items()},
            codes={str(k): str(v) for k, v in (found.get("answer_codes") or {}).items()},
            hint=self._hint(found),
            own_sender=bool(found.get("own_sender", False)),
            facts=facts,
            form=self.form,
        )

    def _receives(
        self,
        operation: str,
        entry: LinedDict,
        found: LinedDict,
        readers: Mapping[str, Reader],
        answers: Mapping[str, Writer],
    ) -> Receives | None:
        line = found.line_of("receives", operation)
        self._keys(entry, RECEIVES_KEYS, self.file, "dialect.key")
        root: Element | None = None
        if self.wsdl is not None:
            if operation not in self.wsdl.operations:
                known = ", ".join(self.wsdl.operations)
                self.say(
                    self.file,
                    line,
                    "operation.unknown",
                    f"WSDL中没有操作“{operation}”；有：{known}",
                    f"the WSDL has no operation {operation!r}; it has {known}",
                )
            else:
                root = self.wsdl.operations[operation][0]
        choice = entry.get("exchange")
        if not isinstance(entry.get("record"), str) or not isinstance(entry.get("key"), str) or choice is None:
            self.say(
                self.file,
                line,
                "dialect.receives",
                f"“{operation}”应含record、key和exchange",
                f"{operation!r} needs record, key and exchange",
            )
            return None
        if operation not in answers and self.wsdl is not None:
            # only a WSDL has answers: over HTTP alone the hub answers as its own contract says
            self.say(
                self.file,
                line,
                "answers.missing",
                f"answers.yaml没有写明如何答复“{operation}”",
                f"answers.yaml does not say how {operation!r} is answered",
            )
        by: tuple[str, ...] = ()
        agrees, exchanges = None, {"": str(choice)}
        if isinstance(choice, LinedDict):
            by, agrees = path_of(str(choice.get("by", ""))), choice.get("agrees_with")
            exchanges = {str(code): str(exchange) for code, exchange in (choice.get("is") or {}).items()}
        for code, exchange in exchanges.items():
            if exchange not in readers and not (self.folder / f"{exchange}.yaml").is_file():
                at = entry.line_of("exchange", "is", code) if code else entry.line_of("exchange")
                self.say(
                    self.file, at, "dialect.exchange", f"没有读入“{exchange}”的映射", f"no mapping reads {exchange!r}"
                )
        volatile = [str(place) for place in entry.get("volatile") or []]
        places = [(entry["key"], entry.line_of("key"))] + [
            (place, entry.line_of("volatile", n)) for n, place in enumerate(volatile)
        ]
        if by:
            places.append(("/".join(by), entry.line_of("exchange", "by")))
        if not isinstance(self.form, Xml):
            root = self._receives_root(exchanges)
        for place, at in places:
            Resolver(self.say, self.form).element(root, path_of(place), self.file, at, place)
        return Receives(
            operation,
            entry["record"],
            path_of(entry["key"]),
            by,
            str(agrees) if agrees else None,
            exchanges,
            tuple(path_of(place) for place in volatile),
            f"{self.file}:{line}",
        )

    def _receives_root(self, exchanges: Mapping[str, str]) -> Element | None:
        """What a message of a format without WSDL looks like: known beforehand where all of its exchanges look the same."""
        mappings = [mapping for name in exchanges.values() if (mapping := self.files.mapping(name)) is not None]
        same = len({mapping.schema for mapping in mappings}) == 1
        return self._layout(mappings[0]) if same else None

    def _hint(self, found: LinedDict) -> Hint | None:
        hint = found.get("hint")
        if hint is None:
            return None
        line = found.line_of("hint")
        if (
            not isinstance(hint, LinedDict)
            or not isinstance(hint.get("at"), str)
            or not isinstance(hint.get("codes"), str)
        ):
            self.say(self.file, line, "dialect.hint", "hint应含at和codes", "hint needs at and codes")
            return None
        if hint["codes"] not in self.lists:
            self.say(
                self.file,
                hint.line_of("codes"),
                "codelist.unknown",
                f"没有代码表“{hint['codes']}”",
                f"there is no code list {hint['codes']!r}",
            )
            return None
        return Hint("/message/recipient_hint", path_of(hint["at"]), self.lists[hint["codes"]], f"{self.file}:{line}")

    def _version(self, mapping: RecordMapping, parts: list[Reader | Writer]) -> str:
        digest = hashlib.sha256((self.folder / "dialect.yaml").read_bytes())
        for content in mapping.contents:
            digest.update(b"\0" + content)
        for name in sorted({name for part in parts for name in part.used if name in self.lists}):
            digest.update(b"\0" + self.lists[name].content.encode())
        return f"{mapping.dialect}/{mapping.exchange}@{mapping.version}+{digest.hexdigest()[:8]}"
