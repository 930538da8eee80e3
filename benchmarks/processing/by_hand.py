"""The same programs with the same options, one after the other, as a user would run them in a shell."""

import os
import subprocess
import time
from pathlib import Path

from services.launcher.environment import program_environment
from services.launcher.pipelines import TABLE, Work
from services.launcher.reports.dials import read_dials
from services.launcher.settings import Settings
from shared.messages import Parameters, Reduction


def process(master: Path, n_images: int, directory: Path, parameters: Parameters) -> tuple[float, Reduction]:
    """Wall time [s], and what was found.

    Raises:
        AssertionError: a program did not leave what it should.
    """
    settings = Settings()
    work = Work(
        master_file=str(master),
        n_images=n_images,
        n_processes=settings.processes,
        python=str(settings.python),
        image_deadline_s=10,
        parameters=parameters,
    )
    environment = program_environment(os.environ, settings.hdf5_plugins, {})
    directory.mkdir(parents=True)
    begun = time.perf_counter()
    for number, step in enumerate(TABLE["dials"].steps(work), start=1):
        with (directory / f"{number:02d}_{step.name}.log").open("wb") as log:
            subprocess.run(step.argv, cwd=directory, env=environment, stdout=log, stderr=log, check=False)
        if missing := [name for name in step.outputs if not (directory / name).exists()]:
            raise AssertionError(f"{step.name} left no {', '.join(missing)}; see {directory}")
    return time.perf_counter() - begun, read_dials(directory).reduction
