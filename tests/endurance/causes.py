"""Whose fault a failed request is: a bad version's, an injected fault's, or that of a rollout.

What the gateway's access log says of a request is held against what was injected, as narrowly as can be: a
killed pod excuses what failed at its address, a revision without endpoints what was meant for it, an edited
route what its model's users asked. All else was lost to a rollout.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

SETTLED: Final = 8.0
"""Seconds from the end of a fault until the gateway has surely heard of it: its delay, and a busy machine."""
CLOCK: Final = 0.5
"""Seconds by which a request may have been sent before the fault that it met."""
BAD: Final = ("bad", "crashing")
"""How the names of versions begin that fail by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A request that was answered with an error, or not at all."""

    at: float
    """When it was sent, in Unix seconds."""
    seconds: float
    model: str
    revision: str = ""
    """Whom the gateway chose; empty where it chose nobody."""
    pod: str = ""
    """The address of the pod it was sent to."""
    status: int = 0
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class Injected:
    """A fault as it happened, and what it excuses."""

    what: str
    at: float
    until: float = 0.0
    model: str = ""
    revisions: frozenset[str] = frozenset()
    """Revisions that it left without endpoints, or may have."""
    pods: frozenset[str] = frozenset()
    """Addresses of the pods it hit."""
    route: bool = False
    """Whether the model's route was not what the operator wrote."""
    detail: str = ""

    def excuses(self, failed: Failed) -> bool:
        """Whether the request failed because of it."""
        over = max(self.until, self.at) + SETTLED
        if not self.at - CLOCK - failed.seconds <= failed.at <= over:
            return False
        if failed.pod and failed.pod in self.pods:
            return True
        if failed.revision:
            return failed.revision in self.revisions or (self.route and failed.model == self.model)
        return bool(self.model) and failed.model == self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The failed requests, told apart."""

    by_cause: Counter[str] = field(default_factory=Counter)
    lost: list[Failed] = field(default_factory=list)
    """Excused by nothing: lost to a rollout."""


def told_apart(failed: Iterable[Failed], injected: Iterable[Injected], versions: Mapping[str, str]) -> Told:
    """Each failed request under its cause; `versions` are the names of the revisions' versions."""
    found, faults = Told(), list(injected)
    for one in failed:
        version = versions.get(one.revision, "")
        fault = next((fault for fault in faults if fault.excuses(one)), None)
        if version.startswith(BAD):
            found.by_cause["a bad version's own"] += 1
        elif fault is not None:
            found.by_cause[fault.what] += 1
        else:
            found.lost.append(one)
    return found
