"""Each rule catches what it is for: histories that are right but for one version."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.invariants.rules import RULES, violations
from tests.invariants.world import Object, Seen, dated

OLD, NEW = "fraud-1111111111", "fraud-2222222222"
Edit = Callable[[Object], None]


class History:
    """Builds the versions of a small world: a model `fraud` with a stable revision and a canary."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.objects: dict[tuple[str, str], Object] = {}
        self.clock = 1000.0

    def put(self, kind: str, name: str, body: Object, *, by: str = "serin", later: float = 0.01) -> None:
        """A new version; `by` wrote it."""
        self.clock += later
        known = self.objects.get((kind, name), {"metadata": {"uid": f"{kind}-{name}"}})
        made = copy.deepcopy({**known, **body})
        made["metadata"] = copy.deepcopy({**known["metadata"], **body.get("metadata", {}), "name": name})
        entries = {entry["manager"]: entry for entry in made["metadata"].get("managedFields", [])}
        status = by == "gateway" or (kind == "ModelDeployment" and by == "serin")
        sub = {"subresource": "status"} if status else {}
        time = datetime.fromtimestamp(self.clock, UTC).isoformat()
        entries[by] = {"manager": by, "operation": "Apply", "time": time, "fieldsV1": {}, **sub}
        made["metadata"] |= {"managedFields": list(entries.values()), "resourceVersion": str(len(self.seen))}
        made["kind"] = kind
        self.objects[kind, name] = made
        self.seen.append(Seen(at=self.clock, object=made))

    def edit(self, kind: str, name: str, change: Edit, **more: Any) -> None:
        body = copy.deepcopy(self.objects[kind, name])
        change(body)
        self.put(kind, name, body, **more)

    def delete(self, kind: str, name: str, *, later: float = 0.01) -> None:
        self.clock += later
        self.seen.append(Seen(at=self.clock, object=self.objects.pop((kind, name)), deleted=True))

    def model(self, *, later: float = 0.01, **status: Any) -> None:
        """A status of the model; its other parts stay."""
        known = self.objects["ModelDeployment", "fraud"].get("status", {})
        self.put("ModelDeployment", "fraud", {"status": {**known, **status}}, later=later)

    def ask(self, **annotations: str) -> None:
        wanted = {f"serin.dev/{word}": value for word, value in annotations.items()}
        self.put("ModelDeployment", "fraud", {"metadata": {"annotations": wanted}}, by="kubectl")

    def ready(self, revision: str, count: int, *, later: float = 0.01) -> None:
        points = [
            {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": True}} for number in range(count)
        ]
        body = {"metadata": {"labels": labelled(revision)}, "endpoints": points}
        self.put("EndpointSlice", revision, body, by="endpointslice-controller", later=later)

    def size(self, revision: str, replicas: int, *, later: float = 0.01) -> None:
        spec = {"replicas": replicas, "template": {"image": revision}, "selector": labelled(revision)}
        self.put("Deployment", revision, {"metadata": owned(revision), "spec": spec}, later=later)

    def route(self, *, later: float = 0.01, **weights: int) -> None:
        backends = [{"name": {"old": OLD, "new": NEW}[name], "weight": w} for name, w in weights.items()]
        metadata = {"labels": {"serin.dev/model": "fraud"}, "ownerReferences": [CONTROLLED]}
        body = {"metadata": metadata, "spec": {"rules": [{"backendRefs": backends}]}}
        self.put("HTTPRoute", "fraud", body, later=later)

    def pod(self, revision: str, name: str, image: str) -> None:
        body = {"metadata": {"labels": labelled(revision)}, "spec": {"containers": [{"image": image}]}}
        self.put("Pod", name, body, by="kube")


CONTROLLED = {"controller": True, "uid": "ModelDeployment-fraud"}


def labelled(revision: str) -> dict[str, str]:
    return {"serin.dev/model": "fraud", "serin.dev/revision": revision.removeprefix("fraud-")}


def owned(revision: str) -> Object:
    return {"labels": labelled(revision), "ownerReferences": [CONTROLLED]}


def attempt(state: str, step: int = 0, **more: Any) -> Object:
    return {"attempt": f"{NEW}.1", "state": state, "step": step, "capacityFloor": 4, **more}


def serving() -> History:
    """A stable revision with four pods and all the traffic."""
    made = History()
    spec = {"replicas": 4, "traffic": {"drainSeconds": 30}}
    made.put("ModelDeployment", "fraud", {"spec": spec}, by="kubectl")
    made.model(conditions=[{"type": "Ready", "reason": "Complete"}], stable={"revision": OLD})
    for name in (OLD, NEW):
        made.put("ControllerRevision", name, {"metadata": owned(name), "data": {"template": name}})
        spec = {"selector": labelled(name)}
        made.put("Service", name, {"metadata": owned(name), "spec": spec})
    root = {"labels": {"serin.dev/model": "fraud"}, "ownerReferences": [CONTROLLED]}
    made.put("Service", "fraud", {"metadata": root, "spec": {"selector": labelled(OLD)}})
    made.size(OLD, 4)
    made.ready(OLD, 4)
    made.route(old=100)
    return made


def stepping() -> History:
    """A canary with two pods and 20 %."""
    made = serving()
    made.model(rollout=attempt("Preparing"))
    made.size(NEW, 2)
    made.ready(NEW, 2)
    made.model(rollout=attempt("Stepping"), analysis={"verdict": "Undecided"})
    made.route(old=80, new=20)
    return made


def promoted() -> History:
    """The canary serves, the revision before is warm and has drained."""
    made = stepping()
    made.model(rollout=attempt("Stepping", 1), analysis={"verdict": "Safe"})
    made.route(old=50, new=50)
    made.size(NEW, 4)
    made.ready(NEW, 4)
    made.model(rollout=attempt("Promoting", 1), analysis={"verdict": "Safe"})
    made.route(old=0, new=100)
    made.put("Service", "fraud", {"spec": {"selector": labelled(NEW)}})
    made.model(rollout=attempt("Baking", 1), stable={"revision": NEW})
    made.size(OLD, 0, later=31)
    made.model(rollout=None)
    return made


def too_little_capacity(made: History) -> None:
    made.model(rollout=attempt("Stepping", 1), analysis={"verdict": "Safe"})
    made.route(old=20, new=80)


def a_weight_on_a_lost_canary(made: History) -> None:
    made.ready(NEW, 0)
    made.route(old=70, new=30, later=2.1)


def weights_of_90(made: History) -> None:
    made.route(old=70, new=20)


def a_service_the_route_names(made: History) -> None:
    made.delete("Service", NEW)


def a_drained_canary_too_early(made: History) -> None:
    made.model(rollout=attempt("RollingBack", reason="Harm"))
    made.route(old=100, new=0)
    made.size(NEW, 0, later=20)


def pods_that_serve(made: History) -> None:
    made.size(OLD, 3)


def pods_the_root_selects(made: History) -> None:
    made.route(old=0, new=100)
    made.size(OLD, 0, later=31)


def a_step_without_evidence(made: History) -> None:
    made.model(rollout=attempt("Stepping", 1))


def a_step_before_its_gate(made: History) -> None:
    gates = {"gates": [{"name": "eval", "beforeStep": "promotion"}]}
    made.put("ModelDeployment", "fraud", {"spec": {"replicas": 4, "analysis": gates}}, by="kubectl")
    running = [{"name": "eval", "step": "promotion", "result": "Running"}]
    made.model(rollout=attempt("Promoting", gates=running), analysis={"verdict": "Safe"})


def harm_without_data(made: History) -> None:
    rejection = {"hash": "2222222222", "revision": NEW, "reason": "Harm", "attempt": f"{NEW}.1"}
    made.model(rollout=attempt("RollingBack"), analysis={"verdict": "NoData"}, rejected=[rejection])


def a_skipped_step(made: History) -> None:
    made.model(rollout=attempt("Stepping", 2), analysis={"verdict": "Safe"})


def a_lost_attempt(made: History) -> None:
    made.model(rollout={})


def a_weight_before_its_status(made: History) -> None:
    made.model(rollout=attempt("RollingBack", reason="Reverted"))
    made.route(old=75, new=25)


def a_second_try(made: History) -> None:
    rejection = {"hash": "2222222222", "revision": NEW, "reason": "Aborted", "attempt": f"{NEW}.1"}
    made.model(rollout=attempt("RollingBack"), rejected=[rejection])
    made.model(rollout=None)
    made.model(rollout={**attempt("Preparing"), "attempt": f"{NEW}.2"})


def a_finalizer(made: History) -> None:
    made.put("ModelDeployment", "fraud", {"metadata": {"finalizers": ["serin.dev/wait"]}}, by="kubectl")


def a_child_of_nobody(made: History) -> None:
    made.delete("ModelDeployment", "fraud")
    made.size("fraud-3333333333", 1)


def a_deaf_operator(made: History) -> None:
    made.ask(abort=f"{NEW}.1")
    made.model(rollout=attempt("Stepping", 1), analysis={"verdict": "Safe"})


def a_written_spec(made: History) -> None:
    made.put("ModelDeployment", "fraud", {}, by="other")
    entry = {"manager": "serin", "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    made.edit(
        "ModelDeployment", "fraud", lambda body: body["metadata"]["managedFields"].append(entry), by="x"
    )


def a_new_template(made: History) -> None:
    made.edit("Deployment", OLD, lambda body: body["spec"].update(template={"image": "other"}))


def a_label_moved(made: History) -> None:
    made.pod(NEW, "pod", "server:2")
    made.edit("Pod", "pod", lambda body: body["metadata"]["labels"].update(role="stable"), by="kube")


def a_new_selector(made: History) -> None:
    made.edit("Service", OLD, lambda body: body["spec"].update(selector=labelled(NEW)))


def a_stolen_name(made: History) -> None:
    made.put("Service", "theirs", {"spec": {}}, by="kubectl")
    made.put("Service", "theirs", {"metadata": {**owned("fraud-theirs")}})


def two_artifacts(made: History) -> None:
    made.pod(NEW, "one", "server:2")
    made.pod(NEW, "two", "server:3")


def a_step_while_paused(made: History) -> None:
    made.ask(pause=f"{NEW}.1")
    made.model(rollout=attempt("Stepping", 1), analysis={"verdict": "Safe"})


BROKEN: list[tuple[str, Callable[[History], None]]] = [
    ("I1", too_little_capacity),
    ("I1", a_weight_on_a_lost_canary),
    ("I2", weights_of_90),
    ("I3", a_service_the_route_names),
    ("I4", a_drained_canary_too_early),
    ("I4", pods_that_serve),
    ("I4", pods_the_root_selects),
    ("I5", a_step_without_evidence),
    ("I5", a_step_before_its_gate),
    ("I6", harm_without_data),
    ("I7", a_skipped_step),
    ("I7", a_lost_attempt),
    ("I7", a_weight_before_its_status),
    ("I9", a_second_try),
    ("I10", a_finalizer),
    ("I10", a_child_of_nobody),
    ("I11", a_deaf_operator),
    ("I13", a_written_spec),
    ("I14", a_new_template),
    ("I15", a_label_moved),
    ("I15", a_new_selector),
    ("I16", a_stolen_name),
    ("I17", two_artifacts),
    ("I18", a_step_while_paused),
]


@pytest.mark.parametrize(("invariant", "seed"), BROKEN, ids=lambda one: getattr(one, "__name__", one))
def test_a_seeded_violation_is_caught(invariant: str, seed: Callable[[History], None]) -> None:
    made = stepping()

    seed(made)

    assert invariant in [violation.invariant for violation in violations(made.seen)]


def test_a_whole_rollout_breaks_nothing() -> None:
    assert [str(violation) for violation in violations(promoted().seen)] == []


def test_a_watch_that_is_behind_another_breaks_nothing() -> None:
    made = promoted()
    slices = [
        replace(seen, at=seen.at + 5) if seen.object["kind"] == "EndpointSlice" else seen
        for seen in made.seen
    ]
    assert list(violations(slices))

    assert not list(violations(dated(slices)))


def test_a_write_that_only_takes_away_has_no_stamp_of_its_own() -> None:
    made = stepping()
    (route,) = [seen for seen in made.seen if seen.object["kind"] == "HTTPRoute"][-1:]
    later = max(seen.at for seen in made.seen) + 60
    taken = copy.deepcopy(route.object)
    taken["metadata"] |= {"ownerReferences": [], "resourceVersion": str(len(made.seen))}
    history = [*made.seen, Seen(at=later - 30, object=made.seen[0].object), Seen(at=later, object=taken)]

    assert [seen.at for seen in dated(history)][-2:] == [later - 30, later]


def test_a_drain_counts_from_the_servers_time() -> None:
    made = promoted()
    moved = max(seen.at for seen in made.seen if seen.object["kind"] == "HTTPRoute")
    stalled = [replace(seen, at=max(seen.at, moved + 20)) for seen in made.seen if seen.at >= moved]

    assert not list(violations([*made.seen[: -len(stalled)], *stalled]))


def test_every_rule_has_a_seeded_violation() -> None:
    assert {invariant for invariant, _ in RULES} <= {invariant for invariant, _ in BROKEN}


def test_an_edit_by_somebody_else_is_not_ours() -> None:
    made = serving()

    made.edit("Deployment", OLD, lambda body: body["spec"].update(replicas=1), by="kubectl")

    assert list(violations(made.seen)) == []


def test_a_status_after_an_edit_by_somebody_else_is_not_ours() -> None:
    made = serving()

    made.edit("HTTPRoute", "fraud", weights_of_one, by="kubectl")
    made.edit("HTTPRoute", "fraud", lambda body: body.update(status={"parents": [{}]}), by="gateway")

    assert list(violations(made.seen)) == []


def weights_of_one(route: Object) -> None:
    route["spec"]["rules"][0]["backendRefs"][0]["weight"] = 1


def test_an_end_that_is_told_late_breaks_nothing() -> None:
    made = promoted()
    before = copy.deepcopy(made.objects["Service", "fraud"])
    before["metadata"]["uid"] = "Service-fraud-before"

    made.seen.append(Seen(at=made.clock, object=before, deleted=True))
    made.route(old=0, new=100)

    assert list(violations(made.seen)) == []
