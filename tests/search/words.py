"""What may be heard of an attempt at one look: the judge, a guard, and those who answer for gates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from serin.domain.analysis.guards import GuardReading
from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.gates import GateAnswer, GateRun, Outcome
from serin.domain.intent import Intent
from serin.domain.status import GateResult, Rollout, State
from tests.search.scope import GUARD, NOW, TICK, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One thing that was heard.

    Attributes:
        speaks: Whether it is about this very attempt, policy and step, and fresh.
    """

    name: str
    verdict: Verdict | None = None
    speaks: bool = True
    assessment: Assessment | None = None
    guards: tuple[GuardReading, ...] = ()
    answers: Mapping[str, GateAnswer] = field(default_factory=dict)

    @property
    def safe(self) -> bool:
        return self.speaks and self.verdict is Verdict.SAFE

    @property
    def harmful(self) -> bool:
        return self.speaks and self.verdict is Verdict.HARM


SILENCE: Final = Word(name="nothing is heard")
OLD: Final = 2 * TICK
HEARD: Final[dict[State, tuple[Verdict, ...]]] = {
    State.PREPARING: (Verdict.HARM,),
    State.STEPPING: (Verdict.UNDECIDED, Verdict.SAFE, Verdict.HARM),
    State.PROMOTING: (Verdict.HARM,),
    State.BAKING: (Verdict.HARM,),
    State.ROLLING_BACK: (),
}
"""What is told apart in each state; no word at all is missing data."""


def words(scope: Scope, intent: Intent, rollout: Rollout | None) -> list[Word]:
    """Everything that may be rightly heard of it."""
    if rollout is None:
        return [SILENCE]
    judge = _Judge(rollout, intent.analysis.fingerprint())
    found = [SILENCE, *(judge.says(verdict) for verdict in HEARD[rollout.state])]
    if scope.guarded:
        found += [_guard(rollout, 2.0), _guard(rollout, 0.5)]
    if scope.gated:
        found += [word for one in found[:] for word in _answers(one, intent, rollout)]
    return found


def besides(
    scope: Scope, intent: Intent, rollout: Rollout | None, confirmed: datetime | None
) -> Iterator[Word]:
    """Words that must count for nothing, or for less than they say."""
    if rollout is not None:
        judge = _Judge(rollout, intent.analysis.fingerprint())
        yield from judge.besides(confirmed)
        if scope.guarded:
            yield _guard(rollout, 2.0, attempt="m-other.1")


def well(scope: Scope, intent: Intent, rollout: Rollout | None) -> Word:
    """What is heard once all is well."""
    if rollout is None:
        return SILENCE
    word = SILENCE
    if rollout.state is State.STEPPING:
        judge = _Judge(rollout, intent.analysis.fingerprint())
        word = judge.says(Verdict.UNDECIDED if scope.later else Verdict.SAFE)
    answers = [one for one in _answers(word, intent, rollout) if one.name.endswith(Outcome.SUCCEEDED)]
    return answers[0] if answers else word


@dataclass(frozen=True, slots=True)
class _Judge:
    rollout: Rollout
    policy: str

    def says(self, verdict: Verdict) -> Word:
        return self._word(f"the judge says {verdict}", verdict, speaks=True)

    def besides(self, confirmed: datetime | None) -> Iterator[Word]:
        step, verdicts = self.rollout.step, HEARD[self.rollout.state][-2:]
        if self.rollout.state is not State.STEPPING:
            yield from (self._word(f"{v} of another attempt", v, attempt="m-other.1") for v in verdicts)
            return
        yield self.says(Verdict.NO_DATA)
        yield self._word("Safe of long ago", Verdict.SAFE, at=NOW - OLD)
        yield self._word("Safe of no time", Verdict.SAFE, at=None)
        if confirmed is not None:
            yield self._word("Safe of before the weight", Verdict.SAFE, at=confirmed - timedelta(seconds=1))
        yield self._word("Safe of another step", Verdict.SAFE, step=step + 1)
        for verdict in verdicts:
            yield self._word(f"{verdict} of another attempt", verdict, attempt="m-other.1")
            yield self._word(f"{verdict} under another policy", verdict, policy="other")

    def _word(
        self,
        name: str,
        verdict: Verdict,
        *,
        speaks: bool = False,
        at: datetime | None = NOW,
        step: int | None = None,
        attempt: str | None = None,
        policy: str | None = None,
    ) -> Word:
        made = Assessment(
            attempt=attempt or self.rollout.attempt,
            step=self.rollout.step if step is None else step,
            policy_hash=policy or self.policy,
            verdict=verdict,
            signals=(),
            boundary=at.timestamp() if at else None,
            reason=verdict.value,
            message=name,
            available=verdict is not Verdict.NO_DATA,
        )
        return Word(name=name, verdict=verdict, speaks=speaks, assessment=made)


def _guard(rollout: Rollout, value: float, *, attempt: str | None = None) -> Word:
    reading = GuardReading(
        attempt=attempt or rollout.attempt,
        guard=GUARD,
        value=value,
        limit=Decimal(1),
        failures=int(value > 1),
    )
    verdict = Verdict.HARM if value > 1 else None
    whose = "" if attempt is None else " of another attempt"
    return Word(
        name=f"the guard sees {value}{whose}", verdict=verdict, speaks=attempt is None, guards=(reading,)
    )


def _answers(word: Word, intent: Intent, rollout: Rollout) -> Iterator[Word]:
    """The same word, with an answer to the gate that is being asked."""
    asked = [entry for entry in rollout.gates if entry.result is GateResult.RUNNING]
    for entry in asked[:1]:
        gate = next((one for one in intent.gates if (one.name, one.before) == (entry.name, entry.step)), None)
        if gate is None:
            continue
        canary = rollout.attempt.rpartition(".")[0]
        run = GateRun(
            gate=gate,
            attempt=rollout.attempt,
            canary=canary,
            stable="",
            revision=intent.revision.hash,
            number=entry.tries,
        )
        for outcome in Outcome:
            yield Word(
                name=f"{word.name}; the gate {outcome}",
                verdict=word.verdict,
                speaks=word.speaks,
                assessment=word.assessment,
                guards=word.guards,
                answers={run.identity: GateAnswer(outcome, "it says so")},
            )
