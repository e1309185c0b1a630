"""A draft over what really passed finds exactly what it would have changed, changes nothing, and stays small."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask
from sqlalchemy import func, select

from hub import settings
from hub.bootstrap import build
from hub.console.pages import console
from hub.domain.agencies import Agencies
from hub.flow import hindsight
from hub.flow.parts import Hub
from hub.store import tables as t
from hub.translation import Dialect
from hub.translation.release import compiler, draft_of
from hub.workshop.replay import Judgement, Report, Touched, replay
from tests.passed_history import BUREAU, fill, handover, refuse, send

MAPPING = "dialects/prison/admission.parole-handover.yaml"
#: What `test_a_hundred_thousand` keeps; every 97th has two former names in one text.
MANY, EVERY = 100_000, 97
#: Bytes by which a replay may grow after its first tenth: pages, examples, allocator. The history itself is 200 MB.
FLAT = 24 * 2**20


@pytest.fixture
def hub(store_url: str, tmp_path: Path) -> Iterator[Hub]:
    found = build(settings.load({}, database_url=store_url, data_dir=tmp_path / "data"))
    yield found
    found.database.close()


@pytest.fixture
def drafted(tmp_path: Path) -> Callable[..., Dialect]:
    """Makes a draft of a dialect: a copy of the configuration in which a text is replaced."""

    def make(file: str, old: str, new: str, dialect: str = "prison") -> Dialect:
        folder = Path(shutil.copytree(settings.ROOT / "mappings", tmp_path / "draft", dirs_exist_ok=True))
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        made = compiler(Agencies([], {}), {})(draft_of(folder, dialect, []))
        assert made.dialect is not None, made.findings
        return made.dialect

    return make


def compared(hub: Hub, draft: Dialect, **how: Any) -> tuple[Report, list[Touched]]:
    touched: list[Touched] = []
    report = replay(
        hub.history,
        hub.dialects[draft.name],
        draft,
        agencies=hub.agencies,
        recipients=[a.id for a in hub.agencies if any(reach.dialect == draft.name for reach in a.reach)],
        reopen=lambda passed: hindsight.reopen(hub, passed),
        judge=lambda *asked: Judgement(*hindsight.judge(hub, *asked)),
        touched=touched.append,
        **how,
    )
    return report, touched


def line_of(file: str, text: str) -> str:
    lines = (settings.ROOT / "mappings" / file).read_text(encoding="utf-8").splitlines()
    return f"{next(n for n, line in enumerate(lines, 1) if text in line)}"


def test_the_same_dialect_changes_nothing(hub: Hub) -> None:
    fill(hub, 30)
    report, touched = compared(hub, hub.dialects["prison"])
    assert (report.done, report.count("identical"), touched) == (30, 30, [])
    assert not report.differs


def test_a_changed_line_is_one_group_at_that_line_with_examples(hub: Hub, drafted: Callable[..., Dialect]) -> None:
    fill(hub, 40, lambda n: {"infectious": "1" if n % 4 == 0 else "0"})
    draft = drafted(
        MAPPING,
        'boolean: {"1": true, "0": false}',
        'boolean: {"1": true, "0": true}'.replace("true}", 'true, "2": false}'),
    )
    report, touched = compared(hub, draft)
    assert {one.transfer for one in touched} == {f"trf_{n:026d}" for n in range(40) if n % 4}
    (group,) = report.groups.values()
    assert (group.place, group.kind, group.count, group.verdict) == ("health.infectious", "value", 30, "changed")
    assert group.line.endswith(f"{MAPPING.rpartition('/')[2]}:{line_of(MAPPING, 'SFCRB')}")
    assert group.examples[0]["before"] is False
    assert group.examples[0]["after"] is True
    assert len(group.examples) == 3


def test_what_fails_from_now_on_and_what_passes_from_now_on(hub: Hub, drafted: Callable[..., Dialect]) -> None:
    fill(hub, 10, lambda n: {"education": "71" if n == 3 else "70"})
    refused = refuse(hub, 90, handover(90, education="8X"))
    draft = drafted("codelists/gbt4658.yaml", '  "71":', '  "8X":')
    report, touched = compared(hub, draft)
    verdicts = {one.submission: one.verdict for one in touched}
    assert verdicts == {f"sub_{3:026d}": "newly-failing", refused: "newly-passing"}
    failing = next(group for group in report.groups.values() if group.verdict == "newly-failing")
    assert failing.place == "code.unknown /person/education"
    assert failing.line.endswith(line_of(MAPPING, "WHCD"))
    assert failing.examples[0]["after"].endswith("(71)")


def test_other_recipients_are_a_change_of_their_own(hub: Hub, drafted: Callable[..., Dialect]) -> None:
    fill(hub, 5)
    draft = drafted(
        MAPPING,
        "correction.execution_place:        {at: ZFXX/JZD, place: 6}",
        "correction.execution_place:        {value: '370828'}",
    )
    report, _ = compared(hub, draft)
    # the prison names the bureau of Weishan, and by the draft it would be that of Jinxiang: a person would have to decide
    assert report.count("newly-failing") == 5
    assert any(group.place.startswith("place.differs") for group in report.groups.values())


def test_what_was_sent_is_written_again_and_compared_place_by_place(hub: Hub, drafted: Callable[..., Dialect]) -> None:
    fill(hub, 12)
    send(hub, BUREAU, "city", range(0, 12, 2))
    draft = drafted(
        "dialects/city/admission.documents.yaml",
        "subject/csny:                      {from: person.birth_date, date: yyyy-MM-dd}",
        "subject/csny:                      {from: person.birth_date, date: yyyyMMdd}",
        "city",
    )
    report, touched = compared(hub, draft)
    assert {one.transfer for one in touched} == {f"trf_{n:026d}" for n in range(0, 12, 2)}
    assert {one.recipient for one in touched} == {BUREAU}
    (group,) = report.groups.values()
    assert (group.direction, group.place, group.kind) == ("out", "subject/csny", "value")
    assert group.examples[0]["before"] == "1979-02-14"
    assert group.examples[0]["after"] == "19790214"
    assert group.line.endswith(line_of("dialects/city/admission.documents.yaml", "subject/csny"))


def test_another_policy_is_a_change_though_the_faults_are_the_same(hub: Hub, drafted: Callable[..., Dialect]) -> None:
    refuse(hub, 90, handover(90, education="8X"))
    draft = drafted("dialects/prison/dialect.yaml", "policy: refused", "policy: parked")
    report, _ = compared(hub, draft)
    assert [(g.place, g.kind) for g in report.groups.values()] == [("disposition", "value")]


def test_nothing_in_the_store_is_changed(hub: Hub, drafted: Callable[..., Dialect]) -> None:
    fill(hub, 20)
    before = _counts(hub)
    compared(hub, drafted(MAPPING, '";", offence: short', '"；", offence: short'))
    assert _counts(hub) == before


def _counts(hub: Hub) -> dict[str, int]:
    with hub.database.read() as db:
        return {
            table.name: db.execute(select(func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
        }


def test_it_can_be_narrowed_and_ended(hub: Hub, drafted: Callable[..., Dialect]) -> None:
    fill(hub, 250)
    draft = drafted(MAPPING, '"0": false', '"0": true, "9": false')
    assert compared(hub, draft, exchange="admission.escort")[1] == []
    report, _ = compared(hub, draft, progress=lambda so_far: so_far.done < 200)
    assert report.done == 200
    assert report.total == 250


def test_the_command_tells_the_differences_and_keeps_the_run(sqlite_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "HUB_DATABASE_URL": sqlite_url, "HUB_DATA_DIR": str(tmp_path / "data")}
    hub = build(settings.load({}, database_url=sqlite_url, data_dir=tmp_path / "data"))
    fill(hub, 60, lambda n: {"former": "甲;乙" if n % 10 == 0 else ""})
    hub.database.close()
    draft = Path(shutil.copytree(settings.ROOT / "mappings", tmp_path / "draft"))
    path = draft / MAPPING
    path.write_text(path.read_text(encoding="utf-8").replace('CYM, list: ";"', 'CYM, list: ","'), encoding="utf-8")

    def hub_says(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hub.cli", "mapping", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    listed = tmp_path / "touched.ndjson"
    ran = hub_says("replay", "prison", "--draft", str(draft), "--share", "1", "--list", str(listed))
    assert ran.returncode == 1, ran.stderr
    assert "person.former_names" in ran.stdout
    assert "×6" in ran.stdout
    touched = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    assert [one["transfer"] for one in touched] == [f"trf_{n:026d}" for n in range(0, 60, 10)]
    assert hub_says("replay", "prison", "--draft", "files:prison").returncode == 0, "the same again differs in nothing"
    kept = json.loads(hub_says("replays", "--json").stdout)["items"][1:]
    assert [(one["state"], one["report"]["done"]) for one in kept] == [("done", 60)]

    begun = hub_says("replay", "prison", "--draft", str(draft / "dialects" / "prison"), "--background", "--json")
    assert begun.returncode == 0, begun.stderr
    run = json.loads(begun.stdout)["id"]
    for _ in range(600):
        found = json.loads(hub_says("replays", run, "--json").stdout)
        if found["state"] != "running":
            break
    assert found["state"] == "done", found
    assert found["report"]["counts"]["in"]["changed"] == 6

    hub = build(settings.load({}, database_url=sqlite_url, data_dir=tmp_path / "data"))
    app = Flask(__name__)
    app.register_blueprint(console(hub))
    page = app.test_client().get(f"/console/replays/{run}?lang=zh", base_url="http://127.0.0.1:8080")
    hub.database.close()
    assert page.status_code == 200
    assert "person.former_names" in page.get_data(as_text=True)


@pytest.mark.timeout(1800)
def test_a_hundred_thousand(sqlite_url: str, tmp_path: Path, drafted: Callable[..., Dialect]) -> None:
    """Exactly the transfers that a planted change touches, in memory that does not grow."""
    hub = build(settings.load({}, database_url=sqlite_url, data_dir=tmp_path / "data"))
    fill(hub, MANY, lambda n: {"former": "周甲;周乙" if n % EVERY == 0 else ""})
    draft = drafted(MAPPING, 'CYM, list: ";"', 'CYM, list: ","')
    process, seen = psutil.Process(), list[int]()

    def progress(report: Report) -> bool:
        if report.done >= MANY // 10:
            seen.append(process.memory_info().rss)
        return True

    report, touched = compared(hub, draft, progress=progress)
    hub.database.close()
    assert report.done == MANY
    assert {one.transfer for one in touched} == {f"trf_{n:026d}" for n in range(0, MANY, EVERY)}
    assert report.count("changed") == len(range(0, MANY, EVERY))
    assert [(group.place, group.kind) for group in report.groups.values()] == [("person.former_names", "length")]
    assert max(seen) - seen[0] < FLAT, f"{(max(seen) - seen[0]) / 2**20:.1f} MB more than after the first tenth"
