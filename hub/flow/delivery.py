"""One delivery, from the release note to the recorded outcome; reads top to bottom.

A note is worth nothing by itself: the store says whether its release number still counts. The record is put into the
recipient's dialect once, frozen, and the attempt is written down before the call. What a call came to decides the next
state; a retry is a due time in the store, never a message kept in the broker.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from hub.flow.live import InForce
from hub.flow.parts import Hub
from hub.flow.receipts import record_receipt
from hub.messaging.envelope import ReleaseNote
from hub.ports import Attachment, ConfigError, Endpoint, Outcome, OutcomeKind, Parcel, Unit
from hub.translation import ConfigErrors, Context

log = logging.getLogger(__name__)

#: The rule by which a delivery is parked after its last attempt. Whether one of them arrived may be unknown.
GAVE_UP = "delivery.gave-up"
#: Seconds beyond a call's own deadline before its worker is taken for dead.
ATTEMPT_GRACE = 15.0
#: Seconds between tries to record an outcome while the store is out of reach.
RECORD_PAUSE = 0.5
#: Seconds after which it is looked again whether an administrator has mended how an agency is reached.
MENDING_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    delivery: StoredDelivery
    transfer: StoredTransfer
    documents: tuple[StoredDocument, ...]
    agency: Agency
    reach: Reach
    #: which rendition the next one would be, counted from 1
    number: int
    #: what the record is written by, where that was chosen before
    written_by: InForce | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A rendition that is not frozen yet."""

    message_id: str
    dialect: str | None
    mapping: str | None
    payload: bytes
    media_type: str
    facts: Mapping[str, str]
    release: str | None = None


def deliver(hub: Hub, note: ReleaseNote) -> None:
    """Work one release note off. Afterwards it may be acknowledged, whatever happened."""
    job = _job(hub, note)
    if job is None:
        return
    try:
        draft = None if job.delivery.rendition else render(hub, job)
    except HubError as error:
        _park(hub, job.delivery, job.transfer, error.faults)
        return
    except Exception as error:
        # Ours to mend. Trying again would end the same way, and unseen.
        log.exception("writing delivery %s for %s", job.delivery.id, job.agency.id)
        _park(
            hub,
            job.delivery,
            job.transfer,
            [
                Fault(
                    "hub.error",
                    "",
                    f"系统内部错误，无法写成接收方的格式：{type(error).__name__}: {error}",
                    f"internal error while writing it for the recipient: {type(error).__name__}: {error}",
                )
            ],
        )
        return
    try:
        endpoint = hub.connectors.endpoint(job.agency, job.reach)
    except (ConfigError, ConfigErrors) as error:
        _wait_for_mending(hub, job, error)
        return
    begun = _begin(hub, job, draft, endpoint)
    if begun is None:
        return
    attempt, delivery, rendition = begun
    crashpoints.reach("delivery.after-attempt")
    outcome = _call(hub, job, rendition, endpoint)
    crashpoints.reach("delivery.after-call")
    _record_surely(hub, job, delivery, attempt, endpoint, outcome)
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
        frozen = unit.rendition(delivery.rendition) if delivery.rendition else None
        number = unit.rendition_count(delivery.id) + 1
        agency = hub.agencies.get(delivery.recipient)
        in_dialect = agency is not None and any(reach.dialect for reach in agency.reach)
        chosen = unit.chosen_mapping(delivery.id) if in_dialect and frozen is None else None
    assert transfer is not None
    try:
        written_by = hub.dialects.find(chosen) if chosen else None
    except HubError as error:
        _park(hub, delivery, transfer, [_not_usable(chosen or ""), *error.faults])
        return None
    reach = _way(hub, agency, transfer, frozen, written_by) if agency else None
    if agency is not None and reach is None and frozen is not None:
        _park(
            hub,
            delivery,
            transfer,
            [
                Fault(
                    "recipient.way-changed",
                    "",
                    f"已按{frozen.dialect or frozen.transport}写成，而{agency.name}现已改用别的方式；确认对方没有收到后再重发",
                    f"it is written for {frozen.dialect or frozen.transport}, which {agency.id} does not use any more; "
                    "send it again once it is certain that it did not arrive",
                )
            ],
        )
        return None
    if agency is None or reach is None:
        _park(hub, delivery, transfer, [unreachable(transfer.exchange, delivery.recipient)])
        return None
    return Job(delivery, transfer, documents, agency, reach, number, written_by)


