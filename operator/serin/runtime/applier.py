"""Makes the writes of a plan, in their order, each behind its fence.

What the API server refuses for its content or for missing rights does not keep later writes from happening:
traffic must be able to leave a canary whose Deployment nobody admits. But nothing shrinks after a refusal. A
write that only repeats this process's last one puts back what somebody else changed: at once the first time,
then ever more slowly, so that two controllers never chase each other (I13).
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from serin.domain.intent import Intent
from serin.domain.manifests import owner_of
from serin.domain.names import MODEL_LABEL, Key
from serin.domain.observed import Observed
from serin.domain.plan import Guard, Removal, Write
from serin.kube.errors import Conflict, Forbidden, Invalid, Request
from serin.kube.fences import CreateOnly, Exact, Existing, Fence

logger = logging.getLogger(__name__)

LONGEST_RESTRAINT: Final = timedelta(seconds=60)
"""Between two times that the same field is put back, while somebody keeps changing it."""
QUIET: Final = timedelta(minutes=10)
"""After so long without an edit the next one is put back at once again."""

MADE_ONCE: Final = frozenset({"Job"})
"""Kinds that are never changed: what is there by that name is what was wanted, or is in the way."""


class Kube(Protocol):
    """The API server's writes. Every call may be repeated; each raises `KubeError`."""

    async def apply(self, manifest: Mapping[str, Any], *, fence: Fence) -> dict[str, Any]:
        """Server-side apply behind a fence; the object as it is afterwards."""
        ...

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """An object that the watches do not show."""
        ...

    async def delete(self, kind: str, namespace: str, name: str, *, uid: str) -> dict[str, Any] | None:
        """Delete that very object; how it is where something holds it up, None where it is gone."""
        ...

    async def stays(self, kind: str, namespace: str, name: str, *, uid: str) -> bool:
        """Whether that very object is there at this moment, and not on its way out."""
        ...


class Store(Protocol):
    """What the watches have shown. Never waits."""

    def observed(self, key: Key) -> Observed:
        """A ModelDeployment's children."""
        ...

    def lost(self, key: Key, kind: str, name: str) -> bool:
        """Whether a ModelDeployment had a child of that name that went."""
        ...

    def remember(self, kind: str, obj: Mapping[str, Any]) -> None:
        """Take in the answer to our own write."""
        ...

    def drop(self, kind: str, namespace: str, name: str, uid: str, *, at: float) -> Key | None:
        """Forget that very object, which was not there at a version."""
        ...


