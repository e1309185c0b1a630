"""A suggestion finds most of what a person would write, says little that is wrong, and gives its reasons."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from hub.cli import cli
from hub.commands.mapping_suggest import Workbench
from hub.domain.agencies import Agencies
from hub.translation import load
from hub.workshop.suggestion import Suggestion
from hub.workshop.suggestion.draft import draft, files_of
from hub.workshop.suggestion.score import score
from tests.unit.workshop.unseen.systems import NEVER_TUNED, TUNED, System, system

MAPPINGS = Path(__file__).parents[3] / "mappings"
RECALL, PRECISION = 0.8, 0.9

Suggested = Callable[[str], tuple[System, Suggestion]]


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench(MAPPINGS)


@pytest.fixture(scope="module")
def suggested(bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Suggested:
    """Each system with its suggestion, made once."""
    known: dict[str, tuple[System, Suggestion]] = {}
    folder = tmp_path_factory.mktemp("unseen")

    def one(name: str) -> tuple[System, Suggestion]:
        if name not in known:
            made = system(name, folder)
            known[name] = made, bench.suggest(made.contract, made.samples, made.exchange)
        return known[name]

    return one


# ------------------------------------------------------------ how good it is
@pytest.fixture(scope="module")
def four() -> dict[str, Any]:
    """What `hub mapping suggest-score` prints."""
    told = run("suggest-score", str(MAPPINGS), "--json")
    assert told.exit_code == 0, told.output
    return dict(json.loads(told.stdout))


@pytest.mark.parametrize("dialect", ["court", "prison", "police", "city"])
def test_the_legacy_dialects_are_found_from_wsdl_and_samples_alone(four: dict[str, Any], dialect: str) -> None:
    found = next(item for item in four["items"] if item["dialect"] == dialect)
    assert found["lines"] >= 20
    assert found["recall"] >= RECALL, found["missed"]
    assert found["precision"] >= PRECISION, found["wrong"]


def test_the_worst_of_the_dialects_is_told(four: dict[str, Any]) -> None:
    assert four["recall_worst"] == min(item["recall"] for item in four["items"])
    assert four["precision_worst"] == min(item["precision"] for item in four["items"])


@pytest.mark.parametrize("name", [*TUNED, *NEVER_TUNED])
def test_a_system_that_no_mapping_knows_is_found_as_well(suggested: Suggested, name: str) -> None:
    made, suggestion = suggested(name)
    found = score(name, suggestion, made.truth)
    assert found.recall >= RECALL, found.missed
    assert found.precision >= PRECISION, [line.as_dict() for line in found.wrong]


def test_the_words_of_the_domain_hold_no_tag_of_a_dialect() -> None:
    said = (MAPPINGS / "lexicon.yaml").read_text(encoding="utf-8")
    english = {word for text in re.findall(r"[A-Za-z][A-Za-z ]*", said) for word in text.lower().split()}
    tags: set[str] = set()
    for dialect in (MAPPINGS / "dialects").iterdir():
        for path in dialect.glob("*.wsdl"):
            tags |= set(
                re.findall(r'<\w+:(?:element|attribute|part) [^>]*?name="(\w+)"', path.read_text(encoding="utf-8"))
            )
        for path in (dialect / "samples").glob("*.xml"):
            text = path.read_bytes().decode("gb18030" if b"GB18030" in path.read_bytes()[:80] else "utf-8")
            tags |= set(re.findall(r"<(?:\w+:)?(\w+)[ />]", text))
    assert {"GMSFHM", "sqfxryxm", "JSKYQQ"} <= tags
    pinyin = {tag for tag in tags if not re.search(r"[aeiou]", tag.lower()) or tag.isupper()}
    assert {tag for tag in pinyin if tag.lower() in english} <= {"HEAD", "ROOT", "CODE", "MSG"}


# ------------------------------------------------------------ what it says
def test_each_line_tells_how_it_was_recognised(suggested: Suggested) -> None:
    _, suggestion = suggested("detention")
    lines = {line.canonical: line.as_dict("zh") for line in suggestion.asserted}
    assert lines["person.id_number"]["foreign"] == "ZYRYXX/ZJHM"
    assert any("证件号码" in reason for reason in lines["person.id_number"]["reasons"])
    assert any("GB 11643" in reason for reason in lines["person.id_number"]["reasons"])
    assert any("证件号码中的出生日期一致" in reason for reason in lines["person.birth_date"]["reasons"])
    assert lines["sentence.executed.term"]["codec"] == "term: YYMMDD"
    assert lines["sentence.offences"]["codec"] == 'list: ",", offence: full'
    assert all(0.6 <= line["confidence"] <= 1 and line["reasons"] for line in lines.values())


def test_codes_are_matched_by_their_values_and_explained_codes_make_a_list(suggested: Suggested) -> None:
    _, detention = suggested("detention")
    _, coded = suggested("coded")
    _, tribunal = suggested("tribunal")
    assert next(line for line in detention.asserted if line.canonical == "person.ethnic_group").codec == {
        "codes": "GB/T 3304"
    }
    category = next(line for line in coded.asserted if line.canonical == "correction.category")
    assert category.table == {"1": "public-surveillance", "2": "probation", "3": "parole", "4": "temporary-execution"}
    # M and F are explained nowhere but by the ID numbers beside them
    assert next(line for line in tribunal.asserted if line.canonical == "person.sex").table == {"M": "1", "F": "2"}


@pytest.mark.parametrize(
    ("label", "samples", "separator"),
    [
        ("别名，多个以逗号分隔", ["田小芳,田三", "韩二,小韩"], ","),
        ("别名，多个以逗号分隔", ["", "小韩"], ","),
        ("曾用名（多个用顿号隔开）", ["田三", ""], "、"),
        ("aliases, separated by semicolons", ["田三", ""], ";"),
        ("", ["田三|阿强", "小韩"], "|"),
        ("", ["老五；小五", ""], ";"),
        ("", ["小韩", ""], "、"),  # as the offences beside it
    ],
)
def test_several_names_in_one_text_are_taken_apart_where_samples_or_documentation_say(
    bench: Workbench, tmp_path: Path, label: str, samples: list[str], separator: str
) -> None:
    contract = tmp_path / "record.xsd"
    contract.write_text(
        '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema"><x:element name="R"><x:complexType><x:sequence>'
        '<x:element name="XM" type="x:string"/><x:element name="BM" type="x:string"><x:annotation><x:documentation>'
        f"{label or '别名'}</x:documentation></x:annotation></x:element>"
        '<x:element name="ZM" type="x:string"/></x:sequence></x:complexType></x:element></x:schema>',
        encoding="utf-8",
    )
    folder = tmp_path / "samples"
    folder.mkdir()
    for n, sample in enumerate(samples):
        (folder / f"{n}.xml").write_text(
            f"<R><XM>韩大山</XM><BM>{sample}</BM><ZM>盗窃罪、诈骗罪</ZM></R>", encoding="utf-8"
        )
    lines = {line.canonical: line for line in bench.suggest(contract, folder, "admission.documents").asserted}
    assert lines["person.former_names"].foreign == "BM"
    assert lines["person.former_names"].codec == {"list": separator}


def test_dates_without_leading_zeros_are_dates_and_no_terms(suggested: Suggested) -> None:
    lines = {line.canonical: line for line in suggested("bulletin")[1].asserted}
    assert lines["correction.to"].codec == {"date": "yyyy年M月d日"}
    assert lines["correction.term"].foreign == "罪犯名单/罪犯/缓刑期限"


def test_what_belongs_to_somebody_else_is_left_alone(suggested: Suggested) -> None:
    taken = {
        name: {line.foreign for line in suggested(name)[1].asserted} for name in ("detention", "tribunal", "highcourt")
    }
    assert not taken["detention"] & {"CBR_XM", "CBR_LXDH", "BWT/BBH", "BWT/JYM", "ZYRYXX/SG", "ZYRYXX/RSRQ"}
    assert not taken["tribunal"] & {"caseInfo/judgeName", "caseInfo/clerkPhone", "offender/age", "attachments/md5"}
    assert not taken["highcourt"] & {"chengBanRen", "luRuShiJian", "yeWuLeiXing"}


def test_answers_among_the_samples_are_left_aside(bench: Workbench) -> None:
    prison = MAPPINGS / "dialects" / "prison"
    suggestion = bench.suggest(prison / "PrisonExchange.wsdl", prison / "samples", "admission.parole-handover")
    assert suggestion.foreign.record == "ROOT"
    assert not {"CODE", "MSG", "LSH"} & {entry.place for entry in suggestion.foreign.fields}


def test_a_record_inside_a_string_of_its_envelope_is_taken_out(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_text(
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><send><user>a</user><data><![CDATA[<?xml version="1.0"'
        ' encoding="GBK"?><R><LSH>001234567</LSH><D><XM>周建国</XM><SFZH>370828197503120115</SFZH></D></R>]]></data></send></e:Body>'
        "</e:Envelope>",
        encoding="utf-8",
    )
    suggestion = bench.suggest(None, tmp_path, "admission.documents")
    assert {(line.canonical, line.foreign) for line in suggestion.asserted} == {
        ("message.key", "LSH"),
        ("person.name", "D/XM"),
        ("person.id_number", "D/SFZH"),
    }


def test_the_typed_parts_of_a_remote_call_tell_the_structure(bench: Workbench, tmp_path: Path) -> None:
    contract = tmp_path / "rpc.wsdl"
    contract.write_text(
        '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:x" xmlns:x="http://www.w3.org/2001/XMLSchema">'
        '<types><x:schema targetNamespace="urn:x"><x:complexType name="Rec"><x:sequence><x:element name="xm" type="x:string"/>'
        '<x:element name="gmsfhm" type="x:string"/></x:sequence></x:complexType></x:schema></types><message name="i">'
        '<part name="user" type="x:string"/><part name="rec" type="t:Rec"/></message><portType name="p"><operation name="put">'
        '<input message="t:i"/></operation></portType></definitions>',
        encoding="utf-8",
    )
    suggestion = bench.suggest(contract, None, "admission.documents")
    lines = {line.canonical: line.foreign for line in suggestion.asserted}
    assert lines == {"person.name": "rec/xm", "person.id_number": "rec/gmsfhm"}
    assert suggestion.foreign.operation == "put"


def test_a_message_with_several_persons_is_split(suggested: Suggested) -> None:
    assert suggested("highcourt")[1].split == ("beiGaoRen",)
    assert suggested("jail")[1].split is None


# ------------------------------------------------------------ the draft
@pytest.mark.parametrize("name", [*TUNED, *NEVER_TUNED])
def test_a_draft_passes_the_checker_and_reads_its_samples(
    bench: Workbench, suggested: Suggested, tmp_path: Path, name: str
) -> None:
    made, _ = suggested(name)
    files = draft(*_of(bench, suggested, name))
    assert files.findings == []
    shutil.copytree(MAPPINGS / "codelists", tmp_path / "codelists")
    for place, content in files_of(files, name, made.exchange):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(content, encoding="utf-8")
    if files.contract is not None:
        shutil.copy(files.contract, tmp_path / "dialects" / name)
    dialect = load(tmp_path, Agencies([], {}))[name]
    reader = dialect.readers[made.exchange]
    for sample in sorted(made.samples.iterdir()):
        for one in reader.read(dialect.form.parse(_record_in(sample.read_bytes())), {"sender": "court.370826"}):
            faults = [fault for fault in one.faults if fault.rule != "draft.unmapped"]
            assert faults == [], [(fault.pointer, fault.en, fault.value) for fault in faults]
            assert one.record["person"]["name"]


def _record_in(message: bytes) -> bytes:
    """What a connector hands on: the record that a remote call carries as a text in a string, taken out."""
    _, _, inner = message.partition(b"<![CDATA[<?xml")
    return b"<?xml" + inner.partition(b"]]>")[0] if inner else message


def test_what_nobody_maps_is_carried_along_and_a_draft_that_cannot_write_only_reads(
    bench: Workbench, suggested: Suggested
) -> None:
    made, suggestion = suggested("highcourt")
    schema = bench.schema(made.exchange, "zh")
    text = draft(suggestion, "highcourt", schema, bench.lists).mapping
    assert yaml.safe_load(text)["direction"] == "in"
    assert re.search(r"# chengBanRen: .*待补写", text)
    out = draft(suggestion, "highcourt", schema, bench.lists, direction="out")
    assert out.findings == []
    assert "chengBanRen" in yaml.safe_load(out.mapping)["only"]["out"]
    assert "direction" not in yaml.safe_load(draft(*_of(bench, suggested, "gaol")).mapping)


def _of(bench: Workbench, suggested: Suggested, name: str) -> tuple[Any, ...]:
    made, suggestion = suggested(name)
    return suggestion, name, bench.schema(made.exchange, "zh"), bench.lists


def test_doubtful_lines_and_unknown_codes_stand_as_comments(bench: Workbench, suggested: Suggested) -> None:
    _, suggestion = suggested("precinct")
    text = draft(*_of(bench, suggested, "precinct")).mapping
    assert "# maybe " in text or not suggestion.doubtful
    for line in suggestion.asserted:
        if line.unknown and line.place is not None and line.place.kind in ("coded", "enum"):
            assert re.search(rf"# {re.escape(line.canonical)}:.*说", text) or f"# {line.canonical}" in text


# ------------------------------------------------------------ the command
def run(*words: str) -> Any:
    return CliRunner().invoke(cli, ["mapping", *words])


def test_the_command_prints_lines_as_json(suggested: Suggested) -> None:
    made, suggestion = suggested("tribunal")
    told = run(
        "suggest", "--schema", str(made.contract), "--samples", str(made.samples), "--exchange", made.exchange, "--json"
    )
    assert told.exit_code == 0, told.output
    lines = json.loads(told.stdout)
    assert len(lines) == len(suggestion.asserted)
    assert all(set(line) == {"canonical", "foreign", "codec", "confidence", "reasons"} for line in lines)
    name = next(line for line in lines if line["canonical"] == "person.name")
    assert (name["foreign"], name["codec"]) == ("offender/fullName", "text")


def test_the_command_writes_a_dialect_that_stands(suggested: Suggested, tmp_path: Path) -> None:
    made, _ = suggested("coded")
    told = run(
        *("suggest", "--schema", str(made.contract), "--samples", str(made.samples), "--exchange", made.exchange),
        *("--dialect", "outsourced", "--out-dir", str(tmp_path), "--lang", "en"),
    )
    assert told.exit_code == 0, told.output
    text = (tmp_path / "dialects/outsourced/admission.documents.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["lines"]["person.name"] == "A01"
    assert (
        yaml.safe_load((tmp_path / "codelists/outsourced-category.yaml").read_text(encoding="utf-8"))["codes"]["2"]
        == "probation"
    )
    again = run(
        "suggest",
        "--samples",
        str(made.samples),
        "--exchange",
        made.exchange,
        "--dialect",
        "outsourced",
        "--out-dir",
        str(tmp_path),
    )
    assert again.exit_code == 1
    assert "已存在" in again.output


def test_the_command_says_what_is_wrong_with_what_it_was_given(suggested: Suggested, tmp_path: Path) -> None:
    made, _ = suggested("coded")
    broken = tmp_path / "broken.wsdl"
    broken.write_text("<definitions><types>", encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()
    at = ("--exchange", "admission.documents")
    assert (
        "admission.documents"
        in run("suggest", "--samples", str(made.samples), "--exchange", "admision.document").output
    )
    assert "broken.wsdl" in run("suggest", "--wsdl", str(broken), *at).output
    assert "没有可读的" in run("suggest", "--samples", str(empty), *at).output
    assert "请给出" in run("suggest", *at).output
    for command in (("--wsdl", str(broken)), ("--samples", str(empty)), ("--samples", str(tmp_path / "nowhere"))):
        told = run("suggest", *command, *at, "--lang", "en")
        assert told.exit_code == 1
        assert "Traceback" not in told.output
