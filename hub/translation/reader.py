"""Foreign record → canonical records. A mapping's lines become closures over paths that are known beforehand.

All faults of a record are collected; what no line names is carried along in `unmapped`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hub.domain.faults import Fault
from hub.domain.values import IdNumber, NotValid
from hub.translation.canonical import ABSENT, copy, derivation, getter, pointer_of, putter
from hub.translation.codecs import Codec, Unusable, build, lists_of
from hub.translation.codelists import Carried, CodeList
from hub.translation.documents import media_type
from hub.translation.expressions import BadExpression, Failed, Value, compile_expression
from hub.translation.foreign import Node, path_of
from hub.translation.formats.form import Format
from hub.translation.formats.xml import Xml
from hub.translation.mapping import Clause, Line, RecordMapping, Section, sentences
from hub.translation.quick import quick_reading, resident_number
from hub.translation.schema import Element

Say = Callable[[str, int, str, str, str], None]
Run = Callable[[Node, dict[str, Any], "Reading"], None]

Locate = Callable[[str], str | None]


def nowhere(_pointer: str) -> str | None:
    """For a canonical place that was read from no foreign one."""
    return None


#: GA/T 2000.156 kinds of documents whose number is the resident's number of GB 11643.
RESIDENT_DOCUMENTS = frozenset({"111", "112", "113"})


@dataclass(frozen=True, slots=True)
class Blob:
    """A document's bytes, taken out of a record (claim check)."""

    content: bytes = field(repr=False)
    media_type: str


@dataclass(slots=True)
class Found:
    """What one record of a message came to. `record` is whole only where `faults` is empty.

    `locate(pointer)` gives the XPath of the foreign place that a canonical one was read from, None where there is none.
    """

    record: dict[str, Any]
    faults: list[Fault]
    blobs: dict[str, Blob]
    label: str
    locate: Locate = nowhere


@dataclass(slots=True)
class Reading:
    """The state of reading one record."""

    base: Node
    context: Mapping[str, Any]
    record: dict[str, Any] = field(default_factory=dict)
    instance: Node | None = None
    #: all instances of the message that the record's own is one of
    instances: tuple[Node, ...] = ()
    faults: list[Fault] = field(default_factory=list)
    blobs: dict[str, Blob] = field(default_factory=dict)
    #: JSON Pointer of the list item that is being read, "" outside lists
    prefix: str = ""
    item: dict[str, Any] | None = None
    carried: dict[str, str] = field(default_factory=dict)
    carried_at: set[str] = field(default_factory=set)
    id_numbers: list[tuple[dict[str, Any], str, str, str, str]] = field(default_factory=list)
    passed_over: dict[tuple[int, str | None], tuple[Node, str | None]] = field(default_factory=dict)
    taken: set[tuple[int, str | None]] = field(default_factory=set)
    offers: Mapping[str, Callable[[], Any]] | None = None

    @property
    def others(self) -> list[Node]:
        """The other instances: made only where a line asks for them."""
        return [node for node in self.instances if node is not self.instance]

    def fault(self, error: NotValid, pointer: str, xpath: str | None, value: Any, source: str) -> None:
        self.faults.append(
            Fault(
                error.rule,
                self.prefix + pointer,
                error.zh,
                error.en,
                xpath,
                None if value is None else str(value)[:200],
                source,
            )
        )

    def is_faulted(self, pointer: str) -> bool:
        return any(fault.pointer == pointer or fault.pointer.startswith(pointer + "/") for fault in self.faults)

    def carry(self, node: Node, attribute: str | None, text: str) -> None:
        keep(self.carried, node.path((f"@{attribute}",) if attribute else (), top=self.base), text)

    def offered(self) -> Mapping[str, Callable[[], Any]]:
        """What expressions can ask for, as it is when they ask."""
        if self.offers is None:
            self.offers = {
                "record": lambda: self.record,
                "message": lambda: _plain(self.base),
                "foreign": lambda: _plain(self.instance or self.base),
                "others": lambda: [_plain(node) for node in self.others],
                "context": lambda: dict(self.context),
                "item": lambda: self.item or {},
            }
        return self.offers


