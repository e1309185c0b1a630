"""Canonical record → foreign record. The contract's order and namespaces are settled when the mapping is compiled; writing a
record only asks for values and hands them to the dialect's format, place by place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.faults import Fault
from hub.domain.values import CaseNumber, IdNumber, NotValid
from hub.translation.canonical import ABSENT, derivation, getter, pointer_of
from hub.translation.codecs import TEXT, Codec, Unusable, build, constant_text, lists_of, text_of
from hub.translation.codelists import CodeList
from hub.translation.compiled import Plan, Write, compiled
from hub.translation.expressions import BadExpression, Failed, Value, compile_expression
from hub.translation.foreign import XSI, path_of
from hub.translation.formats.form import Check, Format
from hub.translation.formats.json import KINDS
from hub.translation.formats.xml import Nested, Xml, escape_attribute
from hub.translation.mapping import Clause, Line, RecordMapping, Section, sentences
from hub.translation.reader import RESIDENT_DOCUMENTS, Resolver, Say, line_of, named_of, place_of
from hub.translation.schema import UNBOUNDED, Element, Simple


@dataclass(slots=True)
class Writing:
    """The state of writing one record."""

    record: Mapping[str, Any]
    context: Mapping[str, Any]
    agencies: Agencies
    pointer: str = ""
    item: Any = None
    position: int = 1

    def offered(self) -> Mapping[str, Callable[[], Any]]:
        return {"record": lambda: self.record, "context": lambda: dict(self.context), "item": lambda: self.item}


#: the thing that a clause's paths start from → the canonical value (or `ABSENT`) with its pointer
_Get = Callable[[Any, Writing], Any]


@dataclass(frozen=True, slots=True)
class _Way:
    get: _Get
    encode: Callable[[Any, Writing], str]
    condition: Value | None
    pointer: str
    clause: Clause
    constant: bool
    #: how the value is written in JSON where the contract does not say
    kind: str | None = None
    #: what its text must be to stand at its place, settled when all places are known
    checks: tuple[Check, ...] = ()
    #: what `get` asks for, where that is a place of the record or of the item
    path: str | None = None
    codec: Codec = TEXT
    #: another place of the record that counts for how the value is written
    beside: str = ""


@dataclass(slots=True)
class _Place:
    """An element or attribute that is written. `tag` and `declared` are of XML: its qualified name and new namespaces."""

    name: str
    tag: str
    element: Element | None = None
    simple: Simple | None = None
    needed: bool = False
    ways: tuple[_Way, ...] = ()
    attributes: list[_Place] = field(default_factory=list)
    children: list[_Place] = field(default_factory=list)
    #: the canonical list whose items become these elements, with its pointer
    each: Callable[[Any], Any] | None = None
    each_pointer: str = ""
    each_path: str = ""
    #: what stands there when no way yields a text
    absent: str | None = None
    source: str = ""
    #: of an attribute
    namespace: str = ""
    declared: str = ""
    cdata: bool = False
    listed: bool = False
    path: tuple[str, ...] = ()
    #: the format of the record that this is a place of
    form: Format = field(default_factory=Xml)
    #: the element's text is a record of its own
    nested: Nested | None = None
    #: for a list of elements of several names: which name an item's value stands for
    choice: _Choice | None = None
    #: the same place as one item of its list
    one: _Place | None = None

    def child(self, name: str) -> _Place | None:
        return next((child for child in self.children if child.name == name), None)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The elements among which an item chooses: by what is written for the canonical place `pointer` of the item."""

    get: Callable[[Any], Any]
    name_of: Callable[[Any], str]
    pointer: str
    places: Mapping[str, _Place]


@dataclass(slots=True)
class _Piece:
    """What an element came to, as its format has it (None: left out), whether it says anything of the record's own, what is
    wrong."""

    made: Any
    alive: bool
    faults: list[Fault]


def _not_yet(_record: Mapping[str, Any], _context: Mapping[str, Any], _agencies: Agencies) -> bytes | None:
    """Stands for code that is not made yet."""
    return None


