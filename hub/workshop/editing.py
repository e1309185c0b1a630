"""JSON Schemas for editors: completion, explanations and errors while an administrator writes a file of `mappings/`.

They are made from what the code itself knows, so that an editor and `hub check` take the same keys. What needs more than
one file (whether a place, a list or an operation exists) is `hub check`'s alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from marshmallow import Schema, fields, validate

from hub.translation import book, codelists
from hub.translation.codecs import CODECS, UNITS
from hub.translation.encodings import ENCODINGS
from hub.translation.formats import options
from hub.translation.formats.json import KINDS
from hub.translation.mapping import CLAUSE_KEYS, CONTEXT, DERIVATIONS, FILE_KEYS, SOURCES

DRAFT = "http://json-schema.org/draft-07/schema#"
#: Where the schemas lie in a configuration folder.
FOLDER = "schemas"
#: The comment by which an editor finds a file's schema. It stands in the first line.
MODELINE = "# yaml-language-server: $schema="
#: YAML 1.2 reads `version: 1` as a number and `absent: 0` too: what is written as text may look like one.
TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}
STRING: dict[str, Any] = {"type": "string"}
FLAG: dict[str, Any] = {"type": "boolean"}
YES: dict[str, Any] = {"const": True}
NAMES: dict[str, Any] = {"type": "array", "items": STRING}
TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": TEXT}
SENTENCES: dict[str, Any] = {
    "type": "object",
    "required": ["rule", "zh", "en"],
    "properties": {"rule": STRING, "zh": STRING, "en": STRING},
    "additionalProperties": False,
}
WORDS: dict[str, Any] = {
    "oneOf": [
        STRING,
        {
            "type": "object",
            "required": ["zh", "en"],
            "properties": {"zh": STRING, "en": STRING},
            "additionalProperties": False,
        },
    ]
}
ONE_OR_SEVERAL: dict[str, Any] = {"oneOf": [STRING, NAMES]}


def _one_of(values: Iterable[Any]) -> dict[str, Any]:
    return {"enum": list(values)}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/definitions/{name}"}


#: key of a mapping file → what it may hold, and what it means
FILE: Mapping[str, tuple[dict[str, Any], str]] = {
    "dialect": (STRING, "方言，即文件夹名。The folder's name."),
    "exchange": (STRING, "交换类型，即文件名。The file's name."),
    "version": (TEXT, "版本号，由管理员编写。The administrator's own number."),
    "zh": (STRING, "在该系统中的名称。What the record is called in this system."),
    "record": (
        STRING,
        "外部记录的根路径；JSON、CSV、定长为$。The path of the foreign record; $ in JSON, CSV and fixed width.",
    ),
    "operation": (STRING, "WSDL中的操作。The operation of the WSDL."),
    "schema": (STRING, "本记录的JSON Schema。The JSON Schema of this record."),
    "direction": (_one_of(["both", "in", "out"]), "只读或只写；不写则双向。One way only; without it, both."),
    "like": (STRING, "沿用同一方言的另一映射。Takes over the lines of another file of the dialect."),
    "drop": (NAMES, "不沿用的规范位置。Canonical places of that file that this one does without."),
    "facts": (TEXTS, "交给连接器的信封事实。Facts of the envelope, for the connector."),
    "required": (NAMES, "必须有值的规范位置。Canonical places that must be there."),
    "label": (STRING, "姓名所在的外部位置，用于答复。Where the person's name stands, for answers."),
    "left_to_connector": (NAMES, "由连接器写入的元素。Elements that the connector writes."),
    "ignore": (NAMES, "没有自身含义的外部位置。Foreign places that say nothing of their own."),
    "lines": (_ref("lines"), "双向的行：规范位置: 外部位置。Canonical place: foreign place, both ways."),
    "split": (_ref("split"), "一份报文拆成多条记录。One record of each instance of an element."),
    "only": (_ref("only"), "单向的行。One-way lines."),
    "loses": (
        {"type": "object", "additionalProperties": WORDS},
        "沿用的行会丢失什么。What lines taken over cannot carry.",
    ),
}

#: key of a clause → what it may hold, and what it means
CLAUSE: Mapping[str, tuple[dict[str, Any], str]] = {
    "at": (STRING, "外部位置。The foreign place."),
    "from": (STRING, "规范位置。A canonical place."),
    "value": ({}, "固定值。Always this value."),
    "compute": (STRING, "CEL表达式。A CEL expression."),
    "context": (_one_of(CONTEXT), "信封事实。A fact of the envelope."),
    "derive": (_one_of(DERIVATIONS), "由其他值推算，配合of。Follows from others, under of."),
    "others": (STRING, "其余各人的文字。The texts of the other instances of a split message."),
    "fault": (SENTENCES, "以自己的话报错。A fault in the mapping's own words."),
    "position": (YES, "序号，从1起。The number of the item, from 1."),
    "each": (STRING, "重复的元素；a/*为多种元素。A repeated element; a/* for elements of several names."),
    "date": (ONE_OR_SEVERAL, "日期格式，如yyyyMMdd、yyyy年M月d日、汉字、xs:date。A form of dates."),
    "time": (ONE_OR_SEVERAL, "时间格式，如yyyyMMddHHmmss、epoch、xs:dateTime。A form of times."),
    "term": (_one_of(["YYMMDD", "N年N月N日", "months"]), "期限格式。A form of terms."),
    "codes": (STRING, "代码表。A code list."),
    "check": (_one_of(["case-number", "GB 11643", "GB 11643, 18"]), "校验。A checked number."),
    "boolean": (
        {
            "type": "object",
            "minProperties": 2,
            "additionalProperties": {"oneOf": [FLAG, {"type": "array", "items": TEXT, "minItems": 1}]},
        },
        '是否：{"1": true, "0": false}，或{"true": [是], "false": [否]}。Words for true and false.',
    ),
    "money": (_one_of([True, *UNITS]), "金额及其单位。An amount in its unit."),
    "number": (YES, "整数。A whole number."),
    "place": (
        {
            "oneOf": [
                _one_of(["any", 6]),
                {"type": "array", "items": {"oneOf": [_one_of([3, 6]), STRING]}, "minItems": 1},
            ]
        },
        "区划代码。A place code.",
    ),
    "agency": (STRING, "单位：某种类、place、name或id。An agency: of a kind, by place, by name, by id."),
    "offence": (_one_of(["full", "short"]), "罪名带不带“罪”字。An offence with or without 罪."),
    "file_name": (YES, "材料的文件名。A document's title as a file name."),
    "document": (_one_of(["base64"]), "材料内容。A document's content."),
    "mark": (STRING, "法院代字表，与agency并用。The list of court marks, beside agency."),
    "name": (
        {"oneOf": [YES, {"type": "string", "maxLength": 1}]},
        "人名；或写出时的间隔号。A name; or the dot that is written.",
    ),
    "address": (_one_of(["full", "detail"]), "地址与区划代码。An address with its place code."),
    "as": (_one_of(["code", "word", "word as sent"]), "写代码还是写词。The code or the word is written."),
    "list": (STRING, "一栏多值的分隔符。The separator of several values in one text."),
    "names": (STRING, "单位名称表。A list of names of agencies."),
    "when": (STRING, "条件（CEL）。The condition, in CEL."),
    "missing": (SENTENCES, "缺少时如何报错。The fault of a required place without a value."),
    "of": (ONE_OR_SEVERAL, "推算所用的规范位置。The canonical places that it follows from."),
    "days": ({"type": "integer"}, "天数。How many days."),
    "as_written": (STRING, "案号原文存放处。Where a case number's own form is kept."),
    "absent": (TEXT, "没有值时写什么。What is written where there is no value."),
    "json": (_one_of(KINDS), "无Schema时的JSON类型。The type in JSON where no schema says."),
    "cdata": (FLAG, "写成CDATA。Goes out as a CDATA section."),
    "named": (
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"oneOf": [STRING, {"type": "object", "minProperties": 1}]},
        },
        "元素名各异的列表：{规范位置: {元素: 值}}。A list of elements of several names.",
    ),
    "lines": (_ref("lines"), "每一项的行。The lines of an item."),
    "only": (_ref("only"), "每一项的单向行。One-way lines of an item."),
    "loses": (WORDS, "此行会丢失什么。What this line cannot carry."),
}

#: key of dialect.yaml → what it may hold, and what it means
DIALECT: Mapping[str, tuple[dict[str, Any], str]] = {
    "dialect": (STRING, "方言，即文件夹名。The folder's name."),
    "zh": (STRING, "中文名称。The name in Chinese."),
    "en": (STRING, "英文名称。The name in English."),
    "format": (_one_of(options.FORMATS), "记录格式；不写则为xml。The format; xml when nothing is said."),
    "encoding": (_one_of(ENCODINGS), "编码；不写则为UTF-8。The encoding; UTF-8 when nothing is said."),
    "wsdl": (STRING, "WSDL文件，或none。The WSDL, or none."),
    "namespaces": (
        {"type": "object", "additionalProperties": STRING},
        '前缀: 命名空间；""为无前缀者。Prefix: namespace.',
    ),
    "nested": (
        {"oneOf": [NAMES, {"type": "object", "additionalProperties": {"oneOf": [{"type": "null"}, _ref("nested")]}}]},
        "其文字本身是一条记录的元素。Elements whose texts are records themselves.",
    ),
    "declaration": (FLAG, "是否写XML声明。Whether an XML declaration is written."),
    "schema": (STRING, "JSON Schema文件。The JSON Schema."),
    "csv": (_ref("csv"), "CSV的写法。How the CSV is written."),
    "fixed": (_ref("fixed"), "定长记录的字段。The fields of records of fixed width."),
    "receives": (
        {"type": "object", "additionalProperties": _ref("receives")},
        "接收的报文。The messages that are received.",
    ),
    "writes": (NAMES, "写出的交换类型。What the hub sends in this dialect."),
    "policy": (_one_of(book.POLICIES), "有误的记录：暂缓或拒绝。What happens to faulty records."),
    "policies": ({"type": "object", "additionalProperties": _one_of(book.POLICIES)}, "按规则分别处理。By rule."),
    "answer_codes": (TEXTS, "按规则的答复代码。Answer codes, by rule."),
    "hint": (
        {
            "type": "object",
            "required": ["at", "codes"],
            "properties": {"at": STRING, "codes": STRING},
            "additionalProperties": False,
        },
        "报文所填的接收单位。Where a record names its recipient.",
    ),
    "own_sender": (FLAG, "报文的发送单位须为所连接的单位。The record's sender must be the agency that is connected."),
    "note": (STRING, "说明。A note."),
}

#: key of a code list → what it may hold, and what it means
CODE_LIST: Mapping[str, tuple[dict[str, Any], str]] = {
    "name": (STRING, "代码表的名称，映射中以codes引用。The name that mappings say under codes."),
    "zh": (STRING, "中文名称。The name in Chinese."),
    "en": (STRING, "英文名称。The name in English."),
    "coded": (FLAG, "规范值为{system, code, text}。The canonical value is {system, code, text}."),
    "unknown": (_one_of(["refuse", "carry"]), "未知代码：拒绝，或原样带走。Unknown codes: refused, or carried along."),
    "codes": (
        {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"oneOf": [TEXT, {"type": "array", "items": TEXT}]},
        },
        "代码: 含义，两个方向都唯一。Code: meaning; both directions are unique.",
    ),
    "also_read": (TEXTS, "只读的写法: 含义。What is only read: its meaning."),
    "edition": (TEXT, "所据标准的版本。The edition of the standard."),
    "note": (STRING, "说明。A note."),
}

_OPTIONS: Mapping[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "csv": (
        options.CSV_KEYS,
        {
            "delimiter": STRING,
            "quote": {"type": "string", "minLength": 1, "maxLength": 1},
            "header": FLAG,
            "columns": NAMES,
            "line_end": _one_of(options.LINE_ENDS),
            "quote_all": FLAG,
            "group": _ref("group"),
        },
    ),
    "group": (options.GROUP_KEYS, {"name": STRING, "columns": NAMES}),
    "fixed": (
        options.FIXED_KEYS,
        {
            "unit": _one_of(options.UNITS),
            "line_end": _one_of([*options.LINE_ENDS, "none"]),
            "fields": {"type": "array", "items": _ref("field"), "minItems": 1},
            "records": {"type": "array", "items": _ref("kind"), "minItems": 1},
        },
    ),
    "kind": (
        options.RECORD_KEYS,
        {"name": STRING, "starts": TEXT, "fields": {"type": "array", "items": _ref("field"), "minItems": 1}},
    ),
    "field": (
        options.FIELD_KEYS,
        {
            "name": STRING,
            "width": {"type": "integer", "minimum": 1},
            "align": _one_of(options.ALIGNS),
            "pad": TEXT,
        },
    ),
    "nested": (options.NESTED_KEYS, {"format": _one_of(["xml", "json"]), "declaration": STRING, "cdata": FLAG}),
    "receives": (
        book.RECEIVES_KEYS,
        {
            "record": STRING,
            "key": STRING,
            "exchange": {
                "oneOf": [
                    STRING,
                    {
                        "type": "object",
                        "required": ["by", "is"],
                        "properties": {"by": STRING, "agrees_with": STRING, "is": TEXTS},
                        "additionalProperties": False,
                    },
                ]
            },
            "volatile": NAMES,
        },
    ),
}
_REQUIRED = {
    "group": ["name", "columns"],
    "kind": ["name", "starts", "fields"],
    "field": ["name", "width"],
    "receives": ["record", "key", "exchange"],
}


def _object(
    keys: Iterable[str], known: Mapping[str, tuple[dict[str, Any], str]], required: list[str], **more: Any
) -> dict[str, Any]:
    """An object with exactly these keys. KeyError for one that nobody has explained yet."""
    properties = {key: {**known[key][0], "description": known[key][1]} for key in keys}
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False, **more}


def _section_definitions() -> dict[str, Any]:
    """What mappings and answers share: lines, one-way lines, clauses."""
    keys = sorted(CLAUSE_KEYS)
    both = {key for key in keys if key not in SOURCES or key in ("at", "each")}
    either = [{"required": [source]} for source in SOURCES]
    # one codec in a line, but for the court's mark beside the agency
    alone = {
        codec: {
            "not": {
                "anyOf": [
                    {"required": [other]} for other in CODECS if other != codec and {codec, other} != {"mark", "agency"}
                ]
            }
        }
        for codec in CODECS
    }
    clause = _object(keys, CLAUSE, [], oneOf=either, dependencies=alone)
    pair = _object(
        [key for key in keys if key in both],
        CLAUSE,
        [],
        oneOf=[{"required": ["at"]}, {"required": ["each", "lines"]}],
        dependencies=alone,
    )
    one_way = {
        "anyOf": [
            STRING,
            _ref("clause"),
            {"type": "array", "items": {"anyOf": [STRING, _ref("clause")]}, "minItems": 1},
        ]
    }
    return {
        "clause": clause,
        "pair": pair,
        "lines": {"type": "object", "additionalProperties": {"anyOf": [STRING, _ref("pair")]}},
        "only": {
            "type": "object",
            "properties": {way: {"type": "object", "additionalProperties": one_way} for way in ("in", "out")},
            "additionalProperties": False,
        },
    }


def mapping() -> dict[str, Any]:
    """`dialects/<dialect>/<exchange>.yaml`."""
    split = {
        "type": "object",
        "properties": {"each": STRING, "lines": _ref("lines"), "only": _ref("only")},
        "additionalProperties": False,
    }
    return {
        "title": "映射 mapping",
        **_object(
            FILE_KEYS,
            FILE,
            ["dialect", "exchange"],
            anyOf=[{"required": ["record"]}, {"required": ["like"]}],
            definitions={**_section_definitions(), "split": split},
        ),
    }


def answers() -> dict[str, Any]:
    """`dialects/<dialect>/answers.yaml`."""
    answer = {
        "type": "object",
        "required": ["record"],
        "properties": {
            "record": STRING,
            **{key: {"$ref": f"mapping.schema.json#/definitions/{key}"} for key in ("lines", "only")},
        },
        "additionalProperties": False,
    }
    return {
        "title": "答复 answers",
        "type": "object",
        "properties": {"dialect": STRING},
        "additionalProperties": answer,
    }


def dialect() -> dict[str, Any]:
    """`dialects/<dialect>/dialect.yaml`."""
    definitions = {
        name: {
            "type": "object",
            "required": _REQUIRED.get(name, []),
            "properties": {key: shapes[key] for key in keys},
            "additionalProperties": False,
        }
        for name, (keys, shapes) in _OPTIONS.items()
    }
    return {"title": "方言 dialect", **_object(book.DIALECT_KEYS, DIALECT, ["dialect"], definitions=definitions)}


def codelist() -> dict[str, Any]:
    """`codelists/<name>.yaml`."""
    return {"title": "代码表 code list", **_object(codelists.KEYS, CODE_LIST, ["name", "codes"])}


# ------------------------------------------------------------------ which file has which
def schema_for(path: PurePath) -> str | None:
    """The schema of a file by its place below the configuration folder; None for files that have none."""
    if path.suffix != ".yaml":
        return None
    match path.parts:
        case ("dialects", _, "dialect.yaml"):
            return "dialect.schema.json"
        case ("dialects", _, "answers.yaml"):
            return "answers.schema.json"
        case ("dialects", _, name) if name != "transport.yaml":
            return "mapping.schema.json"
        case ("codelists", _):
            return "codelist.schema.json"
        case ("agencies", _):
            return "agency.schema.json"
        case ("workflow", _):
            return "workflow.schema.json"
        case ("calendars", _):
            return "calendar.schema.json"
    return None


def modeline(path: PurePath) -> str | None:
    """The comment that names a file's schema, relative to the file."""
    schema = schema_for(path)
    return f"{MODELINE}{'../' * (len(path.parts) - 1)}{FOLDER}/{schema}" if schema else None


