"""The tests' broker in a container, configured as ``LocalBroker`` configures its own."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from cli.activemq import Docker
from cli.broker import START_TIMEOUT_S, answers
from cli.broker_configuration import BrokerFiles, Policy, free_ports
from shared.settings import BrokerSettings


@contextmanager
def contained_broker(image: str, directory: Path, policy: Policy) -> Iterator[BrokerSettings]:
    """A running broker; the container shares the host's network, since the broker listens on 127.0.0.1 only."""
    files = BrokerFiles(directory)
    files.prepare()
    settings = BrokerSettings(url=f"stomp://127.0.0.1:{(port := free_ports(1)[0])}", user="mxmesh", password="secret")
    files.write_configuration("mxmesh", "secret", {"stomp+nio": port}, policy)
    entrypoint, *command = Docker(image).inside(directory)
    testcontainers_config.ryuk_disabled = True  # its image would have to be pulled; leaving the context cleans up
    owner = f"{os.getuid()}:{os.getgid()}"
    container = DockerContainer(image, entrypoint=entrypoint, network_mode="host", user=owner).with_command(command)
    with container.with_volume_mapping(str(directory), str(directory), "rw"):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answers(port, "mxmesh", "secret"):
            assert time.monotonic() < deadline, f"no broker from {image}: {container.get_logs()}"
            time.sleep(0.1)
        yield settings
