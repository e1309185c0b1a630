"""Agencies without a system that could be called: a delivery lies in the store until the agency fetches it.

Nothing leaves here, so nothing can fail and nothing is a receipt: that comes when a person at the agency gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors import options
from hub.domain.faults import Fault
from hub.ports import ConfigError, Endpoint, Outcome, OutcomeKind, Parcel, Sessions


@dataclass(frozen=True, slots=True)
class InboxOptions:
    """The section `inbox:`: there is nothing to say."""


class InboxConnector:
    """Hands over to the inbox, which is the store's own list of deliveries."""

    def call(self, endpoint: Endpoint, parcel: Parcel, sessions: Sessions) -> Outcome:
        """The delivery is where the agency will look; at once and always."""
        return Outcome(OutcomeKind.DONE)

    def poll(self, endpoint: Endpoint, parcel: Parcel, reference: str, sessions: Sessions) -> Outcome:
        """Nothing here is decided later by a system."""
        raise ConfigError(
            [
                Fault(
                    "transport.no-poll",
                    "/transport",
                    value=endpoint.agency,
                    zh="收件箱方式没有可查询的结果",
                    en="the inbox has nothing to ask for",
                )
            ]
        )

    def repeat_safe(self, endpoint: Endpoint) -> bool:
        return True


def connector() -> InboxConnector:
    """The connector of this transport."""
    return InboxConnector()


def check(given: Mapping[str, Any], folder: Path | None) -> list[Fault]:
    """Everything wrong with an `inbox:` section: any option at all."""
    try:
        options.read(InboxOptions, given, "/inbox")
    except ConfigError as problem:
        return list(problem.faults)
    return []
