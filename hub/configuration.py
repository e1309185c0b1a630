"""Reads what an administrator configures, as files: the workflow chart and the agencies.

Every file is read and every mistake collected with its file and line, so that one pass of `hub check` shows them all.
The dialects are read by `hub.translation`.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from hub.domain.agencies import AGENCY_ID, LEVEL_DIGITS, Agencies, Agency, Reach
from hub.domain.exchanges import (
    HUB,
    Catalogue,
    ClockRule,
    Condition,
    Copy,
    Ends,
    Exchange,
    Hold,
    Level,
    Moves,
    Opens,
    Outcome,
    PlaceSource,
    Role,
    RuleSet,
    TermEvent,
)
from hub.domain.responsibility import STRENGTHS
from hub.findings import ConfigErrors, Finding, LinedDict, read_yaml

CLOCK_UNITS = ("day", "workday", "hour", "month")
#: What a file of the workflow chart may hold.
SECTIONS = ("exchanges", "kinds", "places", "roles", "phases", "rules", "events")
#: How the hub learns of an event that a term runs from or to.
SEEN = ("accepted", "delivered", "receipt", "reply", "record")
#: On what responsibility moves or ends; or on an exchange that moves it.
ON = ("recorded", "receipt")
#: What `fills` puts in beside other places of the record: the business day of acceptance.
TODAY = "today"
#: To whom it goes at its end.
NOBODY = "nobody"
TRANSPORT_URL = re.compile(r"^https?://[^\s/]+(/\S*)?$")


# ------------------------------------------------------------------ shapes of the files
class _Strict(Schema):
    class Meta:
        unknown = RAISE


class _PairField(fields.List[str]):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.Str(), validate=validate.Length(equal=2), **kwargs)


class WordsSchema(_Strict):
    """Something in both languages."""

    zh = fields.Str(required=True)
    en = fields.Str(required=True)


class _Values(fields.List[Any]):
    """Values of a record: words, numbers, true and false."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.Raw(validate=_is_plain), validate=validate.Length(min=1), **kwargs)


def _is_plain(value: Any) -> None:
    if not isinstance(value, str | int):
        raise ValidationError("a word, a number, true or false is expected")


def _only() -> fields.Dict:
    return fields.Dict(keys=fields.Str(), values=_Values(), data_key="only", load_default=dict)


class ConditionSchema(WordsSchema):
    """One of `at` with `among`, `same_county`, `other_county`, `sender_level`."""

    at = fields.Str()
    among = _Values()
    same_county = _PairField()
    other_county = _PairField()
    sender_level = fields.List(fields.Str(validate=validate.OneOf(list(LEVEL_DIGITS))))

    @validates_schema
    def _asks_one_thing(self, loaded: Mapping[str, Any], **_: Any) -> None:
        asked = [key for key in ("at", "same_county", "other_county", "sender_level") if key in loaded]
        if len(asked) != 1 or ("at" in loaded) != ("among" in loaded):
            raise ValidationError("one of at (with among), same_county, other_county, sender_level is expected")


class WhenSchema(ConditionSchema):
    otherwise = fields.Str(load_default="warn", validate=validate.OneOf(["refuse", "warn"]))


class ClockWhenSchema(ConditionSchema):
    """What no record says may be said in words alone."""

    @validates_schema
    def _asks_one_thing(self, loaded: Mapping[str, Any], **_: Any) -> None:
        if ("at" in loaded) != ("among" in loaded):
            raise ValidationError("at goes with among")


class ClockSchema(_Strict):
    within = fields.Int(strict=True, validate=validate.Range(min=1))
    every = fields.Int(strict=True, validate=validate.Range(min=1))
    unit = fields.Str(required=True, validate=validate.OneOf(CLOCK_UNITS))
    start = fields.Str()
    stop = fields.Str()
    rules = fields.Str()
    when = fields.Nested(ClockWhenSchema)
    checked = fields.Str()
    note = fields.Str()

    @validates_schema
    def _is_a_term(self, loaded: Mapping[str, Any], **_: Any) -> None:
        if ("within" in loaded) == ("every" in loaded):
            raise ValidationError("either within or every is expected")
        if "within" in loaded and not ("start" in loaded and "stop" in loaded):
            raise ValidationError("a term has a start and a stop")


class CopySchema(_Strict):
    role = fields.Str(required=True)
    same_county = _PairField()
    other_county = _PairField()
    rules = fields.List(fields.Str(), load_default=list)
    restricted = _only()


class LevelSchema(WordsSchema):
    over = fields.Dict(keys=fields.Str(), values=fields.Int(strict=True), load_default=dict)
    decides = fields.Str(required=True)
    to = fields.List(fields.Str(), load_default=list)
    copies = fields.List(fields.Str(), load_default=list)


class HoldSchema(WordsSchema):
    pending = fields.List(fields.Str(), load_default=list)


class OpensSchema(_Strict):
    holder = fields.Str(required=True)
    to = fields.Str()
    due = fields.Str()
    restricted = _only()


class MovesSchema(_Strict):
    on = fields.Str(required=True)
    event = fields.Nested(WordsSchema, required=True)
    expected = fields.List(fields.Str(), required=True, validate=validate.Length(min=1))
    to = fields.Str(required=True)
    strength = fields.Str(required=True, validate=validate.OneOf(STRENGTHS))


