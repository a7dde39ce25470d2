"""Spans reach a collector over real HTTP, and nothing is imported or sent where none is named."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from serin.domain.names import Key
from serin.prom.errors import Unreachable
from serin.runtime.logs import looked_at
from serin.runtime.telemetry import Telemetry
from serin.runtime.tracing import QUERY, TRACER, TracingUnavailable, tracing

Sent = list[tuple[str, bytes]]


@pytest.fixture
def collector() -> Iterator[tuple[str, Sent]]:
    """Its address, and the bodies it was sent."""
    sent: Sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", sent
    server.shutdown()
    thread.join()
    server.server_close()


def spans(sent: Sent) -> Iterator[Any]:
    for path, body in sent:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def test_look_and_its_query_are_one_trace_with_names_and_the_class_of_the_error(
    collector: tuple[str, Sent],
) -> None:
    address, sent = collector
    looked_at.set(Key("ml", "fraud"))

    spanned = TRACER.span
    with tracing(address), pytest.raises(Unreachable), Telemetry().look(), spanned(QUERY, prometheus="main"):
        raise Unreachable("http://secret@prometheus does not answer")

    query, look = sorted(spans(sent), key=lambda span: span.name, reverse=True)
    assert (look.name, query.name) == ("look", "prometheus query")
    assert query.parent_span_id == look.span_id
    told = {one.key: one.value.string_value for span in (look, query) for one in span.attributes}
    assert told == {
        "serin.namespace": "ml",
        "serin.model": "fraud",
        "serin.prometheus": "main",
        "error.type": "Unreachable",
    }
    assert b"secret" not in b"".join(body for _, body in sent)


def test_without_an_endpoint_nothing_is_imported() -> None:
    program = (
        "import sys, serin.startup\n"
        "from serin.runtime.tracing import TRACER, tracing\n"
        "with tracing(None), TRACER.look(): pass\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_missing_packages_are_named_with_their_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    cure = r"install serin\[tracing\], or leave it out"
    with pytest.raises(TracingUnavailable, match=cure), tracing("http://127.0.0.1:1"):
        pass
