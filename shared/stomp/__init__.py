"""The broker port over STOMP and ActiveMQ Classic."""

from shared.stomp.address import AddressError as AddressError
from shared.stomp.bus import StompBus as StompBus, connect as connect
from shared.stomp.errors import (
    ConnectionLostError as ConnectionLostError,
    LoginRefusedError as LoginRefusedError,
    RefusalError as RefusalError,
    UntrustedBrokerError as UntrustedBrokerError,
)
from shared.stomp.statistics import QueueStatistics as QueueStatistics
