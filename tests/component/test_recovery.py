"""What is put back, read again, refused and left alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import KIND
from tests.component.cluster_in_memory import NAMESPACE, Clock, Object
from tests.component.story import Story, model, phase, served, stepping

OLD, NEW, NEWER = model(), model("server:2"), model("server:3")


def lose_status(story: Story) -> None:
    def wipe(obj: Object) -> None:
        obj["status"] = {"observedGeneration": -1}

    story.cluster.edit(KIND, "fraud", wipe)


def with_traffic(image: str = "server:1", **traffic: Any) -> Mapping[str, Any]:
    spec = model(image)
    return {**spec, "traffic": {**spec["traffic"], **traffic}}


def name_of(story: Story) -> str:
    return str(story.status["stable"]["revision"])


async def test_a_lost_status_of_a_steady_model_is_read_from_its_children() -> None:
    story = await served(OLD)
    stable = name_of(story)
    story.written()

    lose_status(story)
    await story.until(phase("Ready"))

    assert name_of(story) == stable
    assert story.written() == ["status fraud"]
    assert "StatusRebuilt" in story.scribe.told


@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
async def test_a_status_lost_in_mid_step_takes_the_canary_back_and_tries_again(router: str) -> None:
    story = await stepping(model(router=router), model("server:2", router=router))
    stable, canary = name_of(story), story.status["canary"]["revision"]

    lose_status(story)
    await story.look()

    assert (name_of(story), story.phase) == (stable, "RollingBack")
    await story.until(phase("Ready"))
    assert name_of(story) == canary


@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
@pytest.mark.parametrize("kind", ["Deployment", "ControllerRevision"])
async def test_a_lost_status_and_a_watch_that_is_behind_are_no_first_deployment(
    kind: str, router: str
) -> None:
    story = await stepping(model(router=router), model("server:2", router=router))
    stable, canary, before = name_of(story), story.status["canary"]["revision"], story.replicas()
    lose_status(story)
    story.cluster.hide(kind)
    story.start()
    story.written()

    await story.look()
    assert (story.written(), story.replicas()) == ([], before)

    story.cluster.thaw()
    await story.look()
    assert (name_of(story), story.phase) == (stable, "RollingBack")
    await story.until(phase("Ready"))
    assert name_of(story) == canary


async def test_a_model_made_anew_waits_for_the_records_that_were_left_to_it() -> None:
    story = await served(OLD)
    stable, cluster = name_of(story), story.cluster
    cluster.frozen.add("ControllerRevision")
    for kind, name in (("ControllerRevision", stable), ("HTTPRoute", "fraud"), ("Service", "fraud")):
        cluster.edit(kind, name, lambda obj: obj["metadata"].pop("ownerReferences"))
    cluster.remove(KIND, "fraud")
    await story.look()
    cluster.submit("fraud", NEW)
    story.written()

    await story.look()
    assert (story.written(), story.replicas()) == ([], {stable: 3})

    cluster.thaw()
    await story.look()
    assert (name_of(story), story.phase) == (stable, "Preparing")


def follow_under_the_same_name(story: Story) -> None:
    """The ModelDeployment is deleted and made anew; what it owned is still to be collected."""

    def another(obj: Object) -> None:
        obj["status"] = {"observedGeneration": -1}
        obj["metadata"]["uid"] = "uid-of-another"

    story.cluster.edit(KIND, "fraud", another)


@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
async def test_children_of_a_model_before_tell_nothing_of_its_successor(router: str) -> None:
    story = await stepping(model(router=router), model("server:2", router=router))

    follow_under_the_same_name(story)
    await story.look()

    assert "StatusRebuilt" not in story.scribe.told
    assert story.phase == "Deploying"


async def test_a_revision_is_rendered_anew_where_only_the_pods_of_a_model_before_are_left() -> None:
    story = await served(OLD)
    name = name_of(story)
    gone = [{"uid": "gone", "controller": True}]
    story.cluster.edit("Deployment", name, lambda obj: obj["metadata"].update(ownerReferences=gone))
    story.cluster.remove("ControllerRevision", name)

    follow_under_the_same_name(story)
    story.restart()
    await story.look()

    assert story.cluster.objects["ControllerRevision", name]["data"]["runtime"] != "unknown"


async def test_a_rollback_ends_where_nothing_of_the_canary_is_left() -> None:
    story = await stepping(OLD, NEW)
    stable, canary = name_of(story), story.status["canary"]["revision"]
    story.cluster.submit("fraud", OLD)
    await story.look()

    story.cluster.remove("ControllerRevision", canary)
    story.cluster.remove("HTTPRoute", "fraud")
    await story.until(phase("Ready"))

    route = story.cluster.objects["HTTPRoute", "fraud"]
    assert [one["name"] for one in route["spec"]["rules"][0]["backendRefs"]] == [stable]


async def test_a_rejection_outlives_the_status() -> None:
    story = await stepping(OLD, NEW)
    stable = name_of(story)
    story.cluster.submit("fraud", NEW, abort=story.attempt)
    await story.until(phase("RolledBack"))

    lose_status(story)
    await story.until(phase("RolledBack"))

    assert story.replicas() == {stable: 3}
    assert story.status["rejected"][0]["reason"] == "Aborted"


@pytest.mark.parametrize("field", ["stable", "rollout"])
async def test_half_a_status_never_takes_what_serves(field: str) -> None:
    story = await stepping(OLD, NEW)
    stable = name_of(story)

    story.cluster.edit(KIND, "fraud", lambda obj: obj["status"].pop(field))
    await story.look()

    assert story.replicas()[stable] == 3
    assert story.weights().get(stable, 0) >= 80


async def test_owner_references_are_put_back() -> None:
    story = await served(OLD)
    for kind in ("ControllerRevision", "Deployment", "Service", "HTTPRoute"):
        name = "fraud" if kind == "HTTPRoute" else name_of(story)
        story.cluster.edit(kind, name, lambda obj: obj["metadata"].pop("ownerReferences"))

    await story.look()

    owned = [obj["metadata"].get("ownerReferences") for obj in story.cluster.objects.values()]
    assert len([owners for owners in owned if owners]) == 5


async def test_a_route_edited_by_somebody_is_put_back_at_once() -> None:
    story = await stepping(OLD, NEW)
    before = story.weights()

    def swap(obj: Object) -> None:
        for backend in obj["spec"]["rules"][0]["backendRefs"]:
            backend["weight"] = 100 - backend["weight"]

    story.cluster.edit("HTTPRoute", "fraud", swap)
    await story.look()

    assert story.weights() == before
    assert story.scribe.told.count("FieldsRestored") <= 1


async def test_two_controllers_do_not_chase_each_other() -> None:
    story = await served(OLD)
    stable = name_of(story)
    story.written()

    for second in range(300):
        if story.replicas().get(stable) == 3:
            story.cluster.edit("Deployment", stable, lambda obj: obj["spec"].update(replicas=2))
        await story.look()
        Clock(story.cluster).move(1)
        assert second < 299 or len(story.written()) <= 14

    assert story.scribe.told.count("FieldsRestored") == 1


@pytest.mark.parametrize("change", [{"hostnames": ["new.example.com"]}, {"path": "/v2"}])
async def test_where_the_route_hangs_changes_at_once(change: Mapping[str, Any]) -> None:
    story = await served(OLD)
    gateway = {**OLD["traffic"]["gatewayAPI"], **change}

    story.cluster.submit("fraud", with_traffic(gatewayAPI=gateway))
    await story.look()

    spec = story.cluster.objects["HTTPRoute", "fraud"]["spec"]
    path = spec["rules"][0]["matches"][0]["path"]["value"]
    assert (spec["hostnames"], path) == (gateway["hostnames"], gateway.get("path", "/"))


async def test_a_changed_port_reaches_services_and_route() -> None:
    story = await served(OLD)

    story.cluster.submit("fraud", {**OLD, "service": {"port": 8080}})
    await story.look()

    route = story.cluster.objects["HTTPRoute", "fraud"]["spec"]["rules"][0]["backendRefs"]
    services = [story.cluster.objects["Service", name]["spec"]["ports"] for name in ("fraud", name_of(story))]
    assert [entry["port"] for entry in route] == [8080]
    assert [ports[0]["port"] for ports in services] == [8080, 8080]


async def test_the_router_changes_only_while_idle() -> None:
    story = await stepping(OLD, NEW)
    before = story.weights()

    story.cluster.submit("fraud", model("server:2", router="Replicas"))
    await story.look()

    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert "changes only while no rollout runs" in story.status["message"]
    assert story.weights() == before
    await story.until(phase("Ready"))
    assert ("HTTPRoute", "fraud") not in story.cluster.objects


async def test_an_invalid_spec_stops_neither_harm_nor_abort() -> None:
    story = await stepping(OLD, NEW, judged=True)
    stable, attempt = name_of(story), story.attempt
    broken = {**NEW, "model": {"format": "unheard-of"}}

    story.cluster.submit("fraud", broken)
    await story.look()
    assert story.condition("Stalled") == ("True", "InvalidSpec")
    story.cluster.submit("fraud", broken, abort=attempt)
    await story.look()

    assert story.weights() == {stable: 100}
    assert story.status["rejected"][0]["reason"] == "Aborted"


async def test_a_name_that_is_taken_is_left_alone_and_an_abort_leads_out() -> None:
    story = await served(OLD)
    stable = name_of(story)
    story.cluster.submit("fraud", NEW)
    story.cluster.denied.add("Service")
    await story.look()
    taken = str(story.status["canary"]["revision"])
    story.cluster.denied.clear()
    theirs = {"metadata": {"name": taken, "namespace": NAMESPACE, "uid": "theirs", "labels": {}}, "spec": {}}
    story.cluster.show("Service", taken, theirs)

    await story.look()
    assert story.condition("Stalled") == ("True", "NameConflict")
    assert "serin.dev/adopt: theirs" in story.status["message"]
    story.cluster.submit("fraud", NEW, abort=story.attempt)
    await story.until(phase("RolledBack"))

    assert story.cluster.objects["Service", taken]["metadata"]["uid"] == "theirs"
    assert story.cluster.objects["Service", taken]["spec"] == {}
    assert story.replicas() == {stable: 3}


async def test_after_one_name_was_freed_the_next_that_is_taken_is_told() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    story.cluster.denied.update({"Service", "Deployment"})
    await story.look()
    taken = str(story.status["canary"]["revision"])
    story.cluster.denied.clear()
    theirs = {"metadata": {"name": taken, "namespace": NAMESPACE, "uid": "theirs", "labels": {}}, "spec": {}}
    for kind in ("Service", "Deployment"):
        story.cluster.show(kind, taken, theirs)

    await story.look()
    assert f"Service {taken} exists" in story.status["message"]
    del story.cluster.objects["Service", taken]
    await story.look()

    assert f"Deployment {taken} exists" in story.status["message"]
    assert story.condition("Stalled") == ("True", "NameConflict")


async def test_a_refused_canary_can_be_aborted_and_is_named() -> None:
    story = await stepping(OLD, NEW)
    stable = name_of(story)
    Clock(story.cluster).move(70)
    story.cluster.denied.add("Deployment")
    await story.look()

    assert story.condition("Stalled") == ("True", "WriteRefused")
    story.cluster.submit("fraud", NEW, abort=story.attempt)
    await story.look()
    assert story.weights() == {stable: 100}


async def test_a_route_that_is_refused_is_never_called_ready() -> None:
    story = await served(OLD)
    story.controllers.refusing = "NotAllowedByListeners"

    story.controllers.settle()
    await story.look()

    assert story.condition("Stalled") == ("True", "RouterUnavailable")
    assert "NotAllowedByListeners" in story.status["message"]


async def test_history_beyond_the_limit_goes_and_what_serves_stays() -> None:
    story = await served(model(revisionHistoryLimit=1))
    for number in range(2, 6):
        story.cluster.submit("fraud", model(f"server:{number}", revisionHistoryLimit=1))
        await story.until(phase("Ready"))

    kept = [name for kind, name in story.cluster.objects if kind == "ControllerRevision"]

    assert name_of(story) in kept
    assert len(kept) <= 3  # the stable one, one to return to, and one that the route still names at 0


async def test_a_changed_analysis_starts_evidence_anew() -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.jury.verdict = Verdict.UNDECIDED
    began = story.status["rollout"]["analysisStart"]
    Clock(story.cluster).move(100)

    story.cluster.submit("fraud", {**NEW, "analysis": {"maxFalseRollbackRate": "0.05"}})
    await story.look()

    assert story.status["rollout"]["analysisStart"] > began
    assert "AnalysisChanged" in story.scribe.told
    assert story.status["canary"]["weight"] == 20
    story.jury.verdict = Verdict.SAFE
    await story.until(phase("Ready"))


async def test_a_plan_changed_in_mid_step_raises_nothing_by_itself() -> None:
    story = await stepping(OLD, model("server:2", steps=(20, 60)), judged=True)

    story.cluster.submit("fraud", model("server:2", steps=(50, 60)))
    await story.look()
    assert story.status["canary"]["weight"] == 20
    story.cluster.submit("fraud", model("server:2", steps=(10, 60)))
    await story.look()

    assert story.status["canary"]["weight"] == 10


async def flickering(story: Story) -> list[str]:
    """What is written within a minute in which one of the stable's pods is ready every other second."""
    stable = name_of(story)
    Clock(story.cluster).move(70)
    await story.look()
    story.written()
    for second in range(60):
        story.controllers.ready[stable] = 2 + second % 2
        story.controllers.settle()
        Clock(story.cluster).move(1)
        await story.look()
    return story.written()


