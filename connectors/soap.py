"""Agencies that speak SOAP, both directions: the hub calls their service, and serves the contract that they call.

Everything that differs from agency to agency (style, credentials, where the record is carried, what an answer means,
sessions, uploads, polling) is the `soap:` section of the dialect's `transport.yaml`; its keys are the dataclasses below.
The WSDL is read by `connectors.contract`, messages by `connectors.envelope`, HTTP is `connectors.wire`.
"""

from __future__ import annotations

import base64
import binascii
import copy
import fnmatch
import hashlib
import mimetypes
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NoReturn

from lxml import etree

from connectors import envelope, options
from connectors.contract import ENCODING, Contract, Operation, Port, contract
from connectors.wire import ANSWER_LIMIT, Deadline, Lost, NotSent, Reply, Tls, Wire
from hub.domain.faults import Fault, HubError, Malformed
from hub.ports import (
    Answer,
    Attachment,
    ConfigError,
    Endpoint,
    Incoming,
    Kept,
    Outcome,
    OutcomeKind,
    Parcel,
    PasswordDigest,
    ProtocolFault,
    Sessions,
    SystemReceipt,
)

__all__ = ["ProtocolFault", "SoapConnector", "SoapOptions", "SoapService", "check", "connector", "service"]

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"  # noqa: S105
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
SECURITY = f"{{{WSSE}}}Security"

TOKEN = re.compile(r"^urn:sha256:([0-9a-f]{64})$")
#: Seconds after which a system is asked again whose credentials or address an administrator must mend first.
AFTER_MENDING = 900.0
#: Stands for a ticket or upload id while a record is validated before any is fetched.
NOT_YET = "-"


# ---------------------------------------------------------------- the section `soap:` of transport.yaml
@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer code means. `receipt`: the answer is the agency's business decision, attested by the hub."""

    outcome: Literal["done", "duplicate", "refused", "later", "submitted", "unknown"]
    receipt: Literal["accepted", "returned"] | None = None
    #: seconds; without it the flow's own schedule counts
    retry_after: float | None = None


#: Code (or pattern such as `E0*`) → verdict by itself (`done`) or with its facts (`{outcome: done, receipt: accepted}`);
#: the first line that fits decides.
Table = Mapping[str, Verdict | str]


@dataclass(frozen=True, slots=True)
class Credentials:
    """How callers show who they are, in both directions.

    `header`: the header block `element` with children `user` and `password`. `parts`: RPC parts of those names.
    `wsse-digest`: UsernameToken Profile 1.0, PasswordDigest. `login`: a ticket, see `session`.
    """

    style: Literal["none", "header", "parts", "wsse-digest", "login"] = "none"
    element: str = ""
    user: str = ""
    password: str = ""
    #: seconds that `Created` may be off; older nonces need not be remembered
    clock_skew: float = 300.0


@dataclass(frozen=True, slots=True)
class Carriage:
    """Where the record is: the body's element itself, or XML as text in `part` (answers in `answer`)."""

    carried: Literal["body", "part"] = "body"
    part: str = ""
    answer: str = ""
    #: text put before the XML in the part, for systems that insist on a declaration
    declaration: str = ""


@dataclass(frozen=True, slots=True)
class Serve:
    """What the hub serves of this contract to those who call it."""

    operations: tuple[str, ...]
    #: SOAP version → `required` (must be there and right), `matched` (right if there), `ignored`
    action: Mapping[str, Literal["required", "matched", "ignored"]] = field(default_factory=dict)
    #: of the hub's answers; requests may come in any that `connectors.envelope` knows
    encoding: str = "UTF-8"
    #: elements that the WSDL never heard of: a vendor's next version adds some. `carried`: they stay in the record, which
    #: must fit the contract without them; `refused`: as the contract says to the letter
    unknown_elements: Literal["carried", "refused"] = "refused"
    #: bytes of a request
    limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """Where an answer says what, as paths of local names below the answer's record, and what its codes mean."""

    code: str
    table: Table
    message: str | None = None
    number: str | None = None
    otherwise: Verdict | str = "unknown"


@dataclass(frozen=True, slots=True)
class FaultReading:
    """What SOAP faults mean: by a code in the detail, else by the reason's words, else by the fault code's own name."""

    code: str | None = None
    message: str | None = None
    table: Table = field(default_factory=dict)
    #: for systems that say in words what others say by a code (`"*密码*": later`)
    reasons: Table = field(default_factory=dict)
    codes: Table = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """Log in first: the ticket goes into the element `place` of every other request."""

    operation: str
    user: str
    password: str
    ticket: str
    code: str
    granted: tuple[str, ...]
    expired: tuple[str, ...]
    place: str
    message: str | None = None
    #: how the password is shown: lower-case hex MD5 of its UTF-8, or as it is
    hash: Literal["md5", "none"] = "none"
    table: Table = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload:
    """Documents go up first, in chunks, resumable by offset; the record then names them.

    `id`, `offset`, `last`, `data` are elements of the request, `id` and `received` of the answer. `fields` says what
    goes into the record's element `reference`: child → `upload` (the id), `file-name` or `extension`.
    """

    operation: str
    id: str
    offset: str
    last: str
    data: str
    received: str
    code: str
    taken: tuple[str, ...]
    reference: str
    fields: Mapping[str, Literal["upload", "file-name", "extension"]]
    message: str | None = None
    #: raw bytes of a chunk, before base64
    chunk: int = 524288
    #: codes that say: go on at `received` instead
    elsewhere: tuple[str, ...] = ()
    #: codes that say: this upload is not known any more, begin anew
    forgotten: tuple[str, ...] = ()
    table: Table = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The reference of a submission that is decided later: a value of the answer and one of the record."""

    answer: str
    record: str


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask what a submission came to: `reference` takes the batch, rows are found by `key`."""

    operation: str
    reference: str
    code: str
    table: Table
    state: str
    waiting: tuple[str, ...]
    row: str
    key: str
    statuses: Reading
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """How the hub calls this contract."""

    port: str
    operations: tuple[str, ...]
    #: whether the same record twice has no second effect there
    repeat_safe: bool
    answer: Reading
    encoding: str = "UTF-8"
    faults: FaultReading = field(default_factory=FaultReading)
    submitted: Submitted | None = None
    session: Session | None = None
    upload: Upload | None = None
    poll: Poll | None = None
    #: bytes of an answer
    limit: int = ANSWER_LIMIT
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class SoapOptions:
    """The section `soap:`."""

    wsdl: str
    credentials: Credentials = field(default_factory=Credentials)
    record: Carriage = field(default_factory=Carriage)
    serve: Serve | None = None
    call: Call | None = None


def _verdict(table: Mapping[str, Verdict | str], code: str) -> Verdict | None:
    for pattern, said in table.items():
        if fnmatch.fnmatchcase(code, pattern):
            return _said(said)
    return None


def _said(said: Verdict | str) -> Verdict:
    return said if isinstance(said, Verdict) else Verdict(said)  # type: ignore[arg-type]


def _real_time() -> datetime:
    return datetime.now(UTC)


