"""A new agency, and one whose system speaks a dialect that nobody here has heard of, join by files alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.bootstrap import build
from hub.settings import load
from tests.acceptance.county import County, until
from tests.acceptance.records import Defendant, id_number, notice
from tests.foreign.stacks import Program, simulator_command

YUTAI = "370827"


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """A county, and then a neighbour that nobody had thought of: its police run the same vendor's platform with codes of
    their own (男 is M, 缓刑 is HX), its bureau has no system."""
    folder: Path = tmp_path_factory.mktemp("grown")
    county = County(folder, ("court",))
    try:
        county.stop()
        _write_files(county.config)
        checked = county.hub("check", str(county.config))
        assert checked.returncode == 0, checked.stdout
        platform = Program(
            simulator_command("police"), f"police.{YUTAI}", folder / "yutai", user="sfj370827", password="通行证-鱼台"
        )
        county.systems["yutai"] = platform
        done = county.hub(
            "agency",
            "set",
            f"police.{YUTAI}",
            "--url",
            platform.url,
            "--user",
            "sfj370827",
            "--password",
            "通行证-鱼台",
        )
        assert done.returncode == 0, done.stderr
        county.credentials[f"bureau.{YUTAI}"] = county.hub_json("agency", "credential", f"bureau.{YUTAI}")
        county.credentials[f"court.{YUTAI}"] = county.hub_json(
            "agency", "credential", f"court.{YUTAI}", "--soap-user", "yt", "--soap-password", "鱼台"
        )
        county.start()
        yield county
    finally:
        county.close()


def _write_files(config: Path) -> None:
    agencies, dialects = config / "agencies", config / "dialects"
    for kind, name, reach in (
        ("bureau", "鱼台县司法局", "  - {transport: inbox}\n"),
        ("procuratorate", "鱼台县人民检察院", "  - {transport: inbox}\n"),
        (
            "police",
            "鱼台县公安局",
            '  - {transport: soap, dialect: yutai-police, url: "http://127.0.0.1:1/jzxt/v2", user: sfj370827}\n',
        ),
        ("court", "鱼台县人民法院", "  - {transport: inbox}\n"),
    ):
        speaks = "speaks: court\n" if kind == "court" else ""
        (agencies / f"{kind}.{YUTAI}.yaml").write_text(
            f"id: {kind}.{YUTAI}\nzh: {name}\nen: Yutai {kind}\n{speaks}reach:\n{reach}", encoding="utf-8"
        )
    new = dialects / "yutai-police"
    shutil.copytree(dialects / "police", new)
    for path in new.glob("*.yaml"):
        text = (
            path.read_text(encoding="utf-8")
            .replace("dialect: police", "dialect: yutai-police")
            .replace("zh: 警务综合平台", "zh: 鱼台警务平台")
        )
        path.write_text(text.replace("police-correction-categories", "yutai-categories"), encoding="utf-8")
    (config / "codelists" / "yutai-categories.yaml").write_text(
        'name: yutai-categories\nzh: 鱼台警务平台矫正类别\ncodes:\n  "4": public-surveillance\n  "3": probation\n  "2": parole\n  "1": temporary-execution\n',
        encoding="utf-8",
    )


def _sent_by_yutai(county: County, who: Defendant) -> dict[str, object]:
    """The court of the new county sends a notice over the contract that the old one speaks, as a client of its own."""
    program = Program(
        simulator_command("court"),
        f"court.{YUTAI}",
        county.folder / f"court-{who.number}",
        user="x",
        password="x",
        hub=county.url,
        hub_user="yt",
        hub_password="鱼台",
    )
    try:
        text = notice([who], case="（2021）鲁0827刑初1号").replace("<CourtCode>370826<", f"<CourtCode>{YUTAI}<")
        answer: dict[str, object] = program.send(text)["answer"]
        return answer
    finally:
        program.stop()


def test_a_new_county_and_its_own_dialect_are_served_by_files_alone(grown: County) -> None:
    who = Defendant("沈某", id_number(YUTAI), "男", YUTAI, "山东省济宁市鱼台县")
    answer = _sent_by_yutai(grown, who)
    assert answer["success"], answer
    platform = grown.systems["yutai"]
    entry = until(
        "the new police platform has it",
        lambda: next((one for one in platform.journal() if one["outcome"] == "accepted"), None),
    )
    assert entry["record"]["name"] == "沈某"
    assert "<JZLBDM>3</JZLBDM>" in entry["request"], "its own code list was used"
    assert f"<PJJGDM>{YUTAI}</PJJGDM>" in entry["request"]
    item = next(grown.client(f"bureau.{YUTAI}").waiting())
    assert item["record"]["person"]["id_number"] == who.number
    grown.client(f"bureau.{YUTAI}").receipt(item["delivery"], "accepted").expect()
    found = next(
        one
        for one in grown.hub_json("transfer", "list", "--agency", f"court.{YUTAI}")["items"]
        if one["exchange"] == "admission.documents"
    )
    assert {d["recipient"] for d in found["deliveries"]} == {
        f"bureau.{YUTAI}",
        f"police.{YUTAI}",
        f"procuratorate.{YUTAI}",
    }


def test_the_old_dialect_is_as_it_was(grown: County) -> None:
    hub = build(load(grown.env))
    try:
        assert hub.dialects["police"].version("admission.documents") != hub.dialects["yutai-police"].version(
            "admission.documents"
        )
        assert {agency.id for agency in hub.agencies if any(way.dialect == "police" for way in agency.reach)} == {
            "police.370826"
        }
    finally:
        hub.database.close()
