"""A dialect's samples against what stands beside them: a message and the records that it means, a record and how it is written.

A mapping that is wrong in the same way in both directions keeps every law of a round trip; only a sample whose meaning
somebody wrote down tells that from and to are swapped. `expected/index.yaml` says which sample means what.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.faults import Fault, Malformed
from hub.domain.values import NotValid
from hub.findings import Finding, LinedDict, read_yaml
from hub.translation import CannotWrite, Context, Dialect
from hub.translation.codecs import moment
from hub.translation.codelists import CodeList
from hub.translation.foreign import Node, path_of
from hub.translation.lint import line_in
from hub.translation.mapping import Line, RecordMapping, Section
from hub.translation.reader import place_of

#: Where the meanings stand, in the dialect's folder; the files that it names are relative to that folder.
INDEX = "expected/index.yaml"
#: What a document's content tells by itself; a record beside a sample need not say it.
_OF_THE_CONTENT = ("sha256", "size", "media_type")
_CONTEXT = ("message_id", "sent_at", "sender", "recipient")


@dataclass(frozen=True, slots=True)
class Tried:
    """What the samples showed: `findings` against them or the lines that they try, and the lines that were seen at work."""

    findings: list[Finding]
    count: int
    lines: frozenset[tuple[str, int]]


def try_samples(dialect: Dialect, folder: Path, shown: str, agencies: Agencies, exchange: str | None = None) -> Tried:
    """Read and write the samples of a dialect's folder. `shown` is the folder's name for users."""
    if not (folder / INDEX).is_file():
        return Tried([], 0, frozenset())
    index, findings = read_yaml(folder / INDEX, f"{shown}/{INDEX}")
    if index is None:
        return Tried(findings, 0, frozenset())
    trial = _Samples(dialect, folder, f"{shown}/{INDEX}", agencies, exchange)
    for way, entries in index.items():
        if way not in ("reads", "writes") or not isinstance(entries, LinedDict):
            trial.say(index.line_of(way), "samples.shape", "应为reads或writes", "only reads and writes stand here")
            continue
        for name, entry in entries.items():
            trial.one(way, name, entry, entries.line_of(name))
    return Tried([*findings, *trial.findings], trial.tried, frozenset(trial.shown_lines))


class _Samples:
    def __init__(self, dialect: Dialect, folder: Path, shown: str, agencies: Agencies, exchange: str | None) -> None:
        self.dialect, self.folder, self.shown, self.agencies = dialect, folder, shown, agencies
        self.exchange, self.tried = exchange, 0
        #: lines that some sample shows at work
        self.shown_lines: set[tuple[str, int]] = set()
        self.findings: list[Finding] = []

    def say(self, line: int, rule: str, zh: str, en: str, file: str | None = None) -> None:
        finding = Finding(file or self.shown, line, rule, zh, en)
        if not any((known.file, known.line, known.rule) == (finding.file, line, rule) for known in self.findings):
            self.findings.append(finding)

    def one(self, way: str, name: str, entry: Any, line: int) -> None:
        wanted = ("sender", "records") if way == "reads" else ("exchange", "record", "context")
        files = [name]
        listed = isinstance(entry, LinedDict) and (way != "reads" or isinstance(entry.get("records"), list))
        if isinstance(entry, LinedDict) and listed and all(key in entry for key in wanted):
            files += entry["records"] if way == "reads" else [entry["record"]]
        else:
            self.say(line, "samples.shape", f"应写明{'、'.join(wanted)}", f"{', '.join(wanted)} are needed here")
            return
        for file in files:
            if not (self.folder / str(file)).is_file():
                self.say(line, "samples.missing", f"找不到样例“{file}”", f"there is no sample {file!r}")
                return
        if way == "reads":
            self._reads(name, entry, line)
        else:
            self._writes(name, entry, line)

    def _record(self, name: str, line: int) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except ValueError as error:
            self.say(line, "samples.json", f"“{name}”不是JSON：{error}", f"{name!r} is no JSON: {error}")
            return None

    # ------------------------------------------------------------ reading
    def _reads(self, name: str, entry: LinedDict, line: int) -> None:
        expected = [self._record(str(one), line) for one in entry["records"]]
        try:
            payload = (self.folder / name).read_bytes()
            message = self.dialect.read(
                entry.get("operation"), dict(entry.get("parts") or {}), payload, str(entry["sender"])
            )
        except Malformed as error:
            self._faulty(name, error.faults, line)
            return
        if self.exchange not in (None, message.exchange):
            return
        self.tried += 1
        if message.faults:
            self._faulty(name, message.faults, line)
            return
        mapping = self.dialect.readers[str(message.exchange)].mapping
        if len(message.items) != len(expected):
            self.say(
                line,
                "sample.differs",
                f"{name}：读出{len(message.items)}份记录，应为{len(expected)}份",
                f"{name}: {len(message.items)} records were read, {len(expected)} are expected",
            )
            return
        for item, wanted in zip(message.items, expected, strict=True):
            if item.record is None:
                self._faulty(name, item.faults, line)
            elif wanted is not None:
                self.shown_lines |= {
                    (answers.file, answers.line)
                    for path in _paths(wanted, "")
                    if (answers := line_for(mapping, path)) is not None
                }
                for path, mine, theirs in _differences(wanted, item.record, ""):
                    self._differs(name, line_for(mapping, path), mapping, path, mine, theirs)

    def _faulty(self, name: str, faults: Any, line: int) -> None:
        for fault in faults:
            file, at = _source(fault) or (self.shown, line)
            where = fault.xpath or fault.pointer
            self.say(
                at,
                "sample.refused",
                f"样例{name}不能通过：{where}：{fault.zh}",
                f"the sample {name} does not pass: {where}: {fault.en}",
                file,
            )

    def _differs(
        self, name: str, line: Line | None, mapping: RecordMapping, where: str, expected: Any, found: Any
    ) -> None:
        zh = f"样例{name}：{where}应为{_shown(expected)}，却是{_shown(found)}"
        en = f"the sample {name}: {where} should be {_shown(expected)}, not {_shown(found)}"
        file, at = (line.file, line.line) if line else (mapping.file, mapping.line)
        self.say(at, "sample.differs", zh, en, file)
        # where both values are of the line's list, it may as well be the list that is wrong
        used = self._list_of(line, mapping)
        if used is not None and (code := _in_list(used, found)) and _in_list(used, expected):
            self.say(line_in(used, code), "sample.differs", zh, en, used.source.rpartition(":")[0])

    def _list_of(self, line: Line | None, mapping: RecordMapping) -> CodeList | None:
        parts = (self.dialect.readers.get(mapping.exchange), self.dialect.writers.get(mapping.exchange))
        lists = next(part.lists for part in parts if part is not None)
        named = [str(clause.get("codes")) for clause in line.clauses if "codes" in clause.keys] if line else []
        return lists.get(named[0]) if named else None

    # ------------------------------------------------------------ writing
    def _writes(self, name: str, entry: LinedDict, line: int) -> None:
        exchange, said = str(entry["exchange"]), entry["context"]
        if self.exchange not in (None, exchange):
            return
        if exchange not in self.dialect.writers or not isinstance(said, Mapping) or not set(_CONTEXT) <= set(said):
            self.say(
                line,
                "samples.shape",
                f"应写明可写出的exchange，及context：{'、'.join(_CONTEXT)}",
                f"exchange is one that is written, and context gives {', '.join(_CONTEXT)}",
            )
            return
        self.tried += 1
        mapping = self.dialect.writers[exchange].mapping
        try:
            at: datetime = moment(said["sent_at"])
        except NotValid as error:
            self.say(line, "samples.shape", f"sent_at：{error.zh}", f"sent_at: {error.en}")
            return
        context = Context(str(said["message_id"]), at, str(said["sender"]), str(said["recipient"]), self.agencies, at)
        record = self._record(str(entry["record"]), line)
        if record is None:
            return
        try:
            found = self.dialect.form.parse(self.dialect.write(exchange, record, context).payload)
            wanted = self.dialect.form.parse((self.folder / name).read_bytes())
        except (CannotWrite, Malformed) as error:
            self._faulty(name, error.faults, line)
            return
        ours, theirs = (dict(_leaves(tree, "", mapping.left_to_connector)) for tree in (wanted, found))
        self.shown_lines |= {
            (answers.file, answers.line)
            for place, text in ours.items()
            if text and (answers := writer_of(mapping, place)) is not None
        }
        for place in {**ours, **theirs}:
            if not _same_leaf(ours.get(place), theirs.get(place)):
                self._differs(name, writer_of(mapping, place), mapping, place, ours.get(place), theirs.get(place))


# ------------------------------------------------------------------ which line answers
def line_for(mapping: RecordMapping, path: str) -> Line | None:
    """The line that gives a canonical place when reading, or what the place stands in."""
    best: tuple[int, Line] | None = None
    for part in (mapping.section, mapping.split):
        for target, line in canonical_places(part, "") if part else ():
            place = target.removesuffix("[]")
            if (path == place or path.startswith((f"{place}.", f"{place}["))) and (
                best is None or len(place) >= best[0]
            ):
                best = (len(place), line)
    return best[1] if best else None


def canonical_places(section: Section, prefix: str) -> Iterator[tuple[str, Line]]:
    """Every canonical place that lines give when reading, items of lists as `documents[].title`."""
    for line in section.lines:
        if line.direction != "out":
            yield prefix + line.target, line
            if line.section:
                yield from canonical_places(line.section, f"{prefix}{line.target}[].")


def writer_of(mapping: RecordMapping, place: str) -> Line | None:
    """The line that writes a foreign place, or what stands in it. `place` is a path from the root, indexes do not count."""
    wanted = _steps(place)
    best: tuple[int, Line] | None = None
    base = path_of(mapping.record)
    split = path_of(mapping.split.each) if mapping.split and mapping.split.each else ()
    for part, prefix in ((mapping.section, base), (mapping.split, (*base, *split))):
        for steps, line in foreign_places(part, prefix) if part else ():
            if wanted[: len(steps)] == steps and (best is None or len(steps) > best[0]):
                best = (len(steps), line)
    return best[1] if best else None


def foreign_places(section: Section, prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Line]]:
    """Every foreign place that lines write, attributes as a last step `@name`."""
    for line in section.lines:
        if line.direction == "in":
            continue
        foreign = line.target if line.direction == "out" else str(line.clauses[0].get("at"))
        steps, attribute = place_of(foreign)
        whole = (*prefix, *steps, *([f"@{attribute}"] if attribute else []))
        yield whole, line
        if line.section:
            yield from foreign_places(line.section, whole)


# ------------------------------------------------------------------ comparing
def _differences(expected: Any, found: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Where a record is not what was expected, by dotted path."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        # what is about one value only (a code, a term) is told as that value
        if not path.startswith("documents") and {"code", "months", "years", "days"} & {*expected, *found}:
            if expected != found:
                yield path, expected, found
            return
        for key in {**expected, **found}:
            if key in _OF_THE_CONTENT and key not in expected:
                continue
            yield from _differences(expected.get(key), found.get(key), f"{path}.{key}" if path else key)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for mine, theirs in zip(expected, found, strict=True):
            yield from _differences(mine, theirs, f"{path}[]")
    elif expected != found:
        yield path, expected, found


def _paths(value: Any, path: str) -> Iterator[str]:
    """The dotted paths of a record at which something stands."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _paths(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for below in value:
            yield from _paths(below, f"{path}[]")
    elif value is not None and value != {}:
        yield path


