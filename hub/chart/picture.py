"""The plan as a picture: a table of exchanges, one row each, whose arrows run over lanes of agencies, phase under phase.

Sizes are in units of the drawing, about a CSS pixel; everything that a reader sees stands in the SVG itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from lxml import etree

from hub.chart.edges import RECEIPT, Edge, Plan, effect
from hub.chart.lettering import balanced, width, wrapped
from hub.chart.words import COLUMNS, Column, foundation, pills, say, spoken
from hub.domain.counts import Counts
from hub.domain.exchanges import Exchange

SVG = "http://www.w3.org/2000/svg"
NAMESPACES: Any = {None: SVG}
STYLE = Path(__file__).with_name("chart.css")

MARGIN = 20.0
INDENT = 20.0
#: A lane grows, up to a bound, until all of them fill the picture.
LANE_MOST = 150.0
#: What a picture fills if it can: a page that is scrolled, and a sheet of paper.
SCREEN, SHEET = 1300.0, 1480.0
#: The first baseline under a row's upper edge, and from line to line.
BETWEEN = 22.0
#: Millimetres of a sheet that lies.
A3 = (420, 297)
NAME_SIZE, NAME_LINE = 14.0, 18.0
PILL_SIZE, PILL_HEIGHT, PILL_GAP = 11.0, 16.0, 5.0
ID_SIZE = 10.5
HEAD_LINE = 15.0
BAR = 30.0
#: From the main arrow to the copies under it, and to the receipt that comes back.
TRACK = 12.0
#: How far from the middle of a lane the two ends stand where an agency hands over to another of its own kind.
ASIDE = 15.0
SPOT = 4.5
BOX = (9.0, 13.0)


@dataclass(frozen=True, slots=True)
class Measures:
    """What the words of a language need: the column of names, a lane at least, a count, and the letters of the heads."""

    name: float
    lane: float
    count: float
    head: float


MEASURES = {"zh": Measures(286.0, 80.0, 44.0, 12.0), "en": Measures(310.0, 90.0, 54.0, 10.5)}

#: The address to which a row or one of its counts leads: (exchange, state or None).
Link = Callable[[str, str | None], str]


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG element with its size in units."""

    root: etree._Element
    width: float
    height: float

    def text(self) -> str:
        """As markup, to stand in a page."""
        return etree.tostring(self.root, encoding="unicode")

    def file(self) -> bytes:
        """As a file of its own, with its styles in it."""
        style = etree.Element(f"{{{SVG}}}style")
        style.text = STYLE.read_text(encoding="utf-8")
        self.root.insert(0, style)
        try:
            return etree.tostring(self.root, encoding="utf-8", xml_declaration=True, pretty_print=True)
        finally:
            self.root.remove(style)


