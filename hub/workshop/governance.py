"""A mapping's way into force: who may take which step, what each step needs, and the line in the audit that it leaves.

Everything is decided in one transaction with the dialect's lock held, so that of two people who act in the same moment one
comes second and is told what the first has done. What the mappings do is none of its concern: it compiles and proves them
through functions that it is given.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.domain.faults import Conflict, Fault, NotAllowed, NotFound, Refused
from hub.domain.mapping_versions import (
    DRAFTED,
    FROM_FILES,
    IMPORTED,
    MAY,
    NOTICE,
    STEPS,
    UNDER_WAY,
    Activation,
    MappingEvent,
    Operator,
    Schedule,
    StoredVersion,
    VersionState,
)
from hub.findings import Finding
from hub.ports import Clock, MappingShelf, MappingUnit
from hub.translation.release import MOST_BYTES, Compile, Compiled, NotARelease, Release

S = VersionState
#: The fewest characters of a content's hash by which an approver names what was seen.
HASH_SHOWN = 8
#: The form of the file that carries a version from one hub to another.
FORMAT = "santong-mapping-version/1"
MANIFEST, CONTENT = "manifest.json", "release/"
#: Characters of a note or reason.
NOTE_LIMIT = 2_000
#: Who is named where no person acted.
HUB = "hub"

WORDS: Mapping[str, tuple[str, str]] = {
    S.DRAFT: ("草稿", "draft"),
    S.CHECKED: ("已检查", "checked"),
    S.PROPOSED: ("待批准", "proposed"),
    S.APPROVED: ("已批准", "approved"),
    S.ACTIVE: ("已启用", "active"),
    S.RETIRED: ("已停用", "retired"),
    S.REJECTED: ("被退回", "rejected"),
    S.WITHDRAWN: ("已撤回", "withdrawn"),
    "scheduled": ("待启用", "scheduled"),
}
STEP_WORDS: Mapping[str, tuple[str, str]] = {
    "look": ("查看", "look at"),
    "draft": ("起草", "draft"),
    "edit": ("修改", "edit"),
    "check": ("检查", "check"),
    "propose": ("提请批准", "propose"),
    "approve": ("批准", "approve"),
    "reject": ("退回", "reject"),
    "withdraw": ("撤回", "withdraw"),
    "activate": ("启用", "activate"),
    "retire": ("停用", "retire"),
    "rollback": ("回退", "roll back"),
    "operators": ("管理人员", "add and remove operators"),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks of one content came to. `findings` keep it from being proposed, `warnings` do not."""

    findings: Sequence[Finding] = ()
    warnings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A version as it stands at a moment: `standing` is its state, with `scheduled` for what is active from a moment to come
    and `retired` for what was overtaken."""

    version: StoredVersion
    standing: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class Governance:
    """The steps. `check` is everything that this hub can find out about a release, `compile` the least that it must do."""

    shelf: MappingShelf
    clock: Clock
    compile: Compile
    check_release: Callable[[Release], Checked]
    files: Callable[[str], Release | None]
    dialects: Callable[[], Sequence[str]]
    notice: timedelta = field(default=timedelta(seconds=NOTICE))

    # ------------------------------------------------------------ looking
    def version(self, version: str) -> StoredVersion:
        """Raises `NotFound`."""
        found = self.shelf.version(version)
        if found is None:
            raise NotFound(
                [
                    Fault(
                        "mapping.unknown",
                        "",
                        f"没有映射版本“{version}”（编号如map_…）",
                        f"there is no mapping version {version!r} (an id like map_… is expected)",
                        value=version,
                    )
                ]
            )
        return found

    def release_of(self, version: StoredVersion) -> Release:
        kept = self.shelf.content(version.release)
        assert kept is not None, "a version's content is kept before the version"
        return Release.unpacked(*kept)

    def shown(self, versions: Sequence[StoredVersion]) -> list[Shown]:
        """Versions as they stand now."""
        at = self.clock.technical()
        schedules = {name: self.shelf.schedule(name) for name in {one.dialect for one in versions}}
        return [_shown(one, schedules[one.dialect], at) for one in versions]

    def history(self, version: str) -> list[MappingEvent]:
        return self.shelf.events(version=version)

    # ------------------------------------------------------------ a draft
    def draft(self, by: Operator, release: Release, note: str | None = None) -> StoredVersion:
        """A new version with this content. Raises `Conflict` where the same content is under way or in force already."""
        allowed(by, "draft")
        self._known_dialect(release.dialect)
        return self._begin_version(by, release, DRAFTED, "drafted", _note(note))

    def _begin_version(
        self,
        by: Operator,
        release: Release,
        origin: str,
        kind: str,
        note: str | None,
        foreign: Mapping[str, Any] | None = None,
    ) -> StoredVersion:
        self._keep(release)
        with self.shelf.begin(release.dialect) as step:
            at = self._settled(step, release.dialect)
            self._not_there_already(step, release, at, except_for=None)
            version = step.add_version(
                origin=origin, state=S.DRAFT, release=release.hash, by=by.name, note=note, foreign=foreign
            )
            step.note(kind, version=version.id, by=by.name, release=release.hash, note=note)
        return version

    def edit(
        self, by: Operator, version: str, release: Release, note: str | None = None, base: str | None = None
    ) -> StoredVersion:
        """Another content for a draft; it has to be checked again. `base`: the hash of the content that this one was made from;
        raises `Conflict` where somebody has put another one in its place meanwhile."""
        seen = self.version(version)
        if release.dialect != seen.dialect:
            raise Refused(
                [
                    Fault(
                        "mapping.dialect",
                        "",
                        f"{version}是方言“{seen.dialect}”的版本，不是“{release.dialect}”的",
                        f"{version} is a version of {seen.dialect!r}, not of {release.dialect!r}",
                        value=release.dialect,
                    )
                ]
            )
        self._keep(release)
        with self._step(by, version, "edit") as (step, found):
            if base is not None and found.release != base:
                raise Conflict([_changed_meanwhile(found)])
            self._not_there_already(step, release, self.clock.technical(), except_for=version)
            step.change(version, state=S.DRAFT, release=release.hash, findings=[])
            step.note(
                "edited", version=version, by=by.name, release=release.hash, note=_note(note), before=found.release
            )
        return self.version(version)

    def check(self, by: Operator, version: str) -> tuple[StoredVersion, Checked]:
        """Try everything on a draft. Without findings it is checked; with findings it is a draft, and they are kept."""
        allowed(by, "check")
        seen = self.version(version)
        _permitted(seen, "check")
        found = self.check_release(self.release_of(seen))  # takes a while: no lock is held meanwhile
        with self._step(by, version, "check") as (step, now):
            if now.release != seen.release:
                raise Conflict([_changed_meanwhile(now)])
            state = S.DRAFT if found.findings else S.CHECKED
            told = [finding.as_dict() for finding in found.findings]
            step.change(version, state=state, findings=told)
            step.note(
                "checked",
                version=version,
                by=by.name,
                release=now.release,
                note=None,
                findings=len(told),
                warnings=[finding.as_dict() for finding in found.warnings],
            )
        return self.version(version), found

    def propose(self, by: Operator, version: str, note: str | None = None) -> StoredVersion:
        with self._step(by, version, "propose") as (step, found):
            step.change(version, state=S.PROPOSED)
            step.note("proposed", version=version, by=by.name, release=found.release, note=_note(note))
        return self.version(version)

    # ------------------------------------------------------------ somebody else
    def approve(self, by: Operator, version: str, seen_hash: str, note: str | None = None) -> StoredVersion:
        """Approve exactly the content that was seen: `seen_hash` is its hash, or the first characters of it. Raises
        `NotAllowed` for whoever had a hand in it, `Conflict` where the content is another."""
        with self._step(by, version, "approve") as (step, found):
            self._somebody_else(step, by, found)
            if len(seen_hash) < HASH_SHOWN or not found.release.startswith(seen_hash.lower()):
                raise Conflict(
                    [
                        Fault(
                            "mapping.hash",
                            "/hash",
                            f"您看到的内容（{seen_hash[:64]}）不是这个版本现在的内容（{found.release}）；请重新查看后，以其哈希的前{HASH_SHOWN}位以上批准",
                            f"what you saw ({seen_hash[:64]}) is not what this version holds ({found.release}); look again, and "
                            f"approve by at least {HASH_SHOWN} characters of its hash",
                            value=seen_hash,
                        )
                    ]
                )
            step.change(version, state=S.APPROVED)
            step.note("approved", version=version, by=by.name, release=found.release, note=_note(note))
        return self.version(version)

    def reject(self, by: Operator, version: str, reason: str) -> StoredVersion:
        """Refuse it, with a reason that its editor can act on."""
        if not reason.strip():
            raise Refused(
                [Fault("mapping.reason", "/reason", "退回须写明理由", "a rejection needs a reason", value=reason)]
            )
        with self._step(by, version, "reject") as (step, found):
            self._somebody_else(step, by, found)
            step.change(version, state=S.REJECTED)
            step.note("rejected", version=version, by=by.name, release=found.release, note=_note(reason))
        return self.version(version)

    def _somebody_else(self, step: MappingUnit, by: Operator, found: StoredVersion) -> None:
        hands = step.editors(found.id)
        if by.name in hands:
            raise NotAllowed(
                [
                    Fault(
                        "mapping.two-persons",
                        "",
                        f"{by.name}参与过这个版本（{'、'.join(sorted(hands))}），须由另一人决定",
                        f"{by.name} had a hand in this version ({', '.join(sorted(hands))}); somebody else must decide",
                        value=by.name,
                    )
                ]
            )

    def withdraw(self, by: Operator, version: str, note: str | None = None) -> StoredVersion:
        with self._step(by, version, "withdraw") as (step, found):
            step.change(version, state=S.WITHDRAWN)
            step.note("withdrawn", version=version, by=by.name, release=found.release, note=_note(note))
        return self.version(version)

    # ------------------------------------------------------------ in force
    def activate(
        self, by: Operator, version: str, at: datetime | None = None, note: str | None = None
    ) -> StoredVersion:
        """In force from a moment, or from now (as soon as every process of the hub has heard of it). What is accepted before
        stays with what it was accepted under. Raises `Refused` for a moment that is past, or where this hub cannot use it."""
        seen = self.version(version)
        allowed(by, "activate")
        _permitted(seen, "activate")
        compiled = self._usable(self.release_of(seen))
        self.shelf.keep(seen.dialect, seen.release, compiled.release.packed(), compiled.recorded())
        with self._step(by, version, "activate") as (step, found):
            now = self.clock.technical()
            if at is not None and at < now:
                raise Refused(
                    [
                        Fault(
                            "mapping.past",
                            "/at",
                            f"启用时间{at.isoformat()}已过；请给出将来的时间，或不给时间即刻启用",
                            f"{at.isoformat()} is past; give a moment to come, or none to activate it now",
                            value=at.isoformat(),
                        )
                    ]
                )
            since = max(at or now, now + self.notice)
            self._files_on_record(step, found.dialect, now)
            step.change(version, state=S.ACTIVE, active_from=since)
            step.activate(version, found.release, since, "activation", by.name, None)
            step.note(
                "activated",
                version=version,
                by=by.name,
                release=found.release,
                note=_note(note),
                since=since.isoformat(),
            )
        return self.version(version)

    def retire(self, by: Operator, version: str, note: str | None = None) -> StoredVersion:
        """Call off what is approved or to come into force. What is in force is followed by another, never by nothing."""
        with self._step(by, version, "retire") as (step, found):
            at = self.clock.technical()
            schedule = step.schedule()
            here = schedule.in_force(at)
            if here is not None and here.version == version:
                raise Conflict(
                    [
                        Fault(
                            "mapping.in-force",
                            "",
                            f"{version}正在使用，不能停用；请启用另一个版本，或用rollback回到上一个",
                            f"{version} is in force; activate another version, or roll back to the one before",
                            value=version,
                        )
                    ]
                )
            for coming in schedule.to_come(at):
                if coming.version == version:
                    step.call_off(coming.seq)
            step.change(version, state=S.RETIRED, active_from=None)
            step.note("retired", version=version, by=by.name, release=found.release, note=_note(note))
        return self.version(version)

    def rollback(self, by: Operator, dialect: str, note: str | None = None) -> tuple[StoredVersion, StoredVersion]:
        """Put the version before the one in force into force again, now: one person, one step. Returns (from, to). What is
        planned for a moment to come is called off: it was planned on what turned out wrong."""
        allowed(by, "rollback")
        self._known_dialect(dialect)
        with self.shelf.begin(dialect) as step:
            at = self._settled(step, dialect)
            schedule = step.schedule()
            here, back = schedule.in_force(at), schedule.before(at)
            if here is None or back is None:
                raise Conflict(
                    [
                        Fault(
                            "mapping.nothing-before",
                            "",
                            f"方言“{dialect}”没有更早启用过的版本可以回退",
                            f"nothing was in force for {dialect!r} before what is now",
                            value=dialect,
                        )
                    ]
                )
            self._usable(self.release_of(self.version(back.version)))
            for coming in schedule.to_come(at):
                step.call_off(coming.seq)
                step.change(coming.version, state=S.RETIRED, active_from=None)
                step.note("called-off", version=coming.version, by=by.name, release=coming.release, note=None)
            since = at + self.notice
            step.change(back.version, state=S.ACTIVE, active_from=since)
            step.activate(back.version, back.release, since, "rollback", by.name, back.seq)
            step.note(
                "rolled-back",
                version=back.version,
                by=by.name,
                release=back.release,
                note=_note(note),
                since=since.isoformat(),
                instead_of=here.version,
            )
        return self.version(here.version), self.version(back.version)

    def _usable(self, release: Release) -> Compiled:
        """A release as this hub compiles it. Raises `Refused` with the findings where it cannot be used here."""
        compiled = self.compile(release)
        if compiled.dialect is None or compiled.findings:
            raise Refused([Fault(f.rule, f"{f.file}:{f.line}", f.zh, f.en) for f in compiled.findings])
        return compiled

    def settle(self, dialect: str) -> None:
        """Write down what has come into force since, and what that has overtaken."""
        with self.shelf.begin(dialect) as step:
            self._settled(step, dialect)

    # ------------------------------------------------------------ from hub to hub
    def export(self, version: str) -> bytes:
        """A file that another hub takes: the content, its hash, and what happened to it here."""
        found = self.version(version)
        release = self.release_of(found)
        manifest = {
            "format": FORMAT,
            "dialect": found.dialect,
            "version": found.id,
            "number": found.number,
            "state": found.state.value,
            "hash": found.release,
            "note": found.note,
            "exported_at": self.clock.technical().isoformat(),
            "events": [
                {"kind": one.kind, "by": one.by, "at": one.at.isoformat(), "hash": one.release, "note": one.note}
                for one in self.history(version)
            ],
        }
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
            for path in sorted(release.files):
                archive.writestr(CONTENT + path, release.files[path])
        return out.getvalue()

    def take(self, by: Operator, content: bytes, note: str | None = None) -> StoredVersion:
        """A draft of what another hub exported. Its approvals there are kept to be read, and count for nothing here. Raises
        `NotARelease` where the content is not what its hash says."""
        allowed(by, "draft")
        manifest = _manifest(content)
        release = Release.unpacked(str(manifest["dialect"]), content, CONTENT)
        if release.hash != manifest["hash"]:
            raise NotARelease(
                [
                    Fault(
                        "release.hash",
                        "",
                        f"内容与清单不符：清单所记为{manifest['hash']}，实际为{release.hash}",
                        f"the content is not what its manifest says: {manifest['hash']} there, {release.hash} in fact",
                        value=release.hash,
                    )
                ]
            )
        self._known_dialect(release.dialect)
        return self._begin_version(by, release, IMPORTED, "imported", _note(note), manifest)

    # ------------------------------------------------------------ within a step
    def _step(self, by: Operator, version: str, name: str) -> _Step:
        allowed(by, name)
        return _Step(self, self.version(version), name)

    def _settled(self, step: MappingUnit, dialect: str) -> datetime:
        """Of what has come into force since: the state of each version is what the schedule says. Returns now."""
        at = self.clock.technical()
        here = step.schedule().in_force(at)
        if here is None:
            return at
        for one in step.versions():
            overtaken = one.state is S.ACTIVE and one.id != here.version and not _to_come(step.schedule(), one, at)
            if overtaken and (one.active_from is None or one.active_from <= at):
                step.change(one.id, state=S.RETIRED)
                step.note("retired", version=one.id, by=HUB, release=one.release, note=None, followed_by=here.version)
        return at

    def _not_there_already(self, step: MappingUnit, release: Release, at: datetime, except_for: str | None) -> None:
        here = step.schedule().in_force(at)
        for one in step.versions():
            if one.release != release.hash or one.id == except_for:
                continue
            if one.state in UNDER_WAY or (here is not None and here.version == one.id):
                zh, en = WORDS[one.state]
                raise Conflict(
                    [
                        Fault(
                            "mapping.same",
                            "",
                            f"内容与{one.id}（第{one.number}版，{zh}）完全相同",
                            f"this is the same as {one.id} (number {one.number}, {en})",
                            value=one.id,
                        )
                    ]
                )

    def _files_on_record(self, step: MappingUnit, dialect: str, at: datetime) -> None:
        """The first version that is activated follows what the files say: that is on record, so that one can go back."""
        if step.schedule().in_force(at) is not None:
            return
        release = self.files(dialect)
        if release is None:
            return
        version = step.add_version(origin=FROM_FILES, state=S.ACTIVE, release=release.hash, by=FROM_FILES)
        step.change(version.id, active_from=at)
        step.activate(version.id, release.hash, at, FROM_FILES, FROM_FILES, None)
        step.note("in-force", version=version.id, by=FROM_FILES, release=release.hash, note=None)

    def _keep(self, release: Release) -> None:
        self.shelf.keep(release.dialect, release.hash, release.packed(), ())

    def _known_dialect(self, dialect: str) -> None:
        if dialect not in self.dialects():
            known = "、".join(self.dialects())
            raise NotFound(
                [
                    Fault(
                        "dialect.unknown",
                        "",
                        f"本系统没有方言“{dialect}”；有：{known}。新系统先以文件接入（dialects/{dialect}/），此后的变更再经版本",
                        f"this hub has no dialect {dialect!r}; it has {known.replace('、', ', ')}. A new system joins by files "
                        f"(dialects/{dialect}/), its later changes are versions",
                        value=dialect,
                    )
                ]
            )


class _Step:
    """One step of one version: the lock is held, the version is as it is now, and the step is permitted from its state."""

    def __init__(self, governance: Governance, seen: StoredVersion, name: str) -> None:
        self._governance, self._seen, self._name = governance, seen, name
        self._held = governance.shelf.begin(seen.dialect)

    def __enter__(self) -> tuple[MappingUnit, StoredVersion]:
        step = self._held.__enter__()
        try:
            self._governance._settled(step, self._seen.dialect)
            found = step.version(self._seen.id)
            assert found is not None
            _permitted(found, self._name)
        except BaseException as error:
            self._held.__exit__(type(error), error, error.__traceback__)
            raise
        return step, found

    def __exit__(self, *raised: Any) -> bool | None:
        return self._held.__exit__(*raised)


def allowed(by: Operator, step: str) -> None:
    """Raises `NotAllowed` where none of the person's roles may take the step."""
    if not by.may(step):
        zh, en = STEP_WORDS[step]
        roles = sorted(MAY[step])
        raise NotAllowed(
            [
                Fault(
                    "operator.role",
                    "",
                    f"{by.name}不能{zh}：需要{'或'.join(roles)}的角色",
                    f"{by.name} may not {en}: the role {' or '.join(roles)} is needed",
                    value=by.name,
                )
            ]
        )


