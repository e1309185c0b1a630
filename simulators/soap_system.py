"""What the simulated SOAP systems share: from a request to an envelope, and from a fault to an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import requests
from lxml import etree

from simulators import soap
from simulators.hub_client import HubClient
from simulators.journal import Entry
from simulators.service import Fault, Reply, Request, Settings, System, Undelivered


@dataclass(frozen=True)
class Call:
    """A call on its way through a system: how it came, taken apart, and the fault that it meets."""

    request: Request
    envelope: soap.Envelope
    fault: Fault | None

    @property
    def element(self) -> etree._Element:
        return self.envelope.body[0]

    def meets(self, fault: str) -> Fault | None:
        return self.fault if self.fault is not None and self.fault.name == fault else None


class SoapSystem(System):
    """A system behind a WSDL. Subclasses take a call whose envelope is sound and answer it."""

    contract: ClassVar[soap.Contract]
    prefix: ClassVar[str] = "soap"
    versions: ClassVar[tuple[str, ...]] = ("1.1",)
    #: header blocks that may be marked mustUnderstand, as Clark names
    headers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.hub_client: HubClient | None = None

    @property
    def path(self) -> str:
        return self.contract.path

    def serve(self, call: Call) -> tuple[Reply, Entry]:
        """Answer a call whose envelope is sound. May raise SoapFault."""
        raise NotImplementedError

    def operation(self, request: Request) -> str | None:
        try:
            envelope = soap.open_envelope(request.body, request.content_type, self.headers)
        except soap.SoapFault:
            return None
        return soap.local(envelope.body[0]) if envelope.body else None

    def answer(self, request: Request, fault: Fault | None) -> tuple[Reply, Entry]:
        operation, version = None, "1.1"
        try:
            envelope = soap.open_envelope(request.body, request.content_type, self.headers)
            version = envelope.version
            if version not in self.versions:
                raise soap.SoapFault("VersionMismatch", f"本服务只支持 SOAP {'、'.join(self.versions)}")
            if not envelope.body:
                raise soap.SoapFault("Client", "soap:Body 为空")
            operation = soap.local(envelope.body[0])
            reply, entry = self.serve(Call(request, envelope, fault))
        except soap.SoapFault as error:
            answer_in = version if version in self.versions else self.versions[0]
            reply = self.fault_reply(error, answer_in)
            entry = {
                "operation": operation,
                "key": None,
                "outcome": error.outcome,
                "digest": None,
                "record": {},
                "code": error.code,
            }
        return reply, {**entry, "version": version, "request": self._readable(request)}

    def _readable(self, request: Request) -> str:
        try:
            return self.masked(soap.decode(request.body, request.content_type))
        except soap.Malformed:
            return self.masked(request.body.decode(errors="backslashreplace"))

    def reply(self, body: str, version: str = "1.1", status: int = 200) -> Reply:
        return Reply(status, soap.media_type(version), soap.envelope(body, version, prefix=self.prefix))

    def fault_reply(self, fault: soap.SoapFault, version: str) -> Reply:
        """Faults are HTTP 500; in SOAP 1.2 the sender's own are 400 (SOAP 1.2 part 2, table 20)."""
        status = 400 if version == "1.2" and fault.code == "Client" else 500
        return self.reply(soap.fault_text(fault, version, prefix=self.prefix), version, status)

    def page(self, request: Request) -> Reply:
        if "wsdl" in (name.lower() for name in request.query):
            return Reply(200, "text/xml; charset=utf-8", self.contract.at(self.url))
        return super().page(request)

    # ------------------------------------------------------------ the calling half
    def post(self, content: bytes, headers: Mapping[str, str]) -> tuple[int, str, soap.Envelope | None]:
        """Call the hub's service for this agency: the status, the text, and the envelope if the answer is one."""
        if not self.settings.hub:
            raise ValueError("started without --hub")
        address = f"{self.settings.hub.rstrip('/')}/soap/{self.settings.agency}"
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(address, data=content, headers=dict(headers), timeout=60)
        except requests.RequestException as error:
            raise Undelivered(f"{address}: {error}") from error
        content_type = answer.headers.get("Content-Type", "")
        try:
            return (
                answer.status_code,
                soap.decode(answer.content, content_type),
                soap.open_envelope(answer.content, content_type),
            )
        except (soap.SoapFault, soap.Malformed):
            return answer.status_code, answer.content.decode(errors="replace"), None

    def send_transfer(self, order: dict[str, Any]) -> dict[str, Any]:
        """For systems whose contract has nothing to send: their agency speaks HTTP to the hub with its own credential."""
        if self.hub_client is None:
            self.hub_client = own_hub_client(self.settings)
        return send_transfer(self.hub_client, order)


def own_hub_client(settings: Settings) -> HubClient:
    if not (settings.hub and settings.hub_user and settings.hub_password):
        raise ValueError("started without --hub, --hub-user and --hub-password")
    return HubClient(settings.hub, settings.hub_user, settings.hub_password)


def send_transfer(client: HubClient, order: dict[str, Any]) -> dict[str, Any]:
    """`{"text": JSON of POST /v1/transfers, "key"}`, or `{"operation": "receipt", "delivery", "outcome", "reason"}`."""
    try:
        if order.get("operation") == "receipt":
            answer = client.receipt(order["delivery"], order["outcome"], order.get("reason"))
        else:
            answer = client.transfer(json.loads(order["text"]), order["key"])
    except requests.RequestException as error:
        raise Undelivered(str(error)) from error
    return {"status": answer.status, "answer": answer.body, "body": answer.text}
