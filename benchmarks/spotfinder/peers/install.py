"""Other people's spot finders in an environment of their own, below the cache: they are optional, and old."""

import subprocess
import sys
from pathlib import Path

from benchmarks.cache import cache_folder

REQUIREMENTS = ("h5py", "hdf5plugin", "numpy", "pyyaml", "scipy")
PROGRAMS = ("bslz4-to-sparse==0.0.16", "mxio==2025.10.8", "mxspots==2026.8.5", "ondamonitor==23.8.3")
"""Without what they depend on, graphical interfaces for the most part."""


def peers_folder() -> Path:
    """The environment: below ``$XDG_CACHE_HOME``, outside the checkout."""
    return cache_folder().parent / "peers"


def peers_python() -> Path:
    """Its interpreter, there or not."""
    return peers_folder() / "bin" / "python"


def install_peers() -> list[str]:
    """Make the environment with all that installs; what does not, and pip's last word on it."""
    subprocess.run([sys.executable, "-m", "venv", str(peers_folder())], check=True)
    refused = [refusal(REQUIREMENTS)]
    # mxspots asks for Python 3.12, but its library is C and its Python runs under 3.11
    refused += [refusal((program,), "--no-deps", "--ignore-requires-python") for program in PROGRAMS]
    return [reason for reason in refused if reason]


def refusal(packages: tuple[str, ...], *options: str) -> str:
    """Install packages; empty, or why that failed."""
    command = [str(peers_python()), "-m", "pip", "install", "--quiet", *options, *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{' '.join(packages)}: {done.stderr.strip().splitlines()[-1]}"
