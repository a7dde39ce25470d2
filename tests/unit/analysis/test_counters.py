"""Each rule of reading raw counters, on samples written by hand: one target, scraped every 10 s."""

from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.domain.analysis.counters import Arm, Cell, Role, Sample
from serin.domain.analysis.quality import quality
from serin.domain.analysis.targets import Target

REQUESTS, BAD = (Cell("errors", role, Arm.CANARY) for role in (Role.REQUESTS, Role.BAD))
UP, START = (Cell("", role, Arm.CANARY) for role in (Role.SCRAPES, Role.START))
COUNT, SHORT, LONG = (Cell("scores", Role.NATIVE, Arm.CANARY, bound) for bound in (inf, 0.5, 2.0))
ORDER = {UP: 0, START: 1, REQUESTS: 2, BAD: 3, COUNT: 4, SHORT: 4, LONG: 4}
CELLS = {
    "up": UP,
    "start": START,
    "requests": REQUESTS,
    "bad": BAD,
    "count": COUNT,
    "short": SHORT,
    "long": LONG,
}
JOB, OTHER_JOB = ("job=models",), ("job=twin",)


def target(
    *, ready: float | None = None, feed: tuple[str, ...] = JOB, **series: dict[float, float]
) -> Target:
    """A target that has heard series by name, each as value by time."""
    made = Target(interval=10)
    made.ready = ready
    hear(made, feed=feed, **series)
    return made


def hear(one: Target, *, feed: tuple[str, ...] = JOB, **series: dict[float, float]) -> None:
    for name, samples in series.items():
        cell = CELLS[name.rstrip("_")]
        tell(one, feed, ORDER[cell], name, cell=cell, samples=sorted(samples.items()))
    one.settle()


def tell(
    one: Target, feed: tuple[str, ...], order: int, name: str, *, cell: Cell, samples: list[Sample]
) -> None:
    way = one.feed(feed)
    one.hear(way, order, way.stream(name, cell), samples=samples)


def up(*times: float) -> dict[float, float]:
    return dict.fromkeys(times, 1.0)


def grown(one: Target, cell: Cell, start: float, end: float) -> float:
    return one.between(start, end).cells.get(cell, 0.0)


def test_growth_is_interpolated_at_boundaries() -> None:
    one = target(requests={104: 0, 114: 10, 124: 110})

    assert grown(one, REQUESTS, 110, 120) == pytest.approx(4 + 60)


def test_a_target_that_ran_before_counts_from_its_first_value() -> None:
    one = target(requests={100: 7_000_000, 110: 7_000_012})

    assert grown(one, REQUESTS, 90, 110) == 12


def test_a_pod_just_born_counts_from_zero() -> None:
    one = target(ready=95, requests={100: 9, 110: 12})

    assert grown(one, REQUESTS, 90, 110) == 12


def test_a_pod_first_scraped_long_after_its_birth_counts_from_its_first_value() -> None:
    one = target(ready=0, requests={100: 9_000, 110: 9_012})

    assert grown(one, REQUESTS, 90, 110) == 12


def test_the_first_error_counts() -> None:
    one = target(up=up(100, 110, 120), requests={100: 50, 110: 60, 120: 70}, bad={120: 3})

    assert grown(one, BAD, 110, 120) == 3


def test_the_first_request_counts_where_only_up_told_of_the_target() -> None:
    one = target(up=up(100, 110, 120), requests={120: 8})

    assert grown(one, REQUESTS, 110, 120) == 8


def test_a_series_that_went_away_comes_back_from_zero() -> None:
    one = target(up=up(100, 110, 120), requests={100: 50, 110: 60, 120: 70}, bad={100: 4, 120: 6})

    assert grown(one, BAD, 100, 120) == 6


def test_nan_is_not_absence() -> None:
    one = target(up=up(100, 110, 120), requests={100: 50, 110: nan, 120: 70}, bad={100: 4, 110: 4, 120: 6})

    assert grown(one, REQUESTS, 100, 120) == 20
    assert one.spoilt == [110]


@pytest.mark.parametrize("value", [nan, inf, -inf, -3.0])
def test_what_no_counter_says_is_dropped(value: float) -> None:
    one = target(requests={100: 50, 110: value, 120: 70})

    assert grown(one, REQUESTS, 100, 120) == 20


def test_if_one_counter_falls_all_of_the_process_began_anew() -> None:
    one = target(requests={100: 50, 110: 60}, bad={100: 30, 110: 2})

    assert (grown(one, REQUESTS, 100, 110), grown(one, BAD, 100, 110)) == (60, 2)


