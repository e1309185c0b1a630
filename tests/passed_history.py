"""A store full of what passed: prison handovers as the prison sent them, each read by the dialect in force as it would have been.

Put into the tables in bulk, because a hundred thousand of them taken through the flow would take an hour. Only what a replay
reads is filled in truthfully: raw messages, canonical records, renditions with their context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import insert

from hub.flow.parts import Hub
from hub.store import tables as t
from hub.translation import Context

PRISON, BUREAU = "prison.370800", "bureau.370826"
AT = datetime(2021, 3, 15, 1, 20, tzinfo=UTC)
#: Rows that are put in at a time.
BATCH = 2_000

_HANDOVER = """<?xml version="1.0" encoding="UTF-8"?>
<ROOT>
  <HEAD><YWLX>JSJZ</YWLX><FSDW>370800-JNJY</FSDW><JSDW>370826-SFJ</JSDW><FSSJ>20120703091500</FSSJ><LSH>JNJY{n:012d}</LSH></HEAD>
  <ZFXX>
    <ZFBH>{n:010d}</ZFBH><XM>{name}</XM><CYM>{former}</CYM><XBDM>1</XBDM><CSRQ>19790214</CSRQ><GMSFHM>37082619790214041X</GMSFHM>
    <MZDM>01</MZDM><WHCD>{education}</WHCD><HYZK>20</HYZK>
    <HJD>370826</HJD><HJDXZ>山东省微山县马坡镇</HJDXZ><JZD>370826</JZD><JZDXZ>山东省微山县马坡镇某村{n}号</JZDXZ>
    <ZM>盗窃;故意伤害</ZM><YPXQ>050600</YPXQ><XQQR>20080104</XQQR><XQZR>20130703</XQZR>
    <JSCDS>(2012)济刑执字第{n}号</JSCDS><JSRQ>20120702</JSRQ><JSKYQQ>20120703</JSKYQQ><JSKYQZ>20130703</JSKYQZ>
    <SFCRB>{infectious}</SFCRB><BZ>{remarks}</BZ>
  </ZFXX>
</ROOT>"""


def handover(n: int, **told: Any) -> bytes:
    """A parole handover as the prison writes it; `told` replaces what a test is about."""
    fields = {"name": "周某", "former": "", "education": "70", "infectious": "0", "remarks": "", **told}
    return _HANDOVER.format(n=n, **fields).encode()


def fill(hub: Hub, number: int, told: Callable[[int], dict[str, Any]] = lambda n: {}) -> None:
    """Keep `number` handovers with the transfer of each. `told(n)`: what is particular about the n-th, from 0."""
    dialect = hub.dialects["prison"]
    like: dict[tuple[Any, ...], dict[str, Any]] = {}
    with hub.database.begin() as db:
        case = hub.ids.new("cas")
        db.execute(insert(t.case), {"id": case, "number": None, "created_at": AT})
        for batch in _batches(range(number)):
            submissions, transfers = [], []
            for n in batch:
                particular = told(n)
                raw = handover(n, **particular)
                key = tuple(sorted(particular.items()))
                if key not in like:
                    item = dialect.read(None, {}, raw, PRISON).items[0]
                    like[key] = item.record or {}
                submissions.append(_submission(f"sub_{n:026d}", raw, n))
                transfers.append(_transfer(f"trf_{n:026d}", f"sub_{n:026d}", case, like[key], dialect))
            db.execute(insert(t.submission), submissions)
            db.execute(insert(t.transfer), transfers)


def send(hub: Hub, recipient: str, dialect_name: str, transfers: Iterable[int]) -> None:
    """Keep what one recipient was sent of some of the handovers."""
    dialect = hub.dialects[dialect_name]
    with hub.database.begin() as db:
        for batch in _batches(transfers):
            deliveries, renditions = [], []
            for n in batch:
                delivery = f"dlv_{n:026d}"
                record = dialect_record(hub, n)
                context = Context(f"{delivery}-1", AT, PRISON, recipient, hub.agencies, AT)
                written = dialect.write("admission.parole-handover", record, context)
                deliveries.append(_delivery(delivery, f"trf_{n:026d}", recipient, f"ren_{n:026d}"))
                renditions.append(
                    {
                        "id": f"ren_{n:026d}",
                        "delivery_id": delivery,
                        "number": 1,
                        "message_id": f"{delivery}-1",
                        "transport": "soap",
                        "dialect": dialect_name,
                        "mapping": dialect.version("admission.parole-handover"),
                        "payload": written.payload,
                        "media_type": written.media_type,
                        "facts": dict(written.facts),
                        "frozen_at": AT,
                    }
                )
            db.execute(insert(t.delivery), deliveries)
            db.execute(insert(t.rendition), renditions)


def dialect_record(hub: Hub, n: int) -> dict[str, Any]:
    with hub.store.read() as unit:
        transfer = unit.transfer(f"trf_{n:026d}")
    assert transfer is not None
    return {**transfer.record, "documents": []}


def refuse(hub: Hub, n: int, raw: bytes) -> str:
    """Keep a message that was refused; its id."""
    with hub.database.begin() as db:
        made = f"sub_{n:026d}"
        db.execute(insert(t.submission), {**_submission(made, raw, n), "status": "refused", "key": None})
    return made


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    left = iter(numbers)
    while batch := list(islice(left, BATCH)):
        yield batch


def _submission(made: str, raw: bytes, n: int) -> dict[str, Any]:
    return {
        "id": made,
        "agency": PRISON,
        "key": f"JNJY{n:012d}",
        "tried_key": f"JNJY{n:012d}",
        "fingerprint": "0" * 64,
        "channel": "http",
        "dialect": "prison",
        "operation": None,
        "media_type": "application/xml",
        "raw": raw,
        "raw_size": len(raw),
        "status": "accepted",
        "faults": [],
        "answer": {},
        "received_at": AT,
        "recorded_at": AT,
    }


def _transfer(made: str, submission: str, case: str, record: dict[str, Any], dialect: Any) -> dict[str, Any]:
    return {
        "id": made,
        "submission_id": submission,
        "ordinal": 0,
        "exchange": "admission.parole-handover",
        "sender": PRISON,
        "origin": None,
        "case_id": case,
        "person_id": None,
        "record": record,
        "faults": [],
        "parked": False,
        "status": "delivered",
        "mapping": dialect.version("admission.parole-handover"),
        "label": "周某",
        "in_reply_to": None,
        "message_key": submission,
        "accepted_at": AT,
    }


def _delivery(made: str, transfer: str, recipient: str, rendition: str) -> dict[str, Any]:
    return {
        "id": made,
        "transfer_id": transfer,
        "recipient": recipient,
        "role": "to",
        "case_id": f"cas_{made}",
        "status": "delivered",
        "release": 1,
        "due_at": AT,
        "attempts": 1,
        "rendition_id": rendition,
        "delivered_at": AT,
    }
