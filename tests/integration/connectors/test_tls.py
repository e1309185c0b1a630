"""TLS with certificates of a closed network: its own authority, and a certificate of the hub's own."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scripted import REPLY, MemorySessions, Script, always, court_answer, endpoint, parcel

from connectors.soap import SoapConnector
from hub.ports import OutcomeKind


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key, as files; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agency")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")


@pytest.mark.parametrize("mutual", [False, True])
def test_an_authority_of_ones_own_is_believed_when_it_is_named(
    mutual: bool, certificate: tuple[str, str], serve: Callable[..., Script], sessions: MemorySessions
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    if mutual:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(certificate[0])
    script = serve(always(200, court_answer()), tls)
    facts = {"operation": "ReceiveReply"}
    own = {"ca": certificate[0], **({"certificate": certificate[0], "key": certificate[1]} if mutual else {})}
    believed = endpoint("court", script.url, change=lambda given: given["call"].update(own))
    connector = SoapConnector()
    for _ in range(2):
        assert connector.call(believed, parcel(REPLY, facts), sessions).kind is OutcomeKind.DONE
    assert len({got.port for got in script.got}) == 1
    stranger = connector.call(endpoint("court", script.url), parcel(REPLY, facts), sessions)
    assert (stranger.kind, stranger.code) == (OutcomeKind.LATER, "hub.not-sent")
    assert "certificate" in (stranger.message or "").lower()
