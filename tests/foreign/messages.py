"""Requests as the four contracts want them, written by hand: what the foreign servers are tried with."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import requests
from lxml import etree

SAMPLES = Path(__file__).parent / "samples"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PRISON = "http://jyjh.prison.example/services"
COURT = "http://tempuri.org/"
POLICE = "urn:ga:jzxt:types:v2"
CITY = "http://sqjz.jining.example/ws"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#"
USER, PASSWORD = "hub", "通行证"


class Answer:
    """What a server said: the status, the headers, and the body's first element."""

    def __init__(self, response: requests.Response) -> None:
        self.status, self.headers, self.content = response.status_code, response.headers, response.content
        self.root = etree.fromstring(response.content)
        self.element = self.root.find("{*}Body")[0]

    def text(self, path: str) -> str | None:
        """The text at a path of local names below the body's element."""
        return self.element.findtext("/".join(f"{{*}}{name}" for name in path.split("/")))

    @property
    def fault(self) -> str | None:
        """The reason, if the answer is a fault of either version."""
        if etree.QName(self.element).localname != "Fault":
            return None
        return self.element.findtext("faultstring") or self.text("Reason/Text")


def post(url: str, body: str | bytes, headers: Mapping[str, str]) -> Answer:
    with requests.Session() as session:
        session.trust_env = False
        return Answer(
            session.post(url, data=body.encode() if isinstance(body, str) else body, headers=headers, timeout=30)
        )


def envelope(body: str, header: str = "", namespace: str = SOAP11) -> str:
    head = f"<e:Header>{header}</e:Header>" if header else ""
    return f'<?xml version="1.0"?>\n<e:Envelope xmlns:e="{namespace}">{head}<e:Body>{body}</e:Body></e:Envelope>'


# ---------------------------------------------------------------- prison
def parole_record(**replaced: str) -> str:
    """The sample handover; `LSH="X"` puts other text into that element."""
    text = (SAMPLES / "request-JSJZ.xml").read_bytes().decode("GB18030")
    return _with(text, replaced)


def receipt_record(**replaced: str) -> str:
    text = (
        '<?xml version="1.0" encoding="GB18030"?><ROOT><HEAD><YWLX>HZ</YWLX><FSDW>370826-SFJ</FSDW><JSDW>370800-JNJY</JSDW>'
        "<FSSJ>20120704101500</FSSJ><LSH>HZ0001</LSH><YLSH>JNJY201207030007</YLSH></HEAD>"
        "<HZ><GMSFHM>37082619790214041X</GMSFHM><JG>1</JG><YY></YY><HZSJ>20120704101500</HZSJ></HZ></ROOT>"
    )
    return _with(text, replaced)


def _with(text: str, replaced: Mapping[str, str]) -> str:
    for name, value in replaced.items():
        before, tag, rest = text.partition(f"<{name}>")
        assert tag, name
        text = before + tag + escape(value) + rest[rest.index(f"</{name}>") :]
    return text


def send_data(
    url: str,
    record: str,
    business_type: str,
    *,
    user: str = USER,
    password: str = PASSWORD,
    encoding: str = "UTF-8",
    charset: bool = True,
) -> Answer:
    typed = 'xsi:type="xsd:string"'
    body = (
        f'<?xml version="1.0" encoding="{encoding}"?><s:Envelope xmlns:s="{SOAP11}" xmlns:xsi="{XSI}"'
        f' xmlns:xsd="http://www.w3.org/2001/XMLSchema"><s:Body s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
        f'<p:sendData xmlns:p="{PRISON}"><yhm {typed}>{user}</yhm><mm {typed}>{password}</mm>'
        f"<ywlx {typed}>{business_type}</ywlx><xmlData {typed}>{escape(record)}</xmlData></p:sendData></s:Body></s:Envelope>"
    )
    media = "text/xml" + (f"; charset={encoding}" if charset else "")
    return post(url, body.encode(encoding), {"Content-Type": media, "SOAPAction": '""'})


def prison_answer(answer: Answer) -> tuple[str | None, str | None, str | None]:
    """CODE, MSG and LSH of the record in the answer's string, its lying declaration dropped."""
    text = answer.element.findtext("sendDataReturn")
    assert text is not None
    assert text.startswith('<?xml version="1.0" encoding="GB18030"?>')
    root = etree.fromstring(text.partition("?>")[2])
    return root.findtext("CODE"), root.findtext("MSG"), root.findtext("LSH") or None


