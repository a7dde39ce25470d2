"""Labels, owners and children that somebody changes by hand, in the middle of a canary: put back, and nothing
that serves is lost meanwhile.
"""

from collections.abc import Callable

import pytest

from serin.catalogue.loader import Catalogue, builtin
from serin.domain.analysis.verdict import Verdict
from serin.domain.names import KIND, MODEL_LABEL, REVISION_LABEL
from serin.kube.errors import KubeError
from tests.component.cluster_in_memory import Object
from tests.component.story import Story, model, phase, stepping

OLD, NEW = model(), model("server:2")
KINDS = ("Deployment", "Service", "HTTPRoute", "ControllerRevision")


def unlabel(obj: Object) -> None:
    del obj["metadata"]["labels"][MODEL_LABEL]


def without_revision(obj: Object) -> None:
    obj["metadata"]["labels"].pop(REVISION_LABEL, None)


def give_away(obj: Object) -> None:
    obj["metadata"]["labels"][MODEL_LABEL] = "other"


def bare(obj: Object) -> None:
    obj["metadata"].pop("labels")


EDITS = (unlabel, without_revision, give_away, bare)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("whose", ["stable", "canary"])
async def test_labels_are_put_back(kind: str, edit: Callable[[Object], None], whose: str) -> None:
    story = await stepping(OLD, NEW)
    name = "fraud" if kind == "HTTPRoute" else str(story.status[whose]["revision"])
    before, weights = story.cluster.objects[kind, name]["metadata"], story.weights()

    story.cluster.edit(kind, name, edit)
    await story.look()
    story.controllers.settle()
    await story.look()

    after = story.cluster.objects[kind, name]["metadata"]
    assert (after["labels"], after["uid"]) == (before["labels"], before["uid"])
    assert story.weights() == weights
    await story.until(phase("Ready"))
    assert (KIND, "other") not in story.cluster.objects


@pytest.mark.parametrize("whose", ["stable", "canary"])
@pytest.mark.parametrize("restarted", [False, True], ids=["seen", "after a restart"])
async def test_a_revision_deleted_from_above_its_pods_is_frozen_as_it_was(
    whose: str, restarted: bool
) -> None:
    """As `kubectl delete --cascade=orphan` does, beside an operator that is newer than the revision."""
    story = await stepping(OLD, NEW)
    name = str(story.status[whose]["revision"])
    template = story.cluster.objects["Deployment", name]["spec"]["template"]
    uid = story.cluster.objects["Deployment", name]["metadata"]["uid"]
    weights, attempt = story.weights(), story.attempt

    upgraded(story)
    if not restarted:
        await story.look()
    orphaned(story, name)
    await story.look()
    story.controllers.settle()
    await story.look()

    revision = story.cluster.objects["ControllerRevision", name]
    after = story.cluster.objects["Deployment", name]
    assert revision["data"]["template"] == template
    assert (after["spec"]["template"], after["metadata"]["uid"]) == (template, uid)
    assert after["metadata"]["ownerReferences"][0]["uid"] == revision["metadata"]["uid"]
    assert (story.weights(), story.attempt) == (weights, attempt)
    await story.until(phase("Ready"))


@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
@pytest.mark.parametrize("restarted", [False, True], ids=["seen", "after a restart"])
async def test_a_revision_deleted_from_above_pods_that_drain_is_taken_down_all_the_same(
    router: str, restarted: bool
) -> None:
    story = await stepping(model(router=router), model("server:2", router=router))
    superseded = str(story.status["canary"]["revision"])
    story.cluster.submit("fraud", model("server:3", router=router))
    await story.look()
    assert [entry["revision"] for entry in story.status["rollout"]["draining"]] == [superseded]

    if restarted:
        story.restart()
    orphaned(story, superseded)
    await story.until(phase("Ready"))

    assert story.replicas() == {str(story.status["stable"]["revision"]): 3}


@pytest.mark.parametrize("shown", [True, False], ids=["shown", "not shown yet"])
async def test_nothing_is_given_back_to_a_record_on_its_way_out(shown: bool) -> None:
    """Its end would take with it what its deletion was to leave."""
    story = await stepping(OLD, NEW)
    name = str(story.status["stable"]["revision"])
    if not shown:
        story.cluster.frozen.add("ControllerRevision")

    story.cluster.edit("ControllerRevision", name, terminate)
    orphan(story, name)
    await story.look()

    for kind in ("Deployment", "Service"):
        assert owners(story, kind, name) == ([KIND] if shown else [])

    story.cluster.remove("ControllerRevision", name)
    story.cluster.thaw()
    await story.look()

    for kind in ("Deployment", "Service"):
        assert owners(story, kind, name) == ["ControllerRevision"]
    await story.until(phase("Ready"))


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
async def test_a_record_on_its_way_out_gets_no_new_children(kind: str) -> None:
    story = await stepping(OLD, NEW)
    name = str(story.status["stable"]["revision"])

    story.cluster.edit("ControllerRevision", name, terminate)
    story.cluster.remove(kind, name)
    await story.look()
    assert owners(story, kind, name) == [KIND]

    story.cluster.remove("ControllerRevision", name)
    await story.look()
    assert owners(story, kind, name) == ["ControllerRevision"]


