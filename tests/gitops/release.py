"""A release of Helm 4 that holds one ModelDeployment, installed and upgraded by the real program."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.cluster import helm
from tests.cluster.cluster import Cluster
from tests.cluster.resources import Object
from tests.cluster.waiting import PATIENT

CHART: Final = Path(__file__).parent / "chart"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of Helm ended, what it said, and after how many seconds."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Release:
    """A release; it and its model have the same name."""

    cluster: Cluster
    place: str
    name: str

    async def apply(self, spec: Object, *options: str, wait: float = PATIENT) -> Ended:
        """`helm upgrade --install --wait` with a spec, and `wait` seconds of patience."""
        file = self._folder() / f"{self.place}-{self.name}.yaml"
        file.write_text(yaml.safe_dump({"spec": spec}))
        command = ["upgrade", "--install", self.name, str(CHART), f"--values={file}"]
        return await self._run(*command, "--wait", f"--timeout={wait:g}s", *options)

    def _folder(self) -> Path:
        folder = self.cluster.folder / "helm"
        folder.mkdir(exist_ok=True)
        return folder

    async def _run(self, *arguments: str) -> Ended:
        clock = asyncio.get_running_loop().time
        began = clock()
        # What it keeps belongs to the cluster; where HOME is not set it would be left in the working folder.
        homes = {f"HELM_{kind}_HOME": str(self._folder()) for kind in ("CACHE", "CONFIG", "DATA")}
        process = await asyncio.create_subprocess_exec(
            helm.ready()["helm4"],
            *arguments,
            f"--namespace={self.place}",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **homes, "KUBECONFIG": str(self.cluster.kubeconfig)},
        )
        said, _ = await process.communicate()
        return Ended(process.returncode or 0, said.decode(), clock() - began)
