"""Processing that takes a moment: a stand-in for xia2, run by the real launcher and wrapper."""

import sys
from pathlib import Path

from cli.mesh import SettingsOf

PIPELINE = "xia2-dials"
PROGRAM = "#!/bin/sh\nsleep 0.2\necho '{}' > xia2.json\n"


def install(folder: Path) -> SettingsOf:
    """Write the program; the launcher's settings with which every rotation is processed by it."""
    folder.mkdir()
    program = folder / "xia2"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (folder / "freerflag").symlink_to("/bin/true")  # asked for, since xia2 itself would call it
    rule = {"name": "every rotation", "when": {"kinds": ["rotation"]}, "run": [{"pipeline": PIPELINE}]}
    return {
        "launcher": {
            "rules": [rule],
            "slots": 3,
            "python": sys.executable,
            "memory_gb": {PIPELINE: 0.5},
            "environment": {"PATH": f"{folder}:/usr/bin:/bin"},
        }
    }
