"""Records of fixed width: a line is an element, its fields the elements below it, cut by bytes or by characters.

A message is `$`, its lines are `$/row`, or `$/<name>` where lines of several kinds begin differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.faults import Malformed
from hub.domain.values import NotValid
from hub.translation.encodings import GB18030, Encoding
from hub.translation.foreign import Node, malformed
from hub.translation.formats.csv import ROW, _branch, _leaf, place
from hub.translation.formats.form import (
    ROOT,
    Check,
    InRows,
    Spot,
    no_control_characters,
    refuse_control_characters,
)
from hub.translation.schema import Element


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `pad` fills what a value leaves free: behind it when it stands left, before it when right."""

    name: str
    width: int
    right: bool = False
    pad: str = " "

    def strip(self, text: str) -> str:
        """The value in a field. A field of spaces is empty, whatever it is padded with."""
        if not text.strip(" "):
            return ""
        found = text.lstrip(self.pad) if self.right else text.rstrip(self.pad)
        # 000 in a field padded with zeros is the number nought, and 00.5 is 0.5
        return self.pad + found if self.pad == "0" and self.right and not found[:1].isdigit() else found


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of line: its element's name, what it begins with ("" where all lines are alike), its fields."""

    name: str
    starts: str
    fields: tuple[Field, ...]

    @property
    def width(self) -> int:
        return sum(one.width for one in self.fields)


