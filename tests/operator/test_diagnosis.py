"""What an operator says of itself on a real API server: what hinders its start, and what has stalled.

What it tells a person to do is done here by the letter, and has to be enough.
"""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import yaml

from serin.api.crd import crd_yaml
from tests.cluster import kubeconfig
from tests.cluster.cluster import Cluster
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.resources import DEPLOYMENTS, SERVICE_ACCOUNTS, Object
from tests.cluster.waiting import until
from tests.failover.pair import STEADY, pair
from tests.failover.replica import Replica
from tests.faults.proxy import FaultProxy
from tests.faults.run import Ground
from tests.operator.beside import beside

LIVENESS_WITHIN: Final = 60.0
ACCOUNT: Final = "bare"
RULE: Final = re.compile(r"\{.*?\]\}")


@beside
async def test_a_start_says_all_that_hinders_it_and_goes_on_when_it_is_mended(ground: Ground) -> None:
    """A cluster without our CRD, an account without a right, an API server and a Prometheus out of reach."""
    async with (
        Cluster(ground.cluster.binaries) as bare,
        fresh_namespace(bare.api) as place,
        starting(bare, place) as replica,
    ):
        async with replica.proxy.down():
            await says(replica, f"the API server {replica.proxy.address} cannot be reached: ")
        await says(replica, "the cluster does not know modeldeployments.serin.dev; install it: serin crd | ")

        for body in yaml.safe_load_all(crd_yaml()):
            await bare.api.apply(body)
        words = await says(replica, f"add to the rules of the operator's Role in {place}: ")
        rules = [yaml.safe_load(rule) for rule in RULE.findall(words)]
        seeing = [rule for rule in rules if {"list", "watch"} & set(rule["verbs"])]
        await granted(bare, place, seeing)
        words = await says(replica, "Prometheus default does not answer, so rollouts it judges hold: ")
        assert "resources: [events], verbs: [create]" in words

        await granted(bare, place, rules)

        words = await until(replica.role, what="readiness")
        assert words.startswith("ok, leading; Prometheus default does not answer")
        assert replica.ends == []


@beside
async def test_a_watch_that_shows_nothing_fails_liveness_within_a_minute(ground: Ground) -> None:
    async with pair(ground, lease=STEADY, rolls=False) as running:
        leader, standby = await running.settled()
        leader.proxy.freeze("deployments")

        model = running.stage.model
        await model.apply(running.stage.version("1"))
        await until(lambda: model.api.list(DEPLOYMENTS, running.place), what="a Deployment")
        well = time.time()

        async def failed() -> str:
            nonlocal well
            asked = time.time()
            if await leader.alive():
                well = asked
                return ""
            return await leader.ailment()

        words = await until(failed, what="the failure of liveness")
        [written, *_] = (await running.writes()).on("deployments")
        # Whoever looks may look late: what counts is when all was still well.
        assert well - written.answered.timestamp() <= LIVENESS_WITHIN
        assert words.startswith("the watch has not shown for "), words
        assert "Deployment" in words
        assert await standby.ailment() == ""


@asynccontextmanager
async def starting(bare: Cluster, place: str) -> AsyncIterator[Replica]:
    """An operator of that namespace under an account that has no right at all."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
    await bare.api.apply(account, place)
    await bare.api.until(SERVICE_ACCOUNTS, ACCOUNT, bool, place)
    access = kubeconfig.access(await bare.service_account_kubeconfig(place, ACCOUNT))
    nobody = f"--prometheus=http://{GATEWAY}:{free_port()}"
    async with (
        FaultProxy(access, bare.folder / "proxies" / place) as proxy,
        Replica(bare, place, 1, proxy=proxy, arguments=[nobody]) as replica,
    ):
        yield replica


async def says(replica: Replica, words: str) -> str:
    """Wait until the readiness page has these words; all that it says."""
    return await until(replica.words, lambda page: words in page, what=words)


async def granted(bare: Cluster, place: str, rules: list[Object]) -> None:
    """Do as was said: give the account these rights."""
    group, named = "rbac.authorization.k8s.io", {"metadata": {"name": ACCOUNT}}
    await bare.api.apply({"apiVersion": f"{group}/v1", "kind": "Role", **named, "rules": rules}, place)
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": place}]
    role = {"apiGroup": group, "kind": "Role", "name": ACCOUNT}
    binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", **named}
    await bare.api.apply({**binding, "subjects": subjects, "roleRef": role}, place)
