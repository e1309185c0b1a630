"""The simulated police platform: UsernameToken digests, patterns, coded faults, XXID as its duplicate check."""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from tests.integration.simulators.conftest import Start
from tests.integration.simulators.running import PASSWORD, USER, Running, sample

T = "urn:ga:jzxt:types:v2"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
NS = {"t": T, "wsse": WSSE, "wsu": WSU}
HEADERS = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '"urn:ga:jzxt:v2:tsRyxx"'}


def created(offset: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + offset).strftime("%Y-%m-%dT%H:%M:%SZ")


def push(
    *changes: tuple[str, str],
    xxid: str = "HUB-1",
    nonce: bytes | None = None,
    moment: str | None = None,
    user: str = USER,
    password: str = PASSWORD,
    kind: str | None = None,
) -> bytes:
    """The vendor's sample with a token of now; `changes` are replacements in its text."""
    text = sample("police-TsRyxx-request.xml").decode().replace("<XXID>...</XXID>", f"<XXID>{xxid}</XXID>")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    root = etree.fromstring(text.encode())
    nonce, moment = nonce or os.urandom(16), moment or created()
    digest = hashlib.sha1(nonce + moment.encode() + password.encode()).digest()
    values = {
        "wsse:Username": user,
        "wsse:Password": base64.b64encode(digest).decode(),
        "wsse:Nonce": base64.b64encode(nonce).decode(),
        "wsu:Created": moment,
    }
    token = root.find(".//wsse:UsernameToken", NS)
    assert token is not None
    for name, value in values.items():
        element = token.find(name, NS)
        assert element is not None
        element.text = value
        if kind and name == "wsse:Password":
            element.set("Type", kind)
            element.text = password
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def code_of(content: bytes) -> str | None:
    """CWDM of a YwYc fault; "0" for an acceptance."""
    root = etree.fromstring(content)
    if root.find(".//t:TsRyxxYd", NS) is not None:
        return "0"
    return root.findtext(".//detail/t:YwYc/CWDM", namespaces=NS)


@pytest.fixture
def police(start: Start) -> Running:
    return start("police", "police.370826")


def test_a_record_is_accepted_and_the_same_xxid_gets_the_first_acceptance(police: Running) -> None:
    first = police.post(push(), HEADERS)
    assert first.status_code == 200
    accepted = etree.fromstring(first.content).find(".//t:TsRyxxYd", NS)
    assert accepted is not None
    assert [child.tag for child in accepted] == ["XXID", "SLBH", "SLSJ"]
    assert accepted.findtext("XXID") == "HUB-1"
    assert police.post(push(), HEADERS).content == first.content
    one, two = police.journal
    assert (one["outcome"], two["outcome"], one["key"]) == ("accepted", "duplicate", "HUB-1")
    assert one["digest"] == two["digest"]
    assert one["record"]["name"] == "孙某甲"
    assert one["record"]["documents"] == [
        {"title": "刑事判决书.pdf", "size": 15, "sha256": hashlib.sha256(b"%PDF-1.4\n%\xc7\xec\x8f\xa2\n").hexdigest()}
    ]


def test_the_same_xxid_with_other_content_is_cf02_as_the_vendor_writes_it(police: Running) -> None:
    police.post(push(), HEADERS)
    answer = police.post(push(("孙某甲", "孙某乙")), HEADERS)
    assert answer.status_code == 500
    vendors = etree.fromstring(sample("police-fault-CF02.xml"))
    ours = etree.fromstring(answer.content)
    assert etree.tostring(ours, method="c14n") == etree.tostring(vendors, method="c14n")
    assert police.outcomes == ["accepted", "refused"]


def test_a_nonce_is_good_once_even_for_the_same_message_and_across_a_kill(police: Running) -> None:
    message = push(nonce=b"0123456789abcdef")
    assert code_of(police.post(message, HEADERS).content) == "0"
    assert code_of(police.post(message, HEADERS).content) == "CF04"
    police.kill()
    police.start_again()
    assert code_of(police.post(message, HEADERS).content) == "CF04"
    assert code_of(police.post(push(), HEADERS).content) == "0"
    assert code_of(police.post(push(("孙某甲", "孙某乙")), HEADERS).content) == "CF02"
    assert police.outcomes == ["accepted", "refused", "refused", "duplicate", "refused"]


@pytest.mark.parametrize(("minutes", "wanted"), [(-6, "CF05"), (6, "CF05"), (-4, "0"), (4, "0")])
def test_the_clock_may_be_off_by_five_minutes_of_real_time(police: Running, minutes: int, wanted: str) -> None:
    assert code_of(police.post(push(moment=created(timedelta(minutes=minutes))), HEADERS).content) == wanted


