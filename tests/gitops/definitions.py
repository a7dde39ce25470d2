"""The schemas that recipes of `docs/gitops.md` have to meet: Flux' and Argo CD's own CRDs.

Read from their Go modules, pinned by version and content, and never copied into the repository. Argo CD's
module is large: only its CRDs are kept.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.cluster import binaries
from tests.cluster.binaries import Missing, Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A Go module with CRDs in some of its files."""

    name: str
    version: str
    sum: str
    files: tuple[str, ...]


MODULES: Final = (
    Module(
        name="github.com/fluxcd/kustomize-controller",
        version="v1.9.1",
        sum="h1:jggQk9hMsnXG9QdPWNSKhttH5NdVN+HXm/dbKAJ3Uw8=",
        files=("config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
    ),
    Module(
        name="github.com/fluxcd/source-controller",
        version="v1.9.2",
        sum="h1:dPaSvA6Gd/YYsVCOALG8hq8ADA23fXK36yFzbj8tv/o=",
        files=("config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",),
    ),
    Module(
        name="github.com/argoproj/argo-cd/v3",
        version="v3.5.7",
        sum="h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
        files=("manifests/crds/application-crd.yaml",),
    ),
)


def definitions(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> list[Path]:
    """The files of the CRDs, fetched first if this machine has none. Raises Missing."""
    return [path for module in MODULES for path in _files(module, say)]


def _files(module: Module, say: Say) -> list[Path]:
    name = module.name.rsplit("/", 1)[0] if module.name.endswith("/v3") else module.name
    folder = binaries.cache_home() / "gitops" / f"{name.rpartition('/')[2]}-{module.version}"
    wanted = [folder / Path(file).name for file in module.files]
    if not all(path.exists() for path in wanted):
        folder.mkdir(parents=True, exist_ok=True)
        with binaries.alone(folder, say):
            _fetch(module, folder, say)
    return wanted


def _fetch(module: Module, folder: Path, say: Say) -> None:
    say(f"fetching the CRDs of {module.name}")
    with TemporaryDirectory() as modules:
        # A place of its own for modules, so that all but the CRDs goes away again.
        own = {"GOMODCACHE": modules, "GOFLAGS": "-modcacherw"}
        command = [binaries.go_command(say), "mod", "download", "-json", f"{module.name}@{module.version}"]
        done = subprocess.run(
            command, cwd=modules, env={**os.environ, **own}, capture_output=True, text=True, check=False
        )
        found = json.loads(done.stdout or "{}")
        if done.returncode or found.get("Error"):
            raise Missing(f"`{' '.join(command)}`: {found.get('Error') or done.stderr}")
        if found["Sum"] != module.sum:
            raise Missing(f"{module.name}@{module.version} is {found['Sum']}, not {module.sum}")
        for file in module.files:
            partial = folder / f"{Path(file).name}.partial"
            shutil.copyfile(Path(found["Dir"]) / file, partial)
            partial.replace(folder / Path(file).name)
