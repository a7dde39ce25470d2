"""What a row of the schema walk reads of everything that is made from a spec."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from serin.domain.analysis.policy import Mode
from serin.domain.status import State
from tests.walk.pipeline import Shown


def free(shown: Shown, **changes: Any) -> Shown:
    """The same without the hold that would hide what a state waits for."""
    return Shown(replace(shown.intent, **{"paused": False, **changes}))


def timed(shown: Shown) -> Shown:
    """The same where readiness and time alone let a step pass."""
    return free(shown, analysis=replace(shown.intent.analysis, mode=Mode.OFF), gates=())


def looks_again(shown: Shown, state: State, **how: Any) -> object:
    """What is waited for, and how long, in a state that has just begun."""
    decision = shown.at(state, since=timedelta(0), **how)
    return decision.hold and decision.hold.reason, decision.look_again


def route(shown: Shown) -> Any:
    return shown.children.get("HTTPRoute", {"spec": {"parentRefs": [{}], "rules": [{}]}})["spec"]


def parent(shown: Shown) -> Any:
    return route(shown)["parentRefs"]


def volumes(shown: Shown) -> object:
    return shown.rendered["spec"].get("volumes"), shown.container.get("volumeMounts")


def resources(shown: Shown) -> object:
    return shown.container["resources"]


def ports(shown: Shown) -> object:
    named = [shown.children[kind]["spec"]["ports"] for kind in ("Service", "Root")]
    return named, route(shown)["rules"]


def signals(shown: Shown, index: int) -> Any:
    signals = shown.policy["policy"].signals
    return signals[index] if index < len(signals) else None


def guards(shown: Shown) -> Any:
    return [guard for guard in (shown.guards.guards if shown.guards else ())]


def notifications(shown: Shown) -> Any:
    return shown.intent.notifications


def gates(shown: Shown) -> Any:
    """The gate that is due before each of the steps."""
    loose = free(shown)
    first = loose.at(State.PREPARING, since=timedelta(0))
    second = loose.at(State.STEPPING)
    asked = [gate for gate in shown.intent.gates]
    return first.due, first.hold, second.due, asked


def of(field: str) -> Callable[[Shown], object]:
    """A field of the policy that the judge is told to judge by."""
    return lambda shown: getattr(shown.policy["policy"], field)


def promotes(field: str) -> Callable[[Shown], object]:
    return lambda shown: getattr(shown.policy["policy"].promotion, field)


def signal(index: int, field: str) -> Callable[[Shown], object]:
    return lambda shown: getattr(signals(shown, index), field, None)


def asked(index: int) -> Callable[[Shown], object]:
    """What Prometheus is asked for a signal."""
    return lambda shown: shown.asked_of_prometheus(index)


def guard(field: str) -> Callable[[Shown], object]:
    return lambda shown: [getattr(guard, field) for guard in guards(shown)]
