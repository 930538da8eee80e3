"""What lives in the broker's heap after a full collection, counted by the JDK's ``jcmd``."""

import re
import shutil
import subprocess
from collections import Counter

from benchmarks.soak.judgement import Row

NOT_HERE = "The broker's heap, destinations and connections are not to be had here: no JDK, whose jcmd counts them."
LINE = re.compile(r"^\s*\d+:\s+(\d+)\s+\d+\s+(\S+)")
TOTAL = re.compile(r"^Total\s+\d+\s+(\d+)")
REGION = "org.apache.activemq.broker.region"
DESTINATIONS = tuple(f"{REGION}.{kind}" for kind in ("Queue", "Topic", "TempQueue", "TempTopic"))
COUNTED = {
    Row("broker", "destinations", "", 5.0): DESTINATIONS,
    Row("broker", "connections", "", 5.0): ("org.apache.activemq.broker.jmx.ManagedTransportConnection",),
    Row("broker", "messages in its heap", "", 1000.0): tuple(
        f"org.apache.activemq.command.ActiveMQ{kind}Message" for kind in ("Bytes", "Text")
    ),
}
HEAP = Row("broker", "heap after a full collection", "MB", 2.0)
TIMEOUT_S = 60.0


def can_be_counted() -> bool:
    """Whether this machine has a JDK."""
    return shutil.which("jcmd") is not None


def live_heap(pid: int) -> dict[Row, float]:
    """Collect all garbage, then count; the broker stands still meanwhile, for a tenth of a second or so.

    Raises:
        subprocess.SubprocessError: the process does not answer.
    """
    command = ["jcmd", str(pid), "GC.class_histogram"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    return read_histogram(done.stdout)


def read_histogram(text: str) -> dict[Row, float]:
    """From what jcmd prints: number, instances, bytes, class; then the total."""
    instances: Counter[str] = Counter()
    total = 0
    for line in text.splitlines():
        if match := LINE.match(line):
            instances[match[2]] += int(match[1])
        elif match := TOTAL.match(line):
            total = int(match[1])
    counted = {row: float(sum(instances[name] for name in names)) for row, names in COUNTED.items()}
    return {HEAP: total / 1e6, **counted}
