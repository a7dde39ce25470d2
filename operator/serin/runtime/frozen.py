"""What a revision was frozen as, where somebody has deleted the ControllerRevision that says so.

Rendered anew it could be another thing under the same name, since the catalogue may be newer (I14, I17). So
what this process has seen before counts, else the template of the live Deployment: its pods were made from
it. Only where neither is left a revision is rendered again.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from serin.domain.intent import Intent
from serin.domain.names import Key, RevisionHash, child_name
from serin.domain.observed import Identity, Observed, RevisionView
from serin.domain.rollout.world import canary_of, hash_of
from serin.domain.status import Status
from serin.kube.errors import NotFound

UNKNOWN_RUNTIME: Final = "unknown"
"""Stands for the row of the catalogue that a template was made from, where only the template is left."""
FIRST: Final = 1
"""The number of a revision that was there before those that are still numbered."""


class Kube(Protocol):
    """The API server, as far as Deployments go."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """An object by its name. Raises `KubeError`."""
        ...


class Frozen:
    """What is remembered of the revisions that have, or may get, traffic."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._seen: dict[Key, dict[RevisionHash, RevisionView]] = {}

    async def missing(
        self, intent: Intent, status: Status, seen: Observed
    ) -> Mapping[RevisionHash, RevisionView]:
        """Revisions of today whose ControllerRevision is gone, as they were.

        Raises:
            KubeError: The API server did not answer.
        """
        before = self._seen.get(intent.key, {})
        told = set(_told(intent, status))
        named = {intent.revision.hash, *told}
        known = {one: view for one in named if (view := seen.revisions.get(one) or before.get(one))}
        # A Deployment of a revision that the status never told of is left from a model before of this name.
        for revision in sorted(told - known.keys()):
            if revision in seen.workloads and (view := await self._of_deployment(intent, revision)):
                known[revision] = view
        self._seen[intent.key] = known
        return {revision: view for revision, view in known.items() if revision not in seen.revisions}

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._seen.pop(key, None)

    async def _of_deployment(self, intent: Intent, revision: RevisionHash) -> RevisionView | None:
        name = child_name(intent.key.name, revision)
        try:
            found = await self._kube.get("Deployment", intent.key.namespace, name)
        except NotFound:
            return None
        wanted = intent.revision.hash == revision
        return RevisionView(
            identity=Identity(name=name, uid="", resource_version="", owner_uid=None, content=None),
            hash=revision,
            full_hash=intent.revision.full_hash if wanted else "",
            number=FIRST,
            data={"runtime": UNKNOWN_RUNTIME, "template": _without_nulls(found["spec"]["template"])},
        )


def _told(intent: Intent, status: Status) -> Iterator[RevisionHash]:
    """Whatever the status says may be serving."""
    if status.stable is not None:
        yield hash_of(intent, status.stable.revision)
    if status.rollout is not None:
        yield canary_of(intent, status.rollout)
        if status.rollout.previous is not None:
            yield hash_of(intent, status.rollout.previous.revision)
        for drained in status.rollout.draining:
            yield hash_of(intent, drained.revision)


def _without_nulls(value: Any) -> Any:
    """What the server writes as null was never asked for."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(child) for name, child in value.items() if child is not None}
    return [_without_nulls(child) for child in value] if isinstance(value, list) else value