def _not_usable(release: str) -> Fault:
    return Fault(
        "mapping.unusable",
        "",
        f"受理时选定的映射版本（{release[:12]}）现已无法使用；可用 hub transfer redeliver --mapping current 按现行版本重发",
        f"the mapping that was chosen when it was accepted ({release[:12]}) cannot be used any more; "
        "hub transfer redeliver --mapping current sends it by what is in force now",
        value=release,
    )


def unreachable(exchange: str, recipient: str) -> Fault:
    """Nothing in the recipient's file says how an exchange could reach it."""
    return Fault(
        "recipient.unreachable",
        "",
        f"没有可用的方式把“{exchange}”送达{recipient}，请检查其reach配置",
        f"there is no way to carry {exchange} to {recipient}; see its reach",
    )


def _way(
    hub: Hub,
    agency: Agency,
    transfer: StoredTransfer,
    frozen: StoredRendition | None,
    written_by: InForce | None = None,
) -> Reach | None:
    """How the agency is reached. What is frozen goes the way that it was written for, as long as there is that way; what is
    to be written by a certain mapping, the way of that mapping."""
    if frozen is None:
        return _way_of(agency, transfer.exchange, written_by) or hub.reach_for(agency, transfer.exchange)
    return next(
        (reach for reach in agency.reach if (reach.transport, reach.dialect) == (frozen.transport, frozen.dialect)),
        None,
    )


def _way_of(agency: Agency, exchange: str, written_by: InForce | None) -> Reach | None:
    if written_by is None or not written_by.dialect.can_write(exchange):
        return None
    return next(
        (
            reach
            for reach in agency.reach
            if reach.dialect == written_by.dialect.name and (not reach.exchanges or exchange in reach.exchanges)
        ),
        None,
    )


def render(hub: Hub, job: Job) -> Draft:
    """The record in the recipient's dialect. Raises `HubError` when it cannot be told in it."""
    message_id = f"{job.delivery.id}-{job.number}"
    if job.reach.dialect is None:
        item = inbox_item(job.delivery, job.transfer, job.documents)
        return Draft(message_id, None, None, json.dumps(item, ensure_ascii=False).encode(), "application/json", {})
    entry = job.written_by
    if entry is None or entry.dialect.name != job.reach.dialect:
        entry = hub.dialects.in_force(job.reach.dialect)
    dialect = entry.dialect
    context = Context(
        message_id=message_id,
        sent_at=hub.clock.now(),
        sender=job.transfer.sender,
        recipient=job.agency.id,
        agencies=hub.agencies,
        now=hub.clock.now(),
    )
    record = {**job.transfer.record, "documents": [doc.as_dict() for doc in job.documents]}
    written = dialect.write(job.transfer.exchange, record, context)
    return Draft(
        message_id,
        job.reach.dialect,
        dialect.version(job.transfer.exchange),
        written.payload,
        written.media_type,
        written.facts,
        entry.release,
    )


