"""The outcomes of runs as a person reads them."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.endurance.chaos import Outcome

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


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in counts.most_common())
