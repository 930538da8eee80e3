"""Traces: one per data collection, carried from service to service in W3C traceparent headers."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from shared.rotation import RotatedFile

SYSTEM = "messaging.system"
DESTINATION = "messaging.destination.name"
OPERATION = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
MESSAGE_ID = "messaging.message.id"
BODY_SIZE = "messaging.message.body.size"
COLLECTION = "mx.collection.id"
BEAMLINE = "mx.beamline"
VISIT = "mx.visit"
RUN = "mx.run.id"
PIPELINE = "mx.pipeline"
IMAGES = "mx.images"

tracer = trace.get_tracer("mxmesh")


class SpanFile(SpanExporter):
    """Finished spans appended to a file, one JSON object a line; ``file`` itself deals with a full disk."""

    def __init__(self, file: RotatedFile) -> None:
        self._file = file

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append; each span is one write."""
        for span in spans:
            line = orjson.dumps(describe(span), default=str).decode()
            self._file.handle(logging.makeLogRecord({"msg": line}))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


def describe(span: ReadableSpan) -> dict[str, Any]:
    """What a reader needs of a span; times in nanoseconds since 1970."""
    ids = span.get_span_context()
    return {
        "trace_id": trace.format_trace_id(ids.trace_id) if ids else None,
        "span_id": trace.format_span_id(ids.span_id) if ids else None,
        "parent_id": trace.format_span_id(span.parent.span_id) if span.parent else None,
        "service": span.resource.attributes.get("service.name"),
        "name": span.name,
        "kind": span.kind.name,
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "status": span.status.status_code.name,
        "attributes": dict(span.attributes or {}),
    }


def configure(service: str, span_file: RotatedFile | None = None) -> None:
    """Send this process's spans by OTLP when OTEL_EXPORTER_OTLP_ENDPOINT is set, and to ``span_file`` when given."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"mxmesh-{service}"}))
    if os.environ.get(OTEL_EXPORTER_OTLP_ENDPOINT) or os.environ.get(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if span_file:
        provider.add_span_processor(SimpleSpanProcessor(SpanFile(span_file)))
    trace.set_tracer_provider(provider)


@contextmanager
def processing(source: str, headers: Mapping[str, str], size: int) -> Iterator[Span]:
    """A CONSUMER span that continues the trace of the message's headers."""
    attributes: dict[str, str | int] = {
        SYSTEM: "activemq",
        DESTINATION: source,
        OPERATION: "process",
        OPERATION_TYPE: "process",
        MESSAGE_ID: headers.get("message-id", ""),
        BODY_SIZE: size,
    }
    parent = propagate.extract(headers)
    with tracer.start_as_current_span(f"process {source}", parent, SpanKind.CONSUMER, attributes) as span:
        yield span


@contextmanager
def sending(destination: str, size: int) -> Iterator[dict[str, str]]:
    """A PRODUCER span; gives the headers that carry its context."""
    attributes: dict[str, str | int] = {
        SYSTEM: "activemq",
        DESTINATION: destination,
        OPERATION: "send",
        OPERATION_TYPE: "send",
        BODY_SIZE: size,
    }
    with tracer.start_as_current_span(f"send {destination}", kind=SpanKind.PRODUCER, attributes=attributes):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        yield headers


@contextmanager
def untraced() -> Iterator[None]:
    """What is said meanwhile has no spans, neither here nor where it is heard: its traceparent says "not sampled"."""
    ids = RandomIdGenerator()
    unsampled = SpanContext(ids.generate_trace_id(), ids.generate_span_id(), is_remote=False, trace_flags=TraceFlags())
    with trace.use_span(NonRecordingSpan(unsampled)):
        yield


def traceparent() -> str | None:
    """The present trace context as a W3C header value; to be stored by whoever speaks later."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers.get("traceparent")


def trace_id(of: str | None = None) -> str | None:
    """Trace id, 32 hexadecimal digits, of a traceparent or of the present context."""
    parent = of or traceparent()
    return parent.split("-")[1] if parent else None


def adopt(parent: str | None) -> None:
    """From here on this task speaks in the trace of a stored traceparent."""
    if parent:
        context.attach(propagate.extract({"traceparent": parent}))


@contextmanager
def continuing(parent: str | None) -> Iterator[None]:
    """Speak in the trace of a stored traceparent for a while."""
    token = context.attach(propagate.extract({"traceparent": parent} if parent else {}))
    try:
        yield
    finally:
        context.detach(token)
