"""Where this machine has an ActiveMQ Classic, and the command that runs it: from Debian, Maven Central or Docker."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cli import jolokia
from cli.broker_configuration import BrokerFiles
from cli.jolokia import Jolokia

DEBIAN_HOME = Path("/usr/share/activemq")
DEBIAN_STATISTICS = tuple(Path(f"/usr/share/java/{name}.jar") for name in ("xstream", "jettison", "xpp3"))
DOCKER_IMAGE = "apache/activemq-classic:6.1.8"
POM = Path(__file__).with_name("activemq-pom.xml")
NEWEST = "6.3.1"
BUILT_WITH = {  # what a version of ActiveMQ needs of other projects, where the newest one's will not do
    "5.18.3": {"spring": "5.3.30", "slf4j": "1.7.36"},
}
FETCH_TIMEOUT_S = 600
# The quick compiler alone starts in two thirds of the CPU time; a small broker waits for its disk, not for code.
# Out of memory it would limp on, without some of its threads: ended, it is started again, and clients come back.
JVM = (
    "-XX:+ExitOnOutOfMemoryError",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
)
OPENED = "--add-opens=java.base/java.lang=ALL-UNNAMED"
HOW_TO_GET_ONE = (
    "no ActiveMQ Classic on this machine. Any one of these gives one: `apt-get install activemq`; "
    "`apt-get install default-jre-headless maven` and a way to Maven Central; a running Docker"
)


class NoActiveMQError(Exception):
    """There is no ActiveMQ here and no way to get one; the message says how to mend that."""


class Source(Protocol):
    """One way to run an ActiveMQ."""

    @property
    def name(self) -> str: ...

    @property
    def jolokia(self) -> Jolokia | None:
        """What tells how the broker is; None where there is nothing of the kind."""
        ...

    def command(self, directory: Path, *, monitored: bool = False) -> list[str]:
        """The argument vector that runs a broker in the foreground; ``directory`` holds its ``conf/activemq.xml``.

        A ``monitored`` one has its Jolokia, which has been configured before.
        """
        ...

    def kill_command(self, directory: Path) -> list[str] | None:
        """What ends the broker at once where a signal to the command's process would not."""
        ...


@dataclass(frozen=True)
class Java:
    """A broker in a Java process of our own.

    Attributes:
        home: ActiveMQ's home directory.
        launch: the part of the command that names the program.
    """

    name: str
    home: Path
    launch: tuple[str, ...]
    extra_jars: tuple[Path, ...] = ()
    jolokia: Jolokia | None = None

    def command(self, directory: Path, *, monitored: bool = False) -> list[str]:
        told = self.jolokia if monitored else None
        jars = (*self.extra_jars, *(told.jars if told else ()))
        options = told.options(BrokerFiles(directory)) if told else ()
        properties = {
            "java.io.tmpdir": directory / "tmp",
            "activemq.home": self.home,
            "activemq.base": directory,
            "activemq.conf": directory / "conf",
            "activemq.data": directory / "data",
            "activemq.classpath": ":".join(str(jar) for jar in (directory / "conf", *jars)),
        }
        start = ("start", f"xbean:file:{directory}/conf/activemq.xml")
        system = (f"-D{key}={value}" for key, value in properties.items())
        return ["java", *JVM, *options, OPENED, *system, *self.launch, *start]

    def kill_command(self, directory: Path) -> None:
        del directory


@dataclass(frozen=True)
class Docker:
    """A broker in a container that shares the network and the directory with its user."""

    image: str
    name: str = "Docker image"
    home: Path = Path("/opt/apache-activemq")
    jolokia: None = None

    def inside(self, directory: Path) -> list[str]:
        """The command within the container."""
        return Java("", self.home, ("-jar", f"{self.home}/bin/activemq.jar")).command(directory)

    def command(self, directory: Path, *, monitored: bool = False) -> list[str]:
        del monitored
        inside = self.inside(directory)
        owner = f"{os.getuid()}:{os.getgid()}"
        shared = ("--network", "host", "--user", owner, "--volume", f"{directory}:{directory}")
        name = ("--name", _container(directory))
        return ["docker", "run", "--rm", *name, *shared, "--entrypoint", inside[0], self.image, *inside[1:]]

    def kill_command(self, directory: Path) -> list[str]:
        return ["docker", "kill", _container(directory)]


