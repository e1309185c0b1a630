"""How much of the hand-written mappings a suggestion finds, of the dialect for which it finds least."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Figure
from hub.commands.mapping_suggest import Workbench

MAPPINGS = Path(__file__).resolve().parent.parent / "mappings"


def figures(_seconds: float) -> Sequence[Figure]:
    """Shares from 0 to 1; how long one may measure does not matter."""
    scores = Workbench(MAPPINGS).scores()
    return (
        Figure("mapping.suggestion.recall_worst", min(score.recall for score in scores), "share"),
        Figure("mapping.suggestion.precision_worst", min(score.precision for score in scores), "share"),
    )