def _leaves(node: Node, above: str, left_out: frozenset[str]) -> Iterator[tuple[str, str]]:
    path = f"{above}/{node.name}" + (f"[{node.position}]" if node.position > 1 else "")
    for name, text in node.attributes.items():
        yield f"{path}/@{name}", text.strip()
    if not node.order:
        yield path, node.text.strip()
    for child in node.order:
        if child.name not in left_out:
            yield from _leaves(child, path, left_out)


def _same_leaf(expected: str | None, found: str | None) -> bool:
    if (expected or "") == (found or ""):
        return True
    if expected and found and found.startswith("urn:sha256:"):
        try:
            return hashlib.sha256(base64.b64decode(expected)).hexdigest() == found.removeprefix("urn:sha256:")
        except binascii.Error:
            return False
    return False


def _in_list(used: CodeList, value: Any) -> str | None:
    """How a list's file names a value: by its code, or by the value itself."""
    code = value.get("code") if isinstance(value, Mapping) else value
    return code if isinstance(code, str) and (code in used.names or code in used.reverse) else None


def _steps(place: str) -> tuple[str, ...]:
    return path_of(re.sub(r"\[\d+\]", "", place))


def _source(fault: Fault) -> tuple[str, int] | None:
    file, _, line = (fault.source or "").rpartition(":")
    return (file, int(line)) if file and line.isdigit() else None


def _shown(value: Any) -> str:
    return "—" if value is None else str(value)[:80]
