"""The register's record as a careful programmer writes it for this one contract, and nothing else: what the hub is measured
against. It knows no mapping. It refuses the same values: codes that a list does not have, days that do not exist, ID numbers
whose check character does not fit, texts that XML cannot carry or that are too long, missing fields; it stops at the first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
ID_NUMBER = re.compile("[0-9]{17}[0-9X]")
CASE_NUMBER = re.compile(r"\([0-9]{4}\)[^()]+")
PLACE = re.compile("[1-9][0-9]{5}(?:[0-9]{3}(?:[0-9]{3})?)?")
AGENCY = re.compile(r"[a-z][a-z-]*\.([0-9]{6})")
MONEY = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,2})?")
DIGEST = re.compile("[0-9a-f]{64}")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

SEX, EDUCATION, MARITAL, ETHNIC = "GB/T 2261.1", "GB/T 4658", "GB/T 2261.2", "GB/T 3304"
PENALTIES = frozenset(["管制", "拘役", "有期徒刑", "无期徒刑", "死缓"])
CATEGORIES = {"public-surveillance": "1", "probation": "2", "parole": "3", "temporary-execution": "4"}


class Refused(ValueError):
    """The record cannot be written."""


def line(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > 200:
        raise Refused(value)
    if SPECIAL.search(value):
        if FORBIDDEN.search(value):
            raise Refused(value)
        value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return value


def day(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 10 or value[4] != "-" or value[7] != "-":
        raise Refused(value)
    date.fromisoformat(value)
    return value


def compact(value: Any) -> str:
    return day(value).replace("-", "")


def moment(value: str) -> str:
    return datetime.fromisoformat(value).strftime("%Y%m%d%H%M%S")


def code(value: Any, system: str, table: Mapping[str, str]) -> str:
    """The code as the table has it: the code itself, or its word."""
    if value["system"] != system:
        raise Refused(value)
    return table[value["code"]]


def id_number(value: Any) -> str:
    if not isinstance(value, str) or not ID_NUMBER.fullmatch(value):
        raise Refused(value)
    date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    if "10X98765432"[sum(int(digit) * weight for digit, weight in zip(value, WEIGHTS, strict=False)) % 11] != value[17]:
        raise Refused(value)
    return value


def county(value: Any) -> str:
    if not isinstance(value, str) or not PLACE.fullmatch(value):
        raise Refused(value)
    return value[:6]


def case_number(value: Any) -> str:
    normal = "".join(unicodedata.normalize("NFKC", value).translate({0x3014: "(", 0x3015: ")"}).split())
    if not CASE_NUMBER.fullmatch(normal):
        raise Refused(value)
    return line(normal)


def agency_place(value: Any) -> str:
    found = AGENCY.match(value)
    if not found:
        raise Refused(value)
    return found[1]


def offence(value: Any) -> str:
    name = line(value).strip()
    return name if name.endswith("罪") else name + "罪"


def joined(values: list[Any], each: Callable[[Any], str] = line) -> str:
    parts = [each(value) for value in values]
    if any(";" in part or "；" in part for part in parts):
        raise Refused(values)
    return ";".join(parts)


def parts_of(term: Any) -> tuple[int, int, int]:
    years, months, days = term.get("years", 0), term.get("months", 0), term.get("days", 0)
    for part in (years, months, days):
        if type(part) is not int or not 0 <= part <= 36_600:
            raise Refused(term)
    return years, months, days


def yymmdd(term: Any) -> str:
    years, months, days = parts_of(term)
    if months > 99:
        years, months = years + months // 12, months % 12
    if years > 99 or days > 99:
        raise Refused(term)
    return f"{years:02d}{months:02d}{days:02d}"


def chinese(term: Any) -> str:
    years, months, days = parts_of(term)
    years, months = years + months // 12, months % 12
    return (f"{years}年" if years else "") + (f"{months}月" if months else "") + (f"{days}日" if days else "")


def in_months(term: Any) -> str:
    years, months, days = parts_of(term)
    if days:
        raise Refused(term)
    return str(years * 12 + months)


def money(value: Any) -> str:
    if not isinstance(value, str) or not MONEY.fullmatch(value):
        raise Refused(value)
    return f"{Decimal(value):.2f}"


def document(value: Any) -> str:
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise Refused(value)
    return f"urn:sha256:{value}"


def optional(tag: str, value: Any, write: Callable[[Any], str] = line) -> str:
    return "" if value is None else f"<{tag}>{write(value)}</{tag}>"


def penalty(found: Mapping[str, Any]) -> str:
    if found["kind"] not in PENALTIES:
        raise Refused(found["kind"])
    return (
        f"<Penalty><Offence>{offence(found['offence'])}</Offence><Kind>{found['kind']}</Kind>"
        f"{optional('Term', found.get('term'), yymmdd)}{optional('Probation', found.get('probation'), chinese)}"
        f"{optional('Fine', found.get('fine'), money)}</Penalty>"
    )


def prohibition(found: Mapping[str, Any]) -> str:
    first, last = found.get("from"), found.get("to")
    start = "" if first is None else f' from="{compact(first)}"'
    end = "" if last is None else f' to="{compact(last)}"'
    return f"<Prohibition{start}{end}>{line(found['text'])}</Prohibition>"


def write(record: Mapping[str, Any], context: Mapping[str, str], tables: Mapping[str, Mapping[str, str]]) -> bytes:
    """The record as the register wants it. `tables`: code list → code → what is written for it. Raises where it cannot be."""
    person, case, sentence, correction = record["person"], record["case"], record["sentence"], record["correction"]
    household, residence, effective = person.get("household", {}), person["residence"], case.get("effective_on")
    former, joint, ethnic = person.get("former_names"), case.get("joint_case"), person.get("ethnic_group")
    education, marital = person.get("education"), person.get("marital_status")
    parts = [
        '<Register xmlns="urn:example:registry"><Head>'
        f"<Id>{line(context['message_id'])}</Id><Kind>RJ</Kind><SentAt>{moment(context['sent_at'])}</SentAt>"
        f"<From>{agency_place(context['sender'])}</From></Head>"
        f"<Person><Name>{line(person['name'])}</Name>",
        f"<FormerNames>{joined(former)}</FormerNames>" if former else "",
        f"<Sex>{code(person['sex'], SEX, tables[SEX])}</Sex><BirthDate>{compact(person['birth_date'])}</BirthDate>"
        f"<IdNumber>{id_number(person['id_number'])}</IdNumber>",
        f"<EthnicGroup>{code(ethnic, ETHNIC, tables[ETHNIC])}</EthnicGroup>" if ethnic else "",
        f"<Education>{code(education, EDUCATION, tables[EDUCATION])}</Education>" if education else "",
        f"<Marital>{code(marital, MARITAL, tables[MARITAL])}</Marital>" if marital else "",
        optional("Phone", person.get("phone")),
        optional("HouseholdPlace", household.get("place"), county),
        optional("Household", household.get("text")),
        f"<ResidencePlace>{county(residence['place'])}</ResidencePlace>",
        optional("Residence", residence.get("text")),
        f"</Person><Case><Number>{case_number(case['number'])}</Number>"
        f"<Court>{agency_place(case['deciding_agency'])}</Court>",
        optional("Decision", case.get("document_kind")),
        f"<DecidedOn>{day(case['decided_on'])}</DecidedOn>",
        optional("EffectiveOn", effective, day),
        "" if joint is None else "<Joint>1</Joint>" if joint else "<Joint>0</Joint>",
        f"<Offences>{joined(sentence['offences'], offence)}</Offences>",
        "".join([penalty(one) for one in sentence.get("penalties", ())]),
        "".join([prohibition(one) for one in sentence.get("prohibitions", ())]),
        f"</Case><Correction><Category>{CATEGORIES[correction['category']]}</Category>",
        optional("Term", correction.get("term"), in_months),
        optional("From", correction.get("from"), compact),
        optional("To", correction.get("to"), compact),
        f"<Place>{county(correction['execution_place'])}</Place>",
        optional("ReportBy", correction.get("report_by"), compact),
        "</Correction>",
        "".join(
            [
                f"<Document><Title>{line(one['title'])}</Title><Content>{document(one['sha256'])}</Content></Document>"
                for one in record.get("documents", ())
            ]
        ),
        "</Register>",
    ]
    return "".join(parts).encode()