def test_created_may_have_fractions_and_must_have_a_zone(police: Running) -> None:
    fine = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert code_of(police.post(push(moment=fine), HEADERS).content) == "0"
    assert code_of(police.post(push(moment=fine[:-1], xxid="2"), HEADERS).content) == "CF05"
    assert code_of(police.post(push(moment="2021", xxid="3"), HEADERS).content) == "CF05"


def test_wrong_credentials_are_cf03(police: Running) -> None:
    plain = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
    without = etree.fromstring(push())
    header = without[0]
    header.clear()
    for message in (push(user="other"), push(password="wrong"), push(kind=plain), etree.tostring(without)):
        answer = police.post(message, HEADERS)
        assert (answer.status_code, code_of(answer.content)) == (500, "CF03")
    assert police.outcomes == ["refused"] * 4


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("<CSRQ>19850917</CSRQ>", "<CSRQ>1985-09-17</CSRQ>"), "CF01"),  # the schema's pattern
        (("<CSRQ>19850917</CSRQ>", "<CSRQ>19850932</CSRQ>"), "CF01"),  # fits the pattern, is no day
        (("370826198509172110", "370826198509172111"), "CF01"),  # check digit
        (("<XM>孙某甲</XM>", ""), "CF01"),
        (("<XM>孙某甲</XM>", "<XM> </XM>"), "CF01"),
        (("<JZLBDM>2</JZLBDM>", "<JZLBDM>5</JZLBDM>"), "CF01"),
        (("<RYXX>", "<t:RYXX>"), None),  # not well-formed: no coded fault
        (("<YWDM>RJCS</YWDM>", "<YWDM>XXXX</YWDM>"), "CF06"),
        (("<XBDM>1</XBDM>", "<XBDM>男</XBDM>"), "CF06"),
        (("<XZZXZQHDM>370826</XZZXZQHDM>", "<XZZXZQHDM>370826108</XZZXZQHDM>"), "CF06"),
        (("危险驾驶罪", "危险驾驶"), "CF06"),
        (("<FSSJ>20210315092000</FSSJ>", "<FSSJ>20210315992000</FSSJ>"), "CF01"),
        (('mc="刑事判决书.pdf"', ""), "CF01"),
    ],
)
def test_what_does_not_fit_is_a_coded_fault(police: Running, change: tuple[str, str], wanted: str | None) -> None:
    if wanted is None:
        answer = police.post(push().replace(change[0].encode(), change[1].encode()), HEADERS)
    else:
        answer = police.post(push(change), HEADERS)
    assert answer.status_code == 500
    assert code_of(answer.content) == wanted
    assert code_of(police.post(push(), HEADERS).content) == "0", "a refused record does not use up its XXID"


def test_qualified_children_are_not_this_contract(police: Running) -> None:
    answer = police.post(push(("<XXID>", "<t:XXID>"), ("</XXID>", "</t:XXID>")), HEADERS)
    assert code_of(answer.content) == "CF01"


def test_the_action_may_be_empty_but_not_another_ones(police: Running) -> None:
    assert code_of(police.post(push(), {**HEADERS, "SOAPAction": '""'}).content) == "0"
    assert "does not match an operation" in police.post(push(), {**HEADERS, "SOAPAction": '"other"'}).text
    soap12 = push().replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope")
    assert "VersionMismatch" in police.post(soap12, HEADERS).text


def test_busy_and_other_faults_on_order(police: Running) -> None:
    police.arm("busy")
    assert code_of(police.post(push(), HEADERS).content) == "CF09"
    police.arm("code", code="CF88", message="维护中")
    assert code_of(police.post(push(), HEADERS).content) == "CF88"
    police.arm("refuse", reason="人员不在本辖区")
    answer = police.post(push(), HEADERS)
    assert code_of(answer.content) == "CF07"
    assert "人员不在本辖区" in answer.text
    police.arm("server-fault")
    message = push()
    answer = police.post(message, HEADERS)
    assert (code_of(answer.content), "soap:Server" in answer.text) == (None, True)
    assert code_of(police.post(message, HEADERS).content) == "CF04", "the nonce was used up all the same"
    assert police.outcomes == ["busy", "refused", "refused", "fault", "refused"]


def test_a_character_outside_gbk_arrives(police: Running) -> None:
    police.post(push(("孙某甲", "周㴔"), ("<XBDM>", "<BMCH>周大</BMCH><BMCH>㴔子</BMCH><XBDM>")), HEADERS)
    assert police.last["record"]["name"] == "周㴔"
    assert police.last["record"]["other_names"] == ["周大", "㴔子"]
