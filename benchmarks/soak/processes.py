"""What each process of the mesh holds, and what an image costs it."""

import time
from dataclasses import dataclass

import psutil

from benchmarks.soak.judgement import Row, Rule
from benchmarks.soak.up import Processes

MB = 1e6
OTHERS = Row("machine", "CPU that others take", "cores", 0.0, Rule.TOLD)
IDLE = ("idle", "iowait", "guest", "guest_nice")  # what guests take is in "user" already
MEMORY_FLOOR_MB, COUNT_FLOOR, CPU_FLOOR_MS = 2.0, 2.0, 0.2


def holdings(processes: Processes) -> dict[Row, float]:
    """Memory, handles and threads by name; of several processes of a name the sum."""
    found: dict[Row, float] = {}
    for name, members in processes.items():
        found[_memory(name)] = sum(_memory_mb(name, member) for member in members)
        found[Row("handles", name, "files", COUNT_FLOOR)] = sum(member.num_fds() for member in members)
        found[Row("threads", name, "threads", COUNT_FLOOR)] = sum(member.num_threads() for member in members)
    return found


def _memory(name: str) -> Row:
    return Row("memory", f"{name}, {'PSS' if name == 'workers' else 'RSS'}", "MB", MEMORY_FLOOR_MB)


def _memory_mb(name: str, process: psutil.Process) -> float:
    """Workers share pages: each has its part of them (PSS); the others' resident set."""
    return float(process.memory_full_info().pss if name == "workers" else process.memory_info().rss) / MB


@dataclass(frozen=True)
class Spent:
    """CPU time up to a moment [s], and how many images the mesh had done by then.

    Attributes:
        others_s: of others who work on this machine.
        at: the moment [monotonic s].
    """

    by_name_s: dict[str, float]
    others_s: float
    n_images: int
    at: float

    @classmethod
    def of(cls, processes: Processes, n_images: int) -> "Spent":
        """Up to now."""
        by_name_s = {name: sum(map(_cpu_s, members)) for name, members in processes.items()}
        return cls(by_name_s, _others_s(processes), n_images, time.monotonic())

    def since(self, before: "Spent") -> dict[Row, float]:
        """Per image by name, unless there was none, and what others took."""
        found = {OTHERS: max(0.0, (self.others_s - before.others_s) / (self.at - before.at))}
        if n_images := self.n_images - before.n_images:
            for name, spent_s in self.by_name_s.items():
                ms = 1e3 * (spent_s - before.by_name_s.get(name, 0.0)) / n_images
                found[Row("CPU per image", name, "ms", CPU_FLOOR_MS)] = ms
        return found


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _others_s(processes: Processes) -> float:
    """All that the machine did, less the mesh, the benchmark itself, and what both have started and seen end."""
    at_work = sum(spent for name, spent in psutil.cpu_times()._asdict().items() if name not in IDLE)
    ours = [psutil.Process().cpu_times(), *(member.cpu_times() for each in processes.values() for member in each)]
    return at_work - sum(times.user + times.system + times.children_user + times.children_system for times in ours)
