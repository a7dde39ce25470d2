"""Attacks by objects: labels, names and templates that mean somebody else's."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.catalogue.loader import builtin
from serin.domain.gates import GatePolicy, GateRun
from serin.domain.intent import Intent
from serin.domain.jobs import gate_job
from serin.domain.manifests import deployment, revision_service, root_service
from serin.domain.names import Key, RevisionHash
from serin.domain.render import render_template
from serin.domain.routers.gateway_api import GatewayAPIRouter
from serin.kube.kinds import KINDS
from serin.runtime.store import Store
from tests.unit.runtime import objects
from tests.unit.runtime.objects import Object, seen

HASH: Final = RevisionHash("7c9f1a2b3c")
VICTIM: Final = Key("ml", "fraud")
WORDS: Final = st.sampled_from(
    ["serin.dev/model", "serin.dev/revision", "app.kubernetes.io/name", "app", "serin.dev/gate"]
)
PARENT: Final = {"name": "public", "namespace": "infra"}


def intent(**spec: Any) -> Intent:
    made = asked(**spec)
    assert isinstance(made, Intent), made
    return made


def asked(**spec: Any) -> Intent | InvalidSpec:
    body = {"model": {"format": "sklearn"}, **spec}
    return intent_of({"metadata": {"name": "own", "namespace": "tenant-a", "uid": "m-1"}, "spec": body})


def elsewhere(body: Object) -> Object:
    """The same object, labels and all, in the tenant's namespace."""
    metadata = {**body["metadata"], "namespace": "tenant-a", "uid": "forged", "resourceVersion": "99"}
    return {**body, "metadata": metadata}


CHILDREN: Final = (
    objects.child("ControllerRevision", data={}),
    objects.deployment(ready=3),
    objects.service(),
    objects.service(revision=None),
    objects.endpoints("p1", "p2"),
    objects.pod(),
    objects.route(weights={"fraud-r1": 100}),
)


@pytest.mark.parametrize("body", CHILDREN, ids=lambda body: body["kind"])
@pytest.mark.parametrize("event", ["ADDED", "MODIFIED", "DELETED"])
def test_labels_reach_no_model_of_another_namespace(body: Object, event: str) -> None:
    store = Store()
    store.put(seen(objects.model(), "ADDED"))
    for own in CHILDREN:
        store.observe(own["kind"], seen(own, "ADDED"))
    before = store.observed(VICTIM)

    woken = store.observe(body["kind"], seen(elsewhere(body), event))

    assert woken in (None, Key("tenant-a", "fraud"))
    assert store.observed(VICTIM) == before


@settings(deadline=None)  # the first one reads the catalogue
@given(
    st.dictionaries(WORDS, st.sampled_from(["fraud", "7c9f1a2b3c", "x"])),
    st.dictionaries(WORDS, st.just("fraud")),
)
def test_no_template_takes_its_pods_to_another_model(
    labels: Mapping[str, str], annotations: Mapping[str, str]
) -> None:
    template = {"metadata": {"labels": dict(labels), "annotations": dict(annotations)}}

    made = asked(template=template)

    if isinstance(made, InvalidSpec):
        assert any(word.startswith("serin.dev/") for word in {**labels, **annotations})
        return
    pods = render_template(made, builtin().runtime(made.revision.runtime))["metadata"]["labels"]
    assert (pods["serin.dev/model"], pods["serin.dev/revision"]) == ("own", made.revision.hash)
    for service in (
        revision_service(made, made.revision.hash, {}, owner={"uid": "u"}),
        root_service(made, made.revision.hash, {}),
        root_service(made, None, {}),
    ):
        assert service["spec"]["selector"].items() <= pods.items()
        assert service["spec"]["selector"]["serin.dev/model"] == "own"


def test_a_service_can_be_made_to_lead_nowhere_else() -> None:
    made = intent(service={"port": 443, "grpcPort": 9000})
    service = root_service(made, HASH, {})

    assert set(service["spec"]) == {"ports", "selector"}
    assert {name for port in service["spec"]["ports"] for name in port} == {
        "name",
        "port",
        "protocol",
        "targetPort",
    }


@pytest.mark.parametrize(
    "traffic",
    [
        {"backendRefs": [{"name": "fraud", "namespace": "victim"}]},
        {"filters": [{"type": "RequestMirror"}]},
        {"parentRefs": [{**PARENT, "kind": "Service", "group": ""}]},
        {"parentRefs": [PARENT], "path": "no-slash"},
        {"parentRefs": [PARENT], "hostnames": ["*"]},
        {"parentRefs": [PARENT], "hostnames": ["a.example.com\nb"]},
    ],
    ids=["backends", "filters", "a Service as parent", "path", "every host", "two lines"],
)
def test_a_route_takes_no_more_than_gateways_hosts_and_a_path(traffic: Object) -> None:
    made = asked(traffic={"router": "GatewayAPI", "gatewayAPI": {"parentRefs": [PARENT], **traffic}})

    assert isinstance(made, InvalidSpec)


