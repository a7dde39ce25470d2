"""Tests that mostly wait: begun together with all others of their kind, and each awaited by its test.

A scenario is a test written as a function of the ground it stands on. A folder has one `Scenarios`, whose
calls decorate them, and a fixture `acts` that yields what `begun` begins.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Generic, TypeAlias, TypeVar

import pytest

G = TypeVar("G")
Acts: TypeAlias = Mapping[str, "asyncio.Task[None]"]


class Scenarios(Generic[G]):
    """All of one kind, by name."""

    def __init__(self) -> None:
        self._known: dict[str, Callable[[G], Coroutine[object, object, None]]] = {}

    def __call__(
        self, scenario: Callable[[G], Coroutine[object, object, None]]
    ) -> Callable[[Acts], Awaitable[None]]:
        """A test that awaits the scenario's end."""
        name = scenario.__name__
        self._known[name] = scenario

        async def test(acts: Acts) -> None:
            await acts[name]

        test.__name__, test.__doc__ = name, scenario.__doc__
        return test

    @asynccontextmanager
    async def begun(
        self, request: pytest.FixtureRequest, ground: G, *, at_once: int | None = None
    ) -> AsyncIterator[Acts]:
        """Those whose tests were chosen, under way; only so many at once, where that is said."""
        chosen = {item.name for item in request.session.items} & self._known.keys()
        places = asyncio.Semaphore(at_once or max(len(chosen), 1))

        async def played(name: str) -> None:
            async with places:
                await self._known[name](ground)

        # In the order of the tests, for the first one is awaited first.
        under_way = {
            name: asyncio.create_task(played(name), name=name) for name in self._known if name in chosen
        }
        yield under_way
        for task in under_way.values():
            task.cancel()
        await asyncio.gather(*under_way.values(), return_exceptions=True)
