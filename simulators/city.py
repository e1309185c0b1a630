"""济宁司法社区矫正管理平台 (XFire): login ticket, uploads in chunks, batches decided later. It only receives.

Whatever goes wrong is a `code` in a 200 answer. Options: `--set ticket-seconds=N` (1200), `--set ticket-calls=N` (500),
`--set polls=N` (1: how often a batch is still undecided when asked), `--set chunk-bytes=N` (524288).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from lxml import etree

from simulators import fields, soap
from simulators.journal import Entry, digest_of, sync_folder
from simulators.service import Reply, Settings
from simulators.soap_system import Call, SoapSystem

NAMESPACE = "http://sqjz.jining.example/ws"
NS = {"c": NAMESPACE}

DONE, ILL_FORMED, NO_TICKET, BAD_LOGIN, NOT_FOUND, CONFLICT, TOO_LARGE, BAD_OFFSET, BUSY = (
    0,
    400,
    401,
    403,
    404,
    409,
    413,
    416,
    503,
)
MESSAGES = {
    ILL_FORMED: "数据格式错误",
    NO_TICKET: "票据失效，请重新登录",
    BAD_LOGIN: "账号或密码错误",
    NOT_FOUND: "编号不存在",
    CONFLICT: "消息编号重复且内容不一致",
    TOO_LARGE: "分块超过上限",
    BAD_OFFSET: "偏移量与已接收字节数不一致",
    BUSY: "系统繁忙",
}

ACCEPTED, REFUSED, DUPLICATE = 0, 1, 2

#: Checks of a subject's fields that must not fail: name, check, whether it may be missing.
SUBJECT_CHECKS = (
    ("sqfxryxm", lambda text: bool(text.strip()), False),
    ("sfzh", fields.is_id_number, False),
    ("xb", ("男", "女").__contains__, False),
    ("csny", fields.is_iso_date, False),
    ("jzlb", ("01", "02", "03", "04", "05").__contains__, False),
    ("gtjzdqh", fields.is_place, False),
    ("sfsbm", lambda text: bool(re.fullmatch(r"[1-9]\d{8}001", text)), False),
    ("pjjg", lambda text: bool(text.strip()), False),
    ("pjwsh", lambda text: bool(text.strip()), False),
    ("pjsxrq", fields.is_iso_date, False),
    ("zyfz", lambda text: bool(text.strip()), False),
    ("ypxq", lambda text: all(fields.is_chinese_term(term) for term in text.split("、")), False),
    ("jzqx", fields.is_chinese_term, False),
    ("jzqr", fields.is_iso_date, True),
    ("jzzr", fields.is_iso_date, True),
)


class Refusal(Exception):
    """An answer whose code is not 0. `facts` are further values of the answer."""

    def __init__(self, code: int, detail: str = "", *, message: str | None = None, **facts: str) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts
        self.message = message or MESSAGES.get(code, "") + (f"：{detail}" if detail else "")


@dataclass
class Ticket:
    """The one ticket of the account that is alive. Only its digest is kept."""

    digest: str
    born: datetime
    calls: int = 0


@dataclass
class Upload:
    received: int = 0
    sha256: str | None = None  # known when the last chunk is there


@dataclass
class Batch:
    message_id: str
    digest: str
    rows: list[dict[str, Any]]
    asked: int = 0


class City(SoapSystem):
    name = "city"
    contract = soap.Contract("CityPlatform.wsdl")
    secrets = ("md5Password", "ticket")
    own_faults: ClassVar[Mapping[str, str]] = {
        "busy": "code 503 in a 200 answer",
        "code": "an answer with this `code` and `message`, whatever was sent",
        "expire": "the ticket is dead: code 401 in a 200 answer",
        "wait": "the batch is still undecided: state 0",
        "duplicate": "the rows of the next batch are already known: status 2 (`sfzh`: only this person)",
    }
    fault_targets: ClassVar[Mapping[str, str]] = {"refuse": "submit", "duplicate": "submit", "wait": "query"}

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._ticket: Ticket | None = None
        self._uploads: dict[str, Upload] = {}
        self._batches: dict[str, Batch] = {}
        self._batch_of: dict[str, str] = {}
        self._known: dict[str, str] = {}  # sfzh → rybh
        self._rybh_given = 0
        self._folder = settings.data / "uploads"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._life = timedelta(seconds=settings.number("ticket-seconds", 1200))
        self._calls = int(settings.number("ticket-calls", 500))
        self._polls = int(settings.number("polls", 1))
        self._chunk = int(settings.number("chunk-bytes", 512 * 1024))

    # ------------------------------------------------------------ called
    def serve(self, call: Call) -> tuple[Reply, Entry]:
        operations = {"login": self._login, "uploadChunk": self._upload, "submit": self._submit, "query": self._query}
        name = soap.local(call.element)
        if call.element.tag != f"{{{NAMESPACE}}}{name}" or name not in operations:
            raise soap.SoapFault("Client", f"Invalid operation: {call.element.tag}")
        entry: Entry = {"operation": name, "key": None, "digest": None, "record": {}}
        if name != "login":
            entry["ticket"] = _digest(soap.child_text(call.element, "c:ticket", NS) or "")
        try:
            if call.meets("busy"):
                raise Refusal(BUSY)
            if armed := call.meets("code"):
                raise Refusal(int(armed.text("code", str(ILL_FORMED))), message=armed.options.get("message"))
            if name != "login":
                self._check_ticket(entry["ticket"], call)
            faults = self.contract.faults_of(call.element)
            if faults:
                raise Refusal(ILL_FORMED, faults[0])
            values = operations[name](call, entry)
            return self._answer(name, DONE, None, values), {**entry, "code": DONE}
        except Refusal as refusal:
            outcome = "busy" if refusal.code == BUSY else "refused"
            return self._answer(name, refusal.code, refusal.message, refusal.facts), {
                **entry,
                "outcome": outcome,
                "code": refusal.code,
                "reason": refusal.message,
            }

    def apply(self, entry: Entry) -> None:
        if self._ticket and entry.get("ticket") == self._ticket.digest:
            self._ticket.calls += 1
        match entry["outcome"]:
            case "login":
                self._ticket = Ticket(entry["ticket"], datetime.fromisoformat(entry["at"]))
            case "upload":
                upload = self._uploads.setdefault(entry["key"], Upload())
                upload.received, upload.sha256 = entry["received"], entry["sha256"]
            case "accepted":
                self._batches[entry["batch"]] = Batch(entry["key"], entry["digest"], entry["rows"])
                self._batch_of[entry["key"]] = entry["batch"]
                for row in entry["rows"]:
                    if row.get("rybh") and row["sfzh"] not in self._known:
                        self._known[row["sfzh"]] = row["rybh"]
                        self._rybh_given += 1
            case "query":
                self._batches[entry["batch"]].asked += 1

    # ------------------------------------------------------------ operations
    def _login(self, call: Call, entry: Entry) -> dict[str, str]:
        account, given = (soap.child_text(call.element, f"c:{name}", NS) or "" for name in ("account", "md5Password"))
        wanted = hashlib.md5((self.settings.password or "").encode()).hexdigest()
        entry["record"] = {"account": account}
        if account != self.settings.user or not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refusal(BAD_LOGIN)
        ticket = uuid.uuid4().hex
        entry |= {"outcome": "login", "ticket": _digest(ticket)}
        return {"ticket": ticket}

    def _upload(self, call: Call, entry: Entry) -> dict[str, str]:
        upload_id = soap.child_text(call.element, "c:uploadId", NS) or None
        offset = int(soap.child_text(call.element, "c:offset", NS) or 0)
        last = (soap.child_text(call.element, "c:last", NS) or "").strip() in ("true", "1")
        data = base64.b64decode(soap.child_text(call.element, "c:data", NS) or "")
        if upload_id is not None and upload_id not in self._uploads:
            raise Refusal(NOT_FOUND, f"uploadId={upload_id}")
        upload = self._uploads[upload_id] if upload_id else Upload()
        known = {"uploadId": upload_id} if upload_id else {}
        if len(data) > self._chunk:
            raise Refusal(TOO_LARGE, f"{len(data)} > {self._chunk}", received=str(upload.received), **known)
        if offset != upload.received or upload.sha256:
            raise Refusal(BAD_OFFSET, f"offset={offset}", received=str(upload.received), **known)
        upload_id = upload_id or uuid.uuid4().hex
        sha256 = self._store(self._folder / upload_id, offset, data, last)
        received = offset + len(data)
        entry |= {
            "outcome": "upload",
            "key": upload_id,
            "received": received,
            "sha256": sha256,
            "digest": hashlib.sha256(data).hexdigest(),
            "record": {"upload": upload_id, "offset": offset, "size": len(data), "last": last},
        }
        return {"uploadId": upload_id, "received": str(received)}

    def _store(self, path: Path, offset: int, data: bytes, last: bool) -> str | None:
        """Put a chunk on disk. What lies beyond `offset` was never answered for and is overwritten."""
        with open(path, "r+b" if path.exists() else "w+b") as file:
            file.seek(offset)
            file.truncate()
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest() if last else None
        sync_folder(path.parent)
        return sha256

    def _submit(self, call: Call, entry: Entry) -> dict[str, str]:
        element = call.element
        message_id = (soap.child_text(element, "c:messageId", NS) or "").strip()
        subjects = element.findall("c:subject", NS)
        documents = [self._document(reference) for reference in element.iterfind("c:attachment", NS)]
        entry["key"] = message_id or None
        entry["digest"] = digest_of([soap.understood(element, leave_out=("ticket", "attachment")), documents])
        entry["record"] = {
            "business_type": soap.child_text(element, "c:businessType", NS),
            "from_unit": soap.child_text(element, "c:fromUnit", NS),
            "persons": [
                {
                    "name": soap.child_text(subject, "c:sqfxryxm", NS),
                    "id_number": _sfzh(subject),
                    "case": soap.child_text(subject, "c:pjwsh", NS),
                }
                for subject in subjects
            ],
            "documents": documents,
        }
        if not message_id:
            raise Refusal(ILL_FORMED, "messageId")
        if entry["record"]["business_type"] != "RJ":
            raise Refusal(ILL_FORMED, f"businessType={entry['record']['business_type']}")
        if not fields.is_place(entry["record"]["from_unit"]):
            raise Refusal(ILL_FORMED, f"fromUnit={entry['record']['from_unit']}")
        if batch_no := self._batch_of.get(message_id):
            if self._batches[batch_no].digest != entry["digest"]:
                raise Refusal(CONFLICT, message_id)
            entry |= {"outcome": "duplicate", "batch": batch_no}
            return {"batchNo": batch_no}
        batch_no = f"PC{len(self._batches) + 1:010d}"
        entry |= {"outcome": "accepted", "batch": batch_no, "rows": self._decide(subjects, call)}
        return {"batchNo": batch_no}

    def _document(self, reference: etree._Element) -> dict[str, Any]:
        upload_id = soap.child_text(reference, "c:uploadId", NS) or ""
        upload = self._uploads.get(upload_id)
        if upload is None or upload.sha256 is None:
            raise Refusal(NOT_FOUND, f"附件未上传完成：{upload_id}")
        return {
            "title": soap.child_text(reference, "c:fileName", NS),
            "type": soap.child_text(reference, "c:fileType", NS),
            "size": upload.received,
            "sha256": upload.sha256,
        }

    def _decide(self, subjects: list[etree._Element], call: Call) -> list[dict[str, Any]]:
        """The outcome for each person, which a later query tells."""
        rows: list[dict[str, Any]] = []
        given: dict[str, str] = {}
        for subject in subjects:
            sfzh = _sfzh(subject)
            armed = call.fault if call.fault and call.fault.options.get("sfzh", sfzh) == sfzh else None
            known = self._known.get(sfzh) or given.get(sfzh)
            wrong = _wrong_field(subject)
            if armed and armed.name == "refuse":
                rows.append({"sfzh": sfzh, "status": REFUSED, "reason": armed.text("reason", "不予接收")})
            elif wrong:
                rows.append({"sfzh": sfzh, "status": REFUSED, "reason": f"数据项不合规：{wrong}"})
            else:
                rybh = known or f"JN{self._rybh_given + len(given) + 1:08d}"
                if not known:
                    given[sfzh] = rybh
                already = known or (armed and armed.name == "duplicate")
                rows.append({"sfzh": sfzh, "status": DUPLICATE if already else ACCEPTED, "rybh": rybh})
        return rows

    def _query(self, call: Call, entry: Entry) -> dict[str, str]:
        batch_no = soap.child_text(call.element, "c:batchNo", NS) or ""
        batch = self._batches.get(batch_no)
        if batch is None:
            raise Refusal(NOT_FOUND, f"batchNo={batch_no}")
        decided = batch.asked >= self._polls and not call.meets("wait")
        entry |= {
            "outcome": "query",
            "key": batch.message_id,
            "batch": batch_no,
            "record": {"state": int(decided), "rows": batch.rows if decided else []},
        }
        rows = "".join(_row(row) for row in batch.rows) if decided else ""
        return {"state": str(int(decided)), "rows": rows}

    # ------------------------------------------------------------ details
    def _check_ticket(self, digest: str, call: Call) -> None:
        ticket = self._ticket
        if (
            ticket is None
            or ticket.digest != digest
            or ticket.calls >= self._calls
            or datetime.now(ticket.born.tzinfo) - ticket.born >= self._life
            or call.meets("expire")
        ):
            raise Refusal(NO_TICKET)

    def _answer(self, name: str, code: int, message: str | None, values: dict[str, str]) -> Reply:
        """The answer's elements in the contract's order; what is unknown is nil or zero."""
        shapes = {
            "login": ("ticket",),
            "uploadChunk": ("uploadId", "received"),
            "submit": ("batchNo",),
            "query": ("state",),
        }
        body = ""
        for element in shapes[name]:
            if element in values:
                body += f"<{element}>{soap.escape(values[element])}</{element}>"
            elif element in ("received", "state"):
                body += f"<{element}>0</{element}>"
            else:
                body += f'<{element} xmlns:xsi="{soap.XSI}" xsi:nil="true"/>'
        body += values.get("rows", "") + f"<code>{code}</code>"
        body += f"<message>{soap.escape(message)}</message>" if message else ""
        return self.reply(f'<{name}Response xmlns="{NAMESPACE}">{body}</{name}Response>')

    def masked(self, text: str) -> str:
        # A chunk is in the uploads folder; the journal keeps its size and digest.
        text = re.sub(r"(<(?:[\w.-]+:)?data(?:\s[^>]*)?(?<!/)>)[^<]+(</)", r"\1…\2", text)
        return super().masked(text)

    # ------------------------------------------------------------ calling
    def send(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.send_transfer(order)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


def _sfzh(subject: etree._Element) -> str:
    return soap.child_text(subject, "c:sfzh", NS) or ""


def _wrong_field(subject: etree._Element) -> str | None:
    """The first field that breaks a rule, with its value."""
    for name, check, optional in SUBJECT_CHECKS:
        text = soap.child_text(subject, f"c:{name}", NS)
        if text is None and optional:
            continue
        if not check(text or ""):
            return f"{name}={text or ''}"
    return None


def _row(row: dict[str, Any]) -> str:
    text = f"<sfzh>{soap.escape(row['sfzh'])}</sfzh><status>{row['status']}</status>"
    text += f"<rybh>{row['rybh']}</rybh>" if row.get("rybh") else ""
    text += f"<reason>{soap.escape(row['reason'])}</reason>" if row.get("reason") else ""
    return f"<row>{text}</row>"
