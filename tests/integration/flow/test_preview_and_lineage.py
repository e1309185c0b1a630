"""What is shown before sending is what is sent, nothing is kept for showing it, and what was sent can be explained."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from lxml import html
from sqlalchemy import delete, select

from hub.console.pages import console
from hub.domain.faults import HubError, NotFound
from hub.flow.explain import explain
from hub.flow.intake import submit_dialect, submit_record
from hub.flow.parts import Hub
from hub.flow.preview import preview
from hub.flow.soap_intake import handle
from hub.identity.credentials import issue
from hub.store.passages import passage
from hub.store.tables import mapping_recorded, metadata
from hub.translation.foreign import parse
from hub.translation.lineage import leaves
from tests.flow_hub import (
    BUREAU,
    COURT,
    MAPPINGS,
    POLICE,
    PRISON,
    PROCURATORATE,
    ByHand,
    StoppedClock,
    make_hub,
    notice,
    rows,
)

SAMPLE = MAPPINGS / "dialects" / "prison" / "samples" / "request-JSJZ.xml"
#: What is made for one delivery alone: its id, and the moment in which it is written.
OWN = re.compile(r"dlv_[a-z0-9]+|2021-03-1\dT[0-9:+.]+|\b2021031\d{7}\b")


def without_ids(payload: str) -> str:
    """A payload without what only the real one can have: ids that are made when it is kept, and times."""
    if payload.startswith("{"):
        item = json.loads(payload)
        payload = json.dumps({k: v for k, v in item.items() if k not in ("delivery", "transfer", "case", "person")})
    return OWN.sub("·", payload)


@pytest.fixture
def hub(tmp_path: Path, sqlite_url: str) -> Iterator[Hub]:
    """The county as it is configured, every system out of reach: what would be sent is frozen before it is tried."""
    config = tmp_path / "mappings"
    shutil.copytree(MAPPINGS, config)
    for file in (config / "agencies").glob("*.yaml"):
        file.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", file.read_text(encoding="utf-8")), encoding="utf-8")
    made = make_hub(tmp_path, sqlite_url, config, clock=StoppedClock())
    with made.store.begin() as unit:
        for agency in made.agencies:
            if any(reach.transport == "soap" for reach in agency.reach):
                unit.set_override(agency.id, None, "hub", made.seal.seal("secret"))
    yield made
    made.database.close()


def served(**person: Any) -> dict[str, Any]:
    """The documents of a case, complete enough for every recipient's contract."""
    body = notice(57, exchange="admission.documents")
    body["record"]["person"] |= {
        "sex": {"system": "GB/T 2261.1", "code": "1", "text": "男"},
        "birth_date": "1985-09-17",
        "ethnic_group": {"system": "GB/T 3304", "code": "01"},
        "household": {"place": "370826", "text": "微山县"},
        "residence": {"place": "370826108", "text": "马坡镇"},
        **person,
    }
    body["record"]["case"] |= {"number": "（2021）鲁0826刑初57号", "decided_on": "2021-03-01"}
    penalty = {"offence": "危险驾驶罪", "kind": "拘役", "term": {"months": 2}, "probation": {"months": 4}}
    body["record"]["sentence"] = {"offences": ["危险驾驶罪"], "penalties": [penalty]}
    body["record"]["correction"] |= {"term": {"months": 4}, "from": "2021-03-12", "to": "2021-07-11"}
    return body


def everything(hub: Hub) -> dict[str, list[Any]]:
    with hub.database.read() as db:
        return {table.name: [tuple(row) for row in db.execute(select(table))] for table in metadata.sorted_tables}


def renditions(hub: Hub) -> dict[str, tuple[str, str]]:
    found = rows(
        hub,
        "SELECT d.recipient, r.payload, r.mapping FROM rendition r JOIN delivery d ON d.id = r.delivery_id"
        " UNION ALL SELECT recipient, NULL, NULL FROM delivery WHERE rendition_id IS NULL",
    )
    return {row.recipient: (row.payload.decode() if row.payload else "", row.mapping) for row in found}


