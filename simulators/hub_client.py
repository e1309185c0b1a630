"""How an agency calls the hub over HTTP: inbox, receipts, transfers, who answers for a person.

For systems that speak the hub's own contract, and for agencies that have no system at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

import requests

#: A token is renewed this many seconds before it is over.
EARLY = 30.0


class HubRefused(Exception):
    """The hub answered, and not as was hoped."""

    def __init__(self, reply: HubReply) -> None:
        super().__init__(f"{reply.status}: {reply.text[:500]}")
        self.reply = reply


@dataclass(frozen=True)
class HubReply:
    """`body` is the parsed JSON, or None when the answer is none."""

    status: int
    body: Any
    text: str
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def expect(self) -> Any:
        """The body of a success. Raises HubRefused otherwise."""
        if not self.ok:
            raise HubRefused(self)
        return self.body


class HubClient:
    """A client of one agency. Threads may share it. Raises requests' exceptions when the hub cannot be reached."""

    def __init__(self, hub: str, client_id: str, client_secret: str, *, timeout: float = 30.0) -> None:
        self.hub = hub.rstrip("/")
        self._client_id, self._client_secret, self._timeout = client_id, client_secret, timeout
        self._session = requests.Session()
        self._session.trust_env = False
        self._lock = threading.Lock()
        self._token: str | None = None
        self._token_ends = 0.0

    def __enter__(self) -> HubClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    # ------------------------------------------------------------ what agencies do
    def inbox(self, *, follow: str | None = None, **filters: str | int) -> HubReply:
        """One page of what waits for this agency. `follow` is the `next` of the page before."""
        if follow and ("/" in follow or follow.startswith("?")):
            return self.request("GET", urljoin(f"{self.hub}/v1/inbox", follow))
        return self.request("GET", "/v1/inbox", params={**filters, **({"after": follow} if follow else {})})

    def waiting(self, **filters: str | int) -> Iterator[dict[str, Any]]:
        """Everything that waits for this agency, page by page. Raises HubRefused."""
        follow = None
        while True:
            page = self.inbox(follow=follow, **filters).expect()
            yield from page["items"]
            follow = page.get("next")
            if not follow:
                return

    def receipt(self, delivery: str, outcome: str, reason: str | None = None) -> HubReply:
        """Answer a delivery: `accepted` or `returned`, the latter with a reason."""
        body = {"outcome": outcome} | ({"reason": reason} if reason else {})
        return self.request("POST", f"/v1/deliveries/{quote(delivery, safe='')}/receipt", json=body)

    def transfer(self, body: Mapping[str, Any], key: str) -> HubReply:
        """Start an exchange. The same key may be sent again after an answer was lost."""
        return self.request("POST", "/v1/transfers", json=dict(body), headers={"Idempotency-Key": key})

    def responsibility(self, person: str) -> HubReply:
        """Who answers for a person; `person` is the hub's own id."""
        return self.request("GET", f"/v1/persons/{quote(person, safe='')}/responsibility")

    def document(self, sha256: str) -> bytes:
        """A document's bytes. Raises HubRefused."""
        answer = self._call("GET", f"/v1/documents/{sha256}")
        if answer.status_code != 200:
            raise HubRefused(_reply(answer))
        return answer.content

    # ------------------------------------------------------------ how
    def request(self, method: str, path: str, **options: Any) -> HubReply:
        """Any operation of the contract, with this agency's token."""
        return _reply(self._call(method, path, **options))

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call with a token; when the hub no longer knows the token, once more with a new one."""
        headers = dict(options.pop("headers", {}))
        stale = None
        while True:
            token = self._bearer(stale)
            answer = self._session.request(
                method,
                urljoin(self.hub + "/", path),
                timeout=self._timeout,
                headers={**headers, "Authorization": f"Bearer {token}"},
                **options,
            )
            if answer.status_code != 401 or stale is not None:
                return answer
            stale = token

    def _bearer(self, stale: str | None) -> str:
        with self._lock:
            if self._token is None or self._token == stale or time.monotonic() > self._token_ends:
                form = {
                    "grant_type": "client_credentials",
                    "client_id": self._client_id,
                    "client_secret": self._client_secret,
                }
                answer = self._session.post(f"{self.hub}/oauth/token", data=form, timeout=self._timeout)
                granted = _reply(answer).expect()
                self._token = str(granted["access_token"])
                self._token_ends = time.monotonic() + max(float(granted.get("expires_in", 300)) - EARLY, 1.0)
            return self._token


def _reply(answer: requests.Response) -> HubReply:
    try:
        body = answer.json()
    except requests.exceptions.JSONDecodeError:
        body = None
    return HubReply(answer.status_code, body, answer.text, answer.headers)
