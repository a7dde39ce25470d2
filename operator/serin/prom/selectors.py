"""PromQL for the series of one attempt: built from parts, so that no text of a user's becomes syntax.

Pods are found by the names their Deployments give them, in the model's own namespace; a proxy's series by the
label that names the backend, as the preset says.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from serin.domain.analysis.policy import DataPlane
from serin.domain.analysis.request import Asked, TrialRequest, backend_pattern, pod_pattern

_IDENTIFIER: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

Matcher = tuple[str, str, str]


def selector(asked: Asked, request: TrialRequest) -> str:
    """The instant selector for both arms of one kind of series; a range selector is this and a `[range]`."""
    metric = asked.counter.metric
    matchers = [] if _IDENTIFIER.fullmatch(metric) else [("__name__", "=", metric)]
    matchers += asked.counter.matchers
    matchers += _bucket(asked)
    matchers += _arms(asked.data_plane, request)
    inside = ",".join(f"{_named(label)}{operator}{_quoted(value)}" for label, operator, value in matchers)
    return f"{metric if _IDENTIFIER.fullmatch(metric) else ''}{{{inside}}}"


def _arms(source: DataPlane | None, request: TrialRequest) -> list[Matcher]:
    backends = (request.canary, request.stable)
    if source is not None:
        either = "|".join(backend_pattern(source, request.namespace, name) for name in backends)
        return [(source.label, "=~", either)]
    return [
        (request.labels.namespace, "=", request.namespace),
        (request.labels.pod, "=~", "|".join(map(pod_pattern, backends))),
    ]


def _bucket(asked: Asked) -> Iterator[Matcher]:
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
