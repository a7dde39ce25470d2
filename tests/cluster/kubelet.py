"""The node's web server, as far as `kubectl logs` needs it: the API server passes such requests on to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from tests.cluster.network import GATEWAY

FOLLOW_EVERY_SECONDS: Final = 0.2

Find = Callable[[str, str, str, bool], tuple[Path | None, Callable[[], bool]]]
"""By namespace, pod, container and `previous`: the log, and whether more may come."""


@asynccontextmanager
async def log_server(find: Find, certificates: Path) -> AsyncIterator[int]:
    """Serve containers' logs on the bridge; gives the port."""
    application = web.Application()

    async def logs(request: web.Request) -> web.StreamResponse:
        return await _answer(request, find)

    application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", logs)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # Nobody checks it: the API server is not told of an authority for kubelets.
        tls.load_cert_chain(certificates / "apiserver.crt", certificates / "apiserver.key")
        site = web.TCPSite(runner, GATEWAY, 0, ssl_context=tls)
        await site.start()
        port: int = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()


async def _answer(request: web.Request, find: Find) -> web.StreamResponse:
    where, asked = request.match_info, request.query
    previous = asked.get("previous") == "true"
    path, more = find(where["namespace"], where["pod"], where["container"], previous)
    if path is None:
        kind = "previous run of container" if previous else "container"
        return web.Response(status=404, text=f"{kind} {where['container']!r} has no log on this node")
    answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await answer.prepare(request)
    with path.open("rb") as log:
        lines = log.read()
        if (tail := asked.get("tailLines")) is not None:
            lines = b"".join(lines.splitlines(keepends=True)[-int(tail) :]) if int(tail) else b""
        await answer.write(lines)
        while asked.get("follow") == "true":
            last = not more()
            await answer.write(log.read())
            if last:
                break
            await asyncio.sleep(FOLLOW_EVERY_SECONDS)
    await answer.write_eof()
    return answer