class EndsSchema(MovesSchema):
    on = fields.Str(required=True, validate=validate.OneOf(ON))
    to = fields.Str(required=True, validate=validate.Equal(NOBODY))
    restricted = _only()
    taken_over = fields.List(fields.Str(), load_default=list)
    every_case = fields.Bool(load_default=False)


class ResponsibilitySchema(_Strict):
    opens = fields.Nested(OpensSchema)
    moves = fields.Nested(MovesSchema)
    ends = fields.Nested(EndsSchema)


class BasisSchema(_Strict):
    text = fields.Str(required=True)
    checked = fields.Str(load_default="")


class ExchangeSchema(_Strict):
    zh = fields.Str(required=True)
    en = fields.Str(required=True)
    about = fields.Str(load_default="person", validate=validate.OneOf(["person", "none"]))
    senders = fields.List(fields.Str(), required=True, data_key="from")
    to = fields.List(fields.Str(), required=True, validate=validate.Length(min=1))
    copies = fields.List(fields.Nested(CopySchema), load_default=list)
    documents = fields.List(fields.Str(), load_default=list)
    reply = fields.Str()
    outcomes = fields.Dict(keys=fields.Str(), values=fields.Nested(WordsSchema), load_default=dict)
    feedback = fields.Nested(WordsSchema)
    counterpart = fields.Str()
    escalates = fields.Str()
    rules = fields.List(fields.Str(), load_default=list)
    when = fields.List(fields.Nested(WhenSchema), load_default=list)
    warn = fields.List(fields.Nested(ConditionSchema), load_default=list)
    levels = fields.List(fields.Nested(LevelSchema), load_default=list)
    hold = fields.Nested(HoldSchema)
    channel = fields.Str(load_default="ordinary", validate=validate.OneOf(["ordinary", "emergency"]))
    emergency = fields.Str()
    carries = fields.List(fields.Str(), load_default=list)
    fills = fields.Dict(keys=fields.Str(), values=fields.Str(), load_default=dict)
    clocks = fields.List(fields.Nested(ClockSchema), load_default=list)
    responsibility = fields.Nested(ResponsibilitySchema)
    basis = fields.Nested(BasisSchema, required=True)
    note = fields.Str()


class KindSchema(_Strict):
    zh = fields.Str(required=True)
    en = fields.Str(required=True)
    level = fields.Str(required=True, validate=validate.OneOf(list(LEVEL_DIGITS)))
    supervises = fields.Bool(load_default=False)


class PlaceSchema(_Strict):
    paths = fields.List(fields.Str(), load_default=list)
    agency_of = fields.Str()
    level = fields.Str(validate=validate.OneOf(["province", "city", "county"]))


class RoleSchema(_Strict):
    kind = fields.Str()
    place = fields.Str()
    candidates = fields.List(fields.Str(), load_default=list)
    above = fields.Str()
    first_of = fields.List(fields.Str(), load_default=list)
    members = fields.List(fields.Str(), load_default=list)


class PhaseSchema(_Strict):
    zh = fields.Str(required=True)
    en = fields.Str(required=True)


class RuleSetSchema(_Strict):
    zh = fields.Str(required=True)
    en = fields.Str(required=True)
    short = _PairField(required=True)
    begins = fields.Date(data_key="from")
    ends = fields.Date(data_key="until")


class TermEventSchema(_Strict):
    zh = fields.Str(required=True)
    en = fields.Str(required=True)
    seen = fields.Str(validate=validate.OneOf(SEEN))
    paths = fields.List(fields.Str(), load_default=list)


class ReachSchema(_Strict):
    transport = fields.Str(required=True)
    dialect = fields.Str()
    url = fields.Str(validate=validate.Regexp(TRANSPORT_URL, error="an http:// or https:// address is expected"))
    user = fields.Str()
    timeout = fields.Float(load_default=30.0, validate=validate.Range(min=1, max=600))
    exchanges = fields.List(fields.Str(), load_default=list)
    settings = fields.Dict(load_default=dict, data_key="options")


class AgencySchema(_Strict):
    id = fields.Str(required=True, validate=validate.Regexp(AGENCY_ID, error="an id is <kind>.<place code>[.<serial>]"))
    zh = fields.Str(required=True)
    en = fields.Str(load_default="")
    parent = fields.Str()
    speaks = fields.Str()
    reach = fields.List(fields.Nested(ReachSchema), load_default=list)


#: What an entry of each section of `workflow/` looks like.
SHAPES: Mapping[str, type[Schema]] = {
    "exchanges": ExchangeSchema,
    "kinds": KindSchema,
    "places": PlaceSchema,
    "roles": RoleSchema,
    "phases": PhaseSchema,
    "rules": RuleSetSchema,
    "events": TermEventSchema,
}

#: Keys that hold secrets; they never stand in these files (`hub agency set` and `hub agency credential` keep them).
SECRET_KEY = re.compile(r"(?i)(password|passwd|secret|token|private[-_]?key|api[-_]?key|^mm$|口令|密码)")
#: Names of places in a message that happen to hold a password, not the password itself.
NAMES_A_PLACE = re.compile(r"^[A-Za-z_][\w./@:-]{0,39}$")
SECRET_VALUE = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----|\bwhsec_[A-Za-z0-9+/=]{16,}|://[^/\s:@]+:[^/\s@]+@)")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The chart and the agencies, as one consistent whole."""

    catalogue: Catalogue
    agencies: Agencies
    #: place codes with their names (GB/T 2260 and the statistics bureau's township and village codes)
    places: Mapping[str, str]


