"""Places in the canonical record: dotted paths, made once into getters and setters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from hub.domain.values import NotValid, Term
from hub.translation.codecs import as_date, term_of

#: There is nothing at a place: other than null, which a record may say.
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT", "__bool__": lambda self: False})()


def steps_of(path: str) -> tuple[str, ...]:
    """`sentence.penalties[].term` as steps, each list step with its brackets; `.` is the thing itself."""
    return () if path == "." else tuple(path.split("."))


def pointer_of(path: str) -> str:
    """The JSON Pointer of a path; a list step points at the list."""
    return "".join(f"/{step.removesuffix('[]')}" for step in steps_of(path))


def getter(path: str) -> Callable[[Any], Any]:
    """What stands at a path, or `ABSENT`; with `[]` in the path, the list of what stands there (`ABSENT` when empty)."""
    steps = steps_of(path)
    if any(step.endswith("[]") for step in steps):

        def several(record: Any) -> Any:
            return list(_all(record, steps)) or ABSENT

        return several

    def one(record: Any) -> Any:
        here = record
        for step in steps:
            if not isinstance(here, Mapping) or step not in here:
                return ABSENT
            here = here[step]
        return here

    return one


def _all(here: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if not steps:
        yield here
        return
    name, several = steps[0].removesuffix("[]"), steps[0].endswith("[]")
    if isinstance(here, Mapping) and name in here:
        for below in here[name] if several and isinstance(here[name], list) else [here[name]]:
            yield from _all(below, steps[1:])


def putter(path: str) -> Callable[[dict[str, Any], Any], None]:
    """Puts a value at a path, making the objects on the way."""
    *parents, last = (step.removesuffix("[]") for step in steps_of(path))

    def put(record: dict[str, Any], value: Any) -> None:
        here = record
        for parent in parents:
            here = here.setdefault(parent, {})
        here[last] = value

    return put


def copy(value: Any) -> Any:
    """A copy of plain JSON data."""
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    return [copy(item) for item in value] if isinstance(value, list) else value


def derivation(name: str, of: tuple[str, ...], days: int) -> Callable[[Any], Any]:
    """A value that follows from others. Gives `ABSENT` where one of them is not there; raises `NotValid`."""
    getters = tuple(getter(path) for path in of)

    def last_day(first: Any, term: Any) -> str:
        return term_of(term).last_day(as_date(first)).isoformat()

    def days_after(start: Any) -> str:
        return (as_date(start) + timedelta(days=days)).isoformat()

    def term_between(first: Any, last: Any) -> dict[str, int]:
        return Term.between(as_date(first), as_date(last)).parts()

    def longest(terms: Any) -> dict[str, int]:
        return max((term_of(term) for term in terms), key=Term.weight).parts()

    known: dict[str, Callable[..., Any]] = {
        "last day": last_day,
        "days after": days_after,
        "term between": term_between,
        "longest": longest,
    }
    compute = known[name]

    def derive(record: Any) -> Any:
        values = [get(record) for get in getters]
        if any(value is ABSENT or value is None for value in values):
            return ABSENT
        try:
            return compute(*values)
        except (OverflowError, ValueError) as error:
            if isinstance(error, NotValid):
                raise
            raise NotValid(
                "date.range", "算出的日期超出范围", f"the date computed lies outside the calendar ({date.max})"
            ) from error

    return derive
