"""What is wrong with ModelDeployments in files, without any cluster: for pipelines, before Git has them.

Faults are those that the server or the operator would find, in the same words (`api`). Warnings are of what
is allowed and probably not meant. The operator's own lists (its Prometheuses, its webhooks) are not known
here, nor rows that were added to its catalogue unless they are given.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec, all_faults
from serin.api.model import ModelDeployment
from serin.catalogue.loader import Catalogue
from serin.domain.analysis.policy import Mode
from serin.domain.intent import Intent
from serin.domain.names import API_VERSION, GROUP, KIND, REQUEST_ANNOTATIONS
from serin.domain.routers.choice import ROUTERS
from serin.plugin.lines import Document, NotYaml, Place, documents

Object = Mapping[str, Any]


class Severity(StrEnum):
    """How grave a finding is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing in one file; `model` is the object's name, where it has one."""

    file: str
    line: int
    column: int
    severity: Severity
    path: str
    message: str
    model: str = ""

    def __str__(self) -> str:
        """As compilers write it, so that editors and pipelines find the place."""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a file: the models in it, and what there is to say of them."""

    models: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    path: str
    message: str
    severity: Severity = Severity.ERROR


_START: Final = Place(1, 1)


def check(text: str, *, file: str, catalogue: Catalogue | None = None) -> Checked:
    """Look at all ModelDeployments in a file; other objects are left alone."""
    models, found = 0, list[Finding]()
    try:
        for document in documents(text):
            objects = list(_objects(document.body))
            models += len(objects)
            if objects:
                found += [_finding(file, place, _twice(key)) for key, place in document.twice]
            for prefix, body in objects:
                found += _of_object(document, body, file=file, prefix=prefix, catalogue=catalogue)
    except NotYaml as error:
        found.append(_finding(file, error.at or _START, _Said("", f"this is not YAML: {error}")))
    return Checked(models, tuple(sorted(found, key=lambda one: (one.line, one.column))))


def _twice(key: str) -> _Said:
    return _Said(key, f"{key} is here twice; only the last one would count")


def _finding(file: str, place: Place, said: _Said, model: str = "") -> Finding:
    return Finding(
        file=file,
        line=place.line,
        column=place.column,
        severity=said.severity,
        path=said.path,
        message=said.message,
        model=model,
    )


def _objects(body: Any) -> Iterator[tuple[str, Object]]:
    """The ModelDeployments of a document, which may be a list of objects."""
    if not isinstance(body, Mapping):
        return
    if body.get("kind") == "List" and isinstance(body.get("items"), list):
        for index, item in enumerate(body["items"]):
            for prefix, inner in _objects(item):
                yield f"items[{index}].{prefix}", inner
    elif body.get("kind") == KIND and str(body.get("apiVersion", "")).startswith(f"{GROUP}/"):
        yield "", body


def _of_object(
    document: Document, body: Object, *, file: str, prefix: str, catalogue: Catalogue | None
) -> Iterator[Finding]:
    metadata = body.get("metadata")
    name = str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
    for one in _faults(body, catalogue):
        yield _finding(file, document.place_of(f"{prefix}{one.path}"), one, name)


def _faults(body: Object, catalogue: Catalogue | None) -> Iterator[_Said]:
    if body.get("apiVersion") != API_VERSION:
        yield _Said("apiVersion", f"apiVersion is {body.get('apiVersion')}; need {API_VERSION}")
        return
    try:
        ModelDeployment.model_validate(_as_applied(body))
    except ValidationError as error:
        yield from (_Said(one.path, one.message) for one in all_faults(error))
        return
    intent = intent_of(_as_applied(body), catalogue)
    if isinstance(intent, InvalidSpec):
        yield _Said(intent.path, intent.message)
        return
    yield from _warnings(body, intent)


def _as_applied(body: Object) -> Object:
    """As the server would have it: what is written without a value counts as left out."""
    return {key: value for key, value in body.items() if value is not None}


# What is allowed, and probably not meant


def _warnings(body: Object, intent: Intent) -> Iterator[_Said]:
    for path, message in (*_requests(body), *_coarse(intent), *_endless(intent)):
        yield _Said(path, message, Severity.WARNING)


def _requests(body: Object) -> Iterator[tuple[str, str]]:
    annotations = body["metadata"].get("annotations") or {}
    for name in REQUEST_ANNOTATIONS:
        if name in annotations:
            path = f"metadata.annotations.{name}"
            yield path, f"{path}: a request is for one attempt; kept in a file it will mean another, or none"


def _coarse(intent: Intent) -> Iterator[tuple[str, str]]:
    """Steps whose weight no number of pods comes to."""
    router, size = ROUTERS[intent.traffic.router], intent.replicas
    if not router.widens_root() or not size:
        return
    for index, step in enumerate(intent.rollout.steps):
        pods = router.pods(step.weight, size)
        given = router.weight(pods, size, step.weight)
        path = f"spec.rollout.canary.steps[{index}].weight"
        if given > step.weight:
            beside = (
                f"one pod beside {size} is {given} % of the traffic, more than the {step.weight} % of step"
            )
            yield path, f"{path}: {beside} {step.name}; more replicas, or the router GatewayAPI"
        elif index and pods == router.pods(intent.rollout.steps[index - 1].weight, size):
            before = intent.rollout.steps[index - 1].name
            yield path, f"{path}: comes to as many pods as step {before} before it, and is one with it"


def _endless(intent: Intent) -> Iterator[tuple[str, str]]:
    """Times that contradict each other."""
    deadline = intent.rollout.step_deadline
    for index, step in enumerate(intent.rollout.steps):
        if intent.analysis.mode is Mode.ENFORCE and step.minimum >= deadline:
            path = f"spec.rollout.canary.steps[{index}].minSeconds"
            told = f"{path} is {step.minimum.total_seconds():.0f}"
            need = f"not below stepDeadlineSeconds ({deadline.total_seconds():.0f})"
            yield path, f"{told}, {need}: the step would be overdue before it may end"
