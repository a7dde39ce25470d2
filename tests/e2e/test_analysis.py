"""What the judge makes of a canary, on the whole of it: what is harmful is taken back, what is not is not."""

import asyncio
import random
from typing import Any, Final

import aiohttp

from tests.cluster.prometheus import TWICE
from tests.cluster.resources import Object
from tests.cluster.waiting import until
from tests.e2e.side_by_side import WEIGHT, Ground, on_trial, side_by_side

LATENCY: Final[Object] = {"name": "latency", "slowerThanMilliseconds": 100}
SLOWDOWN: Final[Object] = {"name": "slowdown", "maxSlowdown": "3"}
SCORES: Final[Object] = {"name": "scores", "histogram": "app_score_bucket", "maxShift": "0.05"}
FALLBACKS: Final[Object] = {
    "name": "fallbacks",
    "requests": "app_predictions_total",
    "bad": 'app_predictions_total{outcome="fallback"}',
}
MASKED: Final[Object] = {
    "name": "masked",
    "requests": "app_predictions_total",
    "bad": 'app_predictions_total{outcome="error"}',
}
NOTHING: Final[Object] = {
    "name": "nothing",
    "requests": "app_nothing_total",
    "bad": 'app_nothing_total{outcome="error"}',
}


@side_by_side
async def test_more_errors_are_taken_back(ground: Ground) -> None:
    async with on_trial(ground, "errors", canary={"error_rate": 0.3}) as trial:
        rejected = await trial.taken_back()

    assert rejected["signal"] == "errors"
    assert rejected["canary"]["bad"] > 0


@side_by_side
async def test_a_slower_version_is_taken_back(ground: Ground) -> None:
    slower = {"slow_rate": 0.5, "slow_seconds": 0.2}
    async with on_trial(ground, "latency", LATENCY, canary=slower) as trial:
        rejected = await trial.taken_back()

    assert rejected["signal"] == "latency"


@side_by_side
async def test_a_version_that_takes_many_times_as_long_is_taken_back(ground: Ground) -> None:
    fast, slow = {"latency_seconds": 0.01}, {"latency_seconds": 0.5}
    async with on_trial(ground, "slowdown", SLOWDOWN, stable=fast, canary=slow) as trial:
        rejected = await trial.taken_back()

    assert rejected["signal"] == "slowdown"


@side_by_side
async def test_other_scores_are_taken_back(ground: Ground) -> None:
    async with on_trial(ground, "scores", SCORES, canary={"score_shape": 6.0}) as trial:
        rejected = await trial.taken_back()

    assert rejected["signal"] == "scores"


@side_by_side
async def test_more_fallbacks_are_taken_back(ground: Ground) -> None:
    async with on_trial(
        ground, "fallbacks", FALLBACKS, stable={"fallback_every": 20}, canary={"fallback_every": 2}
    ) as trial:
        rejected = await trial.taken_back()

    assert rejected["signal"] == "fallbacks"


@side_by_side
async def test_what_is_tried_in_a_dry_run_takes_nothing_back(ground: Ground) -> None:
    signals = ({"name": "errors"}, {**FALLBACKS, "dryRun": True})
    async with on_trial(ground, "dry", *signals, canary={"fallback_every": 2}) as trial:
        await trial.promoted()


@side_by_side
async def test_errors_behind_a_200_are_taken_back_by_their_own_counter(ground: Ground) -> None:
    async with on_trial(ground, "masked", MASKED, canary={"masked_every": 3}) as trial:
        rejected = await trial.taken_back()

    assert rejected["signal"] == "masked"


@side_by_side
async def test_a_slow_start_of_each_new_pod_is_not_taken_back(ground: Ground) -> None:
    cold = {"cold_seconds": 8.0, "slow_seconds": 0.3}
    shape: dict[str, Any] = {"replicas": 2, "steps": {WEIGHT: 1, 75: 1}, "warm_up": 12}
    async with on_trial(ground, "cold", LATENCY, stable=cold, canary=cold, **shape) as trial:
        await trial.promoted()


@side_by_side
async def test_an_incident_of_both_is_not_taken_back(ground: Ground) -> None:
    async with on_trial(ground, "incident", steps={WEIGHT: 90}) as trial:
        both = (await trial.under_way(), trial.stable)
        # By turns, not by chance: of few errors one version has twice the other's now and then, and then it
        # takes very long until that is ruled out.
        for revision in both:
            await trial.behave(revision, error_every=2)
        await trial.until_said("SharedIncident")
        for revision in both:
            await trial.behave(revision, error_every=0)
        await trial.promoted()


@side_by_side
async def test_a_canary_without_users_waits_for_them(ground: Ground) -> None:
    async with on_trial(ground, "idle") as trial:
        await trial.asking.stop()
        await trial.under_way()
        await trial.held()
        await trial.until_said_last("AwaitingTraffic")


@side_by_side
async def test_a_restart_of_prometheus_is_not_taken_back(ground: Ground) -> None:
    async with on_trial(ground, "blind", steps={WEIGHT: 20}) as trial:
        await trial.under_way()
        await ground.prometheus.stop()
        await trial.until_said("PrometheusUnreachable")
        await ground.prometheus.start()
        await trial.promoted()


@side_by_side
async def test_a_pod_that_is_scraped_twice_is_counted_once(ground: Ground) -> None:
    async with on_trial(ground, "twice", annotations=TWICE, steps={WEIGHT: 20}) as trial:
        canary = await trial.under_way()
        seen = await trial.promoted()

        async def jobs() -> list[dict[str, Any]]:
            try:
                scraped = f'last_over_time(up{{pod=~"{canary}-.+"}}[10m])'
                return await ground.prometheus.query(f"count by (job) ({scraped})")
            except aiohttp.ClientError:
                return []  # another test has stopped it for a while

        await until(jobs, lambda found: len(found) == 2, what="two jobs")

    answered = trial.asking.results.by_revision()["2"]
    counted = [one["canary"]["events"] for one in seen["status"]["analysis"]["signals"]]
    assert all(0 < count <= answered for count in counted), (counted, answered)


@side_by_side
async def test_a_metric_that_is_missing_promotes_nothing(ground: Ground) -> None:
    async with on_trial(ground, "missing", NOTHING, {"name": "errors"}) as trial:
        await trial.under_way()
        await trial.held()
        await trial.until_said_last("NoSamples")


@side_by_side
async def test_kills_of_the_operator_change_no_decision(ground: Ground) -> None:
    """Everything beside it lives through them too."""
    dice = random.Random(4)
    async with on_trial(ground, "kills", canary={"error_rate": 0.3}, per_second=5) as trial:
        await trial.under_way()
        for _ in range(3):
            await asyncio.sleep(dice.uniform(0, 5))
            await ground.serin.restart()
        rejected = await trial.taken_back()

    assert rejected["signal"] == "errors"
