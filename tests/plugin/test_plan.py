"""A plan says what the operator will do, and when: in the state machine's own steps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import promql_parser
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin.api.intent import intent_of
from serin.domain.intent import Intent, Requests
from serin.domain.status import Status
from serin.plugin.differences import differences
from serin.plugin.exits import Trouble
from serin.plugin.models import Model
from serin.plugin.needed import Needed, Traffic, requests_until_safe
from serin.plugin.plan import Row, judged_by, rows_of
from serin.plugin.rehearsal import LASTING, Look, Rehearsal
from serin.plugin.traffic import counted, measured
from serin.workbench.simulation.faults import HEALTHY
from serin.workbench.simulation.findings import Findings
from serin.workbench.simulation.rollouts import RULES
from serin.workbench.simulation.scenarios import Scenario, simulate
from tests.plugin.seen import NAMES, NOW, model

BUSY = Traffic(per_second=100.0)
GATEWAY = {"router": "GatewayAPI", "gatewayAPI": {"parentRefs": [{"name": "public"}]}}
STEPS = [{"name": "first", "weight": 10}, {"name": "half", "weight": 50, "minSeconds": 600}]


def body(version: str, **changed: Any) -> dict[str, Any]:
    """A ModelDeployment of a version, with a gateway unless it is said otherwise."""
    container = {"name": "model", "image": f"registry.example/fraud:{version}"}
    spec = {
        "model": {"format": "sklearn"},
        "replicas": 4,
        "template": {"spec": {"containers": [container]}},
        "traffic": GATEWAY,
        "rollout": {"canary": {"steps": STEPS}, "bakeSeconds": 300},
        "analysis": {"warmUpSeconds": 0},
    }
    metadata = {"name": "fraud", "namespace": "ml", "uid": "1", "generation": 1}
    return {"metadata": metadata, "spec": {**spec, **changed}}


def asked(version: str, **changed: Any) -> Intent:
    found = intent_of(body(version, **changed))
    assert isinstance(found, Intent), found
    return found


def looks(
    intent: Intent, status: Status | None = None, *, traffic: Traffic = BUSY, prometheus: bool = True
) -> list[Look]:
    """All looks of the rollout of an intent."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = Rehearsal(
        intent=intent, status=status or Status(), traffic=traffic, now=start, prometheus=prometheus
    )
    return list(made.looks())


def after_first() -> Status:
    """The status when version 1 serves."""
    return looks(asked("1"))[-1].status


def rows(
    version: str = "2", *, traffic: Traffic = BUSY, prometheus: bool = True, **changed: Any
) -> list[Row]:
    intent = asked(version, **changed)
    found = looks(intent, after_first(), traffic=traffic, prometheus=prometheus)
    return rows_of(found, intent, traffic, judged=judged_by(intent, prometheus=prometheus))


def test_a_first_deployment_has_no_steps() -> None:
    found = looks(asked("1"))

    assert [look.status.phase for look in found][-1] == "Ready"
    assert found[-1].at == found[0].at


def test_stages_follow_each_other_with_their_weights_and_pods() -> None:
    found = rows()

    assert [(row.stage, row.weight, row.pods, row.others) for row in found] == [
        ("prepare", 0, 1, 4),
        ("step first", 10, 1, 4),
        ("step half", 50, 2, 4),
        ("promote", 100, 4, 4),
        ("bake", 100, 4, 4),
    ]


def test_a_step_lasts_as_long_as_its_evidence_or_its_shortest_time() -> None:
    first, half = (row.seconds for row in rows() if row.stage.startswith("step"))

    assert first == pytest.approx(105, abs=16)  # the router's weight is tried for seven scrapes
    assert half == 600


def test_thin_traffic_takes_its_time() -> None:
    needed = requests_until_safe(asked("2").analysis, BUSY, share=0.1)
    assert needed is not None

    first = next(row.seconds for row in rows(traffic=Traffic(per_second=2.0)) if row.stage == "step first")

    assert first == pytest.approx(needed.usual / 0.2, rel=0.1)


def test_an_error_free_model_needs_about_four_hundred_requests() -> None:
    """As `concepts.md` says; twice as many while the stable revision is young."""
    policy = asked("2").analysis

    settled = requests_until_safe(policy, BUSY, share=0.05)
    young = requests_until_safe(policy, Traffic(settled=False), share=0.05)

    assert settled == Needed(400, 400)
    assert young == Needed(800, 800)


