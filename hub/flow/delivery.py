"""One delivery, from the release note to the recorded outcome; reads top to bottom.

A note is worth nothing by itself: the store says whether its release number still counts. The record is put into the
recipient's dialect once, frozen, and the attempt is written down before the call. What a call came to decides the next
state; a retry is a due time in the store, never a message kept in the broker.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from hub.domain.agencies import Agency, Reach
from hub.domain.faults import Fault, HubError
from hub.domain.stored import StoredDelivery, StoredDocument, StoredRendition, StoredTransfer
from hub.domain.transfers import DeliveryState
from hub.flow import crashpoints
from hub.flow.canonical_form import inbox_item
from hub.flow.force import NOT_IN_FORCE, effective_on, now_in_force, that_brought_the_day
from hub.flow.parts import Hub
from hub.flow.receipts import record_receipt
from hub.messaging.envelope import ReleaseNote
from hub.ports import Attachment, Endpoint, Outcome, OutcomeKind, Parcel, Unit
from hub.translation import Context

log = logging.getLogger(__name__)

#: Seconds beyond a call's own deadline before its worker is taken for dead.
ATTEMPT_GRACE = 15.0


@dataclass(frozen=True, slots=True)
class Job:
    delivery: StoredDelivery
    transfer: StoredTransfer
    documents: tuple[StoredDocument, ...]
    agency: Agency
    reach: Reach


@dataclass(frozen=True, slots=True)
class Draft:
    """A rendition that is not frozen yet."""

    message_id: str
    dialect: str | None
    mapping: str | None
    payload: bytes
    media_type: str
    facts: Mapping[str, str]


def deliver(hub: Hub, note: ReleaseNote) -> None:
    """Work one release note off. Afterwards it may be acknowledged, whatever happened."""
    job = _job(hub, note)
    if job is None:
        return
    try:
        draft = None if job.delivery.rendition else _render(hub, job)
    except HubError as error:
        _park_unrenderable(hub, job, error.faults)
        return
    begun = _begin(hub, job, draft)
    if begun is None:
        return
    attempt, delivery, rendition, endpoint = begun
    crashpoints.reach("delivery.after-attempt")
    outcome = _call(hub, job, rendition, endpoint)
    crashpoints.reach("delivery.after-call")
    _record(hub, job, delivery, attempt, endpoint, outcome)
    crashpoints.reach("delivery.after-outcome")
    hub.wake.set()


# ------------------------------------------------------------------ before the call
def _job(hub: Hub, note: ReleaseNote) -> Job | None:
    """What is to be delivered, or None for a note that does not count any more."""
    with hub.store.read() as unit:
        delivery = unit.delivery(note.delivery)
        if delivery is None or delivery.state is not DeliveryState.RELEASED or delivery.release != note.release:
            return None
        transfer = unit.transfer(delivery.transfer)
        documents = tuple(unit.documents(delivery.transfer))
    assert transfer is not None
    agency = hub.agencies.get(delivery.recipient)
    reach = hub.reach_for(agency, transfer.exchange) if agency else None
    if agency is None or reach is None:
        faults = [Fault("recipient.unreachable", "", f"没有可用的方式把“{transfer.exchange}”送达{delivery.recipient}，请检查其reach配置",
                        f"there is no way to carry {transfer.exchange} to {delivery.recipient}; see its reach")]
        _park(hub, delivery, transfer, faults)
        return None
    return Job(delivery, transfer, documents, agency, reach)


def _render(hub: Hub, job: Job) -> Draft:
    """The record in the recipient's dialect. Raises `HubError` when it cannot be told in it."""
    with hub.store.read() as unit:
        message_id = f"{job.delivery.id}-{unit.rendition_count(job.delivery.id) + 1}"
    if job.reach.dialect is None:
        item = inbox_item(job.delivery, job.transfer, job.documents)
        return Draft(message_id, None, None, json.dumps(item, ensure_ascii=False).encode(), "application/json", {})
    dialect = hub.dialects[job.reach.dialect]
    context = Context(message_id=message_id, sent_at=hub.clock.now(), sender=job.transfer.sender, recipient=job.agency.id,
                      agencies=hub.agencies, now=hub.clock.now())
    record = {**job.transfer.record, "documents": [doc.as_dict() for doc in job.documents]}
    written = dialect.write(job.transfer.exchange, record, context)
    return Draft(message_id, job.reach.dialect, dialect.version(job.transfer.exchange), written.payload, written.media_type, written.facts)


