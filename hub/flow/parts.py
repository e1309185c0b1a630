"""What the use cases of the flow work with, handed to them as one value by `hub.bootstrap`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.domain.agencies import Agencies, Agency, Reach
from hub.domain.exchanges import Catalogue
from hub.domain.faults import Fault
from hub.domain.terms import Calendar
from hub.flow.drift import Drift
from hub.flow.live import InForce, LiveBook
from hub.ports import (
    Broker,
    Clock,
    Connector,
    DocumentStore,
    Endpoint,
    History,
    Ids,
    MappingShelf,
    Operators,
    Seal,
    Sessions,
    SoapService,
    Store,
)
from hub.settings import Settings
from hub.translation.codelists import CodeList
from hub.workshop.governance import Governance


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to try again, in seconds after each attempt (the last one is repeated until `attempts` are used up), and when
    to ask again about what was submitted. From `delivery.yaml`."""

    retry: tuple[float, ...]
    attempts: int
    poll: tuple[float, ...]
    jitter: float

    def after(self, attempts: int, random: float) -> float | None:
        """Seconds until the next attempt after `attempts` were made, or None when it is time to give up."""
        if attempts >= self.attempts:
            return None
        base = self.retry[min(attempts, len(self.retry)) - 1]
        return base * (1 + self.jitter * (2 * random - 1))


class Connectors(Protocol):
    """The transports, by the name that an agency's file gives."""

    def call_side(self, transport: str) -> Connector: ...

    def service(self, agency: Agency) -> SoapService: ...

    def endpoint(self, agency: Agency, reach: Reach) -> Endpoint: ...


@dataclass(slots=True)
class Hub:
    """The hub's parts. Built once; everything in it is safe to use from many threads."""

    settings: Settings
    clock: Clock
    ids: Ids
    store: Store
    history: History
    drift: Drift
    broker: Broker
    documents: DocumentStore
    sessions: Sessions
    seal: Seal
    catalogue: Catalogue
    agencies: Agencies
    places: Mapping[str, str]
    #: which days are worked, for statutory terms
    workdays: Calendar
    codelists: Mapping[str, CodeList]
    dialects: LiveBook
    mappings: MappingShelf
    operators: Operators
    governance: Governance
    connectors: Connectors
    schedule: Schedule
    #: checks a canonical record against its exchange's schema and its codes; pointers are relative to the record
    validate_record: Callable[[str, Mapping[str, Any]], list[Fault]]
    #: the same against the schema alone: the codes are checked by the lists of a draft
    check_shape: Callable[[str, Mapping[str, Any]], list[Fault]]
    #: read-only queries for API, console and CLI need the database itself
    database: Any
    random: Callable[[], float]
    #: signs the tokens of `hub.identity.tokens`
    token_key: str = field(repr=False)
    #: set when there is something to dispatch
    wake: threading.Event = field(default_factory=threading.Event)

    def agency_name(self, agency: str | None, language: str = "zh") -> str:
        found = self.agencies.get(agency)
        return found.label(language) if found else agency or "—"

    def mapping_for(self, agency: Agency | None, exchange: str) -> InForce | None:
        """What an exchange would be written by for an agency now; None where it takes the canonical record."""
        reach = self.reach_for(agency, exchange) if agency else None
        return self.dialects.in_force(reach.dialect) if reach and reach.dialect else None

    def reach_for(self, agency: Agency, exchange: str) -> Reach | None:
        """The first way to the agency that can carry the exchange."""
        for reach in agency.reach:
            if reach.exchanges and exchange not in reach.exchanges:
                continue
            if reach.dialect is None or self.dialects[reach.dialect].can_write(exchange):
                return reach
        return None
