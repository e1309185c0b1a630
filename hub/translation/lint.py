"""Mistakes that an administrator really makes, found by looking at lines beside the record's schema and the contract: a codec
whose values the place does not take, a condition that asks for what there is not, a clause that is never reached.

What cannot be compiled is told by the reader and the writer; what only a record shows is for the proofs of the workshop.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.values import NotValid
from hub.findings import LinedDict
from hub.translation.codecs import CODECS, Codec, Unusable, build
from hub.translation.codelists import CodeList
from hub.translation.foreign import path_of
from hub.translation.mapping import CONTEXT, Clause, Line, RecordMapping, Section, sentences, walk
from hub.translation.reader import Resolver, Say, line_of, place_of
from hub.translation.schema import Element
from hub.translation.shape import Schema, has_place, schemas_at

Said = Callable[[str], tuple[str, int]]

#: Codec → the JSON type of its values, and what else the schema of the place must not contradict.
_TYPES: Mapping[str, tuple[str, str | None]] = {
    "text": ("string", None),
    "date": ("string", "date"),
    "time": ("string", "date-time"),
    "term": ("object", "years"),
    "check": ("string", None),
    "boolean": ("boolean", None),
    "money": ("string", None),
    "number": ("integer", None),
    "place": ("string", None),
    "agency": ("string", None),
    "offence": ("string", None),
    "document": ("string", None),
    "name": ("string", None),
    "address": ("object", "text"),
}
#: A value of each codec that any contract of such a place should take when it is written.
_SPECIMENS: Mapping[str, Any] = {
    "date": "2021-03-12",
    "time": "2021-03-12T09:30:00+08:00",
    "term": {"months": 6},
    "money": "5000.00",
    "number": 12,
}

#: Rules by which a message or record can be found wrong; patterns of policies and answer codes are looked up among them.
_RULES = """
    address.differs agency.kind agency.no-contract agency.unknown case-number.malformed code.system code.unknown court-mark.unknown
    csv.columns csv.header csv.malformed date.malformed date.range document.base64 document.digest document.empty
    exchange.differs exchange.not-yours exchange.unknown expression.failed field.missing fixed.encoding fixed.kind
    fixed.length fixed.line-break fixed.padding fixed.too-long form.malformed form.twice id-number.birth-date
    id-number.check-digit id-number.malformed id-number.place json.duplicate json.encoding json.malformed json.missing
    json.shape json.too-deep json.type key.missing key.reused key.too-long list.separator list.too-many login
    message.none-goes message.too-large money.malformed number.malformed operation.unknown person.differs
    place.ambiguous place.differs place.malformed place.missing place.no-agency place.too-coarse place.unknown record.additionalProperties
    record.empty record.enum record.format record.maxItems record.maxLength record.maximum record.minItems
    record.minLength record.minProperties record.minimum record.pattern record.required record.type record.unknown
    root.unexpected schema.length schema.pattern schema.type schema.value sender.differs store.unavailable
    term.days term.malformed term.reversed term.too-long text.control-character text.encoding text.forbidden
    time.malformed value.shape xml.doctype xml.encoding xml.entity xml.envelope xml.malformed xml.too-deep
