"""STOMP 1.1 on the wire: frames to bytes and back, in whatever pieces the network delivers them. No I/O."""

import re
from collections.abc import Mapping
from typing import NamedTuple

END_OF_HEADERS = b"\n\n"
MAX_HEAD_BYTES = 2**20
_ESCAPED = re.compile(r"\\([\\nc])")
_MEANING = {"\\": "\\", "n": "\n", "c": ":"}
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
    head = command
    for key, value in headers.items():
        head += f"\n{key}:{value}"
    if not _is_plain(head, len(headers)):
        escaped = _refused if command in _UNESCAPED_COMMANDS else _escaped
        head = command
        for key, value in headers.items():
            head += f"\n{escaped(key, ':')}:{escaped(value)}"
    return b"".join((head.encode(), END_OF_HEADERS, body, b"\0"))


def _is_plain(head: str, n_headers: int) -> bool:
    """Whether nothing in this head needs an escape; a few scans of all cost less than one of each header."""
    if head.count(":") != n_headers or head.count("\n") != n_headers:
        return False
    return not ("\\" in head or "\0" in head)


def _escaped(text: str, _: str = "") -> str:
    if text.isalnum():
        return text
    if "\0" in text:
        raise WireError(f"STOMP cannot carry this header: {text[:80]!r}")
    return text.replace("\\", r"\\").replace("\n", r"\n").replace(":", r"\c")


def _refused(text: str, forbidden: str = "") -> str:
    """Text of a command whose headers know no escapes, if it can do without."""
    if any(letter in text for letter in ("\0", "\n", "\r", *forbidden)):
        raise WireError(f"STOMP cannot carry this header: {text[:80]!r}")
    return text


class Parser:
    """Bytes in, whole frames out; heart-beats between them are passed over.

    Unknown escapes stay as they are: a strange header of one message must not end the connection again and again.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._n_bytes = 0
        self._wanted = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes.

        Raises:
            WireError: this is not STOMP; nothing more can be read from this peer.
        """
        self._pieces.append(data)
        self._n_bytes += len(data)
        if self._n_bytes < self._wanted:
            return []
        buffer = b"".join(self._pieces)
        frames: list[Frame] = []
        start = 0
        while True:
            while start < len(buffer) and buffer[start] in _BETWEEN_FRAMES:
                start += 1
            frame, end = _read(buffer, start)
            if frame is None:
                break
            frames.append(frame)
            start = end
        self._pieces = [buffer[start:]]
        self._n_bytes = len(buffer) - start
        self._wanted = end - start
        return frames


def _read(buffer: bytes, start: int) -> tuple[Frame | None, int]:
    """The frame that begins at ``start``, None unless it is whole; and where it ends, 0 while that cannot be told."""
    end = buffer.find(END_OF_HEADERS, start)
    crlf = buffer.find(b"\n\r\n", start, None if end < 0 else end)
    if crlf >= 0:
        command, headers = _parse_head(buffer[start:crlf].replace(b"\r\n", b"\n").removesuffix(b"\r"))
        body = crlf + 3
    elif end >= 0:
        command, headers = _parse_head(buffer[start:end])
        body = end + 2
    elif len(buffer) - start > MAX_HEAD_BYTES:
        raise WireError(f"a frame's headers exceed {MAX_HEAD_BYTES} bytes")
    else:
        return None, 0
    length = headers.get("content-length")
    nul = buffer.find(0, body) if length is None else body + _content_length(length)
    if not 0 <= nul < len(buffer):
        return None, nul + 1
    if buffer[nul]:
        raise WireError("a frame is longer than its content-length")
    return Frame(command, headers, buffer[body:nul]), nul + 1


def _parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    headers = {}
    try:
        command, *lines = head.decode().split("\n")
    except ValueError as fault:
        raise WireError(f"not STOMP: {head[:80]!r}") from fault
    for line in reversed(lines):
        key, colon, value = line.partition(":")
        if not colon:
            raise WireError(f"not STOMP: {head[:80]!r}")
        if "\\" in line:
            key, value = _meant(key), _meant(value)
        headers[key] = value
    if not command.isalpha():
        raise WireError(f"not STOMP: {head[:80]!r}")
    return command, headers


def _meant(text: str) -> str:
    if r"\\" not in text:
        text = text.replace(r"\c", ":")
    return _ESCAPED.sub(lambda match: _MEANING[match[1]], text) if "\\" in text else text


def _content_length(text: str) -> int:
    if not text.isdecimal():
        raise WireError(f"not a content-length: {text[:80]!r}")
    return int(text)
