"""A transfer's way: what states a transfer and its deliveries can be in, and which steps lead from one to another.

submission → transfers → deliveries → renditions → attempts → receipts. A delivery's state changes only by the steps
listed here; the store asks `check_step` before it writes, so a state that the chart does not allow cannot be stored.
"""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    WAITING = "waiting"  # behind another delivery of the same case to the same recipient
    READY = "ready"  # may be released when due
    RELEASED = "released"  # its release note is on the way to a worker
    ATTEMPTING = "attempting"  # a worker is calling the recipient
    SUBMITTED = "submitted"  # the recipient's system took it for a decision later
    DELIVERED = "delivered"  # the recipient has it
    ACCEPTED = "accepted"  # business receipt: 受理
    RETURNED = "returned"  # business receipt: 退回
    PARKED = "parked"  # a person must act; its case waits
    UNKNOWN = "unknown"  # sent, outcome unknown, not repeatable: a person decides; its case waits
    WITHDRAWN = "withdrawn"


S = DeliveryState

#: A receipt can overtake the hub's own record of the call that brought the delivery to its recipient.
RECEIVED = frozenset({S.ACCEPTED, S.RETURNED})

#: Which state may follow which. A step that is not here is a mistake of the program, never of a user.
STEPS: dict[DeliveryState, frozenset[DeliveryState]] = {
    S.WAITING: frozenset({S.READY, S.WITHDRAWN, *RECEIVED}),  # received: it arrived once, and waits to be sent again
    S.READY: frozenset({S.RELEASED, S.PARKED, S.WITHDRAWN, *RECEIVED}),
    S.RELEASED: frozenset({S.ATTEMPTING, S.READY, S.SUBMITTED, S.PARKED, *RECEIVED}),
    S.ATTEMPTING: frozenset({S.DELIVERED, S.SUBMITTED, S.READY, S.PARKED, S.UNKNOWN, *RECEIVED}),
    S.SUBMITTED: frozenset({S.RELEASED, S.DELIVERED, S.PARKED, *RECEIVED}),
    S.DELIVERED: frozenset({S.READY, S.WAITING, *RECEIVED}),
    S.PARKED: frozenset({S.READY, S.WITHDRAWN, S.DELIVERED, *RECEIVED}),
    S.UNKNOWN: frozenset({S.READY, S.DELIVERED, S.WITHDRAWN, *RECEIVED}),
    S.ACCEPTED: frozenset(),
    S.RETURNED: frozenset(),
    S.WITHDRAWN: frozenset(),
}

#: While a delivery is in one of these, no other of its case may go to the same recipient (order within a case).
OUTSTANDING = frozenset({S.READY, S.RELEASED, S.ATTEMPTING, S.SUBMITTED, S.PARKED, S.UNKNOWN})

#: The recipient has the record: a receipt can be given.
ARRIVED = frozenset({S.DELIVERED, S.ACCEPTED, S.RETURNED})


class ImpossibleStep(Exception):
    """The program tried a step that the states do not allow."""


def check_step(before: DeliveryState, after: DeliveryState) -> None:
    if after not in STEPS[before]:
        raise ImpossibleStep(f"a delivery cannot go from {before.value} to {after.value}")


def transfer_status(parked: bool, deliveries: list[tuple[str, DeliveryState]], wants_receipt: bool) -> str:
    """A transfer's status in one word, from its deliveries' (role, state).

    `parked` (the transfer itself, or a delivery that needs a person), `answered` when every main recipient gave its
    receipt, `delivered` when everybody has it, `delivering` while somebody has not, `withdrawn`, `accepted` before the
    first step, `kept` when it goes to nobody but the hub.
    """
    if parked:
        return "parked"
    states = [state for _, state in deliveries]
    if not states:
        return "kept"
    if any(state in (S.PARKED, S.UNKNOWN) for state in states):
        return "parked"
    if all(state is S.WITHDRAWN for state in states):
        return "withdrawn"
    live = [(role, state) for role, state in deliveries if state is not S.WITHDRAWN]
    if all(state in ARRIVED for _, state in live):
        main = [state for role, state in live if role == "to"]
        return "answered" if wants_receipt and main and all(s is not S.DELIVERED for s in main) else "delivered"
    if all(state in (S.READY, S.WAITING) for _, state in live):
        return "accepted"
    return "delivering"
