"""What the chart says, in Chinese and in English: heads, pills, legend, and a sentence for each arrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.chart.edges import Edge, Plan, effect
from hub.domain.counts import RECENT_DAYS, Counts
from hub.domain.exchanges import Catalogue, ClockRule, Exchange

_SAID: Mapping[str, tuple[str, str]] = {
    "title": ("社区矫正工作流程图", "Workflow of community corrections"),
    "legend": ("图例", "Legend"),
    "exchange": ("移送事项", "Exchange"),
    "going on": ("（续）", " (continued)"),
    "page": ("第{}页，共{}页", "page {} of {}"),
    "one": ("{}项", "{} exchange"),
    "number": ("{}项", "{} exchanges"),
    "legend.main": ("移送（圆点为发送单位，多个时为其中之一）", "handed over (from a dot, any one of several)"),
    "legend.copy": ("抄送", "copy"),
    "legend.back": ("回执", "receipt comes back"),
    "legend.answer": ("对上一项的答复", "answers the one above"),
    "legend.moves": ("监管责任随之移转", "responsibility moves"),
    "legend.ends": ("监管责任随之终止", "responsibility ends"),
    "legend.founded.law": ("已核对法律条文", "read in the statute"),
    "legend.founded.secondary": ("依据地方文件或现行系统", "from local papers or working software"),
    "legend.founded.no": ("未核对原文", "not read in the source"),
    "unchecked": ("未核对", "unchecked"),
    "begins": ("责任起算", "responsibility begins"),
    "moves": ("责任移转", "responsibility moves"),
    "emergency": ("应急", "emergency"),
    "ends": ("责任终止", "responsibility ends"),
}
_UNITS: Mapping[str, tuple[str, str, str]] = {
    "day": ("{}日", "{} day", "{} days"),
    "workday": ("{}个工作日", "{} working day", "{} working days"),
    "hour": ("{}小时", "{} hour", "{} hours"),
    "month": ("{}个月", "{} month", "{} months"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One count of an exchange: its head, how it stands out, and the state that a list of its transfers is narrowed to."""

    name: str
    heads: tuple[str, str]
    tone: str = "plain"
    state: str | None = None

    def head(self, language: str) -> str:
        return self.heads[language.startswith("en")]


COLUMNS = (
    Column("all", ("全部", "all")),
    Column("recent", (f"近{RECENT_DAYS}日", f"last {RECENT_DAYS} days")),
    Column("under_way", ("在途", "under way"), "open", "under_way"),
    Column("parked", ("待人工", "held"), "bad", "parked"),
    Column("owed", ("待回复", "owed"), "open", "owed"),
    Column("returned", ("退回", "returned"), "warn", "returned"),
    Column("overdue", ("超期", "overdue"), "bad", "overdue"),
)


def say(name: str, language: str) -> str:
    return _SAID[name][language.startswith("en")]


def foundation(exchange: Exchange) -> str:
    """`law`, `secondary` or `no`: what the exchange is founded on, the weaker one where its parts differ."""
    checked = exchange.checked
    if checked in ("law", "no"):
        return checked
    return "secondary" if any(word in checked for word in ("law", "secondary")) else "no"


def term(clock: ClockRule, language: str) -> str:
    """`10日`, `5 working days`; `every 3 months` for what comes again."""
    en = language.startswith("en")
    number = clock.within or clock.every
    told = _UNITS[clock.unit][0 if not en else 1 if number == 1 else 2].format(number)
    return told if clock.every is None else f"every {told}" if en else f"每{told}"


def pills(catalogue: Catalogue, edge: Edge, language: str) -> list[tuple[str, str]]:
    """What stands under the name of an exchange: (words, class). Terms with their rules, and what moves."""
    en = language.startswith("en")
    found: list[tuple[str, str]] = []
    for clock in edge.exchange.clocks:
        rules = catalogue.rules.get(clock.rules or "")
        case = (clock.when.en if en else clock.when.zh) if clock.when else ""
        words = " ".join(filter(None, (rules.short[en] if rules else "", case, term(clock, language))))
        if clock.checked == "no":
            words += "?"
        class_ = "term unchecked" if clock.checked == "no" else "term"
        if (words, class_) not in found:
            found.append((words, class_))
    found += [(say(does, language), does) for does in filter(None, [effect(edge.exchange)])]
    if edge.exchange.channel == "emergency":
        found.append((say("emergency", language), "emergency"))
    return found


def spoken(plan: Plan, edge: Edge, counts: Counts | None, language: str) -> tuple[str, str]:
    """The row's title and description, for those who hear the chart and for the pointer that rests on it."""
    en = language.startswith("en")
    exchange = edge.exchange
    join, stop = (", ", ". ") if en else ("、", "。")

    def kinds(found: tuple[str, ...]) -> str:
        return join.join(plan.lane_name(kind, language) for kind in found)

    title = f"{exchange.label(language)}{': ' if en else '：'}{kinds(edge.senders)} → {kinds(edge.to)}"
    told = []
    if edge.copies:
        told.append(f"copies: {kinds(edge.copies)}" if en else f"抄送{kinds(edge.copies)}")
    if edge.answers:
        answered = plan.catalogue.exchanges[edge.answers].label(language)
        told.append(f"answers: {answered}" if en else f"答复“{answered}”")
    elif exchange.reply and exchange.reply in plan.catalogue.exchanges:
        reply = plan.catalogue.exchanges[exchange.reply].label(language)
        told.append(f"answered by: {reply}" if en else f"应以“{reply}”答复")
    told += [_sentence(plan.catalogue, clock, language) for clock in exchange.clocks]
    told += [say(does, language) for does in filter(None, [effect(exchange)])]
    if exchange.documents:
        told.append(f"documents: {join.join(exchange.documents)}" if en else f"文书：{join.join(exchange.documents)}")
    if exchange.basis:
        mark = say(f"legend.founded.{foundation(exchange)}", language)
        told.append(f"basis: {exchange.basis} ({mark})" if en else f"依据：{exchange.basis}（{mark}）")
    if exchange.note:
        told.append(exchange.note)
    if counts is not None:
        told += [f"{column.head(language)} {getattr(counts, column.name)}" for column in COLUMNS]
    return title, stop.join(told)


def _sentence(catalogue: Catalogue, clock: ClockRule, language: str) -> str:
    en = language.startswith("en")

    def event(word: str | None) -> str:
        found = catalogue.events.get(word or "")
        return (found.en if en else found.zh) if found else word or ""

    rules = catalogue.rules.get(clock.rules or "")
    under = (f" ({rules.en})" if en else f"（{rules.zh}）") if rules else ""
    doubt = (
        (f", {say('unchecked', language)}" if en else f"，{say('unchecked', language)}")
        if clock.checked == "no"
        else ""
    )
    if clock.when:
        under += f" ({clock.when.en})" if en else f"（{clock.when.zh}）"
    if clock.every is not None:
        return f"{term(clock, language)}{under}{doubt}"
    if en:
        return f"within {term(clock, language)} from “{event(clock.start)}” to “{event(clock.stop)}”{under}{doubt}"
    return f"自{event(clock.start)}起{term(clock, language)}内{event(clock.stop)}{under}{doubt}"