def _permitted(version: StoredVersion, step: str) -> None:
    if version.state in STEPS[step]:
        return
    zh, en = STEP_WORDS[step]
    allowed = sorted(STEPS[step], key=list(VersionState).index)
    raise Conflict(
        [
            Fault(
                "mapping.state",
                "",
                f"{version.id}现为“{WORDS[version.state][0]}”，不能{zh}；只有{'、'.join(WORDS[one][0] for one in allowed)}的版本可以",
                f"{version.id} is {WORDS[version.state][1]}; {en} is for what is {' or '.join(WORDS[one][1] for one in allowed)}",
                value=version.state.value,
            )
        ]
    )


def _changed_meanwhile(version: StoredVersion) -> Fault:
    return Fault(
        "mapping.changed",
        "",
        f"{version.id}的内容在检查期间又有修改，请重新检查",
        f"the content of {version.id} changed while it was checked; check it again",
        value=version.release,
    )


def _note(note: str | None) -> str | None:
    text = (note or "").strip()
    return text[:NOTE_LIMIT].replace("\0", "") or None


def _to_come(schedule: Schedule, version: StoredVersion, at: datetime) -> Activation | None:
    return next((one for one in schedule.to_come(at) if one.version == version.id), None)


def _shown(version: StoredVersion, schedule: Schedule, at: datetime) -> Shown:
    here = schedule.in_force(at)
    in_force = here is not None and here.version == version.id
    standing = version.state.value
    if version.state is S.ACTIVE and not in_force:
        standing = "scheduled" if _to_come(schedule, version, at) else S.RETIRED.value
    return Shown(version, standing, in_force)


_HEX = re.compile(r"[0-9a-f]{64}")


def _manifest(content: bytes) -> dict[str, Any]:
    """What an exported file says of itself. Raises `NotARelease`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entry = archive.getinfo(MANIFEST)
            if entry.file_size > MOST_BYTES:
                raise ValueError("its manifest is too large")
            found = json.loads(archive.read(entry))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RuntimeError, NotImplementedError) as error:
        raise NotARelease([_no_export(str(error))]) from error
    if (
        not isinstance(found, dict)
        or found.get("format") != FORMAT
        or not isinstance(found.get("dialect"), str)
        or not re.fullmatch(r"[\w.-]{1,64}", found["dialect"])
        or not _HEX.fullmatch(str(found.get("hash")))
        or not isinstance(found.get("events"), list)
    ):
        raise NotARelease([_no_export(f"format {FORMAT}")])
    return found


def _no_export(why: str) -> Fault:
    return Fault(
        "release.manifest",
        "",
        f"这不是hub mapping export导出的文件：{why}",
        f"this is no file that hub mapping export has made: {why}",
    )
