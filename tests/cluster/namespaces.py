"""A namespace for whoever asks, gone with all that is in it when they leave."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.cluster.api import Api
from tests.cluster.resources import NAMESPACES, SERVICE_ACCOUNTS

MADE_WITHIN: Final = 240.0
"""Controllers hear nothing for half a minute after their server was away."""


@asynccontextmanager
async def fresh_namespace(api: Api) -> AsyncIterator[str]:
    """A namespace that pods can be made in: they are refused until the controller has made its account."""
    name = f"test-{secrets.token_hex(4)}"
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    await api.until(SERVICE_ACCOUNTS, "default", bool, name, within=MADE_WITHIN)
    yield name
    await api.delete(NAMESPACES, name)
