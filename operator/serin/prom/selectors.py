"""PromQL for the series of one attempt or of many: built from parts, so that no text of a user's becomes
syntax.

Pods are found by the names their Deployments give them, in the models' own namespaces; a proxy's series by
the label that names the backend, as the preset says. What a query of many finds is more than each one's, and
parted by `owners`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Final
from weakref import WeakValueDictionary

from serin.domain.analysis.policy import Counter, DataPlane
from serin.domain.analysis.request import (
    LONGEST_PREFIX,
    Asked,
    LabelNames,
    TrialRequest,
    backend_pattern,
    pod_pattern,
)

_IDENTIFIER: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

_COMMON_TAIL: Final = "-[a-z0-9]+-[a-z0-9]{5}"
"""Of the pods of every Deployment whose name is not cut."""

Matcher = tuple[str, str, str]


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Question:
    """What can be asked for several attempts in one query: series that only differ in whose they are.

    Made by `of` alone, so that equal ones are one object: they are looked up a hundred times in a round.
    """

    counter: Counter
    bucket: float | None
    data_plane: DataPlane | None
    labels: LabelNames | None
    """None where the data plane's label says all."""

    @classmethod
    def of(
        cls,
        counter: Counter,
        bucket: float | None,
        data_plane: DataPlane | None,
        labels: LabelNames | None,
    ) -> "Question":
        """The question of these parts."""
        parts = (counter, bucket, data_plane, labels)
        return _known.setdefault(parts, cls(*parts))


_known: WeakValueDictionary[object, Question] = WeakValueDictionary()


def question(asked: Asked, request: TrialRequest) -> Question:
    """What a kind of series is to those who ask."""
    labels = None if asked.data_plane else request.labels
    return Question.of(asked.counter, asked.bucket, asked.data_plane, labels)


def selector(asked: Asked | Question, *requests: TrialRequest) -> str:
    """The instant selector for both arms of one kind of series, of attempts that use the same labels; a range
    selector is this and a `[range]`.
    """
    metric = asked.counter.metric
    several = "=~" if "|" in metric else "="
    matchers = [] if _IDENTIFIER.fullmatch(metric) else [("__name__", several, metric)]
    matchers += asked.counter.matchers
    matchers += _bucket(asked)
    matchers += _arms(asked.data_plane, requests)
    inside = ",".join(f"{_named(label)}{operator}{_quoted(value)}" for label, operator, value in matchers)
    return f"{metric if _IDENTIFIER.fullmatch(metric) else ''}{{{inside}}}"


def room(question: Question, request: TrialRequest) -> int:
    """How many characters, at most, an attempt adds to a query that others are in."""
    if question.data_plane is not None:
        return sum(len(_quoted(value)) + 1 for _, _, value in _arms(question.data_plane, (request,)))
    tails = _pods((request,))
    own = sum(len(part) + (1 if tail == _COMMON_TAIL else len(tail) + 3) for tail, part in tails)
    return own + len(request.namespace) + 1


def _arms(source: DataPlane | None, requests: Sequence[TrialRequest]) -> list[Matcher]:
    backends = [(one.namespace, name) for one in requests for name in (one.canary, one.stable)]
    if source is not None:
        either = "|".join(backend_pattern(source, namespace, name) for namespace, name in backends)
        return [(source.label, "=~", either)]
    labels = requests[0].labels
    # Not escaped: a namespace is a DNS label, and without escapes Prometheus looks literals up.
    namespaces = list(dict.fromkeys(one.namespace for one in requests))
    return [
        (labels.namespace, "=~" if len(namespaces) > 1 else "=", "|".join(namespaces)),
        (labels.pod, "=~", _joined(_pods(requests))),
    ]


def _joined(pods: Iterable[tuple[str, str]]) -> str:
    """Patterns of pods in one: what comes after the names is the same for most, and written once."""
    by_tail: dict[str, list[str]] = {}
    for tail, own in pods:
        by_tail.setdefault(tail, []).append(own)
    return "|".join(f"{own[0] if len(own) == 1 else _either(own)}{tail}" for tail, own in by_tail.items())


def _pods(requests: Iterable[TrialRequest]) -> Iterator[tuple[str, str]]:
    """The patterns of both sides' pods, as what others have too and what is an attempt's own."""
    for request in requests:
        yield from _both(request.canary, request.stable)


@lru_cache(maxsize=10_000)
def _both(canary: str, stable: str) -> tuple[tuple[str, str], ...]:
    one, other = _parts(canary), _parts(stable)
    if one[0] != other[0] or "\\" in one[1] + other[1]:
        return one, other
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one[1], other[1], strict=False)))
    return ((one[0], f"{one[1][:alike]}{_either([one[1][alike:], other[1][alike:]])}"),)


def _parts(name: str) -> tuple[str, str]:
    kept = re.escape(name[:LONGEST_PREFIX]).replace(r"\-", "-")
    return pod_pattern(name).removeprefix(kept), kept


def _either(parts: Sequence[str]) -> str:
    return f"({'|'.join(parts)})"


def _bucket(asked: Asked | Question) -> Iterator[Matcher]:
    """The bucket's bound as clients and versions of Prometheus spell it: 1, 1.0."""
    if asked.bucket is None or any(label == "le" for label, _, _ in asked.counter.matchers):
        return
    spellings = sorted({f"{asked.bucket:g}", repr(float(asked.bucket))})
    yield ("le", "=~", "|".join(re.escape(one) for one in spellings))


def _named(label: str) -> str:
    """A label's name: any text may be one since Prometheus 3, in quotes, and a user's counter may use it."""
    return label if _IDENTIFIER.fullmatch(label) else _quoted(label)


def _quoted(value: str) -> str:
    """A PromQL string: its escapes are those of Go, of which JSON's are a part."""
    return json.dumps(value, ensure_ascii=False)
