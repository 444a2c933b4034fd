"""Spans and a duration metric for OpenTelemetry, on top of :mod:`~sinch_voice_async.instrumentation`.

Needs the extra ``otel``. Names and attributes are those of the HTTP semantic conventions for client spans and for
``http.client.request.duration``. They contain no id, number or text, because the template of the route stands for the
path.
"""

import importlib.util
from collections.abc import Mapping
from contextvars import ContextVar

# Checked before the import, for one clear sentence.
if importlib.util.find_spec("opentelemetry") is None:  # pragma: no cover  # tested in a process of its own
    raise ModuleNotFoundError(
        "spans are made by OpenTelemetry: pip install 'sinch-voice-async[otel]'", name="opentelemetry"
    )

from opentelemetry import propagate, trace
from opentelemetry.metrics import Histogram, MeterProvider, get_meter_provider
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider

from sinch_voice_async._version import __version__
from sinch_voice_async.instrumentation import Attempt, AttemptResult

__all__ = ["OpenTelemetryObserver"]

_SCOPE = "sinch_voice_async"
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
# The attempts of a request run in one task, one after the other.
_span: ContextVar[Span | None] = ContextVar("sinch_voice_async_span", default=None)


class OpenTelemetryObserver:
    """Makes a client span and a measurement for each attempt: ``VoiceClient(observer=OpenTelemetryObserver())``.

    Each attempt is a span, a child of the current one, with ``http.request.resend_count`` from the second attempt on;
    ``sinch.outcome`` is the outcome. The trace context is sent in the headers of the global propagator
    (``traceparent``), unless ``propagate_context`` is False. The providers are by default the global ones.

    Source: OpenTelemetry HTTP, client spans and metrics.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagate_context: bool = True,
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        meter = (meter_provider or get_meter_provider()).get_meter(_SCOPE, __version__)
        self._duration: Histogram = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._propagate = propagate_context

    def attempt_started(self, attempt: Attempt) -> Mapping[str, str] | None:
        """Start a span, and return the headers that propagate it."""
        attributes = _attributes(attempt) | {"url.scheme": attempt.scheme}
        if attempt.number > 1:
            attributes["http.request.resend_count"] = attempt.number - 1
        span = self._tracer.start_span(f"{attempt.method} {attempt.route}", kind=SpanKind.CLIENT, attributes=attributes)
        _span.set(span)
        headers: dict[str, str] = {}
        if self._propagate:
            propagate.inject(headers, trace.set_span_in_context(span))
        return headers

    def attempt_ended(self, attempt: Attempt, result: AttemptResult) -> None:
        """End the span, and record its duration."""
        attributes = _attributes(attempt)
        if result.status is not None:
            attributes["http.response.status_code"] = result.status
        if result.error is not None:
            attributes["error.type"] = result.error if result.status is None else str(result.status)
        self._duration.record(result.seconds, attributes)
        span = _span.get()
        if span is None:
            return
        _span.set(None)
        span.set_attributes(attributes | {"sinch.outcome": result.outcome})
        if result.error is not None:
            span.set_status(StatusCode.ERROR)
        span.end()


def _attributes(attempt: Attempt) -> dict[str, str | int]:
    return {
        "http.request.method": attempt.method,
        "url.template": attempt.route,
        "server.address": attempt.host,
        "server.port": attempt.port,
    }
