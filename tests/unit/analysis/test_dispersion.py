"""phi on histories whose clustering is known."""

import random

from serin.domain.analysis.dispersion import UNKNOWN, Block, dispersion
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
