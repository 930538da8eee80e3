"""What dead letters cost the broker's disk: on real brokers, with one KahaDB and its defaults, and as they are shipped.

``python -m benchmarks.store``: messages go through a queue and are acknowledged, a few of them, spread over all, are
moved to the dead letters. Prints what the store holds once the broker has cleaned up (which it does every second here,
not every thirty, and acknowledgements are gathered after two vain attempts, not ten) [MB], and how long a transaction
takes: a reply with an acknowledgement, and a dead letter, which stands in a store of its own.
"""

import argparse
import os
import re
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

import anyio
from rich.console import Console
from rich.progress import Progress

from cli.activemq import Source, debian, maven
from cli.broker import LocalBroker
from shared.bus import Delivery
from shared.messages import CollectionEnded, CollectionRef, now
from shared.settings import BrokerSettings
from shared.stomp import StompBus, connect
from shared.topology import Topology

QUEUE = "/queue/work"
SOURCES: dict[str, Callable[[], Source | None]] = {"debian": debian, "maven": maven}
MB, KB = 1e6, 1e3
IN_FLIGHT, BACKLOG, PREFETCH = 20, 30, 50
N_TRANSACTIONS = 100
SETTLED_S, PATIENCE_S = 12.0, 60.0
CLEAN = "<kahaDB "
HASTY = '<kahaDB cleanupInterval="1000" compactAcksAfterNoGC="2" '
ONE_STORE = f'<persistenceAdapter>{HASTY} directory="{{0}}/data/kahadb"/></persistenceAdapter>\n    <plugins>'
LAYOUTS: dict[str, Callable[[str, Path], str]] = {
    "one KahaDB, its defaults": lambda text, place: re.sub(
        r"<persistenceAdapter>.*<plugins>", ONE_STORE.format(place), text, count=1, flags=re.DOTALL
    ),
    "as shipped": lambda text, _: text.replace(CLEAN, HASTY),
}


@dataclass
class Altered(LocalBroker):
    """A broker whose configuration is changed before it starts."""

    layout: str = "as shipped"

    def _configure(self) -> None:
        super()._configure()
        file = self.files.directory / "conf/activemq.xml"
        file.write_text(LAYOUTS[self.layout](file.read_text(), self.files.directory))

    @property
    def settings(self) -> BrokerSettings:
        """How to reach it."""
        return BrokerSettings.model_validate({"url": self.url, "user": self.user, "password": self.password})

    def held(self) -> tuple[float, float]:
        """What its store has on the disk, and as it counts against its limit, with what is set aside [MB]."""
        files = [file.stat() for file in (self.directory / "data/kahadb").rglob("*") if file.is_file()]
        return sum(512 * file.st_blocks for file in files) / MB, sum(file.st_size for file in files) / MB


