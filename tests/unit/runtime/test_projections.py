"""What is read of a child."""

from datetime import UTC, datetime
from typing import Any

import pytest

from serin.domain.gates import GateAnswer, Outcome
from serin.domain.observed import JobView, PodProblem, PodView, RouteView, WorkloadView
from serin.runtime.projections import project
from tests.unit.runtime.objects import Object, child, deployment, pod, report, route


def shown_pod(status: Object, **changes: Any) -> PodView:
    view = project("Pod", pod(status=status, **changes))
    assert isinstance(view, PodView)
    return view


def shown_route(obj: Object) -> RouteView:
    view = project("HTTPRoute", obj)
    assert isinstance(view, RouteView)
    return view


def container(*, restarts: int = 0, ready: bool = False, **states: Any) -> Object:
    return {"containerStatuses": [{"name": "model", "restartCount": restarts, "ready": ready, **states}]}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


ENDED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


def test_a_ready_pod_tells_since_when() -> None:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}

    assert shown_pod({"conditions": [condition]}).ready_since == datetime(2026, 1, 1, tzinfo=UTC)
    assert shown_pod({"conditions": [condition | {"status": "False"}]}).ready_since is None
    assert shown_pod({"conditions": [condition | {"lastTransitionTime": None}]}).ready_since is None


@pytest.mark.parametrize(
    ("status", "problem", "detail"),
    [
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes: no gpu",
                    }
                ]
            },
            PodProblem.UNSCHEDULABLE,
            "0/3 nodes: no gpu",
        ),
        (
            container(state=waiting("ImagePullBackOff", "no such image")),
            PodProblem.IMAGE_PULL,
            "container model: no such image",
        ),
        (
            container(state=waiting("CreateContainerConfigError", 'secret "s3" not found')),
            PodProblem.CONFIG,
            'container model: secret "s3" not found',
        ),
        (
            container(state=waiting("CrashLoopBackOff"), lastState=ENDED, restarts=2),
            PodProblem.CRASH_LOOP,
            "container model ended with exit code 137 (OOMKilled), 2 restarts",
        ),
        (container(state={"running": {}}, lastState=ENDED, restarts=1), None, ""),
        (container(state=waiting("ContainerCreating")), None, ""),
    ],
)
def test_a_problem_is_named_with_its_cause(status: Object, problem: PodProblem | None, detail: str) -> None:
    view = shown_pod(status)

    assert (view.problem, view.detail) == (problem, detail)


def test_a_crash_loop_is_one_while_the_container_runs_again() -> None:
    running = container(state={"running": {}}, lastState=ENDED, restarts=3)

    assert shown_pod(running).problem is PodProblem.CRASH_LOOP
    assert shown_pod(running | container(ready=True, restarts=3, lastState=ENDED)).problem is None


def test_a_pod_being_deleted_is_terminating() -> None:
    leaving = shown_pod({}, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})

    assert leaving.terminating


def test_a_pod_without_a_revision_is_none_of_ours() -> None:
    assert project("Pod", child("Pod", revision=None, name="other", status={})) is None


def test_weights_are_those_of_the_backends_and_one_by_default() -> None:
    obj = route(weights={"fraud-r1": 80, "fraud-r2": 20})
    del obj["spec"]["rules"][0]["backendRefs"][1]["weight"]

    assert shown_route(obj).weights == {"fraud-r1": 80, "fraud-r2": 1}


def test_a_route_nobody_reports_on_is_neither_accepted_nor_refused() -> None:
    view = shown_route(route())

    assert (view.reported, view.accepted, view.refusal) == (False, False, None)


def test_a_route_is_accepted_when_every_parent_says_so_of_this_generation() -> None:
    parents = ({"name": "public"}, {"name": "internal", "namespace": "infra"})
    one = report(parent="public", group="gateway.networking.k8s.io", kind="Gateway", namespace="ml")
    other = report(parent="internal", namespace="infra")

    assert shown_route(route(parents=parents, reports=[one, other])).accepted
    assert not shown_route(route(parents=parents, reports=[one])).accepted


def test_a_report_on_an_older_generation_confirms_nothing() -> None:
    obj = route(reports=[report(generation=1)], metadata={"generation": 2})

    assert shown_route(obj).reported
    assert not shown_route(obj).accepted


def test_a_report_on_somebody_elses_parent_is_not_ours() -> None:
    view = shown_route(route(reports=[report(parent="other")]))

    assert (view.reported, view.accepted) == (False, False)


def test_a_refusal_is_given_in_the_controllers_words() -> None:
    view = shown_route(route(reports=[report(resolved="False")]))

    assert not view.accepted
    assert view.refusal == "public: ResolvedRefs is False/R: why"


def shown_job(*conditions: Object, gate: str | None = "eval", failed: int = 1) -> JobView | None:
    made = child("Job", name="fraud-r1-5a7c", status={"conditions": list(conditions), "failed": failed})
    if gate is not None:
        made["metadata"]["labels"]["serin.dev/gate"] = gate
    view = project("Job", made)
    assert view is None or isinstance(view, JobView)
    return view


FAILED = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}


@pytest.mark.parametrize(
    ("conditions", "answer"),
    [
        ((), None),
        (({"type": "SuccessCriteriaMet", "status": "True"},), None),
        (({"type": "FailureTarget", "status": "True"},), None),
        (({"type": "Suspended", "status": "True"},), None),
        (({**FAILED, "status": "False"},), None),
        (
            ({"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}),
            GateAnswer(Outcome.SUCCEEDED, "Job fraud-r1-5a7c is complete"),
        ),
        ((FAILED,), GateAnswer(Outcome.FAILED, "Job fraud-r1-5a7c: DeadlineExceeded: too long")),
    ],
)
def test_a_job_answers_when_it_has_ended(conditions: tuple[Object, ...], answer: GateAnswer | None) -> None:
    view = shown_job(*conditions)

    assert view is not None
    assert view.answer == answer


def test_a_job_that_never_had_a_pod_has_not_asked() -> None:
    view = shown_job(FAILED, failed=0)

    assert view is not None
    message = "Job fraud-r1-5a7c: no pod of it could be made: DeadlineExceeded: too long"
    assert view.answer == GateAnswer(Outcome.NOT_STARTED, message)


def test_a_job_that_tries_no_gate_is_none_of_ours() -> None:
    assert shown_job(FAILED, gate=None) is None


def test_a_deployment_tells_why_no_pod_can_be_made() -> None:
    words = 'pods "fraud-r1-x" is forbidden: exceeded quota: small'
    made = deployment()
    made["status"]["conditions"] = [
        {"type": "Available", "status": "True"},
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words},
    ]

    view = project("Deployment", made)

    assert isinstance(view, WorkloadView)
    assert view.failure == words


def test_a_failure_that_is_over_is_not_told() -> None:
    made = deployment()
    made["status"]["conditions"] = [{"type": "ReplicaFailure", "status": "False", "message": "once"}]

    view = project("Deployment", made)

    assert isinstance(view, WorkloadView)
    assert view.failure is None
