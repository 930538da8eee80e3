"""The floor: a blocking socket, the frames it needs written by hand, headers parsed."""

import socket
from collections.abc import Iterator
from itertools import islice

from benchmarks.stomp.course import BODY, PREFETCH, Place, Usage

Frame = tuple[str, dict[str, str], bytes]


def login(place: Place) -> bytes:
    return f"CONNECT\nlogin:{place.user}\npasscode:{place.password}\naccept-version:1.2\nhost:/\n\n\0".encode()


def subscription(place: Place, prefetch: int) -> bytes:
    headers = f"id:1\ndestination:{place.queue}\nack:client-individual\nactivemq.prefetchSize:{prefetch}\n"
    return f"SUBSCRIBE\n{headers}\n\0".encode()


def transaction(place: Place, number: int, ack: str, body: bytes) -> bytes:
    name, ack = f"transaction:{number}\n", ack.replace(":", "\\c")
    send = f"SEND\n{name}destination:{place.replies}\npersistent:true\ncontent-length:{len(body)}\n\n"
    rest = f"\0ACK\n{name}id:{ack}\n\n\0COMMIT\n{name}receipt:{number}\n\n\0"
    return f"BEGIN\n{name}\n\0{send}".encode() + body + rest.encode()


class Frames:
    """As little of a parser as does."""

    def __init__(self) -> None:
        self._buffer, self._start = b"", 0

    def feed(self, data: bytes) -> None:
        self._buffer, self._start = self._buffer[self._start :] + data, 0

    def next(self) -> Frame | None:
        buffer, start = self._buffer, self._start
        while buffer[start : start + 1] == b"\n":
            start += 1
        end = buffer.find(b"\n\n", start)
        if end < 0:
            return None
        command, *lines = buffer[start:end].decode().split("\n")
        headers = {}
        for line in lines:
            key, _, value = line.partition(":")
            plain = "\\" not in value
            headers[key] = value if plain else value.replace("\\c", ":").replace("\\n", "\n").replace("\\\\", "\\")
        body = end + 2
        stop = body + int(headers["content-length"]) if "content-length" in headers else buffer.find(b"\0", body)
        if stop < 0 or len(buffer) <= stop:
            return None
        self._start = stop + 1
        return command, headers, buffer[body:stop]


class Socket:
    """One blocking connection."""

    def __init__(self, place: Place) -> None:
        self._socket = socket.create_connection((place.host, place.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = Frames()
        self.write(login(place))
        next(self.frames())

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def frames(self) -> Iterator[Frame]:
        while True:
            while (frame := self._frames.next()) is not None:
                yield frame
            self._frames.feed(self._socket.recv(262144))

    def finish(self) -> None:
        self.write(b"DISCONNECT\nreceipt:end\n\n\0")
        next(headers for _, headers, _ in self.frames() if headers.get("receipt-id") == "end")
        self._socket.close()


class HandWritten:
    name = "hand-written socket"

    def receive(self, place: Place, n: int) -> Usage:
        client, usage = Socket(place), Usage()
        with usage.measured():
            client.write(subscription(place, PREFETCH))
            for _, headers, _ in islice(client.frames(), n):
                client.write(b"ACK\nid:" + headers["ack"].replace(":", "\\c").encode() + b"\n\n\0")
            client.finish()
        return usage

    def send(self, place: Place, n: int) -> Usage:
        client, usage = Socket(place), Usage()
        with usage.measured():
            for _ in range(n):
                headers = f"destination:{place.queue}\npersistent:true\ncontent-length:{len(BODY)}\n"
                client.write(f"SEND\n{headers}\n".encode() + BODY + b"\0")
            client.finish()
        return usage

    def transact(self, place: Place, n: int, in_flight: int) -> Usage:
        """``in_flight`` COMMITs are written before the first receipt is waited for."""
        client, usage = Socket(place), Usage()
        with usage.measured():
            client.write(subscription(place, in_flight))
            receipts = transactions = 0
            for command, headers, body in client.frames():
                if command == "MESSAGE":
                    transactions += 1
                    client.write(transaction(place, transactions, headers["ack"], body))
                else:
                    receipts += 1
                if receipts == n:
                    break
            client.finish()
        return usage
