"""The way of a mapping's version: draft → checked → proposed → approved → active → retired, and who may take which step.

A version is a release of one dialect (its files and code lists, bound together by one SHA-256) on its way into force. Which
release is in force at a moment follows from the activations alone; nothing has to run for a moment to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class VersionState(StrEnum):
    DRAFT = "draft"  # content may still change; not checked, or checked with findings
    CHECKED = "checked"  # this hub's checks found nothing wrong with this content
    PROPOSED = "proposed"  # waits for somebody else
    APPROVED = "approved"  # somebody else has approved exactly this content
    ACTIVE = "active"  # in force, or from a moment to come
    RETIRED = "retired"  # another one is in force, or it is not wanted any more
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


S = VersionState

#: Which step may be taken from which states. What overtakes another retires it, and a rollback takes it back: these follow
#: from the schedule and are nobody's choice about the version itself.
STEPS: Mapping[str, frozenset[VersionState]] = {
    "edit": frozenset({S.DRAFT, S.CHECKED}),
    "check": frozenset({S.DRAFT, S.CHECKED}),
    "propose": frozenset({S.CHECKED}),
    "approve": frozenset({S.PROPOSED}),
    "reject": frozenset({S.PROPOSED}),
    "withdraw": frozenset({S.DRAFT, S.CHECKED, S.PROPOSED}),
    "activate": frozenset({S.APPROVED}),
    "retire": frozenset({S.APPROVED, S.ACTIVE}),
}

#: Seconds between a decision and the moment from which it counts, at least: longer than any process takes to hear of it.
NOTICE = 2.0

#: States in which a version is still under way: the same content is not drafted twice.
UNDER_WAY = frozenset({S.DRAFT, S.CHECKED, S.PROPOSED, S.APPROVED})

EDITOR, APPROVER, ADMINISTRATOR = "mapping-editor", "approver", "administrator"
ROLES = (EDITOR, APPROVER, ADMINISTRATOR)

#: Which role may take a step; of several, one is enough.
MAY: Mapping[str, frozenset[str]] = {
    "look": frozenset(ROLES),
    "draft": frozenset({EDITOR}),
    "edit": frozenset({EDITOR}),
    "check": frozenset({EDITOR, APPROVER}),
    "propose": frozenset({EDITOR}),
    "approve": frozenset({APPROVER}),
    "reject": frozenset({APPROVER}),
    "withdraw": frozenset({EDITOR}),
    "activate": frozenset({EDITOR, APPROVER}),
    "retire": frozenset({EDITOR, APPROVER}),
    "rollback": frozenset({APPROVER}),
    "operators": frozenset({ADMINISTRATOR}),
}

#: How a version came to the hub.
FROM_FILES, DRAFTED, IMPORTED = "files", "draft", "import"


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version as the store has it. `state` is what was last decided; see `Schedule` for what is in force."""

    id: str
    dialect: str
    number: int
    origin: str
    state: VersionState
    release: str
    note: str | None
    findings: tuple[Mapping[str, Any], ...]
    created_by: str
    created_at: datetime
    active_from: datetime | None
    #: what another hub said of it, for an imported one
    foreign: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class MappingEvent:
    """One step of a version: never changed, never removed."""

    seq: int
    dialect: str
    version: str | None
    kind: str
    by: str
    at: datetime
    release: str | None
    note: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activation:
    """A version that is in force from a moment, until the next one's. `back_to`: the activation that a rollback restores."""

    seq: int
    dialect: str
    version: str
    release: str
    since: datetime
    kind: str  # files, activation, rollback
    by: str
    back_to: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The activations of one dialect in the order in which they come into force."""

    activations: tuple[Activation, ...] = ()

    @classmethod
    def of(cls, activations: Sequence[Activation]) -> Schedule:
        return cls(tuple(sorted(activations, key=lambda one: (one.since, one.seq))))

    def in_force(self, at: datetime) -> Activation | None:
        """The activation in force at a moment: the last one that is due by then."""
        due = [one for one in self.activations if one.since <= at]
        return due[-1] if due else None

    def to_come(self, at: datetime) -> tuple[Activation, ...]:
        return tuple(one for one in self.activations if one.since > at)

    def before(self, at: datetime) -> Activation | None:
        """The activation that a rollback at this moment restores: of the one that is in force, or that it restored, the
        predecessor with another content. None where there is nothing to go back to."""
        here = self.in_force(at)
        if here is None:
            return None
        by_seq = {one.seq: one for one in self.activations}
        release = here.release
        origin = here
        while origin.back_to is not None and origin.back_to in by_seq:
            origin = by_seq[origin.back_to]
        earlier = [
            one for one in self.activations if (one.since, one.seq) < (origin.since, origin.seq) and one.since <= at
        ]
        while earlier:
            one = earlier.pop()
            if one.release != release and one.back_to is None:
                return one
        return None

    def governed(self, at: datetime) -> bool:
        """Whether a person's decision is in force, rather than whatever the files say."""
        here = self.in_force(at)
        return here is not None and here.kind != FROM_FILES


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who works on the hub. The name stands in the audit for good."""

    name: str
    roles: frozenset[str]
    added_by: str
    added_at: datetime
    removed_at: datetime | None = None

    def may(self, step: str) -> bool:
        return bool(self.roles & MAY[step])
