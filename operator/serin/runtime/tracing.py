"""Spans of looks and of queries, for who runs a collector of OpenTelemetry; nothing at all otherwise.

The packages come with the extra `serin[tracing]` and are imported only where `--otlp-endpoint` is given.
Spans name the model, the Prometheus and the class of error; never a query's text, an address or a body.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from serin.runtime.logs import looked_at

LOOK: Final = "look"
QUERY: Final = "prometheus query"
Spanning: TypeAlias = Callable[[str, dict[str, str]], AbstractContextManager[Any]]


class TracingUnavailable(Exception):
    """The packages are not installed; the text has the cure."""


class Tracer:
    """Opens spans where `start` was called.

    Attributes:
        spanning: How a span is opened.
    """

    def __init__(self) -> None:
        self.spanning: Spanning = lambda name, attributes: nullcontext()

    def span(self, name: str, **attributes: str) -> AbstractContextManager[Any]:
        """For as long as the block runs; what it raises is told by its class and passed on."""
        return self.spanning(name, {f"serin.{key}": value for key, value in attributes.items()})

    def look(self) -> AbstractContextManager[Any]:
        """The span of the look under way."""
        key = looked_at.get()
        return self.span(LOOK, **({"namespace": key.namespace, "model": key.name} if key else {}))


TRACER: Final = Tracer()
"""The one of the process."""


@contextmanager
def tracing(endpoint: str | None) -> Iterator[None]:
    """Send spans to a collector by OTLP over HTTP while the block runs; nothing without an endpoint.

    Raises:
        TracingUnavailable: The extra is not installed.
    """
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import Status, StatusCode
    except ImportError as error:
        raise TracingUnavailable(
            "--otlp-endpoint needs packages that are not installed; install serin[tracing], or leave it out"
        ) from error
    resource = Resource.create({"service.name": "serin", "service.version": version("serin")})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("serin")

    @contextmanager
    def spanning(name: str, attributes: dict[str, str]) -> Iterator[None]:
        with tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as opened:
            try:
                yield
            except BaseException as error:
                opened.set_attribute("error.type", type(error).__name__)
                opened.set_status(Status(StatusCode.ERROR))
                raise

    before, TRACER.spanning = TRACER.spanning, spanning
    try:
        yield
    finally:
        TRACER.spanning = before
        provider.shutdown()
