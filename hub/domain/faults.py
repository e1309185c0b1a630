"""What is wrong with what somebody handed in, said once for every channel.

A fault names the rule that was broken, the place (JSON Pointer in the canonical record, XPath in the foreign one), the
value found, and in both languages what would be right. HTTP, SOAP, CLI and console all print the same fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong at one place.

    `rule`     stable id such as `code.unknown`, `id-number.check-digit`, `place.no-agency`
    `pointer`  JSON Pointer into the canonical record or the request body; "" is the whole of it
    `xpath`    place in the foreign record, where there is one: an XPath; a JSON Pointer, or line and column, in other formats
    `value`    the offending value, shortened to 200 characters for display
    `zh`/`en`  one sentence each: what is wrong and what would be accepted
    `source`   where the rule stands, e.g. `mappings/dialects/prison/parole-handover.yaml:14`
    """

    rule: str
    pointer: str
    zh: str
    en: str
    xpath: str | None = None
    value: Any = None
    source: str | None = None

    def message(self, language: str = "zh") -> str:
        return self.en if language.startswith("en") else self.zh

    def as_error(self, language: str = "zh") -> dict[str, Any]:
        """The shape of `errors[]` in problem+json."""
        found: dict[str, Any] = {"pointer": self.pointer, "rule": self.rule, "message": self.message(language)}
        if self.xpath:
            found["xpath"] = self.xpath
        if self.value is not None:
            found["value"] = str(self.value)[:200]
        if self.source:
            found["source"] = self.source
        return found

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "pointer": self.pointer,
            "zh": self.zh,
            "en": self.en,
            "xpath": self.xpath,
            "value": None if self.value is None else str(self.value)[:200],
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Fault:
        return cls(**found)


class HubError(Exception):
    """Base of the errors that the hub says to somebody; carries the faults and the HTTP status they stand for."""

    status = 500
    kind = "internal"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.pointer or f.xpath or '/'}: {f.en}" for f in faults))
        self.faults = tuple(faults)


class Malformed(HubError):
    """The bytes are not what they claim to be (XML, JSON, encoding)."""

    status, kind = 400, "malformed"


class NotAllowed(HubError):
    """The sender may not do this (not its exchange, not its transfer)."""

    status, kind = 403, "not-allowed"


class NotFound(HubError):
    """No such thing, or none that the asker may see."""

    status, kind = 404, "not-found"


class Conflict(HubError):
    """The key was used before with other content, or the state does not allow this any more."""

    status, kind = 409, "conflict"


class Refused(HubError):
    """The record breaks rules; every fault of it is named."""

    status, kind = 422, "refused"
