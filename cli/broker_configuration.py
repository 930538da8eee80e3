"""What the local broker finds in its directory: ``activemq.xml``, its password, its certificate."""

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from xml.sax import saxutils

from shared.rotation import tail
from shared.settings import DEAD_LETTER_DAYS
from shared.topology import ROUTES, WORLD, Kind, families_of

TEMPLATE = Path(__file__).with_name("activemq.xml.in")
QUEUES = 'prioritizedMessages="true" lazyDispatch="true" maxBrowsePageSize="10000" producerFlowControl="true"'
DAY_MS = 86_400_000
LOOKS = 24  # for unused destinations, in the time that makes one unused
MIN_REDELIVERY_S = 1.0  # shorter delays are refused by the broker's scheduler
# Without tcpNoDelay a receipt that follows another waits for our kernel's delayed acknowledgement, 40 ms.
OPTIONS = (
    "transport.tcpNoDelay=true&transport.hbGracePeriodMultiplier=1.5"
    "&wireFormat.maxDataLength=104857600&wireFormat.maxFrameSize=104857600"
)
TLS_SCHEMES = ("stomp+ssl", "stomp+nio+ssl")
KEY = ("-genkeypair", "-alias", "broker", "-keyalg", "RSA", "-keysize", "2048", "-validity", "3650")
LOGGING = {
    "log4j.properties": """log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %-5p %c{1}: %m%n
""",
    "log4j2.properties": """rootLogger=WARN, out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %-5p %c{1}: %m%n
""",
}
"""By file: Debian's ActiveMQ reads the first, Apache's distribution since 5.17 the second; both print to broker.log."""
NAMES = ("-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1")


@dataclass(frozen=True)
class Policy:
    """How the broker treats a message that was given back to it, and how long it keeps what nobody fetches.

    Attributes:
        redeliveries: how often it is tried again before it is dead-lettered.
        redelivery_s: pause before such a try [s].
        dead_letter_days: a message that it dead-letters waits so long for an operator [days].
        unused_days: an empty queue or topic that nobody reads is removed after so long [days].
    """

    redeliveries: int = 3
    redelivery_s: float = 2.0
    dead_letter_days: float = DEAD_LETTER_DAYS
    unused_days: float = 1.0

    def __post_init__(self) -> None:
        if self.redelivery_s < MIN_REDELIVERY_S:
            raise ValueError(f"redelivery_s must be at least {MIN_REDELIVERY_S} s, not {self.redelivery_s}")

    def words(self) -> dict[str, str]:
        """As the template wants them."""
        unused_ms = round(DAY_MS * self.unused_days)
        return {
            "redeliveries": str(self.redeliveries),
            "redelivery_ms": str(round(1000 * self.redelivery_s)),
            "dead_letter_ms": str(round(DAY_MS * self.dead_letter_days)),
            "unused": f'gcInactiveDestinations="true" inactiveTimeoutBeforeGC="{unused_ms}"',
            "purge_ms": str(max(unused_ms // LOOKS, 1)),
            "queues": QUEUES,
            "own": ",".join(own_queues()),
        }


@dataclass(frozen=True)
class BrokerFiles:
    """The files of one broker's directory."""

    directory: Path

    @property
    def log(self) -> Path:
        return self.directory / "broker.log"

    @property
    def earlier_store(self) -> Path | None:
        """Where messages of releases before the dead letters' own store may wait, which is not read any more."""
        folder = self.directory / "data" / "kahadb"
        return folder if any(folder.glob("db-*.log")) else None

    @property
    def cafile(self) -> Path:
        """The certificate that vouches for the broker (PEM)."""
        return self.directory / "conf" / "ca.pem"

    @property
    def keystore(self) -> Path:
        return self.directory / "conf" / "broker.p12"

    @property
    def jolokia(self) -> Path:
        """What Jolokia's agent for Java reads."""
        return self.directory / "conf" / "jolokia.properties"

    def prepare(self) -> None:
        """Make the folders."""
        for name in ("conf", "data", "tmp"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        for name, text in LOGGING.items():
            (self.directory / "conf" / name).write_text(text)

    def password(self) -> str:
        """The password made at the first start, readable by its owner only."""
        path = self.directory / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text().strip()

    def write_configuration(
        self, user: str, password: str, ports: dict[str, int], policy: Policy, monitor: str = ""
    ) -> None:
        """Write ``activemq.xml``; ``ports`` by scheme, on 127.0.0.1; ``monitor`` is beans that tell how it is."""
        text = Template(TEMPLATE.read_text()).substitute(
            placeholders="",
            directory=escape(str(self.directory)),
            user=escape(user),
            password=escape(password),
            **policy.words(),
            tls_context=self._tls_context(password) if ports.keys() & set(TLS_SCHEMES) else "",
            monitor=monitor,
            connectors="\n      ".join(connector(scheme, port) for scheme, port in ports.items()),
        )
        write_private(self.directory / "conf" / "activemq.xml", text)

    def _tls_context(self, password: str) -> str:
        store = f'keyStore="file:{escape(str(self.keystore))}" keyStorePassword="{escape(password)}"'
        return f'<sslContext><sslContext {store} keyStoreType="PKCS12"/></sslContext>'

    def make_certificate(self, password: str) -> None:
        """A certificate for localhost that vouches for itself, unless there is one (Java's ``keytool``)."""
        if self.cafile.exists():
            return
        store = ("-storetype", "PKCS12", "-keystore", str(self.keystore), "-storepass", password)
        subprocess.run(["keytool", *KEY, *NAMES, *store], check=True, capture_output=True)
        export = ["keytool", "-exportcert", "-rfc", "-alias", "broker", *store]
        self.cafile.write_bytes(subprocess.run(export, check=True, capture_output=True).stdout)

    def end_of_log(self, n_lines: int = 25) -> str:
        """The last lines of what the broker printed."""
        return tail(self.log, n_lines)


def own_queues() -> Iterator[str]:
    """Patterns of the queues that services read, on brokers of one beamline and of several."""
    yield "Consumer.&gt;"
    queues = [route for route in ROUTES if route.kind is Kind.QUEUE and WORLD not in route.listeners]
    names = (route.name.format(**fields) for route in queues for fields in families_of(route))
    for name in dict.fromkeys(names):
        yield from (name, f"*.{name}")


def connector(scheme: str, port: int, address: str = "127.0.0.1") -> str:
    """The element of ``activemq.xml`` that listens."""
    name, uri = scheme.replace("+", "-"), f"{scheme}://{address}:{port}?{escape(OPTIONS)}"
    return f'<transportConnector name="{name}" uri="{uri}"/>'


def escape(text: str) -> str:
    """Text as the value of an XML attribute."""
    return saxutils.escape(text, {'"': "&quot;"})


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def free_ports(n: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
