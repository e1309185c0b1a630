"""Who may open the console, and what goes with every page."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import pytest
from flask.testing import FlaskClient

from hub import settings
from hub.bootstrap import build
from hub.console import console
from hub.console.access import allowed
from hub.console.pages import without_login


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("hub")
    hub = build(settings.load({}, data_dir=folder, config_dir=settings.ROOT / "mappings"))
    app = flask.Flask("pages")
    app.register_blueprint(console(hub))
    yield app.test_client()
    hub.database.close()


PAGES = (
    "/console",
    "/console/",
    "/console/refused",
    "/console/persons",
    "/console/agencies",
    "/console/transfers/trf_1",
    "/console/persons/per_1",
    "/console/refused/sub_1",
    "/console/documents/trf_1/1",
    "/console/static/console.css",
    "/console/nothing/here",
)


@pytest.mark.parametrize(
    ("address", "host", "headers", "right"),
    [
        ("127.0.0.1", "127.0.0.1:8080", [], True),
        ("127.0.0.9", "localhost", ["Accept"], True),
        ("::1", "[::1]:8080", [], True),
        ("::ffff:127.0.0.1", "localhost:8080", [], True),
        ("10.0.0.7", "localhost", [], False),
        ("::ffff:10.0.0.7", "localhost", [], False),
        (None, "localhost", [], False),
        ("", "localhost", [], False),
        ("not-an-address", "localhost", [], False),
        # a proxy on this machine speaks for somebody else
        *(
            ("127.0.0.1", "localhost", [name], False)
            for name in ("Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Real-Ip", "Via")
        ),
        # a name of another site that points at this machine
        ("127.0.0.1", "evil.example", [], False),
        ("127.0.0.1", "127.0.0.1.evil.example:8080", [], False),
        ("127.0.0.1", "localhost.evil.example", [], False),
        ("127.0.0.1", "", [], False),
        ("127.0.0.1", "[::1", [], False),
    ],
)
def test_only_this_machine_itself_is_let_in(address: str | None, host: str, headers: list[str], right: bool) -> None:
    assert allowed(address, host, headers) is right


@pytest.mark.parametrize("page", PAGES)
def test_no_page_opens_for_others_and_all_say_why(client: FlaskClient, page: str) -> None:
    for options in (
        {"environ_base": {"REMOTE_ADDR": "10.0.0.7"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Host": "hub.example"}},
    ):
        answer = client.get(page, **options)  # type: ignore[arg-type]
        assert answer.status_code == 403
        assert "只能在枢纽所在的机器上打开" in answer.text
        assert "微山县" not in answer.text


def test_a_search_from_elsewhere_finds_nothing(client: FlaskClient) -> None:
    assert (
        client.post("/console/search", data={"who": "孙某甲"}, environ_base={"REMOTE_ADDR": "10.0.0.7"}).status_code
        == 403
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_answer_carries_the_security_headers(client: FlaskClient, page: str) -> None:
    with client.get(page) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    if "/static/" not in page:
        assert headers["Cache-Control"] == "no-store"


def test_no_page_has_anything_that_the_policy_forbids(client: FlaskClient) -> None:
    for page in PAGES[:5]:
        text = client.get(page).text
        for inline in (" style=", "<style", "onclick", "javascript:", "http://www", "https://"):
            assert inline not in text, (page, inline)


def test_what_is_not_there_is_a_page_with_the_status_of_it(client: FlaskClient) -> None:
    for page in PAGES[5:9] + PAGES[10:]:
        answer = client.get(page)
        assert answer.status_code == 404, page
        assert "没有" in answer.text


def test_no_page_changes_anything(client: FlaskClient) -> None:
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)("/console/persons").status_code == 405
    assert client.post("/console/persons").status_code == 405


@pytest.mark.parametrize("after", ["x", "-1", "1' OR 1=1", "9" * 19, "１２"])
def test_a_page_mark_that_is_none_is_refused(client: FlaskClient, after: str) -> None:
    assert client.get("/console", query_string={"after": after}).status_code == 422


def test_the_language_cookie_is_for_these_pages_only(client: FlaskClient) -> None:
    cookie = client.get("/console?lang=en").headers["Set-Cookie"]
    for part in ("hub_language=en", "Path=/console", "HttpOnly", "SameSite=Lax"):
        assert part in cookie
    assert "Set-Cookie" not in client.get("/console?lang=<script>").headers


def test_a_failure_of_the_hub_shows_a_number_and_nothing_inside(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr("hub.store.console_queries.activity", fail)
    answer = client.get("/console/agencies")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    [number] = [record.args[0] for record in caplog.records if record.levelname == "ERROR" and record.args]  # type: ignore[index]
    assert str(number) in answer.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:18084/ws/CityPlatform", "http://127.0.0.1:18084/ws/CityPlatform"),
        ("https://hub:p%40ss@bureau.example/hook?key=hunter2", "https://bureau.example/hook"),
        ("http://[::1", "—"),
    ],
)
def test_an_agency_s_address_is_shown_without_a_login(url: str, shown: str) -> None:
    assert without_login(url) == shown
