"""Spans of OpenTelemetry for a run: one for the run, one for each of its parts, one for each call to a CRM.

An observer like any other: the run knows nothing of it. Attributes name what was asked for, how often and how it went,
never whose record it was: a call is told by its path without ids. OpenTelemetry is an extra and is imported here only,
when a tracer is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock, Thread
from typing import TYPE_CHECKING

from sync.errors import UsageError
from sync.events import CallMade, Event, RoomEntered, RoomLeft, RunFinished, RunStarted

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""OpenTelemetry's own variables; one of them says where spans go and so turns them on."""
LAST_WAIT = 3.0
"""Seconds that the end of a command waits for spans to be sent."""
_SECOND = 1_000_000_000
_GOOD = frozenset({"complete", "partial"})


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether spans shall be sent: an endpoint is named and the SDK is not disabled."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not off and any(environment.get(name) for name in ENDPOINTS)


def provider(version: str, workspace: str) -> TracerProvider:
    """A provider that sends spans by OTLP over HTTP, as OpenTelemetry's variables say.

    Raises `UsageError` without the extra.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise UsageError(
            "OpenTelemetry is not installed.", hint="Install keepwell[otel], or unset the OTEL_ variables."
        ) from error
    about = {"service.name": "keepwell", "service.version": version, "keepwell.workspace": workspace}
    resource = Resource.create(about).merge(OTELResourceDetector().detect())  # whoever runs it may name it otherwise
    made = TracerProvider(resource=resource, shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def finish(spans: TracerProvider, seconds: float = LAST_WAIT) -> bool:
    """Send what is left, and wait at most so long; returns whether it was enough. What is stuck is left behind."""
    last = Thread(target=spans.shutdown, name="traces", daemon=True)
    last.start()
    last.join(seconds)
    return not last.is_alive()


class Traces:
    """Makes spans of events; calls are told by the threads that made them, the rest by the run's own."""

    def __init__(self, tracer: Tracer, *, now: Callable[[], int] = time.time_ns) -> None:
        self._tracer = tracer
        self._now = now
        self._lock = Lock()
        self._run: Span | None = None
        self._room: Span | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, RunStarted):
                about = {"keepwell.command": event.command, "keepwell.run_id": event.run_id}
                self._run = self._tracer.start_span(f"keepwell {event.command}", attributes=about)
            elif isinstance(event, RoomEntered):
                self._room = self._tracer.start_span(event.room, context=_inside(self._run))
            elif isinstance(event, RoomLeft) and self._room is not None:
                self._room.end()
                self._room = None
            elif isinstance(event, CallMade):
                self._call(event)
            elif isinstance(event, RunFinished):
                self._end(event)

    def _call(self, call: CallMade) -> None:
        from opentelemetry.trace import SpanKind

        ended = self._now()
        about: dict[str, str | int] = {
            "keepwell.connection": call.connection,
            "http.request.method": call.method,
            "url.template": call.operation,
        }
        if call.status is not None:
            about["http.response.status_code"] = call.status
        if call.error is not None:
            about["error.type"] = call.error
        span = self._tracer.start_span(
            f"{call.method} {call.operation}",
            context=_inside(self._room or self._run),
            kind=SpanKind.CLIENT,
            attributes=about,
            start_time=ended - int(call.seconds * _SECOND),
        )
        _failed(span, call.error is not None or (call.status or 0) >= 400)
        span.end(ended)

    def _end(self, event: RunFinished) -> None:
        if self._run is None:
            return
        self._run.set_attribute("keepwell.status", event.status)
        self._run.set_attribute("keepwell.exit_code", event.exit_code)
        if event.reason_code is not None:
            self._run.set_attribute("keepwell.reason_code", event.reason_code)
        _failed(self._run, event.status not in _GOOD)
        self._run.end()
        self._run = None


def _inside(span: Span | None) -> Context | None:
    from opentelemetry.trace import set_span_in_context

    return set_span_in_context(span) if span is not None else None


def _failed(span: Span, failed: bool) -> None:
    from opentelemetry.trace import StatusCode

    if failed:
        span.set_status(StatusCode.ERROR)
