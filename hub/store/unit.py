"""One unit of work: everything that the flow reads and writes within one transaction.

Locks are taken in one order everywhere, so that two transactions never wait for each other: cases, persons, lines
(each sorted), then single rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, and_, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from hub.domain.stored import (
    Credential,
    Override,
    Release,
    StoredDelivery,
    StoredDocument,
    StoredReceipt,
    StoredRendition,
    StoredStanding,
    StoredSubmission,
    StoredTransfer,
)
from hub.domain.transfers import OUTSTANDING, DeliveryState, check_step, transfer_status
from hub.ports import Clock, Ids, KeyTaken
from hub.store import tables as t

_OUTSTANDING = [state.value for state in OUTSTANDING]
#: Characters of a person's name that are kept for finding that person (`person.name`, `provisional_person.name`).
NAME_LENGTH = 200
#: Rows changed by one statement at most, well below the parameters that SQLite takes (32,766).
MANY = 5_000


class Unit:
    """One transaction. Made by `Store.begin()`; nothing of it may be used after the `with` block."""

    def __init__(self, connection: Connection, clock: Clock, ids: Ids) -> None:
        self._db = connection
        self._clock = clock
        self._ids = ids
        self._sqlite = connection.dialect.name == "sqlite"

    # ------------------------------------------------------------ submissions
    def submission_by_key(self, agency: str, key: str) -> StoredSubmission | None:
        row = self._db.execute(
            select(t.submission).where(t.submission.c.agency == agency, t.submission.c.key == key)
        ).first()
        return _submission(row) if row else None

    def add_submission(
        self,
        *,
        agency: str,
        key: str | None,
        tried_key: str | None,
        fingerprint: str,
        channel: str,
        dialect: str | None,
        operation: str | None,
        media_type: str,
        raw: bytes,
        raw_size: int,
        status: str,
        faults: Sequence[Mapping[str, Any]],
    ) -> str:
        """Keep what a sender sent. Raises `KeyTaken` when another submission of this agency has the key."""
        found = self._ids.new("sub")
        try:
            self._db.execute(
                insert(t.submission).values(
                    id=found,
                    agency=agency,
                    key=key,
                    tried_key=tried_key,
                    fingerprint=fingerprint,
                    channel=channel,
                    dialect=dialect,
                    operation=operation,
                    media_type=media_type,
                    raw=raw,
                    raw_size=raw_size,
                    status=status,
                    faults=list(faults),
                    received_at=self._clock.now(),
                    recorded_at=self._clock.technical(),
                )
            )
        except IntegrityError as error:
            raise KeyTaken(agency, key or "") from error
        return found

    def set_answer(self, submission: str, answer: Mapping[str, Any]) -> None:
        self._db.execute(update(t.submission).where(t.submission.c.id == submission).values(answer=dict(answer)))

    def submission(self, submission: str) -> StoredSubmission | None:
        row = self._db.execute(select(t.submission).where(t.submission.c.id == submission)).first()
        return _submission(row) if row else None

    # ------------------------------------------------------------ cases and persons
    def case_for(self, number: str | None) -> str:
        """The case of a normalised number, made if it is new. Without a number: a case of its own."""
        if number is None:
            return self._new_case(None)
        found = self._db.execute(select(t.case.c.id).where(t.case.c.number == number)).scalar()
        if found is None:
            self._insert_if_new(
                t.case, {"id": self._ids.new("cas"), "number": number, "created_at": self._clock.technical()}
            )
            found = self._db.execute(select(t.case.c.id).where(t.case.c.number == number)).scalar_one()
        return cast(str, found)

    def find_case(self, number: str | None) -> str | None:
        """The case of a normalised number, if the hub has one."""
        if number is None:
            return None
        return self._db.execute(select(t.case.c.id).where(t.case.c.number == number)).scalar()

    def find_person(self, id_number: str | None, name: str | None, case: str | None) -> str | None:
        """The person of an ID number, or the provisional one of that name in that case, if the hub knows one."""
        if id_number is not None:
            found = self._by_id_number(id_number)
            if found is not None:
                return found
        return self._waiting(name, case, of_any_number=id_number is None) if case is not None else None

    def _new_case(self, number: str | None) -> str:
        found = self._ids.new("cas")
        self._db.execute(insert(t.case).values(id=found, number=number, created_at=self._clock.technical()))
        return found

    def case_number(self, case: str) -> str | None:
        return cast("str | None", self._db.execute(select(t.case.c.number).where(t.case.c.id == case)).scalar())

    def case_known(self, case: str) -> bool:
        return self._db.execute(select(t.case.c.id).where(t.case.c.id == case)).first() is not None

    def person_for(self, id_number: str | None, name: str | None, case: str) -> str:
        """The person of an ID number; without one, the provisional person of that name in that case.

        When the ID number of a provisional person becomes known, that person keeps the hub's id and is provisional no more.
        """
        waiting = self._waiting(name, case, of_any_number=id_number is None)
        if id_number is None:
            return waiting or self._new_provisional(name, case)
        found = self._by_id_number(id_number)
        if found is None and waiting is not None and self.adopt(waiting, id_number):
            return waiting
        if found is None:
            self._insert_if_new(
                t.person,
                {
                    "id": self._ids.new("per"),
                    "id_number": id_number,
                    "name": _named(name),
                    "provisional": False,
                    "created_at": self._clock.technical(),
                },
            )
            found = self._by_id_number(id_number)
            assert found is not None
        return found

    def _by_id_number(self, id_number: str) -> str | None:
        return self._db.execute(select(t.person.c.id).where(t.person.c.id_number == id_number)).scalar()

    def _waiting(self, name: str | None, case: str, of_any_number: bool) -> str | None:
        """The person known by name only in this case. Who has an ID number meanwhile is another one's namesake, unless
        the record that is asked for names no number at all (`of_any_number`)."""
        query = (
            select(t.provisional.c.person_id)
            .join(t.person, t.person.c.id == t.provisional.c.person_id)
            .where(t.provisional.c.case_id == case, t.provisional.c.name == (_named(name) or ""))
        )
        if not of_any_number:
            query = query.where(t.person.c.provisional)
        return self._db.execute(query).scalar()

    def adopt(self, person: str, id_number: str) -> bool:
        """Give a provisional person its number. False for a person who is not provisional, or when the number is another's."""
        try:
            with self._db.begin_nested():
                done = self._db.execute(
                    update(t.person)
                    .where(t.person.c.id == person, t.person.c.provisional)
                    .values(id_number=id_number, provisional=False)
                )
        except IntegrityError:
            return False
        return done.rowcount == 1

    def _new_provisional(self, name: str | None, case: str) -> str:
        made = self._ids.new("per")
        self._db.execute(
            insert(t.person).values(
                id=made, id_number=None, name=_named(name), provisional=True, created_at=self._clock.technical()
            )
        )
        self._insert_if_new(t.provisional, {"case_id": case, "name": _named(name) or "", "person_id": made})
        found = self._waiting(name, case, of_any_number=True)
        assert found is not None
        if found != made:  # another notice of the same case told of the same person in the same moment
            self._db.execute(t.person.delete().where(t.person.c.id == made))
        return found

    def person_known(self, person: str) -> bool:
        return self._db.execute(select(t.person.c.id).where(t.person.c.id == person)).first() is not None

    def id_number_of(self, person: str) -> str | None:
        """The ID number of a person in its 18-character form (another document's as it is), if it is known."""
        return self._db.execute(select(t.person.c.id_number).where(t.person.c.id == person)).scalar()

    def lock_persons(self, persons: Iterable[str]) -> None:
        for person in sorted(set(persons)):
            self._db.execute(self._locking(select(t.person.c.id).where(t.person.c.id == person)))

    def lock_lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Take the lines (recipient, case) for this transaction, in sorted order."""
        for recipient, case in sorted(set(lines)):
            self._insert_if_new(t.case_line, {"recipient": recipient, "case_id": case})
            self._db.execute(
                self._locking(
                    select(t.case_line.c.recipient).where(
                        t.case_line.c.recipient == recipient, t.case_line.c.case_id == case
                    )
                )
            )

    # ------------------------------------------------------------ transfers
    def add_transfer(
        self,
        *,
        submission: str,
        ordinal: int,
        exchange: str,
        sender: str,
        origin: str | None,
        case: str | None,
        person: str | None,
        record: Mapping[str, Any],
        faults: Sequence[Mapping[str, Any]],
        parked: bool,
        mapping: str | None,
        label: str | None,
        in_reply_to: str | None,
        message_key: str | None,
    ) -> str:
        found = self._ids.new("trf")
        self._db.execute(
            insert(t.transfer).values(
                id=found,
                submission_id=submission,
                ordinal=ordinal,
                exchange=exchange,
                sender=sender,
                origin=origin,
                case_id=case,
                person_id=person,
                record=dict(record),
                faults=list(faults),
                parked=parked,
                status="parked" if parked else "accepted",
                mapping=mapping,
                label=label,
                in_reply_to=in_reply_to,
                message_key=message_key,
                accepted_at=self._clock.now(),
            )
        )
        return found

    def transfer(self, transfer: str) -> StoredTransfer | None:
        row = self._db.execute(select(t.transfer).where(t.transfer.c.id == transfer)).first()
        return _transfer(row) if row else None

    def transfers_of(self, submission: str) -> list[StoredTransfer]:
        rows = self._db.execute(
            select(t.transfer).where(t.transfer.c.submission_id == submission).order_by(t.transfer.c.ordinal)
        )
        return [_transfer(row) for row in rows]

    def latest_about(self, person: str, case: str | None, exchanges: Sequence[str]) -> StoredTransfer | None:
        """The last transfer of one of the exchanges about this person (in this case, if one is given)."""
        query = select(t.transfer).where(t.transfer.c.person_id == person, t.transfer.c.exchange.in_(exchanges))
        if case:
            query = query.where(t.transfer.c.case_id == case)
        row = self._db.execute(query.order_by(t.transfer.c.seq.desc()).limit(1)).first()
        return _transfer(row) if row else None

    def about(self, person: str, case: str | None) -> list[StoredTransfer]:
        """Every transfer about this person (in this case, if one is given), in order of acceptance."""
        query = select(t.transfer).where(t.transfer.c.person_id == person)
        if case is not None:
            query = query.where(t.transfer.c.case_id == case)
        return [_transfer(row) for row in self._db.execute(query.order_by(t.transfer.c.seq))]

    def amend_record(self, transfer: str, record: Mapping[str, Any]) -> None:
        self._db.execute(update(t.transfer).where(t.transfer.c.id == transfer).values(record=dict(record)))

    def unpark_transfer(self, transfer: str, *, record: Mapping[str, Any], case: str, person: str) -> None:
        self._db.execute(
            update(t.transfer)
            .where(t.transfer.c.id == transfer)
            .values(parked=False, faults=[], record=dict(record), case_id=case, person_id=person)
        )

    def refresh_status(self, transfer: str, wants_receipt: bool) -> str:
        """Work out the transfer's status from its deliveries and keep it.

        The row is locked first: of two deliveries that end in the same moment, the later one must see both.
        """
        query = select(t.transfer.c.parked, t.transfer.c.status).where(t.transfer.c.id == transfer)
        row = self._db.execute(query if self._sqlite else query.with_for_update(key_share=True)).one()
        rows = self._db.execute(
            select(t.delivery.c.role, t.delivery.c.status).where(t.delivery.c.transfer_id == transfer)
        )
        status = transfer_status(row.parked, [(r.role, DeliveryState(r.status)) for r in rows], wants_receipt)
        if status != row.status:
            self._db.execute(update(t.transfer).where(t.transfer.c.id == transfer).values(status=status))
        return status

    # ------------------------------------------------------------ documents
    def keep_document(self, sha256: str, size: int, media_type: str, agency: str) -> None:
        self._insert_if_new(
            t.document, {"sha256": sha256, "size": size, "media_type": media_type, "stored_at": self._clock.technical()}
        )
        self._insert_if_new(t.document_owner, {"sha256": sha256, "agency": agency})

    def document_known(self, sha256: str) -> tuple[int, str] | None:
        """Size in bytes and media type of a stored document."""
        row = self._db.execute(
            select(t.document.c.size, t.document.c.media_type).where(t.document.c.sha256 == sha256)
        ).first()
        return (row.size, row.media_type) if row else None

    def document_owned(self, sha256: str, agency: str) -> bool:
        return (
            self._db.execute(
                select(t.document_owner.c.agency).where(
                    t.document_owner.c.sha256 == sha256, t.document_owner.c.agency == agency
                )
            ).first()
            is not None
        )

    def attach(self, transfer: str, documents: Sequence[StoredDocument]) -> None:
        for n, doc in enumerate(documents):
            self._db.execute(insert(t.transfer_document).values(transfer_id=transfer, n=n, **doc.as_dict()))

    def documents(self, transfer: str) -> list[StoredDocument]:
        rows = self._db.execute(
            select(t.transfer_document)
            .where(t.transfer_document.c.transfer_id == transfer)
            .order_by(t.transfer_document.c.n)
        )
        return [StoredDocument(r.sha256, r.title, r.kind, r.media_type, r.size) for r in rows]

    # ------------------------------------------------------------ deliveries
    def add_delivery(self, transfer: str, recipient: str, role: str, case: str) -> tuple[str, DeliveryState]:
        """A delivery at the end of its line: `ready` if nothing of it is outstanding, else `waiting`. The line is locked."""
        busy = self._db.execute(
            select(t.delivery.c.seq)
            .where(
                t.delivery.c.recipient == recipient,
                t.delivery.c.case_id == case,
                t.delivery.c.status.in_([*_OUTSTANDING, DeliveryState.WAITING.value]),
            )
            .limit(1)
        ).first()
        state = DeliveryState.WAITING if busy else DeliveryState.READY
        found = self._ids.new("dlv")
        self._db.execute(
            insert(t.delivery).values(
                id=found,
                transfer_id=transfer,
                recipient=recipient,
                role=role,
                case_id=case,
                status=state.value,
                release=0,
                due_at=self._clock.technical(),
                attempts=0,
            )
        )
        return found, state

    def delivery(self, delivery: str, lock: bool = False) -> StoredDelivery | None:
        query = select(t.delivery).where(t.delivery.c.id == delivery)
        row = self._db.execute(self._locking(query) if lock else query).first()
        return _delivery(row) if row else None

    def deliveries(self, transfer: str) -> list[StoredDelivery]:
        rows = self._db.execute(
            select(t.delivery).where(t.delivery.c.transfer_id == transfer).order_by(t.delivery.c.seq)
        )
        return [_delivery(row) for row in rows]

    def step(self, delivery: StoredDelivery, after: DeliveryState, **columns: Any) -> None:
        """Take a delivery from its state to the next. The state in the database must still be the one we saw."""
        check_step(delivery.state, after)
        done = self._db.execute(
            update(t.delivery)
            .where(t.delivery.c.id == delivery.id, t.delivery.c.status == delivery.state.value)
            .values(status=after.value, **columns)
        )
        if done.rowcount != 1:
            raise RuntimeError(
                f"delivery {delivery.id} was {delivery.state.value} and is not any more: it was not locked"
            )
        if delivery.state in OUTSTANDING and after not in OUTSTANDING:
            self._promote(delivery.recipient, delivery.case)

    def line_taken(self, recipient: str, case: str) -> bool:
        """Whether a delivery of this line is outstanding."""
        return (
            self._db.execute(
                select(t.delivery.c.seq)
                .where(
                    t.delivery.c.recipient == recipient,
                    t.delivery.c.case_id == case,
                    t.delivery.c.status.in_(_OUTSTANDING),
                )
                .limit(1)
            ).first()
            is not None
        )

    def hurry(self, delivery: str) -> None:
        """A delivery that waits for its next attempt is due now."""
        self._db.execute(update(t.delivery).where(t.delivery.c.id == delivery).values(due_at=self._clock.technical()))

    def _promote(self, recipient: str, case: str) -> None:
        following = self._db.execute(
            select(t.delivery.c.id)
            .where(
                t.delivery.c.recipient == recipient,
                t.delivery.c.case_id == case,
                t.delivery.c.status == DeliveryState.WAITING.value,
            )
            .order_by(t.delivery.c.seq)
            .limit(1)
        ).scalar()
        if following:
            self._db.execute(
                update(t.delivery)
                .where(t.delivery.c.id == following)
                .values(status=DeliveryState.READY.value, due_at=self._clock.technical())
            )

    def take_ready(self, now: datetime, lease_until: datetime, limit: int, window: int) -> list[Release]:
        """Release what is due: to be called (`ready`), or to be asked about (`submitted`).

        No recipient has more than `window` notes out, so that the backlog of one that is dead or slow neither fills the
        broker nor stands before what is due for the others.
        """
        out = {
            row.recipient: row.n
            for row in self._db.execute(
                select(t.delivery.c.recipient, func.count().label("n"))
                .where(t.delivery.c.status.in_([DeliveryState.RELEASED.value, DeliveryState.ATTEMPTING.value]))
                .group_by(t.delivery.c.recipient)
            )
        }
        due = select(t.delivery.c.id, t.delivery.c.recipient, t.delivery.c.release).where(
            t.delivery.c.status.in_([DeliveryState.READY.value, DeliveryState.SUBMITTED.value]),
            t.delivery.c.due_at <= now,
            t.delivery.c.recipient.not_in([recipient for recipient, n in out.items() if n >= window]),
        )
        taken = []
        for row in self._db.execute(
            self._locking(due.order_by(t.delivery.c.due_at, t.delivery.c.seq).limit(limit), skip=True)
        ):
            out[row.recipient] = out.get(row.recipient, 0) + 1
            if out[row.recipient] <= window:
                taken.append(row)
        if taken:
            self._db.execute(
                update(t.delivery)
                .where(t.delivery.c.id.in_([row.id for row in taken]))
                .values(status=DeliveryState.RELEASED.value, release=t.delivery.c.release + 1, lease_until=lease_until)
            )
        return [Release(row.id, row.recipient, row.release + 1) for row in taken]

    def unrelease(self, releases: Iterable[Release], due: datetime) -> None:
        """Take back what the broker did not take. What a worker has begun meanwhile is left alone."""
        for release in releases:
            self._back_to_line(
                and_(
                    t.delivery.c.id == release.delivery,
                    t.delivery.c.release == release.number,
                    t.delivery.c.status == DeliveryState.RELEASED.value,
                ),
                due,
            )

    def expire_releases(self, now: datetime) -> int:
        """Releases whose lease is over may be released again: the number makes the old note harmless."""
        return self._back_to_line(
            and_(t.delivery.c.status == DeliveryState.RELEASED.value, t.delivery.c.lease_until < now), now
        )

    def _back_to_line(self, where: Any, due: datetime) -> int:
        # What somebody else holds is being worked on: two sweeps, or a sweep and a dispatch, never wait for each other.
        rows = (
            self._db.execute(
                self._locking(select(t.delivery.c.id).where(where).order_by(t.delivery.c.seq).limit(MANY), skip=True)
            )
            .scalars()
            .all()
        )
        for column, state in (
            (t.delivery.c.reference.is_(None), DeliveryState.READY),
            (t.delivery.c.reference.is_not(None), DeliveryState.SUBMITTED),
        ):
            self._db.execute(
                update(t.delivery)
                .where(t.delivery.c.id.in_(rows), column)
                .values(status=state.value, due_at=due, lease_until=None)
            )
        return len(rows)

    def expired_attempts(self, now: datetime, limit: int = 100) -> list[StoredDelivery]:
        """Attempts whose worker did not come back in time: their outcome is unknown."""
        rows = self._db.execute(
            select(t.delivery)
            .where(t.delivery.c.status == DeliveryState.ATTEMPTING.value, t.delivery.c.lease_until < now)
            .order_by(t.delivery.c.lease_until)
            .limit(limit)
        )
        return [_delivery(row) for row in rows]

    def end_leases(self, now: datetime) -> int:
        """At the start of the only process there is: whoever held a lease is gone."""
        done = self._db.execute(
            update(t.delivery)
            .where(t.delivery.c.status.in_([DeliveryState.RELEASED.value, DeliveryState.ATTEMPTING.value]))
            .values(lease_until=now)
        )
        return done.rowcount

    def parked_for(self, person: str, case: str, rule: str) -> list[StoredDelivery]:
        """Deliveries about this person in this case that are parked for the named reason (and perhaps others)."""
        rows = self._db.execute(
            select(t.delivery)
            .join(t.transfer, t.transfer.c.id == t.delivery.c.transfer_id)
            .where(
                t.transfer.c.person_id == person,
                t.delivery.c.case_id == case,
                t.delivery.c.status == DeliveryState.PARKED.value,
            )
            .order_by(t.delivery.c.seq)
        )
        return [found for found in map(_delivery, rows) if rule in _rules(found)]

    # ------------------------------------------------------------ renditions and attempts
    def add_rendition(
        self,
        delivery: str,
        *,
        message_id: str,
        transport: str,
        dialect: str | None,
        mapping: str | None,
        payload: bytes,
        media_type: str,
        facts: Mapping[str, str],
    ) -> str:
        number = (
            self._db.execute(
                select(func.count()).select_from(t.rendition).where(t.rendition.c.delivery_id == delivery)
            ).scalar_one()
            + 1
        )
        found = self._ids.new("ren")
        self._db.execute(
            insert(t.rendition).values(
                id=found,
                delivery_id=delivery,
                number=number,
                message_id=message_id,
                transport=transport,
                dialect=dialect,
                mapping=mapping,
                payload=payload,
                media_type=media_type,
                facts=dict(facts),
                frozen_at=self._clock.now(),
            )
        )
        self._db.execute(update(t.delivery).where(t.delivery.c.id == delivery).values(rendition_id=found))
        return found

    def rendition(self, rendition: str) -> StoredRendition | None:
        row = self._db.execute(select(t.rendition).where(t.rendition.c.id == rendition)).first()
        return _rendition(row) if row else None

    def choose_mappings(self, releases: Mapping[str, str]) -> None:
        """Delivery → hash of the release by which it is to be written. Replaces an earlier choice."""
        if not releases:
            return
        dialect = sqlite if self._sqlite else postgresql
        rows = [{"delivery_id": delivery, "release": release} for delivery, release in releases.items()]
        statement = dialect.insert(t.delivery_mapping).values(rows)
        self._db.execute(
            statement.on_conflict_do_update(
                index_elements=[t.delivery_mapping.c.delivery_id], set_={"release": statement.excluded.release}
            )
        )

    def chosen_mapping(self, delivery: str) -> str | None:
        """The hash of the release by which a delivery is to be written; None where whatever is in force will do."""
        return self._db.execute(
            select(t.delivery_mapping.c.release).where(t.delivery_mapping.c.delivery_id == delivery)
        ).scalar()

    def rendition_count(self, delivery: str) -> int:
        return self._db.execute(
            select(func.count()).select_from(t.rendition).where(t.rendition.c.delivery_id == delivery)
        ).scalar_one()

    def begin_attempt(self, delivery: StoredDelivery, rendition: str, phase: str, lease_until: datetime) -> int:
        """Write the attempt down before it is made. Returns its row number."""
        self.step(
            delivery, DeliveryState.ATTEMPTING, lease_until=lease_until, attempts=delivery.attempts + (phase == "call")
        )
        done = self._db.execute(
            insert(t.attempt).values(
                delivery_id=delivery.id,
                rendition_id=rendition,
                number=delivery.attempts + 1,
                phase=phase,
                started_at=self._clock.technical(),
            )
        )
        key = done.inserted_primary_key
        assert key is not None
        return cast(int, key[0])

    def end_attempt(self, attempt: int, outcome: str, code: str | None, message: str | None, answer: bytes) -> None:
        self._db.execute(
            update(t.attempt)
            .where(t.attempt.c.seq == attempt)
            .values(finished_at=self._clock.technical(), outcome=outcome, code=code, message=message, answer=answer)
        )

    def open_attempt(self, delivery: str) -> int | None:
        """The attempt of this delivery that has no outcome yet."""
        return self._db.execute(
            select(t.attempt.c.seq)
            .where(t.attempt.c.delivery_id == delivery, t.attempt.c.outcome.is_(None))
            .order_by(t.attempt.c.seq.desc())
            .limit(1)
        ).scalar()

    # ------------------------------------------------------------ receipts
    def receipt_of(self, delivery: str) -> StoredReceipt | None:
        row = self._db.execute(select(t.receipt).where(t.receipt.c.delivery_id == delivery)).first()
        return (
            StoredReceipt(
                row.id, row.delivery_id, row.outcome, row.reason, row.number, row.given_by, row.strength, row.given_at
            )
            if row
            else None
        )

    def add_receipt(
        self,
        delivery: str,
        *,
        outcome: str,
        reason: str | None,
        number: str | None,
        given_by: str,
        strength: str,
        signature: str | None,
    ) -> str:
        found = self._ids.new("rcp")
        self._db.execute(
            insert(t.receipt).values(
                id=found,
                delivery_id=delivery,
                outcome=outcome,
                reason=reason,
                number=number,
                given_by=given_by,
                strength=strength,
                signature=signature,
                given_at=self._clock.now(),
                recorded_at=self._clock.technical(),
            )
        )
        return found

    # ------------------------------------------------------------ responsibility
    def standing(self, person: str) -> StoredStanding | None:
        """The last line of the ledger for a person."""
        row = self._db.execute(
            select(t.responsibility)
            .where(t.responsibility.c.person_id == person)
            .order_by(t.responsibility.c.number.desc())
            .limit(1)
        ).first()
        return StoredStanding(row.number, t.holder_of(row), row.since, row.case_id) if row else None

    def add_standing(
        self,
        person: str,
        *,
        number: int,
        holder: str | None,
        case: str | None,
        exchange: str,
        transfer: str,
        receipt: str | None,
    ) -> None:
        self._db.execute(
            insert(t.responsibility).values(
                person_id=person,
                number=number,
                holder=holder or t.NOBODY,
                since=self._clock.now(),
                case_id=case,
                exchange=exchange,
                transfer_id=transfer,
                receipt_id=receipt,
            )
        )

    def set_transit(self, person: str, to: str | None, due: str | None, transfer: str | None) -> None:
        """The person is on the way to another agency, or (None) is not any more."""
        self._db.execute(t.transit.delete().where(t.transit.c.person_id == person))
        if to is not None:
            self._db.execute(
                insert(t.transit).values(
                    person_id=person, to_agency=to, since=self._clock.now(), due=due, transfer_id=transfer
                )
            )

    def transit_of(self, person: str) -> Row[Any] | None:
        return self._db.execute(select(t.transit).where(t.transit.c.person_id == person)).first()

    def add_dispute(self, person: str, transfer: str, zh: str, en: str) -> str:
        found = self._ids.new("dsp")
        self._db.execute(
            insert(t.dispute).values(
                id=found, person_id=person, transfer_id=transfer, zh=zh, en=en, opened_at=self._clock.now()
            )
        )
        return found

    # ------------------------------------------------------------ timeline
    def note(
        self,
        kind: str,
        *,
        submission: str,
        transfer: str | None = None,
        delivery: str | None = None,
        person: str | None = None,
        agency: str | None = None,
        **facts: Any,
    ) -> None:
        """One line of the timeline. Nothing on it is ever changed."""
        self._db.execute(
            insert(t.timeline).values(
                submission_id=submission,
                transfer_id=transfer,
                delivery_id=delivery,
                person_id=person,
                kind=kind,
                agency=agency,
                facts=facts,
                at=self._clock.now(),
                recorded_at=self._clock.technical(),
            )
        )

    # ------------------------------------------------------------ agencies: overrides, credentials, sessions
    def override(self, agency: str) -> Override | None:
        row = self._db.execute(select(t.agency_override).where(t.agency_override.c.agency == agency)).first()
        return Override(row.agency, row.url, row.user, row.password_sealed) if row else None

    def set_override(self, agency: str, url: str | None, user: str | None, password_sealed: bytes | None) -> None:
        """Change what is given; None leaves a value as it is."""
        self._insert_if_new(t.agency_override, {"agency": agency, "changed_at": self._clock.technical()})
        given = {
            k: v for k, v in {"url": url, "user": user, "password_sealed": password_sealed}.items() if v is not None
        }
        self._db.execute(
            update(t.agency_override)
            .where(t.agency_override.c.agency == agency)
            .values(changed_at=self._clock.technical(), **given)
        )
        self._db.execute(t.session_ticket.delete().where(t.session_ticket.c.agency == agency))

    def credential_of(self, agency: str) -> Credential | None:
        return self._credential(t.credential.c.agency == agency)

    def credential_by_client(self, client_id: str) -> Credential | None:
        return self._credential(t.credential.c.client_id == client_id)

    def _credential(self, where: Any) -> Credential | None:
        row = self._db.execute(select(t.credential).where(where)).first()
        return (
            Credential(row.agency, row.client_id, row.client_secret_hash, row.soap_user, row.soap_password_sealed)
            if row
            else None
        )

    def set_credential(self, credential: Credential) -> None:
        self._db.execute(t.credential.delete().where(t.credential.c.agency == credential.agency))
        self._db.execute(
            insert(t.credential).values(
                agency=credential.agency,
                client_id=credential.client_id,
                client_secret_hash=credential.client_secret_hash,
                soap_user=credential.soap_user,
                soap_password_sealed=credential.soap_password_sealed,
                issued_at=self._clock.technical(),
            )
        )

    def ticket(self, agency: str, lock: bool = False) -> str | None:
        if lock:
            self._insert_if_new(t.session_ticket, {"agency": agency, "ticket": None})
        query = select(t.session_ticket.c.ticket).where(t.session_ticket.c.agency == agency)
        return self._db.execute(self._locking(query) if lock else query).scalar()

    def set_ticket(self, agency: str, ticket: str | None) -> None:
        self._db.execute(update(t.session_ticket).where(t.session_ticket.c.agency == agency).values(ticket=ticket))

    def upload_progress(self, agency: str, delivery: str, sha256: str) -> tuple[str, int] | None:
        row = self._db.execute(
            select(t.upload_progress).where(
                t.upload_progress.c.agency == agency,
                t.upload_progress.c.delivery_id == delivery,
                t.upload_progress.c.sha256 == sha256,
            )
        ).first()
        return (row.upload, row.received) if row else None

    def set_upload_progress(self, agency: str, delivery: str, sha256: str, upload: str, received: int) -> None:
        self._insert_if_new(
            t.upload_progress,
            {"agency": agency, "delivery_id": delivery, "sha256": sha256, "upload": upload, "received": received},
        )
        self._db.execute(
            update(t.upload_progress)
            .where(
                t.upload_progress.c.agency == agency,
                t.upload_progress.c.delivery_id == delivery,
                t.upload_progress.c.sha256 == sha256,
            )
            .values(upload=upload, received=received)
        )

    # ------------------------------------------------------------ both databases
    def _locking(self, query: Select[Any], skip: bool = False) -> Select[Any]:
        """SQLite has one writer at a time: there the transaction itself is the lock."""
        return query if self._sqlite else query.with_for_update(skip_locked=skip)

    def _insert_if_new(self, table: Any, values: Mapping[str, Any]) -> None:
        dialect = sqlite if self._sqlite else postgresql
        self._db.execute(dialect.insert(table).values(**values).on_conflict_do_nothing())


def _rules(delivery: StoredDelivery) -> set[str]:
    """The rules by which a delivery is parked."""
    reason = delivery.reason or {}
    return {str(reason.get("rule")), *(str(fault["rule"]) for fault in reason.get("faults", ()))}


def _named(name: str | None) -> str | None:
    """A name as long as the columns hold. What is longer came with a faulty record, which is parked as it was written."""
    return name[:NAME_LENGTH] if name is not None else None


def _submission(row: Row[Any]) -> StoredSubmission:
    return StoredSubmission(
        row.id, row.agency, row.key, row.fingerprint, row.status, row.dialect, row.operation, row.answer
    )


def _transfer(row: Row[Any]) -> StoredTransfer:
    return StoredTransfer(
        row.id,
        row.seq,
        row.submission_id,
        row.exchange,
        row.sender,
        row.origin,
        row.case_id,
        row.person_id,
        row.record,
        tuple(row.faults),
        row.parked,
        row.status,
        row.in_reply_to,
        row.message_key,
        row.label,
        row.accepted_at,
    )


def _delivery(row: Row[Any]) -> StoredDelivery:
    return StoredDelivery(
        row.id,
        row.seq,
        row.transfer_id,
        row.recipient,
        row.role,
        row.case_id,
        DeliveryState(row.status),
        row.release,
        row.due_at,
        row.attempts,
        row.reference,
        row.rendition_id,
        row.reason,
        row.delivered_at,
        row.lease_until,
    )


def _rendition(row: Row[Any]) -> StoredRendition:
    return StoredRendition(
        row.id,
        row.number,
        row.message_id,
        row.transport,
        row.dialect,
        row.mapping,
        row.payload,
        row.media_type,
        row.facts,
        row.frozen_at,
    )
