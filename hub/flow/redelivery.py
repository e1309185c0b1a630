"""A named person's way out for what is stuck: send again, or route again after the configuration was mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.faults import Conflict, Fault, NotFound, Refused
from hub.domain.records import person_key
from hub.domain.routing import Resolver
from hub.domain.stored import StoredDelivery, StoredTransfer
from hub.domain.transfers import DeliveryState
from hub.flow.delivery import GAVE_UP
from hub.flow.intake import open_deliveries
from hub.flow.ledger import settle_opening, settle_recorded
from hub.flow.parts import Hub
from hub.ports import Unit

#: What can be sent again. Its old outcome is known (parked, delivered), or repeating it is the person's decision (unknown).
REPEATABLE = frozenset({DeliveryState.PARKED, DeliveryState.UNKNOWN, DeliveryState.READY, DeliveryState.DELIVERED})


def redeliver(hub: Hub, viewer: str | None, transfer_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """`POST /v1/transfers/{id}/redelivery`. `viewer` is the agency that asks (its sender), or None for an operator.

    Returns `{transfer, dry_run, deliveries: [{id, recipient, from, new_rendition}]}`. A delivery whose rendition was
    refused is put into the dialect anew under a new message id; one whose outcome is or may be unknown keeps both.
    """
    recipient, dry_run = body.get("recipient"), bool(body.get("dry_run"))
    with hub.store.begin() as unit:
        transfer = unit.transfer(transfer_id)
        if transfer is None or (viewer is not None and transfer.sender != viewer):
            raise NotFound(
                [
                    Fault(
                        "transfer.unknown",
                        "",
                        "没有这个移送，或不是本单位发出的",
                        "no such transfer, or none of yours",
                        value=transfer_id,
                    )
                ]
            )
        if transfer.parked:
            plan = _route_again(hub, unit, transfer, viewer, dry_run)
        else:
            plan = _send_again(hub, unit, transfer, viewer, recipient, dry_run)
    hub.wake.set()
    return {"transfer": transfer_id, "dry_run": dry_run, "deliveries": plan}


def _send_again(
    hub: Hub, unit: Unit, transfer: StoredTransfer, viewer: str | None, recipient: str | None, dry_run: bool
) -> list[dict[str, Any]]:
    wanted = [d for d in unit.deliveries(transfer.id) if recipient in (None, d.recipient)]
    if not wanted:
        raise Refused(
            [
                Fault(
                    "recipient.unknown",
                    "/recipient",
                    "该移送没有发给这个单位",
                    "the transfer does not go to this agency",
                    value=recipient,
                )
            ]
        )
    unit.lock_lines((d.recipient, d.case) for d in wanted)
    chosen = [d for seen in wanted if (d := unit.delivery(seen.id, lock=True)) and _can(d, recipient)]
    if not chosen:
        states = ", ".join(f"{d.recipient}: {d.state.value}" for d in wanted)
        raise Conflict(
            [
                Fault(
                    "delivery.state",
                    "/recipient",
                    f"没有可以重发的投递（{states}）",
                    f"nothing can be sent again ({states})",
                )
            ]
        )
    plan = []
    for delivery in chosen:
        anew = delivery.state is DeliveryState.PARKED and (delivery.reason or {}).get("rule") != GAVE_UP
        plan.append(
            {"id": delivery.id, "recipient": delivery.recipient, "from": delivery.state.value, "new_rendition": anew}
        )
        if dry_run:
            continue
        columns: dict[str, Any] = {"due_at": hub.clock.technical(), "reason": None}
        if anew:
            columns |= {"rendition_id": None}
        if delivery.state in (DeliveryState.PARKED, DeliveryState.DELIVERED):
            columns |= {"reference": None, "attempts": 0}
        if delivery.state is DeliveryState.READY:
            unit.hurry(delivery.id)
        elif delivery.state is DeliveryState.DELIVERED and unit.line_taken(delivery.recipient, delivery.case):
            unit.step(delivery, DeliveryState.WAITING, **columns)
        else:
            unit.step(delivery, DeliveryState.READY, **columns)
        unit.note(
            "delivery.redelivered",
            submission=transfer.submission,
            transfer=transfer.id,
            delivery=delivery.id,
            person=transfer.person,
            agency=delivery.recipient,
            by=viewer or "operator",
            before=delivery.state.value,
        )
    if not dry_run:
        unit.refresh_status(transfer.id, hub.catalogue.wants_receipt(transfer.exchange))
    return plan


def _can(delivery: StoredDelivery, recipient: str | None) -> bool:
    """What arrived is only sent again when its recipient is named."""
    return delivery.state in REPEATABLE and (delivery.state is not DeliveryState.DELIVERED or recipient is not None)


def _route_again(
    hub: Hub, unit: Unit, transfer: StoredTransfer, viewer: str | None, dry_run: bool
) -> list[dict[str, Any]]:
    """A transfer that was parked because nobody could be found for it, after somebody was configured."""
    exchange = hub.catalogue.get(transfer.exchange)
    if exchange is None or any(not str(fault["rule"]).startswith(("place.", "agency.")) for fault in transfer.faults):
        raise Conflict([Fault.from_dict(dict(fault)) for fault in transfer.faults])
    routing = Resolver(hub.catalogue, hub.agencies, transfer.record, transfer.sender, transfer.origin).route(exchange)
    if routing.faults:
        raise Conflict(routing.faults)
    plan = [
        {"id": None, "recipient": recipient, "from": "parked", "new_rendition": True}
        for recipient in (*routing.to, *routing.copies)
    ]
    if dry_run:
        return plan
    number = transfer.record.get("case", {}).get("number")
    case = transfer.case or unit.case_for(number)
    person = transfer.person or unit.person_for(*person_key(transfer.record), case)
    unit.lock_persons([person])
    unit.lock_lines((recipient, case) for recipient in (*routing.to, *routing.copies))
    again = unit.transfer(transfer.id)
    if again is None or not again.parked:
        raise Conflict(
            [
                Fault(
                    "transfer.routed",
                    "",
                    "该移送已由他人处理，不再待办",
                    "somebody else has sent this transfer on meanwhile",
                )
            ]
        )
    unit.unpark_transfer(transfer.id, record=transfer.record, case=case, person=person)
    unit.note(
        "transfer.unparked",
        submission=transfer.submission,
        transfer=transfer.id,
        person=person,
        by=viewer or "operator",
    )
    open_deliveries(hub, unit, transfer.submission, transfer.id, person, case, routing)
    routed = unit.transfer(transfer.id)
    assert routed is not None
    settle_opening(hub, unit, exchange, routed)
    settle_recorded(hub, unit, exchange, routed)
    unit.refresh_status(transfer.id, exchange.wants_receipt)
    return plan
