"""Whose a series is, where one query asks for those of many attempts.

Only by the answer: an alternation of pods and one of namespaces also finds the pod of one attempt in the
namespace of another, and nothing of one tenant's may reach the judgement of another's. So namespace and
pattern of each attempt are matched together, exactly as in a query of its own. Found by the literal beginning
of its pattern, in a time that does not grow with the number of attempts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Generic, TypeVar

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.policy import DataPlane
from serin.domain.analysis.request import (
    LONGEST_PREFIX,
    LabelNames,
    TrialRequest,
    backend_pattern,
    pod_pattern,
)

T = TypeVar("T")

_SPECIAL: Final = frozenset(".^$*+?{}[]|()\\")
_OPTIONAL: Final = frozenset("*?{")


@dataclass(frozen=True, slots=True)
class Claim(Generic[T]):
    """An attempt's word that series of this namespace (None: of any) and of this pattern are one side's."""

    owner: T
    arm: Arm
    namespace: str | None
    name: str
    prefix: str
    pattern: re.Pattern[str]

    def holds(self, value: str) -> bool:
        """Whether the label that tells has a value of this attempt's."""
        return self.name in value and self.pattern.fullmatch(value) is not None


class Owners(Generic[T]):
    """Who owns what among the attempts of one query.

    Args:
        claims: Those of every attempt.
        namespace: The label that holds the namespace; None where the telling label says all.
        label: The label that tells: a pod's name, or a proxy's backend.
    """

    def __init__(self, claims: Iterable[Claim[T]], *, namespace: str | None, label: str) -> None:
        self._namespace, self._label = namespace, label
        self._claims: dict[tuple[str | None, str], list[Claim[T]]] = {}
        for claim in claims:
            self._claims.setdefault((claim.namespace, claim.prefix), []).append(claim)
        self._lengths = sorted({len(prefix) for _, prefix in self._claims})
        self._known: dict[tuple[str | None, str], tuple[Claim[T], ...]] = {}

    def of(self, labels: Mapping[str, str]) -> tuple[Claim[T], ...]:
        """The claims that hold for a series: none, one, or the same of two who ask for the same."""
        namespace = None if self._namespace is None else labels.get(self._namespace, "")
        place = (namespace, labels.get(self._label, ""))
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = self._found(*place)
        return found

    def _found(self, namespace: str | None, value: str) -> tuple[Claim[T], ...]:
        return tuple(
            claim
            for length in self._lengths
            if length <= len(value)
            for claim in self._claims.get((namespace, value[:length]), ())
            if claim.holds(value)
        )


def pod_claims(owner: T, request: TrialRequest) -> tuple[Claim[T], ...]:
    """The pods of both sides, by the names their Deployments give them."""
    return tuple(
        Claim(owner, arm, request.namespace, "", name[:LONGEST_PREFIX], re.compile(pod_pattern(name)))
        for arm, name in ((Arm.CANARY, request.canary), (Arm.STABLE, request.stable))
    )


def backend_claims(owner: T, request: TrialRequest, source: DataPlane) -> tuple[Claim[T], ...]:
    """The backends of both sides, as a proxy names them."""
    named = [
        (arm, name, backend_pattern(source, request.namespace, name))
        for arm, name in ((Arm.CANARY, request.canary), (Arm.STABLE, request.stable))
    ]
    return tuple(
        Claim(owner, arm, None, name, literal_beginning(pattern), re.compile(pattern))
        for arm, name, pattern in named
    )


def claims(owner: T, request: TrialRequest, source: DataPlane | None) -> tuple[Claim[T], ...]:
    """What is an attempt's among the series of its pods, or of a data plane."""
    return pod_claims(owner, request) if source is None else backend_claims(owner, request, source)


def owners(found: Iterable[Claim[T]], labels: LabelNames, source: DataPlane | None) -> Owners[T]:
    """The owners among the series of pods, or of a data plane."""
    if source is not None:
        return Owners(found, namespace=None, label=source.label)
    return Owners(found, namespace=labels.namespace, label=labels.pod)


@lru_cache(maxsize=10_000)
def literal_beginning(pattern: str) -> str:
    """What every match of an anchored pattern begins with, as far as it is easily seen; perhaps nothing."""
    if "|" in pattern:
        return ""
    found: list[str] = []
    place = 0
    while place < len(pattern):
        char, following = pattern[place], pattern[place + 1 : place + 2]
        if char == "\\" and following and not following.isalnum():
            found.append(following)
            place += 2
        elif char not in _SPECIAL:
            found.append(char)
            place += 1
        else:
            return "".join(found[:-1] if char in _OPTIONAL else found)
    return "".join(found)
