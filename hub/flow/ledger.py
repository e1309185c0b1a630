"""Writes what the chart's words about responsibility come to into the ledger, under a lock on the person.

The decisions themselves are pure (`hub.domain.responsibility`); here roles become agencies and verdicts become rows.
"""

from __future__ import annotations

from hub.domain.exchanges import Exchange, value_at
from hub.domain.responsibility import Decision, Standing, Verdict, move_to, open_with
from hub.domain.routing import Resolver
from hub.domain.stored import StoredReceipt, StoredTransfer
from hub.flow.parts import Hub
from hub.ports import Unit


def settle_opening(hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer) -> None:
    """A transfer that tells of a person to be taken over: somebody answers from now on, and the person is in transit."""
    opens = exchange.opens
    if opens is None or transfer.person is None:
        return
    if any(value_at(transfer.record, path) not in values for path, values in opens.only.items()):
        return
    resolver = _resolver(hub, transfer)
    holder, _ = resolver.role(opens.holder)
    if holder is None:
        return
    decision = open_with(_standing(unit, transfer.person), holder.id, transfer.case)
    _write(hub, unit, decision, exchange, transfer, None)
    standing = unit.standing(transfer.person)
    if decision.verdict is Verdict.DISPUTE or standing is None or standing.holder != holder.id or not opens.to:
        return
    # opened now, or told again: the holder may have corrected to whom the person goes, or until when
    taker, _ = resolver.role(opens.to)
    if taker and taker.id != holder.id:
        due = value_at(transfer.record, opens.due) if opens.due else None
        on_the_way = unit.transit_of(transfer.person)
        if on_the_way is None or on_the_way.to_agency != taker.id or due not in (None, on_the_way.due):
            unit.set_transit(transfer.person, taker.id, due, transfer.id)


def settle_recorded(hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer) -> None:
    """A transfer whose own acceptance moves the person: the bureau records that he reported in."""
    if exchange.moves and exchange.moves.on == "recorded":
        _move(hub, unit, exchange, transfer, transfer.sender, "recorded", None)


def settle_receipt(hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer, receipt: StoredReceipt) -> None:
    """An accepted receipt that moves the person: the bureau has taken over who was escorted to it."""
    if exchange.moves and exchange.moves.on == "receipt" and receipt.outcome == "accepted":
        _move(hub, unit, exchange, transfer, receipt.given_by, receipt.strength, receipt.id)


def _move(
    hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer, actor: str, strength: str, receipt: str | None
) -> None:
    moves = exchange.moves
    if moves is None or transfer.person is None:
        return
    resolver = _resolver(hub, transfer)
    taker, fault = resolver.role(moves.to)
    if taker is None:
        assert fault is not None
        _write(hub, unit, Decision(Verdict.DISPUTE, None, fault.zh, fault.en), exchange, transfer, receipt)
        return
    expected = [agency.id for role in moves.expected if (agency := resolver.role(role)[0])]
    on_the_way = unit.transit_of(transfer.person)
    if on_the_way is not None and on_the_way.to_agency == taker.id and (sent := unit.transfer(on_the_way.transfer_id)):
        expected.append(
            sent.sender
        )  # who sent the person to the taker, whichever transfer the taker's record continues
    decision = move_to(
        _standing(unit, transfer.person),
        expected,
        taker.id,
        actor,
        strength,
        moves.strength,
        on_the_way.to_agency if on_the_way else None,
    )
    _write(hub, unit, decision, exchange, transfer, receipt)


def _resolver(hub: Hub, transfer: StoredTransfer) -> Resolver:
    return Resolver(hub.catalogue, hub.agencies, transfer.record, transfer.sender, transfer.origin)


def _standing(unit: Unit, person: str) -> Standing | None:
    row = unit.standing(person)
    return Standing(row.holder, row.case_id) if row else None


def _write(
    hub: Hub, unit: Unit, decision: Decision, exchange: Exchange, transfer: StoredTransfer, receipt: str | None
) -> None:
    person = transfer.person
    assert person is not None
    about = {"submission": transfer.submission, "transfer": transfer.id, "person": person}
    if decision.verdict is Verdict.DISPUTE:
        unit.add_dispute(person, transfer.id, decision.zh, decision.en)
        unit.note("responsibility.dispute", **about, zh=decision.zh, en=decision.en)
    elif decision.verdict is not Verdict.NOTHING:
        assert decision.to is not None
        before = unit.standing(person)
        unit.add_standing(
            person,
            number=(before.number if before else 0) + 1,
            holder=decision.to,
            case=transfer.case,
            exchange=exchange.id,
            transfer=transfer.id,
            receipt=receipt,
        )
        unit.set_transit(person, None, None, None)
        unit.note("responsibility.moved", **about, agency=decision.to, before=before.holder if before else None)
