"""`hub transfer explain`: where every field of a transfer came from."""

from __future__ import annotations

from typing import Any

import click

from hub.commands.lineage_tables import tell_faults, tell_fields, tell_mapping, tell_rest
from hub.commands.telling import JSON, LANGUAGE, CommandFailed, open_hub, print_json, told


@click.command("explain")
@click.argument("transfer_id")
@click.option("--recipient", metavar="AGENCY", help="one recipient only")
@JSON
@LANGUAGE
@told
def explain(transfer_id: str, recipient: str | None, as_json: bool, lang: str) -> None:
    """Where every field came from: the sender's record, the canonical one, and what each recipient got."""
    from hub.flow.explain import explain as tell
    from hub.store.passages import passage

    hub = open_hub()
    found = tell(hub, passage(hub, None, transfer_id), recipient, lang)
    if recipient and not found["sent"]:
        raise CommandFailed(
            f"{recipient}不是该移送的接收单位" if lang == "zh" else f"{recipient} is no recipient of this transfer"
        )
    for one in found["sent"]:
        one["frozen_at"] = one["frozen_at"].isoformat() if one["frozen_at"] else None
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['transfer']}  {found['exchange']}")
    _tell(hub, found, lang)


def _tell(hub: Any, found: dict[str, Any], lang: str) -> None:
    zh = lang == "zh"
    received = found["received"]
    click.echo(f"\n{hub.agency_name(found['sender'], lang)} → {'规范记录' if zh else 'canonical record'}")
    tell_mapping(received, lang)
    tell_faults(received["faults"])
    tell_fields(received["fields"], lang, ("规范位置", "来自") if zh else ("canonical place", "from"))
    tell_rest(received, lang)
    for one in found["sent"]:
        form = one["dialect"] or ("规范记录" if zh else "canonical")
        not_yet = (
            "" if one["frozen_at"] else "（尚未写出，按现在说明）" if zh else " (not written yet: as it would be now)"
        )
        click.echo(f"\n→ {hub.agency_name(one['recipient'], lang)}  {form}{not_yet}")
        tell_mapping(one, lang)
        tell_faults(one["faults"])
        tell_fields(one["fields"], lang, ("对方位置", "来自") if zh else ("recipient's place", "from"))
        tell_rest(one, lang)
