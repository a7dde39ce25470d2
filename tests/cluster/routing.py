"""HTTPRoutes, Services and EndpointSlices, translated into what Envoy is told and judged as controllers do.

Pure: `gateway` brings the objects and carries the result to Envoy. Supported are weighted backends of the
route's own namespace, hostnames, matches by path, header, query and method, request mirrors and changed
request headers; a route that asks for more is not accepted, rather than half obeyed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.cluster import endpoints
from tests.cluster.endpoints import SERVICE_LABEL
from tests.cluster.envoy_config import Backend, DataPlane, Json
from tests.cluster.mirror import Key, key_of
from tests.cluster.resources import Object

PUBLIC: Final = Key("infra", "public")
"""The Gateway that routes attach to."""
FILTERS: Final = {"RequestMirror", "RequestHeaderModifier"}
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """The objects a gateway goes by."""

    routes: Mapping[Key, Object]
    services: Mapping[Key, Object]
    slices: Mapping[Key, Object]


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition of a route: its status as a bool, a reason of the Gateway API, a sentence."""

    status: bool
    reason: str
    message: str


def cluster_name(namespace: str, service: str, port: int) -> str:
    """The name of a backend's Envoy cluster, which is `envoy_cluster_name` in its metrics."""
    return f"{namespace}_{service}_{port}"


def attached(route: Object) -> Object | None:
    """The parentRef by which a route attaches to our Gateway, or None."""
    own = route["metadata"]["namespace"]
    for parent in route["spec"].get("parentRefs", []):
        key = Key(parent.get("namespace", own), parent["name"])
        if parent.get("kind", "Gateway") == "Gateway" and key == PUBLIC:
            found: Object = parent
            return found
    return None


def accepted(route: Object) -> Finding:
    """Whether all that a route asks for is supported."""
    for number, rule in enumerate(route["spec"].get("rules", [])):
        kinds = {one["type"] for one in rule.get("filters", [])}
        inner = [one["type"] for ref in rule.get("backendRefs", []) for one in ref.get("filters", [])]
        if unknown := [
            *sorted(kinds - FILTERS),
            *inner,
            *rule.keys() & {"timeouts", "retry", "sessionPersistence"},
        ]:
            return Finding(False, "UnsupportedValue", f"rules[{number}]: {unknown[0]} is not supported")
    return Finding(True, "Accepted", "the route is accepted")


def resolved(route: Object, services: Mapping[Key, Object]) -> Finding:
    """Whether every backend is a port of a Service that exists in the route's namespace."""
    namespace = route["metadata"]["namespace"]
    for ref in _references(route):
        name = f"{ref.get('kind', 'Service')} {ref.get('namespace', namespace)}/{ref['name']}"
        if ref.get("kind", "Service") != "Service" or ref.get("group"):
            return Finding(False, "InvalidKind", f"{name} is not a Service")
        if ref.get("namespace", namespace) != namespace:
            return Finding(False, "RefNotPermitted", f"{name} is in another namespace")
        if _port(ref, namespace, services) is None:
            return Finding(
                False, "BackendNotFound", f"{name} has no port {ref.get('port')}, or does not exist"
            )
    return Finding(True, "ResolvedRefs", "all references are resolved")


def weights(route: Object) -> dict[str, int]:
    """The weight of each Service in the route's rules; with several rules, in the last that names it."""
    refs = [ref for rule in route["spec"].get("rules", []) for ref in rule.get("backendRefs", [])]
    return {ref["name"]: ref.get("weight", 1) for ref in refs}


def data_plane(view: View) -> DataPlane:
    """What Envoy must serve: one cluster for each backend that is named, at whatever weight."""
    routes = [one for _, one in sorted(view.routes.items()) if attached(one) and accepted(one).status]
    slices = defaultdict(list)
    for one in view.slices.values():
        service = one["metadata"].get("labels", {}).get(SERVICE_LABEL, "")
        slices[Key(key_of(one).namespace, service)].append(one)
    backends = {}
    for route in routes:
        namespace = route["metadata"]["namespace"]
        for ref in _references(route):
            if (port := _port(ref, namespace, view.services)) is not None:
                name = cluster_name(namespace, ref["name"], ref["port"])
                backends[name] = _backend(port, slices[Key(namespace, ref["name"])])
    by_host: dict[str, list[tuple[Any, Json]]] = defaultdict(list)
    for route in routes:
        for host in route["spec"].get("hostnames") or ["*"]:
            by_host[host] += _envoy_routes(route)
    hosts = [
        {
            "name": host,
            "domains": [host],
            "routes": [one for _, one in sorted(found, key=lambda pair: pair[0])],
        }
        for host, found in sorted(by_host.items())
    ]
    return DataPlane(backends=backends, virtual_hosts=hosts)


