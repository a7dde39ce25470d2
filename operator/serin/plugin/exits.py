"""How a command ended, for who started it, and the one line that tells why it could not be done."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from serin.domain.names import KIND
from serin.domain.plain import plain
from serin.kube.access import BadAccess
from serin.kube.errors import Conflict, Forbidden, KubeError, NotFound, Unavailable


class Exit(IntEnum):
    """Exit codes; `docs/kubectl.md` promises them."""

    OK = 0
    FAILED = 1
    """What was asked about has failed: a rollout was taken back or stands still, a file has faults."""
    TIMED_OUT = 2
    """Neither well nor failed when the time was over."""
    CANNOT = 3
    """What was asked for cannot be done: no such model, no access, nothing to promote."""
    USAGE = 64
    """The command line says nothing that can be done."""
    INTERRUPTED = 130


class Trouble(Exception):
    """A command cannot go on: what was found, and the cure, in one line."""

    def __init__(self, what: str, cure: str = "", *, code: Exit = Exit.CANNOT) -> None:
        super().__init__(f"{plain(what)}; {cure}" if cure else plain(what))
        self.code = code


_NO_SUCH_KIND: Final = "could not find the requested resource"
"""How the API server answers where a CRD is missing."""


@contextmanager
def in_words() -> Iterator[None]:
    """Tell what goes wrong on the way to the API server as `Trouble`."""
    try:
        yield
    except KubeError as error:
        raise _trouble(error) from error
    except BadAccess as error:
        raise Trouble(str(error)) from error


def _trouble(error: KubeError) -> Trouble:
    asked = error.request
    match error:
        case NotFound() if _NO_SUCH_KIND in error.detail or asked.name is None:
            cure = "install Serin there, or name another cluster with --context"
            return Trouble(f"the cluster does not know {asked.kind}s", cure)
        case NotFound() if asked.kind == KIND:
            what = f"there is no modeldeployment/{asked.name} in the namespace {asked.namespace}"
            return Trouble(what, "kubectl serin list -A shows all there are")
        case Forbidden():
            return Trouble(error.detail, "ask for that right, or name another user's context with --context")
        case Conflict():
            cure = "look at it with kubectl serin get, and ask again"
            return Trouble(f"{asked}: it has changed meanwhile", cure)
        case Unavailable(status=401):
            return Trouble("the API server does not accept your credentials (401)", "log in to it again")
        case Unavailable():
            cure = "is the context the right one (--context), and the network up?"
            return Trouble(f"the API server gave no answer: {error.detail}", cure)
        case _:
            return Trouble(str(error))
