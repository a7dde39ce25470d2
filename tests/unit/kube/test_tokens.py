"""A token that the server no longer knows: the next one is read from its file at once, not in a minute."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin.kube.client import KubeClient
from serin.kube.errors import Unavailable
from serin.kube.transport import Transport


@dataclass(slots=True)
class Guarded:
    """A server that knows one token."""

    known: str = "first"
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers["Authorization"].partition(" ")[2])
        known = self.asked[-1] == self.known
        body = {"metadata": {"name": "fraud"}} if known else {"message": "Unauthorized"}
        return web.json_response(body, status=200 if known else 401)


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


@pytest_asyncio.fixture
async def kubeconfig(guarded: Guarded, tmp_path: Path) -> AsyncIterator[Path]:
    """Leads to the server; its token is in a file beside it."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", guarded.answer)
    async with TestServer(application) as server:
        document = {
            "clusters": [{"name": "c", "cluster": {"server": str(server.make_url("/"))}}],
            "users": [{"name": "u", "user": {"tokenFile": "token"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
        (tmp_path / "token").write_text("first")
        yield tmp_path / "kubeconfig"


async def test_a_rotated_token_is_read_when_the_old_one_is_refused(
    guarded: Guarded, kubeconfig: Path
) -> None:
    async with KubeClient.connected(kubeconfig) as kube:
        await kube.get("Service", "ml", "fraud")
        kubeconfig.with_name("token").write_text("second")
        guarded.known = "second"

        assert await kube.get("Service", "ml", "fraud")

    assert guarded.asked == ["first", "first", "second"]


async def test_a_token_that_stays_unknown_is_tried_twice_and_told(guarded: Guarded, kubeconfig: Path) -> None:
    guarded.known = "nobody's"
    async with KubeClient.connected(kubeconfig) as kube:
        with pytest.raises(Unavailable, match="401"):
            await kube.get("Service", "ml", "fraud")

    assert len(guarded.asked) == 2


@pytest.fixture
def kubeconfig_of_elsewhere(kubeconfig: Path) -> Path:
    """The same, where another context is the current one."""
    document = yaml.safe_load(kubeconfig.read_text())
    elsewhere = {"name": "other", "context": {"cluster": "nowhere", "user": "nobody"}}
    document |= {"contexts": [*document["contexts"], elsewhere], "current-context": "other"}
    kubeconfig.write_text(yaml.safe_dump(document))
    return kubeconfig


async def test_a_named_context_is_kept_when_the_way_in_is_read_again(
    guarded: Guarded, kubeconfig_of_elsewhere: Path
) -> None:
    async with Transport.connected(kubeconfig_of_elsewhere, context="x") as transport:
        kube = KubeClient(transport)
        await kube.get("Service", "ml", "fraud")
        kubeconfig_of_elsewhere.with_name("token").write_text("second")
        guarded.known = "second"

        assert await kube.get("Service", "ml", "fraud")

    assert guarded.asked == ["first", "first", "second"]