def test_a_preview_is_what_every_recipient_is_then_sent(hub: Hub) -> None:
    body = served()
    shown = preview(hub, COURT, body)
    kept = submit_record(hub, COURT, "k-1", body)
    ByHand(hub).run()
    sent = renditions(hub)
    assert shown["routing"]["to"] == [BUREAU]
    assert set(shown["routing"]["copies"]) == {PROCURATORATE, POLICE}
    assert {one["recipient"] for one in shown["recipients"]} == set(sent) == {BUREAU, PROCURATORATE, POLICE}
    dialects = {one["dialect"] for one in shown["recipients"]}
    assert dialects == {"city", "police", None}
    for one in shown["recipients"]:
        assert one["faults"] == []
        payload, mapping = sent[one["recipient"]]
        assert without_ids(one["payload"]) == without_ids(payload), one["recipient"]
        assert one["mapping"] == mapping
        assert_fields_are_the_payloads(one)
    again = preview(hub, COURT, body)
    assert shown["case"] is shown["person"] is None
    assert (again["case"], again["person"]) == (kept["case"], kept["person"])


def test_a_preview_tells_nobody_of_a_person_or_case_that_is_none_of_theirs(hub: Hub) -> None:
    submit_record(hub, COURT, "k-1", served())
    shown = preview(hub, "court.370800", served())
    assert shown["person"] is shown["case"] is None


def assert_fields_are_the_payloads(one: dict[str, Any]) -> None:
    """Every text of the payload is a field with the line or the canonical place that gave it."""
    told = {field["place"]: field for field in one["fields"]}
    if one["dialect"] is None:
        assert dict(leaves(json.loads(one["payload"]))) == {place: field["value"] for place, field in told.items()}
        return
    pending, texts = [parse(one["payload"])], {}
    while pending:
        node = pending.pop()
        texts |= {node.xpath((f"@{name}",)): text for name, text in node.attributes.items()}
        if not node.order and node.text.strip():
            texts[node.xpath()] = node.text.strip()
        pending += node.order
    assert texts == {place: str(field["value"]).strip() for place, field in told.items()}
    assert all(field["line"] for field in told.values())


REFUSED = (
    (COURT, served(id_number="370826198509172111"), "id-number.check-digit"),
    (BUREAU, served(), "exchange.not-yours"),
    (COURT, {**served(), "exchange": "no.such"}, "exchange.unknown"),
    (COURT, {**served(), "in_reply_to": "trf_0000"}, "transfer.unknown"),
)


def test_a_preview_keeps_nothing_and_refuses_what_the_real_one_refuses(hub: Hub) -> None:
    before = everything(hub)
    preview(hub, COURT, served())
    assert everything(hub) == before
    for n, (agency, body, rule) in enumerate(REFUSED):
        before = everything(hub)
        with pytest.raises(HubError) as tried:
            preview(hub, agency, body)
        assert everything(hub) == before
        with pytest.raises(HubError) as real:
            submit_record(hub, agency, f"k-{n}", body)
        assert (tried.value.status, tried.value.faults) == (real.value.status, real.value.faults)
        assert [fault.rule for fault in tried.value.faults] == [rule]
        assert everything(hub) != before  # a refusal at the door is kept


def test_what_a_recipients_contract_lacks_is_shown_before_it_is_sent(hub: Hub) -> None:
    body = served()
    del body["record"]["person"]["household"]
    shown = {one["recipient"]: one for one in preview(hub, COURT, body)["recipients"]}
    (fault,) = shown[POLICE]["faults"]
    assert (fault["rule"], fault["pointer"]) == ("field.missing", "/person/household/place")
    assert shown[POLICE]["payload"] is None
    assert shown[BUREAU]["faults"] == []


