"""The real page, served on a free port."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import pytest

from services.aggregator.web.app import Page, make_app
from shared.web import serve_http

Serve = Callable[[Page], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def _serve(page: Page) -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_http, make_app(page), "127.0.0.1", port)
        with anyio.fail_after(10):
            while not await _answers(port):
                await anyio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
        tasks.cancel_scope.cancel()


async def _answers(port: int) -> bool:
    try:
        await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
    except OSError:
        return False
    return True


@pytest.fixture
def serve() -> Serve:
    return _serve
