"""How agencies are reached: one module a transport, found by the name that an agency's file gives.

A transport module has `connector()` (its `Connector`) and `check(options, folder)` (what is wrong with its section of
`transport.yaml`); one that also serves a contract has `service(agency, options, folder)`.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import yaml

from hub.domain.faults import Fault
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
        raise ConfigError([Fault("transport.serves-nothing", "/transport", value=transport, zh=f"传输方式“{transport}”没有可由枢纽提供的契约",
                                 en=f"the transport {transport!r} has no contract that the hub could serve")])
    return cast(SoapService, module.service(agency, options, folder))


def section(folder: Path, transport: str) -> Mapping[str, Any]:
    """A transport's section of the dialect's `transport.yaml`, empty where there is none. Raises `ConfigError`."""
    path = folder / SECTIONS
    try:
        sections = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as problem:
        raise ConfigError([Fault("yaml", "", value=path.name, zh=f"{path.name}无法读取：{problem}", en=f"{path.name} cannot be read: {problem}")]) from problem
    found = (sections or {}).get(transport, {}) if isinstance(sections or {}, Mapping) else None
    if not isinstance(found, Mapping):
        raise ConfigError([Fault("option.type", f"/{transport}", value=found, zh=f"{path.name}的{transport}部分应为一组键值",
                                 en=f"the section {transport!r} of {path.name} must be a mapping")])
    return found


def check(transport: str, options: Mapping[str, Any], folder: Path | None) -> list[Fault]:
    """Everything wrong with a transport's options, without calling anybody. `Fault.pointer` points into `transport.yaml`."""
    try:
        return list(_module(transport).check(options, folder))
    except ConfigError as problem:
        return list(problem.faults)


def _module(transport: str) -> ModuleType:
    name = f"{__name__}.{transport}"
    if re.fullmatch(r"[a-z][a-z0-9_]*", transport) and importlib.util.find_spec(name) is not None:
        module = importlib.import_module(name)
        if hasattr(module, "connector"):
            return module
    raise ConfigError([Fault("transport.unknown", "/transport", value=transport, zh=f"没有传输方式“{transport}”",
                             en=f"there is no transport {transport!r}")])
