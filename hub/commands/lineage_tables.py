"""Lineage as a person reads it in a terminal: place, value, where it came from, by which line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from hub.commands.telling import print_table

#: What a value rests on that no place of the other side gave, and what else became of a line.
WORDS = {
    "value": ("固定值", "constant"),
    "compute": ("计算", "computed"),
    "derive": ("推算", "follows"),
    "context": ("环境", "context"),
    "others": ("同报文其他人员", "others in the message"),
    "position": ("序号", "position"),
    "named": ("由元素名得出", "told by the element"),
    "absent": ("空缺时所写", "where there is none"),
    "document": ("由文书内容得出", "told by the document"),
    "unmapped": ("未映射，原样保留", "unmapped, carried along"),
    "normalised": ("规范化", "normalised"),
    "continued": ("承接前一移送", "continued"),
    "hub": ("系统填写", "by the hub"),
    "from": ("取自", "from"),
    "at": ("", ""),
    "nothing": ("那里没有内容", "nothing stood there"),
    "condition": ("条件不成立", "its condition did not hold"),
    "carried": ("代码表中没有，原样带走", "unknown code, carried along"),
    "fault": ("内容有误", "faulty"),
    "left-out": ("所在部分没有可写的内容", "its part says nothing of the record"),
    "known": ("已知，不取内容", "known, nothing is taken"),
}


def word(name: str, language: str) -> str:
    return WORDS[name][1 if language == "en" else 0] if name in WORDS else name


def plain(value: Any) -> str:
    """A value on one line, without a document's whole content."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return f"{text[:77]}…" if len(text) > 78 else text


def tell_fields(fields: Sequence[Mapping[str, Any]], language: str, sides: tuple[str, str]) -> None:
    """A table of places and their origins. `sides`: what the place is called, and what it came from."""
    value, line = ("值", "映射行") if language == "zh" else ("value", "line")
    rows = []
    for field in fields:
        how = word(field["kind"], language)
        places = ", ".join(f"{given['place']} “{plain(given['value'])}”" for given in field["given"])
        if field["alternatives"] > 1:
            nth = f"第{field['alternative']}项" if language == "zh" else f"alternative {field['alternative']}"
            how = f"{how} {nth}/{field['alternatives']}".strip()
        codec = f" ({field['codec']})" if field["codec"] else ""
        mark = " ≠" if field.get("differs") else ""
        rows.append(
            [field["place"], plain(field["value"]) + mark, f"{how} {places}{codec}".strip(), _short(field["line"])]
        )
    print_table([sides[0], value, sides[1], line], rows)


def tell_rest(found: Mapping[str, Any], language: str) -> None:
    """What gave nothing, what no line names, what is not sent."""
    zh = language == "zh"
    for step in found["nothing"]:
        looked = f" ← {step['looked_at']}" if step["looked_at"] else ""
        click.echo(f"  – {step['place']}{looked}: {word(step['outcome'], language)}  {_short(step['line'])}")
    for text in found.get("texts", ()):
        if text["fate"] in ("unmapped", "known"):
            click.echo(f"  · {text['place']} “{plain(text['text'])}”: {word(text['fate'], language)}")
    if found.get("not_sent"):
        click.echo("  对方收不到：" if zh else "  what the recipient does not get:")
        for left in found["not_sent"]:
            click.echo(f"    {left['place']} “{plain(left['value'])}”")


def tell_mapping(found: Mapping[str, Any], language: str) -> None:
    """By which mapping it was done, and whether it is the one by which it is told."""
    if found["same_mapping"] is False:
        click.echo(
            f"  ！当时所用映射是{found['mapping']}，以下按{found['explained_by']}说明，可能与当时不同（≠ 处即不同）"
            if language == "zh"
            else f"  ! {found['mapping']} was used; told by {found['explained_by']}, which may differ (where ≠ stands, it does)"
        )
    elif found["mapping"]:
        click.echo(f"  {found['mapping']}")


def tell_faults(faults: Sequence[Mapping[str, Any]]) -> None:
    for fault in faults:
        source = f"  {fault['source']}" if fault.get("source") else ""
        click.echo(f"  ✗ {fault.get('xpath') or fault['pointer']}: {fault['message']} [{fault['rule']}]{source}")


def _short(line: str | None) -> str:
    """`exchange.yaml:14` of a line; the dialect stands above."""
    return line.rpartition("/")[2] if line else "—"
