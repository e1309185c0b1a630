"""What a field's type and the values of the samples say: which canonical places they may be, and how they are written there.

A codec is only proposed when it reads every value of the samples: a draft never refuses what it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hub.domain.values import IdNumber, NotValid, PlaceCode
from hub.translation.codecs import Unusable, build
from hub.translation.codelists import CodeList
from hub.workshop.suggestion.lexicon import Lexicon
from hub.workshop.suggestion.places import Place
from hub.workshop.suggestion.sources import Field, instances

#: Log-odds against a pair whose values cannot be what the place holds.
NEVER = -9.0

DATE_FORMS = (
    *("yyyyMMdd", "yyyy-MM-dd", "yyyy/MM/dd", "yyyy.MM.dd", "yyyy年MM月dd日"),
    *("yyyy年M月d日", "yyyy/M/d", "yyyy-M-d", "yyyy.M.d", "汉字"),
)
TIME_FORMS = (
    "yyyyMMddHHmmss",
    "yyyy-MM-dd HH:mm:ss",
    "yyyy/MM/dd HH:mm:ss",
    "yyyyMMddHHmm",
    "yyyy-MM-dd HH:mm",
    "yyyy-MM-ddTHH:mm:ss",
    "yyyy年MM月dd日 HH:mm:ss",
    *("yyyy-MM-dd HH:mm:ss.SSS", "yyyy/MM/dd HH:mm", "yyyy/M/d H:mm:ss", "yyyy/M/d H:mm", "yyyyMMddHHmmssSSS"),
    *(
        "yyyyMMdd HH:mm:ss",
        "yyyyMMddTHHmmss",
        "yyyy年M月d日 HH:mm:ss",
        "yyyy年MM月dd日HH时mm分ss秒",
        "yyyy年M月d日H时mm分",
    ),
)
TERM_FORMS = ("N年N月N日", "YYMMDD", "months")
SEPARATORS = ("、", ";", ",", "|", "/", "，", " ")

_PHONE = re.compile(r"(?:\+?86[- ]?)?1[3-9]\d{9}|0\d{2,3}[- ]?\d{7,8}(?:-\d{1,6})?")
_ADDRESS = re.compile(r"(省|市|县|区|旗|自治)(.*)|.*(镇|乡|街道|村|路|街|巷|号|室|小区|社区|楼)")
_ORGANISATION = re.compile(
    r".*(法院|检察院|监狱|司法局|司法所|公安局|派出所|看守所|分局|监狱管理局|委员会|政府|办事处|厅|支队|大队)$"
)
_OFFENCE = re.compile(r".{1,40}罪")
_DOCUMENT = re.compile(
    r".*(书|函|表|令|证|材料|通知|裁定|判决|决定|笔录|鉴定|证明|报告|意见|登记)(副本|复印件)?(\.[A-Za-z0-9]{2,5})?"
)
_FILE = re.compile(r"[^/\\]{1,120}\.(pdf|doc|docx|jpg|jpeg|png|ofd|wps|tif|tiff|zip)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}")
_MAGIC = ("JVBERi", "/9j/", "iVBOR", "UEsDB", "0M8R4", "T0ZE")
_MEDIA_TYPE = re.compile(r"(application|image|text|audio|video|multipart)/[\w.+-]+")
#: A date is no term, though 2022年3月1日 may be read as one of 2022 years.
_YEAR = re.compile(r"(19|20)\d\d年")
#: How documentation says what stands between several values: `多个以逗号分隔`, `用“;”隔开`.
_SEPARATED = re.compile(
    r"(?:以|用|按|由|使用|采用|之间|间|中间)?[“”\"'‘’「（(]*"
    r"(半角逗号|全角逗号|英文逗号|中文逗号|逗号|顿号|半角分号|全角分号|英文分号|分号|竖线|斜杠|斜线|[,，、;；|/])"
    r"[“”\"'‘’」）)]*(?:来|进行|作为|为)?(?:分隔|隔开|分开|间隔|分割|连接|区分)"
    r"|(?:separated|delimited|joined) (?:by|with) [\"'(]*(?:an? )?(comma|semicolon|pipe|slash|[,;|/])"
    r"|(comma|semicolon|pipe|slash)[ -](?:separated|delimited)",
    re.IGNORECASE,
)
_CALLED = {"逗号": ",", "顿号": "、", "分号": ";", "竖线": "|", "斜杠": "/", "斜线": "/", "，": ",", "；": ";"} | {
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "slash": "/",
}
#: A nickname: some Chinese characters, whatever they begin with.
_NICKNAME = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff·]{1,8}")
_SERIAL = re.compile(r"(?=.*\d)[0-9A-Za-z_.:/#-]{3,64}")


@dataclass(slots=True)
class Reason:
    zh: str
    en: str


@dataclass(slots=True)
class Verdict:
    """What the values say of a pair: log-odds, the codec's keys, the reasons. `table` is a code list that has to be made."""

    odds: float
    codec: dict[str, Any] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    table: dict[str, str] | None = None
    unknown: tuple[str, ...] = ()


