"""Versions of mappings as plain values, the same for the command line, the API and the pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.domain.mapping_versions import MappingEvent, StoredVersion
from hub.translation.codecs import SHANGHAI
from hub.translation.release import Compile, Compiled, Release
from hub.workshop import difference
from hub.workshop.governance import WORDS, Governance, Shown

#: Kind of an event → how it is told.
EVENTS: Mapping[str, tuple[str, str]] = {
    "drafted": ("起草", "drafted"),
    "edited": ("修改", "edited"),
    "imported": ("导入", "imported"),
    "checked": ("检查", "checked"),
    "proposed": ("提请批准", "proposed"),
    "approved": ("批准", "approved"),
    "rejected": ("退回", "rejected"),
    "withdrawn": ("撤回", "withdrawn"),
    "activated": ("启用", "activated"),
    "rolled-back": ("回退到此版本", "rolled back to"),
    "called-off": ("取消启用", "called off"),
    "retired": ("停用", "retired"),
    "in-force": ("按文件启用", "in force by its files"),
}


def state_word(name: str, language: str) -> str:
    return WORDS[name][0 if language.startswith("zh") else 1] if name in WORDS else name


def event_word(name: str, language: str) -> str:
    return EVENTS[name][0 if language.startswith("zh") else 1] if name in EVENTS else name


def summary(shown: Shown) -> dict[str, Any]:
    version = shown.version
    return {
        "id": version.id,
        "dialect": version.dialect,
        "number": version.number,
        "state": shown.standing,
        "in_force": shown.in_force,
        "origin": version.origin,
        "hash": version.release,
        "note": version.note,
        "created_by": version.created_by,
        "created_at": _time(version.created_at),
        "active_from": _time(version.active_from),
    }


def detail(governance: Governance, version: str) -> dict[str, Any]:
    """A version with its files, its events and the findings of its last check. Raises `NotFound`."""
    found = governance.version(version)
    (shown,) = governance.shown([found])
    events = governance.history(version)
    return {
        **summary(shown),
        "files": _files(governance.release_of(found)),
        "findings": [dict(finding) for finding in found.findings],
        "warnings": next((list(one.facts["warnings"]) for one in reversed(events) if one.kind == "checked"), []),
        "events": [event(one) for one in events],
        "elsewhere": _elsewhere(found),
    }


def _files(release: Release) -> list[dict[str, Any]]:
    return [
        {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in sorted(release.files.items())
    ]


def _elsewhere(version: StoredVersion) -> list[dict[str, Any]]:
    """What another hub did with an imported version: to be read, nothing more."""
    told = (version.foreign or {}).get("events", ())
    return [
        {key: str(one[key]) if one.get(key) is not None else None for key in ("kind", "by", "at", "hash", "note")}
        for one in told
        if isinstance(one, Mapping)
    ]


def event(one: MappingEvent) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "by": one.by,
        "at": _time(one.at),
        "hash": one.release,
        "note": one.note,
        "facts": dict(one.facts),
    }


def compared(old: Release, new: Release, compile_release: Compile) -> dict[str, Any]:
    """How two releases differ: `files`, and `lines` in words where both can be compiled (`compiled`)."""
    compiled: list[Compiled] = [compile_release(one) for one in (old, new)]
    return {
        "from": old.hash,
        "to": new.hash,
        "files": [difference.as_dict(one) for one in difference.by_file(old, new)],
        "compiled": all(one.dialect is not None for one in compiled),
        "lines": [difference.as_dict(one) for one in difference.by_line(*compiled)],
    }


def _time(at: datetime | None) -> str | None:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds") if at is not None else None
