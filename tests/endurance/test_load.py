"""A pod above its share is found, and chance is not taken for one."""

from tests.cluster.traffic import Fate, Sent
from tests.endurance.load import heaviest, overloads


def sent(counts: dict[str, int]) -> list[Sent]:
    return [
        Sent(at=10.0, seconds=0.01, fate=Fate.OK, served_by=pod)
        for pod, count in counts.items()
        for _ in range(count)
    ]


def test_equal_shares_are_nobodys_overload() -> None:
    assert list(overloads(sent({"a": 110, "b": 95, "c": 95}), size=3)) == []


def test_one_pod_in_place_of_three_is_found() -> None:
    (found,) = overloads(sent({"a": 300}), size=3)

    assert (found.pod, found.requests, found.share) == ("a", 300, 100)
    assert heaviest(sent({"a": 300}), size=3) == 3.0


def test_a_canary_with_more_weight_than_pods_is_found() -> None:
    crowded = sent({"canary": 180, "a": 40, "b": 40, "c": 40})

    assert [one.pod for one in overloads(crowded, size=3)] == ["canary"]
