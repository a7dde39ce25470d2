"""Drives one ModelDeployment through its life in memory: look, let controllers settle, move the clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from serin.catalogue.loader import Catalogue, builtin
from serin.domain.analysis.guards import GuardPolicy, GuardReading, GuardRequest
from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.gates import GateAnswer, GateRun
from serin.domain.names import KIND, Key
from serin.domain.rollout.world import Notice
from serin.kube.errors import Forbidden, Invalid, KubeError
from serin.prom.endpoints import Endpoint
from serin.reconciler import Reconciler
from serin.runtime.channels import Channels
from serin.runtime.gatekeeper import Gatekeeper
from serin.runtime.inquiries import Inquiries
from serin.runtime.notifier import Notifier
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.webhooks import answer_of
from tests.component.cluster_in_memory import Clock, ClusterInMemory, Killed
from tests.component.controllers import Controllers

PROMETHEUS = "http://prometheus:9090"
LOOKS = 200
"""Looks after which a story that does not end is taken for one that never will."""


@dataclass(slots=True)
class Scribe:
    """Keeps the Events that were told."""

    told: list[str] = field(default_factory=list)

    def record(self, model: Mapping[str, Any], notice: Notice) -> None:
        self.told.append(notice.reason)


@dataclass(slots=True)
class Jury:
    """Gives the verdict it was told to give, on whatever is followed."""

    cluster: ClusterInMemory
    verdict: Verdict | None = None
    followed: TrialRequest | None = None
    decided_at: float | None = None
    """The last boundary it decided on, in Unix seconds; None for the present."""

    def follow(self, key: Key, request: TrialRequest, source: str) -> None:
        self.followed = request

    def forget(self, key: Key) -> None:
        self.followed = None

    def word(self, key: Key) -> Assessment | None:
        asked = self.followed
        if asked is None or self.verdict is None:
            return None
        return Assessment(
            attempt=asked.attempt,
            step=asked.step,
            policy_hash=asked.policy.fingerprint(),
            verdict=self.verdict,
            signals=(),
            boundary=self.cluster.now.timestamp() if self.decided_at is None else self.decided_at,
            reason=self.verdict.value,
            message=f"the jury says {self.verdict.value}",
            available=self.verdict is not Verdict.NO_DATA,
        )


@dataclass(slots=True)
class Sentries:
    """Guards that see what they are told to see; every look at them is one more."""

    seen: dict[str, float] = field(default_factory=dict)
    followed: GuardRequest | None = None
    known: dict[GuardPolicy, GuardReading] = field(default_factory=dict)

    def follow(self, key: Key, request: GuardRequest, source: str) -> None:
        if self.followed is None or self.followed.attempt != request.attempt:
            self.known = {}
        self.followed = request

    def forget(self, key: Key) -> None:
        self.followed = None
        self.known = {}

    def readings(self, key: Key) -> tuple[GuardReading, ...]:
        if self.followed is None:
            return ()
        found = {}
        for guard in self.followed.guards:
            before = self.known.get(guard, GuardReading(attempt=self.followed.attempt, guard=guard))
            found[guard] = before.after([self.seen[guard.name]] if guard.name in self.seen else [])
        self.known = found
        return tuple(found.values())


@dataclass(slots=True)
class Bell:
    """Webhooks that answer what they are told to, and know by which keys they were asked."""

    silent: bool = False
    answering: list[int] = field(default_factory=list)
    """The next answers; 200 where there are none left."""
    keys: list[str] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    known: dict[str, GateAnswer] = field(default_factory=dict)

    def ask(self, key: Key, run: GateRun, question: Mapping[str, Any]) -> None:
        if run.identity in self.known or self.silent:
            return
        self.keys.append(run.identity)
        self.asked.append(question)
        self.known[run.identity] = answer_of(self.answering.pop(0) if self.answering else 200, b"")

    def answers(self, key: Key) -> Mapping[str, GateAnswer]:
        return dict(self.known)

    def forget(self, key: Key) -> None:
        self.known.clear()


@dataclass(slots=True)
class Story:
    """One model, one operator process at a time."""

    cluster: ClusterInMemory = field(default_factory=ClusterInMemory)
    judged: bool = False
    scribe: Scribe = field(default_factory=Scribe)
    key: Key = field(default_factory=lambda: Key("ml", "fraud"))
    controllers: Controllers = field(init=False)
    jury: Jury = field(init=False)
    sentries: Sentries = field(default_factory=Sentries)
    bell: Bell = field(default_factory=Bell)
    whole: bool = True
    """Whether the latest look came to its end."""
    catalogue: Catalogue = field(default_factory=builtin)
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.controllers = Controllers(self.cluster)
        self.jury = Jury(self.cluster)
        self.start()

    def start(self) -> None:
        """A new operator process."""
        self.jury.followed = None
        self.sentries.forget(self.key)
        self.bell.forget(self.key)
        gates = Gatekeeper(
            self.cluster, self.bell, allowed=("https://hooks.example.com",), clock=Clock(self.cluster)
        )
        receivers = Notifier(
            current=self.cluster.store.model,
            allowed=(),
            channels=Channels(None),
            clock=Clock(self.cluster),
            counted=lambda form, outcome: None,
        )
        places = [Endpoint(name="main", url=PROMETHEUS)] if self.judged else []
        self.reconciler = Reconciler(
            kube=self.cluster,
            store=self.cluster.store,
            recorder=self.scribe,
            inquiries=Inquiries(
                judge=self.jury,
                guards=self.sentries,
                gates=gates,
                prometheuses=Prometheuses(places),
                receivers=receivers,
            ),
            catalogue=self.catalogue,
            served=frozenset({"HTTPRoute"}),
            clock=Clock(self.cluster),
        )

    def restart(self) -> None:
        self.cluster.restart()
        self.start()

    async def look(self) -> float | None:
        """One look; a process that dies in it starts again, and what fails is looked at again, as by a
        worker.
        """
        self.whole = False
        try:
            again = await self.reconciler.reconcile(self.key)
        except Killed:
            self.restart()
            return 0.0
        except (Forbidden, Invalid):
            return 5.0
        except KubeError:
            self.cluster.thaw()
            return 0.0
        self.whole = True
        return again

    async def until(self, done: Callable[["Story"], bool]) -> "Story":
        """Go on, jumping to whatever the operator waits for next, until something holds."""
        for _ in range(LOOKS):
            again = await self.look()
            events = self.controllers.settle()
            if self.whole and done(self):
                return self
            if not events:
                Clock(self.cluster).move(1.0 if again is None else max(again, 0.05))
        raise AssertionError(f"never came to it; the status says {self.status}")

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.cluster.objects[KIND, self.key.name].get("status") or {})

    @property
    def phase(self) -> str:
        return str(self.status.get("phase"))

    def condition(self, kind: str) -> tuple[str, str] | None:
        for entry in self.status.get("conditions", []):
            if entry["type"] == kind:
                return entry["status"], entry["reason"]
        return None

    def replicas(self) -> dict[str, int]:
        return {
            name: obj["spec"]["replicas"]
            for (kind, name), obj in self.cluster.objects.items()
            if kind == "Deployment" and obj["spec"]["replicas"]
        }

    def weights(self) -> dict[str, int]:
        rules = self.cluster.objects["HTTPRoute", self.key.name]["spec"]["rules"]
        return {entry["name"]: entry["weight"] for entry in rules[0]["backendRefs"] if entry["weight"]}

    @property
    def attempt(self) -> str:
        """The attempt under way."""
        return str(self.status["rollout"]["attempt"])

    def written(self) -> list[str]:
        """The writes since the last call."""
        writes, self.cluster.writes = self.cluster.writes, []
        return writes


def model(
    image: str = "server:1",
    *,
    router: str = "GatewayAPI",
    steps: tuple[int, ...] = (20, 60),
    replicas: int = 3,
    **more: Any,
) -> dict[str, Any]:
    """A spec with good defaults and named changes."""
    traffic: dict[str, Any] = {"router": router, "drainSeconds": 30}
    if router == "GatewayAPI":
        traffic["gatewayAPI"] = {"parentRefs": [{"name": "public"}], "hostnames": ["fraud.example.com"]}
    spec = {
        "model": {"format": "sklearn"},
        "replicas": replicas,
        "template": {"spec": {"containers": [{"name": "model", "image": image}]}},
        "traffic": traffic,
        "rollout": {
            "canary": {"steps": [{"name": f"to-{w}", "weight": w, "minSeconds": 60} for w in steps]},
            "bakeSeconds": 300,
        },
    }
    return {**spec, **more}


def phase(name: str) -> Callable[[Story], bool]:
    """The story has come to a phase, and its status speaks of the newest generation."""

    def reached(story: Story) -> bool:
        generation = story.cluster.objects[KIND, story.key.name]["metadata"]["generation"]
        return story.phase == name and story.status["observedGeneration"] == generation

    return reached


async def stepping(spec: Mapping[str, Any], new: Mapping[str, Any], *, judged: bool = False) -> Story:
    """A model whose canary has the weight of its first step, and the router knows."""
    story = await served(spec, judged=judged)
    story.cluster.submit("fraud", new)
    await story.until(phase("Stepping"))
    story.controllers.settle()
    await story.look()
    return story


async def served(spec: Mapping[str, Any] | None = None, *, judged: bool = False) -> Story:
    """A model whose first revision serves."""
    story = Story(judged=judged)
    story.cluster.submit("fraud", spec or model())
    return await story.until(phase("Ready"))
