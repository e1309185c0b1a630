"""`python -m simulators <system> …`: start one simulated system. See README.md for the options."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from simulators.city import City
from simulators.court import Court
from simulators.police import Police
from simulators.prison import Prison
from simulators.rest import Rest
from simulators.service import Service, Settings, System

SYSTEMS: dict[str, type[System]] = {kind.name: kind for kind in (Court, Prison, Police, City, Rest)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulators", description="Run one simulated agency system.")
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("--agency", required=True, help="its agency id, e.g. court.370826")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of its journal")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--user", help="what callers of this system must present")
    parser.add_argument("--password")
    parser.add_argument("--hub", help="the hub's address, e.g. http://127.0.0.1:8080")
    parser.add_argument("--hub-user", help="what this system presents when it calls the hub")
    parser.add_argument("--hub-password")
    parser.add_argument(
        "--set",
        dest="extra",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of this system, as its module's first lines describe it",
    )
    given = parser.parse_args(arguments)
    if not given.password or (given.user is None and given.system != "rest"):
        parser.error("--user and --password are required (rest: --password, the webhook secret)")
    if any("=" not in pair for pair in given.extra):
        parser.error("--set takes NAME=VALUE")
    settings = Settings(
        agency=given.agency,
        data=given.data,
        user=given.user,
        password=given.password,
        hub=given.hub,
        hub_user=given.hub_user,
        hub_password=given.hub_password,
        extra=dict(pair.split("=", 1) for pair in given.extra),
    )
    try:
        service = Service(SYSTEMS[given.system](settings), given.host, given.port)
    except ValueError as error:
        parser.error(str(error))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    print(json.dumps({"ready": True, "url": service.system.url, "port": service.port}), flush=True)
    service.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
