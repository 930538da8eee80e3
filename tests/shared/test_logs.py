"""Log lines: JSON, with the trace and the collection that they are about."""

import logging

import orjson
import pytest

from shared import logs, telemetry


@pytest.fixture
def line():
    """What a record looks like in the log."""

    def of(message: str, *args: object, exc_info: object = None) -> dict:
        record = logging.LogRecord("services.writer", logging.INFO, __file__, 1, message, args, exc_info)
        return orjson.loads(logs.JsonLines("writer").format(record))

    return of


def test_a_line_names_service_logger_level_and_time_in_utc(line):
    written = line("recorded %d images", 7)
    assert written["message"] == "recorded 7 images"
    assert (written["service"], written["logger"], written["level"]) == ("writer", "services.writer", "INFO")
    assert written["time"].endswith("+00:00")
    assert "trace_id" not in written


def test_a_line_carries_the_trace_and_the_collection_it_is_about(line):
    token = logs.collection.set("i03/42")
    try:
        with telemetry.continuing(f"00-{'c' * 32}-{'d' * 16}-01"):
            written = line("centred")
    finally:
        logs.collection.reset(token)
    assert (written["trace_id"], written["collection"]) == ("c" * 32, "i03/42")


def test_a_fault_is_logged_with_its_traceback_in_one_line(line):
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018 - the division is the point
    written = line("failed", exc_info=(caught.type, caught.value, caught.tb))
    assert written["traceback"].endswith("ZeroDivisionError: division by zero")
