"""What can be meant by a spec that cannot be followed, where nobody remembers the one before it.

A restart in the middle of a rollout loses the last spec that was good. What still has to be done then needs
little of it: keep what serves as it is, and take a canary back on harm or an abort. The revisions are
frozen, the status knows where the rollout stands, and of the spec all that can be read counts; what cannot
is left out, part by part. Nothing rises on such an intent: it is paused.
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.catalogue.loader import Catalogue
from serin.domain.intent import Intent, RevisionIntent, RouterKind, Step
from serin.domain.manifests import SERVER
from serin.domain.observed import Observed, RevisionView
from serin.domain.status import Rollout, Status

CUSTOM: Final = "custom"
NESTED: Final = frozenset({"analysis", "rollout", "prometheus"})
"""Parts of which a field alone is left out first."""
TRIES: Final = 24
"""More faults than a spec has parts."""


def salvaged(
    raw: Mapping[str, Any],
    status: Status,
    seen: Observed,
    *,
    catalogue: Catalogue,
    refusal: Callable[[Intent], InvalidSpec | None],
) -> Intent | None:
    """What is left to be wanted; None where not even the revision is known. `refusal` is what the operator's
    own lists have against it.
    """
    view = _wanted(status, seen)
    if view is None:
        return None
    row = str(view.data.get("runtime", "")).partition("@")[0]
    runtime = row if row in catalogue.runtimes else CUSTOM
    live = _live(status, seen)
    body = {**raw, "spec": _readable(raw, status, live, runtime=runtime, catalogue=catalogue)}
    for _ in range(TRIES):
        found = intent_of(body, catalogue)
        fault = refusal(found) if isinstance(found, Intent) else found
        if isinstance(found, Intent) and fault is None:
            return _held(found, view, status, runtime=runtime)
        if fault is None or not _left_out(body["spec"], fault, live):
            return None
    return None


def _wanted(status: Status, seen: Observed) -> RevisionView | None:
    """The revision to go on with: nothing begins or is superseded by a spec that cannot be read."""
    stable = status.stable.revision if status.stable else None
    resolved = status.resolved.revision if status.resolved else None
    if status.rollout is not None:
        names = [resolved, status.rollout.attempt.rpartition(".")[0], stable]
    else:
        names = [resolved if resolved in {entry.revision for entry in status.rejected} else None, stable]
    known = {view.identity.name: view for view in seen.revisions.values()}
    return next((known[name] for name in names if name in known), None)


def _live(status: Status, seen: Observed) -> dict[str, Any]:
    """Parts of the spec as the children show them, for those that have no default to fall back to."""
    stable = status.stable.revision if status.stable else None
    sizes = [view.desired for view in seen.workloads.values() if view.identity.name == stable]
    replicas = {"replicas": sizes[0]} if sizes else {}
    gateway = seen.route.gateway if seen.route else None
    if gateway is None:
        return {"traffic": {"router": RouterKind.REPLICAS.value}, **replicas}
    refs = [dict(ref) for ref in gateway.parent_refs]
    place = {"parentRefs": refs, "hostnames": list(gateway.hostnames), "path": gateway.path}
    return {"traffic": {"router": RouterKind.GATEWAY_API.value, "gatewayAPI": place}, **replicas}


def _readable(
    raw: Mapping[str, Any],
    status: Status,
    live: Mapping[str, Any],
    *,
    runtime: str,
    catalogue: Catalogue,
) -> dict[str, Any]:
    """The spec without what a revision is made from, and with the router that the rollout began with."""
    spec = deepcopy(dict(raw["spec"])) if isinstance(raw.get("spec"), Mapping) else {}
    spec.pop("resources", None)
    formats = catalogue.runtime(runtime).formats
    version = _part(spec, "model").get("version")
    spec["model"] = {"format": next(iter(formats), CUSTOM)} | ({"version": version} if version else {})
    spec["runtime"] = runtime
    spec["template"] = {"spec": {"containers": [{"name": SERVER, "image": "as-it-was-frozen"}]}}
    router = status.rollout.router if status.rollout else None
    traffic = _part(spec, "traffic")
    if router is not None and traffic.get("router", RouterKind.REPLICAS.value) != router:
        drain = {name: value for name, value in traffic.items() if name == "drainSeconds"}
        spec["traffic"] = {**live["traffic"], **drain}
    return spec


def _part(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = spec.get(name)
    return part if isinstance(part, Mapping) else {}


def _left_out(spec: dict[str, Any], fault: InvalidSpec, live: Mapping[str, Any]) -> bool:
    """Leave out the part of the spec that is at fault; whether there was one to leave out."""
    root, *path = re.findall(r"[^.\[\]]+", fault.path) or [""]
    if root != "spec" or not path or path[0] not in spec:
        return False
    part = spec[path[0]]
    if path[0] in live and part == live[path[0]]:
        return False
    if path[0] in NESTED and len(path) > 1 and isinstance(part, dict) and path[1] in part:
        del part[path[1]]
    elif path[0] in live:
        spec[path[0]] = live[path[0]]
    else:
        del spec[path[0]]
    return True


def _held(found: Intent, view: RevisionView, status: Status, *, runtime: str) -> Intent:
    revision = RevisionIntent(
        hash=view.hash,
        full_hash=view.full_hash,
        format=found.revision.format,
        model_name=found.revision.model_name,
        runtime=runtime,
        resources={},
        template={},
    )
    steps = found.rollout.steps
    if status.rollout is not None and status.rollout.shifts:
        steps = _as_walked(status.rollout, steps)
    return replace(found, revision=revision, paused=True, rollout=replace(found.rollout, steps=steps))


def _as_walked(rollout: Rollout, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps with the weights that were given: one that is read as less would move traffic."""
    given = {shift.step: shift.weight for shift in rollout.shifts if 0 < shift.weight < 100}
    padded = [*steps, *(_unread(index) for index in range(len(steps), rollout.step + 1))]
    return tuple(replace(step, weight=given.get(index, step.weight)) for index, step in enumerate(padded))


def _unread(index: int) -> Step:
    return Step(name=f"step-{index}", weight=99, minimum=timedelta(0))
