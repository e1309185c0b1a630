"""What the walk of the whole chart needs: a county that is reached by inboxes alone, who is meant there by each word of the
chart, and records made from the exchanges' own schemas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hub import configuration
from hub.api.bundle import record_schema
from hub.domain.exchanges import Exchange
from hub.settings import ROOT
from tests.acceptance.records import id_number, unique

CHART = configuration.load(ROOT / "mappings").catalogue

#: The agency of each kind that sends in the walk; others where an exchange's own sense wants them.
SENDS = {
    "court": "court.370826",
    "procuratorate": "procuratorate.370826",
    "prison": "prison.370800",
    "prison-admin": "prison-admin.370000",
    "detention": "detention.370826",
    "police": "police.370826",
    "station": "station.370826108",
    "bureau": "bureau.370826",
    "office": "office.370826108",
    "township": "township.370826108",
    "village": "village.370826108201",
    "committee": "committee.370826",
    "education": "education.370826",
    "exit-entry": "exit-entry.370826",
    "justice-head": "justice-head.370826",
}
SENT_BY = {
    "supervision.relocation-forwarded": "bureau.370828",
    "supervision.relocation-no-show": "bureau.370828",
    "sanction.commutation": "bureau.370800",
}

#: Who is meant in the walk by the words of the chart. Written by hand: the hub's own resolver is what is tried.
WHO: Mapping[str, tuple[str, ...]] = {
    "execution": ("bureau.370826",),
    "bureau@residence": ("bureau.370826",),
    "office@residence": ("office.370826108",),
    "township@residence": ("township.370826108",),
    "village@residence": ("village.370826108201",),
    "station@residence": ("station.370826108",),
    "education@residence": ("education.370826",),
    "procuratorate@residence": ("procuratorate.370826",),
    "procuratorate@execution": ("procuratorate.370826",),
    "procuratorate@sender": ("procuratorate.370826",),
    "procuratorate@old-place": ("procuratorate.370826",),
    "procuratorate@new-place": ("procuratorate.370828",),
    "police@execution": ("police.370826",),
    "police@sender": ("police.370826",),
    "police@incident": ("police.370826",),
    "police@old-place": ("police.370826",),
    "police@new-place": ("police.370828",),
    "bureau@new-place": ("bureau.370828",),
    "bureau@old-place": ("bureau.370826",),
    "committee@sender": ("committee.370826",),
    "court@execution-city": ("court.370800",),
    "justice-head@sender": ("justice-head.370826",),
    "exit-entry": ("exit-entry.370826",),
    "decision": ("court.370826",),
    "revoking-court": ("court.370826",),
    "recommitting-organ": ("court.370826",),
    "original-court": ("court.370800",),
    "custody": ("prison.370800",),
    "file-holder": ("prison.370800",),
    "overseen": ("bureau.370826",),
    "programme-prison": ("prison.370800",),
    "programme-bureau": ("bureau.370826",),
    "parent": ("bureau.370826",),
    "plan-participants": (
        "bureau.370826",
        "office.370826108",
        "station.370826108",
        "township.370826108",
        "village.370826108201",
        "police.370826",
        "procuratorate.370826",
        "committee.370826",
    ),
    "hub": (),
}
#: Where a word means another agency, for one exchange.
ELSEWHERE = {("sanction.commutation", "procuratorate@sender"): ("procuratorate.370800",)}
#: Copies that are not sent in the walk, and why.
NOT_SENT = {
    ("supervision.relocation-transfer", "procuratorate@new-place"): "under the Measures of 2012 only",
    ("supervision.relocation-transfer", "police@new-place"): "under the Measures of 2012 only",
}

#: What the records of some exchanges say beside the person and the case.
SAID: Mapping[str, Mapping[str, Any]] = {
    "assessment.request": {"assessment": {"questions": "是否适宜社区矫正"}},
    "admission.report-in": {"report_in": {"note": "本人持判决书报到"}},
    "admission.escort": {"correction": {"category": "temporary-execution"}},
    "admission.parole-handover": {"correction": {"category": "parole"}},
    "supervision.health-review": {
        "correction": {"category": "temporary-execution"},
        "health": {"temporary_execution_ground": "保外就医"},
    },
    "supervision.relocation-consult": {"relocation": {"old_place": "370826", "new_place": "370828"}},
    "supervision.relocation-transfer": {
        "relocation": {"old_place": "370826", "new_place": "370828"},
        "correction": {"execution_place": "370828"},
    },
    "supervision.relocation-forwarded": {
        "relocation": {"old_place": "370826", "new_place": "370828"},
        "correction": {"execution_place": "370828"},
    },
    "supervision.relocation-no-show": {"relocation": {"old_place": "370826", "new_place": "370828"}},
    "sanction.revoke-parole": {
        "correction": {"category": "parole"},
        "custody": {"file_holder": "prison.370800"},
    },
    "sanction.recommitment": {"correction": {"category": "temporary-execution"}},
    "sanction.revoked-by-trial": {"revocation": {"original_court": "court.370800"}},
    "sanction.delivery-to-custody": {"custody": {"agency": "prison.370800"}},
    "education.prison-visit": {"programme": {"prison": "prison.370800"}},
    "education.inmate-talk": {"programme": {"bureau": "bureau.370826"}},
    "assistance.schooling": {"person": {"minor": True}},
    "discharge.completion": {"correction": {"outcome": "期满"}},
    "discharge.termination": {"correction": {"outcome": "死亡"}},
    "discharge.death": {
        "correction": {"category": "temporary-execution"},
        "custody": {"file_holder": "prison.370800"},
    },
    "oversight.opinion": {"oversight": {"addressed_to": "bureau.370826"}},
}


def by_inbox(config: Path) -> None:
    """Every agency of a configuration takes what is for it from its inbox."""
    for path in sorted((config / "agencies").glob("*.yaml")):
        agency = yaml.safe_load(path.read_text(encoding="utf-8"))
        agency.pop("speaks", None)
        agency["reach"] = [{"transport": "inbox"}]
        path.write_text(yaml.safe_dump(agency, allow_unicode=True), encoding="utf-8")


def someone() -> dict[str, Any]:
    """A person of his own, on probation in the county, with a case of his own."""
    number = id_number()
    return {
        "person": {
            "name": f"段某{number[-4:]}",
            "id_number": number,
            "residence": {"place": "370826108201", "text": "山东省济宁市微山县马坡镇"},
        },
        "case": {
            "number": f"(2021)鲁0826刑初{unique() + 5000}号",
            "deciding_agency": "court.370826",
            "effective_on": "2021-03-12",
        },
        "correction": {"category": "probation", "execution_place": "370826", "report_by": "2021-03-22"},
    }


def record_of(exchange: Exchange, who: Mapping[str, Any]) -> dict[str, Any]:
    """A record that fits the exchange's schema: what it asks for, about this person."""
    facts = {} if exchange.about == "none" else who
    return merged(merged(required(exchange.id), facts), SAID.get(exchange.id, {}))


