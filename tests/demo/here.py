"""The story's place on this machine: a cluster of its own, with gateway, Prometheus and the operator."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tests.cluster.binaries import Binaries
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.modelserver.environment import IMAGE, Environment
from tests.cluster.network import GATEWAY
from tests.cluster.prometheus import DISCOVERY_RULES, Prometheus
from tests.cluster.resources import SERVICE_ACCOUNTS, Object
from tests.cluster.waiting import NotInTime, until
from tests.demo import models
from tests.demo.story import Lost, Stage
from tests.demo.users import Address

REPOSITORY: Final = Path(__file__).parents[2]
MANIFESTS: Final = (
    REPOSITORY / "crds",
    REPOSITORY / "manifests" / "parts" / "1-namespace.yaml",
    REPOSITORY / "manifests" / "parts" / "2-access.yaml",
)
"""All of an installation but the Deployment: the operator runs as a process here."""
NAMESPACE: Final = "demo"
RBAC: Final = "rbac.authorization.k8s.io/v1"
HOST: Final = "iris.example.com"
FLUSHED_SECONDS: Final = 12.0
"""Envoy writes its access log every ten seconds."""


@asynccontextmanager
async def cluster(binaries: Binaries, installed: Environment) -> AsyncIterator[Cluster]:
    """A cluster that can run the demo's image."""
    async with Cluster(binaries, images={IMAGE: installed.image}, manifests=MANIFESTS) as running:
        yield running


async def stage(running: Cluster) -> Stage:
    """Attach gateway, Prometheus and operator to a cluster, and make the demo's namespace."""
    access_log = running.folder / "access.log"
    envoy = await running.attach(Envoy(running.folder / "envoy", address=GATEWAY, access_log=access_log))
    gateway = await running.attach(Gateway(running.api, envoy))
    prometheus = await running.attach(await _prometheus(running))
    account = await running.service_account_kubeconfig("serin-system", "serin")
    command = [sys.executable, "-m", "serin", "run", f"--prometheus={prometheus.url}"]
    await running.attach(running.program("serin", command, kubeconfig=account))
    await running.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    await running.api.until(SERVICE_ACCOUNTS, "default", bool, NAMESPACE)
    return Stage(
        api=running.api,
        namespace=NAMESPACE,
        manifest=models.MANIFEST.read_text(),
        address=Address(envoy.url, HOST),
        witness=GatewayWitness(gateway, access_log),
        routes=True,
    )


async def _prometheus(running: Cluster) -> Prometheus:
    """Prometheus as an account that may discover pods."""
    account = {"name": "prometheus", "namespace": "monitoring"}
    role = {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "prometheus"}}
    bodies: list[Object] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": account["namespace"]}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {**role, "rules": DISCOVERY_RULES},
        {
            **role,
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": RBAC.split("/")[0], "kind": "ClusterRole", "name": "prometheus"},
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    ]
    for body in bodies:
        await running.api.apply(body)
    return Prometheus(
        running.folder / "prometheus",
        server=running.server.address,
        token=await running.service_account_token(account["namespace"], account["name"]),
        ca=running.server.ca,
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
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