"""
RULES = frozenset(_RULES.split())
#: Sources that always yield a value: without a condition, no clause after them is ever asked.
_ALWAYS = ("value", "position", "fault")


def mapping_is_sound(
    mapping: RecordMapping,
    schema: Schema | None,
    root: Element | None,
    lists: Mapping[str, CodeList],
    say: Say,
    counts: bool = True,
    said: Said | None = None,
) -> None:
    """Tell what is wrong with the lines of one mapping. Without a schema only what needs none.

    `counts`: the contract says how often an element occurs, as a WSDL does and a layout of lines does not. `said`: the file
    and line where a key of the mapping stands, which may be in a file that it is like.
    """
    look = _Look(mapping, schema, lists, say, counts)
    base = _below(root, path_of(mapping.record)[1:])
    split = path_of(mapping.split.each) if mapping.split and mapping.split.each else ()
    instance = _below(base, split)
    look.section(mapping.section, base, "", "both" if mapping.direction == "both" else mapping.direction)
    if mapping.split is not None:
        if instance is not None and _is_single(instance):
            look.not_repeated(mapping.file, mapping.split.line, mapping.split.each or "")
        look.section(mapping.split, instance, "", mapping.direction)
    look.whole(base, instance if mapping.split else base, said or (lambda _: (mapping.file, mapping.line)))


def _below(element: Element | None, steps: Iterable[str]) -> Element | None:
    for step in steps:
        element = element.child(step) if element is not None else None
    return element


def _is_single(element: Element) -> bool:
    return element.most == 1 and not element.array


class _Look:
    def __init__(
        self,
        mapping: RecordMapping,
        schema: Schema | None,
        lists: Mapping[str, CodeList],
        say: Say,
        counts: bool,
    ) -> None:
        self.mapping, self.schema, self.lists, self.say, self.counts = mapping, schema, lists, say, counts
        targets = [
            line.target
            for part in (mapping.section, mapping.split)
            if part
            for line in part.lines
            if line.direction != "out"
        ]
        #: given twice, which is told as that
        self.twice = {target for target in targets if targets.count(target) > 1}

    # ------------------------------------------------------------ the mapping as a whole
    def whole(self, base: Element | None, instance: Element | None, said: Said) -> None:
        mapping = self.mapping
        lines = [line for part in (mapping.section, mapping.split) if part for line in walk(part)]
        resolve = Resolver(self.say)
        for element, place, key in [
            *((base, place, "ignore") for place in mapping.ignore),
            *((base, place, "left_to_connector") for place in mapping.left_to_connector),
            *([(instance, mapping.label, "label")] if mapping.label else []),
        ]:
            if element is not None:
                resolve.element(element, place_of(place)[0], *said(key), place)
        if mapping.label and instance is None and mapping.direction != "out":
            self._label(mapping.label, said)
        if mapping.direction == "both":
            self._inverses(lines)

    def _label(self, label: str, said: Said) -> None:
        """Without a contract, the person's name that answers quote must at least be a place that some line names."""
        named = {"/".join(steps) for steps in _foreign(self.mapping.split or self.mapping.section, ())}
        if "/".join(place_of(label)[0]) not in named:
            near = difflib.get_close_matches(label, named, n=2)
            self.say(
                *said("label"),
                "mapping.label",
                f"label所指的“{label}”没有任何行提到；相近的有：{'、'.join(near) or '—'}",
                f"no line names {label!r}, which label points at; near it: {', '.join(near) or '—'}",
            )

    def _inverses(self, lines: list[Line]) -> None:
        """What is written from a canonical place is given by some line when it comes back."""
        given = [line.target.removesuffix("[]") for line in lines if line.direction != "out"]
        given += [str(line.clauses[0].get("as_written")) for line in lines if line.clauses[0].get("as_written")]
        for line in lines:
            for clause in line.clauses if line.direction == "out" and not line.section else ():
                path = clause.get("from")
                if (
                    not isinstance(path, str)
                    or path == "."
                    or "loses" in clause.keys
                    or line.target in self.mapping.loses
                ):
                    continue
                plain = path.replace("[]", "")
                if not any(_related(plain, one.replace("[]", "")) for one in given):
                    self.say(
                        clause.file,
                        clause.line,
                        "line.no-inverse",
                        f"由“{path}”写出，但没有任何行把它读回：补上读入的行，或以loses说明",
                        f"written from {path!r}, which no line reads back: add the line, or say so with loses",
                    )

    # ------------------------------------------------------------ sections
    def section(self, section: Section, element: Element | None, prefix: str, way: str) -> None:
        for line in section.lines:
            here = line.direction if way == "both" else way
            if way != "both" and line.direction not in ("both", way):
                continue
            self._clauses(line)
            for clause in line.clauses:
                self._clause(line, clause, element, prefix, here)
            if line.section:
                foreign = (
                    line.target
                    if line.direction == "out"
                    else str(line.clauses[0].get("at") or line.clauses[0].get("each"))
                )
                below = _below(element, place_of(foreign)[0])
                if below is not None and _is_single(below):
                    self.not_repeated(line.file, line.line, foreign)
                canonical = str(line.clauses[0].get("each")) if line.direction == "out" else line.target
                self._takes(prefix + canonical, "array", None, line.file, line.line, here)
                self.section(line.section, below, f"{prefix}{canonical}[].", here)

    def not_repeated(self, file: str, line: int, place: str) -> None:
        self.say(
            file,
            line,
            "foreign.not-repeated",
            f"合同中“{place}”只出现一次，不是列表",
            f"in the contract {place!r} occurs once: it is no list",
        )

    def _clauses(self, line: Line) -> None:
        """A clause behind one that always yields is never reached."""
        for before, clause in zip(line.clauses, line.clauses[1:], strict=False):
            always = any(key in before.keys for key in _ALWAYS) and "when" not in before.keys
            if always or dict(before.keys) == dict(clause.keys):
                self.say(
                    clause.file,
                    clause.line,
                    "clause.unreachable",
                    "前一取值方式总会给出值，轮不到此处：请加条件，或调整次序",
                    "the clause before it always yields: it needs a condition, or another order",
                )

    def _clause(self, line: Line, clause: Clause, element: Element | None, prefix: str, way: str) -> None:
        if "missing" in clause.keys and not sentences(clause.get("missing")):
            self.say(
                clause.file,
                line_of(clause, "missing"),
                "clause.fault",
                "missing应写明rule、zh、en",
                "missing needs rule, zh and en",
            )
        for key in ("when", "compute"):
            if key in clause.keys:
                self._expression(str(clause.get(key)), clause, key, prefix)
        if line.section:
            return
        try:
            codec = build(clause.keys, self.lists)
        except Unusable:
            return  # told where it is compiled
        if "value" in clause.keys:
            self._value(line, clause, element, prefix)
        elif line.direction == "out":
            path = clause.get("from")
            if isinstance(path, str) and path != ".":
                self._told(prefix + path, clause, codec, way)
        elif "at" in clause.keys:
            self._told(prefix + line.target, clause, codec, way)
            self._is_one(line, clause, element, way)
        foreign = line.target if line.direction == "out" else clause.get("at")
        if isinstance(foreign, str) and way != "in" and "value" not in clause.keys:
            self._fits_contract(foreign, clause, codec, element)

    # ------------------------------------------------------------ the canonical side
    def _told(self, path: str, clause: Clause, codec: Codec, way: str) -> None:
        """Whether the place takes what the codec tells, or has what it writes."""
        kind = next((key for key in CODECS if key in clause.keys), "text")
        if path.endswith("[]") or "list" not in clause.keys:
            item = path
        elif "[]" in path:
            item = path  # all values of a place in a list, joined
        else:
            self._takes(path, "array", None, clause.file, line_of(clause, "list"), way)
            item = path + "[]"
        if kind == "codes" and str(clause.get("codes")) in self.lists:
            self._codes(item, self.lists[str(clause.get("codes"))], clause, way)
        elif kind in _TYPES and kind not in ("agency", "mark"):
            wanted, form = _TYPES[kind]
            key = kind if kind != "text" else "at" if "at" in clause.keys else "from"
            self._takes(item, wanted, form, clause.file, line_of(clause, key), way)

    def _takes(self, path: str, wanted: str, form: str | None, file: str, line: int, way: str) -> None:
        found = schemas_at(self.schema, path) if self.schema is not None else None
        if not found:
            return
        types = [_type(one) for one in found]
        if wanted == "string" and form is None and way == "out":
            fits = any(one in ("string", "integer", "number", "boolean", "") for one in types)
        else:
            fits = any(one in (wanted, "") or (one == "number" and wanted == "integer") for one in types)
        if fits and wanted == "object" and form is not None:
            fits = any(form in one.get("properties", {form: None}) for one in found)
        if not fits:
            shown = " / ".join(dict.fromkeys(one for one in types if one))
            self.say(
                file,
                line,
                "canonical.type",
                f"“{path}”是{shown}，此写法给出的是{wanted}"
                if way != "out"
                else f"“{path}”是{shown}，此写法只能写{wanted}",
                f"{path!r} is {shown}, this line tells {wanted}"
                if way != "out"
                else f"{path!r} is {shown}, this line writes {wanted}",
            )
            return
        forms = {str(one["format"]) for one in found if _type(one) == "string" and "format" in one}
        if wanted == "string" and forms and way != "out" and form not in forms:
            self.say(
                file,
                line,
                "canonical.type",
                f"“{path}”应为{'、'.join(sorted(forms))}，此写法给出的是{form or '文本'}",
                f"{path!r} is a {', '.join(sorted(forms))}, this line tells {form or 'text'}",
            )

    def _codes(self, path: str, known: CodeList, clause: Clause, way: str) -> None:
        found = schemas_at(self.schema, path) if self.schema is not None else None
        line = line_of(clause, "codes")
        self._takes(
            path, "object" if known.coded else "string", "code" if known.coded else None, clause.file, line, way
        )
        if not found:
            return
        systems = {str(one["x-codes"]) for one in found if "x-codes" in one}
        if known.coded and systems and known.name not in systems:
            self.say(
                clause.file,
                line,
                "canonical.codes",
                f"“{path}”用的是{'、'.join(sorted(systems))}，不是{known.name}",
                f"{path!r} is coded by {', '.join(sorted(systems))}, not by {known.name}",
            )
        texts = [one for one in found if _type(one) == "string"]
        if known.coded or not texts or not all("enum" in one for one in texts):
            return
        allowed = {value for one in texts for value in one["enum"]}
        for value in known.reverse:
            if value not in allowed:
                self.say(
                    known.source.rpartition(":")[0],
                    line_in(known, value),
                    "codelist.value",
                    f"“{path}”没有“{value}”这个值；有：{'、'.join(str(one) for one in sorted(allowed, key=str))}",
                    f"{path!r} does not take {value!r}; it takes {', '.join(str(one) for one in sorted(allowed, key=str))}",
                )

    def _value(self, line: Line, clause: Clause, element: Element | None, prefix: str) -> None:
        value, at = clause.get("value"), line_of(clause, "value")
        if line.direction == "out":
            steps, attribute = place_of(line.target)
            spot = _below(element, steps)
            known = spot.content.attributes.get(attribute) if spot is not None and attribute else None
            simple = known.simple if known else spot.content.simple if spot is not None and not attribute else None
            try:
                if simple is not None:
                    simple.check(str(value))
            except NotValid as error:
                self.say(
                    clause.file,
                    at,
                    "foreign.value",
                    f"合同不接受“{value}”：{error.zh}",
                    f"the contract does not take {value!r}: {error.en}",
                )
            return
        path = prefix + line.target
        if path in self.twice:
            return
        found = schemas_at(self.schema, path) if self.schema is not None else None
        if not found or any(_allows(one, value) for one in found):
            self._is_a_code(value, clause, at)
            return
        allowed = [str(one) for schema in found for one in schema.get("enum", ())]
        self.say(
            clause.file,
            at,
            "canonical.value",
            f"“{path}”不接受“{value}”" + (f"，应为{'、'.join(allowed)}之一" if allowed else ""),
            f"{path!r} does not take {value!r}" + (f"; it takes {', '.join(allowed)}" if allowed else ""),
        )

    def _is_a_code(self, value: Any, clause: Clause, at: int) -> None:
        known = self.lists.get(str(value.get("system"))) if isinstance(value, Mapping) else None
        if known is not None and known.coded and value.get("code") not in known.names:
            self.say(
                clause.file,
                at,
                "canonical.value",
                f"代码表“{known.name}”中没有“{value.get('code')}”",
                f"the code list {known.name!r} has no {value.get('code')!r}",
            )

    # ------------------------------------------------------------ the foreign side
    def _is_one(self, line: Line, clause: Clause, element: Element | None, way: str) -> None:
        """One value is not read from a place of which there may be many."""
        if line.target.endswith("[]") or way == "out" or not self.counts:
            return
        here = element
        for step in place_of(str(clause.get("at")))[0]:
            here = here.child(step) if here is not None else None
            if here is not None and not _is_single(here):
                self.say(
                    clause.file,
                    clause.line,
                    "foreign.repeated",
                    f"合同中“{step}”可出现多次，此行只读第一个：请用each或“{line.target}[]”",
                    f"in the contract there may be several of {step!r}, this line reads the first: use each or {line.target + '[]'!r}",
                )
                return

    def _fits_contract(self, foreign: str, clause: Clause, codec: Codec, element: Element | None) -> None:
        """What the codec writes is what the contract takes there."""
        steps, attribute = place_of(foreign)
        spot = _below(element, steps)
        if spot is None or codec.encode is None:
            return
        known = spot.content.attributes.get(attribute) if attribute else None
        simple = known.simple if known else spot.content.simple if not attribute else None
        kind = next((key for key in CODECS if key in clause.keys), "text")
        if simple is None or simple.free or "list" in clause.keys:
            return
        specimens: list[tuple[str, int]] = []
        try:
            if kind in _SPECIMENS:
                specimens = [(codec.encode(_SPECIMENS[kind], Agencies([], {})), line_of(clause, kind))]
            elif kind == "boolean":
                specimens = [(codec.encode(truth, Agencies([], {})), line_of(clause, kind)) for truth in (True, False)]
            elif kind == "codes" and str(clause.get("codes")) in self.lists:
                names = self.lists[str(clause.get("codes"))].names
                texts = names if (clause.get("as") or "code") == "code" else names.values()
                specimens = [(text, line_of(clause, "codes")) for text in texts]
            for text, _ in specimens:
                simple.check(text)
        except NotValid as error:
            self.say(
                clause.file,
                specimens[0][1] if specimens else clause.line,
                "foreign.value",
                f"此写法写出的不合合同（“{foreign}”）：{error.zh}",
                f"what this line writes does not fit the contract ({foreign}): {error.en}",
            )

    # ------------------------------------------------------------ expressions
    def _expression(self, text: str, clause: Clause, key: str, prefix: str) -> None:
        """Places and values that a condition asks for and that no record can have."""
        at = line_of(clause, key)
        for name in re.findall(r"\bcontext\.(\w+)", text):
            if name not in CONTEXT:
                self._no_place(clause, at, f"context.{name}")
        if self.schema is None:
            return
        bound = {
            variable: path.strip(".") + "[]"
            for path, variable in re.findall(
                r"\brecord((?:\.\w+)+)\.(?:exists|exists_one|existsOne|all|filter|map)\(\s*(\w+)\s*,", text
            )
        }
        if prefix:
            bound["item"] = prefix.removesuffix(".")
        asked = [
            (path.strip("."), rest)
            for path, rest in re.findall(r"\brecord((?:\.\w+)+)(\s*\(|\s*[=!]=\s*'[^']*')?", _code(text))
        ]
        for variable, path in bound.items():
            asked += [
                (f"{path}{below}", rest)
                for below, rest in re.findall(
                    rf"(?<![\w.]){variable}((?:\.\w+)+)(\s*\(|\s*[=!]=\s*'[^']*')?", _code(text)
                )
            ]
        for path, rest in asked:
            place = path.rpartition(".")[0] if rest.strip() == "(" else path
            if not place:
                continue
            if not has_place(self.schema, place):
                self._no_place(clause, at, place)
                continue
            quoted = _QUOTED.search(rest)
            if quoted:
                self._compared(clause, at, place, self._literal(text, quoted[1]))

    def _literal(self, text: str, index: str) -> str:
        return str(re.findall(r"'([^']*)'", text)[int(index)])

    def _no_place(self, clause: Clause, line: int, place: str) -> None:
        self.say(
            clause.file,
            line,
            "expression.place",
            f"表达式所问的“{place}”不存在，条件永远不会成立",
            f"the expression asks for {place!r}, which there is not: it can never hold",
        )

    def _compared(self, clause: Clause, line: int, place: str, value: str) -> None:
        found = schemas_at(self.schema, place) if self.schema is not None else None
        texts = [one for one in found or () if _type(one) == "string"]
        if texts and all("enum" in one for one in texts):
            allowed = {str(one) for schema in texts for one in schema["enum"]}
            if value not in allowed:
                self.say(
                    clause.file,
                    line,
                    "expression.value",
                    f"“{place}”不会是“{value}”；可能的值：{'、'.join(sorted(allowed))}",
                    f"{place!r} is never {value!r}; it may be {', '.join(sorted(allowed))}",
                )


