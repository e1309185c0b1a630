"""Who receives a record: the recipient list of an exchange, resolved by role and place.

Line and territory both count (条块结合): a role is an agency named in the record, or the agency of a kind seated where a
place of the record lies. Nothing is guessed: a role that nobody fills is a fault that says which place found nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.domain.agencies import Agencies, Agency, level_of, widened
from hub.domain.exchanges import HUB, Catalogue, Condition, Exchange, Level, Role, holds_one_of, pointer_of, value_at
from hub.domain.faults import Fault

SAME_COUNTY_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Routing:
    """`to` act on the record, `copies` are informed. `faults` say why a main recipient could not be found; `gaps` name
    copies that nobody could be found for: they hold nothing up but are shown."""

    to: tuple[str, ...]
    copies: tuple[str, ...]
    faults: tuple[Fault, ...]
    gaps: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the chart says of a transfer beside its record's form: `faults` refuse it, `warnings` (Chinese, English) are shown."""

    faults: tuple[Fault, ...]
    warnings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves the chart's words for one record. `day` is the business day that chooses the rule set."""

    catalogue: Catalogue
    agencies: Agencies
    record: Mapping[str, Any]
    sender: str
    #: who sent the first of the transfers that this one answers or continues, and who the one that it names
    origin: str | None = None
    answered: str | None = None
    day: date | None = None

    def role(self, name: str) -> tuple[Agency | None, Fault | None]:
        """The agency that fills a role, or the fault that says why none does."""
        role = self._parse(name)
        if role.above:
            return self._above(role)
        fault: Fault | None = None
        if role.candidates:
            agency, fault = self._candidate(role)
            if agency or not (role.first_of or role.kind) or (fault and fault.rule == "agency.unknown"):
                return agency, fault
        for other in role.first_of:
            agency, missing = self.role(other)
            if agency:
                return agency, None
            fault = fault or missing
        if not role.kind:
            return None, fault
        assert role.place
        code, pointer, missing = self.place(role.place)
        if code is None:
            return None, missing
        found = self.agencies.seated(role.kind, code)
        if len(found) == 1:
            return found[0], None
        return None, self._nobody(role.kind, code, pointer) if not found else self._several(
            role.kind, code, pointer, found
        )

    def place(self, name: str) -> tuple[str | None, str, Fault | None]:
        """The code of a named place with the pointer where it stands."""
        source = self.catalogue.places[name]
        for path in source.paths:
            code = value_at(self.record, path)
            if isinstance(code, str) and code:
                return widened(code, source.level), pointer_of(path), None
        if source.agency_of:
            agency, fault = self.role(source.agency_of)
            if agency:
                return widened(agency.place, source.level), "", None
            return None, "", fault
        pointer = pointer_of(source.paths[0])
        return (
            None,
            pointer,
            Fault(
                "place.missing",
                pointer,
                f"缺少{pointer}：需要它的区划代码才能确定接收单位",
                f"{pointer} is missing: its place code decides who receives the record",
            ),
        )

    def route(self, exchange: Exchange) -> Routing:
        level = self.level(exchange)
        to: list[str] = []
        faults: list[Fault] = []
        gaps: list[Fault] = []
        for word in level.to if level and level.to else exchange.to:
            if word == HUB:
                continue
            members = tuple(self.catalogue.members(word))
            reached, missing = self._reached(members)
            if len(members) == 1:
                faults += missing
            else:  # several together: whoever can be found is told, and it is shown who cannot be
                reached = [agency for agency in reached if agency != self.sender]
                gaps += missing
                faults += missing[:1] if not reached else []
            to += reached
        copies: list[str] = []
        for copy in exchange.copies:
            if (
                self._applies(copy.same_county, copy.other_county)
                and (not copy.rules or self._in_force(copy.rules))
                and holds_one_of(self.record, copy.only)
            ):
                copies += self._copied((copy.role,), to, gaps)
        copies += self._copied(level.copies if level else (), to, gaps)
        return Routing(tuple(dict.fromkeys(to)), tuple(dict.fromkeys(copies)), tuple(faults), tuple(gaps))

    def _copied(self, words: tuple[str, ...], to: list[str], gaps: list[Fault]) -> list[str]:
        reached, missing = self._reached(tuple(member for word in words for member in self.catalogue.members(word)))
        gaps += missing
        return [agency for agency in reached if agency not in to and agency != self.sender]

    def _reached(self, roles: tuple[str, ...]) -> tuple[list[str], list[Fault]]:
        reached: list[str] = []
        missing: list[Fault] = []
        for name in roles:
            agency, fault = self.role(name)
            if agency:
                reached.append(agency.id)
            elif fault:
                missing.append(fault)
        return reached, missing

    # ------------------------------------------------------------ what the chart says of the transfer
    def level(self, exchange: Exchange) -> Level | None:
        """The level at which an application is decided: the last that its record reaches."""
        return next((level for level in reversed(exchange.levels) if self._reaches(level)), None)

    def _reaches(self, level: Level) -> bool:
        return not level.over or any(
            isinstance(value := value_at(self.record, path), int) and value > limit
            for path, limit in level.over.items()
        )

    def judge(self, exchange: Exchange) -> Judged:
        """Whether the exchange is for this case, and what must be pointed out."""
        faults: list[Fault] = []
        warnings: list[tuple[str, str]] = []
        for condition in exchange.when:
            if self.holds(condition) is not False:
                continue
            if condition.otherwise == "refuse":
                pointer = pointer_of(condition.at) if condition.at else ""
                value = value_at(self.record, condition.at) if condition.at else None
                faults.append(Fault("exchange.not-for-this", pointer, condition.zh, condition.en, value=value))
            else:
                warnings.append((condition.zh, condition.en))
        warnings += [(warning.zh, warning.en) for warning in exchange.warn if self.holds(warning)]
        if exchange.rules and self.day and not self._in_force(exchange.rules):
            named = [self.catalogue.rules[name] for name in exchange.rules]
            warnings.append(
                (
                    f"“{exchange.zh}”只见于{'、'.join(rules.zh for rules in named)}，现行规定中没有依据",
                    f"{exchange.en}: only {', '.join(rules.en for rules in named)} provided for it; the rules in force do not",
                )
            )
        return Judged(tuple(faults), tuple(warnings))

    def holds(self, condition: Condition) -> bool | None:
        """Whether a condition holds; None where the record does not say."""
        if condition.at is not None:
            value = value_at(self.record, condition.at)
            return None if value is None else value in condition.among
        if condition.sender_level:
            agency = self.agencies.get(self.sender)
            return level_of(agency.place) in condition.sender_level if agency else None
        pair = condition.same_county or condition.other_county
        if pair is None:
            return None
        codes = [self.place(name)[0] for name in pair]
        return None if None in codes else self._one_county(pair) == bool(condition.same_county)

    def _in_force(self, rules: tuple[str, ...]) -> bool:
        return self.day is not None and any(self.catalogue.rules[name].in_force(self.day) for name in rules)

    def _applies(self, same: tuple[str, str] | None, other: tuple[str, str] | None) -> bool:
        if same is not None:
            return self._one_county(same)
        return other is None or not self._one_county(other)

    def _one_county(self, names: tuple[str, str]) -> bool:
        codes = [self.place(name)[0] for name in names]
        return None not in codes and codes[0][:SAME_COUNTY_DIGITS] == codes[1][:SAME_COUNTY_DIGITS]  # type: ignore[index]

    def _above(self, role: Role) -> tuple[Agency | None, Fault | None]:
        """The parent, in its line, of the agency that another role means."""
        assert role.above
        below, fault = self.role(role.above)
        if below is None:
            return None, fault
        above = self.agencies.get(below.parent)
        if above and role.kind in (None, above.kind):
            return above, None
        return None, Fault(
            "agency.no-parent",
            "",
            f"{below.name}没有登记上级单位，无法确定“{role.name}”",
            f"no parent is registered for {below.id}, so nobody is its {role.name!r}",
            value=below.id,
        )

    def _parse(self, name: str) -> Role:
        if name in self.catalogue.roles:
            return self.catalogue.roles[name]
        kind, _, place = name.partition("@")
        return Role(name, kind, place)

    def _candidate(self, role: Role) -> tuple[Agency | None, Fault | None]:
        named: str | None = None
        pointer = ""
        for written in role.candidates:
            candidate, _, kinds = written.partition(":")
            if candidate == "sender":
                value: Any = self.sender
            elif candidate == "origin":
                value = self.origin
            elif candidate == "answered":
                value = self.answered
            else:
                value = value_at(self.record, candidate)
            if kinds and isinstance(value, str) and value.partition(".")[0] not in kinds.split(","):
                continue
            agency = self.agencies.get(value) if isinstance(value, str) else None
            if agency:
                return agency, None
            if isinstance(value, str) and named is None:
                named, pointer = value, pointer_of(candidate)
        if named is not None:
            return None, Fault(
                "agency.unknown",
                pointer,
                f"系统中没有单位“{named}”，请填写已登记单位的编号",
                f"no agency {named!r} is known here; give the id of a registered agency",
                value=named,
            )
        first = next((pointer_of(c.partition(":")[0]) for c in role.candidates if "." in c), "")
        zh, en = (f"请填写{first}，或", f"give {first}, or ") if first else ("请", "give ")
        return None, Fault(
            "agency.missing",
            first,
            f"无法确定“{role.name}”是哪个单位：{zh}注明所答复的移送（in_reply_to）",
            f"nothing says which agency is {role.name!r}: {en}in_reply_to",
        )

    def _nobody(self, kind: str, code: str, pointer: str) -> Fault:
        zh_kind, en_kind = self.catalogue.kinds.get(kind, (kind, kind))
        digits = self.agencies.digits(kind)
        if len(code) < digits:
            return Fault(
                "place.too-coarse",
                pointer,
                f"区划代码{code}不够细：确定{zh_kind}需要{digits}位代码",
                f"place code {code} is too coarse: finding the {en_kind} takes {digits} digits",
                value=code,
            )
        known = [f"{a.place} {a.name}" for a in self.agencies if a.kind == kind and len(a.place) == digits]
        near = sorted(known, key=lambda entry: -_shared(entry, code))[:3]
        return Fault(
            "place.no-agency",
            pointer,
            f"区划{code}没有已接入的{zh_kind}；已接入的有：{'、'.join(near) or '无'}",
            f"no {en_kind} is connected for place {code}; connected are: {', '.join(near) or 'none'}",
            value=code,
        )

    def _several(self, kind: str, code: str, pointer: str, found: list[Agency]) -> Fault:
        zh_kind, en_kind = self.catalogue.kinds.get(kind, (kind, kind))
        ids = "、".join(agency.id for agency in found)
        return Fault(
            "place.ambiguous",
            pointer,
            f"区划{code}有不止一个{zh_kind}：{ids}，请指明是哪一个",
            f"place {code} has more than one {en_kind}: {ids}; say which",
            value=code,
        )


def _shared(left: str, right: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
