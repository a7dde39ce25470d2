"""One state of the whole: what people want, what is in the cluster, what the operator has seen and remembers.

Immutable, small, and equal where nothing can tell two of them apart; `settled` brings along what follows from
any change: who drains, which fences do not hold any more, and whether the operator has a reason to look.
"""

from typing import Any, Final, Literal, NamedTuple, cast

from serin.domain.names import RevisionHash
from serin.domain.rollout.world import Memo
from serin.domain.status import Rollout
from serin.domain.status import State as Phase
from tests.search.memory import Memory
from tests.search.plain import age, moment, oldest_confirmation, still
from tests.search.scope import REVISIONS, Asked, Scope, Spec

ALL: Final = RevisionHash("*")
"""What a root Service selects that selects every revision."""
LONGEST_DOWN: Final = 2


class Pods(NamedTuple):
    """A revision's Deployment, with its pods."""

    desired: int
    ready: int = 0
    sick: bool = False
    epoch: str | None = None
    rejected: str | None = None


class Child(NamedTuple):
    """A revision's ControllerRevision, with what it owns."""

    service: bool = False
    pods: Pods | None = None


class Route(NamedTuple):
    """The HTTPRoute: weights in their order, and what its controller made of the latest."""

    weights: tuple[tuple[RevisionHash, int], ...]
    took: Literal["yes", "not yet", "refused"] = "not yet"


class Cluster(NamedTuple):
    """Every child."""

    children: tuple[Child | None, ...] = (None,) * len(REVISIONS)
    root: RevisionHash | None = None
    route: Route | None = None

    def pods(self, revision: RevisionHash | None) -> Pods:
        child = self.children[REVISIONS.index(revision)] if revision else None
        return (child and child.pods) or NONE

    def with_child(self, revision: RevisionHash, child: Child | None) -> "Cluster":
        index = REVISIONS.index(revision)
        return self._replace(children=(*self.children[:index], child, *self.children[index + 1 :]))

    def with_pods(self, revision: RevisionHash, pods: Pods) -> "Cluster":
        child = self.children[REVISIONS.index(revision)] or Child()
        return self.with_child(revision, child._replace(pods=pods))


NONE: Final = Pods(0)


class Known(NamedTuple):
    """The process's memo; ages in ticks."""

    known: bool = False
    confirmed: int | None = None
    down: int | None = None

    @property
    def memo(self) -> Memo:
        return Memo(
            known=self.known, confirmed_since=moment(self.confirmed), stable_down_since=moment(self.down)
        )

    @staticmethod
    def of(memo: Memo, rollout: Rollout | None) -> "Known":
        """What a process knows whose attempt is this one."""
        return Known(memo.known, age(memo.confirmed_since), age(memo.stable_down_since)).told_apart(rollout)

    def later(self, before: Rollout | None, after: Rollout | None) -> "Known":
        """The same a tick later."""
        stays = still(before) and before is not None and before.state is Phase.STEPPING
        confirmed = self.confirmed if self.confirmed is None or stays else self.confirmed + 1
        down = None if self.down is None else self.down + 1
        return Known(self.known, confirmed, down).told_apart(after)

    def told_apart(self, rollout: Rollout | None) -> "Known":
        """The same up to the ages from which on nothing changes any more."""
        confirmed, down = self.confirmed, self.down
        if confirmed is not None:
            confirmed = min(confirmed, oldest_confirmation(rollout))
        return self._replace(confirmed=confirmed, down=down and min(down, LONGEST_DOWN))


class Op(NamedTuple):
    """One write: of the status, of a child, or the removal of one.

    Attributes:
        name: A revision; of the root Service, whom it selects.
        guard: As in `domain.plan`.
        holds: Whether the object is still what the operator decided on.
    """

    kind: Literal["status", "revision", "service", "pods", "root", "route", "removal"]
    name: RevisionHash | None = None
    guard: str = "Same"
    memory: Memory | None = None
    pods: Pods | None = None
    weights: tuple[tuple[RevisionHash, int], ...] = ()
    holds: bool = True


class Stale(NamedTuple):
    """An object of which the operator sees no new version; `copy` is the one it sees."""

    kind: str
    name: RevisionHash | None
    copy: object
    moved: bool = False


Hidden = tuple[RevisionHash, int] | None
"""Ready endpoints of a revision that the operator sees otherwise than its pods."""
Seen = tuple[tuple[Spec, Asked, Memory], Cluster, Hidden]


