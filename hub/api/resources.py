"""The API's envelopes as marshmallow schemas: what operations load from requests and dump into answers.

They agree with the contract in `openapi/`; a test compares the two. Records of exchanges are not here: their one source
is the contract's JSON Schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

TRANSFER_STATUS = ("accepted", "parked", "delivering", "delivered", "answered", "refused", "withdrawn", "kept")
DELIVERY_STATUS = (
    "waiting",
    "ready",
    "released",
    "attempting",
    "submitted",
    "delivered",
    "accepted",
    "returned",
    "refused",
    "parked",
    "unknown",
    "withdrawn",
)
OUTCOMES = ("accepted", "returned")
#: Where the value at a place came from: a line's source, or what the hub itself did.
ORIGINS = (
    "at",
    "from",
    "value",
    "compute",
    "context",
    "derive",
    "others",
    "position",
    "named",
    "absent",
    "document",
    "unmapped",
    "normalised",
    "continued",
    "hub",
)
STRENGTHS = ("recorded", "attested", "signed")


class Time(fields.Field[str]):
    """A time with offset; what comes as a text is passed on, what comes as a datetime is written as ISO 8601."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value


class Day(Time):
    """A day as ISO 8601."""


class Open(fields.Dict):
    """An object whose members are not the envelope's business: a canonical record, facts."""


class Resource(Schema):
    """Members that the contract does not name are refused on the way in and left out on the way out."""

    class Meta:
        unknown = RAISE


def _text(**more: Any) -> fields.String:
    return fields.String(required=True, **more)


def _maybe(**more: Any) -> fields.String:
    return fields.String(required=True, allow_none=True, **more)


def _one_of(*values: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(values))


def _many(schema: type[Schema]) -> fields.List[Any]:
    return fields.List(fields.Nested(schema), required=True)


# ------------------------------------------------------------------ requests
class TokenRequest(Resource):
    grant_type = _one_of("client_credentials")
    client_id = fields.String()
    client_secret = fields.String()
    scope = fields.String()


class NamedDocument(Resource):
    sha256 = _text()
    title = _text()
    kind = fields.String()
    media_type = fields.String()


class TransferRequest(Resource):
    """The envelope that all exchanges have in common."""

    exchange = _text()
    record = Open(required=True)
    case = fields.String()
    person = fields.String()
    documents = fields.List(fields.Nested(NamedDocument))
    in_reply_to = fields.String()


class RedeliveryRequest(Resource):
    recipient = fields.String()
    dry_run = fields.Boolean(load_default=False)
    mapping = fields.String()


class ReceiptRequest(Resource):
    outcome = _one_of(*OUTCOMES)
    reason = fields.String()
    number = fields.String()
    signature = fields.String()


class PersonSearch(Resource):
    id_number = fields.String()
    name = fields.String()


# ------------------------------------------------------------------ answers
class Token(Resource):
    access_token = _text()
    token_type = _one_of("Bearer")
    expires_in = fields.Integer(required=True)


class QueuedDelivery(Resource):
    id = _text()
    recipient = _text()
    role = _one_of("to", "copy")
    status = _one_of(*DELIVERY_STATUS)


class Accepted(Resource):
    id = _text()
    submission = _text()
    case = _maybe()
    person = _maybe()
    status = _one_of(*TRANSFER_STATUS)
    deliveries = _many(QueuedDelivery)


class Parked(Resource):
    pointer = _text()
    rule = _text()
    message = _text()
    person = fields.String(allow_none=True)
    transfer = fields.String(allow_none=True)


class Submitted(Resource):
    submission = _text()
    transfers = _many(Accepted)
    parked = _many(Parked)


class TransferSummary(Resource):
    id = _text()
    submission = _text()
    exchange = _text()
    sender = _text()
    case = _maybe()
    person = _maybe()
    status = _one_of(*TRANSFER_STATUS)
    accepted_at = Time(required=True)
    in_reply_to = _maybe()
    label = _maybe()
    deliveries = _many(QueuedDelivery)


class TransferPage(Resource):
    items = _many(TransferSummary)
    next = _maybe()


class Rendition(Resource):
    id = _text()
    message_id = _text()
    transport = _text()
    dialect = _maybe()
    mapping = _maybe()
    frozen_at = Time(required=True)


class Attempt(Resource):
    number = fields.Integer(required=True)
    phase = _text()
    started_at = Time(required=True)
    finished_at = Time(required=True, allow_none=True)
    outcome = _maybe()
    code = _maybe()
    message = _maybe()


class Receipt(Resource):
    id = _text()
    outcome = _one_of(*OUTCOMES)
    reason = _maybe()
    number = _maybe()
    given_by = _text()
    strength = _one_of(*STRENGTHS)
    given_at = Time(required=True)


