"""Calls of the four legacy contracts over real sockets: what goes out, and what each ending means."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree
from scripted import (
    DRIP,
    DROP,
    HALF,
    PERSON,
    RECEIPT,
    REPLY,
    SOAP11,
    SUBMIT,
    Got,
    MemorySessions,
    Script,
    always,
    attachment,
    closed_port,
    court_answer,
    endpoint,
    parcel,
    wrapped,
)

from connectors import envelope
from connectors.soap import SoapConnector
from hub.ports import ConfigError, OutcomeKind, SystemReceipt

Serve = Callable[[Callable[[Got], Any]], Script]


def prison_answer(inner: str, encoding: str = "utf-8") -> bytes:
    text = inner.replace("&", "&amp;").replace("<", "&lt;")
    return wrapped(
        f'<n:sendDataResponse xmlns:n="http://jyjh.prison.example/services"><sendDataReturn>{text}</sendDataReturn>'
        "</n:sendDataResponse>",
        encoding,
    )


def fault(code: str, detail: str = "", text: str = "业务异常") -> bytes:
    return wrapped(f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring>{detail}</s:Fault>")


def ywyc(code: str) -> bytes:
    return fault(
        "s:Client",
        f'<detail><n:YwYc xmlns:n="urn:ga:jzxt:types:v2"><CWDM>{code}</CWDM><CWXX>说明</CWXX></n:YwYc></detail>',
    )


def sent(got: Got) -> envelope.Message:
    return envelope.read(etree.fromstring(got.body))


def court(url: str, sessions: MemorySessions, **more: Any) -> Any:
    return SoapConnector().call(endpoint("court", url, **more), parcel(REPLY, {"operation": "ReceiveReply"}), sessions)


def prison(url: str, sessions: MemorySessions, **more: Any) -> Any:
    return SoapConnector().call(
        endpoint("prison", url, **more), parcel(RECEIPT, {"operation": "sendData", "ywlx": "HZ"}), sessions
    )


# ---------------------------------------------------------------- court: document/literal, AuthHeader, two versions
class TestCourt:
    def test_a_reply_goes_out_as_the_contract_wants_it(self, serve: Serve, sessions: MemorySessions) -> None:
        script = serve(always(200, court_answer()))
        outcome = court(script.url, sessions, user="ws-hub", password="<密&码>")
        assert (outcome.kind, outcome.reference, outcome.receipt) == (OutcomeKind.DONE, "SF1", None)
        [got] = script.got
        assert got.headers["soapaction"] == '"http://tempuri.org/ReceiveReply"'
        assert got.headers["content-type"] == "text/xml; charset=utf-8"
        message = sent(got)
        assert [block.tag for block in message.headers] == ["{http://tempuri.org/}AuthHeader"]
        assert envelope.text(message.headers[0], "UserName") == "ws-hub"
        assert envelope.text(message.headers[0], "Password") == "<密&码>"
        assert envelope.text(message.content, "Text") == "孙某甲(370826198509172110)：已受理"

    def test_in_soap_12_the_action_is_in_the_content_type(self, serve: Serve, sessions: MemorySessions) -> None:
        script = serve(
            lambda got: (
                200,
                "application/soap+xml",
                court_answer().replace(SOAP11.encode(), envelope.NAMESPACES["1.2"].encode()),
            )
        )
        outcome = court(script.url, sessions, change=lambda given: given["call"].update(port="CourtCaseServiceSoap12"))
        assert outcome.kind is OutcomeKind.DONE
        [got] = script.got
        assert "soapaction" not in got.headers
        assert (
            got.headers["content-type"]
            == 'application/soap+xml; charset=utf-8; action="http://tempuri.org/ReceiveReply"'
        )
        assert sent(got).version == "1.2"

    def test_false_is_a_refusal_with_its_reason(self, serve: Serve, sessions: MemorySessions) -> None:
        outcome = court(serve(always(200, court_answer("false", "<Error>无此通知</Error>"))).url, sessions)
        assert (outcome.kind, outcome.message) == (OutcomeKind.REFUSED, "无此通知")

    def test_it_has_no_duplicate_check_and_says_so(self) -> None:
        connector = SoapConnector()
        assert {
            dialect: connector.repeat_safe(endpoint(dialect, None)) for dialect in ("court", "prison", "police", "city")
        } == {"court": False, "prison": True, "police": True, "city": True}

    def test_a_reply_that_does_not_fit_the_contract_never_leaves(self, serve: Serve, sessions: MemorySessions) -> None:
        script = serve(always(200, court_answer()))
        outcome = SoapConnector().call(
            endpoint("court", script.url),
            parcel(REPLY.replace("2021-03-15T09:20:00", "昨天"), {"operation": "ReceiveReply"}),
            sessions,
        )
        assert (outcome.kind, outcome.code) == (OutcomeKind.REFUSED, "hub.schema")
        assert "/ReceiveReply/ReplyDate" in outcome.message
        assert script.got == []

    def test_an_operation_that_is_not_called_there_is_the_administrators_to_mend(
        self, sessions: MemorySessions
    ) -> None:
        with pytest.raises(ConfigError, match="SubmitExecution"):
            SoapConnector().call(
                endpoint("court", "http://127.0.0.1:9/"), parcel(REPLY, {"operation": "SubmitExecution"}), sessions
            )


# ---------------------------------------------------------------- endings that are the same for every contract
class TestEndings:
    def test_nobody_listening_is_later(self, sessions: MemorySessions) -> None:
        with closed_port() as url:
            outcome = court(url, sessions)
        assert (outcome.kind, outcome.code) == (OutcomeKind.LATER, "hub.not-sent")
        assert "Connection refused" in outcome.message

    @pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "not an address", "https://127.0.0.1:1/"])
    def test_an_address_that_leads_nowhere_is_later(self, url: str, sessions: MemorySessions) -> None:
        assert court(url, sessions).kind is OutcomeKind.LATER

    def test_no_tls_on_the_other_side_is_later(self, serve: Serve, sessions: MemorySessions) -> None:
        outcome = court(serve(always(200, court_answer())).url.replace("http:", "https:"), sessions)
        assert (outcome.kind, outcome.code) == (OutcomeKind.LATER, "hub.not-sent")

    @pytest.mark.parametrize("ending", [DROP, HALF])
    def test_a_lost_answer_is_unknown(self, ending: str, serve: Serve, sessions: MemorySessions) -> None:
        outcome = court(serve(always(200, court_answer(), "text/xml", ending)).url, sessions)
        assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "hub.lost")

    def test_a_repeatable_contract_is_unknown_too_and_the_flow_decides(
        self, serve: Serve, sessions: MemorySessions
    ) -> None:
        assert prison(serve(always(200, b"", "text/xml", DROP)).url, sessions).kind is OutcomeKind.UNKNOWN

    def test_the_deadline_is_of_the_whole_call_and_not_from_byte_to_byte(
        self, serve: Serve, sessions: MemorySessions
    ) -> None:
        script = serve(always(200, court_answer() + b" " * 4000, "text/xml", DRIP))
        begun = time.monotonic()
        outcome = court(script.url, sessions, timeout=0.6)
        assert outcome.kind is OutcomeKind.UNKNOWN
        assert 0.5 < time.monotonic() - begun < 3

    def test_headers_that_never_end_are_cut_off_too(self, sessions: MemorySessions) -> None:
        over = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def drip() -> None:
                peer, _ = listener.accept()
                with peer:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not over.wait(0.05):
                        try:
                            peer.sendall(b"a")
                        except OSError:
                            return

            thread = threading.Thread(target=drip)
            thread.start()
            begun = time.monotonic()
            outcome = court(f"http://127.0.0.1:{listener.getsockname()[1]}/", sessions, timeout=0.6)
            over.set()
            thread.join(5)
        assert outcome.kind is OutcomeKind.UNKNOWN
        assert time.monotonic() - begun < 3

    @pytest.mark.parametrize(
        ("status", "body", "media_type", "kind"),
        [
            (200, "<html><body>系统维护</body></html>".encode(), "text/html", OutcomeKind.UNKNOWN),
            (200, b"", "text/xml", OutcomeKind.UNKNOWN),
            (200, court_answer()[:-40], "text/xml", OutcomeKind.UNKNOWN),
            (200, court_answer(rest="").replace(b"<Success>true</Success>", b""), "text/xml", OutcomeKind.UNKNOWN),
            (200, court_answer("maybe"), "text/xml", OutcomeKind.UNKNOWN),
            (200, wrapped("<other/>"), "text/xml", OutcomeKind.UNKNOWN),
            (200, wrapped(""), "text/xml", OutcomeKind.UNKNOWN),
            (
                200,
                b'<!DOCTYPE x [<!ENTITY a "b">]>' + court_answer().partition(b"?>")[2],
                "text/xml",
                OutcomeKind.UNKNOWN,
            ),
            (500, b"oops", "text/plain", OutcomeKind.UNKNOWN),
            (500, fault("s:Server"), "text/xml", OutcomeKind.UNKNOWN),
            (500, fault("s:Client"), "text/xml", OutcomeKind.REFUSED),
            (500, fault("s:Client.Schema"), "text/xml", OutcomeKind.REFUSED),
            (500, fault("s:MustUnderstand"), "text/xml", OutcomeKind.REFUSED),
            (500, fault("s:Client", text="身份验证失败：用户名或密码错误"), "text/xml", OutcomeKind.LATER),
            (503, b"busy", "text/html", OutcomeKind.LATER),
            (502, b"bad gateway", "text/html", OutcomeKind.UNKNOWN),
            (504, b"timeout", "text/html", OutcomeKind.UNKNOWN),
            (401, b"", "text/html", OutcomeKind.LATER),
            (403, b"", "text/html", OutcomeKind.LATER),
            (404, b"", "text/html", OutcomeKind.LATER),
            (302, b"", "text/html", OutcomeKind.LATER),
            (400, b"", "text/html", OutcomeKind.REFUSED),
        ],
    )
    def test_answers_that_are_none(
        self, status: int, body: bytes, media_type: str, kind: OutcomeKind, serve: Serve, sessions: MemorySessions
    ) -> None:
        outcome = court(serve(always(status, body, media_type)).url, sessions)
        assert outcome.kind is kind
        assert outcome.answer == body
        assert outcome.code
        assert outcome.message is not None or status == 200

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_a_gateway_without_an_answer_is_later_where_repeating_is_harmless(
        self, status: int, serve: Serve, sessions: MemorySessions
    ) -> None:
        script = serve(always(status, b"gateway", "text/html", None, {"Retry-After": "7"}))
        outcome = prison(script.url, sessions)
        assert (outcome.kind, outcome.retry_after) == (OutcomeKind.LATER, 7.0)

    def test_an_answer_without_end_is_unknown(self, serve: Serve, sessions: MemorySessions) -> None:
        outcome = court(
            serve(always(200, b" " * 5000)).url, sessions, change=lambda given: given["call"].update(limit=1000)
        )
        assert outcome.kind is OutcomeKind.UNKNOWN
        assert "1000" in outcome.message

    def test_one_connection_serves_many_calls_of_one_thread(self, serve: Serve, sessions: MemorySessions) -> None:
        script = serve(always(200, court_answer()))
        connector = SoapConnector()
        for _ in range(5):
            assert (
                connector.call(
                    endpoint("court", script.url), parcel(REPLY, {"operation": "ReceiveReply"}), sessions
                ).kind
                is OutcomeKind.DONE
            )
        assert len({got.port for got in script.got}) == 1

    def test_a_connection_closed_meanwhile_is_not_written_into(self, serve: Serve, sessions: MemorySessions) -> None:
        script = serve(always(200, court_answer(), "text/xml", None, {"Connection": "close"}))
        connector = SoapConnector()
        outcomes = [
            connector.call(endpoint("court", script.url), parcel(REPLY, {"operation": "ReceiveReply"}), sessions)
            for _ in range(3)
        ]
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.DONE}

    def test_an_endpoint_without_address_is_the_administrators_to_mend(self, sessions: MemorySessions) -> None:
        with pytest.raises(ConfigError):
            SoapConnector().call(endpoint("court", None), parcel(REPLY), sessions)


# ---------------------------------------------------------------- prison: RPC/encoded, XML inside a string
class TestPrison:
    @pytest.mark.parametrize("encoding", ["UTF-8", "GB18030", "GBK"])
    def test_the_record_travels_as_text_of_the_envelopes_encoding(
        self, encoding: str, serve: Serve, sessions: MemorySessions
    ) -> None:
        script = serve(always(200, prison_answer("<ROOT><CODE>0</CODE><MSG>接收成功</MSG><LSH>J9</LSH></ROOT>")))
        outcome = prison(
            script.url,
            sessions,
            user="yh",
            password="密<码",
            change=lambda given: given["call"].update(encoding=encoding),
        )
        assert (outcome.kind, outcome.reference, outcome.message) == (OutcomeKind.DONE, "J9", "接收成功")
        [got] = script.got
        assert got.headers["content-type"] == f"text/xml; charset={encoding.lower()}"
        assert got.headers["soapaction"] == '""'
        wrapper = envelope.read(envelope.parse(envelope.decode(got.body))).content
        assert wrapper is not None
        assert wrapper.tag == "{http://jyjh.prison.example/services}sendData"
        assert [(part.tag, part.get(f"{{{envelope.XSI}}}type")) for part in wrapper] == [
            (name, "xsd:string") for name in ("yhm", "mm", "ywlx", "xmlData")
        ]
        assert [part.text for part in wrapper][:3] == ["yh", "密<码", "HZ"]
        assert envelope.text(etree.fromstring(wrapper[3].text or ""), "HZ/YY") == "周㴔"

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("0", OutcomeKind.DONE),
            ("E099", OutcomeKind.LATER),
            ("E001", OutcomeKind.LATER),
            ("E002", OutcomeKind.REFUSED),
            ("E013", OutcomeKind.REFUSED),
            ("E020", OutcomeKind.REFUSED),
            ("E030", OutcomeKind.REFUSED),
            ("X1", OutcomeKind.UNKNOWN),
        ],
    )
    def test_answer_codes(self, code: str, kind: OutcomeKind, serve: Serve, sessions: MemorySessions) -> None:
        answer = prison_answer(
            f'<?xml version="1.0" encoding="GB18030"?><ROOT><CODE>{code}</CODE><MSG>说明㴔</MSG><LSH/></ROOT>',
            "gb18030",
        )
        outcome = prison(serve(always(200, answer, "text/xml")).url, sessions)
        assert (outcome.kind, outcome.code, outcome.message) == (kind, code, "说明㴔")

    @pytest.mark.parametrize("inner", ["", "接收成功", "<ROOT><CODE>0</CODE>", "<ROOT><MSG>接收成功</MSG></ROOT>"])
    def test_half_an_answer_is_unknown(self, inner: str, serve: Serve, sessions: MemorySessions) -> None:
        outcome = prison(serve(always(200, prison_answer(inner))).url, sessions)
        assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "hub.half-answer")

    def test_an_answer_behind_a_reference_is_found(self, serve: Serve, sessions: MemorySessions) -> None:
        answer = wrapped(
            '<n:sendDataResponse xmlns:n="http://jyjh.prison.example/services"><sendDataReturn href="#id0"/></n:sendDataResponse>'
            '<multiRef id="id0">&lt;ROOT&gt;&lt;CODE&gt;0&lt;/CODE&gt;&lt;/ROOT&gt;</multiRef>'
        )
        assert prison(serve(always(200, answer)).url, sessions).kind is OutcomeKind.DONE

    def test_documents_are_put_in_where_their_tokens_stand(self, serve: Serve, sessions: MemorySessions) -> None:
        document = attachment(b"%PDF-1.4 \x00\xff" * 1000)
        script = serve(always(200, prison_answer("<ROOT><CODE>0</CODE></ROOT>")))
        record = f"<ROOT><CLLB><CL><MC>裁定书.pdf</MC><NR>urn:sha256:{document.sha256}</NR></CL></CLLB></ROOT>"
        outcome = SoapConnector().call(
            endpoint("prison", script.url), parcel(record, {"ywlx": "HZ"}, (document,)), sessions
        )
        assert outcome.kind is OutcomeKind.DONE
        inner = etree.fromstring(sent(script.got[0]).content.find("xmlData").text)  # type: ignore[union-attr, arg-type]
        assert base64.b64decode(envelope.text(inner, "CLLB/CL/NR") or "") == document.open()

    def test_a_part_or_a_document_that_is_not_there_is_refused_before_anything_is_sent(
        self, serve: Serve, sessions: MemorySessions
    ) -> None:
        script = serve(always(200, b""))
        connector = SoapConnector()
        without_part = connector.call(endpoint("prison", script.url), parcel(RECEIPT), sessions)
        assert (without_part.kind, without_part.code) == (OutcomeKind.REFUSED, "hub.part")
        token = f"<ROOT><NR>urn:sha256:{'0' * 64}</NR></ROOT>"
        without_document = connector.call(endpoint("prison", script.url), parcel(token, {"ywlx": "HZ"}), sessions)
        assert (without_document.kind, without_document.code) == (OutcomeKind.REFUSED, "hub.attachment")
        assert script.got == []


# ---------------------------------------------------------------- police: WS-Security, coded faults
class Platform:
    """A police platform that checks a UsernameToken by the profile's own words."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.nonces: set[bytes] = set()

    def __call__(self, got: Got) -> Any:
        ns = {
            "e": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
            "u": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
            "s": SOAP11,
        }
        root = etree.fromstring(got.body)
        security = root.find("s:Header/e:Security", ns)
        assert security is not None
        assert security.get(f"{{{SOAP11}}}mustUnderstand") == "1"
        token = {etree.QName(child).localname: child for child in security[0]}
        nonce, created = base64.b64decode(token["Nonce"].text or ""), token["Created"].text or ""
        right = base64.b64encode(hashlib.sha1(nonce + created.encode() + self.password.encode()).digest()).decode()
        if token["Password"].text != right:
            return 500, "text/xml", fault("e:FailedAuthentication", text="口令不对")
        if abs(datetime.now(UTC) - datetime.fromisoformat(created)) > timedelta(minutes=5):
            return 500, "text/xml", ywyc("CF05")
        if nonce in self.nonces:
            return 500, "text/xml", ywyc("CF04")
        self.nonces.add(nonce)
        return (
            200,
            "text/xml",
            wrapped(
                '<n:TsRyxxYd xmlns:n="urn:ga:jzxt:types:v2"><XXID>message-1</XXID><SLBH>SL37082600001</SLBH>'
                "<SLSJ>20210315092001</SLSJ></n:TsRyxxYd>"
            ),
        )


