"""Rules about children: what the operator may write of routes, Services, Deployments and pods, and when."""

from collections.abc import Iterator
from typing import Final

from tests.invariants.world import (
    HARMFUL,
    KIND,
    MANAGER,
    MODEL,
    REVISION,
    Object,
    Step,
    annotations,
    labels,
    managed,
    rollout,
    route_weights,
)

CLOCK: Final = 1.0
"""Times in the status are whole seconds."""


def capacity_comes_before_weight(step: Step) -> Iterator[str]:
    if step.kind not in ("HTTPRoute", "Service") or not step.ours:
        return
    if step.kind == "Service" and not step.before:
        return  # the first deployment's address; nobody was served before
    attempt = rollout(step.world.get(KIND, step.model))
    away = attempt.get("state") == "RollingBack" and attempt.get("reason") in HARMFUL
    for revision, weight in step.traffic.items():
        ready = step.world.lately_ready(revision, step.at)
        needed = 1 if away else step.world.pods_for(weight, step.model, step.at)
        if weight > step.before.get(revision, 0) and ready < needed:
            yield f"{revision} gets {weight} % with {ready} ready endpoints, {needed} needed"


def weights_sum_to_100(step: Step) -> Iterator[str]:
    if step.kind == "HTTPRoute" and step.ours and step.now:
        weights = route_weights(step.now)
        if sum(weights.values()) != 100:
            yield f"the weights {weights} sum to {sum(weights.values())}"


def what_is_named_stays(step: Step) -> Iterator[str]:
    owner = step.world.get(KIND, step.model)
    if step.now is not None or owner is None or _going(owner) or not step.revision:
        return
    if _owner(step.object) in step.world.gone:
        return  # it went with what owned it: the ModelDeployment is another one of that name
    if step.kind in ("Service", "Deployment", "ControllerRevision"):
        route = step.world.get("HTTPRoute", step.model)
        if route is not None and not _going(route) and step.revision in route_weights(route):
            yield f"it is gone while the route names {step.revision}"
        yield from _still_draining(step, owner)


def pods_go_after_traffic(step: Step) -> Iterator[str]:
    if step.kind != "Deployment" or not (step.ours and step.was and step.now):
        return
    before, after = _replicas(step.was), _replicas(step.now)
    if after >= before:
        return
    if (
        not after
        and step.world.selected(step.model) == step.revision
        and step.world.lately_asked(step.model, step.at)
    ):
        yield f"{step.revision} goes to 0 pods while the root Service selects it"
    if weight := step.traffic.get(step.revision, 0):
        needed = step.world.pods_for(weight, step.model, step.at)
        if after < needed:
            yield f"{step.revision} serves {weight} % and goes from {before} to {after} pods, {needed} needed"
    elif after == 0 and (owner := step.world.get(KIND, step.model)):
        yield from _still_draining(step, owner)


def _still_draining(step: Step, owner: Object) -> Iterator[str]:
    drain = (owner["spec"].get("traffic") or {}).get("drainSeconds", 30)
    left = step.world.left.get(step.revision)
    if left is not None and step.at - left < drain - CLOCK:
        yield f"{step.revision} lost its traffic {step.at - left:.1f} s ago and drains for {drain} s"


def weights_follow_the_status(step: Step) -> Iterator[str]:
    """I7. What moves a weight is in the status first, so that a crash in between repeats it."""
    if step.kind != "HTTPRoute" or not (step.ours and step.was):
        return
    owner = step.world.get(KIND, step.model)
    if owner is None or not step.before:
        return
    state, serving = rollout(owner).get("state"), (owner["status"].get("stable") or {}).get("revision")
    for revision, weight in step.traffic.items():
        rises = weight > step.before.get(revision, 0)
        if rises and revision != serving and state not in ("Stepping", "Promoting"):
            yield f"{revision} rises to {weight} % while the status says {state}"


def deletion_needs_no_help(step: Step) -> Iterator[str]:
    if step.now is None:
        return
    for finalizer in step.now["metadata"].get("finalizers") or []:
        if finalizer.startswith("serin.dev") or "kopf" in finalizer:
            yield f"it has the finalizer {finalizer}"
    owners = {owner["uid"] for owner in step.now["metadata"].get("ownerReferences") or []}
    if step.was is None and step.ours and (dead := owners & step.world.gone):
        yield f"it is created for an owner that is gone ({dead.pop()})"


def spec_and_annotations_are_a_persons(step: Step) -> Iterator[str]:
    if step.kind == KIND and step.now:
        for manager, operation, subresource in managed(step.now):
            if manager == MANAGER and subresource != "status":
                yield f"{MANAGER} owns fields outside the status, by {operation}"


def a_revision_is_rendered_once(step: Step) -> Iterator[str]:
    if step.kind not in ("Deployment", "ControllerRevision") or not (step.was and step.now and step.ours):
        return
    if _rendered(step.now) != _rendered(step.world.first[step.kind, step.now["metadata"]["uid"]]):
        yield "its template is not the one it was created with"


def promotion_moves_no_pod(step: Step) -> Iterator[str]:
    """I15. Neither pods nor what selects them know of roles."""
    if not (step.was and step.now and step.revision):
        return
    if step.kind == "Pod" and labels(step.was) != labels(step.now):
        yield f"its labels change from {labels(step.was)} to {labels(step.now)}"
    chooses = step.kind in ("Deployment", "Service") and step.revision == step.name
    if chooses and step.ours and _selector(step.now) not in (_selector(step.was), _first_selector(step)):
        yield f"its selector changes to {_selector(step.now)}"


def only_our_own_is_touched(step: Step) -> Iterator[str]:
    if step.now is None or step.kind == KIND or not step.ours:
        return
    if not step.model:
        yield "it is written without a label that says whose it is"
    elif not any(owner.get("controller") for owner in step.now["metadata"].get("ownerReferences") or []):
        yield "it is written without an owner"
    if step.was and step.model and not labels(step.was).get(MODEL) and _owner(step.was) != _owner(step.now):
        owner = step.world.get(KIND, step.model) or {"metadata": {}}
        if annotations(owner).get("serin.dev/adopt") != step.was["metadata"]["uid"]:
            yield "somebody else's object is taken over"


def _owner(body: Object) -> object:
    owners = body["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def a_revision_is_one_artifact(step: Step) -> Iterator[str]:
    if step.kind != "Pod" or step.was or not step.now or not step.revision:
        return
    for pod in step.world.of("Pod", step.model):
        if labels(pod)[REVISION] == labels(step.now)[REVISION] and _loads(pod) != _loads(step.now):
            yield f"it loads something else than {pod['metadata']['name']} of the same revision"
            return


def _going(body: Object) -> bool:
    return "deletionTimestamp" in body["metadata"]


def _replicas(body: Object) -> int:
    return int(body["spec"].get("replicas", 1))


def _rendered(body: Object) -> object:
    return body["spec"]["template"] if body["kind"] == "Deployment" else body.get("data")


def _selector(body: Object) -> object:
    return body["spec"].get("selector")


def _first_selector(step: Step) -> object:
    assert step.now is not None
    return _selector(step.world.first[step.kind, step.now["metadata"]["uid"]])


def _loads(pod: Object) -> object:
    """What makes a pod serve what it serves."""
    volumes = [
        one for one in pod["spec"].get("volumes") or [] if not one["name"].startswith("kube-api-access")
    ]
    wanted = ("image", "command", "args", "env", "envFrom")
    every = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    return volumes, [{key: one.get(key) for key in wanted} for one in every]
