"""The simulated city platform: tickets, chunked uploads, batches decided later, and codes in 200 answers."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from tests.integration.simulators.conftest import Start
from tests.integration.simulators.running import PASSWORD, USER, Running, sample, wait_until

C = "http://sqjz.jining.example/ws"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
NS = {"c": C}
MD5 = hashlib.md5(PASSWORD.encode()).hexdigest()
KIB512 = 512 * 1024


@dataclass(frozen=True)
class Answer:
    """The answer element's direct children by name (None: nil), and its rows."""

    values: dict[str, str | None]
    rows: list[dict[str, str]]

    @property
    def code(self) -> int:
        return int(self.values["code"] or -1)

    def __getitem__(self, name: str) -> str:
        value = self.values[name]
        assert value is not None
        return value


class Caller:
    """Calls by hand, with the ticket that it was given last."""

    def __init__(self, city: Running) -> None:
        self.city = city
        self.ticket = ""

    def call(self, operation: str, body: str) -> Answer:
        text = (
            f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><c:{operation} xmlns:c="{C}">'
            f"{body}</c:{operation}></s:Body></s:Envelope>"
        )
        answer = self.city.post(text, {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'})
        assert answer.status_code == 200, answer.text
        element = etree.fromstring(answer.content).find(f".//c:{operation}Response", NS)
        assert element is not None
        values = {
            etree.QName(child).localname: None if child.get(f"{{{XSI}}}nil") else child.text or ""
            for child in element
            if len(child) == 0
        }
        rows = [{etree.QName(cell).localname: cell.text or "" for cell in row} for row in element.iterfind("c:row", NS)]
        return Answer(values, rows)

    def login(self, password: str = MD5, account: str = USER) -> Answer:
        answer = self.call("login", f"<c:account>{account}</c:account><c:md5Password>{password}</c:md5Password>")
        if answer.code == 0:
            self.ticket = answer["ticket"]
        return answer

    def upload(self, data: bytes, offset: int = 0, last: bool = True, upload_id: str | None = None) -> Answer:
        given = "" if upload_id is None else f"<c:uploadId>{upload_id}</c:uploadId>"
        return self.call(
            "uploadChunk",
            (
                f"<c:ticket>{self.ticket}</c:ticket>{given}<c:offset>{offset}</c:offset><c:last>{str(last).lower()}</c:last>"
                f"<c:data>{base64.b64encode(data).decode()}</c:data>"
            ),
        )

    def submit(self, message_id: str, subjects: Iterable[str], uploads: Iterable[str] = ()) -> Answer:
        attached = "".join(
            f"<c:attachment><c:uploadId>{upload}</c:uploadId><c:fileName>判决书.pdf</c:fileName><c:fileType>pdf</c:fileType>"
            "</c:attachment>"
            for upload in uploads
        )
        return self.call(
            "submit",
            (
                f"<c:ticket>{self.ticket}</c:ticket><c:messageId>{escape(message_id)}</c:messageId>"
                f"<c:businessType>RJ</c:businessType><c:fromUnit>370826</c:fromUnit>{''.join(subjects)}{attached}"
            ),
        )

    def query(self, batch_no: str) -> Answer:
        return self.call("query", f"<c:ticket>{self.ticket}</c:ticket><c:batchNo>{batch_no}</c:batchNo>")

    def decided(self, batch_no: str) -> list[dict[str, str]]:
        """The rows, asked for until the batch is decided."""

        def done() -> Answer | None:
            answer = self.query(batch_no)
            return answer if answer["state"] == "1" else None

        found: Answer = wait_until(done, f"batch {batch_no} decided")
        return found.rows


def subject(*changes: tuple[str, str]) -> str:
    """The vendor's subject 孙某甲, with replacements."""
    text = sample("city-submit-request.xml").decode()
    text = text[text.index("<c:subject>") : text.index("</c:subject>") + len("</c:subject>")]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def numbered(serial: int) -> str:
    """An ID number with its check character."""
    body = f"3708261985{serial // 28 % 12 + 1:02d}{serial % 28 + 1:02d}{serial % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


@pytest.fixture
def city(start: Start) -> Running:
    return start("city", "bureau.370826")


@pytest.fixture
def caller(city: Running) -> Caller:
    caller = Caller(city)
    assert caller.login().code == 0
    return caller


# ---------------------------------------------------------------- tickets
def test_a_login_needs_the_md5_in_lower_case(city: Running) -> None:
    caller = Caller(city)
    for wrong in (MD5.upper(), PASSWORD, ""):
        answer = caller.login(wrong if wrong != PASSWORD else "plain")
        assert (answer.code, answer.values["ticket"]) == (403, None)
    assert caller.login(account="other").code == 403
    assert caller.login().code == 0
    assert city.outcomes == ["refused"] * 4 + ["login"]
    assert MD5 not in city.last["request"]
    assert caller.ticket not in city.last["answer"]


def test_no_ticket_and_an_old_one_are_code_401_in_a_200_answer(city: Running) -> None:
    first, second = Caller(city), Caller(city)
    assert first.query("PC1").code == 401
    first.login()
    assert first.query("PC1").code == 404
    second.login()
    assert first.query("PC1").code == 401, "a second login kills the older ticket"
    assert second.query("PC1").code == 404


def test_a_ticket_dies_after_its_calls(start: Start) -> None:
    caller = Caller(start("city", "bureau.370826", "--set", "ticket-calls=3"))
    caller.login()
    assert [caller.query("PC1").code for _ in range(4)] == [404, 404, 404, 401]
    caller.login()
    assert caller.query("PC1").code == 404


def test_a_ticket_dies_after_its_time_and_on_order(start: Start) -> None:
    caller = Caller(start("city", "bureau.370826", "--set", "ticket-seconds=1"))
    caller.login()
    wait_until(lambda: caller.query("PC1").code == 401, "the ticket is over")
    caller.login()
    caller.city.arm("expire")
    assert caller.query("PC1").code == 401


def test_a_ticket_and_its_count_survive_a_kill(start: Start) -> None:
    caller = Caller(start("city", "bureau.370826", "--set", "ticket-calls=3"))
    caller.login()
    caller.query("PC1")
    caller.city.kill()
    caller.city.start_again()
    assert [caller.query("PC1").code for _ in range(3)] == [404, 404, 401]


# ---------------------------------------------------------------- uploads
def test_a_document_goes_up_in_chunks_and_goes_on_after_a_kill(caller: Caller) -> None:
    content = bytes(range(256)) * 5000  # 1.28 MB: three chunks
    first = caller.upload(content[:KIB512], last=False)
    assert (first.code, first["received"]) == (0, str(KIB512))
    caller.city.kill()
    caller.city.start_again()
    upload = first["uploadId"]
    assert caller.upload(content[KIB512 : 2 * KIB512], KIB512, False, upload).code == 0
    last = caller.upload(content[2 * KIB512 :], 2 * KIB512, True, upload)
    assert (last.code, last["received"], last["uploadId"]) == (0, str(len(content)), upload)
    assert caller.submit("M1", [subject()], [upload]).code == 0
    [document] = caller.city.last["record"]["documents"]
    assert document["sha256"] == hashlib.sha256(content).hexdigest()
    assert document["size"] == len(content)


def test_an_offset_that_does_not_fit_says_where_to_go_on(caller: Caller) -> None:
    upload = caller.upload(b"x" * 100, last=False)["uploadId"]
    for offset in (0, 50, 101):
        answer = caller.upload(b"y" * 10, offset, False, upload)
        assert (answer.code, answer["received"]) == (416, "100")
    assert caller.upload(b"y" * 10, 100, True, upload).code == 0
    done = caller.upload(b"y" * 10, 100, True, upload)  # the answer was lost, the chunk comes again
    assert (done.code, done["received"]) == (416, "110")
    assert caller.upload(b"y", 5).code == 416, "a new upload begins at 0"
    assert caller.upload(b"y", 0, True, "unknown").code == 404


def test_a_chunk_of_512_kib_is_the_largest(caller: Caller) -> None:
    too_large = caller.upload(b"x" * (KIB512 + 1))
    assert (too_large.code, too_large.values["uploadId"], too_large["received"]) == (413, None, "0")
    assert caller.upload(b"x" * KIB512).code == 0
    assert caller.upload(b"").code == 0


def test_only_finished_uploads_can_be_attached(caller: Caller) -> None:
    upload = caller.upload(b"half", last=False)["uploadId"]
    assert caller.submit("M1", [subject()], [upload]).code == 404
    assert caller.submit("M1", [subject()], ["unknown"]).code == 404
    caller.upload(b"whole", 4, True, upload)
    assert caller.submit("M1", [subject()], [upload]).code == 0


# ---------------------------------------------------------------- batches
def test_a_batch_is_decided_later_with_a_status_for_each_person(start: Start) -> None:
    caller = Caller(start("city", "bureau.370826", "--set", "polls=2"))
    caller.login()
    refused = subject(("370826198509172110", "37082619790214041X"), ("<c:xb>男", "<c:xb>1"))
    batch = caller.submit("M1", [subject(), refused])["batchNo"]
    assert [caller.query(batch)["state"] for _ in range(3)] == ["0", "0", "1"]
    accepted, returned = caller.query(batch).rows
    assert accepted == {"sfzh": "370826198509172110", "status": "0", "rybh": "JN00000001"}
    assert returned == {"sfzh": "37082619790214041X", "status": "1", "reason": "数据项不合规：xb=1"}


def test_a_person_already_known_is_status_2_with_his_number(caller: Caller) -> None:
    first = caller.decided(caller.submit("M1", [subject()])["batchNo"])
    again = caller.decided(caller.submit("M2", [subject()])["batchNo"])
    assert [row["status"] for row in first + again] == ["0", "2"]
    assert first[0]["rybh"] == again[0]["rybh"]


def test_a_message_id_gives_the_same_batch_and_no_other_content(caller: Caller) -> None:
    upload = caller.upload(b"%PDF")["uploadId"]
    batch = caller.submit("M1", [subject()], [upload])["batchNo"]
    caller.login()  # another ticket, another upload of the same bytes: the same content
    assert caller.submit("M1", [subject()], [caller.upload(b"%PDF")["uploadId"]])["batchNo"] == batch
    other = caller.submit("M1", [subject(("孙某甲", "孙某乙"))], [upload])
    assert (other.code, other.values["batchNo"]) == (409, None)
    assert caller.submit("M1", [subject()], [caller.upload(b"%PDF-2")["uploadId"]]).code == 409
    submits = [entry for entry in caller.city.journal if entry["operation"] == "submit"]
    assert [entry["outcome"] for entry in submits] == ["accepted", "duplicate", "refused", "refused"]
    assert submits[0]["digest"] == submits[1]["digest"]


def test_fifty_persons_go_and_fifty_one_do_not(caller: Caller) -> None:
    subjects = [subject(("370826198509172110", numbered(serial))) for serial in range(51)]
    assert caller.submit("M1", subjects).code == 400
    rows = caller.decided(caller.submit("M2", subjects[:50])["batchNo"])
    assert [row["status"] for row in rows] == ["0"] * 50
    assert len({row["rybh"] for row in rows}) == 50


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("370826198509172110", "370826198509172111"),
        ("1985-09-17", "19850917"),
        ("<c:jzlb>02", "<c:jzlb>2"),
        ("370826108001", "370826108002"),
        ("<c:ypxq>2月", "<c:ypxq>0年2月"),
        ("<c:jzqx>4月", "<c:jzqx>4"),
        ("<c:gtjzdqh>370826<", "<c:gtjzdqh>370826108<"),
        ("<c:pjsxrq>2021-03-12", "<c:pjsxrq>"),
        ("<c:jzzr>2021-07-11", "<c:jzzr>2021-02-30"),
    ],
)
def test_a_field_that_breaks_a_rule_is_a_return_with_its_reason(caller: Caller, old: str, new: str) -> None:
    [row] = caller.decided(caller.submit("M1", [subject((old, new))])["batchNo"])
    assert row["status"] == "1"
    assert row["reason"].startswith("数据项不合规：")


