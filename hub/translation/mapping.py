"""A mapping file as it is written: sections of lines, each pairing a canonical place with a foreign one. Nothing is compiled
here; `reader` and `writer` do that, each for its direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.findings import Finding, LinedDict, LinedList, read_yaml
from hub.translation.codecs import CODECS, MODIFIERS

FILE_KEYS = (
    "dialect",
    "exchange",
    "version",
    "zh",
    "record",
    "operation",
    "schema",
    "direction",
    "like",
    "drop",
    "facts",
    "required",
    "label",
    "left_to_connector",
    "ignore",
    "lines",
    "split",
    "only",
    "loses",
)
SECTION_KEYS = ("each", "lines", "only")
#: Where a value comes from: exactly one of these in a clause.
SOURCES = ("at", "from", "value", "compute", "context", "derive", "others", "fault", "position", "each")
CLAUSE_KEYS = frozenset(
    {
        *SOURCES,
        *CODECS,
        *MODIFIERS,
        "when",
        "missing",
        "of",
        "days",
        "as_written",
        "absent",
        "json",
        "cdata",
        "named",
        "lines",
        "only",
        "loses",
    }
)
DERIVATIONS = {"last day": 2, "days after": 1, "term between": 2, "longest": 1}
CONTEXT = ("message_id", "sent_at", "now", "sender", "recipient")


@dataclass(frozen=True, slots=True)
class Clause:
    """One way to get a value: where from, how it is written, under which condition."""

    keys: Mapping[str, Any]
    file: str
    line: int

    @property
    def source(self) -> str:
        return f"{self.file}:{self.line}"

    def get(self, key: str) -> Any:
        return self.keys.get(key)


@dataclass(frozen=True, slots=True)
class Line:
    """`direction` is `both` for a pair, else `in` (the target is a canonical place) or `out` (a foreign one).

    A pair's `target` is the canonical place and its only clause says where it is in the foreign record (`at`), unless
    `section` holds the lines of a list. One-way lines may give several clauses: the first that yields a value counts.
    """

    direction: str
    target: str
    clauses: tuple[Clause, ...]
    section: Section | None
    file: str
    line: int

    @property
    def source(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of a record, of a split instance, or of a list's items (`each` names the list on the other side)."""

    lines: tuple[Line, ...]
    each: str | None = None
    line: int = 1


@dataclass(frozen=True, slots=True)
class Loss:
    """What an administrator says that a line loses, in words, and where it is said."""

    zh: str
    en: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """One exchange in one dialect, as its file says it."""

    dialect: str
    exchange: str
    version: str
    direction: str
    record: str
    operation: str | None
    #: JSON Schema of the foreign record, where it is not the dialect's
    schema: str | None
    facts: Mapping[str, str]
    required: tuple[tuple[str, str], ...]
    label: str | None
    left_to_connector: frozenset[str]
    ignore: tuple[str, ...]
    section: Section
    split: Section | None
    file: str
    line: int
    #: place of a line → what it is declared to lose
    loses: Mapping[str, Loss] = field(default_factory=dict)
    #: bytes of the file and of those that it is like, for the version's hash
    contents: tuple[bytes, ...] = field(default=(), repr=False)


