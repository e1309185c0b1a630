"""How much room words take, and where they are broken into lines. Widths are for the fonts of office machines, rounded up:
a line never comes out longer than it was reckoned.
"""

from __future__ import annotations

import unicodedata

_NARROW = frozenset("iIjl.,:;'|!()[]/ftr- ")
_WIDE = frozenset("mwMW@%&")
#: Characters that never begin a line, and that never end one.
_CLOSING = frozenset("）)、，。；：！？》”%")
_OPENING = frozenset("（(《“")


def width(text: str, size: float) -> float:
    """The width of a line of text at a font size, in the same units."""
    return sum(_em(character) for character in text) * size


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WFA":
        return 1.0
    if character in _NARROW:
        return 0.4
    if character in _WIDE:
        return 0.95
    return 0.72 if character.isupper() else 0.58


def wrapped(text: str, size: float, room: float) -> tuple[str, ...]:
    """The text in lines that fit the room: between words, between Chinese characters, and inside a word that alone is too
    long. A bracket that does not fit any more begins a line of its own where it can."""
    lines: list[str] = []
    line = ""
    if bracket := _bracket(text, size, room):
        return (text[:bracket].rstrip(), *wrapped(text[bracket:], size, room))
    for piece in _pieces(text):
        if line and width((line + piece).rstrip(), size) > room:
            lines.append(line.rstrip())
            line = ""
        while width(piece.rstrip(), size) > room and len(piece) > 1:
            fits = next((n for n in range(len(piece) - 1, 0, -1) if width(piece[:n], size) <= room), 1)
            lines.append(piece[:fits])
            piece = piece[fits:]
        line += piece
    if line.strip():
        lines.append(line.rstrip())
    return tuple(lines) or ("",)


def balanced(text: str, size: float, room: float) -> tuple[str, ...]:
    """As few lines as fit the room, as even as they can be."""
    if bracket := _bracket(text, size, room):
        return (text[:bracket].rstrip(), *balanced(text[bracket:], size, room))
    found = wrapped(text, size, room)
    least = max(width(piece.rstrip(), size) for piece in _pieces(text)) if text else 0.0
    tighter = room - size / 2
    while len(found) > 1 and tighter >= least:
        closer = wrapped(text, size, tighter)
        if len(closer) > len(found):
            break
        found = closer
        tighter -= size / 2
    return found


def _bracket(text: str, size: float, room: float) -> int:
    """Where a bracket at the end begins a line of its own, or 0: what stands before it fits, all of it does not."""
    bracket = max(text.rfind("（"), text.rfind("("))
    splits = bracket > 0 and text[-1] in "）)" and width(text[:bracket].rstrip(), size) <= room < width(text, size)
    return bracket if splits else 0


def _pieces(text: str) -> list[str]:
    """What may not be broken: words with the space behind them, Chinese characters with the punctuation that clings to them."""
    pieces: list[str] = []
    for character in text:
        last = pieces[-1] if pieces else ""
        latin = unicodedata.east_asian_width(character) not in "WFA"
        if last and (
            character in _CLOSING
            or character == " "
            or last[-1] in _OPENING
            or (latin and last[-1] not in " -/" and unicodedata.east_asian_width(last[-1]) not in "WFA")
        ):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces
