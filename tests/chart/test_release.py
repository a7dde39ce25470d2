"""What a release makes of the chart and the manifests: the image by its digest, in all of them.

The script of the workflow runs as it is. What signs and pushes cannot be had without an identity and a
registry: programs of these names only say that they were asked.
"""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.chart.releases import VERSION
from tests.chart.rendering import objects, rendered
from tests.cluster import helm
from tests.cluster.resources import Object
from tests.conftest import REPOSITORY

DIGEST: Final = f"sha256:{'1' * 64}"
IMAGE: Final = "registry.example.com/team/serin"


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Where a release of this version has put its chart and manifests."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program(programs, "cosign", f'echo "$@" >> {tmp_path}/signed')
    real = helm.ready()["helm4"]
    program(programs, "helm", f'[ "$1" = push ] && echo "Digest: {DIGEST}" || exec {real} "$@"')
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DIST": str(tmp_path / "dist"),
        "REGISTRY": "registry.example.com",
        "GITHUB_REF_NAME": f"v{VERSION}",
        "GITHUB_REPOSITORY": "Team/serin",
        "GITHUB_REPOSITORY_OWNER": "Team",
        "IMAGE": IMAGE,
        "DIGEST": DIGEST,
    }
    for part in ("version", "chart", "manifests"):
        subprocess.run([REPOSITORY / ".github" / "release", part], env=environment, check=True)
    return tmp_path / "dist"


def image(bodies: list[Object]) -> str:
    [deployment] = [body for body in bodies if body["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def test_chart_and_manifests_name_the_image_by_its_digest(dist: Path) -> None:
    found = {
        "chart": image(objects(rendered(chart=dist / f"serin-{VERSION}.tgz"))),
        **{
            name: image(objects((dist / name).read_text()))
            for name in ("install.yaml", "namespaced-install.yaml")
        },
    }

    assert set(found.values()) == {f"{IMAGE}@{DIGEST}"}
    signed = (dist.parent / "signed").read_text()
    assert f"registry.example.com/team/charts/serin@{DIGEST}" in signed
    assert "checksums.txt" in signed