def test_a_route_leads_to_services_of_its_own_namespace() -> None:
    made = intent(traffic={"router": "GatewayAPI", "gatewayAPI": {"parentRefs": [PARENT]}})
    route = GatewayAPIRouter().route(made, {HASH: 100})
    assert route is not None

    assert route["metadata"]["namespace"] == "tenant-a"
    [rule] = route["spec"]["rules"]
    assert [set(backend) for backend in rule["backendRefs"]] == [{"name", "port", "weight"}]
    assert rule["backendRefs"][0]["name"] == f"own-{HASH}"
    assert route["spec"]["parentRefs"] == [PARENT]


def test_a_gates_job_is_the_models_whatever_its_template_says() -> None:
    words = {"serin.dev/model": "fraud", "serin.dev/revision": HASH, "serin.dev/gate": "x", "app": "fraud"}
    owners = [{"kind": "ModelDeployment", "name": "fraud", "uid": "m-9", "controller": True}]
    metadata = {
        "name": "chosen",
        "namespace": "victim",
        "labels": words,
        "annotations": words,
        "ownerReferences": owners,
    }
    container = {"name": "c", "image": "i", "env": [{"name": "SERIN_ADDRESS", "value": "http://victim"}]}
    spec = {"template": {"metadata": metadata, "spec": {"containers": [container]}}}
    made = intent()

    job = gate_job(made, run(), {"metadata": metadata, "spec": spec}, owner_uid="r-1")

    assert job["metadata"]["namespace"] == "tenant-a"
    assert job["metadata"]["name"] == run().job
    assert [owner["uid"] for owner in job["metadata"]["ownerReferences"]] == ["r-1"]
    assert job["metadata"]["labels"]["serin.dev/model"] == "own"
    pod = job["spec"]["template"]
    assert pod["metadata"] == {"labels": {"app": "fraud"}, "annotations": {"app": "fraud"}}
    told = {entry["name"]: entry["value"] for entry in pod["spec"]["containers"][0]["env"]}
    assert told["SERIN_ADDRESS"] == f"http://own-{HASH}.tenant-a.svc"


def run() -> GateRun:
    gate = GatePolicy(
        name="eval",
        before="first",
        template="eval",
        webhook=None,
        timeout=timedelta(minutes=1),
        retries=0,
    )
    return GateRun(
        gate=gate, attempt=f"own-{HASH}.1", canary=f"own-{HASH}", stable="", revision=HASH, number=1
    )


@pytest.mark.parametrize("name", ["../../kube-system/secrets/x", "a/b", "..", "%2e%2e/x", "a?b=c", "a#b"])
def test_no_name_leads_to_another_path_of_the_api(name: str) -> None:
    """Names come from a status too, which a cluster's admin may let tenants write."""
    path = KINDS["ControllerRevision"].path("tenant-a", name)

    assert path.startswith("/apis/apps/v1/namespaces/tenant-a/controllerrevisions/")
    assert not set("/?#") & set(path.rpartition("controllerrevisions/")[2])


@pytest.mark.parametrize(
    "name",
    ["a.b", "a|b", "a.*", "A", "-a", "a-", "9a", "a" * 53, "a\n", "a/b", "", "\u0430"],
    ids=repr,
)
def test_a_models_name_is_neither_a_pattern_nor_too_long_for_its_children(name: str) -> None:
    made = intent_of(
        {"metadata": {"name": name, "namespace": "tenant-a"}, "spec": {"model": {"format": "sklearn"}}}
    )

    assert isinstance(made, InvalidSpec)


@pytest.mark.parametrize(
    "uri",
    [
        "pvc://claim/../../etc",
        "pvc://../etc",
        "pvc://claim/.hidden",
        "pvc://claim//etc",
        "pvc://victim:claim/x",
        "file:///etc/shadow",
        "s3://others/model",
        "secret://victim/key",
    ],
)
def test_a_model_comes_from_a_claim_of_its_own_namespace_only(uri: str) -> None:
    assert isinstance(asked(model={"format": "sklearn", "uri": uri}), InvalidSpec)


def test_no_field_of_a_pod_names_another_namespace() -> None:
    template = {"metadata": {"namespace": "victim"}}
    from_elsewhere = {"secretKeyRef": {"name": "key", "key": "k", "namespace": "victim"}}
    container = {"name": "model", "env": [{"name": "KEY", "valueFrom": from_elsewhere}]}

    assert isinstance(asked(template=template), InvalidSpec)
    assert isinstance(asked(template={"spec": {"containers": [container]}}), InvalidSpec)


def test_a_deployment_is_selected_by_what_no_template_can_say() -> None:
    made = intent()

    body = deployment(made, HASH, {}, owner={"uid": "r-1"}, replicas=1, epoch=None, rejected=None)

    assert body["spec"]["selector"] == {"matchLabels": {"serin.dev/model": "own", "serin.dev/revision": HASH}}
