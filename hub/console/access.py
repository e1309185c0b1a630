"""Who may open the console before people have accounts: whoever sits at the hub's own machine, and nobody else.

docs/decisions/030-console-access.md says why, and how an operator reaches it from elsewhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

#: A request with one of these came through a proxy: its first sender is somebody else than its address says.
FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"})

#: Nothing is run, framed, guessed or fetched from elsewhere, and nothing personal stays in a cache.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOT_KEPT = "no-store"


def allowed(address: str | None, host: str, headers: Iterable[str]) -> bool:
    """Whether a request comes from this machine itself.

    `address` is the caller's, `headers` the names of what the request brings. `host` is what it calls this server: a page
    of another site that has its name point here (DNS rebinding) comes from this machine too, but under its own name.
    """
    return _is_loopback(address) and _names_loopback(host) and FORWARDED.isdisjoint(name.lower() for name in headers)


def _is_loopback(address: str | None) -> bool:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _names_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)
