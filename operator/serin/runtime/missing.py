"""Looks for kinds that a ModelDeployment asks for and the cluster did not have when the operator started.

Kinds are watched only if they are there at the start. One that comes later is a reason to start again, which
costs nothing. While nobody asks for a missing kind, no request is made.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Protocol

from serin.domain.names import Key
from serin.domain.routers.choice import ROUTERS
from serin.kube.errors import KubeError
from serin.kube.kinds import CHILDREN, Kind

LOOK_SECONDS: Final = 20.0


class RestartWanted(Exception):
    """A kind has appeared that is only watched if it is there at the start."""


class Discovery(Protocol):
    """Knows the cluster's kinds. May be repeated at will; raises `KubeError`."""

    async def serves(self, kind: str) -> bool:
        """Whether the cluster has this kind."""
        ...


class Models(Protocol):
    """The ModelDeployments that are there."""

    def keys(self) -> tuple[Key, ...]:
        """All of them."""
        ...

    def model(self, key: Key) -> Mapping[str, Any] | None:
        """One of them."""
        ...


async def missing_kinds(kube: Discovery, models: Models, served: Collection[Kind]) -> None:
    """Run for ever.

    Raises:
        RestartWanted: A kind is there that a ModelDeployment asks for and that is not among the served.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for kind in CHILDREN:
            if kind not in served and _asked_for(kind, models) and await _appeared(kind, kube.serves):
                raise RestartWanted(f"the cluster has {kind.plural}.{kind.group} now")


def _asked_for(kind: Kind, models: Models) -> bool:
    known = models.keys()
    specs = [(models.model(key) or {}).get("spec", {}) for key in known]
    asked = {spec.get("traffic", {}).get("router") for spec in specs}
    return any(ROUTERS[router].kind == kind.name for router in asked & ROUTERS.keys())


async def _appeared(kind: Kind, serves: Callable[[str], Any]) -> bool:
    try:
        return bool(await serves(kind.name))
    except KubeError:
        return False
