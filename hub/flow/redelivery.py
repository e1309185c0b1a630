"""A named person's way out for what is stuck: send again, or route again after the configuration was mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.faults import Conflict, Fault, NotFound, Refused
from hub.domain.records import person_key
from hub.domain.stored import StoredDelivery, StoredTransfer
from hub.domain.transfers import DeliveryState
from hub.flow.delivery import GAVE_UP
from hub.flow.intake import open_deliveries
from hub.flow.ledger import resolver_of, settle_opening, settle_recorded
from hub.flow.live import InForce
from hub.flow.parts import Hub
from hub.ports import Unit

#: What a redelivery may be written by, beside a version: what is in force, or what was chosen before.
CURRENT, RECORDED = "current", "recorded"
#: What can be sent again. Its old outcome is known (parked, delivered), or repeating it is the person's decision (unknown).
REPEATABLE = frozenset({DeliveryState.PARKED, DeliveryState.UNKNOWN, DeliveryState.READY, DeliveryState.DELIVERED})


def redeliver(hub: Hub, viewer: str | None, transfer_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """`POST /v1/transfers/{id}/redelivery`. `viewer` is the agency that asks (its sender), or None for an operator.

    Returns `{transfer, dry_run, deliveries: [{id, recipient, from, new_rendition, mapping}]}`. A delivery whose rendition
    was refused is put into the dialect anew under a new message id; one whose outcome is or may be unknown keeps both.
    `mapping` says by what it is written anew: `current` (what is in force, the default), `recorded` (what was chosen
    before), or a version that is or was in force.
    """
    recipient, dry_run = body.get("recipient"), bool(body.get("dry_run"))
    mapping = body.get("mapping")
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
            plan = _send_again(hub, unit, transfer, viewer, recipient, dry_run, mapping)
    hub.wake.set()
    return {"transfer": transfer_id, "dry_run": dry_run, "deliveries": plan}


def _send_again(
    hub: Hub,
    unit: Unit,
    transfer: StoredTransfer,
    viewer: str | None,
    recipient: str | None,
    dry_run: bool,
    mapping: str | None,
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
    if mapping not in (None, RECORDED) and not any(map(_written_anew, chosen)):
        raise Conflict([_FROZEN])
    plan = []
    for delivery in chosen:
        anew = _written_anew(delivery)
        entry = _written_by(hub, unit, transfer, delivery, mapping) if anew else None
        frozen = unit.rendition(delivery.rendition) if delivery.rendition and not anew else None
        plan.append(
            {
                "id": delivery.id,
                "recipient": delivery.recipient,
                "from": delivery.state.value,
                "new_rendition": anew,
                "mapping": entry.dialect.version(transfer.exchange) if entry else frozen.mapping if frozen else None,
            }
        )
        if dry_run:
            continue
        if entry is not None and entry.release is not None:
            unit.choose_mappings({delivery.id: entry.release})
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
            **({"mapping": plan[-1]["mapping"]} if plan[-1]["mapping"] else {}),
        )
    if not dry_run:
        unit.refresh_status(transfer.id, hub.catalogue.wants_receipt(transfer.exchange))
    return plan


def _written_anew(delivery: StoredDelivery) -> bool:
    """Whether the old outcome is known, so that another rendition under another message id does no harm."""
    return delivery.state is DeliveryState.PARKED and (delivery.reason or {}).get("rule") != GAVE_UP


def _written_by(
    hub: Hub, unit: Unit, transfer: StoredTransfer, delivery: StoredDelivery, mapping: str | None
) -> InForce | None:
    """What the delivery is written by anew; None where its recipient takes the canonical record."""
    agency = hub.agencies.get(delivery.recipient)
    current = hub.mapping_for(agency, transfer.exchange)
    if mapping in (None, CURRENT):
        return current
    if mapping == RECORDED:
        release = unit.chosen_mapping(delivery.id)
        return hub.dialects.find(release) if release else current
    entry = hub.dialects.find(mapping or "")
    if not hub.dialects.was_in_force(mapping or "", entry.dialect.name):
        raise Refused(
            [
                _mapping_fault(
                    mapping, "这个版本从未启用，不能用来发送", "this version was never in force: nothing is sent by it"
                )
            ]
        )
    if not any(reach.dialect == entry.dialect.name for reach in agency.reach) if agency else True:
        raise Refused(
            [
                _mapping_fault(
                    mapping,
                    f"{delivery.recipient}不使用方言“{entry.dialect.name}”",
                    f"{delivery.recipient} is not reached in the dialect {entry.dialect.name!r}",
                )
            ]
        )
    if not entry.dialect.can_write(transfer.exchange):
        raise Refused(
            [
                _mapping_fault(
                    mapping,
                    f"这个版本不能写出“{transfer.exchange}”",
                    f"this version does not write {transfer.exchange}",
                )
            ]
        )
    return entry


def _mapping_fault(mapping: str | None, zh: str, en: str) -> Fault:
    return Fault("mapping.choice", "/mapping", zh, en, value=mapping)


_FROZEN = Fault(
    "rendition.frozen",
    "/mapping",
    "以前是否送达尚不确定（或已经送达），只能原样重发，不能换映射版本",
    "whether it arrived is not known (or it did): it is sent again as it was written, by no other mapping",
)


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
    routing = resolver_of(hub, unit, transfer).route(exchange)
    if routing.faults:
        raise Conflict(routing.faults)
    plan = [
        {"id": None, "recipient": recipient, "from": "parked", "new_rendition": True, "mapping": None}
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
    open_deliveries(hub, unit, transfer.submission, transfer.id, exchange.id, person, case, routing)
    routed = unit.transfer(transfer.id)
    assert routed is not None
    settle_opening(hub, unit, exchange, routed)
    settle_recorded(hub, unit, exchange, routed)
    unit.refresh_status(transfer.id, exchange.wants_receipt)
    return plan
