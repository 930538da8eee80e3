"""Real DIALS on a simulated rotation that is still being written when its processing is asked for."""

from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from services.launcher.installed import missing_software
from services.launcher.pipelines import TABLE
from services.launcher.settings import Settings
from shared.messages import ProcessingResult, RunState
from simulator.collection import write_live
from simulator.demo import demo_rotation
from simulator.frames import cached_frames
from tests.launcher.builders import PYTHON, request
from tests.launcher.test_launcher import make, running

pytestmark = [pytest.mark.dials, pytest.mark.timeout(900)]
QUICK = {"index_method": "fft1d", "max_refine": 5, "outlier": "tukey", "scan_varying": False}


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return cached_frames(demo_rotation(), tmp_path_factory.mktemp("frames"))


async def test_dials_finds_cell_and_space_group_of_a_rotation_that_is_being_written(tmp_path, frames):
    scan = demo_rotation()
    mesh = make(tmp_path, TABLE, python=Settings().python)
    asked = request(tmp_path, "dials", number_of_images=scan.n_images, parameters=QUICK)
    beamline = partial(write_live, scan, frames, Path(asked.collection.master_path), frame_rate=20)
    async with running(mesh):
        mesh.ask(asked)
        await to_thread.run_sync(beamline)
        with anyio.fail_after(800):
            while not mesh.said(ProcessingResult):
                await anyio.sleep(0.1)
    (result,) = mesh.said(ProcessingResult)
    assert (result.state, result.reason) == (RunState.SUCCEEDED, None)
    assert result.reduction.unit_cell == pytest.approx(scan.truth().cell, rel=0.002)
    assert result.reduction.space_group in {"P 41 21 2", "P 43 21 2"}  # enantiomorphs, which intensities cannot tell
    overall, inner, outer = result.reduction.shells
    assert overall.cc_half > 0.98
    assert inner.d_min_A > outer.d_min_A
    assert outer.d_min_A == pytest.approx(overall.d_min_A, abs=0.01)
    assert result.reduction.n_indexed > 0.9 * result.reduction.n_spots
    assert result.reduction.n_indexed_by_lattice == (result.reduction.n_indexed,)
    assert result.programs["dials"].startswith("3.")
    assert {Path(file.path).name for file in result.files} >= {"merged.mtz", "scaled_unmerged.mtz", "dials.report.html"}


def test_what_the_dials_pipeline_needs_is_installed():
    assert missing_software(TABLE["dials"], "/usr/bin:/bin", Settings().python) == ()
    assert missing_software(TABLE["dials"], "/usr/bin:/bin", PYTHON)  # no cctbx in our own environment
