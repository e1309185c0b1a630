"""Where the hub runs and on what: from the environment, then one file, then what suits one process on one machine."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Settings:
    """Unset means embedded: SQLite and the in-process broker under `data_dir`.

    `business_time`: an ISO 8601 time with offset at which the business clock starts (for exercises and tests).
    `check_records`: how many generated records a mapping is tried over before it may be proposed.
    `max_body`: the largest request in bytes. `schema`, `queue_prefix`: let several hubs share a database or broker.
    """

    database_url: str
    broker_url: str | None
    config_dir: Path
    openapi_dir: Path
    public_url: str
    secrets_dir: Path
    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8080
    schema: str | None = None
    queue_prefix: str = "hub."
    business_time: datetime | None = None
    max_body: int = 20 * 1024 * 1024  # bytes
    validate_responses: bool = False
    check_records: int = 1000

    @property
    def embedded(self) -> bool:
        """One process does everything: nobody else can hold a lease."""
        return self.broker_url is None


NAMES = (
    "database_url",
    "broker_url",
    "config_dir",
    "public_url",
    "secrets_dir",
    "data_dir",
    "host",
    "port",
    "schema",
    "queue_prefix",
    "business_time",
    "max_body",
    "validate_responses",
    "check_records",
)


class BadSetting(Exception):
    """A setting that cannot be used; says which, and what would be right."""


def load(environment: Mapping[str, str] | None = None, **over: Any) -> Settings:
    """Settings from `HUB_…` variables, then from the TOML file that `HUB_SETTINGS` names (or ./hub.toml), then defaults.

    `over` wins over everything (the command line). Raises `BadSetting`.
    """
    environment = os.environ if environment is None else environment
    path = Path(environment.get("HUB_SETTINGS", "hub.toml"))
    filed: dict[str, Any] = {}
    if path.is_file():
        try:
            filed = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise BadSetting(f"{path}: {error}") from error
        unknown = sorted(set(filed) - set(NAMES))
        if unknown:
            raise BadSetting(f"{path}: unknown setting {', '.join(unknown)}; known are {', '.join(NAMES)}")
    elif "HUB_SETTINGS" in environment:
        raise BadSetting(f"HUB_SETTINGS={path}: there is no such file")

    def value(name: str) -> Any:
        given = over.get(name)
        return given if given is not None else environment.get(f"HUB_{name.upper()}") or filed.get(name)

    data_dir = Path(value("data_dir") or "var").absolute()
    port = _number("port", 8080 if value("port") is None else value("port"), 1, 65535)
    host = value("host") or "127.0.0.1"
    return Settings(
        database_url=value("database_url") or f"sqlite:///{data_dir / 'hub.sqlite'}",
        broker_url=value("broker_url") or None,
        config_dir=Path(value("config_dir") or ROOT / "mappings").absolute(),
        openapi_dir=ROOT / "openapi",
        public_url=(value("public_url") or f"http://{host}:{port}").rstrip("/"),
        secrets_dir=Path(value("secrets_dir") or data_dir / "secrets").absolute(),
        data_dir=data_dir,
        host=host,
        port=port,
        schema=value("schema"),
        queue_prefix=value("queue_prefix") or "hub.",
        business_time=_time(value("business_time")),
        max_body=_number("max_body", value("max_body") or 20 * 1024 * 1024, 1024, 2**40),
        check_records=_number("check_records", value("check_records") or 1000, 1, 1_000_000),
        validate_responses=str(value("validate_responses") or "").lower() in ("1", "true", "yes"),
    )


def _number(name: str, found: Any, least: int, most: int) -> int:
    try:
        number = int(found)
    except ValueError:
        number = -1
    if not least <= number <= most:
        raise BadSetting(f"HUB_{name.upper()}={found}: a whole number from {least} to {most} is expected")
    return number


def _time(found: Any) -> datetime | None:
    if not found:
        return None
    try:
        time = found if isinstance(found, datetime) else datetime.fromisoformat(str(found))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise BadSetting(f"HUB_BUSINESS_TIME={found}: a time such as 2021-03-15T09:20:00+08:00 is expected")
    return time