def _begin(
    hub: Hub, job: Job, draft: Draft | None, endpoint: Endpoint
) -> tuple[int, StoredDelivery, StoredRendition] | None:
    """Freeze the rendition and write the attempt down, if the release still counts."""
    now = hub.clock.technical()
    with hub.store.begin() as unit:
        delivery = unit.delivery(job.delivery.id, lock=True)
        if delivery is None or delivery.state is not DeliveryState.RELEASED or delivery.release != job.delivery.release:
            return None
        rendition_id = delivery.rendition
        if rendition_id is None:
            if draft is None:
                return None  # it was sent back for a new rendition meanwhile
            rendition_id = unit.add_rendition(
                delivery.id,
                message_id=draft.message_id,
                transport=job.reach.transport,
                dialect=draft.dialect,
                mapping=draft.mapping,
                payload=draft.payload,
                media_type=draft.media_type,
                facts=draft.facts,
            )
            if job.written_by is None and draft.release is not None:
                unit.choose_mappings({delivery.id: draft.release})
        phase = "poll" if delivery.reference else "call"
        attempt = unit.begin_attempt(
            delivery, rendition_id, phase, now + timedelta(seconds=endpoint.timeout + ATTEMPT_GRACE)
        )
        rendition = unit.rendition(rendition_id)
        delivery = unit.delivery(delivery.id)
        unit.refresh_status(job.transfer.id, hub.catalogue.wants_receipt(job.transfer.exchange))
    assert rendition is not None
    assert delivery is not None
    return attempt, delivery, rendition


# ------------------------------------------------------------------ the call
def _call(hub: Hub, job: Job, rendition: StoredRendition, endpoint: Endpoint) -> Outcome:
    parcel = Parcel(
        delivery=job.delivery.id,
        transfer=job.transfer.id,
        message_id=rendition.message_id,
        exchange=job.transfer.exchange,
        payload=rendition.payload,
        media_type=rendition.media_type,
        facts=rendition.facts,
        attachments=tuple(
            Attachment(d.sha256, d.title, d.kind, d.media_type, d.size, partial(hub.documents.get, d.sha256))
            for d in job.documents
        ),
        sent_at=rendition.frozen_at,
        dialect=rendition.dialect,
    )
    connector = hub.connectors.call_side(rendition.transport)
    try:
        if job.delivery.reference:
            return _storable(connector.poll(endpoint, parcel, job.delivery.reference, hub.sessions))
        return _storable(connector.call(endpoint, parcel, hub.sessions))
    except ConfigError as error:
        # Found before anything was sent: an administrator must mend it, then it goes on by itself.
        log.warning("delivery %s to %s: %s", job.delivery.id, endpoint.agency, error)
        return Outcome(
            OutcomeKind.LATER, code="hub.configuration", message="；".join(fault.zh for fault in error.faults)
        )
    except Exception as error:
        # A connector promises not to raise for what an agency does; what it raises is ours to mend. Whether anything
        # was sent is not known, so it counts as sent.
        log.exception("calling %s for delivery %s", endpoint.agency, job.delivery.id)
        return Outcome(OutcomeKind.UNKNOWN, code="hub.error", message=f"{type(error).__name__}: {error}")


def _storable(outcome: Outcome) -> Outcome:
    """What a foreign system said, without what PostgreSQL cannot hold (NUL, halves of characters)."""

    def clean(text: str | None) -> str | None:
        return text.replace("\0", "").encode(errors="replace").decode() if text is not None else None

    receipt = outcome.receipt
    if receipt is not None:
        receipt = replace(receipt, reason=clean(receipt.reason), number=clean(receipt.number))
    return replace(
        outcome,
        code=clean(outcome.code),
        message=clean(outcome.message),
        reference=clean(outcome.reference),
        receipt=receipt,
    )


# ------------------------------------------------------------------ after the call
def _record_surely(
    hub: Hub, job: Job, begun: StoredDelivery, attempt: int, endpoint: Endpoint, outcome: Outcome
) -> None:
    """Record the outcome even though the database restarts in this moment. After the grace the attempt counts as unknown."""
    for _ in range(int(ATTEMPT_GRACE / RECORD_PAUSE) - 1):
        try:
            return _record(hub, job, begun, attempt, endpoint, outcome)
        except Exception:
            log.exception("recording the outcome of delivery %s; trying again", begun.id)
            threading.Event().wait(RECORD_PAUSE)
    return _record(hub, job, begun, attempt, endpoint, outcome)


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
        unit.refresh_status(job.transfer.id, hub.catalogue.wants_receipt(job.transfer.exchange))


