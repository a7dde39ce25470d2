"""HTTPRoutes mean to the test gateway what the Gateway API says; EndpointSlices are read as proxies do."""

from typing import Any

import pytest

from tests.cluster import endpoints
from tests.cluster.endpoints import Endpoint
from tests.cluster.envoy_config import Backend, DataPlane, Json
from tests.cluster.mirror import Key
from tests.cluster.resources import Object
from tests.cluster.routing import View, accepted, data_plane, resolved

NOTHING = DataPlane(virtual_hosts=[])
STABLE, CANARY = "ml_stable_80", "ml_canary_80"


def route(*rules: Object, **spec: Any) -> Object:
    parent = {"name": "public", "namespace": "infra"}
    return {
        "metadata": {"name": "iris", "namespace": "ml", "generation": 1},
        "spec": {"parentRefs": [parent], "rules": list(rules), **spec},
    }


def to(**weights: int) -> Object:
    return {"backendRefs": [{"name": name, "port": 80, "weight": weight} for name, weight in weights.items()]}


def service() -> Object:
    return {"spec": {"ports": [{"name": "http", "port": 80}]}}


def slice_of(service: str, **conditions: bool) -> Object:
    return {
        "metadata": {
            "name": f"{service}-1",
            "namespace": "ml",
            "labels": {"kubernetes.io/service-name": service},
        },
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [{"addresses": ["10.244.0.9"], "conditions": conditions}],
    }


def served(route: Object) -> DataPlane:
    """What Envoy is told, with a ready pod behind each Service."""
    names = ("stable", "canary")
    return data_plane(
        View(
            routes={Key("ml", "iris"): route},
            services={Key("ml", name): service() for name in names},
            slices={Key("ml", f"{name}-1"): slice_of(name, ready=True) for name in names},
        )
    )


def actions(found: DataPlane) -> list[Json]:
    (host,) = found.virtual_hosts
    return list(host["routes"])


def test_a_backend_of_weight_zero_stays_a_cluster() -> None:
    found = served(route(to(stable=100, canary=0)))

    ready = Backend(endpoints=frozenset({Endpoint("10.244.0.9", 8080)}))
    assert found.backends == {STABLE: ready, CANARY: ready}
    assert [one["route"]["weighted_clusters"]["clusters"] for one in actions(found)] == [
        [{"name": STABLE, "weight": 100}, {"name": CANARY, "weight": 0}]
    ]


def test_a_rule_whose_weights_are_all_zero_answers_500() -> None:
    (only,) = actions(served(route(to(stable=0))))

    assert only["direct_response"] == {"status": 500}


def test_a_header_goes_before_no_header_and_a_longer_path_before_a_shorter() -> None:
    header = {"headers": [{"name": "x-beta", "value": "1"}]}
    longer = {"path": {"type": "PathPrefix", "value": "/v2/models"}}

    found = served(route(to(stable=1), {**to(canary=1), "matches": [header, longer]}))

    assert [
        (one["match"].get("path_separated_prefix"), bool(one["match"]["headers"])) for one in actions(found)
    ] == [
        ("/v2/models", False),
        (None, True),
        (None, False),
    ]


def test_a_mirror_is_a_backend_with_its_percentage() -> None:
    mirror = {"backendRef": {"name": "canary", "port": 80}, "percent": 5}
    filters = [{"type": "RequestMirror", "requestMirror": mirror}]

    found = served(route({**to(stable=1), "filters": filters}))

    (policy,) = actions(found)[0]["route"]["request_mirror_policies"]
    assert policy["cluster"] == CANARY and CANARY in found.backends
    assert policy["runtime_fraction"]["default_value"] == {"numerator": 50_000, "denominator": "MILLION"}


def test_a_route_of_another_gateway_is_left_alone() -> None:
    other = route(to(stable=1), parentRefs=[{"name": "other", "namespace": "infra"}])

    assert served(other) == NOTHING


def test_what_is_not_supported_is_not_accepted() -> None:
    redirect = {**to(stable=1), "filters": [{"type": "RequestRedirect"}]}

    assert accepted(route(redirect)).reason == "UnsupportedValue"
    assert served(route(redirect)) == NOTHING


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ({"name": "stable", "port": 80}, "ResolvedRefs"),
        ({"name": "stable", "port": 81}, "BackendNotFound"),
        ({"name": "missing", "port": 80}, "BackendNotFound"),
        ({"name": "stable", "port": 80, "namespace": "other"}, "RefNotPermitted"),
        ({"name": "stable", "port": 80, "kind": "Bucket"}, "InvalidKind"),
    ],
)
def test_references_are_judged(ref: Object, reason: str) -> None:
    found = resolved(route({"backendRefs": [ref]}), {Key("ml", "stable"): service()})

    assert found.reason == reason


def test_a_terminating_pod_is_the_last_resort_of_kube_proxy_only() -> None:
    leaving = slice_of("stable", ready=False, serving=True, terminating=True)
    staying = slice_of("stable", ready=True)

    assert endpoints.ready([leaving], "http") == frozenset()
    assert len(endpoints.ready_or_last_resort([leaving], "http")) == 1
    assert endpoints.ready_or_last_resort([leaving, staying], "http") == endpoints.ready([staying], "http")
