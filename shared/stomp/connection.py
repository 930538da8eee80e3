"""One connection to one broker: aiostomp's reader, with login, receipts, heart-beats and back-pressure that hold."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiostomp.aiostomp import StompReader
from aiostomp.protocol import StompProtocol

from shared.stomp.broker_time import BrokerTime
from shared.stomp.errors import ConnectionLostError, LoginRefusedError, RefusalError
from shared.stomp.heartbeat import Heartbeat, agree
from shared.stomp.wire import Frame, Parser, WireError, encode

HEART_BEAT = b"\n"
CORK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Login:
    """How to introduce ourselves.

    Attributes:
        client_id: needed by durable topic subscribers; the broker lets only one connection use it.
        heartbeat_ms: the interval we offer and ask for [ms].
        receipt_timeout_s: longest wait for a receipt [s].
    """

    user: str | None
    password: str | None
    client_id: str | None
    heartbeat_ms: int
    receipt_timeout_s: float

    def headers(self, host: str) -> dict[str, str]:
        """The headers of CONNECT; ``login`` and ``passcode`` are aiostomp's to add."""
        heartbeat = f"{self.heartbeat_ms},{self.heartbeat_ms}"
        headers = {"accept-version": "1.1", "host": host, "heart-beat": heartbeat}
        return headers | ({"client-id": self.client_id} if self.client_id else {})

    def check(self) -> None:
        """Raise WireError for a user, password or client id that STOMP cannot carry."""
        encode("CONNECT", {"login": self.user or "", "passcode": self.password or "", **self.headers("")})


