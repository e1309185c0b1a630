"""`kill -9` of the hub, the agencies living on: `hub demo --resume` ends the same story, and nobody has anything twice.

Two demos run at a time, one for each core; the tests wait for theirs.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import requests

from hub.flow.crashpoints import POINTS
from tests.acceptance.county import until
from tests.acceptance.demo import COURT, Demo, Ending, assert_ends_as_it_must, moments

AT_ONCE = 2
MOMENTS = moments(seed=20120703, number=20)


@dataclass(frozen=True)
class Survived:
    """A demo that was killed and resumed: how it died, and how it ended."""

    demo: Demo
    died: int | None
    ending: Ending
    left: list[list[str]]


def _dies_at(point: str, demo: Demo) -> Survived:
    process = demo.begin("--json", HUB_CRASH_AT=point)
    _, err = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL, err[-2000:]
    return _resumed(demo, process.returncode)


def _dies_after(events: int, demo: Demo) -> Survived:
    process = demo.begin("--json")
    killed = demo.kill_when(process, lambda: demo.stage.exists() and demo.events() >= events)
    return _resumed(demo, process.returncode if killed else None)


def _resumed(demo: Demo, died: int | None) -> Survived:
    """Resume; the hub is a new process, the agencies are still the old ones."""
    ending = demo.run("--resume")
    return Survived(demo, died, ending, demo.running())


@pytest.fixture(scope="module")
def survived(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[object, Future[Survived]]]:
    """Every kill that the chosen tests ask for, under way in the background."""
    wanted = [
        item.callspec.params["died"]
        for item in request.session.items  # type: ignore[attr-defined]
        if item.fspath == request.node.fspath and "died" in getattr(getattr(item, "callspec", None), "params", {})
    ]
    demos: list[Demo] = []
    with ThreadPoolExecutor(AT_ONCE) as workers:
        futures: dict[object, Future[Survived]] = {}
        for died in wanted:
            demo = Demo(Path(tmp_path_factory.mktemp("killed")))
            demos.append(demo)
            futures[died] = workers.submit(partial(_dies_at if isinstance(died, str) else _dies_after, died), demo)
        yield futures
        for future in futures.values():
            future.cancel()
        for demo in demos:
            demo.close()


def _check(one: Survived) -> None:
    assert_ends_as_it_must(one.ending, one.demo)
    assert one.left == []


@pytest.mark.parametrize("died", POINTS)
def test_the_story_ends_the_same_after_a_kill_at_a_named_point(
    survived: dict[object, Future[Survived]], died: str
) -> None:
    one = survived[died].result()
    assert one.died == -signal.SIGKILL
    _check(one)


@pytest.mark.parametrize("died", MOMENTS)
def test_the_story_ends_the_same_after_a_kill_at_any_moment(
    survived: dict[object, Future[Survived]], died: int
) -> None:
    one = survived[died].result()
    assert one.died == -signal.SIGKILL, "the story was over before the moment came"
    _check(one)


@pytest.mark.postgres
@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    "point", ["intake.after-commit", "dispatch.after-release", "delivery.after-attempt", "receipt.after-commit"]
)
def test_the_story_ends_the_same_after_a_kill_on_postgresql_and_rabbitmq(
    tmp_path: Path, postgres_url: str, rabbitmq_url: str, point: str
) -> None:
    """The hub of the story is alone on its store, so it waits for nobody's lease; tests/faults has every point."""
    demo = Demo(tmp_path, HUB_DATABASE_URL=postgres_url, HUB_BROKER_URL=rabbitmq_url)
    try:
        _check(_dies_at(point, demo))
    finally:
        demo.close()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    here = Demo(tmp_path)
    yield here
    here.close()


def _court_answers_slowly(demo: Demo) -> None:
    """As soon as the court's system is up: it takes each reply and does not come to answer it."""
    port = until("the court's system runs", lambda: demo.state().get("actors", {}).get("court", {}).get("port"))
    requests.post(
        f"http://127.0.0.1:{port}/_sim/faults",
        json={"fault": "slow", "seconds": 600, "times": 1, "operation": "ReceiveReply"},
        timeout=10,
    ).raise_for_status()


def test_a_reply_to_the_court_that_was_cut_off_is_unknown_and_never_repeated(demo: Demo) -> None:
    process = demo.begin("--json")
    _court_answers_slowly(demo)
    journal = demo.stage / "agencies" / "court" / "journal.jsonl"
    assert demo.kill_when(process, lambda: journal.exists() and journal.stat().st_size > 0), (
        "the court was never called"
    )
    ending = demo.run("--resume")
    assert_ends_as_it_must(ending, demo)
    listed = [one for one in ending["open"] if one["status"] == "unknown"]
    assert [one["recipient"] for one in listed] == [COURT]
    assert {one["status"] for one in ending["open"]} == {"unknown", "waiting"}
    assert len(demo.handed_over("court")) == 1
    assert demo.running() == []


def test_without_resume_the_story_starts_afresh(demo: Demo) -> None:
    process = demo.begin("--json")
    assert demo.kill_when(process, lambda: demo.events() >= 30)
    before = {name: actor["pid"] for name, actor in demo.state()["actors"].items()}
    ending = demo.run()
    assert_ends_as_it_must(ending, demo)
    assert ending["open"] == []
    assert all(entry["outcome"] == "accepted" for system in before for entry in demo.handed_over(system))
    assert not set(before.values()) & {actor["pid"] for actor in demo.state()["actors"].values()}
    assert demo.running() == []


def test_a_demo_that_is_asked_to_stop_leaves_nobody_behind(demo: Demo) -> None:
    process = demo.begin()
    until("the story has begun", lambda: demo.events() >= 5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert demo.running() == []


def test_resuming_where_nothing_was_begun_starts_afresh(demo: Demo) -> None:
    demo.stage.mkdir(parents=True)
    assert_ends_as_it_must(demo.run("--resume"), demo)