# ---------------------------------------------------------------- court
def reply_to_court(
    url: str,
    version: str = "1.1",
    *,
    kind: str = "回执",
    action: str | None = f'"{COURT}ReceiveReply"',
    user: str | None = USER,
    password: str = PASSWORD,
    notice: str = "WSFY-2021-0315-001",
    text: str = "孙某甲(370826198509172110)：已接收",
    extra: str = "",
) -> Answer:
    header = ""
    if user is not None:
        header = f'<h:AuthHeader xmlns:h="{COURT}"><h:UserName>{user}</h:UserName><h:Password>{password}</h:Password></h:AuthHeader>'
    body = (
        f'<c:ReceiveReply xmlns:c="{COURT}"><c:NoticeId>{notice}</c:NoticeId><c:ReplyKind>{kind}</c:ReplyKind>'
        f"<c:ReplyDate>2021-03-15T10:00:00+08:00</c:ReplyDate><c:Agency>微山县司法局</c:Agency><c:Text>{text}</c:Text>{extra}"
        "</c:ReceiveReply>"
    )
    if version == "1.1":
        headers = {"Content-Type": "text/xml; charset=utf-8"} | ({"SOAPAction": action} if action is not None else {})
        return post(url, envelope(body, header), headers)
    media = "application/soap+xml; charset=utf-8" + (f"; action={action}" if action is not None else "")
    return post(url, envelope(body, header, SOAP12), {"Content-Type": media})


# ---------------------------------------------------------------- police
def security(
    *, user: str = USER, password: str = PASSWORD, nonce: bytes | None = None, late: timedelta = timedelta()
) -> str:
    """A UsernameToken with PasswordDigest, as the profile defines it; `late` moves its time."""
    nonce = os.urandom(16) if nonce is None else nonce
    created = (datetime.now(UTC) + late).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    return (
        f'<w:Security xmlns:w="{WSSE}" xmlns:u="{WSU}" e:mustUnderstand="1"><w:UsernameToken><w:Username>{user}</w:Username>'
        f'<w:Password Type="{TOKEN}PasswordDigest">{digest}</w:Password><w:Nonce>{base64.b64encode(nonce).decode()}</w:Nonce>'
        f"<u:Created>{created}</u:Created></w:UsernameToken></w:Security>"
    )


def police_record(key: str = "XX-1", **replaced: str) -> str:
    """The sample's body; replaced by element as for the prison."""
    root = etree.parse(SAMPLES / "TsRyxx-request.xml").getroot()
    return _with(
        etree.tostring(root.find(f".//{{{POLICE}}}TsRyxxQq"), encoding="unicode", with_tail=False),
        {"XXID": key, **replaced},
    )


def ts_ryxx(url: str, record: str, header: str | None = None) -> Answer:
    return post(
        url,
        envelope(record, security() if header is None else header),
        {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"urn:ga:jzxt:v2:tsRyxx"'},
    )


# ---------------------------------------------------------------- city
def city(url: str, operation: str, inside: str) -> Answer:
    return post(
        url,
        envelope(f'<{operation} xmlns="{CITY}">{inside}</{operation}>'),
        {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'},
    )


def login(url: str, user: str = USER, password: str = PASSWORD) -> Answer:
    digest = hashlib.md5(password.encode()).hexdigest()
    return city(url, "login", f"<account>{user}</account><md5Password>{digest}</md5Password>")


def upload(
    url: str, ticket: str, data: bytes, offset: int = 0, *, last: bool = True, upload_id: str | None = None
) -> Answer:
    known = f"<uploadId>{upload_id}</uploadId>" if upload_id else ""
    return city(
        url,
        "uploadChunk",
        f"<ticket>{ticket}</ticket>{known}<offset>{offset}</offset><last>{str(last).lower()}</last>"
        f"<data>{base64.b64encode(data).decode()}</data>",
    )


def subject(**replaced: str) -> str:
    """The sample's person."""
    root = etree.parse(SAMPLES / "submit-request.xml").getroot()
    found = root.find(f".//{{{CITY}}}subject")
    return (
        "<subject>"
        + "".join(
            f"<{etree.QName(one).localname}>{escape(replaced.get(etree.QName(one).localname, one.text))}</{etree.QName(one).localname}>"
            for one in found
        )
        + "</subject>"
    )


def submit(url: str, ticket: str, subjects: str, *, key: str = "M-1", upload_id: str | None = None) -> Answer:
    attached = ""
    if upload_id:
        attached = f"<attachment><uploadId>{upload_id}</uploadId><fileName>刑事判决书.pdf</fileName><fileType>pdf</fileType></attachment>"
    return city(
        url,
        "submit",
        f"<ticket>{ticket}</ticket><messageId>{key}</messageId><businessType>RJ</businessType>"
        f"<fromUnit>370826</fromUnit>{subjects}{attached}",
    )


def query(url: str, ticket: str, batch: str) -> Answer:
    return city(url, "query", f"<ticket>{ticket}</ticket><batchNo>{batch}</batchNo>")
