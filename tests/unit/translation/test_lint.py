"""What the linter knows of the rest of the hub stays true."""

from __future__ import annotations

import re
from pathlib import Path

from hub.translation.lint import RULES

HUB = Path(__file__).parents[3] / "hub"
_RAISED = re.compile(r"\b(?:NotValid|malformed)\(\s*\"([a-z-]+\.[a-z0-9-]+)\"")


def test_every_rule_that_a_record_can_break_may_be_named_by_a_policy() -> None:
    sources = [*(HUB / "translation").rglob("*.py"), HUB / "domain" / "values.py"]
    raised = {rule for source in sources for rule in _RAISED.findall(source.read_text(encoding="utf-8"))}
    assert len(raised) > 30
    assert {rule for rule in raised if not rule.startswith("dialect.")} - RULES == set()