def _plain(node: Node) -> Any:
    """A foreign record as expressions see it: texts, lists where a name is repeated, `name@attribute` beside an element."""
    if not node.order:
        return node.text.strip()
    if node.plain is not None:
        return node.plain
    found: dict[str, Any] = {}
    for name, nodes in node.children.items():
        values = [_plain(child) for child in nodes]
        found[name] = values if len(values) > 1 else values[0]
        for attribute, text in nodes[0].attributes.items():
            found[f"{name}@{attribute}"] = text
    node.plain = found
    return found


def keep(found: dict[str, str], place: str, text: str) -> None:
    """Note a text at a place. Names may hold what a path is made of, so that two places are spelled alike: neither is lost."""
    free, number = place, 1
    while found.get(free, text) != text:
        number += 1
        free = f"{place}#{number}"
    found[free] = text


class Named:
    """The foreign places that a mapping names, as a tree: what is not in it is carried along."""

    __slots__ = ("always", "attributes", "children", "leaf", "many", "whole")

    def __init__(self) -> None:
        self.children: dict[str, Named] = {}
        #: attributes (None: the text) that some line reads without a condition
        self.always: set[str | None] = set()
        self.attributes: set[str] = set()
        self.leaf = self.many = self.whole = False

    def add(self, steps: tuple[str, ...], attribute: str | None = None, many: bool = False, leaf: bool = True) -> Named:
        here = self
        for step in steps:
            here = here.children.setdefault(step, Named())
            here.many = here.many or many
        if attribute:
            here.attributes.add(attribute)
        elif leaf:
            here.leaf = True
        return here

    def left_over(self, node: Node, passed: Collection[int], say: Callable[[Node, str, str], None]) -> None:
        """Tell everything at and below a node that is not named. `passed` are the ids of nodes that are not looked at."""
        if self.whole:
            return
        if node.attributes:
            for name, text in node.attributes.items():
                if name not in self.attributes:
                    say(node, f"@{name}", text)
        if node.stray or (not self.leaf and node.text.strip()):
            say(node, "text()" if node.order else "", (node.stray or node.text).strip())
        for child in node.order:
            if passed and id(child) in passed:
                continue
            below = self.children.get(child.name)
            if below is None or (child.position > 1 and not below.many):
                _NOTHING.left_over(child, passed, say)
            elif child.order or child.attributes or child.stray or not below.leaf:
                below.left_over(child, passed, say)
            # else it holds nothing but the text that is named


_NOTHING = Named()


def place_of(text: str) -> tuple[tuple[str, ...], str | None]:
    """`Residence/@code` as the element's path and the attribute."""
    steps = path_of(text)
    return (steps[:-1], steps[-1][1:]) if steps and steps[-1].startswith("@") else (steps, None)


@dataclass(frozen=True, slots=True)
class Choice:
    """Elements of several names that are the items of one list, in the order in which they stand; which it is, is told by
    the canonical `place` of the item. `names`: element → canonical value."""

    place: str
    names: Mapping[str, Any]

    def name_of(self, value: Any) -> str:
        """The element for a canonical value. Raises `NotValid`."""
        for name, known in self.names.items():
            if known == value or (
                isinstance(known, dict) and isinstance(value, dict) and known.items() <= value.items()
            ):
                return name
        shown = "、".join(str(known) for known in self.names.values())
        raise NotValid(
            "code.unknown",
            f"没有对应的元素；可写的有：{shown}",
            f"there is no element for it; these can be written: {shown.replace('、', ', ')}",
        )

    def fitting(self, section: Section, parent: Element | None, name: str) -> Section:
        """The lines of the items that make sense for one of the elements: what only another one has is left out."""
        elements = {one: parent.child(one) for one in self.names} if parent is not None else {}

        def has(element: Element | None, line: Line) -> bool:
            steps, attribute = place_of(
                line.target if line.direction == "out" else str(line.clauses[0].get("at") or "")
            )
            here = element
            for step in steps:
                if here is None or here.content.open:
                    return True
                here = here.child(step)
                if here is None:
                    return False
            return here is None or not attribute or attribute in here.content.attributes

        return Section(
            tuple(
                line
                for line in section.lines
                if has(elements.get(name), line) or not any(has(other, line) for other in elements.values())
            ),
            section.each,
            section.line,
        )


