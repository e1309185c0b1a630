"""The command line: what an administrator and an operator do, each command with `--json` for machines."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import click

from hub.commands import mapping_coverage as _mapping_coverage  # noqa: F401
from hub.commands import mapping_drift as _mapping_drift  # noqa: F401
from hub.commands import mapping_prove as _mapping_prove  # noqa: F401
from hub.commands import mapping_replay as _mapping_replay  # noqa: F401 - adds its commands to `mapping`
from hub.commands import mapping_schemas as _mapping_schemas  # noqa: F401
from hub.commands import mapping_suggest as _mapping_suggest  # noqa: F401
from hub.commands import mapping_try as _mapping_try  # noqa: F401
from hub.commands import mapping_versions as _mapping_versions  # noqa: F401
from hub.commands.chart import chart
from hub.commands.mapping import mapping
from hub.commands.people import operator
from hub.commands.telling import JSON, LANGUAGE, STDIN, CommandFailed, line_of, open_hub, print_json, print_table, told
from hub.commands.transfer_explain import explain
from hub.settings import load


def main() -> None:
    cli(prog_name="hub")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="santong-hub")
def cli() -> None:
    """Santong (三通): hub between courts, prisons, police, judicial bureaus and townships."""


# ------------------------------------------------------------------ serve, check, demo
@cli.command()
@click.option("--host", help="address to listen on (HUB_HOST)")
@click.option("--port", type=int, help="port to listen on (HUB_PORT)")
@LANGUAGE
@told
def serve(host: str | None, port: int | None, lang: str) -> None:
    """Run the hub: its HTTP and SOAP addresses, its pages, and its workers."""
    from hub.serve import serve as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(load(host=host, port=port), lang)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@JSON
@LANGUAGE
@told
def check(folder: Path | None, as_json: bool, lang: str) -> None:
    """Check the configuration (FOLDER, or HUB_CONFIG_DIR): every mistake with its file and line. Exit code 1 if there is one."""
    from hub.bootstrap import check as find

    config_dir = folder.absolute() if folder else load().config_dir
    found = find(config_dir)
    if as_json:
        print_json({"folder": config_dir.name, "findings": [finding.as_dict() for finding in found]})
    elif found:
        for finding in found:
            click.echo(line_of(finding, lang))
        click.echo(f"{len(found)}处问题" if lang == "zh" else f"{len(found)} findings")
    else:
        click.echo("配置没有问题" if lang == "zh" else "the configuration is sound")
    if found:
        sys.exit(1)


@cli.command()
@click.option("--resume", is_flag=True, help="go on where a run that was killed left off")
@click.option("--stay", is_flag=True, help="keep running afterwards and print the address of the pages")
@click.option("--port", type=int, default=0, help="port of the hub; 0 takes a free one")
@click.option(
    "--simulator",
    "simulators",
    multiple=True,
    metavar="SYSTEM=COMMAND",
    help="another program in a simulated system's place (court, prison, police, city, rest)",
)
@click.option("--pace", type=float, default=0.0, help="seconds to pause between the steps, for watching")
@JSON
@LANGUAGE
@told
def demo(
    resume: bool, stay: bool, port: int, simulators: tuple[str, ...], pace: float, as_json: bool, lang: str
) -> None:
    """Walk real cases through the hub with simulated agencies, and tell what happened."""
    from demo.run import run

    sys.exit(
        run(
            load(port=port or None),
            resume=resume,
            stay=stay,
            port=port,
            commands=dict(pair.split("=", 1) for pair in simulators),
            pace=pace,
            as_json=as_json,
            language=lang,
        )
    )


cli.add_command(chart)
cli.add_command(mapping)
cli.add_command(operator)


# ------------------------------------------------------------------ agencies
@cli.group()
def agency() -> None:
    """Who is connected, where and how."""


@agency.command("list")
@JSON
@LANGUAGE
@told
def agency_list(as_json: bool, lang: str) -> None:
    """Every agency with how it is reached."""
    hub = open_hub()
    found = [_agency(hub, a.id) for a in hub.agencies]
    if as_json:
        print_json({"items": found})
        return
    columns = (
        ["编号", "名称", "送达方式", "地址", "发来方言", "凭据"]
        if lang == "zh"
        else ["id", "name", "reached by", "address", "speaks", "credential"]
    )
    rows = []
    for entry in found:
        ways = ", ".join(f"{w['transport']}{'/' + w['dialect'] if w['dialect'] else ''}" for w in entry["reach"])
        rows.append(
            [
                entry["id"],
                entry["name" if lang == "zh" else "name_en"],
                ways,
                entry["reach"][0]["url"] or "—",
                entry["speaks"] or "—",
                ("有" if lang == "zh" else "yes") if entry["credential"] else "—",
            ]
        )
    print_table(columns, rows)


@agency.command("show")
@click.argument("agency_id")
@JSON
@LANGUAGE
@told
def agency_show(agency_id: str, as_json: bool, lang: str) -> None:
    """One agency: its file, its overrides (never its passwords), what can be carried to it."""
    found = _agency(open_hub(), agency_id)
    if as_json:
        print_json(found)
    else:
        for key, value in found.items():
            if key != "reach":
                click.echo(f"{key}: {'—' if value is None else value}")
        for way in found["reach"]:
            shown = f"{way['transport']}{'/' + way['dialect'] if way['dialect'] else ''}  {way['url'] or ''}  {way['user'] or ''}"
            click.echo(
                f"reach: {shown.rstrip()}{'  (hub agency set)' if way['overridden'] else ''}\n       {', '.join(way['carries'])}"
            )


@agency.command("set")
@click.argument("agency_id")
@click.option("--url", help="address of its endpoint")
@click.option("--user", help="user name that the hub presents there")
@click.option(
    "--password",
    help="password, or webhook secret (whsec_…), that the hub presents there; - reads it from standard input",
)
@JSON
@LANGUAGE
@told
def agency_set(
    agency_id: str, url: str | None, user: str | None, password: str | None, as_json: bool, lang: str
) -> None:
    """Override an agency's address and credentials. A running hub uses them from its next call on."""
    from hub.configuration import TRANSPORT_URL

    hub = open_hub()
    _known(hub, agency_id)
    if url is None and user is None and password is None:
        raise click.UsageError("nothing to set: give --url, --user or --password")
    if url is not None and not TRANSPORT_URL.match(url):
        raise click.UsageError(f"--url {url}: an http:// or https:// address is expected")
    if password == STDIN:
        password = sys.stdin.readline().rstrip("\n")
    with hub.store.begin() as unit:
        unit.set_override(agency_id, url, user, hub.seal.seal(password) if password else None)
    if as_json:
        print_json(_agency(hub, agency_id))
    else:
        click.echo(f"已更新{hub.agency_name(agency_id)}" if lang == "zh" else f"{agency_id} is changed")