def test_a_reset_of_a_single_counter_counts_what_it_shows_since() -> None:
    one = target(requests={100: 50, 110: 8, 120: 18})

    assert grown(one, REQUESTS, 100, 120) == 18


def test_a_counter_that_overtook_its_old_value_is_known_by_the_start_of_its_process() -> None:
    told = target(start={100: 7.0, 110: 7.0, 120: 112.0}, requests={100: 50, 110: 60, 120: 80})
    untold = target(requests={100: 50, 110: 60, 120: 80})

    assert grown(told, REQUESTS, 100, 120) == 10 + 80
    assert grown(untold, REQUESTS, 100, 120) == 10 + 20


def test_a_start_that_moves_with_the_clock_is_no_restart() -> None:
    """Computed anew at each scrape, by a node whose clock is set now and then."""
    one = target(start={1000: 7.0, 1010: 7.4, 1020: 12.0, 1030: 9.0}, requests={1000: 50, 1030: 80})

    assert grown(one, REQUESTS, 1000, 1030) == 30


def test_a_start_that_is_not_told_any_more_changes_nothing() -> None:
    one = target(start={100: 7.0, 110: nan}, requests={100: 50, 110: 60, 120: 70, 130: 5})

    assert grown(one, REQUESTS, 100, 130) == 25


def test_a_counter_that_is_cleared_by_a_process_that_goes_on_restarts_alone() -> None:
    began = dict.fromkeys((100.0, 110.0, 120.0), 7.0)
    one = target(start=began, requests={100: 500, 110: 510, 120: 520}, bad={100: 30, 110: 2, 120: 3})

    assert (grown(one, REQUESTS, 100, 120), grown(one, BAD, 100, 120)) == (20, 3)


def test_a_restart_in_a_gap_counts_what_came_since() -> None:
    one = target(start={100: 7.0, 120: 111.0}, up=up(100, 120), requests={100: 50, 120: 90}, bad={100: 4})
    hear(one, up=up(130), requests={130: 95}, bad={130: 3})

    assert (grown(one, REQUESTS, 100, 130), grown(one, BAD, 100, 130)) == (95, 3)


def test_series_whose_labels_are_changed_go_on_where_they_stood() -> None:
    """Another label is added to all that is stored: every series ends, and another one begins."""
    one = target(requests={100: 5_000, 110: 5_010}, bad={100: 50, 110: 51})
    hear(one, requests_={120: 5_030, 130: 5_040}, bad_={120: 53, 130: 53})

    assert (grown(one, REQUESTS, 100, 130), grown(one, BAD, 100, 130)) == (40, 3)


def test_what_comes_after_a_restart_with_other_labels_is_counted_from_zero() -> None:
    """It answers nothing but errors now; there is no start to be told."""
    one = target(requests={100: 5_000, 110: 5_010})
    hear(one, requests_={120: 30, 130: 40}, bad={120: 30, 130: 40})

    assert (grown(one, REQUESTS, 110, 130), grown(one, BAD, 110, 130)) == (40, 40)


def test_the_first_error_counts_after_a_long_silence_too() -> None:
    """However far the boundaries have got by then, so that a recomputation finds the same."""
    one = target(requests={100: 50, 110: 60})
    one.forget(1000)
    hear(one, requests={1100: 100, 1110: 100}, bad={1100: 7, 1110: 7})

    assert grown(one, BAD, 1000, 1110) == 7


def test_a_new_series_beside_those_before_is_counted_from_zero() -> None:
    one = target(requests={100: 50, 110: 60, 120: 70}, requests_={120: 500})

    assert grown(one, REQUESTS, 110, 120) == 510


def test_the_start_alone_is_no_counter_to_follow() -> None:
    one = target(start={100: 7.0, 110: 7.0, 120: 7.0})
    hear(one, feed=OTHER_JOB, up=up(100, 110, 120), requests={100: 1, 110: 2, 120: 3})

    assert grown(one, REQUESTS, 100, 120) == 2


def test_buckets_of_a_native_histogram_that_are_not_sent_hold_nothing() -> None:
    one = target(count={100: 5, 110: 9, 120: 12}, short={100: 5, 110: 8, 120: 8}, long={110: 1, 120: 4})

    assert (grown(one, COUNT, 100, 120), grown(one, SHORT, 100, 120), grown(one, LONG, 100, 120)) == (7, 3, 4)


