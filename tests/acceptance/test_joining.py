"""A system that the hub has never seen joins by files alone, as `docs/joining-a-system.md` tells: the page is walked."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import zeep
import zeep.transports
from lxml import etree

from hub.settings import ROOT
from tests.acceptance.county import HUB, County, until

PAGE = ROOT / "docs" / "joining-a-system.md"
MAPPING = "mappings/dialects/kss/admission.escort.yaml"
KSS = "urn:kss:ywjh:v1"


@dataclass
class Walk:
    """The page, walked in an empty folder: what was printed, and what a command had written before a person changed it."""

    folder: Path
    printed: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    draft: str = ""

    def take(self, language: str, text: str, environment: dict[str, str]) -> None:
        if language == "sh":
            for command in text.splitlines():
                self._run(command, environment)
        elif language == "yaml":
            first, _, rest = text.partition("\n")
            path = self.folder / first.removeprefix("# ")
            if first.removeprefix("# ") == MAPPING:
                self.draft = path.read_text(encoding="utf-8")
            path.write_text(rest, encoding="utf-8")
        else:
            self.expected += [" ".join(line.split()) for line in text.splitlines()]

    def _run(self, command: str, environment: dict[str, str]) -> None:
        name, *arguments = shlex.split(command)
        done = subprocess.run(
            [str(HUB) if name == "hub" else name, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        self.printed.append(done.stdout)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    found = County(tmp_path_factory.mktemp("joining"), ())
    yield found
    found.close()


@pytest.fixture(scope="module")
def walk(county: County, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The county's hub is not running; its configuration is the folder `mappings` of the page."""
    county.stop()
    folder = tmp_path_factory.mktemp("page")
    (folder / "mappings").symlink_to(county.config)
    shutil.copytree(ROOT / "docs" / "joining", folder / "joining")
    walked = Walk(folder)
    environment = {**os.environ, **county.env, "COLUMNS": "200"}
    for language, text in re.findall(r"^```(sh|yaml|text)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M):
        walked.take(language, text, environment)
    return walked


def test_the_page_prints_what_it_says(walk: Walk) -> None:
    printed = " ".join(" ".join(walk.printed).split())
    for line in walk.expected:
        for word in line.split(" ") if unicodedata.category(line[0]).startswith("L") else [line]:
            assert word in printed, f"{word!r} of {line!r} was not printed"


def test_the_draft_is_nearly_the_mapping(walk: Walk) -> None:
    """The page claims that all lines but two are the draft's own."""
    mapped = _lines((walk.folder / MAPPING).read_text(encoding="utf-8"))
    drafted = _lines(walk.draft)
    assert len(mapped) > 25
    assert len(mapped - drafted) == 2, sorted(mapped - drafted)


def _lines(text: str) -> set[str]:
    """The lines under `lines:`, without what stands beside them as a comment."""
    pairs = text.partition("\nlines:\n")[2].partition("\nonly:")[0]
    plain = (re.sub(r"\s+#.*$", "", line) for line in pairs.splitlines() if not line.strip().startswith("#"))
    return {" ".join(line.split()) for line in plain if line.strip()}


def test_the_vendors_system_calls_its_own_contract_and_the_bureau_has_the_person(county: County, walk: Walk) -> None:
    county.start()
    client = zeep.Client(f"{county.url}/soap/detention.370826?wsdl")
    envelope = etree.parse(str(walk.folder / "joining" / "samples" / "02.xml")).getroot()
    record = envelope[0][0]
    header = etree.SubElement(envelope, "{http://schemas.xmlsoap.org/soap/envelope/}Header")
    envelope.insert(0, header)
    login = etree.SubElement(header, f"{{{KSS}}}Rzxx")
    for name, text in (("yhm", "kss"), ("mm", "kss-2024")):
        etree.SubElement(login, f"{{{KSS}}}{name}").text = text
    answer = client.transport.post_xml(
        f"{county.url}/soap/detention.370826", envelope, {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
    )
    assert answer.status_code == 200, answer.text
    assert etree.fromstring(answer.content).findtext(f".//{{{KSS}}}jg") == "0", answer.text
    number = record.findtext(f".//{{{KSS}}}zjhm")
    transfers = until("the transfer is there", lambda: county.hub_json("transfer", "list")["items"])
    (transfer,) = transfers
    assert (transfer["exchange"], transfer["sender"]) == ("admission.escort", "detention.370826")
    assert {d["recipient"] for d in transfer["deliveries"]} >= {"bureau.370826"}
    shown = county.hub_json("transfer", "show", transfer["id"])["record"]
    assert shown["person"]["id_number"] == number
    assert shown["person"]["former_names"] == ["田小芳", "田三"]
    assert shown["health"]["temporary_execution_ground"] == "怀孕哺乳"
    assert shown["sentence"]["executed"]["term"] == {"years": 3}
    assert [document["kind"] for document in shown["documents"]] == ["暂予监外执行决定书", "病情资料", "具保书"]
    assert shown["unmapped"] == {}