def _begin(hub: Hub, job: Job, draft: Draft | None) -> tuple[int, StoredDelivery, StoredRendition, Endpoint] | None:
    """Freeze the rendition and write the attempt down, if the release still counts."""
    endpoint = hub.connectors.endpoint(job.agency, job.reach)
    now = hub.clock.technical()
    with hub.store.begin() as unit:
        delivery = unit.delivery(job.delivery.id, lock=True)
        if delivery is None or delivery.state is not DeliveryState.RELEASED or delivery.release != job.delivery.release:
            return None
        rendition_id = delivery.rendition
        if rendition_id is None:
            if draft is None:
                return None  # it was sent back for a new rendition meanwhile
            rendition_id = unit.add_rendition(delivery.id, message_id=draft.message_id, transport=job.reach.transport, dialect=draft.dialect,
                                              mapping=draft.mapping, payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
        phase = "poll" if delivery.reference else "call"
        attempt = unit.begin_attempt(delivery, rendition_id, phase, now + timedelta(seconds=endpoint.timeout + ATTEMPT_GRACE))
        rendition = unit.rendition(rendition_id)
        delivery = unit.delivery(delivery.id)
        unit.refresh_status(job.transfer.id, _wants_receipt(hub, job.transfer))
    assert rendition is not None
    assert delivery is not None
    return attempt, delivery, rendition, endpoint


# ------------------------------------------------------------------ the call
def _call(hub: Hub, job: Job, rendition: StoredRendition, endpoint: Endpoint) -> Outcome:
    parcel = Parcel(
        delivery=job.delivery.id, transfer=job.transfer.id, message_id=rendition.message_id, exchange=job.transfer.exchange,
        payload=rendition.payload, media_type=rendition.media_type, facts=rendition.facts,
        attachments=tuple(Attachment(d.sha256, d.title, d.kind, d.media_type, d.size, partial(hub.documents.get, d.sha256)) for d in job.documents),
        sent_at=rendition.frozen_at)
    connector = hub.connectors.call_side(rendition.transport)
    try:
        if job.delivery.reference:
            return connector.poll(endpoint, parcel, job.delivery.reference, hub.sessions)
        return connector.call(endpoint, parcel, hub.sessions)
    except Exception as error:
        # A connector promises not to raise for what an agency does; what it raises is ours to mend. Whether anything
        # was sent is not known, so it counts as sent.
        log.exception("calling %s for delivery %s", endpoint.agency, job.delivery.id)
        return Outcome(OutcomeKind.UNKNOWN, code="hub.error", message=f"{type(error).__name__}: {error}")


# ------------------------------------------------------------------ after the call
def _record(hub: Hub, job: Job, begun: StoredDelivery, attempt: int, endpoint: Endpoint, outcome: Outcome) -> None:
    with hub.store.begin() as unit:
        if job.transfer.person:
            unit.lock_persons([job.transfer.person])
        # the sender's line too: a receipt in the answer goes back to the sender within this transaction
        unit.lock_lines([(begun.recipient, begun.case), (job.transfer.sender, begun.case)])
        unit.end_attempt(attempt, outcome.kind.value, outcome.code, outcome.message, outcome.answer)
        delivery = unit.delivery(begun.id, lock=True)
        if delivery is None or delivery.state is not DeliveryState.ATTEMPTING or delivery.release != begun.release:
            return  # a receipt came first, or the sweep took the worker for dead
        _act_on(hub, unit, job, delivery, endpoint, outcome)
        unit.refresh_status(job.transfer.id, _wants_receipt(hub, job.transfer))


def _act_on(hub: Hub, unit: Unit, job: Job, delivery: StoredDelivery, endpoint: Endpoint, outcome: Outcome) -> None:
    now = hub.clock.technical()
    about = _about(job.transfer, delivery)
    said: dict[str, Any] = {"code": outcome.code, "message": outcome.message}
    match outcome.kind:
        case OutcomeKind.DONE | OutcomeKind.DUPLICATE:
            unit.step(delivery, DeliveryState.DELIVERED, delivered_at=hub.clock.now(), lease_until=None, reason=None)
            unit.note("delivery.delivered", **about, transport=job.reach.transport, duplicate=outcome.kind is OutcomeKind.DUPLICATE, **said)
            if outcome.receipt:
                delivered = unit.delivery(delivery.id)
                assert delivered is not None
                record_receipt(hub, unit, delivered, job.transfer, outcome="accepted" if outcome.receipt.accepted else "returned",
                               reason=outcome.receipt.reason, number=outcome.receipt.number, given_by=delivery.recipient, signature=None)
        case OutcomeKind.SUBMITTED:
            first = delivery.reference is None
            pause = hub.schedule.poll[min(_polls(delivery), len(hub.schedule.poll) - 1)]
            unit.step(delivery, DeliveryState.SUBMITTED, reference=outcome.reference or delivery.reference, lease_until=None,
                      due_at=now + timedelta(seconds=pause), reason={"polls": _polls(delivery) + 1})
            if first:
                unit.note("delivery.submitted", **about, reference=outcome.reference, **said)
        case OutcomeKind.REFUSED:
            reason = _reason("recipient.refused", f"接收方系统拒收：{outcome.message or outcome.code or '未说明原因'}",
                             f"the recipient's system refused it: {outcome.message or outcome.code or 'no reason given'}", code=outcome.code)
            unit.step(delivery, DeliveryState.PARKED, lease_until=None, reason=reason)
            unit.note("delivery.parked", **about, reason=reason)
        case OutcomeKind.LATER:
            _again(hub, unit, delivery, about, "delivery.later", outcome.retry_after, said)
        case OutcomeKind.UNKNOWN:
            if delivery.reference or hub.connectors.call_side(endpoint.transport).repeat_safe(endpoint):
                _again(hub, unit, delivery, about, "delivery.repeat", outcome.retry_after, said)
            else:
                _unknown(unit, delivery, about, said)


def after_unknown(hub: Hub, unit: Unit, delivery: StoredDelivery, code: str) -> None:
    """An attempt that nobody can tell the end of: repeated where the contract removes duplicates, else a person decides."""
    transfer = unit.transfer(delivery.transfer)
    assert transfer is not None
    about = _about(transfer, delivery)
    said = {"code": code, "message": None}
    agency = hub.agencies.get(delivery.recipient)
    reach = hub.reach_for(agency, transfer.exchange) if agency else None
    repeat = agency and reach and hub.connectors.call_side(reach.transport).repeat_safe(hub.connectors.endpoint(agency, reach))
    if delivery.reference or repeat:
        _again(hub, unit, delivery, about, "delivery.repeat", 0.0, said)
    else:
        _unknown(unit, delivery, about, said)
    unit.refresh_status(transfer.id, _wants_receipt(hub, transfer))


def _again(hub: Hub, unit: Unit, delivery: StoredDelivery, about: Mapping[str, Any], kind: str, wait: float | None, said: Mapping[str, Any]) -> None:
    """Another attempt with the same rendition and message id, or, when enough were made, a person's decision."""
    now = hub.clock.technical()
    pause = hub.schedule.after(max(delivery.attempts, 1), hub.random())
    if pause is None:
        reason = _reason("delivery.gave-up", f"已尝试{delivery.attempts}次仍未送达：{said.get('message') or said.get('code')}",
                         f"given up after {delivery.attempts} attempts: {said.get('message') or said.get('code')}", code=said.get("code"))
        unit.step(delivery, DeliveryState.PARKED, lease_until=None, reason=reason)
        unit.note("delivery.parked", **about, reason=reason)
        return
    due = now + timedelta(seconds=wait if wait is not None else pause)
    after = DeliveryState.SUBMITTED if delivery.reference else DeliveryState.READY
    unit.step(delivery, after, due_at=due, lease_until=None,
              reason={**_reason(kind, "稍后再送", "will be tried again", code=said.get("code")), "polls": _polls(delivery), "message": said.get("message")})
    unit.note(kind, **about, attempt=delivery.attempts, due=due.isoformat(), **said)


def _unknown(unit: Unit, delivery: StoredDelivery, about: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    reason = _reason("outcome.unknown", "已发出，但不知道对方是否收到；对方系统不能排除重复，须由人工核实后决定是否重发",
                     "it was sent, and nobody knows whether it arrived; the recipient's system cannot tell a repetition, so a person must decide",
                     code=said.get("code"))
    unit.step(delivery, DeliveryState.UNKNOWN, lease_until=None, reason=reason)
    unit.note("delivery.unknown", **about, reason=reason, **said)


# ------------------------------------------------------------------ parked before any call
def _park_unrenderable(hub: Hub, job: Job, faults: tuple[Fault, ...]) -> None:
    _park(hub, job.delivery, job.transfer, list(faults))


def _park(hub: Hub, seen: StoredDelivery, transfer: StoredTransfer, faults: list[Fault]) -> None:
    with hub.store.begin() as unit:
        if transfer.person:
            unit.lock_persons([transfer.person])  # a notice that brings the day of effect is before us or after us
        unit.lock_lines([(seen.recipient, seen.case)])
        delivery = unit.delivery(seen.id, lock=True)
        if delivery is None or delivery.state is not DeliveryState.RELEASED or delivery.release != seen.release:
            return
        current = unit.transfer(transfer.id)
        assert current is not None
        if any(fault.rule == NOT_IN_FORCE for fault in faults) and not effective_on(transfer.record):
            brought = that_brought_the_day(unit, current)
            if brought or effective_on(current.record):
                # the day became known while this one was on its way: it is told again, with the day
                unit.step(delivery, DeliveryState.READY, lease_until=None, rendition_id=None, due_at=hub.clock.technical())
                if brought:
                    now_in_force(hub, unit, delivery, brought.record, by=brought.id)
                return
        first = faults[0]
        reason = {**_reason(first.rule, first.zh, first.en), "faults": [fault.as_dict() for fault in faults]}
        unit.step(delivery, DeliveryState.PARKED, lease_until=None, reason=reason)
        unit.note("delivery.parked", **_about(transfer, delivery), reason=reason)
        unit.refresh_status(transfer.id, _wants_receipt(hub, transfer))


def _about(transfer: StoredTransfer, delivery: StoredDelivery) -> dict[str, Any]:
    return {"submission": transfer.submission, "transfer": transfer.id, "delivery": delivery.id, "person": transfer.person, "agency": delivery.recipient}


def _reason(rule: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    return {"rule": rule, "zh": zh, "en": en, **{key: value for key, value in more.items() if value is not None}}


def _polls(delivery: StoredDelivery) -> int:
    found = (delivery.reason or {}).get("polls", 0)
    return found if isinstance(found, int) else 0


def _wants_receipt(hub: Hub, transfer: StoredTransfer) -> bool:
    exchange = hub.catalogue.get(transfer.exchange)
    return bool(exchange and exchange.wants_receipt)
