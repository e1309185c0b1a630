"""`hub mapping drift`: what agencies began to send that no mapping knows."""

from __future__ import annotations

import getpass

import click

from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, open_hub, print_json, print_table, told

KINDS = {"field": ("字段", "field"), "code": ("代码", "code")}


@mapping.command("drift")
@click.option("--dialect", help="one dialect only")
@click.option("--all", "everything", is_flag=True, help="also what somebody has noted already")
@click.option("--noted", metavar="ID", help="you have looked at this one: it is not told any more")
@click.option("--note", help="what you did about it")
@JSON
@LANGUAGE
@told
def drift(dialect: str | None, everything: bool, noted: str | None, note: str | None, as_json: bool, lang: str) -> None:
    """Fields and codes that agencies began to send and that no mapping knows, with samples."""
    from hub.store import drift as book

    hub = open_hub()
    if noted:
        book.noted(hub.database, noted, getpass.getuser(), note, hub.clock.technical())
    items = book.seen(hub.database, dialect, everything)
    if as_json:
        print_json({"items": items})
        return
    if not items:
        click.echo("没有新的字段或代码" if lang == "zh" else "no new fields or codes")
        return
    print_table(
        ["编号", "单位", "事项", "种类", "位置", "值", "次数", "首次", "样本"]
        if lang == "zh"
        else ["id", "agency", "exchange", "kind", "place", "value", "times", "first", "samples"],
        [
            [
                one["id"],
                hub.agency_name(one["agency"], lang),
                one["exchange"],
                KINDS[one["kind"]][0 if lang == "zh" else 1],
                one["place"],
                one["value"] or "—",
                str(one["times"]),
                one["first_seen"][:16],
                "; ".join(
                    f"{sample['transfer'] or sample['submission']}: {sample['value']}" for sample in one["samples"]
                ),
            ]
            for one in items
        ],
    )