class Reason(Resource):
    rule = _text()
    message = _text()


class Delivery(Resource):
    id = _text()
    recipient = _text()
    role = _one_of("to", "copy")
    status = _one_of(*DELIVERY_STATUS)
    delivered_at = Time(required=True, allow_none=True)
    due_at = Time(required=True, allow_none=True)
    reason = fields.Nested(Reason, required=True, allow_none=True)
    renditions = _many(Rendition)
    attempts = _many(Attempt)
    receipt = fields.Nested(Receipt, required=True, allow_none=True)


class DeliveredDocument(Resource):
    sha256 = _text()
    title = _text()
    kind = _maybe()
    media_type = _text()
    size = fields.Integer(required=True)


class Transfer(TransferSummary):
    record = Open(required=True)
    documents = _many(DeliveredDocument)
    unmapped = Open(required=True)
    parked = _many(Parked)
    mapping = _maybe()
    deliveries = _many(Delivery)


class Event(Resource):
    at = Time(required=True)
    recorded_at = Time(required=True)
    kind = _text()
    text = _text()
    agency = _maybe()
    delivery = _maybe()
    facts = Open(required=True)


class Timeline(Resource):
    transfer = _text()
    items = _many(Event)


class DeliveryAgain(Resource):
    id = _maybe()
    recipient = _text()
    from_ = fields.String(required=True, data_key="from", attribute="from", validate=validate.OneOf(DELIVERY_STATUS))
    new_rendition = fields.Boolean(required=True)
    mapping = _maybe()


class Redelivery(Resource):
    transfer = _text()
    dry_run = fields.Boolean(required=True)
    deliveries = _many(DeliveryAgain)


class InboxItem(Resource):
    delivery = _text()
    transfer = _text()
    exchange = _text()
    sender = _text()
    role = _one_of("to", "copy")
    case = _maybe()
    person = _maybe()
    record = Open(required=True)
    documents = _many(DeliveredDocument)
    accepted_at = Time(required=True)
    in_reply_to = _maybe()


class Inbox(Resource):
    items = _many(InboxItem)
    next = _maybe()


class ReceiptGiven(Resource):
    id = _text()
    delivery = _text()
    outcome = _one_of(*OUTCOMES)
    reason = _maybe()
    given_by = _text()
    given_at = Time(required=True)
    strength = _one_of(*STRENGTHS)


class StoredDocument(Resource):
    sha256 = _text()
    size = fields.Integer(required=True)
    media_type = _text()


class Cause(Resource):
    exchange = _maybe()
    transfer = _maybe()
    receipt = _maybe()


class InTransit(Resource):
    to = _text()
    since = Time(required=True)
    due = Day(required=True, allow_none=True)


class Dispute(Resource):
    id = _text()
    transfer = _maybe()
    opened_at = Time(required=True)
    message = _text()


class ResponsibilityStep(Resource):
    holder = _maybe()
    since = Time(required=True)
    cause = fields.Nested(Cause, required=True)


class Responsibility(Resource):
    person = _text()
    holder = _maybe()
    since = Time(required=True, allow_none=True)
    cause = fields.Nested(Cause, required=True, allow_none=True)
    in_transit = fields.Nested(InTransit, required=True, allow_none=True)
    dispute = fields.Nested(Dispute, required=True, allow_none=True)
    history = _many(ResponsibilityStep)


class PersonKnown(Resource):
    person = _text()
    name = _maybe()
    id_number = _maybe()
    provisional = fields.Boolean(required=True)


class PersonsFound(Resource):
    items = _many(PersonKnown)


class Reach(Resource):
    transport = _text()
    dialect = _maybe()


class Agency(Resource):
    id = _text()
    kind = _text()
    place = _text()
    name = _text()
    name_en = _text()
    parent = _maybe()
    speaks = _maybe()
    reach = _many(Reach)


class Agencies(Resource):
    items = _many(Agency)


def _words() -> fields.List[Any]:
    return fields.List(fields.String(), required=True)


class Said(Resource):
    zh = _text()
    en = _text()


class Outcome(Said):
    id = _text()


class Condition(Said):
    at = _maybe()
    among = _words()
    same_county = _words()
    other_county = _words()
    sender_level = _words()


class Precondition(Condition):
    otherwise = _one_of("refuse", "warn")


class Restriction(Resource):
    at = _text()
    among = _words()


class Weight(Resource):
    at = _text()
    more_than = fields.Integer(required=True)


class CopyRule(Resource):
    role = _text()
    same_county = _words()
    other_county = _words()
    rules = _words()
    restricted_to = _many(Restriction)


class Level(Said):
    over = _many(Weight)
    decides = _text()
    to = _words()
    copies = _words()


class Hold(Said):
    pending = _words()


