"""When nothing more is to come of what an operator does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tests.cluster.api import Api
from tests.cluster.resources import NAMESPACES
from tests.cluster.waiting import until

ASKED_AT_MOST: Final = 8
"""Requests of one look."""


async def until_still(count: Callable[[], Awaitable[float]], api: Api, *, seconds: float, what: str) -> None:
    """Wait until a count is above 0 and stays as it is for so many seconds.

    In which the API server has answered more than a look asks of it: where that is slow, a look is too.
    """
    clock = asyncio.get_running_loop().time
    seen, since, answers = 0.0, clock(), 0

    async def still() -> bool:
        nonlocal seen, since, answers
        if (counted := await count()) != seen:
            seen, since, answers = counted, clock(), 0
        await api.get(NAMESPACES, "default")
        answers += 1
        return bool(seen) and clock() - since >= seconds and answers > ASKED_AT_MOST

    await until(still, what=what)
