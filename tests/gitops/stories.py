"""Stories on the cluster that mostly wait: begun together, each awaited by its test.

A story is a test written as a function of the ground it stands on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Final, TypeAlias

from tests.gitops.scenes import Ground

Story: TypeAlias = Callable[[Ground], Coroutine[object, object, None]]
Told: TypeAlias = Mapping[str, "asyncio.Task[None]"]
STORIES: Final[dict[str, Story]] = {}


def story(told: Story) -> Callable[[Told], Awaitable[None]]:
    """A test that was begun with all others of its kind, and whose end is awaited here."""
    name = told.__name__
    STORIES[name] = told

    async def test(stories: Told) -> None:
        await stories[name]

    test.__name__, test.__doc__ = name, told.__doc__
    return test
