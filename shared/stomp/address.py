"""Where brokers are: ``stomp://``, ``stomp+ssl://``, ``stomp+nio+ssl://`` and ``failover:(...)`` addresses. No I/O."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

PLAIN_PORT, TLS_PORT = 61613, 61614
PLAIN, TLS = ("stomp", "stomp+nio", "tcp"), ("stomp+ssl", "stomp+nio+ssl", "ssl")
_EXAMPLE = "such as stomp://host:61613, stomp+ssl://host:61614?cafile=/etc/ca.pem or failover:(stomp://a,stomp://b)"
_TRUTH = {"true": True, "false": False}


class AddressError(ValueError):
    """Not the address of a broker; the message says what is wrong and shows how it should look."""


@dataclass(frozen=True, slots=True)
class Address:
    """One broker.

    Attributes:
        cafile: certificates (PEM) of those who may vouch for the broker; the system's when None.
        verify: whether the broker's certificate and host name are checked.
    """

    host: str
    port: int
    tls: bool = False
    cafile: Path | None = None
    verify: bool = True

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'stomp+ssl' if self.tls else 'stomp'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Brokers:
    """The brokers to try, in this order unless ``randomize``."""

    addresses: tuple[Address, ...]
    randomize: bool = False


def parse(url: str) -> Brokers:
    """Read a broker URL.

    Options after ``?``: ``cafile`` and ``verify`` of a broker, ``randomize`` of a failover list.

    Raises:
        AddressError: the URL cannot be understood.
    """
    if not url.startswith("failover:"):
        return Brokers((_parse_one(url),))
    listed, _, query = url.removeprefix("failover:").removeprefix("//").rpartition(")")
    if not listed.startswith("(") or (query and not query.startswith("?")):
        raise AddressError(f"a failover list needs brackets: {url!r}; expected an address {_EXAMPLE}")
    options = _options(query.removeprefix("?"), {"randomize"}, url)
    addresses = tuple(_parse_one(part.strip()) for part in listed[1:].split(","))
    return Brokers(addresses, randomize=_boolean(options, "randomize", url, default=False))


def _parse_one(url: str) -> Address:
    parts = urlsplit(url)
    tls = parts.scheme in TLS
    if parts.scheme not in (*PLAIN, *TLS):
        raise AddressError(f"unknown kind of broker address {url!r}; expected an address {_EXAMPLE}")
    if parts.username or parts.password:
        raise AddressError("user and password are settings of their own, not part of the broker's address")
    if not parts.hostname or parts.path not in ("", "/"):
        raise AddressError(f"no host, or something after the port, in {url!r}; expected an address {_EXAMPLE}")
    options = _options(parts.query, {"cafile", "verify"} if tls else set(), url)
    cafile = Path(options["cafile"]) if "cafile" in options else None
    port = _port(parts, url) or (TLS_PORT if tls else PLAIN_PORT)
    return Address(parts.hostname, port, tls, cafile, verify=_boolean(options, "verify", url, default=True))


def _port(parts: SplitResult, url: str) -> int | None:
    try:
        return parts.port
    except ValueError as fault:
        raise AddressError(f"not a port in {url!r}: {fault}") from fault


def _options(query: str, known: set[str], url: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - known:
        raise AddressError(f"unknown option {', '.join(sorted(unknown))} in {url!r}; known here: {sorted(known)}")
    return options


def _boolean(options: dict[str, str], name: str, url: str, *, default: bool) -> bool:
    if name not in options:
        return default
    if options[name] not in _TRUTH:
        raise AddressError(f"{name} must be true or false in {url!r}")
    return _TRUTH[options[name]]
