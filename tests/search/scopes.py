"""The worlds that are searched: all at length, a few in the default suite, small ones for each mutant."""

from dataclasses import replace
from typing import Final

from serin.domain.analysis.policy import Mode
from serin.domain.intent import OnInconclusive, RouterKind
from tests.search.scope import PEOPLE, PODS, PROCESS, REVISIONS, Scope

PAIR: Final = REVISIONS[:2]
"""Where no third revision matters."""
ROUTED: Final = Scope(name="routed", router=RouterKind.GATEWAY_API, disturbances=0)
BY_PODS: Final = Scope(name="by pods", router=RouterKind.REPLICAS, disturbances=0, weights=(34, 50))


def of(
    scope: Scope, name: str, disturbances: int, may: frozenset[str] = frozenset(), **more: object
) -> Scope:
    """A scope like another one."""
    changes: dict[str, object] = {"name": f"{scope.name}, {name}", "disturbances": disturbances}
    if may:
        changes["may"] = may
    return replace(scope, **changes, **more)  # type: ignore[arg-type]


def _gated(scope: Scope, name: str, disturbances: int, may: frozenset[str] = frozenset()) -> Scope:
    """Without a judge: each of its words beside each answer to a gate would make ten times as many states."""
    return of(scope, name, disturbances, may, revisions=PAIR, gated=True, judged=False)


def _special(scope: Scope) -> tuple[Scope, ...]:
    """Policies and rare events, each in a world of its own."""
    return (
        of(scope, "from nothing", 1, PEOPLE | PODS | {"lost"}, beginning=True, revisions=PAIR),
        of(scope, "undecided, advance", 0, later=True, on_inconclusive=OnInconclusive.ADVANCE),
        of(scope, "undecided, roll back", 0, later=True, on_inconclusive=OnInconclusive.ROLLBACK),
        of(scope, "undecided, pause", 0, later=True),
        of(scope, "a step waits", 1, frozenset({"promote", "pause"}), waits=True),
        of(scope, "gates", 0, revisions=PAIR, gated=True),
        _gated(scope, "gates and a person", 1, frozenset({"promote"})),
        _gated(scope, "gates and lost pods", 1, frozenset({"none"})),
        of(scope, "guards", 1, frozenset({"promote", "none"}), revisions=PAIR, guarded=True),
        of(scope, "plans and policies", 1, frozenset({"plan", "policy"}), revisions=PAIR),
        of(scope, "sizes", 1, frozenset({"size"}), revisions=PAIR),
        of(scope, "not judged", 1, frozenset({"spec", "none"}), judged=False),
        of(scope, "only observed", 0, mode=Mode.OBSERVE),
        of(scope, "the status is lost", 1, frozenset({"lost"}), revisions=PAIR),
    )


def _twice(scope: Scope) -> tuple[Scope, ...]:
    """Two disturbances, of kinds that have to do with each other."""
    return (
        of(scope, "spec after spec", 2, frozenset({"spec"})),
        of(scope, "word after word", 2, WORDS, revisions=PAIR),
        of(scope, "lost and superseded", 2, frozenset({"none", "spec"})),
    )


SILENT: Final = of(ROUTED, "a silent gateway", 0, reports=False)
WORDS: Final = PEOPLE - {"spec"}
REFUSED: Final = of(ROUTED, "a gateway that refuses", 1, frozenset({"refuses"}))
LEADERS: Final = tuple(
    of(scope, "two leaders", 2, frozenset({"ghost", "none"}), revisions=PAIR) for scope in (ROUTED, BY_PODS)
)
"""A process is stopped between two writes, one of which may be on its way, and another one leads (I12)."""
UNLICENSED: Final = tuple(
    of(scope, "two leaders without a licence", 1, frozenset({"ghost"}), revisions=PAIR, licensed=False)
    for scope in (ROUTED, BY_PODS)
)
"""The same where nothing but the fences keeps the old process from its writes: that is not enough. It moves
what its successor had no reason to touch. `kube.licence` rules that out.
"""
QUICK: Final = (
    ROUTED,
    BY_PODS,
    SILENT,
    of(BY_PODS, "lost and aborted", 1, frozenset({"none", "abort"})),
)
"""What the default suite searches."""
CRASHING: Final = of(BY_PODS, "crashes on both sides", 2, frozenset({"sick"}), revisions=PAIR)
EMPTY: Final = (
    *(
        of(scope, "no pods", 1, frozenset({"spec", "size"}), revisions=PAIR, replicas=0)
        for scope in (BY_PODS, ROUTED)
    ),
    of(BY_PODS, "nothing at all", 1, frozenset({"spec"}), beginning=True, revisions=PAIR, replicas=0),
)
HARDLY: Final = of(ROUTED, "one percent", 0, weights=(1, 50), revisions=PAIR)
HELD: Final = of(BY_PODS, "paused and lost", 3, frozenset({"pause", "none"}), revisions=PAIR)
KILLING: Final = (
    *QUICK,
    REFUSED,
    HARDLY,
    CRASHING,
    EMPTY[-1],
    EMPTY[0],
    *(scope for scope in _special(BY_PODS) if not scope.gated and not scope.guarded),
    of(ROUTED, "from nothing", 1, frozenset({"none", "lost", "spec"}), beginning=True, revisions=PAIR),
    _gated(BY_PODS, "gates", 0),
    of(BY_PODS, "guards", 0, revisions=PAIR, guarded=True),
    of(BY_PODS, "another spec", 1, frozenset({"spec"})),
    of(ROUTED, "one pod", 1, frozenset({"spec", "abort", "none"}), replicas=1, weights=(50,), revisions=PAIR),
)
"""What each mutant has to pass, the quickest first."""
SURVIVED: Final = (
    of(ROUTED, "plans", 1, frozenset({"plan", "lost"}), revisions=PAIR),
    of(ROUTED, "lost", 1, frozenset({"none"}), revisions=PAIR),
    of(ROUTED, "another spec", 1, frozenset({"spec"})),
    of(ROUTED, "words", 1, frozenset({"promote", "pause", "abort"}), revisions=PAIR),
    *_twice(BY_PODS),
    HELD,
    of(BY_PODS, "whatever may happen", 1, PEOPLE | PODS | PROCESS),
    of(ROUTED, "lost and superseded", 2, frozenset({"none", "spec"})),
)
"""What those have to pass that nobody has noticed yet."""
FULL: Final = (
    of(ROUTED, "whatever may happen", 1, PEOPLE | PODS | PROCESS),
    of(BY_PODS, "whatever may happen", 1, PEOPLE | PODS | PROCESS),
    *_twice(ROUTED),
    *_twice(BY_PODS),
    *LEADERS,
    *_special(ROUTED),
    *_special(BY_PODS),
    REFUSED,
    *EMPTY,
    HARDLY,
    HELD,
    CRASHING,
    *QUICK,
)
"""What `make search` searches, the largest first."""
