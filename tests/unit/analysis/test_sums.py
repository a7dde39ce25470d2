"""Servers that count the good and the bad apart are judged as if they had counted all of them."""

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.policy import Counter
from serin.domain.analysis.request import Channel
from tests.unit.analysis.worlds import World, errors, judged, policy, request, served

WHOLE = request(policy(errors()))
APART = request(policy(errors(requests=Counter(metric="good_total|bad_total"))))


def named(series: Series, name: str) -> Series:
    return series._replace(labels={**series.labels, "__name__": name})


def apart(world: World) -> World:
    """The same traffic, its requests stored as two metrics of the same labels."""
    parts: list[Series] = []
    for series in world[Channel("errors", Role.REQUESTS)]:
        bad = tuple((t, float(int(value) // 3)) for t, value in series.samples)
        good = tuple((t, value - less) for (t, value), (_, less) in zip(series.samples, bad, strict=True))
        parts.append(named(series._replace(samples=good), "good_total"))
        parts.append(named(series._replace(samples=bad), "bad_total"))
    return {**world, Channel("errors", Role.REQUESTS): parts}


def test_sum_of_two_metrics_is_counted_as_their_total() -> None:
    world = served(WHOLE)

    [whole], [sums] = judged(WHOLE, world).signals, judged(APART, apart(world)).signals

    assert sums.canary.events > 1000
    assert (round(sums.canary.events, 6), round(sums.stable.events, 6)) == (
        round(whole.canary.events, 6),
        round(whole.stable.events, 6),
    )
