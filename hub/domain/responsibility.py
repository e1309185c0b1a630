"""Who answers for a person: one agency at every moment, moved and ended only by what the chart names (社区矫正法20–21, 44–45).

Pure decisions: given who holds the person now and what happened, what the ledger must say next. What does not fit the
expected holder moves nothing and becomes a dispute for a person to settle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: Strengths in rising order: the bureau's own record, a receipt that the hub attests for a system, a signed receipt.
STRENGTHS = ("recorded", "attested", "signed")


class Verdict(StrEnum):
    OPEN = "open"  # nobody answered; from now on `to` does
    MOVE = "move"  # from the holder to `to`
    END = "end"  # the holder answers no more, and nobody else does
    NOTHING = "nothing"  # already so
    DISPUTE = "dispute"  # does not fit; moves nothing


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    to: str | None = None
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who answers now, and because of which case. `holder` is None after the end."""

    holder: str | None
    case: str | None


def open_with(standing: Standing | None, holder: str, case: str | None) -> Decision:
    """Somebody tells the hub of a person to be taken over: from now on `holder` answers, if nobody did.

    What has ended stays ended for its case; another case opens it anew.
    """
    if standing is None or (standing.holder is None and standing.case != case):
        return Decision(Verdict.OPEN, holder)
    if standing.holder == holder or standing.case == case:
        return Decision(Verdict.NOTHING)
    return Decision(
        Verdict.DISPUTE,
        None,
        f"该人员目前由{standing.holder}在另一案件中负责，{holder}的移送未改变监管责任，需人工核实",
        f"{standing.holder} answers for this person in another case; what {holder} sent moves nothing until it is settled",
    )


def move_to(
    standing: Standing | None,
    expected: Sequence[str],
    to: str,
    actor: str,
    strength: str,
    needed: str,
    awaited: str | None = None,
) -> Decision:
    """Something happened that should move the person to `to`.

    `expected` are the agencies of whom one must hold the person before; `actor` is who recorded it and must be `to`;
    `awaited` is the agency to which the holder has sent the person, if he is on the way to one.
    """
    if standing is not None and standing.holder == to:
        return Decision(Verdict.NOTHING)
    if actor != to:
        return Decision(
            Verdict.DISPUTE,
            None,
            f"应由{to}登记，实际由{actor}登记，监管责任未移转",
            f"{to} should have recorded this, {actor} did; responsibility has not moved",
        )
    if awaited is not None and awaited != to:
        return Decision(
            Verdict.DISPUTE,
            None,
            f"该人员应由{awaited}接收，{to}的登记未移转监管责任，需人工核实",
            f"this person was sent to {awaited}; what {to} recorded has not moved responsibility until it is settled",
        )
    if STRENGTHS.index(strength) < STRENGTHS.index(needed):
        return Decision(
            Verdict.DISPUTE,
            None,
            f"回执效力不足（需要{needed}，实际{strength}），监管责任未移转",
            f"the receipt is too weak ({strength}, {needed} is needed); responsibility has not moved",
        )
    if standing is None or standing.holder not in expected:
        return _not_expected(standing, expected, "监管责任未移转", "responsibility has not moved")
    return Decision(Verdict.MOVE, to)


def end_with(
    standing: Standing | None,
    expected: Sequence[str],
    actor: str,
    strength: str,
    needed: str,
    *,
    ground: bool,
    taken_over: bool,
    held_by: tuple[str, str] | None = None,
    other_case: bool = False,
) -> Decision:
    """Something happened after which nobody need answer for the person.

    `expected` are the agencies of whom one must hold the person, and `actor`, who recorded it, must be one of them too.
    `ground` is whether it happened on a ground that ends responsibility; on another, `taken_over` says whether an agency that
    takes custody holds the person already. `held_by`: what must be decided first, in both languages. `other_case`: it is about
    another case than the one in which the holder answers.
    """
    if standing is not None and standing.holder is None:
        return Decision(Verdict.NOTHING)
    if standing is not None and taken_over and not ground:
        return Decision(Verdict.NOTHING)
    not_ended = ("监管责任未终止", "responsibility has not ended")
    if standing is None or standing.holder not in expected:
        return _not_expected(standing, expected, *not_ended)
    if other_case:
        return Decision(
            Verdict.DISPUTE,
            None,
            f"{standing.holder}是在另一案件中负责该人员的，{not_ended[0]}，需人工核实",
            f"{standing.holder} answers for this person in another case; {not_ended[1]} until it is settled",
        )
    if actor not in expected:
        return Decision(
            Verdict.DISPUTE,
            None,
            f"应由{'、'.join(expected)}登记，实际由{actor}登记，{not_ended[0]}",
            f"{', '.join(expected)} should have recorded this, {actor} did; {not_ended[1]}",
        )
    if not ground:
        return Decision(
            Verdict.DISPUTE,
            None,
            f"尚无监狱或看守所接收该人员，{not_ended[0]}，仍由{standing.holder}负责",
            f"no prison or detention house has taken the person over yet; {not_ended[1]}, {standing.holder} still answers",
        )
    if held_by is not None:
        return Decision(Verdict.DISPUTE, None, f"{held_by[0]}，{not_ended[0]}", f"{held_by[1]}; {not_ended[1]}")
    if STRENGTHS.index(strength) < STRENGTHS.index(needed):
        return Decision(
            Verdict.DISPUTE,
            None,
            f"回执效力不足（需要{needed}，实际{strength}），{not_ended[0]}",
            f"the receipt is too weak ({strength}, {needed} is needed); {not_ended[1]}",
        )
    return Decision(Verdict.END)


def _not_expected(standing: Standing | None, expected: Sequence[str], zh: str, en: str) -> Decision:
    holder = standing.holder if standing else None
    return Decision(
        Verdict.DISPUTE,
        None,
        f"此前应由{'、'.join(expected) or '原决定机关'}负责，实际为{holder or '无人'}，{zh}，需人工核实",
        f"{', '.join(expected) or 'the decision organ'} should have answered before, but {holder or 'nobody'} did; {en}",
    )
