"""Shadow replay: a draft of a dialect over what really passed, beside the dialect in force, and what would have been different.

Every message that came is read by both, everything that went out is written by both; nothing is sent, stored or changed.
Differences are grouped by the mapping's line and by the kind of change, so that a change of one line is one group whether it
touches ten transfers or a hundred thousand. Memory does not grow with the history.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.faults import Fault, HubError
from hub.domain.stored import PassedMessage, PassedRendition
from hub.ports import History, Kept
from hub.translation import Context, Dialect, Item, Message
from hub.translation.foreign import Node
from hub.translation.mapping import Line, RecordMapping, Section

#: Examples that a group keeps; of more it only counts.
EXAMPLES = 3
#: Groups that a report keeps. More mean that the draft is another dialect altogether; further ones are only counted.
MOST_GROUPS = 500
#: Characters of a value that an example shows.
SHOWN = 200
#: Messages and renditions between two reports of progress.
STEP = 100
#: Seconds that are worked at most before pausing for others.
SLICE = 0.05

VERDICTS = ("identical", "changed", "newly-failing", "newly-passing")
#: What can become of a place: there was nothing, there is nothing, another value, another kind of value, more or fewer items,
#: other recipients, another fault, or only another order or spelling of the whole.
KINDS = ("added", "removed", "value", "shape", "length", "recipients", "fault", "form")

_INDEX = re.compile(r"\[\d+\]")
_NUMBERED = re.compile(r"/\d+(?=/|$)")


class BadHistory(HubError):
    """A stored message cannot be taken out of its envelope any more; carries why."""

    status, kind = 422, "bad-history"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the hub makes of a canonical record: what is wrong with it, and who would receive it."""

    faults: tuple[Fault, ...]
    recipients: tuple[str, ...]


#: the dialect that has read it, exchange, record, sender, the agency that the sender names as recipient → what the hub makes of it
Judge = Callable[[Dialect, str, Mapping[str, Any], str, str | None], Judgement]
#: a message that came → its record out of the envelope; raises `HubError`
Reopen = Callable[[PassedMessage], Kept]


@dataclass(frozen=True, slots=True)
class Change:
    """One place that came out differently. `line` is the mapping's `file:line` that it hangs on, "" where there is none."""

    place: str
    kind: str
    line: str
    before: Any = field(default=None, compare=False)
    after: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Touched:
    """One transfer (or refused message) that the draft would treat differently."""

    direction: str
    exchange: str | None
    submission: str | None
    transfer: str | None
    recipient: str | None
    verdict: str
    changes: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "direction": self.direction,
            "exchange": self.exchange,
            "submission": self.submission,
            "transfer": self.transfer,
            "recipient": self.recipient,
            "verdict": self.verdict,
            "changes": [{"place": c.place, "kind": c.kind, "line": c.line} for c in self.changes],
        }


@dataclass(slots=True)
class Group:
    """All changes of one kind at one place by one line."""

    direction: str
    exchange: str | None
    verdict: str
    place: str
    kind: str
    line: str
    count: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Report:
    """What a replay has found so far. `counts`: (direction, verdict) → transfers and renditions."""

    dialect: str
    total: int = 0
    done: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: dict[tuple[str, ...], Group] = field(default_factory=dict)
    further_groups: int = 0
    #: stored messages that could not be taken out of their envelope
    unreadable: int = 0

    def count(self, verdict: str, direction: str | None = None) -> int:
        return sum(n for (way, said), n in self.counts.items() if said == verdict and direction in (None, way))

    @property
    def differs(self) -> bool:
        return any(n for (_, verdict), n in self.counts.items() if verdict != "identical")

    def take(self, touched: Touched) -> None:
        self.counts[touched.direction, touched.verdict] += 1
        for change in touched.changes:
            key = (
                touched.direction,
                touched.exchange or "",
                touched.verdict,
                change.place,
                change.kind,
                change.line,
            )
            group = self.groups.get(key)
            if group is None:
                if len(self.groups) >= MOST_GROUPS:
                    self.further_groups += 1
                    continue
                group = self.groups[key] = Group(
                    touched.direction, touched.exchange, touched.verdict, change.place, change.kind, change.line
                )
            group.count += 1
            if len(group.examples) < EXAMPLES:
                group.examples.append(
                    {
                        "submission": touched.submission,
                        "transfer": touched.transfer,
                        "recipient": touched.recipient,
                        "before": _shown(change.before),
                        "after": _shown(change.after),
                    }
                )

    def as_dict(self) -> dict[str, Any]:
        return {
            "dialect": self.dialect,
            "total": self.total,
            "done": self.done,
            "counts": {
                direction: {verdict: self.counts[direction, verdict] for verdict in VERDICTS}
                for direction in ("in", "out")
            },
            "groups": [
                group.as_dict() for group in sorted(self.groups.values(), key=lambda one: (-one.count, one.place))
            ],
            "further_groups": self.further_groups,
            "unreadable": self.unreadable,
        }


