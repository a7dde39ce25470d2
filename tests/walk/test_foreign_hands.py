"""C3: what somebody does to the children of a canary that has its weight is undone within 30 s.

The canary gets no more weight meanwhile, and the fault is not charged to it.
"""

from functools import partial
from typing import Final

from tests.cluster.api import ApiError, Patch
from tests.cluster.resources import (
    CLUSTER_ROLES,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    SERVICES,
    Object,
    Resource,
)
from tests.cluster.waiting import until
from tests.invariants.watcher import version_of
from tests.stage.model import Holds, condition, phase, state
from tests.walk.ground import (
    WEIGHT,
    Canary,
    Ground,
    in_time,
    stage,
    stepping,
    undone,
    version,
    walk,
)

MOST_LOSSES: Final = 2
"""The third one condemns a canary."""
HELD_UP: Final = "test.serin.dev/held-up"
MODEL: Final = "serin.dev/model"
REVISION: Final = "serin.dev/revision"
POLICIES: Final = Resource("admissionregistration.k8s.io/v1", "validatingadmissionpolicies", namespaced=False)
BINDINGS: Final = Resource(
    "admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings", namespaced=False
)


def spec_of(body: Object) -> object:
    return body["spec"]


def owners_of(body: Object) -> list[Object]:
    return body["metadata"].get("ownerReferences") or []


def labels_of(body: Object) -> object:
    return body["metadata"].get("labels")


@walk
async def test_owner_references_are_put_back(ground: Ground) -> None:
    async with stepping(ground, "owners") as canary:
        children = [(kind, canary.name) for kind in (CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES)]
        for kind, name in [*children, (HTTP_ROUTES, "owners"), (SERVICES, "owners")]:
            change = {"metadata": {"ownerReferences": None}}
            await undone(canary, kind, name, part=owners_of, change=change)
        await canary.goes_on()


@walk
async def test_labels_are_put_back(ground: Ground) -> None:
    async with stepping(ground, "labels") as canary:
        for labels in ({MODEL: None}, {REVISION: None}, {MODEL: "somebody-elses"}):
            for kind in (DEPLOYMENTS, SERVICES, CONTROLLER_REVISIONS):
                change = {"metadata": {"labels": labels}}
                await undone(canary, kind, canary.stable, part=labels_of, change=change)
        await canary.goes_on()


@walk
async def test_the_backends_of_a_route_are_put_back(ground: Ground) -> None:
    async with stepping(ground, "route") as canary:
        restored = partial(undone, canary, HTTP_ROUTES, "route", part=spec_of)
        route = await canary.child(HTTP_ROUTES, "route")
        backends = route["spec"]["rules"][0]["backendRefs"]
        for edited in (
            [{**backends[0], "name": "elsewhere"}, *backends[1:]],
            [{**backend, "weight": 5 if backend["name"] == canary.name else 95} for backend in backends],
            backends[:1],
        ):
            rules = [{**route["spec"]["rules"][0], "backendRefs": edited}]
            await restored(change={"spec": {"rules": rules}})
        await canary.goes_on()


@walk
async def test_a_route_is_put_back_to_its_hosts_and_its_gateway(ground: Ground) -> None:
    """Apart from its backends: what is put back again and again is put back later and later."""
    async with stepping(ground, "hosts") as canary:
        restored = partial(undone, canary, HTTP_ROUTES, "hosts", part=spec_of)
        await restored(change={"spec": {"hostnames": ["elsewhere.example.com"]}})
        await restored(change={"spec": {"parentRefs": [{"name": "elsewhere"}]}})
        await canary.goes_on()


@walk
async def test_a_stable_revision_scaled_away_comes_back(ground: Ground) -> None:
    async with stepping(ground, "scaled", lawful=False) as canary:
        change = {"spec": {"replicas": 0}}
        await undone(
            canary, DEPLOYMENTS, canary.stable, part=lambda seen: seen["spec"]["replicas"], change=change
        )
        await canary.goes_on()


@walk
async def test_a_service_that_selects_others_is_put_back(ground: Ground) -> None:
    async with stepping(ground, "selects") as canary:
        for name in ("selects", canary.stable):
            for selector in ({REVISION: "0000000000"}, {REVISION: None}, {"app": "elsewhere"}):
                change = {"spec": {"selector": selector}}
                await undone(
                    canary, SERVICES, name, part=lambda seen: seen["spec"]["selector"], change=change
                )
        await canary.goes_on()


