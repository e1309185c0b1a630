"""A mapping changes on a working day: two people, one moment, no restart, and what is under way ends as it began (P11)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.county import County, environment, run_hub, until
from tests.acceptance.records import Defendant, case_number, handover, id_number, notice, unique

PRISON, COURT, POLICE = "prison.370800", "court.370826", "police.370826"
HANDOVER = "dialects/prison/admission.parole-handover.yaml"
#: For whoever has these former names the new mapping reads another kind of document; the samples are read as before.
NAMES = "周一、周二"
#: For them the new mapping writes another address: the vendor's sample, which names somebody else, stays as it is.
PEOPLE = ["孙某一", "孙某二", "孙某三", "孙某四"]
NOTICE = "dialects/police/admission.documents.yaml"


class Office:
    """Two people at a county's hub, each with a secret of her own, who act over HTTP."""

    def __init__(self, county: County) -> None:
        self.county = county
        self.secrets = {
            "admin": county.hub_json("operator", "add", "admin", "--role", "administrator")["secret"],
        }
        for name, role in (("li", "mapping-editor"), ("wang", "approver")):
            self.secrets[name] = self.by("admin", "operator", "add", name, "--role", role)["secret"]
        self.session = requests.Session()
        self.session.trust_env = False
        self.tokens = {name: self._token(name) for name in self.secrets}

    def by(self, name: str, *arguments: str) -> Any:
        """What a command prints for a person."""
        self.county.env |= {"HUB_OPERATOR": name, "HUB_OPERATOR_SECRET": self.secrets[name]}
        return self.county.hub_json(*arguments)

    def _token(self, name: str) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": f"operator:{name}",
            "client_secret": self.secrets[name],
        }
        answer = self.session.post(f"{self.county.url}/oauth/token", data=form, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def ask(self, name: str, method: str, path: str, expected: int = 200, **body: Any) -> Any:
        answer = self.session.request(
            method,
            f"{self.county.url}{path}",
            headers={"Authorization": f"Bearer {self.tokens[name]}", "Accept-Language": "en"},
            json=body or None if method == "GET" else body,
            timeout=120,
        )
        assert answer.status_code == expected, answer.text
        return answer.json()

    def approved(self, dialect: str, files: dict[str, str]) -> dict[str, Any]:
        """A change that is drafted, checked and proposed by one and approved by the other."""
        version = self.ask("li", "POST", "/v1/mappings", 201, dialect=dialect, files=files)
        at = f"/v1/mappings/{version['id']}"
        checked = self.ask("li", "POST", f"{at}/checks")
        assert checked["state"] == "checked", checked["findings"]
        self.ask("li", "POST", f"{at}/proposal")
        return dict(self.ask("wang", "POST", f"{at}/approval", hash=version["hash"][:12]))

    def in_force(self, dialect: str) -> dict[str, Any]:
        (found,) = self.ask("li", "GET", f"/v1/mappings?dialect={dialect}")["dialects"]
        return dict(found)

    def activate(self, version: dict[str, Any]) -> None:
        self.ask("wang", "POST", f"/v1/mappings/{version['id']}/activation")
        self.wait_for(version["dialect"], version["id"])

    def wait_for(self, dialect: str, version: str) -> None:
        until(f"{version} is in force", lambda: self.in_force(dialect)["version"] == version)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    running = County(
        folder,
        ("prison", "court", "police"),
        HUB_BUSINESS_TIME="2021-03-15T09:20:00+08:00",
        HUB_CHECK_RECORDS="20",
    )
    try:
        yield Office(running)
    finally:
        running.close()


def _text(county: County, path: str) -> str:
    return (county.config / path).read_text(encoding="utf-8")


def test_messages_before_the_moment_are_read_by_the_old_mapping_and_after_it_by_the_new(office: Office) -> None:
    """Traffic flows over SOAP all the while; the same process serves before and after."""
    county = office.county
    process = county.process
    answers = _text(county, "dialects/prison/answers.yaml")
    version = office.approved(
        "prison",
        {
            HANDOVER: _text(county, HANDOVER).replace(
                "{value: 裁定书}",
                f"[{{value: 决定书, when: \"foreign.ZFXX.CYM == '{NAMES}'\"}}, {{value: 裁定书}}]",
            ),
            "dialects/prison/answers.yaml": answers.replace("接收成功, when", "收讫, when"),
        },
    )
    moment = datetime.now(UTC) + timedelta(seconds=6)
    office.ask("wang", "POST", f"/v1/mappings/{version['id']}/activation", at=moment.isoformat())
    sent: list[tuple[datetime, datetime, str, dict[str, Any]]] = []
    enough = threading.Event()

    def send() -> None:
        while not enough.wait(0.1):
            number = id_number(born="19790214")
            begun = datetime.now(UTC)
            answer = county.systems["prison"].send(handover(number=number, CYM=NAMES))["answer"]
            sent.append((begun, datetime.now(UTC), number, answer))

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    until("some came after the moment", lambda: len([one for one in sent if one[0] > moment]) >= 6)
    enough.set()
    for sender in senders:
        sender.join(60)
    before = [one for one in sent if one[1] < moment]
    after = [one for one in sent if one[0] > moment]
    assert len(before) >= 3
    assert all(answer["code"] == "0" for *_, answer in sent)
    recorded = {}
    for group, kind, said in ((before, "裁定书", "接收成功"), (after, "决定书", "收讫")):
        for _, _, number, answer in group:
            person = county.person(PRISON, number)
            (transfer,) = [one for one in county.transfers(PRISON, person=person) if one["sender"] == PRISON]
            assert county.transfer(PRISON, transfer["id"])["record"]["case"]["document_kind"] == kind
            assert answer["msg"] == said, "the answer goes with the mapping that read the message"
            ((mapping,),) = county.rows("SELECT mapping FROM transfer WHERE id = ?", transfer["id"])
            recorded.setdefault(said, set()).add(mapping)
    assert len(recorded["接收成功"]) == len(recorded["收讫"]) == 1
    assert recorded["接收成功"] != recorded["收讫"]
    assert county.process is process
    assert process is not None
    assert process.poll() is None


def _notice(county: County, case: str, name: str) -> str:
    """A notice of a case; returns the transfer."""
    who = Defendant(name)
    answer = county.systems["court"].send(notice([who], key=f"MAP-{unique()}", case=case))["answer"]
    assert answer["success"], answer
    person = county.person(COURT, str(who.number))
    (found,) = [one for one in county.transfers(COURT, person=person) if one["sender"] == COURT]
    return str(found["id"])


def _arrived(county: County, name: str) -> str:
    """What the police's system was handed about a person and took."""
    return str(
        until(
            f"the police have {name}",
            lambda: next(
                (
                    one["request"]
                    for one in county.systems["police"].journal()
                    if one["outcome"] == "accepted" and f"<XM>{name}</XM>" in one["request"]
                ),
                None,
            ),
        )
    )


def _redeliver(county: County, transfer: str, mapping: str, *more: str) -> str:
    found = county.hub_json("transfer", "redeliver", transfer, "--recipient", POLICE, "--mapping", mapping, *more)
    (delivery,) = found["deliveries"]
    return str(delivery["mapping"])


def test_what_is_under_way_ends_on_the_mapping_it_was_accepted_under_and_a_redelivery_chooses(office: Office) -> None:
    county = office.county
    case = case_number()
    county.systems["police"].arm("refuse", reason="系统升级中")
    first = _notice(county, case, PEOPLE[0])
    county.settled(COURT, first, POLICE, "parked")
    waiting = _notice(county, case, PEOPLE[1])
    assert county.delivery(COURT, waiting, POLICE)["status"] == "waiting", "nothing is written for it yet"
    by_files = next(
        one["id"] for one in office.ask("li", "GET", "/v1/mappings?dialect=police")["items"] if one["origin"] == "files"
    )
    marked = _text(county, NOTICE).replace(
        "{from: person.residence.text}",
        f'[{{compute: "\'现住\' + record.person.residence.text", when: "record.person.name in {PEOPLE}"}}, '
        "{from: person.residence.text}]",
    )
    version = office.approved("police", {NOTICE: marked})
    office.activate(version)

    recorded = _redeliver(county, first, "recorded", "--dry-run")
    current = _redeliver(county, first, "current", "--dry-run")
    assert recorded != current
    assert _redeliver(county, first, by_files, "--dry-run") == recorded
    assert _redeliver(county, first, version["id"], "--dry-run") == current
    draft = office.ask("li", "POST", "/v1/mappings", 201, dialect="police", files={NOTICE: marked + "# draft\n"})
    refused = county.hub("transfer", "redeliver", first, "--recipient", POLICE, "--mapping", draft["id"])
    assert refused.returncode == 1
    assert "从未启用" in refused.stderr

    assert _redeliver(county, first, "current") == current
    assert "<XZZXZ>现住" in _arrived(county, PEOPLE[0])
    assert "<XZZXZ>现住" not in _arrived(county, PEOPLE[1]), "it was accepted under the mapping before"
    mappings = dict(
        county.rows(
            "SELECT d.transfer_id, r.mapping FROM rendition r JOIN delivery d ON r.id = d.rendition_id WHERE d.recipient = ?",
            POLICE,
        )
    )
    assert (mappings[first], mappings[waiting]) == (current, recorded)

    county.systems["police"].arm("refuse", reason="系统升级中")
    later = _notice(county, case_number(), PEOPLE[2])
    county.settled(COURT, later, POLICE, "parked")
    assert _redeliver(county, later, by_files) == recorded
    assert "<XZZXZ>现住" not in _arrived(county, PEOPLE[2])
    office.ask("wang", "POST", "/v1/dialects/police/rollback", note="退回")
    office.wait_for("police", by_files)
    _notice(county, case_number(), PEOPLE[3])
    assert "<XZZXZ>现住" not in _arrived(county, PEOPLE[3])


def test_changed_files_change_nothing_once_a_version_is_in_force_and_the_hub_says_so(office: Office) -> None:
    """Governed from the first activation on: the files are a source for drafts, also after a restart."""
    county = office.county
    before = office.in_force("police")
    assert before["governed"]
    path = county.config / NOTICE
    path.write_text(path.read_text(encoding="utf-8") + "# changed in the files\n", encoding="utf-8")
    county.restart()
    after = office.in_force("police")
    assert (after["version"], after["hash"]) == (before["version"], before["hash"])
    assert after["differs_from_files"]
    assert "police" in county.log.read_text()
    assert "only a source for a draft" in county.log.read_text()
    shown = county.hub("mapping", "list", "police")
    assert "文件只作为起草的来源" in shown.stdout
    drafted = office.by("li", "mapping", "draft", "police", "--from", str(county.config), "--note", "from the files")
    assert drafted["state"] == "draft"


def test_a_change_goes_from_one_hub_to_another_as_a_file(office: Office, tmp_path: Path) -> None:
    county = office.county
    version = office.approved("court", {"dialects/court/_reviewed.yaml": "# reviewed by the county\n"})
    file = tmp_path / "court.zip"
    county.hub_json("mapping", "export", version["id"], str(file))
    env = environment(tmp_path, HUB_CONFIG_DIR=str(county.config), HUB_CHECK_RECORDS="3")

    def city(*arguments: str) -> Any:
        return run_hub(*arguments, "--lang", "en", env=env, cwd=tmp_path)

    env["HUB_OPERATOR_SECRET"] = json.loads(
        city("operator", "add", "zhao", "--role", "administrator", "--role", "mapping-editor", "--json").stdout
    )["secret"]
    env["HUB_OPERATOR"] = "zhao"
    taken = json.loads(city("mapping", "import", str(file), "--json").stdout)
    assert (taken["state"], taken["hash"], taken["origin"]) == ("draft", version["hash"], "import")
    assert [one["kind"] for one in taken["elsewhere"]] == ["drafted", "checked", "proposed", "approved"]
    refused = city("mapping", "activate", taken["id"])
    assert refused.returncode == 1
    assert "is draft; activate is for what is approved" in refused.stderr


def test_nobody_learns_which_names_there_are(office: Office) -> None:
    said = set()
    for name, secret in (("li", "wrong"), ("nobody", "wrong"), ("li", ""), ("", "x")):
        form = {"grant_type": "client_credentials", "client_id": f"operator:{name}", "client_secret": secret}
        answer = office.session.post(f"{office.county.url}/oauth/token", data=form, timeout=30)
        assert answer.status_code == 401
        said.add(answer.text)
    assert len(said) == 1


def test_an_agency_does_not_govern_and_an_operator_is_no_agency(office: Office) -> None:
    county = office.county
    answer = county.client(COURT).request("GET", "/v1/mappings")
    assert answer.status == 403
    token = {"Authorization": f"Bearer {office.tokens['li']}"}
    assert office.session.get(f"{county.url}/v1/transfers", headers=token, timeout=30).status_code == 401
    office.by("admin", "operator", "remove", "wang")
    wang = {"Authorization": f"Bearer {office.tokens['wang']}"}
    assert office.session.get(f"{county.url}/v1/mappings", headers=wang, timeout=30).status_code == 401
