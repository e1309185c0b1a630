"""`hub mapping list|show|draft|check|diff|propose|approve|…`: a change of a mapping on its way into force, and back."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from hub.commands.mapping import mapping
from hub.commands.people import AS, person
from hub.commands.telling import JSON, LANGUAGE, CommandFailed, open_hub, print_json, print_table, told

NOTE = click.option("--note", help="a sentence for the audit")


# ------------------------------------------------------------------ looking
@mapping.command("list")
@click.argument("dialect", required=False)
@JSON
@LANGUAGE
@told
def list_versions(dialect: str | None, as_json: bool, lang: str) -> None:
    """What is in force in each dialect (or in DIALECT), and every version with its state."""
    from hub.flow.mapping_desk import in_force
    from hub.workshop.telling import state_word, summary

    hub = open_hub()
    if dialect is not None and dialect not in hub.dialects:
        raise CommandFailed(f"没有方言“{dialect}”；有：{'、'.join(hub.dialects)} (no such dialect)")
    dialects = [one for one in in_force(hub) if dialect in (None, one["dialect"])]
    items = [summary(one) for one in hub.governance.shown(hub.mappings.versions(dialect))]
    if as_json:
        print_json({"dialects": dialects, "items": items})
        return
    zh = lang == "zh"
    for one in dialects:
        by = one["version"] or ("按文件" if zh else "by its files")
        click.echo(f"{one['dialect']}: {by}  {(one['hash'] or '')[:12]}")
        if one["differs_from_files"]:
            click.echo(
                "  文件与所用版本不同：文件只作为起草的来源（hub mapping draft）"
                if zh
                else "  the files say something else: they are only a source for a draft (hub mapping draft)"
            )
        for coming in one["to_come"]:
            click.echo(f"  {coming['since']} {'起启用' if zh else 'from then on'}: {coming['version']}")
    print_table(
        ["编号", "方言", "版", "状态", "内容", "来源", "起草", "说明"]
        if zh
        else ["id", "dialect", "no.", "state", "content", "origin", "by", "note"],
        [
            [
                one["id"],
                one["dialect"],
                str(one["number"]),
                state_word(one["state"], lang) + (" ●" if one["in_force"] else ""),
                one["hash"][:12],
                one["origin"],
                f"{one['created_by']} {one['created_at'][:10]}",
                one["note"] or "",
            ]
            for one in items
        ],
    )


@mapping.command("show")
@click.argument("version")
@JSON
@LANGUAGE
@told
def show_version(version: str, as_json: bool, lang: str) -> None:
    """One version: its files and hash, its state, what was done with it by whom, and what its last check found."""
    from hub.workshop.telling import detail, event_word, state_word

    found = detail(open_hub().governance, version)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['id']}  {found['dialect']} {found['number']}  {state_word(found['state'], lang)}")
    click.echo(f"{found['hash']}")
    for file in found["files"]:
        click.echo(f"  {file['sha256'][:12]}  {file['size']:>7}  {file['path']}")
    for name, events in (("", found["events"]), ("另一中心：" if lang == "zh" else "elsewhere: ", found["elsewhere"])):
        for event in events:
            note = f"  {event['note']}" if event["note"] else ""
            shown = f"{(event['at'] or '')[:19]}  {name}{event_word(event['kind'] or '', lang)}  {event['by']}"
            click.echo(f"  {shown}  {(event['hash'] or '')[:12]}{note}")
    _tell_findings(found["findings"], lang)
    _tell_findings(found["warnings"], lang)


@mapping.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--files", "only_files", is_flag=True, help="the files only, as a unified diff")
@JSON
@LANGUAGE
@told
def diff_versions(old: str, new: str, only_files: bool, as_json: bool, lang: str) -> None:
    """What NEW has that OLD has not: by line of the mapping in words, and by file.

    OLD and NEW: a version (map_…), `current:DIALECT` for what is in force, `files:DIALECT` for what the files say. Exit code
    1 when they differ.
    """
    from hub.flow.mapping_desk import compare

    found = compare(open_hub(), old, new)
    if as_json:
        print_json(found)
    else:
        if not only_files:
            for line in found["lines"]:
                where = f"{line['exchange'] or found['dialect']}  {line['file']}{':' + str(line['line']) if line['line'] else ''}"
                click.echo(f"{line['zh' if lang == 'zh' else 'en']}\n    {where}")
            if not found["compiled"]:
                click.echo(
                    "其中一个不能编译，只能逐文件比较" if lang == "zh" else "one of them does not compile: by file only"
                )
        for file in found["files"]:
            click.echo(file["diff"] or f"{file['path']}: {file['change']}", nl=not file["diff"])
    if found["files"]:
        sys.exit(1)


# ------------------------------------------------------------------ a draft
@mapping.command("draft")
@click.argument("dialect")
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="the dialect's folder with its code lists beside it, or a whole configuration folder",
)
@click.option("--version", help="put it into this draft instead of a new one")
@NOTE
@AS
@JSON
@LANGUAGE
@told
def draft_version(
    dialect: str, source: Path, version: str | None, note: str | None, who: str | None, as_json: bool, lang: str
) -> None:
    """Make a draft of DIALECT from files. Nothing that runs is changed."""
    from hub.translation.release import draft_of

    hub = open_hub()
    release = draft_of(source.absolute(), dialect, [hub.settings.config_dir / "codelists"])
    by = person(hub, who, lang)
    made = hub.governance.edit(by, version, release, note) if version else hub.governance.draft(by, release, note)
    _tell(hub, made.id, as_json, lang)


@mapping.command("check")
@click.argument("version")
@AS
@JSON
@LANGUAGE
@told
def check_version(version: str, who: str | None, as_json: bool, lang: str) -> None:
    """Try everything on a draft: lint, and the laws of its mappings. Exit code 1 with findings."""
    from hub.workshop.telling import detail

    hub = open_hub()
    _, found = hub.governance.check(person(hub, who, lang), version)
    if as_json:
        print_json(detail(hub.governance, version))
    else:
        _tell(hub, version, False, lang)
        _tell_findings([finding.as_dict() for finding in found.findings], lang)
        _tell_findings([finding.as_dict() for finding in found.warnings], lang)
    if found.findings:
        sys.exit(1)


@mapping.command("propose")
@click.argument("version")
@NOTE
@AS
@JSON
@LANGUAGE
@told
def propose_version(version: str, note: str | None, who: str | None, as_json: bool, lang: str) -> None:
    """Ask somebody else to approve what is checked."""
    hub = open_hub()
    hub.governance.propose(person(hub, who, lang), version, note)
    _tell(hub, version, as_json, lang)


@mapping.command("withdraw")
@click.argument("version")
@NOTE
@AS
@JSON
@LANGUAGE
@told
def withdraw_version(version: str, note: str | None, who: str | None, as_json: bool, lang: str) -> None:
    """Take a draft or a proposal back."""
    hub = open_hub()
    hub.governance.withdraw(person(hub, who, lang), version, note)
    _tell(hub, version, as_json, lang)


# ------------------------------------------------------------------ somebody else
@mapping.command("approve")
@click.argument("version")
@click.option(
    "--hash", "seen", required=True, help="the content that you saw: its hash, or the first 8 characters or more"
)
@NOTE
@AS
@JSON
@LANGUAGE
@told
def approve_version(version: str, seen: str, note: str | None, who: str | None, as_json: bool, lang: str) -> None:
    """Approve a proposal in which you had no hand, for exactly the content that you saw."""
    hub = open_hub()
    hub.governance.approve(person(hub, who, lang), version, seen, note)
    _tell(hub, version, as_json, lang)


@mapping.command("reject")
@click.argument("version")
@click.option("--reason", required=True, help="what its editor can act on")
@AS
@JSON
@LANGUAGE
@told
def reject_version(version: str, reason: str, who: str | None, as_json: bool, lang: str) -> None:
    """Refuse a proposal, with a reason."""
    hub = open_hub()
    hub.governance.reject(person(hub, who, lang), version, reason)
    _tell(hub, version, as_json, lang)


# ------------------------------------------------------------------ in force
@mapping.command("activate")
@click.argument("version")
@click.option("--at", "moment", help="from this moment on, e.g. 2026-03-02T07:00:00+08:00; else from now")
@NOTE
@AS
@JSON
@LANGUAGE
@told
def activate_version(
    version: str, moment: str | None, note: str | None, who: str | None, as_json: bool, lang: str
) -> None:
    """Bring an approved version into force. What was accepted before is still delivered as it was accepted."""
    hub = open_hub()
    at = _moment(moment) if moment else None
    hub.governance.activate(person(hub, who, lang), version, at, note)
    _tell(hub, version, as_json, lang)


@mapping.command("retire")
@click.argument("version")
@NOTE
@AS
@JSON
@LANGUAGE
@told
def retire_version(version: str, note: str | None, who: str | None, as_json: bool, lang: str) -> None:
    """Call off a version that is approved or to come into force."""
    hub = open_hub()
    hub.governance.retire(person(hub, who, lang), version, note)
    _tell(hub, version, as_json, lang)


@mapping.command("rollback")
@click.argument("dialect")
@NOTE
@AS
@JSON
@LANGUAGE
@told
def rollback_dialect(dialect: str, note: str | None, who: str | None, as_json: bool, lang: str) -> None:
    """Put the version before the one in force into force again, now."""
    from hub.workshop.telling import summary

    hub = open_hub()
    left, back = hub.governance.rollback(person(hub, who, lang), dialect, note)
    if as_json:
        old, new = hub.governance.shown([left, back])
        print_json({"dialect": dialect, "from": summary(old), "to": summary(new)})
        return
    since = summary(hub.governance.shown([back])[0])["active_from"]
    click.echo(
        f"{dialect}：{left.id}（第{left.number}版）→ {back.id}（第{back.number}版），{since}起"
        if lang == "zh"
        else f"{dialect}: {left.id} (number {left.number}) → {back.id} (number {back.number}), from {since} on"
    )


# ------------------------------------------------------------------ from hub to hub
@mapping.command("export")
@click.argument("version")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@JSON
@LANGUAGE
@told
def export_version(version: str, file: Path, as_json: bool, lang: str) -> None:
    """Write a version into FILE, for another hub to take."""
    hub = open_hub()
    content = hub.governance.export(version)
    file.write_bytes(content)
    if as_json:
        print_json({"version": version, "file": file.name, "size": len(content)})
    else:
        click.echo(f"{file}  {hub.governance.version(version).release}")


@mapping.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@NOTE
@AS
@JSON
@LANGUAGE
@told
def import_version(file: Path, note: str | None, who: str | None, as_json: bool, lang: str) -> None:
    """Make a draft of what another hub has exported. Approvals of that hub are shown and do not count here."""
    hub = open_hub()
    made = hub.governance.take(person(hub, who, lang), file.read_bytes(), note)
    _tell(hub, made.id, as_json, lang)


# ------------------------------------------------------------------ telling
def _tell(hub: Any, version: str, as_json: bool, lang: str) -> None:
    from hub.workshop.telling import detail, state_word

    found = detail(hub.governance, version)
    if as_json:
        print_json(found)
        return
    since = f"  {found['active_from']}" if found["active_from"] else ""
    click.echo(f"{found['id']}  {found['dialect']} {found['number']}  {state_word(found['state'], lang)}{since}")
    click.echo(found["hash"])


def _tell_findings(findings: list[dict[str, Any]], lang: str) -> None:
    for one in findings:
        click.echo(f"{one['file']}:{one['line']}: [{one['rule']}] {one['zh' if lang == 'zh' else 'en']}")


def _moment(text: str) -> datetime:
    found: datetime | None = None
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
    if found is None or found.tzinfo is None:
        raise click.UsageError(f"--at {text}: a time with offset like 2026-03-02T07:00:00+08:00 is expected")
    return found
