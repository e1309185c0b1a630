"""The story's hub, its pages, and a browser, each started once for all tests of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from hub.settings import ROOT
from tests.browser.story import Seen, county, served

OFFICE_SCREEN = (1366, 768)
#: Where pictures go for people to look at.
SCREENS = ROOT / "var" / "screens"


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with county(tmp_path_factory.mktemp("county")) as told:
        yield told


@pytest.fixture(scope="session")
def address(seen: Seen) -> Iterator[str]:
    with served(seen.hub) as url:
        yield url


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Chromium without a window. `HUB_TEST_WITHOUT_SERVICES=1` skips where there is none; else its absence fails."""
    program, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    if not program or not driver:
        if os.environ.get("HUB_TEST_WITHOUT_SERVICES") == "1":
            pytest.skip("there is no Chromium here")
        pytest.fail("Chromium and its driver are missing: deploy/install-test-services.sh installs them", pytrace=False)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


def asks_for(browser: WebDriver, languages: str) -> None:
    """What the browser says in Accept-Language from now on."""
    agent = browser.execute_script("return navigator.userAgent")
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": languages})


@pytest.fixture
def browser(chromium: WebDriver) -> WebDriver:
    """The browser as a new reader has it: an office screen, no cookies, nothing said on its console yet."""
    chromium.set_window_size(*OFFICE_SCREEN)
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    asks_for(chromium, "zh-CN,zh;q=0.9")
    chromium.get_log("browser")
    return chromium


@pytest.fixture
def picture(browser: WebDriver) -> Callable[[str], Path]:
    """Takes a picture of the whole page as it stands."""

    def take(name: str) -> Path:
        SCREENS.mkdir(parents=True, exist_ok=True)
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.set_window_size(OFFICE_SCREEN[0], max(OFFICE_SCREEN[1], min(int(height) + 140, 6000)))
        path = SCREENS / f"{name}.png"
        assert browser.save_screenshot(str(path))
        browser.set_window_size(*OFFICE_SCREEN)
        return path

    return take
