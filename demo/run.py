"""Runs the story on a real hub in this process, with the simulated agencies as processes of their own."""

from __future__ import annotations

import base64
import json
import logging
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests
import uvicorn
from sqlalchemy import text

from demo import cast
from demo.cast import Actor, CastFailed, State
from demo.story import STEPS, Stage, StoryStuck
from hub import words
from hub.api.app import create_app
from hub.bootstrap import build
from hub.clock import SystemClock
from hub.console import console
from hub.flow.parts import Hub, Schedule
from hub.identity import credentials
from hub.process import Process
from hub.settings import Settings
from hub.store import queries
from hub.store.database import Database
from simulators.hub_client import HubRefused

SCHEMA = "santong_demo"
#: The story is told in compressed time, and so are the pauses between attempts.
SCHEDULE = Schedule(retry=(0.2, 0.4, 0.8, 1.5), attempts=40, poll=(0.2, 0.4), jitter=0.1)
DECIDED_BY_PERSON = ("unknown", "parked")


def run(
    settings: Settings,
    *,
    resume: bool,
    stay: bool,
    port: int,
    commands: dict[str, str],
    pace: float,
    as_json: bool,
    language: str,
) -> int:
    """The whole demo. Returns the exit code."""
    logging.basicConfig(level=logging.ERROR)
    folder = settings.data_dir / "demo"
    settings = replace(
        settings,
        data_dir=folder,
        secrets_dir=folder / "secrets",
        schema=SCHEMA,
        queue_prefix="demo.",
        database_url=settings.database_url
        if "sqlite" not in settings.database_url
        else f"sqlite:///{folder / 'hub.sqlite'}",
    )
    state = State.found(folder / "state.json")
    if not resume or state is None:
        if resume:
            print(
                "没有可以继续的演示，从头开始" if language == "zh" else "there is nothing to resume; starting afresh",
                file=sys.stderr,
            )
        state = _afresh(settings, folder, port)
    settings = replace(settings, port=state.port, public_url=f"http://127.0.0.1:{state.port}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that nobody is left on the stage
    try:
        _play(settings, state, commands, Telling(language, as_json, pace, stay))
    except (CastFailed, StoryStuck, HubRefused, requests.RequestException) as error:
        print(f"演示中断：{error}" if language == "zh" else f"the demo stopped: {error}", file=sys.stderr)
        return 1
    finally:
        cast.stop(folder / "agencies")
    return 0


@dataclass(frozen=True)
class Telling:
    """How the story is told. `pace`: seconds between the steps; `stay`: keep running afterwards."""

    language: str
    as_json: bool
    pace: float
    stay: bool


def _play(settings: Settings, state: State, commands: dict[str, str], telling: Telling) -> None:
    """The hub runs, the agencies come on, every step that is not done yet is done, and the ending is told."""
    hub = build(settings)
    hub.schedule = SCHEDULE
    assert isinstance(hub.clock, SystemClock)
    teller = Teller(hub, telling.language, quiet=telling.as_json)
    _cast(hub, state, settings.data_dir / "agencies", settings.public_url, commands)
    process, server = Process(hub, alone=True), _Server(settings, hub)
    hub.clock.stand_at(_now(state))
    process.start()
    try:
        server.start()
        stage = Stage(hub, hub.clock, state, settings.public_url)
        for step in STEPS:
            teller.heading(step.time.strftime("%Y-%m-%d"), step.en if telling.language == "en" else step.zh)
            if step.name not in state.steps:
                hub.clock.stand_at(step.time)
                step.act(stage)
                state.steps[step.name] = teller.latest()
                state.save()
            teller.events(state.steps[step.name])
            time.sleep(telling.pace)
        ending = _ending(hub)
        teller.ending(ending)
        if telling.as_json:
            print(json.dumps(ending | {"journals": _journals(state)}, ensure_ascii=False, indent=1), flush=True)
        if telling.stay:
            _stay(settings, telling.language)
    finally:
        server.stop()
        process.stop()


# ------------------------------------------------------------------ setting the stage
def _afresh(settings: Settings, folder: Path, port: int) -> State:
    """A clean stage: the last run's agencies stopped, its store emptied. Only the demo's own folder and schema are touched."""
    cast.stop(folder / "agencies")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if not settings.database_url.startswith("sqlite"):
        database = Database(settings.database_url)
        with database.begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        database.close()
    state = State(folder / "state.json", port or _free_port())
    state.save()
    return state


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cast(hub: Hub, state: State, folder: Path, url: str, commands: dict[str, str]) -> None:
    """Start the agencies that are not running, tell the hub where they are, give everybody credentials. May be done again."""
    if not state.cast:
        for agency in hub.agencies:
            legacy = {"soap_user": f"ws-{agency.kind}"} if agency.speaks else {}
            issued = credentials.issue(hub, agency.id, **legacy)
            state.clients[agency.id] = {key: str(value) for key, value in issued.items() if key != "agency"}
        state.cast = True
        state.save()
    absent = [system for system in cast.SYSTEMS if system not in state.actors or not state.actors[system].alive()]
    for system in absent:
        # Written down before it starts: whatever happens then, the next run knows what the system expects of callers.
        state.actors.setdefault(system, _newcomer(hub, system))
    state.save()
    launched = []
    for system in absent:
        actor = state.actors[system]
        client = state.clients[actor.agency]
        kind = "soap" if hub.agencies[actor.agency].speaks is not None else "client"
        names = {"soap": ("soap_user", "soap_password"), "client": ("client_id", "client_secret")}[kind]
        launched.append(
            cast.launch(
                system,
                folder,
                hub=url,
                user=actor.user,
                password=actor.password,
                command=commands.get(system),
                port=actor.port,
                hub_user=client[names[0]],
                hub_password=client[names[1]],
            )
        )
    for one in launched:
        state.actors[one.system] = one.ready()
    state.save()
    with hub.store.begin() as unit:
        for actor in state.actors.values():
            unit.set_override(actor.agency, actor.url, actor.user, hub.seal.seal(actor.password))


def _newcomer(hub: Hub, system: str) -> Actor:
    """A system that is about to start, with what its callers must present."""
    agency = cast.SYSTEMS[system]
    if system == "rest":
        user, password = "hub", "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    else:
        user, password = hub.agencies[agency].reach[0].user or "hub", secrets.token_hex(12)
    return Actor(system, agency, 0, "", 0, user, password)


def _now(state: State) -> Any:
    """Business time to begin with: that of the first step that is not done."""
    return next((step.time for step in STEPS if step.name not in state.steps), STEPS[-1].time)


class _Server:
    """The hub's HTTP side in a thread."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        config = uvicorn.Config(
            create_app(hub, [console(hub)]), host="127.0.0.1", port=settings.port, log_level="error", access_log=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + 30
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise CastFailed(f"the hub could not listen on port {self._server.config.port}; use --port")
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


def _stay(settings: Settings, language: str) -> None:
    url = settings.public_url
    print(
        (
            f"\n枢纽仍在运行（Ctrl+C结束）\n  页面：{url}/console\n  接口文档：{url}/docs"
            if language == "zh"
            else f"\nthe hub keeps running (Ctrl+C ends it)\n  pages: {url}/console\n  contract: {url}/docs"
        ),
        flush=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


# ------------------------------------------------------------------ telling
class Teller:
    """Prints the story as it happens, in the timeline's own words."""

    def __init__(self, hub: Hub, language: str, quiet: bool) -> None:
        self._hub = hub
        self._language = language
        self._quiet = quiet
        self._told = 0

    def heading(self, day: str, title: str) -> None:
        if not self._quiet:
            print(f"\n■ {day}  {title}", flush=True)

    def latest(self) -> int:
        found = queries.events(self._hub, {}, 10_000)
        return int(found[-1]["seq"]) if found else 0

    def events(self, until: int) -> None:
        for event in queries.events(self._hub, {}, 10_000):
            if self._told < event["seq"] <= until and not self._quiet and event["kind"] != "delivery.queued":
                print(f"   {event['at'][11:16]}  {words.tell(self._hub, event, self._language)}", flush=True)
        self._told = max(self._told, until)

    def ending(self, ending: dict[str, Any]) -> None:
        if self._quiet:
            return
        zh = self._language == "zh"
        print("\n" + ("■ 现在由谁负责" if zh else "■ Who answers now"))
        for person in ending["persons"]:
            name = self._hub.agency_name(person["holder"], self._language)
            path = " → ".join(self._hub.agency_name(h["holder"], self._language) for h in person["history"])
            since = person["since"][:10]
            print(
                f"   {person['name']}：{name}（自{since}；{path}）"
                if zh
                else f"   {person['name']}: {name} (since {since}; {path})"
            )
        for open_one in ending["open"]:
            state = words.status(open_one["status"], self._language)
            print(
                f"   ！{open_one['name']} → {self._hub.agency_name(open_one['recipient'], self._language)}（{open_one['exchange']}）：{state}"
            )
        total, refused = ending["deliveries"], ending["refused"]
        print(
            f"   共{total}件投递，{len(ending['open'])}件待人工处理；门口拒收{refused}件"
            if zh
            else f"   {total} deliveries, {len(ending['open'])} need a person; {refused} refused at the door"
        )


def _ending(hub: Hub) -> dict[str, Any]:
    """How the story ended, without what differs from run to run (ids, times of the machine)."""
    persons = []
    for person in queries.everybody(hub):
        standing = queries.responsibility(hub, None, person["person"])
        persons.append(
            {
                "name": person["name"],
                "holder": standing["holder"],
                "since": standing["since"],
                "in_transit": standing["in_transit"],
                "dispute": standing["dispute"],
                "history": [{"holder": h["holder"], "exchange": h["cause"]["exchange"]} for h in standing["history"]],
            }
        )
    items = queries.transfers(hub, None, {}, 1000)["items"]
    reached = sorted(
        (item["exchange"], item["label"] or "", item["sender"], d["recipient"], d["role"], d["status"])
        for item in items
        for d in item["deliveries"]
    )
    open_ones = [
        {"exchange": e, "name": n, "sender": s, "recipient": r, "status": status}
        for e, n, s, r, _, status in reached
        if status in (*DECIDED_BY_PERSON, "waiting")
    ]
    return {
        "persons": persons,
        "deliveries": len(reached),
        "reached": reached,
        "open": open_ones,
        "refused": len(queries.refusals(hub, 1000)),
        "transfers": len(items),
    }


def _journals(state: State) -> dict[str, Any]:
    """What each simulated system took, by message id: nothing may be there twice under two ids."""
    found = {}
    for system, actor in state.actors.items():
        taken = [
            entry
            for entry in actor.journal()
            if entry.get("outcome") in ("accepted", "duplicate")
            and entry.get("operation") not in ("login", "query", "upload", "uploadChunk")
        ]
        found[system] = [
            {
                "operation": entry.get("operation"),
                "key": entry.get("key"),
                "outcome": entry["outcome"],
                "digest": entry.get("digest"),
            }
            for entry in taken
        ]
    return found
