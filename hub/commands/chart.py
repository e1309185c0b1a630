"""`hub chart`: draw the workflow chart, whole or in part, with what the store holds on each of its arrows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hub.commands.telling import JSON, LANGUAGE, CommandFailed, open_hub, print_json, told
from hub.settings import load


@click.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="file for the picture (default: standard output)"
)
@click.option(
    "--pages",
    type=click.Path(file_okay=False, path_type=Path),
    help="folder for the picture as sheets of A3, one file each, instead",
)
@click.option(
    "--phase", "phases", multiple=True, metavar="PHASE", help="one phase only, e.g. admission; may be repeated"
)
@click.option(
    "--lane", "kinds", multiple=True, metavar="KIND", help="what one kind of agency sends or gets, e.g. court"
)
@click.option("--exchange", "exchanges", multiple=True, metavar="ID", help="one exchange, and what answers it")
@click.option(
    "--counts", "counted", is_flag=True, help="with the numbers of transfers in the store, and what is overdue"
)
@click.option("--person", metavar="ID", help="where one person stands: what has happened, and what is still owed")
@click.option("--case", metavar="ID", help="the same for one case (the hub's id)")
@JSON
@LANGUAGE
@told
def chart(
    out: Path | None,
    pages: Path | None,
    phases: tuple[str, ...],
    kinds: tuple[str, ...],
    exchanges: tuple[str, ...],
    counted: bool,
    person: str | None,
    case: str | None,
    as_json: bool,
    lang: str,
) -> None:
    """Draw the workflow chart (社区矫正工作流程图) as SVG, or print its nodes and edges as JSON."""
    from hub import chart as drawing
    from hub import configuration
    from hub.chart import Choice, plan

    choice = Choice(phases, kinds, exchanges)
    if counted or person or case:
        from hub.store import chart_counts

        hub = open_hub()
        counts = chart_counts.counts(hub, person=person, case=case)
        if person or case:
            if not counts:
                raise CommandFailed(_nothing(lang))
            choice = replace(choice, exchanges=exchanges or drawing.passed(hub.catalogue, counts).exchanges)
        drawn = plan(hub.catalogue, choice, counts)
        subtitle = _counted_at(hub, lang)
    else:
        drawn = plan(configuration.load(load().config_dir).catalogue, choice)
        subtitle = ""
    if as_json:
        print_json(drawn.as_dict())
        return
    if pages is not None:
        pages.mkdir(parents=True, exist_ok=True)
        for number, sheet in enumerate(drawing.pages(drawn, lang, subtitle), 1):
            _write(pages / f"{number:02}.svg", sheet.file())
        return
    picture = drawing.whole(drawn, lang, subtitle).file()
    if out is None:
        click.echo(picture, nl=False)
    else:
        _write(out, picture)


def _write(file: Path, picture: bytes) -> None:
    try:
        file.write_bytes(picture)
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    click.echo(str(file))


def _nothing(lang: str) -> str:
    return "no transfer is about them" if lang == "en" else "没有相关的移送"


def _counted_at(hub: Any, lang: str) -> str:
    at = hub.clock.now().strftime("%Y-%m-%d %H:%M")
    return f"counted {at}, China Standard Time" if lang == "en" else f"统计至 {at}（北京时间）"
