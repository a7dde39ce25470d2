"""One attempt's reading: what is read next for whom, in which portions, and how far back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.request import Channel
from serin.domain.analysis.trial import Trial
from serin.domain.names import Key
from serin.runtime.reader import slices
from serin.runtime.rounds import CATCH_UP_INTERVALS, catching_up
from serin.runtime.watch import INGESTION_SECONDS, LATEST_SECONDS, LONGEST_PAUSE, STRETCH_INTERVALS, Watch
from tests.unit.analysis.worlds import STARTED, policy, request

UP = Channel("", Role.SCRAPES)
INTERVAL = 15.0
RULES = policy()


def watch(name: str = "fraud", *, read_to: float = 0.0) -> Watch:
    """Read up to a moment, in seconds since the rollout began."""
    made = Watch(Key("ml", name), "main", Trial(request(RULES, interval=INTERVAL)), next_look=0.0)
    made.read_to = STARTED + read_to
    return made


@given(times=st.lists(st.integers(0, 50), unique=True), edges=st.lists(st.integers(0, 50), unique=True))
def test_slices_hold_every_sample_once_and_in_order(times: list[int], edges: list[int]) -> None:
    series = Series({"pod": "a"}, tuple((float(t), 1.0) for t in sorted(times)))

    parts = list(slices({UP: (series,)}, [float(edge) for edge in sorted(edges)]))

    samples = [one.samples for part in parts for one in part[UP]]
    assert [s for found in samples for s in found] == list(series.samples)
    assert all(found for found in samples)


def test_the_nearest_catch_up_first_and_those_beside_them() -> None:
    near, beside, far = (watch(read_to=-t * INTERVAL) for t in (20, 60, 5000))

    at, together = catching_up([far, beside, near], STARTED)

    assert together == [near, beside]
    assert at == STARTED


def test_a_long_absence_is_caught_up_with_a_stretch_at_a_time() -> None:
    at, together = catching_up([watch(read_to=-5000 * INTERVAL)], STARTED)

    assert at == STARTED + (STRETCH_INTERVALS - 5000) * INTERVAL
    assert len(together) == 1


def test_as_many_catch_up_together_as_is_a_few_seconds_work() -> None:
    hour = [watch(str(number), read_to=-3600.0) for number in range(50)]
    minutes = [watch(str(number), read_to=-300.0) for number in range(500)]

    assert len(catching_up(hour, STARTED)[1]) == CATCH_UP_INTERVALS // 240
    assert len(catching_up(minutes, STARTED)[1]) == CATCH_UP_INTERVALS // 20


def test_a_look_reaches_back_for_late_samples_once_in_four_intervals() -> None:
    one = watch()
    one.learn_lateness({UP: (Series({}, ((STARTED - 3.0, 1.0),)),)})

    reaches = [STARTED - one.oldest(STARTED + INTERVAL * k) for k in range(4)]

    assert sorted(reaches) == [3 + INTERVAL / 2] * 3 + [LATEST_SECONDS]


def test_a_look_reaches_back_to_the_series_that_is_behind() -> None:
    one = watch()
    late, on_time = Series({"pod": "a"}, ((STARTED - 40, 1.0),)), Series({"pod": "b"}, ((STARTED, 1.0),))
    one.learn_lateness({UP: (on_time, late)})

    assert all(one.oldest(STARTED + INTERVAL * k) < STARTED - 40 for k in range(4))


def test_each_attempt_comes_back_at_its_own_time_and_never_too_late() -> None:
    pauses = [[one.pause_after_failure(None) for _ in range(8)] for one in map(watch, map(str, range(50)))]

    assert len({first for first, *_ in pauses}) == 50
    assert all(0.75 * INTERVAL <= first <= INTERVAL for first, *_ in pauses)
    assert all(0.75 * LONGEST_PAUSE <= later[-1] <= LONGEST_PAUSE for _, *later in pauses)


@pytest.mark.parametrize(("wish", "least", "most"), [(60.0, 60.0, 75.0), (86_400.0, 300.0, 300.0)])
def test_a_servers_wish_is_kept_within_reason(wish: float, least: float, most: float) -> None:
    assert least <= watch().pause_after_failure(wish) <= most


def test_a_look_that_began_with_all_there_was_is_current_however_long_it_took() -> None:
    one = watch(read_to=0.0)

    one.begun = STARTED
    assert one.current
    one.begun = STARTED + INTERVAL
    assert not one.current


def test_bad_requests_are_not_asked_for_where_all_requests_are() -> None:
    one = watch()

    asked = {channel.role: learnt for channel, learnt in one.questions}

    assert asked[Role.BAD].asked == asked[Role.REQUESTS].asked
    assert asked[Role.BAD].matchers == (("code", "=~", "5.."),)


def test_the_time_from_scrape_to_sample_is_learnt_and_forgotten() -> None:
    one = watch()
    one.pause(STARTED, None)
    one.pause(STARTED + INTERVAL + 1, None)
    one.pause(STARTED + 2 * INTERVAL + 9, None)
    learnt = one.lag
    for boundary in range(100):
        one.pause(STARTED + 60, float(boundary))

    assert learnt == 8.0 + INGESTION_SECONDS
    assert one.lag == INGESTION_SECONDS