def test_a_transfer_in_a_dialect_is_explained_from_the_senders_bytes_to_each_recipient(hub: Hub) -> None:
    answer = submit_dialect(hub, PRISON, None, SAMPLE.read_bytes(), "text/xml")
    transfer = answer["transfers"][0]["id"]
    ByHand(hub).run()
    found = explain(hub, passage(hub, None, transfer))
    received = found["received"]
    assert (received["dialect"], received["same_mapping"], received["faults"]) == ("prison", True, [])
    with hub.store.read() as unit:
        stored = unit.transfer(transfer)
    assert stored is not None
    places = [field["place"] for field in received["fields"]]
    for pointer, _ in leaves(stored.record):
        assert sum(pointer == place or pointer.startswith(f"{place}/") for place in places) == 1, pointer
    assert not any(field["differs"] for field in received["fields"])
    name = next(field for field in received["fields"] if field["place"] == "/person/name")
    assert name["given"] == [{"side": "foreign", "place": "/ROOT/ZFXX/XM", "value": "周㴔"}]
    for one in found["sent"]:
        assert one["same_mapping"] in (True, None)
        assert not any(field["differs"] for field in one["fields"]), one["recipient"]
        assert one["frozen_at"] is not None
    assert {one["dialect"] for one in found["sent"]} >= {"city", None}


def test_it_is_told_by_the_mapping_of_then_and_said_where_that_is_not_to_be_had(hub: Hub, tmp_path: Path) -> None:
    answer = submit_dialect(hub, PRISON, None, SAMPLE.read_bytes(), "text/xml")
    transfer = answer["transfers"][0]["id"]
    ByHand(hub).run()
    dialects = tmp_path / "mappings" / "dialects"
    for file, old, new in (
        ("prison/admission.parole-handover.yaml", "{value: 裁定书}", "{value: 决定书}"),
        ("city/admission.documents.yaml", "{from: person.name}", "{from: person.household.text}"),
    ):
        changed = (dialects / file).read_text(encoding="utf-8").replace(old, new)
        (dialects / file).write_text(changed, encoding="utf-8")
    later = make_hub(tmp_path, str(hub.database.url), tmp_path / "mappings", clock=StoppedClock())
    try:
        then = explain(later, passage(later, None, transfer))
        with later.database.begin() as db:
            db.execute(delete(mapping_recorded))  # as for what passed before releases were kept
        now = explain(later, passage(later, None, transfer))
    finally:
        later.database.close()

    assert then["received"]["same_mapping"] is True
    assert {one["same_mapping"] for one in then["sent"] if one["dialect"]} == {True}
    assert not any(field["differs"] for one in (then["received"], *then["sent"]) for field in one["fields"])

    assert now["received"]["same_mapping"] is False
    assert now["received"]["mapping"] != now["received"]["explained_by"]
    assert [field["place"] for field in now["received"]["fields"] if field["differs"]] == ["/case/document_kind"]
    bureau = next(one for one in now["sent"] if one["recipient"] == BUREAU)
    assert bureau["same_mapping"] is False
    (differs,) = [field for field in bureau["fields"] if field["differs"]]
    assert (differs["place"], differs["value"]) == ("/submit/subject/sqfxryxm", "周㴔")


def test_a_canonical_record_is_explained_too(hub: Hub) -> None:
    first = submit_record(hub, COURT, "k-1", served())
    hand = ByHand(hub)
    hand.run()
    body = {
        "exchange": "admission.report-in",
        "in_reply_to": first["id"],
        "record": {"report_in": {"reported_on": "2021-03-18"}},
    }
    second = submit_record(hub, BUREAU, "k-2", body)
    origins = {f["place"]: f for f in explain(hub, passage(hub, None, first["id"]))["received"]["fields"]}
    assert origins["/case/number"]["kind"] == "normalised"
    assert origins["/case/number"]["given"][0]["value"] == "（2021）鲁0826刑初57号"
    assert origins["/person/name"]["kind"] == "at"
    assert origins["/exchange"]["kind"] == "hub"
    origins = {f["place"]: f for f in explain(hub, passage(hub, None, second["id"]))["received"]["fields"]}
    assert origins["/report_in/reported_on"]["kind"] == "at"
    assert origins["/person/name"]["kind"] == "continued"
    assert {given["value"] for given in origins["/person/name"]["given"]} == {"孙某甲", first["id"]}


