"""What Serin promises to cost, and whether it does (issue: the bars of the peers' page)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench.figures import Figures

CREATE_WRITES: Final = 7
CANARY_WRITES: Final = 16
CANARY_EVENTS: Final = 5
REFUSED_SHARE: Final = 0.02
"""Of all writes: those that a fence kept out, because somebody else had just written."""
CANARY_CPU_MILLISECONDS: Final = 60
CANARIES_SECONDS: Final = 160.0
"""For three hundred at once. More take longer in proportion, fewer no less."""
PEAK_MEGABYTES: Final = ((300, 120), (1000, 180), (3000, 300))
"""By the number of objects, up to which each holds."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure that must not be above its limit."""

    name: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


def bars(found: Mapping[str, Figures]) -> Iterator[Bar]:
    """All bars, by the figures of each operation."""
    create, canary, idle, restart = (found[name] for name in ("create", "canary", "idle", "restart"))
    yield Bar("create: writes for each", create.each(create.writes), CREATE_WRITES)
    yield Bar("create: reads", create.reads, 0)
    yield Bar("canary: writes for each", canary.each(canary.writes), CANARY_WRITES)
    yield Bar("canary: refused share of writes", canary.refused / max(canary.writes, 1), REFUSED_SHARE)
    yield Bar("canary: reads", canary.reads, 0)
    yield Bar("canary: Events for each", canary.each(canary.events), CANARY_EVENTS)
    yield Bar("canary: CPU for each, ms", canary.cpu_milliseconds, CANARY_CPU_MILLISECONDS)
    allowed = CANARIES_SECONDS * max(1.0, canary.objects / 300)
    yield Bar("canary: all done after, s", canary.arriving_seconds, allowed)
    yield Bar("idle: writes", idle.writes, 0)
    yield Bar("idle: reads", idle.reads, 0)
    yield Bar("restart: writes", restart.writes, 0)
    peak = max(figures.peak_bytes for figures in found.values()) / 1e6
    limit = next((most for count, most in PEAK_MEGABYTES if create.objects <= count), PEAK_MEGABYTES[-1][1])
    yield Bar("peak memory, MB", peak, limit)
