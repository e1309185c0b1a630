"""People are told apart by a secret that nobody can read again, and a name is one person's for good."""

from __future__ import annotations

import threading

import pytest

from hub.clock import SystemClock
from hub.domain.faults import Conflict, NotAllowed, NotFound, Refused
from hub.flow.parts import Hub
from hub.identity import operators, tokens
from tests.flow_hub import at_once, rows


def test_the_first_one_is_an_administrator_who_adds_the_others(sqlite_hub: Hub) -> None:
    hub = sqlite_hub
    with pytest.raises(Refused, match="first one must be"):
        operators.add(hub, "li", ["mapping-editor"], None)
    added = operators.add(hub, "zhang", ["administrator"], None)
    zhang = operators.identify(hub, "zhang", added["secret"])
    with pytest.raises(Conflict, match="given before"):
        operators.add(hub, "mallory", ["administrator"], None)
    li = operators.identify(hub, "li", operators.add(hub, "li", ["mapping-editor"], zhang)["secret"])
    with pytest.raises(NotAllowed):
        operators.add(hub, "wang", ["approver"], li)
    for name in ("", "hub", "files", "a b", "x" * 64, "../x"):
        with pytest.raises(Refused, match="a name is"):
            operators.add(hub, name, ["approver"], zhang)
    with pytest.raises(Refused, match="roles are"):
        operators.add(hub, "wang", ["king"], zhang)
    kinds = [
        (row.kind, row.by_operator)
        for row in rows(hub, "SELECT kind, by_operator FROM mapping_event WHERE dialect = ''")
    ]
    assert kinds == [("operator-added", "hub"), ("operator-added", "zhang")]


def test_the_store_does_not_hold_the_secret_and_a_wrong_one_tells_nothing(sqlite_hub: Hub) -> None:
    hub = sqlite_hub
    secret = operators.add(hub, "zhang", ["administrator"], None)["secret"]
    ((kept,),) = rows(hub, "SELECT secret_hash FROM operator")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert secret not in kept
    said = set()
    for name, tried in (("zhang", secret + "x"), ("nobody", secret), ("zhang", "")):
        with pytest.raises(operators.WrongSecret) as wrong:
            operators.identify(hub, name, tried)
        said.add(str(wrong.value))
    assert len(said) == 1


def test_who_is_removed_is_out_at_once_and_the_name_is_given_to_nobody_else(sqlite_hub: Hub) -> None:
    hub = sqlite_hub
    hub.clock = SystemClock()  # a token counts real time
    secrets = {"zhang": operators.add(hub, "zhang", ["administrator"], None)["secret"]}
    zhang = operators.identify(hub, "zhang", secrets["zhang"])
    secrets["li"] = operators.add(hub, "li", ["mapping-editor"], zhang)["secret"]
    token = tokens.issue(hub, "operator:li", secrets["li"])["access_token"]
    found = tokens.operator_of(hub, token)
    assert found is not None
    assert found.name == "li"
    assert tokens.agency_of(hub, token) is None, "a person is no agency"
    operators.remove(hub, "li", zhang)
    assert tokens.operator_of(hub, token) is None
    with pytest.raises(operators.WrongSecret):
        operators.identify(hub, "li", secrets["li"])
    with pytest.raises(Conflict):
        operators.add(hub, "li", ["approver"], zhang)
    with pytest.raises(NotFound):
        operators.remove(hub, "li", zhang)
    with pytest.raises(Conflict, match="last administrator"):
        operators.remove(hub, "zhang", zhang)


def test_of_two_who_want_to_be_the_first_one_is(hub: Hub) -> None:
    results = at_once(
        lambda: operators.add(hub, "zhang", ["administrator"], None),
        lambda: operators.add(hub, "mallory", ["administrator"], None),
    )
    assert len([one for one in results if isinstance(one, Conflict)]) == 1
    assert len(hub.operators.all()) == 1


def test_more_logins_at_once_than_are_looked_at_are_sent_away(sqlite_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guessing takes no thread that answers somebody else: it is not even compared."""
    monkeypatch.setattr(operators, "_IN_LINE", threading.BoundedSemaphore(1))
    assert operators._IN_LINE.acquire(blocking=False)
    with pytest.raises(operators.Busy):
        operators.identify(sqlite_hub, "x", "y")
    operators._IN_LINE.release()
    with pytest.raises(operators.WrongSecret):
        operators.identify(sqlite_hub, "x", "y")
