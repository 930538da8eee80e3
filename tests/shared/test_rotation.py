"""Files that are kept to a size and an age: what stays, what goes, and what a full disk does."""

import errno
import io
import logging
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from shared.rotation import DAY_S, OutputFile, RotatedFile, parts, read_lines, rotated_in, tail
from tests.disks import filled, small_disk

NEVER = 1e4  # days


class Clock:
    """Hands set by the test [s since 1970]."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def write(file: RotatedFile, line: str) -> None:
    file.handle(logging.makeLogRecord({"msg": line}))


def total(path: Path) -> int:
    return sum(part.stat().st_size for part in parts(path) if part.exists())


def numbers(path: Path) -> list[int]:
    """What is in the files, where each line is a number and what fills the line."""
    return [int(line.split()[0]) for line in read_lines(path)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "writer.jsonl"


@pytest.fixture
def open_file(path):
    """Rotated files that are closed in the end."""
    opened = []

    def of(**changes):
        opened.append(RotatedFile(path, **{"mb": 0.01, "days": NEVER, **changes}))
        return opened[-1]

    yield of
    for file in opened:
        file.close()


def test_lines_of_any_length_stay_within_the_size_and_the_newest_are_kept(path, open_file):
    file = open_file()
    for number in range(3000):
        write(file, f"{number} {'x' * (number * 7919 % 300)}")
        assert total(path) <= 10_000 + 310
    kept = numbers(path)
    assert kept == list(range(kept[0], 3000))
    assert total(path) > 7_000


def test_a_line_longer_than_all_files_may_be_does_not_stay(path, open_file):
    file = open_file()
    write(file, "1 " + "x" * 50_000)
    for number in (2, 3):
        write(file, f"{number}")
    assert numbers(path) == [2, 3]


def test_what_an_older_release_left_in_one_file_is_brought_to_size(path, open_file):
    path.parent.mkdir()
    path.write_text("1 old\n" * 100_000)
    file = open_file()
    file.keep()
    write(file, "2 new")
    assert numbers(path) == [2]


def test_through_a_year_no_line_gets_older_than_its_age_and_none_goes_early(path, open_file):
    """Lines come several a day, with silences; now and then the service starts anew."""
    clock = Clock()
    file = open_file(mb=10, days=30, clock=clock)
    begun = clock.now
    for hour in range(0, 365 * 24, 5):
        if 40 < hour / 24 % 100 < 60:
            continue
        clock.now = begun + 3600 * hour
        if hour % 475 == 0:
            file.close()
            file = open_file(mb=10, days=30, clock=clock)
        write(file, f"{int(clock.now)}")
        os.utime(path, (clock.now, clock.now))
        ages = [clock.now - written for written in numbers(path)]
        assert max(ages) <= 30 * DAY_S
        assert min(30 * 0.8 * DAY_S, clock.now - begun) <= max(ages) + 20 * DAY_S + 5 * 3600


def test_old_lines_go_also_while_nothing_is_written(path, open_file):
    clock = Clock()
    file = open_file(days=30, clock=clock)
    write(file, "1")
    for _ in range(23):
        clock.now += DAY_S
        file.keep()
        assert numbers(path) == [1]
    clock.now += 7 * DAY_S
    file.keep()
    assert numbers(path) == []


def test_a_stop_of_months_takes_old_lines_away_at_the_next_start(path, open_file):
    clock = Clock()
    file = open_file(days=30, clock=clock)
    write(file, "1")
    file.close()
    os.utime(path, (clock.now, clock.now))
    clock.now += 100 * DAY_S
    write(open_file(days=30, clock=clock), "2")
    assert numbers(path) == [2]


@pytest.mark.parametrize("step_s", [-3600, 3600, DAY_S, -DAY_S])
def test_a_clock_that_is_set_and_set_back_loses_no_line(path, open_file, step_s):
    clock = Clock()
    file = open_file(days=30, clock=clock)
    for number in range(40):
        clock.now += step_s * (-1) ** number
        write(file, f"{number}")
    assert numbers(path) == list(range(40))


def test_who_reads_while_files_move_misses_no_line(path, open_file):
    file = open_file(mb=0.5)
    written, stopped = [0], threading.Event()

    def chatter():
        while not stopped.is_set():
            write(file, f"{written[0]} {'x' * 50}")
            written[0] += 1

    writer = threading.Thread(target=chatter)
    writer.start()
    try:
        while written[0] < 20_000:
            before = written[0]
            read = sorted(set(numbers(path)))
            assert read == list(range(read[0], read[-1] + 1)) if read else before == 0
            assert not read or read[-1] >= before - 1
    finally:
        stopped.set()
        writer.join()


def test_a_second_process_neither_writes_nor_rotates_and_says_so_once(path, open_file, capfd):
    clock = Clock()
    first, second = open_file(days=1, clock=clock), open_file(days=1, clock=clock)
    write(first, "1")
    clock.now += DAY_S
    for _ in range(3):
        write(second, "2")
    second.keep()
    assert numbers(path) == [1]
    assert capfd.readouterr().err.count("another process writes it") == 1


def test_the_next_process_may_write_once_the_first_is_gone(path, open_file):
    first, second = open_file(), open_file()
    write(first, "1")
    first.close()
    write(second, "2")
    assert numbers(path) == [1, 2]


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "200k") as folder:
        yield folder


def test_a_full_disk_stops_nobody_and_lines_come_again_when_there_is_space(disk, capfd):
    clock, path = Clock(), disk / "writer.jsonl"
    file = RotatedFile(path, 0.05, 5, clock)
    lines = [orjson.dumps({"number": number, "filling": "x" * 80}).decode() for number in range(3000)]
    for line in lines[:20]:
        write(file, line)
    with filled(disk):
        for line in lines[20:2000]:
            clock.now += 600  # it should rotate for its age, thirteen times
            write(file, line)
            file.keep()
    for line in lines[2000:]:
        write(file, line)
    file.close()
    kept = [line.decode().rstrip("\n") for line in read_lines(path)]
    assert kept[-300:] == lines[-300:]
    assert len(set(kept) - set(lines)) <= 1  # one may be written in part
    assert capfd.readouterr().err.count("No space left") == 1


class LateStream(io.TextIOWrapper):
    """A file on NFS: the close says that the disk is full."""

    def close(self) -> None:
        super().close()
        raise OSError(errno.ENOSPC, "No space left on device")


class LateFile(RotatedFile):
    def _open(self):
        return LateStream(super()._open().detach(), encoding="utf-8")


def test_a_fault_at_the_close_does_not_end_the_log_for_ever(path):
    file = LateFile(path, mb=0.001, days=NEVER)
    for number in range(100):
        write(file, f"{number} {'x' * 20}")
    assert numbers(path)[-1] == 99
    assert total(path) <= 1000 + 30
    with pytest.raises(OSError, match="No space left"):
        file.close()


def test_a_folder_that_cannot_be_written_stops_nobody(path, open_file, capfd):
    """Root may write everywhere; a folder in the place of a rotated file stops it, too."""
    file = open_file()
    Path(f"{path}.4").mkdir(parents=True)
    for number in range(500):
        write(file, f"{number} {'x' * 100}")
    assert total(path) <= 20_000
    assert "lines are lost" in capfd.readouterr().err
    Path(f"{path}.4").rmdir()
    write(file, "500")
    assert numbers(path)[-1] == 500


CHATTER = """
import os, sys
for line in sys.stdin:
    os.write(2, line.encode())
    print("written", flush=True)
