"""`manifests/`: what the chart renders, for those who apply files.

Without what only Helm reads, and in parts: `base/` is a kustomize base, and `install.yaml` all of it in the
order in which it is to be applied. An operator of some namespaces has the same rights, in each of them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from serin.api.crd import crd_yaml
from tests.chart.rendering import NAMESPACE, documents, rendered

FOLDER: Final = Path(__file__).parents[2] / "manifests"
ONE: Final = "models"
"""The namespace that the files for some namespaces name."""
RESTRICTED: Final = {
    "namespaces": [ONE],
    "rbac": {"aggregateToView": False, "aggregateToEdit": False},
}
SEEN: Final = {
    "monitoring": {
        "podMonitor": {"enabled": True},
        "modelPodMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboards": {"enabled": True},
    }
}
FENCED: Final = {"networkPolicy": {"enabled": True}}
FILES_OF_BASE: Final = ("crds", "namespace", "access", "people", "operator")
HELMS_OWN: Final = ("# Source: ", "    helm.sh/chart: ", "    app.kubernetes.io/managed-by: Helm")
SYSTEM: Final = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    app.kubernetes.io/name: serin
    pod-security.kubernetes.io/enforce: restricted
"""
ANY_NAMESPACE: Final = """\
# For each namespace that the operator is to look at: kubectl -n NAMESPACE apply -f namespaced-access.yaml
"""


def base(name: str) -> str:
    """One file of the base."""
    if name == "crds":
        return crd_yaml()
    if name == "namespace":
        return SYSTEM
    return _joined(one for one in _plain({}) if _file(one) == name)


def installation() -> str:
    """`install.yaml`."""
    return "---\n".join(base(name) for name in FILES_OF_BASE)


def restricted_installation() -> str:
    """`namespaced-install.yaml`: all but the rights in the namespaces."""
    own = _joined(one for one in _plain(RESTRICTED) if not _of(one, ONE))
    return "---\n".join([crd_yaml(), SYSTEM, own])


def restricted_access() -> str:
    """`namespaced-access.yaml`: the rights in one namespace, which whoever applies it names."""
    rights = _joined(one for one in _plain(RESTRICTED) if _of(one, ONE))
    return ANY_NAMESPACE + rights.replace(f"  namespace: {ONE}\n", "")


def namespace_component() -> str:
    """The rights in one namespace, for kustomize."""
    return _joined(one for one in _plain(RESTRICTED) if _of(one, ONE))


def monitoring_component() -> str:
    """What the Prometheus operator and Grafana's sidecar read."""
    return _added(SEEN)


def network_component() -> str:
    """The NetworkPolicy."""
    return _added(FENCED)


def _added(values: Mapping[str, Any]) -> str:
    """What the chart renders more with some values."""
    known = {_named(one) for one in _plain({})}
    return _joined(one for one in _plain(values) if _named(one) not in known)


def _plain(values: Mapping[str, Any]) -> Iterator[str]:
    text = _rendered(json.dumps(values))
    for document in documents(text):
        lines = [line for line in document.split("\n") if line.strip() and not line.startswith(HELMS_OWN)]
        yield "\n".join(lines) + "\n"


@cache
def _rendered(values: str) -> str:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "values.yaml"
        file.write_text(values)
        return rendered(file, options=["--skip-tests", "--set=crds.enabled=false"])


def _joined(texts: Iterable[str]) -> str:
    return "---\n".join(texts)


def _file(document: str) -> str:
    kind, name = _named(document)
    if kind == "ClusterRole" and name != "serin":
        return "people"
    return "access" if kind.startswith(("ServiceAccount", "Role", "ClusterRole")) else "operator"


def _of(document: str, namespace: str) -> bool:
    return f"\n  namespace: {namespace}\n" in document


def _named(document: str) -> tuple[str, str]:
    body = yaml.safe_load(document)
    return body["kind"], body["metadata"]["name"]


COMPONENTS: Final = FOLDER / "components"
FILES: Final[Mapping[Path, Callable[[], str]]] = {
    **{FOLDER / "base" / f"{name}.yaml": partial(base, name) for name in FILES_OF_BASE},
    FOLDER / "install.yaml": installation,
    FOLDER / "namespaced-install.yaml": restricted_installation,
    FOLDER / "namespaced-access.yaml": restricted_access,
    COMPONENTS / "namespaced" / "access.yaml": namespace_component,
    COMPONENTS / "monitoring" / "monitoring.yaml": monitoring_component,
    COMPONENTS / "network-policy" / "networkpolicy.yaml": network_component,
}
