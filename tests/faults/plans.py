"""Plans of faults, made from the traces of runs without any: which fault, at which moment of which workload.

A moment is a write, told by its verb, its object and how many before it went to the same; or an event that
says something, such as a state of the status. Plans that cannot matter are left out, each for a reason.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, zip_longest
from random import Random
from typing import Final

from tests.faults import scripts, views
from tests.faults.acts import (
    Act,
    EventAct,
    cut,
    deadened,
    dropped_after,
    dropped_before,
    expired,
    failed,
    late,
    refused,
    slow,
    swapped,
    torn,
    truncated,
    twice,
)
from tests.faults.moments import Moment, moments
from tests.faults.run import NAME, Fault, Scene
from tests.faults.trace import Shown, Trace
from tests.faults.workloads import SHORT_LIVED, Workload, canary, recreated
from tests.invariants.world import labels

WATCHED: Final = (
    "modeldeployments",
    "controllerrevisions",
    "deployments",
    "services",
    "endpointslices",
    "pods",
    "httproutes",
)
AT_A_WRITE: Final[Mapping[str, tuple[Act, int]]] = {
    "409": (refused(409), 1),
    "429": (refused(429, retry_after=1), 2),
    "500": (refused(500), 3),
    "503": (refused(503), 2),
    "dropped-before": (dropped_before, 1),
    "dropped-after": (dropped_after, 1),
    "truncated": (truncated, 1),
    "slow": (slow(2), 1),
    "late": (late(1.5), 1),
}
"""What an answer can be, and how often in a row."""
IN_A_WATCH: Final[Mapping[str, EventAct]] = {
    "cut": cut,
    "torn": torn,
    "expired": expired,
    "failed": failed(500),
    "twice": twice,
    "swapped": swapped,
}
CRASHES: Final = {"unanswered": scripts.crash_unanswered, "answered": scripts.crash_answered}
ALONE: Final = frozenset({"killed"})
"""Kinds of plans that nobody else must meet."""
COLLECTED: Final = (recreated,)
"""Workloads whose end depends on when the garbage collector works."""
STATES: Final = ("Stepping", "Promoting", "Baking", "RollingBack")
"""Moments after which a stale view hurts most: traffic has just been moved, or is about to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One fault, or a few that belong together, in one workload.

    Attributes:
        kind: What the table counts it under.
        like: The run whose ending is wanted, where it is another one.
    """

    kind: str
    place: str
    workload: Workload
    router: str
    fault: Fault = field(repr=False)
    like: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}/{title(self.workload, self.router)}/{self.place}"

    @property
    def reference(self) -> tuple[str, str]:
        """Whose ending is wanted."""
        return self.like or (self.workload.__name__, self.router)


@dataclass(slots=True)
class Made:
    """Plans, and how many were left out for which reason."""

    plans: list[Plan] = field(default_factory=list)
    pruned: Counter[str] = field(default_factory=Counter)


def title(workload: Workload, router: str) -> str:
    """A workload's name in a plan's."""
    return workload.__name__ + ("" if router == "GatewayAPI" else f"-{router}")


def made_from(references: Mapping[tuple[Workload, str], Trace], *, seed: int = 0) -> Made:
    """All plans that the traces give."""
    made = Made()
    known: set[tuple[object, ...]] = set()
    for (workload, router), trace in references.items():
        for found in (
            _at_writes(made, known, workload, router, trace),
            _two_crashes(workload, router, trace, seed),
            _unseen(made, workload, router, trace),
            _stale(workload, router, trace),
            _in_watches(made, workload, router, trace),
            _stalled(workload, router, trace),
        ):
            made.plans += found
    for workload, router in SHORT_LIVED:
        made.plans += _hidden(workload, router)
    return made


def chosen(plans: Iterable[Plan], number: int, *, seed: int = 0) -> list[Plan]:
    """So many of them, of all kinds alike, as long as there are; the same for the same seed, and hardly
    others where a trace has a write or an event more.
    """
    by_kind: dict[str, list[Plan]] = {}
    for plan in sorted(plans, key=lambda one: sha256(f"{seed} {one.name}".encode()).digest()):
        by_kind.setdefault(plan.kind, []).append(plan)
    mixed = chain.from_iterable(zip_longest(*by_kind.values()))
    return [plan for plan in mixed if plan is not None][:number]


def _at_writes(
    made: Made, known: set[tuple[object, ...]], workload: Workload, router: str, trace: Trace
) -> Iterator[Plan]:
    """S1: a crash before or after the answer of each write; and every wrong answer to it."""
    so_far: tuple[object, ...] = (router,)
    for moment, effective in moments(trace):
        so_far = (*so_far, moment)
        if not effective:
            made.pruned["the write was refused or changed nothing: nothing is in between"] += 1
            continue
        if so_far in known:
            made.pruned["another workload comes to the same write the same way"] += 1
            continue
        known.add(so_far)
        for what, crash in CRASHES.items():
            fault = crash(moment.rule)
            yield Plan(kind="S1", place=f"{moment}-{what}", workload=workload, router=router, fault=fault)
        for what, (act, times) in AT_A_WRITE.items():
            yield Plan(
                kind="answers",
                place=f"{moment}-{what}",
                workload=workload,
                router=router,
                fault=_laid(moment, act, times),
            )
        for what, script in scripts.BETWEEN.items():
            if what in ALONE and workload in COLLECTED:
                made.pruned["a deaf garbage collector decides which children there are to find"] += 1
                continue
            yield Plan(
                kind=what, place=str(moment), workload=workload, router=router, fault=script(moment.rule)
            )


def _laid(moment: Moment, act: Act, times: int) -> Fault:
    def fault(scene: Scene) -> None:
        scene.proxy.lay(moment.rule(act, times=times))

    return fault


def _two_crashes(workload: Workload, router: str, trace: Trace, seed: int) -> Iterator[Plan]:
    """S4: a crash, and another one while the next process makes up for it."""
    dice = Random(f"{seed} {title(workload, router)}")
    effective = [moment for moment, changed in moments(trace) if changed]
    for moment in dice.sample(effective, min(6, len(effective))):
        later = dice.randint(1, 3)
        yield Plan(
            kind="S4",
            place=f"{moment}-then-{later}",
            workload=workload,
            router=router,
            fault=scripts.crash_twice(moment.rule, later),
        )


def _unseen(made: Made, workload: Workload, router: str, trace: Trace) -> Iterator[Plan]:
    """S2: one event is not seen; the object's next one is."""
    last = {one.object["metadata"]["uid"]: number for number, one in enumerate(trace.shown)}
    count: Counter[tuple[str, str, str]] = Counter()
    for number, one in enumerate(trace.shown):
        key = (one.type, one.kind, _revision(one))
        count[key] += 1
        if last[one.object["metadata"]["uid"]] == number:
            made.pruned["the object's last event: what hides it is a watch that stalls (S3)"] += 1
            continue
        if one.kind == "pods" and count[key] > 2:
            made.pruned["one pod of a revision is like the other"] += 1
            continue
        yield Plan(
            kind="S2",
            place=f"{one.type.lower()}-{one.kind}-{key[2]}-{count[key]}",
            workload=workload,
            router=router,
            fault=views.unseen(key, count[key]),
        )


