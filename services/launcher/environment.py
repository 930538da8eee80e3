"""What the programs of a run see of this process's environment: little, and nothing of its virtual environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

KEPT = ("HOME", "LANG", "LANGUAGE", "LOGNAME", "TMPDIR", "TZ", "USER")


def program_environment(own: Mapping[str, str], plugins: Path | None, extra: Mapping[str, str]) -> dict[str, str]:
    """Variables of the programs; no password of the mesh is among them.

    Args:
        own: variables of this process.
        plugins: folder of HDF5 filters; without bitshuffle no program reads an EIGER's file.
        extra: variables from the settings; they win.
    """
    kept = {name: value for name, value in own.items() if name in KEPT or name.startswith("LC_")}
    search = os.pathsep.join(folder for folder in own.get("PATH", os.defpath).split(os.pathsep) if not _ours(folder))
    filters = {"HDF5_PLUGIN_PATH": str(plugins)} if plugins else {}
    # a file that is still being written is locked, and readers need no lock
    return {**kept, "PATH": search, "HDF5_USE_FILE_LOCKING": "FALSE", **filters, **extra}


def _ours(folder: str) -> bool:
    return sys.prefix != sys.base_prefix and Path(folder) == Path(sys.prefix) / "bin"
