"""Every sentence that a person reads of a judgement: a fact with the numbers it rests on, never an action.

`judge` decides which is said, and its names for what is in the way are the conditions' reasons.
"""

from collections.abc import Iterator
from math import log
from typing import Final

from serin.domain.analysis.bounds import Bounded
from serin.domain.analysis.counters import Arm
from serin.domain.analysis.distribution import Account, DistributionLedger
from serin.domain.analysis.evidence import ArmCounts
from serin.domain.analysis.ledger import COMMON, LONE_POD_RATIO, WIDE_INCREASE
from serin.domain.analysis.outlook import Outlook
from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.sight import Harmed, Sight
from serin.domain.analysis.split import RECENT, SETTLING, Split
from serin.domain.analysis.tails import Tail
from serin.domain.analysis.warming import FORGIVEN_INCREASE, Warming

FORESEEN_SECONDS: Final = 3600.0
"""How far ahead is told what would be found."""


def name(request: TrialRequest, arm: Arm) -> str:
    """What an arm is called."""
    return request.canary if arm is Arm.CANARY else request.stable


def harm(request: TrialRequest, harmed: Harmed, *, canaries: int) -> str:
    """What was found to be harmful."""
    found = harmed.found
    if isinstance(found, DistributionLedger):
        return _harm_of_distribution(request, found)
    head = f"{_compared(request, harmed.signal, found.canary, found.stable)} in the same time"
    points = 100 * ((found.canary.share or 0.0) - (found.stable.share or 0.0))
    if isinstance(found, Warming):
        return f"{head}, while warming up: {points:.1f} points more, {100 * FORGIVEN_INCREASE:g} allowed then"
    if float(found.usual) > COMMON:
        return f"{head}: {points:.1f} points more, {100 * WIDE_INCREASE:g} allowed"
    if found.ratio is None:
        return f"{head}: {points:.1f} points more"
    allowed = found.signal.max_ratio if canaries > 1 else max(LONE_POD_RATIO, found.signal.max_ratio)
    surely = "".join(_surely(found.bounds.told(), found.ratio, at=harmed.boundary) if found.bounds else ())
    return f"{head}: {found.ratio:.1f} times as often{surely}, {allowed:g} allowed"


def _surely(bounds: Bounded, ratio: float, *, at: float) -> Iterator[str]:
    """What bounds the ratio from below; once it has changed, of the time since, while the ratio is of all."""
    if bounds.lower is None:
        return
    if bounds.since is not None:
        yield f" in all, at least {bounds.lower:.1f} times in the last {duration(at - bounds.since)}"
    elif bounds.lower <= ratio:  # of a fault that began late, the bound on the largest ratio may be above it
        yield f" (at least {bounds.lower:.1f})"


def _harm_of_distribution(request: TrialRequest, found: DistributionLedger) -> str:
    head = f"{_parted(request, found, found.tail, found.canary, found.stable)} in the same time"
    points = 100 * abs((found.canary.share or 0.0) - (found.stable.share or 0.0))
    if found.signal.max_shift is not None:
        return f"{head}: {points:.1f} points apart, {100 * found.signal.max_shift:g} allowed"
    return f"{head}: more than {found.signal.max_slowdown:g} times as slow"


def score(request: TrialRequest, ledger: Account) -> str:
    """How it stands at this step."""
    if isinstance(ledger, DistributionLedger):
        return _parted(request, ledger, ledger.step_tail, ledger.step_canary, ledger.step_stable)
    return _compared(request, ledger.signal.name, ledger.step_canary, ledger.step_stable)


def _compared(request: TrialRequest, signal: str, canary: ArmCounts, stable: ArmCounts) -> str:
    """Both arms' counts."""
    ours = f"{canary.bad:,.0f} bad of {canary.requests:,.0f} on {request.canary}"
    return f"{signal}: {ours}, {stable.bad:,.0f} of {stable.requests:,.0f} on {request.stable}"


