"""Replies and acknowledgements in transactions, one after the other; and what happens when the broker refuses one.

Why a transaction takes all that waits, and why the broker is told to forget what it has committed:
``docs/explanations/activemq-transactions.md``.
"""

import asyncio
import contextvars
import itertools
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import anyio

from shared.bus import BrokerError, StaleDeliveryError
from shared.stomp.connection import Connection
from shared.stomp.errors import ConnectionLostError, RefusalError
from shared.stomp.inbox import Handle
from shared.stomp.outgoing import Outgoing
from shared.stomp.wire import Frame, WireError, encode

MOST_DELIVERIES = 32  # in one transaction
MOST_BYTES = 2**20  # of replies in one transaction, unless a single delivery has more
FORGOTTEN_AFTER = 10  # acknowledgements in transactions
N_TIMES = 1000  # of commits kept for whoever asks

log = logging.getLogger(__name__)
_ids = itertools.count(1)


@dataclass(slots=True, eq=False)
class Settlement:
    """One delivery and its replies, on their way to the broker.

    Attributes:
        done: when the broker has committed both; or why it has not.
        begun: whether it is part of a transaction: from then on nobody can take it back.
    """

    handle: Handle
    letters: Sequence[Outgoing]
    done: asyncio.Future[None]
    begun: bool = False

    @property
    def n_bytes(self) -> int:
        """What its replies weigh [bytes]."""
        return sum(len(letter.body) for letter in self.letters)

    def frames(self, transaction: dict[str, str]) -> list[Frame]:
        """Its replies and its acknowledgement, as parts of a transaction."""
        said = [letter.frame(self.handle.connection.broker_time, **transaction) for letter in self.letters]
        return [*said, Frame("ACK", self.handle.delivery | transaction)]

    def end(self, fault: Exception | None = None) -> None:
        """Tell whoever waits, if somebody still does."""
        if self.done.done():
            return
        if fault is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(fault)


@dataclass(slots=True)
class Settlements:
    """Everything that one client settles.

    Attributes:
        between: held while a transaction is open: whoever holds it knows that none is.
    """

    between: asyncio.Lock = field(default_factory=asyncio.Lock)
    _times_s: deque[float] = field(default_factory=lambda: deque(maxlen=N_TIMES))
    _waiting: deque[Settlement] = field(default_factory=deque)
    _worker: asyncio.Task[None] | None = None
    _n_remembered: int = 0

    def times_s(self) -> list[float]:
        """How long COMMITs took, from writing to receipt, since this was asked the last time [s]."""
        times = list(self._times_s)
        self._times_s.clear()
        return times

    async def settle(self, handle: Handle, letters: Sequence[Outgoing]) -> None:
        """Send and acknowledge, all or nothing.

        Raises:
            StaleDeliveryError: the connection was lost; the broker delivers again what it has not committed.
            BrokerError: the broker refused; the delivery is given back for a later try.
        """
        try:
            if letters:
                await self._in_a_transaction(handle, letters)
            else:
                await handle.connection.request("ACK", handle.delivery)
        except ConnectionLostError as loss:
            raise StaleDeliveryError(f"the connection was lost before the broker had committed: {loss}") from loss
        except StaleDeliveryError:
            raise
        except BrokerError:
            await give_back(handle)
            raise
        except WireError as fault:
            await give_back(handle)
            raise BrokerError(str(fault)) from fault

    async def _in_a_transaction(self, handle: Handle, letters: Sequence[Outgoing]) -> None:
        for letter in letters:
            letter.check()
        settlement = Settlement(handle, letters, asyncio.get_running_loop().create_future())
        self._waiting.append(settlement)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), context=contextvars.Context())
        try:
            await settlement.done
        except asyncio.CancelledError:
            handle.settled = settlement.begun  # what has not begun may be tried again
            raise

    async def _work(self) -> None:
        """Until nothing waits: a transaction for all that has gathered while the one before was committed."""
        while self._waiting:
            async with self.between:
                batch = self._next_batch()
                try:
                    if batch:
                        await self._settle_together(batch)
                finally:
                    _end(batch, ConnectionLostError("this client came to its end"))  # no-one waits for ever

    def _next_batch(self) -> list[Settlement]:
        """What waits for the same connection, as much as one transaction takes."""
        batch: list[Settlement] = []
        n_bytes = 0
        while self._waiting and len(batch) < MOST_DELIVERIES:
            first = self._waiting[0]
            n_bytes += first.n_bytes
            if batch and (n_bytes > MOST_BYTES or first.handle.connection is not batch[0].handle.connection):
                break
            self._waiting.popleft()
            if first.handle.inbox.closed:
                first.end(StaleDeliveryError("the subscription that brought the message has ended"))
            elif not first.done.done():
                first.begun = True
                batch.append(first)
        return batch

    async def _settle_together(self, batch: list[Settlement]) -> None:
        transaction = {"transaction": f"t{next(_ids)}"}
        connection = batch[0].handle.connection
        try:
            await self._prepare(connection, transaction, batch)
        except (RefusalError, WireError) as refusal:
            with suppress(ConnectionLostError):
                connection.write(encode("ABORT", transaction))
            await self._settle_apart(batch, refusal)
        except ConnectionLostError as loss:
            _end(batch, loss)
        else:
            await self._commit(connection, transaction, batch)

    async def _settle_apart(self, batch: list[Settlement], refusal: Exception) -> None:
        """Something in it was refused: what it was, only transactions of one delivery can tell."""
        if len(batch) == 1:
            _end(batch, refusal)
        else:
            for each in batch:
                await self._settle_together([each])

    async def _prepare(self, connection: Connection, transaction: dict[str, str], batch: list[Settlement]) -> None:
        """Await a receipt for each part before COMMIT.

        ActiveMQ may refuse a message, or an acknowledgement, and still commit the rest of its transaction; and once a
        COMMIT has failed, it knows the delivery no more, neither to acknowledge it nor to give it back.
        """
        begin = self._forgetting() + encode("BEGIN", transaction)
        self._n_remembered += len(batch)
        await connection.request_all([frame for each in batch for frame in each.frames(transaction)], before=begin)

    def _forgetting(self) -> bytes:
        """An empty transaction, aborted: at that ActiveMQ forgets the acknowledgements that it has committed."""
        if self._n_remembered < FORGOTTEN_AFTER:
            return b""
        self._n_remembered = 0
        nothing = {"transaction": f"t{next(_ids)}"}
        return encode("BEGIN", nothing) + encode("ABORT", nothing)

    async def _commit(self, connection: Connection, transaction: dict[str, str], batch: list[Settlement]) -> None:
        begun = time.perf_counter()
        try:
            await connection.request("COMMIT", transaction)
        except (RefusalError, ConnectionLostError) as fault:
            _end(batch, fault)
        else:
            self._times_s.append(time.perf_counter() - begun)
            _end(batch)


def _end(batch: Sequence[Settlement], fault: Exception | None = None) -> None:
    for settlement in batch:
        settlement.end(fault)


async def give_back(handle: Handle) -> None:
    """NACK outside any transaction: the broker delivers again, or moves to its dead letter queue, as configured."""
    try:
        with anyio.CancelScope(shield=True):
            await handle.connection.request("NACK", handle.delivery)
    except RefusalError as refusal:
        handle.connection.abort(f"the broker did not take a delivery back: {refusal}")
    except ConnectionLostError:
        log.info("the connection was lost; the broker takes the delivery back by itself")
