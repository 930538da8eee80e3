"""A blocking STOMP client that can acknowledge in every way there is; frames by ``shared.stomp.wire``."""

import socket
import time
from collections import deque
from dataclasses import dataclass
from itertools import count

from cli.broker import LocalBroker
from shared.stomp.wire import Frame, Parser, encode

BODY = b"x" * 500
_ids = count(1)


class Socket:
    """One connection; what is delivered gathers in ``deliveries``."""

    def __init__(self, broker: LocalBroker, version: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", broker.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser, self._frames = Parser(), deque[Frame]()
        self.deliveries: deque[Frame] = deque()
        login = {"accept-version": version, "login": broker.user, "passcode": broker.password}
        self.write_all(encode("CONNECT", login))
        self._next()

    def write(self, command: str, body: bytes = b"", **headers: str) -> None:
        """Send one frame."""
        self._socket.sendall(encode(command, headers, body))

    def write_all(self, frames: bytes) -> None:
        """Send encoded frames in one piece."""
        self._socket.sendall(frames)

    def take(self) -> Frame:
        """The next delivery."""
        while not self.deliveries:
            self._sort(self._next())
        return self.deliveries.popleft()

    def await_receipt(self, name: str) -> None:
        """Return once the broker has confirmed."""
        while not ((frame := self._next()).command == "RECEIPT" and frame.headers["receipt-id"] == name):
            self._sort(frame)

    def _sort(self, frame: Frame) -> None:
        if frame.command != "MESSAGE":
            raise RuntimeError(f"the broker says {frame}")
        self.deliveries.append(frame)

    def _next(self) -> Frame:
        while not self._frames:
            self._frames += self._parser.feed(self._socket.recv(2**18))
        return self._frames.popleft()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


@dataclass(frozen=True)
class Way:
    """One way of acknowledging.

    Attributes:
        forget: an empty transaction is aborted after so many acknowledgements; 0: never.
        together: deliveries in one transaction; 0: acknowledged outside of any.
        reply: whether each delivery is answered with a message, as services do.
    """

    version: str
    forget: int = 0
    together: int = 1
    prefetch: int = 100
    mode: str = "client-individual"
    reply: bool = False


class Course:
    """Messages through one subscription, acknowledged in one way."""

    def __init__(self, broker: LocalBroker, way: Way) -> None:
        self.way = way
        self.queue = f"/queue/course.{time.time_ns()}"
        self._reader, self._sender = Socket(broker, way.version), Socket(broker, "1.1")
        wish = {"destination": self.queue, "id": "1", "ack": way.mode, "activemq.prefetchSize": str(way.prefetch)}
        self._reader.write_all(encode("SUBSCRIBE", wish))
        self._n_remembered = 0

    def fill(self, n: int) -> None:
        """Send so many messages; returns once the broker has them."""
        for _ in range(n):
            self._sender.write("SEND", BODY, destination=self.queue, persistent="true")
        name = f"s{next(_ids)}"
        self._sender.write("BEGIN", transaction=name, receipt=name)
        self._sender.await_receipt(name)
        self._sender.write("ABORT", transaction=name)

    def settle(self) -> float:
        """Take and settle as many as go together; from writing to receipt [s]."""
        taken = [self._reader.take() for _ in range(self.way.together or 1)]
        name = f"t{next(_ids)}"
        frames = self._frames(taken, name)
        begun = time.perf_counter()
        self._reader.write_all(frames)
        self._reader.await_receipt(name)
        return time.perf_counter() - begun

    def _frames(self, taken: list[Frame], name: str) -> bytes:
        way = self.way
        if not way.together:
            return b"".join(encode("ACK", self._named(delivery) | {"receipt": name}) for delivery in taken)
        within = {"transaction": name}
        said = encode("SEND", {"destination": f"{self.queue}.replies", "persistent": "true", **within}, BODY)
        parts = [self._forgetting(len(taken)), encode("BEGIN", within), said * (len(taken) * way.reply)]
        parts += [encode("ACK", self._named(delivery) | within) for delivery in taken]
        return b"".join([*parts, encode("COMMIT", within | {"receipt": name})])

    def _named(self, delivery: Frame) -> dict[str, str]:
        names = {"id": "ack"} if self.way.version == "1.2" else {n: n for n in ("subscription", "message-id")}
        return {theirs: delivery.headers[ours] for theirs, ours in names.items()}

    def _forgetting(self, n: int) -> bytes:
        if not self.way.forget or self._n_remembered < self.way.forget:
            self._n_remembered += n
            return b""
        self._n_remembered = n
        nothing = {"transaction": f"n{next(_ids)}"}
        return encode("BEGIN", nothing) + encode("ABORT", nothing)

    def close(self) -> None:
        """End both connections."""
        self._reader.close()
        self._sender.close()
