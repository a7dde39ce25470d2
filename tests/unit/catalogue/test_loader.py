"""A catalogue is whole or the process does not start, and every row can be used."""

import re
from pathlib import Path
from typing import Any

import pytest

from serin.api.podtemplate import first_fault
from serin.api.runtimes import catalogue_in
from serin.catalogue.loader import BadCatalogueError, Catalogue, builtin
from serin.catalogue.rows import Runtime, SignalRows

TEMPLATE = {"spec": {"containers": [{"name": "model", "ports": [{"name": "http", "containerPort": 80}]}]}}


def runtime(name: str = "server", **fields: Any) -> Runtime:
    row = {"name": name, "version": "2026.11", "template": TEMPLATE, **fields}
    return Runtime.model_validate(row)


def sources() -> list[SignalRows]:
    runtimes = [row.signals for row in builtin().runtimes.values()]
    return runtimes + [row.signals for row in builtin().data_planes.values()]


def catalogue(*rows: Runtime) -> Catalogue:
    return Catalogue(runtimes={row.name: row for row in rows}, data_planes={})


def test_builtin_catalogue_has_the_runtimes_we_promise() -> None:
    assert set(builtin().runtimes) == {
        *("bentoml", "custom", "kserve", "litserve", "llama-cpp", "mlserver", "nim", "openvino", "ray-serve"),
        *("sglang", "tei", "tensorflow-serving", "tgi", "torchserve", "triton", "vllm"),
    }


def test_formats_choose_one_runtime_each() -> None:
    assert builtin().default_runtimes == {
        **dict.fromkeys(["sklearn", "xgboost", "lightgbm", "catboost", "mlflow", "huggingface"], "mlserver"),
        **dict.fromkeys(["triton", "onnx"], "triton"),
        "tensorflow": "tensorflow-serving",
        "openvino": "openvino",
        "gguf": "llama-cpp",
        "custom": "custom",
    }


def test_builtin_catalogue_has_the_data_planes_we_promise() -> None:
    assert set(builtin().data_planes) == {"Envoy", "Istio", "NGINX", "Traefik"}


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


@pytest.mark.parametrize("row", builtin().runtimes.values(), ids=lambda row: row.name)
def test_template_is_one_that_the_server_takes(row: Runtime) -> None:
    assert first_fault(row.template) is None


@pytest.mark.parametrize("row", builtin().runtimes.values(), ids=lambda row: row.name)
def test_metrics_are_scraped_where_the_container_listens(row: Runtime) -> None:
    [container] = row.template["spec"]["containers"]

    assert row.metrics is None or row.metrics.port in {port["containerPort"] for port in container["ports"]}


@pytest.mark.parametrize("row", builtin().runtimes.values(), ids=lambda row: row.name)
def test_image_has_a_tag_that_stays(row: Runtime) -> None:
    [container] = row.template["spec"]["containers"]
    image = container.get("image", "docker.io/none:1")

    assert re.fullmatch(r"[a-z0-9.]+\.[a-z]+/.+:[a-z-]*v?\d[\w.-]*", image)


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


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ("ml-iris-0123456789-80@kubernetesgateway", True),
        ("ml-iris-0123456789-http-80@kubernetesgateway", True),
        ("httproute-ml-iris-gw-infra-public-ep-web-0-svc-ml-iris-0123456789-80@kubernetesgateway", True),
        ("ml-iris-0123456789-80@kubernetescrd", True),
        ("ml-iris-0123456789a-80@kubernetesgateway", False),
        ("ml-other-iris-0123456789-80@kubernetesgateway", False),
        ("staging-iris-0123456789-80@kubernetesgateway", False),
        ("ml-iris-0123456789@kubernetesgateway", False),
    ],
)
def test_traefik_service_names_one_revision(value: str, ours: bool) -> None:
    row = builtin().data_planes["Traefik"]
    pattern = row.backend_pattern.replace("{namespace}", "ml").replace("{backend}", "iris-0123456789")

    assert bool(re.fullmatch(pattern, value)) is ours


def test_two_defaults_for_a_format_are_refused_by_name() -> None:
    rows = [runtime(name, default_for=["sklearn"], formats={"sklearn": {}}) for name in ("one", "two")]

    with pytest.raises(BadCatalogueError, match="runtimes one and two: both are the default for sklearn"):
        catalogue(*rows)


