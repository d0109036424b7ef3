"""A run as spans: what is inside what, how long it took, how it went, and nothing of any customer."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from sync import tracing
from sync.events import CallMade, Noted, PageStored, RoomEntered, RoomLeft, RunFinished, RunStarted
from sync.tracing import Traces

ROOT = Path(__file__).resolve().parents[3]
RUN = (
    RunStarted("r1", "sync"),
    CallMade("hubspot", "GET", "/account-info/v3/details", 200, 0.1),
    RoomEntered("pull"),
    CallMade("hubspot", "POST", "/crm/v3/objects/companies/search", 429, 0.25),
    CallMade("salesforce", "GET", "/services/data/v62.0/query/{id}", None, 2.0, "RetryLater"),
    PageStored("hubspot", "companies", 100, 100),
    Noted("Acme Corp was merged", "hubspot"),
    RoomLeft("pull", 3.0),
    RoomEntered("evaluate"),
    RoomLeft("evaluate", 1.0),
    RunFinished("r1", "failed", "Acme Corp refused", "crm_unavailable", 1, 4.0),
)


def traced(*events: object) -> InMemorySpanExporter:
    kept = InMemorySpanExporter()
    spans = TracerProvider(shutdown_on_exit=False)
    spans.add_span_processor(SimpleSpanProcessor(kept))
    traces = Traces(spans.get_tracer("test"))
    for event in events:
        traces(event)  # type: ignore[arg-type]
    return kept


def test_a_span_for_the_run_each_of_its_parts_and_each_call() -> None:
    spans = {span.name: span for span in traced(*RUN).get_finished_spans()}
    assert set(spans) == {
        "keepwell sync",
        "pull",
        "evaluate",
        "GET /account-info/v3/details",
        "POST /crm/v3/objects/companies/search",
        "GET /services/data/v62.0/query/{id}",
    }
    parents = {name: span.parent.span_id if span.parent else None for name, span in spans.items()}
    whole, pull = spans["keepwell sync"].context.span_id, spans["pull"].context.span_id
    assert parents["keepwell sync"] is None
    assert parents["pull"] == parents["evaluate"] == parents["GET /account-info/v3/details"] == whole
    assert parents["POST /crm/v3/objects/companies/search"] == pull
    assert len({span.context.trace_id for span in spans.values()}) == 1


def test_calls_say_how_long_they_took_and_how_they_went() -> None:
    spans = {span.name: span for span in traced(*RUN).get_finished_spans()}
    throttled = spans["POST /crm/v3/objects/companies/search"]
    assert throttled.end_time - throttled.start_time == 250_000_000
    assert throttled.kind is SpanKind.CLIENT
    assert throttled.status.status_code is StatusCode.ERROR
    assert throttled.attributes == {
        "keepwell.connection": "hubspot",
        "http.request.method": "POST",
        "url.template": "/crm/v3/objects/companies/search",
        "http.response.status_code": 429,
    }
    assert spans["GET /services/data/v62.0/query/{id}"].attributes["error.type"] == "RetryLater"
    assert spans["GET /account-info/v3/details"].status.status_code is StatusCode.UNSET
    run = spans["keepwell sync"]
    assert run.status.status_code is StatusCode.ERROR
    assert run.attributes["keepwell.reason_code"] == "crm_unavailable"


def test_nothing_of_a_customer_is_in_them() -> None:
    assert "Acme" not in "".join(span.to_json() for span in traced(*RUN).get_finished_spans())


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "True"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
    ],
)
def test_opentelemetrys_own_variables_turn_it_on(environment: dict[str, str], expected: bool) -> None:
    assert tracing.wanted(environment) is expected


def test_a_collector_that_never_answers_is_left_behind() -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        spans = TracerProvider(shutdown_on_exit=False)
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces"
        spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address, timeout=2)))
        traces = Traces(spans.get_tracer("test"))
        for event in RUN:
            traces(event)
        before = time.monotonic()
        assert not tracing.finish(spans, 0.2)
        assert time.monotonic() - before < 5


def test_whoever_runs_it_may_give_the_service_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = tracing.provider("1.2", "acme").resource.attributes
    assert (ours["service.name"], ours["service.version"]) == ("keepwell", "1.2")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "crm-sync")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=9,deployment.environment=production")
    named = tracing.provider("1.2", "acme").resource.attributes
    wanted = {"service.name": "crm-sync", "service.version": "9", "deployment.environment": "production"}
    assert wanted.items() <= dict(named).items()
    assert named["keepwell.workspace"] == "acme"


def test_without_the_extra_or_the_variables_nothing_of_it_is_imported() -> None:
    code = (
        "import sys, os\n"
        "from verbs.base import _traces\n"
        "with _traces('default', '1') as observe: assert observe.__name__ == 'silent'\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        "sys.modules['opentelemetry'] = None\n"
        "os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://localhost:4318'\n"
        "with _traces('default', '1') as observe: assert observe.__name__ == 'silent'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "traces.not_sent" in done.stdout + done.stderr
    assert "keepwell[otel]" in done.stdout + done.stderr
