"""OpenTelemetry: what a trace and a metric of real requests hold, and what they do not."""

from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sinch_voice_async import ConnectError, NotFoundError, RetryPolicy, VoiceClient
from sinch_voice_async.instrumentation import Attempt, AttemptResult
from sinch_voice_async.otel import OpenTelemetryObserver
from tests.transport.servers import FaultServer, answer

ATTEMPT = Attempt(method="GET", route="/x/{id}", scheme="https", host="h", port=443, number=1)


class Telemetry:
    """Providers that keep what they are given."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.observer = OpenTelemetryObserver(tracer_provider=self.tracers, meter_provider=self.meters)

    def points(self) -> list[HistogramDataPoint]:
        """Return the measurements."""
        data = self.reader.get_metrics_data()
        assert data is not None
        (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
        assert (metric.name, metric.unit) == ("http.client.request.duration", "s")
        return [point for point in metric.data.data_points if isinstance(point, HistogramDataPoint)]


async def test_a_request_is_a_span_and_a_measurement() -> None:
    """The span is a child of the current one, carries the route and not the id, and goes on in traceparent."""
    telemetry = Telemetry()
    with FaultServer(answer(b'{"callId":"id"}'), answer(b"{}", status=404)) as server:
        async with VoiceClient("key", "c2VjcmV0", base_url=server.url, observer=telemetry.observer) as client:
            with telemetry.tracers.get_tracer("test").start_as_current_span("mine") as mine:
                await client.calls.get("canary")
            with pytest.raises(NotFoundError):
                await client.calls.get("canary")
    found, _, missing = telemetry.exporter.get_finished_spans()
    assert found.name == "GET /calling/v1/calls/id/{call_id}"
    assert found.kind is trace.SpanKind.CLIENT
    assert found.parent is not None
    assert found.parent.span_id == mine.get_span_context().span_id
    assert dict(found.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "localhost",
        "server.port": server.port,
        "sinch.outcome": "accepted",
        "url.scheme": "http",
        "url.template": "/calling/v1/calls/id/{call_id}",
    }
    assert (missing.attributes or {})["error.type"] == "404"
    assert missing.status.status_code is trace.StatusCode.ERROR
    assert found.context is not None
    assert f"{found.context.span_id:016x}".encode() in server.heads[0]
    assert "canary" not in "".join(span.to_json() for span in (found, missing))
    assert sorted(point.count for point in telemetry.points()) == [1, 1]


async def test_each_try_is_a_span() -> None:
    """Repetitions are counted, and each says how it ended."""
    telemetry = Telemetry()
    async with VoiceClient(
        "key", "c2VjcmV0", base_url="http://127.0.0.1:9", observer=telemetry.observer, retry=RetryPolicy(base_delay=0)
    ) as client:
        with pytest.raises(ConnectError):
            await client.calls.get("id")
    spans = [dict(span.attributes or {}) for span in telemetry.exporter.get_finished_spans()]
    assert [span.get("http.request.resend_count") for span in spans] == [None, 1, 2]
    assert {span["error.type"] for span in spans} == {"ConnectError"}
    assert {span["sinch.outcome"] for span in spans} == {"unsent"}


@pytest.mark.parametrize("make", [OpenTelemetryObserver, lambda: OpenTelemetryObserver(propagate_context=False)])
def test_without_providers_nothing_happens(make: Callable[[], OpenTelemetryObserver]) -> None:
    """The global providers may be none; an attempt that ends without a start is only measured."""
    observer = make()
    assert observer.attempt_started(ATTEMPT) == {}
    result = AttemptResult(seconds=0.1, status=200, outcome="accepted")
    observer.attempt_ended(ATTEMPT, result)
    observer.attempt_ended(ATTEMPT, result)
