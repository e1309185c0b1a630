"""A change of a mapping takes its steps in order, needs two people, is bound to its content, and leaves a line for each step."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.faults import Conflict, HubError, NotAllowed, NotFound, Refused
from hub.domain.mapping_versions import ADMINISTRATOR, APPROVER, EDITOR, STEPS, Operator, StoredVersion, VersionState
from hub.flow.parts import Hub
from hub.translation.release import NotARelease, Release
from tests.flow_hub import MAPPINGS, StoppedClock, at_once, make_hub
from tests.integration.mappings.conftest import changed

THEN = datetime(2021, 3, 1, tzinfo=UTC)
LI = Operator("li", frozenset({EDITOR}), "admin", THEN)
WANG = Operator("wang", frozenset({APPROVER}), "admin", THEN)
ZHAO = Operator("zhao", frozenset({EDITOR, APPROVER}), "admin", THEN)
ADMIN = Operator("admin", frozenset({ADMINISTRATOR}), "hub", THEN)

S = VersionState


class Desk:
    """Brings a version of the prison's dialect to a state, the steps in their order."""

    def __init__(self, hub: Hub, clock: StoppedClock) -> None:
        self.hub, self.clock, self.number = hub, clock, 0

    def draft(self, note: str = "") -> StoredVersion:
        self.number += 1
        return self.hub.governance.draft(LI, changed(self.hub, "prison", note or f"change {self.number}"))

    def at(self, state: VersionState) -> StoredVersion:
        governance, version = self.hub.governance, self.draft()
        if state in (S.CHECKED, S.PROPOSED, S.APPROVED, S.ACTIVE, S.RETIRED, S.REJECTED):
            governance.check(LI, version.id)
        if state in (S.PROPOSED, S.APPROVED, S.ACTIVE, S.RETIRED, S.REJECTED):
            governance.propose(LI, version.id)
        if state in (S.APPROVED, S.ACTIVE, S.RETIRED):
            governance.approve(WANG, version.id, version.release)
        if state is S.ACTIVE:
            governance.activate(WANG, version.id)
            self.pass_by()
        if state is S.RETIRED:
            governance.retire(WANG, version.id)
        if state is S.REJECTED:
            governance.reject(WANG, version.id, "not yet")
        if state is S.WITHDRAWN:
            governance.withdraw(LI, version.id)
        found = governance.version(version.id)
        assert found.state is state
        return found

    def pass_by(self, seconds: float = 3) -> None:
        """Time passes, and the hub looks what is in force."""
        self.clock.move(seconds)
        self.hub.dialects.refresh()
        self.hub.governance.settle("prison")

    def take(self, step: str, version: StoredVersion, by: Operator) -> object:
        governance = self.hub.governance
        calls: dict[str, Callable[[], object]] = {
            "edit": lambda: governance.edit(by, version.id, changed(self.hub, "prison", f"edit {version.id}")),
            "check": lambda: governance.check(by, version.id),
            "propose": lambda: governance.propose(by, version.id),
            "approve": lambda: governance.approve(by, version.id, version.release),
            "reject": lambda: governance.reject(by, version.id, "why"),
            "withdraw": lambda: governance.withdraw(by, version.id),
            "activate": lambda: governance.activate(by, version.id),
            "retire": lambda: governance.retire(by, version.id),
        }
        return calls[step]()


@pytest.fixture
def desk(sqlite_hub: Hub, clock: StoppedClock) -> Desk:
    return Desk(sqlite_hub, clock)


@pytest.fixture
def each_desk(hub: Hub, clock: StoppedClock) -> Desk:
    """On each kind of database: where two act in the same moment, it is the database that decides."""
    return Desk(hub, clock)


WHO = {"approve": WANG, "reject": WANG}