class ClockRule(Resource):
    within = fields.Integer(required=True, allow_none=True)
    every = fields.Integer(required=True, allow_none=True)
    unit = _one_of("day", "workday", "hour", "month")
    start = _maybe()
    stop = _maybe()
    rules = _maybe()
    when = fields.Nested(Condition, required=True, allow_none=True)
    checked = _maybe()
    note = _maybe()


class Opens(Resource):
    holder = _text()
    to = _maybe()
    due = _maybe()
    restricted_to = _many(Restriction)


class Moves(Resource):
    on = _text()
    event = fields.Nested(Said, required=True)
    expected = _words()
    to = _text()
    strength = _one_of(*STRENGTHS)


class Ends(Resource):
    on = _one_of("recorded", "receipt")
    event = fields.Nested(Said, required=True)
    expected = _words()
    strength = _one_of(*STRENGTHS)
    restricted_to = _many(Restriction)
    taken_over = _words()


class Effect(Resource):
    opens = fields.Nested(Opens, required=True, allow_none=True)
    moves = fields.Nested(Moves, required=True, allow_none=True)
    ends = fields.Nested(Ends, required=True, allow_none=True)


class Exchange(Resource):
    id = _text()
    zh = _text()
    en = _text()
    phase = _text()
    about = _one_of("person", "none")
    channel = _one_of("ordinary", "emergency")
    emergency = _maybe()
    from_ = fields.List(fields.String(), required=True, data_key="from", attribute="from")
    to = _words()
    copies = _words()
    copying = _many(CopyRule)
    documents = _words()
    reply = _maybe()
    answers = _words()
    outcomes = _many(Outcome)
    feedback = fields.Nested(Said, required=True, allow_none=True)
    counterpart = _maybe()
    escalates = _maybe()
    rules = _words()
    when = _many(Precondition)
    warn = _many(Condition)
    levels = _many(Level)
    hold = fields.Nested(Hold, required=True, allow_none=True)
    clocks = _many(ClockRule)
    responsibility = fields.Nested(Effect, required=True)
    basis = _text()
    checked = _text()
    note = _maybe()
    record_schema = _maybe()


class Exchanges(Resource):
    items = _many(Exchange)


class Code(Resource):
    code = _text()
    means = _text()
    also_read = fields.List(fields.String(), required=True)


class CodeList(Resource):
    name = _text()
    zh = _text()
    coded = fields.Boolean(required=True)
    unknown_ = fields.String(
        required=True, validate=validate.OneOf(("refuse", "carry")), data_key="unknown", attribute="unknown"
    )
    edition = _maybe()
    codes = _many(Code)


class CodeLists(Resource):
    items = _many(CodeList)


class Live(Resource):
    status = _one_of("live")


class Ready(Resource):
    status = _one_of("ready", "degraded")
    parts = fields.Dict(keys=fields.String(), values=fields.Boolean(), required=True)


# ------------------------------------------------------------------ where a field came from
class Fault(Resource):
    pointer = _text()
    rule = _text()
    message = _text()
    xpath = fields.String()
    value = fields.String()
    source = fields.String()


class Given(Resource):
    side = _one_of("foreign", "canonical", "context")
    place = _text()
    value = fields.Raw(required=True)


class FieldOrigin(Resource):
    place = _text()
    value = fields.Raw(required=True)
    kind = _one_of(*ORIGINS)
    line = _maybe()
    codec = _maybe()
    given = _many(Given)
    alternative = fields.Integer(required=True)
    alternatives = fields.Integer(required=True)
    condition = _maybe()
    differs = fields.Boolean()


def _origins() -> fields.List[Any]:
    # a schema has `fields` of its own, so the member is named by its key
    return fields.List(fields.Nested(FieldOrigin), required=True, data_key="fields", attribute="fields")


class LineAsked(Resource):
    place = _text()
    line = _text()
    looked_at = _maybe()
    outcome = _one_of("nothing", "condition", "carried", "fault", "left-out")


class ForeignText(Resource):
    place = _text()
    text = _text()
    fate = _one_of("read", "asked", "unmapped", "known")
    gave = fields.List(fields.String(), required=True)


class NotSent(Resource):
    place = _text()
    value = fields.Raw(required=True)


class LineageReceived(Resource):
    channel = _text()
    dialect = _maybe()
    mapping = _maybe()
    explained_by = _maybe()
    same_mapping = fields.Boolean(required=True, allow_none=True)
    faults = _many(Fault)
    origins = _origins()
    nothing = _many(LineAsked)
    passed_over = _many(LineAsked)
    texts = _many(ForeignText)


