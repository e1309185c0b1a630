"""Which of the two languages a reader gets, and times as both read them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from werkzeug.datastructures import LanguageAccept

LANGUAGES = ("zh", "en")
COOKIE = "hub_language"
COOKIE_DAYS = 365
LOCAL = ZoneInfo("Asia/Shanghai")
#: For the `lang` attribute (BCP 47).
TAGS = {"zh": "zh-CN", "en": "en"}


def chosen(asked: str | None, kept: str | None, accepted: LanguageAccept) -> str:
    """The switch, else what was chosen before, else what the browser asks for, else Chinese."""
    for wish in (asked, kept):
        if wish in LANGUAGES:
            return wish
    return accepted.best_match(LANGUAGES, default="zh") or "zh"


def at(time: str | datetime | None) -> str:
    """`2021-03-15 09:20` in Asia/Shanghai, or a dash."""
    if not time:
        return "—"
    found = datetime.fromisoformat(time) if isinstance(time, str) else time
    return found.astimezone(LOCAL).strftime("%Y-%m-%d %H:%M")
