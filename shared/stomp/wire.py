"""STOMP 1.2 on the wire: frames to bytes and back, in whatever pieces the network delivers them. No I/O."""

import re
from collections.abc import Mapping
from typing import NamedTuple

END_OF_HEADERS = b"\n\n"
MAX_HEAD_BYTES = 2**20
_SPECIAL = re.compile(r"[\\\n\r:\0]")
_ESCAPED = re.compile(r"\\([\\nrc])")
_MEANING = {"\\": "\\", "n": "\n", "r": "\r", "c": ":"}
_UNESCAPED_COMMANDS = frozenset({"CONNECT", "CONNECTED"})  # the specification keeps these readable for STOMP 1.0
_BETWEEN_FRAMES = b"\n\r\0"


class WireError(ValueError):
    """What arrived is not STOMP, or what shall be sent cannot be written in it."""


class Frame(NamedTuple):
    """One STOMP frame; of a repeated header the first value holds."""

    command: str
    headers: dict[str, str]
    body: bytes = b""


def encode(command: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """One frame as it travels.

    A body that may hold NUL bytes needs its ``content-length`` among the headers.

    Raises:
        WireError: a header that STOMP cannot express: with a NUL, or with an end of line before login.
    """
    plain = command in _UNESCAPED_COMMANDS
    lines = [f"{_written(key, plain)}:{_written(value, plain, is_value=True)}\n" for key, value in headers.items()]
    return f"{command}\n{''.join(lines)}\n".encode() + body + b"\0"


def _written(text: str, plain: bool, *, is_value: bool = False) -> str:  # noqa: FBT001 - private and hot
    if not _SPECIAL.search(text):
        return text
    if "\0" in text or (plain and ("\n" in text or "\r" in text or (":" in text and not is_value))):
        raise WireError(f"STOMP cannot carry this header: {text[:80]!r}")
    if plain:
        return text
    return text.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r").replace(":", r"\c")


class Parser:
    """Bytes in, whole frames out; heart-beats between them are passed over.

    Unknown escapes stay as they are: a strange header of one message must not end the connection again and again.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[str, dict[str, str]] | None = None
        self._wanted = 0
        self._searched = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes.

        Raises:
            WireError: this is not STOMP; nothing more can be read from this peer.
        """
        self._buffer += data
        if len(self._buffer) < self._wanted:
            return []
        frames: list[Frame] = []
        start = 0
        while True:
            frame, start = self._next(start)
            if frame is None:
                del self._buffer[:start]
                return frames
            frames.append(frame)

    def _next(self, start: int) -> tuple[Frame | None, int]:
        """The frame that begins at ``start`` if it is whole, and where to go on."""
        if self._head is None:
            start = self._read_head(start)
            if self._head is None:
                return None, start
        command, headers = self._head
        end = self._end_of_body(headers, start)
        if end is None:
            return None, start
        self._head, self._wanted, self._searched = None, 0, 0
        return Frame(command, headers, bytes(self._buffer[start:end])), end + 1

    def _read_head(self, start: int) -> int:
        """Read command and headers into ``_head`` if they are whole; where the body begins, or the head shall."""
        buffer = self._buffer
        while start < len(buffer) and buffer[start] in _BETWEEN_FRAMES:
            start += 1
        found = _end_of_head(buffer, start)
        if found is None:
            if len(buffer) - start > MAX_HEAD_BYTES:
                raise WireError(f"a frame's headers exceed {MAX_HEAD_BYTES} bytes")
            return start
        end, body = found
        self._head = _parse_head(buffer[start:end])
        return body

    def _end_of_body(self, headers: dict[str, str], start: int) -> int | None:
        length = headers.get("content-length")
        if length is None:
            end = self._buffer.find(0, start + self._searched)
            if end < 0:
                self._searched = len(self._buffer) - start
            return None if end < 0 else end
        end = start + _content_length(length)
        if len(self._buffer) <= end:
            self._wanted = end - start + 1
            return None
        if self._buffer[end]:
            raise WireError("a frame is longer than its content-length")
        return end


def _end_of_head(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Where a head ends and where its body begins; lines may end with CR LF."""
    end = buffer.find(END_OF_HEADERS, start)
    crlf = buffer.find(b"\n\r\n", start, len(buffer) if end < 0 else end)
    if crlf >= 0:
        return crlf, crlf + 3
    return None if end < 0 else (end, end + 2)


def _parse_head(head: bytearray) -> tuple[str, dict[str, str]]:
    try:
        text = head.decode()
        lines = (text.replace("\r\n", "\n").removesuffix("\r") if "\r" in text else text).split("\n")
        headers = {}
        for line in lines[:0:-1]:
            key, value = line.split(":", 1)
            if "\\" in line:
                key, value = _meant(key), _meant(value)
            headers[key] = value
    except ValueError as fault:
        raise WireError(f"not STOMP: {bytes(head[:80])!r}") from fault
    if not lines[0].isalpha():
        raise WireError(f"not STOMP: {text[:80]!r}")
    return lines[0], headers


def _meant(text: str) -> str:
    if "\\\\" in text:
        return _ESCAPED.sub(lambda match: _MEANING[match[1]], text)
    text = text.replace("\\c", ":")
    return text.replace("\\n", "\n").replace("\\r", "\r") if "\\" in text else text


def _content_length(text: str) -> int:
    if not text.isdecimal():
        raise WireError(f"not a content-length: {text[:80]!r}")
    return int(text)
