import json
import subprocess
import sys
import textwrap

from benchmarks.spotfinder.competitors import ROOT
from benchmarks.spotfinder.peers.course import TURN_S, Course, repeat, turn


def busy():
    sum(range(100_000))


def test_the_quick_repeat_their_pass_until_the_turn_is_over():
    passes = repeat(busy, n_images=4)

    assert len(passes) > 1
    assert sum(passes) * 4 / 1e3 >= TURN_S


def test_each_row_has_its_turn():
    answered = turn(Course(1, {"one": busy, "other": busy}))

    assert list(answered) == ["one", "other"]


def converse(program, *lines):
    """Answers of a competitor, one for each line after its greeting; its own printing among them would break JSON."""
    source = "from benchmarks.spotfinder.peers.course import Course, serve\n" + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", source, "a master"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_competitor_answers_line_by_line_whatever_its_library_prints():
    greeting, times, results = converse(
        """
        def prepare(master):
            print("loading", master)
            work = lambda: print("working") or sum(range(10**6))
            return Course(1, {"work": work}, lambda: [master], {"work": "slowly"})
        serve(prepare)
        """,
        "turn",
        "results",
    )

    assert greeting == {"remarks": {"work": "slowly"}, "missing": {}}
    assert min(times["work"]) > 0
    assert results == ["a master"]


def test_a_competitor_without_its_library_says_so():
    (greeting,) = converse("serve(lambda master: __import__('no_such_library'))", "turn")

    assert greeting == {"absent": "ModuleNotFoundError: No module named 'no_such_library'"}
