"""A neighbouring county's bureau with a modern system: takes Standard Webhooks, answers with receipts over the hub's HTTP.

`POST /_sim/policy {"receipt": "accept" | "return" | "none", "reason"}` says what receipt each new webhook gets; the
receipt is given by a worker that tries again until the hub has taken it, also after a restart. `GET /_sim/receipts`
lists them. `--password` is the webhook secret (`whsec_` and base64); `--set tolerance-seconds=N` the timestamp's leeway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import requests

from simulators.hub_client import HubClient, HubRefused
from simulators.journal import Entry, Journal, digest_of
from simulators.service import Fault, Reply, Request, Settings, System
from simulators.soap_system import own_hub_client, send_transfer

#: Seconds between two tries of a receipt: the first, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
#: So often a definite no (4xx) is asked again, for about five minutes: a hub that died in its own call learns only when
#: the lease is over that the call succeeded.
PATIENCE = 60


class Rest(System):
    name = "rest"
    path = "/webhooks"
    own_faults: ClassVar[Mapping[str, str]] = {
        "busy": "status 503 with Retry-After (`seconds`, default 1)",
        "status": "an answer with this `status`",
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._secret = _secret(settings.password or "")
        self._leeway = settings.number("tolerance-seconds", 300)
        self._seen: dict[str, str] = {}  # webhook-id → digest
        self._hub_client: HubClient | None = None
        self.receipts = Receipts(Journal(settings.data / "receipts.jsonl"), self._client)

    def operation(self, request: Request) -> str | None:
        return "webhook"

    def answer(self, request: Request, fault: Fault | None) -> tuple[Reply, Entry]:
        key = request.headers.get("webhook-id") or None
        entry: Entry = {"operation": "webhook", "key": key, "digest": None, "record": {}}
        wrong = self._unsigned(request)
        if wrong:
            return _problem(401, wrong), {**entry, "outcome": "refused", "reason": wrong}
        if fault and fault.name == "busy":
            seconds = fault.text("seconds", "1")
            return Reply(503, "text/plain", b"busy", {"Retry-After": seconds}), {**entry, "outcome": "busy"}
        if fault and fault.name == "status":
            return _problem(int(fault.text("status", "500")), "armed fault"), {**entry, "outcome": "fault"}
        try:
            message = json.loads(request.body)
            item = message["data"] if "data" in message and "delivery" not in message else message
            entry["digest"], entry["record"] = digest_of(item), _facts(item)
        except (ValueError, TypeError, AttributeError) as error:
            reason = f"not a message that is understood: {error}"
            return _problem(400, reason), {**entry, "outcome": "refused", "reason": reason}
        assert key is not None  # _unsigned has refused a message without id
        if key in self._seen:
            if self._seen[key] != entry["digest"]:
                reason = "webhook-id was used before with other content"
                return _problem(409, reason), {**entry, "outcome": "refused", "reason": reason}
            return Reply.of({"received": key}), {**entry, "outcome": "duplicate"}
        if fault and fault.name == "refuse":
            reason = fault.text("reason", "不予接收")
            return _problem(422, reason), {**entry, "outcome": "refused", "reason": reason}
        receipt = None
        if entry["record"]["role"] != "copy" and entry["record"]["delivery"]:
            receipt = self.receipts.planned()
        return Reply.of({"received": key}), {**entry, "outcome": "accepted", "receipt": receipt}

    def apply(self, entry: Entry) -> None:
        if entry["outcome"] == "accepted":
            self._seen[entry["key"]] = entry["digest"]
            if entry.get("receipt"):
                self.receipts.due(entry["record"]["delivery"], **entry["receipt"])

    def _unsigned(self, request: Request) -> str | None:
        """Why the message is not believed (Standard Webhooks 1.0); None when its signature holds."""
        identity, moment = request.headers.get("webhook-id"), request.headers.get("webhook-timestamp", "")
        if not identity or not moment.isdigit() or "webhook-signature" not in request.headers:
            return "webhook-id, webhook-timestamp or webhook-signature is missing"
        if abs(time.time() - int(moment)) > self._leeway:
            return "webhook-timestamp is too far from now"
        signed = f"{identity}.{moment}.".encode() + request.body
        wanted = base64.b64encode(hmac.new(self._secret, signed, hashlib.sha256).digest()).decode()
        for signature in request.headers["webhook-signature"].split():
            version, _, value = signature.partition(",")
            if version == "v1" and hmac.compare_digest(value.encode(), wanted.encode()):
                return None
        return "webhook-signature does not fit"

    # ------------------------------------------------------------ calling
    def started(self) -> None:
        self.receipts.start()

    def _client(self) -> HubClient:
        if self._hub_client is None:
            self._hub_client = own_hub_client(self.settings)
        return self._hub_client

    def send(self, order: dict[str, Any]) -> dict[str, Any]:
        return send_transfer(self._client(), order)

    def control(self, request: Request) -> Reply | None:
        match request.method, request.path:
            case "POST", "/_sim/policy":
                self.receipts.set_policy(request.json())
                return Reply.of(self.receipts.policy)
            case "GET", "/_sim/policy":
                return Reply.of(self.receipts.policy)
            case "GET", "/_sim/receipts":
                return Reply.of({"receipts": self.receipts.listed()})
        return None


@dataclass
class Receipt:
    """A receipt that this bureau owes for a delivery."""

    delivery: str
    outcome: str
    reason: str | None
    state: str = "due"  # due | given | given-up
    tries: int = 0
    refusals: int = 0
    next_try: float = 0.0
    answer: str | None = None


class Receipts:
    """The receipts that are due, and the worker that gives them.

    What is due follows from the service's journal; a journal of their own remembers the policy and what was given.
    """

    def __init__(self, journal: Journal, client: Any) -> None:
        self._journal, self._client = journal, client
        self._receipts: dict[str, Receipt] = {}
        self._changed = threading.Condition()
        self.policy: dict[str, Any] = {"receipt": "none", "reason": None}
        self._settled: dict[str, Entry] = {}
        for entry in journal:
            if "policy" in entry:
                self.policy = entry["policy"]
            else:
                self._settled[entry["delivery"]] = entry

    def set_policy(self, order: dict[str, Any]) -> None:
        """Raises ValueError for a policy that means nothing."""
        if order.get("receipt") not in ("accept", "return", "none"):
            raise ValueError("receipt must be accept, return or none")
        if order["receipt"] == "return" and not order.get("reason"):
            raise ValueError("a return needs a reason")
        self.policy = {"receipt": order["receipt"], "reason": order.get("reason")}
        self._journal.append({"policy": self.policy})

    def planned(self) -> dict[str, Any] | None:
        """The receipt that a webhook gets now."""
        outcome = {"accept": "accepted", "return": "returned"}.get(self.policy["receipt"])
        return {"outcome": outcome, "reason": self.policy["reason"]} if outcome else None

    def due(self, delivery: str, outcome: str, reason: str | None) -> None:
        receipt = Receipt(delivery, outcome, reason)
        if settled := self._settled.get(delivery):
            receipt.state, receipt.answer = settled["state"], settled["answer"]
        with self._changed:
            self._receipts.setdefault(delivery, receipt)
            self._changed.notify()

    def listed(self) -> list[dict[str, Any]]:
        with self._changed:
            return [
                {
                    "delivery": receipt.delivery,
                    "outcome": receipt.outcome,
                    "reason": receipt.reason,
                    "state": receipt.state,
                    "tries": receipt.tries,
                    "answer": receipt.answer,
                }
                for receipt in self._receipts.values()
            ]

    def start(self) -> None:
        threading.Thread(target=self._work, name="receipts", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                waiting = [receipt for receipt in self._receipts.values() if receipt.state == "due"]
                receipt = min(waiting, key=lambda each: each.next_try, default=None)
                pause = None if receipt is None else receipt.next_try - time.monotonic()
                if receipt is None or (pause is not None and pause > 0):
                    self._changed.wait(pause)
                    continue
            self._give(receipt)

    def _give(self, receipt: Receipt) -> None:
        receipt.tries += 1
        try:
            answer = self._client().receipt(receipt.delivery, receipt.outcome, receipt.reason)
        except (requests.RequestException, HubRefused, ValueError) as error:
            receipt.answer = str(error)
        else:
            receipt.answer = f"{answer.status}: {answer.text[:500]}"
            if answer.ok:
                self._settle(receipt, "given")
                return
            definite = 400 <= answer.status < 500 and answer.status not in (401, 408, 425, 429)
            receipt.refusals = receipt.refusals + 1 if definite else 0
            if receipt.refusals >= PATIENCE:
                self._settle(receipt, "given-up")
                return
        receipt.next_try = time.monotonic() + min(FIRST_PAUSE * 2 ** (receipt.tries - 1), LONGEST_PAUSE)

    def _settle(self, receipt: Receipt, state: str) -> None:
        self._journal.append({"delivery": receipt.delivery, "state": state, "answer": receipt.answer})
        receipt.state = state


def _secret(text: str) -> bytes:
    """The key in a Standard Webhooks secret. Raises ValueError for what is no base64."""
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the webhook secret is not base64: {error}") from None


def _facts(item: dict[str, Any]) -> dict[str, Any]:
    """What matters of an item, whose shape is the inbox's."""
    record = item.get("record") or {}
    person = record.get("person") or {}
    case = record.get("case") or {}
    return {
        "delivery": item.get("delivery"),
        "transfer": item.get("transfer"),
        "exchange": item.get("exchange"),
        "sender": item.get("sender"),
        "role": item.get("role", "to"),
        "in_reply_to": item.get("in_reply_to"),
        "name": person.get("name"),
        "id_number": person.get("id_number"),
        "case": case.get("number"),
        "documents": [
            {"title": document.get("title"), "size": document.get("size"), "sha256": document.get("sha256")}
            for document in item.get("documents") or []
        ],
    }


def _problem(status: int, detail: str) -> Reply:
    body = json.dumps({"title": "refused", "status": status, "detail": detail}, ensure_ascii=False).encode()
    return Reply(status, "application/problem+json", body)
