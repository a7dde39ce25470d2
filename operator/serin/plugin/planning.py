"""`plan`: files against the cluster, and what the operator would make of it; nothing is written."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.domain.findings import AVAILABLE, NOT_CONFIGURED
from serin.domain.intent import Intent
from serin.domain.names import KIND, Key
from serin.domain.rollout.questions import changes_router
from serin.domain.rollout.world import revision_name
from serin.domain.status import Status
from serin.kube.errors import NotFound
from serin.plugin.cluster import Cluster
from serin.plugin.differences import differences
from serin.plugin.exits import Exit, Trouble
from serin.plugin.lines import NotYaml, documents
from serin.plugin.linting import texts
from serin.plugin.models import Model
from serin.plugin.needed import Traffic
from serin.plugin.plan import Plan, end_of, judged_by, rows_of
from serin.plugin.rehearsal import Rehearsal
from serin.plugin.session import Session, now
from serin.plugin.traffic import counted, measured

Object = Mapping[str, Any]
FIRST: Final = "the first revision of a new model: it serves as soon as its pods are ready, without steps"


async def plan(session: Session) -> Exit:
    """Tell of each ModelDeployment in the files what applying it would do."""
    bodies = list(_bodies(session))
    if not bodies:
        raise Trouble("there is no ModelDeployment in the files", "name one that has some")
    namespace = session.place().namespace
    told: list[Plan] = []
    async with session.cluster() as cluster:
        for body in bodies:
            told.append(await _planned(session, cluster, body, namespace))
    if session.documents:
        session.write([one.document() for one in told])
        return Exit.OK
    for index, one in enumerate(told):
        session.terminal.say(*([""] if index else []), *one.lines())
    return Exit.OK


def _bodies(session: Session) -> list[Object]:
    options = session.options
    found: list[Object] = []
    for file, text in texts([*options.files, *(options.file or ())]):
        try:
            found += [one.body for one in documents(text) if _is_model(one.body)]
        except NotYaml as error:
            raise Trouble(f"{file} is not YAML: {error}", f"kubectl serin lint {file}") from error
    return found


def _is_model(body: Any) -> bool:
    return isinstance(body, Mapping) and body.get("kind") == KIND


async def _planned(session: Session, cluster: Cluster, body: Object, namespace: str) -> Plan:
    metadata = body.get("metadata") or {}
    name = str(metadata.get("name"))
    key = Key(session.options.namespace or str(metadata.get("namespace") or namespace), name)
    try:
        model = await cluster.model(key)
    except NotFound:
        return _of_new(_understood({**body, "metadata": {**metadata, "namespace": key.namespace}}))
    wanted = _applied(model, body)
    intent = _understood(wanted)
    if (refusal := changes_router(intent, model.status)) is not None:
        raise Trouble(refusal)
    traffic = await _traffic(session, model, intent)
    return _of_change(model, intent, tuple(differences(model.raw, wanted)), traffic)


def _applied(model: Model, body: Object) -> Object:
    """The live object with the file's spec; replicas that the file leaves to an autoscaler stay."""
    spec = dict(body.get("spec") or {})
    if "replicas" in model.spec:
        spec.setdefault("replicas", model.spec["replicas"])
    return {**model.raw, "spec": spec}


def _understood(body: Object) -> Intent:
    intent = intent_of(body)
    if isinstance(intent, InvalidSpec):
        raise Trouble(intent.message, "kubectl serin lint shows the line")
    return intent


async def _traffic(session: Session, model: Model, intent: Intent) -> Traffic:
    options = session.options
    known = counted(model, now(), interval=options.scrape_interval)
    if options.requests_per_second is not None:
        return replace(known, per_second=options.requests_per_second, source="as given")
    if options.prometheus is not None and model.status.stable is not None:
        return await measured(intent, model.status.stable.revision, options.prometheus, known)
    return known


def _of_new(intent: Intent) -> Plan:
    traffic = Traffic()
    return _rehearsed(intent, Status(), traffic, prometheus=False, verdict=FIRST)


def _of_change(model: Model, intent: Intent, changes: tuple[str, ...], traffic: Traffic) -> Plan:
    condition = model.condition(AVAILABLE)
    prometheus = condition is None or condition.reason != NOT_CONFIGURED
    verdict = _verdict(model, intent, changes)
    return _rehearsed(intent, model.status, traffic, changes=changes, prometheus=prometheus, verdict=verdict)


def _verdict(model: Model, intent: Intent, changes: tuple[str, ...]) -> str:
    wanted = revision_name(intent, intent.revision.hash)
    stable = model.status.stable.revision if model.status.stable else None
    rollout = model.status.rollout
    under_way = rollout.attempt.rpartition(".")[0] if rollout else None
    if not changes:
        return "nothing changes"
    if wanted == under_way:
        return f"the same revision as the one under way, {wanted}: its rollout goes on by the new rules"
    if wanted == stable and under_way is None:
        return f"no new revision: {stable} goes on to serve, and what changes holds at once"
    if wanted == stable:
        return f"back to {stable}: {under_way} is taken back, and not rejected"
    if any(one.revision == wanted for one in model.status.rejected):
        return f"{wanted} was taken back before, and is not tried again by itself: kubectl serin retry"
    instead = f", in place of {under_way}" if under_way and under_way != stable else ""
    return f"a new revision, {wanted}{instead}" + (f", beside {stable}" if stable else "")


def _rehearsed(
    intent: Intent,
    status: Status,
    traffic: Traffic,
    *,
    changes: tuple[str, ...] = (),
    prometheus: bool,
    verdict: str,
) -> Plan:
    start = now()
    rehearsal = Rehearsal(intent=intent, status=status, traffic=traffic, now=start, prometheus=prometheus)
    try:
        looks = list(rehearsal.looks())
    except ValueError as error:
        raise Trouble(str(error), "this is a fault of the plan's, not of the file's") from error
    judged = judged_by(intent, prometheus=prometheus) and status.stable is not None
    rows = tuple(rows_of(looks, intent, traffic, judged=judged))
    return Plan(
        namespace=intent.key.namespace,
        name=intent.key.name,
        verdict=verdict,
        changes=changes,
        traffic=_told(traffic) if judged else "not needed: nothing is judged",
        rows=rows,
        end=end_of(looks[-1], start, traffic, judged=judged) if rows else "There is no rollout.",
    )


def _told(traffic: Traffic) -> str:
    if traffic.per_second is None:
        return f"{traffic.source}; give --prometheus or --requests-per-second to be told times"
    return f"{traffic.per_second:.3g} requests/s, {traffic.source}"
