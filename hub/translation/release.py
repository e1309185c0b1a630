"""A release: everything that decides how one dialect is read and written, as unchangeable bytes under one hash.

It holds the dialect's own files (dialect.yaml, its exchanges, answers.yaml, WSDL and XSD), the code lists that they
name, and the tables of places where they read addresses. How the agency is called (transport.yaml), samples and secrets are no part of it.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from hub.domain.agencies import Agencies
from hub.domain.faults import Fault, HubError
from hub.findings import Finding, read_yaml
from hub.translation import book, codelists
from hub.translation.codelists import CodeList
from hub.translation.dialect import Dialect

#: What of a dialect's folder belongs to its release.
SUFFIXES = frozenset({".yaml", ".wsdl", ".xsd", ".json"})
#: How the agency is called stays with the files of the hub that calls it.
LEFT_OUT = frozenset({"transport.yaml"})
#: Folders inside a dialect's folder that only serve for trying it: the vendor's samples, and what they should come to.
TRIED_WITH = ("samples", "expected")
#: Folders inside a dialect's folder that are no part of it: what only serves for trying it, and lists taken on their own.
NOT_READ = frozenset({*TRIED_WITH, "codelists"})
#: A release with more than so many bytes or files is none that somebody wrote.
MOST_BYTES, MOST_FILES = 16 * 1024 * 1024, 2_000
#: The name of the folder that a release is laid out in, so that its lines are named as in the files.
ROOT = "mappings"


class NotARelease(HubError):
    """What was given is no dialect with its code lists, or is not what its hash says."""

    status, kind = 422, "refused"


@dataclass(frozen=True)
class Release:
    """One dialect's content: path (`dialects/<name>/…` or `codelists/…`) → bytes."""

    dialect: str
    files: Mapping[str, bytes]

    @cached_property
    def hash(self) -> str:
        """The hex SHA-256 of the list of files as `sha256sum` prints it, sorted by path: anybody can work it out."""
        return hashlib.sha256(self.listing.encode()).hexdigest()

    @cached_property
    def listing(self) -> str:
        return "".join(f"{hashlib.sha256(self.files[path]).hexdigest()}  {path}\n" for path in sorted(self.files))

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))

    def packed(self) -> bytes:
        """The files in one zip archive, the same bytes for the same content."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.files):
                archive.writestr(zipfile.ZipInfo(path), self.files[path], zipfile.ZIP_DEFLATED)
        return out.getvalue()

    def with_texts(self, texts: Mapping[str, str | None], dialect: str) -> Release:
        """The same with some files put in their place (path → text), or (None) taken away. Raises `NotARelease`."""
        changed = {path: text.encode(errors="replace") for path, text in texts.items() if text is not None}
        kept = {path: content for path, content in self.files.items() if path not in texts}
        return Release.of(dialect, {**kept, **changed})

    @classmethod
    def unpacked(cls, dialect: str, content: bytes, below: str = "") -> Release:
        """The release in a zip archive, under a folder of it. Raises `NotARelease` for what is none."""
        files: dict[str, bytes] = {}
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
                if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                    raise _too_large()
                for entry in entries:
                    if entry.filename.startswith(below):
                        files[entry.filename[len(below) :]] = _read_bounded(archive, entry)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise NotARelease(
                [
                    Fault(
                        "release.archive",
                        "",
                        f"不是可读的zip文件：{error}",
                        f"it is no zip file that can be read: {error}",
                    )
                ]
            ) from error
        return cls.of(dialect, files)

    @classmethod
    def of(cls, dialect: str, files: Mapping[str, bytes]) -> Release:
        """A release of given files. Raises `NotARelease` where a path is none of a release's, or dialect.yaml is missing."""
        if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_BYTES:
            raise _too_large()
        for path in files:
            _check_path(dialect, path)
        if f"dialects/{dialect}/dialect.yaml" not in files:
            raise NotARelease(
                [
                    Fault(
                        "dialect.missing",
                        f"/dialects/{dialect}/dialect.yaml",
                        f"缺少dialects/{dialect}/dialect.yaml",
                        f"dialects/{dialect}/dialect.yaml is missing",
                        value=dialect,
                    )
                ]
            )
        return cls(dialect, dict(files))


def _read_bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """An archive may lie about how large its files are."""
    with archive.open(entry) as stream:
        found = stream.read(entry.file_size + 1)
    if len(found) > entry.file_size:
        raise _too_large()
    return found


def _too_large() -> NotARelease:
    return NotARelease(
        [
            Fault(
                "release.too-large",
                "",
                f"一个版本最多{MOST_FILES}个文件、{MOST_BYTES // 1024 // 1024} MB",
                f"a release has at most {MOST_FILES} files and {MOST_BYTES // 1024 // 1024} MB",
            )
        ]
    )


