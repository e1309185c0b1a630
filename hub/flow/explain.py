"""Where every field of a transfer came from: what the sender wrote, what the record says, what each recipient got.

Nothing is kept beside a transfer for this. The message as it came and the renditions as they went are translated once more,
with every line telling what it did. It is told by which mapping that was done, and whether it is the one of then.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.domain.faults import Fault, HubError, Malformed
from hub.domain.stored import PassedMessage, StoredDelivery, StoredDocument, StoredRendition, StoredTransfer
from hub.flow import hindsight
from hub.flow.canonical_form import inbox_item
from hub.flow.delivery import unreachable
from hub.flow.parts import Hub
from hub.translation import Context, Dialect
from hub.translation.foreign import Node
from hub.translation.lineage import Given, Lineage, Origin, Told, leaves, shown

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery, and what its recipient was sent last, if anything was."""

    delivery: StoredDelivery
    rendition: StoredRendition | None
    #: the release by which it is written where nothing is frozen yet: that under which it was accepted
    chosen: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A transfer with everything that its lineage is told from, as far as the one who asks may see it.

    `message` is None for who may not see what the sender wrote; `before` is the record of the transfer that this one
    answers or continues.
    """

    transfer: StoredTransfer
    mapping: str | None
    documents: tuple[StoredDocument, ...]
    message: PassedMessage | None
    ordinal: int
    before: tuple[str, Mapping[str, Any]] | None
    sent: tuple[Sent, ...]


def mapping_used(hub: Hub, dialect: str | None, recorded: str | None) -> Dialect | None:
    """The dialect by which something was translated; where that release is not there any more, the one in force, which is
    then said (`same_mapping`)."""
    if recorded:
        try:
            return hub.dialects.release(recorded, dialect)
        except HubError as error:
            log.info("explaining by what is in force: %s", error)
    return hub.dialects.get(dialect)


def explain(hub: Hub, passage: Passage, recipient: str | None = None, language: str = "zh") -> dict[str, Any]:
    """`{transfer, exchange, sender, received, sent}` of `GET /v1/transfers/{id}/lineage`."""
    return {
        "transfer": passage.transfer.id,
        "exchange": passage.transfer.exchange,
        "sender": passage.transfer.sender,
        "received": received(hub, passage, language),
        "sent": [
            _sent(hub, passage, one, language)
            for one in passage.sent
            if recipient is None or one.delivery.recipient == recipient
        ],
    }


# ------------------------------------------------------------------ what came
def received(hub: Hub, passage: Passage, language: str = "zh") -> dict[str, Any] | None:
    """How the canonical record came about; None for who may not see what the sender wrote."""
    message = passage.message
    if message is None:
        return None
    told: dict[str, Any] = {
        "channel": message.channel,
        "dialect": message.dialect or None,
        "mapping": passage.mapping,
        "explained_by": None,
        "same_mapping": None,
        "faults": [],
        "fields": [],
        "nothing": [],
        "passed_over": [],
        "texts": [],
    }
    if not message.dialect:
        told["fields"] = [origin.as_dict() | {"differs": False} for origin in _canonical_origins(passage)]
        return told
    dialect = mapping_used(hub, message.dialect, passage.mapping)
    if dialect is None:
        return told | {"faults": [_gone(message.dialect).as_error(language)]}
    try:
        kept = hindsight.reopen(hub, message)
        read, lineages = Told(dialect).read(kept.operation, kept.parts, kept.payload, message.agency)
    except HubError as error:
        return told | {"faults": [fault.as_error(language) for fault in error.faults]}
    if passage.ordinal >= len(lineages):
        return told | {"faults": [fault.as_error(language) for fault in read.faults]}
    lineage, item = lineages[passage.ordinal], read.items[passage.ordinal]
    now = dict(leaves(item.record or {}))
    then = dict(leaves(passage.transfer.record))
    return {
        **told,
        **_by(lineage.mapping, passage.mapping),
        "faults": [fault.as_error(language) for fault in item.faults],
        "fields": [
            origin.as_dict() | {"differs": bool(item.record) and _differs(origin.place, now, then)}
            for origin in lineage.origins
        ],
        "nothing": [step.as_dict() for step in lineage.without_value()],
        "passed_over": [step.as_dict() for step in lineage.passed_over()],
        "texts": [text.as_dict() for text in lineage.texts],
    }


def _differs(place: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether the record as it is kept says something else at a place than the message would be read as today."""

    def below(values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if key == place or key.startswith(f"{place}/")}

    return bool(then) and below(now) != below(then)