def test_a_native_histogram_that_starts_anew_restarts_alone() -> None:
    one = target(
        requests={100: 1_000_000, 110: 1_000_010},
        count={100: 50, 110: 4},
        short={100: 50, 110: 1},
        long={110: 3},
    )

    assert (grown(one, COUNT, 100, 110), grown(one, SHORT, 100, 110), grown(one, LONG, 100, 110)) == (4, 1, 3)
    assert grown(one, REQUESTS, 100, 110) == 10


def test_buckets_that_are_joined_leave_out_one_interval() -> None:
    """All of the short ones stand among the long ones from 110 on."""
    one = target(count={100: 50, 110: 54, 120: 60}, short={100: 30, 110: 2}, long={100: 20, 110: 52, 120: 57})
    first, second = one.between(100, 110).cells, one.between(110, 120).cells

    assert (first[COUNT], first[SHORT], first[LONG]) == (0, 0, 0)
    assert (second[COUNT], second[LONG]) == (6, 5)


def test_a_process_that_begins_anew_takes_its_histograms_along() -> None:
    one = target(requests={100: 50, 110: 3}, count={100: 5, 110: 8}, short={100: 5, 110: 8})

    assert (grown(one, COUNT, 100, 110), grown(one, SHORT, 100, 110)) == (8, 8)


def test_a_sample_that_comes_after_its_scrape_was_read_is_told() -> None:
    one = target(up=up(100, 110, 120), requests={100: 0, 110: 10, 120: 20})
    hear(one, up=up(110, 120), bad={110: 1, 120: 2})
    before = one.late
    hear(one, up=up(120, 130), requests={110: 10, 120: 20, 130: 30}, bad={110: 1, 120: 2, 130: 3})

    assert (before, one.late) == (2, 2)


def test_a_sample_that_comes_after_later_ones_of_its_series_is_told_once() -> None:
    one = target(requests={100: 0, 110: 10, 130: 30})
    for _ in range(2):
        hear(one, requests={110: 10, 120: 25, 130: 30, 140: 40})

    assert one.late == 1
    assert grown(one, REQUESTS, 100, 140) == 40


def test_samples_on_time_are_not_late_in_a_duplicate_either() -> None:
    one = target(requests={100.0 + 10 * k: k for k in range(5)})
    hear(one, feed=OTHER_JOB, requests={103.0 + 10 * k: k for k in range(4)})

    assert one.late == 0


def test_a_failed_scrape_is_not_a_scrape() -> None:
    one = target(up={100: 1, 110: 0, 120: 1}, requests={100: 50, 120: 70})

    assert one.scrapes == [100, 120]
    assert grown(one, REQUESTS, 100, 110) == 10


def test_two_missed_scrapes_are_interpolated() -> None:
    one = target(requests={100: 0, 130: 30})

    assert grown(one, REQUESTS, 100, 110) == 10


def test_what_happened_in_a_silence_lands_an_interval_after_the_target_is_seen_again() -> None:
    one = target(requests={100: 0, 110: 10, 150: 90, 160: 95})

    assert grown(one, REQUESTS, 110, 120) == grown(one, REQUESTS, 140, 150) == 0
    assert one.between(150, 160).cells[REQUESTS] == 85
    assert one.between(150, 160).since == 110


def test_a_boundary_that_did_not_wait_for_the_first_scrape_after_a_silence_loses_nothing() -> None:
    one = target(requests={100: 0, 110: 10})
    decided = [grown(one, REQUESTS, end - 10, end) for end in (110, 120, 130, 140, 150, 160)]
    one.forget(160)

    hear(one, requests={158: 90, 168: 95, 178: 100})
    decided.append(grown(one, REQUESTS, 160, 170))

    assert sum(decided) == pytest.approx(95 + 1)


def test_two_jobs_that_scrape_one_process_count_once() -> None:
    one = target(requests={100: 0, 110: 10, 120: 20})
    hear(one, feed=OTHER_JOB, requests={103: 3, 113: 13, 123: 23})

    assert grown(one, REQUESTS, 100, 120) == 20


def test_when_a_job_ends_the_other_goes_on_without_a_gap_in_counts() -> None:
    one = target(requests={100: 0, 110: 10})
    hear(one, feed=OTHER_JOB, requests={103 + 10 * k: 3.0 + 10 * k for k in range(10)})

    assert one.latest == 193
    assert grown(one, REQUESTS, 100, 193) == pytest.approx(93)


def test_what_one_job_drops_is_read_of_the_one_that_keeps_it() -> None:
    one = twice_scraped(keeps={103.0 + 10 * k: 500.0 + k for k in range(10)})

    assert grown(one, BAD, 123, 193) == pytest.approx(7)
    assert grown(one, BAD, 90, 193) < 10, "what was there before it was first read"
    assert grown(one, REQUESTS, 100, 190) == pytest.approx(90)