class Pace:
    """Keeps a replay to a share of one core: after a slice of work it pauses so long that others get the rest."""

    def __init__(
        self, share: float, pause: Callable[[float], object] = time.sleep, now: Callable[[], float] = time.perf_counter
    ) -> None:
        """`share` above 0, at most 1."""
        self._rest = 1 / share - 1
        self._pause, self._now = pause, now
        self._began = now()

    def give_way(self) -> None:
        worked = self._now() - self._began
        if worked >= SLICE:
            if self._rest > 0:
                self._pause(worked * self._rest)
            self._began = self._now()


def replay(
    history: History,
    active: Dialect,
    draft: Dialect,
    *,
    agencies: Agencies,
    recipients: Collection[str],
    reopen: Reopen,
    judge: Judge,
    exchange: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    pace: Pace | None = None,
    progress: Callable[[Report], bool] | None = None,
    touched: Callable[[Touched], None] | None = None,
) -> Report:
    """Run the draft over the history of its dialect.

    `recipients` are the agencies that are reached in the dialect; `exchange` narrows to one. `progress` is called now and
    then and ends the replay by returning False. `touched` is told every transfer that would be treated differently.
    """
    report = Report(active.name, history.size(active.name, recipients, since, until))
    pace = pace or Pace(1.0)
    compare = _Comparison(active, draft, agencies, reopen, judge, exchange)

    def steps() -> Iterator[Sequence[Touched]]:
        for message in history.received(active.name, since, until):
            yield compare.message(message, report)
        for rendition in history.written(active.name, recipients, since, until):
            yield compare.rendition(rendition)

    for found in steps():
        report.done += 1
        for one in found:
            report.take(one)
            if touched is not None and one.verdict != "identical":
                touched(one)
        pace.give_way()
        if progress is not None and report.done % STEP == 0 and not progress(report):
            break
    if progress is not None:
        progress(report)
    return report


