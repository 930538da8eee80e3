"""A message about to be sent, and whether its destination is one."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from shared.bus import BrokerError
from shared.stomp.wire import Frame

DESTINATION = re.compile(r"/(queue|topic|temp-queue|temp-topic|remote-temp-queue|remote-temp-topic)/.+")


class Outgoing(NamedTuple):
    """A message without its place in a transaction; ``headers`` lack destination and length."""

    destination: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def to_a_temporary_queue(self) -> bool:
        """Whether its destination ends with the connection of whoever listens."""
        return self.destination.startswith(("/temp-", "/remote-temp-"))

    def frame(self, **headers: str) -> Frame:
        """Its SEND frame, with further headers."""
        fixed = {"destination": self.destination, "content-length": str(len(self.body))}
        return Frame("SEND", {**fixed, **self.headers, **headers}, self.body)

    def check(self) -> None:
        """Refuse here what the broker would refuse.

        Raises:
            BrokerError: the destination is none.
        """
        if not DESTINATION.fullmatch(self.destination):
            raise BrokerError(f"not a STOMP destination: {self.destination!r}; expected /queue/NAME or /topic/NAME")
