"""What an administrator types: agencies, credentials, transfers; for people and for machines, in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from hub.settings import ROOT
from tests.acceptance.county import County, run_hub, until
from tests.acceptance.records import Defendant, id_number, jinxiang, notice
from tests.foreign.stacks import Program, simulator_command


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """A county whose addresses and credentials the tests change."""
    folder: Path = tmp_path_factory.mktemp("typed")
    running = County(folder, ("court", "rest"))
    yield running
    running.close()


def _token(county: County, client_id: str, client_secret: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        return session.post(f"{county.url}/oauth/token", data=form, timeout=30).status_code


def test_agencies_are_listed_for_people_and_for_machines(typed: County) -> None:
    listed = typed.hub_json("agency", "list")["items"]
    assert {one["id"] for one in listed} >= {"court.370826", "bureau.370826", "office.370826108"}
    court = next(one for one in listed if one["id"] == "court.370826")
    assert (court["speaks"], court["reach"][0]["dialect"], court["reach"][0]["overridden"]) == ("court", "court", True)
    chinese, english = typed.hub("agency", "list").stdout, typed.hub("agency", "list", "--lang", "en").stdout
    assert "微山县人民法院" in chinese
    assert "送达方式" in chinese
    assert "reached by" in english
    assert "Weishan" in english


def test_one_agency_is_shown_without_its_secrets(typed: County) -> None:
    shown = typed.hub_json("agency", "show", "court.370826")
    assert shown["name"] == "微山县人民法院"
    assert shown["source"].startswith("mappings/agencies/court.370826.yaml:")
    assert shown["reach"][0]["url"] == typed.systems["court"].url
    assert "receipt" in shown["reach"][0]["carries"]
    words = typed.hub("agency", "show", "court.370826").stdout
    for secret in (
        typed.systems["court"].options["password"],
        *(typed.credentials["court.370826"][name] for name in ("client_secret", "soap_password")),
    ):
        assert secret not in words
        assert secret not in json.dumps(shown, ensure_ascii=False)


def test_an_unknown_agency_is_answered_with_near_ones(typed: County) -> None:
    for command in (("show",), ("set", "--url", "http://127.0.0.1:1/x"), ("credential",)):
        done = typed.hub("agency", command[0], "court.370862", *command[1:])
        assert done.returncode == 1, done.stdout
        assert "court.370862" in done.stderr
        assert "Traceback" not in done.stderr
    assert "court.370826" in typed.hub("agency", "show", "court.370862").stderr


@pytest.mark.parametrize("arguments", [(), ("--url", "ftp://x/y"), ("--url", "not an address")])
def test_nothing_to_set_or_no_address_is_said_so(typed: County, arguments: tuple[str, ...]) -> None:
    done = typed.hub("agency", "set", "court.370826", *arguments)
    assert done.returncode == 2
    assert "--url" in done.stderr


def test_a_running_hub_uses_what_was_set_from_its_next_call(typed: County) -> None:
    old = typed.systems["rest"]
    secret = "whsec_bmV1ZXItd2ViaG9vay1zZWNyZXQtMTIzNDU2"
    issued = typed.credentials["bureau.370828"]
    moved = Program(
        simulator_command("rest"),
        "bureau.370828",
        typed.folder / "rest-moved",
        user="hub",
        password=secret,
        hub=typed.url,
        hub_user=issued["client_id"],
        hub_password=issued["client_secret"],
    )
    typed.systems["rest-moved"] = moved
    done = typed.hub("agency", "set", "bureau.370828", "--url", moved.url, "--password", secret, "--lang", "en")
    assert done.stdout.strip() == "bureau.370828 is changed", done.stderr
    assert secret not in done.stdout + done.stderr
    who = jinxiang("何某")
    assert typed.systems["court"].send(notice([who]))["answer"]["success"]
    until(
        "it came to the new address",
        lambda: [
            one for one in moved.journal() if one["outcome"] == "accepted" and (who.number or "") in one["request"]
        ],
    )
    assert not [one for one in old.journal() if (who.number or "") in one["request"]]
    assert secret.encode() not in (typed.folder / "var" / "hub.sqlite").read_bytes()


def test_a_replaced_credential_ends_the_old_one(typed: County) -> None:
    first = typed.hub_json("agency", "credential", "procuratorate.370826")
    assert set(first) == {"agency", "client_id", "client_secret", "soap_user", "soap_password"}
    assert _token(typed, first["client_id"], first["client_secret"]) == 200
    second = typed.hub_json("agency", "credential", "procuratorate.370826")
    assert _token(typed, second["client_id"], second["client_secret"]) == 200
    assert _token(typed, first["client_id"], first["client_secret"]) == 401
    with requests.Session() as session:
        session.trust_env = False
        form = {
            "grant_type": "client_credentials",
            "client_id": second["client_id"],
            "client_secret": second["client_secret"],
        }
        token = session.post(f"{typed.url}/oauth/token", data=form, timeout=30).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert session.get(f"{typed.url}/v1/inbox", headers=bearer, timeout=30).status_code == 200
        third = typed.hub("agency", "credential", "procuratorate.370826")
        assert "client_secret: " in third.stdout
        assert "请妥善保存，仅显示这一次" in third.stdout
        assert session.get(f"{typed.url}/v1/inbox", headers=bearer, timeout=30).status_code == 401, (
            "its token ended with it"
        )


def test_a_soap_senders_user_and_password_are_what_its_envelope_already_carries(typed: County) -> None:
    court = typed.systems["court"]
    issued = typed.hub_json(
        "agency", "credential", "court.370826", "--soap-user", "旧用户", "--soap-password", "口令 & <旧>"
    )
    assert (issued["soap_user"], issued["soap_password"]) == ("旧用户", "口令 & <旧>")
    refused = court.send(notice([Defendant()]))["answer"]
    assert "用户名或密码不正确" in refused["error"]
    old = typed.credentials["court.370826"]
    typed.hub_json(
        "agency", "credential", "court.370826", "--soap-user", old["soap_user"], "--soap-password", old["soap_password"]
    )
    assert court.send(notice([Defendant()]))["answer"]["success"]


def test_transfers_are_listed_shown_and_sent_again(typed: County) -> None:
    nobody = Defendant("蒋某", id_number("370830"), "男", "370830", "山东省济宁市汶上县")
    who = jinxiang("韩某")
    assert typed.systems["court"].send(notice([who, nobody]))["answer"]["success"]
    parked = typed.hub_json("transfer", "list", "--state", "parked", "--exchange", "admission.documents")["items"]
    assert [one["label"] for one in parked] == ["蒋某"]
    table = typed.hub("transfer", "list").stdout
    assert "韩某" in table
    assert "待人工处理" in table
    assert "needs a person" in typed.hub("transfer", "list", "--state", "parked", "--lang", "en").stdout
    shown = typed.hub("transfer", "show", parked[0]["id"]).stdout
    assert "蒋某：待人工处理——" in shown
    assert "370830" in shown
    assert typed.hub_json("transfer", "show", parked[0]["id"])["timeline"]
    again = typed.hub("transfer", "redeliver", parked[0]["id"], "--lang", "en")
    assert again.returncode == 1
    assert "370830" in again.stderr
    assert "Traceback" not in again.stderr
    sent = next(
        one
        for one in typed.hub_json("transfer", "list", "--agency", "bureau.370828")["items"]
        if one["label"] == "韩某"
    )
    typed.systems["rest-moved" if "rest-moved" in typed.systems else "rest"].control(
        "POST", "policy", {"receipt": "none", "reason": None}
    )
    assert typed.hub("transfer", "show", "trf_none").returncode == 1
    assert typed.hub("transfer", "redeliver", sent["id"], "--recipient", "police.370826").returncode == 1


def test_every_command_of_the_readme_exists() -> None:
    env = {"PATH": "/usr/bin:/bin"}
    said = "\n".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", "README.zh-CN.md", "docs/connect-an-agency.md")
    )
    commands = {
        tuple(found.split())
        for found in re.findall(
            r"(?<![\w./-])(?:\.venv/bin/)?hub ((?:agency|transfer) [a-z]+|serve|check|demo)\b", said
        )
    }
    assert {("agency", "set"), ("agency", "credential"), ("transfer", "redeliver"), ("check",), ("serve",)} <= commands
    for command in sorted(commands):
        done = run_hub(*command, "--help", env=env)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout.startswith(f"Usage: hub {' '.join(command)}")
    top = run_hub("--help", env=env).stdout
    assert all(f"  {name} " in top for name in ("agency", "check", "demo", "serve", "transfer"))
    for group, names in {
        "agency": ("list", "show", "set", "credential"),
        "transfer": ("list", "show", "redeliver"),
    }.items():
        for name in names:
            assert "--json" in run_hub(group, name, "--help", env=env).stdout