def test_a_job_that_keeps_more_and_ends_leaves_the_other_one_to_go_on() -> None:
    one = twice_scraped(keeps={103: 1, 113: 2, 123: 3})

    assert one.latest == 190
    assert grown(one, REQUESTS, 100, 190) == pytest.approx(90)


def test_an_error_that_one_replica_sees_first_counts_once() -> None:
    one = twice_scraped(keeps={133.0 + 10 * k: 1 for k in range(7)}, scrapes=10)

    assert grown(one, BAD, 100, 190) == 1
    assert grown(one, REQUESTS, 100, 190) == pytest.approx(90)


def twice_scraped(*, keeps: dict[float, float], scrapes: int = 0) -> Target:
    """By a job that drops bad requests, and three seconds later by one that keeps them."""
    one = Target(interval=10)
    tell(one, JOB, 2, "requests", cell=REQUESTS, samples=[(100.0 + 10 * k, 10.0 * k) for k in range(10)])
    kept = [(103.0 + 10 * k, 3.0 + 10 * k) for k in range(scrapes or len(keeps))]
    tell(one, OTHER_JOB, 2, "requests", cell=REQUESTS, samples=kept)
    tell(one, OTHER_JOB, 3, "bad", cell=BAD, samples=sorted(keeps.items()))
    one.settle()
    return one


def test_samples_told_twice_count_once() -> None:
    one = target(requests={100: 0, 110: 10, 120: 20})
    hear(one, requests={110: 10, 120: 20, 130: 30})

    assert grown(one, REQUESTS, 100, 130) == 30


def test_a_scrape_that_a_later_query_knew_first_is_no_absence() -> None:
    """The first query was answered before the scrape at 120 and the second after it."""
    one = target(up=up(100, 110), requests={100: 5, 110: 10, 120: 20}, bad={100: 1, 110: 1})

    hear(one, up=up(110, 120, 130), requests={110: 10, 120: 20, 130: 30}, bad={110: 1, 120: 2, 130: 2})

    assert (grown(one, REQUESTS, 100, 130), grown(one, BAD, 100, 130)) == (25, 1)


def test_series_of_one_kind_add_up() -> None:
    one = target(requests={100: 0, 110: 10}, requests_={100: 5, 110: 6})

    assert grown(one, REQUESTS, 100, 110) == 11


counts = st.lists(st.integers(0, 50), min_size=2, max_size=30)


@given(counts, st.lists(st.integers(1, 30), max_size=5))
def test_growth_is_what_happened_however_it_was_told(steps: list[int], cuts: list[int]) -> None:
    values = [sum(steps[: k + 1]) for k in range(len(steps))]
    samples: list[Sample] = [(100.0 + 10 * k, float(v)) for k, v in enumerate(values)]
    at_once, in_parts = Target(interval=10), Target(interval=10)

    tell(at_once, JOB, 1, "requests", cell=REQUESTS, samples=samples)
    at_once.settle()
    for told, cut in pairwise((0, *sorted(cuts))):
        tell(in_parts, JOB, 1, "requests", cell=REQUESTS, samples=samples[max(0, told - 2) : cut])
        in_parts.settle()
    tell(in_parts, JOB, 1, "requests", cell=REQUESTS, samples=samples)
    in_parts.settle()

    end = samples[-1][0]
    for start in range(100, int(end), 7):
        assert in_parts.between(start, end) == at_once.between(start, end)
    assert grown(at_once, REQUESTS, 100, end) == values[-1] - values[0]


def test_half_of_the_scrapes_missing_is_told() -> None:
    sparse = target(requests={100.0 + 30 * k: k for k in range(12)})
    whole = target(requests={100.0 + 10 * k: k for k in range(36)})

    assert quality([sparse], 430.0) == (True, False)
    assert quality([whole], 430.0) == (False, False)


def test_a_fifth_of_the_samples_spoilt_is_told() -> None:
    mixed = target(requests={100.0 + 10 * k: nan if k % 4 == 0 else k for k in range(36)})

    assert quality([mixed], 430.0) == (False, True)


def test_what_falls_again_and_again_is_no_counter() -> None:
    gauge = target(requests={100.0 + 10 * k: (7 * k) % 5 for k in range(36)})
    restarted_twice = target(requests={100.0 + 10 * k: 3 * (k % 14) for k in range(36)})

    assert quality([gauge], 430.0) == (False, True)
    assert quality([restarted_twice], 430.0) == (False, False)
