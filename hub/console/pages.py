"""The console's pages: read what was asked, look it up, render. No page changes anything."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import Blueprint, g, redirect, render_template, request, send_file, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotFound as NoSuchPage
from werkzeug.wrappers import Response as AnyResponse

from hub import words
from hub.chart import Choice, breadth, legend, passed, phase, plan, whole
from hub.chart.picture import STYLE
from hub.console import access, coverage_page, language, replay_pages
from hub.console.band import NEXT_ROOM, band, wrapped
from hub.console.lineage import table_of
from hub.console.mapping_pages import views
from hub.console.messages import Readable, Secrets, readable
from hub.console.record import RecordTable
from hub.domain.faults import Fault, HubError, Refused
from hub.flow import explain
from hub.flow.parts import Hub
from hub.flow.receipts import RECEIPT
from hub.store import chart_counts, console_queries, passages, queries
from hub.translation.documents import file_name

log = logging.getLogger(__name__)

PAGE = 50
#: Business time may be set (for exercises); when it is further off than this, pages say which of the two times is meant.
SHIFT = timedelta(minutes=10)
#: The style sheet indents so many levels of a message.
DEEPEST = 12
#: What a list of transfers can be narrowed to; `person` is the hub's own id, so that no ID number stands in an address.
FILTERS = ("case", "person", "exchange", "agency", "state")
#: How well the source of an exchange is founded (`checked` in the chart).
FOUNDED: Mapping[str, tuple[str, tuple[str, str]]] = {
    "law": ("good", ("已核对法律条文", "read in the statute")),
    "secondary": ("fair", ("依据地方文件或现行系统", "from local papers or working software")),
    "no": ("poor", ("未核对原文", "not read in the source")),
}
STRENGTHS: Mapping[str, tuple[str, str]] = {
    "recorded": ("本系统记录", "recorded by the hub"),
    "attested": ("本系统代证", "attested by the hub"),
    "signed": ("单位签名", "signed by the agency"),
}
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "done": ("已送达", "reached"),
    "duplicate": ("对方已有", "there already"),
    "refused": ("被拒", "refused"),
    "later": ("暂不可达", "not now"),
    "submitted": ("对方处理中", "being decided"),
    "unknown": ("结果不明", "unknown"),
}
RECEIPTS: Mapping[str, tuple[str, str]] = {"accepted": ("受理", "accepted"), "returned": ("退回", "returned")}
TRANSPORTS: Mapping[str, tuple[str, str]] = {
    "soap": ("SOAP接口", "SOAP"),
    "rest": ("REST推送", "REST webhook"),
    "inbox": ("收件箱", "inbox"),
    "amqp": ("AMQP队列", "AMQP"),
    "files": ("文件", "files"),
}
#: How a state is shown: good, open, warn (a person should look), bad (a person must act).
TONES: Mapping[str, str] = {
    "accepted": "open",
    "delivering": "open",
    "waiting": "quiet",
    "ready": "open",
    "released": "open",
    "attempting": "open",
    "submitted": "open",
    "delivered": "good",
    "answered": "good",
    "kept": "good",
    "parked": "bad",
    "unknown": "bad",
    "returned": "warn",
    "refused": "bad",
    "withdrawn": "quiet",
}


def console(hub: Hub) -> Blueprint:
    """The pages as a blueprint at /console. Only requests from this machine are answered (`hub.console.access`)."""
    pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates", static_folder="static")
    desk = _Desk(hub)
    pages.before_request(_guard)
    pages.after_request(_finish)
    pages.context_processor(desk.words)
    pages.register_error_handler(HubError, _say_faults)
    pages.register_error_handler(HTTPException, _say_http)
    pages.register_error_handler(Exception, _say_failure)
    for rule, name, view in (
        ("", "transfers", desk.transfers),
        ("/", "transfers_too", desk.transfers),
        ("/refused", "refusals", desk.refusals),
        ("/refused/<submission>", "refusal", desk.refusal),
        ("/transfers/<transfer>", "transfer", desk.transfer),
        ("/transfers/<transfer>/lineage", "lineage", desk.lineage),
        ("/persons", "persons", desk.persons),
        ("/persons/<person>", "person", desk.person),
        ("/agencies", "agencies", desk.agencies),
        ("/chart", "chart", desk.chart),
        ("/chart.svg", "chart_file", desk.chart_file),
        ("/chart.css", "chart_style", _chart_style),
        ("/documents/<transfer>/<int:number>", "document", desk.document),
        ("/<path:anything>", "nothing", _nothing),
    ):
        pages.add_url_rule(rule, name, view, methods=["GET"])
    for rule, name, view in zip(("/mappings", "/mappings/<version>"), ("mappings", "mapping"), views(hub), strict=True):
        pages.add_url_rule(rule, name, view, methods=["GET"])
    pages.add_url_rule("/replays/<run>", "replay", replay_pages.view(hub), methods=["GET"])
    pages.add_url_rule("/mappings/<dialect>/coverage", "coverage", coverage_page.view(hub), methods=["GET"])
    pages.add_url_rule("/search", "search", desk.search, methods=["POST"])
    return pages


# ------------------------------------------------------------------ around every page
def _guard() -> tuple[str, int] | None:
    """Chooses the language; ends the request where the caller is not on this machine."""
    g.language = language.chosen(
        request.args.get("lang"), request.cookies.get(language.COOKIE), request.accept_languages
    )
    if not access.allowed(request.remote_addr, request.host, request.headers.keys()):
        return render_template("console/closed.html"), 403
    return None


def _finish(response: AnyResponse) -> AnyResponse:
    for name, value in access.HEADERS.items():
        response.headers[name] = value
    static = request.endpoint == "console.static"
    response.headers["Cache-Control"] = (
        "private, max-age=3600" if static and response.status_code < 400 else access.NOT_KEPT
    )
    if not static:
        response.headers["Vary"] = "Cookie, Accept-Language"
        response.headers["Content-Language"] = language.TAGS[_language()]
        if request.args.get("lang") in language.LANGUAGES:
            response.set_cookie(
                language.COOKIE,
                _language(),
                max_age=language.COOKIE_DAYS * 86400,
                path="/console",
                httponly=True,
                samesite="Lax",
            )
    return response


def _language() -> str:
    found: str = g.get("language", "zh")
    return found


def _say_faults(error: HubError) -> tuple[str, int]:
    return render_template(
        "console/trouble.html", status=error.status, faults=[fault.as_dict() for fault in error.faults]
    ), error.status


def _say_http(error: HTTPException) -> AnyResponse | tuple[str, int]:
    if error.code is None or error.code < 400:
        return error.get_response()
    return render_template("console/trouble.html", status=error.code, faults=[]), error.code


def _say_failure(error: Exception) -> tuple[str, int]:
    """The hub's own mistake, under a number that the log has too."""
    number = secrets.token_hex(6)
    log.error("failure %s: GET %s", number, request.path, exc_info=error)
    return render_template("console/trouble.html", status=500, faults=[], number=number), 500


