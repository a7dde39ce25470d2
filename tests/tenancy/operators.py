"""The operator with the rights of either installation: everywhere, or in some namespaces.

Both run as they would be installed: the rights are read from `manifests/`, only the account of the restricted
one is another, since a test cluster has both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.audit import service_account
from tests.cluster.cluster import Cluster, documents
from tests.cluster.resources import Object
from tests.stage.operator import ACCESS, ACCOUNT, Operator

MANIFESTS: Final = Path(__file__).parents[2] / "manifests"
RESTRICTED_ACCOUNT: Final = (ACCOUNT[0], "serin-restricted")
RIGHTS: Final = ("Role", "ClusterRole")


class Posted(Operator):
    """An operator that looks at these namespaces; at all where none is named."""

    def __init__(self, cluster: Cluster, name: str, kubeconfig: Path, *, namespaces: Sequence[str]) -> None:
        options = [f"--namespace={namespace}" for namespace in namespaces]
        super().__init__(cluster, name, kubeconfig, arguments=options)
        self._command.remove(f"--namespace={name}")


@dataclass(frozen=True, slots=True)
class Post:
    """An installation: an account, and the rules of all roles that it is bound to."""

    account: tuple[str, str]
    namespaces: tuple[str, ...]
    rules: tuple[Object, ...]

    @property
    def user(self) -> str:
        """Its name in the audit log."""
        return service_account(*self.account)


def everywhere() -> Post:
    """What `manifests/install.yaml` installs; the fixture `account` applies it."""
    return Post(ACCOUNT, (), tuple(_rules(one for path in ACCESS for one in documents(path))))


async def restricted(cluster: Cluster, namespaces: Sequence[str]) -> Post:
    """What `manifests/namespaced-install.yaml` installs, for these namespaces."""
    await cluster.api.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": RESTRICTED_ACCOUNT[1], "namespace": RESTRICTED_ACCOUNT[0]},
        }
    )
    installed = documents(MANIFESTS / "namespaced-install.yaml")
    own = [one for one in installed if one["kind"] in (*RIGHTS, "RoleBinding")]
    each = documents(MANIFESTS / "namespaced-access.yaml")
    for body in own:
        await cluster.api.apply(_another(body, suffix="-restricted"))
    for namespace in namespaces:
        for body in each:
            await cluster.api.apply(_another(body), namespace)
    return Post(RESTRICTED_ACCOUNT, tuple(namespaces), tuple(_rules([*own, *each])))


def _another(body: Object, *, suffix: str = "") -> Object:
    """The same for the other account; a binding beside that of the first one has a name of its own."""
    if body["kind"] != "RoleBinding":
        return body
    subject = {"kind": "ServiceAccount", "namespace": RESTRICTED_ACCOUNT[0], "name": RESTRICTED_ACCOUNT[1]}
    metadata = {**body["metadata"], "name": body["metadata"]["name"] + suffix}
    return {**body, "metadata": metadata, "subjects": [subject]}


def _rules(bodies: Sequence[Object] | Iterator[Object]) -> Iterator[Object]:
    for body in bodies:
        if body["kind"] in RIGHTS:
            yield from body["rules"]
