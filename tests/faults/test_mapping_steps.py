"""A process that is killed between the steps of a version, or within one, leaves every version as its audit says."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.flow.parts import Hub
from tests.flow_hub import MAPPINGS, make_hub

#: What a version is after the last thing that its audit says.
STATE_AFTER = {
    "drafted": "draft",
    "checked": "checked",
    "proposed": "proposed",
    "approved": "approved",
    "activated": "active",
    "rolled-back": "active",
    "in-force": "active",
    "retired": "retired",
    "called-off": "retired",
}
#: Takes versions through their steps as fast as it can, until it is killed; says each version that is done.
WORK = """
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.domain.mapping_versions import APPROVER, EDITOR, Operator
from hub.translation.release import Release
from hub.workshop.governance import Checked
from tests.flow_hub import MAPPINGS, make_hub

folder, url, start = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
hub = make_hub(folder, url, MAPPINGS)
governance = replace(hub.governance, check_release=lambda release: Checked(), notice=timedelta(0))
li, wang = (Operator(name, frozenset({role}), "a", datetime.now(UTC)) for name, role in (("li", EDITOR), ("wang", APPROVER)))
base = hub.dialects.release_of_files("city")
for n in range(100_000):
    release = Release.of("city", {**base.files, "dialects/city/_n.yaml": f"# {start} {n}\\n".encode()})
    version = governance.draft(li, release)
    governance.check(li, version.id)
    governance.propose(li, version.id)
    governance.approve(wang, version.id, version.release)
    governance.activate(li, version.id)
    if n % 3 == 2:
        governance.rollback(wang, "city")
    print(n, flush=True)
"""


def _consistent(hub: Hub) -> int:
    """Every version is as its audit says, and exactly the activations stand that were noted. Returns how many versions."""
    versions = hub.mappings.versions("city")
    schedule = hub.mappings.schedule("city")
    for version in versions:
        events = hub.mappings.events(version=version.id)
        assert version.state.value == STATE_AFTER[events[-1].kind], (version, events)
        noted = [one for one in events if one.kind in ("activated", "rolled-back", "in-force")]
        stands = [one for one in schedule.activations if one.version == version.id]
        called_off = [one for one in events if one.kind == "called-off"]
        assert len(stands) == len(noted) - len(called_off)
        assert hub.governance.release_of(version).hash == version.release
    return len(versions)


@pytest.mark.parametrize("wait_for", [1, 6])
def test_a_kill_leaves_every_version_as_its_audit_says(tmp_path: Path, store_url: str, wait_for: int) -> None:
    command = [sys.executable, "-c", WORK, str(tmp_path / "worker"), store_url, str(wait_for)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for _ in range(wait_for):
            assert worker.stdout.readline(), "it ended before it was killed"
        worker.send_signal(signal.SIGKILL)
    hub = make_hub(tmp_path / "after", store_url, MAPPINGS)
    try:
        assert _consistent(hub) > wait_for
        hub.governance.settle("city")
        active = [one for one in hub.mappings.versions("city") if one.state == "active"]
        in_force = hub.mappings.schedule("city").in_force(hub.clock.technical())
        assert in_force is not None
        assert [one.id for one in active] == [in_force.version], (
            "one is in force, and it is the one that the schedule says"
        )
        assert hub.dialects.in_force("city").release == in_force.release
    finally:
        hub.broker.close()
        hub.database.close()
