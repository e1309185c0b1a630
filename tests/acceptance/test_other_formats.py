"""Systems that speak JSON, CSV, records of fixed width, or XML without a WSDL join by files alone, both ways, over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hub.bootstrap import build
from hub.identity import credentials
from hub.settings import load
from tests.acceptance.county import WEBHOOK_SECRET, County, until
from tests.acceptance.records import unique

EXCHANGE = "admission.notice"
COMMON = f"""
receives:
  notice: {{record: RECORD, key: KEY, exchange: {EXCHANGE}}}
writes: [{EXCHANGE}]
"""
LINES = """
  message.key: {LSH}
  person.name: {XM}
  person.sex: {at: {XB}, codes: GB/T 2261.1}
  case.number: {at: {AH}, check: case-number}
  correction.execution_place: {at: {QH}, place: any}
"""
NAMES = ("LSH", "XM", "XB", "AH", "QH")


def lines(prefix: str = "", indent: str = "") -> str:
    text = LINES
    for name in NAMES:
        text = text.replace("{" + name + "}", prefix + name)
    return text.replace("\n", "\n" + indent).rstrip()


@dataclass(frozen=True)
class Speaker:
    """A county whose court sends, and whose bureau receives, in one dialect. `message(key, name, sex)` is what it sends."""

    name: str
    county: str
    dialect: str
    mapping: str
    media_type: str
    encoding: str
    row: str
    sent_as: str

    def message(self, key: str, name: str = "周㴔", sex: str = "1") -> bytes:
        case = f"（2021）鲁0826刑初{key[2:]}号"
        return (
            self.row.replace("{LSH}", key)
            .replace("{XM}", name)
            .replace("{XB}", sex)
            .replace("{AH}", case)
            .replace("{QH}", self.county)
            .encode(self.encoding)
        )


def split(record: str, each: str) -> str:
    return f"record: {record}\nsplit:\n  each: {each}\n  lines:{lines(indent='  ')}\n"


SPEAKERS = (
    Speaker(
        "json",
        "370827",
        "format: json\n" + COMMON.replace("RECORD", "$").replace("KEY", "head/LSH"),
        "record: $\nlines:" + lines("person/").replace("person/LSH", "head/LSH") + "\n",
        "application/json",
        "utf-8",
        '{"head": {"LSH": "{LSH}"}, "person": {"XM": "{XM}", "XB": "{XB}", "AH": "{AH}", "QH": "{QH}"}}',
        "application/json",
    ),
    Speaker(
        "csv",
        "370829",
        "format: csv\nencoding: GB18030\ncsv: {columns: [LSH, XM, XB, AH, QH]}\n"
        + COMMON.replace("RECORD", "$").replace("KEY", "row/LSH"),
        split("$", "row"),
        "text/csv; charset=gb18030",
        "gb18030",
        "LSH,XM,XB,AH,QH\r\n{LSH},{XM},{XB},{AH},{QH}\r\n",
        "text/csv; charset=GB18030; header=present",
    ),
    Speaker(
        "fixed",
        "370830",
        "format: fixed\nencoding: GBK\nfixed:\n  unit: characters\n  fields:\n"
        + "".join(f"    - {{name: {name}, width: {24 if name == 'AH' else 8}}}\n" for name in NAMES)
        + COMMON.replace("RECORD", "$").replace("KEY", "row/LSH"),
        split("$", "row"),
        "text/plain; charset=gbk",
        "gb18030",
        "",
        "text/plain; charset=GBK",
    ),
    Speaker(
        "xml",
        "370831",
        'encoding: GB18030\nnamespaces: {"": "urn:county:notice", p: "urn:county:person"}\nnested: [Notice/data]\n'
        + COMMON.replace("RECORD", "Notice").replace("KEY", "LSH"),
        "record: Notice\nlines:" + lines("data/p:person/p:").replace("data/p:person/p:LSH", "LSH") + "\n",
        "application/xml",
        "gb18030",
        '<?xml version="1.0" encoding="GB18030"?><Notice xmlns="urn:county:notice"><LSH>{LSH}</LSH><data><![CDATA['
        '<p:person xmlns:p="urn:county:person"><p:XM>{XM}</p:XM><p:XB>{XB}</p:XB><p:AH>{AH}</p:AH><p:QH>{QH}</p:QH>'
        "</p:person>]]></data></Notice>",
        "application/xml; charset=GB18030",
    ),
)


@dataclass
class Sink:
    """The bureaus' systems: they take every webhook and keep what came."""

    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def serve(self) -> ThreadingHTTPServer:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                sink.got.append((self.path.strip("/"), headers, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def of(self, speaker: Speaker) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for name, headers, body in self.got if name == speaker.name]


@pytest.fixture(scope="module")
def sink() -> Iterator[tuple[Sink, int]]:
    kept = Sink()
    server = kept.serve()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def grown(sink: tuple[Sink, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    county = County(tmp_path_factory.mktemp("formats"), ())
    try:
        county.stop()
        for speaker in SPEAKERS:
            _write_files(county.config, speaker, sink[1])
        checked = county.hub("check", str(county.config))
        assert checked.returncode == 0, checked.stdout
        hub = build(load(county.env))
        with hub.store.begin() as unit:
            for speaker in SPEAKERS:
                unit.set_override(f"bureau.{speaker.county}", None, None, hub.seal.seal(WEBHOOK_SECRET))
        for speaker in SPEAKERS:
            court = f"court.{speaker.county}"
            county.credentials[court] = credentials.issue(hub, court)
        hub.database.close()
        county.start()
        yield county
    finally:
        county.close()


def _write_files(config: Path, speaker: Speaker, port: int) -> None:
    folder = config / "dialects" / f"county-{speaker.name}"
    folder.mkdir()
    (folder / "dialect.yaml").write_text(f"dialect: {folder.name}\n{speaker.dialect}", encoding="utf-8")
    (folder / f"{EXCHANGE}.yaml").write_text(
        f"dialect: {folder.name}\nexchange: {EXCHANGE}\n{speaker.mapping}", encoding="utf-8"
    )
    (folder / "transport.yaml").write_text("rest: {}\n", encoding="utf-8")
    for kind, more in (
        ("court", f"speaks: {folder.name}\nreach:\n  - {{transport: inbox}}\n"),
        (
            "bureau",
            f"reach:\n  - {{transport: rest, dialect: {folder.name}, url: 'http://127.0.0.1:{port}/{speaker.name}',"
            f" exchanges: [{EXCHANGE}]}}\n  - {{transport: inbox}}\n",
        ),
    ):
        (config / "agencies" / f"{kind}.{speaker.county}.yaml").write_text(
            f"id: {kind}.{speaker.county}\nzh: {speaker.name}{kind}\nen: {speaker.name} {kind}\n{more}",
            encoding="utf-8",
        )


def _message(speaker: Speaker, key: str, name: str = "周㴔", sex: str = "1") -> bytes:
    if speaker.name != "fixed":
        return speaker.message(key, name, sex)
    cells = (key, name, sex, f"（2021）鲁0826刑初{key[2:]}号", speaker.county)
    text = "".join(cell.ljust(24 if n == 3 else 8) for n, cell in enumerate(cells))
    return f"{text}\r\n".encode(speaker.encoding)


@pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda speaker: speaker.name)
def test_a_record_comes_in_and_goes_out_in_the_format_of_each_side(
    grown: County, sink: tuple[Sink, int], speaker: Speaker
) -> None:
    key = f"N-{unique()}"
    name = "周㴔" if speaker.name != "fixed" else "周某"
    sent = _message(speaker, key, name)
    answer = grown.client(f"court.{speaker.county}").request(
        "POST", "/v1/submissions", data=sent, headers={"Content-Type": speaker.media_type, "Idempotency-Key": key}
    )
    assert answer.status == 202, answer.text
    (transfer,) = answer.body["transfers"]
    headers, body = until("the bureau's system has it", lambda: sink[0].of(speaker))[-1]
    assert headers["content-type"] == speaker.sent_as
    assert headers["hub-transfer"] == transfer["id"]
    assert headers["hub-exchange"] == EXCHANGE
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    secret = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}", "signed over the bytes as they are"
    normal = sent.decode(speaker.encoding).replace("（", "(").replace("）", ")")
    if speaker.name == "json":
        assert json.loads(body) == json.loads(normal)
    elif speaker.name == "fixed":
        assert body.decode("gbk") == normal
    elif speaker.name == "csv":
        assert body.decode("gb18030") == normal
    else:
        text = body.decode("gb18030")
        assert text.startswith('<?xml version="1.0" encoding="GB18030"?><Notice xmlns="urn:county:notice"><LSH>')
        assert f"&lt;p:XM&gt;{name}&lt;/p:XM&gt;" in text
    again = grown.client(f"court.{speaker.county}").request(
        "POST", "/v1/submissions", data=sent, headers={"Content-Type": speaker.media_type, "Idempotency-Key": key}
    )
    assert again.body == answer.body, "the same message again gets the first answer"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("json", "/person/XB"),
        ("csv", "line 2, column 3 (XB)"),
        ("fixed", "line 1, column 17 (XB)"),
        ("xml", "/Notice/data/p:person/p:XB"),
    ],
)
def test_a_fault_names_the_place_in_the_senders_own_format(grown: County, name: str, place: str) -> None:
    speaker = next(one for one in SPEAKERS if one.name == name)
    key = f"N-{unique()}"
    answer = grown.client(f"court.{speaker.county}").request(
        "POST",
        "/v1/submissions",
        data=_message(speaker, key, "周某", "8"),
        headers={"Content-Type": speaker.media_type, "Idempotency-Key": key},
    )
    assert answer.status == 422, answer.text
    (fault,) = answer.body["errors"]
    assert (fault["pointer"], fault["rule"], fault["xpath"], fault["value"]) == (
        "/person/sex",
        "code.unknown",
        place,
        "8",
    )
    assert fault["source"].startswith(f"mappings/dialects/county-{name}/{EXCHANGE}.yaml:")


def test_a_name_that_the_recipients_encoding_lacks_stops_the_delivery_and_nothing_is_sent(
    grown: County, sink: tuple[Sink, int]
) -> None:
    """The court of the county that speaks JSON sends 周㴔 into the county whose system takes GBK."""
    json_speaker, _, fixed, _ = SPEAKERS
    key, before = f"N-{unique()}", len(sink[0].of(fixed))
    sent = _message(json_speaker, key).replace(json_speaker.county.encode(), fixed.county.encode())
    court = f"court.{json_speaker.county}"
    answer = grown.client(court).request(
        "POST", "/v1/submissions", data=sent, headers={"Content-Type": "application/json", "Idempotency-Key": key}
    )
    (transfer,) = answer.body["transfers"]
    held = grown.settled(court, transfer["id"], f"bureau.{fixed.county}", "parked")
    assert "㴔" in json.dumps(held["reason"], ensure_ascii=False)
    assert "text.encoding" in json.dumps(held["reason"])
    assert len(sink[0].of(fixed)) == before
