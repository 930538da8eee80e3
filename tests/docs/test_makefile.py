"""The commands that run tests share them out."""

import re
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text()
SELECTIONS = [quoted or word for quoted, word in re.findall(r'pytest .*-m (?:"(.+?)"|(\w+))', MAKEFILE)]


@pytest.mark.parametrize(
    "marks", [set(), {"dials"}, {"kubernetes"}, {"dials", "kubernetes"}, {"broker", "slurm"}, {"containers", "dials"}]
)
def test_a_test_of_any_kind_runs_in_exactly_one_of_the_commands(marks):
    running = [chosen for chosen in SELECTIONS if Expression.compile(chosen).evaluate(lambda name: name in marks)]
    assert len(running) == 1
    assert len(SELECTIONS) == 4
