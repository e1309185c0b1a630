"""Records as JSON: members are elements, arrays repeated elements; what is a number is said by the contract, never guessed.

A member whose name begins with `@` and that holds a single value is an attribute; `#text` is the text beside attributes.
An array inside an array, or as the whole record, has items named `item`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from hub.domain.values import NotValid
from hub.translation.encodings import UTF_8, Encoding, decoded
from hub.translation.foreign import DEEPEST, Node, malformed
from hub.translation.formats.form import (
    FORBIDDEN,
    ROOT,
    Check,
    Made,
    Spot,
    made,
    no_control_characters,
    refuse_control_characters,
)
from hub.translation.schema import Element

ITEM = "item"
TEXT = "#text"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
#: What a line may say under `json`, and a contract under `type`.
KINDS = ("string", "number", "integer", "boolean")


class _Literal(str):
    """A number as it was written: 1.10 stays 1.10."""


class _Duplicate(ValueError):
    """A name that stands twice in one object: which of both is meant nobody can tell."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Duplicate(name)
            seen.add(name)
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def place(node: Node, below: tuple[str, ...]) -> str:
    """The JSON Pointer (RFC 6901) of a node; what is below stands for what is missing there."""
    steps = [step.replace("~", "~0").replace("/", "~1") for step in reversed(below)]
    here = node
    while here.parent is not None:
        if here.at:
            steps.append(str(here.at[0]))
        if not (here.name == ITEM and here.parent.at[-1:] == _ARRAY):
            steps.append(here.name.replace("~", "~0").replace("/", "~1"))
        here = here.parent
    return "".join(f"/{step}" for step in reversed(steps))


#: Marks a node that is itself an array (the root, or an item of an array), so that its items have no name.
_ARRAY = (-1,)


