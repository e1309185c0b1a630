"""The workflow chart as a picture: every exchange stands in it once, between its own lanes, and everything can be read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from hub import configuration
from hub.chart import ANY, Choice, NotInChart, Plan, legend, pages, phase, plan, whole
from hub.chart.lettering import balanced, width, wrapped
from hub.chart.picture import SVG
from hub.domain.counts import Counts
from hub.domain.exchanges import HUB, Catalogue, Exchange
from hub.settings import ROOT

NAMES = {"s": SVG}
LANGUAGES = ("zh", "en")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return configuration.load(ROOT / "mappings").catalogue


def drawn(found: Plan, language: str = "zh", **more: Any) -> etree._Element:
    """The picture as a reader of files gets it."""
    return etree.fromstring(whole(found, language, **more).file())


def rows(root: etree._Element) -> dict[str, etree._Element]:
    found = root.findall(".//s:g[@data-exchange]", NAMES)
    named = {row.get("data-exchange", ""): row for row in found}
    assert len(named) == len(found), "no exchange is drawn twice"
    return named


def heads(root: etree._Element) -> dict[str, float]:
    """Where each lane's middle is."""
    return {
        lane.get("data-kind", ""): float(lane.find("s:text", NAMES).get("x"))  # type: ignore[union-attr,arg-type]
        for lane in root.findall(".//s:g[@data-kind]", NAMES)
    }


def boxes(root: etree._Element) -> Iterator[tuple[str, float, float, float, float]]:
    """The box of each text: left, top, right, bottom."""
    for text in root.iter(f"{{{SVG}}}text"):
        size, x, y = (float(text.get(name, "0")) for name in ("font-size", "x", "y"))
        wide = width(text.text or "", size)
        left = x - {"middle": wide / 2, "end": wide}.get(text.get("text-anchor", ""), 0)
        yield text.text or "", left, y - size * 0.86, left + wide, y + size * 0.2


# ------------------------------------------------------------------ what stands in it
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_exchange_is_drawn_once_as_an_arrow_between_its_lanes(catalogue: Catalogue, language: str) -> None:
    found = plan(catalogue)
    root = drawn(found, language)
    row, lane = rows(root), heads(root)
    assert set(row) == set(catalogue.exchanges)
    for edge in found.edges:
        arrows = row[edge.exchange.id].findall(".//s:g[@class]", NAMES)
        [main] = [arrow for arrow in arrows if "main-arrow" in arrow.get("class", "")]
        spots = [float(spot.get("cx", "0")) for spot in main.findall("s:circle", NAMES)]
        told = [float(box.get("x", "0")) + float(box.get("width", "0")) / 2 for box in main.findall("s:rect", NAMES)]
        assert spots == pytest.approx([lane[kind] for kind in edge.senders], abs=16)
        assert told == pytest.approx([lane[kind] for kind in edge.to], abs=16)
        copies = [arrow for arrow in arrows if arrow.get("class") == "copy-arrow"]
        assert sum(len(arrow.findall("s:rect", NAMES)) for arrow in copies) == len(edge.copies)
        label = "".join(text.text or "" for text in row[edge.exchange.id].iterfind(".//s:text[@class='name']", NAMES))
        assert label.replace(" ", "") == edge.exchange.label(language).replace(" ", "")


def test_senders_and_recipients_of_the_chart_have_their_lanes(catalogue: Catalogue) -> None:
    found = plan(catalogue)
    for edge in found.edges:
        assert edge.senders == (edge.exchange.senders or (ANY,))
        assert edge.to
        assert edge.kinds <= set(found.lanes)
        named = [role for role in edge.exchange.to if role.partition("@")[0] in catalogue.kinds]
        assert {role.partition("@")[0] for role in named} <= set(edge.to)
    assert set(found.lanes) - {ANY, HUB} <= set(catalogue.kinds)
    in_order = [kind for kind in catalogue.kinds if kind in found.lanes]
    assert list(found.lanes[: len(in_order)]) == in_order, "lanes stand as the chart's file names them"


def test_phases_follow_one_another_as_the_law_has_them(catalogue: Catalogue) -> None:
    found = plan(catalogue)
    names = [name for name, _ in found.phases]
    assert names == [name for name in catalogue.phases if name in names]
    drawn_phases = drawn(found).findall(".//s:g[@data-phase]", NAMES)
    assert [group.get("data-phase") for group in drawn_phases] == names


