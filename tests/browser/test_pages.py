"""What people see on the console's pages, in a real browser over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.browser.conftest import asks_for
from tests.browser.story import MA, PASSWORD, ZHOU, Seen

pytestmark = pytest.mark.browser


def text(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "main").text


def wait(browser: WebDriver) -> WebDriverWait[WebDriver]:
    """For what follows a click; the page that is left may still be there for a moment."""
    return WebDriverWait(browser, 10, ignored_exceptions=[StaleElementReferenceException, NoSuchElementException])


def rows(browser: WebDriver) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, "table.list tbody tr")


def open_in(browser: WebDriver, address: str, language: str) -> None:
    """Choose the language and go to a page, as somebody does who has clicked the switch before."""
    browser.get(f"{address}{'&' if '?' in address else '?'}lang={language}")


# ------------------------------------------------------------------ the list
def test_the_list_shows_newest_first_and_makes_what_needs_a_person_stand_out(
    browser: WebDriver, address: str, seen: Seen
) -> None:
    open_in(browser, address, "zh")
    shown = rows(browser)
    times = [row.find_element(By.CSS_SELECTOR, "td.when").text for row in shown]
    assert times == sorted(times, reverse=True)
    assert times[-1] == "2012-07-03 09:15"
    parked = next(row for row in shown if "李某" in row.text)
    assert "bad" in parked.get_attribute("class")
    assert "待人工处理" in parked.text
    assert "320102" in parked.text, "the reason stands in the row"
    returned = next(row for row in shown if "被退回" in row.text)
    assert "缺少社区矫正告知书" in returned.text
    assert "warn" in returned.get_attribute("class")
    assert ZHOU not in text(browser), "a list shows no whole ID number"


def test_the_counts_on_top_lead_to_the_transfers_they_count(browser: WebDriver, address: str) -> None:
    open_in(browser, address, "zh")
    for label in ("待人工处理", "被退回", "结果不明", "已回执"):
        tile = next(one for one in browser.find_elements(By.CSS_SELECTOR, ".tile") if one.text.endswith(label))
        count = int(tile.find_element(By.CLASS_NAME, "count").text)
        assert count > 0, label
        tile.click()
        assert len(rows(browser)) == count, label
        assert browser.find_element(By.CSS_SELECTOR, ".tile[aria-current]").text.endswith(label)


def test_filters_find_by_case_number_as_anybody_writes_it(browser: WebDriver, address: str) -> None:
    open_in(browser, address, "zh")
    browser.find_element(By.ID, "f-case").send_keys("（2012）济刑执字第118号", Keys.ENTER)
    wait(browser).until(lambda b: "case=" in b.current_url)
    assert {row.find_element(By.CSS_SELECTOR, "td.case").text for row in rows(browser)} == {"(2012)济刑执字第118号"}
    Select(browser.find_element(By.ID, "f-exchange")).select_by_visible_text("报到")
    browser.find_element(By.CSS_SELECTOR, "form.filters button").click()
    wait(browser).until(lambda b: "exchange=admission.report-in" in b.current_url)
    assert len(rows(browser)) == 1


def test_a_case_number_that_is_none_is_answered_with_what_would_be_right(browser: WebDriver, address: str) -> None:
    open_in(browser, address, "zh")
    browser.find_element(By.ID, "f-case").send_keys("第57号", Keys.ENTER)
    alert = wait(browser).until(lambda b: b.find_element(By.CSS_SELECTOR, "[role=alert]"))
    assert "案号" in alert.text
    assert browser.find_element(By.ID, "f-case").get_attribute("value") == "第57号"


@pytest.mark.parametrize("who", [MA, "马丽娜·阿不都"])
def test_a_person_is_found_without_the_id_number_getting_into_the_address(
    browser: WebDriver, address: str, seen: Seen, who: str
) -> None:
    open_in(browser, address, "zh")
    browser.find_element(By.ID, "f-who").send_keys(who, Keys.ENTER)
    wait(browser).until(lambda b: "person=" in b.current_url)
    assert browser.current_url.endswith(f"person={seen.persons['ma']}")
    assert {row.find_element(By.CSS_SELECTOR, ".name").text for row in rows(browser)} == {"马丽娜·阿不都"}


def test_nobody_of_a_name_is_said_and_a_wrong_id_number_is_told_what_is_wrong(browser: WebDriver, address: str) -> None:
    open_in(browser, f"{address}/persons", "en")
    browser.find_element(By.ID, "f-who").send_keys("王五", Keys.ENTER)
    wait(browser).until(lambda b: "There is no such person" in text(b))
    browser.get(f"{address}/persons")
    browser.find_element(By.ID, "f-who").send_keys(MA[:-1] + "8", Keys.ENTER)
    wait(browser).until(lambda b: "check character" in text(b))


# ------------------------------------------------------------------ one transfer
def test_a_transfer_shows_its_three_forms_side_by_side(browser: WebDriver, address: str, seen: Seen) -> None:
    open_in(browser, f"{address}/transfers/{seen.handover}", "zh")
    received, canonical, sent = browser.find_elements(By.CSS_SELECTOR, ".forms > .form")
    places = [form.rect["x"] for form in (received, canonical, sent)]
    assert places == sorted(places), "side by side on an office screen"
    assert len({form.rect["y"] for form in (received, canonical, sent)}) == 1
    assert "GB18030" in received.text
    assert "<XM>周㴔</XM>" in received.text, "the record inside the SOAP string is readable"
    assert received.find_elements(By.CSS_SELECTOR, ".inner")
    assert "姓名 周㴔" in canonical.text.replace("\n", " ")
    assert "5年6个月" in canonical.text
    assert "微山县司法局" in sent.find_element(By.CSS_SELECTOR, ".tabs [aria-current]").text
    assert "<sqfxryxm>周㴔</sqfxryxm>" in sent.text


def test_the_tabs_show_what_each_recipient_was_sent(browser: WebDriver, address: str, seen: Seen) -> None:
    open_in(browser, f"{address}/transfers/{seen.served_sun}", "zh")
    told = {}
    for name in [tab.text for tab in browser.find_elements(By.CSS_SELECTOR, "#sent .tabs a")]:
        browser.find_element(By.CSS_SELECTOR, "#sent .tabs").find_element(By.LINK_TEXT, name).click()
        wait(browser).until(
            lambda b, name=name: b.find_element(By.CSS_SELECTOR, "#sent .tabs [aria-current]").text == name
        )
        told[name] = wait(browser).until(lambda b: b.find_element(By.CSS_SELECTOR, "#sent .message")).text
    assert set(told) == {"微山县司法局", "微山县人民检察院", "微山县公安局"}
    assert "<businessType>RJ</businessType>" in told["微山县司法局"]
    assert '"exchange": "admission.documents"' in told["微山县人民检察院"]
    assert "370826198509172110" in told["微山县公安局"]


@pytest.mark.parametrize("which", ["handover", "served_sun"])
def test_the_password_in_a_received_envelope_is_masked(
    browser: WebDriver, address: str, seen: Seen, which: str
) -> None:
    open_in(browser, f"{address}/transfers/{getattr(seen, which)}", "zh")
    assert browser.find_element(By.CLASS_NAME, "x-mask").text == "••••••"
    assert PASSWORD not in browser.page_source


def test_the_head_names_the_legal_basis_and_how_well_it_is_founded(
    browser: WebDriver, address: str, seen: Seen
) -> None:
    open_in(browser, f"{address}/transfers/{seen.handover}", "zh")
    assert "社区矫正法20–21" in text(browser)
    assert browser.find_element(By.CLASS_NAME, "founded").text.endswith("依据地方文件或现行系统")
    browser.get(f"{address}/transfers/{seen.served_ma}")
    assert browser.find_element(By.CLASS_NAME, "founded").text.endswith("已核对法律条文")


def test_unmapped_fields_have_a_table_of_their_own(browser: WebDriver, address: str, seen: Seen) -> None:
    open_in(browser, f"{address}/transfers/{seen.handover}", "zh")
    card = next(
        one for one in browser.find_elements(By.CSS_SELECTOR, "section.card") if one.text.startswith("未映射字段")
    )
    assert "XTBZ" in card.text
    assert "甲类&七" in card.text


def test_deliveries_tell_attempts_receipt_and_reason(browser: WebDriver, address: str, seen: Seen) -> None:
    open_in(browser, f"{address}/transfers/{seen.served_ma}", "zh")
    [delivery] = rows(browser)
    for said in ("金乡县司法局", "主送", "被退回", "1次", "缺少社区矫正告知书", "本系统代证"):
        assert said in delivery.text
    browser.get(f"{address}/transfers/{seen.unknown}")
    assert "结果不明" in text(browser)
    assert browser.find_element(By.CSS_SELECTOR, "tr.bad .why").text


def test_a_transfer_leads_to_what_answers_it_and_to_the_others_of_its_message(
    browser: WebDriver, address: str, seen: Seen
) -> None:
    open_in(browser, f"{address}/transfers/{seen.served_sun}", "zh")
    beside = next(
        one
        for one in browser.find_elements(By.CSS_SELECTOR, "section.card")
        if one.text.startswith("同一报文中的其他人员")
    )
    assert "马丽娜·阿不都" in beside.text
    assert "李某" in beside.text
    answered = next(
        one for one in browser.find_elements(By.CSS_SELECTOR, "section.card") if one.text.startswith("对它的答复")
    )
    answered.find_element(By.PARTIAL_LINK_TEXT, "回执").click()
    assert "答复的是" in text(browser)
    browser.find_element(By.CSS_SELECTOR, ".related a").click()
    assert browser.current_url.endswith(seen.served_sun)


def test_a_parked_transfer_says_who_where_and_what_would_be_right(browser: WebDriver, address: str, seen: Seen) -> None:
    open_in(browser, f"{address}/transfers/{seen.parked}", "zh")
    notice = browser.find_element(By.CSS_SELECTOR, ".notice.bad").text
    assert "待人工处理" in notice
    assert "320102" in notice
    assert "李某" in text(browser)


def test_documents_can_be_downloaded_and_never_open_under_the_console(
    browser: WebDriver, address: str, seen: Seen
) -> None:
    open_in(browser, f"{address}/transfers/{seen.handover}", "zh")
    links = browser.find_elements(By.CSS_SELECTOR, ".documents a")
    assert [link.text for link in links] == ["假释裁定书副本.pdf", "出监鉴定表.pdf"]
    answer = requests.get(links[0].get_attribute("href"), timeout=30)
    assert answer.content.startswith(b"%PDF-1.4")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_a_sender_wrote_is_shown_and_never_run(browser: WebDriver, address: str, seen: Seen) -> None:
    open_in(browser, f"{address}/transfers/{seen.handover}", "zh")
    assert browser.title != "taken"
    assert "<script>document.title='taken'</script>" in text(browser)
    assert browser.get_log("browser") == [], "nothing was blocked because nothing was tried"


# ------------------------------------------------------------------ refusals
def test_what_was_refused_at_the_door_says_where_it_is_wrong_and_what_would_be_right(
    browser: WebDriver, address: str
) -> None:
    open_in(browser, f"{address}/refused", "zh")
    row = next(one for one in rows(browser) if "JNJY201207030006" in one.text)
    for said in ("济宁监狱", "最后一位应为X", "/ROOT/ZFXX/GMSFHM", ZHOU[:-1] + "1"):
        assert said in row.text
    row.find_element(By.CSS_SELECTOR, "a.row-link").click()
    assert "<GMSFHM>370826197902140411</GMSFHM>" in text(browser)
    assert PASSWORD not in browser.page_source


def test_a_refused_message_that_is_no_xml_is_shown_without_its_password(browser: WebDriver, address: str) -> None:
    open_in(browser, f"{address}/refused", "zh")
    next(one for one in rows(browser) if "格式正确的XML" in one.text).find_element(
        By.CSS_SELECTOR, "a.row-link"
    ).click()
    assert "sendDate" in text(browser)
    assert "••••••" in text(browser)
    assert PASSWORD not in browser.page_source


# ------------------------------------------------------------------ persons
def test_a_person_page_says_who_answers_since_when_and_draws_the_history(
    browser: WebDriver, address: str, seen: Seen
) -> None:
    open_in(browser, f"{address}/persons/{seen.persons['zhou']}", "zh")
    assert browser.find_element(By.CLASS_NAME, "holder").text == "微山县司法局"
    assert "2012-07-05 10:30" in browser.find_element(By.CLASS_NAME, "answer").text
    prison, bureau = browser.find_elements(By.CSS_SELECTOR, ".band .stretch")
    assert prison.rect["x"] + prison.rect["width"] <= bureau.rect["x"]
    drawn = [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".band text")]
    assert drawn == ["济宁监狱", "2012-07-03 · 2天", "微山县司法局", "2012-07-05 · 至今"]
    assert ZHOU in text(browser), "the person's own page shows the whole number"
    assert len(rows(browser)) >= 3
    assert browser.find_elements(By.CSS_SELECTOR, ".timeline li")


def test_a_person_on_the_way_shows_to_whom_and_until_when(browser: WebDriver, address: str, seen: Seen) -> None:
    open_in(browser, f"{address}/persons/{seen.persons['sun']}", "zh")
    assert browser.find_element(By.CLASS_NAME, "holder").text == "微山县人民法院"
    transit = browser.find_element(By.CLASS_NAME, "transit").text
    assert "微山县司法局" in transit
    assert "2021-03-22" in transit
    assert browser.find_element(By.CSS_SELECTOR, ".band .next").text == "微山县司法局"


def test_agencies_show_how_they_are_reached_and_when_last(browser: WebDriver, address: str) -> None:
    open_in(browser, f"{address}/agencies", "zh")
    court = next(row for row in rows(browser) if "court.370826" in row.text)
    assert "审判管理系统" in court.text
    assert "结果不明" in court.text
    bureau = next(row for row in rows(browser) if "bureau.370826" in row.text)
    assert "济宁司法社区矫正管理平台" in bureau.text
    assert bureau.find_elements(By.TAG_NAME, "td")[4].text != "—"


# ------------------------------------------------------------------ the workflow chart
def test_the_chart_counts_what_its_lists_hold(browser: WebDriver, address: str) -> None:
    open_in(browser, f"{address}/chart", "zh")
    counted = 0
    leads = [
        (cell.text, cell.get_attribute("data-count"), cell.find_element(By.XPATH, "..").get_dom_attribute("href"))
        for cell in browser.find_elements(By.CSS_SELECTOR, "[data-count]")
        if cell.text != "·"
    ]
    assert {name for _, name, _ in leads} >= {"all", "parked", "returned"}
    for shown, name, href in leads:
        if name == "recent":
            continue  # leads to all of them
        browser.get(urljoin(address, href))
        assert len(rows(browser)) == int(shown), href
        counted += 1
    assert counted > 3


def test_a_row_of_the_chart_leads_to_its_transfers(browser: WebDriver, address: str) -> None:
    open_in(browser, f"{address}/chart", "zh")
    row = browser.find_element(By.CSS_SELECTOR, "[data-exchange='admission.parole-handover']")
    row.find_element(By.CSS_SELECTOR, ".name").click()
    wait(browser).until(lambda b: "exchange=admission.parole-handover" in b.current_url and rows(b))
    assert {one.find_element(By.CSS_SELECTOR, "td.matter").text for one in rows(browser)} == {"假释交接"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_words_of_the_chart_run_into_each_other_as_the_browser_draws_them(
    browser: WebDriver, address: str, language: str
) -> None:
    open_in(browser, f"{address}/chart", language)
    met = browser.execute_script(OVERLAPS)
    assert met == []


OVERLAPS = """
const met = [];
for (const svg of document.querySelectorAll('svg.chart')) {
  const found = [...svg.querySelectorAll('text')].map((e) => [e.textContent, e.getBoundingClientRect()]);
  const frame = svg.getBoundingClientRect();
  found.forEach(([a, r], n) => {
    if (r.left < frame.left || r.right > frame.right) met.push(a + ' leaves the picture');
    for (const [b, s] of found.slice(n + 1)) {
      const inset = 0.18 * r.height;
      if (r.left < s.right - 1 && s.left < r.right - 1 && r.top + inset < s.bottom - inset && s.top + inset < r.bottom - inset)
        met.push(a + ' / ' + b);
    }
  });
}
return met;
"""


def test_the_chart_is_narrowed_to_one_kind_of_agency_and_downloaded_whole(browser: WebDriver, address: str) -> None:
    open_in(browser, f"{address}/chart", "zh")
    everything = len(browser.find_elements(By.CSS_SELECTOR, "[data-exchange]"))
    Select(browser.find_element(By.ID, "f-lane")).select_by_visible_text("村（居）民委员会")
    browser.find_element(By.CSS_SELECTOR, "form.filters button").click()
    wait(browser).until(lambda b: "lane=village" in b.current_url and b.find_element(By.CSS_SELECTOR, "footer"))
    narrowed = [one.get_attribute("data-exchange") for one in browser.find_elements(By.CSS_SELECTOR, "[data-exchange]")]
    assert "admission.registration" in narrowed
    assert len(narrowed) < everything
    answer = requests.get(f"{address}/chart.svg", timeout=30)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content.count(b"data-exchange=") == everything


def test_a_person_page_leads_to_where_the_person_stands_on_the_chart(
    browser: WebDriver, address: str, seen: Seen
) -> None:
    open_in(browser, f"{address}/persons/{seen.persons['zhou']}", "zh")
    browser.find_element(By.LINK_TEXT, "在流程图上查看").click()
    wait(browser).until(lambda b: "/chart" in b.current_url and b.find_element(By.CSS_SELECTOR, "footer"))
    drawn = {
        row.get_attribute("data-exchange"): row.find_element(By.CSS_SELECTOR, "[data-count='all']").text
        for row in browser.find_elements(By.CSS_SELECTOR, "[data-exchange]")
    }
    assert drawn["admission.parole-handover"] == "1"
    assert drawn["admission.report-in"] == "1"
    assert "admission.escort" not in drawn, "what did not happen is not drawn"
    browser.find_element(By.CSS_SELECTOR, "[data-exchange='admission.report-in'] .name").click()
    wait(browser).until(lambda b: "exchange=" in b.current_url and rows(b))
    assert len(rows(browser)) == 1


def test_a_kind_of_agency_that_the_chart_does_not_have_is_told(address: str) -> None:
    answer = requests.get(f"{address}/chart?lane=nobody", headers={"Accept-Language": "zh"}, timeout=30)
    assert answer.status_code == 422
    assert "nobody" in answer.text


# ------------------------------------------------------------------ both languages, every page
PAGES: dict[str, Callable[[Seen], str]] = {
    "transfers": lambda seen: "",
    "transfers-parked": lambda seen: "?state=parked",
    "transfer-prison": lambda seen: f"/transfers/{seen.handover}",
    "transfer-court": lambda seen: f"/transfers/{seen.served_sun}",
    "transfer-returned": lambda seen: f"/transfers/{seen.served_ma}",
    "transfer-parked": lambda seen: f"/transfers/{seen.parked}",
    "transfer-unknown": lambda seen: f"/transfers/{seen.unknown}",
    "persons": lambda seen: "/persons",
    "person": lambda seen: f"/persons/{seen.persons['zhou']}",
    "person-in-transit": lambda seen: f"/persons/{seen.persons['sun']}",
    "refused": lambda seen: "/refused",
    "agencies": lambda seen: "/agencies",
    "chart": lambda seen: "/chart",
    "chart-prison": lambda seen: "/chart?lane=prison",
    "chart-person": lambda seen: f"/chart?person={seen.persons['sun']}",
    "no-such-page": lambda seen: "/transfers/trf_00000000",
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_whole_in_both_languages(
    browser: WebDriver, address: str, seen: Seen, picture: Callable[[str], Path], page: str, language: str
) -> None:
    open_in(browser, address + PAGES[page](seen), language)
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), (
        "nothing lies beside the screen"
    )
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('input:not([type=hidden]), select')].filter(e => !e.labels.length).map(e => e.outerHTML)"
        ".concat([...document.querySelectorAll('a, button')].filter(e => !e.textContent.trim()).map(e => e.outerHTML))"
    )
    assert unnamed == []
    beside = browser.execute_script(
        "return [...document.querySelectorAll('dd, td, th, li')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML)"
    )
    assert beside == [], "no words run into their neighbours"
    small = browser.execute_script(
        "return [...document.querySelectorAll('button, .button, input:not([type=hidden]), select, nav a, .tile')]"
        ".filter(e => e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24).map(e => e.outerHTML)"
    )
    assert small == [], "everything to click is at least 24 px (WCAG 2.5.8)"
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert all(one.startswith(address) for one in loaded), "nothing comes from elsewhere"
    problems = [entry for entry in browser.get_log("browser") if "404" not in entry["message"]]
    assert problems == []
    assert picture(f"{page}.{language}").stat().st_size > 5_000


def test_text_stands_out_from_its_ground(browser: WebDriver, address: str, seen: Seen) -> None:
    """Contrast of at least 4.5:1 (WCAG 1.4.3) for every piece of text, against the nearest ground that has a colour."""
    for page in ("transfers", "transfer-prison", "transfer-parked", "person", "refused", "agencies"):
        open_in(browser, address + PAGES[page](seen), "zh")
        assert browser.execute_script(CONTRAST) == [], page


CONTRAST = """
const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return {rgb: m.slice(0, 3), a: m.length > 3 ? m[3] : 1}; };
const light = (rgb) => { const [r, g, b] = rgb.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || e.closest('svg, script, .visually-hidden, .skip') || !e.getClientRects().length) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color).rgb), light(ground(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(e.className + ' ' + walker.currentNode.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2));
}
return poor;
"""


def test_the_language_is_switched_and_kept(browser: WebDriver, address: str, seen: Seen) -> None:
    asks_for(browser, "en-GB,en;q=0.8")
    browser.get(f"{address}/persons")
    assert browser.find_element(By.TAG_NAME, "h1").text == "Persons", "the first visit follows the browser"
    browser.find_element(By.CLASS_NAME, "switch").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "人员", "the switch stays on the page"
    browser.get(f"{address}/transfers/{seen.handover}")
    assert "假释交接" in browser.title, "and is remembered"
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    asks_for(browser, "fr")
    browser.get(address)
    assert browser.find_element(By.TAG_NAME, "h1").text == "移送", "Chinese where neither is asked for"


def test_everything_can_be_reached_by_keyboard(browser: WebDriver, address: str) -> None:
    open_in(browser, address, "zh")
    reached = []
    for _ in range(20):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.get_attribute("class") or focused.text)
        assert browser.execute_script(
            "const s = getComputedStyle(arguments[0]); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2",
            focused,
        ), reached[-1]
    assert reached[0] == "skip"
    assert {"f-case", "f-who", "f-agency", "f-exchange", "f-state"} & set(reached)


def test_what_came_through_a_proxy_is_turned_away_by_the_whole_stack(address: str) -> None:
    """uvicorn takes a forwarded address for the caller's: none may open these pages, not even one that says 127.0.0.1."""
    assert requests.get(address, timeout=30).status_code == 200
    for headers in (
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "10.0.0.7"},
        {"Forwarded": "for=127.0.0.1"},
        {"Host": "hub.example"},
    ):
        refused = requests.get(address, headers=headers, timeout=30)
        assert refused.status_code == 403, headers
        assert "微山县" not in refused.text


def test_a_long_list_is_read_page_by_page(browser: WebDriver, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.console.pages.PAGE", 3)
    open_in(browser, address, "zh")
    found: list[str] = []
    for _ in range(20):
        shown = rows(browser)
        assert 0 < len(shown) <= 3
        found += [row.find_element(By.CSS_SELECTOR, "a.row-link").get_attribute("href") for row in shown]
        older = browser.find_elements(By.CSS_SELECTOR, ".pages a[rel=next]")
        if not older:
            break
        older[0].click()
    total = int(browser.find_element(By.CSS_SELECTOR, ".tile .count").text)
    assert len(found) == len(set(found)) == total