class Listener(Protocol):
    """Who gets what a connection has to tell."""

    def deliver(self, connection: "Connection", frame: Frame) -> None:
        """A MESSAGE arrived."""
        ...

    def complain(self, connection: "Connection", refusal: RefusalError) -> None:
        """An ERROR arrived that answers no request."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        ...


class Wire(StompProtocol):  # type: ignore[misc] # aiostomp has no types
    """aiostomp's place for reading and writing frames, with our parser and encoder in it."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = Parser()

    def feed_data(self, inp: bytes) -> None:
        self._frames_ready += self._parser.feed(inp)

    def build_frame(self, command: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
        return encode(command, headers or {}, body)


class Connection(StompReader):  # type: ignore[misc] # aiostomp has no types
    """From TCP connect to loss; it never comes back, ``Client`` makes another one."""

    _transport: asyncio.Transport | None
    _ids = itertools.count(1)

    def __init__(self, listener: Listener, login: Login, host: str) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(listener, loop, username=login.user, password=login.password)
        self._protocol = Wire()
        self._listener = listener
        self._connect_headers |= login.headers(host)
        self._login = login
        self._heartbeat = Heartbeat(loop, self._beat, self._give_up)
        self._receipts: dict[str, asyncio.Future[None]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._pending: list[bytes] = []
        self._n_pending = 0
        self._flushing = False
        self._fault = ""
        self.broker_time = BrokerTime()
        self.connected: asyncio.Future[None] = loop.create_future()
        self.lost = asyncio.Event()

    @property
    def alive(self) -> bool:
        """Whether frames may still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def writable(self) -> bool:
        """Whether the network keeps up with what we send."""
        return self.alive and self._writable.is_set()

    def write(self, data: bytes) -> None:
        """Send encoded frames, together with whatever else is said in this turn of the event loop.

        Raises:
            ConnectionLostError: there is nobody to send them to.
        """
        if not self.alive:
            raise ConnectionLostError(self._fault or "the connection to the broker is closed")
        self._flush_soon()
        self._pending.append(data)
        self._n_pending += len(data)
        if self._n_pending > CORK_BYTES:
            self._flush()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush_in_turn)

    def _flush_in_turn(self) -> None:
        self._flushing = False
        self._flush()

    def _flush(self) -> None:
        """Hand what has gathered to the network: many small frames, one system call."""
        if self._pending and self._transport and self.alive:
            self._transport.write(b"".join(self._pending))
        self._pending.clear()
        self._n_pending = 0

    async def drain(self) -> None:
        """Wait while more is buffered than the network takes."""
        while not self._writable.is_set():
            await self._writable.wait()

    async def request(self, command: str, headers: Mapping[str, str], body: bytes = b"", before: bytes = b"") -> None:
        """Send a frame, with encoded frames ``before`` it in the same write, and wait for the broker's receipt.

        Raises:
            RefusalError: the broker answered this frame with an ERROR.
            ConnectionLostError: no receipt came; whether the broker acted is unknown.
        """
        await self.request_all([Frame(command, {**headers}, body)], before)

    async def request_all(self, frames: Sequence[Frame], before: bytes = b"") -> None:
        """Like ``request``, for several frames: one write, and a receipt for each."""
        await self.drain()
        answers = {f"r{next(self._ids)}": self._loop.create_future() for _ in frames}
        self._receipts |= answers
        patience = self._loop.call_later(self._login.receipt_timeout_s, self._miss, frames[-1].command)
        try:
            wanting = zip(frames, answers, strict=True)
            self.write(before + b"".join([encode(f.command, f.headers | {"receipt": r}, f.body) for f, r in wanting]))
            for answer in answers.values():
                await answer
        finally:
            patience.cancel()
            for receipt in answers:
                del self._receipts[receipt]

    def abort(self, reason: str) -> None:
        """Drop the connection at once; the broker delivers again what is not acknowledged."""
        self._fault = self._fault or reason
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def eof_received(self) -> None:
        """The transport closes itself then; aiostomp's own answer would report the loss twice."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._fault = self._fault or (str(exc) if exc else "the broker closed the connection")
        self._heartbeat.stop()
        self._transport = None
        for future in (self.connected, *self._receipts.values()):
            _fail(future, ConnectionLostError(self._fault))
        self._writable.set()
        self.lost.set()
        self._listener.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heartbeat.heard()
        try:
            self._protocol.feed_data(data)
        except WireError as fault:
            self.abort(str(fault))
            return
        for frame in self._protocol.pop_frames():
            if frame.command == "MESSAGE":
                self.broker_time.heard(frame.headers.get("timestamp", ""))
                self._listener.deliver(self, frame)
            else:
                self._heed(frame)
        self._flush_soon()  # behind whoever was just woken, whose answers need no turn of their own then

    def _heed(self, frame: Frame) -> None:
        match frame.command:
            case "RECEIPT":
                answer = self._receipts.get(frame.headers["receipt-id"])
                if answer and not answer.done():
                    answer.set_result(None)
            case "CONNECTED" if not self.connected.done():
                self._heartbeat.start(*agree(self._login.heartbeat_ms, frame.headers.get("heart-beat", "0,0")))
                self.connected.set_result(None)
            case "ERROR":
                self._heed_error(frame)

    def _heed_error(self, frame: Frame) -> None:
        words = frame.headers.get("message", "the broker gave no reason"), frame.body.decode(errors="replace")
        if not self.connected.done():
            _fail(self.connected, LoginRefusedError(*words))
        elif answer := self._receipts.get(frame.headers.get("receipt-id", "")):
            _fail(answer, RefusalError(*words))
        else:
            self._listener.complain(self, RefusalError(*words))

    def _beat(self) -> None:
        if self.alive:
            self.write(HEART_BEAT)

    def _miss(self, command: str) -> None:
        self.abort(f"no receipt for {command} within {self._login.receipt_timeout_s:g} s")

    def _give_up(self) -> None:
        self.abort("the broker fell silent")


def _fail(future: asyncio.Future[None], fault: Exception) -> None:
    if not future.done():
        future.set_exception(fault)
        future.exception()  # whoever waited may be gone: nobody need be told of that
