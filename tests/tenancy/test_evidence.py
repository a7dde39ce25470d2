"""Attacks on the judgement of another namespace's rollout: whose a series is, where others choose its labels.

A tenant chooses the names of his objects, and what his pods say of themselves. He does not choose the label
of the namespace: Prometheus sets that, unless it was told to honour the pods' own (`docs/security.md`).
"""

import re
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.catalogue.loader import builtin
from serin.domain.analysis.counters import Arm
from serin.domain.analysis.policy import DataPlane, Mode, Policy, Promotion
from serin.domain.analysis.request import TrialRequest, pod_pattern
from serin.prom.owners import Owners, claims

CANARY, STABLE = "fraud-7c9f1a2b3c", "fraud-55d1a2b3c4"
POLICY: Final = Policy(
    mode=Mode.ENFORCE,
    max_false_rollback_rate=0.01,
    warm_up=timedelta(0),
    promotion=Promotion(max_ratio=2.0, max_increase=0.01, confidence=0.95, min_requests=200),
    signals=(),
)
NAMES: Final = st.from_regex(r"\A[a-z]([-a-z0-9]{0,50}[a-z0-9])?\Z")
HASHES: Final = st.from_regex(r"\A[a-z0-9]{10}\Z")


def trial(namespace: str, *, canary: str = CANARY, stable: str = STABLE) -> TrialRequest:
    return TrialRequest(
        attempt=f"{canary}.1",
        step=0,
        policy=POLICY,
        namespace=namespace,
        stable=stable,
        canary=canary,
        pods=(),
        windows=(),
        started=0.0,
        interval=15.0,
    )


def plane(name: str) -> DataPlane:
    row = builtin().data_planes[name]
    return DataPlane(label=row.backend_label, pattern=row.backend_pattern)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("Envoy", f"httproute/tenant-a/victim.{CANARY}/rule/0"),
        ("Envoy", f"httproute/tenant-a/x.victim.{CANARY}/rule/0"),
        ("Envoy", f"kube_tenant-a_victim-{CANARY}_80"),
        ("Envoy", f"kube_tenant-a_{CANARY}_80"),
        ("Envoy", f"httproute/not-victim/{CANARY}/rule/0"),
        ("Istio", f"{CANARY}.tenant-a.svc.cluster.local"),
        ("Istio", f"{CANARY}.victim.tenant-a.svc.cluster.local"),
        ("Istio", f"{CANARY}-victim.svc.cluster.local"),
        ("NGINX", f"victim-{CANARY}"),
    ],
)
def test_no_object_of_another_namespace_is_named_like_a_backend(source: str, value: str) -> None:
    assert trial("victim").arm_of_backend(plane(source), value) is None


def test_a_backend_is_known_by_its_own_name() -> None:
    assert trial("victim").arm_of_backend(plane("Envoy"), f"httproute/victim/{CANARY}/rule/0") is Arm.CANARY
    assert trial("victim").arm_of_backend(plane("Envoy"), f"victim_{STABLE}_80") is Arm.STABLE


@given(NAMES, HASHES, NAMES, HASHES, st.from_regex(r"\A[a-z0-9]{5,10}-[a-z0-9]{5}\Z"))
def test_no_two_models_own_one_pod(one: str, first: str, other: str, second: str, tail: str) -> None:
    mine, theirs = f"{one}-{first}", f"{other}-{second}"
    pod = f"{theirs[:52]}-{tail}" if len(theirs) <= 46 else f"{theirs}-{tail}"[:58] + "x9k2b"

    if re.fullmatch(pod_pattern(mine), pod):
        assert mine == theirs or mine[:57] == theirs[:57]


def test_a_model_named_like_a_revision_of_another_gets_none_of_its_pods() -> None:
    """`fraud-7c9f1a2b3c` may be the name of a model too."""
    pods = [f"{CANARY}-0123456789-5d8f7c9b6d-x2x9k", f"{CANARY}-5d8f7c9b6d-x2x9k-0"]

    assert [trial("ml").arm_of_pod(pod) for pod in pods] == [None, None]


def test_pods_of_one_name_in_two_namespaces_are_parted() -> None:
    """One query asks for both, and so finds each one's pods in the namespace of the other, too."""
    mine, theirs = trial("tenant-a"), trial("victim")
    found = [*claims("mine", mine, None), *claims("theirs", theirs, None)]
    whose = Owners(found, namespace="namespace", label="pod")
    labels = {"namespace": "victim", "pod": f"{CANARY}-5d8f7c9b6d-x2x9k"}

    assert [claim.owner for claim in whose.of(labels)] == ["theirs"]
    assert whose.of({**labels, "namespace": "elsewhere"}) == ()
    assert whose.of({"exported_namespace": "victim", "pod": labels["pod"]}) == ()
