"""A field that no mapping names is carried along and shown, never dropped (P7)."""

from __future__ import annotations

from tests.acceptance.county import County
from tests.acceptance.records import Defendant, handover, id_number, notice, unique


def _shown(county: County, agency: str, number: str) -> tuple[str, dict[str, object]]:
    """The transfer about a person, and what the API shows of it as unmapped."""
    person = county.person(agency, number)
    found = next(one for one in county.transfers(agency, person=person) if one["sender"] == agency)
    unmapped: dict[str, object] = county.transfer(agency, found["id"])["unmapped"]
    return found["id"], unmapped


def _value(unmapped: dict[str, object], name: str) -> object:
    found = [value for place, value in unmapped.items() if place.split("/")[-1] == name]
    assert len(found) == 1, unmapped
    return found[0]


def test_a_prisons_unknown_field_is_kept_and_shown(calm: County) -> None:
    number = id_number(born="19790214")
    text = handover(number=number).replace("</ZFXX>", "<JKZK>高血压</JKZK><ZZMM>群众</ZZMM></ZFXX>")
    answer = calm.systems["prison"].send(text)["answer"]
    assert answer["code"] == "0", answer
    transfer, unmapped = _shown(calm, "prison.370800", number)
    assert _value(unmapped, "JKZK") == "高血压"
    assert _value(unmapped, "ZZMM") == "群众"
    shown = calm.hub("transfer", "show", transfer)
    assert "JKZK" in shown.stdout
    assert "高血压" in shown.stdout
    assert any("2个未映射字段已保留" in line for line in calm.told("prison.370800", transfer))
    assert any("2 unmapped fields are kept" in line for line in calm.told("prison.370800", transfer, "en"))
    item = next(item for item in calm.client("procuratorate.370826").waiting() if item["transfer"] == transfer)
    assert "高血压" in item["record"]["unmapped"].values(), "who gets the canonical record gets it too"


def test_a_courts_unknown_field_is_kept_and_shown(calm: County) -> None:
    number = id_number()
    answer = calm.systems["court"].send(
        notice(
            [Defendant(number=number, more="<Nickname>小孙</Nickname>")],
            key=f"UNM-{unique()}",
            more="<JudgeName>赵法官</JudgeName>",
        )
    )["answer"]
    assert answer["success"], answer
    transfer, unmapped = _shown(calm, "court.370826", number)
    assert _value(unmapped, "Nickname") == "小孙"
    assert _value(unmapped, "JudgeName") == "赵法官"
    assert calm.hub_json("transfer", "show", transfer)["unmapped"] == unmapped
