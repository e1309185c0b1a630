"""What is in force in each dialect beside what its files say, and how two releases differ: for whoever decides about them."""

from __future__ import annotations

from typing import Any

from hub.domain.faults import Fault, NotFound, Refused
from hub.flow.live import CURRENT, FILES
from hub.flow.parts import Hub
from hub.translation.codecs import SHANGHAI
from hub.translation.release import Release
from hub.workshop.telling import compared


def in_force(hub: Hub) -> list[dict[str, Any]]:
    """Every dialect: the version in force (None: whatever its files say), whether the files say something else, and what is
    to come."""
    hub.dialects.refresh()
    at = hub.clock.technical()
    found = []
    for name in hub.dialects:
        entry = hub.dialects.in_force(name)
        dialect = hub.dialects.files(name).dialect
        found.append(
            {
                "dialect": name,
                "zh": dialect.zh,
                "en": dialect.en,
                "version": entry.version,
                "hash": entry.release,
                "governed": hub.dialects.schedule(name).governed(at),
                "differs_from_files": hub.dialects.differs_from_files(name),
                "to_come": [
                    {
                        "version": one.version,
                        "since": one.since.astimezone(SHANGHAI).isoformat(timespec="seconds"),
                        "by": one.by,
                    }
                    for one in hub.dialects.schedule(name).to_come(at)
                ],
                "unusable": [finding.as_dict() for finding in hub.dialects.unusable.get(name, ())],
            }
        )
    return found


def release_named(hub: Hub, reference: str, dialect: str | None = None) -> Release:
    """The content of a version, of what is in force (`current:prison`), or of the files (`files:prison`). It need not compile.
    Raises `NotFound`."""
    word, _, named = reference.partition(":")
    name = named or dialect or ""
    if word == FILES and name in hub.dialects:
        release = hub.dialects.release_of_files(name)
        assert release is not None
        return release
    if word == CURRENT and name in hub.dialects:
        held = hub.dialects.in_force(name).release
        assert held is not None
        kept = hub.mappings.content(held)
        assert kept is not None
        return Release.unpacked(*kept)
    if word in (FILES, CURRENT):
        known = "、".join(hub.dialects)
        raise NotFound(
            [
                Fault(
                    "dialect.unknown",
                    "",
                    f"没有方言“{name}”；有：{known}",
                    f"there is no dialect {name!r}; there are {known.replace('、', ', ')}",
                    value=reference,
                )
            ]
        )
    return hub.governance.release_of(hub.governance.version(reference))


def compare(hub: Hub, old: str, new: str) -> dict[str, Any]:
    """How the second differs from the first. `current` and `files` alone mean those of the other one's dialect."""
    bare = (CURRENT, FILES)
    of_new = None if new in bare else release_named(hub, new)
    before = release_named(hub, old, of_new.dialect if of_new else None)
    after = of_new or release_named(hub, new, before.dialect)
    if before.dialect != after.dialect:
        raise Refused(
            [
                Fault(
                    "mapping.dialect",
                    "",
                    f"方言不同：“{before.dialect}”和“{after.dialect}”，无从比较",
                    f"{before.dialect!r} and {after.dialect!r} are different dialects: there is nothing to compare",
                )
            ]
        )
    return {"dialect": after.dialect, **compared(before, after, hub.governance.compile)}