def test_an_answer_stands_right_under_what_it_answers_and_points_back(catalogue: Catalogue) -> None:
    found = plan(catalogue)
    order = [edge.exchange.id for edge in found.edges]
    asked = catalogue.exchanges["assessment.request"]
    answer = next(edge for edge in found.edges if edge.exchange.id == "assessment.report")
    assert answer.answers == asked.id
    assert order.index("assessment.report") == order.index(asked.id) + 1
    assert set(asked.senders) <= set(answer.to), "it goes back to whoever asked"
    assert rows(drawn(found))["assessment.report"].findall(".//s:path[@class='couple']", NAMES)


def test_terms_foundation_and_responsibility_are_written_on_the_row(catalogue: Catalogue) -> None:
    row = rows(drawn(plan(catalogue)))["admission.documents"]
    words = [text.text for text in row.iterfind(".//s:text", NAMES)]
    assert "2020法 10日" in words
    assert "2012办法 3个工作日" in words
    assert "2020法 5日?" in words, "a term that nobody has read is doubtful"
    assert "founded-law" in row.get("class", "")
    moved = rows(drawn(plan(catalogue), "en"))["admission.report-in"]
    assert "responsibility moves" in [text.text for text in moved.iterfind(".//s:text", NAMES)]
    assert moved.findall(".//s:g[@class='main-arrow moves']", NAMES)


def test_what_ends_responsibility_and_what_is_an_emergency_stand_out(catalogue: Catalogue) -> None:
    row = rows(drawn(plan(catalogue)))
    ended = [name for name, exchange in catalogue.exchanges.items() if exchange.ends]
    alarms = [name for name, exchange in catalogue.exchanges.items() if exchange.channel == "emergency"]
    assert ended
    assert alarms
    for name in ended:
        assert row[name].findall(".//s:g[@class='main-arrow ends']", NAMES)
    for name, words in [*((name, "责任终止") for name in ended), *((name, "应急") for name in alarms)]:
        assert words in [text.text for text in row[name].iterfind(".//s:text", NAMES)], name


def test_whoever_the_chart_can_mean_has_an_arrow(catalogue: Catalogue) -> None:
    """Roles that are several, that are above another, that only an answer tells, that are the hub; and what an application
    of more weight reaches."""
    edges = {edge.exchange.id: edge for edge in plan(catalogue).edges}
    assert {"bureau", "office", "township", "village", "station", "police"} <= set(edges["emergency.alert"].to)
    assert set(edges["stability.report"].to) == set(edges["stability.report"].senders), "to the agency above"
    assert set(edges["oversight.opinion"].to) == set(edges["oversight.opinion.response"].senders)
    assert edges["roster.statement"].to == ("hub",)
    assert edges["supervision.leave"].copies == ("procuratorate",), "where the leave is long"
    assert [edge.exchange.id for edge in edges.values() if ANY in edge.kinds] == ["receipt"]


def test_each_row_says_itself_to_who_cannot_see_it(catalogue: Catalogue) -> None:
    for row in rows(drawn(plan(catalogue, counts={"admission.notice": Counts(all=7, overdue=2)}))).values():
        title, told = row.find("s:title", NAMES), row.find("s:desc", NAMES)
        assert title is not None
        assert " → " in (title.text or "")
        assert told is not None
        exchange = catalogue.exchanges[row.get("data-exchange", "")]
        assert exchange.basis in (told.text or "")
        if exchange.id == "admission.notice":
            assert "超期 2" in (told.text or "")
            assert "自裁判生效起5日内发出（社区矫正法及其实施办法）" in (told.text or "")


# ------------------------------------------------------------------ that it can be read
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("counted", [False, True])
def test_no_two_texts_overlap_and_none_leaves_the_picture(catalogue: Catalogue, language: str, counted: bool) -> None:
    counts = {name: Counts(123456, 12345, 1234, 123, 1234, 123, 1234) for name in catalogue.exchanges}
    root = drawn(plan(catalogue, counts=counts if counted else None), language, subtitle="统计至 2021-03-15 09:20")
    wide, high = (float(root.get(name, "0")) for name in ("width", "height"))
    found = list(boxes(root))
    assert len(found) > 50
    for text, left, top, right, bottom in found:
        assert left >= 0, text
        assert right <= wide, text
        assert top >= 0, text
        assert bottom <= high, text
    found.sort(key=lambda box: box[2])
    for n, (text, left, top, right, bottom) in enumerate(found):
        for other, left2, top2, right2, bottom2 in itertools.islice(found, n + 1, None):
            if top2 >= bottom:
                break
            assert left2 >= right or left >= right2 or bottom2 <= top, f"{text!r} and {other!r}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_is_whole_in_itself_and_runs_nothing(catalogue: Catalogue, language: str) -> None:
    text = whole(plan(catalogue), language).file().decode()
    root = etree.fromstring(text.encode())
    tags = {etree.QName(element).localname for element in root.iter()}
    assert tags <= {"svg", "style", "g", "rect", "line", "circle", "path", "text", "title", "desc"}
    for element in root.iter():
        assert not [name for name in element.attrib if name.startswith("on") or name in ("style", "href")]
    assert re.findall(r"https?://[^\"]+", text) == [SVG], "nothing is fetched"
    assert "url(" not in text


