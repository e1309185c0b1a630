"""All that the API takes from Connexion, imported in one place.

At import Connexion takes Starlette's test client and jsonschema's old resolver, which warn of themselves; that is neither
the administrator's concern nor a test's.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
    warnings.filterwarnings("ignore", message=r"jsonschema\.\S+ is deprecated")
    from connexion import FlaskApp
    from connexion.datastructures import MediaTypeDict
    from connexion.exceptions import NonConformingResponseBody, OAuthProblem, ProblemException
    from connexion.lifecycle import ConnexionRequest, ConnexionResponse
    from connexion.middleware.abstract import ROUTING_CONTEXT
    from connexion.options import SwaggerUIOptions
    from connexion.resolver import Resolver
    from connexion.security import NO_VALUE, AbstractSecurityHandler
    from connexion.validators import AbstractRequestBodyValidator, AbstractResponseBodyValidator, ParameterValidator

__all__ = [
    "NO_VALUE",
    "ROUTING_CONTEXT",
    "AbstractRequestBodyValidator",
    "AbstractResponseBodyValidator",
    "AbstractSecurityHandler",
    "ConnexionRequest",
    "ConnexionResponse",
    "FlaskApp",
    "MediaTypeDict",
    "NonConformingResponseBody",
    "OAuthProblem",
    "ParameterValidator",
    "ProblemException",
    "Resolver",
    "SwaggerUIOptions",
]