# ------------------------------------------------------------------ files whose shapes marshmallow holds
def shaped(schema: Schema) -> dict[str, Any]:
    """The JSON Schema of what a strict marshmallow schema takes."""
    named = {field.data_key or name: field for name, field in schema.fields.items()}
    return {
        "type": "object",
        "required": [name for name, field in named.items() if field.required],
        "properties": {name: _field(field) for name, field in named.items()},
        "additionalProperties": False,
    }


def _field(field: fields.Field[Any]) -> dict[str, Any]:
    found: dict[str, Any]
    match field:
        case fields.Nested():
            found = shaped(field.schema)
        case fields.List():
            found = {"type": "array", "items": _field(field.inner)}
        case fields.Dict():
            found = {
                "type": "object",
                **({"additionalProperties": _field(field.value_field)} if field.value_field else {}),
            }
        case fields.Integer():
            found = {"type": "integer"}
        case fields.Number():
            found = {"type": "number"}
        case fields.Boolean():
            found = dict(FLAG)
        case fields.Date():
            found = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
        case fields.String():
            found = dict(STRING)
        case _:
            found = {}  # a value of any kind
    for rule in field.validators:
        match rule:
            case validate.OneOf():
                found["enum"] = list(rule.choices)
            case validate.Regexp():
                found["pattern"] = rule.regex.pattern
            case validate.Length():
                low, high = (rule.equal, rule.equal) if rule.equal is not None else (rule.min, rule.max)
                of = "Items" if found.get("type") == "array" else "Length"
                found |= {f"min{of}": low} if low is not None else {}
                found |= {f"max{of}": high} if high is not None else {}
            case validate.Range():
                found |= {"minimum": rule.min} if rule.min is not None else {}
                found |= {"maximum": rule.max} if rule.max is not None else {}
    return found


def agency(schema: Schema) -> dict[str, Any]:
    """`agencies/<id>.yaml`."""
    return {"title": "单位 agency", **shaped(schema)}


def workflow(sections: Mapping[str, Schema]) -> dict[str, Any]:
    """`workflow/<part>.yaml`: section → the shape of its entries."""
    return {
        "title": "业务流程 workflow",
        "type": "object",
        "properties": {
            name: {"type": "object", "additionalProperties": shaped(schema)} for name, schema in sections.items()
        },
        "additionalProperties": False,
    }


def all_schemas(
    agency_shape: Schema, sections: Mapping[str, Schema], calendar_shape: Schema
) -> dict[str, dict[str, Any]]:
    """Every schema by the name of its file under `mappings/schemas/`."""
    made = {
        "mapping": mapping(),
        "answers": answers(),
        "dialect": dialect(),
        "codelist": codelist(),
        "agency": agency(agency_shape),
        "workflow": workflow(sections),
        "calendar": {"title": "节假日 holidays of a year", **shaped(calendar_shape)},
    }
    return {f"{name}.schema.json": {"$schema": DRAFT, **schema} for name, schema in made.items()}
