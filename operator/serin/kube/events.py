"""Events on a ModelDeployment: what `kubectl describe` shows a person, one row for each transition.

Told in the background, so a look never waits for them, and best effort: an Event that cannot be posted is
dropped, since conditions say the same. The core API's Event is used, with the newer fields filled in,
because every version of kubectl sorts and ages by the old ones.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from serin.domain.names import API_VERSION, FIELD_MANAGER, KIND
from serin.domain.rollout.world import Notice
from serin.kube.errors import KubeError
from serin.kube.kinds import EVENT

LONGEST_MESSAGE: Final = 1024
"""The server's limit, in characters."""
MOST_WAITING: Final = 1000

logger = logging.getLogger(__name__)


class EventRecorder:
    """Posts what it is told, in order, while `run` runs.

    Args:
        instance: Which process tells, for people who look for its log.
    """

    def __init__(
        self,
        post: Callable[[Mapping[str, Any]], Awaitable[None]],
        *,
        clock: Callable[[], datetime],
        instance: str,
    ) -> None:
        self._post = post
        self._clock = clock
        self._instance = instance
        self._waiting: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._numbers = count()

    def record(self, model: Mapping[str, Any], notice: Notice) -> None:
        """Tell a transition once. Never waits, never raises; more than a thousand waiting are dropped."""
        if self._waiting.qsize() >= MOST_WAITING:
            logger.warning("event dropped", extra={"reason": notice.reason})
            return
        self._waiting.put_nowait(self._event(model["metadata"], notice))

    async def run(self) -> None:
        """Post until `finish` is called and everything told before it is posted."""
        while (event := await self._waiting.get()) is not None:
            try:
                await self._post(event)
            except KubeError as error:
                logger.warning("event not posted", extra={"reason": event["reason"], "error": str(error)})

    def finish(self) -> None:
        """Let `run` end with what has been told so far."""
        self._waiting.put_nowait(None)

    def _event(self, model: Mapping[str, Any], notice: Notice) -> Mapping[str, Any]:
        now = self._clock().astimezone(UTC)
        to_the_second = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {
                "name": f"{model['name']}.{int(now.timestamp() * 1e6):x}{next(self._numbers) % 4096:03x}",
                "namespace": model["namespace"],
            },
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": model["namespace"],
                "name": model["name"],
                "uid": model["uid"],
            },
            "type": "Warning" if notice.warning else "Normal",
            "reason": notice.reason,
            "message": _clipped(notice.message),
            "action": notice.reason,
            "count": 1,
            "firstTimestamp": to_the_second,
            "lastTimestamp": to_the_second,
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self._instance,
        }


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"
