"""Code lists as data: what a code means, read both ways, and what becomes of a code that the list does not have."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.domain.faults import Fault
from hub.domain.values import NotValid
from hub.findings import Finding, LinedDict, read_yaml

KEYS = ("name", "zh", "en", "coded", "unknown", "codes", "also_read", "edition", "note")

#: The name under which the tables of places stand beside the code lists; no file can give a list this name.
PLACES = "places/"


class Carried(Exception):
    """A code that the list does not have and that is carried along unmapped, as the list says."""


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list. `coded`: its canonical values are `{system, code, text?}`; otherwise a code stands for a plain value."""

    name: str
    zh: str
    coded: bool
    carry: bool
    names: Mapping[str, str]
    #: every word and code that is read, with the code it means
    words: Mapping[str, str]
    #: plain lists: canonical value → code
    reverse: Mapping[str, str]
    source: str
    content: str
    #: of the standard that the list follows
    edition: str | None = None

    def read_code(self, text: str) -> Any:
        """The canonical value of a code. Raises `NotValid` or `Carried` for one that is not in the list."""
        if self.coded:
            if text in self.names:
                return {"system": self.name, "code": text}
        elif text in self.words:
            return self.names[self.words[text]]
        raise self._unknown(text, self.names)

    def read_word(self, text: str) -> Any:
        """The canonical value of a word, which is kept as `text` beside its code."""
        code = self.words.get(text)
        if code is None:
            raise self._unknown(text, self.words)
        return {"system": self.name, "code": code, "text": text} if self.coded else self.names[code]

    def write_code(self, value: Any) -> str:
        """The code of a canonical value. Raises `NotValid` where the list has none."""
        return self._code(value)

    def write_word(self, value: Any) -> str:
        """The list's own word for a canonical value."""
        return self.names[self._code(value)]

    def write_as_sent(self, value: Any) -> str:
        """The word that the sender wrote, where it still means the same; else the list's own."""
        code = self._code(value)
        text = value.get("text") if isinstance(value, Mapping) else None
        return text if isinstance(text, str) and self.words.get(text) == code else self.names[code]

    def _code(self, value: Any) -> str:
        if self.coded:
            shown = value.get("code", value) if isinstance(value, Mapping) else value
            if (
                isinstance(value, Mapping)
                and value.get("system") == self.name
                and isinstance(shown, str)
                and shown in self.names
            ):
                return shown
            if isinstance(value, Mapping) and value.get("system") != self.name:
                raise NotValid(
                    "code.system",
                    f"需要代码系统“{self.name}”的代码，而不是“{value.get('system')}”",
                    f"a code of {self.name} is wanted, not of {value.get('system')}",
                )
            raise self._not_known(str(shown), self.names)
        code = self.reverse.get(value) if isinstance(value, str) else None
        if code is None:
            raise self._not_known(str(value), self.reverse)
        return code

    def _unknown(self, text: str, among: Iterable[str]) -> Exception:
        return Carried(text) if self.carry else self._not_known(text, among)

    def _not_known(self, text: str, among: Iterable[str]) -> NotValid:
        known = list(among)
        near = difflib.get_close_matches(text, known, n=3, cutoff=0.4) or known[:5]
        named = [f"{word}（{self.names[word]}）" if word in self.names else word for word in near]
        plain = [f"{word} ({self.names[word]})" if word in self.names else word for word in near]
        more = "等" if len(known) > len(near) else ""
        return NotValid(
            "code.unknown",
            f"代码表“{self.name}”中没有“{text}”；可用的有：{'、'.join(named)}{more}",
            f"{text!r} is not in the code list {self.name!r}; it has {', '.join(plain)}{' and others' if more else ''}",
        )


def checker(lists: Mapping[str, CodeList]) -> Callable[[Mapping[str, Any]], list[Fault]]:
    """A function that names every code of a canonical record that its list does not have, with pointers into the record.

    Systems without a list here are not judged, nor are lists that carry unknown codes along.
    """
    judged = {name: known for name, known in lists.items() if known.coded and not known.carry}

    def check(record: Mapping[str, Any]) -> list[Fault]:
        faults = []
        left: list[tuple[str, Any]] = [("", record)]
        while left:
            pointer, value = left.pop()
            if isinstance(value, list):
                left += [(f"{pointer}/{n}", item) for n, item in enumerate(value)]
            elif isinstance(value, Mapping):
                system = value.get("system")
                if isinstance(system, str) and system in judged and "code" in value:
                    try:
                        judged[system].write_code(value)
                    except NotValid as error:
                        faults.append(Fault(error.rule, f"{pointer}/code", error.zh, error.en, value=value["code"]))
                else:
                    left += [
                        (f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}", item)
                        for name, item in value.items()
                        if isinstance(item, Mapping | list)
                    ]
        return sorted(faults, key=lambda fault: fault.pointer)

    return check


