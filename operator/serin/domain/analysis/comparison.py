"""One signal of an attempt: what is learnt of it before the comparison, and its evidence since.

Learnt are the stable's bad share, which chooses the margins, and the dispersion of its pods' counts. They are
estimated once, when the first interval is compared, or were pinned then by an earlier process.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.dispersion import (
    LONGEST_HISTORY,
    Swings,
    cut_dispersion,
    dispersion,
    request_swings,
)
from serin.domain.analysis.distribution import Account, open_ledger
from serin.domain.analysis.evidence import NOTHING, ArmCounts, Interval, expected_share
from serin.domain.analysis.incident import Recent, is_shared
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.domain.analysis.tails import Tails, cuts_of
from serin.domain.analysis.tallies import Counted, Reader, Tally
from serin.domain.analysis.verdict import Pin
from serin.domain.analysis.warming import Warming


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pods did in one interval, for one signal.

    Attributes:
        canary, stable: Of the warm pods.
        warming: Of the canary's pods that are warming up; None where none is.
        pods: Of each warm stable pod.
    """

    canary: Counted
    stable: Counted
    warming: Counted | None
    pods: dict[str, Counted]


class Comparison:
    """One signal between its arms.

    Attributes:
        ledger: Its evidence; None before the first interval that is compared.
        warming: That of pods that are warming up; None while none is.
        lacking: Whether the arms' histograms had no bounds in common in the last interval.
        lost: Whether the history is not what an earlier process learnt from: part of it may be gone.
        served: When each arm's warm pods were last seen to serve: the start of that interval.
    """

    def __init__(
        self, signal: SignalPolicy, *, promotion: Promotion, interval: float, pin: Pin | None
    ) -> None:
        self.signal = signal
        self.reader = Reader(signal)
        self.ledger: Account | None = None
        self.warming: Warming | None = None
        self.lacking = False
        self.lost = False
        self.served: dict[Arm, float] = {}
        self._promotion = promotion
        self._interval = interval
        self._pin = pin
        self._cuts: tuple[float, ...] = ()
        self._native = False
        self._past: Counted = self.reader.nothing
        self._history: deque[Mapping[str, Counted]] = deque(maxlen=max(1, round(LONGEST_HISTORY / interval)))
        self._recent = Recent()

    @property
    def fails_at_once(self) -> bool:
        """Whether pods fail altogether while they warm up."""
        return self.warming is not None and bool(self.warming.catastrophic)

    @property
    def shares_an_incident(self) -> bool:
        """Whether both arms fail together just now. Scores that move together are no failure."""
        if self.ledger is None or self.signal.is_distribution:
            return False
        return is_shared(self._recent, usual=float(self.ledger.usual))

    @property
    def knows_requests(self) -> bool:
        """Whether requests to the stable have been counted at all."""
        return Arm.STABLE in self.served

    def request_swings(self) -> Swings:
        """What the history says of how requests spread over pods."""
        served = [{pod: ArmCounts(one.requests) for pod, one in block.items()} for block in self._history]
        return request_swings(served, interval=self._interval)

    def see(self, seen: Seen, *, start: float) -> None:
        """After any interval, before it is learnt or compared."""
        for arm, counts in ((Arm.CANARY, seen.canary), (Arm.STABLE, seen.stable)):
            if counts.requests > 0:
                self.served[arm] = start

    def learn(self, seen: Seen, *, start: float) -> None:
        """After an interval that is not compared: it still tells what to expect of the stable."""
        if self.ledger is None:
            self._history.append(seen.pods)
            self._past += seen.stable
        elif (stable := self._at_cuts(seen.stable)) is not None:
            self.ledger = self.ledger.learned(stable)
            self._recent.add(start, Interval(NOTHING, stable))

    def compare(self, seen: Seen, *, start: float, step: int, lone_pod: bool) -> None:
        """After an interval in which both arms served at a confirmed weight."""
        if self.ledger is None and not self._open(seen, start=start, step=step):
            self.learn(seen, start=start)
            return
        canary, stable = self._at_cuts(seen.canary), self._at_cuts(seen.stable)
        self.lacking = canary is None or stable is None
        if self.ledger is None or canary is None or stable is None:
            return
        both = Interval(canary, stable)
        self.ledger = self.ledger.at_step(step).advanced(both, start=start, lone_pod=lone_pod)
        self._recent.add(start, both)

    def warm(self, seen: Seen, *, start: float) -> None:
        """After an interval, before it is learnt or compared: what the pods did that are warming up.

        Of a distribution nothing is asked so early: a cold model is slow, and its scores are the same.
        """
        if seen.warming is None or self.signal.is_distribution:
            self.warming = None
            return
        both = Interval(seen.warming, seen.stable)
        if not both.comparable:
            return
        if self.warming is None:
            past, phi = (self.ledger.past, self.ledger.phi) if self.ledger else (self._past, self._phi())
            self.warming = Warming.begin(began=start, past=past, phi=phi)
        self.warming = self.warming.advanced(both, start=start)

    def _open(self, seen: Seen, *, start: float, step: int) -> bool:
        """Begin the comparison, if there is anything to cut a distribution by."""
        if self.signal.is_distribution and not self._cut(seen.canary):
            return False
        past = self._at_cuts(self._past) or NOTHING
        self.lost = self._pin is not None and not self._is_known(past, self._pin)
        self.ledger = open_ledger(
            self.signal,
            self._promotion,
            began=start,
            past=past,
            phi=self._phi(),
            step=step,
            pin=self._pin,
            level=1 - self._promotion.confidence,
            cuts=self._cuts,
        )
        self._history.clear()
        return True

    def _cut(self, canary: Tally) -> bool:
        """Choose the cuts, once, by what the stable did before, among bounds that the canary has too."""
        past: Tally = self._past
        if past.requests <= 0:
            return False
        shared = past.common(canary)
        bounds, below = shared.cumulative()
        cuts = cuts_of(self.signal, bounds, below) if bounds else ()
        self.lacking = not len(Tails.of(self.signal, cuts))
        self._cuts, self._native = () if self.lacking else cuts, shared.native
        return not self.lacking

    def _at_cuts(self, counts: Counted) -> ArmCounts | None:
        if isinstance(counts, ArmCounts):
            return counts
        # Bounds of the one kind of histogram are hardly ever those of the other.
        known: Tally = counts
        return known.at(self._cuts) if known.native is self._native or known.requests <= 0 else None

    def _is_known(self, past: ArmCounts, pin: Pin) -> bool:
        """Whether the history is the one that an earlier process learnt from."""
        alike = isclose(self._learnt_phi(), pin.phi, rel_tol=1e-9)
        if self.signal.is_distribution:
            return alike
        return alike and isclose(expected_share(past, delta=0.0), pin.usual, rel_tol=1e-9)

    def _phi(self) -> float:
        return self._learnt_phi() if self._pin is None else self._pin.phi

    def _learnt_phi(self) -> float:
        if not self.signal.is_distribution:
            return dispersion(tuple(self._history), interval=self._interval)
        cut = [{pod: self._at_cuts(one) or NOTHING for pod, one in block.items()} for block in self._history]
        return cut_dispersion(cut, interval=self._interval)
