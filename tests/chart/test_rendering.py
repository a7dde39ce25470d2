"""Every way to install the chart, by either Helm, held to the schemas of every Kubernetes it is for.

Nothing in the templates asks for the cluster's version, so what differs between versions is the schemas
alone: each Helm renders each file once, and all versions validate what came of it.
"""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from serin.api.crd import crd
from tests.chart.reference import CHART
from tests.chart.rendering import CASES, HELMS, KUBERNETES, Refused, documents, objects, rendered
from tests.chart.schemas import faults
from tests.cluster.helm import ready as programs
from tests.cluster.resources import Object

DEFAULT: Final = CHART / "ci" / "default.yaml"
CHOSEN_BY_THE_PLATFORM: Final = "openshift.yaml"
OTHERS: Final = "monitoring.coreos.com/"
"""What Kubernetes has no schema for; the API server holds these to their own CRDs in `test_taken`."""
NOT_REPEATABLE: Final = re.compile(
    r"\b(lookup|rand\w+|gen\w+Cert\w*|genCA\w*|genPrivateKey|uuidv4|now|ago|htpasswd|getHostByName)\b"
)
cases: Final = pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
either: Final = pytest.mark.parametrize("helm", HELMS)


@cache
def text(case: Path, helm: str = "helm4") -> str:
    return rendered(case, by=helm)


def made(case: Path) -> list[Object]:
    return objects(text(case))


def of_kind(bodies: list[Object], *kinds: str) -> list[Object]:
    return [body for body in bodies if body["kind"] in kinds]


def pods(bodies: list[Object]) -> Iterator[Object]:
    for body in of_kind(bodies, "Pod", "Deployment"):
        yield body["spec"] if body["kind"] == "Pod" else body["spec"]["template"]["spec"]


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_all_that_is_made_is_valid_to_the_last_field(kubernetes: str) -> None:
    # The CRD is in most of them, and large.
    distinct = {one for case in CASES for helm in HELMS for one in documents(text(case, helm))}
    bodies = [body for one in sorted(distinct) for body in objects(one)]

    wrong = [
        fault
        for body in bodies
        if not body["apiVersion"].startswith(OTHERS)
        for fault in faults(body, kubernetes)
    ]

    assert wrong == []
    assert len(CASES) >= 11


def test_a_field_that_no_version_knows_is_found() -> None:
    [deployment] = of_kind(made(DEFAULT), "Deployment")
    deployment["spec"]["replica"] = 2

    assert "replica" in next(faults(deployment, KUBERNETES[0]))


@either
def test_helm_finds_nothing_to_better(helm: str) -> None:
    command = [str(programs()[helm]), "lint", "--strict", "--quiet", str(CHART)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.strip()) == (0, "")


@cases
def test_either_helm_makes_the_same(case: Path) -> None:
    first, second = (
        sorted("\n".join(line for line in one.splitlines() if line) for one in documents(text(case, helm)))
        for helm in HELMS
    )

    assert first == second


@either
def test_rendering_twice_is_equal(helm: str) -> None:
    case = CHART / "ci" / "extras.yaml"

    assert rendered(case, by=helm) == text(case, helm)


def test_templates_look_nothing_up_and_draw_no_lots() -> None:
    templates = [path for path in (CHART / "templates").rglob("*") if path.is_file()]

    found = {path.name: NOT_REPEATABLE.findall(path.read_text()) for path in templates}
    asking = [path.name for path in templates if ".Capabilities" in path.read_text()]

    assert {name: words for name, words in found.items() if words} == {}
    assert asking == [], "then each version has to render for itself"


@either
@pytest.mark.parametrize("kubernetes", [KUBERNETES[0], KUBERNETES[-1]])
def test_it_is_for_all_these_versions(helm: str, kubernetes: str) -> None:
    assert rendered(DEFAULT, by=helm, kubernetes=kubernetes) == text(DEFAULT, helm)


@either
def test_older_versions_are_refused(helm: str) -> None:
    with pytest.raises(Refused, match=r"incompatible with Kubernetes v1\.29"):
        rendered(by=helm, kubernetes="1.29")


