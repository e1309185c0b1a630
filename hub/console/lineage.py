"""Where every field of a transfer came from, as a table: the sender's record, the canonical one, what each recipient got."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.console.record import RecordTable
from hub.translation.lineage import leaves

Pair = tuple[str, str]

#: What a value rests on, where no single place of the other side is it.
KINDS: Mapping[str, Pair] = {
    "from": ("取自另一位置", "from another place"),
    "value": ("固定值", "constant"),
    "compute": ("计算", "computed"),
    "derive": ("推算", "follows from"),
    "context": ("报文之外的事实", "a fact beside the record"),
    "others": ("同报文其他人员", "the others in the message"),
    "position": ("序号", "its number in the list"),
    "named": ("由元素名得出", "told by which element it is"),
    "absent": ("空缺时所写", "where there is no value"),
    "document": ("由文书内容得出", "told by the document"),
    "unmapped": ("没有映射，原样保留", "unmapped, kept as it came"),
    "normalised": ("规范写法", "in its normal form"),
    "continued": ("承接所答复的移送", "taken over from the transfer it answers"),
    "hub": ("系统填写", "said by the hub"),
}
OUTCOMES: Mapping[str, Pair] = {
    "nothing": ("那里没有内容", "nothing stood there"),
    "condition": ("条件不成立", "its condition did not hold"),
    "carried": ("代码表中没有，原样保留", "not in the code list, kept as it came"),
    "fault": ("内容有误", "what stands there is faulty"),
    "left-out": ("所在部分没有可写的内容", "its part says nothing of the record"),
}
#: Characters of a value in a cell.
SHOWN = 120


@dataclass(frozen=True, slots=True)
class Cell:
    """A place of a foreign record with what stands there and the line that says so."""

    place: str
    text: str
    line: str
    codec: str
    how: Pair | None
    differs: bool


@dataclass(slots=True)
class Row:
    """One canonical place: its name and value, where it came from, and the cells of each recipient."""

    label: str
    value: str
    detail: str
    place: str
    line: str
    codec: str
    how: Pair | None
    condition: str
    differs: bool
    given: list[Cell]
    sent: list[list[Cell]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Column:
    """One recipient: what it was sent or would be now, by which mapping, and what in it no canonical place gave."""

    found: Mapping[str, Any]
    beside: Sequence[Cell]
    nothing: Sequence[tuple[str, str, Pair]]


def table_of(table: RecordTable, record: Mapping[str, Any], found: Mapping[str, Any], language: str) -> dict[str, Any]:
    """`rows`, `columns`, and of the sender's record `unread` texts and lines that gave `nothing`."""
    received = found["received"]
    rows = [
        _row(table, found["exchange"], record, origin, language)
        for origin in _gathered(received["fields"] or [_bare(p, v) for p, v in leaves(record)], record)
    ]
    columns = []
    for one in found["sent"]:
        beside = []
        for row in rows:
            row.sent.append([])
        for origin in one["fields"] if one["dialect"] else _gathered(one["fields"], {"record": record}):
            cell = _cell(origin)
            givers = [
                row for given in origin["given"] if given["side"] == "canonical" for row in _at(rows, given["place"])
            ]
            for row in {id(row): row for row in givers}.values():
                whole = not one["dialect"] and isinstance(origin["value"], Mapping)
                row.sent[-1].append(replace(cell, text=row.value) if whole else cell)
            if not givers:
                beside.append(cell)
        columns.append(Column(one, beside, _nothing(one)))
    return {
        "rows": rows,
        "columns": columns,
        "unread": [(text, text["fate"]) for text in received["texts"] if text["fate"] in ("unmapped", "known")],
        "nothing": _nothing(received),
        "received": received,
    }


def _nothing(found: Mapping[str, Any]) -> list[tuple[str, str, Pair]]:
    return [
        (step["looked_at"] or step["place"], short(step["line"]), OUTCOMES.get(step["outcome"], ("", "")))
        for step in found["nothing"]
    ]


def _bare(place: str, value: Any) -> dict[str, Any]:
    """A place of which nothing is known but that it is there."""
    return {"place": place, "value": value, "kind": "hub", "line": None, "codec": None, "given": [], "condition": None}


def _gathered(origins: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The origins, those of the parts of one value (a code, a term) as one."""
    last = None
    for origin in origins:
        above = origin["place"].rpartition("/")[0]
        value = _value_at(record, above)
        if above and isinstance(value, Mapping) and _is_one_value(value):
            if above != last:
                last = above
                yield {**origin, "place": above, "value": value, "given": _of_all(origin["given"], value)}
            continue
        last = None
        yield origin


def _of_all(given: Sequence[Mapping[str, Any]], value: Any) -> list[Mapping[str, Any]]:
    """What a part rests on, as what the whole does: of a canonical record the same whole, of a text the text."""
    return [
        {**one, "place": one["place"].rpartition("/")[0], "value": value} if _is_part(one, value) else one
        for one in given
    ]


def _is_part(given: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return given["place"].rpartition("/")[2] in value and given["side"] != "context"


def _is_one_value(value: Mapping[str, Any]) -> bool:
    return {"system", "code"} <= set(value) or (bool(value) and set(value) <= {"years", "months", "days"})


def _value_at(record: Any, pointer: str) -> Any:
    here = record
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list):
            here = here[int(name)] if name.isdigit() and int(name) < len(here) else None
        else:
            here = here.get(name) if isinstance(here, Mapping) else None
    return here


def _row(table: RecordTable, exchange: str, record: Mapping[str, Any], origin: Mapping[str, Any], language: str) -> Row:
    value = _value_at(record, origin["place"])
    label, shown, detail = table.one(exchange, origin["place"], origin["value"] if value is None else value, language)
    return Row(
        label=label,
        value=_cut(shown),
        detail=detail,
        place=origin["place"],
        line=short(origin["line"]),
        codec=origin["codec"] or "",
        how=KINDS.get(origin["kind"]),
        condition=origin["condition"] or "",
        differs=bool(origin.get("differs")),
        given=[
            Cell(
                given["place"],
                _cut(shown if isinstance(given["value"], Mapping) else _text(given["value"])),
                "",
                "",
                None,
                False,
            )
            for given in origin["given"]
        ],
    )


def _at(rows: Sequence[Row], place: str) -> list[Row]:
    """The rows of a canonical place: its own, the one that it is a part of, or those of its parts."""
    exact = [row for row in rows if row.place == place]
    if exact:
        return exact
    above = [row for row in rows if place.startswith(f"{row.place}/")]
    return above or [row for row in rows if row.place.startswith(f"{place}/")]


def _cell(origin: Mapping[str, Any]) -> Cell:
    return Cell(
        place=origin["place"],
        text=_cut(_text(origin["value"])),
        line=short(origin["line"]),
        codec=origin["codec"] or "",
        how=KINDS.get(origin["kind"]),
        differs=bool(origin.get("differs")),
    )


def short(line: str | None) -> str:
    """A line of a mapping without its folders."""
    return line.rpartition("/")[2] if line else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return f"{text[: SHOWN - 1]}…" if len(text) > SHOWN else text
