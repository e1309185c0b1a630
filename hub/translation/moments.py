"""Dates and times as agencies write them: digits in any order, Chinese characters, offsets, milliseconds, seconds since 1970.

What a record says without an offset is Chinese business time. A form reads strictly: what does not exist is no date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from hub.domain.values import NotValid

#: Records are written in Chinese business time; a time without offset means this one.
SHANGHAI = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TOKENS = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
    "SSS": r"(?P<millisecond>\d{3})",
    "XXX": r"(?P<offset>Z|[+-]\d{2}:\d{2})",
    "XX": r"(?P<offset>Z|[+-]\d{4})",
}
_WRITES: dict[str, Callable[[datetime], str]] = {
    "yyyy": lambda found: f"{found.year:04d}",
    "MM": lambda found: f"{found.month:02d}",
    "M": lambda found: str(found.month),
    "dd": lambda found: f"{found.day:02d}",
    "d": lambda found: str(found.day),
    "HH": lambda found: f"{found.hour:02d}",
    "H": lambda found: str(found.hour),
    "mm": lambda found: f"{found.minute:02d}",
    "ss": lambda found: f"{found.second:02d}",
    "SSS": lambda found: f"{found.microsecond // 1000:03d}",
    "XXX": lambda found: found.strftime("%z")[:3] + ":" + found.strftime("%z")[3:5],
    "XX": lambda found: found.strftime("%z")[:5],
}
_SPLIT = re.compile("(yyyy|MM|M|dd|d|HH|H|mm|ss|SSS|XXX|XX)")
_XS_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_XS_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:Z|[+-]\d{2}:\d{2})?", re.ASCII)
#: The forms that are no pattern.
NAMED = {"date": ("xs:date", "xs:dateTime", "汉字"), "time": ("xs:date", "xs:dateTime", "epoch", "epoch ms")}

_DIGITS = "〇一二三四五六七八九"
_CHINESE = re.compile(r"([〇○零一二三四五六七八九]{4})年([一二三四五六七八九十]{1,3})月([一二三四五六七八九十]{1,3})日")


def moment(value: Any) -> datetime:
    """The moment that a canonical date or time names, in Chinese time (a date: its first moment)."""
    if not isinstance(value, str):
        raise NotValid("date.malformed", "此处应为日期或时间", "a date or time is wanted here")
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=SHANGHAI) if found.tzinfo is None else found.astimezone(SHANGHAI)
    except (ValueError, OverflowError) as error:
        raise NotValid(
            "date.malformed", f"“{value}”不是ISO 8601日期或时间", f"{value!r} is no ISO 8601 date or time"
        ) from error


def canonical_time(found: datetime) -> str:
    """A moment as records hold it: ISO 8601 with offset, with milliseconds where there are any."""
    return found.isoformat(timespec="milliseconds" if found.microsecond else "seconds")


def split(form: str) -> list[str]:
    """The tokens of a form and what stands between them."""
    return [part for part in _SPLIT.split(form) if part]


def problem(form: str, key: str) -> tuple[str, str] | None:
    """What is wrong with a form, in both languages."""
    if form in NAMED[key]:
        return None
    parts = split(form)
    known = {part.lower()[0] if part in ("M", "MM", "d", "dd") else part for part in parts if part in _TOKENS}
    if not {"yyyy", "m", "d"} <= known or form in ("epoch", "epoch ms", "汉字"):
        named = "、".join(NAMED[key])
        return (
            f"格式“{form}”应含yyyy、MM（或M）、dd（或d），或为{named}之一",
            f"the form {form!r} needs yyyy, MM (or M) and dd (or d), or is one of {named.replace('、', ', ')}",
        )
    fields = re.findall(r"\?P<(\w+)>", "".join(_TOKENS.get(part, "") for part in parts))
    if len(set(fields)) < len(fields):
        return f"格式“{form}”中同一部分出现两次", f"the form {form!r} names the same part twice"
    stray = re.findall(
        "[A-Za-z]", "".join(part for part in parts if part not in _TOKENS).replace("T", "").replace("Z", "")
    )
    if stray:
        return (
            f"格式“{form}”中的“{stray[0]}”不是日期时间的部分：小时写HH（24小时制），分写mm，月写MM",
            f"in the form {form!r}, {stray[0]!r} is no part of a date or time: hours are HH (of 24), minutes mm, months MM",
        )
    if key == "time" and "hour" not in fields:
        return f"时间格式“{form}”没有小时（HH）", f"the form of a time {form!r} has no hour (HH)"
    for before, after in pairwise(parts):
        if before in ("M", "d", "H") and after in _TOKENS:
            return (
                f"格式“{form}”中“{before}”与“{after}”之间须有分隔，否则读不出位数",
                f"in the form {form!r} something must stand between {before!r} and {after!r}, or nobody knows its digits",
            )
    return None


def reader(forms: Sequence[str], rule: str) -> Callable[[str], datetime]:
    """Reads any of several forms strictly."""
    reads = [_reads(form) for form in forms]
    shown = "、".join(forms)

    def read(text: str) -> datetime:
        for one in reads:
            try:
                found = one(text)
            except (ValueError, OverflowError, OSError):
                continue  # falls through to the one sentence that says what is wanted
            if found is not None:
                return found
        raise NotValid(
            rule,
            f"应为格式{shown}且真实存在的日期时间",
            f"a date or time of the form {shown.replace('、', ' or ')} that exists is wanted",
        )

    return read


def _reads(form: str) -> Callable[[str], datetime | None]:
    if form in ("xs:date", "xs:dateTime"):
        return _xs_date if form == "xs:date" else _xs_time
    if form in ("epoch", "epoch ms"):
        unit = 1000 if form == "epoch ms" else 1
        return lambda text: _since_1970(text, unit)
    if form == "汉字":
        return _chinese
    pattern = re.compile("".join(_TOKENS.get(part) or re.escape(part) for part in _SPLIT.split(form)), re.ASCII)

    def read(text: str) -> datetime | None:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        said = match.groupdict()
        offset, thousandths = said.pop("offset", None), said.pop("millisecond", None)
        found = datetime(
            **{name: int(digits) for name, digits in said.items()},
            microsecond=int(thousandths or 0) * 1000,
            tzinfo=SHANGHAI if offset is None else datetime.strptime(offset, "%z").tzinfo,
        )
        return found.astimezone(SHANGHAI)

    return read


def _xs_date(text: str) -> datetime | None:
    match = _XS_DATE.fullmatch(text)
    return datetime.fromisoformat(match[1]).replace(tzinfo=SHANGHAI) if match else None


def _xs_time(text: str) -> datetime | None:
    match = _XS_TIME.fullmatch(text)
    if match is None:
        return None
    found = datetime.fromisoformat(f"{match[1]}T{match[2]}{(match[3] or '').replace('Z', '+00:00')}")
    return found.replace(tzinfo=SHANGHAI) if found.tzinfo is None else found.astimezone(SHANGHAI)


def _since_1970(text: str, unit: int) -> datetime | None:
    if not re.fullmatch(r"-?[0-9]{1,15}", text):
        return None
    seconds, rest = divmod(int(text), unit)
    return datetime.fromtimestamp(seconds, SHANGHAI).replace(microsecond=rest * 1_000_000 // unit)


def _chinese(text: str) -> datetime | None:
    match = _CHINESE.fullmatch(text)
    if match is None:
        return None
    year = int("".join(str(_DIGITS.index(digit)) for digit in re.sub("[○零]", "〇", match[1])))
    return datetime(year, _number(match[2]), _number(match[3]), tzinfo=SHANGHAI)


def _number(text: str) -> int:
    """二十一 → 21. Raises `ValueError`."""
    tens, ten, ones = text.partition("十")
    if not ten:
        tens, ones = "", text
    if len(tens) > 1 or len(ones) > 1:
        raise ValueError(text)
    return (10 * (_DIGITS.index(tens) if tens else 1) if ten else 0) + (_DIGITS.index(ones) if ones else 0)


def _in_chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else _DIGITS[tens] + "十"
    return head + (_DIGITS[ones] if ones else "")


def writer(form: str) -> Callable[[datetime], str]:
    """Writes one form."""
    if form == "epoch":
        return lambda found: str((found - _EPOCH) // timedelta(seconds=1))
    if form == "epoch ms":
        return lambda found: str((found - _EPOCH) // timedelta(milliseconds=1))
    if form == "汉字":
        return lambda found: (
            "".join(_DIGITS[int(digit)] for digit in f"{found.year:04d}")
            + f"年{_in_chinese(found.month)}月{_in_chinese(found.day)}日"
        )
    form = {"xs:date": "yyyy-MM-dd", "xs:dateTime": "yyyy-MM-ddTHH:mm:ss"}.get(form, form)
    parts = split(form)
    return lambda found: "".join(_WRITES[part](found) if part in _WRITES else part for part in parts)
