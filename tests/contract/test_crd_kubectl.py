"""What a person at a terminal gets from the resource: apply, explain, get and scale, by the real kubectl."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from serin.api.intent import intent_of
from serin.catalogue.loader import builtin
from serin.domain.intent import Intent
from serin.domain.render import render_template
from tests.cluster import binaries
from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.resources import CRDS, NAMESPACES, Object, Resource

REPOSITORY = Path(__file__).parents[2]
MODELS = Resource("serin.dev/v1alpha1", "modeldeployments")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SMALLEST = """
apiVersion: serin.dev/v1alpha1
kind: ModelDeployment
metadata: {name: iris}
spec: {model: {format: sklearn}}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Kubectl: TypeAlias = Callable[..., Awaitable[Said]]


@pytest.fixture
def kubectl(machine_cluster: Cluster | None, kube_context: str | None, tmp_path: Path) -> Kubectl:
    """The real kubectl, as the admin of the tests' cluster."""
    own = {} if machine_cluster is None else {"KUBECONFIG": str(machine_cluster.kubeconfig)}
    context = ["--context", kube_context] if kube_context else []
    environment = {**os.environ, **own, "KUBECACHEDIR": str(tmp_path)}

    async def run(*words: str | Path, given: str = "") -> Said:
        running = await asyncio.create_subprocess_exec(
            binaries.kubectl(),
            *context,
            *words,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await running.communicate(given.encode())
        return Said(running.returncode or 0, out.decode(), err.decode())

    return run


async def restricted(api: Api, namespace: str) -> None:
    """The namespace takes only pods of the strictest standard."""
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    await api.patch(NAMESPACES, namespace, {"metadata": {"labels": label}})


async def offered_pod(api: Api, namespace: str, template: Mapping[str, Any]) -> Object:
    """A dry run of one pod of a template, so that the server's admission looks at it."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template.get("metadata", {}), "name": "offered"},
        "spec": {**template["spec"], "serviceAccountName": "default"},
    }
    path = f"/api/v1/namespaces/{namespace}/pods"
    answer: Object = await api.request(
        "POST", path, pod, params={"dryRun": "All", "fieldValidation": "Strict"}
    )
    return answer


async def test_crd_is_taken_by_plain_apply(api: Api, namespace: str, kubectl: Kubectl) -> None:
    said = await kubectl("apply", "-f", REPOSITORY / "crds" / "serin.dev_modeldeployments.yaml")

    assert said.code == 0, said.err
    stored = await api.get(CRDS, "modeldeployments.serin.dev")
    assert LAST_APPLIED in stored["metadata"]["annotations"]


async def test_samples_are_taken_and_mean_something(api: Api, namespace: str, kubectl: Kubectl) -> None:
    said = await kubectl("apply", "-n", namespace, "-f", REPOSITORY / "manifests" / "samples")

    assert said.code == 0, said.err
    stored = await api.list(MODELS, namespace)
    assert len(stored) == len(list((REPOSITORY / "manifests" / "samples").glob("*.yaml")))
    assert [body["metadata"]["name"] for body in stored if not isinstance(intent_of(body), Intent)] == []


async def test_apply_refuses_a_typo_by_its_place(namespace: str, kubectl: Kubectl) -> None:
    typo = SMALLEST.replace("format: sklearn}", "format: sklearn, versoin: '1'}")

    said = await kubectl("apply", "-n", namespace, "-f", "-", given=typo)

    assert said.code != 0
    assert 'unknown field "spec.model.versoin"' in said.err


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("mdep", "A model that is served, and replaced step by step when its spec changes."),
        ("mdep.spec.rollout.bakeSeconds", "After 100 % the old revision is kept warm for this long"),
        ("mdep.spec.traffic.gatewayAPI.parentRefs", "The Gateways the route is attached to."),
        ("mdep.spec.analysis.signals.maxRatio", "The canary may be this many times as bad as the stable"),
        ("mdep.spec.template.spec.containers.image", "FIELD: image <string>"),
    ],
)
async def test_explain_tells_what_a_field_means(
    namespace: str, kubectl: Kubectl, field: str, words: str
) -> None:
    said = await kubectl("explain", field)

    assert said.code == 0, said.err
    assert " ".join(words.split()) in " ".join(said.out.split())


async def test_get_shows_the_columns(namespace: str, kubectl: Kubectl) -> None:
    await kubectl("apply", "-n", namespace, "-f", "-", given=SMALLEST)

    short = await kubectl("get", "ml", "-n", namespace)
    wide = await kubectl("get", "mdep", "-n", namespace, "-o", "wide")

    columns = ["NAME", "READY", "STATUS", "WEIGHT", "STABLE", "CANARY", "REPLICAS", "AGE"]
    assert short.out.splitlines()[0].split() == columns
    assert wide.out.splitlines()[0].split() == [*columns, "STEP", "RUNTIME", "URL", "MESSAGE"]


async def test_scale_changes_replicas_and_nothing_else(api: Api, namespace: str, kubectl: Kubectl) -> None:
    await kubectl("apply", "-n", namespace, "-f", "-", given=SMALLEST)
    before = await api.get(MODELS, "iris", namespace)

    said = await kubectl("scale", "mdep", "iris", "-n", namespace, "--replicas=3")

    assert said.code == 0, said.err
    after = await api.get(MODELS, "iris", namespace)
    assert after["spec"] == before["spec"] | {"replicas": 3}


async def test_autoscalers_find_replicas_and_selector(api: Api, namespace: str, kubectl: Kubectl) -> None:
    await kubectl("apply", "-n", namespace, "-f", "-", given=SMALLEST)
    status = {"replicas": 2, "selector": "serin.dev/model=iris"}
    await api.patch(MODELS, "iris", {"status": status}, namespace, subresource="status")

    scale = await api.get(MODELS, "iris", namespace, subresource="scale")

    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == status


async def test_operators_own_pod_meets_the_strictest_standard(api: Api, namespace: str) -> None:
    await restricted(api, namespace)
    documents = yaml.safe_load_all((REPOSITORY / "manifests" / "install.yaml").read_text())
    [deployment] = [body for body in documents if body["kind"] == "Deployment"]

    pod = await offered_pod(api, namespace, deployment["spec"]["template"])

    assert pod["spec"]["containers"][0]["args"][0] == "run"


async def test_rendered_pod_meets_the_strictest_standard(api: Api, namespace: str) -> None:
    await restricted(api, namespace)
    made = intent_of(yaml.safe_load(SMALLEST.replace("sklearn", "sklearn, uri: 'pvc://models/iris/1'")))
    assert isinstance(made, Intent)

    pod = await offered_pod(api, namespace, render_template(made, builtin().runtime(made.revision.runtime)))

    assert pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] == "iris/1"


async def test_installation_is_valid_to_the_last_field(api: Api, namespace: str) -> None:
    for body in yaml.safe_load_all((REPOSITORY / "manifests" / "install.yaml").read_text()):
        resource = await api.resource(body["apiVersion"], body["kind"])
        # Nothing is left behind, so the namespace that the parts name is not there: this one stands in.
        place = {"namespace": namespace} if resource.namespaced else {}
        name = body["metadata"]["name"]

        applied = await api.request(
            "PATCH",
            resource.path(namespace if resource.namespaced else None, name),
            {**body, "metadata": {**body["metadata"], **place}},
            params={"fieldManager": "tests", "force": "true", "dryRun": "All", "fieldValidation": "Strict"},
            media="application/apply-patch+yaml",
        )

        assert applied["metadata"]["name"] == name
