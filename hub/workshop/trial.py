"""Everything that this hub can find out about a release before anybody is asked to approve it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub.findings import Finding
from hub.translation.release import Compile, Release
from hub.workshop.governance import Checked


def trial(compile_fully: Callable[[], Compile], config_dir: Path) -> Callable[[Release], Checked]:
    """A function that tries a release. `compile_fully` gives the compiler with this hub's agencies and record schemas: it is
    only asked when something is tried. `config_dir`: the hub's own files, by which its connectors go on calling."""

    def try_release(release: Release) -> Checked:
        compiled = compile_fully()(release)
        return Checked(compiled.findings, tuple(_contract_differs(release, config_dir)))

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
