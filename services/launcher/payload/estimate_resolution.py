"""Where the data end, by CC1/2: ``estimate_resolution.py OUT.phil dials.estimate_resolution SCALED.expt SCALED.refl``.

Runs the program, whose exit status says nothing, and leaves its limit as a parameter file for the
programs that follow. The file holds no parameter if there is no limit: too few reflections, or good data to the edge.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LIMIT = re.compile(r"^Resolution cc_half:\s+([\d.]+)", re.MULTILINE)


def read_limit(log: str) -> float | None:
    """High resolution limit [Å] in the program's log."""
    found = LIMIT.search(log)
    return float(found[1]) if found else None


def main(target: str, *command: str) -> None:
    """Run, read the limit, write it whole or not at all."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    sys.stdout.write(done.stdout)
    limit = read_limit(done.stdout)
    if limit is None:
        sys.stderr.write(done.stderr)
    draft = Path(f"{target}.draft")
    draft.write_text(f"d_min = {limit}\n" if limit else "# no limit by CC1/2\n")
    draft.replace(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
