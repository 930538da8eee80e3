"""The brokers that the project names, how they may be configured otherwise, and what they have in memory."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cli.activemq import Source, debian, maven
from cli.broker import LocalBroker

BROKERS: dict[str, Callable[[], Source | None]] = {
    "debian": debian,
    "5.18.3": partial(maven, version="5.18.3"),
    "6.3.1": partial(maven, version="6.3.1"),
}
ENTRIES = re.compile(r"(\d+) +\d+ +org\.apache\.activemq\.transport\.stomp\.StompAckEntry")
USED = re.compile(r"generation.*?used (\d+)K")
PLUGIN = re.compile(r"<redeliveryPlugin.*?</redeliveryPlugin>", re.DOTALL)


@dataclass(frozen=True)
class Memory:
    """What is left after a full collection.

    Attributes:
        heap_mb: in use [MB].
        entries: deliveries that the broker keeps for its STOMP clients.
    """

    heap_mb: float
    entries: int


@contextmanager
def started(name: str) -> Iterator[LocalBroker | None]:
    """One of the brokers on a store of its own; None if this machine has none such and no way to get it."""
    source = BROKERS[name]()
    if source is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, LocalBroker(Path(folder), source=source) as broker:
        yield broker


@contextmanager
def otherwise(change: Callable[[str], str]) -> Iterator[LocalBroker]:
    """Debian's broker, or the newest, with its ``activemq.xml`` changed."""
    with tempfile.TemporaryDirectory() as folder:
        broker = Changed(Path(folder))
        broker.change = change
        with broker:
            yield broker


class Changed(LocalBroker):
    """A broker whose configuration is changed before it starts."""

    change: Callable[[str], str]

    def _configure(self) -> None:
        super()._configure()
        file = self.files.directory / "conf" / "activemq.xml"
        text = file.read_text()
        changed = self.change(text)
        file.write_text(changed)


def memory(broker: LocalBroker) -> Memory | None:
    """Collect garbage and look; None without a JDK's ``jcmd``."""
    if not shutil.which("jcmd"):
        return None
    histogram, heap = _ask(broker, "GC.class_histogram"), _ask(broker, "GC.heap_info")
    entries = ENTRIES.search(histogram)
    return Memory(sum(int(used) for used in USED.findall(heap)) / 1024, int(entries[1]) if entries else 0)


def _ask(broker: LocalBroker, question: str) -> str:
    return subprocess.run(["jcmd", str(broker.pid), question], check=True, capture_output=True, text=True).stdout
