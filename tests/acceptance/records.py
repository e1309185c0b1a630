"""Records as the legacy systems write them, made from the samples with other persons and numbers."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from demo.story import prison_record as sample_prison_record

PDF = "JVBERi0xLjQKJcfsj6IK"
ZHOU, MA = "周㴔", "马丽娜·阿不都"

_numbers = itertools.count(int.from_bytes(os.urandom(2)) % 500 + 1)


def unique() -> int:
    """A number that this run of tests has not used."""
    return next(_numbers)


def id_number(place: str = "370826", born: str = "19850917", sex: int = 1) -> str:
    """A resident ID number nobody else has here, with its check digit (GB 11643, ISO 7064 MOD 11-2)."""
    first = f"{place}{born}{(unique() * 2 + sex) % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first, weights, strict=True)) % 11]


def wrong_check_digit(number: str) -> str:
    return number[:-1] + ("1" if number[-1] != "1" else "2")


@dataclass(frozen=True)
class Defendant:
    name: str = "孙某甲"
    number: str | None = field(default_factory=id_number)
    sex: str = "男"
    place: str = "370826108"
    address: str = "山东省济宁市微山县马坡镇"
    probation: str = "4"
    more: str = ""

    def xml(self) -> str:
        identity = f"<IdType>居民身份证</IdType><IdNumber>{self.number}</IdNumber>" if self.number else ""
        born = f"{self.number[6:10]}-{self.number[10:12]}-{self.number[12:14]}" if self.number else "1985-09-17"
        return (
            f"<Defendant><Name>{escape(self.name)}</Name><Sex>{self.sex}</Sex>{identity}<BirthDate>{born}</BirthDate>"
            f'<Nation>汉族</Nation><Domicile code="{self.place[:6]}">{self.address}</Domicile>'
            f'<Residence code="{self.place}">{self.address}</Residence><Penalties><Penalty><Crime>危险驾驶罪</Crime><Kind>拘役</Kind>'
            f"<TermMonths>2</TermMonths><ProbationMonths>{self.probation}</ProbationMonths><Fine>5000.00</Fine></Penalty></Penalties>{self.more}</Defendant>"
        )


def jinxiang(name: str = MA, number: str | None = None) -> Defendant:
    """A defendant whose execution place is the neighbouring county."""
    return Defendant(name, number or id_number("370828", "19901130", 0), "女", "370828", "山东省济宁市金乡县", "36")


def case_number() -> str:
    return f"（2021）鲁0826刑初{unique()}号"


def notice(
    defendants: Sequence[Defendant],
    *,
    key: str | None = None,
    case: str | None = None,
    effective: str | None = "2021-03-12T00:00:00",
    kind: str = "Documents",
    documents: Sequence[tuple[str, str, str]] = (("刑事判决书", "判决书", PDF),),
    more: str = "",
) -> str:
    """`SubmitExecution` as the court's system writes it into its body."""
    date = f"<EffectiveDate>{effective}</EffectiveDate>" if effective else '<EffectiveDate xsi:nil="true"/>'
    papers = "".join(
        f"<Document><Title>{title}</Title><Kind>{sort}</Kind><Content>{content}</Content></Document>"
        for title, sort, content in documents
    )
    return (
        f'<SubmitExecution xmlns="http://tempuri.org/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><execution>'
        f"<NoticeId>{key or f'N-{unique()}'}</NoticeId><NoticeType>{kind}</NoticeType><CourtCode>370826</CourtCode>"
        f"<CaseNumber>{case or case_number()}</CaseNumber><JudgmentDate>2021-03-01T09:30:00</JudgmentDate>{date}"
        f"<Defendants>{''.join(one.xml() for one in defendants)}</Defendants><Documents>{papers}</Documents>{more}</execution></SubmitExecution>"
    )


def envelope(body: str, user: str, password: str) -> str:
    """A SOAP 1.1 envelope of the court, credentials in its header."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>'
        f'<AuthHeader xmlns="http://tempuri.org/"><UserName>{user}</UserName><Password>{password}</Password></AuthHeader></soap:Header>'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    )


def handover(*, key: str | None = None, number: str | None = None, name: str = ZHOU, **fields: str) -> str:
    """A prison's record of a parolee (`JSJZ`), declaration and all. `fields`: other values of its elements, by tag."""
    values = {
        "LSH": key or f"JNJY{unique():08d}",
        "GMSFHM": number or id_number(born="19790214"),
        "XM": name,
        "JSCDS": f"(2012)济刑执字第{unique()}号",
        **fields,
    }
    values.setdefault("CSRQ", values["GMSFHM"][6:14] if len(values["GMSFHM"]) == 18 else "19790214")
    text = sample_prison_record()
    for tag, value in values.items():
        text, found = re.subn(rf"<{tag}>[^<]*</{tag}>", lambda _, tag=tag, value=value: f"<{tag}>{value}</{tag}>", text)
        assert found == 1, tag
    return text
