"""kube-controller-manager, with the controllers a model deployment meets, and kube-scheduler."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from tests.cluster.apiserver import ApiServer
from tests.cluster.binaries import Binaries
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program, answers

CONTROLLERS: Final = (
    "deployment",
    "replicaset",
    "endpointslice",
    "garbagecollector",
    "namespace",
    "horizontalpodautoscaling",
    "disruption",
    "statefulset",
    "job",
    "serviceaccount",
    "root-ca-cert-publisher",
    "resourcequota",
)
REQUESTS_PER_SECOND: Final = 500


@asynccontextmanager
async def controllers(binaries: Binaries, server: ApiServer, folder: Path) -> AsyncIterator[None]:
    """Run both until the context is left."""
    common = [
        f"--kubeconfig={server.kubeconfigs['controllers']}",
        "--leader-elect=false",
        f"--kube-api-qps={REQUESTS_PER_SECOND}",
        f"--kube-api-burst={2 * REQUESTS_PER_SECOND}",
        f"--bind-address={GATEWAY}",
        f"--cert-dir={folder / 'certificates'}",
    ]
    own: dict[str, list[str]] = {
        "kube-controller-manager": [
            f"--controllers={','.join(CONTROLLERS)}",
            f"--service-account-private-key-file={server.key}",
            f"--root-ca-file={server.ca}",
            "--concurrent-deployment-syncs=20",
            "--concurrent-replicaset-syncs=20",
            "--concurrent-service-endpoint-syncs=20",
            "--concurrent-gc-syncs=20",
            "--horizontal-pod-autoscaler-sync-period=2s",
        ],
        "kube-scheduler": [],
    }
    async with AsyncExitStack() as stack:
        for name, flags in own.items():
            port = free_port()
            command: list[str | Path] = [binaries.program(name), *common, *flags, f"--secure-port={port}"]
            ca = folder / "certificates" / f"{name}.crt"
            ready = answers(f"https://{GATEWAY}:{port}/healthz", ca=ca)
            program = Program(name, command, log=folder / "logs" / f"{name}.log", ready=ready)
            await stack.enter_async_context(program)
        yield
