"""A container's environment: from fields of its pod, ConfigMaps and Secrets, with `$(NAME)` expanded."""

import base64
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from tests.cluster.api import Api
from tests.cluster.resources import CONFIG_MAPS, SECRETS, Object, Resource

REFERENCE: Final = re.compile(r"\$(\$\([^)]*\)|\(([A-Za-z_.-][A-Za-z0-9_.-]*)\))")
SUFFIXES: Final = {
    **{suffix: 1000.0**power for power, suffix in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{suffix: 1024.0**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
    "m": 0.001,
}


class Unresolved(Exception):
    """Something a container refers to is not there (yet); the text is the one a kubelet shows."""


async def environment(api: Api, pod: Object, container: Object, base: Mapping[str, str]) -> dict[str, str]:
    """All variables of a container, over those of its image and node. Raises Unresolved."""
    values = dict(base)
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        for kind, resource in (("configMapRef", CONFIG_MAPS), ("secretRef", SECRETS)):
            if reference := source.get(kind):
                found = await content(api, resource, reference, namespace)
                values.update({prefix + key: value.decode() for key, value in found.items()})
    for entry in container.get("env") or []:
        if "valueFrom" not in entry:
            values[entry["name"]] = expanded(entry.get("value", ""), values)
        elif (value := await _from(api, entry["valueFrom"], pod, container)) is not None:
            values[entry["name"]] = value
    return values


def expanded(text: str, values: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the value; `$$(NAME)` stays as `$(NAME)`, and so does an unknown name."""

    def replacement(match: re.Match[str]) -> str:
        if match[2] is None:
            return match[1]
        return values.get(match[2], match[0])

    return REFERENCE.sub(replacement, text)


async def content(api: Api, resource: Resource, reference: Object, namespace: str) -> dict[str, bytes]:
    """What a ConfigMap or Secret holds; nothing where it is missing and `optional`."""
    found = await api.find(resource, reference["name"], namespace)
    if found is None:
        if reference.get("optional"):
            return {}
        raise Unresolved(f'{resource.plural.removesuffix("s")} "{reference["name"]}" not found')
    plain = {} if resource == SECRETS else found.get("data") or {}
    encoded = (found.get("data") if resource == SECRETS else found.get("binaryData")) or {}
    return {
        **{key: value.encode() for key, value in plain.items()},
        **{key: base64.b64decode(value) for key, value in encoded.items()},
    }


def field_value(pod: Object, path: str) -> str:
    """What a `fieldRef` says, the forms with one label or annotation included."""
    if keyed := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str((pod["metadata"].get(keyed[1]) or {}).get(keyed[2], ""))
    found: Any = pod
    for part in path.split("."):
        found = found.get(part) or {} if isinstance(found, dict) else {}
    if isinstance(found, dict):
        return "\n".join(f'{key}="{value}"' for key, value in sorted(found.items()))
    if isinstance(found, list):
        return ",".join(entry["ip"] for entry in found)
    return str(found)


def resource_value(container: Object, reference: Object) -> str:
    """What a `resourceFieldRef` says, in units of its divisor, rounded up; 0 where there is no limit."""
    kind, name = reference["resource"].split(".", 1)
    amount = ((container.get("resources") or {}).get(kind) or {}).get(name, "0")
    divisor = quantity(reference.get("divisor") or "1") or 1.0
    return str(math.ceil(quantity(amount) / divisor))


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number."""
    number = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)([A-Za-z]*)", str(text))
    if number is None or number[2] not in SUFFIXES:
        raise ValueError(f"{text!r} is not a quantity")
    return float(number[1]) * SUFFIXES[number[2]]


async def _from(api: Api, source: Object, pod: Object, container: Object) -> str | None:
    if reference := source.get("fieldRef"):
        return field_value(pod, reference["fieldPath"])
    if reference := source.get("resourceFieldRef"):
        return resource_value(container, reference)
    for kind, resource in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", SECRETS)):
        if reference := source.get(kind):
            found = await content(api, resource, reference, pod["metadata"]["namespace"])
            if reference["key"] in found:
                return found[reference["key"]].decode()
            if reference.get("optional"):
                return None
            raise Unresolved(f"couldn't find key {reference['key']} in {resource.plural} {reference['name']}")
    raise Unresolved(f"valueFrom {sorted(source)} is not understood by this node")