@agency.command("credential")
@click.argument("agency_id")
@click.option("--soap-user", help="user name that its SOAP envelope carries (default: made up)")
@click.option("--soap-password", help="password that its SOAP envelope carries (default: made up)")
@JSON
@LANGUAGE
@told
def agency_credential(
    agency_id: str, soap_user: str | None, soap_password: str | None, as_json: bool, lang: str
) -> None:
    """Issue what an agency uses to call the hub; what it had before ends. Shown this once."""
    from hub.identity.credentials import issue

    issued = issue(open_hub(), agency_id, soap_user, soap_password)
    if as_json:
        print_json(issued)
    else:
        for key, value in issued.items():
            click.echo(f"{key}: {value}")
        click.echo("请妥善保存，仅显示这一次" if lang == "zh" else "keep it: it is shown this once")


def _known(hub: Any, agency_id: str) -> None:
    if agency_id not in hub.agencies:
        import difflib

        near = difflib.get_close_matches(agency_id, [a.id for a in hub.agencies], n=3)
        raise CommandFailed(f"没有单位“{agency_id}”；相近的有：{', '.join(near) or '—'} (no such agency)")


def _agency(hub: Any, agency_id: str) -> dict[str, Any]:
    _known(hub, agency_id)
    found = hub.agencies[agency_id]
    from hub.store import queries

    with hub.store.read() as unit:
        over = unit.override(agency_id)
        credential = unit.credential_of(agency_id)
    reach = []
    for n, way in enumerate(found.reach):
        first = n == 0 and over is not None
        reach.append(
            {
                "transport": way.transport,
                "dialect": way.dialect,
                "url": (over.url if first and over.url else way.url),
                "user": (over.user if first and over.user else way.user),
                "overridden": bool(first),
                "carries": sorted(hub.dialects[way.dialect].writes()) if way.dialect else ["*"],
            }
        )
    return {
        **queries.agency(hub, agency_id),
        "reach": reach,
        "credential": credential.client_id if credential else None,
        "source": found.source,
    }


