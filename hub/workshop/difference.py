"""What one release of a dialect has that another has not: by file, and by line of the mapping in words."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hub.translation.codelists import CodeList
from hub.translation.mapping import Clause, Line, RecordMapping, Section
from hub.translation.release import Compiled, Release

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
WORDS: Mapping[str, tuple[str, str]] = {
    ADDED: ("新增", "added"),
    REMOVED: ("删除", "removed"),
    CHANGED: ("修改", "changed"),
}
#: Direction of a line → how its two sides are joined when it is told.
ARROWS: Mapping[str, str] = {"both": "↔", "in": "←", "out": "→"}
#: What a mapping's file says outside its lines, with the words for it.
SETTINGS: Mapping[str, tuple[str, str]] = {
    "direction": ("方向", "direction"),
    "record": ("根元素", "root element"),
    "operation": ("操作", "operation"),
    "schema": ("格式文件", "schema"),
    "facts": ("信封事项", "envelope facts"),
    "required": ("必填项", "required places"),
    "label": ("称呼", "label"),
    "left_to_connector": ("由连接器填写", "left to the connector"),
    "ignore": ("忽略的位置", "places that are ignored"),
}
#: Characters of a code list's change that are told one by one; the rest is counted.
CODES_TOLD = 40


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file: `diff` is a unified diff, empty where the file is no text."""

    path: str
    change: str
    diff: str


@dataclass(frozen=True, slots=True)
class LineChange:
    """One line of a mapping, a setting beside the lines, or a code: what it was (`before`) and is (`after`)."""

    exchange: str
    place: str
    change: str
    before: str | None
    after: str | None
    file: str
    line: int | None
    zh: str
    en: str


def by_file(old: Release, new: Release) -> list[FileChange]:
    """Every file that is not the same in both, sorted by path."""
    found = []
    for path in sorted({*old.files, *new.files}):
        before, after = old.files.get(path), new.files.get(path)
        if before == after:
            continue
        change = ADDED if before is None else REMOVED if after is None else CHANGED
        found.append(FileChange(path, change, _unified(path, before, after)))
    return found


def _unified(path: str, before: bytes | None, after: bytes | None) -> str:
    try:
        old, new = ((content or b"").decode("utf-8").splitlines(keepends=True) for content in (before, after))
    except UnicodeDecodeError:
        return ""
    lines = difflib.unified_diff(
        old, new, "/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}"
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def by_line(old: Compiled, new: Compiled) -> list[LineChange]:
    """What changed for which place, in the order of the exchanges and of their lines. Of a release that cannot be compiled,
    nothing is known by line."""
    if old.dialect is None or new.dialect is None:
        return []
    found = list(_settings_of_dialect(old, new))
    before, after = _mappings(old), _mappings(new)
    for exchange in sorted({*before, *after}):
        found += _mapping(exchange, before.get(exchange), after.get(exchange))
    for name in sorted({*old.lists, *new.lists}):
        found += _codes(name, old.lists.get(name), new.lists.get(name))
    return found


def _mappings(compiled: Compiled) -> dict[str, RecordMapping]:
    dialect = compiled.dialect
    assert dialect is not None
    found = {name: writer.mapping for name, writer in dialect.writers.items()}
    found |= {name: reader.mapping for name, reader in dialect.readers.items()}
    return {**found, **{f"answers/{name}": part.mapping for name, part in dialect.answers.items()}}


def _mapping(exchange: str, old: RecordMapping | None, new: RecordMapping | None) -> Iterator[LineChange]:
    if old is None or new is None:
        one = new or old
        assert one is not None
        change = ADDED if old is None else REMOVED
        zh, en = WORDS[change]
        yield LineChange(
            exchange,
            "",
            change,
            None,
            None,
            one.file,
            one.line,
            f"{zh}“{exchange}”的映射",
            f"the mapping of {exchange} is {en}",
        )
        return
    for name, (zh, en) in SETTINGS.items():
        before, after = _told(getattr(old, name)), _told(getattr(new, name))
        if before != after:
            yield _change(exchange, name, before, after, new.file, new.line, zh, en)
    lines = [dict(_lines(mapping)) for mapping in (old, new)]
    for key in [*lines[1], *(key for key in lines[0] if key not in lines[1])]:
        was, now = lines[0].get(key), lines[1].get(key)
        before, after = (_clauses(one) if one else None for one in (was, now))
        if before != after:
            line = now or was
            assert line is not None
            direction, place = key
            shown = f"{place} {ARROWS[direction]}"
            yield _change(exchange, place, before, after, line.file, line.line, shown, shown)


def _change(
    exchange: str, place: str, before: str | None, after: str | None, file: str, line: int | None, zh: str, en: str
) -> LineChange:
    """`zh` and `en` say of what; with what it was and is, that is a sentence."""
    change = ADDED if before is None else REMOVED if after is None else CHANGED
    words = WORDS[change]
    what = f"{before} ⇒ {after}" if change == CHANGED else f"{after if before is None else before}"
    return LineChange(
        exchange, place, change, before, after, file, line, f"{words[0]} {zh} {what}", f"{words[1]}: {en} {what}"
    )


def _lines(mapping: RecordMapping) -> Iterator[tuple[tuple[str, str], Line]]:
    """Every line by its direction and the whole path of its place."""
    yield from _section(mapping.section, "")
    if mapping.split is not None:
        yield from _section(mapping.split, "")


def _section(section: Section, above: str) -> Iterator[tuple[tuple[str, str], Line]]:
    for line in section.lines:
        place = f"{above}{line.target}"
        yield (line.direction, place), line
        if line.section is not None:
            yield from _section(line.section, f"{place}[].")


def _clauses(line: Line) -> str:
    told = [_clause(clause) for clause in line.clauses]
    if line.section is not None:
        told.insert(0, f"{line.section.each or ''}[]")
    return " | ".join(told)


def _clause(clause: Clause) -> str:
    """A clause as one would write it: the place alone, or with how it is written."""
    keys = {key: value for key, value in clause.keys.items() if key not in ("at", "lines", "only", "each")}
    at = clause.keys.get("at")
    said = ", ".join(f"{key}: {_told(value)}" for key, value in keys.items())
    if at is None:
        return said
    return f"{at}" + (f" ({said})" if said else "")


def _told(value: Any) -> str | None:
    """A value of a file in one line, the same for the same value."""
    if value is None:
        return None
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, bool | int | float):
        return str(plain).lower() if isinstance(plain, bool) else str(plain)
    text: str = yaml.safe_dump(plain, allow_unicode=True, default_flow_style=True, width=10_000, sort_keys=True)
    return text.strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(str(inner) for inner in value)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | bool | int | float) or value is None else str(value)


