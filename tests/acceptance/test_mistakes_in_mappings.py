"""Single mistakes that an administrator makes in the four dialects and their code lists: each is found by lint, by a round trip
over generated records, or by a sample, and its line is named.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.api.bundle import record_components, record_schema
from hub.workshop.proving import Workshop

MAPPINGS = Path(__file__).parents[2] / "mappings"
SCHEMAS = {name: record_schema(name) for name in record_components()}
#: Fewer than the thousand of a proof: a mistake that a line makes in every record shows at once.
RECORDS = 60


@dataclass(frozen=True)
class Mistake:
    """`old` becomes `new` in `file`; `rule` is told at the line on which `new` (or `shown`) then stands."""

    name: str
    dialect: str
    file: str
    old: str
    new: str
    rule: str
    shown: str = ""
    exchange: str | None = None


PRISON = "dialects/prison/admission.parole-handover.yaml"
COURT = "dialects/court/admission.documents.yaml"
CITY = "dialects/city/admission.documents.yaml"
POLICE = "dialects/police/admission.documents.yaml"
HANDOVER, DOCUMENTS = "admission.parole-handover", "admission.documents"


def prison(name: str, old: str, new: str, rule: str, shown: str = "") -> Mistake:
    return Mistake(name, "prison", PRISON, old, new, rule, shown, HANDOVER)


def court(name: str, old: str, new: str, rule: str, shown: str = "") -> Mistake:
    return Mistake(name, "court", COURT, old, new, rule, shown, DOCUMENTS)


def city(name: str, old: str, new: str, rule: str, shown: str = "") -> Mistake:
    return Mistake(name, "city", CITY, old, new, rule, shown, DOCUMENTS)


def police(name: str, old: str, new: str, rule: str, shown: str = "") -> Mistake:
    return Mistake(name, "police", POLICE, old, new, rule, shown, DOCUMENTS)


MISTAKES = [
    # ---------------------------------------------------------------- by looking at the lines
    prison(
        "a list of marital states for the sex",
        "ZFXX/XBDM, codes: GB/T 2261.1}",
        "ZFXX/XBDM, codes: GB/T 2261.2}",
        "canonical.codes",
    ),
    prison("minutes for months", "ZFXX/CSRQ, date: yyyyMMdd", "ZFXX/CSRQ, date: yyyymmdd", "codec.form"),
    prison("hours of twelve", "time: yyyyMMddHHmmss", "time: yyyyMMddhhmmss", "codec.form"),
    prison("a date without its form", "ZFXX/CSRQ, date: yyyyMMdd}", "ZFXX/CSRQ}", "canonical.type"),
    prison(
        "text for yes and no",
        'health.infectious:                   {at: ZFXX/SFCRB, boolean: {"1": true, "0": false}}',
        "health.infectious:                   ZFXX/SFCRB",
        "canonical.type",
    ),
    prison("one text for a list", 'ZFXX/CYM, list: ";"}', "ZFXX/CYM}", "canonical.type"),
    prison(
        "a list for one text", "ZFXX/JZDXZ\n", '{at: ZFXX/JZDXZ, list: ";"}\n', "canonical.type", "ZFXX/JZDXZ, list"
    ),
    prison("a category that there is not", "{value: parole}", "{value: paroled}", "canonical.value"),
    prison("a document type of another system", 'code: "111"}', 'code: "011"}', "canonical.value"),
    prison(
        "a field of the record misspelt in a condition",
        'n.system == record.message.sender)"}',
        'n.systm == record.message.sender)"}',
        "expression.place",
    ),
    prison("two lines for one field", "ZFXX/JSKYQQ, date", "ZFXX/JSKYQZ, date", "foreign.twice", "correction.to:  "),
    prison("the name that answers quote, misspelt", "label: ZFXX/XM", "label: ZFXX/MX", "mapping.label"),
    Mistake(
        "a line dropped that is not there",
        "prison",
        "dialects/prison/admission.escort.yaml",
        "drop: [parole.original_term",
        "drop: [parole.term",
        "mapping.drop",
        exchange="admission.escort",
    ),
    Mistake(
        "a volatile field that no record has",
        "prison",
        "dialects/prison/dialect.yaml",
        "volatile: [HEAD/FSSJ]",
        "volatile: [HEAD/FSRQ]",
        "dialect.place",
    ),
    Mistake(
        "the key of the message misspelt",
        "prison",
        "dialects/prison/dialect.yaml",
        "key: HEAD/LSH",
        "key: HEAD/LHS",
        "dialect.place",
    ),
    Mistake(
        "the hint of the recipient misspelt",
        "prison",
        "dialects/prison/dialect.yaml",
        "hint: {at: HEAD/JSDW",
        "hint: {at: HEAD/JDSW",
        "dialect.place",
    ),
    Mistake(
        "an answer code behind one that fits everything",
        "prison",
        "dialects/prison/dialect.yaml",
        "  login: E001\n",
        "  log*: E099\n  login: E001\n",
        "dialect.shadowed",
        "login: E001",
    ),
    Mistake(
        "a policy for a rule that there is not",
        "prison",
        "dialects/prison/dialect.yaml",
        "  place.malformed: refused",
        "  places.malformed: refused",
        "dialect.rule",
    ),
    court("a date of another form than the contract's", "date: xs:date}", "date: yyyyMMdd}", "foreign.value"),
    court(
        "each over the box instead of its items",
        "each: Penalties/Penalty",
        "each: Penalties",
        "foreign.not-repeated",
        "sentence.penalties:",
    ),
    court(
        "a list without its brackets",
        "person.former_names[]:             FormerName",
        "person.former_names:               FormerName",
        "canonical.type",
    ),
    court(
        "a condition left out, so that the others are never asked",
        ', when: "record.sentence.penalties.exists(p, has(p.probation))"}',
        "}",
        "clause.unreachable",
        "value: public-surveillance",
    ),
    court("a word in a condition that no record holds", "p.kind == '管制'", "p.kind == '管治'", "expression.value"),
    court("an answer to nobody's question", "{value: Documents}", "{value: Document}", "foreign.value"),
    court(
        "a fault of the mapping without its English words",
        '                  en: "the category',
        '                  eng: "the category',
        "clause.fault",
        "- fault:",
    ),
    Mistake(
        "an outcome that the contract does not know",
        "court",
        "dialects/court/receipt.yaml",
        "record.receipt.outcome == 'returned'",
        "record.receipt.outcome == 'refused'",
        "expression.value",
        exchange="receipt",
    ),
    Mistake(
        "a canonical value misspelt in a code list",
        "court",
        "codelists/court-reply-outcomes.yaml",
        "退回: returned",
        "退回: refused",
        "codelist.value",
        exchange="receipt",
    ),
    Mistake(
        "another canonical value misspelt in a code list",
        "city",
        "codelists/city-correction-categories.yaml",
        "public-surveillance",
        "public-surveilance",
        "codelist.value",
    ),
    city(
        "a canonical place misspelt",
        "{from: correction.grade.code}",
        "{from: correction.grades.code}",
        "canonical.unknown",
    ),
    police(
        "another system's list of categories",
        "codes: police-correction-categories",
        "codes: city-correction-categories",
        "foreign.value",
    ),
    police("a list written as one", '{from: "person.former_names[]"}', "{from: person.former_names}", "canonical.type"),
    police(
        "dashes in a date of eight digits",
        "RYXX/CSRQ:                         {from: person.birth_date, date: yyyyMMdd}",
        "RYXX/CSRQ:                         {from: person.birth_date, date: yyyy-MM-dd}",
        "foreign.value",
    ),
    # ---------------------------------------------------------------- by writing and reading generated records
    prison("a time that loses its seconds", "time: yyyyMMddHHmmss", "time: yyyyMMddHHmm", "round-trip.canonical"),
    prison(
        "a place of residence cut to the county",
        "{at: ZFXX/JZD, place: any}",
        "{at: ZFXX/JZD, place: 6}",
        "round-trip.canonical",
        "person.residence.place:",
    ),
    prison(
        "a number of a person checked as that of a case",
        "ZFXX/GMSFHM, check: GB 11643}",
        "ZFXX/GMSFHM, check: case-number}",
        "sample.refused",
    ),
    prison(
        "a list of punishments for the papers",
        "LX, codes: prison-document-kinds}",
        "LX, codes: penalty-kinds}",
        "sample.refused",
    ),
    prison(
        "a condition that asks for a field that never comes",
        "foreign.ZFXX.ZFBH != ''",
        "foreign.ZFXX.ZFBM != ''",
        "sample.differs",
    ),
    prison(
        "what is written by one line and read by none",
        "    HEAD/YWLX:                         {value: JSJZ}",
        "    HEAD/YWLX:                         {value: JSJZ}\n    ZFXX/LXDH:                         {from: person.phone}",
        "line.no-inverse",
        "ZFXX/LXDH",
    ),
    court(
        "words where the sender's own should be kept",
        "{at: Sex, codes: GB/T 2261.1, as: word as sent}",
        "{at: Sex, codes: GB/T 2261.1, as: word}",
        "round-trip.canonical",
    ),
    court(
        "first and last day changed places in a computation",
        "of: [correction.from, correction.term]",
        "of: [correction.term, correction.from]",
        "line.silent",
    ),
    city(
        "an address cut where nothing says so",
        "{from: correction.from, date: yyyy-MM-dd}",
        "{from: case.effective_on, date: yyyy-MM-dd, place: 6}",
        "codec.several",
    ),
    Mistake(
        "a receipt's time without its hours",
        "prison",
        "dialects/prison/receipt.yaml",
        "{from: receipt.given_at, time: yyyyMMddHHmmss}",
        "{from: receipt.given_at, date: yyyyMMdd}",
        "one-way.loss",
        exchange="receipt",
    ),
    # ---------------------------------------------------------------- by a sample whose meaning stands beside it
    prison("day before month", "ZFXX/CSRQ, date: yyyyMMdd", "ZFXX/CSRQ, date: yyyyddMM", "sample.refused"),
    prison("yes for no", '{"1": true, "0": false}', '{"1": false, "0": true}', "sample.differs"),
    prison("a term of years told in months", "ZFXX/YPXQ, term: YYMMDD", "ZFXX/YPXQ, term: months", "sample.refused"),
    prison("another separator", 'ZFXX/ZM, list: ";"', 'ZFXX/ZM, list: ","', "sample.differs"),
    prison("a field that there is not", "ZFXX/WHCD", "ZFXX/WHDC", "sample.differs"),
    court("ten days become fifteen", "days: 10", "days: 15", "sample.differs"),
    court("a court taken for a procuratorate", "agency: court}", "agency: procuratorate}", "sample.differs"),
    Mistake(
        "man and woman changed places",
        "court",
        "codelists/gbt2261.1.yaml",
        '"1": [男, 男性]\n  "2": [女, 女性]',
        '"1": [女, 女性]\n  "2": [男, 男性]',
        "sample.differs",
        "男",
        DOCUMENTS,
    ),
    Mistake(
        "two kinds of papers changed places",
        "prison",
        "codelists/prison-document-kinds.yaml",
        '"01": 裁定书\n  "02": 判决书',
        '"01": 判决书\n  "02": 裁定书',
        "sample.differs",
        "判决书",
        HANDOVER,
    ),
    Mistake(
        "accepted and returned changed places",
        "prison",
        "codelists/prison-receipt-outcomes.yaml",
        '"1": accepted\n  "0": returned',
        '"1": returned\n  "0": accepted',
        "sample.differs",
        "returned",
        "receipt",
    ),
    Mistake(
        "the separator of a list that the first sample leaves empty",
        "prison",
        PRISON,
        'ZFXX/CYM, list: ";"',
        'ZFXX/CYM, list: ","',
        "sample.differs",
        exchange="admission.escort",
    ),
    Mistake(
        "the day of a report for the day of the notice",
        "court",
        "dialects/court/admission.report-in.yaml",
        "{from: report_in.reported_on, time: xs:dateTime}",
        "{context: sent_at, time: xs:dateTime}",
        "sample.differs",
        exchange="admission.report-in",
    ),
    Mistake(
        "two categories changed places",
        "city",
        "codelists/city-correction-categories.yaml",
        '"02": probation\n  "03": parole',
        '"02": parole\n  "03": probation',
        "sample.differs",
        "probation",
        DOCUMENTS,
    ),
    city(
        "the last day for the first",
        "subject/jzqr:                      {from: correction.from",
        "subject/jzqr:                      {from: correction.to",
        "sample.differs",
    ),
    city("a code where the word is wanted", "codes: GB/T 2261.1, as: word}", "codes: GB/T 2261.1}", "sample.differs"),
    city(
        "zeros for the last digits of an identifying code",
        '[{from: person.residence.place, place: [6, 3, "001"]}',
        '[{from: person.residence.place, place: [6, 3, "000"]}',
        "sample.differs",
    ),
    city(
        "a term in months where words are wanted",
        'term: N年N月N日, list: "、"',
        'term: months, list: "、"',
        "sample.differs",
        "subject/ypxq:",
    ),
    city("the short form of an offence", "offence: full", "offence: short", "sample.differs"),
    police(
        "the last day for the first",
        "JZXX/JZKSRQ:                       {from: correction.from",
        "JZXX/JZKSRQ:                       {from: correction.to",
        "sample.differs",
    ),
    police("two letters changed places", "{value: RJCS}", "{value: RJSC}", "sample.differs"),
    police(
        "nine digits where six are wanted",
        "{from: person.residence.place, place: 6}",
        "{from: person.residence.place}",
        "sample.differs",
    ),
]


@pytest.fixture
def planted(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A configuration with only the dialect of the mistake, and the mistake in it."""
    mistake: Mistake = request.param
    home = tmp_path / "mappings"
    for part in MAPPINGS.iterdir():
        if part.name == "dialects":
            shutil.copytree(part / mistake.dialect, home / "dialects" / mistake.dialect)
        elif part.is_dir():
            shutil.copytree(part, home / part.name)
        else:
            home.mkdir(exist_ok=True)
            shutil.copy(part, home / part.name)
    path = home / mistake.file
    text = path.read_text(encoding="utf-8")
    assert mistake.old in text
    path.write_text(text.replace(mistake.old, mistake.new, 1), encoding="utf-8")
    return home


