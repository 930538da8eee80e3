"""A message about to be sent, and whether its destination is one."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from shared.bus import BrokerError
from shared.stomp.wire import encode

DESTINATION = re.compile(r"/(queue|topic|temp-queue|temp-topic|remote-temp-queue|remote-temp-topic)/.+")


class Outgoing(NamedTuple):
    """A message without its place in a transaction; ``headers`` lack destination and length."""

    destination: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def all_headers(self) -> dict[str, str]:
        """Headers of its SEND frame."""
        return {"destination": self.destination, "content-length": str(len(self.body)), **self.headers}

    def encode(self, **headers: str) -> bytes:
        """Its SEND frame, with further headers."""
        return encode("SEND", self.all_headers | headers, self.body)

    def check(self) -> None:
        """Refuse what ActiveMQ refuses without ending the transaction: its COMMIT would succeed without the message.

        Raises:
            BrokerError: the destination is none.
        """
        if not DESTINATION.fullmatch(self.destination):
            raise BrokerError(f"not a STOMP destination: {self.destination!r}; expected /queue/NAME or /topic/NAME")
