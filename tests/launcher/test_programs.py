"""Whole runs of the programs that need XDS or CCP4: stand-ins understand their arguments and leave their files."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from services.launcher.pipelines import TABLE
from services.launcher.runs import RunDirectory
from shared.messages import Reduction, RunState
from tests.launcher.builders import request, until
from tests.launcher.samples import autoproc_run, fast_dp_run, xia2_3dii_run, xia2_run
from tests.launcher.test_await_images import write_images
from tests.launcher.test_launcher import make, running

STAND_INS = Path(__file__).parent / "stand_ins"
KNOWN = {"d_min": 1.8, "space_group": "P 43 21 2", "unit_cell": "78.9,78.9,37.1,90,90,90"}
N_IMAGES = 3


class Expected(NamedTuple):
    """Of one pipeline: what is left after a success and after an early end, and what is then said and kept."""

    step: str
    whole: Callable[[Path], Path]
    part: Callable[[Path], Path]
    cell: float
    reason: str
    is_kept: Callable[[Reduction], bool]


NO_SWEEPS = "xia2 left xia2-error.txt: Error: no sweeps could be indexed"
NO_SPOTS = "fast_dp left no fast_dp.json (exit status 0): Autoindexing error: not enough spots"
NO_LATTICE = "autoPROC ended with exit status 1: ERROR : unable to index any spots"


def xia2_shells(reduction):
    return reduction.shells[0].n_observations == 42000


def cell_of_log(reduction):
    return reduction.unit_cell[0] == 77.96 and not reduction.shells


def isotropic_shells(reduction):
    return reduction.shells[0].r_merge == 0.058


PIPELINES = {
    "xia2-dials": Expected("xia2", xia2_run, partial(xia2_run, summary=False), 78.9, NO_SWEEPS, xia2_shells),
    "xia2-3dii": Expected("xia2", xia2_3dii_run, partial(xia2_3dii_run, summary=False), 78.9, NO_SWEEPS, xia2_shells),
    "fast_dp": Expected("fast_dp", fast_dp_run, partial(fast_dp_run, finished=False), 77.9622, NO_SPOTS, cell_of_log),
    "autoPROC": Expected(
        "autoPROC", autoproc_run, partial(autoproc_run, staraniso=False), 41.61, NO_LATTICE, isotropic_shells
    ),
}
every_pipeline = pytest.mark.parametrize("name", PIPELINES)


def mesh_of(tmp_path, name, ends):
    """A launcher whose PATH has the stand-ins, and whose images are there."""
    visit, programs = tmp_path / "visit", tmp_path / "bin"
    for folder in (visit, programs):
        folder.mkdir()
    for program in ("xds_par", "xscale_par", "pointless", "aimless", "freerflag"):
        (programs / program).symlink_to("/bin/true")
    leave = PIPELINES[name].whole if ends == "well" else PIPELINES[name].part
    leave(tmp_path / "sample")
    stand_in = {"STAND_IN_SAMPLE": str(tmp_path / "sample"), "STAND_IN_ENDS": ends}
    search = os.pathsep.join(map(str, (STAND_INS, programs, "/usr/bin", "/bin")))
    mesh = make(visit, TABLE, environment={"PATH": search, "PYTHONDONTWRITEBYTECODE": "1", **stand_in})
    write_images(visit / "lysozyme/xtal1_1_master.h5", N_IMAGES, "entry/data/data")
    return mesh, request(visit, name, number_of_images=N_IMAGES, parameters=KNOWN)


async def result_of(mesh, asked):
    async with running(mesh):
        mesh.ask(asked)
        (result,) = await mesh.results()
    return result


@every_pipeline
async def test_a_run_that_succeeds_gives_cell_statistics_files_and_how_it_ran(tmp_path, name):
    mesh, asked = mesh_of(tmp_path, name, ends="well")
    result = await result_of(mesh, asked)
    assert (result.state, result.reason) == (RunState.SUCCEEDED, None)
    assert result.reduction.unit_cell[0] == PIPELINES[name].cell
    assert [shell.shell for shell in result.reduction.shells] == ["overall", "inner", "outer"]
    assert result.files[0].rank == 1
    assert all(file.path.startswith(f"{tmp_path}/visit/processed/") for file in result.files)
    assert [step.name for step in result.steps] == ["await_images", PIPELINES[name].step]
    assert all(step.seconds > 0 for step in result.steps)
    assert result.command[result.command.index(";") + 1] in {"xia2", "fast_dp", "process"}
    assert result.programs
    assert result.host == os.uname().nodename


async def test_autoproc_gives_staraniso_s_result_beside_its_own(tmp_path):
    result = await result_of(*mesh_of(tmp_path, "autoPROC", ends="well"))
    assert [found.name for found in result.alternatives] == ["STARANISO"]
    assert '"name":"STARANISO"' in result.to_json().decode()


@every_pipeline
async def test_a_run_that_fails_says_the_programs_own_last_words_and_keeps_what_there_is(tmp_path, name):
    result = await result_of(*mesh_of(tmp_path, name, ends="badly"))
    assert result.state is RunState.FAILED
    assert result.reason.endswith(PIPELINES[name].reason)
    assert PIPELINES[name].is_kept(result.reduction)


@every_pipeline
async def test_a_run_that_is_killed_half_way_keeps_what_there_is(tmp_path, name):
    mesh, asked = mesh_of(tmp_path, name, ends="never")
    async with running(mesh):
        mesh.ask(asked)
        directory = await until(partial(waiting_in, tmp_path / "visit"))
        os.kill(RunDirectory(directory).steps()[-1].pid, signal.SIGKILL)
        (result,) = await mesh.results()
    assert result.state is RunState.FAILED
    assert f"{PIPELINES[name].step} was ended by SIGKILL" in result.reason
    assert PIPELINES[name].is_kept(result.reduction)


async def waiting_in(visit):
    return next((file.parent for file in visit.rglob("waiting")), None)
