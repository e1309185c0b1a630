"""The unseen systems as a suggestion gets them: a contract, ten samples in a folder, and the true pairs to judge by."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined

from hub.workshop.suggestion.score import Truth
from tests.unit.workshop.unseen.people import people

HERE = Path(__file__).parent
#: The systems by which the weights were set, and those that were only ever scored.
TUNED = (
    *(
        "archive",
        "bureau",
        "clinic",
        "coded",
        "commune",
        "detention",
        "discharge",
        "district",
        "gaol",
        "highcourt",
        "jail",
    ),
    *("leave", "portal", "registry", "street", "tribunal"),
    *("bulletin", "constabulary", "inquiry", "magistrate", "moving", "paroling", "petition", "sentencing", "sickbay"),
)
NEVER_TUNED = ("county", "precinct", "township")


@dataclass(frozen=True)
class System:
    name: str
    exchange: str
    contract: Path | None
    samples: Path
    truth: Truth


def system(name: str, folder: Path) -> System:
    """One system with its ten samples written into a folder."""
    said = yaml.safe_load((HERE / name / "truth.yaml").read_text(encoding="utf-8"))
    template = next((HERE / name).glob("record.*.j2"))
    made = Environment(undefined=StrictUndefined, autoescape=False).from_string(template.read_text(encoding="utf-8"))
    samples = folder / name
    samples.mkdir()
    everyone = people()
    for person in everyone:
        text = made.render(p=person, others=everyone)
        encoding = "gb18030" if "GB" in text[:60] else "utf-8"
        (samples / f"{person['n']}.{template.name.split('.')[1]}").write_bytes(text.encode(encoding))
    wanted: dict[str, set[str]] = defaultdict(set)
    for canonical, foreign in said["pairs"].items():
        lists = canonical == "documents" or canonical == "sentence.penalties"
        wanted[f"{foreign}[]" if lists else foreign] |= {canonical, *said.get("also", {}).get(canonical, ())}
    contract = HERE / name / said["contract"] if "contract" in said else None
    return System(name, said["exchange"], contract, samples, Truth({k: frozenset(v) for k, v in wanted.items()}))
