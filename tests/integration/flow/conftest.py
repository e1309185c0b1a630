"""A hub whose deliveries a test works off by hand, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.flow.intake import submit_record
from hub.flow.parts import Hub
from tests.flow_hub import BUREAU, COURT, NEIGHBOUR, ByHand, Recipient, StoppedClock, county, make_hub, recipients


@dataclass
class Bench:
    """A hub at a stopped clock, two bureaus with webhooks, everybody else with an inbox."""

    hub: Hub
    hand: ByHand
    clock: StoppedClock
    bureau: Recipient
    neighbour: Recipient

    def submit(self, body: dict[str, Any], key: str, sender: str = COURT) -> dict[str, Any]:
        return submit_record(self.hub, sender, key, body)


@pytest.fixture
def bench(tmp_path: Path, store_url: str) -> Iterator[Bench]:
    with recipients(2) as (bureau, neighbour):
        config = county(tmp_path / "config", {BUREAU: bureau.url, NEIGHBOUR: neighbour.url})
        clock = StoppedClock()
        hub = make_hub(tmp_path, store_url, config, clock=clock)
        yield Bench(hub, ByHand(hub), clock, bureau, neighbour)
        hub.broker.close()
        hub.database.close()
