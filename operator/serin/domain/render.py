"""The pod template of a revision: made once, then frozen in its ControllerRevision (I14).

Layers, later ones win: the runtime's row of the catalogue, what the spec's own fields say (environment,
resources, the mounted model), the user's template. Only our two labels stand above the user's, since
children are selected by them. Nothing here depends on fields that are not hashed, or one revision could be
rendered in two ways.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

from serin.catalogue.rows import Runtime
from serin.domain.intent import Intent, RevisionIntent
from serin.domain.manifests import SERVER
from serin.domain.names import MODEL_LABEL, REVISION_LABEL

MODEL_PATH: Final = "/mnt/models"

_MODEL_VOLUME: Final = "model"
_CLAIM_SCHEME: Final = "pvc://"

_MERGED: Final = {"containers": ("name",), "initContainers": ("name",)}
"""Lists whose entries of one key are merged."""
_REPLACED: Final[Mapping[str, tuple[str, ...]]] = {
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists whose entries of one key replace each other: most are unions (a variable with both value and
valueFrom is refused), so merging two of them makes what nobody wrote. Lists that stand in no table are
replaced whole."""
_HANDLERS: Final = frozenset({"exec", "grpc", "httpGet", "sleep", "tcpSocket"})
"""At most one of these may stand in a probe or hook."""
_HOOKS: Final = frozenset({"livenessProbe", "readinessProbe", "startupProbe", "postStart", "preStop"})


def render_template(intent: Intent, runtime: Runtime) -> dict[str, Any]:
    """A complete PodTemplateSpec. Equal arguments give equal templates, and no argument is changed."""
    revision = intent.revision
    ours: dict[str, Any] = _merge(
        _named(_plain(runtime.template), revision.model_name), _from_spec(revision, runtime)
    )
    ours = _merge(_metadata(intent.key.name, runtime), ours)
    template: dict[str, Any] = _merge(ours, _plain(revision.template))
    template["metadata"]["labels"] |= {MODEL_LABEL: intent.key.name, REVISION_LABEL: revision.hash}
    return template


def _metadata(name: str, runtime: Runtime) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "labels": {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/component": "model-server",
            "app.kubernetes.io/managed-by": "serin",
        }
    }
    if runtime.metrics is not None:
        metadata["annotations"] = {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(runtime.metrics.port),
            "prometheus.io/path": runtime.metrics.path,
        }
    return {"metadata": metadata}


def _from_spec(revision: RevisionIntent, runtime: Runtime) -> dict[str, Any]:
    model: dict[str, Any] = {"name": SERVER}
    environment = {**runtime.environment, **runtime.formats.get(revision.format, {})}
    if environment:
        model["env"] = [
            {"name": name, "value": value.replace("{model}", revision.model_name)}
            for name, value in environment.items()
        ]
    if revision.resources:
        model["resources"] = _plain(revision.resources)
    spec: dict[str, Any] = {"containers": [model]}
    if revision.uri is not None:
        claim, _, path = revision.uri.removeprefix(_CLAIM_SCHEME).partition("/")
        sub_path = path.strip("/")
        mount = {"name": _MODEL_VOLUME, "mountPath": MODEL_PATH, "readOnly": True}
        model["volumeMounts"] = [mount | ({"subPath": sub_path} if sub_path else {})]
        source = {"claimName": claim, "readOnly": True}
        spec["volumes"] = [{"name": _MODEL_VOLUME, "persistentVolumeClaim": source}]
    return {"spec": spec}


def _plain(value: Any) -> Any:
    """A copy made of dicts and lists, so that what is rendered shares nothing with what it came from."""
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return deepcopy(value)


def _named(value: Any, model: str) -> Any:
    """The same with the served name for each `{model}`, for example in a probe's path."""
    if isinstance(value, dict):
        return {key: _named(child, model) for key, child in value.items()}
    if isinstance(value, list):
        return [_named(child, model) for child in value]
    return value.replace("{model}", model) if isinstance(value, str) else value


def _merge(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for field, value in over.items():
        below = merged.get(field)
        if isinstance(below, dict) and isinstance(value, Mapping):
            merged[field] = _merge(_room_for(field, below, value), value)
        elif isinstance(below, list) and isinstance(value, list):
            merged[field] = _merge_lists(field, below, value)
        else:
            merged[field] = value
    return merged


def _room_for(field: str, under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    if field in _HOOKS and _HANDLERS & over.keys():
        return {name: value for name, value in under.items() if name not in _HANDLERS}
    return under


def _merge_lists(field: str, under: list[Any], over: list[Any]) -> list[Any]:
    if field == "ports":
        return _merge_ports(under, over)
    keys = _MERGED.get(field) or _REPLACED.get(field)
    if keys is None:
        return over
    entries = {_key(entry, keys): entry for entry in under}
    for entry in over:
        key = _key(entry, keys)
        entries[key] = _merge(entries[key], entry) if key in entries and field in _MERGED else entry
    return list(entries.values())


def _key(entry: Mapping[str, Any], keys: Iterable[str]) -> tuple[Any, ...]:
    return tuple(entry.get(key) for key in keys)


def _merge_ports(under: list[dict[str, Any]], over: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No name and no number twice. A port of the same number keeps its name, which probes may use."""
    names = {port["name"] for port in over if "name" in port}
    below = {_number(port): port for port in under if port.get("name") not in names}
    above = [{**below.pop(_number(port), {}), **port} for port in over]
    return [*below.values(), *above]


def _number(port: Mapping[str, Any]) -> tuple[int, str]:
    return port["containerPort"], port.get("protocol", "TCP")