def test_what_the_files_say_is_shown_and_never_run(catalogue: Catalogue) -> None:
    said = '</text><script>alert("1")</script>&amp;'
    odd = replace(catalogue.exchanges["admission.notice"], zh=said, note=said, basis=said)
    root = drawn(plan(replace(catalogue, exchanges={odd.id: odd})))
    assert not root.findall(".//s:script", NAMES)
    row = rows(root)[odd.id]
    assert said in "".join(row.find("s:desc", NAMES).text)  # type: ignore[union-attr,arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hundred_exchanges_with_long_names_fit_too(catalogue: Catalogue, language: str) -> None:
    model = catalogue.exchanges["admission.documents"]
    many: dict[str, Exchange] = {}
    for n in range(100):
        name = f"supervision.a-rather-long-identifier-of-an-exchange-{n}"
        zh = "变更执行地并移送全部法律文书及矫正档案的征求意见函（第二次修订）" * 2
        many[name] = replace(model, id=name, zh=zh, en="A very long name of an exchange that takes several lines " * 2)
    root = drawn(plan(replace(catalogue, exchanges=many), counts={}), language)
    assert len(rows(root)) == 100
    found = sorted(boxes(root), key=lambda box: box[2])
    for n, (text, left, _top, right, bottom) in enumerate(found):
        for other, left2, top2, right2, _ in itertools.islice(found, n + 1, None):
            if top2 >= bottom:
                break
            assert left2 >= right or left >= right2, f"{text!r} and {other!r}"


# ------------------------------------------------------------------ parts of it
def test_a_part_shows_only_what_was_asked_for(catalogue: Catalogue) -> None:
    admission = plan(catalogue, Choice(phases=("admission",)))
    assert {edge.exchange.phase for edge in admission.edges} == {"admission"}
    village = plan(catalogue, Choice(kinds=("village",)))
    assert {"admission.registration"} <= {edge.exchange.id for edge in village.edges}
    assert all("village" in edge.kinds for edge in village.edges)
    both = plan(catalogue, Choice(phases=("admission",), kinds=("prison",)))
    assert 0 < len(list(both.edges)) < len(list(admission.edges))
    one = plan(catalogue, Choice(exchanges=("assessment.report",)))
    assert [edge.exchange.id for edge in one.edges] == ["assessment.request", "assessment.report"]
    receipts = plan(catalogue, Choice(exchanges=("receipt",)))
    assert [edge.exchange.id for edge in receipts.edges] == ["receipt"], "and not all that gets one"
    assert set(one.lanes) == {kind for edge in one.edges for kind in edge.kinds}, "no lane stands empty"


@pytest.mark.parametrize(
    "choice", [Choice(phases=("admision",)), Choice(kinds=("bureu",)), Choice(exchanges=("admission.notic",))]
)
def test_what_the_chart_does_not_have_is_refused_with_what_is_near(catalogue: Catalogue, choice: Choice) -> None:
    with pytest.raises(NotInChart) as refused:
        plan(catalogue, choice)
    [fault] = refused.value.faults
    assert {"admision": "admission", "bureu": "bureau", "admission.notic": "admission.notice"}[fault.value] in fault.zh


def test_a_phase_and_the_legend_can_be_drawn_alone(catalogue: Catalogue) -> None:
    found = plan(catalogue)
    alone = etree.fromstring(phase(found, "admission", "zh").text())
    assert set(rows(alone)) == {edge.exchange.id for edge in dict(found.phases)["admission"]}
    explained = " ".join(
        text.text or "" for text in etree.fromstring(legend(found, "zh").text()).iter(f"{{{SVG}}}text")
    )
    for word in ("抄送", "回执", "监管责任", "未核对原文", "2020法", "2012办法"):
        assert word in explained


