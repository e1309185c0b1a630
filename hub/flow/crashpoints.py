"""Where the hub can be made to die, so that tests can show that nothing is lost or doubled there.

`HUB_CRASH_AT=intake.before-commit` kills the process (SIGKILL, as a power cut would) when it reaches the point for the
first time; `…:3` the third time. Unset, a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
import threading

#: Every point with what has and has not happened there.
POINTS: dict[str, str] = {
    "intake.before-commit": "a submission is written but not committed",
    "intake.after-commit": "a submission is committed, the sender has no answer yet",
    "dispatch.after-release": "deliveries are released in the store, nothing is published",
    "dispatch.after-publish": "release notes are confirmed by the broker",
    "delivery.after-attempt": "the attempt is written down, the recipient was not called",
    "delivery.after-call": "the recipient has answered, the outcome is not recorded",
    "delivery.after-outcome": "the outcome is recorded, the note is not acknowledged",
    "receipt.before-commit": "a receipt is written but not committed",
    "receipt.after-commit": "a receipt is committed, its giver has no answer yet",
}

_point, _, _count = os.environ.get("HUB_CRASH_AT", "").partition(":")
_left = int(_count or 1)
_lock = threading.Lock()

if _point and _point not in POINTS:
    raise SystemExit(f"HUB_CRASH_AT={_point}: no such point; there are {', '.join(POINTS)}")


def reach(point: str) -> None:
    """Die here if this is the point, and the time, that was asked for."""
    global _left
    if point != _point:
        return
    with _lock:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
