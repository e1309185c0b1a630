"""A running hub: the threads that release, deliver and sweep, beside whatever serves HTTP in the same process."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hub.flow.delivery import deliver
from hub.flow.dispatch import dispatch, queue_of, sweep
from hub.flow.live import LOOK
from hub.flow.parts import Hub
from hub.messaging.envelope import NotAReleaseNote, decode
from hub.ports import Received

log = logging.getLogger(__name__)

#: How many calls to one agency may be under way at once; a slow agency ties up its own workers only (P4).
WINDOW = 4
#: Seconds between looks into the store when nobody woke us.
IDLE = 0.5
#: Seconds between sweeps for leases that are over.
SWEEP = 2.0


class Process:
    """Starts and stops the hub's own threads. One object for each process."""

    def __init__(self, hub: Hub, alone: bool = False) -> None:
        """`alone`: nobody else works on this store, so whoever held a lease is gone (embedded parts always are alone)."""
        self._hub = hub
        self._alone = alone or hub.settings.embedded
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._workers: dict[str, ThreadPoolExecutor] = {}
        self._calls = threading.Condition()
        self._under_way = 0

    def start(self) -> None:
        hub = self._hub
        if self._alone:
            # The only process there is: whoever held a lease died with the last one.
            with hub.store.begin() as unit:
                unit.end_leases(hub.clock.technical())
            sweep(hub)
        for agency in hub.agencies:
            queue = queue_of(agency.id)
            hub.broker.declare(queue)
            self._workers[queue] = ThreadPoolExecutor(WINDOW, thread_name_prefix=f"to-{agency.id}")
            hub.broker.consume(queue, self._received, prefetch=WINDOW * 4)
        hub.dialects.register_files()
        for name, work in (("dispatch", self._dispatch), ("sweep", self._sweep), ("mappings", self._mappings)):
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, patience: float = 20.0) -> None:
        """Finish what is under way and stop. What cannot be finished in `patience` seconds is released again later."""
        self._stop.set()
        self._hub.wake.set()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._hub.broker.close()
        for workers in self._workers.values():
            workers.shutdown(wait=False, cancel_futures=True)
        with self._calls:
            if not self._calls.wait_for(lambda: self._under_way == 0, max(0.0, until - time.monotonic())):
                log.warning(
                    "%d calls are still under way; their outcome is taken for unknown when their time is over",
                    self._under_way,
                )

    # ------------------------------------------------------------ threads
    def _dispatch(self) -> None:
        while not self._stop.is_set():
            self._hub.wake.clear()
            try:
                released = dispatch(self._hub)
            except Exception:
                log.exception("dispatch")
                released = 0
                self._stop.wait(IDLE)
            if not released:
                self._hub.wake.wait(IDLE)

    def _sweep(self) -> None:
        while not self._stop.wait(SWEEP):
            try:
                sweep(self._hub)
            except Exception:
                log.exception("sweep")

    def _mappings(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                if self._hub.dialects.refresh():
                    for name in self._hub.dialects:
                        self._hub.governance.settle(name)
            except Exception:
                log.exception("looking whether another mapping is in force")

    def _received(self, received: Received) -> None:
        try:
            self._workers[received.queue].submit(self._work, received)
        except RuntimeError:  # shutting down
            received.requeue()

    def _work(self, received: Received) -> None:
        with self._calls:
            self._under_way += 1
        try:
            self._deliver(received)
        finally:
            with self._calls:
                self._under_way -= 1
                self._calls.notify_all()

    def _deliver(self, received: Received) -> None:
        try:
            deliver(self._hub, decode(received.body))
        except NotAReleaseNote:
            log.exception(
                "a message on %s is no release note; it is dropped, the store releases its delivery again",
                received.queue,
            )
        except Exception:
            # The store was out of reach, most likely. The lease brings the delivery back.
            log.exception("delivering from %s", received.queue)
        received.ack()
