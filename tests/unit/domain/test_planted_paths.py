"""`hub check` finds canonical paths in the chart that are no place of the records, with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.bootstrap import check
from hub.settings import ROOT


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("workflow/admission.yaml", "due: correction.report_by", "due: correction.reported_by"),
        ("workflow/admission.yaml", "only: {correction.category:", "only: {correction.kind:"),
        ("workflow/admission.yaml", "carries: [person, case, correction]", "carries: [person, case, corrections]"),
        ("workflow/roles.yaml", "paths: [correction.execution_place]", "paths: [correction.place]"),
        ("workflow/roles.yaml", "case.deciding_agency", "case.decided_by"),
        ("workflow/terms.yaml", "paths: [case.effective_on]", "paths: [case.in_force_on]"),
    ],
)
def test_a_path_that_no_record_has_is_found_where_it_stands(tmp_path: Path, file: str, right: str, wrong: str) -> None:
    mappings = Path(shutil.copytree(ROOT / "mappings", tmp_path / "mappings"))
    path = mappings / file
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    line = text[: text.index(right)].count("\n") + 1
    assert [(found.file, found.line, found.rule) for found in check(mappings)] == [
        (f"mappings/{file}", line, "canonical.unknown")
    ]