async def test_numbers_of_pods_are_told_every_ten_seconds() -> None:
    assert 4 <= len(await flickering(await served(OLD))) <= 7


async def test_while_a_rollout_moves_pods_their_numbers_are_told_every_sixty_seconds() -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.jury.verdict = Verdict.UNDECIDED

    assert len(await flickering(story)) <= 2


async def test_a_route_of_somebody_else_under_our_name_is_not_removed() -> None:
    story = await served(model(router="Replicas"))
    theirs = {
        "metadata": {
            "name": "fraud",
            "namespace": NAMESPACE,
            "uid": "theirs",
            "generation": 1,
            "labels": {"serin.dev/model": "fraud"},
        },
        "spec": {"parentRefs": [], "rules": [{"backendRefs": [{"name": "fraud", "port": 80}]}]},
    }

    story.cluster.show("HTTPRoute", "fraud", theirs)
    for _ in range(3):
        await story.look()

    assert ("HTTPRoute", "fraud") in story.cluster.objects


async def test_a_request_for_an_attempt_that_never_was_moves_no_number() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.until(phase("Preparing"))
    first = story.status["rollout"]["attempt"]
    revision = first.rpartition(".")[0]

    story.cluster.submit("fraud", OLD)
    await story.until(phase("Ready"))
    story.cluster.submit("fraud", NEW, abort=f"{revision}.999999999")
    await story.until(phase("Preparing"))

    assert story.status["rollout"]["attempt"] == f"{revision}.2"


async def test_a_wildcard_is_no_address() -> None:
    story = await served(
        with_traffic(gatewayAPI={"parentRefs": [{"name": "public"}], "hostnames": ["*.example.com"]})
    )

    assert story.status["url"] == "http://fraud.ml.svc"
