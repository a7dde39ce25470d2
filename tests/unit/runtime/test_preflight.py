"""What hinders the start is said with its cure, waited for, and gone when it is mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from serin.kube.access import BadAccess, login
from serin.kube.kinds import CHILDREN
from serin.kube.transport import Transport
from serin.runtime import preflight
from serin.runtime.preflight import Preflight
from tests.unit.kube.test_client import free_port, kubeconfig, server


@dataclass
class Cluster:
    """An API server as a start sees it."""

    status: int = 200
    installed: bool = True
    denied: set[tuple[str, str]] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        if self.status != 200:
            return web.json_response({"message": "Unauthorized"}, status=self.status)
        if request.method == "GET":
            served = [kind.plural for kind in CHILDREN] + ["modeldeployments"] * self.installed
            return web.json_response({"resources": [{"name": name} for name in served]})
        asked = (await request.json())["spec"]["resourceAttributes"]
        allowed = (asked["resource"], asked["verb"]) not in self.denied
        return web.json_response({"status": {"allowed": allowed}}, status=201)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(preflight, "RIGHTS_SECONDS", 0.05)


@asynccontextmanager
async def starting(cluster: Cluster, folder: Path) -> AsyncIterator[Preflight]:
    async with server(cluster.answer) as port, Transport.connected(kubeconfig(folder, port)) as transport:
        yield Preflight(transport, server=transport.server, namespaces=["ml"], own=[])


async def said(checks: Preflight, words: str) -> str:
    async with asyncio.timeout(20):
        while words not in (trouble := checks.trouble() or ""):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
    return trouble


@pytest.mark.parametrize(
    ("hindered", "words"),
    [
        (Cluster(installed=False), "install it: serin crd | kubectl apply"),
        (Cluster(status=401), "does not accept the operator's credentials (401): the token has expired"),
        (Cluster(denied={("pods", "watch")}), 'apiGroups: [""], resources: [pods], verbs: [watch]'),
    ],
)
async def test_what_hinders_is_said_and_waited_for(tmp_path: Path, hindered: Cluster, words: str) -> None:
    async with starting(hindered, tmp_path) as checks:
        passing = asyncio.create_task(checks.passed())
        await said(checks, words)
        assert not passing.done()

        hindered.installed, hindered.status, hindered.denied = True, 200, set()

        assert await asyncio.wait_for(passing, 20) == CHILDREN
        assert checks.trouble() is None


async def test_a_missing_write_is_said_and_does_not_keep_the_rest_waiting(tmp_path: Path) -> None:
    cluster = Cluster(denied={("deployments", "patch")})
    async with starting(cluster, tmp_path) as checks:
        assert await checks.passed() == CHILDREN
        assert "resources: [deployments], verbs: [patch]" in (checks.trouble() or "")

        cluster.denied.clear()
        looking = asyncio.create_task(checks.completed())
        async with asyncio.timeout(20):
            while checks.trouble():  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
        looking.cancel()


async def test_an_optional_kind_that_may_not_be_read_is_not_watched(tmp_path: Path) -> None:
    async with starting(Cluster(denied={("httproutes", "list")}), tmp_path) as checks:
        kinds = await checks.passed()

        assert [kind.name for kind in CHILDREN if kind not in kinds] == ["HTTPRoute"]
        assert "resources: [httproutes], verbs: [list]" in (checks.trouble() or "")


async def test_a_server_out_of_reach_is_said(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, free_port())
    async with Transport.connected(path) as transport:
        checks = Preflight(transport, server=transport.server, namespaces=[], own=[])
        passing = asyncio.create_task(checks.passed())
        assert transport.server in await said(checks, "cannot be reached")
        passing.cancel()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read: No such file"), ("a: [", "cannot be used"), ("kind: Config", "cannot be used")],
)
async def test_a_bad_kubeconfig_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)

    with pytest.raises(BadAccess, match=words) as raised:
        await login(path)

    assert str(path) in str(raised.value)