class Writer:
    """One mapping, compiled for writing. What is wrong with it is told to `say`; use it only when nothing was."""

    def __init__(
        self,
        mapping: RecordMapping,
        root: Element | None,
        lists: Mapping[str, CodeList],
        say: Say,
        form: Format | None = None,
    ) -> None:
        self.mapping, self.lists, self._say, self.used = mapping, lists, say, set[str]()
        #: what the contract says of the record's root; None where it says nothing
        self.element = root
        #: what the contract says of the record's root element, where there is a contract
        self.contract = root
        self.form: Format = form or Xml()
        self.resolve = Resolver(say, self.form)
        steps = path_of(mapping.record)
        self._root = _Place(steps[0], steps[0], root, needed=True, source=f"{mapping.file}:{mapping.line}")
        base = self._down(self._root, steps[1:], mapping.file, mapping.line, mapping.record)
        base.needed = True
        self._section(mapping.section, base)
        if mapping.split and mapping.split.each:
            instance = self._down(
                base, path_of(mapping.split.each), mapping.file, mapping.split.line, mapping.split.each
            )
            self._section(mapping.split, instance)
        self._finish()
        #: what this writer does with a good record, as code; made when it first writes one
        self._quick: Write | None = _not_yet
        # where a mapping goes both ways, what it only derives when reading need not be there when writing
        top, each = mapping.record.strip("/"), (mapping.split.each or "").strip("/") if mapping.split else ""
        told: dict[str, str] = {}
        for part, below in ((mapping.section, top), (mapping.split, f"{top}/{each}")):
            for line in part.lines if part else ():
                if line.direction == "both":
                    told[line.target] = f"/{below}/{line.clauses[0].get('at')}"
        self._required = frozenset(path for path, _ in mapping.required if mapping.direction == "out" or path in told)
        self.required = tuple(
            (getter(path), pointer_of(path), told.get(path, f"/{top}"), source)
            for path, source in mapping.required
            if path in self._required
        )

    # ------------------------------------------------------------ writing
    def write(
        self, record: Mapping[str, Any], context: Mapping[str, Any], agencies: Agencies
    ) -> tuple[Any, list[Fault]]:
        """The foreign record as its format makes it, and every fault that keeps it from being one."""
        writing = Writing(record, context, agencies)
        piece = self._element(self._root, record, writing, ())
        faults = piece.faults
        faulted = {fault.pointer for fault in faults}
        for get, pointer, xpath, source in self.required:
            if get(record) is ABSENT and pointer not in faulted:
                faults.append(
                    Fault("field.missing", pointer, f"缺少{pointer}", f"{pointer} is missing", xpath, None, source)
                )
        return piece.made, [replace(one, xpath=self.form.place(one.xpath) if one.xpath else None) for one in faults]

    def text(
        self, record: Mapping[str, Any], context: Mapping[str, Any], agencies: Agencies
    ) -> tuple[bytes, list[Fault]]:
        """The record as bytes in the dialect's format and encoding; nothing at all where there are faults."""
        if self._quick is _not_yet:
            self._quick = self._code()
        written = self._quick(record, context, agencies) if self._quick else None
        return self.by_places(record, context, agencies) if written is None else (written, [])

    def by_places(
        self, record: Mapping[str, Any], context: Mapping[str, Any], agencies: Agencies
    ) -> tuple[bytes, list[Fault]]:
        """The same place by place, which takes longer and knows what is wrong with a record that cannot be written."""
        made, faults = self.write(record, context, agencies)
        return (b"", faults) if faults else (self.form.encoding.encode(self.form.write(made)), faults)

    def _code(self) -> Write | None:
        """None where this writer has no code."""
        required = tuple(path for path, _ in self.mapping.required if path in self._required)
        return compiled(Plan(self.mapping.file, self._root, self.form, required, self.lists), Writing)

    def _element(self, place: _Place, here: Any, writing: Writing, path: tuple[str, ...]) -> _Piece:
        path = (*path, place.name)
        attributes: list[tuple[_Place, str, str | None]] = []
        alive = False
        faults: list[Fault] = []
        missing: list[Fault] = []
        for attribute in place.attributes:
            text, mine, kind = self._value(attribute, here, writing, (*path, f"@{attribute.name}"), faults)
            if text is not None:
                attributes.append((attribute, text, kind))
                alive = alive or mine
            elif attribute.needed:
                missing.append(self._missing(attribute, writing, (*path, f"@{attribute.name}")))
        content: str | None = None
        kind = None
        if place.ways:
            content, mine, kind = self._value(place, here, writing, path, faults)
            alive = alive or (content is not None and mine)
        parts: list[Any] = []
        for child in place.children:
            pieces = (
                self._repeated(child, here, writing, path)
                if child.each
                else [self._element(child, here, writing, path)]
            )
            for piece in pieces:
                if piece.made is not None:
                    parts.append(piece.made)
                alive = alive or piece.alive
                # what a left-out optional element lacks is lacking nowhere
                (missing if not piece.alive else faults).extend(piece.faults)
        broken = bool(faults)
        if place.nested and parts and not broken:
            content, parts = place.nested.declaration + place.nested.form.write(parts[0]), []
        if alive or place.needed or broken:
            faults += missing
        if content is None and not attributes and not parts:
            if broken:
                return _Piece(None, True, faults)
            if place.element is not None and place.element.nillable and place.needed and place.ways:
                return _Piece(place.form.nil(place), False, [])
            if place.needed and place.ways:
                faults.append(self._missing(place, writing, path))
            if not place.needed or place.ways:
                return _Piece(None, False, faults)
        if not alive and not place.needed and not place.ways and not broken:
            return _Piece(None, False, [])
        return _Piece(place.form.element(place, attributes, content, kind, parts), alive, faults)

    def _repeated(self, place: _Place, here: Any, writing: Writing, path: tuple[str, ...]) -> list[_Piece]:
        assert place.each
        items = place.each(here)
        if items is ABSENT or items is None:
            items = []
        elif not isinstance(items, list):
            items = [items]
        most = place.element.most if place.element else UNBOUNDED
        if len(items) > most:
            wrong = Fault(
                "list.too-many",
                writing.pointer + place.each_pointer,
                f"接收系统的“{place.name}”至多{most}项，记录中有{len(items)}项",
                f"the recipient's contract takes at most {most} of {place.name}, the record has {len(items)}",
                "/" + "/".join((*path, place.name)),
                len(items),
                place.source,
            )
            return [_Piece(None, True, [wrong])]
        if not items and place.needed:
            if place.element is not None and place.element.may_be_empty:
                return [_Piece(place.form.empty(place), False, [])]
            return [_Piece(None, False, [self._missing(place, writing, (*path, place.name))])]
        outer = (writing.pointer, writing.item, writing.position)
        pieces: list[_Piece] = []
        counts: Counter[str] = Counter()
        for position, item in enumerate(items, 1):
            writing.pointer, writing.item, writing.position = (
                f"{outer[0]}{place.each_pointer}/{position - 1}",
                item,
                position,
            )
            one, wrong_name = self._item(place, item, writing, path)
            if one is None:
                pieces.append(_Piece(None, True, wrong_name))
                continue
            shown = (*path, one.name)
            counts[one.name] += 1
            piece = self._element(one, item, writing, path)
            if len(items) > 1 or (place.listed and place.form.name == "json"):
                indexed = f"/{'/'.join(shown)}"
                piece.faults = [
                    Fault(
                        f.rule,
                        f.pointer,
                        f.zh,
                        f.en,
                        f"{indexed}[{counts[one.name]}]{(f.xpath or '').removeprefix(indexed)}",
                        f.value,
                        f.source,
                    )
                    for f in piece.faults
                ]
            pieces.append(piece)
        writing.pointer, writing.item, writing.position = outer
        return pieces

    @staticmethod
    def _item(place: _Place, item: Any, writing: Writing, path: tuple[str, ...]) -> tuple[_Place | None, list[Fault]]:
        """The element that an item of a list becomes; of several by what the item says, else with what is wrong."""
        if place.choice is None:
            return place.one, []
        value = place.choice.get(item)
        try:
            if value is ABSENT:
                raise NotValid(
                    "field.missing",
                    f"由此处决定写成哪种元素（{'、'.join(place.choice.places)}），记录中没有",
                    f"it decides which element is written ({', '.join(place.choice.places)}), and is missing",
                )
            found = place.choice.places[place.choice.name_of(value)]
        except NotValid as error:
            shown = None if value is ABSENT else str(value)[:200]
            pointer = writing.pointer + place.choice.pointer
            return None, [Fault(error.rule, pointer, error.zh, error.en, "/" + "/".join(path), shown, place.source)]
        return found.one, []

    def _value(
        self, place: _Place, here: Any, writing: Writing, path: tuple[str, ...], faults: list[Fault]
    ) -> tuple[str | None, bool, str | None]:
        """The text of a place (None: no way yields one), whether it comes from the record, and its kind in JSON."""
        xpath = "/" + "/".join(path)
        for way in place.ways:
            pointer = writing.pointer + way.pointer if way.pointer or not way.constant else ""
            value: Any = None
            try:
                if way.condition is not None and way.condition(writing.offered()) is not True:
                    continue
                value = way.get(here, writing)
                if value is ABSENT or value is None or value == []:
                    continue
                text = way.encode(value, writing)
                for check in way.checks:
                    check(text)
                if place.simple is not None and not text.startswith("urn:sha256:"):
                    place.simple.check(text)
            except NotValid as error:
                shown = None if value is ABSENT or value is None else str(value)[:200]
                faults.append(Fault(error.rule, pointer, error.zh, error.en, xpath, shown, way.clause.source))
                return None, True, None
            except Failed as error:
                faults.append(
                    Fault(
                        "expression.failed",
                        pointer,
                        f"映射中的表达式无法计算：{error}",
                        f"an expression of the mapping broke: {error}",
                        xpath,
                        None,
                        way.clause.source,
                    )
                )
                return None, True, None
            if text:
                return text, not way.constant, way.kind
        if place.absent is not None:
            return place.absent, False, None
        return None, False, None

    @staticmethod
    def _missing(place: _Place, writing: Writing, path: tuple[str, ...]) -> Fault:
        shown = "/".join(path)
        for way in place.ways:
            if (worded := sentences(way.clause.get("missing"))) is not None:
                return Fault(
                    worded[0], writing.pointer + way.pointer, worded[1], worded[2], f"/{shown}", None, way.clause.source
                )
        pointer = next(
            (writing.pointer + way.pointer for way in place.ways if way.pointer), writing.pointer + place.each_pointer
        )
        source = place.ways[0].clause.source if place.ways else place.source
        return Fault(
            "field.missing",
            pointer,
            f"接收系统要求{shown}，记录中没有{pointer or '对应内容'}",
            f"the recipient's contract requires {shown}, the record has no {pointer or 'value for it'}",
            f"/{shown}",
            None,
            source,
        )

    # ------------------------------------------------------------ compiling
    def _down(self, place: _Place, steps: tuple[str, ...], file: str, line: int, shown: str) -> _Place:
        here = place
        for step in steps:
            below = here.child(step)
            if below is None:
                element = self.resolve.element(here.element, (step,), file, line, shown)
                below = _Place(step, step, element, needed=False, source=f"{file}:{line}")
                below.listed = element is not None and element.array
                here.children.append(below)
            here = below
        return here

    def _section(self, section: Section, base: _Place) -> None:
        for line in section.lines:
            if line.direction == "in":
                continue
            if line.direction == "out":
                if line.section:
                    self._list(line, line.target, str(line.clauses[0].get("each")), base)
                else:
                    self._put(
                        base, line.target, line, [w for c in line.clauses if (w := self._way(line, c)) is not None]
                    )
            elif line.section:
                self._list(line, str(line.clauses[0].get("at")), line.target, base)
            elif line.target.endswith("[]"):
                self._texts(line, base)
            else:
                clause = line.clauses[0]
                way = self._way(line, clause, line.target)
                self._put(
                    base, str(clause.get("at")), line, [] if way is None else [way]
                )  # a wrong codec leaves the place named

    def _list(self, line: Line, foreign: str, canonical: str, base: _Place) -> None:
        place = self._repeat(line, foreign, canonical, base)
        if place is None or not line.section:
            return
        named = named_of(line.clauses[0], self.lists, self._say)
        if named is None:
            self._section(line.section, place)
            return
        parent = self._down(base, path_of(foreign)[:-1], line.file, line.line, foreign)
        places: dict[str, _Place] = {}
        for name in named.names:
            element = self.resolve.element(parent.element, (name,), line.file, line.line, f"{foreign}（{name}）")
            places[name] = _Place(name, name, element, source=line.source, listed=place.listed)
            self._section(named.fitting(line.section, parent.element, name), places[name])
        place.choice = _Choice(getter(named.place), named.name_of, pointer_of(named.place), places)
        first = next((one.element for one in places.values() if one.element is not None), None)
        if first is not None:
            place.element = replace(first, least=0, most=UNBOUNDED)

    def _repeat(self, line: Line, foreign: str, canonical: str, base: _Place) -> _Place | None:
        steps, _ = place_of(foreign)
        if not steps:
            self._say(
                line.file,
                line.line,
                "mapping.shape",
                "列表须对应一个重复的元素",
                "a list needs an element that is repeated",
            )
            return None
        parent = self._down(base, steps[:-1], line.file, line.line, foreign)
        if parent.child(steps[-1]) is not None:
            self._twice(line, foreign, next(child for child in parent.children if child.name == steps[-1]))
            return None
        if steps[-1] == "*":
            # one of several elements, each of which is resolved by its own name
            place = _Place("*", "*", None, source=line.source)
            parent.children.append(place)
        else:
            place = self._down(parent, steps[-1:], line.file, line.line, foreign)
        place.each, place.each_path, place.source = getter(canonical), canonical, line.source
        place.each_pointer = pointer_of(canonical.removesuffix("[]"))
        place.listed = place.element.array if place.element is not None else True
        return place

    def _twice(self, line: Line, foreign: str, before: _Place) -> None:
        """Two lines write one place; which of them is the wrong one is for a person to see, so both are named."""
        self._say(
            line.file,
            line.line,
            "foreign.twice",
            f"“{foreign}”被写了两次：另见{before.source}",
            f"{foreign!r} is written twice: also by {before.source}",
        )

    def _texts(self, line: Line, base: _Place) -> None:
        clause = line.clauses[0]
        foreign = str(clause.get("at"))
        steps, attribute = place_of(foreign)
        if attribute or len(steps) == 0:
            self._say(
                line.file,
                line.line,
                "mapping.shape",
                "逐项对应的列表须是重复的元素",
                "a list of texts needs an element that is repeated",
            )
            return
        place = self._repeat(line, foreign, line.target, base)
        way = self._way(line, clause, ".")
        if place is not None and way is not None:
            place.ways = (way,)
            place.simple = place.element.content.simple if place.element else None

    def _put(self, base: _Place, foreign: str, line: Line, ways: list[_Way]) -> None:
        steps, attribute = place_of(foreign)
        several = [
            way
            for way in ways
            if any(step.endswith("[]") for step in str(way.clause.get("from") or "").split("."))
            and "list" not in way.clause.keys
            and "derive" not in way.clause.keys
        ]
        if several and line.direction == "out":
            way = several[0]
            head, _, rest = str(way.clause.get("from")).partition("[]")
            place = self._repeat(line, foreign, head, base)
            if place is not None:
                path = rest.strip(".") or "."
                get = getter(path)
                place.ways = (replace(way, get=lambda here, writing: get(here), pointer=pointer_of(path), path=path),)
                place.simple = place.element.content.simple if place.element else None
            return
        place = self._down(base, steps, line.file, line.line, foreign)
        if attribute:
            self.resolve.attribute(place.element, attribute, line.file, line.line, foreign)
            known = place.element.content.attributes.get(attribute) if place.element else None
            before = next((one for one in place.attributes if one.name == attribute), None)
            if before is not None:
                self._twice(line, foreign, before)
                return
            place.attributes.append(
                _Place(
                    attribute,
                    attribute,
                    None,
                    known.simple if known else None,
                    bool(known and known.required),
                    tuple(ways),
                    source=line.source,
                    namespace=known.namespace if known else "",
                )
            )
            if attribute.partition(":")[1]:
                self.resolve.prefix(attribute, line.file, line.line, foreign)
            return
        if place.ways:
            self._twice(line, foreign, place)
            return
        if place.element is not None and place.element.content.simple is None:
            self._say(
                line.file,
                line.line,
                "foreign.not-text",
                f"“{foreign}”含有下级元素，不能写文字",
                f"{foreign!r} has elements below it and takes no text",
            )
            return
        place.ways = tuple(ways)
        place.source = place.source if place.each else line.source
        place.absent = next((str(way.clause.get("absent")) for way in ways if "absent" in way.clause.keys), None)
        place.cdata = any(way.clause.get("cdata") is True for way in ways)
        place.simple = place.element.content.simple if place.element else None

    def _finish(self) -> None:
        """Order, tags, formats and what is needed, once all places are known."""
        self._order(self._root)
        self._document(self._root, self.form, ())

    def _order(self, top: _Place) -> None:
        for place in _walk(top):
            if place.element is None or place.choice is not None:
                continue
            element = place.element
            place.children = sorted(place.children, key=lambda child: _rank(element, child))
            for child in place.children:
                if child.element is not None and child.choice is None:
                    child.needed = child.element.least >= 1
            written = {
                name for child in place.children for name in (child.choice.places if child.choice else [child.name])
            }
            for required in element.content.children:
                if (
                    required.least >= 1
                    and required.name not in written
                    and required.name not in self.mapping.left_to_connector
                ):
                    self._not_covered(place, f"{element.name}/{required.name}")
            present = {attribute.name for attribute in place.attributes}
            for attribute in element.content.attributes.values():
                if attribute.required and attribute.name not in present:
                    self._not_covered(place, f"{element.name}/@{attribute.name}")

    def _not_covered(self, place: _Place, shown: str) -> None:
        file, _, line = place.source.rpartition(":")
        zh, en = self.form.contract
        self._say(
            file,
            int(line),
            "foreign.not-covered",
            f"{zh}要求“{shown}”，但没有任何行写出",
            f"the {en} requires {shown}, but no line writes it",
        )

    def _document(self, root: _Place, form: Format, outer: tuple[Format, ...]) -> None:
        """Settle the places of one record: the whole, or one that is the text of an element."""
        own = list(_own(root, form if isinstance(form, Xml) else None))
        for place, path in own:
            place.path, place.form = path, form
            for spot in (place, *place.attributes):
                spot.path = path if spot is place else (*path, f"@{spot.name}")
                spot.ways = tuple(
                    replace(
                        way,
                        kind=way.kind if form.name == "json" else None,
                        checks=(form.check(spot, way.kind), *(one.check(spot, None) for one in outer)),
                    )
                    for way in spot.ways
                )
        if isinstance(form, Xml):
            _qualify(root, [place for place, _ in own], form)
            for place, path in own:
                place.nested = form.nested.get(path)
                if place.nested:
                    place.cdata = place.cdata or place.nested.cdata
                    for child in place.children:
                        self._document(child, place.nested.form, (form, *outer))
        for place, _ in own:
            place.one = replace(place, each=None, each_pointer="", each_path="", needed=True, choice=None)

    # ------------------------------------------------------------ values
    def _way(self, line: Line, clause: Clause, canonical: str | None = None) -> _Way | None:
        try:
            codec = build(clause.keys, self.lists)
        except Unusable as error:
            self._say(clause.file, line_of(clause, error.key), error.rule, error.zh, error.en)
            return None
        self.used.update(lists_of(clause.keys))
        if codec.encode is None:
            self._say(clause.file, clause.line, "codec.read-only", "此写法只能读入，不能写出", "this codec only reads")
            return None
        if codec.kind == "document" and self.form.name == "fixed":
            self._say(
                clause.file,
                line_of(clause, "document"),
                "codec.form",
                "定长记录放不下材料内容：其长度各不相同",
                "a record of fixed width has no room for a document, whose length is its own",
            )
            return None
        condition: Value | None = None
        try:
            if "when" in clause.keys and (canonical is None or self.mapping.direction == "out"):
                condition = compile_expression(str(clause.get("when")))
            expression = compile_expression(str(clause.get("compute"))) if "compute" in clause.keys else None
        except BadExpression as error:
            self._say(
                clause.file,
                line_of(clause, "when" if "when" in clause.keys else "compute"),
                "expression.bad",
                f"表达式有误：{error}",
                f"bad expression: {error}",
            )
            return None
        if "json" in clause.keys and clause.get("json") not in KINDS:
            self._say(
                clause.file,
                line_of(clause, "json"),
                "codec.form",
                f"json应为{'、'.join(KINDS)}之一",
                f"json is one of {', '.join(KINDS)}",
            )
            return None
        encode = _encoder(codec)
        kind = kind_of(clause, codec)
        if canonical is not None or "from" in clause.keys:
            path = canonical if canonical is not None else str(clause.get("from"))
            get = getter(path)
            encode, beside = _kept(encode, clause, path, codec)
            return _Way(
                lambda here, writing: get(here),
                encode,
                condition,
                pointer_of(path),
                clause,
                False,
                kind,
                path=path,
                codec=codec,
                beside=beside,
            )
        way = self._computed(clause, encode, condition, expression)
        return None if way is None else replace(way, kind=kind, codec=codec)

    @staticmethod
    def _computed(
        clause: Clause,
        encode: Callable[[Any, Writing], str],
        condition: Value | None,
        expression: Value | None,
    ) -> _Way | None:
        keys = clause.keys
        if "value" in keys:
            text = constant_text(keys["value"])
            return _Way(lambda here, writing: text, encode, condition, "", clause, True)
        if "context" in keys:
            name = str(keys["context"])
            return _Way(lambda here, writing: writing.context.get(name, ABSENT), encode, condition, "", clause, True)
        if "position" in keys:
            return _Way(lambda here, writing: str(writing.position), encode, condition, "", clause, True)
        if expression is not None:

            def compute(here: Any, writing: Writing) -> Any:
                value = expression(writing.offered())
                return ABSENT if value is None else value

            return _Way(compute, encode, condition, "", clause, False)
        if "derive" in keys:
            of = [str(path) for path in (keys["of"] if isinstance(keys["of"], list) else [keys["of"]])]
            derive = derivation(str(keys["derive"]), tuple(of), int(keys.get("days", 0)))
            return _Way(
                lambda here, writing: derive(writing.record), encode, condition, pointer_of(of[0]), clause, False
            )
        worded = sentences(keys.get("fault"))
        if worded is None:
            return None

        def fault(here: Any, writing: Writing) -> Any:
            raise NotValid(*worded)

        return _Way(fault, encode, condition, "", clause, False)