def load(config_dir: Path) -> Configuration:
    """The configuration under a folder. Raises `ConfigErrors` with everything that is wrong with it."""
    configuration, findings = read(config_dir)
    if findings or configuration is None:
        raise ConfigErrors(findings)
    return configuration


def read(
    config_dir: Path, has_place: Callable[[str, str], bool] | None = None
) -> tuple[Configuration | None, list[Finding]]:
    """The configuration with its findings; None where too little of it could be read to go on.

    `has_place(exchange, path)` says whether a canonical path is a place of that exchange's record; with it, the chart's
    own paths are checked too.
    """
    if not (config_dir / "workflow").is_dir():
        shown = str(config_dir / "workflow")
        return None, [Finding(shown, 1, "config.missing", "找不到workflow文件夹", "there is no workflow folder")]
    reader = _Reader(config_dir)
    reader.places = reader.place_names()
    catalogue = reader.catalogue()
    agencies = reader.agencies(catalogue)
    reader.exchanges_are_fillable(catalogue, agencies)
    if has_place:
        reader.paths_are_places(catalogue, has_place)
    return Configuration(catalogue, agencies, reader.places), reader.findings


def place_names(config_dir: Path) -> dict[str, str]:
    """Every place code of a configuration with its name; rows that are none are left to `read`, which names them."""
    return _Reader(config_dir).place_names()


