"""The same story with PHP's prison and npm's court, police and city in the simulators' place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.acceptance.demo import MA, SUN, ZHOU, Demo, Ending, assert_ends_as_it_must
from tests.foreign.stacks import FOREIGN, foreign_command

pytestmark = pytest.mark.foreign


@pytest.fixture(scope="module")
def told(foreign_stacks: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Ending]]:
    demo = Demo(tmp_path_factory.mktemp("foreign"))
    options = [f"--simulator={system}={shlex.join(foreign_command(system))}" for system in FOREIGN]
    yield demo, demo.run(*options)
    demo.close()


def test_the_story_ends_the_same_on_stacks_that_are_not_python(told: tuple[Demo, Ending]) -> None:
    demo, ending = told
    assert_ends_as_it_must(ending, demo)
    assert ending["open"] == []
    assert demo.running() == []


def test_names_arrive_unchanged_on_stacks_that_are_not_python(told: tuple[Demo, Ending]) -> None:
    demo, _ = told
    assert [ZHOU in entry["request"] for entry in demo.handed_over("city")] == [True, False]
    assert [entry["record"]["name"] for entry in demo.handed_over("police")] == [SUN]
    assert {entry["record"]["name"] for entry in demo.handed_over("court")} == {SUN, MA}
    assert [entry["record"]["id_number"] for entry in demo.handed_over("prison")] == ["37082619790214041X"]


def test_the_habits_fire_on_stacks_that_are_not_python(told: tuple[Demo, Ending]) -> None:
    demo, _ = told
    city = demo.journal("city")
    assert [entry["operation"] for entry in city].count("login") == 1, "one ticket serves all workers"
    assert [entry["outcome"] for entry in city if entry["operation"] == "query"].count("query") >= 2
    states = [
        re.search(r"<(?:[\w.-]+:)?state>(\d)<", entry["answer"]) for entry in city if entry["operation"] == "query"
    ]
    assert {found[1] for found in states if found} == {"0", "1"}, "asked again while it was undecided"
    assert [entry["operation"] for entry in city].count("uploadChunk") >= 2, "papers go before the record"
    assert len({entry["nonce"] for entry in demo.journal("police") if entry.get("nonce")}) == len(
        demo.journal("police")
    )
    assert {entry["record"]["reply_kind"] for entry in demo.handed_over("court")} == {"退回", "回执", "报到"}
