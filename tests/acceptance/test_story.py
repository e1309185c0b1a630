"""The demo's story, from a prison's handover and a court's notice to who answers for each person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.county import County, run_hub, until
from tests.acceptance.demo import MA, SUN, TAKEN, ZHOU, Demo, Ending, assert_ends_as_it_must
from tests.acceptance.records import Defendant, handover, id_number, jinxiang, notice

Told = tuple[Demo, Ending]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The story told once on the embedded parts, in a folder that is not the checkout."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo, demo.run()
    demo.close()


def test_the_story_ends_as_it_must_on_the_embedded_parts(told: Told) -> None:
    demo, ending = told
    assert_ends_as_it_must(ending, demo)
    assert ending["open"] == []


def test_nobody_gets_anything_twice(told: Told) -> None:
    demo, ending = told
    for system, times in TAKEN.items():
        entries = demo.handed_over(system)
        assert [entry["outcome"] for entry in entries] == ["accepted"] * times
        assert len({entry["digest"] for entry in entries}) == times
        assert [entry["key"] for entry in ending["journals"][system]] == [entry["key"] for entry in entries]


def test_each_thing_happens_on_its_day(told: Told) -> None:
    """A step of the story is over before the clock moves on to the next."""
    demo, _ = told
    assert [entry["record"]["receipt_at"][:8] for entry in demo.handed_over("prison")] == ["20120703"]
    replies = sorted(
        (entry["record"]["reply_date"][:10], entry["record"]["reply_kind"], entry["record"]["name"])
        for entry in demo.handed_over("court")
    )
    assert replies == [
        ("2021-03-15", "回执", SUN),
        ("2021-03-15", "退回", MA),
        ("2021-03-19", "回执", MA),
        ("2021-03-19", "报到", SUN),
        ("2021-03-22", "报到", MA),
    ]


def test_everybody_is_gone_when_the_story_is_over(told: Told) -> None:
    demo, _ = told
    assert demo.running() == []


def test_names_arrive_as_they_were_written(told: Told) -> None:
    demo, _ = told
    assert [[person["name"] for person in entry["record"]["persons"]] for entry in demo.handed_over("city")] == [
        [ZHOU],
        [SUN],
    ]
    assert [entry["record"]["name"] for entry in demo.handed_over("police")] == [SUN]
    assert [entry["record"]["name"] for entry in demo.handed_over("rest")] == [MA, MA]
    assert {entry["record"]["name"] for entry in demo.handed_over("court")} == {SUN, MA}
    city = demo.handed_over("city")[0]["request"]
    assert f"<sqfxryxm>{ZHOU}</sqfxryxm>" in city


def test_told_again_in_english_it_ends_the_same_and_can_be_read_again(told: Told) -> None:
    demo, first = told
    english = demo.text("--lang", "en")
    assert "■ Who answers now" in english
    assert (
        f"{ZHOU}: Weishan County Judicial Bureau (since 2012-07-05; Jining Prison → Weishan County Judicial Bureau)"
        in english
    )
    assert "26 deliveries, 0 need a person; 1 refused at the door" in english
    again = demo.run("--resume")
    assert_ends_as_it_must(again, demo)
    assert {key: value for key, value in again.items() if key != "journals"} == {
        key: value for key, value in first.items() if key != "journals"
    }
    assert demo.running() == []


def test_told_in_chinese_a_clerk_can_follow_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    demo = Demo(tmp_path_factory.mktemp("chinese"))
    try:
        said = demo.text()
    finally:
        demo.close()
    assert "证件号码校验码不符：最后一位应为X" in said
    assert "暂时送不到微山县司法局，稍后再送" in said
    assert "金乡县司法局退回：缺少社区矫正告知书，请补齐后重新送达" in said
    assert "再次发来同一件（编号WSFY-2021-0315-001），给出原来的答复" in said
    assert "共26件投递，0件待人工处理；门口拒收1件" in said
    assert not any(line.lstrip()[6:].startswith(("submission.", "delivery.", "receipt.")) for line in said.splitlines())


@pytest.mark.postgres
@pytest.mark.rabbitmq
def test_the_story_ends_the_same_on_postgresql_and_rabbitmq(
    told: Told, tmp_path_factory: pytest.TempPathFactory, postgres_url: str, rabbitmq_url: str
) -> None:
    demo = Demo(tmp_path_factory.mktemp("services"), HUB_DATABASE_URL=postgres_url, HUB_BROKER_URL=rabbitmq_url)
    try:
        for _ in range(2):
            ending = demo.run()
            assert_ends_as_it_must(ending, demo)
            assert {key: ending[key] for key in ending if key != "journals"} == {
                key: told[1][key] for key in ending if key != "journals"
            }
        assert demo.running() == []
    finally:
        demo.close()


def test_what_arrived_for_agencies_without_a_system_lies_in_their_inbox(told: Told) -> None:
    demo, _ = told
    env = {**demo.env, "HUB_DATA_DIR": str(demo.stage)}
    listed = run_hub("transfer", "list", "--agency", "procuratorate.370826", "--json", env=env)
    assert listed.returncode == 0, listed.stderr
    assert f'"label": "{ZHOU}"' in listed.stdout
    assert f'"label": "{SUN}"' in listed.stdout


# ------------------------------------------------------------------ names, at every recipient there is
def test_rare_characters_and_dots_arrive_unchanged_at_every_recipient(calm: County) -> None:
    court, prison = calm.systems["court"], calm.systems["prison"]
    here = [Defendant(ZHOU), Defendant(MA, sex="女")]
    there = [jinxiang(ZHOU), jinxiang(MA)]
    answer = court.send(notice([*here, *there], key="NAMES-1"))["answer"]
    assert answer["success"], answer

    def request(system: str, operation: str, number: str) -> str:
        """What a system got about the person of this ID number."""

        def look() -> str | None:
            return next(
                (
                    entry["request"]
                    for entry in calm.systems[system].journal()
                    if entry["operation"] == operation and entry["outcome"] == "accepted" and number in entry["request"]
                ),
                None,
            )

        return str(until(f"{system} has {number}", look))

    for one in here:
        assert f">{one.name}</" in request("city", "submit", one.number or "")
        assert f"<XM>{one.name}</XM>" in request("police", "tsRyxx", one.number or "")
    number = id_number(born="19790214")
    calm.systems["city"].arm("refuse", reason=f"查无此人：{ZHOU}、{MA}", sfzh=number)
    taken = prison.send(handover(key="NAMES-2", number=number, BZ=f"同监：{MA}"), encoding="GB18030")["answer"]
    assert taken["code"] == "0", taken

    for one in there:
        assert f'"name":"{one.name}"' in request("rest", "webhook", one.number or "")
    for one in (*here, *there):
        assert f"{one.name}({one.number})：已受理" in request("court", "ReceiveReply", one.number or "")
    assert f"查无此人：{ZHOU}、{MA}" in request("prison", "sendData", number)
    waiting = {
        (item["record"]["person"]["name"], item["record"]["person"].get("id_number"))
        for item in calm.client("procuratorate.370826").waiting()
    }
    assert {(one.name, one.number) for one in here} <= waiting
    assert (ZHOU, number) in waiting
