"""What the codecs of the mapping language tell: values worth trying in both directions, and when two of them are the same.

The language promises that some spellings mean one thing (5000 and 5000.00, full-width brackets, 盗窃 and 盗窃罪). These are
the only differences that a round trip forgives; a codec that is not named here must give back exactly what it was given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

from hub.domain.agencies import AGENCY_ID, Agencies
from hub.domain.values import CaseNumber, NotValid, Term, id_check_character, offence
from hub.translation import names
from hub.translation.codecs import CODECS, SHANGHAI, Codec, moment
from hub.translation.codelists import CodeList

Make = Callable[[Random], Any]
Same = Callable[[Any, Any], bool]

#: Given and surnames with what occurs in them: characters outside GBK and outside plane 0, the middle dot.
NAMES = ("孙某甲", "周㴔", "马丽娜·阿不都", "王𠮷", "欧阳某乙", "李某", "阿卜杜拉·买买提", "Ivan 伊万")
WORDS = (
    "山东省济宁市微山县马坡镇",
    "表现较好",
    "随案移送材料两件",
    "某村12号",
    "A&B <公司>",
    '他说："好"',
    "O'Neil",
    "（附件）",
    "第1项、第2项",
    "x;y",
    "100%",
    "㴔",
    "𠮷",
    "·",
)
OFFENCES = ("盗窃罪", "故意伤害罪", "诈骗罪", "危险驾驶罪", "掩饰、隐瞒犯罪所得罪", "毒品犯罪", "盗窃", "寻衅滋事")
COURT_MARKS = ("鲁0826", "鲁08", "济", "京0105", "最高法")
LEAP_DAYS = ("2000-02-29", "2012-02-29", "2024-02-29")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What real records draw on: the code lists, the places and the agencies of a configuration."""

    lists: Mapping[str, CodeList]
    agencies: Agencies
    places: tuple[str, ...] = ("370826", "370828", "370826108", "370826108201", "110101", "650102")
    #: code list → code → every word that is read as it
    _words: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def words(self, name: str) -> Mapping[str, tuple[str, ...]]:
        if name not in self._words:
            found: dict[str, list[str]] = {code: [] for code in self.lists[name].names}
            for word, code in self.lists[name].words.items():
                found[code].append(word)
            self._words[name] = {code: tuple(words) for code, words in found.items()}
        return self._words[name]


@dataclass(frozen=True, slots=True)
class Meaning:
    """`canonical` makes values that the codec can tell (None: whatever the schema allows, of the type `shape`)."""

    canonical: Make | None
    shape: str | None
    foreign: Make
    same: Same
    same_text: Same


# ------------------------------------------------------------------ single values
def some_date(random: Random) -> date:
    return date(1900, 1, 1) + timedelta(days=random.randrange(73_000))


def some_moment(random: Random) -> datetime:
    return datetime(1970, 1, 1, tzinfo=SHANGHAI) + timedelta(seconds=random.randrange(3_000_000_000))


def some_place(random: Random, places: tuple[str, ...]) -> str:
    code = random.choice(places)
    if len(code) == 6 and random.random() < 0.3:
        code += f"{random.randrange(1, 400):03d}"
    return f"{code}{random.randrange(1, 400):03d}" if len(code) == 9 and random.random() < 0.2 else code


def some_case_number(random: Random, marks: tuple[str, ...] = COURT_MARKS) -> str:
    kind = random.choice(("刑初", "刑执字第", "刑更", "刑终"))
    return f"({random.randrange(1980, 2031)}){random.choice(marks)}{kind}{random.randrange(1, 10_000)}号"


def wide(case_number: str) -> str:
    """A case number as clerks write it: with full-width brackets."""
    return case_number.translate({ord("("): "（", ord(")"): "）"})


def some_id_number(random: Random, places: tuple[str, ...], born: date | None = None, old: bool | None = None) -> str:
    """A resident's number whose check character fits; about one in seven in the 15 digits of before 1999."""
    born = born if born is not None and born.year >= 1800 else some_date(random)
    place, serial = random.choice(places)[:6], f"{random.randrange(1000):03d}"
    if (random.random() < 0.15 if old is None else old) and 1900 <= born.year <= 1999:
        return f"{place}{born:%y%m%d}{serial}"
    first = f"{place}{born.year:04d}{born:%m%d}{serial}"
    return first + id_check_character(first)


