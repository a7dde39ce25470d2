"""What a row of the catalogue says: a model runtime, or a data plane whose metrics can be judged.

A row that is incomplete, misspelled or contradicts itself is refused where it stands: a wrong preset would
otherwise show as a canary that is never judged.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

_NAMES: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\|[a-zA-Z_:][a-zA-Z0-9_:]*)*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SERVER: Final = "model"


def _needs(what: str) -> PydanticCustomError:
    return PydanticCustomError("row", "{need}", {"need": what})


def _metric(name: str) -> str:
    if not _NAMES.fullmatch(name):
        raise _needs(f"need the name of a metric, or several joined by '|', found {name!r}")
    return name


def _matcher(matcher: tuple[str, str, str]) -> tuple[str, str, str]:
    label, operator, value = matcher
    if not _LABEL.fullmatch(label) or label == "__name__":
        raise _needs(f"need the name of a label, found {label!r}")
    if "~" in operator:
        _regular(value)
    return matcher


def _regular(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise _needs(f"need a regular expression, found {text!r} ({error})") from error
    return text


def _pattern(text: str) -> str:
    if "{backend}" not in text:
        raise _needs(f"need {{backend}} where the Service's name stands, found {text!r}")
    _regular(text.replace("{namespace}", "ml").replace("{backend}", "iris-0123456789"))
    return text


Metric = Annotated[str, AfterValidator(_metric)]
OneMetric = Annotated[str, Field(pattern="^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
Matcher = Annotated[tuple[str, Literal["=", "!=", "=~", "!~"], str], AfterValidator(_matcher)]
Unit = Literal["seconds", "milliseconds", "microseconds"]

_MILLISECONDS: Final[Mapping[Unit, float]] = {"seconds": 1000.0, "milliseconds": 1.0, "microseconds": 0.001}


def in_milliseconds(unit: Unit) -> float:
    """How many milliseconds one of that unit is."""
    return _MILLISECONDS[unit]


class Row(BaseModel):
    """Part of a file of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class CounterRow(Row):
    """A counter, without the matchers that choose a revision.

    Attributes:
        metric: Its name; or several joined by `|`, whose sum is meant.
        matchers: `{namespace}` in a value stands for the model's.
    """

    metric: Metric
    matchers: tuple[Matcher, ...] = ()


class ErrorsRow(Row):
    """Inference requests, and the failed ones among them."""

    requests: CounterRow
    bad: CounterRow


class HistogramRow(Row):
    """A classic latency histogram of inference requests.

    Attributes:
        metric: Its name without `_bucket`.
        buckets: Its boundaries, in `unit`; empty where they are configured, or differ between versions.
    """

    metric: OneMetric
    matchers: tuple[Matcher, ...] = ()
    unit: Unit
    buckets: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _buckets_rise(self) -> "HistogramRow":
        if list(self.buckets) != sorted(set(self.buckets)):
            raise _needs("buckets: need boundaries that rise")
        return self


class SignalRows(Row):
    """What a source of metrics offers; absent is not offered, and the text beside it says why."""

    errors: ErrorsRow | None = None
    without_errors: str | None = None
    latency: HistogramRow | None = None
    without_latency: str | None = None


class MetricsRow(Row):
    """Where Prometheus scrapes the runtime."""

    port: Annotated[int, Field(ge=1, le=65535)]
    path: Annotated[str, Field(pattern="^/")]


class Runtime(Row):
    """A model server.

    Attributes:
        default_for: Formats that choose this runtime where none is named.
        formats: Formats it serves, each with the environment that format needs.
        any_format: It serves what is not listed, too.
        environment: Variables of the container `model`; `{model}` stands for the served name.
        template: Pod template, the container `model` being the server; `{model}` as in the environment. Where
            it has no image, the user's template must name one.
    """

    name: Annotated[str, Field(pattern="^[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?$")]
    version: str
    default_for: tuple[str, ...] = ()
    formats: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    any_format: bool = False
    environment: Mapping[str, str] = Field(default_factory=dict)
    metrics: MetricsRow | None = None
    signals: SignalRows = SignalRows()
    template: Mapping[str, Any]

    @model_validator(mode="after")
    def _serves_over_http(self) -> "Runtime":
        spec = self.template.get("spec")
        containers = spec.get("containers") if isinstance(spec, Mapping) else None
        listed = [one for one in containers or () if isinstance(one, Mapping)]
        server = next((one for one in listed if one.get("name") == _SERVER), None)
        if server is None:
            raise _needs(f"template.spec.containers: need one called {_SERVER}")
        ports = server.get("ports") or ()
        if not any(isinstance(port, Mapping) and port.get("name") == "http" for port in ports):
            raise _needs(f"template.spec.containers: the one called {_SERVER} needs a port called http")
        return self

    @model_validator(mode="after")
    def _serves_its_defaults(self) -> "Runtime":
        for known in self.default_for:
            if not self.serves(known):
                raise _needs(f"defaultFor: the default for {known}, which it does not serve")
        return self

    @property
    def pin(self) -> str:
        """Name and version, as recorded with each revision that was rendered from it."""
        return f"{self.name}@{self.version}"

    def serves(self, model_format: str) -> bool:
        """Whether a model of that format can be given to it."""
        return self.any_format or model_format in self.formats


class DataPlane(Row):
    """A proxy in front of the models.

    Attributes:
        backend_label: The label by which its metrics tell backends apart.
        backend_pattern: A regular expression for that label's value; `{namespace}` and `{backend}` stand for
            those of a revision's Service.
    """

    name: Annotated[str, Field(pattern="^[A-Z][A-Za-z0-9]{0,31}$")]
    version: str
    backend_label: Annotated[str, Field(pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")]
    backend_pattern: Annotated[str, AfterValidator(_pattern)]
    signals: SignalRows
