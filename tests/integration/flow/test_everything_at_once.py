"""Senders, clerks, workers and sweeps all at once about a few persons: nobody fails, nobody waits forever, and the books are in order."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hub import process
from hub.domain.faults import HubError
from hub.domain.transfers import OUTSTANDING, DeliveryState, transfer_status
from hub.flow import dispatch
from hub.flow.intake import submit_record
from hub.flow.parts import Hub
from hub.flow.receipts import give
from hub.flow.redelivery import redeliver
from tests.flow_hub import (
    BUREAU,
    COURT,
    NEIGHBOUR,
    PRISON,
    Recipient,
    at_once,
    county,
    handover,
    make_hub,
    notice,
    recipients,
    report_in,
    rows,
    running,
)

ROUNDS = 40


def turn(hub: Hub, bureau: Recipient, dice: random.Random, key: str) -> None:
    """One thing that somebody does. Every refusal is a `HubError`; anything else is a mistake."""
    n, place, number = dice.randrange(4), dice.choice(["370826", "370828"]), dice.choice(["", None])
    bureau.answer = dice.choice([200, 200, "accepted", "returned", "lost", "down", 422])
    match dice.randrange(6):
        case 0:
            submit_record(hub, COURT, key, notice(n, exchange="admission.documents", number=number, place=place))
        case 1:
            submit_record(hub, PRISON, key, handover(n, place=place))
        case 2:
            submit_record(hub, dice.choice([BUREAU, NEIGHBOUR]), key, report_in(n))
        case 3:
            submit_record(
                hub,
                COURT,
                key,
                notice(n, person=dice.randrange(4), name=dice.choice(["甲", "乙"]), number=number, place=place),
            )
        case 4:
            for row in rows(
                hub,
                "SELECT id, recipient FROM delivery WHERE status IN ('delivered', 'unknown', 'attempting') ORDER BY random() LIMIT 2",
            ):
                give(
                    hub, row.recipient, row.id, {"outcome": dice.choice(["accepted", "returned"]), "reason": "不在本县"}
                )
        case _:
            for row in rows(
                hub,
                "SELECT transfer_id, recipient FROM delivery WHERE status IN ('parked', 'delivered', 'ready') ORDER BY random() LIMIT 2",
            ):
                redeliver(hub, None, row.transfer_id, {"recipient": row.recipient})


def test_the_books_are_in_order_whatever_happens_at_once(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "RELEASE_LEASE", 0.5)
    monkeypatch.setattr(process, "SWEEP", 0.05)
    with recipients(2) as (bureau, neighbour):
        hub = make_hub(tmp_path, store_url, county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url}))

        def somebody(seed: int) -> None:
            dice = random.Random(seed)
            for n in range(ROUNDS):
                try:
                    turn(hub, bureau, dice, f"{seed}.{n}")
                except HubError as refused:
                    assert refused.status < 500  # noqa: PT017

        with caplog.at_level(logging.ERROR), running(hub):
            assert at_once(*[lambda seed=seed: somebody(seed) for seed in range(6)]) == [None] * 6
        assert not [record.getMessage() for record in caplog.records if record.exc_info]
        in_order(hub)
        hub.database.close()


def in_order(hub: Hub) -> None:
    lines: dict[Any, list[DeliveryState]] = defaultdict(list)
    deliveries: dict[str, list[tuple[str, DeliveryState]]] = defaultdict(list)
    for row in rows(hub, "SELECT recipient, case_id, transfer_id, role, status FROM delivery ORDER BY seq"):
        lines[row.recipient, row.case_id].append(DeliveryState(row.status))
        deliveries[row.transfer_id].append((row.role, DeliveryState(row.status)))
    assert lines
    for line in lines.values():
        assert len([state for state in line if state in OUTSTANDING]) == (
            1 if set(line) & (OUTSTANDING | {DeliveryState.WAITING}) else 0
        )
    for row in rows(hub, "SELECT id, exchange, status FROM transfer"):
        derived = transfer_status(False, deliveries[row.id], hub.catalogue.exchanges[row.exchange].wants_receipt)
        assert row.status == derived or {row.status, derived} <= {"accepted", "delivering"}, (row, derived)
    ledger: dict[str, list[Any]] = defaultdict(list)
    for row in rows(hub, "SELECT person_id, number, holder FROM responsibility ORDER BY person_id, number"):
        ledger[row.person_id].append(row)
    assert ledger
    for moves in ledger.values():
        assert [row.number for row in moves] == list(range(1, len(moves) + 1))
        assert all(before.holder != after.holder for before, after in pairwise(moves))
    receipts = rows(hub, "SELECT count(*) AS n FROM receipt")[0].n
    forwarded = rows(hub, "SELECT count(*) AS n FROM transfer WHERE exchange = 'receipt'")[0].n
    owed = rows(
        hub,
        "SELECT count(*) AS n FROM receipt r JOIN delivery d ON d.id = r.delivery_id JOIN transfer t ON t.id = d.transfer_id"
        " WHERE d.role = 'to' AND t.exchange IN ('admission.notice', 'admission.documents', 'admission.escort')",
    )[0].n
    assert receipts >= owed == forwarded
