"""The only place that chooses parts: from settings to a hub that can run."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

import connectors
from hub import configuration, translation, workdays
from hub.api.bundle import record_components, record_schema, record_validator
from hub.clock import SystemClock
from hub.domain.agencies import Agencies, Agency, Reach
from hub.domain.exchanges import Catalogue
from hub.domain.faults import Fault
from hub.findings import ConfigErrors, Finding, read_yaml
from hub.flow.drift import Drift
from hub.flow.live import InForce, LiveBook
from hub.flow.parts import Hub, Schedule
from hub.identity.seal import FernetSeal, sealing_key, token_key
from hub.ids import UlidIds
from hub.messaging.embedded import EmbeddedBroker
from hub.ports import Broker, Clock, Connector, Endpoint, Seal, SoapService, Store
from hub.settings import Settings
from hub.store.database import Database
from hub.store.drift import DriftBook
from hub.store.history import History
from hub.store.store import Documents, SharedSessions
from hub.store.store import Store as DatabaseStore
from hub.store.versions import People, Shelf
from hub.translation import Book, codelists, release
from hub.translation.shape import has_place
from hub.workshop.governance import Governance
from hub.workshop.trial import trial


def build(settings: Settings, broker: Broker | None = None, clock: Clock | None = None) -> Hub:
    """A hub on the parts that the settings name. Raises `ConfigErrors` when the configuration cannot be used.

    `broker`: one that is there already (a test's); else RabbitMQ where `broker_url` is set, or the embedded one.
    `clock`: one that stands where a test wants it; else the real one.
    """
    configured = configuration.load(settings.config_dir)
    book = translation.load(settings.config_dir, configured.agencies)
    schedule = _schedule(settings.config_dir)
    clock = clock or SystemClock(settings.business_time)
    ids = UlidIds()
    database = Database(settings.database_url, settings.schema)
    database.create()
    store = DatabaseStore(database, clock, ids)
    shelf = Shelf(database, clock, ids)
    dialects = _live(settings.config_dir, book, shelf, clock)
    seal = FernetSeal(sealing_key(settings.secrets_dir))
    if unwritten := _without_schema(configured.catalogue):
        raise ConfigErrors(unwritten)
    lists = codelists.load(settings.config_dir / "codelists", f"{settings.config_dir.name}/codelists")[0]
    codes = codelists.checker(lists)
    return Hub(
        settings=settings,
        clock=clock,
        ids=ids,
        store=store,
        history=History(database),
        drift=Drift(DriftBook(database, ids), clock),
        broker=broker or _broker(settings),
        documents=Documents(settings.data_dir / "documents"),
        sessions=SharedSessions(store),
        seal=seal,
        catalogue=configured.catalogue,
        agencies=configured.agencies,
        places=configured.places,
        workdays=workdays.load(settings.config_dir),
        dialects=dialects,
        codelists=lists,
        mappings=shelf,
        operators=People(database, clock),
        governance=_governance(settings, configured, shelf, dialects, clock),
        connectors=LoadedConnectors(settings.config_dir, store, seal),
        schedule=schedule,
        validate_record=lambda exchange, record: (
            record_validator(exchange)(record) or _unless_in_force(dialects, record, codes(record))
        ),
        check_shape=lambda exchange, record: record_validator(exchange)(record),
        database=database,
        random=random.random,
        token_key=token_key(settings.secrets_dir),
    )


def _live(config_dir: Path, book: Book, shelf: Shelf, clock: Clock) -> LiveBook:
    """The dialects of the files, and over them whatever was activated. What the files hold is kept by its hash: it may be
    recorded with what is handed over from now on."""
    releases = {name: release.of_configuration(config_dir, name) for name in book}
    recorded = {name: sorted(set(book[name].versions.values())) for name in book}
    kept = shelf.kept({releases[name].hash: recorded[name] for name in book})
    for name, found in releases.items():
        if found.hash not in kept:
            shelf.keep(name, found.hash, found.packed(), recorded[name])
    files = {name: InForce(book[name], releases[name].hash) for name in book}
    live = LiveBook(files, releases, shelf, release.compiler(Agencies([], {}), {}), clock)
    live.refresh()
    return live


def _governance(
    settings: Settings, configured: configuration.Configuration, shelf: Shelf, dialects: LiveBook, clock: Clock
) -> Governance:
    @cache
    def schemas() -> Mapping[str, Any]:
        return {name: record_schema(name) for name in configured.catalogue.exchanges if _has_schema(name)}

    return Governance(
        shelf=shelf,
        clock=clock,
        compile=lambda found: release.compiler(configured.agencies, schemas())(found),
        check_release=trial(
            settings.config_dir, configured.agencies, tuple(configured.places), schemas, settings.check_records
        ),
        files=dialects.release_of_files,
        dialects=lambda: tuple(dialects),
    )


def _unless_in_force(dialects: LiveBook, record: Mapping[str, Any], faults: list[Fault]) -> list[Fault]:
    """The faults of codes that the files' lists do not have, without those that a list of a release in force has."""
    return [fault for fault in faults if not dialects.code_known(_system_at(record, fault.pointer), str(fault.value))]


def _system_at(record: Any, pointer: str) -> str:
    """The code system of the code at a JSON Pointer of a record."""
    here = record
    for step in pointer.split("/")[1:-1]:
        here = here[int(step)] if isinstance(here, list) else here[step.replace("~1", "/").replace("~0", "~")]
    return str(here["system"])


def check(config_dir: Path) -> list[Finding]:
    """Everything that is wrong with a configuration, for `hub check`."""
    configured, findings = configuration.read(config_dir, _has_place)
    if configured is None:
        return findings
    schemas = {name: record_schema(name) for name in configured.catalogue.exchanges if _has_schema(name)}
    findings += _without_schema(configured.catalogue)
    findings += translation.check(config_dir, configured.agencies, schemas)
    findings += connectors.check(config_dir)
    findings += workdays.check(config_dir)
    findings += _ways_and_secrets(config_dir)
    try:
        _schedule(config_dir)
    except ConfigErrors as error:
        findings += error.findings
    return sorted(_without_consequences(set(findings)), key=lambda found: (found.file, found.line, found.rule))


#: Folder of a file that cannot be used → rules by which other files then seem to be wrong.
FOLLOWS = {
    "workflow": frozenset(
        {
            "kind.unknown",
            "role.unknown",
            "role.unfillable",
            "exchange.unknown",
            "exchange.schema",
            "phase.unknown",
            "rules.unknown",
            "clock.rules",
            "clock.start",
            "clock.stop",
        }
    ),
    "agencies": frozenset({"agency.parent", "role.unfillable"}),
    "codelists": frozenset({"codelist.unknown"}),
}


def _without_consequences(findings: Collection[Finding]) -> list[Finding]:
    """Leave out what may be wrong only because a file that it needs could not be used: it is told, if it still is wrong, once
    that file is mended. A secret is told as one, not also as a word that does not belong there; a place that the records of
    several exchanges lack is told once, at its line."""
    unusable = {
        found.file.split("/")[1]
        for found in findings
        if found.rule.startswith("yaml.") or found.rule.endswith(".shape")
    }
    follows = frozenset[str]().union(*(FOLLOWS.get(folder, frozenset()) for folder in unusable))
    secrets = {(found.file, found.line) for found in findings if found.rule == "secret.in-file"}
    kept = [
        found
        for found in findings
        if found.rule not in follows
        and not (found.rule.endswith((".shape", "option.unknown")) and (found.file, found.line) in secrets)
    ]
    told = {
        (found.file, found.line, found.rule): found for found in sorted(kept, key=lambda found: found.en, reverse=True)
    }
    return [
        found
        for found in kept
        if found.rule != "canonical.unknown" or told[found.file, found.line, found.rule] is found
    ]


def _ways_and_secrets(config_dir: Path) -> list[Finding]:
    """What is wrong with the agencies' own ways (without a dialect), and secrets in files that nobody else looks at for them."""
    findings: list[Finding] = []
    for path in sorted(config_dir.glob("**/*.yaml")):
        if path.parent.name in ("workflow", "agencies"):
            continue  # `configuration.read` has looked
        found, _ = read_yaml(path, shown := f"{config_dir.name}/{path.relative_to(config_dir)}")
        findings += configuration.secrets_in(found, shown) if found else []
    for path in sorted((config_dir / "agencies").glob("*.yaml")):
        found, _ = read_yaml(path, shown := f"{config_dir.name}/agencies/{path.name}")
        for n, reach in enumerate(found.get("reach", ()) if found else ()):
            if not found or not isinstance(reach, dict) or "transport" not in reach:
                continue
            transport, dialect = str(reach["transport"]), reach.get("dialect")
            if dialect is None:
                findings += [
                    Finding(shown, found.line_of("reach", n), fault.rule, fault.zh, fault.en)
                    for fault in connectors.check_section(transport, reach.get("options") or {}, None)
                ]
            elif transport not in _sections(config_dir, str(dialect)):
                findings.append(
                    Finding(
                        shown,
                        found.line_of("reach", n, "transport"),
                        "transport.unknown",
                        f"方言“{dialect}”的{connectors.SECTIONS}没有“{transport}”部分",
                        f"{connectors.SECTIONS} of the dialect {dialect!r} has no section {transport!r}",
                    )
                )
    return findings


def _sections(config_dir: Path, dialect: str) -> Mapping[str, Any]:
    path = config_dir / "dialects" / dialect / connectors.SECTIONS
    found = read_yaml(path, path.name)[0] if path.is_file() else None
    return found or {}


def _has_place(exchange: str, path: str) -> bool:
    """True too for an exchange without a schema, which is another finding."""
    return not _has_schema(exchange) or has_place(record_schema(exchange), path)


def _has_schema(exchange: str) -> bool:
    return exchange in record_components()


def _without_schema(catalogue: Catalogue) -> list[Finding]:
    """The exchanges whose records the contract does not describe."""
    findings = []
    for name, exchange in catalogue.exchanges.items():
        if not _has_schema(name):
            file, _, line = (exchange.source or ":1").rpartition(":")
            findings.append(
                Finding(
                    file,
                    int(line),
                    "exchange.schema",
                    f"交换“{name}”在openapi/schemas/records中没有记录格式",
                    f"exchange {name!r} has no record schema in openapi/schemas/records",
                )
            )
    return findings


def _broker(settings: Settings) -> Broker:
    if settings.broker_url is None:
        return EmbeddedBroker()
    from hub.messaging.rabbitmq import RabbitMQBroker  # pika is loaded only where it is used

    return RabbitMQBroker(settings.broker_url, prefix=settings.queue_prefix)


class _ScheduleSchema(Schema):
    retry = fields.List(fields.Float(validate=validate.Range(min=0.01)), required=True, validate=validate.Length(min=1))
    attempts = fields.Int(required=True, validate=validate.Range(min=1))
    poll = fields.List(fields.Float(validate=validate.Range(min=0.01)), required=True, validate=validate.Length(min=1))
    jitter = fields.Float(load_default=0.2, validate=validate.Range(min=0, max=1))


def _schedule(config_dir: Path) -> Schedule:
    shown = f"{config_dir.name}/delivery.yaml"
    if not (config_dir / "delivery.yaml").is_file():
        raise ConfigErrors([Finding(shown, 1, "config.missing", "缺少delivery.yaml", "delivery.yaml is missing")])
    found, findings = read_yaml(config_dir / "delivery.yaml", shown)
    if found is None:
        raise ConfigErrors(findings)
    try:
        loaded: dict[str, Any] = _ScheduleSchema().load(found)
    except ValidationError as error:
        raise ConfigErrors(
            [
                Finding(shown, found.line_of(name), "delivery.shape", f"{name}：{messages}", f"{name}: {messages}")
                for name, messages in error.messages_dict.items()
            ]
        ) from error
    return Schedule(tuple(loaded["retry"]), loaded["attempts"], tuple(loaded["poll"]), loaded["jitter"])


class LoadedConnectors:
    """Implements `hub.flow.parts.Connectors`: transports by name, endpoints with the administrator's overrides."""

    def __init__(self, config_dir: Path, store: Store, seal: Seal) -> None:
        self._dialects = config_dir / "dialects"
        self._store = store
        self._seal = seal
        self._loaded: dict[str, Connector] = {}
        self._services: dict[str, SoapService] = {}
        self._options: dict[tuple[str | None, str], Any] = {}
        self._lock = threading.Lock()

    def call_side(self, transport: str) -> Connector:
        with self._lock:
            if transport not in self._loaded:
                self._loaded[transport] = connectors.load(transport)
            return self._loaded[transport]

    def service(self, agency: Agency) -> SoapService:
        with self._lock:
            if agency.id not in self._services:
                assert agency.speaks is not None
                folder = self._dialects / agency.speaks
                self._services[agency.id] = connectors.serve(
                    "soap", agency.id, connectors.section(folder, "soap"), folder
                )
            return self._services[agency.id]

    def endpoint(self, agency: Agency, reach: Reach) -> Endpoint:
        with self._store.read() as unit:
            over = unit.override(agency.id)
        password = self._seal.unseal(over.password_sealed) if over and over.password_sealed else None
        folder = self._dialects / reach.dialect if reach.dialect else None
        key = (reach.dialect, reach.transport)
        if folder is not None and key not in self._options:
            self._options[key] = connectors.section(folder, reach.transport)
        return Endpoint(
            agency=agency.id,
            transport=reach.transport,
            url=(over and over.url) or reach.url,
            user=(over and over.user) or reach.user,
            password=password,
            options=self._options[key] if folder else dict(reach.options),
            folder=folder,
            timeout=reach.timeout,
        )
