"""The pages that Kubernetes and Prometheus read: `/healthz`, `/readyz`, `/metrics`.

What they say is known to `health`. They are there from the first moment, so that a start that waits can be
asked what for.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from serin.runtime.health import Health
from serin.runtime.telemetry import Telemetry


@asynccontextmanager
async def serving(telemetry: Telemetry, health: Health, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve the pages while the block runs; gives the port."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=telemetry.page(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", _page(health.alive))
    app.router.add_get("/readyz", _page(health.ready))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _page(
    check: Callable[[], tuple[bool, str]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def page(_: web.Request) -> web.StreamResponse:
        well, words = check()
        return web.Response(text=words, status=200 if well else 503)

    return page
