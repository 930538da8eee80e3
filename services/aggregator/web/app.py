"""The status page: one HTML page, one page for each data collection, and the same as JSON."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from services.aggregator.board import Board
from services.aggregator.health import Circumstances
from services.aggregator.metrics import exposition
from services.aggregator.record import CollectionRecord
from services.aggregator.settings import MonitorSettings
from services.aggregator.web.events import tell_changes
from services.aggregator.web.formats import FILTERS, STATISTICS_ROWS
from services.aggregator.web.headers import SafeHeaders
from services.aggregator.web.view import StatusView, collection_of, heat_map_of, runs_of, spots_of, status_of
from shared.clock import process_clock
from shared.pulse import Pulse
from shared.topology import Topology
from shared.web import probes

HERE = Path(__file__).parent
N_ROWS = 25  # data collections on the front page unless all are asked for


@dataclass(frozen=True)
class Page:
    """What the page is made from.

    Attributes:
        trace_url: where a trace can be looked at, with ``{trace_id}`` in it.
        limits: from where on an operator should know of the broker.
        clock: gives the present moment.
    """

    board: Board
    pulse: Pulse
    beamline: str
    topology: Topology = field(default_factory=Topology)
    broker_url: str = ""
    trace_url: str | None = None
    limits: MonitorSettings = field(default_factory=MonitorSettings)
    clock: Callable[[], datetime] = process_clock.now

    def status(self) -> StatusView:
        """Everything, as of this moment."""
        circumstances = self._circumstances()  # first, since whoever asks the time may learn of a jump
        return status_of(self.board.state, circumstances, self.beamline, self.topology)

    def metrics(self) -> bytes:
        """The same for Prometheus."""
        circumstances = self._circumstances()
        return exposition(self.board.state, circumstances, self.beamline)

    def _circumstances(self) -> Circumstances:
        at = self.clock()
        return Circumstances(
            now=at,
            listening_since=self.pulse.started_at,
            broker_connected=self.pulse.broker_connected(),
            broker_url=self.broker_url,
            journal_fault=self.board.journal_fault,
            commits=self.board.commits.recent(at),
            broker=self.board.broker,
            limits=self.limits,
        )

    def newest_grid(self) -> CollectionRecord | None:
        """The grid scan that runs, or ran last."""
        return next((record for record in self.board.state.newest_collections() if record.is_grid), None)

    def record(self, request: Request) -> CollectionRecord:
        """The data collection that a path names."""
        key = f"{request.path_params['beamline']}/{request.path_params['id']}"
        try:
            return self.board.state.collections[key]
        except KeyError:
            raise HTTPException(404, f"No data collection {key} is known; perhaps it is too old.") from None


def make_app(page: Page) -> Starlette:
    """The web application; without side effects, served by ``shared.web.serve_http``."""
    html, json = _Html(page), _Json(page)
    routes = [
        Route("/", html.front),
        Route("/collections/{beamline}/{id:int}", html.collection),
        Route("/api/status", json.status),
        Route("/api/health", json.health),
        Route("/api/collections", json.collections),
        Route("/api/collections/{beamline}/{id:int}", json.collection),
        Route("/metrics", lambda _: PlainTextResponse(page.metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)),
        Route("/events", lambda _: StreamingResponse(tell_changes(page.board), media_type="text/event-stream")),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        *probes(page.pulse),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SafeHeaders)], exception_handlers={404: html.missing})


class _Html:
    """The pages for people."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(FILTERS, json=_json)
        self._templates.globals.update(trace_url=page.trace_url, statistics_rows=STATISTICS_ROWS)

    def _render(self, template: str, status_code: int = 200, **context: object) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(template).render(context), status_code)

    async def front(self, request: Request) -> Response:
        status, grid = self._page.status(), self._page.newest_grid()
        n_rows = None if request.query_params.get("collections") == "all" else N_ROWS
        return self._render(
            "front.html",
            status=status,
            rows=status.collections[:n_rows],
            runs=runs_of(status),
            grid=collection_of(grid) if grid else None,
            heat_map=heat_map_of(grid) if grid else None,
        )

    async def collection(self, request: Request) -> Response:
        record = self._page.record(request)
        return self._render(
            "collection.html",
            status=self._page.status(),
            collection=collection_of(record),
            heat_map=heat_map_of(record),
            spots=spots_of(record),
        )

    async def missing(self, request: Request, fault: Exception) -> Response:
        del request
        detail = fault.detail if isinstance(fault, HTTPException) else "Not found."
        return self._render("missing.html", 404, status=self._page.status(), detail=detail)


class _Json:
    """The same for programs."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def status(self, _: Request) -> Response:
        return _reply(self._page.status())

    async def health(self, _: Request) -> Response:
        return _reply(self._page.status().health)

    async def collections(self, _: Request) -> Response:
        return _reply(self._page.status().collections)

    async def collection(self, request: Request) -> Response:
        record = self._page.record(request)
        parts = {"collection": collection_of(record), "heat_map": heat_map_of(record), "spots": spots_of(record)}
        return _reply(parts)


def _reply(content: object) -> Response:
    return Response(_json(content), media_type="application/json")


def _json(content: object) -> str:
    return orjson.dumps(content, default=_plain).decode()


def _plain(part: Any) -> Any:  # noqa: ANN401 - whatever orjson does not know
    if isinstance(part, BaseModel):
        return part.model_dump(mode="json")
    raise TypeError(f"no JSON for {type(part).__name__}")
