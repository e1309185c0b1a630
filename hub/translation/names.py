"""Names of persons as agencies write them: the middle dot of many kinds, spaces that mean nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

#: The dot of canonical names, U+00B7 (as in GB/T 15834 and on identity cards).
DOT = "·"
#: What systems write for it.
DOTS = "·•‧∙⋅●・･．"
_HAN = r"㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff〇"
_DOTTED = re.compile(rf"\s*[{DOTS}]\s*")
#: A full stop is a dot only between Chinese characters: J. Smith has one of his own.
_STOPPED = re.compile(rf"(?<=[{_HAN}])\s*\.\s*(?=[{_HAN}])")
_SPACED = re.compile(rf"(?<=[{_HAN}{DOT}])\s+(?=[{_HAN}{DOT}])")


def normal(text: str) -> str:
    """A name as records hold it: one kind of dot, no space between Chinese characters, single ones elsewhere."""
    text = unicodedata.normalize("NFC", text)
    text = _STOPPED.sub(DOT, _DOTTED.sub(DOT, text))
    return " ".join(_SPACED.sub("", text).split()).strip(DOT)


def writer(dot: str) -> Callable[[str], str]:
    """A name with the dot that a system wants."""
    return lambda text: normal(text).replace(DOT, dot)
