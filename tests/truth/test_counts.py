"""The counts that the judge gives to each revision are those that its processes wrote into their logs."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.truth.fleet import SCRAPE_SECONDS
from tests.truth.judge import STABLE
from tests.truth.logs import PodTruth
from tests.truth.stage import FIRST, Played

ONE_FEED = tuple(sorted(name for name in FIRST if name not in (STABLE, "fraud-twice")))
"""Canaries that one job of one Prometheus scrapes: what that knew at each moment is known here."""
SILENCE = 6 * SCRAPE_SECONDS
"""From the end of one feed until another has taken over, been scraped, and counts again."""
exactly = pytest.approx  # counts are sums of parts, and so right to the last few digits only


def judged(played: Played, canary: str) -> Iterator[tuple[float, dict[str, Any]]]:
    """Every boundary the undisturbed judge spoke of, and what it said of each signal."""
    for one in played.said["undisturbed"]:
        if one["canary"] == canary and (one["boundary"] or 0.0) > played.started:
            yield one["boundary"], {signal["name"]: signal for signal in one["signals"]}


def bad_counts(assessment: dict[str, Any]) -> list[dict[str, Any]]:
    """The signals that count bad requests."""
    return [signal for signal in assessment["signals"] if signal["name"] != "scores"]


def grown(pods: list[PodTruth], kind: str, *, since: float, until: float) -> float:
    return sum(pod.grown(kind, since, until, interval=SCRAPE_SECONDS) for pod in pods)


@pytest.mark.parametrize("canary", ONE_FEED)
@pytest.mark.parametrize("arm", ["canary", "stable"])
def test_counts_equal_the_logs_at_every_boundary(played: Played, canary: str, arm: str) -> None:
    pods = list(played.truth[canary if arm == "canary" else STABLE].values())
    boundaries = list(judged(played, canary))
    assert len(boundaries) > 10

    for boundary, told in boundaries:
        window = {"since": played.started, "until": boundary}
        scores = told.pop("scores")
        assert scores[arm]["events"] == exactly(grown(pods, "scored", **window))
        for kind, signal in told.items():
            assert signal[arm]["events"] == exactly(grown(pods, "requests", **window))
            assert signal[arm]["bad"] == exactly(grown(pods, kind, **window), abs=1e-6)


@pytest.mark.parametrize("canary", ["fraud-calm", "fraud-frozen", "fraud-slow", "fraud-first"])
def test_every_bad_request_is_counted_where_no_process_ends(played: Played, canary: str) -> None:
    pods = played.truth[canary].values()

    for signal in bad_counts(played.last(canary)):
        done = sum(pod.logged(signal["name"]) for pod in pods)
        assert signal["canary"]["bad"] == exactly(done, abs=1e-6)


@pytest.mark.parametrize("canary", ["fraud-killed", "fraud-replaced", "fraud-overtaken"])
def test_only_what_followed_the_last_scrape_of_a_process_is_lost(played: Played, canary: str) -> None:
    pods = played.truth[canary].values()

    for signal in bad_counts(played.last(canary)):
        seen = sum(pod.seen(signal["name"]) for pod in pods)
        assert signal["canary"]["bad"] == exactly(seen, abs=1e-6)
    lost = sum(pod.logged("requests") - pod.seen("requests") for pod in pods)
    assert 0 <= lost < sum(pod.logged("requests") for pod in pods) / 10


def test_what_two_jobs_scrape_is_counted_once(played: Played) -> None:
    (pod,) = played.truth["fraud-twice"].values()
    last = played.last("fraud-twice")

    for signal in bad_counts(last):
        assert signal["canary"]["bad"] == exactly(pod.logged(signal["name"]), abs=1e-6)
    least, most = within_a_scrape(pod, played.started, last["boundary"])
    assert least <= last["signals"][0]["canary"]["events"] <= most


def test_what_a_pair_of_prometheus_writes_to_a_third_is_counted_once(played: Played) -> None:
    """While one is away the other's samples take over, after a silence of three scrapes. What one revision
    did in an interval in which the other was not seen is compared with nothing, and belongs to no count.
    """
    (pod,) = played.truth["fraud-pair"].values()
    last = played.last("fraud-pair", "pair")

    for signal in bad_counts(last):
        windows = [(at - SCRAPE_SECONDS, at + SILENCE) for at in played.outages]
        lost = sum(pod.logged(signal["name"], since=since, until=until) for since, until in windows)
        assert pod.logged(signal["name"]) - lost <= signal["canary"]["bad"] + 1e-6
        assert signal["canary"]["bad"] <= pod.logged(signal["name"]) + 1e-6
    _, most = within_a_scrape(pod, played.started, last["boundary"])
    assert most / 2 < last["signals"][0]["canary"]["events"] <= most


def within_a_scrape(pod: PodTruth, since: float, until: float) -> tuple[int, int]:
    """Bounds on its requests between two moments for whoever scrapes at times of his own."""
    apart = 1.1 * SCRAPE_SECONDS
    return (
        pod.logged("requests", since=since + apart, until=until - apart),
        pod.logged("requests", since=since - apart, until=until + apart),
    )


def test_the_first_errors_count(played: Played) -> None:
    (pod,) = played.truth["fraud-first"].values()
    counts = {one["name"]: one["canary"]["bad"] for one in played.last("fraud-first")["signals"]}

    assert pod.logged("errors") >= 12
    assert counts["errors"] == exactly(pod.logged("errors"))
