"""Since when what a pod does counts: its samples from before its warm-up ended are of a cold process.

A pod is warm so long after *its own* Ready, on both sides: pods that are added at later steps start cold too.
One that nobody named, as after a restart when it has gone since, was Ready when it was first scraped.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from math import inf

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.request import PodTimes
from serin.domain.analysis.sources import Source


class Warmth(Enum):
    """What a pod's counts are good for."""

    COLD = "not Ready, or on the stable side: for nothing"
    WARMING = "on the canary side: for finding what fails altogether"
    WARM = "for a comparison"


class Pods:
    """The pods of both arms that were ever told of.

    Args:
        warm_up: Seconds from Ready.
        started: When the analysis began, in Unix seconds: a stable pod that was there before is warm.
    """

    def __init__(self, *, warm_up: float, started: float) -> None:
        self.warm_up = warm_up
        self.started = started
        self._pods: dict[str, PodTimes] = {}

    def learn(self, pods: Iterable[PodTimes]) -> None:
        """Take in what is known now; a pod that is not named any more keeps what was said of it."""
        for pod in pods:
            self._pods[pod.name] = pod

    def ready(self, name: str | None) -> float | None:
        """When a pod became Ready; None if it is not, or nobody said."""
        pod = self._pods.get(name or "")
        return pod.ready if pod else None

    def warm_at(self, source: Source) -> float:
        """When a target's samples begin to count."""
        if source.pod is None:
            return -inf
        if (pod := self._pods.get(source.pod)) is not None:
            return inf if pod.ready is None else pod.ready + self.warm_up
        first = source.target.first or 0.0
        return first + self.warm_up if source.arm is Arm.CANARY or first > self.started else -inf

    def warmth(self, source: Source, since: float) -> Warmth:
        """What counts of a pod are good for that began to grow at a moment."""
        warm_at = self.warm_at(source)
        if warm_at <= since:
            return Warmth.WARM
        serving = source.arm is Arm.CANARY and warm_at - self.warm_up <= since
        return Warmth.WARMING if serving else Warmth.COLD

    def warmth_of_arms(self, start: float, end: float) -> Mapping[Arm, Warmth]:
        """The same for all pods of an arm together: a proxy's counters do not tell one from another.

        Pods that became Ready after the interval are none of its, or a recomputation would count less.
        """
        found: dict[Arm, Warmth] = {}
        for arm in Arm:
            ready = [pod.ready for pod in self._pods.values() if pod.arm is arm and pod.ready is not None]
            times = [at for at in ready if at < end]
            if times and max(times) + self.warm_up <= start:
                found[arm] = Warmth.WARM
            elif arm is Arm.CANARY and times and min(times) <= start:
                found[arm] = Warmth.WARMING
            else:
                found[arm] = Warmth.COLD
        return found

    def ready_canaries(self) -> int:
        """How many canary pods are Ready, or were when they were last told of."""
        return sum(pod.arm is Arm.CANARY and pod.ready is not None for pod in self._pods.values())

    def canary_warm_at(self, sources: Iterable[Source]) -> float | None:
        """When the first canary pod counts; None while there is none."""
        named = [
            pod.ready + self.warm_up
            for pod in self._pods.values()
            if pod.arm is Arm.CANARY and pod.ready is not None
        ]
        unnamed = [self.warm_at(source) for source in sources if source.arm is Arm.CANARY]
        return min(named or unnamed, default=None)
