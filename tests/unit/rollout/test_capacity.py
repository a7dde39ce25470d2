"""Worked examples of how many pods a share takes."""

import pytest

from serin.domain.capacity import achieved_weight, counted_pods, routed_pods


@pytest.mark.parametrize(
    ("weight", "size", "pods"),
    [(5, 1, 1), (5, 20, 1), (5, 21, 2), (25, 4, 1), (26, 4, 2), (99, 4, 4), (50, 3, 2), (20, 0, 0)],
)
def test_a_routed_share_takes_the_same_share_of_pods_rounded_up(weight: int, size: int, pods: int) -> None:
    assert routed_pods(weight, size) == pods


@pytest.mark.parametrize(
    ("weight", "size", "pods", "share"),
    [
        (25, 3, 1, 25),
        (20, 3, 1, 25),
        (20, 4, 1, 20),
        (50, 3, 3, 50),
        (60, 2, 3, 60),
        (5, 19, 1, 5),
        (5, 1, 1, 50),
    ],
)
def test_counted_pods_come_closest_without_exceeding_unless_one_does(
    weight: int, size: int, pods: int, share: int
) -> None:
    assert counted_pods(weight, size) == pods
    assert achieved_weight(pods, size) == share


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("weight", range(1, 100))
def test_no_more_pods_would_fit_below_the_weight(weight: int, size: int) -> None:
    fitting = [pods for pods in range(1, 1200) if 100 * pods <= weight * (pods + size)]

    assert counted_pods(weight, size) == max(fitting, default=1)


def test_no_canary_pods_have_no_share() -> None:
    assert achieved_weight(0, 3) == 0
