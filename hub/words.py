"""Says what the timeline holds in words that a clerk understands, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.flow.parts import Hub

STATUS: dict[str, tuple[str, str]] = {
    "accepted": ("已受理", "accepted"),
    "parked": ("待人工处理", "needs a person"),
    "delivering": ("送达中", "on its way"),
    "delivered": ("已送达", "delivered"),
    "answered": ("已回执", "answered"),
    "refused": ("已拒收", "refused"),
    "withdrawn": ("已撤回", "withdrawn"),
    "kept": ("系统留存", "kept by the hub"),
    "waiting": ("排队", "waiting its turn"),
    "ready": ("待发送", "ready"),
    "released": ("待发送", "released"),
    "attempting": ("发送中", "being sent"),
    "submitted": ("对方处理中", "being decided there"),
    "returned": ("被退回", "returned"),
    "unknown": ("结果不明", "outcome unknown"),
    "under_way": ("在途", "under way"),
    "owed": ("待回复", "answer owed"),
    "overdue": ("超期", "overdue"),
}
ROLES: dict[str, tuple[str, str]] = {"to": ("主送", "to"), "copy": ("抄送", "copy")}
CHANNELS: dict[str, tuple[str, str]] = {
    "soap": ("SOAP接口", "SOAP"),
    "http": ("HTTP接口", "HTTP"),
    "hub": ("系统代转", "the hub"),
}


def pick(pair: tuple[str, str], language: str) -> str:
    return pair[1] if language.startswith("en") else pair[0]


def status(name: str, language: str = "zh") -> str:
    """A transfer's or delivery's status as a word."""
    return pick(STATUS.get(name, (name, name)), language)


def tell(hub: Hub, event: Mapping[str, Any], language: str = "zh") -> str:
    """One line of the timeline as a sentence."""
    teller = _TELLERS.get(event["kind"])
    if teller is None:
        return str(event["kind"])
    return pick(teller(hub, event["facts"], hub.agency_name(event["agency"], language), language), language)


Facts = Mapping[str, Any]
Teller = Callable[[Hub, Facts, str, str], tuple[str, str]]


def _faults(facts: Facts, language: str) -> str:
    en = language.startswith("en")
    parts = []
    for fault in facts.get("faults") or []:
        place = fault.get("xpath") or fault.get("pointer") or ""
        parts.append(f"{place}{': ' if en and place else '：' if place else ''}{fault['en' if en else 'zh']}")
    return "; ".join(parts) if en else "；".join(parts)


def _exchange(hub: Hub, facts: Facts, language: str) -> str:
    found = hub.catalogue.get(str(facts.get("exchange")))
    return found.label(language) if found else str(facts.get("exchange"))


def _said(facts: Facts) -> str:
    return str(facts.get("message") or facts.get("code") or "")


def _batch(facts: Facts) -> str:
    """The batch number of a reference, without the person in it."""
    return str(facts.get("reference") or "—").partition("|")[0]


def _received(hub: Hub, facts: Facts, agency: str, language: str) -> tuple[str, str]:
    zh, en = CHANNELS.get(str(facts["channel"]), ("", ""))
    return f"{agency}通过{zh}发来一件（编号{facts['key']}）", f"{agency} sent one by {en} (key {facts['key']})"


def _accepted(hub: Hub, facts: Facts, agency: str, language: str) -> tuple[str, str]:
    what = _exchange(hub, facts, language)
    extra = (
        (f"，另有{facts['unmapped']}个未映射字段已保留", f"; {facts['unmapped']} unmapped fields are kept")
        if facts.get("unmapped")
        else ("", "")
    )
    return (
        f"受理{agency}的“{what}”：{facts.get('label') or '—'}{extra[0]}",
        f"{what} of {agency} accepted: {facts.get('label') or '—'}{extra[1]}",
    )


def _reason(facts: Facts, language: str) -> str:
    reason = facts.get("reason") or {}
    return str(reason.get("en" if language.startswith("en") else "zh", ""))


_TELLERS: dict[str, Teller] = {
    "submission.received": _received,
    "submission.repeated": lambda hub, f, a, lang: (
        f"{a}再次发来同一件（编号{f['key']}），给出原来的答复",
        f"{a} sent the same again (key {f['key']}); it got the first answer",
    ),
    "submission.refused": lambda hub, f, a, lang: (
        f"未接收{a}发来的一件（编号{f['key'] or '—'}）：{_faults(f, lang)}",
        f"one from {a} was refused (key {f['key'] or '—'}): {_faults(f, lang)}",
    ),
    "transfer.accepted": _accepted,
    "transfer.parked": lambda hub, f, a, lang: (
        f"{f.get('label') or '—'}：待人工处理——{_faults(f, lang)}",
        f"{f.get('label') or '—'} needs a person: {_faults(f, lang)}",
    ),
    "transfer.warned": lambda hub, f, a, lang: (f"请注意：{f['zh']}", f"Note: {f['en']}"),
    "transfer.held": lambda hub, f, a, lang: (
        f"暂缓：{f['zh']}（未办结的有{len(f['pending'])}件）",
        f"On hold: {f['en']} ({len(f['pending'])} not answered yet)",
    ),
    "transfer.kept": lambda hub, f, a, lang: (
        "由系统留存，不再送往其他单位",
        "kept by the hub; it is handed on to nobody",
    ),
    "transfer.replied": lambda hub, f, a, lang: (
        f"{a}已答复：{_exchange(hub, f, lang)}",
        f"{a} has answered: {_exchange(hub, f, lang)}",
    ),
    "transfer.unparked": lambda hub, f, a, lang: (
        "重新确定接收单位，继续送达",
        "recipients were found again; it goes on",
    ),
    "delivery.queued": lambda hub, f, a, lang: (
        f"{ROLES[f['role']][0]}{a}" + ("（排在本案前一件之后）" if f.get("waiting") else ""),
        f"{ROLES[f['role']][1]}: {a}" + (" (behind an earlier one of this case)" if f.get("waiting") else ""),
    ),
    "copy.nobody": lambda hub, f, a, lang: (
        f"有一份抄送没有接收单位：{f['fault']['zh']}",
        f"a copy has nobody to go to: {f['fault']['en']}",
    ),
    "delivery.delivered": lambda hub, f, a, lang: (
        f"已送达{a}" + ("（对方此前已收到）" if f.get("duplicate") else ""),
        f"delivered to {a}" + (" (it had it already)" if f.get("duplicate") else ""),
    ),
    "delivery.submitted": lambda hub, f, a, lang: (
        f"已提交{a}，等待对方处理（批次{_batch(f)}）",
        f"submitted to {a}, which decides later (batch {_batch(f)})",
    ),
    "delivery.later": lambda hub, f, a, lang: (
        f"暂时送不到{a}，稍后再送（第{f['attempt']}次：{_said(f)}）",
        f"{a} cannot be reached now, will be tried again (attempt {f['attempt']}: {_said(f)})",
    ),
    "delivery.repeat": lambda hub, f, a, lang: (
        f"不确定{a}是否收到，将以同一编号重发（{_said(f)}）",
        f"not known whether {a} has it; sent again under the same id ({_said(f)})",
    ),
    "delivery.unknown": lambda hub, f, a, lang: (f"{a}：{_reason(f, lang)}", f"{a}: {_reason(f, lang)}"),
    "delivery.parked": lambda hub, f, a, lang: (
        f"送{a}一件待人工处理：{_reason(f, lang)}",
        f"the one to {a} needs a person: {_reason(f, lang)}",
    ),
    "delivery.redelivered": lambda hub, f, a, lang: (
        f"人工安排重新送达{a}",
        f"sent to {a} again by a person's decision",
    ),
    "case.in-force": lambda hub, f, a, lang: (
        f"判决已生效（{f['effective_on']}），此前等待的送达继续",
        f"the decision is in force ({f['effective_on']}); what waited for it goes on",
    ),
    "receipt.accepted": lambda hub, f, a, lang: (
        f"{a}回执：受理" + (f"（编号{f['number']}）" if f.get("number") else ""),
        f"{a} accepted it" + (f" (number {f['number']})" if f.get("number") else ""),
    ),
    "receipt.returned": lambda hub, f, a, lang: (
        f"{a}退回：{f.get('reason') or '—'}",
        f"{a} returned it: {f.get('reason') or '—'}",
    ),
    "receipt.forwarded": lambda hub, f, a, lang: (f"回执转达{a}", f"the receipt goes back to {a}"),
    "responsibility.moved": lambda hub, f, a, lang: (
        f"监管责任：{a}" + (f"（此前为{hub.agency_name(f.get('before'), lang)}）" if f.get("before") else ""),
        f"{a} answers for the person"
        + (f" (before: {hub.agency_name(f.get('before'), lang)})" if f.get("before") else ""),
    ),
    "responsibility.ended": lambda hub, f, a, lang: (
        f"监管责任终止：{a}不再负责（{_exchange(hub, f, lang)}）",
        f"responsibility has ended: {a} answers no more ({_exchange(hub, f, lang)})",
    ),
    "responsibility.dispute": lambda hub, f, a, lang: (
        f"监管责任有疑问：{f['zh']}",
        f"responsibility in dispute: {f['en']}",
    ),
}
