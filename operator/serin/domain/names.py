"""The words Serin writes on objects: labels, annotations, and the names of children.

Roles (stable, canary) are never among them: a role changes at promotion and pods must not (I15).
"""

from typing import Final, NamedTuple, NewType

RevisionHash = NewType("RevisionHash", str)
"""The ten characters that tell one revision of a model from another."""

GROUP: Final = "serin.dev"
VERSION: Final = "v1alpha1"
KIND: Final = "ModelDeployment"
PLURAL: Final = "modeldeployments"
API_VERSION: Final = f"{GROUP}/{VERSION}"
FIELD_MANAGER: Final = "serin"

MODEL_LABEL: Final = "serin.dev/model"
REVISION_LABEL: Final = "serin.dev/revision"
GATE_LABEL: Final = "serin.dev/gate"
"""On a Job: which gate it tries."""

CONTENT_ANNOTATION: Final = "serin.dev/content"
"""Hash of what was applied last, so that an unchanged object costs no request (I8)."""
FULL_HASH_ANNOTATION: Final = "serin.dev/revision-hash"
"""The whole hash of a revision, which tells a collision of the short one."""
REJECTED_ANNOTATION: Final = "serin.dev/rejected"
"""On a revision's Deployment: why it was rejected, so that a lost status does not retry it (I9)."""
EPOCH_ANNOTATION: Final = "serin.dev/epoch"
"""Changes when a rollback returns to a revision: a late scale-down by an old leader then conflicts (I12)."""

PROMOTE_ANNOTATION: Final = "serin.dev/promote"
ABORT_ANNOTATION: Final = "serin.dev/abort"
RETRY_ANNOTATION: Final = "serin.dev/retry"
PAUSE_ANNOTATION: Final = "serin.dev/pause"
ADOPT_ANNOTATION: Final = "serin.dev/adopt"
REQUEST_ANNOTATIONS: Final = (
    PROMOTE_ANNOTATION,
    ABORT_ANNOTATION,
    RETRY_ANNOTATION,
    PAUSE_ANNOTATION,
    ADOPT_ANNOTATION,
)


class Key(NamedTuple):
    """A ModelDeployment's place in the cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def child_name(model: str, revision: RevisionHash) -> str:
    """The name of a revision's Deployment, Service and ControllerRevision."""
    return f"{model}-{revision}"
