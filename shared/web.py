"""Serving HTTP beside the mesh: the probes of every service, the aggregator's page."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.pulse import Pulse


class _Server(uvicorn.Server):
    """uvicorn that leaves the process's signals to the service loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(app: Starlette, host: str, port: int) -> None:
    """Serve until cancelled.

    Raises:
        OSError: the address cannot be bound.
    """
    server = _Server(
        uvicorn.Config(app, host, port, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )
    try:
        await server.serve()
    except SystemExit as exit_:
        raise OSError(f"cannot serve HTTP on {host}:{port}; is the port taken?") from exit_
    finally:
        server.should_exit = True
        with anyio.CancelScope(shield=True), anyio.move_on_after(2):
            if server.started:
                await server.shutdown()


def probes(pulse: Pulse) -> list[Route]:
    """``/livez``: the event loop turns. ``/readyz``: subscribed, and able to work."""

    async def live(_: Request) -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    async def ready(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ready\n") if pulse.ready else PlainTextResponse(f"{pulse.waiting_for}\n", 503)

    return [Route("/livez", live), Route("/readyz", ready)]