@dataclass(frozen=True, slots=True)
class _Placed:
    """Words in a row, seen from its upper edge: an id by its baseline, a pill by its upper left corner."""

    x: float
    y: float
    text: str
    class_: str
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange, measured: the lines of its name, what stands beside and under it, and how high all of it is."""

    edge: Edge
    names: tuple[str, ...]
    placed: tuple[_Placed, ...]
    height: float
    tracks: int


# ------------------------------------------------------------------ what can be drawn
def whole(plan: Plan, language: str, subtitle: str = "", link: Link | None = None) -> Picture:
    """The whole plan: title, legend, and every phase under the other with its own heads."""
    sheet = _Sheet(plan, language, link, SHEET)
    y = sheet.title(MARGIN, say("title", language), subtitle)
    y = sheet.legend(y) + 14
    for name, edges in plan.phases:
        y = sheet.phase(y, name, sheet.rows(edges)) + BETWEEN
    sheet.paper(y - BETWEEN + MARGIN)
    return sheet.finish(y - BETWEEN + MARGIN, say("title", language))


def pages(plan: Plan, language: str, subtitle: str = "") -> list[Picture]:
    """The plan on sheets of A3, lying: a phase goes on over sheets under its own heads, an answer stays with its question."""
    bound: list[_Sheet] = []

    def turn() -> float:
        """A new sheet; returns where its first phase begins."""
        bound.append(_Sheet(plan, language, None, SHEET))
        y = bound[-1].title(MARGIN, say("title", language), subtitle)
        return bound[-1].legend(y) + 14 if len(bound) == 1 else y

    y, fresh = turn(), True
    foot = bound[0].width * A3[1] / A3[0] - 2 * MARGIN
    for name, edges in plan.phases:
        groups = _together(bound[0].rows(edges))
        begun = False
        while groups:
            taken: list[Row] = []
            room = foot - y - bound[-1].head_height
            while groups and (sum(row.height for row in (*taken, *groups[0])) <= room or (fresh and not taken)):
                taken += groups.pop(0)
            if taken:
                y = bound[-1].phase(y, name, taken, begun) + BETWEEN
                begun, fresh = True, False
            if groups:
                y, fresh = turn(), True
    for number, one in enumerate(bound, 1):
        told = say("page", language).format(number, len(bound))
        one.paper(foot + 2 * MARGIN)
        one.letter(one.root, one.width - MARGIN, foot + MARGIN + 6, told, 12, "chart-subtitle", "end")
    return [one.finish(foot + 2 * MARGIN, say("title", language), A3) for one in bound]


def _together(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that stay on one sheet: an exchange with what answers it."""
    groups: list[list[Row]] = []
    for row in rows:
        if row.edge.answers and groups:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def breadth(plan: Plan, language: str) -> float:
    """How wide a picture of the plan comes out, so that several can be made alike."""
    return _Sheet(plan, language, None, SCREEN).width


def phase(plan: Plan, name: str, language: str, link: Link | None = None, wide: float = SCREEN) -> Picture:
    """One phase with the heads of its lanes, for a page that says the rest."""
    sheet = _Sheet(plan, language, link, wide)
    y = sheet.phase(2, name, sheet.rows(dict(plan.phases)[name]))
    return sheet.finish(y + 2, plan.phase_name(name, language))


def legend(plan: Plan, language: str, wide: float = SCREEN) -> Picture:
    """What the signs mean, for the same page."""
    sheet = _Sheet(plan, language, None, wide)
    return sheet.finish(sheet.legend(2) + 2, say("legend", language))


