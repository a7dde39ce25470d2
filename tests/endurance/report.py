"""The outcomes of runs as a person reads them."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.endurance.blackouts import Blackouts
from tests.endurance.chaos import Outcome
from tests.endurance.endpoints import BAR_SECONDS, Loss
from tests.endurance.openings import Opened
from tests.endurance.versions import Turned

SHOWN: Final = 20
"""Lines of each kind of trouble that are printed; all of them are in the run's folder."""


def of_chaos(outcome: Outcome) -> Iterator[str]:
    """A summary, and the command that makes the same run again."""
    plan = outcome.plan
    yield f"{plan.models} models, {plan.minutes:g} minutes, {outcome.requests} requests"
    yield f"  faults       {sum(outcome.faults.values())}: {_counted(outcome.faults)}"
    yield f"  wishes       {sum(outcome.wishes.values())}: {_counted(outcome.wishes)}"
    yield f"  operator     started {outcome.starts} times"
    yield f"  watched      {outcome.versions} versions of objects, {outcome.gaps} gaps"
    yield f"  failed       {_counted(outcome.told.by_cause) or 'none'}"
    yield f"  lost         {len(outcome.told.lost)} to a rollout"
    yield f"  broken       {len(outcome.violations)} invariants"
    yield f"  converged    after {outcome.converged_seconds:.0f} s, {len(outcome.unlike)} models did not"
    yield f"  at rest      {outcome.writes_at_rest} writes"
    yield f"  exceptions   {len(outcome.exceptions)}"
    troubles = (
        *map(str, outcome.told.lost[:SHOWN]),
        *outcome.violations[:SHOWN],
        *(f"{name}: {'; '.join(found)}" for name, found in outcome.unlike.items()),
        *outcome.exceptions[:SHOWN],
    )
    yield from (f"    {line}" for line in troubles)
    yield f"again: make chaos SEED={plan.seed} MINUTES={plan.minutes:g} MODELS={plan.models}"


def of_openings(opened: Opened) -> Iterator[str]:
    """How a weight's openings went."""
    results = opened.results
    yield (
        f"{opened.openings} openings of a weight from 0 in {opened.seconds:.0f} s, "
        f"{len(results.sent) / opened.seconds:.0f} requests/s"
    )
    yield f"  {results.story()}"


def of_versions(turned: Turned) -> Iterator[str]:
    """How versions came and went."""
    yield f"{turned.requests} requests and {len(turned.streams)} streams in {turned.seconds:.0f} s"
    yield f"  turns        {_counted(turned.turns)}"
    yield f"  openings     {turned.openings} weights rose from 0"
    lengths = Counter(f"{one.seconds:g} s" for one in turned.streams)
    yield f"  streams      {_counted(lengths) or 'none'}"
    yield f"  failed       {len(turned.failed)} requests"
    yield f"  truncated    {len(turned.truncated)} streams"
    yield f"  load         up to {turned.heaviest:.2f} of a share, {len(turned.overloaded)} pods above chance"
    yield f"  short        {len(turned.short)} versions with fewer ready pods than their weight takes"
    yield f"  broken       {len(turned.broken)} invariants"
    for troubles in (turned.failed, turned.truncated, turned.overloaded, turned.short, turned.broken):
        yield from (f"    {line}" for line in troubles[:SHOWN])


def of_blackouts(seen: Blackouts) -> Iterator[str]:
    """How rollouts went that Prometheus was killed in."""
    seconds = sum(one.until - one.since for one in seen.dark)
    yield f"{len(seen.dark)} times without Prometheus, {seconds:.0f} s in all, {seen.requests} requests"
    yield f"  ended        {seen.ended} rollouts as their specs ask for"
    yield f"  wrong        {len(seen.wrong)}"
    yield from (f"    {line}" for line in seen.wrong[:SHOWN])


def of_losses(losses: list[Loss], *, delay: float) -> Iterator[str]:
    """How soon a canary without endpoints was at weight 0."""
    yield f"{len(losses)} losses of endpoints, gateway's own delay up to {delay:g} s, bar {BAR_SECONDS:g} s"
    yield "  way          route written   Envoy serves it"
    for one in losses:
        yield f"  {one.way:<12} {one.written:>13.2f} {one.served:>17.2f}"
    written, served = max(one.written for one in losses), max(one.served for one in losses)
    yield f"  longest      {written:>13.2f} {served:>17.2f}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in counts.most_common())