# ------------------------------------------------------------------ beside the lines
def _settings_of_dialect(old: Compiled, new: Compiled) -> Iterator[LineChange]:
    """dialect.yaml, by its own keys."""
    path = f"dialects/{new.release.dialect}/dialect.yaml"
    before, after = (_top(one.release.files.get(path, b"")) for one in (old, new))
    for key in sorted({*before, *after}):
        was, now = (_told(one[key]) if key in one else None for one in (before, after))
        if was != now:
            yield _change("", key, was, now, f"mappings/{path}", None, key, key)


def _top(content: bytes) -> dict[str, Any]:
    found = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 - every value stays the text that it is
    return found if isinstance(found, dict) else {}


def _codes(name: str, old: CodeList | None, new: CodeList | None) -> Iterator[LineChange]:
    one = new or old
    assert one is not None
    file, _, _ = one.source.rpartition(":")
    if old is None or new is None:
        change = ADDED if old is None else REMOVED
        zh, en = WORDS[change]
        yield LineChange(
            "", name, change, None, None, file, None, f"{zh}代码表“{name}”", f"the code list {name} is {en}"
        )
        return
    changes = [
        _change("", f"{name}/{code}", was, now, file, None, f"代码表“{name}”：{code} =", f"code list {name}: {code} =")
        for code in sorted({*old.names, *new.names})
        if (was := old.names.get(code)) != (now := new.names.get(code))
    ]
    readings = [
        _change(
            "",
            f"{name}/{word}",
            was,
            now,
            file,
            None,
            f"代码表“{name}”：读入“{word}”为",
            f"code list {name}: {word!r} is read as",
        )
        for word in sorted({*old.words, *new.words})
        if (was := old.words.get(word)) != (now := new.words.get(word)) and word not in {*old.names, *new.names}
    ]
    yield from changes[:CODES_TOLD]
    yield from readings[: max(0, CODES_TOLD - len(changes))]
    left = len(changes) + len(readings) - CODES_TOLD
    if left > 0:
        yield LineChange(
            "",
            name,
            CHANGED,
            None,
            None,
            file,
            None,
            f"代码表“{name}”另有{left}处不同",
            f"code list {name}: {left} more differences",
        )
    if (old.carry, old.coded) != (new.carry, new.coded):
        yield _change(
            "",
            name,
            _policy(old),
            _policy(new),
            file,
            None,
            f"代码表“{name}”：未知代码",
            f"code list {name}: unknown codes",
        )


def _policy(one: CodeList) -> str:
    return ("carry" if one.carry else "refuse") + (", coded" if one.coded else "")


def as_dict(change: FileChange | LineChange) -> dict[str, Any]:
    return dataclasses.asdict(change)
