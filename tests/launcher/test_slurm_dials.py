"""Real DIALS as a Slurm job: the launcher is a process, and is killed meanwhile."""

import pytest

from tests.launcher.real_dials import assert_true, rotation, survive_a_kill, write_settings

pytestmark = [pytest.mark.slurm, pytest.mark.broker, pytest.mark.dials, pytest.mark.timeout(900)]


async def test_a_rotation_is_processed_once_by_a_slurm_job_whose_launcher_is_killed(
    cluster, broker, topology, tmp_path
):
    asked = await rotation(tmp_path / "visit", tmp_path)
    slurm = cluster.settings().model_dump(mode="json", exclude_unset=True)
    settings = write_settings(tmp_path / "launcher.json", broker, topology, backend="slurm", slurm=slurm)
    result = await survive_a_kill(asked, settings, broker, topology)
    assert_true(result, asked)
    assert len(cluster.jobs(asked.run_id)) == 1
