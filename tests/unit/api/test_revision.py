"""One wish, one hash: however it is spelled, and in every version of the operator to come."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.api.intent import intent_of
from serin.domain.intent import Intent, RevisionIntent

GOLDEN: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "revisions.golden.yaml").read_text(encoding="utf-8")
)
CONTAINER = {"name": "model", "image": "i", "ports": [{"containerPort": 80}]}


def revision(name: str = "iris", **spec: Any) -> RevisionIntent:
    made = intent_of({"metadata": {"name": name}, "spec": {"model": {"format": "sklearn"}, **spec}})
    assert isinstance(made, Intent), made
    return made.revision


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN.keys())
def test_hash_of_a_known_spec_never_changes(case: dict[str, Any]) -> None:
    assert revision(**case["spec"]).hash == case["hash"], "this would roll every model again"


def test_hash_is_the_digest_of_what_was_asked() -> None:
    asked = '{"format":"sklearn","name":"iris","runtime":"mlserver"}'

    assert revision().full_hash == hashlib.sha256(asked.encode()).hexdigest()
    assert revision().hash == revision().full_hash[:10]


SAME: dict[str, dict[str, Any]] = {
    "the runtime named": {"runtime": "mlserver"},
    "the model's own name": {"model": {"format": "sklearn", "name": "iris"}},
    "empty parts": {"template": {}, "resources": {"limits": {}, "requests": {}}},
    "other replicas": {"replicas": 7},
    "another version": {"model": {"format": "sklearn", "version": "2"}},
    "another port": {"service": {"port": 8080}},
    "other steps": {"rollout": {"canary": {"steps": [{"name": "a", "weight": 1}]}}},
    "another analysis": {"analysis": {"mode": "Off"}},
    "paused": {"paused": True},
}
OTHER: dict[str, dict[str, Any]] = {
    "another format": {"model": {"format": "xgboost"}},
    "another served name": {"model": {"format": "sklearn", "name": "Iris"}},
    "another place": {"model": {"format": "sklearn", "uri": "pvc://models/iris/1"}},
    "resources": {"resources": {"limits": {"cpu": "1"}}},
    "a label on the pods": {"template": {"metadata": {"labels": {"team": "risk"}}}},
    "an empty volume": {"template": {"spec": {"volumes": [{"name": "tmp", "emptyDir": {}}]}}},
    "another runtime": {"runtime": "custom", "template": {"spec": {"containers": [CONTAINER]}}},
}


@pytest.mark.parametrize("spec", SAME.values(), ids=SAME.keys())
def test_what_runs_in_no_pod_is_not_hashed(spec: dict[str, Any]) -> None:
    assert revision(**spec).hash == revision().hash


def test_what_runs_in_pods_is_hashed_apart() -> None:
    hashes = [revision().hash, *(revision(**spec).hash for spec in OTHER.values())]

    assert len(set(hashes)) == len(hashes)


def test_template_with_the_servers_defaults_is_the_same_wish() -> None:
    written = {"spec": {"containers": [CONTAINER]}}
    stored = {"spec": {"containers": [CONTAINER | {"ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}

    assert revision(template=written).hash == revision(template=stored).hash


SPELLINGS: tuple[tuple[int | str, ...], ...] = (
    (1, "1", "1000m", "1.0", "+1", "1e0", "1.", "0.001k"),
    (2000, "2k", "2e3", "2E3"),
    ("500m", "0.5", ".5", "500000u"),
    ("4Gi", "4096Mi", "4194304Ki"),
    ("1536Mi", "1.5Gi"),
    ("4G", "4000M", 4_000_000_000),
    (0, "0", "0Gi", "-0"),
)


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda one: str(one[0]))
def test_one_amount_has_one_hash_however_it_is_written(spellings: tuple[int | str, ...]) -> None:
    def in_template(amount: int | str) -> dict[str, Any]:
        container = {"name": "model", "image": "i", "resources": {"requests": {"cpu": amount}}}
        return {"spec": {"containers": [container], "volumes": [volume(amount)]}}

    def volume(amount: int | str) -> dict[str, Any]:
        return {"name": "tmp", "emptyDir": {"sizeLimit": amount}}

    by_field = {revision(resources={"limits": {"cpu": amount}}).hash for amount in spellings}
    by_template = {revision(template=in_template(amount)).hash for amount in spellings}

    assert (len(by_field), len(by_template)) == (1, 1)


def test_other_amounts_have_other_hashes() -> None:
    hashes = {revision(resources={"limits": {"cpu": one[0]}}).hash for one in SPELLINGS}

    assert len(hashes) == len(SPELLINGS)


def test_amounts_are_rendered_as_they_were_written() -> None:
    assert revision(resources={"limits": {"cpu": "1000m"}}).resources == {"limits": {"cpu": "1000m"}}


def test_port_and_its_name_are_two_wishes() -> None:
    def probed(port: int | str) -> dict[str, Any]:
        probe = {"httpGet": {"port": port}}
        return {"spec": {"containers": [{"name": "model", "image": "i", "readinessProbe": probe}]}}

    assert revision(template=probed(80)).hash != revision(template=probed("80")).hash


@settings(deadline=None)
@given(labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5), data=st.data())
def test_order_of_keys_says_nothing(labels: dict[str, str], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(labels.items()))))

    one, other = (revision(template={"metadata": {"annotations": each}}) for each in (labels, shuffled))

    assert one.hash == other.hash
