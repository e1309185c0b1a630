"""`hub serve`: HTTP, SOAP, pages and workers in one process."""

from __future__ import annotations

import sys

import uvicorn

from hub.api.app import create_app
from hub.bootstrap import build
from hub.console import console
from hub.process import Process
from hub.settings import Settings


class Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            print(self._ready, flush=True)


def serve(settings: Settings, language: str = "zh") -> None:
    """Run until SIGTERM or SIGINT; what is under way is finished first. Raises SystemExit(1) when the port is taken."""
    hub = build(settings)
    process = Process(hub)
    ready = (
        f"三通枢纽已启动：{settings.public_url}  接口文档：{settings.public_url}/docs  页面：{settings.public_url}/console"
        if language == "zh"
        else f"the hub is up: {settings.public_url}  contract: {settings.public_url}/docs  pages: {settings.public_url}/console"
    )
    config = uvicorn.Config(
        create_app(hub, [console(hub)]),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=15,
    )
    server = Server(config, ready)
    process.start()
    try:
        server.run()
    finally:
        process.stop()
    if not server.started:
        sys.exit(1)
