"""The pages that Kubernetes and Prometheus read: `/healthz`, `/readyz`, `/metrics`.

`/healthz` fails where only a restart helps; `/readyz` tells whether everything there was at the start has
been seen. An outage of the API server or of Prometheus is neither: a restart would not mend it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from serin.runtime.telemetry import Telemetry

Check = Callable[[], str | None]
"""What is wrong, in words; None while all is well."""


@asynccontextmanager
async def serving(
    telemetry: Telemetry, *, alive: Check, ready: Check, host: str, port: int
) -> AsyncIterator[int]:
    """Serve the pages while the block runs; gives the port."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=telemetry.page(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", _page(alive))
    app.router.add_get("/readyz", _page(ready))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _page(check: Check) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def page(_: web.Request) -> web.StreamResponse:
        wrong = check()
        return web.Response(text=wrong or "ok", status=503 if wrong else 200)

    return page