def never(zh: str, en: str) -> Verdict:
    return Verdict(NEVER, {}, [Reason(zh, en)])


class Values:
    """Weighs pairs by their values. `counties` are the codes and names of the places tables."""

    def __init__(
        self, lexicon: Lexicon, lists: Mapping[str, CodeList], places: Mapping[str, str], fields: Sequence[Field]
    ) -> None:
        self.lexicon, self.lists, self.places = lexicon, lists, places
        self.offences: frozenset[str] = frozenset()
        self.usual_separator = self._usual_separator(fields)
        self.ids = [entry for entry in fields if _share(entry.values, _is_id) >= 0.8 and entry.values]

    def _usual_separator(self, fields: Sequence[Field]) -> str:
        """What a system puts between several offences, for its fields whose samples hold one value each; `;` without."""
        for entry in fields:
            if not entry.repeated and _share(entry.values, lambda value: value.endswith("罪")) == 1.0:
                found = self.separator(entry, lambda part: bool(_OFFENCE.fullmatch(part)))
                if found:
                    return found
        return ";"

    def weigh(self, place: Place, entry: Field) -> Verdict:
        weigh = {
            "date": self._date,
            "time": self._time,
            "term": self._term,
            "boolean": self._boolean,
            "money": self._money,
            "number": self._number,
            "place": self._place,
            "agency": self._agency,
            "coded": self._coded,
            "enum": self._enum,
            "sha256": self._content,
        }.get(place.kind, self._text)
        if entry.base == "base64Binary" and place.kind != "sha256":
            return never("类型是二进制", "its type is binary")
        return weigh(place, entry)

    # ------------------------------------------------------------ dates and terms
    def _date(self, place: Place, entry: Field) -> Verdict:
        if not entry.values:
            return self._empty_date(entry)
        forms = ["xs:date"] if entry.base == "date" else ["xs:dateTime"] if entry.base == "dateTime" else []
        for form in (*forms, *DATE_FORMS, "xs:dateTime", *TIME_FORMS):
            if _reads({"date": form}, entry.values):
                break
        else:
            return never("样例不是日期", "the samples are no dates")
        verdict = Verdict(
            0.6, {"date": form}, [Reason(f"样例都是{form}形式的日期", f"all samples are dates of the form {form}")]
        )
        if "HH" in form or (form == "xs:dateTime" and any("T00:00:00" not in value for value in entry.values)):
            verdict.odds = -0.6
        born = self._born(entry, form)
        if place.path == "person.birth_date":
            if born is not None:
                verdict.odds = 6.0 if born else -6.0
                verdict.reasons.append(
                    Reason("与证件号码中的出生日期一致", "it is the birth date in the ID number")
                    if born
                    else Reason("与证件号码中的出生日期不符", "it is not the birth date in the ID number")
                )
        elif born:
            return never("是证件号码中的出生日期", "it is the birth date in the ID number")
        return verdict

    @staticmethod
    def _empty_date(entry: Field) -> Verdict:
        if entry.base in ("date", "dateTime"):
            return Verdict(0.5, {"date": f"xs:{entry.base}"}, [Reason("类型是日期", "its type is a date")])
        eight = any(pattern in (r"[0-9]{8}", r"\d{8}") for pattern in entry.patterns)
        if entry.base not in ("", "string", "normalizedString", "token"):
            return never("类型不是日期", "its type is no date")
        return Verdict(0.2 if eight else -0.8, {"date": "yyyyMMdd" if eight else "yyyy-MM-dd"})

    def _born(self, entry: Field, form: str) -> bool | None:
        """Whether dates are those of the ID numbers beside them; None where there are none beside them."""
        read = build({"date": form}, {}).decode
        assert read
        told: list[bool] = []
        for other in self.ids:
            beside = dict(instances(other))
            for at, value in instances(entry):
                if at in beside and _is_id(beside[at]):
                    told.append(read(value) == IdNumber.parse(beside[at]).birth_date.isoformat())
        return None if not told else sum(told) >= 0.7 * len(told)

    def _time(self, place: Place, entry: Field) -> Verdict:
        if not entry.values:
            if entry.base == "dateTime":
                return Verdict(0.8, {"time": "xs:dateTime"}, [Reason("类型是时间", "its type is a time")])
            fourteen = any("{14}" in pattern for pattern in entry.patterns)
            free = entry.base in ("", "string")
            return (
                Verdict(0.3 if fourteen else -0.6, {"time": "yyyyMMddHHmmss"})
                if free
                else never("类型不是时间", "its type is no time")
            )
        for form in ("xs:dateTime", *TIME_FORMS):
            if _reads({"time": form}, entry.values):
                return Verdict(
                    1.2,
                    {"time": form},
                    [Reason(f"样例都是{form}形式的时间", f"all samples are times of the form {form}")],
                )
        return never("样例不是时间", "the samples are no times")

    def _term(self, place: Place, entry: Field) -> Verdict:
        if not entry.values:
            whole = entry.base in ("int", "integer", "long", "short")
            return Verdict(0.0 if whole else -0.5, {"term": "months" if whole else "N年N月N日"})
        ways: list[dict[str, Any]] = [{"term": form} for form in TERM_FORMS]
        ways += [{"term": "N年N月N日", "list": separator} for separator in SEPARATORS]
        for codec in ways:
            if codec["term"] == "YYMMDD" and not all(re.fullmatch(r"\d{6}", value) for value in entry.values):
                continue
            if codec["term"] == "months" and not all(re.fullmatch(r"\d{1,3}", value) for value in entry.values):
                continue
            if _reads(codec, entry.values) and not any(_YEAR.match(value) for value in entry.values):
                sure = {"N年N月N日": 2.0, "YYMMDD": 0.8, "months": 0.3}[codec["term"]]
                return Verdict(
                    sure,
                    codec,
                    [
                        Reason(
                            f"样例都是“{codec['term']}”形式的期限", f"all samples are terms of the form {codec['term']}"
                        )
                    ],
                )
        return never("样例不是期限", "the samples are no terms")

    # ------------------------------------------------------------ numbers
    def _boolean(self, place: Place, entry: Field) -> Verdict:
        words = [value.lower() for value in {*entry.values, *entry.choices}]
        meant = self._explained(entry)
        yes = [word.lower() for word in self.lexicon.meanings.get("yes", ())]
        no = [word.lower() for word in self.lexicon.meanings.get("no", ())]
        truth: dict[str, bool] = {}
        for value in {*entry.values, *entry.choices}:
            word = meant.get(value, value).lower()
            if word in yes or word in no:
                truth[value] = word in yes
        if not words and entry.base == "boolean":
            return Verdict(
                1.0, {"boolean": {"true": True, "false": False}}, [Reason("类型是布尔", "its type is boolean")]
            )
        if not words:
            return Verdict(-1.2, {"boolean": {"1": True, "0": False}})
        if len(truth) < len({*entry.values, *entry.choices}):
            return never("样例不是是否值", "the samples are not yes and no")
        for table in (
            {"1": True, "0": False},
            {"是": True, "否": False},
            {"Y": True, "N": False},
            {"true": True, "false": False},
            {"有": True, "无": False},
            {"y": True, "n": False},
        ):
            if set(truth) <= set(table):
                break
        else:
            table = dict(truth)
        if set(table.values()) != {True, False}:
            return never("样例只有一种取值，含义不明", "the samples show one value only")
        return Verdict(
            1.2,
            {"boolean": table},
            [Reason(f"样例只有{'、'.join(sorted(truth))}", f"the samples are only {', '.join(sorted(truth))}")],
        )

    def _money(self, place: Place, entry: Field) -> Verdict:
        if not entry.values:
            return Verdict(0.3 if entry.base == "decimal" else -0.6, {"money": True})
        if _reads({"money": True}, entry.values):
            cents = _share(entry.values, lambda value: "." in value) > 0.5
            return Verdict(
                1.0 if cents else 0.0,
                {"money": True},
                [Reason("样例是金额", "the samples are amounts")] if cents else [],
            )
        return never("样例不是金额", "the samples are no amounts")

    def _number(self, place: Place, entry: Field) -> Verdict:
        if entry.values and not _reads({"number": True}, entry.values):
            return never("样例不是整数", "the samples are no whole numbers")
        return Verdict(0.3 if entry.values else -0.3, {"number": True})

    # ------------------------------------------------------------ places and agencies
    def _place(self, place: Place, entry: Field) -> Verdict:
        if not entry.values:
            return Verdict(-0.5 if entry.base in ("", "string") else NEVER, {"place": "any"})
        known = _share(entry.values, self._is_place)
        if known < 0.8:
            return never("样例不是区划代码", "the samples are no place codes")
        short = all(len(value) == 6 for value in entry.values)
        codec: dict[str, Any] = {"place": "any"}
        if place.path == "correction.execution_place":
            codec = {"place": 6}
        elif not _reads(codec, entry.values):
            return never("样例不是区划代码", "the samples are no place codes")
        odds = 1.6 if short or place.path != "correction.execution_place" else 0.6
        return Verdict(odds, codec, [Reason("样例都在区划代码表中", "all samples are in the tables of place codes")])

    def _is_place(self, value: str) -> bool:
        try:
            code = PlaceCode.parse(value)
        except NotValid:
            return False
        return code.county in self.places or not self.places

    def _agency(self, place: Place, entry: Field) -> Verdict:
        kind = "court" if place.path == "case.deciding_agency" else "place"
        if not entry.values:
            return Verdict(-0.3, {"agency": kind})
        if (
            _share(entry.values, lambda value: bool(re.fullmatch(r"\d{6}(0{6})?", value)) and value[:6] in self.places)
            >= 0.8
        ):
            return Verdict(
                0.8,
                {"agency": kind},
                [Reason("样例是机关所在区划的代码", "the samples are codes of the organs' places")],
            )
        if _share(entry.values, lambda value: bool(_ORGANISATION.fullmatch(value))) >= 0.8:
            court = _share(entry.values, lambda value: value.endswith("法院")) >= 0.8
            odds = 2.2 if court and kind == "court" else 1.2
            return Verdict(odds, {"agency": "name"}, [Reason("样例是机关名称", "the samples are names of organs")])
        if (
            _share(
                entry.values, lambda value: bool(_SERIAL.fullmatch(value)) or bool(re.fullmatch(r"[A-Z-]{2,20}", value))
            )
            >= 0.8
            and kind == "place"
        ):
            return Verdict(-0.2, {"agency": kind}, table={}, unknown=tuple(sorted(set(entry.values))))
        return never("样例不是机关", "the samples are no organs")

    # ------------------------------------------------------------ codes
    def _explained(self, entry: Field) -> dict[str, str]:
        """What the documentation says of each code, as in `1男 2女` or `01=管制；02=缓刑`."""
        return explained(entry.label)

    def _coded(self, place: Place, entry: Field) -> Verdict:
        told = self._sexes(entry) if place.path == "person.sex" else None
        words = self.lists.get(place.codes or "")
        values = [*entry.values, *entry.choices]
        if not values:
            if words is None or entry.base not in ("", "string"):
                return Verdict(-1.5, {})
            return Verdict(-0.4, {"codes": words.name})
        if _share(values, lambda value: len(value) > 16) > 0.2:
            return never("样例太长，不是代码", "the samples are too long for codes")
        if words is not None:
            for way, read, odds in (("word as sent", _word, 3.2), ("code", _code, 1.4)):
                if all(read(words, value) for value in values):
                    codec = {"codes": words.name} if way == "code" else {"codes": words.name, "as": way}
                    if way != "code" and set(values) <= set(words.names):
                        continue
                    verdict = Verdict(
                        odds,
                        codec,
                        [
                            Reason(
                                f"样例都是{words.name}的{'名称' if way != 'code' else '代码'}",
                                f"all samples are {'words' if way != 'code' else 'codes'} of {words.name}",
                            )
                        ],
                    )
                    if told:
                        verdict.odds += 3.0
                        verdict.reasons.append(Reason("与证件号码所示性别一致", "it is the sex in the ID number"))
                    return verdict
            some = _share(values, lambda value: _word(words, value))
            if some >= 0.8 and len(values) >= 5:
                return Verdict(
                    2.0,
                    {"codes": words.name, "as": "word as sent"},
                    [Reason(f"多数样例是{words.name}的名称", f"most samples are words of {words.name}")],
                    unknown=tuple(value for value in values if not _word(words, value)),
                )
        if _share(values, lambda value: bool(re.fullmatch(r"[0-9A-Za-z]{1,6}", value)) or len(value) <= 8) < 0.8:
            return never("样例不是代码", "the samples are no codes")
        meant = self._explained(entry)
        table: dict[str, str] = {}
        if words is not None:
            for value in set(values):
                for word in (meant.get(value, ""), *(told or {}).get(value, ()), *self._meant(place.path, value)):
                    if _word(words, word) or word in words.names:
                        table[value] = word if word in words.names else words.words[word]
                        break
        odds = (
            1.8
            if table and len(table) == len(set(values))
            else -0.2
            if _share(values, lambda v: len(v) <= 4) == 1
            else -1.0
        )
        reasons = (
            [Reason("各代码的含义见于说明或证件号码", "the documentation or the ID numbers tell what the codes mean")]
            if odds > 1
            else []
        )
        if told:
            odds += 3.0
        return Verdict(odds, {}, reasons, table, tuple(sorted(set(values) - set(table))))

    def _sexes(self, entry: Field) -> dict[str, list[str]] | None:
        """Code → GB/T 2261.1 code, where the ID numbers beside the values say one and the same for each."""
        seen: dict[str, set[str]] = {}
        for other in self.ids:
            beside = dict(instances(other))
            for at, value in instances(entry):
                if at in beside and _is_id(beside[at]):
                    seen.setdefault(value, set()).add(IdNumber.parse(beside[at]).sex)
        if len(seen) != 2 or any(len(sexes) != 1 for sexes in seen.values()):
            return None
        found = {value: list(sexes) for value, sexes in seen.items()}
        return found if len({sexes[0] for sexes in found.values()}) == 2 else None

    def _meant(self, path: str, value: str) -> list[str]:
        return [
            code
            for code, words in self.lexicon.meanings.get(path, {}).items()
            if value.lower() in [str(w).lower() for w in words]
        ]

    def _enum(self, place: Place, entry: Field) -> Verdict:
        if place.many and not entry.repeated:
            separator = self.separator(entry, lambda part: part in place.values or bool(self._meant(place.path, part)))
            parts = [part for value in entry.values for part in _apart(value, separator)]
            verdict = self._one_of(place, entry, [*parts, *entry.choices])
            verdict.codec["list"] = separator or separator_said(entry.label) or self.usual_separator
            return verdict
        return self._one_of(place, entry, [*entry.values, *entry.choices])

    def _one_of(self, place: Place, entry: Field, values: list[str]) -> Verdict:
        if not values:
            return Verdict(-0.5, {})
        if _share(values, lambda value: len(value) > 20) > 0.2:
            return never("样例太长，不是代码", "the samples are too long for codes")
        for codes in self.lists.values():
            if codes.coded or not set(codes.names.values()) <= set(place.values):
                continue
            wordy = any(_HANZI.search(value) for value in values)
            if wordy and all(_code(codes, value) for value in values):
                return Verdict(
                    3.0,
                    {"codes": codes.name},
                    [Reason(f"样例都在代码表“{codes.name}”中", f"all samples are in the code list {codes.name}")],
                )
        explained_ = self._explained(entry)
        standard = None if explained_ else self._standard(place, values)
        if standard is not None:
            return standard
        table: dict[str, str] = {}
        for value in set(values):
            for word in (value, explained_.get(value, "")):
                if word in place.values:
                    table[value] = word
                elif meant := next((v for v in self._meant(place.path, word) if v in place.values), None):
                    table[value] = meant
        if place.many and table != {} and set(values) <= set(place.values):
            return Verdict(3.0, {}, [Reason("样例都是此处的取值", "all samples are values of the place")], table)
        if len(table) == len(set(values)):
            wordy = any(_HANZI.search(value) for value in values)
            return Verdict(
                3.2 if wordy else 2.4,
                {},
                [
                    Reason(
                        f"样例的含义已知：{'、'.join(f'{k}={v}' for k, v in sorted(table.items()))}",
                        f"the codes' meaning is known: {', '.join(f'{k}={v}' for k, v in sorted(table.items()))}",
                    )
                ],
                table,
            )
        if _share(values, lambda value: bool(_HANZI.search(value))) > 0.3 and not table:
            return never("样例的词不是此处的取值", "the words of the samples are no values of the place")
        if len(set(values)) > max(len(place.values) + 3, 6) or _share(values, lambda value: len(value) > 8) > 0.2:
            return never("样例不是代码", "the samples are no codes")
        return Verdict(-0.3, {}, [], table, tuple(sorted(set(values) - set(table))))

    def _standard(self, place: Place, values: Sequence[str]) -> Verdict | None:
        """Codes that a standard's list has for the place's values, with or without leading zeros: a guess to be confirmed."""
        for codes in self.lists.values():
            if codes.coded or codes.edition is None or not set(codes.names.values()) <= set(place.values):
                continue
            if len(set(codes.names.values())) < 0.6 * len(place.values) or len(set(values)) < 2:
                continue
            if all(_code(codes, value) for value in values):
                return Verdict(
                    1.2,
                    {"codes": codes.name},
                    [Reason(f"代码与{codes.name}相符，请核对", f"the codes fit {codes.name}: to be confirmed")],
                )
            short = {code.lstrip("0"): meaning for code, meaning in codes.names.items()}
            if all(value in short for value in values):
                table = {code: short[code] for code in sorted(short)}
                return Verdict(
                    1.0,
                    {},
                    [
                        Reason(
                            f"代码像去掉前导零的{codes.name}，请核对",
                            f"the codes look like {codes.name} without zeros: to be confirmed",
                        )
                    ],
                    table,
                )
        return None

    # ------------------------------------------------------------ documents
    def _content(self, place: Place, entry: Field) -> Verdict:
        codec = {"document": "base64"}
        if entry.base == "base64Binary":
            return Verdict(3.0, codec, [Reason("类型是base64Binary", "its type is base64Binary")])
        if (
            entry.values
            and _share(entry.values, lambda value: value.startswith(_MAGIC) and bool(_BASE64.fullmatch(value))) >= 0.8
        ):
            return Verdict(4.0, codec, [Reason("样例是文件的Base64内容", "the samples are files in Base64")])
        if not entry.values:
            return Verdict(-1.0, codec)
        if _share(entry.values, lambda value: len(value) >= 40 and bool(_BASE64.fullmatch(value))) >= 0.8:
            return Verdict(1.0, codec, [Reason("样例是Base64", "the samples are Base64")])
        return never("样例不是文件内容", "the samples are no files")

    # ------------------------------------------------------------ texts
    def _text(self, place: Place, entry: Field) -> Verdict:
        if entry.base in ("boolean", "date", "dateTime") and place.kind == "text":
            return never(f"类型是{entry.base}", f"its type is {entry.base}")
        special = self.lexicon.kinds.get(place.path)
        if not entry.values:
            return self._untold(special, entry)
        judge: dict[str, Callable[[Place, Field], Verdict]] = {
            "person-name": self._person_name,
            "id-number": self._id_number,
            "case-number": self._case_number,
            "phone": self._phone,
            "address": self._address,
            "offence": self._offence,
            "title": self._title,
            "document-kind": self._document_kind,
            "serial": self._serial,
            "media-type": self._media_type,
            "organisation": self._organisation,
        }
        if special in judge:
            return judge[special](place, entry)
        if _share(entry.values, lambda value: bool(_BASE64.fullmatch(value)) and len(value) > 60) > 0.5:
            return never("样例是Base64", "the samples are Base64")
        plain = _share(entry.values, lambda value: _is_id(value) or bool(_PHONE.fullmatch(value)))
        return Verdict(-3.0 if plain > 0.5 else 0.0)

    @staticmethod
    def _untold(special: str | None, entry: Field) -> Verdict:
        numeric = entry.base in ("int", "integer", "long", "short", "decimal")
        if special == "id-number" and any("17" in pattern for pattern in entry.patterns):
            return Verdict(
                3.0,
                {"check": "GB 11643"},
                [Reason("类型的格式是公民身份号码", "its type has the pattern of ID numbers")],
            )
        codec: dict[str, Any] = {
            "id-number": {"check": "GB 11643"},
            "case-number": {"check": "case-number"},
            "offence": {"offence": "full"},
        }.get(special or "", {})
        return Verdict(-2.5 if numeric else 0.0, codec)

    def _person_name(self, place: Place, entry: Field) -> Verdict:
        values, codec = entry.values, {}
        if place.many and not entry.repeated:
            codec = self._joined(entry, lambda part: self._is_name(part) or bool(_NICKNAME.fullmatch(part)))
            values = [part for value in values for part in _apart(value, codec.get("list"))]
        named = _share(values, self._is_name)
        if named >= 0.7:
            return Verdict(1.2, codec, [Reason("样例像人名", "the samples look like names of persons")])
        if _share(values, lambda value: bool(re.search(r"[0-9A-Za-z]{3}", value)) or len(value) > 20) > 0.3:
            return never("样例不是人名", "the samples are no names of persons")
        return Verdict(-0.2 if place.many else -1.0, codec)

    def _is_name(self, value: str) -> bool:
        if re.fullmatch(r"[\u3400-\u9fff\U00020000-\U0003ffff]{1,12}(·[\u3400-\u9fff]{1,12})+", value):
            return True
        return (
            bool(re.fullmatch(r"[\u3400-\u9fff\U00020000-\U0003ffff]{2,4}", value))
            and value[0] in self.lexicon.surnames
            and not _DOCUMENT.fullmatch(value)
            and not value.endswith("罪")
        )

    def _id_number(self, place: Place, entry: Field) -> Verdict:
        if _share(entry.values, _is_id) >= 0.8:
            return Verdict(
                6.0,
                {"check": "GB 11643"},
                [Reason("样例的校验码都符合GB 11643", "the check characters of the samples fit GB 11643")],
            )
        if _share(entry.values, lambda value: bool(re.fullmatch(r"[0-9A-Za-z()（）·/-]{5,40}", value))) < 0.8:
            return never("样例不是证件号码", "the samples are no ID numbers")
        if _share(entry.values, lambda value: bool(re.fullmatch(r"\d{17}[0-9Xx*]", value))) >= 0.8:
            return Verdict(
                1.5,
                {"check": "GB 11643"},
                [
                    Reason(
                        "样例有18位，但校验码不符",
                        "the samples have 18 characters, but the check characters do not fit",
                    )
                ],
            )
        return Verdict(-2.5, {"check": "GB 11643"})

    def _case_number(self, place: Place, entry: Field) -> Verdict:
        if _reads({"check": "case-number"}, entry.values):
            return Verdict(3.2, {"check": "case-number"}, [Reason("样例都是案号", "all samples are case numbers")])
        loose = _share(entry.values, lambda value: bool(re.search(r"[0-9]{4}.*号", value)))
        return Verdict(0.6) if loose >= 0.8 else never("样例不是案号", "the samples are no case numbers")

    def _phone(self, place: Place, entry: Field) -> Verdict:
        if _share(entry.values, lambda value: bool(_PHONE.fullmatch(value))) >= 0.7:
            return Verdict(2.4, {}, [Reason("样例都是电话号码", "all samples are telephone numbers")])
        return never("样例不是电话号码", "the samples are no telephone numbers")

    def _address(self, place: Place, entry: Field) -> Verdict:
        if (
            _share(
                entry.values,
                lambda value: len(value) >= 5 and bool(_ADDRESS.search(value)) and not _ORGANISATION.fullmatch(value),
            )
            >= 0.7
        ):
            return Verdict(2.0, {}, [Reason("样例都是地址", "all samples are addresses")])
        if _share(entry.values, lambda value: bool(re.fullmatch(r"[0-9A-Za-z:. /-]+", value))) > 0.3:
            return never("样例不是地址", "the samples are no addresses")
        return Verdict(-1.5)

    def _offence(self, place: Place, entry: Field) -> Verdict:
        codec: dict[str, Any] = {}
        values = entry.values
        if place.many and not entry.repeated:
            codec = self._joined(entry, lambda part: bool(re.fullmatch(r"[\u3400-\u9fff、]{2,40}", part)))
            values = [part for value in values for part in _apart(value, codec.get("list"))]
        if _share(values, lambda value: bool(_OFFENCE.fullmatch(value))) >= 0.8:
            return Verdict(3.0, {**codec, "offence": "full"}, [Reason("样例都以“罪”结尾", "all samples end with 罪")])
        if _share(values, lambda value: bool(re.fullmatch(r"[\u3400-\u9fff、（）()]{2,40}", value))) >= 0.8:
            return Verdict(0.2, {**codec, "offence": "short"})
        return never("样例不是罪名", "the samples are no offences")

    def _joined(self, entry: Field, fits: Callable[[str], bool]) -> dict[str, Any]:
        """The separator of several values in one text: what the samples show, what the documentation says, what others use."""
        return {"list": self.separator(entry, fits) or separator_said(entry.label) or self.usual_separator}

    @staticmethod
    def separator(entry: Field, fits: Callable[[str], bool]) -> str | None:
        """What stands between several values in the samples, of which each `fits`; None where no sample shows it."""
        said = separator_said(entry.label)
        for separator in (*([said] if said else ()), *SEPARATORS[:-1]):
            parts = [part for value in entry.values for part in _apart(value, separator)]
            if any(len(_apart(value, separator)) > 1 for value in entry.values) and all(fits(part) for part in parts):
                return "," if separator == "，" else separator
        return None

    def _title(self, place: Place, entry: Field) -> Verdict:
        if _share(entry.values, lambda value: bool(_FILE.fullmatch(value))) >= 0.6:
            return Verdict(2.6, {}, [Reason("样例是文件名", "the samples are file names")])
        if _share(entry.values, lambda value: bool(_DOCUMENT.fullmatch(value))) >= 0.6:
            return Verdict(1.4, {}, [Reason("样例是文书名称", "the samples are names of documents")])
        return Verdict(-3.0 if _share(entry.values, lambda v: bool(re.fullmatch(r"[0-9a-f.]+", v))) > 0.5 else -0.5)

    @staticmethod
    def _media_type(place: Place, entry: Field) -> Verdict:
        if _share(entry.values, lambda value: bool(_MEDIA_TYPE.fullmatch(value))) >= 0.8:
            return Verdict(5.0, {}, [Reason("样例都是媒体类型", "all samples are media types")])
        return never("样例不是媒体类型", "the samples are no media types")

    def _document_kind(self, place: Place, entry: Field) -> Verdict:
        if (
            _share(
                entry.values,
                lambda value: bool(_FILE.fullmatch(value)) or value.lower() in ("pdf", "doc", "docx", "jpg", "png"),
            )
            > 0.3
        ):
            return never("样例是文件格式或文件名", "the samples are formats or file names")
        fits = [
            codes
            for codes in self.lists.values()
            if not codes.coded
            and any("书" in v for v in codes.names.values())
            and entry.values
            and all(_HANZI.search(v) and _code(codes, v) for v in entry.values)
        ]
        if _share(entry.values, lambda value: bool(_DOCUMENT.fullmatch(value))) >= 0.6:
            codec = {"codes": fits[0].name} if fits else {}
            return Verdict(1.2, codec, [Reason("样例是文书的种类", "the samples are kinds of documents")])
        if _share(entry.values, lambda value: len(value) <= 6) >= 0.8:
            meant = {code: word for code, word in self._explained(entry).items() if code in entry.values}
            return Verdict(0.4, {}, [], meant, tuple(sorted(set(entry.values) - set(meant))))
        return Verdict(-0.5)

    def _serial(self, place: Place, entry: Field) -> Verdict:
        values = entry.values
        if _share(values, lambda value: bool(_SERIAL.fullmatch(value))) < 0.8 or _share(values, _is_id) > 0.3:
            return never("样例不是编号", "the samples are no numbers of records")
        distinct = len(set(values)) / len(values)
        if len(values) >= 3 and distinct < 0.7:
            return Verdict(-3.0)
        if (
            _reads({"date": "yyyyMMdd"}, values)
            or _reads({"time": "yyyyMMddHHmmss"}, values)
            or _share(values, lambda v: bool(_PHONE.fullmatch(v))) > 0.5
        ):
            return Verdict(-2.0)
        if _share(values, self._is_place) > 0.8:
            return Verdict(-2.0)
        return Verdict(
            0.8 if len(values) >= 3 else 0.3,
            {},
            [Reason("每个样例各不相同", "each sample has its own")] if len(values) >= 3 else [],
        )

    def _organisation(self, place: Place, entry: Field) -> Verdict:
        if _share(entry.values, lambda value: bool(_ORGANISATION.fullmatch(value))) >= 0.8:
            return Verdict(1.4, {}, [Reason("样例是机关名称", "the samples are names of organs")])
        if (
            _share(entry.values, lambda value: bool(re.fullmatch(r"[0-9A-Za-z_-]{2,24}", value)) and not _is_id(value))
            >= 0.8
        ):
            return Verdict(0.3)
        return never("样例不是机关", "the samples are no organs")


