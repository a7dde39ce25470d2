"""phi on histories whose clustering is known."""

import random

import numpy as np
import pytest

from serin.domain.analysis.dispersion import (
    UNKNOWN,
    Block,
    Swings,
    by_pod,
    dispersion,
    dispersion_of,
    request_swings,
)
from serin.domain.analysis.evidence import ArmCounts
from tests.unit.analysis.worlds import binomial


def history(*, pods: int, cluster: int = 1, incident: bool = False, intervals: int = 240) -> list[Block]:
    """100 requests per pod and interval, 2 % bad, bad ones in groups of `cluster`."""
    dice = random.Random(7)
    return [
        {
            f"pod-{k}": ArmCounts(
                100, cluster * binomial(dice, 100 // cluster, 0.5 if incident and t == 50 else 0.02)
            )
            for k in range(pods)
        }
        for t in range(intervals)
    ]


def test_independent_events_are_exactly_one() -> None:
    assert dispersion(history(pods=4), interval=15) == 1
    assert dispersion(history(pods=1), interval=15) == 1


def test_clusters_of_five_are_seen() -> None:
    assert 3.5 < dispersion(history(pods=4, cluster=5), interval=15) < 8
    assert 3.5 < dispersion(history(pods=1, cluster=5), interval=15) < 10


def test_what_all_pods_share_is_no_noise() -> None:
    assert dispersion(history(pods=4, incident=True), interval=15) == 1


def test_nine_minutes_are_too_few_to_tell() -> None:
    assert dispersion(history(pods=4, intervals=36), interval=15) == UNKNOWN
    assert dispersion([], interval=15) == UNKNOWN


def test_an_hour_without_a_bad_request_is_taken_for_independent() -> None:
    quiet = [{"pod-0": ArmCounts(100, 0), "pod-1": ArmCounts(90, 0)}] * 240

    assert dispersion(quiet, interval=15) == 1


def test_intervals_without_requests_are_no_history() -> None:
    idle: list[Block] = [{"pod-0": ArmCounts(), "pod-1": ArmCounts()}] * 240

    assert dispersion(idle, interval=15) == UNKNOWN


def test_pods_that_were_never_counted_are_no_history() -> None:
    nobody: list[Block] = [{}] * 240

    assert dispersion(nobody, interval=15) == UNKNOWN


def test_many_histories_at_once_are_each_of_them() -> None:
    """And by the book: sums over blocks and pods, one at a time."""
    runs = [history(pods=2, cluster=size) for size in (1, 5, 10)]
    counts = [by_pod(run) for run in runs]
    at_once = ArmCounts(
        np.stack([one.requests for one in counts], axis=-1), np.stack([one.bad for one in counts], axis=-1)
    )

    found = dispersion_of(at_once, interval=15)

    assert found == pytest.approx([dispersion(run, interval=15) for run in runs], rel=1e-12)
    assert found[2] == pytest.approx(max(by_the_book(runs[2], size) for size in (1, 4, 20)))


def by_the_book(run: list[Block], size: int) -> float:
    chi_square = freedom = 0.0
    for first in range(0, len(run), size):
        blocks = run[first : first + size]
        counts = [
            [sum(getattr(b[pod], what) for b in blocks) for what in ("requests", "bad")] for pod in run[0]
        ]
        share = sum(e for _, e in counts) / sum(n for n, _ in counts)
        if share > 0:
            chi_square += sum((e - n * share) ** 2 / (n * share) for n, e in counts)
            freedom += len(counts) - 1
    return chi_square / freedom


def requests_of(*pods: float, together: int = 1, intervals: int = 240, kept: int = 1) -> list[Block]:
    """Mean requests of each pod in an interval, which come in groups, as many for some intervals on end."""
    dice = np.random.default_rng(2)
    drawn = [
        {f"pod-{k}": ArmCounts(together * float(dice.poisson(n / together)), 0) for k, n in enumerate(pods)}
        for _ in range(0, intervals, kept)
    ]
    return [block for block in drawn for _ in range(kept)]


def test_unequal_pods_with_requests_one_by_one_are_no_noise() -> None:
    assert request_swings(requests_of(100, 300, 20), interval=15) == Swings(UNKNOWN, UNKNOWN)


def test_requests_in_groups_are_seen() -> None:
    found = request_swings(requests_of(100, 300, 200, together=10), interval=15)

    assert 7 < found.soon < 12
    assert 7 < found.later < 16


def test_three_scrapes_swing_less_than_five_minutes() -> None:
    found = request_swings(requests_of(100, 300, 200, together=10, kept=4, intervals=2400), interval=15)

    assert 20 < found.soon < 30 < found.later < 50


def test_what_goes_on_for_minutes_counts_from_the_first_scrape_on() -> None:
    found = request_swings(requests_of(100, 300, 200, together=10, kept=20), interval=15)

    assert found.soon == found.later > 200


def test_a_pod_that_came_late_is_held_to_its_own_time() -> None:
    early = [
        {pod: counts for pod, counts in block.items() if pod != "pod-2"} for block in requests_of(90, 90, 90)
    ]

    found = request_swings(early[:100] + requests_of(90, 90, 90)[100:], interval=15)

    assert found == Swings(UNKNOWN, UNKNOWN)


def test_parts_of_requests_need_two_pods_and_ten_minutes() -> None:
    unknown = Swings(UNKNOWN, UNKNOWN)

    assert request_swings(requests_of(300, together=10), interval=15) == unknown
    assert request_swings(requests_of(100, 100, together=10, intervals=39), interval=15) == unknown
