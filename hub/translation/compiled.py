"""A mapping that writes, as straight-line Python: what a good record comes to, with everything that the mapping settles settled.

It knows no faults. Where anything is not plainly right – a value that a codec refuses, something that is missing, a shape
that records do not have – the code gives up on that record, and the `Writer`, which it was made from and which knows all
about faults, writes it instead. So there is one source of messages, and what is written here is byte for byte what the
`Writer` writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub.domain.agencies import Agencies
from hub.domain.values import CaseNumber, NotValid
from hub.translation.canonical import ABSENT, getter, steps_of
from hub.translation.codecs import CODECS, constant_text
from hub.translation.codelists import CodeList
from hub.translation.encodings import UTF_8
from hub.translation.expressions import Failed
from hub.translation.formats.form import FORBIDDEN, Format
from hub.translation.formats.xml import ODD, ODD_IN_ATTRIBUTE, Xml, escape, escape_attribute
from hub.translation.quick import Encode, Quick, quick
from hub.translation.reader import RESIDENT_DOCUMENTS
from hub.translation.schema import BUILT_IN, UNBOUNDED, Simple

if TYPE_CHECKING:
    from hub.translation.writer import Writing
    from hub.translation.writer import _Place as Place
    from hub.translation.writer import _Way as Way

#: record, context, agencies → the bytes; None where it gave up
Write = Callable[[Mapping[str, Any], Mapping[str, Any], Agencies], bytes | None]

#: What this compiler knows of a place and of a way. With anything else said about one, it leaves the mapping alone.
KNOWN_OF_PLACES = frozenset(
    [
        "name",
        "tag",
        "element",
        "simple",
        "needed",
        "ways",
        "attributes",
        "children",
        "each",
        "each_pointer",
        "each_path",
        "absent",
        "source",
        "namespace",
        "declared",
        "cdata",
        "listed",
        "path",
        "form",
        "nested",
        "choice",
        "one",
    ]
)
KNOWN_OF_WAYS = frozenset(
    ["get", "encode", "condition", "pointer", "clause", "constant", "kind", "checks", "path", "codec", "beside"]
)
KNOWN_OF_SIMPLE = frozenset(["base", "patterns", "values", "shortest", "longest"])


class GiveUp(Exception):
    """This record is not plainly right."""


class NotCompiled(Exception):
    """The mapping says something that only the `Writer` does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A writer's tree, as it is to be compiled. `required` are canonical paths that must be there."""

    name: str
    root: Place
    form: Format
    required: tuple[str, ...]
    lists: Mapping[str, CodeList]


def compiled(plan: Plan, state: type[Writing]) -> Write | None:
    """The code for a plan; None where there is none. `state` is the writer's own, for what only its closures can do."""
    try:
        source, names = _Code(plan, state).whole()
    except (NotCompiled, LookupError, TypeError, ValueError):
        # a line that only the writer understands costs time and no delivery
        return None
    # The source holds names of this module's making and, by `repr` only, texts of mapping files: nothing of any record.
    exec(compile(source, f"<{plan.name}, written>", "exec"), names)  # noqa: S102
    made: Write = names["write"]
    return made


# ---------------------------------------------------------------- what the code calls
_NOTHING: dict[str, Any] = {}


def _object(value: Any) -> Mapping[str, Any]:
    """What stands where an object is asked for and is none: nothing. Objects other than plain ones are not for here."""
    if isinstance(value, Mapping):
        raise GiveUp
    return _NOTHING


def _several(value: Any) -> Any:
    """What `a[]` gives where `a` is no list."""
    return None if value is ABSENT else [value]


def _items(value: Any) -> Any:
    """The items of a list that is none."""
    if value is None or value is ABSENT:
        return ()
    raise GiveUp


def _give_up() -> None:
    raise GiveUp


def _mend(text: str) -> str:
    if FORBIDDEN.search(text):
        raise GiveUp
    return escape(text)


def _mend_attribute(text: str) -> str:
    if FORBIDDEN.search(text):
        raise GiveUp
    return escape_attribute(text)


def _as_written(encode: Encode) -> Encode:
    """A case number as it was written, where that still is the same case."""

    def write(value: Any) -> str | None:
        number, written = value
        text = encode(number)
        if text is None or written.__class__ is not str:
            return text
        try:
            return written if CaseNumber.parse(written).text == text else text
        except NotValid:
            return text

    return write


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