# ------------------------------------------------------------------ drawing
class _Sheet:
    """A picture that grows downwards. Every method takes the upper edge of what it draws and returns the lower one."""

    def __init__(self, plan: Plan, language: str, link: Link | None, wide: float) -> None:
        self.plan = plan
        self.language = language
        self.link = link
        self.columns: Sequence[Column] = COLUMNS if plan.counts is not None else ()
        self.measures = MEASURES["en" if language.startswith("en") else "zh"]
        self.left = MARGIN + self.measures.name
        room = wide - self.left - self.measures.count * len(self.columns) - MARGIN
        self.lane = min(LANE_MOST, max(self.measures.lane, room / max(1, len(plan.lanes))))
        self.right = self.left + self.lane * len(plan.lanes)
        self.width = max(wide, self.right + self.measures.count * len(self.columns) + MARGIN)
        self.x = {kind: self.left + self.lane * (n + 0.5) for n, kind in enumerate(plan.lanes)}
        self.root = etree.Element(f"{{{SVG}}}svg", nsmap=NAMESPACES)
        self.lane_heads = {
            kind: balanced(plan.lane_name(kind, language), self.measures.head, self.lane - 8) for kind in plan.lanes
        }
        self.count_heads = [
            balanced(column.head(language), self.measures.head, self.measures.count - 6) for column in self.columns
        ]
        most = max((len(lines) for lines in (*self.lane_heads.values(), *self.count_heads)), default=1)
        #: the bar with the phase's name and the heads under it
        self.head_height = BAR + most * HEAD_LINE + 12

    def paper(self, height: float) -> None:
        """White under everything, for a file that may be looked at anywhere."""
        self.put(self.root, "rect", x=0, y=0, width=self.width, height=height, class_="ground")
        self.root.insert(0, self.root[-1])

    def finish(self, height: float, title: str, paper: tuple[int, int] | None = None) -> Picture:
        """The picture, as large as it came out, or as a sheet of paper in millimetres."""
        root = self.root
        for name, value in {
            "viewBox": f"0 0 {_n(self.width)} {_n(height)}",
            "width": f"{paper[0]}mm" if paper else _n(self.width),
            "height": f"{paper[1]}mm" if paper else _n(height),
            "class": "chart",
            "role": "group",
            "aria-label": title,
        }.items():
            root.set(name, value)
        return Picture(root, self.width, height)

    # -------------------------------------------------------- small things
    def put(self, parent: etree._Element, tag: str, **attributes: Any) -> etree._Element:
        found = etree.SubElement(parent, f"{{{SVG}}}{tag}")
        for name, value in attributes.items():
            if value is not None:
                found.set(name.rstrip("_").replace("_", "-"), _n(value) if isinstance(value, float | int) else value)
        return found

    def letter(
        self, parent: etree._Element, x: float, y: float, text: str, size: float, class_: str, anchor: str | None = None
    ) -> None:
        self.put(parent, "text", x=x, y=y, font_size=size, class_=class_, text_anchor=anchor).text = text

    # -------------------------------------------------------- title and legend
    def title(self, y: float, title: str, subtitle: str) -> float:
        self.letter(self.root, MARGIN, y + 24, title, 24, "chart-title")
        if subtitle:
            self.letter(self.root, MARGIN, y + 46, subtitle, 13, "chart-subtitle")
        return y + (58 if subtitle else 38)

    def legend(self, y: float) -> float:
        group = self.put(self.root, "g", class_="legend", role="img")
        self.put(group, "title").text = say("legend", self.language)
        x, baseline = MARGIN, y + 16
        for sample, name in self._samples():
            text = say(name, self.language) if sample != "rules" else name
            wide = (
                36 if sample in ("main", "copy", "back", "moves", "ends", "answer") else 16 if sample != "rules" else 0
            )
            room = wide + (6 if wide else 0) + width(text, 12) + 20
            if x > MARGIN and x + room > self.width - MARGIN:
                x, baseline = MARGIN, baseline + 22
            self._sample(group, sample, x, baseline - 4)
            self.letter(group, x + wide + (6 if wide else 0), baseline, text, 12, "legend-text")
            x += room
        return baseline + 8

    def _samples(self) -> list[tuple[str, str]]:
        found = [(kind, f"legend.{kind}") for kind in ("main", "copy", "back", "answer", "moves", "ends")]
        found += [(f"founded-{tone}", f"legend.founded.{tone}") for tone in ("law", "secondary", "no")]
        rules = dict.fromkeys(clock.rules for edge in self.plan.edges for clock in edge.exchange.clocks if clock.rules)
        for name in rules:
            known = self.plan.catalogue.rules.get(name)
            if known:
                en = self.language == "en"
                found.append(
                    ("rules", f"{known.short[1 if en else 0]}: {known.en}" if en else f"{known.short[0]}：{known.zh}")
                )
        return found

    def _sample(self, group: etree._Element, sample: str, x: float, y: float) -> None:
        if sample.startswith("founded-"):
            self._founded(group, sample.removeprefix("founded-"), x + 8, y)
        elif sample == "back":
            self._line(group, x + 4, x + 33, y, "back")
            self._chevron(group, x + 4, y, -1)
        elif sample != "rules":
            kind = "copy" if sample == "copy" else "main"
            holder = self.put(group, "g", class_=sample if sample in ("moves", "ends", "answer") else None)
            self._line(holder, x + 5, x + 25, y, kind)
            if kind == "main":
                self.put(holder, "circle", cx=x + 5, cy=y, r=SPOT, class_="spot")
            self._arrival(holder, x + 30, y, kind, (True, False))

    # -------------------------------------------------------- a phase
    def phase(self, y: float, name: str, rows: Sequence[Row], going_on: bool = False) -> float:
        """A phase, or the rest of one that another sheet has begun."""
        title = self.plan.phase_name(name, self.language) + (say("going on", self.language) if going_on else "")
        group = self.put(self.root, "g", class_="phase", data_phase=name, role="list", aria_label=title)
        wide, top = self.width - 2 * MARGIN, y + self.head_height
        bottom = top + sum(row.height for row in rows)
        self.put(group, "rect", x=MARGIN, y=y, width=wide, height=bottom - y, class_="ground")
        self.put(group, "rect", x=MARGIN, y=y, width=wide, height=BAR, class_="bar")
        self.letter(group, MARGIN + 12, y + 21, title, 16, "phase-name")
        told = say("number" if len(rows) > 1 else "one", self.language).format(len(rows))
        self.letter(group, MARGIN + wide - 12, y + 20, told, 12, "phase-number", "end")
        self._heads(group, y + BAR)
        tops = list(accumulate((row.height for row in rows), initial=top))
        for row, at in list(zip(rows, tops, strict=False))[1::2]:
            self.put(group, "rect", x=MARGIN, y=at, width=wide, height=row.height, class_="stripe")
        for x in self.x.values():
            self.put(group, "line", x1=x, x2=x, y1=top, y2=bottom, class_="lifeline")
        for row, at in zip(rows, tops, strict=False):
            self._row(group, at, row)
        self.put(group, "rect", x=MARGIN, y=y, width=wide, height=bottom - y, class_="frame")
        return bottom

    def _heads(self, group: etree._Element, y: float) -> None:
        """The names of the lanes and of the columns of counts."""
        height, size = self.head_height - BAR, self.measures.head
        self.put(group, "rect", x=MARGIN, y=y, width=self.width - 2 * MARGIN, height=height, class_="heads")
        self.letter(group, MARGIN + 12, y + height / 2 + 5, say("exchange", self.language), 12, "head quiet")

        def stacked(holder: etree._Element, x: float, lines: Sequence[str], class_: str) -> None:
            first = y + (height - len(lines) * HEAD_LINE) / 2 + 11.5
            for n, line in enumerate(lines):
                self.letter(holder, x, first + n * HEAD_LINE, line, size, class_, "middle")

        for kind, lines in self.lane_heads.items():
            stacked(self.put(group, "g", class_="lane", data_kind=kind), self.x[kind], lines, "head")
        for n, lines in enumerate(self.count_heads):
            stacked(group, self._column(n), lines, "head quiet")

    def _column(self, n: int) -> float:
        return self.width - MARGIN - self.measures.count * (len(self.columns) - n - 0.5)

    # -------------------------------------------------------- a row
    def rows(self, edges: Sequence[Edge]) -> list[Row]:
        return [self._measured(edge) for edge in edges]

    def _measured(self, edge: Edge) -> Row:
        """How the words of a row are set: the name, its id beside it where there is room, and pills under them."""
        exchange = edge.exchange
        x = MARGIN + 28 + (INDENT if edge.answers else 0.0)
        room = self.left - x - 10
        names = wrapped(exchange.label(self.language), NAME_SIZE, room)
        beside = width(names[0], NAME_SIZE) + 10
        placed: list[_Placed] = []
        at, top = x, 8 + len(names) * NAME_LINE + 3
        own = width(exchange.id, ID_SIZE)
        if len(names) == 1 and beside + own <= room:
            placed.append(_Placed(x + beside, 24, exchange.id, "id", own))
            top += 1
        else:
            placed.append(_Placed(x, top + 12, exchange.id, "id", own))
            at += own + PILL_GAP + 3
        lower = top if at == x else top + PILL_HEIGHT
        for text, class_ in pills(self.plan.catalogue, edge, self.language):
            wide = width(text, PILL_SIZE) + 12
            if at > x and at + wide > x + room:
                at, top = x, top + PILL_HEIGHT + 3
            placed.append(_Placed(at, top, text, class_, wide))
            at += wide + PILL_GAP
            lower = top + PILL_HEIGHT
        tracks = 1 + bool(edge.copies) + (exchange.reply == RECEIPT)
        return Row(edge, names, tuple(placed), max(lower + 7, 22 + tracks * TRACK), tracks)

    def _row(self, group: etree._Element, y: float, row: Row) -> None:
        edge, exchange = row.edge, row.edge.exchange
        shift = INDENT if edge.answers else 0.0
        holder = self.put(
            group,
            "g",
            class_=f"exchange founded-{foundation(exchange)}{' answer' if edge.answers else ''}",
            role="listitem",
            data_exchange=exchange.id,
        )
        counts = self.plan.counts.get(exchange.id, Counts()) if self.plan.counts is not None else None
        title, told = spoken(self.plan, edge, counts, self.language)
        self.put(holder, "title").text = title
        self.put(holder, "desc").text = told
        inner = holder
        if self.link:
            inner = self.put(holder, "a", href=self.link(exchange.id, None))
            self.put(inner, "rect", x=MARGIN, y=y, width=self.right - MARGIN, height=row.height, class_="touch")
        self._founded(inner, foundation(exchange), MARGIN + 14 + shift, y + 19)
        if edge.answers:
            self.put(inner, "path", d=f"M {_n(MARGIN + 14)} {_n(y - 6)} v 25 h 9", class_="couple")
        for n, line in enumerate(row.names):
            self.letter(inner, MARGIN + 28 + shift, y + 24 + n * NAME_LINE, line, NAME_SIZE, "name")
        for placed in row.placed:
            if placed.class_ == "id":
                self.letter(inner, placed.x, y + placed.y, placed.text, ID_SIZE, "id")
            else:
                self._pill(inner, placed.x, y + placed.y, placed.text, placed.class_, placed.width)
        self._arrows(inner, edge, y + row.height / 2 - (row.tracks - 1) * TRACK / 2)
        if counts is not None:
            self._counts(holder, exchange, counts, y + row.height / 2 + 5)

    def _pill(self, group: etree._Element, x: float, y: float, text: str, class_: str, wide: float) -> None:
        self.put(group, "rect", x=x, y=y, width=wide, height=PILL_HEIGHT, rx=4.0, class_=f"pill {class_}")
        self.letter(group, x + wide / 2, y + 12, text, PILL_SIZE, f"pill-text {class_}", "middle")

    def _counts(self, row: etree._Element, exchange: Exchange, counts: Counts, y: float) -> None:
        for n, column in enumerate(self.columns):
            value = getattr(counts, column.name)
            holder = row
            if self.link and value:
                holder = self.put(row, "a", href=self.link(exchange.id, column.state))
            mark = "*" if column.name == "overdue" and counts.provisional else ""
            class_ = f"count {column.tone if value else 'none'}"
            text = self.put(holder, "text", x=self._column(n), y=y, font_size=13, class_=class_, text_anchor="middle")
            text.set("data-count", column.name)
            text.text = f"{short(value, self.language)}{mark}" if value else "·"

    # -------------------------------------------------------- arrows
    def _arrows(self, row: etree._Element, edge: Edge, y: float) -> None:
        exchange = edge.exchange
        main = self.put(row, "g", class_=f"main-arrow {effect(exchange) or ''}".rstrip())
        starts, ends = self._ends(edge.senders, edge.to)
        self._reach(main, starts, ends, y, "main")
        for x in starts.values():
            self.put(main, "circle", cx=x, cy=y, r=SPOT, class_="spot")
        track = y
        if edge.copies:
            track += TRACK
            group = self.put(row, "g", class_="copy-arrow")
            # from the same spots; a lane that is a sender too has its box aside
            _, told = self._ends(edge.senders, edge.copies)
            for x in starts.values():
                self.put(group, "line", x1=x, x2=x, y1=y + SPOT, y2=track, class_="copy")
            self._reach(group, starts, told, track, "copy")
        if exchange.reply == RECEIPT:
            track += TRACK
            group = self.put(row, "g", class_="back-arrow")
            starts, ends = self._ends(edge.senders, edge.to)
            xs = [*starts.values(), *ends.values()]
            self._line(group, min(xs), max(xs), track, "back")
            for x in ends.values():
                self.put(group, "line", x1=x, x2=x, y1=y + BOX[1] / 2, y2=track, class_="back")
            for x in starts.values():
                self._chevron(group, x, track, 1 if x > max(ends.values()) else -1)

    def _ends(self, senders: Sequence[str], recipients: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
        """Where senders and recipients stand. In a lane that is both, the sender stands to the left of the recipient."""
        both = set(senders) & set(recipients)
        return (
            {kind: self.x[kind] - (ASIDE if kind in both else 0) for kind in senders},
            {kind: self.x[kind] + (ASIDE if kind in both else 0) for kind in recipients},
        )

    def _reach(
        self, group: etree._Element, starts: dict[str, float], ends: dict[str, float], y: float, kind: str
    ) -> None:
        """A line from the senders to the recipients on each side of them, and the recipients' boxes."""
        xs = starts.values()
        rightwards = [x for x in ends.values() if any(start < x for start in xs)]
        leftwards = [x for x in ends.values() if any(start > x for start in xs)]
        spans = [(min(xs), max(rightwards) - BOX[0] / 2)] if rightwards else []
        spans += [(min(leftwards) + BOX[0] / 2, max(xs))] if leftwards else []
        if len(spans) == 2 and spans[1][0] < spans[0][1]:
            # dashes over dashes would look like a solid line
            spans = [(min(spans[0][0], spans[1][0]), max(spans[0][1], spans[1][1]))]
        for x1, x2 in spans:
            self._line(group, x1, x2, y, kind)
        for x in ends.values():
            self._arrival(group, x, y, kind, (x in rightwards, x in leftwards))

    def _line(self, group: etree._Element, x1: float, x2: float, y: float, kind: str) -> None:
        self.put(group, "line", x1=x1, x2=x2, y1=y, y2=y, class_=kind)

    def _arrival(self, group: etree._Element, x: float, y: float, kind: str, sides: tuple[bool, bool]) -> None:
        wide, high = BOX if kind == "main" else (BOX[0] - 1, BOX[1] - 5)
        self.put(
            group, "rect", x=x - wide / 2, y=y - high / 2, width=wide, height=high, rx=1.5, class_=f"arrival {kind}"
        )
        for side, comes in zip((-1, 1), sides, strict=True):
            if comes:
                tip, long, half = x + side * wide / 2, 9 if kind == "main" else 7, 5 if kind == "main" else 3.5
                self.put(
                    group,
                    "path",
                    d=f"M {_n(tip)} {_n(y)} l {_n(side * long)} {_n(-half)} v {_n(2 * half)} z",
                    class_=f"head-of {kind}",
                )

    def _chevron(self, group: etree._Element, x: float, y: float, side: int) -> None:
        """The open head of a receipt that comes back to the sender, pointing to the left (-1) or to the right (1)."""
        d = f"M {_n(x - side * 6)} {_n(y - 3.5)} L {_n(x)} {_n(y)} l {_n(-side * 6)} 3.5"
        self.put(group, "path", d=d, class_="back")

    def _founded(self, group: etree._Element, tone: str, x: float, y: float) -> None:
        """A full circle, a half one, an empty one: how well the exchange is founded can be told without colours."""
        self.put(group, "circle", cx=x, cy=y, r=5.0, class_=f"founded {tone}")
        if tone == "secondary":
            self.put(group, "path", d=f"M {_n(x)} {_n(y - 5)} a 5 5 0 0 0 0 10 z", class_=f"founded-half {tone}")


def short(value: int, language: str) -> str:
    """A count in at most five characters; the whole of it stands in the row's description."""
    if value < 10_000:
        return str(value)
    if language.startswith("en"):
        return f"{value / 1000:.0f}k" if value < 1_000_000 else f"{value / 1_000_000:.1f}M"
    return f"{value / 10_000:.1f}万" if value < 100_000 else f"{value / 10_000:.0f}万"


def _n(value: float) -> str:
    """A number without a long tail of digits."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
