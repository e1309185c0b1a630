"""A legacy sender calls the hub exactly as its own WSDL says, and is answered in its own protocol whatever happens.

The connector takes the envelope apart, the dialect reads the record, the intake keeps it; what is wrong goes back as the
dialect's own answer code where it has one, else as a SOAP fault that names the place and what would be right.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from hub.domain.agencies import Agency
from hub.domain.faults import Fault, HubError, NotFound
from hub.flow.intake import KEY_LIMIT, Arrival, keep_refusal, receive_message
from hub.flow.parts import Hub
from hub.ports import Answer, Incoming, ProtocolFault, SoapService
from hub.translation import AnswerRecord, Dialect, ParkedPerson

log = logging.getLogger(__name__)


def wsdl(hub: Hub, agency_id: str, location: str) -> bytes:
    """The contract that this agency calls, with the hub's address in it."""
    return hub.connectors.service(_speaker(hub, agency_id)).wsdl(location)


def handle(hub: Hub, agency_id: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """One SOAP request. Raises `NotFound` for an agency without a contract; every other trouble is an answer."""
    agency = _speaker(hub, agency_id)
    service = hub.connectors.service(agency)
    dialect = hub.dialects[agency.speaks or ""]
    try:
        incoming = service.receive(body, headers)
    except ProtocolFault as error:
        _kept(hub, agency, dialect, body, headers, None, error.faults)
        return service.fault(error)
    try:
        return _answered(hub, agency, service, dialect, incoming, body, headers)
    except Exception:
        log.exception("SOAP request of %s", agency.id)
        return service.refuse(
            incoming,
            "Server",
            "系统内部错误，请稍后重发同一报文，重发不会重复生效 (internal error: send the same message again later; it takes effect once)",
            (),
        )


def too_large(hub: Hub, agency_id: str, headers: Mapping[str, str], size: int | None, limit: int) -> Answer:
    """The request was cut off before it was read: said in the sender's protocol, and kept on the record without its bytes."""
    agency = _speaker(hub, agency_id)
    found = f"{size}字节" if size else f"超过{limit}字节"
    fault = Fault(
        "message.too-large",
        "",
        f"报文{found}，上限为{limit}字节；大的附件请先单独上传",
        f"the message is larger than {limit} bytes; upload large documents on their own",
        value=size,
    )
    _kept(hub, agency, hub.dialects[agency.speaks or ""], b"", headers, None, [fault])
    version = "1.2" if "soap+xml" in headers.get("content-type", "") else "1.1"
    return hub.connectors.service(agency).fault(ProtocolFault([fault], version=version, status=413))


def _answered(
    hub: Hub,
    agency: Agency,
    service: SoapService,
    dialect: Dialect,
    incoming: Incoming,
    body: bytes,
    headers: Mapping[str, str],
) -> Answer:
    if not _known_caller(hub, agency, incoming):
        fault = Fault("login", "", "用户名或密码不正确", "wrong user name or password")
        _kept(hub, agency, dialect, body, headers, incoming, [fault])
        return _refusal(service, dialect, incoming, None, [fault])
    key = None
    try:
        message = dialect.read(incoming.operation, incoming.parts, incoming.payload, agency.id)
        key = message.key
        arrival = Arrival(
            agency.id,
            (message.key or "")[: KEY_LIMIT + 1],
            message.fingerprint,
            "soap",
            body,
            headers.get("content-type", ""),
            dialect.name,
            incoming.operation,
        )
        if message.faults or not message.key:
            faults = message.faults or [
                Fault("key.missing", "/message/key", "缺少发送方编号", "the sender's key is missing")
            ]
            _kept(hub, agency, dialect, body, headers, incoming, faults, message.key)
            return _refusal(service, dialect, incoming, key, faults)
        answer = receive_message(hub, arrival, message, dialect)
    except HubError as error:
        if key is None:  # not even read: the intake has not seen it
            _kept(hub, agency, dialect, body, headers, incoming, error.faults)
        return _refusal(service, dialect, incoming, key, error.faults)
    return service.answer(incoming, dialect.answer(incoming.operation, _accepted(key, answer)))


def _accepted(key: str | None, answer: Mapping[str, Any]) -> AnswerRecord:
    parked = [ParkedPerson(entry.get("person") or "—", entry["message"]) for entry in answer["parked"]]
    message = "接收成功" if not parked else f"已接收，其中{len(parked)}项待人工处理"
    return AnswerRecord(ok=True, submission=answer["submission"], key=key, message=message, parked=parked)


def _refusal(
    service: SoapService, dialect: Dialect, incoming: Incoming, key: str | None, faults: Sequence[Fault]
) -> Answer:
    """In the dialect's own answer where it has one, naming every fault's place; else as a SOAP fault."""
    message = "；".join(_sentence(fault) for fault in faults)
    if incoming.operation not in dialect.answers:
        return service.refuse(incoming, "Client", message, faults)
    record = AnswerRecord(
        ok=False, submission=None, key=key, code=dialect.answer_code(faults), message=message, parked=[]
    )
    return service.answer(incoming, dialect.answer(incoming.operation, record))


def _sentence(fault: Fault) -> str:
    place = fault.xpath or fault.pointer
    value = f"（值：{str(fault.value)[:60]}）" if fault.value not in (None, "") else ""
    return f"{place + '：' if place else ''}{fault.zh}{value}"


def _kept(
    hub: Hub,
    agency: Agency,
    dialect: Dialect,
    body: bytes,
    headers: Mapping[str, str],
    incoming: Incoming | None,
    faults: Sequence[Fault],
    key: str | None = None,
) -> None:
    keep_refusal(
        hub,
        Arrival(
            agency.id,
            key or "",
            hashlib.sha256(body).hexdigest(),
            "soap",
            body,
            headers.get("content-type", ""),
            dialect.name,
            incoming.operation if incoming else None,
        ),
        faults,
    )


def _speaker(hub: Hub, agency_id: str) -> Agency:
    agency = hub.agencies.get(agency_id)
    if agency is None or agency.speaks is None:
        raise NotFound(
            [
                Fault(
                    "agency.no-contract",
                    "",
                    f"没有为“{agency_id}”提供SOAP服务",
                    f"there is no SOAP service for {agency_id!r}",
                    value=agency_id,
                )
            ]
        )
    return agency


def _known_caller(hub: Hub, agency: Agency, incoming: Incoming) -> bool:
    with hub.store.read() as unit:
        credential = unit.credential_of(agency.id)
    if credential is None or incoming.user is None:
        return False
    password = hub.seal.unseal(credential.soap_password_sealed)
    named = hmac.compare_digest(incoming.user.encode(), credential.soap_user.encode())
    if incoming.digest is not None:
        return named and incoming.digest.matches(password)
    return named and hmac.compare_digest((incoming.password or "").encode(), password.encode())