@dataclass(frozen=True, slots=True)
class Json:
    """JSON in one encoding (RFC 8259 knows only UTF-8; others are for systems that do not keep to it)."""

    encoding: Encoding = UTF_8
    name: str = "json"
    contract: tuple[str, str] = ("JSON Schema", "JSON Schema")

    @property
    def media_type(self) -> str:
        return "application/json" if self.encoding is UTF_8 else f"application/json; charset={self.encoding.name}"

    def parse(self, payload: bytes | str) -> Node:
        """The tree of a JSON message, its root named `$`. Raises `Malformed`."""
        text = payload if isinstance(payload, str) else self._decode(payload)
        try:
            found = json.loads(
                text,
                parse_int=_Literal,
                parse_float=_Literal,
                parse_constant=_no_number,
                object_pairs_hook=_members,
            )
        except json.JSONDecodeError as error:
            raise malformed(
                "json.malformed",
                f"不是有效的JSON（第{error.lineno}行第{error.colno}列）：{error.msg}",
                f"not JSON (line {error.lineno}, column {error.colno}): {error.msg}",
                text[error.pos : error.pos + 40] or None,
                f"line {error.lineno}, column {error.colno}",
            ) from error
        except _Duplicate as error:
            raise malformed(
                "json.duplicate",
                f"同一对象中“{error}”出现了两次",
                f"{str(error)!r} stands twice in one object",
                str(error),
            ) from error
        except RecursionError as error:
            raise malformed("json.too-deep", f"嵌套超过{DEEPEST}层", f"nested deeper than {DEEPEST}") from error
        except ValueError as error:
            raise malformed("json.malformed", f"不是有效的JSON：{error}", f"not JSON: {error}") from error
        if not isinstance(found, dict | list):
            raise malformed(
                "json.shape", "JSON报文应为对象或数组", "a JSON message is an object or an array", text[:40]
            )
        root = Node(ROOT, "", None, 1)
        root.shown = place
        _fill(root, found, 1)
        if "\\" in text or FORBIDDEN.search(text):
            _refuse_control_characters(root)
        return root

    def _decode(self, payload: bytes) -> str:
        if payload[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return decoded(payload, "utf-16", "json.encoding")
        codec = "utf-8-sig" if payload.startswith(b"\xef\xbb\xbf") else self.encoding.reads
        return decoded(payload, codec, "json.encoding")

    def check(self, spot: Spot, kind: str | None) -> Check:
        encodes = None if self.encoding.codec in ("utf-8", "gb18030") else self.encoding.check
        kind = _kind(spot.element, kind)

        def check(text: str) -> None:
            no_control_characters(text)
            if encodes:
                encodes(text)
            _typed(text, kind)

        return check

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
        return Made(spot, None, nil=True)

    def empty(self, spot: Spot) -> Made:
        return Made(spot, None, empty=True)

    def place(self, path: str) -> str:
        """A path of what is written as a JSON Pointer."""
        steps = re.sub(r"\[(\d+)\]", lambda found: f"/{int(found[1]) - 1}", path)
        return steps.removeprefix(f"/{ROOT}")

    def write(self, record: Any) -> str:
        return _json(_plain(record))


def _refuse_control_characters(root: Node) -> None:
    """What stands in JSON escaped, too, told at its JSON Pointer."""
    pending = [root]
    while pending:
        node = pending.pop()
        pending += node.order
        refuse_control_characters(node.name + node.text, place(node, ()) or "/")
        for name, text in node.attributes.items():
            refuse_control_characters(name + text, place(node, (f"@{name}",)))


def _fill(node: Node, value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise malformed("json.too-deep", f"嵌套超过{DEEPEST}层", f"nested deeper than {DEEPEST}")
    if isinstance(value, dict):
        for name, member in value.items():
            _member(node, name, member, depth)
    elif isinstance(value, list):
        node.at = (*node.at, *_ARRAY)
        for n, item in enumerate(value):
            _fill(node.add(ITEM, at=(n,)), item, depth + 1)
    elif value is None:
        node.nil = True
    else:
        node.text = ("true" if value else "false") if isinstance(value, bool) else str(value)


def _member(node: Node, name: str, value: Any, depth: int) -> None:
    if isinstance(value, list):
        for n, item in enumerate(value):
            _fill(node.add(name, at=(n,)), item, depth + 1)
    elif name.startswith("@") and len(name) > 1 and not isinstance(value, dict):
        if value is not None:
            node.attributes[name[1:]] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    elif name == TEXT and not isinstance(value, dict):
        _fill(node, value, depth)
    else:
        _fill(node.add(name), value, depth + 1)


def _typed(text: str, kind: str) -> str:
    """A value in JSON of a kind. Raises `NotValid` where the text is none."""
    wanted = {
        "number": (_NUMBER, "数字", "a number"),
        "integer": (_INTEGER, "整数", "a whole number"),
        "boolean": (re.compile("true|false"), "true或false", "true or false"),
    }.get(kind)
    if wanted is None:
        return json.dumps(text, ensure_ascii=False)
    if not wanted[0].fullmatch(text):
        raise NotValid(
            "json.type", f"“{text[:40]}”不是JSON的{wanted[1]}", f"{text[:40]!r} is not {wanted[2]} as JSON writes it"
        )
    return text


def _kind(element: Element | None, said: str | None) -> str:
    return (element.kind if element is not None and element.kind else said) or "string"


class _Raw(str):
    """JSON text that is ready."""


def _plain(one: Made) -> Any:
    if one.nil:
        return None
    kind = _kind(one.spot.element, one.kind)
    if not one.children and not one.attributes:
        if one.text is not None:
            return _Raw(_typed(one.text, kind))
        return [] if _is_array(one.spot.element) else {}
    found: dict[str, Any] = {
        f"@{spot.name}": _Raw(_typed(text, _kind(spot.element, said))) for spot, text, said in one.attributes
    }
    if one.text is not None:
        found[TEXT] = _Raw(_typed(one.text, kind))
    for child in one.children:
        if child.empty:
            found.setdefault(child.spot.name, [])
        elif child.spot.listed:
            found.setdefault(child.spot.name, []).append(_plain(child))
        else:
            found[child.spot.name] = _plain(child)
    if _is_array(one.spot.element) and set(found) <= {ITEM}:
        return found.get(ITEM, [])
    return found


def _is_array(element: Element | None) -> bool:
    """Whether the element itself is an array: the whole record, or an item of an array."""
    return element is not None and any(child.name == ITEM and child.most > 1 for child in element.content.children)


def _json(value: Any) -> str:
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_json(one)}" for name, one in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_json(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
