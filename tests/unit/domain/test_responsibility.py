"""The pure decisions about who answers for a person, over everything that may be asked of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.responsibility import STRENGTHS, Standing, Verdict, move_to, open_with

AGENCY = st.sampled_from(["court.370826", "prison.370800", "bureau.370826", "bureau.370828"])
CASE = st.sampled_from(["cas_1", "cas_2"])
STANDING = st.none() | st.builds(Standing, AGENCY, CASE)


@given(STANDING, AGENCY, CASE)
def test_only_who_has_nobody_is_opened(standing: Standing | None, holder: str, case: str) -> None:
    decision = open_with(standing, holder, case)
    assert (decision.verdict is Verdict.OPEN) == (standing is None)
    assert (decision.to is not None) == (decision.verdict is Verdict.OPEN)
    if standing and standing.holder != holder and standing.case != case:
        assert decision.verdict is Verdict.DISPUTE


@given(
    STANDING,
    st.lists(AGENCY, max_size=2),
    AGENCY,
    AGENCY,
    st.sampled_from(STRENGTHS),
    st.sampled_from(STRENGTHS),
    st.none() | AGENCY,
)
def test_a_person_moves_only_from_whom_is_expected_to_whom_is_awaited_by_a_strong_enough_word(
    standing: Standing | None, expected: list[str], to: str, actor: str, strength: str, needed: str, awaited: str | None
) -> None:
    decision = move_to(standing, expected, to, actor, strength, needed, awaited)
    if standing and standing.holder == to:
        assert decision.verdict is Verdict.NOTHING
        return
    fits = (
        standing is not None
        and standing.holder in expected
        and actor == to
        and awaited in (None, to)
        and STRENGTHS.index(strength) >= STRENGTHS.index(needed)
    )
    assert decision.verdict is (Verdict.MOVE if fits else Verdict.DISPUTE)
    assert decision.to == (to if fits else None)
    assert fits or (decision.zh and decision.en)