def _act_on(hub: Hub, unit: Unit, job: Job, delivery: StoredDelivery, endpoint: Endpoint, outcome: Outcome) -> None:
    now = hub.clock.technical()
    about = _about(job.transfer, delivery)
    said: dict[str, Any] = {"code": outcome.code, "message": outcome.message}
    match outcome.kind:
        case OutcomeKind.DONE | OutcomeKind.DUPLICATE:
            unit.step(delivery, DeliveryState.DELIVERED, delivered_at=hub.clock.now(), lease_until=None, reason=None)
            unit.note(
                "delivery.delivered",
                **about,
                transport=job.reach.transport,
                duplicate=outcome.kind is OutcomeKind.DUPLICATE,
                **said,
            )
            if outcome.receipt:
                delivered = unit.delivery(delivery.id)
                assert delivered is not None
                record_receipt(
                    hub,
                    unit,
                    delivered,
                    job.transfer,
                    outcome="accepted" if outcome.receipt.accepted else "returned",
                    reason=outcome.receipt.reason,
                    number=outcome.receipt.number,
                    given_by=delivery.recipient,
                    signature=None,
                )
        case OutcomeKind.SUBMITTED:
            first = delivery.reference is None
            unit.step(
                delivery,
                DeliveryState.SUBMITTED,
                reference=outcome.reference or delivery.reference,
                lease_until=None,
                due_at=now + timedelta(seconds=_poll_pause(hub, delivery)),
                reason={"polls": _polls(delivery) + 1},
            )
            if first:
                unit.note("delivery.submitted", **about, reference=outcome.reference, **said)
        case OutcomeKind.REFUSED:
            reason = _reason(
                "recipient.refused",
                f"接收方系统拒收：{outcome.message or outcome.code or '未说明原因'}",
                f"the recipient's system refused it: {outcome.message or outcome.code or 'no reason given'}",
                code=outcome.code,
            )
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
    reach = (
        _way(hub, agency, transfer, unit.rendition(delivery.rendition) if delivery.rendition else None)
        if agency
        else None
    )
    if delivery.reference or (agency and reach and _repeat_safe(hub, agency, reach)):
        _again(hub, unit, delivery, about, "delivery.repeat", 0.0, said)
    else:
        _unknown(unit, delivery, about, said)
    unit.refresh_status(transfer.id, hub.catalogue.wants_receipt(transfer.exchange))


def _repeat_safe(hub: Hub, agency: Agency, reach: Reach) -> bool:
    """Whether its contract removes duplicates. Where the configuration cannot say, a person decides."""
    try:
        return hub.connectors.call_side(reach.transport).repeat_safe(hub.connectors.endpoint(agency, reach))
    except (ConfigError, ConfigErrors) as error:
        log.warning("whether %s may be called again cannot be told: %s", agency.id, error)
        return False


def _again(
    hub: Hub,
    unit: Unit,
    delivery: StoredDelivery,
    about: Mapping[str, Any],
    kind: str,
    wait: float | None,
    said: Mapping[str, Any],
) -> None:
    """Another attempt with the same rendition and message id, or, when enough were made, a person's decision."""
    now = hub.clock.technical()
    pause = (
        _poll_pause(hub, delivery)
        if delivery.reference
        else hub.schedule.after(max(delivery.attempts, 1), hub.random())
    )
    if pause is None:
        reason = _reason(
            GAVE_UP,
            f"已尝试{delivery.attempts}次仍未送达：{said.get('message') or said.get('code')}",
            f"given up after {delivery.attempts} attempts: {said.get('message') or said.get('code')}",
            code=said.get("code"),
        )
        unit.step(delivery, DeliveryState.PARKED, lease_until=None, reason=reason)
        unit.note("delivery.parked", **about, reason=reason)
        return
    if wait is not None:
        pause = min(max(wait, 0.0), max(hub.schedule.retry))  # however long a system asks us to stay away
    due = now + timedelta(seconds=pause)
    after = DeliveryState.SUBMITTED if delivery.reference else DeliveryState.READY
    unit.step(
        delivery,
        after,
        due_at=due,
        lease_until=None,
        reason={
            **_reason(kind, "稍后再送", "will be tried again", code=said.get("code")),
            "polls": _polls(delivery) + bool(delivery.reference),
            "message": said.get("message"),
        },
    )
    unit.note(kind, **about, attempt=delivery.attempts, due=due.isoformat(), **said)