@pytest.mark.parametrize("state", VersionState)
def test_a_step_that_the_state_does_not_allow_is_refused_in_a_sentence(desk: Desk, state: VersionState) -> None:
    version = desk.at(state)
    before = desk.hub.mappings.events(version=version.id)
    for step in (step for step in STEPS if state not in STEPS[step]):
        with pytest.raises(Conflict) as refused:
            desk.take(step, version, WHO.get(step, LI))
        (fault,) = refused.value.faults
        assert fault.rule == "mapping.state"
        assert version.id in fault.zh
        assert version.id in fault.en
    assert desk.hub.governance.version(version.id) == version
    assert desk.hub.mappings.events(version=version.id) == before


def test_a_step_that_the_state_allows_is_taken_and_written_down(desk: Desk) -> None:
    for state, step in [(state, step) for state in VersionState for step in STEPS if state in STEPS[step]]:
        version = desk.at(state)
        if (state, step) == (S.ACTIVE, "retire"):
            with pytest.raises(Conflict, match="in force"):
                desk.take(step, version, WANG)
            continue
        desk.take(step, version, WHO.get(step, LI))
        last = desk.hub.mappings.events(version=version.id)[-1]
        now = desk.hub.governance.version(version.id)
        assert now.state is not state or step in ("edit", "check")
        assert (last.by, last.release, last.at) == (WHO.get(step, LI).name, now.release, desk.clock.technical())


def test_each_step_needs_its_role(desk: Desk) -> None:
    for step, by in [
        ("edit", WANG),
        ("check", ADMIN),
        ("propose", WANG),
        ("withdraw", WANG),
        ("approve", LI),
        ("reject", LI),
        ("activate", ADMIN),
        ("retire", ADMIN),
    ]:
        version = desk.at(next(state for state in VersionState if state in STEPS[step]))
        with pytest.raises(NotAllowed, match="role"):
            desk.take(step, version, by)
    with pytest.raises(NotAllowed, match="role"):
        desk.hub.governance.draft(WANG, changed(desk.hub, "prison", "x"))
    with pytest.raises(NotAllowed, match="role"):
        desk.hub.governance.rollback(LI, "prison")


@pytest.mark.parametrize("hand", ["drafts", "edits", "proposes"])
def test_whoever_had_a_hand_in_it_does_not_decide_on_it(desk: Desk, hand: str) -> None:
    governance = desk.hub.governance
    version = governance.draft(ZHAO if hand == "drafts" else LI, changed(desk.hub, "prison", "one"))
    if hand == "edits":
        version = governance.edit(ZHAO, version.id, changed(desk.hub, "prison", "two"))
    governance.check(LI, version.id)
    governance.propose(ZHAO if hand == "proposes" else LI, version.id)
    for decide in (
        lambda: governance.approve(ZHAO, version.id, version.release),
        lambda: governance.reject(ZHAO, version.id, "no"),
    ):
        with pytest.raises(NotAllowed, match="somebody else must decide"):
            decide()
    assert governance.approve(WANG, version.id, version.release).state is S.APPROVED


def test_an_approval_is_of_the_content_that_was_seen(desk: Desk) -> None:
    version = desk.at(S.PROPOSED)
    governance = desk.hub.governance
    for seen in ("0" * 64, version.release[:7], "", version.release + "0"):
        with pytest.raises(Conflict) as refused:
            governance.approve(WANG, version.id, seen)
        assert refused.value.faults[0].pointer == "/hash"
        assert version.release in refused.value.faults[0].en
    assert governance.approve(WANG, version.id, version.release[:12].upper()).state is S.APPROVED


def test_two_who_edit_the_same_content_do_not_undo_each_other(desk: Desk) -> None:
    version = desk.at(S.DRAFT)
    desk.hub.governance.edit(LI, version.id, changed(desk.hub, "prison", "the first"), base=version.release)
    with pytest.raises(Conflict):
        desk.hub.governance.edit(LI, version.id, changed(desk.hub, "prison", "the second"), base=version.release)


def test_what_was_edited_must_be_checked_again(desk: Desk) -> None:
    version = desk.at(S.CHECKED)
    edited = desk.hub.governance.edit(LI, version.id, changed(desk.hub, "prison", "after the check"))
    assert edited.state is S.DRAFT
    assert edited.release != version.release
    with pytest.raises(Conflict, match="propose is for what is checked"):
        desk.hub.governance.propose(LI, version.id)


