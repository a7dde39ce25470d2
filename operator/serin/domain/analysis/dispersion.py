"""How much more a model's bad requests vary than independent ones would: phi, learnt on the stable pods.

Pods are compared inside a block of time, so that what all of them share (a bad minute of a database) is not
noise. Evidence is divided by phi. Source: the quasi-Poisson estimate (McCullagh & Nelder, Generalized Linear
Models, section 6.2), over several block lengths, because clusters of errors and noisy minutes show at
different ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Final

from serin.domain.analysis.evidence import ArmCounts

UNKNOWN: Final = 2.0
"""Used where the history is too short to tell."""
SHORTEST_HISTORY: Final = 600.0
LONGEST_HISTORY: Final = 3600.0
_BLOCK_SECONDS: Final = (15.0, 60.0, 300.0)

Block = Mapping[str, ArmCounts]
"""What each stable pod did in one stretch of time."""


def dispersion(history: Sequence[Block], *, interval: float) -> float:
    """What the intervals before the comparison say, in their order; one without a counted pod is empty."""
    served = sum(1 for block in history if any(counts.requests > 0 for counts in block.values()))
    if served * interval < SHORTEST_HISTORY:
        return UNKNOWN
    sizes = {max(1, round(seconds / interval)) for seconds in _BLOCK_SECONDS}
    return max(1.0, *(_at_block_length(list(_blocks(history, size))) for size in sizes))


def _blocks(history: Sequence[Block], size: int) -> Iterator[Block]:
    """History in blocks of `size` intervals; with a single pod, two neighbouring blocks stand for two."""
    blocks = [_together(history[k : k + size]) for k in range(0, len(history) - size + 1, size)]
    if len({pod for block in blocks for pod in block}) > 1:
        yield from blocks
        return
    for one, next_one in zip(blocks[::2], blocks[1::2], strict=False):
        yield {f"{half}": counts for half, block in enumerate((one, next_one)) for counts in block.values()}


def _together(intervals: Sequence[Block]) -> Block:
    pods: dict[str, ArmCounts] = {}
    for interval in intervals:
        for pod, counts in interval.items():
            pods[pod] = pods.get(pod, ArmCounts()) + counts
    return pods


def _at_block_length(blocks: Sequence[Block]) -> float:
    """The estimate at one block length; 1 unless it stands out of its own sampling noise."""
    chi_square, freedom = 0.0, 0
    for block in blocks:
        served = [counts for counts in block.values() if counts.requests > 0]
        total = sum(served, ArmCounts())
        if total.bad <= 0:
            continue
        share = total.bad / total.requests
        chi_square += sum((c.bad - share * c.requests) ** 2 / (share * c.requests) for c in served)
        freedom += len(served) - 1
    return chi_square / freedom if freedom and chi_square > freedom + 3 * sqrt(2 * freedom) else 1.0
