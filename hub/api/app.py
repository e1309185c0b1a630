"""The contract served over HTTP: Connexion around the operations, the size limit in front, every error a problem.

Pages for people join the same Flask application: `create_flask_app(hub).app`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask
from a2wsgi import WSGIMiddleware
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]

from hub.api.addresses import METHODS, ConcreteAddresses, PlainAddresses
from hub.api.answering import answer_checks, answer_validator
from hub.api.bundle import contract
from hub.api.framework import (
    NO_VALUE,
    AbstractSecurityHandler,
    ConnexionRequest,
    ConnexionResponse,
    FlaskApp,
    MediaTypeDict,
    OAuthProblem,
    Resolver,
    SwaggerUIOptions,
)
from hub.api.handlers import Handlers
from hub.api.limit import SizeLimit
from hub.api.problems import HANDLERS, NotAcceptable, http_error
from hub.api.reading import ParameterReader, body_checks, body_validator
from hub.domain.faults import Fault, NotFound
from hub.flow import soap_intake
from hub.flow.parts import Hub
from hub.identity import tokens
from hub.ports import Answer

#: Requests that may be in operations at once. a2wsgi's own ten let ten slow callers stop everybody.
WORKERS = 40
#: Operations that Connexion does not serve but a page of our own does.
PAGES = frozenset({"/docs"})

# It warns on each request whose operation takes more than one media type.
logging.getLogger("connexion.operations.openapi3").setLevel(logging.ERROR)


def create_app(hub: Hub, pages: Sequence[flask.Blueprint] = ()) -> ASGIApp:
    """The hub's HTTP side as one ASGI application. `pages` are blueprints for people, beside the contract."""
    app = create_flask_app(hub)
    for blueprint in pages:
        app.app.register_blueprint(blueprint)
    addressed = PlainAddresses(ConcreteAddresses(app, contract()["paths"]))
    return SizeLimit(addressed, hub.settings.max_body, _soap_refusal(hub))


def create_flask_app(hub: Hub) -> FlaskApp:
    """The same without the limit; `app.app` is the Flask application that pages join."""
    whole = contract()
    described = {
        **whole,
        "paths": {path: operations for path, operations in whole["paths"].items() if path not in PAGES},
    }
    app = FlaskApp(
        "hub.api",
        server_args={"static_folder": None},
        strict_validation=True,
        validate_responses=hub.settings.validate_responses,
        validator_map={
            "parameter": ParameterReader,
            "body": MediaTypeDict({"*/*": body_validator(body_checks(described))}),
            "response": MediaTypeDict({"*/*json": answer_validator(answer_checks(described))}),
        },
        security_map={"oauth2": _token_security(hub)},
        swagger_ui_options=SwaggerUIOptions(swagger_ui=False, serve_spec=False),
    )
    app._middleware_app.asgi_app = WSGIMiddleware(app.app.wsgi_app, workers=WORKERS)
    for kind, handler in HANDLERS:
        app.add_error_handler(kind, handler)
    app.add_error_handler(HTTPStatus.METHOD_NOT_ALLOWED, _method_not_allowed(whole))
    app.add_api(described, resolver=_OperationResolver(Handlers(hub), described), base_path="")
    _serve_docs(app.app)
    return app


class _OperationResolver(Resolver):  # type: ignore[misc]
    """operationId → the method of that name, which answers only in a form that the caller accepts."""

    def __init__(self, handlers: Handlers, described: Mapping[str, Any]) -> None:
        super().__init__()
        self._handlers = handlers
        self._offered = {
            operation["operationId"]: sorted(
                {
                    media
                    for status, answer in operation["responses"].items()
                    if status.startswith("2")
                    for media in answer.get("content", {})
                }
            )
            for path in described["paths"].values()
            for operation in path.values()
            if isinstance(operation, Mapping)
        }

    def resolve_function_from_operation_id(self, operation_id: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(self._handlers, operation_id)
        # Legacy clients ask for all sorts of things and take their contract's answer; documents are of any type.
        return (
            _accepting(function, self._offered[operation_id])
            if self._offered[operation_id] == ["application/json"]
            else function
        )


def _accepting(function: Callable[..., Any], offered: list[str]) -> Callable[..., Any]:
    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        accepted = flask.request.accept_mimetypes
        if accepted and not accepted.best_match(offered):
            listed = ", ".join(offered)
            raise NotAcceptable(
                [
                    Fault(
                        "request.accept",
                        "#/header/Accept",
                        f"可以提供：{listed}",
                        f"{listed} can be given",
                        value=flask.request.headers.get("Accept"),
                    )
                ]
            )
        return function(*args, **kwargs)

    return guarded


def _method_not_allowed(described: Mapping[str, Any]) -> Callable[[ConnexionRequest, HTTPException], ConnexionResponse]:
    """405 with every method that the address takes (RFC 9110, 15.5.6); the router knows only its first match."""
    addresses = [
        (
            re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)) + "$"),
            [name.upper() for name in operations if name in METHODS],
        )
        for path, operations in described["paths"].items()
    ]

    def refuse(request: ConnexionRequest, error: HTTPException) -> ConnexionResponse:
        allowed = {method for address, methods in addresses if address.match(request.url.path) for method in methods}
        if allowed:
            error.headers = {"Allow": ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))}
        return http_error(request, error)

    return refuse


def _token_security(hub: Hub) -> type[AbstractSecurityHandler]:
    class TokenSecurity(AbstractSecurityHandler):  # type: ignore[misc]
        """Bearer tokens (RFC 6750): the agency that a token stands for, or the person where the scheme asks for one; or 401."""

        def get_fn(
            self, security_scheme: dict[str, Any], required_scopes: list[str]
        ) -> Callable[[ConnexionRequest], Any]:
            for_people = security_scheme.get("x-principal") == "operator"

            def subject(token: str) -> str | None:
                if not for_people:
                    return tokens.agency_of(hub, token)
                person = tokens.operator_of(hub, token)
                return person.name if person else None

            async def verify(request: ConnexionRequest) -> Any:
                kind, _, token = request.headers.get("authorization", "").partition(" ")
                if kind.lower() != "bearer":
                    return NO_VALUE
                found = await run_in_threadpool(subject, token.strip())
                if found is None:
                    raise OAuthProblem(detail="the token is not valid")
                return {"sub": found}

            return verify

    return TokenSecurity


def _soap_refusal(hub: Hub) -> Callable[[str, Headers, int | None], Answer | None]:
    """A legacy sender whose message is too large is told so in its own protocol."""

    def refuse(path: str, headers: Headers, size: int | None) -> Answer | None:
        if not path.startswith("/soap/"):
            return None
        try:
            return soap_intake.too_large(hub, path.removeprefix("/soap/"), dict(headers), size, hub.settings.max_body)
        except NotFound:
            return None

    return refuse


def _serve_docs(app: flask.Flask) -> None:
    """Swagger UI from its wheel at /docs: no other host is asked for anything."""
    page = """<!DOCTYPE html>
<html lang="zh"><head><meta charset="utf-8"><title>三通 Santong</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" href="/docs/favicon-32x32.png"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script>window.onload = () => SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null})</script>
</body></html>
"""

    @app.get("/docs")
    def read_docs() -> flask.Response:
        return flask.Response(page, HTTPStatus.OK, content_type="text/html; charset=utf-8")

    @app.get("/docs/<path:name>")
    def read_docs_part(name: str) -> flask.Response:
        return flask.send_from_directory(swagger_ui_path, name)
