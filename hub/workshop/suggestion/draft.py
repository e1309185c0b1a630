"""A suggestion as files: a mapping that `hub check` takes, the dialect's own file, and the code lists that have to be made.

Sure lines stand as lines, each with its confidence and reasons; doubtful ones as comments that begin with `# maybe`. What the
checker would not take is commented out with what it says, so that a draft is sound from the start.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub import translation
from hub.domain.agencies import Agencies
from hub.findings import Finding
from hub.translation.codelists import CodeList
from hub.workshop.suggestion.decide import Line, Suggestion
from hub.workshop.suggestion.decide import Path as Steps
from hub.workshop.suggestion.places import required_of

#: The column in which the right side of a line begins, where the left one is shorter.
COLUMN = 38
_PLAIN = re.compile(r"[\w./@\[\]\-]+")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: How often the checker is asked again after commenting out what it found.
ROUNDS = 6


@dataclass(slots=True)
class Draft:
    """The files of a draft by their names: the mapping, `dialect.yaml`, and code lists. `findings`: what the checker still says."""

    mapping: str
    dialect: str
    lists: dict[str, str]
    findings: list[Finding]
    contract: Path | None


@dataclass(slots=True)
class _Entry:
    """One line of a section: what it says, and the remark behind it. `off`: why it is commented out."""

    key: str
    value: Any
    remark: str = ""
    off: str = ""


@dataclass(slots=True)
class _Section:
    lines: list[_Entry] = field(default_factory=list)
    into: list[_Entry] = field(default_factory=list)
    out: list[_Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    each: str | None = None
    #: canonical list → its section
    lists: dict[str, _Section] = field(default_factory=dict)


def draft(
    suggestion: Suggestion,
    dialect: str,
    schema: Mapping[str, Any],
    lists: Mapping[str, CodeList],
    language: str = "zh",
    new_lists: bool = True,
    direction: str | None = None,
) -> Draft:
    """The files of a draft. `new_lists` false: lines that need a list that is not there yet stay comments.

    `direction` is `in`, `out` or `both`; without it, both ways, or only in where the contract requires what nothing tells.
    """
    return _Writer(suggestion, dialect, schema, lists, language, new_lists, direction).written()


class _Writer:
    def __init__(
        self,
        suggestion: Suggestion,
        dialect: str,
        schema: Mapping[str, Any],
        lists: Mapping[str, CodeList],
        language: str,
        new_lists: bool,
        direction: str | None,
    ) -> None:
        self.suggestion, self.dialect, self.schema = suggestion, dialect, schema
        self.known, self.new_lists = lists, new_lists
        self.english = language.startswith("en")
        self.wanted = direction
        self.direction = direction or "both"
        self.made: dict[str, str] = {}
        self.main, self.split = _Section(), _Section()
        if suggestion.split:
            self.split.each = "/".join(suggestion.split)

    def written(self) -> Draft:
        for line in self.suggestion.lines:
            if line.asserted:
                self._take(line)
            else:
                section, base = self._section(line)
                section.notes.append(self._maybe(line, base))
        self._fill_required()
        self._fill_contract()
        findings: list[Finding] = []
        for _ in range(ROUNDS):
            text, at = self._text()
            findings = self._check(text)
            off = False
            for finding in findings:
                entry = at.get(finding.line) if finding.file.endswith(f"{self.suggestion.exchange}.yaml") else None
                if entry is not None and not entry.off and finding.rule != "foreign.not-covered":
                    entry.off, off = finding.message("en" if self.english else "zh"), True
            if not off:
                break
        return Draft(text, self._dialect_file(), self.made, findings, self._contract())

    # ------------------------------------------------------------ lines
    def _section(self, line: Line) -> tuple[_Section, Steps]:
        """The section that a line belongs to, and where it begins in the foreign record."""
        steps = tuple(line.foreign.split("/"))
        in_split = bool(self.suggestion.split) and steps[: len(self.suggestion.split or ())] == self.suggestion.split
        section, base = (self.split, self.suggestion.split or ()) if in_split else (self.main, ())
        name = line.canonical.rpartition("[]")[0]
        path = self.suggestion.lists.get(name)
        if path is not None and steps[: len(path)] == path:
            below = section.lists.setdefault(name, _Section())
            below.each = "/".join(path[len(base) :])
            return below, path
        return section, base

    def _take(self, line: Line) -> None:
        section, base = self._section(line)
        if line.codec.get("each"):
            return
        at = "/".join(line.foreign.split("/")[len(base) :]) or "."
        key = (
            line.canonical.rpartition("[].")[2]
            if line.canonical.rpartition("[]")[0] in self.suggestion.lists
            else line.canonical
        )
        remark = self._remark(line)
        if line.canonical == "message.sender":
            form = line.codec.get("agency", "place")
            section.into.append(
                _Entry(key, {"context": "sender"}, self._say("谁连接，就是谁发送", "who is connected sends"))
            )
            section.out.append(
                _Entry(at, {"context": "sender", "agency": form if form in ("place", "name") else "place"}, remark)
            )
        elif line.codec.get("agency") == "name":
            self._named_agency(section, key, at, remark)
        elif line.canonical == "person.local_numbers[].number" and key == line.canonical:
            self._local_number(section, at, remark)
        elif "[]." in key and line.field is not None and not line.field.repeated:
            self._only_item(section, key, at, remark)
        elif "[]." in key:
            name, _, inner = key.partition("[].")
            below = section.lists.setdefault(name, _Section(each=at))
            below.lines.append(_Entry(inner, ".", remark))
        elif line.table is not None:
            self._coded(section, line, key, at, remark)
        elif line.place is not None and line.place.kind in ("coded", "enum") and "codes" not in line.codec:
            section.lines.append(_Entry(key, {"at": at}, remark, self._say("需要代码表", "needs a code list")))
        else:
            codec = dict(line.codec)
            if line.canonical == "case.number" and "check" in codec:
                codec["as_written"] = "case.number_as_written"
            if codec.get("term") == "months" and line.field is not None and "0" in line.field.values:
                codec["absent"] = "0"
            if self._json_kind(line):
                codec["json"] = self._json_kind(line)
            repeated = line.place is not None and line.place.many and line.field is not None and line.field.repeated
            section.lines.append(_Entry(f"{key}[]" if repeated else key, {"at": at, **codec} if codec else at, remark))

    def _json_kind(self, line: Line) -> str | None:
        """What a JSON value is, where only samples tell it."""
        if self.suggestion.foreign.format != "json" or self.suggestion.foreign.spoken or line.field is None:
            return None
        return {"boolean": "boolean", "int": "integer", "decimal": "number"}.get(line.field.base)

    def _named_agency(self, section: _Section, key: str, at: str, remark: str) -> None:
        section.into.append(_Entry(key, {"compute": f"{{'name': {self._foreign(at)}}}"}, remark))
        codec: dict[str, Any] = {"from": key, "agency": "name"}
        if "court-names" in self.known and key == "case.deciding_agency":
            codec["names"] = "court-names"
        section.out.append(_Entry(at, codec, remark))

    def _local_number(self, section: _Section, at: str, remark: str) -> None:
        asked = self._foreign(at)
        section.into.append(
            _Entry(
                "person.local_numbers",
                {"compute": f"[{{'system': context.sender, 'number': {asked}}}]", "when": f"{asked} != ''"},
                remark,
            )
        )
        mine = "n, n.system == record.message.sender"
        section.out.append(
            _Entry(
                at,
                {
                    "compute": f"record.person.local_numbers.filter({mine})[0].number",
                    "when": f"record.person.local_numbers.exists({mine})",
                },
                remark,
            )
        )

    def _only_item(self, section: _Section, key: str, at: str, remark: str) -> None:
        """One text that is the only item of a list: several are joined on the way out."""
        name, _, inner = key.partition("[].")
        asked = self._foreign(at)
        section.into.append(_Entry(name, {"compute": f"[{{'{inner}': {asked}}}]", "when": f"{asked} != ''"}, remark))
        several = f"join(record.{name}.map(item, item.{inner}), '；')"
        section.out.append(_Entry(at, {"compute": several, "when": f"size(record.{name}) > 0"}, remark))

    def _coded(self, section: _Section, line: Line, key: str, at: str, remark: str) -> None:
        """Codes of the system's own: a list where canonical values are plain, a computation where they are coded."""
        assert line.table is not None
        assert line.place is not None
        if line.place.kind == "text" and not line.table:
            section.lines.append(_Entry(key, at, remark))
            return
        if line.unknown or not line.table:
            codes = ", ".join(line.unknown[:12])
            why = self._say(f"请先写明这些代码的含义：{codes}", f"say first what these codes mean: {codes}")
            section.lines.append(_Entry(key, {"at": at, "codes": self._list_name(line)}, remark, why))
            return
        if line.place.kind == "coded":
            back = {value: code for code, value in sorted(line.table.items(), reverse=True)}
            system = line.place.codes or ""
            there, here = _cel(line.table), _cel(back)
            section.into.append(
                _Entry(key, {"compute": f"{{'system': '{system}', 'code': {there}[{self._foreign(at)}]}}"}, remark)
            )
            if "[]" not in line.canonical:
                section.out.append(_Entry(at, {"compute": f"{here}[record.{line.canonical}.code]"}, remark))
            return
        words = {code: value for code, value in line.table.items() if value == code}
        if len(words) == len(line.table) and line.place.kind == "text":
            section.lines.append(_Entry(key, at, remark))
            return
        name = self._list_name(line)
        self.made[f"{name}.yaml"] = self._list_text(name, line)
        codec = {"codes": name, **({"list": line.codec["list"]} if "list" in line.codec else {})}
        off = "" if self.new_lists else self._say(f"需要代码表{name}", f"needs the code list {name}")
        section.lines.append(_Entry(key, {"at": at, **codec}, remark, off))

    def _list_name(self, line: Line) -> str:
        return f"{self.dialect}-{line.canonical.rpartition('.')[2].replace('_', '-')}"

    def _list_text(self, name: str, line: Line) -> str:
        assert line.table is not None
        assert line.place is not None
        rows, seen, also = [], set(), []
        values = dict(sorted(line.table.items()))
        if line.place.values and all(code == value for code, value in values.items()):
            values = {value: value for value in line.place.values}
        for code, value in values.items():
            if value in seen:
                also.append(f"  {_quoted(code)}: {_quoted(value)}")
            else:
                seen.add(value)
                rows.append(f"  {_quoted(code)}: {_quoted(value)}")
        text = (
            f"name: {name}\nzh: {line.place.label}（{line.foreign.rpartition('/')[2]}）\ncodes:\n"
            + "\n".join(rows)
            + "\n"
        )
        return text + ("also_read:\n" + "\n".join(also) + "\n" if also else "")

    @staticmethod
    def _foreign(at: str) -> str:
        """A foreign place as an expression asks for it."""
        found = "foreign"
        for step in at.split("/"):
            if step.startswith("@"):
                found = f"{found}@{step[1:]}"
            else:
                found += f".{step}" if _IDENTIFIER.fullmatch(step) else f"['{step}']"
        return found

    # ------------------------------------------------------------ what the record must have
    def _fill_required(self) -> None:
        told = {line.canonical for line in self.suggestion.asserted}
        residence = next(
            (line for line in self.suggestion.asserted if line.canonical == "person.residence.place"), None
        )
        for path in required_of(self.schema):
            if any(one == path or one.startswith(f"{path}.") for one in told):
                continue
            if path == "correction.execution_place" and residence is not None:
                section, base = self._section(residence)
                at = "/".join(residence.foreign.split("/")[len(base) :])
                section.into.append(
                    _Entry(
                        path,
                        {"at": at, "place": 6},
                        self._say("按居住地推定，请核对", "taken from the residence: to be confirmed"),
                    )
                )
                continue
            section = (
                self.split
                if self.suggestion.split and path.startswith(("person.", "correction.", "sentence."))
                else self.main
            )
            sentence = {
                "rule": "draft.unmapped",
                "zh": f"草稿没有找到{path}的来源，请补写",
                "en": f"the draft found nothing for {path}: say where it comes from",
            }
            section.into.append(
                _Entry(
                    path,
                    {"fault": sentence, "of": []},
                    self._say("必填，但没有找到", "required, and nothing found for it"),
                )
            )

    def _fill_contract(self) -> None:
        """What the contract requires and no line writes: constants of the samples, positions; else what was carried along."""
        foreign = self.suggestion.foreign
        if not foreign.spoken:
            return
        lines = {line.foreign: line for line in self.suggestion.asserted}
        written = {place for place, line in lines.items() if not self._is_off(line)}
        begun = {tuple(place.split("/"))[:n] for place in written for n in range(1, place.count("/") + 1)}
        for entry in foreign.fields:
            above = [entry.path[:n] for n in range(1, len(entry.path))]
            if (
                entry.place in written
                or entry.optional
                or any(path in foreign.loose and path not in begun for path in above)
            ):
                continue
            if any(
                path in foreign.repeated and path not in begun and path not in self.suggestion.lists.values()
                for path in above
            ):
                continue
            section, base = self._section_at(entry.path)
            at = "/".join(entry.path[len(base) :]) or "."
            values = entry.values
            if (
                section.each
                and values
                and all(re.fullmatch(r"[0-9]{1,2}", v) for v in values)
                and any(v == str(max(1, at_[-1] + 1)) for at_, v in entry.seen.items())
                and self._counts(entry.seen)
            ):
                section.out.append(
                    _Entry(at, {"position": True}, self._say("样例中是序号", "a number from 1 in the samples"))
                )
            elif len(values) >= 2 and len(set(values)) == 1 and len(values[0]) <= 40 and entry.place not in lines:
                section.out.append(
                    _Entry(at, {"value": values[0]}, self._say("所有样例都是此值", "the same in all samples"))
                )
            else:
                why = self._say(
                    "接收系统必填，但没有找到来源：请补写",
                    "the contract requires it and nothing was found: say where it comes from",
                )
                # Written for good it would no longer be carried along when reading, so it stands in a one-way draft only.
                off = "" if self.wanted in ("out", "both") else self._say("待补写", "to be written")
                section.out.append(_Entry(at, {"compute": f"record.unmapped['{entry.place}']"}, why, off))
                self.direction = self.wanted or "in"

    @staticmethod
    def _counts(seen: Mapping[tuple[int, ...], str]) -> bool:
        """Whether values are the position of their instance, from 1."""
        return all(value == str(at[-1] + 1) for at, value in seen.items() if value and len(at) > 1)

    def _is_off(self, line: Line) -> bool:
        """Whether a line stands in the draft as a comment only."""
        for section in (self.main, self.split, *self.main.lists.values(), *self.split.lists.values()):
            for entry in (*section.lines, *section.into):
                if entry.off and isinstance(entry.value, Mapping):
                    base = self._section(line)[1]
                    if self._section(line)[0] is section and entry.value.get("at") == (
                        "/".join(line.foreign.split("/")[len(base) :]) or "."
                    ):
                        return True
        return False

    def _section_at(self, path: Steps) -> tuple[_Section, Steps]:
        for name, each in self.suggestion.lists.items():
            if path[: len(each)] == each:
                for section in (self.main, self.split):
                    if name in section.lists:
                        return section.lists[name], each
        if self.suggestion.split and path[: len(self.suggestion.split)] == self.suggestion.split:
            return self.split, self.suggestion.split
        return self.main, ()

    # ------------------------------------------------------------ as text
    def _say(self, zh: str, en: str) -> str:
        return en if self.english else zh

    def _remark(self, line: Line) -> str:
        reasons = (
            "; ".join(reason.en for reason in line.reasons)
            if self.english
            else "；".join(reason.zh for reason in line.reasons)
        )
        return f"{line.confidence:.0%} {' '.join(reasons.split())}"

    def _maybe(self, line: Line, base: Steps) -> str:
        at = "/".join(line.foreign.split("/")[len(base) :]) or "."
        codec = {} if line.written in ("text", "each") or line.table is not None else line.codec
        value = _flow({"at": at, **codec}) if codec else _flow(at)
        return f"# maybe {line.canonical}: {value}   # {self._remark(line)}"

    def _text(self) -> tuple[str, dict[int, _Entry]]:
        foreign = self.suggestion.foreign
        sure, doubtful, left = len(self.suggestion.asserted), len(self.suggestion.doubtful), self.suggestion.left
        rows: list[tuple[str, _Entry | None]] = [
            (
                self._say(
                    f"# 草稿：{sure}行有把握，{doubtful}行存疑（# maybe），{len(left)}处未用。逐行核对后再启用。",
                    f"# A draft: {sure} lines are sure, {doubtful} doubtful (# maybe), {len(left)} places unused. Read every line before it is used.",
                ),
                None,
            )
        ]
        head: dict[str, Any] = {"dialect": self.dialect, "exchange": self.suggestion.exchange, "version": 1}
        if foreign.operation:
            head["operation"] = foreign.operation
        head["record"] = foreign.record
        if self.direction != "both":
            head["direction"] = self.direction
        rows += [(f"{key}: {_flow(value)}", None) for key, value in head.items()]
        rows += self._rows(self.main, "")
        if self.split.each and (self.split.lines or self.split.into or self.split.lists):
            rows.append(("split:", None))
            rows.append((f"  each: {_flow(self.split.each)}", None))
            rows += self._rows(self.split, "  ")
        if left:
            rows.append(
                (
                    "# "
                    + self._say("没有找到对应的：", "nothing found for: ")
                    + ", ".join(entry.place for entry in left),
                    None,
                )
            )
        text = "\n".join(row for row, _ in rows) + "\n"
        return text, {n: entry for n, (_, entry) in enumerate(rows, start=1) if entry is not None}

    def _rows(self, section: _Section, indent: str) -> list[tuple[str, _Entry | None]]:
        rows: list[tuple[str, _Entry | None]] = []
        if any(not entry.off for entry in section.lines) or section.lists:
            rows.append((f"{indent}lines:", None))
        rows += [self._row(entry, f"{indent}  ") for entry in section.lines]
        for name, below in section.lists.items():
            if all(entry.off for entry in [*below.lines, *below.into]):
                continue
            rows.append((f"{indent}  {name}:", None))
            rows.append((f"{indent}    each: {_flow(below.each)}", None))
            rows += self._rows(below, f"{indent}    ")
        rows += [(f"{indent}  {note}", None) for note in section.notes]
        ways = [(way, entries) for way, entries in (("in", section.into), ("out", section.out)) if entries]
        if any(not entry.off for _, entries in ways for entry in entries):
            rows.append((f"{indent}only:", None))
        for way, entries in ways:
            if any(not entry.off for entry in entries):
                rows.append((f"{indent}  {way}:", None))
            rows += [self._row(entry, f"{indent}    ") for entry in entries]
        return rows

    def _row(self, entry: _Entry, indent: str) -> tuple[str, _Entry]:
        key = f"{_flow(entry.key)}:"
        said = f"{key:<{COLUMN}} {_flow(entry.value)}"
        if entry.off:
            return f"{indent}# {said}   # {entry.off} | {entry.remark}", entry
        return f"{indent}{said}   # {entry.remark}", entry

    def _dialect_file(self) -> str:
        foreign = self.suggestion.foreign
        rows = [f"dialect: {self.dialect}", f"zh: {self.dialect}", f"en: {self.dialect}"]
        contract = self._contract()
        if foreign.format == "json":
            rows.append("format: json")
            if contract is not None:
                rows.append(f"schema: {contract.name}")
        else:
            rows.append(f"wsdl: {contract.name if contract else 'none'}")
            if foreign.encoding and contract is None:
                rows.append(f"encoding: {foreign.encoding}")
        if self.direction != "in":
            rows.append(f"writes: [{self.suggestion.exchange}]")
        key = next((line.foreign for line in self.suggestion.asserted if line.canonical == "message.key"), None)
        sent = next((line.foreign for line in self.suggestion.asserted if line.canonical == "message.sent_at"), None)
        below = foreign.record.partition("/")[2]
        prefix = f"{below}/" if below else ""
        rows += [
            self._say(
                "# 收取报文还需要answers.yaml（怎样答复发送方），然后去掉以下各行的#：",
                "# Receiving also needs answers.yaml (what the sender is answered); then take the # from these lines:",
            ),
            "# receives:",
            f"#   {foreign.operation or 'receive'}:",
            f"#     record: {foreign.record.partition('/')[0]}",
            f"#     key: {prefix}{key or '?'}",
            f"#     exchange: {self.suggestion.exchange}",
        ]
        if sent:
            rows.append(f"#     volatile: [{prefix}{sent}]")
        return "\n".join(rows) + "\n"

    def _contract(self) -> Path | None:
        """The contract that the dialect's file names: a WSDL, or the JSON Schema; an XSD alone is none."""
        contract = self.suggestion.foreign.contract
        if contract is None or contract.suffix.lower() == ".xsd":
            return None
        return contract

    # ------------------------------------------------------------ checked
    def _check(self, text: str) -> list[Finding]:
        """What the checker says of the draft beside the code lists that are there."""
        with tempfile.TemporaryDirectory(prefix="hub-draft-") as made:
            root = Path(made) / "mappings"
            folder = root / "dialects" / self.dialect
            folder.mkdir(parents=True)
            (root / "codelists").mkdir(exist_ok=True)
            for n, codes in enumerate(self.known.values()):
                if codes.name in text:
                    (root / "codelists" / f"known-{n}.yaml").write_text(codes.content, encoding="utf-8")
            for name, content in self.made.items():
                if self.new_lists:
                    (root / "codelists" / name).write_text(content, encoding="utf-8")
            contract = self._contract()
            if contract is not None:
                shutil.copyfile(contract, folder / contract.name)
            (folder / "dialect.yaml").write_text(self._dialect_file(), encoding="utf-8")
            (folder / f"{self.suggestion.exchange}.yaml").write_text(text, encoding="utf-8")
            return translation.check(root, Agencies([], {}), {self.suggestion.exchange: self.schema})


