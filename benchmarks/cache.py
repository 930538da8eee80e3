"""What is slow to make is kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where the benchmarks keep what is slow to make: below ``$XDG_CACHE_HOME``, outside the checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mxmesh" / "benchmarks"