def _container(directory: Path) -> str:
    return "mxmesh-" + "".join(letter if letter.isalnum() else "-" for letter in str(directory).strip("/"))


def debian() -> Java | None:
    """Debian's package ``activemq``; with ``libxstream-java libjettison-java`` it also answers statistics as JSON.

    With ``libjolokia-core-java libjetty9-java`` it tells how it is, too.
    """
    jar = DEBIAN_HOME / "bin" / "activemq.jar"
    if not (jar.exists() and shutil.which("java")):
        return None
    statistics = tuple(j for j in DEBIAN_STATISTICS if j.exists())
    return Java("Debian package", DEBIAN_HOME, ("-jar", str(jar)), statistics, jolokia.debian())


def maven(cache: Path | None = None, version: str = NEWEST) -> Java | None:
    """The artefacts of Maven Central in a cache folder, fetched when they are not there yet (15 MB, about 35 s)."""
    home = cache or Path.home() / ".cache" / "mxmesh" / f"activemq-{version}"
    if not shutil.which("java") or not (_is_current(home) or _fetch(home, version) or _is_complete(home)):
        return None
    launch = ("-cp", f"{home}/lib/*", "org.apache.activemq.console.Main")
    return Java(f"Maven artefacts {version}", home, launch, jolokia=jolokia.maven(home / "lib"))


def _is_complete(home: Path) -> bool:
    return (home / "complete").exists()


def _is_current(home: Path) -> bool:
    """Whether there is what this version of mxmesh asks for, not an earlier one."""
    pom = home / "pom.xml"
    return _is_complete(home) and pom.exists() and pom.read_bytes() == POM.read_bytes()


def _fetch(home: Path, version: str) -> bool:
    if not shutil.which("mvn"):
        return False
    new = home / "new"
    new.mkdir(parents=True, exist_ok=True)
    shutil.copy(POM, new / "pom.xml")
    copy = ("mvn", "-q", "-B", "-f", str(new / "pom.xml"), "dependency:copy-dependencies", "-DincludeScope=runtime")
    target = f"-DoutputDirectory={new}/lib"
    versions = {"activemq": version, **BUILT_WITH.get(version, {})}
    chosen = [f"-D{project}.version={wanted}" for project, wanted in versions.items()]
    done = subprocess.run([*copy, target, *chosen], check=False, capture_output=True, timeout=FETCH_TIMEOUT_S)
    if done.returncode != 0:
        return False
    shutil.rmtree(home / "lib", ignore_errors=True)
    for name in ("lib", "pom.xml"):
        (new / name).replace(home / name)
    new.rmdir()
    (home / "complete").touch()
    return True


def docker() -> Docker | None:
    """A container, where a Docker daemon answers and has the image or can pull it."""
    image = os.environ.get("MXMESH_ACTIVEMQ_IMAGE", DOCKER_IMAGE)
    if not shutil.which("docker"):
        return None
    for question in (["docker", "image", "inspect", image], ["docker", "pull", "--quiet", image]):
        if subprocess.run(question, check=False, capture_output=True, timeout=FETCH_TIMEOUT_S).returncode == 0:
            return Docker(image)
    return None


def sources() -> Iterator[Source]:
    """Every way that works on this machine, the preferred one first; later ones are only tried when asked for."""
    for find in (debian, maven, docker):
        if source := find():
            yield source


def find_activemq() -> Source:
    """The preferred way to run an ActiveMQ here.

    Raises:
        NoActiveMQError: there is none.
    """
    for source in sources():
        return source
    raise NoActiveMQError(HOW_TO_GET_ONE)
