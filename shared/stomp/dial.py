"""One attempt to reach one broker, and how long to wait before the next."""

import asyncio
import random
import ssl
from collections.abc import Iterator

from shared.stomp.address import Address, AddressError
from shared.stomp.connection import Connection, Listener, Login
from shared.stomp.errors import ConnectionLostError, LoginRefusedError, UntrustedBrokerError

FIRST_DELAY_S, LONGEST_DELAY_S, GROWTH = 0.1, 10.0, 2.0
CLIENT_ID_IN_USE = "already connected"  # by our own earlier connection, until the broker notices its end


async def dial(address: Address, listener: Listener, login: Login, timeout_s: float) -> Connection:
    """A connection that the broker has accepted.

    Raises:
        LoginRefusedError: it knows us not.
        UntrustedBrokerError: its certificate is not to be trusted.
        ConnectionLostError: it cannot be reached now.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _connect(address, listener, login)
    except TimeoutError as fault:
        raise ConnectionLostError(f"{address}: no answer within {timeout_s:g} s") from fault
    except ssl.SSLCertVerificationError as fault:
        raise UntrustedBrokerError(f"{address}: {fault.verify_message}; name the right ?cafile=") from fault
    except OSError as fault:
        raise ConnectionLostError(f"{address}: {fault}") from fault


async def _connect(address: Address, listener: Listener, login: Login) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(listener, login, address.host), address.host, address.port, ssl=tls_context(address)
    )
    try:
        await connection.connected
    except LoginRefusedError as refusal:
        connection.abort(str(refusal))
        if CLIENT_ID_IN_USE in str(refusal):
            raise ConnectionLostError(f"{address}: {refusal}") from refusal
        raise
    except BaseException:
        connection.abort("gave up before the broker's CONNECTED")
        raise
    return connection


def tls_context(address: Address) -> ssl.SSLContext | None:
    """What is asked of the broker's certificate.

    Raises:
        AddressError: the ``cafile`` cannot be used.
    """
    if not address.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=address.cafile)
    except OSError as fault:
        raise AddressError(f"{address}: cafile {address.cafile} cannot be used: {fault}") from fault
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def delays() -> Iterator[float]:
    """Pauses between rounds of attempts [s]: short at first, growing, never the same for all services at once."""
    delay = FIRST_DELAY_S
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - nothing secret
        delay = min(delay * GROWTH, LONGEST_DELAY_S)
