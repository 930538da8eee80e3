"""How a local broker tells how it is: Jolokia, behind its login, for reading only."""

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Protocol

from cli.broker_configuration import BrokerFiles, escape, write_private

CONTEXT = "/api/jolokia"  # as in Apache's own distribution
ACCESS = Path(__file__).with_name("jolokia-access.xml")
JETTY = Path(__file__).with_name("jolokia-jetty.xml.in")
DEBIAN_JARS = tuple(
    Path(f"/usr/share/java/{name}.jar")
    for name in (
        "jolokia-core",
        "json-simple",
        "servlet-api",
        *(f"jetty9-{part}" for part in ("http", "io", "security", "server", "servlet", "util")),
    )
)


class Jolokia(Protocol):
    """One way to have a broker answer Jolokia's questions."""

    @property
    def jars(self) -> tuple[Path, ...]:
        """What its class path needs on top of ActiveMQ."""
        ...

    def options(self, files: BrokerFiles) -> tuple[str, ...]:
        """Options of Java."""
        ...

    def configure(self, files: BrokerFiles, port: int, user: str, password: str) -> str:
        """Write what it reads, for 127.0.0.1; returns beans for ``activemq.xml``."""
        ...


@dataclass(frozen=True)
class Agent:
    """Jolokia's own agent for Java, of version 2."""

    jar: Path
    jars: tuple[Path, ...] = ()

    def options(self, files: BrokerFiles) -> tuple[str, ...]:
        return (f"-javaagent:{self.jar}=config={files.jolokia}",)

    def configure(self, files: BrokerFiles, port: int, user: str, password: str) -> str:
        properties = {
            "host": "127.0.0.1",
            "port": str(port),
            "user": user,
            "password": password,
            "agentContext": CONTEXT,
            "policyLocation": ACCESS.as_uri(),
            "discoveryEnabled": "false",
        }
        write_private(files.jolokia, "".join(f"{key}={_escape(text)}\n" for key, text in properties.items()))
        return ""


@dataclass(frozen=True)
class Servlet:
    """Jolokia's servlet, of version 1, in a Jetty that ``activemq.xml`` starts: Debian has no agent."""

    jars: tuple[Path, ...] = DEBIAN_JARS

    def options(self, files: BrokerFiles) -> tuple[str, ...]:
        del files
        return ()

    def configure(self, files: BrokerFiles, port: int, user: str, password: str) -> str:
        del files
        return Template(JETTY.read_text()).substitute(
            port=port, user=escape(user), password=escape(password), access=ACCESS.as_uri()
        )


def _escape(text: str) -> str:
    """Text as a value of Java's properties."""
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def debian() -> Servlet | None:
    """Debian's packages ``libjolokia-core-java libjetty9-java``."""
    return Servlet() if all(jar.exists() for jar in DEBIAN_JARS) else None


def maven(lib: Path) -> Agent | None:
    """The artefact of Maven Central, among those of ActiveMQ."""
    return next((Agent(jar) for jar in sorted(lib.glob("jolokia-agent-jvm-*-javaagent.jar"))), None)
