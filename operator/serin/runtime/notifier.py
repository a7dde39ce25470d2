"""Sends what is told of models' transitions to those that their specs name, one POST for each.

In the background, in order for each receiver, and again with a growing pause until the receiver has it or its
tries are used up: no look waits for it, and no receiver for another. After a start, what the status shows of
the last minutes is told again, for the process before may have ended in between; whoever gets it twice knows
it by its id. Only addresses that the operator's list allows are called, or those of its channels; redirects
lead elsewhere and are not followed. No address comes into the log.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from pydantic import TypeAdapter, ValidationError

from serin.api.invalid import InvalidSpec, invalid
from serin.api.notifications import Notification, notifications_of
from serin.domain.intent import Intent
from serin.domain.names import Key
from serin.domain.notifications import Told, cloud_event, recalled, slack, told
from serin.domain.receivers import Format, NotificationPolicy
from serin.domain.rollout.world import Notice
from serin.runtime.addresses import is_allowed, refused
from serin.runtime.channels import Channels
from serin.runtime.statuses import status_of_model
from serin.runtime.turns import Turns

TRIES: Final = 9
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 120.0
"""Between two tries, which so take four minutes; a receiver may ask for longer ones."""
LONGEST_WISH: Final = 300.0
SECONDS: Final = 10.0
"""For an answer."""
APART: Final = 0.2
"""Between two letters to one receiver: a spec that changes all the time floods nobody."""
MOST_WAITING: Final = 50
"""Letters to one receiver. The oldest are dropped: the newest say how it stands."""
MOST_OF_A_NAMESPACE: Final = 400
AT_ONCE: Final = 16
"""Of a namespace."""
RECALLED: Final = timedelta(minutes=10)
"""How old a transition may be and still be told after a start."""
CONTENT: Final = {
    Format.CLOUD_EVENTS: "application/cloudevents+json; charset=utf-8",
    Format.SLACK: "application/json; charset=utf-8",
}
_BODY: Final = {Format.CLOUD_EVENTS: cloud_event, Format.SLACK: slack}
_LATER: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.TOO_EARLY)
_WRITTEN: Final = TypeAdapter(tuple[Notification, ...])

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Box:
    """What waits for one receiver of one model."""

    letters: deque[tuple[NotificationPolicy, Told]] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of a try; without an outcome it is to be made again, after `wish` seconds if any."""

    outcome: str | None
    words: str
    wish: float = 0.0