ROW = """
kind: Runtime
name: scorer
version: "2026.11"
defaultFor: [pickle]
formats: {pickle: {}}
signals:
  errors:
    requests: {metric: scorer_requests_total}
    bad: {metric: scorer_requests_total, matchers: [[code, "=~", "5.."]]}
template:
  spec:
    containers:
    - name: model
      image: registry.example/scorer:1
      ports: [{name: http, containerPort: 8080}]
"""
PLANE = """
kind: DataPlane
name: Envoy
version: "2026.12"
backendLabel: cluster
backendPattern: "{namespace}/{backend}"
signals:
  errors:
    requests: {metric: rq_total}
    bad: {metric: rq_bad_total}
"""


def folder(path: Path, **rows: str) -> Path:
    for name, text in rows.items():
        (path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return path


def test_rows_of_a_folder_join_ours(tmp_path: Path) -> None:
    known = catalogue_in(folder(tmp_path, scorer=ROW))

    assert known.default_runtimes["pickle"] == "scorer"
    assert known.runtime("scorer").pin == "scorer@2026.11"
    assert set(builtin().runtimes) < set(known.runtimes)


def test_row_of_the_same_name_replaces_ours(tmp_path: Path) -> None:
    known = catalogue_in(folder(tmp_path, envoy=PLANE))

    assert known.data_planes["Envoy"].backend_label == "cluster"
    assert builtin().data_planes["Envoy"].backend_label == "envoy_cluster_name"


def test_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    versions = tmp_path / "..2026_11_23"
    versions.mkdir()
    folder(versions, scorer=ROW)
    (tmp_path / "..data").symlink_to(versions)
    (tmp_path / "scorer.yaml").symlink_to(tmp_path / "..data" / "scorer.yaml")

    assert "scorer" in catalogue_in(tmp_path).runtimes


BAD_ROWS: dict[str, tuple[dict[str, str], str]] = {
    "no kind": ({"a": "name: x"}, r"a\.yaml: kind: need Runtime or DataPlane, found None"),
    "no row": ({"a": "[1, 2]"}, r"a\.yaml: need the fields of one row"),
    "no YAML": ({"a": "{"}, r"a\.yaml: while parsing"),
    "a field that is missing": (
        {"a": PLANE.replace("backendLabel: cluster", "")},
        r"a\.yaml: backendLabel: Field required",
    ),
    "a field that is not known": (
        {"a": ROW.replace("formats:", "format:")},
        r"a\.yaml: format: Extra inputs are not permitted",
    ),
    "a query for a counter": (
        {"a": ROW.replace("scorer_requests_total", "'rate(a_total[1m])'")},
        r"a\.yaml: signals\.errors\.requests\.metric: need the name of a metric, or several joined by '\|', "
        r"found 'rate\(a_total\[1m\]\)' \(and 1 more\)",
    ),
    "an expression that is none": (
        {"a": ROW.replace("5..", "5(")},
        r"a\.yaml: signals\.errors\.bad\.matchers\.0: need a regular expression, found '5\('",
    ),
    "a pattern for every backend": (
        {"a": PLANE.replace("{backend}", ".*")},
        r"a\.yaml: backendPattern: need \{backend\} where the Service's name stands, "
        r"found '\{namespace\}/\.\*'",
    ),
    "a template without the server": (
        {"a": ROW.replace("name: model", "name: server")},
        r"a\.yaml: template\.spec\.containers: need one called model",
    ),
    "a server that nobody can ask": (
        {"a": ROW.replace("name: http", "name: web")},
        r"a\.yaml: template\.spec\.containers: the one called model needs a port called http",
    ),
    "a typo inside the template": (
        {"a": ROW.replace("image:", "imge:")},
        r"a\.yaml: template\.spec\.containers\[0\]\.imge: is not a field of a PodTemplateSpec",
    ),
    "a default that is not served": (
        {"a": ROW.replace("formats: {pickle: {}}", "formats: {joblib: {}}")},
        r"a\.yaml: defaultFor: the default for pickle, which it does not serve",
    ),
    "a default of two": (
        {"a": ROW.replace("pickle", "sklearn")},
        "runtimes mlserver and scorer: both are the default for sklearn; need one",
    ),
    "one row in two files": (
        {"a": ROW, "b": ROW},
        r"a\.yaml and .*b\.yaml: both are the row scorer; need one",
    ),
}


@pytest.mark.parametrize(("rows", "words"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_bad_row_is_refused_by_file_and_field(tmp_path: Path, rows: dict[str, str], words: str) -> None:
    with pytest.raises(BadCatalogueError, match=words):
        catalogue_in(folder(tmp_path, **rows))


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCatalogueError, match=r"nowhere: not a folder that can be read \(No such file"):
        catalogue_in(tmp_path / "nowhere")
