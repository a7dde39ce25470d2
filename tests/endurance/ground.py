"""What all runs stand on: a cluster with Envoy and its gateway, Prometheus, and operators kept alive.

The operator has two replicas, each with a fault proxy between itself and the API server. They are kept as a
Deployment keeps them: whatever ends one, a second later it starts again, unless a fault keeps it away.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.cluster import kubeconfig
from tests.cluster.binaries import Binaries
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.local_server import IMAGE as SERVER
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.network import GATEWAY
from tests.cluster.prometheus import Prometheus
from tests.cluster.tasks import begin
from tests.faults.proxy import FaultProxy
from tests.invariants.watcher import Watcher
from tests.stage.model import IMAGE
from tests.stage.operator import ACCESS, ACCOUNT, Operator

REPOSITORY: Final = Path(__file__).parents[2]
AGAIN_SECONDS: Final = 1.0
REPLICAS: Final = 2


class Kept:
    """An operator that is started again whenever it ends: `async with Kept(operator, proxy)`."""

    def __init__(self, operator: Operator, proxy: FaultProxy) -> None:
        self.operator, self.proxy = operator, proxy
        self.alone = asyncio.Lock()
        """Held by what ends, pauses or starts it."""
        self.starts = 0
        self._wanted = asyncio.Event()
        self._wanted.set()

    async def __aenter__(self) -> Self:
        self._keeping = begin(self._keep(), "keeping the operator")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody starts it while the block runs."""
        self._wanted.clear()
        try:
            yield
        finally:
            self._wanted.set()

    async def _keep(self) -> None:
        while True:
            await self._wanted.wait()
            self.starts += 1
            program = await self.operator.launch()
            try:
                await program.wait()
            finally:
                await program.stop()
            await asyncio.sleep(AGAIN_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where models serve users, and an operator looks after them."""

    cluster: Cluster
    place: str
    envoy: Envoy
    gateway: Gateway
    watcher: Watcher

    def url(self, model: str, verb: str = "infer") -> str:
        """Where users ask a model; its host names the route."""
        return f"{self.envoy.url}/v2/models/{model}/{verb}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground(Stage):
    """The same with all that can go wrong in it."""

    prometheus: Prometheus
    replicas: tuple[Kept, ...]
    """One of them leads."""
    access_log: Path


@asynccontextmanager
async def ground(
    binaries: Binaries,
    *,
    folder: Path | None = None,
    delay_seconds: float = 3.0,
    scrape_seconds: int = 5,
    judged: bool = True,
    seed: int = 0,
) -> AsyncIterator[Ground]:
    """A cluster of its own; the calling process is in a network of its own already.

    Args:
        binaries: Of the control plane.
        folder: Where all files go and stay; default: a temporary one.
        delay_seconds: The gateway's longest delay.
        scrape_seconds: Prometheus' interval.
        judged: Whether the operator is told of Prometheus; otherwise steps pass on readiness and time.
        seed: Of the gateway's delays.
    """
    async with AsyncExitStack() as stack:
        images = {IMAGE: SERVER}
        manifests = [REPOSITORY / "crds", *ACCESS]
        cluster = Cluster(binaries, images=images, manifests=manifests, folder=folder)
        await stack.enter_async_context(cluster)
        yield await stood(
            stack,
            cluster,
            delay_seconds=delay_seconds,
            scrape_seconds=scrape_seconds,
            judged=judged,
            seed=seed,
        )


async def stood(
    stack: AsyncExitStack,
    cluster: Cluster,
    *,
    delay_seconds: float,
    scrape_seconds: int,
    judged: bool,
    seed: int,
) -> Ground:
    """A ground on a cluster that runs."""
    access_log = cluster.folder / "access.log"
    envoy = await stack.enter_async_context(
        Envoy(cluster.folder / "envoy", address=GATEWAY, access_log=access_log)
    )
    gateway = Gateway(cluster.api, envoy, delay_seconds=delay_seconds, seed=seed)
    await stack.enter_async_context(gateway)
    prometheus = Prometheus(cluster.api, cluster.folder / "prometheus", scrape_seconds=scrape_seconds)
    await stack.enter_async_context(prometheus)
    place = await stack.enter_async_context(fresh_namespace(cluster.api))
    watcher = await stack.enter_async_context(Watcher(cluster.api, place, patient=True))
    account = kubeconfig.access(await cluster.service_account_kubeconfig(*ACCOUNT))
    replicas = []
    for number in range(REPLICAS):
        proxy = FaultProxy(account, cluster.folder / "proxies" / str(number))
        await stack.enter_async_context(proxy)
        operator = Operator(
            cluster,
            place,
            proxy.kubeconfig,
            prometheus=prometheus.url if judged else None,
            scrape_seconds=scrape_seconds,
            arguments=("--leader-elect", f"--lease-namespace={ACCOUNT[0]}"),
            replica=f"-{number}",
        )
        replicas.append(await stack.enter_async_context(Kept(operator, proxy)))
    return Ground(
        cluster=cluster,
        place=place,
        envoy=envoy,
        gateway=gateway,
        prometheus=prometheus,
        watcher=watcher,
        replicas=tuple(replicas),
        access_log=access_log,
    )
