"""Whether the programs of a pipeline are there."""

import shutil
import subprocess
from pathlib import Path

from services.launcher.pipelines import Pipeline

PROBE = "import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if u.find_spec(m) is None])"


def missing_software(pipeline: Pipeline, search_path: str, python: Path) -> tuple[str, ...]:
    """Programs not found on the search path, and modules that the system's python cannot import."""
    programs = tuple(name for name in pipeline.programs if shutil.which(name, path=search_path) is None)
    return programs + _missing_modules(pipeline, python)


def _missing_modules(pipeline: Pipeline, python: Path) -> tuple[str, ...]:
    try:
        probe = subprocess.run(
            [python, "-c", PROBE, *pipeline.modules], capture_output=True, text=True, timeout=30, check=True, env={}
        )
    except (OSError, subprocess.SubprocessError):
        return (str(python),)
    return tuple(f"python module {name}" for name in probe.stdout.split())