class LineageSent(Resource):
    delivery = _text()
    recipient = _text()
    role = _one_of("to", "copy")
    frozen_at = Time(required=True, allow_none=True)
    message_id = _text()
    dialect = _maybe()
    mapping = _maybe()
    explained_by = _maybe()
    same_mapping = fields.Boolean(required=True, allow_none=True)
    faults = _many(Fault)
    origins = _origins()
    nothing = _many(LineAsked)
    passed_over = _many(LineAsked)
    not_sent = _many(NotSent)


class Lineage(Resource):
    transfer = _text()
    exchange = _text()
    sender = _text()
    received = fields.Nested(LineageReceived, required=True, allow_none=True)
    sent = _many(LineageSent)


# ------------------------------------------------------------------ what a record would come to
class RoutingFound(Resource):
    to = fields.List(fields.String(), required=True)
    copies = fields.List(fields.String(), required=True)
    gaps = _many(Fault)
    warnings = _words()


class PreviewRecipient(Resource):
    recipient = _text()
    role = _one_of("to", "copy")
    transport = _maybe()
    dialect = _maybe()
    mapping = _maybe()
    media_type = _maybe()
    payload = _maybe()
    faults = _many(Fault)
    origins = _origins()
    nothing = _many(LineAsked)
    passed_over = _many(LineAsked)
    not_sent = _many(NotSent)


class Preview(Resource):
    exchange = _text()
    case = _maybe()
    person = _maybe()
    in_reply_to = _maybe()
    record = Open(required=True)
    documents = _many(DeliveredDocument)
    routing = fields.Nested(RoutingFound, required=True)
    recipients = _many(PreviewRecipient)


# ------------------------------------------------------------------ versions of mappings
MAPPING_STATES = (
    "draft",
    "checked",
    "proposed",
    "approved",
    "scheduled",
    "active",
    "retired",
    "rejected",
    "withdrawn",
)
CHANGES = ("added", "removed", "changed")


class MappingStepRequest(Resource):
    note = fields.String()


class DraftRequest(Resource):
    dialect = _text()
    base = fields.String(load_default="current")
    files = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True), required=True)
    note = fields.String()


class EditRequest(Resource):
    files = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True), required=True)
    note = fields.String()


class ApprovalRequest(Resource):
    hash = _text()
    note = fields.String()


class RejectionRequest(Resource):
    reason = _text()


class ActivationRequest(Resource):
    at = Time()
    note = fields.String()


class MappingSummary(Resource):
    id = _text()
    dialect = _text()
    number = fields.Integer(required=True)
    state = _one_of(*MAPPING_STATES)
    in_force = fields.Boolean(required=True)
    origin = _one_of("files", "draft", "import")
    hash = _text()
    note = _maybe()
    created_by = _text()
    created_at = Time(required=True)
    active_from = Time(required=True, allow_none=True)


class MappingFile(Resource):
    path = _text()
    size = fields.Integer(required=True)
    sha256 = _text()


class MappingFinding(Resource):
    file = _text()
    line = fields.Integer(required=True)
    rule = _text()
    zh = _text()
    en = _text()


class MappingEvent(Resource):
    kind = _text()
    by = _text()
    at = Time(required=True)
    hash = _maybe()
    note = _maybe()
    facts = Open(required=True)


class MappingEventElsewhere(Resource):
    kind = _maybe()
    by = _maybe()
    at = _maybe()
    hash = _maybe()
    note = _maybe()


class MappingVersion(MappingSummary):
    files = _many(MappingFile)
    findings = _many(MappingFinding)
    warnings = _many(MappingFinding)
    events = _many(MappingEvent)
    elsewhere = _many(MappingEventElsewhere)


class MappingToCome(Resource):
    version = _text()
    since = Time(required=True)
    by = _text()


class DialectInForce(Resource):
    dialect = _text()
    zh = _text()
    en = _text()
    version = _maybe()
    hash = _maybe()
    governed = fields.Boolean(required=True)
    differs_from_files = fields.Boolean(required=True)
    to_come = _many(MappingToCome)
    unusable = _many(MappingFinding)


class MappingList(Resource):
    dialects = _many(DialectInForce)
    items = _many(MappingSummary)


class FileChange(Resource):
    path = _text()
    change = _one_of(*CHANGES)
    diff = _text()


class LineChange(Resource):
    exchange = _text()
    place = _text()
    change = _one_of(*CHANGES)
    before = _maybe()
    after = _maybe()
    file = _text()
    line = fields.Integer(required=True, allow_none=True)
    zh = _text()
    en = _text()


class MappingDiff(Resource):
    dialect = _text()
    from_ = fields.String(required=True, data_key="from", attribute="from")
    to = _text()
    compiled = fields.Boolean(required=True)
    lines = _many(LineChange)
    files = _many(FileChange)


class RolledBack(Resource):
    dialect = _text()
    from_ = fields.Nested(MappingSummary, required=True, data_key="from", attribute="from")
    to = fields.Nested(MappingSummary, required=True)
