"""What a record would come to if it were handed over now: checked, routed and written for every recipient, sent to nobody.

The intake and the delivery do the work, up to the moment in which they would keep or send something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.exchanges import value_at
from hub.domain.faults import HubError
from hub.domain.records import person_key
from hub.domain.stored import StoredDelivery, StoredTransfer
from hub.domain.transfers import DeliveryState
from hub.flow.canonical_form import inbox_item
from hub.flow.delivery import Draft, Job, render, unreachable
from hub.flow.explain import as_canonical, write
from hub.flow.intake import Piece, party, piece_from_body
from hub.flow.parts import Hub


def preview(hub: Hub, agency: str, body: Mapping[str, Any], language: str = "zh") -> dict[str, Any]:
    """`POST /v1/transfers/preview`: what `POST /v1/transfers` of the same body would do.

    Raises what that would raise: `NotAllowed` for an exchange that is not the agency's, `Refused` with every fault.
    """
    piece = piece_from_body(hub, agency, body)
    assert piece.routing is not None
    transfer = _transfer(hub, agency, piece)
    named = [("to", recipient) for recipient in piece.routing.to]
    named += [("copy", recipient) for recipient in piece.routing.copies]
    return {
        "exchange": transfer.exchange,
        "case": transfer.case,
        "person": transfer.person,
        "in_reply_to": transfer.in_reply_to,
        "record": dict(transfer.record),
        "documents": [document.as_dict() for document in piece.documents],
        "routing": {
            "to": list(piece.routing.to),
            "copies": list(piece.routing.copies),
            "gaps": [gap.as_error(language) for gap in piece.routing.gaps],
            "warnings": [en if language.startswith("en") else zh for zh, en in piece.warnings],
        },
        "recipients": [_for_one(hub, piece, transfer, role, recipient, language) for role, recipient in named],
    }


def _transfer(hub: Hub, agency: str, piece: Piece) -> StoredTransfer:
    """The transfer as it would be kept, with the case and the person that the hub knows already; its ids are nobody's."""
    with hub.store.read() as unit:
        number = value_at(piece.record, "case.number")
        case = piece.case or (unit.find_case(number) if isinstance(number, str) else None)
        person = piece.person or unit.find_person(*person_key(piece.record), case)
        # nobody learns by trying whether the hub knows a person or a case that is none of theirs
        theirs = [one for one in (unit.about(person, None) if person else []) if party(unit, one, agency)]
        if piece.person is None and not theirs:
            person = None
        if piece.case is None and all(one.case != case for one in theirs):
            case = None
    return StoredTransfer(
        id=hub.ids.new("trf"),
        seq=0,
        submission=hub.ids.new("sub"),
        exchange=piece.exchange.id,
        sender=agency,
        origin=piece.origin,
        case=case,
        person=person,
        record=piece.record,
        faults=(),
        parked=False,
        status="accepted",
        in_reply_to=piece.in_reply_to,
        message_key=None,
        label=piece.label,
        accepted_at=hub.clock.now(),
    )


def _for_one(
    hub: Hub, piece: Piece, transfer: StoredTransfer, role: str, recipient: str, language: str
) -> dict[str, Any]:
    delivery = StoredDelivery(
        id=hub.ids.new("dlv"),
        seq=0,
        transfer=transfer.id,
        recipient=recipient,
        role=role,
        case=transfer.case or "",
        state=DeliveryState.READY,
        release=0,
        due_at=hub.clock.technical(),
        attempts=0,
        reference=None,
        rendition=None,
        reason=None,
        delivered_at=None,
    )
    agency = hub.agencies.get(recipient)
    reach = hub.reach_for(agency, transfer.exchange) if agency else None
    told: dict[str, Any] = {
        "recipient": recipient,
        "role": role,
        "transport": reach.transport if reach else None,
        "dialect": reach.dialect if reach else None,
        "mapping": None,
        "media_type": None,
        "payload": None,
        "faults": [],
        "fields": [],
        "nothing": [],
        "passed_over": [],
        "not_sent": [],
    }
    if agency is None or reach is None:
        return told | {"faults": [unreachable(transfer.exchange, recipient).as_error(language)]}
    job = Job(delivery, transfer, piece.documents, agency, reach, 1)
    try:
        draft = render(hub, job)
    except HubError as error:
        told["faults"] = [fault.as_error(language) for fault in error.faults]
    else:
        told["media_type"], told["payload"] = draft.media_type, _text(hub, draft)
    if reach.dialect is None:
        return _only(told, as_canonical(inbox_item(delivery, transfer, piece.documents)))
    message_id = f"{delivery.id}-{job.number}"
    written = write(hub, hub.dialects[reach.dialect], transfer, piece.documents, recipient, message_id, hub.clock.now())
    told["mapping"] = written.lineage.mapping
    return _only(told, written.as_dict(None, language))


def _text(hub: Hub, draft: Draft) -> str:
    """A payload as text, in the dialect's own encoding."""
    if draft.dialect is None:
        return draft.payload.decode()
    return hub.dialects[draft.dialect].form.encoding.decode(draft.payload, "text.encoding")


def _only(told: dict[str, Any], lineage: Mapping[str, Any]) -> dict[str, Any]:
    return told | {key: lineage[key] for key in ("fields", "nothing", "passed_over", "not_sent")}
