"""Routers that lie and servers that ail: nothing is promoted by it, and nothing goes round in circles."""

from typing import Final

from tests.e2e.side_by_side import Ground, on_trial, side_by_side
from tests.stage.model import attempt

NOTHING_KNOWN: Final = {"AwaitingTraffic", "NoSamples", "SplitMismatch", "Undecided", "WarmingUp"}
"""A canary without a counter may as well be one without a request."""


@side_by_side
async def test_a_router_that_keeps_its_weights_is_named(ground: Ground) -> None:
    async with on_trial(ground, "liar", per_second=20, lies=[ground.gateway.keep]) as trial:
        await trial.under_way()
        await trial.until_said("SplitMismatch")
        await trial.held(seconds=15)
        ground.gateway.obey(ground.place, "liar")
        await trial.promoted()


@side_by_side
async def test_a_router_that_says_nothing_of_generations_is_believed_by_its_traffic(ground: Ground) -> None:
    async with on_trial(ground, "mute", per_second=20, lies=[ground.gateway.mute]) as trial:
        await trial.promoted()


@side_by_side
async def test_a_mute_router_that_keeps_its_weights_is_named(ground: Ground) -> None:
    lies = [ground.gateway.mute, ground.gateway.keep]
    async with on_trial(ground, "sly", per_second=20, lies=lies) as trial:
        await trial.until_said("SplitMismatch")


@side_by_side
async def test_a_metric_with_another_name_promotes_nothing(ground: Ground) -> None:
    async with on_trial(ground, "renamed", canary={"ailment": "renamed"}) as trial:
        await trial.under_way()
        await trial.held()
        await trial.until_said_last(*NOTHING_KNOWN)


@side_by_side
async def test_a_metric_that_is_renamed_midway_promotes_nothing(ground: Ground) -> None:
    """Not on what was seen before either, once a few scrapes have told nothing."""
    async with on_trial(ground, "midway", per_second=20) as trial:
        canary = await trial.under_way()
        await trial.model.ask(pause=attempt(await trial.model.get()))
        await trial.until_said("Safe")
        before = len(trial.said())
        await trial.behave(canary, ailment="renamed")
        await trial.until_said("SplitMismatch", "AwaitingTraffic", beyond=before)
        await trial.model.ask(pause=None)
        await trial.held(seconds=20)


@side_by_side
async def test_counters_that_are_not_a_number_promote_nothing(ground: Ground) -> None:
    async with on_trial(ground, "nan", canary={"ailment": "nan"}) as trial:
        await trial.under_way()
        await trial.held()

    assert "SamplesSpoilt" in trial.said()


@side_by_side
async def test_a_counter_that_has_become_a_gauge_promotes_nothing(ground: Ground) -> None:
    async with on_trial(ground, "retyped", canary={"ailment": "retyped"}) as trial:
        await trial.under_way()
        await trial.held()

    assert "SamplesSpoilt" in trial.said()


@side_by_side
async def test_a_hundred_thousand_series_promote_nothing(ground: Ground) -> None:
    async with on_trial(ground, "crowded", canary={"ailment": "crowded"}) as trial:
        await trial.under_way()
        await trial.held(seconds=20)


@side_by_side
async def test_a_server_that_is_ready_before_its_model_is_taken_back(ground: Ground) -> None:
    async with on_trial(ground, "early", canary={"load_seconds": 600, "early": True}) as trial:
        await trial.taken_back()


@side_by_side
async def test_a_server_that_ignores_sigterm_is_taken_back_all_the_same(ground: Ground) -> None:
    stubborn = {"ignore_sigterm": True, "error_rate": 0.3}
    async with on_trial(ground, "stubborn", canary=stubborn) as trial:
        await trial.taken_back()


@side_by_side
async def test_a_server_that_exits_at_once_is_taken_back(ground: Ground) -> None:
    async with on_trial(ground, "exits", canary={"crash_after_seconds": 0.05}) as trial:
        await trial.taken_back(reason="CrashLoop")


@side_by_side
async def test_crashes_that_no_counter_shows_are_taken_back_by_the_restarts(ground: Ground) -> None:
    async with on_trial(ground, "crashes", canary={"crash_every": 15}) as trial:
        await trial.taken_back(reason="CrashLoop")


@side_by_side
async def test_readiness_that_comes_and_goes_promotes_nothing(ground: Ground) -> None:
    async with on_trial(ground, "flapping", canary={"flapping": True}) as trial:
        await trial.not_promoted()


@side_by_side
async def test_one_error_under_thin_traffic_decides_nothing(ground: Ground) -> None:
    async with on_trial(ground, "thin", per_second=1, canary={"error_every": 12}, promote={}) as trial:
        await trial.under_way()
        await trial.held()
