"""What becomes of a key after a look, by how the look ended; under a virtual clock."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from serin.domain.names import Key
from serin.kube.errors import Conflict, KubeError, NotFound, Request, Throttled, Unavailable
from serin.runtime.queue import WorkQueue
from serin.runtime.telemetry import Telemetry
from serin.runtime.workers import STUCK_SECONDS, Workers

pytestmark = pytest.mark.looptime(start=0)

FRAUD, OTHER = Key("ml", "fraud"), Key("ml", "other")
REQUEST = Request("apply", "Service", "ml", "fraud")
STATUS = Request("patch status of", "ModelDeployment", "ml", "fraud")


class Looks:
    """Ends each look as it is told, and then contentedly; remembers when looks began."""

    def __init__(self) -> None:
        self.endings: list[Exception | float] = []
        self.seconds = 0.0
        self.at: list[float] = []
        self.held: set[Key] = set()
        self.most_at_once = 0

    async def reconcile(self, key: Key) -> float | None:
        assert key not in self.held
        self.held.add(key)
        self.most_at_once = max(self.most_at_once, len(self.held))
        self.at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        self.held.remove(key)
        ending = self.endings.pop(0) if self.endings else None
        if isinstance(ending, Exception):
            raise ending
        return ending


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def queue() -> WorkQueue[Key]:
    return WorkQueue(random=Random(1))


@pytest.fixture
def gone() -> list[Key]:
    return []


@pytest_asyncio.fixture
async def workers(looks: Looks, queue: WorkQueue[Key], gone: list[Key]) -> AsyncIterator[Workers]:
    workers = Workers(queue, looks, Telemetry(), count=2, gone=gone.append)
    running = asyncio.create_task(workers.run())
    yield workers
    queue.shut_down()
    await running


async def test_a_look_comes_again_when_it_asked_to(
    workers: Workers, looks: Looks, queue: WorkQueue[Key]
) -> None:
    looks.endings = [60.0]
    queue.add(FRAUD)

    await asyncio.sleep(3600)

    assert looks.at == [0, 60]


async def test_a_contented_look_comes_again_only_by_an_event(
    workers: Workers, looks: Looks, queue: WorkQueue[Key]
) -> None:
    queue.add(FRAUD)

    await asyncio.sleep(3600)

    assert looks.at == [0]


@pytest.mark.parametrize(
    "error", [Unavailable(REQUEST, "gone"), NotFound(REQUEST, "gone"), RuntimeError("bug"), ValueError()]
)
async def test_a_failed_look_is_repeated_after_a_back_off(
    workers: Workers, looks: Looks, queue: WorkQueue[Key], error: Exception
) -> None:
    looks.endings = [error, error]
    queue.add(FRAUD)

    await asyncio.sleep(3600)

    first, second, third = looks.at
    assert 0.5 <= second - first <= 1
    assert 1 <= third - second <= 2


async def test_a_conflict_is_repeated_soon(workers: Workers, looks: Looks, queue: WorkQueue[Key]) -> None:
    looks.endings = [Conflict(REQUEST, "modified")]
    queue.add(FRAUD)

    await asyncio.sleep(3600)

    assert 0 < looks.at[1] <= 0.1


async def test_the_servers_wish_for_a_pause_is_granted(
    workers: Workers, looks: Looks, queue: WorkQueue[Key]
) -> None:
    looks.endings = [Throttled(REQUEST, "busy", retry_after=7)]
    queue.add(FRAUD)

    await asyncio.sleep(3600)

    assert looks.at == [0, 7]


async def test_a_success_ends_the_back_off(workers: Workers, looks: Looks, queue: WorkQueue[Key]) -> None:
    fault: KubeError = Unavailable(REQUEST, "gone")
    looks.endings = [fault, fault, fault, 100.0, fault]
    queue.add(FRAUD)

    await asyncio.sleep(3600)

    assert looks.at[5] - looks.at[4] <= 1


async def test_a_model_the_server_does_not_have_is_told_of(
    workers: Workers, looks: Looks, queue: WorkQueue[Key], gone: list[Key]
) -> None:
    looks.endings = [NotFound(STATUS, "no such object")]
    queue.add(FRAUD)

    await asyncio.sleep(1)

    assert gone == [FRAUD]


async def test_a_bug_with_one_model_does_not_touch_another(
    workers: Workers, looks: Looks, queue: WorkQueue[Key]
) -> None:
    looks.endings = [RuntimeError("bug")]
    queue.add(FRAUD)
    queue.add(OTHER)

    await asyncio.sleep(0.1)

    assert looks.at == [0, 0]


async def test_no_more_looks_run_at_once_than_there_are_workers(
    workers: Workers, looks: Looks, queue: WorkQueue[Key]
) -> None:
    looks.seconds = 1
    for number in range(6):
        queue.add(Key("ml", f"m-{number}"))

    await asyncio.sleep(10)

    assert looks.most_at_once == 2
    assert looks.at == [0, 0, 1, 1, 2, 2]


async def test_a_look_that_hangs_is_noticed(workers: Workers, looks: Looks, queue: WorkQueue[Key]) -> None:
    looks.seconds = STUCK_SECONDS + 30
    queue.add(FRAUD)

    await asyncio.sleep(STUCK_SECONDS - 1)
    assert workers.stuck() is None
    await asyncio.sleep(11)
    assert workers.stuck() == "the look at ml/fraud has not gone on for 60 s"
    await asyncio.sleep(60)
    assert workers.stuck() is None
