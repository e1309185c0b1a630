"""The tables. The database is the truth (P5); everything that must survive a crash stands in one of these.

What others write is `Text`, never of a limited length: PostgreSQL refuses a row for one character too many, and then an
answer of a recipient's system could not be recorded. Only what the hub itself makes or has checked has a length.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = MetaData()

Json = JSON().with_variant(JSONB(), "postgresql")
#: SQLite counts only INTEGER PRIMARY KEY by itself.
Serial = BigInteger().with_variant(Integer(), "sqlite")


class Utc(TypeDecorator[datetime]):
    """An aware time, stored as UTC. SQLite drops the zone of a `DateTime(timezone=True)`; this gives it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _id() -> Column[Any]:
    return Column("id", String(40), primary_key=True)


submission = Table(
    "submission",
    metadata,
    _id(),
    Column("agency", String(64), nullable=False),
    # NULL for what was refused: a corrected record may come under the same key
    Column("key", String(200)),
    Column("tried_key", String(200)),
    Column("fingerprint", String(64), nullable=False),
    Column("channel", String(16), nullable=False),  # http, soap
    Column("dialect", String(64)),
    Column("operation", Text),
    Column("media_type", Text),
    Column("raw", LargeBinary, nullable=False),
    Column("raw_size", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),  # accepted, refused
    Column("faults", Json, nullable=False),
    Column("answer", Json),
    Column("received_at", Utc, nullable=False),
    Column("recorded_at", Utc, nullable=False),
    UniqueConstraint("agency", "key", name="uq_submission_key"),
)
Index("ix_submission_tried", submission.c.agency, submission.c.tried_key)
Index(
    "ix_submission_refused",
    submission.c.recorded_at,
    postgresql_where=text("status = 'refused'"),
    sqlite_where=text("status = 'refused'"),
)

person = Table(
    "person",
    metadata,
    _id(),
    Column("id_number", String(18), unique=True),
    Column("name", String(200)),
    Column("provisional", Boolean, nullable=False),
    Column("created_at", Utc, nullable=False),
)
Index("ix_person_name", person.c.name)

case = Table(
    "case_file",
    metadata,
    _id(),
    Column("number", String(200), unique=True),
    Column("created_at", Utc, nullable=False),
)

