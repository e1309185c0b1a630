"""A delivery as an agency without a dialect gets it: the canonical record with what it needs to know around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from hub.domain.stored import StoredDelivery, StoredDocument, StoredTransfer

#: Times that people see are in the country's one time zone.
LOCAL = ZoneInfo("Asia/Shanghai")


def inbox_item(
    delivery: StoredDelivery, transfer: StoredTransfer, documents: Sequence[StoredDocument]
) -> dict[str, Any]:
    """One item of `GET /v1/inbox`, and the data of a webhook."""
    return {
        "delivery": delivery.id,
        "transfer": transfer.id,
        "exchange": transfer.exchange,
        "sender": transfer.sender,
        "role": delivery.role,
        "case": transfer.case,
        "person": transfer.person,
        "record": dict(transfer.record),
        "documents": [doc.as_dict() for doc in documents],
        "accepted_at": transfer.accepted_at.astimezone(LOCAL).isoformat(),
        "in_reply_to": transfer.in_reply_to,
    }