@walk
async def test_a_canary_whose_deployment_is_deleted_starts_its_step_anew(ground: Ground) -> None:
    async with stepping(ground, "deleted", lawful=False) as canary:
        before: list[int] = []

        async def lost_and_back() -> None:
            before.append(version_of(await canary.child(HTTP_ROUTES, "deleted")))
            # With its pods: one that is made again at once would find those of the one before.
            await ground.api.delete(DEPLOYMENTS, canary.name, ground.place, propagation="Foreground")
            await canary.model.until(back_after(len(before)))
            await canary.model.until_weights(WEIGHT)

        await in_time(lost_and_back, most=MOST_LOSSES)
        await ground.watcher.settled()
        for version in before:
            assert ground.watcher.taken_away("deleted", canary.name, since=version)
        await canary.goes_on()


def back_after(losses: int) -> Holds:
    """Its step has begun anew after so many losses."""
    return lambda seen: state("Stepping")(seen) and seen["status"]["rollout"]["losses"] == losses


@walk
async def test_a_stable_revision_whose_record_is_deleted_keeps_its_pods(ground: Ground) -> None:
    async with stepping(ground, "record", lawful=False) as canary:
        pods = await canary.model.pods(canary.stable)

        async def made_anew() -> None:
            before = await canary.child(CONTROLLER_REVISIONS, canary.stable)
            await ground.api.delete(CONTROLLER_REVISIONS, canary.stable, ground.place, propagation="Orphan")

            async def anew() -> Object | None:
                found = await ground.api.find(CONTROLLER_REVISIONS, canary.stable, ground.place)
                return found if found and found["metadata"]["uid"] != before["metadata"]["uid"] else None

            after = await until(anew, what="the record made anew")
            assert after is not None
            assert after["data"] == before["data"]

        await in_time(made_anew)
        assert await canary.model.pods(canary.stable) == pods
        await canary.goes_on()


@walk
async def test_a_record_whose_end_is_held_up_takes_no_pods_with_it(ground: Ground) -> None:
    """Between the garbage collector's leave-taking and the record's end the model owns what it owned."""
    async with stepping(ground, "held", lawful=False) as canary:
        pods = await canary.model.pods(canary.stable)
        await in_time(partial(held_up, canary))
        assert await canary.model.pods(canary.stable) == pods
        await canary.goes_on()


async def held_up(canary: Canary) -> None:
    """The stable revision's record is deleted, and its end is held up until the model owns what it owned."""
    before = await canary.child(CONTROLLER_REVISIONS, canary.stable)
    await canary.edit(CONTROLLER_REVISIONS, canary.stable, {"metadata": {"finalizers": [HELD_UP]}})
    place = canary.ground.place
    await canary.ground.api.delete(CONTROLLER_REVISIONS, canary.stable, place, propagation="Orphan")
    await until_owned_by("ModelDeployment", canary)
    await canary.edit(CONTROLLER_REVISIONS, canary.stable, {"metadata": {"finalizers": None}})

    await until_owned_by("ControllerRevision", canary)
    after = await canary.child(CONTROLLER_REVISIONS, canary.stable)
    assert after["data"] == before["data"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def until_owned_by(kind: str, canary: Canary) -> None:
    """The stable revision's Deployment and Service have one owner each, of that kind."""

    async def owned() -> bool:
        for child in (DEPLOYMENTS, SERVICES):
            owners = owners_of(await canary.child(child, canary.stable))
            if [owner["kind"] for owner in owners] != [kind]:
                return False
        return True

    await until(owned, what=f"{canary.stable} owned by a {kind}")


@walk
async def test_what_others_write_on_our_objects_stays(ground: Ground) -> None:
    """Labels and annotations of others, and routes of others that lead to the same Services (T3)."""
    async with stepping(ground, "theirs") as canary:
        theirs = await ground.api.create(others_route(canary), ground.place)
        noted = {"metadata": {"annotations": {"team": "risk"}, "labels": {"cost-centre": "7"}}}
        for kind, name in ((HTTP_ROUTES, "theirs"), (SERVICES, "theirs"), (DEPLOYMENTS, canary.name)):
            await canary.edit(kind, name, noted)
        await canary.goes_on()
        await canary.model.apply(version("3"))
        await canary.model.until(state("Stepping"))
        await canary.model.apply(version("2"))
        await canary.model.until(phase("Ready"))

        after = await ground.api.get(HTTP_ROUTES, "others", ground.place)
        assert after["spec"] == theirs["spec"]
        assert {one["manager"] for one in after["metadata"]["managedFields"]} & {"serin"} == set()
        for kind, name in ((HTTP_ROUTES, "theirs"), (SERVICES, "theirs"), (DEPLOYMENTS, canary.name)):
            found = (await canary.child(kind, name))["metadata"]
            assert (found["annotations"]["team"], found["labels"]["cost-centre"]) == ("risk", "7")


def others_route(canary: Canary) -> Object:
    """Somebody's own rules for the same host: by a header, with a filter, to a Service that is ours."""
    match = {"path": {"type": "PathPrefix", "value": "/"}, "headers": [{"name": "x-beta", "value": "1"}]}
    added = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}}
    backend = {"name": canary.name, "port": 80}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "others"},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "infra"}],
            "hostnames": [canary.model.host],
            "rules": [{"matches": [match], "filters": [added], "backendRefs": [backend]}],
        },
    }


