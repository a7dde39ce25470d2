"""What the gateway's log and the histories say, and how long a fault excuses."""

import json
from pathlib import Path
from typing import Any

from tests.endurance.causes import Injected
from tests.endurance.evidence import END, drawn_out, failures
from tests.endurance.schedule import Fault
from tests.invariants.world import Seen

LABELS = {"serin.dev/model": "fraud", "serin.dev/revision": "1111111111"}
REVISION = "fraud-1111111111"


def endpoints(at: float, ready: int) -> Seen:
    points = [{"addresses": [f"10.0.0.{n}"], "conditions": {"ready": True}} for n in range(ready)]
    metadata = {"name": f"{REVISION}-abcde", "uid": "slice", "labels": LABELS}
    return Seen(at=at, object={"kind": "EndpointSlice", "metadata": metadata, "endpoints": points})


def route(at: float, **weights: int) -> Seen:
    backends = [
        {"name": {"ours": REVISION, "theirs": "elsewhere"}[name], "weight": weight}
        for name, weight in weights.items()
    ]
    metadata = {"name": "fraud", "uid": "route", "labels": {"serin.dev/model": "fraud"}}
    body = {"kind": "HTTPRoute", "metadata": metadata, "spec": {"rules": [{"backendRefs": backends}]}}
    return Seen(at=at, object=body)


def line(**changed: Any) -> str:
    made = {
        "at": "2026-01-01T00:00:01.500Z",
        "host": "fraud.example.com",
        "status": 503,
        "flags": "UF",
        "details": "upstream_reset",
        "backend": f"test_{REVISION}_80",
        "pod": "10.244.1.1:8080",
        "milliseconds": 250,
    }
    return json.dumps(made | changed)


def test_failures_name_model_revision_and_pod(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    ours = line(host=END, status=404)
    log.write_text("\n".join([line(status=200), line(), ours, line(status=0), line(backend=None, pod=None)]))

    first, broken_off, nobodys = failures(log)

    assert (first.model, first.revision, first.pod) == ("fraud", REVISION, "10.244.1.1")
    assert (first.at, first.seconds) == (1767225601.5, 0.25)
    assert broken_off.status == 0
    assert (nobodys.revision, nobodys.pod) == ("", "")


def test_a_fault_lasts_until_its_revision_has_endpoints_again() -> None:
    hit = Injected(what=Fault.REVISION_KILLED, at=10, until=10, revisions=frozenset({REVISION}))
    other = Injected(what=Fault.REVISION_KILLED, at=10, until=10, revisions=frozenset({"fraud-2"}))

    drawn_out([hit, other], [endpoints(5, 2), endpoints(11, 0), endpoints(19, 1)])

    assert (hit.until, other.until) == (19, 10)


def test_a_loss_long_after_a_fault_is_not_the_faults() -> None:
    hit = Injected(what=Fault.POD_DELETED, at=10, until=10, revisions=frozenset({REVISION}))

    drawn_out([hit], [endpoints(5, 2), endpoints(40, 0), endpoints(50, 1)])

    assert hit.until == 10


def test_a_deleted_pod_excuses_until_no_endpoints_name_it() -> None:
    gone = Injected(what=Fault.POD_DELETED, at=10, until=10, pods=frozenset({"10.0.0.1"}))

    drawn_out([gone], [endpoints(5, 2), endpoints(18.5, 1), endpoints(30, 2)])

    assert gone.until == 18.5


def test_an_edited_route_excuses_until_it_is_put_back() -> None:
    edited = Injected(what=Fault.ROUTE_EDITED, at=10, until=10, model="fraud", route=True)

    drawn_out([edited], [route(5, ours=100), route(10.1, theirs=100), route(14, ours=100)])

    assert edited.until == 14


def test_a_fault_whose_end_nobody_could_hear_of_lasts_through_the_outage() -> None:
    killed = Injected(what=Fault.CONTAINER_KILLED, at=10, until=10, pods=frozenset({"10.0.0.1"}))
    outage = Injected(what=Fault.API_SERVER_KILLED, at=12, until=21)

    drawn_out([killed, outage], [])

    assert killed.until == 21
