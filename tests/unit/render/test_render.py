"""The pod of a revision: what the runtime brings, what the spec says, and the user's template above both."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serin.api.intent import intent_of
from serin.api.podtemplate import first_fault
from serin.catalogue.loader import builtin
from serin.domain.intent import Intent
from serin.domain.render import render_template

KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
}


def rendered(template: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """The template of a sklearn model that is called iris, unless told otherwise."""
    made = intent(template, **spec)
    return render_template(made, builtin().runtime(made.revision.runtime))


def intent(template: Mapping[str, Any] | None = None, **spec: Any) -> Intent:
    body = {"model": {"format": "sklearn"}, "template": template or {}, **spec}
    made = intent_of({"metadata": {"name": "iris", "namespace": "ml"}, "spec": body})
    assert isinstance(made, Intent), made
    return made


def model(template: Mapping[str, Any]) -> dict[str, Any]:
    """The container that answers."""
    [found] = [one for one in template["spec"]["containers"] if one["name"] == "model"]
    assert isinstance(found, dict)
    return found


def over(**container: Any) -> dict[str, Any]:
    """A user's template that says something of the model's container."""
    return {"spec": {"containers": [{"name": "model", **container}]}}


def environment(template: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in model(template)["env"]}


def misses(made: Any, asked: Any, field: str = "") -> list[str]:
    """Where the rendering does not say what the user said: a dumb walk, without a notion of merging."""
    if isinstance(asked, Mapping):
        return [
            at for name in asked for at in (misses(made[name], asked[name], name) if name in made else [name])
        ]
    if isinstance(asked, list) and field in KEYS:
        found = {entry[KEYS[field]]: entry for entry in made}
        return [at for entry in asked for at in misses(found[entry[KEYS[field]]], entry)]
    return [] if made == asked else [field]


names = st.sampled_from(["model", "side", "MLSERVER_HTTP_PORT", "OMP_NUM_THREADS"])
variables = st.one_of(
    st.fixed_dictionaries({"name": names, "value": st.text(max_size=3)}),
    st.fixed_dictionaries(
        {"name": names, "valueFrom": st.just({"fieldRef": {"fieldPath": "metadata.name"}})}
    ),
)
probes = st.fixed_dictionaries(
    {},
    optional={
        "httpGet": st.just({"path": "/up", "port": "http"}),
        "periodSeconds": st.integers(1, 9),
    },
) | st.fixed_dictionaries({"tcpSocket": st.just({"port": 8080})})
mounts = st.fixed_dictionaries(
    {"name": st.just("model"), "mountPath": st.sampled_from(["/mnt/models", "/cache"])}
)
containers = st.fixed_dictionaries(
    {"name": st.sampled_from(["model", "side"]), "image": st.sampled_from(["a", "b"])},
    optional={
        "command": st.lists(st.text(max_size=3), max_size=2),
        "env": st.lists(variables, max_size=3, unique_by=lambda entry: str(entry["name"])),
        "readinessProbe": probes,
        "livenessProbe": probes,
        "lifecycle": st.just({"preStop": {"exec": {"command": ["true"]}}}),
        "volumeMounts": st.lists(mounts, max_size=2, unique_by=lambda entry: entry["mountPath"]),
        "resources": st.just({"limits": {"cpu": "3"}}),
        "securityContext": st.just({"runAsUser": 7}),
    },
)
volumes = st.fixed_dictionaries({"name": st.just("model"), "emptyDir": st.just({})})
templates = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": st.dictionaries(
                    st.sampled_from(["team", "app.kubernetes.io/name"]), st.text(max_size=3)
                ),
                "annotations": st.dictionaries(
                    st.sampled_from(["prometheus.io/port", "note"]), st.text(max_size=3)
                ),
            },
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "containers": st.lists(containers, max_size=2, unique_by=lambda entry: entry["name"]),
                "volumes": st.lists(volumes, max_size=1),
                "nodeSelector": st.just({"disk": "ssd"}),
                "terminationGracePeriodSeconds": st.integers(0, 99),
                "tolerations": st.just([{"key": "nvidia.com/gpu", "operator": "Exists"}]),
            },
        ),
    },
)


@settings(deadline=None)
@given(template=templates, uri=st.sampled_from([None, "pvc://models/iris/1"]))
@example(template=over(image="a", lifecycle={"preStop": {"exec": {"command": ["true"]}}}), uri=None)
def test_users_template_wins_everywhere(template: dict[str, Any], uri: str | None) -> None:
    made = rendered(template, model={"format": "sklearn", **({"uri": uri} if uri else {})})

    assert misses(made, template) == []
    assert first_fault(made) is None


@settings(deadline=None)
@given(template=templates)
def test_rendering_repeats_and_changes_nothing_it_was_given(template: dict[str, Any]) -> None:
    asked, row = intent(template), builtin().runtime("mlserver")
    before = deepcopy((asked.revision.template, row.template))

    first = render_template(asked, row)
    again = render_template(asked, row)
    first["spec"]["containers"].clear()

    assert again == render_template(asked, row)
    assert (asked.revision.template, row.template) == before


def test_labels_choose_the_revision_whatever_the_user_says() -> None:
    made = rendered({"metadata": {"labels": {"team": "risk"}}})

    labels = made["metadata"]["labels"]
    assert labels["serin.dev/model"] == "iris"
    assert labels["serin.dev/revision"] == intent({"metadata": {"labels": {"team": "risk"}}}).revision.hash
    assert labels["team"] == "risk"


def test_mlserver_is_told_what_to_serve() -> None:
    made = rendered(model={"format": "xgboost", "name": "Fraud"})

    assert environment(made)["MLSERVER_MODEL_NAME"] == "Fraud"
    assert environment(made)["MLSERVER_MODEL_IMPLEMENTATION"] == "mlserver_xgboost.XGBoostModel"


def test_mlserver_is_ready_only_with_its_model() -> None:
    container = rendered(model={"format": "xgboost", "name": "Fraud"})["spec"]["containers"][0]

    asked = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe")}
    assert asked == dict.fromkeys(asked, "/v2/models/Fraud/ready")


def test_prometheus_is_told_where_to_scrape() -> None:
    assert rendered()["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8082",
        "prometheus.io/path": "/metrics",
    }


@pytest.mark.parametrize(
    ("uri", "mount"),
    [
        ("pvc://models/iris/1", {"subPath": "iris/1"}),
        ("pvc://models/iris/1/", {"subPath": "iris/1"}),
        ("pvc://models", {}),
    ],
)
def test_claim_is_mounted_read_only(uri: str, mount: dict[str, str]) -> None:
    made = rendered(model={"format": "sklearn", "uri": uri})

    expected = {"name": "model", "mountPath": "/mnt/models", "readOnly": True, **mount}
    assert model(made)["volumeMounts"] == [expected]
    claim = {"claimName": "models", "readOnly": True}
    assert made["spec"]["volumes"] == [{"name": "model", "persistentVolumeClaim": claim}]


def test_resources_of_the_spec_reach_the_model() -> None:
    assert model(rendered(resources={"limits": {"cpu": 2}}))["resources"] == {"limits": {"cpu": 2}}


def test_probe_of_the_user_has_one_handler() -> None:
    made = rendered(over(readinessProbe={"tcpSocket": {"port": "http"}}))

    assert model(made)["readinessProbe"] == {
        "tcpSocket": {"port": "http"},
        "periodSeconds": 5,
        "timeoutSeconds": 2,
    }


def test_variable_of_the_user_has_one_source() -> None:
    theirs = {"name": "MLSERVER_MODEL_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}

    made = rendered(over(env=[theirs]))

    assert [entry for entry in model(made)["env"] if entry["name"] == theirs["name"]] == [theirs]


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ({"name": "http", "containerPort": 9000}, {"http": 9000, "grpc": 8081, "metrics": 8082}),
        ({"containerPort": 8080}, {"http": 8080, "grpc": 8081, "metrics": 8082}),
        ({"name": "web", "containerPort": 8080}, {"web": 8080, "grpc": 8081, "metrics": 8082}),
        (
            {"name": "more", "containerPort": 7000},
            {"http": 8080, "grpc": 8081, "metrics": 8082, "more": 7000},
        ),
    ],
)
def test_ports_have_each_name_and_number_once(theirs: dict[str, Any], expected: dict[str, int]) -> None:
    made = rendered(over(ports=[theirs]))

    assert {port["name"]: port["containerPort"] for port in model(made)["ports"]} == expected
    assert len(model(made)["ports"]) == len(expected)


def test_pod_leaves_the_endpoints_before_it_stops() -> None:
    made = rendered()

    asleep = model(made)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < asleep < made["spec"]["terminationGracePeriodSeconds"]


def test_what_is_not_hashed_is_not_rendered() -> None:
    plain = rendered()

    other = rendered(
        replicas=9,
        model={"format": "sklearn", "version": "7"},
        service={"port": 8000, "grpcPort": 9000},
        traffic={"drainSeconds": 5},
        rollout={"bakeSeconds": 0},
    )

    assert other == plain
