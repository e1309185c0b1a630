"""The dialects as they are in force at this moment, in a hub that runs on while their mappings change.

Looking a dialect up asks no database: a thread of the hub asks every second whether anything was decided (`refresh`), and
what was decided for a moment to come is compiled before that moment. Every process turns over at the same moment, because
nothing comes into force sooner than `hub.domain.mapping_versions.NOTICE` seconds after it was decided.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.domain.faults import Fault, HubError, NotFound
from hub.domain.mapping_versions import FROM_FILES, Activation, Schedule, VersionState
from hub.findings import Finding
from hub.ports import Clock, MappingShelf, MappingUnit
from hub.translation import Dialect
from hub.translation.codelists import CodeList
from hub.translation.release import Compile, Compiled, Release

log = logging.getLogger(__name__)

#: Seconds between two looks whether anything was decided.
LOOK = 0.5
#: Compiled releases that are kept for what is written late, explained or replayed.
KEPT_COMPILED = 32
#: References that mean what the hub's own files say, and what is in force.
FILES, CURRENT = "files", "current"


class UnusableRelease(HubError):
    """A release that this hub cannot compile (any more); carries why."""

    status, kind = 422, "refused"


@dataclass(frozen=True, slots=True)
class InForce:
    """A dialect at a moment. `release`: the hash of its content; `version`: its version, where one was activated."""

    dialect: Dialect
    release: str | None
    version: str | None = None


class LiveBook:
    """The dialects by name, each as it is in force. Safe to use from many threads."""

    def __init__(
        self,
        files: Mapping[str, InForce],
        releases: Mapping[str, Release],
        shelf: MappingShelf | None,
        compile_release: Compile | None,
        clock: Clock | None,
    ) -> None:
        """`files`: what the hub's own files say of each dialect; `releases`: the same as releases, by name."""
        self._files = dict(files)
        self._releases = dict(releases)
        self._shelf = shelf
        self._compile = compile_release
        self._clock = clock
        self._lock = threading.RLock()
        self._compiled: OrderedDict[str, Compiled] = OrderedDict()
        self._changes: Mapping[str, int] = {}
        self._schedules: dict[str, Schedule] = {}
        self._now: dict[str, InForce] = dict(self._files)
        self._next: datetime | None = None
        self._failed: dict[str, UnusableRelease] = {}
        #: governed dialect → why what is in force cannot be used here
        self.unusable: dict[str, tuple[Finding, ...]] = {}

    @classmethod
    def fixed(cls, dialects: Mapping[str, Dialect]) -> LiveBook:
        """A book that nothing changes, of dialects without releases."""
        return cls({name: InForce(dialect, None) for name, dialect in dialects.items()}, {}, None, None, None)

    # ------------------------------------------------------------ in force
    def in_force(self, name: str) -> InForce:
        """A dialect with its release. Raises KeyError for a dialect that the hub's files do not have."""
        if self._next is not None and self._clock is not None and self._clock.technical() >= self._next:
            self._turn()
        return self._now[name]

    def __getitem__(self, name: str) -> Dialect:
        return self.in_force(name).dialect

    def get(self, name: str | None) -> Dialect | None:
        return self.in_force(name).dialect if name is not None and name in self._files else None

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def refresh(self) -> bool:
        """Ask whether anything was decided, and compile what is new. Returns whether another release came into force, now
        or since the last look."""
        if self._shelf is None:
            return False
        with self._lock:
            before = {name: entry.version for name, entry in self._now.items()}
            changes = self._shelf.changes()
            for name in self._files:
                if changes.get(name, 0) != self._changes.get(name, 0):
                    self._schedules[name] = self._shelf.schedule(name)
            self._changes = changes
            self._turn()
            return before != {name: entry.version for name, entry in self._now.items()}

    def _turn(self) -> None:
        """Put what is due in force, and compile what is next."""
        assert self._clock is not None
        with self._lock:
            at = self._clock.technical()
            coming: list[datetime] = []
            now = dict(self._files)
            for name, schedule in self._schedules.items():
                here = schedule.in_force(at)
                if here is not None and schedule.governed(at):
                    now[name] = self._usable(name, here) or self._what_was(name, schedule, at)
                later = schedule.to_come(at)
                coming += [one.since for one in later]
                if later:
                    self._ready(later[0])
            self._now = now
            self._next = min(coming, default=None)

    def _usable(self, name: str, here: Activation) -> InForce | None:
        """What an activation puts in force, or None where this hub cannot use it: then what was in force goes on."""
        now = self._now[name]
        if now.version == here.version and now.release == here.release:
            return now
        try:
            compiled = self.compiled(here.release)
        except HubError as error:
            if name not in self.unusable:
                log.error(
                    "%s: version %s cannot be used here, what was in force goes on: %s", name, here.version, error
                )
            self.unusable[name] = tuple(Finding(here.release, 1, f.rule, f.zh, f.en) for f in error.faults)
            return None
        self.unusable.pop(name, None)
        assert compiled.dialect is not None
        log.info("%s: version %s (%s) is in force", name, here.version, here.release[:12])
        return InForce(compiled.dialect, here.release, here.version)

    def _what_was(self, name: str, schedule: Schedule, at: datetime) -> InForce:
        """What goes on where an activation cannot be used here: what this process runs; for one that has just started, the
        latest before it that can be used, which is what the others still run."""
        if self._now[name].version is not None:
            return self._now[name]
        due = [one for one in schedule.activations if one.since <= at]
        for one in reversed(due[:-1]):
            if one.release == self._files[name].release:
                break
            try:
                dialect = self.compiled(one.release).dialect
            except HubError:
                continue
            assert dialect is not None
            return InForce(dialect, one.release, one.version)
        return self._files[name]

    def _ready(self, later: Activation) -> None:
        try:
            self.compiled(later.release)
        except HubError as error:
            log.error(
                "%s: version %s is to come into force at %s and cannot be used here: %s",
                later.dialect,
                later.version,
                later.since.isoformat(),
                error,
            )

    # ------------------------------------------------------------ by name
    def files(self, name: str) -> InForce:
        """What the hub's own files say of a dialect, in force or not."""
        return self._files[name]

    def release_of_files(self, name: str) -> Release | None:
        return self._releases.get(name)

    def differs_from_files(self, name: str) -> bool:
        """Whether a version is in force that is not what the files say: the files then are only a source for a draft."""
        return self.in_force(name).release != self._files[name].release

    def schedule(self, name: str) -> Schedule:
        return self._schedules.get(name, Schedule())

    def code_known(self, system: str, code: str) -> bool:
        """Whether a release in force has a code in its list of a system, though the files may not."""
        for name in self._schedules:
            entry = self.in_force(name)
            compiled = self._compiled.get(entry.release or "") if entry.version else None
            found: CodeList | None = compiled.lists.get(system) if compiled else None
            if found is not None and code in found.names:
                return True
        return False

    def was_in_force(self, version: str, name: str) -> bool:
        """Whether a version is in force, or once was. Asks the store."""
        if self._shelf is None or self._clock is None:
            return False
        at = self._clock.technical()
        return any(one.version == version and one.since <= at for one in self._shelf.schedule(name).activations)

    def release(self, reference: str, dialect: str | None = None) -> Dialect:
        """The dialect of a release, compiled when it is wanted.

        `reference`: a version (`map_…`), the string that a transfer or rendition recorded, a release's hash,
        `files` or `current` (for these two name the `dialect`, or write `files:prison`). Raises `NotFound`,
        or `UnusableRelease` where this hub cannot compile it.
        """
        return self.find(reference, dialect).dialect

    def find(self, reference: str, dialect: str | None = None) -> InForce:
        """The same, with the release's hash."""
        word, _, named = reference.partition(":")
        if word in (FILES, CURRENT):
            name = named or dialect or ""
            if name not in self._files:
                raise _unknown(reference, name)
            return self._files[name] if word == FILES else self.in_force(name)
        for entry in (*self._now.values(), *self._files.values()):
            if reference in (entry.release, entry.version) or reference in entry.dialect.versions.values():
                return entry
        release = self._hash_of(reference)
        if release is None:
            raise _unknown(reference, dialect)
        compiled = self.compiled(release)
        assert compiled.dialect is not None
        return InForce(compiled.dialect, release, reference if reference.startswith("map_") else None)

    def _hash_of(self, reference: str) -> str | None:
        if self._shelf is None:
            return None
        if reference.startswith("map_"):
            version = self._shelf.version(reference)
            return version.release if version else None
        if "/" in reference:
            return self._shelf.release_recorded(reference)
        return reference if self._shelf.content(reference) else None

    def compiled(self, release: str) -> Compiled:
        """A kept release, compiled. Raises `NotFound`, or `UnusableRelease` with the findings."""
        with self._lock:
            found = self._compiled.get(release)
            if found is not None:
                self._compiled.move_to_end(release)
                return found
        if self._shelf is None or self._compile is None:
            raise _unknown(release, None)
        kept = self._shelf.content(release)
        if kept is None:
            raise _unknown(release, None)
        if release in self._failed:
            raise self._failed[release]
        made = self._compile(Release.unpacked(*kept))
        if made.dialect is None or made.findings:
            error = UnusableRelease([Fault(f.rule, f"{f.file}:{f.line}", f.zh, f.en) for f in made.findings])
            self._failed[release] = error  # the same bytes and the same program: trying again ends the same way
            raise error
        with self._lock:
            self._compiled[release] = made
            needed = {entry.release for entry in self._now.values()}
            for old in list(self._compiled)[: max(0, len(self._compiled) - KEPT_COMPILED)]:
                if old not in needed:
                    del self._compiled[old]
        return made

    # ------------------------------------------------------------ on record
    def register_files(self) -> None:
        """Put on record what this hub runs by its files alone, so that every release that ever ran is known and can be gone
        back to. Where a version is in force, the files are not what runs, and nothing is recorded."""
        if self._shelf is None or self._clock is None:
            return
        self.refresh()
        for name, entry in self._files.items():
            at = self._clock.technical()
            here = self.schedule(name).in_force(at)
            if entry.release is None or self.schedule(name).governed(at) or (here and here.release == entry.release):
                continue
            with self._shelf.begin(name) as step:
                record_files(step, entry.release, at)
        self.refresh()
        for name in self._files:
            if self.differs_from_files(name):
                log.warning(
                    "%s: version %s is in force; the files say something else, and are only a source for a draft",
                    name,
                    self.in_force(name).version,
                )


