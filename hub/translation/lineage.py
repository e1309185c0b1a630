"""Where each value of a translated record came from: a mapping run once more, with every line telling what it did.

The reader and the writer do the work as always; here their lines are only listened to. A dialect that nobody listens to is
not touched by this and costs nothing more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from hub.domain.faults import Fault
from hub.domain.values import NotValid
from hub.translation.canonical import ABSENT, getter, pointer_of, steps_of
from hub.translation.codecs import CODECS, MODIFIERS, build
from hub.translation.codelists import Carried
from hub.translation.dialect import CannotWrite, Context, Dialect, Message, Written
from hub.translation.expressions import Value
from hub.translation.foreign import Node
from hub.translation.mapping import SOURCES, Clause, Line
from hub.translation.reader import Found, Reader, Reading, _top, named_of, place_of
from hub.translation.writer import Writer, Writing

#: Longer texts (a document's content) are shown by their beginning.
SHOWN = 500

#: What a line's clause came to. `left-out`: what it gave stands in an optional element that says nothing of the record.
OUTCOMES = ("gave", "nothing", "condition", "carried", "fault", "left-out", "not-asked")


@dataclass(frozen=True, slots=True)
class Given:
    """What a value rests on. `side`: `foreign` (`place` is an XPath), `canonical` (a JSON Pointer) or `context` (a name)."""

    side: str
    place: str
    value: Any

    def as_dict(self) -> dict[str, Any]:
        return {"side": self.side, "place": self.place, "value": shown(self.value)}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value at one place came from.

    `place` is a JSON Pointer when reading and an XPath when writing; a value with parts (a code, a term) has one origin for
    all of them. `kind` is the source that the line's clause names (`at`, `from`, `value`, `compute`, `context`, `derive`,
    `others`, `position`), or `named` (told by which element it is), `absent` (what stands where there is no value), `document` (told by the bytes of a document),
    `unmapped` (carried along) and `hub` (said by no line). `alternative` counts from 1 among the line's clauses.
    """

    place: str
    value: Any
    kind: str
    source: str
    codec: str | None = None
    given: tuple[Given, ...] = ()
    alternative: int = 1
    alternatives: int = 1
    condition: str | None = None
    clause: Clause | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "value": shown(self.value),
            "kind": self.kind,
            "line": self.source or None,
            "codec": self.codec,
            "given": [given.as_dict() for given in self.given],
            "alternative": self.alternative,
            "alternatives": self.alternatives,
            "condition": self.condition,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One clause that was asked for a value: for which place, where it looked, and what it came to (`OUTCOMES`)."""

    source: str
    line: str
    place: str
    looked_at: str | None
    outcome: str
    text: str | None = None
    clause: Clause | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return {"place": self.place, "line": self.source, "looked_at": self.looked_at, "outcome": self.outcome}


@dataclass(frozen=True, slots=True)
class ForeignText:
    """A text of the foreign record and the canonical places that it gave. `fate`: `read`, `asked` (something computed rests
    on it), `unmapped` (carried along), `known` (the mapping names it and takes nothing from it)."""

    place: str
    text: str
    fate: str
    gave: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"place": self.place, "text": shown(self.text), "fate": self.fate, "gave": list(self.gave)}


@dataclass(frozen=True, slots=True)
class Lineage:
    """How one record came about. `texts` is told when reading; `left` when writing: canonical places and values that the
    recipient does not get."""

    mapping: str
    origins: tuple[Origin, ...]
    steps: tuple[Step, ...]
    texts: tuple[ForeignText, ...] = ()
    left: tuple[tuple[str, Any], ...] = ()

    def without_value(self) -> tuple[Step, ...]:
        """The clauses of lines that gave nothing at a place, whatever their other clauses did."""
        gave = {(step.line, step.place) for step in self.steps if step.outcome == "gave"}
        return tuple(
            step
            for step in self.steps
            if step.outcome not in ("gave", "not-asked") and (step.line, step.place) not in gave
        )

    def passed_over(self) -> tuple[Step, ...]:
        """The clauses whose condition did not hold."""
        return tuple(step for step in self.steps if step.outcome == "condition")

    def as_dict(self) -> dict[str, Any]:
        return {
            "mapping": self.mapping,
            "fields": [origin.as_dict() for origin in self.origins],
            "nothing": [step.as_dict() for step in self.without_value()],
            "passed_over": [step.as_dict() for step in self.passed_over()],
        }


def shown(value: Any) -> Any:
    """A value as it is told to a person: a very long text by its beginning."""
    return f"{value[:SHOWN]}…" if isinstance(value, str) and len(value) > SHOWN else value


def leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Every value without parts, with its JSON Pointer."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from leaves(below, f"{pointer}/{escaped(str(key))}")
    elif isinstance(value, list):
        for n, below in enumerate(value):
            yield from leaves(below, f"{pointer}/{n}")
    else:
        yield pointer, value


def escaped(key: str) -> str:
    """A key as a step of a JSON Pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def origin_of(pointer: str, origins: Mapping[str, Origin]) -> Origin | None:
    """The origin of the value at a JSON Pointer, or of the value with parts that it belongs to."""
    here = pointer
    while here not in origins:
        if not here:
            return None
        here = here.rpartition("/")[0]
    return origins[here]


