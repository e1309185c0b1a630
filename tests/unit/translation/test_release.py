"""A release holds what decides how a dialect is read and written, under a hash that anybody can work out."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import pytest

from hub.domain.agencies import Agencies
from hub.translation import Book
from hub.translation.release import NotARelease, Release, compiler, draft_of, of_configuration
from tests.unit.translation.conftest import MAPPINGS


@pytest.fixture(scope="module")
def prison() -> Release:
    return of_configuration(MAPPINGS, "prison")


def test_it_holds_the_files_and_lists_and_not_how_the_system_is_called(prison: Release) -> None:
    paths = set(prison.files)
    assert {
        "dialects/prison/dialect.yaml",
        "dialects/prison/answers.yaml",
        "dialects/prison/PrisonExchange.wsdl",
    } <= paths
    assert "codelists/prison-units.yaml" in paths
    assert not [path for path in paths if "transport" in path or "samples" in path or "court" in path]


def test_its_hash_is_that_of_the_list_which_sha256sum_prints(prison: Release) -> None:
    listing = "".join(
        f"{hashlib.sha256((MAPPINGS / path).read_bytes()).hexdigest()}  {path}\n" for path in sorted(prison.files)
    )
    assert prison.hash == hashlib.sha256(listing.encode()).hexdigest()


def test_one_changed_byte_is_another_release(prison: Release) -> None:
    path = "codelists/prison-units.yaml"
    changed = Release.of("prison", {**prison.files, path: prison.files[path] + b"\n"})
    assert changed.hash != prison.hash


def test_packed_and_unpacked_it_is_the_same(prison: Release) -> None:
    assert Release.unpacked("prison", prison.packed()).files == prison.files
    assert Release.unpacked("prison", prison.packed()).packed() == prison.packed()


@pytest.mark.parametrize("name", ["prison", "court", "police", "city"])
def test_it_compiles_to_what_the_files_are(name: str, book: Book) -> None:
    compiled = compiler(Agencies([], {}), {})(of_configuration(MAPPINGS, name))
    assert not compiled.findings
    assert compiled.dialect is not None
    assert compiled.dialect.versions == book[name].versions
    assert compiled.recorded() == tuple(sorted(set(book[name].versions.values())))


def test_its_mistakes_are_told_at_the_file_and_line_of_the_configuration(prison: Release) -> None:
    path = "dialects/prison/admission.parole-handover.yaml"
    broken = Release.of("prison", {**prison.files, path: prison.files[path] + b"nonsense: 1\n"})
    findings = compiler(Agencies([], {}), {})(broken).findings
    line = prison.files[path].count(b"\n") + 1
    assert [(found.file, found.line, found.rule) for found in findings] == [(f"mappings/{path}", line, "mapping.key")]


def test_a_draft_is_taken_from_a_dialects_folder_beside_its_lists_or_from_a_whole_configuration(
    tmp_path: Path, prison: Release
) -> None:
    assert draft_of(MAPPINGS, "prison", []).hash == prison.hash
    assert draft_of(MAPPINGS / "dialects" / "prison", "prison", []).hash == prison.hash
    alone = tmp_path / "work"
    shutil.copytree(MAPPINGS / "dialects" / "prison", alone)
    assert draft_of(alone, "prison", [MAPPINGS / "codelists"]).hash == prison.hash
    (alone / "codelists").mkdir()
    own = MAPPINGS / "codelists" / "prison-units.yaml"
    (alone / "codelists" / own.name).write_bytes(own.read_bytes() + b"# mine\n")
    assert draft_of(alone, "prison", [MAPPINGS / "codelists"]).files[f"codelists/{own.name}"].endswith(b"# mine\n")


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd.yaml",
        "/dialects/prison/x.yaml",
        "dialects/prison/../court/x.yaml",
        "dialects/court/x.yaml",
        "dialects/prison/transport.yaml",
        "dialects/prison/samples/x.yaml",
        "dialects/prison/expected/index.yaml",
        "dialects/prison/x.py",
        "codelists/deep/x.yaml",
        "dialects/prison//x.yaml",
        "c:/x.yaml",
    ],
)
def test_a_path_that_belongs_to_no_release_is_refused(path: str, prison: Release) -> None:
    with pytest.raises(NotARelease, match="belongs to no release"):
        Release.of("prison", {**prison.files, path: b""})


def test_what_is_no_archive_or_says_that_it_is_smaller_than_it_is_is_refused(prison: Release) -> None:
    with pytest.raises(NotARelease):
        Release.unpacked("prison", b"not a zip")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dialects/prison/dialect.yaml", b"x" * (17 * 1024 * 1024))
    with pytest.raises(NotARelease, match="at most"):
        Release.unpacked("prison", out.getvalue())
    with pytest.raises(NotARelease, match="missing"):
        Release.of("prison", {"codelists/prison-units.yaml": b""})


def test_a_dialect_that_reads_addresses_brings_the_tables_of_places(tmp_path: Path) -> None:
    config = tmp_path / "mappings"
    home = config / "dialects" / "toy"
    home.mkdir(parents=True)
    for shared in ("codelists", "places"):
        (config / shared).symlink_to(MAPPINGS / shared)
    (home / "dialect.yaml").write_text("dialect: toy\nformat: json\nwrites: [toy]\n", encoding="utf-8")
    (home / "toy.yaml").write_text(
        "dialect: toy\nexchange: toy\nrecord: $\nlines:\n  person.residence: {at: DZ, address: full}\n",
        encoding="utf-8",
    )
    release = of_configuration(config, "toy")
    assert {path for path in release.files if path.startswith("places/")} == {
        f"places/{path.name}" for path in (MAPPINGS / "places").glob("*.csv")
    }
    compiled = compiler(Agencies([], {}), {})(Release.unpacked("toy", release.packed()))
    assert not compiled.findings
    assert compiled.dialect is not None
    (home / "toy.yaml").write_text(
        "dialect: toy\nexchange: toy\nrecord: $\nlines: {person.name: XM}\n", encoding="utf-8"
    )
    assert not [path for path in of_configuration(config, "toy").files if path.startswith("places/")]
