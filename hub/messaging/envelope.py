"""What stands in a frame: which delivery was released, and for the how-manieth time. Nothing else, and nobody's data."""

from __future__ import annotations

import json
from dataclasses import dataclass

#: Rises when a reader of the old form could misunderstand the new one. Old and new processes share queues during an
#: upgrade, so a reader refuses what it does not know and the store releases it again.
VERSION = 1

#: No note is near this size in bytes; what is longer was not written by a hub.
LONGEST = 1024


class NotAReleaseNote(ValueError):
    """The bytes are no release note of a version known here; says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class ReleaseNote:
    """Delivery `delivery` has been released for the `release`th time (1, 2, …). A worker attempts it only if the store
    still says this number."""

    delivery: str
    release: int


def encode(note: ReleaseNote) -> bytes:
    """The note as a frame's body, about 60 bytes of JSON."""
    written = {"v": VERSION, "delivery": note.delivery, "release": note.release}
    return json.dumps(written, separators=(",", ":"), ensure_ascii=False).encode()


def decode(body: bytes) -> ReleaseNote:
    """The note that `encode` wrote. Raises `NotAReleaseNote`."""
    if len(body) > LONGEST:
        raise NotAReleaseNote(f"{len(body)} bytes are too many for a release note (at most {LONGEST})")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAReleaseNote(f"not JSON: {body[:80]!r}") from error
    if not isinstance(found, dict):
        raise NotAReleaseNote(f"not a JSON object: {body[:80]!r}")
    version, delivery, release = found.get("v"), found.get("delivery"), found.get("release")
    if type(version) is not int or version != VERSION:
        raise NotAReleaseNote(f"version {version!r}; this hub reads version {VERSION}")
    if not isinstance(delivery, str) or not delivery:
        raise NotAReleaseNote(f"`delivery` must be the id of a delivery, not {delivery!r}")
    if type(release) is not int or release < 1:
        raise NotAReleaseNote(f"`release` must be a number from 1, not {release!r}")
    return ReleaseNote(delivery, release)