"""


@contextmanager
def child(output: Path):
    """A process whose standard error is a file, as that of a service; gives what makes it write a line."""
    with output.open("ab") as file:
        command = [sys.executable, "-c", CHATTER]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True)

    def say(line: str) -> None:
        process.stdin.write(line + "\n")
        process.stdin.flush()
        process.stdout.readline()

    with process:
        yield say
        process.stdin.close()


def test_output_of_a_process_that_holds_its_file_open_is_kept_small_and_goes_on(tmp_path):
    path = tmp_path / "writer.out"
    file = OutputFile(path, mb=0.01, days=NEVER)
    with child(path) as say:
        for number in range(1000):
            say(f"{number} {'x' * 50}")
            file.keep()
            assert total(path) <= 10_000 + 60
        kept = numbers(path)
    assert kept == list(range(kept[0], 1000))


def test_output_gets_no_older_than_its_age(tmp_path):
    path, clock = tmp_path / "writer.out", Clock()
    file = OutputFile(path, mb=1, days=30, clock=clock)
    with child(path) as say:
        say("1")
        clock.now += 31 * DAY_S
        file.keep()
        say("2")
    assert numbers(path) == [2]


def test_output_on_a_full_disk_is_cut_without_a_copy(disk):
    path = disk / "writer.out"
    file = OutputFile(path, mb=0.05, days=NEVER)
    path.write_text("0 x\n" * 3000)
    with child(path) as say, filled(disk):
        file.keep()
        assert total(path) == 0
        say("1")
        assert numbers(path) == [1]


ASK = "from shared.rotation import standard_error; print(getattr(standard_error(1, 1), 'path', None))"


@pytest.mark.parametrize(("mode", "kept"), [("ab", True), ("wb", False)])
def test_only_a_standard_error_that_is_appended_to_is_kept_small(tmp_path, mode, kept):
    """Who writes elsewhere than at the end would leave a hole of the old size."""
    with (tmp_path / "out").open(mode) as file:
        said = subprocess.run([sys.executable, "-c", ASK], stdout=subprocess.PIPE, stderr=file, text=True, check=True)
    assert said.stdout.strip() == str((tmp_path / "out") if kept else None)


def test_a_standard_error_that_is_no_file_is_left_alone():
    assert subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout == "None\n"


def test_files_are_found_also_while_only_their_rotated_parts_are_there(tmp_path):
    for name in ("writer.jsonl.1", "writer.jsonl.2", "ingester.jsonl", "notes.txt"):
        (tmp_path / name).touch()
    assert rotated_in(tmp_path, ".jsonl") == [tmp_path / "ingester.jsonl", tmp_path / "writer.jsonl"]


def test_the_tail_reaches_into_rotated_parts(path, open_file):
    file = open_file()
    for number in range(100):
        write(file, f"{number} {'x' * 100}")
    assert [line.split()[0] for line in tail(path, 40).splitlines()] == [str(number) for number in range(60, 100)]