# ---------------------------------------------------------------- serving
class SoapService:
    """The hub's side of a contract that a legacy sender calls. Threads share it.

    A nonce is remembered by this process alone; a replay that another process takes meets the intake's own duplicate
    check and has no effect.
    """

    def __init__(
        self, agency: str, options: Mapping[str, object], folder: Path, now: Callable[[], datetime] = _real_time
    ) -> None:
        """`now` gives real UTC time. Raises `ConfigError`."""
        self.agency = agency
        self._options, self._contract = _load(options, folder)
        if self._options.serve is None:
            raise ConfigError(
                [
                    Fault(
                        "option.missing",
                        "/soap/serve",
                        value=agency,
                        zh=f"{agency}的方言没有serve部分，不能由枢纽提供服务",
                        en=f"the dialect of {agency} has no section `serve`; the hub cannot serve it",
                    )
                ]
            )
        self._serve = self._options.serve
        self._ports = {port.version: port for port in reversed(self._contract.ports.values())}
        self._now = now
        self._nonces: dict[bytes, datetime] = {}
        self._lock = threading.Lock()

    def wsdl(self, location: str) -> bytes:
        """The WSDL as the vendor wrote it, its addresses set to `location`."""
        return self._contract.text(location)

    def receive(self, body: bytes, headers: Mapping[str, str]) -> Incoming:
        """Take a request apart; credentials are taken out and not believed yet. Raises `ProtocolFault`."""
        named = {name.lower(): value for name, value in headers.items()}
        parameters = _content_type(named.get("content-type", ""))
        guess = "1.2" if parameters[""] == envelope.MEDIA_TYPES["1.2"] else "1.1"
        guess = guess if guess in self._ports else next(iter(self._ports))
        if len(body) > self._serve.limit:
            _refuse(
                guess,
                "soap.too-large",
                f"报文为{len(body)}字节，上限为{self._serve.limit}字节",
                f"the message has {len(body)} bytes; {self._serve.limit} are allowed",
                value=len(body),
            )
        try:
            message = envelope.read(envelope.parse(envelope.decode(body, parameters.get("charset"))))
        except Malformed as problem:
            raise ProtocolFault(problem.faults, version=guess, status=_status(guess, "Client")) from problem
        except envelope.NoEnvelope as problem:
            _refuse(
                guess,
                "soap.envelope",
                "根元素应为SOAP 1.1或1.2的Envelope，其中应有Body",
                "the root must be an Envelope of SOAP 1.1 or 1.2 with a Body",
                code="VersionMismatch",
                value=str(problem),
            )
        if message.version not in self._ports:
            offered = "、".join(self._ports)
            _refuse(
                guess,
                "soap.version",
                f"本服务只支持SOAP {offered}",
                f"this service speaks SOAP {offered} only",
                code="VersionMismatch",
                value=message.version,
            )
        port = self._ports[message.version]
        unknown = message.must_understand(
            [name for operation in port.operations.values() for name in operation.headers.values()]
            + ([SECURITY] if self._options.credentials.style == "wsse-digest" else [])
        )
        if unknown:
            _refuse(
                message.version,
                "soap.must-understand",
                f"不认识标为mustUnderstand的消息头：{'、'.join(unknown)}",
                f"header blocks marked mustUnderstand are not understood: {', '.join(unknown)}",
                code="MustUnderstand",
                value=unknown[0],
                names=unknown,
            )
        operation, content = self._operation(port, message)
        self._check_action(operation, message.version, named.get("soapaction"), parameters.get("action"))
        if operation.style == "document" and (faults := self._validate(content)):
            raise ProtocolFault(faults, version=message.version, status=_status(message.version, "Client"))
        parts = _parts_of(operation, content, message) if operation.style == "rpc" else {}
        user, password, digest = self._credentials(operation, message, parts)
        payload = self._record(content, parts)
        return Incoming(self.agency, operation.name, payload, parts, user, password, message.version, digest)

    def reopen(self, body: bytes, media_type: str) -> Kept:
        """The record of a request that was received before. Raises `ProtocolFault` for what is none of this contract now."""
        try:
            message = envelope.read(envelope.parse(envelope.decode(body, _content_type(media_type).get("charset"))))
        except Malformed as problem:
            raise ProtocolFault(problem.faults, version=next(iter(self._ports))) from problem
        except envelope.NoEnvelope as problem:
            _refuse(
                next(iter(self._ports)),
                "soap.envelope",
                "根元素应为SOAP 1.1或1.2的Envelope，其中应有Body",
                "the root must be an Envelope of SOAP 1.1 or 1.2 with a Body",
                value=str(problem),
            )
        operation, content = self._operation(
            self._ports.get(message.version) or next(iter(self._ports.values())), message
        )
        parts = _parts_of(operation, content, message) if operation.style == "rpc" else {}
        payload = self._record(content, parts)
        if self._options.credentials.style == "parts":
            for name in (self._options.credentials.user, self._options.credentials.password):
                parts.pop(name, None)
        return Kept(operation.name, parts, payload)

    def _record(self, content: etree._Element, parts: dict[str, str]) -> bytes:
        """The record as XML bytes, taken out of `parts` where the contract carries it in one of them."""
        if self._options.record.carried == "part":
            return envelope.without_declaration(parts.pop(self._options.record.part)).encode()
        return etree.tostring(content, encoding="unicode", with_tail=False).encode()

    def _validate(self, content: etree._Element) -> list[Fault]:
        faults = self._contract.validate(content)
        if (
            faults
            and self._serve.unknown_elements == "carried"
            and (known := self._contract.without_unknown(content)) is not None
        ):
            return faults if self._contract.validate(known) else []
        return faults

    def _operation(self, port: Port, message: envelope.Message) -> tuple[Operation, etree._Element]:
        by_name = {operation.request: operation for operation in port.operations.values()}
        content = next((child for child in envelope.elements(message.body) if child.tag in by_name), message.content)
        served = [by.request for by in by_name.values() if by.name in self._serve.operations]
        if content is None or content.tag not in served:
            found = "空" if content is None else str(content.tag)
            return _refuse(
                message.version,
                "soap.operation",
                f"Body中是{found}，本服务提供的是：{'、'.join(served)}",
                f"the body holds {found}; this service offers {', '.join(served)}",
                value=found,
            )
        return by_name[str(content.tag)], content

    def _check_action(self, operation: Operation, version: str, header: str | None, parameter: str | None) -> None:
        """SOAP 1.1: the SOAPAction header in its quotes (section 6.1.1); 1.2: `action` of the content type (RFC 3902)."""
        rule = self._serve.action.get(version, "ignored")
        said = header.strip() if version == "1.1" and header is not None else parameter
        right = f'"{operation.action}"' if version == "1.1" else operation.action
        if rule == "ignored" or said == right or (said is None and rule == "matched"):
            return
        what = "HTTP头SOAPAction" if version == "1.1" else "Content-Type的action参数"
        en = "the HTTP header SOAPAction" if version == "1.1" else "the parameter `action` of the content type"
        _refuse(
            version,
            "soap.action",
            f"{what}应为 {right}（含引号）" if version == "1.1" else f"{what}应为 {right}",
            f"{en} must be {right}",
            value=said,
        )

    def _credentials(
        self,
        operation: Operation,
        message: envelope.Message,
        parts: dict[str, str],
    ) -> tuple[str | None, str | None, PasswordDigest | None]:
        credentials = self._options.credentials
        if credentials.style == "header":
            block = next(
                (block for block in message.headers if block.tag == operation.headers.get(credentials.element)), None
            )
            return envelope.text(block, credentials.user), envelope.text(block, credentials.password), None
        if credentials.style == "parts":
            return parts.pop(credentials.user), parts.pop(credentials.password), None
        if credentials.style == "wsse-digest":
            return self._username_token(message)
        return None, None, None

    def _username_token(self, message: envelope.Message) -> tuple[str | None, str | None, PasswordDigest | None]:
        security = next((block for block in message.headers if block.tag == SECURITY), None)
        user = envelope.text(security, "UsernameToken/Username")
        proof = envelope.text(security, "UsernameToken/Password")
        found = envelope.find(security, "UsernameToken/Password") if security is not None else None
        if found is None or found.get("Type") != PASSWORD_DIGEST:
            return user, proof, None
        created = envelope.text(security, "UsernameToken/Created") or ""
        try:
            nonce = base64.b64decode(envelope.text(security, "UsernameToken/Nonce") or "", validate=True)
            value = base64.b64decode(proof or "", validate=True)
            moment = datetime.fromisoformat(created)
        except (binascii.Error, ValueError):
            _refuse(
                message.version,
                "wsse.malformed",
                "UsernameToken中的Nonce、Password应为Base64，Created应为UTC时间",
                "Nonce and Password of the UsernameToken must be base64, Created a UTC time",
                value=created,
            )
        self._check_fresh(message.version, nonce, created, moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        return user, None, PasswordDigest(nonce, created, value)

    def _check_fresh(self, version: str, nonce: bytes, created: str, moment: datetime) -> None:
        leeway = timedelta(seconds=self._options.credentials.clock_skew)
        now = self._now()
        if not nonce or abs(now - moment) > leeway:
            _refuse(
                version,
                "wsse.stale",
                f"Created与当前时间（{now:%Y-%m-%dT%H:%M:%SZ}）相差超过{leeway.seconds}秒，或没有Nonce",
                f"Created is more than {leeway.seconds} seconds from now ({now:%Y-%m-%dT%H:%M:%SZ}), or there is no nonce",
                value=created,
            )
        with self._lock:
            for old in [seen for seen, until in self._nonces.items() if until < now]:
                del self._nonces[old]
            if nonce in self._nonces:
                _refuse(
                    version,
                    "wsse.replayed",
                    "Nonce已经用过，每次调用须用新的",
                    "the nonce was used before; each call needs a fresh one",
                )
            self._nonces[nonce] = moment + leeway

    def answer(self, incoming: Incoming, payload: bytes) -> Answer:
        """Wrap an answer record into a response of the sender's version.

        Raises `ConfigError` for a record that the contract's output does not allow: the dialect's mapping is wrong.
        """
        operation = self._ports[incoming.version].operations[incoming.operation]
        if operation.style == "rpc" and self._options.record.carried == "part":
            text = self._options.record.declaration + envelope.without_declaration(payload.decode())
            name = self._options.record.answer or operation.response_parts[0].name
            content = _rpc(
                operation.response or f"{operation.request}Response", {name: text}, operation.encoded, incoming.version
            )
        else:
            content = envelope.parse(envelope.without_declaration(payload.decode()))
            faults = list(self._contract.validate(content)) if operation.style == "document" else []
            if content.tag != operation.response:
                faults.insert(
                    0,
                    Fault(
                        "soap.answer",
                        "",
                        value=content.tag,
                        xpath=envelope.place(content),
                        zh=f"应答应为{operation.response}",
                        en=f"the answer must be {operation.response}",
                    ),
                )
            if faults:
                raise ConfigError(faults)
        return self._answer(incoming.version, envelope.build(incoming.version, content), 200)

    def refuse(self, incoming: Incoming | None, code: str, message: str, faults: Sequence[Fault] = ()) -> Answer:
        """A fault in the sender's version. `code` is the fault's own (`Client`, `Server`), or one of the dialect, which
        goes into the detail of a Client fault; `faults` (rule, place, message) go there too."""
        version = incoming.version if incoming is not None else next(iter(self._ports))
        whose = code if code in envelope.CODES_12 else "Client"
        built = envelope.build_fault(
            version, whose, envelope.printable(message), faults, None if code == whose else code
        )
        return self._answer(version, built, _status(version, whose))

    def fault(self, error: HubError, incoming: Incoming | None = None) -> Answer:
        """The fault that says an error: a `ProtocolFault` in its own version, any other in that of `incoming`.

        What is the hub's own fault is said to be (Server), without its inner words.
        """
        version = incoming.version if incoming is not None else next(iter(self._ports))
        code = "Client" if error.status < 500 else "Server"
        names: tuple[str, ...] = ()
        if isinstance(error, ProtocolFault):
            code, names = error.code, error.names
            version = error.version if error.version in self._ports else version
        reason = "；".join(found.zh for found in error.faults)[:1000] or error.kind
        shown: Sequence[Fault] = error.faults
        if code == "Server" and not isinstance(error, ProtocolFault):
            reason, shown = "系统内部错误，报文未被受理，请稍后再发", ()
        built = envelope.build_fault(version, code, envelope.printable(reason), shown, error.kind, names)
        return self._answer(version, built, _status(version, code))

    def _answer(self, version: str, root: etree._Element, status: int) -> Answer:
        encoding = self._serve.encoding
        return Answer(status, envelope.content_type(version, encoding), envelope.serialise(root, encoding))


def _refuse(
    version: str, rule: str, zh: str, en: str, *, code: str = "Client", value: object = None, names: Sequence[str] = ()
) -> NoReturn:
    raise ProtocolFault(
        [Fault(rule, "", zh, en, value=value)], version=version, code=code, status=_status(version, code), names=names
    )


def _status(version: str, code: str) -> int:
    """SOAP 1.1 section 6.2: 500 for every fault. SOAP 1.2 part 2, table 20: 400 for the sender's, 500 for the others."""
    return 400 if version == "1.2" and code == "Client" else 500


def _content_type(value: str) -> dict[str, str]:
    """Parameters of a content type by lower-case name, quotes taken off; the media type itself under the empty name."""
    first, *rest = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', value)
    found = {"": first.strip().lower()}
    for parameter in rest:
        name, _, said = parameter.partition("=")
        found[name.strip().lower()] = said.strip().strip('"')
    return found


def _parts_of(operation: Operation, wrapper: etree._Element, message: envelope.Message) -> dict[str, str]:
    """The string parts of an RPC message by name, whatever their order, prefix or declared string type; a part that is
    an `href` (SOAP 1.1, section 5.2.1) is read where it points to. All parts of the contract must be there, no other."""
    wanted = [part.name for part in operation.request_parts]
    faults, parts = [], {}
    for child in envelope.elements(wrapper):
        name, place = envelope.local(child), envelope.place(child)
        if name not in wanted:
            faults.append(
                Fault(
                    "soap.part-unknown",
                    "",
                    xpath=place,
                    value=name,
                    zh=f"没有参数“{name}”，应为：{'、'.join(wanted)}",
                    en=f"there is no part {name!r}; there are {', '.join(wanted)}",
                )
            )
            continue
        source = _referred(child, message)
        if source is None:
            faults.append(
                Fault(
                    "soap.href",
                    "",
                    xpath=place,
                    value=child.get("href"),
                    zh=f"参数“{name}”引用的元素不存在",
                    en=f"what the part {name!r} refers to is not there",
                )
            )
        elif len(source):
            faults.append(
                Fault(
                    "soap.part-type",
                    "",
                    xpath=place,
                    value=str(source[0].tag),
                    zh=f"参数“{name}”应为文字：请把XML作为字符串（转义或CDATA）放入",
                    en=f"the part {name!r} must be text: put XML into it as a string (escaped or CDATA)",
                )
            )
        elif source.get(f"{{{envelope.XSI}}}nil") not in ("true", "1"):
            parts[name] = source.text or ""
    named = {fault.xpath for fault in faults}
    for name in wanted:
        place = f"{envelope.place(wrapper)}/{name}"
        if name not in parts and place not in named:
            faults.append(
                Fault("soap.part-missing", "", xpath=place, zh=f"缺少参数“{name}”", en=f"the part {name!r} is missing")
            )
    if faults:
        raise ProtocolFault(faults, version=message.version, status=_status(message.version, "Client"))
    return parts


def _referred(element: etree._Element, message: envelope.Message) -> etree._Element | None:
    """Follow `href="#id"` through the body; None where it leads nowhere or in a circle."""
    seen = set()
    while (target := element.get("href")) is not None:
        if target in seen or not target.startswith("#"):
            return None
        seen.add(target)
        found = next((other for other in message.body.iter() if other.get("id") == target[1:]), None)
        if found is None:
            return None
        element = found
    return element


def _rpc(name: str, parts: Mapping[str, str], encoded: bool, version: str) -> etree._Element:
    """An RPC wrapper: parts unqualified, typed where the use is encoded (SOAP 1.1, sections 5.1 and 7.1)."""
    wrapper = etree.Element(
        name, nsmap={"m": str(etree.QName(name).namespace), "xsd": envelope.XSD, "xsi": envelope.XSI}
    )
    if encoded:
        wrapper.set(f"{{{envelope.NAMESPACES[version]}}}encodingStyle", ENCODING)
    for part, text in parts.items():
        child = etree.SubElement(wrapper, part)
        child.text = text
        if encoded:
            child.set(f"{{{envelope.XSI}}}type", "xsd:string")
    return wrapper


# ---------------------------------------------------------------- calling
class _Ended(Exception):
    """A call is over before its last step; carries what it came to."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer of the contract: its record, and the bytes as they came."""

    record: etree._Element
    raw: bytes


class SoapConnector:
    """Calls agencies by SOAP as their `transport.yaml` says. One instance serves all endpoints and threads."""

    def __init__(
        self,
        now: Callable[[], datetime] = _real_time,
        token: Callable[[int], bytes] = secrets.token_bytes,
        wire: Wire | None = None,
    ) -> None:
        """`now` gives real UTC time (nonces), `token` unguessable bytes, `wire` sends."""
        self._now = now
        self._token = token
        self._wire = wire or Wire()

    def call(self, endpoint: Endpoint, parcel: Parcel, sessions: Sessions) -> Outcome:
        """Hand over one frozen rendition. Raises `ConfigError` only."""
        return self._attempt(endpoint, sessions, lambda attempt: attempt.deliver(parcel))

    def poll(self, endpoint: Endpoint, parcel: Parcel, reference: str, sessions: Sessions) -> Outcome:
        """Ask what a submission came to. A question that fails is `LATER`: asking again changes nothing."""
        return self._attempt(endpoint, sessions, lambda attempt: attempt.ask(reference))

    def repeat_safe(self, endpoint: Endpoint) -> bool:
        call = _call_options(*_load(endpoint.options, endpoint.folder))
        return call.repeat_safe

    def _attempt(self, endpoint: Endpoint, sessions: Sessions, step: Callable[[_Attempt], Outcome]) -> Outcome:
        loaded, agreed = _load(endpoint.options, endpoint.folder)
        _call_options(loaded, agreed)
        if not endpoint.url:
            raise ConfigError(
                [
                    Fault(
                        "endpoint.url",
                        "",
                        value=endpoint.agency,
                        zh=f"{endpoint.agency}没有配置地址",
                        en=f"{endpoint.agency} has no address",
                    )
                ]
            )
        try:
            return step(_Attempt(endpoint, loaded, agreed, sessions, self._wire, self._now, self._token))
        except _Ended as ended:
            return ended.outcome


class _Attempt:
    """One call or question to one endpoint, with one deadline for all its requests."""

    def __init__(
        self,
        endpoint: Endpoint,
        loaded: SoapOptions,
        agreed: Contract,
        sessions: Sessions,
        wire: Wire,
        now: Callable[[], datetime],
        token: Callable[[int], bytes],
    ) -> None:
        self._endpoint = endpoint
        self._options = loaded
        self._call = _call_options(loaded, agreed)
        self._contract = agreed
        self._port = agreed.port(self._call.port)
        self._sessions = sessions
        self._wire = wire
        self._now = now
        self._token = token
        self._deadline = Deadline(endpoint.timeout)
        #: documents that were there from an earlier attempt, so that nobody asked about them in this one
        self._resumed: list[str] = []

    # ------------------------------------------------------------ handing over
    def deliver(self, parcel: Parcel) -> Outcome:
        """Everything that can be wrong on this side is found before the first byte goes out."""
        operation = self._operation(parcel)
        record = _record(parcel)
        content = self._parts(operation, parcel, record) if self._options.record.carried == "part" else record
        if self._call.session is not None:
            _put(content, operation.order, self._call.session.place, NOT_YET)
        if (upload := self._call.upload) is not None:
            _name_uploads(
                upload,
                operation,
                content,
                [_reference(upload, attachment, NOT_YET) for attachment in parcel.attachments],
            )
        if operation.style == "document":
            self._check(operation, content)
        if upload is not None:
            _name_uploads(
                upload,
                operation,
                content,
                [self._upload(upload, parcel, attachment) for attachment in parcel.attachments],
            )
        said = self._in_session(operation, content)
        if (
            upload is not None
            and self._resumed
            and envelope.text(said.record, self._call.answer.code) in upload.forgotten
        ):
            for sha256 in self._resumed:
                self._sessions.note_upload(self._endpoint.agency, parcel.delivery, sha256, "", 0)
            _end(OutcomeKind.LATER, "hub.upload-forgotten", "对方系统不再认得先前上传的附件，将重新上传", raw=said.raw)
        return self._decide(said, record)

    def _operation(self, parcel: Parcel) -> Operation:
        name = parcel.facts.get("operation", self._call.operations[0])
        if name not in self._call.operations:
            raise ConfigError(
                [
                    Fault(
                        "soap.operation",
                        "/soap/call/operations",
                        value=name,
                        zh=f"transport.yaml没有允许调用操作“{name}”，只有：{'、'.join(self._call.operations)}",
                        en=f"transport.yaml does not let {name!r} be called; it has {', '.join(self._call.operations)}",
                    )
                ]
            )
        return self._contract.operation(self._port, name, "/soap/call/operations")

    def _parts(self, operation: Operation, parcel: Parcel, record: etree._Element) -> etree._Element:
        text = self._options.record.declaration + etree.tostring(record, encoding="unicode")
        values = {**parcel.facts, self._options.record.part: text}
        if self._options.credentials.style == "parts":
            values |= {
                self._options.credentials.user: self._endpoint.user or "",
                self._options.credentials.password: self._endpoint.password or "",
            }
        wanted = [part.name for part in operation.request_parts]
        if missing := [name for name in wanted if name not in values]:
            _end(OutcomeKind.REFUSED, "hub.part", f"映射没有给出参数：{'、'.join(missing)}")
        return _rpc(operation.request, {name: values[name] for name in wanted}, operation.encoded, self._port.version)

    def _check(self, operation: Operation, content: etree._Element) -> None:
        faults = self._contract.validate(content)
        if content.tag != operation.request:
            faults.insert(
                0,
                Fault(
                    "soap.operation",
                    "",
                    xpath=envelope.place(content),
                    value=str(content.tag),
                    zh=f"记录应为{operation.request}",
                    en=f"the record must be {operation.request}",
                ),
            )
        if faults:
            _end(OutcomeKind.REFUSED, "hub.schema", "；".join(fault.zh for fault in faults)[:2000])

    def _decide(self, said: _Said, record: etree._Element) -> Outcome:
        outcome = _read_verdict(self._call.answer, said.record, said.raw)
        if outcome.kind is not OutcomeKind.SUBMITTED or self._call.submitted is None:
            return outcome
        batch, row = (
            envelope.text(said.record, self._call.submitted.answer),
            envelope.text(record, self._call.submitted.record),
        )
        if not batch or not row:
            return Outcome(
                OutcomeKind.UNKNOWN, "hub.half-answer", f"应答中没有{self._call.submitted.answer}", answer=said.raw
            )
        return replace(outcome, reference=f"{batch}|{row}")

    # ------------------------------------------------------------ asking again
    def ask(self, reference: str) -> Outcome:
        poll = self._call.poll
        if poll is None:
            raise ConfigError(
                [
                    Fault(
                        "option.missing",
                        "/soap/call/poll",
                        value=self._endpoint.agency,
                        zh="方言没有poll部分，无法查询结果",
                        en="the dialect has no section `poll`; nothing can be asked",
                    )
                ]
            )
        batch, _, key = reference.partition("|")
        operation = self._contract.operation(self._port, poll.operation, "/soap/call/poll/operation")
        content = _build(operation, {poll.reference: batch})
        if self._call.session is not None:
            _put(content, operation.order, self._call.session.place, NOT_YET)
        try:
            said = self._in_session(operation, content, harmless=True)
        except _Ended as ended:
            return replace(ended.outcome, reference=reference)
        outcome = _read_verdict(Reading(poll.code, poll.table, poll.message), said.record, said.raw)
        if outcome.kind is not OutcomeKind.DONE:
            return replace(outcome, reference=reference)
        state = envelope.text(said.record, poll.state)
        if state is None:
            return Outcome(OutcomeKind.LATER, "hub.half-answer", f"应答中没有{poll.state}", reference, answer=said.raw)
        if state in poll.waiting:
            return Outcome(OutcomeKind.SUBMITTED, state, None, reference, answer=said.raw)
        for row in said.record.findall(f"{{*}}{poll.row}"):
            if (envelope.text(row, poll.key) or "").upper() == key.upper():
                return replace(_read_verdict(poll.statuses, row, said.raw), reference=reference)
        return Outcome(
            OutcomeKind.UNKNOWN, "hub.row-missing", f"批次{batch}已办结，但其中没有此人", reference, answer=said.raw
        )

    # ------------------------------------------------------------ sessions
    def _in_session(self, operation: Operation, content: etree._Element, harmless: bool = False) -> _Said:
        """Post, with a ticket where the contract wants one; a dead ticket is renewed once."""
        session = self._call.session
        if session is None:
            return self._post(operation, content, harmless)
        ticket = self._sessions.current(self._endpoint.agency) or self._renew(None)
        said = self._post_with(operation, content, ticket, harmless)
        if envelope.text(said.record, session.code) not in session.expired:
            return said
        said = self._post_with(operation, content, self._renew(ticket), harmless)
        code = envelope.text(said.record, session.code)
        if code in session.expired:
            _end(OutcomeKind.LATER, code, "刚取得的登录票据又失效：请检查是否有其他程序使用同一账号登录", raw=said.raw)
        return said

    def _post_with(self, operation: Operation, content: etree._Element, ticket: str, harmless: bool) -> _Said:
        assert self._call.session is not None
        found = content.find(f"{{*}}{self._call.session.place}")
        assert found is not None  # put there before the record was validated
        found.text = ticket
        return self._post(operation, content, harmless)

    def _renew(self, stale: str | None) -> str:
        return self._sessions.renew(self._endpoint.agency, stale, self._login)

    def _login(self) -> str:
        session = self._call.session
        assert session is not None
        password = self._endpoint.password or ""
        if session.hash == "md5":
            password = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
        operation = self._contract.operation(self._port, session.operation, "/soap/call/session/operation")
        content = _build(operation, {session.user: self._endpoint.user or "", session.password: password})
        said = self._post(operation, content, harmless=True)
        code, ticket = envelope.text(said.record, session.code), envelope.text(said.record, session.ticket)
        if code in session.granted and ticket:
            return ticket
        message = envelope.text(said.record, session.message) or ""
        verdict = _verdict(session.table, code or "")
        if verdict is not None:
            _end(OutcomeKind(verdict.outcome), code, message, raw=said.raw, retry_after=verdict.retry_after)
        return _end(
            OutcomeKind.LATER,
            code or "hub.half-answer",
            f"登录未成功：{message}；请管理员检查账号和密码",
            raw=said.raw,
            retry_after=AFTER_MENDING,
        )

    # ------------------------------------------------------------ uploads
    def _upload(self, upload: Upload, parcel: Parcel, attachment: Attachment) -> dict[str, str]:
        """Send what the other side lacks of one document, and remember how far it came."""
        agency, delivery = self._endpoint.agency, parcel.delivery
        begun = self._sessions.uploaded(agency, delivery, attachment.sha256)
        identity, received = begun if begun is not None and begun[0] else (None, 0)
        if identity is not None and received >= attachment.size:
            self._resumed.append(attachment.sha256)
            return _reference(upload, attachment, identity)
        document = _opened(attachment)
        operation = self._contract.operation(self._port, upload.operation, "/soap/call/upload/operation")
        turns = len(document) // upload.chunk + 4  # every chunk once, and a few answers that say where to go on
        while identity is None or received < len(document):
            if turns == 0:
                _end(OutcomeKind.LATER, "hub.upload-stuck", f"附件“{attachment.title}”上传没有进展")
            turns -= 1
            piece = document[received : received + upload.chunk]
            values = {
                upload.offset: str(received),
                upload.last: "true" if received + len(piece) >= len(document) else "false",
                upload.data: base64.b64encode(piece).decode("ascii"),
            }
            if identity is not None:
                values[upload.id] = identity
            content = _build(operation, values)
            if self._call.session is not None:
                _put(content, operation.order, self._call.session.place, NOT_YET)
            said = self._in_session(operation, content, harmless=True)
            identity, received = self._uploaded(upload, said, identity, received, len(piece), len(document))
            if identity is not None:
                self._sessions.note_upload(agency, delivery, attachment.sha256, identity, received)
        return _reference(upload, attachment, identity)

    def _uploaded(
        self, upload: Upload, said: _Said, identity: str | None, offset: int, sent: int, size: int
    ) -> tuple[str | None, int]:
        """The upload id and how many bytes are there now, as the answer says."""
        code = envelope.text(said.record, upload.code) or ""
        told = envelope.text(said.record, upload.received) or ""
        there = int(told) if told.isascii() and told.isdigit() else -1
        if code in upload.taken:
            identity = envelope.text(said.record, upload.id) or identity
            if identity is None or there != offset + sent:
                _end(
                    OutcomeKind.LATER,
                    "hub.half-answer",
                    f"上传应答不完整：应已接收{offset + sent}字节，应答为“{told}”",
                    raw=said.raw,
                )
            return identity, there
        if code in upload.elsewhere and identity is not None and 0 <= there <= size:
            return identity, there
        if code in upload.forgotten and identity is not None:
            return None, 0
        verdict = _verdict(upload.table, code) or Verdict("later")
        message = envelope.text(said.record, upload.message) or ""
        return _end(
            OutcomeKind(verdict.outcome),
            code or "hub.half-answer",
            f"附件上传未成功：{message}",
            raw=said.raw,
            retry_after=verdict.retry_after,
        )

    # ------------------------------------------------------------ one request
    def _post(self, operation: Operation, content: etree._Element, harmless: bool = False) -> _Said:
        """Send one body and read the answer's record. `harmless`: sending it again can do nothing that was not done, so
        that what is unknown is simply to be tried later. Raises `_Ended` for all that is no answer of the contract."""
        call, version = self._call, self._port.version
        root = envelope.build(version, copy.deepcopy(content), self._headers(operation))
        headers = {"Content-Type": envelope.content_type(version, call.encoding, operation.action)}
        if version == "1.1":
            headers["SOAPAction"] = f'"{operation.action}"'
        try:
            reply = self._wire.post(
                self._endpoint.url or "",
                envelope.serialise(root, call.encoding),
                headers,
                self._deadline,
                Tls(call.ca, call.certificate, call.key),
                call.limit,
            )
        except NotSent as problem:
            _end(OutcomeKind.LATER, "hub.not-sent", f"没有连上对方系统，报文未发出：{problem}")
        except Lost as problem:
            _end(
                OutcomeKind.LATER if harmless else OutcomeKind.UNKNOWN,
                "hub.lost",
                f"报文已发出，没有收到完整应答：{problem}",
            )
        try:
            return self._open(operation, reply)
        except _Ended as ended:
            if harmless and ended.outcome.kind is OutcomeKind.UNKNOWN:
                raise _Ended(replace(ended.outcome, kind=OutcomeKind.LATER)) from ended
            raise

    def _headers(self, operation: Operation) -> list[etree._Element]:
        credentials = self._options.credentials
        if credentials.style == "header":
            block = etree.Element(operation.headers[credentials.element])
            for name, value in (
                (credentials.user, self._endpoint.user),
                (credentials.password, self._endpoint.password),
            ):
                etree.SubElement(block, f"{{{etree.QName(block).namespace}}}{name}").text = value or ""
            return [block]
        if credentials.style == "wsse-digest":
            return [self._security()]
        return []

    def _security(self) -> etree._Element:
        """A UsernameToken with a nonce and a moment of its own: `Base64(SHA-1(nonce + created + password))`."""
        nonce, created = self._token(16), f"{self._now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        proof = hashlib.sha1(nonce + created.encode() + (self._endpoint.password or "").encode(), usedforsecurity=False)
        security = etree.Element(SECURITY, nsmap={"wsse": WSSE, "wsu": WSU})
        security.set(f"{{{envelope.NAMESPACES[self._port.version]}}}mustUnderstand", "1")
        token = etree.SubElement(security, f"{{{WSSE}}}UsernameToken")
        etree.SubElement(token, f"{{{WSSE}}}Username").text = self._endpoint.user or ""
        password = etree.SubElement(token, f"{{{WSSE}}}Password", Type=PASSWORD_DIGEST)
        password.text = base64.b64encode(proof.digest()).decode("ascii")
        told = etree.SubElement(token, f"{{{WSSE}}}Nonce", EncodingType=BASE64)
        told.text = base64.b64encode(nonce).decode("ascii")
        etree.SubElement(token, f"{{{WSU}}}Created").text = created
        return security

    # ------------------------------------------------------------ reading answers
    def _open(self, operation: Operation, reply: Reply) -> _Said:
        """The record of an answer. A SOAP envelope counts whatever the HTTP status; without one the status decides."""
        charset = _content_type(reply.headers.get("content-type", "")).get("charset")
        try:
            message = envelope.read(envelope.parse(envelope.decode(reply.body, charset)))
        except (Malformed, envelope.NoEnvelope) as problem:
            raise _Ended(_by_status(reply, str(problem), self._call.repeat_safe)) from problem
        if (fault := message.fault) is not None:
            raise _Ended(self._by_fault(fault, reply.body))
        if reply.status >= 300:
            raise _Ended(_by_status(reply, "", self._call.repeat_safe))
        content = message.content
        if content is None or (operation.style == "document" and content.tag != operation.response):
            _end(OutcomeKind.UNKNOWN, "hub.half-answer", f"应答中没有{operation.response}", raw=reply.body)
        if self._options.record.carried == "body":
            return _Said(content, reply.body)
        part = content.find(f"{{*}}{self._options.record.answer or operation.response_parts[0].name}")
        source = _referred(part, message) if part is not None else None
        try:
            return _Said(
                envelope.parse(envelope.without_declaration("" if source is None else source.text or "")), reply.body
            )
        except Malformed as problem:
            _end(OutcomeKind.UNKNOWN, "hub.half-answer", f"应答中的XML文本无法读取：{problem}", raw=reply.body)

    def _by_fault(self, fault: envelope.SoapFault, raw: bytes) -> Outcome:
        told = self._call.faults
        code = envelope.text(fault.detail, told.code)
        message = envelope.text(fault.detail, told.message) or fault.reason
        verdict = (_verdict(told.table, code) if code else None) or _verdict(told.reasons, fault.reason)
        for name in (*reversed(fault.codes), *fault.codes[:1]):
            verdict = verdict or _verdict(told.codes, name)
        if verdict is None:
            # What the receiver says is the sender's was not taken (SOAP 1.1, section 4.4.1); of its own fault nobody knows.
            verdict = Verdict(
                "refused" if fault.codes[:1] in (("Client",), ("MustUnderstand",), ("VersionMismatch",)) else "unknown"
            )
        return Outcome(
            OutcomeKind(verdict.outcome),
            code or ".".join(fault.codes),
            message,
            answer=raw,
            retry_after=verdict.retry_after,
        )


def _by_status(reply: Reply, why: str, repeat_safe: bool) -> Outcome:
    """What an HTTP answer without an envelope means."""
    status, code = reply.status, f"http.{reply.status}"
    if status in (401, 403, 407):
        return Outcome(
            OutcomeKind.LATER,
            code,
            "对方网关拒绝了本系统的身份：请管理员检查账号、证书和白名单",
            answer=reply.body,
            retry_after=AFTER_MENDING,
        )
    if 300 <= status < 400 or status in (404, 405, 410):
        return Outcome(
            OutcomeKind.LATER,
            code,
            f"对方地址不提供此服务（HTTP {status}）：请管理员检查地址",
            answer=reply.body,
            retry_after=AFTER_MENDING,
        )
    if status in (408, 429, 503) or (status in (502, 504) and repeat_safe):
        return Outcome(
            OutcomeKind.LATER,
            code,
            f"对方系统暂不可用（HTTP {status}）",
            answer=reply.body,
            retry_after=reply.retry_after(),
        )
    if status in (502, 504):
        return Outcome(
            OutcomeKind.UNKNOWN, code, f"网关没有等到对方系统的应答（HTTP {status}），不知是否已送达", answer=reply.body
        )
    if 400 <= status < 500:
        return Outcome(OutcomeKind.REFUSED, code, f"对方系统不接受此请求（HTTP {status}）", answer=reply.body)
    shown = "网页" if "html" in reply.media_type else "无法读取的内容"
    return Outcome(
        OutcomeKind.UNKNOWN,
        code if status >= 300 else "hub.unreadable",
        f"应答是{shown}（HTTP {status}）{why[:300]}",
        answer=reply.body,
    )


def _read_verdict(reading: Reading, record: etree._Element, raw: bytes) -> Outcome:
    """The outcome that an answer's code means by its table."""
    code = envelope.text(record, reading.code)
    message = envelope.text(record, reading.message) or None
    number = envelope.text(record, reading.number) or None
    if not code:
        return Outcome(OutcomeKind.UNKNOWN, "hub.half-answer", f"应答中没有{reading.code}", answer=raw)
    verdict = _verdict(reading.table, code) or _said(reading.otherwise)
    receipt = None
    if verdict.receipt is not None:
        receipt = SystemReceipt(
            verdict.receipt == "accepted", None if verdict.receipt == "accepted" else message, number
        )
    return Outcome(OutcomeKind(verdict.outcome), code, message, number, receipt, raw, verdict.retry_after)


def _end(
    kind: OutcomeKind, code: str | None, message: str, raw: bytes = b"", retry_after: float | None = None
) -> NoReturn:
    raise _Ended(Outcome(kind, code, message, answer=raw, retry_after=retry_after))


# ---------------------------------------------------------------- records
def _record(parcel: Parcel) -> etree._Element:
    """The payload with every document's content in its place."""
    try:
        record = envelope.parse(envelope.without_declaration(parcel.payload.decode()))
    except (Malformed, UnicodeDecodeError) as problem:
        _end(OutcomeKind.REFUSED, "hub.payload", f"待发记录不是XML：{problem}")
    by_hash = {attachment.sha256: attachment for attachment in parcel.attachments}
    for element in record.iter():
        found = TOKEN.match((element.text or "").strip()) if isinstance(element.tag, str) else None
        if found is None:
            continue
        if found.group(1) not in by_hash:
            _end(
                OutcomeKind.REFUSED,
                "hub.attachment",
                f"{envelope.place(element)}引用的文书不在附件中：{found.group(1)}",
            )
        element.text = base64.b64encode(_opened(by_hash[found.group(1)])).decode("ascii")
    return record


def _opened(attachment: Attachment) -> bytes:
    try:
        return attachment.open()
    except Exception as problem:  # whatever the document store says: nothing was sent, so it can be tried again
        raise _Ended(
            Outcome(OutcomeKind.LATER, "hub.attachment", f"附件“{attachment.title}”暂时读不出：{problem}")
        ) from problem


def _name_uploads(
    upload: Upload, operation: Operation, content: etree._Element, references: Sequence[Mapping[str, str]]
) -> None:
    """Let the record name these uploads, where the schema's sequence wants it, instead of any that it named before."""
    for named in content.findall(f"{{*}}{upload.reference}"):
        content.remove(named)
    for values in references:
        element = _put(content, operation.order, upload.reference, None)
        for name, value in values.items():
            etree.SubElement(element, f"{{{etree.QName(content).namespace}}}{name}").text = value


def _reference(upload: Upload, attachment: Attachment, identity: str) -> dict[str, str]:
    """What the record says of an uploaded document: child element → text."""
    stem, dot, suffix = attachment.title.rpartition(".")
    known = bool(dot and stem and 1 <= len(suffix) <= 5 and suffix.isascii() and suffix.isalnum())
    extension = suffix.lower() if known else (_TYPES.guess_extension(attachment.media_type) or ".bin")[1:]
    values = {
        "upload": identity,
        "file-name": attachment.title if known else f"{attachment.title}.{extension}",
        "extension": extension,
    }
    return {name: values[what] for name, what in upload.fields.items()}


#: Without the machine's own tables, so that every machine names a file alike.
_TYPES = mimetypes.MimeTypes()


def _build(operation: Operation, values: Mapping[str, str]) -> etree._Element:
    """A request element from texts by local name, in the schema's order."""
    root = etree.Element(operation.request, nsmap={"m": str(etree.QName(operation.request).namespace)})
    for name in operation.order:
        local = str(etree.QName(name).localname)
        if local in values:
            etree.SubElement(root, name).text = values[local]
    return root


def _put(parent: etree._Element, order: Sequence[str], local: str, text: str | None) -> etree._Element:
    """Insert a child where the schema's sequence wants it: before the first that must come after it."""
    name = next(name for name in order if etree.QName(name).localname == local)
    later = set(order[order.index(name) + 1 :])
    element = etree.Element(name)
    element.text = text
    for place, child in enumerate(parent):
        if child.tag in later:
            parent.insert(place, element)
            return element
    parent.append(element)
    return element


# ---------------------------------------------------------------- configuration
#: Sections that were read, by the identity of what they were read from, which is kept so that it stays the same: reading
#: one takes longer than a call's own work.
_read: dict[int, tuple[Mapping[str, object], SoapOptions]] = {}
#: How many are kept; there are a few for each dialect.
_READ_LIMIT = 256


def _load(given: Mapping[str, object], folder: Path | None) -> tuple[SoapOptions, Contract]:
    """The section and its contract. A section may not change once it was used. Raises `ConfigError`."""
    known = _read.get(id(given))
    if known is not None and known[0] is given:
        loaded = known[1]
    else:
        loaded = options.read(SoapOptions, given, "/soap")
        if len(_read) >= _READ_LIMIT:
            _read.clear()
        _read[id(given)] = (given, loaded)
    if folder is None:
        raise ConfigError(
            [
                Fault(
                    "option.folder",
                    "/soap/wsdl",
                    zh="SOAP需要方言目录（WSDL在其中）",
                    en="SOAP needs the dialect's folder, where the WSDL lies",
                )
            ]
        )
    return loaded, contract(folder / loaded.wsdl)


def _call_options(loaded: SoapOptions, agreed: Contract) -> Call:
    if loaded.call is None:
        raise ConfigError(
            [
                Fault(
                    "option.missing",
                    "/soap/call",
                    value=agreed.path.name,
                    zh="方言没有call部分，不能调用对方",
                    en="the dialect has no section `call`; its agencies cannot be called",
                )
            ]
        )
    return loaded.call


def connector() -> SoapConnector:
    """The connector of this transport."""
    return SoapConnector()


def service(agency: str, given: Mapping[str, object], folder: Path) -> SoapService:
    """The service of one agency's contract. The caller keeps it. Raises `ConfigError`."""
    return SoapService(agency, given, folder)


def check(given: Mapping[str, object], folder: Path | None) -> list[Fault]:
    """Everything wrong with a `soap:` section, by JSON Pointers into `transport.yaml`."""
    try:
        loaded, agreed = _load(given, folder)
    except ConfigError as problem:
        return [
            replace(fault, pointer="/soap/wsdl") if fault.rule.startswith("wsdl.") else fault
            for fault in problem.faults
        ]
    faults = _check_encoding(loaded)
    ports: list[Port] = list(agreed.ports.values())
    if loaded.serve is not None:
        for number, name in enumerate(loaded.serve.operations):
            for port in ports:
                faults += _caught(agreed, port, name, f"/soap/serve/operations/{number}")
    if (call := loaded.call) is not None:
        try:
            port = agreed.port(call.port, "/soap/call/port")
        except ConfigError as problem:
            return faults + list(problem.faults)
        ports = [port]
        named = [(name, f"/soap/call/operations/{number}") for number, name in enumerate(call.operations)]
        for part, options_of in (("session", call.session), ("upload", call.upload), ("poll", call.poll)):
            if options_of is not None:
                named.append((options_of.operation, f"/soap/call/{part}/operation"))
        for name, pointer in named:
            faults += _caught(agreed, port, name, pointer)
        faults += _check_tables(call)
        if not faults:
            faults += _check_elements(call, port)
    return faults + (_check_credentials(loaded, ports) if not faults else [])


def _caught(agreed: Contract, port: Port, name: str, pointer: str) -> list[Fault]:
    try:
        agreed.operation(port, name, pointer)
    except ConfigError as problem:
        return list(problem.faults)
    return []


def _check_encoding(loaded: SoapOptions) -> list[Fault]:
    said = [
        (part.encoding, f"/soap/{name}/encoding")
        for name, part in (("serve", loaded.serve), ("call", loaded.call))
        if part is not None
    ]
    return [
        Fault(
            "encoding.unknown",
            pointer,
            value=name,
            zh=f"不支持编码“{name}”，请用UTF-8或GB18030",
            en=f"encoding {name!r} is not supported; use UTF-8 or GB18030",
        )
        for name, pointer in said
        if name.lower() not in envelope.ENCODINGS
    ]


def _check_tables(call: Call) -> list[Fault]:
    """Bare verdicts are words of `OutcomeKind`, which the options' types cannot say for a choice of two."""
    tables: list[tuple[str, Mapping[str, Verdict | str]]] = [
        ("answer/table", call.answer.table),
        ("answer", {"otherwise": call.answer.otherwise}),
        ("faults/table", call.faults.table),
        ("faults/reasons", call.faults.reasons),
        ("faults/codes", call.faults.codes),
    ]
    for name, part in (("session", call.session), ("upload", call.upload), ("poll", call.poll)):
        if part is not None:
            tables.append((f"{name}/table", part.table))
    if call.poll is not None:
        tables.append(("poll/statuses/table", call.poll.statuses.table))
    kinds = [kind.value for kind in OutcomeKind]
    return [
        Fault(
            "option.type",
            f"/soap/call/{place}/{code}",
            value=said,
            zh=f"“{said}”不对，应为以下之一：{', '.join(kinds)}",
            en=f"{said!r} is wrong; wanted one of {', '.join(kinds)}",
        )
        for place, table in tables
        for code, said in table.items()
        if isinstance(said, str) and said not in kinds
    ]


def _check_elements(call: Call, port: Port) -> list[Fault]:
    """Element names that the options put into requests must be in the schema."""
    wanted: list[tuple[str, str, str]] = []
    if (session := call.session) is not None:
        wanted += [
            (session.operation, session.user, "session/user"),
            (session.operation, session.password, "session/password"),
        ]
        named = [*call.operations, *(part.operation for part in (call.upload, call.poll) if part is not None)]
        wanted += [(name, session.place, "session/place") for name in named]
    if (upload := call.upload) is not None:
        wanted += [
            (upload.operation, getattr(upload, name), f"upload/{name}") for name in ("id", "offset", "last", "data")
        ]
        wanted += [(name, upload.reference, "upload/reference") for name in call.operations]
    if call.poll is not None:
        wanted.append((call.poll.operation, call.poll.reference, "poll/reference"))
    return [
        Fault(
            "wsdl.element",
            f"/soap/call/{place}",
            value=element,
            zh=f"WSDL的操作{operation}中没有元素“{element}”",
            en=f"the operation {operation} of the WSDL has no element {element!r}",
        )
        for operation, element, place in wanted
        if element not in {etree.QName(name).localname for name in port.operations[operation].order}
    ]


def _check_credentials(loaded: SoapOptions, ports: Sequence[Port]) -> list[Fault]:
    credentials, faults = loaded.credentials, []
    operations = [operation for port in ports for operation in port.operations.values()]
    if credentials.style == "header" and any(credentials.element not in operation.headers for operation in operations):
        faults.append(
            Fault(
                "wsdl.header",
                "/soap/credentials/element",
                value=credentials.element,
                zh=f"WSDL没有消息头“{credentials.element}”",
                en=f"the WSDL has no header block {credentials.element!r}",
            )
        )
    parts = {part.name for operation in operations for part in operation.request_parts}
    wanted = (
        [("credentials/user", credentials.user), ("credentials/password", credentials.password)]
        if credentials.style == "parts"
        else []
    )
    if loaded.record.carried == "part":
        wanted.append(("record/part", loaded.record.part))
    faults += [
        Fault(
            "wsdl.part", f"/soap/{place}", value=name, zh=f"WSDL没有参数“{name}”", en=f"the WSDL has no part {name!r}"
        )
        for place, name in wanted
        if name not in parts
    ]
    if credentials.style == "login" and loaded.call is not None and loaded.call.session is None:
        faults.append(
            Fault(
                "option.missing",
                "/soap/call/session",
                zh="login方式需要session部分",
                en="the style `login` needs a section `session`",
            )
        )
    return faults