def test_a_lineage_tells_nobody_what_is_not_theirs(hub: Hub) -> None:
    answer = submit_dialect(hub, PRISON, None, SAMPLE.read_bytes(), "text/xml")
    transfer = answer["transfers"][0]["id"]
    ByHand(hub).run()
    sender = explain(hub, passage(hub, PRISON, transfer))
    assert sender["received"]
    assert len(sender["sent"]) > 1
    recipient = explain(hub, passage(hub, BUREAU, transfer))
    assert recipient["received"] is None
    assert [one["recipient"] for one in recipient["sent"]] == [BUREAU]
    supervisor = explain(hub, passage(hub, PROCURATORATE, transfer))
    assert supervisor["received"] is None
    assert BUREAU not in {one["recipient"] for one in supervisor["sent"]}
    with pytest.raises(NotFound):
        passage(hub, COURT, transfer)


def test_a_parked_person_is_explained_as_far_as_could_be_read(hub: Hub) -> None:
    text = SAMPLE.read_bytes().decode("gb18030").replace("GB18030", "UTF-8")
    text = text.replace("<JSDW>370826-SFJ</JSDW>", "<JSDW>370828-SFJ</JSDW>")
    answer = submit_dialect(hub, PRISON, None, text.encode(), "text/xml")
    transfer = answer["transfers"][0]["id"]
    assert answer["parked"]
    found = explain(hub, passage(hub, PRISON, transfer))
    assert found["sent"] == []
    assert any(field["place"] == "/message/recipient_hint" for field in found["received"]["fields"])


def test_the_console_shows_sender_record_and_recipients_side_by_side(hub: Hub) -> None:
    text = SAMPLE.read_bytes().decode("gb18030").replace("GB18030", "UTF-8").replace("<BZ>", "<XTM>新栏目</XTM><BZ>")
    answer = submit_dialect(hub, PRISON, None, text.encode(), "text/xml")
    transfer = answer["transfers"][0]["id"]
    ByHand(hub).run()
    app = flask.Flask(__name__)
    app.register_blueprint(console(hub))
    page = app.test_client().get(f"/console/transfers/{transfer}/lineage?lang=zh")
    assert page.status_code == 200
    rows_shown = html.fromstring(page.text).xpath("//table[contains(@class, 'lineage')]/tbody/tr")
    cells = {
        row.xpath("string(th//code[@class='place'])"): [" ".join(td.text_content().split()) for td in row]
        for row in rows_shown
    }
    sex = cells["/person/sex"]
    assert sex[0] == "1 /ROOT/ZFXX/XBDM"
    assert "男" in sex[1]
    assert "codes: GB/T 2261.1" in sex[1]
    assert sex[2].startswith("男 /submit/subject/xb")  # the bureau's platform takes the word
    assert cells["/correction/category"][0] == "固定值"
    assert "/case/number" in cells["/parole/ruling_number"][0]
    assert "ZFXX/XTM" in page.text
    assert f"/console/transfers/{transfer}/lineage" in app.test_client().get(f"/console/transfers/{transfer}").text


def test_a_soap_message_is_explained_person_by_person_out_of_its_envelope(hub: Hub) -> None:
    body = (MAPPINGS / "dialects" / "court" / "samples" / "SubmitExecution-request.xml").read_bytes()
    user, password = (re.search(rf"<{tag}>(.*?)</{tag}>".encode(), body) for tag in ("UserName", "Password"))
    assert user
    assert password
    issue(hub, COURT, user[1].decode(), password[1].decode())
    action = {"content-type": "text/xml; charset=utf-8", "soapaction": '"http://tempuri.org/SubmitExecution"'}
    answer = handle(hub, COURT, body, action)
    assert answer.status == 200, answer.body.decode()
    found = [
        explain(hub, passage(hub, None, row.id)) for row in rows(hub, "SELECT id FROM transfer ORDER BY ordinal, id")
    ]
    names = [
        next(f["given"][0]["place"] for f in one["received"]["fields"] if f["place"] == "/person/name") for one in found
    ]
    assert names == [f"/SubmitExecution/execution/Defendants/Defendant[{n}]/Name" for n in (1, 2)]
    assert [one["received"]["channel"] for one in found] == ["soap", "soap"]
    assert password[1].decode() not in json.dumps(found, default=str)
