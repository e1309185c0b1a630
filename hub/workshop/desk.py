"""Single messages of a dialect, read or written line by line: what an administrator tries before anything passes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hub import configuration
from hub.domain.agencies import Agencies, Agency
from hub.domain.faults import Fault, HubError
from hub.findings import ConfigErrors, Finding
from hub.translation import Book, Context, Dialect, Item, Message, Written
from hub.translation.book import read as read_book
from hub.translation.lineage import Lineage, Told

#: Stands for what a message that nobody sent does not have.
NOBODY = "nobody.000000"


@dataclass(frozen=True, slots=True)
class Desk:
    """The dialects of a configuration folder that need not be the one in force, as far as they can be used."""

    book: Book
    agencies: Agencies
    findings: tuple[Finding, ...]
    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Desk:
        """What is wrong elsewhere in the folder keeps nobody from trying a dialect."""
        configured, _ = configuration.read(folder)
        agencies = configured.agencies if configured else Agencies([], {})
        book, findings = read_book(folder, agencies, {})
        return cls(book, agencies, tuple(findings), folder)

    def dialect(self, name: str) -> Dialect:
        """A dialect that is sound. Raises `ConfigErrors` with what is wrong with it; KeyError where there is none."""
        mine = (f"{self.folder.name}/dialects/{name}/", f"{self.folder.name}/codelists/")
        wrong = [finding for finding in self.findings if finding.file.startswith(mine)]
        if wrong:
            raise ConfigErrors(wrong)
        return self.book[name]

    def speaker(self, dialect: str) -> Agency | None:
        """An agency that sends in a dialect."""
        return next((agency for agency in self.agencies if agency.speaks == dialect), None)

    def reached(self, dialect: str, exchange: str) -> Agency | None:
        """An agency that is reached in a dialect."""
        return next(
            (
                agency
                for agency in self.agencies
                if any(r.dialect == dialect and (not r.exchanges or exchange in r.exchanges) for r in agency.reach)
            ),
            None,
        )

    def dialect_of(self, agency: Agency, exchange: str) -> str | None:
        """In which dialect an agency gets an exchange; None for the canonical record. Raises KeyError where no way leads."""
        for reach in agency.reach:
            if reach.exchanges and exchange not in reach.exchanges:
                continue
            if reach.dialect is None or (reach.dialect in self.book and self.book[reach.dialect].can_write(exchange)):
                return reach.dialect
        raise KeyError(exchange)


@dataclass(frozen=True, slots=True)
class Tried:
    """A message that was read. `faults` concern the whole of it; each item comes with its lineage."""

    message: Message | None
    faults: tuple[Fault, ...]
    items: tuple[tuple[Item, Lineage], ...]


def read(told: Told, payload: bytes, operation: str | None, sender: str) -> Tried:
    """A message as its sender's system writes it, out of its envelope or in it."""
    try:
        message, lineages = told.read(operation, {}, payload, sender)
    except HubError as error:
        return Tried(None, error.faults, ())
    return Tried(message, message.faults, tuple(zip(message.items, lineages, strict=True)))


def write(
    told: Told, exchange: str, record: Mapping[str, Any], sender: str, recipient: str, agencies: Agencies, at: datetime
) -> tuple[Written | None, tuple[Fault, ...], Lineage]:
    """A canonical record as a recipient would get it. KeyError for an exchange that the dialect does not write."""
    return told.write(exchange, record, Context("trial-1", at, sender, recipient, agencies, at))


def canonical(payload: bytes) -> dict[str, Any] | None:
    """The canonical record that a file holds, alone or in the envelope of `POST /v1/transfers`; None for anything else."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if isinstance(found.get("record"), dict) and isinstance(found.get("exchange"), str):
        return {**found["record"], "exchange": found["exchange"]}
    return found if isinstance(found.get("exchange"), str) else None


def files_of(folder: Path) -> Iterator[Path]:
    """The sample files of a folder, in order."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
