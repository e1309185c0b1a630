"""What a format of records must be able to do: read bytes into the one tree, and write what a mapping gives it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hub.domain.values import NotValid
from hub.translation.encodings import Encoding
from hub.translation.foreign import Node, malformed
from hub.translation.schema import Element

#: The name of the root of a record in a format that gives its root none: `$`, as in JSONPath.
ROOT = "$"

Check = Callable[[str], None]


class Spot(Protocol):
    """A place that is written, as far as a format asks: its name, its contract, whether it is one of a list."""

    name: str
    tag: str
    declared: str
    element: Element | None
    cdata: bool
    #: one of a list, in formats where a list of one is not the same as one
    listed: bool
    #: the names from the root of the record on
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """One element that is to be written, in the formats that are put together only when all of a record is known."""

    spot: Spot
    text: str | None
    #: how the mapping's line says that the value is to be written in JSON, where the contract does not
    kind: str | None = None
    attributes: tuple[tuple[Spot, str, str | None], ...] = ()
    children: tuple[Made, ...] = ()
    nil: bool = False
    #: a list without items that must be there nevertheless
    empty: bool = False


class Format(Protocol):
    """One format with its options. What `element` and `nil` make of a place is the format's own; `write` joins it."""

    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def encoding(self) -> Encoding: ...
    @property
    def contract(self) -> tuple[str, str]:
        """What the contract of this format is called, in Chinese and English."""
        ...

    def parse(self, payload: bytes | str) -> Node:
        """The tree of a message. Raises `Malformed`."""
        ...

    def check(self, spot: Spot, kind: str | None) -> Check:
        """What raises `NotValid` for a text that cannot stand at a place; `kind` is what the line says of JSON."""
        ...

    def element(
        self,
        spot: Spot,
        attributes: Sequence[tuple[Spot, str, str | None]],
        text: str | None,
        kind: str | None,
        children: Sequence[Any],
    ) -> Any: ...

    def nil(self, spot: Spot) -> Any: ...

    def empty(self, spot: Spot) -> Any:
        """A list without items where the contract wants one; None where the format has no such thing."""
        ...

    def place(self, path: str) -> str:
        """How the place of something that is written is told; `path` is `/name/name[2]/@name`."""
        ...

    def write(self, record: Any) -> str: ...


def made(
    spot: Spot,
    attributes: Sequence[tuple[Spot, str, str | None]],
    text: str | None,
    kind: str | None,
    children: Sequence[Made],
) -> Made:
    """An element of a format that is put together at the end."""
    return Made(spot, text, kind, tuple(attributes), tuple(children))


#: What XML 1.0 (section 2.2) cannot carry, PostgreSQL partly cannot store, and nobody means to write.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class InRows:
    """What the formats of rows and lines have in common: a message is put together when all of it is known."""

    __slots__ = ()

    def element(
        self,
        spot: Spot,
        attributes: Sequence[tuple[Spot, str, str | None]],
        text: str | None,
        kind: str | None,
        children: Sequence[Any],
    ) -> Made:
        return made(spot, attributes, text, kind, children)

    def nil(self, spot: Spot) -> Made:
        return Made(spot, "")

    def empty(self, spot: Spot) -> None:
        """No row is an empty list."""
        return

    def place(self, path: str) -> str:
        """A path of what is written, from the row on: there is no line yet."""
        return path.removeprefix(f"/{ROOT}/")


def no_control_characters(text: str) -> None:
    """Raises `NotValid` for control characters and halves of characters."""
    if FORBIDDEN.search(text):
        raise NotValid(
            "text.control-character",
            "含有不允许的控制字符或不完整的字符",
            "it holds control characters or halves of characters that cannot be written",
        )


def refuse_control_characters(text: str, place: str) -> None:
    """Raises `Malformed` for what came with control characters or halves of characters, naming where."""
    if (found := FORBIDDEN.search(text)) is not None:
        code = f"U+{ord(found[0]):04X}"
        raise malformed(
            "text.control-character",
            f"{place}含有不允许的控制字符或不完整的字符（{code}）",
            f"{place}: control characters or halves of characters ({code}) are not taken",
            code,
            place,
        )
