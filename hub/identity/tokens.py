"""OAuth 2 client credentials (RFC 6749, 4.4): short-lived signed tokens that name the agency."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

import jwt

from hub.domain.faults import Fault, HubError
from hub.flow.parts import Hub
from hub.identity.credentials import digest

LIFETIME = 3600  # seconds
ALGORITHM = "HS256"


class BadCredentials(HubError):
    """The client is not who it says it is."""

    status, kind = 401, "unauthorized"


def issue(hub: Hub, client_id: str, client_secret: str) -> dict[str, Any]:
    """The token answer `{access_token, token_type, expires_in}`. Raises `BadCredentials`."""
    with hub.store.read() as unit:
        credential = unit.credential_by_client(client_id)
    known = credential.client_secret_hash if credential else digest("")
    if not hmac.compare_digest(known, digest(client_secret)) or credential is None:
        raise BadCredentials(
            [Fault("auth.client", "", "client_id或client_secret不正确", "wrong client_id or client_secret")]
        )
    now = hub.clock.technical()
    claims = {"sub": credential.agency, "cid": client_id, "iat": now, "exp": now + timedelta(seconds=LIFETIME)}
    return {
        "access_token": jwt.encode(claims, hub.token_key, ALGORITHM),
        "token_type": "Bearer",
        "expires_in": LIFETIME,
    }


def agency_of(hub: Hub, bearer: str) -> str | None:
    """The agency that a token stands for, or None when it is forged, over, or its credential was replaced."""
    try:
        claims = jwt.decode(bearer, hub.token_key, [ALGORITHM], options={"require": ["sub", "cid", "exp"]})
    except jwt.InvalidTokenError:
        return None
    with hub.store.read() as unit:
        credential = unit.credential_by_client(claims["cid"])
    if credential is None or credential.agency != claims["sub"] or credential.agency not in hub.agencies:
        return None
    return credential.agency
