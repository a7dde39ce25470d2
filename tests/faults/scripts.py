"""Faults that are more than one wrong answer: crashes, stale views, gaps, an absent server, a token's end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from tests.faults.acts import (
    Act,
    Rule,
    killed_after,
    killed_before,
    then,
)
from tests.faults.run import Fault, Scene
from tests.stage.operator import ACCOUNT

AWAY_SECONDS: Final = 3.0
ANSWERED_SECONDS: Final = 0.05
"""What an answer needs to get through."""
WRITES: Final = ("apply", "patch", "delete")

At = Callable[[Act], Rule]
"""A rule at a moment that the caller knows."""


def crash_unanswered(at: At) -> Fault:
    """The server has acted, and the operator dies before it hears of it."""

    def fault(scene: Scene) -> None:
        scene.proxy.lay(at(killed_after(scene.kept.kill)))

    return fault


def crash_answered(at: At) -> Fault:
    """The operator hears of it, goes on, and dies when it wants to write next."""

    def fault(scene: Scene) -> None:
        async def armed() -> None:
            scene.proxy.lay(Rule(verb=WRITES, act=killed_before(scene.kept.kill)))

        scene.proxy.lay(at(then(armed)))

    return fault


def crash_twice(at: At, later: int) -> Fault:
    """A crash, and another at one of the first writes of the next process."""

    def fault(scene: Scene) -> None:
        async def kill() -> None:
            await scene.kept.kill()
            second = killed_after if scene.dice.random() < 0.5 else killed_before
            scene.proxy.lay(Rule(verb=WRITES, nth=later, act=second(scene.kept.kill)))

        scene.proxy.lay(at(killed_after(kill)))

    return fault


def server_away(at: At) -> Fault:
    """The server acts and answers, and then is away for a while."""

    def fault(scene: Scene) -> None:
        async def away() -> None:
            await asyncio.sleep(ANSWERED_SECONDS)
            async with scene.proxy.down():
                await asyncio.sleep(AWAY_SECONDS)

        scene.proxy.lay(at(then(beside(scene, away))))

    return fault


def server_killed(at: At) -> Fault:
    """The server itself, everybody's, is killed after it has acted, and started again."""

    def fault(scene: Scene) -> None:
        async def kill() -> None:
            server = scene.ground.cluster.server
            async with scene.ground.alone:
                scene.ground.kills.append(time.time())
                await server.process.kill()
                await server.start()

        scene.proxy.lay(at(then(beside(scene, kill))))

    return fault


def connections_reset(at: At) -> Fault:
    """The server acts, and every connection breaks, watches among them."""

    def fault(scene: Scene) -> None:
        async def sever() -> None:
            scene.proxy.sever()

        scene.proxy.lay(at(then(sever)))

    return fault


def token_ends(at: At) -> Fault:
    """A new token is in the file, and the old one is not accepted any more."""

    def fault(scene: Scene) -> None:
        async def end() -> None:
            old, new = scene.proxy.token, await scene.ground.cluster.service_account_token(*ACCOUNT)
            scene.proxy.rotate(new)
            scene.proxy.expire(old)

        scene.proxy.lay(at(then(end)))

    return fault


BETWEEN: Final[Mapping[str, Callable[[At], Fault]]] = {
    "server": server_away,
    "resets": connections_reset,
    "tokens": token_ends,
    "killed": server_killed,
}
"""What may happen between any two writes."""


def beside(scene: Scene, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Begin something and go on."""

    async def begun() -> None:
        async def done() -> None:
            await work()

        scene.tasks.append(asyncio.create_task(done()))

    return begun
