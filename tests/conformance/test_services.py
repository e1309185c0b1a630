"""The private services do what the tests above them rely on, faults included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pika
import psutil
import psycopg
import pytest

from tests.services import Postgres, RabbitMQ, ServiceFolder, free_port
from tests.services.folder import sweep_leftovers
from tests.services.guard import MARK, belonging_to

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.postgres
class TestPostgres:
    def test_each_test_has_a_database_of_its_own(self, postgres: Postgres) -> None:
        first, second = postgres.create_database(), postgres.create_database()
        with psycopg.connect(postgres.conninfo(first)) as connection:
            connection.execute("CREATE TABLE seen (n integer)")
        with psycopg.connect(postgres.conninfo(second)) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'seen'").fetchone()
        assert found == (0,)
        postgres.drop_database(first)
        postgres.drop_database(second)

    def test_a_database_can_start_as_a_copy_of_a_prepared_one(self, postgres: Postgres) -> None:
        prepared = []

        def prepare(url: str) -> None:
            prepared.append(url)
            with psycopg.connect(url.replace("+psycopg", "")) as connection:
                connection.execute("CREATE TABLE ready AS SELECT 7 AS n")

        for _ in range(2):
            name = postgres.create_database(postgres.template("prepared_for_a_copy", prepare))
            with psycopg.connect(postgres.conninfo(name)) as connection:
                assert connection.execute("SELECT n FROM ready").fetchone() == (7,)
            postgres.drop_database(name)
        assert len(prepared) == 1

    def test_it_syncs_to_disk_and_speaks_utf8(self, postgres: Postgres) -> None:
        with psycopg.connect(postgres.conninfo()) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)

    @pytest.mark.parametrize("fault", ["restart", "kill"])
    def test_what_was_committed_is_there_after_a_restart(self, postgres: Postgres, fault: str) -> None:
        name = postgres.create_database()
        with psycopg.connect(postgres.conninfo(name)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT '周㴔' AS name")
        getattr(postgres, fault)()
        postgres.start()
        with psycopg.connect(postgres.conninfo(name)) as connection:
            assert connection.execute("SELECT name FROM kept").fetchone() == ("周㴔",)
        postgres.drop_database(name)

    def test_a_wiped_server_stands_empty_at_the_same_address(self, postgres: Postgres) -> None:
        name = postgres.create_database()
        address = postgres.url(name)
        postgres.wipe()
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(postgres.conninfo(name))
        assert postgres.url(name) == address


def send(url: str, queue: str, body: bytes) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_publish("", queue, body, mandatory=True)


def take(url: str, queue: str) -> bytes | None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        _, _, body = connection.channel().basic_get(queue, auto_ack=True)
        return body


@pytest.mark.rabbitmq
class TestRabbitMQ:
    def test_each_test_has_a_virtual_host_of_its_own(self, rabbitmq: RabbitMQ) -> None:
        first, second = rabbitmq.create_host(), rabbitmq.create_host()
        send(rabbitmq.url(first), "agency", b"one")
        assert rabbitmq.queues(first)["agency"]["type"] == "quorum"
        assert rabbitmq.queues(second) == {}
        rabbitmq.drop_host(first)
        rabbitmq.drop_host(second)

    def test_what_was_confirmed_is_there_after_a_restart_and_a_kill(
        self, rabbitmq: RabbitMQ, rabbitmq_url: str
    ) -> None:
        send(rabbitmq_url, "agency", b"one")
        rabbitmq.restart()  # a queue of RabbitMQ 3.10 survives a kill only once it is some seconds old
        send(rabbitmq_url, "agency", b"two")
        rabbitmq.kill()
        rabbitmq.start()
        assert take(rabbitmq_url, "agency") == b"one"
        assert take(rabbitmq_url, "agency") == b"two"

    def test_a_wiped_node_stands_empty_at_the_same_address(self, rabbitmq: RabbitMQ, rabbitmq_url: str) -> None:
        send(rabbitmq_url, "agency", b"one")
        rabbitmq.wipe()
        assert rabbitmq.queues(rabbitmq_url.rpartition("/")[2]) == {}
        send(rabbitmq_url, "agency", b"two")
        assert take(rabbitmq_url, "agency") == b"two"

    def test_it_can_be_reached_from_this_machine_only(self, rabbitmq: RabbitMQ, rabbitmq_url: str) -> None:
        listening = {
            connection.laddr.ip
            for process in belonging_to(rabbitmq.folder)
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert "127.0.0.1" in listening
        assert listening <= {"127.0.0.1", "::1"}  # epmd takes the second one always


@pytest.mark.parametrize(
    "service",
    [
        pytest.param("Postgres", marks=pytest.mark.postgres),
        pytest.param("RabbitMQ", marks=pytest.mark.rabbitmq),
    ],
)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_service_ends_with_a_run_that_is_killed(
    service: str, end: signal.Signals, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(service.lower())  # says in one place whether services are to be had at all
    program = f"from tests.services import {service}; s = {service}(); print(s.folder, flush=True); input()"
    run = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        processes = list(belonging_to(folder))
        assert folder.is_dir()
        assert processes
        guards = [child for child in psutil.Process(run.pid).children() if str(folder) in child.cmdline()]
        run.send_signal(end)
    _, alive = psutil.wait_procs([*processes, *guards], timeout=30)
    assert guards
    assert not alive
    assert not folder.exists()


def test_what_a_run_left_behind_without_its_guard_is_swept_by_the_next() -> None:
    program = (
        "import os, subprocess, sys; from tests.services import ServiceFolder; f = ServiceFolder('leftover');"
        "p = subprocess.Popen(['sleep', '600'], env=f.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "f._guard.kill(); print(f.path, p.pid, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    path, pid = done.stdout.split()
    assert Path(path).is_dir()
    orphan = psutil.Process(int(pid))
    sweep_leftovers()
    psutil.wait_procs([orphan], timeout=30)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    assert not Path(path).exists()


def test_a_living_run_is_not_swept_by_another() -> None:
    folder = ServiceFolder("alive")
    try:
        sweep_leftovers()
        assert folder.path.is_dir()
    finally:
        folder.close()
    assert not folder.path.exists()


def test_a_service_does_not_inherit_settings_of_other_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "5432")
    monkeypatch.setenv("RABBITMQ_NODENAME", "rabbit@elsewhere")
    folder = ServiceFolder("environment")
    try:
        environment = folder.environment(HOME="/nowhere")
        assert not {"PGPORT", "RABBITMQ_NODENAME"} & environment.keys()
        assert environment[MARK] == str(folder.path)
        assert environment["PATH"] == os.environ["PATH"]
    finally:
        folder.close()


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(port < lowest for port in (free_port() for _ in range(20)))
