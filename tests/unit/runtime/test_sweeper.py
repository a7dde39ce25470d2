"""The sweeper: lost deletions are found, living objects spared, and a watch that has stalled is told."""

import asyncio

import pytest

from serin.domain.names import Key
from serin.kube.client import Listing, Named
from serin.kube.errors import KubeError, Request, Unavailable
from serin.runtime.store import Store
from serin.runtime.sweeper import PATIENCE_SECONDS, StalledWatch, Sweeper
from tests.unit.runtime.objects import deployment, model, seen

pytestmark = pytest.mark.looptime(start=0)

FRAUD = Key("ml", "fraud")
LIST = Request("list", "Deployment", None)


class Server:
    """Lists what it is told exists; errors come first."""

    def __init__(self, *, version: int = 100) -> None:
        self.rows: dict[str, list[Named]] = {}
        self.version = version
        self.errors: list[KubeError] = []
        self.asked: list[tuple[str, str | None]] = []

    async def list_metadata(self, kind: str, namespace: str | None = None) -> Listing:
        self.asked.append((kind, namespace))
        if self.errors:
            raise self.errors.pop(0)
        return Listing(str(self.version), tuple(self.rows.get(kind, ())))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def found() -> list[tuple[Key, str]]:
    return []


@pytest.fixture
def sweeper(server: Server, store: Store, found: list[tuple[Key, str]]) -> Sweeper:
    return Sweeper(
        server,
        store,
        kinds=["ModelDeployment", "Deployment", "Pod"],
        namespaces=[],
        found=lambda key, kind: found.append((key, kind)),
    )


async def test_what_exists_no_more_is_dropped_and_its_owner_told(
    sweeper: Sweeper, store: Store, found: list[tuple[Key, str]]
) -> None:
    store.put(seen(model()))
    store.observe("Deployment", seen(deployment()))

    await sweeper.sweep()

    assert found == [(FRAUD, "ModelDeployment"), (FRAUD, "Deployment")]
    assert store.model(FRAUD) is None
    assert store.observed(FRAUD).workloads == {}


async def test_what_exists_is_spared(
    sweeper: Sweeper, server: Server, store: Store, found: list[tuple[Key, str]]
) -> None:
    store.observe("Deployment", seen(deployment(uid="c-1")))
    server.rows["Deployment"] = [Named("ml", "fraud-r1", "c-1", "20")]

    await sweeper.sweep()

    assert found == []


async def test_what_is_younger_than_the_list_is_spared(
    sweeper: Sweeper, server: Server, store: Store, found: list[tuple[Key, str]]
) -> None:
    store.observe("Deployment", seen(deployment(version=server.version + 1)))

    await sweeper.sweep()

    assert found == []


async def test_an_object_made_anew_is_told_from_the_one_before(
    sweeper: Sweeper, server: Server, store: Store, found: list[tuple[Key, str]]
) -> None:
    store.observe("Deployment", seen(deployment(uid="c-1")))
    server.rows["Deployment"] = [Named("ml", "fraud-r1", "c-2", "90")]

    sweeping = asyncio.create_task(sweeper.sweep())
    await asyncio.sleep(1)
    assert found == [(FRAUD, "Deployment")]
    store.observe("Deployment", seen(deployment(uid="c-2", version=90)))
    await sweeping

    assert set(store.observed(FRAUD).workloads) == {"r1"}


@pytest.mark.parametrize("shown", [20, None], ids=["an old version", "nothing"])
async def test_a_watch_that_shows_nothing_more_ends_the_sweeper(
    sweeper: Sweeper, server: Server, store: Store, looptime: float, shown: int | None
) -> None:
    if shown is not None:
        store.observe("Deployment", seen(deployment(version=shown)))
    server.rows["Deployment"] = [Named("ml", "fraud-r1", "c-1", "90")]

    with pytest.raises(StalledWatch, match=r"of Deployment .* what became of ml/fraud-r1$"):
        await sweeper.run(600)

    assert looptime == 600 + PATIENCE_SECONDS


async def test_a_watch_that_is_late_may_catch_up(sweeper: Sweeper, server: Server, store: Store) -> None:
    store.observe("Deployment", seen(deployment(version=20)))
    server.rows["Deployment"] = [Named("ml", "fraud-r1", "c-1", "90"), Named("ml", "brief", "c-3", "80")]

    sweeping = asyncio.create_task(sweeper.sweep())
    await asyncio.sleep(PATIENCE_SECONDS - 1)
    store.observe("Deployment", seen(deployment(version=90)))
    server.rows["Deployment"].pop()

    await sweeping


async def test_other_namespaces_are_not_swept(server: Server, store: Store) -> None:
    found: list[Key] = []
    sweeper = Sweeper(
        server, store, kinds=["Deployment"], namespaces=["a"], found=lambda key, _: found.append(key)
    )
    store.observe("Deployment", seen(deployment()))

    await sweeper.sweep()

    assert server.asked == [("Deployment", "a")]
    assert found == []


async def test_a_list_that_fails_keeps_no_other_from_being_made(
    sweeper: Sweeper, server: Server, store: Store, found: list[tuple[Key, str]]
) -> None:
    store.observe("Deployment", seen(deployment()))
    server.errors = [Unavailable(LIST, "gone")]

    await sweeper.sweep()

    assert found == [(FRAUD, "Deployment")]


async def test_a_list_that_fails_is_tried_again_at_the_next_sweep(
    sweeper: Sweeper, server: Server, store: Store, found: list[tuple[Key, str]]
) -> None:
    store.put(seen(model()))
    server.errors = [Unavailable(LIST, "gone")]
    running = asyncio.create_task(sweeper.run(600))

    await asyncio.sleep(601)
    assert found == []
    await asyncio.sleep(600)

    assert found == [(FRAUD, "ModelDeployment")]
    running.cancel()
