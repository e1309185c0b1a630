"""The door: check, insert, commit, publish, answer. `gunicorn -w 4 benchmarks.naive.web:app`."""

from __future__ import annotations

import hmac
import json
import os

import pika
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from benchmarks.naive.record import REQUEST
from benchmarks.naive.tables import QUEUE, Message, Session, open_channel

app = Flask(__name__)
PERSISTENT = pika.BasicProperties(delivery_mode=2)
_channels: list[BlockingChannel] = []


def channel() -> BlockingChannel:
    """This worker's channel, opened with its first message and again after a loss."""
    if not _channels or _channels[-1].is_closed:
        _channels[:] = [open_channel()]
    return _channels[-1]


@app.get("/health")
def health() -> ResponseReturnValue:
    return jsonify(status="ready")


@app.post("/transfers")
def create_transfer() -> ResponseReturnValue:
    if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {os.environ['NAIVE_API_KEY']}"):
        return jsonify(detail="unknown caller"), 401
    body = request.get_json()
    try:
        REQUEST.load(body)
    except ValidationError as error:
        return jsonify(errors=error.messages), 422
    key = request.headers["Idempotency-Key"]
    with Session() as session:
        message = Message(
            key=key,
            exchange=body["exchange"],
            place=body["record"]["correction"]["execution_place"],
            body=body,
            status="received",
        )
        session.add(message)
        try:
            session.commit()
        except IntegrityError:
            session.rollback()
            first = session.scalar(select(Message.id).where(Message.key == key))
            return jsonify(id=first, duplicate=True), 202
        number = message.id
    channel().basic_publish("", QUEUE, json.dumps({"id": number}), PERSISTENT)
    return jsonify(id=number), 202