def _check_path(dialect: str, path: str) -> None:
    parts = PurePosixPath(path).parts
    plain = not any(part in ("", ".", "..") or "\\" in part or ":" in part or "\0" in part for part in parts)
    of_dialect = len(parts) >= 3 and parts[:2] == ("dialects", dialect) and not NOT_READ & set(parts)
    of_list = len(parts) == 2 and parts[0] == "codelists" and path.endswith(".yaml")
    of_places = len(parts) == 2 and parts[0] == "places" and path.endswith(".csv")
    belongs = of_list or of_places or (of_dialect and Path(path).suffix in SUFFIXES and parts[-1] not in LEFT_OUT)
    if path.startswith("/") or not plain or not belongs or "/".join(parts) != path:
        raise NotARelease(
            [
                Fault(
                    "release.path",
                    "",
                    f"“{path}”不属于方言“{dialect}”的版本：应为dialects/{dialect}/下的yaml、wsdl、xsd或json文件，codelists/下的yaml文件，或places/下的csv文件",
                    f"{path!r} belongs to no release of {dialect!r}: yaml, wsdl, xsd and json files under dialects/{dialect}/ do, "
                    "yaml files under codelists/, and csv files under places/",
                    value=path,
                )
            ]
        )


# ------------------------------------------------------------------ from folders
def of_configuration(config_dir: Path, dialect: str) -> Release:
    """The release that a configuration folder holds of a dialect."""
    return of_folder(config_dir / "dialects" / dialect, [config_dir / "codelists"], dialect)


def of_folder(folder: Path, list_folders: Sequence[Path], dialect: str | None = None) -> Release:
    """The release of a dialect's folder, with the code lists that its files name from the first folder that has each."""
    dialect = dialect or folder.name
    files = {
        f"dialects/{dialect}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix in SUFFIXES
        and path.name not in LEFT_OUT
        and not NOT_READ & set(path.relative_to(folder).parts)
    }
    return Release.of(dialect, {**files, **_lists_named_in(files, list_folders), **_places_for(files, list_folders)})


def draft_of(source: Path, dialect: str, list_folders: Sequence[Path]) -> Release:
    """The release of a dialect in a whole configuration folder, or in the dialect's own folder. Its code lists are looked
    for beside it (`codelists/` in the folder or two above it), then in `list_folders`."""
    if (source / "dialects" / dialect).is_dir():
        return of_folder(source / "dialects" / dialect, [source / "codelists", *list_folders], dialect)
    beside = [source / "codelists", source.parent.parent / "codelists"]
    own = beside if source.parent.name == "dialects" else beside[:1]
    return of_folder(source, [*own, *list_folders], dialect)


def _lists_named_in(files: Mapping[str, bytes], folders: Iterable[Path]) -> dict[str, bytes]:
    """The code lists whose names stand in the files, and those that they name themselves. A list that is only mentioned is
    taken too: one more is harmless, one less is not."""
    known: dict[str, tuple[str, bytes]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            found, _ = read_yaml(path, path.name)
            name = str(found.get("name", "")) if found else ""
            if name and name not in known:
                known[name] = (f"codelists/{path.name}", path.read_bytes())
    taken: dict[str, bytes] = {}
    texts = [content.decode("utf-8", errors="replace") for path, content in files.items() if path.endswith(".yaml")]
    while texts:
        text = texts.pop()
        for name, (at, content) in known.items():
            if name in text and at not in taken:
                taken[at] = content
                texts.append(content.decode("utf-8", errors="replace"))
    return taken


def _places_for(files: Mapping[str, bytes], list_folders: Iterable[Path]) -> dict[str, bytes]:
    """The tables of places beside the code lists, for a dialect that reads addresses by them."""
    if not any(b"address:" in content for path, content in files.items() if path.endswith(".yaml")):
        return {}
    for folder in list_folders:
        if found := {
            f"places/{path.name}": path.read_bytes() for path in sorted((folder.parent / "places").glob("*.csv"))
        }:
            return found
    return {}


# ------------------------------------------------------------------ compiled
@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a release: the dialect (None where it cannot be used), its code lists, and every mistake."""

    release: Release
    dialect: Dialect | None
    lists: Mapping[str, CodeList]
    findings: tuple[Finding, ...]

    def recorded(self) -> tuple[str, ...]:
        """The version strings that transfers and renditions of this release carry."""
        return tuple(sorted(set(self.dialect.versions.values()))) if self.dialect else ()


#: How a release is compiled on this hub: with its agencies, and the schemas of its exchanges.
Compile = Callable[[Release], Compiled]


def compiler(agencies: Agencies, schemas: Mapping[str, Any]) -> Compile:
    """Compiles releases for a hub with these agencies and record schemas."""

    def compile_release(release: Release) -> Compiled:
        with tempfile.TemporaryDirectory(prefix="santong-release-") as folder:
            root = lay_out(release, Path(folder))
            found, findings = book.read(root, agencies, schemas)
            lists, _ = codelists.load_with_places(root)
        return Compiled(release, found.get(release.dialect), lists, tuple(findings))

    return compile_release


def lay_out(release: Release, folder: Path) -> Path:
    """Write a release as a configuration folder of its own; returns that folder."""
    root = folder / ROOT
    for path, content in release.files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return root
