"""Everything that happens to an operator, one thing at a time, by the roll of a die.

People change specs and their minds, pods die and come back, the judge and the gateway say what they like,
watches freeze, answers get lost, somebody edits what is Serin's. Each method of `Disturbances` is one such
thing.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import KIND, REVISION_LABEL
from serin.domain.status import State
from tests.component.cluster_in_memory import Clock, Object
from tests.component.story import Story, model
from tests.component.workloads import cron_job

IMAGES = ("server:1", "server:2", "server:3")
VERDICTS = (None, *Verdict, Verdict.SAFE, Verdict.SAFE)


class Disturbances:
    """What may happen to a story, and how it ends."""

    def __init__(self, story: Story, dice: Random, *, router: str) -> None:
        self.story, self.dice = story, dice
        self.happened: list[str] = []
        self.asked: dict[str, str] = {}
        self.spec: dict[str, Any] = {"router": router, "image": IMAGES[0], "replicas": 3, "paused": False}
        self.steps: tuple[int, ...] = (20, 60)
        self.gates: list[dict[str, Any]] = []
        story.cluster.show("CronJob", "eval-job", cron_job("eval-job"))
        self.submit()

    def submit(self) -> None:
        analysis = {"gates": self.gates}
        self.story.cluster.submit(
            "fraud", model(**self.spec, steps=self.steps, analysis=analysis), **self.asked
        )

    def disturb(self) -> None:
        """One thing happens."""
        usual = [self.spec_changes, self.pods_change, self.judge_speaks, self.person_asks, self.time_passes]
        rare = [
            self.process_is_killed,
            self.watch_freezes,
            self.answer_is_lost,
            self.rights_are_taken,
            self.gateway_sulks,
            self.somebody_edits,
            self.status_is_lost,
            self.owners_are_lost,
            self.child_is_deleted,
            self.size_changes,
            self.plan_changes,
            self.pods_fail,
            self.gates_change,
            self.gates_fail,
        ]
        self.dice.choice(usual if self.dice.random() < 0.6 else rare)()

    def end(self) -> None:
        """Whatever was disturbed is well again, and people want nothing more."""
        self.happened.append("END")
        cluster, controllers = self.story.cluster, self.story.controllers
        cluster.kill_at, cluster.mute = None, False
        cluster.denied.clear()
        controllers.ready.clear()
        controllers.crashing.clear()
        controllers.unschedulable.clear()
        controllers.refusing, controllers.deaf = None, False
        controllers.stuck = False
        controllers.jobs.clear()
        self.story.bell.silent = False
        self.story.bell.answering.clear()
        self.template_is_there(there=True)
        known = [f"to-{weight}" for weight in self.steps] + ["promotion"]
        self.gates = [gate for gate in self.gates if gate["beforeStep"] in known]
        self.story.jury.verdict = Verdict.SAFE
        self.spec["paused"] = False
        self.asked = {}
        self.submit()
        cluster.thaw()

    # People

    def spec_changes(self) -> None:
        self.spec["image"] = self._note("image", self.dice.choice(IMAGES))
        self.submit()

    def size_changes(self) -> None:
        self.spec["replicas"] = self._note("replicas", self.dice.choice((0, 1, 2, 3, 5)))
        self.submit()

    def plan_changes(self) -> None:
        self.steps = self._note("steps", self.dice.choice(((20, 60), (50,), (10, 30, 90), (5, 40))))
        self.submit()

    def gates_change(self) -> None:
        steps = [f"to-{self.steps[0]}", f"to-{self.steps[-1]}", "promotion"]
        kinds = (
            {"job": {"templateRef": {"name": "eval-job"}}},
            {"webhook": {"url": "https://hooks.example.com/licence"}},
        )
        names = self._note("gates", self.dice.sample(("one", "two", "three"), self.dice.randint(0, 3)))
        self.gates = [
            {"name": name, "beforeStep": self.dice.choice(steps), "retries": 1, **self.dice.choice(kinds)}
            for name in names
        ]
        self.submit()

    def person_asks(self) -> None:
        attempt = str((self.story.status.get("rollout") or {}).get("attempt", "fraud-0000000000.1"))
        if self.dice.random() < 0.3:
            attempt = f"{attempt.rpartition('.')[0]}.9"
        rejected = [entry["attempt"] for entry in self.story.status.get("rejected") or []]
        step = self.dice.choice([f"to-{weight}" for weight in self.steps] + ["full"])
        word = self.dice.choice(("promote", "abort", "retry", "pause", "paused", "nothing", "nothing"))
        self._note("asks", word)
        match word:
            case "promote":
                self.asked = {"promote": f"{attempt}:{step}"}
            case "abort" | "pause":
                self.asked = {word: attempt}
            case "retry":
                self.asked = {"retry": rejected[-1] if rejected else attempt}
            case "paused":
                self.spec["paused"] = not self.spec["paused"]
            case _:
                self.asked = {}
        self.submit()

    # The world

    def time_passes(self) -> None:
        Clock(self.story.cluster).move(self._note("seconds", self.dice.choice((1, 7, 31, 61, 130, 400))))

    def pods_change(self) -> None:
        if name := self._some("Deployment"):
            ready = self.story.controllers.ready
            count = self._note(f"ready {name}", self.dice.choice((0, 0, 1, 2, None, None, None)))
            if count is None:
                ready.pop(name, None)
            else:
                ready[name] = count

    def pods_fail(self) -> None:
        if name := self._some("Deployment"):
            how = self.dice.choice((self.story.controllers.crashing, self.story.controllers.unschedulable))
            self._note("fails", name)
            how ^= {name}

    def judge_speaks(self) -> None:
        self.story.jury.verdict = self._note("verdict", self.dice.choice(VERDICTS))

    def gates_fail(self) -> None:
        story, dice = self.story, self.dice
        how = self._note("gates", dice.choice(("fail", "get stuck", "go on", "have no template")))
        story.controllers.jobs = {name: [False] * dice.randint(0, 3) for name in ("one", "two", "three")}
        story.bell.answering = [dice.choice((200, 403, 503)) for _ in range(dice.randint(0, 3))]
        story.controllers.stuck = story.bell.silent = how == "get stuck"
        self.template_is_there(there=how != "have no template")

    def template_is_there(self, *, there: bool) -> None:
        known = ("CronJob", "eval-job") in self.story.cluster.objects
        if there and not known:
            self.story.cluster.show("CronJob", "eval-job", cron_job("eval-job"))
        elif known and not there:
            self.story.cluster.remove("CronJob", "eval-job")

    def gateway_sulks(self) -> None:
        controllers = self.story.controllers
        how = self._note("gateway", self.dice.choice(("deaf", "refusing", "well")))
        controllers.deaf = how == "deaf"
        controllers.refusing = "NoMatchingParent" if how == "refusing" else None

    # The operator's own world

    def process_is_killed(self) -> None:
        cluster = self.story.cluster
        cluster.kill_at = cluster.calls + self._note("killed in", self.dice.randint(1, 4))
        cluster.after_acting = self.dice.random() < 0.5

    def watch_freezes(self) -> None:
        cluster = self.story.cluster
        if cluster.frozen and self.dice.random() < 0.6:
            cluster.thaw()
            return
        kinds = (KIND, "Deployment", "EndpointSlice", "HTTPRoute", "Service", "Pod", "Job")
        cluster.frozen.add(self._note("freezes", self.dice.choice(kinds)))

    def answer_is_lost(self) -> None:
        self._note("answer", "lost")
        self.story.cluster.mute = True

    def rights_are_taken(self) -> None:
        kinds = ("HTTPRoute", "Deployment", "Service", "ControllerRevision", "Job")
        self.story.cluster.denied ^= {self._note("denied", self.dice.choice(kinds))}

    # Foreign hands

    def somebody_edits(self) -> None:
        kind = self.dice.choice(("Deployment", "HTTPRoute", "Service"))
        name = self._some(kind)
        if name is None:
            return
        self._note("edits", f"{kind}/{name}")
        edits: dict[str, Callable[[Object], None]] = {
            "Deployment": self._resize,
            "HTTPRoute": self._reroute,
            "Service": self._reselect,
        }
        self.story.cluster.edit(kind, name, edits[kind])

    def _resize(self, obj: Object) -> None:
        obj["spec"]["replicas"] = self.dice.choice((0, 1, 4))

    def _reroute(self, obj: Object) -> None:
        for backend in obj["spec"]["rules"][0]["backendRefs"]:
            backend["weight"] = self.dice.choice((0, 30, 100))

    def _reselect(self, obj: Object) -> None:
        if REVISION_LABEL in obj["metadata"]["labels"]:
            return
        deployments = [name for kind, name in self.story.cluster.objects if kind == "Deployment"]
        chosen = self.dice.choice([*deployments, "fraud-0000000000"])
        obj["spec"]["selector"] = {
            **obj["spec"]["selector"],
            REVISION_LABEL: chosen.removeprefix("fraud-"),
        }

    def status_is_lost(self) -> None:
        self._note("status", "lost")

        def wipe(obj: Object) -> None:
            obj["status"] = {"observedGeneration": -1}

        self.story.cluster.edit(KIND, "fraud", wipe)

    def owners_are_lost(self) -> None:
        kind = self.dice.choice(("Deployment", "Service", "HTTPRoute", "ControllerRevision"))
        if name := self._some(kind):
            self._note("orphans", f"{kind}/{name}")
            self.story.cluster.edit(kind, name, lambda obj: obj["metadata"].pop("ownerReferences", None))

    def child_is_deleted(self) -> None:
        kind = self.dice.choice(("Deployment", "Service", "HTTPRoute", "Job"))
        if name := self._some(kind):
            self._note("deletes", f"{kind}/{name}")
            self.story.cluster.remove(kind, name)

    def _some(self, kind: str) -> str | None:
        names = sorted(name for known, name in self.story.cluster.objects if known == kind)
        return self.dice.choice(names) if names else None

    def _note(self, what: str, value: Any) -> Any:
        state = (self.story.status.get("rollout") or {}).get("state", State.IDLE)
        self.happened.append(f"{what}: {value} ({state})")
        return value