@dataclass(frozen=True)
class Load:
    """What goes through a queue: ``n`` messages of so many bytes, of which ``letters`` become dead letters."""

    n: int
    size: int
    letters: int

    def is_letter(self, number: int) -> bool:
        """Whether the message of this number, from 0, becomes one."""
        return number % (self.n // self.letters) == 0 and number // (self.n // self.letters) < self.letters


async def work_off(sender: StompBus, receiver: StompBus, load: Load, tell: Callable[[], None]) -> None:
    """Messages come and go, some thirty of them in hand at any time."""
    body, room = os.urandom(load.size), anyio.Semaphore(IN_FLIGHT)

    async def send() -> None:
        async with room:
            await sender.send_raw(QUEUE, body)

    async with receiver.subscribe(QUEUE, prefetch=PREFETCH) as deliveries, anyio.create_task_group() as tasks:
        in_hand: deque[Delivery] = deque()
        for number in range(load.n):
            tasks.start_soon(send)
            if number < BACKLOG:
                continue
            await take(receiver, await anext(deliveries), in_hand, is_letter=load.is_letter(number - BACKLOG))
            tell()
        for number in range(load.n - BACKLOG, load.n):
            await take(receiver, await anext(deliveries), in_hand, is_letter=load.is_letter(number))
        for delivery in in_hand:
            await receiver.settle(delivery)


async def take(bus: StompBus, delivery: Delivery, in_hand: deque[Delivery], *, is_letter: bool) -> None:
    """A dead letter at once; anything else once thirty more have come."""
    if is_letter:
        await bus.dead_letter(delivery, "no way to handle this")
        return
    in_hand.append(delivery)
    if len(in_hand) > BACKLOG:
        await bus.settle(in_hand.popleft())


async def transactions(buses: Sequence[StompBus]) -> list[tuple[float, float]]:
    """On each broker, turn by turn: median time of a reply with its acknowledgement, and of a dead letter [ms]."""
    reply = CollectionEnded(
        collection=CollectionRef(beamline="i03", visit="cm1-1", id=1), outcome="ended", answered_at=now()
    )
    times: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for _, number in product(range(N_TRANSACTIONS), range(len(buses))):
        bus = buses[number]
        ways = partial(bus.settle, replies=[reply]), partial(bus.dead_letter, reason="no way to handle this")
        for way, settle in enumerate(ways):
            await bus.send_raw(QUEUE, bytes(2048))
            async with bus.receive_one(QUEUE, PATIENCE_S) as delivery:
                begun = time.perf_counter()
                await settle(delivery)
                times[number, way].append(time.perf_counter() - begun)
    return [(1e3 * median(times[n, 0]), 1e3 * median(times[n, 1])) for n in range(len(buses))]


async def compare(source: Source) -> Iterator[tuple[str, ...]]:
    """Rows of the second table: both layouts side by side, since the machine may be busy."""
    async with AsyncExitStack() as stack:
        buses = []
        for layout in LAYOUTS:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            broker = stack.enter_context(Altered(place, source=source, layout=layout))
            buses.append(await stack.enter_async_context(connect("ingester", broker.settings, Topology())))
        found = await transactions(buses)
    return ((source.name, layout, *(f"{ms:.1f}" for ms in pair)) for layout, pair in zip(LAYOUTS, found, strict=True))


async def measure(layout: str, source: Source, load: Load, progress: Progress) -> tuple[str, ...]:
    """One row."""
    with tempfile.TemporaryDirectory() as place, Altered(Path(place), source=source, layout=layout) as broker:
        task = progress.add_task(f"{source.name}, {layout}, {load.letters} letters", total=load.n - BACKLOG)
        async with (
            connect("ingester", broker.settings, Topology()) as one,
            connect("spotfinder", broker.settings, Topology()) as other,
        ):
            await work_off(one, other, load, lambda: progress.advance(task))
            peak, _ = broker.held()
            await anyio.sleep(SETTLED_S)
            disk, counted = broker.held()
    figures = (f"{peak:.0f}", f"{disk:.0f}", f"{counted:.0f}")
    return (source.name, layout, str(load.letters), f"{load.letters * load.size / MB:.1f}", *figures)


async def main() -> None:
    """Every layout on every broker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=list(SOURCES), help="which ActiveMQs")
    parser.add_argument("--messages", type=int, default=4000, help="messages that go through")
    parser.add_argument("--kilobytes", type=float, default=100, help="size of each [kB]")
    parser.add_argument("--letters", type=int, nargs="*", default=[20], help="dead letters among them")
    options = parser.parse_args()
    sources = [source for name in options.sources if (source := SOURCES[name]())]
    head(
        "broker",
        "store",
        "dead letters",
        "they are",
        "at the end of the traffic",
        "after that",
        "of the store's limit [MB]",
    )
    with Progress(console=Console(stderr=True)) as progress:
        for source, letters, layout in product(sources, options.letters, LAYOUTS):
            load = Load(options.messages, round(KB * options.kilobytes), letters)
            print(row(await measure(layout, source, load, progress)), flush=True)
    print()
    head("broker", "store", "answer and acknowledgement [ms]", "dead letter [ms]")
    for source in sources:
        print(*map(row, await compare(source)), sep="\n", flush=True)


def head(*columns: str) -> None:
    """The first lines of a table."""
    print(row(columns), row(("---",) * len(columns)), sep="\n")


def row(cells: tuple[str, ...]) -> str:
    """Of a Markdown table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    anyio.run(main)