def test_findings_keep_a_draft_from_being_proposed_and_stay_with_it(desk: Desk) -> None:
    broken = changed(desk.hub, "prison", "broken", b"own_sender: true", b"own_sendr: true")
    version = desk.hub.governance.draft(LI, broken)
    checked, found = desk.hub.governance.check(LI, version.id)
    assert checked.state is S.DRAFT
    assert [finding.rule for finding in found.findings] == [one["rule"] for one in checked.findings]
    (one,) = [one for one in checked.findings if one["rule"] == "dialect.key"]
    assert one["file"] == "mappings/dialects/prison/dialect.yaml"
    assert broken.files["dialects/prison/dialect.yaml"].splitlines()[one["line"] - 1].startswith(b"own_sendr")
    with pytest.raises(Conflict):
        desk.hub.governance.propose(LI, version.id)


def test_a_draft_that_does_not_do_what_an_agency_needs_of_it_has_a_finding(desk: Desk) -> None:
    release = changed(desk.hub, "prison", "deaf")
    path = "dialects/prison/dialect.yaml"
    text = release.files[path].decode()
    deaf = text[: text.index("receives:")] + text[text.index("hint:") :]
    version = desk.hub.governance.draft(LI, Release.of("prison", {**release.files, path: deaf.encode()}))
    rules = {finding.rule for finding in desk.hub.governance.check(LI, version.id)[1].findings}
    assert "dialect.receives-nothing" in rules, "the prison of this county speaks it"


def test_a_contract_that_is_not_the_files_is_told_and_keeps_nothing_from_being_proposed(desk: Desk) -> None:
    release = changed(desk.hub, "prison", "another contract")
    path = "dialects/prison/PrisonExchange.wsdl"
    other = Release.of("prison", {**release.files, path: release.files[path] + b"<!-- new -->"})
    checked, found = desk.hub.governance.check(LI, desk.hub.governance.draft(LI, other).id)
    assert "release.contract-differs" in {warning.rule for warning in found.warnings}
    assert checked.state is S.CHECKED


def test_the_same_content_is_not_drafted_twice(desk: Desk) -> None:
    version = desk.draft("same")
    with pytest.raises(Conflict, match=version.id):
        desk.draft("same")
    of_files = desk.hub.dialects.release_of_files("prison")
    assert of_files is not None
    with pytest.raises(Conflict, match="the same as"):
        desk.hub.governance.draft(LI, of_files)
    desk.hub.governance.withdraw(LI, version.id)
    assert desk.draft("same").id != version.id, "what was withdrawn may be tried again"


def test_from_a_moment_the_new_one_is_in_force_and_the_old_one_retired(desk: Desk) -> None:
    of_files = desk.hub.dialects.in_force("prison").release
    version = desk.at(S.APPROVED)
    moment = desk.clock.technical() + timedelta(hours=1)
    desk.hub.governance.activate(LI, version.id, moment)
    desk.hub.dialects.refresh()
    (shown,) = desk.hub.governance.shown([desk.hub.governance.version(version.id)])
    assert (shown.standing, shown.in_force) == ("scheduled", False)
    desk.clock.move(3599.9)
    assert desk.hub.dialects.in_force("prison").release == of_files
    desk.clock.move(0.1)
    assert desk.hub.dialects.in_force("prison").release == version.release
    desk.pass_by()
    states = {one.id: one.state for one in desk.hub.mappings.versions("prison")}
    assert states.pop(version.id) is S.ACTIVE
    assert set(states.values()) == {S.RETIRED}


def test_at_once_means_as_soon_as_every_process_can_have_heard_of_it(desk: Desk) -> None:
    version = desk.at(S.APPROVED)
    active = desk.hub.governance.activate(LI, version.id)
    assert active.active_from == desk.clock.technical() + timedelta(seconds=2)
    with pytest.raises(Refused, match="past"):
        desk.hub.governance.activate(LI, desk.at(S.APPROVED).id, desk.clock.technical() - timedelta(seconds=1))


