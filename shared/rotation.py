"""Files that lines are appended to for years: each is kept to a size and an age, whatever the disk does."""

import errno
import fcntl
import logging
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from io import BufferedReader, TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

MB, DAYS = 20, 30
PARTS = 5
MEGABYTE, DAY_S = 1_000_000, 86_400
SAY_AGAIN_S = 3600.0
NOTHING = logging.makeLogRecord({})


def parts(path: Path) -> list[Path]:
    """A file and what was rotated away of it, newest first."""
    return [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, PARTS))]


class RotatedFile(RotatingFileHandler):
    """Lines in a file and up to four older ones beside it, ``.1`` to ``.4``.

    They hold at most ``mb`` [10^6 bytes] and a line more, none older than ``days``: the file moves on one place when it
    holds a fifth of ``mb``, and with each fifth of ``days`` (counted since 1970) that begins. One process writes, a
    second one is refused. A line that cannot be written is lost, which standard error says once an hour.
    """

    def __init__(self, path: Path, mb: float = MB, days: float = DAYS, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        limit = max(1, int(mb * MEGABYTE / PARTS))
        super().__init__(path, maxBytes=limit, backupCount=PARTS - 1, encoding="utf-8", delay=True)
        self.path = path
        self._clock = clock
        self._period_s = days * DAY_S / PARTS
        self._period = self._period_of(path.stat().st_mtime if path.exists() else clock())
        self._said_at = -SAY_AGAIN_S

    def keep(self) -> None:
        """Move on what is due, although nothing is written."""
        self.acquire()
        try:
            if self.shouldRollover(NOTHING):
                self.doRollover()
        except OSError:
            self.handleError(NOTHING)
        finally:
            self.release()

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - logging's name
        """Whether the file holds enough, or began in an earlier fifth of ``days``."""
        full = super().shouldRollover(record)  # opens the file, and takes its lock
        return bool(full) or (self._periods_begun() > 0 and self.path.is_file())

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        """Move every file on by one place, or by as many as fifths of ``days`` have begun."""
        with suppress(OSError):  # NFS may tell of a full disk at the close
            self.close()
        for _ in range(min(max(1, self._periods_begun()), PARTS)):
            parts(self.path)[-1].unlink(missing_ok=True)
            super().doRollover()
        self._period = self._period_of(self._clock())
        self._remove_excess()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A service goes on without its log, and tries again with the next line."""
        fault = sys.exc_info()[1]
        if not isinstance(fault, OSError):
            super().handleError(record)
        elif time.monotonic() - self._said_at >= SAY_AGAIN_S:
            self._said_at = time.monotonic()
            with suppress(OSError):
                sys.stderr.write(f"lines are lost, {self.path} cannot be written: {fault}\n")

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise BlockingIOError(errno.EWOULDBLOCK, "another process writes it") from None
        return stream

    def _period_of(self, time_s: float) -> int:
        return int(time_s // self._period_s)

    def _periods_begun(self) -> int:
        return self._period_of(self._clock()) - self._period

    def _remove_excess(self) -> None:
        """What was written before ``mb`` became smaller, or in lines longer than a file may be."""
        total = 0
        for part in parts(self.path)[1:]:
            total += part.stat().st_size if part.exists() else 0
            if total > self.maxBytes * self.backupCount:
                part.unlink(missing_ok=True)


class OutputFile(RotatedFile):
    """What programs write themselves, their standard output and error: copied and cut, since they hold it open.

    It must be open for appending, or they would go on where they were, behind a hole.
    """

    def keep(self) -> None:
        """Move on what is due, and let go."""
        super().keep()
        self.close()

    def rotate(self, source: str, dest: str) -> None:
        """Keep a copy, if there is space for it; lines that come between the two are lost."""
        with suppress(OSError):
            shutil.copyfile(source, dest)
        with suppress(FileNotFoundError):
            os.truncate(source, 0)

    def _open(self) -> TextIOWrapper:
        return super(RotatedFile, self)._open()  # who writes it has no lock


def rotated(path: Path | None, mb: float, days: float) -> RotatedFile | None:
    """The file that a setting names, if it names one."""
    return RotatedFile(path, mb, days) if path else None


def standard_error(mb: float, days: float) -> OutputFile | None:
    """Standard error of this process and its children, if it is a file that is appended to."""
    path = Path("/proc/self/fd/2").resolve()
    appended = path.is_file() and fcntl.fcntl(2, fcntl.F_GETFL) & os.O_APPEND
    return OutputFile(path, mb, days) if appended else None


def rotated_in(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder with this suffix, also those of which only rotated parts are there."""
    found = folder.glob(f"*{suffix}*")
    return sorted({each if each.suffix == suffix else each.with_suffix("") for each in found})


def read_lines(path: Path) -> Iterator[bytes]:
    """Every line of a file and its rotated parts, oldest first, none left out when it is rotated meanwhile.

    The newest is opened first: parts move to older places only, so that one which moves is met again, not missed.
    """
    with ExitStack() as opened:
        files: dict[int, BufferedReader] = {}
        for part in parts(path):
            with suppress(FileNotFoundError):
                file = opened.enter_context(part.open("rb"))
                files.setdefault(os.fstat(file.fileno()).st_ino, file)
        for file in reversed(files.values()):
            yield from file


def tail(path: Path, n_lines: int) -> str:
    """The last lines of a file and its rotated parts."""
    return b"".join(deque(read_lines(path), n_lines)).decode(errors="replace").rstrip()
