"""How agencies are reached: one module a transport, found by the name that an agency's file gives.

A transport module has `connector()` (its `Connector`) and `check(options, folder)` (the faults of its section of
`transport.yaml`); one that also serves a contract has `service(agency, options, folder)`.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from hub.domain.faults import Fault
from hub.findings import ConfigErrors, Finding, LinedDict, read_yaml
from hub.ports import ConfigError, Connector, SoapService

#: The file in a dialect's folder whose sections belong to the transports of the same names.
SECTIONS = "transport.yaml"


def load(transport: str) -> Connector:
    """The connector of a transport, `connectors.<transport>`. Raises `ConfigError` for a name without one."""
    return cast(Connector, _module(transport).connector())


def serve(transport: str, agency: str, options: Mapping[str, Any], folder: Path) -> SoapService:
    """The hub's side of a contract that `agency` calls. The caller keeps it. Raises `ConfigError`."""
    module = _module(transport)
    if not hasattr(module, "service"):
        raise ConfigError(
            [
                Fault(
                    "transport.serves-nothing",
                    "/transport",
                    value=transport,
                    zh=f"传输方式“{transport}”没有可由枢纽提供的契约",
                    en=f"the transport {transport!r} has no contract that the hub could serve",
                )
            ]
        )
    return cast(SoapService, module.service(agency, options, folder))


def section(folder: Path, transport: str) -> Mapping[str, Any]:
    """A transport's section of the dialect's `transport.yaml`, empty where there is none. Raises `ConfigErrors`."""
    path = folder / SECTIONS
    found, findings = read_yaml(path, f"{folder.name}/{SECTIONS}")
    if found is None:
        raise ConfigErrors(findings)
    return cast(Mapping[str, Any], found.get(transport, {}))


def check(config_dir: Path) -> list[Finding]:
    """Everything wrong with the dialects' `transport.yaml`, with file and line, without calling anybody."""
    findings: list[Finding] = []
    for path in sorted(config_dir.glob(f"dialects/*/{SECTIONS}")):
        shown = f"{config_dir.name}/{path.relative_to(config_dir)}"
        sections, wrong = read_yaml(path, shown)
        findings += wrong
        for transport in sections or ():
            assert sections is not None
            findings += [
                Finding(shown, _line(sections, fault.pointer), fault.rule, fault.zh, fault.en)
                for fault in check_section(transport, sections[transport], path.parent)
            ]
    return findings


def check_section(transport: str, options: Mapping[str, Any], folder: Path | None) -> list[Fault]:
    """Everything wrong with one transport's options; `Fault.pointer` points into `transport.yaml`."""
    try:
        return list(_module(transport).check(options, folder))
    except ConfigError as problem:
        return [replace(fault, pointer=f"/{transport}") for fault in problem.faults]


def _line(sections: LinedDict, pointer: str) -> int:
    """The line of a JSON Pointer, or of the nearest thing above it that is there."""
    path: list[str | int] = []
    here: Any = sections
    for step in pointer.split("/")[1:]:
        key: str | int = int(step) if isinstance(here, list) and step.isdigit() else step
        path.append(key)
        try:
            here = here[key]
        except (KeyError, IndexError, TypeError):
            break
    return sections.line_of(*path)


def _module(transport: str) -> ModuleType:
    name = f"{__name__}.{transport}"
    if re.fullmatch(r"[a-z][a-z0-9_]*", transport) and importlib.util.find_spec(name) is not None:
        module = importlib.import_module(name)
        if hasattr(module, "connector"):
            return module
    raise ConfigError(
        [
            Fault(
                "transport.unknown",
                "/transport",
                value=transport,
                zh=f"没有传输方式“{transport}”",
                en=f"there is no transport {transport!r}",
            )
        ]
    )
