"""Everything that this hub can find out about a release before anybody is asked to approve it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hub.domain.agencies import Agencies
from hub.findings import Finding
from hub.translation.release import TRIED_WITH, Release, compiler, lay_out
from hub.workshop.governance import Checked
from hub.workshop.laws import prove


def trial(
    config_dir: Path,
    agencies: Agencies,
    places: tuple[str, ...],
    schemas: Callable[[], Mapping[str, Any]],
    records: int,
) -> Callable[[Release], Checked]:
    """A function that tries a release: lint against this hub's agencies and record schemas, then the laws over generated
    records and the dialect's samples. `config_dir`: the hub's own files, where the samples are and by which its connectors go
    on calling. `records`: how many are generated for each exchange and law. `schemas` is only asked when something is tried."""

    def try_release(release: Release) -> Checked:
        compiled = compiler(agencies, schemas())(release)
        differs = tuple(_contract_differs(release, config_dir))
        if compiled.dialect is None or compiled.findings:
            return Checked(compiled.findings, differs)
        with tempfile.TemporaryDirectory(prefix="santong-trial-") as folder:
            own = lay_out(release, Path(folder)) / "dialects" / release.dialect
            for name in TRIED_WITH:
                samples = config_dir / "dialects" / release.dialect / name
                if samples.is_dir():
                    shutil.copytree(samples, own / name)
            report = prove(compiled.dialect, own, compiled.lists, agencies, schemas(), records=records, places=places)
        return Checked(tuple(report.findings), (*report.warnings, *differs))

    return try_release


def _contract_differs(release: Release, config_dir: Path) -> list[Finding]:
    """How a system is called stays with the hub's files: a WSDL or XSD that is another there is worth a word."""
    found = []
    for path, content in sorted(release.files.items()):
        if not path.endswith((".wsdl", ".xsd")):
            continue
        here = config_dir / path
        if not here.is_file() or here.read_bytes() != content:
            found.append(
                Finding(
                    f"mappings/{path}",
                    1,
                    "release.contract-differs",
                    "与本系统文件中的不同：接口的收发仍按文件中的这一份，启用前请把它也放到文件中并重启",
                    "it is another than in this hub's files, by which the system is called: put it there too and restart the hub "
                    "before this comes into force",
                )
            )
    return found
