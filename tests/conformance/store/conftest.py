"""A store of each kind, at a stopped clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hub.ids import UlidIds
from hub.store.database import Database
from hub.store.store import Store
from hub.store.unit import Unit
from tests.flow_hub import StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(store_url: str, clock: StoppedClock) -> Iterator[Store]:
    database = Database(store_url)
    database.create()
    yield Store(database, clock, UlidIds())
    database.close()


@pytest.fixture
def transfer() -> Callable[..., tuple[str, str]]:
    """Makes a transfer in a unit: `(transfer, case)`."""

    def make(unit: Unit, number: str = "n1", **more: Any) -> tuple[str, str]:
        submission = unit.add_submission(
            agency="court.370826",
            key=None,
            tried_key=None,
            fingerprint="f",
            channel="http",
            dialect=None,
            operation=None,
            media_type="application/json",
            raw=b"{}",
            raw_size=2,
            status="accepted",
            faults=(),
        )
        case = unit.case_for(number)
        made = unit.add_transfer(
            **{
                "submission": submission,
                "ordinal": 0,
                "exchange": "admission.notice",
                "sender": "court.370826",
                "origin": None,
                "case": case,
                "person": None,
                "record": {},
                "faults": (),
                "parked": False,
                "mapping": None,
                "label": None,
                "in_reply_to": None,
                "message_key": None,
                **more,
            }
        )
        return made, case

    return make
