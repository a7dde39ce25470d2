"""Following one object through every version that the server makes of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from tests.cluster.api import Api
from tests.cluster.resources import Object, Resource
from tests.cluster.tasks import begin
from tests.cluster.waiting import until


@asynccontextmanager
async def followed(
    api: Api, resource: Resource, name: str, namespace: str
) -> AsyncIterator[Sequence[Object]]:
    """Every version of an object, in their order, as they come to be; first the one there is.

    A watch leaves out no version, however late it is read.
    """
    seen: list[Object] = []
    synced = asyncio.Event()

    async def follow() -> None:
        async with aclosing(api.watch(resource, namespace, fields=f"metadata.name={name}")) as changes:
            async for change in changes:
                if change.type == "SYNCED":
                    synced.set()
                elif change.type != "DELETED":
                    seen.append(change.object)

    async def begun() -> bool:
        if task.done():
            task.result()
        return synced.is_set()

    task = begin(follow(), f"versions of {namespace}/{name}")
    try:
        await until(begun, what=f"the watch of {name}")
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
