"""The story's place on this machine: a cluster of its own, with gateway, Prometheus and the operator."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.cluster import kubeconfig, network
from tests.cluster.binaries import Binaries
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.modelserver.environment import IMAGE, Environment
from tests.cluster.network import GATEWAY
from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import SERVICE_ACCOUNTS
from tests.cluster.waiting import NotInTime, until
from tests.demo import models
from tests.demo.story import Lost, Stage
from tests.demo.users import Address
from tests.stage.operator import ACCESS, ACCOUNT, Operator

REPOSITORY: Final = Path(__file__).parents[2]
MANIFESTS: Final = (REPOSITORY / "crds", *ACCESS)
"""All of an installation but the Deployment: the operator runs as a process here."""
NAMESPACE: Final = "demo"
HOST: Final = "iris.example.com"
FLUSHED_SECONDS: Final = 12.0
"""Envoy writes its access log every ten seconds."""


REACH: Final = """
Everything stays up, with users who ask, until Ctrl-C. In another terminal:

  export KUBECONFIG={file}
  kubectl get mdep
  kubectl describe mdep iris
  curl -H 'Host: {host}' http://127.0.0.1:{users}/v2/models/iris
  kubectl annotate mdep iris serin.dev/retry={attempt}

Prometheus is at http://127.0.0.1:{prometheus}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The cluster, the stage in it, and Prometheus' address."""

    running: Cluster
    stage: Stage
    prometheus: str


@asynccontextmanager
async def cluster(binaries: Binaries, installed: Environment) -> AsyncIterator[Cluster]:
    """A cluster that can run the demo's image."""
    async with Cluster(binaries, images={IMAGE: installed.image}, manifests=MANIFESTS) as running:
        yield running


async def place(running: Cluster) -> Place:
    """Attach gateway, Prometheus and operator to a cluster, and make the demo's namespace."""
    access_log = running.folder / "access.log"
    envoy = await running.attach(Envoy(running.folder / "envoy", address=GATEWAY, access_log=access_log))
    gateway = await running.attach(Gateway(running.api, envoy))
    prometheus = Prometheus(running.api, running.folder / "prometheus")
    await running.attach(prometheus)
    await running.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    await running.api.until(SERVICE_ACCOUNTS, "default", bool, NAMESPACE)
    account = await running.service_account_kubeconfig(*ACCOUNT)
    await running.attach(Operator(running, NAMESPACE, account, prometheus=prometheus.url))
    told = Stage(
        api=running.api,
        namespace=NAMESPACE,
        manifest=models.MANIFEST.read_text(),
        address=Address(envoy.url, HOST),
        witness=GatewayWitness(gateway, access_log),
        routes=True,
    )
    return Place(running, told, prometheus.url)


class Doors:
    """Ways from the machine into the cluster's network; to be made before the process moves there."""

    def __init__(self) -> None:
        self._api, self._users, self._prometheus = network.Door(), network.Door(), network.Door()

    @asynccontextmanager
    async def opened(self, place: Place) -> AsyncIterator[str]:
        """Open them; yields what a person has to type to get in."""
        server = place.running.server
        targets = (
            (self._api, server.address),
            (self._users, place.stage.address.url),
            (self._prometheus, place.prometheus),
        )
        async with AsyncExitStack() as stack:
            for door, target in targets:
                url = urlsplit(target)
                await stack.enter_async_context(door.to(url.hostname or "", url.port or 0))
            file = kubeconfig.written(
                place.running.folder / "outside.kubeconfig",
                server=f"https://127.0.0.1:{self._api.port}",
                token=server.tokens["admin"],
                ca=server.ca,
                namespace=NAMESPACE,
            )
            seen = await place.stage.api.get(models.MODEL_DEPLOYMENTS, models.NAME, NAMESPACE)
            yield REACH.format(
                file=file,
                host=HOST,
                users=self._users.port,
                prometheus=self._prometheus.port,
                attempt=next((one["attempt"] for one in seen["status"].get("rejected", [])), "ATTEMPT"),
            )


class GatewayWitness:
    """What the gateway knows: its access log names the backend of every request."""

    def __init__(self, gateway: Gateway, access_log: Path) -> None:
        self._gateway, self._log = gateway, access_log

    async def lost(self, expected: int) -> list[Lost]:
        async def lines() -> int:
            return len(self._lines())

        # A request that never reached the gateway is not in its log, and so is charged to nobody.
        with suppress(NotInTime):
            await until(lines, lambda count: count >= expected, within=FLUSHED_SECONDS)
        return [
            Lost(at=datetime.fromisoformat(line["at"]).timestamp(), revision=line["backend"].split("_")[1])
            for line in self._lines()
            if line["status"] >= 500 and line["backend"]
        ]

    def zero_at(self, revision: str, since: float) -> float | None:
        later = (one for one in self._gateway.history if one.at > since and one.route.name == models.NAME)
        return next((one.at for one in later if not one.weights.get(revision)), None)

    def _lines(self) -> list[dict[str, Any]]:
        if not self._log.exists():
            return []
        whole, _, _ = self._log.read_text().rpartition("\n")  # the last line may be half written
        return [json.loads(line) for line in whole.splitlines()]