def _parted(
    request: TrialRequest, ledger: DistributionLedger, tail: Tail, canary: ArmCounts, stable: ArmCounts
) -> str:
    """Both arms' counts on one side of a bound, or of two that are to be compared."""
    side = "above" if tail.above else "up to"
    ours = f"{canary.bad:,.0f} of {canary.requests:,.0f} {side} {tail.canary:.3g} on {request.canary}"
    bound = "" if tail.canary == tail.stable else f" {side} {tail.stable:.3g}"
    theirs = f"{stable.bad:,.0f} of {stable.requests:,.0f}{bound} on {request.stable}"
    return f"{ledger.signal.name}: {ours}, {theirs}"


def outlook(request: TrialRequest, ledger: Account, *, boundary: float, canaries: int) -> str:
    """What an undecided signal waits for, and what would be found by when at the present pace."""
    if ledger.step != request.step:
        return "nothing counted at this step's weight yet"
    since = [w.settled for w in request.windows if w.step == ledger.step and w.settled is not None]
    elapsed = boundary - max(since[-1] if since else 0.0, ledger.began)
    found = _detectable(request, ledger, elapsed=elapsed, lone_pod=canaries <= 1)
    return "; ".join([_awaited(ledger, elapsed=elapsed), *found])


def _awaited(ledger: Account, *, elapsed: float) -> str:
    served, wanted = ledger.step_canary.requests, ledger.promotion.min_requests
    if not ledger.leans_safe and ledger.signal.is_distribution:
        return "further apart than allowed so far"
    if not ledger.leans_safe:
        return f"more often than {ledger.promotion.max_ratio:g} times the stable's share so far"
    needed = -log(1 - ledger.promotion.confidence)
    lacking = max(
        wanted / served - 1 if served else 0.0,
        needed / ledger.log_safety - 1 if ledger.log_safety > 0.1 else 0.0,
    )
    if ledger.log_safety < needed and ledger.log_safety <= 0.1:
        return "too few requests to tell"
    return f"safe in about {duration(lacking * elapsed)}"


def _detectable(request: TrialRequest, ledger: Account, *, elapsed: float, lone_pod: bool) -> Iterator[str]:
    """The smallest fault that would be found within the hour, and how soon; of a distribution nothing."""
    if ledger.signal.is_distribution or elapsed <= 0:
        return
    judged = [one.importance for one in request.policy.signals if not one.dry_run]
    part = ledger.signal.importance / sum(judged) if judged and not ledger.signal.dry_run else 1.0
    expected = Outlook(
        signal=ledger.signal,
        canary=float(ledger.step_canary.requests) / elapsed,
        stable=float(ledger.step_stable.requests) / elapsed,
        usual=float(ledger.usual),
        phi=float(ledger.phi),
        limit=-log(request.policy.max_false_rollback_rate * part),
        interval=request.interval,
        lone_pod=lone_pod,
    )
    if (found := expected.found_first(within=FORESEEN_SECONDS)) is None:
        yield "no fault would be found within the hour"
        return
    ratio, seconds = found
    often = "twice" if ratio == 2 else f"{ratio:g} times"
    yield f"{often} as often would be found in about {duration(seconds)}"


def mismatch(request: TrialRequest, split: Split, weight: float) -> str:
    """What the router sends instead of what it confirmed."""
    found = "no requests at all" if split.share is None else f"{split.share:.1%} of the requests"
    return f"{request.canary} gets {found}, where the router has confirmed {weight:g} %"


def unproven(split: Split) -> str:
    """How long until the router's word has been tried."""
    left = SETTLING + RECENT - split.waited
    return f"the router's weight is tried for {left} more scrape{'s' if left > 1 else ''}"


def reserves(sight: Sight) -> Iterator[str]:
    """Why evidence is not, or may not stay, what it was."""
    if sight.lost:
        yield "the history is not what was read before a restart, and so may evidence be"
    if sight.late == 1:
        yield "1 sample came too late to count: read again, it would"
    elif sight.late:
        yield f"{sight.late:,} samples came too late to count: read again, they would"


def duration(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
