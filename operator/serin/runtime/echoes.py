"""Tells a watch that shows nothing of what we ourselves have written or read.

The answer says that the server has newer state; the watch must show it soon. So a watch that has
stalled is found within a minute, without one more request, as long as anything is done. Where nothing is
done, the sweeper finds it. An outage is not taken for that: what counts is how long after the write the
server still answered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from serin.domain.names import KIND, Key
from serin.kube.errors import KubeError, Request, Unavailable
from serin.runtime.projections import Object
from serin.runtime.rereading import READ
from serin.runtime.store import Store

PATIENCE_SECONDS: Final = 45.0
"""How far a watch may be behind. Milliseconds are usual; thousands of objects at once take seconds."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    place: str
    version: int
    since: float


class EchoedStore(Store):
    """A store that knows which of our own writes no watch has shown yet.

    Args:
        clock: Seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._awaited: dict[str, _Awaited] = {}
        self._answered = clock()

    def put(self, event: Mapping[str, Any]) -> Key | None:
        """See `Store`."""
        self._came(KIND, event)
        return super().put(event)

    def observe(self, kind: str, event: Mapping[str, Any]) -> Key | None:
        """See `Store`."""
        self._came(kind, event)
        return super().observe(kind, event)

    def remember(self, kind: str, obj: Object) -> None:
        """See `Store`."""
        self._await(kind, obj)
        super().remember(kind, obj)

    def drop(self, kind: str, namespace: str, name: str, uid: str, *, at: float) -> Key | None:
        """See `Store`."""
        self._awaited.pop(uid, None)
        return super().drop(kind, namespace, name, uid, at=at)

    def answered(self, _: Request, error: KubeError | None) -> None:
        """The server has answered a request, or has not."""
        if not isinstance(error, Unavailable):
            self._answered = self._clock()

    def stalled(self) -> str | None:
        """The write that a watch should long have shown, in words; None while all were."""
        for awaited in self._awaited.values():
            if (late := self._answered - awaited.since) > PATIENCE_SECONDS:
                return f"the watch has not shown for {late:.0f} s what became of {awaited.place}"
        return None

    def behind(self) -> float:
        """Seconds for which the oldest of our writes has not been shown, as long as the server answered."""
        return max([0.0, *(self._answered - awaited.since for awaited in self._awaited.values())])

    def _await(self, kind: str, obj: Object) -> None:
        metadata = obj["metadata"]
        version = int(metadata["resourceVersion"])
        # What is known at that version already was shown before its answer came, or was no change at all.
        known = max(self.version(kind, obj), self._departures.until(metadata["uid"]))
        if known < version:
            place = f"{kind} {metadata['namespace']}/{metadata['name']}"
            self._awaited.setdefault(metadata["uid"], _Awaited(place, version, self._clock()))

    def _came(self, kind: str, event: Mapping[str, Any]) -> None:
        if event["type"] == READ:
            self._await(kind, event["object"])
            return
        metadata = event["object"]["metadata"]
        awaited = self._awaited.get(metadata["uid"])
        if awaited and (event["type"] == "DELETED" or int(metadata["resourceVersion"]) >= awaited.version):
            del self._awaited[metadata["uid"]]