def _unknown(unit: Unit, delivery: StoredDelivery, about: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    reason = _reason(
        "outcome.unknown",
        "已发出，但不知道对方是否收到；对方系统不能排除重复，须由人工核实后决定是否重发",
        "it was sent, and nobody knows whether it arrived; the recipient's system cannot tell a repetition, so a person must decide",
        code=said.get("code"),
    )
    unit.step(delivery, DeliveryState.UNKNOWN, lease_until=None, reason=reason)
    unit.note("delivery.unknown", **about, reason=reason, **said)


# ------------------------------------------------------------------ parked before any call
def _wait_for_mending(hub: Hub, job: Job, error: ConfigError | ConfigErrors) -> None:
    """Nobody knows how to call: nothing was tried, and it is looked again in a while. Said once on the timeline."""
    log.error("delivery %s to %s waits for its configuration: %s", job.delivery.id, job.agency.id, error)
    reason = _reason(
        "hub.configuration",
        f"{job.agency.name}的接入配置有误，待管理员改正",
        f"the way to {job.agency.id} is not usable; an administrator must mend it",
        message=str(error),
    )
    with hub.store.begin() as unit:
        delivery = unit.delivery(job.delivery.id, lock=True)
        if delivery is None or delivery.state is not DeliveryState.RELEASED or delivery.release != job.delivery.release:
            return
        after = DeliveryState.SUBMITTED if delivery.reference else DeliveryState.READY
        unit.step(
            delivery,
            after,
            lease_until=None,
            due_at=hub.clock.technical() + timedelta(seconds=MENDING_PAUSE),
            reason={**reason, "polls": _polls(delivery)},
        )
        if (delivery.reason or {}).get("rule") != reason["rule"]:
            unit.note("delivery.later", **_about(job.transfer, delivery), code=reason["rule"], message=reason["zh"])


def _park(hub: Hub, seen: StoredDelivery, transfer: StoredTransfer, faults: Sequence[Fault]) -> None:
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
                unit.step(
                    delivery, DeliveryState.READY, lease_until=None, rendition_id=None, due_at=hub.clock.technical()
                )
                if brought:
                    now_in_force(hub, unit, delivery, brought.record, by=brought.id)
                return
        first = faults[0]
        reason = {**_reason(first.rule, first.zh, first.en), "faults": [fault.as_dict() for fault in faults]}
        unit.step(delivery, DeliveryState.PARKED, lease_until=None, reason=reason)
        unit.note("delivery.parked", **_about(transfer, delivery), reason=reason)
        unit.refresh_status(transfer.id, hub.catalogue.wants_receipt(transfer.exchange))


def _about(transfer: StoredTransfer, delivery: StoredDelivery) -> dict[str, Any]:
    return {
        "submission": transfer.submission,
        "transfer": transfer.id,
        "delivery": delivery.id,
        "person": transfer.person,
        "agency": delivery.recipient,
    }


def _reason(rule: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    return {"rule": rule, "zh": zh, "en": en, **{key: value for key, value in more.items() if value is not None}}


def _polls(delivery: StoredDelivery) -> int:
    found = (delivery.reason or {}).get("polls", 0)
    return found if isinstance(found, int) else 0


def _poll_pause(hub: Hub, delivery: StoredDelivery) -> float:
    """Seconds until a system that decides later is asked again."""
    return hub.schedule.poll[min(_polls(delivery), len(hub.schedule.poll) - 1)]
