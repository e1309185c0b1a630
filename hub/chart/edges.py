"""The chart as nodes and edges: which kinds of agencies stand at either end of each exchange, and what answers what."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.domain.counts import Counts
from hub.domain.exchanges import HUB, Catalogue, ClockRule, Exchange
from hub.domain.faults import Fault, Refused

#: The lane of whoever it happens to be, where the chart names no kind of agency.
ANY = "*"
#: The generic receipt, which the hub itself writes (`hub.flow.receipts`).
RECEIPT = "receipt"
#: Lanes that are no kind of agency.
OTHER_NAMES = {ANY: ("各有关单位", "any agency"), HUB: ("本系统", "the hub")}


class NotInChart(Refused):
    """A phase, kind or exchange was asked for that the chart does not have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the chart is wanted; empty: all of it."""

    phases: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """One exchange between lanes. `answers` is the exchange under which it is drawn as the reply."""

    exchange: Exchange
    senders: tuple[str, ...]
    to: tuple[str, ...]
    copies: tuple[str, ...]
    answers: str | None = None

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset((*self.senders, *self.to, *self.copies))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be drawn: lanes from left to right, phases from top to bottom with their edges."""

    catalogue: Catalogue
    lanes: tuple[str, ...]
    phases: tuple[tuple[str, tuple[Edge, ...]], ...]
    counts: Mapping[str, Counts] | None = None
    choice: Choice = field(default_factory=Choice)

    @property
    def edges(self) -> Iterator[Edge]:
        for _, edges in self.phases:
            yield from edges

    def lane_name(self, kind: str, language: str) -> str:
        return _pick(self.catalogue.kinds.get(kind, OTHER_NAMES.get(kind, (kind, kind))), language)

    def phase_name(self, phase: str, language: str) -> str:
        return _pick(self.catalogue.phases.get(phase, (phase, phase)), language)

    def as_dict(self) -> dict[str, Any]:
        """Nodes and edges for machines, in both languages."""
        return {
            "phases": [_named(phase, self.catalogue.phases.get(phase, (phase, phase))) for phase, _ in self.phases],
            "nodes": [_named(kind, (self.lane_name(kind, "zh"), self.lane_name(kind, "en"))) for kind in self.lanes],
            "edges": [self._edge(edge) for edge in self.edges],
        }

    def _edge(self, edge: Edge) -> dict[str, Any]:
        exchange = edge.exchange
        found: dict[str, Any] = {
            "exchange": exchange.id,
            "zh": exchange.zh,
            "en": exchange.en,
            "phase": exchange.phase,
            "from": list(edge.senders),
            "to": list(edge.to),
            "copies": list(edge.copies),
            "reply": exchange.reply,
            "answers": edge.answers,
            "clocks": [clock_as_dict(clock) for clock in exchange.clocks],
            "responsibility": effect(exchange),
            "basis": exchange.basis,
            "checked": exchange.checked,
        }
        if self.counts is not None:
            counts = self.counts.get(exchange.id, Counts())
            found["counts"] = {name: getattr(counts, name) for name in Counts.__slots__}
        return found


def clock_as_dict(clock: ClockRule) -> dict[str, Any]:
    written = {name: getattr(clock, name) for name in ClockRule.__slots__}
    written["when"] = {"zh": clock.when.zh, "en": clock.when.en} if clock.when else None
    return {name: value for name, value in written.items() if value not in (None, {}, ())}


def effect(exchange: Exchange) -> str | None:
    """What an exchange does to who answers for the person: `moves`, `ends`, `begins`, or nothing."""
    if exchange.moves:
        return "moves"
    if exchange.ends:
        return "ends"
    return "begins" if exchange.opens else None


def _named(name: str, words: tuple[str, str]) -> dict[str, str]:
    return {"id": name, "zh": words[0], "en": words[1]}


def _pick(words: tuple[str, str], language: str) -> str:
    return words[language.startswith("en")]


def passed(catalogue: Catalogue, counts: Mapping[str, Counts]) -> Choice:
    """The part of the chart on which something stands: exchanges that happened, and what is still to answer them."""
    return Choice(exchanges=tuple(name for name, found in counts.items() if found.all and name in catalogue.exchanges))


