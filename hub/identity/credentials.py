"""What an agency uses to call the hub: a client id and secret for HTTP, a user name and password for SOAP."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from hub.domain.faults import Fault, NotFound
from hub.domain.stored import Credential
from hub.flow.parts import Hub


def digest(secret: str) -> str:
    """SHA-256, which is enough for secrets of 256 random bits: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(hub: Hub, agency: str, soap_user: str | None = None, soap_password: str | None = None) -> dict[str, Any]:
    """New credentials for an agency; the old ones end at once. Shown this once only.

    A legacy sender whose envelope is fixed keeps the SOAP user name and password that it already sends.
    """
    if agency not in hub.agencies:
        raise NotFound(
            [Fault("agency.unknown", "", f"没有单位“{agency}”", f"there is no agency {agency!r}", value=agency)]
        )
    issued = {
        "agency": agency,
        "client_id": f"{agency}.{secrets.token_hex(4)}",
        "client_secret": secrets.token_hex(32),
        "soap_user": soap_user or f"ws-{agency}",
        "soap_password": soap_password or secrets.token_hex(12),
    }
    with hub.store.begin() as unit:
        unit.set_credential(
            Credential(
                agency,
                issued["client_id"],
                digest(issued["client_secret"]),
                issued["soap_user"],
                hub.seal.seal(issued["soap_password"]),
            )
        )
    return issued