# ---------------------------------------------------------------- small judgements
_HANZI = re.compile(r"[\u3400-\u9fff]")
_EXPLAINED = re.compile(r"([0-9A-Za-z]{1,8})\s*[:：=\-–.、]?\s*([\u3400-\u9fff]{1,20})")


def separator_said(label: str) -> str | None:
    """The separator that a documentation names, such as `多个以逗号分隔`."""
    found = _SEPARATED.search(label)
    if found is None:
        return None
    said = next(group for group in found.groups() if group).lower()
    return next((mark for name, mark in _CALLED.items() if said.endswith(name)), said)


def explained(label: str) -> dict[str, str]:
    """Codes and their words in a text such as `性别（1男 2女）` or `01=管制；02=缓刑`; none where it names fewer than two."""
    found = dict(_EXPLAINED.findall(label))
    return found if len(found) > 1 else {}


def _share(values: Iterable[str], fits: Callable[[str], bool]) -> float:
    values = list(values)
    return sum(1 for value in values if fits(value)) / len(values) if values else 0.0


@cache
def _is_id(value: str) -> bool:
    try:
        return len(IdNumber.parse(value).text) in (15, 18) and len(value) in (15, 18)
    except NotValid:
        return False


def _takes(read: Callable[[str], Any], value: str) -> bool:
    try:
        read(value)
    except NotValid:
        return False
    return True


def _word(codes: CodeList, value: str) -> bool:
    """Whether a list reads a text as a word."""
    return value in codes.words


def _code(codes: CodeList, value: str) -> bool:
    """Whether a list reads a text as a code."""
    return value in (codes.names if codes.coded else codes.words)


def _apart(value: str, separator: str | None) -> list[str]:
    if separator is None:
        return [value]
    wide = {";": "；", ",": "，"}.get(separator, separator)
    return [part.strip() for part in value.replace(wide, separator).split(separator) if part.strip()]


def _reads(codec: Mapping[str, Any], values: Sequence[str]) -> bool:
    """Whether a codec that needs no list reads every value."""
    try:
        read = build(codec, {}).decode
    except Unusable:
        return False
    return read is not None and all(_takes(read, value) for value in values)
