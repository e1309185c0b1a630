"""The pure decisions about who answers for a person, over everything that may be asked of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.responsibility import STRENGTHS, Standing, Verdict, end_with, move_to, open_with

AGENCY = st.sampled_from(["court.370826", "prison.370800", "bureau.370826", "bureau.370828"])
CASE = st.sampled_from(["cas_1", "cas_2"])
#: A holder of None: responsibility has ended.
STANDING = st.none() | st.builds(Standing, st.none() | AGENCY, CASE)


@given(STANDING, AGENCY, CASE)
def test_only_who_has_nobody_is_opened(standing: Standing | None, holder: str, case: str) -> None:
    """After the end, only another case opens anew: what comes late about the ended one revives nothing."""
    decision = open_with(standing, holder, case)
    nobody = standing is None or (standing.holder is None and standing.case != case)
    assert (decision.verdict is Verdict.OPEN) == nobody
    assert (decision.to is not None) == (decision.verdict is Verdict.OPEN)
    if not nobody and standing and standing.holder != holder and standing.case != case:
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


@given(
    STANDING,
    st.lists(AGENCY, max_size=2),
    AGENCY,
    st.sampled_from(STRENGTHS),
    st.sampled_from(STRENGTHS),
    st.booleans(),
    st.booleans(),
    st.none() | st.just(("先等裁定", "the ruling comes first")),
)
def test_responsibility_ends_only_from_whom_is_expected_on_a_ground_that_ends_it_and_while_nothing_is_pending(
    standing: Standing | None,
    expected: list[str],
    actor: str,
    strength: str,
    needed: str,
    ground: bool,
    taken_over: bool,
    held_by: tuple[str, str] | None,
) -> None:
    decision = end_with(
        standing, expected, actor, strength, needed, ground=ground, taken_over=taken_over, held_by=held_by
    )
    assert decision.to is None
    if standing and (standing.holder is None or (taken_over and not ground)):
        assert decision.verdict is Verdict.NOTHING
        return
    fits = (
        standing is not None
        and standing.holder in expected
        and actor in expected
        and ground
        and held_by is None
        and STRENGTHS.index(strength) >= STRENGTHS.index(needed)
    )
    assert decision.verdict is (Verdict.END if fits else Verdict.DISPUTE)
    assert fits or (decision.zh and decision.en)


def test_an_end_in_another_case_ends_nothing() -> None:
    """Who answers in one case goes on answering when another case about the same person is over."""
    how = {"ground": True, "taken_over": False, "held_by": None}
    there = Standing("bureau.370826", "cas_1")
    decided = [
        end_with(there, ["bureau.370826"], "bureau.370826", "recorded", "recorded", other_case=other, **how)  # type: ignore[arg-type]
        for other in (False, True)
    ]
    assert [one.verdict for one in decided] == [Verdict.END, Verdict.DISPUTE]