def _encoder(codec: Codec) -> Callable[[Any, Writing], str]:
    encode = codec.encode or TEXT.encode
    assert encode

    def write(value: Any, writing: Writing) -> str:
        return encode(value, writing.agencies)

    return write


def _around(writing: Writing) -> Any:
    """What a line's paths start from: the item of its list, else the record."""
    return writing.record if writing.item is None else writing.item


def _kept(
    encode: Callable[[Any, Writing], str], clause: Clause, path: str, codec: Codec
) -> tuple[Callable[[Any, Writing], str], str]:
    """Case numbers go out as they were written, where that is still the same case; ID numbers are checked first.

    With it comes the place of the record that counts for that ("" where none does).
    """
    if clause.get("as_written"):
        beside = str(clause.get("as_written"))
        get = getter(beside)

        def write_as_written(value: Any, writing: Writing) -> str:
            normal, written = encode(value, writing), get(_around(writing))
            try:
                return written if isinstance(written, str) and CaseNumber.parse(written).text == normal else normal
            except NotValid:
                return normal

        return write_as_written, beside
    if codec.kind != "id-number":
        return encode, ""
    beside = (path.rpartition(".")[0] + "." if "." in path else "") + "id_type.code"
    get_kind = getter(beside)

    def write_checked(value: Any, writing: Writing) -> str:
        kind, text = get_kind(_around(writing)), text_of(value)
        if kind is not ABSENT and not (isinstance(kind, str) and kind in RESIDENT_DOCUMENTS):
            return text
        IdNumber.parse(text)
        return encode(text, writing)

    return write_checked, beside


