"""New ids: what kind of thing, then a ULID in lower case, so that ids sort by the time they were made."""

from __future__ import annotations

from ulid import ULID


class UlidIds:
    """Implements `hub.ports.Ids`."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{str(ULID()).lower()}"
