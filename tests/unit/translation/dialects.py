"""Small dialects made for one test, as files in a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.domain.agencies import Agencies
from hub.findings import ConfigErrors, Finding
from hub.translation import Context, Dialect
from hub.translation.book import load
from hub.translation.codecs import SHANGHAI
from tests.unit.translation.conftest import MAPPINGS, agencies_of_the_samples

AT = datetime(2021, 3, 12, 9, 30, tzinfo=SHANGHAI)


def dialect(folder: Path, files: Mapping[str, str]) -> Dialect:
    """The dialect `toy` of these files, with the code lists and places of the product."""
    home = folder / "mappings" / "dialects" / "toy"
    home.mkdir(parents=True, exist_ok=True)
    for shared in ("codelists", "places"):
        if not (folder / "mappings" / shared).exists():
            (folder / "mappings" / shared).symlink_to(MAPPINGS / shared)
    for name, text in files.items():
        (home / name).write_text(text, encoding="utf-8")
    return load(folder / "mappings", agencies_of_the_samples())["toy"]


def findings(folder: Path, files: Mapping[str, str]) -> list[Finding]:
    """What is wrong with the files."""
    try:
        dialect(folder, files)
    except ConfigErrors as errors:
        return list(errors.findings)
    return []


def context(agencies: Agencies | None = None) -> Context:
    return Context("m-1", AT, "court.370826", "bureau.370826", agencies or agencies_of_the_samples(), AT)


def read(one: Dialect, payload: bytes | str) -> dict[str, Any]:
    """The only record of a message without faults, without what the hub adds."""
    (item,) = read_all(one, payload)
    return item


def read_all(one: Dialect, payload: bytes | str) -> list[dict[str, Any]]:
    message = one.read(None, {}, payload, "court.370826")
    assert not message.faults, message.faults
    found = []
    for item in message.items:
        assert item.record is not None, item.faults
        found.append({key: value for key, value in item.record.items() if key != "exchange"})
    return found


def write(one: Dialect, record: Mapping[str, Any]) -> bytes:
    return one.write("toy", record, context()).payload
