"""The real xia2 on a simulated rotation, where MXMESH_XIA2 names the folder of an installed one."""

import os
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from services.launcher.pipelines import TABLE
from services.launcher.settings import Settings
from shared.messages import ProcessingResult, RunState
from simulator.collection import write_live
from simulator.demo import demo_rotation
from simulator.frames import cached_frames
from tests.launcher.builders import request
from tests.launcher.test_launcher import make, running

XIA2 = os.environ.get("MXMESH_XIA2")
CCP4 = Path(__file__).parent / "stand_ins/ccp4"
WHY = "set MXMESH_XIA2 to the folder that has xia2; of CCP4 nothing is needed, a stand-in deals the free set"
pytestmark = [pytest.mark.dials, pytest.mark.timeout(1800), pytest.mark.skipif(not XIA2, reason=WHY)]
LIMIT_S = 1700
RANKED = {1: "AUTOMATIC_DEFAULT_free.mtz", 2: "xia2.html", 3: "AUTOMATIC_DEFAULT_NATIVE_merging-statistics.json"}


async def process(tmp_path):
    """The result of one run."""
    scan = demo_rotation()
    search = os.pathsep.join((str(XIA2), "/usr/bin", "/bin", str(CCP4)))
    environment = {"PATH": search, "CCP4": str(CCP4), "CCP4_SCR": str(tmp_path)}
    mesh = make(tmp_path, TABLE, python=Settings().python, environment=environment)
    asked = request(tmp_path, "xia2-dials", number_of_images=scan.n_images)
    frames = await to_thread.run_sync(cached_frames, scan, tmp_path / "frames")
    await to_thread.run_sync(partial(write_live, scan, frames, Path(asked.collection.master_path)))
    async with running(mesh):
        mesh.ask(asked)
        with anyio.fail_after(LIMIT_S):
            while not mesh.said(ProcessingResult):
                await anyio.sleep(0.5)
    (result,) = mesh.said(ProcessingResult)
    return result


async def test_xia2_finds_cell_and_space_group_and_all_that_is_read_is_there(tmp_path):
    result = await process(tmp_path)
    assert (result.state, result.reason) == (RunState.SUCCEEDED, None)
    assert result.reduction.unit_cell == pytest.approx(demo_rotation().truth().cell, rel=0.002)
    assert result.reduction.space_group in {"P 41 21 2", "P 43 21 2"}  # enantiomorphs, which intensities cannot tell
    assert [shell.shell for shell in result.reduction.shells] == ["overall", "inner", "outer"]
    assert all(None not in shell.model_dump().values() for shell in result.reduction.shells)
    overall, inner, outer = result.reduction.shells
    assert overall.cc_half > 0.98
    assert overall.r_merge < overall.r_meas_anomalous
    assert inner.d_min_A > outer.d_max_A > outer.d_min_A
    assert 0.9 * result.reduction.n_spots < result.reduction.n_indexed <= result.reduction.n_spots
    assert result.programs.keys() == {"xia2", "dials"}
    assert {file.rank: Path(file.path).name for file in result.files if file.rank in RANKED} == RANKED
