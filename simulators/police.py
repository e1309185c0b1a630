"""警务综合平台 (Apache CXF): document/literal bare, WS-Security UsernameToken with PasswordDigest, coded faults.

A nonce is good once, also across restarts; `Created` may be off by five minutes of real time. `XXID` is the duplicate
check. `--set business=RJCS,…` names the YWDM that are taken (default RJCS), `--set clock-seconds=N` the clock's leeway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

from lxml import etree

from simulators import fields, soap
from simulators.journal import Entry, digest_of
from simulators.service import Reply
from simulators.soap_system import Call, SoapSystem

TYPES = "urn:ga:jzxt:types:v2"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
NS = {"wsse": WSSE, "wsu": WSU}
BEIJING = timezone(timedelta(hours=8))

#: What a `YwYc` fault may say.
MESSAGES = {
    "CF01": "数据项缺失或不合规",
    "CF02": "信息编号重复且内容不一致",
    "CF03": "身份认证失败",
    "CF04": "随机数重复",
    "CF05": "时间戳超出允许范围",
    "CF06": "代码值不存在",
    "CF07": "不予受理",
    "CF09": "系统繁忙，请稍后再试",
}


class YwYc(Exception):
    """业务异常: a SOAP fault with a code of the table."""

    def __init__(self, code: str, detail: str = "", *, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or MESSAGES.get(code, "业务异常") + (f"：{detail}" if detail else "")


class Police(SoapSystem):
    name = "police"
    contract = soap.Contract("PoliceExchange.wsdl")
    headers = (f"{{{WSSE}}}Security",)
    own_faults: ClassVar[Mapping[str, str]] = {
        "busy": "fault CF09, come again later",
        "code": "fault with this `code` and `message`, whatever was sent",
        "server-fault": "an exception of the application: a fault soap:Server without YwYc",
    }

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._nonces: set[str] = set()
        #: XXID → what was understood, SLBH, SLSJ
        self._seen: dict[str, tuple[str, str, str]] = {}
        self._business = frozenset(settings.extra.get("business", "RJCS").split(","))
        self._leeway = timedelta(seconds=settings.number("clock-seconds", 300))

    # ------------------------------------------------------------ called
    def serve(self, call: Call) -> tuple[Reply, Entry]:
        action = call.request.headers.get("soapaction", "").strip('"')
        if action not in ("", "urn:ga:jzxt:v2:tsRyxx"):
            raise soap.SoapFault("Server", f"The given SOAPAction {action} does not match an operation.")
        entry: Entry = {"operation": "tsRyxx", "key": None, "digest": None, "record": {}}
        try:
            entry["nonce"] = self._authenticate(call)
            number, moment = self._business_of(call, entry)
        except soap.SoapFault as error:
            return self.fault_reply(error, "1.1"), {**entry, "outcome": "fault", "code": error.code}
        except YwYc as refusal:
            detail = etree.fromstring(
                f'<ns2:YwYc xmlns:ns2="{TYPES}"><CWDM>{refusal.code}</CWDM>'
                f"<CWXX>{soap.escape(refusal.message)}</CWXX></ns2:YwYc>"
            )
            outcome = "busy" if refusal.code == "CF09" else "refused"
            return self.fault_reply(soap.SoapFault("Client", "业务异常", detail), "1.1"), {
                **entry,
                "outcome": outcome,
                "code": refusal.code,
                "reason": refusal.message,
            }
        return self.reply(
            f'<ns2:TsRyxxYd xmlns:ns2="{TYPES}"><XXID>{soap.escape(entry["key"])}</XXID><SLBH>{number}</SLBH>'
            f"<SLSJ>{moment}</SLSJ></ns2:TsRyxxYd>"
        ), {**entry, "slbh": number, "slsj": moment}

    def apply(self, entry: Entry) -> None:
        if nonce := entry.get("nonce"):
            self._nonces.add(nonce)
        if entry["outcome"] == "accepted":
            self._seen[entry["key"]] = (entry["digest"], entry["slbh"], entry["slsj"])

    def _business_of(self, call: Call, entry: Entry) -> tuple[str, str]:
        """Check a record and note in `entry` what was understood. Returns SLBH and SLSJ; raises YwYc."""
        if call.meets("busy"):
            raise YwYc("CF09")
        if call.meets("server-fault"):
            raise soap.SoapFault("Server", "Fault occurred while processing.")
        if armed := call.meets("code"):
            raise YwYc(armed.text("code", "CF01"), message=armed.options.get("message"))
        record = call.element
        if record.tag != f"{{{TYPES}}}TsRyxxQq":
            raise soap.SoapFault("Client", f"Message part {record.tag} was not recognized.")
        entry["key"] = soap.child_text(record, "XXID") or None
        entry["digest"] = digest_of(soap.understood(record))
        faults = self.contract.faults_of(record)
        if faults:
            raise YwYc("CF01", faults[0])
        entry["record"] = _facts(record)
        self._check(record)
        if entry["key"] in self._seen:
            digest, number, moment = self._seen[entry["key"]]
            if digest != entry["digest"]:
                raise YwYc("CF02")
            entry["outcome"] = "duplicate"
            return number, moment
        if armed := call.meets("refuse"):
            raise YwYc(armed.text("code", "CF07"), armed.text("reason", ""))
        entry["outcome"] = "accepted"
        now = datetime.now(BEIJING)
        return f"SL{self.settings.place}{now:%Y%m%d}{len(self._seen) + 1:06d}", f"{now:%Y%m%d%H%M%S}"

    def _authenticate(self, call: Call) -> str:
        """Check the UsernameToken (Username Token Profile 1.0, 3.1). Returns its nonce, now used up; raises YwYc."""
        token = next((block for block in call.envelope.headers if block.tag == self.headers[0]), None)
        token = None if token is None else token.find("wsse:UsernameToken", NS)
        if token is None:
            raise YwYc("CF03", "缺少 wsse:UsernameToken")
        password = token.find("wsse:Password", NS)
        user, nonce = soap.child_text(token, "wsse:Username", NS), soap.child_text(token, "wsse:Nonce", NS)
        created = soap.child_text(token, "wsu:Created", NS)
        if password is None or not nonce or not created:
            raise YwYc("CF03", "缺少 Password、Nonce 或 Created")
        if password.get("Type") != DIGEST:
            raise YwYc("CF03", "口令类型应为 PasswordDigest")
        try:
            raw = base64.b64decode(nonce.strip(), validate=True)
        except binascii.Error:
            raise YwYc("CF03", "Nonce 不是 base64") from None
        wanted = hashlib.sha1(raw + created.encode() + (self.settings.password or "").encode()).digest()
        if user != self.settings.user or not hmac.compare_digest(
            base64.b64encode(wanted), (password.text or "").strip().encode()
        ):
            raise YwYc("CF03")
        try:
            moment = datetime.fromisoformat(created.strip())
        except ValueError:
            raise YwYc("CF05", f"Created={created}") from None
        if moment.tzinfo is None or abs(datetime.now(UTC) - moment) > self._leeway:
            raise YwYc("CF05", f"Created={created}")
        if raw.hex() in self._nonces:
            raise YwYc("CF04")
        return raw.hex()

    def _check(self, record: etree._Element) -> None:
        """What the schema cannot say."""
        person, correction = record.find("RYXX"), record.find("JZXX")
        business = soap.child_text(record, "YWDM") or ""
        if business not in self._business:
            raise YwYc("CF06", f"YWDM={business}")
        if not (soap.child_text(record, "XXID") or "").strip():
            raise YwYc("CF01", "XXID")
        if not fields.is_time(soap.child_text(record, "FSSJ") or ""):
            raise YwYc("CF01", "FSSJ")
        if not (soap.child_text(person, "XM") or "").strip():
            raise YwYc("CF01", "XM")
        number = soap.child_text(person, "GMSFHM") or ""
        if not fields.is_id_number(number):
            raise YwYc("CF01", f"GMSFHM={number}")
        for place, name in ((person, "CSRQ"), (correction, "JZKSRQ"), (correction, "JZJSRQ")):
            text = soap.child_text(place, name)
            if text is not None and not fields.is_date(text):
                raise YwYc("CF01", f"{name}={text}")
        for place, name, allowed in (
            (person, "XBDM", fields.SEXES.__contains__),
            (person, "MZDM", fields.ETHNIC_GROUPS.__contains__),
            (person, "HJDXZQHDM", fields.is_place),
            (person, "XZZXZQHDM", fields.is_place),
            (correction, "PJJGDM", fields.is_place),
            (correction, "JZJGDM", fields.is_place),
        ):
            text = soap.child_text(place, name)
            if text is not None and not allowed(text):
                raise YwYc("CF06", f"{name}={text}")
        for offence in [] if correction is None else correction.findall("ZMDM"):
            if not (offence.text or "").endswith("罪"):
                raise YwYc("CF06", f"ZMDM={offence.text}")

    # ------------------------------------------------------------ calling
    def send(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.send_transfer(order)


def _facts(record: etree._Element) -> dict[str, Any]:
    return {
        "business_type": soap.child_text(record, "YWDM"),
        "sent_at": soap.child_text(record, "FSSJ"),
        "name": soap.child_text(record, "RYXX/XM"),
        "other_names": [other.text or "" for other in record.iterfind("RYXX/BMCH")],
        "id_number": soap.child_text(record, "RYXX/GMSFHM"),
        "case": soap.child_text(record, "JZXX/PJWSH"),
        "offences": [offence.text or "" for offence in record.iterfind("JZXX/ZMDM")],
        "documents": [
            soap.document_facts(attached.get("mc", ""), base64.b64decode(attached.text or ""))
            for attached in record.iterfind("FJ")
        ],
    }
