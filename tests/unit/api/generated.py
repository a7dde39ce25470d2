"""Files of the repository that are made from others.

After a change of their sources run `python -m tests.unit.api.generated`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from serin.api.crd import crd_yaml
from tests.unit.api import podtemplate_source, resource_page

REPOSITORY: Final = Path(__file__).parents[3]


def definition() -> str:
    """`crds/`: what `serin crd` prints."""
    return crd_yaml()


def installation() -> str:
    """`manifests/install.yaml`: everything in the order in which it is to be applied."""
    parts = [part.read_text(encoding="utf-8") for part in sorted(REPOSITORY.glob("manifests/parts/*.yaml"))]
    return "---\n".join([crd_yaml(), *parts])


def restricted_installation() -> str:
    """`manifests/namespaced/install.yaml`: the same for an operator that looks at some namespaces only."""
    documents = [document for document in installation().split("---\n") if not _of_the_cluster(document)]
    text = "---\n".join(documents)
    return _replaced(text, "        - run\n", "        - run\n" + NAMESPACES)


def restricted_access() -> str:
    """`manifests/namespaced/access.yaml`: the cluster's rights, as those in one namespace."""
    rights = [document for document in installation().split("---\n") if _of_the_cluster(document)]
    text = _replaced("---\n".join(rights), "kind: ClusterRole", "kind: Role")
    return f"{ONE_NAMESPACE}{text}"


def _of_the_cluster(document: str) -> bool:
    return "\nkind: ClusterRole" in document


def _replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"the manifests have no {old!r} any more")
    return text.replace(old, new)


NAMESPACES: Final = """\
        # One for each namespace in which access.yaml is applied.
        - --namespace=models
"""
ONE_NAMESPACE: Final = """\
# For each namespace that the operator is to look at: kubectl -n NAMESPACE apply -f access.yaml
"""

FILES: Final[Mapping[Path, Callable[[], str]]] = {
    podtemplate_source.TARGET: podtemplate_source.text,
    REPOSITORY / "crds" / "serin.dev_modeldeployments.yaml": definition,
    REPOSITORY / "manifests" / "install.yaml": installation,
    REPOSITORY / "manifests" / "namespaced" / "install.yaml": restricted_installation,
    REPOSITORY / "manifests" / "namespaced" / "access.yaml": restricted_access,
    REPOSITORY / "docs" / "resource.md": resource_page.text,
}

if __name__ == "__main__":
    for path, text in FILES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text(), encoding="utf-8")
