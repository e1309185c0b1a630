"""The recipient's business answer, once each: accepted (受理) or returned (退回), over whatever channel it came.

A receipt moves responsibility where the chart says so, and goes back to the sender in the sender's own form, as a
transfer like any other (retried, in order, its outcome known or shown as unknown).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hub.domain.faults import Conflict, Fault, NotFound, Refused
from hub.domain.stored import StoredDelivery, StoredReceipt, StoredTransfer
from hub.domain.transfers import DeliveryState
from hub.flow import crashpoints
from hub.flow.ledger import settle_receipt
from hub.flow.parts import Hub
from hub.ports import Unit

RECEIPT = "receipt"
#: A receipt proves that the record arrived, even while the hub is still waiting for the call to end, or sends it again.
RECEIVABLE = frozenset(
    {
        DeliveryState.DELIVERED,
        DeliveryState.WAITING,
        DeliveryState.ATTEMPTING,
        DeliveryState.SUBMITTED,
        DeliveryState.UNKNOWN,
        DeliveryState.READY,
        DeliveryState.RELEASED,
        DeliveryState.PARKED,
    }
)
#: Sections of the answered record that a receipt repeats, so that the sender's clerk knows whom it is about.
REPEATED = ("person", "case")


def give(hub: Hub, agency: str, delivery_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """`POST /v1/deliveries/{id}/receipt`. The same receipt again gets the same answer; another one is a conflict."""
    outcome, reason = body["outcome"], body.get("reason")
    if outcome == "returned" and not (reason or "").strip():
        raise Refused([Fault("receipt.reason", "/reason", "退回必须写明原因", "a return needs a reason")])
    with hub.store.begin() as unit:
        delivery, transfer = _locked(hub, unit, agency, delivery_id)
        given = unit.receipt_of(delivery.id)
        if given is None:
            if delivery.state not in RECEIVABLE or (delivery.attempts == 0 and delivery.delivered_at is None):
                raise Conflict(
                    [
                        Fault(
                            "delivery.not-arrived",
                            "",
                            f"该投递目前为“{delivery.state.value}”，尚未送达，不能回执",
                            f"the delivery is {delivery.state.value}; it has not arrived, so there is nothing to acknowledge",
                        )
                    ]
                )
            given = record_receipt(
                hub,
                unit,
                delivery,
                transfer,
                outcome=outcome,
                reason=reason,
                number=body.get("number"),
                given_by=agency,
                signature=body.get("signature"),
            )
            unit.refresh_status(transfer.id, hub.catalogue.wants_receipt(transfer.exchange))
            crashpoints.reach("receipt.before-commit")
        elif (given.outcome, given.reason) != (outcome, reason):
            raise Conflict(
                [
                    Fault(
                        "receipt.given",
                        "/outcome",
                        f"该投递已有回执：{given.outcome}（{given.reason or '无说明'}），不能更改",
                        f"the delivery has its receipt already: {given.outcome} ({given.reason or 'no reason'})",
                    )
                ]
            )
    crashpoints.reach("receipt.after-commit")
    hub.wake.set()
    return {
        "id": given.id,
        "delivery": given.delivery,
        "outcome": given.outcome,
        "reason": given.reason,
        "given_by": given.given_by,
        "given_at": given.given_at.astimezone(hub.clock.now().tzinfo).isoformat(),
        "strength": given.strength,
    }


def _locked(hub: Hub, unit: Unit, agency: str, delivery_id: str) -> tuple[StoredDelivery, StoredTransfer]:
    seen = unit.delivery(delivery_id)
    transfer = unit.transfer(seen.transfer) if seen else None
    if seen is None or transfer is None or seen.recipient != agency:
        raise NotFound(
            [
                Fault(
                    "delivery.unknown",
                    "",
                    "没有这个投递，或不是发给本单位的",
                    "no such delivery, or none to you",
                    value=delivery_id,
                )
            ]
        )
    if transfer.person:
        unit.lock_persons([transfer.person])
    lines = [(seen.recipient, seen.case)]
    if transfer.case:
        lines.append((transfer.sender, transfer.case))
    unit.lock_lines(lines)
    delivery = unit.delivery(delivery_id, lock=True)
    assert delivery is not None
    return delivery, transfer


def record_receipt(
    hub: Hub,
    unit: Unit,
    delivery: StoredDelivery,
    transfer: StoredTransfer,
    *,
    outcome: str,
    reason: str | None,
    number: str | None,
    given_by: str,
    signature: str | None,
) -> StoredReceipt:
    """Write a receipt down and do what follows from it. The person and the recipient's line are locked.

    Its strength is `attested`: the hub knows who gave it (credentials, or the answer of that agency's own system). A
    signature that came with it is kept; none is verified yet, so none makes it `signed`.
    """
    unit.add_receipt(
        delivery.id,
        outcome=outcome,
        reason=reason,
        number=number,
        given_by=given_by,
        strength="attested",
        signature=signature,
    )
    state = DeliveryState.ACCEPTED if outcome == "accepted" else DeliveryState.RETURNED
    arrived = {} if delivery.delivered_at else {"delivered_at": hub.clock.now()}
    unit.step(delivery, state, lease_until=None, reason=None, **arrived)
    receipt = unit.receipt_of(delivery.id)
    assert receipt is not None
    unit.note(
        f"receipt.{outcome}",
        submission=transfer.submission,
        transfer=transfer.id,
        delivery=delivery.id,
        person=transfer.person,
        agency=given_by,
        reason=reason,
        number=number,
        receipt=receipt.id,
    )
    exchange = hub.catalogue.get(transfer.exchange)
    if exchange is None or delivery.role != "to":
        return receipt
    settle_receipt(hub, unit, exchange, transfer, receipt)
    if exchange.wants_receipt:
        _send_back(hub, unit, delivery, transfer, receipt)
    return receipt


def _send_back(
    hub: Hub, unit: Unit, delivery: StoredDelivery, transfer: StoredTransfer, receipt: StoredReceipt
) -> None:
    """The receipt on its way to the sender, as a transfer from the recipient."""
    local = hub.clock.now().tzinfo
    record: dict[str, Any] = {
        "exchange": RECEIPT,
        "message": {"key": receipt.id, "sender": delivery.recipient},
        **{section: transfer.record[section] for section in REPEATED if section in transfer.record},
        "answers": {
            "transfer": transfer.id,
            "exchange": transfer.exchange,
            **({"key": transfer.message_key} if transfer.message_key else {}),
        },
        "receipt": {
            "outcome": receipt.outcome,
            "given_at": receipt.given_at.astimezone(local).isoformat(),
            "agency": delivery.recipient,
            **({"reason": receipt.reason} if receipt.reason else {}),
            **({"number": receipt.number} if receipt.number else {}),
        },
    }
    raw = json.dumps(record, ensure_ascii=False, sort_keys=True).encode()
    submission = unit.add_submission(
        agency=delivery.recipient,
        key=f"{RECEIPT}:{receipt.id}",
        tried_key=None,
        fingerprint=hashlib.sha256(raw).hexdigest(),
        channel="hub",
        dialect=None,
        operation=None,
        media_type="application/json",
        raw=raw,
        raw_size=len(raw),
        status="accepted",
        faults=(),
    )
    unit.lock_lines([(transfer.sender, delivery.case)])
    back = unit.add_transfer(
        submission=submission,
        ordinal=0,
        exchange=RECEIPT,
        sender=delivery.recipient,
        origin=transfer.sender,
        case=transfer.case,
        person=transfer.person,
        record=record,
        faults=(),
        parked=False,
        mapping=None,
        label=transfer.label,
        in_reply_to=transfer.id,
        message_key=receipt.id,
    )
    sent, state = unit.add_delivery(back, transfer.sender, "to", delivery.case)
    written_by = hub.mapping_for(hub.agencies.get(transfer.sender), RECEIPT)
    if written_by is not None and written_by.release is not None:
        unit.choose_mappings({sent: written_by.release})
    unit.note(
        "receipt.forwarded",
        submission=submission,
        transfer=back,
        delivery=sent,
        person=transfer.person,
        agency=transfer.sender,
        waiting=state is DeliveryState.WAITING,
        answers=transfer.id,
    )
