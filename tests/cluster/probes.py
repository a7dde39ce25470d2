"""Probes and hooks: asked from the node, as a kubelet does, or run inside the container."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiohttp

from tests.cluster.processes import CannotStart
from tests.cluster.resources import Object

RunInside: TypeAlias = Callable[[list[str], float], Awaitable[int]]
"""Runs a command in the container for at most some seconds; returns its exit code, or raises TimeoutError."""

HEALTHY: Final = range(200, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The container that is probed."""

    address: str
    ports: dict[str, int]
    run_inside: RunInside

    def port(self, port: int | str) -> int:
        return self.ports[port] if isinstance(port, str) and port in self.ports else int(port)


async def ailing(action: Object, target: Target, *, seconds: float) -> str | None:
    """What is wrong, in a kubelet's words, or None: the probe or hook succeeded."""
    try:
        async with asyncio.timeout(seconds):
            if web := action.get("httpGet"):
                return await _http(web, target, seconds)
            if socket := action.get("tcpSocket") or action.get("grpc"):
                # A gRPC health check needs an HTTP/2 client; that the port is open has to do.
                host = socket.get("host") or target.address
                _, writer = await asyncio.open_connection(host, target.port(socket["port"]))
                writer.close()
                return None
            if run := action.get("exec"):
                code = await target.run_inside(run["command"], seconds)
                return None if code == 0 else f"command {run['command'][0]!r} ended with {code}"
            if wait := action.get("sleep"):
                await asyncio.sleep(wait["seconds"])
                return None
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except (aiohttp.ClientError, OSError, CannotStart, ValueError) as error:
        return str(error)
    return f"{sorted(action)} is not understood by this node"


async def _http(web: Object, target: Target, seconds: float) -> str | None:
    scheme, host = web.get("scheme", "HTTP").lower(), web.get("host") or target.address
    url = f"{scheme}://{host}:{target.port(web['port'])}/{web.get('path', '/').lstrip('/')}"
    headers = {entry["name"]: entry["value"] for entry in web.get("httpHeaders") or []}
    limits = aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(timeout=limits) as session,
        session.get(url, headers=headers, ssl=False, allow_redirects=False) as answer,
    ):
        return None if answer.status in HEALTHY else f"HTTP probe failed with statuscode: {answer.status}"


async def outcomes(probe: Object, target: Target) -> AsyncGenerator[str | None, None]:
    """Probe without end; each time a threshold is reached, what is wrong, or None for success."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    passed = failed = 0
    while True:
        wrong = await ailing(probe, target, seconds=probe.get("timeoutSeconds", 1))
        passed, failed = (passed + 1, 0) if wrong is None else (0, failed + 1)
        if passed >= probe.get("successThreshold", 1):
            yield None
        elif failed >= probe.get("failureThreshold", 3):
            yield wrong
        await asyncio.sleep(probe.get("periodSeconds", 10))