def line_of(home: Path, mistake: Mistake) -> int:
    shown = mistake.shown or mistake.new
    text = (home / mistake.file).read_text(encoding="utf-8")
    return text.count("\n", 0, text.index(shown)) + 1


@pytest.mark.parametrize(
    ("planted", "mistake"),
    [(one, one) for one in MISTAKES],
    indirect=["planted"],
    ids=[f"{one.dialect}: {one.name}" for one in MISTAKES],
)
def test_a_mistake_is_found_at_its_line(planted: Path, mistake: Mistake) -> None:
    shop = Workshop.open(planted, mistake.dialect, SCHEMAS)
    findings = shop.findings or shop.prove(mistake.dialect, mistake.exchange, RECORDS).findings
    assert (f"mappings/{mistake.file}", line_of(planted, mistake), mistake.rule) in {
        (finding.file, finding.line, finding.rule) for finding in findings
    }, [f"{finding.file}:{finding.line} {finding.rule} {finding.en}" for finding in findings]
    assert all(finding.zh and finding.en for finding in findings)


def test_the_mistakes_are_of_many_kinds_and_in_every_dialect() -> None:
    assert len(MISTAKES) >= 40
    assert len({mistake.rule for mistake in MISTAKES}) >= 15
    assert min(Counter(mistake.dialect for mistake in MISTAKES).values()) >= 5
