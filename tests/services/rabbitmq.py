"""A private RabbitMQ node: its own data, ports, cookie and name service, a fresh virtual host for each test."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from tests.services.folder import ServiceFolder, ServiceUnavailable, free_port, last_lines
from tests.services.guard import belonging_to, family
from tests.services.guard import kill as kill_all

#: The programs behind the wrappers in PATH: those insist on running as the user rabbitmq.
PROGRAMS = Path("/usr/lib/rabbitmq/bin")

#: Seconds that a start may take on a busy machine; 5 s is usual.
START_DEADLINE = 120.0

#: Virtual hosts are made so many at a time, because every call of rabbitmqctl starts an Erlang machine (0.6 s).
HOSTS_AT_ONCE = 16

MEMORY_LIMIT = "2GB"

CONFIGURATION = f"""\
vm_memory_high_watermark.absolute = {MEMORY_LIMIT}
disk_free_limit.absolute = 50MB
log.console = true
log.console.level = warning
log.file = false
"""


class RabbitMQ:
    """A node that runs from `with RabbitMQ() as node:` until the block ends or the process dies."""

    def __init__(self) -> None:
        if not (PROGRAMS / "rabbitmq-server").exists():
            raise ServiceUnavailable(
                f"RabbitMQ is not installed: no {PROGRAMS}/rabbitmq-server. "
                "`deploy/install-test-services.sh` installs it."
            )
        self._folder = ServiceFolder("rabbitmq")
        self._log = self._folder.path / "log"
        self._server: subprocess.Popen[bytes] | None = None
        self._spare: list[str] = []
        self._lent: set[str] = set()
        self._dead: set[str] = set()
        try:
            self._configure()
            self.start()
        except BaseException:
            self._folder.close()
            raise

    def __enter__(self) -> RabbitMQ:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # ------------------------------------------------------------ virtual hosts
    def url(self, host: str) -> str:
        """The AMQP address of a virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{host}"

    def create_host(self) -> str:
        """Hand out a fresh virtual host, where no queue is, and return its name. A node that a test left stopped is
        started first."""
        self.start()
        if not self._spare:
            self._spare = [f"hub-{secrets.token_hex(6)}" for _ in range(HOSTS_AT_ONCE)]
            self._remove_hosts(sorted(self._dead))
            self._dead.clear()
            self._add_hosts(self._spare)
        host = self._spare.pop()
        self._lent.add(host)
        return host

    def drop_host(self, host: str) -> None:
        """Take a virtual host back; it is removed when new ones are made."""
        self._lent.discard(host)
        self._dead.add(host)

    def queues(self, host: str) -> dict[str, dict[str, Any]]:
        """The queues of a virtual host by name: type, arguments, consumers, messages ready and unacknowledged.

        The numbers are some 0.2 s old, as the node counts them at intervals: wait for what they become.
        """
        wanted = ("name", "type", "arguments", "messages_ready", "messages_unacknowledged", "consumers")
        listed = json.loads(self.ctl("list_queues", "-p", host, "--formatter", "json", *wanted))
        return {queue.pop("name"): queue for queue in listed}

    def delete_queue(self, host: str, queue: str) -> None:
        self.ctl("delete_queue", "-p", host, queue)

    # ------------------------------------------------------------ faults
    @property
    def folder(self) -> Path:
        """Where everything of it lies; its processes carry this path in their environment."""
        return self._folder.path

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Start on the same data and ports, and wait until it greets an AMQP client. Does nothing to a node that runs."""
        if self.running:
            return
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [PROGRAMS / "rabbitmq-server"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder.path,
                env=self._environment,
                start_new_session=True,
            )
        self._wait_until_it_greets(self._server)

    def stop(self) -> None:
        """Stop in order: clients are told, queues are closed."""
        if self._server is not None:
            for process in family(self._server.pid):
                with suppress(psutil.NoSuchProcess):
                    if process.name().startswith("beam"):
                        process.send_signal(signal.SIGTERM)
            self._server.wait(timeout=60)
            self._server = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill the node at once, like a power cut. `start()` takes up what it had on disk."""
        if self._server is not None:
            kill_all(family(self._server.pid))
            self._server.wait(timeout=60)
            self._server = None

    def wipe(self) -> None:
        """Lose every queue and message. An empty node stands at the same address, with the lent virtual hosts made anew
        as its administrator would."""
        self.kill()
        shutil.rmtree(self._folder.path / "data")
        self.start()
        self._spare.clear()
        self._dead.clear()
        self._add_hosts(sorted(self._lent))

    def freeze(self) -> None:
        """The node stops answering without closing a connection, like a host that was cut off. Undone by `thaw()`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def deaden(self, host: str, queue: str) -> None:
        """Leave a queue its name and take away the process that serves it, as happens to a queue of RabbitMQ 3.10 when
        the node is killed right after it was made."""
        self.ctl("eval", f"ra:stop_server(quorum_queues, {{'{host}_{queue}', node()}}).")

    def alarm(self, on: bool) -> None:
        """Raise or clear the memory alarm, which blocks every connection that publishes."""
        if on:
            self.ctl("set_vm_memory_high_watermark", "0")
        else:
            self.ctl("set_vm_memory_high_watermark", "absolute", MEMORY_LIMIT)

    def ctl(self, *arguments: str) -> str:
        """What rabbitmqctl prints. Takes 0.6 s and more."""
        done = subprocess.run(
            [PROGRAMS / "rabbitmqctl", "-q", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self._folder.path,
            env=self._environment,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {done.stderr.strip()} {done.stdout.strip()}")
        return done.stdout

    def close(self) -> None:
        """Stop and remove, its name service too."""
        self.kill()
        self._folder.close()

    # ------------------------------------------------------------ inside
    def _configure(self) -> None:
        path = self._folder.path
        self.port, dist_port, epmd_port = free_port(), free_port(), free_port()
        (path / "rabbitmq.conf").write_text(CONFIGURATION)
        (path / "plugins").write_text("[].")
        cookie = path / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        self._environment = self._folder.environment(
            HOME=str(path),
            RABBITMQ_NODENAME=f"hub-{secrets.token_hex(4)}@localhost",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_DIST_PORT=str(dist_port),
            RABBITMQ_MNESIA_BASE=str(path / "data"),
            RABBITMQ_LOG_BASE=str(path / "logs"),
            RABBITMQ_PID_FILE=str(path / "pid"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(path / "plugins"),
            RABBITMQ_CONFIG_FILE=str(path / "rabbitmq"),
            RABBITMQ_CONF_ENV_FILE="/dev/null",
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -rabbit quorum_tick_interval 200",
            ERL_EPMD_PORT=str(epmd_port),
            ERL_EPMD_ADDRESS="127.0.0.1",
            LC_ALL="C.UTF-8",
        )

    def _add_hosts(self, hosts: list[str]) -> None:
        self._evaluate(
            hosts,
            "rabbit_vhost:add(Host, <<$t>>), rabbit_auth_backend_internal:set_permissions("
            '<<"guest">>, Host, <<".*">>, <<".*">>, <<".*">>, <<$t>>)',
        )

    def _remove_hosts(self, hosts: list[str]) -> None:
        self._evaluate(hosts, "rabbit_vhost:delete(Host, <<$t>>)")

    def _evaluate(self, hosts: list[str], expression: str) -> None:
        """Do something to each virtual host within one call of rabbitmqctl."""
        if hosts:
            listed = ", ".join(f'<<"{host}">>' for host in hosts)
            self.ctl("eval", f"lists:foreach(fun(Host) -> {expression} end, [{listed}]).")

    def _signal_all(self, number: signal.Signals) -> None:
        for process in belonging_to(self._folder.path):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _wait_until_it_greets(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while not self._greets():
            if server.poll() is not None:
                raise ServiceUnavailable(f"RabbitMQ did not start:\n{last_lines(self._log)}")
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"RabbitMQ did not answer within {START_DEADLINE:.0f} s:\n{last_lines(self._log)}"
                )
            time.sleep(0.05)

    def _greets(self) -> bool:
        """Whether the node answers a client's protocol header with its first frame (method, channel 0)."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                client.sendall(b"AMQP\x00\x00\x09\x01")
                return client.recv(3) == b"\x01\x00\x00"
        except OSError:
            return False