class _Comparison:
    """Both dialects over one message or one rendition."""

    def __init__(
        self, active: Dialect, draft: Dialect, agencies: Agencies, reopen: Reopen, judge: Judge, exchange: str | None
    ) -> None:
        self._active, self._draft = active, draft
        self._agencies, self._reopen, self._judge, self._exchange = agencies, reopen, judge, exchange
        #: both take a message apart in the same way, so it is done once
        self._one_form = active.form == draft.form
        self._lines: dict[tuple[int, str, str], dict[str, str]] = {}

    # ------------------------------------------------------------ what came
    def message(self, passed: PassedMessage, report: Report) -> list[Touched]:
        try:
            kept = self._reopen(passed)
        except HubError:
            report.unreadable += 1
            return []
        before, tree = _read(self._active, kept, passed.agency, None)
        after, _ = _read(self._draft, kept, passed.agency, tree if self._one_form else None)
        named = {before.exchange, after.exchange}
        if self._exchange is not None and self._exchange not in named:
            return []
        if before.problem or after.problem:
            return [self._whole(passed, before, after)]
        whole = self._about_the_message(before, after)
        several = max(len(before.items), len(after.items), 1)
        return [self._item(passed, before, after, whole, n) for n in range(several)]

    def _about_the_message(self, before: _Read, after: _Read) -> list[Change]:
        """What differs before any record is looked at: which exchange it is, its key, whom the sender names."""
        said = (
            ("exchange", before.exchange, after.exchange),
            ("message.key", before.key, after.key),
            ("message.recipient_hint", before.hint, after.hint),
            ("fingerprint", before.fingerprint, after.fingerprint),
        )
        return [Change(place, "value", "", old, new) for place, old, new in said if old != new]

    def _whole(self, passed: PassedMessage, before: _Read, after: _Read) -> Touched:
        """A message that one of the two, or both, cannot make anything of as a whole."""
        verdict, found = _verdict(before.problem, after.problem, tuple)
        transfer = passed.transfers[0].id if len(passed.transfers) == 1 else None
        exchange = after.exchange or before.exchange
        return Touched("in", exchange, passed.submission, transfer, None, verdict, tuple(found))

    def _item(self, passed: PassedMessage, before: _Read, after: _Read, whole: Sequence[Change], n: int) -> Touched:
        old = before.items[n] if n < len(before.items) else None
        new = after.items[n] if n < len(after.items) else None
        transfer = next((made.id for made in passed.transfers if made.ordinal == n), None)
        exchange = after.exchange or before.exchange
        assert exchange is not None

        def touched(verdict: str, changes: Sequence[Change] = ()) -> Touched:
            return Touched("in", exchange, passed.submission, transfer, None, verdict, tuple(changes))

        if old is None or new is None:
            return touched("changed", [*whole, Change("person", "added" if old is None else "removed", "")])
        if not whole and (old.record, old.faults, old.blobs) == (new.record, new.faults, new.blobs):
            if old.disposition == new.disposition:
                return touched("identical")
            return touched("changed", [Change("disposition", "value", "", old.disposition, new.disposition)])
        was = self._made(self._active, before, old, passed.agency)
        now = self._made(self._draft, after, new, passed.agency)
        return touched(
            *_verdict(
                was.faults,
                now.faults,
                lambda: [*whole, *self._between(exchange, old, new, was.recipients, now.recipients)],
            )
        )

    def _made(self, dialect: Dialect, read: _Read, item: Item, sender: str) -> Judgement:
        if item.record is None or read.exchange is None:
            return Judgement(tuple(item.faults), ())
        return self._judge(dialect, read.exchange, item.record, sender, read.hint)

    def _between(self, exchange: str, old: Item, new: Item, was: Sequence[str], now: Sequence[str]) -> list[Change]:
        found = [
            Change(place, kind, self._line("in", exchange, place, kind), before, after)
            for place, kind, before, after in differences(old.record, new.record)
        ]
        if tuple(was) != tuple(now):
            found.append(Change("recipients", "recipients", "", list(was), list(now)))
        return found

    # ------------------------------------------------------------ what went
    def rendition(self, passed: PassedRendition) -> list[Touched]:
        exchange = passed.exchange
        if self._exchange not in (None, exchange):
            return []
        if not (self._active.can_write(exchange) or self._draft.can_write(exchange)):
            return []
        before, after = (self._written(dialect, passed) for dialect in (self._active, self._draft))
        verdict, changes = _verdict(
            before.faults, after.faults, lambda: self._between_payloads(exchange, before, after)
        )
        return [Touched("out", exchange, None, passed.transfer, passed.recipient, verdict, tuple(changes))]

    def _written(self, dialect: Dialect, passed: PassedRendition) -> _Written:
        if not dialect.can_write(passed.exchange):
            fault = Fault(
                "exchange.not-written",
                "",
                f"方言“{dialect.name}”不写出“{passed.exchange}”",
                f"the dialect {dialect.name!r} does not write {passed.exchange!r}",
            )
            return _Written(b"", "", {}, (fault,))
        context = Context(
            passed.message_id, passed.sent_at, passed.sender, passed.recipient, self._agencies, passed.sent_at
        )
        record = {**passed.record, "documents": [document.as_dict() for document in passed.documents]}
        try:
            made = dialect.write(passed.exchange, record, context)
        except HubError as error:
            return _Written(b"", "", {}, tuple(error.faults))
        return _Written(made.payload, made.media_type, made.facts, ())

    def _between_payloads(self, exchange: str, before: _Written, after: _Written) -> list[Change]:
        found: list[Change] = []
        if before.payload != after.payload:
            try:
                texts = flat(self._active.form.parse(before.payload)), flat(self._draft.form.parse(after.payload))
            except HubError:  # what one of them writes, it cannot read: told as a whole
                texts = {}, {}
            found = [
                Change(place, kind, self._line("out", exchange, place, kind), old, new)
                for place, kind, old, new in _between_texts(*texts)
            ] or [
                Change(".", "form", "", before.payload.decode(errors="replace"), after.payload.decode(errors="replace"))
            ]
        if before.media_type != after.media_type:
            found.append(Change("media type", "value", "", before.media_type, after.media_type))
        for name in sorted({*before.facts, *after.facts}):
            old, new = before.facts.get(name), after.facts.get(name)
            if old != new:
                found.append(Change(f"facts.{name}", "value", "", old, new))
        return found

    # ------------------------------------------------------------ which line it hangs on
    def _line(self, direction: str, exchange: str, place: str, kind: str) -> str:
        """The line of the draft that gives a place; of the dialect in force for a place that the draft does not give."""
        first, second = (self._draft, self._active) if kind != "removed" else (self._active, self._draft)
        return self._line_in(first, direction, exchange, place) or self._line_in(second, direction, exchange, place)

    def _line_in(self, dialect: Dialect, direction: str, exchange: str, place: str) -> str:
        key = (id(dialect), direction, exchange)
        if key not in self._lines:
            part = (dialect.readers if direction == "in" else dialect.writers).get(exchange)
            self._lines[key] = lines_by_place(part.mapping, direction) if part is not None else {}
        lines, here = self._lines[key], place.replace("[]", "")
        separator = "." if direction == "in" else "/"
        while here:
            if here in lines:
                return lines[here]
            here = here.rpartition(separator)[0]
        return ""


