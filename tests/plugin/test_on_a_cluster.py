"""Each command against the real control plane, while a real operator drives the rollouts.

There is no Prometheus, so steps pass on time, or on a person's word; the scenarios wait side by side.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from serin.domain.names import Key
from serin.plugin.cluster import Cluster as Reached
from serin.plugin.command import done
from serin.plugin.exits import Exit
from serin.plugin.orders import Order, abort
from serin.plugin.places import place_of
from serin.plugin.terminal import Terminal
from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.waiting import PATIENT, until
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.plugin.typed import Answer, Screen, Type, typed, typing
from tests.stage.model import Model, attempt, condition, phase, spec, state
from tests.stage.operator import Operator

LONG = {20: 600, 60: 600}
"""Steps that do not pass by themselves within a test."""


@pytest.fixture
def type_(cluster: Cluster, place: str) -> Type:
    """Types commands as the cluster's admin, in the module's namespace."""
    return typing(cluster.kubeconfig, place)


async def test_a_person_steers_rollouts(
    cluster: Cluster, gateway: Gateway, serin: Operator, place: str, type_: Type, tmp_path: Path
) -> None:
    models = [Model(cluster.api, place, name) for name in ("steered", "followed", "late")]
    steered, followed, late = models
    async with asyncio.TaskGroup() as side_by_side:
        side_by_side.create_task(_steers(steered, type_, tmp_path))
        side_by_side.create_task(_follows(followed, cluster, type_))
        side_by_side.create_task(_comes_late(late, cluster, place))


async def _steers(model: Model, type_: Type, folder: Path) -> None:
    """Plan, promote, hold, let go, abort and try again: each does what it says, and nothing else."""
    name = model.name
    await model.apply(spec("1", bake=300))
    assert (await type_("status", name, "--timeout=300s")).code == Exit.OK
    stable = (await model.status())["stable"]["revision"]
    new = _written(folder / "new.yaml", name, {**spec("2", steps=LONG, bake=300), **_gateway(model)})
    planned = json.loads((await type_("plan", "-f", new, "-o", "json")).out)[0]
    assert stable in planned["verdict"]
    assert [row["stage"] for row in planned["rows"]] == [
        "prepare",
        "step to-20",
        "step to-60",
        "promote",
        "bake",
    ]

    await model.apply(spec("2", steps=LONG, bake=300))
    seen = await model.until(state("Stepping"))
    canary = seen["status"]["canary"]["revision"]
    assert canary in planned["verdict"]
    assert "is held" in (await type_("pause", f"modeldeployment/{name}")).out
    await model.until(condition("Ready", "Unknown", reason="Paused"))
    assert "as soon as it is not paused" in (await type_("promote", name)).out
    assert "goes on" in (await type_("resume", name)).out
    await model.until(state("Stepping", step=1))
    await model.until_weights(60)

    assert "straight to 100 %" in (await type_("promote", name, "--full")).out
    await model.until(phase("Baking"))
    assert "promoted already" in (await type_("promote", name)).out
    tree = (await type_("get", "rollout", name)).out
    assert f"⧉ {canary}" in tree
    assert "kept warm" in tree

    assert (await type_("abort", name)).code == Exit.OK
    ended = await type_("status", name, "--timeout=300s")
    assert (ended.code, "RolledBack" in ended.out) == (Exit.FAILED, True)
    assert f"kubectl serin retry {name}" in (await type_("explain", name)).out
    assert f"{canary}.1" in (await type_("history", name)).out
    assert (await type_("retry", name)).code == Exit.OK
    again = await model.until(lambda seen: seen["status"].get("rollout"))
    assert attempt(again) == f"{canary}.2"


async def _follows(model: Model, cluster: Cluster, type_: Type) -> None:
    """A watch that goes on shows what happens; a wait ends in time, and says whether it was well."""
    name = model.name
    await model.apply(spec("1"))
    await model.until(condition("Ready"))
    await model.apply(spec("2", steps=LONG))
    canary = (await model.until(state("Stepping")))["status"]["canary"]["revision"]
    out, err = Screen(), Screen()
    words = ["get", name, "-w", f"--kubeconfig={cluster.kubeconfig}", f"--namespace={model.namespace}"]
    watching = asyncio.create_task(done(words, Terminal(out, err, environment={})))
    await _written_to(out, rf"⧉ {canary} .* canary, 20 %")

    late = await type_("status", name, "--timeout=5s")
    assert (late.code, "the rollout itself goes on" in late.err) == (Exit.TIMED_OUT, True)
    assert (await type_("status", name, "--no-watch")).code == Exit.TIMED_OUT
    await type_("promote", name, "--full")
    ended = await type_("status", name, "--timeout=300s", "-o", "json")
    assert (ended.code, json.loads(ended.out)["health"]) == (Exit.OK, "Healthy")
    await _written_to(out, rf"⧉ {canary} .* stable, 100 %")
    await model.api.delete(MODEL_DEPLOYMENTS, name, model.namespace)

    assert await asyncio.wait_for(watching, PATIENT) == Exit.FAILED
    assert "was deleted" in err.getvalue()


async def _written_to(screen: Screen, pattern: str) -> None:
    async def read() -> str:
        return screen.getvalue()

    await until(read, lambda seen: re.search(pattern, seen), what=f"{pattern} in the watch")


async def _comes_late(model: Model, cluster: Cluster, place: str) -> None:
    """An order that was decided on for one attempt does nothing to the next one."""
    await model.apply(spec("1"))
    await model.until(condition("Ready"))
    await model.apply(spec("2", steps=LONG))
    await model.until(state("Stepping"))
    async with Reached.reached(place_of(cluster.kubeconfig, None, place)) as reached:
        looked_at = await reached.model(Key(place, model.name))
        order = abort(looked_at)
        assert isinstance(order, Order)
        await model.apply(spec("3", steps=LONG))
        seen = await model.until(
            lambda seen: attempt(seen) != order.value and seen["status"]["rollout"]["state"] == "Stepping"
        )
        await reached.ask(looked_at, order.annotations())
        await until(model.get, lambda one: "serin.dev/abort" in one["metadata"]["annotations"], what="it")
    now = await model.until(state("Stepping"))
    assert attempt(now) == attempt(seen)
    assert [one["result"] for one in now["status"]["history"]] == ["Promoted", "Superseded"]


async def test_what_cannot_be_done_is_told_with_its_cure(
    cluster: Cluster, place: str, type_: Type, tmp_path: Path
) -> None:
    missing = await type_("get", "nobody")
    nowhere = await typed("list", f"--kubeconfig={tmp_path / 'none'}")
    elsewhere = await typed("list", f"--kubeconfig={cluster.kubeconfig}", "--context=staging")
    nothing = await type_("list")
    where = f"in the namespace {place}; kubectl serin list -A shows all there are"
    assert _told(missing) == (3, f"error: there is no modeldeployment/nobody {where}\n")
    cure = "name another with --kubeconfig"
    assert _told(nowhere) == (3, f"error: there is no kubeconfig at {tmp_path / 'none'}; {cure}\n")
    assert (elsewhere.code, "has no context staging; it has" in elsewhere.err) == (3, True)
    assert nothing.code == Exit.OK


async def test_a_right_that_is_missing_is_named(cluster: Cluster, place: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}}
    await cluster.api.apply(account, place)
    kubeconfig = await cluster.service_account_kubeconfig(place, "nobody")

    refused = await typed("list", f"--kubeconfig={kubeconfig}")

    assert refused.code == Exit.CANNOT
    assert 'cannot list resource "modeldeployments"' in refused.err
    assert refused.err.count("\n") == 1


def _told(answer: Answer) -> tuple[int, str]:
    return answer.code, answer.err


def _written(path: Path, name: str, wanted: Mapping[str, Any]) -> Path:
    body = {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name}}
    path.write_text(yaml.safe_dump({**body, "spec": dict(wanted)}))
    return path


def _gateway(model: Model) -> dict[str, Any]:
    """The traffic that `Model.apply` asks for."""
    place = {"parentRefs": [{"name": "public", "namespace": "infra"}], "hostnames": [model.host]}
    return {"traffic": {"router": "GatewayAPI", "drainSeconds": 2, "gatewayAPI": place}}
