"""`python -m tests.cluster`: a cluster to play with, reachable from this machine, running until Ctrl-C."""

import argparse
import asyncio
import shlex
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.cluster import binaries, kubeconfig, network, prometheus
from tests.cluster.binaries import Missing
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.images import Image, Images
from tests.cluster.modelserver import environment as modelserver
from tests.cluster.network import GATEWAY, Door
from tests.cluster.prometheus import Prometheus

CRDS: Final = Path(__file__).parents[2] / "crds"
CANNOT_RUN: Final = 2


def main() -> int:
    """Returns the exit code: 2 when the machine lacks something."""
    options = _parser().parse_args()
    began = time.monotonic()
    try:
        network.require()
        found = binaries.ready(_say)
        images: Images = {modelserver.IMAGE: modelserver.ready(_say).image, **dict(options.image)}
        prometheus.find_prometheus(_say)
    except Missing as missing:
        _say(f"the cluster cannot run: {missing}")
        return CANNOT_RUN
    # Doors first: once inside, there is no way back to the machine's own 127.0.0.1.
    doors = {name: Door() for name in ("api", "gateway", "prometheus")}
    try:
        network.enter()
    except Missing as missing:
        _say(f"the cluster cannot run: {missing}")
        return CANNOT_RUN
    cluster = Cluster(found, images=images, manifests=options.apply, capacity=dict(options.capacity))
    asyncio.run(_run(cluster, doors, began))
    return 0


async def _run(cluster: Cluster, doors: dict[str, Door], began: float) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cluster)
        envoy = await cluster.attach(Envoy(cluster.folder / "envoy", address=GATEWAY))
        await cluster.attach(Gateway(cluster.api, envoy))
        metrics = await cluster.attach(Prometheus(cluster.api, cluster.folder / "prometheus"))
        targets = {"api": cluster.server.address, "gateway": envoy.url, "prometheus": metrics.url}
        for name, url in targets.items():
            address = urlsplit(url)
            await stack.enter_async_context(doors[name].to(address.hostname or "", address.port or 0))
        _say(_reachable(cluster, doors, time.monotonic() - began))
        await stop.wait()
        _say("\nending the cluster and everything in it")


def _reachable(cluster: Cluster, doors: dict[str, Door], seconds: float) -> str:
    path = kubeconfig.written(
        cluster.folder / "kubeconfig",
        server=f"https://127.0.0.1:{doors['api'].port}",
        token=cluster.server.tokens["admin"],
        ca=cluster.server.ca,
    )
    return f"""
The cluster is up after {seconds:.0f} s. From another terminal of this machine:

    export KUBECONFIG={path}
    kubectl get nodes

    gateway (HTTPRoutes)  http://127.0.0.1:{doors["gateway"].port}
    Prometheus            http://127.0.0.1:{doors["prometheus"].port}
    logs and audit log    {cluster.folder}
    images for pods       {", ".join(sorted(cluster.images))}

An operator from this checkout, as admin:

    serin run --prometheus=http://127.0.0.1:{doors["prometheus"].port} --scrape-interval=5

Ctrl-C ends the cluster and everything in it."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument(
        "--apply", type=Path, action="append", default=[CRDS], metavar="PATH", help="YAML to apply at start"
    )
    parser.add_argument(
        "--image",
        type=_image,
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="an image for pods: its name and what it runs",
    )
    parser.add_argument(
        "--capacity",
        type=_pair,
        action="append",
        default=[],
        metavar="RESOURCE=AMOUNT",
        help="what the node offers, such as nvidia.com/gpu=4",
    )
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _image(text: str) -> tuple[str, Image]:
    name, command = _pair(text)
    return name, Image(entrypoint=tuple(shlex.split(command)))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
