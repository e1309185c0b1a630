"""Checks of single values that no schema can make: check digits, days that exist, terms, place codes."""

from __future__ import annotations

import re
from datetime import datetime

#: GB 11643: weights of the first 17 digits and the check characters by the sum's remainder (ISO 7064 MOD 11-2).
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"

#: GB/T 3304: 01 to 56, and 97 (other), 98 (naturalised foreigner).
ETHNIC_GROUPS = frozenset({f"{number:02d}" for number in range(1, 57)} | {"97", "98"})
#: GB/T 2261.1: 0 unknown, 1 male, 2 female, 9 not stated.
SEXES = frozenset("0129")

_TERM = re.compile(r"(?=.)(?:[1-9]\d*年)?(?:[1-9]\d*月)?(?:[1-9]\d*日)?")


def is_id_number(text: str) -> bool:
    """A resident's 18-character number with a birth date that exists and the right check character."""
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", text) or not is_date(text[6:14]):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text, WEIGHTS, strict=False))
    return CHECK_CHARACTERS[total % 11] == text[17]


def is_date(text: str) -> bool:
    """`yyyyMMdd`, and the day exists."""
    return bool(re.fullmatch(r"\d{8}", text)) and _exists(text, "%Y%m%d")


def is_time(text: str) -> bool:
    """`yyyyMMddHHmmss`, and the moment exists."""
    return bool(re.fullmatch(r"\d{14}", text)) and _exists(text, "%Y%m%d%H%M%S")


def is_iso_date(text: str) -> bool:
    """`yyyy-MM-dd`, and the day exists."""
    return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)) and _exists(text, "%Y-%m-%d")


def is_short_term(text: str) -> bool:
    """`YYMMDD`, years, months and days of two digits each, not all zero."""
    return bool(re.fullmatch(r"\d{6}", text)) and text != "000000"


def is_chinese_term(text: str) -> bool:
    """`N年N月N日` without zero parts, at least one part."""
    return bool(_TERM.fullmatch(text))


def is_place(text: str) -> bool:
    """A place code of exactly six digits."""
    return bool(re.fullmatch(r"[1-9]\d{5}", text))


def _exists(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
