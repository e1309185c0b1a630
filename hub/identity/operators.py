"""The people who work on the hub: a name, roles, and a secret that is shown once and kept as an Argon2id hash (RFC 9106)."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from hub.domain.faults import Conflict, Fault, HubError, NotFound, Refused
from hub.domain.mapping_versions import ADMINISTRATOR, ROLES, Operator
from hub.flow.parts import Hub
from hub.workshop.governance import allowed

#: Argon2id with memory and passes of the second recommended option of RFC 9106, section 4: 64 MiB, three passes. One lane,
#: because OpenSSL takes the lanes' threads from one pool, and two hashes that want four each can wait for each other for ever.
LENGTH, ITERATIONS, LANES, MEMORY = 32, 3, 1, 64 * 1024
#: Each takes its 64 MiB: guessing at a hundred names at once must not take the hub's memory.
_ONE_AT_A_TIME = threading.Lock()
#: Whoever comes when so many wait is sent away: guessing must not take the threads that answer everybody else.
_IN_LINE = threading.BoundedSemaphore(4)
#: What a person may be called; the name stands in the audit for good.
NAME = re.compile(r"[\w][\w.@-]{0,62}")
#: Names under which the hub itself acts.
TAKEN = frozenset({"hub", "files", "operator"})
#: What the `client_id` of a person begins with, where an agency's is its own.
CLIENT = "operator:"


class Busy(HubError):
    """More logins at once than are looked at; another try in a moment will do."""

    status, kind = 503, "unavailable"


class WrongSecret(HubError):
    """The person is not who they say they are. Does not tell whether there is such a person."""

    status, kind = 401, "unauthorized"


def add(hub: Hub, name: str, roles: Iterable[str], by: Operator | None) -> dict[str, Any]:
    """A new person and the secret, shown this once. `by` is an administrator; None adds the first one, who must be one.

    Raises `Refused` for a name or roles that cannot be, `Conflict` for a name that was given before, `NotAllowed`.
    """
    wanted = frozenset(roles)
    if not NAME.fullmatch(name) or name in TAKEN:
        raise Refused(
            [
                Fault(
                    "operator.name",
                    "/name",
                    "姓名应为1至63个文字、数字或._@-，且不能是hub、files、operator",
                    "a name is 1 to 63 letters, digits or ._@-, and none of hub, files, operator",
                    value=name,
                )
            ]
        )
    if not wanted or wanted - set(ROLES):
        raise Refused(
            [
                Fault(
                    "operator.roles",
                    "/roles",
                    f"角色应为{'、'.join(ROLES)}中的一个或几个",
                    f"roles are one or more of {', '.join(ROLES)}",
                    value=",".join(sorted(wanted)),
                )
            ]
        )
    if by is None and ADMINISTRATOR not in wanted:
        raise Refused(
            [
                Fault(
                    "operator.first",
                    "/roles",
                    f"第一个人须有{ADMINISTRATOR}的角色；此后由其添加他人（--as）",
                    f"the first one must be an {ADMINISTRATOR}, who then adds others (--as)",
                    value=name,
                )
            ]
        )
    if by is not None:
        allowed(by, "operators")
    secret = secrets.token_urlsafe(24)
    if not hub.operators.add(name, wanted, _hash(secret), by.name if by else "hub", first=by is None):
        raise Conflict(
            [
                Fault(
                    "operator.taken",
                    "/name",
                    f"姓名“{name}”用过了，或已有管理人员而未以--as说明您是谁",
                    f"the name {name!r} was given before, or there are operators and --as does not say who you are",
                    value=name,
                )
            ]
        )
    return {"name": name, "roles": sorted(wanted), "client_id": CLIENT + name, "secret": secret}


def remove(hub: Hub, name: str, by: Operator) -> None:
    """Somebody who does not work here any more: tokens end at once, the name stays in the audit."""
    allowed(by, "operators")
    left = [
        one for one in hub.operators.all() if one.removed_at is None and ADMINISTRATOR in one.roles and one.name != name
    ]
    if not left:
        raise Conflict(
            [
                Fault(
                    "operator.last",
                    "",
                    f"{name}是最后一个{ADMINISTRATOR}，不能移除",
                    f"{name} is the last {ADMINISTRATOR} and cannot be removed",
                    value=name,
                )
            ]
        )
    if not hub.operators.remove(name, by.name):
        raise NotFound([Fault("operator.unknown", "", f"没有“{name}”这个人", f"there is no {name!r}", value=name)])


def identify(hub: Hub, name: str, secret: str) -> Operator:
    """The person who knows the secret of this name. Takes as long for a name that there is not. Raises `WrongSecret`."""
    if not _IN_LINE.acquire(blocking=False):
        raise Busy(
            [Fault("auth.busy", "", "正在核对的登录过多，请稍后再试", "too many logins at once: try again in a moment")]
        )
    try:
        found = hub.operators.find(name)
        right = _matches(found[1] if found else _nobody(), secret)
    finally:
        _IN_LINE.release()
    if not right or found is None or found[0].removed_at is not None:
        raise WrongSecret([Fault("auth.operator", "", "姓名或口令不正确", "wrong name or secret")])
    return found[0]


def named(hub: Hub, name: str) -> Operator | None:
    """The person of a token, as long as they work here."""
    found = hub.operators.find(name)
    return found[0] if found and found[0].removed_at is None else None


def _kdf(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=LENGTH, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY)


def _hash(secret: str) -> str:
    with _ONE_AT_A_TIME:
        return _kdf(os.urandom(16)).derive_phc_encoded(secret.encode())


def _matches(known: str, secret: str) -> bool:
    with _ONE_AT_A_TIME:
        try:
            Argon2id.verify_phc_encoded(secret.encode(errors="replace"), known)
        except InvalidKey:
            return False
    return True


@cache
def _nobody() -> str:
    """The hash of a secret that nobody knows: what is compared with where there is no such person."""
    return _hash(secrets.token_urlsafe(24))
