"""监狱管理信息系统 (Axis 1.4): one operation, RPC/encoded, user and password as parts, the record as XML in a string.

The string's own declaration names GB18030 whatever the envelope is written in; it is dropped, never believed.
`--set unit=CODE` is the unit code of this system (default: any unit of the agency's place); `--set encoding=GB18030`
and `--set style=multiref` say how it writes what it sends unless the order says otherwise.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from lxml import etree

from simulators import fields, soap
from simulators.journal import Entry, digest_of
from simulators.service import Reply
from simulators.soap_system import Call, SoapSystem

NAMESPACE = "http://jyjh.prison.example/services"
ENCODING_STYLE = "http://schemas.xmlsoap.org/soap/encoding/"
BEIJING = timezone(timedelta(hours=8))

DONE = "0"
#: Answer codes and what the system says with them.
MESSAGES = {
    DONE: "接收成功",
    "E001": "用户名或密码错误",
    "E002": "报文格式错误",
    "E010": "必填项缺失",
    "E011": "日期格式错误",
    "E012": "代码值不存在",
    "E013": "证件号码校验不通过",
    "E020": "非本单位管辖",
    "E030": "流水号重复且内容不一致",
    "E099": "系统繁忙，请稍后再试",
}

HEAD_REQUIRED = ("YWLX", "FSDW", "JSDW", "FSSJ", "LSH")
_PERSON_REQUIRED = ("ZFBH", "XM", "XBDM", "CSRQ", "GMSFHM", "HJD", "JZD", "ZM", "YPXQ")
#: For each business type: where its record lies and what must not be missing or empty.
REQUIRED: dict[str, tuple[str, tuple[str, ...]]] = {
    "HZ": ("HZ", ("GMSFHM", "JG", "HZSJ")),
    "JSJZ": ("ZFXX", (*_PERSON_REQUIRED, "JSCDS", "JSRQ", "JSKYQQ", "JSKYQZ")),
    "ZYJW": ("ZFXX", (*_PERSON_REQUIRED, "JDSWH")),
}
DATES = ("CSRQ", "XQQR", "XQZR", "JSRQ", "JSKYQQ", "JSKYQZ")
DOCUMENT_KINDS = ("01", "02", "03", "09", "99")
#: Coded fields and what their values may be.
CODES: dict[str, Callable[[str], bool]] = {
    "XBDM": fields.SEXES.__contains__,
    "MZDM": fields.ETHNIC_GROUPS.__contains__,
    "HJD": fields.is_place,
    "JZD": fields.is_place,
    "JG": ("0", "1").__contains__,
    "SFCRB": ("0", "1").__contains__,
    "YPXQ": fields.is_short_term,
}


class Refusal(Exception):
    """An answer other than `0`."""

    def __init__(self, code: str, detail: str = "", *, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or MESSAGES.get(code, "") + (f"：{detail}" if detail else "")


class Prison(SoapSystem):
    name = "prison"
    contract = soap.Contract("PrisonExchange.wsdl")
    prefix = "soapenv"
    secrets = ("mm",)
    own_faults: ClassVar[Mapping[str, str]] = {
        "busy": "E099, come again later",
        "code": "an answer with this `code` and `message`, whatever was sent",
        "empty": "an answer whose string is nil",
    }

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        #: (FSDW, LSH) → what was understood, and the LSH answered
        self._seen: dict[tuple[str, str], tuple[str, str]] = {}

    # ------------------------------------------------------------ called
    def serve(self, call: Call) -> tuple[Reply, Entry]:
        if "soapaction" not in call.request.headers:
            raise soap.SoapFault("Client.NoSOAPAction", "no SOAPAction header!")
        if call.element.tag != f"{{{NAMESPACE}}}sendData":
            raise soap.SoapFault("Client", f"No such operation '{soap.local(call.element)}'")
        parts = {soap.local(part): self._value(part, call.envelope) for part in soap.elements(call.element)}
        entry: Entry = {
            "operation": "sendData",
            "key": None,
            "digest": None,
            "record": {},
            "business_type": parts.get("ywlx"),
        }
        try:
            answered = self._business(parts, call, entry)
        except Refusal as refusal:
            outcome = "busy" if refusal.code == "E099" else "refused"
            return self._return(_answer_record(refusal.code, refusal.message, "")), {
                **entry,
                "outcome": outcome,
                "code": refusal.code,
                "reason": refusal.message,
            }
        if call.meets("empty"):
            return self._return(None), {**entry, "code": DONE, "answer_lsh": answered}
        return self._return(_answer_record(DONE, MESSAGES[DONE], answered)), {
            **entry,
            "code": DONE,
            "answer_lsh": answered,
        }

    def apply(self, entry: Entry) -> None:
        if entry["outcome"] == "accepted":
            self._seen[(entry["record"]["from_unit"], entry["key"])] = (entry["digest"], entry["answer_lsh"])

    def _business(self, parts: dict[str, str | None], call: Call, entry: Entry) -> str:
        """Check a call and note in `entry` what was understood. Returns the LSH to answer; raises Refusal."""
        if (parts.get("yhm"), parts.get("mm")) != (self.settings.user, self.settings.password):
            raise Refusal("E001")
        if call.meets("busy"):
            raise Refusal("E099")
        if armed := call.meets("code"):
            raise Refusal(armed.text("code", "E002"), message=armed.options.get("message"))
        root = _record_root(parts.get("xmlData"))
        head = root.find("HEAD")
        if head is None:
            raise Refusal("E002", "缺少 HEAD")
        entry["key"] = soap.child_text(head, "LSH") or None
        entry["digest"] = digest_of(soap.understood(root, leave_out=("FSSJ",)))
        entry["record"] = _facts(root)
        self._check(root, head, parts.get("ywlx"))
        identity = (soap.child_text(head, "FSDW") or "", soap.child_text(head, "LSH") or "")
        if identity in self._seen:
            digest, answered = self._seen[identity]
            if digest != entry["digest"]:
                raise Refusal("E030", identity[1])
            entry["outcome"] = "duplicate"
            return answered
        if armed := call.meets("refuse"):
            raise Refusal(armed.text("code", "E020"), armed.text("reason", ""))
        entry["outcome"] = "accepted"
        return f"JNY{datetime.now(BEIJING):%Y%m%d}{len(self._seen) + 1:06d}"

    def _check(self, root: etree._Element, head: etree._Element, business_type: str | None) -> None:
        """The vendor's checks in the vendor's order; the first that fails is answered."""
        for name in HEAD_REQUIRED:
            if not soap.child_text(head, name):
                raise Refusal("E010", f"HEAD/{name}")
        if business_type not in REQUIRED:
            raise Refusal("E012", f"ywlx={business_type}")
        if soap.child_text(head, "YWLX") != business_type:
            raise Refusal("E002", f"HEAD/YWLX 与 ywlx 不一致：{soap.child_text(head, 'YWLX')}、{business_type}")
        section, required = REQUIRED[business_type]
        record = root.find(section)
        if record is None:
            raise Refusal("E002", f"缺少 {section}")
        if business_type == "HZ" and not soap.child_text(head, "YLSH"):
            raise Refusal("E010", "HEAD/YLSH")
        for name in required:
            if not soap.child_text(record, name):
                raise Refusal("E010", f"{section}/{name}")
        if business_type == "HZ" and soap.child_text(record, "JG") == "0" and not soap.child_text(record, "YY"):
            raise Refusal("E010", "HZ/YY")
        self._check_values(head, record, root)
        unit = soap.child_text(head, "JSDW") or ""
        own = self.settings.extra.get("unit")
        if unit != own if own else not unit.startswith(f"{self.settings.place}-"):
            raise Refusal("E020", f"JSDW={unit}")

    def _check_values(self, head: etree._Element, record: etree._Element, root: etree._Element) -> None:
        for place, name in ((head, "FSSJ"), (record, "HZSJ")):
            text = soap.child_text(place, name)
            if text and not fields.is_time(text):
                raise Refusal("E011", f"{name}={text}")
        for name in DATES:
            text = soap.child_text(record, name)
            if text and not fields.is_date(text):
                raise Refusal("E011", f"{name}={text}")
        for name, allowed in CODES.items():
            text = soap.child_text(record, name)
            if text and not allowed(text):
                raise Refusal("E012", f"{name}={text}")
        for document in root.iterfind("CLLB/CL"):
            if soap.child_text(document, "LX") not in DOCUMENT_KINDS:
                raise Refusal("E012", f"CL/LX={soap.child_text(document, 'LX')}")
            if _content(document) is None:
                raise Refusal("E002", f"CL/NR 不是 base64：{soap.child_text(document, 'MC')}")
        if not fields.is_id_number(soap.child_text(record, "GMSFHM") or ""):
            raise Refusal("E013")

    def _value(self, part: etree._Element, envelope: soap.Envelope) -> str | None:
        """A part's text, where it stands or where its `href` points to (SOAP 1.1, 5.2.1)."""
        if href := part.get("href"):
            targets = [other for other in envelope.body if f"#{other.get('id')}" == href]
            if not targets:
                raise soap.SoapFault("Client", f"href 没有目标：{href}")
            part = targets[0]
        kind = part.get(f"{{{soap.XSI}}}type")
        if kind is not None:
            prefix, _, name = kind.rpartition(":")
            if name != "string" or part.nsmap.get(prefix or None) not in (soap.XSD, ENCODING_STYLE):
                raise soap.SoapFault("Server.userException", f"No deserializer for {kind}")
        return None if soap.is_nil(part) else part.text or ""

    def _return(self, record: str | None) -> Reply:
        nil = ' xsi:nil="true"' if record is None else ""
        body = (
            f'<ns1:sendDataResponse soapenv:encodingStyle="{ENCODING_STYLE}" xmlns:ns1="{NAMESPACE}">'
            f'<sendDataReturn xsi:type="soapenc:string"{nil} xmlns:soapenc="{ENCODING_STYLE}">'
            f"{soap.escape(record or '')}</sendDataReturn></ns1:sendDataResponse>"
        )
        return Reply(
            200,
            "text/xml;charset=utf-8",
            soap.envelope(body, prefix="soapenv", namespaces=f' xmlns:xsd="{soap.XSD}" xmlns:xsi="{soap.XSI}"'),
        )

    # ------------------------------------------------------------ calling
    def send(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send a record as Axis 1.4 does. `text` is the record, its declaration and all.

        Options: `business_type` (default: the record's own), `encoding` (UTF-8 or GB18030, of the message), `style`:
        `plain` (`soapenc:string`), `xsd` (`xsd:string`) or `multiref` (parts by `href`).
        """
        text = order["text"]
        extra = self.settings.extra
        encoding = order.get("encoding", extra.get("encoding", "UTF-8"))
        style = order.get("style", extra.get("style", "plain"))
        business_type = order.get("business_type")
        if business_type is None:
            try:
                business_type = soap.child_text(soap.parse(text), "HEAD/YWLX")
            except soap.Malformed:
                business_type = ""
        parts = {
            "yhm": self.settings.hub_user or "",
            "mm": self.settings.hub_password or "",
            "ywlx": business_type or "",
            "xmlData": text,
        }
        content = _request(parts, style, encoding)
        status, body, answer = self.post(
            content,
            {"Content-Type": f"text/xml; charset={encoding.lower()}", "SOAPAction": '""', "User-Agent": "Axis/1.4"},
        )
        return {"status": status, "answer": None if answer is None else _taken_apart(answer), "body": body}


def _request(parts: dict[str, str], style: str, encoding: str) -> bytes:
    """A `sendData` request in one of the forms in which Axis 1.4 writes it."""
    if style not in ("plain", "xsd", "multiref"):
        raise ValueError("style must be plain, xsd or multiref")
    kind = "xsd:string" if style == "xsd" else "soapenc:string"
    written, multi = "", ""
    for number, (name, value) in enumerate(parts.items()):
        typed = f'xsi:type="{kind}" xmlns:soapenc="{ENCODING_STYLE}"'
        if style == "multiref":
            written += f'<{name} href="#id{number}"/>'
            multi += (
                f'<multiRef id="id{number}" soapenc:root="0" soapenv:encodingStyle="{ENCODING_STYLE}" {typed}>'
                f"{soap.escape(value)}</multiRef>"
            )
        else:
            written += f"<{name} {typed}>{soap.escape(value)}</{name}>"
    body = (
        f'<ns1:sendData soapenv:encodingStyle="{ENCODING_STYLE}" xmlns:ns1="{NAMESPACE}">{written}</ns1:sendData>'
        f"{multi}"
    )
    return soap.envelope(
        body, prefix="soapenv", encoding=encoding, namespaces=f' xmlns:xsd="{soap.XSD}" xmlns:xsi="{soap.XSI}"'
    )


def _record_root(text: str | None) -> etree._Element:
    if not text:
        raise Refusal("E002", "xmlData 为空")
    try:
        root = soap.parse(text)
    except soap.Malformed as error:
        raise Refusal("E002", str(error)) from None
    if root.tag != "ROOT":
        raise Refusal("E002", f"根元素应为 ROOT，收到 {root.tag}")
    return root


def _content(document: etree._Element) -> bytes | None:
    try:
        return base64.b64decode("".join((soap.child_text(document, "NR") or "").split()), validate=True)
    except binascii.Error:
        return None


def _facts(root: etree._Element) -> dict[str, Any]:
    """What matters of a record, for whoever reads the journal."""
    head, person, receipt = root.find("HEAD"), root.find("ZFXX"), root.find("HZ")
    place = receipt if receipt is not None else person
    return {
        "business_type": soap.child_text(head, "YWLX"),
        "from_unit": soap.child_text(head, "FSDW") or "",
        "to_unit": soap.child_text(head, "JSDW"),
        "sent_at": soap.child_text(head, "FSSJ"),
        "answers": soap.child_text(head, "YLSH"),
        "name": soap.child_text(place, "XM"),
        "id_number": soap.child_text(place, "GMSFHM"),
        "result": soap.child_text(receipt, "JG"),
        "reason": soap.child_text(receipt, "YY"),
        "receipt_at": soap.child_text(receipt, "HZSJ"),
        "documents": [
            soap.document_facts(soap.child_text(document, "MC") or "", _content(document) or b"")
            for document in root.iterfind("CLLB/CL")
        ],
    }


def _answer_record(code: str, message: str, lsh: str) -> str:
    lsh_element = f"<LSH>{soap.escape(lsh)}</LSH>" if lsh else "<LSH/>"
    return (
        f'<?xml version="1.0" encoding="GB18030"?><ROOT><CODE>{code}</CODE><MSG>{soap.escape(message)}</MSG>'
        f"{lsh_element}</ROOT>"
    )


def _taken_apart(answer: soap.Envelope) -> dict[str, Any]:
    """`{code, msg, lsh}`; for a SOAP fault `{code: null, msg, lsh: null, fault}`."""
    if fault := soap.fault_facts(answer):
        return {"code": None, "msg": fault["message"], "lsh": None, "fault": fault}
    text = soap.child_text(answer.body[0], "sendDataReturn") if answer.body else None
    try:
        root = soap.parse(text or "")
    except soap.Malformed as error:
        return {"code": None, "msg": f"sendDataReturn: {error}", "lsh": None}
    return {
        "code": soap.child_text(root, "CODE"),
        "msg": soap.child_text(root, "MSG"),
        "lsh": soap.child_text(root, "LSH") or None,
    }