@pytest.mark.parametrize("usual", [0.0, 0.001, 0.05])
def test_as_many_requests_are_foreseen_as_simulated_rollouts_take(usual: float) -> None:
    """The workbench plays whole rollouts, by dice and scrapes of its own."""
    scenario = Scenario(per_second=20.0, usual=usual, rules=replace(RULES, lone_pod=False))
    played = Findings.of(simulate(scenario, runs=100, seed=3), HEALTHY).safe

    needed = requests_until_safe(asked("2").analysis, Traffic(bad={"errors": usual}), share=0.05)

    assert needed is not None
    assert needed.usual == pytest.approx(played.median.value, rel=0.3)  # a canary's request a second
    assert needed.late == pytest.approx(played.late.value, rel=0.5)


def test_a_model_whose_errors_hide_everything_is_not_promised_safety() -> None:
    strict = {"promote": {"maxRatio": "1", "maxIncreasePoints": "0.01"}, "warmUpSeconds": 0}
    policy = asked("2", analysis=strict).analysis

    assert requests_until_safe(policy, Traffic(bad={"errors": 0.05}), share=0.1) is None


def test_a_distribution_is_foreseen_too() -> None:
    signals = [{"name": "scores", "histogram": "model_score_bucket"}]
    policy = asked("2", analysis={"signals": signals}).analysis

    assert requests_until_safe(policy, BUSY, share=0.5) is not None


def test_too_thin_traffic_ends_at_the_deadline() -> None:
    intent = asked("2")
    found = looks(intent, after_first(), traffic=Traffic(per_second=0.1))

    assert found[-1].decision.hold is not None
    assert found[-1].decision.hold.reason == "Inconclusive"
    shown = rows_of(found, intent, Traffic(per_second=0.1), judged=True)
    assert (shown[-1].seconds, "a person decides" in shown[-1].needs) == (None, True)


def test_unknown_traffic_tells_requests_and_no_times() -> None:
    first = next(row for row in rows(traffic=Traffic()) if row.stage == "step first")

    assert "requests show it safe, however long that takes" in first.needs


def test_without_prometheus_steps_pass_on_time() -> None:
    assert [row.seconds for row in rows(prometheus=False) if row.stage.startswith("step")] == [60, 600]


def test_people_and_gates_are_named() -> None:
    steps = [{"name": "first", "weight": 10}, {"name": "half", "weight": 50, "pause": {}}]
    gates = [{"name": "eval", "beforeStep": "half", "job": {"templateRef": {"name": "eval-job"}}}]
    found = rows(rollout={"canary": {"steps": steps}}, analysis={"gates": gates, "warmUpSeconds": 0})

    first, half = (row for row in found if row.stage.startswith("step"))
    assert first.needs.endswith("gate eval succeeds")
    assert (half.needs, half.seconds) == ("a person promotes it", None)
    assert found[-1].stage == "bake"


def test_pods_warm_up_before_they_count() -> None:
    cold = rows(analysis={"warmUpSeconds": 300})

    first = next(row.seconds for row in cold if row.stage == "step first")

    assert first is not None
    assert 300 < first < 400


def test_steps_that_come_to_as_many_pods_are_one() -> None:
    """The router Replicas has no finer weights than pods."""
    changed: dict[str, Any] = {"traffic": {"router": "Replicas"}, "replicas": 1}
    intent = asked("2", **changed)

    found = rows_of(looks(intent, looks(asked("1", **changed))[-1].status), intent, BUSY, judged=True)

    assert [(row.stage, row.weight) for row in found if row.stage.startswith("step")] == [("step half", 50)]


def test_another_revision_takes_the_place_of_one_under_way() -> None:
    intent = asked("2")
    under_way = next(
        look.status
        for look in looks(intent, after_first())
        if look.status.canary is not None and look.status.canary.weight == 10
    )

    found = looks(asked("3"), under_way)

    results = [one.result for one in found[-1].status.history]
    assert results == ["Promoted", "Superseded", "Promoted"]


