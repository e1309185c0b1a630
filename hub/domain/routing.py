"""Who receives a record: the recipient list of an exchange, resolved by role and place.

Line and territory both count (条块结合): a role is an agency named in the record, or the agency of a kind seated where a
place of the record lies. Nothing is guessed: a role that nobody fills is a fault that says which place found nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.agencies import Agencies, Agency
from hub.domain.exchanges import Catalogue, Exchange, Role, pointer_of, value_at
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
class Resolver:
    """Resolves the chart's words for one record."""

    catalogue: Catalogue
    agencies: Agencies
    record: Mapping[str, Any]
    sender: str
    origin: str | None = None

    def role(self, name: str) -> tuple[Agency | None, Fault | None]:
        """The agency that fills a role, or the fault that says why none does."""
        role = self._parse(name)
        if role.candidates:
            return self._candidate(role)
        assert role.kind
        assert role.place
        code, pointer, fault = self.place(role.place)
        if code is None:
            return None, fault
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
                return code, pointer_of(path), None
        if source.agency_of:
            agency, fault = self.role(source.agency_of)
            if agency:
                return agency.place, "", None
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
        to: list[str] = []
        faults: list[Fault] = []
        for name in exchange.to:
            agency, fault = self.role(name)
            if agency:
                to.append(agency.id)
            elif fault:
                faults.append(fault)
        copies: list[str] = []
        gaps: list[Fault] = []
        for copy in exchange.copies:
            if not self._applies(copy.same_county, copy.other_county):
                continue
            agency, fault = self.role(copy.role)
            if agency and agency.id not in to and agency.id != self.sender:
                copies.append(agency.id)
            elif fault:
                gaps.append(fault)
        return Routing(tuple(dict.fromkeys(to)), tuple(dict.fromkeys(copies)), tuple(faults), tuple(gaps))

    def _applies(self, same: tuple[str, str] | None, other: tuple[str, str] | None) -> bool:
        if same is not None:
            return self._one_county(same)
        return other is None or not self._one_county(other)

    def _one_county(self, names: tuple[str, str]) -> bool:
        codes = [self.place(name)[0] for name in names]
        return None not in codes and codes[0][:SAME_COUNTY_DIGITS] == codes[1][:SAME_COUNTY_DIGITS]  # type: ignore[index]

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
        first = next((c for c in role.candidates if "." in c), "")
        return None, Fault(
            "agency.missing",
            pointer_of(first) if first else "",
            f"无法确定“{role.name}”是哪个单位：请填写{pointer_of(first)}，或注明所答复的移送",
            f"nothing says which agency is {role.name!r}: give {pointer_of(first)}, or in_reply_to",
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
