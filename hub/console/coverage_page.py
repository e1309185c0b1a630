"""The page that tells what the mappings of a dialect cover of what really passed lately."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import g, render_template, request

from hub.api.bundle import record_components, record_schema
from hub.domain.faults import Fault, NotFound
from hub.flow import hindsight
from hub.flow.parts import Hub
from hub.workshop.counting import count_traffic

#: Messages and renditions that are looked at for a page, each: some three seconds.
LIMIT = 1_000
#: Of how many days, at choice; the first unless another is asked for.
DAYS = (30, 7, 365)


def view(hub: Hub) -> Callable[..., str]:
    """The page of one dialect."""
    schemas = {name: record_schema(name) for name in record_components()}

    def coverage(dialect: str) -> str:
        if dialect not in hub.dialects:
            raise NotFound([Fault("not-found", "", "没有这种方言", "no such dialect", value=dialect)])
        asked = request.args.get("days", "")
        days = int(asked) if asked.isdecimal() and int(asked) in DAYS else DAYS[0]
        since = hub.clock.technical() - timedelta(days=days)
        recipients = [a.id for a in hub.agencies if any(reach.dialect == dialect for reach in a.reach)]
        found = count_traffic(
            hub.history,
            hub.dialects[dialect],
            schemas,
            agencies=hub.agencies,
            recipients=recipients,
            reopen=lambda passed: hindsight.reopen(hub, passed),
            since=since,
            limit=LIMIT,
        ).as_dict()
        known = hub.dialects[dialect]
        return render_template(
            "console/coverage.html",
            found=found,
            name=known.en if g.get("language", "zh") == "en" else known.zh,
            days=days,
            choices=sorted(DAYS),
            more=hub.history.size(dialect, recipients, since) - found["looked_at"],
            exchanges=sorted(found["exchanges"], key=_most_used),
        )

    return coverage


def _most_used(one: dict[str, Any]) -> tuple[int, str]:
    return -sum(one["records"].values()), one["exchange"]