async def test_nothing_is_given_to_a_model_on_its_way_out_though_that_was_not_shown() -> None:
    """As `kubectl delete modeldeployment --cascade=orphan` leaves all that serves."""
    story = await stepping(OLD, NEW)
    story.cluster.frozen.add(KIND)

    story.cluster.edit(KIND, "fraud", terminate)
    for kind in ("ControllerRevision", "Service", "HTTPRoute"):
        name = "fraud" if kind != "ControllerRevision" else str(story.status["stable"]["revision"])
        story.cluster.edit(kind, name, lambda obj: obj["metadata"].pop("ownerReferences"))
    story.written()
    await story.look()

    assert story.written() == []


async def test_a_revision_deleted_with_its_pods_comes_back_as_it_was() -> None:
    story = await stepping(OLD, NEW)
    stable = str(story.status["stable"]["revision"])
    template = story.cluster.objects["Deployment", stable]["spec"]["template"]
    attempt = story.attempt

    upgraded(story)
    await story.look()
    story.cluster.remove("ControllerRevision", stable)
    await story.look()

    assert story.cluster.objects["Deployment", stable]["spec"]["template"] == template
    assert (story.attempt, story.status["stable"]["revision"]) == (attempt, stable)
    assert story.weights()[stable] == 80


async def test_a_whole_hash_that_was_edited_is_put_back_and_is_no_collision() -> None:
    story = await stepping(OLD, NEW, judged=True)
    canary = str(story.status["canary"]["revision"])

    def edit(obj: Object) -> None:
        obj["metadata"]["annotations"]["serin.dev/revision-hash"] = "edited"

    before = story.cluster.objects["ControllerRevision", canary]["metadata"]["annotations"]
    story.cluster.edit("ControllerRevision", canary, edit)
    story.jury.verdict = Verdict.HARM
    await story.look()

    assert story.cluster.objects["ControllerRevision", canary]["metadata"]["annotations"] == before
    assert story.phase == "RollingBack"


async def test_children_go_with_their_model_though_its_end_was_not_shown() -> None:
    """Its pods would be started for nobody."""
    story = await stepping(OLD, NEW)
    story.cluster.frozen.add(KIND)

    story.cluster.remove(KIND, "fraud")
    story.written()
    await story.look()

    assert story.written() == []
    assert {kind for kind, _ in story.cluster.objects} <= {"Pod", "EndpointSlice"}


async def test_a_model_of_the_same_name_gets_children_only_when_it_is_shown() -> None:
    story = await stepping(OLD, NEW)
    story.cluster.frozen.add(KIND)
    story.cluster.remove(KIND, "fraud")
    story.cluster.submit("fraud", OLD)
    story.controllers.settle()
    story.written()

    with pytest.raises(KubeError, match="it is gone"):
        await story.reconciler.reconcile(story.key)
    assert story.written() == []

    story.cluster.thaw()
    await story.until(phase("Ready"))


def owners(story: Story, kind: str, name: str) -> list[str]:
    """The kinds of a child's owners."""
    found = story.cluster.objects[kind, name]["metadata"].get("ownerReferences", [])
    return [owner["kind"] for owner in found]


def terminate(obj: Object) -> None:
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"


def orphaned(story: Story, name: str) -> None:
    """Delete a ControllerRevision and leave what it owns."""
    orphan(story, name)
    story.cluster.remove("ControllerRevision", name)


def orphan(story: Story, name: str) -> None:
    """Take leave of what a ControllerRevision owns."""
    uid = story.cluster.objects["ControllerRevision", name]["metadata"]["uid"]
    for (kind, child), obj in list(story.cluster.objects.items()):
        if any(owner["uid"] == uid for owner in obj["metadata"].get("ownerReferences") or []):
            story.cluster.edit(kind, child, lambda obj: obj["metadata"].pop("ownerReferences"))


def upgraded(story: Story) -> None:
    """An operator whose rows of the catalogue are others than those that the revisions were made from."""
    rows = builtin().runtimes
    newer = rows["mlserver"].model_copy(update={"environment": {"NEWER": "1"}, "version": "2099.01"})
    story.catalogue = Catalogue(runtimes={**rows, "mlserver": newer}, data_planes=builtin().data_planes)
    story.restart()
