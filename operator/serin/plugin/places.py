"""Which cluster and which namespace a command is about, as kubectl finds it.

KUBECONFIG may list several files: the first that names a current context chooses, and the chosen context is
looked for in all. User and cluster of a context have to be in its own file, where every tool writes them.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from serin.kube.access import own_namespace
from serin.plugin.exits import Trouble


@dataclass(frozen=True, slots=True)
class Place:
    """A way to a cluster, and the namespace that is meant where none is named.

    `kubeconfig` is None inside of a pod that has none: its service account is the way in.
    """

    kubeconfig: Path | None
    context: str | None
    namespace: str


def place_of(kubeconfig: Path | None, context: str | None, namespace: str | None) -> Place:
    """The place that options, environment and files name.

    Raises:
        Trouble: They name none that there is.
    """
    files = list(_documents(_files(kubeconfig), required=kubeconfig is not None))
    wanted = context or next((str(one["current-context"]) for _, one in files if _current(one)), None)
    for path, document in files:
        for name, entry in _contexts(document):
            if name == wanted:
                return Place(path, wanted, namespace or str(entry.get("namespace") or "default"))
    if context is not None:
        known = ", ".join(contexts_in(kubeconfig)) or "none"
        raise Trouble(f"the kubeconfig has no context {context}", f"it has {known}")
    if not files and (own := own_namespace()) is not None:
        return Place(None, None, namespace or own)
    if not files:
        where = ", ".join(str(path) for path in _files(kubeconfig))
        raise Trouble(f"there is no kubeconfig at {where}", "name one with --kubeconfig or KUBECONFIG")
    raise Trouble(f"{files[0][0]} names no current context", "choose one with --context")


def contexts_in(kubeconfig: Path | None) -> list[str]:
    """The names of all contexts."""
    return [name for _, document in _documents(_files(kubeconfig)) for name, _ in _contexts(document)]


def _files(kubeconfig: Path | None) -> list[Path]:
    if kubeconfig is not None:
        return [kubeconfig]
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [Path(part) for part in listed] or [Path.home() / ".kube" / "config"]


def _documents(paths: Iterable[Path], *, required: bool = False) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            if required:
                raise Trouble(
                    f"there is no kubeconfig at {path}", "name another with --kubeconfig"
                ) from error
            continue
        except OSError as error:
            raise Trouble(f"kubeconfig {path} cannot be read: {error.strerror}") from error
        except (yaml.YAMLError, ValueError) as error:
            words = " ".join(str(error).split())
            raise Trouble(f"kubeconfig {path} cannot be used: {words}", "try it with kubectl") from error
        if isinstance(document, Mapping):
            yield path, document


def _current(document: Mapping[str, Any]) -> bool:
    return bool(document.get("current-context"))


def _contexts(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in document.get("contexts") or ():
        yield str(entry.get("name")), entry.get("context") or {}