class _Reader:
    def __init__(self, config_dir: Path) -> None:
        self.dir = config_dir
        self.findings: list[Finding] = []
        self.places: dict[str, str] = {}
        self._exchange_lines: dict[str, tuple[str, LinedDict]] = {}
        #: where each kind, place and role stands: (section, name) → (file, entry)
        self._word_lines: dict[tuple[str, str], tuple[str, LinedDict]] = {}

    # ------------------------------------------------------------ files
    def _files(self, folder: str) -> Iterator[tuple[Path, str, LinedDict]]:
        for path in sorted((self.dir / folder).glob("*.yaml")):
            shown = f"{self.dir.name}/{folder}/{path.name}"
            found, wrong = read_yaml(path, shown)
            self.findings += wrong
            if found is not None:
                self.findings += secrets_in(found, shown)
                yield path, shown, found

    def place_names(self) -> dict[str, str]:
        """Every place code of `places/*.csv` (columns code, name)."""
        names: dict[str, str] = {}
        for path in sorted((self.dir / "places").glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as lines:
                rows = csv.reader(lines)
                next(rows, None)
                for row in rows:
                    if len(row) == 2 and re.fullmatch(r"\d{6}|\d{9}|\d{12}", row[0]):
                        names[row[0]] = row[1]
                    else:
                        self._say(
                            f"{self.dir.name}/places/{path.name}",
                            rows.line_num,
                            "places.row",
                            "应为“代码,名称”，代码6、9或12位",
                            "code,name is expected, the code of 6, 9 or 12 digits",
                        )
        return names

    def _say(self, shown: str, line: int, rule: str, zh: str, en: str) -> None:
        self.findings.append(Finding(shown, line, rule, zh, en))

    def _shape(self, schema: Schema, found: LinedDict, shown: str, rule: str) -> dict[str, Any] | None:
        try:
            loaded: dict[str, Any] = schema.load(found, unknown=RAISE)
            return loaded
        except ValidationError as error:
            for path, messages in _flatten(error.messages):
                where = ".".join(str(step) for step in path)
                kind = "clock.unit" if path and path[-1] == "unit" else rule
                text = "; ".join(messages)
                self._say(shown, found.line_of(*path), kind, f"{where}：{text}", f"{where}: {text}")
            return None

    # ------------------------------------------------------------ the chart
    def catalogue(self) -> Catalogue:
        exchanges: dict[str, Exchange] = {}
        kinds: dict[str, tuple[str, str]] = {}
        levels: dict[str, str] = {}
        supervisors: list[str] = []
        roles: dict[str, Role] = {}
        places: dict[str, PlaceSource] = {}
        phases: dict[str, tuple[str, str]] = {}
        rules: dict[str, RuleSet] = {}
        events: dict[str, TermEvent] = {}
        for path, shown, found in self._files("workflow"):
            for section in found:
                if section not in SECTIONS:
                    self._say(
                        shown,
                        found.line_of(section),
                        "workflow.section",
                        f"未知的部分“{section}”，应为{'、'.join(SECTIONS)}之一",
                        f"unknown section {section!r}; known are {', '.join(SECTIONS)}",
                    )
            for name, entry in self._entries(found, "phases", shown):
                if (phase := self._shape(PhaseSchema(), entry, shown, "workflow.phase")) is not None:
                    phases[name] = (phase["zh"], phase["en"])
            for name, entry in self._entries(found, "rules", shown):
                if (ruled := self._shape(RuleSetSchema(), entry, shown, "workflow.rules")) is not None:
                    short = (ruled["short"][0], ruled["short"][1])
                    rules[name] = RuleSet(name, ruled["zh"], ruled["en"], short, ruled.get("begins"), ruled.get("ends"))
            for name, entry in self._entries(found, "events", shown):
                if (event := self._shape(TermEventSchema(), entry, shown, "workflow.event")) is not None:
                    events[name] = TermEvent(name, event["zh"], event["en"], event.get("seen"), tuple(event["paths"]))
            for name, entry in self._entries(found, "kinds", shown):
                if (kind := self._shape(KindSchema(), entry, shown, "workflow.kind")) is not None:
                    kinds[name], levels[name] = (kind["zh"], kind["en"]), kind["level"]
                    if kind["supervises"]:
                        supervisors.append(name)
            for name, entry in self._entries(found, "places", shown):
                if (place := self._shape(PlaceSchema(), entry, shown, "workflow.place")) is not None:
                    places[name] = PlaceSource(name, tuple(place["paths"]), place.get("agency_of"), place.get("level"))
            for name, entry in self._entries(found, "roles", shown):
                if (role := self._shape(RoleSchema(), entry, shown, "workflow.role")) is not None:
                    roles[name] = Role(
                        name,
                        role.get("kind"),
                        role.get("place"),
                        tuple(role["candidates"]),
                        role.get("above"),
                        tuple(role["first_of"]),
                        tuple(role["members"]),
                    )
            for name, entry in self._entries(found, "exchanges", shown):
                if name in exchanges:
                    self._say(
                        shown,
                        found.line_of("exchanges", name),
                        "exchange.duplicate",
                        f"交换“{name}”重复定义",
                        f"exchange {name!r} is defined twice; it stands first in {exchanges[name].source}",
                    )
                    continue
                loaded = self._shape(ExchangeSchema(), entry, shown, "workflow.exchange")
                if loaded is not None:
                    exchanges[name] = _exchange(name, path.stem, loaded, f"{shown}:{entry.line}")
                    self._exchange_lines[name] = (shown, entry)
        order = {phase: n for n, phase in enumerate(phases)}
        in_order = sorted(exchanges.values(), key=lambda exchange: order.get(exchange.phase, len(order)))
        return Catalogue(
            {exchange.id: exchange for exchange in in_order},
            roles,
            places,
            levels,
            kinds,
            tuple(supervisors),
            phases,
            rules,
            events,
        )

    def _entries(self, found: LinedDict, section: str, shown: str) -> Iterator[tuple[str, LinedDict]]:
        entries = found.get(section)
        if entries is None:
            return
        if not isinstance(entries, LinedDict):
            self._say(
                shown,
                found.line_of(section),
                "workflow.section",
                f"“{section}”应为键值对",
                f"{section!r} must map names to entries",
            )
            return
        for name, entry in entries.items():
            if isinstance(entry, LinedDict):
                if section != "exchanges" and (section, name) in self._word_lines:
                    first, at = self._word_lines[section, name]
                    self._say(
                        shown,
                        entries.line_of(name),
                        "workflow.duplicate",
                        f"“{name}”重复定义，已见于{first}:{at.line}",
                        f"{name!r} is defined twice; it stands first in {first}:{at.line}",
                    )
                    continue
                self._word_lines[section, name] = (shown, entry)
                yield name, entry
            else:
                self._say(
                    shown,
                    entries.line_of(name),
                    "workflow.section",
                    f"“{name}”应为键值对",
                    f"{name!r} must be a mapping",
                )

    def exchanges_are_fillable(self, catalogue: Catalogue, agencies: Agencies) -> None:
        """Every word of the chart is known, and every role can be filled by at least one agency."""
        present = Counter(agency.kind for agency in agencies)
        self._places_are_sound(catalogue)
        self._roles_are_sound(catalogue, present)
        for name, exchange in catalogue.exchanges.items():
            shown, entry = self._exchange_lines[name]
            if exchange.phase not in catalogue.phases:
                self._say(
                    shown,
                    entry.line,
                    "phase.unknown",
                    f"文件名“{exchange.phase}”不是phases中的阶段：{'、'.join(catalogue.phases)}",
                    f"the file's name {exchange.phase!r} is no phase; phases are {', '.join(catalogue.phases)}",
                )
            for kind, where in _kinds_of(exchange):
                if kind not in catalogue.kinds and not (kind == HUB and where[0] == "from"):
                    self._say(
                        shown,
                        entry.line_of(*where),
                        "kind.unknown",
                        f"未知的单位类型“{kind}”",
                        f"unknown kind of agency {kind!r}",
                    )
            for word, where in _roles_of(exchange):
                self._role_is_known(word, shown, entry.line_of(*where), catalogue, present)
            for place, where in _places_of(exchange):
                if place not in catalogue.places:
                    self._say(
                        shown,
                        entry.line_of(*where),
                        "place.unknown",
                        f"未知的地点“{place}”",
                        f"unknown place {place!r}",
                    )
            for rules, where in _rules_of(exchange):
                if rules not in catalogue.rules:
                    self._say(
                        shown,
                        entry.line_of(*where),
                        "clock.rules" if where[0] == "clocks" else "rules.unknown",
                        f"未知的规定“{rules}”，已定义的有：{'、'.join(catalogue.rules)}",
                        f"unknown rule set {rules!r}; there are {', '.join(catalogue.rules)}",
                    )
            for event, where in _events_of(exchange):
                if event not in catalogue.events:
                    near = difflib.get_close_matches(event, catalogue.events, n=3) or list(catalogue.events)
                    self._say(
                        shown,
                        entry.line_of(*where),
                        f"clock.{where[-1]}",
                        f"未知的事件“{event}”，可用的有：{'、'.join(near)}",
                        f"unknown event {event!r}; there are {', '.join(near)}",
                    )
            for other, where, zh, en in _exchanges_of(exchange):
                if other not in catalogue.exchanges:
                    self._say(
                        shown,
                        entry.line_of(*where),
                        "exchange.unknown",
                        f"{zh}“{other}”不是已定义的交换",
                        f"the {en} {other!r} is no exchange that is defined",
                    )
            if exchange.moves and exchange.moves.on not in ON:
                mover = catalogue.get(exchange.moves.on)
                if mover is not None and (mover.moves is None or mover.moves.on not in ON):
                    self._say(
                        shown,
                        entry.line_of("responsibility", "moves", "on"),
                        "moves.unmoved",
                        f"“{exchange.moves.on}”本身不移转监管责任",
                        f"{exchange.moves.on!r} moves no responsibility itself",
                    )

    def paths_are_places(self, catalogue: Catalogue, has_place: Callable[[str, str], bool]) -> None:
        """The canonical paths that the chart names are places of the records: of the exchange's own, or (for places and
        roles, which serve all) of at least one."""
        for name, exchange in catalogue.exchanges.items():
            shown, entry = self._exchange_lines[name]
            named: list[tuple[str, tuple[str | int, ...]]] = [
                (section, ("carries", n)) for n, section in enumerate(exchange.carries)
            ]
            named += _paths_of(exchange)
            for path, where in named:
                if not has_place(name, path):
                    self._no_place(shown, entry.line_of(*where), path, f"“{name}”的记录", f"a record of {name}")
        for section, words in (("places", catalogue.places), ("roles", catalogue.roles), ("events", catalogue.events)):
            for name in words:
                shown, entry = self._word_lines[section, name]
                key = "candidates" if section == "roles" else "paths"
                for n, written in enumerate(entry.get(key, ())):
                    path = written.partition(":")[0]
                    if "." in path and not any(has_place(exchange, path) for exchange in catalogue.exchanges):
                        self._no_place(shown, entry.line_of(key, n), path, "任何记录", "any record")

    def _no_place(self, shown: str, line: int, path: str, zh: str, en: str) -> None:
        self._say(shown, line, "canonical.unknown", f"{zh}没有位置“{path}”", f"{path!r} is no place of {en}")

    def _places_are_sound(self, catalogue: Catalogue) -> None:
        """A place stands in the record, or is the seat of an agency that is named without asking for a place again."""
        for name, place in catalogue.places.items():
            shown, entry = self._word_lines["places", name]
            role = catalogue.roles.get(place.agency_of or "")
            if place.agency_of and (role is None or not role.candidates):
                self._say(
                    shown,
                    entry.line_of("agency_of"),
                    "role.unknown",
                    f"地点“{name}”的agency_of“{place.agency_of}”应为roles中写有candidates的角色",
                    f"place {name!r}: agency_of {place.agency_of!r} must be a role with candidates",
                )
            elif not place.paths and not place.agency_of:
                self._say(
                    shown,
                    entry.line,
                    "place.empty",
                    f"地点“{name}”没有写明paths或agency_of",
                    f"place {name!r} has neither paths nor agency_of",
                )

    def _roles_are_sound(self, catalogue: Catalogue, present: Mapping[str, int]) -> None:
        """The kinds that a candidate is limited to (`sender:court,police`) are known, and so are the roles that another role
        leads to, none of which leads back to it."""
        for name, role in catalogue.roles.items():
            shown, entry = self._word_lines["roles", name]
            for word, where in _roles_below(role):
                if circle := _circle(catalogue, word, (name,)):
                    self._say(
                        shown,
                        entry.line_of(*where),
                        "role.circle",
                        f"角色“{name}”绕回到自身：{'→'.join(circle)}",
                        f"role {name!r} leads back to itself: {' → '.join(circle)}",
                    )
                else:
                    self._role_is_known(word, shown, entry.line_of(*where), catalogue, present)
            for n, candidate in enumerate(role.candidates):
                for kind in filter(None, candidate.partition(":")[2].split(",")):
                    if kind not in catalogue.kinds:
                        self._say(
                            shown,
                            entry.line_of("candidates", n),
                            "kind.unknown",
                            f"未知的单位类型“{kind}”",
                            f"unknown kind of agency {kind!r}",
                        )

    def _role_is_known(
        self, word: str, shown: str, line: int, catalogue: Catalogue, present: Mapping[str, int]
    ) -> None:
        if word == HUB:
            return
        role = catalogue.roles.get(word)
        if role is None:
            kind, at, place = word.partition("@")
            if not at:
                self._say(
                    shown,
                    line,
                    "role.unknown",
                    f"未知的角色“{word}”：应为roles中的名称，或“类型@地点”",
                    f"unknown role {word!r}: a name under roles, or kind@place, is expected",
                )
                return
            role = Role(word, kind, place)
        if role.kind is None and (role.candidates or role.above or role.first_of or role.members):
            return  # the roles that it leads to are looked at where it is defined
        if role.above and role.kind in catalogue.kinds:
            return
        if role.kind is None or role.kind not in catalogue.kinds:
            self._say(
                shown,
                line,
                "role.unknown",
                f"角色“{word}”的单位类型“{role.kind}”未定义",
                f"role {word!r}: kind {role.kind!r} is not defined",
            )
        elif not present[role.kind]:
            self._say(
                shown,
                line,
                "role.unfillable",
                f"没有任何单位能担任“{word}”：没有{catalogue.kinds[role.kind][0]}",
                f"no agency can fill {word!r}: there is no {catalogue.kinds[role.kind][1]}",
            )
        if role.place not in catalogue.places:
            self._say(
                shown,
                line,
                "place.unknown",
                f"角色“{word}”的地点“{role.place}”未定义",
                f"role {word!r}: place {role.place!r} is not defined",
            )

    # ------------------------------------------------------------ agencies
    def agencies(self, catalogue: Catalogue) -> Agencies:
        known: dict[str, Agency] = {}
        lines: dict[str, tuple[str, LinedDict]] = {}
        for _path, shown, found in self._files("agencies"):
            loaded = self._shape(AgencySchema(), found, shown, "agency.shape")
            if loaded is None:
                continue
            agency = _agency(loaded, f"{shown}:{found.line}")
            if agency.id in known:
                self._say(
                    shown,
                    found.line_of("id"),
                    "agency.duplicate",
                    f"单位编号“{agency.id}”重复，已见于{known[agency.id].source}",
                    f"agency id {agency.id!r} is used twice; it stands first in {known[agency.id].source}",
                )
                continue
            known[agency.id] = agency
            lines[agency.id] = (shown, found)
            self._agency_is_sound(agency, shown, found, catalogue)
        for agency in known.values():
            shown, found = lines[agency.id]
            if agency.parent and agency.parent not in known:
                self._say(
                    shown,
                    found.line_of("parent"),
                    "agency.parent",
                    f"上级单位“{agency.parent}”不存在",
                    f"parent {agency.parent!r} is no agency here",
                )
        return Agencies(known.values(), catalogue.levels)

    def _agency_is_sound(self, agency: Agency, shown: str, found: LinedDict, catalogue: Catalogue) -> None:
        line = found.line_of("id")
        if agency.kind not in catalogue.kinds:
            self._say(
                shown, line, "kind.unknown", f"未知的单位类型“{agency.kind}”", f"unknown kind of agency {agency.kind!r}"
            )
        elif len(agency.place) != max(6, LEVEL_DIGITS[catalogue.levels[agency.kind]]):
            self._say(
                shown,
                line,
                "agency.place",
                f"区划代码{agency.place}的位数与“{catalogue.kinds[agency.kind][0]}”的层级不符",
                f"place {agency.place} has not as many digits as the level of a {agency.kind} wants",
            )
        if agency.place not in self.places:
            near = difflib.get_close_matches(agency.place, self.places, n=3)
            shown_near = "、".join(f"{code} {self.places[code]}" for code in near) or "—"
            self._say(
                shown,
                line,
                "place.unknown",
                f"places里没有区划代码{agency.place}；相近的有：{shown_near}",
                f"place {agency.place} is in no table under places/; near ones are: {shown_near}",
            )
        if not agency.reach:
            self._say(
                shown,
                found.line,
                "agency.reach",
                "没有写明如何送达（reach）",
                "no way to reach the agency is given (reach)",
            )
        for n, reach in enumerate(agency.reach):
            at = found.line_of("reach", n)
            if reach.dialect and not (self.dir / "dialects" / reach.dialect / "dialect.yaml").is_file():
                self._say(
                    shown,
                    found.line_of("reach", n, "dialect"),
                    "dialect.unknown",
                    f"没有方言“{reach.dialect}”",
                    f"there is no dialect {reach.dialect!r}",
                )
            if reach.transport == "soap" and not reach.dialect:
                self._say(shown, at, "reach.dialect", "SOAP送达须写明方言（dialect）", "a SOAP way needs a dialect")
            for m, exchange in enumerate(reach.exchanges):
                if exchange not in catalogue.exchanges:
                    self._say(
                        shown,
                        found.line_of("reach", n, "exchanges", m),
                        "exchange.unknown",
                        f"没有交换“{exchange}”",
                        f"there is no exchange {exchange!r}",
                    )
        if agency.speaks and not (self.dir / "dialects" / agency.speaks / "dialect.yaml").is_file():
            self._say(
                shown,
                found.line_of("speaks"),
                "dialect.unknown",
                f"没有方言“{agency.speaks}”",
                f"there is no dialect {agency.speaks!r}",
            )


def secrets_in(
    found: Any, shown: str, path: tuple[str | int, ...] = (), root: LinedDict | None = None
) -> list[Finding]:
    """Secrets that stand in a configuration file, each with its line. The names of places that carry one are no secrets."""
    root = found if root is None else root
    findings: list[Finding] = []
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in items:
        here = (*path, key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            is_code = path[:1] in (("codes",), ("also_read",))  # of a code list: MM is Myanmar
            named = bool(SECRET_KEY.search(str(key))) and not is_code and not _is_place_name(str(value), path)
            if named or SECRET_VALUE.search(str(value)):
                assert root is not None
                findings.append(
                    Finding(
                        shown,
                        root.line_of(*here),
                        "secret.in-file",
                        f"“{key}”像是密码或密钥：不要写在配置文件里，请用 hub agency set 或 hub agency credential",
                        f"{key!r} looks like a secret: keep it out of files, use `hub agency set` or `hub agency credential`",
                    )
                )
        else:
            findings += secrets_in(value, shown, here, root)
    return findings


def _is_place_name(value: str, path: tuple[str | int, ...]) -> bool:
    """Under a transport's `credentials:` or `session:` the value says where the secret goes, it is not one."""
    return bool(NAMES_A_PLACE.match(value)) and any(
        step in ("credentials", "session", "login", "lines", "fields") for step in path
    )


def _exchange(name: str, phase: str, loaded: Mapping[str, Any], source: str) -> Exchange:
    effect = loaded.get("responsibility") or {}
    opens, moves, ends = effect.get("opens"), effect.get("moves"), effect.get("ends")
    hold, feedback = loaded.get("hold"), loaded.get("feedback")
    return Exchange(
        id=name,
        zh=loaded["zh"],
        en=loaded["en"],
        phase=phase,
        senders=tuple(loaded["senders"]),
        to=tuple(loaded["to"]),
        copies=tuple(
            Copy(
                c["role"],
                _pair(c.get("same_county")),
                _pair(c.get("other_county")),
                tuple(c["rules"]),
                _restriction(c["restricted"]),
            )
            for c in loaded["copies"]
        ),
        documents=tuple(loaded["documents"]),
        reply=loaded.get("reply"),
        carries=tuple(loaded["carries"]),
        fills=loaded["fills"],
        clocks=tuple(
            ClockRule(**{**clock, "when": _condition(clock["when"]) if "when" in clock else None})
            for clock in loaded["clocks"]
        ),
        opens=Opens(opens["holder"], opens.get("to"), opens.get("due"), _restriction(opens["restricted"]))
        if opens
        else None,
        moves=Moves(
            moves["on"],
            tuple(moves["expected"]),
            moves["to"],
            moves["strength"],
            moves["event"]["zh"],
            moves["event"]["en"],
        )
        if moves
        else None,
        ends=Ends(
            ends["on"],
            tuple(ends["expected"]),
            ends["strength"],
            ends["event"]["zh"],
            ends["event"]["en"],
            _restriction(ends["restricted"]),
            tuple(ends["taken_over"]),
            ends["every_case"],
        )
        if ends
        else None,
        basis=loaded["basis"]["text"],
        checked=loaded["basis"]["checked"],
        note=loaded.get("note"),
        source=source,
        rules=tuple(loaded["rules"]),
        when=tuple(_condition(condition) for condition in loaded["when"]),
        warn=tuple(_condition(condition) for condition in loaded["warn"]),
        levels=tuple(
            Level(one["zh"], one["en"], one["decides"], one["over"], tuple(one["to"]), tuple(one["copies"]))
            for one in loaded["levels"]
        ),
        hold=Hold(hold["zh"], hold["en"], tuple(hold["pending"])) if hold else None,
        outcomes=tuple(Outcome(word, said["zh"], said["en"]) for word, said in loaded["outcomes"].items()),
        feedback=(feedback["zh"], feedback["en"]) if feedback else None,
        counterpart=loaded.get("counterpart"),
        escalates=loaded.get("escalates"),
        channel=loaded["channel"],
        emergency=loaded.get("emergency"),
        about=loaded["about"],
    )


def _condition(loaded: Mapping[str, Any]) -> Condition:
    return Condition(
        loaded["zh"],
        loaded["en"],
        loaded.get("at"),
        tuple(loaded.get("among", ())),
        _pair(loaded.get("same_county")),
        _pair(loaded.get("other_county")),
        tuple(loaded.get("sender_level", ())),
        loaded.get("otherwise", "warn"),
    )


def _restriction(loaded: Mapping[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {path: tuple(values) for path, values in loaded.items()}


def _pair(found: list[str] | None) -> tuple[str, str] | None:
    return (found[0], found[1]) if found else None


# ------------------------------------------------------------------ the words of the chart, each with where it stands
Where = tuple[str | int, ...]
Named = Iterator[tuple[str, Where]]


def _roles_below(role: Role) -> Named:
    """The roles that another one leads to."""
    yield from ((word, ("members", n)) for n, word in enumerate(role.members))
    yield from ((word, ("first_of", n)) for n, word in enumerate(role.first_of))
    if role.above:
        yield role.above, ("above",)


def _circle(catalogue: Catalogue, word: str, way: tuple[str, ...]) -> tuple[str, ...]:
    """The way from a role back to itself, or nothing."""
    if word in way:
        return (*way, word)
    role = catalogue.roles.get(word)
    ways = (_circle(catalogue, below, (*way, word)) for below, _ in _roles_below(role)) if role else iter(())
    return next((way for way in ways if way), ())


def _kinds_of(exchange: Exchange) -> Named:
    yield from ((kind, ("from", n)) for n, kind in enumerate(exchange.senders))
    if exchange.ends:
        yield from (
            (kind, ("responsibility", "ends", "taken_over", n)) for n, kind in enumerate(exchange.ends.taken_over)
        )


def _roles_of(exchange: Exchange) -> Named:
    yield from ((role, ("to", n)) for n, role in enumerate(exchange.to))
    yield from ((copy.role, ("copies", n, "role")) for n, copy in enumerate(exchange.copies))
    for n, level in enumerate(exchange.levels):
        yield level.decides, ("levels", n, "decides")
        yield from ((role, ("levels", n, "to", m)) for m, role in enumerate(level.to))
        yield from ((role, ("levels", n, "copies", m)) for m, role in enumerate(level.copies))
    if exchange.escalates:
        yield exchange.escalates, ("escalates",)
    if exchange.opens:
        yield exchange.opens.holder, ("responsibility", "opens", "holder")
        if exchange.opens.to:
            yield exchange.opens.to, ("responsibility", "opens", "to")
    for key, effect in (("moves", exchange.moves), ("ends", exchange.ends)):
        for n, role in enumerate(effect.expected if effect else ()):
            yield role, ("responsibility", key, "expected", n)
    if exchange.moves:
        yield exchange.moves.to, ("responsibility", "moves", "to")


def _places_of(exchange: Exchange) -> Named:
    conditional: tuple[tuple[str, Sequence[Copy | Condition]], ...] = (
        ("copies", exchange.copies),
        ("when", exchange.when),
        ("warn", exchange.warn),
    )
    for key, entries in conditional:
        for n, one in enumerate(entries):
            for word, pair in (("same_county", one.same_county), ("other_county", one.other_county)):
                yield from ((place, (key, n, word, m)) for m, place in enumerate(pair or ()))


def _rules_of(exchange: Exchange) -> Named:
    yield from ((rules, ("rules", n)) for n, rules in enumerate(exchange.rules))
    for n, copy in enumerate(exchange.copies):
        yield from ((rules, ("copies", n, "rules", m)) for m, rules in enumerate(copy.rules))
    yield from ((clock.rules, ("clocks", n, "rules")) for n, clock in enumerate(exchange.clocks) if clock.rules)


def _events_of(exchange: Exchange) -> Named:
    for n, clock in enumerate(exchange.clocks):
        for key, event in (("start", clock.start), ("stop", clock.stop)):
            if event:
                yield event, ("clocks", n, key)


def _exchanges_of(exchange: Exchange) -> Iterator[tuple[str, Where, str, str]]:
    if exchange.reply:
        yield exchange.reply, ("reply",), "答复", "reply"
    if exchange.counterpart:
        yield exchange.counterpart, ("counterpart",), "对应事项", "counterpart"
    for n, pending in enumerate(exchange.hold.pending if exchange.hold else ()):
        yield pending, ("hold", "pending", n), "暂缓所等的", "exchange that is waited for,"
    if exchange.moves and exchange.moves.on not in ON:
        yield (
            exchange.moves.on,
            ("responsibility", "moves", "on"),
            "移转监管责任的",
            "exchange that moves responsibility,",
        )


def _paths_of(exchange: Exchange) -> Named:
    """Canonical places that an exchange names, beside the sections that it carries over."""
    for path, source in exchange.fills.items():
        yield path, ("fills", path)
        if source != TODAY:
            yield source, ("fills", path)
    for key, conditions in (("when", exchange.when), ("warn", exchange.warn)):
        yield from ((one.at, (key, n, "at")) for n, one in enumerate(conditions) if one.at)
    for n, clock in enumerate(exchange.clocks):
        if clock.when and clock.when.at:
            yield clock.when.at, ("clocks", n, "when", "at")
    for n, copy in enumerate(exchange.copies):
        yield from ((path, ("copies", n, "only", path)) for path in copy.only)
    for n, level in enumerate(exchange.levels):
        yield from ((path, ("levels", n, "over", path)) for path in level.over)
    if exchange.opens:
        yield from [(exchange.opens.due, ("responsibility", "opens", "due"))] if exchange.opens.due else []
        yield from ((path, ("responsibility", "opens", "only", path)) for path in exchange.opens.only)
    if exchange.ends:
        yield from ((path, ("responsibility", "ends", "only", path)) for path in exchange.ends.only)


def _agency(loaded: Mapping[str, Any], source: str) -> Agency:
    match = AGENCY_ID.match(loaded["id"])
    assert match
    return Agency(
        id=loaded["id"],
        kind=match["kind"],
        place=match["place"],
        name=loaded["zh"],
        name_en=loaded["en"],
        parent=loaded.get("parent"),
        speaks=loaded.get("speaks"),
        source=source,
        reach=tuple(
            Reach(
                r["transport"],
                r.get("dialect"),
                r.get("url"),
                r.get("user"),
                r["timeout"],
                tuple(r["exchanges"]),
                r["settings"],
            )
            for r in loaded["reach"]
        ),
    )


def _flatten(messages: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], list[str]]]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _flatten(value, path if key == "_schema" else (*path, key))
    else:
        yield path, [str(message) for message in messages]
