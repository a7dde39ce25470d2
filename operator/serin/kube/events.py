"""Events on a ModelDeployment: what `kubectl describe` shows a person, one row for each transition.

Told in the background, so a look never waits for them, and best effort: an Event that cannot be posted is
dropped, since conditions say the same. So is what one model, or one namespace, tells beyond its share: a spec
that somebody changes twice a second must not drown what others have to tell. The core API's Event is used,
with the newer fields filled in, because every version of kubectl sorts and ages by the old ones.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from serin.domain.names import API_VERSION, FIELD_MANAGER, KIND
from serin.domain.plain import plain
from serin.domain.rollout.world import Notice
from serin.kube.errors import KubeError
from serin.kube.kinds import EVENT

LONGEST_MESSAGE: Final = 1024
"""The server's limit, in characters."""
MOST_WAITING: Final = 1000
MOST_OF_A_NAMESPACE: Final = 200
"""Of those that wait."""
AT_ONCE: Final = 40
"""Events of one model after a quiet time: two rollouts with as many steps as there may be."""
PAUSE: Final = timedelta(seconds=30)
"""Between further ones."""
MOST_SHARES: Final = 10_000
"""Models whose share is remembered; one that told nothing for longer than so many others has a full one."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Share:
    """How much a model may still tell; `used` shrinks by one each `PAUSE`."""

    used: float
    at: datetime
    told: bool = False
    """That it tells too much was logged already."""

    def used_at(self, now: datetime) -> float:
        return max(0.0, self.used - (now - self.at) / PAUSE)


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
        self._by_namespace: Counter[str] = Counter()
        self._shares: OrderedDict[str, _Share] = OrderedDict()
        self._numbers = count()

    def record(self, model: Mapping[str, Any], notice: Notice) -> None:
        """Tell a transition once. Never waits, never raises; what is beyond a share is dropped."""
        metadata = model["metadata"]
        namespace, share = metadata["namespace"], self._share(metadata["uid"])
        too_many = share.used > AT_ONCE - 1 or self._by_namespace[namespace] >= MOST_OF_A_NAMESPACE
        if too_many or self._waiting.qsize() >= MOST_WAITING:
            if not share.told:
                key = f"{namespace}/{metadata['name']}"
                logger.warning("events dropped", extra={"key": key, "reason": notice.reason})
            share.told = True
            return
        share.used, share.told = share.used + 1, False
        self._by_namespace[namespace] += 1
        self._waiting.put_nowait(self._event(metadata, notice))

    async def run(self) -> None:
        """Post until `finish` is called and everything told before it is posted."""
        while (event := await self._waiting.get()) is not None:
            self._taken(event["metadata"]["namespace"])
            try:
                await self._post(event)
            except KubeError as error:
                logger.warning("event not posted", extra={"reason": event["reason"], "error": str(error)})

    def finish(self) -> None:
        """Let `run` end with what has been told so far."""
        self._waiting.put_nowait(None)

    def _share(self, uid: str) -> _Share:
        now = self._clock()
        share = self._shares.setdefault(uid, _Share(0.0, now))
        self._shares.move_to_end(uid)
        if len(self._shares) > MOST_SHARES:
            self._shares.popitem(last=False)
        share.used, share.at = share.used_at(now), now
        return share

    def _taken(self, namespace: str) -> None:
        self._by_namespace[namespace] -= 1
        if not self._by_namespace[namespace]:
            del self._by_namespace[namespace]

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
            "message": _clipped(plain(notice.message)),
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
