"""What is wrong with the configuration, and where: the shape in which every check of `mappings/` speaks."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in one file. `line` counts from 1. `zh`/`en`: what is wrong and what would be right."""

    file: str
    line: int
    rule: str
    zh: str
    en: str

    def message(self, language: str = "zh") -> str:
        return self.en if language.startswith("en") else self.zh

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "rule": self.rule, "zh": self.zh, "en": self.en}


class ConfigErrors(Exception):
    """The configuration cannot be used; carries every finding, not only the first."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(f"{f.file}:{f.line}: [{f.rule}] {f.en}" for f in findings))
        self.findings = tuple(findings)


class LinedDict(dict[str, Any]):
    """A mapping read from YAML that knows the line of each of its keys, and of itself."""

    line: int = 1
    lines: dict[str, int]

    def line_of(self, *path: str | int) -> int:
        """The line of the value at a path below here, or of the nearest thing above it that has one."""
        here: Any = self
        line = self.line
        for step in path:
            if isinstance(here, LinedDict) and step in here:
                line = here.lines.get(str(step), here.line)
                here = here[str(step)]
            elif isinstance(here, LinedList) and isinstance(step, int) and step < len(here):
                line = here.lines[step]
                here = here[step]
            else:
                break
        return line


class LinedList(list[Any]):
    """A list read from YAML that knows the line of each of its items."""

    lines: list[int]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, keeping lines, refusing duplicate keys, leaving dates and numbers-with-zeros as they stand."""


class _QuickLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same on libyaml, where PyYAML was built with it: several times as quick. What it cannot read is read again by the
    other one, which says more exactly where the mistake is."""


# As in YAML 1.2, dates stay text, `on` and `no` are words, and a number does not begin with zero: the code 011 is not 9.
_YAML_1_1 = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int")


class DuplicateKey(yaml.MarkedYAMLError):
    """The same key twice in one mapping."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> LinedDict:
    loader.flatten_mapping(node)
    found = LinedDict()
    found.line = node.start_mark.line + 1
    found.lines = {}
    for key_node, value_node in node.value:
        key: Hashable = loader.construct_object(key_node, deep=True)
        name = str(key)
        if name in found:
            raise DuplicateKey(problem=f"the key {name!r} stands here a second time", problem_mark=key_node.start_mark)
        found[name] = loader.construct_object(value_node, deep=True)
        found.lines[name] = key_node.start_mark.line + 1
    return found


def _sequence(loader: _Loader, node: yaml.SequenceNode) -> LinedList:
    found = LinedList(loader.construct_object(item, deep=True) for item in node.value)
    found.lines = [item.start_mark.line + 1 for item in node.value]
    return found


for _loader in (_Loader, _QuickLoader):
    _loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _YAML_1_1]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
    _loader.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
    )
    _loader.add_constructor("tag:yaml.org,2002:map", _mapping)
    _loader.add_constructor("tag:yaml.org,2002:seq", _sequence)


def _load(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_QuickLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the same


def read_yaml(path: Path, shown: str) -> tuple[LinedDict | None, list[Finding]]:
    """The mapping that a YAML file holds, or the finding that says where it is no YAML. `shown` is its name for users."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return None, [
            Finding(
                shown,
                1,
                "yaml.encoding",
                f"文件不是UTF-8编码（第{error.start}字节）",
                f"not UTF-8 (byte {error.start})",
            )
        ]
    try:
        found = _load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return None, [
            Finding(shown, line, "yaml.syntax", f"YAML格式错误：{error.problem}", f"YAML error: {error.problem}")
        ]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, [
            Finding(
                shown,
                line,
                "yaml.syntax",
                f"YAML格式错误：不允许的字符 U+{ord(text[error.position]):04X}",
                f"YAML error: the character U+{ord(text[error.position]):04X} is not allowed",
            )
        ]
    if not isinstance(found, LinedDict):
        return None, [
            Finding(shown, 1, "yaml.shape", "文件内容应为键值对", "the file must hold a mapping of keys to values")
        ]
    return found, []