def named_of(clause: Clause, lists: Mapping[str, CodeList], say: Say) -> Choice | None:
    """What `named` of a list says: `{canonical place: {element: value}}` or `{canonical place: code list}`."""
    said, foreign = clause.get("named"), str(clause.get("at") or clause.get("each") or "")
    if said is None and not foreign.endswith("*"):
        return None
    line = line_of(clause, "named")
    place, names = next(iter(said.items())) if isinstance(said, Mapping) and len(said) == 1 else ("", None)
    if isinstance(names, str) and names in lists:
        known = lists[names]
        names = {code: known.read_code(code) for code in known.names}
    if not isinstance(names, Mapping) or not names or not foreign.endswith("*"):
        say(
            clause.file,
            line,
            "mapping.named",
            "元素名各异的列表应写作each: …/*，并以named: {规范位置: {元素: 值}}说明各元素的含义",
            "a list of elements of several names is each: …/* with named: {canonical place: {element: value}}",
        )
        return Choice("kind", {})
    return Choice(str(place), {str(name): value for name, value in names.items()})


class Resolver:
    """Foreign places against the contract; without a contract every place is taken as it is written."""

    def __init__(self, say: Say, form: Format | None = None) -> None:
        self.say, self.form = say, form or Xml()

    def element(self, base: Element | None, steps: tuple[str, ...], file: str, line: int, shown: str) -> Element | None:
        here = base
        for step in steps:
            self.prefix(step, file, line, shown)
        for step in steps:
            if here is None:
                return None
            below = here.child(step)
            if below is None:
                if not here.content.open:
                    known = "、".join(child.name for child in here.content.children) or "—"
                    zh, en = self.form.contract
                    self.say(
                        file,
                        line,
                        "foreign.unknown",
                        f"{zh}中没有“{shown}”：{here.name}之下只有{known}",
                        f"the {en} has no {shown!r}: below {here.name} there are {known.replace('、', ', ')}",
                    )
                return None
            here = below
        return here

    def prefix(self, step: str, file: str, line: int, shown: str) -> None:
        """A prefix in an XML name is one that the dialect declares."""
        prefix, colon, _ = step.removeprefix("@").partition(":")
        if isinstance(self.form, Xml) and colon and prefix not in self.form.prefixes:
            self.say(
                file,
                line,
                "namespace.unknown",
                f"“{shown}”的前缀“{prefix}”没有在dialect.yaml的namespaces中声明",
                f"the prefix {prefix!r} of {shown!r} is not declared under namespaces in dialect.yaml",
            )

    def attribute(self, element: Element | None, name: str | None, file: str, line: int, shown: str) -> None:
        if name:
            self.prefix(name, file, line, shown)
        if element is not None and name and name not in element.content.attributes and not element.content.open:
            zh, en = self.form.contract
            self.say(
                file,
                line,
                "foreign.unknown",
                f"{zh}中“{element.name}”没有属性“{name}”",
                f"the {en} gives {element.name!r} no attribute {name!r} ({shown})",
            )


