"""`hub mapping coverage`: which places, lines and codes of a dialect samples or real traffic use, and which nobody does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, CommandFailed, open_hub, print_json, print_table, told
from hub.settings import load

#: Messages and renditions that are looked at unless more are asked for.
LIMIT = 10_000


@mapping.command("coverage")
@click.argument("dialect")
@click.option("--exchange", help="one exchange only")
@click.option(
    "--samples",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="folder of sample messages (default: the dialect's own samples)",
)
@click.option("--traffic", is_flag=True, help="by what really passed, instead of samples")
@click.option("--days", type=click.IntRange(min=1), help="of the last so many days; else everything that is kept")
@click.option("--limit", type=click.IntRange(min=1), default=LIMIT, show_default=True, help="messages at most")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="configuration to look at (default: HUB_CONFIG_DIR, with --traffic what is in force)",
)
@JSON
@LANGUAGE
@told
def mapping_coverage(
    dialect: str,
    exchange: str | None,
    samples: Path | None,
    traffic: bool,
    days: int | None,
    limit: int,
    folder: Path | None,
    as_json: bool,
    lang: str,
) -> None:
    """What the mappings of DIALECT cover: places that no line names, lines and alternatives never used, codes never seen or
    unknown, and places that came unmapped. Read-only; by the dialect's samples, or by what really passed."""
    if traffic and samples:
        raise click.UsageError("--samples and --traffic: one of the two")
    coverage = (
        _by_traffic(dialect, exchange, days, limit, folder)
        if traffic
        else _by_samples(dialect, exchange, samples, folder)
    )
    found = {"by": "traffic" if traffic else "samples", **coverage.as_dict()}
    if as_json:
        print_json(found)
    else:
        tell(found, lang)


def _schemas() -> dict[str, Any]:
    from hub.api.bundle import record_components, record_schema

    return {name: record_schema(name) for name in record_components()}


def _by_samples(dialect: str, exchange: str | None, samples: Path | None, folder: Path | None) -> Any:
    from hub.clock import SystemClock
    from hub.workshop.counting import count_samples
    from hub.workshop.desk import Desk, files_of

    config_dir = folder.absolute() if folder else load().config_dir
    desk = Desk.open(config_dir)
    try:
        known = desk.dialect(dialect)
    except KeyError:
        raise CommandFailed(f"没有方言“{dialect}”；有：{'、'.join(desk.book)} (no such dialect)") from None
    _has(known, exchange)
    home = samples or config_dir / "dialects" / dialect / "samples"
    files = list(files_of(home)) if home.is_dir() else []
    return count_samples(desk, known, files, _schemas(), exchange, SystemClock(None).now())


def _by_traffic(dialect: str, exchange: str | None, days: int | None, limit: int, folder: Path | None) -> Any:
    from hub.flow import hindsight
    from hub.workshop.counting import count_traffic
    from hub.workshop.desk import Desk

    hub = open_hub()
    if folder is not None:
        known = Desk.open(folder.absolute()).dialect(dialect)
    elif dialect in hub.dialects:
        known = hub.dialects[dialect]
    else:
        raise CommandFailed(f"没有方言“{dialect}”；有：{'、'.join(hub.dialects)} (no such dialect)")
    _has(known, exchange)
    return count_traffic(
        hub.history,
        known,
        _schemas(),
        agencies=hub.agencies,
        recipients=[a.id for a in hub.agencies if any(reach.dialect == dialect for reach in a.reach)],
        reopen=lambda passed: hindsight.reopen(hub, passed),
        exchange=exchange,
        since=hub.clock.technical() - timedelta(days=days) if days else None,
        limit=limit,
    )


def _has(dialect: Any, exchange: str | None) -> None:
    if exchange and exchange not in {*dialect.readers, *dialect.writers}:
        raise CommandFailed(f"方言“{dialect.name}”没有“{exchange}”的映射 (no mapping of {exchange})")


# ------------------------------------------------------------------ telling
def tell(found: dict[str, Any], lang: str) -> None:
    """The report as an administrator reads it, an exchange at a time."""
    zh = lang == "zh"
    for one in found["exchanges"]:
        records = ", ".join(f"{_way(way, zh)} {n}" for way, n in one["records"].items())
        click.echo(f"\n{one['exchange']}  {one['mapping']}  {records}")
        for way, missing in one["canonical_missing"].items():
            _list(
                f"{_way(way, zh)}：没有任何行涉及的规范位置"
                if zh
                else f"{_way(way, zh)}: canonical places that no line touches",
                _places(missing, zh),
            )
        _list(
            "没有任何行写明的外部位置" if zh else "foreign places that no line names",
            _places(one["foreign_missing"], zh),
        )
        if any(one["records"].values()):
            _used(one, zh)
    for one in found["unreadable"]:
        click.echo(f"{'读不了' if zh else 'not read'}: {one['what']}: {one['why']}")


def _used(one: dict[str, Any], zh: bool) -> None:
    rows = [
        [line["line"].rpartition("/")[2], _way(line["direction"], zh), line["place"], str(line["gave"])]
        for line in one["lines"]
    ]
    print_table(["映射行", "方向", "位置", "给出次数"] if zh else ["line", "direction", "place", "gave"], rows)
    _list(
        "从未给出过值的行" if zh else "lines that never gave a value",
        [f"{line['line'].rpartition('/')[2]} {line['place']} ({_way(line['direction'], zh)})" for line in one["never"]],
    )
    _list(
        "从未选中的分支" if zh else "alternatives never chosen",
        [
            f"{a['line'].rpartition('/')[2]} {a['place']}{' when ' + a['when'] if a['when'] else ''}"
            for a in one["never_chosen"]
        ],
    )
    for codes in one["codes"]:
        if codes["seen"] or codes["unknown"]:
            never = "、".join(code["code"] for code in codes["never"][:20])
            more = "……" if len(codes["never"]) > 20 else ""
            click.echo(
                f"  {codes['list']}: {'见过' if zh else 'seen'} {codes['seen']}/{codes['of']}"
                + (f"；{'未见过' if zh else 'never'} {never}{more}" if never else "")
            )
        for code in codes["unknown"]:
            click.echo(
                f"  ✗ {codes['list']}: {'表中没有' if zh else 'not in the list'} “{code['code']}” ×{code['count']}"
            )
    _list(
        "未映射的外部位置" if zh else "unmapped foreign places",
        [f"{place['place']} ×{place['count']} “{place['example']}”" for place in one["unmapped"]],
    )


def _list(title: str, items: list[str]) -> None:
    if items:
        click.echo(f"  {title}:")
        for item in items:
            click.echo(f"    {item}")


def _places(places: list[dict[str, Any]], zh: bool) -> list[str]:
    """Required places one by one, the others together."""
    required = [f"{place['place']}{'（必填）' if zh else ' (required)'}" for place in places if place["required"]]
    others = ", ".join(place["place"] for place in places if not place["required"])
    return [*required, others] if others else required


def _way(direction: str, zh: bool) -> str:
    return {"in": ("读入", "in"), "out": ("写出", "out")}[direction][0 if zh else 1]