class Notifier:
    """The receivers of all models.

    Args:
        current: A model as it was written last.
        allowed: What addresses may begin with.
        counted: Hears of each letter, by format and outcome.
    """

    def __init__(
        self,
        *,
        current: Callable[[Key], Mapping[str, Any] | None],
        allowed: tuple[str, ...],
        channels: Channels,
        clock: Callable[[], datetime],
        counted: Callable[[str, str], None],
    ) -> None:
        self.session: aiohttp.ClientSession | None = None
        self._current, self._clock, self._counted = current, clock, counted
        self._allowed, self._channels = allowed, channels
        self._boxes: dict[tuple[str, str], _Box] = {}
        self._by_namespace: Counter[str] = Counter()
        self._turns: Turns[str] = Turns(AT_ONCE)

    def refusal(self, intent: Intent) -> InvalidSpec | None:
        """What is wrong with the receivers that a spec names."""
        for index, one in enumerate(intent.notifications):
            path = f"spec.notifications[{index}]"
            if one.url is not None and (wrong := refused(one.url, self._allowed, path=f"{path}.url")):
                return wrong
            if one.channel is not None and not self._channels.has(intent.key.namespace, one.channel):
                need = "the operator has no such channel for this namespace (--notification-channels)"
                return invalid(f"{path}.channel", need, found=one.channel)
        return None

    def record(self, model: Mapping[str, Any], notice: Notice) -> None:
        """Tell a transition to those who want to know of it. Never waits, never raises."""
        if self.session is None or not model["spec"].get("notifications"):
            return
        metadata = model["metadata"]
        newest = self._current(Key(metadata["namespace"], metadata["name"])) or model
        letter = told(newest, notice, self._clock())
        if letter is not None:
            self._put(model, letter)

    def recall(self, models: Iterable[Mapping[str, Any]]) -> None:
        """Tell again what has happened of late."""
        since = self._clock() - RECALLED
        for model in models:
            if model["spec"].get("notifications") and model.get("status"):
                for letter in recalled(model, status_of_model(model), since=since):
                    self._put(model, letter)

    async def close(self) -> None:
        """Send nothing more; what is left is told after the next start, as far as the status shows it."""
        tasks = [box.task for box in self._boxes.values() if box.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._boxes.clear()

    def _put(self, model: Mapping[str, Any], letter: Told) -> None:
        try:
            asked = _WRITTEN.validate_python(model["spec"]["notifications"])
        except ValidationError:  # the spec is refused for it, where anybody sees it
            return
        for policy in notifications_of(asked):
            if letter.transition in policy.on:
                self._box(letter, policy)

    def _box(self, letter: Told, policy: NotificationPolicy) -> None:
        place = letter.uid, policy.name
        box = self._boxes.setdefault(place, _Box())
        if self._by_namespace[letter.key.namespace] >= MOST_OF_A_NAMESPACE:
            self._said(policy, letter, "Dropped", "its namespace has too many that wait")
            return
        if len(box.letters) >= MOST_WAITING:
            self._taken(letter.key.namespace)
            self._said(*box.letters.popleft(), "Dropped", "too many wait for its receiver")
        box.letters.append((policy, letter))
        self._by_namespace[letter.key.namespace] += 1
        if box.task is None:
            box.task = asyncio.create_task(self._empty(place, box), name=f"notifications {place}")

    async def _empty(self, place: tuple[str, str], box: _Box) -> None:
        while box.letters:
            policy, letter = box.letters.popleft()
            self._taken(letter.key.namespace)
            try:
                await self._deliver(policy, letter)
            except Exception:
                fields = {"key": str(letter.key), "receiver": policy.name}
                logger.exception("notification failed", extra=fields)
                self._counted(policy.format.value, "Failed")
            await asyncio.sleep(APART)
        self._boxes.pop(place, None)

    async def _deliver(self, policy: NotificationPolicy, letter: Told) -> None:
        """Send it until there is an outcome, or no try is left."""
        answer = _Answer(None, "")
        for tries in range(1, TRIES + 1):
            async with self._turns.of(letter.key.namespace):
                answer = await self._post(policy, letter)
            if answer.outcome is not None:
                self._said(policy, letter, answer.outcome, answer.words)
                return
            if tries < TRIES:
                await asyncio.sleep(max(min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE), answer.wish))
        self._said(policy, letter, "GivenUp", answer.words)

    async def _post(self, policy: NotificationPolicy, letter: Told) -> _Answer:
        url = policy.url
        if policy.channel is not None:
            url = self._channels.address(letter.key.namespace, policy.channel)
        elif url is not None and not is_allowed(url, self._allowed):
            url = None
        if url is None or self.session is None:
            return _Answer("Refused", "the operator may not call its address, or has none")
        try:
            async with self.session.post(
                url,
                json=_BODY[policy.format](letter),
                headers={"Content-Type": CONTENT[policy.format]},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=SECONDS),
            ) as response:
                return _meant(response.status, response.headers.get("Retry-After", ""))
        except TimeoutError:
            return _Answer(None, f"no answer within {SECONDS:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its text may hold the address, which may be a secret.
            return _Answer(None, f"cannot be reached: {type(error).__name__}")

    def _taken(self, namespace: str) -> None:
        self._by_namespace[namespace] -= 1
        if not self._by_namespace[namespace]:
            del self._by_namespace[namespace]

    def _said(self, policy: NotificationPolicy, letter: Told, outcome: str, words: str) -> None:
        self._counted(policy.format.value, outcome)
        fields = {"key": str(letter.key), "receiver": policy.name, "transition": letter.transition.value}
        level = logging.INFO if outcome == "Delivered" else logging.WARNING
        logger.log(level, "notified", extra={**fields, "outcome": outcome, "reason": words})


def _meant(status: int, retry_after: str) -> _Answer:
    """2xx is taken; what the receiver may yet take is sent again; all else it does not want."""
    words = f"answered {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _Answer("Delivered", words)
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _Answer(None, words, min(float(retry_after), LONGEST_WISH) if retry_after.isdecimal() else 0.0)
    return _Answer("Refused", words)
