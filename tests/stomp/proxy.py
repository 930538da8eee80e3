"""A network between client and broker that can freeze or be cut, and a broker that knows nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Forwards TCP connections to one port of this host, or ends them at once when there is no ``target``."""

    def __init__(self, target: int) -> None:
        self.target: int | None = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.server: asyncio.Server

    @property
    def url(self) -> str:
        return f"stomp://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    def freeze(self) -> None:
        """Nothing passes any more, and no connection ends: as when a host vanishes."""
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    def cut(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.target is None:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, back}
        await asyncio.gather(self._forward(reader, back), self._forward(there, writer), return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(port)
    proxy.server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)  # noqa: SLF001 - its own maker
    try:
        yield proxy
    finally:
        proxy.server.close()
        proxy.cut()
        proxy.thaw()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def inhospitable_broker() -> AsyncIterator[int]:
    """The port of one that refuses every login, in ActiveMQ's words."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0")
        writer.write(b"ERROR\nmessage:User name [mxmesh] or password is invalid.\n\n\0")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