# ------------------------------------------------------------------ the dialect's own file
def dialect_is_sound(
    found: LinedDict, mappings: Mapping[str, RecordMapping], contract: bool, file: str, say: Say
) -> None:
    """Tell what is wrong with the patterns and places of a dialect's own file."""
    worded = {
        str(said["rule"])
        for mapping in mappings.values()
        for part in (mapping.section, mapping.split)
        if part
        for line in walk(part)
        for clause in line.clauses
        for key in ("fault", "missing")
        if isinstance(said := clause.get(key), Mapping) and "rule" in said
    }
    for key in ("policies", "answer_codes"):
        patterns = found.get(key)
        if not isinstance(patterns, LinedDict):
            continue
        seen: list[str] = []
        for pattern in patterns:
            line = patterns.line_of(pattern)
            above = next((one for one in seen if fnmatch.fnmatchcase(pattern, one)), None)
            if above is not None:
                say(
                    file,
                    line,
                    "dialect.shadowed",
                    f"前面的“{above}”已包括“{pattern}”，轮不到此处：请调整次序",
                    f"{above!r} stands before it and fits all that {pattern!r} fits: change the order",
                )
            elif not any(fnmatch.fnmatchcase(rule, pattern) for rule in RULES | worded):
                say(
                    file,
                    line,
                    "dialect.rule",
                    f"没有符合“{pattern}”的规则",
                    f"there is no rule that {pattern!r} fits",
                )
            seen.append(pattern)
    if not contract:
        _named_places(found, mappings, file, say)


