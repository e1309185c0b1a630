"""The police's record by hand: renames, code lists, dates, lists, documents as bytes."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

CATEGORIES = {"public-surveillance": "1", "probation": "2", "parole": "3", "temporary-execution": "4"}
SEXES = {"1", "2"}


def day(text: str) -> str:
    return date.fromisoformat(text).strftime("%Y%m%d")


def coded(value: dict[str, str], known: set[str] | None = None) -> str:
    if known is not None and value["code"] not in known:
        raise ValueError(f"unknown code {value['code']} of {value['system']}")
    return value["code"]


def offence(text: str) -> str:
    return text if text.endswith("罪") else text + "罪"


def police_request(message_id: str, body: dict[str, Any], documents: Path) -> dict[str, Any]:
    """The arguments of `tsRyxx` for one transfer."""
    record = body["record"]
    person, case, correction = record["person"], record["case"], record["correction"]
    return {
        "XXID": message_id,
        "YWDM": "RJCS",
        "FSSJ": datetime.now().strftime("%Y%m%d%H%M%S"),
        "RYXX": {
            "XM": person["name"],
            "XBDM": coded(person["sex"], SEXES),
            "CSRQ": day(person["birth_date"]),
            "GMSFHM": person["id_number"],
            "MZDM": coded(person["ethnic_group"]),
            "HJDXZQHDM": person["household"]["place"][:6],
            "XZZXZQHDM": person["residence"]["place"][:6],
            "XZZXZ": person["residence"]["text"],
        },
        "JZXX": {
            "JZLBDM": CATEGORIES[correction["category"]],
            "PJJGDM": case["deciding_agency"].partition(".")[2][:6],
            "PJWSH": case["number"],
            "ZMDM": [offence(text) for text in record["sentence"]["offences"]],
            "JZKSRQ": day(correction["from"]),
            "JZJSRQ": day(correction["to"]),
            "JZJGDM": correction["execution_place"][:6],
        },
        "FJ": [
            {"mc": f"{named['title']}.pdf", "_value_1": (documents / named["sha256"]).read_bytes()}
            for named in body.get("documents", ())
        ],
    }
