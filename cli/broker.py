"""A real ActiveMQ Classic as a child process: what ``mxmesh up``, the demo and the tests talk to by default."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio import to_thread

from cli.activemq import Source, find_activemq
from cli.broker_configuration import TLS_SCHEMES, BrokerFiles, Policy, free_ports
from cli.jolokia import CONTEXT
from shared.rotation import OutputFile
from shared.stomp.wire import Parser, encode

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0


class LocalBrokerError(Exception):
    """The local broker could not be started; the message ends with the end of its log."""


@dataclass
class LocalBroker:
    """ActiveMQ with KahaDB in ``directory``; what it holds outlives stop, kill and start.

    Attributes:
        port: of plain STOMP, on 127.0.0.1; 0 chooses a free one at the first start.
        tls: whether ``tls_urls`` are served too, with a certificate of the broker's own making.
        monitored: whether it tells how it is, at ``monitor_url``, where its kind can.
        monitor_port: of that, as ``port``.
        source: which ActiveMQ; the preferred one of this machine when None.
    """

    directory: Path
    port: int = 0
    tls: bool = False
    monitored: bool = False
    monitor_port: int = 0
    policy: Policy = field(default_factory=Policy)
    source: Source | None = None
    user: str = "mxmesh"
    password: str = ""
    _tls_ports: tuple[int, ...] = ()
    _tells: bool = False
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def files(self) -> BrokerFiles:
        return BrokerFiles(self.directory.absolute())

    @cached_property
    def log(self) -> OutputFile:
        """What it prints; somebody has to say ``keep`` while it runs."""
        return OutputFile(self.files.log)

    @property
    def url(self) -> str:
        """Address for ``BrokerSettings.url``."""
        return f"stomp://127.0.0.1:{self.port}"

    @property
    def tls_urls(self) -> tuple[str, ...]:
        """Addresses of the blocking and of the NIO connector with TLS; none without ``tls``."""
        ports = zip(TLS_SCHEMES, self._tls_ports, strict=False)
        return tuple(f"{scheme}://127.0.0.1:{port}?cafile={self.files.cafile}" for scheme, port in ports)

    @property
    def monitor_url(self) -> str | None:
        """Where Jolokia answers, with user and password of the broker; None where it does not."""
        tells = self.monitored and self.source and self.source.jolokia
        return f"http://127.0.0.1:{self.monitor_port}{CONTEXT}" if tells else None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the broker and wait until it answers over STOMP.

        Raises:
            NoActiveMQError: there is no ActiveMQ on this machine.
            LocalBrokerError: no answer within 90 s, its port is taken, or another broker works there.
        """
        if self.pid is not None:
            return
        self.source = self.source or find_activemq()
        self.files.prepare()
        self._refuse_a_second_one()
        self._configure()
        self._refuse_a_taken_port()
        self._launch(self.source.command(self.files.directory, monitored=self._tells))
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker in good order; by force after 20 s."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the broker at once, as a crash would."""
        if self._process is None:
            return
        if self.source and (command := self.source.kill_command(self.files.directory)):
            subprocess.run(command, check=False, capture_output=True, timeout=STOP_TIMEOUT_S)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _configure(self) -> None:
        port, for_monitor, *tls_ports = free_ports(2 + len(TLS_SCHEMES))
        self.port = self.port or port
        if self.tls:
            self._tls_ports = self._tls_ports or tuple(tls_ports)
        self.monitor_port = self.monitor_port or for_monitor
        self.password = self.password or self.files.password()
        if self.tls:
            self.files.make_certificate(self.password)
        ports = {"stomp+nio": self.port} | dict(zip(TLS_SCHEMES, self._tls_ports, strict=False))
        self.files.write_configuration(self.user, self.password, ports, self.policy, self._monitor())

    def _monitor(self) -> str:
        """Beans that tell how it is; none without a way, or when somebody took the port while it was away."""
        jolokia = self.source.jolokia if self.monitored and self.source else None
        self._tells = jolokia is not None and not _taken(self.monitor_port)
        if jolokia is None or not self._tells:
            return ""
        return jolokia.configure(self.files, self.monitor_port, self.user, self.password)

    def _launch(self, command: list[str]) -> None:
        self.log.keep()
        with self.files.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.files.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the services first, which still need the broker
            )
        (self.files.directory / "pid").write_text(str(self._process.pid))

    def _refuse_a_second_one(self) -> None:
        pid = _running_in(self.files.directory)
        if pid is not None:
            raise LocalBrokerError(f"a broker already works in {self.directory}: process {pid}; stop it first")

    def _refuse_a_taken_port(self) -> None:
        if fault := _taken(self.port):
            raise LocalBrokerError(f"port {self.port} cannot be used for the broker: {fault.strerror}")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answers(self.port, self.user, self.password):
            if self.pid is None:
                raise LocalBrokerError(f"the broker ended at its start; its log ends with\n{self.files.end_of_log()}")
            if time.monotonic() > deadline:
                raise LocalBrokerError(f"no answer after {START_TIMEOUT_S:.0f} s; log:\n{self.files.end_of_log()}")
            time.sleep(0.1)


@contextlib.asynccontextmanager
async def local_broker(directory: Path, port: int = 0) -> AsyncIterator[LocalBroker]:
    """A running broker for as long as the context lasts; starting and stopping do not block the event loop."""
    broker = LocalBroker(directory, port)
    try:
        await to_thread.run_sync(broker.start)
        yield broker
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(broker.stop)


def _taken(port: int) -> OSError | None:
    """Why nobody can listen there."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as fault:
        return fault
    return None


def _running_in(directory: Path) -> int | None:
    """The process of an earlier start that still works in this directory."""
    try:
        pid = int((directory / "pid").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    return pid if f"xbean:file:{directory}/conf/activemq.xml" in arguments else None


def answers(port: int, user: str, password: str) -> bool:
    """Whether a broker lets us in."""
    login = {"accept-version": "1.2", "host": "mxmesh", "login": user, "passcode": password}
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(encode("CONNECT", login))
            frames = Parser().feed(connection.recv(4096))
    except OSError:
        return False
    return bool(frames) and frames[0].command == "CONNECTED"
