"""Traces: what has spans, what has none, and where spans are written."""

import pytest

from shared import telemetry


@pytest.fixture(autouse=True)
def traced():
    """Spans are recorded in this process."""
    telemetry.configure("test")


def heard(headers):
    """Whether who gets a message with these headers records a span."""
    with telemetry.processing("/topic/ServiceBeat", headers, 1) as span:
        return span.is_recording()


def test_a_message_continues_its_trace_where_it_is_heard():
    with telemetry.sending("/queue/find-spots", 1) as headers:
        assert telemetry.traceparent() == headers["traceparent"]
    assert heard(headers)


def test_what_is_said_untraced_has_no_span_here_nor_where_it_is_heard():
    with telemetry.untraced(), telemetry.sending("/topic/ServiceBeat", 1) as headers:
        pass
    assert headers["traceparent"].endswith("-00")
    assert not heard(headers)
    assert telemetry.traceparent() is None


def test_a_message_of_somebody_without_traces_begins_one():
    assert heard({})
