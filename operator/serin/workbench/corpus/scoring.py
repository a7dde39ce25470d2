"""How often the judge is right on the corpus, and how often fixed thresholds are on the same samples.

Precision is the share of rollbacks that were right: of a faulty canary, after its fault began. Recall is the
share of the faults declared detectable that were taken back before the end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from serin.domain.analysis.verdict import Verdict
from serin.workbench.corpus.described import Described, Truth
from serin.workbench.corpus.detectable import Chance, chance_of
from serin.workbench.corpus.making import START, document_of
from serin.workbench.recorded import Kind
from serin.workbench.recording import recording_of
from serin.workbench.replay import Replay, replay
from serin.workbench.rules import Rule, Style, rolls_back_at

SERIN: Final = "Serin"
KNOWN_TIMES: Final = 3.0
"""The threshold of a user who knows the stable's bad share exactly is so many times that share."""


def rules_for(told: Described) -> Mapping[str, Rule]:
    """The rules of fixed thresholds by name; none for scores, of which no share is bad."""
    if told.kind is Kind.SCORES:
        return {}
    known = KNOWN_TIMES * told.usual_share
    return {
        "Flagger, 99 % good, 5 failures": Rule(style=Style.FLAGGER, allowed=0.01, failures=5),
        "Flagger, 97 % good, 5 failures": Rule(style=Style.FLAGGER, allowed=0.03, failures=5),
        "Flagger, 3 times the known share, 5 failures": Rule(style=Style.FLAGGER, allowed=known, failures=5),
        "Argo Rollouts, 99 % good, 3 failures": Rule(style=Style.ARGO, allowed=0.01, failures=3),
        "Argo Rollouts, 3 times the known share, 3 failures": Rule(
            style=Style.ARGO, allowed=known, failures=3
        ),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one rollout of the corpus.

    Attributes:
        verdict: The judge's last word.
        phi: How much more than independent ones bad requests vary, as the judge learnt it.
        chance: What is to be expected of the fault; None where there is none.
        rollbacks: Who takes the canary back, and when, in seconds since the start.
    """

    told: Described
    verdict: Verdict
    phi: float
    chance: Chance | None
    rollbacks: Mapping[str, float | None]

    @property
    def detectable(self) -> bool:
        """Whether it is a fault that is declared detectable."""
        return self.chance is not None and self.chance.detectable

    def taken_back(self, by: str) -> bool:
        """Whether it is rolled back by somebody, rightly or not."""
        return self.rollbacks.get(by) is not None

    def rightly(self, by: str) -> bool:
        """Whether it is rolled back by somebody because of its fault."""
        at = self.rollbacks.get(by)
        return self.told.truth is Truth.FAULTY and at is not None and at >= self.told.onset

    def line(self) -> dict[str, Any]:
        """Its line of the index: what it is made from, what is true, and what should be found."""
        line = {"name": self.told.name, **self.told.line(), "truth": str(self.told.truth)}
        if self.chance is None:
            return line | {"expected": "not Harm"}
        needed = self.chance.needed
        line["secondsNeeded"] = None if needed == float("inf") else round(needed)
        line |= {"secondsLeft": round(self.chance.left), "phi": round(self.phi, 2)}
        return line | {"expected": "Harm" if self.detectable else "any"}


def judged(told: Described, *, foretell: bool = True) -> Judged:
    """Make a rollout's recording, and judge it by everyone.

    Args:
        told: The rollout.
        foretell: Work out what is to be expected of a fault too, which takes as long again.
    """
    recording = recording_of(document_of(told))
    found = replay(recording)
    at = {SERIN: found.decided_at if found.verdict is Verdict.HARM else None}
    at |= {name: rolls_back_at(rule, recording) for name, rule in rules_for(told).items()}
    phi = phi_of(found)
    return Judged(
        told=told,
        verdict=found.verdict,
        phi=phi,
        chance=chance_of(told, phi=phi) if foretell and told.truth is Truth.FAULTY else None,
        rollbacks={name: None if t is None else t - START for name, t in at.items()},
    )


def phi_of(found: Replay) -> float:
    """What the judge learnt of the first signal's noise; 1 where nothing was compared."""
    pins = [look.signals[0].pin for look in found.looks[-1:]]
    return next((float(pin.phi) for pin in pins if pin is not None), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How often somebody was right."""

    rollouts: int
    rollbacks: int
    right: int
    detectable: int
    found: int
    delay: float | None

    @property
    def precision(self) -> float | None:
        """Of the rollbacks, those that were right."""
        return self.right / self.rollbacks if self.rollbacks else None

    @property
    def recall(self) -> float | None:
        """Of the faults declared detectable, those taken back."""
        return self.found / self.detectable if self.detectable else None


def score(results: Iterable[Judged], by: str) -> Score:
    """Somebody's score on some rollouts."""
    all_of_them = list(results)
    found = [one for one in all_of_them if one.detectable and one.rightly(by)]
    delays = [(one.rollbacks[by] or 0.0) - one.told.onset for one in found]
    return Score(
        rollouts=len(all_of_them),
        rollbacks=sum(one.taken_back(by) for one in all_of_them),
        right=sum(one.rightly(by) for one in all_of_them),
        detectable=sum(one.detectable for one in all_of_them),
        found=len(found),
        delay=median(delays) if delays else None,
    )
