"""A decision's day of effect, which may become known only after its record was handed in (尚未生效).

A delivery whose dialect needs the day is parked until a later record about the same person and case names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.exchanges import value_at
from hub.domain.records import complete
from hub.domain.stored import StoredDelivery, StoredTransfer
from hub.flow.parts import Hub
from hub.ports import Unit

#: The rule under which a delivery waits for the day.
NOT_IN_FORCE = "case.not-in-force"


def effective_on(record: Mapping[str, Any]) -> Any:
    """The day of effect that a record names, or None."""
    return value_at(record, "case.effective_on") or None


def that_brought_the_day(unit: Unit, transfer: StoredTransfer) -> StoredTransfer | None:
    """The latest transfer about the same person and case that names the day, where this one does not."""
    if transfer.person is None or transfer.case is None or effective_on(transfer.record):
        return None
    return next(
        (
            other
            for other in reversed(unit.about(transfer.person, transfer.case))
            if not other.parked and effective_on(other.record)
        ),
        None,
    )


def now_in_force(hub: Hub, unit: Unit, delivery: StoredDelivery, record: Mapping[str, Any], by: str) -> None:
    """Complete the record of a delivery's transfer with the day that another record, of the transfer `by`, has brought."""
    transfer = unit.transfer(delivery.transfer)
    assert transfer is not None
    day = effective_on(record)
    named = {**transfer.record, "case": {**transfer.record.get("case", {}), "effective_on": day}}
    unit.amend_record(transfer.id, complete(named, record, ("correction",)))
    unit.note(
        "case.in-force",
        submission=transfer.submission,
        transfer=transfer.id,
        delivery=delivery.id,
        person=transfer.person,
        effective_on=day,
        by=by,
    )
    unit.refresh_status(transfer.id, hub.catalogue.wants_receipt(transfer.exchange))
