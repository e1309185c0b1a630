"""How PHP and npm put the sample messages on the wire: `python -m tests.foreign.capture` writes `captures/*.txt`.

What differs from run to run (ports, times, nonces, numbers, versions) is replaced by names in capitals. A test compares
the files with what the stacks send today, so that the hub's SOAP server can be tried with exactly these bytes.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from tests.foreign import messages as m
from tests.foreign.stacks import HERE, HubStand, Program, foreign_command

FOLDER = HERE / "captures"

#: Replaced in every message, in this order.
VOLATILE: tuple[tuple[bytes, bytes], ...] = (
    (rb"127\.0\.0\.1:\d+", b"127.0.0.1:PORT"),
    (rb"(?m)^(Content-Length: )\d+", rb"\1LENGTH"),
    (rb"(?m)^(Date: ).*?(\r?)$", rb"\1DATE\2"),
    (rb"PHP-SOAP/[\d.]+", b"PHP-SOAP/VERSION"),
    (rb"PHP/[\d.]+(-\S+?)?(?=\r)", b"PHP/VERSION"),
    (rb"node-soap/[\d.]+", b"node-soap/VERSION"),
    (rb"(wsu:Id=\"SecurityToken-)[^\"]*", rb"\1CREATED"),
    (rb"(<wsse:Password [^>]*>)[^<]*", rb"\1DIGEST"),
    (rb"(<wsse:Nonce [^>]*>)[^<]*", rb"\1NONCE"),
    (rb"(<wsu:Created>)[^<]*", rb"\1CREATED"),
    (rb"(<SLSJ>)\d{14}", rb"\1MOMENT"),
    (rb"(JNY)\d{14}", rb"\1NUMBER"),
    (rb"(<ticket>)[0-9a-f]{32}", rb"\1TICKET"),
    (rb"UP[0-9a-f]{16}", b"UPLOADID"),
)


def sanitised(message: bytes) -> bytes:
    for pattern, replacement in VOLATILE:
        message = re.sub(pattern, replacement, message)
    return message


def _requests(stand: HubStand) -> bytes:
    """The last request that the stand recorded, as it came."""
    found = stand.requests[-1]
    head = "\r\n".join([found.line, *(f"{name}: {value}" for name, value in found.headers)])
    return sanitised(head.encode() + b"\r\n\r\n" + found.body)


def _answer(answer: m.Answer) -> bytes:
    head = "\r\n".join(
        [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
    )
    return sanitised(head.encode() + b"\r\n\r\n" + answer.content)


def captured(folder: Path) -> Mapping[str, bytes]:
    """Every capture by its file name; the systems that are started keep their data in `folder`."""
    stand = HubStand()
    running: list[Program] = []

    def start(system: str, agency: str) -> Program:
        program = Program(
            foreign_command(system),
            agency,
            folder / agency,
            user=m.USER,
            password=m.PASSWORD,
            hub=stand.url,
            hub_user="USER",
            hub_password="PASSWORD",
        )
        running.append(program)
        return program

    try:
        return {
            **_prison(start("prison", "prison.370800"), stand),
            **_court(start("court", "court.370826"), stand),
            **_police(start("police", "police.370826"), stand),
            **_city(start("city", "bureau.370826")),
        }
    finally:
        for program in running:
            program.stop()
        stand.close()


def _prison(prison: Program, stand: HubStand) -> dict[str, bytes]:
    found = {}
    for encoding in ("utf-8", "gb18030"):
        prison.send(m.parole_record(), encoding=encoding.upper())
        found[f"php-prison-request-{encoding}.txt"] = _requests(stand)
    found["php-prison-answer.txt"] = _answer(m.send_data(prison.url, m.receipt_record(), "HZ"))
    found["php-prison-answer-refused.txt"] = _answer(m.send_data(prison.url, m.receipt_record(JG="2"), "HZ"))
    prison.arm("empty")
    found["php-prison-answer-nil.txt"] = _answer(m.send_data(prison.url, m.receipt_record(), "HZ"))
    unknown = m.envelope(f'<p:sendAll xmlns:p="{m.PRISON}"/>')
    found["php-prison-fault.txt"] = _answer(
        m.post(prison.url, unknown, {"Content-Type": "text/xml", "SOAPAction": '""'})
    )
    return found


def _court(court: Program, stand: HubStand) -> dict[str, bytes]:
    sample = (m.SAMPLES / "SubmitExecution-request.xml").read_text()
    pending = sample.replace(
        "<EffectiveDate>2021-03-12T00:00:00</EffectiveDate>", f'<EffectiveDate xmlns:x="{m.XSI}" x:nil="true"/>'
    )
    unknown = sample.replace("</CaseNumber>", "</CaseNumber><Presiding>王某</Presiding>")
    found = {}
    for name, text, options in (
        ("1.1", sample, {}),
        ("1.2", sample, {"version": "1.2"}),
        ("1.1-dates-as-utc", sample, {"dates": "Date"}),
        ("1.1-nil", pending, {}),
        ("1.1-unknown-element", unknown, {}),
    ):
        court.send(text, **options)
        found[f"npm-court-request-{name}.txt"] = _requests(stand)
    for version in ("1.1", "1.2"):
        found[f"npm-court-answer-{version}.txt"] = _answer(m.reply_to_court(court.url, version))
        found[f"npm-court-fault-{version}.txt"] = _answer(m.reply_to_court(court.url, version, user=None))
    court.arm("refuse", reason="案件已归档")
    found["npm-court-answer-refused.txt"] = _answer(m.reply_to_court(court.url))
    return found


def _police(police: Program, stand: HubStand) -> dict[str, bytes]:
    police.send(m.police_record())
    return {
        "npm-police-request.txt": _requests(stand),
        "npm-police-answer.txt": _answer(m.ts_ryxx(police.url, m.police_record())),
        "npm-police-fault-CF02.txt": _answer(m.ts_ryxx(police.url, m.police_record(XM="孙某乙"))),
        "npm-police-fault-security.txt": _answer(m.ts_ryxx(police.url, m.police_record(), m.security(password="x"))),
    }


def _city(city: Program) -> dict[str, bytes]:
    login = m.login(city.url)
    ticket = login.text("ticket") or ""
    rows = m.subject() + m.subject(sfzh="370826197902140411")
    uploaded = m.upload(city.url, ticket, b"%PDF-1.4")
    submitted = m.submit(city.url, ticket, rows, upload_id=uploaded.text("uploadId"))
    waiting, done = (m.query(city.url, ticket, submitted.text("batchNo") or "") for _ in range(2))
    city.arm("busy")
    answers = {
        "login": login,
        "upload": uploaded,
        "submit": submitted,
        "query-waiting": waiting,
        "query-done": done,
        "submit-busy": m.submit(city.url, ticket, rows),
        "query-ticket-dead": m.query(city.url, "x", "PC1"),
    }
    return {f"npm-city-answer-{name}.txt": _answer(answer) for name, answer in answers.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        for file, content in captured(Path(data)).items():
            (FOLDER / file).write_bytes(content)