def test_a_rollback_goes_back_step_by_step_and_forward_only_by_an_activation(desk: Desk) -> None:
    governance = desk.hub.governance
    with pytest.raises(Conflict, match="nothing was in force"):
        governance.rollback(WANG, "prison")
    first, second = desk.at(S.ACTIVE), desk.at(S.ACTIVE)
    (of_files,) = [one for one in desk.hub.mappings.versions("prison") if one.origin == "files"]
    planned = desk.at(S.APPROVED)
    governance.activate(LI, planned.id, desk.clock.technical() + timedelta(days=1))
    left, back = governance.rollback(WANG, "prison", "wrong dates")
    assert (left.id, back.id) == (second.id, first.id)
    desk.pass_by()
    assert desk.hub.dialects.in_force("prison").version == first.id
    assert governance.version(second.id).state is S.RETIRED
    assert governance.version(planned.id).state is S.RETIRED, (
        "what was planned on the wrong one does not come by itself"
    )
    desk.pass_by(2 * 86400)
    assert desk.hub.dialects.in_force("prison").version == first.id
    assert governance.rollback(WANG, "prison")[1].id == of_files.id
    desk.pass_by()
    assert desk.hub.dialects.in_force("prison").release == of_files.release
    with pytest.raises(Conflict, match="nothing was in force"):
        governance.rollback(WANG, "prison")
    assert desk.at(S.ACTIVE).id == desk.hub.dialects.in_force("prison").version


def test_what_is_to_come_can_be_called_off(desk: Desk) -> None:
    version = desk.at(S.APPROVED)
    desk.hub.governance.activate(LI, version.id, desk.clock.technical() + timedelta(hours=1))
    assert desk.hub.governance.retire(LI, version.id, "not today").state is S.RETIRED
    desk.pass_by(7200)
    assert desk.hub.dialects.in_force("prison").version is None


def test_of_two_who_decide_in_the_same_moment_one_comes_second(each_desk: Desk) -> None:
    governance = each_desk.hub.governance
    version = each_desk.at(S.PROPOSED)
    other = Operator("sun", frozenset({APPROVER}), "admin", THEN)
    results = at_once(
        lambda: governance.approve(WANG, version.id, version.release),
        lambda: governance.approve(other, version.id, version.release),
        lambda: governance.reject(other, version.id, "no"),
    )
    assert len([one for one in results if isinstance(one, StoredVersion)]) == 1
    assert all(isinstance(one, StoredVersion | Conflict) for one in results)
    decided = [one for one in governance.history(version.id) if one.kind in ("approved", "rejected")]
    assert len(decided) == 1


def test_an_edit_and_an_approval_in_the_same_moment_never_approve_what_nobody_saw(each_desk: Desk) -> None:
    governance = each_desk.hub.governance
    for n in range(5):
        version = each_desk.at(S.CHECKED)
        edited = changed(each_desk.hub, "prison", f"in the last moment {n}")
        at_once(
            lambda v=version: governance.propose(LI, v.id),  # type: ignore[misc]
            lambda v=version, e=edited: governance.edit(LI, v.id, e),  # type: ignore[misc]
            lambda v=version: governance.approve(WANG, v.id, v.release),  # type: ignore[misc]
        )
        now = governance.version(version.id)
        if now.state is S.APPROVED:
            assert now.release == version.release
        approved = [one for one in governance.history(version.id) if one.kind == "approved"]
        assert all(one.release == version.release for one in approved)


def test_two_activations_in_the_same_moment_happen_once(each_desk: Desk) -> None:
    version = each_desk.at(S.APPROVED)
    results = at_once(*[lambda: each_desk.hub.governance.activate(LI, version.id)] * 4)
    assert len([one for one in results if isinstance(one, StoredVersion)]) == 1
    assert len(each_desk.hub.mappings.schedule("prison").to_come(each_desk.clock.technical())) == 1