def kind_of(clause: Clause, codec: Codec) -> str | None:
    """How a line's value is written in JSON where the contract does not say: as its line says, as its codec makes it, or,
    for a constant, as YAML has it."""
    if "json" in clause.keys:
        return str(clause.get("json"))
    value = clause.get("value")
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or "position" in clause.keys:
        return "integer"
    return codec.json


def _rank(element: Element, child: _Place) -> int:
    names = list(child.choice.places) if child.choice else [child.name]
    ranks = [element.rank(name) for name in names if element.child(name) is not None]
    return min(ranks, default=0)


def _qualify(root: _Place, places: list[_Place], form: Xml) -> None:
    """The qualified names of an XML record, and its namespaces declared on its root: with the dialect's prefixes; of what
    only the contract knows, the one namespace that there is stands without a prefix."""
    elements = {place.element.namespace for place in places if place.element is not None}
    attributes = {spot.namespace for place in places for spot in place.attributes} - {""}
    named = {namespace: f"{prefix}:" for prefix, namespace in form.prefixes.items() if prefix}
    prefixes = {"": ""}
    for n, namespace in enumerate(sorted(elements - {""} - set(named)), 1):
        prefixes[namespace] = "" if len(elements) == 1 else f"n{n}:"
    for n, namespace in enumerate(sorted(attributes - set(named)), 1):
        # an attribute of a namespace always has a prefix; one that elements have may serve
        prefixes[namespace] = prefixes.get(namespace) or f"a{n}:"
    prefixes |= named
    used: set[str] = set()
    default = form.prefixes.get("", "")
    for place in places:
        for spot in (place, *place.attributes):
            prefix, colon, _ = spot.name.partition(":")
            if spot.element is not None:
                spot.tag = prefixes[spot.element.namespace] + spot.element.local
                used.add(spot.element.namespace)
            elif spot.namespace:
                spot.tag = prefixes[spot.namespace] + spot.name.rpartition(":")[2]
                used.add(spot.namespace)
            elif colon and prefix in form.prefixes:
                used.add(form.prefixes[prefix])
            elif spot is place and default:
                used.add(default)
                prefixes[default] = ""
    nil = any(child.element is not None and child.element.nillable for place in places for child in place.children)
    root.declared = "".join(
        f' xmlns{":" + prefix[:-1] if prefix else ""}="{escape_attribute(namespace)}"'
        for namespace, prefix in sorted(prefixes.items(), key=lambda one: one[1] != "")
        if namespace in used and namespace
    ) + (f' xmlns:xsi="{XSI}"' if nil else "")


def _own(place: _Place, form: Xml | None, path: tuple[str, ...] = ()) -> Iterator[tuple[_Place, tuple[str, ...]]]:
    """The places of one record with their paths: what is inside a nested one belongs to that."""
    path = (*path, place.name)
    yield place, path
    if form is not None and path in form.nested:
        return
    for child in place.children:
        yield from _own(child, form, path)
    for child in place.choice.places.values() if place.choice else ():
        yield from _own(child, form, path[:-1])


def _below(place: _Place) -> list[_Place]:
    several = list(place.choice.places.values()) if place.choice else []
    return [*place.children, *several]


def _walk(place: _Place) -> Iterator[_Place]:
    yield place
    for child in _below(place):
        yield from _walk(child)
