"""What is in force changes while the hub runs, at the moment that was decided, and what was in force can be had again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import event

from hub.domain.faults import Conflict, NotFound
from hub.flow.intake import submit_dialect
from hub.flow.live import UnusableRelease
from hub.flow.parts import Hub
from hub.translation.release import Release
from tests.flow_hub import MAPPINGS, StoppedClock, make_hub, notice
from tests.integration.mappings.conftest import changed
from tests.passed_history import PRISON, handover

PutInForce = Callable[..., str]


def test_the_files_are_in_force_until_somebody_decides_otherwise(hub: Hub, put_in_force: PutInForce) -> None:
    of_files = hub.dialects.in_force("prison")
    assert of_files.release is not None
    assert hub.mappings.content(of_files.release) is not None, "what runs by files is kept too"
    assert not hub.dialects.differs_from_files("prison")
    new = changed(hub, "prison", "another")
    version = put_in_force(new)
    assert hub.dialects.in_force("prison").release == of_files.release, "nobody has looked yet"
    assert hub.dialects.refresh()
    assert (hub.dialects.in_force("prison").release, hub.dialects.in_force("prison").version) == (new.hash, version)
    assert hub.dialects.differs_from_files("prison")
    assert not hub.dialects.differs_from_files("court")
    assert not hub.dialects.refresh(), "nothing was decided since"


def test_what_was_decided_for_a_moment_comes_into_force_at_that_moment_without_asking(
    hub: Hub, clock: StoppedClock, put_in_force: PutInForce
) -> None:
    new = changed(hub, "court", "later")
    put_in_force(new, clock.technical() + timedelta(seconds=60))
    hub.dialects.refresh()
    asked: list[str] = []
    event.listen(hub.database.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    clock.move(59.999)
    assert hub.dialects.in_force("court").release != new.hash
    clock.move(0.001)
    assert hub.dialects.in_force("court").release == new.hash
    assert asked == []


def test_a_hub_that_starts_later_has_the_same_in_force(
    hub: Hub, put_in_force: PutInForce, tmp_path_factory: pytest.TempPathFactory, store_url: str, clock: StoppedClock
) -> None:
    new = changed(hub, "city", "kept")
    put_in_force(new)
    other = make_hub(tmp_path_factory.mktemp("other"), store_url, MAPPINGS, clock=clock)
    try:
        assert other.dialects.in_force("city").release == new.hash
    finally:
        other.database.close()


def test_a_release_is_found_by_its_version_its_hash_and_what_was_recorded(hub: Hub, put_in_force: PutInForce) -> None:
    old = hub.dialects["prison"].version("receipt")
    new = changed(hub, "prison", "another")
    version = put_in_force(new)
    hub.dialects.refresh()
    assert hub.dialects.release(version).version("receipt") == hub.dialects["prison"].version("receipt") != old
    assert hub.dialects.release(new.hash) is hub.dialects["prison"]
    assert hub.dialects.release(old).version("receipt") == old
    assert hub.dialects.release("files:prison").version("receipt") == old
    assert hub.dialects.release("files", "prison") is hub.dialects.release("files:prison")
    assert hub.dialects.release("current", "prison") is hub.dialects["prison"]
    for unknown in ("map_none", "prison/receipt@1+00000000", "0" * 64, "files", "current:nobody", ""):
        with pytest.raises(NotFound):
            hub.dialects.release(unknown)


def test_a_release_that_no_file_holds_any_more_is_compiled_from_the_store(
    hub: Hub, put_in_force: PutInForce, clock: StoppedClock
) -> None:
    first, second = changed(hub, "prison", "first"), changed(hub, "prison", "second")
    put_in_force(first)
    hub.dialects.refresh()
    recorded = hub.dialects["prison"].version("receipt")
    hub.mappings.keep("prison", first.hash, first.packed(), [recorded])
    clock.move(5)
    put_in_force(second)
    hub.dialects.refresh()
    assert hub.dialects["prison"].version("receipt") != recorded
    assert hub.dialects.release(recorded).version("receipt") == recorded


def test_what_cannot_be_used_here_leaves_in_force_what_was_and_is_said_once(
    hub: Hub, put_in_force: PutInForce, caplog: pytest.LogCaptureFixture
) -> None:
    before = hub.dialects["prison"]
    put_in_force(changed(hub, "prison", "broken", b"own_sender: true", b"own_sendr: true"))
    with caplog.at_level(logging.ERROR):
        hub.dialects.refresh()
        hub.dialects.refresh()
    assert hub.dialects["prison"] is before
    assert "dialect.key" in {found.rule for found in hub.dialects.unusable["prison"]}
    assert len([record for record in caplog.records if "cannot be used here" in record.message]) == 1
    with pytest.raises(UnusableRelease):
        hub.dialects.release(hub.mappings.versions("prison")[0].id)


def test_a_hub_that_starts_on_what_it_cannot_use_goes_on_with_what_was_before_it(
    hub: Hub, put_in_force: PutInForce, tmp_path_factory: pytest.TempPathFactory, store_url: str, clock: StoppedClock
) -> None:
    """As the processes do that were running: two of one hub must not translate differently."""
    good = changed(hub, "prison", "good")
    put_in_force(good)
    hub.dialects.refresh()
    put_in_force(changed(hub, "prison", "broken", b"own_sender: true", b"own_sendr: true"))
    hub.dialects.refresh()
    other = make_hub(tmp_path_factory.mktemp("other"), store_url, MAPPINGS, clock=clock)
    try:
        assert hub.dialects.in_force("prison").release == good.hash
        assert other.dialects.in_force("prison").release == good.hash
    finally:
        other.database.close()


def test_the_files_are_on_record_as_what_ran_until_a_version_is_in_force(
    hub: Hub, put_in_force: PutInForce, clock: StoppedClock
) -> None:
    (first,) = hub.mappings.versions("police")
    assert (first.origin, first.state, first.release) == ("files", "active", hub.dialects.in_force("police").release)
    hub.dialects.register_files()
    assert hub.mappings.versions("police") == [first], "the same files are not another version"
    put_in_force(changed(hub, "police", "decided"))
    hub.dialects.refresh()
    hub.dialects.register_files()
    assert len(hub.mappings.versions("police")) == 2


def test_a_code_that_only_a_release_in_force_knows_is_no_fault_of_a_record(hub: Hub, put_in_force: PutInForce) -> None:
    release = hub.dialects.release_of_files("prison")
    assert release is not None
    path = next(path for path in release.files if path.endswith("gbt4658.yaml"))
    new = Release.of(
        "prison", {**release.files, path: release.files[path].replace(b"codes:\n", b'codes:\n  "97": \xe6\x96\xb0\n')}
    )
    assert not hub.dialects.code_known("GB/T 4658", "97")
    put_in_force(new)
    hub.dialects.refresh()
    assert hub.dialects.code_known("GB/T 4658", "97")
    record = {**notice(1)["record"], "exchange": "admission.notice"}
    record["person"]["education"] = {"system": "GB/T 4658", "code": "97"}
    assert hub.validate_record("admission.notice", record) == []
    record["person"]["education"] = {"system": "GB/T 4658", "code": "96"}
    assert [(fault.rule, fault.pointer) for fault in hub.validate_record("admission.notice", record)] == [
        ("code.unknown", "/person/education/code")
    ]


def test_a_sender_who_repeats_across_an_activation_gets_the_first_answer(hub: Hub, put_in_force: PutInForce) -> None:
    """The new mapping counts the time of sending, the old one did not: the same bytes are the same message all the same."""
    release = hub.dialects.release_of_files("prison")
    assert release is not None
    path = "dialects/prison/dialect.yaml"
    new = Release.of(
        "prison", {**release.files, path: release.files[path].replace(b"volatile: [HEAD/FSSJ]", b"volatile: []")}
    )
    raw = handover(1)
    first = submit_dialect(hub, PRISON, None, raw, "application/xml")
    put_in_force(new)
    assert hub.dialects.refresh()
    assert submit_dialect(hub, PRISON, None, raw, "application/xml") == first
    with pytest.raises(Conflict):
        submit_dialect(hub, PRISON, None, handover(1, remarks="另一内容"), "application/xml")
