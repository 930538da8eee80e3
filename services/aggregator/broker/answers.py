"""What Jolokia is asked, and what its answers mean. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel

BROKER = "org.apache.activemq:type=Broker,brokerName=*"
MEMORY_POOLS = "java.lang:type=MemoryPool,name=*"
STORES = f"{BROKER},service=PersistenceAdapter,instanceName=*"
QUEUES = f"{BROKER},destinationType=Queue,destinationName=*"
TOPICS = f"{BROKER},destinationType=Topic,destinationName=*"
ASKED = {
    BROKER: ("BrokerVersion", "StoreLimit", "StorePercentUsage"),
    MEMORY_POOLS: ("Type", "Usage", "CollectionUsage"),
    STORES: ("Name", "Size", "Data"),
    QUEUES: ("Name", "QueueSize", "ConsumerCount"),
    TOPICS: ("ConsumerCount",),
}
LONG_LIVED = re.compile(r"old|tenured|zheap|shenandoah", re.IGNORECASE)  # pools of Serial, Parallel, G1, Z, Shenandoah
FOLDER_OF_STORE = re.compile(r"KahaDBPersistenceAdapter\[(.*?)(?:,Index:.*)?\]$")
OF_DEAD_LETTERS = "DLQ."  # stands in the folder's name where mKahaDB keeps them apart
NOTHING_THERE = "javax.management.InstanceNotFoundException"
Bean = Mapping[str, Any]
Beans = Mapping[str, Bean]
T = TypeVar("T")


class AnswerError(Exception):
    """The broker does not tell what it was asked for; the message says why."""


class _Part(BaseModel):
    """Jolokia's answer to one question."""

    model_config = ConfigDict(extra="ignore")

    status: int
    value: dict[str, dict[str, Any]] | None = None
    error: str = ""
    error_type: str = ""


class _Parts(RootModel[list[_Part]]):
    """Its answers to all of them, in their order."""


class _Pool(BaseModel):
    used: int = Field(ge=0)
    max: int


@dataclass(frozen=True, slots=True)
class Heap:
    """The part of Java's heap where objects end that live long.

    Attributes:
        after_collection_bytes: in use after its last collection; None if it has not been collected yet.
        now_bytes: in use now, with what the next collection will free.
        limit_bytes: how much it may hold.
    """

    after_collection_bytes: int | None
    now_bytes: int
    limit_bytes: int

    @property
    def percent(self) -> float | None:
        """How full it was after its last collection."""
        used = self.after_collection_bytes
        return None if used is None else 100 * used / self.limit_bytes


@dataclass(frozen=True, slots=True)
class Store:
    """Where messages wait.

    Attributes:
        percent: of the limit, in whole per cent, as the broker counts it.
        files: numbers of KahaDB's journal files, oldest first, without those of a store that is for dead letters alone;
            None for a store that is no KahaDB, or several.
        folder: where these lie on the broker's machine.
    """

    used_bytes: int
    limit_bytes: int
    percent: float
    files: tuple[int, ...] | None
    folder: str | None


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue by its name on the broker."""

    name: str
    n_waiting: int
    n_consumers: int


@dataclass(frozen=True, slots=True)
class BrokerReport:
    """What the broker told.

    Attributes:
        queues: all of them; None if it does not tell.
        untold: what it does not tell and why, in words.
    """

    version: str
    heap: Heap | None
    store: Store | None
    queues: tuple[Queue, ...] | None
    n_topics: int | None
    untold: tuple[str, ...]


def questions() -> list[dict[str, Any]]:
    """Everything in one request; all of it reads."""
    return [{"type": "read", "mbean": name, "attribute": attributes} for name, attributes in ASKED.items()]


def understand(body: bytes) -> BrokerReport:
    """Read the answers; what one of them lacks is told in words, and does not spoil the others.

    Raises:
        AnswerError: these are no answers of Jolokia, or it knows of no broker.
    """
    try:
        parts = dict(zip(ASKED, _Parts.model_validate_json(body).root, strict=True))
    except ValueError as fault:
        raise AnswerError("what answers there is no Jolokia") from fault
    broker = next(iter(_beans(parts[BROKER]).values()), None)
    if broker is None:
        raise AnswerError("no broker works there; of a pair with one store, the other may")
    untold: list[str] = []

    def told(what: str, beans: str, read: Callable[[Beans], T]) -> T | None:
        try:
            return read(_beans(parts[beans]))
        except AnswerError as fault:
            untold.append(f"The broker does not tell {what}: {_first_line(fault)}.")
        except (LookupError, TypeError, ValueError) as fault:
            untold.append(f"What the broker tells of {what} is not understood ({_first_line(fault)}).")
        return None

    return BrokerReport(
        version=str(broker.get("BrokerVersion", "?")),
        heap=told("its heap", MEMORY_POOLS, _heap),
        store=told("its store", STORES, lambda beans: _store(broker, beans)),
        queues=told("its queues", QUEUES, _queues),
        n_topics=told("its topics", TOPICS, len),
        untold=tuple(untold),
    )


def _beans(part: _Part) -> Beans:
    """Attributes by the name of the bean; none where none has such a name."""
    if part.error_type == NOTHING_THERE:
        return {}
    if part.value is None:
        raise AnswerError(part.error or f"Jolokia says {part.status}")
    return part.value


def _heap(pools: Beans) -> Heap:
    old = [pool for name, pool in pools.items() if pool["Type"] == "HEAP" and LONG_LIVED.search(name)]
    if not old:
        raise AnswerError("a kind of Java that is not known here")
    usage = [_Pool.model_validate(pool["Usage"]) for pool in old]
    collected = [_Pool.model_validate(pool["CollectionUsage"]) for pool in old if pool["CollectionUsage"]]
    limit = sum(pool.max for pool in usage)
    if limit <= 0:
        raise AnswerError("it has no limit")
    used = sum(pool.used for pool in collected)
    return Heap(used or None, sum(pool.used for pool in usage), limit)


def _store(broker: Bean, stores: Beans) -> Store:
    if not stores:
        raise AnswerError("there is none, messages are in memory only")
    journal = _journal(stores)
    return Store(
        used_bytes=sum(int(store["Size"]) for store in stores.values()),
        limit_bytes=int(broker["StoreLimit"]),
        percent=float(broker["StorePercentUsage"]),
        files=tuple(sorted(map(int, re.findall(r"\d+", journal[1])))) if journal else None,
        folder=journal[0] if journal else None,
    )


def _journal(stores: Beans) -> tuple[str, str] | None:
    """Folder and files of the one KahaDB that is not for dead letters, if it is one."""
    named = [(FOLDER_OF_STORE.match(store["Name"]), store["Data"]) for store in stores.values()]
    found = [(match[1], data) for match, data in named if match and OF_DEAD_LETTERS not in match[1]]
    return found[0] if len(found) == 1 else None


def _queues(queues: Beans) -> tuple[Queue, ...]:
    return tuple(Queue(str(q["Name"]), int(q["QueueSize"]), int(q["ConsumerCount"])) for q in queues.values())


def _first_line(fault: Exception) -> str:
    return str(fault).partition("\n")[0].rstrip(".")
