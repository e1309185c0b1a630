"""A configuration as the workshop needs it: opened once, linted, ready to have its dialects proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub import configuration
from hub.domain.agencies import Agencies
from hub.findings import Finding
from hub.translation import Book, check, codelists
from hub.translation import load as load_book
from hub.translation.codelists import CodeList
from hub.workshop.laws import Progress, Report, prove


@dataclass(frozen=True, slots=True)
class Workshop:
    """`findings`: what the linter has against the dialect that is to be proved (or any); then the book is empty."""

    folder: Path
    book: Book
    lists: Mapping[str, CodeList]
    agencies: Agencies
    places: tuple[str, ...]
    schemas: Mapping[str, Any]
    findings: list[Finding]

    @classmethod
    def open(cls, folder: Path, dialect: str | None, schemas: Mapping[str, Any]) -> Workshop:
        """The dialects of a configuration folder. `schemas`: JSON Schemas of the exchanges' canonical records."""
        configured, findings = configuration.read(folder)
        agencies = configured.agencies if configured else Agencies([], {})
        places = tuple(configured.places) if configured else ()
        lists, _ = codelists.load_with_places(folder)
        found = check(folder, agencies, schemas)
        mine = [one for one in found if dialect is None or _concerns(one, folder.name, dialect)]
        findings = mine or (found if configured else findings)
        book = Book({}) if findings else load_book(folder, agencies)
        return cls(folder, book, lists, agencies, places, schemas, findings)

    def prove(
        self,
        dialect: str,
        exchange: str | None = None,
        records: int = 1000,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Report:
        """Everything that can be found out about one dialect. Raises `KeyError` for one that there is not."""
        return prove(
            self.book[dialect],
            self.folder / "dialects" / dialect,
            self.lists,
            self.agencies,
            self.schemas,
            exchange=exchange,
            records=records,
            seed=seed,
            places=self.places,
            progress=progress,
        )


def _concerns(finding: Finding, folder: str, dialect: str) -> bool:
    return finding.file.startswith((f"{folder}/dialects/{dialect}/", f"{folder}/codelists/"))