class TestPolice:
    def test_each_attempt_has_a_fresh_nonce_and_the_acceptance_a_number(
        self, serve: Serve, sessions: MemorySessions
    ) -> None:
        platform = Platform("口令-1")
        script = serve(platform)
        connector = SoapConnector()
        for _ in range(3):
            outcome = connector.call(endpoint("police", script.url), parcel(PERSON.format(fj="")), sessions)
            assert (outcome.kind, outcome.receipt) == (OutcomeKind.DONE, SystemReceipt(True, None, "SL37082600001"))
        assert len(platform.nonces) == 3
        assert script.got[0].headers["soapaction"] == '"urn:ga:jzxt:v2:tsRyxx"'

    def test_a_nonce_seen_twice_is_refused_there_and_tried_again_with_another(
        self, serve: Serve, sessions: MemorySessions
    ) -> None:
        script = serve(Platform("口令-1"))
        stuck = SoapConnector(token=lambda size: b"x" * size)
        assert (
            stuck.call(endpoint("police", script.url), parcel(PERSON.format(fj="")), sessions).kind is OutcomeKind.DONE
        )
        again = stuck.call(endpoint("police", script.url), parcel(PERSON.format(fj="")), sessions)
        assert (again.kind, again.code, again.retry_after) == (OutcomeKind.LATER, "CF04", 1)

    def test_a_clock_that_is_off_is_nobodys_refusal(self, serve: Serve, sessions: MemorySessions) -> None:
        late = SoapConnector(now=lambda: datetime.now(UTC) - timedelta(minutes=6))
        outcome = late.call(endpoint("police", serve(Platform("口令-1")).url), parcel(PERSON.format(fj="")), sessions)
        assert (outcome.kind, outcome.code) == (OutcomeKind.LATER, "CF05")

    def test_a_wrong_password_waits_for_the_administrator(self, serve: Serve, sessions: MemorySessions) -> None:
        outcome = SoapConnector().call(
            endpoint("police", serve(Platform("other")).url), parcel(PERSON.format(fj="")), sessions
        )
        assert (outcome.kind, outcome.code, outcome.retry_after) == (OutcomeKind.LATER, "FailedAuthentication", 900)

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("CF02", OutcomeKind.REFUSED),
            ("CF01", OutcomeKind.REFUSED),
            ("ZZ", OutcomeKind.REFUSED),
            ("CF09", OutcomeKind.LATER),
        ],
    )
    def test_faults_by_their_code(self, code: str, kind: OutcomeKind, serve: Serve, sessions: MemorySessions) -> None:
        outcome = SoapConnector().call(
            endpoint("police", serve(always(500, ywyc(code))).url), parcel(PERSON.format(fj="")), sessions
        )
        assert (outcome.kind, outcome.code, outcome.message) == (kind, code, "说明")

    def test_a_record_against_the_patterns_never_leaves(self, serve: Serve, sessions: MemorySessions) -> None:
        script = serve(always(200, b""))
        outcome = SoapConnector().call(
            endpoint("police", script.url), parcel(PERSON.format(fj="").replace("19901130", "1990-11-30")), sessions
        )
        assert (outcome.kind, outcome.code) == (OutcomeKind.REFUSED, "hub.schema")
        assert "/TsRyxxQq/RYXX/CSRQ" in outcome.message
        assert script.got == []

    def test_documents_with_attributes_are_filled_in(self, serve: Serve, sessions: MemorySessions) -> None:
        document = attachment(b"%PDF-1.4")
        script = serve(Platform("口令-1"))
        record = PERSON.format(fj=f'<FJ mc="刑事判决书.pdf">urn:sha256:{document.sha256}</FJ>')
        assert (
            SoapConnector().call(endpoint("police", script.url), parcel(record, attachments=(document,)), sessions).kind
            is OutcomeKind.DONE
        )
        assert envelope.text(sent(script.got[0]).content, "FJ") == base64.b64encode(b"%PDF-1.4").decode()


