"""A runtime of the user's own: a row in a folder, and models that name nothing but their format."""

from functools import partial
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.resources import DEPLOYMENTS, Object, Resource
from tests.cluster.waiting import PROBE_TIMEOUT, until
from tests.operator.conftest import SERVER, Operators

MODELS = Resource("serin.dev/v1alpha1", "modeldeployments")
ROW = f"""
kind: Runtime
name: files
version: "2026.11"
defaultFor: [folder]
formats: {{folder: {{SERVES: "{{model}}"}}}}
template:
  spec:
    containers:
    - name: model
      image: {SERVER}
      ports: [{{name: http, containerPort: 8080}}]
      readinessProbe: {{httpGet: {{port: http, path: /}}, periodSeconds: 1, timeoutSeconds: {PROBE_TIMEOUT}}}
"""


def is_ready(seen: Object) -> bool:
    conditions = {row["type"]: row["status"] for row in seen["status"]["conditions"]}
    return conditions.get("Ready") == "True"


def counted(answer: tuple[int, str]) -> bool:
    return 'serin_rollouts_total{result="Promoted"} 1' in answer[1]


async def test_a_row_of_ones_own_deploys_a_model_by_its_format(
    operators: Operators, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "files.yaml").write_text(ROW, encoding="utf-8")
    body = {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud"},
        "spec": {"model": {"format": "folder"}},
    }

    async with operators(f"--catalogue={tmp_path}") as operator:
        await cluster.api.create(body, namespace)
        seen = await cluster.api.until(MODELS, "fraud", is_ready, namespace)
        await until(partial(operator.page, "/metrics"), counted, what="the rollout's end among the metrics")

    assert seen["status"]["resolved"]["runtime"] == "files@2026.11"
    child = await cluster.api.get(DEPLOYMENTS, seen["status"]["stable"]["revision"], namespace)
    [container] = child["spec"]["template"]["spec"]["containers"]
    assert container["image"] == SERVER
    assert container["env"] == [{"name": "SERVES", "value": "fraud"}]
