"""What each process of the mesh holds, and what an image costs it."""

from dataclasses import dataclass, field

import psutil

from benchmarks.soak.judgement import Row
from benchmarks.soak.up import Processes

MB = 1e6
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


@dataclass
class Costs:
    """CPU time per image since the last look."""

    _spent_s: dict[str, float] = field(default_factory=dict)
    _n_images: int = 0

    def since(self, processes: Processes, n_images: int) -> dict[Row, float]:
        """By name; nothing at the first look, or without images."""
        spent_s = {name: sum(_cpu_s(member) for member in members) for name, members in processes.items()}
        before, n_new = self._spent_s, n_images - self._n_images
        self._spent_s, self._n_images = spent_s, n_images
        if not before or not n_new:
            return {}
        ms = {name: 1e3 * (spent_s[name] - before.get(name, 0.0)) / n_new for name in spent_s}
        return {Row("CPU per image", name, "ms", CPU_FLOOR_MS): each for name, each in ms.items()}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
