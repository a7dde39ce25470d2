"""How much more a model's bad requests vary than independent ones would: phi, learnt on the stable pods.

Pods are compared inside a block of time, so that what all of them share (a bad minute of a database) is not
noise. Evidence is divided by phi. Source: the quasi-Poisson estimate (McCullagh & Nelder, Generalized Linear
Models, section 6.2), over several block lengths, because clusters of errors and noisy minutes show at
different ones.

Counts are arrays over intervals, then pods, then whatever is estimated side by side (runs of a simulation).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serin.domain.analysis.evidence import NOTHING, Amount, ArmCounts, Numbers

UNKNOWN: Final = 2.0
"""Used where the history is too short to tell, and the least that is believed of whole requests."""
SHORTEST_HISTORY: Final = 600.0
LONGEST_HISTORY: Final = 3600.0
_BLOCK_SECONDS: Final = (15.0, 60.0, 300.0)
_FITTING_ROUNDS: Final = 20
_TINY: Final = 1e-9

SOON: Final = 3
"""Scrapes in which a router that is stuck is to be found."""

Block = Mapping[str, ArmCounts]
"""What each stable pod did in one stretch of time."""


@dataclass(frozen=True, slots=True)
class Swings:
    """phi_r: how much more the pods' parts of all requests vary than if each request went its own way.

    Requests arrive in connections, which stay with a pod, so that parts swing the more the longer one looks.

    Attributes:
        soon: In as many scrapes as `SOON`. An hour has eighty such stretches: it is known to a tenth.
        later: However long one looks. An hour has twelve stretches of five minutes: it is known to a quarter.
    """

    soon: Amount
    later: Amount


def dispersion(history: Sequence[Block], *, interval: float) -> float:
    """What the intervals before the comparison say, in their order; one without a counted pod is empty."""
    return float(dispersion_of(by_pod(history), interval=interval)) if history else UNKNOWN


def cut_dispersion(history: Sequence[Block], *, interval: float) -> float:
    """The same for a distribution, whose bad counts are arrays over cuts: the largest of them.

    A share that is no rare event varies by n p (1 - p), not by n p.
    """
    shape = next((np.shape(one.bad) for block in history for one in block.values() if np.ndim(one.bad)), (0,))
    if shape == (0,):
        return UNKNOWN
    pods = sorted({pod for block in history for pod in block})
    counts = [[block.get(pod, NOTHING) for pod in pods] for block in history]
    bad = np.array([[np.broadcast_to(one.bad, shape) for one in row] for row in counts], dtype=np.float64)
    requests = np.array([[[one.requests] for one in row] for row in counts], dtype=np.float64)
    both = ArmCounts(np.broadcast_to(requests, bad.shape), bad)
    return float(np.max(dispersion_of(both, interval=interval, rare=False)))


def request_swings(history: Sequence[Block], *, interval: float) -> Swings:
    """What the intervals before the comparison say; unequal pods are not noise, each has its own mean part.

    What more than doubles from blocks of one minute to blocks of five comes from connections that outlive
    both, and is taken to grow on by half as much: without that, 20 connections of ten minutes raise a false
    alarm in 4 % of hours, with it in under 1 %. Connections that outlive three scrapes so far do not follow
    a new weight soon, and the first scrapes at it are held to all they do.
    """
    pods = sorted({pod for block in history for pod in block})
    if len(pods) < 2 or len(history) * interval < SHORTEST_HISTORY:
        return Swings(UNKNOWN, UNKNOWN)
    requests = by_pod(history).requests
    counted = np.array([[pod in block for pod in pods] for block in history])
    sizes = [max(1, round(seconds / interval)) for seconds in _BLOCK_SECONDS]
    short, medium, long, scrapes = (_of_requests(requests, counted, size) for size in (*sizes, SOON))
    going_on = long * max(1.0, 0.5 * long / medium) if medium > 0 else long
    later = max(UNKNOWN, short, medium, going_on)
    outlived = long > 2 * min(medium, scrapes)
    return Swings(later if outlived else max(UNKNOWN, short, scrapes), later)


def by_pod(history: Sequence[Block]) -> ArmCounts:
    """A history as arrays over intervals and pods; a pod that was not counted did nothing."""
    pods = sorted({pod for block in history for pod in block})
    counts = [[block.get(pod, NOTHING) for pod in pods] for block in history]
    return ArmCounts(
        np.array([[one.requests for one in row] for row in counts], dtype=np.float64),
        np.array([[one.bad for one in row] for row in counts], dtype=np.float64),
    )


def dispersion_of(history: ArmCounts, *, interval: float, rare: bool = True) -> Amount:
    """The same for counts over intervals, pods and any further axes, which the answer has.

    Bad requests that are not `rare` vary less: by n p (1 - p) instead of n p.
    """
    served = (history.requests > 0).any(axis=1).sum(axis=0)
    sizes = {max(1, round(seconds / interval)) for seconds in _BLOCK_SECONDS}
    found = [_at_block_length(_in_blocks(history, size), rare=rare) for size in sorted(sizes)]
    return np.where(served * interval < SHORTEST_HISTORY, UNKNOWN, np.max(found, axis=0))


def _in_blocks(history: ArmCounts, size: int) -> ArmCounts:
    """In blocks of `size` intervals; with a single pod, two neighbouring blocks stand for two."""
    requests, bad = together(history.requests, size), together(history.bad, size)
    if requests.shape[1] != 1:
        return ArmCounts(requests, bad)
    pairs = len(requests) // 2
    paired = (pairs, 2, *requests.shape[2:])
    return ArmCounts(requests[: 2 * pairs].reshape(paired), bad[: 2 * pairs].reshape(paired))


def together(counts: NDArray[Any], size: int) -> Numbers:
    """Sums over each `size` of the first axis, without what is left over at the end."""
    blocks = len(counts) // size
    summed: Numbers = counts[: blocks * size].reshape(blocks, size, *counts.shape[1:]).sum(axis=1)
    return summed


def _at_block_length(blocks: ArmCounts, *, rare: bool) -> Amount:
    """The estimate at one block length; 1 unless it stands out of its own sampling noise."""
    n, e = blocks.requests, blocks.bad
    requests, bad = n.sum(axis=1, keepdims=True), e.sum(axis=1, keepdims=True)
    telling = (n > 0) & (bad > 0) & (rare | (bad < requests))
    expected = np.where(telling, n * bad, 1.0) / np.where(telling, requests, 1.0)
    variance = expected if rare else expected * np.where(telling, 1 - bad / np.maximum(requests, _TINY), 1.0)
    chi_square = np.where(telling, (e - expected) ** 2 / variance, 0.0).sum(axis=(0, 1))
    freedom = np.maximum(telling.sum(axis=1) - 1, 0).sum(axis=0)
    stands_out = chi_square > freedom + 3 * np.sqrt(2 * freedom)
    return np.where(stands_out & (freedom > 0), chi_square / np.maximum(freedom, 1), 1.0)


def _of_requests(requests: Numbers, counted: NDArray[np.bool_], size: int) -> float:
    """The estimate at one block length, of pods that were there for the whole of a block."""
    there = together(counted, size) == size
    n = together(requests, size) * there
    pace = np.ones(len(n))
    # Proportional fitting: a pod's size and a block's pace explain each other where pods came and went.
    for _ in range(_FITTING_ROUNDS):
        part = n.sum(axis=0) / np.maximum(pace @ there, _TINY)
        pace = n.sum(axis=1) / np.maximum(there @ part, _TINY)
    expected = np.outer(pace, part) * there
    telling = expected > 0
    chi_square = np.sum((n - expected)[telling] ** 2 / expected[telling])
    freedom = np.maximum(telling.sum(axis=1) - 1, 0).sum() - (telling.any(axis=0).sum() - 1)
    return float(chi_square / freedom) if freedom > 0 else 1.0
