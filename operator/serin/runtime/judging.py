"""The poller as a look sees it: the latest verdict on a key, there at once, and a nudge when it changes."""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.verdict import Assessment
from serin.domain.names import Key

DISPLAY_SECONDS: Final = 10.0
"""How old the figures a look sees may get while the verdict stays the same."""

logger = logging.getLogger(__name__)


class Follower(Protocol):
    """Judges attempts in the background."""

    def follow(self, key: Key, request: TrialRequest, source: str) -> None:
        """Judge this attempt from now on, by the samples of the Prometheus of that name; may be repeated."""
        ...

    def forget(self, key: Key) -> None:
        """Judge it no longer; may be repeated."""
        ...


class Judging:
    """Remembers what the judge said last, of the attempts that are followed.

    Args:
        changed: Called with the key and the seconds after which a look is due.
    """

    def __init__(self, *, changed: Callable[[Key, float], None]) -> None:
        self._changed = changed
        self._words: dict[Key, Assessment] = {}
        self.follower: Follower | None = None

    def take(self, key: Key, assessment: Assessment) -> None:
        """Hear a verdict."""
        before = self._words.get(key)
        self._words[key] = assessment
        turned = before is None or _turned(before, assessment)
        if turned:
            logger.info("judged", extra=_fields(key, assessment))
        self._changed(key, 0.0 if turned else DISPLAY_SECONDS)

    def follow(self, key: Key, request: TrialRequest, source: str) -> None:
        """Judge this attempt from now on; nothing without Prometheus."""
        if self.follower is not None:
            self.follower.follow(key, request, source)

    def forget(self, key: Key) -> None:
        """Judge it no longer."""
        self._words.pop(key, None)
        if self.follower is not None:
            self.follower.forget(key)

    def word(self, key: Key) -> Assessment | None:
        """The latest verdict."""
        return self._words.get(key)

    def words(self) -> Mapping[Key, Assessment]:
        """The latest verdicts on all that is judged."""
        return MappingProxyType(self._words)


def _fields(key: Key, assessment: Assessment) -> dict[str, object]:
    """What a person needs to follow the judge, and to find the samples it decided on."""
    return {
        "key": str(key),
        "attempt": assessment.attempt,
        "step": assessment.step,
        "verdict": assessment.verdict.value,
        "reason": assessment.reason,
        "boundary": assessment.boundary,
    }


def _turned(before: Assessment, now: Assessment) -> bool:
    """Whether a decision may rest on the difference; figures alone are for display."""
    return (
        before.attempt,
        before.step,
        before.policy_hash,
        before.verdict,
        before.reason,
        before.available,
    ) != (
        now.attempt,
        now.step,
        now.policy_hash,
        now.verdict,
        now.reason,
        now.available,
    )