# ------------------------------------------------------------------ transfers
@cli.group()
def transfer() -> None:
    """What was handed from one agency to another."""


transfer.add_command(explain)


@transfer.command("list")
@click.option("--case", help="case id or number")
@click.option("--person", help="person id")
@click.option("--exchange")
@click.option("--agency", help="sender or recipient")
@click.option("--state", help="status of the transfer or of one of its deliveries, e.g. parked, unknown")
@click.option("--refused", is_flag=True, help="list what was refused at the door instead")
@click.option("--limit", type=click.IntRange(1, 1000), default=50)
@JSON
@LANGUAGE
@told
def transfer_list(
    case: str | None,
    person: str | None,
    exchange: str | None,
    agency: str | None,
    state: str | None,
    refused: bool,
    limit: int,
    as_json: bool,
    lang: str,
) -> None:
    """Transfers, newest first."""
    from hub import words
    from hub.store import queries

    hub = open_hub()
    if refused:
        items = queries.refusals(hub, limit, agency)
        if as_json:
            print_json({"items": items})
        else:
            print_table(
                ["时间", "单位", "编号", "原因"] if lang == "zh" else ["at", "agency", "key", "why"],
                [
                    [
                        i["at"],
                        i["agency"],
                        i["key"] or "—",
                        "; ".join(f["zh" if lang == "zh" else "en"] for f in i["faults"]),
                    ]
                    for i in items
                ],
            )
        return
    filters = {"case": case, "person": person, "exchange": exchange, "agency": agency, "state": state}
    found = queries.transfers(hub, None, {k: v for k, v in filters.items() if v}, limit)
    if as_json:
        print_json(found)
        return
    rows = []
    for item in found["items"]:
        name = hub.catalogue.get(item["exchange"])
        going = ", ".join(f"{d['recipient']} {words.status(d['status'], lang)}" for d in item["deliveries"])
        rows.append(
            [
                item["id"],
                item["accepted_at"][:16],
                name.label(lang) if name else item["exchange"],
                item["label"] or "—",
                item["sender"],
                words.status(item["status"], lang),
                going,
            ]
        )
    print_table(
        ["编号", "受理时间", "事项", "人员", "发送单位", "状态", "送达"]
        if lang == "zh"
        else ["id", "accepted", "exchange", "person", "sender", "status", "deliveries"],
        rows,
    )


@transfer.command("show")
@click.argument("transfer_id")
@JSON
@LANGUAGE
@told
def transfer_show(transfer_id: str, as_json: bool, lang: str) -> None:
    """One transfer: record, documents, deliveries, timeline."""
    from hub import words
    from hub.store import queries

    hub = open_hub()
    found = queries.transfer(hub, None, transfer_id)
    events = queries.timeline(hub, None, transfer_id)["items"]
    if as_json:
        print_json({**found, "timeline": events})
        return
    click.echo(f"{found['id']}  {found['exchange']}  {found['label'] or ''}  {words.status(found['status'], lang)}")
    for event in events:
        click.echo(f"  {event['at'][:16]}  {words.tell(hub, event, lang)}")
    click.echo(json.dumps(found["record"], ensure_ascii=False, indent=1))


@transfer.command("redeliver")
@click.argument("transfer_id")
@click.option("--recipient", help="one recipient only")
@click.option("--dry-run", is_flag=True, help="say what would be sent, send nothing")
@click.option(
    "--mapping",
    "by",
    help="by what it is written anew: `current` (in force; the default), `recorded` (when it was accepted), or a version",
)
@JSON
@LANGUAGE
@told
def transfer_redeliver(
    transfer_id: str, recipient: str | None, dry_run: bool, by: str | None, as_json: bool, lang: str
) -> None:
    """Send again what is parked or of unknown outcome, or route again what was parked at the door."""
    from hub.flow.redelivery import redeliver

    plan = redeliver(open_hub(), None, transfer_id, {"recipient": recipient, "dry_run": dry_run, "mapping": by})
    if as_json:
        print_json(plan)
        return
    for entry in plan["deliveries"]:
        done = (
            ("将重发" if dry_run else "已安排重发")
            if lang == "zh"
            else ("would be sent again" if dry_run else "will be sent again")
        )
        written = f"  {entry['mapping']}" if entry["mapping"] else ""
        click.echo(f"{entry['recipient']}: {entry['from']} → {done}{written}")


if __name__ == "__main__":
    main()