def _by(explained: str, recorded: str | None) -> dict[str, Any]:
    return {"explained_by": explained, "same_mapping": None if recorded is None else explained == recorded}


def _gone(dialect: str) -> Fault:
    return Fault(
        "dialect.gone",
        "",
        f"方言“{dialect}”现已不在配置中，无法说明来历",
        f"the dialect {dialect!r} is not configured any more, so nothing can be explained by it",
        value=dialect,
    )


def _canonical_origins(passage: Passage) -> Iterator[Origin]:
    """The origins of a record that came as canonical JSON: as it was sent, normalised, taken over, or filled in by the hub."""
    message = passage.message
    assert message is not None
    try:
        body = json.loads(message.raw)
    except ValueError:
        body = {}
    if message.channel == "hub":
        for place, value in leaves(passage.transfer.record):
            yield Origin(place, value, "hub", "")
        return
    sent = dict(leaves(body.get("record") or {}))
    before = dict(leaves(passage.before[1])) if passage.before else {}
    written = sent.get("/case/number")
    for place, value in leaves(passage.transfer.record):
        if place in sent:
            kind = "at" if sent[place] == value else "normalised"
            yield Origin(place, value, kind, "", None, (Given("foreign", f"/record{place}", sent[place]),))
        elif place == "/case/number_as_written" and written == value:
            yield Origin(place, value, "normalised", "", None, (Given("foreign", "/record/case/number", written),))
        elif place == "/case/number" and isinstance(body.get("case"), str) and before.get(place) != value:
            yield Origin(place, value, "normalised", "", None, (Given("foreign", "/case", body["case"]),))
        elif passage.before and before.get(place) == value and not place.startswith("/exchange"):
            yield Origin(
                place, value, "continued", "", None, (Given("canonical", place, value), _of_transfer(passage.before[0]))
            )
        else:
            yield Origin(place, value, "hub", "")


def _of_transfer(transfer: str) -> Given:
    return Given("context", "transfer", transfer)


# ------------------------------------------------------------------ what went
def _sent(hub: Hub, passage: Passage, one: Sent, language: str) -> dict[str, Any]:
    """What one recipient got, or would get now where nothing was sent yet, field by field."""
    transfer, rendition = passage.transfer, one.rendition
    agency = hub.agencies.get(one.delivery.recipient)
    reach = hub.reach_for(agency, transfer.exchange) if agency else None
    dialect = rendition.dialect if rendition else reach.dialect if reach else None
    message_id = rendition.message_id if rendition else f"{one.delivery.id}-1"
    told = {
        "delivery": one.delivery.id,
        "recipient": one.delivery.recipient,
        "role": one.delivery.role,
        "frozen_at": rendition.frozen_at if rendition else None,
        "message_id": message_id,
    }
    recorded = rendition.mapping if rendition else None
    if rendition is None and reach is None:
        return told | _nothing(None, [unreachable(transfer.exchange, one.delivery.recipient).as_error(language)])
    if dialect is None:
        return told | as_canonical(inbox_item(one.delivery, transfer, passage.documents))
    used = mapping_used(hub, dialect, recorded or one.chosen)
    if used is None or transfer.exchange not in used.writers:
        return told | _nothing(dialect, [_gone(dialect).as_error(language)]) | {"mapping": recorded}
    at = rendition.frozen_at if rendition else hub.clock.now()
    written = write(hub, used, transfer, passage.documents, one.delivery.recipient, message_id, at)
    stored = _texts(used, rendition.payload) if rendition else {}
    return (
        told
        | written.as_dict(stored, language)
        | {"mapping": recorded or written.lineage.mapping}
        | _by(written.lineage.mapping, recorded)
    )


