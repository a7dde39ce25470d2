"""What is committed is what the sources make, byte for byte; kustomize makes the same of its parts."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart.generated import FILES
from tests.chart.manifests import FOLDER
from tests.chart.rendering import objects
from tests.cluster import binaries
from tests.cluster.resources import Object

ROOT = FOLDER.parent


def kustomized(name: str) -> list[Object]:
    command = [str(binaries.kubectl()), "kustomize", str(FOLDER / name)]
    return objects(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def read(*names: str) -> list[Object]:
    return [body for name in names for body in objects((FOLDER / name).read_text())]


def by_name(bodies: list[Object]) -> dict[str, Object]:
    return {
        "/".join([body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]]): body
        for body in bodies
    }


@pytest.mark.parametrize(
    ("path", "text"), [pytest.param(*one, id=str(one[0].relative_to(ROOT))) for one in FILES.items()]
)
def test_committed_file_is_what_its_sources_make(path: Path, text: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == text(), "run python -m tests.chart.generated"


def test_base_is_the_installation() -> None:
    assert by_name(kustomized("base")) == by_name(read("install.yaml"))


def test_overlay_of_a_namespace_is_the_restricted_installation() -> None:
    wanted = read("namespaced-install.yaml", "components/namespaced/access.yaml")

    assert by_name(kustomized("overlays/namespaced")) == by_name(wanted)


def test_production_has_an_image_by_digest_and_all_that_watches_and_fences() -> None:
    made = by_name(kustomized("overlays/production"))

    [container] = made["Deployment/serin-system/serin"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("registry.example.com/serin@sha256:")
    assert container["args"][1] == "--prometheus=http://prometheus.example.com:9090"
    assert {"NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule"} <= {
        body["kind"] for body in made.values()
    }
    for kind in ("PodMonitor", "PrometheusRule"):
        labels = [body["metadata"]["labels"] for body in made.values() if body["kind"] == kind]
        assert {one["release"] for one in labels} == {"kube-prometheus-stack"}


def test_whoever_names_the_namespace_gets_the_rights_of_the_component() -> None:
    named, unnamed = by_name(read("components/namespaced/access.yaml")), read("namespaced-access.yaml")

    for body in unnamed:
        body["metadata"]["namespace"] = "models"
    assert by_name(unnamed) == named
