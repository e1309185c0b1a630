"""Proves a dialect: what its mappings write comes back as it was meant, what they read goes back as it came, over generated
records; and the dialect's own samples mean what is written beside them.

A difference is put down to the line that is responsible, with the smallest record place that shows it. A line that must
lose something says so (`loses`); what it says is then counted instead of blamed.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs

from hub.domain.agencies import Agencies
from hub.domain.faults import Fault
from hub.domain.values import NotValid
from hub.findings import Finding
from hub.translation import CannotWrite, Context, Dialect
from hub.translation.canonical import ABSENT, getter
from hub.translation.codecs import SHANGHAI
from hub.translation.codelists import Carried, CodeList
from hub.translation.foreign import Node, path_of
from hub.translation.mapping import Clause, Line, Loss, RecordMapping, Section, loss_of
from hub.translation.reader import Found, Reader, place_of
from hub.translation.writer import Writer
from hub.workshop.contracts import Contract
from hub.workshop.foreign_records import ForeignRecords, Spot, codec_of, compare
from hub.workshop.generation import DOCUMENTS, Hint, Records
from hub.workshop.meanings import Meaning, Vocabulary, meaning_of, says_nothing
from hub.workshop.samples import canonical_places, line_for, try_samples, writer_of

#: When generated records are written; a moment that no generated date touches.
NOW = datetime(2021, 3, 15, 9, 20, tzinfo=SHANGHAI)

#: Which law a difference breaks → how it is told.
LAWS: Mapping[str, tuple[str, str]] = {
    "round-trip.canonical": ("写出再读入后不同", "written and read again it is another"),
    "round-trip.foreign": ("读入再写出后不同", "read and written again it is another"),
    "round-trip.unreadable": ("写出后不能再读入", "written, it cannot be read again"),
    "round-trip.unwritable": ("读入后不能再写出", "read, it cannot be written again"),
    "one-way.loss": ("写出的内容不能还原", "what is written does not say what it was"),
}
#: Rules by which a mapping turns a record away on purpose: no mistake of the mapping, but nothing is proved either.
_TURNED_AWAY = ("field.missing", "expression.failed")

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Difference:
    """What one line loses under one law, with its smallest example."""

    law: str
    file: str
    line: int
    exchange: str
    canonical: str | None
    foreign: str | None
    before: Any
    after: Any
    count: int = 1
    loss: Loss | None = None

    def as_dict(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__slots__ if name != "loss"}
        return {**told, "loses": {"zh": self.loss.zh, "en": self.loss.en} if self.loss else None}

    @property
    def weight(self) -> int:
        return len(repr(self.before)) + len(repr(self.after))

    def finding(self) -> Finding:
        where = " ↔ ".join(place for place in (self.canonical, self.foreign) if place)
        zh, en = LAWS[self.law]
        shown = f"{_shown(self.before)} → {_shown(self.after)}"
        return Finding(
            self.file,
            self.line,
            self.law,
            f"{where}：{zh}：{shown}（{self.exchange}，{self.count}次）；确属无法避免的，以loses说明",
            f"{where}: {en}: {shown} ({self.exchange}, {self.count} times); say so with loses if it cannot be helped",
        )


@dataclass(slots=True)
class Proof:
    """What was found out about one exchange."""

    exchange: str
    ways: str
    both: int = 0
    only_in: int = 0
    only_out: int = 0
    written: int = 0
    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        return {
            "exchange": self.exchange,
            "ways": self.ways,
            "lines": {"both": self.both, "in": self.only_in, "out": self.only_out},
            "written": self.written,
            "read": self.read,
            "refused": dict(self.refused.most_common()),
        }


@dataclass(slots=True)
class Report:
    """`findings` keep a dialect from being proved; `warnings` do not. `losses` are declared and did happen."""

    dialect: str
    records: int
    seed: int
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    losses: list[Difference] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    samples: int = 0
    #: lines that no sample shows at work: what is wrong with them in the same way both ways, nothing here can find
    unseen: list[tuple[str, int]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        return {
            "dialect": self.dialect,
            "ok": self.ok,
            "records": self.records,
            "seed": self.seed,
            "findings": [finding.as_dict() for finding in self.findings],
            "warnings": [finding.as_dict() for finding in self.warnings],
            "losses": [loss.as_dict() for loss in self.losses],
            "differences": [difference.as_dict() for difference in self.differences],
            "exchanges": [proof.as_dict() for proof in self.proofs],
            "samples": self.samples,
            "unseen": [{"file": file, "line": line} for file, line in self.unseen],
        }


def prove(
    dialect: Dialect,
    folder: Path,
    lists: Mapping[str, CodeList],
    agencies: Agencies,
    schemas: Mapping[str, Any],
    *,
    exchange: str | None = None,
    records: int = 1000,
    seed: int = 0,
    places: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Report:
    """Try a compiled dialect over generated records and its samples. `folder` is the dialect's (contract, samples); `schemas`
    are the JSON Schemas of the exchanges' canonical records.

    The same seed gives the same records. `progress(exchange, done, of)` is told now and then.
    """
    # with the tables that the dialect itself was compiled with, such as that of the places
    parts: list[Reader | Writer] = [*dialect.readers.values(), *dialect.writers.values()]
    known = {
        **lists,
        **{k: v for part in parts for k, v in part.lists.items()},
    }
    words = Vocabulary(known, agencies, places) if places else Vocabulary(known, agencies)
    report = Report(dialect.name, records, seed)
    trial = _Trial(dialect, folder, words, schemas, report, progress or (lambda _exchange, _done, _of: None))
    names = sorted({*dialect.readers, *dialect.writers})
    for name in names if exchange is None else [name for name in names if name == exchange]:
        trial.exchange(name, records, seed)
    shown = next((trial.shown(name) for name in names), dialect.name)
    tried = try_samples(dialect, folder, shown, agencies, exchange)
    report.findings += tried.findings
    report.samples, report.unseen = tried.count, sorted(trial.lines - tried.lines)
    trial.settle(whole=exchange is None)
    return report


class _Trial:
    """The state of proving one dialect: what was found, gathered by line."""

    def __init__(
        self,
        dialect: Dialect,
        folder: Path,
        words: Vocabulary,
        schemas: Mapping[str, Any],
        report: Report,
        progress: Progress,
    ) -> None:
        self.dialect, self.words, self.schemas = dialect, words, schemas
        self.report, self.progress = report, progress
        self.contract = Contract.of(folder)
        self.found: dict[tuple[str, int, str], Difference] = {}
        self.declared: dict[tuple[str, int], Loss] = {}
        self.happened: set[tuple[str, int]] = set()
        self.lines: set[tuple[str, int]] = set()
        self.told: dict[tuple[str, int, str], tuple[Finding, int]] = {}

    def exchange(self, name: str, records: int, seed: int) -> None:
        reader, writer = self.dialect.readers.get(name), self.dialect.writers.get(name)
        mapping = reader.mapping if reader is not None else writer.mapping if writer is not None else None
        schema = self.schemas.get(name)
        if mapping is None or schema is None:
            return
        one = _Exchange(self, name, mapping, reader, writer, schema)
        one.prove(records, seed)
        self.report.proofs.append(one.proof)

    def shown(self, exchange: str) -> str:
        """The dialect's folder as users know it."""
        parts = (self.dialect.readers.get(exchange), self.dialect.writers.get(exchange))
        return next(part.mapping.file.rpartition("/")[0] for part in parts if part is not None)

    # ------------------------------------------------------------ gathering
    def differs(
        self, law: str, mapping: RecordMapping, line: Line, clause: Clause, foreign: str | None, before: Any, after: Any
    ) -> None:
        loss = self.loss(mapping, line, clause)
        if loss is not None:
            self.happened.add((loss.file, loss.line))
        key = (clause.file, clause.line, law)
        canonical = (
            line.target if line.direction != "out" else str(clause.get("from") or clause.get("of") or "") or None
        )
        new = Difference(law, clause.file, clause.line, mapping.exchange, canonical, foreign, before, after, 1, loss)
        known = self.found.setdefault(key, new)
        if known is not new:
            count = known.count + 1
            if new.weight < known.weight:
                self.found[key] = known = new
            known.count = count
            # declared for one exchange and not for another: the other one is to be told
            known.loss = known.loss if loss is not None else None

    @staticmethod
    def loss(mapping: RecordMapping, line: Line, clause: Clause) -> Loss | None:
        """What a line is declared to lose, by itself or by its file."""
        own = clause.get("loses")
        if own is not None:
            lines = getattr(clause.keys, "lines", {})
            return loss_of(own, clause.file, int(lines.get("loses", clause.line)))
        return mapping.loses.get(line.target)

    def tell(self, file: str, line: int, rule: str, zh: str, en: str) -> None:
        finding, count = self.told.get((file, line, rule), (Finding(file, line, rule, zh, en), 0))
        self.told[file, line, rule] = (finding, count + 1)

    def settle(self, whole: bool) -> None:
        """What was gathered becomes findings, losses and warnings."""
        report = self.report
        report.losses = sorted((d for d in self.found.values() if d.loss), key=lambda d: (d.file, d.line, d.law))
        report.differences = sorted(
            (d for d in self.found.values() if not d.loss), key=lambda d: (d.file, d.line, d.law)
        )
        findings = [difference.finding() for difference in report.differences]
        findings += [finding for finding, _ in self.told.values()]
        report.findings = sorted({*report.findings, *findings}, key=lambda f: (f.file, f.line, f.rule))
        if whole:
            report.warnings += [
                Finding(
                    loss.file,
                    loss.line,
                    "loses.never",
                    f"声明会丢失“{loss.zh}”，但{report.records}份记录中从未发生",
                    f"declared to lose {loss.en!r}, which never happened in {report.records} records",
                )
                for at, loss in sorted(self.declared.items())
                if at not in self.happened
            ]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A line that goes both ways, or one that writes what its own codec can read again."""

    line: Line
    clause: Clause
    get: Callable[[Any], Any]
    meaning: Meaning
    foreign: str
    inner: tuple[_Pair, ...] = ()
    texts: bool = False


class _Exchange:
    """Proves the mapping of one exchange."""

    def __init__(
        self,
        trial: _Trial,
        name: str,
        mapping: RecordMapping,
        reader: Reader | None,
        writer: Writer | None,
        schema: Mapping[str, Any],
    ) -> None:
        writes = writer is not None
        self.trial, self.name, self.mapping, self.reader, self.writes = trial, name, mapping, reader, writes
        self.words, self.dialect = trial.words, trial.dialect
        lines = list(_lines(mapping))
        ways = {(True, True): "both", (True, False): "in", (False, True): "out"}[reader is not None, writes]
        directions = Counter(line.direction if ways == "both" else ways for line in lines)
        self.proof = Proof(name, ways, directions["both"], directions["in"], directions["out"])
        trial.lines |= {(line.file, line.line) for line in lines if not line.section}
        for line in lines:
            for clause in line.clauses:
                loss = trial.loss(mapping, line, clause)
                if loss is not None:
                    trial.declared[loss.file, loss.line] = loss
        for loss in mapping.loses.values():
            trial.declared[loss.file, loss.line] = loss
        self.validator = jsonschema_rs.validator_for(dict(schema), validate_formats=True)
        literals = _literals(lines)
        self.records = Records(schema, self.words, self._hints(), literals)
        self.root = reader.element if reader is not None else writer.element if writer is not None else None
        self.foreign = ForeignRecords(mapping, self.root, self.words, self._texts()) if reader is not None else None
        sections = [part for part in (mapping.section, mapping.split) if part]
        self.pairs = [pair for part in sections for pair in self._pairs(part)] if ways == "both" else []
        self.one_way = [(line, clause, *way) for line, clause, way in self._one_way(sections)] if writes else []
        #: rules that the mapping words itself, turning records away on purpose, with the places that they rest on
        self.worded = {
            str(said["rule"]): tuple(str(path) for path in of) if isinstance(of := clause.get("of"), list) else ()
            for line in lines
            for clause in line.clauses
            for key in ("fault", "missing")
            if isinstance(said := clause.get(key), Mapping) and "rule" in said
        }
        self.clauses = {clause.source: (line, clause) for line in lines for clause in line.clauses}
        self.written_lines: set[tuple[str, int]] = set()
        self.read_lines: set[tuple[str, int]] = set()
        self.senders, self.recipients = self._known("sender"), self._known("recipient")

    # ------------------------------------------------------------ what the lines tell
    def _hints(self) -> dict[str, Hint]:
        hints: dict[str, Hint] = {}

        def take(section: Section, prefix: str) -> None:
            for line in section.lines:
                for clause in line.clauses:
                    path = line.target if line.direction == "both" else clause.get("from")
                    if line.section or not isinstance(path, str) or path == ".":
                        continue
                    # several places that one of a list is told in: what is made is one item
                    keys = {k: v for k, v in clause.keys.items() if k != "list" or "[]" not in path}
                    meaning = meaning_of(keys, self.words, codec_of(clause, self.words))
                    hint = Hint(meaning.canonical, meaning.shape)
                    known = hints.get(prefix + path)
                    if known is None or (known.make is None and hint.make is not None):
                        hints[prefix + path] = hint
                if line.section:
                    each = line.target if line.direction == "both" else str(line.clauses[0].get("each"))
                    take(line.section, f"{prefix}{each}[].")

        for part in (self.mapping.section, self.mapping.split):
            if part is not None:
                take(part, "")
        return hints

    def _texts(self) -> dict[str, tuple[str, ...]]:
        """For each canonical place, texts that the schema allows there: what a line without a codec may find."""
        found: dict[str, dict[str, None]] = {}
        for number in range(120):
            record = self.records.record(number, Random(f"texts/{number}"))
            for path, text in _strings(record, ""):
                found.setdefault(path, {})[text] = None
        return {path: tuple(texts) for path, texts in found.items()}

    def _known(self, name: str) -> tuple[str, ...]:
        """The agencies that the mapping can name as sender or recipient of a message."""
        told: list[set[str]] = []
        for line in _lines(self.mapping):
            for clause in line.clauses:
                if clause.get("context") == name and str(clause.get("codes")) in self.words.lists:
                    told.append(set(self.words.lists[str(clause.get("codes"))].reverse))
        every = sorted(agency.id for agency in self.words.agencies) or ["court.370826"]
        fitting = sorted(set.intersection(*told)) if told else every
        return tuple(fitting or every)

    def _pairs(self, section: Section) -> Iterator[_Pair]:
        for line in section.lines:
            if line.direction != "both":
                continue
            clause = line.clauses[0]
            codec = codec_of(clause, self.words)
            meaning = meaning_of(clause.keys, self.words, codec)
            inner = tuple(self._pairs(line.section)) if line.section else ()
            target = line.target.removesuffix("[]")
            texts = line.target.endswith("[]")
            yield _Pair(line, clause, getter(target), meaning, str(clause.get("at")), inner, texts)
            written = clause.get("as_written")
            if isinstance(written, str):
                told = meaning_of({}, self.words, codec)
                yield _Pair(line, clause, getter(written), told, str(clause.get("at")))

    def _one_way(self, sections: list[Section]) -> Iterator[tuple[Line, Clause, tuple[Any, ...]]]:
        """Lines that only write, from a canonical place, in a way that could be read again."""
        for section in sections:
            for line in section.lines:
                for clause in line.clauses if line.direction == "out" and not line.section else ():
                    codec = codec_of(clause, self.words)
                    if (
                        isinstance(clause.get("from"), str)
                        and codec.decode
                        and codec.encode
                        and codec.kind != "document"
                    ):
                        meaning = meaning_of(clause.keys, self.words, codec)
                        several = "[]" in str(clause.get("from")) and "list" not in clause.keys
                        yield line, clause, (getter(str(clause.get("from"))), codec, meaning, several)

    # ------------------------------------------------------------ the laws
    def prove(self, records: int, seed: int) -> None:
        if self.writes:
            self._write_and_read(records, seed)
        if self.reader is not None:
            self._read_and_write(records, seed)
        self._silent_lines(records)

    def _context(self, random: Random, record: Mapping[str, Any]) -> Context:
        said = record.get("message", {}).get("sender")
        sender = said if isinstance(said, str) else random.choice(self.senders)
        return Context("M-20210315-0001", NOW, sender, random.choice(self.recipients), self.words.agencies, NOW)

    def _write_and_read(self, records: int, seed: int) -> None:
        """canonical → foreign → canonical; what is only written must fit the contract and say what it was."""
        done = number = 0
        while done < records and number < records * 4 + 50:
            if number % 250 == 0:
                self.trial.progress(self.name, done, records)
            random = Random(f"{seed}/{self.name}/{number}")
            record = self.records.record(number, random)
            context = self._context(random, record)
            number += 1
            try:
                written = self.dialect.write(self.name, record, context)
            except CannotWrite as error:
                self._refused(error.faults, record)
                continue
            done += 1
            payload = _inlined(written.payload)
            self._fits_contract(payload)
            tree = self.dialect.form.parse(payload)
            self._mark_written(tree)
            self._says_what_it_was(record)
            if self.pairs and self.reader is not None:
                self._comes_back(record, tree, context)
        self.proof.written = done
        self.trial.progress(self.name, done, records)
        if done < records:
            self._vacuous(done, records, "写出", "written")

    def _comes_back(self, record: Mapping[str, Any], tree: Node, context: Context) -> None:
        assert self.reader is not None
        (found, *_) = self.reader.read(tree, {"sender": context.sender})
        if found.faults:
            self._unreadable(found)
            return
        self._mark_read(found.record)
        for pair in self.pairs:
            self._compare(pair, record, found.record)

    def _compare(self, pair: _Pair, before: Any, after: Any) -> None:
        old, new = pair.get(before), pair.get(after)
        if pair.inner or pair.texts:
            ours = old if isinstance(old, list) else []
            theirs = new if isinstance(new, list) else []
            if pair.inner:
                # an item of which the lines carry nothing is not there for the other side
                ours = [one for one in ours if any(_is_told(inner.get(one)) for inner in pair.inner)]
            if pair.texts:
                ours = list(dict.fromkeys(one.strip() if isinstance(one, str) else repr(one) for one in ours))
                theirs = [one.strip() if isinstance(one, str) else one for one in theirs]
            if len(ours) != len(theirs):
                self._pair_differs(pair, old, new)
                return
            for one, other in zip(ours, theirs, strict=True):
                for inner in pair.inner:
                    self._compare(inner, one, other)
                if pair.texts and not pair.meaning.same(one, other):
                    self._pair_differs(pair, one, other)
            return
        old, new = (None if value in (ABSENT, []) else value for value in (old, new))
        if old is None and new is None:
            if (pair.get(before) is None) != (pair.get(after) is None):
                self._pair_differs(pair, pair.get(before), pair.get(after))
        elif old is None or new is None:
            # what says nothing, such as a term of no length or an empty text, may be left out
            if not says_nothing(old) and not says_nothing(new):
                self._pair_differs(pair, old, new)
        elif not pair.meaning.same(old, new):
            self._pair_differs(pair, old, new)

    def _pair_differs(self, pair: _Pair, before: Any, after: Any) -> None:
        self.trial.differs(
            "round-trip.canonical", self.mapping, pair.line, pair.clause, pair.foreign, _told(before), _told(after)
        )

    def _says_what_it_was(self, record: Mapping[str, Any]) -> None:
        """What a line only writes, read again by its own codec, is the value that it was written from."""
        for line, clause, get, codec, meaning, several in self.one_way:
            value = get(record)
            for one in value if several and isinstance(value, list) else [value]:
                if one is ABSENT or one is None or one == []:
                    continue
                try:
                    again = codec.decode(codec.encode(one, self.words.agencies))
                except (NotValid, Carried):
                    continue  # this clause did not write it: another one did
                if not meaning.same(one, again):
                    self.trial.differs(
                        "one-way.loss", self.mapping, line, clause, line.target, _told(one), _told(again)
                    )

    def _read_and_write(self, records: int, seed: int) -> None:
        """foreign → canonical → foreign; what is only read must be valid, and the same when it is read again."""
        assert self.reader is not None
        assert self.foreign is not None
        done = number = 0
        while done < records and number < records * 4 + 50:
            if number % 250 == 0:
                self.trial.progress(self.name, done, records)
            random = Random(f"{seed}/{self.name}/foreign/{number}")
            tree = self.foreign.tree(number, random)
            number += 1
            sender = random.choice(self.senders)
            found = self.reader.read(tree, {"sender": sender})
            said = found[0].record.get("message", {}).get("sender") if self.dialect.own_sender else None
            if said is not None:
                sender = said
                found = self.reader.read(tree, {"sender": sender})
            base = tree.first(path_of(self.mapping.record)[1:])
            instances = base.all(self.reader.split) if base is not None and self.reader.split else [None]
            for one, instance in zip(found, [i for i in instances if i is None or not i.nil], strict=False):
                if one.faults:
                    self._unreadable(one)
                    continue
                done += 1
                self._valid(one)
                self._mark_read(one.record)
                if self.pairs:
                    self._goes_back(one, tree, instance, random, sender)
            if number % 50 == 1:
                self._reads_the_same(tree, sender, found)
        self.proof.read = done
        self.trial.progress(self.name, done, records)
        if done < records:
            self._vacuous(done, records, "读入", "read")

    def _reads_the_same(self, tree: Node, sender: str, found: list[Found]) -> None:
        assert self.reader is not None
        again = self.reader.read(tree, {"sender": sender})
        if [(one.record, one.faults) for one in again] != [(one.record, one.faults) for one in found]:
            self._tell(
                self.mapping.file,
                self.mapping.line,
                "read.unstable",
                "同一报文两次读入结果不同",
                "the same message read twice gives two records",
            )

    def _goes_back(self, found: Found, tree: Node, instance: Node | None, random: Random, sender: str) -> None:
        assert self.foreign is not None
        context = Context("M-20210315-0001", NOW, sender, random.choice(self.recipients), self.words.agencies, NOW)
        try:
            written = self.dialect.write(self.name, found.record, context)
        except CannotWrite as error:
            for fault in error.faults:
                self._fault_differs(fault, "round-trip.unwritable")
            return
        after = self.dialect.form.parse(_inlined(written.payload))
        self._mark_written(after)

        def say(spot: Spot, before: Any, now: Any) -> None:
            if spot.line is not None and spot.clause is not None:
                foreign = "/".join(spot.path[len(self.foreign.base.path) if self.foreign else 0 :]) or spot.name
                self.trial.differs(
                    "round-trip.foreign", self.mapping, spot.line, spot.clause, foreign, before or "—", now or "—"
                )

        compare(self.foreign.root, tree, after, say, instance)

    # ------------------------------------------------------------ what goes wrong on the way
    def _refused(self, faults: tuple[Fault, ...] | list[Fault], record: Mapping[str, Any]) -> None:
        for fault in faults:
            self.proof.refused[fault.rule] += 1
            if fault.pointer and fault.value is None:
                path = _dotted(fault.pointer)
                if getter(path)(record) in (ABSENT, None, []):
                    self.records.need(path)

    def _unreadable(self, found: Found) -> None:
        for fault in found.faults:
            self.proof.refused[fault.rule] += 1
            for path in self.worded.get(fault.rule, ()):
                self.records.need(path)
                if self.foreign is not None:
                    self._need_for(path)
            if fault.rule == "field.missing" and fault.xpath and self.foreign is not None:
                self.foreign.need(fault.xpath)
            if fault.rule not in self.worded and not fault.rule.startswith(_TURNED_AWAY):
                self._fault_differs(fault, "round-trip.unreadable")

    def _fault_differs(self, fault: Fault, law: str) -> None:
        """A value that one direction gives and the other does not take: a difference of the line that does not."""
        line, clause = self.clauses.get(fault.source or "", (None, None))
        if line is not None and clause is not None:
            place = fault.xpath or fault.pointer
            self.trial.differs(law, self.mapping, line, clause, place, fault.value, f"[{fault.rule}]")
            return
        self._tell(
            self.mapping.file,
            self.mapping.line,
            law,
            f"{fault.xpath or fault.pointer}：{LAWS[law][0]}：{_shown(fault.value)}：{fault.zh}",
            f"{fault.xpath or fault.pointer}: {LAWS[law][1]}: {_shown(fault.value)}: {fault.en}",
        )

    def _tell(self, file: str, line: int, rule: str, zh: str, en: str) -> None:
        self.trial.tell(file, line, rule, zh, en)

    def _vacuous(self, done: int, records: int, zh: str, en: str) -> None:
        rules = ", ".join(f"{rule} ×{count}" for rule, count in self.proof.refused.most_common(3))
        self._tell(
            self.mapping.file,
            self.mapping.line,
            "laws.refused",
            f"{self.name}：生成的记录大多不能{zh}（仅{done}/{records}份）：{rules}",
            f"{self.name}: most generated records cannot be {en} (only {done} of {records}): {rules}",
        )

    def _valid(self, found: Found) -> None:
        if self.validator.is_valid(found.record):
            return
        for error in self.validator.iter_errors(found.record):
            path = _dotted("".join(f"/{step}" for step in error.instance_path))
            if error.kind.name == "required":
                # the intake turns such a record away; here what gives the place is made to be there
                self.proof.refused["record.required"] += 1
                self._need_for(f"{path}.{getattr(error.kind, 'property', '')}".strip("."))
                continue
            line = line_for(self.mapping, path)
            self._tell(
                line.file if line else self.mapping.file,
                line.line if line else self.mapping.line,
                "record.invalid",
                f"读入的记录不符合{self.name}的格式：{path}：{error.message[:120]}",
                f"a record that was read is none of {self.name}: {path}: {error.message[:120]}",
            )

    def _need_for(self, path: str) -> None:
        assert self.foreign is not None
        for spot in self.foreign.root.below():
            if spot.line is not None and any(
                target == path and line is spot.line
                for part in (self.mapping.section, self.mapping.split)
                if part
                for target, line in canonical_places(part, "")
            ):
                self.foreign.need("/" + "/".join(spot.path))

    def _fits_contract(self, payload: bytes) -> None:
        contract = self.trial.contract
        if contract is None or self.root is None:
            return
        for place, message in contract.errors(payload, self.mapping.left_to_connector, self.root):
            line = writer_of(self.mapping, place)
            self._tell(
                line.file if line else self.mapping.file,
                line.line if line else self.mapping.line,
                "contract.broken",
                f"写出的记录不符合WSDL：{place}：{message}",
                f"what is written does not fit the WSDL: {place}: {message}",
            )

    # ------------------------------------------------------------ lines that never say anything
    def _mark_written(self, tree: Node) -> None:
        base = tree.first(path_of(self.mapping.record)[1:])
        if base is None:
            return
        split = path_of(self.mapping.split.each) if self.mapping.split and self.mapping.split.each else ()
        for part, heres in ((self.mapping.section, [base]), (self.mapping.split, base.all(split) if split else [])):
            if part is not None:
                self._mark_section(part, heres)

    def _mark_section(self, section: Section, heres: list[Node]) -> None:
        for line in section.lines:
            if line.direction == "in" or (not line.section and (line.file, line.line) in self.written_lines):
                continue
            foreign = line.target if line.direction == "out" else str(line.clauses[0].get("at"))
            steps, attribute = place_of(foreign)
            nodes = [node for here in heres for node in here.all(steps)]
            if line.section:
                self._mark_section(line.section, nodes)
            if any((node.attributes.get(attribute) if attribute else node.text or node.order) for node in nodes):
                self.written_lines.add((line.file, line.line))

    def _mark_read(self, record: Mapping[str, Any]) -> None:
        for part in (self.mapping.section, self.mapping.split):
            if part is not None:
                self._mark_given(part, [record])

    def _mark_given(self, section: Section, heres: list[Any]) -> None:
        for line in section.lines:
            if line.direction == "out" or (not line.section and (line.file, line.line) in self.read_lines):
                continue
            values = [value for here in heres if (value := getter(line.target.removesuffix("[]"))(here)) is not ABSENT]
            if values:
                self.read_lines.add((line.file, line.line))
            if line.section:
                self._mark_given(line.section, [one for value in values if isinstance(value, list) for one in value])

    def _silent_lines(self, records: int) -> None:
        """A line that says nothing in any record: its condition never holds, or its place is never there."""
        for line in _lines(self.mapping):
            at = (line.file, line.line)
            silent = [
                way
                for way, told, used in (
                    ("写出", line.direction != "in" and self.proof.written > 0, self.written_lines),
                    ("读入", line.direction != "out" and self.proof.read > 0, self.read_lines),
                )
                if told and at not in used
            ]
            faults_only = all("fault" in clause.keys for clause in line.clauses)
            if silent and not faults_only:
                en = "and ".join("written" if way == "写出" else "read" for way in silent)
                self._tell(
                    *at,
                    "line.silent",
                    f"“{line.target}”在{records}份记录中从未{'、'.join(silent)}任何内容",
                    f"nothing was ever {en} by the line of {line.target!r} in {records} records",
                )


# ------------------------------------------------------------------ mappings as lists of lines
def _lines(mapping: RecordMapping) -> Iterator[Line]:
    """Every line, those of lists too. What stands in a list that only reads does not write, whatever it says."""
    for part in (mapping.section, mapping.split):
        if part is not None:
            yield from _walk(part, "both")


def _walk(section: Section, way: str) -> Iterator[Line]:
    for line in section.lines:
        if way != "both" and line.direction not in ("both", way):
            continue
        here = way if way != "both" else line.direction
        yield line if here == line.direction else replace(line, direction=here)
        if line.section:
            yield from _walk(line.section, here)


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text of a record with its dotted path, items of lists as `documents[].title`."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _strings(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for below in value:
            yield from _strings(below, f"{path}[]")
    elif isinstance(value, str):
        yield path, value


_COMPARED = re.compile(r"(\w+)\s*[=!]=\s*'([^']+)'")


def _literals(lines: list[Line]) -> dict[str, tuple[str, ...]]:
    """Texts that conditions compare a field with, by the field's name: without them no condition on words would hold."""
    found: dict[str, dict[str, None]] = {}
    for line in lines:
        for clause in line.clauses:
            for key in ("when", "compute"):
                for name, text in _COMPARED.findall(str(clause.get(key) or "")):
                    found.setdefault(name, {})[text] = None
    return {name: tuple(texts) for name, texts in found.items()}


# ------------------------------------------------------------------ values
_URN = re.compile(rb"urn:sha256:([0-9a-f]{64})")


def _inlined(payload: bytes) -> bytes:
    """A rendition with its documents, as a connector hands it over."""
    return _URN.sub(lambda found: base64.b64encode(DOCUMENTS.get(found[1].decode(), b"?")), payload)


def _dotted(pointer: str) -> str:
    """`/documents/0/title` as `documents[].title`."""
    return re.sub(r"\.\d+(?=\.|$)", "[]", pointer.strip("/").replace("/", "."))


def _is_told(value: Any) -> bool:
    return value is not ABSENT and value is not None and value != [] and not says_nothing(value)


def _told(value: Any) -> Any:
    """A value in a report: what is not there is told apart from null."""
    return "—" if value is ABSENT else value


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)[:80]
