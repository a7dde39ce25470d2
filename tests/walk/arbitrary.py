"""Specs of any kind that the schema describes, and some that it does not: strategies made from the CRD."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

from serin.api.crd import crd

SPEC: Final[Mapping[str, Any]] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
    "spec"
]
CONTAINERS: Final = [{"name": "model", "image": "registry.example/model:1"}]
TEMPLATES: Final = st.sampled_from(
    [
        {},
        {"spec": {"containers": CONTAINERS}},
        {"spec": {"containers": []}},
        {"spec": {"containers": [{"name": "beside"}]}},
        {"metadata": {"labels": {"serin.dev/model": "other"}}},
        {"spec": {"volumes": [{"name": "model"}], "containers": CONTAINERS}},
        {"spec": {"nonsense": 1}},
    ]
)
PLAUSIBLE: Final[Mapping[str, tuple[object, ...]]] = {
    "format": ("sklearn", "xgboost", "huggingface", "custom", "abacus"),
    "runtime": ("mlserver", "vllm", "triton", "custom", "unheard-of"),
    "dataPlane": ("Envoy", "Istio", "Nothing"),
    "histogram": ("a_bucket", 'score_bucket{model="a"}', "latency_seconds", "a_count", "{"),
    "query": ("max(used_bytes)", 'max(used_bytes{pod=~"$canary"})', "1", "vector(", "rate(x[5m])"),
    "requests": ("a_total", "sum(a_total)"),
    "bad": ("b_total", "b{"),
    "beforeStep": ("first", "a", "promotion"),
    "uri": ("pvc://models/iris",),
    "slowerThanMilliseconds": (100, 250, 123),
}
"""Values that lead further than what a pattern alone would yield."""
NONSENSE: Final = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just([]), st.just({})
)


def specs(*, nonsense: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """A spec that the schema allows; with `nonsense` now and then a value of the wrong kind."""
    return _of(SPEC, "spec", nonsense=nonsense)


def _of(schema: Mapping[str, Any], name: str, *, nonsense: bool) -> st.SearchStrategy[Any]:
    made = _meant(schema, name, nonsense=nonsense)
    return st.one_of(*[made] * 12, NONSENSE) if nonsense else made


def _meant(schema: Mapping[str, Any], name: str, *, nonsense: bool) -> st.SearchStrategy[Any]:
    if name == "template":
        return TEMPLATES
    if schema.get("x-kubernetes-int-or-string"):
        return st.sampled_from([0, 1, "1", "500m", "4Gi", "1e3", "0.5"])
    if enum := schema.get("enum"):
        return st.sampled_from(enum)
    match schema["type"]:
        case "object":
            return _object(schema, nonsense=nonsense)
        case "array":
            return st.lists(_of(schema["items"], name, nonsense=nonsense), max_size=3)
        case "integer":
            least, most = schema.get("minimum", 0), schema.get("maximum", 2**31 - 1)
            plain = st.integers(least, most) | st.sampled_from([least, most])
        case "boolean":
            return st.booleans()
        case _:
            plain = _text(schema)
    likely = PLAUSIBLE.get(name)
    return st.one_of(st.sampled_from(likely), st.sampled_from(likely), plain) if likely else plain


def _object(schema: Mapping[str, Any], *, nonsense: bool) -> st.SearchStrategy[dict[str, Any]]:
    if isinstance(schema.get("additionalProperties"), Mapping):
        values = _of(schema["additionalProperties"], "", nonsense=nonsense)
        return st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), values, max_size=2)
    fields = {
        name: _of(child, name, nonsense=nonsense) for name, child in schema.get("properties", {}).items()
    }
    needed = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=fields)


def _text(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    longest = min(schema.get("maxLength", 32), 40)
    if "pattern" not in schema:
        return st.text(min_size=schema.get("minLength", 0), max_size=longest)
    return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z").filter(
        lambda text: len(text) <= longest
    )
