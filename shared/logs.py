"""JSON logs: one object a line, with the trace and the collection that the line is about."""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

import orjson

from shared.rotation import RotatedFile
from shared.telemetry import trace_id

collection: ContextVar[str | None] = ContextVar("collection", default=None)


class JsonLines(logging.Formatter):
    """A log record as one JSON object."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Time (UTC), level, service, logger, message; trace, collection and traceback where there is one."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": trace_id(),
            "collection": collection.get(),
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return orjson.dumps({key: value for key, value in line.items() if value is not None}, default=str).decode()


def configure(service: str, level: str, file: RotatedFile | None = None) -> None:
    """Log to ``file`` when given, else to standard error."""
    handler = file or logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
