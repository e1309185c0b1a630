"""Foreign records out of thin air, as trees: what a mapping's lines name, within the contract where there is one.

The tree is the one that every format of the language is read into, so that a record can be tried without being spelt out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from rstr import Rstr

from hub.domain.values import NotValid
from hub.translation.codecs import TEXT, Codec, Unusable, build
from hub.translation.foreign import Node, path_of
from hub.translation.mapping import Clause, Line, RecordMapping, Section
from hub.translation.reader import place_of
from hub.translation.schema import Element, Simple
from hub.workshop.generation import DOCUMENTS, Profile, profile_of
from hub.workshop.meanings import Make, Meaning, Vocabulary, meaning_of, some_text

_CONTENTS = tuple(base64.b64encode(content).decode() for content in DOCUMENTS.values())
_INDEX = re.compile(r"\[\d+\]")
#: A place of the foreign record in an expression; a name before a bracket is a function.
_ASKED = re.compile(r"(?<![\w.])foreign(?:\.[^\W\d]\w*)+(?![\w(])")


@dataclass(slots=True)
class Spot:
    """A foreign place that the mapping names. `line` and `clause` are those that answer for it."""

    name: str
    path: tuple[str, ...]
    element: Element | None = None
    simple: Simple | None = None
    children: dict[str, Spot] = field(default_factory=dict)
    attributes: dict[str, Spot] = field(default_factory=dict)
    many: bool = False
    needed: bool = False
    make: Make | None = None
    meaning: Meaning | None = None
    line: Line | None = None
    clause: Clause | None = None
    #: its text is the hub's own (a constant, the envelope's facts): made, but not compared
    own: bool = False
    position: bool = False
    #: a list whose items are the records of a message
    split: bool = False

    def below(self) -> Iterator[Spot]:
        """This place and all below it."""
        yield self
        for spot in (*self.attributes.values(), *self.children.values()):
            yield from spot.below()


def codec_of(clause: Clause, words: Vocabulary) -> Codec:
    """The codec of a clause that the linter has found sound."""
    try:
        return build(clause.keys, words.lists)
    except Unusable:
        return TEXT


class ForeignRecords:
    """Makes the records of one mapping. `root` is the contract's element; without one every named place is optional.

    `texts`: canonical place → texts that may stand there.
    """

    def __init__(
        self,
        mapping: RecordMapping,
        root: Element | None,
        words: Vocabulary,
        texts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.mapping, self.words, self.texts = mapping, words, dict(texts or {})
        self._strings = Rstr(Random(1))
        steps = path_of(mapping.record)
        self.root = Spot(steps[0], steps[:1], root, needed=True)
        self.base = self._down(self.root, steps[1:])
        for spot in self.root.below():
            spot.needed = True
        self._section(mapping.section, self.base, "")
        if mapping.split and mapping.split.each:
            instance = self._down(self.base, path_of(mapping.split.each))
            instance.many = instance.split = instance.needed = True
            here = self.base
            for step in path_of(mapping.split.each):
                here = here.children[step]
                here.needed = True
            self._section(mapping.split, instance, "")

    # ------------------------------------------------------------ making
    def tree(self, number: int, random: Random) -> Node:
        """The record of a number; the first ones are the edges."""
        root = Node(self.root.name, self.root.element.namespace if self.root.element else "", None, 1)
        self._grow(self.root, root, random, profile_of(number, random))
        return root

    def need(self, xpath: str) -> bool:
        """A place is there from now on, with what it stands in. False where that was known or is no place of the mapping."""
        here, new = self.root, False
        for step in path_of(_INDEX.sub("", xpath))[1:]:
            below = here.attributes.get(step[1:]) if step.startswith("@") else here.children.get(step)
            if below is None:
                return new
            new, below.needed, here = new or not below.needed, True, below
        return new

    def _grow(self, spot: Spot, node: Node, random: Random, profile: Profile) -> None:
        for attribute in spot.attributes.values():
            if self._is_there(attribute, random, profile):
                node.attributes[attribute.name] = self._text(attribute, random, node.position)
        if spot.make is not None or spot.position or spot.own:
            if spot.element is not None and spot.element.nillable and random.random() < profile.null:
                node.nil = True
                return
            node.text = self._text(spot, random, node.position)
        for child in self._in_order(spot):
            if not child.many:
                count = 1 if self._is_there(child, random, profile) else 0
            else:
                count = random.choice(profile.items)
                count = (
                    max(1, count) if child.needed or child.split else count if random.random() < profile.there else 0
                )
                if child.element is not None:
                    count = min(count, child.element.most)
            for _ in range(count):
                below = _child(node, child)
                self._grow(child, below, random, profile)

    @staticmethod
    def _is_there(spot: Spot, random: Random, profile: Profile) -> bool:
        if spot.element is not None and spot.element.least >= 1:
            return True
        return (spot.needed and profile.complete) or random.random() < profile.there

    @staticmethod
    def _in_order(spot: Spot) -> list[Spot]:
        children = list(spot.children.values())
        element = spot.element
        if element is None:
            return children
        return sorted(children, key=lambda child: element.rank(child.name) if child.element else 0)

    def _text(self, spot: Spot, random: Random, position: int) -> str:
        if spot.position:
            return str(position)
        make = spot.make or some_text
        simple = spot.simple
        for _ in range(20):
            text = str(make(random))
            if simple is None or simple.free:
                return text
            try:
                simple.check(text)
                return text
            except NotValid:
                continue  # the contract is narrower than the codec: another text
        assert simple is not None
        if simple.values:
            return random.choice(simple.values)
        return self._strings.xeger(simple.patterns[0].pattern) if simple.patterns else some_text(random)

    # ------------------------------------------------------------ what the lines name
    def _down(self, spot: Spot, steps: Sequence[str]) -> Spot:
        here = spot
        for step in steps:
            below = here.children.get(step)
            if below is None:
                element = here.element.child(step) if here.element is not None else None
                below = here.children[step] = Spot(step, (*here.path, step), element)
                below.simple = element.content.simple if element is not None else None
            here = below
        return here

    def _place(self, base: Spot, foreign: str) -> Spot:
        steps, attribute = place_of(foreign)
        spot = self._down(base, steps)
        if attribute is None:
            return spot
        if attribute not in spot.attributes:
            made = Spot(attribute, (*spot.path, f"@{attribute}"))
            known = spot.element.content.attributes.get(attribute) if spot.element is not None else None
            made.simple, made.needed = (known.simple, known.required) if known else (None, False)
            spot.attributes[attribute] = made
        return spot.attributes[attribute]

    def _section(self, section: Section, base: Spot, prefix: str) -> None:
        # pairs first: they answer for the places that one-way lines name too
        for line in sorted(section.lines, key=lambda line: ("both", "in", "out").index(line.direction)):
            clause = line.clauses[0] if line.clauses else None
            if line.section and clause is not None:
                foreign = line.target if line.direction == "out" else str(clause.get("at") or clause.get("each"))
                spot = self._place(base, foreign)
                if spot.line is None:
                    spot.many, spot.line, spot.clause = True, line, clause
                canonical = str(clause.get("each")) if line.direction == "out" else line.target
                self._section(line.section, spot, f"{prefix}{canonical}[].")
            elif line.direction == "out":
                self._out(line, base)
            else:
                for clause in line.clauses:
                    if "at" in clause.keys:
                        self._leaf(self._place(base, str(clause.get("at"))), line, clause, prefix + line.target)
                    self._asked_for(clause, base)

    def _asked_for(self, clause: Clause, base: Spot) -> None:
        """Texts that only an expression of a line asks for (`foreign.ZFXX.ZFBH`). They are made, and nobody compares them."""
        for key in ("compute", "when"):
            for path in _ASKED.findall(str(clause.get(key) or "")):
                spot = self._down(base, path.split(".")[1:])
                if spot.make is None and spot.line is None and not spot.children:
                    spot.own, spot.make = True, some_text

    def _leaf(self, spot: Spot, line: Line, clause: Clause, path: str) -> None:
        if spot.line is not None and spot.make is not None:
            return
        codec = codec_of(clause, self.words)
        spot.line, spot.clause, spot.meaning = line, clause, meaning_of(clause.keys, self.words, codec)
        if line.target.endswith("[]") and line.direction == "both":
            spot.many = spot.element is None or spot.element.most > 1
        if codec.kind == "document":
            spot.make = lambda random: random.choice(_CONTENTS)
            return
        known = tuple(self.texts.get(path, ()))
        # without a codec, what may stand here is for the schema of the canonical place to say
        spot.make = (lambda random: random.choice(known)) if known and codec is TEXT else spot.meaning.foreign

    def _out(self, line: Line, base: Spot) -> None:
        spot = self._place(base, line.target)
        if spot.line is not None:
            return
        clause = line.clauses[0]
        spot.line, spot.clause = line, clause
        keys = clause.keys
        if "position" in keys:
            spot.position = spot.own = True
        elif "value" in keys:
            value = str(keys["value"])
            spot.own, spot.make = True, lambda random: value
        elif "context" in keys or "fault" in keys:
            spot.own, spot.make = True, meaning_of(keys, self.words, codec_of(clause, self.words)).foreign
        else:
            spot.meaning = meaning_of(keys, self.words, codec_of(clause, self.words))
            spot.make = spot.meaning.foreign


def _child(parent: Node, spot: Spot) -> Node:
    siblings = parent.children.setdefault(spot.name, [])
    node = Node(spot.name, spot.element.namespace if spot.element else "", parent, len(siblings) + 1)
    siblings.append(node)
    parent.order.append(node)
    return node


# ------------------------------------------------------------------ comparing
Say = Callable[[Spot, Any, Any], None]


def compare(spot: Spot, before: Node | None, after: Node | None, say: Say, instance: Node | None = None) -> None:
    """Tell every named place at and below a spot whose text is not the same in both trees.

    `instance`: of a message that was split, the one that the second tree is about.
    """
    for attribute in spot.attributes.values():
        _leaf_differs(
            attribute,
            before.attributes.get(attribute.name, "") if before else "",
            after.attributes.get(attribute.name, "") if after else "",
            say,
        )
    if spot.make is not None and not spot.children:
        _leaf_differs(spot, before.text if before else "", after.text if after else "", say)
    for child in spot.children.values():
        ours = before.children.get(child.name, []) if before else []
        theirs = after.children.get(child.name, []) if after else []
        if child.split and instance is not None:
            ours = [instance]
        if not child.many:
            compare(child, ours[0] if ours else None, theirs[0] if theirs else None, say, instance)
            continue
        ours, theirs = [one for one in ours if _says(one)], [one for one in theirs if _says(one)]
        if child.line is not None and child.line.target.endswith("[]"):
            ours = _once(ours)
        if len(ours) != len(theirs):
            say(child, f"{len(ours)}×", f"{len(theirs)}×")
            continue
        for one, other in zip(ours, theirs, strict=True):
            compare(child, one, other, say, instance)


def _says(node: Node) -> bool:
    return bool(not node.nil and (node.text.strip() or node.attributes or any(_says(child) for child in node.order)))


def _once(nodes: list[Node]) -> list[Node]:
    """Each text of a repeated element counts once."""
    seen: dict[str, Node] = {}
    for node in nodes:
        seen.setdefault(node.text.strip(), node)
    return list(seen.values())


def _leaf_differs(spot: Spot, before: str, after: str, say: Say) -> None:
    if spot.own or spot.line is None or spot.meaning is None:
        return
    before, after = before.strip(), after.strip()
    if before == after or (spot.clause is not None and not before and after == spot.clause.get("absent")):
        return
    if "document" in (spot.clause.keys if spot.clause else {}):
        if "".join(before.split()) != "".join(after.split()):
            say(spot, before[:20], after[:20])
        return
    if not (before and after and spot.meaning.same_text(before, after)):
        say(spot, before, after)
