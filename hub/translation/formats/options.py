"""What `dialect.yaml` says about the format of its records, made into that format; every mistake at its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hub.domain.values import NotValid
from hub.findings import LinedDict
from hub.translation.encodings import ENCODINGS, UTF_8, Encoding
from hub.translation.foreign import path_of
from hub.translation.formats.csv import ROW, Csv, Group, delimiter_of
from hub.translation.formats.fixed import Field, Fixed, Kind
from hub.translation.formats.form import Format
from hub.translation.formats.json import Json
from hub.translation.formats.xml import Nested, Xml

#: line, rule, Chinese, English
SayAt = Callable[[int, str, str, str], None]

FORMATS = ("xml", "json", "csv", "fixed")
#: Keys of dialect.yaml that only some formats have.
FORMAT_KEYS: Mapping[str, tuple[str, ...]] = {
    "xml": ("wsdl", "namespaces", "nested", "declaration"),
    "json": ("schema",),
    "csv": ("csv",),
    "fixed": ("fixed",),
}
CSV_KEYS = ("delimiter", "quote", "header", "columns", "line_end", "quote_all", "group")
GROUP_KEYS = ("name", "columns")
FIXED_KEYS = ("unit", "line_end", "fields", "records")
RECORD_KEYS = ("name", "starts", "fields")
FIELD_KEYS = ("name", "width", "align", "pad")
NESTED_KEYS = ("format", "declaration", "cdata")
LINE_ENDS = {"CRLF": "\r\n", "LF": "\n"}
UNITS = ("bytes", "characters")
ALIGNS = ("left", "right")


def format_of(found: LinedDict, say: SayAt) -> Format:
    """The format of a dialect; XML where it says nothing, or something wrong."""
    return _Options(found, say).read()


class _Options:
    def __init__(self, found: LinedDict, say: SayAt) -> None:
        self.found, self.say = found, say

    def read(self) -> Format:
        name = str(self.found.get("format", "xml"))
        if name not in FORMATS:
            self._wrong(self.found, "format", f"应为{'、'.join(FORMATS)}之一", f"one of {', '.join(FORMATS)}")
            return Xml()
        for other, keys in FORMAT_KEYS.items():
            for key in keys:
                if other != name and key in self.found and not (key == "wsdl" and self.found[key] == "none"):
                    self._wrong(
                        self.found, key, f"只用于format: {other}的方言", f"only for dialects of format: {other}"
                    )
        encoding = self._encoding()
        if name == "json":
            return Json(encoding)
        if name == "csv":
            return self._csv(encoding)
        if name == "fixed":
            return self._fixed(encoding)
        return self._xml(encoding)

    # ------------------------------------------------------------ parts
    def _wrong(self, at: LinedDict, key: str | int, zh: str, en: str) -> None:
        self.say(at.line_of(key), "dialect.format", f"{key}：{zh}", f"{key}: {en}")

    def _encoding(self) -> Encoding:
        named = str(self.found.get("encoding", "UTF-8"))
        if named not in ENCODINGS:
            known = list(ENCODINGS)
            self._wrong(self.found, "encoding", f"应为{'、'.join(known)}之一", f"one of {', '.join(known)}")
        return ENCODINGS.get(named, UTF_8)

    def _section(self, at: LinedDict, key: str, known: tuple[str, ...]) -> LinedDict:
        section = at.get(key)
        if not isinstance(section, LinedDict):
            if section is not None:
                self._wrong(at, key, f"应含{'、'.join(known)}", f"it holds {', '.join(known)}")
            empty = LinedDict()
            empty.line, empty.lines = at.line_of(key), {}
            return empty
        self._known(section, known)
        return section

    def _known(self, section: LinedDict, known: tuple[str, ...]) -> None:
        for key in section:
            if key not in known:
                self.say(
                    section.line_of(key),
                    "dialect.key",
                    f"未知的键“{key}”，应为{'、'.join(known)}之一",
                    f"unknown key {key!r}; known are {', '.join(known)}",
                )

    def _flag(self, section: LinedDict, key: str, otherwise: bool) -> bool:
        value = section.get(key, otherwise)
        if not isinstance(value, bool):
            self._wrong(section, key, "应为true或false", "true or false")
            return otherwise
        return value

    def _line_end(self, section: LinedDict, words: Mapping[str, str]) -> str:
        named = str(section.get("line_end", "CRLF"))
        if named not in words:
            self._wrong(section, "line_end", f"应为{'、'.join(words)}之一", f"one of {', '.join(words)}")
        return words.get(named, "\r\n")

    def _names(self, section: LinedDict, key: str) -> tuple[str, ...]:
        names = section.get(key, [])
        if (
            not isinstance(names, list)
            or not all(isinstance(name, str) and name for name in names)
            or len(set(names)) < len(names)
        ):
            self._wrong(section, key, "应为互不相同的名称列表", "a list of names, each once")
            return ()
        return tuple(names)

    # ------------------------------------------------------------ formats
    def _xml(self, encoding: Encoding) -> Xml:
        spaces = self.found.get("namespaces") or {}
        if not isinstance(spaces, Mapping) or not all(isinstance(uri, str) and uri for uri in spaces.values()):
            self._wrong(self.found, "namespaces", "应为“前缀: 命名空间”", "prefix: namespace")
            spaces = {}
        for key in ("encoding", "declaration"):
            if key in self.found and self.found.get("wsdl", "none") != "none":
                self._wrong(
                    self.found,
                    key,
                    "SOAP报文的编码和声明写在transport.yaml中",
                    "the encoding and declaration of SOAP messages stand in transport.yaml",
                )
        prefixes = {str(prefix): str(uri) for prefix, uri in spaces.items()}
        if len(set(prefixes.values())) < len(prefixes):
            self._wrong(self.found, "namespaces", "同一命名空间有两个前缀", "one namespace has two prefixes")
        return Xml(encoding, prefixes, self._nested(prefixes), self._flag(self.found, "declaration", False))

    def _nested(self, prefixes: Mapping[str, str]) -> dict[tuple[str, ...], Nested]:
        said = self.found.get("nested")
        if said is None:
            return {}
        if isinstance(said, list):
            return {path_of(str(place)): Nested(Xml(prefixes=prefixes)) for place in said}
        if not isinstance(said, LinedDict):
            self._wrong(self.found, "nested", "应为“位置: {…}”", "place: {…}")
            return {}
        nested: dict[tuple[str, ...], Nested] = {}
        for place in said:
            section = self._section(said, place, NESTED_KEYS) if said[place] is not None else LinedDict()
            name = str(section.get("format", "xml"))
            if name not in ("xml", "json"):
                self._wrong(section, "format", "字符串中的记录应为xml或json", "a record in a string is xml or json")
            form: Format = Json() if name == "json" else Xml(prefixes=prefixes)
            nested[path_of(place)] = Nested(
                form, str(section.get("declaration", "")), self._flag(section, "cdata", False)
            )
        return nested

    def _csv(self, encoding: Encoding) -> Csv:
        section = self._section(self.found, "csv", CSV_KEYS)
        delimiter, quote = ",", str(section.get("quote", '"'))
        try:
            delimiter = delimiter_of(str(section.get("delimiter", ",")))
        except NotValid as error:
            self._wrong(section, "delimiter", error.zh, error.en)
        if len(quote) != 1 or quote == delimiter:
            self._wrong(section, "quote", "应为一个字符，且不同于delimiter", "one character, other than delimiter")
            quote = '"'
        header, columns = self._flag(section, "header", True), self._names(section, "columns")
        if not header and not columns:
            self._wrong(section, "columns", "没有标题行时须列出各列名称", "without a header the columns must be named")
        elif not columns and self.found.get("writes"):
            self._wrong(
                section,
                "columns",
                "写出CSV的方言须列出各列及其顺序",
                "a dialect that writes CSV names its columns, in their order",
            )
        group = None
        if "group" in section:
            inner = self._section(section, "group", GROUP_KEYS)
            own = self._names(inner, "columns")
            name = inner.get("name")
            if not own or not isinstance(name, str) or (columns and not set(own) < set(columns)):
                self._wrong(
                    section,
                    "group",
                    "应写明name，以及columns中作为分组依据的列",
                    "it needs a name, and those of the columns in which the rows of one group agree",
                )
            else:
                group = Group(name, own)
        for reserved in {ROW, *([group.name] if group else [])} & set(columns):
            self._wrong(section, "columns", f"列名不能是“{reserved}”", f"no column may be called {reserved!r}")
        return Csv(
            encoding,
            delimiter,
            quote,
            header,
            columns,
            self._line_end(section, LINE_ENDS),
            self._flag(section, "quote_all", False),
            group,
        )

    def _fixed(self, encoding: Encoding) -> Fixed:
        section = self._section(self.found, "fixed", FIXED_KEYS)
        unit = section.get("unit", "bytes")
        if unit not in UNITS:
            self._wrong(section, "unit", "应为bytes（字节）或characters（字符）", "bytes or characters")
        line_end = self._line_end(section, {**LINE_ENDS, "none": ""})
        kinds: list[Kind] = []
        records = section.get("records")
        if isinstance(records, list) and records and "fields" not in section:
            for n, record in enumerate(records):
                if not isinstance(record, LinedDict) or not all(
                    isinstance(record.get(key), str) and record[key] for key in ("name", "starts")
                ):
                    self.say(
                        section.line_of("records", n),
                        "dialect.format",
                        "每种记录应写明name、starts和fields",
                        "each kind of record needs name, starts and fields",
                    )
                    continue
                self._known(record, RECORD_KEYS)
                kinds.append(Kind(record["name"], record["starts"], self._fields(record)))
        elif "records" not in section:
            kinds.append(Kind(ROW, "", self._fields(section)))
        else:
            self._wrong(
                section, "records", "应为非空列表，且不能与fields并用", "a list with items, and not beside fields"
            )
        if not line_end and len({kind.width for kind in kinds}) > 1:
            self._wrong(
                section,
                "line_end",
                "没有行尾时各种记录须一样长",
                "without line ends all kinds of records must be equally long",
            )
        return Fixed(tuple(kinds) or (Kind(ROW, "", ()),), encoding, unit != "characters", line_end)

    def _fields(self, section: LinedDict) -> tuple[Field, ...]:
        fields: list[Field] = []
        listed = section.get("fields")
        for n, one in enumerate(listed if isinstance(listed, list) else ()):
            line = section.line_of("fields", n)
            if not isinstance(one, LinedDict):
                self.say(line, "dialect.format", "字段应写明name和width", "a field needs name and width")
                continue
            self._known(one, FIELD_KEYS)
            name, width, pad = one.get("name"), one.get("width"), one.get("pad", " ")
            if (
                not isinstance(name, str)
                or not name
                or type(width) is not int
                or width < 1
                or one.get("align", "left") not in ALIGNS
                or not isinstance(pad, str | int)
                or len(str(pad)) != 1
                or ord(str(pad)) > 126
                or any(name == other.name for other in fields)
            ):
                self.say(
                    line,
                    "dialect.format",
                    "字段应有互不相同的name、为正整数的width，align为left或right，pad为一个ASCII字符",
                    "a field has a name of its own, a width from 1, align left or right, and one ASCII character as pad",
                )
                continue
            fields.append(Field(name, width, one.get("align") == "right", str(pad)))
        if not fields:
            self.say(section.line, "dialect.format", "定长记录须写明fields", "records of fixed width need fields")
        return tuple(fields)