@dataclass(frozen=True, slots=True)
class Explained:
    """A record in a recipient's dialect, with how it came about."""

    dialect: str
    payload: bytes | None
    media_type: str | None
    faults: tuple[Fault, ...]
    lineage: Lineage

    def as_dict(self, stored: Mapping[str, str] | None = None, language: str = "zh") -> dict[str, Any]:
        """`stored`: the texts that really went out; a field that would be written differently now is marked."""
        return {
            "dialect": self.dialect,
            "faults": [fault.as_error(language) for fault in self.faults],
            "fields": [_field(origin, stored or {}) for origin in self.lineage.origins],
            "nothing": [step.as_dict() for step in self.lineage.without_value()],
            "passed_over": [step.as_dict() for step in self.lineage.passed_over()],
            "not_sent": [{"place": place, "value": shown(value)} for place, value in self.lineage.left],
        }


def write(
    hub: Hub,
    dialect: Dialect,
    transfer: StoredTransfer,
    documents: Sequence[StoredDocument],
    recipient: str,
    message_id: str,
    at: datetime,
) -> Explained:
    """A transfer's record in a dialect, told line by line, as it would be written at a moment."""
    context = Context(message_id, at, transfer.sender, recipient, hub.agencies, at)
    record = {**transfer.record, "documents": [document.as_dict() for document in documents]}
    written, faults, lineage = Told(dialect).write(transfer.exchange, record, context)
    return Explained(
        dialect.name,
        written.payload if written else None,
        written.media_type if written else None,
        faults,
        lineage,
    )


def as_canonical(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an agency without a dialect gets: the canonical record as it is, in what the hub says around it."""
    fields = []
    for place, value in leaves(item):
        inside = place.removeprefix("/record") if place.startswith(("/record/", "/documents/")) else ""
        given = (Given("canonical", inside, value),) if inside else ()
        fields.append(Origin(place, value, "at" if inside else "hub", "", None, given).as_dict() | {"differs": False})
    return _nothing(None, []) | {"fields": fields}


def _nothing(dialect: str | None, faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "dialect": dialect,
        "mapping": None,
        "explained_by": None,
        "same_mapping": None,
        "faults": list(faults),
        "fields": [],
        "nothing": [],
        "passed_over": [],
        "not_sent": [],
    }


def _field(origin: Origin, stored: Mapping[str, str]) -> dict[str, Any]:
    """A field with the text that stands in what was sent; only a moment may be another without being told."""
    found = origin.as_dict() | {"differs": False}
    text = stored.get(origin.place)
    if text is None:
        return found | {"differs": bool(stored)}
    moment = origin.kind == "context" and any(given.place in ("now", "sent_at") for given in origin.given)
    return found | {"value": shown(text), "differs": not moment and text != str(origin.value).strip()}


def _texts(dialect: Dialect, payload: bytes) -> dict[str, str]:
    """The texts of a rendition by their place; none where it is no record of the dialect any more."""
    try:
        pending: list[Node] = [dialect.form.parse(payload)]
    except Malformed:
        return {}
    found: dict[str, str] = {}
    while pending:
        node = pending.pop()
        told: list[tuple[tuple[str, ...], str]] = [((f"@{name}",), text) for name, text in node.attributes.items()]
        if not node.order:
            told.append(((), node.text))
        for below, text in told:
            # a place of what is written is a path where the format has no line and column for it yet
            found[node.xpath(below)] = found[dialect.form.place(node.path(below))] = text.strip()
        pending += node.order
    return found
