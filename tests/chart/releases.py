"""Releases of the chart on the test cluster, made by the real Helm as a person would.

The operator's pods are the cluster's own: what the chart renders is what runs, down to the ServiceAccount's
token in its place. Only the image is a name for this checkout.
"""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

import aiohttp
import yaml

from tests.chart.reference import CHART
from tests.cluster import helm
from tests.cluster.audit import service_account
from tests.cluster.cluster import Cluster
from tests.cluster.images import Image
from tests.cluster.resources import CLUSTER_ROLES, NAMESPACES, PODS, ROLES
from tests.cluster.waiting import until
from tests.conftest import REPOSITORY

VERSION: Final = str(yaml.safe_load((CHART / "Chart.yaml").read_text())["version"])
PREVIOUS: Final = "0.0.9"
NEW_COLUMN: Final = "Message"
"""Of the CRD; the previous chart's has none."""
PATH: Final = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
IMAGE: Final = Image(
    entrypoint=(sys.executable, "-m", "serin"),
    arguments=("run",),
    environment={"PATH": PATH, "OPENBLAS_NUM_THREADS": "1"},
    files=(str(REPOSITORY), sys.prefix),
)
"""What the Dockerfile's image does, from this checkout."""
TIMEOUT: Final = "--timeout=420s"


class Failed(Exception):
    """Helm ended with an error; the text is what it said."""


def previous(folder: Path) -> Path:
    """The chart as it was a version ago: another image, and a CRD that lacks a column."""
    chart = folder / "previous"
    shutil.copytree(CHART, chart)
    about = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(about.replace(f"ersion: {VERSION}", f"ersion: {PREVIOUS}"))
    [definition] = (chart / "files" / "crds").glob("*.yaml")
    column = rf"    - name: {NEW_COLUMN}\n(?:      .*\n)+"
    older, found = re.subn(column, "", definition.read_text())
    assert found == 1
    definition.write_text(older)
    return chart


class Release:
    """One release, in a namespace of its own name.

    Args:
        folder: For what Helm keeps.
        values: Over the chart's own.
    """

    def __init__(self, cluster: Cluster, name: str, folder: Path, **values: object) -> None:
        self._cluster, self._folder = cluster, folder
        self.name = name
        self.values = {"prometheus": {"url": ""}, **values}
        self.full_name = f"{name}-serin"
        self.user = service_account(name, self.full_name)
        for version in (PREVIOUS, VERSION):
            cluster.images[f"serin:{version}"] = IMAGE

    async def install(self, chart: Path = CHART, *, by: str) -> None:
        """Install it, and wait until its replicas are ready. A CRD that others have applied is taken over."""
        await self._helm(by, "install", str(chart), "--create-namespace", "--take-ownership", "--wait")

    async def upgrade(self, chart: Path = CHART, *, by: str) -> None:
        """Upgrade it, and wait until its new replicas are ready."""
        await self._helm(by, "upgrade", str(chart), "--wait")

    async def test(self, *, by: str) -> str:
        """`helm test`; what it printed."""
        return await self._helm(by, "test", valued=False)

    async def uninstall(self, *, by: str) -> None:
        await self._helm(by, "uninstall", "--wait", valued=False)

    async def removed(self) -> None:
        """Nothing of it stays; the CRD does."""
        if await self._cluster.api.find(NAMESPACES, self.name) is not None:
            await self._helm("helm4", "uninstall", "--ignore-not-found", valued=False)
            await self._cluster.api.delete(NAMESPACES, self.name)

    async def images(self) -> set[str]:
        """What its pods run, those on their way out included."""
        own = f"app.kubernetes.io/name=serin,app.kubernetes.io/instance={self.name}"
        found = await self._cluster.api.list(PODS, self.name, labels=own)
        return {container["image"] for body in found for container in body["spec"]["containers"]}

    async def until_runs(self, *images: str) -> None:
        """Wait until its pods run these images and no others."""
        await until(self.images, lambda found: found == set(images), what=f"pods of {self.name}")

    async def looks(self) -> float:
        """How many looks at models its replicas have ended well."""
        pods = await self._cluster.api.list(PODS, self.name, labels="app.kubernetes.io/name=serin")
        return sum([await _looks(body["status"]["podIP"]) for body in pods])

    async def granted(self, *namespaces: str) -> set[tuple[str, str]]:
        """Verbs and resources that the operator may use: in the cluster, or in each of some namespaces."""
        api = self._cluster.api
        if namespaces:
            roles = [await api.get(ROLES, self.full_name, namespace) for namespace in namespaces]
        else:
            roles = [await api.get(CLUSTER_ROLES, self.full_name)]
        each = [
            {(verb, kind) for rule in role["rules"] for verb in rule["verbs"] for kind in rule["resources"]}
            for role in roles
        ]
        return set.intersection(*each)

    async def _helm(self, by: str, verb: str, *arguments: str, valued: bool = True) -> str:
        values = self._folder / f"{self.name}.json"
        values.write_text(json.dumps(self.values))
        place = [f"--namespace={self.name}", TIMEOUT, *([f"--values={values}"] if valued else [])]
        homes = {f"HELM_{word}_HOME": str(self._folder / word) for word in ("CACHE", "CONFIG", "DATA")}
        running = await asyncio.create_subprocess_exec(
            helm.ready()[by],
            *(verb, self.name, *arguments, *place),
            env={**os.environ, **homes, "KUBECONFIG": str(self._cluster.kubeconfig)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await running.communicate())[0].decode()
        if running.returncode:
            raise Failed(f"{by} {verb}: {said}")
        return said


async def _looks(address: str) -> float:
    async with aiohttp.ClientSession() as http, http.get(f"http://{address}:8080/metrics") as answer:
        found = re.findall(
            r'^serin_reconciles_total\{outcome="done"\} (.+)$', await answer.text(), re.MULTILINE
        )
    return sum(map(float, found))