# ---------------------------------------------------------------- city: tickets, uploads, batches
class City:
    """The city's platform in memory; `trouble` is asked first and may answer in its place."""

    def __init__(self, password: str = "口令-1", chunk: int = 524288) -> None:
        self.wanted = hashlib.md5(password.encode()).hexdigest()
        self.chunk = chunk
        self.ticket: str | None = None
        self.logins = 0
        self.files: dict[str, bytes] = {}
        self.submits: list[etree._Element] = []
        self.offsets: list[int] = []
        self.state = ("1", "<row><sfzh>370826198509172110</sfzh><status>0</status><rybh>JN00000001</rybh></row>")
        self.trouble: Callable[[str, etree._Element], Any] = lambda name, body: None
        self.lock = threading.Lock()

    def __call__(self, got: Got) -> Any:
        with self.lock:
            body = sent(got).content
            assert body is not None
            name = envelope.local(body)
            assert got.headers["soapaction"] == f'"{name}"'
            if (odd := self.trouble(name, body)) is not None:
                return odd
            if name != "login" and envelope.text(body, "ticket") != self.ticket:
                return self.answer(name, "401", "票据失效")
            return getattr(self, name)(body)

    def answer(self, name: str, code: str = "0", message: str = "", **values: str) -> Any:
        first = "".join(f"<{key}>{value}</{key}>" for key, value in values.items() if value)
        if not first:
            first = {
                "query": "<state>0</state>",
                "login": f'<ticket xmlns:xsi="{envelope.XSI}" xsi:nil="true"/>',
                "submit": f'<batchNo xmlns:xsi="{envelope.XSI}" xsi:nil="true"/>',
                "uploadChunk": f'<uploadId xmlns:xsi="{envelope.XSI}" xsi:nil="true"/><received>0</received>',
            }[name]
        told = f"<message>{message}</message>" if message else ""
        return (
            200,
            "text/xml",
            wrapped(
                f'<{name}Response xmlns="http://sqjz.jining.example/ws">{first}<code>{code}</code>{told}</{name}Response>'
            ),
        )

    def login(self, body: etree._Element) -> Any:
        if envelope.text(body, "md5Password") != self.wanted:
            return self.answer("login", "403", "账号或密码错误")
        self.logins += 1
        self.ticket = f"ticket-{self.logins}"
        return self.answer("login", ticket=self.ticket)

    def uploadChunk(self, body: etree._Element) -> Any:
        upload = envelope.text(body, "uploadId") or f"up-{len(self.files) + 1}"
        data, offset = base64.b64decode(envelope.text(body, "data") or ""), int(envelope.text(body, "offset") or 0)
        assert len(data) <= self.chunk
        there = self.files.get(upload, b"")
        if offset != len(there):
            return self.answer("uploadChunk", "416", "偏移量不符", uploadId=upload, received=str(len(there)))
        self.offsets.append(offset)
        self.files[upload] = there + data
        return self.answer("uploadChunk", uploadId=upload, received=str(offset + len(data)))

    def submit(self, body: etree._Element) -> Any:
        if any(envelope.text(named, "uploadId") not in self.files for named in body.findall("{*}attachment")):
            return self.answer("submit", "404", "附件未上传")
        self.submits.append(body)
        return self.answer("submit", batchNo="PC0000000001")

    def query(self, body: etree._Element) -> Any:
        state, rows = self.state
        return (
            200,
            "text/xml",
            wrapped(
                f'<queryResponse xmlns="http://sqjz.jining.example/ws"><state>{state}</state>{rows}<code>0</code></queryResponse>'
            ),
        )