def places_of(here: Any, path: str, prefix: str) -> Iterator[tuple[str, Any]]:
    """The concrete places of a dotted path below something, item by item where it goes through lists."""
    yield from _places(here, steps_of(path), prefix)


def _places(here: Any, steps: Sequence[str], pointer: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield pointer, here
        return
    name, several = steps[0].removesuffix("[]"), steps[0].endswith("[]")
    if not isinstance(here, Mapping) or name not in here:
        return
    below, at = here[name], f"{pointer}/{escaped(name)}"
    if several and isinstance(below, list):
        for n, item in enumerate(below):
            yield from _places(item, steps[1:], f"{at}/{n}")
    else:
        yield from _places(below, steps[1:], at)


def codec_of(clause: Clause) -> str | None:
    """How a clause writes its value, as its file says it."""
    said = [f"{key}: {clause.get(key)}" for key in (*CODECS, *MODIFIERS, "as_written") if key in clause.keys]
    return ", ".join(said) or None


def kind_of(clause: Clause) -> str:
    return next((key for key in SOURCES if key in clause.keys), "at")


# ------------------------------------------------------------------ what an expression asks for
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_ASKED = re.compile(r"(?<![\w.])(record|foreign|message|item|context|others)\b((?:\s*\.\s*[A-Za-z_]\w*)*)(\s*\()?")


def asked_by(expression: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The places that an expression names: what it starts from, and the steps below. A method's name is no step."""
    for name, path, call in _ASKED.findall(_LITERAL.sub("''", expression)):
        steps = tuple(step.strip() for step in path.split(".") if step.strip())
        yield name, steps[:-1] if call else steps


# ------------------------------------------------------------------ reading
@dataclass(slots=True)
class _Record:
    """What the lines of one record have told so far."""

    origins: dict[str, Origin] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class _Session:
    """One translation that is listened to, by the thread that runs it."""

    readings: dict[int, _Record] = field(default_factory=dict)
    read: list[Lineage] = field(default_factory=list)
    #: whether the condition of a clause held when it was last asked
    held: dict[int, bool] = field(default_factory=dict)
    written: _Record = field(default_factory=_Record)
    writing: Writing | None = None
    texts: list[Origin] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)
    #: canonical places that are written by which element an item becomes
    told_by_name: list[str] = field(default_factory=list)
    encoded: tuple[Clause, Any, str] | None = None
    last: Clause | None = None

    def of(self, reading: Reading) -> _Record:
        return self.readings.setdefault(id(reading), _Record())

    def begin(self, clauses: Sequence[Clause]) -> None:
        """A place is about to be asked for its text."""
        self.encoded = self.last = None
        for clause in clauses:
            self.held.pop(id(clause), None)


@dataclass(slots=True)
class _Frame:
    """A repeated element that is being written: at which depth, how many of each name there are, and how many are begun."""

    depth: int
    of: Counter[str]
    #: in JSON an array has its index even where it has one item
    array: bool
    begun: Counter[str] = field(default_factory=Counter)


_LISTENING: ContextVar[_Session] = ContextVar("lineage")


@contextmanager
def _listening() -> Iterator[_Session]:
    session = _Session()
    token = _LISTENING.set(session)
    try:
        yield session
    finally:
        _LISTENING.reset(token)


def _unsound(file: str, line: int, rule: str, zh: str, en: str) -> None:
    raise AssertionError(f"{file}:{line}: [{rule}] {en}")  # it was compiled before, and nothing was wrong with it


class ToldReader(Reader):
    """A reader whose lines tell what they did."""

    def __init__(self, plain: Reader, version: str) -> None:
        self._version = version
        super().__init__(plain.mapping, plain.contract, plain.lists, _unsound, plain.form)

    def read(self, root: Node, context: Mapping[str, Any]) -> list[Found]:
        found = super().read(root, context)
        session = _LISTENING.get()
        while len(session.read) < len(found):  # a record without any instance was not even begun
            session.read.append(Lineage(self._version, (), ()))
        return found

    def _finish(self, reading: Reading, instance: Node, left: Mapping[str, str]) -> Found:
        found = super()._finish(reading, instance, left)
        session = _LISTENING.get()
        told = session.readings.pop(id(reading), _Record())
        common = list(session.readings.values()) if self.split else []
        origins = {place: origin for part in (*common, told) for place, origin in part.origins.items()}
        values = tuple(_with_values(origins, found.record, self.mapping.file, self.mapping.line))
        session.read.append(
            Lineage(
                self._version,
                values,
                tuple(step for part in (*common, told) for step in part.steps),
                tuple(_texts_of(reading.base, {id(node) for node in reading.others}, values, found.record["unmapped"])),
            )
        )
        return found

    # ------------------------------------------------------------ listening to lines
    def _condition(self, clause: Clause) -> Value | None:
        condition = super()._condition(clause)
        return None if condition is None else _overheard(condition, clause)

    def _way(self, line: Line, clause: Clause, *more: Any) -> Any:
        way = super()._way(line, clause, *more)
        return None if way is None else self._told(way, line, clause)

    def _list(self, line: Line, *more: Any) -> Callable[[Node, dict[str, Any], Reading], None]:
        run = super()._list(line, *more)
        clause = line.clauses[0]
        steps, _ = place_of(str(clause.get("at") or clause.get("each")))
        choice = named_of(clause, self.lists, _unsound)
        pointer, before = pointer_of(line.target), getter(line.target)

        def below(here: Node) -> list[Node]:
            """The elements that become items."""
            if choice is None:
                return [node for node in here.all(steps) if not node.nil]
            parents = here.all(steps[:-1])
            return [n for parent in parents for n in parent.order if n.name in choice.names and not n.nil]

        def told(here: Node, out: dict[str, Any], reading: Reading) -> None:
            session = _LISTENING.get()
            session.held.pop(id(clause), None)
            record, mark = session.of(reading), len(session.of(reading).steps)
            place, known = reading.prefix + pointer, before(out)
            first = len(known) if isinstance(known, list) else 0
            run(here, out, reading)
            nodes = below(here)
            outcome = "nothing" if not nodes else "condition" if session.held.get(id(clause)) is False else "gave"
            record.steps.insert(mark, Step(clause.source, line.source, place, here.xpath(steps), outcome, None, clause))
            for n, node in enumerate(nodes if choice and outcome == "gave" else (), first):
                at = f"{place}/{n}{pointer_of(choice.place)}" if choice else place
                given = (Given("foreign", node.xpath(), node.name),)
                record.origins[at] = Origin(at, None, "named", clause.source, None, given, clause=clause)

        return told

    def _told(self, way: Any, line: Line, clause: Clause) -> Any:
        """A clause's way that also tells what it came to."""
        at = str(clause.get("at")) if "at" in clause.keys else None
        steps, attribute = place_of(at) if at is not None else ((), None)
        below = (*steps, f"@{attribute}") if attribute else steps
        kind, codec = kind_of(clause), codec_of(clause)
        several = at is not None and line.target.endswith("[]")
        number = next(n for n, one in enumerate(line.clauses, 1) if one is clause)
        condition = str(clause.get("when")) if "when" in clause.keys else None

        def origin(place: str, kind: str, codec: str | None, given: tuple[Given, ...]) -> Origin:
            return Origin(place, None, kind, clause.source, codec, given, number, len(line.clauses), condition, clause)

        def told(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
            session = _LISTENING.get()
            record = session.of(reading)
            session.held.pop(id(clause), None)
            faults, carried = len(reading.faults), len(reading.carried)
            value = way(here, out, reading, pointer)
            place = reading.prefix + pointer
            node = here.first(steps) if at is not None else None
            foreign = (
                (node.xpath((f"@{attribute}",) if attribute else ()) if node else here.xpath(below)) if at else None
            )
            text = _text(node, attribute) if node is not None else None
            if session.held.get(id(clause)) is False:
                outcome = "condition"
            elif len(reading.faults) > faults:
                outcome = "fault"
            elif value is not ABSENT:
                outcome = "gave"
            else:
                outcome = "carried" if len(reading.carried) > carried else "nothing"
            record.steps.append(Step(clause.source, line.source, place, foreign, outcome, text, clause))
            if value is ABSENT:
                return value
            if several:
                record.origins |= {
                    one.place: one for one in self._items(value, here.all(steps), attribute, clause, place, origin)
                }
                return value
            given = (
                (Given("foreign", foreign or "", text),)
                if at is not None
                else tuple(_given_in_reading(clause, reading, here))
            )
            record.origins[place] = origin(place, kind, codec, given)
            if "as_written" in clause.keys:
                written = reading.prefix + pointer_of(str(clause.get("as_written")))
                record.origins[written] = origin(written, kind, "as_written", given)
            if clause.get("document"):
                for name in ("media_type", "size"):
                    record.origins[f"{reading.prefix}/{name}"] = origin(
                        f"{reading.prefix}/{name}", "document", codec, given
                    )
            return value

        return told

    def _items(
        self,
        values: list[Any],
        nodes: Sequence[Node],
        attribute: str | None,
        clause: Clause,
        place: str,
        origin: Callable[[str, str, str | None, tuple[Given, ...]], Origin],
    ) -> Iterator[Origin]:
        """The origin of each item of a list of texts: the first element that says it."""
        decode, missing = build(clause.keys, self.lists).decode, list(range(len(values)))
        assert decode
        for node in nodes:
            text = _text(node, attribute)
            if not text:
                continue
            try:
                value = decode(text)
            except (NotValid, Carried):  # told as a fault, or carried along: it gave no item
                continue
            for n in [n for n in missing if values[n] in (value if isinstance(value, list) else [value])]:
                missing.remove(n)
                given = Given("foreign", node.xpath((f"@{attribute}",) if attribute else ()), text)
                yield origin(f"{place}/{n}", "at", codec_of(clause), (given,))


def _overheard(condition: Value, clause: Clause) -> Value:
    def asked(offered: Any) -> Any:
        holds = condition(offered)
        _LISTENING.get().held[id(clause)] = holds is True
        return holds

    return asked


def _text(node: Node, attribute: str | None) -> str:
    return (node.attributes.get(attribute, "") if attribute else node.text).strip()


def _given_in_reading(clause: Clause, reading: Reading, here: Node) -> Iterator[Given]:
    """What a value that no single foreign place gives rests on."""
    keys = clause.keys
    if "context" in keys:
        yield Given("context", str(keys["context"]), reading.context.get(str(keys["context"])))
    if "from" in keys:
        yield from _canonical(reading.record, str(keys["from"]), "")
    if "derive" in keys:
        for path in keys["of"] if isinstance(keys["of"], list) else [keys["of"]]:
            yield from _canonical(reading.record, str(path), "")
    if "others" in keys:
        steps, attribute = place_of(str(keys["others"]))
        for node in (node for other in reading.others for node in other.all(steps)):
            yield Given("foreign", node.xpath((f"@{attribute}",) if attribute else ()), _text(node, attribute))
    if "compute" in keys:
        starts = {"foreign": reading.instance or reading.base, "message": reading.base}
        for name, steps in asked_by(str(keys["compute"])):
            if name == "record":
                yield from _canonical(reading.record, ".".join(steps), "")
            elif name == "item":
                yield from _canonical(reading.item, ".".join(steps), reading.prefix)
            elif name == "context":
                yield from _facts(reading.context, steps)
            elif name in starts and (asked := starts[name].first(steps)) is not None:
                yield Given("foreign", asked.xpath(), asked.text.strip())


def _canonical(record: Any, path: str, prefix: str) -> Iterator[Given]:
    for place, value in places_of(record, path or ".", prefix):
        yield Given("canonical", place, value)


def _facts(context: Mapping[str, Any], steps: Sequence[str]) -> Iterator[Given]:
    for name in steps[:1] or context:
        if name in context:
            yield Given("context", name, context[name])


def _with_values(origins: Mapping[str, Origin], record: Mapping[str, Any], file: str, line: int) -> Iterator[Origin]:
    """Every origin with the value that stands at its place in the end, in the record's order; what no line says is the hub's."""
    values = dict(leaves(record))
    told: dict[str, None] = {}
    for pointer in values:
        found = origin_of(pointer, origins)
        told[found.place if found else pointer] = None
    for place in told:
        if place in origins:
            yield replace(origins[place], value=_at(record, place))
        elif place.startswith("/unmapped/"):
            at = place.removeprefix("/unmapped/").replace("~1", "/").replace("~0", "~")
            yield Origin(place, values[place], "unmapped", "", None, (Given("foreign", at, values[place]),))
        else:
            yield Origin(place, values[place], "hub", f"{file}:{line}")


def _at(record: Any, pointer: str) -> Any:
    here = record
    for step in pointer.split("/")[1:]:
        here = here[int(step)] if isinstance(here, list) else here[step.replace("~1", "/").replace("~0", "~")]
    return here


def _texts_of(
    base: Node, foreign: set[int], origins: Sequence[Origin], unmapped: Mapping[str, str]
) -> Iterator[ForeignText]:
    """Every text of the message, those of other persons left out, with what became of it."""
    gave: dict[str, dict[str, None]] = {}
    rests: dict[str, dict[str, None]] = {}
    for origin in origins:
        for given in origin.given:
            if given.side == "foreign" and origin.kind != "unmapped":
                (gave if origin.kind in ("at", "document") else rests).setdefault(given.place, {})[origin.place] = None
    pending = [_top(base)]
    while pending:
        node = pending.pop()
        if id(node) in foreign:
            continue
        pending += reversed(node.order)
        texts = [(f"@{name}", text) for name, text in node.attributes.items()]
        if own := (node.stray or node.text).strip():
            texts.insert(0, ("text()" if node.order else "", own))
        for below, text in texts:
            steps = (below,) if below else ()
            place = node.xpath(steps)
            if place in gave:
                yield ForeignText(place, text, "read", tuple(gave[place]))
            elif place in rests:
                yield ForeignText(place, text, "asked", tuple(rests[place]))
            elif node.path(steps, top=base) in unmapped or place in unmapped:
                yield ForeignText(place, text, "unmapped", ())
            else:
                yield ForeignText(place, text, "known", ())


# ------------------------------------------------------------------ writing
class ToldWriter(Writer):
    """A writer whose places tell what they were given."""

    def __init__(self, plain: Writer, version: str) -> None:
        self._version = version
        #: the canonical path of each clause that has one
        self._paths: dict[int, str] = {}
        self._numbers: dict[int, tuple[int, int, str]] = {}
        #: the line of each place that a list's items become
        self._of_lists: dict[int, Line] = {}
        super().__init__(plain.mapping, plain.contract, plain.lists, _unsound, plain.form)

    def _way(self, line: Line, clause: Clause, canonical: str | None = None) -> Any:
        way = super()._way(line, clause, canonical)
        number = next((n for n, one in enumerate(line.clauses, 1) if one is clause), 1)
        self._numbers[id(clause)] = (number, len(line.clauses), line.source)
        if canonical is not None or "from" in clause.keys:
            self._paths[id(clause)] = canonical if canonical is not None else str(clause.get("from"))
        if way is None:
            return None
        encode, get = way.encode, way.get

        def told(value: Any, writing: Writing) -> str:
            text: str = encode(value, writing)
            _LISTENING.get().encoded = (clause, value, text)
            return text

        def asked(here: Any, writing: Writing) -> Any:
            _LISTENING.get().last = clause
            return get(here, writing)

        condition = None if way.condition is None else _overheard(way.condition, clause)
        return replace(way, encode=told, get=asked, condition=condition)

    def _code(self) -> None:
        """Code tells nothing."""

    def write(self, record: Mapping[str, Any], *more: Any) -> tuple[Any, list[Fault]]:
        found = super().write(record, *more)
        session = _LISTENING.get()
        taken = {given.place for origin in session.texts for given in origin.given if given.side == "canonical"}
        taken |= set(session.told_by_name)
        left = tuple(
            (place, value) for place, value in leaves(record) if place != "/exchange" and not _is_within(place, taken)
        )
        origins = tuple(replace(origin, place=self.form.place(origin.place)) for origin in session.texts)
        steps = tuple(replace(step, place=self.form.place(step.place)) for step in session.written.steps)
        session.read.append(Lineage(self._version, origins, steps, (), left))
        return found

    def _repeat(self, line: Line, *more: Any) -> Any:
        place = super()._repeat(line, *more)
        if place is not None and line.section is not None:
            self._of_lists[id(place)] = line
        return place

    def _repeated(self, place: Any, here: Any, writing: Writing, path: tuple[str, ...]) -> Any:
        items = place.each(here)
        items = items if isinstance(items, list) else [] if items is ABSENT or items is None else [items]
        session = _LISTENING.get()
        if (line := self._of_lists.get(id(place))) is not None:
            clause, pointer = line.clauses[0], writing.pointer + place.each_pointer
            xpath = self._xpath((*path, place.name), session.frames)
            outcome = "gave" if items else "nothing"
            session.written.steps.append(Step(clause.source, line.source, xpath, pointer, outcome, None, clause))
        names = [one.name if one else "" for one, _ in (self._item(place, item, writing, path) for item in items)]
        if place.choice is not None:  # which element it is says what the item says at this place
            session.told_by_name += [
                f"{writing.pointer}{place.each_pointer}/{n}{place.choice.pointer}" for n in range(len(items))
            ]
        session.frames.append(_Frame(len(path), Counter(names), self.form.name == "json" and place.listed))
        try:
            return super()._repeated(place, here, writing, path)
        finally:
            session.frames.pop()

    def _element(self, place: Any, here: Any, writing: Writing, path: tuple[str, ...]) -> Any:
        session = _LISTENING.get()
        frame = session.frames[-1] if session.frames else None
        if frame is not None and frame.depth == len(path) and place.name in frame.of:
            frame.begun[place.name] += 1
        texts, steps = len(session.texts), len(session.written.steps)
        piece = super()._element(place, here, writing, path)
        if piece.made is None:
            del session.texts[texts:]
            session.written.steps[steps:] = [
                replace(step, outcome="left-out") if step.outcome == "gave" else step
                for step in session.written.steps[steps:]
            ]
        return piece

    def _value(self, place: Any, here: Any, writing: Writing, path: tuple[str, ...], faults: list[Fault]) -> Any:
        session = _LISTENING.get()
        session.begin([way.clause for way in place.ways])
        before = len(faults)
        value = super()._value(place, here, writing, path, faults)
        text = value[0]
        xpath = self._xpath(path, session.frames)
        won = session.encoded[0] if text is not None and session.encoded and session.encoded[2] else None
        self._tell_steps(session, place, won, len(faults) > before, xpath, writing)
        if text is None:
            return value
        if won is None:
            session.texts.append(Origin(xpath, text, "absent", place.source))
            return value
        way = next(one for one in place.ways if one.clause is won)
        number, count, _ = self._numbers[id(won)]
        session.texts.append(
            Origin(
                xpath,
                text,
                "at" if kind_of(won) == "from" else kind_of(won),
                won.source,
                codec_of(won),
                tuple(self._given(won, way.pointer, here, writing)),
                number,
                count,
                str(won.get("when")) if "when" in won.keys else None,
                won,
            )
        )
        return value

    def _tell_steps(
        self, session: _Session, place: Any, won: Clause | None, broken: bool, xpath: str, writing: Writing
    ) -> None:
        over = False
        for way in place.ways:
            clause = way.clause
            if over:
                outcome = "not-asked"
            elif clause is won:
                outcome, over = "gave", True
            elif session.held.get(id(clause)) is False:
                outcome = "condition"
            elif broken and clause is (session.last or place.ways[0].clause):
                outcome, over = "fault", True
            else:
                outcome = "nothing"
            pointer = writing.pointer + way.pointer if way.pointer or not way.constant else None
            line = self._numbers[id(clause)][2]
            session.written.steps.append(Step(clause.source, line, xpath, pointer, outcome, None, clause))

    @staticmethod
    def _xpath(path: tuple[str, ...], frames: Sequence[_Frame]) -> str:
        steps = list(path)
        for frame in frames:
            name = steps[frame.depth] if frame.depth < len(steps) else ""
            if frame.of[name] > 1 or (frame.array and frame.of[name]):
                steps[frame.depth] = f"{name}[{frame.begun[name]}]"
        return "/" + "/".join(steps)

    def _given(self, clause: Clause, pointer: str, here: Any, writing: Writing) -> Iterator[Given]:
        keys = clause.keys
        if id(clause) in self._paths:
            path = self._paths[id(clause)]
            if pointer == pointer_of(path):
                yield from _canonical(here, path, writing.pointer)
            else:  # the items of a list, one element each
                yield Given("canonical", writing.pointer + pointer, None if here is ABSENT else here)
            if "as_written" in keys:
                yield from _canonical(writing.record, str(keys["as_written"]), "")
        elif "derive" in keys:
            for path in keys["of"] if isinstance(keys["of"], list) else [keys["of"]]:
                yield from _canonical(writing.record, str(path), "")
        elif "context" in keys:
            yield Given("context", str(keys["context"]), writing.context.get(str(keys["context"])))
        elif "compute" in keys:
            for name, steps in asked_by(str(keys["compute"])):
                if name == "record":
                    yield from _canonical(writing.record, ".".join(steps), "")
                elif name == "item":
                    yield from _canonical(writing.item, ".".join(steps), writing.pointer)
                elif name == "context":
                    yield from _facts(writing.context, steps)


def _is_within(place: str, taken: set[str]) -> bool:
    here = place
    while here:
        if here in taken:
            return True
        here = here.rpartition("/")[0]
    return False


# ------------------------------------------------------------------ a dialect that tells
class _Compiled(Mapping[str, Any]):
    """Readers or writers that are compiled when they are first asked for."""

    def __init__(self, plain: Mapping[str, Any], make: Callable[[Any, str], Any], versions: Mapping[str, str]) -> None:
        self._plain, self._make, self._versions = plain, make, versions
        self._made: dict[str, Any] = {}

    def __getitem__(self, exchange: str) -> Any:
        if exchange not in self._made:
            self._made[exchange] = self._make(self._plain[exchange], self._versions.get(exchange, ""))
        return self._made[exchange]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)


class Told:
    """A dialect that tells where everything came from. Made from one that is compiled and sound; safe in many threads."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = replace(
            dialect,
            readers=_Compiled(dialect.readers, ToldReader, dialect.versions),
            writers=_Compiled(dialect.writers, ToldWriter, dialect.versions),
        )

    def read(
        self, operation: str | None, parts: Mapping[str, str], payload: bytes | str, sender: str
    ) -> tuple[Message, list[Lineage]]:
        """What the dialect reads, and how each item of it came about. Raises `Malformed` as the dialect does."""
        with _listening() as session:
            message = self.dialect.read(operation, parts, payload, sender)
        return message, session.read[: len(message.items)]

    def read_record(self, exchange: str, root: Node, context: Mapping[str, Any]) -> tuple[list[Found], list[Lineage]]:
        """The same of one exchange's record, out of its message. KeyError for an exchange without a mapping."""
        with _listening() as session:
            found = self.dialect.readers[exchange].read(root, context)
        return found, session.read

    def write(
        self, exchange: str, record: Mapping[str, Any], context: Context
    ) -> tuple[Written | None, tuple[Fault, ...], Lineage]:
        """What the dialect writes (None with its faults where it cannot), and how. KeyError for an exchange without a mapping."""
        faults: tuple[Fault, ...] = ()
        written: Written | None = None
        with _listening() as session:
            try:
                written = self.dialect.write(exchange, record, context)
            except CannotWrite as error:
                faults = error.faults
        return written, faults, session.read[0]