def required(exchange: str) -> dict[str, Any]:
    """The least that the schema of an exchange's record asks for."""
    schema = record_schema(exchange)
    found: dict[str, Any] = _sample(schema, schema)
    return found


def _sample(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    schema = _whole(schema, root)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = list(schema.get("required", ())) or list(properties)[: schema.get("minProperties", 0)]
        return {name: _sample(properties[name], root) for name in wanted}
    if kind == "array":
        return [_sample(schema["items"], root)] * schema.get("minItems", 0)
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if schema.get("format") == "date":
        return "2021-03-15"
    if schema.get("format") == "date-time":
        return "2021-03-15T09:00:00+08:00"
    expects = schema.get("x-expects", {}).get("en", "")
    return "370826" if "place code" in expects else "bureau.370826" if "agency id" in expects else "情况属实"


def _whole(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed and the parts that must hold at once put together."""
    if "$ref" in schema:
        return _whole(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    whole = dict(schema)
    for part in whole.pop("allOf", ()):
        further = _whole(part, root)
        for key, value in further.items():
            if key == "properties":
                kept = dict(whole.get("properties", {}))
                for name, inner in value.items():
                    kept[name] = {"allOf": [kept[name], inner]} if name in kept else inner
                whole["properties"] = kept
            elif key == "required":
                whole["required"] = [*dict.fromkeys([*whole.get("required", ()), *value])]
            else:
                whole.setdefault(key, value)
    return whole


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two records as one; where both say something, `above` counts."""
    found = dict(below)
    for key, value in above.items():
        mine = found.get(key)
        found[key] = merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return found


def sender_of(exchange: Exchange) -> str:
    return SENT_BY.get(exchange.id) or SENDS[exchange.senders[0]]


def stranger_to(exchange: Exchange) -> str:
    """An agency of a kind that may not send the exchange."""
    return next(agency for kind, agency in SENDS.items() if kind not in exchange.senders)


def main_recipients(exchange: Exchange, sender: str, asked_by: str | None) -> set[str]:
    """Who must act on it, by hand: those whom its words mean, whoever asked, and never the sender of an alert."""
    found = {agency for word in exchange.to for agency in _meant(exchange, word, asked_by)}
    return found - {sender} if "plan-participants" in exchange.to else found


def copied(exchange: Exchange, sender: str, asked_by: str | None) -> set[str]:
    """Who is informed, by hand: a main recipient and the sender get no copy beside."""
    words = {copy.role for copy in exchange.copies if (exchange.id, copy.role) not in NOT_SENT}
    found = {agency for word in words for agency in _meant(exchange, word, asked_by)}
    return found - main_recipients(exchange, sender, asked_by) - {sender}


def _meant(exchange: Exchange, word: str, asked_by: str | None) -> tuple[str, ...]:
    if word == "requester":
        assert asked_by is not None, f"{exchange.id} answers nothing"
        return (asked_by,)
    return ELSEWHERE.get((exchange.id, word)) or WHO[word]


@cache
def asked_for(answer: str) -> Exchange:
    """The first exchange that is answered by this one."""
    return CHART.exchanges[CHART.answered_by(answer)[0]]