def some_term(random: Random, form: str) -> dict[str, int]:
    if form == "months":
        return random.choice(({"months": random.randrange(1, 300)}, {"years": random.randrange(1, 16), "months": 6}))
    most = 99 if form == "YYMMDD" else 400
    found = {"years": random.randrange(26), "months": random.randrange(12), "days": random.randrange(30)}
    if random.random() < 0.2:
        found = {"months": random.randrange(1, most + 1)}
    return {part: number for part, number in found.items() if number} or {"months": 1}


def some_text(random: Random) -> str:
    return "".join(random.choice(WORDS) for _ in range(random.randrange(1, 4)))


# ------------------------------------------------------------------ the same
def same_text(before: Any, after: Any) -> bool:
    """Space around a text never counts."""
    return (
        bool(before.strip() == after.strip()) if isinstance(before, str) and isinstance(after, str) else before == after
    )


def says_nothing(value: Any) -> bool:
    """Only space, or a term of no length: to leave it out loses nothing."""
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, Mapping) and bool(value) and not any(value.values())


def same_moment(before: Any, after: Any) -> bool:
    """The same moment to the second, wherever its clock stood."""
    try:
        return moment(before).replace(microsecond=0) == moment(after).replace(microsecond=0)
    except NotValid:
        return False


def _normal(parse: Callable[[str], Any]) -> Same:
    def same(before: Any, after: Any) -> bool:
        try:
            return bool(parse(before) == parse(after))
        except (NotValid, AttributeError, TypeError, InvalidOperation, ValueError):
            return same_text(before, after)

    return same


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().upper()


def _months_and_days(term: Any) -> tuple[int, int]:
    found = Term.of(dict(term)) if isinstance(term, Mapping) else term
    return found.years * 12 + found.months, found.days