def _chart_style() -> AnyResponse:
    """The chart's own look, which its files carry within them."""
    return send_file(STYLE, "text/css")


def _nothing(anything: str) -> str:
    raise NoSuchPage


def _pick(pair: tuple[str, str]) -> str:
    return words.pick(pair, _language())


# ------------------------------------------------------------------ the pages
class _Desk:
    """The views, with the hub they look at."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._table = RecordTable(hub)
        self._secrets = Secrets(hub.settings.config_dir / "dialects")

    def words(self) -> dict[str, Any]:
        """What every template says things with."""
        now = _language()
        here = request.args.to_dict() if request.method == "GET" else {}
        return {
            "language": now,
            "tag": language.TAGS[now],
            "at": language.at,
            "say": lambda zh, en: words.pick((zh, en), now),
            "status": lambda name: words.status(name, now),
            "tone": lambda name: TONES.get(name, "quiet"),
            "agency": lambda found: self._hub.agency_name(found, now),
            "exchange": self._exchange_name,
            "is_answer": lambda name: name == RECEIPT or self._hub.catalogue.only_answers(name),
            "role": lambda name: _pick(words.ROLES.get(name, (name, name))),
            "channel": lambda name: _pick(words.CHANNELS.get(name, (name, name))),
            "strength": lambda name: _pick(STRENGTHS.get(name, (name, name))),
            "outcome": lambda name: _pick(OUTCOMES.get(name, (name, name))),
            "receipt_word": lambda name: _pick(RECEIPTS.get(name, (name, name))),
            "transport": lambda name: _pick(TRANSPORTS.get(name, (name, name))),
            "told": lambda pair: pair["en" if now == "en" else "zh"],
            "masked": masked,
            "address": without_login,
            "marked": marked,
            "size": size,
            "shifted": abs(self._hub.clock.now() - self._hub.clock.technical()) > SHIFT,
            "other": {"zh": "en", "en": "zh"}[now],
            "switch": url_for(
                request.endpoint or "console.transfers",
                **{**(request.view_args or {}), **here, "lang": {"zh": "en", "en": "zh"}[now]},
            )
            if request.method == "GET"
            else url_for("console.transfers", lang={"zh": "en", "en": "zh"}[now]),
        }

    def _exchange_name(self, name: str) -> str:
        found = self._hub.catalogue.get(name)
        return found.label(_language()) if found else name

    # -------------------------------------------------------- lists
    def transfers(self) -> str | tuple[str, int]:
        wanted = {name: value for name in FILTERS if (value := request.args.get(name, "").strip())}
        after = request.args.get("after", "")
        faults: list[dict[str, Any]] = []
        found: dict[str, Any] = {"items": [], "next": None}
        try:
            found = console_queries.transfers(self._hub, wanted, PAGE, _mark(after))
        except Refused as error:
            faults = [fault.as_dict() for fault in error.faults]
        people = console_queries.persons(self._hub, [wanted["person"]]) if "person" in wanted else []
        counts = console_queries.counts(self._hub)
        page = render_template(
            "console/transfers.html",
            total=sum(counts.get(status, 0) for status in console_queries.TRANSFER_STATUSES),
            found=found,
            wanted=wanted,
            faults=faults,
            after=after,
            person=people[0] if people else None,
            counts=counts,
            statuses=console_queries.TRANSFER_STATUSES,
            states=console_queries.DELIVERY_STATES,
            standings=chart_counts.STANDINGS,
            **self._choices(),
        )
        return (page, 422) if faults else page

    def _choices(self) -> dict[str, Any]:
        return {
            "agencies": sorted(self._hub.agencies, key=lambda one: (one.kind, one.place)),
            "exchanges": list(self._hub.catalogue.exchanges.values()),
            "kinds": self._hub.catalogue.kinds,
        }

    def search(self) -> AnyResponse | str | tuple[str, int]:
        """The filters as they were filled in. A person is looked for here, so that the address names the hub's own id only."""
        wanted: dict[str, Any] = {name: value for name in FILTERS if (value := request.form.get(name, "").strip())}
        who = request.form.get("who", "").strip()
        if who:
            named = "id_number" if any(c.isdigit() for c in who) else "name"
            try:
                people = queries.search_person(self._hub, None, {named: who})["items"]
            except Refused as error:
                return render_template(
                    "console/who.html", who=who, people=[], wanted=wanted, faults=[f.as_dict() for f in error.faults]
                ), 422
            if len(people) != 1:
                shown = console_queries.persons(self._hub, [p["person"] for p in people])
                page = render_template("console/who.html", who=who, people=shown, wanted=wanted, faults=[])
                return page if shown else (page, 404)
            if request.form.get("to") == "person":
                return redirect(url_for("console.person", person=people[0]["person"]), 303)
            wanted["person"] = people[0]["person"]
        return redirect(url_for("console.transfers", **wanted), 303)

    def refusals(self) -> str:
        agency = request.args.get("agency", "")
        return render_template(
            "console/refusals.html",
            refused=queries.refusals(self._hub, 200, agency or None),
            agency_wanted=agency,
            counts=console_queries.counts(self._hub),
            **self._choices(),
        )

    def refusal(self, submission: str) -> str:
        found = console_queries.refused(self._hub, submission)
        return render_template(
            "console/refusal.html",
            found=found,
            received=self._readable(found["raw"], found["media_type"], found["dialect"]),
        )

    # -------------------------------------------------------- one transfer
    def transfer(self, transfer: str) -> str:
        found = queries.transfer(self._hub, None, transfer)
        forms = queries.forms(self._hub, None, transfer)
        received = forms["received"]
        sent = forms["sent"]
        chosen = _chosen(request.args.get("sent"), len(sent))
        return render_template(
            "console/transfer.html",
            found=found,
            around=console_queries.around(self._hub, transfer),
            founded=self._founded(found["exchange"]),
            timeline=[
                {**event, "text": words.tell(self._hub, event, _language())}
                for event in queries.timeline(self._hub, None, transfer)["items"]
            ],
            received=received,
            received_form=self._readable(received["raw"], received["media_type"], received["dialect"])
            if received
            else None,
            sections=self._table.sections(found["exchange"], found["record"], _language()),
            unmapped=sorted((found["unmapped"] or {}).items()),
            raw_record=readable(_json(found["record"]), "application/json"),
            sent=sent,
            chosen=chosen,
            sent_form=self._readable(sent[chosen]["payload"], sent[chosen]["media_type"], sent[chosen]["dialect"])
            if sent
            else None,
        )

    def lineage(self, transfer: str) -> str:
        passed = passages.passage(self._hub, None, transfer)
        found = explain.explain(self._hub, passed, None, _language())
        return render_template(
            "console/lineage.html",
            found=found,
            label=passed.transfer.label,
            **table_of(self._table, passed.transfer.record, found, _language()),
        )

    def _founded(self, exchange: str) -> dict[str, Any] | None:
        found = self._hub.catalogue.get(exchange)
        if found is None or not found.basis:
            return None
        tone, pair = FOUNDED.get(found.checked, ("fair", (f"核对情况：{found.checked}", f"checked: {found.checked}")))
        return {"basis": found.basis, "tone": tone, "mark": _pick(pair), "note": found.note}

    def _readable(self, raw: bytes, media_type: str | None, dialect: str | None) -> Readable:
        return readable(bytes(raw), media_type, self._secrets.of(dialect))

    def document(self, transfer: str, number: int) -> AnyResponse:
        """A document of a transfer as a file. It is never opened under the console's own name."""
        documents = queries.transfer(self._hub, None, transfer)["documents"]
        if not 1 <= number <= len(documents):
            raise NoSuchPage
        named = documents[number - 1]
        content, media_type = queries.document(self._hub, None, named["sha256"])
        return send_file(
            BytesIO(content),
            media_type,
            as_attachment=True,
            download_name=file_name(named["title"], media_type),
            max_age=0,
        )

    # -------------------------------------------------------- the workflow chart
    def chart(self) -> str:
        """The chart with live counts, one picture a phase. `lane` narrows it to what one kind of agency sends or gets,
        `person` and `case` (the hub's ids) to what has happened there and is still to be answered."""
        lane, who, case = (request.args.get(name, "") for name in ("lane", "person", "case"))
        about = {name: value for name, value in (("person", who), ("case", case)) if value}
        counts = chart_counts.counts(self._hub, person=who or None, case=case or None)
        happened = passed(self._hub.catalogue, counts).exchanges if about else ()
        if about and not happened:
            raise NoSuchPage
        choice = Choice(kinds=(lane,) if lane else (), exchanges=happened)
        found = plan(self._hub.catalogue, choice, counts)
        parts = [plan(self._hub.catalogue, replace(choice, phases=(name,)), counts) for name, _ in found.phases]

        def to_list(exchange: str, state: str | None) -> str:
            """Where a row, or one of its counts, leads."""
            return url_for("console.transfers", exchange=exchange, state=state, person=who or None, case=case or None)

        wide = max((breadth(part, _language()) for part in parts), default=0)
        drawn = []
        for part in parts:
            [(name, edges)] = part.phases
            drawn.append(
                {
                    "id": name,
                    "name": part.phase_name(name, _language()),
                    "overdue": sum(counts[e.exchange.id].overdue for e in edges if e.exchange.id in counts),
                    # made by the chart itself, with everything escaped
                    "picture": Markup(phase(part, name, _language(), to_list, wide).text()),  # noqa: S704
                }
            )
        return render_template(
            "console/chart.html",
            lane=lane,
            about=about,
            person=next(iter(console_queries.persons(self._hub, [who])), None) if who else None,
            lanes=[(kind, found.lane_name(kind, _language())) for kind in plan(self._hub.catalogue).lanes],
            phases=drawn,
            legend=Markup(legend(found, _language()).text()),  # noqa: S704
            provisional=any(one.provisional for one in counts.values()),
            now=self._hub.clock.now(),
        )

    def chart_file(self) -> AnyResponse:
        """The whole chart as a file of its own, for paper."""
        now = self._hub.clock.now()
        told = _pick((f"统计至 {language.at(now)}（北京时间）", f"counted {language.at(now)}, China Standard Time"))
        picture = whole(plan(self._hub.catalogue, counts=chart_counts.counts(self._hub)), _language(), told)
        name = _pick(("社区矫正工作流程图", "workflow-chart")) + f"-{now:%Y%m%d}.svg"
        return send_file(BytesIO(picture.file()), "image/svg+xml", as_attachment=True, download_name=name, max_age=0)

    # -------------------------------------------------------- persons, agencies
    def persons(self) -> str:
        return render_template("console/persons.html", people=console_queries.persons(self._hub))

    def person(self, person: str) -> str:
        standing = queries.responsibility(self._hub, None, person)
        who = console_queries.persons(self._hub, [person])[0]
        names = {line["holder"]: self._hub.agency_name(line["holder"], _language()) for line in standing["history"]}
        names[None] = "No longer supervised" if _language() == "en" else "已终止，不再有单位负责"
        drawn = band(standing["history"], names, self._hub.clock.now(), standing["in_transit"] is not None)
        events = [
            {**event, "text": words.tell(self._hub, event, _language())}
            for event in queries.events(self._hub, {"person": person}, 1000)
        ]
        coming = (
            wrapped(self._hub.agency_name(standing["in_transit"]["to"], _language()), NEXT_ROOM)
            if standing["in_transit"]
            else ()
        )
        return render_template(
            "console/person.html",
            who=who,
            standing=standing,
            band=drawn,
            coming=coming,
            events=events,
            disputes=console_queries.disputes(self._hub, person),
            transfers=console_queries.transfers(self._hub, {"person": person}, 200)["items"],
        )

    def agencies(self) -> str:
        return render_template(
            "console/agencies.html",
            activity=console_queries.activity(self._hub),
            places=self._hub.places,
            dialects={name: self._hub.dialects[name] for name in self._hub.dialects},
            **self._choices(),
        )