def test_rows_and_counts_lead_to_the_transfers_they_count(catalogue: Catalogue) -> None:
    counts = {"admission.notice": Counts(all=3, parked=1, overdue=1, provisional=True)}
    root = drawn(plan(catalogue, counts=counts), link=lambda exchange, state: f"/list?{exchange}&{state}")
    row = rows(root)["admission.notice"]
    cells = {text.get("data-count"): text for text in row.iterfind(".//s:text[@data-count]", NAMES)}
    assert {name: cell.text for name, cell in cells.items()} == {
        "all": "3",
        "recent": "·",
        "under_way": "·",
        "parked": "1",
        "owed": "·",
        "returned": "·",
        "overdue": "1*",
    }
    assert cells["parked"].getparent().get("href") == "/list?admission.notice&parked"  # type: ignore[union-attr]
    assert cells["owed"].getparent().tag == f"{{{SVG}}}g", "nothing to list, nothing to click"  # type: ignore[union-attr]
    assert row.find("s:a", NAMES).get("href") == "/list?admission.notice&None"  # type: ignore[union-attr]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sheets_of_paper_hold_every_exchange_once_and_answers_with_their_questions(
    catalogue: Catalogue, language: str
) -> None:
    model, reply = catalogue.exchanges["admission.documents"], catalogue.exchanges["admission.no-show"]
    many = dict(catalogue.exchanges)
    for n in range(40):
        name = f"supervision.asked-{n}"
        many[name] = replace(model, id=name, phase="supervision", reply=f"{name}.answer")
        many[f"{name}.answer"] = replace(reply, id=f"{name}.answer", phase="supervision")
    sheets = [
        etree.fromstring(sheet.file())
        for sheet in pages(plan(replace(catalogue, exchanges=many), counts={}), language, "2021-03-15")
    ]
    assert len(sheets) > 3
    found = [set(rows(sheet)) for sheet in sheets]
    assert sum(map(len, found)) == len(many)
    assert set().union(*found) == set(many)
    for on_sheet in found:
        for name in on_sheet:
            if name.startswith("supervision.asked-"):
                asked = name.removesuffix(".answer")
                assert {asked, f"{asked}.answer"} <= on_sheet
    for sheet in sheets:
        assert (sheet.get("width"), sheet.get("height")) == ("420mm", "297mm")
        wide, high = (float(one) for one in sheet.get("viewBox", "").split()[2:])
        assert wide / high == pytest.approx(420 / 297, rel=0.002)
        lowest = max(bottom for text, *_, bottom in boxes(sheet) if "40" not in text)
        assert lowest <= high
        frames = sheet.findall(".//s:rect[@class='frame']", NAMES)
        assert max(float(f.get("y", "0")) + float(f.get("height", "0")) for f in frames) < high - 20
        assert heads(sheet), "every sheet names its lanes"


def test_a_phase_that_is_higher_than_a_sheet_of_paper_ends_all_the_same(catalogue: Catalogue) -> None:
    tall = replace(catalogue.exchanges["admission.notice"], zh="很长的名称" * 300)
    [only] = pages(plan(replace(catalogue, exchanges={tall.id: tall})), "zh")
    assert set(rows(etree.fromstring(only.file()))) == {tall.id}


# ------------------------------------------------------------------ lettering
def test_lines_break_where_readers_expect_it() -> None:
    assert wrapped("司法局（社区矫正机构）", 12.5, 100) == ("司法局", "（社区矫正机构）")
    assert wrapped("community corrections committee", 12.5, 110) == ("community", "corrections", "committee")
    assert wrapped("一二三，四五", 10, 30) == ("一二", "三，四", "五")
    assert "".join(wrapped("A" * 100, 10, 50)) == "A" * 100
    for line in wrapped("变更执行地并移送全部法律文书及矫正档案 of a person", 14, 80):
        assert width(line, 14) <= 80


def test_heads_are_as_even_as_they_can_be() -> None:
    assert balanced("（社区矫正机构）", 12, 72) == ("（社区矫", "正机构）")
    assert balanced("人民法院", 12, 72) == ("人民法院",)
    assert balanced("detention house", 10.5, 82) == ("detention", "house"), "no word is broken for it"
    assert balanced("乡镇人民政府（街道办事处）", 12, 72) == ("乡镇人民政府", "（街道办", "事处）")