def test_two_rollbacks_in_the_same_moment_go_back_one_step(each_desk: Desk) -> None:
    first, _second = each_desk.at(S.ACTIVE), each_desk.at(S.ACTIVE)
    at_once(*[lambda: each_desk.hub.governance.rollback(WANG, "prison")] * 2)
    each_desk.pass_by()
    assert each_desk.hub.dialects.in_force("prison").version == first.id


def test_every_step_is_in_the_audit_with_who_when_and_which_content(desk: Desk) -> None:
    version = desk.at(S.ACTIVE)
    told = [(one.kind, one.by) for one in desk.hub.governance.history(version.id)]
    assert told == [
        ("drafted", "li"),
        ("checked", "li"),
        ("proposed", "li"),
        ("approved", "wang"),
        ("activated", "wang"),
    ]
    assert {one.release for one in desk.hub.governance.history(version.id)} == {version.release}


# ------------------------------------------------------------------ from hub to hub
def test_what_one_hub_exports_is_a_draft_on_another_and_its_approvals_do_not_count(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    version = desk.at(S.APPROVED)
    exported = desk.hub.governance.export(version.id)
    folder = tmp_path_factory.mktemp("neighbour")
    other = make_hub(folder, f"sqlite:///{folder / 'hub.sqlite'}", MAPPINGS, clock=desk.clock)
    try:
        taken = other.governance.take(LI, exported, "from the city")
        assert (taken.state, taken.origin, taken.release) == (S.DRAFT, "import", version.release)
        assert taken.foreign is not None
        assert [one["kind"] for one in taken.foreign["events"]][-1] == "approved"
        assert other.governance.release_of(taken).files == desk.hub.governance.release_of(version).files
        with pytest.raises(Conflict):
            other.governance.activate(LI, taken.id)
        other.governance.check(LI, taken.id)
        other.governance.propose(LI, taken.id)
        with pytest.raises(NotAllowed, match="somebody else"):
            other.governance.approve(Operator("li", frozenset({APPROVER}), "admin", THEN), taken.id, taken.release)
        other.governance.approve(WANG, taken.id, taken.release)
    finally:
        other.database.close()


def _rewritten(exported: bytes, **files: bytes | None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(exported)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = files.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in files.items():
            if name not in old.namelist() and content is not None:
                new.writestr(name, content)
    return out.getvalue()


def test_a_file_that_was_tampered_with_is_refused(desk: Desk) -> None:
    exported = desk.hub.governance.export(desk.draft().id)
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(exported)).read("manifest.json"))
    path = "release/dialects/prison/admission.escort.yaml"
    for broken in (
        _rewritten(exported, **{path: b"# nothing\n"}),
        _rewritten(exported, **{path: None}),
        _rewritten(exported, **{"release/codelists/extra.yaml": b"name: x\n"}),
        _rewritten(exported, **{"release/../../evil.yaml": b"x"}),
        _rewritten(exported, **{"manifest.json": json.dumps({**manifest, "hash": "0" * 64}).encode()}),
        _rewritten(exported, **{"manifest.json": json.dumps({**manifest, "dialect": "../x"}).encode()}),
        _rewritten(exported, **{"manifest.json": b"[]"}),
        _rewritten(exported, **{"manifest.json": None}),
        exported[:200],
        b"",
    ):
        with pytest.raises(NotARelease):
            desk.hub.governance.take(LI, broken)
    unknown = _rewritten(exported, **{"manifest.json": json.dumps({**manifest, "dialect": "nowhere"}).encode()})
    with pytest.raises(HubError):
        desk.hub.governance.take(LI, unknown)


def test_a_version_that_there_is_not_is_not_found(desk: Desk) -> None:
    for step in STEPS:
        with pytest.raises(NotFound, match="map_nobody"):
            desk.take(step, StoredVersion("map_nobody", "prison", 1, "", S.DRAFT, "", None, (), "", THEN, None), ZHAO)
