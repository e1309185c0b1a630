"""The canonical record as a whole: its values normalised and checked, and what it leaves out filled from what is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hub.domain.exchanges import pointer_of, value_at
from hub.domain.faults import Fault
from hub.domain.values import CaseNumber, IdNumber, NotValid, PlaceCode, offence

RESIDENT_CARD = "111"  # 居民身份证 in GA/T 2000.156
PLACES = ("person.household.place", "person.residence.place", "correction.execution_place")
CASE_NUMBERS = ("case.number", "parole.ruling_number")


def normalise(record: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The record with case numbers in their normal form (the written one kept), ID number, places and offences checked.

    Returns a new record and every fault found, with pointers relative to the record. A value that is not a string is
    left for the schema to refuse.
    """
    found: dict[str, Any] = _copy(record)
    faults: list[Fault] = []
    written = value_at(found, "case.number")
    for path in CASE_NUMBERS:
        _apply(found, path, lambda text: CaseNumber.parse(text).text, faults)
    if (
        isinstance(written, str)
        and value_at(found, "case.number") != written
        and "number_as_written" not in found["case"]
    ):
        found["case"]["number_as_written"] = written
    if value_at(found, "person.id_type.code") in (None, RESIDENT_CARD):
        _apply(found, "person.id_number", lambda text: IdNumber.parse(text).text, faults)
    for path in PLACES:
        _apply(found, path, lambda text: PlaceCode.parse(text).text, faults)
    offences = value_at(found, "sentence.offences")
    if isinstance(offences, list):
        found["sentence"]["offences"] = [offence(o) if isinstance(o, str) else o for o in offences]
    return found, faults


def person_key(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What tells a person from others: the ID number in its 18-character form (another document's number as it is), and the name."""
    number, name = value_at(record, "person.id_number"), value_at(record, "person.name")
    if isinstance(number, str) and value_at(record, "person.id_type.code") in (None, RESIDENT_CARD):
        try:
            number = IdNumber.parse(number).as_18
        except NotValid:
            number = None
    return number if isinstance(number, str) else None, name if isinstance(name, str) else None


def complete(record: Mapping[str, Any], known: Mapping[str, Any], sections: Sequence[str]) -> dict[str, Any]:
    """The record with what it leaves out of the named sections taken from `known`. What it says itself always wins."""
    found: dict[str, Any] = _copy(record)
    for section in sections:
        if isinstance(known.get(section), Mapping) and isinstance(found.get(section, {}), Mapping):
            found[section] = _filled(found.get(section, {}), known[section])
        elif section in known and section not in found:
            found[section] = _copy(known[section])
    return found


def fill(record: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The record with `value` at a dotted path, unless it says something there itself."""
    *parents, leaf = path.split(".")
    found: dict[str, Any] = _copy(record)
    here = found
    for step in parents:
        below = here.setdefault(step, {})
        if not isinstance(below, dict):
            return found  # left for the schema to refuse
        here = below
    here.setdefault(leaf, value)
    return found


def _filled(given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = _copy(given)
    for key, value in known.items():
        if key not in filled or (filled[key] is None and value is not None):
            filled[key] = _copy(value)
        elif isinstance(value, Mapping) and isinstance(filled[key], Mapping) and "system" not in value:
            filled[key] = _filled(filled[key], value)
    return filled


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _apply(record: dict[str, Any], path: str, parse: Callable[[str], str], faults: list[Fault]) -> None:
    *parents, leaf = path.split(".")
    here = value_at(record, ".".join(parents))
    if not isinstance(here, dict) or not isinstance(here.get(leaf), str):
        return
    try:
        here[leaf] = parse(here[leaf])
    except NotValid as error:
        faults.append(Fault(error.rule, pointer_of(path), error.zh, error.en, value=here[leaf]))
