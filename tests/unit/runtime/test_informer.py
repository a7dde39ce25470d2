"""The informer: nothing shown is lost, what is deleted goes, and no fault makes it give up or hurry."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from serin.domain.names import Key
from serin.kube.errors import KubeError, Request, Throttled, Unavailable
from serin.kube.streams import FORGOTTEN, SILENT_SECONDS, Page
from serin.runtime.informer import LONGEST_BACKOFF_SECONDS, Informer
from serin.runtime.store import Store
from tests.unit.runtime.objects import Object, deployment

pytestmark = pytest.mark.looptime(start=0)

FRAUD = Key("ml", "fraud")
REQUEST = Request("watch", "Deployment", None)
FOREVER = 10_000.0

Step = Mapping[str, Any] | KubeError


def clock() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Server:
    """Gives the pages it has, then for each watch the next list of steps; a watch without steps is silent."""

    pages: list[list[Object]] = field(default_factory=lambda: [[]])
    watches: list[list[Step]] = field(default_factory=list)
    refusals: list[KubeError] = field(default_factory=list)
    version: int = 100
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def page(self, kind: str, namespace: str | None, *, after: str = "") -> Page:
        self.asked.append((clock(), f"list {after}".strip()))
        if self.refusals:
            raise self.refusals.pop(0)
        number = int(after or 0)
        more = str(number + 1) if number + 1 < len(self.pages) else ""
        return Page(str(self.version), tuple(self.pages[number]), more)

    async def changes(
        self, kind: str, namespace: str | None, *, since: str, seconds: float
    ) -> AsyncIterator[Mapping[str, Any]]:
        self.asked.append((clock(), f"watch {since}"))
        for step in self.watches.pop(0) if self.watches else [{}]:
            if isinstance(step, KubeError):
                raise step
            await asyncio.sleep(1 if step else FOREVER)
            yield step

    @property
    def requests(self) -> list[str]:
        return [what for _, what in self.asked]


def changed(kind: str, version: int, **named: Any) -> dict[str, Any]:
    return {"type": kind, "object": deployment(version=version, **named)}


def forgotten() -> KubeError:
    return Unavailable(REQUEST, "too old resource version", status=FORGOTTEN)


@dataclass
class Desk:
    """An informer of Deployments with a store, and the keys it said had lost something."""

    server: Server
    store: Store = field(default_factory=Store)
    lost: list[Key] = field(default_factory=list)
    informer: Informer = field(init=False)

    def __post_init__(self) -> None:
        self.informer = Informer(
            "Deployment",
            None,
            known=self.store,
            shown=self.shown,
            lost=self.lost.append,
            random=Random(1),
            clock=clock,
        )

    def shown(self, event: Mapping[str, Any]) -> None:
        self.store.observe("Deployment", event)

    async def work(self, seconds: float) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.informer.run(self.server)

    def known(self) -> set[tuple[str, str]]:
        return {(row.uid, row.resource_version) for row in self.store.names("Deployment")}


async def test_all_pages_are_shown_and_then_what_changes() -> None:
    pages = [
        [deployment(uid="a", version=5)],
        [deployment(uid="b", version=6, name="fraud-r2", revision="r2")],
    ]
    desk = Desk(Server(pages=pages, watches=[[changed("MODIFIED", 101, uid="a"), {}]]))

    await desk.work(10)

    assert desk.server.requests == ["list", "list 1", "watch 100"]
    assert desk.known() == {("a", "101"), ("b", "6")}


async def test_all_there_was_has_been_seen_after_the_last_page() -> None:
    pages = [[deployment(uid="a", version=5)], [deployment(uid="b", version=6)]]
    desk = Desk(Server(pages=pages, refusals=[Throttled(REQUEST, "starting", retry_after=5)]))
    following = asyncio.create_task(desk.informer.run(desk.server))
    listed = asyncio.create_task(desk.informer.listed())
    await asyncio.sleep(4)
    assert not listed.done()

    await listed

    assert desk.server.requests[:3] == ["list", "list", "list 1"]
    assert len(desk.known()) == 1  # the later of two by one name
    following.cancel()


async def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    mark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "140"}}}
    watches: list[list[Step]] = [[changed("ADDED", 101)], [mark, Unavailable(REQUEST, "connection reset")]]
    desk = Desk(Server(watches=watches))

    await desk.work(20)

    assert desk.server.requests == ["list", "watch 100", "watch 101", "watch 140"]


async def test_what_was_deleted_unseen_is_lost_after_the_place_is_forgotten() -> None:
    desk = Desk(Server(pages=[[deployment(uid="a", version=5)]], watches=[[forgotten()]]))

    async def all_deleted() -> None:
        await asyncio.sleep(0.01)
        desk.server.pages, desk.server.version = [[]], 200

    await asyncio.gather(desk.work(10), all_deleted())

    assert desk.known() == set()
    assert desk.lost == [FRAUD]
    assert desk.server.requests == ["list", "watch 100", "list", "watch 200"]


async def test_what_was_written_after_the_list_was_made_is_kept() -> None:
    desk = Desk(Server(watches=[[forgotten()]]))
    desk.store.remember("Deployment", deployment(uid="new", version=150))

    await desk.work(10)

    assert desk.known() == {("new", "150")}
    assert desk.lost == []


async def test_an_outage_is_waited_for_ever_more_slowly_and_no_fault() -> None:
    desk = Desk(Server(refusals=[Unavailable(REQUEST, "refused")] * 40))

    await desk.work(600)

    tries = [at for at, _ in desk.server.asked]
    pauses = [later - sooner for sooner, later in pairwise(tries)]
    assert pauses[0] <= 0.2
    assert max(pauses) <= LONGEST_BACKOFF_SECONDS
    assert len(tries) < 50
    assert desk.informer.fault() is None


async def test_a_server_that_asks_for_peace_gets_it() -> None:
    desk = Desk(Server(refusals=[Throttled(REQUEST, "busy", retry_after=7)]))

    await desk.work(20)

    assert [at for at, _ in desk.server.asked] == [0, 7, 7]


async def test_a_watch_that_always_ends_at_once_is_no_hot_loop() -> None:
    desk = Desk(Server(watches=[[] for _ in range(1000)]))

    await desk.work(60)

    assert len(desk.server.asked) < 15


async def test_a_place_that_is_forgotten_again_and_again_is_no_hot_loop() -> None:
    desk = Desk(Server(watches=[[forgotten()] for _ in range(1000)]))

    await desk.work(60)

    assert len(desk.server.asked) < 25


async def test_a_watch_that_hangs_is_a_fault() -> None:
    desk = Desk(Server())

    await desk.work(2 * SILENT_SECONDS + 1)

    assert desk.informer.fault() == (
        f"the watch of Deployment has neither heard nor tried anything for {2 * SILENT_SECONDS + 1:.0f} s"
    )
