"""What the page of mappings tells beside versions: replays of drafts, and what agencies began to send that no mapping knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g, render_template

from hub.flow.parts import Hub
from hub.store import drift, replays
from hub.workshop.replay_words import word

#: Replays that the list shows.
SHOWN = 10
TONES = {"done": "good", "running": "open", "stopped": "quiet", "failed": "bad"}


def beside(hub: Hub) -> dict[str, Any]:
    """What the list of mappings shows beside the versions."""
    now = hub.clock.technical()
    return {
        "drift": drift.seen(hub.database),
        "replays": replays.latest(hub.database, now, limit=SHOWN),
        **_said(),
    }


def view(hub: Hub) -> Callable[[str], str]:
    """The page of one replay."""

    def replay(run: str) -> str:
        found = replays.one(hub.database, run, hub.clock.technical())
        return render_template("console/replay.html", found=found, report=found["report"], **_said())

    return replay


def _said() -> dict[str, Any]:
    language = g.get("language", "zh")
    return {
        "replay_word": lambda name: word(name, language),
        "replay_tone": lambda state: TONES.get(state, "quiet"),
        "several": lambda value: value if isinstance(value, str) else ", ".join(map(str, value)),
    }
