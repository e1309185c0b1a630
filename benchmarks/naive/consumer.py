"""The worker: take one message, read its row, call the recipient, write the outcome, acknowledge."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import zeep
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties
from standardwebhooks.webhooks import Webhook
from zeep.wsse.username import UsernameToken

from benchmarks.naive.police import police_request
from benchmarks.naive.tables import QUEUE, Message, Session, open_channel

WSDL = Path(__file__).resolve().parents[2] / "mappings/dialects/police/PoliceExchange.wsdl"
BINDING = "{urn:ga:jzxt:v2}PoliceExchangeSoap"

Deliver = Callable[[Message], str]


def by_webhook(url: str) -> Deliver:
    """POST the record as signed JSON (Standard Webhooks)."""
    webhook = Webhook(os.environ["NAIVE_WEBHOOK_SECRET"])

    def deliver(message: Message) -> str:
        now = datetime.now(UTC)
        body = json.dumps(
            {"type": "delivery.created", "timestamp": now.isoformat(), "data": message.body}, ensure_ascii=False
        )
        name = f"naive-{message.id}"
        headers = {
            "Content-Type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": webhook.sign(name, now, body),
        }
        answer = requests.post(url, data=body.encode(), headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.text

    return deliver


def by_soap(url: str) -> Deliver:
    """Call the police's operation by zeep with a UsernameToken digest."""
    token = UsernameToken(os.environ["NAIVE_SOAP_USER"], os.environ["NAIVE_SOAP_PASSWORD"], use_digest=True)
    service = zeep.Client(str(WSDL), wsse=token).create_service(BINDING, url)
    documents = Path(os.environ["NAIVE_DOCUMENTS"])

    def deliver(message: Message) -> str:
        answer = service.tsRyxx(**police_request(f"naive-{message.id}", message.body, documents))
        return str(answer.SLBH)

    return deliver


def recipients() -> dict[str, Deliver]:
    """Who is reached how, by place."""
    ways: dict[str, Callable[[str], Deliver]] = {"rest": by_webhook, "soap": by_soap}
    told: dict[str, dict[str, str]] = json.loads(os.environ["NAIVE_RECIPIENTS"])
    return {place: ways[way["kind"]](way["url"]) for place, way in told.items()}


def main() -> None:
    """Consume until stopped. Any trouble ends the process; what it held is delivered again to the next one."""
    to = recipients()

    def work(channel: BlockingChannel, method: Basic.Deliver, _properties: BasicProperties, body: bytes) -> None:
        note: dict[str, Any] = json.loads(body)
        with Session() as session:
            message = session.get_one(Message, note["id"])
            if message.status != "delivered":
                message.answer = to[message.place](message)
                message.status = "delivered"
                message.delivered_at = datetime.now(UTC).replace(tzinfo=None)
                session.commit()
        channel.basic_ack(method.delivery_tag)

    channel = open_channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(QUEUE, work)
    channel.start_consuming()


if __name__ == "__main__":
    main()
