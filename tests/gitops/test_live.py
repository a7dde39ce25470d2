"""GitOps tools and the operator on the real control plane: nobody waits in vain, and nobody fights."""

import asyncio
from typing import Any, Final

from tests.cluster.api import Patch
from tests.cluster.resources import CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES, Object
from tests.cluster.waiting import PATIENT
from tests.gitops.generated import script
from tests.gitops.merging import merge_patch
from tests.gitops.normal import essence, recorded
from tests.gitops.program import Question, ask
from tests.gitops.release import Release
from tests.gitops.scenes import SAMPLE, Ground, model, played, reached, version
from tests.gitops.stories import story
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.operator.test_writes import writes_of
from tests.stage.kubectl import kubectl
from tests.stage.model import Model, attempt, condition, state

GIT: Final = "kustomize-controller"
"""The field manager of Flux; Argo CD's is another name for the same."""
TRACKED: Final = {"kustomize.toolkit.fluxcd.io/name": "models", "app.kubernetes.io/instance": "models"}
"""How tools know their own; a child with it would be pruned."""
NOT_COMPARED: Final = ("managedFields", "resourceVersion", "generation")
STATUS: Final = "modeldeployments/status"
"""Counts of pods may follow seconds later; nothing else may."""


@story
async def test_the_operator_still_writes_what_was_recorded(ground: Ground) -> None:
    found, known = await played(ground, SAMPLE), recorded()

    assert {state: essence(body) for state, body in found.items()} == {
        state: essence(known[state]) for state in found
    }


@story
async def test_helm_waits_for_success_failure_and_as_long_as_it_was_told(ground: Ground) -> None:
    async with model(ground, "released") as one:
        release = Release(ground.cluster, ground.place, one.name)

        installed = await release.apply(version("1"))
        first = await one.get()
        assert installed.code == 0, installed.said
        assert condition("Ready")(first)

        again = await release.apply(version("1"))
        assert again.code == 0, again.said
        assert (await one.get())["metadata"]["generation"] == first["metadata"]["generation"]

        upgrade = asyncio.create_task(release.apply(version("2"), wait=PATIENT))
        await one.ask(abort=attempt(await reached(one, "AwaitingPromotion")))
        failed = await upgrade
        assert failed.code == 1
        assert failed.seconds < PATIENT
        assert "aborted on request" in failed.said, failed.said

        gave_up = await release.apply(version("3"), wait=40)
        assert gave_up.code == 1
        assert "status: InProgress" in gave_up.said, gave_up.said
        waiting = await reached(one, "AwaitingPromotion")

        await one.ask(promote=f"{attempt(waiting)}:full")
        assert condition("Ready")(await reached(one, "Complete"))


@story
async def test_helm_that_rolls_back_finds_the_stable_revision_serving(ground: Ground) -> None:
    async with model(ground, "guarded") as one:
        release = Release(ground.cluster, ground.place, one.name)
        assert (await release.apply(version("1"))).code == 0
        stable = (await one.status())["stable"]["revision"]
        pods = await one.pods(stable)

        upgrade = asyncio.create_task(release.apply(version("2"), "--rollback-on-failure", wait=PATIENT))
        await one.ask(abort=attempt(await reached(one, "AwaitingPromotion")))

        assert (await upgrade).code == 1
        seen = await reached(one, "Complete")
        assert seen["status"]["stable"]["revision"] == stable
        assert seen["spec"]["model"]["version"] == "1"
        assert len(seen["status"]["rejected"]) == 1
        assert await one.pods(stable) == pods


async def applied(
    ground: Ground, one: Model, spec: Object, *, dry: bool = False, manager: str = GIT
) -> Object:
    """Server-side apply as a GitOps tool does it."""
    body = {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": one.name, "labels": TRACKED},
        "spec": spec,
    }
    params = {"fieldManager": manager, "force": "true"} | ({"dryRun": "All"} if dry else {})
    path = MODEL_DEPLOYMENTS.path(ground.place, one.name)
    found: Object = await ground.api.request("PATCH", path, body, params=params, media=Patch.APPLY)
    return found


def compared(body: Object) -> Object:
    """What a tool compares when it looks for drift."""
    meta = {key: value for key, value in body["metadata"].items() if key not in NOT_COMPARED}
    return {"metadata": meta, "spec": body["spec"]}


async def drift(ground: Ground, one: Model, spec: Object) -> Object:
    """What an apply would change now: Flux' own test."""
    live = await one.get()
    would = await applied(ground, one, spec, dry=True)
    changed: Object = merge_patch(compared(live), compared(would))
    return changed


async def scale(ground: Ground, one: Model, replicas: int) -> None:
    """What an autoscaler does."""
    body = {"spec": {"replicas": replicas}}
    await ground.api.patch(MODEL_DEPLOYMENTS, one.name, body, ground.place, subresource="scale")