class NameTaken(Invalid):
    """A child's name belongs to an object that is not ours."""

    def __init__(self, request: Request, uid: str) -> None:
        cure = f"rename one of them, or hand it over with the annotation serin.dev/adopt: {uid}"
        cure = "delete it" if request.kind in MADE_ONCE else cure
        super().__init__(request, f"{request.kind} {request.name} exists and is not Serin's; {cure}")

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a round of writes: how many were made, what was put back, when the held ones may be
    made.
    """

    made: int
    restored: tuple[str, ...]
    wait: timedelta | None

    def __add__(self, other: "Applied") -> "Applied":
        """What came of both rounds."""
        waits = [wait for wait in (self.wait, other.wait) if wait is not None]
        restored = (*self.restored, *other.restored)
        return Applied(self.made + other.made, restored, min(waits, default=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Last:
    """The last write to an object, and how often it had to be repeated."""

    digest: str
    at: datetime
    repeats: int = 0

    def allowed_at(self) -> datetime:
        pause = timedelta(seconds=2 ** min(self.repeats - 1, 10)) if self.repeats else timedelta(0)
        return self.at + min(pause, LONGEST_RESTRAINT)


class Applier:
    """The writes of all keys. One key's rounds never overlap."""

    def __init__(self, kube: Kube, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._store = store
        self._clock = clock
        self._last: dict[Key, dict[tuple[str, str], _Last]] = {}

    async def apply(self, intent: Intent, writes: Iterable[Write]) -> Applied:
        """Make the writes that may be made now.

        Raises:
            Invalid, Forbidden: The first refusal, after all other writes were made.
            KubeError: What makes further writes pointless, at once.
        """
        refused: Invalid | Forbidden | None = None
        made, restored, waits = 0, [], []
        for write in writes:
            if refused is not None and write.ahead and write.kind == "Deployment":
                continue
            last = self._last_of(intent.key, write)
            if last is not None and last.allowed_at() > self._clock():
                waits.append(last.allowed_at() - self._clock())
                continue
            try:
                if await self._owner_goes(intent.key, write):
                    continue
                await self._write(intent, write)
            except (Invalid, Forbidden) as error:
                refused = refused or error
                continue
            made += 1
            if last is not None and not last.repeats:
                restored.append(f"{write.kind} {write.name}")
            self._remember(intent.key, write, last)
        if refused is not None:
            raise refused
        return Applied(made, tuple(restored), min(waits, default=None))

    async def remove(self, key: Key, removal: Removal) -> None:
        """Delete an object; that it is gone already is as good. One that is held up stays known until it is
        shown to be gone.
        """
        kind, name, uid = removal.kind, removal.identity.name, removal.identity.uid
        held = await self._kube.delete(kind, key.namespace, name, uid=uid)
        if held is not None:
            self._store.remember(kind, held)
        else:
            self._store.drop(kind, key.namespace, name, uid, at=int(removal.identity.resource_version))
        self._last.get(key, {}).pop((kind, name), None)
        logger.info("removed", extra={"key": str(key), "object": f"{kind}/{name}"})

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._last.pop(key, None)

    def _last_of(self, key: Key, write: Write) -> _Last | None:
        """The last write to the object, where this one only repeats it."""
        last = self._last.get(key, {}).get((write.kind, write.name))
        return last if last is not None and last.digest == _digest(write) else None

    def _remember(self, key: Key, write: Write, last: _Last | None) -> None:
        now = self._clock()
        repeats = 0 if last is None else 1 if now - last.at >= QUIET else last.repeats + 1
        entry = _Last(digest=_digest(write), at=now, repeats=repeats)
        self._last.setdefault(key, {})[write.kind, write.name] = entry

    async def _write(self, intent: Intent, write: Write) -> None:
        if write.identity is None and self._store.lost(intent.key, write.kind, write.name):
            await self._see_owner(intent.key, write)
        try:
            answer = await self._kube.apply(write.manifest, fence=_fence(write))
        except Conflict:
            if write.guard is not Guard.CREATE:
                raise
            answer = await self._write_over(intent, write)
        self._store.remember(write.kind, answer)
        logger.info("applied", extra={"object": f"{write.kind}/{write.name}", "key": str(intent.key)})

    async def _owner_goes(self, key: Key, write: Write) -> bool:
        """Whether an object would be given to an owner on its way out, whose deletion was to leave it: the
        garbage collector takes the owner away from the object first, and then the owner.
        """
        owner = owner_of(write.manifest)
        if write.identity is None or owner is None or write.identity.owner_uid == owner["uid"]:
            return False
        stays = await self._stays(key, owner)
        if not stays:
            logger.info("owner goes", extra={"object": f"{write.kind}/{write.name}", "key": str(key)})
        return not stays

    async def _see_owner(self, key: Key, write: Write) -> None:
        """What was there and is gone may have gone with its owner, whose end no watch has shown yet: pods
        would be started for nobody.
        """
        owner = owner_of(write.manifest)
        if owner is not None and not await self._stays(key, owner):
            request = Request("make children of", owner["kind"], key.namespace, owner["name"])
            raise Conflict(request, "it is gone, and so are its children")

    async def _stays(self, key: Key, owner: Mapping[str, Any]) -> bool:
        return await self._kube.stays(owner["kind"], key.namespace, owner["name"], uid=owner["uid"])

    async def _write_over(self, intent: Intent, write: Write) -> dict[str, Any]:
        """The name is taken: by an object of ours that the watch has not shown yet, or by somebody else's."""
        found = await self._kube.get(write.kind, intent.key.namespace, write.name)
        uid = found["metadata"]["uid"]
        if write.kind in MADE_ONCE:
            if self._is_ours(intent, found):
                return found
        elif uid == intent.requests.adopt or self._is_ours(intent, found):
            # What was frozen stays, whatever this process took it for (I14).
            kept = {"data": found["data"]} if write.kind == "ControllerRevision" else {}
            return await self._kube.apply({**write.manifest, **kept}, fence=Existing(uid))
        raise NameTaken(Request("apply", write.kind, intent.key.namespace, write.name), uid)

    def _is_ours(self, intent: Intent, found: Mapping[str, Any]) -> bool:
        """Owned by the ModelDeployment or one of its revisions; or labelled, and owned by nobody
        (backups).
        """
        if owner_of(found) is not None:
            return self._owned(intent, found)
        return (found["metadata"].get("labels") or {}).get(MODEL_LABEL) == intent.key.name

    def _owned(self, intent: Intent, found: Mapping[str, Any]) -> bool:
        revisions = self._store.observed(intent.key).revisions.values()
        ours = {intent.uid, *(view.identity.uid for view in revisions)}
        owner = owner_of(found)
        return owner is not None and owner["uid"] in ours


def _digest(write: Write) -> str:
    text = json.dumps(write.manifest, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fence(write: Write) -> Fence:
    if write.identity is None:
        return CreateOnly()
    if write.guard is Guard.EXACT:
        return Exact(write.identity.uid, write.identity.resource_version)
    return Existing(write.identity.uid)
