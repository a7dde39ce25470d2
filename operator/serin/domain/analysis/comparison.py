"""One signal of an attempt: what is learnt of it before the comparison, and its evidence since.

Learnt are the stable's bad share, which chooses the margins, and the dispersion of its pods' counts. They are
estimated once, when the first interval is compared, or were pinned then by an earlier process.
"""

from collections import deque
from dataclasses import dataclass

from serin.domain.analysis.dispersion import LONGEST_HISTORY, Block, dispersion, request_dispersion
from serin.domain.analysis.evidence import NOTHING, Interval
from serin.domain.analysis.incident import Recent, is_shared
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.domain.analysis.tallies import Counted, Reader
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
    """One signal between its arms."""

    def __init__(
        self, signal: SignalPolicy, *, promotion: Promotion, interval: float, pin: Pin | None
    ) -> None:
        self.signal = signal
        self.reader = Reader(signal)
        self.ledger: Ledger | None = None
        self.warming: Warming | None = None
        self._promotion = promotion
        self._interval = interval
        self._pin = pin
        self._past = NOTHING
        self._history: deque[Block] = deque(maxlen=max(1, round(LONGEST_HISTORY / interval)))
        self._recent = Recent()

    @property
    def fails_at_once(self) -> bool:
        """Whether pods fail altogether while they warm up."""
        return self.warming is not None and bool(self.warming.catastrophic)

    @property
    def shares_an_incident(self) -> bool:
        """Whether both arms fail together just now."""
        return self.ledger is not None and is_shared(self._recent, usual=float(self.ledger.usual))

    def request_dispersion(self) -> float:
        """What the history says of how requests spread over pods."""
        return request_dispersion(tuple(self._history), interval=self._interval)

    def learn(self, seen: Seen, *, start: float) -> None:
        """After an interval that is not compared: it still tells what to expect of the stable."""
        stable = seen.stable
        if self.ledger is not None:
            self.ledger = self.ledger.learned(stable)
            self._recent.add(start, Interval(NOTHING, stable))
            return
        self._history.append(seen.pods)
        self._past += stable

    def compare(self, seen: Seen, *, start: float, step: int, lone_pod: bool) -> None:
        """After an interval in which both arms served at a confirmed weight."""
        both = Interval(seen.canary, seen.stable)
        if self.ledger is None:
            self.ledger = self._opened(start, step)
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

    def _phi(self) -> float:
        return self._pin.phi if self._pin else dispersion(tuple(self._history), interval=self._interval)

    def _opened(self, start: float, step: int) -> Ledger:
        ledger = Ledger.open(
            self.signal,
            self._promotion,
            began=start,
            past=self._past,
            phi=self._phi(),
            step=step,
            pin=self._pin,
            level=1 - self._promotion.confidence,
        )
        self._history.clear()
        return ledger
