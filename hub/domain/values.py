"""Values that check themselves: ID numbers, case numbers, place codes, terms.

Each is made by `parse`, which raises `NotValid` with the rule that was broken and a sentence in both languages that says
what would be right. What a dialect does to write them its own way is not here but in its mapping.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECK_CHARACTERS = "10X98765432"

#: GB/T 2260: the first two digits of every place code (provinces, autonomous regions, municipalities, 71/81/82/83).
PROVINCES = frozenset(
    str(code)
    for code in (
        *range(11, 16),
        *range(21, 24),
        *range(31, 38),
        *range(41, 47),
        *range(50, 55),
        *range(61, 66),
        71,
        81,
        82,
        83,
    )
)


class NotValid(ValueError):
    """A value breaks a rule. `rule` is the fault's stable id; `zh`/`en` say what is wrong and what would be right."""

    def __init__(self, rule: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.rule, self.zh, self.en = rule, zh, en


# ---------------------------------------------------------------- ID numbers
def id_check_character(first_17: str) -> str:
    """The 18th character of a GB 11643 number (ISO 7064 MOD 11-2)."""
    return ID_CHECK_CHARACTERS[sum(int(d) * w for d, w in zip(first_17, ID_WEIGHTS, strict=True)) % 11]


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A resident's number (公民身份号码, GB 11643), as written: 18 characters, or the 15 digits of before 1999."""

    text: str

    @classmethod
    def parse(cls, text: str) -> IdNumber:
        """Full-width characters and a small x are taken for what they mean. Raises `NotValid`."""
        plain = unicodedata.normalize("NFKC", text).strip().upper()
        if not re.fullmatch(r"[0-9]{17}[0-9X]|[0-9]{15}", plain):
            raise NotValid(
                "id-number.malformed",
                "证件号码应为18位（17位数字加校验码）或旧15位数字",
                "an ID number has 18 characters (17 digits and the check character), or 15 digits in the old form",
            )
        found = cls(plain)
        if plain[:2] not in PROVINCES:
            raise NotValid(
                "id-number.place", f"证件号码前两位{plain[:2]}不是省级区划代码", f"no province has the code {plain[:2]}"
            )
        year, month, day = int(found.as_18[6:10]), int(found.as_18[10:12]), int(found.as_18[12:14])
        if not (1800 <= year <= 2999 and 1 <= month <= 12 and 1 <= day <= _days_in(year, month)):
            raise NotValid(
                "id-number.birth-date",
                f"证件号码中的出生日期{found.as_18[6:14]}不存在",
                f"the birth date {found.as_18[6:14]} in the ID number does not exist",
            )
        if len(plain) == 18 and plain[17] != id_check_character(plain[:17]):
            right = id_check_character(plain[:17])
            raise NotValid(
                "id-number.check-digit",
                f"证件号码校验码不符：最后一位应为{right}（GB 11643）",
                f"the check character does not fit: it would be {right} (GB 11643)",
            )
        return found

    @property
    def as_18(self) -> str:
        """The 18-character form; for a 15-digit number the derived one (century 19)."""
        if len(self.text) == 18:
            return self.text
        first_17 = f"{self.text[:6]}19{self.text[6:]}"
        return first_17 + id_check_character(first_17)

    @property
    def birth_date(self) -> date:
        return date(int(self.as_18[6:10]), int(self.as_18[10:12]), int(self.as_18[12:14]))

    @property
    def sex(self) -> str:
        """GB/T 2261.1: 1 male, 2 female, from the 17th digit."""
        return "1" if int(self.as_18[16]) % 2 else "2"


# ---------------------------------------------------------------- case numbers
_CASE_NUMBER = re.compile(r"\((?P<year>[0-9]{4})\)(?P<rest>[^()]*\S[^()]*)")
#: What NFKC leaves as it is and what clerks also use for the brackets of the year.
_BRACKETS = str.maketrans({"〔": "(", "〕": ")", "[": "(", "]": ")", "【": "(", "】": ")"})


@dataclass(frozen=True, slots=True)
class CaseNumber:
    """A case number (案号), e.g. (2021)鲁0826刑初57号: `text` is the normal form by which cases are compared."""

    text: str
    as_written: str

    @classmethod
    def parse(cls, text: str) -> CaseNumber:
        """Full-width brackets, digits and letters become half-width, spaces go. Raises `NotValid` without a year in brackets."""
        normal = "".join(unicodedata.normalize("NFKC", text).translate(_BRACKETS).split())
        match = _CASE_NUMBER.fullmatch(normal)
        if not match or not 1949 <= int(match["year"]) <= 2999:
            raise NotValid(
                "case-number.malformed",
                "案号应以括号中的四位年份开头，如（2021）鲁0826刑初57号",
                "a case number begins with its year in brackets, such as (2021)鲁0826刑初57号",
            )
        return cls(normal, text.strip())

    @property
    def year(self) -> int:
        return int(self.text[1:5])

    @property
    def mark(self) -> str:
        """What follows the year: the court's mark, the kind of case, the serial number."""
        return self.text[6:]


# ---------------------------------------------------------------- places
@dataclass(frozen=True, slots=True)
class PlaceCode:
    """A place: six digits (GB/T 2260), or the statistics bureau's nine (township) or twelve (village)."""

    text: str

    @classmethod
    def parse(cls, text: str) -> PlaceCode:
        plain = unicodedata.normalize("NFKC", text).strip()
        if not re.fullmatch(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?", plain) or plain[:2] not in PROVINCES:
            raise NotValid(
                "place.malformed",
                "区划代码应为6位（县级）、9位（乡镇）或12位（村）数字，如370826",
                "a place code has 6 (county), 9 (township) or 12 (village) digits, such as 370826",
            )
        return cls(plain)

    @property
    def county(self) -> str:
        return self.text[:6]

    @property
    def township(self) -> str | None:
        """The three digits of the township within its county; None where the code is coarser."""
        return self.text[6:9] or None


# ---------------------------------------------------------------- terms
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _days_in(year: int, month: int) -> int:
    return 29 if month == 2 and calendar.isleap(year) else _DAYS[month - 1]


@dataclass(frozen=True, slots=True)
class Term:
    """A length of time as the law counts it: whole years and months by the calendar, then days."""

    years: int = 0
    months: int = 0
    days: int = 0

    @classmethod
    def of(cls, parts: dict[str, int]) -> Term:
        """From the canonical form `{years, months, days}`, in which left-out parts are zero."""
        return cls(parts.get("years", 0), parts.get("months", 0), parts.get("days", 0))

    @classmethod
    def parse_yymmdd(cls, text: str) -> Term:
        """`050600` is five years and six months. Raises `NotValid`."""
        if not re.fullmatch(r"[0-9]{6}", text):
            raise NotValid(
                "term.malformed",
                "期限应为6位数字YYMMDD（年、月、日各两位），如050600表示5年6个月",
                "a term has six digits YYMMDD (years, months, days), such as 050600 for 5 years 6 months",
            )
        return cls(int(text[:2]), int(text[2:4]), int(text[4:]))

    @classmethod
    def parse_chinese(cls, text: str) -> Term:
        """`5年6月`, also `5年零6个月`. Raises `NotValid`."""
        plain = unicodedata.normalize("NFKC", text).replace("零", "").replace("个月", "月").replace("天", "日")
        match = re.fullmatch(r"(?=.)(?:([0-9]+)年)?(?:([0-9]+)月)?(?:([0-9]+)日)?", "".join(plain.split()))
        if not match:
            raise NotValid(
                "term.malformed", "期限应写作N年N月N日，如5年6月", "a term is written N年N月N日, such as 5年6月"
            )
        return cls(*(int(part or 0) for part in match.groups()))

    @classmethod
    def parse_months(cls, text: str) -> Term:
        """Whole months as a number. Raises `NotValid`."""
        if not re.fullmatch(r"\+?[0-9]{1,4}", text):
            raise NotValid(
                "term.malformed", "期限应为月数（非负整数），如30", "a term is a whole number of months, such as 30"
            )
        return cls(months=int(text))

    @classmethod
    def between(cls, first: date, last: date) -> Term:
        """The term whose first and last day these are. Raises `NotValid` where the last lies before the first."""
        if last < first:
            raise NotValid("term.reversed", "截止日期早于起始日期", "the last day lies before the first")
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        while months and cls(months=months).last_day(first) > last:
            months -= 1
        begun = cls(months=months).last_day(first) if months else first - timedelta(days=1)
        return cls(months // 12, months % 12, (last - begun).days)

    def last_day(self, first: date) -> date:
        """The day before the term is over, when it begins on `first`: 4 months from 2021-03-12 end on 2021-07-11.

        Where the month in which it ends has no such day, the term ends with the last day of that month.
        """
        months = first.year * 12 + first.month - 1 + self.years * 12 + self.months
        year, month = divmod(months, 12)
        length = _days_in(year, month + 1)
        if first.day > length:
            return date(year, month + 1, length) + timedelta(days=self.days)
        return date(year, month + 1, first.day) + timedelta(days=self.days - 1)

    def parts(self) -> dict[str, int]:
        """The canonical form, without parts that are zero."""
        named = {"years": self.years, "months": self.months, "days": self.days}
        return {name: number for name, number in named.items() if number}

    def yymmdd(self) -> str:
        """Raises `NotValid` where a part has more than two digits even after whole years are made of months."""
        years, months = self.years, self.months
        if months > 99:
            years, months = years + months // 12, months % 12
        if years > 99 or self.days > 99:
            raise NotValid("term.too-long", "期限超出YYMMDD可表示的范围", "the term does not fit into YYMMDD")
        return f"{years:02d}{months:02d}{self.days:02d}"

    def chinese(self) -> str:
        """`2年6月`: whole years are made of months; parts that are zero are left out."""
        months = self.years * 12 + self.months
        parts = ((months // 12, "年"), (months % 12, "月"), (self.days, "日"))
        return "".join(f"{number}{unit}" for number, unit in parts if number)

    def in_months(self) -> int:
        """Raises `NotValid` where days are left over."""
        if self.days:
            raise NotValid(
                "term.days", "期限含有日数，不能只用月数表示", "the term has days and cannot be told in whole months"
            )
        return self.years * 12 + self.months

    def weight(self) -> float:
        """For comparing terms: about how many days it lasts."""
        return self.years * 365.2425 + self.months * 30.436875 + self.days


# ---------------------------------------------------------------- offences
def offence(text: str) -> str:
    """The canonical name of an offence, with 罪: 盗窃 and 盗窃罪 are one."""
    name = text.strip()
    return name if name.endswith("罪") else name + "罪"
