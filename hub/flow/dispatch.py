"""Releases what is due to the workers of its recipient, and takes back what got lost on the way (P5).

The store says what is due; the broker only carries the release number. Whatever the broker loses is released again when
its lease is over, and the number makes a late note harmless.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from hub.domain.stored import StoredDelivery
from hub.domain.transfers import DeliveryState
from hub.flow import crashpoints
from hub.flow.delivery import after_unknown, deliver
from hub.flow.parts import Hub
from hub.messaging.envelope import ReleaseNote, encode
from hub.ports import Frame

log = logging.getLogger(__name__)

#: Seconds that a release note may take to reach a worker. Where a slow recipient's notes wait longer, they are released
#: again; the old notes are dropped unread, and `WINDOW` bounds how many there are.
RELEASE_LEASE = 60.0
#: Notes to one recipient that may be out at once: more than its workers of a few processes can work on, and few enough
#: that the backlog of a dead one stays in the store (P4).
WINDOW = 100
#: Seconds to wait before a delivery is released again that the broker did not take.
BROKER_PAUSE = 1.0
BATCH = 200


def queue_of(agency: str) -> str:
    return f"deliver.{agency}"


def dispatch(hub: Hub) -> int:
    """Release one batch of what is due. Returns how many were published."""
    now = hub.clock.technical()
    with hub.store.begin() as unit:
        releases = unit.take_ready(now, now + timedelta(seconds=RELEASE_LEASE), BATCH, WINDOW)
    if not releases:
        return 0
    crashpoints.reach("dispatch.after-release")
    for release in releases:
        if release.recipient not in hub.agencies:  # removed meanwhile: nobody works its queue off, and it is parked
            deliver(hub, ReleaseNote(release.delivery, release.number))
    releases = [release for release in releases if release.recipient in hub.agencies]
    frames = [
        Frame(queue_of(release.recipient), encode(ReleaseNote(release.delivery, release.number)))
        for release in releases
    ]
    taken = hub.broker.publish(frames)
    lost = [release for release, ok in zip(releases, taken, strict=True) if not ok]
    if lost:
        log.warning("the broker did not take %d of %d release notes; they stay in the store", len(lost), len(releases))
        for queue in {queue_of(release.recipient) for release in lost}:
            hub.broker.declare(queue)
        with hub.store.begin() as unit:
            unit.unrelease(lost, hub.clock.technical() + timedelta(seconds=BROKER_PAUSE))
    crashpoints.reach("dispatch.after-publish")
    return len(releases) - len(lost)


def sweep(hub: Hub) -> None:
    """Leases that are over: notes that never came are released again, attempts that never ended are of unknown outcome."""
    now = hub.clock.technical()
    with hub.store.begin() as unit:
        back = unit.expire_releases(now)
        crashed = unit.expired_attempts(now)
    if back:
        log.info("%d releases came back unworked", back)
    for delivery in crashed:
        try:
            _end_crashed(hub, delivery)
        except Exception:  # one that cannot be ended holds up no other
            log.exception("ending the attempt of delivery %s", delivery.id)


def _end_crashed(hub: Hub, seen: StoredDelivery) -> None:
    with hub.store.begin() as unit:
        unit.lock_lines([(seen.recipient, seen.case)])
        delivery = unit.delivery(seen.id, lock=True)
        if delivery is None or delivery.state is not DeliveryState.ATTEMPTING or delivery.release != seen.release:
            return
        attempt = unit.open_attempt(delivery.id)
        if attempt is not None:
            unit.end_attempt(attempt, "unknown", None, "the worker stopped before the outcome was recorded", b"")
        after_unknown(hub, unit, delivery, "hub.stopped")
    hub.wake.set()