# A person whose ID number is not known yet is told apart by the case and the name.
provisional = Table(
    "provisional_person",
    metadata,
    Column("case_id", ForeignKey("case_file.id"), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
)

transfer = Table(
    "transfer",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("submission_id", ForeignKey("submission.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("exchange", String(80), nullable=False),
    Column("sender", String(64), nullable=False),
    Column("origin", String(64)),
    Column("case_id", ForeignKey("case_file.id")),
    Column("person_id", ForeignKey("person.id")),
    Column("record", Json, nullable=False),
    Column("faults", Json, nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("mapping", String(200)),
    Column("label", Text),
    Column("in_reply_to", String(40)),
    Column("message_key", String(200)),
    Column("accepted_at", Utc, nullable=False),
)
Index("ix_transfer_case", transfer.c.case_id, transfer.c.seq)
Index("ix_transfer_person", transfer.c.person_id, transfer.c.seq)
Index("ix_transfer_sender", transfer.c.sender, transfer.c.seq)
Index("ix_transfer_submission", transfer.c.submission_id)
Index("ix_transfer_reply", transfer.c.in_reply_to)
Index("ix_transfer_status", transfer.c.status, transfer.c.seq)

transfer_document = Table(
    "transfer_document",
    metadata,
    Column("transfer_id", ForeignKey("transfer.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("kind", Text),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
)
Index("ix_transfer_document_sha", transfer_document.c.sha256)

document = Table(
    "document",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("stored_at", Utc, nullable=False),
)

document_owner = Table(
    "document_owner",
    metadata,
    Column("sha256", ForeignKey("document.sha256"), primary_key=True),
    Column("agency", String(64), primary_key=True),
)

delivery = Table(
    "delivery",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("transfer_id", ForeignKey("transfer.id"), nullable=False),
    Column("recipient", String(64), nullable=False),
    Column("role", String(8), nullable=False),  # to, copy
    Column("case_id", String(40), nullable=False),
    Column("status", String(16), nullable=False),
    Column("release", Integer, nullable=False),
    Column("lease_until", Utc),
    Column("due_at", Utc, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reference", Text),
    Column("rendition_id", String(40)),
    Column("reason", Json),  # why it is parked, unknown, or tried again: {rule, zh, en, ...}
    Column("delivered_at", Utc),
)
Index("ix_delivery_transfer", delivery.c.transfer_id)
Index("ix_delivery_inbox", delivery.c.recipient, delivery.c.status, delivery.c.seq)
Index("ix_delivery_due", delivery.c.status, delivery.c.due_at)
# Order within a case (P3), enforced by the database: one outstanding delivery for a recipient and case.
_OUTSTANDING = "status IN ('ready','released','attempting','submitted','parked','unknown')"
Index(
    "uq_delivery_outstanding",
    delivery.c.recipient,
    delivery.c.case_id,
    unique=True,
    postgresql_where=text(_OUTSTANDING),
    sqlite_where=text(_OUTSTANDING),
)
Index("ix_delivery_line", delivery.c.recipient, delivery.c.case_id, delivery.c.seq)

# The lock of one recipient's line within one case.
case_line = Table(
    "case_line",
    metadata,
    Column("recipient", String(64), primary_key=True),
    Column("case_id", String(40), primary_key=True),
)

rendition = Table(
    "rendition",
    metadata,
    _id(),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("message_id", String(80), nullable=False),
    Column("transport", String(32), nullable=False),
    Column("dialect", String(64)),
    Column("mapping", String(200)),
    Column("payload", LargeBinary, nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("facts", Json, nullable=False),
    Column("frozen_at", Utc, nullable=False),
    UniqueConstraint("delivery_id", "number", name="uq_rendition_number"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False),
    Column("rendition_id", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("phase", String(8), nullable=False),  # call, poll
    Column("started_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Column("outcome", String(16)),
    Column("code", Text),
    Column("message", Text),
    Column("answer", LargeBinary),
)
Index("ix_attempt_delivery", attempt.c.delivery_id, attempt.c.seq)

receipt = Table(
    "receipt",
    metadata,
    _id(),
    Column("delivery_id", ForeignKey("delivery.id"), nullable=False, unique=True),
    Column("outcome", String(16), nullable=False),  # accepted, returned
    Column("reason", Text),
    Column("number", Text),
    Column("given_by", String(64), nullable=False),
    Column("strength", String(16), nullable=False),  # recorded, attested, signed
    Column("signature", Text),
    Column("given_at", Utc, nullable=False),
    Column("recorded_at", Utc, nullable=False),
)

#: Stands in the ledger as the holder after the end. No agency has such an id: theirs name a place.
NOBODY = "nobody"

# Append-only: who answers for a person, from when.
responsibility = Table(
    "responsibility",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("since", Utc, nullable=False),
    Column("case_id", String(40)),
    Column("exchange", String(80), nullable=False),
    Column("transfer_id", String(40), nullable=False),
    Column("receipt_id", String(40)),
    UniqueConstraint("person_id", "number", name="uq_responsibility_number"),
)


def holder_of(line: Row[Any]) -> str | None:
    """Who answers by a line of the ledger; None after the end."""
    holder: str = line.holder
    return None if holder == NOBODY else holder


transit = Table(
    "transit",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("to_agency", String(64), nullable=False),
    Column("since", Utc, nullable=False),
    Column("due", String(10)),
    Column("transfer_id", String(40), nullable=False),
)

dispute = Table(
    "dispute",
    metadata,
    _id(),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("transfer_id", String(40), nullable=False),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("settled_at", Utc),
)
Index("ix_dispute_person", dispute.c.person_id)

timeline = Table(
    "timeline",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("submission_id", String(40), nullable=False),
    Column("transfer_id", String(40)),
    Column("delivery_id", String(40)),
    Column("person_id", String(40)),
    Column("kind", String(40), nullable=False),
    Column("agency", String(64)),
    Column("facts", Json, nullable=False),
    Column("at", Utc, nullable=False),
    Column("recorded_at", Utc, nullable=False),
)
Index("ix_timeline_transfer", timeline.c.transfer_id, timeline.c.seq)
Index("ix_timeline_submission", timeline.c.submission_id, timeline.c.seq)
Index("ix_timeline_person", timeline.c.person_id, timeline.c.seq)

# What `hub agency set` changed: it wins over the agency's file. Passwords are sealed.
agency_override = Table(
    "agency_override",
    metadata,
    Column("agency", String(64), primary_key=True),
    Column("url", String(500)),
    Column("user", String(200)),
    Column("password_sealed", LargeBinary),
    Column("changed_at", Utc, nullable=False),
)

# What an agency uses to call the hub. Secrets are hashed; the SOAP password too.
credential = Table(
    "credential",
    metadata,
    Column("agency", String(64), primary_key=True),
    Column("client_id", String(80), nullable=False, unique=True),
    Column("client_secret_hash", String(128), nullable=False),
    Column("soap_user", String(80), nullable=False),
    # sealed, not hashed: a WS-Security digest cannot be checked against a hash
    Column("soap_password_sealed", LargeBinary, nullable=False),
    Column("issued_at", Utc, nullable=False),
)

session_ticket = Table(
    "session_ticket",
    metadata,
    Column("agency", String(64), primary_key=True),
    Column("ticket", Text),
)

upload_progress = Table(
    "upload_progress",
    metadata,
    Column("agency", String(64), primary_key=True),
    Column("delivery_id", String(40), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("upload", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
)

# A draft of a dialect over what really passed, beside the dialect in force: how far it is, and what it has found.
replay_run = Table(
    "replay_run",
    metadata,
    _id(),
    Column("dialect", String(64), nullable=False),
    Column("active", Text, nullable=False),  # which release was in force
    Column("draft", Text, nullable=False),
    Column("draft_hash", String(64), nullable=False),
    Column("asked", Json, nullable=False),  # exchange, since, until, share
    Column("state", String(16), nullable=False),  # running, done, stopped, failed
    Column("report", Json, nullable=False),
    Column("trouble", Text),
    Column("started_by", Text, nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("finished_at", Utc),
)
Index("ix_replay_run_dialect", replay_run.c.dialect, replay_run.c.id)

# What an agency began to send that its dialect's mapping does not know: told to the administrator once, with samples.
drift = Table(
    "drift",
    metadata,
    _id(),
    Column("agency", String(64), nullable=False),
    Column("dialect", String(64), nullable=False),
    Column("exchange", String(80), nullable=False),
    Column("kind", String(8), nullable=False),  # field, code
    Column("place", Text, nullable=False),
    Column("value", Text, nullable=False),  # of a code; a field has none
    Column("times", BigInteger, nullable=False),
    Column("samples", Json, nullable=False),
    Column("first_seen", Utc, nullable=False),
    Column("last_seen", Utc, nullable=False),
    Column("noted_by", Text),
    Column("noted_at", Utc),
    Column("note", Text),
    UniqueConstraint("agency", "dialect", "exchange", "kind", "place", "value", name="uq_drift"),
)

# ------------------------------------------------------------------ versions of mappings
# What a dialect was made of, by its hash; never changed, never removed.
mapping_release = Table(
    "mapping_release",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("dialect", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),  # zip
    Column("kept_at", Utc, nullable=False),
)

# The version strings that transfers and renditions carry, and the releases that they may mean.
mapping_recorded = Table(
    "mapping_recorded",
    metadata,
    Column("recorded", String(200), primary_key=True),
    Column("release", ForeignKey("mapping_release.hash"), primary_key=True),
)

# The lock of one dialect's versions, and how many changes its activations have seen.
mapping_dialect = Table(
    "mapping_dialect",
    metadata,
    Column("dialect", String(64), primary_key=True),
    Column("changes", Integer, nullable=False),
)

mapping_version = Table(
    "mapping_version",
    metadata,
    _id(),
    Column("dialect", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("origin", String(16), nullable=False),  # files, draft, import
    Column("state", String(16), nullable=False),
    Column("release", ForeignKey("mapping_release.hash"), nullable=False),
    Column("note", Text),
    Column("findings", Json, nullable=False),
    Column("foreign_facts", Json),  # what the hub that it was imported from said of it
    Column("created_by", String(64), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("active_from", Utc),
    UniqueConstraint("dialect", "number", name="uq_mapping_version_number"),
)

mapping_activation = Table(
    "mapping_activation",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("dialect", String(64), nullable=False),
    Column("version_id", ForeignKey("mapping_version.id"), nullable=False),
    Column("release", String(64), nullable=False),
    Column("since", Utc, nullable=False),
    Column("kind", String(16), nullable=False),  # files, activation, rollback
    Column("by_operator", String(64), nullable=False),
    Column("back_to", BigInteger),
    Column("called_off", Boolean, nullable=False),
)
Index("ix_mapping_activation", mapping_activation.c.dialect, mapping_activation.c.since)

# Append-only: who did what with which content.
mapping_event = Table(
    "mapping_event",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("dialect", String(64), nullable=False),
    Column("version_id", String(40)),
    Column("kind", String(24), nullable=False),
    Column("by_operator", String(64), nullable=False),
    Column("at", Utc, nullable=False),
    Column("release", String(64)),
    Column("note", Text),
    Column("facts", Json, nullable=False),
)
Index("ix_mapping_event", mapping_event.c.dialect, mapping_event.c.seq)

# People who work on the hub. Whoever is removed keeps the name: it stands in the audit.
operator = Table(
    "operator",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("roles", Json, nullable=False),
    Column("secret_hash", String(200), nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("added_at", Utc, nullable=False),
    Column("removed_at", Utc),
)

# By which release a delivery is to be written: chosen when it was accepted, or by whoever sends it again.
delivery_mapping = Table(
    "delivery_mapping",
    metadata,
    Column("delivery_id", ForeignKey("delivery.id"), primary_key=True),
    Column("release", String(64), nullable=False),
)
