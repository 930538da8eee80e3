"""A message about to be sent, and whether its destination is one."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from shared.bus import BrokerError
from shared.stomp.broker_time import BrokerTime
from shared.stomp.wire import Frame

DESTINATION = re.compile(r"/(queue|topic|temp-queue|temp-topic|remote-temp-queue|remote-temp-topic)/.+")


class Outgoing(NamedTuple):
    """A message without its place in a transaction; ``headers`` lack destination and length.

    Attributes:
        lifetime_s: it expires when nobody has fetched it for so long [s]; None: never.
    """

    destination: str
    headers: Mapping[str, str]
    body: bytes
    lifetime_s: float | None = None

    @property
    def to_a_temporary_queue(self) -> bool:
        """Whether its destination ends with the connection of whoever listens."""
        return self.destination.startswith(("/temp-", "/remote-temp-"))

    def frame(self, broker_time: BrokerTime, **headers: str) -> Frame:
        """Its SEND frame of this moment, with further headers."""
        fixed = {"destination": self.destination, "content-length": str(len(self.body))}
        if self.lifetime_s is not None:
            fixed["expires"] = str(round(1000 * (broker_time.now_s() + self.lifetime_s)))
        return Frame("SEND", {**fixed, **self.headers, **headers}, self.body)

    def check(self) -> None:
        """Refuse here what the broker would refuse.

        Raises:
            BrokerError: the destination is none.
        """
        if not DESTINATION.fullmatch(self.destination):
            raise BrokerError(f"not a STOMP destination: {self.destination!r}; expected /queue/NAME or /topic/NAME")
