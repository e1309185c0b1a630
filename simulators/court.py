"""审判管理系统 (ASP.NET .asmx): takes replies by `ReceiveReply`, sends notices by `SubmitExecution`.

Habits: both SOAP versions on one address; `SOAPAction` checked with its quotes in 1.1, `action` of the content type in
1.2; `AuthHeader`. There is no message id and no duplicate check: a call that comes twice is recorded twice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from lxml import etree

from simulators import soap
from simulators.journal import Entry, digest_of
from simulators.service import Reply
from simulators.soap_system import Call, SoapSystem

TEMPURI = "http://tempuri.org/"
NS = {"c": TEMPURI}
REPLY_KINDS = ("回执", "退回", "报到", "未报到", "评估意见")

#: A reply's text begins with the person it is about: 姓名(证件号码)：
PERSON = re.compile(r"^(?P<name>[^(（]+)[(（](?P<id>[^)）]*)[)）][：:]")


class Court(SoapSystem):
    name = "court"
    contract = soap.Contract("CourtCaseService.wsdl")
    versions = ("1.1", "1.2")
    headers = (f"{{{TEMPURI}}}AuthHeader",)
    secrets = ("Password",)
    own_faults: ClassVar[Mapping[str, str]] = {
        "server-fault": "an unhandled exception of the application: a fault soap:Server; nothing is kept"
    }

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._replies = 0

    # ------------------------------------------------------------ called
    def serve(self, call: Call) -> tuple[Reply, Entry]:
        version = call.envelope.version
        self._check_action(call)
        self._check_login(call)
        faults = self.contract.faults_of(call.element)
        if faults:
            raise soap.SoapFault("Client", f"服务器无法读取请求。 ---> {faults[0]}")
        if call.meets("server-fault"):
            raise soap.SoapFault("Server", "服务器无法处理请求。 ---> 未将对象引用设置到对象的实例。")
        record = self._record(call.element)
        entry: Entry = {
            "operation": "ReceiveReply",
            "key": None,
            "digest": digest_of(soap.understood(call.element)),
            "record": record,
        }
        refused = None
        if refusal := call.meets("refuse"):
            refused = refusal.text("reason", "不予接收")
        elif record["reply_kind"] not in REPLY_KINDS:
            refused = f"ReplyKind 无效：{record['reply_kind']}，应为{'、'.join(REPLY_KINDS)}"
        elif not record["notice_id"].strip():
            refused = "NoticeId 不能为空"
        if refused:
            return self._result(False, None, refused, version), {**entry, "outcome": "refused", "reason": refused}
        receipt_no = f"SF{self._replies + 1:08d}"
        return self._result(True, receipt_no, None, version), {**entry, "outcome": "accepted", "receipt_no": receipt_no}

    def apply(self, entry: Entry) -> None:
        if entry["outcome"] == "accepted":
            self._replies += 1

    def _check_action(self, call: Call) -> None:
        """.asmx finds the method by the action alone, and compares it with its quotes."""
        version, content_type = call.envelope.version, call.request.content_type
        media = "text/xml" if version == "1.1" else "application/soap+xml"
        if content_type.split(";")[0].strip().lower() != media:
            raise soap.SoapFault("VersionMismatch", f"SOAP {version} 的内容类型应为 {media}，收到 {content_type}")
        if version == "1.1":
            header = call.request.headers.get("soapaction")
        else:
            found = re.search(r';\s*action=("[^"]*"|[^;\s]*)', content_type)
            header = found.group(1) if found else None
        if header is None:
            raise soap.SoapFault("Client", "无法处理没有有效操作参数的请求。请提供有效的 SOAP 操作。")
        wanted = f"{TEMPURI}ReceiveReply"
        if header != f'"{wanted}"' or call.element.tag != f"{{{TEMPURI}}}ReceiveReply":
            raise soap.SoapFault("Client", f"服务器未能识别 HTTP 头 SOAPAction 的值：{header}。")

    def _check_login(self, call: Call) -> None:
        block = next((block for block in call.envelope.headers if block.tag == self.headers[0]), None)
        user, password = soap.child_text(block, "c:UserName", NS), soap.child_text(block, "c:Password", NS)
        if (user, password) != (self.settings.user, self.settings.password):
            raise soap.SoapFault("Client", "身份验证失败：用户名或密码错误", outcome="refused")

    def _record(self, element: etree._Element) -> dict[str, Any]:
        text = soap.child_text(element, "c:Text", NS)
        person = PERSON.match(text or "")
        return {
            "notice_id": soap.child_text(element, "c:NoticeId", NS) or "",
            "reply_kind": soap.child_text(element, "c:ReplyKind", NS) or "",
            "reply_date": soap.child_text(element, "c:ReplyDate", NS),
            "agency": soap.child_text(element, "c:Agency", NS),
            "text": text,
            "name": person["name"] if person else None,
            "id_number": person["id"] if person else None,
            "documents": [
                soap.document_facts(
                    soap.child_text(document, "c:Title", NS) or "",
                    base64.b64decode(soap.child_text(document, "c:Content", NS) or ""),
                )
                for document in element.iterfind("c:Documents/c:Document", NS)
            ],
        }

    def _result(self, success: bool, receipt_no: str | None, error: str | None, version: str) -> Reply:
        body = f"<Success>{str(success).lower()}</Success>"
        body += f"<ReceiptNo>{soap.escape(receipt_no)}</ReceiptNo>" if receipt_no else ""
        body += f"<Error>{soap.escape(error)}</Error>" if error else ""
        return self.reply(
            f'<ReceiveReplyResponse xmlns="{TEMPURI}"><ReceiveReplyResult>{body}</ReceiveReplyResult>'
            "</ReceiveReplyResponse>",
            version,
        )

    # ------------------------------------------------------------ calling
    def send(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send a notice: `text` is an envelope or the body's element. Text that is no XML goes out as it is."""
        version, operation = order.get("version", "1.1"), order.get("operation", "SubmitExecution")
        if version not in soap.NAMESPACES:
            raise ValueError("version must be 1.1 or 1.2")
        action = f'"{TEMPURI}{operation}"'
        headers = {"Content-Type": soap.media_type(version)}
        if version == "1.1":
            headers["SOAPAction"] = action
        else:
            headers["Content-Type"] += f"; action={action}"
        status, text, answer = self.post(self._outgoing(order["text"], version), headers)
        return {"status": status, "answer": None if answer is None else _taken_apart(answer), "body": text}

    def _outgoing(self, text: str, version: str) -> bytes:
        try:
            root = soap.parse(text)
        except soap.Malformed:
            return text.encode()
        header, body = "", root
        if soap.local(root) == "Envelope":
            opened = soap.open_envelope(text.encode(), "; charset=utf-8", self.headers)
            if not opened.body:
                return text.encode()
            body = opened.body[0]
            header = "".join(etree.tostring(block, encoding="unicode", with_tail=False) for block in opened.headers)
        if self.settings.hub_user is not None:
            header = (
                f'<AuthHeader xmlns="{TEMPURI}"><UserName>{soap.escape(self.settings.hub_user)}</UserName>'
                f"<Password>{soap.escape(self.settings.hub_password or '')}</Password></AuthHeader>"
            )
        return soap.envelope(etree.tostring(body, encoding="unicode", with_tail=False), version, header=header)


def _taken_apart(answer: soap.Envelope) -> dict[str, Any]:
    """`{success, receipt_no, error}`; for a fault `error` is its message, and `fault` the whole of it."""
    if fault := soap.fault_facts(answer):
        return {"success": False, "receipt_no": None, "error": fault["message"], "fault": fault}
    result = answer.body[0].find("c:SubmitExecutionResult", NS) if answer.body else None
    return {
        "success": soap.child_text(result, "c:Success", NS) in ("true", "1"),
        "receipt_no": soap.child_text(result, "c:ReceiptNo", NS),
        "error": soap.child_text(result, "c:Error", NS),
    }
