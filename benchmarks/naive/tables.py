"""One table for everything, and the queue. Run as a program it makes both."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import String, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

QUEUE = "naive"

engine = create_engine(os.environ["NAIVE_DATABASE_URL"], pool_size=5)
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "naive_message"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    exchange: Mapped[str] = mapped_column(String(80))
    place: Mapped[str] = mapped_column(String(12))
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(String(20), index=True)
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))
    delivered_at: Mapped[datetime | None]
    answer: Mapped[str | None]


def open_channel() -> BlockingChannel:
    """A channel that waits for a confirm after each publish."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["NAIVE_BROKER_URL"]))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    return channel


if __name__ == "__main__":
    Base.metadata.create_all(engine)
    open_channel().connection.close()