def _cel(table: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{key}': '{value}'" for key, value in sorted(table.items())) + "}"


def _quoted(text: str) -> str:
    return (
        text
        if re.fullmatch(r"[\u3400-\u9fffA-Za-z-]+", text)
        and text.lower() not in ("true", "false", "null", "yes", "no", "y", "n")
        else json.dumps(text, ensure_ascii=False)
    )


def _flow(value: Any) -> str:
    """A value in YAML's flow style, on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    text = str(value)
    if isinstance(value, int):
        return text
    plain = (
        _PLAIN.fullmatch(text)
        and text[0] not in "@-["
        and not text.endswith("[]")
        and not re.fullmatch(r"[-+]?[0-9._]+", text)
    )
    if plain and text.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "~", "."):
        return text
    if re.fullmatch(r"[A-Za-z][\w .:/-]*[\w]", text) and ": " not in text:
        return text
    return (
        text
        if text == "." or (text.endswith("[]") and _PLAIN.fullmatch(text))
        else json.dumps(text, ensure_ascii=False)
    )


def _key(key: Any) -> str:
    text = str(key)
    return (
        text
        if re.fullmatch(r"[a-z_]+", text) and text not in ("true", "false", "yes", "no", "y", "n")
        else json.dumps(text, ensure_ascii=False)
    )


def files_of(made: Draft, dialect: str, exchange: str) -> Iterable[tuple[str, str]]:
    """The files of a draft by their place in a configuration folder; the contract is copied beside them."""
    yield f"dialects/{dialect}/dialect.yaml", made.dialect
    yield f"dialects/{dialect}/{exchange}.yaml", made.mapping
    for name, content in made.lists.items():
        yield f"codelists/{name}", content
