"""A model and its children as one picture, read once or followed as they change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from serin.domain.names import Key
from serin.domain.observed import PodView, RevisionView, WorkloadView
from serin.kube.errors import KubeError
from serin.kube.kinds import MODEL_DEPLOYMENT, Kind
from serin.plugin.cluster import CHILDREN, Cluster, of_model
from serin.plugin.models import Model, Object
from serin.runtime.projections import project

AGAIN_SECONDS: Final = 2.0
"""Until a watch that broke is taken up again."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, and what kubectl would show of it."""

    view: PodView
    created: datetime
    phase: str


@dataclass(frozen=True, slots=True)
class Workload:
    """A revision's Deployment with its pods, oldest first; `number` counts the model's revisions."""

    view: WorkloadView
    created: datetime
    number: int | None
    pods: tuple[Pod, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A model with its workloads, newest revision first."""

    model: Model
    workloads: tuple[Workload, ...]


def family_of(model: Object, children: dict[str, list[Object]]) -> Family:
    """The picture of what was read, by kind; what is none of the model's is left out."""
    numbers = {
        view.hash: view.number
        for raw in children["ControllerRevision"]
        if isinstance(view := project("ControllerRevision", raw), RevisionView)
    }
    pods = [pod for raw in children["Pod"] if (pod := _pod(raw)) is not None]
    pods.sort(key=lambda pod: (pod.created, pod.view.name))
    workloads = [
        Workload(
            view=view,
            created=_created(raw),
            number=numbers.get(view.revision),
            pods=tuple(pod for pod in pods if pod.view.revision == view.revision),
        )
        for raw in children["Deployment"]
        if isinstance(view := project("Deployment", raw), WorkloadView)
    ]
    workloads.sort(key=lambda one: (one.number or 0, one.created), reverse=True)
    return Family(Model.of(model), tuple(workloads))


def _pod(raw: Object) -> Pod | None:
    view = project("Pod", raw)
    if not isinstance(view, PodView):
        return None
    return Pod(view, _created(raw), (raw.get("status") or {}).get("phase", "Pending"))


def _created(raw: Object) -> datetime:
    return datetime.fromisoformat(raw["metadata"]["creationTimestamp"])


async def family(cluster: Cluster, key: Key) -> Family:
    """A model and its children as they are now."""
    model = await cluster.model(key)
    lists = await asyncio.gather(*(cluster.listed(kind, key.namespace, of_model(key)) for kind in CHILDREN))
    return family_of(model.raw, {kind.name: found for kind, (found, _) in zip(CHILDREN, lists, strict=True)})


@dataclass(slots=True)
class Following:
    """What is known of a model by watches that go on; `changed` is set by each news."""

    key: Key
    known: dict[str, dict[str, Object]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def gone(self) -> bool:
        """Whether the model was deleted."""
        return not self.known.get(MODEL_DEPLOYMENT.name)

    @property
    def model(self) -> Model:
        """The model as it was told last."""
        return Model.of(next(iter(self.known[MODEL_DEPLOYMENT.name].values())))

    @property
    def family(self) -> Family:
        """The picture as of the last news."""
        children = {kind.name: list(self.known.get(kind.name, {}).values()) for kind in CHILDREN}
        return family_of(self.model.raw, children)

    async def watch(self, cluster: Cluster, kind: Kind, first: asyncio.Event) -> None:
        """Keep what is known of a kind up to date; `first` is set when it is known for the first time."""
        own = kind is MODEL_DEPLOYMENT
        labels, fields = ("", f"metadata.name={self.key.name}") if own else (of_model(self.key), "")
        while True:
            try:
                found, since = await cluster.listed(kind, self.key.namespace, labels, fields=fields)
            except KubeError:
                if not first.is_set():
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self.known[kind.name] = {one["metadata"]["uid"]: one for one in found}
            self.changed.set()
            first.set()
            with suppress(KubeError):
                told = cluster.changes(kind, self.key.namespace, labels, fields=fields, since=since)
                async for change in told:
                    self._hear(kind, change["type"], change["object"])
            await asyncio.sleep(AGAIN_SECONDS)

    def _hear(self, kind: Kind, event: str, told: Object) -> None:
        known = self.known[kind.name]
        if event == "DELETED":
            known.pop(told["metadata"]["uid"], None)
        else:
            known[told["metadata"]["uid"]] = told
        self.changed.set()


@asynccontextmanager
async def following(cluster: Cluster, key: Key, *, children: bool = True) -> AsyncIterator[Following]:
    """A model that is watched, with its children or alone, as long as the block lasts.

    It is read once before, so that one that is missing is told as every command tells it.
    """
    await cluster.model(key)
    known = Following(key)
    kinds = (MODEL_DEPLOYMENT, *CHILDREN) if children else (MODEL_DEPLOYMENT,)
    firsts = [asyncio.Event() for _ in kinds]
    tasks = [
        asyncio.create_task(known.watch(cluster, kind, first))
        for kind, first in zip(kinds, firsts, strict=True)
    ]
    try:
        await _all_known(firsts, tasks)
        yield known
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _all_known(firsts: list[asyncio.Event], tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the first list of each kind; one that is refused is raised."""
    for first, task in zip(firsts, tasks, strict=True):
        waiting = asyncio.create_task(first.wait())
        await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