# ------------------------------------------------------------------ reading and judging
@dataclass(frozen=True, slots=True)
class _Read:
    exchange: str | None
    key: str | None
    hint: str | None
    fingerprint: str | None
    items: tuple[Item, ...]
    problem: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    payload: bytes
    media_type: str
    facts: Mapping[str, str]
    faults: tuple[Fault, ...]


def _read(dialect: Dialect, kept: Kept, sender: str, tree: Node | None) -> tuple[_Read, Node | None]:
    """What a dialect makes of a message, and the message's tree."""
    try:
        tree = tree or dialect.form.parse(kept.payload)
        message: Message = dialect.understand(kept.operation, kept.parts, tree, sender)
    except HubError as error:
        return _Read(None, None, None, None, (), tuple(error.faults)), tree
    read = _Read(
        message.exchange, message.key, message.hint_agency, message.fingerprint, message.items, tuple(message.faults)
    )
    return read, tree


def _verdict(
    before: Sequence[Fault], after: Sequence[Fault], between: Callable[[], Sequence[Change]]
) -> tuple[str, Sequence[Change]]:
    """What a pair of outcomes comes to, and the changes that say so."""
    if not before and not after:
        changes = between()
        return ("changed" if changes else "identical"), changes
    if not before:
        return "newly-failing", [_of_fault(fault, None, fault) for fault in after]
    if not after:
        return "newly-passing", [_of_fault(fault, fault, None) for fault in before]
    told = [{(fault.rule, fault.pointer, fault.xpath, fault.value) for fault in side} for side in (before, after)]
    if told[0] == told[1]:
        return "identical", ()
    return "changed", [_of_fault(fault, before[0], fault) for fault in after]


