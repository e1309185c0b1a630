"""Who can go on goes on; who cannot is parked with the reason, and the sender is told who and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.county import County
from tests.acceptance.records import Defendant, handover, id_number, jinxiang, notice


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """A county of its own whose hub is stopped and started; the city's platform is not needed."""
    folder: Path = tmp_path_factory.mktemp("small")
    running = County(folder, ("court", "prison", "rest"))
    yield running
    running.close()


def yutai(name: str = "赵某乙") -> Defendant:
    """Somebody of a county that has no bureau here."""
    return Defendant(name, id_number("370827"), "男", "370827", "山东省济宁市鱼台县")


def test_two_go_on_and_the_third_is_named_until_his_bureau_is_connected(small: County) -> None:
    court = small.systems["court"]
    people = [Defendant(), jinxiang(), yutai()]
    answer = court.send(notice(people, key="THREE-1"))["answer"]
    assert answer["success"], answer
    assert answer["receipt_no"].startswith("sub_")
    assert answer["error"].startswith("暂缓办理：赵某乙：")
    assert "370827" in answer["error"]
    assert "Defendants/Defendant[3]/Residence/@code" in answer["error"], "the place in the court's own record"
    assert all(one.name not in answer["error"] for one in people[:2])
    listed = {one["label"]: one for one in small.transfers("court.370826") if one["exchange"] == "admission.documents"}
    assert {name: one["status"] == "parked" for name, one in listed.items()} == {
        "孙某甲": False,
        "马丽娜·阿不都": False,
        "赵某乙": True,
    }
    assert {d["recipient"] for d in listed["孙某甲"]["deliveries"] if d["role"] == "to"} == {"bureau.370826"}
    assert {d["recipient"] for d in listed["马丽娜·阿不都"]["deliveries"] if d["role"] == "to"} == {"bureau.370828"}
    parked = small.transfer("court.370826", listed["赵某乙"]["id"])
    assert [fault["rule"] for fault in parked["parked"]] == ["place.no-agency"]
    assert parked["parked"][0]["pointer"] == "/correction/execution_place"
    assert (
        court.send(notice(people, key="THREE-1", case=parked["record"]["case"]["number_as_written"]))["answer"]
        == answer
    )

    too_early = small.hub("transfer", "redeliver", parked["id"])
    assert too_early.returncode == 1
    assert "370827" in too_early.stderr
    agency = "id: bureau.370827\nzh: 鱼台县司法局\nen: Yutai County Judicial Bureau\nparent: bureau.370800\nreach:\n  - {transport: inbox}\n"
    (small.config / "agencies" / "bureau.370827.yaml").write_text(agency, encoding="utf-8")
    small.restart()
    planned = small.hub_json("transfer", "redeliver", parked["id"], "--dry-run")
    assert [(one["recipient"], one["from"]) for one in planned["deliveries"]] == [("bureau.370827", "parked")]
    assert small.transfer("court.370826", parked["id"])["status"] == "parked"
    assert "bureau.370827" in small.hub("transfer", "redeliver", parked["id"]).stdout
    small.settled("court.370826", parked["id"], "bureau.370827", "delivered")
    issued = small.hub_json("agency", "credential", "bureau.370827")
    small.credentials["bureau.370827"] = issued
    client = small.client("bureau.370827")
    item = next(client.waiting())
    assert (item["record"]["person"]["name"], item["transfer"]) == ("赵某乙", parked["id"])
    client.receipt(item["delivery"], "accepted").expect()
    small.settled("court.370826", parked["id"], "bureau.370827", "accepted")


def test_when_nobody_can_go_on_the_court_is_told_that_nothing_was_taken(small: County) -> None:
    people = [
        Defendant("钱某", id_number("370829"), "男", "370829", "嘉祥县"),
        Defendant("周某", id_number("370830"), "男", "370830", "汶上县"),
    ]
    answer = small.systems["court"].send(notice(people, key="NOBODY-1"))["answer"]
    assert not answer["success"]
    assert answer["receipt_no"] is None
    assert "370829" in answer["error"]
    assert "370830" in answer["error"]
    assert small.rows("SELECT status FROM submission WHERE tried_key = 'NOBODY-1'") == [("refused",)]


def test_a_prisons_record_for_another_bureau_than_the_place_says_is_parked_with_both_named(small: County) -> None:
    number = id_number()
    answer = small.systems["prison"].send(handover(key="BOTH-1", number=number, name="吴某", JSDW="370828-SFJ"))[
        "answer"
    ]
    assert answer["code"] == "0", answer
    assert answer["msg"].startswith("接收成功，暂缓办理：吴某：")
    assert "bureau.370828（金乡县司法局）" in answer["msg"]
    assert "bureau.370826（微山县司法局）" in answer["msg"]
    parked = [one for one in small.transfers("prison.370800") if one["label"] == "吴某"]
    assert [(one["status"], one["deliveries"]) for one in parked] == [("parked", [])]
    assert [fault["rule"] for fault in small.transfer("prison.370800", parked[0]["id"])["parked"]] == ["place.differs"]
    assert small.hub_json("transfer", "list", "--state", "parked")["items"][0]["id"] == parked[0]["id"]