@either
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("replica=3", "replica"),
        ("image.tagg=1", "tagg"),
        ("replicas=two", "/replicas"),
        ("image.digest=sha256:12", "/image/digest"),
        ("namespaces[0]=Team_A", "/namespaces/0"),
        ("logLevel=TRACE", "/logLevel"),
        ("prometheus.url=prometheus:9090", "/prometheus/url"),
        ("leaderElection.enabled=false", "replicas: 2 need leaderElection.enabled"),
        ("leaderElection.renewDeadlineSeconds=15", "two replicas could act at once"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(helm: str, wrong: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        rendered(by=helm, options=[f"--set={wrong}"])

    assert said in str(refused.value).replace(".", "/") or said in str(refused.value)


@cases
def test_every_pod_meets_the_strictest_standard(case: Path) -> None:
    for pod in pods(made(case)):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security.get("runAsUser") == (None if case.name == CHOSEN_BY_THE_PLATFORM else 65532)
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert not [volume for volume in pod.get("volumes", ()) if "hostPath" in volume]


def rules(body: Object) -> list[Any]:
    found: list[Any] = body["rules"]
    return found


def test_some_namespaces_have_the_clusters_rights_and_the_cluster_none() -> None:
    everywhere = of_kind(made(DEFAULT), "ClusterRole")
    some = made(CHART / "ci" / "namespaced.yaml")

    [wanted] = [rules(one) for one in everywhere if one["metadata"]["name"] == "serin"]
    roles = {one["metadata"]["namespace"]: rules(one) for one in of_kind(some, "Role")}
    lease = roles.pop("serin-system")

    assert roles == {"team-a": wanted, "team-b": wanted}
    assert {name for rule in lease for name in rule["resources"]} == {"leases"}
    assert of_kind(some, "ClusterRole", "ClusterRoleBinding") == []
    [deployment] = of_kind(some, "Deployment")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [one for one in arguments if "namespace" in one] == ["--namespace=team-a", "--namespace=team-b"]


def test_people_write_no_status_and_read_nothing_else() -> None:
    people = [one for one in of_kind(made(DEFAULT), "ClusterRole") if one["metadata"]["name"] != "serin"]
    writing = {"create", "update", "patch", "delete", "deletecollection"}

    assert {one["metadata"]["name"] for one in people} == {"serin-view", "serin-edit"}
    for rule in (rule for one in people for rule in rules(one)):
        assert rule["apiGroups"] == ["serin.dev"]
        assert "modeldeployments/status" not in rule["resources"] or not writing & set(rule["verbs"])


def test_the_definition_is_the_apis_own_and_kept() -> None:
    [body] = of_kind(made(DEFAULT), "CustomResourceDefinition")

    assert body["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert {**body, "metadata": {"name": body["metadata"]["name"]}} == crd()
    lost = objects(rendered(options=["--set=crds.keep=false"]))
    [body] = of_kind(lost, "CustomResourceDefinition")
    assert "annotations" not in body["metadata"]
    assert of_kind(made(CHART / "ci" / "minimal.yaml"), "CustomResourceDefinition") == []


def test_a_digest_wins_over_the_tag_and_a_mirror_over_the_registry() -> None:
    digest = f"sha256:{'0' * 64}"

    images = {one["image"] for pod in pods(made(CHART / "ci" / "digest.yaml")) for one in pod["containers"]}

    assert images == {f"mirror.example.com/platform/serin@{digest}"}


def test_a_changed_list_of_prometheuses_starts_the_pods_anew() -> None:
    case = CHART / "ci" / "prometheuses.yaml"
    changed = objects(rendered(case, options=["--set=catalogue.envoy.version=newer"]))

    first, second = (
        of_kind(bodies, "Deployment")[0]["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for bodies in (made(case), changed)
    )

    assert first != second


def test_monitors_and_rules_are_made_of_what_the_chart_has() -> None:
    bodies = made(CHART / "ci" / "monitoring.yaml")

    labelled = (
        one for one in of_kind(bodies, "ConfigMap") if "grafana_dashboard" in one["metadata"]["labels"]
    )
    shown = sorted(name for one in labelled for name in one["data"])
    [alerts] = of_kind(bodies, "PrometheusRule")

    files = sorted(path.name for path in (CHART / "files" / "dashboards").glob("*.json"))
    assert shown == files
    [source] = objects((CHART / "files" / "alerts.yaml").read_text())
    assert alerts["spec"] == source
    [deployment] = of_kind(bodies, "Deployment")
    assert "annotations" not in deployment["spec"]["template"]["metadata"]


def test_a_budget_is_for_more_than_one_replica() -> None:
    assert of_kind(made(DEFAULT), "PodDisruptionBudget") != []
    assert of_kind(objects(rendered(options=["--set=replicas=1"])), "PodDisruptionBudget") == []
