"""Whether a fault can be found in the time there is, by the judge's own reckoning, before dice are cast.

The same recording is made once more with nothing left to chance: every counter counts what is to be expected.
On that the judge's evidence grows as it does on average, and reaches what is needed after some time. Chance
may prolong it, hence a fault is declared detectable where half as much again is left for it.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from serin.workbench.corpus.described import Described
from serin.workbench.corpus.making import START, document_of
from serin.workbench.recording import recording_of
from serin.workbench.replay import Replay, replay
from serin.workbench.timeline import limit_of

BEYOND_LIMIT: Final = 2.0
"""How far, in logarithms, the expected evidence has to pass the limit: a path of evidence lags behind."""
PATIENCE: Final = 1.5
"""How many times the expected time has to be left."""
SCRAPES: Final = 2
"""What alignment and the growth cap may add."""


@dataclass(frozen=True, slots=True)
class Chance:
    """How long a fault has to be seen, and how long it is there to be seen; in seconds.

    Attributes:
        needed: Until the expected evidence suffices; infinite where it never does.
        left: From the moment at which the fault has begun and the canary counts, to the end.
    """

    needed: float
    left: float

    @property
    def detectable(self) -> bool:
        """Whether the fault is declared detectable."""
        return PATIENCE * self.needed <= self.left


def chance_of(told: Described, *, phi: float) -> Chance:
    """What is to be expected, where bad requests vary phi times as much as independent ones."""
    expected = replay(recording_of(document_of(told, by_chance=False)))
    wanted = phi * (limit_of(expected, 0) + BEYOND_LIMIT)
    began = START + max(told.onset, first_counted(expected) - START)
    enough = next((look.at for look in expected.looks if look.signals[0].log_evidence >= wanted), inf)
    left = expected.looks[-1].at - began if expected.looks else 0.0
    return Chance(needed=max(enough - began, 0.0) + SCRAPES * told.interval, left=max(left, 0.0))


def first_counted(judged: Replay) -> float:
    """The boundary at which the first request was counted; the end where none was."""
    counted = (look.at for look in judged.looks if look.signals[0].canary.events > 0)
    return next(counted, judged.looks[-1].at if judged.looks else inf)
