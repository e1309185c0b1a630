"""A hub in a process of its own, for tests that kill it: hands records in, gives receipts, and says on its output what happened.

Run as `python hub_process.py JSON`; `HUB_CRASH_AT` says where it dies. With `finish`, it works until everything has
arrived and every receipt is given, and then ends.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hub import process
from hub.domain.faults import Conflict
from hub.flow import delivery, dispatch
from hub.flow.intake import submit_record
from hub.flow.receipts import give
from tests.flow_hub import NEIGHBOUR, PRISON, everything_arrived, handover, make_hub, rows, running, until

#: Seconds: what is a minute in service is soon over here.
dispatch.RELEASE_LEASE = 2.0
delivery.ATTEMPT_GRACE = 1.0
process.SWEEP = 0.1
process.IDLE = 0.05


def say(**what: Any) -> None:
    # one write for each line: several threads tell, and `print` writes text and line end apart
    sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main(told: dict[str, Any]) -> None:
    hub = make_hub(Path(told["folder"]), told["store_url"], Path(told["config"]), broker_url=told["broker_url"])
    with running(hub), ThreadPoolExecutor(2) as senders:

        def submit(n: int) -> None:
            say(
                key=f"e{n}",
                answer=submit_record(hub, PRISON, f"e{n}", handover(n, place="370826" if n % 2 else "370828")),
            )

        def receipts() -> bool:
            """Give the neighbour's receipts for what has come; whether all are given."""
            for row in rows(hub, "SELECT id FROM delivery WHERE recipient = :r AND status = 'delivered'", r=NEIGHBOUR):
                say(receipt=give(hub, NEIGHBOUR, row.id, {"outcome": "accepted"}))
            return everything_arrived(hub) and not rows(
                hub, "SELECT 1 FROM delivery WHERE recipient = :r AND status <> 'accepted'", r=NEIGHBOUR
            )

        def submit_all() -> None:
            for done in [senders.submit(submit, n) for n in range(told["number"])]:
                done.result()

        try:
            submit_all()
            until(receipts)
        except Conflict as conflict:  # nothing here sends the same key with other content
            say(conflict=str(conflict))
            raise
    hub.database.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