def _named_places(found: LinedDict, mappings: Mapping[str, RecordMapping], file: str, say: Say) -> None:
    """Without a contract, what the dialect's file asks for must be named by a line of some mapping that reads."""
    named = {
        steps
        for mapping in mappings.values()
        if mapping.direction != "out"
        for part in (mapping.section, mapping.split)
        if part
        for steps in _foreign(part, path_of(mapping.record)[1:])
    } | {
        (*path_of(mapping.record)[1:], *place_of(place)[0]) for mapping in mappings.values() for place in mapping.ignore
    }
    if not named:
        return
    asked: list[tuple[str, int]] = []
    receives = found.get("receives")
    for entry in receives.values() if isinstance(receives, LinedDict) else ():
        if not isinstance(entry, LinedDict):
            continue
        asked += [(str(place), entry.line_of("volatile", n)) for n, place in enumerate(entry.get("volatile") or [])]
        if isinstance(entry.get("key"), str):
            asked.append((entry["key"], entry.line_of("key")))
        choice = entry.get("exchange")
        if isinstance(choice, LinedDict) and isinstance(choice.get("by"), str):
            asked.append((choice["by"], choice.line_of("by")))
    hint = found.get("hint")
    if isinstance(hint, LinedDict) and isinstance(hint.get("at"), str):
        asked.append((hint["at"], hint.line_of("at")))
    for place, line in asked:
        if place_of(place)[0] not in named:
            say(
                file,
                line,
                "dialect.place",
                f"没有任何映射的行提到“{place}”",
                f"no line of any mapping names {place!r}",
            )


