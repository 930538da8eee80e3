"""What can go wrong between a service and its broker."""

from shared.bus import BrokerError


class ConnectionLostError(BrokerError):
    """The connection ended, or the broker fell silent; what was under way may or may not have happened."""


class RefusalError(BrokerError):
    """The broker answered with an ERROR frame.

    Attributes:
        detail: the frame's body, ActiveMQ's stack trace.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class LoginRefusedError(RefusalError):
    """The broker does not let us in; trying again would not help."""


class UntrustedBrokerError(BrokerError):
    """Nobody we trust vouches for the broker's certificate; trying again would not help."""
