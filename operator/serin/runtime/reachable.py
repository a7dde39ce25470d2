"""Asks each Prometheus once at the start: a wrong address is known before a rollout has to wait for it.

None is needed to start or to be ready: without answers rollouts hold, and say so (I6). Who does not answer is
asked again every minute until it has answered once; later outages are told by the rollouts that wait.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from serin.prom.errors import NotLetIn, PrometheusError

AGAIN_SECONDS: Final = 60.0
QUESTION: Final = "vector(1)"

Ask = Callable[[str, float], Awaitable[Any]]
logger = logging.getLogger(__name__)


class Reachable:
    """Which Prometheuses have not answered yet.

    Args:
        asks: How each is asked, by its name; none raises anything but `PrometheusError`.
    """

    def __init__(self, asks: Mapping[str, Ask]) -> None:
        self._asks = asks
        self._silent: dict[str, str] = {}

    def note(self) -> str | None:
        """Those who do not answer, in words; None if all have."""
        return "; ".join(self._silent.values()) or None

    async def run(self) -> None:
        """Ask, and never end."""
        left = dict(self._asks)
        while left:
            for name, ask in list(left.items()):
                if await self._answers(name, ask):
                    del left[name]
            await asyncio.sleep(AGAIN_SECONDS)
        await asyncio.Event().wait()

    async def _answers(self, name: str, ask: Ask) -> bool:
        try:
            await ask(QUESTION, time.time())
        except PrometheusError as error:
            cure = "see to its credentials" if isinstance(error, NotLetIn) else "see to address and network"
            words = f"Prometheus {name} does not answer, so rollouts it judges hold: {error}; {cure}"
            if name not in self._silent:
                logger.warning("prometheus silent", extra={"reason": words})
            self._silent[name] = words
            return False
        if self._silent.pop(name, None):
            logger.info("prometheus answers", extra={"prometheus": name})
        return True
