"""The fault proxy before the real API server: what a rule says happens to its client, and to nobody else."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.cluster import kubeconfig
from tests.cluster.api import Api, ApiError, Change
from tests.cluster.cluster import Cluster
from tests.cluster.resources import CONFIG_MAPS, Object
from tests.cluster.waiting import PATIENT, until
from tests.faults.acts import (
    Act,
    EventRule,
    Rule,
    cut,
    dropped_after,
    dropped_before,
    expired,
    hidden,
    late,
    listed_at,
    refused,
    slow,
    swapped,
    torn,
    truncated,
    twice,
)
from tests.faults.proxy import FaultProxy
from tests.faults.trace import Asked


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(cluster: Cluster, tmp_path: Path) -> AsyncIterator[FaultProxy]:
    """A proxy for the admin."""
    upstream = kubeconfig.access(cluster.kubeconfig)
    async with FaultProxy(upstream, tmp_path / "proxy", looks_by=upstream.token) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(proxy: FaultProxy) -> AsyncIterator[Api]:
    """The API as seen through the proxy."""
    async with Api(kubeconfig.access(proxy.kubeconfig)) as api:
        yield api


def settings(name: str = "one", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def put(api: Api, namespace: str, *names: str) -> None:
    for name in names:
        await api.apply(settings(name), namespace)


async def seen(api: Api, namespace: str, until: str) -> list[str]:
    """The names a watch gives after its list, up to one."""
    found: list[str] = []
    await put(api, namespace, "first")
    async with asyncio.timeout(PATIENT), aclosing(api.watch(CONFIG_MAPS, namespace)) as changes:
        synced = False
        async for change in changes:
            if change.type == "SYNCED" and not synced:
                synced = True
                await put(api, namespace, "a", "b", "c")
            elif synced and change.type != "SYNCED":
                found.append(change.object["metadata"]["name"])
                if found[-1] == until:
                    return found
    raise AssertionError(found)


def of_configmaps(proxy: FaultProxy) -> list[Asked]:
    return [one for one in proxy.trace.asked if one.kind == "configmaps"]


async def test_what_passes_is_recorded_with_what_it_was_about(
    proxy: FaultProxy, client: Api, namespace: str
) -> None:
    made = await client.apply(settings(), namespace)

    await client.apply(settings(), namespace)
    await client.list(CONFIG_MAPS, namespace)

    first, second, third = of_configmaps(proxy)
    assert (first.verb, first.namespace, first.name, first.code) == ("apply", namespace, "one", 201)
    assert first.version == made["metadata"]["resourceVersion"]
    assert (first.changed, second.changed, third.changed) == (True, False, None)
    assert (third.verb, third.name) == ("list", "")


@pytest.mark.parametrize("code", [401, 409, 410, 429, 500, 503])
async def test_a_refused_write_never_reaches_the_server(
    proxy: FaultProxy, client: Api, api: Api, namespace: str, code: int
) -> None:
    proxy.lay(Rule(verb="apply", kind="configmaps", act=refused(code, retry_after=3)))

    with pytest.raises(ApiError) as raised:
        await client.apply(settings(), namespace)

    assert raised.value.code == code
    assert await api.find(CONFIG_MAPS, "one", namespace) is None
    assert await client.apply(settings(), namespace)


@pytest.mark.parametrize(
    ("act", "acted"), [(dropped_before, False), (dropped_after, True), (truncated, True)]
)
async def test_a_dropped_answer_says_nothing_of_what_the_server_did(
    proxy: FaultProxy, client: Api, api: Api, namespace: str, act: Act, acted: bool
) -> None:
    proxy.lay(Rule(verb="apply", name="one", act=act))

    with pytest.raises(aiohttp.ClientError):
        await client.apply(settings(), namespace)

    assert (await api.find(CONFIG_MAPS, "one", namespace) is not None) is acted
    assert of_configmaps(proxy)[-1].code == 0


@pytest.mark.parametrize(("act", "acted"), [(slow, True), (late, False)])
async def test_a_late_answer_and_a_late_request_differ_in_when_the_server_acts(
    proxy: FaultProxy, client: Api, api: Api, namespace: str, act: Callable[[float], Act], acted: bool
) -> None:
    rule = Rule(verb="apply", name="one", act=act(math.inf))
    proxy.lay(rule, Rule(verb="apply", name="two", act=act(0.1)))

    asking = asyncio.create_task(client.apply(settings(), namespace))
    await rule.hit.wait()
    assert await client.apply(settings("two"), namespace)  # later, and it comes in the end

    if acted:
        await until(partial(api.find, CONFIG_MAPS, "one", namespace), what="what the server did at once")
    else:
        assert await api.find(CONFIG_MAPS, "one", namespace) is None
    assert not asking.done()
    asking.cancel()


async def test_a_rule_hits_the_nth_and_as_many_as_it_says(
    proxy: FaultProxy, client: Api, namespace: str
) -> None:
    rule = Rule(verb="apply", kind="configmaps", nth=2, times=2, act=refused(503))
    proxy.lay(rule)

    for name in ("a", "b", "c", "d"):
        try:
            await client.apply(settings(name), namespace)
        except ApiError as error:
            assert error.code == 503

    assert [one.code for one in of_configmaps(proxy)] == [201, 503, 503, 201]


@pytest.mark.parametrize(
    ("act", "shown"),
    [(hidden, ["b", "c"]), (twice, ["a", "a", "b", "c"]), (swapped, ["b", "a", "c"])],
)
async def test_an_event_is_hidden_or_given_twice_or_later(
    proxy: FaultProxy, client: Api, namespace: str, act: Any, shown: list[str]
) -> None:
    proxy.lay(EventRule(kind="configmaps", name="a", act=act))

    assert await seen(client, namespace, "c") == shown


@pytest.mark.parametrize("act", [cut, torn])
async def test_a_watch_breaks_before_or_in_the_middle_of_an_event(
    proxy: FaultProxy, client: Api, namespace: str, act: Any
) -> None:
    proxy.lay(EventRule(kind="configmaps", name="b", act=act))

    with pytest.raises((aiohttp.ClientError, ValueError)):
        await seen(client, namespace, "c")


async def test_an_expired_watch_is_told_so_and_begins_anew(
    proxy: FaultProxy, client: Api, namespace: str
) -> None:
    proxy.lay(EventRule(kind="configmaps", name="b", act=expired))

    shown = await seen(client, namespace, "c")

    assert shown[0] == "a"
    assert [one.verb for one in of_configmaps(proxy)].count("list") == 2


async def test_a_frozen_kind_gives_nothing_until_it_is_thawed(
    proxy: FaultProxy, client: Api, namespace: str
) -> None:
    proxy.freeze("configmaps")
    looking = asyncio.create_task(seen(client, namespace, "c"))
    await until_asked(proxy, lambda one: one.name == "c" and one.code == 201)

    assert not looking.done()
    proxy.thaw()

    assert await looking == ["a", "b", "c"]


async def until_asked(proxy: FaultProxy, holds: Callable[[Asked], bool]) -> None:
    async def look() -> bool:
        return any(map(holds, proxy.trace.asked))

    await until(look, what="the request")


async def test_a_list_is_answered_as_it_was(proxy: FaultProxy, client: Api, namespace: str) -> None:
    await put(client, namespace, "old")
    version = proxy.trace.version()
    await put(client, namespace, "new")
    proxy.lay(Rule(verb="list", kind="configmaps", act=listed_at(version)))

    stale, now = [await client.list(CONFIG_MAPS, namespace) for _ in range(2)]

    assert {"new"} == {one["metadata"]["name"] for one in now} - {one["metadata"]["name"] for one in stale}


async def test_a_server_that_is_away_refuses_connections_and_comes_back(
    proxy: FaultProxy, client: Api, namespace: str
) -> None:
    async with proxy.down():
        with pytest.raises(aiohttp.ClientError):
            await client.list(CONFIG_MAPS, namespace)

    assert await client.list(CONFIG_MAPS, namespace)


async def test_a_severed_watch_ends_with_an_error(proxy: FaultProxy, client: Api, namespace: str) -> None:
    async def first(changes: AsyncIterator[Change]) -> Change:
        return await anext(changes)

    async with aclosing(client.watch(CONFIG_MAPS, namespace)) as changes:
        while (await first(changes)).type != "SYNCED":
            pass
        waiting = asyncio.create_task(first(changes))
        await until_asked(proxy, lambda one: one.verb == "watch" and one.code == 200)
        proxy.sever()
        with pytest.raises(aiohttp.ClientError):
            await waiting


async def test_an_expired_token_is_not_known_and_the_next_one_is(
    cluster: Cluster, proxy: FaultProxy, namespace: str
) -> None:
    old, new = (cluster.server.tokens[user] for user in ("admin", "controllers"))

    async with Api(kubeconfig.access(proxy.kubeconfig)) as before:
        proxy.rotate(new)
        proxy.expire(old)
        with pytest.raises(ApiError) as raised:
            await before.list(CONFIG_MAPS, namespace)
    async with Api(kubeconfig.access(proxy.kubeconfig)) as after:
        found = await after.list(CONFIG_MAPS, namespace)

    assert raised.value.code == 401
    assert found is not None
