"""Every operation of a running hub, asked what nobody would think of: no server error, no answer that the contract lacks.

`HUB_TEST_THOROUGH=1` also tries every boundary of every member of every record (some 22,000 requests, minutes).
"""

from __future__ import annotations

import os

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from hub.api.bundle import contract
from tests.contract.conftest import ADMINISTRATOR, PERSON, RunningHub

THOROUGH = os.environ.get("HUB_TEST_THOROUGH") == "1"
CONFIG = SchemathesisConfig.from_dict(
    {}
    if THOROUGH
    else {
        "operations": [
            {"include-operation-id": name, "phases": {"coverage": {"enabled": False}}}
            for name in ("create_transfer", "preview_transfer")
        ]
    }
)
SCHEMA = schemathesis.openapi.from_dict(contract(), config=CONFIG)
AGENCY = "bureau.370826"

#: A record of the right form may still break a rule that no schema can say (an ID number's check digit, a place without a bureau).
NOT_HELD = [positive_data_acceptance]


@SCHEMA.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not THOROUGH)
def test_no_answer_that_the_contract_lacks(case: schemathesis.Case, running_hub: RunningHub) -> None:
    without = list(NOT_HELD)
    if case.operation.definition.raw["operationId"] == "call_soap":
        without.append(
            not_a_server_error
        )  # SOAP 1.1 (section 6.2) puts every fault under 500, the sender's own mistakes too
    for_people = case.operation.definition.raw.get("security") == [{"operator": []}]
    asks = f"{PERSON}{ADMINISTRATOR}" if for_people else AGENCY
    headers = {"Authorization": f"Bearer {running_hub.token(asks)}"}
    case.call_and_validate(base_url=running_hub.url, headers=headers, excluded_checks=without, timeout=60)


def test_the_hub_has_logged_no_failure(running_hub: RunningHub) -> None:
    assert "Traceback" not in running_hub.log.read_text()