class Files:
    """The mapping files of one dialect, each read once, with everything that is wrong with how they are written."""

    def __init__(self, folder: Path, shown: str) -> None:
        self.folder, self.shown = folder, shown
        self.findings: list[Finding] = []
        self._read: dict[str, LinedDict | None] = {}

    def say(self, file: str, line: int, rule: str, zh: str, en: str) -> None:
        finding = Finding(file, line, rule, zh, en)
        if finding not in self.findings:
            self.findings.append(finding)

    def named(self, stem: str) -> str:
        return f"{self.shown}/{stem}.yaml"

    def read(self, stem: str) -> LinedDict | None:
        if stem not in self._read:
            found, wrong = read_yaml(self.folder / f"{stem}.yaml", self.named(stem))
            self.findings += wrong
            self._read[stem] = found
        return self._read[stem]

    def mapping(self, stem: str) -> RecordMapping | None:
        """The mapping of one exchange's file, with the lines of the file that it is `like`. None where it is unusable."""
        chain: list[tuple[str, LinedDict]] = []
        here: str | None = stem
        while here is not None:
            found = self.read(here)
            if found is None:
                return None
            chain.insert(0, (here, found))
            like = found.get("like")
            if like is None:
                break
            if not (self.folder / f"{like}.yaml").is_file() or any(like == name for name, _ in chain):
                self.say(
                    self.named(here),
                    found.line_of("like"),
                    "mapping.like",
                    f"没有可沿用的映射“{like}”",
                    f"there is no mapping {like!r} to be like",
                )
                return None
            here = str(like)
        return self._merge(stem, chain)

    def _merge(self, stem: str, chain: list[tuple[str, LinedDict]]) -> RecordMapping | None:
        top = chain[-1][1]
        merged: dict[str, Any] = {}
        lines: dict[tuple[str, str, str], Line] = {}
        splits: list[Section] = []
        required: dict[str, str] = {}
        loses: dict[str, Loss] = {}
        for name, found in chain:
            file = self.named(name)
            for key in found:
                if key not in FILE_KEYS:
                    self.say(
                        file,
                        found.line_of(key),
                        "mapping.key",
                        f"未知的键“{key}”",
                        f"unknown key {key!r}; known are {', '.join(FILE_KEYS)}",
                    )
            for n, dropped in enumerate(self._names(found, "drop", file)):
                if not any(
                    line.target == dropped
                    for line in (*lines.values(), *(one for part in splits for one in part.lines))
                ):
                    self.say(
                        file,
                        found["drop"].lines[n] if isinstance(found.get("drop"), LinedList) else found.line_of("drop"),
                        "mapping.drop",
                        f"所沿用的映射没有“{dropped}”这一行",
                        f"the mapping that this one is like has no line {dropped!r}",
                    )
                lines = {at: line for at, line in lines.items() if line.target != dropped}
                splits = [
                    Section(tuple(line for line in part.lines if line.target != dropped), part.each, part.line)
                    for part in splits
                ]
                required.pop(dropped, None)
                loses.pop(dropped, None)
            own = self.section(found, file, None)
            for line in own.lines:
                lines[_slot(line)] = line
            if isinstance(found.get("split"), LinedDict):
                splits.append(self.section(found["split"], file, str(found["split"].get("each", ""))))
            elif "split" in found:
                self.say(
                    file, found.line_of("split"), "mapping.shape", "split应含each和lines", "split needs each and lines"
                )
            for n, place in enumerate(self._names(found, "required", file)):
                required[place] = f"{file}:{found.line_of('required', n)}"
            loses.update(self._losses(found, file))
            if "facts" in found:
                merged["facts"] = {**merged.get("facts", {}), **(found["facts"] or {})}
            merged.update(
                {
                    key: value
                    for key, value in found.items()
                    if key not in ("lines", "split", "only", "required", "drop", "facts", "loses")
                }
            )
        file = self.named(stem)
        if not isinstance(merged.get("record"), str):
            self.say(
                file,
                top.line,
                "mapping.record",
                "缺少record：外部记录的根路径",
                "record is missing: the path of the foreign record",
            )
            return None
        if merged.get("exchange") != stem and not stem.startswith("_"):
            self.say(
                file,
                top.line_of("exchange"),
                "mapping.name",
                f"exchange应与文件名一致：{stem}",
                f"exchange should be the file's name: {stem}",
            )
        if merged.get("dialect") != self.folder.name:
            self.say(
                file,
                top.line_of("dialect"),
                "mapping.name",
                f"dialect应与文件夹名一致：{self.folder.name}",
                f"dialect should be the folder's name: {self.folder.name}",
            )
        direction = str(merged.get("direction", "both"))
        if direction not in ("both", "in", "out"):
            self.say(
                file,
                top.line_of("direction"),
                "mapping.direction",
                "direction应为both、in或out",
                "direction is both, in or out",
            )
            return None
        split = None
        if splits:
            slots = {_slot(line): line for part in splits for line in part.lines}
            split = Section(
                tuple(slots.values()),
                next((part.each for part in reversed(splits) if part.each), None),
                splits[-1].line,
            )
            if not split.each:
                self.say(
                    file, split.line, "mapping.shape", "split缺少each", "split needs each: the element that is repeated"
                )
                return None
        return RecordMapping(
            dialect=self.folder.name,
            exchange=stem,
            version=str(merged.get("version", "1")),
            direction=direction,
            record=merged["record"],
            operation=str(merged["operation"]) if merged.get("operation") else None,
            schema=str(merged["schema"]) if merged.get("schema") else None,
            facts={str(k): str(v) for k, v in merged.get("facts", {}).items()},
            required=tuple(required.items()),
            label=str(merged["label"]) if merged.get("label") else None,
            left_to_connector=frozenset(self._names(merged, "left_to_connector", file)),
            ignore=tuple(self._names(merged, "ignore", file)),
            section=Section(tuple(lines.values())),
            split=split,
            file=file,
            line=top.line,
            loses=loses,
            contents=tuple((self.folder / f"{name}.yaml").read_bytes() for name, _ in chain),
        )

    def _losses(self, found: LinedDict, file: str) -> dict[str, Loss]:
        """The losses that a file declares for lines that stand in a file it is like, by their place."""
        declared = found.get("loses")
        if declared is None:
            return {}
        losses: dict[str, Loss] = {}
        for place, said in declared.items() if isinstance(declared, LinedDict) else [("", None)]:
            loss = loss_of(said, file, declared.line_of(place) if place else found.line_of("loses"))
            if loss is None:
                self._no_loss(file, declared.line_of(place) if place else found.line_of("loses"))
            else:
                losses[place] = loss
        return losses

    def _no_loss(self, file: str, line: int) -> None:
        self.say(
            file,
            line,
            "loses.shape",
            "loses应说明会丢失什么：一句话，或{zh: …, en: …}",
            "loses says in words what is lost: a sentence, or {zh: …, en: …}",
        )

    def _names(self, found: Mapping[str, Any], key: str, file: str) -> list[str]:
        value = found.get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return list(value)
        line = found.line_of(key) if isinstance(found, LinedDict) else 1
        self.say(file, line, "mapping.shape", f"{key}应为名称列表", f"{key} is a list of names")
        return []

    # ------------------------------------------------------------ sections
    def section(self, found: LinedDict, file: str, each: str | None) -> Section:
        lines: list[Line] = []
        pairs = found.get("lines")
        if isinstance(pairs, LinedDict):
            lines += [line for target in pairs if (line := self._pair(pairs, target, file)) is not None]
        elif pairs is not None:
            self.say(
                file,
                found.line_of("lines"),
                "mapping.shape",
                "lines应为“规范位置: 外部位置”",
                "lines maps canonical places to foreign ones",
            )
        only = found.get("only")
        if isinstance(only, LinedDict):
            for direction, targets in only.items():
                if direction not in ("in", "out") or not isinstance(targets, LinedDict):
                    self.say(
                        file, only.line_of(direction), "mapping.shape", "only之下应为in或out", "only holds in and out"
                    )
                    continue
                lines += [
                    line for target in targets if (line := self._one_way(targets, target, direction, file)) is not None
                ]
        elif only is not None:
            self.say(file, found.line_of("only"), "mapping.shape", "only之下应为in或out", "only holds in and out")
        # The order of an XML without a schema is that of the file; reading takes pairs first (see the reader).
        return Section(tuple(sorted(lines, key=lambda line: line.line)), each, found.line)

    def _pair(self, pairs: LinedDict, target: str, file: str) -> Line | None:
        value, line = pairs[target], pairs.line_of(target)
        if isinstance(value, str):
            return Line("both", target, (Clause({"at": value}, file, line),), None, file, line)
        if not isinstance(value, LinedDict):
            self.say(
                file,
                line,
                "mapping.shape",
                f"“{target}”应为外部位置或{{at: …}}",
                f"{target!r} should be a foreign place or {{at: …}}",
            )
            return None
        if not self._keys_are_known(value, file):
            return None
        if "each" in value:
            return Line(
                "both",
                target,
                (Clause(_each(value), file, line),),
                self.section(value, file, str(value["each"])),
                file,
                line,
            )
        if "at" not in value:
            self.say(
                file,
                line,
                "clause.source",
                f"“{target}”缺少at；单向的行应写在only之下",
                f"{target!r} lacks at; one-way lines go under only",
            )
            return None
        return Line("both", target, (Clause(value, file, line),), None, file, line)

    def _one_way(self, targets: LinedDict, target: str, direction: str, file: str) -> Line | None:
        value, line = targets[target], targets.line_of(target)
        several = list(zip(value, value.lines, strict=True)) if isinstance(value, LinedList) else [(value, line)]
        clauses: list[Clause] = []
        section: Section | None = None
        for one, at in several:
            if isinstance(one, str):
                one = {"at" if direction == "in" else "from": one}
            elif not isinstance(one, LinedDict):
                self.say(
                    file,
                    at,
                    "mapping.shape",
                    f"“{target}”应写明取值来源",
                    f"{target!r} should say where its value comes from",
                )
                return None
            elif not self._keys_are_known(one, file):
                return None
            sources = [key for key in SOURCES if key in one]
            allowed = {
                "in": {"at", "from", "value", "compute", "context", "derive", "others", "fault", "each"},
                "out": {"from", "value", "compute", "context", "derive", "fault", "position", "each"},
            }[direction]
            if len(sources) != 1 or sources[0] not in allowed:
                self.say(
                    file,
                    at,
                    "clause.source",
                    f"“{target}”应恰有一个取值来源：{'、'.join(sorted(allowed))}",
                    f"{target!r} needs exactly one source: {', '.join(sorted(allowed))}",
                )
                return None
            if sources == ["each"]:
                section = self.section(one, file, str(one["each"]))
            elif not self._source_is_sound(one, sources[0], file, at):
                return None
            clauses.append(Clause(one, file, at))
        return Line(direction, target, tuple(clauses), section, file, line)

    def _keys_are_known(self, clause: LinedDict, file: str) -> bool:
        unknown = [key for key in clause if key not in CLAUSE_KEYS]
        for key in unknown:
            # A key that is no source and no known modifier is most likely a codec that does not exist.
            self.say(
                file,
                clause.line_of(key),
                "clause.key",
                f"未知的键或写法“{key}”；已知的有：{'、'.join(sorted(CLAUSE_KEYS))}",
                f"unknown key or codec {key!r}; known are {', '.join(sorted(CLAUSE_KEYS))}",
            )
        if "loses" in clause and loss_of(clause["loses"], file, clause.line_of("loses")) is None:
            self._no_loss(file, clause.line_of("loses"))
        return not unknown

    def _source_is_sound(self, clause: Mapping[str, Any], source: str, file: str, line: int) -> bool:
        if source == "context" and clause["context"] not in CONTEXT:
            self.say(
                file,
                line,
                "clause.source",
                f"context应为{'、'.join(CONTEXT)}之一",
                f"context is one of {', '.join(CONTEXT)}",
            )
            return False
        if source == "derive":
            of = clause.get("of")
            count = len(of) if isinstance(of, list) else 1 if isinstance(of, str) else 0
            if DERIVATIONS.get(str(clause["derive"])) != count or (
                clause["derive"] == "days after" and not isinstance(clause.get("days"), int)
            ):
                self.say(
                    file,
                    line,
                    "clause.derive",
                    f"derive应为{'、'.join(DERIVATIONS)}之一，并以of（和days）写明所用位置",
                    f"derive is one of {', '.join(DERIVATIONS)}, with the places it takes under of (and days)",
                )
                return False
        if source == "fault" and not sentences(clause["fault"]):
            self.say(file, line, "clause.fault", "fault应写明rule、zh、en", "fault needs rule, zh and en")
            return False
        if "missing" in clause and not sentences(clause["missing"]):
            self.say(file, line, "clause.fault", "missing应写明rule、zh、en", "missing needs rule, zh and en")
            return False
        return True


