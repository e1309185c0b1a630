"""The two times of `hub.ports.Clock`: business time, which may be set, and technical time, which may not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class SystemClock:
    """Real time; with `start`, business time begins there and runs on at real speed."""

    def __init__(self, start: datetime | None = None) -> None:
        self._shift = start - datetime.now(UTC) if start else timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return (datetime.now(UTC) + self._shift).astimezone(SHANGHAI).replace(microsecond=0)

    def technical(self) -> datetime:
        return datetime.now(UTC)

    def stand_at(self, time: datetime) -> None:
        """Move business time to `time`; it runs on from there."""
        with self._lock:
            self._shift = time - datetime.now(UTC)