def load(folder: Path, shown: str) -> tuple[dict[str, CodeList], list[Finding]]:
    """Every list of a folder by its name, with what is wrong with them. `shown` names the folder for users."""
    lists: dict[str, CodeList] = {}
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.yaml")):
        name = f"{shown}/{path.name}"
        found, wrong = read_yaml(path, name)
        findings += wrong
        if found is None:
            continue
        made, wrong = _list(found, name, path.read_text(encoding="utf-8"))
        findings += wrong
        if made is None:
            continue
        if made.name in lists:
            findings.append(
                Finding(
                    name,
                    found.line_of("name"),
                    "codelist.duplicate",
                    f"代码表“{made.name}”重复，已见于{lists[made.name].source}",
                    f"the code list {made.name!r} is there already: {lists[made.name].source}",
                )
            )
            continue
        lists[made.name] = made
    return lists, findings


def load_with_places(config_dir: Path) -> tuple[dict[str, CodeList], list[Finding]]:
    """Everything that codecs may look up in a configuration: its code lists, and its tables of places as one more."""
    lists, findings = load(config_dir / "codelists", f"{config_dir.name}/codelists")
    if (tables := places(config_dir / "places", f"{config_dir.name}/places")) is not None:
        lists[PLACES] = tables
    return lists, findings


def places(folder: Path, shown: str) -> CodeList | None:
    """The tables of places (`code,name` in CSV files) as one list; None where there are none. Wrong rows are the
    configuration's to tell."""
    files = sorted(folder.glob("*.csv"))
    names: dict[str, str] = {}
    content = ""
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        content += text
        names.update({row[0]: row[1] for row in csv.reader(text.splitlines()) if len(row) == 2 and row[0].isdigit()})
    return CodeList(PLACES, "行政区划", False, False, names, {}, {}, f"{shown}:1", content) if names else None


def _list(found: LinedDict, shown: str, content: str) -> tuple[CodeList | None, list[Finding]]:
    findings: list[Finding] = []

    def say(line: int, rule: str, zh: str, en: str) -> None:
        findings.append(Finding(shown, line, rule, zh, en))

    for key in found:
        if key not in KEYS:
            say(
                found.line_of(key),
                "codelist.key",
                f"未知的键“{key}”，应为{'、'.join(KEYS)}之一",
                f"unknown key {key!r}; known are {', '.join(KEYS)}",
            )
    name, codes = found.get("name"), found.get("codes")
    if not isinstance(name, str) or not isinstance(codes, LinedDict) or not codes:
        say(found.line, "codelist.shape", "代码表需要name和codes", "a code list needs a name and codes")
        return None, findings
    unknown = found.get("unknown", "refuse")
    if unknown not in ("refuse", "carry"):
        say(
            found.line_of("unknown"),
            "codelist.unknown",
            "unknown应为refuse（拒绝）或carry（原样带走）",
            "unknown is refuse or carry",
        )
    coded = bool(found.get("coded", False))
    names: dict[str, str] = {}
    words: dict[str, str] = {}
    reverse: dict[str, str] = {}
    for code, meaning in codes.items():
        several = [str(word) for word in meaning] if isinstance(meaning, list) else [str(meaning)]
        names[code] = several[0]
        for word in several if coded else [code]:
            if words.setdefault(word, code) != code:
                say(
                    codes.line_of(code),
                    "codelist.clash",
                    f"“{word}”既表示{words[word]}又表示{code}：反向对应不唯一",
                    f"{word!r} means {words[word]} and {code}: it cannot be read back",
                )
        if not coded and reverse.setdefault(several[0], code) != code:
            say(
                codes.line_of(code),
                "codelist.clash",
                f"“{several[0]}”同时对应{reverse[several[0]]}和{code}：反向对应不唯一，只读的写在also_read下",
                f"{several[0]!r} has the codes {reverse[several[0]]} and {code}: which to write is unclear; put codes that are only read under also_read",
            )
    for word, meaning in (found.get("also_read") or {}).items():
        code = str(meaning) if coded else reverse.get(str(meaning), "")
        if code not in names:
            say(
                found.line_of("also_read", word),
                "codelist.also-read",
                f"also_read中“{word}”所指的“{meaning}”不在codes中",
                f"also_read: {word!r} points at {meaning!r}, which codes does not have",
            )
        elif words.setdefault(word, code) != code:
            say(
                found.line_of("also_read", word),
                "codelist.clash",
                f"“{word}”既表示{words[word]}又表示{code}",
                f"{word!r} means {words[word]} and {code}",
            )
    made = CodeList(
        name,
        str(found.get("zh", name)),
        coded,
        unknown == "carry",
        names,
        words,
        reverse,
        f"{shown}:{found.line}",
        content,
        str(found["edition"]) if "edition" in found else None,
    )
    return made, findings
