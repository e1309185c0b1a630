"""OAuth 2 client credentials (RFC 6749, 4.4): short-lived signed tokens that name the agency, or the person."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

import jwt

from hub.domain.faults import Fault, HubError, NotAllowed
from hub.domain.mapping_versions import Operator
from hub.flow.parts import Hub
from hub.identity import operators
from hub.identity.credentials import digest

LIFETIME = 3600  # seconds
ALGORITHM = "HS256"


_WRONG = Fault("auth.client", "", "client_id或client_secret不正确", "wrong client_id or client_secret")


class BadCredentials(HubError):
    """The client is not who it says it is."""

    status, kind = 401, "unauthorized"


def issue(hub: Hub, client_id: str, client_secret: str) -> dict[str, Any]:
    """The token answer `{access_token, token_type, expires_in}`. Raises `BadCredentials`."""
    if client_id.startswith(operators.CLIENT):
        subject = _operator_subject(hub, client_id, client_secret)
    else:
        subject = _agency_subject(hub, client_id, client_secret)
    now = hub.clock.technical()
    claims = {"sub": subject, "cid": client_id, "iat": now, "exp": now + timedelta(seconds=LIFETIME)}
    return {
        "access_token": jwt.encode(claims, hub.token_key, ALGORITHM),
        "token_type": "Bearer",
        "expires_in": LIFETIME,
    }


def _operator_subject(hub: Hub, client_id: str, client_secret: str) -> str:
    try:
        return operators.identify(hub, client_id.removeprefix(operators.CLIENT), client_secret).name
    except operators.WrongSecret as error:
        raise BadCredentials([_WRONG]) from error


def _agency_subject(hub: Hub, client_id: str, client_secret: str) -> str:
    with hub.store.read() as unit:
        credential = unit.credential_by_client(client_id)
    known = credential.client_secret_hash if credential else digest("")
    if not hmac.compare_digest(known, digest(client_secret)) or credential is None:
        raise BadCredentials([_WRONG])
    return credential.agency


def operator_of(hub: Hub, bearer: str) -> Operator | None:
    """The person that a token stands for, or None when it is forged or over, or the person does not work here any more.
    Raises `NotAllowed` for an agency's token: what only people may do."""
    claims = _claims(hub, bearer)
    if claims is None:
        return None
    if not claims["cid"].startswith(operators.CLIENT):
        raise NotAllowed(
            [
                Fault(
                    "operator.only",
                    "",
                    "这是管理人员的操作，不能以单位的凭据进行（hub operator add）",
                    "this is for people who work on the hub, not for an agency's credentials (hub operator add)",
                )
            ]
        )
    return operators.named(hub, claims["sub"])


def agency_of(hub: Hub, bearer: str) -> str | None:
    """The agency that a token stands for, or None when it is forged, over, or its credential was replaced."""
    claims = _claims(hub, bearer)
    if claims is None:
        return None
    with hub.store.read() as unit:
        credential = unit.credential_by_client(claims["cid"])
    if credential is None or credential.agency != claims["sub"] or credential.agency not in hub.agencies:
        return None
    return credential.agency


def _claims(hub: Hub, bearer: str) -> dict[str, Any] | None:
    try:
        claims: dict[str, Any] = jwt.decode(
            bearer, hub.token_key, [ALGORITHM], options={"require": ["sub", "cid", "exp"]}
        )
    except jwt.InvalidTokenError:
        return None
    return claims
