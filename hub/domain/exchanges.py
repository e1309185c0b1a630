"""The workflow chart as values: what one agency may hand to another, who gets it, and what that does to the person.

Loaded from `mappings/workflow/` by `hub.configuration`; nothing here knows a particular exchange.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

#: Where the chart names a sender or recipient: the hub itself, which is no agency. What is sent to it, it keeps.
HUB = "hub"


@dataclass(frozen=True, slots=True)
class PlaceSource:
    """Where a named place (`execution`, `residence`, `decision`) is found.

    `paths` are canonical places that hold a place code, the first that is filled counts; `agency_of` names a role
    whose agency's own place is meant. `level` widens what is found: the city or province in which it lies.
    """

    name: str
    paths: tuple[str, ...] = ()
    agency_of: str | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """Who is meant by a word of the chart: the first of these that finds somebody.

    `members`: all of several roles. `above`: the parent (条) of another role's agency, which
    is of `kind` where that is said. `candidates`: canonical places that
    hold an agency id, or the words `sender` (who sends this transfer), `answered` (who sent the transfer that this one
    answers directly) and `origin` (who sent the first of those that it answers or continues); `sender:court,police` counts
    only where the sender is of one of these kinds. `first_of`: the first of several roles that somebody fills. Else the
    agency of `kind` at a named `place` (块).
    """

    name: str
    kind: str | None = None
    place: str | None = None
    candidates: tuple[str, ...] = ()
    above: str | None = None
    first_of: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """Something about a transfer that can be looked up, and what it means in words.

    One of: the canonical place `at` holds one `among` values; two named places lie in the same county, or in different
    ones; the sender is of one of these levels (province, city, county). What the record does not say is not known and
    neither holds nor fails.
    """

    zh: str
    en: str
    at: str | None = None
    among: tuple[Any, ...] = ()
    same_county: tuple[str, str] | None = None
    other_county: tuple[str, str] | None = None
    sender_level: tuple[str, ...] = ()
    #: of a condition under `when`: what follows where it fails – `refuse` or `warn`
    otherwise: str = "warn"


@dataclass(frozen=True, slots=True)
class Copy:
    """A delivery that informs (抄送).

    `same_county` and `other_county` name two places that must be the same county, or must differ; `rules` are the rule sets
    under which it is sent; `only` restricts it to records whose place holds one of the values.
    """

    role: str
    same_county: tuple[str, str] | None = None
    other_county: tuple[str, str] | None = None
    rules: tuple[str, ...] = ()
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClockRule:
    """A statutory term: `within` so many `unit`s (day, workday, hour, month) from `start` to `stop`, or again `every` so many,
    under `rules` (None: under any). `start` and `stop` are events of the chart; `when` says for which cases it runs."""

    within: int | None = None
    unit: str = "day"
    start: str | None = None
    stop: str | None = None
    rules: str | None = None
    checked: str | None = None
    note: str | None = None
    every: int | None = None
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """Who decides on an application of a certain weight. Levels stand in rising order; the last that is reached counts.

    It is reached where any canonical place of `over` holds more than the number (the first level has none). `to` are the
    main recipients there, where they are others than the exchange's; `copies` are sent in addition.
    """

    zh: str
    en: str
    decides: str
    over: Mapping[str, int] = field(default_factory=dict)
    to: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """What the exchange must wait for: while one of these exchanges about the person has no reply yet, it is accepted and
    passed on, but ends nobody's responsibility."""

    zh: str
    en: str
    pending: tuple[str, ...] = ()


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
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moves:
    """The exchange moves responsibility (社区矫正法20–21, 27, 48–49).

    `on` is `recorded` (the sender's own record, accepted by the hub), `receipt` (the recipient's accepted receipt), or the
    exchange that moves the person in its stead (a relocation is moved by the report-in that follows it). `expected` are the
    roles of whom one must be the holder before; `strength` is what the receipt must be: `recorded`, `attested` (by the hub,
    for a system that cannot sign) or `signed`. `zh` and `en` name the event.
    """

    on: str
    expected: tuple[str, ...]
    to: str
    strength: str = "recorded"
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """The exchange ends responsibility: nobody answers any more (社区矫正法44–45, 51).

    `only` names the grounds on which it does. On other grounds nothing is left to end once an agency of `taken_over` (a
    prison, a detention house) holds the person; while none does, that is a dispute.
    """

    on: str
    expected: tuple[str, ...]
    strength: str = "recorded"
    zh: str = ""
    en: str = ""
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    taken_over: tuple[str, ...] = ()
    #: whatever the case (a death): else what ends one case leaves another, in which somebody answers, alone
    every_case: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way in which an exchange can be answered."""

    id: str
    zh: str
    en: str


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
    ends: Ends | None = None
    #: rule sets in which the exchange exists (none named: in all)
    rules: tuple[str, ...] = ()
    #: for which cases the exchange is
    when: tuple[Condition, ...] = ()
    #: what is accepted, with a warning on the timeline
    warn: tuple[Condition, ...] = ()
    levels: tuple[Level, ...] = ()
    hold: Hold | None = None
    outcomes: tuple[Outcome, ...] = ()
    #: what the sender says later of the answer: (Chinese, English)
    feedback: tuple[str, str] | None = None
    #: the exchange that undoes this one
    counterpart: str | None = None
    #: the role that settles a disagreement over the answer
    escalates: str | None = None
    #: `ordinary` or `emergency`
    channel: str = "ordinary"
    #: the joint-response plan that a transfer may set off
    emergency: str | None = None
    #: `person`, or `none` for what is about no one person (a roster, a report)
    about: str = "person"

    @property
    def wants_receipt(self) -> bool:
        """Whether its main recipients owe a business receipt (受理 or 退回)."""
        return self.reply is not None

    @property
    def kept_by_hub(self) -> bool:
        """Whether its recipient is the hub itself: accepted and kept, handed on to nobody."""
        return self.to == (HUB,)

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

    def answered_by(self, reply: str) -> tuple[str, ...]:
        """The exchanges that are answered by this one."""
        return tuple(name for name, exchange in self.exchanges.items() if exchange.reply == reply)

    def only_answers(self, name: str) -> bool:
        """Whether the exchange exists only as the answer to another: it goes back to who asked."""
        exchange = self.get(name)
        return bool(exchange and any(self._goes_back(role) for role in exchange.to) and self.answered_by(name))

    def _goes_back(self, role: str) -> bool:
        found = self.roles.get(role)
        return bool(found and "answered" in found.candidates)

    def in_force(self, day: date) -> tuple[str, ...]:
        """The rule sets that apply on a day."""
        return tuple(name for name, rules in self.rules.items() if rules.in_force(day))

    def members(self, word: str) -> Iterator[str]:
        """The single roles that a word of the chart stands for, itself where it stands for no several."""
        role = self.roles.get(word)
        if role is None or not role.members:
            yield word
            return
        for member in role.members:
            yield from self.members(member)


def holds_one_of(record: Mapping[str, Any], only: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether every place of `only` holds one of its values."""
    return all(value_at(record, path) in values for path, values in only.items())


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
