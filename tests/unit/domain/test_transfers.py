"""The states of a delivery, the steps between them, and the one word for a transfer."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.transfers import ARRIVED, OUTSTANDING, STEPS, DeliveryState, ImpossibleStep, check_step, transfer_status
from hub.store.tables import _OUTSTANDING

S = DeliveryState
DELIVERIES = st.lists(st.tuples(st.sampled_from(["to", "copy"]), st.sampled_from(list(S))), max_size=4)


def test_a_step_that_the_chart_does_not_name_is_refused() -> None:
    for before, after in product(S, S):
        if after in STEPS[before]:
            check_step(before, after)
        else:
            with pytest.raises(ImpossibleStep):
                check_step(before, after)


def test_an_end_is_an_end_and_every_other_state_has_a_way_to_one() -> None:
    ends = {state for state in S if not STEPS[state]}
    assert ends == {S.ACCEPTED, S.RETURNED, S.WITHDRAWN}
    for state in set(S) - ends:
        reached, new = {state}, {state}
        while new:
            new = {after for before in new for after in STEPS[before]} - reached
            reached |= new
        assert {S.ACCEPTED, S.RETURNED} <= reached


def test_the_databases_constraint_knows_the_same_outstanding_states() -> None:
    assert {state.value for state in OUTSTANDING} == {
        word.strip("'") for word in _OUTSTANDING.partition("(")[2].rstrip(")").split(",")
    }
    assert not OUTSTANDING & ARRIVED


@given(DELIVERIES, st.booleans())
def test_a_transfers_status_says_the_worst_that_anybody_must_see_to(
    deliveries: list[tuple[str, DeliveryState]], wants_receipt: bool
) -> None:
    status = transfer_status(False, deliveries, wants_receipt)
    states = [state for _, state in deliveries]
    assert transfer_status(True, deliveries, wants_receipt) == "parked"
    assert (status == "parked") == bool({S.PARKED, S.UNKNOWN} & set(states))
    if status in ("delivered", "answered"):
        assert all(state in ARRIVED | {S.WITHDRAWN} for state in states)
    if status == "answered":
        assert wants_receipt
        assert all(state is not S.DELIVERED for role, state in deliveries if role == "to")


@pytest.mark.parametrize(
    ("deliveries", "wants_receipt", "expected"),
    [
        ([], False, "kept"),
        ([("to", S.READY), ("copy", S.WAITING)], True, "accepted"),
        ([("to", S.RELEASED), ("copy", S.READY)], True, "delivering"),
        ([("to", S.DELIVERED), ("copy", S.READY)], True, "delivering"),
        ([("to", S.DELIVERED), ("copy", S.DELIVERED)], True, "delivered"),
        ([("to", S.ACCEPTED), ("copy", S.DELIVERED)], True, "answered"),
        ([("to", S.RETURNED), ("copy", S.DELIVERED)], True, "answered"),
        ([("to", S.ACCEPTED), ("copy", S.DELIVERED)], False, "delivered"),
        ([("to", S.WITHDRAWN)], True, "withdrawn"),
        ([("to", S.DELIVERED), ("copy", S.PARKED)], True, "parked"),
    ],
)
def test_a_transfers_status(deliveries: list[tuple[str, DeliveryState]], wants_receipt: bool, expected: str) -> None:
    assert transfer_status(False, deliveries, wants_receipt) == expected
