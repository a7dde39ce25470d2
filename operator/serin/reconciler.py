"""One key: observe, advance, plan, fence, apply, report. Talks to protocols only.

Level-triggered: everything it knows is in the store and the status, so an event only means "look again" and a
look may be repeated at any time. The status is written before anything that moves a weight, a selector or the
stable pointer, or takes pods away; its resourceVersion fences a stale key. What is decided is `domain`,
writes to children are `runtime.applier`, the status and Events `runtime.reporter`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from serin.catalogue.loader import Catalogue
from serin.domain.conditions import Standing, refused
from serin.domain.intent import Intent
from serin.domain.names import Key
from serin.domain.observed import Observed
from serin.domain.plan import Removal, Scene, Write, collides, plan, removals
from serin.domain.render import render_template
from serin.domain.report import status_of
from serin.domain.rollout.machine import advance
from serin.domain.rollout.rebuild import recovered, unshown
from serin.domain.rollout.world import Decision, Memo, Notice, Reason, World
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Status
from serin.domain.urgency import course_changed
from serin.kube.errors import Conflict, Forbidden, Invalid
from serin.runtime.applier import Applied, Applier, NameTaken
from serin.runtime.applier import Kube as Writes
from serin.runtime.applier import Store as Shown
from serin.runtime.frozen import Frozen
from serin.runtime.inquiries import Inquiries
from serin.runtime.reporter import Kube as StatusWrites
from serin.runtime.reporter import Recorder, Reporter
from serin.runtime.rereading import Kube as Reads
from serin.runtime.rereading import Rereading
from serin.runtime.rereading import Store as Known
from serin.runtime.statuses import Statuses
from serin.runtime.understanding import Understanding

logger = logging.getLogger(__name__)

PASSES: Final = 12
"""Passes of one look. Each pass makes what the one before it made possible; more than this is a bug."""
BEHIND: Final = timedelta(seconds=10)
"""Until a watch that is behind is looked at again; it will tell by itself when it has caught up."""
FRESH: Final = timedelta(minutes=2)
"""How old a verdict's last boundary may be; three scrapes where these are rare."""


class Kube(Writes, StatusWrites, Reads, Protocol):
    """The API server. Every call may be repeated; each raises `KubeError`."""


class Store(Shown, Known, Protocol):
    """What the watches have shown. Never waits."""

    def model(self, key: Key) -> Mapping[str, Any] | None:
        """The ModelDeployment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a key, decided but not yet acted on."""

    model: Mapping[str, Any]
    world: World
    decision: Decision
    writes: tuple[Write, ...]
    removals: tuple[Removal, ...]
    before: Status
    after: Status


@dataclass(slots=True)
class _Kept:
    """What is kept of a key between looks and may be forgotten."""

    memo: Memo = field(default_factory=Memo)
    intent: Intent | None = None
    refusal: Standing | None = None
    wait: timedelta | None = None
    """Until writes that only put something back may be made again."""


