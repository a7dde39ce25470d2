"""What a change would do, step by step: a rehearsal told as rows, each with what it takes and until when."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from serin.domain.analysis.policy import Mode
from serin.domain.intent import Intent
from serin.domain.rollout.world import Reason, canary_of, revision_name
from serin.domain.status import Rollout, State
from serin.plugin.needed import Traffic
from serin.plugin.rehearsal import Look
from serin.plugin.terminal import Line, Span, Tone, line, table
from serin.plugin.words import span


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stage of a rollout.

    Attributes:
        at: Seconds from the change; at least so many, where waiting for pods or people is not foreseen.
        seconds: How long it lasts; None for the last one, and where it waits for somebody.
        weight: Percent of the traffic the new revision has; `pods` likewise, and `others` those beside it.
        needs: What ends it, in words.
    """

    at: float
    stage: str
    weight: int
    pods: int
    others: int
    seconds: float | None
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a change would do.

    Attributes:
        verdict: In a sentence, what kind of change it is.
        changes: Field by field, what is another.
        rows: The rollout; none where there is none.
        end: How it ends.
    """

    namespace: str
    name: str
    verdict: str
    changes: tuple[str, ...]
    traffic: str
    rows: tuple[Row, ...]
    end: str

    def document(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def lines(self) -> Iterator[Line]:
        """For people."""
        yield line(Span(f"{self.namespace}/{self.name}", Tone.STRONG), f": {self.verdict}")
        yield from (line("  ", change) for change in self.changes)
        if self.rows:
            yield line()
            yield line(f"Traffic: {self.traffic}")
            yield line()
            yield from _table(self.rows)
        yield line()
        yield line(self.end)


HEADER: Final = ("AT", "STAGE", "TRAFFIC", "PODS", "LASTS", "UNTIL")


def _table(rows: Sequence[Row]) -> list[Line]:
    told = [
        (
            f"+{span(row.at)}",
            row.stage,
            f"{row.weight} %",
            f"{row.pods} beside {row.others}" if row.others else f"{row.pods}",
            "-" if row.seconds is None else span(row.seconds),
            row.needs,
        )
        for row in rows
    ]
    return table([tuple(Span(word, Tone.FAINT) for word in HEADER), *told])


def rows_of(looks: Sequence[Look], intent: Intent, traffic: Traffic, *, judged: bool) -> list[Row]:
    """The stages of a rehearsal."""
    groups = _stages(looks)
    start = looks[0].at
    rows: list[Row] = []
    for index, group in enumerate(groups):
        first = group[0]
        rollout = first.decision.rollout
        if rollout is None:
            continue
        after = groups[index + 1][0].at if index + 1 < len(groups) else None
        row = _row(group, rollout, intent, traffic, judged=judged)
        at = (first.at - start).total_seconds()
        seconds = None if after is None or _waits(group) else (after - first.at).total_seconds()
        rows.append(replace(row, at=at, seconds=seconds))
    return rows


def _stages(looks: Sequence[Look]) -> list[list[Look]]:
    """Looks at one stage of one attempt together."""
    groups: list[list[Look]] = []
    for look in looks:
        if groups and _stage(groups[-1][0]) == _stage(look):
            groups[-1].append(look)
        else:
            groups.append([look])
    return groups


def _stage(look: Look) -> object:
    rollout = look.decision.rollout
    if rollout is None:
        return None
    return rollout.attempt, rollout.state, rollout.step if rollout.state is State.STEPPING else 0


def _waits(group: Sequence[Look]) -> bool:
    return any(look.decision.hold and look.decision.hold.reason in _PERSONS for look in group)


_PERSONS: Final = frozenset({Reason.AWAITING_PROMOTION, Reason.PAUSED, Reason.INCONCLUSIVE})


def _row(group: Sequence[Look], rollout: Rollout, intent: Intent, traffic: Traffic, *, judged: bool) -> Row:
    canary = canary_of(intent, rollout)
    name = revision_name(intent, canary)
    first = group[0]
    shown = [one for one in (first.status.canary, first.status.stable) if one and one.revision == name]
    sizes = first.decision.sizes
    return Row(
        at=0.0,
        stage=_name(rollout, intent),
        weight=shown[0].weight if shown else 0,
        pods=sizes.get(canary, 0),
        others=sum(size for revision, size in sizes.items() if revision != canary),
        seconds=None,
        needs=_needs(group, rollout, intent, traffic, judged=judged),
    )


def _name(rollout: Rollout, intent: Intent) -> str:
    match rollout.state:
        case State.STEPPING:
            return f"step {intent.rollout.steps[min(rollout.step, len(intent.rollout.steps) - 1)].name}"
        case State.PREPARING:
            return "prepare"
        case State.PROMOTING:
            return "promote"
        case State.BAKING:
            return "bake"
        case _:
            return "take back"


def _needs(group: Sequence[Look], rollout: Rollout, intent: Intent, traffic: Traffic, *, judged: bool) -> str:
    gates = [look.decision.due.gate.name for look in group if look.decision.due is not None]
    asked = [f"gate {name} succeeds" for name in dict.fromkeys(gates)]
    held = {look.decision.hold.reason for look in group if look.decision.hold is not None}
    match rollout.state:
        case State.PREPARING:
            return ", ".join(["its pods are ready (how long they load is not foreseen)", *asked])
        case State.PROMOTING:
            return "it has all pods and the router sends it everything"
        case State.BAKING:
            return "the bake ends; the revision before stays warm"
        case State.ROLLING_BACK:
            return "it has drained"
    if Reason.AWAITING_PROMOTION in held:
        return ", ".join(["a person promotes it", *asked])
    step = intent.rollout.steps[min(rollout.step, len(intent.rollout.steps) - 1)]
    told = [f"{span(step.minimum.total_seconds())} have passed"]
    if judged:
        told.append(_proof(group, traffic))
    if Reason.INCONCLUSIVE in held:
        told.append(f"a person decides, when {span(intent.rollout.step_deadline.total_seconds())} are over")
    return ", ".join([*told, *asked])


def _proof(group: Sequence[Look], traffic: Traffic) -> str:
    requests = next((look.needed for look in group if look.needed is not None), None)
    if requests is None:
        return "it is shown safe (never, with so many bad requests)"
    known = "" if traffic.per_second is not None else ", however long that takes"
    more = "far more" if requests.late is None else f"{requests.late:,}"
    chance = "" if requests.late == requests.usual else f" ({more} in one case of twenty)"
    return f"about {requests.usual:,} of its requests show it safe{chance}{known}"


def end_of(last: Look, start: datetime, traffic: Traffic, *, judged: bool) -> str:
    """How a rehearsal ends."""
    rollout, hold = last.decision.rollout, last.decision.hold
    took = (last.at - start).total_seconds()
    about = "at least " if judged and traffic.per_second is None else "about "
    if rollout is None and hold is None:
        return f"It is over {about}{span(took)} after the change, if the new revision does no harm."
    if hold is not None and hold.reason is Reason.PAUSED:
        return "It stays there, since it is paused."
    if hold is not None and hold.reason is Reason.INCONCLUSIVE:
        return (
            f"It waits there for a person from {span(took)} on: so little traffic shows nothing in a step's"
            " time. A higher first weight, a longer stepDeadlineSeconds or onInconclusive would help."
        )
    return last.status.message or ""


def judged_by(intent: Intent, *, prometheus: bool) -> bool:
    """Whether evidence is needed at all."""
    return prometheus and intent.analysis.mode is Mode.ENFORCE