@story
async def test_git_and_an_autoscaler_share_an_object_without_a_fight(ground: Ground) -> None:
    """Git owns all but the replicas, an autoscaler these, people the requests, and each says it often."""
    async with model(ground, "shared") as one:
        git = version("1")
        del git["replicas"]
        await applied(ground, one, git)
        await reached(one, "Complete")
        for kind in (CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES):
            for child in await ground.api.list(kind, ground.place, labels=f"serin.dev/model={one.name}"):
                assert not TRACKED.keys() & child["metadata"]["labels"].keys(), child
        await scale(ground, one, 2)
        await one.until(lambda seen: seen["status"].get("readyReplicas") == 2)
        await undisturbed(ground, one, git)

        second = version("2")
        del second["replicas"]
        await applied(ground, one, second)
        await one.ask(pause=attempt(await reached(one, "AwaitingPromotion")))
        await reached(one, "Paused")
        await undisturbed(ground, one, second)


async def undisturbed(ground: Ground, one: Model, git: Object) -> None:
    """Everybody says again what they have said, ten times, and nothing comes of it."""
    before = await one.get()
    assert await drift(ground, one, git) == {}
    async with writes_of(ground.cluster, one) as writes:
        for _ in range(10):
            await applied(ground, one, git)
            await scale(ground, one, 2)
    after = await one.get()
    assert writes.work in ([], [STATUS]), writes.work
    assert compared(after) == compared(before)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["spec"]["replicas"] == 2


@story
async def test_a_number_that_git_owns_is_put_back_once_and_begins_no_rollout(ground: Ground) -> None:
    shell = kubectl(namespace=ground.place, kubeconfig=ground.cluster.kubeconfig)
    async with model(ground, "owned") as one:
        git = version("1")
        await applied(ground, one, git)
        seen = await reached(one, "Complete")
        generation, stable = seen["metadata"]["generation"], seen["status"]["stable"]["revision"]

        await shell("scale", "mdep", one.name, "--replicas=2")
        await one.until(lambda seen: seen["status"].get("readyReplicas") == 2)
        assert await drift(ground, one, git) == {"spec": {"replicas": 1}}
        for _ in range(5):
            await applied(ground, one, git)

        seen = await one.until(lambda seen: seen["status"].get("readyReplicas") == 1)
        assert seen["metadata"]["generation"] == generation + 2
        assert "rollout" not in seen["status"]
        assert await one.sizes() == {stable: 1}


async def act(ground: Ground, one: Model, action: str) -> None:
    """A click in Argo CD: discovery, the script, the merge patch of what it changed."""
    live = await one.get()
    offered = ask(Question(reader="argo-lua", object=live, script=script("actions/discovery.lua"))).value
    assert offered[action]["disabled"] is False, f"{action}: {live['status']}"
    changed = ask(Question(reader="argo-lua", object=live, script=script(f"actions/{action}.lua"))).value
    await ground.api.patch(MODEL_DEPLOYMENTS, one.name, merge_patch(live, changed), ground.place)


@story
async def test_each_action_of_argo_cd_does_what_it_is_called(ground: Ground) -> None:
    async with model(ground, "clicked") as one:
        await one.apply(version("1"))
        stable = (await reached(one, "Complete"))["status"]["stable"]["revision"]
        await one.apply(version("2", steps={50: 3600, 75: 3600}))
        tried = attempt(await reached(one, "Stepping"))

        await act(ground, one, "pause")
        await reached(one, "Paused")
        await act(ground, one, "resume")
        await reached(one, "Stepping")
        await act(ground, one, "abort")
        seen = await reached(one, "RolledBack")
        assert seen["status"]["stable"]["revision"] == stable

        await act(ground, one, "retry")
        assert attempt(await reached(one, "Stepping")) != tried
        await act(ground, one, "promote")
        await one.until(state("Stepping", step=1))
        await act(ground, one, "promote-full")
        seen = await reached(one, "Complete")
        assert seen["status"]["stable"]["revision"] != stable


@story
async def test_a_rollout_is_held_promoted_and_taken_back_by_commits_alone(ground: Ground) -> None:
    def commit(number: str, **changes: Any) -> Object:
        return {**version(number, bake=0, **changes)}

    async with model(ground, "committed") as one:
        await one.apply(commit("1"))
        stable = (await reached(one, "Complete"))["status"]["stable"]["revision"]

        await one.apply({**commit("2"), "paused": True})
        await reached(one, "Paused")
        await one.apply(commit("2"))
        await reached(one, "AwaitingPromotion")
        await one.apply(commit("2", waits=False))
        second = (await reached(one, "Complete"))["status"]["stable"]["revision"]
        assert second != stable

        await one.apply(commit("3"))
        await reached(one, "AwaitingPromotion")
        await one.apply(commit("2", waits=False))
        seen = await reached(one, "Complete")
        assert seen["status"]["stable"]["revision"] == second
        assert "rejected" not in seen["status"] or not seen["status"]["rejected"]