class Reconciler:
    """Brings one ModelDeployment after the other to where its spec and its evidence say.

    Args:
        inquiries: What is asked about attempts in the background.
        served: Kinds the API server has; a router whose kind is missing cannot be used.
        clock: The time, aware; called once a look.
    """

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        recorder: Recorder,
        inquiries: Inquiries,
        catalogue: Catalogue,
        served: frozenset[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._inquiries = inquiries
        self._catalogue = catalogue
        self._clock = clock
        self._understanding = Understanding(inquiries=inquiries, catalogue=catalogue, served=served)
        self._frozen = Frozen(kube)
        self._applier = Applier(kube, store, clock=clock)
        self._reporter = Reporter(kube, store, recorder=recorder, clock=clock)
        self._rereading = Rereading(kube, store)
        self._statuses = Statuses()
        self._kept: dict[Key, _Kept] = {}

    @property
    def ended(self) -> Mapping[tuple[str, str], int]:
        """Attempts that ended since the start, by result and reason."""
        return self._reporter.ended

    async def reconcile(self, key: Key) -> float | None:
        """Do what is due for a key; seconds until it wants to be looked at again, None for no earlier event.

        Raises:
            KubeError: The API server refused or did not answer; what was done stays done.
        """
        for _ in range(PASSES):
            try:
                acted, again = await self._pass(key)
            except Conflict as error:
                if not await self._rereading.after(error, key):
                    raise
                continue
            if not acted:
                self._rereading.forget(key)
                return again
        return 0.0

    async def _pass(self, key: Key) -> tuple[bool, float | None]:
        """Whether there was anything to do, so that another pass is worth it; when to look again if not."""
        model = self._store.model(key)
        if model is None or model["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return False, None
        kept, seen = self._kept.setdefault(key, _Kept()), self._store.observed(key)
        status = self._statuses.of(key, model)
        understood = self._understanding.of(model, status, seen, before=kept.intent)
        kept.refusal = understood.refusal
        if understood.intent is None:
            if kept.refusal is not None:
                await self._reporter.refuse(key, model, kept.refusal)
            return False, None
        if kept.refusal is None:
            kept.intent = understood.intent
        router = ROUTERS[understood.intent.traffic.router]
        if (missing := unshown(understood.intent, status, seen, router=router)) is not None:
            logger.info("deployment not shown yet", extra={"key": str(key), "revision": missing})
            return False, BEHIND.total_seconds()
        look = await self._look(model, status, understood.intent, kept, seen)
        acted = await self._act(key, look, kept)
        return acted, None if acted else self._again(key, look, kept)

    def _forget(self, key: Key) -> None:
        self._kept.pop(key, None)
        self._rereading.forget(key)
        self._understanding.forget(key)
        self._frozen.forget(key)
        self._applier.forget(key)
        self._reporter.forget(key)
        self._statuses.forget(key)
        self._inquiries.forget(key)

    async def _look(
        self, model: Mapping[str, Any], before: Status, intent: Intent, kept: _Kept, seen: Observed
    ) -> Look:
        key, router = intent.key, ROUTERS[intent.traffic.router]
        now = self._clock().replace(microsecond=0)
        frozen = await self._frozen.missing(intent, before, seen)
        whole = replace(seen, revisions={**frozen, **seen.revisions})
        status, notices = recovered(intent, before, whole, router=router, now=now)
        runtime = self._catalogue.runtime(intent.revision.runtime)
        place, heard = self._inquiries.endpoint(intent), self._inquiries.heard(key)
        world = World(
            intent=intent,
            status=status,
            observed=seen,
            assessment=heard.assessment,
            guards=heard.guards,
            answers=heard.answers,
            memo=kept.memo,
            router=router,
            now=now,
            prometheus=place is not None,
            runtime_pin=runtime.pin,
            freshness=max(FRESH, timedelta(seconds=3 * (place.scrape_interval if place else 0))),
        )
        decision = advance(world)
        decision = replace(decision, notices=(*notices, *decision.notices))
        self._inquiries.follow(key, world, decision)
        scene = Scene(
            intent=intent,
            decision=decision,
            observed=seen,
            router=router,
            rendered=self._rendered(intent, whole),
            frozen=frozen,
        )
        return self._planned(model, world, scene, before, kept)

    def _planned(
        self, model: Mapping[str, Any], world: World, scene: Scene, before: Status, kept: _Kept
    ) -> Look:
        row = kept.refusal
        if collides(world.intent, world.observed):
            row = refused(
                Reason.HASH_COLLISION, "two specs have the same short hash; change any field of the spec"
            )
        return Look(
            model=model,
            world=world,
            decision=scene.decision,
            writes=plan(scene) if row is None or row is kept.refusal else (),
            removals=removals(scene),
            before=before,
            after=status_of(world, scene.decision, row),
        )

    def _rendered(self, intent: Intent, seen: Observed) -> Mapping[str, Any]:
        """What a ControllerRevision of the wanted revision is to hold; rendered while there is none (I14)."""
        if intent.revision.hash in seen.revisions:
            return {}
        runtime = self._catalogue.runtime(intent.revision.runtime)
        return {"runtime": runtime.pin, "template": render_template(intent, runtime)}

    async def _act(self, key: Key, look: Look, kept: _Kept) -> bool:
        """Make one pass of writes; whether there was anything to do, so that another look is worth it."""
        changed = course_changed(look.before, look.after)
        if changed:
            await self._reporter.write(key, look.model, look.before, look.after)
            for notice in look.decision.notices:
                self._reporter.tell(look.model, notice)
        # Only now: what a decision forgot that was never written would be missed by the next one.
        kept.memo = look.decision.memo
        try:
            applied = await self._applier.apply(look.world.intent, look.writes)
            applied += await self._ask_gate(key, look)
        except (Invalid, Forbidden) as error:
            taken = isinstance(error, NameTaken)
            kept.refusal = refused(Reason.NAME_CONFLICT if taken else Reason.WRITE_REFUSED, str(error))
            await self._reporter.refuse(key, self._store.model(key) or look.model, kept.refusal)
            raise
        kept.wait = applied.wait
        if applied.restored:
            message = f"put back what somebody else changed: {', '.join(applied.restored)}"
            self._reporter.tell(look.model, Notice("FieldsRestored", message, warning=True))
        for removal in look.removals:
            await self._applier.remove(key, removal)
        if changed or applied.made or look.removals:
            return True
        if self._reporter.wait(key, look.before, look.after) == timedelta(0):
            await self._reporter.write(key, look.model, look.before, look.after)
            if kept.refusal is not None and look.before.phase != look.after.phase:
                refusal = Notice(kept.refusal.reason.value, kept.refusal.message, warning=True)
                self._reporter.tell(look.model, refusal)
        return False

    async def _ask_gate(self, key: Key, look: Look) -> Applied:
        """See that the gate is tried whose turn it is."""
        write = await self._inquiries.start(key, look.world, look.decision)
        if write is not None:
            return await self._applier.apply(look.world.intent, [write])
        told = self._inquiries.heard(key).answers != look.world.answers
        return Applied(made=int(told), restored=(), wait=None)

    def _again(self, key: Key, look: Look, kept: _Kept) -> float | None:
        """When to look again: the decision's own time, or that of a status that is yet to be written."""
        waits = [look.decision.look_again, self._reporter.wait(key, look.before, look.after), kept.wait]
        known = [wait.total_seconds() for wait in waits if wait is not None]
        return max(min(known), 0.05) if known else None
