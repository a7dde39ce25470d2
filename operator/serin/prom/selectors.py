"""PromQL for the series of one attempt or of many: built from parts, so that no text of a user's becomes
syntax.

Pods are found by the names their Deployments give them, in the models' own namespaces; a proxy's series by
the label that names the backend, as the preset says. What a query of many finds is more than each one's, and
parted by `owners`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from serin.domain.analysis.policy import Counter, DataPlane
from serin.domain.analysis.request import (
    Asked,
    LabelNames,
    TrialRequest,
    backend_pattern,
    pod_pattern,
)

_IDENTIFIER: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

Matcher = tuple[str, str, str]


class Question(NamedTuple):
    """What can be asked for several attempts in one query: series that only differ in whose they are."""

    counter: Counter
    bucket: float | None
    data_plane: DataPlane | None
    labels: LabelNames | None
    """None where the data plane's label says all."""


def question(asked: Asked, request: TrialRequest) -> Question:
    """What a kind of series is to those who ask."""
    labels = None if asked.data_plane else request.labels
    return Question(asked.counter, asked.bucket, asked.data_plane, labels)


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
    """How many characters, at most, an attempt adds to a query."""
    return sum(len(_quoted(value)) + 1 for _, _, value in _arms(question.data_plane, (request,)))


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
        (labels.pod, "=~", "|".join(pod_pattern(name) for _, name in backends)),
    ]


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
