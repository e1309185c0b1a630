"""`hub mapping replay`: a draft of a dialect over what really passed, read before anyone approves it."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, CommandFailed, open_hub, print_json, print_table, told
from hub.findings import ConfigErrors
from hub.flow.live import InForce
from hub.translation.release import compiler, draft_of
from hub.workshop.replay_words import word

#: A replay is in no hurry: by default it takes half of one core, and next to nothing where others want it.
SHARE = 0.5
NICE = 19
#: Seconds in which a replay in the background has begun, or something is wrong.
BEGINS = 60.0


@mapping.command("replay")
@click.argument("dialect")
@click.option(
    "--draft",
    required=True,
    metavar="FOLDER|VERSION",
    help="the draft: a folder of the dialect, a whole configuration folder, or a version of the hub",
)
@click.option("--exchange", help="one exchange only")
@click.option("--days", type=click.IntRange(min=1), help="of the last so many days; else everything")
@click.option(
    "--share",
    type=click.FloatRange(min=0.01, max=1.0),
    default=SHARE,
    show_default=True,
    help="share of one core that it may take",
)
@click.option(
    "--list", "listed", type=click.Path(path_type=Path), help="write every transfer that it touches, one JSON a line"
)
@click.option("--background", is_flag=True, help="run on by itself; `hub mapping replays` tells how far it is")
@click.option("--run", "run_id", hidden=True)
@JSON
@LANGUAGE
@told
def replay(
    dialect: str,
    draft: str,
    exchange: str | None,
    days: int | None,
    share: float,
    listed: Path | None,
    background: bool,
    run_id: str | None,
    as_json: bool,
    lang: str,
) -> None:
    """Read and write again with a draft what passed in DIALECT, and tell what would have been different.

    Nothing is sent, stored or changed. Exit code 1 when something differs.
    """
    from hub.flow import hindsight
    from hub.store import replays
    from hub.workshop.replay import Judgement, Pace, Report, Touched
    from hub.workshop.replay import replay as run

    hub = open_hub()
    if dialect not in hub.dialects:
        raise CommandFailed(f"没有方言“{dialect}”；有：{'、'.join(hub.dialects)} (no such dialect)")
    active = hub.dialects.in_force(dialect)
    drafted = open_draft(hub, dialect, draft)
    run_id = run_id or hub.ids.new("rpl")
    if background:
        _in_the_background(hub, run_id, listed)
        click.echo(json.dumps({"id": run_id}) if as_json else run_id)
        return
    now = hub.clock.technical
    since = now() - timedelta(days=days) if days else None
    replays.begin(
        hub.database,
        run_id,
        dialect=dialect,
        active=active.version or active.release or "",
        draft=draft,
        draft_hash=drafted.release or "",
        asked={"exchange": exchange, "days": days, "share": share},
        by=getpass.getuser(),
        now=now(),
    )
    os.nice(NICE)
    stopped = _on_interrupt()
    report = Report(dialect)
    try:
        with _showing(as_json, lang) as show, _listing(listed) as note:

            def progress(so_far: Report) -> bool:
                show(so_far)
                return replays.progress(hub.database, run_id, so_far.as_dict(), now()) and not stopped()

            def touched(one: Touched) -> None:
                note(one.as_dict())

            report = run(
                hub.history,
                active.dialect,
                drafted.dialect,
                agencies=hub.agencies,
                recipients=[a.id for a in hub.agencies if any(reach.dialect == dialect for reach in a.reach)],
                reopen=lambda passed: hindsight.reopen(hub, passed),
                judge=lambda *asked: Judgement(*hindsight.judge(hub, *asked)),
                exchange=exchange,
                since=since,
                pace=Pace(share),
                progress=progress,
                touched=touched,
            )
    except Exception as error:
        replays.finish(hub.database, run_id, "failed", report.as_dict(), now(), f"{type(error).__name__}: {error}")
        raise
    state = "done" if report.done >= report.total and not stopped() else "stopped"
    replays.finish(hub.database, run_id, state, report.as_dict(), now())
    if as_json:
        print_json({"id": run_id, "state": state, **report.as_dict()})
    else:
        click.echo(run_id)
        tell(report.as_dict(), lang)
    if report.differs:
        sys.exit(1)


@mapping.command("replays")
@click.argument("run", required=False)
@click.option("--stop", "stopping", is_flag=True, help="stop the one that is named")
@JSON
@LANGUAGE
@told
def list_replays(run: str | None, stopping: bool, as_json: bool, lang: str) -> None:
    """The replays that are running or were; RUN: what one has found so far."""
    from hub.store import replays

    hub = open_hub()
    now = hub.clock.technical()
    if run and stopping:
        replays.stop(hub.database, run, now)
    if run:
        found = replays.one(hub.database, run, now)
        if as_json:
            print_json(found)
            return
        click.echo(f"{found['id']}  {found['dialect']}  {found['draft']}  {word(found['state'], lang)}")
        if found["report"]:
            tell(found["report"], lang)
        return
    items = replays.latest(hub.database, now)
    if as_json:
        print_json({"items": items})
        return
    print_table(
        ["编号", "方言", "草稿", "开始", "状态", "进度"]
        if lang == "zh"
        else ["id", "dialect", "draft", "began", "state", "done"],
        [
            [
                one["id"],
                one["dialect"],
                one["draft"],
                one["started_at"][:16],
                word(one["state"], lang),
                f"{one['report'].get('done', 0)}/{one['report'].get('total', '?')}",
            ]
            for one in items
        ],
    )


def open_draft(hub: Any, dialect: str, reference: str) -> InForce:
    """The draft that is meant: a folder of the dialect, a whole configuration folder, or what `hub.dialects` knows by a
    name. Raises `ConfigErrors` for one that does not compile."""
    folder = Path(reference)
    if not folder.is_dir():
        found: InForce = hub.dialects.find(reference, dialect)
        return found
    release = draft_of(folder, dialect, [hub.settings.config_dir / "codelists"])
    compiled = compiler(hub.agencies, {})(release)
    if compiled.findings or compiled.dialect is None:
        raise ConfigErrors(compiled.findings)
    return InForce(compiled.dialect, release.hash)


def tell(report: dict[str, Any], lang: str) -> None:
    """The report as a clerk reads it: how many came out how, then what is different, most first."""
    zh = lang == "zh"
    rows = []
    for direction in ("in", "out"):
        counted = report["counts"][direction]
        if any(counted.values()):
            rows.append([word(direction, lang), *(f"{counted[v]:,}" for v in counted)])
    print_table(["", *(word(v, lang) for v in report["counts"]["in"])], rows)
    if report["unreadable"]:
        told_of = "条存留报文已无法拆开" if zh else "stored messages could not be opened any more"
        click.echo(f"{report['unreadable']} {told_of}")
    for group in report["groups"]:
        click.echo(
            f"\n{word(group['direction'], lang)}  {group['exchange'] or ''}  {group['place']}  "
            f"{word(group['kind'], lang)}  ×{group['count']:,}  {group['line']}"
        )
        for example in group["examples"]:
            about = example["transfer"] or example["submission"]
            click.echo(f"    {about}  {_value(example['before'])} → {_value(example['after'])}")
    if report["further_groups"]:
        click.echo(("其余变化未逐项列出：" if zh else "more changes, not listed: ") + str(report["further_groups"]))


def _value(value: Any) -> str:
    return "—" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@contextmanager
def _showing(as_json: bool, lang: str) -> Iterator[Callable[[Any], None]]:
    """A progress bar on standard error, where somebody looks at it."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=as_json or not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("比对" if lang == "zh" else "replaying", total=None)
        yield lambda report: bar.update(task, completed=report.done, total=report.total)


@contextmanager
def _listing(path: Path | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    if path is None:
        yield lambda _: None
        return
    with path.open("w", encoding="utf-8") as file:
        yield lambda one: print(json.dumps(one, ensure_ascii=False), file=file)


def _on_interrupt() -> Callable[[], bool]:
    """Whether somebody has asked for the end: what was found until then is kept and told."""
    asked = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.append(True))
    return lambda: bool(asked)


def _in_the_background(hub: Any, run_id: str, listed: Path | None) -> None:
    """The same command again as a process of its own, which outlives this one."""
    from hub.store import replays

    folder = hub.settings.data_dir / "replays"
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--background", "--json")]
    own_list = [] if listed else ["--list", str(folder / f"{run_id}.ndjson")]
    with (folder / f"{run_id}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", *arguments, "--run", run_id, "--json", *own_list],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + BEGINS
    while process.poll() is None and time.monotonic() < until:
        if replays.begun(hub.database, run_id):
            return
        time.sleep(0.1)
    if process.poll() not in (0, 1) or not replays.begun(hub.database, run_id):
        raise CommandFailed((folder / f"{run_id}.log").read_text(encoding="utf-8", errors="replace").strip())
