"""What Envoy is told, as values of ours and as the JSON of Envoy's own configuration.

Pure: `envoy` writes it to files. Endpoints and routes are read from files as well, so that each can change
without the others; there is one endpoints file for each cluster, as Envoy wants it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.cluster.endpoints import Endpoint

Json = dict[str, Any]

ROUTES: Final = "public"
STAT_PREFIX: Final = "ingress"
UPSTREAM_IDLE: Final = "3s"
"""Shorter than the 5 s after which uvicorn (MLServer) closes an idle connection, or the two would race and a
request sent into the closing connection would be lost."""
HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One Envoy cluster, so that `envoy_cluster_*` metrics are per backend."""

    endpoints: frozenset[Endpoint] = frozenset()
    http2: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """All that Envoy is told: backends by cluster name, and Envoy's own virtual hosts."""

    backends: Mapping[str, Backend] = field(default_factory=dict)
    virtual_hosts: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """Where Envoy's configuration lies."""

    folder: Path

    @property
    def bootstrap(self) -> Path:
        return self.folder / "bootstrap.json"

    @property
    def clusters(self) -> Path:
        return self.folder / "cds.json"

    @property
    def routes(self) -> Path:
        return self.folder / "rds.json"

    def endpoints(self, cluster: str) -> Path:
        return self.folder / "eds" / f"{cluster}.json"


def bootstrap(files: Files, *, listener: Endpoint, admin: Endpoint, access_log: Path | None) -> Json:
    """The static part: an admin page, one HTTP listener, and where the rest is read from."""
    return {
        "node": {"id": "serin-test-gateway", "cluster": ROUTES},
        "admin": {"address": _socket(admin)},
        "dynamic_resources": {"cds_config": _file(files.clusters)},
        "static_resources": {"listeners": [_listener(files, listener, access_log)]},
        "stats_flush_interval": "1s",  # histograms reach /stats/prometheus only when flushed
    }


def clusters(files: Files, backends: Mapping[str, Backend]) -> Json:
    return _discovery(
        "config.cluster.v3.Cluster",
        [_cluster(name, files.endpoints(name), backend) for name, backend in sorted(backends.items())],
    )


def endpoints(cluster: str, backend: Backend) -> Json:
    found = [{"endpoint": {"address": _socket(endpoint)}} for endpoint in sorted(backend.endpoints)]
    localities = [{"lb_endpoints": found}] if found else []
    assignment = {"cluster_name": cluster, "endpoints": localities}
    return _discovery("config.endpoint.v3.ClusterLoadAssignment", [assignment])


def routes(virtual_hosts: Sequence[Json]) -> Json:
    found = {"name": ROUTES, "virtual_hosts": list(virtual_hosts)}
    return _discovery("config.route.v3.RouteConfiguration", [found])


def _listener(files: Files, endpoint: Endpoint, access_log: Path | None) -> Json:
    manager: Json = {
        **_typed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": STAT_PREFIX,
        "strip_any_host_port": True,
        "rds": {"route_config_name": ROUTES, "config_source": _file(files.routes)},
        "http_filters": [
            {"name": "router", "typed_config": _typed("extensions.filters.http.router.v3.Router")}
        ],
    }
    if access_log is not None:
        manager["access_log"] = [{"name": "file", "typed_config": _access_log(access_log)}]
    return {
        "name": "http",
        "address": _socket(endpoint),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _cluster(name: str, endpoints_file: Path, backend: Backend) -> Json:
    protocol: Json = {"http2_protocol_options": {}} if backend.http2 else {"http_protocol_options": {}}
    options = {
        **_typed("extensions.upstreams.http.v3.HttpProtocolOptions"),
        "common_http_protocol_options": {"idle_timeout": UPSTREAM_IDLE},
        "explicit_http_config": protocol,
    }
    return {
        "name": name,
        "type": "EDS",
        "connect_timeout": "2s",
        "eds_cluster_config": {"eds_config": _file(endpoints_file)},
        "typed_extension_protocol_options": {HTTP_OPTIONS: options},
    }


def _typed(name: str) -> Json:
    return {"@type": f"type.googleapis.com/envoy.{name}"}


def _file(path: Path) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _socket(endpoint: Endpoint) -> Json:
    return {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}


def _access_log(path: Path) -> Json:
    fields = {
        "at": "%START_TIME%",
        "host": "%REQ(:AUTHORITY)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "backend": "%UPSTREAM_CLUSTER%",
        "pod": "%UPSTREAM_HOST%",
        "milliseconds": "%DURATION%",
    }
    return {
        **_typed("extensions.access_loggers.file.v3.FileAccessLog"),
        "path": str(path),
        "log_format": {"json_format": fields},
    }


def _discovery(kind: str, resources: Sequence[Json]) -> Json:
    return {"resources": [{**_typed(kind), **resource} for resource in resources]}
