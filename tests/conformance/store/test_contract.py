"""What every store promises the flow (`hub.ports.Unit`), on SQLite and PostgreSQL alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from hub.domain.transfers import DeliveryState, ImpossibleStep
from hub.identity.seal import FernetSeal, key_file, sealing_key
from hub.ports import ConfigError, KeyTaken
from hub.store import tables as t
from hub.store.store import Documents, SharedSessions, Store
from hub.store.unit import Unit
from tests.flow_hub import StoppedClock, at_once

Make = Callable[..., tuple[str, str]]
TO = "bureau.370826"


def submit(unit: Unit, key: str | None, agency: str = "court.370826") -> str:
    return unit.add_submission(
        agency=agency,
        key=key,
        tried_key=key,
        fingerprint="f",
        channel="http",
        dialect=None,
        operation="x" * 5000,
        media_type="y" * 5000,
        raw=b"\0raw",
        raw_size=4,
        status="accepted",
        faults=(),
    )


# ------------------------------------------------------------------ transactions
def test_what_fails_half_way_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.begin() as unit:
        submit(unit, "k1")
        raise ZeroDivisionError
    with store.read() as unit:
        assert unit.submission_by_key("court.370826", "k1") is None


def test_a_key_is_an_agencys_once(store: Store) -> None:
    with store.begin() as unit:
        submit(unit, "k1")
        submit(unit, "k1", "prison.370800")
        submit(unit, None)
        submit(unit, None)
    with pytest.raises(KeyTaken), store.begin() as unit:
        submit(unit, "k1")


def test_many_threads_write_at_once_and_none_is_turned_away(store: Store) -> None:
    def write(n: int) -> None:
        for k in range(10):
            with store.begin() as unit:
                unit.case_for(f"shared {k}")
                submit(unit, f"{n}.{k}")
            with store.read() as unit:
                assert unit.submission_by_key("court.370826", f"{n}.{k}")

    assert at_once(*[lambda n=n: write(n) for n in range(16)]) == [None] * 16
    with store.database.read() as db:
        assert db.execute(text("SELECT count(*) FROM submission")).scalar() == 160
        assert db.execute(text("SELECT count(*) FROM case_file")).scalar() == 10


def test_readers_are_not_held_up_by_a_writer_and_see_what_is_committed(store: Store) -> None:
    with store.begin() as unit:
        submit(unit, "k1")
        seen = at_once(lambda: _known(store, "k1"))
    assert seen == [False]
    assert _known(store, "k1")


def _known(store: Store, key: str) -> bool:
    with store.read() as unit:
        return unit.submission_by_key("court.370826", key) is not None


def test_processes_that_start_at_once_make_the_tables_once(store: Store) -> None:
    assert at_once(*[store.database.create for _ in range(6)]) == [None] * 6


# ------------------------------------------------------------------ times
def test_times_are_stored_as_utc_and_come_back_aware(store: Store) -> None:
    local = datetime(2021, 3, 15, 0, 30, tzinfo=timezone(timedelta(hours=8)))
    with store.database.begin() as db:
        db.execute(insert(t.case).values(id="cas_1", number="n", created_at=local))
    with store.database.read() as db:
        back = db.execute(select(t.case.c.created_at)).scalar_one()
        assert back == local
        assert back.utcoffset() is not None
        if store.database.is_sqlite:
            assert db.execute(text("SELECT created_at FROM case_file")).scalar() == "2021-03-14 16:30:00.000000"
        assert (
            db.execute(
                select(t.case.c.id).where(t.case.c.created_at < datetime(2021, 3, 14, 16, 31, tzinfo=UTC))
            ).scalar()
            == "cas_1"
        )


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StatementError), store.database.begin() as db:
        db.execute(insert(t.case).values(id="cas_1", number="n", created_at=datetime(2021, 3, 15)))


# ------------------------------------------------------------------ lines and releases
def test_the_database_itself_allows_one_outstanding_delivery_of_a_line(store: Store, transfer: Make) -> None:
    with store.begin() as unit:
        made, case = transfer(unit)
        unit.add_delivery(made, TO, "to", case)
    for state in DeliveryState:
        row = {
            "id": f"dlv_{state}",
            "transfer_id": made,
            "recipient": TO,
            "role": "to",
            "case_id": case,
            "status": state.value,
            "release": 0,
            "due_at": datetime.now(UTC),
            "attempts": 0,
        }
        outstanding = state.value in t._OUTSTANDING
        if outstanding:
            with pytest.raises(IntegrityError), store.database.begin() as db:
                db.execute(insert(t.delivery).values(row))
        else:
            with store.database.begin() as db:
                db.execute(insert(t.delivery).values(row))


def test_the_next_of_a_line_follows_in_order_as_soon_as_one_has_arrived(
    store: Store, transfer: Make, clock: StoppedClock
) -> None:
    with store.begin() as unit:
        made, case = transfer(unit)
        ids = []
        for expected in (DeliveryState.READY, DeliveryState.WAITING, DeliveryState.WAITING):
            unit.lock_lines([(TO, case)])
            found, state = unit.add_delivery(made, TO, "to", case)
            assert state is expected
            ids.append(found)
    for n, found in enumerate(ids):
        with store.begin() as unit:
            assert [release.delivery for release in unit.take_ready(clock.technical(), clock.technical(), 10, 10)] == [
                found
            ]
            delivery = unit.delivery(found, lock=True)
            assert delivery is not None
            unit.begin_attempt(delivery, "ren", "call", clock.technical())
            delivery = unit.delivery(found)
            assert delivery is not None
            unit.step(delivery, DeliveryState.DELIVERED)
            assert [d.state for d in unit.deliveries(made)] == [DeliveryState.DELIVERED] * (n + 1) + [
                DeliveryState.READY,
                DeliveryState.WAITING,
            ][: 2 - n]


def test_a_step_that_the_chart_does_not_allow_is_not_stored(store: Store, transfer: Make) -> None:
    with store.begin() as unit:
        made, case = transfer(unit)
        found, _ = unit.add_delivery(made, TO, "to", case)
        delivery = unit.delivery(found)
        assert delivery is not None
        with pytest.raises(ImpossibleStep):
            unit.step(delivery, DeliveryState.DELIVERED)
        unit.step(delivery, DeliveryState.PARKED)
        with pytest.raises(RuntimeError, match="not locked"):
            unit.step(delivery, DeliveryState.WITHDRAWN)


def test_each_release_has_a_number_of_its_own_and_each_delivery_is_released_to_one(
    store: Store, transfer: Make, clock: StoppedClock
) -> None:
    with store.begin() as unit:
        for n in range(60):
            made, case = transfer(unit, f"n{n}")
            unit.add_delivery(made, f"bureau.{n % 3}", "to", case)

    def take() -> list[str]:
        taken: list[str] = []
        for _ in range(6):
            with store.begin() as unit:
                taken += [
                    release.delivery
                    for release in unit.take_ready(clock.technical(), clock.technical() + timedelta(seconds=60), 7, 100)
                ]
        return taken

    taken = [delivery for found in at_once(*[take for _ in range(4)]) for delivery in found]
    assert len(taken) == len(set(taken)) == 60
    clock.move(61)
    with store.begin() as unit:
        assert unit.expire_releases(clock.technical()) == 60
        again = unit.take_ready(clock.technical(), clock.technical(), 100, 100)
    assert {release.number for release in again} == {2}


def test_what_is_due_first_goes_first_and_no_recipient_has_more_out_than_the_window(
    store: Store, transfer: Make, clock: StoppedClock
) -> None:
    with store.begin() as unit:
        for n in range(12):
            made, case = transfer(unit, f"n{n}")
            unit.add_delivery(made, "bureau.dead", "to", case)
        clock.move(1)
        made, case = transfer(unit, "other")
        unit.add_delivery(made, "bureau.alive", "to", case)
    released: list[str] = []
    for _ in range(4):
        with store.begin() as unit:
            released += [
                release.recipient
                for release in unit.take_ready(clock.technical(), clock.technical() + timedelta(seconds=60), 5, 3)
            ]
    assert sorted(released) == ["bureau.alive"] + ["bureau.dead"] * 3
    with store.begin() as unit:
        assert unit.take_ready(clock.technical() - timedelta(days=1), clock.technical(), 5, 10) == []


def test_a_release_that_the_broker_did_not_take_is_taken_back_unless_somebody_works_on_it(
    store: Store, transfer: Make, clock: StoppedClock
) -> None:
    with store.begin() as unit:
        for n in range(2):
            made, case = transfer(unit, f"n{n}")
            unit.add_delivery(made, TO, "to", case)
        releases = unit.take_ready(clock.technical(), clock.technical(), 10, 10)
        begun = unit.delivery(releases[0].delivery)
        assert begun is not None
        unit.begin_attempt(begun, "ren", "call", clock.technical())
    with store.begin() as unit:
        unit.unrelease(releases, clock.technical())
        states = [found.state for release in releases if (found := unit.delivery(release.delivery))]
    assert states == [DeliveryState.ATTEMPTING, DeliveryState.READY]


def test_sweeps_and_dispatches_at_once_never_wait_for_each_other(
    store: Store, transfer: Make, clock: StoppedClock
) -> None:
    with store.begin() as unit:
        for n in range(100):
            made, case = transfer(unit, f"n{n}")
            unit.add_delivery(made, TO, "to", case)

    def turn(n: int) -> None:
        for _ in range(15):
            with store.begin() as unit:
                releases = unit.take_ready(clock.technical(), clock.technical() - timedelta(seconds=1), 40, 1000)
            with store.begin() as unit:
                unit.unrelease(releases if n % 2 else releases[::-1], clock.technical())
                unit.expire_releases(clock.technical())

    assert at_once(*[lambda n=n: turn(n) for n in range(4)]) == [None] * 4
    with store.begin() as unit:
        unit.expire_releases(clock.technical())
        assert len(unit.take_ready(clock.technical(), clock.technical(), 1000, 1000)) == 100


def test_locks_in_any_order_are_taken_in_one(store: Store) -> None:
    def lock(order: list[tuple[str, str]]) -> None:
        for _ in range(20):
            with store.begin() as unit:
                unit.lock_lines(order)

    lines = [(f"bureau.{n}", "cas_1") for n in range(5)]
    assert (
        at_once(
            *[lambda order=order: lock(order) for order in (lines, lines[::-1], lines[2:] + lines[:2], lines[::-1])]
        )
        == [None] * 4
    )


def test_anything_that_others_write_has_room(store: Store, transfer: Make, clock: StoppedClock) -> None:
    long = "长" * 5000
    with store.begin() as unit:
        made, case = transfer(unit, label=long)
        found, _ = unit.add_delivery(made, TO, "to", case)
        unit.take_ready(clock.technical(), clock.technical(), 1, 1)
        delivery = unit.delivery(found)
        assert delivery is not None
        attempt = unit.begin_attempt(delivery, "ren", "call", clock.technical())
        unit.end_attempt(attempt, "done", long, long, b"")
        delivery = unit.delivery(found)
        assert delivery is not None
        unit.step(delivery, DeliveryState.SUBMITTED, reference=long)
        unit.add_receipt(
            found, outcome="accepted", reason=long, number=long, given_by=TO, strength="attested", signature=long
        )
        assert unit.person_for(None, long, case) == unit.find_person(None, long, case)
    with store.read() as unit:
        receipt, stored = unit.receipt_of(found), unit.delivery(found)
        assert receipt is not None
        assert stored is not None
        assert (receipt.number, stored.reference) == (long, long)


# ------------------------------------------------------------------ sessions, documents, keys
def test_many_workers_with_a_dead_ticket_log_in_once(store: Store) -> None:
    sessions, logins, running = SharedSessions(store), [], threading.Semaphore(1)

    def login() -> str:
        assert running.acquire(blocking=False), "two logins at once kill each other's ticket"
        logins.append(1)
        running.release()
        return f"ticket {len(logins)}"

    others = SharedSessions(store)  # as another process has it
    one = [
        lambda s=s: s.renew(TO, None, login)
        for s in ([sessions] * 4 + ([] if store.database.is_sqlite else [others] * 4))
    ]
    assert set(at_once(*one)) == {"ticket 1"}
    assert set(at_once(*[lambda: sessions.renew(TO, "ticket 1", login) for _ in range(4)])) == {"ticket 2"}
    assert sessions.current(TO) == "ticket 2"


def test_logins_of_many_agencies_at_once_leave_connections_for_their_work(store: Store) -> None:
    sessions = SharedSessions(store)
    gate = threading.Barrier(35)

    def login() -> str:
        gate.wait(30)
        return "ticket"

    assert at_once(*[lambda n=n: sessions.renew(f"bureau.{n}", None, login) for n in range(35)]) == ["ticket"] * 35


def test_a_login_that_fails_leaves_the_next_one_free(store: Store) -> None:
    sessions = SharedSessions(store)

    def fails() -> str:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        sessions.renew(TO, None, fails)
    assert sessions.renew(TO, None, lambda: "t") == "t"


def test_an_upload_is_taken_up_where_it_stopped(store: Store) -> None:
    sessions = SharedSessions(store)
    assert sessions.uploaded(TO, "dlv_1", "abc") is None
    sessions.note_upload(TO, "dlv_1", "abc", "u1", 10)
    sessions.note_upload(TO, "dlv_1", "abc", "u1", 20)
    assert sessions.uploaded(TO, "dlv_1", "abc") == ("u1", 20)


def test_a_document_is_kept_once_and_whole(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "documents")
    content = b"\0" * 100_000
    found = set(at_once(*[lambda: documents.put(content) for _ in range(8)]))
    assert len(found) == 1
    assert documents.get(found.pop()) == content
    assert len([file for file in (tmp_path / "documents").rglob("*") if file.is_file()]) == 1


def test_processes_that_start_at_once_agree_on_their_key(tmp_path: Path) -> None:
    for n in range(20):
        found: list[Any] = at_once(
            *[lambda n=n, k=k: key_file(tmp_path / "secrets", f"key{n}", f"made by {k}".encode()) for k in range(4)]
        )
        assert len(set(found)) == 1, found
    file = tmp_path / "secrets" / "key0"
    assert file.stat().st_mode & 0o077 == 0
    assert len(list((tmp_path / "secrets").iterdir())) == 20
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        key_file(tmp_path / "secrets", "key0", b"x")


def test_what_another_key_has_sealed_is_a_matter_of_configuration(tmp_path: Path) -> None:
    seal = FernetSeal(sealing_key(tmp_path / "a"))
    sealed = seal.seal("口令")
    assert seal.unseal(sealed) == "口令"
    with pytest.raises(ConfigError):
        FernetSeal(sealing_key(tmp_path / "b")).unseal(sealed)
