"""What is left of a revision's pods when nothing asks for them any more.

Pods outlive the Deployment's word by seconds, and the watches by more. Until they are gone, their endpoints
and crashes would be taken for those of the pods to come, so that these come only afterwards (I1, I9).
"""

from collections.abc import Mapping

from serin.domain.names import RevisionHash
from serin.domain.rollout.world import World
from serin.domain.status import Rollout


def waits_for_remains(world: World, revision: RevisionHash) -> bool:
    """Whether a revision gets no pods before the last ones have gone; one that users reach does at once."""
    reached = bool(world.shown.get(revision)) or world.selected == revision
    return not reached and _has_remains(world, revision)


def after_remains(
    world: World, rollout: Rollout, sizes: Mapping[RevisionHash, int]
) -> Mapping[RevisionHash, int]:
    """The sizes that may be asked for now. Past the progress deadline what is left is somebody's stray pod,
    and waited for no longer.
    """
    if world.now - rollout.since >= world.intent.rollout.progress_deadline:
        return sizes
    return {revision: 0 if waits_for_remains(world, revision) else size for revision, size in sizes.items()}


def _has_remains(world: World, revision: RevisionHash) -> bool:
    """Whether pods that nothing asks for are still shown, or not yet denied by the Deployment."""
    workload = world.observed.workloads.get(revision)
    if workload is not None and workload.desired:
        return False
    if workload is not None and (workload.replicas or not workload.settled):
        return True
    living = any(pod.revision == revision and not pod.terminating for pod in world.observed.pods)
    return living or bool(world.observed.ready_endpoints.get(revision))