def _each(value: LinedDict) -> LinedDict:
    """What a paired list says of itself, besides its lines."""
    found = LinedDict(
        {"at" if key == "each" else key: one for key, one in value.items() if key not in ("lines", "only")}
    )
    found["at"] = str(found["at"])
    found.line, found.lines = value.line, {**value.lines, "at": value.line_of("each")}
    return found


def sentences(found: Any) -> tuple[str, str, str] | None:
    """Rule and both sentences of a fault that a mapping itself words."""
    if isinstance(found, Mapping) and all(isinstance(found.get(key), str) for key in ("rule", "zh", "en")):
        return found["rule"], found["zh"], found["en"]
    return None


def loss_of(said: Any, file: str, line: int) -> Loss | None:
    """What is lost, from a sentence or from one in each language; None where it is neither."""
    if isinstance(said, str) and said.strip():
        return Loss(said, said, file, line)
    if isinstance(said, Mapping) and all(isinstance(said.get(key), str) for key in ("zh", "en")):
        return Loss(said["zh"], said["en"], file, line)
    return None


def _slot(line: Line) -> tuple[str, str, str]:
    """What a line of a file that is `like` another replaces: the line of the same direction and target."""
    return (line.direction, line.target, "list" if line.section else "")


def walk(section: Section) -> Iterator[Line]:
    for line in section.lines:
        yield line
        if line.section:
            yield from walk(line.section)


def coded_places(mapping: RecordMapping) -> frozenset[str]:
    """The foreign places, from below the record on, of which a line reads a code."""
    found = set(_coded(mapping.section, ""))
    if mapping.split is not None:
        found |= set(_coded(mapping.split, f"{(mapping.split.each or '').strip('/')}/"))
    return frozenset(found)


def _coded(section: Section, above: str) -> Iterator[str]:
    for line in section.lines:
        if line.direction == "out":
            continue
        if line.section is not None:
            each = str(line.clauses[0].get("at") or line.clauses[0].get("each")).strip("/")
            yield from _coded(line.section, f"{above}{each}/")
        for clause in line.clauses:
            if "codes" in clause.keys and "at" in clause.keys:
                yield f"{above}{str(clause.get('at')).strip('/')}"
