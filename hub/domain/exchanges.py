"""The workflow chart as values: what one agency may hand to another, who gets it, and what that does to the person.

Loaded from `mappings/workflow/` by `hub.configuration`; nothing here knows a particular exchange.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class PlaceSource:
    """Where a named place (`execution`, `residence`, `decision`) is found.

    `paths` are canonical places that hold a place code, the first that is filled counts; `agency_of` names a role
    whose agency's own place is meant.
    """

    name: str
    paths: tuple[str, ...] = ()
    agency_of: str | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """Who is meant by a word of the chart.

    Either `kind` at a named `place`, or the first of `candidates`: canonical places that hold an agency id, or the
    words `sender` (who sends this transfer) and `origin` (who sent the transfer that this one answers or continues).
    `sender:court,police` counts only where the sender is of one of these kinds.
    """

    name: str
    kind: str | None = None
    place: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """A delivery that informs (抄送). `when` names two places that must be the same county, or must differ."""

    role: str
    same_county: tuple[str, str] | None = None
    other_county: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ClockRule:
    """A statutory term: `within` so many `unit`s (day, workday, hour, month) from `start` to `stop`, under `rules`."""

    within: int
    unit: str
    start: str
    stop: str
    rules: str | None = None
    checked: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A body of rules that terms come from, with the days on which it is in force (`begins` and `ends` included).

    `short` is its name on the chart, (Chinese, English).
    """

    id: str
    zh: str
    en: str
    short: tuple[str, str]
    begins: date | None = None
    ends: date | None = None

    def in_force(self, day: date) -> bool:
        return (self.begins is None or self.begins <= day) and (self.ends is None or day <= self.ends)


@dataclass(frozen=True, slots=True)
class TermEvent:
    """What a word under a clock's `start` or `stop` means, and how the hub learns when it happened.

    `seen` is `accepted` (the hub took the transfer), `delivered` (the main recipient has it), `receipt` (the main
    recipient's receipt), `reply` (the transfer that answers it), `record` (the first of `paths` that is filled), or None
    for what the hub does not see.
    """

    id: str
    zh: str
    en: str
    seen: str | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opens:
    """The exchange tells of a person for whom somebody must answer from now on.

    `holder` is the role that answers, `to` the role that will take over, `due` the canonical place of the date by
    which it should have; `only` restricts it to records whose place holds one of the values.
    """

    holder: str
    to: str | None = None
    due: str | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moves:
    """The exchange moves responsibility (社区矫正法20–21, 27, 48–49).

    `on` is `recorded` (the sender's own record, accepted by the hub) or `receipt` (the recipient's accepted receipt);
    `expected` are the roles of whom one must be the holder before; `strength` is what the receipt must be: `recorded`,
    `attested` (by the hub, for a system that cannot sign) or `signed`.
    """

    on: str
    expected: tuple[str, ...]
    to: str
    strength: str = "recorded"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One row of the workflow chart (社区矫正工作流程图)."""

    id: str
    zh: str
    en: str
    phase: str
    senders: tuple[str, ...]
    to: tuple[str, ...]
    copies: tuple[Copy, ...] = ()
    documents: tuple[str, ...] = ()
    reply: str | None = None
    #: canonical sections that are taken over from the transfer this one answers, where the sender left them out
    carries: tuple[str, ...] = ()
    #: canonical places that the hub fills where the sender left them out; `today` is the business day of acceptance
    fills: Mapping[str, str] = field(default_factory=dict)
    clocks: tuple[ClockRule, ...] = ()
    opens: Opens | None = None
    moves: Moves | None = None
    basis: str = ""
    checked: str = ""
    note: str | None = None
    source: str | None = None

    @property
    def wants_receipt(self) -> bool:
        """Whether its main recipients owe a business receipt (受理 or 退回)."""
        return self.reply is not None

    def label(self, language: str = "zh") -> str:
        return self.en if language.startswith("en") else self.zh


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The chart: exchanges, and the words they are written in."""

    exchanges: Mapping[str, Exchange]
    roles: Mapping[str, Role]
    places: Mapping[str, PlaceSource]
    levels: Mapping[str, str]
    #: kinds of agencies: id → (Chinese, English)
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: which kinds supervise: they may see transfers about persons of their county (procuratorate)
    supervisors: tuple[str, ...] = ()
    #: the steps of the law in their order: id → (Chinese, English)
    phases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    rules: Mapping[str, RuleSet] = field(default_factory=dict)
    events: Mapping[str, TermEvent] = field(default_factory=dict)

    def get(self, exchange: str) -> Exchange | None:
        return self.exchanges.get(exchange)

    def wants_receipt(self, exchange: str) -> bool:
        """Whether an exchange's main recipients owe a receipt; nobody does for one that is no longer in the chart."""
        found = self.get(exchange)
        return bool(found and found.wants_receipt)


def value_at(record: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted canonical path, or None where any step is missing."""
    here: Any = record
    for step in path.split("."):
        if not isinstance(here, Mapping) or step not in here:
            return None
        here = here[step]
    return here


def pointer_of(path: str) -> str:
    """`person.residence.place` → `/person/residence/place`."""
    return "/" + path.replace(".", "/")
