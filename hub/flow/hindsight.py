"""What the hub would make today of what came in earlier: for those who look back, nothing is sent or kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.exchanges import pointer_of, value_at
from hub.domain.faults import Fault, NotFound
from hub.domain.routing import Resolver
from hub.domain.stored import PassedMessage
from hub.flow.parts import Hub
from hub.ports import Kept
from hub.translation import Dialect
from hub.translation.codelists import checker


def reopen(hub: Hub, passed: PassedMessage) -> Kept:
    """The record of a message out of the envelope in which it came. Raises `HubError` where that is not possible any more."""
    if passed.channel != "soap":
        return Kept(passed.operation, {}, passed.raw)
    agency = hub.agencies.get(passed.agency)
    if agency is None or agency.speaks is None:
        raise NotFound(
            [
                Fault(
                    "agency.no-contract",
                    "",
                    f"{passed.agency}已没有SOAP契约，无法拆开当时的报文",
                    f"{passed.agency} has no SOAP contract any more, so its message cannot be opened",
                    value=passed.submission,
                )
            ]
        )
    return hub.connectors.service(agency).reopen(passed.raw, passed.media_type)


def judge(
    hub: Hub, dialect: Dialect, exchange_id: str, record: Mapping[str, Any], sender: str, hint: str | None
) -> tuple[tuple[Fault, ...], tuple[str, ...]]:
    """What is wrong with a canonical record that a dialect has read, by its own code lists, and who would receive it."""
    lists = dialect.readers[exchange_id].lists if exchange_id in dialect.readers else {}
    faults = hub.check_shape(exchange_id, record) or checker(lists)(record)
    exchange = hub.catalogue.get(exchange_id)
    if faults or exchange is None:
        return tuple(faults), ()
    resolver = Resolver(hub.catalogue, hub.agencies, record, sender)
    routing = resolver.route(exchange)
    if trouble := resolver.judge(exchange).faults or routing.faults:
        return trouble, ()
    if hint is not None and hint not in routing.to:
        differs = Fault(
            "place.differs",
            pointer_of("message.recipient_hint"),
            f"发送方所填接收单位为{hint}，按执行地应为{'、'.join(routing.to)}",
            f"the sender names {hint}, by the execution place it would be {', '.join(routing.to)}",
            value=value_at(record, "message.recipient_hint"),
        )
        return (differs,), ()
    return (), (*routing.to, *routing.copies)