def record_files(step: MappingUnit, release: str, at: datetime) -> None:
    """The files of a dialect that nobody governs are in force from now on. Nothing happens where somebody governs it."""
    schedule = step.schedule()
    here = schedule.in_force(at)
    if schedule.governed(at) or (here is not None and here.release == release):
        return
    known = [one for one in step.versions() if one.origin == FROM_FILES and one.release == release]
    version = (
        known[0]
        if known
        else step.add_version(origin=FROM_FILES, state=VersionState.ACTIVE, release=release, by=FROM_FILES)
    )
    step.change(version.id, state=VersionState.ACTIVE, active_from=at)
    step.activate(version.id, release, at, FROM_FILES, FROM_FILES, None)
    step.note("in-force", version=version.id, by=FROM_FILES, release=release, note=None)
    if here is not None and here.version != version.id:
        step.change(here.version, state=VersionState.RETIRED)
        step.note("retired", version=here.version, by=FROM_FILES, release=here.release, note=None)


def _unknown(reference: str, dialect: str | None) -> NotFound:
    of = f"（方言“{dialect}”）" if dialect else ""
    return NotFound(
        [
            Fault(
                "mapping.unknown",
                "",
                f"没有映射版本“{reference}”{of}：应为版本编号（map_…）、移送所记的映射、内容哈希、files或current",
                f"there is no mapping {reference!r}: a version (map_…), the mapping that a transfer records, a release's hash, "
                "`files` or `current` is expected",
                value=reference,
            )
        ]
    )
