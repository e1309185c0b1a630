"""The hub is killed at every named point while records come in; another process finishes the work; then the books are compared.

P1: what was accepted is delivered. P2: nobody sees a second message id, no receipt moves a person twice. P5: the notes
that died with the process are released again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.flow.crashpoints import POINTS
from hub.settings import ROOT
from hub.store.database import Database
from tests.flow_hub import BUREAU, NEIGHBOUR, PRISON, county, recipients

#: Handovers, one half to each bureau.
NUMBER = 6
#: Who gets a copy of each.
COPIED = ("procuratorate.370826", "procuratorate.370828")
DEADLINE = 120.0


def run_hub(told: dict[str, Any], crash_at: str | None) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, what it said, and its errors."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}
    environment |= {"PYTHONPATH": str(ROOT), **({"HUB_CRASH_AT": crash_at} if crash_at else {})}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("hub_process.py"), json.dumps(told)],
        cwd=told["folder"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.endswith("}")]
    return done.returncode, said, done.stderr


def crash_and_finish(folder: Path, store_url: str, broker_url: str | None, point: str) -> None:
    with recipients(3) as (bureau, neighbour, copies):
        bureau.answer = "accepted"
        config = county(
            folder / "config",
            {BUREAU: bureau.url, NEIGHBOUR: neighbour.url, **dict.fromkeys(COPIED, copies.url)},
            timeout=1.0,
        )
        told = {
            "folder": str(folder),
            "store_url": store_url,
            "broker_url": broker_url,
            "config": str(config),
            "number": NUMBER,
        }
        code, first, errors = run_hub(told, f"{point}:2")
        assert code == -signal.SIGKILL, f"it did not die at {point} but ended with {code}:\n{errors}"
        code, second, errors = run_hub(told, None)
        assert code == 0, errors
        books(
            store_url,
            first,
            second,
            [{(entry.transfer, entry.message_id) for entry in one.journal} for one in (bureau, neighbour, copies)],
        )


def books(
    store_url: str, first: list[dict[str, Any]], second: list[dict[str, Any]], seen: list[set[tuple[str, str]]]
) -> None:
    before = {said["key"]: said["answer"] for said in first if "key" in said}
    after = {said["key"]: said["answer"] for said in second if "key" in said}
    assert len(after) == NUMBER
    assert {key: after[key] for key in before} == before, "a sender that asked again got another answer"

    database = Database(store_url)
    with database.read() as db:
        transfers = db.execute(text("SELECT id, exchange, status FROM transfer")).all()
        receipts = db.execute(text("SELECT delivery_id FROM receipt")).all()
        ledger: dict[str, list[str]] = defaultdict(list)
        for row in db.execute(text("SELECT person_id, holder FROM responsibility ORDER BY number")):
            ledger[row.person_id].append(row.holder)
        disputes = db.execute(text("SELECT count(*) FROM dispute")).scalar()
        unfinished = db.execute(text("SELECT count(*) FROM attempt WHERE outcome IS NULL")).scalar()
    database.close()
    assert {row.id for row in transfers if row.exchange == "admission.escort"} == {
        answer["id"] for answer in after.values()
    }
    assert {row.status for row in transfers} == {"answered", "delivered"}
    assert sum(row.exchange == "receipt" for row in transfers) == len(receipts) == NUMBER
    expected = {answer["person"]: [PRISON, BUREAU if int(key[1:]) % 2 else NEIGHBOUR] for key, answer in after.items()}
    assert ledger == expected
    assert (disputes, unfinished) == (0, 0)
    everybody = {answer["id"] for answer in after.values()}
    to_bureau = {answer["id"] for key, answer in after.items() if int(key[1:]) % 2}
    for expected_there, there in zip((to_bureau, everybody - to_bureau, everybody), seen, strict=True):
        assert {transfer for transfer, _ in there} == expected_there
        assert len(there) == len(expected_there), f"a second message id for one transfer: {sorted(there)}"


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_on_sqlite_and_the_embedded_broker(
    tmp_path: Path, sqlite_url: str, point: str
) -> None:
    crash_and_finish(tmp_path, sqlite_url, None, point)


@pytest.mark.postgres
@pytest.mark.rabbitmq
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_on_postgres_and_rabbitmq(
    tmp_path: Path, postgres_url: str, rabbitmq_url: str, point: str
) -> None:
    crash_and_finish(tmp_path, postgres_url, rabbitmq_url, point)
