"""A catalogue is whole or the process does not start, and every row can be used."""

import re
from typing import Any

import pytest

from serin.catalogue.loader import BadCatalogueError, Catalogue, Runtime, SignalRows, builtin


def runtime(name: str = "server", **fields: Any) -> Runtime:
    row = {"name": name, "version": "2026.11", "template": {"spec": {}}, **fields}
    return Runtime.model_validate(row)


def sources() -> list[SignalRows]:
    runtimes = [row.signals for row in builtin().runtimes.values()]
    return runtimes + [row.signals for row in builtin().data_planes.values()]


def catalogue(*rows: Runtime) -> Catalogue:
    return Catalogue(runtimes={row.name: row for row in rows}, data_planes={})


def test_builtin_catalogue_has_the_runtimes_we_promise() -> None:
    assert set(builtin().runtimes) == {"custom", "mlserver"}
    assert builtin().default_runtimes["sklearn"] == "mlserver"
    assert builtin().default_runtimes["custom"] == "custom"


def test_builtin_catalogue_has_the_data_planes_we_promise() -> None:
    assert set(builtin().data_planes) == {"Envoy"}


@pytest.mark.parametrize("row", builtin().runtimes.values(), ids=lambda row: row.name)
def test_row_has_a_version_to_pin(row: Runtime) -> None:
    assert re.fullmatch(rf"{row.name}@20\d\d\.\d\d", row.pin)


@pytest.mark.parametrize("row", builtin().runtimes.values(), ids=lambda row: row.name)
def test_row_renders_the_model_container_with_a_port_for_requests(row: Runtime) -> None:
    [container] = row.template["spec"]["containers"]

    assert container["name"] == "model"
    assert "http" in {port["name"] for port in container["ports"]}
    assert "readinessProbe" in container


def test_presets_count_inference_and_no_probe() -> None:
    errors = builtin().runtime("mlserver").signals.errors
    assert errors is not None
    paths = {
        value
        for counter in (errors.requests, errors.bad)
        for label, _, value in counter.matchers
        if label == "path"
    }

    for path in paths:
        assert re.fullmatch(path, "/v2/models/iris/infer")
        assert re.fullmatch(path, "/v2/models/iris/versions/1/infer")
        assert not re.fullmatch(path, "/v2/health/ready")
        assert not re.fullmatch(path, "/v2/models/iris/ready")


def test_bad_requests_are_among_the_requests() -> None:
    for signals in sources():
        errors = signals.errors
        if errors is not None and errors.bad.metric == errors.requests.metric:
            assert set(errors.requests.matchers) < set(errors.bad.matchers)


def test_buckets_rise() -> None:
    for signals in sources():
        latency = signals.latency
        if latency is not None:
            assert list(latency.buckets) == sorted(set(latency.buckets))


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ("ml/iris-0123456789", True),
        ("ml/iris-0123456789/80", True),
        ("httproute/ml/iris-0123456789/rule/0", True),
        ("ml_iris-0123456789_80", True),
        ("ml/iris-0123456789a", False),
        ("ml/other-iris-0123456789", False),
        ("xml/iris-0123456789", False),
        ("ml-iris-0123456789", False),
    ],
)
def test_envoy_cluster_names_one_revision(value: str, ours: bool) -> None:
    row = builtin().data_planes["Envoy"]
    pattern = row.backend_pattern.replace("{namespace}", "ml").replace("{backend}", "iris-0123456789")

    assert bool(re.fullmatch(pattern, value)) is ours


def test_two_defaults_for_a_format_are_refused_by_name() -> None:
    rows = [runtime(name, default_for=["sklearn"], formats={"sklearn": {}}) for name in ("one", "two")]

    with pytest.raises(BadCatalogueError, match="runtimes one and two: both are the default for sklearn"):
        catalogue(*rows)


def test_default_for_what_is_not_served_is_refused_by_name() -> None:
    with pytest.raises(
        BadCatalogueError, match="runtime server: the default for onnx, which it does not serve"
    ):
        catalogue(runtime(default_for=["onnx"]))
