"""How one value is written in a foreign record, and back: dates, terms, codes, joined lists, checked numbers.

A codec is made once from a mapping's line. It raises `NotValid` for a value that is not what the line says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from hub.domain.agencies import AGENCY_ID, Agencies
from hub.domain.values import CaseNumber, IdNumber, NotValid, PlaceCode, Term, offence
from hub.translation import moments, names
from hub.translation.addresses import Places
from hub.translation.codelists import PLACES, CodeList
from hub.translation.documents import file_name
from hub.translation.moments import SHANGHAI, moment

#: The keys of a line that say how its value is written. At most one of the first group, `list` and `as` beside it.
CODECS = (
    "date",
    "time",
    "term",
    "codes",
    "check",
    "boolean",
    "money",
    "number",
    "place",
    "agency",
    "offence",
    "file_name",
    "document",
    "mark",
    "name",
    "address",
)
MODIFIERS = ("as", "list", "names")

__all__ = ["SHANGHAI", "Codec", "Unusable", "build", "moment", "text_of"]

Decode = Callable[[str], Any]
#: canonical value and the agencies that the hub knows → text
Encode = Callable[[Any, Agencies], str]


@dataclass(frozen=True, slots=True)
class Codec:
    """`decode` is None for a codec that only writes, `encode` None for one that only reads."""

    decode: Decode | None
    encode: Encode | None
    kind: str = "text"
    #: how what is written is written in JSON, where it is not a string
    json: str | None = None


class Unusable(Exception):
    """A line's codec clause makes no sense; `rule`, `key` and both sentences for the finding."""

    def __init__(self, rule: str, key: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.rule, self.key, self.zh, self.en = rule, key, zh, en


def lists_of(clause: Mapping[str, Any]) -> set[str]:
    """The names of the lists that a line's codec uses."""
    named = {str(clause[key]) for key in ("codes", "mark", "names") if key in clause}
    return named | ({PLACES} if "address" in clause else set())


def build(clause: Mapping[str, Any], lists: Mapping[str, CodeList]) -> Codec:
    """The codec of a line. Raises `Unusable` where the line asks for something that there is not."""
    chosen = [key for key in CODECS if key in clause]
    if chosen == ["mark", "agency"] or chosen == ["agency", "mark"]:
        codec = _marked_court(clause, lists)
    elif len(chosen) > 1:
        raise Unusable(
            "codec.several",
            chosen[1],
            f"一行只能有一种写法：{'、'.join(chosen)}",
            f"one line has one codec, not {', '.join(chosen)}",
        )
    else:
        codec = _BUILDERS[chosen[0]](clause, lists) if chosen else TEXT
    return _joined(codec, str(clause["list"])) if "list" in clause else codec


# ---------------------------------------------------------------- plain text
def text_of(value: Any) -> str:
    """A single value as text. Raises `NotValid` for lists and objects."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | Decimal):
        return str(value)
    raise NotValid("value.shape", "此处应为一个文本值", "a single text value is wanted here")


def constant_text(value: Any) -> str:
    """A constant of a mapping as it is written: `true`, not Python's `True`."""
    return text_of(value) if isinstance(value, bool) else str(value)


def _encode_text(value: Any, _agencies: Agencies) -> str:
    return text_of(value)


TEXT = Codec(lambda text: text, _encode_text)


def _joined(item: Codec, separator: str) -> Codec:
    """Several values in one text. The separator's full-width form is read as well; a value must not contain it."""
    both = (
        re.compile(f"[{re.escape(separator)}{chr(ord(separator) + 0xFEE0) if '!' <= separator <= '~' else ''}]")
        if len(separator) == 1
        else re.compile(re.escape(separator))
    )
    decode, encode = item.decode, item.encode

    def read(text: str) -> list[Any]:
        assert decode
        return [decode(part.strip()) for part in both.split(text) if part.strip()]

    def write(value: Any, agencies: Agencies) -> str:
        assert encode
        parts = [encode(one, agencies) for one in (value if isinstance(value, list) else [value])]
        for part in parts:
            if both.search(part):
                raise NotValid(
                    "list.separator",
                    f"“{part}”中含有分隔符“{separator}”，无法并入一栏",
                    f"{part!r} contains the separator {separator!r}",
                )
        return separator.join(parts)

    return Codec(read if decode else None, write if encode else None, item.kind)


# ---------------------------------------------------------------- dates and times
def _forms(clause: Mapping[str, Any], key: str) -> list[str]:
    """The forms of a line: all are read, the first is written."""
    said = clause[key]
    forms = [str(form) for form in said] if isinstance(said, list) else [str(said)]
    for form in forms or [""]:
        if (wrong := moments.problem(form, key)) is not None:
            raise Unusable("codec.form", key, *wrong)
    return forms


def _date(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    forms = _forms(clause, "date")
    read, write = moments.reader(forms, "date.malformed"), moments.writer(forms[0])
    return Codec(lambda text: read(text).date().isoformat(), lambda value, _: write(moment(value)), "date")


def _time(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    forms = _forms(clause, "time")
    read, write = moments.reader(forms, "time.malformed"), moments.writer(forms[0])
    kind = "integer" if forms[0].startswith("epoch") else None
    return Codec(
        lambda text: moments.canonical_time(read(text)), lambda value, _: write(moment(value)), "time", json=kind
    )


def as_date(value: Any) -> date:
    return moment(value).date()


# ---------------------------------------------------------------- terms, numbers, money
def term_of(value: Any) -> Term:
    if not isinstance(value, Mapping) or not all(type(part) is int and 0 <= part <= 36_600 for part in value.values()):
        raise NotValid(
            "term.malformed",
            '此处应为期限，如{"years": 1, "months": 6}',
            'a term such as {"years": 1, "months": 6} is wanted here',
        )
    return Term.of(dict(value))


def _term(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    forms: dict[str, tuple[Callable[[str], Term], Callable[[Term], str]]] = {
        "YYMMDD": (Term.parse_yymmdd, Term.yymmdd),
        "N年N月N日": (Term.parse_chinese, Term.chinese),
        "months": (Term.parse_months, lambda term: str(term.in_months())),
    }
    form = str(clause["term"])
    if form not in forms:
        raise Unusable(
            "codec.form",
            "term",
            f"期限格式“{form}”应为{'、'.join(forms)}之一",
            f"unknown form of a term {form!r}; known are {', '.join(forms)}",
        )
    read, write = forms[form]
    return Codec(lambda text: read(text).parts() or None, lambda value, _: write(term_of(value)), "term")


def _decode_number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise NotValid("number.malformed", "应为整数", "a whole number is wanted")
    return int(text)


#: How many yuan (元) one of a unit is.
UNITS = {"元": Decimal(1), "万元": Decimal(10_000), "分": Decimal("0.01")}


def _decode_money(text: str, unit: str = "元") -> str:
    try:
        amount = Decimal(text) * UNITS[unit] if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{0,10})?", text) else None
    except InvalidOperation:
        amount = None
    if amount is None or amount != round(amount, 2):
        example = {"元": "5000.00", "万元": "0.5", "分": "500000"}[unit]
        raise NotValid(
            "money.malformed",
            f"应为以{unit}为单位的非负金额，精确到分，如{example}",
            f"an amount in {unit} (to the cent, not negative) is wanted, such as {example}",
        )
    return f"{amount:.2f}"


def _number(_clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    return Codec(_decode_number, _encode_text, json="integer")


def _money(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    unit = "元" if clause["money"] is True else str(clause["money"])
    if unit not in UNITS:
        known = "、".join(UNITS)
        raise Unusable(
            "codec.form", "money", f"money应为true或{known}之一", f"money is true or one of {known.replace('、', ', ')}"
        )

    def write(value: Any, _agencies: Agencies) -> str:
        amount = _decode_money(text_of(value))
        if unit == "元":
            return amount
        scaled = (Decimal(amount) / UNITS[unit]).normalize()
        return f"{scaled:f}"

    return Codec(lambda text: _decode_money(text, unit), write)


def _name(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    dot = names.DOT if clause["name"] is True else clause["name"]
    if not isinstance(dot, str) or len(dot) > 1:
        raise Unusable(
            "codec.form",
            "name",
            "name应为true，或对方系统所用的间隔号，如“•”",
            "name is true, or the middle dot that the system writes, such as “•”",
        )
    written = names.writer(dot)
    read = names.normal if dot in (*names.DOTS, ".") else (lambda text: names.normal(text.replace(dot, names.DOT)))
    return Codec(names.normal if not dot else read, lambda value, _: written(text_of(value)), "name")


def _address(clause: Mapping[str, Any], lists: Mapping[str, CodeList]) -> Codec:
    """A whole address as text ↔ `{place, text}`."""
    form = str(clause["address"])
    if form not in ("full", "detail"):
        raise Unusable(
            "codec.form",
            "address",
            "address应为full（含区划名称）或detail（不含）",
            "address is full (with the names of the places) or detail (without)",
        )
    if PLACES not in lists:
        raise Unusable(
            "codec.places", "address", "没有区划表：places/下应有csv文件", "there is no table of places under places/"
        )
    places = Places(lists[PLACES].names)

    def read(text: str) -> dict[str, str]:
        code, _ = places.find(text)
        return {"place": code, "text": text} if code else {"text": text}

    def parts(value: Any) -> tuple[str | None, str]:
        if not isinstance(value, Mapping) or not (value.get("text") or value.get("place")):
            raise NotValid(
                "value.shape", '此处应为地址，如{"place": …, "text": …}', 'an address {"place": …, "text": …} is wanted'
            )
        place = PlaceCode.parse(text_of(value["place"])).text if value.get("place") else None
        return place, text_of(value.get("text") or "")

    def write_full(value: Any, _agencies: Agencies) -> str:
        place, text = parts(value)
        said, _ = places.find(text)
        if place is None or (said is not None and (places.within(said, place) or places.within(place, said))):
            return text
        if said is not None:
            raise NotValid(
                "address.differs",
                f"地址文字所说的地方是{said}，区划代码却是{place}：请核对",
                f"the text of the address names {said}, the place code is {place}: one of them is wrong",
            )
        named = places.full_name(place)
        if named is None:
            raise NotValid(
                "place.unknown",
                f"区划表中没有“{place}”，写不出它的名称：请补入places/",
                f"no table of places has {place!r}, so its name cannot be written: add it under places/",
            )
        return named + text

    def write_detail(value: Any, _agencies: Agencies) -> str:
        _, text = parts(value)
        return places.find(text)[1]

    return Codec(read, write_full, "address") if form == "full" else Codec(None, write_detail, "address")


def _boolean(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    """Words for true and false: `{"1": true, "0": false}`, or `{true: [是, Y], false: [否, N]}`. The first is written."""
    table = clause["boolean"]
    if isinstance(table, Mapping) and all(isinstance(words, list) for words in table.values()):
        table = {str(word): str(truth).lower() == "true" for truth, words in table.items() for word in words}
    if not isinstance(table, Mapping) or set(table.values()) != {True, False}:
        raise Unusable(
            "codec.form",
            "boolean",
            "boolean应写明哪个值表示true、哪个表示false",
            'boolean needs a value for true and one for false, such as {"1": true, "0": false}',
        )
    words = {str(word): bool(truth) for word, truth in table.items()}
    back = {truth: word for word, truth in reversed(words.items())}
    listed = "、".join(words)

    def read(text: str) -> bool:
        if text not in words:
            raise NotValid("code.unknown", f"应为{listed}之一", f"one of {', '.join(words)} is wanted")
        return words[text]

    def write(value: Any, _agencies: Agencies) -> str:
        if not isinstance(value, bool):
            raise NotValid("value.shape", "此处应为true或false", "true or false is wanted here")
        return back[value]

    return Codec(read, write, json="boolean" if set(back.values()) == {"true", "false"} else None)


# ---------------------------------------------------------------- codes, places, agencies, numbers that check themselves
def _list(clause: Mapping[str, Any], lists: Mapping[str, CodeList], key: str) -> CodeList:
    name = str(clause[key])
    if name not in lists:
        raise Unusable("codelist.unknown", key, f"没有代码表“{name}”", f"there is no code list {name!r}")
    return lists[name]


def _codes(clause: Mapping[str, Any], lists: Mapping[str, CodeList]) -> Codec:
    codes, written = _list(clause, lists, "codes"), str(clause.get("as", "code"))
    ways: dict[str, tuple[Decode, Callable[[Any], str]]] = {
        "code": (codes.read_code, codes.write_code),
        "word": (codes.read_word, codes.write_word),
        "word as sent": (codes.read_word, codes.write_as_sent),
    }
    if written not in ways:
        raise Unusable("codec.form", "as", f"as应为{'、'.join(ways)}之一", f"as is one of {', '.join(ways)}")
    read, write = ways[written]
    return Codec(read, lambda value, _: write(value), "codes")


def _check(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    wanted = str(clause["check"])
    if wanted == "case-number":
        return Codec(
            lambda text: CaseNumber.parse(text).text,
            lambda value, _: CaseNumber.parse(text_of(value)).text,
            "case-number",
        )
    if wanted == "GB 11643":
        # Checked only when the whole record is there: another kind of document has numbers of another form.
        return Codec(lambda text: text, _encode_text, "id-number")
    if wanted == "GB 11643, 18":
        return Codec(lambda text: text, lambda value, _: IdNumber.parse(text_of(value)).as_18, "id-number")
    raise Unusable(
        "codec.form",
        "check",
        f"不认识的校验“{wanted}”，应为GB 11643或case-number",
        f"unknown check {wanted!r}; known are GB 11643 and case-number",
    )


def _place(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    form = clause["place"]
    if form == "any":
        return Codec(lambda text: PlaceCode.parse(text).text, lambda value, _: PlaceCode.parse(text_of(value)).text)
    if form == 6:
        return Codec(lambda text: PlaceCode.parse(text).county, lambda value, _: PlaceCode.parse(text_of(value)).county)
    if (
        not isinstance(form, Sequence)
        or isinstance(form, str)
        or not all(isinstance(part, str) or part in (3, 6) for part in form)
    ):
        raise Unusable(
            "codec.form",
            "place",
            'place应为any、6，或由6、3和文字组成的列表，如[6, 3, "001"]',
            'place is any, 6, or a list of 6, 3 and texts such as [6, 3, "001"]',
        )
    pieces = tuple(form)

    def write(value: Any, _agencies: Agencies) -> str:
        code = PlaceCode.parse(text_of(value))
        return "".join(
            piece if isinstance(piece, str) else code.county if piece == 6 else code.township or "000"
            for piece in pieces
        )

    return Codec(None, write)


def _agency(clause: Mapping[str, Any], lists: Mapping[str, CodeList]) -> Codec:
    form = str(clause["agency"])
    names = _list(clause, lists, "names") if "names" in clause else None

    def name(value: Any, agencies: Agencies) -> str:
        if isinstance(value, Mapping) and value.get("name"):
            return text_of(value["name"])
        known = agencies.get(value) if isinstance(value, str) else None
        if known:
            return known.name
        if names:
            return names.write_code(value)
        raise NotValid(
            "agency.unknown", f"不认识的单位“{value}”：请登记其名称", f"no agency {value!r} is known: register its name"
        )

    def place(value: Any, _agencies: Agencies) -> str:
        if isinstance(value, Mapping) and value.get("place"):
            return text_of(value["place"])
        match = AGENCY_ID.match(value) if isinstance(value, str) else None
        if not match:
            raise NotValid(
                "agency.unknown",
                f"“{value}”不是单位编号，无从得知其区划",
                f"{value!r} is no agency id, so its place is not known",
            )
        return match["place"]

    if form == "name":
        return Codec(None, name)
    if form == "place":
        return Codec(None, place)
    if form == "id":
        return Codec(None, _encode_text)

    def only_place(value: Any, agencies: Agencies) -> str:
        """The place alone says which agency is meant only for the one of this kind that sits there."""
        code = place(value, agencies)
        if value != f"{form}.{code}":
            raise NotValid(
                "agency.kind",
                f"此处只写区划，意为{form}.{code}，不能表示{value}",
                f"only a place is written here, which means {form}.{code} and not {value}",
            )
        return code

    return Codec(lambda text: f"{form}.{PlaceCode.parse(text).text}", only_place)


def _marked_court(clause: Mapping[str, Any], lists: Mapping[str, CodeList]) -> Codec:
    """The court that a case number's mark names (the longest mark that fits), then its name or place."""
    marks, agency = _list(clause, lists, "mark"), _agency(clause, lists)
    longest_first = sorted(marks.words, key=len, reverse=True)

    def write(value: Any, agencies: Agencies) -> str:
        number = CaseNumber.parse(text_of(value))
        for mark in longest_first:
            if number.mark.startswith(mark):
                assert agency.encode
                return agency.encode(marks.names[marks.words[mark]], agencies)
        raise NotValid(
            "court-mark.unknown",
            f"代码表“{marks.name}”中没有案号“{number.text}”的法院代字：请补入后重发",
            f"the code list {marks.name!r} has no court mark for {number.text}: add it and send again",
        )

    return Codec(None, write)


def _offence(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    form = str(clause["offence"])
    if form not in ("full", "short"):
        raise Unusable(
            "codec.form",
            "offence",
            "offence应为full（带罪字）或short（不带）",
            "offence is full (with 罪) or short (without)",
        )

    def write(value: Any, _agencies: Agencies) -> str:
        name = offence(text_of(value))
        return name if form == "full" or name == "罪" else name.removesuffix("罪")

    return Codec(offence, write)


def _file_name(_clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    def write(value: Any, _agencies: Agencies) -> str:
        if not isinstance(value, Mapping) or not isinstance(value.get("title"), str):
            raise NotValid("value.shape", "此处应为带名称的材料", "a document with its title is wanted here")
        media = value.get("media_type")
        return file_name(value["title"], media if isinstance(media, str) else None)

    return Codec(None, write)


def _document(clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    if clause["document"] != "base64":
        raise Unusable("codec.form", "document", "document应为base64", "document is base64")

    def write(value: Any, _agencies: Agencies) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
            raise NotValid("document.digest", "材料缺少SHA-256摘要", "the document has no SHA-256 digest")
        return f"urn:sha256:{value}"

    return Codec(lambda text: text, write, "document")


def _mark(_clause: Mapping[str, Any], _lists: Mapping[str, CodeList]) -> Codec:
    raise Unusable("codec.form", "mark", "mark须与agency一起使用", "mark goes together with agency")


_BUILDERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, CodeList]], Codec]] = {
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
    "offence": _offence,
    "file_name": _file_name,
    "document": _document,
    "mark": _mark,
    "name": _name,
    "address": _address,
}
