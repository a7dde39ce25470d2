"""A1: every leaf of the CRD shows in what it is declared to drive, or is refused by name.

The leaves come from the generated schema, so that a new one without a row in `leaves` fails. What the schema
and its rules accept is made into children, queries and decisions by the operator's own code; what they refuse
is refused by the real API server alike.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest
from pydantic import ValidationError

from serin.api.crd import crd
from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.api.model import ModelDeployment
from serin.domain.intent import Intent
from tests.cluster.api import Api, ApiError
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.walk.base import BASE
from tests.walk.leaves import LEAVES, Leaf, leaves_of
from tests.walk.mutations import keys, mutations
from tests.walk.pipeline import Shown

ROOT: Final = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SCHEMAS: Final[Mapping[str, Any]] = dict(leaves_of(ROOT["properties"]["spec"]))
AT_ONCE: Final = 8


def body(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "iris", "namespace": "ml", "uid": "u-1", "generation": 1},
        "spec": spec,
    }


def shown(spec: Mapping[str, Any]) -> Shown | InvalidSpec:
    made = intent_of(body(spec))
    return Shown(made) if isinstance(made, Intent) else made


def mutated(path: str, leaf: Leaf) -> Iterable[tuple[str, dict[str, Any]]]:
    return mutations(leaf.base, leaf.at, SCHEMAS.get(path, {}), other=leaf.other, whole=leaf.whole)


def meant(spec: Mapping[str, Any]) -> ModelDeployment | None:
    """What the schema and its rules make of a spec; None where they refuse it."""
    try:
        return ModelDeployment.model_validate(body(spec))
    except ValidationError:
        return None


def test_every_leaf_is_declared() -> None:
    assert SCHEMAS.keys() == LEAVES.keys()


def test_the_base_can_be_followed() -> None:
    assert isinstance(shown(BASE), Shown)


@pytest.mark.parametrize("path", LEAVES)
def test_leaf_drives_what_it_is_declared_to_drive(path: str) -> None:
    leaf = LEAVES[path]
    base = shown(leaf.base)
    assert isinstance(base, Shown)
    before, drove = leaf.shows(base), []

    for name, spec in mutated(path, leaf):
        found = shown(spec)
        if isinstance(found, InvalidSpec):
            assert names(found.path, leaf), f"{name}: {found.message}"
            assert ": " in found.message or "; " in found.message or " is " in found.message
        elif found.intent != base.intent:
            assert leaf.shows(found) != before, f"{name} changes nothing of {leaf.drives}"
            drove.append(name)

    assert drove, "no other value can be meant"


def names(path: str, leaf: Leaf) -> bool:
    """Whether a fault's path leads to the leaf, or to a part that holds it, or to what depends on it."""
    found = [key for key in keys(path)[1:] if isinstance(key, str)]
    wanted = [key for key in keys(leaf.at) if isinstance(key, str)]
    return found[:1] == wanted[:1] or found[:1] in DEPEND.get(wanted[0], ())


DEPEND: Final[Mapping[str, tuple[list[str], ...]]] = {
    "runtime": (["model"], ["analysis"], ["template"]),
    "model": (["runtime"],),
    "rollout": (["analysis"],),
}
"""Parts whose meaning hangs on others: a signal on the runtime, a gate on the step that it stands before."""


async def test_the_server_refuses_what_the_operator_refuses(api: Api, namespace: str) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def held(path: str, name: str, spec: Mapping[str, Any]) -> str | None:
        async with gate:
            said = await refusal(api, namespace, spec)
        if (said is None) is not (meant(spec) is not None):
            return f"{path} {name}: the server says {said}, the operator {shown(spec)}"
        fields = [key for key in keys(LEAVES[path].at) if isinstance(key, str)]
        if said is not None and not any(field in said for field in fields[:2]):
            return f"{path} {name}: no field is named: {said}"
        return None

    tried = [held(path, name, spec) for path, leaf in LEAVES.items() for name, spec in mutated(path, leaf)]

    assert [one for one in await asyncio.gather(*tried) if one is not None] == []


async def refusal(api: Api, namespace: str, spec: Mapping[str, Any]) -> str | None:
    """What the server says against a spec, which it is only asked about."""
    made = body(spec)
    made["metadata"] = {"name": "iris"}
    path = MODEL_DEPLOYMENTS.path(namespace)
    try:
        await api.request("POST", path, made, params={"dryRun": "All", "fieldValidation": "Strict"})
    except ApiError as error:
        return str(error)
    return None
