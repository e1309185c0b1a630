"""The measured record: a court serves the documents of one person's probation (法律文书送达); 2 KB, 40 fields, three offences.

Every record is another person's and another case's, because order is kept within a case: records of one case would
measure waiting, not work. Nothing here knows who is measured.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

EXCHANGE = "admission.documents"
#: Who sends: a court whose county is no recipient's county, so that no copies are owed and one recipient is one delivery.
SENDER = "court.370826"
#: The execution place decides who receives the record: the bureau of one county is reached by REST, the other's by SOAP.
PLACES = {"rest": "370828", "soap": "370829"}

#: Two documents of 1 KB, handed over once; every record names them by their content.
DOCUMENTS = tuple(
    (title, kind, b"%PDF-1.4\n" + (title.encode() * 60)[:1015])
    for title, kind in (("刑事判决书", "判决书"), ("执行通知书", "执行通知书"))
)

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_FIRST_BIRTHDAY = date(1960, 1, 1)
_DAYS = 14_000


@dataclass(frozen=True, slots=True)
class Handover:
    """One request: its idempotency key and its body."""

    key: str
    body: bytes


def record(number: int, place: str) -> dict[str, Any]:
    """The canonical record of person `number` (from 0 to 13,999,999), to be executed at `place`."""
    born = _FIRST_BIRTHDAY + timedelta(days=number % _DAYS)
    digits = f"370826{born:%Y%m%d}{number // _DAYS:03d}"
    check = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11]
    return {
        "message": {
            "remarks": "现将生效法律文书及执行通知书一并送达，请依法办理接收手续，并将回执寄回本院刑事审判庭。"
        },
        "person": {
            "name": "马丽娜·阿不都",
            "sex": {"system": "GB/T 2261.1", "code": "2"},
            "birth_date": born.isoformat(),
            "id_number": digits + check,
            "ethnic_group": {"system": "GB/T 3304", "code": "05"},
            "education": {"system": "GB/T 4658", "code": "70"},
            "marital_status": {"system": "GB/T 2261.2", "code": "20"},
            "phone": "0537-8221100",
            "household": {"place": "370826", "text": "山东省济宁市微山县夏镇街道奎文路26号"},
            "residence": {"place": place, "text": "山东省济宁市某县某镇某村一组12号，父母住处，电话0537-8221101"},
        },
        "case": {
            "number": f"(2021)鲁0826刑初{number}号",
            "deciding_agency": SENDER,
            "deciding_agency_kind": "court",
            "document_kind": "判决书",
            "decided_on": "2021-03-01",
            "effective_on": "2021-03-12",
            "execution_notice_number": f"(2021)鲁0826刑执字第{number}号",
            "joint_case": False,
        },
        "sentence": {
            "offences": ["盗窃罪", "危险驾驶罪", "掩饰、隐瞒犯罪所得罪"],
            "penalties": [
                {
                    "offence": offence,
                    "kind": "拘役",
                    "term": {"months": months},
                    "probation": {"months": 2 * months},
                    "fine": fine,
                }
                for offence, months, fine in (
                    ("盗窃罪", 3, "3000.00"),
                    ("危险驾驶罪", 2, "5000.00"),
                    ("掩饰、隐瞒犯罪所得罪", 4, "12500.50"),
                )
            ],
            "prohibitions": [{"text": "禁止在缓刑考验期内从事道路运输", "from": "2021-03-12", "to": "2021-11-11"}],
        },
        "correction": {
            "category": "probation",
            "term": {"months": 8},
            "from": "2021-03-12",
            "to": "2021-11-11",
            "execution_place": place,
            "report_by": "2021-03-22",
        },
    }


def body(number: int, place: str) -> dict[str, Any]:
    """What `POST /v1/transfers` takes."""
    documents = [
        {"sha256": hashlib.sha256(content).hexdigest(), "title": title, "kind": kind}
        for title, kind, content in DOCUMENTS
    ]
    return {"exchange": EXCHANGE, "record": record(number, place), "documents": documents}


class Stream:
    """Handovers without end, each of another person. One stream serves a whole run, so that no person comes twice."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def to(self, route: str) -> Iterator[Handover]:
        for number in self._numbers:
            told = json.dumps(body(number, PLACES[route]), ensure_ascii=False, separators=(",", ":"))
            yield Handover(str(uuid.uuid4()), told.encode())


def size() -> tuple[int, int]:
    """Bytes and distinct fields of a request, for the report."""
    found = body(12_345, PLACES["rest"])
    return len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()), len(_fields(found))


def _fields(value: Any, path: str = "") -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*(_fields(inner, f"{path}/{key}") for key, inner in value.items()))
    return set().union(*(_fields(inner, path) for inner in value)) if isinstance(value, list) else {path}
