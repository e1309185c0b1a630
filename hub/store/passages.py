"""One transfer with all that its lineage is told from: the message as it came, the record, the renditions as they went.

Entitled like the three forms of a transfer: who may see it sees its record; what the sender wrote is the sender's, and what
a recipient was sent is that recipient's and the sender's. `viewer=None` is an operator of the hub.
"""

from __future__ import annotations

from sqlalchemy import select

from hub.domain.stored import StoredDocument
from hub.flow.explain import Passage, Sent
from hub.flow.parts import Hub
from hub.store import tables as t
from hub.store.history import message_of
from hub.store.queries import _find_transfer
from hub.store.unit import _delivery, _rendition, _transfer


def passage(hub: Hub, viewer: str | None, transfer_id: str) -> Passage:
    """Raises `NotFound` for a transfer that there is not, or that the viewer may not see."""
    with hub.database.read() as db:
        row = _find_transfer(db, hub, viewer, transfer_id)
        mine = viewer is None or viewer == row.sender
        message = db.execute(select(t.submission).where(t.submission.c.id == row.submission_id)).one() if mine else None
        documents = db.execute(
            select(t.transfer_document)
            .where(t.transfer_document.c.transfer_id == transfer_id)
            .order_by(t.transfer_document.c.n)
        ).all()
        sent = []
        for delivery in db.execute(
            select(t.delivery).where(t.delivery.c.transfer_id == transfer_id).order_by(t.delivery.c.seq)
        ).all():
            if mine or delivery.recipient == viewer:
                rendition = db.execute(
                    select(t.rendition)
                    .where(t.rendition.c.delivery_id == delivery.id)
                    .order_by(t.rendition.c.number.desc())
                    .limit(1)
                ).first()
                chosen = db.execute(
                    select(t.delivery_mapping.c.release).where(t.delivery_mapping.c.delivery_id == delivery.id)
                ).scalar_one_or_none()
                sent.append(Sent(_delivery(delivery), _rendition(rendition) if rendition else None, chosen))
        named = row.record.get("answers") or {}
        before = (
            db.execute(select(t.transfer.c.id, t.transfer.c.record).where(t.transfer.c.id == named["transfer"])).first()
            if mine and named.get("transfer")
            else None
        )
    return Passage(
        transfer=_transfer(row),
        mapping=row.mapping,
        documents=tuple(StoredDocument(d.sha256, d.title, d.kind, d.media_type, d.size) for d in documents),
        message=message_of(message) if message else None,
        ordinal=row.ordinal,
        before=(before.id, before.record) if before else None,
        sent=tuple(sent),
    )