class Reader:
    """One mapping, compiled for reading. What is wrong with it is told to `say`; use it only when nothing was."""

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
        self.root, self.base = steps[0], steps[1:]
        base = self.resolve.element(root, self.base, mapping.file, mapping.line, mapping.record)
        self.named = Named()
        here = self.named.add(self.base, leaf=False)
        self._targets: dict[str, tuple[tuple[str, ...], str | None, str, bool]] = {}
        self.split = path_of(mapping.split.each) if mapping.split and mapping.split.each else ()
        self._pairs, self._after = self._section(mapping.section, base, here, "", bool(self.split))
        self._split_pairs: list[Run] = []
        self._split_after: list[Run] = []
        if mapping.split:
            instance = self.resolve.element(
                base, self.split, mapping.file, mapping.split.line, mapping.split.each or ""
            )
            below = self._instance_named = here.add(self.split, many=True, leaf=False)
            self._split_pairs, self._split_after = self._section(mapping.split, instance, below, "", False)
        for ignored in mapping.ignore:
            place, attribute = place_of(ignored)
            here.add(place, attribute).whole = attribute is None
        self.required = tuple(
            (getter(path), pointer_of(path), *self._targets.get(path, ((), None, source, False)))
            for path, source in mapping.required
        )
        for path, source in mapping.required:
            if path not in self._targets:
                file, _, line = source.rpartition(":")
                say(
                    file,
                    int(line),
                    "required.unmapped",
                    f"必填的“{path}”没有任何行给出",
                    f"{path!r} is required but no line gives it",
                )
        self._label = place_of(mapping.label)[0] if mapping.label else ()

    # ------------------------------------------------------------ reading
    def read(self, root: Node, context: Mapping[str, Any]) -> list[Found]:
        """The records of a message, one for each instance that it is split into."""
        base = root.first(self.base)
        if base is None:
            missing = Fault(
                "field.missing",
                "",
                f"缺少{self.mapping.record}",
                f"{self.mapping.record} is missing",
                root.xpath(self.base),
                None,
                f"{self.mapping.file}:{self.mapping.line}",
            )
            return [Found({}, [missing], {}, "")]
        common = Reading(base, context)
        for run in self._pairs:
            run(base, common.record, common)
        if not self.split:
            return [self._finish(common, base, {})]
        instances = [node for node in base.all(self.split) if not node.nil]
        if not instances:
            shown = "/".join(self.split)
            common.faults.append(
                Fault(
                    "field.missing",
                    "/person",
                    f"缺少{shown}：报文中没有人员",
                    f"{shown} is missing: the message names no person",
                    base.xpath(self.split),
                    None,
                    f"{self.mapping.file}:{self.mapping.split.line if self.mapping.split else 1}",
                )
            )
            return [Found({}, common.faults, {}, "")]
        found = []
        together = tuple(instances)
        left = self._left_over(_top(base), self.named, base, {id(node) for node in instances})
        for instance in instances:
            reading = Reading(
                base,
                context,
                copy(common.record),
                instance,
                together,
                list(common.faults),
                dict(common.blobs),
                carried=dict(common.carried),
                carried_at=set(common.carried_at),
                id_numbers=[],
                passed_over=dict(common.passed_over),
                taken=set(common.taken),
            )
            for run in self._split_pairs:
                run(instance, reading.record, reading)
            found.append(self._finish(reading, instance, left))
        return found

    def _finish(self, reading: Reading, instance: Node, left: Mapping[str, str]) -> Found:
        base, record = reading.base, reading.record
        for run in self._after:
            run(base, record, reading)
        for run in self._split_after:
            run(instance, record, reading)
        for get, pointer, steps, attribute, source, in_base in self.required:
            # a place that only follows from others is not missing on its own account where these are faulty
            if not steps and attribute is None and reading.faults:
                continue
            if get(record) is ABSENT and not reading.is_faulted(pointer) and pointer not in reading.carried_at:
                at = base if in_base else instance
                below = (*steps, f"@{attribute}") if attribute else steps
                reading.faults.append(
                    Fault(
                        "field.missing",
                        pointer,
                        f"缺少{'/'.join(below)}",
                        f"{'/'.join(below)} is missing",
                        at.xpath(below),
                        None,
                        source,
                    )
                )
        self._check_id_numbers(reading)
        for key, (node, attribute) in reading.passed_over.items():
            if key not in reading.taken:
                reading.carry(node, attribute, node.attributes[attribute] if attribute else node.text.strip())
        whole, named = (instance, self._instance_named) if self.split else (_top(base), self.named)
        unmapped = dict(reading.carried)
        for part in (left, self._left_over(whole, named, base, ())):
            for place, text in part.items():
                keep(unmapped, place, text)
        record["exchange"] = self.mapping.exchange
        record["unmapped"] = unmapped
        label = instance.first(self._label)
        return Found(
            record,
            reading.faults,
            reading.blobs,
            label.text.strip() if label is not None else "",
            partial(self._locate, base, instance),
        )

    @staticmethod
    def _left_over(node: Node, named: Named, base: Node, passed: Collection[int]) -> dict[str, str]:
        """What no line names at and below a node, by its path."""
        found: dict[str, str] = {}

        def tell(node: Node, below: str, text: str) -> None:
            inside = _is_below(node, base)
            keep(found, node.path((below,) if below else (), top=base if inside else None), text)

        named.left_over(node, passed, tell)
        return found

    def _locate(self, base: Node, instance: Node, pointer: str) -> str | None:
        steps, attribute, _source, in_base = self._targets.get(
            pointer.removeprefix("/").replace("/", "."), ((), None, "", False)
        )
        if not steps and attribute is None:
            return None
        return (base if in_base else instance).xpath((*steps, f"@{attribute}") if attribute else steps)

    @staticmethod
    def _check_id_numbers(reading: Reading) -> None:
        for owner, key, pointer, xpath, source in reading.id_numbers:
            kind = owner.get("id_type")
            if (kind is not None and kind.get("code") not in RESIDENT_DOCUMENTS) or pointer.rpartition("/")[
                0
            ] + "/id_type" in reading.carried_at:
                continue
            try:
                owner[key] = resident_number(owner[key]) or IdNumber.parse(owner[key]).text
            except NotValid as error:
                reading.faults.append(Fault(error.rule, pointer, error.zh, error.en, xpath, owner[key], source))

    # ------------------------------------------------------------ compiling
    def _section(
        self, section: Section, base: Element | None, named: Named, prefix: str, in_base: bool
    ) -> tuple[list[Run], list[Run]]:
        pairs: list[Run] = []
        after: list[Run] = []
        for line in section.lines:
            if line.direction == "out":
                steps, attribute = place_of(line.target)
                named.add(steps, attribute, many=bool(line.section))
                if line.section:
                    self._name_only(line.section, named.add(steps, leaf=False))
                continue
            if line.section:
                pairs.append(self._list(line, base, named, prefix))
            elif line.direction == "both":
                pairs.append(self._scalar(line, base, named, prefix, in_base))
            else:
                after.append(self._scalar(line, base, named, prefix, in_base))
        return pairs, after

    @staticmethod
    def _name_only(section: Section, named: Named) -> None:
        for line in section.lines:
            steps, attribute = place_of(line.target)
            named.add(steps, attribute)

    def _list(self, line: Line, base: Element | None, named: Named, prefix: str) -> Run:
        clause = line.clauses[0]
        foreign = str(clause.get("at") or clause.get("each"))
        steps, _ = place_of(foreign)
        assert line.section
        inside = prefix + line.target + "[]."
        choice = named_of(clause, self.lists, self._say)
        runs: dict[str, list[Run]] = {}
        if choice is None:
            element = self.resolve.element(base, steps, line.file, line.line, foreign)
            below = named.add(steps, many=True, leaf=False)
            pairs, after = self._section(line.section, element, below, inside, False)
            runs[""] = [*pairs, *after]
        else:
            steps = steps[:-1]
            parent = self.resolve.element(base, steps, line.file, line.line, foreign)
            for name in choice.names:
                element = self.resolve.element(parent, (name,), line.file, line.line, f"{foreign}（{name}）")
                below = named.add((*steps, name), many=True, leaf=False)
                pairs, after = self._section(choice.fitting(line.section, parent, name), element, below, inside, False)
                runs[name] = [*pairs, *after]
        put, get, pointer = putter(line.target), getter(line.target), pointer_of(line.target)
        put_name = putter(choice.place) if choice else None
        condition = self._condition(clause)

        def items_below(here: Node) -> list[Node]:
            if choice is None:
                return [node for node in here.all(steps) if not node.nil]
            return [
                node
                for parent in here.all(steps)
                for node in parent.order
                if node.name in choice.names and not node.nil
            ]

        def run(here: Node, out: dict[str, Any], reading: Reading) -> None:
            nodes = items_below(here)
            if not nodes or (condition and condition(reading.offered()) is not True):
                for node in nodes:
                    _NOTHING.left_over(
                        node,
                        (),
                        lambda at, below, text: reading.carried.__setitem__(
                            at.path((below,) if below else (), top=reading.base), text
                        ),
                    )
                return
            before = get(out)
            items: list[Any] = before if isinstance(before, list) else []
            outer, outer_item = reading.prefix, reading.item
            for node in nodes:
                item: dict[str, Any] = {}
                reading.prefix, reading.item = f"{outer}{pointer}/{len(items)}", item
                for inner in runs[node.name if choice else ""]:
                    inner(node, item, reading)
                if put_name and choice:
                    put_name(item, copy(choice.names[node.name]))
                if item:
                    items.append(item)
            reading.prefix, reading.item = outer, outer_item
            if items:
                put(out, items)

        return run

    def _scalar(self, line: Line, base: Element | None, named: Named, prefix: str, in_base: bool) -> Run:
        put, pointer = putter(line.target), pointer_of(line.target)
        ways = [
            way for clause in line.clauses if (way := self._way(line, clause, base, named, prefix, in_base)) is not None
        ]
        if not prefix and line.target not in self._targets:
            self._targets[line.target] = ((), None, line.source, in_base)
        if len(ways) == 1:
            only = ways[0]

            def run(here: Node, out: dict[str, Any], reading: Reading) -> None:
                value = only(here, out, reading, pointer)
                if value is not ABSENT:
                    put(out, value)

            return run

        def first_of(here: Node, out: dict[str, Any], reading: Reading) -> None:
            for way in ways:
                value = way(here, out, reading, pointer)
                if value is not ABSENT or reading.is_faulted(reading.prefix + pointer):
                    if value is not ABSENT:
                        put(out, value)
                    return

        return first_of

    def _way(
        self, line: Line, clause: Clause, base: Element | None, named: Named, prefix: str, in_base: bool
    ) -> _Way | None:
        condition = self._condition(clause)
        if "at" in clause.keys:
            steps, attribute = place_of(str(clause.get("at")))
            element = self.resolve.element(base, steps, clause.file, clause.line, str(clause.get("at")))
            self.resolve.attribute(element, attribute, clause.file, clause.line, str(clause.get("at")))
            many = line.target.endswith("[]")
            place = named.add(steps, attribute, many=many)
            if condition is None:
                place.always.add(attribute)
            if not prefix and (line.target not in self._targets or not self._targets[line.target][0]):
                self._targets[line.target] = (steps, attribute, clause.source, in_base)
            codec = self._codec(clause)
            if codec is None:
                return None
            if codec.decode is None:
                self._say(
                    clause.file,
                    clause.line,
                    "codec.write-only",
                    "此写法只能写出，不能读入：请放在only: out之下",
                    "this codec only writes: put the line under only: out",
                )
                return None
            if codec.kind == "document":
                return _when(condition, _document(steps, attribute, clause), steps, attribute, place, clause.source)
            if many:
                return _when(condition, _texts(steps, attribute, codec, clause), steps, attribute, place, clause.source)
            parent = (
                base
                if len(steps) <= 1
                else self.resolve.element(base, steps[:-1], clause.file, clause.line, str(clause.get("at")))
            )
            needed = (
                element is not None and parent is not None and element.least >= 1 and attribute is None and bool(steps)
            )
            return _when(
                condition,
                _text(steps, attribute, codec, clause, needed, element is not None and element.nillable),
                steps,
                attribute,
                place,
                clause.source,
            )
        way = self._computed(clause)
        return _when(condition, way, (), None, None, clause.source) if way else None

    def _codec(self, clause: Clause) -> Codec | None:
        try:
            codec = build(clause.keys, self.lists)
        except Unusable as error:
            self._say(clause.file, line_of(clause, error.key), error.rule, error.zh, error.en)
            return None
        self.used.update(lists_of(clause.keys))
        return codec

    def _condition(self, clause: Clause) -> Value | None:
        return self._expression(clause, "when") if "when" in clause.keys else None

    def _expression(self, clause: Clause, key: str) -> Value | None:
        try:
            return compile_expression(str(clause.get(key)))
        except BadExpression as error:
            self._say(
                clause.file, line_of(clause, key), "expression.bad", f"表达式有误：{error}", f"bad expression: {error}"
            )
            return None

    def _computed(self, clause: Clause) -> _Way | None:
        keys = clause.keys
        if "value" in keys:
            value = keys["value"]
            return lambda here, out, reading, pointer: copy(value)
        if "context" in keys:
            name = str(keys["context"])
            return lambda here, out, reading, pointer: reading.context.get(name, ABSENT)
        if "from" in keys:
            get = getter(str(keys["from"]))
            return lambda here, out, reading, pointer: copy(get(reading.record))
        if "compute" in keys:
            expression = self._expression(clause, "compute")
            return _expression_way(expression, clause) if expression else None
        if "derive" in keys:
            of = keys["of"] if isinstance(keys["of"], list) else [keys["of"]]
            return _derived_way(
                derivation(str(keys["derive"]), tuple(str(path) for path in of), int(keys.get("days", 0))), clause
            )
        if "others" in keys:
            steps, attribute = place_of(str(keys["others"]))
            return _others_way(steps, attribute)
        worded = sentences(keys.get("fault"))
        return (
            _fault_way(worded, tuple(pointer_of(str(path)) for path in keys.get("of", ())), clause) if worded else None
        )