def _stale(workload: Workload, router: str, trace: Trace) -> Iterator[Plan]:
    """S3: after a turn of the attempt one kind's watch gives nothing, or a new process is shown the past."""
    reached = {
        (one.object.get("status", {}).get("rollout") or {}).get("state")
        for one in trace.shown
        if one.kind == "modeldeployments"
    }
    for state in STATES:
        if state not in reached:
            continue
        for kind in WATCHED:
            if kind != "httproutes" or router == "GatewayAPI":
                yield Plan(
                    kind="S3",
                    place=f"{state}-frozen-{kind}",
                    workload=workload,
                    router=router,
                    fault=views.frozen_after(state, kind),
                )
        for past in (1, 4):
            yield Plan(
                kind="S3",
                place=f"{state}-restarted-{past}-writes-ago",
                workload=workload,
                router=router,
                fault=views.past_after(state, past),
            )


def _in_watches(made: Made, workload: Workload, router: str, trace: Trace) -> Iterator[Plan]:
    """A watch that breaks, errs, repeats or confuses, in the middle of what it shows."""
    for kind in WATCHED:
        events = [one for one in trace.shown if one.kind == kind]
        if len(events) < 2:
            made.pruned["the watch shows nothing that could be lost"] += 1
            continue
        for what, act in IN_A_WATCH.items():
            rule = views.event(kind=kind, nth=len(events) // 2, act=act)
            yield Plan(kind="watches", place=f"{kind}-{what}", workload=workload, router=router, fault=rule)
        if any(one.type == "DELETED" for one in events):
            for what, fault in views.GAPS.items():
                yield Plan(
                    kind="watches",
                    place=f"{kind}-{what}",
                    workload=workload,
                    router=router,
                    fault=fault(kind),
                )


def _stalled(workload: Workload, router: str, trace: Trace) -> Iterator[Plan]:
    """A connection that gives nothing any more and does not break: one workload shows it for all."""
    if workload is not canary:
        return
    for kind in WATCHED:
        if events := [one for one in trace.shown if one.kind == kind]:
            fault = views.event(kind=kind, nth=max(1, len(events) // 2), act=deadened)
            yield Plan(kind="stalled", place=kind, workload=workload, router=router, fault=fault)


def _hidden(workload: Workload, router: str) -> Iterator[Plan]:
    """What is hidden of workloads in which something short happens: as if it had not."""
    for place, (fault, like) in views.HIDDEN[workload.__name__].items():
        yield Plan(kind="S2", place=place, workload=workload, router=router, fault=fault, like=(like, router))


def _revision(one: Shown) -> str:
    """What an object is called by: its name, or its revision where that is chance."""
    if one.kind in ("pods", "endpointslices"):
        return labels(dict(one.object)).get("serin.dev/revision", NAME)
    return one.name
