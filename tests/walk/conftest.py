"""The scenarios on the cluster: one operator and one namespace for all, begun together."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import Object
from tests.invariants.watcher import Watcher
from tests.stage.operator import ACCESS, ACCOUNT, Operator
from tests.stage.scenarios import Acts
from tests.walk.ground import Ground, walk

AT_ONCE = 12
"""More models at a time only make each of them slower."""
OWN = "-walk"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_account(cluster: Cluster, account: Path) -> Path:
    """An account with the operator's rights under names of its own, so that they may be taken from it."""
    for path in ACCESS:
        for body in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if body["kind"] != "Namespace":
                await cluster.api.apply(_renamed(body), body["metadata"].get("namespace"), manager="walk")
    return await cluster.service_account_kubeconfig(ACCOUNT[0], ACCOUNT[1] + OWN)


def _renamed(body: Object) -> Object:
    named = [body["metadata"], *body.get("subjects", []), *([body["roleRef"]] if "roleRef" in body else [])]
    for one in named:
        one["name"] += OWN
    return dict(body)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def walked(cluster: Cluster, own_account: Path, gateway: Gateway) -> AsyncIterator[Ground]:
    """An operator without Prometheus, in a namespace whose every version is seen."""
    async with (
        fresh_namespace(cluster.api) as place,
        Watcher(cluster.api, place) as watcher,
        Operator(cluster, place, own_account) as serin,
    ):
        yield Ground(
            cluster=cluster, place=place, role=f"serin{OWN}", gateway=gateway, serin=serin, watcher=watcher
        )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def acts(request: pytest.FixtureRequest, walked: Ground) -> AsyncIterator[Acts]:
    """The scenarios whose tests were chosen, a few of them under way at a time."""
    async with walk.begun(request, walked, at_once=AT_ONCE) as under_way:
        yield under_way