def _foreign(section: Section, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for line in section.lines:
        places = (
            [line.target]
            if line.direction == "out"
            else [
                str(clause.get("at") or clause.get("each"))
                for clause in line.clauses
                if clause.get("at") or clause.get("each")
            ]
        )
        for place in places:
            steps = (*prefix, *place_of(place)[0])
            yield steps
            if line.section:
                yield from _foreign(line.section, steps)


# ------------------------------------------------------------------ schemas and texts
def _type(schema: Schema) -> str:
    """The one type of a schema, null aside; empty where it says nothing."""
    types = schema.get("type", "")
    found = [one for one in ([types] if isinstance(types, str) else types) if one != "null"]
    return str(found[0]) if found else "object" if "properties" in schema else ""


def _allows(schema: Schema, value: Any) -> bool:
    if "enum" in schema:
        return value in schema["enum"]
    kinds = {"string": str, "boolean": bool, "integer": int, "object": Mapping, "array": list}
    wanted = kinds.get(_type(schema))
    if wanted is None:
        return True
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        return False
    if isinstance(value, Mapping) and "properties" in schema:
        return set(value) <= set(schema["properties"]) and set(schema.get("required", ())) <= set(value)
    return True


def _related(one: str, other: str) -> bool:
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")


_QUOTED = re.compile(r"'(\d+)'")


def _code(text: str) -> str:
    """An expression with its quoted texts numbered, so that what is quoted is not taken for code."""
    count = iter(range(len(text)))
    return re.sub(r"'[^']*'", lambda _: f"'{next(count)}'", text)


def line_in(known: CodeList, value: str) -> int:
    """The line of a list's file on which a canonical value stands, or a code."""
    said = rf"[\"']?{re.escape(value)}[\"']?"
    for number, line in enumerate(known.content.splitlines(), 1):
        if re.search(rf"(:\s*{said}\s*(#.*)?$)|(^\s*{said}\s*:)", line):
            return number
    return int(known.source.rpartition(":")[2])
