"""The launcher killed over and over on a real broker: whatever the instant, every run is started once and ends once."""

from itertools import count

import pytest

from benchmarks.launcher.kills import survive
from benchmarks.launcher.rig import waiting_users

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


async def test_no_run_is_started_twice_or_lost_while_its_launcher_is_killed(broker, topology, tmp_path):
    """A launcher needs a second to start; it is killed while it starts, adopts, submits, settles, and tells ends.

    Lives grow longer, so that on a busy machine it comes to that, too.
    """
    lives = (growth * life for growth in count(1) for life in (0.9, 1.3, 0.7, 1.7, 1.1, 2.3))
    async with waiting_users(tmp_path, broker, topology, {"slots": 4}, seconds=0.3) as rig:
        survived = await survive(rig, 20, lambda: next(lives))
        starts = rig.starts()
    assert set(starts.values()) == {1}
    assert len(starts) == 20
    assert (survived.started_twice, survived.lost, survived.contradicted) == ([], [], [])
    assert survived.n_kills > 2