def _of_fault(fault: Fault, before: Fault | None, after: Fault | None) -> Change:
    place = _NUMBERED.sub("/[]", fault.pointer) or _INDEX.sub("[]", fault.xpath or "") or fault.rule
    said = [
        f"{one.rule}: {one.zh}" + (f" ({one.value})" if one.value else "") if one else None for one in (before, after)
    ]
    return Change(f"{fault.rule} {place}", "fault", fault.source or "", said[0], said[1])


# ------------------------------------------------------------------ differences
def differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, str, Any, Any]]:
    """Every place at which two canonical records differ: (dotted place with `[]` for items, kind, before, after)."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            here = f"{place}.{name}" if place else str(name)
            if name not in before:
                yield here, "added", None, after[name]
            elif name not in after:
                yield here, "removed", before[name], None
            else:
                yield from differences(before[name], after[name], here)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield place, "length", before, after
        else:
            for old, new in zip(before, after, strict=True):
                yield from differences(old, new, f"{place}[]")
    elif before != after or type(before) is not type(after):
        kind = "value" if type(before) is type(after) else "shape"
        yield place, kind, before, after


def _between_texts(
    before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> Iterator[tuple[str, str, Any, Any]]:
    for place in dict.fromkeys([*before, *after]):
        was, now = before.get(place), after.get(place)
        if was == now:
            continue
        if was is None or now is None:
            yield place, "added" if was is None else "removed", _one(was), _one(now)
        else:
            yield place, "value" if len(was) == len(now) else "length", _one(was), _one(now)


def _one(texts: list[str] | None) -> Any:
    return texts[0] if texts is not None and len(texts) == 1 else texts


def flat(root: Node) -> dict[str, list[str]]:
    """The texts of a foreign record by their places below its root, in order."""
    found: dict[str, list[str]] = {}
    _flatten_node(root, "", found)
    return found


def _flatten_node(node: Node, place: str, found: dict[str, list[str]]) -> None:
    for name, text in node.attributes.items():
        found.setdefault(f"{place}/@{name}" if place else f"@{name}", []).append(text)
    if not node.order:
        found.setdefault(place or ".", []).append(node.text)
    for child in node.order:
        _flatten_node(child, f"{place}/{child.name}" if place else child.name, found)


def lines_by_place(mapping: RecordMapping, direction: str) -> dict[str, str]:
    """`file:line` of each place that a mapping gives: canonical places (`in`), or foreign ones below the record (`out`)."""
    found: dict[str, str] = {}
    inside = mapping.record.strip("/").split("/")[1:] if direction == "out" else []
    _take_lines(mapping.section, direction, "/".join(inside), found)
    if mapping.split is not None:
        each = [*inside, *(mapping.split.each or "").strip("/").split("/")] if direction == "out" else []
        _take_lines(mapping.split, direction, "/".join(each), found)
    return found


def _take_lines(section: Section, direction: str, above: str, found: dict[str, str]) -> None:
    separator = "." if direction == "in" else "/"
    for line in section.lines:
        if line.direction not in ("both", direction):
            continue
        own = (_foreign(line) if direction == "out" else line.target).replace("[]", "").strip("/")
        place = above if own == "." else f"{above}{separator}{own}" if above else own
        found.setdefault(place, line.source)
        if line.section is not None:
            _take_lines(line.section, direction, place, found)


def _foreign(line: Line) -> str:
    return str(line.clauses[0].get("at")) if line.direction == "both" else line.target


def _shown(value: Any) -> Any:
    """A value short enough to stand in a report."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > SHOWN:
        return text[:SHOWN] + "…"
    return value