def _coded(before: Any, after: Any) -> bool:
    """The same code of the same system; the sender's wording, where there is one, must come back too."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return bool(before == after)
    return (before.get("system"), before.get("code")) == (after.get("system"), after.get("code")) and (
        before.get("text") is None or same_text(before["text"], after.get("text"))
    )


# ------------------------------------------------------------------ by codec
def meaning_of(keys: Mapping[str, Any], words: Vocabulary, codec: Codec) -> Meaning:
    """What a line's clause can tell. `codec` is the one that the clause's keys build."""
    kind = next((key for key in CODECS if key in keys), "text")
    found = _MEANINGS.get(kind, _other)(keys, words)
    if found.foreign is _by_codec:
        found = Meaning(found.canonical, found.shape, _written(found.canonical, codec), found.same, found.same_text)
    return _joined(found, str(keys["list"])) if "list" in keys else found


def _by_codec(_random: Random) -> str:
    raise AssertionError("replaced by what the codec writes")


def _written(make: Make | None, codec: Codec) -> Make:
    """Texts as the codec itself writes them, for codecs of which no other spelling is known."""

    def text(random: Random) -> Any:
        if make is None or codec.encode is None:
            return some_text(random)
        return codec.encode(make(random), Agencies([], {}))

    return text


def _joined(one: Meaning, separator: str) -> Meaning:
    full = chr(ord(separator) + 0xFEE0) if len(separator) == 1 and "!" <= separator <= "~" else separator
    split = re.compile("|".join(re.escape(mark) for mark in {separator, full}))

    def without(make: Make, random: Random) -> Any:
        for _ in range(20):
            value = make(random)
            if not (isinstance(value, str) and split.search(value)):
                return value
        return "甲"

    def canonical(random: Random) -> list[Any]:
        make = one.canonical or (lambda r: r.choice(NAMES))
        return [without(make, random) for _ in range(random.randrange(1, 4))]

    def foreign(random: Random) -> str:
        parts = [str(without(one.foreign, random)) for _ in range(random.randrange(1, 4))]
        return random.choice((separator, full)).join(parts) + (separator if random.random() < 0.1 else "")

    def parts(text: str) -> list[str]:
        return [part for part in split.split(text) if part.strip()]

    def same(before: Any, after: Any) -> bool:
        if not isinstance(before, list) or not isinstance(after, list):
            return False
        before = [value for value in before if not says_nothing(value)]
        return len(before) == len(after) and all(one.same(b, a) for b, a in zip(before, after, strict=True))

    def same_texts(before: Any, after: Any) -> bool:
        ours, theirs = parts(before), parts(after)
        return len(ours) == len(theirs) and all(one.same_text(b, a) for b, a in zip(ours, theirs, strict=True))

    return Meaning(canonical, "array", foreign, same, same_texts)


def _text(_keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    return Meaning(None, "string", some_text, same_text, same_text)


def _other(_keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    """A codec that nothing is known about: what the schema allows must come back exactly."""
    return Meaning(None, None, _by_codec, same_text, same_text)


def _date(keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    def canonical(random: Random) -> str:
        return random.choice(LEAP_DAYS) if random.random() < 0.05 else some_date(random).isoformat()

    if keys["date"] == "xs:dateTime":

        def with_time(random: Random) -> str:
            time = "00:00:00" if random.random() < 0.7 else f"{random.randrange(24):02d}:30:00"
            return f"{some_date(random).isoformat()}T{time}{random.choice(('', '', '+08:00'))}"

        return Meaning(canonical, "string", with_time, same_text, same_moment)
    return Meaning(canonical, "string", _by_codec, same_text, same_text)


def _time(_keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    return Meaning(lambda random: some_moment(random).isoformat(), "string", _by_codec, same_moment, same_text)


def _term(keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    form = str(keys["term"])
    read: Callable[[str], Term] = {
        "YYMMDD": Term.parse_yymmdd,
        "months": Term.parse_months,
        "N年N月N日": Term.parse_chinese,
    }.get(form, Term.parse_chinese)

    def foreign(random: Random) -> str:
        term = Term.of(some_term(random, form))
        if form == "YYMMDD":
            return term.yymmdd()
        if form == "months":
            return str(term.in_months())
        text = term.chinese()
        return text.replace("年", "年零", 1).replace("月", "个月") if random.random() < 0.2 and "月" in text else text

    return Meaning(
        lambda random: some_term(random, form),
        "object",
        foreign,
        _normal(_months_and_days),
        _normal(lambda text: _months_and_days(read(text))),
    )


def _codes(keys: Mapping[str, Any], words: Vocabulary) -> Meaning:
    name, written = str(keys["codes"]), str(keys.get("as", "code"))
    known = words.lists.get(name)
    if known is None:
        return _other(keys, words)
    codes, spoken = tuple(known.names), words.words(name)

    def canonical(random: Random) -> Any:
        if not known.coded:
            return random.choice(tuple(known.reverse))
        code = random.choice(codes)
        found = {"system": name, "code": code}
        return {**found, "text": random.choice(spoken[code])} if random.random() < 0.4 else found

    def foreign(random: Random) -> str:
        if written == "code" and known.coded:
            return random.choice(codes)
        return random.choice(tuple(known.words))

    def same_code(before: Any, after: Any) -> bool:
        """Other words of one code are the same only where the list is read by word and does not keep the word."""
        if same_text(before, after):
            return True
        return (
            written != "word as sent"
            and known.words.get(before) is not None
            and known.words.get(before) == known.words.get(after)
        )

    return Meaning(
        canonical, "object" if known.coded else "string", foreign, _coded if known.coded else same_text, same_code
    )


def _check(keys: Mapping[str, Any], words: Vocabulary) -> Meaning:
    if keys["check"] == "case-number":
        same = _normal(lambda text: CaseNumber.parse(text).text)

        def number(random: Random) -> str:
            found = some_case_number(random)
            return wide(found) if random.random() < 0.4 else found

        as_written = same_text if keys.get("as_written") else same
        return Meaning(some_case_number, "string", number, same, as_written)
    same = _normal(_plain)
    return Meaning(None, "string", lambda random: some_id_number(random, words.places), same, same)


def _boolean(keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    table = keys["boolean"] if isinstance(keys["boolean"], Mapping) else {}
    if all(isinstance(words, list) for words in table.values()):
        table = {word: str(truth).lower() == "true" for truth, words in table.items() for word in words}
    texts = tuple(str(word) for word in table)
    truth = {str(word): value for word, value in table.items()}
    return Meaning(
        lambda random: random.random() < 0.5,
        "boolean",
        lambda random: random.choice(texts),
        lambda before, after: before is after,
        lambda before, after: before in truth and truth.get(before) == truth.get(after),
    )


def _money(keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    def cents(random: Random) -> str:
        return str(random.choice((0, 50, 500_000, random.randrange(10**9))))

    def amount(random: Random) -> str:
        return random.choice(("0", "5000", "0.5", "5000.00", f"{random.randrange(10**9)}.{random.randrange(100):02d}"))

    same = _normal(Decimal)
    return Meaning(amount, "string", cents if keys["money"] == "分" else amount, same, same)


def _number(_keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    def number(random: Random) -> int:
        return random.choice((0, 1, 12, random.randrange(10**6)))

    return Meaning(
        None, "integer", lambda random: str(number(random)), lambda b, a: b == a, _normal(lambda text: int(text))
    )


def _place(_keys: Mapping[str, Any], words: Vocabulary) -> Meaning:
    def code(random: Random) -> str:
        return some_place(random, words.places)

    same = _normal(_plain)
    # which places there may be (only counties, say) is for the schema to tell
    return Meaning(None, "string", code, same, same)


def _agency(keys: Mapping[str, Any], words: Vocabulary) -> Meaning:
    form = str(keys["agency"])
    if "mark" in keys and str(keys["mark"]) in words.lists:
        marks = tuple(words.lists[str(keys["mark"])].words)
        return Meaning(lambda random: some_case_number(random, marks), "string", _by_codec, same_text, same_text)
    named = words.lists.get(str(keys.get("names", "")))
    known = tuple(agency.id for agency in words.agencies) + (tuple(named.reverse) if named else ())

    def canonical(random: Random) -> Any:
        if form in ("name", "place", "id"):
            return random.choice(known) if known else f"court.{random.choice(words.places)}"
        return f"{form}.{random.choice(words.places)}"

    return Meaning(canonical, "string", lambda random: random.choice(words.places), same_text, same_text)


def _offence(_keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    def name(random: Random) -> str:
        return random.choice(OFFENCES)

    same = _normal(offence)
    return Meaning(name, "string", name, same, same)


def _document(_keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    return Meaning(None, "string", _by_codec, same_text, same_text)


def _name(keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    def name(random: Random) -> str:
        return random.choice(NAMES)

    dot = keys["name"] if isinstance(keys["name"], str) and keys["name"] else names.DOT

    def spelt(random: Random) -> str:
        return name(random).replace(names.DOT, random.choice((dot, dot, f" {dot}")))

    same = _normal(names.normal)
    return Meaning(name, "string", spelt, same, _normal(lambda text: names.normal(text.replace(dot, names.DOT))))


def _address(_keys: Mapping[str, Any], words: Vocabulary) -> Meaning:
    def address(random: Random) -> dict[str, str]:
        return {
            "place": random.choice(words.places),
            "text": f"{random.choice(('王庄', '李庄', '赵家'))}村{random.randrange(1, 99)}号",
        }

    def same(before: Any, after: Any) -> bool:
        """The names of the places may be put before the text; the place itself must be the same or told more closely."""
        if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
            return bool(before == after)
        place = str(after.get("place") or "")
        return place.startswith(str(before.get("place") or "")) and str(after.get("text") or "").endswith(
            str(before.get("text") or "")
        )

    return Meaning(address, "object", _by_codec, same, same_text)


def _file_name(_keys: Mapping[str, Any], _words: Vocabulary) -> Meaning:
    return Meaning(None, "object", some_text, same_text, same_text)


_MEANINGS: Mapping[str, Callable[[Mapping[str, Any], Vocabulary], Meaning]] = {
    "text": _text,
    "date": _date,
    "time": _time,
    "term": _term,
    "codes": _codes,
    "check": _check,
    "boolean": _boolean,
    "money": _money,
    "number": _number,
    "place": _place,
    "agency": _agency,
    "mark": _agency,
    "offence": _offence,
    "document": _document,
    "file_name": _file_name,
    "name": _name,
    "address": _address,
}


def agency_kind(value: Any) -> str | None:
    """The kind that an agency id names."""
    match = AGENCY_ID.match(value) if isinstance(value, str) else None
    return match["kind"] if match else None
