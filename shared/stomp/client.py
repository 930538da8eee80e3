"""A connection to the broker that comes back, with everything that was subscribed."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio
from aiostomp import AioStomp
from anyio.abc import TaskStatus

from shared.bus import BrokerError
from shared.settings import BrokerSettings
from shared.stomp import address
from shared.stomp.broker_time import BrokerTime
from shared.stomp.connection import Connection, Listener, Login
from shared.stomp.dial import delays, dial, tls_context
from shared.stomp.errors import ConnectionLostError, LoginRefusedError, RefusalError, UntrustedBrokerError
from shared.stomp.inbox import Inbox
from shared.stomp.outgoing import Outgoing
from shared.stomp.settlement import Settlements
from shared.stomp.wire import Frame, encode

FAREWELL_S = 2.0
NOTHING = "1 = 0"  # a selector
log = logging.getLogger(__name__)


class Client:
    """Keeps one connection alive; aiostomp's registry says who reads what.

    Attributes:
        declared: queues that must exist before anything is said; made sure of after each connect.
        settlements: the transactions of this client.
        broker_time: what time it is at the broker.
    """

    def __init__(self, broker: BrokerSettings, *, client_id: str | None = None, declared: Sequence[str] = ()) -> None:
        password = broker.password.get_secret_value() if broker.password else None
        heartbeat_ms = round(1000 * broker.heartbeat_s)
        self.login = Login(broker.user, password, client_id, heartbeat_ms, broker.receipt_timeout_s)
        self.login.check()
        self.brokers = address.parse(broker.url)
        for each in self.brokers.addresses:
            tls_context(each)
        self.connect_timeout_s = broker.connect_timeout_s
        self.declared = declared
        self.settlements = Settlements()
        self.broker_time = BrokerTime()
        first = self.brokers.addresses[0]
        self._address = first
        self._registry = AioStomp(first.host, first.port, loop=asyncio.get_running_loop())
        self._inboxes: set[Inbox] = set()
        self._connection: Connection | None = None
        self._up = asyncio.Event()
        self._closing = False

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    @property
    def connection(self) -> Connection | None:
        """The present connection, when everything is subscribed on it."""
        return self._connection if self._up.is_set() else None

    async def ready(self) -> Connection:
        """The connection; waits while the broker is away."""
        while True:
            await self._up.wait()
            if self._connection and self._connection.alive:
                return self._connection
            await asyncio.sleep(0)

    async def aside(self, listener: Listener) -> Connection:
        """A second connection to the same broker, the caller's to abort: for what may cost the connection.

        Raises:
            BrokerError: none could be had.
        """
        await self.ready()
        return await dial(self._address, listener, replace(self.login, client_id=None), self.connect_timeout_s)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Connect, and reconnect whenever the connection is lost; started once connected.

        Raises:
            LoginRefusedError: the broker does not let us in (any more).
            UntrustedBrokerError: the broker's certificate is not to be trusted.
        """
        await self._connect()
        task_status.started()
        while not self._closing:
            connection = await self.ready()
            await connection.lost.wait()
            if not self._closing:
                await self._connect()

    async def close(self) -> None:
        """Say farewell: the broker takes back what is not acknowledged."""
        self._closing = True
        connection = self._connection
        if connection is None:
            return
        with suppress(BrokerError), anyio.move_on_after(FAREWELL_S):
            async with self.settlements.between:
                await connection.request("DISCONNECT", {})
        connection.abort("closed")
        await connection.lost.wait()

    async def send(self, letter: Outgoing) -> None:
        """Have a message stored by the broker, however long it is away: at least once, twice if a receipt is lost.

        Raises:
            BrokerError: the broker does not want it.
        """
        letter.check()
        while True:
            connection = await self.ready()
            try:
                await connection.request_all([letter.frame(connection.broker_time)])
            except ConnectionLostError as loss:
                log.info("sending to %s again: %s", letter.destination, loss)
            else:
                return

    def mention(self, letter: Outgoing) -> None:
        """Send a message that nobody has to receive: dropped while the broker is away or slow."""
        if self.connection and self.connection.writable:
            self.connection.write(encode(*letter.frame(self.broker_time)))

    @asynccontextmanager
    async def subscribed(self, source: str, headers: Mapping[str, str], ack: str) -> AsyncIterator[Inbox]:
        """What arrives from one destination, for as long as the context lasts."""
        inbox = Inbox(source)
        inbox.subscription = self._registry.subscribe(source, ack, dict(headers), inbox.put)
        self._inboxes.add(inbox)
        try:
            await self._subscribe_now(inbox)
            yield inbox
        finally:
            self._inboxes.discard(inbox)
            self._registry.unsubscribe(inbox.subscription)
            inbox.close()
            with anyio.CancelScope(shield=True), anyio.move_on_after(FAREWELL_S):
                async with self.settlements.between:  # an acknowledgement and its subscription would end together
                    await self._unsubscribe(inbox)

    def deliver(self, connection: Connection, frame: Frame) -> None:
        """Put a message where its subscription says."""
        subscription = self._registry.get(frame.headers.get("subscription"))
        if subscription and connection is self._connection:
            subscription.handler(connection, frame)

    def complain(self, connection: Connection, refusal: RefusalError) -> None:
        """An error that nobody waits for; the connection goes on."""
        del connection
        log.warning("the broker complains: %s", refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Deliveries of a lost connection come again over the next."""
        if self._connection is None or self._connection.alive:
            return
        if self._up.is_set() and not self._closing:
            log.warning("lost the broker: %s", exc or "it closed the connection, or fell silent")
        self._up.clear()
        self._connection = None
        for inbox in self._inboxes:
            inbox.forget()

    async def _connect(self) -> None:
        for delay in delays():
            if await self._try_all():
                return
            await anyio.sleep(delay)

    async def _try_all(self) -> bool:
        """One attempt at each broker; whether one of them is ours now."""
        addresses = list(self.brokers.addresses)
        if self.brokers.randomize:
            random.shuffle(addresses)
        for each in addresses:
            try:
                connection = await dial(each, self, self.login, self.connect_timeout_s)
                await self._restore(connection)
            except (LoginRefusedError, UntrustedBrokerError):
                raise
            except BrokerError as fault:
                log.warning("no broker yet: %s", fault)
            else:
                log.info("connected to %s", each)
                self._address = each
                return True
        return False

    async def _restore(self, connection: Connection) -> None:
        self._connection = connection
        connection.broker_time = self.broker_time
        try:
            await self._declare(connection)
            for inbox in list(self._inboxes):
                await self._subscribe(connection, inbox)
        except BaseException:
            connection.abort("could not subscribe")
            raise
        self._up.set()

    async def _declare(self, connection: Connection) -> None:
        """Browse for nothing: the broker makes a queue that is asked for, and nothing is taken from it."""
        for queue in self.declared:
            name = {"id": f"declare-{queue}"}
            browse = {"destination": queue, "ack": "auto", "browser": "true", "selector": NOTHING, **name}
            await connection.request("UNSUBSCRIBE", name, before=encode("SUBSCRIBE", browse))

    async def _subscribe_now(self, inbox: Inbox) -> None:
        while inbox.connection is None or not inbox.connection.alive:
            with suppress(ConnectionLostError):
                await self._subscribe(await self.ready(), inbox)

    async def _subscribe(self, connection: Connection, inbox: Inbox) -> None:
        if inbox.connection is connection:
            return
        inbox.connection = connection
        wish = inbox.subscription
        headers = {"id": str(wish.id), "destination": wish.destination, "ack": wish.ack, **wish.extra_headers}
        await connection.request("SUBSCRIBE", headers)

    async def _unsubscribe(self, inbox: Inbox) -> None:
        if inbox.connection and inbox.connection.alive:
            with suppress(BrokerError):
                await inbox.connection.request("UNSUBSCRIBE", {"id": str(inbox.subscription.id)})