def test_the_stables_spec_takes_a_canary_back() -> None:
    under_way = next(
        look.status
        for look in looks(asked("2"), after_first())
        if look.status.canary is not None and look.status.canary.weight == 10
    )

    found = looks(asked("1"), under_way)

    assert [one.result for one in found[-1].status.history] == ["Promoted", "Reverted"]
    assert found[-1].status.rejected == []


def test_a_change_of_rules_alone_is_no_rollout() -> None:
    found = looks(asked("1", rollout={"bakeSeconds": 5}), after_first())

    assert {look.decision.rollout for look in found} == {None}


def test_differences_fill_in_defaults() -> None:
    before = body("1", service={"port": 80})
    after = body("2", replicas=6, rollout={"canary": {"steps": [*STEPS[:1], {**STEPS[1], "weight": 60}]}})
    del after["spec"]["analysis"]

    assert differences(before, after) == [
        "spec.replicas: 4 -> 6",
        "spec.template.spec.containers[model].image: registry.example/fraud:1 -> registry.example/fraud:2",
        "spec.rollout.canary.steps[half].weight: 50 -> 60",
        "spec.rollout.bakeSeconds: 300 -> 600",
        "spec.analysis.warmUpSeconds: 0 -> 120",
    ]


def test_traffic_is_what_the_status_counted() -> None:
    seen = model("undecided")

    traffic = counted(seen, NOW, interval=15.0)

    assert traffic.per_second == pytest.approx((202 + 3558) / 100, rel=0.02)
    assert traffic.bad == {"errors": 0.0}
    assert traffic.source == "as counted 2026-11-23T14:54:36Z to 2026-11-23T14:56:16Z"


def test_traffic_is_unknown_where_nothing_was_counted() -> None:
    seen: Model = model("steady")

    assert counted(seen, NOW, interval=15.0).per_second is None


@pytest.mark.parametrize("name", [name for name in NAMES if name != "invalid-spec"])
@pytest.mark.parametrize("image", [None, "registry.example/other:2"])
def test_a_plan_from_any_state_comes_to_an_end(name: str, image: str | None) -> None:
    seen = model(name)
    raw = dict(seen.raw)
    if image is not None:
        raw["spec"]["template"]["spec"]["containers"][0]["image"] = image
    intent = intent_of(raw)
    assert isinstance(intent, Intent)

    last = looks(replace(intent, paused=False, requests=Requests()), seen.status)[-1]

    held = last.decision.hold
    assert last.status.phase == "Ready" or (held is not None and held.reason in LASTING)


class Counted:
    """A Prometheus that has counted requests and bad ones; what it was asked stays."""

    def __init__(self, **per_second: float) -> None:
        self.per_second, self.asked = per_second, list[str]()

    async def answer(self, request: web.Request) -> web.Response:
        expr = str((await request.post())["query"])
        self.asked.append(expr)
        found = [str(one) for metric, one in self.per_second.items() if metric in expr]
        result = [{"metric": {}, "value": [0, value]} for value in found[:1]]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


@asynccontextmanager
async def prometheus(counted_: Counted) -> AsyncIterator[str]:
    """Its address."""
    application = web.Application()
    application.router.add_post("/api/v1/query", counted_.answer)
    async with TestServer(application) as server:
        yield str(server.make_url("/"))


async def test_traffic_is_what_prometheus_counts_of_the_stable_pods() -> None:
    counted_ = Counted(predictions_bad=0.5, predictions_total=25.0)
    signal = {"name": "answers", "requests": "predictions_total", "bad": "predictions_bad"}
    intent = asked("2", analysis={"signals": [signal]})

    async with prometheus(counted_) as address:
        traffic = await measured(intent, "fraud-1234567890", address, Traffic())

    assert (traffic.per_second, traffic.bad) == (25.0, {"answers": 0.02})
    for expr in counted_.asked:
        promql_parser.parse(expr)
        assert 'namespace="ml"' in expr
        assert "fraud-1234567890" in expr


async def test_a_prometheus_that_has_counted_nothing_is_told() -> None:
    async with prometheus(Counted()) as address:
        with pytest.raises(Trouble, match="has counted no request on fraud-1 in the last 10m; give"):
            await measured(asked("2"), "fraud-1", address, Traffic())


async def test_a_prometheus_that_does_not_answer_is_told() -> None:
    with pytest.raises(Trouble, match="cannot be reached"):
        await measured(asked("2"), "fraud-1", "http://127.0.0.1:9", Traffic())