_Way = Callable[[Node, dict[str, Any], Reading, str], Any]


def line_of(clause: Clause, key: str) -> int:
    lines = getattr(clause.keys, "lines", {})
    return int(lines.get(key, clause.line))


def _top(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node


def _is_below(node: Node, base: Node) -> bool:
    here: Node | None = node
    while here is not None and here is not base:
        here = here.parent
    return here is base and node is not base


def _when(
    condition: Value | None, way: _Way, steps: tuple[str, ...], attribute: str | None, place: Named | None, source: str
) -> _Way:
    """A way that is gone only where its condition holds; a text that is passed over so, by every line, is carried along."""
    if condition is None:
        return way

    def conditional(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        node = here.first(steps) if place is not None else None
        try:
            holds = condition(reading.offered()) is True
        except Failed as error:
            reading.fault(
                NotValid(
                    "expression.failed", f"映射中的条件无法计算：{error}", f"a condition of the mapping broke: {error}"
                ),
                pointer,
                here.xpath(),
                None,
                source,
            )
            return ABSENT
        if holds:
            if node is not None:
                reading.taken.add((id(node), attribute))
            return way(here, out, reading, pointer)
        if node is not None and place is not None and attribute not in place.always:
            text = node.attributes.get(attribute) if attribute else node.text.strip()
            if text:
                reading.passed_over[id(node), attribute] = (node, attribute)
        return ABSENT

    return conditional


def _text(
    steps: tuple[str, ...], attribute: str | None, codec: Codec, clause: Clause, needed: bool, nillable: bool
) -> _Way:
    decode, source = codec.decode, clause.source
    assert decode
    parent = steps[:-1]
    below = (*steps, f"@{attribute}") if attribute else steps
    written = str(clause.get("as_written")) if clause.get("as_written") else None
    put_written = putter(written) if written else None
    is_id_number = codec.kind == "id-number"
    only_step = steps[0] if len(steps) == 1 else None
    short = quick_reading(clause.keys, codec)

    def way(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        if only_step is None:
            node = here.first(steps)
        else:
            found = here.children.get(only_step)
            node = found[0] if found else None
        text = "" if node is None else (node.attributes.get(attribute, "") if attribute else node.text).strip()
        if not text:
            if nillable and node is not None:
                return None
            if needed and (node is not None or here.first(parent) is not None):
                shown = "/".join(below)
                reading.fault(
                    NotValid("field.missing", f"缺少{shown}", f"{shown} is missing"),
                    pointer,
                    here.xpath(below),
                    None,
                    source,
                )
            return ABSENT
        assert node is not None
        try:
            value = short(text) if short else None
            if value is None:
                value = decode(text)
        except NotValid as error:
            reading.fault(error, pointer, node.xpath((f"@{attribute}",) if attribute else ()), text, source)
            return ABSENT
        except Carried:
            reading.carry(node, attribute, text)
            reading.carried_at.add(reading.prefix + pointer)
            return ABSENT
        if put_written and value != text:
            put_written(out, text)
        if is_id_number:
            owner = out
            *parents, last = pointer.strip("/").split("/")
            for step in parents:
                owner = owner.setdefault(step, {})
            reading.id_numbers.append(
                (owner, last, reading.prefix + pointer, node.xpath((f"@{attribute}",) if attribute else ()), source)
            )
        return ABSENT if value is None or value == [] else value

    return way


def _texts(steps: tuple[str, ...], attribute: str | None, codec: Codec, clause: Clause) -> _Way:
    """Every text of a repeated element, once each, in order."""
    decode, source = codec.decode, clause.source
    assert decode

    def way(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        values: list[Any] = []
        for node in here.all(steps):
            text = (node.attributes.get(attribute, "") if attribute else node.text).strip()
            if not text:
                continue
            try:
                value = decode(text)
            except NotValid as error:
                reading.fault(
                    error, f"{pointer}/{len(values)}", node.xpath((f"@{attribute}",) if attribute else ()), text, source
                )
                continue
            except Carried:
                reading.carry(node, attribute, text)
                continue
            for one in value if isinstance(value, list) else [value]:
                if one not in values:
                    values.append(one)
        return values or ABSENT

    return way


def _document(steps: tuple[str, ...], attribute: str | None, clause: Clause) -> _Way:
    """A document's base64 content becomes its digest in the record, with size and media type beside it."""
    source = clause.source

    def way(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        node = here.first(steps)
        text = "" if node is None else "".join((node.attributes.get(attribute, "") if attribute else node.text).split())
        if node is None or not text:
            return ABSENT
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            wrong = NotValid("document.base64", "材料内容应为base64编码", "the content of a document must be base64")
            reading.fault(wrong, pointer, node.xpath(), text[:40], source)
            return ABSENT
        digest = hashlib.sha256(content).hexdigest()
        media = media_type(content, out.get("title"))
        reading.blobs[digest] = Blob(content, media)
        out["media_type"], out["size"] = media, len(content)
        return digest

    return way


def _expression_way(expression: Value, clause: Clause) -> _Way:
    def way(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        try:
            value = expression(reading.offered())
        except Failed as error:
            reading.fault(
                NotValid(
                    "expression.failed",
                    f"映射中的表达式无法计算：{error}",
                    f"an expression of the mapping broke: {error}",
                ),
                pointer,
                here.xpath(),
                None,
                clause.source,
            )
            return ABSENT
        return ABSENT if value is None else value

    return way


def _derived_way(derive: Callable[[Any], Any], clause: Clause) -> _Way:
    def way(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        try:
            return derive(reading.record)
        except NotValid as error:
            reading.fault(error, pointer, here.xpath(), None, clause.source)
            return ABSENT

    return way


def _others_way(steps: tuple[str, ...], attribute: str | None) -> _Way:
    def way(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        nodes = [node for other in reading.others for node in other.all(steps)]
        return [
            text for node in nodes if (text := (node.attributes.get(attribute, "") if attribute else node.text).strip())
        ] or ABSENT

    return way


def _fault_way(worded: tuple[str, str, str], of: tuple[str, ...], clause: Clause) -> _Way:
    """A fault of the mapping's own words; silent where what it rests on is already known to be wrong."""

    def way(here: Node, out: dict[str, Any], reading: Reading, pointer: str) -> Any:
        if not any(reading.is_faulted(at) for at in of):
            reading.fault(NotValid(*worded), pointer, here.xpath(), None, clause.source)
        return ABSENT

    return way