# ------------------------------------------------------------------ small things that templates say
def masked(number: str | None) -> str:
    """An ID number in a list: enough to tell two persons apart, the whole of it stands on the person's own page."""
    if not number:
        return "—"
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}" if len(number) >= 15 else number


def without_login(url: str) -> str:
    """An address without a user name and password in it, and without its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "—"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def marked(form: Readable) -> Markup:
    """A message's lines as HTML: everything escaped, each piece in the class of its kind."""
    said = {"cut": ("…（另有{0}个字符）", "… ({0} more characters)")}
    lines = []
    for line in form.lines:
        pieces = [
            Markup('<span class="x-{0}">{1}</span>').format(
                piece.kind, _pick(said["cut"]).format(piece.text) if piece.kind == "cut" else piece.text
            )
            for piece in line.pieces
        ]
        kind = f"line d{min(line.depth, DEEPEST)}{' inner' if line.inner else ''}"
        lines.append(Markup('<span class="{0}">{1}</span>').format(kind, Markup("").join(pieces)))
    return Markup("").join(lines)


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def _mark(after: str) -> int | None:
    if not after:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", after):
        raise Refused(
            [
                Fault(
                    "page.after",
                    "/after",
                    "翻页标记无效，请从第一页重新查起",
                    "not a page mark; start again from the first page",
                    value=after,
                )
            ]
        )
    return int(after)


def _chosen(asked: str | None, count: int) -> int:
    return int(asked) if asked and re.fullmatch(r"[0-9]{1,4}", asked) and int(asked) < count else 0


def _json(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()