def test_several_penalties_are_joined(caller: Caller) -> None:
    [row] = caller.decided(caller.submit("M1", [subject(("<c:ypxq>2月", "<c:ypxq>2年6月、8月"))])["batchNo"])
    assert row["status"] == "0"


def test_what_the_schema_forbids_is_code_400(caller: Caller) -> None:
    assert caller.submit("M1", []).code == 400
    assert caller.submit("M1", [subject(("<c:xb>男</c:xb>", ""))]).code == 400
    assert caller.submit("", [subject()]).code == 400
    assert caller.call("query", f"<c:ticket>{caller.ticket}</c:ticket>").code == 400


def test_batches_and_persons_survive_a_kill(caller: Caller) -> None:
    batch = caller.submit("M1", [subject()])["batchNo"]
    assert caller.query(batch)["state"] == "0"
    caller.city.kill()
    caller.city.start_again()
    assert caller.query(batch)["state"] == "1"
    assert caller.submit("M1", [subject()])["batchNo"] == batch
    assert caller.decided(caller.submit("M2", [subject()])["batchNo"])[0]["status"] == "2"


# ---------------------------------------------------------------- faults
def test_busy_hours_are_answered_as_the_vendor_writes_them(caller: Caller) -> None:
    caller.city.arm("busy", operation="submit")
    assert caller.query("PC1").code == 404, "the fault waits for its operation"
    text = (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><c:submit xmlns:c="{C}"/></s:Body>'
        "</s:Envelope>"
    )
    answer = caller.city.post(text, {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": ""})
    ours, vendors = (
        etree.fromstring(content)[0][0] for content in (answer.content, sample("city-submit-busy-response.xml"))
    )
    assert [(child.tag, child.text, dict(child.attrib)) for child in ours] == [
        (child.tag, child.text, dict(child.attrib)) for child in vendors
    ]
    caller.city.arm("busy", times=2)
    assert caller.login().code == 503
    assert caller.query("PC1").code == 503
    assert caller.city.outcomes.count("busy") == 3


def test_refusals_and_waits_on_order(caller: Caller) -> None:
    caller.city.arm("refuse", reason="材料不齐", sfzh="370826198509172110")
    other = subject(("370826198509172110", "37082619790214041X"))
    rows = caller.decided(caller.submit("M1", [subject(), other])["batchNo"])
    assert [row["status"] for row in rows] == ["1", "0"]
    assert rows[0]["reason"] == "材料不齐"
    caller.city.arm("duplicate")
    batch = caller.submit("M2", [subject()])["batchNo"]
    caller.city.arm("wait", times=3)
    assert [caller.query(batch)["state"] for _ in range(4)] == ["0", "0", "0", "1"]
    assert caller.decided(batch)[0]["status"] == "2"
    caller.city.arm("code", code=500, message="数据库异常")
    assert caller.query(batch).values["message"] == "数据库异常"


def test_many_submits_at_once_get_numbers_of_their_own(caller: Caller) -> None:
    answers: list[str] = []

    def one(serial: int) -> None:
        mine = Caller(caller.city)
        mine.ticket = caller.ticket
        answers.append(mine.submit(f"M{serial}", [subject(("370826198509172110", numbered(serial)))])["batchNo"])

    threads = [threading.Thread(target=one, args=(serial,)) for serial in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 16
    given = {row["rybh"] for entry in caller.city.journal if entry["operation"] == "submit" for row in entry["rows"]}
    assert len(given) == 16
