"""The pages about mappings: what is in force in each dialect, every version with who did what, and what one would change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import g, render_template

from hub.console import replay_pages
from hub.domain.faults import HubError
from hub.flow import mapping_desk
from hub.flow.live import CURRENT
from hub.flow.parts import Hub
from hub.workshop import telling
from hub.workshop.difference import WORDS as CHANGES

#: How a version's state is shown: good, open, warn (somebody should look), quiet.
TONES: Mapping[str, str] = {
    "active": "good",
    "scheduled": "open",
    "approved": "open",
    "proposed": "warn",
    "checked": "open",
    "rejected": "warn",
}
#: How a version came to the hub.
ORIGINS: Mapping[str, tuple[str, str]] = {
    "files": ("文件", "files"),
    "draft": ("起草", "drafted here"),
    "import": ("导入", "imported"),
}


def views(hub: Hub) -> tuple[Callable[[], str], Callable[..., str]]:
    """The list of everything, and the page of one version."""

    def mappings() -> str:
        versions: dict[str, list[dict[str, Any]]] = {}
        for one in hub.governance.shown(hub.mappings.versions()):
            versions.setdefault(one.version.dialect, []).append(telling.summary(one))
        return render_template(
            "console/mappings.html",
            dialects=mapping_desk.in_force(hub),
            versions=versions,
            **_said(),
            **replay_pages.beside(hub),
        )

    def mapping(version: str) -> str:
        found = telling.detail(hub.governance, version)
        compared, trouble = None, []
        try:
            compared = mapping_desk.compare(hub, CURRENT, version)
        except HubError as error:  # its dialect is none of this hub's any more, or it cannot be read
            trouble = [fault.as_dict() for fault in error.faults]
        return render_template("console/mapping.html", found=found, compared=compared, faults=trouble, **_said())

    return mappings, mapping


def _said() -> dict[str, Any]:
    language = g.get("language", "zh")
    second = language == "en"
    return {
        "state_word": lambda name: telling.state_word(name, language),
        "event_word": lambda name: telling.event_word(name, language),
        "state_tone": lambda name: TONES.get(name, "quiet"),
        "origin": lambda name: ORIGINS.get(name, (name, name))[second],
        "change_word": lambda name: CHANGES.get(name, (name, name))[second],
        "short": lambda text: (text or "")[:12] or "—",
    }