def _references(route: Object) -> Iterator[Object]:
    for rule in route["spec"].get("rules", []):
        yield from rule.get("backendRefs", [])
        for one in rule.get("filters", []):
            if one["type"] == "RequestMirror":
                yield one["requestMirror"]["backendRef"]


def _port(ref: Object, namespace: str, services: Mapping[Key, Object]) -> Object | None:
    service = services.get(Key(namespace, ref["name"]))
    if service is None or ref.get("namespace", namespace) != namespace:
        return None
    return next((port for port in service["spec"].get("ports", []) if port["port"] == ref.get("port")), None)


def _backend(port: Object, slices: Iterable[Object]) -> Backend:
    return Backend(
        endpoints=endpoints.ready(slices, port.get("name", "")),
        http2=port.get("appProtocol") == "kubernetes.io/h2c",
    )


def _envoy_routes(route: Object) -> Iterator[tuple[Any, Json]]:
    """Envoy's routes for each match of each rule, with the key by which the Gateway API gives precedence."""
    for number, rule in enumerate(route["spec"].get("rules", [])):
        action = _action(route, rule)
        for match in rule.get("matches") or [{}]:
            path = match.get("path", {})
            precedence = (
                path.get("type") != "Exact",
                -len(path.get("value", "/")),
                "method" not in match,
                -len(match.get("headers", [])),
                -len(match.get("queryParams", [])),
                route["metadata"].get("creationTimestamp", ""),
                key_of(route),
                number,
            )
            yield precedence, {"match": _match(match), **action}


def _match(match: Object) -> Json:
    path = {"type": "PathPrefix", "value": "/", **match.get("path", {})}
    prefix = path["value"].rstrip("/")
    found: Json = {
        "Exact": {"path": path["value"]},
        "PathPrefix": {"path_separated_prefix": prefix} if prefix else {"prefix": "/"},
        "RegularExpression": {"safe_regex": {"regex": path["value"]}},
    }[path["type"]]
    headers = [{"name": one["name"], "string_match": _string(one)} for one in match.get("headers", [])]
    if method := match.get("method"):
        headers.append({"name": ":method", "string_match": {"exact": method}})
    queries = [{"name": one["name"], "string_match": _string(one)} for one in match.get("queryParams", [])]
    return {**found, "headers": headers, "query_parameters": queries}


def _string(match: Object) -> Json:
    if match.get("type", "Exact") == "Exact":
        return {"exact": match["value"]}
    return {"safe_regex": {"regex": match["value"]}}


def _action(route: Object, rule: Object) -> Json:
    refs = [
        ref for ref in rule.get("backendRefs", []) if ref.get("weight", 1) > 0 or len(rule["backendRefs"]) > 1
    ]
    if not sum(ref.get("weight", 1) for ref in refs):
        return {"direct_response": {"status": 500}}  # the Gateway API's answer where nothing has weight
    clusters = [{"name": _cluster_of(route, ref), "weight": ref.get("weight", 1)} for ref in refs]
    mirrors, headers = [], []
    for one in rule.get("filters", []):
        if one["type"] == "RequestMirror":
            mirrors.append(_mirror(route, one["requestMirror"]))
        else:
            headers.append(_header_changes(one["requestHeaderModifier"]))
    action: Json = {
        "weighted_clusters": {"clusters": clusters},
        "timeout": "0s",  # streaming answers may take as long as they like
        # A backend that does not exist gets its share of the requests, and answers 500 (Gateway API).
        "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR",
        "request_mirror_policies": mirrors,
    }
    return {"route": action, **(headers[0] if headers else {})}


def _cluster_of(route: Object, ref: Object) -> str:
    return cluster_name(route["metadata"]["namespace"], ref["name"], ref.get("port", 0))


def _mirror(route: Object, mirror: Object) -> Json:
    fraction = mirror.get("fraction", {"numerator": mirror.get("percent", 100)})
    share = fraction["numerator"] / fraction.get("denominator", 100)
    chance = {"numerator": round(share * MILLION), "denominator": "MILLION"}
    return {
        "cluster": _cluster_of(route, mirror["backendRef"]),
        "runtime_fraction": {"default_value": chance},
    }


def _header_changes(change: Object) -> Json:
    added = [
        {"header": {"key": one["name"], "value": one["value"]}, "append_action": action}
        for word, action in (("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD"))
        for one in change.get(word, [])
    ]
    return {"request_headers_to_add": added, "request_headers_to_remove": change.get("remove", [])}
