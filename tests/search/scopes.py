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


def _special(scope: Scope) -> tuple[Scope, ...]:
    """Policies and rare events, each in a world of its own."""
    return (
        of(scope, "from nothing", 1, PEOPLE | PODS | {"lost"}, beginning=True, revisions=PAIR),
        of(scope, "undecided, advance", 0, later=True, on_inconclusive=OnInconclusive.ADVANCE),
        of(scope, "undecided, roll back", 0, later=True, on_inconclusive=OnInconclusive.ROLLBACK),
        of(scope, "undecided, pause", 0, later=True),
        of(scope, "a step waits", 1, frozenset({"promote", "pause"}), waits=True),
        of(
            scope,
            "gates and guards",
            1,
            frozenset({"promote", "none"}),
            revisions=PAIR,
            gated=True,
            guarded=True,
        ),
        of(scope, "plans and policies", 1, frozenset({"plan", "policy"}), revisions=PAIR),
        of(scope, "sizes", 1, frozenset({"size"}), revisions=PAIR),
        of(scope, "not judged", 1, frozenset({"spec", "none"}), judged=False),
        of(scope, "only observed", 0, mode=Mode.OBSERVE),
        of(scope, "the status is lost", 1, frozenset({"lost"}), revisions=PAIR),
    )


def _usual(scope: Scope, disturbances: int) -> tuple[Scope, ...]:
    return (of(scope, "people, pods and process", disturbances, PEOPLE | PODS | PROCESS),)


SILENT: Final = of(ROUTED, "a silent gateway", 0, reports=False)
REFUSED: Final = of(ROUTED, "a gateway that refuses", 1, frozenset({"refuses"}))
LEADERS: Final = tuple(
    of(scope, "two leaders", 1, frozenset({"ghost"}), revisions=PAIR) for scope in (ROUTED, BY_PODS)
)
"""A process that is stopped between two writes, and makes the rest of them late. Nothing but the lease, which
is looked at before each write, keeps it from moving what its successor had no reason to touch: these searches
find that, and are not part of the others.
"""
QUICK: Final = (
    ROUTED,
    BY_PODS,
    SILENT,
    of(BY_PODS, "lost and aborted", 1, frozenset({"none", "abort"})),
)
"""What the default suite searches."""
KILLING: Final = (
    ROUTED,
    BY_PODS,
    SILENT,
    of(BY_PODS, "pods", 1, PODS, revisions=PAIR),
    of(ROUTED, "words", 1, frozenset({"abort", "promote", "pause", "retry"}), revisions=PAIR),
    of(ROUTED, "pods", 1, PODS, revisions=PAIR),
    of(BY_PODS, "another spec", 1, frozenset({"spec"})),
    of(ROUTED, "another spec", 1, frozenset({"spec"})),
    of(BY_PODS, "words", 1, frozenset({"abort", "promote", "pause", "retry"}), revisions=PAIR),
    REFUSED,
    *_special(BY_PODS),
    *_special(ROUTED),
)
"""What each mutant has to pass, the quickest first."""
FULL: Final = (
    *_usual(ROUTED, 1),
    *_usual(BY_PODS, 2),
    of(ROUTED, "people and pods", 2, PEOPLE | PODS),
    SILENT,
    REFUSED,
    *_special(ROUTED),
    *_special(BY_PODS),
)
"""What `make search` searches."""
