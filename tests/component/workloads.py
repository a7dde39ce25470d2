"""The reference runs: what people do to one model, told once for every disturbance it has to survive.

A run that was disturbed must end as the undisturbed one did, with the same writes and along the same weights.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serin.domain.analysis.verdict import Verdict
from tests.component.story import Story, model, phase

Workload = Callable[[Story, str], Awaitable[None]]


async def create(story: Story, router: str) -> None:
    story.cluster.submit("fraud", model(router=router))
    await story.until(phase("Ready"))


async def good_canary(story: Story, router: str) -> None:
    await create(story, router)
    story.cluster.submit("fraud", model("server:2", router=router))
    await story.until(phase("Ready"))


async def bad_canary(story: Story, router: str) -> None:
    await create(story, router)
    story.cluster.submit("fraud", model("server:2", router=router))
    await story.until(phase("Stepping"))
    story.jury.verdict = Verdict.HARM
    await story.until(phase("RolledBack"))


async def there_and_back(story: Story, router: str) -> None:
    await create(story, router)
    story.cluster.submit("fraud", model("server:2", router=router))
    await story.until(phase("Stepping"))
    story.cluster.submit("fraud", model(router=router))
    await story.until(phase("Ready"))


async def overtaken(story: Story, router: str) -> None:
    await create(story, router)
    story.cluster.submit("fraud", model("server:2", router=router))
    await story.until(phase("Stepping"))
    story.cluster.submit("fraud", model("server:3", router=router))
    await story.until(phase("Ready"))


async def regretted_in_the_bake(story: Story, router: str) -> None:
    await create(story, router)
    story.cluster.submit("fraud", model("server:2", router=router))
    await story.until(phase("Baking"))
    story.cluster.submit("fraud", model(router=router))
    await story.until(phase("Ready"))


async def scaled(story: Story, router: str) -> None:
    await create(story, router)
    story.cluster.submit("fraud", model("server:2", router=router, replicas=4))
    await story.until(phase("Stepping"))
    story.cluster.submit("fraud", model("server:2", router=router, replicas=2))
    await story.until(phase("Ready"))


async def paused(story: Story, router: str) -> None:
    await create(story, router)
    story.cluster.submit("fraud", model("server:2", router=router))
    await story.until(phase("Stepping"))
    story.cluster.submit("fraud", model("server:2", router=router, paused=True))
    await story.until(lambda story: story.condition("Ready") == ("Unknown", "Paused"))
    story.cluster.submit("fraud", model("server:2", router=router))
    await story.until(phase("Ready"))


async def retried(story: Story, router: str) -> None:
    await bad_canary(story, router)
    story.jury.verdict = Verdict.SAFE
    rejected = story.status["rejected"][0]["attempt"]
    story.cluster.submit("fraud", model("server:2", router=router), retry=rejected)
    await story.until(phase("Ready"))


async def gated(story: Story, router: str) -> None:
    story.controllers.jobs["eval"] = [False]
    story.bell.answering += [503]
    await _gated(story, router)
    await story.until(phase("Ready"))


async def gate_says_no(story: Story, router: str) -> None:
    story.controllers.jobs["sign-off"] = [False, False]
    await _gated(story, router)
    await story.until(phase("RolledBack"))


async def _gated(story: Story, router: str) -> None:
    """A Job before the first step, a webhook before the second, another Job before the promotion."""
    story.cluster.show("CronJob", "eval-job", cron_job("eval-job"))
    story.cluster.submit("fraud", model(router=router))
    await story.until(phase("Ready"))
    story.cluster.submit("fraud", model("server:2", router=router, analysis={"gates": GATES}))


GATES = [
    {"name": "eval", "beforeStep": "to-20", "job": {"templateRef": {"name": "eval-job"}}},
    {"name": "licence", "beforeStep": "to-60", "webhook": {"url": "https://hooks.example.com/licence"}},
    {
        "name": "sign-off",
        "beforeStep": "promotion",
        "job": {"templateRef": {"name": "eval-job"}},
        "retries": 1,
    },
]


def cron_job(name: str, *, container: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A suspended CronJob, as the API server gives it back."""
    server = {"name": "eval", "image": "eval:1", "command": ["evaluate"], **(container or {})}
    template = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [server]}}}}
    metadata = {"name": name, "namespace": "ml", "uid": f"uid-of-{name}", "labels": {}}
    return {"metadata": metadata, "spec": {"suspend": True, "jobTemplate": template}}


WORKLOADS: tuple[Workload, ...] = (
    create,
    good_canary,
    bad_canary,
    there_and_back,
    overtaken,
    regretted_in_the_bake,
    scaled,
    paused,
    retried,
    gated,
    gate_says_no,
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run comes to: the objects without what differs by chance, the writes, the way of the weights."""

    objects: Mapping[str, Any]
    writes: Counter[str]
    path: tuple[Mapping[str, int], ...]
    calls: int


async def told(workload: Workload, router: str, story: Story) -> Ending:
    """Run a workload to its end."""
    await workload(story, router)
    cluster = story.cluster
    objects = {f"{kind}/{name}": masked(obj) for (kind, name), obj in cluster.objects.items()}
    # Numbers and evidence are worth a status after some time, so how many there are is chance.
    writes = Counter(write for write in cluster.writes if not write.startswith("status"))
    return Ending(objects, writes, tuple(cluster.path), cluster.calls)


def story_of(workload: Workload) -> Story:
    """A story to run a workload in; where verdicts act, everything is safe without another word."""
    story = Story(judged=workload in JUDGED)
    story.jury.verdict = Verdict.SAFE
    return story


JUDGED = (bad_canary, retried)

VOLATILE = frozenset(
    {
        "resourceVersion",
        "generation",
        "observedGeneration",
        "managedFields",
        "uid",
        "lastTransitionTime",
        "since",
        "at",
        "confirmedAt",
        "startedAt",
        "finishedAt",
        "stepStartedAt",
        "analysisStart",
        "until",
        "message",
    }
)


def masked(value: Any) -> Any:
    """Without times, versions, and the sentences that hold them."""
    if isinstance(value, Mapping):
        return {name: masked(inner) for name, inner in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value
