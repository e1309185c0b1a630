"""The product's own dialects, compiled once, and the agencies that their samples name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.domain.agencies import Agencies, Agency
from hub.translation import Book, load

MAPPINGS = Path(__file__).parents[3] / "mappings"


def agencies_of_the_samples() -> Agencies:
    return Agencies(
        [
            Agency("court.370826", "court", "370826", "微山县人民法院"),
            Agency("prison.370800", "prison", "370800", "济宁监狱"),
            Agency("bureau.370826", "bureau", "370826", "微山县司法局"),
            Agency("bureau.370828", "bureau", "370828", "金乡县司法局"),
            Agency("police.370826", "police", "370826", "微山县公安局"),
        ],
        {},
    )


@pytest.fixture(scope="session")
def agencies() -> Agencies:
    return agencies_of_the_samples()


@pytest.fixture(scope="session")
def book(agencies: Agencies) -> Book:
    return load(MAPPINGS, agencies)


def sample(dialect: str, name: str) -> bytes:
    return (MAPPINGS / "dialects" / dialect / "samples" / name).read_bytes()