# ------------------------------------------------------------------ making the plan
def plan(catalogue: Catalogue, choice: Choice | None = None, counts: Mapping[str, Counts] | None = None) -> Plan:
    """The chart, or what is chosen of it. Lanes and phases stand in the order in which the chart's files name them.

    With a kind: the exchanges that it sends, receives or is informed of. With an exchange: it, what it answers, and what
    answers it. Raises `NotInChart` for a choice that the chart does not know.
    """
    choice = choice or Choice()
    order = [*catalogue.phases, *dict.fromkeys(e.phase for e in catalogue.exchanges.values())]
    rank = {phase: n for n, phase in reversed(list(enumerate(order)))}
    exchanges = sorted(catalogue.exchanges.values(), key=lambda exchange: rank[exchange.phase])
    _known("phase", choice.phases, [phase for phase in rank if any(e.phase == phase for e in exchanges)])
    _known("lane", choice.kinds, [*catalogue.kinds, *OTHER_NAMES])
    _known("exchange", choice.exchanges, list(catalogue.exchanges))
    every = list(_coupled(catalogue, exchanges))
    asked = {edge.answers for edge in every if edge.exchange.id in choice.exchanges}
    edges = [edge for edge in every if _is_chosen(edge, choice, asked)]
    drawn = {
        phase: tuple(e for e in edges if e.exchange.phase == phase) for phase in sorted(rank, key=rank.__getitem__)
    }
    used = {kind for edge in edges for kind in edge.kinds}
    lanes = [kind for kind in catalogue.kinds if kind in used]
    lanes += sorted(used - set(lanes), key=lambda kind: (kind in OTHER_NAMES, kind))
    phases = tuple((phase, chosen) for phase, chosen in drawn.items() if chosen)
    return Plan(catalogue, tuple(lanes), phases, counts, choice)


def _known(what: str, wanted: Iterable[str], known: Sequence[str]) -> None:
    words = {"phase": ("阶段", "phase"), "lane": ("单位类型", "kind of agency"), "exchange": ("移送事项", "exchange")}
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or (known if len(known) < 20 else ())
            zh, en = words[what]
            raise NotInChart(
                [
                    Fault(
                        f"chart.{what}",
                        f"/{what}",
                        f"流程图没有{zh}“{name}”；可用的有：{'、'.join(near) or '—'}",
                        f"the chart has no {en} {name!r}; there are: {', '.join(near) or '—'}",
                        value=name,
                    )
                ]
            )


def _is_chosen(edge: Edge, choice: Choice, asked: set[str | None]) -> bool:
    exchange = edge.exchange
    if choice.phases and exchange.phase not in choice.phases:
        return False
    if choice.kinds and edge.kinds.isdisjoint(choice.kinds):
        return False
    if choice.exchanges:
        return exchange.id in asked or not {exchange.id, edge.answers}.isdisjoint(choice.exchanges)
    return True


def _coupled(catalogue: Catalogue, exchanges: Sequence[Exchange]) -> Iterator[Edge]:
    """Every exchange once, a reply right under the first exchange that it answers. An exchange that stands before what
    names it as its reply goes its own way too, and stays where it is."""
    place = {exchange.id: n for n, exchange in enumerate(exchanges)}
    parents: dict[str, str] = {}
    for exchange in exchanges:
        reply = exchange.reply
        if reply in place and place[reply] > place[exchange.id] and catalogue.exchanges[reply].phase == exchange.phase:
            parents.setdefault(reply, exchange.id)
    children: dict[str, list[Exchange]] = {}
    for reply, parent in parents.items():
        children.setdefault(parent, []).append(catalogue.exchanges[reply])

    def told(exchange: Exchange) -> Iterator[Edge]:
        yield _edge(catalogue, exchange, parents.get(exchange.id))
        for child in children.get(exchange.id, ()):
            yield from told(child)

    for exchange in exchanges:
        if exchange.id not in parents:
            yield from told(exchange)


def _edge(catalogue: Catalogue, exchange: Exchange, answers: str | None) -> Edge:
    def lanes(roles: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kind for role in roles for kind in kinds_of(catalogue, exchange, role))) or (ANY,)

    # what more is told where an application is of some weight
    raised = [level for level in exchange.levels if level.to or level.copies]
    to = lanes([*exchange.to, *(role for level in raised for role in level.to)])
    informed = [*(copy.role for copy in exchange.copies), *(role for level in raised for role in level.copies)]
    reply = catalogue.exchanges.get(exchange.reply or "")
    if to == (ANY,) and reply and exchange.reply != RECEIPT:
        to = reply.senders or to  # whoever can answer is who can be asked
    return Edge(exchange, exchange.senders or (ANY,), to, lanes(informed) if informed else (), answers)


def kinds_of(catalogue: Catalogue, exchange: Exchange, name: str) -> tuple[str, ...]:
    """Which kinds of agencies can fill a role of an exchange; nothing where that is not said by the chart.

    A role that is found through the sender may be filled by any of the senders, and the agency above (上级) by one of the
    same kind; one that is found through what the exchange answers, by whoever sends that.
    """
    role = catalogue.roles.get(name)
    if role is None:
        return (name.partition("@")[0],)
    found: list[str] = []
    for below in (*role.members, *role.first_of, *([role.above] if role.above else ())):
        found += kinds_of(catalogue, exchange, below)
    for written in role.candidates:
        candidate, _, kinds = written.partition(":")
        if kinds:
            found += kinds.split(",")
        elif candidate == "sender":
            found += exchange.senders
        elif candidate in ("origin", "answered"):
            found += (
                kind
                for answered in catalogue.exchanges.values()
                if answered.reply == exchange.id
                for kind in answered.senders
            )
    if role.kind:
        found.append(role.kind)
    return tuple(dict.fromkeys(found))
