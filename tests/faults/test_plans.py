"""A sample of the plans of faults, of every kind; `make plans` runs hundreds."""

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.resources import Object
from tests.faults.acts import refused
from tests.faults.ending import GENERATED, Ending, differences
from tests.faults.ground import References, prepared, run_all
from tests.faults.moments import Moment, moments
from tests.faults.plans import Plan, chosen, made_from
from tests.faults.run import Ran
from tests.faults.trace import Asked, Trace
from tests.faults.workloads import canary, create, there_and_back

SAMPLE = 12
UNFIT = {"killed", "stalled"}
"""What other tests beside it would meet as well, and what takes more than a minute."""


async def test_no_plan_makes_a_difference(cluster: Cluster, gateway: Gateway) -> None:
    place, references = await prepared(cluster), References()
    await references.run(place, [(canary, "GatewayAPI"), (there_and_back, "GatewayAPI")])
    assert references.wrong == {}
    made = made_from(references.traces).plans
    fit = [plan for plan in made if plan.reference in references.endings and plan.kind not in UNFIT]
    plans = chosen(fit, SAMPLE)
    wrong: dict[str, list[str]] = {}

    def told(plan: Plan, ran: Ran) -> None:
        if ran.wrong:
            wrong[plan.name] = [*ran.wrong, *ran.story]

    await run_all(place, plans, references.endings, told=told)

    assert {plan.kind for plan in plans} == {plan.kind for plan in made} - UNFIT
    assert wrong == {}


def written(kind: str, name: str = "fraud", *, changed: bool = True) -> Asked:
    return Asked(verb="apply", kind=kind, name=name, code=200, acted=200, version="7", changed=changed)


def test_a_write_may_be_repeated_where_its_answer_was_lost() -> None:
    first, again = written("services"), written("services", changed=False)

    assert Trace([first, again]).idle() == [again]

    first.code = 0
    assert Trace([first, again]).idle() == []


def test_a_process_that_has_seen_a_write_may_not_repeat_it() -> None:
    first, again = written("services"), written("services", changed=False)
    first.code, first.agent, again.agent = 0, "serin/one", "serin/two"

    assert Trace([first, again]).idle() == [again]


def test_a_version_that_a_write_made_and_no_watch_showed_is_known() -> None:
    def version(number: int) -> Object:
        return {"kind": "ModelDeployment", "metadata": {"name": "fraud", "resourceVersion": str(number)}}

    trace = Trace([written("modeldeployments/status"), written("services")])

    assert trace.between(version(6), version(8)) == trace.all[:1]
    assert trace.between(version(7), version(9)) == []
    assert trace.between(None, version(9)) == []


def test_pods_too_many_do_not_matter_where_controllers_were_deaf() -> None:
    found = Ending({}, {"Pod 1": 4, "Service fraud": 2}, {}, {})
    wanted = Ending({}, {"Pod 1": 3, "Service fraud": 1}, {}, {})

    assert len(differences(found, wanted)) == 2
    [left] = differences(found, wanted, but=GENERATED)
    assert left.startswith("made Service fraud")


def test_a_moment_is_counted_by_what_is_written() -> None:
    trace = Trace([written("services"), written("deployments"), written("services")])

    assert [moment.nth for moment, _ in moments(trace)] == [1, 1, 2]


def test_a_write_that_two_workloads_come_to_alike_is_planned_for_once() -> None:
    short, long = [written("services")], [written("services"), written("deployments")]

    made = made_from({(create, "Replicas"): Trace([*short]), (canary, "Replicas"): Trace([*long])})

    first = [plan for plan in made.plans if plan.kind == "S1" and "services" in plan.place]
    assert {plan.workload for plan in first} == {create}
    assert made.pruned["another workload comes to the same write the same way"] == 1


def test_a_write_that_changes_nothing_is_no_moment() -> None:
    made = made_from({(create, "Replicas"): Trace([written("services", changed=False)])})

    assert [plan for plan in made.plans if plan.kind == "S1"] == []


@pytest.mark.parametrize("seed", [0, 1])
def test_the_choice_is_of_all_kinds_and_the_same_for_the_same_seed(seed: int) -> None:
    made = made_from({(canary, "Replicas"): Trace([written("services"), written("deployments")])}).plans

    few = chosen(made, 9, seed=seed)

    assert {plan.kind for plan in few} >= {"S1", "S4", "answers"}
    assert [plan.name for plan in few] == [plan.name for plan in chosen(made, 9, seed=seed)]


def test_a_moment_makes_a_rule_for_that_write_alone() -> None:
    rule = Moment("apply", "services", "fraud", 2).rule(refused(409))

    met = [rule.meets(written(kind)) for kind in ("services", "deployments", "services", "services")]

    assert met == [False, False, True, False]