def once(city: City, operation: str, answer: Any) -> None:
    """The next call of an operation ends like this; what it asked for is done all the same if `answer` is a function."""
    left = [answer]

    def trouble(name: str, body: etree._Element) -> Any:
        if name != operation or not left:
            return None
        found = left.pop()
        return found(body) if callable(found) else found

    city.trouble = trouble


def submit(url: str, sessions: MemorySessions, *documents: Any, **more: Any) -> Any:
    return SoapConnector().call(endpoint("city", url, **more), parcel(SUBMIT, attachments=documents), sessions)


REFERENCE = "PC0000000001|370826198509172110"


class TestCity:
    def test_login_upload_submit_query(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        script = serve(city)
        document = attachment(bytes(range(256)) * 4500)  # 1,152,000 bytes: three chunks
        outcome = submit(script.url, sessions, document, attachment(b"", "意见.DOCX", "application/msword"))
        assert (outcome.kind, outcome.reference) == (OutcomeKind.SUBMITTED, REFERENCE)
        assert city.offsets == [0, 524288, 1048576, 0]
        assert list(city.files.values()) == [document.open(), b""]
        [body] = city.submits
        assert [etree.QName(child).localname for child in body] == [
            "ticket",
            "messageId",
            "businessType",
            "fromUnit",
            "subject",
            "attachment",
            "attachment",
        ]
        assert [[child.text for child in named] for named in body.findall("{*}attachment")] == [
            ["up-1", "刑事判决书.pdf", "pdf"],
            ["up-2", "意见.DOCX", "docx"],
        ]
        asked = SoapConnector().poll(endpoint("city", script.url), parcel(SUBMIT), REFERENCE, sessions)
        assert (asked.kind, asked.receipt) == (OutcomeKind.DONE, SystemReceipt(True, None, "JN00000001"))
        assert city.logins == 1

    @pytest.mark.parametrize(
        ("state", "kind", "receipt"),
        [
            (("0", ""), OutcomeKind.SUBMITTED, None),
            (
                ("1", "<row><sfzh>370826198509172110</sfzh><status>2</status><rybh>JN7</rybh></row>"),
                OutcomeKind.DONE,
                SystemReceipt(True, None, "JN7"),
            ),
            (
                (
                    "1",
                    "<row><sfzh>x</sfzh><status>0</status></row><row><sfzh>370826198509172110</sfzh><status>1</status><reason>不合规</reason></row>",
                ),
                OutcomeKind.DONE,
                SystemReceipt(False, "不合规", None),
            ),
            (("1", "<row><sfzh>x</sfzh><status>0</status></row>"), OutcomeKind.UNKNOWN, None),
            (("1", "<row><sfzh>370826198509172110</sfzh><status>9</status></row>"), OutcomeKind.UNKNOWN, None),
        ],
    )
    def test_what_a_query_says(
        self,
        state: tuple[str, str],
        kind: OutcomeKind,
        receipt: SystemReceipt | None,
        serve: Serve,
        sessions: MemorySessions,
    ) -> None:
        city = City()
        city.state = state
        outcome = SoapConnector().poll(endpoint("city", serve(city).url), parcel(SUBMIT), REFERENCE, sessions)
        assert (outcome.kind, outcome.receipt, outcome.reference) == (kind, receipt, REFERENCE)

    @pytest.mark.parametrize(
        "answer",
        [
            (200, "text/xml", b"", DROP),
            (200, "text/html", b"<html/>"),
            (500, "text/xml", fault("s:Server")),
            (503, "text/html", b"busy"),
        ],
    )
    def test_a_question_without_an_answer_is_asked_again(
        self, answer: Any, serve: Serve, sessions: MemorySessions
    ) -> None:
        city = City()
        once(city, "query", answer)
        outcome = SoapConnector().poll(endpoint("city", serve(city).url), parcel(SUBMIT), REFERENCE, sessions)
        assert (outcome.kind, outcome.reference) == (OutcomeKind.LATER, REFERENCE)

    def test_busy_hours_are_later(self, serve: Serve, sessions: MemorySessions) -> None:
        for operation in ("login", "submit", "uploadChunk", "query"):
            city = City()
            once(city, operation, city.answer(operation, "503", "系统繁忙"))
            script = serve(city)
            busy = MemorySessions()
            outcome = (
                SoapConnector().poll(endpoint("city", script.url), parcel(SUBMIT), REFERENCE, busy)
                if operation == "query"
                else submit(script.url, busy, attachment(b"x"))
            )
            assert (outcome.kind, outcome.code) == (OutcomeKind.LATER, "503"), operation
            assert city.submits == []

    def test_a_dead_ticket_is_renewed_once_and_the_call_repeated(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        script = serve(city)
        sessions.tickets["city.370826"] = "dead"
        assert submit(script.url, sessions, attachment(b"document")).kind is OutcomeKind.SUBMITTED
        assert city.logins == 1
        assert len(city.submits) == 1
        city.ticket = "another program logged in"
        assert submit(script.url, sessions).kind is OutcomeKind.SUBMITTED
        assert city.logins == 2

    def test_a_ticket_that_dies_at_once_is_later_and_says_why(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        city.trouble = lambda name, body: city.answer(name, "401", "票据失效") if name == "submit" else None
        outcome = submit(serve(city).url, sessions)
        assert (outcome.kind, outcome.code) == (OutcomeKind.LATER, "401")
        assert "同一账号" in outcome.message
        assert city.logins == 2

    def test_two_workers_with_a_dead_ticket_log_in_once(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        script = serve(city)
        sessions.tickets["city.370826"] = "dead"
        together = threading.Barrier(4)
        connector = SoapConnector()

        def worker(number: int) -> Any:
            together.wait(10)
            return connector.call(endpoint("city", script.url), parcel(SUBMIT, number=str(number)), sessions)

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(worker, range(4)))
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUBMITTED}
        assert city.logins == 1

    def test_a_wrong_password_waits_for_the_administrator(self, serve: Serve, sessions: MemorySessions) -> None:
        outcome = submit(serve(City(password="other")).url, sessions)
        assert (outcome.kind, outcome.code, outcome.retry_after) == (OutcomeKind.LATER, "403", 900)
        assert "管理员" in outcome.message
        assert sessions.tickets == {}

    def test_a_login_whose_answer_is_lost_is_simply_later(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        once(city, "login", (200, "text/xml", b"", DROP))
        assert submit(serve(city).url, sessions).kind is OutcomeKind.LATER

    def test_an_upload_goes_on_where_it_broke_off(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        script = serve(city)
        document = attachment(b"0123456789" * 120_000)  # 1,200,000 bytes: three chunks
        chunks: list[int] = []

        def break_third(name: str, body: etree._Element) -> Any:
            if name != "uploadChunk":
                return None
            chunks.append(int(envelope.text(body, "offset") or 0))
            return (200, "text/xml", b"", DROP) if len(chunks) == 3 else None

        city.trouble = break_third
        outcome = submit(script.url, sessions, document)
        assert (outcome.kind, outcome.code) == (OutcomeKind.LATER, "hub.lost")
        assert submit(script.url, sessions, document).kind is OutcomeKind.SUBMITTED
        assert chunks == [0, 524288, 1048576, 1048576]
        assert list(city.files.values()) == [document.open()]

    def test_a_chunk_that_was_taken_without_an_answer_is_not_sent_twice(
        self, serve: Serve, sessions: MemorySessions
    ) -> None:
        city = City()
        script = serve(city)
        document = attachment(b"ab" * 400_000)  # two chunks

        def taken_unanswered(body: etree._Element) -> Any:
            city.uploadChunk(body)
            return 200, "text/xml", b"", DROP

        left = [taken_unanswered]
        city.trouble = lambda name, body: (
            left.pop()(body) if left and envelope.text(body, "offset") == "524288" else None
        )
        assert submit(script.url, sessions, document).kind is OutcomeKind.LATER
        assert submit(script.url, sessions, document).kind is OutcomeKind.SUBMITTED
        assert city.offsets == [0, 524288]
        assert list(city.files.values()) == [document.open()]

    def test_uploads_that_the_platform_forgot_are_made_again(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        script = serve(city)
        document = attachment(b"document")
        once(city, "submit", city.answer("submit", "503"))
        assert submit(script.url, sessions, document).kind is OutcomeKind.LATER
        city.files.clear()
        forgotten = submit(script.url, sessions, document)
        assert (forgotten.kind, forgotten.code) == (OutcomeKind.LATER, "hub.upload-forgotten")
        assert submit(script.url, sessions, document).kind is OutcomeKind.SUBMITTED

    def test_a_deadline_within_the_upload_loses_nothing(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        script = serve(city)
        document = attachment(b"x" * 600_000)
        released = threading.Event()

        def stall(name: str, body: etree._Element) -> Any:
            if name == "uploadChunk" and envelope.text(body, "offset") != "0" and not released.is_set():
                released.wait(20)
                return 200, "text/xml", b"", DROP
            return None

        city.trouble = stall
        outcome = submit(script.url, sessions, document, timeout=1.0)
        assert outcome.kind is OutcomeKind.LATER
        released.set()
        assert submit(script.url, sessions, document).kind is OutcomeKind.SUBMITTED
        assert city.offsets == [0, 524288]

    def test_a_submission_whose_answer_is_lost_is_unknown(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        once(city, "submit", (200, "text/xml", b"", DROP))
        assert submit(serve(city).url, sessions).kind is OutcomeKind.UNKNOWN

    def test_a_batch_without_number_is_half_an_answer(self, serve: Serve, sessions: MemorySessions) -> None:
        city = City()
        once(city, "submit", city.answer("submit", "0"))
        outcome = submit(serve(city).url, sessions)
        assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "hub.half-answer")

    def test_a_record_against_the_schema_is_refused_before_any_login(
        self, serve: Serve, sessions: MemorySessions
    ) -> None:
        city = City()
        script = serve(city)
        outcome = SoapConnector().call(
            endpoint("city", script.url), parcel(SUBMIT.replace("<c:xb>男</c:xb>", "")), sessions
        )
        assert (outcome.kind, outcome.code) == (OutcomeKind.REFUSED, "hub.schema")
        assert script.got == []
