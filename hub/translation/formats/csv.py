"""Records as CSV (RFC 4180): a row is an element, a column an element below it; rows that belong together may be one.

A message is `$`, its rows are `$/row`; with groups they are `$/<group>/row`, the group's own columns beside `row`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hub.domain.values import NotValid
from hub.translation.encodings import UTF_8, Encoding, decoded
from hub.translation.foreign import Node, malformed
from hub.translation.formats.form import (
    ROOT,
    Check,
    InRows,
    Made,
    Spot,
    no_control_characters,
    refuse_control_characters,
)
from hub.translation.schema import UNBOUNDED, Content, Element, Simple

ROW = "row"
#: Characters of one cell: a document's content may stand in one. The library's own limit is 131,072.
csv.field_size_limit(128 * 1024 * 1024)


def place(node: Node, below: tuple[str, ...]) -> str:
    """Line and column, both from 1, with the column's name: `line 3, column 5 (XM)`; as far as they are known."""
    here: Node | None = node
    while here is not None and not here.at:
        here = here.parent
    name = below[-1] if below else node.name if node.parent is not None and node.at[1:] else ""
    if here is None:
        return name
    line, column = here.at[0], here.at[1] if len(here.at) > 1 and not below else 0
    return f"line {line}" + (f", column {column}" if column else "") + (f" ({name})" if name else "")


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that agree in these columns are one element of this name."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Csv(InRows):
    """CSV with its options. `columns` is the order in which columns are written; without a header it also names them."""

    encoding: Encoding = UTF_8
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    columns: tuple[str, ...] = ()
    line_end: str = "\r\n"
    quote_all: bool = False
    group: Group | None = None
    name: str = "csv"
    contract: tuple[str, str] = ("dialect.yaml的列", "layout in dialect.yaml")

    @property
    def media_type(self) -> str:
        return f"text/csv; charset={self.encoding.name}; header={'present' if self.header else 'absent'}"

    def root(self) -> Element | None:
        """What the columns say about a message; None where the header alone names them."""
        if not self.columns:
            return None
        own = self.group.columns if self.group else ()
        leaves = {name: _leaf(name) for name in self.columns}
        row = _branch(ROW, [leaves[name] for name in self.columns if name not in own])
        if self.group is None:
            return _branch(ROOT, [row], 1)
        return _branch(ROOT, [_branch(self.group.name, [*(leaves[name] for name in own), row])], 1)

    # ------------------------------------------------------------ reading
    def parse(self, payload: bytes | str) -> Node:
        """The tree of a CSV message. Raises `Malformed`, naming line and column."""
        text = payload if isinstance(payload, str) else self._decode(payload)
        root = Node(ROOT, "", None, 1)
        root.shown = place
        groups: dict[tuple[str, ...], Node] = {}
        for line, names, cells in self._rows(text):
            parent = root
            if self.group:
                key = tuple(cells[names.index(name)] for name in self.group.columns)
                parent = groups[key] if key in groups else root.add(self.group.name, at=(line,))
                if key not in groups:
                    groups[key] = parent
                    for name, cell in zip(self.group.columns, key, strict=True):
                        parent.add(name, cell, (line, names.index(name) + 1))
            own = self.group.columns if self.group else ()
            if own and not any(cell.strip() for name, cell in zip(names, cells, strict=True) if name not in own):
                continue  # a group without rows of its own is written as its columns alone
            row = parent.add(ROW, at=(line,))
            for n, (name, cell) in enumerate(zip(names, cells, strict=True), 1):
                if name not in own:
                    row.add(name, cell, (line, n))
        return root

    def _decode(self, payload: bytes) -> str:
        if payload[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return decoded(payload, "utf-16", "csv.encoding")
        codec = "utf-8-sig" if payload.startswith(b"\xef\xbb\xbf") else self.encoding.reads
        return decoded(payload, codec, "csv.encoding")

    def _rows(self, text: str) -> Iterator[tuple[int, list[str], list[str]]]:
        """Each row with the line on which it begins and the names of its columns. Empty lines are none."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, quotechar=self.quote, strict=True)
        names = list(self.columns) if not self.header else None
        before = 0
        while True:
            line = before + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise malformed(
                    "csv.malformed",
                    f"第{reader.line_num}行不是有效的CSV：{error}",
                    f"line {reader.line_num} is not CSV: {error}",
                    None,
                    f"line {reader.line_num}",
                ) from error
            before = reader.line_num
            if cells is None:
                break
            refuse_control_characters("".join(cells), f"line {line}")
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = self._header([cell.strip() for cell in cells], line)
                continue
            if len(cells) != len(names):
                raise malformed(
                    "csv.columns",
                    f"第{line}行有{len(cells)}列，应有{len(names)}列：{'、'.join(names)}",
                    f"line {line} has {len(cells)} columns, {len(names)} are wanted: {', '.join(names)}",
                    self.delimiter.join(cells)[:200],
                    f"line {line}",
                )
            yield line, names, cells
        if names is None:
            raise malformed("csv.header", "缺少标题行", "the header is missing", None, "line 1")

    def _header(self, names: list[str], line: int) -> list[str]:
        twice = [name for name, count in Counter(names).items() if count > 1]
        wanted = self.group.columns if self.group else ()
        missing = [name for name in wanted if name not in names]
        if twice or missing or "" in names:
            wrong = "、".join(twice or missing) or "（空）"
            raise malformed(
                "csv.header",
                f"标题行有误（重复、空白或缺少的列）：{wrong}",
                f"the header has columns twice, without a name, or lacks some: {wrong}",
                self.delimiter.join(names)[:200],
                f"line {line}",
            )
        return names

    # ------------------------------------------------------------ writing
    def check(self, spot: Spot, kind: str | None) -> Check:
        encodes = self.encoding.check

        def check(text: str) -> None:
            no_control_characters(text)
            encodes(text)

        return check

    def write(self, record: Any) -> str:
        rows = list(rows_of(record, self.group.name if self.group else None))
        names = list(self.columns) or list(dict.fromkeys(name for row in rows for name in row))
        lines = [names] if self.header else []
        lines += [[row.get(name, "") for name in names] for row in rows]
        return "".join(map(self._line, lines))

    def _line(self, cells: Sequence[str]) -> str:
        """One row. The library quotes only the characters of its own line end, so it is given both of them."""
        out = io.StringIO(newline="")
        csv.writer(
            out,
            delimiter=self.delimiter,
            quotechar=self.quote,
            lineterminator="\r\n",
            quoting=csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL,
        ).writerow(cells)
        return out.getvalue().removesuffix("\r\n") + self.line_end


def rows_of(record: Made, group: str | None) -> Iterator[dict[str, str]]:
    """The rows of a message that is to be written, each with its cells by name; a group's own cells stand in all its rows."""
    for top in record.children:
        if top.spot.name != (group or ROW):
            continue
        own = {cell.spot.name: cell.text or "" for cell in top.children if cell.spot.name != ROW}
        if group is None:
            yield own
            continue
        below = [child for child in top.children if child.spot.name == ROW]
        for row in below:
            yield own | {cell.spot.name: cell.text or "" for cell in row.children}
        if not below:
            yield own


def _leaf(name: str) -> Element:
    return Element(name, "", 0, 1, False, False, lambda: Content([], {}, Simple()))


def _branch(name: str, children: list[Element], most: int = UNBOUNDED) -> Element:
    return Element(name, "", 0, most, False, False, lambda: Content(children, {}, None))


def delimiter_of(text: str) -> str:
    """A delimiter as a dialect may word it. Raises `NotValid`."""
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1 or text in "\r\n\0":
        raise NotValid("dialect.format", "delimiter应为一个字符", "delimiter is one character")
    return text
