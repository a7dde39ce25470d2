"""Envoy splits as it is told, and a change of its configuration costs no request."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.endpoints import Endpoint
from tests.cluster.envoy import Envoy, NotApplied
from tests.cluster.envoy_config import Backend, DataPlane
from tests.cluster.local_server import INFER, LocalServer, split
from tests.cluster.network import free_port
from tests.cluster.traffic import Fate, Traffic


@pytest.fixture
async def envoy(tmp_path: Path) -> AsyncIterator[Envoy]:
    async with Envoy(tmp_path / "envoy") as running:
        yield running


@pytest.fixture
async def stable(tmp_path: Path) -> AsyncIterator[LocalServer]:
    async with LocalServer("stable", tmp_path) as server:
        yield server


@pytest.fixture
async def canary(tmp_path: Path) -> AsyncIterator[LocalServer]:
    async with LocalServer("canary", tmp_path) as server:
        yield server


async def test_requests_are_split_by_weight(envoy: Envoy, stable: LocalServer, canary: LocalServer) -> None:
    await envoy.apply(split({stable: 80, canary: 20}))

    async with Traffic(envoy.url + INFER, per_second=400) as users:
        await users.more(2000)

    assert users.results.by_fate().keys() == {Fate.OK}, users.results.story()
    # Envoy draws each request: 5 standard deviations of a binomial with n = 2000 are 0.045.
    assert users.results.share("canary") == pytest.approx(0.2, abs=0.045), users.results.story()


async def test_a_weight_of_zero_is_zero_requests(
    envoy: Envoy, stable: LocalServer, canary: LocalServer
) -> None:
    await envoy.apply(split({stable: 50, canary: 50}))
    async with Traffic(envoy.url + INFER, per_second=200) as users:
        await users.more(100)

        await envoy.apply(split({stable: 100, canary: 0}))
        await users.more(20)  # what was under way when the weights changed
        since = await users.more(200)

    assert users.results.by_revision(since=since) == {
        "stable": users.results.by_revision(since=since).total()
    }


async def test_requests_under_way_survive_the_removal_of_their_backend(
    envoy: Envoy, stable: LocalServer, tmp_path: Path
) -> None:
    async with LocalServer("slow", tmp_path, latency_seconds=1.0) as slow:
        await envoy.apply(split({slow: 100}))
        async with Traffic(envoy.url + INFER, per_second=50) as users:
            await users.more(20)
            await envoy.apply(split({stable: 100}))
            await users.more(100)

    assert users.results.lost() == [], users.results.story()
    # More than were answered before: at this rate many are under way at any time.
    assert users.results.by_revision()["slow"] > 20


async def test_a_backend_without_endpoints_answers_503(envoy: Envoy, stable: LocalServer) -> None:
    wanted = split({stable: 100})
    await envoy.apply(DataPlane(backends={"stable": Backend()}, virtual_hosts=wanted.virtual_hosts))

    async with Traffic(envoy.url + INFER, per_second=50) as users:
        await users.more(10)

    assert {(one.fate, one.status) for one in users.results.sent} == {(Fate.SERVER_ERROR, 503)}


async def test_a_refused_connection_is_a_completed_request_but_not_one_of_the_total(
    envoy: Envoy, stable: LocalServer
) -> None:
    """Whoever counts the total sees a backend that refuses every connection as one without traffic."""
    dead = Backend(endpoints=frozenset({Endpoint("127.0.0.1", free_port("127.0.0.1"))}))
    await envoy.apply(DataPlane(backends={"stable": dead}, virtual_hosts=split({stable: 100}).virtual_hosts))

    async with Traffic(envoy.url + INFER, per_second=50) as users:
        await users.more(10)

    names = ("upstream_rq_total", "upstream_rq_completed", "upstream_rq_5xx")
    counted = await envoy.stats(f"^cluster.stable.({'|'.join(names)})$")
    sent = str(len(users.results.sent))
    assert [counted[f"cluster.stable.{name}"] for name in names] == ["0", sent, sent]


async def test_a_refused_configuration_is_named(envoy: Envoy) -> None:
    with pytest.raises(NotApplied, match="refused"):
        await envoy.apply(DataPlane(virtual_hosts=[{"name": "all", "domains": [], "routes": []}]))
