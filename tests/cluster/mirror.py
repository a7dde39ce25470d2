"""What a controller's cache is fed with: every change of a collection, over lost connections and restarts.

`api.Api.watch` follows one connection's history and leaves gaps to its caller; here a gap is closed: what
disappeared unseen is reported as deleted.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import aiohttp

from tests.cluster.api import Api, ApiError, Change
from tests.cluster.resources import Object, Resource

RETRY_SECONDS = 0.2


class Key(NamedTuple):
    """An object's place in its collection."""

    namespace: str
    name: str


def key_of(body: Object) -> Key:
    return Key(body["metadata"].get("namespace", ""), body["metadata"]["name"])


async def changes(
    api: Api, resource: Resource, namespace: str | None = None, *, labels: str = ""
) -> AsyncIterator[Change]:
    """ADDED, MODIFIED and DELETED without end or gap; SYNCED whenever everything that exists was given."""
    known: dict[Key, Object] = {}
    while True:
        try:
            async for change in api.watch(resource, namespace, labels=labels):
                if change.type == "SYNCED":
                    present = {key_of(body) for body in await api.list(resource, namespace, labels=labels)}
                    for gone in known.keys() - present:
                        yield Change("DELETED", known.pop(gone))
                elif change.type == "DELETED":
                    known.pop(key_of(change.object), None)
                else:
                    known[key_of(change.object)] = change.object
                yield change
        except (aiohttp.ClientError, OSError, TimeoutError):
            await asyncio.sleep(RETRY_SECONDS)
        except ApiError as error:
            if error.code < 500:
                raise
            await asyncio.sleep(RETRY_SECONDS)
