"""The script that finds where the data end, with stand-in programs that print what DIALS prints."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.launcher.pipelines import PAYLOAD


def limit_after(tmp_path: Path, printed: str, status: int) -> str:
    program = f"import sys; print({printed!r}); sys.exit({status})"
    command = [sys.executable, f"{PAYLOAD}/estimate_resolution.py", "limit.phil", sys.executable, "-c", program]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    return (tmp_path / "limit.phil").read_text()


@pytest.mark.parametrize("status", [0, 1])
def test_the_limit_counts_whatever_the_exit_status(tmp_path, status):
    printed = "Removing 0 Wilson outliers\nResolution cc_half:       3.18\n"
    assert limit_after(tmp_path, printed, status) == "d_min = 3.18\n"


def test_without_a_limit_the_programs_that_follow_are_told_nothing(tmp_path):
    assert limit_after(tmp_path, "not enough reflections", 1).startswith("#")
