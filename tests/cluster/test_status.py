"""A pod's status is what a kubelet would say of the same containers."""

from datetime import UTC, datetime

import pytest

from tests.cluster.resources import Object
from tests.cluster.status import Record, Seen, phase, pod_status

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def waiting(reason: str = "ContainerCreating") -> Record:
    record = Record("main", "image:1")
    record.wait(reason)
    return record


def running(*, ready: bool = True) -> Record:
    record = waiting()
    record.run("process://1")
    record.ready = record.started = ready
    return record


def ended(code: int) -> Record:
    record = running()
    record.end(code, "Error" if code else "Completed")
    return record


def backed_off(code: int = 1) -> Record:
    record = ended(code)
    record.wait("CrashLoopBackOff")
    return record


def seen(
    *main: Record, init: tuple[Record, ...] = (), policy: str = "Always", status: Object | None = None
) -> Seen:
    pod = {"metadata": {"generation": 1}, "spec": {"restartPolicy": policy}, "status": status or {}}
    return Seen(pod=pod, init=init, main=main, address="10.244.1.1", host="10.244.0.1", since="")


def condition(status: Object, kind: str) -> Object:
    found: Object = next(one for one in status["conditions"] if one["type"] == kind)
    return found


@pytest.mark.parametrize(
    ("expected", "containers"),
    [
        ("Pending", seen(waiting())),
        ("Pending", seen(running(), waiting())),
        ("Pending", seen(waiting(), init=(running(),))),
        ("Pending", seen(waiting(), init=(ended(1),))),
        ("Pending", seen(waiting("ImagePullBackOff"), init=(ended(0),))),
        ("Running", seen(running())),
        ("Running", seen(running(ready=False))),
        ("Running", seen(backed_off())),
        ("Running", seen(ended(0))),
        ("Running", seen(backed_off(), policy="OnFailure")),
        ("Succeeded", seen(ended(0), policy="OnFailure")),
        ("Succeeded", seen(ended(0), ended(0), policy="Never")),
        ("Running", seen(ended(0), running(), policy="Never")),
        ("Failed", seen(ended(0), ended(1), policy="Never")),
        ("Failed", seen(waiting(), init=(ended(1),), policy="Never")),
    ],
)
def test_phase_follows_from_the_containers(expected: str, containers: Seen) -> None:
    assert phase(containers) == expected


def test_unready_container_makes_the_pod_unready_by_name() -> None:
    status = pod_status(seen(running(ready=False)), now=NOON)

    ready = condition(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
    assert ready["message"] == "containers with unready status: [main]"


def test_condition_keeps_its_time_while_it_says_the_same() -> None:
    earlier = "2030-01-01T08:00:00Z"
    before = [
        {"type": kind, "status": "True", "lastTransitionTime": earlier} for kind in ("Ready", "Initialized")
    ]

    status = pod_status(seen(running(ready=False), status={"conditions": before}), now=NOON)

    assert condition(status, "Initialized")["lastTransitionTime"] == earlier
    assert condition(status, "Ready")["lastTransitionTime"] == "2030-01-01T12:00:00Z"


def test_readiness_gate_holds_a_ready_pod_back() -> None:
    containers = seen(running())
    containers.pod["spec"]["readinessGates"] = [{"conditionType": "example.com/warm"}]

    status = pod_status(containers, now=NOON)

    assert condition(status, "ContainersReady")["status"] == "True"
    assert condition(status, "Ready")["reason"] == "ReadinessGatesNotReady"


def test_crash_keeps_its_exit_code_while_backed_off() -> None:
    (container,) = pod_status(seen(backed_off(137)), now=NOON)["containerStatuses"]

    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert container["lastState"]["terminated"]["exitCode"] == 137