@walk
async def test_a_policy_that_denies_for_a_while_is_named_and_outlasted(ground: Ground) -> None:
    async with stepping(ground, "denied") as canary:
        seen = await canary.model.get()
        await deny(ground, "denied")
        await canary.model.ask(promote=f"{seen['status']['rollout']['attempt']}:full")
        refused = condition("Stalled", reason="WriteRefused", says="not on my watch")
        await canary.model.until(refused)
        assert await canary.model.weights() == {canary.stable: 100 - WEIGHT, canary.name: WEIGHT}
        await allow(ground, "denied")
        done = await canary.model.until(phase("Ready"))
        assert done["status"]["stable"]["revision"] == canary.name


async def deny(ground: Ground, name: str) -> None:
    """A ValidatingAdmissionPolicy against any change of one route's spec; in force when this returns."""
    rule = {"apiGroups": ["gateway.networking.k8s.io"], "apiVersions": ["*"], "operations": ["UPDATE"]}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["httproutes"]}]},
        "matchConditions": [{"name": "one", "expression": f"object.metadata.name == '{name}'"}],
        "validations": [{"expression": "object.spec == oldObject.spec", "message": "not on my watch"}],
    }
    api, kind = "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"
    await ground.api.create({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": policy})
    binding = {"policyName": name, "validationActions": ["Deny"]}
    await ground.api.create(
        {"apiVersion": api, "kind": f"{kind}Binding", "metadata": {"name": name}, "spec": binding}
    )

    async def denied() -> bool:
        path = HTTP_ROUTES.path(ground.place, name)
        change = {"spec": {"hostnames": ["probe.example.com"]}}
        try:
            await ground.api.request("PATCH", path, change, params={"dryRun": "All"}, media=Patch.MERGE)
        except ApiError as error:
            return "not on my watch" in str(error)
        return False

    await until(denied, what="the policy in force")


async def allow(ground: Ground, name: str) -> None:
    for kind in (BINDINGS, POLICIES):
        await ground.api.delete(kind, name)


@walk
async def test_rights_that_are_taken_and_given_back(ground: Ground) -> None:
    """For routes alone; a promotion that a person asks for meanwhile waits, and says for what.

    The operator is one of its own: the others need their rights.
    """
    async with (
        stage(ground.cluster, ground.gateway, "-rights") as ground,
        stepping(ground, "rights") as canary,
    ):
        seen = await canary.model.get()
        role = await ground.api.get(CLUSTER_ROLES, ground.role)
        fewer = [without_writes(rule) for rule in role["rules"]]
        await ground.api.patch(CLUSTER_ROLES, ground.role, {"rules": fewer})
        await canary.model.ask(promote=f"{seen['status']['rollout']['attempt']}:full")
        refused = condition("Stalled", reason="WriteRefused", says="httproutes")
        await canary.model.until(refused)
        assert await canary.model.weights() == {canary.stable: 100 - WEIGHT, canary.name: WEIGHT}
        await ground.api.patch(CLUSTER_ROLES, ground.role, {"rules": role["rules"]})
        done = await canary.model.until(phase("Ready"))
        assert done["status"]["stable"]["revision"] == canary.name


def without_writes(rule: Object) -> Object:
    if rule["resources"] != ["httproutes"]:
        return rule
    return {**rule, "verbs": ["get", "list", "watch"]}
