"""Writes what the chart's words about responsibility come to into the ledger, under a lock on the person.

The decisions themselves are pure (`hub.domain.responsibility`); here roles become agencies and verdicts become rows.
"""

from __future__ import annotations

from hub.domain.exchanges import Exchange, holds_one_of, value_at
from hub.domain.responsibility import Decision, Standing, Verdict, end_with, move_to, open_with
from hub.domain.routing import Resolver
from hub.domain.stored import StoredReceipt, StoredTransfer
from hub.flow.parts import Hub
from hub.ports import Unit


def settle_opening(hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer) -> None:
    """A transfer that tells of a person to be taken over: somebody answers from now on, and the person is in transit."""
    opens = exchange.opens
    if opens is None or transfer.person is None:
        return
    if not holds_one_of(transfer.record, opens.only):
        return
    resolver = resolver_of(hub, unit, transfer)
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
    """A transfer whose own acceptance moves the person, or ends that anybody answers: the bureau records that he reported in,
    that the certificate was issued, that he died."""
    if exchange.moves and exchange.moves.on == "recorded":
        _move(hub, unit, exchange, transfer, transfer.sender, "recorded", None)
    if exchange.ends and exchange.ends.on == "recorded":
        _end(hub, unit, exchange, transfer, transfer.sender, "recorded", None)


def settle_receipt(hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer, receipt: StoredReceipt) -> None:
    """An accepted receipt that moves the person: the bureau has taken over who was escorted to it."""
    if receipt.outcome != "accepted":
        return
    if exchange.moves and exchange.moves.on == "receipt":
        _move(hub, unit, exchange, transfer, receipt.given_by, receipt.strength, receipt.id)
    if exchange.ends and exchange.ends.on == "receipt":
        _end(hub, unit, exchange, transfer, receipt.given_by, receipt.strength, receipt.id)


def pending(hub: Hub, unit: Unit, exchange: Exchange, person: str) -> list[StoredTransfer]:
    """What was proposed about a person and has no reply yet, of the exchanges that this one must wait for."""
    if exchange.hold is None or not exchange.hold.pending:
        return []
    about = unit.about(person, None)
    replied = {(transfer.in_reply_to, transfer.exchange) for transfer in about}
    return [
        transfer
        for transfer in about
        if transfer.exchange in exchange.hold.pending
        and (asked := hub.catalogue.get(transfer.exchange))
        and (transfer.id, asked.reply) not in replied
    ]


def _move(
    hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer, actor: str, strength: str, receipt: str | None
) -> None:
    moves = exchange.moves
    if moves is None or transfer.person is None:
        return
    resolver = resolver_of(hub, unit, transfer)
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


def _end(
    hub: Hub, unit: Unit, exchange: Exchange, transfer: StoredTransfer, actor: str, strength: str, receipt: str | None
) -> None:
    ends = exchange.ends
    if ends is None or transfer.person is None:
        return
    resolver = resolver_of(hub, unit, transfer)
    standing = _standing(unit, transfer.person)
    holder = hub.agencies.get(standing.holder) if standing else None
    waits = exchange.hold if pending(hub, unit, exchange, transfer.person) else None
    decision = end_with(
        standing,
        [agency.id for role in ends.expected if (agency := resolver.role(role)[0])],
        actor,
        strength,
        ends.strength,
        ground=holds_one_of(transfer.record, ends.only),
        taken_over=holder is not None and holder.kind in ends.taken_over,
        held_by=(waits.zh, waits.en) if waits else None,
        other_case=not ends.every_case and standing is not None and transfer.case != standing.case,
    )
    _write(hub, unit, decision, exchange, transfer, receipt)


def resolver_of(hub: Hub, unit: Unit, transfer: StoredTransfer) -> Resolver:
    """Resolves the chart's words for a transfer that was accepted, on the day on which it was."""
    answered = unit.transfer(transfer.in_reply_to) if transfer.in_reply_to else None
    return Resolver(
        hub.catalogue,
        hub.agencies,
        transfer.record,
        transfer.sender,
        transfer.origin,
        answered.sender if answered else None,
        transfer.accepted_at.astimezone(hub.clock.now().tzinfo).date(),
    )


def _standing(unit: Unit, person: str) -> Standing | None:
    row = unit.standing(person)
    return Standing(row.holder, row.case) if row else None


def _write(
    hub: Hub, unit: Unit, decision: Decision, exchange: Exchange, transfer: StoredTransfer, receipt: str | None
) -> None:
    person = transfer.person
    assert person is not None
    about = {"submission": transfer.submission, "transfer": transfer.id, "person": person}
    if decision.verdict is Verdict.NOTHING:
        return
    if decision.verdict is Verdict.DISPUTE:
        unit.add_dispute(person, transfer.id, decision.zh, decision.en)
        unit.note("responsibility.dispute", **about, zh=decision.zh, en=decision.en)
        return
    before = unit.standing(person)
    unit.add_standing(
        person,
        number=(before.number if before else 0) + 1,
        holder=decision.to,
        # what ends, ends in the case in which somebody answered
        case=before.case if before is not None and decision.verdict is Verdict.END else transfer.case,
        exchange=exchange.id,
        transfer=transfer.id,
        receipt=receipt,
    )
    unit.set_transit(person, None, None, None)
    if decision.verdict is Verdict.END:
        unit.note("responsibility.ended", **about, agency=before.holder if before else None, exchange=exchange.id)
    else:
        unit.note("responsibility.moved", **about, agency=decision.to, before=before.holder if before else None)
