"""The cluster that all runs share, and many runs side by side on it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

from tests.cluster import kubeconfig
from tests.cluster.api import Api
from tests.cluster.binaries import Binaries
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.network import GATEWAY
from tests.cluster.resources import CONFIG_MAPS

# First of all that computes: it keeps numerical libraries from starting threads, with which no process is let
# into a network of its own.
from tests.conftest import REPOSITORY
from tests.faults.ending import Ending, differences
from tests.faults.patient import PatientApi
from tests.faults.plans import ALONE, Plan, title
from tests.faults.pods import Pods
from tests.faults.run import Ground, Ran, broken, run
from tests.faults.trace import Trace
from tests.faults.workloads import Workload
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.stage.model import Model, spec
from tests.stage.operator import ACCESS, ACCOUNT

WIDTH: Final = 8
"""Runs at once that two cores bear: they mostly wait, but each starts an operator or two."""
TWICE: Final = 2
COLLECTING_WITHIN: Final = 240.0

Reference = tuple[Workload, str]
GROUNDS: Final[WeakKeyDictionary[Cluster, Ground]] = WeakKeyDictionary()


@asynccontextmanager
async def ground(binaries: Binaries) -> AsyncIterator[Ground]:
    """A cluster of its own with a gateway and the simulated node."""
    async with Cluster(binaries, manifests=[REPOSITORY / "crds"]) as cluster:
        envoy = await cluster.attach(Envoy(cluster.folder / "envoy", address=GATEWAY))
        await cluster.attach(Gateway(cluster.api, envoy))
        yield await prepared(cluster)


async def prepared(cluster: Cluster) -> Ground:
    """What runs need on a cluster that has a gateway; the same for all who ask, for it has one such node."""
    if cluster not in GROUNDS:
        GROUNDS[cluster] = await _prepared(cluster)
    return GROUNDS[cluster]


async def _prepared(cluster: Cluster) -> Ground:
    await cluster.install(*ACCESS)
    await _collecting(cluster.api)
    account = kubeconfig.access(await cluster.service_account_kubeconfig(*ACCOUNT))
    api = await cluster.attach(PatientApi(kubeconfig.access(cluster.kubeconfig)))
    return Ground(cluster, api, account, await cluster.attach(Pods(api)), asyncio.Lock())


async def _collecting(api: Api) -> None:
    """Wait until what a ModelDeployment owns goes with it: the garbage collector learns of kinds only every
    half minute, and until then a model that is made again finds the children of the one before.
    """
    async with fresh_namespace(api) as place:
        owner = await Model(api, place, "owner").apply(spec())
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": "owner"}
        owners = [{**reference, "uid": owner["metadata"]["uid"]}]
        child = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "child", "ownerReferences": owners},
        }
        await api.create(child, place)
        await api.delete(MODEL_DEPLOYMENTS, "owner", place)
        await api.gone(CONFIG_MAPS, "child", place, within=COLLECTING_WITHIN)


class References:
    """The runs without faults, two of each workload, which have to agree."""

    def __init__(self) -> None:
        self.endings: dict[tuple[str, str], Ending] = {}
        self.traces: dict[Reference, Trace] = {}
        self.wrong: dict[str, list[str]] = {}

    async def run(self, place: Ground, chosen: Iterable[Reference], *, width: int = WIDTH) -> None:
        """Run them, side by side."""
        free = asyncio.Semaphore(max(1, width // TWICE))

        async def one(workload: Workload, router: str) -> None:
            async with free:
                first, second = await asyncio.gather(*(run(place, workload, router) for _ in range(TWICE)))
            self.endings[workload.__name__, router] = first.ending
            self.traces[workload, router] = first.trace
            apart = differences(second.ending, first.ending)
            if wrong := [*first.wrong, *second.wrong, *apart]:
                self.wrong[title(workload, router)] = wrong

        await asyncio.gather(*(one(workload, router) for workload, router in chosen))


async def run_all(
    place: Ground,
    plans: Iterable[Plan],
    endings: Mapping[tuple[str, str], Ending],
    *,
    width: int = WIDTH,
    told: Callable[[Plan, Ran], None],
) -> None:
    """Run plans side by side; `told` hears of each as it ends.

    Those that take the server from all come last, and each then has to bear the others' faults as well.
    """
    waiting = iter(sorted(plans, key=lambda plan: plan.kind in ALONE))

    async def lane() -> None:
        for plan in waiting:
            wanted = endings[plan.reference]
            try:
                ran = await run(place, plan.workload, plan.router, fault=plan.fault, wanted=wanted)
            except Exception as error:  # one plan that breaks must not take the others with it
                ran = broken(error)
            told(plan, ran)

    await asyncio.gather(*(lane() for _ in range(width)))
