"""What happens: version 1 serves, version 2 takes over, version 3 is taken back.

The story only applies manifests and waits; everything between is Serin's. It knows no place: a `Stage` brings
the API, a namespace, the address to ask, and a witness of which revision lost a request.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from tests.cluster.api import Api
from tests.cluster.waiting import until
from tests.demo.models import Models, deployment
from tests.demo.record import Record, Seen
from tests.demo.users import Address, Users, until_answered

CHAPTER_WITHIN: Final = 900
"""Seconds: an image may have to be fetched, and evidence takes minutes on a machine that does much else."""
SETTLED_REQUESTS: Final = 800
"""Asked before the first change and after the last: ten seconds' worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A request that failed, as the data plane saw it. `revision` is the Service it was sent to."""

    at: float
    revision: str


class Witness(Protocol):
    """Knows more of the data plane than a client can; asked at the end of the story."""

    async def lost(self, expected: int) -> list[Lost] | None:
        """The failed requests that reached a revision, `expected` at most; None: not known here."""

    def zero_at(self, revision: str, since: float) -> float | None:
        """When the data plane began to serve weight 0 for a revision; None: not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the story plays."""

    api: Api
    namespace: str
    manifest: str
    address: Address
    witness: Witness
    routes: bool
    """An HTTPRoute divides the traffic, and can be watched."""


@dataclass(slots=True)
class Chapter:
    """One version's story."""

    version: str
    began: float = field(default_factory=time.time)
    ended: float | None = None
    outcome: str = ""
    revision: str = ""
    """Name of its revision, `iris-<hash>`."""
    judged: frozenset[str] = frozenset()
    """uids of the pods that served while it was being judged."""
    serving: frozenset[str] = frozenset()
    """uids of its pods at the end."""


PROMOTED: Final = "promoted"
ROLLED_BACK: Final = "rolled back"
READY: Final = "serves"


@dataclass(slots=True)
class Story:
    """The chapters so far, and the people asking."""

    stage: Stage
    models: Models
    record: Record
    chapters: list[Chapter] = field(default_factory=list)
    users: Users | None = None

    async def tell(self, say: Callable[[str], None]) -> None:
        """Tell all three chapters. Raises NotInTime where one does not come to its end."""
        say(f"The ModelDeployment of version 1:\n{self.stage.manifest}")
        await self._chapter("1")
        await until_answered(self.stage.address, self.models.flowers[0])
        async with Users(self.stage.address, self.models.flowers) as users:
            self.users = users
            await self._asked(SETTLED_REQUESTS)
            await self._chapter("2")
            await self._chapter("3")
            await self._asked(SETTLED_REQUESTS)
            await users.stop()

    async def _chapter(self, version: str) -> None:
        chapter = Chapter(version)
        self.chapters.append(chapter)
        before = self.record.seen.deployment.get("metadata", {}).get("generation", 0)
        await self.stage.api.apply(self.models.config_map(version), self.stage.namespace, manager="demo")
        body = deployment(version, self.stage.manifest)
        await self.stage.api.apply(body, self.stage.namespace, manager="demo")

        def ended(seen: Seen) -> bool:
            if seen.deployment.get("metadata", {}).get("generation", 0) <= before:
                return False
            self._note(chapter, seen)
            return chapter.ended is not None

        await self.record.until(ended, within=CHAPTER_WITHIN, what=f"the end of version {version}'s story")

    def _note(self, chapter: Chapter, seen: Seen) -> None:
        if canary := seen.status.get("canary"):
            chapter.revision = canary["revision"]
        if seen.status.get("phase") == "Stepping":
            chapter.judged = seen.pods_of(chapter.revision)
        if seen.condition("Ready"):
            chapter.revision = seen.status["stable"]["revision"]
            chapter.outcome = PROMOTED if len(self.chapters) > 1 else READY
        elif (stalled := seen.condition("Stalled")) and stalled["reason"] == "RolledBack":
            chapter.outcome = ROLLED_BACK
        else:
            return
        chapter.serving = seen.pods_of(chapter.revision)
        chapter.ended = time.time()

    async def _asked(self, count: int) -> None:
        assert self.users is not None
        users, enough = self.users, self.users.tally().sent + count

        async def sent() -> int:
            return users.tally().sent

        await until(sent, lambda seen: seen >= enough, what=f"{count} further answers")
