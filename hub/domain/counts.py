"""How many transfers of an exchange there are, and how they stand: what the chart shows on each of its arrows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Transfers of one exchange.

    `all` ever accepted and `recent` of them in the last `RECENT_DAYS` days; `under_way`: some delivery has not arrived;
    `parked`: a person must act; `owed`: arrived, and a receipt or reply is still to come; `returned`: by a
    recipient; `overdue`: a term that the hub can watch is over and what should have ended it has not happened.
    `provisional`: an overdue term was reckoned with a year whose holidays are not announced yet.
    """

    all: int = 0
    recent: int = 0
    under_way: int = 0
    parked: int = 0
    owed: int = 0
    returned: int = 0
    overdue: int = 0
    provisional: bool = False


RECENT_DAYS = 30