@dataclass(frozen=True, slots=True)
class Fixed(InRows):
    """Records of fixed width with their layout. `line_end` may be empty where records follow each other without one."""

    kinds: tuple[Kind, ...]
    encoding: Encoding = GB18030
    by_bytes: bool = True
    line_end: str = "\r\n"
    name: str = "fixed"
    contract: tuple[str, str] = ("dialect.yaml的字段", "layout in dialect.yaml")

    @property
    def media_type(self) -> str:
        return f"text/plain; charset={self.encoding.name}"

    def root(self) -> Element:
        """What the layout says about a message."""
        return _branch(ROOT, [_branch(kind.name, [_leaf(one.name) for one in kind.fields]) for kind in self.kinds], 1)

    # ------------------------------------------------------------ reading
    def parse(self, payload: bytes | str) -> Node:
        """The tree of a message. Raises `Malformed`, naming line and column (in bytes or characters, as the layout counts)."""
        root = Node(ROOT, "", None, 1)
        root.shown = place
        raw = payload.encode(self.encoding.codec, "replace") if isinstance(payload, str) else payload
        raw = raw.removeprefix(b"\xef\xbb\xbf")
        for number, line in self._lines(raw if self.by_bytes else self.encoding.decode(raw, "fixed.encoding")):
            if not line.strip():
                continue
            kind = self._kind(line, number)
            if len(line) > kind.width:
                raise self._wrong_length(line, number, kind)
            row = root.add(kind.name, at=(number,))
            start = 0
            for one in kind.fields:
                text = self._text(line[start : start + one.width], number, start, one)
                refuse_control_characters(text, f"line {number}, column {start + 1} ({one.name})")
                row.add(one.name, one.strip(text), (number, start + 1))
                start += one.width
        return root

    def _lines(self, whole: Any) -> Iterator[tuple[int, Any]]:
        if not self.line_end:
            width = self.kinds[0].width
            for n, start in enumerate(range(0, len(whole), width), 1):
                yield n, whole[start : start + width]
            return
        # what ends a line is told from both ends: systems that say CR LF also send LF
        lf, cr = ("\n", "\r") if isinstance(whole, str) else (b"\n", b"\r")
        for n, line in enumerate(whole.split(lf), 1):
            yield n, line.removesuffix(cr)

    def _kind(self, line: Any, number: int) -> Kind:
        for kind in self.kinds:
            starts: Any = kind.starts if isinstance(line, str) else self.encoding.encode(kind.starts)
            if line.startswith(starts):
                return kind
        known = "、".join(kind.starts for kind in self.kinds)
        shown = line[:20] if isinstance(line, str) else line[:20].decode(self.encoding.reads, "replace")
        raise malformed(
            "fixed.kind",
            f"第{number}行的开头不是任何一种记录；应为：{known}",
            f"line {number} begins like no kind of record; known are {known.replace('、', ', ')}",
            shown,
            f"line {number}",
        )

    def _text(self, piece: Any, number: int, start: int, one: Field) -> str:
        if isinstance(piece, str):
            return piece
        try:
            return self.encoding.decode(piece, "fixed.encoding")
        except Malformed as error:
            byte = error.faults[0].value
            offset = _bad_byte(piece, self.encoding) + start
            raise malformed(
                "fixed.encoding",
                f"第{number}行字段“{one.name}”不是{self.encoding.name}编码（该行第{offset + 1}字节，{byte}）：字段可能错位",
                f"line {number}: the field {one.name!r} is not {self.encoding.name} (byte {offset + 1} of the line, {byte});"
                " the fields may be shifted",
                piece.decode(self.encoding.reads, "replace"),
                f"line {number}, column {start + 1} ({one.name})",
            ) from error

    def _wrong_length(self, line: Any, number: int, kind: Kind) -> Malformed:
        unit = ("字节", "bytes") if self.by_bytes else ("字符", "characters")
        return malformed(
            "fixed.length",
            f"第{number}行长{len(line)}{unit[0]}，应为{kind.width}{unit[0]}",
            f"line {number} is {len(line)} {unit[1]} long, {kind.width} are wanted",
            (line if isinstance(line, str) else line.decode(self.encoding.reads, "replace"))[:200],
            f"line {number}",
        )

    # ------------------------------------------------------------ writing
    def check(self, spot: Spot, kind: str | None) -> Check:
        fields: Mapping[tuple[str, ...], Field] = {
            (each.name, one.name): one for each in self.kinds for one in each.fields
        }
        field = fields.get(spot.path[1:])

        def check(text: str) -> None:
            no_control_characters(text)
            if "\n" in text or "\r" in text:
                raise NotValid(
                    "fixed.line-break", "定长记录中不能换行", "a record of fixed width cannot hold a line break"
                )
            self.encoding.check(text)
            if field is not None:
                self._fits(text, field)

        return check

    def _fits(self, text: str, field: Field) -> None:
        length = self._length(text)
        if length > field.width:
            unit = ("字节", "bytes") if self.by_bytes else ("字符", "characters")
            raise NotValid(
                "fixed.too-long",
                f"字段“{field.name}”宽{field.width}{unit[0]}，内容长{length}{unit[0]}",
                f"the field {field.name!r} is {field.width} {unit[1]} wide, the value has {length}",
            )
        if field.strip(self._padded(text, field)) != text:
            raise NotValid(
                "fixed.padding",
                f"字段“{field.name}”以“{field.pad}”填充，内容首尾不能是它，否则读不回来",
                f"the field {field.name!r} is padded with {field.pad!r}: a value cannot begin or end with it",
            )

    def _length(self, text: str) -> int:
        return len(self.encoding.encode(text)) if self.by_bytes else len(text)

    def _padded(self, text: str, field: Field) -> str:
        if not text:
            return " " * field.width
        filling = field.pad * (field.width - self._length(text))
        return filling + text if field.right else text + filling

    def write(self, record: Any) -> str:
        kinds = {kind.name: kind for kind in self.kinds}
        lines: list[str] = []
        for one in record.children:
            cells = {cell.spot.name: cell.text or "" for cell in one.children}
            fields = kinds[one.spot.name].fields
            lines.append("".join(self._padded(cells.get(field.name, ""), field) for field in fields) + self.line_end)
        return "".join(lines)


def _bad_byte(piece: bytes, encoding: Encoding) -> int:
    try:
        piece.decode(encoding.reads)
    except UnicodeDecodeError as error:
        return error.start
    return 0


__all__ = ["ROW", "Field", "Fixed", "Kind"]