class State(NamedTuple):
    """All of it.

    Attributes:
        live: Revisions the gateway may be sending requests to.
        drains: Revisions that lost their traffic, and so many ticks ago.
        wake: Ticks until the operator looks by itself, where it has no reason to look before.
        ghost: Writes that a stopped process still has before it.
        gone: Whether the ModelDeployment was deleted.
    """

    spec: Spec
    memory: Memory
    asked: Asked = Asked()
    cluster: Cluster = Cluster()
    live: tuple[RevisionHash, ...] = ()
    drains: tuple[tuple[RevisionHash, int], ...] = ()
    known: Known = Known()
    stale: Stale | None = None
    due: bool = True
    wake: int | None = None
    ghost: tuple[Op, ...] = ()
    gone: bool = False

    @property
    def exposed(self) -> frozenset[RevisionHash]:
        """Revisions that users may reach: through the gateway or the root Service."""
        return exposed(self.cluster, self.live)

    def object(self, kind: str, name: RevisionHash | None) -> object:
        """An object as the server has it."""
        match kind:
            case "model" | "status":
                return self.spec, self.asked, self.memory
            case "root":
                return self.cluster.root
            case "route":
                return self.cluster.route
            case "endpoints":
                return self.cluster.pods(name).ready
            case _:
                assert name is not None
                return self.cluster.children[REVISIONS.index(name)]


def exposed(cluster: Cluster, live: tuple[RevisionHash, ...]) -> frozenset[RevisionHash]:
    if cluster.root is None:
        return frozenset(live)
    if cluster.root != ALL:
        return frozenset((*live, cluster.root))
    return frozenset((*live, *(revision for revision in REVISIONS if cluster.pods(revision).desired)))


def settled(before: State, after: State) -> State:
    """What follows from a change, whoever made it; events reach the operator unless it is blind to them."""
    cluster, live = after.cluster, after.live
    changes: dict[str, Any] = {}
    if cluster is not before.cluster or live != before.live:
        now = exposed(cluster, live)
        left = before.exposed - now
        if left or any(revision in now for revision, _ in after.drains):
            drains = dict(after.drains) | dict.fromkeys(left, 0)
            changes["drains"] = tuple(sorted((r, a) for r, a in drains.items() if r not in now))
    stale = after.stale
    if stale is not None and not stale.moved and not same(before, after, stale.kind, stale.name):
        changes["stale"] = stale._replace(moved=True)
    if after.ghost:
        changes["ghost"] = tuple(
            op if not op.holds or same(before, after, op.kind, op.name) else op._replace(holds=False)
            for op in after.ghost
        )
    if not after.due and _noticed(before, after):
        changes |= WOKEN
    return after._replace(**changes) if changes else after


WOKEN: Final[dict[str, Any]] = {"due": True, "wake": None}
"""With a reason to look at once, it makes no difference when the operator would have looked by itself."""


def same(before: State, after: State, kind: str, name: RevisionHash | None) -> bool:
    return before.object(kind, name) == after.object(kind, name)


def _noticed(before: State, after: State) -> bool:
    """Whether an event of this change reaches the operator."""
    return seen(before) != seen(after)


def seen(state: State) -> Seen:
    """What the operator sees: everything but new versions of what it is blind to."""
    stale = state.stale
    model = (state.spec, state.asked, state.memory)
    cluster = state.cluster
    hidden: Hidden = None
    if stale is not None:
        match stale.kind:
            case "model":
                model = cast(tuple[Spec, Asked, Memory], stale.copy)
            case "root":
                cluster = cluster._replace(root=cast(RevisionHash | None, stale.copy))
            case "route":
                cluster = cluster._replace(route=cast(Route | None, stale.copy))
            case "endpoints":
                assert stale.name is not None
                hidden = (stale.name, cast(int, stale.copy))
            case _:
                assert stale.name is not None
                ready = cluster.pods(stale.name).ready
                cluster = cluster.with_child(stale.name, cast(Child | None, stale.copy))
                hidden = (stale.name, ready)
    return model, cluster, hidden


def later(state: State, memory: Memory, scope: Scope) -> State:
    """The same a tick later, where `memory` is a tick older."""
    cluster, live = state.cluster, state.live
    if not scope.reports and cluster.route is not None and cluster.route.took == "not yet":
        cluster = cluster._replace(route=cluster.route._replace(took="yes"))
        live = tuple(revision for revision, weight in cluster.route.weights if weight)  # type: ignore[union-attr]
    wake = None if state.wake is None else state.wake - 1
    due = state.due or wake == 0
    after = state._replace(
        memory=memory,
        cluster=cluster,
        live=live,
        drains=tuple((revision, ago + 1) for revision, ago in state.drains if ago + 1 < scope.drain),
        known=state.known.later(state.memory.rollout, memory.rollout),
    )
    return settled(state._replace(memory=memory), after)._replace(due=due, wake=None if due else wake)
