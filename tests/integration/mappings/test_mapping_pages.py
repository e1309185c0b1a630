"""The pages about mappings, in both languages: what is in force, what was done by whom, what a version would change."""

from __future__ import annotations

import flask
import pytest

from hub.console import console
from hub.domain.faults import Conflict
from hub.flow.parts import Hub
from tests.flow_hub import StoppedClock
from tests.integration.mappings.conftest import changed
from tests.integration.mappings.test_governance import LI, WANG

KIND = "{value: 裁定书}".encode()
#: The samples are read as before.
NEW_KIND = "[{value: 决定书, when: \"foreign.ZFXX.CYM == '周一'\"}, {value: 裁定书}]".encode()


@pytest.fixture
def read(sqlite_hub: Hub) -> flask.testing.FlaskClient:
    app = flask.Flask(__name__)
    app.register_blueprint(console(sqlite_hub))
    return app.test_client()


def _page(read: flask.testing.FlaskClient, path: str, language: str = "zh") -> str:
    answer = read.get(f"/console{path}?lang={language}", base_url="http://127.0.0.1:8080")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_pages_say_what_is_in_force_and_what_a_version_would_change(
    sqlite_hub: Hub, read: flask.testing.FlaskClient, clock: StoppedClock
) -> None:
    governance = sqlite_hub.governance
    assert "现用：按文件" in _page(read, "/mappings")
    version = governance.draft(LI, changed(sqlite_hub, "prison", "文书", KIND, NEW_KIND), "<b>逗号</b>")
    governance.check(LI, version.id)
    governance.propose(LI, version.id)
    shown = _page(read, f"/mappings/{version.id}")
    for told in ("待批准", "li", version.release, "case.document_kind", "决定书", "提请批准", "&lt;b&gt;"):
        assert told in shown
    assert "awaits" not in shown
    assert "What it would change" in _page(read, f"/mappings/{version.id}", "en")
    with pytest.raises(Conflict):
        governance.approve(WANG, version.id, "00000000")
    governance.approve(WANG, version.id, version.release)
    governance.activate(LI, version.id)
    assert "起启用" in _page(read, "/mappings")
    clock.move(3)
    shown = _page(read, "/mappings", "en")
    assert "only a source for a draft" in shown
    assert "Nothing: it is what is in force." in _page(read, f"/mappings/{version.id}", "en")
    assert read.get("/console/mappings/map_none", base_url="http://127.0.0.1:8080").status_code == 404
