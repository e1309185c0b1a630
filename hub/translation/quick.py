"""Values that are plainly right, written at once. What a line's codec does with care for every mistake is done here for the
usual value only; for anything else an encoder here answers None, and the codec itself is asked.

An encoder is made only for a line whose every key it knows, so that a key which changes what a codec does switches the
short cut off instead of being overlooked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from operator import mul
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.values import ID_CHECK_CHARACTERS, ID_WEIGHTS, PROVINCES, NotValid
from hub.translation.codecs import CODECS, Codec
from hub.translation.codelists import CodeList
from hub.translation.formats.xml import ODD_IN_ATTRIBUTE
from hub.translation.moments import split

#: The text of a value that is plainly right; None for every other. It may raise: then the value is not right at all.
Encode = Callable[[Any], str | None]

_ANYBODY = Agencies([], {})

#: Keys that say where a value comes from and when, not how it is written.
_ELSEWHERE = frozenset(
    ["at", "from", "when", "missing", "absent", "derive", "of", "days", "context", "value", "compute", "loses"]
)


@dataclass(frozen=True, slots=True)
class Quick:
    """`clean`: every text that it gives can stand in XML as it is.

    `guard` and `text` are the encoder as expressions over `v`, where it is short enough to stand in the generated code:
    `text` is the text of a `v` for which `guard` is true. `names` are what the expressions use.
    """

    encode: Encode
    clean: bool
    guard: str | None = None
    text: str | None = None
    names: tuple[tuple[str, Any], ...] = ()
    #: of an encoder with few texts: the same one with every text finished beforehand (None: it cannot stand there)
    finished: Callable[[Callable[[str], str | None]], Encode] | None = None


def quick(clause: Mapping[str, Any], codec: Codec, lists: Mapping[str, CodeList]) -> Quick | None:
    """The short cut for a line that is written, or None where it has none."""
    keys = [key for key in CODECS if key in clause]
    if len(keys) > 1 or set(clause) - _ELSEWHERE - {*keys, "list", "as"}:
        return None
    if ("as" in clause and keys != ["codes"]) or ("list" in clause and codec.kind == "id-number"):
        return None
    if not keys:
        one: Quick | None = _TEXT
    elif keys[0] == "codes":
        one = _codes(clause, codec, lists)
    else:
        made = _MAKERS.get(keys[0])
        one = made(clause[keys[0]], codec) if made else None
    if one is None or "list" not in clause:
        return one
    return _joined(one, str(clause["list"]))


# ---------------------------------------------------------------- texts, lists of texts
def _text(value: Any) -> str | None:
    return value if value.__class__ is str else None


_TEXT = Quick(_text, False, "v.__class__ is str", "v")


def _joined(one: Quick, separator: str) -> Quick | None:
    if len(separator) != 1:
        return None
    #: the separator's full-width form is taken for it when the text is read
    wide = chr(ord(separator) + 0xFEE0) if "!" <= separator <= "~" else separator
    encode = one.encode

    def several(value: Any) -> str | None:
        if value.__class__ is not list:
            return None
        parts: list[Any] = value if encode is _text else [encode(item) for item in value]
        try:
            text = separator.join(parts)
        except TypeError:  # one of them is no text
            return None
        if text.count(separator) != len(parts) - 1 or (wide != separator and wide in text):
            return None
        return text

    return Quick(several, one.clean and not ODD_IN_ATTRIBUTE.match(separator))


# ---------------------------------------------------------------- dates and times
_PARTS = {
    "yyyy": slice(0, 4),
    "MM": slice(5, 7),
    "dd": slice(8, 10),
    "HH": slice(11, 13),
    "mm": slice(14, 16),
    "ss": slice(17, 19),
}
_AS_FORM = {"xs:date": "yyyy-MM-dd", "xs:dateTime": "yyyy-MM-ddTHH:mm:ss"}
_is_date = date.fromisoformat
_is_time = datetime.fromisoformat


def _pieces(form: Any) -> list[str | slice] | None:
    """The form that is written, as slices of an ISO text and what stands between them; None for any other kind of form."""
    first = str(form[0] if isinstance(form, list) and form else form)
    pieces = split(_AS_FORM.get(first, first))
    if any(piece not in _PARTS and not re.fullmatch(r"[年月日时分秒T :./-]+", piece) for piece in pieces):
        return None
    return [_PARTS.get(piece, piece) for piece in pieces]


def _sliced(form: Any, guard: str, names: Mapping[str, Any], is_plain: Callable[[str], Any]) -> Quick | None:
    pieces = _pieces(form)
    if pieces is None:
        return None

    def encode(value: Any) -> str | None:
        if value.__class__ is not str or not is_plain(value):
            return None
        return "".join(value[piece] if isinstance(piece, slice) else piece for piece in pieces)

    text = " + ".join(f"v[{piece.start}:{piece.stop}]" if isinstance(piece, slice) else repr(piece) for piece in pieces)
    return Quick(encode, True, f"v.__class__ is str and {guard}", text, tuple(names.items()))


def _date(form: Any, _codec: Codec) -> Quick | None:
    """`2021-03-15`: a look at its form, and whether there is such a day."""
    pieces = _pieces(form)
    if pieces is None or any(isinstance(piece, slice) and piece.start > 8 for piece in pieces):
        return None
    return _sliced(
        form,
        "len(v) == 10 and v[4] == v[7] == '-' and is_date(v)",
        {"is_date": _is_date},
        lambda v: len(v) == 10 and v[4] == v[7] == "-" and _is_date(v),
    )


def _is_plain_time(v: str) -> bool:
    """In Chinese time or without an offset, with or without parts of a second."""
    known = len(v) == 19 or (v[-6:] == "+08:00" and (len(v) == 25 or (len(v) > 25 and v[19] == ".")))
    if not known or v[4] != "-" or v[7] != "-" or v[10] != "T" or v[13] != ":" or v[16] != ":" or v[11:13] == "24":
        return False
    if v[:4] == "0001":  # reckoned in another offset, it may lie before there are dates
        return False
    _is_time(v)
    return True


def _time(form: Any, _codec: Codec) -> Quick | None:
    return _sliced(form, "is_plain_time(v)", {"is_plain_time": _is_plain_time}, _is_plain_time)


# ---------------------------------------------------------------- terms, numbers, truth
def _term(form: Any, _codec: Codec) -> Quick | None:
    def parts(value: Any) -> tuple[int, int, int] | None:
        if value.__class__ is not dict:
            return None
        for part in value.values():
            if part.__class__ is not int or not 0 <= part <= 36_600:
                return None
        get = value.get
        return get("years", 0), get("months", 0), get("days", 0)

    def chinese(value: Any) -> str | None:
        found = parts(value)
        if found is None:
            return None
        years, months, days = found
        if months > 11:
            years, months = years + months // 12, months % 12
        return f"{f'{years}年' if years else ''}{f'{months}月' if months else ''}{f'{days}日' if days else ''}"

    def yymmdd(value: Any) -> str | None:
        found = parts(value)
        return f"{found[0]:02d}{found[1]:02d}{found[2]:02d}" if found is not None and max(found) <= 99 else None

    def in_months(value: Any) -> str | None:
        found = parts(value)
        return str(found[0] * 12 + found[1]) if found is not None and not found[2] else None

    encode = {"N年N月N日": chinese, "YYMMDD": yymmdd, "months": in_months}.get(str(form))
    return Quick(encode, True) if encode else None


def _number(form: Any, _codec: Codec) -> Quick | None:
    return Quick(lambda value: str(value) if value.__class__ is int else None, True) if form is True else None


_MONEY = re.compile(r"(?:0|[1-9][0-9]{0,14})\.[0-9]{2}")


def _money(form: Any, _codec: Codec) -> Quick | None:
    if form is not True:
        return None
    return Quick(lambda value: value if value.__class__ is str and _MONEY.fullmatch(value) else None, True)


def _boolean(_table: Any, codec: Codec) -> Quick | None:
    assert codec.encode
    words = {truth: codec.encode(truth, _ANYBODY) for truth in (True, False)}

    def made(known: Mapping[bool, str]) -> Encode:
        return lambda value: known.get(value) if value.__class__ is bool else None

    return Quick(made(words), False, finished=lambda finish: made(_finished(words, finish)))


# ---------------------------------------------------------------- codes, places, numbers that check themselves
def _codes(clause: Mapping[str, Any], codec: Codec, lists: Mapping[str, CodeList]) -> Quick | None:
    """Every code of the list, written by the codec itself once and for all."""
    codes = lists[str(clause["codes"])]
    assert codec.encode
    written: dict[str, str] = {}
    for value in codes.names if codes.coded else codes.reverse:
        try:
            # with `list` beside it, the codec takes one item for a list of one
            written[value] = codec.encode({"system": codes.name, "code": value} if codes.coded else value, _ANYBODY)
        except NotValid:
            continue

    def made(known: Mapping[str, str]) -> Encode:
        if not codes.coded:
            return lambda value: known.get(value) if value.__class__ is str else None
        return _coded(codes.name, known, (2,) if clause.get("as") == "word as sent" else (2, 3))

    return Quick(made(written), False, finished=lambda finish: made(_finished(written, finish)))


def _coded(name: str, known: Mapping[str, str], lengths: tuple[int, ...]) -> Encode:
    """The text for `{system, code}`, and for `{system, code, text}` where that makes no difference."""

    def encode_code(value: Any) -> str | None:
        if value.__class__ is not dict or value.get("system") != name or len(value) not in lengths:
            return None
        return known.get(value.get("code", "")) if len(value) == 2 or "text" in value else None

    return encode_code


def _finished(texts: Mapping[Any, str], finish: Callable[[str], str | None]) -> dict[Any, str]:
    """A table of texts as they finally stand, without those that cannot."""
    return {key: done for key, text in texts.items() if (done := finish(text)) is not None}


_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_ZEROS = ord("0") * sum(ID_WEIGHTS)


def _id_number(value: Any) -> str | None:
    """An 18-character number as it is normally written."""
    if value.__class__ is not str or not _ID_NUMBER.fullmatch(value) or value[:2] not in PROVINCES:
        return None
    if not "1800" <= value[6:10] <= "2999":
        return None
    date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    check = ID_CHECK_CHARACTERS[(sum(map(mul, value.encode(), ID_WEIGHTS)) - _ZEROS) % 11]
    return value if value[17] == check else None


#: In the normal form already: nothing that would be folded, no space, one pair of brackets.
_CASE_NUMBER = re.compile(r"\((?:19(?:49|[5-9][0-9])|2[0-9]{3})\)[^()\[\]〔〕【】\s]+")


def _case_number(value: Any) -> str | None:
    if value.__class__ is str and _CASE_NUMBER.fullmatch(value) and unicodedata.is_normalized("NFKC", value):
        return str(value)
    return None


def _check(form: Any, _codec: Codec) -> Quick | None:
    if form == "case-number":
        return Quick(_case_number, False)
    return Quick(_id_number, True) if form in ("GB 11643", "GB 11643, 18") else None


_PLACE = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")


def _place(form: Any, _codec: Codec) -> Quick | None:
    if form == 6:

        def county(value: Any) -> str | None:
            plain = value.__class__ is str and _PLACE.fullmatch(value) and value[:2] in PROVINCES
            return value[:6] if plain else None

        return Quick(county, True)
    if form == "any":
        return Quick(
            lambda value: (
                value if value.__class__ is str and _PLACE.fullmatch(value) and value[:2] in PROVINCES else None
            ),
            True,
        )
    if not isinstance(form, list):
        return None
    pieces = tuple(form)

    def pieced(value: Any) -> str | None:
        if value.__class__ is not str or not _PLACE.fullmatch(value) or value[:2] not in PROVINCES:
            return None
        return "".join(
            piece if piece.__class__ is str else value[:6] if piece == 6 else value[6:9] or "000" for piece in pieces
        )

    return Quick(pieced, False)


def _offence(form: Any, _codec: Codec) -> Quick | None:
    if form == "full":

        def full(value: Any) -> str | None:
            if value.__class__ is not str:
                return None
            name = value.strip()
            return name if name[-1:] == "罪" else name + "罪"

        return Quick(full, False)
    return None


_DIGEST = re.compile(r"[0-9a-f]{64}")


def _document(form: Any, _codec: Codec) -> Quick | None:
    if form != "base64":
        return None
    return Quick(
        lambda value: f"urn:sha256:{value}" if value.__class__ is str and _DIGEST.fullmatch(value) else None, True
    )


_MAKERS: Mapping[str, Callable[[Any, Codec], Quick | None]] = {
    "date": _date,
    "time": _time,
    "term": _term,
    "number": _number,
    "money": _money,
    "boolean": _boolean,
    "check": _check,
    "place": _place,
    "offence": _offence,
    "document": _document,
}


# ---------------------------------------------------------------- reading
#: The canonical value of a text that is plainly right; None for every other, which the codec reads.
Decode = Callable[[str], Any]

#: Keys of a line that is read, which say nothing of how its value is written.
_ELSEWHERE_IN_READING = frozenset(["at", "from", "when", "missing", "as_written", "loses"])


def quick_reading(clause: Mapping[str, Any], codec: Codec) -> Decode | None:
    """The short cut for a line that is read, or None where it has none."""
    keys = [key for key in CODECS if key in clause]
    if set(clause) - _ELSEWHERE_IN_READING - set(keys):
        return None
    if keys == ["date"]:
        first = clause["date"][0] if isinstance(clause["date"], list) and clause["date"] else clause["date"]
        return {"yyyyMMdd": _compact_day, "yyyy-MM-dd": _day}.get(str(first))
    if keys == ["check"] and clause["check"] == "case-number":
        return _case_number
    return None


def _compact_day(text: str) -> str | None:
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return None
    return _day(f"{text[:4]}-{text[4:6]}-{text[6:]}")


def _day(text: str) -> str | None:
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return None
    try:
        _is_date(text)
    except ValueError:
        return None
    return text


def resident_number(value: Any) -> str | None:
    """A resident's number that is plainly right."""
    try:
        return _id_number(value)
    except ValueError:
        return None