_NAMES: Mapping[str, Any] = {
    "ABSENT": ABSENT,
    "RESIDENT": frozenset({*RESIDENT_DOCUMENTS, ABSENT}),
    "NOTHING": _NOTHING,
    "give_up": _give_up,
    "is_object": _is_object,
    "items_of": _items,
    "mend": _mend,
    "mend_attribute": _mend_attribute,
    "object_of": _object,
    "odd": ODD.search,
    "odd_in_attribute": ODD_IN_ATTRIBUTE.search,
    "several": _several,
    # whatever went wrong, the writer is asked again, and it says what it is
    "Troubles": (GiveUp, Failed, ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
}


# ---------------------------------------------------------------- parts of the code
@dataclasses.dataclass(slots=True)
class _Scope:
    """What paths start from: the record, or the item of a list. `taken` are the objects that are unpacked already."""

    thing: str
    #: as the writer's own closures are told: the item and its position
    item: str
    position: str
    prelude: list[str] = dataclasses.field(default_factory=list)
    taken: dict[tuple[str, ...], str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of something that is missing: where `lacks` is empty, all places above are written in any case, and the
    record is given up; else it is marked, and so is (in `alive`) that the record says anything here at all."""

    alive: str = ""
    lacks: str = ""


#: texts of the code: a literal, or the name of a variable that holds one
_Parts = list[tuple[str, bool]]


class _Code:
    def __init__(self, plan: Plan, state: type[Writing]) -> None:
        self.plan, self.state = plan, state
        self.names: dict[str, Any] = dict(_NAMES)
        self.lines: list[str] = []
        self.depth = 1
        self._count = 0
        self.record = _Scope("record", "None", "1")

    def whole(self) -> tuple[str, dict[str, Any]]:
        for path in self.plan.required:
            self._require(path)
        body = self._element(self.plan.root, self.record, _Fate())
        head = [
            "def write(record, context, agencies):",
            "    try:",
            "        if record.__class__ is not dict: return None",
            *("    " + line for line in self._indented(self.record.prelude, 1)),
        ]
        form = self.plan.form
        encode = "str.encode"
        if form.encoding is not UTF_8 or form.write("") != "":
            encode = self._bind(lambda text: form.encoding.encode(form.write(text)), "encode")
        tail = [f"        return {encode}({self._joined(body)})", "    except Troubles:", "        return None"]
        return "\n".join([*head, *("    " + line for line in self.lines), *tail, ""]), self.names

    # ------------------------------------------------------------ writing code
    def _say(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    @staticmethod
    def _indented(lines: Sequence[str], depth: int) -> list[str]:
        return ["    " * depth + line for line in lines]

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def _bind(self, value: Any, kind: str) -> str:
        name = self._new(kind)
        self.names[name] = value
        return name

    @staticmethod
    def _joined(parts: _Parts) -> str:
        """Texts side by side: the parser makes one operation of them."""
        merged: _Parts = []
        for text, variable in parts:
            if merged and not variable and not merged[-1][1]:
                merged[-1] = (merged[-1][0] + text, False)
            elif text:
                merged.append((text, variable))
        return " ".join(f"f'{{{text}}}'" if variable else repr(text) for text, variable in merged) or "''"

    # ------------------------------------------------------------ places in the record
    def _unpacked(self, scope: _Scope, steps: tuple[str, ...]) -> str:
        """The variable that holds the object at a path."""
        if steps in scope.taken:
            return scope.taken[steps]
        name = self._new("o")
        if steps:
            above = self._unpacked(scope, steps[:-1])
            scope.prelude.append(f"{name} = {above}.get({steps[-1]!r}, NOTHING)")
        elif scope is self.record:
            scope.taken[steps] = scope.thing
            return scope.thing
        else:
            scope.prelude.append(f"{name} = {scope.thing}")
        scope.prelude.append(f"if {name}.__class__ is not dict: {name} = object_of({name})")
        scope.taken[steps] = name
        return name

    def _asked(self, scope: _Scope, path: str) -> None:
        """Code that puts what stands at a path into `v`; None where nothing does."""
        steps = steps_of(path)
        if not steps:
            self._say(f"v = {scope.thing}")
            return
        listed = [n for n, step in enumerate(steps) if step.endswith("[]")]
        if not listed:
            self._say(f"v = {self._unpacked(scope, steps[:-1])}.get({steps[-1]!r})")
        elif len(listed) == 1 and listed[0] >= len(steps) - 2:
            above, name = self._unpacked(scope, steps[: listed[0]]), steps[listed[0]].removesuffix("[]")
            self._say(f"v = {above}.get({name!r}, ABSENT)")
            self._say("if v.__class__ is not list: v = several(v)")
            if listed[0] == len(steps) - 2:
                last = repr(steps[-1])
                self._say(
                    f"if v: v = [one[{last}] for one in v if (one.__class__ is dict or is_object(one)) and {last} in one]"
                )
        else:
            self._say(f"v = {self._bind(getter(path), 'get')}({scope.thing})")
            self._say("if v is ABSENT: v = None")

    def _require(self, path: str) -> None:
        steps = steps_of(path)
        if any(step.endswith("[]") for step in steps) or not steps:
            self._say(f"if {self._bind(getter(path), 'get')}(record) is ABSENT: give_up()")
        else:
            self._say(f"if {steps[-1]!r} not in {self._unpacked(self.record, steps[:-1])}: give_up()")

    # ------------------------------------------------------------ elements
    def _element(self, place: Place, scope: _Scope, fate: _Fate) -> _Parts:
        known = {field.name for field in dataclasses.fields(place)}
        if any(getattr(place, name) for name in known - KNOWN_OF_PLACES):
            raise NotCompiled
        if type(place.form) is not Xml or place.nested or place.choice or place.cdata:
            raise NotCompiled
        return self._repeated(place, scope, fate) if place.each else self._single(place, place.needed, scope, fate)

    def _single(self, place: Place, needed: bool, scope: _Scope, fate: _Fate) -> _Parts:
        inner = fate
        if not needed and (place.children or place.attributes):
            inner = _Fate(self._new("alive"), self._new("lacks"))
            self._say(f"{inner.alive} = {inner.lacks} = False")
        nillable = bool(place.element is not None and place.element.nillable and needed and place.ways)
        if nillable and (place.children or place.attributes):
            raise NotCompiled  # a nil that hides what is missing below it
        attributes: _Parts = []
        for attribute in place.attributes:
            attributes += self._attribute(attribute, scope, inner)
        content: _Parts = []
        if place.ways:
            content = [(self._text(place, scope, inner, _TEXT), True)]
        body: _Parts = []
        for child in place.children:
            body += self._element(child, scope, inner)
        start, end = f"<{place.tag}{place.declared}", f"</{place.tag}>"
        empty: _Parts = [(start, False), *attributes, ("/>", False)]
        if not place.ways:
            return self._without_text(place, needed, inner, fate, (start, end), attributes, body, empty)
        return self._with_text(place, needed, nillable, inner, fate, (start, end), attributes, body, content[0][0])

    def _without_text(
        self,
        place: Place,
        needed: bool,
        inner: _Fate,
        fate: _Fate,
        tags: tuple[str, str],
        attributes: _Parts,
        body: _Parts,
        empty: _Parts,
    ) -> _Parts:
        """An element of which no line gives the text: a box for what is below it."""
        if not body:
            if needed:
                return empty
            if not attributes:
                return []
        full: _Parts = [(tags[0], False), *attributes, (">", False), *body, (tags[1], False)]
        certain = any(not variable for _, variable in body)
        if needed and certain:
            return full
        name = self._new("x")
        if needed:
            inside = self._new("x")
            self._say(f"{inside} = {self._joined(body)}")
            self._say(
                f"{name} = {self._joined([(tags[0], False), *attributes, ('>', False), (inside, True), (tags[1], False)])}"
                f" if {inside} else {self._joined(empty)}"
            )
            return [(name, True)]
        self._say(f"{name} = ''")
        self._say(f"if {inner.alive}:")
        self.depth += 1
        self._say(f"if {inner.lacks}: give_up()")
        self._lives(fate)
        if certain or not body:
            self._say(f"{name} = {self._joined(full if body else empty)}")
        else:
            self._say(f"{name} = {self._joined(body)}")
            whole: _Parts = [(tags[0], False), *attributes, (">", False), (name, True), (tags[1], False)]
            self._say(f"{name} = {self._joined(whole)} if {name} else {self._joined(empty)}")
        self.depth -= 1
        return [(name, True)]

    def _with_text(
        self,
        place: Place,
        needed: bool,
        nillable: bool,
        inner: _Fate,
        fate: _Fate,
        tags: tuple[str, str],
        attributes: _Parts,
        body: _Parts,
        text: str,
    ) -> _Parts:
        absent = None if place.absent is None else escape(place.absent)
        if not attributes and not body:
            if needed and absent is None and not nillable and not fate.lacks:
                self._say(f"if not {text}: give_up()")
                return [(tags[0] + ">", False), (text, True), (tags[1], False)]
            name = self._new("x")
            self._say(f"if {text}: {name} = {self._joined([(tags[0] + '>', False), (text, True), (tags[1], False)])}")
            if absent is not None:
                self._say(f"else: {name} = {f'{tags[0]}>{absent}{tags[1]}'!r}")
            elif nillable:
                nil = f'{tags[0]} xsi:nil="true"/>'
                self._say(f"else: {name} = {nil!r}")
            else:
                self._say("else:")
                self.depth += 1
                self._say(f"{name} = ''")
                if needed:
                    self._lacking(fate)
                self.depth -= 1
            return [(name, True)]
        name = self._new("x")
        if absent is not None:
            self._say(f"if not {text}: {text} = {absent!r}")
        else:
            self._say(f"if not {text}: {text} = None")
        inside, marks = self._new("x"), self._new("x")
        self._say(f"{inside} = {self._joined(body)}")
        self._say(f"{marks} = {self._joined(attributes)}")
        self._say(f"if {text} is not None: {inside} = {text} + {inside}")
        start, end = tags
        self._say(f"if {inside} or {text} is not None:")
        self._say(
            f"    {name} = {self._joined([(start, False), (marks, True), ('>', False), (inside, True), (end, False)])}"
        )
        self._say(f"elif {marks}: {name} = {self._joined([(start, False), (marks, True), ('/>', False)])}")
        self._say(f"else: {name} = ''")
        if needed:
            self._say(f"if not {name}:")
            self.depth += 1
            self._lacking(fate)
            self.depth -= 1
        else:
            self._say(f"if {name} and {inner.alive}:")
            self.depth += 1
            self._say(f"if {inner.lacks}: give_up()")
            self._lives(fate)
            self.depth -= 1
        return [(name, True)]

    def _attribute(self, place: Place, scope: _Scope, fate: _Fate) -> _Parts:
        if place.absent is not None or place.each is not None or place.attributes or place.children:
            raise NotCompiled
        if not place.ways:
            if place.needed:
                self._lacking(fate)
            return []
        text = self._text(place, scope, fate, _ATTRIBUTE)
        start: _Parts = [(f' {place.tag}="', False), (text, True), ('"', False)]
        if place.needed and not fate.lacks:
            self._say(f"if not {text}: give_up()")
            return start
        name = self._new("x")
        self._say(f"if {text}: {name} = {self._joined(start)}")
        self._say("else:")
        self.depth += 1
        self._say(f"{name} = ''")
        if place.needed:
            self._lacking(fate)
        self.depth -= 1
        return [(name, True)]

    def _lacking(self, fate: _Fate) -> None:
        self._say(f"{fate.lacks} = True" if fate.lacks else "give_up()")

    def _lives(self, fate: _Fate) -> None:
        if fate.alive:
            self._say(f"{fate.alive} = True")

    def _repeated(self, place: Place, scope: _Scope, fate: _Fate) -> _Parts:
        items, name, add, item, position = (self._new(kind) for kind in ("items", "x", "add", "item", "n"))
        steps = steps_of(place.each_path)
        bare = bool(steps) and not any(step.endswith("[]") for step in steps)
        if bare:
            self._say(f"{items} = {self._unpacked(scope, steps[:-1])}.get({steps[-1]!r})")
        else:
            self._say(f"{items} = {self._bind(place.each, 'get')}({scope.thing})")
        self._say(f"if {items}.__class__ is not list: {items} = items_of({items})")
        most = place.element.most if place.element is not None else UNBOUNDED
        if most < UNBOUNDED:
            self._say(f"if len({items}) > {most}: give_up()")
        if place.needed and not (place.element is not None and place.element.may_be_empty):
            self._say(f"if not {items}:")
            self.depth += 1
            self._lacking(fate)
            self.depth -= 1
        self._say(f"{name} = []")
        self._say(f"{add} = {name}.append")
        self._say(f"for {position}, {item} in enumerate({items}, 1):")
        before, self.lines = self.lines, []
        self.depth += 1
        inner = _Scope(item, item, position)
        body = self._single(place, True, inner, fate)
        self._say(f"{add}({self._joined(body)})")
        loop, self.lines = self.lines, before
        self.lines += [*self._indented(inner.prelude, self.depth), *loop]
        self.depth -= 1
        self._say(f"{name} = ''.join({name})")
        return [(name, True)]

    # ------------------------------------------------------------ texts
    def _text(self, place: Place, scope: _Scope, fate: _Fate, form: _Form) -> str:
        """Code that puts the text of a place, as it is written, into a variable; nothing true where no way yields one."""
        text = self._new("t")
        for n, way in enumerate(place.ways):
            known = {field.name for field in dataclasses.fields(way)}
            if any(getattr(way, name) for name in known - KNOWN_OF_WAYS) or len(way.checks) != 1:
                raise NotCompiled  # each format that a text goes through has a check of its own; XML alone has one
            if n:
                self._say(f"if not {text}:")
                self.depth += 1
            if way.condition is not None:
                self._say(f"{text} = None")
                self._say(f"if {self._condition(way, scope)}:")
                self.depth += 1
            self._way(place, way, scope, form, text)
            if fate.alive and not way.constant:
                self._say(f"if {text}: {fate.alive} = True")
            self.depth -= (way.condition is not None) + bool(n)
        return text

    def _condition(self, way: Way, scope: _Scope) -> str:
        holds, state = way.condition, self.state
        assert holds

        def ask(record: Any, context: Any, agencies: Agencies, item: Any, position: int) -> bool:
            return holds(state(record, context, agencies, "", item, position).offered()) is True

        return f"{self._bind(ask, 'when')}(record, context, agencies, {scope.item}, {scope.position})"

    def _way(self, place: Place, way: Way, scope: _Scope, form: _Form, text: str) -> None:
        keys = way.clause.keys
        plain = not any(key in keys for key in (*CODECS, "list", "as"))
        told = f"record, context, agencies, {scope.item}, {scope.position}"
        if way.path is None and plain and "value" in keys:
            written = self._settled(constant_text(keys["value"]), place, form)
            if written is not None:
                self._say(f"{text} = {written!r}")
                return
        if way.path is not None:
            self._asked(scope, way.path)
        elif "context" in keys:
            self._say(f"v = context.get({str(keys['context'])!r})")
        elif "position" in keys and plain and (place.simple is None or place.simple.free):
            self._say(f"{text} = f'{{{scope.position}}}'")
            return
        else:
            self._say(f"{text} = {self._bind(self._computed(place, way, form), 'way')}({scope.thing}, {told})")
            return
        short = quick(keys, way.codec, self.plan.lists)
        if way.beside:
            slow = f"{self._bind(self._encoded_beside(place, way, form), 'way')}(v, {told})"
            if short is None or "[]" in way.beside:
                self._say(f"{text} = None if v is None else {slow}")
            else:
                self._beside(place, way, short, form, text, slow, scope)
            return
        slow = f"{self._bind(self._encoded(place, way, form), 'way')}(v, agencies)"
        if short is None:
            self._say(f"{text} = None if v is None else {slow}")
        else:
            self._encode(place, short, form, text, slow)

    def _encode(self, place: Place, short: Quick, form: _Form, text: str, slow: str, beside: str = "") -> None:
        """The short cut where it fits, else what the writer does."""
        if short.guard and short.text:
            for name, value in short.names:
                self.names[name] = value
            self._say(f"if {short.guard}{beside}:")
            self.depth += 1
            self._say(f"{text} = {short.text}")
        else:
            if short.finished:
                done = short.finished(lambda text: self._settled(text, place, form))
                short = Quick(done, True, finished=short.finished)
            encode = self._bind(short.encode, "encode")
            self._say(f"if v is not None{beside} and ({text} := {encode}(v)) is not None:")
            self.depth += 1
        before = len(self.lines)
        if not short.finished:
            self._checked(place.simple, text)
        if not short.clean:
            self._say(f"if {form.odd_}({text}): {text} = {form.mend_}({text})")
        if len(self.lines) == before and not short.guard:
            self._say("pass")
        self.depth -= 1
        self._say(f"else: {text} = None if v is None else {slow}")

    def _beside(self, place: Place, way: Way, short: Quick, form: _Form, text: str, slow: str, scope: _Scope) -> None:
        """Values for which another place counts: the kind of an ID number, how a case number was written."""
        *above, last = steps_of(way.beside)
        other = f"{self._unpacked(scope, tuple(above))}.get({last!r}, ABSENT)"
        if way.clause.get("as_written"):
            both = Quick(_as_written(short.encode), short.clean)
            self._say(f"v = (v, {other}) if v is not None else None")
            self._encode(place, both, form, text, slow.replace("(v,", "(v[0],", 1))
        else:
            self._encode(place, short, form, text, slow, f" and {other} in RESIDENT")

    def _checked(self, simple: Simple | None, text: str) -> None:
        """What the contract says of a text, asked in the code."""
        if simple is None:
            return
        if {field.name for field in dataclasses.fields(simple)} != KNOWN_OF_SIMPLE:
            raise NotCompiled
        wanted = []
        if simple.base in BUILT_IN:
            wanted.append(f"{self._bind(BUILT_IN[simple.base][0].fullmatch, 'fits')}({text})")
        if simple.values:
            wanted.append(f"{text} in {self._bind(frozenset(simple.values), 'values')}")
        wanted += [f"{self._bind(pattern.fullmatch, 'fits')}({text})" for pattern in simple.patterns]
        if simple.shortest or simple.longest < UNBOUNDED:
            wanted.append(f"{simple.shortest} <= len({text}) <= {simple.longest}")
        if wanted:
            self._say(f"if not ({' and '.join(wanted)}) and {text}[:11] != 'urn:sha256:': give_up()")

    def _settled(self, text: str, place: Place, form: _Form) -> str | None:
        """A text that the mapping itself says, as it is written."""
        try:
            return _finished(text, place.simple, form)
        except (GiveUp, NotValid):
            return None

    @staticmethod
    def _encoded(place: Place, way: Way, form: _Form) -> Callable[..., str | None]:
        """What the writer does with a value, as far as it goes well."""
        encode, simple = way.codec.encode, place.simple
        assert encode

        def write(value: Any, agencies: Agencies) -> str | None:
            return None if value == [] else _finished(encode(value, agencies), simple, form)

        return write

    def _encoded_beside(self, place: Place, way: Way, form: _Form) -> Callable[..., str | None]:
        encode, state, simple = way.encode, self.state, place.simple

        def write(value: Any, record: Any, context: Any, agencies: Agencies, item: Any, position: int) -> str | None:
            writing = state(record, context, agencies, "", item, position)
            return None if value == [] else _finished(encode(value, writing), simple, form)

        return write

    def _computed(self, place: Place, way: Way, form: _Form) -> Callable[..., str | None]:
        get, encode, state, simple = way.get, way.encode, self.state, place.simple

        def write(here: Any, record: Any, context: Any, agencies: Agencies, item: Any, position: int) -> str | None:
            writing = state(record, context, agencies, "", item, position)
            value = get(here, writing)
            if value is ABSENT or value is None or value == []:
                return None
            return _finished(encode(value, writing), simple, form)

        return write


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """Where a text stands, and so how it is escaped."""

    odd: Callable[[str], Any]
    mend: Callable[[str], str]
    #: what both are called in the code
    odd_: str
    mend_: str


_TEXT = _Form(ODD.search, _mend, "odd", "mend")
_ATTRIBUTE = _Form(ODD_IN_ATTRIBUTE.search, _mend_attribute, "odd_in_attribute", "mend_attribute")


def _finished(text: str, simple: Simple | None, form: _Form) -> str:
    """A text as it is written. Raises `GiveUp` or `NotValid` where it cannot be."""
    if simple is not None and not text.startswith("urn:sha256:"):
        simple.check(text)
    return form.mend(text) if form.odd(text) else text
