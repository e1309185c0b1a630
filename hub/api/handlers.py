"""One method for each operation of the contract, named by its operationId: read, call, answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

import flask
from marshmallow import Schema

from hub import words
from hub.api import resources as r
from hub.api.bundle import contract, record_components
from hub.api.problems import Unavailable, encoded, language_of
from hub.api.reading import read_json
from hub.domain.faults import Fault, Malformed, NotAllowed
from hub.domain.mapping_versions import Operator
from hub.flow import explain, intake, mapping_desk, preview, receipts, redelivery, soap_intake
from hub.flow.parts import Hub
from hub.identity import operators, tokens
from hub.store import passages, queries
from hub.workshop import telling

log = logging.getLogger(__name__)

NOT_CACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Handlers:
    """`user` is the agency that the request's token stands for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    # -------------------------------------------------------- access
    def issue_token(self) -> flask.Response:
        form = _load(r.TokenRequest, flask.request.form.to_dict())
        basic = flask.request.authorization
        named = (
            (basic.username, basic.password)
            if basic and basic.type == "basic"
            else (form.get("client_id"), form.get("client_secret"))
        )
        issued = tokens.issue(self._hub, named[0] or "", named[1] or "")
        return _answer(r.Token, issued, 200, NOT_CACHED)

    # -------------------------------------------------------- transfers
    def create_transfer(self, user: str) -> flask.Response:
        body = _load(r.TransferRequest, _json())
        accepted = intake.submit_record(self._hub, user, _key(), body)
        return _answer(r.Accepted, accepted, 202, {"Location": f"/v1/transfers/{accepted['id']}"})

    def create_submission(self, user: str) -> flask.Response:
        request = flask.request
        taken = intake.submit_dialect(
            self._hub, user, _key(), request.get_data(), request.content_type or "application/octet-stream"
        )
        return _answer(r.Submitted, taken, 202)

    def list_transfers(self, user: str, limit: int = 50, after: str | None = None, **filters: Any) -> flask.Response:
        for name in ("since", "until"):
            if name in filters:
                filters[name] = _time(name, filters[name])
        return _answer(r.TransferPage, queries.transfers(self._hub, user, filters, limit, after))

    def get_transfer(self, user: str, id: str) -> flask.Response:
        return _answer(r.Transfer, queries.transfer(self._hub, user, id))

    def get_timeline(self, user: str, id: str) -> flask.Response:
        found = queries.timeline(self._hub, user, id)
        language = _language()
        told = [{**event, "text": words.tell(self._hub, event, language)} for event in found["items"]]
        return _answer(r.Timeline, {"transfer": id, "items": told})

    def get_lineage(self, user: str, id: str, recipient: str | None = None) -> flask.Response:
        found = passages.passage(self._hub, user, id)
        return _answer(r.Lineage, explain.explain(self._hub, found, recipient, _language()))

    def preview_transfer(self, user: str) -> flask.Response:
        body = _load(r.TransferRequest, _json())
        return _answer(r.Preview, preview.preview(self._hub, user, body, _language()))

    def redeliver_transfer(self, user: str, id: str) -> flask.Response:
        body = _load(r.RedeliveryRequest, _json())
        return _answer(r.Redelivery, redelivery.redeliver(self._hub, user, id, body))

    # -------------------------------------------------------- inbox
    def read_inbox(self, user: str, limit: int = 50, after: str | None = None) -> flask.Response:
        return _answer(r.Inbox, queries.inbox(self._hub, user, limit, after))

    def give_receipt(self, user: str, id: str) -> flask.Response:
        body = _load(r.ReceiptRequest, _json())
        return _answer(r.ReceiptGiven, receipts.give(self._hub, user, id, body))

    # -------------------------------------------------------- documents
    def put_document(self, user: str) -> flask.Response:
        request = flask.request
        content = request.get_data()
        if not content:
            raise Malformed([Fault("document.empty", "", "文书内容为空", "the document has no bytes")])
        media_type = request.mimetype or "application/octet-stream"
        stored = queries.put_document(self._hub, user, content, media_type)
        return _answer(r.StoredDocument, stored, 201, {"Location": f"/v1/documents/{stored['sha256']}"})

    def get_document(self, user: str, sha256: str) -> flask.Response:
        content, media_type = queries.document(self._hub, user, sha256)
        # What somebody uploaded is never to run in a browser under the hub's name.
        return flask.Response(
            content,
            200,
            {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"},
            content_type=media_type,
        )

    # -------------------------------------------------------- persons
    def get_responsibility(self, user: str, id: str) -> flask.Response:
        return _answer(r.Responsibility, queries.responsibility(self._hub, user, id))

    def search_person(self, user: str) -> flask.Response:
        return _answer(r.PersonsFound, queries.search_person(self._hub, user, _load(r.PersonSearch, _json())))

    # -------------------------------------------------------- configuration
    def list_agencies(self) -> flask.Response:
        return _answer(r.Agencies, queries.agencies(self._hub))

    def get_agency(self, id: str) -> flask.Response:
        return _answer(r.Agency, queries.agency(self._hub, id))

    def list_exchanges(self) -> flask.Response:
        return _answer(r.Exchanges, {"items": [_with_schema(found) for found in queries.exchanges(self._hub)["items"]]})

    def list_codelists(self, name: str | None = None) -> flask.Response:
        return _answer(r.CodeLists, queries.codelists(self._hub, name))

    def get_exchange(self, id: str) -> flask.Response:
        return _answer(r.Exchange, _with_schema(queries.exchange(self._hub, id)))

    # -------------------------------------------------------- versions of mappings (`user` is a person)
    def list_mappings(self, user: str, dialect: str | None = None) -> flask.Response:
        self._person(user)
        versions = self._hub.mappings.versions(dialect)
        found = {
            "dialects": [one for one in mapping_desk.in_force(self._hub) if dialect in (None, one["dialect"])],
            "items": [telling.summary(one) for one in self._hub.governance.shown(versions)],
        }
        return _answer(r.MappingList, found)

    def draft_mapping(self, user: str) -> flask.Response:
        body = _load(r.DraftRequest, _json())
        base = mapping_desk.release_named(self._hub, body["base"], body["dialect"])
        release = base.with_texts(body["files"], body["dialect"])
        return self._version(self._hub.governance.draft(self._person(user), release, body.get("note")).id, 201)

    def get_mapping(self, user: str, id: str) -> flask.Response:
        self._person(user)
        return self._version(id)

    def edit_mapping(self, user: str, id: str) -> flask.Response:
        body, governance = _load(r.EditRequest, _json()), self._hub.governance
        seen = governance.version(id)
        release = governance.release_of(seen).with_texts(body["files"], seen.dialect)
        return self._version(governance.edit(self._person(user), id, release, body.get("note"), seen.release).id)

    def check_mapping(self, user: str, id: str) -> flask.Response:
        self._hub.governance.check(self._person(user), id)
        return self._version(id)

    def propose_mapping(self, user: str, id: str) -> flask.Response:
        note = _load(r.MappingStepRequest, _json()).get("note")
        return self._version(self._hub.governance.propose(self._person(user), id, note).id)

    def approve_mapping(self, user: str, id: str) -> flask.Response:
        body = _load(r.ApprovalRequest, _json())
        return self._version(self._hub.governance.approve(self._person(user), id, body["hash"], body.get("note")).id)

    def reject_mapping(self, user: str, id: str) -> flask.Response:
        reason = _load(r.RejectionRequest, _json())["reason"]
        return self._version(self._hub.governance.reject(self._person(user), id, reason).id)

    def withdraw_mapping(self, user: str, id: str) -> flask.Response:
        note = _load(r.MappingStepRequest, _json()).get("note")
        return self._version(self._hub.governance.withdraw(self._person(user), id, note).id)

    def activate_mapping(self, user: str, id: str) -> flask.Response:
        body = _load(r.ActivationRequest, _json())
        at = _time("at", body["at"], "/at") if "at" in body else None
        return self._version(self._hub.governance.activate(self._person(user), id, at, body.get("note")).id)

    def retire_mapping(self, user: str, id: str) -> flask.Response:
        note = _load(r.MappingStepRequest, _json()).get("note")
        return self._version(self._hub.governance.retire(self._person(user), id, note).id)

    def compare_mapping(self, user: str, id: str, against: str = "current") -> flask.Response:
        self._person(user)
        return _answer(r.MappingDiff, mapping_desk.compare(self._hub, against, id))

    def export_mapping(self, user: str, id: str) -> flask.Response:
        self._person(user)
        headers = {"Content-Disposition": f'attachment; filename="{id}.zip"', "X-Content-Type-Options": "nosniff"}
        return flask.Response(self._hub.governance.export(id), 200, headers, content_type="application/zip")

    def import_mapping(self, user: str) -> flask.Response:
        taken = self._hub.governance.take(self._person(user), flask.request.get_data())
        return self._version(taken.id, 201)

    def roll_back_dialect(self, user: str, dialect: str) -> flask.Response:
        note = _load(r.MappingStepRequest, _json()).get("note")
        moved = self._hub.governance.rollback(self._person(user), dialect, note)
        left, back = (telling.summary(one) for one in self._hub.governance.shown(moved))
        return _answer(r.RolledBack, {"dialect": dialect, "from": left, "to": back})

    def _version(self, version: str, status: int = 200) -> flask.Response:
        headers = {"Location": f"/v1/mappings/{version}"} if status == 201 else {}
        return _answer(r.MappingVersion, telling.detail(self._hub.governance, version), status, headers)

    def _person(self, name: str) -> Operator:
        found = operators.named(self._hub, name)
        if found is None:  # removed since the token was looked at
            raise NotAllowed(
                [Fault("operator.unknown", "", f"没有“{name}”这个人", f"there is no {name!r}", value=name)]
            )
        return found

    # -------------------------------------------------------- legacy
    def call_soap(self, agency: str) -> flask.Response:
        request = flask.request
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = soap_intake.handle(self._hub, agency, request.get_data(), headers)
        return flask.Response(answer.body, answer.status, content_type=answer.media_type)

    def get_wsdl(self, agency: str) -> flask.Response:
        location = f"{self._hub.settings.public_url}/soap/{agency}"
        return flask.Response(
            soap_intake.wsdl(self._hub, agency, location), 200, content_type="text/xml; charset=utf-8"
        )

    # -------------------------------------------------------- operations
    def health_live(self) -> flask.Response:
        return _answer(r.Live, {"status": "live"})

    def health_ready(self) -> flask.Response:
        try:
            with self._hub.store.read() as unit:
                unit.case_known("cas_none")
        except Exception as error:  # whatever keeps the store from answering, the answer is: not now
            log.warning("the store does not answer: %s", error)
            raise Unavailable(
                [Fault("store.unavailable", "", "数据库暂时不可用", "the store cannot be used now")]
            ) from error
        connected = self._hub.broker.connected()
        return _answer(
            r.Ready, {"status": "ready" if connected else "degraded", "parts": {"store": True, "broker": connected}}
        )

    @cached_property
    def _contract(self) -> bytes:
        return encoded(contract())

    def get_contract(self) -> flask.Response:
        return flask.Response(self._contract, 200, content_type="application/json")


@cache
def _schema(resource: type[Schema]) -> Schema:
    """One instance for all requests: making one costs three times what using it does."""
    return resource()


def _load(resource: type[Schema], body: Any) -> dict[str, Any]:
    """What the contract has checked, with defaults filled in."""
    loaded: dict[str, Any] = _schema(resource).load(body)
    return loaded


def _answer(
    resource: type[Schema], found: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> flask.Response:
    """An answer with the members that the contract names and no others."""
    return flask.Response(
        encoded(_schema(resource).dump(found)), status, dict(headers or {}), content_type="application/json"
    )


def _json() -> Any:
    return read_json(flask.request.get_data())


def _key() -> str:
    return flask.request.headers["Idempotency-Key"]


def _language() -> str:
    return language_of(flask.request.headers.get("Accept-Language"))


def _time(name: str, text: str, pointer: str | None = None) -> datetime:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # RFC 3339 allows a leap second, and years that no clock has
        raise Malformed(
            [
                Fault(
                    "request.format",
                    pointer or f"#/query/{name}",
                    "应为带时区的时间，如 2021-03-12T09:30:00+08:00",
                    "a time with offset like 2021-03-12T09:30:00+08:00 is expected",
                    value=text,
                )
            ]
        ) from error


def _with_schema(exchange: Mapping[str, Any]) -> dict[str, Any]:
    name = record_components().get(exchange["id"])
    return {**exchange, "record_schema": f"/openapi.json#/components/schemas/{name}" if name else None}
