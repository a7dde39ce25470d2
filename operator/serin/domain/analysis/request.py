"""What is to be judged: an attempt, the step it stands at, its pods and the times its weights changed.

The reconciler says it, `Trial` judges by it, and `prom` asks for the series that belong to it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final, NamedTuple

from serin.domain.analysis.counters import Arm, Role
from serin.domain.analysis.dispersion import LONGEST_HISTORY
from serin.domain.analysis.policy import Counter, DataPlane, Policy
from serin.domain.analysis.verdict import Pin

LONGEST_PREFIX: Final = 58
"""The API server cuts the beginning of a generated name to so many characters, and adds five at random."""
LONGEST_POD_HASH: Final = 10
"""A Deployment's controller names its ReplicaSets by a number of 32 bits, in decimal digits recoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTimes:
    """A pod and when it became Ready, in Unix seconds; None while it is not."""

    name: str
    arm: Arm
    ready: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWindow:
    """A change of weight: intervals between the write and the moment all proxies had it are not counted.

    Attributes:
        step: Index of the step.
        weight: The canary's share in percent; None where nobody can know it.
        written: When the route was written, in Unix seconds.
        settled: When the router had it, propagation included; None: not yet.
    """

    step: int
    weight: float | None
    written: float
    settled: float | None

    def touches(self, start: float, end: float) -> bool:
        """Whether the change was under way at some time in (start, end]."""
        return start < (inf if self.settled is None else self.settled) and self.written < end


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNames:
    """The labels that hold a series' namespace and pod, as the scrape configuration calls them."""

    namespace: str = "namespace"
    pod: str = "pod"


class Channel(NamedTuple):
    """What a series is to the analysis: a role in a signal. Scrapes and starts are of all, so of none."""

    signal: str
    role: Role


SCRAPES: Final = Channel("", Role.SCRAPES)
STARTS: Final = Channel("", Role.START)
"""Not every process tells when it began; where none does, resets are known by counters that fall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One kind of series to read, by the channels it feeds, in the order of asking.

    Attributes:
        bucket: The upper bound whose histogram bucket is meant; None if the counter is no bucket.
    """

    channel: Channel
    counter: Counter
    data_plane: DataPlane | None = None
    bucket: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether all buckets of a histogram are meant, and a label tells one from another."""
        role = self.channel.role
        return role is Role.NATIVE or (role is Role.WITHIN and self.bucket is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """One attempt under judgement. `update` a trial with a later one as pods come and weights change.

    Attributes:
        step: Index of the step that is to be promoted from.
        stable: Name of the stable revision's Deployment and Service; `canary` likewise.
        pods: All pods of both known so far; one that is gone may be left out.
        windows: Every change of weight of this attempt, oldest first; at least the one of `step`.
        started: When the analysis began; what happened in the hour before is history.
        interval: The scrape interval, in seconds.
        pins: By signal, what an earlier process learnt before the comparison began; it is not learnt again.
    """

    attempt: str
    step: int
    policy: Policy
    namespace: str
    stable: str
    canary: str
    pods: tuple[PodTimes, ...]
    windows: tuple[StepWindow, ...]
    started: float
    interval: float
    labels: LabelNames = LabelNames()
    pins: Mapping[str, Pin] = field(default_factory=dict)

    @property
    def history_from(self) -> float:
        """The first moment whose samples are of use."""
        return self.started - LONGEST_HISTORY

    def arm_of_pod(self, pod: str) -> Arm | None:
        """Whose pod it is, by its name."""
        for name, arm in ((self.canary, Arm.CANARY), (self.stable, Arm.STABLE)):
            if re.fullmatch(pod_pattern(name), pod):
                return arm
        return None

    def arm_of_backend(self, source: DataPlane, value: str) -> Arm | None:
        """Whose traffic a proxy's series counts, by the value of the label that names the backend."""
        for name, arm in ((self.canary, Arm.CANARY), (self.stable, Arm.STABLE)):
            if re.fullmatch(backend_pattern(source, self.namespace, name), value):
                return arm
        return None

    def asked(self) -> tuple[Asked, ...]:
        """Every kind of series to read. What tells when targets were scraped comes first, so that an answer
        given later never knows less than the one that tells of the scrape.
        """
        first: list[Asked] = []
        rest: list[Asked] = []
        if any(signal.data_plane is None for signal in self.policy.signals):
            first.append(Asked(channel=SCRAPES, counter=Counter(metric="up")))
            first.append(Asked(channel=STARTS, counter=Counter(metric="process_start_time_seconds")))
        for signal in self.policy.signals:
            for role, counter, bucket in (
                (Role.REQUESTS, signal.requests, None),
                (Role.BAD, signal.bad if signal.at_most is None else None, None),
                (Role.WITHIN, signal.within, signal.at_most),
                (Role.NATIVE, signal.native, None),
            ):
                if counter is not None:
                    one = Asked(
                        channel=Channel(signal.name, role),
                        counter=counter,
                        data_plane=signal.data_plane,
                        bucket=bucket,
                    )
                    (first if role is Role.REQUESTS else rest).append(one)
        return (*first, *rest)


def pod_pattern(workload: str) -> str:
    """The names of a Deployment's pods, as a regular expression to be anchored: `<name>-<hash>-<random>`.

    Of a long name the hash is cut, and then the name itself; what is left of a revision's name still tells it
    from every other one, but for one pair in a million.
    """
    room = LONGEST_PREFIX - len(workload)
    kept = re.escape(workload[:LONGEST_PREFIX]).replace(r"\-", "-")
    if room >= LONGEST_POD_HASH + 2:
        return f"{kept}-[a-z0-9]+-[a-z0-9]{{5}}"
    if room >= 1:
        return f"{kept}(-[a-z0-9]+-|-[a-z0-9]{{{room - 1}}})[a-z0-9]{{5}}"
    return f"{kept}[a-z0-9]{{5}}"


def backend_pattern(source: DataPlane, namespace: str, backend: str) -> str:
    """The pattern of a data plane's label with a backend filled in, as an anchored regular expression."""
    filled = source.pattern.replace("{namespace}", re.escape(namespace))
    return filled.replace("{backend}", re.escape(backend))
