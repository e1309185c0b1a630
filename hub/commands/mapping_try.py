"""`hub mapping try`: one message read or written by a dialect, with the origin of every field. Nothing is sent or kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from hub.commands.lineage_tables import tell_faults, tell_fields, tell_rest
from hub.commands.mapping import mapping
from hub.commands.telling import JSON, LANGUAGE, CommandFailed, print_json, told
from hub.settings import load


@mapping.command("try")
@click.argument("dialect")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--exchange", help="which exchange the file is meant to be; of a canonical record, as which it is written"
)
@click.option("--operation", help="the operation by which it would come (default: told by its root element)")
@click.option("--sender", metavar="AGENCY", help="who sends it (default: an agency that speaks the dialect)")
@click.option("--to", "to", metavar="DIALECT|AGENCY", help="also write what was read for this recipient")
@click.option("--canonical", "is_canonical", is_flag=True, help="FILE is a canonical record (JSON), to be written")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="configuration to try it with, not necessarily the one in force (default: HUB_CONFIG_DIR)",
)
@JSON
@LANGUAGE
@told
def mapping_try(
    dialect: str,
    file: Path,
    exchange: str | None,
    operation: str | None,
    sender: str | None,
    to: str | None,
    is_canonical: bool,
    folder: Path | None,
    as_json: bool,
    lang: str,
) -> None:
    """Read FILE as a message of DIALECT, or write it in DIALECT where it is a canonical record: the record, its faults, what
    no line names, and where each field came from. Exit code 1 when something is wrong with it."""
    from hub.workshop.desk import NOBODY, Desk, canonical

    desk = Desk.open(folder.absolute() if folder else load().config_dir)
    known = _dialect(desk, dialect)
    speaker = desk.speaker(dialect)
    sender = sender or (speaker.id if speaker else NOBODY)
    payload = file.read_bytes()
    record = canonical(payload) if is_canonical or known.form.name != "json" else None
    if is_canonical and record is None:
        raise CommandFailed(f"{file.name}不是规范记录：应为JSON，含exchange (no canonical record: JSON with exchange)")
    if record is not None:
        kind = exchange or str(record["exchange"])
        found = {"dialect": dialect, "read": None, "written": [_write(desk, dialect, kind, record, sender, None)]}
    else:
        found = _read(desk, known, payload, exchange, operation, sender, to)
    if as_json:
        print_json(found)
    else:
        _tell(found, lang)
    if _wrong(found):
        sys.exit(1)


def _dialect(desk: Any, name: str) -> Any:
    try:
        return desk.dialect(name)
    except KeyError:
        raise CommandFailed(f"没有方言“{name}”；有：{'、'.join(desk.book)} (no such dialect)") from None


def _read(
    desk: Any, dialect: Any, payload: bytes, exchange: str | None, operation: str | None, sender: str, to: str | None
) -> dict[str, Any]:
    from hub.translation.lineage import Told
    from hub.workshop.desk import read

    tried = read(Told(dialect), payload, operation, sender)
    told_of = tried.message.exchange if tried.message else None
    if exchange and told_of and exchange != told_of:
        raise CommandFailed(f"这是“{told_of}”，不是“{exchange}” (it is {told_of}, not {exchange})")
    items, written = [], []
    for item, lineage in tried.items:
        faults = [*item.faults, *_breaks_schema(str(told_of), item.record)]
        items.append(
            {
                "label": item.label,
                "disposition": item.disposition,
                "record": item.record,
                "faults": [fault.as_dict() for fault in faults],
                "unmapped": (item.record or {}).get("unmapped", {}),
                **lineage.as_dict(),
                "texts": [text.as_dict() for text in lineage.texts],
            }
        )
        if to and item.record is not None:
            written.append(_write(desk, to, str(told_of), item.record, sender, item.label))
    return {
        "dialect": dialect.name,
        "read": {
            "exchange": told_of,
            "key": tried.message.key if tried.message else None,
            "faults": [fault.as_dict() for fault in tried.faults],
            "items": items,
        },
        "written": written,
    }


def _breaks_schema(exchange: str, record: Any) -> list[Any]:
    """What the exchange's schema has against a record that could be read."""
    from hub.api.bundle import record_components, record_validator

    return record_validator(exchange)(record) if record is not None and exchange in record_components() else []


def _write(desk: Any, to: str, exchange: str, record: Any, sender: str, label: str | None) -> dict[str, Any]:
    """What `to`, an agency or any recipient of a dialect, would get."""
    from hub.clock import SystemClock
    from hub.translation.lineage import Told, shown
    from hub.workshop.desk import NOBODY, write

    agency = desk.agencies.get(to)
    if agency is not None:
        try:
            name = desk.dialect_of(agency, exchange)
        except KeyError:
            raise CommandFailed(f"没有可用的方式把“{exchange}”送达{to} (there is no way to carry it there)") from None
        if name is None:
            return {"to": to, "dialect": None, "label": label, "payload": None, "faults": [], "canonical": True}
    else:
        name, agency = to, desk.reached(to, exchange)
    dialect = _dialect(desk, name)
    if exchange not in dialect.writers:
        raise CommandFailed(f"方言“{name}”不写出“{exchange}” ({name} does not write {exchange})")
    written, faults, lineage = write(
        Told(dialect), exchange, record, sender, agency.id if agency else NOBODY, desk.agencies, SystemClock().now()
    )
    encoding = dialect.form.encoding
    return {
        "to": to,
        "dialect": name,
        "label": label,
        "media_type": written.media_type if written else None,
        "payload": encoding.decode(written.payload, "text.encoding") if written else None,
        "faults": [fault.as_dict() for fault in faults],
        **lineage.as_dict(),
        "not_sent": [{"place": place, "value": shown(value)} for place, value in lineage.left],
    }


def _wrong(found: dict[str, Any]) -> bool:
    read = found["read"]
    return any(one["faults"] for one in found["written"]) or bool(
        read and (read["faults"] or not read["items"] or any(item["faults"] for item in read["items"]))
    )


# ------------------------------------------------------------------ telling
def _tell(found: dict[str, Any], lang: str) -> None:
    zh = lang == "zh"
    if read := found["read"]:
        click.echo(f"{found['dialect']}  {read['exchange'] or '—'}  {read['key'] or ''}")
        tell_faults(_said(read["faults"], lang))
        for item in read["items"]:
            click.echo(f"\n{item['label'] or '—'}  {item['mapping']}")
            tell_faults(_said(item["faults"], lang))
            tell_fields(item["fields"], lang, ("规范位置", "来自") if zh else ("canonical place", "from"))
            tell_rest(item, lang)
    for one in found["written"]:
        click.echo(f"\n→ {one['to']}  {one['label'] or ''}  {one.get('mapping') or ''}".rstrip())
        if one.get("canonical"):
            click.echo("  按规范记录原样收到" if zh else "  gets the canonical record as it is")
            continue
        tell_faults(_said(one["faults"], lang))
        tell_fields(one["fields"], lang, ("对方位置", "来自") if zh else ("recipient's place", "from"))
        tell_rest(one, lang)
        if one["payload"] is not None:
            click.echo(f"\n{one['payload']}")


def _said(faults: list[dict[str, Any]], lang: str) -> list[dict[str, Any]]:
    return [{**fault, "message": fault["en" if lang == "en" else "zh"]} for fault in faults]
